/* nab.h: the rules of scoring of the Numenta Anomaly Benchmark, and its windowed Gaussian, for made_series.h.
 *
 * The rules (standard profile: a hit 1, a false alarm 0.11, a miss 1): in a window the earliest hit counts, by a sigmoid that is 1 at the
 * window's left edge and 0 at its right; every value outside a window costs, by the same sigmoid less just behind a window; the first 15 %
 * of a series is not scored; one threshold for all series, the best; 0 is a detector that says nothing, 100 a perfect one. Source: Lavin,
 * Ahmad 2015, and the benchmark's own description.
 */
#ifndef STENO_TESTS_NAB_H
#define STENO_TESTS_NAB_H

#include "made_series.h"
#include "watch/series.h"

#include <stdlib.h>

#define NAB_WINDOW      1000 /* values the Gaussian looks back at, as tuned for the benchmark */
#define NAB_FALSE_ALARM .11

typedef struct nab_point {
    double score, worth; /* of a detection here */
    int window;          /* index over all series; -1: none */
} nab_point;

typedef struct nab_result {
    double score, threshold;
    int hits, windows, wrong;
} nab_result;

typedef void nab_detector(const made_series *s, double score[SERIES_N]);

static inline double nab_sigmoid(double at) {
    return at >= 3 ? -1 : 2 / (1 + exp(5 * at)) - 1;
}

/* ---- detectors ---------------------------------------------------------------------------------------------------- */

static inline void nab_gaussian(const made_series *s, double score[SERIES_N]) {
    double sum = 0, squares = 0;
    for (int t = 0; t < SERIES_N; t++) {
        int n = t < NAB_WINDOW ? t : NAB_WINDOW;
        score[t] = n > 0 ? series_gaussian(s->x[t], n, sum, squares) : 0;
        sum += s->x[t], squares += s->x[t] * s->x[t];
        if (t >= NAB_WINDOW) sum -= s->x[t - NAB_WINDOW], squares -= s->x[t - NAB_WINDOW] * s->x[t - NAB_WINDOW];
    }
}

static inline void nab_ours(const made_series *s, double score[SERIES_N]) {
    static series_watch w;
    memset(&w, 0, sizeof w);
    for (int t = 0; t < SERIES_N; t++) score[t] = series_step(&w, s->x[t], (int64_t)t * 300);
}

/* ---- scoring ------------------------------------------------------------------------------------------------------ */

static inline size_t nab_weigh(const made_series *s, const double score[SERIES_N], int first_window, nab_point *out) {
    int next = 0, last = -1;
    double last_width = 0;
    size_t n = 0;
    for (int t = 0; t < SERIES_N; t++) {
        while (next < s->n_labels && t > s->last[next])
            last = s->last[next], last_width = last - s->first[next], next++;
        nab_point p = {.score = score[t], .window = -1};
        if (next < s->n_labels && t >= s->first[next]) {
            double width = s->last[next] - s->first[next] + 1;
            p.window = first_window + next;
            p.worth = nab_sigmoid(-(s->last[next] - t + 1) / width) / nab_sigmoid(-1);
        } else {
            p.worth = NAB_FALSE_ALARM * (last < 0 ? -1 : nab_sigmoid((t - last) / last_width));
        }
        if (t >= SERIES_PROBATE) out[n++] = p;
    }
    return n;
}

static inline int nab_louder(const void *a, const void *b) {
    double x = ((const nab_point *)a)->score, y = ((const nab_point *)b)->score;
    return (x < y) - (x > y);
}

/* Finds the best threshold. *out has the number of windows. */
static inline int nab_best(nab_point *p, size_t n, nab_result *out) {
    double *worth = malloc((size_t)(out->windows + 1) * sizeof *worth), total = -out->windows, best = total;
    if (!worth) return -1;
    for (int i = 0; i < out->windows; i++) worth[i] = -1;
    int found = 0, outside = 0;
    qsort(p, n, sizeof *p, nab_louder);
    out->threshold = INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (p[i].window < 0) total += p[i].worth, outside++;
        if (p[i].window >= 0 && p[i].worth > worth[p[i].window]) {
            found += worth[p[i].window] == -1;
            total += p[i].worth - worth[p[i].window];
            worth[p[i].window] = p[i].worth;
        }
        if (i + 1 < n && p[i + 1].score == p[i].score) continue;
        if (total > best) best = total, out->threshold = p[i].score, out->hits = found, out->wrong = outside;
    }
    free(worth);
    out->score = 100 * (best + out->windows) / (2.0 * out->windows);
    return 0;
}

static inline int nab_score(nab_detector *detector, int count, uint64_t seed, nab_result *out) {
    static made_series s;
    static double score[SERIES_N];
    nab_point *all = malloc((size_t)count * SERIES_N * sizeof *all);
    if (!all) return -1;
    size_t n = 0;
    *out = (nab_result){0};
    for (int i = 0; i < count; i++) {
        series_make(&s, seed * 1000003 + (uint64_t)i);
        detector(&s, score);
        n += nab_weigh(&s, score, out->windows, all + n);
        out->windows += s.n_labels;
    }
    int status = nab_best(all, n, out);
    free(all);
    return status;
}

#endif
