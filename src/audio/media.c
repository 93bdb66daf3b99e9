/* media.c: the parent's side: starts the zygote, hands it files, reads what the children write.
 *
 * Owner: see media.h. Everything a child writes goes through media_parser.c; the reasons for its end are put into words
 * here, so that a child can add a detail to a sentence but not make one up.
 */
#include "audio/media_int.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BUFFER_BYTES (64 * 1024)
#define MAX_ZYGOTE_ENV    32
#define MIB               (1024.0 * 1024.0)

struct media_host {
    int socket;
    pid_t zygote;
};

struct media {
    const media_host *host; /* until the input is whole and handed over; then NULL */
    media_input input;
    int data, status;  /* pipes, our ends */
    int child_ends[2]; /* of the same, until they are handed over; then -1 */
    media_channels channels;
    media_limits limits;
    media_parser parser;
    media_exit exit;
    bool at_eof, finished;
    steno_err result; /* once finished */
    size_t at, have;  /* of the buffer */
    char name[MEDIA_NAME_BYTES];
    char reason[ERR_DETAIL_BYTES];
    unsigned char buffer[READ_BUFFER_BYTES];
};

void media_limits_init(media_limits *l) {
    *l = (media_limits){.max_audio_s = 12 * 3600,
                        .max_cpu_s = 600,
                        .max_memory_bytes = (size_t)1 << 30,
                        .max_channels = 8,
                        .max_spool_bytes = (uint64_t)4 << 30};
}

/* ---- the host --------------------------------------------------------------------------------------------------- */

extern char **environ;

/* Settings of the loader and of sanitizers reach the zygote, nothing else does: FFmpeg and its many dependencies read the
 * environment. Symbols are bound at once, because a late lookup would walk through libraries that media_lean() drops. */
static void zygote_environment(char **env) {
    static char mark[] = MEDIA_ZYGOTE_ENV "=1", bind_now[] = "LD_BIND_NOW=1";
    int n = 0;
    env[n++] = mark;
    env[n++] = bind_now;
    for (char **e = environ; *e && n < MAX_ZYGOTE_ENV; e++) {
        if (strncmp(*e, "LD_LIBRARY_PATH=", 16) == 0 || strncmp(*e, "LD_PRELOAD=", 11) == 0 ||
            strstr(*e, "SAN_OPTIONS="))
            env[n++] = *e;
    }
    env[n] = NULL;
}

static int spawn_zygote(const char *exe, int fd, pid_t *pid) {
    char *argv[] = {(char *)(uintptr_t)exe, (char[]){MEDIA_ZYGOTE_ARG}, NULL};
    char *env[MAX_ZYGOTE_ENV + 1];
    posix_spawn_file_actions_t actions;
    zygote_environment(env);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc) return rc;
    /* dup2 to the same number clears close-on-exec there too, as POSIX asks of this call. */
    rc = posix_spawn_file_actions_adddup2(&actions, fd, MEDIA_ZYGOTE_FD);
    if (!rc) rc = posix_spawn_file_actions_addclosefrom_np(&actions, MEDIA_ZYGOTE_FD + 1);
    if (!rc) rc = posix_spawn(pid, exe, &actions, NULL, argv, env);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

steno_err media_host_start(const char *exe, media_host **out) {
    *out = NULL;
    if (getenv(MEDIA_ZYGOTE_ENV))
        return err_fail(STENO_E_INTERNAL, "this program was started with %s but does not handle it", MEDIA_ZYGOTE_ARG);
    media_host *h = mem_alloc(1, sizeof *h);
    if (!h) return err_fail(STENO_E_NOMEM, "no memory for the media decoder");
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        mem_free(h);
        return err_fail(STENO_E_IO, "no socket for the media decoder: %s", strerror(errno));
    }
    h->socket = pair[0];
    int rc = spawn_zygote(exe ? exe : "/proc/self/exe", pair[1], &h->zygote);
    close(pair[1]);
    if (rc) {
        close(pair[0]);
        mem_free(h);
        return err_fail(STENO_E_IO, "the media decoder cannot be started: %s", strerror(rc));
    }
    *out = h;
    return STENO_OK;
}

