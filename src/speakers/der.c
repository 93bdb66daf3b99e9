/* der.c: see der.h. */
#include "speakers/der.h"

#include "base/mem.h"
#include "speakers/assign.h"
#include "speakers/sweep_int.h"

typedef struct der {
    const der_options *options;
    sweep s;
    double *together; /* owned [ref speakers, hyp speakers]: seconds in which both speak */
    uint32_t n_ref, n_hyp;
    int *map; /* owned [n_ref] */
} der;

/* What is scored at all: the UEM's stretches, or from the first to the last turn of the reference. */
static void add_scored(der *d, const rttm *ref, const rttm_recording *r) {
    const rttm *uem = d->options->uem;
    double first_s = RTTM_TIME_MAX_S, last_s = 0;
    if (uem) {
        sweep_add_turns(&d->s, SWEEP_SCORED, uem, rttm_find(uem, r->file, r->channel));
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        const rttm_turn *t = &ref->turn[r->first + i];
        if (t->start_s < first_s) first_s = t->start_s;
        if (t->end_s > last_s) last_s = t->end_s;
    }
    sweep_add(&d->s, SWEEP_SCORED, 0, first_s, last_s);
}

static void add_collars(der *d, const rttm *ref, const rttm_recording *r) {
    double c = d->options->collar_s;
    for (size_t i = 0; c > 0 && i < r->n; i++) {
        const rttm_turn *t = &ref->turn[r->first + i];
        sweep_add(&d->s, SWEEP_CLOSED, 0, t->start_s - c, t->start_s + c);
        sweep_add(&d->s, SWEEP_CLOSED, 0, t->end_s - c, t->end_s + c);
    }
}

/* Who belongs to whom is decided by all that is scored, collars included, as md-eval does. */
static steno_err match(der *d) {
    const sweep_active *ref = &d->s.active[SWEEP_REF], *hyp = &d->s.active[SWEEP_HYP];
    for (sweep_rewind(&d->s); sweep_next(&d->s);) {
        if (d->s.depth[SWEEP_SCORED] == 0) continue;
        for (uint32_t i = 0; i < ref->n; i++) {
            for (uint32_t j = 0; j < hyp->n; j++)
                d->together[(size_t)ref->speaker[i] * d->n_hyp + hyp->speaker[j]] += d->s.to_s - d->s.from_s;
        }
    }
    return assign_best(d->together, (int)d->n_ref, (int)d->n_hyp, d->map);
}

static uint32_t agreeing(const der *d) {
    const sweep_active *ref = &d->s.active[SWEEP_REF], *hyp = &d->s.active[SWEEP_HYP];
    uint32_t n = 0;
    for (uint32_t i = 0; i < ref->n; i++) {
        int mapped = d->map[ref->speaker[i]];
        for (uint32_t j = 0; mapped >= 0 && j < hyp->n; j++) n += hyp->speaker[j] == (uint32_t)mapped;
    }
    return n;
}

static void count(der *d, der_counts *out) {
    for (sweep_rewind(&d->s); sweep_next(&d->s);) {
        uint32_t ref = d->s.active[SWEEP_REF].n, hyp = d->s.active[SWEEP_HYP].n, both = ref < hyp ? ref : hyp;
        double span_s = d->s.to_s - d->s.from_s;
        if (d->s.depth[SWEEP_SCORED] == 0 || d->s.depth[SWEEP_CLOSED] > 0) continue;
        if (d->options->no_overlap && ref > 1) continue;
        out->scored_s += span_s;
        out->reference_s += span_s * ref;
        out->missed_s += span_s * (ref - both);
        out->false_alarm_s += span_s * (hyp - both);
        out->confusion_s += span_s * (both - agreeing(d));
    }
}

static steno_err run(der *d, der_counts *out, int *map) {
    steno_err err = match(d);
    if (err != STENO_OK) return err;
    count(d, out);
    for (uint32_t i = 0; map && i < d->n_ref; i++) map[i] = d->map[i];
    return STENO_OK;
}

steno_err der_score(const rttm *ref, const rttm_recording *r, const rttm *hyp, const rttm_recording *h,
                    const der_options *o, der_counts *out, int *map) {
    der d = {.options = o, .n_ref = r->n_speakers, .n_hyp = h ? h->n_speakers : 0};
    *out = (der_counts){.ref_speakers = (int)d.n_ref, .hyp_speakers = (int)d.n_hyp};
    if (d.n_ref > DER_SPEAKERS_MAX || d.n_hyp > DER_SPEAKERS_MAX)
        return err_fail(STENO_E_LIMIT, "%s: more than %d speakers", r->file, DER_SPEAKERS_MAX);
    ERR_TRY(sweep_open(&d.s, 3 * r->n + (h ? h->n : 0) + (o->uem ? o->uem->n : 1), d.n_ref, d.n_hyp));
    size_t cells = (size_t)d.n_ref * d.n_hyp;
    d.together = mem_alloc(cells ? cells : 1, sizeof *d.together);
    d.map = mem_alloc(d.n_ref ? d.n_ref : 1, sizeof *d.map);
    steno_err err = d.together && d.map ? STENO_OK : err_fail(STENO_E_NOMEM, "%s: no memory to score it", r->file);
    if (err == STENO_OK) {
        sweep_add_turns(&d.s, SWEEP_REF, ref, r);
        sweep_add_turns(&d.s, SWEEP_HYP, hyp, h);
        add_scored(&d, ref, r);
        add_collars(&d, ref, r);
        err = run(&d, out, map);
    }
    mem_free(d.map);
    mem_free(d.together);
    sweep_close(&d.s);
    return err;
}

void der_add(der_counts *total, const der_counts *c) {
    total->reference_s += c->reference_s;
    total->missed_s += c->missed_s;
    total->false_alarm_s += c->false_alarm_s;
    total->confusion_s += c->confusion_s;
    total->scored_s += c->scored_s;
    total->ref_speakers += c->ref_speakers;
    total->hyp_speakers += c->hyp_speakers;
}

double der_percent(const der_counts *c) {
    double wrong_s = c->missed_s + c->false_alarm_s + c->confusion_s;
    return c->reference_s > 0 ? 100.0 * wrong_s / c->reference_s : 0.0;
}
