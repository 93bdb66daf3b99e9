/* net_probe.c [--tls CERT KEY] [--max N] [--ping S] [--idle S]: src/net with the smallest things on top, for test_net.mjs.
 *
 * Says on standard output where it listens ("http 127.0.0.1:1", "raw 127.0.0.1:2") and how exchanges and connections end.
 * SIGHUP reads certificate and key again; the end of standard input ends it.
 */
#include "net/net.h"

#include "base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BODY_MAX 1000000

typedef struct probe {
    net *net;
    const char *certificate, *key;
    int signals;
    net_watch *input, *hup;
} probe;

/* One taken request. What it is to do is its path. */
typedef struct job {
    net_exchange *x;
    net_timer *timer;
    char what[64];
    char *kept;
    size_t n, left, piece;
} job;

static void say(const char *what, const char *of, long n) {
    printf("%s %s %ld\n", what, of, n);
    fflush(stdout);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static void answer_kept(job *j) {
    net_reply r = {.status = 200, .type = "application/octet-stream", .body = j->kept, .bytes = j->n, .owned = j->kept};
    j->kept = NULL;
    net_answer(j->x, &r);
}

static void later(void *ctx) {
    job *j = ctx;
    if (strcmp(j->what, "/resume") == 0)
        net_body_pause(j->x, false);
    else
        answer_kept(j);
}

static void on_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    job *j = user;
    if (strcmp(j->what, "/early") == 0) {
        net_answer(j->x, &(net_reply){.status = 400, .type = "text/plain", .body = "enough", .bytes = 6});
        return;
    }
    if (strcmp(j->what, "/cut") == 0) {
        net_exchange_cut(j->x);
        return;
    }
    char *grown = j->n + n > 0 ? mem_resize(j->kept, j->n, j->n + n) : NULL;
    if (grown) {
        j->kept = grown;
        if (n) memcpy(j->kept + j->n, bytes, n);
        j->n += n;
    }
    if (strcmp(j->what, "/resume") == 0 && !last && j->n == n) { /* once */
        net_body_pause(j->x, true);
        net_timer_set(j->timer, 20);
    }
    if (!last) return;
    if (strcmp(j->what, "/later") == 0)
        net_timer_set(j->timer, 20);
    else if (strcmp(j->what, "/never") != 0 && strcmp(j->what, "/stream") != 0)
        answer_kept(j);
    if (strcmp(j->what, "/stream") == 0) {
        net_stream_begin(j->x, &(net_reply){.status = 200, .type = "text/event-stream"});
        net_stream_want(j->x);
    }
}

static void on_writable(void *user) {
    job *j = user;
    static char piece[65536];
    memset(piece, 'x', sizeof piece);
    while (j->left > 0) {
        size_t n = j->left < j->piece ? j->left : j->piece;
        j->left -= n;
        if (!net_stream_send(j->x, piece, n)) break;
    }
    if (j->left > 0)
        net_stream_want(j->x);
    else
        net_stream_end(j->x);
}

static void on_gone(void *user, bool complete) {
    job *j = user;
    say(complete ? "answered" : "left", j->what, (long)j->n);
    net_timer_close(j->timer);
    mem_free(j->kept);
    mem_free(j);
}

static const net_exchange_handler exchange_handler = {on_body, on_writable, on_gone};

static long argument(const net_request *r, const char *name, long otherwise) {
    size_t n = strlen(name);
    for (int i = 0; i < r->n_args; i++) {
        if (strncmp(r->args[i], name, n) == 0 && r->args[i][n] == '=') return atol(r->args[i] + n + 1);
    }
    return otherwise;
}

static void describe(const net_request *r, net_reply *reply) {
    char *text = mem_alloc(1, 4096), other[64] = "";
    net_header(r, "X-Other", other, 8);
    snprintf(text, 4096,
             "%s %s args %d first %s length %ld type %s host %s auth %s id %s origin %s other %s peer %s tls %d\n",
             r->method, r->path, r->n_args, r->n_args ? r->args[0] : "", (long)r->content_length, r->content_type,
             r->host, r->authorization, r->request_id, r->origin, other, r->peer, r->tls);
    *reply = (net_reply){.status = 200, .type = "text/plain", .body = text, .bytes = strlen(text), .owned = text};
    reply->owned_headers = mem_strdup("x-made: for you\r\n");
}

