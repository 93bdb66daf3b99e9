/* lines.c: the formats of one line a thing: plain text (a segment), TSV (a segment), CTM (a word).
 *
 * CTM follows NIST's sclite: file channel start duration word confidence, separated by blanks; with speakers also type and
 * speaker, as in NIST's Rich Transcription evaluations. TSV has times in
 * milliseconds and a heading; tabs, line ends and backslashes inside a text are written \t, \n, \r and \\.
 */
#include "output/format.h"

#include <inttypes.h>
#include <string.h>

static void nothing_at_start(output *o) {
    (void)o;
}

static void nothing_at_end(output *o, const output_tail *tail) {
    (void)o;
    (void)tail;
}

static void put_plain(FILE *out, const char *text) {
    output_put_text(out, text, strlen(text), output_escape_plain);
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

static void text_begin(output *o) {
    if (!o->head.many) return;
    fputs(o->head.first ? "==> " : "\n==> ", o->out);
    put_plain(o->out, o->head.file);
    fputs(" <==\n", o->out);
}

/* A line each, with the label where another one begins to speak. */
static void text_turns(output *o, int channel, const released_segment *s) {
    for (speaker_run run = {0}; speaker_run_next(s, &run);) {
        if (o->head.split) fprintf(o->out, "[%d] ", channel);
        if (channel != o->last_channel || run.speaker != o->last_speaker) {
            if (run.speaker == STENO_SPEAKER_UNKNOWN) fputs("Unknown", o->out);
            output_put_label(o, run.speaker, output_escape_plain);
            fputs(": ", o->out);
        }
        o->last_channel = channel;
        o->last_speaker = run.speaker;
        output_put_text(o->out, s->text + run.offset, run.bytes, output_escape_plain);
        putc('\n', o->out);
    }
}

static void text_segment(output *o, int channel, const released_segment *s) {
    if (o->head.speakers) {
        text_turns(o, channel, s);
        return;
    }
    if (o->head.split) fprintf(o->out, "[%d] ", channel);
    put_plain(o->out, s->text);
    putc('\n', o->out);
}

const output_format output_text = {"text", "txt", false, text_begin, text_segment, nothing_at_end, NULL};

/* ---- tsv -------------------------------------------------------------------------------------------------------- */

static const char *escape_tsv(int32_t character, char room[8]) {
    switch (character) {
    case '\t':
        return "\\t";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\\':
        return "\\\\";
    default:
        return output_escape_plain(character, room);
    }
}

static void tsv_begin(output *o) {
    if (!o->head.first) return;
    fprintf(o->out, "%sstart\tend\t%s%stext\n", o->head.many ? "file\t" : "", o->head.split ? "channel\t" : "",
            o->head.speakers ? "speaker\t" : "");
}

static void tsv_line(output *o, int channel, const released_segment *s, const speaker_run *run) {
    if (o->head.many) {
        output_put_text(o->out, o->head.file, strlen(o->head.file), escape_tsv);
        putc('\t', o->out);
    }
    fprintf(o->out, "%" PRId64 "\t%" PRId64 "\t", output_ms(run->start_s), output_ms(run->end_s));
    if (o->head.split) fprintf(o->out, "%d\t", channel);
    if (o->head.speakers) {
        output_put_label(o, run->speaker, escape_tsv);
        putc('\t', o->out);
    }
    output_put_text(o->out, s->text + run->offset, run->bytes, escape_tsv);
    putc('\n', o->out);
}

/* A line for each who speaks in it. */
static void tsv_segment(output *o, int channel, const released_segment *s) {
    speaker_run run = {.start_s = s->start_s, .end_s = s->end_s, .bytes = strlen(s->text)};
    if (!o->head.speakers) {
        tsv_line(o, channel, s, &run);
        return;
    }
    for (run = (speaker_run){0}; speaker_run_next(s, &run);) tsv_line(o, channel, s, &run);
}

const output_format output_tsv = {"tsv", "tsv", false, tsv_begin, tsv_segment, nothing_at_end, NULL};

/* ---- ctm -------------------------------------------------------------------------------------------------------- */

/* A blank would start the next column. */
static const char *escape_ctm(int32_t character, char room[8]) {
    const char *plain = character == ' ' || character == 0xA0 ? " " : output_escape_plain(character, room);
    return plain ? "_" : NULL;
}

/* The two further columns of NIST's Rich Transcription evaluations: a lexeme, and whose it is. */
static void put_ctm_speaker(output *o, int speaker) {
    fputs(" lex ", o->out);
    if (speaker == STENO_SPEAKER_UNKNOWN) fputs("unknown", o->out);
    output_put_label(o, speaker, escape_ctm);
}

static void ctm_segment(output *o, int channel, const released_segment *s) {
    const char *base;
    size_t n = output_base_name(o->head.file, true, &base);
    output_units units;
    output_unit w;
    output_units_begin(&units, s);
    while (output_units_next(&units, &w)) {
        int64_t start = output_ms(w.start_s), end = output_ms(w.end_s);
        int64_t span = end > start ? end - start : 0;
        if (n >= 2 && base[0] == ';' && base[1] == ';') putc('_', o->out); /* two semicolons would start a comment */
        output_put_text(o->out, base, n, escape_ctm);
        fprintf(o->out, " %d %" PRId64 ".%03d %" PRId64 ".%03d ", o->head.split ? channel : 1, start / 1000,
                (int)(start % 1000), span / 1000, (int)(span % 1000));
        output_put_text(o->out, s->text + w.offset, w.bytes, escape_ctm);
        putc(' ', o->out);
        output_put_number(o->out, (double)w.confidence);
        if (o->head.speakers) put_ctm_speaker(o, w.speaker);
        putc('\n', o->out);
    }
}

const output_format output_ctm = {"ctm", "ctm", false, nothing_at_start, ctm_segment, nothing_at_end, NULL};
