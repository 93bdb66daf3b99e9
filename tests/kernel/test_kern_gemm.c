/* test_kern_gemm.c: the matrix products of every body. int8 against 64-bit integers computed here, fp32 against fused
 * multiply-adds in order of k and against double, bf16 against double; rows alone against rows together, bit for bit.
 */
#include "kern_test.h"

/* Activations after their exact product: |error| <= ACTIVATION_SLACK * (1 + |v|). */
#define ACTIVATION_SLACK 2e-6
#define FLOAT_EPS        1.2e-7
#define MAX_ROWS         17

static const kern_epilogue epilogues[] = {KERN_STORE, KERN_ADD, KERN_GELU, KERN_RELU, KERN_TANH};

/* v is what came out of the product, exactly as the kernel rounds it; `before` what lay in the output. */
static void check_epilogue(const char *where, kern_epilogue epi, float v, float before, float got) {
    double x = (double)v;
    float want = epi == KERN_ADD ? before + v : epi == KERN_RELU ? (v > 0.0f ? v : 0.0f) : v;
    switch (epi) {
    case KERN_STORE:
    case KERN_ADD:
    case KERN_RELU:
        same_values(where, &got, &want, 1);
        break;
    case KERN_GELU:
        near(where, (double)got, 0.5 * x * (1.0 + erf(x / sqrt(2.0))), ACTIVATION_SLACK * (1.0 + fabs(x)));
        break;
    case KERN_TANH:
        near(where, (double)got, tanh(x), ACTIVATION_SLACK);
        break;
    }
}

/* ---- int8 -------------------------------------------------------------------------------------------------------- */

typedef struct q8_case {
    int m, n, k;
    int parts;        /* 1..3 side by side */
    int zero_point;   /* -1: random, else for weights and activations */
    int value;        /* -1: random, else every weight and activation */
    int stride_extra; /* bytes between rows */
    bool unit;        /* scales 1, no bias: the outputs are the integers */
    kern_epilogue epi;
} q8_case;

typedef struct q8_data {
    uint8_t *w;   /* [k, n] as published, over all parts */
    int *zp;      /* [n] */
    float *scale; /* [n] */
    float *bias;  /* [n] */
    kern_q8 packed;
    kern_qrows rows;
} q8_data;

static int pick(int fixed, int range) {
    return fixed >= 0 ? fixed : random_below(range);
}

/* Cuts n columns into parts with their own scale, zero point and orientation, and packs them. */
static void q8_pack_parts(const q8_case *c, q8_data *d) {
    kern_q8_part parts[3];
    uint8_t *copies[3];
    int from = 0, n_parts = c->parts < c->n ? c->parts : c->n;
    for (int p = 0; p < n_parts; p++) {
        int n = p == n_parts - 1 ? c->n - from : c->n / n_parts, zp = pick(c->zero_point, 256);
        int transposed = random_below(2);
        float scale = c->unit ? 1.0f : 0.001f * (1.5f + random_unit());
        copies[p] = malloc((size_t)n * (size_t)c->k);
        assert_non_null(copies[p]);
        for (int j = 0; j < n; j++) {
            d->zp[from + j] = zp;
            d->scale[from + j] = scale;
            d->bias[from + j] = c->unit ? 0.0f : random_unit();
            for (int i = 0; i < c->k; i++) {
                uint8_t w = (uint8_t)pick(c->value, 256);
                d->w[(size_t)i * (size_t)c->n + (size_t)(from + j)] = w;
                copies[p][transposed ? (size_t)j * (size_t)c->k + (size_t)i : (size_t)i * (size_t)n + (size_t)j] = w;
            }
        }
        /* The scale of a part, or the same one for each of its columns. */
        const float *scales = random_below(2) ? d->scale + from : NULL;
        parts[p] = (kern_q8_part){copies[p],  n,     scales ? NAN : scale, (uint8_t)zp, c->unit ? NULL : d->bias + from,
                                  transposed, scales};
        from += n;
    }
    assert_int_equal(kern_q8_pack(&d->packed, parts, n_parts, c->k), STENO_OK);
    for (int p = 0; p < n_parts; p++) free(copies[p]);
}

