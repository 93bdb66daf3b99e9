/* net_loop.c: the loop: descriptors by epoll(7), turns, deadlines on a wheel of seconds, timers in a heap. See net.h.
 *
 * Why not libwebsockets' loop: poll(2) is linear in connections, and version 4.1 reads no chunked bodies, refuses
 * sub-protocols it was not built with, and keeps some 10 KiB more a connection.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_A_ROUND 256
#define TIMERS_STEP    16

int64_t net_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- timers ----------------------------------------------------------------------------------------------------- */

static void put_timer(net *n, net_timer *t, int place) {
    n->heap[place] = t;
    t->place = place;
}

static void rise(net *n, net_timer *t, int place) {
    while (place > 0 && n->heap[(place - 1) / 2]->at_ms > t->at_ms) {
        put_timer(n, n->heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
    }
    put_timer(n, t, place);
}

static void sink(net *n, net_timer *t, int place) {
    for (int child; (child = 2 * place + 1) < n->n_heap; place = child) {
        if (child + 1 < n->n_heap && n->heap[child + 1]->at_ms < n->heap[child]->at_ms) child++;
        if (n->heap[child]->at_ms >= t->at_ms) break;
        put_timer(n, n->heap[child], place);
    }
    put_timer(n, t, place);
}

static void unset_timer(net_timer *t) {
    net *n = t->owner;
    int place = t->place;
    if (place < 0) return;
    t->place = -1;
    net_timer *last = n->heap[--n->n_heap];
    if (last == t) return;
    sink(n, last, place);
    rise(n, last, last->place);
}

/* Room for every timer there is, so that setting one cannot fail. */
net_timer *net_timer_open(net *n, void (*fire)(void *ctx), void *ctx) {
    if (n->n_timers == n->cap_timers) {
        size_t cap = (size_t)n->cap_timers, more = cap * 2 + TIMERS_STEP;
        net_timer **grown = mem_resize(n->heap, cap * sizeof(net_timer *), more * sizeof(net_timer *));
        if (!grown) return NULL;
        n->heap = grown;
        n->cap_timers = (int)more;
    }
    net_timer *t = mem_alloc(1, sizeof *t);
    if (!t) return NULL;
    *t = (net_timer){.owner = n, .fire = fire, .ctx = ctx, .place = -1};
    n->n_timers++;
    return t;
}

void net_timer_set(net_timer *t, int delay_ms) {
    unset_timer(t);
    if (delay_ms < 0) return;
    t->at_ms = net_now_ms() + delay_ms;
    rise(t->owner, t, t->owner->n_heap++);
}

void net_timer_close(net_timer *t) {
    if (!t) return;
    unset_timer(t);
    t->owner->n_timers--;
    mem_free(t);
}

/* Those that are due now; one that sets itself again for now waits for the next round. */
static void fire_timers(net *n, int64_t now_ms) {
    for (int most = n->n_heap; most > 0 && n->n_heap > 0 && n->heap[0]->at_ms <= now_ms; most--) {
        net_timer *t = n->heap[0];
        unset_timer(t);
        t->fire(t->ctx);
    }
}

/* ---- watched descriptors ---------------------------------------------------------------------------------------- */

net_watch *net_watch_open(net *n, int fd, void (*ready)(void *ctx), void *ctx) {
    net_watch *w = mem_alloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (net_watch){.kind = NET_KIND_WATCH, .owner = n, .next = n->watches, .ready = ready, .ctx = ctx};
    /* A descriptor of its own: closing it is what surely ends the watch, whoever else holds the file. */
    w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = w};
    if (w->fd < 0 || epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, w->fd, &e) != 0) {
        if (w->fd >= 0) close(w->fd);
        mem_free(w);
        return NULL;
    }
    if (w->next) w->next->prev = w;
    n->watches = w;
    return w;
}

