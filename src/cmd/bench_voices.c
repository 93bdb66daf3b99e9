/* bench_voices.c: `steno bench voices`: what telling voices apart costs before anybody is told apart: cepstra and network.
 *
 * Milliseconds of CPU on one thread for a second of uninterrupted speech, the best of several rounds. What is heard does not
 * change the work, so it is noise. Main thread only.
 */
#include "cmd/bench_voices.h"

#include "audio/mfcc.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "kern/kern.h"
#include "models/xvector.h"
#include "nn/manifest.h"
#include "steno.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROUNDS      7
#define SECONDS     8 /* of every stream, a round */
#define MAX_STREAMS 16
#define ROWS        25 /* of a stream, a step: 250 ms */
#define STEPS       (SECONDS * 100 / ROWS)
#define STEP        (STENO_SAMPLE_RATE_HZ * ROWS / 100)

typedef struct voices {
    float pcm[STEP];
    float ceps[ROWS * XVECTOR_CEPS], weight[ROWS];
    mfcc_state mfcc;
    mfcc_mean mean;
    float rows[(ROWS + 2) * MFCC_CEPS], centred[(ROWS + 2) * MFCC_CEPS];
    xvector_state state[MAX_STREAMS];
    xvector_sums sums[MAX_STREAMS];
    float embedding[MAX_STREAMS * XVECTOR_DIM];
    arena scratch;
    const xvector *net;
    int streams;
} voices;

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(float *x, size_t n, float size) {
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = size * ((float)(state >> 8) / 8388608.0f - 1.0f);
    }
}

/* One round of SECONDS of each stream. */
typedef steno_err (*round_fn)(voices *v);

static steno_err round_cepstra(voices *v) {
    for (int i = 0; i < STEPS; i++) {
        int n = mfcc_step(&v->mfcc, v->pcm, STEP, v->rows);
        mfcc_mean_step(&v->mean, v->rows, n, v->centred);
    }
    return STENO_OK;
}

static steno_err round_network(voices *v) {
    for (int i = 0; i < STEPS; i++) {
        xvector_job jobs[MAX_STREAMS];
        for (int s = 0; s < v->streams; s++)
            jobs[s] = (xvector_job){&v->state[s], v->ceps, v->weight, ROWS, &v->sums[s]};
        ERR_TRY(xvector_step(v->net, &v->scratch, jobs, v->streams));
    }
    return STENO_OK;
}

/* A look a step, of each stream. */
static steno_err round_embeddings(voices *v) {
    const xvector_sums *sums[MAX_STREAMS];
    for (int s = 0; s < v->streams; s++) sums[s] = &v->sums[s];
    for (int i = 0; i < STEPS; i++) ERR_TRY(xvector_embed(v->net, &v->scratch, sums, v->streams, v->embedding));
    return STENO_OK;
}

static steno_err measure(voices *v, const char *what, round_fn run, int streams) {
    double best = INFINITY;
    v->streams = streams;
    for (int r = 0; r < ROUNDS; r++) {
        double start = cpu_s();
        ERR_TRY(run(v));
        double each = (cpu_s() - start) / (SECONDS * streams);
        if (each < best) best = each;
    }
    printf("%-34s %2d stream%s %8.3f ms a second\n", what, streams, streams == 1 ? " " : "s", best * 1e3);
    return STENO_OK;
}

static steno_err measure_network(voices *v, const weights *w, bool fp32) {
    xvector *net = NULL;
    ERR_TRY(xvector_open(w, fp32, &net));
    v->net = net;
    for (int i = 0; i < MAX_STREAMS; i++) {
        xvector_reset(&v->state[i]);
        memset(&v->sums[i], 0, sizeof v->sums[i]);
    }
    const char *what = fp32 ? "network, fp32" : "network, int8";
    steno_err err = measure(v, what, round_network, 1);
    if (err == STENO_OK) err = measure(v, what, round_network, MAX_STREAMS);
    if (err == STENO_OK && !fp32) err = measure(v, "embeddings, 4 a second", round_embeddings, 1);
    if (err == STENO_OK && !fp32) err = measure(v, "embeddings, 4 a second", round_embeddings, MAX_STREAMS);
    xvector_free(net);
    return err;
}

static steno_err measure_all(voices *v, const weights *w) {
    fill(v->pcm, STEP, 0.1f);
    fill(v->ceps, ROWS * XVECTOR_CEPS, 10.0f);
    for (int i = 0; i < ROWS; i++) v->weight[i] = 1.0f;
    mfcc_reset(&v->mfcc);
    mfcc_mean_reset(&v->mean, MFCC_MEAN_AHEAD_MAX);
    ERR_TRY(arena_init(&v->scratch, xvector_arena_bytes(ROWS * MAX_STREAMS) + xvector_embed_bytes(MAX_STREAMS)));
    printf("kernel body: %s\n", kern()->name);
    ERR_TRY(measure(v, "cepstra and their mean", round_cepstra, 1));
    ERR_TRY(measure_network(v, w, false));
    return measure_network(v, w, true);
}

static steno_err open_and_measure(void) {
    char path[MANIFEST_PATH_BYTES];
    weights *w = NULL;
    ERR_TRY(models_find("xvector-callhome", NULL, path, sizeof path));
    ERR_TRY(weights_open(path, &w));
    voices *v = mem_alloc(1, sizeof *v);
    steno_err err = v ? measure_all(v, w) : err_fail(STENO_E_NOMEM, "no memory for %d streams", MAX_STREAMS);
    if (v) arena_free(&v->scratch);
    mem_free(v);
    weights_close(w);
    return err;
}

int bench_voices(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int c = getopt_long(argc, argv, ":h", options, NULL);
    if (c == 'h') {
        printf("Usage: steno bench voices\n\nMilliseconds of CPU on one thread that a second of speech costs on its "
               "way to "
               "embeddings of voices.\nSTENO_MODELS names the folder of models, "
               "STENO_KERN=c|avx2|avx512-vnni|avx512 chooses the kernel body.\n");
        return 0;
    }
    if (c != -1) return cli_wrong_option("bench", c, argv);
    if (optind < argc) return cli_usage("bench", "voices takes no '%s'", argv[optind]);
    if (open_and_measure() == STENO_OK) return 0;
    fprintf(stderr, "steno: %s\n", steno_error_detail());
    return 1;
}
