/* test_expo.c: the text that Prometheus reads, to the byte; what does not fit; memory that runs out. */
#include "watch/expo.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after those */
#include <cmocka.h>

static const double bounds[] = {0.1, 1};

/* Ends e, compares, frees. */
static void expect(expo *e, const char *wanted) {
    size_t n;
    const char *text = expo_text(e, &n);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(text, wanted, n);
    expo_free(e);
}

static void test_families(void **state) {
    (void)state;
    expo e;
    expo_init(&e);
    expo_one(&e, "a_total", EXPO_COUNTER, "What a is.", 3);
    expo_family(&e, "b_ratio", EXPO_GAUGE, "What b is.");
    expo_sample(&e, EXPO_LABELS({"x", "1"}, {"y", "two"}), 0.1);
    expo_sample(&e, EXPO_LABELS({"x", "2"}, {"y", ""}), -1e300);
    expect(&e, "# HELP a_total What a is.\n# TYPE a_total counter\na_total 3\n"
               "# HELP b_ratio What b is.\n# TYPE b_ratio gauge\n"
               "b_ratio{x=\"1\",y=\"two\"} 0.1\nb_ratio{x=\"2\",y=\"\"} -1e+300\n");
}

static void test_histogram(void **state) {
    (void)state;
    expo e;
    histogram h;
    histogram_init(&h, bounds, 2);
    histogram_add(&h, 0.05);
    histogram_add(&h, 0.5);
    histogram_add(&h, 5);
    expo_init(&e);
    expo_family(&e, "h_seconds", EXPO_HISTOGRAM, "H.");
    expo_histogram(&e, NULL, &h);
    expo_histogram(&e, EXPO_LABELS({"k", "v"}), &h);
    expect(&e, "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
               "h_seconds_bucket{le=\"0.1\"} 1\nh_seconds_bucket{le=\"1\"} 2\nh_seconds_bucket{le=\"+Inf\"} 3\n"
               "h_seconds_sum 5.55\nh_seconds_count 3\n"
               "h_seconds_bucket{k=\"v\",le=\"0.1\"} 1\nh_seconds_bucket{k=\"v\",le=\"1\"} 2\n"
               "h_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\nh_seconds_sum{k=\"v\"} 5.55\nh_seconds_count{k=\"v\"} 3\n");
}

static void test_escaping(void **state) {
    (void)state;
    expo e;
    expo_init(&e);
    expo_family(&e, "a", EXPO_GAUGE, "A.");
    expo_sample(&e, EXPO_LABELS({"x", "q\"b\\n\n}"}), 1);
    expect(&e, "# HELP a A.\n# TYPE a gauge\na{x=\"q\\\"b\\\\n\\n}\"} 1\n");
}

/* A label is cut between characters, whatever bytes it has. */
static void test_long_label(void **state) {
    (void)state;
    char text[200], wanted[300], cut[EXPO_VALUE_BYTES + 1] = "";
    for (int shift = 0; shift < 3; shift++) {
        expo e;
        memset(text, 'a', (size_t)shift);
        for (int i = 0; i < 30; i++) memcpy(text + shift + 3 * i, "中", 4);
        size_t keep = (size_t)shift + (EXPO_VALUE_BYTES - (size_t)shift) / 3 * 3;
        snprintf(cut, sizeof cut, "%.*s", (int)keep, text);
        snprintf(wanted, sizeof wanted, "# HELP a A.\n# TYPE a gauge\na{x=\"%s\"} 1\n", cut);
        expo_init(&e);
        expo_family(&e, "a", EXPO_GAUGE, "A.");
        expo_sample(&e, EXPO_LABELS({"x", text}), 1);
        expect(&e, wanted);
    }
    expo e;
    expo_init(&e);
    expo_family(&e, "a", EXPO_GAUGE, "A.");
    expo_sample(&e, EXPO_LABELS({"x", "ab\xe4\xb8"}), 1); /* its end is missing */
    expect(&e, "# HELP a A.\n# TYPE a gauge\na{x=\"ab\"} 1\n");
}

static void test_numbers(void **state) {
    (void)state;
    const double values[] = {0,      1e15, 9007199254740992.0, 0.1 + 0.2, 1.0 / 3,
                             1e-320, NAN,  INFINITY,           -INFINITY, 1795679906.734};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        expo e;
        size_t n;
        char line[64] = "";
        expo_init(&e);
        expo_one(&e, "a", EXPO_GAUGE, "A.", values[i]);
        const char *text = expo_text(&e, &n);
        const char *at = memchr(text + sizeof "# HELP a A.\n# TYPE a" - 1, '\n', n);
        snprintf(line, sizeof line, "%.*s", (int)(text + n - 1 - (at + 3)), at + 3);
        double back = strtod(line, NULL);
        assert_true(isnan(values[i]) ? isnan(back) : back == values[i]);
        expo_free(&e);
    }
}

static void test_bounded(void **state) {
    (void)state;
    expo e;
    expo_init(&e);
    expo_one(&e, "first", EXPO_GAUGE, "A.", 1);
    expo_family(&e, "huge", EXPO_GAUGE, "B.");
    for (int i = 0; i < EXPO_BYTES_MAX / 8; i++) expo_sample(&e, NULL, i);
    expo_one(&e, "last", EXPO_GAUGE, "C.", 2);
    assert_int_equal(e.families_lost, 1);
    expect(&e, "# HELP first A.\n# TYPE first gauge\nfirst 1\n# HELP last C.\n# TYPE last gauge\nlast 2\n");
}

/* Whole families, whichever allocation fails. */
static void test_memory(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        expo e;
        size_t n;
        expo_init(&e);
        mem_fault_arm(nth);
        for (int f = 0; f < 20; f++) {
            expo_family(&e, "family", EXPO_GAUGE, "F.");
            for (int i = 0; i < 400; i++) expo_sample(&e, EXPO_LABELS({"label", "value"}), i);
        }
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        const char *text = expo_text(&e, &n);
        int heads = 0, ends = 0;
        for (size_t i = 0; text && i < n; i++) {
            heads += text[i] == '#' && memcmp(text + i, "# HELP", 6) == 0;
            ends += i + 5 < n && memcmp(text + i, "} 399", 5) == 0;
        }
        assert_int_equal(heads, ends);
        assert_int_equal(heads + e.families_lost, 20);
        expo_free(&e);
        if (!hit) break;
        assert_true(nth < 50);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),   cmocka_unit_test(test_histogram), cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_long_label), cmocka_unit_test(test_numbers),   cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
