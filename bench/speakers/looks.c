/* looks.c: what the network of voices says of recordings, for bench/speakers/train.mjs and embedding.mjs. Not installed.
 *
 *   speakers_looks windows WEIGHTS ROWS HOP FILE…   windows of ROWS rows of 10 ms, every HOP rows; both multiples of 25
 *   speakers_looks enrol MODELS FILE…               steno_voice_enrol() of each, a line of JSON a file
 *
 * A FILE is 16-bit 16 kHz mono samples without a header, of one person. `windows` writes records of 32-bit floats: the number of
 * the file, rows of speech, post [128], z [64]. A row counts when its energy is within 8 of the 95th percentile of its file
 * (natural logarithm); a window with fewer than half of its rows is left out. fp32, features as a live stream's.
 */
#include "audio/mfcc.h"
#include "base/mem.h"
#include "models/xvector.h"
#include "speakers/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_AHEAD 30
#define BLOCK_ROWS 25
#define MAX_BLOCKS 64 /* in one window */
#define FEED       1600
#define LOUD_SHARE 0.95
#define BELOW      8.0f

/* One recording. */
typedef struct sound {
    float *pcm, *rows, *weight; /* [n], [n_rows, MFCC_CEPS] normalised, [n_rows]; owned */
    size_t n;
    int n_rows;
} sound;

typedef struct windows {
    xvector *net;
    arena scratch;
    int blocks, hop; /* of a window; from one to the next */
    xvector_sums ring[MAX_BLOCKS];
} windows;

static void die(const char *what) {
    fprintf(stderr, "speakers_looks: %s\n", what);
    exit(1);
}

static void must(steno_err err) {
    if (err != STENO_OK) die(steno_error_detail());
}

static void *room(size_t n, size_t size) {
    void *p = mem_alloc(n, size);
    if (!p) die("no memory");
    return p;
}

static void read_pcm(sound *s, const char *path) {
    FILE *f = fopen(path, "rb");
    long bytes = 0;
    if (!f || fseek(f, 0, SEEK_END) != 0 || (bytes = ftell(f)) < 0 || fseek(f, 0, SEEK_SET) != 0) die(path);
    s->n = (size_t)bytes / 2;
    int16_t *raw = room(s->n + 1, sizeof *raw);
    if (fread(raw, 2, s->n, f) != s->n) die(path);
    fclose(f);
    s->pcm = room(s->n + 1, sizeof *s->pcm);
    for (size_t i = 0; i < s->n; i++) s->pcm[i] = (float)raw[i] / 32768.0f;
    mem_free(raw);
}

