/* body_avx512.h: the products and attention, for the table in rows_avx512.c. */
#ifndef STENO_KERN_BODY_AVX512_H
#define STENO_KERN_BODY_AVX512_H

#include "kern/kern.h"

void avx512_gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo);
void avx512_gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo);
void avx512_gemm_bf16(const uint16_t *a, int lda, const float *a_sum, int m, const kern_bf16 *w, kern_epilogue epi,
                      float *out, int ldo);

void avx512_attention(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                      int head_dim, float scale, void *scratch, float *out, int ldo);
void avx512_attention_bf16(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                           int head_dim, float scale, void *scratch, float *out, int ldo);
void avx512_attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                            float scale, float *probs, const float *head_weight, float *align, float *out);
void avx512_page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v);
void avx512_attention_paged_q8(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                               float scale, float *probs, const float *head_weight, float *align, float *out);
void avx512_page_store_q8(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v);

/* align [positions] += weight * probs, for both kinds of pages. */
void avx512_add_alignment(const float *probs, int positions, float weight, float *align);

#endif
