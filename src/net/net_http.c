/* net_http.c: requests, replies and the door to WebSockets. See net.h. */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REPLY_HEAD_BYTES 2048

/* ---- connections ------------------------------------------------------------------------------------------------ */

static void link_conn(net *n, net_conn *c) {
    c->next = n->first;
    if (c->next) c->next->prev = c;
    n->first = c;
    n->counts.connections++;
}

static void unlink_conn(net *n, net_conn *c) {
    if (c->prev)
        c->prev->next = c->next;
    else
        n->first = c->next;
    if (c->next) c->next->prev = c->prev;
    n->counts.connections--;
}

void net_conn_lost(net_conn *c) {
    void *user = c->user;
    c->user = NULL;
    if (c->opened) c->owner->counts.websockets--;
    c->opened = false;
    if (user) c->owner->handler.closed(user, c->peer_code);
}

static void drop_reply(net_conn *c) {
    mem_free(c->reply.owned);
    c->reply = (net_reply){0};
    c->reply_sent = 0;
}

static void destroy_conn(net_conn *c) {
    if (c->owner->adopting == c) c->owner->adopting = NULL;
    net_conn_lost(c);
    drop_reply(c);
    unlink_conn(c->owner, c);
    mem_free(c);
}

void net_adopt(net *n, int fd) {
    net_conn *c = mem_alloc(1, sizeof *c);
    lws_adopt_desc_t what = {.vh = n->vhost, .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP, .fd.sockfd = fd, .opaque = c};
    if (!c) {
        close(fd);
        return;
    }
    c->owner = n;
    link_conn(n, c);
    n->adopting = c;
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&what); /* closes the socket when it fails */
    if (wsi) c->wsi = wsi;
    /* Whether LWS_CALLBACK_WSI_DESTROY was called depends on how far it came. */
    if (!wsi && n->adopting == c) destroy_conn(c);
    n->adopting = NULL;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* What the handler sees of a request; `text` holds the copies. */
typedef struct parsed {
    net_request r;
    char path[NET_PATH_BYTES_MAX], match[128], text[NET_ARGS_MAX][NET_ARG_BYTES_MAX];
} parsed;

static const char *method_of(struct lws *wsi) {
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI)) return "GET";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI)) return "HEAD";
    return "other";
}

static void read_args(struct lws *wsi, parsed *p) {
    for (int i = 0;; i++) {
        int n = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n <= 0) return;
        if (i == NET_ARGS_MAX || n >= NET_ARG_BYTES_MAX ||
            lws_hdr_copy_fragment(wsi, p->text[i], NET_ARG_BYTES_MAX, WSI_TOKEN_HTTP_URI_ARGS, i) < 0) {
            p->r.too_many_args = true;
            return;
        }
        p->r.args[p->r.n_args++] = p->text[i];
    }
}

static void read_request(struct lws *wsi, parsed *p) {
    *p = (parsed){.r = {.method = method_of(wsi), .path = p->path, .if_none_match = p->match}};
    enum lws_token_indexes uri = p->r.method[0] == 'H' ? WSI_TOKEN_HEAD_URI : WSI_TOKEN_GET_URI;
    if (p->r.method[0] == 'o' || lws_hdr_copy(wsi, p->path, sizeof p->path, uri) < 0) p->path[0] = 0;
    if (lws_hdr_copy(wsi, p->match, sizeof p->match, WSI_TOKEN_HTTP_IF_NONE_MATCH) < 0) p->match[0] = 0;
    read_args(wsi, p);
}

/* ---- replies ---------------------------------------------------------------------------------------------------- */

static const char *reason_phrase(int status) {
    static const struct {
        int status;
        const char *phrase;
    } known[] = {{200, "OK"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {410, "Gone"},
                 {426, "Upgrade Required"},
                 {500, "Internal Server Error"},
                 {503, "Service Unavailable"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].status == status) return known[i].phrase;
    }
    return "Unknown";
}

