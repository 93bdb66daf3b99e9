/* format.c: the table of formats and what they share. See format.h. */
#include "output/format.h"

#include "base/err.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <utf8proc.h>

const output_format *output_format_find(const char *name) {
    static const output_format *const all[] = {&output_text, &output_json, &output_srt, &output_vtt,
                                               &output_ctm,  &output_tsv,  &output_rttm};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0) return all[i];
    }
    return NULL;
}

static steno_err flush(output *o) {
    errno = 0;
    if (fflush(o->out) == 0 && !ferror(o->out)) return STENO_OK;
    o->error = errno ? errno : EIO;
    return err_fail(STENO_E_IO, "%s", strerror(o->error));
}

steno_err output_begin(output *o, const output_format *format, FILE *out, const output_head *head) {
    *o = (output){.format = format, .out = out, .head = *head};
    format->begin(o);
    return flush(o);
}

static void count_speakers(output *o, int channel, const released_segment *s) {
    if (channel < 1 || channel > OUTPUT_CHANNELS_MAX) return;
    for (speaker_run run = {0}; speaker_run_next(s, &run);) {
        int at = run.speaker == STENO_SPEAKER_OTHER ? 0 : run.speaker + 1;
        bool counts = run.speaker != STENO_SPEAKER_UNKNOWN && at >= 0 && at <= STENO_SPEAKERS_MAX;
        if (counts && run.end_s > run.start_s) o->spoken_s[channel - 1][at] += run.end_s - run.start_s;
    }
}

steno_err output_segment(output *o, int channel, const released_segment *segment) {
    if (o->head.speakers) count_speakers(o, channel, segment);
    o->format->segment(o, channel, segment);
    o->segments++;
    return flush(o);
}

steno_err output_turns(output *o, int channel, const steno_turn *turns, uint32_t n) {
    if (!o->format->turns) return STENO_OK;
    o->format->turns(o, channel, turns, n);
    return flush(o);
}

steno_err output_end(output *o, const output_tail *tail) {
    o->format->end(o, tail);
    return flush(o);
}

void output_put_text(FILE *out, const char *bytes, size_t n, output_escape *escape) {
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)bytes;
    for (size_t i = 0; i < n;) {
        int32_t character = 0;
        utf8proc_ssize_t used = utf8proc_iterate(at + i, (utf8proc_ssize_t)(n - i), &character);
        if (used <= 0) { /* one byte that belongs to no character */
            fputs("\xEF\xBF\xBD", out);
            i++;
            continue;
        }
        char room[8];
        const char *instead = escape(character, room);
        if (instead)
            fputs(instead, out);
        else
            fwrite(bytes + i, 1, (size_t)used, out);
        i += (size_t)used;
    }
}

static bool is_control(int32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029;
}

const char *output_escape_plain(int32_t character, char room[8]) {
    (void)room;
    return is_control(character) ? " " : NULL;
}

const char *output_escape_json(int32_t character, char room[8]) {
    switch (character) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        break;
    }
    if (!is_control(character)) return NULL; /* the separators too: some readers take them for line ends */
    snprintf(room, 8, "\\u%04x", (unsigned)character & 0xFFFFu);
    return room;
}

void output_put_number(FILE *out, double value) {
    char digits[64];
    if (!isfinite(value) || fabs(value) >= 1e12) value = 0;
    int n = snprintf(digits, sizeof digits, "%.3f", value);
    while (n > 0 && digits[n - 1] == '0') digits[--n] = 0;
    if (n > 0 && digits[n - 1] == '.') digits[--n] = 0;
    fputs(strcmp(digits, "-0") == 0 ? "0" : digits, out);
}

int64_t output_ms(double seconds) {
    if (!isfinite(seconds) || seconds <= 0 || seconds >= 1e12) return 0;
    return (int64_t)llround(seconds * 1000.0);
}

void output_units_begin(output_units *u, const released_segment *segment) {
    *u = (output_units){.segment = segment, .text_bytes = strlen(segment->text)};
}

/* Without words, time is spread over the bytes of the text. */
static bool next_piece(output_units *u, output_unit *unit) {
    const released_segment *s = u->segment;
    while (u->next < u->text_bytes && s->text[u->next] == ' ') u->next++;
    if (u->next == u->text_bytes) return false;
    size_t from = u->next;
    while (u->next < u->text_bytes && s->text[u->next] != ' ') u->next++;
    double per_byte = (s->end_s - s->start_s) / (double)u->text_bytes;
    *unit = (output_unit){.offset = from,
                          .bytes = u->next - from,
                          .start_s = s->start_s + per_byte * (double)from,
                          .end_s = s->start_s + per_byte * (double)u->next,
                          .confidence = s->confidence,
                          .speaker = s->speaker,
                          .turn = s->speaker};
    return true;
}

bool output_units_next(output_units *u, output_unit *unit) {
    const released_segment *s = u->segment;
    if (s->n_words == 0) return next_piece(u, unit);
    while (u->next < s->n_words) {
        if (u->next >= u->run.behind) (void)speaker_run_next(s, &u->run);
        const steno_word *w = &s->words[u->next++];
        if (w->text_bytes == 0 || w->text_offset > u->text_bytes || w->text_bytes > u->text_bytes - w->text_offset)
            continue;
        *unit = (output_unit){w->text_offset, w->text_bytes, w->start_s,    w->end_s,
                              w->confidence,  w->speaker,    u->run.speaker};
        return true;
    }
    return false;
}

void output_put_label(const output *o, int speaker, output_escape *escape) {
    char room[SPEAKER_LABEL_BYTES];
    const char *label = speaker_label(o->head.speakers, speaker, room);
    if (label) output_put_text(o->out, label, strlen(label), escape);
}

size_t output_base_name(const char *path, bool strip, const char **base) {
    *base = "stdin";
    if (strcmp(path, "-") == 0) return strlen(*base);
    const char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    const char *dot = strip ? strrchr(*base, '.') : NULL;
    return dot && dot != *base ? (size_t)(dot - *base) : strlen(*base);
}