void media_host_stop(media_host *h) {
    if (!h) return;
    close(h->socket); /* end-of-file is the order to end */
    while (waitpid(h->zygote, NULL, 0) < 0 && errno == EINTR) {
    }
    mem_free(h);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static steno_err send_request(const media_host *h, const media *m, const media_request *request, const int *fds) {
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(MEDIA_REQUEST_FDS * sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)request, .iov_len = sizeof *request};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(MEDIA_REQUEST_FDS * sizeof(int));
    memcpy(CMSG_DATA(&control.head), fds, MEDIA_REQUEST_FDS * sizeof(int));
    ssize_t n;
    do n = sendmsg(h->socket, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof *request) return STENO_OK;
    return err_fail(STENO_E_IO, "%s: the decoder process is gone (%s)", m->name, strerror(errno));
}

static media_request make_request(const media *m) {
    return (media_request){.magic = MEDIA_REQUEST_MAGIC,
                           .channels = (uint32_t)m->channels,
                           .max_channels = (uint32_t)m->limits.max_channels,
                           .max_cpu_s = (uint32_t)m->limits.max_cpu_s,
                           .max_memory_bytes = m->limits.max_memory_bytes,
                           .input_bytes = m->input.bytes,
                           .max_audio_s = m->limits.max_audio_s};
}

static steno_err no_pipe(const media *m, int error) {
    return err_fail(media_os_error(error), "%s: no pipe to its decoder: %s", m->name, strerror(error));
}

static steno_err make_pipes(media *m) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return no_pipe(m, errno);
    m->data = ends[0];
    m->child_ends[0] = ends[1];
    if (pipe2(ends, O_CLOEXEC) != 0) return no_pipe(m, errno);
    m->status = ends[0];
    m->child_ends[1] = ends[1];
    (void)fcntl(m->data, F_SETPIPE_SZ, MEDIA_PIPE_BYTES); /* only faster: a full quota is no error */
    if (fcntl(m->data, F_SETFL, O_NONBLOCK) != 0 || fcntl(m->status, F_SETFL, O_NONBLOCK) != 0)
        return no_pipe(m, errno);
    return STENO_OK;
}

static void close_child_ends(media *m) {
    media_input_close(&m->input);
    for (int i = 0; i < 2; i++) {
        if (m->child_ends[i] >= 0) close(m->child_ends[i]);
        m->child_ends[i] = -1;
    }
}

/* Spools what there is; once the input is whole, hands the zygote its ends of everything. */
static steno_err hand_over(media *m) {
    ERR_TRY(media_input_step(&m->input, m->name, m->limits.max_spool_bytes));
    media_request request = make_request(m);
    int fds[MEDIA_REQUEST_FDS] = {m->input.fd, m->child_ends[0], m->child_ends[1]};
    ERR_TRY(send_request(m->host, m, &request, fds));
    close_child_ends(m);
    m->host = NULL;
    return STENO_OK;
}

static steno_err check_limits(const media_limits *l) {
    if (!(l->max_audio_s > 0) || l->max_audio_s > 1e9) return err_fail(STENO_E_INVALID, "max_audio_s is out of range");
    if (l->max_cpu_s < 1) return err_fail(STENO_E_INVALID, "max_cpu_s is less than 1");
    if (l->max_channels < 1 || l->max_channels > MEDIA_MAX_CHANNELS)
        return err_fail(STENO_E_INVALID, "max_channels is not 1..%d", MEDIA_MAX_CHANNELS);
    return STENO_OK;
}

steno_err media_open(media_host *h, const char *path, media_channels channels, const media_limits *limits,
                     media **out) {
    *out = NULL;
    ERR_TRY(check_limits(limits));
    media *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory to open another recording");
    m->host = h;
    m->data = m->status = m->child_ends[0] = m->child_ends[1] = -1;
    m->channels = channels;
    m->limits = *limits;
    media_parser_init(&m->parser, channels == MEDIA_MIX ? 1 : limits->max_channels, limits->max_audio_s);
    media_display_name(path, m->name);
    steno_err e = media_input_open(path, m->name, &m->input);
    if (e == STENO_OK) e = make_pipes(m);
    if (e == STENO_OK && m->input.spool == -1) e = hand_over(m);
    if (e != STENO_OK) {
        media_close(m);
        return e;
    }
    *out = m;
    return STENO_OK;
}

