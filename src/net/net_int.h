/* net_int.h: what the files of src/net share. See net.h.
 *
 * A connection goes through net_state. Only the loop ends one (net_conn_die): calls from above note what they want and ask
 * for a turn, so that no callback finds its own connection gone. Memory of what died is freed between two rounds of the loop,
 * because the round at hand may still hold events for it.
 */
#ifndef STENO_NET_NET_INT_H
#define STENO_NET_NET_INT_H

#include "net/net.h"
#include "net/net_chunk.h"
#include "net/net_frame.h"
#include "net/net_head.h"

#define NET_SEND_PIECE    16384 /* of a reply's body, at a time */
#define NET_WHEEL_SLOTS   64    /* seconds; later deadlines are looked at once a round */
#define NET_ADDRESS_BYTES 80

/* First in everything a descriptor of the loop stands for. */
typedef enum net_kind { NET_KIND_CONN, NET_KIND_WATCH, NET_KIND_PORT } net_kind;

struct net_timer {
    net *owner;
    void (*fire)(void *ctx);
    void *ctx;
    int64_t at_ms;
    int place; /* in the heap; -1: not set */
};

struct net_watch {
    net_kind kind;
    net *owner;
    net_watch *prev, *next; /* of all, or of the dead */
    int fd;
    bool dead;
    void (*ready)(void *ctx);
    void *ctx;
};

/* A listening socket. */
typedef struct net_port {
    net_kind kind;
    struct net_port *next;
    net *owner;
    int fd;
    bool raw;
    net_raw_config config; /* of a raw one */
} net_port;

typedef enum net_state {
    CONN_TLS,      /* agrees on keys, or shows with its first byte that it does not want to */
    CONN_HEAD,     /* a request's head is awaited */
    CONN_EXCHANGE, /* a request is looked after */
    CONN_WS,
    CONN_RAW,
    CONN_LINGER, /* all is said: what the peer still sends is dropped until it hangs up */
    CONN_DEAD
} net_state;

typedef enum net_body { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_DONE } net_body;

struct net_exchange {
    net_conn *conn;
    const net_exchange_handler *handler; /* NULL: not taken */
    void *user;
    net_body body;
    uint64_t left, got, max; /* of the body */
    net_chunk chunk;
    net_reply reply; /* its body and what it owns */
    size_t sent;     /* of the reply's body */
    bool http10, keep_alive, head_only, expects_continue;
    bool paused, answered, streaming, ended, want, cut;
    void *note;
    int status;          /* of the answer */
    uint64_t body_bytes; /* of the answer, that went out */
};

typedef struct net_ws {
    net_frame frame;
    size_t message_bytes_max;
    bool ping_out;  /* not yet answered */
    bool close_out; /* we said goodbye */
    bool close_in;  /* the peer did */
} net_ws;

struct net_conn {
    net_kind kind;
    net_state state;
    net *owner;
    net_conn *prev, *next;         /* of all */
    net_conn *turn_next;           /* of those that want a turn */
    net_conn *due_prev, *due_next; /* of one slot of the wheel */
    net_conn *dead_next;
    int fd;
    uint32_t interest; /* what epoll was told */
    int64_t due_ms;    /* when net_conn_due() is to be called; INT64_MAX: never */
    int64_t placed_s;  /* the second it is looked at; -1: not on the wheel */
    int64_t heard_ms;  /* when something last came in */
    void *tls;         /* SSL */
    net_exchange *exchange;
    net_ws *ws;
    const net_conn_handler *handler; /* of a WebSocket or a raw connection */
    void *user;
    unsigned char *in, *out; /* what could not be used, or sent, yet: [in_at, in_n), [out_at, out_n) */
    uint32_t in_at, in_n, in_cap, out_at, out_n, out_cap;
    uint32_t scanned;      /* of a head that is not whole */
    uint64_t window_bytes; /* of a body, when its deadline was set */
    int peer_code;
    bool in_turn, broken, cut, opened, paused, ending, want, finishing;
    bool head_begun, served, half_closed, tls_wants_write, v6;
    unsigned char peer[16];
};

