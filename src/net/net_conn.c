/* net_conn.c: the bytes of a connection: reading, sending, deadlines, the end. See net_int.h. */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_A_TURN    16 /* pieces of one connection, before others get their turn */
#define OUT_BYTES_LEAST 1024
#define TLS_HANDSHAKE   0x16 /* what the first byte of TLS says */

/* ---- what the loop is told to look for ---------------------------------------------------------------------------- */

static bool wants_input(const net_conn *c) {
    if (c->finishing && c->state != CONN_LINGER) return false;
    switch (c->state) {
    case CONN_TLS:
    case CONN_HEAD:
    case CONN_LINGER:
        return true;
    case CONN_EXCHANGE:
        return net_http_wants_input(c);
    case CONN_WS:
    case CONN_RAW:
        return !c->paused || c->ending;
    default:
        return false;
    }
}

/* A client that leaves while it is owed an answer is noticed though nothing is read from it. */
static bool may_leave(const net_conn *c) {
    return c->state == CONN_EXCHANGE && c->exchange->body == BODY_DONE && !c->exchange->answered && !c->half_closed;
}

static void update_interest(net_conn *c) {
    if (c->state == CONN_DEAD) return;
    uint32_t want = (wants_input(c) ? (uint32_t)EPOLLIN : 0) |
                    (c->out_at < c->out_n || c->tls_wants_write ? (uint32_t)EPOLLOUT : 0) |
                    (may_leave(c) ? (uint32_t)EPOLLRDHUP : 0);
    if (want == c->interest) return;
    struct epoll_event e = {.events = want, .data.ptr = c};
    if (epoll_ctl(c->owner->epoll_fd, EPOLL_CTL_MOD, c->fd, &e) == 0) c->interest = want;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static void drop_buffers(net_conn *c) {
    mem_free(c->in);
    mem_free(c->out);
    c->in = c->out = NULL;
    c->in_at = c->in_n = c->in_cap = c->out_at = c->out_n = c->out_cap = 0;
}

void net_conn_lost(net_conn *c) {
    const net_conn_handler *handler = c->handler;
    if (c->opened && c->ws) c->owner->counts.websockets--;
    c->opened = false;
    c->handler = NULL;
    if (handler) handler->closed(c->user, c->peer_code);
}

void net_conn_die(net_conn *c) {
    net *n = c->owner;
    if (c->state == CONN_DEAD) return;
    c->state = CONN_DEAD;
    net_undue(c);
    if (c->prev)
        c->prev->next = c->next;
    else
        n->first = c->next;
    if (c->next) c->next->prev = c->prev;
    n->counts.connections--;
    c->dead_next = n->dead;
    n->dead = c;
    epoll_ctl(n->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    net_tls_end(c, false);
    close(c->fd);
    if (c->exchange) net_exchange_end(c, false);
    net_conn_lost(c);
    drop_buffers(c);
}

void net_conn_free(net_conn *c) {
    mem_free(c->ws);
    mem_free(c);
}

/* Nothing is to be sent any more. */
static void linger(net_conn *c) {
    net_conn_lost(c);
    if (c->half_closed || c->state == CONN_DEAD) {
        net_conn_die(c);
        return;
    }
    c->state = CONN_LINGER;
    drop_buffers(c);
    if (c->tls) net_tls_end(c, true);
    shutdown(c->fd, SHUT_WR);
    net_due(c, net_now_ms() + NET_CLOSE_S * 1000);
}

void net_finish(net_conn *c) {
    if (c->finishing || c->state == CONN_DEAD) return;
    c->finishing = true;
    net_due(c, net_now_ms() + NET_CLOSE_S * 1000);
    net_turn(c);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static long write_some(net_conn *c, const void *bytes, size_t n) {
    if (c->tls) return net_tls_write(c, bytes, n);
    ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (sent >= 0) return (long)sent;
    return errno == EAGAIN || errno == EINTR ? NET_IO_AGAIN : NET_IO_BROKEN;
}

static void breaks(net_conn *c) {
    c->broken = true;
    net_turn(c);
}

/* Appends to a buffer of a connection. */
static bool keep(unsigned char **buffer, uint32_t *used, uint32_t *cap, const void *bytes, size_t n) {
    if (*used + n > *cap) {
        uint32_t grown_cap = *cap ? *cap : OUT_BYTES_LEAST;
        while (grown_cap < *used + n) grown_cap *= 2;
        unsigned char *grown = mem_resize(*buffer, *cap, grown_cap);
        if (!grown) return false;
        *buffer = grown;
        *cap = grown_cap;
    }
    memcpy(*buffer + *used, bytes, n);
    *used += (uint32_t)n;
    return true;
}

void net_put(net_conn *c, const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    if (c->broken || c->state == CONN_DEAD) return;
    while (n > 0 && c->out_n == 0) {
        long sent = write_some(c, at, n);
        if (sent == NET_IO_BROKEN) {
            breaks(c);
            return;
        }
        if (sent < 0) break;
        at += sent;
        n -= (size_t)sent;
    }
    if (n == 0) return;
    if (!keep(&c->out, &c->out_n, &c->out_cap, at, n))
        breaks(c);
    else
        update_interest(c);
}

/* False: something still waits. */
static bool flush(net_conn *c) {
    while (c->out_at < c->out_n) {
        long sent = write_some(c, c->out + c->out_at, c->out_n - c->out_at);
        if (sent == NET_IO_BROKEN) breaks(c);
        if (sent < 0) return false;
        c->out_at += (uint32_t)sent;
        if (c->state == CONN_EXCHANGE || c->finishing) net_due(c, net_now_ms() + NET_STUCK_S * 1000);
    }
    mem_free(c->out);
    c->out = NULL;
    c->out_at = c->out_n = c->out_cap = 0;
    return true;
}

/* All that was to be sent has gone: what comes next? */
static void pump(net_conn *c) {
    if (c->out_n > 0 || c->broken) return;
    if (c->state == CONN_EXCHANGE)
        net_http_pump(c);
    else if ((c->state == CONN_WS || c->state == CONN_RAW) && c->want && !c->ending)
        net_ws_pump(c);
    if (c->finishing && c->out_n == 0 && !c->broken && c->state != CONN_LINGER) linger(c);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static size_t use(net_conn *c, unsigned char *bytes, size_t n) {
    switch (c->state) {
    case CONN_HEAD:
    case CONN_EXCHANGE:
        return net_http_input(c, bytes, n);
    case CONN_WS:
        return net_ws_input(c, bytes, n);
    case CONN_RAW:
        return net_raw_input(c, bytes, n);
    case CONN_TLS:
        return 0;
    default:
        return n; /* nobody wants it */
    }
}

/* How many of these bytes could be used. */
static size_t use_all(net_conn *c, unsigned char *bytes, size_t n) {
    size_t used = 0;
    while (used < n && wants_input(c) && !c->broken) {
        size_t k = use(c, bytes + used, n - used);
        if (k == 0) break;
        used += k;
    }
    return c->state == CONN_DEAD ? n : used;
}

static void use_held(net_conn *c) {
    size_t used = use_all(c, c->in + c->in_at, c->in_n - c->in_at);
    c->in_at += (uint32_t)used;
    if (c->in_at < c->in_n && c->state != CONN_DEAD) return;
    mem_free(c->in);
    c->in = NULL;
    c->in_at = c->in_n = c->in_cap = 0;
}

/* What was just read, behind what is held. */
static void take(net_conn *c, unsigned char *bytes, size_t n) {
    if (c->in_n == 0) {
        size_t used = use_all(c, bytes, n);
        if (used < n && c->state != CONN_LINGER && !keep(&c->in, &c->in_n, &c->in_cap, bytes + used, n - used))
            breaks(c);
        return;
    }
    if (c->in_at > 0) {
        memmove(c->in, c->in + c->in_at, c->in_n - c->in_at);
        c->in_n -= c->in_at;
        c->in_at = 0;
    }
    if (keep(&c->in, &c->in_n, &c->in_cap, bytes, n))
        use_held(c);
    else
        breaks(c);
}

static void ended(net_conn *c) {
    if (c->state == CONN_RAW && c->peer_code == 0) c->peer_code = 1000;
    if (c->state == CONN_EXCHANGE && c->exchange->answered) { /* it may have said all it wanted, and still listens */
        c->half_closed = true;
        return;
    }
    net_conn_die(c);
}

static long read_some(net_conn *c) {
    if (c->tls) return net_tls_read(c, c->owner->input, NET_READ_BYTES);
    ssize_t got = recv(c->fd, c->owner->input, NET_READ_BYTES, 0);
    if (got >= 0) return (long)got;
    return errno == EAGAIN || errno == EINTR ? NET_IO_AGAIN : NET_IO_BROKEN;
}

static void read_on(net_conn *c) {
    for (int i = 0; i < READS_A_TURN && wants_input(c) && !c->broken; i++) {
        long got = read_some(c);
        if (got == NET_IO_AGAIN) return;
        if (got == NET_IO_BROKEN) {
            net_conn_die(c);
            return;
        }
        if (got == 0) {
            ended(c);
            return;
        }
        c->heard_ms = c->owner->round_ms;
        take(c, c->owner->input, (size_t)got);
        if (got < NET_READ_BYTES && !c->tls) return; /* there is no more, or the loop will say so */
    }
    if (c->state != CONN_DEAD && net_tls_pending(c)) net_turn(c); /* the loop does not see it */
}

/* ---- what the loop calls ------------------------------------------------------------------------------------------ */

static void agree_on_keys(net_conn *c) {
    static const char plain[] = "HTTP/1.1 400 Bad Request\r\nserver: steno\r\ncontent-type: application/json\r\n"
                                "connection: close\r\ncontent-length: 64\r\n\r\n"
                                "{\"code\":\"tls\",\"message\":\"this port speaks https, and wss, only\"}\n";
    unsigned char first;
    if (!c->tls) {
        ssize_t got = recv(c->fd, &first, 1, MSG_PEEK);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got == 1 && first >= 'A' && first <= 'Z') { /* a method */
            c->state = CONN_HEAD;
            net_put(c, plain, sizeof plain - 1);
            net_finish(c);
            return;
        }
        if (got != 1 || first != TLS_HANDSHAKE || !net_tls_begin(c)) {
            net_conn_die(c);
            return;
        }
    }
    int rc = net_tls_handshake(c);
    if (rc == NET_IO_BROKEN) net_conn_die(c);
    if (rc == 1) c->state = CONN_HEAD;
}

void net_conn_ready(net_conn *c, uint32_t events) {
    if (c->state == CONN_DEAD) return;
    bool reads = wants_input(c);
    if ((events & (EPOLLERR | EPOLLHUP) && !reads) || (events & EPOLLRDHUP && may_leave(c) && !reads)) {
        net_conn_die(c);
        return;
    }
    if (c->state == CONN_TLS) agree_on_keys(c);
    if (c->state == CONN_DEAD || c->state == CONN_TLS) {
        update_interest(c);
        return;
    }
    if ((events & EPOLLOUT || c->tls_wants_write) && flush(c)) pump(c);
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) || c->tls) read_on(c);
    update_interest(c);
}

void net_conn_take_turn(net_conn *c) {
    if (c->broken || c->cut || (c->exchange && c->exchange->cut)) {
        net_conn_die(c);
        return;
    }
    pump(c);
    if (c->state != CONN_DEAD && c->in_at < c->in_n && wants_input(c)) use_held(c);
    if (c->state != CONN_DEAD && c->state != CONN_TLS && net_tls_pending(c)) read_on(c);
    update_interest(c);
}

void net_conn_due(net_conn *c, int64_t now_ms) {
    if (c->state == CONN_TLS || c->state == CONN_LINGER || c->finishing || c->ending)
        net_conn_die(c);
    else if (c->state == CONN_HEAD || c->state == CONN_EXCHANGE)
        net_http_due(c, now_ms);
    else if (c->state == CONN_WS)
        net_ws_due(c, now_ms);
    update_interest(c);
}

void net_conn_adopt(net_port *p, int fd, const void *peer, bool v6) {
    net *n = p->owner;
    net_conn *c = mem_alloc(1, sizeof *c);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (!c || epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        mem_free(c);
        close(fd);
        return;
    }
    *c = (net_conn){
        .kind = NET_KIND_CONN, .state = CONN_HEAD, .owner = n, .next = n->first, .fd = fd, .interest = EPOLLIN};
    c->placed_s = -1;
    c->v6 = v6;
    memcpy(c->peer, peer, sizeof c->peer);
    if (c->next) c->next->prev = c;
    n->first = c;
    n->counts.connections++;
    c->heard_ms = n->round_ms;
    if (p->raw) {
        char name[64];
        net_peer_name(c, name);
        c->handler = p->config.accept(p->config.ctx, name, &c->user);
        c->state = CONN_RAW;
        if (!c->handler)
            net_conn_die(c);
        else
            net_raw_open(c);
        return;
    }
    if (n->tls) c->state = CONN_TLS;
    net_due(c, net_now_ms() + NET_HANDSHAKE_S * 1000);
}

void net_peer_name(const net_conn *c, char out[64]) {
    if (!inet_ntop(c->v6 ? AF_INET6 : AF_INET, c->peer, out, 64)) out[0] = 0;
}
