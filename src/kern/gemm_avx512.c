/* gemm_avx512.c: matrix products on packed weights for AVX-512 with VNNI (int8), BF16 and plain FMA (fp32).
 *
 * One shape of loop for all three: a tile of MR rows by NV vectors of 16 columns stays in registers (8 x 3 = 24
 * accumulators) while K runs; the panel of weights is the outer loop so that it stays in the first cache over all rows.
 * Each output's K order is fixed, whatever the tile, so a row's result never depends on its neighbours.
 */
#include "kern/kern_int.h"
#include "kern/body_avx512.h"
#include "kern/vmath_avx512.h"

#include <string.h>

#define MR_MAX 8

/* Applies the epilogue to one vector and stores the lanes of `mask`. */
VM_INLINE void emit(kern_epilogue epi, __m512 v, __mmask16 mask, float *out) {
    switch (epi) {
    case KERN_STORE:
        break;
    case KERN_ADD:
        v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, out));
        break;
    case KERN_GELU:
        v = vm_gelu(v);
        break;
    case KERN_RELU:
        v = _mm512_max_ps(v, _mm512_setzero_ps());
        break;
    case KERN_TANH:
        v = vm_tanh(v);
        break;
    }
    _mm512_mask_storeu_ps(out, mask, v);
}

/* ---- int8 ------------------------------------------------------------------------------------------------------- */

VM_INLINE int32_t load_quad(const uint8_t *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* acc [mr][nv] = a [mr, k] * panel. */
VM_INLINE void tile_q8(const int mr, const int nv, const uint8_t *a, size_t stride, const int8_t *b, int k_pad,
                       __m512i out[MR_MAX][3]) {
    __m512i acc[MR_MAX][3]; /* its address never leaves, so it lives in registers; `out` is memory */
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_setzero_si512();
    }
    for (int k = 0; k < k_pad; k += 4) {
        __m512i w[3];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) w[v] = _mm512_loadu_si512(b + v * 64);
        b += nv * 64;
#pragma GCC unroll 8
        for (int r = 0; r < mr; r++) {
            __m512i x = _mm512_set1_epi32(load_quad(a + (size_t)r * stride + (size_t)k));
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) acc[r][v] = _mm512_dpbusd_epi32(acc[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) out[r][v] = acc[r][v];
    }
}

/* Where a finished tile goes. The epilogue is run-time code on a tile parked on the stack: 24 stores against thousands
 * of products, and a tenth of the instructions that inlining it into every tile shape would take. */
typedef struct q8_sink {
    const kern_qrows *a;
    const kern_q8 *w;
    kern_epilogue epi;
    float *out;
    size_t ldo;
} q8_sink;

VM_INLINE void finish_q8_as(const kern_epilogue epi, const q8_sink *s, __m512i acc[MR_MAX][3], int mr, int nv, int row,
                            int column) {
    for (int v = 0; v < nv; v++) {
        int c = column + v * 16;
        __mmask16 mask = vm_tail(s->w->n - c);
        __m512i zp = _mm512_loadu_si512(s->w->zp + c), corr = _mm512_loadu_si512(s->w->col_corr + c);
        __m512 scale = _mm512_loadu_ps(s->w->scale + c), bias = _mm512_loadu_ps(s->w->bias + c);
        float *out = s->out + (size_t)row * s->ldo + (size_t)c;
        for (int r = 0; r < mr; r++, out += s->ldo) {
            __m512i x = _mm512_sub_epi32(acc[r][v], _mm512_mullo_epi32(_mm512_set1_epi32(s->a->sum[row + r]), zp));
            x = _mm512_sub_epi32(x, _mm512_mullo_epi32(_mm512_set1_epi32(s->a->zp[row + r]), corr));
            __m512 f = _mm512_mul_ps(_mm512_set1_ps(s->a->scale[row + r]), scale);
            emit(epi, _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), f, bias), mask, out);
        }
    }
}

static __attribute__((noinline)) void finish_q8(const q8_sink *s, __m512i acc[MR_MAX][3], int mr, int nv, int row,
                                                int column) {
    switch (s->epi) { /* constants reach emit(), so each epilogue is straight code */
    case KERN_STORE:
        finish_q8_as(KERN_STORE, s, acc, mr, nv, row, column);
        break;
    case KERN_ADD:
        finish_q8_as(KERN_ADD, s, acc, mr, nv, row, column);
        break;
    case KERN_GELU:
        finish_q8_as(KERN_GELU, s, acc, mr, nv, row, column);
        break;
    case KERN_RELU:
        finish_q8_as(KERN_RELU, s, acc, mr, nv, row, column);
        break;
    case KERN_TANH:
        finish_q8_as(KERN_TANH, s, acc, mr, nv, row, column);
        break;
    }
}

