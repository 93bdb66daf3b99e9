/* bench_load.h: many people talking to a server at once: N WebSocket streams, each sending packets at the pace of time, in
 * one thread.
 *
 * Owner: the main thread. No packet is allocated or waits here: one that is due goes when its connection is writable, late if
 * need be, and how late is measured.
 */
#ifndef STENO_CMD_BENCH_LOAD_H
#define STENO_CMD_BENCH_LOAD_H

#include "cmd/bench_corpus.h"
#include "cmd/bench_meter.h"

#define BENCH_STREAMS_MAX   4096
#define BENCH_PACKET_MS_MAX 200

typedef struct bench_load_config {
    const char *url; /* parameters are added */
    const bench_corpus *corpus;
    bench_gaps gaps;
    int streams, packet_ms;
    double ramp_s, warm_up_s, duration_s;
    uint64_t seed;
    steno_live_options live;
    const char *speakers; /* a contract of the native protocol, "off" */
    bool stop_at_failure; /* when a stream is refused or ends: the rest would only tell the same */
    int stop_fd;          /* readable: stop; -1: none */
    /* At the beginning and at the end of the measured part; may be NULL. */
    void (*mark)(void *ctx, bool end);
    void (*tick)(void *ctx); /* a few times a second; may be NULL */
    void *ctx;
} bench_load_config;

typedef struct bench_load_result {
    bench_totals totals;
    int opened, refused, dropped, failed;
    uint64_t bytes_sent, bytes_received; /* payload, in the measured part */
    double client_cpu_s, wall_s;         /* of the measured part */
    bool cut_short;
    char reason[160]; /* the first failure of a stream, or "" */
} bench_load_result;

/* STENO_E_CANCELLED after stop_fd. bench_totals_free() of the result's totals in any case. */
STENO_CHECK steno_err bench_load_run(const bench_load_config *config, bench_load_result *out);

#endif
