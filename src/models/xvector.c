/* xvector.c: the x-vector network on the int8 or fp32 kernels. See xvector.h.
 *
 * Purpose     rows of cepstra -> five layers, the first three of which look at neighbouring rows -> sums -> a layer behind them.
 * Owner       `xvector` is immutable after open; scratch lives in the caller's arena and is given back before returning.
 * Invariants  every row is computed by the same operations in the same order whatever its neighbours are, and sums are added
 *             row by row, so neither the batch nor the cuts between calls can be seen in the results.
 *
 * Rows of all jobs are handled in blocks of BLOCK_ROWS. In a block each job's run of rows stands behind what its state
 * remembers, so that a layer's taps are rows of one buffer. The first rows of a stream are preceded by LEAD copies of the
 * first one: with those, everything that a row of the stream will ever see has been computed. Rows that count for nothing
 * stop behind the second layer: nobody would look at them.
 */
#include "models/xvector.h"

#include "base/mem.h"
#include "kern/kern.h"
#include "nn/linear.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_ROWS 96
#define CEPS       XVECTOR_CEPS
#define HIDDEN     XVECTOR_HIDDEN
#define POOLED     XVECTOR_POOLED
#define DIM        XVECTOR_DIM

#define CEPS_PAST   4 /* rows: taps at -2 .. 2 */
#define FIRST_PAST  4 /* taps at -2, 0, 2 */
#define SECOND_PAST 6 /* taps at -3, 0, 3 */
#define TAPS        3
#define LEAD        3 /* copies of the first row before it */

#define VARIANCE_FLOOR 1e-10f /* Kaldi's statistics pooling */

struct xvector {
    kern_f32 first; /* so few inputs that int8 would save nothing */
    linear second, third, fourth, fifth;
    kern_f32 segment, whiten;
    float norm_scale[DIM], norm_offset[DIM]; /* behind the segment layer's relu */
};

/* ---- weights ---------------------------------------------------------------------------------------------------- */

static steno_err find(const weights *w, const char *name, int n, int k, const float **weight, const float **bias) {
    char key[64];
    weights_tensor t;
    snprintf(key, sizeof key, "%s.weight", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 2, (const int64_t[]){n, k}, &t));
    *weight = t.data;
    snprintf(key, sizeof key, "%s.bias", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 1, (const int64_t[]){n}, &t));
    *bias = t.data;
    return STENO_OK;
}

static steno_err load_f32(kern_f32 *to, const weights *w, const char *name, int n, int k) {
    const float *weight, *bias;
    ERR_TRY(find(w, name, n, k, &weight, &bias));
    return kern_f32_pack(to, weight, bias, n, k);
}

static steno_err load(linear *to, const weights *w, const char *name, int n, int k, bool fp32) {
    const float *weight, *bias;
    ERR_TRY(find(w, name, n, k, &weight, &bias));
    return linear_from_f32(to, name, weight, bias, k, n, fp32);
}

static steno_err load_norm(xvector *m, const weights *w) {
    weights_tensor scale, offset;
    ERR_TRY(weights_expect(w, "segment_norm.weight", WEIGHTS_F32, 1, (const int64_t[]){DIM}, &scale));
    ERR_TRY(weights_expect(w, "segment_norm.bias", WEIGHTS_F32, 1, (const int64_t[]){DIM}, &offset));
    memcpy(m->norm_scale, scale.data, sizeof m->norm_scale);
    memcpy(m->norm_offset, offset.data, sizeof m->norm_offset);
    return STENO_OK;
}

static steno_err load_all(xvector *m, const weights *w, bool fp32) {
    ERR_TRY(load_f32(&m->first, w, "tdnn1", HIDDEN, (CEPS_PAST + 1) * CEPS));
    ERR_TRY(load(&m->second, w, "tdnn2", HIDDEN, TAPS * HIDDEN, fp32));
    ERR_TRY(load(&m->third, w, "tdnn3", HIDDEN, TAPS * HIDDEN, fp32));
    ERR_TRY(load(&m->fourth, w, "tdnn4", HIDDEN, HIDDEN, fp32));
    ERR_TRY(load(&m->fifth, w, "tdnn5", POOLED, HIDDEN, fp32));
    ERR_TRY(load_f32(&m->segment, w, "segment", DIM, 2 * POOLED));
    ERR_TRY(load_norm(m, w));
    return load_f32(&m->whiten, w, "whiten", DIM, DIM);
}

steno_err xvector_open(const weights *w, bool fp32, xvector **out) {
    *out = NULL;
    xvector *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for the network of voices");
    steno_err err = load_all(m, w, fp32);
    if (err != STENO_OK) {
        xvector_free(m);
        return err;
    }
    *out = m;
    return STENO_OK;
}

