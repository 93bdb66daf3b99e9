/* paged_q8_avx512.c: attention over KV pages of int8, for AVX-512 with VNNI.
 *
 * The caches of many sequences are larger than the last cache, so a decoder step waits for memory: int8 halves what it
 * reads, and four products come for one instruction. Layout in kern.h. Keys are held with an offset of 128 so that they
 * are the unsigned operand; slots beyond the last position hold what a page held before and never count.
 */
#include "kern/body_avx512.h"
#include "kern/kern_int.h"
#include "kern/vmath_avx512.h"

#include <math.h>
#include <string.h>

#define POS KERN_PAGE_POSITIONS

/* One head's parts of a page. */
typedef struct q8_head {
    uint8_t *keys;      /* [head_dim / 4][16][4], value + 128 */
    int8_t *values;     /* [16 / 4][head_dim][4] */
    float *key_scale;   /* [16] */
    float *value_scale; /* [16] */
} q8_head;

/* A page is [heads] of (key scales, keys) and then [heads] of (value scales, values), so that either half is one run. */
static q8_head head_of(const uint16_t *page, int heads, int head_dim, int h) {
    size_t part = POS * sizeof(float) + (size_t)head_dim * POS;
    uint8_t *k = (uint8_t *)(void *)(uintptr_t)page + (size_t)h * part, *v = k + (size_t)heads * part;
    q8_head out = {k + POS * sizeof(float), (int8_t *)(v + POS * sizeof(float)), (float *)(void *)k,
                   (float *)(void *)v};
    return out;
}

/* ---- storing -------------------------------------------------------------------------------------------------------- */

/* x [n] -> round(x / scale) in -127..127 as bytes, zero padded to 16; returns the scale, max |x| / 127. */
static float quantize_symmetric(const float *x, int n, int8_t *q) {
    __m512 top = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16)
        top = _mm512_max_ps(top, _mm512_abs_ps(_mm512_maskz_loadu_ps(vm_tail(n - i), x + i)));
    float scale = _mm512_reduce_max_ps(top) / 127.0f;
    __m512 inverse = _mm512_set1_ps(scale > 0.0f ? 1.0f / scale : 0.0f);
    for (int i = 0; i < n; i += 16) {
        __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(vm_tail(n - i), x + i), inverse));
        _mm_storeu_si128((__m128i *)(void *)(q + i), _mm512_cvtsepi32_epi8(v));
    }
    return scale;
}

void avx512_page_store_q8(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v) {
    int8_t q[KERN_MAX_HEAD_DIM + 16];
    for (int h = 0; h < heads; h++) {
        q8_head at = head_of(page, heads, head_dim, h);
        at.key_scale[slot] = quantize_symmetric(k + h * head_dim, head_dim, q);
        for (int d = 0; d < head_dim; d += 4) {
            uint32_t quad;
            memcpy(&quad, q + d, 4);
            quad ^= 0x80808080u; /* + 128 in each byte */
            memcpy(at.keys + ((size_t)d * POS + (size_t)slot * 4), &quad, 4);
        }
        at.value_scale[slot] = quantize_symmetric(v + h * head_dim, head_dim, q);
        int8_t *values = at.values + (size_t)(slot / 4) * (size_t)head_dim * 4 + (size_t)(slot % 4);
        for (int d = 0; d < head_dim; d++) values[(size_t)d * 4] = q[d];
    }
}

/* ---- attending ------------------------------------------------------------------------------------------------------ */

VM_INLINE __m512i quad_of(const void *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

typedef struct q8_query {
    int8_t q[KERN_MAX_HEAD_DIM + 16];
    float scale;    /* of q, times the attention's own */
    int32_t offset; /* -128 * sum of q: what the keys' offset adds */
} q8_query;

static void prepare_query(const float *q, int head_dim, float scale, q8_query *out) {
    out->scale = quantize_symmetric(q, head_dim, out->q) * scale;
    int32_t sum = 0;
    for (int d = 0; d < head_dim; d++) sum += out->q[d];
    out->offset = -128 * sum;
}

/* Scores of the 16 positions of one page and head. */
static void page_scores(const q8_query *q, const q8_head *at, int head_dim, float *scores) {
    __m512i even = _mm512_set1_epi32(q->offset), odd = _mm512_setzero_si512();
    int d = 0;
    for (; d + 8 <= head_dim; d += 8) {
        even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(at->keys + d * POS), quad_of(q->q + d));
        odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(at->keys + (d + 4) * POS), quad_of(q->q + d + 4));
    }
    if (d < head_dim) even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(at->keys + d * POS), quad_of(q->q + d));
    __m512 factor = _mm512_mul_ps(_mm512_loadu_ps(at->key_scale), _mm512_set1_ps(q->scale));
    _mm512_storeu_ps(scores, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)), factor));
}

