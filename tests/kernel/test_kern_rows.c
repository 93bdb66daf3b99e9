/* test_kern_rows.c: the row-wise kernels of every body against double-precision formulas written here. Quantised rows
 * agree with the reference bit for bit; floats to the tolerance stated at each test. */
#include "kern_test.h"

#include <float.h>

#define MAX_ROWS 17

static const int widths[] = {1,  2,  3,  4,  5,   6,   7,   8,   9,   15,  16,  17,  31,  32,  33,   36,   47,  48,
                             49, 63, 64, 65, 100, 127, 128, 129, 255, 288, 289, 416, 576, 863, 1152, 1664, 2016};

typedef enum filling {
    NOISE,    /* about zero */
    POSITIVE, /* all above zero: the range must still hold zero */
    NEGATIVE,
    ZERO,
    EQUAL_UP, /* one value throughout */
    EQUAL_DOWN,
    LARGE,   /* 1e30 */
    SMALL,   /* 1e-30 */
    OUTLIER, /* one value a thousand times the others */
    FILLINGS
} filling;

static void fill(float *x, int n, filling how) {
    for (int i = 0; i < n; i++) {
        float u = random_unit();
        switch (how) {
        case NOISE:
            x[i] = u;
            break;
        case POSITIVE:
            x[i] = 2.0f + u;
            break;
        case NEGATIVE:
            x[i] = -2.0f + u;
            break;
        case ZERO:
            x[i] = 0.0f;
            break;
        case EQUAL_UP:
            x[i] = 3.0f;
            break;
        case EQUAL_DOWN:
            x[i] = -3.0f;
            break;
        case LARGE:
            x[i] = u * 1e30f;
            break;
        case SMALL:
            x[i] = u * 1e-30f;
            break;
        case OUTLIER:
            x[i] = i == n / 2 ? 1000.0f : u;
            break;
        case FILLINGS:
            break;
        }
    }
}

/* ---- quantisation ------------------------------------------------------------------------------------------------ */

/* What quantising means, without its arithmetic: zero is exact, the grid has 256 steps over the range with zero, and
 * each value lies within half a step of what stands for it (a whole one at the ends, where rounding may run out of
 * steps). */
static void check_quantised(const char *where, const float *x, int k, const kern_qrows *q, int row) {
    double lo = 0.0, hi = 0.0, scale = (double)q->scale[row];
    const uint8_t *bytes = q->q + (size_t)row * (size_t)q->stride;
    int32_t sum = 0;
    for (int i = 0; i < k; i++) {
        lo = fmin(lo, (double)x[i]);
        hi = fmax(hi, (double)x[i]);
        sum += bytes[i];
    }
    near(where, scale, (hi - lo) / 255.0, (hi - lo) * 1e-8);
    assert_in_range(q->zp[row], 0, 255);
    assert_int_equal(q->sum[row], sum);
    for (int i = 0; i < k; i++) {
        double slack = bytes[i] == 0 || bytes[i] == 255 ? 1.0 : 0.5;
        near(where, scale * (bytes[i] - q->zp[row]), (double)x[i], scale * (slack + 1e-4));
    }
    for (int i = k; i < q->stride; i++) assert_int_equal(bytes[i], 0);
}

static void compare_qrows(const char *where, const kern_qrows *a, const kern_qrows *b, int m) {
    if (memcmp(a->q, b->q, (size_t)m * (size_t)a->stride) != 0) fail_msg("%s: bytes differ", where);
    same_bits(where, a->scale, b->scale, (size_t)m);
    if (memcmp(a->zp, b->zp, (size_t)m * sizeof *a->zp) != 0) fail_msg("%s: zero points differ", where);
    if (memcmp(a->sum, b->sum, (size_t)m * sizeof *a->sum) != 0) fail_msg("%s: sums differ", where);
}

