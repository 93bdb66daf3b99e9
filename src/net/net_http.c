/* net_http.c: requests, their bodies and their answers. See net.h and net_int.h. */
#include "net/net_int.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define HEAD_BYTES 8192 /* of an answer */

static bool wants_body(const net_exchange *x) {
    return x->body == BODY_LENGTH || x->body == BODY_CHUNKED;
}

bool net_http_wants_input(const net_conn *c) {
    const net_exchange *x = c->exchange;
    if (wants_body(x)) return x->answered || !x->paused; /* behind an answer it is dropped */
    return c->in_at == c->in_n && !c->half_closed;       /* a little of the next request, or the end */
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void drop_reply(net_reply *r) {
    mem_free(r->owned);
    mem_free(r->owned_headers);
    *r = (net_reply){0};
}

static bool is_bare(const net_exchange *x, int status) {
    return x->head_only || status == 304 || status == 204;
}

static const char *framing_of(const net_exchange *x, const net_reply *r, char text[48]) {
    text[0] = 0;
    if (r->status == 304 || r->status == 204) return text;
    if (!x->streaming)
        snprintf(text, 48, "content-length: %zu\r\n", r->bytes);
    else if (!x->http10)
        snprintf(text, 48, "transfer-encoding: chunked\r\n");
    return text;
}

/* Sends the head, and with it what fits of the body; the rest follows by net_http_pump(). Calls answering() alone. */
static void begin_answer(net_exchange *x, const net_reply *reply) {
    net_conn *c = x->conn;
    char framing[48], *out = (char *)c->owner->scratch;
    x->answered = true;
    x->keep_alive = x->keep_alive && x->body == BODY_DONE && !(x->streaming && x->http10);
    x->reply = *reply;
    x->sent = 0;
    if (x->reply.status == 0) x->reply.status = 500;
    x->status = x->reply.status;
    if (x->note && c->owner->handler.answering) c->owner->handler.answering(c->owner->handler.ctx, x->note, &x->reply);
    size_t n = net_reply_head(out, HEAD_BYTES, &x->reply, framing_of(x, &x->reply, framing), !x->keep_alive);
    mem_free(x->reply.owned_headers);
    x->reply.owned_headers = NULL;
    if (x->streaming || is_bare(x, x->reply.status)) {
        mem_free(x->reply.owned);
        x->reply = (net_reply){0};
    }
    if (n == 0) { /* a head of such a length is our own fault */
        x->cut = true;
        net_turn(c);
        return;
    }
    size_t piece = x->reply.bytes < NET_SEND_PIECE ? x->reply.bytes : NET_SEND_PIECE;
    if (piece) memcpy(out + n, x->reply.body, piece);
    x->sent = piece;
    x->body_bytes = piece;
    c->owner->counts.sent_bytes += n + piece;
    net_due(c, net_now_ms() + NET_STUCK_S * 1000);
    net_put(c, out, n + piece);
}

static void complete(net_conn *c) {
    bool more = c->exchange->keep_alive;
    c->state = CONN_HEAD;
    c->head_begun = false;
    c->served = true;
    net_exchange_end(c, true);
    if (c->state == CONN_DEAD) return;
    if (!more || c->half_closed) {
        net_finish(c);
        return;
    }
    net_due(c, net_now_ms() + NET_KEEP_ALIVE_S * 1000);
    if (c->in_at < c->in_n) net_turn(c);
}

static void tell_answered(const net *n, const net_exchange *x, bool whole) {
    net_answered a = {.status = x->status, .complete = whole, .received_bytes = x->got, .sent_bytes = x->body_bytes};
    if (x->note && n->handler.answered) n->handler.answered(n->handler.ctx, x->note, &a);
}

void net_exchange_end(net_conn *c, bool complete_) {
    net_exchange *x = c->exchange;
    c->exchange = NULL;
    c->owner->counts.exchanges--;
    drop_reply(&x->reply);
    tell_answered(c->owner, x, complete_);
    if (x->handler && x->handler->gone) x->handler->gone(x->user, complete_);
    mem_free(x);
}

static void pump_stream(net_conn *c, net_exchange *x) {
    if (x->ended) {
        complete(c);
    } else if (x->want) {
        x->want = false;
        x->handler->writable(x->user);
    }
}

void net_http_pump(net_conn *c) {
    net_exchange *x = c->exchange;
    if (!x->answered) return;
    if (x->streaming) {
        pump_stream(c, x);
        return;
    }
    while (x->sent < x->reply.bytes && c->out_n == 0 && !c->broken) {
        size_t piece = x->reply.bytes - x->sent;
        if (piece > NET_SEND_PIECE) piece = NET_SEND_PIECE;
        net_put(c, (const char *)x->reply.body + x->sent, piece);
        x->sent += piece;
        x->body_bytes += piece;
        c->owner->counts.sent_bytes += piece;
        net_due(c, net_now_ms() + NET_STUCK_S * 1000);
    }
    if (x->sent == x->reply.bytes && c->out_n == 0 && !c->broken && !x->cut) complete(c);
}

/* An answer of the loop's own, behind which the connection is closed. */
static void refuse(net_conn *c, int status, const char *code, const char *why) {
    char head[512], body[256], framing[48];
    int n = snprintf(body, sizeof body, "{\"code\":\"%s\",\"message\":\"%s\"}\n", code, why);
    snprintf(framing, sizeof framing, "content-length: %d\r\n", n);
    net_reply r = {.status = status, .type = "application/json"};
    if (status == 426) r.headers = "sec-websocket-version: 13\r\n";
    if (c->exchange && !c->exchange->answered) c->exchange->status = status;
    size_t bytes = net_reply_head(head, sizeof head, &r, framing, true);
    if (c->exchange) net_exchange_end(c, false);
    if (c->state == CONN_DEAD) return;
    c->state = CONN_HEAD;
    net_put(c, head, bytes);
    net_put(c, body, (size_t)n);
    net_finish(c);
}

/* ---- what handlers call ------------------------------------------------------------------------------------------- */

void net_take(net_exchange *x, const net_exchange_handler *handler, void *user, uint64_t body_bytes_max) {
    x->handler = handler;
    x->user = user;
    x->max = body_bytes_max ? body_bytes_max : x->conn->owner->config.body_bytes_max;
}

static void await_body(net_conn *c) {
    c->window_bytes = c->exchange->got;
    net_due(c, net_now_ms() + (int64_t)c->owner->config.body_idle_s * 1000);
}

void net_note(net_exchange *x, void *note) {
    x->note = note;
}

void net_body_pause(net_exchange *x, bool paused) {
    if (x->paused == paused) return;
    x->paused = paused;
    if (!paused) await_body(x->conn);
    net_turn(x->conn);
}

void net_answer(net_exchange *x, const net_reply *reply) {
    if (x->answered) {
        mem_free(reply->owned);
        mem_free(reply->owned_headers);
        return;
    }
    begin_answer(x, reply);
    net_turn(x->conn);
}

void net_stream_begin(net_exchange *x, const net_reply *head) {
    if (!x->answered) x->streaming = true;
    net_answer(x, head);
}

void net_stream_want(net_exchange *x) {
    x->want = true;
    if (x->conn->out_n == 0) net_turn(x->conn);
}

bool net_stream_send(net_exchange *x, const void *bytes, size_t n) {
    net_conn *c = x->conn;
    unsigned char *out = c->owner->scratch;
    if (!x->streaming || x->ended || n > NET_SEND_BYTES_MAX || c->broken) return false;
    if (n == 0 || x->head_only) return true;
    size_t at = x->http10 ? 0 : (size_t)sprintf((char *)out, "%zx\r\n", n);
    memcpy(out + at, bytes, n);
    at += n;
    x->body_bytes += n;
    if (!x->http10) {
        memcpy(out + at, "\r\n", 2);
        at += 2;
    }
    c->owner->counts.sent_bytes += at;
    net_due(c, net_now_ms() + NET_STUCK_S * 1000);
    net_put(c, out, at);
    return c->out_n == 0 && !c->broken;
}

void net_stream_end(net_exchange *x) {
    if (!x->streaming || x->ended) return;
    x->ended = true;
    if (!x->http10 && !x->head_only) net_put(x->conn, "0\r\n\r\n", 5);
    net_turn(x->conn);
}

void net_exchange_cut(net_exchange *x) {
    x->cut = true;
    net_turn(x->conn);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

/* False: it is more than may come, and was answered so. */
static bool count_body(net_conn *c, uint64_t n) {
    net_exchange *x = c->exchange;
    x->got += n;
    c->owner->counts.received_bytes += n;
    if (x->got <= x->max) return true;
    refuse(c, 413, "too_large", "the body of the request is too long");
    return false;
}

static void hand_over(net_conn *c, const unsigned char *bytes, size_t n, bool last) {
    net_exchange *x = c->exchange;
    if (last) {
        x->body = BODY_DONE;
        net_due(c, INT64_MAX);
    }
    x->handler->body(x->user, bytes, n, last);
}

static size_t read_chunked(net_conn *c, const unsigned char *bytes, size_t n) {
    size_t used, data;
    net_chunk_event e = net_chunk_step(&c->exchange->chunk, bytes, n, &used, &data);
    if (e == NET_CHUNK_WRONG) {
        refuse(c, 400, "bad_request", "the chunks of the body are wrong");
        return n;
    }
    if (e == NET_CHUNK_DATA && count_body(c, data)) hand_over(c, bytes + used - data, data, false);
    if (e == NET_CHUNK_END) hand_over(c, NULL, 0, true);
    return used;
}

static size_t read_body(net_conn *c, const unsigned char *bytes, size_t n) {
    net_exchange *x = c->exchange;
    if (!wants_body(x)) return 0;
    if (x->answered) return n;
    if (x->body == BODY_CHUNKED) return read_chunked(c, bytes, n);
    size_t k = n < x->left ? n : (size_t)x->left;
    x->left -= k;
    if (count_body(c, k)) hand_over(c, bytes, k, x->left == 0);
    return k;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static net_exchange *begin_exchange(net_conn *c, const net_head *h) {
    net_exchange *x = mem_alloc(1, sizeof *x);
    if (!x) {
        refuse(c, 503, "nomem", "no memory for a request");
        return NULL;
    }
    *x = (net_exchange){.conn = c,
                        .http10 = h->http10,
                        .keep_alive = h->keep_alive,
                        .head_only = strcmp(h->r.method, "HEAD") == 0,
                        .expects_continue = h->expects_continue};
    if (h->chunked)
        x->body = BODY_CHUNKED;
    else if (h->r.content_length > 0)
        x->body = BODY_LENGTH;
    else
        x->body = BODY_DONE;
    x->left = h->chunked ? 0 : (uint64_t)h->r.content_length;
    c->exchange = x;
    c->owner->counts.exchanges++;
    c->state = CONN_EXCHANGE;
    return x;
}

static void was_taken(net_conn *c, net_exchange *x) {
    if (x->answered) return;
    if (x->body == BODY_DONE) {
        hand_over(c, NULL, 0, true);
    } else if (x->left > x->max) {
        refuse(c, 413, "too_large", "the body of the request is too long");
    } else {
        await_body(c);
        if (x->expects_continue) net_put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    }
}

static void on_request(net_conn *c, const net_head *h) {
    net_exchange *x = begin_exchange(c, h);
    net_reply reply = {0};
    if (!x) return;
    c->owner->handler.request(c->owner->handler.ctx, x, &h->r, &reply);
    if (x->handler) {
        drop_reply(&reply);
        was_taken(c, x);
        return;
    }
    begin_answer(x, &reply);
    net_http_pump(c);
}

static void on_upgrade(net_conn *c, const net_head *h) {
    const net_handler *handler = &c->owner->handler;
    net_reply reply = {0};
    void *user = NULL;
    const net_conn_handler *found = handler->upgrade(handler->ctx, &h->r, &reply, &user);
    if (found) {
        c->handler = found;
        c->user = user;
        if (!net_ws_open(c, h, &reply)) {
            c->broken = true;
            net_turn(c);
        }
        drop_reply(&reply);
        return;
    }
    net_exchange *x = begin_exchange(c, h);
    if (!x) {
        drop_reply(&reply);
        return;
    }
    x->keep_alive = false;
    begin_answer(x, &reply);
    net_http_pump(c);
}

static void on_head(net_conn *c, char *bytes, size_t n) {
    net_head h; /* some 11 KiB */
    char peer[64];
    net_head_parse(&h, bytes, n);
    net_peer_name(c, peer);
    h.r.peer = peer;
    h.r.tls = c->tls != NULL;
    c->owner->counts.requests++;
    if (h.status)
        refuse(c, h.status, h.status == 431 ? "too_large" : "bad_request", h.why);
    else if (h.websocket)
        on_upgrade(c, &h);
    else
        on_request(c, &h);
}

static size_t read_head(net_conn *c, unsigned char *bytes, size_t n) {
    if (!c->head_begun && c->served) net_due(c, net_now_ms() + NET_HANDSHAKE_S * 1000);
    c->head_begun = true;
    if (bytes[0] == '\r' && n == 1) return 0;
    if (bytes[0] == '\r' && bytes[1] == '\n') return 2; /* empty lines before a request are forgiven */
    size_t end = net_head_end(bytes, n, &c->scanned);
    if (end > NET_HEADER_BYTES_MAX || (end == 0 && n > NET_HEADER_BYTES_MAX)) {
        c->scanned = 0;
        refuse(c, 431, "too_large", "the head of the request is too long");
        return n;
    }
    if (end == 0) return 0;
    c->scanned = 0;
    on_head(c, (char *)bytes, end);
    return end;
}

size_t net_http_input(net_conn *c, unsigned char *bytes, size_t n) {
    return c->state == CONN_HEAD ? read_head(c, bytes, n) : read_body(c, bytes, n);
}

/* ---- deadlines -------------------------------------------------------------------------------------------------- */

static void body_due(net_conn *c) {
    net_exchange *x = c->exchange;
    uint64_t least = (uint64_t)c->owner->config.body_idle_s * NET_BODY_BYTES_S_MIN;
    if (!wants_body(x) || x->paused)
        net_due(c, INT64_MAX);
    else if (x->got - c->window_bytes < least)
        refuse(c, 408, "timeout", "the body of the request comes too slowly");
    else
        await_body(c);
}

void net_http_due(net_conn *c, int64_t now_ms) {
    if (c->state == CONN_EXCHANGE && !c->exchange->answered) {
        body_due(c);
    } else if (c->state == CONN_EXCHANGE) {
        if (c->out_n > 0)
            net_conn_die(c);
        else
            net_due(c, now_ms + NET_STUCK_S * 1000); /* nothing waits: it is we who have nothing to say */
    } else if (c->head_begun) {
        refuse(c, 408, "timeout", "the head of the request comes too slowly");
    } else {
        net_conn_die(c);
    }
}
