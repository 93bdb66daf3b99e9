/* shadow_pair.c: finals of several sides that overlap in time, brought together: see shadow.h. */
#include "watch/shadow.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

const char *shadow_side_name(shadow_side side) {
    static const char *const names[SHADOW_SIDES] = {"a", "b", "again", "referee"};
    return names[side];
}

void shadow_pairer_init(shadow_pairer *p, const bool heard[SHADOW_SIDES], double from_s) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        p->heard[k] = heard[k];
        p->ended[k] = false;
        p->reached_s[k] = -1;
        p->n[k] = 0;
    }
    p->from_s = from_s;
    p->until_s = INFINITY;
}

static void drop_first(shadow_pairer *p, int side) {
    shadow_waiting *w = p->waiting[side];
    mem_free(w[0].text);
    p->n[side]--;
    memmove(w, w + 1, (size_t)p->n[side] * sizeof *w);
}

void shadow_pairer_free(shadow_pairer *p) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        while (p->n[k]) drop_first(p, k);
    }
}

bool shadow_pairer_final(shadow_pairer *p, shadow_side side, const shadow_final *f) {
    if (!p->heard[side] || p->ended[side]) return true;
    char *text = p->n[side] < SHADOW_PENDING ? mem_strdup(f->text) : NULL;
    if (!text) return false;
    shadow_waiting *w = &p->waiting[side][p->n[side]++];
    *w = (shadow_waiting){.final = *f, .text = text};
    w->final.text = text;
    if (w->final.start_s < p->reached_s[side]) w->final.start_s = p->reached_s[side];
    if (w->final.end_s < w->final.start_s) w->final.end_s = w->final.start_s;
    p->reached_s[side] = w->final.start_s;
    return true;
}

void shadow_pairer_ended(shadow_pairer *p, shadow_side side) {
    p->ended[side] = true;
}

void shadow_pairer_until(shadow_pairer *p, double until_s) {
    if (until_s < p->until_s) p->until_s = until_s;
}

/* ---- the next pair -------------------------------------------------------------------------------------------------- */

/* How many finals of each side belong to the first component, and where it lies. False: nothing waits. */
static bool first_component(const shadow_pairer *p, int take[SHADOW_SIDES], double *start_s, double *end_s) {
    *start_s = *end_s = INFINITY;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        take[k] = 0;
        if (!p->n[k] || p->waiting[k][0].final.start_s >= *start_s) continue;
        *start_s = p->waiting[k][0].final.start_s;
        *end_s = p->waiting[k][0].final.end_s;
    }
    if (!isfinite(*start_s)) return false;
    for (bool more = true; more;) {
        more = false;
        for (int k = 0; k < SHADOW_SIDES; k++) {
            for (; take[k] < p->n[k]; take[k]++) {
                const shadow_final *f = &p->waiting[k][take[k]].final;
                if (f->start_s >= *end_s && f->start_s > *start_s) break;
                more = true;
                if (f->end_s > *end_s) *end_s = f->end_s;
            }
        }
    }
    return true;
}

/* Nothing that overlaps it can come any more. */
static bool is_whole(const shadow_pairer *p, double end_s) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (p->heard[k] && !p->ended[k] && p->reached_s[k] < end_s) return false;
    }
    return true;
}

static void add(shadow_text *t, const shadow_final *f) {
    size_t n = strlen(f->text), gap = t->n && n ? 1 : 0;
    t->speech_s += f->speech_s;
    t->looped |= f->looped;
    if (t->n + gap + n >= SHADOW_TEXT_BYTES) {
        t->cut = true;
        return;
    }
    if (n) t->confidence = (t->confidence * (double)t->n + f->confidence * (double)n) / (double)(t->n + n);
    if (gap) t->text[t->n++] = ' ';
    memcpy(t->text + t->n, f->text, n + 1);
    t->n += n;
}

bool shadow_pairer_next(shadow_pairer *p, shadow_pair *out) {
    int take[SHADOW_SIDES];
    double start_s, end_s;
    while (first_component(p, take, &start_s, &end_s) && is_whole(p, end_s)) {
        bool within = start_s >= p->from_s && end_s <= p->until_s;
        out->start_s = start_s;
        out->end_s = end_s;
        for (int k = 0; k < SHADOW_SIDES; k++) {
            shadow_text *t = &out->side[k];
            *t = (shadow_text){.heard = p->heard[k]};
            for (; take[k]; take[k]--) {
                add(t, &p->waiting[k][0].final);
                drop_first(p, k);
            }
        }
        if (within) return true;
    }
    return false;
}