VM_INLINE void block_q8(const int mr, const int nv, const q8_sink *s, int row, const int8_t *b, int column) {
    __m512i acc[MR_MAX][3];
    size_t stride = (size_t)s->a->stride;
    tile_q8(mr, nv, s->a->q + (size_t)row * stride, stride, b, s->w->k_pad, acc);
    finish_q8(s, acc, mr, nv, row, column);
}

/* One panel against all rows: whole tiles of eight, then what is left. */
#define PANEL(TYPE, WEIGHT, NV)                                                                                        \
    static void panel_##TYPE##_##NV(const TYPE##_sink *s, int m, const WEIGHT *b, int column) {                        \
        int row = 0;                                                                                                   \
        for (; row + 8 <= m; row += 8) block_##TYPE(8, NV, s, row, b, column);                                         \
        switch (m - row) {                                                                                             \
        case 1:                                                                                                        \
            block_##TYPE(1, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 2:                                                                                                        \
            block_##TYPE(2, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 3:                                                                                                        \
            block_##TYPE(3, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 4:                                                                                                        \
            block_##TYPE(4, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 5:                                                                                                        \
            block_##TYPE(5, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 6:                                                                                                        \
            block_##TYPE(6, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        case 7:                                                                                                        \
            block_##TYPE(7, NV, s, row, b, column);                                                                    \
            break;                                                                                                     \
        default:                                                                                                       \
            break;                                                                                                     \
        }                                                                                                              \
    }

/* All panels of a matrix with n_pad columns and k_pad packed rows. */
#define PANELS(TYPE, WEIGHT)                                                                                           \
    PANEL(TYPE, WEIGHT, 1)                                                                                             \
    PANEL(TYPE, WEIGHT, 2)                                                                                             \
    PANEL(TYPE, WEIGHT, 3)                                                                                             \
    static void panels_##TYPE(const TYPE##_sink *s, int m, const WEIGHT *w, int n_pad, int k_pad) {                    \
        for (int p = 0; p < kern_panels(n_pad); p++) {                                                                 \
            const WEIGHT *b = w + (size_t)p * KERN_PANEL * (size_t)k_pad;                                              \
            switch (kern_panel_width(n_pad, p)) {                                                                      \
            case 16:                                                                                                   \
                panel_##TYPE##_1(s, m, b, p *KERN_PANEL);                                                              \
                break;                                                                                                 \
            case 32:                                                                                                   \
                panel_##TYPE##_2(s, m, b, p *KERN_PANEL);                                                              \
                break;                                                                                                 \
            default:                                                                                                   \
                panel_##TYPE##_3(s, m, b, p *KERN_PANEL);                                                              \
                break;                                                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }

PANELS(q8, int8_t)

void avx512_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo) {
    q8_sink sink = {a, w, epi, out, (size_t)ldo};
    panels_q8(&sink, m, w->w8, w->n_pad, w->k_pad);
}

/* ---- fp32 ------------------------------------------------------------------------------------------------------- */

VM_INLINE void tile_f32(const int mr, const int nv, const float *a, size_t lda, const float *b, int k,
                        __m512 out[MR_MAX][3]) {
    __m512 acc[MR_MAX][3];
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_setzero_ps();
    }
    for (int i = 0; i < k; i++) {
        __m512 w[3];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) w[v] = _mm512_loadu_ps(b + v * 16);
        b += nv * 16;
#pragma GCC unroll 8
        for (int r = 0; r < mr; r++) {
            __m512 x = _mm512_set1_ps(a[(size_t)r * lda + (size_t)i]);
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) acc[r][v] = _mm512_fmadd_ps(x, w[v], acc[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) out[r][v] = acc[r][v];
    }
}

typedef struct f32_sink {
    const float *a;
    size_t lda;
    int n, k;
    const float *bias;
    kern_epilogue epi;
    float *out;
    size_t ldo;
} f32_sink;

