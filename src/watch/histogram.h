/* histogram.h: counts by fixed buckets, and their sum: what latencies and sizes of batches are kept in.
 *
 * Owner      a plain struct: whoever holds it.
 * Invariants bounds ascend and stay where they are for as long as the process lives; two histograms add up only when they have the
 *            same bounds; nothing allocates.
 */
#ifndef STENO_WATCH_HISTOGRAM_H
#define STENO_WATCH_HISTOGRAM_H

#include "base/err.h"
#include "steno.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The engine hands out the same struct. count [n + 1] is by bucket, not summed up. */
typedef steno_histogram histogram;

/* Bounds for what people wait for, in seconds: 5 ms to 30 s, three a decade or more. */
#define HISTOGRAM_WAIT_BOUNDS 18
extern const double histogram_wait_s[HISTOGRAM_WAIT_BOUNDS];

/* Empty, over bounds [n], 1 <= n <= STENO_HISTOGRAM_BUCKETS, static. */
void histogram_init(histogram *h, const double *bounds, int n);

/* The bucket of a value: the first whose bound is no less; n above all. What is no number belongs above all. */
int histogram_bucket(const double *bounds, int n, double value);

/* Counts a value. What is no number is counted above all bounds and not added to the sum. */
void histogram_add(histogram *h, double value);

/* into += from; false, and nothing done, when their bounds differ. One that was never opened (zero) takes over the bounds. */
bool histogram_merge(histogram *into, const histogram *from);

uint64_t histogram_count(const histogram *h);

/* The value below which a share q (0 to 1) lies, as Prometheus' histogram_quantile() says it: linear within a bucket, from 0 in the
 * first, and the highest bound above all. NAN when it is empty. */
double histogram_quantile(const histogram *h, double q);

#endif