void xvector_free(xvector *m) {
    if (!m) return;
    kern_f32_free(&m->first);
    linear_free(&m->second);
    linear_free(&m->third);
    linear_free(&m->fourth);
    linear_free(&m->fifth);
    kern_f32_free(&m->segment);
    kern_f32_free(&m->whiten);
    mem_free(m);
}

void xvector_reset(xvector_state *state) {
    memset(state, 0, sizeof *state);
}

void xvector_add_sums(xvector_sums *to, const xvector_sums *from) {
    to->n += from->n;
    for (int i = 0; i < XVECTOR_POOLED; i++) {
        to->sum[i] += from->sum[i];
        to->square[i] += from->square[i];
    }
}

/* ---- scratch ---------------------------------------------------------------------------------------------------- */

/* A run has at least one row, so what the states remember is at most a multiple of the block's rows. */
#define BLOCK_CEPS   (BLOCK_ROWS * (1 + CEPS_PAST))
#define BLOCK_FIRST  (BLOCK_ROWS * (1 + FIRST_PAST))
#define BLOCK_SECOND (BLOCK_ROWS * (1 + SECOND_PAST))

typedef struct scratch {
    float *ceps;     /* [BLOCK_CEPS, CEPS]: runs, each behind its past */
    float *first;    /* [BLOCK_FIRST, HIDDEN] */
    float *second;   /* [BLOCK_SECOND, HIDDEN] */
    float *gathered; /* [BLOCK_ROWS, TAPS * HIDDEN] taps side by side */
    float *hidden;   /* [BLOCK_ROWS, HIDDEN] */
    float *pooled;   /* [BLOCK_ROWS, POOLED] */
    nn_rows wide, narrow;
} scratch;

