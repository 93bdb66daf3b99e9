/* test_kern_attention.c: attention of every body, whole and over pages, against double-precision formulas written here,
 * and the half floats of the pages against rounding written here. */
#include "kern_test.h"

/* Of a weighted mean of values of size v with scores of size s: fp32 exponentials and sums of up to 70 terms. */
#define ATTENTION_SLACK(v, s) (4e-6 * (double)(v) * (1.0 + (double)(s)))
/* With queries, keys, probabilities and values rounded to bf16 (8 bits): each moves by at most 2^-9 of itself. */
#define ATTENTION_BF16_SLACK(v, s) (0.016 * (double)(v) * (1.0 + (double)(s)))
#define MAX_POSITIONS              160

static const int head_shapes[][2] = {{8, 36}, {8, 52}, {1, 1},  {3, 7},  {2, 16},
                                     {1, 17}, {4, 48}, {2, 64}, {1, 65}, {1, 100}};

/* Softmax of dots [n] in place, in double. */
static void plain_softmax(double *dots, int n) {
    double top = dots[0], sum = 0.0;
    for (int i = 1; i < n; i++) top = fmax(top, dots[i]);
    for (int i = 0; i < n; i++) sum += dots[i] = exp(dots[i] - top);
    for (int i = 0; i < n; i++) dots[i] /= sum;
}

/* ---- a whole utterance ------------------------------------------------------------------------------------------- */

typedef void (*attend)(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                       int head_dim, float scale, void *scratch, float *out, int ldo);

typedef struct full_case {
    int tq, t, heads, head_dim, ldq, ld, ldo; /* tq queries look at t keys */
    float size;                               /* of queries and keys */
    bool bf16;                                /* attention_bf16 instead of attention */
} full_case;

static attend attend_of(const kern_ops *ops, const full_case *c) {
    return c->bf16 ? ops->attention_bf16 : ops->attention;
}

static void check_full(const full_case *c, const float *q, const float *k, const float *v, float scale,
                       const float *out) {
    for (int h = 0; h < c->heads; h++) {
        size_t at = (size_t)h * (size_t)c->head_dim;
        for (int i = 0; i < c->tq; i++) {
            double p[MAX_POSITIONS], size = 0.0;
            for (int j = 0; j < c->t; j++) {
                p[j] = 0.0;
                for (int d = 0; d < c->head_dim; d++)
                    p[j] += (double)q[(size_t)i * (size_t)c->ldq + at + (size_t)d] *
                            (double)k[(size_t)j * (size_t)c->ld + at + (size_t)d];
                p[j] *= (double)scale;
                size = fmax(size, fabs(p[j]));
            }
            plain_softmax(p, c->t);
            for (int d = 0; d < c->head_dim; d++) {
                double want = 0.0, got = (double)out[(size_t)i * (size_t)c->ldo + at + (size_t)d];
                for (int j = 0; j < c->t; j++) want += p[j] * (double)v[(size_t)j * (size_t)c->ld + at + (size_t)d];
                near(c->bf16 ? "attention_bf16" : "attention", got, want,
                     c->bf16 ? ATTENTION_BF16_SLACK(1.0, size) : ATTENTION_SLACK(1.0, size));
            }
        }
    }
}

/* Other queries and other heads must not matter: all rows but the first are changed, and the first must not be. */
static void check_independence(const kern_ops *ops, const full_case *c, float *q, const float *k, const float *v,
                               float scale, void *scratch, const float *out) {
    size_t width = (size_t)c->heads * (size_t)c->head_dim, size = rows_size(c->tq, (int)width, c->ldo);
    float *again = floats_new(size, 0);
    for (int i = 1; i < c->tq; i++) random_fill(q + (size_t)i * (size_t)c->ldq, width, 2.0f);
    if (c->heads > 1) random_fill(q + width - (size_t)c->head_dim, (size_t)c->head_dim, 2.0f);
    attend_of(ops, c)(q, c->ldq, c->tq, k, v, c->ld, c->t, c->heads, c->head_dim, scale, scratch, again, c->ldo);
    size_t kept = c->heads > 1 ? width - (size_t)c->head_dim : width;
    same_bits("attention: one query and its neighbours", again, out, kept);
    floats_free(again, 0);
}

