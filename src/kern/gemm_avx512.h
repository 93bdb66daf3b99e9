/* gemm_avx512.h: the products, for the table in kern_avx512.c. */
#ifndef STENO_KERN_GEMM_AVX512_H
#define STENO_KERN_GEMM_AVX512_H

#include "kern/kern.h"

void avx512_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo);
void avx512_gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo);
void avx512_gemm_bf16(const uint16_t *a, int lda, const float *a_sum, int m, const kern_bf16 *w, kern_epilogue epi,
                      float *out, int ldo);

#endif
