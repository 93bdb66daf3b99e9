/* net_ws.c: the WebSocket half of a connection: messages in pieces, pauses, pings, ends. See net.h. */
#include "net/net_int.h"

#include "base/log.h"

#include <string.h>

void net_pause(net_conn *c, bool paused) {
    if (c->paused == paused || !c->opened) return;
    c->paused = paused;
    if (!paused) c->heard_ms = net_now_ms(); /* silence begins now */
    lws_rx_flow_control(c->wsi, paused ? 0 : 1);
}

void net_want_write(net_conn *c) {
    if (c->opened) lws_callback_on_writable(c->wsi);
}

void net_end(net_conn *c, int code, const char *reason) {
    if (c->ending || !c->opened) return;
    c->ending = true;
    c->close_code = code;
    c->close_reason = reason;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, NET_CLOSE_S); /* a peer that reads nothing never sees it */
    net_pause(c, false);                                              /* its answer is to be heard */
    lws_callback_on_writable(c->wsi);
}

void net_cut(net_conn *c) {
    c->ending = true;
    lws_set_timeout(c->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

bool net_send(net_conn *c, const void *head, size_t head_bytes, const void *body, size_t body_bytes) {
    unsigned char *at = c->owner->scratch + LWS_PRE;
    size_t n = head_bytes + body_bytes;
    if (n > NET_SEND_BYTES_MAX || c->choked) return false;
    memcpy(at, head, head_bytes);
    memcpy(at + head_bytes, body, body_bytes);
    if (lws_write(c->wsi, at, n, LWS_WRITE_TEXT) < (int)n) {
        net_cut(c);
        c->choked = true;
        return false;
    }
    c->owner->counts.sent_bytes += n;
    c->choked = lws_send_pipe_choked(c->wsi) != 0;
    return !c->choked;
}

static int send_ping(net_conn *c) {
    /* Not empty: the library tells of no pong that is. */
    unsigned char buffer[LWS_PRE + 5] = {0};
    memcpy(buffer + LWS_PRE, "steno", 5);
    c->ping_due = false;
    c->ping_out = true;
    return lws_write(c->wsi, buffer + LWS_PRE, 5, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int on_writable(net_conn *c) {
    c->choked = lws_send_pipe_choked(c->wsi) != 0;
    if (c->choked) {
        lws_callback_on_writable(c->wsi);
        return 0;
    }
    if (c->ending) {
        lws_close_reason(c->wsi, (enum lws_close_status)c->close_code, (unsigned char *)c->close_reason,
                         strlen(c->close_reason));
        return -1;
    }
    if (c->ping_due && send_ping(c) != 0) return -1;
    if (c->user) c->owner->handler.writable(c->user);
    return 0;
}

static void on_receive(net_conn *c, const unsigned char *bytes, size_t n) {
    net_data d = {.bytes = bytes,
                  .n = n,
                  .text = lws_frame_is_binary(c->wsi) == 0,
                  .first = c->message_bytes == 0,
                  .last = lws_is_final_fragment(c->wsi) && lws_remaining_packet_payload(c->wsi) == 0};
    if (c->ending || !c->user) return;
    if (lws_is_first_fragment(c->wsi)) d.first = true;
    c->message_bytes = (d.first ? 0 : c->message_bytes) + n;
    c->owner->counts.received_bytes += n;
    if (c->message_bytes > c->owner->config.message_bytes_max) {
        net_end(c, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "message too long");
        return;
    }
    if (d.last) c->message_bytes = 0;
    c->owner->handler.data(c->user, &d);
}

static void on_open(net_conn *c) {
    c->opened = true;
    c->heard_ms = net_now_ms();
    c->owner->counts.websockets++;
    c->owner->handler.opened(c->user, c);
}

static int peer_close_code(const unsigned char *in, size_t n) {
    return n >= 2 ? in[0] << 8 | in[1] : LWS_CLOSE_STATUS_NO_STATUS;
}

int net_ws_callback(net_conn *c, enum lws_callback_reasons reason, void *in, size_t n) {
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        if (!c->user) return -1;
        on_open(c);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        c->heard_ms = net_now_ms();
        c->ping_out = false;
        on_receive(c, in, n);
        return 0;
    case LWS_CALLBACK_RECEIVE_PONG:
        c->heard_ms = net_now_ms();
        c->ping_out = false;
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writable(c);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        c->peer_code = peer_close_code(in, n);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        net_conn_lost(c);
        return 0;
    default:
        return 0;
    }
}

void net_ws_sweep(net_conn *c, int64_t now_ms) {
    int64_t silent_ms = now_ms - c->heard_ms, limit_ms = (int64_t)c->owner->config.ping_s * 1000;
    if (c->ending || c->paused || silent_ms < limit_ms) return;
    /* One that could not even be sent has not been answered either. */
    if ((c->ping_out || c->ping_due) && silent_ms >= 2 * limit_ms) {
        c->owner->counts.pings_missed++;
        net_cut(c);
    } else if (!c->ping_out) {
        c->ping_due = true;
        lws_callback_on_writable(c->wsi);
    }
}
