/* rttm.c: NIST's RTTM: a line a turn, "SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>".
 *
 * Turns are those of output_turns(); where none will come, words that follow each other and are of one speaker make one.
 */
#include "output/format.h"

#include <inttypes.h>
#include <string.h>

#define JOIN_S 0.3 /* a longer pause between two words ends a turn, as in references of the field */

static void nothing_at_start(output *o) {
    (void)o;
}

static void nothing_at_end(output *o, const output_tail *tail) {
    (void)o;
    (void)tail;
}

static const char *escape_rttm(int32_t character, char room[8]) {
    const char *plain = character == ' ' || character == 0xA0 ? " " : output_escape_plain(character, room);
    return plain ? "_" : NULL;
}

void output_put_rttm(FILE *out, const char *file, size_t file_bytes, int channel, double start_s, double end_s,
                     const char *speaker) {
    int64_t start = output_ms(start_s), end = output_ms(end_s), span = end > start ? end - start : 0;
    fputs("SPEAKER ", out);
    output_put_text(out, file_bytes ? file : "-", file_bytes ? file_bytes : 1, escape_rttm);
    fprintf(out, " %d %" PRId64 ".%03d %" PRId64 ".%03d <NA> <NA> ", channel, start / 1000, (int)(start % 1000),
            span / 1000, (int)(span % 1000));
    output_put_text(out, *speaker ? speaker : "-", *speaker ? strlen(speaker) : 1, escape_rttm);
    fputs(" <NA> <NA>\n", out);
}

static void put(output *o, int channel, const steno_turn *t) {
    const char *base;
    char room[SPEAKER_LABEL_BYTES];
    size_t n = output_base_name(o->head.file, true, &base);
    if (output_ms(t->end_s) <= output_ms(t->start_s)) return; /* a turn of nothing */
    const char *label = o->head.speakers ? speaker_label(o->head.speakers, t->speaker, room) : NULL;
    output_put_rttm(o->out, base, n, o->head.split ? channel : 1, t->start_s, t->end_s, label ? label : "unknown");
}

static void rttm_turns(output *o, int channel, const steno_turn *turns, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) put(o, channel, &turns[i]);
}

static void rttm_segment(output *o, int channel, const released_segment *s) {
    if (o->head.turns) return;
    steno_turn turn = {s->start_s, s->end_s, s->speaker};
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        bool on = i > 0 && w->speaker == turn.speaker && w->start_s - turn.end_s <= JOIN_S;
        if (i > 0 && !on) put(o, channel, &turn);
        if (!on) turn = (steno_turn){w->start_s, w->end_s, w->speaker};
        if (w->end_s > turn.end_s) turn.end_s = w->end_s;
    }
    put(o, channel, &turn);
}

const output_format output_rttm = {"rttm", "rttm", false, nothing_at_start, rttm_segment, nothing_at_end, rttm_turns};
