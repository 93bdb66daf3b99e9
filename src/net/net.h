/* net.h: one event loop for sockets and descriptors, HTTP requests, WebSockets: bytes only.
 *
 * Purpose    hides epoll, HTTP/1.1, TLS and WebSocket framing: whoever is above sees requests, connections, timers and
 *            watched descriptors.
 * Owner      the thread that runs net_run(); every function here is called on it, and so is every callback.
 * Invariants nothing here blocks; a connection that is not read from holds at most NET_READ_BYTES of what came in; pings
 *            are answered by the loop alone. No callback is called from within a function that a handler calls: what that
 *            function asks for happens in the same or the next round of the loop.
 *
 * What is wrong with a request that no handler has seen is answered here, as {"code": …, "message": …}, and the connection
 * is closed behind it: 400 (syntax, lengths said twice), 408 (head or body too slow), 413, 414, 417, 426, 431, 501 (codings
 * other than chunked), 505. A handler that wants its own shape for 413 looks at content_length before it takes.
 */
#ifndef STENO_NET_NET_H
#define STENO_NET_NET_H

#include "base/err.h"

#define NET_READ_BYTES       4096    /* the most one net_data carries, and what a connection keeps while it is paused */
#define NET_HEADER_BYTES_MAX 16384   /* of a request's head; more: 431 */
#define NET_ARGS_MAX         128     /* query parameters of a request; more: status 400 */
#define NET_ARG_BYTES_MAX    512     /* of one of them, decoded */
#define NET_PATH_BYTES_MAX   256     /* more: 414 */
#define NET_SEND_BYTES_MAX   262144  /* of one message sent */
#define NET_HANDSHAKE_S      10      /* keys agreed on, and a request's head whole, by then; else 408 or just closed */
#define NET_PATIENCE_MS      1000    /* and, when all places are taken, makes room for another one after so long */
#define NET_KEEP_ALIVE_S     15      /* an idle HTTP connection is closed */
#define NET_CLOSE_S          5       /* a peer that does not answer a close, or does not read, is cut off */
#define NET_STUCK_S          15      /* an HTTP client that takes nothing of its answer is cut off */
#define NET_BODY_BYTES_S_MIN 64      /* a body that comes slower on average of body_idle_s: 408 */
#define NET_BODY_BYTES       1048576 /* of a body, where the configuration says nothing */
#define NET_BODY_IDLE_S      30      /* likewise */
#define NET_RECEIVE_BUFFER   65536   /* asked of the kernel: what a peer may send ahead of us */
#define NET_SEND_BUFFER      16384   /* and what may be lost with a connection that breaks */

typedef struct net net;
typedef struct net_exchange net_exchange; /* one HTTP request that was taken; dead once gone() was called */
typedef struct net_conn net_conn;         /* one WebSocket or raw connection; dead once closed() was called */
typedef struct net_timer net_timer;       /* fires once when set */

/* Valid during the callback that gets it; texts that are not there are "". */
typedef struct net_request {
    const char *method, *path;      /* the path without query, decoded */
    const char *args[NET_ARGS_MAX]; /* "name=value", decoded */
    int n_args;
    bool too_many_args; /* or one that is too long */
    const char *if_none_match, *host, *origin, *authorization, *content_type;
    const char
        *protocols; /* Sec-WebSocket-Protocol: what the client offers, always as "a, b"; NET_PROTOCOLS_BYTES_MAX */
    const char *request_id; /* X-Request-Id */
    const char *peer;       /* the client's address */
    int64_t content_length; /* -1: a body of unknown length; 0: none */
    bool tls, upgrades;
    const void *head; /* for net_header() */
} net_request;

/* Any other header into out, cut at its end; false: it is not there. */
bool net_header(const net_request *r, const char *name, char *out, size_t bytes);
/* All headers of that name, as "a, b". */
bool net_header_joined(const net_request *r, const char *name, char *out, size_t bytes);

typedef struct net_reply {
    int status;
    int retry_after_s;   /* 0: no such header */
    const char *type;    /* of the content */
    const char *etag;    /* NULL: none */
    const char *headers; /* more of them, each "name: value\r\n"; static; NULL: none */
    char *owned_headers; /* the same, freed by mem_free() */
    const char
        *protocol; /* upgrade: the one of the client's that is spoken; NULL: none. Static or from owned_headers. */
    size_t message_bytes_max; /* upgrade: of one message from this client; 0: as configured */
    const void *body;         /* stays until the process ends, unless owned */
    size_t bytes;
    void *owned; /* freed by mem_free() when it is sent */
} net_reply;

/* A piece of a message: no more than NET_READ_BYTES. Of a raw connection: binary bytes, first and last. */
typedef struct net_data {
    const unsigned char *bytes;
    size_t n;
    bool text, first, last;
} net_data;

/* Who looks after a WebSocket or a raw connection. */
typedef struct net_conn_handler {
    void (*opened)(void *user, net_conn *conn);
    void (*data)(void *user, const net_data *data);
    /* Asked for by net_want_write(): sends messages until net_send() says false, and asks again for what is left. */
    void (*writable)(void *user);
    /* Called once, whether it ever opened or not. `code`: what the peer's close said (1005: nothing), 0 when it broke; of
     * a raw connection 1000 when the peer ended it. */
    void (*closed)(void *user, int code);
} net_conn_handler;

/* Who looks after a request whose body is wanted, or whose answer comes later or bit by bit. */
typedef struct net_exchange_handler {
    /* The body in pieces; `last` once, perhaps with n == 0. Never called after an answer was given. */
    void (*body)(void *user, const unsigned char *bytes, size_t n, bool last);
    /* Asked for by net_stream_want(): sends pieces until net_stream_send() says false. */
    void (*writable)(void *user);
    /* Called once, last: answered in full, or not (complete is false): the client left, also by only closing its side before
     * an answer was given, its body was too long or too slow, or it read nothing. */
    void (*gone)(void *user, bool complete);
} net_exchange_handler;

