/* test_net_loop.c: timers, reasons; and every allocation of the loop fails once while requests and a WebSocket are served: what
 * fails is that one connection, its handlers are told exactly once, and the server serves on. */
#include "net/net.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAULTS    30
#define PIECE     20000 /* more than a socket takes at once */
#define TIMEOUT_S 30

typedef struct counts {
    int taken, gone, upgraded, closed;
} counts;

static net *loop;
static counts count;
static char piece[PIECE];

/* ---- the server: one thread, which alone touches `loop` and `count` until it is joined --------------------------- */

static void on_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    net_exchange *x = user;
    (void)bytes;
    (void)n;
    if (!last) return;
    net_stream_begin(x, &(net_reply){.status = 200, .type = "text/plain"});
    net_stream_want(x);
}

static void on_writable(void *user) {
    net_stream_send(user, piece, sizeof piece);
    net_stream_end(user);
}

static void on_gone(void *user, bool complete) {
    (void)user;
    (void)complete;
    count.gone++;
}

static const net_exchange_handler exchange_handler = {on_body, on_writable, on_gone};

static void on_request(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    (void)ctx;
    if (strcmp(r->path, "/take") == 0) {
        count.taken++;
        net_take(x, &exchange_handler, x, 0);
        return;
    }
    *reply = (net_reply){.status = 200, .body = piece, .bytes = sizeof piece};
}

static void ws_opened(void *user, net_conn *conn) {
    (void)user;
    net_want_write(conn);
    *(net_conn **)user = conn;
}

static void ws_data(void *user, const net_data *d) {
    if (d->last) net_end(*(net_conn **)user, 1000, "enough");
}

static void ws_writable(void *user) {
    net_send(*(net_conn **)user, piece, sizeof piece, "!", 1);
}

static void ws_closed(void *user, int code) {
    (void)code;
    free(user);
    count.closed++;
}

static const net_conn_handler ws_handler = {ws_opened, ws_data, ws_writable, ws_closed};

static const net_conn_handler *on_upgrade(void *ctx, const net_request *r, net_reply *reply, void **user) {
    (void)ctx;
    (void)r;
    (void)reply;
    count.upgraded++;
    *user = calloc(1, sizeof(net_conn *));
    return &ws_handler;
}

static void stop_ready(void *ctx) {
    net_stop(ctx);
}

static void *serve(void *arg) {
    net_run(arg);
    return NULL;
}

/* ---- the client: plain sockets ------------------------------------------------------------------------------------ */