void media_close(media *m) {
    if (!m) return;
    close_child_ends(m);
    if (m->data >= 0) close(m->data);
    if (m->status >= 0) close(m->status); /* the zygote kills the child when this end goes away */
    mem_free(m);
}

/* ---- how it ended ----------------------------------------------------------------------------------------------- */

static steno_err finish(media *m, steno_err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Keeps the sentence, so that later calls can say it again. */
static steno_err finish(media *m, steno_err code, const char *fmt, ...) {
    m->finished = true;
    m->result = code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->reason, sizeof m->reason, fmt, ap);
    va_end(ap);
    return code == STENO_OK ? code : err_fail(code, "%s: %s", m->name, m->reason);
}

/* "reason" or "reason (detail)". */
static steno_err finish_with_detail(media *m, steno_err code, const char *reason) {
    const char *detail = m->parser.end.detail;
    return finish(m, code, detail[0] ? "%s (%s)" : "%s%s", reason, detail);
}

static steno_err finish_corrupt(media *m) {
    const media_end *end = &m->parser.end;
    char text[80];
    if (m->parser.channels == 0 || end->packets == 0)
        return finish_with_detail(m, STENO_E_FORMAT, "corrupt: nothing in it could be decoded");
    snprintf(text, sizeof text, "corrupt: %u of %u packets could not be decoded", end->bad_packets, end->packets);
    return finish_with_detail(m, STENO_E_FORMAT, text);
}

/* The child's own account. */
static steno_err finish_as_told(media *m) {
    const media_end *end = &m->parser.end;
    switch ((media_outcome)end->outcome) {
    case MEDIA_DONE:
        return finish(m, STENO_OK, "done");
    case MEDIA_NOT_AUDIO:
        return end->detail[0] ? finish(m, STENO_E_FORMAT, "not audio: it looks like %s", end->detail)
                              : finish(m, STENO_E_FORMAT, "not audio, or of an unknown format");
    case MEDIA_PLAYLIST:
        return finish_with_detail(m, STENO_E_UNSUPPORTED, "refers to other files, which are never opened");
    case MEDIA_NO_AUDIO:
        return finish(m, STENO_E_FORMAT, "has no audio stream");
    case MEDIA_NO_SAMPLES:
        return finish(m, STENO_E_FORMAT, "has an audio stream without any samples");
    case MEDIA_NO_DECODER:
        return finish_with_detail(m, STENO_E_UNSUPPORTED, "no decoder for its audio codec");
    case MEDIA_BAD_HEADER:
        return finish_with_detail(m, STENO_E_FORMAT, "absurd header");
    case MEDIA_CORRUPT:
        return finish_corrupt(m);
    case MEDIA_TRUNCATED:
        return finish(m, STENO_E_FORMAT, "truncated: its header promises %.1f s, but it ends after %.1f s",
                      end->promised_s, end->reached_s);
    case MEDIA_TOO_LONG:
        return finish(m, STENO_E_LIMIT, "longer than the limit of %g s", m->limits.max_audio_s);
    case MEDIA_TOO_MANY_CHANNELS:
        return finish(m, STENO_E_LIMIT, "%s channels; at most %d are allowed", end->detail, m->limits.max_channels);
    case MEDIA_NO_MEMORY:
        return finish(m, STENO_E_LIMIT, "the decoder was stopped: it needed more than %.0f MiB of memory",
                      (double)m->limits.max_memory_bytes / MIB);
    case MEDIA_READ_FAILED:
        return finish(m, STENO_E_IO, "cannot be read: input/output error");
    case MEDIA_OUTCOMES:
        break;
    }
    return finish(m, STENO_E_INTERNAL, "the decoder ended in an unknown way");
}

