/* kern_test.h: what the kernel tests share: seeded numbers, exactly sized buffers, guards, tolerances. Header only.
 *
 * Buffers come from malloc at their exact size (an offset of a few elements makes them unaligned), so that the address
 * sanitizer sees a read past a row; outputs are filled with a guard value, so that a write past a row is seen without
 * it.
 */
#ifndef STENO_TESTS_KERN_TEST_H
#define STENO_TESTS_KERN_TEST_H

#include "../random.h"
#include "kern/kern.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GUARD        -12345.678f
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

static inline void random_fill(float *x, size_t n, float size) {
    for (size_t i = 0; i < n; i++) x[i] = size * random_unit();
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

/* n floats of which the first lies `shift` floats past an aligned address. free() what floats_base() gives. */
static inline float *floats_new(size_t n, int shift) {
    float *base = malloc((n + (size_t)shift) * sizeof *base + (n + (size_t)shift == 0));
    assert_non_null(base);
    return base + shift;
}

static inline void floats_free(float *x, int shift) {
    free(x - shift);
}

static inline void guard_fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = GUARD;
}

/* Everything between the rows of out [m, n] (ldo) still holds the guard. The last row ends with its last value. */
static inline void guard_check(const float *out, int m, int n, int ldo) {
    for (int r = 0; r + 1 < m; r++) {
        for (int j = n; j < ldo; j++) {
            if (out[(size_t)r * (size_t)ldo + (size_t)j] != GUARD)
                fail_msg("row %d column %d of %d was overwritten", r, j, n);
        }
    }
}

static inline size_t rows_size(int m, int n, int ld) {
    return m == 0 ? 0 : (size_t)(m - 1) * (size_t)ld + (size_t)n;
}

/* ---- comparison -------------------------------------------------------------------------------------------------- */

/* `where` says which case failed. */
static inline void near(const char *where, double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%s: %.9g instead of %.9g (tolerance %.3g)", where, got, want, tolerance);
}

static inline void same_bits(const char *where, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("%s: value %zu is %.9g, not %.9g", where, i, (double)a[i], (double)b[i]);
    }
}

/* -0 counts as 0: max(v, 0) may give either. */
static inline void same_values(const char *where, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!(a[i] == b[i])) fail_msg("%s: value %zu is %.9g, not %.9g", where, i, (double)a[i], (double)b[i]);
    }
}

/* ---- bodies ------------------------------------------------------------------------------------------------------ */

static const char *const body_names[] = {"c", "avx2", "avx512-vnni", "avx512"};

/* Runs `check` on every body this machine has. */
static inline void each_body(void (*check)(const kern_ops *ops)) {
    for (int b = 0; b < COUNT(body_names); b++) {
        const kern_ops *ops = kern_body(body_names[b]);
        if (!ops) {
            print_message("%s: not on this machine\n", body_names[b]);
            continue;
        }
        assert_string_equal(ops->name, body_names[b]);
        check(ops);
    }
}

/* ---- quantised rows ---------------------------------------------------------------------------------------------- */

static inline kern_qrows qrows_new(int rows, int k, int extra) {
    kern_qrows q;
    memset(&q, 0, sizeof q);
    q.stride = (k + 3) / 4 * 4 + extra;
    q.q = malloc((size_t)rows * (size_t)q.stride);
    q.scale = malloc((size_t)rows * sizeof *q.scale);
    q.zp = malloc((size_t)rows * sizeof *q.zp);
    q.sum = malloc((size_t)rows * sizeof *q.sum);
    assert_true(q.q && q.scale && q.zp && q.sum);
    memset(q.q, 0xa5, (size_t)rows * (size_t)q.stride);
    return q;
}

static inline void qrows_free(kern_qrows *q) {
    free(q->q);
    free(q->scale);
    free(q->zp);
    free(q->sum);
}

#endif