static int dial(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    to.sin_port = htons((uint16_t)atoi(strrchr(net_address(loop), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends and reads to the end; how many bytes came. */
static size_t talk(const char *text, size_t n) {
    char buffer[4096];
    size_t got = 0;
    int fd = dial();
    (void)send(fd, text, n, MSG_NOSIGNAL);
    for (ssize_t k; (k = recv(fd, buffer, sizeof buffer, 0)) > 0;) got += (size_t)k;
    close(fd);
    return got;
}

static const char take[] =
    "POST /take HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
static const char upgrade[] =
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x80\0\0\0\0\x88\x80\0\0\0\0";

/* A head in two parts, so that something has to be held. */
static void halves(void) {
    char buffer[256];
    int fd = dial();
    (void)send(fd, get, 20, MSG_NOSIGNAL);
    usleep(1000); /* not to be sure of anything: only to make two packets likely */
    (void)send(fd, get + 20, sizeof get - 1 - 20, MSG_NOSIGNAL);
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    close(fd);
}

static void every_allocation_fails_once(void **state) {
    net_config config = {.bind = "127.0.0.1", .max_connections = 10, .ping_s = 20, .message_bytes_max = 1000};
    net_handler handler = {.request = on_request, .upgrade = on_upgrade};
    int stop = eventfd(0, EFD_NONBLOCK), hits = 0;
    pthread_t thread;
    (void)state;
    memset(piece, 'p', sizeof piece);
    assert_int_equal(net_open(&config, &handler, &loop), STENO_OK);
    net_watch *w = net_watch_open(loop, stop, stop_ready, loop);
    assert_non_null(w);
    assert_int_equal(pthread_create(&thread, NULL, serve, loop), 0);
    for (int i = 0; i <= FAULTS; i++) {
        mem_fault_arm((uint64_t)i); /* 0: none */
        size_t taken = talk(take, sizeof take - 1), got = talk(get, sizeof get - 1),
               ws = talk(upgrade, sizeof upgrade - 1);
        halves();
        if (i == 0) assert_true(taken > PIECE && got > PIECE && ws > 100);
        hits += mem_fault_hit();
        mem_fault_arm(0);
        assert_true(talk(get, sizeof get - 1) > PIECE);
    }
    assert_true(hits >= 8);
    assert_int_equal(eventfd_write(stop, 1), 0);
    pthread_join(thread, NULL);
    net_close(loop);
    close(stop);
    assert_true(count.taken > 20 && count.upgraded > 20);
    assert_int_equal(count.taken, count.gone);
    assert_int_equal(count.upgraded, count.closed);
}

/* Opening fails with a reason, and leaves nothing. */
static void opening_fails_cleanly(void **state) {
    net_handler handler = {.request = on_request, .upgrade = on_upgrade};
    (void)state;
    for (uint64_t i = 1; i < 10; i++) {
        net *n = NULL;
        net_config config = {.bind = "127.0.0.1", .max_connections = 10, .ping_s = 20, .message_bytes_max = 1000};
        mem_fault_arm(i);
        steno_err e = net_open(&config, &handler, &n);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_int_equal(e == STENO_OK, !hit);
        assert_true(e == STENO_OK || (!n && steno_error_detail()[0]));
        net_close(n);
        if (!hit) return;
    }
    fail_msg("it never opened");
}

static void a_port_in_use_has_a_reason(void **state) {
    net_handler handler = {.request = on_request, .upgrade = on_upgrade};
    net_config config = {.bind = "127.0.0.1", .max_connections = 10, .ping_s = 20, .message_bytes_max = 1000};
    net *first = NULL, *second = NULL;
    (void)state;
    assert_int_equal(net_open(&config, &handler, &first), STENO_OK);
    config.port = atoi(strrchr(net_address(first), ':') + 1);
    assert_int_equal(net_open(&config, &handler, &second), STENO_E_IO);
    assert_non_null(strstr(steno_error_detail(), "127.0.0.1"));
    assert_null(second);
    net_close(first);
}

typedef struct ringer {
    net *loop;
    net_timer *timers[40];
    int order[40], rung;
} ringer;

static ringer *bell;

static void ring(void *ctx) {
    bell->order[bell->rung++] = (int)(intptr_t)ctx;
    if (bell->rung == 20) net_stop(bell->loop);
}

/* Timers ring in their order, however they were set, set again and taken back. */
static void timers_ring_in_order(void **state) {
    net_handler handler = {.request = on_request, .upgrade = on_upgrade};
    net_config config = {.bind = "127.0.0.1", .max_connections = 10, .ping_s = 20, .message_bytes_max = 1000};
    ringer r = {0};
    (void)state;
    bell = &r;
    assert_int_equal(net_open(&config, &handler, &r.loop), STENO_OK);
    for (int i = 0; i < 40; i++) {
        r.timers[i] = net_timer_open(r.loop, ring, (void *)(intptr_t)i);
        assert_non_null(r.timers[i]);
        net_timer_set(r.timers[i], 2 * ((i * 23) % 40));
    }
    for (int i = 0; i < 40; i++) net_timer_set(r.timers[i], i % 2 ? -1 : 2 * i);
    for (int i = 1; i < 40; i += 4) net_timer_close(r.timers[i]);
    net_run(r.loop);
    for (int i = 0; i < 20; i++) assert_int_equal(r.order[i], 2 * i);
    for (int i = 0; i < 40; i++) {
        if (i % 4 != 1) net_timer_close(r.timers[i]);
    }
    net_close(r.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails_once), cmocka_unit_test(opening_fails_cleanly),
        cmocka_unit_test(a_port_in_use_has_a_reason), cmocka_unit_test(timers_ring_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