void net_watch_close(net_watch *w) {
    if (!w) return;
    net *n = w->owner;
    if (w->prev)
        w->prev->next = w->next;
    else
        n->watches = w->next;
    if (w->next) w->next->prev = w->prev;
    epoll_ctl(n->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    close(w->fd);
    w->dead = true;
    w->next = n->dead_watches;
    n->dead_watches = w;
}

/* ---- turns and deadlines ---------------------------------------------------------------------------------------- */

void net_turn(net_conn *c) {
    if (c->in_turn || c->state == CONN_DEAD) return;
    c->in_turn = true;
    c->turn_next = c->owner->turns;
    c->owner->turns = c;
}

static void take_turns(net *n) {
    net_conn *next = n->turns;
    n->turns = NULL; /* who asks again waits for the next round */
    while (next) {
        net_conn *c = next;
        next = c->turn_next;
        c->in_turn = false;
        if (c->state != CONN_DEAD) net_conn_take_turn(c);
    }
}

void net_undue(net_conn *c) {
    if (c->placed_s < 0) return;
    if (c->due_prev)
        c->due_prev->due_next = c->due_next;
    else
        c->owner->wheel[c->placed_s % NET_WHEEL_SLOTS] = c->due_next;
    if (c->due_next) c->due_next->due_prev = c->due_prev;
    c->due_prev = c->due_next = NULL;
    c->placed_s = -1;
}

/* Moves only to be looked at earlier: a deadline that moves on with every message costs nothing. */
void net_due(net_conn *c, int64_t at_ms) {
    net *n = c->owner;
    c->due_ms = at_ms;
    int64_t last_s = n->wheel_s + NET_WHEEL_SLOTS - 1;
    int64_t second = at_ms / 1000 >= last_s ? last_s : at_ms / 1000 + 1;
    if (second <= n->wheel_s) second = n->wheel_s + 1;
    if (c->placed_s >= 0 && c->placed_s <= second) return;
    net_undue(c);
    net_conn **slot = &n->wheel[second % NET_WHEEL_SLOTS];
    c->placed_s = second;
    c->due_next = *slot;
    if (c->due_next) c->due_next->due_prev = c;
    *slot = c;
}

static void turn_wheel(net *n, int64_t now_ms) {
    int64_t now_s = now_ms / 1000;
    if (now_s - n->wheel_s > NET_WHEEL_SLOTS) n->wheel_s = now_s - NET_WHEEL_SLOTS;
    while (n->wheel_s < now_s) {
        int64_t second = ++n->wheel_s;
        net_conn *c;
        while ((c = n->wheel[second % NET_WHEEL_SLOTS]) && c->placed_s <= second) {
            net_undue(c);
            if (c->due_ms <= now_ms)
                net_conn_due(c, now_ms);
            else
                net_due(c, c->due_ms);
        }
    }
}

static void reap(net *n) {
    net_conn **at = &n->dead;
    while (*at) {
        net_conn *c = *at;
        if (c->in_turn) {
            at = &c->dead_next;
            continue;
        }
        *at = c->dead_next;
        net_conn_free(c);
    }
    while (n->dead_watches) {
        net_watch *w = n->dead_watches;
        n->dead_watches = w->next;
        mem_free(w);
    }
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void dispatch(const struct epoll_event *e) {
    net_kind *kind = e->data.ptr;
    if (*kind == NET_KIND_CONN) {
        net_conn_ready(e->data.ptr, e->events);
    } else if (*kind == NET_KIND_WATCH) {
        net_watch *w = e->data.ptr;
        if (!w->dead) w->ready(w->ctx);
    } else {
        net_port_ready(e->data.ptr);
    }
}

static int wait_ms(const net *n) {
    int64_t now_ms = net_now_ms(), until_ms = INT64_MAX;
    if (n->turns) return 0;
    if (n->first) until_ms = (n->wheel_s + 1) * 1000;
    if (n->n_heap > 0 && n->heap[0]->at_ms < until_ms) until_ms = n->heap[0]->at_ms;
    if (until_ms == INT64_MAX) return -1;
    if (until_ms <= now_ms) return 0;
    return until_ms - now_ms > INT32_MAX ? INT32_MAX : (int)(until_ms - now_ms);
}

static void round_of(net *n) {
    struct epoll_event events[EVENTS_A_ROUND];
    int got = epoll_wait(n->epoll_fd, events, EVENTS_A_ROUND, wait_ms(n));
    n->round_ms = net_now_ms();
    for (int i = 0; i < got; i++) dispatch(&events[i]);
    take_turns(n);
    int64_t now_ms = net_now_ms();
    fire_timers(n, now_ms);
    turn_wheel(n, now_ms);
    reap(n);
}

void net_run(net *n) {
    while (!n->stopping) round_of(n);
}

void net_stop(net *n) {
    n->stopping = true;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static steno_err start(net *n) {
    const net_config *c = &n->config;
    n->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (n->epoll_fd < 0) return err_fail(STENO_E_IO, "the event loop: %s", strerror(errno));
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    n->input = mem_alloc(1, NET_READ_BYTES);
    n->scratch = mem_alloc(1, NET_SCRATCH_BYTES);
    if (!n->input || !n->scratch) return err_fail(STENO_E_NOMEM, "no memory for the event loop");
    n->round_ms = net_now_ms();
    n->wheel_s = n->round_ms / 1000;
    if (c->tls_certificate) ERR_TRY(net_tls_context(c->tls_certificate, c->tls_key, &n->tls));
    n->config.tls_certificate = n->config.tls_key = NULL; /* not ours to keep */
    return net_port_open(n, c->bind, c->port, NULL, n->address);
}

steno_err net_open(const net_config *config, const net_handler *handler, net **out) {
    *out = NULL;
    net *n = mem_alloc(1, sizeof *n);
    if (!n) return err_fail(STENO_E_NOMEM, "no memory for the event loop");
    *n = (net){.config = *config, .handler = *handler, .epoll_fd = -1, .spare_fd = -1};
    if (n->config.body_bytes_max == 0) n->config.body_bytes_max = NET_BODY_BYTES;
    if (n->config.body_idle_s <= 0) n->config.body_idle_s = NET_BODY_IDLE_S;
    signal(SIGPIPE, SIG_IGN); /* the TLS library writes without MSG_NOSIGNAL */
    steno_err e = start(n);
    if (e != STENO_OK) {
        net_close(n);
        return e;
    }
    n->config.bind = NULL;
    *out = n;
    return STENO_OK;
}

void net_close(net *n) {
    if (!n) return;
    net_ports_close(n);
    while (n->first) net_conn_die(n->first);
    while (n->watches) net_watch_close(n->watches);
    for (net_conn *c = n->dead; c; c = c->dead_next) c->in_turn = false;
    reap(n);
    net_tls_context_free(n->tls);
    if (n->epoll_fd >= 0) close(n->epoll_fd);
    if (n->spare_fd >= 0) close(n->spare_fd);
    mem_free(n->heap);
    mem_free(n->input);
    mem_free(n->scratch);
    mem_free(n);
}

const char *net_address(const net *n) {
    return n->address;
}

void net_get_counts(const net *n, net_counts *out) {
    *out = n->counts;
}

steno_err net_reload_tls(net *n, const char *certificate, const char *key) {
    void *fresh;
    if (!n->tls) return err_fail(STENO_E_INVALID, "this server was started without TLS");
    ERR_TRY(net_tls_context(certificate, key, &fresh));
    net_tls_context_free(n->tls); /* connections hold on to theirs */
    n->tls = fresh;
    return STENO_OK;
}