static void quantize_width(const kern_ops *ops, int k, int m) {
    int ldx = k + m % 4, shift = m % 3, extra = 4 * (m % 2);
    size_t size = rows_size(m, k, ldx);
    float *x = floats_new(size, shift);
    guard_fill(x, size);
    for (int r = 0; r < m; r++) fill(x + (size_t)r * (size_t)ldx, k, (filling)((r + k) % FILLINGS));
    kern_qrows got = qrows_new(m, k, extra), want = qrows_new(m, k, extra), one = qrows_new(1, k, extra);
    ops->quantize_rows(x, ldx, m, k, &got);
    kern_body("c")->quantize_rows(x, ldx, m, k, &want);
    char where[80];
    snprintf(where, sizeof where, "%s quantize_rows m %d k %d", ops->name, m, k);
    compare_qrows(where, &got, &want, m);
    for (int r = 0; r < m; r++) {
        check_quantised(where, x + (size_t)r * (size_t)ldx, k, &got, r);
        ops->quantize_rows(x + (size_t)r * (size_t)ldx, ldx, 1, k, &one);
        kern_qrows of_many = {got.q + (size_t)r * (size_t)got.stride, got.scale + r, got.zp + r, got.sum + r,
                              got.stride};
        compare_qrows("quantize_rows: a row alone and among others", &of_many, &one, 1);
    }
    qrows_free(&got);
    qrows_free(&want);
    qrows_free(&one);
    floats_free(x, shift);
}

static void quantize_body(const kern_ops *ops) {
    for (int w = 0; w < COUNT(widths); w++) {
        for (int m = 1; m <= MAX_ROWS; m += w % 3 + 1) quantize_width(ops, widths[w], m);
    }
}

static void quantize_rows_agrees_bit_for_bit(void **state) {
    (void)state;
    each_body(quantize_body);
}

/* Values that lie on and beside the middle between two steps: every body must round them the same way. */
static void quantize_ties_body(const kern_ops *ops) {
    enum { K = 400 };
    float x[K];
    for (int step = 0; step < 40; step++) {
        float scale = ldexpf(1.0f, step - 20);
        x[0] = 0.0f;
        x[1] = 255.0f * scale;
        for (int i = 2; i < K; i++)
            x[i] = nextafterf((float)(i % 250) * scale + 0.5f * scale, (float)(i % 3 - 1) * 1e9f);
        kern_qrows got = qrows_new(1, K, 0), want = qrows_new(1, K, 0);
        ops->quantize_rows(x, K, 1, K, &got);
        kern_body("c")->quantize_rows(x, K, 1, K, &want);
        compare_qrows("quantize_rows at ties", &got, &want, 1);
        qrows_free(&got);
        qrows_free(&want);
    }
}

static void quantize_rows_rounds_ties_alike(void **state) {
    (void)state;
    each_body(quantize_ties_body);
}

/* ---- normalisation ----------------------------------------------------------------------------------------------- */

typedef struct moments {
    double mean, rstd, size; /* size: the largest magnitude */
} moments;

static moments moments_of(const float *x, size_t n) {
    moments s = {0.0, 0.0, 0.0};
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        s.mean += (double)x[i];
        s.size = fmax(s.size, fabs((double)x[i]));
    }
    s.mean /= (double)n;
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - s.mean) * ((double)x[i] - s.mean);
    s.rstd = 1.0 / sqrt(squares / (double)n + (double)1e-5f);
    return s;
}

/* fp32 rounds the mean to a few parts in 1e7 of the largest value, and rstd stretches that. */
static double norm_tolerance(moments s, double gain) {
    return gain * (4e-6 + 4e-6 * s.size * s.rstd);
}

