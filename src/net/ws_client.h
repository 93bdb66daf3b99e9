/* ws_client.h: many WebSocket client connections in one event loop, on libwebsockets. Bytes only: what they mean is the
 * caller's business.
 *
 * Owner: one thread, which calls everything and in whose ws_client_step() every handler is called. Sending is by pull:
 * ws_conn_want_write() asks for a turn, and in `writable` at most one ws_conn_send() is made, so nothing queues here.
 * Invariant: `closed` is called exactly once for every ws_open() that succeeded (perhaps within it), and a ws_conn lives until
 * the next step after that.
 */
#ifndef STENO_NET_WS_CLIENT_H
#define STENO_NET_WS_CLIENT_H

#include "base/err.h"

#define WS_CLIENT_MESSAGE_BYTES_MAX ((size_t)1 << 20) /* received; a longer one ends the connection with 1009 */
#define WS_CLIENT_SEND_BYTES_MAX    ((size_t)64 << 10)
/* What ws_end.code is when the peer said 1012, 1013 or 1014: libwebsockets 4.1 takes these for errors of the peer's and puts
 * "protocol error" in their place before anybody sees them. The reason stays. */
#define WS_CLIENT_CODE_MASKED   1002
#define WS_CLIENT_URL_BYTES_MAX 2048
#define WS_CLIENT_KEY_BYTES_MAX 256

typedef struct ws_client ws_client;
typedef struct ws_conn ws_conn;

/* How a connection ended. */
typedef struct ws_end {
    bool opened;        /* the upgrade had succeeded */
    int http_status;    /* when the server answered the upgrade with something else; 0: nothing came */
    int code;           /* the peer's close code; 1006 when the connection just broke */
    const char *reason; /* never NULL */
} ws_end;

typedef struct ws_handler {
    void (*opened)(void *user);
    void (*writable)(void *user);
    /* A whole message; the bytes are gone after the call. */
    void (*message)(void *user, bool text, const char *bytes, size_t n);
    void (*closed)(void *user, const ws_end *end);
} ws_handler;

/* `connections`: at most so many at once. `tls`: wss:// is wanted too. */
STENO_CHECK steno_err ws_client_open(const ws_handler *handler, int connections, bool tls, ws_client **out);
/* Connections that are still open end without their handler being called. NULL is allowed. */
void ws_client_close(ws_client *c);

/* A key that every connection opened from now on names: "Authorization: Bearer KEY". Static, or as long as the client. */
void ws_client_set_key(ws_client *c, const char *key);

/* Begins to connect to ws://host:port/path. What is wrong with the address is said here; that nobody answers, by `closed`. */
STENO_CHECK steno_err ws_open(ws_client *c, const char *url, void *user, ws_conn **out);

/* Sleeps until something happens, at most timeout_us (rounded up to whole milliseconds), and serves what did. */
void ws_client_step(ws_client *c, int64_t timeout_us);

void ws_conn_want_write(ws_conn *conn);
/* Only in `writable`, once. Fails when the connection does. */
STENO_CHECK steno_err ws_conn_send(ws_conn *conn, bool text, const void *bytes, size_t n);
/* Says goodbye with this code in the next turn; `closed` follows. */
void ws_conn_close(ws_conn *conn, int code);

/* Payload bytes of messages so far. */
uint64_t ws_conn_bytes_sent(const ws_conn *conn);
uint64_t ws_conn_bytes_received(const ws_conn *conn);

#endif
