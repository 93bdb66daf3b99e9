/* switch_rate.c: see switch_rate.h. One sweep over both sides: a stretch grows while the same person speaks alone. */
#include "speakers/switch_rate.h"

#include "base/mem.h"
#include "speakers/sweep_int.h"

#define NOBODY  (-1)
#define ROUNDED 1e-9 /* seconds: times that were written with digits may fall short of the limit by so much */

typedef struct watch {
    sweep s;
    int64_t who;         /* speaks alone in the open stretch, or NOBODY */
    double from_s, to_s; /* the open stretch */
    double *heard_s;     /* owned [hyp speakers]: in the open stretch */
    uint32_t *touched;   /* owned [hyp speakers]: which of them are not 0 */
    uint32_t n_touched;
    int64_t *label; /* owned [ref speakers]: of their last stretch, or NOBODY */
    switch_counts *counts;
} watch;

static int64_t longest(const watch *w) {
    int64_t best = NOBODY;
    for (uint32_t i = 0; i < w->n_touched; i++) {
        uint32_t j = w->touched[i];
        if (best == NOBODY || w->heard_s[j] > w->heard_s[best]) best = j;
    }
    return best;
}

static void end_stretch(watch *w) {
    if (w->who != NOBODY && w->to_s - w->from_s >= SWITCH_STRETCH_S - ROUNDED) {
        int64_t label = longest(w), before = w->label[w->who];
        w->counts->stretches++;
        if (label == NOBODY) {
            w->counts->unheard++;
        } else {
            w->counts->pairs += before != NOBODY;
            w->counts->switches += before != NOBODY && before != label;
            w->label[w->who] = label;
        }
    }
    for (uint32_t i = 0; i < w->n_touched; i++) w->heard_s[w->touched[i]] = 0;
    w->n_touched = 0;
    w->who = NOBODY;
}

static void hear(watch *w) {
    const sweep_active *hyp = &w->s.active[SWEEP_HYP];
    for (uint32_t i = 0; i < hyp->n; i++) {
        uint32_t j = hyp->speaker[i];
        if (w->heard_s[j] <= 0) w->touched[w->n_touched++] = j;
        w->heard_s[j] += w->s.to_s - w->s.from_s;
    }
    w->to_s = w->s.to_s;
}

static void run(watch *w) {
    const sweep_active *ref = &w->s.active[SWEEP_REF];
    for (sweep_rewind(&w->s); sweep_next(&w->s);) {
        int64_t alone = ref->n == 1 ? (int64_t)ref->speaker[0] : NOBODY;
        if (alone != w->who) end_stretch(w);
        if (alone == NOBODY) continue;
        if (w->who == NOBODY) w->from_s = w->s.from_s;
        w->who = alone;
        hear(w);
    }
    end_stretch(w);
}

steno_err switch_rate(const rttm *ref, const rttm_recording *r, const rttm *hyp, const rttm_recording *h,
                      switch_counts *out) {
    watch w = {.who = NOBODY, .counts = out};
    uint32_t n_ref = r->n_speakers, n_hyp = h ? h->n_speakers : 0;
    *out = (switch_counts){0};
    ERR_TRY(sweep_open(&w.s, r->n + (h ? h->n : 0), n_ref, n_hyp));
    w.heard_s = mem_alloc(n_hyp ? n_hyp : 1, sizeof *w.heard_s);
    w.touched = mem_alloc(n_hyp ? n_hyp : 1, sizeof *w.touched);
    w.label = mem_alloc(n_ref ? n_ref : 1, sizeof *w.label);
    steno_err err = STENO_OK;
    if (w.heard_s && w.touched && w.label) {
        for (uint32_t i = 0; i < n_ref; i++) w.label[i] = NOBODY;
        sweep_add_turns(&w.s, SWEEP_REF, ref, r);
        sweep_add_turns(&w.s, SWEEP_HYP, hyp, h);
        run(&w);
    } else {
        err = err_fail(STENO_E_NOMEM, "%s: no memory to score it", r->file);
    }
    mem_free(w.label);
    mem_free(w.touched);
    mem_free(w.heard_s);
    sweep_close(&w.s);
    return err;
}

void switch_add(switch_counts *total, const switch_counts *c) {
    total->stretches += c->stretches;
    total->unheard += c->unheard;
    total->pairs += c->pairs;
    total->switches += c->switches;
}

double switch_percent(const switch_counts *c) {
    return c->pairs ? 100.0 * (double)c->switches / (double)c->pairs : 0.0;
}
