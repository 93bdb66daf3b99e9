/* attention_avx2.c: attention over a whole utterance and over pages, for AVX2 with FMA and F16C. See kern.h. */
#include "kern/body_avx2.h"
#include "kern/kern_int.h"
#include "kern/vmath_avx2.h"

#include <math.h>
#include <string.h>

#define QB 6 /* queries that go together: 6 x 16 sums fill the registers */

/* exp(scale * s - max) in place over n scores, zeros up to a multiple of 8; returns 1 / sum. */
static float softmax_unscaled(float *s, int n, float scale) {
    __m256 top = _mm256_set1_ps(-INFINITY), factor = _mm256_set1_ps(scale), sum = _mm256_setzero_ps();
    for (int i = 0; i < n; i += 8) top = _mm256_max_ps(top, vm_keep(_mm256_loadu_ps(s + i), n - i, top));
    __m256 high = _mm256_set1_ps(vm_largest(top) * scale);
    for (int i = 0; i < n; i += 8) {
        __m256 e = vm_exp(_mm256_fmsub_ps(_mm256_loadu_ps(s + i), factor, high));
        e = vm_keep(e, n - i, _mm256_setzero_ps());
        sum = _mm256_add_ps(sum, e);
        _mm256_storeu_ps(s + i, e);
    }
    return 1.0f / vm_sum(sum);
}

/* ---- a whole utterance ------------------------------------------------------------------------------------------- */

/* One head, copied so that both products run over dense vectors. */
typedef struct head_copy {
    float *keys;   /* [t_pad / 16][head_dim][16], zero padded */
    float *values; /* [t, d_pad], zero padded */
    float *query;  /* [QB, head_dim] */
    float *scores; /* [QB, t_pad] */
    int t, t_pad, head_dim, d_pad;
} head_copy;

static void copy_head(const head_copy *c, const float *k, const float *v, int ld) {
    for (int j = 0; j < c->t_pad; j++) {
        float *column = c->keys + (size_t)(j / 16) * (size_t)c->head_dim * 16 + (size_t)(j % 16);
        for (int d = 0; d < c->head_dim; d++)
            column[(size_t)d * 16] = j < c->t ? k[(size_t)j * (size_t)ld + (size_t)d] : 0.0f;
    }
    for (int j = 0; j < c->t; j++) {
        float *row = c->values + (size_t)j * (size_t)c->d_pad;
        for (int d = 0; d < c->d_pad; d += 8)
            _mm256_storeu_ps(row + d, vm_load(v + (size_t)j * (size_t)ld + d, c->head_dim - d));
    }
}

static void score_block(const head_copy *c) {
    for (int j = 0; j < c->t_pad; j += 16) {
        const float *keys = c->keys + (size_t)j * (size_t)c->head_dim;
        __m256 acc[QB][2];
#pragma GCC unroll 6
        for (int r = 0; r < QB; r++) acc[r][0] = acc[r][1] = _mm256_setzero_ps();
        for (int d = 0; d < c->head_dim; d++) {
            __m256 w0 = _mm256_loadu_ps(keys + (size_t)d * 16), w1 = _mm256_loadu_ps(keys + (size_t)d * 16 + 8);
#pragma GCC unroll 6
            for (int r = 0; r < QB; r++) {
                __m256 x = _mm256_broadcast_ss(c->query + (size_t)r * (size_t)c->head_dim + d);
                acc[r][0] = _mm256_fmadd_ps(x, w0, acc[r][0]);
                acc[r][1] = _mm256_fmadd_ps(x, w1, acc[r][1]);
            }
        }
#pragma GCC unroll 6
        for (int r = 0; r < QB; r++) {
            _mm256_storeu_ps(c->scores + (size_t)r * (size_t)c->t_pad + j, acc[r][0]);
            _mm256_storeu_ps(c->scores + (size_t)r * (size_t)c->t_pad + j + 8, acc[r][1]);
        }
    }
}