VM_INLINE void finish_f32_as(const kern_epilogue epi, const f32_sink *s, __m512 acc[MR_MAX][3], int mr, int nv, int row,
                             int column) {
    for (int v = 0; v < nv; v++) {
        int c = column + v * 16;
        __mmask16 mask = vm_tail(s->n - c);
        __m512 bias = _mm512_loadu_ps(s->bias + c);
        float *out = s->out + (size_t)row * s->ldo + (size_t)c;
        for (int r = 0; r < mr; r++, out += s->ldo) emit(epi, _mm512_add_ps(acc[r][v], bias), mask, out);
    }
}

static __attribute__((noinline)) void finish_f32(const f32_sink *s, __m512 acc[MR_MAX][3], int mr, int nv, int row,
                                                 int column) {
    switch (s->epi) {
    case KERN_STORE:
        finish_f32_as(KERN_STORE, s, acc, mr, nv, row, column);
        break;
    case KERN_ADD:
        finish_f32_as(KERN_ADD, s, acc, mr, nv, row, column);
        break;
    case KERN_GELU:
        finish_f32_as(KERN_GELU, s, acc, mr, nv, row, column);
        break;
    case KERN_RELU:
        finish_f32_as(KERN_RELU, s, acc, mr, nv, row, column);
        break;
    case KERN_TANH:
        finish_f32_as(KERN_TANH, s, acc, mr, nv, row, column);
        break;
    }
}

VM_INLINE void block_f32(const int mr, const int nv, const f32_sink *s, int row, const float *b, int column) {
    __m512 acc[MR_MAX][3];
    tile_f32(mr, nv, s->a + (size_t)row * s->lda, s->lda, b, s->k, acc);
    finish_f32(s, acc, mr, nv, row, column);
}

PANELS(f32, float)

void avx512_gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo) {
    f32_sink sink = {a, (size_t)lda, w->n, w->k, w->bias, epi, out, (size_t)ldo};
    panels_f32(&sink, m, w->w, w->n_pad, w->k);
}

/* ---- bf16 ------------------------------------------------------------------------------------------------------- */

VM_INLINE __m512bh pair_bf16(const uint16_t *p) {
    int32_t v;
    memcpy(&v, p, 4);
    return (__m512bh)_mm512_set1_epi32(v);
}

VM_INLINE void tile_bf16(const int mr, const int nv, const uint16_t *a, size_t lda, const uint16_t *b, int k,
                         __m512 out[MR_MAX][3]) {
    __m512 acc[MR_MAX][3];
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_setzero_ps();
    }
    for (int i = 0; i < k; i += 2) {
        __m512bh w[3];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) w[v] = (__m512bh)_mm512_loadu_si512(b + v * 32);
        b += nv * 32;
#pragma GCC unroll 8
        for (int r = 0; r < mr; r++) {
            __m512bh x = pair_bf16(a + (size_t)r * lda + (size_t)i);
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) out[r][v] = acc[r][v];
    }
}

typedef struct bf16_sink {
    const uint16_t *a;
    size_t lda;
    const float *a_sum;
    float scale, offset;
    int k;
    f32_sink to; /* bias, epilogue and destination are those of fp32 */
} bf16_sink;

VM_INLINE void block_bf16(const int mr, const int nv, const bf16_sink *s, int row, const uint16_t *b, int column) {
    __m512 acc[MR_MAX][3];
    tile_bf16(mr, nv, s->a + (size_t)row * s->lda, s->lda, b, s->k, acc);
    __m512 scale = _mm512_set1_ps(s->scale);
#pragma GCC unroll 8
    for (int r = 0; r < mr; r++) {
        __m512 shift = _mm512_set1_ps(s->offset * s->a_sum[row + r]);
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_fmadd_ps(acc[r][v], scale, shift);
    }
    finish_f32(&s->to, acc, mr, nv, row, column);
}

PANELS(bf16, uint16_t)

void avx512_gemm_bf16(const uint16_t *a, int lda, const float *a_sum, int m, const kern_bf16 *w, kern_epilogue epi,
                      float *out, int ldo) {
    bf16_sink sink = {
        a, (size_t)lda, a_sum, w->scale, w->offset, w->k, {NULL, 0, w->n, w->k, w->bias, epi, out, (size_t)ldo}};
    panels_bf16(&sink, m, w->w, w->n_pad, w->k);
}
