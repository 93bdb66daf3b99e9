/* shadow_count.c: pairs into counts, and streams into evidence: see shadow.h. */
#include "watch/shadow.h"

#include <math.h>

/* Faults, as the worst utterances of watch_worst.c have them. */
#define SURE            0.6 /* a confidence that is believed */
#define EMPTY_WORDS     3
#define EMPTY_S         1.0 /* of speech at least */
#define REPEATED_WORDS  8
#define REPEATED_SHARE  0.6
#define SLOW_S          3.0
#define SLOW_CHARACTERS 2.0 /* a second */
#define SLOW_TIMES      2.0
#define FAST_S          1.0
#define FAST_CHARACTERS 40.0

const char *shadow_fault_name(shadow_fault fault) {
    static const char *const names[SHADOW_FAULTS] = {"empty", "looped", "repeated", "slow", "fast"};
    return names[fault];
}

const char *shadow_measure_name(shadow_measure measure) {
    static const char *const names[SHADOW_MEASURES] = {"faults", "referee", "confidence"};
    return names[measure];
}

/* ---- faults --------------------------------------------------------------------------------------------------------- */

typedef struct measured {
    const shadow_text *text;
    text_numbers numbers;
} measured;

/* The longer of both: where one heard no speech, it was there all the same. */
static double speech_s(const measured *a, const measured *b) {
    return fmax(a->text->speech_s, b->text->speech_s);
}

static void find_faults(const measured *me, const measured *other, bool fault[SHADOW_FAULTS]) {
    const text_numbers *mine = &me->numbers, *theirs = &other->numbers;
    double s = speech_s(me, other);
    bool sure = other->text->confidence >= SURE && !other->text->looped;
    fault[SHADOW_EMPTY] = mine->words == 0 && theirs->words >= EMPTY_WORDS && s >= EMPTY_S && sure;
    fault[SHADOW_LOOPED] = me->text->looped;
    fault[SHADOW_REPEATED] = mine->words >= REPEATED_WORDS && mine->repeated >= REPEATED_SHARE * mine->words;
    fault[SHADOW_SLOW] = mine->words > 0 && s >= SLOW_S && mine->characters < SLOW_CHARACTERS * s && sure &&
                         theirs->characters >= SLOW_TIMES * mine->characters;
    fault[SHADOW_FAST] = s >= FAST_S && mine->characters > FAST_CHARACTERS * s;
}

static bool any(const bool fault[SHADOW_FAULTS]) {
    for (int k = 0; k < SHADOW_FAULTS; k++) {
        if (fault[k]) return true;
    }
    return false;
}

static void count_faults(shadow_counts *c, shadow_side side, const bool fault[SHADOW_FAULTS]) {
    for (int k = 0; k < SHADOW_FAULTS; k++) c->fault[side][k] += fault[k];
}

/* ---- pairs ---------------------------------------------------------------------------------------------------------- */

static void add_difference(shadow_difference *sum, const shadow_difference *d) {
    sum->words += d->words;
    sum->other_words += d->other_words;
    sum->edits += d->edits;
    sum->substitutions += d->substitutions;
    sum->deletions += d->deletions;
    sum->insertions += d->insertions;
    for (int k = 0; k < SHADOW_KINDS; k++) sum->kind[k] += d->kind[k];
}

static void add_pair(shadow_counts *c, shadow_unit *u, shadow_side side, const shadow_difference *d) {
    shadow_sum *s = &c->with[side];
    s->pairs++;
    s->different += d->edits > 0;
    add_difference(&s->all, d);
    u->words[side] += d->words;
    u->edits[side] += d->edits;
}

/* For one of both, by so much. */
static void score(shadow_unit *u, shadow_measure m, double for_b, double for_a) {
    if (u->pairs > SHADOW_UNIT_PAIRS) return;
    u->for_b[m] += for_b;
    u->for_a[m] += for_a;
}

static void score_faults(shadow_counts *c, shadow_unit *u, const shadow_pair *p, shadow_side side, text_meter *m) {
    measured a = {.text = &p->side[SHADOW_A]}, b = {.text = &p->side[side]};
    bool of_a[SHADOW_FAULTS], of_b[SHADOW_FAULTS];
    text_measure(m, a.text->text, a.text->n, &a.numbers);
    text_measure(m, b.text->text, b.text->n, &b.numbers);
    find_faults(&a, &b, of_a);
    find_faults(&b, &a, of_b);
    count_faults(c, side, of_b);
    if (side != SHADOW_B) return;
    count_faults(c, SHADOW_A, of_a);
    score(u, SHADOW_BY_FAULTS, any(of_a), any(of_b));
}

static void score_confidence(shadow_unit *u, const shadow_pair *p, const shadow_difference *d) {
    const shadow_text *a = &p->side[SHADOW_A], *b = &p->side[SHADOW_B];
    double more = d->edits * (b->confidence - a->confidence);
    if (a->n && b->n) score(u, SHADOW_BY_CONFIDENCE, fmax(more, 0), fmax(-more, 0));
}

/* Both are compared with it; in words it has, not in words of theirs. */
static bool score_referee(shadow_unit *u, const shadow_pair *p, const shadow_difference *a_to_referee) {
    shadow_difference b;
    if (shadow_compare(p->side[SHADOW_B].text, p->side[SHADOW_REFEREE].text, &b) != STENO_OK) return false;
    double far_a = a_to_referee->edits, far_b = b.edits;
    score(u, SHADOW_BY_REFEREE, fmax(far_a - far_b, 0), fmax(far_b - far_a, 0));
    return true;
}

static bool comparable(const shadow_pair *p) {
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (p->side[k].cut) return false;
    }
    return p->side[SHADOW_A].heard;
}

bool shadow_count(shadow_counts *c, shadow_unit *u, const shadow_pair *p, text_meter *m, shadow_difference *with_b) {
    shadow_difference d[SHADOW_SIDES];
    *with_b = (shadow_difference){0};
    if (!comparable(p)) return false;
    for (int k = SHADOW_B; k < SHADOW_SIDES; k++) {
        if (p->side[k].heard && shadow_compare(p->side[SHADOW_A].text, p->side[k].text, &d[k]) != STENO_OK)
            return false;
    }
    u->pairs++;
    for (int k = SHADOW_B; k < SHADOW_SIDES; k++) {
        if (!p->side[k].heard) continue;
        add_pair(c, u, (shadow_side)k, &d[k]);
        score_faults(c, u, p, (shadow_side)k, m);
    }
    if (!p->side[SHADOW_B].heard) return true;
    *with_b = d[SHADOW_B];
    score_confidence(u, p, with_b);
    if (p->side[SHADOW_REFEREE].heard) (void)score_referee(u, p, &d[SHADOW_REFEREE]);
    return true;
}

/* ---- streams -------------------------------------------------------------------------------------------------------- */

void shadow_count_stream(shadow_counts *c, const shadow_unit *u) {
    for (int k = SHADOW_B; k < SHADOW_SIDES; k++) {
        shadow_sum *s = &c->with[k];
        double w = u->words[k], d = u->edits[k];
        if (w + d <= 0) continue;
        s->streams++;
        s->w += w;
        s->d += d;
        s->ww += w * w;
        s->dd += d * d;
        s->wd += w * d;
    }
    for (int k = 0; k < SHADOW_MEASURES; k++) {
        double both = u->for_a[k] + u->for_b[k];
        if (both <= 0) continue;
        c->by[k].n++;
        c->by[k].for_b += u->for_b[k] / both; /* (1 + score) / 2, score = (for_b - for_a) / both */
    }
}
