/* net_ws.c: WebSockets and raw connections: messages in pieces, pauses, pings, ends. See net.h. */
#include "net/net_int.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define OP_TEXT          1
#define OP_CLOSE         8
#define OP_PING          9
#define OP_PONG          10
#define HEAD_BYTES       8192
#define PONGS_BYTES_MAX  4096 /* with more waiting to be sent a ping is not answered: a later one will be */
#define PING_SPREAD      16   /* connections that opened together are not all pinged in the same second */
#define REASON_BYTES_MAX 123

/* ---- what handlers call ------------------------------------------------------------------------------------------- */

void net_pause(net_conn *c, bool paused) {
    if (c->paused == paused || !c->opened) return;
    c->paused = paused;
    if (!paused) c->heard_ms = net_now_ms(); /* silence begins now */
    net_turn(c);
}

void net_want_write(net_conn *c) {
    if (!c->opened || c->ending) return;
    c->want = true;
    if (c->out_n == 0) net_turn(c); /* or once that is sent */
}

void net_cut(net_conn *c) {
    c->ending = c->cut = true;
    net_turn(c);
}

static void put_frame(net_conn *c, unsigned opcode, const void *bytes, size_t n) {
    unsigned char frame[10 + NET_CONTROL_BYTES_MAX];
    size_t at = net_frame_head(frame, opcode, n);
    if (n) memcpy(frame + at, bytes, n);
    net_put(c, frame, at + n);
}

static void say_goodbye(net_conn *c, int code, const char *reason) {
    unsigned char payload[NET_CONTROL_BYTES_MAX] = {(unsigned char)(code >> 8), (unsigned char)code};
    size_t n = strnlen(reason, REASON_BYTES_MAX);
    if (c->ws->close_out) return;
    c->ws->close_out = true;
    memcpy(payload + 2, reason, n);
    put_frame(c, OP_CLOSE, payload, code == 1005 ? 0 : n + 2);
}

void net_end(net_conn *c, int code, const char *reason) {
    if (c->ending || !c->opened) return;
    c->ending = true; /* from here on what comes in is read only for its answer */
    c->paused = false;
    if (c->state == CONN_RAW) {
        net_finish(c);
        return;
    }
    say_goodbye(c, code, reason);
    net_due(c, net_now_ms() + NET_CLOSE_S * 1000);
    net_turn(c);
}

bool net_send(net_conn *c, const void *head, size_t head_bytes, const void *body, size_t body_bytes) {
    unsigned char *out = c->owner->scratch;
    size_t n = head_bytes + body_bytes, at = 0;
    if (n > NET_SEND_BYTES_MAX || !c->opened || c->ending || c->broken) return false;
    if (c->state == CONN_WS) at = net_frame_head(out, OP_TEXT, n);
    if (head_bytes) memcpy(out + at, head, head_bytes);
    if (body_bytes) memcpy(out + at + head_bytes, body, body_bytes);
    c->owner->counts.sent_bytes += n;
    net_put(c, out, at + n);
    return c->out_n == 0 && !c->broken;
}

void net_ws_pump(net_conn *c) {
    c->want = false;
    if (c->handler) c->handler->writable(c->user);
}

/* ---- raw connections -------------------------------------------------------------------------------------------- */

void net_raw_open(net_conn *c) {
    c->opened = true;
    c->handler->opened(c->user, c);
}

size_t net_raw_input(net_conn *c, const unsigned char *bytes, size_t n) {
    net_data d = {.bytes = bytes, .n = n, .first = true, .last = true};
    c->owner->counts.received_bytes += n;
    if (!c->ending && c->handler) c->handler->data(c->user, &d);
    return n;
}

/* ---- the handshake ---------------------------------------------------------------------------------------------- */

static void accept_key(const char *key, char out[32]) {
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH], text[64];
    size_t n = strlen(key);
    memcpy(text, key, n);
    memcpy(text + n, magic, sizeof magic - 1);
    SHA1(text, n + sizeof magic - 1, digest);
    EVP_EncodeBlock((unsigned char *)out, digest, SHA_DIGEST_LENGTH);
}