/* out rows = (scores values) * inv[row] for nv vectors from channel d. */
VM_INLINE void value_tile(const int nv, const head_copy *c, int d, const float *inv, int rows, float *out, int ldo) {
    __m256 acc[QB][2];
#pragma GCC unroll 6
    for (int r = 0; r < QB; r++) {
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) acc[r][v] = _mm256_setzero_ps();
    }
    for (int j = 0; j < c->t; j++) {
        const float *row = c->values + (size_t)j * (size_t)c->d_pad + d;
        __m256 w[2];
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) w[v] = _mm256_loadu_ps(row + v * 8);
#pragma GCC unroll 6
        for (int r = 0; r < QB; r++) {
            __m256 x = _mm256_broadcast_ss(c->scores + (size_t)r * (size_t)c->t_pad + j);
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++) acc[r][v] = _mm256_fmadd_ps(x, w[v], acc[r][v]);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < QB; r++) {
        if (r >= rows) continue;
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++)
            vm_store(out + (size_t)r * (size_t)ldo + d + v * 8, c->head_dim - d - v * 8,
                     _mm256_mul_ps(acc[r][v], _mm256_set1_ps(inv[r])));
    }
}

static void value_block(const head_copy *c, const float *inv, int rows, float *out, int ldo) {
    int d = 0;
    for (; d + 16 <= c->d_pad; d += 16) value_tile(2, c, d, inv, rows, out, ldo);
    if (d < c->d_pad) value_tile(1, c, d, inv, rows, out, ldo);
}

static void attend_head(const head_copy *c, const float *q, int ldq, int tq, float scale, float *out, int ldo) {
    for (int i = 0; i < tq; i += QB) {
        int rows = tq - i < QB ? tq - i : QB;
        float inv[QB];
        for (int r = 0; r < QB; r++) { /* a short last block repeats its first row: same work, no branches inside */
            const float *row = q + (size_t)(i + (r < rows ? r : 0)) * (size_t)ldq;
            memcpy(c->query + (size_t)r * (size_t)c->head_dim, row, (size_t)c->head_dim * sizeof(float));
        }
        score_block(c);
        for (int r = 0; r < QB; r++) inv[r] = softmax_unscaled(c->scores + (size_t)r * (size_t)c->t_pad, c->t, scale);
        value_block(c, inv, rows, out + (size_t)i * (size_t)ldo, ldo);
    }
}

void avx2_attention(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                    int head_dim, float scale, void *scratch, float *out, int ldo) {
    _Static_assert(QB <= KERN_ATTENTION_QUERY_BLOCK, "kern_attention_scratch() reserves that many rows");
    head_copy c = {.t = t, .t_pad = kern_round_up(t, 16), .head_dim = head_dim, .d_pad = kern_round_up(head_dim, 8)};
    c.keys = scratch;
    c.values = c.keys + (size_t)c.t_pad * (size_t)head_dim;
    c.query = c.values + (size_t)t * (size_t)c.d_pad;
    c.scores = c.query + (size_t)QB * (size_t)head_dim;
    for (int h = 0; h < heads; h++) {
        size_t at = (size_t)h * (size_t)head_dim;
        copy_head(&c, k + at, v + at, ld);
        attend_head(&c, q + at, ldq, tq, scale, out + at, ldo);
    }
}

/* ---- over pages -------------------------------------------------------------------------------------------------- */