static void check_full_case(const kern_ops *ops, const full_case *c) {
    int width = c->heads * c->head_dim;
    size_t size = rows_size(c->t, width, c->ld), q_size = rows_size(c->tq, width, c->ldq);
    size_t out_size = rows_size(c->tq, width, c->ldo);
    float *q = floats_new(q_size, 1), *k = floats_new(size, 2), *v = floats_new(size, 3),
          *out = floats_new(out_size, 1);
    void *scratch = aligned_alloc(64, (kern_attention_scratch(c->t, c->head_dim) + 63) / 64 * 64);
    assert_non_null(scratch);
    memset(scratch, 0xff, kern_attention_scratch(c->t, c->head_dim)); /* NaN: nothing may depend on what was there */
    random_fill(q, q_size, c->size);
    random_fill(k, size, c->size);
    random_fill(v, size, 1.0f);
    guard_fill(out, out_size);
    float scale = 1.0f / sqrtf((float)c->head_dim);
    attend_of(ops, c)(q, c->ldq, c->tq, k, v, c->ld, c->t, c->heads, c->head_dim, scale, scratch, out, c->ldo);
    guard_check(out, c->tq, width, c->ldo);
    check_full(c, q, k, v, scale, out);
    check_independence(ops, c, q, k, v, scale, scratch, out);
    free(scratch);
    floats_free(q, 1);
    floats_free(k, 2);
    floats_free(v, 3);
    floats_free(out, 1);
}

static void check_both(const kern_ops *ops, full_case c) {
    check_full_case(ops, &c);
    c.bf16 = ops->attention_bf16 && c.head_dim % 2 == 0;
    if (c.bf16) check_full_case(ops, &c);
}

static void full_body(const kern_ops *ops) {
    static const int lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 40, 47, 48, 49, 63, 64, 65, 70, 129};
    for (int s = 0; s < COUNT(head_shapes); s++) {
        for (int i = 0; i < COUNT(lengths); i++) {
            int width = head_shapes[s][0] * head_shapes[s][1], ld = i % 2 ? 3 * width : width + i % 5;
            float size = i % 4 == 3 ? 20.0f : 1.0f; /* large scores: one key takes all */
            full_case c = {.tq = lengths[i], .t = lengths[i], .ldq = ld, .ld = ld, .ldo = width + i % 3, .size = size};
            c.heads = head_shapes[s][0];
            c.head_dim = head_shapes[s][1];
            check_both(ops, c);
            c.tq = 1 + (i * 7) % 23; /* fewer queries than keys, and more */
            c.ldq = width + i % 4;
            check_both(ops, c);
        }
    }
}

static void attention_matches_double(void **state) {
    (void)state;
    each_body(full_body);
}

/* ---- half floats ------------------------------------------------------------------------------------------------- */

/* The nearest half, ties to even, by arithmetic instead of bits. */
static double nearest_half(float x) {
    double size = fabs((double)x);
    if (size == 0.0) return (double)x;
    int exponent = ilogb(size) < -14 ? -14 : ilogb(size);
    double step = ldexp(1.0, exponent - 10), rounded = nearbyint(size / step) * step;
    return copysign(rounded >= 65536.0 ? INFINITY : rounded, (double)x);
}

static double half_value(uint16_t h) {
    int exponent = (h >> 10) & 31, mantissa = h & 1023;
    double size = exponent == 31 ? (mantissa ? NAN : INFINITY)
                  : exponent     ? ldexp(1024.0 + mantissa, exponent - 25)
                                 : ldexp(mantissa, -24);
    return h & 0x8000 ? -size : size;
}

static uint16_t key_at(const uint16_t *page, int head_dim, int h, int d, int slot) {
    return page[((size_t)h * (size_t)head_dim + (size_t)d) * KERN_PAGE_POSITIONS + (size_t)slot];
}

static uint16_t value_at(const uint16_t *page, int heads, int head_dim, int h, int d, int slot) {
    return page[(size_t)(heads + h) * (size_t)head_dim * KERN_PAGE_POSITIONS + (size_t)slot * (size_t)head_dim +
                (size_t)d];
}

static void fill_halves(float *x, int n) {
    static const float special[] = {0.0f,           -0.0f,          65504.0f,      65519.996f, 65520.0f, -1e30f,
                                    6e-8f,          2.9802322e-8f,  2.9802326e-8f, -3e-5f,     6.1e-5f,  1.0f,
                                    1.00048828125f, 1.00146484375f, 2049.0f,       1e-40f};
    for (int i = 0; i < n; i++)
        x[i] = random_below(2) ? special[random_below(COUNT(special))] : ldexpf(random_unit(), random_below(44) - 27);
}

