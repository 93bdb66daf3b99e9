/* histogram.c: see histogram.h. Owner: whoever holds one; pure. */
#include "watch/histogram.h"

#include <assert.h>
#include <math.h>

const double histogram_wait_s[HISTOGRAM_WAIT_BOUNDS] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,  0.3,
                                                        0.5,   0.75, 1.0,   1.5,  2.5,   5.0, 10.0, 20.0, 30.0};

void histogram_init(histogram *h, const double *bounds, int n) {
    assert(n >= 1 && n <= STENO_HISTOGRAM_BUCKETS);
    *h = (histogram){.bounds = bounds, .n = n};
}

int histogram_bucket(const double *bounds, int n, double value) {
    int low = 0, high = n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (value <= bounds[middle]) /* false of what is no number */
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void histogram_add(histogram *h, double value) {
    h->count[histogram_bucket(h->bounds, h->n, value)]++;
    if (isfinite(value)) h->sum += value;
}

bool histogram_merge(histogram *into, const histogram *from) {
    if (!into->bounds) histogram_init(into, from->bounds, from->n);
    if (into->n != from->n) return false;
    for (int i = 0; i < into->n; i++) {
        if (into->bounds[i] != from->bounds[i]) return false;
    }
    for (int i = 0; i <= into->n; i++) into->count[i] += from->count[i];
    into->sum += from->sum;
    return true;
}

uint64_t histogram_count(const histogram *h) {
    uint64_t all = 0;
    for (int i = 0; i <= h->n; i++) all += h->count[i];
    return all;
}

double histogram_quantile(const histogram *h, double q) {
    uint64_t all = histogram_count(h);
    double rank = q * (double)all, below = 0.0;
    if (all == 0) return NAN;
    for (int i = 0; i < h->n; i++) {
        double here = (double)h->count[i], low = i ? h->bounds[i - 1] : fmin(0.0, h->bounds[0]);
        if (here > 0 && below + here >= rank) return low + (h->bounds[i] - low) * (rank - below) / here;
        below += here;
    }
    return h->bounds[h->n - 1];
}
