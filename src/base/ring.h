/* ring.h: a bounded queue of messages by value, many producers and one consumer.
 *
 * Owner: the consumer frees it; any thread may push. Full is an answer, not a wait. Guarded by one mutex, which nobody
 * holds while doing anything but copying.
 */
#ifndef STENO_BASE_RING_H
#define STENO_BASE_RING_H

#include "base/err.h"

#include <pthread.h>

typedef struct ring {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    unsigned char *items; /* owned [cap, item_bytes] */
    size_t item_bytes, cap, head, count;
} ring;

STENO_CHECK steno_err ring_init(ring *r, size_t cap, size_t item_bytes);
void ring_free(ring *r);

/* Copies n items in; all or none: false when they do not fit. */
bool ring_push(ring *r, const void *items, size_t n);

/* Takes up to `most` items; waits up to timeout_ms for the first (-1: for ever, 0: not at all). Returns how many. */
size_t ring_pop(ring *r, void *items, size_t most, int timeout_ms);

#endif
