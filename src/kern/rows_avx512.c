/* rows_avx512.c: the row-wise and attention kernels for AVX-512, and this body's table. See kern.h for what each means.
 */
#include "kern/kern_int.h"
#include "kern/gemm_avx512.h"
#include "kern/vmath_avx512.h"

#include <math.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void quantize_row(const float *x, int k, const kern_qrows *out, int row) {
    __m512 lo = _mm512_setzero_ps(),
           hi = _mm512_setzero_ps(); /* the range always holds zero, so masked lanes are free */
    for (int i = 0; i < k; i += 16) {
        __m512 v = _mm512_maskz_loadu_ps(vm_tail(k - i), x + i);
        lo = _mm512_min_ps(lo, v);
        hi = _mm512_max_ps(hi, v);
    }
    float low = _mm512_reduce_min_ps(lo);
    float scale = (_mm512_reduce_max_ps(hi) - low) / 255.0f;
    float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    int zp = (int)lrintf(-low * inverse);
    if (zp > 255) zp = 255;
    uint8_t *q = out->q + (size_t)row * (size_t)out->stride;
    __m512 inv = _mm512_set1_ps(inverse);
    __m512i zero_point = _mm512_set1_epi32(zp), sum = _mm512_setzero_si512();
    for (int i = 0; i < k; i += 16) {
        __mmask16 mask = vm_tail(k - i);
        __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), inv));
        v = _mm512_max_epi32(_mm512_add_epi32(v, zero_point), _mm512_setzero_si512());
        v = _mm512_maskz_min_epi32(mask, v, _mm512_set1_epi32(255));
        sum = _mm512_add_epi32(sum, v);
        _mm512_mask_cvtepi32_storeu_epi8(q + i, mask, v);
    }
    if (out->stride > k) memset(q + k, 0, (size_t)(out->stride - k));
    out->scale[row] = scale;
    out->zp[row] = zp;
    out->sum[row] = _mm512_reduce_add_epi32(sum);
}

static void quantize_rows(const float *x, int ldx, int m, int k, const kern_qrows *out) {
    for (int r = 0; r < m; r++) quantize_row(x + (size_t)r * (size_t)ldx, k, out, r);
}

static void layernorm_row(const float *x, int k, const float *gamma, float *y) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < k; i += 16) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(vm_tail(k - i), x + i));
    __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / (float)k);
    __m512 var = _mm512_setzero_ps();
    for (int i = 0; i < k; i += 16) {
        __mmask16 mask = vm_tail(k - i);
        __m512 d = _mm512_maskz_sub_ps(mask, _mm512_maskz_loadu_ps(mask, x + i), mean);
        var = _mm512_fmadd_ps(d, d, var);
    }
    __m512 rstd = _mm512_set1_ps(1.0f / sqrtf(_mm512_reduce_add_ps(var) / (float)k + KERN_NORM_EPS));
    for (int i = 0; i < k; i += 16) {
        __mmask16 mask = vm_tail(k - i);
        __m512 d = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + i), mean);
        d = _mm512_mul_ps(_mm512_mul_ps(d, rstd), _mm512_maskz_loadu_ps(mask, gamma + i));
        _mm512_mask_storeu_ps(y + i, mask, d);
    }
}

static void layernorm_rows(const float *x, int ldx, int m, int k, const float *gamma, float *y, int ldy) {
    for (int r = 0; r < m; r++) layernorm_row(x + (size_t)r * (size_t)ldx, k, gamma, y + (size_t)r * (size_t)ldy);
}

static void layernorm_quantize_rows(const float *x, int ldx, int m, int k, const float *gamma, float *tmp,
                                    const kern_qrows *out) {
    for (int r = 0; r < m; r++) {
        layernorm_row(x + (size_t)r * (size_t)ldx, k, gamma, tmp);
        quantize_row(tmp, k, out, r);
    }
}

static void swiglu_row(const float *x, int h, float *y) {
    for (int i = 0; i < h; i += 16) {
        __mmask16 mask = vm_tail(h - i);
        __m512 up = _mm512_maskz_loadu_ps(mask, x + i), gate = _mm512_maskz_loadu_ps(mask, x + h + i);
        _mm512_mask_storeu_ps(y + i, mask, _mm512_mul_ps(up, _mm512_mul_ps(gate, vm_sigmoid(gate))));
    }
}

static void swiglu_rows(const float *x, int ldx, int m, int h, float *y, int ldy) {
    for (int r = 0; r < m; r++) swiglu_row(x + (size_t)r * (size_t)ldx, h, y + (size_t)r * (size_t)ldy);
}

