/* stoppable.c: see stoppable.h. */
#include "cmd/stoppable.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

int stoppable_signals(sigset_t *old) {
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &stops, old) != 0) return -1;
    return signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Waits until some bytes fit. Returns 0 or the reason why not. */
static int wait_for_room(const stoppable *s) {
    struct pollfd fds[] = {{.fd = s->fd, .events = POLLOUT}, {.fd = s->stop_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) == -1) {
        if (errno != EINTR) return errno;
    }
    return fds[1].revents ? ECANCELED : 0;
}

/* A pipe that can be written to takes PIPE_BUF bytes without blocking, and no more is offered at a time. */
static ssize_t put(void *ctx, const char *bytes, size_t n) {
    stoppable *s = ctx;
    size_t done = 0;
    while (!s->error && done < n) {
        s->error = wait_for_room(s);
        if (s->error) break;
        ssize_t written = write(s->fd, bytes + done, n - done < PIPE_BUF ? n - done : PIPE_BUF);
        if (written > 0) done += (size_t)written;
        if (written < 0 && errno != EINTR && errno != EAGAIN) s->error = errno;
    }
    if (s->error) errno = s->error;
    return (ssize_t)done;
}

FILE *stoppable_open(stoppable *s, int fd, int stop_fd) {
    *s = (stoppable){.fd = fd, .stop_fd = stop_fd};
    return fopencookie(s, "w", (cookie_io_functions_t){.write = put});
}
