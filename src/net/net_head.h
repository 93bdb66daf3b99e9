/* net_head.h: the head of an HTTP/1.1 request, taken apart: pure, strict, nothing but bytes in and texts out.
 *
 * Owner      whoever calls; no state of its own.
 * Invariants a request whose end two parsers could see differently (Content-Length and Transfer-Encoding, bare line feeds,
 *            folded lines, blanks before a colon) is refused, never interpreted.
 */
#ifndef STENO_NET_NET_HEAD_H
#define STENO_NET_NET_HEAD_H

#include "net/net.h"

#define NET_FIELDS_MAX          100 /* header lines of a request; more: 431 */
#define NET_METHOD_BYTES_MAX    16
#define NET_PROTOCOLS_BYTES_MAX 1024 /* of all that a client offers; more: 400 */
#define NET_BODY_BYTES_MAX      INT64_C(100000000000000000)

typedef struct net_field {
    const char *name, *value;
} net_field;

typedef struct net_head {
    net_request r; /* points into this struct and into the bytes */
    bool http10, chunked, keep_alive, expects_continue;
    bool websocket;            /* asks for one, and rightly */
    const char *websocket_key; /* 24 characters, valid */
    int status;                /* what is wrong: 400 …; 0: nothing */
    const char *why;           /* in words, static */
    int n_fields;
    net_field fields[NET_FIELDS_MAX];
    char path[NET_PATH_BYTES_MAX], protocols[NET_PROTOCOLS_BYTES_MAX + 1];
    char args[NET_ARGS_MAX][NET_ARG_BYTES_MAX];
} net_head;

/* The bytes up to and with the empty line, 0: it has not come. *scanned: how far an earlier call with fewer bytes came. */
size_t net_head_end(const unsigned char *bytes, size_t n, uint32_t *scanned);
/* Takes a whole head apart, in place. Sets `status` and `why` when it is wrong. */
void net_head_parse(net_head *h, char *bytes, size_t n);

#endif