/* How a request ended. */
typedef struct net_answered {
    int status;                          /* 0: the client left before it was answered */
    bool complete;                       /* the answer went out whole */
    uint64_t received_bytes, sent_bytes; /* of the bodies */
} net_answered;

typedef struct net_handler {
    void *ctx;
    /* A request: fills the reply (all zero before), or takes the exchange by net_take() and leaves the reply alone. */
    void (*request)(void *ctx, net_exchange *x, const net_request *request, net_reply *reply);
    /* A WebSocket is asked for: who looks after it (*user, the return), or NULL and a reply that refuses. With a handler
     * the reply's headers and protocol go into the 101. */
    const net_conn_handler *(*upgrade)(void *ctx, const net_request *request, net_reply *reply, void **user);
    /* The head of an answer to an exchange with a note is about to go out; may add owned_headers. NULL: nobody wants to. */
    void (*answering)(void *ctx, void *note, net_reply *reply);
    /* An exchange with a note (net_note()) is over. NULL: nobody wants to know. */
    void (*answered)(void *ctx, void *note, const net_answered *a);
} net_handler;

typedef struct net_config {
    const char *bind; /* address or name */
    int port;         /* 0: any */
    int max_connections;
    int ping_s; /* a silent WebSocket is pinged after this, and dropped after as long again */
    size_t message_bytes_max;
    uint64_t body_bytes_max; /* of a request; more: 413. net_take() may allow another limit. 0: NET_BODY_BYTES */
    int body_idle_s;         /* a body nothing comes of for so long: 408 and closed. 0: NET_BODY_IDLE_S */
    const char *tls_certificate, *tls_key; /* PEM files; NULL: no TLS */
} net_config;

typedef struct net_counts {
    int connections, websockets;
    int exchanges;              /* requests that are not answered in full yet */
    uint64_t accepted, refused; /* refused: over max_connections */
    uint64_t requests, received_bytes, sent_bytes, pings_missed;
} net_counts;

/* Listens. STENO_E_IO names the address and the reason. */
STENO_CHECK steno_err net_open(const net_config *config, const net_handler *handler, net **out);
/* Every connection is closed without more ado; closed() is called for each. */
void net_close(net *n);
/* Until net_stop(). */
void net_run(net *n);
void net_stop(net *n);

const char *net_address(const net *n); /* "127.0.0.1:8080", with the port that is really used */
void net_get_counts(const net *n, net_counts *out);
int64_t net_now_ms(void); /* a clock that never goes back */

/* Calls `ready` while `fd` is readable. The descriptor stays the caller's. NULL when there is no memory. */
typedef struct net_watch net_watch;
net_watch *net_watch_open(net *n, int fd, void (*ready)(void *ctx), void *ctx);
void net_watch_close(net_watch *w);

net_timer *net_timer_open(net *n, void (*fire)(void *ctx), void *ctx);
void net_timer_set(net_timer *t, int delay_ms); /* -1: not at all */
void net_timer_close(net_timer *t);

/* Reads certificate and key again, for connections from now on; on failure the old ones stay. */
STENO_CHECK steno_err net_reload_tls(net *n, const char *certificate, const char *key);

/* Another port, for bytes without HTTP. accept(): as upgrade(). `address` says where it listens. */
typedef struct net_raw_config {
    const char *bind;
    int port;
    void *ctx;
    const net_conn_handler *(*accept)(void *ctx, const char *peer, void **user);
} net_raw_config;
STENO_CHECK steno_err net_listen_raw(net *n, const net_raw_config *config, char address[80]);

/* ---- an exchange ------------------------------------------------------------------------------------------------ */

/* Only inside request(): the body goes to the handler, the answer is given later. `body_bytes_max` 0: as configured. */
void net_take(net_exchange *x, const net_exchange_handler *handler, void *user, uint64_t body_bytes_max);
/* Only inside request(): what answered() gets. */
void net_note(net_exchange *x, void *note);
/* No more body() until it is asked for again. */
void net_body_pause(net_exchange *x, bool paused);
/* The whole answer; gone() follows. Before the body is whole, too: then the connection is closed behind it. */
void net_answer(net_exchange *x, const net_reply *reply);
/* An answer bit by bit: head (bytes of the reply are ignored), pieces, end. The peer slows us by not reading. */
void net_stream_begin(net_exchange *x, const net_reply *head);
void net_stream_want(net_exchange *x);
bool net_stream_send(net_exchange *x, const void *bytes, size_t n); /* only inside writable() */
void net_stream_end(net_exchange *x);                               /* behind what was sent; gone() follows */
/* Hangs up. gone() follows. */
void net_exchange_cut(net_exchange *x);

/* ---- a WebSocket or a raw connection ------------------------------------------------------------------------------ */

/* No more data() until it is asked for again; the peer is slowed by TCP. */
void net_pause(net_conn *c, bool paused);
void net_want_write(net_conn *c);
/* One text message, head and body joined; on a raw connection these bytes. Only inside writable(). False: no more for
 * now; the message itself went out. */
bool net_send(net_conn *c, const void *head, size_t head_bytes, const void *body, size_t body_bytes);
/* Closes with a code and a reason (static text) behind what was sent. closed() follows. */
void net_end(net_conn *c, int code, const char *reason);
/* Closes a connection that does not read: nothing is sent. closed() follows. */
void net_cut(net_conn *c);

#endif
