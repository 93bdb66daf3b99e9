/* attention_avx512.c: attention for AVX-512: over a whole utterance (fp32, and bf16 products) and over KV pages. */
#include "kern/body_avx512.h"
#include "kern/kern_int.h"
#include "kern/vmath_avx512.h"

#include <math.h>
#include <string.h>

/* ---- softmax ---------------------------------------------------------------------------------------------------- */

/* exp(s - max) in place over n scores, zeros up to a whole vector; returns 1 / sum. */
static float softmax_unscaled(float *s, int n, float scale) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16) top = _mm512_mask_max_ps(top, vm_tail(n - i), top, _mm512_loadu_ps(s + i));
    __m512 factor = _mm512_set1_ps(scale * VM_LOG2E);
    __m512 high = _mm512_set1_ps(_mm512_reduce_max_ps(top) * (scale * VM_LOG2E));
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16) {
        __m512 e = vm_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(s + i), factor, high), 6);
        e = _mm512_maskz_mov_ps(vm_tail(n - i), e);
        sum = _mm512_add_ps(sum, e);
        _mm512_storeu_ps(s + i, e);
    }
    return 1.0f / _mm512_reduce_add_ps(sum);
}

/* ---- attention over a whole utterance --------------------------------------------------------------------------- */

#define QB KERN_ATTENTION_QUERY_BLOCK

/* scores [QB, t_pad] = q [QB, head_dim] keys; keys lie as [t_pad / 16][head_dim][16]. */
static void score_block(const float *q, int head_dim, const float *keys, int t_pad, float *scores) {
    for (int j = 0; j < t_pad; j += 32) {
        int wide = j + 16 < t_pad;
        const float *k0 = keys + (size_t)j * (size_t)head_dim, *k1 = wide ? k0 + (size_t)head_dim * 16 : k0;
        __m512 a0[QB], a1[QB];
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) a0[r] = a1[r] = _mm512_setzero_ps();
        for (int d = 0; d < head_dim; d++) {
            __m512 w0 = _mm512_loadu_ps(k0 + (size_t)d * 16), w1 = _mm512_loadu_ps(k1 + (size_t)d * 16);
#pragma GCC unroll 8
            for (int r = 0; r < QB; r++) {
                __m512 x = _mm512_set1_ps(q[(size_t)r * (size_t)head_dim + (size_t)d]);
                a0[r] = _mm512_fmadd_ps(x, w0, a0[r]);
                a1[r] = _mm512_fmadd_ps(x, w1, a1[r]);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) {
            _mm512_storeu_ps(scores + (size_t)r * (size_t)t_pad + j, a0[r]);
            if (wide) _mm512_storeu_ps(scores + (size_t)r * (size_t)t_pad + j + 16, a1[r]);
        }
    }
}

/* out rows [rows, head_dim] = (probs [QB, t] values [t, d_pad]) * inv[row], for NV vectors from column d. */
VM_INLINE void value_tile(const int nv, const float *probs, int t, int t_pad, const float *values, int d_pad,
                          const float *inv, int rows, int columns, float *out, int ldo) {
    __m512 acc[QB][3];
#pragma GCC unroll 8
    for (int r = 0; r < QB; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_setzero_ps();
    }
    for (int j = 0; j < t; j++) {
        __m512 w[3];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) w[v] = _mm512_loadu_ps(values + (size_t)j * (size_t)d_pad + v * 16);
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) {
            __m512 x = _mm512_set1_ps(probs[(size_t)r * (size_t)t_pad + (size_t)j]);
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) acc[r][v] = _mm512_fmadd_ps(x, w[v], acc[r][v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < QB; r++) {
        if (r >= rows) continue;
        __m512 f = _mm512_set1_ps(inv[r]);
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++)
            _mm512_mask_storeu_ps(out + (size_t)r * (size_t)ldo + v * 16, vm_tail(columns - v * 16),
                                  _mm512_mul_ps(acc[r][v], f));
    }
}

static void value_block(const float *probs, int t, int t_pad, const float *values, int d_pad, const float *inv,
                        int rows, int head_dim, float *out, int ldo) {
    for (int d = 0; d < d_pad; d += 48) {
        int left = d_pad - d;
        if (left >= 48)
            value_tile(3, probs, t, t_pad, values + d, d_pad, inv, rows, head_dim - d, out + d, ldo);
        else if (left == 32)
            value_tile(2, probs, t, t_pad, values + d, d_pad, inv, rows, head_dim - d, out + d, ldo);
        else
            value_tile(1, probs, t, t_pad, values + d, d_pad, inv, rows, head_dim - d, out + d, ldo);
    }
}

