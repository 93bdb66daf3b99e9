/* number_cut.c: see number_cut.h.
 *
 * Owner: any thread; pure.
 */
#include "privacy/number_cut.h"

#include <string.h>

#define RESTARTS_MAX 3 /* corrections of a run that are looked at */
#define SURE_ENOUGH  0.5f
#define SURE_MIN     0.3f

/* ---- the best way to cut a run ----------------------------------------------------------------------------------- */

typedef struct way {
    float score;
    uint16_t from; /* parts of the run before the last step */
    bool rest_before;
    bool reached;
    number_stretch last; /* if the last step was a finding */
} way;

/* Ways to cut the first j parts, ending in a finding [0] or in rest [1]. */
typedef struct cutting {
    const number_run *run;
    const number_context *c;
    way ways[RUN_PARTS_MAX + 1][2];
} cutting;

/* What it costs to begin or end a finding in the middle of figures. */
static float border_cost(uint8_t border) {
    if (border == BORDER_JOINED) return 0.35f;
    return border == BORDER_SIGN ? 0.3f : border == BORDER_BLANK ? 0.2f : 0;
}

/* What comes before a finding: rest, or another finding. Two in a row without a pause are believed if both are sure; what goes on as
 * an account's number is the same account's, unless it was written whole. */
static float neighbour_cost(const number_run *run, const number_stretch *s, const way *found) {
    const run_part *p = &run->parts[s->a];
    float cost = border_cost(p->border);
    if (s->a == 0) return 0;
    if (!found) return cost;
    bool after = found->last.is.type == ENTITY_ACCOUNT, is = s->is.type == ENTITY_ACCOUNT;
    if (after && is) return p->border == BORDER_PAUSE && number_is_written(p - 1, 6, RUN_FIGURES_MAX) ? 0 : 0.5f;
    if (after || is || found->last.is.sure < 0.7f || s->is.sure < 0.7f) return cost;
    return cost / 2;
}

static void take(cutting *cut, const number_stretch *s) {
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[s->a][rest];
        if (!from->reached) continue;
        number_stretch as = *s;
        as.is.sure -= neighbour_cost(cut->run, s, rest ? NULL : from);
        float score = from->score + as.is.sure * (float)s->n_text;
        way *to = &cut->ways[s->b][0];
        if (as.is.sure < SURE_MIN || (to->reached && to->score >= score)) continue;
        *to = (way){.score = score, .from = (uint16_t)s->a, .rest_before = rest, .reached = true, .last = as};
    }
}

/* What is said behind a correction belongs to what was said before. */
static float leaving_cost(uint8_t border) {
    return border == BORDER_CORRECTION ? 0.1f : border_cost(border);
}

static void leave(cutting *cut, uint32_t j) {
    way *to = &cut->ways[j + 1][1];
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[j][rest];
        if (!from->reached) continue;
        float score = from->score;
        if (!rest && j > 0) score -= leaving_cost(cut->run->parts[j].border) * (float)from->last.n_text;
        if (to->reached && to->score >= score) continue;
        *to = (way){.score = score, .from = (uint16_t)j, .rest_before = rest, .reached = true};
    }
}

static void take_plain(cutting *cut, uint32_t a) {
    const number_run *run = cut->run;
    for (uint32_t b = a + 1; b <= run->n_parts; b++) {
        uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
        if (n > NUMBER_TEXT_MAX) return;
        if (n < 6) continue;
        number_stretch s = {.a = a, .b = b, .n_text = n};
        memcpy(s.text, run->text + run->parts[a].at, n);
        s.is = number_match_parts(run, a, b, cut->c);
        if (s.is.sure >= SURE_MIN) take(cut, &s);
        s.is = number_match_apart(run, a, b, cut->c, s.text, &s.n_text);
        if (s.is.sure >= SURE_MIN) take(cut, &s);
    }
}

static void take_corrected(cutting *cut, uint32_t a, uint32_t again) {
    const number_run *run = cut->run;
    uint32_t before = run->parts[again].at - (uint32_t)run->parts[a].at;
    if (before > NUMBER_TEXT_MAX) return;
    for (uint32_t b = again + 1; b <= run->n_parts; b++) {
        if (run->parts[b - 1].at + run->parts[b - 1].n - run->parts[again].at > NUMBER_TEXT_MAX) return;
        number_stretch s = {.a = a, .b = b};
        s.is = number_match_corrected(run, a, again, b, cut->c, s.text, &s.n_text);
        s.is.sure -= 0.02f; /* said once is surer than said twice */
        if (s.is.sure >= SURE_MIN) take(cut, &s);
    }
}

