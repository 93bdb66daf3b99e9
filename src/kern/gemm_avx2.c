/* gemm_avx2.c: matrix products on packed weights for AVX2 with FMA.
 *
 * A tile of rows by columns stays in the 16 registers while K runs: 6 x 16 for fp32; 4 x 8 for int8, whose sums take twice
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

#define F32_ROWS    6
#define Q8_ROWS     4
#define WIDE_VALUES 32768                   /* activations held widened at once: 64 KiB of stack */
#define WIDE_STEPS  (WIDE_VALUES / Q8_ROWS) /* the longest stretch of K that can be held */

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

/* A panel's sums of up to four rows, parked between the product and the epilogue. */
typedef struct tile_int {
    int32_t sum[Q8_ROWS][KERN_PANEL];
} tile_int;

/* Four activations as 16-bit numbers, in every quarter of the vector. */
VM_INLINE __m256i broadcast_quad(const int16_t *p) {
    int64_t v;
    memcpy(&v, p, 8);
    return _mm256_set1_epi64x(v);
}

/* `rows` widened rows of `stride` values: one stretch of K. */
typedef struct wide_rows {
    const int16_t *a;
    int stride, rows;
} wide_rows;

/* Adds four steps of K to mr rows x nv * 4 columns: two sums a column, of even and odd pairs. */
VM_INLINE void step_q8(const int mr, const int nv, const int16_t *a, size_t stride, const int8_t *b,
                       __m256i acc[Q8_ROWS][4]) {
    __m256i w[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        w[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(b + v * 16)));
#pragma GCC unroll 4
    for (int r = 0; r < mr; r++) {
        __m256i quad = broadcast_quad(a + (size_t)r * stride);
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) acc[r][v] = _mm256_add_epi32(acc[r][v], _mm256_madd_epi16(quad, w[v]));
    }
}

/* Sums of mr rows x nv * 4 columns; b is the first column's bytes, `next` those of a step of four. */
VM_INLINE void tile_q8(const int mr, const int nv, const wide_rows *x, const int8_t *b, size_t next, bool first,
                       int32_t *sum) {
    __m256i acc[Q8_ROWS][4];
#pragma GCC unroll 4
    for (int r = 0; r < mr; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) acc[r][v] = _mm256_setzero_si256();
    }
    const int16_t *a = x->a, *end = a + x->stride;
    for (; a < end; a += 4, b += next) step_q8(mr, nv, a, (size_t)x->stride, b, acc);
#pragma GCC unroll 4
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

VM_INLINE void panel_q8(const int mr, const int nv, const wide_rows *x, const int8_t *b, int width, bool first,
                        tile_int *tile) {
    for (int c = 0; c < width; c += nv * 4) tile_q8(mr, nv, x, b + c * 4, (size_t)width * 4, first, &tile->sum[0][c]);
}

/* One stretch of K of a panel against up to Q8_ROWS rows; `first` when nothing has been summed yet. */
static void panel_q8_rows(const wide_rows *x, const int8_t *b, int width, bool first, tile_int *tile) {
    switch (x->rows) {
    case 1:
        panel_q8(1, 4, x, b, width, first, tile);
        break;
    case 2:
        panel_q8(2, 4, x, b, width, first, tile);
        break;
    case 3:
        panel_q8(3, 2, x, b, width, first, tile);
        break;
    default:
        panel_q8(4, 2, x, b, width, first, tile);
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

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Rows `from` to `end` of the activations, widened as far as they are needed now. */
typedef struct wide_block {
    int from, end;
    int k, chunk;               /* the stretch of K that is held; -1: none */
    int16_t value[WIDE_VALUES]; /* [end - from, chunk] */
} wide_block;

static void hold(wide_block *x, const kern_qrows *a, int k, int chunk) {
    if (x->k == k) return;
    x->k = k;
    x->chunk = chunk;
    for (int r = x->from; r < x->end; r++)
        widen(a->q + (size_t)r * (size_t)a->stride + k, chunk, x->value + (r - x->from) * chunk);
}

/* One panel against the block's rows. More than one stretch of K means a block of one tile, so its sums may wait in it. */
static void block_q8(wide_block *x, const kern_qrows *a, const kern_q8 *w, int panel, int longest, kern_epilogue epi,
                     float *out, size_t ldo) {
    int width = kern_panel_width(w->n_pad, panel);
    const int8_t *b = w->w8 + (size_t)panel * KERN_PANEL * (size_t)w->k_pad;
    tile_int tile;
    for (int k = 0; k < w->k_pad; k += longest) {
        hold(x, a, k, smaller(w->k_pad - k, longest));
        for (int row = x->from; row < x->end; row += Q8_ROWS) {
            wide_rows rows = {x->value + (row - x->from) * x->chunk, x->chunk, smaller(x->end - row, Q8_ROWS)};
            panel_q8_rows(&rows, b + (size_t)k * (size_t)width, width, k == 0, &tile);
            if (k + x->chunk == w->k_pad)
                finish_q8(epi, a, w, &tile, row, rows.rows, panel * KERN_PANEL, width, out, ldo);
        }
    }
}

/* As many rows as fit are widened, then every panel meets all of them while it lies in the first cache. A K too long to be
 * held goes in stretches, four rows at a time, widened again for each panel. */
void avx2_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo) {
    wide_block x;
    int longest = smaller(w->k_pad, WIDE_STEPS), rows = WIDE_VALUES / longest / Q8_ROWS * Q8_ROWS;
    for (x.from = 0; x.from < m; x.from = x.end) {
        x.end = smaller(x.from + rows, m);
        x.k = -1;
        for (int p = 0; p < kern_panels(w->n_pad); p++) block_q8(&x, a, w, p, longest, epi, out, (size_t)ldo);
    }
}

/* ---- fp32 -------------------------------------------------------------------------------------------------------- */

typedef struct tile_float {
    float sum[F32_ROWS][KERN_PANEL];
} tile_float;

/* Sums of mr rows x nv * 8 columns over all of K; `next` is the panel's width in floats. */
VM_INLINE void tile_f32(const int mr, const int nv, const float *a, size_t lda, const float *b, size_t next, int k,
                        float *sum) {
    __m256 acc[F32_ROWS][6];
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
            rows = m - row < F32_ROWS ? m - row : F32_ROWS;
            panel_f32_rows(rows, a + (size_t)row * (size_t)lda, (size_t)lda, b, width, w->k, &tile);
            finish_f32(epi, w, &tile, row, rows, p * KERN_PANEL, width, out, (size_t)ldo);
        }
    }
}
