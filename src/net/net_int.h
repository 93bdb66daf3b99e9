/* net_int.h: what the files of src/net share. See net.h. */
#ifndef STENO_NET_NET_INT_H
#define STENO_NET_NET_INT_H

#include "net/net.h"

#include <libwebsockets.h>

#define NET_SEND_PIECE 16384 /* of a reply's body, a turn */

struct net_timer {
    lws_sorted_usec_list_t entry; /* first: the callback gets its address */
    net *owner;
    void (*fire)(void *ctx);
    void *ctx;
};

struct net_watch {
    net *owner;
    struct lws *wsi;
    void (*ready)(void *ctx);
    void *ctx;
};

/* One accepted connection: HTTP first, perhaps a WebSocket later. */
struct net_conn {
    net *owner;
    struct lws *wsi;
    net_conn *prev, *next; /* of all connections */
    void *user;            /* from upgrade(), until closed() */
    /* HTTP: what is still to be sent */
    net_reply reply;
    size_t reply_sent;
    bool head_only, last_request;
    /* WebSocket */
    bool opened, paused, ending, ping_due, ping_out, choked;
    int close_code, peer_code;
    const char *close_reason;
    size_t message_bytes; /* of the message being received */
    int64_t heard_ms;     /* when something last came in */
};

struct net {
    net_config config;
    net_handler handler;
    struct lws_context *context;
    struct lws_vhost *vhost;
    net_watch *listener;
    int listen_fd, spare_fd;
    bool stopping;
    net_timer *sweep;
    net_conn *first, *adopting;
    net_counts counts;
    char address[80];
    unsigned char *scratch; /* [LWS_PRE + NET_SEND_BYTES_MAX]: a message on its way out */
};

/* The callback of every connection; net_http.c. */
int net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n);
/* Its WebSocket half; net_ws.c. */
int net_ws_callback(net_conn *c, enum lws_callback_reasons reason, void *in, size_t n);
/* Once a second for each WebSocket: pings. */
void net_ws_sweep(net_conn *c, int64_t now_ms);
/* Calls closed(), once. */
void net_conn_lost(net_conn *c);
/* Takes an accepted socket over, or closes it. */
void net_adopt(net *n, int fd);

#endif
