/* test_monitor.c: utterances into minutes, windows and totals; time passed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "watch/monitor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NOW 1767225600 /* begins a minute, an hour and a day */

static monitor_cell cells[64];
static int n_cells;

static void take(void *context, const monitor_cell *cell) {
    (void)context;
    assert_true(n_cells < 64);
    cells[n_cells++] = *cell;
}

static monitor *opened(size_t series_max) {
    monitor *m;
    assert_int_equal(monitor_open(series_max, NOW, &m), STENO_OK);
    n_cells = 0;
    return m;
}

static cell_at name(const char *model, const char *key) {
    cell_at at = {.language = "en"};
    snprintf(at.model, sizeof at.model, "%s", model);
    snprintf(at.key, sizeof at.key, "%s", key);
    return at;
}

static size_t tiny(monitor *m) {
    cell_at at = name("tiny", "");
    return monitor_series(m, &at);
}

static const quality_sample spoken = {.speech_s = 3,
                                      .text = {.characters = 30, .words = 7, .repeated = 1, .compression = 1.1},
                                      .confidence = 0.85,
                                      .first = true,
                                      .partials = 4,
                                      .partial_revisions = 1,
                                      .latency_ms = 120,
                                      .has_input = true,
                                      .input = {.is_noisy = true, .is_narrow = true}};
static const quality_sample nothing = {.speech_s = 2, .empty = true, .confidence = 0.9, .latency_ms = -1};

static void test_utterances(void **state) {
    (void)state;
    monitor *m = opened(8);
    size_t s = tiny(m);
    monitor_utterance(m, s, &spoken);
    monitor_utterance(m, s, &nothing);
    monitor_empty(m, s, 3, 1.5);
    monitor_audio(m, s, 20, 9);
    monitor_speakers(m, s, 2, 1);
    monitor_tick(m, NOW + 59, take, NULL);
    assert_int_equal(n_cells, 0); /* the minute runs */
    monitor_tick(m, NOW + 60, take, NULL);
    assert_int_equal(n_cells, 1); /* the host did nothing */
    const monitor_cell *c = &cells[0];
    assert_int_equal(c->start_s, NOW);
    assert_string_equal(c->at.model, "tiny");
    assert_int_equal(c->utterances, 5);
    assert_int_equal(c->empty, 4);
    assert_int_equal(c->streams, 1);
    assert_int_equal(c->texts, 1);
    assert_true(c->speech_s == 6.5 && c->audio_s == 20 && c->loud_s == 9 && c->characters == 30 &&
                c->tokens_repeated == 1);
    assert_int_equal(c->confidence_bin[8], 1);
    assert_true(fabs(c->confidence_sum - 0.85) < 1e-12); /* of texts alone */
    assert_int_equal(c->latency_bin[3], 1);              /* 100 to 150 ms; where nobody waited there is none */
    assert_int_equal(c->input_noisy + c->input_narrow, 2);
    assert_int_equal(c->partial_revisions, 1);
    assert_int_equal(c->speaker_labels, 2);
    monitor_tick(m, NOW + 120, take, NULL);
    assert_int_equal(n_cells, 1); /* a minute without anything is none */
    assert_int_equal(monitor_total(m, s)->utterances, 5);
    monitor_close(m);
}

/* Telephone sound that says so is no fault. */
static void test_votes(void **state) {
    (void)state;
    monitor *m = opened(8);
    quality_sample q = spoken;
    input_votes v = {0};
    monitor_stream(m, tiny(m), &v);
    assert_int_equal(monitor_total(m, tiny(m))->streams_judged, 0);
    monitor_vote(&v, &nothing); /* its sound is not known */
    assert_int_equal(v.n, 0);
    monitor_vote(&v, &q);
    q.narrow_expected = true;
    monitor_vote(&v, &q);
    monitor_stream(m, tiny(m), &v);
    const monitor_cell *c = monitor_total(m, tiny(m));
    assert_int_equal(c->streams_judged, 1);
    assert_int_equal(c->streams_noisy, 1);
    assert_int_equal(c->streams_narrow, 0); /* half is no majority */
    monitor_close(m);
}

static void test_windows(void **state) {
    (void)state;
    monitor *m = opened(8);
    size_t s = tiny(m);
    monitor_cell sum;
    for (int minute = 0; minute < 3 * 24 * 60; minute++) {
        monitor_utterance(m, s, &spoken);
        monitor_tick(m, NOW + 60 * (minute + 1), take, NULL);
        n_cells = 0;
    }
    int64_t now_s = NOW + 3 * 24 * 3600 + 30;
    monitor_sum(m, s, MONITOR_5_MIN, now_s, &sum);
    assert_int_equal(sum.utterances, 4); /* and the one that runs, in which there is none yet */
    monitor_sum(m, s, MONITOR_HOUR, now_s, &sum);
    assert_int_equal(sum.utterances, 59);
    monitor_sum(m, s, MONITOR_DAY, now_s, &sum);
    assert_int_equal(sum.utterances, 23 * 60);
    monitor_utterance(m, s, &spoken);
    monitor_sum(m, s, MONITOR_5_MIN, now_s, &sum);
    assert_int_equal(sum.utterances, 5);
    assert_non_null(monitor_minute(m, s, 0, now_s));
    assert_int_equal(monitor_minute(m, s, 59, now_s)->start_s, NOW + 3 * 24 * 3600 - 59 * 60);
    assert_null(monitor_minute(m, s, 60, now_s));
    assert_int_equal(monitor_hour(m, s, 1, now_s)->utterances, 60);
    assert_int_equal(monitor_hour(m, s, 23, now_s)->start_s, NOW + 2 * 24 * 3600 + 3600);
    assert_null(monitor_hour(m, s, 0, now_s)); /* nothing of it has been filed */
    assert_null(monitor_hour(m, s, 24, now_s));
    monitor_sum(m, s, MONITOR_DAY, now_s + 7 * 24 * 3600, &sum); /* long nothing: old places of the ring do not count */
    assert_int_equal(sum.utterances, 1);
    monitor_close(m);
}

