/* delivery_store.h: what others are to be told, until they have been: rows that survive a restart.
 *
 * Owner      the store thread. Times are of the wall clock and passed in.
 * Invariants a delivery is sent at least once and is given up only after the sender says so; its id is the same in every
 *            attempt, so that a receiver can drop what it has seen. One that is over keeps neither body nor secret.
 */
#ifndef STENO_STORE_DELIVERY_STORE_H
#define STENO_STORE_DELIVERY_STORE_H

#include "store/db.h"
#include "store/ident.h"

#define DELIVERY_URL_BYTES    2048
#define DELIVERY_SECRET_BYTES 128
#define DELIVERY_OWNER_BYTES  64
#define DELIVERY_TYPE_BYTES   64
#define DELIVERY_ERROR_BYTES  160
#define DELIVERY_TRACE_BYTES  576 /* of the trace it belongs to, as its row has it */
#define DELIVERY_BODY_MAX     ((size_t)64 << 20)
#define DELIVERY_ID_PREFIX    "msg_"

typedef enum delivery_kind {
    DELIVERY_SIGNED,     /* a Standard Webhooks message */
    DELIVERY_PLAIN_POST, /* the body alone, as vendors' callbacks are */
    DELIVERY_PLAIN_PUT
} delivery_kind;

typedef enum delivery_state { DELIVERY_PENDING, DELIVERY_SENDING, DELIVERY_DONE, DELIVERY_GIVEN_UP } delivery_state;

typedef struct delivery {
    char id[IDENT_BYTES], job[IDENT_BYTES]; /* job: "" when it is of none */
    char owner[DELIVERY_OWNER_BYTES], url[DELIVERY_URL_BYTES], secret[DELIVERY_SECRET_BYTES];
    char content_type[DELIVERY_TYPE_BYTES];
    delivery_kind kind;
    char trace[DELIVERY_TRACE_BYTES]; /* "": none */
    unsigned char span[8];            /* of this attempt, not of the row; zeros: it is no span */
    int attempts;                     /* begun before this one */
    char *body;                       /* owned: mem_free() */
    size_t n;
} delivery;

/* The caller may be inside a transaction. */
STENO_CHECK steno_err delivery_store_add(db *d, const delivery *v, int64_t now_ms);

/* The next one that is due, marked as being sent; *any false: none is, and *wait_ms says for how long (-1: until one is
 * added). At most `per_url` are under way to one address. A due time more than `backoff_max_ms` ahead is due: the clock was
 * set back. */
STENO_CHECK steno_err delivery_store_claim(db *d, int64_t now_ms, int64_t backoff_max_ms, int per_url, delivery *out,
                                           bool *any, int64_t *wait_ms);

/* What became of an attempt: DELIVERY_PENDING (again at next_ms), DELIVERY_DONE or DELIVERY_GIVEN_UP. */
typedef struct delivery_outcome {
    delivery_state state;
    int status; /* HTTP's; 0: none came */
    const char *error;
    int64_t next_ms;
} delivery_outcome;
STENO_CHECK steno_err delivery_store_settle(db *d, const char *id, const delivery_outcome *o, int64_t now_ms);

/* At start: what was being sent is sent again. */
STENO_CHECK steno_err delivery_store_recover(db *d);
STENO_CHECK steno_err delivery_store_expire(db *d, int64_t ended_before_ms);

/* How the newest delivery of a job fares, for people; *any false: it has none. */
typedef struct delivery_view {
    char id[IDENT_BYTES], error[DELIVERY_ERROR_BYTES];
    delivery_state state;
    int attempts, status;
} delivery_view;
STENO_CHECK steno_err delivery_store_view(db *d, const char *job, delivery_view *out, bool *any);

#endif