static void layernorm_width(const kern_ops *ops, int k, int m) {
    int ldx = k + m % 4, ldy = k + m % 3, shift = m % 2;
    float *x = floats_new(rows_size(m, k, ldx), shift), *y = floats_new(rows_size(m, k, ldy), shift);
    float *gamma = floats_new((size_t)k, 1), *alone = floats_new((size_t)k, 0), *tmp = floats_new((size_t)k, 0);
    guard_fill(x, rows_size(m, k, ldx));
    guard_fill(y, rows_size(m, k, ldy));
    random_fill(gamma, (size_t)k, 2.0f);
    static const filling kinds[] = {NOISE, POSITIVE, ZERO, EQUAL_UP, SMALL, OUTLIER, EQUAL_DOWN};
    for (int r = 0; r < m; r++) fill(x + (size_t)r * (size_t)ldx, k, kinds[(r + k) % COUNT(kinds)]);
    ops->layernorm_rows(x, ldx, m, k, gamma, y, ldy);
    guard_check(y, m, k, ldy);
    kern_qrows fused = qrows_new(m, k, 0), apart = qrows_new(m, k, 0);
    ops->layernorm_quantize_rows(x, ldx, m, k, gamma, tmp, &fused);
    ops->quantize_rows(y, ldy, m, k, &apart);
    compare_qrows("layernorm_quantize_rows and its two halves", &fused, &apart, m);
    for (int r = 0; r < m; r++) {
        float *row = x + (size_t)r * (size_t)ldx;
        moments s = moments_of(row, (size_t)k);
        for (int i = 0; i < k; i++) {
            double want = ((double)row[i] - s.mean) * s.rstd * (double)gamma[i];
            near("layernorm_rows", (double)y[(size_t)r * (size_t)ldy + (size_t)i], want,
                 norm_tolerance(s, fabs((double)gamma[i])));
        }
        ops->layernorm_rows(row, ldx, 1, k, gamma, alone, k);
        same_bits("layernorm_rows: a row alone and among others", y + (size_t)r * (size_t)ldy, alone, (size_t)k);
        ops->layernorm_rows(row, ldx, 1, k, gamma, row, ldx);
        same_bits("layernorm_rows in place", row, alone, (size_t)k);
    }
    qrows_free(&fused);
    qrows_free(&apart);
    floats_free(x, shift);
    floats_free(y, shift);
    floats_free(gamma, 1);
    floats_free(alone, 0);
    floats_free(tmp, 0);
}

static void layernorm_body(const kern_ops *ops) {
    for (int w = 0; w < COUNT(widths); w++) {
        for (int m = 1; m <= MAX_ROWS; m += w % 4 + 1) layernorm_width(ops, widths[w], m);
    }
}

static void layernorm_matches_double(void **state) {
    (void)state;
    each_body(layernorm_body);
}

static void groupnorm_block(const kern_ops *ops, int m, int c, float offset) {
    size_t n = (size_t)m * (size_t)c;
    float *x = floats_new(n, 1), *y = floats_new(n, 0), *gamma = floats_new((size_t)c, 1),
          *beta = floats_new((size_t)c, 0);
    for (size_t i = 0; i < n; i++) x[i] = offset + random_unit();
    random_fill(gamma, (size_t)c, 2.0f);
    random_fill(beta, (size_t)c, 2.0f);
    ops->groupnorm(x, m, c, gamma, beta, y);
    moments s = moments_of(x, n);
    for (size_t i = 0; i < n; i++) {
        double gain = (double)gamma[i % (size_t)c], shift = (double)beta[i % (size_t)c];
        near("groupnorm", (double)y[i], ((double)x[i] - s.mean) * s.rstd * gain + shift,
             norm_tolerance(s, fabs(gain)) + 1e-6);
    }
    ops->groupnorm(x, m, c, gamma, beta, x);
    same_bits("groupnorm in place", x, y, n);
    floats_free(x, 1);
    floats_free(y, 0);
    floats_free(gamma, 1);
    floats_free(beta, 0);
}

static void groupnorm_body(const kern_ops *ops) {
    for (int m = 1; m <= 70; m += 3) groupnorm_block(ops, m, 1 + (m * 7) % 40, 0.0f);
    groupnorm_block(ops, 3000, 288, 0.0f);
    groupnorm_block(ops, 700, 416, 5.0f); /* a mean far from zero */
}