static void swiglu_quantize_rows(const float *x, int ldx, int m, int h, float *tmp, const kern_qrows *out) {
    for (int r = 0; r < m; r++) {
        swiglu_row(x + (size_t)r * (size_t)ldx, h, tmp);
        quantize_row(tmp, h, out, r);
    }
}

static void to_bf16(const float *x, int n, uint16_t *y) {
    /* Integer rounding, as in the reference: vcvtneps2bf16 would flush subnormals. */
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = vm_tail(n - i);
        __m512i bits = _mm512_castps_si512(_mm512_maskz_loadu_ps(mask, x + i));
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
        bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        _mm512_mask_cvtepi32_storeu_epi16(y + i, mask, _mm512_srli_epi32(bits, 16));
    }
}

static void rope_row(float *x, int heads, int head_dim, int pairs, const float *cos_t, const float *sin_t) {
    const __m512i twice_lo = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    for (int i = 0; i < pairs; i += 8) {
        __mmask16 mask = vm_tail(2 * (pairs - i)), half = vm_tail(pairs - i > 8 ? 8 : pairs - i);
        __m512 c = _mm512_permutexvar_ps(twice_lo, _mm512_maskz_loadu_ps(half, cos_t + i));
        __m512 s = _mm512_permutexvar_ps(twice_lo, _mm512_maskz_loadu_ps(half, sin_t + i));
        for (int h = 0; h < heads; h++) {
            float *at = x + (size_t)h * (size_t)head_dim + 2 * (size_t)i;
            __m512 v = _mm512_maskz_loadu_ps(mask, at);
            __m512 swapped = _mm512_permute_ps(v, 0xb1);
            _mm512_mask_storeu_ps(at, mask, _mm512_fmaddsub_ps(v, c, _mm512_mul_ps(swapped, s)));
        }
    }
}

/* ---- softmax ---------------------------------------------------------------------------------------------------- */

