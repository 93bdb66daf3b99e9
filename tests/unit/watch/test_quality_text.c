/* test_quality_text.c: every count of a cell is on /metrics, under the series' names, and the host's own series is not. */
#include "watch/quality_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after those */
#include <cmocka.h>

static char text[1 << 20];

static void write_cells(const monitor_cell *const *cells, size_t n) {
    expo e;
    size_t bytes;
    expo_init(&e);
    quality_write_cells(&e, cells, n);
    const char *got = expo_text(&e, &bytes);
    assert_true(bytes < sizeof text);
    memcpy(text, got, bytes);
    text[bytes] = 0;
    expo_free(&e);
}

static bool has(const char *line) {
    char whole[300];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    return strstr(text, whole) != NULL;
}

static void test_series(void **state) {
    (void)state;
    monitor_cell a = {.at = {.model = "tiny", .language = "en"}, .utterances = 7, .empty = 2, .characters = 30.5};
    monitor_cell b = {.at = {.model = "tiny", .language = "zh", .key = "abcd1234"}, .utterances = 9};
    monitor_cell host = {.utterances = 12345, .busy_s = 3};
    const monitor_cell *const cells[] = {&a, &host, &b};
    write_cells(cells, 3);
    assert_true(has("steno_quality_utterances_total{model=\"tiny\",language=\"en\"} 7"));
    assert_true(has("steno_quality_empty_total{model=\"tiny\",language=\"en\"} 2"));
    assert_true(has("steno_quality_characters_total{model=\"tiny\",language=\"en\"} 30.5"));
    assert_true(has("steno_quality_utterances_total{model=\"tiny\",language=\"zh\",key=\"abcd1234\"} 9"));
    assert_null(strstr(text, "12345"));
}

static void test_histograms(void **state) {
    (void)state;
    monitor_cell a = {.at = {.model = "m"}, .texts = 6, .confidence_sum = 4.5};
    a.confidence_bin[3] = 1;
    a.confidence_bin[9] = 5;
    a.latency_bin[0] = 2;
    a.latency_bin[CELL_LATENCY_BINS - 1] = 1;
    const monitor_cell *const cells[] = {&a};
    write_cells(cells, 1);
    assert_true(has("steno_quality_confidence_bucket{model=\"m\",language=\"\",le=\"0.3\"} 0"));
    assert_true(has("steno_quality_confidence_bucket{model=\"m\",language=\"\",le=\"0.4\"} 1"));
    assert_true(has("steno_quality_confidence_count{model=\"m\",language=\"\"} 6"));
    assert_true(has("steno_quality_confidence_sum{model=\"m\",language=\"\"} 4.5"));
    assert_true(has("steno_quality_latency_seconds_bucket{model=\"m\",language=\"\",le=\"20\"} 2"));
    assert_true(has("steno_quality_latency_seconds_count{model=\"m\",language=\"\"} 3"));
    char bound[64];
    for (int i = 0; i < CELL_LATENCY_BINS - 1; i++) {
        snprintf(bound, sizeof bound, "language=\"\",le=\"%.15g\"} 2\n", cell_latency_bound_ms[i] / 1000);
        assert_non_null(strstr(text, bound)); /* the bounds are the cells' */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_series), cmocka_unit_test(test_histograms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
