/* bench_server.c: see bench_server.h. */
#include "cmd/bench_server.h"

#include "base/mem.h"
#include "cmd/feeder.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_WAIT_S 5

/* ---- its life --------------------------------------------------------------------------------------------------- */

/* In the child: signals as a shell would start it with, its output into the pipe. */
static void become_server(const char *exe, const char *const *argv, int log_fd, int parent) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv(exe, (char *const *)(uintptr_t)argv);
    _exit(127);
}

int bench_server_port(const char *line) {
    const char *at = strstr(line, "http://");
    if (!at) at = strstr(line, "ws://");
    if (!at) return 0;
    at = strstr(at, "//") + 2;
    at += strcspn(at, *at == '[' ? "]" : ":/ ");
    if (*at == ']') at++;
    int port = *at == ':' ? atoi(at + 1) : 0;
    return port > 0 && port < 65536 ? port : 0;
}

/* Takes bytes of the log; true when a line has just ended, which is then in s->line. */
static bool take_byte(bench_server *s, char byte, size_t *at) {
    if (byte == '\n') {
        s->line[*at] = 0;
        s->n_line = *at;
        *at = 0;
        return true;
    }
    if (*at < sizeof s->line - 1) s->line[(*at)++] = byte;
    return false;
}

static steno_err wait_for_port(bench_server *s) {
    double until_s = feeder_clock_s() + BENCH_SERVER_START_S;
    size_t at = 0;
    while (s->port == 0) {
        char byte;
        struct pollfd fd = {.fd = s->log_fd, .events = POLLIN};
        int left_ms = (int)((until_s - feeder_clock_s()) * 1000);
        if (left_ms <= 0) return err_fail(STENO_E_IO, "steno serve: does not say where it listens");
        if (poll(&fd, 1, left_ms) != 1) continue;
        if (read(s->log_fd, &byte, 1) != 1)
            return err_fail(STENO_E_IO, "steno serve: %s", s->n_line ? s->line : "ended at once");
        if (take_byte(s, byte, &at) && s->n_line > 0) s->port = bench_server_port(s->line);
    }
    return STENO_OK;
}

steno_err bench_server_start(bench_server *s, const char *exe, const char *const *args) {
    const char *argv[BENCH_SERVER_ARGS_MAX + 12] = {exe ? exe : "steno", "serve", "--port", "0"};
    int n = 4, fds[2], parent = (int)getpid();
    *s = (bench_server){.log_fd = -1};
    for (; *args && n < BENCH_SERVER_ARGS_MAX + 8; args++) argv[n++] = *args;
    if (pipe2(fds, O_CLOEXEC) != 0) return err_fail(STENO_E_IO, "steno serve: %s", strerror(errno));
    s->pid = fork();
    if (s->pid == 0) become_server(exe ? exe : "/proc/self/exe", argv, fds[1], parent);
    close(fds[1]);
    s->log_fd = fds[0];
    if (s->pid < 0) {
        s->pid = 0;
        bench_server_stop(s);
        return err_fail(STENO_E_IO, "steno serve: %s", strerror(errno));
    }
    steno_err e = wait_for_port(s);
    if (e != STENO_OK) bench_server_stop(s);
    snprintf(s->url, sizeof s->url, "ws://127.0.0.1:%d/v1/stream", s->port);
    (void)fcntl(s->log_fd, F_SETFL, O_NONBLOCK);
    return e;
}

void bench_server_drain(bench_server *s) {
    char bytes[4096];
    while (s->log_fd != -1) {
        ssize_t n = read(s->log_fd, bytes, sizeof bytes);
        if (n <= 0) return;
    }
}

void bench_server_stop(bench_server *s) {
    double until_s = feeder_clock_s() + BENCH_SERVER_STOP_S;
    if (s->pid > 0) kill(s->pid, SIGTERM);
    while (s->pid > 0 && waitpid(s->pid, NULL, WNOHANG) == 0) {
        struct pollfd fd = {.fd = s->log_fd, .events = POLLIN}; /* its end closes the pipe */
        (void)poll(&fd, 1, 50);
        bench_server_drain(s);
        if (feeder_clock_s() > until_s) kill(s->pid, SIGKILL);
    }
    if (s->log_fd != -1) close(s->log_fd);
    *s = (bench_server){.log_fd = -1};
}

/* ---- its status ------------------------------------------------------------------------------------------------- */

/* "ws://host:port/…" taken apart. */
static bool split(const char *url, char host[256], char port[8]) {
    if (strncmp(url, "ws://", 5) != 0) return false;
    snprintf(port, 8, "80");
    return sscanf(url + 5, "[%255[^]]]:%7[0-9]", host, port) >= 1 ||
           sscanf(url + 5, "%255[^:/]:%7[0-9]", host, port) >= 1;
}

static int dial(const char *host, const char *port) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval limit = {.tv_sec = STATUS_WAIT_S};
    struct addrinfo *found = NULL;
    int fd = -1;
    if (getaddrinfo(host, port, &hints, &found) != 0) return -1;
    for (const struct addrinfo *a = found; a && fd == -1; a = a->ai_next) {
        fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd == -1) continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) continue;
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

/* The whole answer; HTTP/1.0, so that it ends with the connection and comes in one piece. */
static steno_err ask(int fd, const char *host, char *text) {
    char request[512];
    size_t n = 0;
    int length = snprintf(request, sizeof request, "GET /v1/status HTTP/1.0\r\nHost: %s\r\n\r\n", host);
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return err_fail(STENO_E_IO, "status: %s", strerror(errno));
    for (ssize_t got = 1; got > 0 && n<BENCH_STATUS_BYTES_MAX - 1; n += got> 0 ? (size_t)got : 0)
        got = recv(fd, text + n, BENCH_STATUS_BYTES_MAX - 1 - n, 0);
    text[n] = 0;
    char *body = strstr(text, "\r\n\r\n");
    if (!body || strncmp(text, "HTTP/1.", 7) != 0 || strncmp(text + 8, " 200", 4) != 0)
        return err_fail(STENO_E_FORMAT, "status: no page there");
    memmove(text, body + 4, strlen(body + 4) + 1);
    return STENO_OK;
}

steno_err bench_status(const char *url, char **out) {
    char host[256], port[8];
    *out = NULL;
    if (!split(url, host, port)) return err_fail(STENO_E_UNSUPPORTED, "status: not a ws:// address");
    int fd = dial(host, port);
    if (fd == -1) return err_fail(STENO_E_IO, "status: cannot connect");
    char *text = mem_alloc(1, BENCH_STATUS_BYTES_MAX);
    steno_err e = text ? ask(fd, host, text) : err_fail(STENO_E_NOMEM, "no memory for the status");
    close(fd);
    if (e == STENO_OK)
        *out = text;
    else
        mem_free(text);
    return e;
}
