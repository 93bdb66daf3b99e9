/* vmath_avx512.h: elementary functions on 16 floats. Inside AVX-512 bodies only.
 *
 * Accuracy (absolute, checked in tests/kernel): exp 2 ulp; sigmoid, tanh, erf 3e-7.
 */
#ifndef STENO_KERN_VMATH_AVX512_H
#define STENO_KERN_VMATH_AVX512_H

#include <immintrin.h>

#define VM_INLINE static inline __attribute__((always_inline))

/* exp by splitting x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial in r (Cody & Waite 1980). */
VM_INLINE __m512 vm_exp(__m512 x) {
    x = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(88.0f)), _mm512_set1_ps(-103.0f));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145752f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860677e-6f), r);
    __m512 p = _mm512_set1_ps(1.0f / 720.0f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* 2^x for x <= 0, as softmax needs it: no clamping, since scalef underflows to zero. The polynomial is 2^r's Taylor series
 * on |r| <= 1/2: degree 6 is within 2e-7 relative, degree 4 within 5e-5 (enough for what is rounded to bf16 next). */
VM_INLINE __m512 vm_exp2(__m512 x, const int degree) {
    __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_sub_ps(x, n);
    __m512 p = _mm512_set1_ps(9.61812911e-3f);
    if (degree > 4) {
        p = _mm512_set1_ps(1.54035304e-4f);
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.33335581e-3f));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.61812911e-3f));
    }
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55041087e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40226507e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93147181e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

#define VM_LOG2E 1.44269504f

/* 1 / x from the 14-bit estimate and one Newton step: within 2 ulp, a third of a division's cost. */
VM_INLINE __m512 vm_rcp(__m512 x) {
    __m512 y = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2.0f)));
}

VM_INLINE __m512 vm_sigmoid(__m512 x) {
    return vm_rcp(_mm512_add_ps(_mm512_set1_ps(1.0f), vm_exp(_mm512_sub_ps(_mm512_setzero_ps(), x))));
}

VM_INLINE __m512 vm_tanh(__m512 x) {
    x = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(20.0f)), _mm512_set1_ps(-20.0f));
    __m512 e = vm_exp(_mm512_add_ps(x, x));
    __m512 one = _mm512_set1_ps(1.0f);
    return _mm512_mul_ps(_mm512_sub_ps(e, one), vm_rcp(_mm512_add_ps(e, one)));
}

/* erf: Abramowitz & Stegun 7.1.26, |error| <= 1.5e-7. */
VM_INLINE __m512 vm_erf(__m512 x) {
    __m512 one = _mm512_set1_ps(1.0f);
    __m512 a = _mm512_abs_ps(x);
    __m512 t = vm_rcp(_mm512_fmadd_ps(a, _mm512_set1_ps(0.3275911f), one));
    __m512 p = _mm512_set1_ps(1.061405429f);
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
    p = _mm512_mul_ps(p, t);
    __m512 y = _mm512_fnmadd_ps(p, vm_exp(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(a, a))), one);
    __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0f));
    return _mm512_or_ps(y, sign);
}

VM_INLINE __m512 vm_gelu(__m512 x) {
    __m512 e = vm_erf(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678f)));
    __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
    return _mm512_fmadd_ps(half, e, half);
}

/* The lanes of a vector of which n floats are left. */
VM_INLINE __mmask16 vm_tail(int n) {
    return n >= 16 ? (__mmask16)0xffff : n <= 0 ? (__mmask16)0 : (__mmask16)((1u << n) - 1u);
}

#endif
