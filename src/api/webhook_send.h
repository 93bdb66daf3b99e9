/* webhook_send.h: the thread that posts messages to receivers: of webhooks, and of spans (trace_export.c).
 *
 * Owner      the network thread puts messages in and takes answers out; libcurl runs on a thread of its own.
 * Invariants at most SEND_AT_ONCE are under way; each ends within the time-out; redirects are not followed, no proxy is
 *            used, certificates are checked; of an answer's body at most SEND_ANSWER_BYTES_MAX are read, and kept only where
 *            that is wanted; a connection is made only to an address that webhook_net.h allows, unless the operator chose it.
 */
#ifndef STENO_API_WEBHOOK_SEND_H
#define STENO_API_WEBHOOK_SEND_H

#include "api/webhook_net.h"
#include "store/delivery_store.h"

#define SEND_AT_ONCE          16
#define SEND_CONNECT_MS       5000
#define SEND_ANSWER_BYTES_MAX 65536
#define SEND_HEAD_BYTES       1024 /* of one header line */
#define SEND_HEADERS_BYTES    8192 /* of all lines that every message has */
#define SEND_ORIGIN_BYTES     320

typedef struct send_config {
    webhook_networks networks;
    int timeout_ms;
    const char *ca_file;      /* more certificates to trust; NULL: the system's */
    int64_t (*wall_ms)(void); /* for the time stamps of those that are signed */
    bool trusted;             /* the operator's own address: any is allowed, and connections are used again */
    bool keep_answers;        /* bodies of answers are wanted */
    const char *headers;      /* more of them, each line "Name: value\n"; NULL: none. Copied */
} send_config;

/* What came of one attempt. */
typedef struct send_answer {
    char id[IDENT_BYTES];
    int attempts;      /* with this one */
    int status;        /* HTTP's; 0: none came */
    int retry_after_s; /* 0: it did not say */
    bool hopeless;     /* the address is not allowed, or the message cannot be made: another attempt changes nothing */
    char error[DELIVERY_ERROR_BYTES]; /* "" with a status of 2xx */
    char *body;                       /* with keep_answers: what was answered, owned: mem_free(); NULL: nothing */
    size_t n;
    int64_t begun_ns, ended_ns; /* of a clock that never goes back */
    char trace[DELIVERY_TRACE_BYTES];
    unsigned char span[8];          /* as the message had them */
    char origin[SEND_ORIGIN_BYTES]; /* "https://example.org:8443" of its address */
    bool put;                       /* sent by PUT */
} send_answer;

typedef struct sender sender;

STENO_CHECK steno_err sender_open(const send_config *config, sender **out);
/* Networks, time-out and headers, from the next message on. */
void sender_configure(sender *s, const send_config *config);
/* What is under way is broken off. NULL is allowed. */
void sender_close(sender *s);

/* Takes the message's body over. False: SEND_AT_ONCE are under way; it stays the caller's. */
bool sender_put(sender *s, delivery *v);
/* Readable while answers wait. */
int sender_fd(const sender *s);
bool sender_take(sender *s, send_answer *out);

#endif