static void groupnorm_matches_double(void **state) {
    (void)state;
    each_body(groupnorm_body);
}

/* ---- activations ------------------------------------------------------------------------------------------------- */

static double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static void swiglu_width(const kern_ops *ops, int h, int m) {
    int ldx = 2 * h + m % 4, ldy = h + m % 3, shift = m % 2;
    float *x = floats_new(rows_size(m, 2 * h, ldx), shift), *y = floats_new(rows_size(m, h, ldy), shift);
    float *alone = floats_new((size_t)h, 0), *tmp = floats_new((size_t)h, 0);
    static const float sizes[] = {1.0f, 8.0f, 0.0f, 100.0f, 1e4f, 1e-20f};
    guard_fill(x, rows_size(m, 2 * h, ldx));
    guard_fill(y, rows_size(m, h, ldy));
    for (int r = 0; r < m; r++)
        random_fill(x + (size_t)r * (size_t)ldx, (size_t)(2 * h), sizes[(r + h) % COUNT(sizes)]);
    ops->swiglu_rows(x, ldx, m, h, y, ldy);
    guard_check(y, m, h, ldy);
    kern_qrows fused = qrows_new(m, h, 4), apart = qrows_new(m, h, 4);
    ops->swiglu_quantize_rows(x, ldx, m, h, tmp, &fused);
    ops->quantize_rows(y, ldy, m, h, &apart);
    compare_qrows("swiglu_quantize_rows and its two halves", &fused, &apart, m);
    for (int r = 0; r < m; r++) {
        const float *row = x + (size_t)r * (size_t)ldx;
        for (int i = 0; i < h; i++) {
            double up = (double)row[i], gate = (double)row[h + i];
            near("swiglu_rows", (double)y[(size_t)r * (size_t)ldy + (size_t)i], up * gate * sigmoid(gate),
                 1e-6 * fabs(up * gate) + 1e-30);
        }
        ops->swiglu_rows(row, ldx, 1, h, alone, h);
        same_bits("swiglu_rows: a row alone and among others", y + (size_t)r * (size_t)ldy, alone, (size_t)h);
    }
    qrows_free(&fused);
    qrows_free(&apart);
    floats_free(x, shift);
    floats_free(y, shift);
    floats_free(alone, 0);
    floats_free(tmp, 0);
}

static void swiglu_body(const kern_ops *ops) {
    for (int w = 0; w < COUNT(widths); w++) {
        for (int m = 1; m <= MAX_ROWS; m += w % 4 + 1) swiglu_width(ops, widths[w], m);
    }
}

static void swiglu_matches_double(void **state) {
    (void)state;
    each_body(swiglu_body);
}

/* Absolute 2e-6 plus 1e-6 of the cell. Gates out to +-60, where exp() in fp32 is near its ends. */
static void lstm_block(const kern_ops *ops, int b, int h, float size) {
    size_t n = (size_t)b * (size_t)h;
    float *gates = floats_new(4 * n, 1), *c = floats_new(n, 1), *hid = floats_new(n, 0);
    float *c1 = floats_new(n, 0), *hid1 = floats_new(n, 0);
    random_fill(gates, 4 * n, size);
    random_fill(c, n, size);
    memcpy(c1, c, n * sizeof *c);
    for (int r = 0; r < b; r++) /* alone first, because the call writes over its input */
        ops->lstm_cell(gates + (size_t)r * 4 * (size_t)h, 1, h, c1 + (size_t)r * (size_t)h,
                       hid1 + (size_t)r * (size_t)h);
    float *before = floats_new(n, 0);
    memcpy(before, c, n * sizeof *c);
    guard_fill(hid, n);
    ops->lstm_cell(gates, b, h, c, hid);
    same_bits("lstm_cell c: a row alone and among others", c, c1, n);
    same_bits("lstm_cell h: a row alone and among others", hid, hid1, n);
    for (int r = 0; r < b; r++) {
        const float *g = gates + (size_t)r * 4 * (size_t)h;
        for (int i = 0; i < h; i++) {
            size_t at = (size_t)r * (size_t)h + (size_t)i;
            double cell =
                sigmoid((double)g[h + i]) * (double)before[at] + sigmoid((double)g[i]) * tanh((double)g[2 * h + i]);
            near("lstm_cell c", (double)c[at], cell, 2e-6 + 1e-6 * fabs((double)before[at]));
            near("lstm_cell h", (double)hid[at], sigmoid((double)g[3 * h + i]) * tanh(cell),
                 3e-6 + 1e-6 * fabs((double)before[at]));
        }
    }
    floats_free(gates, 1);
    floats_free(c, 1);
    floats_free(hid, 0);
    floats_free(c1, 0);
    floats_free(hid1, 0);
    floats_free(before, 0);
}

