/* watch_store.h: what the monitors counted, minute by minute, so that what is normal outlives a restart.
 *
 * Owner      the store thread. Times are of the wall clock, in seconds, and passed in. What a cell holds is not this file's affair.
 */
#ifndef STENO_STORE_WATCH_STORE_H
#define STENO_STORE_WATCH_STORE_H

#include "store/db.h"

#define WATCH_SERIES_BYTES 160

/* Replaces one that is there. The caller may be inside a transaction. */
STENO_CHECK steno_err watch_store_put(db *d, int64_t start_s, const char *series, const char *cell);
STENO_CHECK steno_err watch_store_expire(db *d, int64_t before_s);

/* A place between rows; zeroed is before all. */
typedef struct watch_place {
    int64_t start_s;
    char series[WATCH_SERIES_BYTES];
} watch_place;

/* Calls `row` for up to `most` rows behind *after, in the order of time, and moves it behind the last; *n: how many there were. */
STENO_CHECK steno_err watch_store_read(db *d, watch_place *after, int most,
                                       void (*row)(void *ctx, int64_t start_s, const char *cell), void *ctx, int *n);

#endif