typedef struct head_copy {
    float *keys;   /* [t_pad / 16][head_dim][16], zero padded */
    float *values; /* [t, d_pad], zero padded */
    float *query;  /* [QB, head_dim] */
    float *scores; /* [QB, t_pad] */
} head_copy;

static void copy_head(const head_copy *c, const float *k, const float *v, int ld, int t, int t_pad, int head_dim,
                      int d_pad) {
    for (int j = 0; j < t_pad; j++) {
        float *column = c->keys + (size_t)(j / 16) * (size_t)head_dim * 16 + (size_t)(j % 16);
        for (int d = 0; d < head_dim; d++)
            column[(size_t)d * 16] = j < t ? k[(size_t)j * (size_t)ld + (size_t)d] : 0.0f;
    }
    for (int j = 0; j < t; j++) {
        for (int d = 0; d < d_pad; d += 16)
            _mm512_storeu_ps(c->values + (size_t)j * (size_t)d_pad + d,
                             _mm512_maskz_loadu_ps(vm_tail(head_dim - d), v + (size_t)j * (size_t)ld + d));
    }
}

void avx512_attention(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                      int head_dim, float scale, void *scratch, float *out, int ldo) {
    int t_pad = kern_round_up(t, 16), d_pad = kern_round_up(head_dim, 16);
    head_copy c;
    c.keys = scratch;
    c.values = c.keys + (size_t)t_pad * (size_t)d_pad;
    c.query = c.values + (size_t)t_pad * (size_t)d_pad;
    c.scores = c.query + (size_t)QB * (size_t)d_pad;
    for (int h = 0; h < heads; h++) {
        size_t at = (size_t)h * (size_t)head_dim;
        copy_head(&c, k + at, v + at, ld, t, t_pad, head_dim, d_pad);
        for (int i = 0; i < tq; i += QB) {
            int rows = tq - i < QB ? tq - i : QB;
            float inv[QB];
            for (int r = 0; r < QB; r++) { /* a short last block repeats its first row: same work, no branches inside */
                const float *row = q + (size_t)(i + (r < rows ? r : 0)) * (size_t)ldq + at;
                memcpy(c.query + (size_t)r * (size_t)head_dim, row, (size_t)head_dim * sizeof(float));
            }
            score_block(c.query, head_dim, c.keys, t_pad, c.scores);
            for (int r = 0; r < QB; r++) inv[r] = softmax_unscaled(c.scores + (size_t)r * (size_t)t_pad, t, scale);
            value_block(c.scores, t, t_pad, c.values, d_pad, inv, rows, head_dim, out + (size_t)i * (size_t)ldo + at,
                        ldo);
        }
    }
}

/* ---- the same with bf16 products ------------------------------------------------------------------------------- */

/* Queries, keys, probabilities and values are rounded to bf16, products and sums stay fp32. */
typedef struct head_bf16 {
    uint16_t *keys;   /* [t_pad / 48 panels][head_dim / 2][48][2], zero padded */
    uint16_t *values; /* [t_pad / 2][d_pad][2], zero padded */
    uint16_t *query;  /* [QB, head_dim] */
    float *scores;    /* [QB, t_pad] */
    uint16_t *probs;  /* [QB, t_pad] */
} head_bf16;

#define KEY_PANEL 48

VM_INLINE __m512bh pair(const uint16_t *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return (__m512bh)_mm512_set1_epi32(v);
}

/* Sixteen floats to bf16, nearest even; ordinary numbers only, which activations are. */
VM_INLINE __m256i narrow(__m512 x) {
    return (__m256i)_mm512_cvtneps_pbh(x);
}

