/* worker.h: the store thread: what writes or waits for a disk runs there, in order, and answers come back.
 *
 * Purpose    nothing may block the network thread; SQLite and fsync do.
 * Owner      the thread that made it puts work in and takes answers out; run() is called on the store thread, which owns
 *            the database meanwhile; done() on the owner's. An item belongs to the store thread from worker_put() until
 *            its done() is called.
 * Invariants items run one at a time, in the order they were put; done() comes in the same order, once for each that was
 *            taken, also when the worker is closed. At most WORKER_QUEUE_MAX are under way: then worker_put() says no.
 */
#ifndef STENO_STORE_WORKER_H
#define STENO_STORE_WORKER_H

#include "base/err.h"
#include "store/db.h"

#define WORKER_QUEUE_MAX 4096 /* items put and not yet answered */
#define WORKER_TURN_MAX  64   /* answers handed out in one worker_deliver() */

/* The head of what a feature hands over; the rest of its struct follows. */
typedef struct work {
    steno_err (*run)(struct work *w, db *d); /* d may be NULL when the worker has no database */
    void (*done)(struct work *w);            /* may free it */
    steno_err error;                         /* what run() returned */
    char why[ERR_DETAIL_BYTES];              /* and its sentence, when it failed */
    struct work *next;
} work;

typedef struct worker worker;

/* Takes over the database (NULL: none), also on failure. */
STENO_CHECK steno_err worker_open(db *d, worker **out);
/* Runs what was put, calls every done(), ends the thread, closes the database. worker_put() says no meanwhile. NULL is
 * allowed. */
void worker_close(worker *w);

/* False: too much is under way; the item stays the caller's. */
bool worker_put(worker *w, work *item);

/* Readable while answers wait: watch it, and call worker_deliver(). */
int worker_fd(const worker *w);
void worker_deliver(worker *w);

#endif
