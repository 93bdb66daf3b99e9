/* test_bench_speakers.c: what a live stream said about speakers, counted. */
#include "cmd/bench_speakers_tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char truth[] =
    "SPEAKER f 1 0 4 <NA> <NA> ann\nSPEAKER f 1 5 5 <NA> <NA> bob\nSPEAKER f 1 10.5 0.5 <NA> <NA> ann\n";
static const steno_voice voices[] = {{.name = "bob"}, {.name = "ann"}};

typedef struct fixture {
    rttm ref;
    tally_figures f;
    tally t;
} fixture;

static void begin(fixture *x, bool never_changes, int n_voices) {
    memset(x, 0, sizeof *x);
    assert_int_equal(rttm_parse("ref", truth, strlen(truth), &x->ref), STENO_OK);
    x->t = (tally){.ref = &x->ref,
                   .of = &x->ref.recording[0],
                   .never_changes = never_changes,
                   .n_voices = n_voices,
                   .voices = voices,
                   .latency_s = {1, 3},
                   .n_latencies = 2,
                   .figures = &x->f};
    assert_int_equal(tally_open(&x->t, 12), STENO_OK);
}

static void end(fixture *x) {
    tally_close(&x->t);
    rttm_free(&x->ref);
    tally_figures_free(&x->f);
}

static void turn_is(const tally *t, int latency, tally_walk *at, double start_s, double end_s, int speaker) {
    steno_turn turn;
    assert_true(tally_next_turn(t, latency, at, &turn));
    assert_float_equal(turn.start_s, start_s, 1e-6);
    assert_float_equal(turn.end_s, end_s, 1e-6);
    assert_int_equal(turn.speaker, speaker);
}

static void labels_count_when_they_came(void **state) {
    (void)state;
    fixture x;
    begin(&x, false, 0);
    tally_turns(&x.t, 1.0, (steno_turn[]){{0, 1, 0}}, 1);
    tally_turns(&x.t, 2.0, (steno_turn[]){{0, 2, 1}}, 1);              /* in time for blocks that end at 1 or later */
    tally_turns(&x.t, 4.5, (steno_turn[]){{2, 3, 0}, {2.5, 4, 1}}, 2); /* at 1 s latency only from 3.25 on */
    tally_walk at = {0};
    turn_is(&x.t, 0, &at, 0, 0.75, 0);
    turn_is(&x.t, 0, &at, 0.75, 2, 1);
    turn_is(&x.t, 0, &at, 3.25, 4, 1);
    assert_false(tally_next_turn(&x.t, 0, &at, &(steno_turn){0}));
    at = (tally_walk){0};
    turn_is(&x.t, 1, &at, 2, 3, 0);
    turn_is(&x.t, 1, &at, 0, 2, 1);
    turn_is(&x.t, 1, &at, 2.5, 4, 1);
    end(&x);
}

static released_segment message(uint32_t id, steno_word *words, uint32_t n, bool fixed) {
    return (released_segment){
        .id = id, .words = words, .n_words = n, .speaker = words[0].speaker, .speaker_fixed = fixed, .text = ""};
}

static void said(fixture *x, double heard_s, steno_event_kind kind, released_segment s) {
    assert_int_equal(tally_segment(&x->t, heard_s, kind, &s), STENO_OK);
}

static void first_labels_are_timed(void **state) {
    (void)state;
    fixture x;
    steno_word a[] = {{.start_s = 0.1, .end_s = 0.5, .speaker = -1}, {.start_s = 5.1, .end_s = 6, .speaker = -1}};
    begin(&x, false, 0);
    said(&x, 1.0, STENO_EVENT_PARTIAL, message(0, a, 1, false)); /* nobody is known */
    a[0].speaker = 0;
    said(&x, 1.5, STENO_EVENT_PARTIAL, message(0, a, 1, false));
    said(&x, 2.5, STENO_EVENT_PARTIAL, message(0, a, 1, false)); /* not the first */
    said(&x, 6.0, STENO_EVENT_SEGMENT, message(0, a, 2, false));
    a[1].speaker = 1;
    said(&x, 7.25, STENO_EVENT_SPEAKERS, message(0, a, 2, false));
    tally_finish(&x.t);
    assert_int_equal(x.f.first_label.n, 2);
    assert_float_equal(bench_samples_percentile(&x.f.first_label, 0), 1.5, 1e-9);
    assert_float_equal(bench_samples_percentile(&x.f.first_label, 1), 2.25, 1e-9);
    assert_int_equal(x.f.turns, 2); /* the third is too short to need one */
    assert_int_equal(x.f.unlabelled, 0);
    assert_int_equal(x.f.messages, 1);
    assert_int_equal(x.f.revisions, 1);
    assert_int_equal(x.f.relabelled, 0); /* from nobody to somebody is no change of mind */
    end(&x);
}

static void broken_promises_are_seen(void **state) {
    (void)state;
    fixture x;
    steno_word a[] = {{.start_s = 0.1, .end_s = 0.5, .speaker = 0}, {.start_s = 1, .end_s = 2, .speaker = -1}};
    begin(&x, true, 0);
    said(&x, 1, STENO_EVENT_SEGMENT, message(3, a, 2, false));
    a[1].speaker = 1;
    said(&x, 2, STENO_EVENT_SPEAKERS, message(3, a, 2, true));
    assert_int_equal(x.f.broken, 0);
    a[0].speaker = 1;
    said(&x, 3, STENO_EVENT_SPEAKERS, message(3, a, 2, true));
    assert_int_equal(x.f.broken, 1);
    assert_int_equal(x.f.relabelled, 1);
    end(&x);
    begin(&x, false, 0);
    a[0].speaker = 0;
    said(&x, 1, STENO_EVENT_SEGMENT, message(70, a, 2, false));
    a[0].speaker = 2;
    said(&x, 2, STENO_EVENT_SPEAKERS, message(70, a, 2, true)); /* allowed: it may revise */
    assert_int_equal(x.f.broken, 0);
    a[0].speaker = -1;
    said(&x, 3, STENO_EVENT_SPEAKERS, message(70, a, 2, true)); /* was fixed */
    assert_int_equal(x.f.broken, 1);
    end(&x);
}

static void people_are_identified(void **state) {
    (void)state;
    fixture x;
    begin(&x, true, 2);
    tally_turns(&x.t, 4, (steno_turn[]){{0, 4, 1}}, 1);
    tally_turns(&x.t, 8, (steno_turn[]){{7, 8, 0}}, 1);
    tally_turns(&x.t, 9, (steno_turn[]){{8, 9, STENO_SPEAKER_OTHER}}, 1);
    tally_turns(&x.t, 10, (steno_turn[]){{9, 10, STENO_SPEAKER_UNKNOWN}}, 1);
    tally_finish(&x.t);
    assert_float_equal(x.f.identified_s, 2 + 3, 1e-6);
    assert_float_equal(x.f.mistaken_s, 1, 1e-6);
    assert_float_equal(x.f.unnamed_s, 1 + 0.75, 1e-6); /* blocks of ann that ended before 3 came too late at 1 s */
    end(&x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_count_when_they_came),
        cmocka_unit_test(first_labels_are_timed),
        cmocka_unit_test(broken_promises_are_seen),
        cmocka_unit_test(people_are_identified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
