/* net_loop.c: the loop, the listening socket, watched descriptors and timers. See net.h.
 *
 * Connections are accepted here and not by libwebsockets, so that a port in use has a reason, a full server says so
 * instead of letting people wait, and running out of descriptors neither spins nor hangs the loop.
 */
#include "net/net_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG  512
#define ACCEPTS_A_TURN  64
#define SWEEP_MS        1000
#define HEADER_POOL_MAX 1024 /* requests whose head is being read; later ones wait */
#define WATCHED_FDS     64   /* descriptors beside connections */

int64_t net_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- timers ----------------------------------------------------------------------------------------------------- */

static void timer_fired(lws_sorted_usec_list_t *entry) {
    net_timer *t = (net_timer *)entry;
    t->fire(t->ctx);
}

net_timer *net_timer_open(net *n, void (*fire)(void *ctx), void *ctx) {
    net_timer *t = mem_alloc(1, sizeof *t);
    if (t) *t = (net_timer){.owner = n, .fire = fire, .ctx = ctx};
    return t;
}

void net_timer_set(net_timer *t, int delay_ms) {
    lws_sul_schedule(t->owner->context, 0, &t->entry, timer_fired,
                     delay_ms < 0 ? LWS_SET_TIMER_USEC_CANCEL : (lws_usec_t)delay_ms * 1000);
}

void net_timer_close(net_timer *t) {
    if (!t) return;
    net_timer_set(t, -1);
    mem_free(t);
}

/* ---- watched descriptors ---------------------------------------------------------------------------------------- */

static int watch_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n) {
    net_watch *w = lws_get_opaque_user_data(wsi);
    (void)user;
    (void)in;
    (void)n;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        if (!w) return -1; /* given up */
        w->ready(w->ctx);
    }
    if (reason == LWS_CALLBACK_RAW_CLOSE_FILE && w) w->wsi = NULL;
    return 0;
}

net_watch *net_watch_open(net *n, int fd, void (*ready)(void *ctx), void *ctx) {
    net_watch *w = mem_alloc(1, sizeof *w);
    if (!w) return NULL;
    *w = (net_watch){.owner = n, .ready = ready, .ctx = ctx};
    /* The library closes what it watches: it gets a descriptor of its own. */
    lws_adopt_desc_t what = {.vh = n->vhost,
                             .type = LWS_ADOPT_RAW_FILE_DESC,
                             .fd.filefd = fcntl(fd, F_DUPFD_CLOEXEC, 0),
                             .vh_prot_name = "steno-watch",
                             .opaque = w};
    if (what.fd.filefd >= 0) w->wsi = lws_adopt_descriptor_vhost_via_info(&what);
    if (w->wsi) return w;
    mem_free(w);
    return NULL;
}

