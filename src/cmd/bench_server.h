/* bench_server.h: a `steno serve` of our own to measure, as a child process.
 *
 * Owner: the main thread. The child dies with us. What it logs is read, so that it never waits for us, and kept only as a last
 * line for complaints.
 */
#ifndef STENO_CMD_BENCH_SERVER_H
#define STENO_CMD_BENCH_SERVER_H

#include "base/err.h"

#define BENCH_SERVER_START_S   120 /* to say which port it has */
#define BENCH_SERVER_STOP_S    15  /* from SIGTERM to SIGKILL */
#define BENCH_SERVER_LINE      512
#define BENCH_SERVER_ARGS_MAX  64
#define BENCH_STATUS_BYTES_MAX ((size_t)256 << 10)

typedef struct bench_server {
    int pid, log_fd; /* 0, -1: none */
    int port;
    char line[BENCH_SERVER_LINE]; /* what it said last */
    size_t n_line;
    char url[64]; /* of its streams */
} bench_server;

/* `exe serve --port 0 ARGS…`, args ends with NULL; `exe` NULL: this program. Waits until it listens. */
STENO_CHECK steno_err bench_server_start(bench_server *s, const char *exe, const char *const *args);
/* Reads what it has said. */
void bench_server_drain(bench_server *s);
void bench_server_stop(bench_server *s);

/* The port in "… http://127.0.0.1:8080 …"; 0: none. */
int bench_server_port(const char *line);

/* GET /v1/status of ws://host:port/…: the body, zero-terminated, owned by the caller (mem_free); plain http only. */
STENO_CHECK steno_err bench_status(const char *url, char **out);

#endif
