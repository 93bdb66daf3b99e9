/* test_bench_live.c: the figures of `steno bench live`: percentiles, and what a meter makes of a stream's events. */
#include "cmd/bench_live.h"
#include "cmd/bench_meter.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#define PACKET 512 /* 32 ms */

static void near(double a, double b) {
    if (fabs(a - b) > 1e-6) print_message("%.9g is not %.9g\n", a, b);
    assert_true(fabs(a - b) <= 1e-6);
}

/* ---- percentiles ------------------------------------------------------------------------------------------------ */

static void test_percentiles(void **state) {
    (void)state;
    bench_samples s = {0};
    near(bench_samples_percentile(&s, 0.5), 0);
    for (int i = 1000; i >= 1; i--) bench_samples_add(&s, i);
    near(bench_samples_percentile(&s, 0.5), 500);
    near(bench_samples_percentile(&s, 0.99), 990);
    bench_summary sum = bench_samples_summary(&s);
    assert_int_equal(sum.n, 1000);
    near(sum.p90, 900);
    near(sum.max, 1000);
    near(bench_samples_share_above(&s, 900), 0.1);
    bench_samples_add(&s, 0); /* after sorting, before the front */
    near(bench_samples_percentile(&s, 0), 0);
    assert_int_equal(s.lost, 0);
    bench_samples_free(&s);
}

static void test_few_values(void **state) {
    (void)state;
    bench_samples s = {0};
    bench_samples_add(&s, 7);
    near(bench_samples_percentile(&s, 0.01), 7);
    near(bench_samples_percentile(&s, 0.99), 7);
    bench_samples_add(&s, 9);
    near(bench_samples_percentile(&s, 0.5), 7);
    near(bench_samples_percentile(&s, 0.51), 9);
    bench_samples_free(&s);
}

/* ---- a stream --------------------------------------------------------------------------------------------------- */

typedef struct fixture {
    bench_totals totals;
    bench_meter meter;
} fixture;

/* Measured from second 100 to 140 of the clock; audio began at 90. */
static void begin(fixture *f) {
    *f = (fixture){.totals = {.from_s = 100, .to_s = 140}};
    bench_meter_init(&f->meter, &f->totals, 90, PACKET);
}

static void say(fixture *f, live_event e, double now_s) {
    if (!e.text) e.text = "";
    bench_meter_event(&f->meter, &e, now_s);
}

static live_event partial(uint64_t id, const char *text, double audio_end_s) {
    return (live_event){
        .kind = LIVE_PARTIAL, .message = id, .text = text, .audio_end_s = audio_end_s, .first_word_end_s = -1};
}

static live_event final(uint64_t id, double start_s, double end_s, double audio_end_s, steno_end_reason reason) {
    return (live_event){.kind = LIVE_FINAL,
                        .message = id,
                        .text = "so what",
                        .start_s = start_s,
                        .end_s = end_s,
                        .audio_end_s = audio_end_s,
                        .first_word_end_s = start_s + 0.3,
                        .reason = reason};
}

static void test_due(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    near(bench_meter_due_s(&f.meter, 0.001), 90.032); /* the packet that holds it is whole then */
    near(bench_meter_due_s(&f.meter, 0.032), 90.032);
    near(bench_meter_due_s(&f.meter, 0.0321), 90.064);
    assert_int_equal(bench_meter_due_samples(&f.meter, 89), 0);
    assert_int_equal(bench_meter_due_samples(&f.meter, 90.0639), PACKET);
    assert_int_equal(bench_meter_due_samples(&f.meter, 90.064), 2 * PACKET);
}

