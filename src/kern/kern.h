/* kern.h: numeric kernels. A plain C reference and one body per instruction set, chosen once at run time.
 *
 * Purpose     matrix products on packed weights, normalisation, attention, activations: numbers only, no policy.
 * Contract    every body computes the reference's integers exactly and its floats to the tolerance stated in
 *             tests/kernel. A row's result never depends on the other rows of the call: batched equals alone, bit for
 * bit. Threads     everything here is pure; the table is immutable after kern_select(), which runs before threads
 * start. Shapes      row-major, in brackets: [M, K]; `ld*` is a row's stride in elements.
 *
 * Packed weights. Columns (outputs) are cut into panels of KERN_PANEL; the last panel is as wide as what is left,
 * rounded up to KERN_LANES. Inside a panel, for each step of K (1 for f32, 2 for bf16, 4 for int8) the panel's columns
 * lie side by side, each with its step's values together: [panel][K/step][columns][step]. Padding is zero.
 */
#ifndef STENO_KERN_H
#define STENO_KERN_H

#include "base/err.h"

#include <stdint.h>

#define KERN_LANES 16
#define KERN_PANEL 48

/* ---- int8: published u8 weights with zero points, activations quantised per row --------------------------------- */

/* Weights of y = x W + b with W [k, n]. value = scale[n] * (w8[k, n] + 128 - zero_point_u8) = scale[n] * (w8 - zp[n]).
 * `w8` holds the published u8 minus 128 (an exact shift, because vpdpbusd wants a signed operand). */
typedef struct kern_q8 {
    int n, k;          /* outputs, inputs */
    int n_pad, k_pad;  /* rounded up to KERN_LANES and to 4 */
    int8_t *w8;        /* packed, owned */
    float *scale;      /* [n_pad] */
    int32_t *zp;       /* [n_pad] shifted zero point */
    int32_t *col_corr; /* [n_pad] sum over k of w8 - k * zp: what an activation zero point of 1 adds */
    float *bias;       /* [n_pad] zeros when the layer has none */
} kern_q8;

/* Rows quantised as ONNX DynamicQuantizeLinear does, but with a scale per row: value = scale * (q - zp), u8.
 * `sum` is the sum of the row's q over k. q's row stride is `stride` bytes (>= k rounded up to 4, padding q = 0). */
typedef struct kern_qrows {
    uint8_t *q;   /* [rows, stride] */
    float *scale; /* [rows] */
    int32_t *zp;  /* [rows] */
    int32_t *sum; /* [rows] */
    int stride;
} kern_qrows;

/* What happens to v = dequantised product + bias on its way out. */
typedef enum kern_epilogue {
    KERN_STORE, /* out = v */
    KERN_ADD,   /* out += v: the residual connection */
    KERN_GELU,  /* out = v * 0.5 * (1 + erf(v / sqrt 2)) */
    KERN_RELU,  /* out = max(v, 0) */
    KERN_TANH   /* out = tanh(v) */
} kern_epilogue;

/* ---- fp32 and bf16 ---------------------------------------------------------------------------------------------- */

typedef struct kern_f32 {
    int n, k, n_pad;
    float *w;    /* packed [panel][k][columns], owned */
    float *bias; /* [n_pad] */
} kern_f32;

/* Affine int8 weights held exactly as bf16: value = scale * w + offset, so out = scale * (a . w) + offset * sum(a) + b.
 */
typedef struct kern_bf16 {
    int n, k; /* k is even (callers pad with zero weights) */
    int n_pad;
    uint16_t *w; /* packed [panel][k/2][columns][2], owned */
    float scale, offset;
    float *bias; /* [n_pad] */
} kern_bf16;

/* ---- KV pages --------------------------------------------------------------------------------------------------- */

#define KERN_PAGE_POSITIONS 16

#define KERN_MAX_HEADS    16
#define KERN_MAX_HEAD_DIM 256