static void copy_head_bf16(const head_bf16 *c, const float *k, const float *v, int ld, int t, int t_pad, int head_dim,
                           int d_pad) {
    int pairs = head_dim / 2;
    memset(c->keys, 0, (size_t)t_pad * (size_t)head_dim * sizeof *c->keys);
    for (int j = 0; j < t; j++) {
        uint16_t row[16];
        uint32_t *column =
            (uint32_t *)(void *)c->keys + (size_t)(j / KEY_PANEL) * (size_t)pairs * KEY_PANEL + (size_t)(j % KEY_PANEL);
        for (int d = 0; d < head_dim; d += 16) {
            __m512 x = _mm512_maskz_loadu_ps(vm_tail(head_dim - d), k + (size_t)j * (size_t)ld + d);
            _mm256_storeu_si256((__m256i *)(void *)row, narrow(x));
            int n = head_dim - d < 16 ? (head_dim - d) / 2 : 8;
            for (int i = 0; i < n; i++) memcpy(&column[(size_t)(d / 2 + i) * KEY_PANEL], row + 2 * i, 4);
        }
    }
    for (int j = 0; j < t_pad; j += 2) { /* two rows side by side: low halves from the even one */
        for (int d = 0; d < d_pad; d += 16) {
            __mmask16 mask = vm_tail(head_dim - d);
            __m512 a = _mm512_maskz_loadu_ps(j < t ? mask : (__mmask16)0, v + (size_t)j * (size_t)ld + d);
            __m512 b = _mm512_maskz_loadu_ps(j + 1 < t ? mask : (__mmask16)0, v + (size_t)(j + 1) * (size_t)ld + d);
            __m512i lo = _mm512_cvtepu16_epi32(narrow(a)), hi = _mm512_cvtepu16_epi32(narrow(b));
            _mm512_storeu_si512(c->values + ((size_t)(j / 2) * (size_t)d_pad + (size_t)d) * 2,
                                _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
        }
    }
}

static void score_block_bf16(const head_bf16 *c, int head_dim, int t_pad) {
    int pairs = head_dim / 2;
    for (int j = 0; j < t_pad; j += KEY_PANEL) {
        const uint16_t *keys = c->keys + (size_t)j * (size_t)head_dim;
        __m512 acc[QB][3];
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) acc[r][0] = acc[r][1] = acc[r][2] = _mm512_setzero_ps();
        for (int d = 0; d < pairs; d++, keys += KEY_PANEL * 2) {
            __m512bh w0 = (__m512bh)_mm512_loadu_si512(keys), w1 = (__m512bh)_mm512_loadu_si512(keys + 32),
                     w2 = (__m512bh)_mm512_loadu_si512(keys + 64);
#pragma GCC unroll 8
            for (int r = 0; r < QB; r++) {
                __m512bh x = pair(c->query + (size_t)r * (size_t)head_dim + 2 * (size_t)d);
                acc[r][0] = _mm512_dpbf16_ps(acc[r][0], x, w0);
                acc[r][1] = _mm512_dpbf16_ps(acc[r][1], x, w1);
                acc[r][2] = _mm512_dpbf16_ps(acc[r][2], x, w2);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) {
            float *to = c->scores + (size_t)r * (size_t)t_pad + j;
            _mm512_storeu_ps(to, acc[r][0]);
            _mm512_storeu_ps(to + 16, acc[r][1]);
            _mm512_storeu_ps(to + 32, acc[r][2]);
        }
    }
}

/* Softmax of one row of scores into bf16 probabilities, unscaled; returns 1 / sum. */
static float softmax_bf16(const float *s, int n, int t_pad, float scale, uint16_t *p) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16) top = _mm512_mask_max_ps(top, vm_tail(n - i), top, _mm512_loadu_ps(s + i));
    __m512 factor = _mm512_set1_ps(scale * VM_LOG2E);
    __m512 high = _mm512_set1_ps(_mm512_reduce_max_ps(top) * (scale * VM_LOG2E));
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < t_pad; i += 16) {
        __m512 e =
            _mm512_maskz_mov_ps(vm_tail(n - i), vm_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(s + i), factor, high), 4));
        sum = _mm512_add_ps(sum, e);
        _mm256_storeu_si256((__m256i *)(void *)(p + i), narrow(e));
    }
    return 1.0f / _mm512_reduce_add_ps(sum);
}

VM_INLINE void value_tile_bf16(const int nv, const head_bf16 *c, int t, int t_pad, int d_pad, int from,
                               const float *inv, int rows, int head_dim, float *out, int ldo) {
    __m512 acc[QB][3];
#pragma GCC unroll 8
    for (int r = 0; r < QB; r++) {
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) acc[r][v] = _mm512_setzero_ps();
    }
    const uint16_t *values = c->values + (size_t)from * 2;
    for (int j = 0; j < t; j += 2, values += (size_t)d_pad * 2) {
        __m512bh w[3];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) w[v] = (__m512bh)_mm512_loadu_si512(values + v * 32);
#pragma GCC unroll 8
        for (int r = 0; r < QB; r++) {
            __m512bh x = pair(c->probs + (size_t)r * (size_t)t_pad + (size_t)j);
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < QB; r++) {
        if (r >= rows) continue;
        __m512 f = _mm512_set1_ps(inv[r]);
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++)
            _mm512_mask_storeu_ps(out + (size_t)r * (size_t)ldo + from + v * 16, vm_tail(head_dim - from - v * 16),
                                  _mm512_mul_ps(acc[r][v], f));
    }
}

