/* kern_int.h: what the kernel bodies share. Inside src/kern only. */
#ifndef STENO_KERN_INT_H
#define STENO_KERN_INT_H

#include "kern/kern.h"

/* The bodies. A body that was not built, or needs what the CPU lacks, returns NULL. */
const kern_ops *kern_ref_ops(void);
const kern_ops *kern_avx2_ops(void);
const kern_ops *kern_avx512_ops(void);
const kern_ops *kern_avx512_vnni_ops(void); /* the same without bf16 products */

#define KERN_NORM_EPS 1e-5f

/* Columns of panel p of a matrix with n_pad padded columns. */
static inline int kern_panel_width(int n_pad, int p) {
    int left = n_pad - p * KERN_PANEL;
    return left < KERN_PANEL ? left : KERN_PANEL;
}

static inline int kern_panels(int n_pad) {
    return (n_pad + KERN_PANEL - 1) / KERN_PANEL;
}

static inline int kern_round_up(int x, int to) {
    return (x + to - 1) / to * to;
}

/* Attention scratch of one head, shared by all bodies: query, key and value copies in the body's own layout. */
#define KERN_ATTENTION_QUERY_BLOCK 8

#endif
