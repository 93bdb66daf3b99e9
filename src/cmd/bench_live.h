/* bench_live.h: `steno bench live`: how many people can talk at once, and how quickly they see their words. Main thread. */
#ifndef STENO_CMD_BENCH_LIVE_H
#define STENO_CMD_BENCH_LIVE_H

#include "cmd/bench_load.h"
#include "cmd/proc_usage.h"
#include "cmd/session.h"

int bench_live(int argc, char **argv);

/* What one run with so many streams showed. */
typedef struct bench_step {
    int streams;
    unsigned misses; /* bench_miss: 0: the objective is met */
    bench_load_result result;
    proc_usage idle, begin, end; /* of the server: before the first stream, and of the measured part */
    bool server_known;           /* these three */
    char *status;                /* owned: what the server says of itself, JSON, or NULL */
} bench_step;

void bench_step_free(bench_step *s);

/* bench_live_report.c */
typedef struct bench_live_conditions {
    const char *corpus;
    const bench_corpus *read;
    const bench_load_config *load;
    const bench_objective *objective;
} bench_live_conditions;

/* A line on standard error while a search goes on. */
void bench_live_progress(bench_step *s);
/* `found`: of the steps, the one reported; NULL: none met the objective. */
void bench_live_print(const bench_live_conditions *c, bench_step *steps, size_t n, bench_step *found, bool search);
/* False: no memory. */
bool bench_live_print_json(const bench_live_conditions *c, bench_step *steps, size_t n, bench_step *found, bool search);

/* The next number of streams to try: doubles from `from` until one fails, then halves the distance. `passed` and `failed` are
 * the largest that met the objective and the smallest that did not (0: none). 0: known well enough. */
int bench_next_streams(int from, int passed, int failed, int most);

/* bench_straggler.c */
typedef struct bench_straggler_config {
    session_options session;
    const bench_corpus *corpus;
    steno_live_options live;
    int streams, recordings;
    double duration_s;
    uint64_t seed;
    bool json;
} bench_straggler_config;

int bench_straggler(const bench_straggler_config *config);

#endif
