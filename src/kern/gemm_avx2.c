/* gemm_avx2.c: matrix products on packed weights for AVX2 with FMA.
 *
 * A tile of rows by columns stays in the 16 registers while K runs: 6 x 16 for fp32; 6 x 8 for int8, whose sums take twice
 * the room. One or two rows (decoding) take more columns instead, to have enough independent sums. Each output's order of
 * K is fixed, whatever the tile, so a row's result never depends on its neighbours.
 *
 * int8 is exact: bytes are widened to 16 bits and multiplied in pairs by vpmaddwd; vpmaddubsw would do twice the work an
 * instruction but saturates at 2 * 255 * 128.
 */
#include "kern/body_avx2.h"
#include "kern/kern_int.h"
#include "kern/vmath_avx2.h"

#include <string.h>

#define MR_MAX   6
#define WIDE_MAX 2048 /* steps of K whose activations are held widened: 24 KiB for six rows */

/* ---- epilogue ---------------------------------------------------------------------------------------------------- */

VM_INLINE void emit(const kern_epilogue epi, __m256 v, int left, float *out) {
    switch (epi) {
    case KERN_STORE:
        break;
    case KERN_ADD:
        v = _mm256_add_ps(v, vm_load(out, left));
        break;
    case KERN_GELU:
        v = vm_gelu(v);
        break;
    case KERN_RELU:
        v = _mm256_max_ps(v, _mm256_setzero_ps());
        break;
    case KERN_TANH:
        v = vm_tanh(v);
        break;
    }
    vm_store(out, left, v);
}

/* ---- int8 -------------------------------------------------------------------------------------------------------- */

/* A panel's sums of up to six rows, parked between the product and the epilogue. */
typedef struct tile_int {
    int32_t sum[MR_MAX][KERN_PANEL];
} tile_int;

/* Four activations as 16-bit numbers, in every quarter of the vector. */
VM_INLINE __m256i broadcast_quad(const int16_t *p) {
    int64_t v;
    memcpy(&v, p, 8);
    return _mm256_set1_epi64x(v);
}

/* Sums of mr rows x nv * 4 columns over `steps` steps of four; b is the first column's byte, `next` the bytes of a step. */
VM_INLINE void tile_q8(const int mr, const int nv, const int16_t *a, const int8_t *b, size_t next, int steps,
                       bool first, int32_t *sum) {
    __m256i acc[MR_MAX][4];
#pragma GCC unroll 6
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) acc[r][v] = _mm256_setzero_si256();
    }
    for (int s = 0; s < steps; s++, b += next, a += 4) {
        __m256i w[4];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            w[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(b + v * 16)));
#pragma GCC unroll 6
        for (int r = 0; r < mr; r++) {
            __m256i x = broadcast_quad(a + (size_t)r * WIDE_MAX);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(x, w[v]));
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 2
        for (int v = 0; v < nv; v += 2) { /* two partial sums a column -> eight columns in order */
            __m256i both = _mm256_permute4x64_epi64(_mm256_hadd_epi32(acc[r][v], acc[r][v + 1]), 0xd8);
            __m256i *to = (__m256i *)(void *)(sum + r * KERN_PANEL + v * 4);
            if (!first) both = _mm256_add_epi32(both, _mm256_loadu_si256(to));
            _mm256_storeu_si256(to, both);
        }
    }
}

/* One chunk of K of a panel against mr rows. */
VM_INLINE void panel_q8(const int mr, const int nv, const int16_t *a, const int8_t *b, int width, int steps, bool first,
                        tile_int *tile) {
    size_t next = (size_t)width * 4;
    for (int c = 0; c < width; c += nv * 4) tile_q8(mr, nv, a, b + c * 4, next, steps, first, &tile->sum[0][c]);
}

static void panel_q8_rows(int rows, const int16_t *a, const int8_t *b, int width, int steps, bool first,
                          tile_int *tile) {
    switch (rows) {
    case 1:
        panel_q8(1, 4, a, b, width, steps, first, tile);
        break;
    case 2:
        panel_q8(2, 4, a, b, width, steps, first, tile);
        break;
    case 3:
        panel_q8(3, 2, a, b, width, steps, first, tile);
        break;
    case 4:
        panel_q8(4, 2, a, b, width, steps, first, tile);
        break;
    case 5:
        panel_q8(5, 2, a, b, width, steps, first, tile);
        break;
    default:
        panel_q8(6, 2, a, b, width, steps, first, tile);
        break;
    }
}

