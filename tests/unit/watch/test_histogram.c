/* test_histogram.c: counts by buckets: where a value belongs, sums, quantiles. */
#include "watch/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those */
#include <cmocka.h>

static const double bounds[] = {1, 2, 4, 8};
static const double other[] = {1, 2, 4, 9};

static void test_bucket(void **state) {
    (void)state;
    const double values[] = {-1, 0, 1, 1.0001, 2, 3, 4, 8, 8.1, INFINITY, NAN};
    const int buckets[] = {0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 4};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_int_equal(histogram_bucket(bounds, 4, values[i]), buckets[i]);
}

/* Against a walk from the front, over the bounds that are in use. */
static void test_bucket_of_waits(void **state) {
    (void)state;
    for (int i = 1; i < HISTOGRAM_WAIT_BOUNDS; i++) assert_true(histogram_wait_s[i] > histogram_wait_s[i - 1]);
    for (double v = 0; v < 40; v += 0.0007) {
        int at = 0;
        while (at < HISTOGRAM_WAIT_BOUNDS && v > histogram_wait_s[at]) at++;
        assert_int_equal(histogram_bucket(histogram_wait_s, HISTOGRAM_WAIT_BOUNDS, v), at);
    }
}

static void test_add(void **state) {
    (void)state;
    histogram h;
    histogram_init(&h, bounds, 4);
    const double values[] = {0.5, 1.5, 1.5, 100, NAN, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) histogram_add(&h, values[i]);
    assert_int_equal(histogram_count(&h), 6);
    assert_true(fabs(h.sum - 103.5) < 1e-9); /* what is no number does not spoil it */
    assert_int_equal(h.count[0], 1);
    assert_int_equal(h.count[1], 2);
    assert_int_equal(h.count[4], 3);
}

static void test_merge(void **state) {
    (void)state;
    histogram a = {0}, b, c;
    histogram_init(&b, bounds, 4);
    histogram_init(&c, other, 4);
    histogram_add(&b, 3);
    assert_true(histogram_merge(&a, &b)); /* takes over the bounds */
    assert_true(histogram_merge(&a, &b));
    assert_int_equal(a.count[2], 2);
    assert_true(fabs(a.sum - 6) < 1e-9);
    histogram_add(&c, 3);
    assert_false(histogram_merge(&a, &c));
    assert_int_equal(histogram_count(&a), 2);
    c.n = 3;
    assert_false(histogram_merge(&a, &c));
}

static void test_quantile(void **state) {
    (void)state;
    histogram h;
    histogram_init(&h, bounds, 4);
    assert_true(isnan(histogram_quantile(&h, 0.5)));
    for (int i = 0; i < 10; i++) histogram_add(&h, 0.3);
    for (int i = 0; i < 10; i++) histogram_add(&h, 3);
    assert_true(fabs(histogram_quantile(&h, 0.25) - 0.5) < 1e-9); /* half of the first bucket */
    assert_true(fabs(histogram_quantile(&h, 0.5) - 1) < 1e-9);    /* its end */
    assert_true(fabs(histogram_quantile(&h, 0.75) - 3) < 1e-9);   /* half of (2, 4] */
    assert_true(fabs(histogram_quantile(&h, 1) - 4) < 1e-9);
    for (int i = 0; i < 100; i++) histogram_add(&h, 50);
    assert_true(fabs(histogram_quantile(&h, 0.99) - 8) < 1e-9); /* nothing is known above */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket), cmocka_unit_test(test_bucket_of_waits), cmocka_unit_test(test_add),
        cmocka_unit_test(test_merge),  cmocka_unit_test(test_quantile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