/* What a page is made of. */
typedef enum kern_page_kind {
    /* IEEE half floats: keys transposed [heads][head_dim][16], then values [heads][16][head_dim]. */
    KERN_PAGE_F16,
    /* int8 with a scale a position and head: keys [heads] of (scale f32 [16], bytes + 128 [head_dim / 4][16][4]), then
     * values [heads] of (scale f32 [16], bytes [4][head_dim][4], the last axis being positions). head_dim in fours. */
    KERN_PAGE_Q8
} kern_page_kind;

/* The size of a page of one layer, in halfs. */
static inline int kern_page_halfs(kern_page_kind kind, int heads, int head_dim) {
    if (kind == KERN_PAGE_F16) return 2 * heads * head_dim * KERN_PAGE_POSITIONS;
    return heads * KERN_PAGE_POSITIONS * (head_dim + (int)sizeof(float));
}

/* Floats of scratch for attention over so many positions in pages of any kind. */
static inline size_t kern_paged_scratch(int positions, int heads) {
    size_t padded = ((size_t)positions + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS * KERN_PAGE_POSITIONS;
    return padded * (size_t)heads + padded + padded * (size_t)heads / sizeof(float);
}

typedef struct kern_ops {
    const char *name; /* "c", "avx2", "avx512-vnni", "avx512" */

    /* x [m, k] (ldx) -> rows of `out` starting at row 0. */
    void (*quantize_rows)(const float *x, int ldx, int m, int k, const kern_qrows *out);

    /* LayerNorm without bias over the last axis, eps 1e-5, then quantised. `tmp` is [k] floats of scratch. */
    void (*layernorm_quantize_rows)(const float *x, int ldx, int m, int k, const float *gamma, float *tmp,
                                    const kern_qrows *out);
    /* The same, kept as floats: y [m, k] (ldy). In place is allowed. */
    void (*layernorm_rows)(const float *x, int ldx, int m, int k, const float *gamma, float *y, int ldy);

    /* x [m, 2h] = (up | gate) -> silu(gate) * up, quantised over h. `tmp` is [h] floats of scratch. */
    void (*swiglu_quantize_rows)(const float *x, int ldx, int m, int h, float *tmp, const kern_qrows *out);
    /* The same, kept as floats: y [m, h]. */
    void (*swiglu_rows)(const float *x, int ldx, int m, int h, float *y, int ldy);

    /* out [m, n] = epilogue(a [m, k] W + bias). Accumulates in int32 exactly. */
    void (*gemm_q8)(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo);

    /* out [m, n] = epilogue(a [m, k] W + bias); fp32 fused multiply-add in order of k. lda may be smaller than k:
     * overlapping rows are how a strided convolution over channels-last frames is computed. */
    void (*gemm_f32)(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo);

    /* The same on bf16 rows; a_sum [m] is the sum of each row of `a`. NULL where the CPU has no bf16 product. */
    void (*gemm_bf16)(const uint16_t *a, int lda, const float *a_sum, int m, const kern_bf16 *w, kern_epilogue epi,
                      float *out, int ldo);

    /* n floats -> bf16, round to nearest even. */
    void (*to_bf16)(const float *x, int n, uint16_t *y);

    /* Full (unmasked) multi-head attention of one utterance, all heads: q [tq, heads * head_dim] with row stride ldq
     * look at k, v [t, heads * head_dim] with row stride ld; out [tq, ..] with ldo. scores = scale * q.k. `scratch`
     * holds kern_attention_scratch(t) bytes. */
    void (*attention)(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                      int head_dim, float scale, void *scratch, float *out, int ldo);

    /* The same with queries, keys, probabilities and values rounded to bf16 and sums in fp32: head_dim even. NULL where
     * the CPU has no bf16 product. */
    void (*attention_bf16)(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                           int head_dim, float scale, void *scratch, float *out, int ldo);

    /* One query row against `positions` cached positions in F16 pages. q, out: [heads * head_dim]. `probs` is scratch of
     * kern_paged_scratch() floats. If head_weight is not NULL, align[positions] += head_weight[h] * softmax_h
     * for every head with a weight other than 0. */
    void (*attention_paged)(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                            float scale, float *probs, const float *head_weight, float *align, float *out);

    /* Writes position `slot` (0..15) of an F16 page from k, v: [heads * head_dim]. */
    void (*page_store)(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v);

    /* The same two on Q8 pages; the query and the probabilities are quantised too. NULL where the CPU has no int8 dot
     * product. */
    void (*attention_paged_q8)(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                               float scale, float *probs, const float *head_weight, float *align, float *out);
    void (*page_store_q8)(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v);

    /* Rotary embedding in place on `heads` heads of x [heads * head_dim]: interleaved pairs (2i, 2i + 1) of the first
     * 2 * pairs channels turn by the angle whose cos and sin are given, [pairs]. */
    void (*rope_row)(float *x, int heads, int head_dim, int pairs, const float *cos_t, const float *sin_t);

    /* Group normalisation of the whole [n] block with one group is mean/variance here and an affine per channel:
     * y[i, c] = (x[i, c] - mean) * rstd * gamma[c] + beta[c] for x [m, c] dense, eps 1e-5. In place is allowed. */
    void (*groupnorm)(const float *x, int m, int c, const float *gamma, const float *beta, float *y);

    /* LSTM cell on gates [b, 4h] in ONNX-free PyTorch order (i, f, g, o), bias already added. c, hid: [b, h] updated.
     */
    void (*lstm_cell)(const float *gates, int b, int h, float *c, float *hid);

    /* The index of the largest of x [n] (the first on a tie) and log(sum(exp(x))). */
    int (*argmax_logsumexp)(const float *x, int n, float *lse);
} kern_ops;

/* The table in force. Chosen on first use from the CPU, or by STENO_KERN=c|avx2|avx512-vnni|avx512. */
const kern_ops *kern(void);

/* Picks a body by name ("auto" for the best). STENO_E_UNSUPPORTED when the CPU or the build lacks it. Before threads.
 */
STENO_CHECK steno_err kern_select(const char *name);

/* The table of one body, or NULL when the CPU lacks it: for tests that compare bodies. */
const kern_ops *kern_body(const char *name);

/* Bytes of scratch attention() needs over t keys. */
size_t kern_attention_scratch(int t, int head_dim);

/* Packs published weights. `w` is [k, n] u8 row-major as in ONNX MatMulInteger; several may stand side by side (fused
 * q|k|v): column j of the result comes from part p with its own scale and zero point. */
typedef struct kern_q8_part {
    const uint8_t *w; /* [k, n] */
    int n;
    float scale;
    uint8_t zero_point;
    const float *bias;   /* [n] or NULL */
    int transposed;      /* w is [n, k] instead (the tied embedding) */
    const float *scales; /* [n]: a scale a column in the place of `scale`; or NULL */
} kern_q8_part;

STENO_CHECK steno_err kern_q8_pack(kern_q8 *m, const kern_q8_part *parts, int n_parts, int k);
void kern_q8_free(kern_q8 *m);

/* Row-major w [n, k] (PyTorch's out, in), bias [n] or NULL. */
STENO_CHECK steno_err kern_f32_pack(kern_f32 *m, const float *w, const float *bias, int n, int k);
void kern_f32_free(kern_f32 *m);

/* Row-major i8 w [n, k]; k even. */
STENO_CHECK steno_err kern_bf16_pack(kern_bf16 *m, const int8_t *w, float scale, float offset, const float *bias, int n,
                                     int k);
void kern_bf16_free(kern_bf16 *m);

/* Column j of a packed int8 matrix as floats, [k]: an embedding row when the matrix is the tied embedding. */
void kern_q8_column(const kern_q8 *m, int j, float *out);

/* The [k, n] fp32 equivalent of int8 weights, packed: the FP32 path. */
STENO_CHECK steno_err kern_q8_to_f32(const kern_q8 *m, kern_f32 *out);

#endif
