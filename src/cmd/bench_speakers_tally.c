/* bench_speakers_tally.c: see bench_speakers_tally.h. */
#include "cmd/bench_speakers_tally.h"

#include "base/mem.h"
#include "speakers/look.h"

#include <math.h>
#include <string.h>

#define CELL_S   (TALLY_CELL_MS / 1000.0)
#define BLOCK_S  (SPEAKERS_BLOCK_MS / 1000.0)
#define SPEAKERS (STENO_SPEAKERS_MAX + 2) /* bits: OTHER and UNKNOWN, then 0, 1 … */
#define FIRST    STENO_SPEAKER_OTHER      /* the speaker of bit 0 */

static uint32_t bit_of(int speaker) {
    return speaker >= FIRST && speaker < STENO_SPEAKERS_MAX ? 1u << (speaker - FIRST) : 0;
}

static bool known(int speaker) {
    return speaker != STENO_SPEAKER_UNKNOWN;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

steno_err tally_open(tally *t, double length_s) {
    size_t n = t->of ? t->of->n : 0;
    bool ok = true;
    t->n_cells = (size_t)(length_s / CELL_S) + 1;
    for (int i = 0; i < t->n_latencies; i++) {
        t->cells[i] = mem_alloc(t->n_cells, sizeof *t->cells[i]);
        ok = ok && t->cells[i];
        if (t->cells[i]) memset(t->cells[i], 0, t->n_cells * sizeof *t->cells[i]); /* now, not while --meter looks */
    }
    t->labelled = mem_alloc(n + 1, sizeof *t->labelled);
    t->told = mem_alloc(n + 1, sizeof *t->told);
    return ok && t->labelled && t->told ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for %g s of labels", length_s);
}

void tally_close(tally *t) {
    for (int i = 0; i < TALLY_LATENCIES_MAX; i++) mem_free(t->cells[i]);
    for (size_t i = 0; i < t->n_messages; i++) mem_free(t->message[i].speaker);
    mem_free(t->message);
    mem_free(t->labelled);
    mem_free(t->told);
    *t = (tally){0};
}

void tally_figures_free(tally_figures *f) {
    bench_samples_free(&f->first_label);
    bench_samples_free(&f->first_turn);
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static size_t cell_at(const tally *t, double s) {
    double cell = s > 0 ? floor(s / CELL_S + 0.5) : 0;
    return cell < (double)t->n_cells ? (size_t)cell : t->n_cells;
}

/* What comes now counts for blocks that ended no longer ago than the latency. */
static size_t first_in_time(const tally *t, int latency, double heard_s) {
    double most_s = t->ended ? fmin(t->latency_s[latency], TALLY_END_S) : t->latency_s[latency];
    double blocks = (heard_s - most_s) / BLOCK_S - 1.0;
    return cell_at(t, ceil(blocks - 1e-6) * BLOCK_S);
}

static void span_of(const steno_turn *turns, uint32_t n, double *from_s, double *to_s) {
    *from_s = turns[0].start_s;
    *to_s = turns[0].end_s;
    for (uint32_t i = 1; i < n; i++) {
        if (turns[i].start_s < *from_s) *from_s = turns[i].start_s;
        if (turns[i].end_s > *to_s) *to_s = turns[i].end_s;
    }
}

static size_t later(size_t a, size_t b) {
    return a > b ? a : b;
}

static void replace(tally *t, int latency, double heard_s, const steno_turn *turns, uint32_t n) {
    double from_s, to_s;
    size_t open = first_in_time(t, latency, heard_s);
    span_of(turns, n, &from_s, &to_s);
    for (size_t c = later(cell_at(t, from_s), open); c < cell_at(t, to_s); c++) t->cells[latency][c] = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bit = bit_of(turns[i].speaker);
        for (size_t c = later(cell_at(t, turns[i].start_s), open); c < cell_at(t, turns[i].end_s); c++)
            t->cells[latency][c] |= bit;
    }
}

/* The i-th turn of the truth, or NULL when it is too short to need a label. */
static const rttm_turn *truth(const tally *t, size_t i) {
    const rttm_turn *r = &t->ref->turn[t->of->first + i];
    return r->end_s - r->start_s >= TALLY_TURN_MIN_S ? r : NULL;
}

/* Somebody was named from from_s on, until to_s: turns of the truth that begin in it or before and are not over have a label. */
static void label(tally *t, bool *done, bench_samples *out, double heard_s, double from_s, double to_s) {
    for (size_t i = 0; t->of && i < t->of->n; i++) {
        const rttm_turn *r = truth(t, i);
        if (!r || done[i] || from_s < r->start_s - TALLY_NEAR_S || from_s >= r->end_s || to_s <= r->start_s) continue;
        done[i] = true;
        bench_samples_add(out, heard_s > r->start_s ? heard_s - r->start_s : 0);
    }
}

void tally_turns(tally *t, double heard_s, const steno_turn *turns, uint32_t n) {
    if (n == 0) return;
    for (int i = 0; i < t->n_latencies; i++) replace(t, i, heard_s, turns, n);
    for (uint32_t i = 0; i < n; i++) {
        if (!known(turns[i].speaker)) continue;
        /* A turn that goes on from one event to the next begins where the truth's may have begun meanwhile. */
        label(t, t->told, &t->figures->first_turn, heard_s, turns[i].start_s, turns[i].end_s);
    }
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static steno_err make_room(tally *t, uint32_t id) {
    if (id >= TALLY_MESSAGES_MAX) return err_fail(STENO_E_LIMIT, "more than %d messages", TALLY_MESSAGES_MAX);
    if (id < t->n_messages) return STENO_OK;
    size_t n = (size_t)id + 64;
    tally_message *grown = mem_resize(t->message, t->n_messages * sizeof *grown, n * sizeof *grown);
    if (!grown) return err_fail(STENO_E_NOMEM, "no memory for %zu messages", n);
    memset(grown + t->n_messages, 0, (n - t->n_messages) * sizeof *grown);
    t->message = grown;
    t->n_messages = n;
    return STENO_OK;
}

static void label_words(tally *t, double heard_s, const released_segment *s) {
    bool any = false;
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        if (!known(w->speaker)) continue;
        any = true;
        label(t, t->labelled, &t->figures->first_label, heard_s, w->start_s, w->end_s);
    }
    /* A partial may name the speaker of all of it and of no word: that is whoever speaks in its beginning. */
    if (!any && known(s->speaker)) label(t, t->labelled, &t->figures->first_label, heard_s, s->start_s, s->end_s);
}

/* A reader colours what was said by the words of it: the turns, which are told once, are painted over by the labels of the nearest
 * words, as often as these come; much of what is heard badly has few words. Where no turn was told it stays silent. */
static void repaint(tally *t, double heard_s, const released_segment *s) {
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        double from_s = i == 0 ? w->start_s - TALLY_EDGE_S : (s->words[i - 1].end_s + w->start_s) / 2;
        double to_s = i + 1 == s->n_words ? w->end_s + TALLY_EDGE_S : (w->end_s + s->words[i + 1].start_s) / 2;
        for (int l = 0; known(w->speaker) && l < t->n_latencies; l++) {
            for (size_t c = later(cell_at(t, from_s), first_in_time(t, l, heard_s)); c < cell_at(t, to_s); c++)
                if (t->cells[l][c]) t->cells[l][c] = bit_of(w->speaker);
        }
    }
}

