/* net.h: one event loop for sockets and descriptors, HTTP requests, WebSockets: bytes only.
 *
 * Purpose    hides libwebsockets: whoever is above sees requests, connections, timers and watched descriptors.
 * Owner      the thread that runs net_run(); every function here is called on it, and so is every callback.
 * Invariants nothing here blocks; a connection that is not read from holds at most NET_READ_BYTES of what came in; pings
 *            are answered by the loop alone.
 */
#ifndef STENO_NET_NET_H
#define STENO_NET_NET_H

#include "base/err.h"

#define NET_READ_BYTES       4096  /* the most one net_data carries, and what a connection keeps while it is paused */
#define NET_HEADER_BYTES_MAX 16384 /* of a request's head; more: the connection is closed */
#define NET_ARGS_MAX         32    /* query parameters of a request; more: status 400 */
#define NET_ARG_BYTES_MAX    256   /* of one of them, decoded */
#define NET_PATH_BYTES_MAX   256
#define NET_SEND_BYTES_MAX   262144 /* of one message sent */
#define NET_HANDSHAKE_S      10     /* a connection whose request is not whole by then is closed */
#define NET_KEEP_ALIVE_S     15     /* an idle HTTP connection is closed */
#define NET_CLOSE_S          5      /* a peer that does not answer a close, or does not read, is cut off */
#define NET_RECEIVE_BUFFER   65536  /* asked of the kernel: what a peer may send ahead of us */
#define NET_SEND_BUFFER      16384  /* and what may be lost with a connection that breaks */

typedef struct net net;
typedef struct net_conn net_conn;   /* one WebSocket; dead once closed() was called */
typedef struct net_timer net_timer; /* fires once when set */

typedef struct net_request {
    const char *method, *path;      /* the path without query, decoded */
    const char *if_none_match;      /* "" */
    const char *args[NET_ARGS_MAX]; /* "name=value", decoded */
    int n_args;
    bool too_many_args; /* or one that is too long */
} net_request;

typedef struct net_reply {
    int status;
    int retry_after_s;   /* 0: no such header */
    const char *type;    /* of the content */
    const char *etag;    /* NULL: none */
    const char *headers; /* more of them, each "name: value\r\n"; static; NULL: none */
    const void *body;    /* stays until the process ends, unless owned */
    size_t bytes;
    void *owned; /* freed by mem_free() when it is sent */
} net_reply;

/* A piece of a message: no more than NET_READ_BYTES. */
typedef struct net_data {
    const unsigned char *bytes;
    size_t n;
    bool text, first, last;
} net_data;

typedef struct net_handler {
    void *ctx;
    /* A request: fills the reply (all zero before). */
    void (*request)(void *ctx, const net_request *request, net_reply *reply);
    /* A WebSocket is asked for: what will be its user pointer, or NULL and a reply that refuses. After a pointer
     * closed() is called sooner or later, whether the WebSocket ever opened or not. */
    void *(*upgrade)(void *ctx, const net_request *request, net_reply *reply);
    void (*opened)(void *user, net_conn *conn);
    void (*data)(void *user, const net_data *data);
    /* Asked for by net_want_write(): sends messages until net_send() says false, and asks again for what is left. */
    void (*writable)(void *user);
    /* `code`: what the peer's close said, 0 when it broke. */
    void (*closed)(void *user, int code);
} net_handler;

typedef struct net_config {
    const char *bind; /* address or name */
    int port;         /* 0: any */
    int max_connections;
    int ping_s; /* a silent WebSocket is pinged after this, and dropped after as long again */
    size_t message_bytes_max;
} net_config;

typedef struct net_counts {
    int connections, websockets;
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

/* ---- a WebSocket ------------------------------------------------------------------------------------------------ */

/* No more data() until it is asked for again; the peer is slowed by TCP. */
void net_pause(net_conn *c, bool paused);
void net_want_write(net_conn *c);
/* One text message, head and body joined. Only inside writable(). False: no more for now; the message itself went out. */
bool net_send(net_conn *c, const void *head, size_t head_bytes, const void *body, size_t body_bytes);
/* Closes with a code and a reason (static text) behind what was sent. closed() follows. */
void net_end(net_conn *c, int code, const char *reason);
/* Closes a connection that does not read: nothing is sent. closed() follows. */
void net_cut(net_conn *c);

#endif