static q8_data q8_new(const q8_case *c) {
    q8_data d;
    size_t n = (size_t)c->n;
    d.w = malloc((size_t)c->k * n);
    d.zp = malloc(n * sizeof *d.zp);
    d.scale = malloc(n * sizeof *d.scale);
    d.bias = malloc(n * sizeof *d.bias);
    assert_true(d.w && d.zp && d.scale && d.bias);
    q8_pack_parts(c, &d);
    d.rows = qrows_new(c->m, c->k, c->stride_extra);
    for (int r = 0; r < c->m; r++) {
        uint8_t *q = d.rows.q + (size_t)r * (size_t)d.rows.stride;
        memset(q, 0, (size_t)d.rows.stride);
        d.rows.sum[r] = 0;
        for (int i = 0; i < c->k; i++) {
            q[i] = (uint8_t)pick(c->value, 256);
            d.rows.sum[r] += q[i];
        }
        d.rows.zp[r] = pick(c->zero_point, 256);
        d.rows.scale[r] = c->unit ? 1.0f : 0.01f * (1.5f + random_unit());
    }
    return d;
}

static void q8_free(q8_data *d) {
    free(d->w);
    free(d->zp);
    free(d->scale);
    free(d->bias);
    kern_q8_free(&d->packed);
    qrows_free(&d->rows);
}

static int64_t q8_exact(const q8_case *c, const q8_data *d, int r, int j) {
    const uint8_t *q = d->rows.q + (size_t)r * (size_t)d->rows.stride;
    int64_t sum = 0;
    for (int i = 0; i < c->k; i++)
        sum += (int64_t)(q[i] - d->rows.zp[r]) * (int64_t)(d->w[(size_t)i * (size_t)c->n + (size_t)j] - d->zp[j]);
    return sum;
}

static void q8_check_case(const kern_ops *ops, const q8_case *c) {
    q8_data d = q8_new(c);
    int ldo = c->n + random_below(5);
    size_t cells = rows_size(c->m, c->n, ldo);
    int shift = random_below(4);
    float *out = floats_new(cells, shift), *alone = floats_new((size_t)c->n, 0);
    guard_fill(out, cells);
    ops->gemm_q8(&d.rows, c->m, &d.packed, c->epi, out, ldo);
    guard_check(out, c->m, c->n, ldo);
    for (int r = 0; r < c->m; r++) {
        const float *row = out + (size_t)r * (size_t)ldo;
        for (int j = 0; j < c->n; j++) {
            int64_t exact = q8_exact(c, &d, r, j);
            assert_true(exact >= INT32_MIN && exact <= INT32_MAX);
            float v = c->unit ? (float)exact : fmaf((float)exact, d.rows.scale[r] * d.scale[j], d.bias[j]);
            char where[160];
            snprintf(where, sizeof where, "%s gemm_q8 m %d n %d k %d epilogue %d zp %d value %d at [%d, %d]", ops->name,
                     c->m, c->n, c->k, (int)c->epi, c->zero_point, c->value, r, j);
            check_epilogue(where, c->epi, v, GUARD, row[j]);
        }
        kern_qrows one = {d.rows.q + (size_t)r * (size_t)d.rows.stride, d.rows.scale + r, d.rows.zp + r, d.rows.sum + r,
                          d.rows.stride};
        guard_fill(alone, (size_t)c->n);
        ops->gemm_q8(&one, 1, &d.packed, c->epi, alone, c->n);
        same_bits("gemm_q8: a row alone and among others", row, alone, (size_t)c->n);
    }
    floats_free(out, shift);
    floats_free(alone, 0);
    q8_free(&d);
}

static void q8_shapes(const kern_ops *ops) {
    static const int depths[] = {1, 2, 3, 4, 5, 6, 7, 127};
    for (int n = 1; n <= 100; n++) {
        int k = depths[n % COUNT(depths)];
        q8_case c = {1 + n % MAX_ROWS, n, k, 1 + n % 3, -1, -1, n % 5, n % 2 == 0, epilogues[n % COUNT(epilogues)]};
        q8_check_case(ops, &c);
    }
    for (int m = 1; m <= MAX_ROWS; m++) {
        for (int i = 0; i < COUNT(depths); i++) {
            q8_case c = {m, 33 + 16 * (m % 5), depths[i], 2, -1, -1, 3, true, KERN_STORE};
            q8_check_case(ops, &c);
        }
    }
}