void net_watch_close(net_watch *w) {
    if (!w) return;
    if (w->wsi) {
        lws_set_opaque_user_data(w->wsi, NULL);
        lws_set_timeout(w->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
    mem_free(w);
}

/* ---- the listening socket --------------------------------------------------------------------------------------- */

static void prepare_socket(int fd) {
    int one = 1, bytes = NET_SOCKET_BUFFER;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    /* What a peer may send ahead of us and what may wait for a slow reader: bounded, and a pong is not far behind. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

/* No descriptor is left: the spare one is given up for long enough to accept and hang up on somebody, because a
 * connection that nobody accepts would wake the loop for ever. */
static void accept_without_descriptors(net *n) {
    log_line(LOG_LEVEL_WARN, "out of file descriptors: a connection was turned away");
    if (n->spare_fd >= 0) close(n->spare_fd);
    int fd = accept4(n->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    n->counts.refused++;
}

static void turn_away(net *n, int fd) {
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
        "connection: close\r\ncontent-length: 60\r\n\r\n"
        "{\"code\":\"connections\",\"message\":\"too many connections open\"}";
    (void)send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
    n->counts.refused++;
}

static void accept_ready(void *ctx) {
    net *n = ctx;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(n->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) accept_without_descriptors(n);
            return;
        }
        if (n->counts.connections >= n->config.max_connections) {
            turn_away(n, fd);
            continue;
        }
        prepare_socket(fd);
        n->counts.accepted++;
        net_adopt(n, fd);
    }
}

static int bind_to(const struct addrinfo *at) {
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    prepare_socket(fd); /* before listen(): the window is agreed on with the first packet */
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void name_address(net *n) {
    struct sockaddr_storage at;
    socklen_t bytes = sizeof at;
    char host[64] = "?", port[8] = "?";
    getsockname(n->listen_fd, (struct sockaddr *)&at, &bytes);
    getnameinfo((struct sockaddr *)&at, bytes, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(n->address, sizeof n->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static steno_err listen_on(net *n) {
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    char port[16];
    snprintf(port, sizeof port, "%d", n->config.port);
    int rc = getaddrinfo(n->config.bind, port, &want, &found);
    if (rc != 0) return err_fail(STENO_E_IO, "%s:%s: %s", n->config.bind, port, gai_strerror(rc));
    for (const struct addrinfo *at = found; at && n->listen_fd < 0; at = at->ai_next) n->listen_fd = bind_to(at);
    int why = errno;
    freeaddrinfo(found);
    if (n->listen_fd < 0) return err_fail(STENO_E_IO, "%s:%s: %s", n->config.bind, port, strerror(why));
    name_address(n);
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    n->listener = net_watch_open(n, n->listen_fd, accept_ready, n);
    return n->listener ? STENO_OK : err_fail(STENO_E_NOMEM, "%s: cannot be watched", n->address);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void sweep(void *ctx) {
    net *n = ctx;
    int64_t now_ms = net_now_ms();
    for (net_conn *c = n->first, *next; c; c = next) {
        next = c->next;
        if (c->opened) net_ws_sweep(c, now_ms);
    }
    net_timer_set(n->sweep, SWEEP_MS);
}

static void library_log(int level, const char *line) {
    log_level as = level == LLL_ERR ? LOG_LEVEL_ERROR : level == LLL_WARN ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG;
    size_t n = strcspn(line, "\n");
    log_line(as, "libwebsockets: %.*s", (int)n, line);
}

static const struct lws_protocols protocols[] = {
    {.name = "steno", .callback = net_callback, .rx_buffer_size = NET_READ_BYTES},
    {.name = "steno-watch", .callback = watch_callback},
    {0},
};

static steno_err make_context(net *n) {
    int headers = n->config.max_connections < HEADER_POOL_MAX ? n->config.max_connections : HEADER_POOL_MAX;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_DISABLE_IPV6,
        .server_string = "steno",
        .gid = -1,
        .uid = -1,
        .user = n,
        .max_http_header_data = NET_HEADER_BYTES_MAX,
        .max_http_header_pool = (unsigned short)(headers + 1),
        .pt_serv_buf_size = NET_READ_BYTES,
        .fd_limit_per_thread = (unsigned)n->config.max_connections + WATCHED_FDS,
        .timeout_secs = NET_HANDSHAKE_S,
        .timeout_secs_ah_idle = NET_HANDSHAKE_S,
        .keepalive_timeout = NET_KEEP_ALIVE_S,
        .vhost_name = "steno",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, library_log);
    n->context = lws_create_context(&info);
    if (!n->context) return err_fail(STENO_E_NOMEM, "the event loop could not be made");
    n->vhost = lws_get_vhost_by_name(n->context, "steno");
    return n->vhost ? STENO_OK : err_fail(STENO_E_INTERNAL, "the event loop has no host");
}

steno_err net_open(const net_config *config, const net_handler *handler, net **out) {
    *out = NULL;
    net *n = mem_alloc(1, sizeof *n);
    if (!n) return err_fail(STENO_E_NOMEM, "no memory for the event loop");
    *n = (net){.config = *config, .handler = *handler, .listen_fd = -1, .spare_fd = -1};
    n->scratch = mem_alloc(1, LWS_PRE + NET_SEND_BYTES_MAX);
    steno_err e = n->scratch ? make_context(n) : err_fail(STENO_E_NOMEM, "no memory for the event loop");
    if (e == STENO_OK) e = listen_on(n);
    if (e == STENO_OK && !(n->sweep = net_timer_open(n, sweep, n)))
        e = err_fail(STENO_E_NOMEM, "no memory for the event loop");
    if (e != STENO_OK) {
        net_close(n);
        return e;
    }
    net_timer_set(n->sweep, SWEEP_MS);
    *out = n;
    return STENO_OK;
}

void net_close(net *n) {
    if (!n) return;
    if (n->sweep) net_timer_close(n->sweep);
    if (n->listener) net_watch_close(n->listener);
    if (n->context) lws_context_destroy(n->context);
    if (n->listen_fd >= 0) close(n->listen_fd);
    if (n->spare_fd >= 0) close(n->spare_fd);
    mem_free(n->scratch);
    mem_free(n);
}

void net_run(net *n) {
    while (!n->stopping && lws_service(n->context, 0) >= 0) {
    }
}

void net_stop(net *n) {
    n->stopping = true;
    lws_cancel_service(n->context);
}

const char *net_address(const net *n) {
    return n->address;
}

void net_get_counts(const net *n, net_counts *out) {
    *out = n->counts;
}
