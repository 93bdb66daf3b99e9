/* linear.h: a linear layer and the rows it reads, in int8 or fp32.
 *
 * int8: weights as published (u8 with a zero point), rows quantised one by one. fp32: the same weights dequantised,
 * rows as they are. Layers are immutable after loading; rows live in an arena and belong to one thread.
 */
#ifndef STENO_NN_LINEAR_H
#define STENO_NN_LINEAR_H

#include "base/arena.h"
#include "kern/kern.h"
#include "nn/weights.h"

typedef struct linear {
    bool fp32;
    int n, k; /* y [m, n] = x [m, k] W + b */
    kern_q8 q8;
    kern_f32 f32;
} linear;

/* Loads one layer, or several side by side (q|k|v), from tensors `<names[i]>.weight` u8 [k, n], `.scale`,
 * `.zero_point` and, with `bias`, `.bias` [n]. The file must agree on k and n: callers' buffers are made for them. */
STENO_CHECK steno_err linear_load(linear *l, const weights *w, const char *const *names, int parts, int k, int n,
                                  bool bias, bool fp32);
/* From floats, w [n, k] (PyTorch's out, in) and bias [n] or NULL; `what` names the layer in errors. int8: quantised here, with
 * a scale a column and zero in the middle. */
STENO_CHECK steno_err linear_from_f32(linear *l, const char *what, const float *w, const float *bias, int k, int n,
                                      bool fp32);
void linear_free(linear *l);

/* Rows as a layer reads them. */
typedef struct nn_rows {
    bool fp32;
    int k;
    kern_qrows q;
    float *f;   /* fp32: [rows, k] */
    float *tmp; /* int8: one row of scratch for fused producers, [k] */
} nn_rows;

/* Room for m rows of k; STENO_E_NOMEM when the arena is full. */
STENO_CHECK steno_err nn_rows_take(nn_rows *r, arena *a, int m, int k, bool fp32);

/* The bytes nn_rows_take() needs. */
size_t nn_rows_bytes(int m, int k);

void nn_rows_from(nn_rows *r, const float *x, int ldx, int m);
void nn_rows_layernorm(nn_rows *r, const float *x, int ldx, int m, const float *gamma);
/* x [m, 2k] = up | gate. */
void nn_rows_swiglu(nn_rows *r, const float *x, int ldx, int m);

/* out [m, n] = epilogue(rows W + b). */
void linear_apply(const linear *l, const nn_rows *r, int m, kern_epilogue epi, float *out, int ldo);

#endif
