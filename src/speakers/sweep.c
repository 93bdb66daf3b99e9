/* sweep.c: see sweep_int.h. */
#include "speakers/sweep_int.h"

#include "base/mem.h"

#include <stdlib.h>

static bool open_active(sweep_active *a, uint32_t speakers) {
    a->speaker = mem_alloc(speakers ? speakers : 1, sizeof *a->speaker);
    a->place = mem_alloc(speakers ? speakers : 1, sizeof *a->place);
    return a->speaker && a->place;
}

steno_err sweep_open(sweep *s, size_t spans, uint32_t ref_speakers, uint32_t hyp_speakers) {
    *s = (sweep){.cap = 2 * spans};
    s->edge = mem_alloc(s->cap ? s->cap : 1, sizeof *s->edge);
    if (s->edge && open_active(&s->active[SWEEP_REF], ref_speakers) && open_active(&s->active[SWEEP_HYP], hyp_speakers))
        return STENO_OK;
    sweep_close(s);
    return err_fail(STENO_E_NOMEM, "no memory to score %zu turns", spans);
}

void sweep_close(sweep *s) {
    for (int i = 0; i < SWEEP_SIDES; i++) {
        mem_free(s->active[i].speaker);
        mem_free(s->active[i].place);
    }
    mem_free(s->edge);
    *s = (sweep){0};
}

void sweep_add(sweep *s, sweep_side side, uint32_t speaker, double from_s, double to_s) {
    if (!(from_s < to_s) || s->n + 2 > s->cap) return;
    s->edge[s->n++] = (sweep_edge){from_s, side, 1, speaker};
    s->edge[s->n++] = (sweep_edge){to_s, side, -1, speaker};
}

void sweep_add_turns(sweep *s, sweep_side side, const rttm *r, const rttm_recording *recording) {
    for (size_t i = 0; recording && i < recording->n; i++) {
        const rttm_turn *t = &r->turn[recording->first + i];
        sweep_add(s, side, t->speaker, t->start_s, t->end_s);
    }
}

/* At one time ends come first, so that a speaker whose turns touch is not there twice. */
static int by_time(const void *x, const void *y) {
    const sweep_edge *a = x, *b = y;
    if (a->at_s != b->at_s) return a->at_s < b->at_s ? -1 : 1;
    return a->step - b->step;
}

void sweep_rewind(sweep *s) {
    qsort(s->edge, s->n, sizeof *s->edge, by_time);
    s->next = 0;
    for (int i = 0; i < SWEEP_SIDES; i++) {
        s->active[i].n = 0;
        s->depth[i] = 0;
    }
    s->from_s = s->to_s = s->n ? s->edge[0].at_s : 0;
}

static void pass(sweep *s, const sweep_edge *e) {
    sweep_active *a = &s->active[e->side];
    s->depth[e->side] += e->step;
    if (!a->speaker) return;
    if (e->step > 0) {
        a->place[e->speaker] = a->n;
        a->speaker[a->n++] = e->speaker;
    } else {
        uint32_t last = a->speaker[--a->n], hole = a->place[e->speaker];
        a->speaker[hole] = last;
        a->place[last] = hole;
    }
}

bool sweep_next(sweep *s) {
    s->from_s = s->to_s;
    while (s->next < s->n && s->edge[s->next].at_s <= s->from_s) pass(s, &s->edge[s->next++]);
    if (s->next == s->n) return false;
    s->to_s = s->edge[s->next].at_s;
    return true;
}