/* A number that is corrected begins at the run's beginning or behind a pause. */
static void take_all_corrected(cutting *cut, uint32_t a) {
    const number_run *run = cut->run;
    if (a > 0 && run->parts[a].border < BORDER_PAUSE && !cut->ways[a][0].reached) return;
    uint32_t restarts = 0;
    for (uint32_t i = a + 1; i < run->n_parts && restarts < 1; i++) {
        if (run->parts[i].border != BORDER_CORRECTION) continue;
        take_corrected(cut, a, i);
        restarts++;
    }
}

static void cut_run(cutting *cut, const number_run *run, const number_context *c) {
    uint32_t corrected = 0;
    cut->run = run, cut->c = c;
    for (uint32_t j = 0; j <= run->n_parts; j++) cut->ways[j][0].reached = cut->ways[j][1].reached = false;
    cut->ways[0][0] = (way){.reached = true};
    for (uint32_t j = 0; j < run->n_parts; j++) {
        bool starts = j == 0 || run->parts[j].border >= BORDER_PAUSE;
        take_plain(cut, j);
        if (starts && corrected++ < RESTARTS_MAX) take_all_corrected(cut, j);
        leave(cut, j);
    }
}

/* Findings of the best way, in order; returns how many. */
static uint32_t best_way(const cutting *cut, number_stretch out[RUN_PARTS_MAX]) {
    uint32_t j = cut->run->n_parts, n = 0;
    bool rest = !cut->ways[j][0].reached || (cut->ways[j][1].reached && cut->ways[j][1].score > cut->ways[j][0].score);
    bool rest_behind = false;
    while (j > 0) {
        const way *w = &cut->ways[j][rest];
        if (!rest) {
            out[n] = w->last;
            if (rest_behind) out[n].is.sure -= border_cost(cut->run->parts[j].border);
            n++;
        }
        rest_behind = rest;
        rest = w->rest_before;
        j = w->from;
    }
    for (uint32_t i = 0; i < n / 2; i++) {
        number_stretch swap = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = swap;
    }
    return n;
}

/* ---- what is said again ------------------------------------------------------------------------------------------ */

static bool is_corrected(const number_run *run, uint32_t from, uint32_t to) {
    for (uint32_t k = from + 1; k < to; k++)
        if (run->parts[k].border == BORDER_CORRECTION) return true;
    return false;
}

/* Where somebody corrects himself, what may be something is rather a part of what he says. */
static uint32_t drop_weak(const number_run *run, number_stretch *found, uint32_t n) {
    uint32_t kept = 0;
    if (!is_corrected(run, 0, run->n_parts)) return n;
    for (uint32_t i = 0; i < n; i++)
        if (found[i].is.sure >= SURE_ENOUGH) found[kept++] = found[i];
    return kept;
}

/* Two of a kind with a correction between are one, said twice. */
static uint32_t join_corrected(const number_run *run, number_stretch *found, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        number_stretch *before = kept > 0 ? &found[kept - 1] : NULL;
        bool again = before && before->b == found[i].a && run->parts[found[i].a].border == BORDER_CORRECTION;
        if (!again || before->is.type != found[i].is.type) {
            found[kept++] = found[i];
            continue;
        }
        uint32_t a = before->a;
        *before = found[i];
        before->a = a;
    }
    return kept;
}

/* Where somebody corrects himself, all that he said is personal: over the rest before and behind. */
static void widen_over_corrections(const number_run *run, number_stretch *found, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = i > 0 ? found[i - 1].b : 0, to = i + 1 < n ? found[i + 1].a : run->n_parts;
        bool before = is_corrected(run, from, found[i].b), behind = is_corrected(run, found[i].a, to);
        if (before) found[i].a = from;
        if (behind) found[i].b = to;
    }
}

uint32_t number_cut(const number_run *run, const number_context *c, number_stretch out[RUN_PARTS_MAX]) {
    cutting cut;
    cut_run(&cut, run, c);
    uint32_t n = best_way(&cut, out);
    n = drop_weak(run, out, n);
    n = join_corrected(run, out, n);
    widen_over_corrections(run, out, n);
    return n;
}