/* exp(s - max) in place over n scores, zeros up to a whole vector; returns 1 / sum. */
static float softmax_unscaled(float *s, int n, float scale) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16) top = _mm512_mask_max_ps(top, vm_tail(n - i), top, _mm512_loadu_ps(s + i));
    __m512 factor = _mm512_set1_ps(scale);
    __m512 high = _mm512_set1_ps(_mm512_reduce_max_ps(top) * scale);
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16) {
        __m512 e = vm_exp(_mm512_fmsub_ps(_mm512_loadu_ps(s + i), factor, high));
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

static void attention(const float *q, const float *k, const float *v, int ld, int t, int heads, int head_dim,
                      float scale, void *scratch, float *out, int ldo) {
    int t_pad = kern_round_up(t, 16), d_pad = kern_round_up(head_dim, 16);
    head_copy c;
    c.keys = scratch;
    c.values = c.keys + (size_t)t_pad * (size_t)d_pad;
    c.query = c.values + (size_t)t_pad * (size_t)d_pad;
    c.scores = c.query + (size_t)QB * (size_t)d_pad;
    for (int h = 0; h < heads; h++) {
        size_t at = (size_t)h * (size_t)head_dim;
        copy_head(&c, k + at, v + at, ld, t, t_pad, head_dim, d_pad);
        for (int i = 0; i < t; i += QB) {
            int rows = t - i < QB ? t - i : QB;
            float inv[QB];
            for (int r = 0; r < QB; r++) { /* a short last block repeats its first row: same work, no branches inside */
                const float *row = q + (size_t)(i + (r < rows ? r : 0)) * (size_t)ld + at;
                memcpy(c.query + (size_t)r * (size_t)head_dim, row, (size_t)head_dim * sizeof(float));
            }
            score_block(c.query, head_dim, c.keys, t_pad, c.scores);
            for (int r = 0; r < QB; r++) inv[r] = softmax_unscaled(c.scores + (size_t)r * (size_t)t_pad, t, scale);
            value_block(c.scores, t, t_pad, c.values, d_pad, inv, rows, head_dim, out + (size_t)i * (size_t)ldo + at,
                        ldo);
        }
    }
}

/* ---- attention over pages --------------------------------------------------------------------------------------- */

VM_INLINE __m512 load_halfs(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* probs [pages * 16] = q . keys of n whole pages, four pages at a time to hide the latency of the products. */
static void paged_scores(const float *q, const uint16_t *const *pages, int n_pages, size_t offset, int head_dim,
                         float *probs) {
    int p = 0;
    for (; p + 4 <= n_pages; p += 4) {
        const uint16_t *k0 = pages[p] + offset, *k1 = pages[p + 1] + offset, *k2 = pages[p + 2] + offset,
                       *k3 = pages[p + 3] + offset;
        __m512 a0 = _mm512_setzero_ps(), a1 = a0, a2 = a0, a3 = a0;
        for (int d = 0; d < head_dim; d++) {
            __m512 x = _mm512_set1_ps(q[d]);
            a0 = _mm512_fmadd_ps(x, load_halfs(k0 + d * 16), a0);
            a1 = _mm512_fmadd_ps(x, load_halfs(k1 + d * 16), a1);
            a2 = _mm512_fmadd_ps(x, load_halfs(k2 + d * 16), a2);
            a3 = _mm512_fmadd_ps(x, load_halfs(k3 + d * 16), a3);
        }
        _mm512_storeu_ps(probs + p * 16, a0);
        _mm512_storeu_ps(probs + p * 16 + 16, a1);
        _mm512_storeu_ps(probs + p * 16 + 32, a2);
        _mm512_storeu_ps(probs + p * 16 + 48, a3);
    }
    for (; p < n_pages; p++) {
        const uint16_t *k0 = pages[p] + offset;
        __m512 a0 = _mm512_setzero_ps();
        for (int d = 0; d < head_dim; d++) a0 = _mm512_fmadd_ps(_mm512_set1_ps(q[d]), load_halfs(k0 + d * 16), a0);
        _mm512_storeu_ps(probs + p * 16, a0);
    }
}

/* out [head_dim] = inv * sum over positions of probs * values, NV vectors wide; two positions at a time. */
VM_INLINE void paged_values(const int nv, const float *probs, const uint16_t *const *pages, int positions,
                            size_t offset, int head_dim, int from, float inv, float *out) {
    __m512 even[4], odd[4];
    __mmask16 mask[4];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        even[v] = odd[v] = _mm512_setzero_ps();
        mask[v] = vm_tail(head_dim - from - v * 16);
    }
    for (int j = 0; j < positions; j += 2) {
        const uint16_t *row = pages[j / 16] + offset + (size_t)(j % 16) * (size_t)head_dim + (size_t)from;
        __m512 p0 = _mm512_set1_ps(probs[j]), p1 = _mm512_set1_ps(probs[j + 1]); /* probs is zero padded to 16 */
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            even[v] = _mm512_fmadd_ps(p0, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask[v], row + v * 16)), even[v]);
            odd[v] = _mm512_fmadd_ps(p1, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask[v], row + head_dim + v * 16)),
                                     odd[v]);
        }
    }
    __m512 f = _mm512_set1_ps(inv);
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
        _mm512_mask_storeu_ps(out + from + v * 16, mask[v], _mm512_mul_ps(_mm512_add_ps(even[v], odd[v]), f));
}

static void add_alignment(const float *probs, int positions, float weight, float *align) {
    __m512 w = _mm512_set1_ps(weight);
    for (int j = 0; j < positions; j += 16) {
        __mmask16 mask = vm_tail(positions - j);
        __m512 sum = _mm512_fmadd_ps(_mm512_loadu_ps(probs + j), w, _mm512_maskz_loadu_ps(mask, align + j));
        _mm512_mask_storeu_ps(align + j, mask, sum);
    }
}

static void attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                            float scale, float *probs, const float *head_weight, float *align, float *out) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    int n_pages = (positions + 15) / 16;
    for (int h = 0; h < heads; h++) {
        const float *qh = q + (size_t)h * (size_t)head_dim;
        float *oh = out + (size_t)h * (size_t)head_dim;
        paged_scores(qh, pages, n_pages, (size_t)h * head_halfs, head_dim, probs);
        float inv = softmax_unscaled(probs, positions, scale);
        size_t values = (size_t)(heads + h) * head_halfs;
        if (head_dim <= 48) {
            paged_values(3, probs, pages, positions, values, head_dim, 0, inv, oh);
        } else {
            for (int d = 0; d < head_dim; d += 64)
                paged_values(4, probs, pages, positions, values, head_dim, d, inv, oh);
        }
        if (head_weight && head_weight[h] != 0.0f) add_alignment(probs, positions, head_weight[h] * inv, align);
    }
}

