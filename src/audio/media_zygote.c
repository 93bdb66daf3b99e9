/* media_zygote.c: the helper process that forks one confined child for each file.
 *
 * Owner: a process of its own with one thread. It holds FFmpeg's libraries ready, so that a child costs a fork and not a
 * start, and never looks at a byte of media itself.
 * Life: it ends when the parent's end of the socket is gone, however that came about; every child dies with it
 * (PR_SET_PDEATHSIG). The zygote itself does not use PDEATHSIG: that would follow the parent's thread, not the parent.
 * It leaves by _exit() because media_lean() has unmapped libraries that left exit handlers behind.
 */
#include "audio/confine.h"
#include "audio/media_int.h"
#include "audio/media_probe.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ZYGOTE_SIGNAL_FD 4
#define FIRST_CHILD_POLL 2

typedef struct child {
    pid_t pid;
    int status_fd, data_fd; /* our ends; see the order of closing in media_int.h */
    bool killed;
} child;

typedef struct zygote {
    pid_t pid;
    confine_filter filter;
    probe_table table;
    media_prepared prepared; /* points at the two above */
    int n;
    child children[MEDIA_MAX_CHILDREN];
    struct pollfd polls[FIRST_CHILD_POLL + MEDIA_MAX_CHILDREN];
} zygote;

/* ---- start ------------------------------------------------------------------------------------------------------ */

/* The terminal's signals go to every process of a group; whether to stop is the parent's decision. */
static int signals_to_descriptor(void) {
    static const int ignored[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGTSTP};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) signal(ignored[i], SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &set, NULL) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the libraries take when idle: RLIMIT_AS counts it, the configured limit does not. */
static size_t address_space_bytes(void) {
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return 0;
    if (fscanf(f, "%lu", &pages) != 1) pages = 0;
    fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Standard streams lead nowhere, so that nothing a library prints reaches the terminal. */
static bool silence(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return false;
    bool ok = dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && (!CONFINE_STRICT || dup2(null, 2) >= 0);
    if (null > 2) close(null);
    return ok;
}

static bool start(zygote *z) {
    int fd = signals_to_descriptor();
    if (fd < 0) return false;
    if (fd != ZYGOTE_SIGNAL_FD) {
        if (dup3(fd, ZYGOTE_SIGNAL_FD, O_CLOEXEC) < 0) return false;
        close(fd);
    }
    if (!silence() || fcntl(MEDIA_ZYGOTE_FD, F_SETFD, FD_CLOEXEC) != 0) return false;
    z->pid = getpid();
    media_decode_setup(&z->table);
    if (confine_filter_build(&z->filter) != STENO_OK) return false;
    if (CONFINE_STRICT) media_lean();
    z->prepared = (media_prepared){&z->filter, &z->table, address_space_bytes()};
    return true;
}

/* ---- a child ---------------------------------------------------------------------------------------------------- */

/* Runs in the child. */
static _Noreturn void become_child(const zygote *z, const media_request *request, int input, int data) {
    sigset_t none;
    sigemptyset(&none);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != z->pid) _exit(MEDIA_EXIT_UNCONFINED);
    signal(SIGPIPE, SIG_DFL); /* a parent that hangs up needs no more work */
    signal(SIGXCPU, SIG_DFL); /* the limit must bite, whatever the parent was started with */
    /* Received descriptors are above the zygote's own, so neither move can land on the other. */
    if (dup2(input, CONFINE_IN_FD) < 0 || dup2(data, CONFINE_OUT_FD) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(MEDIA_EXIT_UNCONFINED);
    media_child_run(request, &z->prepared);
}

static void report(const child *c, media_exit exit) {
    ssize_t n;
    do n = write(c->status_fd, &exit, sizeof exit); /* into an empty pipe: never blocks */
    while (n < 0 && errno == EINTR);
    close(c->status_fd);
    close(c->data_fd);
}

static void start_child(zygote *z, const media_request *request, const int *fds) {
    child c = {.data_fd = fds[1], .status_fd = fds[2]};
    if (z->n == MEDIA_MAX_CHILDREN) {
        close(fds[0]);
        report(&c, (media_exit){.code = MEDIA_EXIT_BUSY});
        return;
    }
    c.pid = CONFINE_STRICT ? _Fork() : fork(); /* no fork handlers: their libraries may be gone */
    if (c.pid == 0) become_child(z, request, fds[0], fds[1]);
    close(fds[0]);
    if (c.pid < 0)
        report(&c, (media_exit){.code = MEDIA_EXIT_NO_FORK});
    else
        z->children[z->n++] = c;
}

static double cpu_seconds(const struct rusage *u) {
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) * 1e-6;
}