bool net_ws_open(net_conn *c, const net_head *h, const net_reply *reply) {
    char framing[128 + NET_PROTOCOLS_BYTES_MAX], key[32], *out = (char *)c->owner->scratch;
    net_reply r = {.status = 101, .headers = reply->headers, .owned_headers = reply->owned_headers};
    accept_key(h->websocket_key, key);
    int n = snprintf(framing, sizeof framing,
                     "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n", key);
    /* Only what was offered may be chosen; who gets none may stay or leave. */
    if (reply->protocol && h->r.protocols[0] && strlen(reply->protocol) < NET_PROTOCOLS_BYTES_MAX)
        snprintf(framing + n, sizeof framing - (size_t)n, "sec-websocket-protocol: %s\r\n", reply->protocol);
    size_t bytes = net_reply_head(out, HEAD_BYTES, &r, framing, false);
    c->ws = mem_alloc(1, sizeof *c->ws);
    if (!c->ws || bytes == 0) return false;
    c->ws->message_bytes_max = reply->message_bytes_max ? reply->message_bytes_max : c->owner->config.message_bytes_max;
    c->state = CONN_WS;
    net_put(c, out, bytes);
    c->opened = true;
    c->heard_ms = net_now_ms();
    c->owner->counts.websockets++;
    net_ws_due(c, c->heard_ms);
    c->handler->opened(c->user, c);
    return true;
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static void on_piece(net_conn *c, const net_frame_piece *p) {
    net_data d = {.bytes = p->bytes, .n = p->n, .text = p->text, .first = p->first, .last = p->last};
    c->owner->counts.received_bytes += p->n;
    if (!c->ending && c->handler) c->handler->data(c->user, &d);
}

static void on_goodbye(net_conn *c, int code) {
    c->peer_code = code;
    c->ws->close_in = true;
    c->ending = true;
    say_goodbye(c, code, "");
    net_finish(c);
}

size_t net_ws_input(net_conn *c, unsigned char *bytes, size_t n) {
    size_t used;
    net_frame_piece piece;
    if (c->ws->close_in || c->finishing) return n;
    net_frame_event e = net_frame_step(&c->ws->frame, bytes, n, c->ws->message_bytes_max, &used, &piece);
    if (e != NET_FRAME_MORE) c->ws->ping_out = false;
    switch (e) {
    case NET_FRAME_DATA:
        on_piece(c, &piece);
        break;
    case NET_FRAME_PING:
        if (!c->ws->close_out && c->out_n - c->out_at < PONGS_BYTES_MAX)
            put_frame(c, OP_PONG, c->ws->frame.control, c->ws->frame.n_control);
        break;
    case NET_FRAME_CLOSE:
        on_goodbye(c, piece.code);
        break;
    case NET_FRAME_WRONG: /* where the next frame begins is not known any more */
        c->ending = true;
        c->paused = false;
        say_goodbye(c, piece.code, piece.why);
        net_finish(c);
        return n;
    default:
        break;
    }
    return used;
}

/* ---- silence ---------------------------------------------------------------------------------------------------- */

void net_ws_due(net_conn *c, int64_t now_ms) {
    int64_t limit_ms = (int64_t)c->owner->config.ping_s * 1000, silent_ms = now_ms - c->heard_ms;
    int64_t early_ms = limit_ms * (c->fd % PING_SPREAD) / (4 * PING_SPREAD);
    if (c->paused) {
        net_due(c, now_ms + limit_ms);
    } else if (silent_ms < limit_ms - early_ms) {
        net_due(c, c->heard_ms + limit_ms - early_ms);
    } else if (!c->ws->ping_out) {
        c->ws->ping_out = true;
        put_frame(c, OP_PING, "steno", 5);
        net_due(c, now_ms + limit_ms);
    } else {
        c->owner->counts.pings_missed++;
        net_conn_die(c);
    }
}