static void value_block_bf16(const head_bf16 *c, int t, int t_pad, int d_pad, const float *inv, int rows, int head_dim,
                             float *out, int ldo) {
    for (int d = 0; d < d_pad; d += 48) {
        int left = d_pad - d;
        if (left >= 48)
            value_tile_bf16(3, c, t, t_pad, d_pad, d, inv, rows, head_dim, out, ldo);
        else if (left == 32)
            value_tile_bf16(2, c, t, t_pad, d_pad, d, inv, rows, head_dim, out, ldo);
        else
            value_tile_bf16(1, c, t, t_pad, d_pad, d, inv, rows, head_dim, out, ldo);
    }
}

static void attend_rows_bf16(const head_bf16 *c, const float *q, int ldq, int tq, int t, int t_pad, int head_dim,
                             int d_pad, float scale, float *out, int ldo) {
    for (int i = 0; i < tq; i += QB) {
        int rows = tq - i < QB ? tq - i : QB;
        float inv[QB];
        for (int r = 0; r < QB; r++) { /* a short last block repeats its first row: same work, no branches inside */
            const float *row = q + (size_t)(i + (r < rows ? r : 0)) * (size_t)ldq;
            for (int d = 0; d < head_dim; d += 16) {
                __mmask16 mask = vm_tail(head_dim - d);
                _mm256_mask_storeu_epi16(c->query + (size_t)r * (size_t)head_dim + d, mask,
                                         narrow(_mm512_maskz_loadu_ps(mask, row + d)));
            }
        }
        score_block_bf16(c, head_dim, t_pad);
        for (int r = 0; r < QB; r++)
            inv[r] = softmax_bf16(c->scores + (size_t)r * (size_t)t_pad, t, t_pad, scale,
                                  c->probs + (size_t)r * (size_t)t_pad);
        value_block_bf16(c, t, t_pad, d_pad, inv, rows, head_dim, out + (size_t)i * (size_t)ldo, ldo);
    }
}

void avx512_attention_bf16(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                           int head_dim, float scale, void *scratch, float *out, int ldo) {
    int t_pad = kern_round_up(t, KEY_PANEL), d_pad = kern_round_up(head_dim, 16);
    head_bf16 c;
    c.scores = scratch;
    c.keys = (uint16_t *)(void *)(c.scores + (size_t)QB * (size_t)t_pad);
    c.values = c.keys + (size_t)t_pad * (size_t)head_dim;
    c.query = c.values + (size_t)t_pad * (size_t)d_pad;
    c.probs = c.query + (size_t)QB * (size_t)d_pad;
    for (int h = 0; h < heads; h++) {
        size_t at = (size_t)h * (size_t)head_dim;
        copy_head_bf16(&c, k + at, v + at, ld, t, t_pad, head_dim, d_pad);
        attend_rows_bf16(&c, q + at, ldq, tq, t, t_pad, head_dim, d_pad, scale, out + at, ldo);
    }
}

/* ---- attention over pages --------------------------------------------------------------------------------------- */

VM_INLINE __m512 load_halfs(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* Scores of one page for heads [h, h + n): scores[h][16] = q[h] . keys, n chains side by side to hide latency. */
VM_INLINE void page_scores(const int n, const float *q, const uint16_t *keys, int head_dim, float *scores, size_t ld) {
    __m512 acc[4];
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) acc[i] = _mm512_setzero_ps();
    for (int d = 0; d < head_dim; d++) {
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) {
            __m512 x = _mm512_set1_ps(q[i * head_dim + d]);
            acc[i] = _mm512_fmadd_ps(x, load_halfs(keys + ((size_t)i * (size_t)head_dim + (size_t)d) * 16), acc[i]);
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) _mm512_storeu_ps(scores + (size_t)i * ld, acc[i]);
}

/* out [head_dim] += probs [n] * values [n, head_dim] of one page and head, NV vectors wide; two chains. */
VM_INLINE void page_values(const int nv, const float *probs, const uint16_t *values, int n, int head_dim, int from,
                           float *out) {
    __m512 even[4], odd[4];
    __mmask16 mask[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        mask[v] = vm_tail(head_dim - from - v * 16);
        even[v] = _mm512_maskz_loadu_ps(mask[v], out + from + v * 16);
        odd[v] = _mm512_setzero_ps();
    }
    for (int j = 0; j < n; j += 2) { /* slots from n on hold whatever a page held before, even NaN: never read */
        const uint16_t *row = values + (size_t)j * (size_t)head_dim + (size_t)from;
        __m512 p0 = _mm512_set1_ps(probs[j]), p1 = _mm512_set1_ps(probs[j + 1]);
        bool both = j + 1 < n;
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            __mmask16 second = both ? mask[v] : (__mmask16)0;
            even[v] = _mm512_fmadd_ps(p0, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask[v], row + v * 16)), even[v]);
            odd[v] =
                _mm512_fmadd_ps(p1, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(second, row + head_dim + v * 16)), odd[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) _mm512_mask_storeu_ps(out + from + v * 16, mask[v], _mm512_add_ps(even[v], odd[v]));
}

