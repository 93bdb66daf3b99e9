/* spsc.h: a bounded queue of messages by value between two threads, without a lock.
 *
 * Purpose    ring.h has a mutex: a thread of low priority that is preempted while it holds it makes everybody wait. Here nobody can
 *            make anybody wait.
 * Owner      one thread pushes, one pops; whoever made it frees it when neither does any more.
 * Invariants full and empty are answers. What was written before a push is seen after its pop.
 */
#ifndef STENO_BASE_SPSC_H
#define STENO_BASE_SPSC_H

#include "base/err.h"

#include <stdatomic.h>

typedef struct spsc {
    unsigned char *items; /* owned [cap, item_bytes] */
    size_t item_bytes, cap;
    _Alignas(64) _Atomic size_t pushed; /* ever; the pusher's */
    _Alignas(64) _Atomic size_t popped; /* ever; the popper's */
} spsc;

/* STENO_E_NOMEM. */
STENO_CHECK steno_err spsc_init(spsc *q, size_t cap, size_t item_bytes);
void spsc_free(spsc *q); /* zeroed is allowed */

/* False: full. */
bool spsc_push(spsc *q, const void *item);
/* False: empty. */
bool spsc_pop(spsc *q, void *item);
/* How many are in it, or were a moment ago. */
size_t spsc_count(const spsc *q);

#endif