static void test_utterance(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    bench_totals *t = &f.totals;
    say(&f, (live_event){.kind = LIVE_SPEECH, .message = 1}, 102.0);
    say(&f, partial(1, "", 12.48), 102.5);
    say(&f, partial(1, "so", 12.992), 103.0);
    say(&f, partial(1, "so what", 13.6), 103.62);
    say(&f, final(1, 12, 13.6, 14.08, STENO_END_ENDPOINT), 104.3);
    assert_int_equal(t->partials, 3);
    assert_int_equal(t->finals, 1);
    assert_int_equal(t->ended[STENO_END_ENDPOINT], 1);
    near(bench_samples_percentile(&t->final_latency, 1), 104.3 - (90 + 14.08));
    near(bench_samples_percentile(&t->first_text, 1), 103.0 - (90 + 12.32)); /* 12.3 s lies in the packet up to 12.32 */
    near(bench_samples_percentile(&t->partial_lag, 1), 103.62 - (90 + 13.6));
    assert_int_equal(t->interval.n, 3); /* speech .. 102.5 .. 103 .. 103.62; the pause is none */
    near(bench_samples_share_above(&t->interval, 0.55), 1.0 / 3);
    near(t->speech_s, 1.6);
    bench_totals_free(t);
}

static void test_silent_server_misses_the_cadence(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    say(&f, (live_event){.kind = LIVE_SPEECH, .message = 1}, 102.0);
    say(&f, final(1, 12, 18, 18.5, STENO_END_ENDPOINT), 108.6); /* six seconds without a partial */
    assert_int_equal(f.totals.interval.n, 1);
    near(bench_samples_percentile(&f.totals.interval, 1), 90 + 18.016 - 102);
    near(bench_samples_percentile(&f.totals.first_text, 1), 108.6 - 102.32); /* the final is the first text */
    bench_totals_free(&f.totals);
}

static void test_rest_of_a_cut_utterance_has_no_first_text(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    say(&f, partial(1, "so", 13), 103);
    say(&f, final(1, 12, 27, 27.5, STENO_END_MAX), 117.6);
    assert_int_equal(f.totals.first_text.n, 1);
    say(&f, partial(2, "what", 28), 118.1);
    say(&f, final(2, 27, 29, 29.5, STENO_END_ENDPOINT), 119.6);
    assert_int_equal(f.totals.first_text.n, 1);
    say(&f, partial(3, "so", 31), 121.2);
    say(&f, final(3, 30.4, 31, 31.5, STENO_END_ENDPOINT), 121.6);
    assert_int_equal(f.totals.first_text.n, 2);
    assert_int_equal(f.totals.finals, 3);
    bench_totals_free(&f.totals);
}

/* The next utterance of somebody who goes on talking begins before the final of the last has come. */
static void test_utterances_overlap(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    say(&f, partial(1, "so", 13), 103);
    say(&f, (live_event){.kind = LIVE_SPEECH, .message = 2}, 117.4);
    say(&f, partial(2, "what", 27.8), 117.9);
    say(&f, final(1, 12, 13, 27.5, STENO_END_MAX), 118);
    assert_int_equal(f.totals.first_text.n, 1);
    near(bench_samples_percentile(&f.totals.first_text, 1), 103 - 102.304 - 0.016);
    say(&f, partial(2, "what", 28.3), 118.4);
    say(&f, final(2, 27, 28, 29.5, STENO_END_ENDPOINT), 119.6);
    assert_int_equal(f.totals.first_text.n, 1); /* it went on in the middle of speech */
    assert_int_equal(f.totals.interval.n, 2);
    near(bench_samples_percentile(&f.totals.interval, 1), 0.5);
    bench_totals_free(&f.totals);
}

static void test_outside_is_not_counted(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    say(&f, partial(1, "so", 1), 99.9);
    say(&f, (live_event){.kind = LIVE_STATS, .audio_samples = 1}, 99.9);
    say(&f, final(1, 1, 2, 3, STENO_END_ENDPOINT), 140.0);
    assert_int_equal(f.totals.partials + f.totals.finals + f.totals.lag.n + f.totals.final_latency.n, 0);
    bench_totals_free(&f.totals);
}

static void test_lag_and_its_growth(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    for (int i = 0; i < 40; i++) { /* a hundredth of a second behind for every second */
        double now_s = 100.016 + i, behind_s = 0.01 * i;
        uint64_t due = bench_meter_due_samples(&f.meter, now_s);
        say(&f, (live_event){.kind = LIVE_STATS, .audio_samples = due - (uint64_t)(behind_s * 16000 + 0.5)}, now_s);
    }
    assert_int_equal(f.totals.lag.n, 40);
    near(bench_samples_percentile(&f.totals.lag, 1), 0.39);
    near(bench_lag_growth_s(&f.totals), 0.30);
    bench_totals_free(&f.totals);
}