VM_INLINE __m256 load_halfs(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* probs [n * 16] of n whole pages: enough sums at once to hide the latency of a product. */
VM_INLINE void score_pages(const int n, const float *q, const uint16_t *const *pages, size_t offset, int head_dim,
                           float *probs) {
    __m256 acc[4][2];
#pragma GCC unroll 4
    for (int p = 0; p < n; p++) acc[p][0] = acc[p][1] = _mm256_setzero_ps();
    for (int d = 0; d < head_dim; d++) {
        __m256 x = _mm256_broadcast_ss(q + d);
#pragma GCC unroll 4
        for (int p = 0; p < n; p++) {
            const uint16_t *keys = pages[p] + offset + (size_t)d * KERN_PAGE_POSITIONS;
            acc[p][0] = _mm256_fmadd_ps(x, load_halfs(keys), acc[p][0]);
            acc[p][1] = _mm256_fmadd_ps(x, load_halfs(keys + 8), acc[p][1]);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < n; p++) {
        _mm256_storeu_ps(probs + p * 16, acc[p][0]);
        _mm256_storeu_ps(probs + p * 16 + 8, acc[p][1]);
    }
}

/* Eight values from `p`, of which `count` matter and `room` may be read. */
VM_INLINE __m256 load_values(const uint16_t *p, int count, int room) {
    if (room >= 8) return load_halfs(p);
    uint16_t part[8] = {0};
    memcpy(part, p, (size_t)(count < 8 ? count : 8) * sizeof *part);
    return load_halfs(part);
}

/* out [d ..] = inv * sum over positions of probs * values, for nv vectors. A row's end runs into the rows behind it in
 * the head, whose lanes are dropped, except where there is nothing behind it. */
VM_INLINE void paged_tile(const int nv, const float *probs, const uint16_t *const *pages, int positions, size_t offset,
                          int head_dim, int d, float inv, float *out) {
    __m256 acc[8];
#pragma GCC unroll 8
    for (int v = 0; v < nv; v++) acc[v] = _mm256_setzero_ps();
    for (int j = 0; j < positions; j++) {
        int slot = j % KERN_PAGE_POSITIONS;
        const uint16_t *row = pages[j / KERN_PAGE_POSITIONS] + offset + (size_t)slot * (size_t)head_dim + (size_t)d;
        __m256 p = _mm256_broadcast_ss(probs + j);
#pragma GCC unroll 8
        for (int v = 0; v + 1 < nv; v++) acc[v] = _mm256_fmadd_ps(p, load_halfs(row + v * 8), acc[v]);
        int from = (nv - 1) * 8, room = (KERN_PAGE_POSITIONS - slot) * head_dim - d - from;
        __m256 last = load_values(row + from, head_dim - d - from, room);
        acc[nv - 1] = _mm256_fmadd_ps(p, last, acc[nv - 1]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < nv; v++)
        vm_store(out + d + v * 8, head_dim - d - v * 8, _mm256_mul_ps(acc[v], _mm256_set1_ps(inv)));
}

static void paged_values(const float *probs, const uint16_t *const *pages, int positions, size_t offset, int head_dim,
                         float inv, float *out) {
    for (int d = 0; d < head_dim; d += 64) {
        switch ((head_dim - d + 7) / 8) {
        case 1:
            paged_tile(1, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 2:
            paged_tile(2, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 3:
            paged_tile(3, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 4:
            paged_tile(4, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 5:
            paged_tile(5, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 6:
            paged_tile(6, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        case 7:
            paged_tile(7, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        default:
            paged_tile(8, probs, pages, positions, offset, head_dim, d, inv, out);
            break;
        }
    }
}

static void add_alignment(const float *probs, int positions, float weight, float *align) {
    __m256 w = _mm256_set1_ps(weight);
    for (int j = 0; j < positions; j += 8) {
        int left = positions - j;
        vm_store(align + j, left, _mm256_fmadd_ps(_mm256_loadu_ps(probs + j), w, vm_load(align + j, left)));
    }
}

void avx2_attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                          float scale, float *probs, const float *head_weight, float *align, float *out) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    int n_pages = (positions + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        const float *qh = q + (size_t)h * (size_t)head_dim;
        size_t keys = (size_t)h * head_halfs, values = (size_t)(heads + h) * head_halfs;
        int p = 0;
        for (; p + 4 <= n_pages; p += 4) score_pages(4, qh, pages + p, keys, head_dim, probs + p * 16);
        for (; p < n_pages; p++) score_pages(1, qh, pages + p, keys, head_dim, probs + p * 16);
        float inv = softmax_unscaled(probs, positions, scale);
        paged_values(probs, pages, positions, values, head_dim, inv, out + (size_t)h * (size_t)head_dim);
        if (head_weight && head_weight[h] != 0.0f) add_alignment(probs, positions, head_weight[h] * inv, align);
    }
}

/* Up to eight floats as halves, rounded to nearest even. */
VM_INLINE void to_halfs(const float *x, int left, uint16_t to[8]) {
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(vm_load(x, left), _MM_FROUND_TO_NEAREST_INT));
}

void avx2_page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        uint16_t *keys = page + (size_t)h * head_halfs + (size_t)slot;
        uint16_t *values = page + (size_t)(heads + h) * head_halfs + (size_t)slot * (size_t)head_dim;
        for (int d = 0; d < head_dim; d += 8) {
            int left = head_dim - d, n = left < 8 ? left : 8;
            uint16_t part[8];
            to_halfs(k + (size_t)h * (size_t)head_dim + d, left, part);
            for (int i = 0; i < n; i++) keys[(size_t)(d + i) * KERN_PAGE_POSITIONS] = part[i];
            to_halfs(v + (size_t)h * (size_t)head_dim + d, left, part);
            memcpy(values + d, part, (size_t)n * sizeof *part);
        }
    }
}