static void sound_free(sound *s) {
    mem_free(s->pcm);
    mem_free(s->rows);
    mem_free(s->weight);
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The first coefficient is the logarithm of the energy. */
static void weigh(sound *s, const float *plain) {
    float *sorted = room((size_t)s->n_rows + 1, sizeof *sorted);
    for (int i = 0; i < s->n_rows; i++) sorted[i] = plain[i * MFCC_CEPS];
    qsort(sorted, (size_t)s->n_rows, sizeof *sorted, ascending);
    float least = s->n_rows > 0 ? sorted[(int)(LOUD_SHARE * (s->n_rows - 1))] - BELOW : 0.0f;
    for (int i = 0; i < s->n_rows; i++) s->weight[i] = plain[i * MFCC_CEPS] > least ? 1.0f : 0.0f;
    mem_free(sorted);
}

static void make_rows(sound *s) {
    mfcc_state features;
    mfcc_mean mean;
    int n = 0, out = 0;
    float *plain = room((s->n / 160 + 4) * MFCC_CEPS, sizeof *plain);
    s->rows = room((s->n / 160 + 4) * MFCC_CEPS, sizeof *s->rows);
    s->weight = room(s->n / 160 + 4, sizeof *s->weight);
    mfcc_reset(&features);
    mfcc_mean_reset(&mean, MEAN_AHEAD);
    for (size_t at = 0; at < s->n; at += FEED) {
        int take = s->n - at < FEED ? (int)(s->n - at) : FEED;
        int more = mfcc_step(&features, s->pcm + at, take, plain + (size_t)n * MFCC_CEPS);
        out += mfcc_mean_step(&mean, plain + (size_t)n * MFCC_CEPS, more, s->rows + (size_t)out * MFCC_CEPS);
        n += more;
    }
    out += mfcc_mean_flush(&mean, s->rows + (size_t)out * MFCC_CEPS);
    s->n_rows = out;
    weigh(s, plain);
    mem_free(plain);
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* The newest blocks as one. */
static void look(windows *w, int file) {
    static xvector_sums all;
    const xvector_sums *one = &all;
    float record[2 + BACKEND_POST + SPEAKERS_DIM] = {(float)file};
    memset(&all, 0, sizeof all);
    for (int b = 0; b < w->blocks; b++) {
        all.n += w->ring[b].n;
        for (int i = 0; i < XVECTOR_POOLED; i++) all.sum[i] += w->ring[b].sum[i];
        for (int i = 0; i < XVECTOR_POOLED; i++) all.square[i] += w->ring[b].square[i];
    }
    if (2.0f * all.n < (float)(w->blocks * BLOCK_ROWS)) return;
    record[1] = all.n;
    must(xvector_embed(w->net, &w->scratch, &one, 1, record + 2));
    backend_project(record + 2, record + 2 + BACKEND_POST);
    if (fwrite(record, sizeof record, 1, stdout) != 1) die("cannot write");
}

static void hear(windows *w, const sound *s, int file) {
    xvector_state state;
    float weight[BLOCK_ROWS];
    int at = XVECTOR_AHEAD;
    static xvector_sums nothing;
    if (s->n_rows <= XVECTOR_AHEAD) return;
    xvector_reset(&state);
    memset(weight, 0, sizeof weight);
    xvector_job lead = {&state, s->rows, weight, XVECTOR_AHEAD, &nothing};
    must(xvector_step(w->net, &w->scratch, &lead, 1));
    for (int block = 0; at + BLOCK_ROWS <= s->n_rows; block++, at += BLOCK_ROWS) {
        xvector_sums *sums = &w->ring[block % w->blocks];
        memset(sums, 0, sizeof *sums);
        xvector_job job = {&state, s->rows + (size_t)at * MFCC_CEPS, s->weight + at - XVECTOR_AHEAD, BLOCK_ROWS, sums};
        must(xvector_step(w->net, &w->scratch, &job, 1));
        if (block + 1 >= w->blocks && (block + 1 - w->blocks) % w->hop == 0) look(w, file);
    }
}

static void run_windows(char **args, int n) {
    static windows w;
    weights *from = NULL;
    w.blocks = atoi(args[1]) / BLOCK_ROWS;
    w.hop = atoi(args[2]) / BLOCK_ROWS;
    if (w.blocks < 1 || w.blocks > MAX_BLOCKS || w.hop < 1) die("wrong ROWS or HOP");
    must(weights_open(args[0], &from));
    must(xvector_open(from, true, &w.net));
    must(arena_init(&w.scratch, xvector_arena_bytes(BLOCK_ROWS) + xvector_embed_bytes(1)));
    for (int i = 3; i < n; i++) {
        sound s = {0};
        read_pcm(&s, args[i]);
        make_rows(&s);
        hear(&w, &s, i - 3);
        sound_free(&s);
    }
    arena_free(&w.scratch);
    xvector_free(w.net);
    weights_close(from);
}

/* ---- enrolment ---------------------------------------------------------------------------------------------------- */

static void run_enrol(char **args, int n) {
    steno_model *model = NULL;
    must(steno_model_open(&(steno_model_options){.dir = args[0]}, &model));
    for (int i = 1; i < n; i++) {
        sound s = {0};
        steno_enrolment e;
        read_pcm(&s, args[i]);
        bool good = steno_voice_enrol(model, s.pcm, s.n, &e) == STENO_OK;
        printf("{\"good\":%s,\"speech_s\":%.3f,\"snr_db\":%.2f,\"unity\":%.5f,\"print\":[", good ? "true" : "false",
               e.speech_s, e.snr_db, e.unity);
        for (int d = 0; d < SPEAKERS_DIM; d++) printf("%s%.6g", d ? "," : "", (double)e.voice.print[d]);
        printf("]}\n");
        sound_free(&s);
    }
    steno_model_close(model);
}

int main(int argc, char **argv) {
    if (argc > 5 && strcmp(argv[1], "windows") == 0)
        run_windows(argv + 2, argc - 2);
    else if (argc > 3 && strcmp(argv[1], "enrol") == 0)
        run_enrol(argv + 2, argc - 2);
    else
        die("windows WEIGHTS ROWS HOP FILE... | enrol MODELS FILE...");
    return fflush(stdout) == 0 ? 0 : 1;
}