/* The data pipe is at its end, so the zygote's report is there, or the zygote is gone. */
static steno_err finish_at_eof(media *m) {
    ssize_t n;
    do n = read(m->status, &m->exit, sizeof m->exit);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof m->exit) {
        m->exit = (media_exit){0};
        return finish(m, STENO_E_IO, "the decoder process died");
    }
    if (m->parser.ended) return finish_as_told(m);
    if (m->exit.signal == SIGXCPU || (m->exit.signal == SIGKILL && m->exit.cpu_s >= m->limits.max_cpu_s))
        return finish(m, STENO_E_LIMIT, "the decoder was stopped: it used more than %d s of processor time",
                      m->limits.max_cpu_s);
    if (m->exit.signal == SIGSYS)
        return finish(m, STENO_E_FORMAT, "the decoder was stopped: it tried something forbidden");
    if (m->exit.signal == SIGKILL) return finish(m, STENO_E_IO, "the decoder was killed");
    if (m->exit.signal) return finish(m, STENO_E_FORMAT, "the decoder crashed on it (signal %d)", m->exit.signal);
    if (m->exit.code == MEDIA_EXIT_UNCONFINED)
        return finish(m, STENO_E_UNSUPPORTED, "not decoded, because this system cannot confine the decoder");
    if (m->exit.code == MEDIA_EXIT_BUSY)
        return finish(m, STENO_E_LIMIT, "more than %d recordings are being decoded", MEDIA_MAX_CHILDREN);
    if (m->exit.code == MEDIA_EXIT_NO_FORK) return finish(m, STENO_E_NOMEM, "no process to decode it in");
    return finish(m, STENO_E_INTERNAL, "the decoder ended without a word (status %d)", m->exit.code);
}

static steno_err say_again(media *m) {
    return m->result == STENO_OK ? STENO_OK : err_fail(m->result, "%s: %s", m->name, m->reason);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* STENO_E_AGAIN when the pipe has nothing now. */
static steno_err fill(media *m) {
    memmove(m->buffer, m->buffer + m->at, m->have - m->at);
    m->have -= m->at;
    m->at = 0;
    ssize_t n;
    do n = read(m->data, m->buffer + m->have, sizeof m->buffer - m->have);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) return STENO_E_AGAIN;
    if (n < 0) return finish(m, STENO_E_IO, "its decoder cannot be heard: %s", strerror(errno));
    if (n == 0) m->at_eof = true;
    m->have += (size_t)n;
    return STENO_OK;
}

static steno_err refuse(media *m) {
    if (m->parser.not_numbers) return finish(m, STENO_E_FORMAT, "contains samples that are not numbers");
    return finish(m, STENO_E_INTERNAL, "the decoder sent nonsense: %s", m->parser.fault);
}

/* The input could not be made whole; err_fail() has said why, after the name. */
static steno_err finish_early(media *m, steno_err e) {
    m->finished = true;
    m->result = e;
    snprintf(m->reason, sizeof m->reason, "%s", steno_error_detail() + strlen(m->name) + 2);
    close_child_ends(m);
    return e;
}

steno_err media_read(media *m, float *out, size_t cap, size_t *got) {
    *got = 0;
    if (m->finished) return say_again(m);
    steno_err e = m->host ? hand_over(m) : STENO_OK;
    if (e != STENO_OK) return e == STENO_E_AGAIN ? e : finish_early(m, e);
    for (;;) {
        m->at += media_parser_step(&m->parser, m->buffer + m->at, m->have - m->at, out, cap, got);
        if (*got > 0 || (cap == 0 && m->parser.channels)) return STENO_OK;
        if (m->parser.fault || m->parser.not_numbers) return refuse(m);
        if (m->at_eof) return finish_at_eof(m);
        if (m->parser.ended) m->at = m->have = 0; /* whatever comes after END is dropped */
        e = fill(m);
        if (e != STENO_OK) return e;
    }
}

int media_fd(const media *m) {
    return m->host && !m->finished ? m->input.fd : m->data;
}

int media_channel_count(const media *m) {
    return m->parser.channels;
}

double media_duration_hint_s(const media *m) {
    return m->parser.duration_s;
}

double media_cpu_s(const media *m) {
    return m->exit.cpu_s;
}