static void lstm_body(const kern_ops *ops) {
    static const float sizes[] = {1.0f, 0.0f, 10.0f, 60.0f};
    for (int b = 1; b <= MAX_ROWS; b++) {
        for (int w = 0; w < COUNT(widths) && widths[w] <= 128; w++)
            lstm_block(ops, b, widths[w], sizes[(b + w) % COUNT(sizes)]);
    }
}

static void lstm_cell_matches_double(void **state) {
    (void)state;
    each_body(lstm_body);
}

/* ---- bf16, rotary, logits ---------------------------------------------------------------------------------------- */

/* The nearer of the two neighbours with 16 bits, and the even one from the middle. */
static uint16_t nearest_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t low = bits & 0xffff0000u, high = low + 0x10000u;
    float down, up;
    memcpy(&down, &low, sizeof down);
    memcpy(&up, &high, sizeof up);
    double to_down = fabs((double)x - (double)down);
    double to_up = isinf(up) ? fabs(ldexp(1.0, 128) - fabs((double)x)) : fabs((double)up - (double)x);
    if (to_down < to_up) return (uint16_t)(low >> 16);
    if (to_up < to_down) return (uint16_t)(high >> 16);
    return (uint16_t)((low >> 16) & 1u ? high >> 16 : low >> 16);
}

static void bf16_body(const kern_ops *ops) {
    enum { N = 3000 };
    float x[N];
    for (int i = 0; i < N; i++) {
        uint32_t bits = (uint32_t)random_bits();
        if (i % 3 == 0) bits = (bits & 0xffff0000u) | 0x8000u;        /* in the middle */
        if (i % 7 == 0) bits &= 0x807fffffu;                          /* subnormal */
        if ((bits & 0x7f800000u) == 0x7f800000u) bits &= 0xbfffffffu; /* finite */
        memcpy(&x[i], &bits, sizeof bits);
    }
    for (int n = 0; n <= 70; n++) {
        uint16_t y[71];
        memset(y, 0x5a, sizeof y);
        const float *from = x + random_below(N - n);
        ops->to_bf16(from, n, y);
        for (int i = 0; i < n; i++) assert_int_equal(y[i], nearest_bf16(from[i]));
        assert_int_equal(y[n], 0x5a5a);
    }
    for (int i = 0; i < N; i++) {
        uint16_t y;
        ops->to_bf16(&x[i], 1, &y);
        assert_int_equal(y, nearest_bf16(x[i]));
    }
}

static void to_bf16_rounds_to_nearest_even(void **state) {
    (void)state;
    each_body(bf16_body);
}