VM_INLINE void finish_q8_as(const kern_epilogue epi, const kern_qrows *a, const kern_q8 *w, const tile_int *tile,
                            int row, int rows, int column, int width, float *out, size_t ldo) {
    for (int c = 0; c < width && column + c < w->n; c += 8) {
        int at = column + c, left = w->n - at;
        __m256i zp = _mm256_loadu_si256((const __m256i *)(const void *)(w->zp + at));
        __m256i corr = _mm256_loadu_si256((const __m256i *)(const void *)(w->col_corr + at));
        __m256 scale = _mm256_loadu_ps(w->scale + at), bias = _mm256_loadu_ps(w->bias + at);
        for (int r = 0; r < rows; r++) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)&tile->sum[r][c]);
            x = _mm256_sub_epi32(x, _mm256_mullo_epi32(_mm256_set1_epi32(a->sum[row + r]), zp));
            x = _mm256_sub_epi32(x, _mm256_mullo_epi32(_mm256_set1_epi32(a->zp[row + r]), corr));
            __m256 f = _mm256_mul_ps(_mm256_set1_ps(a->scale[row + r]), scale);
            emit(epi, _mm256_fmadd_ps(_mm256_cvtepi32_ps(x), f, bias), left, out + (size_t)(row + r) * ldo + at);
        }
    }
}

static void finish_q8(kern_epilogue epi, const kern_qrows *a, const kern_q8 *w, const tile_int *tile, int row, int rows,
                      int column, int width, float *out, size_t ldo) {
    switch (epi) { /* constants reach emit(), so each epilogue is straight code */
    case KERN_STORE:
        finish_q8_as(KERN_STORE, a, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_ADD:
        finish_q8_as(KERN_ADD, a, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_GELU:
        finish_q8_as(KERN_GELU, a, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_RELU:
        finish_q8_as(KERN_RELU, a, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_TANH:
        finish_q8_as(KERN_TANH, a, w, tile, row, rows, column, width, out, ldo);
        break;
    }
}

/* n bytes (a multiple of 4) -> 16-bit numbers. */
static void widen(const uint8_t *q, int n, int16_t *to) {
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(q + i)));
        _mm256_storeu_si256((__m256i *)(void *)(to + i), v);
    }
    for (; i < n; i++) to[i] = q[i];
}

/* Rows outside, panels inside: activations are widened once for all panels (again for each only if K has two chunks). */
void avx2_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo) {
    int16_t wide[MR_MAX * WIDE_MAX];
    tile_int tile;
    for (int row = 0, rows; row < m; row += rows) {
        rows = m - row < MR_MAX ? m - row : MR_MAX;
        int held = -1;
        for (int p = 0; p < kern_panels(w->n_pad); p++) {
            int width = kern_panel_width(w->n_pad, p);
            const int8_t *b = w->w8 + (size_t)p * KERN_PANEL * (size_t)w->k_pad;
            for (int k = 0; k < w->k_pad; k += WIDE_MAX) {
                int chunk = w->k_pad - k < WIDE_MAX ? w->k_pad - k : WIDE_MAX;
                for (int r = 0; r < rows && held != k; r++)
                    widen(a->q + (size_t)(row + r) * (size_t)a->stride + k, chunk, wide + r * WIDE_MAX);
                held = k;
                panel_q8_rows(rows, wide, b + (size_t)k * (size_t)width, width, chunk / 4, k == 0, &tile);
            }
            finish_q8(epi, a, w, &tile, row, rows, p * KERN_PANEL, width, out, (size_t)ldo);
        }
    }
}

/* ---- fp32 -------------------------------------------------------------------------------------------------------- */

typedef struct tile_float {
    float sum[MR_MAX][KERN_PANEL];
} tile_float;