static void page_body(const kern_ops *ops) {
    for (int s = 0; s < COUNT(head_shapes); s++) {
        int heads = head_shapes[s][0], head_dim = head_shapes[s][1], width = heads * head_dim;
        size_t halfs = (size_t)kern_page_halfs(KERN_PAGE_F16, heads, head_dim);
        uint16_t *page = malloc(halfs * sizeof *page), *before = malloc(halfs * sizeof *before);
        float *k = floats_new((size_t)width, 1), *v = floats_new((size_t)width, 3);
        assert_true(page && before);
        for (size_t i = 0; i < halfs; i++) page[i] = (uint16_t)random_bits();
        for (int slot = KERN_PAGE_POSITIONS - 1; slot >= 0; slot--) {
            fill_halves(k, width);
            fill_halves(v, width);
            memcpy(before, page, halfs * sizeof *page);
            ops->page_store(page, slot, heads, head_dim, k, v);
            for (int h = 0; h < heads; h++) {
                for (int d = 0; d < head_dim; d++) {
                    for (int other = 0; other < KERN_PAGE_POSITIONS; other++) {
                        if (other == slot) continue;
                        assert_int_equal(key_at(page, head_dim, h, d, other), key_at(before, head_dim, h, d, other));
                        assert_int_equal(value_at(page, heads, head_dim, h, d, other),
                                         value_at(before, heads, head_dim, h, d, other));
                    }
                    double key = half_value(key_at(page, head_dim, h, d, slot));
                    double value = half_value(value_at(page, heads, head_dim, h, d, slot));
                    assert_true(key == nearest_half(k[h * head_dim + d]));
                    assert_true(value == nearest_half(v[h * head_dim + d]));
                }
            }
        }
        free(page);
        free(before);
        floats_free(k, 1);
        floats_free(v, 3);
    }
}

static void pages_hold_the_nearest_halves(void **state) {
    (void)state;
    each_body(page_body);
}

/* ---- over pages -------------------------------------------------------------------------------------------------- */

typedef struct paged_case {
    int positions, heads, head_dim;
    float size;
    bool weighted; /* with alignment */
} paged_case;