/* The head of a reply. libwebsockets' own helpers know no Retry-After and add what is not wanted. */
static bool send_head(net_conn *c, const net_reply *r) {
    char head[REPLY_HEAD_BYTES], *at = head, *end = head + sizeof head;
    bool bare = r->status == 304;
    at += snprintf(at, (size_t)(end - at), "HTTP/1.1 %d %s\r\nserver: steno\r\n", r->status, reason_phrase(r->status));
    if (r->type && !bare) at += snprintf(at, (size_t)(end - at), "content-type: %s\r\n", r->type);
    if (!bare) at += snprintf(at, (size_t)(end - at), "content-length: %zu\r\n", r->bytes);
    if (r->etag) at += snprintf(at, (size_t)(end - at), "etag: %s\r\n", r->etag);
    if (r->retry_after_s) at += snprintf(at, (size_t)(end - at), "retry-after: %d\r\n", r->retry_after_s);
    at += snprintf(at, (size_t)(end - at), "%s%s\r\n", r->headers ? r->headers : "",
                   c->last_request ? "connection: close\r\n" : "");
    size_t n = (size_t)(at - head);
    memcpy(c->owner->scratch + LWS_PRE, head, n);
    c->owner->counts.sent_bytes += n;
    return lws_write(c->wsi, c->owner->scratch + LWS_PRE, n, LWS_WRITE_HTTP_HEADERS) == (int)n;
}

/* The next piece of the body. -1: the connection is to be closed. */
static int send_body(net_conn *c) {
    size_t n = c->reply.bytes - c->reply_sent;
    if (n > NET_SEND_PIECE) n = NET_SEND_PIECE;
    bool last = c->reply_sent + n == c->reply.bytes;
    memcpy(c->owner->scratch + LWS_PRE, (const char *)c->reply.body + c->reply_sent, n);
    if (lws_write(c->wsi, c->owner->scratch + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) != (int)n)
        return -1;
    c->reply_sent += n;
    c->owner->counts.sent_bytes += n;
    if (!last) {
        lws_callback_on_writable(c->wsi);
        return 0;
    }
    drop_reply(c);
    return c->last_request || lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

static int answer(net_conn *c, const net_reply *reply) {
    c->reply = *reply;
    c->reply_sent = 0;
    if (!send_head(c, reply)) return -1;
    if (reply->bytes && !c->head_only && reply->status != 304) {
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_HTTP_CONTENT, NET_KEEP_ALIVE_S);
        lws_callback_on_writable(c->wsi);
        return 0;
    }
    drop_reply(c);
    return c->last_request || lws_http_transaction_completed(c->wsi) ? -1 : 0;
}

static int on_request(net_conn *c) {
    parsed p;
    net_reply reply = {0};
    read_request(c->wsi, &p);
    c->owner->counts.requests++;
    c->head_only = p.r.method[0] == 'H';
    /* Bodies are not read: what may follow a request that has one is not ours to guess. */
    c->last_request = p.r.method[0] == 'o' || lws_hdr_total_length(c->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    c->owner->handler.request(c->owner->handler.ctx, &p.r, &reply);
    return answer(c, &reply);
}

/* 0: go on with the upgrade; 1: refused, and the reply is sent; -1: hang up. */
static int on_upgrade(net_conn *c, const char *protocol) {
    parsed p;
    net_reply reply = {0};
    read_request(c->wsi, &p);
    c->owner->counts.requests++;
    if (strcasecmp(protocol, "websocket") != 0) return -1;
    c->user = c->owner->handler.upgrade(c->owner->handler.ctx, &p.r, &reply);
    if (c->user) return 0;
    c->last_request = true;
    bool sent = send_head(c, &reply);
    if (sent && reply.bytes && reply.bytes < NET_SEND_BYTES_MAX) {
        memcpy(c->owner->scratch + LWS_PRE, reply.body, reply.bytes);
        sent = lws_write(c->wsi, c->owner->scratch + LWS_PRE, reply.bytes, LWS_WRITE_HTTP_FINAL) == (int)reply.bytes;
    }
    mem_free(reply.owned);
    return sent && lws_http_transaction_completed(c->wsi) == 0 ? 1 : -1;
}

int net_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    net_conn *c = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    if (!c) return 0;
    c->wsi = wsi;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(c);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return c->reply.bytes ? send_body(c) : 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(c, in);
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        destroy_conn(c);
        return 0;
    default:
        return net_ws_callback(c, reason, in, n);
    }
}
