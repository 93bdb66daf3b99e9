/* ws_client.c: see ws_client.h.
 *
 * libwebsockets waits in whole milliseconds and rounds down, so that a wait of less than one would spin: a step's alarm is
 * set a millisecond late, and the step returns at the first wake-up whether the alarm went off or not.
 */
#include "net/ws_client.h"

#include "base/mem.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#define RECEIVE_BYTES     16384 /* most messages fit and are handed over where they lie */
#define SPARE_DESCRIPTORS 32
#define REASON_BYTES      160
#define CODE_BROKEN       1006
#define CODE_TOO_LONG     1009
#define ALARM_LATE_US     1000
#define DEFAULT_PATH      "v1/stream"

struct ws_client {
    ws_handler handler;
    const char *key; /* NULL: none */
    struct lws_context *context;
    lws_sorted_usec_list_t alarm;
    bool closing; /* no handler is called any more */
    int open, limit;
    ws_conn *conns;
    unsigned char out[LWS_PRE + WS_CLIENT_SEND_BYTES_MAX];
};

struct ws_conn {
    ws_conn *next;
    ws_client *client;
    void *user;
    struct lws *wsi;
    char *parts; /* owned: a message that comes in pieces */
    size_t n_parts, cap_parts;
    uint64_t sent, received;
    int close_code; /* asked for; 0: none */
    bool in_turn, failed, done;
    ws_end end;
    char reason[REASON_BYTES];
};

/* Frees the connections that have ended, or all. Between steps, when nobody looks at them any more. */
static void reap(ws_client *c, bool all) {
    ws_conn **at = &c->conns;
    while (*at) {
        ws_conn *conn = *at;
        if (!conn->done && !all) {
            at = &conn->next;
            continue;
        }
        *at = conn->next;
        c->open--;
        mem_free(conn->parts);
        mem_free(conn);
    }
}

/* ---- what libwebsockets says ------------------------------------------------------------------------------------ */

static void set_reason(ws_conn *conn, const void *bytes, size_t n) {
    snprintf(conn->reason, sizeof conn->reason, "%.*s", (int)(n < REASON_BYTES ? n : REASON_BYTES - 1),
             bytes ? (const char *)bytes : "");
}

static void end_connection(ws_conn *conn) {
    if (conn->done) return;
    conn->done = true;
    if (conn->wsi) lws_set_wsi_user(conn->wsi, NULL); /* whatever is said of it later is ignored */
    conn->wsi = NULL;
    conn->end.reason = conn->reason;
    if (!conn->client->closing) conn->client->handler.closed(conn->user, &conn->end);
}

/* Keeps a piece of a message. False: too long, or no memory. */
static bool keep_part(ws_conn *conn, const char *bytes, size_t n) {
    if (n > WS_CLIENT_MESSAGE_BYTES_MAX - conn->n_parts) return false;
    size_t need = conn->n_parts + n;
    if (need > conn->cap_parts) {
        size_t cap = conn->cap_parts ? conn->cap_parts : RECEIVE_BYTES;
        while (cap < need) cap *= 2;
        char *grown = mem_resize(conn->parts, conn->cap_parts, cap);
        if (!grown) return false;
        conn->parts = grown;
        conn->cap_parts = cap;
    }
    memcpy(conn->parts + conn->n_parts, bytes, n);
    conn->n_parts = need;
    return true;
}

static int receive(ws_conn *conn, const char *bytes, size_t n) {
    struct lws *wsi = conn->wsi;
    bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
    bool text = !lws_frame_is_binary(wsi);
    conn->received += n;
    if (last && conn->n_parts == 0) {
        conn->client->handler.message(conn->user, text, bytes, n);
        return 0;
    }
    if (!keep_part(conn, bytes, n)) {
        conn->end.code = CODE_TOO_LONG;
        set_reason(conn, "a message is too long", 21);
        lws_close_reason(wsi, (enum lws_close_status)CODE_TOO_LONG, NULL, 0);
        return -1;
    }
    if (!last) return 0;
    size_t whole = conn->n_parts;
    conn->n_parts = 0;
    conn->client->handler.message(conn->user, text, conn->parts, whole);
    return 0;
}

static int take_turn(ws_conn *conn) {
    if (conn->close_code) {
        lws_close_reason(conn->wsi, (enum lws_close_status)conn->close_code, NULL, 0);
        return -1;
    }
    conn->in_turn = true;
    conn->client->handler.writable(conn->user);
    conn->in_turn = false;
    return conn->failed ? -1 : 0;
}

static void peer_closes(ws_conn *conn, const unsigned char *bytes, size_t n) {
    if (n < 2) return;
    conn->end.code = bytes[0] << 8 | bytes[1];
    set_reason(conn, bytes + 2, n - 2);
}

/* Where the library writes its request: *at, of which `room` bytes are left. */
static int add_key(const ws_conn *conn, struct lws *wsi, unsigned char **at, size_t room) {
    char value[WS_CLIENT_KEY_BYTES_MAX + 8];
    if (!conn->client->key) return 0;
    int n = snprintf(value, sizeof value, "Bearer %s", conn->client->key);
    if (n < 0 || (size_t)n >= sizeof value) return -1;
    return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (const unsigned char *)value, n, at,
                                        *at + room);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    ws_conn *conn = user;
    if (!conn || conn->done) return 0;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return add_key(conn, wsi, in, n);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        conn->wsi = wsi;
        conn->end.opened = true;
        if (!conn->client->closing) conn->client->handler.opened(conn->user);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return conn->client->closing ? -1 : receive(conn, in, n);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return conn->client->closing ? -1 : take_turn(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        peer_closes(conn, in, n);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        conn->wsi = wsi;
        conn->end.http_status = (int)lws_http_client_http_response(wsi);
        set_reason(conn, in ? in : "no answer", in ? n : 9);
        end_connection(conn);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        end_connection(conn);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "steno", .callback = on_event, .rx_buffer_size = RECEIVE_BYTES}, {0}};