static void test_stretches_are_clipped(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    say(&f, (live_event){.kind = LIVE_OVERLOAD, .overloaded = true}, 95);
    say(&f, (live_event){.kind = LIVE_OVERLOAD, .overloaded = true}, 101); /* stretched further */
    say(&f, (live_event){.kind = LIVE_OVERLOAD}, 104);
    near(f.totals.stretched_s, 4);
    say(&f, (live_event){.kind = LIVE_OVERLOAD, .overloaded = true}, 138);
    bench_meter_end(&f.meter, 150);
    near(f.totals.stretched_s, 6);
    assert_int_equal(f.totals.overloads, 2);
}

/* ---- the objective ---------------------------------------------------------------------------------------------- */

static unsigned judge_with(bench_totals *t) {
    bench_objective o;
    bench_objective_init(&o);
    t->from_s = 0;
    t->to_s = 10;
    return bench_judge(t, &o, 2);
}

static void add_many(bench_samples *s, double value, int n) {
    for (int i = 0; i < n; i++) bench_samples_add(s, value);
}

static void test_objective(void **state) {
    (void)state;
    char text[160];
    bench_totals t = {0};
    assert_int_equal(judge_with(&t), BENCH_MISS_NOTHING);
    add_many(&t.final_latency, 0.3, 99);
    add_many(&t.first_text, 0.3, 10);
    add_many(&t.interval, 0.5, 90);
    add_many(&t.interval, 0.7, 10);
    t.stretched_s = 0.2;
    bench_samples_add(&t.final_latency, 5); /* one in a hundred */
    assert_int_equal(judge_with(&t), 0);
    add_many(&t.final_latency, 0.301, 2);
    assert_int_equal(judge_with(&t), BENCH_MISS_FINAL);
    add_many(&t.first_text, 0.4, 20);
    bench_samples_add(&t.interval, 0.7);
    t.stretched_s = 0.21;
    bench_samples_add(&t.lag_quarter[0], 0.01);
    bench_samples_add(&t.lag_quarter[3], 0.07);
    unsigned misses = judge_with(&t);
    assert_int_equal(misses,
                     BENCH_MISS_FINAL | BENCH_MISS_FIRST | BENCH_MISS_CADENCE | BENCH_MISS_STRETCH | BENCH_MISS_LAG);
    bench_misses_text(misses, text, sizeof text);
    assert_string_equal(text, "final latency, first text, cadence, stretched, lag growth");
    bench_misses_text(misses, text, 20); /* cut, not overrun */
    assert_string_equal(text, "final latency, firs");
    bench_totals_free(&t);
}

/* The search finds any capacity to within its precision, from any start. */
static void test_search(void **state) {
    (void)state;
    for (int capacity = 0; capacity <= 1000; capacity += capacity < 70 ? 1 : 37) {
        for (int from = 1; from <= 64; from *= 4) {
            int passed = 0, failed = 0, next, steps = 0;
            while ((next = bench_next_streams(from, passed, failed, 600)) > 0) {
                assert_true(next <= 600 && next > passed && (failed == 0 || next < failed));
                if (next <= capacity)
                    passed = next;
                else
                    failed = next;
                assert_true(++steps < 40);
            }
            int most = capacity < 600 ? capacity : 600;
            assert_true(passed <= most && most - passed <= (most / 20 > 1 ? most / 20 : 0));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_few_values),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_utterance),
        cmocka_unit_test(test_silent_server_misses_the_cadence),
        cmocka_unit_test(test_rest_of_a_cut_utterance_has_no_first_text),
        cmocka_unit_test(test_utterances_overlap),
        cmocka_unit_test(test_outside_is_not_counted),
        cmocka_unit_test(test_lag_and_its_growth),
        cmocka_unit_test(test_stretches_are_clipped),
        cmocka_unit_test(test_objective),
        cmocka_unit_test(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
