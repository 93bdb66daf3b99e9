/* outbox.h: the events of a session: on their way out, and kept until the client says that it has them.
 *
 * Owner: the network thread, one a session. One list in the order of events; what the connection has sent carries a
 * number (`seq`), what waits behind it has none yet. So a slow reader and a lost connection are the same to it.
 * Invariants: numbers are given when an event goes out, hence have no gaps; of one message only the newest partial is
 * kept, and only the newest revision of who spoke it; finals, answers and the end are never dropped silently: past OUTBOX_UNSENT_MAX the caller is told to close the
 * connection, past OUTBOX_KEPT_MAX sent events are dropped oldest first and resuming from before them is refused.
 * Revisions are counted apart: the end of a long session may revise all of its messages at once.
 */
#ifndef STENO_API_OUTBOX_H
#define STENO_API_OUTBOX_H

#include "base/err.h"

#define OUTBOX_UNSENT_MAX         256 /* events a connection may lag behind */
#define OUTBOX_UNSENT_BYTES_MAX   131072
#define OUTBOX_KEPT_MAX           1024 /* events in all */
#define OUTBOX_KEPT_BYTES_MAX     262144
#define OUTBOX_REVISIONS_MAX      4096 /* as many messages as an engine remembers of a stream */
#define OUTBOX_REVISION_BYTES_MAX 2097152

typedef enum outbox_kind {
    OUTBOX_KEEP,     /* final, answer, error, closed */
    OUTBOX_PARTIAL,  /* replaced by the next partial or final of its message */
    OUTBOX_SPEECH,   /* forgotten with the final of its message once it was sent */
    OUTBOX_FINAL,    /* a KEEP that ends a message */
    OUTBOX_REVISION, /* replaced by whatever comes next of its message */
    OUTBOX_STATS,    /* the newest only, and not again after a loss */
    OUTBOX_LOAD      /* the newest only */
} outbox_kind;

typedef struct outbox_event {
    struct outbox_event *prev, *next;
    uint64_t seq; /* 0: not sent */
    uint32_t message, n;
    outbox_kind kind;
    char body[]; /* JSON after the number: "\"type\":…}" */
} outbox_event;

/* Zeroed is empty. */
typedef struct outbox {
    outbox_event *first, *last, *unsent; /* unsent: the first of them */
    uint64_t sent_seq;                   /* the last number given */
    uint64_t lost_seq;                   /* the last number dropped although nobody acknowledged it */
    uint32_t n, n_unsent;                /* without revisions */
    size_t bytes, unsent_bytes;
    uint32_t n_revisions;
    size_t revision_bytes;
    uint64_t coalesced; /* partials that were overtaken before they were sent */
} outbox;

/* Takes a copy of the body. STENO_E_LIMIT: it is in, but the connection lags too far and must go; STENO_E_NOMEM: it is
 * not in, and the session cannot go on. */
STENO_CHECK steno_err outbox_put(outbox *o, outbox_kind kind, uint32_t message, const char *body, size_t n);

/* The next event to send, numbered; NULL: none. outbox_sent() says that it went out. */
const outbox_event *outbox_next(outbox *o);
void outbox_sent(outbox *o);
/* A number for an event that is not kept (ready). */
uint64_t outbox_number(outbox *o);

/* The client has everything up to this number. */
void outbox_acknowledge(outbox *o, uint64_t seq);

/* Another connection, whose client has everything up to last_seq: what came later is unsent again, and numbers go on
 * from there. STENO_E_NOT_FOUND: some of that is no longer kept; STENO_E_INVALID: no such number was ever given. */
STENO_CHECK steno_err outbox_check_resume(const outbox *o, uint64_t last_seq); /* changes nothing */
STENO_CHECK steno_err outbox_resume(outbox *o, uint64_t last_seq);

void outbox_free(outbox *o);

#endif