/* ---- the loop --------------------------------------------------------------------------------------------------- */

steno_err ws_client_open(const ws_handler *handler, int connections, bool tls, ws_client **out) {
    *out = NULL;
    ws_client *c = mem_alloc(1, sizeof *c);
    if (!c) return err_fail(STENO_E_NOMEM, "no memory for a WebSocket client");
    c->handler = *handler;
    c->limit = connections;
    lws_set_log_level(0, NULL); /* what went wrong is said by errors */
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .gid = -1,
        .uid = -1,
        .fd_limit_per_thread = (unsigned)(connections + SPARE_DESCRIPTORS),
        .options = tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0,
    };
    c->context = lws_create_context(&info);
    if (!c->context) {
        mem_free(c);
        return err_fail(STENO_E_IO, "cannot make an event loop for %d WebSocket connections", connections);
    }
    *out = c;
    return STENO_OK;
}

void ws_client_set_key(ws_client *c, const char *key) {
    c->key = key;
}

void ws_client_close(ws_client *c) {
    if (!c) return;
    c->closing = true;
    lws_context_destroy(c->context);
    reap(c, true);
    mem_free(c);
}

static void alarm_rang(lws_sorted_usec_list_t *alarm) {
    (void)alarm;
}

void ws_client_step(ws_client *c, int64_t timeout_us) {
    if (timeout_us < 0) timeout_us = 0;
    reap(c, false);
    lws_sul_schedule(c->context, 0, &c->alarm, alarm_rang, timeout_us + ALARM_LATE_US);
    lws_service(c->context, 0);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

/* A copy of the address that lws_parse_uri() may take apart. */
typedef struct address {
    char text[WS_CLIENT_URL_BYTES_MAX], path[WS_CLIENT_URL_BYTES_MAX + 16];
    const char *host;
    int port;
    bool tls;
} address;

static steno_err parse_address(const char *url, address *a) {
    const char *protocol, *path;
    if (strlen(url) >= sizeof a->text)
        return err_fail(STENO_E_LIMIT, "an address is longer than %zu bytes", sizeof a->text - 1);
    snprintf(a->text, sizeof a->text, "%s", url);
    if (!strstr(url, "://") || lws_parse_uri(a->text, &protocol, &a->host, &a->port, &path) != 0 || !a->host[0])
        return err_fail(STENO_E_INVALID, "%s: not an address like ws://host:port/v1/stream", url);
    a->tls = strcmp(protocol, "wss") == 0;
    if (!a->tls && strcmp(protocol, "ws") != 0) return err_fail(STENO_E_INVALID, "%s: want ws:// or wss://", url);
    const char *plain = path[0] == '/' ? path + 1 : path;
    bool bare = plain[0] == 0 || plain[0] == '?';
    snprintf(a->path, sizeof a->path, "/%s%s", bare ? DEFAULT_PATH : "", plain);
    return STENO_OK;
}

steno_err ws_open(ws_client *c, const char *url, void *user, ws_conn **out) {
    address a;
    *out = NULL;
    ERR_TRY(parse_address(url, &a));
    if (c->open >= c->limit) return err_fail(STENO_E_LIMIT, "%s: %d connections are open already", url, c->open);
    ws_conn *conn = mem_alloc(1, sizeof *conn);
    if (!conn) return err_fail(STENO_E_NOMEM, "%s: no memory for a connection", url);
    *conn = (ws_conn){.client = c, .user = user, .end = {.code = CODE_BROKEN}, .next = c->conns};
    c->conns = conn;
    c->open++;
    const struct lws_client_connect_info info = {
        .context = c->context,
        .address = a.host,
        .port = a.port,
        .path = a.path,
        .host = a.host,
        .origin = a.host,
        .ssl_connection = a.tls ? LCCSCF_USE_SSL : 0,
        .local_protocol_name = protocols[0].name,
        .ietf_version_or_minus_one = -1,
        .userdata = conn,
        .pwsi = &conn->wsi,
    };
    *out = conn;
    if (!lws_client_connect_via_info(&info) && !conn->done) {
        set_reason(conn, "cannot connect", 14);
        end_connection(conn);
    }
    return STENO_OK;
}

void ws_conn_want_write(ws_conn *conn) {
    if (conn->wsi) lws_callback_on_writable(conn->wsi);
}

steno_err ws_conn_send(ws_conn *conn, bool text, const void *bytes, size_t n) {
    if (!conn->in_turn || n > WS_CLIENT_SEND_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "a message of %zu bytes cannot be sent now", n);
    conn->in_turn = false;
    unsigned char *out = conn->client->out + LWS_PRE;
    memcpy(out, bytes, n); /* masked in place */
    if (lws_write(conn->wsi, out, n, text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY) < (int)n) {
        conn->failed = true;
        return err_fail(STENO_E_IO, "the connection broke");
    }
    conn->sent += n;
    return STENO_OK;
}

void ws_conn_close(ws_conn *conn, int code) {
    conn->close_code = code;
    ws_conn_want_write(conn);
}

uint64_t ws_conn_bytes_sent(const ws_conn *conn) {
    return conn->sent;
}

uint64_t ws_conn_bytes_received(const ws_conn *conn) {
    return conn->received;
}
