/* net_listen.c: listening sockets. See net.h.
 *
 * A port in use has a reason, a full server says so instead of letting people wait, and running out of descriptors neither
 * spins nor hangs the loop.
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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096 /* the kernel's net.core.somaxconn may be less */
#define ACCEPTS_A_TURN 256
#define WARN_EVERY_MS  10000

static void prepare_socket(int fd) {
    int one = 1, in = NET_RECEIVE_BUFFER, out = NET_SEND_BUFFER;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    /* What a peer may send ahead of us and what may wait for a slow reader: bounded, and a pong is not far behind. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &in, sizeof in);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &out, sizeof out);
}

/* No descriptor is left: the spare one is given up for long enough to accept and hang up on somebody, because a
 * connection that nobody accepts would wake the loop for ever. */
static void accept_without_descriptors(net_port *p) {
    net *n = p->owner;
    static const char text[] = "out of file descriptors: connections are turned away";
    if (n->counts.refused == 0 || net_now_ms() - n->warned_ms > WARN_EVERY_MS) {
        log_line(LOG_LEVEL_WARN, "%s", text);
        n->warned_ms = net_now_ms();
    }
    if (n->spare_fd >= 0) close(n->spare_fd);
    int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    n->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    n->counts.refused++;
}

static void turn_away(const net_port *p, int fd) {
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
        "connection: close\r\ncontent-length: 60\r\n\r\n"
        "{\"code\":\"connections\",\"message\":\"too many connections open\"}";
    if (!p->raw && !p->owner->tls) (void)send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
    p->owner->counts.refused++;
}

/* Whoever took a place and has not sent a whole request since NET_PATIENCE_MS gives it to somebody who may: connections
 * that only wait cannot keep a server full. Until the first request a connection's deadline is that of its handshake. */
static bool make_room(net *n) {
    net_conn *oldest = NULL;
    for (net_conn *c = n->first; c; c = c->next) {
        bool waits = (c->state == CONN_HEAD && !c->served) || c->state == CONN_TLS;
        if (waits && (!oldest || c->due_ms < oldest->due_ms)) oldest = c;
    }
    if (!oldest || oldest->due_ms - net_now_ms() > NET_HANDSHAKE_S * 1000 - NET_PATIENCE_MS) return false;
    net_conn_die(oldest);
    n->counts.refused++;
    return true;
}

/* The address in 16 bytes; IPv4 in the first four of them. True: version 6. */
static bool bare_address(const struct sockaddr_storage *from, unsigned char peer[16]) {
    if (from->ss_family != AF_INET6) {
        memcpy(peer, &((const struct sockaddr_in *)from)->sin_addr, 4);
        return false;
    }
    const struct in6_addr *at = &((const struct sockaddr_in6 *)from)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(at)) {
        memcpy(peer, at->s6_addr + 12, 4);
        return false;
    }
    memcpy(peer, at->s6_addr, 16);
    return true;
}

void net_port_ready(net_port *p) {
    net *n = p->owner;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t bytes = sizeof from;
        unsigned char peer[16] = {0};
        int fd = accept4(p->fd, (struct sockaddr *)&from, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) accept_without_descriptors(p);
            if (errno == ECONNABORTED || errno == EINTR) continue;
            return;
        }
        if (n->counts.connections >= n->config.max_connections && !make_room(n)) {
            turn_away(p, fd);
            continue;
        }
        n->counts.accepted++; /* sizes of buffers are those of the listening socket */
        net_conn_adopt(p, fd, peer, bare_address(&from, peer));
    }
}

static int bind_to(const struct addrinfo *at) {
    int one = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    prepare_socket(fd); /* before listen(): the window is agreed on with the first packet, and the rest is inherited */
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0) return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static void name_address(int fd, char address[NET_ADDRESS_BYTES]) {
    struct sockaddr_storage at;
    socklen_t bytes = sizeof at;
    char host[64] = "?", port[8] = "?";
    getsockname(fd, (struct sockaddr *)&at, &bytes);
    getnameinfo((struct sockaddr *)&at, bytes, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(address, NET_ADDRESS_BYTES, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static steno_err listen_on(const char *bind, int port, int *fd) {
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *found;
    char number[16];
    snprintf(number, sizeof number, "%d", port);
    int rc = getaddrinfo(bind, number, &want, &found);
    if (rc != 0) return err_fail(STENO_E_IO, "%s:%s: %s", bind, number, gai_strerror(rc));
    *fd = -1;
    for (const struct addrinfo *at = found; at && *fd < 0; at = at->ai_next) *fd = bind_to(at);
    int why = errno;
    freeaddrinfo(found);
    return *fd < 0 ? err_fail(STENO_E_IO, "%s:%s: %s", bind, number, strerror(why)) : STENO_OK;
}

steno_err net_port_open(net *n, const char *bind, int port, const net_raw_config *raw,
                        char address[NET_ADDRESS_BYTES]) {
    net_port *p = mem_alloc(1, sizeof *p);
    if (!p) return err_fail(STENO_E_NOMEM, "no memory for a port");
    *p = (net_port){.kind = NET_KIND_PORT, .owner = n, .raw = raw != NULL};
    if (raw) p->config = *raw;
    p->config.bind = NULL; /* not ours to keep */
    steno_err e = listen_on(bind, port, &p->fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    if (e == STENO_OK && epoll_ctl(n->epoll_fd, EPOLL_CTL_ADD, p->fd, &event) != 0) {
        e = err_fail(STENO_E_IO, "%s:%d cannot be watched: %s", bind, port, strerror(errno));
        close(p->fd);
    }
    if (e != STENO_OK) {
        mem_free(p);
        return e;
    }
    name_address(p->fd, address);
    p->next = n->ports;
    n->ports = p;
    return STENO_OK;
}

steno_err net_listen_raw(net *n, const net_raw_config *config, char address[NET_ADDRESS_BYTES]) {
    return net_port_open(n, config->bind, config->port, config, address);
}

void net_ports_close(net *n) {
    while (n->ports) {
        net_port *p = n->ports;
        n->ports = p->next;
        close(p->fd);
        mem_free(p);
    }
}
