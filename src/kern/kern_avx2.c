/* kern_avx2.c: the row-wise kernels for AVX2 with FMA and F16C, and this body's table. See kern.h for what each means. */
#include "kern/body_avx2.h"
#include "kern/kern_int.h"
#include "kern/vmath_avx2.h"

#include <cpuid.h>
#include <math.h>
#include <string.h>

/* ---- quantised rows ---------------------------------------------------------------------------------------------- */

/* Eight values on the row's grid, each 0..255; zeros past `left`. */
VM_INLINE __m256i on_grid(const float *x, int left, __m256 inverse, __m256i zero_point) {
    __m256i v = _mm256_cvtps_epi32(_mm256_mul_ps(vm_load(x, left), inverse));
    v = _mm256_max_epi32(_mm256_add_epi32(v, zero_point), _mm256_setzero_si256());
    v = _mm256_min_epi32(v, _mm256_set1_epi32(255));
    return left >= 8 ? v : _mm256_and_si256(v, vm_mask(left));
}

VM_INLINE uint64_t eight_bytes(__m256i v) {
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(words, words));
}

static void quantize_row(const float *x, int k, const kern_qrows *out, int row) {
    __m256 lo = _mm256_setzero_ps(), hi = lo; /* the range always holds zero, so lanes past the end are free */
    for (int i = 0; i < k; i += 8) {
        __m256 v = vm_load(x + i, k - i);
        lo = _mm256_min_ps(lo, v);
        hi = _mm256_max_ps(hi, v);
    }
    float low = -vm_largest(_mm256_sub_ps(_mm256_setzero_ps(), lo));
    float scale = (vm_largest(hi) - low) / 255.0f;
    float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    int zp = (int)lrintf(-low * inverse);
    if (zp > 255) zp = 255;
    uint8_t *q = out->q + (size_t)row * (size_t)out->stride;
    __m256i zero_point = _mm256_set1_epi32(zp), sum = _mm256_setzero_si256();
    for (int i = 0; i < k; i += 8) {
        __m256i v = on_grid(x + i, k - i, _mm256_set1_ps(inverse), zero_point);
        uint64_t bytes = eight_bytes(v);
        sum = _mm256_add_epi32(sum, v);
        memcpy(q + i, &bytes, k - i < 8 ? (size_t)(k - i) : 8);
    }
    if (out->stride > k) memset(q + k, 0, (size_t)(out->stride - k));
    out->scale[row] = scale;
    out->zp[row] = zp;
    out->sum[row] = vm_sum_int(sum);
}

static void quantize_rows(const float *x, int ldx, int m, int k, const kern_qrows *out) {
    for (int r = 0; r < m; r++) quantize_row(x + (size_t)r * (size_t)ldx, k, out, r);
}

/* ---- normalisation ----------------------------------------------------------------------------------------------- */

static float row_sum(const float *x, int k) {
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < k; i += 8) sum = _mm256_add_ps(sum, vm_load(x + i, k - i));
    return vm_sum(sum);
}

static float row_squares(const float *x, int k, __m256 mean) {
    __m256 sum = _mm256_setzero_ps();
    for (int i = 0; i < k; i += 8) {
        __m256 d = vm_keep(_mm256_sub_ps(vm_load(x + i, k - i), mean), k - i, _mm256_setzero_ps());
        sum = _mm256_fmadd_ps(d, d, sum);
    }
    return vm_sum(sum);
}