/* Softmax over positions in place; zeros up to a whole page. */
static void softmax_row(float *s, int n) {
    __m512 top = _mm512_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 16) top = _mm512_mask_max_ps(top, vm_tail(n - i), top, _mm512_loadu_ps(s + i));
    __m512 high = _mm512_set1_ps(_mm512_reduce_max_ps(top) * VM_LOG2E), sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += 16) {
        __m512 e = vm_exp2(_mm512_fmsub_ps(_mm512_loadu_ps(s + i), _mm512_set1_ps(VM_LOG2E), high), 6);
        e = _mm512_maskz_mov_ps(vm_tail(n - i), e);
        sum = _mm512_add_ps(sum, e);
        _mm512_storeu_ps(s + i, e);
    }
    __m512 inverse = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
    for (int i = 0; i < n; i += 16) _mm512_storeu_ps(s + i, _mm512_mul_ps(_mm512_loadu_ps(s + i), inverse));
}

/* Probabilities times the values' scales, as bytes against their largest; returns that scale. */
static float weigh_positions(const float *probs, const uint16_t *const *pages, int positions, int heads, int head_dim,
                             int h, float *scaled, uint8_t *weight) {
    __m512 top = _mm512_setzero_ps();
    for (int j = 0; j < positions; j += POS) {
        __mmask16 mask = vm_tail(positions - j);
        q8_head at = head_of(pages[j / POS], heads, head_dim, h);
        __m512 w = _mm512_maskz_mul_ps(mask, _mm512_loadu_ps(probs + j), _mm512_loadu_ps(at.value_scale));
        top = _mm512_max_ps(top, w);
        _mm512_storeu_ps(scaled + j, w);
    }
    float scale = _mm512_reduce_max_ps(top) / 255.0f;
    __m512 inverse = _mm512_set1_ps(scale > 0.0f ? 1.0f / scale : 0.0f);
    for (int j = 0; j < positions; j += POS) {
        __m512i w = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(scaled + j), inverse));
        _mm_storeu_si128((__m128i *)(void *)(weight + j), _mm512_cvtusepi32_epi8(w));
    }
    return scale;
}

/* acc [head_dim] += weights of 16 positions times one page's values. */
static void page_values(const uint8_t *weight, const int8_t *values, int head_dim, int32_t *acc) {
    __m512i w0 = quad_of(weight), w1 = quad_of(weight + 4), w2 = quad_of(weight + 8), w3 = quad_of(weight + 12);
    size_t group = (size_t)head_dim * 4;
    for (int d = 0; d < head_dim; d += 16) {
        __mmask16 mask = vm_tail(head_dim - d);
        const int8_t *v = values + (size_t)d * 4;
        __m512i a = _mm512_maskz_loadu_epi32(mask, acc + d), b = _mm512_setzero_si512();
        a = _mm512_dpbusd_epi32(a, w0, _mm512_maskz_loadu_epi32(mask, v));
        b = _mm512_dpbusd_epi32(b, w1, _mm512_maskz_loadu_epi32(mask, v + group));
        a = _mm512_dpbusd_epi32(a, w2, _mm512_maskz_loadu_epi32(mask, v + 2 * group));
        b = _mm512_dpbusd_epi32(b, w3, _mm512_maskz_loadu_epi32(mask, v + 3 * group));
        _mm512_mask_storeu_epi32(acc + d, mask, _mm512_add_epi32(a, b));
    }
}

static void score_pages(const float *q, const uint16_t *const *pages, int n_pages, int heads, int head_dim, float scale,
                        float *scores, size_t ld) {
    q8_query query[KERN_MAX_HEADS];
    for (int h = 0; h < heads; h++) prepare_query(q + h * head_dim, head_dim, scale, &query[h]);
    for (int p = 0; p < n_pages; p++) {
        for (int h = 0; h < heads; h++) {
            q8_head at = head_of(pages[p], heads, head_dim, h);
            page_scores(&query[h], &at, head_dim, scores + (size_t)h * ld + (size_t)p * POS);
        }
    }
}

void avx512_attention_paged_q8(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                               float scale, float *probs, const float *head_weight, float *align, float *out) {
    int n_pages = (positions + POS - 1) / POS;
    size_t ld = (size_t)n_pages * POS;
    float *scaled = probs + (size_t)heads * ld;
    uint8_t *weight = (uint8_t *)(void *)(scaled + ld); /* [heads, ld] */
    float value_scale[KERN_MAX_HEADS];
    int32_t acc[KERN_MAX_HEADS * KERN_MAX_HEAD_DIM];
    score_pages(q, pages, n_pages, heads, head_dim, scale, probs, ld);
    for (int h = 0; h < heads; h++) {
        float *row = probs + (size_t)h * ld;
        softmax_row(row, positions);
        value_scale[h] = weigh_positions(row, pages, positions, heads, head_dim, h, scaled, weight + (size_t)h * ld);
        if (head_weight && head_weight[h] != 0.0f) avx512_add_alignment(row, positions, head_weight[h], align);
    }
    memset(acc, 0, (size_t)heads * (size_t)head_dim * sizeof acc[0]);
    for (int p = 0; p < n_pages; p++) {
        for (int h = 0; h < heads; h++) {
            q8_head at = head_of(pages[p], heads, head_dim, h);
            page_values(weight + (size_t)h * ld + (size_t)p * POS, at.values, head_dim, acc + h * head_dim);
        }
    }
    for (int h = 0; h < heads; h++) {
        for (int d = 0; d < head_dim; d++) out[h * head_dim + d] = (float)acc[h * head_dim + d] * value_scale[h];
    }
}
