/* shadow_judge.c: what the counts are evidence of: see shadow.h.
 *
 * A stream's score lies in [-1, 1]; where B is no better than A its expectation, given all streams before, is at most 0. Then y = (1 +
 * score) / 2 has a mean of at most 1/2, and the mixture of likelihood ratios of coins against a fair one is an e-process for such y
 * as for coins: the exponential is convex, so a bounded variable's moments are below those of the coin with its mean. Measures are
 * averaged: the mean of e-values is one.
 */
#include "watch/shadow.h"

#include "watch/stats.h"

#include <math.h>

#define FAIR     0.5
#define TIGHT_AT 100 /* streams: where bounds that hold for all looks are the tightest */

const char *shadow_verdict_name(shadow_verdict_is is) {
    static const char *const names[] = {"unknown", "better", "worse"};
    return names[is];
}

/* ---- rates ---------------------------------------------------------------------------------------------------------- */

/* Half the width of a sequence of intervals for the mean of n values with this deviation, which hold for all n together, but for a chance of
 * SHADOW_ALPHA, when n is large: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021. */
static double radius(double deviation, double n) {
    double l = -2 * log(SHADOW_ALPHA), rho2 = (l + log(l + 1)) / TIGHT_AT, t = n * rho2 + 1;
    return deviation * sqrt(2 * t / (n * n * rho2) * log(sqrt(t) / SHADOW_ALPHA));
}

/* The ratio of two sums over streams, by its linear part; one stream with a residual of one word is added, so that nothing is certain
 * because nothing has happened yet. */
static shadow_rate rate_of(const shadow_sum *s) {
    shadow_rate out = {-1, -1, -1};
    if (s->all.words > 0) out.rate = s->all.edits / s->all.words;
    if (s->streams < SHADOW_RATE_LEAST || s->w <= 0) return out;
    double n = s->streams, r = s->d / s->w;
    double squares = fmax(0, s->dd - 2 * r * s->wd + r * r * s->ww) + 1;
    double half = radius(sqrt(squares / (n - 2)), n) / (s->w / n);
    out.low = fmin(fmax(0, r - half), out.rate); /* streams that are still open are in the rate already */
    out.high = fmax(r + half, out.rate);
    return out;
}

static bool differs(const shadow_rate *difference, const shadow_rate *floor) {
    return difference->low >= 0 && floor->low >= 0 && difference->low > floor->high;
}

/* ---- better or worse ------------------------------------------------------------------------------------------------ */

static double log_for(const shadow_evidence *e, bool better) {
    return e->n > 0 ? stats_log_e_share(better ? e->for_b : e->n - e->for_b, e->n, FAIR, 1, 1) : 0;
}

static double log_mean(const double *log_e, const bool *used) {
    double most = -INFINITY, sum = 0;
    int n = 0;
    for (int k = 0; k < SHADOW_MEASURES; k++) {
        if (used[k] && log_e[k] > most) most = log_e[k];
        n += used[k];
    }
    if (!n) return 0;
    for (int k = 0; k < SHADOW_MEASURES; k++) sum += used[k] ? exp(log_e[k] - most) : 0;
    return most + log(sum / n);
}

void shadow_judge(shadow_counts *c, const bool used[SHADOW_MEASURES], shadow_verdict *out) {
    double better[SHADOW_MEASURES], worse[SHADOW_MEASURES];
    *out = (shadow_verdict){.log_needed = log(2 / SHADOW_ALPHA)}; /* two questions share it */
    for (int k = 0; k < SHADOW_MEASURES; k++) {
        out->used[k] = used[k];
        out->log_by[k][0] = better[k] = log_for(&c->by[k], true);
        out->log_by[k][1] = worse[k] = log_for(&c->by[k], false);
    }
    out->log_better = log_mean(better, used);
    out->log_worse = log_mean(worse, used);
    c->top_better = fmax(c->top_better, out->log_better);
    c->top_worse = fmax(c->top_worse, out->log_worse);
    bool is_better = c->top_better >= out->log_needed, is_worse = c->top_worse >= out->log_needed;
    if (is_better != is_worse) out->is = is_better ? SHADOW_BETTER : SHADOW_WORSE; /* both: the measures contradict */
    out->difference = rate_of(&c->with[SHADOW_B]);
    out->floor = rate_of(&c->with[SHADOW_AGAIN]);
    out->differs = differs(&out->difference, &out->floor);
}