typedef struct paged_data {
    uint16_t *page[(MAX_POSITIONS + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS];
    const uint16_t *view[(MAX_POSITIONS + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS];
    int n_pages;
} paged_data;

/* Pages lie in memory in no order, and slots beyond the last position hold what a released page would: old numbers. */
static paged_data paged_new(const paged_case *c) {
    paged_data p;
    int width = c->heads * c->head_dim;
    size_t halfs = (size_t)kern_page_halfs(KERN_PAGE_F16, c->heads, c->head_dim);
    float *k = floats_new((size_t)width, 0), *v = floats_new((size_t)width, 0);
    memset(&p, 0, sizeof p);
    p.n_pages = (c->positions + KERN_PAGE_POSITIONS - 1) / KERN_PAGE_POSITIONS;
    for (int i = p.n_pages - 1; i >= 0; i--) {
        p.page[i] = malloc(halfs * sizeof(uint16_t));
        assert_non_null(p.page[i]);
        for (size_t j = 0; j < halfs; j++)
            p.page[i][j] = (uint16_t)(0x7800u | ((unsigned)random_bits() & 0x87ffu)); /* huge, infinite or NaN */
        p.view[i] = p.page[i];
    }
    for (int j = 0; j < c->positions; j++) {
        random_fill(k, (size_t)width, c->size);
        random_fill(v, (size_t)width, 1.0f);
        kern_body("c")->page_store(p.page[j / KERN_PAGE_POSITIONS], j % KERN_PAGE_POSITIONS, c->heads, c->head_dim, k,
                                   v);
    }
    floats_free(k, 0);
    floats_free(v, 0);
    return p;
}

static void plain_paged_head(const paged_case *c, const paged_data *p, int h, const float *q, double scale,
                             double *probs, double *out, double *size) {
    *size = 0.0;
    for (int j = 0; j < c->positions; j++) {
        const uint16_t *page = p->page[j / KERN_PAGE_POSITIONS];
        probs[j] = 0.0;
        for (int d = 0; d < c->head_dim; d++)
            probs[j] +=
                (double)q[h * c->head_dim + d] * half_value(key_at(page, c->head_dim, h, d, j % KERN_PAGE_POSITIONS));
        probs[j] *= scale;
        *size = fmax(*size, fabs(probs[j]));
    }
    plain_softmax(probs, c->positions);
    for (int d = 0; d < c->head_dim; d++) {
        out[d] = 0.0;
        for (int j = 0; j < c->positions; j++)
            out[d] += probs[j] * half_value(value_at(p->page[j / KERN_PAGE_POSITIONS], c->heads, c->head_dim, h, d,
                                                     j % KERN_PAGE_POSITIONS));
    }
}

static void check_paged(const paged_case *c, const paged_data *p, const float *q, float scale, const float *weight,
                        const float *align, const float *out) {
    double probs[MAX_POSITIONS], want[128], size, aligned[MAX_POSITIONS], largest = 0.0;
    for (int j = 0; j < c->positions; j++) aligned[j] = 0.25;
    for (int h = 0; h < c->heads; h++) {
        plain_paged_head(c, p, h, q, (double)scale, probs, want, &size);
        largest = fmax(largest, size);
        for (int d = 0; d < c->head_dim; d++)
            near("attention_paged", (double)out[h * c->head_dim + d], want[d], ATTENTION_SLACK(1.0, size));
        for (int j = 0; weight && j < c->positions; j++) aligned[j] += (double)weight[h] * probs[j];
    }
    for (int j = 0; j < c->positions; j++)
        near("alignment", (double)align[j], aligned[j], ATTENTION_SLACK(4.0, largest));
}

static void check_paged_case(const kern_ops *ops, const paged_case *c) {
    int width = c->heads * c->head_dim, padded = (c->positions + 15) / 16 * 16;
    paged_data p = paged_new(c);
    float *q = floats_new((size_t)width, 1), *out = floats_new((size_t)width + 1, 1);
    float *probs = floats_new((size_t)c->heads * (size_t)padded, 0), *align = floats_new((size_t)c->positions + 1, 0),
          weight[8];
    random_fill(q, (size_t)width, c->size);
    random_fill(weight, 8, 1.0f);
    for (int h = 0; h < c->heads; h += 3) weight[h] = 0.0f;
    guard_fill(out, (size_t)width + 1);
    for (int j = 0; j < c->positions; j++) align[j] = 0.25f;
    align[c->positions] = GUARD;
    float scale = 1.0f / sqrtf((float)c->head_dim);
    ops->attention_paged(q, p.view, c->positions, c->heads, c->head_dim, scale, probs, c->weighted ? weight : NULL,
                         c->weighted ? align : NULL, out);
    assert_true(out[width] == GUARD && align[c->positions] == GUARD);
    check_paged(c, &p, q, scale, c->weighted ? weight : NULL, align, out);
    for (int i = 0; i < p.n_pages; i++) free(p.page[i]);
    floats_free(q, 1);
    floats_free(out, 1);
    floats_free(probs, 0);
    floats_free(align, 0);
}

static void paged_body(const kern_ops *ops) {
    for (int s = 0; s < COUNT(head_shapes); s++) {
        for (int positions = 1; positions <= 70; positions++) {
            paged_case c = {positions, head_shapes[s][0], head_shapes[s][1], positions % 5 == 4 ? 20.0f : 1.0f,
                            positions % 3 != 0};
            check_paged_case(ops, &c);
        }
    }
    paged_case longest = {MAX_POSITIONS, 8, 52, 1.0f, true};
    check_paged_case(ops, &longest);
}

static void attention_paged_matches_double(void **state) {
    (void)state;
    each_body(paged_body);
}

/* ---- over int8 pages --------------------------------------------------------------------------------------------- */

/* Keys, values, query and probabilities lose at most half a step of 127 or 255 each. */
#define ATTENTION_Q8_SLACK(v, s) (0.02 * (double)(v) * (1.0 + (double)(s)))

/* What the attention is over, unquantised: [positions, width]. */
static void check_q8(const paged_case *c, const float *q, const float *k, const float *v, double scale,
                     const float *weight, const float *align, const float *out) {
    int width = c->heads * c->head_dim;
    double aligned[MAX_POSITIONS] = {0.0}, largest = 0.0, total = 0.0;
    for (int h = 0; h < c->heads; h++) {
        double p[MAX_POSITIONS], size = 0.0;
        for (int j = 0; j < c->positions; j++) {
            p[j] = 0.0;
            for (int d = 0; d < c->head_dim; d++)
                p[j] += (double)q[h * c->head_dim + d] * (double)k[j * width + h * c->head_dim + d] * scale;
            size = fmax(size, fabs(p[j]));
        }
        largest = fmax(largest, size);
        plain_softmax(p, c->positions);
        for (int d = 0; d < c->head_dim; d++) {
            double want = 0.0;
            for (int j = 0; j < c->positions; j++) want += p[j] * (double)v[j * width + h * c->head_dim + d];
            near("attention_paged_q8", (double)out[h * c->head_dim + d], want, ATTENTION_Q8_SLACK(1.0, size));
        }
        for (int j = 0; weight && j < c->positions; j++) aligned[j] += (double)weight[h] * p[j];
        total += weight ? fabs((double)weight[h]) : 0.0;
    }
    for (int j = 0; weight && j < c->positions; j++)
        near("alignment", (double)align[j], aligned[j], ATTENTION_Q8_SLACK(total, largest));
}

/* Pages start as random bytes, so that unused slots hold NaN scales. */
static uint16_t *random_page(size_t halfs) {
    uint16_t *page = aligned_alloc(64, (halfs * 2 + 63) / 64 * 64);
    assert_non_null(page);
    for (size_t i = 0; i < halfs; i++) page[i] = (uint16_t)random_bits() | 0x7f80u;
    return page;
}

static void check_q8_case(const kern_ops *ops, const paged_case *c) {
    int width = c->heads * c->head_dim, n_pages = (c->positions + 15) / 16;
    size_t halfs = (size_t)kern_page_halfs(KERN_PAGE_Q8, c->heads, c->head_dim), n = (size_t)(c->positions * width);
    uint16_t *pages[(MAX_POSITIONS + 15) / 16];
    float *k = floats_new(n, 0), *v = floats_new(n, 0), *q = floats_new((size_t)width, 0);
    float *probs = floats_new(kern_paged_scratch(c->positions, c->heads), 0), weight[8];
    float *out = floats_new((size_t)width + 1, 0), *align = floats_new((size_t)c->positions + 1, 0);
    random_fill(k, n, c->size);
    random_fill(v, n, 1.0f);
    random_fill(q, (size_t)width, c->size);
    random_fill(weight, 8, 1.0f);
    for (int i = 0; i < n_pages; i++) pages[i] = random_page(halfs);
    for (int j = 0; j < c->positions; j++)
        ops->page_store_q8(pages[j / 16], j % 16, c->heads, c->head_dim, k + j * width, v + j * width);
    for (int j = 0; j < c->positions; j++) align[j] = 0.0f;
    out[width] = align[c->positions] = GUARD;
    float scale = 1.0f / sqrtf((float)c->head_dim);
    ops->attention_paged_q8(q, (const uint16_t *const *)pages, c->positions, c->heads, c->head_dim, scale, probs,
                            c->weighted ? weight : NULL, c->weighted ? align : NULL, out);
    assert_true(out[width] == GUARD && align[c->positions] == GUARD);
    check_q8(c, q, k, v, (double)scale, c->weighted ? weight : NULL, align, out);
    for (int i = 0; i < n_pages; i++) free(pages[i]);
    floats_free(k, 0);
    floats_free(v, 0);
    floats_free(q, 0);
    floats_free(probs, 0);
    floats_free(out, 0);
    floats_free(align, 0);
}

static void q8_body(const kern_ops *ops) {
    static const int shapes[][2] = {{8, 36}, {8, 52}, {1, 4}, {2, 16}, {3, 20}, {4, 48}, {2, 64}, {1, 100}};
    if (!ops->attention_paged_q8) return;
    for (int s = 0; s < COUNT(shapes); s++) {
        for (int positions = 1; positions <= 70; positions++) {
            paged_case c = {positions, shapes[s][0], shapes[s][1], positions % 5 == 4 ? 4.0f : 1.0f,
                            positions % 3 != 0};
            check_q8_case(ops, &c);
        }
    }
}

static void attention_paged_q8_is_near_double(void **state) {
    (void)state;
    each_body(q8_body);
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_matches_double),
        cmocka_unit_test(pages_hold_the_nearest_halves),
        cmocka_unit_test(attention_paged_matches_double),
        cmocka_unit_test(attention_paged_q8_is_near_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