static void rope_block(const kern_ops *ops, int heads, int head_dim, int pairs) {
    size_t n = (size_t)heads * (size_t)head_dim;
    float *x = floats_new(n, 1), *y = floats_new(n, 1), *c = floats_new((size_t)pairs, 1),
          *s = floats_new((size_t)pairs, 0);
    random_fill(x, n, 3.0f);
    memcpy(y, x, n * sizeof *x);
    for (int i = 0; i < pairs; i++) {
        float angle = 100.0f * random_unit();
        c[i] = cosf(angle);
        s[i] = sinf(angle);
    }
    ops->rope_row(y, heads, head_dim, pairs, c, s);
    for (int h = 0; h < heads; h++) {
        const float *from = x + (size_t)h * (size_t)head_dim, *to = y + (size_t)h * (size_t)head_dim;
        for (int i = 0; i < pairs; i++) {
            double even = (double)from[2 * i], odd = (double)from[2 * i + 1], cs = (double)c[i], sn = (double)s[i];
            near("rope_row even", (double)to[2 * i], even * cs - odd * sn, 1e-6);
            near("rope_row odd", (double)to[2 * i + 1], odd * cs + even * sn, 1e-6);
        }
        same_bits("rope_row: channels that do not turn", to + 2 * pairs, from + 2 * pairs,
                  (size_t)(head_dim - 2 * pairs));
    }
    floats_free(x, 1);
    floats_free(y, 1);
    floats_free(c, 1);
    floats_free(s, 0);
}

static void rope_body(const kern_ops *ops) {
    for (int pairs = 1; pairs <= 32; pairs++) {
        for (int extra = 0; extra <= 5; extra++) rope_block(ops, 1 + pairs % 8, 2 * pairs + extra, pairs);
    }
    rope_block(ops, 8, 36, 16);
    rope_block(ops, 8, 52, 24);
}

static void rope_matches_double(void **state) {
    (void)state;
    each_body(rope_body);
}

static void argmax_case(const kern_ops *ops, const float *x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += exp((double)x[i] - (double)x[best]);
    float lse = GUARD;
    assert_int_equal(ops->argmax_logsumexp(x, n, &lse), best);
    near("logsumexp", (double)lse, (double)x[best] + log(sum), 4e-6 + 2.4e-7 * fabs((double)x[best]));
}

static void argmax_body(const kern_ops *ops) {
    static float x[32768];
    for (int n = 1; n <= 100; n++) {
        float *at = floats_new((size_t)n, n % 4);
        for (int kind = 0; kind < 5; kind++) {
            random_fill(at, (size_t)n, kind == 0 ? 0.0f : kind == 1 ? 1.0f : kind == 2 ? 30.0f : 1e4f);
            if (kind == 1) at[random_below(n)] = at[random_below(n)] = 2.0f; /* a tie */
            if (kind == 3 && n > 1) at[random_below(n)] = -INFINITY;         /* a token that is not allowed */
            if (kind == 4) {
                for (int i = 0; i < n; i++) at[i] -= 2e4f; /* all far below zero */
            }
            argmax_case(ops, at, n);
        }
        floats_free(at, n % 4);
    }
    for (int kind = 0; kind < 20; kind++) {
        random_fill(x, COUNT(x), 12.0f);
        if (kind % 2) x[random_below(COUNT(x))] = 25.0f;
        argmax_case(ops, x, COUNT(x));
    }
    x[COUNT(x) - 1] = 26.0f;
    argmax_case(ops, x, COUNT(x));
    x[0] = 26.0f;
    argmax_case(ops, x, COUNT(x));
}

static void argmax_takes_the_first_of_the_largest(void **state) {
    (void)state;
    each_body(argmax_body);
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantize_rows_agrees_bit_for_bit),
        cmocka_unit_test(quantize_rows_rounds_ties_alike),
        cmocka_unit_test(layernorm_matches_double),
        cmocka_unit_test(groupnorm_matches_double),
        cmocka_unit_test(swiglu_matches_double),
        cmocka_unit_test(lstm_cell_matches_double),
        cmocka_unit_test(to_bf16_rounds_to_nearest_even),
        cmocka_unit_test(rope_matches_double),
        cmocka_unit_test(argmax_takes_the_first_of_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
