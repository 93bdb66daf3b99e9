/* bench_samples.c: see bench_samples.h. */
#include "cmd/bench_samples.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

#define FIRST_CAP 256

void bench_samples_add(bench_samples *s, double value) {
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
        double *grown =
            s->cap < BENCH_SAMPLES_MAX ? mem_resize(s->value, s->cap * sizeof *grown, cap * sizeof *grown) : NULL;
        if (!grown) {
            s->lost++;
            return;
        }
        s->value = grown;
        s->cap = cap;
    }
    s->value[s->n++] = value;
    s->sorted = false;
}

void bench_samples_free(bench_samples *s) {
    mem_free(s->value);
    *s = (bench_samples){0};
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_samples_percentile(bench_samples *s, double share) {
    if (s->n == 0) return 0;
    if (!s->sorted) qsort(s->value, s->n, sizeof *s->value, by_value);
    s->sorted = true;
    double rank = ceil(share * (double)s->n - 1e-9);
    size_t at = rank < 1 ? 0 : (size_t)rank - 1;
    return s->value[at < s->n ? at : s->n - 1];
}

bench_summary bench_samples_summary(bench_samples *s) {
    return (bench_summary){.n = s->n,
                           .p50 = bench_samples_percentile(s, 0.5),
                           .p90 = bench_samples_percentile(s, 0.9),
                           .p99 = bench_samples_percentile(s, 0.99),
                           .max = bench_samples_percentile(s, 1)};
}

double bench_samples_share_above(const bench_samples *s, double limit) {
    size_t above = 0;
    for (size_t i = 0; i < s->n; i++) above += s->value[i] > limit;
    return s->n ? (double)above / (double)s->n : 0;
}