static void layernorm_row(const float *x, int k, const float *gamma, float *y) {
    __m256 mean = _mm256_set1_ps(row_sum(x, k) / (float)k);
    __m256 rstd = _mm256_set1_ps(1.0f / sqrtf(row_squares(x, k, mean) / (float)k + KERN_NORM_EPS));
    for (int i = 0; i < k; i += 8) {
        __m256 d = _mm256_mul_ps(_mm256_sub_ps(vm_load(x + i, k - i), mean), rstd);
        vm_store(y + i, k - i, _mm256_mul_ps(d, vm_load(gamma + i, k - i)));
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

static void groupnorm(const float *x, int m, int c, const float *gamma, const float *beta, float *y) {
    double sum = 0.0, squares = 0.0; /* a row at a time in fp32, rows together in double: the sum may be very long */
    double n = (double)m * (double)c;
    for (int r = 0; r < m; r++) sum += (double)row_sum(x + (size_t)r * (size_t)c, c);
    __m256 mean = _mm256_set1_ps((float)(sum / n));
    for (int r = 0; r < m; r++) squares += (double)row_squares(x + (size_t)r * (size_t)c, c, mean);
    __m256 rstd = _mm256_set1_ps(1.0f / sqrtf((float)(squares / n) + KERN_NORM_EPS));
    for (int r = 0; r < m; r++) {
        const float *from = x + (size_t)r * (size_t)c;
        float *to = y + (size_t)r * (size_t)c;
        for (int i = 0; i < c; i += 8) {
            __m256 d = _mm256_mul_ps(_mm256_sub_ps(vm_load(from + i, c - i), mean), rstd);
            vm_store(to + i, c - i, _mm256_fmadd_ps(d, vm_load(gamma + i, c - i), vm_load(beta + i, c - i)));
        }
    }
}

/* ---- activations ------------------------------------------------------------------------------------------------- */

static void swiglu_row(const float *x, int h, float *y) {
    for (int i = 0; i < h; i += 8) {
        __m256 up = vm_load(x + i, h - i), gate = vm_load(x + h + i, h - i);
        vm_store(y + i, h - i, _mm256_mul_ps(up, _mm256_mul_ps(gate, vm_sigmoid(gate))));
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

static void lstm_cell(const float *gates, int b, int h, float *c, float *hid) {
    for (int r = 0; r < b; r++) {
        const float *g = gates + (size_t)r * 4 * (size_t)h;
        for (int i = 0; i < h; i += 8) {
            size_t at = (size_t)r * (size_t)h + (size_t)i;
            int left = h - i;
            __m256 in = vm_sigmoid(vm_load(g + i, left)), forget = vm_sigmoid(vm_load(g + h + i, left));
            __m256 cell = vm_tanh(vm_load(g + 2 * h + i, left)), gate = vm_sigmoid(vm_load(g + 3 * h + i, left));
            __m256 next = _mm256_fmadd_ps(forget, vm_load(c + at, left), _mm256_mul_ps(in, cell));
            vm_store(c + at, left, next);
            vm_store(hid + at, left, _mm256_mul_ps(gate, vm_tanh(next)));
        }
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void to_bf16(const float *x, int n, uint16_t *y) {
    for (int i = 0; i < n; i += 8) {
        __m256i bits = _mm256_castps_si256(vm_load(x + i, n - i));
        __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
        bits = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        bits = _mm256_srli_epi32(bits, 16);
        uint16_t part[8];
        _mm_storeu_si128((__m128i *)(void *)part,
                         _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1)));
        memcpy(y + i, part, (size_t)(n - i < 8 ? n - i : 8) * sizeof *part);
    }
}

static void rope_row(float *x, int heads, int head_dim, int pairs, const float *cos_t, const float *sin_t) {
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (int i = 0; i < pairs; i += 4) {
        int left = pairs - i < 4 ? pairs - i : 4;
        __m256 c = _mm256_permutevar8x32_ps(vm_load(cos_t + i, left), twice);
        __m256 s = _mm256_permutevar8x32_ps(vm_load(sin_t + i, left), twice);
        for (int h = 0; h < heads; h++) {
            float *at = x + (size_t)h * (size_t)head_dim + 2 * (size_t)i;
            __m256 v = vm_load(at, 2 * left);
            __m256 swapped = _mm256_permute_ps(v, 0xb1);
            vm_store(at, 2 * left, _mm256_fmaddsub_ps(v, c, _mm256_mul_ps(swapped, s)));
        }
    }
}

static int first_equal(const float *x, int n, float value) {
    __m256 wanted = _mm256_set1_ps(value);
    for (int i = 0; i < n; i += 8) {
        int hits = _mm256_movemask_ps(_mm256_cmp_ps(vm_load(x + i, n - i), wanted, _CMP_EQ_OQ));
        if (n - i < 8) hits &= (1 << (n - i)) - 1;
        if (hits) return i + __builtin_ctz((unsigned)hits);
    }
    return 0; /* nothing but NaN */
}

static int argmax_logsumexp(const float *x, int n, float *lse) {
    __m256 top = _mm256_set1_ps(-INFINITY);
    for (int i = 0; i < n; i += 8) top = _mm256_max_ps(top, vm_keep(vm_load(x + i, n - i), n - i, top));
    float high = vm_largest(top);
    __m256 shift = _mm256_set1_ps(high), sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int i = 0; i < n; i += 8) { /* two sums: half the additions each, so half the rounding */
        __m256 e = vm_exp(_mm256_sub_ps(vm_load(x + i, n - i), shift));
        sum[i / 8 % 2] = _mm256_add_ps(sum[i / 8 % 2], vm_keep(e, n - i, _mm256_setzero_ps()));
    }
    *lse = high + logf(vm_sum(_mm256_add_ps(sum[0], sum[1])));
    return first_equal(x, n, high);
}

static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

const kern_ops *kern_avx2_ops(void) {
    static const kern_ops ops = {
        .name = "avx2",
        .quantize_rows = quantize_rows,
        .layernorm_quantize_rows = layernorm_quantize_rows,
        .layernorm_rows = layernorm_rows,
        .swiglu_quantize_rows = swiglu_quantize_rows,
        .swiglu_rows = swiglu_rows,
        .gemm_q8 = avx2_gemm_q8,
        .gemm_f32 = avx2_gemm_f32,
        .gemm_bf16 = NULL,
        .to_bf16 = to_bf16,
        .attention = avx2_attention,
        .attention_paged = avx2_attention_paged,
        .page_store = avx2_page_store,
        .rope_row = rope_row,
        .groupnorm = groupnorm,
        .lstm_cell = lstm_cell,
        .argmax_logsumexp = argmax_logsumexp,
    };
    bool usable = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    return usable ? &ops : NULL;
}
