/* made_series.h: labelled series in the manner of the Numenta Anomaly Benchmark, made up: two weeks at a value each five minutes, with
 * spikes, shifts, drifts, changes of rhythm and of noise. Seeded.
 *
 * Purpose   kinds of series as in that benchmark: metrics of servers (flat, bursts, autocorrelated), counts of messages (skewed, daily),
 *           daily rhythms, square waves, temperatures that wander. Windows of labels as there: a tenth of a series, shared by its
 *           anomalies, each centred where one begins. Nothing of the benchmark's own data is used.
 */
#ifndef STENO_TESTS_MADE_SERIES_H
#define STENO_TESTS_MADE_SERIES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SERIES_N       4032
#define SERIES_DAY     288
#define SERIES_LABELS  4
#define SERIES_PROBATE 604 /* 15 %: not scored */
#define SERIES_APART   550

enum { BASE_FLAT, BASE_DAILY, BASE_WEEKLY, BASE_BURSTS, BASE_ALONG, BASE_COUNTS, BASE_SQUARE, BASE_WANDER, N_BASES };
enum { ODD_SPIKE, ODD_SHIFT, ODD_VISIT, ODD_DRIFT, ODD_RHYTHM, ODD_NOISE, ODD_STUCK, N_ODDS };

typedef struct made_series {
    uint64_t state;
    int base, n_labels;
    int from[SERIES_LABELS], odd[SERIES_LABELS], first[SERIES_LABELS], last[SERIES_LABELS]; /* window: first to last */
    double x[SERIES_N];
} made_series;

static inline double series_uniform(made_series *s) { /* splitmix64 */
    uint64_t z = (s->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return ((double)((z ^ (z >> 31)) >> 11) + .5) / 9007199254740992.0;
}

static inline double series_normal(made_series *s) {
    return sqrt(-2 * log(series_uniform(s))) * cos(2 * M_PI * series_uniform(s));
}

/* The rhythm of days, -1 to 1, and what of it a value has; flat: a day without it. */
static inline double series_rhythm(const made_series *s, int t, bool flat) {
    double day = sin(2 * M_PI * t / SERIES_DAY);
    if (flat) return 0;
    if (s->base == BASE_DAILY || s->base == BASE_COUNTS) return day;
    if (s->base == BASE_WEEKLY) return day * (t / SERIES_DAY % 7 >= 5 ? .4 : 1);
    if (s->base == BASE_SQUARE) return t % SERIES_DAY < SERIES_DAY / 3 ? 1 : -1;
    return 0;
}

static inline void series_healthy(made_series *s, double flat_from, double flat_to) {
    double along = 0, wander = 0, burst = 0, noise = .15 + .2 * series_uniform(s);
    for (int t = 0; t < SERIES_N; t++) {
        double e = series_normal(s), rhythm = 2 * series_rhythm(s, t, t >= flat_from && t < flat_to);
        along = .93 * along + .37 * e;
        wander += .02 * series_normal(s) - .002 * wander;
        if (burst <= 0 && series_uniform(s) < .01) burst = 1 + floor(5 * series_uniform(s));
        s->x[t] = rhythm + noise * e;
        if (s->base == BASE_BURSTS) s->x[t] = .2 * e + (burst-- > 0 ? 4 + e : 0);
        if (s->base == BASE_ALONG) s->x[t] = along;
        if (s->base == BASE_COUNTS) s->x[t] = exp(.5 * rhythm + .5 * e);
        if (s->base == BASE_WANDER) s->x[t] = wander + .1 * e;
        if (s->base == BASE_FLAT) s->x[t] = e;
    }
}

/* How far values usually are from their mean: what sizes of anomalies are counted in. */
static inline double series_scale(const made_series *s) {
    double sum = 0, squares = 0;
    for (int t = 0; t < SERIES_N; t++) sum += s->x[t], squares += s->x[t] * s->x[t];
    return sqrt(squares / SERIES_N - sum / SERIES_N * sum / SERIES_N);
}

static inline void series_disturb(made_series *s, int odd, int from) {
    double scale = series_scale(s), sign = series_uniform(s) < .5 ? -1 : 1,
           size = sign * scale * (2 + 3 * series_uniform(s));
    int length = 100 + (int)(200 * series_uniform(s)), spike = 1 + (int)(4 * series_uniform(s));
    for (int t = from; t < SERIES_N; t++) {
        int after = t - from;
        if (odd == ODD_SPIKE && after < spike) s->x[t] += 1.5 * size;
        if (odd == ODD_SHIFT) s->x[t] += .7 * size;
        if (odd == ODD_VISIT && after < length) s->x[t] += size;
        if (odd == ODD_DRIFT && after < 2 * length) s->x[t] += size * after / (2.0 * length);
        if (odd == ODD_NOISE && after < length) s->x[t] += scale * 1.5 * series_normal(s);
        if (odd == ODD_STUCK && after < length) s->x[t] = s->x[from];
    }
}

static inline void series_windows(made_series *s) {
    int half = s->n_labels ? SERIES_N / 10 / s->n_labels / 2 : 0;
    for (int i = 0; i < s->n_labels; i++) {
        s->first[i] = s->from[i] - half;
        s->last[i] = s->from[i] + half;
        if (s->last[i] >= SERIES_N) s->last[i] = SERIES_N - 1;
    }
}

static inline void series_make(made_series *s, uint64_t seed) {
    memset(s, 0, sizeof *s);
    s->state = seed;
    for (int i = 0; i < 8; i++) (void)series_uniform(s);
    s->base = (int)(N_BASES * series_uniform(s));
    bool rhythm = s->base == BASE_DAILY || s->base == BASE_WEEKLY || s->base == BASE_COUNTS || s->base == BASE_SQUARE;
    int at = SERIES_PROBATE + 250;
    s->n_labels = (int)(5 * series_uniform(s)); /* 0 to 4 */
    int room = s->n_labels ? (SERIES_N - 250 - at - SERIES_APART * (s->n_labels - 1)) / s->n_labels : 0, flat = -1;
    for (int i = 0; i < s->n_labels; i++) {
        at += (int)(room * series_uniform(s));
        s->from[i] = at;
        s->odd[i] = (int)(N_ODDS * series_uniform(s));
        if (s->odd[i] == ODD_RHYTHM && (!rhythm || flat >= 0)) s->odd[i] = ODD_SPIKE;
        if (s->odd[i] == ODD_RHYTHM) flat = i;
        at += SERIES_APART;
    }
    series_healthy(s, flat >= 0 ? s->from[flat] : SERIES_N, flat >= 0 ? s->from[flat] + SERIES_DAY : SERIES_N);
    for (int i = 0; i < s->n_labels; i++) series_disturb(s, s->odd[i], s->from[i]);
    series_windows(s);
}

#endif