static void q8_model_shapes(const kern_ops *ops) {
    static const int shapes[][2] = {{288, 288}, {864, 288},  {1152, 288}, {288, 1152}, {2304, 288},
                                    {416, 416}, {3328, 416}, {288, 2016}, {100, 1152}, {32, 416},
                                    {16, 2016}, {33, 8300},  {1, 2016}};
    for (int i = 0; i < COUNT(shapes); i++) {
        q8_case c = {i % 2 ? 3 : 9, shapes[i][0], shapes[i][1], 3, -1, -1, 0, false, epilogues[i % COUNT(epilogues)]};
        q8_check_case(ops, &c);
        c.unit = true;
        c.epi = KERN_STORE;
        q8_check_case(ops, &c);
    }
}

/* Every corner of the integers: the largest products, both ends of the zero points, nothing at all. */
static void q8_extremes(const kern_ops *ops) {
    static const int values[] = {0, 1, 127, 128, 254, 255}, zero_points[] = {0, 1, 127, 128, 255};
    for (int v = 0; v < COUNT(values); v++) {
        for (int z = 0; z < COUNT(zero_points); z++) {
            q8_case c = {5, 50, 2016, 1, zero_points[z], values[v], 1, true, KERN_STORE};
            q8_check_case(ops, &c);
            c.k = 7;
            c.value = -1;
            q8_check_case(ops, &c);
        }
    }
}

static void gemm_q8_is_exact(void **state) {
    (void)state;
    each_body(q8_shapes);
    each_body(q8_model_shapes);
    each_body(q8_extremes);
}

/* An embedding row, and the fp32 equivalent of the whole matrix. */
static void packed_int8_unpacks_exactly(void **state) {
    (void)state;
    static const int shapes[][2] = {{1, 1}, {17, 5}, {48, 4}, {49, 288}, {100, 7}, {161, 36}};
    for (int i = 0; i < COUNT(shapes); i++) {
        q8_case c = {1, shapes[i][0], shapes[i][1], 3, -1, -1, 0, false, KERN_STORE};
        q8_data d = q8_new(&c);
        kern_f32 f32;
        assert_int_equal(kern_q8_to_f32(&d.packed, &f32), STENO_OK);
        float *column = floats_new((size_t)c.k, 0), *unit = floats_new((size_t)c.k, 0),
              *out = floats_new((size_t)c.n, 0);
        for (int j = 0; j < c.n; j++) {
            kern_q8_column(&d.packed, j, column);
            for (int r = 0; r < c.k; r++) {
                float want = (float)(d.w[(size_t)r * (size_t)c.n + (size_t)j] - d.zp[j]) * d.scale[j];
                same_bits("kern_q8_column", &column[r], &want, 1);
            }
        }
        for (int r = 0; r < c.k; r++) { /* row r of the fp32 matrix is its product with a unit vector */
            memset(unit, 0, (size_t)c.k * sizeof *unit);
            unit[r] = 1.0f;
            kern_body("c")->gemm_f32(unit, c.k, 1, &f32, KERN_STORE, out, c.n);
            for (int j = 0; j < c.n; j++) {
                float want = (float)(d.w[(size_t)r * (size_t)c.n + (size_t)j] - d.zp[j]) * d.scale[j] + d.bias[j];
                same_values("kern_q8_to_f32", &out[j], &want, 1);
            }
        }
        floats_free(column, 0);
        floats_free(unit, 0);
        floats_free(out, 0);
        kern_f32_free(&f32);
        q8_free(&d);
    }
}

/* ---- fp32 -------------------------------------------------------------------------------------------------------- */

typedef struct f32_case {
    int m, n, k, lda;
    float size; /* of the values */
    bool bias;
    kern_epilogue epi;
} f32_case;

