/* xvector.h: the Kaldi x-vector network (callhome diarization v2): who a voice is like. Tensors in, embeddings out, no policy.
 *
 * Source     Snyder et al., "X-vectors: Robust DNN Embeddings for Speaker Recognition", ICASSP 2018; the published model is
 *            egs/callhome_diarization/v2: TDNN over 23 MFCC at 8 kHz, 10 ms rows, statistics pooling, 128 dimensions.
 * Owner      `xvector` is immutable after open; a state belongs to one stream and is plain memory (copyable).
 * Invariants chunked equals whole and batched equals alone, bit for bit: frame-level layers run once a row, whatever windows
 *            are pooled from it afterwards. A row out at t has seen rows t - 7 .. t + 7; the first row stands for those before
 *            the beginning.
 */
#ifndef STENO_MODELS_XVECTOR_H
#define STENO_MODELS_XVECTOR_H

#include "base/arena.h"
#include "nn/weights.h"

#define XVECTOR_CEPS   23 /* coefficients of a row, mean-normalised by the caller */
#define XVECTOR_AHEAD  7  /* rows out come so many rows behind rows in */
#define XVECTOR_HIDDEN 512
#define XVECTOR_POOLED 1500
#define XVECTOR_DIM    128

typedef struct xvector xvector;

/* What the layers have to remember of the rows before. */
typedef struct xvector_state {
    int64_t rows_in;                 /* so far */
    float ceps[4][XVECTOR_CEPS];     /* the last rows in */
    float first[4][XVECTOR_HIDDEN];  /* … out of the first layer */
    float second[6][XVECTOR_HIDDEN]; /* … out of the second */
} xvector_state;

/* Sums over rows out: plain memory; sums of two stretches add up to those of both. */
typedef struct xvector_sums {
    float n; /* rows */
    float sum[XVECTOR_POOLED], square[XVECTOR_POOLED];
} xvector_sums;

STENO_CHECK steno_err xvector_open(const weights *w, bool fp32, xvector **out);
void xvector_free(xvector *m); /* NULL is allowed */
void xvector_reset(xvector_state *state);

/* One job is consecutive rows of one stream. Row out i of the job belongs to row in i - XVECTOR_AHEAD. weight[i] is what it
 * counts in the sums (0: not at all, 1: a row of speech); rows out before the beginning of the stream must have 0. Sums are
 * added to. */
typedef struct xvector_job {
    xvector_state *state; /* updated */
    const float *ceps;    /* [rows, XVECTOR_CEPS] */
    const float *weight;  /* [rows] */
    int rows;
    xvector_sums *sums;
} xvector_job;

/* Bytes of arena that xvector_step() needs for `rows` rows in all. */
size_t xvector_arena_bytes(int rows);
/* All jobs as one batch. STENO_E_NOMEM when the arena is too small. */
STENO_CHECK steno_err xvector_step(const xvector *m, arena *scratch, xvector_job *jobs, int n);

/* Adds another stretch's to a stretch's sums. */
void xvector_add_sums(xvector_sums *to, const xvector_sums *from);

/* Mean and standard deviation of each sums' rows through the segment layer, relu and its batch norm: what the network's
 * classifier of speakers was given in training. sums[i]->n > 0; out [n, XVECTOR_DIM]. STENO_E_NOMEM when the arena is too
 * small. */
size_t xvector_embed_bytes(int n);
STENO_CHECK steno_err xvector_embed(const xvector *m, arena *scratch, const xvector_sums *const *sums, int n,
                                    float *out);
/* What Kaldi publishes as the embedding: the segment layer centred and whitened (not length-normalised), no relu. Nothing but
 * comparisons with other programs needs it. Same arguments; xvector_embed_whitened_bytes() of arena. */
size_t xvector_embed_whitened_bytes(int n);
STENO_CHECK steno_err xvector_embed_whitened(const xvector *m, arena *scratch, const xvector_sums *const *sums, int n,
                                             float *out);

#endif