void avx512_add_alignment(const float *probs, int positions, float weight, float *align) {
    __m512 w = _mm512_set1_ps(weight);
    for (int j = 0; j < positions; j += 16) {
        __mmask16 mask = vm_tail(positions - j);
        __m512 sum = _mm512_fmadd_ps(_mm512_loadu_ps(probs + j), w, _mm512_maskz_loadu_ps(mask, align + j));
        _mm512_mask_storeu_ps(align + j, mask, sum);
    }
}

static void all_page_scores(const float *q, const uint16_t *page, int heads, int head_dim, float *scores, size_t ld) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    int h = 0;
    for (; h + 4 <= heads; h += 4)
        page_scores(4, q + h * head_dim, page + (size_t)h * head_halfs, head_dim, scores + (size_t)h * ld, ld);
    for (; h < heads; h++)
        page_scores(1, q + h * head_dim, page + (size_t)h * head_halfs, head_dim, scores + (size_t)h * ld, ld);
}

static void all_page_values(const float *probs, size_t ld, const uint16_t *values, int n, int heads, int head_dim,
                            float *out) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        const uint16_t *v = values + (size_t)h * head_halfs;
        float *o = out + (size_t)h * (size_t)head_dim;
        if (head_dim <= 48) {
            page_values(3, probs + (size_t)h * ld, v, n, head_dim, 0, o);
            continue;
        }
        for (int d = 0; d < head_dim; d += 64) page_values(4, probs + (size_t)h * ld, v, n, head_dim, d, o);
    }
}

/* Pages are the outer loop, twice (keys, then values): each half page is one run of memory that the hardware can foresee.
 * Caches of many sequences are larger than the last cache, so this is what decides the speed. */
void avx512_attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                            float scale, float *probs, const float *head_weight, float *align, float *out) {
    size_t half_page = (size_t)heads * (size_t)head_dim * KERN_PAGE_POSITIONS;
    int n_pages = (positions + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS;
    size_t ld = (size_t)n_pages * KERN_PAGE_POSITIONS;
    for (int p = 0; p < n_pages; p++)
        all_page_scores(q, pages[p], heads, head_dim, probs + (size_t)p * KERN_PAGE_POSITIONS, ld);
    for (int h = 0; h < heads; h++) {
        float *row = probs + (size_t)h * ld;
        __m512 inv = _mm512_set1_ps(softmax_unscaled(row, positions, scale));
        for (size_t j = 0; j < ld; j += 16) _mm512_storeu_ps(row + j, _mm512_mul_ps(_mm512_loadu_ps(row + j), inv));
        if (head_weight && head_weight[h] != 0.0f) avx512_add_alignment(row, positions, head_weight[h], align);
    }
    memset(out, 0, (size_t)heads * (size_t)head_dim * sizeof *out);
    for (int p = 0; p < n_pages; p++) {
        int n = positions - p * KERN_PAGE_POSITIONS;
        all_page_values(probs + (size_t)p * KERN_PAGE_POSITIONS, ld, pages[p] + half_page,
                        n < KERN_PAGE_POSITIONS ? n : KERN_PAGE_POSITIONS, heads, head_dim, out);
    }
}

void avx512_page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        uint16_t *keys = page + (size_t)h * head_halfs + (size_t)slot;
        uint16_t *values = page + (size_t)(heads + h) * head_halfs + (size_t)slot * (size_t)head_dim;
        for (int d = 0; d < head_dim; d += 16) {
            __mmask16 mask = vm_tail(head_dim - d);
            __m512 kv = _mm512_maskz_loadu_ps(mask, k + h * head_dim + d);
            __m512 vv = _mm512_maskz_loadu_ps(mask, v + h * head_dim + d);
            uint16_t tmp[16];
            _mm256_storeu_si256((__m256i *)(void *)tmp, _mm512_cvtps_ph(kv, _MM_FROUND_TO_NEAREST_INT));
            int n = head_dim - d < 16 ? head_dim - d : 16;
            for (int i = 0; i < n; i++) keys[(size_t)(d + i) * KERN_PAGE_POSITIONS] = tmp[i];
            _mm256_mask_storeu_epi16(values + d, mask, _mm512_cvtps_ph(vv, _MM_FROUND_TO_NEAREST_INT));
        }
    }
}