static void test_clock(void **state) {
    (void)state;
    monitor *m = opened(8);
    monitor_utterance(m, tiny(m), &spoken);
    monitor_tick(m, NOW - 3600, take, NULL); /* back: the minute goes on */
    assert_int_equal(n_cells, 0);
    monitor_utterance(m, tiny(m), &spoken);
    monitor_tick(m, NOW + 86400, take, NULL); /* ahead: it ends */
    assert_int_equal(n_cells, 1);
    assert_int_equal(cells[0].utterances, 2);
    assert_int_equal(cells[0].start_s, NOW);
    monitor_close(m);
}

static void test_bounded(void **state) {
    (void)state;
    monitor *m = opened(4);
    char key[8];
    size_t last = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "k%d", i);
        cell_at at = name("tiny", key);
        size_t s = monitor_series(m, &at);
        assert_int_equal(monitor_series(m, &at), s);
        monitor_utterance(m, s, &spoken);
        last = s;
    }
    assert_int_equal(monitor_count(m), 4); /* the host, two, and all others */
    assert_string_equal(monitor_at(m, last)->model, MONITOR_OTHER);
    assert_int_equal(monitor_total(m, last)->utterances, 98);
    monitor_close(m);
    assert_int_equal(monitor_open(1, NOW, &m), STENO_E_INVALID);
    assert_int_equal(monitor_open(MONITOR_SERIES_MAX + 1, NOW, &m), STENO_E_INVALID);
}

/* What was stored comes back into windows, not into totals; what is too old, or of a time to come, does not. */
static void test_restore(void **state) {
    (void)state;
    monitor *m = opened(8);
    monitor_cell sum, c = {.at = name("tiny", ""), .utterances = 7};
    const int64_t ago_s[] = {600, 3 * 3600, 30 * 3600, -60};
    for (int i = 0; i < 4; i++) {
        c.start_s = NOW - ago_s[i];
        monitor_restore(m, &c, NOW);
    }
    size_t s = tiny(m);
    monitor_sum(m, s, MONITOR_HOUR, NOW, &sum);
    assert_int_equal(sum.utterances, 7);
    monitor_sum(m, s, MONITOR_DAY, NOW, &sum);
    assert_int_equal(sum.utterances, 14);
    assert_int_equal(monitor_total(m, s)->utterances, 0);
    monitor_tick(m, NOW + 60, take, NULL);
    assert_int_equal(n_cells, 0); /* and is not stored again */
    monitor_close(m);
}

/* A restart within a minute: what was counted before it is stored again with what comes, once. */
static void test_restore_running(void **state) {
    (void)state;
    monitor *m = opened(8);
    monitor_cell c = {.at = name("tiny", ""), .start_s = NOW, .utterances = 3};
    monitor_restore(m, &c, NOW + 20);
    monitor_empty(m, tiny(m), 1, 2);
    monitor_tick(m, NOW + 60, take, NULL);
    assert_int_equal(n_cells, 1);
    assert_int_equal(cells[0].utterances, 4);
    assert_int_equal(monitor_total(m, tiny(m))->utterances, 1); /* counters begin at the start */
    monitor_close(m);
}

static void test_host(void **state) {
    (void)state;
    monitor *m = opened(8);
    monitor_host(m, 30, 120, 1e8);
    monitor_host(m, -1, 120, 2e8);
    monitor_tick(m, NOW + 60, take, NULL);
    assert_int_equal(n_cells, 1);
    assert_string_equal(cells[0].at.model, "");
    assert_true(cells[0].busy_s == 30 && cells[0].capacity_s == 240 && cells[0].memory_bytes == 2e8);
    monitor_host(m, 30, 120, 3e8);
    monitor_tick(m, NOW + 120, take, NULL);
    const monitor_cell *hour = monitor_hour(m, 0, 0, NOW + 120);
    assert_true(hour->busy_s == 60 && hour->memory_bytes == 3e8); /* times add up, memory does not */
    monitor_close(m);
}

static void test_latency(void **state) {
    (void)state;
    monitor_cell c = {0};
    assert_true(monitor_latency_ms(&c, 0.5) < 0);
    c.latency_bin[3] = 100; /* 100 to 150 ms */
    assert_true(fabs(monitor_latency_ms(&c, 0.5) - 125) < 1e-9);
    c.latency_bin[CELL_LATENCY_BINS - 1] = 2;
    assert_true(monitor_latency_ms(&c, 0.99) == 20000); /* it has no upper bound */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utterances),      cmocka_unit_test(test_votes),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_clock),           cmocka_unit_test(test_bounded), cmocka_unit_test(test_restore),
        cmocka_unit_test(test_restore_running), cmocka_unit_test(test_host),    cmocka_unit_test(test_latency)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