static void page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v) {
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

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static void groupnorm(const float *x, int m, int c, const float *gamma, const float *beta, float *y) {
    double sum = 0.0, squares = 0.0; /* a row at a time in fp32, rows together in double: the sum may be very long */
    for (int r = 0; r < m; r++) {
        __m512 s = _mm512_setzero_ps();
        for (int i = 0; i < c; i += 16)
            s = _mm512_add_ps(s, _mm512_maskz_loadu_ps(vm_tail(c - i), x + (size_t)r * (size_t)c + i));
        sum += (double)_mm512_reduce_add_ps(s);
    }
    double n = (double)m * (double)c;
    __m512 mean = _mm512_set1_ps((float)(sum / n));
    for (int r = 0; r < m; r++) {
        __m512 s = _mm512_setzero_ps();
        for (int i = 0; i < c; i += 16) {
            __mmask16 mask = vm_tail(c - i);
            __m512 d = _mm512_maskz_sub_ps(mask, _mm512_maskz_loadu_ps(mask, x + (size_t)r * (size_t)c + i), mean);
            s = _mm512_fmadd_ps(d, d, s);
        }
        squares += (double)_mm512_reduce_add_ps(s);
    }
    __m512 rstd = _mm512_set1_ps(1.0f / sqrtf((float)(squares / n) + KERN_NORM_EPS));
    for (int r = 0; r < m; r++) {
        for (int i = 0; i < c; i += 16) {
            __mmask16 mask = vm_tail(c - i);
            size_t at = (size_t)r * (size_t)c + (size_t)i;
            __m512 d = _mm512_mul_ps(_mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x + at), mean), rstd);
            d = _mm512_fmadd_ps(d, _mm512_maskz_loadu_ps(mask, gamma + i), _mm512_maskz_loadu_ps(mask, beta + i));
            _mm512_mask_storeu_ps(y + at, mask, d);
        }
    }
}

static void lstm_cell(const float *gates, int b, int h, float *c, float *hid) {
    for (int r = 0; r < b; r++) {
        const float *g = gates + (size_t)r * 4 * (size_t)h;
        for (int i = 0; i < h; i += 16) {
            __mmask16 mask = vm_tail(h - i);
            size_t at = (size_t)r * (size_t)h + (size_t)i;
            __m512 in = vm_sigmoid(_mm512_maskz_loadu_ps(mask, g + i));
            __m512 forget = vm_sigmoid(_mm512_maskz_loadu_ps(mask, g + h + i));
            __m512 cell = vm_tanh(_mm512_maskz_loadu_ps(mask, g + 2 * h + i));
            __m512 gate = vm_sigmoid(_mm512_maskz_loadu_ps(mask, g + 3 * h + i));
            __m512 next = _mm512_fmadd_ps(forget, _mm512_maskz_loadu_ps(mask, c + at), _mm512_mul_ps(in, cell));
            _mm512_mask_storeu_ps(c + at, mask, next);
            _mm512_mask_storeu_ps(hid + at, mask, _mm512_mul_ps(gate, vm_tanh(next)));
        }
    }
}

static int argmax_logsumexp(const float *x, int n, float *lse) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16)
        top = _mm512_mask_max_ps(top, vm_tail(n - i), top, _mm512_maskz_loadu_ps(vm_tail(n - i), x + i));
    float high = _mm512_reduce_max_ps(top);
    __m512 shift = _mm512_set1_ps(high), sum = _mm512_setzero_ps();
    int best = -1;
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = vm_tail(n - i);
        __m512 v = _mm512_maskz_loadu_ps(mask, x + i);
        if (best < 0) {
            __mmask16 hit = _mm512_mask_cmpeq_ps_mask(mask, v, shift);
            if (hit) best = i + __builtin_ctz(hit);
        }
        sum = _mm512_add_ps(sum, _mm512_maskz_mov_ps(mask, vm_exp(_mm512_sub_ps(v, shift))));
    }
    *lse = high + logf(_mm512_reduce_add_ps(sum));
    return best < 0 ? 0 : best;
}

const kern_ops *kern_avx512_ops(void) {
    static const kern_ops ops = {
        .name = "avx512",
        .quantize_rows = quantize_rows,
        .layernorm_quantize_rows = layernorm_quantize_rows,
        .layernorm_rows = layernorm_rows,
        .swiglu_quantize_rows = swiglu_quantize_rows,
        .swiglu_rows = swiglu_rows,
        .gemm_q8 = avx512_gemm_q8,
        .gemm_f32 = avx512_gemm_f32,
        .gemm_bf16 = avx512_gemm_bf16,
        .to_bf16 = to_bf16,
        .attention = attention,
        .attention_paged = attention_paged,
        .page_store = page_store,
        .rope_row = rope_row,
        .groupnorm = groupnorm,
        .lstm_cell = lstm_cell,
        .argmax_logsumexp = argmax_logsumexp,
    };
    bool usable = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
    return usable ? &ops : NULL;
}