static void compare(tally *t, const tally_message *m, const released_segment *s) {
    for (uint32_t i = 0; i < s->n_words && i < m->n_words; i++) {
        int before = m->speaker[i], now = s->words[i].speaker;
        if (before == now) continue;
        t->figures->relabelled += known(before);
        t->figures->broken += m->fixed || (t->never_changes && known(before));
    }
    t->figures->broken += m->fixed && !s->speaker_fixed;
}

steno_err tally_segment(tally *t, double heard_s, steno_event_kind kind, const released_segment *s) {
    label_words(t, heard_s, s);
    if (kind == STENO_EVENT_PARTIAL || s->n_words == 0) return STENO_OK;
    repaint(t, heard_s, s);
    ERR_TRY(make_room(t, s->id));
    tally_message *m = &t->message[s->id];
    if (m->speaker) {
        compare(t, m, s);
    } else {
        m->speaker = mem_alloc(s->n_words, sizeof *m->speaker);
        if (!m->speaker) return err_fail(STENO_E_NOMEM, "no memory for a message");
        m->n_words = s->n_words;
        t->figures->messages++;
        t->figures->words += s->n_words;
    }
    t->figures->revisions += kind == STENO_EVENT_SPEAKERS;
    for (uint32_t i = 0; i < s->n_words && i < m->n_words; i++) m->speaker[i] = (int8_t)s->words[i].speaker;
    m->fixed = s->speaker_fixed;
    return STENO_OK;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* The voice of that name, or OTHER. */
static int voice_of(const tally *t, const char *name) {
    for (int i = 0; i < t->n_voices; i++) {
        if (strcmp(t->voices[i].name, name) == 0) return i;
    }
    return STENO_SPEAKER_OTHER;
}

static bool alone(const tally *t, size_t turn, double s) {
    for (size_t i = 0; i < t->of->n; i++) {
        const rttm_turn *r = &t->ref->turn[t->of->first + i];
        if (i != turn && r->start_s <= s && s < r->end_s) return false;
    }
    return true;
}

static void identify(tally *t, size_t turn) {
    const rttm_turn *r = &t->ref->turn[t->of->first + turn];
    uint32_t right = bit_of(voice_of(t, t->of->speaker[r->speaker]));
    for (size_t c = cell_at(t, r->start_s + TALLY_IDENTIFY_S); c < cell_at(t, r->end_s); c++) {
        uint32_t said = t->cells[0][c];
        if (!alone(t, turn, ((double)c + 0.5) * CELL_S)) continue;
        t->figures->identified_s += CELL_S;
        if ((said & ~bit_of(STENO_SPEAKER_UNKNOWN)) == 0)
            t->figures->unnamed_s += CELL_S;
        else if (!(said & right))
            t->figures->mistaken_s += CELL_S;
    }
}

void tally_finish(tally *t) {
    for (size_t i = 0; t->of && i < t->of->n; i++) {
        if (t->n_voices > 0 && t->n_latencies > 0) identify(t, i);
        if (!truth(t, i)) continue;
        t->figures->turns++;
        t->figures->unlabelled += !t->labelled[i];
    }
}

bool tally_next_turn(const tally *t, int latency, tally_walk *at, steno_turn *out) {
    const uint32_t *cells = t->cells[latency];
    for (; at->speaker < SPEAKERS; at->speaker++, at->cell = 0) {
        uint32_t bit = 1u << at->speaker;
        while (at->cell < t->n_cells && !(cells[at->cell] & bit)) at->cell++;
        size_t from = at->cell;
        while (at->cell < t->n_cells && (cells[at->cell] & bit)) at->cell++;
        if (at->cell == from) continue;
        *out = (steno_turn){(double)from * CELL_S, (double)at->cell * CELL_S, at->speaker + FIRST};
        return true;
    }
    return false;
}