static size_t bytes_of(size_t rows, size_t width) {
    return (rows * width * sizeof(float) + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN;
}

size_t xvector_arena_bytes(int rows) {
    (void)rows; /* blocks are of one size */
    return bytes_of(BLOCK_CEPS, CEPS) + bytes_of(BLOCK_FIRST, HIDDEN) + bytes_of(BLOCK_SECOND, HIDDEN) +
           bytes_of(BLOCK_ROWS, TAPS * HIDDEN) + bytes_of(BLOCK_ROWS, HIDDEN) + bytes_of(BLOCK_ROWS, POOLED) +
           nn_rows_bytes(BLOCK_ROWS, TAPS * HIDDEN) + nn_rows_bytes(BLOCK_ROWS, HIDDEN);
}

static steno_err scratch_take(scratch *s, arena *a, bool fp32) {
    s->ceps = arena_take(a, (size_t)BLOCK_CEPS * CEPS, sizeof(float));
    s->first = arena_take(a, (size_t)BLOCK_FIRST * HIDDEN, sizeof(float));
    s->second = arena_take(a, (size_t)BLOCK_SECOND * HIDDEN, sizeof(float));
    s->gathered = arena_take(a, (size_t)BLOCK_ROWS * TAPS * HIDDEN, sizeof(float));
    s->hidden = arena_take(a, (size_t)BLOCK_ROWS * HIDDEN, sizeof(float));
    s->pooled = arena_take(a, (size_t)BLOCK_ROWS * POOLED, sizeof(float));
    if (!s->ceps || !s->first || !s->second || !s->gathered || !s->hidden || !s->pooled)
        return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d rows of the network of voices", BLOCK_ROWS);
    ERR_TRY(nn_rows_take(&s->wide, a, BLOCK_ROWS, TAPS * HIDDEN, fp32));
    return nn_rows_take(&s->narrow, a, BLOCK_ROWS, HIDDEN, fp32);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* Consecutive rows of one job in a block. */
typedef struct run {
    xvector_job *job;
    int lead;                /* of its rows, copies of the stream's first row */
    int row, rows;           /* of the job, behind the copies */
    int total;               /* lead + rows */
    int ceps, first, second; /* where its past begins in the scratch's buffers */
} run;

typedef struct block {
    run runs[BLOCK_ROWS];
    int n, rows;
} block;

/* Where the next block begins. */
typedef struct place {
    int job, row;
} place;

/* As many rows from `at` on as a block holds; a stream's first row is never parted from its copies. */
static void fill_block(block *b, xvector_job *jobs, int n, place *at) {
    memset(b, 0, sizeof *b);
    int ceps = 0, first = 0, second = 0;
    while (at->job < n) {
        xvector_job *job = &jobs[at->job];
        int lead = at->row == 0 && job->state->rows_in == 0 && job->rows > 0 ? LEAD : 0;
        int room = BLOCK_ROWS - b->rows - lead, rows = job->rows - at->row;
        if (rows > 0 && room <= 0) return;
        if (rows > room) rows = room;
        if (rows > 0) {
            b->runs[b->n++] = (run){job, lead, at->row, rows, lead + rows, ceps, first, second};
            b->rows += lead + rows;
            ceps += CEPS_PAST + lead + rows;
            first += FIRST_PAST + lead + rows;
            second += SECOND_PAST + lead + rows;
            at->row += rows;
        }
        if (at->row < job->rows) return;
        at->job++;
        at->row = 0;
    }
}

static void copy_rows(float *to, const float *from, int rows, int width) {
    memcpy(to, from, (size_t)rows * (size_t)width * sizeof *to);
}

/* Puts the past of a run before it, and keeps its end as the past of the next. */
static void recall_ceps(const run *r, float *at) {
    xvector_state *s = r->job->state;
    const float *ceps = r->job->ceps + (size_t)r->row * CEPS;
    if (s->rows_in == 0) {
        for (int i = 0; i < CEPS_PAST; i++) copy_rows(s->ceps[i], ceps, 1, CEPS);
    }
    copy_rows(at, s->ceps[0], CEPS_PAST, CEPS);
    for (int i = 0; i < r->lead; i++) copy_rows(at + (CEPS_PAST + i) * CEPS, ceps, 1, CEPS);
    copy_rows(at + (CEPS_PAST + r->lead) * CEPS, ceps, r->rows, CEPS);
    copy_rows(s->ceps[0], at + r->total * CEPS, CEPS_PAST, CEPS);
    s->rows_in += r->rows;
}

/* Five rows of cepstra in a row are the input of the first layer as they stand. */
static void first_layer(const xvector *m, const scratch *s, const block *b) {
    for (int i = 0; i < b->n; i++) {
        const run *r = &b->runs[i];
        float *ceps = s->ceps + (size_t)r->ceps * CEPS, *out = s->first + (size_t)r->first * HIDDEN;
        recall_ceps(r, ceps);
        copy_rows(out, r->job->state->first[0], FIRST_PAST, HIDDEN);
        kern()->gemm_f32(ceps, CEPS, r->total, &m->first, KERN_RELU, out + FIRST_PAST * HIDDEN, HIDDEN);
        copy_rows(r->job->state->first[0], out + (size_t)r->total * HIDDEN, FIRST_PAST, HIDDEN);
    }
}

/* Three rows, `apart` rows apart, side by side. */
static void gather(const float *from, int apart, float *to) {
    for (int t = 0; t < TAPS; t++) copy_rows(to + t * HIDDEN, from + t * apart * HIDDEN, 1, HIDDEN);
}

static void second_layer(const xvector *m, scratch *s, const block *b) {
    int row = 0;
    for (int i = 0; i < b->n; i++) {
        const float *from = s->first + (size_t)b->runs[i].first * HIDDEN;
        for (int k = 0; k < b->runs[i].total; k++, row++)
            gather(from + (size_t)k * HIDDEN, FIRST_PAST / 2, s->gathered + (size_t)row * TAPS * HIDDEN);
    }
    nn_rows_from(&s->wide, s->gathered, TAPS * HIDDEN, row);
    linear_apply(&m->second, &s->wide, row, KERN_RELU, s->pooled, HIDDEN);
    row = 0;
    for (int i = 0; i < b->n; i++) {
        const run *r = &b->runs[i];
        float *to = s->second + (size_t)r->second * HIDDEN, *past = r->job->state->second[0];
        copy_rows(to, past, SECOND_PAST, HIDDEN);
        copy_rows(to + SECOND_PAST * HIDDEN, s->pooled + (size_t)row * HIDDEN, r->total, HIDDEN);
        copy_rows(past, to + (size_t)r->total * HIDDEN, SECOND_PAST, HIDDEN);
        row += r->total;
    }
}

/* The layers that look at one row, or whose rows nobody else looks at: only of rows that count. Returns how many. */
static int upper_layers(const xvector *m, scratch *s, const block *b) {
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        const run *r = &b->runs[i];
        const float *from = s->second + ((size_t)r->second + (size_t)r->lead) * HIDDEN;
        for (int k = 0; k < r->rows; k++) {
            if (r->job->weight[r->row + k] > 0.0f)
                gather(from + (size_t)k * HIDDEN, SECOND_PAST / 2, s->gathered + (size_t)n++ * TAPS * HIDDEN);
        }
    }
    if (n == 0) return 0;
    nn_rows_from(&s->wide, s->gathered, TAPS * HIDDEN, n);
    linear_apply(&m->third, &s->wide, n, KERN_RELU, s->hidden, HIDDEN);
    nn_rows_from(&s->narrow, s->hidden, HIDDEN, n);
    linear_apply(&m->fourth, &s->narrow, n, KERN_RELU, s->hidden, HIDDEN);
    nn_rows_from(&s->narrow, s->hidden, HIDDEN, n);
    linear_apply(&m->fifth, &s->narrow, n, KERN_RELU, s->pooled, POOLED);
    return n;
}

static void add_row(xvector_sums *restrict to, const float *restrict x, float weight) {
    to->n += weight;
    for (int i = 0; i < POOLED; i++) {
        float y = weight * x[i];
        to->sum[i] += y;
        to->square[i] += y * x[i];
    }
}

static void add_rows(const scratch *s, const block *b) {
    const float *x = s->pooled;
    for (int i = 0; i < b->n; i++) {
        const run *r = &b->runs[i];
        for (int k = 0; k < r->rows; k++) {
            float weight = r->job->weight[r->row + k];
            if (!(weight > 0.0f)) continue;
            add_row(r->job->sums, x, weight);
            x += POOLED;
        }
    }
}

steno_err xvector_step(const xvector *m, arena *a, xvector_job *jobs, int n) {
    size_t mark = arena_mark(a);
    scratch s;
    place at = {0, 0};
    memset(&s, 0, sizeof s);
    steno_err err = scratch_take(&s, a, m->second.fp32);
    while (err == STENO_OK) {
        block b;
        fill_block(&b, jobs, n, &at);
        if (b.n == 0) break;
        first_layer(m, &s, &b);
        second_layer(m, &s, &b);
        if (upper_layers(m, &s, &b) > 0) add_rows(&s, &b);
    }
    arena_release(a, mark);
    return err;
}

/* ---- embeddings ------------------------------------------------------------------------------------------------- */

size_t xvector_embed_bytes(int n) {
    return n <= 0 ? 0 : bytes_of((size_t)n, 2 * (size_t)POOLED);
}

/* out [2 * POOLED]: means, then deviations. */
static void pool(const xvector_sums *restrict s, float *restrict out) {
    float scale = 1.0f / s->n;
    for (int i = 0; i < POOLED; i++) {
        float mean = s->sum[i] * scale, variance = s->square[i] * scale - mean * mean;
        out[i] = mean;
        out[POOLED + i] = sqrtf(variance > VARIANCE_FLOOR ? variance : VARIANCE_FLOOR);
    }
}

static steno_err segment_layer(const xvector *m, arena *a, const xvector_sums *const *sums, int n, kern_epilogue end,
                               float *out) {
    size_t mark = arena_mark(a);
    float *pooled = arena_take(a, (size_t)n, 2 * POOLED * sizeof(float));
    if (!pooled) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d embeddings", n);
    for (int i = 0; i < n; i++) pool(sums[i], pooled + (size_t)i * 2 * POOLED);
    kern()->gemm_f32(pooled, 2 * POOLED, n, &m->segment, end, out, DIM);
    arena_release(a, mark);
    return STENO_OK;
}

steno_err xvector_embed(const xvector *m, arena *a, const xvector_sums *const *sums, int n, float *out) {
    if (n <= 0) return STENO_OK;
    ERR_TRY(segment_layer(m, a, sums, n, KERN_RELU, out));
    for (int i = 0; i < n; i++) {
        float *e = out + (size_t)i * DIM;
        for (int k = 0; k < DIM; k++) e[k] = e[k] * m->norm_scale[k] + m->norm_offset[k];
    }
    return STENO_OK;
}

size_t xvector_embed_whitened_bytes(int n) {
    return n <= 0 ? 0 : bytes_of((size_t)n, DIM) + xvector_embed_bytes(n);
}

steno_err xvector_embed_whitened(const xvector *m, arena *a, const xvector_sums *const *sums, int n, float *out) {
    if (n <= 0) return STENO_OK;
    size_t mark = arena_mark(a);
    float *raw = arena_take(a, (size_t)n, DIM * sizeof(float));
    steno_err err = raw ? segment_layer(m, a, sums, n, KERN_STORE, raw)
                        : err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d embeddings", n);
    if (err == STENO_OK) kern()->gemm_f32(raw, DIM, n, &m->whiten, KERN_STORE, out, DIM);
    arena_release(a, mark);
    return err;
}
