/* rows_avx512.c: the row-wise and attention kernels for AVX-512, and this body's table. See kern.h for what each means.
 */
#include "kern/kern_int.h"
#include "kern/body_avx512.h"
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

/* What both tables have; they differ in the bf16 products, which Cascade Lake and Ice Lake lack. */
#define OPS_WITHOUT_BF16                                                                                               \
    .quantize_rows = quantize_rows, .layernorm_quantize_rows = layernorm_quantize_rows,                                \
    .layernorm_rows = layernorm_rows, .swiglu_quantize_rows = swiglu_quantize_rows, .swiglu_rows = swiglu_rows,        \
    .gemm_q8 = avx512_gemm_q8, .gemm_f32 = avx512_gemm_f32, .to_bf16 = to_bf16, .attention = avx512_attention,         \
    .attention_paged = avx512_attention_paged, .page_store = avx512_page_store,                                        \
    .attention_paged_q8 = avx512_attention_paged_q8, .page_store_q8 = avx512_page_store_q8, .rope_row = rope_row,      \
    .groupnorm = groupnorm, .lstm_cell = lstm_cell, .argmax_logsumexp = argmax_logsumexp

const kern_ops *kern_avx512_vnni_ops(void) {
    static const kern_ops ops = {.name = "avx512-vnni", OPS_WITHOUT_BF16};
    bool usable = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vnni");
    return usable ? &ops : NULL;
}

const kern_ops *kern_avx512_ops(void) {
    static const kern_ops ops = {
        .name = "avx512", OPS_WITHOUT_BF16, .gemm_bf16 = avx512_gemm_bf16, .attention_bf16 = avx512_attention_bf16};
    return kern_avx512_vnni_ops() && __builtin_cpu_supports("avx512bf16") ? &ops : NULL;
}