static void f32_check_case(const kern_ops *ops, const f32_case *c) {
    size_t cells = (size_t)c->n * (size_t)c->k;
    int ldo = c->n + random_below(5), shift = random_below(4);
    size_t in_size = (size_t)(c->m - 1) * (size_t)c->lda + (size_t)c->k, out_size = rows_size(c->m, c->n, ldo);
    float *w = floats_new(cells, 0), *bias = floats_new((size_t)c->n, 0), *a = floats_new(in_size, shift);
    float *out = floats_new(out_size, shift), *alone = floats_new((size_t)c->n, 0);
    random_fill(w, cells, c->size);
    random_fill(bias, (size_t)c->n, c->size);
    random_fill(a, in_size, c->size);
    guard_fill(out, out_size);
    kern_f32 packed;
    assert_int_equal(kern_f32_pack(&packed, w, c->bias ? bias : NULL, c->n, c->k), STENO_OK);
    ops->gemm_f32(a, c->lda, c->m, &packed, c->epi, out, ldo);
    guard_check(out, c->m, c->n, ldo);
    for (int r = 0; r < c->m; r++) {
        const float *x = a + (size_t)r * (size_t)c->lda, *row = out + (size_t)r * (size_t)ldo;
        for (int j = 0; j < c->n; j++) {
            float fused = 0.0f;
            double exact = c->bias ? (double)bias[j] : 0.0, size = fabs(exact);
            for (int i = 0; i < c->k; i++) {
                float weight = w[(size_t)j * (size_t)c->k + (size_t)i];
                fused = fmaf(x[i], weight, fused);
                exact += (double)x[i] * (double)weight;
                size += fabs((double)x[i] * (double)weight);
            }
            if (c->bias) fused += bias[j];
            char where[120];
            snprintf(where, sizeof where, "%s gemm_f32 m %d n %d k %d epilogue %d at [%d, %d]", ops->name, c->m, c->n,
                     c->k, (int)c->epi, r, j);
            near(where, (double)fused, exact, size * FLOAT_EPS * (4.0 + (double)c->k));
            check_epilogue(where, c->epi, fused, GUARD, row[j]);
        }
        guard_fill(alone, (size_t)c->n);
        ops->gemm_f32(x, c->lda, 1, &packed, c->epi, alone, c->n);
        same_bits("gemm_f32: a row alone and among others", row, alone, (size_t)c->n);
    }
    kern_f32_free(&packed);
    floats_free(w, 0);
    floats_free(bias, 0);
    floats_free(a, shift);
    floats_free(out, shift);
    floats_free(alone, 0);
}

static void f32_shapes(const kern_ops *ops) {
    static const int depths[] = {1, 2, 3, 4, 5, 6, 7, 127};
    for (int n = 1; n <= 100; n++) {
        int k = depths[n % COUNT(depths)];
        f32_case c = {1 + n % MAX_ROWS, n, k, k + n % 3, 1.0f, n % 2 == 0, epilogues[n % COUNT(epilogues)]};
        f32_check_case(ops, &c);
    }
    for (int m = 1; m <= MAX_ROWS; m++) { /* rows that overlap, as a strided convolution's do */
        f32_case c = {m, 40 + 16 * (m % 4), 127, 64, 1.0f, true, KERN_STORE};
        f32_check_case(ops, &c);
        c.lda = 1;
        f32_check_case(ops, &c);
    }
}

static void f32_model_shapes(const kern_ops *ops) {
    static const int shapes[][2] = {{288, 127}, {576, 2016}, {288, 1728}, {129, 128}, {128, 127},
                                    {128, 387}, {512, 128},  {1, 128},    {416, 416}};
    for (int i = 0; i < COUNT(shapes); i++) {
        f32_case c = {1 + i % 4, shapes[i][0], shapes[i][1], shapes[i][1], 1.0f, true, epilogues[i % COUNT(epilogues)]};
        f32_check_case(ops, &c);
    }
    f32_case large = {4, 50, 40, 40, 1e15f, true, KERN_STORE}, nothing = {4, 50, 40, 40, 0.0f, false, KERN_ADD};
    f32_case small = {4, 50, 40, 40, 1e-22f, true, KERN_STORE}; /* products are subnormal */
    f32_check_case(ops, &large);
    f32_check_case(ops, &nothing);
    small.epi = KERN_RELU;
    f32_check_case(ops, &small);
}

static void gemm_f32_is_fused_in_order(void **state) {
    (void)state;
    each_body(f32_shapes);
    each_body(f32_model_shapes);
}

