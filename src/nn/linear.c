/* linear.c: see linear.h. */
#include "nn/linear.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINEAR_MAX_PARTS 4

static steno_err load_part(const weights *w, const char *name, int k, int n, bool bias, kern_q8_part *part) {
    char key[160];
    weights_tensor t;
    snprintf(key, sizeof key, "%s.weight", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_U8, 2, (const int64_t[]){k, n}, &t));
    part->w = t.data;
    part->n = n;
    snprintf(key, sizeof key, "%s.scale", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 1, (const int64_t[]){1}, &t));
    part->scale = *(const float *)t.data;
    snprintf(key, sizeof key, "%s.zero_point", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_U8, 1, (const int64_t[]){1}, &t));
    part->zero_point = *(const uint8_t *)t.data;
    if (!bias) return STENO_OK;
    snprintf(key, sizeof key, "%s.bias", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 1, (const int64_t[]){n}, &t));
    part->bias = t.data;
    return STENO_OK;
}

steno_err linear_load(linear *l, const weights *w, const char *const *names, int parts, int k, int n, bool bias,
                      bool fp32) {
    memset(l, 0, sizeof *l);
    if (parts > LINEAR_MAX_PARTS) return err_fail(STENO_E_INVALID, "%s: too many parts in a fused layer", names[0]);
    kern_q8_part part[LINEAR_MAX_PARTS] = {0};
    for (int i = 0; i < parts; i++) ERR_TRY(load_part(w, names[i], k, n, bias, &part[i]));
    ERR_TRY(kern_q8_pack(&l->q8, part, parts, k));
    l->fp32 = fp32;
    l->n = l->q8.n;
    l->k = k;
    if (!fp32) return STENO_OK;
    steno_err err = kern_q8_to_f32(&l->q8, &l->f32);
    kern_q8_free(&l->q8);
    return err;
}

#define ZERO_POINT 128
#define Q8_MOST    127 /* on either side of zero */

/* One column: w [k] -> q [k]; returns its scale. */
static float quantise_column(const float *w, int k, uint8_t *q) {
    float most = 0.0f;
    for (int i = 0; i < k; i++) most = fmaxf(most, fabsf(w[i]));
    float scale = most > 0.0f ? most / Q8_MOST : 1.0f;
    for (int i = 0; i < k; i++) q[i] = (uint8_t)(lrintf(w[i] / scale) + ZERO_POINT);
    return scale;
}

steno_err linear_from_f32(linear *l, const char *what, const float *w, const float *bias, int k, int n, bool fp32) {
    memset(l, 0, sizeof *l);
    l->fp32 = fp32;
    l->n = n;
    l->k = k;
    if (fp32) return kern_f32_pack(&l->f32, w, bias, n, k);
    uint8_t *q = mem_alloc((size_t)n, (size_t)k);
    float *scales = mem_alloc((size_t)n, sizeof *scales);
    steno_err err = q && scales ? STENO_OK : err_fail(STENO_E_NOMEM, "%s: no memory to quantise it", what);
    if (err == STENO_OK) {
        for (int j = 0; j < n; j++)
            scales[j] = quantise_column(w + (size_t)j * (size_t)k, k, q + (size_t)j * (size_t)k);
        kern_q8_part part = {.w = q, .n = n, .zero_point = ZERO_POINT, .bias = bias, .transposed = 1, .scales = scales};
        err = kern_q8_pack(&l->q8, &part, 1, k);
    }
    mem_free(q);
    mem_free(scales);
    return err;
}

void linear_free(linear *l) {
    kern_q8_free(&l->q8);
    kern_f32_free(&l->f32);
}

static int row_stride(int k) {
    return (k + 63) / 64 * 64;
}

size_t nn_rows_bytes(int m, int k) {
    size_t fp32 = (size_t)k * sizeof(float), int8 = (size_t)row_stride(k); /* int8 is larger for a few inputs */
    return (size_t)m * (fp32 > int8 ? fp32 : int8) + (size_t)m * 16 + (size_t)k * 4 + 8 * 64;
}

steno_err nn_rows_take(nn_rows *r, arena *a, int m, int k, bool fp32) {
    memset(r, 0, sizeof *r);
    r->fp32 = fp32;
    r->k = k;
    size_t rows = (size_t)m;
    if (fp32) {
        r->f = arena_take(a, rows * (size_t)k, sizeof(float));
        if (r->f) return STENO_OK;
        return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d x %d rows", m, k);
    }
    r->q.stride = row_stride(k);
    r->q.q = arena_take(a, rows, (size_t)r->q.stride);
    r->q.scale = arena_take(a, rows, sizeof(float));
    r->q.zp = arena_take(a, rows, sizeof(int32_t));
    r->q.sum = arena_take(a, rows, sizeof(int32_t));
    r->tmp = arena_take(a, (size_t)k, sizeof(float));
    if (r->q.q && r->q.scale && r->q.zp && r->q.sum && r->tmp) return STENO_OK;
    return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d x %d rows", m, k);
}

void nn_rows_from(nn_rows *r, const float *x, int ldx, int m) {
    if (!r->fp32) {
        kern()->quantize_rows(x, ldx, m, r->k, &r->q);
        return;
    }
    for (int i = 0; i < m; i++)
        memcpy(r->f + (size_t)i * (size_t)r->k, x + (size_t)i * (size_t)ldx, (size_t)r->k * sizeof(float));
}

void nn_rows_layernorm(nn_rows *r, const float *x, int ldx, int m, const float *gamma) {
    if (r->fp32)
        kern()->layernorm_rows(x, ldx, m, r->k, gamma, r->f, r->k);
    else
        kern()->layernorm_quantize_rows(x, ldx, m, r->k, gamma, r->tmp, &r->q);
}

void nn_rows_swiglu(nn_rows *r, const float *x, int ldx, int m) {
    if (r->fp32)
        kern()->swiglu_rows(x, ldx, m, r->k, r->f, r->k);
    else
        kern()->swiglu_quantize_rows(x, ldx, m, r->k, r->tmp, &r->q);
}

void linear_apply(const linear *l, const nn_rows *r, int m, kern_epilogue epi, float *out, int ldo) {
    if (l->fp32)
        kern()->gemm_f32(r->f, r->k, m, &l->f32, epi, out, ldo);
    else
        kern()->gemm_q8(&r->q, m, &l->q8, epi, out, ldo);
}