struct net {
    net_config config;
    net_handler handler;
    int epoll_fd, spare_fd;
    bool stopping;
    net_port *ports;
    net_conn *first, *turns, *dead;
    net_conn *wheel[NET_WHEEL_SLOTS];
    int64_t round_ms; /* when this round began */
    int64_t wheel_s;  /* the second that was looked at last */
    net_watch *watches, *dead_watches;
    net_timer **heap;
    int n_heap, n_timers, cap_timers;
    net_counts counts;
    int64_t warned_ms; /* of descriptors running out */
    char address[NET_ADDRESS_BYTES];
    void *tls;              /* SSL_CTX */
    unsigned char *input;   /* [NET_READ_BYTES]: what was just read */
    unsigned char *scratch; /* [NET_SCRATCH_BYTES]: what is about to be sent */
};
#define NET_SCRATCH_BYTES (NET_SEND_BYTES_MAX + 64)

/* ---- net_loop.c ------------------------------------------------------------------------------------------------- */

/* The connection is looked at once more in this round or the next. */
void net_turn(net_conn *c);
/* net_conn_due() is called then, unless this is called again with a later time. */
void net_due(net_conn *c, int64_t at_ms);
void net_undue(net_conn *c);

/* ---- net_listen.c ----------------------------------------------------------------------------------------------- */

steno_err net_port_open(net *n, const char *bind, int port, const net_raw_config *raw, char address[NET_ADDRESS_BYTES]);
void net_port_ready(net_port *p);
void net_ports_close(net *n);

/* ---- net_conn.c: bytes of a connection ------------------------------------------------------------------------------- */

void net_conn_adopt(net_port *p, int fd, const void *peer, bool v6);
void net_conn_ready(net_conn *c, uint32_t events);
void net_conn_take_turn(net_conn *c);
void net_conn_due(net_conn *c, int64_t now_ms);
/* Sends, keeping what the kernel does not take. Calls nobody. */
void net_put(net_conn *c, const void *bytes, size_t n);
/* Once all is sent, hangs up, without a reset that would eat what the peer has not read. */
void net_finish(net_conn *c);
/* At once. gone() or closed() are called. Only by the loop. */
void net_conn_die(net_conn *c);
void net_conn_free(net_conn *c);
void net_peer_name(const net_conn *c, char out[64]);
/* Calls closed(), once. */
void net_conn_lost(net_conn *c);

/* ---- net_http.c ------------------------------------------------------------------------------------------------- */

/* How many of these bytes were used; 0: more are needed, or nothing is to be read now. */
size_t net_http_input(net_conn *c, unsigned char *bytes, size_t n);
bool net_http_wants_input(const net_conn *c);
/* Goes on sending an answer. Nothing of the last one waits. */
void net_http_pump(net_conn *c);
void net_http_due(net_conn *c, int64_t now_ms);
/* Forgets the exchange; gone() is called. */
void net_exchange_end(net_conn *c, bool complete);

/* ---- net_reply.c ------------------------------------------------------------------------------------------------- */

const char *net_reason_phrase(int status);
/* The head of an answer into out[]. `framing`: the lines that say how long its body is. 0: it does not fit. */
size_t net_reply_head(char *out, size_t bytes, const net_reply *r, const char *framing, bool last);

/* ---- net_ws.c --------------------------------------------------------------------------------------------------- */

/* Sends the 101 and is a WebSocket from then on. False: no memory. */
bool net_ws_open(net_conn *c, const net_head *h, const net_reply *reply);
size_t net_ws_input(net_conn *c, unsigned char *bytes, size_t n);
void net_ws_due(net_conn *c, int64_t now_ms);
void net_raw_open(net_conn *c);
size_t net_raw_input(net_conn *c, const unsigned char *bytes, size_t n);
/* Calls writable(), if that was asked for. */
void net_ws_pump(net_conn *c);

/* ---- net_tls.c -------------------------------------------------------------------------------------------------- */

#define NET_IO_AGAIN  (-1)
#define NET_IO_BROKEN (-2)
steno_err net_tls_context(const char *certificate, const char *key, void **out);
void net_tls_context_free(void *context);
bool net_tls_begin(net_conn *c);
void net_tls_end(net_conn *c, bool politely);
/* 1: keys are agreed on; NET_IO_AGAIN, NET_IO_BROKEN. */
int net_tls_handshake(net_conn *c);
/* Bytes, 0: the end; NET_IO_AGAIN, NET_IO_BROKEN. */
long net_tls_read(net_conn *c, void *bytes, size_t n);
long net_tls_write(net_conn *c, const void *bytes, size_t n);
/* Bytes that were decrypted and not read yet. */
bool net_tls_pending(const net_conn *c);

#endif