/* Sums of mr rows x nv * 8 columns over all of K; `next` is the panel's width in floats. */
VM_INLINE void tile_f32(const int mr, const int nv, const float *a, size_t lda, const float *b, size_t next, int k,
                        float *sum) {
    __m256 acc[MR_MAX][6];
#pragma GCC unroll 6
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 6
        for (int v = 0; v < nv; v++) acc[r][v] = _mm256_setzero_ps();
    }
    for (int i = 0; i < k; i++, b += next) {
        __m256 w[6];
#pragma GCC unroll 6
        for (int v = 0; v < nv; v++) w[v] = _mm256_loadu_ps(b + v * 8);
#pragma GCC unroll 6
        for (int r = 0; r < mr; r++) {
            __m256 x = _mm256_broadcast_ss(a + (size_t)r * lda + (size_t)i);
#pragma GCC unroll 6
            for (int v = 0; v < nv; v++) acc[r][v] = _mm256_fmadd_ps(x, w[v], acc[r][v]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 6
        for (int v = 0; v < nv; v++) _mm256_storeu_ps(sum + r * KERN_PANEL + v * 8, acc[r][v]);
    }
}

VM_INLINE void panel_f32(const int mr, const float *a, size_t lda, const float *b, int width, int k, tile_float *tile) {
    if (mr <= 2 && width == KERN_PANEL) {
        tile_f32(mr, 6, a, lda, b, (size_t)width, k, &tile->sum[0][0]);
        return;
    }
    for (int c = 0; c < width; c += 16) tile_f32(mr, 2, a, lda, b + c, (size_t)width, k, &tile->sum[0][c]);
}

static void panel_f32_rows(int rows, const float *a, size_t lda, const float *b, int width, int k, tile_float *tile) {
    switch (rows) {
    case 1:
        panel_f32(1, a, lda, b, width, k, tile);
        break;
    case 2:
        panel_f32(2, a, lda, b, width, k, tile);
        break;
    case 3:
        panel_f32(3, a, lda, b, width, k, tile);
        break;
    case 4:
        panel_f32(4, a, lda, b, width, k, tile);
        break;
    case 5:
        panel_f32(5, a, lda, b, width, k, tile);
        break;
    default:
        panel_f32(6, a, lda, b, width, k, tile);
        break;
    }
}

VM_INLINE void finish_f32_as(const kern_epilogue epi, const kern_f32 *w, const tile_float *tile, int row, int rows,
                             int column, int width, float *out, size_t ldo) {
    for (int c = 0; c < width && column + c < w->n; c += 8) {
        int at = column + c, left = w->n - at;
        __m256 bias = _mm256_loadu_ps(w->bias + at);
        for (int r = 0; r < rows; r++)
            emit(epi, _mm256_add_ps(_mm256_loadu_ps(&tile->sum[r][c]), bias), left, out + (size_t)(row + r) * ldo + at);
    }
}

static void finish_f32(kern_epilogue epi, const kern_f32 *w, const tile_float *tile, int row, int rows, int column,
                       int width, float *out, size_t ldo) {
    switch (epi) {
    case KERN_STORE:
        finish_f32_as(KERN_STORE, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_ADD:
        finish_f32_as(KERN_ADD, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_GELU:
        finish_f32_as(KERN_GELU, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_RELU:
        finish_f32_as(KERN_RELU, w, tile, row, rows, column, width, out, ldo);
        break;
    case KERN_TANH:
        finish_f32_as(KERN_TANH, w, tile, row, rows, column, width, out, ldo);
        break;
    }
}

/* Panels outside: four times the bytes of int8, so a panel is read from memory once for all rows. */
void avx2_gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo) {
    tile_float tile;
    for (int p = 0; p < kern_panels(w->n_pad); p++) {
        int width = kern_panel_width(w->n_pad, p);
        const float *b = w->w + (size_t)p * KERN_PANEL * (size_t)w->k;
        for (int row = 0, rows; row < m; row += rows) {
            rows = m - row < MR_MAX ? m - row : MR_MAX;
            panel_f32_rows(rows, a + (size_t)row * (size_t)lda, (size_t)lda, b, width, w->k, &tile);
            finish_f32(epi, w, &tile, row, rows, p * KERN_PANEL, width, out, (size_t)ldo);
        }
    }
}