static void on_request(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    probe *p = ctx;
    static char big[3000000];
    if (strcmp(r->path, "/describe") == 0) {
        describe(r, reply);
    } else if (strcmp(r->path, "/big") == 0) {
        memset(big, 'b', sizeof big);
        *reply = (net_reply){.status = 200, .type = "text/plain", .body = big, .bytes = sizeof big};
    } else if (strcmp(r->path, "/") == 0) {
        *reply = (net_reply){.status = 200, .type = "text/plain", .body = "root\n", .bytes = 5};
    } else if (strcmp(r->path, "/missing") == 0) {
        *reply = (net_reply){.status = 404, .type = "text/plain", .body = "none\n", .bytes = 5};
    } else {
        job *j = mem_alloc(1, sizeof *j);
        *j = (job){.x = x, .left = (size_t)argument(r, "bytes", 1000), .piece = (size_t)argument(r, "piece", 1000)};
        snprintf(j->what, sizeof j->what, "%s", r->path);
        j->timer = net_timer_open(p->net, later, j);
        net_take(x, &exchange_handler, j, (uint64_t)argument(r, "max", BODY_MAX));
    }
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

typedef struct echo {
    net_conn *conn;
    const char *kind;
    char *kept;
    size_t n;
    bool due;
} echo;

static void echo_opened(void *user, net_conn *conn) {
    echo *l = user;
    l->conn = conn;
}

static void echo_data(void *user, const net_data *d) {
    echo *l = user;
    char *grown = d->n ? mem_resize(l->kept, l->n, l->n + d->n) : NULL;
    if (grown) {
        l->kept = grown;
        memcpy(l->kept + l->n, d->bytes, d->n);
        l->n += d->n;
    }
    if (!d->last) return;
    if (l->n == 4 && memcmp(l->kept, "quit", 4) == 0) {
        net_end(l->conn, 4001, "as you wish");
        return;
    }
    l->due = true;
    net_pause(l->conn, true); /* one message at a time */
    net_want_write(l->conn);
}

static void echo_writable(void *user) {
    echo *l = user;
    if (!l->due) return;
    l->due = false;
    (void)net_send(l->conn, l->kept, l->n / 2, l->kept ? l->kept + l->n / 2 : "", l->n - l->n / 2);
    mem_free(l->kept);
    l->kept = NULL;
    l->n = 0;
    net_pause(l->conn, false);
}

static void echo_closed(void *user, int code) {
    echo *l = user;
    say("closed", l->kind, code);
    mem_free(l->kept);
    mem_free(l);
}

static const net_conn_handler echo_handler = {echo_opened, echo_data, echo_writable, echo_closed};

static echo *make_echo(const char *kind) {
    echo *l = mem_alloc(1, sizeof *l);
    l->kind = kind;
    return l;
}

static const net_conn_handler *on_upgrade(void *ctx, const net_request *r, net_reply *reply, void **user) {
    (void)ctx;
    if (strcmp(r->path, "/echo") != 0) {
        *reply = (net_reply){.status = 404, .type = "text/plain", .body = "no WebSocket\n", .bytes = 13};
        return NULL;
    }
    if (strncmp(r->protocols, "realtime", 8) == 0) reply->protocol = "realtime";
    if (strncmp(r->protocols, "token, ", 7) == 0) reply->protocol = "token";
    reply->headers = "x-request-id: 7\r\n";
    reply->owned_headers = mem_strdup("x-offered: yes\r\n");
    *user = make_echo("ws");
    return &echo_handler;
}

static const net_conn_handler *on_accept(void *ctx, const char *peer, void **user) {
    (void)ctx;
    (void)peer;
    *user = make_echo("raw");
    return &echo_handler;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void input_ready(void *ctx) {
    probe *p = ctx;
    char bytes[64];
    if (read(0, bytes, sizeof bytes) <= 0) net_stop(p->net);
}

static void hup_ready(void *ctx) {
    probe *p = ctx;
    struct signalfd_siginfo info;
    if (read(p->signals, &info, sizeof info) != sizeof info) return;
    bool read_again = net_reload_tls(p->net, p->certificate, p->key) == STENO_OK;
    printf("%s %s\n", read_again ? "reloaded" : "kept", read_again ? "" : steno_error_detail());
    fflush(stdout);
}

static int fail(void) {
    fprintf(stderr, "%s\n", steno_error_detail());
    return 1;
}

int main(int argc, char **argv) {
    probe p = {0};
    net_config c = {
        .bind = "127.0.0.1", .max_connections = 1000, .ping_s = 20, .message_bytes_max = 100000, .body_idle_s = 1};
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], "--tls") == 0) {
            c.tls_certificate = p.certificate = argv[++i];
            if (i + 1 < argc) c.tls_key = p.key = argv[++i];
        } else if (strcmp(argv[i], "--max") == 0) {
            c.max_connections = atoi(argv[++i]);
        } else if (strcmp(argv[i], "--ping") == 0) {
            c.ping_s = atoi(argv[++i]);
        }
    }
    sigset_t hup;
    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hup, NULL);
    p.signals = signalfd(-1, &hup, SFD_CLOEXEC);
    char raw[80];
    net_handler handler = {.ctx = &p, .request = on_request, .upgrade = on_upgrade};
    net_raw_config raw_config = {.bind = "127.0.0.1", .ctx = &p, .accept = on_accept};
    if (net_open(&c, &handler, &p.net) != STENO_OK) return fail();
    if (net_listen_raw(p.net, &raw_config, raw) != STENO_OK) return fail();
    p.input = net_watch_open(p.net, 0, input_ready, &p);
    p.hup = net_watch_open(p.net, p.signals, hup_ready, &p);
    if (!p.input || !p.hup) return fail();
    printf("http %s\nraw %s\n", net_address(p.net), raw);
    fflush(stdout);
    net_run(p.net);
    net_counts counts;
    net_get_counts(p.net, &counts);
    printf("counts %d %d\n", counts.connections, counts.websockets);
    net_close(p.net);
    return 0;
}
