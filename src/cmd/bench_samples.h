/* bench_samples.h: measured values and what is said about them: percentiles and shares.
 *
 * Owner: one thread. Invariant: up to BENCH_SAMPLES_MAX values are kept; what came later is counted in `lost` and said.
 */
#ifndef STENO_CMD_BENCH_SAMPLES_H
#define STENO_CMD_BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_SAMPLES_MAX ((size_t)1 << 22)

typedef struct bench_samples {
    double *value; /* owned */
    size_t n, cap;
    uint64_t lost;
    bool sorted;
} bench_samples;

/* What is said of a set of values; zeros when there are none. */
typedef struct bench_summary {
    size_t n;
    double p50, p90, p99, max;
} bench_summary;

void bench_samples_add(bench_samples *s, double value); /* no memory: lost */
void bench_samples_free(bench_samples *s);

/* The smallest value that at least `share` of the values do not exceed (nearest rank); 0 when there are none. */
double bench_samples_percentile(bench_samples *s, double share);
bench_summary bench_samples_summary(bench_samples *s);
/* 0..1, of those kept; 0 when there are none. */
double bench_samples_share_above(const bench_samples *s, double limit);

#endif
