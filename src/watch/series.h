/* series.h: how surprising the next value of any series is: of gauges that have no trials and no known spread.
 *
 * Purpose    a few features of the newest values (a jump, a shift over an hour or half a day, more noise, or none) are each compared with
 *            what that feature has been like before; surprise is the logarithm of how rare it is. Nothing about the distribution is
 *            assumed but that its past says what is usual: bursts that come daily surprise nobody. A daily rhythm is learnt where
 *            there is one.
 * Owner      whoever calls; a struct a series, a fixed number of operations a value, nothing allocated.
 * Invariants surprise is 0 while it learns (SERIES_WARM values). What surprised is said once: until SERIES_QUIET values later only
 *            what surprises more is said again.
 */
#ifndef STENO_WATCH_SERIES_H
#define STENO_WATCH_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#define SERIES_WARM     200
#define SERIES_QUIET    200
#define SERIES_PARTS    48 /* of a day */
#define SERIES_FEATURES 5
#define SERIES_BINS     96 /* of a feature's past, logarithmic */

typedef struct series_past {
    double count[SERIES_BINS], all, most;
} series_past;

typedef struct series_watch {
    int64_t n;
    double level, spread, last, last_z, along, along_n, change; /* of the values; of neighbours; of their differences */
    double part[SERIES_PARTS], part_n[SERIES_PARTS], told,
        untold;                      /* by the time of day; squares left with it and without */
    double run, drift, noise, still; /* what features are made of */
    series_past past[SERIES_FEATURES];
    double said[SERIES_QUIET]; /* what surprised lately, a ring */
} series_watch;

/* The next value; `at_s` is its time, for the rhythm of days. Returns what there is to say: 0, or surprise as -log of a chance. */
double series_step(series_watch *s, double value, int64_t at_s);

/* NAB's windowed Gaussian, to compare with: 1 - the tail probability of the value in a normal distribution over the window before it.
 * Takes the window's sums; see bench/watch/nab.c. */
double series_gaussian(double value, double n, double sum, double squares);

#endif
