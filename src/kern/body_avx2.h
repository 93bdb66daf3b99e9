/* body_avx2.h: the AVX2 functions that live outside kern_avx2.c, for its table. See kern.h for what each means. */
#ifndef STENO_KERN_BODY_AVX2_H
#define STENO_KERN_BODY_AVX2_H

#include "kern/kern.h"

void avx2_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo);
void avx2_gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo);

void avx2_attention(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                    int head_dim, float scale, void *scratch, float *out, int ldo);
void avx2_attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                          float scale, float *probs, const float *head_weight, float *align, float *out);
void avx2_page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v);

#endif
