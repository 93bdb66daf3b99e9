/* webhook_queue.h: rows of delivery_store.h on their way to receivers: who is due is sent, what came of it is written.
 *
 * Owner      the network thread.
 * Use        a message is sent by putting its row into the database, in the transaction of what it tells of, and a kick.
 *            Jobs do so with signed messages; whoever has a plain callback to make (a result to POST or PUT to an
 *            address, as other vendors do) uses webhooks_post().
 * Invariants every message is sent until its receiver takes it (2xx), does not want it (410), or attempts_max
 *            attempts have failed; after a crash what was under way is sent again, under the same id.
 */
#ifndef STENO_API_WEBHOOK_QUEUE_H
#define STENO_API_WEBHOOK_QUEUE_H

#include "api/trace.h"
#include "api/webhook_send.h"
#include "net/net.h"
#include "store/worker.h"

#define WEBHOOKS_PER_URL  4     /* under way to one address: a dead one does not take all places */
#define WEBHOOKS_AGAIN_MS 1000  /* after which the store is asked again when it could not answer */
#define WEBHOOKS_IDLE_MS  60000 /* and when nothing is due */

typedef struct webhooks webhooks;

typedef struct webhooks_config {
    send_config send;
    tracer *tracer;   /* NULL: no spans */
    int64_t retry_ms; /* after the first failure */
    int attempts_max;
} webhooks_config;

STENO_CHECK steno_err webhooks_open(const webhooks_config *config, net *n, worker *store, webhooks **out);
/* From the next message on; certificates and clock stay. */
void webhooks_configure(webhooks *w, const webhooks_config *config);
/* Before the worker is closed: nothing more is put into it … */
void webhooks_stop(webhooks *w);
/* … and after it was. NULL is allowed. */
void webhooks_close(webhooks *w);

/* A row was added, or may be due. */
void webhooks_kick(webhooks *w);

/* A message that is not a job's: `v` has owner, url, kind, content_type and the body, which is taken over (also on
 * failure). `stored` is called when it is in the database, or could not be put there: once it is, it will be delivered. */
STENO_CHECK steno_err webhooks_post(webhooks *w, delivery *v, void (*stored)(void *user, steno_err e), void *user);

typedef struct webhooks_counts {
    uint64_t delivered, failed_attempts, given_up;
    int under_way;
} webhooks_counts;
void webhooks_get_counts(const webhooks *w, webhooks_counts *out);

#endif