static void reap(zygote *z) {
    struct signalfd_siginfo info;
    struct rusage used;
    int status;
    pid_t pid;
    while (read(ZYGOTE_SIGNAL_FD, &info, sizeof info) > 0) {
    }
    while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
        for (int i = 0; i < z->n; i++) {
            if (z->children[i].pid != pid) continue;
            report(&z->children[i], (media_exit){.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                                                 .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                                                 .cpu_s = cpu_seconds(&used)});
            z->children[i] = z->children[--z->n];
            break;
        }
    }
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static void close_all(const int *fds, size_t n) {
    for (size_t i = 0; i < n; i++) close(fds[i]);
}

/* One request. False when the parent is gone. */
static bool serve(zygote *z) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(MEDIA_REQUEST_FDS * sizeof(int))];
    } control;
    media_request request;
    struct iovec iov = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(MEDIA_ZYGOTE_FD, &msg, MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == EINTR || errno == EAGAIN;
    if (n == 0) return false;
    int fds[MEDIA_REQUEST_FDS];
    size_t n_fds = 0;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
    }
    if (n == (ssize_t)sizeof request && request.magic == MEDIA_REQUEST_MAGIC && n_fds == MEDIA_REQUEST_FDS)
        start_child(z, &request, fds);
    else
        close_all(fds, n_fds);
    return true;
}

/* The parent's end of a status pipe is closed: nobody waits for that child any more. */
static void kill_unwanted(zygote *z, const struct pollfd *polls, int n) {
    for (int i = 0; i < n; i++) {
        child *c = &z->children[i];
        if (!(polls[i].revents & (POLLERR | POLLHUP)) || c->killed) continue;
        kill(c->pid, SIGKILL);
        c->killed = true;
    }
}

static void loop(zygote *z) {
    struct pollfd *polls = z->polls;
    for (;;) {
        polls[0] = (struct pollfd){.fd = MEDIA_ZYGOTE_FD, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = ZYGOTE_SIGNAL_FD, .events = POLLIN};
        for (int i = 0; i < z->n; i++) {
            const child *c = &z->children[i];
            polls[FIRST_CHILD_POLL + i] = (struct pollfd){.fd = c->killed ? -1 : c->status_fd};
        }
        if (poll(polls, (nfds_t)(FIRST_CHILD_POLL + z->n), -1) < 0 && errno != EINTR) return;
        kill_unwanted(z, polls + FIRST_CHILD_POLL, z->n); /* before the list changes */
        if (polls[1].revents) reap(z);
        if (polls[0].revents && !serve(z)) return;
    }
}

int media_zygote_main(int argc, char **argv) {
    (void)argc, (void)argv;
    if (!getenv(MEDIA_ZYGOTE_ENV)) {
        fprintf(stderr, "steno: %s is private: it starts the helper process that decodes media\n", MEDIA_ZYGOTE_ARG);
        return 2;
    }
    zygote *z = mem_alloc(1, sizeof *z);
    if (!z || !start(z)) _exit(1);
    loop(z);
    for (int i = 0; i < z->n; i++) kill(z->children[i].pid, SIGKILL);
    if (CONFINE_STRICT) _exit(0);
    mem_free(z);
    return 0;
}