/* ---- bf16 -------------------------------------------------------------------------------------------------------- */

static double bf16_value(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static void bf16_check_case(const kern_ops *ops, int m, int n, int k, kern_epilogue epi) {
    float scale = 0.013f, offset = -0.14f;
    int ldo = n + random_below(4), lda = k + 2 * random_below(3);
    int8_t *w = malloc((size_t)n * (size_t)k);
    uint16_t *a = malloc(rows_size(m, k, lda) * sizeof *a);
    float *bias = floats_new((size_t)n, 0), *out = floats_new(rows_size(m, n, ldo), 1),
          *alone = floats_new((size_t)n, 0);
    float sums[MAX_ROWS];
    assert_true(w && a);
    for (size_t i = 0; i < (size_t)n * (size_t)k; i++) w[i] = (int8_t)(random_below(256) - 128);
    for (size_t i = 0; i < rows_size(m, k, lda); i++) {
        float x = random_unit();
        ops->to_bf16(&x, 1, &a[i]);
    }
    random_fill(bias, (size_t)n, 1.0f);
    guard_fill(out, rows_size(m, n, ldo));
    for (int r = 0; r < m; r++) {
        double sum = 0.0;
        for (int i = 0; i < k; i++) sum += bf16_value(a[(size_t)r * (size_t)lda + (size_t)i]);
        sums[r] = (float)sum;
    }
    kern_bf16 packed;
    assert_int_equal(kern_bf16_pack(&packed, w, scale, offset, bias, n, k), STENO_OK);
    ops->gemm_bf16(a, lda, sums, m, &packed, epi, out, ldo);
    guard_check(out, m, n, ldo);
    for (int r = 0; r < m; r++) {
        const uint16_t *x = a + (size_t)r * (size_t)lda;
        for (int j = 0; j < n; j++) {
            double v = (double)bias[j], size = fabs(v);
            for (int i = 0; i < k; i++) {
                double weight = (double)scale * (double)w[(size_t)j * (size_t)k + (size_t)i] + (double)offset;
                v += bf16_value(x[i]) * weight;
                size += fabs(bf16_value(x[i])) * (2.0 * (double)scale * 128.0 + fabs((double)offset));
            }
            double want = epi == KERN_STORE  ? v
                          : epi == KERN_ADD  ? v + (double)GUARD
                          : epi == KERN_RELU ? fmax(v, 0.0)
                          : epi == KERN_TANH ? tanh(v)
                                             : 0.5 * v * (1.0 + erf(v / sqrt(2.0)));
            near("gemm_bf16", (double)out[(size_t)r * (size_t)ldo + (size_t)j], want,
                 size * FLOAT_EPS * (8.0 + (double)k) + (epi == KERN_ADD ? 2e-3 : 4e-6));
        }
        guard_fill(alone, (size_t)n);
        ops->gemm_bf16(x, lda, sums + r, 1, &packed, epi, alone, n);
        same_bits("gemm_bf16: a row alone and among others", out + (size_t)r * (size_t)ldo, alone, (size_t)n);
    }
    kern_bf16_free(&packed);
    free(w);
    free(a);
    floats_free(bias, 0);
    floats_free(out, 1);
    floats_free(alone, 0);
}

static void bf16_shapes(const kern_ops *ops) {
    if (!ops->gemm_bf16) {
        print_message("%s: no bf16 product\n", ops->name);
        return;
    }
    for (int n = 1; n <= 100; n += 3)
        bf16_check_case(ops, 1 + n % MAX_ROWS, n, 2 * (1 + n % 9), epilogues[n % COUNT(epilogues)]);
    bf16_check_case(ops, 9, 288, 128, KERN_TANH);
    bf16_check_case(ops, 5, 576, 2016, KERN_GELU);
    bf16_check_case(ops, 17, 288, 1728, KERN_STORE);
}

static void gemm_bf16_is_near_double(void **state) {
    (void)state;
    each_body(bf16_shapes);
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_q8_is_exact),
        cmocka_unit_test(packed_int8_unpacks_exactly),
        cmocka_unit_test(gemm_f32_is_fused_in_order),
        cmocka_unit_test(gemm_bf16_is_near_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
