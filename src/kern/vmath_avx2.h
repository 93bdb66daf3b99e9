/* vmath_avx2.h: elementary functions on 8 floats, and loads and stores of fewer. Inside AVX2 bodies only.
 *
 * Accuracy (absolute, checked in tests/kernel): exp 2 ulp; sigmoid, tanh, erf 3e-7. Divisions are true ones: the estimate
 * instruction gives different bits on different makes of processor.
 */
#ifndef STENO_KERN_VMATH_AVX2_H
#define STENO_KERN_VMATH_AVX2_H

#include <immintrin.h>

#define VM_INLINE static inline __attribute__((always_inline))

/* ---- parts of a vector ------------------------------------------------------------------------------------------- */

/* The first n lanes, n in 0..8. */
VM_INLINE __m256i vm_mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Up to 8 of the `left` floats at p; zeros in the other lanes. */
VM_INLINE __m256 vm_load(const float *p, int left) {
    return left >= 8 ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, vm_mask(left));
}

VM_INLINE void vm_store(float *p, int left, __m256 v) {
    if (left >= 8)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, vm_mask(left), v);
}

/* v in the first `left` lanes, `other` in the rest. */
VM_INLINE __m256 vm_keep(__m256 v, int left, __m256 other) {
    return left >= 8 ? v : _mm256_blendv_ps(other, v, _mm256_castsi256_ps(vm_mask(left)));
}

VM_INLINE float vm_sum(__m256 v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

VM_INLINE float vm_largest(__m256 v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

VM_INLINE int vm_sum_int(__m256i v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/* ---- functions --------------------------------------------------------------------------------------------------- */

/* exp by splitting x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial in r (Cody & Waite 1980); 2^n goes in as an exponent,
 * so the range ends at the smallest normal number. */
VM_INLINE __m256 vm_exp(__m256 x) {
    x = _mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(88.0f)), _mm256_set1_ps(-87.3f));
    __m256 n =
        _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693145752f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(1.42860677e-6f), r);
    __m256 p = _mm256_set1_ps(1.0f / 720.0f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

VM_INLINE __m256 vm_sigmoid(__m256 x) {
    __m256 one = _mm256_set1_ps(1.0f);
    return _mm256_div_ps(one, _mm256_add_ps(one, vm_exp(_mm256_sub_ps(_mm256_setzero_ps(), x))));
}

VM_INLINE __m256 vm_tanh(__m256 x) {
    x = _mm256_max_ps(_mm256_min_ps(x, _mm256_set1_ps(20.0f)), _mm256_set1_ps(-20.0f));
    __m256 e = vm_exp(_mm256_add_ps(x, x)), one = _mm256_set1_ps(1.0f);
    return _mm256_div_ps(_mm256_sub_ps(e, one), _mm256_add_ps(e, one));
}

/* erf: Abramowitz & Stegun 7.1.26, |error| <= 1.5e-7. */
VM_INLINE __m256 vm_erf(__m256 x) {
    __m256 one = _mm256_set1_ps(1.0f), sign_bit = _mm256_set1_ps(-0.0f);
    __m256 a = _mm256_andnot_ps(sign_bit, x);
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(a, _mm256_set1_ps(0.3275911f), one));
    __m256 p = _mm256_set1_ps(1.061405429f);
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
    p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
    p = _mm256_mul_ps(p, t);
    __m256 y = _mm256_fnmadd_ps(p, vm_exp(_mm256_sub_ps(_mm256_setzero_ps(), _mm256_mul_ps(a, a))), one);
    return _mm256_or_ps(y, _mm256_and_ps(x, sign_bit));
}

VM_INLINE __m256 vm_gelu(__m256 x) {
    __m256 half = _mm256_mul_ps(x, _mm256_set1_ps(0.5f));
    return _mm256_fmadd_ps(half, vm_erf(_mm256_mul_ps(x, _mm256_set1_ps(0.70710678f))), half);
}

#endif
