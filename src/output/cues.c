/* cues.c: subtitles, SRT and WebVTT: segments cut into cues that fit a screen.
 *
 * A cue has at most two lines of CUE_LINE_COLUMNS (a wide character takes two) and lasts at most CUE_MAX_S. It ends
 * where another person speaks, where a sentence ends once the first line is full enough, at a pause of CUE_PAUSE_S, or where the next word no
 * longer fits. A word longer than a line stays whole. Cues of one segment never overlap.
 */
#include "output/format.h"

#include <inttypes.h>
#include <string.h>
#include <utf8proc.h>

#define CUE_LINE_COLUMNS     42
#define CUE_MAX_S            7.0
#define CUE_PAUSE_S          0.8
#define CUE_SENTENCE_COLUMNS 24 /* a sentence shorter than this stays with the next one */
#define CUE_MAX_UNITS        96

typedef struct cue {
    const released_segment *segment;
    output_unit unit[CUE_MAX_UNITS];
    int n;
} cue;

static const char *escape_vtt(int32_t character, char room[8]) {
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    default:
        return output_escape_plain(character, room);
    }
}

/* The text of units first .. last is one stretch, with the spaces it has. */
static size_t stretch_bytes(const cue *c, int first, int last) {
    size_t end = c->unit[last].offset + c->unit[last].bytes;
    return end > c->unit[first].offset ? end - c->unit[first].offset : 0;
}

static int columns(const cue *c, int first, int last) {
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)c->segment->text + c->unit[first].offset;
    size_t n = stretch_bytes(c, first, last);
    int wide = 0;
    for (size_t i = 0; i < n;) {
        int32_t character = 0;
        utf8proc_ssize_t used = utf8proc_iterate(at + i, (utf8proc_ssize_t)(n - i), &character);
        wide += used > 0 ? utf8proc_charwidth(character) : 1;
        i += used > 0 ? (size_t)used : 1;
    }
    return wide;
}

/* The unit that starts the second line, or n when one line is enough, or -1 when two lines are not. Of the cuts that
 * fit, the one with the evenest lines. */
static int line_break(const cue *c) {
    if (c->n == 1 || columns(c, 0, c->n - 1) <= CUE_LINE_COLUMNS) return c->n;
    int best = -1, best_longest = CUE_LINE_COLUMNS + 1;
    for (int i = 1; i < c->n; i++) {
        int top = columns(c, 0, i - 1), bottom = columns(c, i, c->n - 1);
        bool top_fits = top <= CUE_LINE_COLUMNS || i == 1, bottom_fits = bottom <= CUE_LINE_COLUMNS || i == c->n - 1;
        int longest = top > bottom ? top : bottom;
        if (!top_fits || !bottom_fits) continue;
        if (best == -1 || longest < best_longest) {
            best = i;
            best_longest = longest;
        }
    }
    return best;
}

static bool ends_sentence(const cue *c) {
    const output_unit *last = &c->unit[c->n - 1];
    const char *text = c->segment->text + last->offset;
    char end = text[last->bytes - 1];
    if (end == '.' || end == '?' || end == '!') return true;
    static const char *const wide[] = {"\xE3\x80\x82", "\xEF\xBC\x9F", "\xEF\xBC\x81"}; /* ideographic . ? ! */
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        if (last->bytes >= 3 && memcmp(text + last->bytes - 3, wide[i], 3) == 0) return true;
    }
    return false;
}

/* Whether `next` starts a new cue. */
static bool cue_is_full(cue *c, const output_unit *next) {
    if (c->n == 0) return false;
    if (c->n == CUE_MAX_UNITS || next->turn != c->unit[0].turn) return true;
    if (next->start_s - c->unit[c->n - 1].end_s >= CUE_PAUSE_S) return true;
    if (next->end_s - c->unit[0].start_s > CUE_MAX_S) return true;
    if (ends_sentence(c) && columns(c, 0, c->n - 1) >= CUE_SENTENCE_COLUMNS) return true;
    c->unit[c->n] = *next; /* tried on */
    c->n++;
    bool fits = line_break(c) != -1;
    c->n--;
    return !fits;
}

static void put_time(FILE *out, int64_t ms, char decimal) {
    fprintf(out, "%02" PRId64 ":%02d:%02d%c%03d", ms / 3600000, (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), decimal,
            (int)(ms % 1000));
}

static void put_line(output *o, const cue *c, int first, int last, output_escape *escape) {
    output_put_text(o->out, c->segment->text + c->unit[first].offset, stretch_bytes(c, first, last), escape);
    putc('\n', o->out);
}

/* Who speaks, as far as that is known: "[2] S1: " or "<v Channel 2 S1>". */
static void put_voice(output *o, int channel, int speaker, bool vtt) {
    bool known = o->head.speakers && speaker != STENO_SPEAKER_UNKNOWN;
    if (!vtt) {
        if (o->head.split) fprintf(o->out, "[%d] ", channel);
        if (known) output_put_label(o, speaker, output_escape_plain);
        if (known) fputs(": ", o->out);
        return;
    }
    if (!o->head.split && !known) return;
    fputs("<v ", o->out);
    if (o->head.split) fprintf(o->out, "Channel %d%s", channel, known ? " " : "");
    if (known) output_put_label(o, speaker, escape_vtt);
    putc('>', o->out);
}

static void put_cue(output *o, const cue *c, int channel, bool vtt) {
    output_escape *escape = vtt ? escape_vtt : output_escape_plain;
    int64_t start = output_ms(c->unit[0].start_s), end = output_ms(c->unit[c->n - 1].end_s);
    if (end <= start) end = start + 1; /* players drop a cue that lasts no time */
    if (!vtt) fprintf(o->out, "%" PRIu32 "\n", o->cues + 1);
    put_time(o->out, start, vtt ? '.' : ',');
    fputs(" --> ", o->out);
    put_time(o->out, end, vtt ? '.' : ',');
    putc('\n', o->out);
    put_voice(o, channel, c->unit[0].turn, vtt);
    int cut = line_break(c);
    if (cut == -1) cut = c->n; /* only a cue cut short by CUE_MAX_UNITS */
    put_line(o, c, 0, cut - 1, escape);
    if (cut < c->n) put_line(o, c, cut, c->n - 1, escape);
    putc('\n', o->out);
    o->cues++;
}

static void put_cues(output *o, int channel, const released_segment *s, bool vtt) {
    cue c = {.segment = s};
    output_units units;
    output_unit next;
    output_units_begin(&units, s);
    while (output_units_next(&units, &next)) {
        if (!o->head.speakers) next.turn = STENO_SPEAKER_UNKNOWN;
        if (cue_is_full(&c, &next)) {
            put_cue(o, &c, channel, vtt);
            c.n = 0;
        }
        c.unit[c.n++] = next;
    }
    if (c.n) put_cue(o, &c, channel, vtt);
}

static void srt_begin(output *o) {
    (void)o;
}

static void srt_segment(output *o, int channel, const released_segment *s) {
    put_cues(o, channel, s, false);
}

static void vtt_begin(output *o) {
    fputs("WEBVTT\n\n", o->out);
}

static void vtt_segment(output *o, int channel, const released_segment *s) {
    put_cues(o, channel, s, true);
}

static void cues_end(output *o, const output_tail *tail) {
    (void)o;
    (void)tail;
}

const output_format output_srt = {"srt", "srt", true, srt_begin, srt_segment, cues_end, NULL};
const output_format output_vtt = {"vtt", "vtt", true, vtt_begin, vtt_segment, cues_end, NULL};
