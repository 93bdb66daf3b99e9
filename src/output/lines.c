/* lines.c: the formats of one line a thing: plain text (a segment), TSV (a segment), CTM (a word).
 *
 * CTM follows NIST's sclite: file channel start duration word confidence, separated by blanks. TSV has times in
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

static void text_segment(output *o, int channel, const steno_segment *s) {
    if (o->head.split) fprintf(o->out, "[%d] ", channel);
    put_plain(o->out, s->text);
    putc('\n', o->out);
}

const output_format output_text = {"text", "txt", false, text_begin, text_segment, nothing_at_end};

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
    fprintf(o->out, "%sstart\tend\t%stext\n", o->head.many ? "file\t" : "", o->head.split ? "channel\t" : "");
}

static void tsv_segment(output *o, int channel, const steno_segment *s) {
    if (o->head.many) {
        output_put_text(o->out, o->head.file, strlen(o->head.file), escape_tsv);
        putc('\t', o->out);
    }
    fprintf(o->out, "%" PRId64 "\t%" PRId64 "\t", output_ms(s->start_s), output_ms(s->end_s));
    if (o->head.split) fprintf(o->out, "%d\t", channel);
    output_put_text(o->out, s->text, strlen(s->text), escape_tsv);
    putc('\n', o->out);
}

const output_format output_tsv = {"tsv", "tsv", false, tsv_begin, tsv_segment, nothing_at_end};

/* ---- ctm -------------------------------------------------------------------------------------------------------- */

/* A blank would start the next column. */
static const char *escape_ctm(int32_t character, char room[8]) {
    const char *plain = character == ' ' || character == 0xA0 ? " " : output_escape_plain(character, room);
    return plain ? "_" : NULL;
}

static void ctm_segment(output *o, int channel, const steno_segment *s) {
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
        putc('\n', o->out);
    }
}

const output_format output_ctm = {"ctm", "ctm", false, nothing_at_start, ctm_segment, nothing_at_end};
