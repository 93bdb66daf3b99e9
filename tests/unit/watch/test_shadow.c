/* test_shadow.c: pairs by time, differences, evidence: false verdicts over many looks, and how soon a worse model is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "watch/shadow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static text_meter *meter;

static int open_meter(void **state) {
    (void)state;
    return text_meter_open(&meter) == STENO_OK ? 0 : -1;
}

static int close_meter(void **state) {
    (void)state;
    text_meter_close(meter);
    return 0;
}

/* ---- pairs ---------------------------------------------------------------------------------------------------------- */

static shadow_pairer pairer;
static shadow_pair pair;
static const bool a_and_b[SHADOW_SIDES] = {[SHADOW_A] = true, [SHADOW_B] = true};

static void said(shadow_side side, double start_s, double end_s, const char *text) {
    shadow_final f = {.start_s = start_s, .end_s = end_s, .speech_s = end_s - start_s, .confidence = 0.9, .text = text};
    assert_true(shadow_pairer_final(&pairer, side, &f));
}

static void next_is(const char *a, const char *b) {
    assert_true(shadow_pairer_next(&pairer, &pair));
    assert_string_equal(pair.side[SHADOW_A].text, a);
    assert_string_equal(pair.side[SHADOW_B].text, b);
}

static void however_it_is_cut_pairs_are_the_same(void **state) {
    (void)state;
    shadow_pairer_init(&pairer, a_and_b, 0);
    said(SHADOW_A, 0.0, 4.0, "one two three four");
    said(SHADOW_B, 0.1, 1.9, "one two");
    said(SHADOW_B, 2.0, 6.0, "three four five");
    assert_false(shadow_pairer_next(&pairer, &pair)); /* A may yet say something before 6 */
    said(SHADOW_A, 4.2, 6.0, "five");
    said(SHADOW_A, 8.0, 9.0, "six");
    assert_false(shadow_pairer_next(&pairer, &pair)); /* and B */
    said(SHADOW_B, 8.1, 9.1, "sick");
    next_is("one two three four five", "one two three four five");
    assert_false(shadow_pairer_next(&pairer, &pair));
    shadow_pairer_ended(&pairer, SHADOW_A);
    assert_false(shadow_pairer_next(&pairer, &pair));
    shadow_pairer_ended(&pairer, SHADOW_B);
    next_is("six", "sick");
    assert_false(shadow_pairer_next(&pairer, &pair));
    shadow_pairer_free(&pairer);
}

static void one_that_hears_nothing_is_paired_with_nothing(void **state) {
    (void)state;
    shadow_pairer_init(&pairer, a_and_b, 0);
    said(SHADOW_A, 1.0, 2.0, "hello");
    said(SHADOW_A, 5.0, 6.0, "there");
    said(SHADOW_B, 5.0, 6.0, "there");
    next_is("hello", "");
    shadow_pairer_ended(&pairer, SHADOW_A);
    shadow_pairer_ended(&pairer, SHADOW_B);
    next_is("there", "there");
    shadow_pairer_free(&pairer);
}

static void what_not_all_have_heard_is_left_out(void **state) {
    (void)state;
    shadow_pairer_init(&pairer, a_and_b, 2.0);
    said(SHADOW_A, 1.0, 3.0, "began before");
    said(SHADOW_B, 2.0, 3.0, "before");
    said(SHADOW_A, 4.0, 5.0, "whole");
    said(SHADOW_B, 4.0, 5.0, "whole");
    said(SHADOW_A, 6.0, 9.0, "goes on behind");
    said(SHADOW_B, 6.0, 7.0, "goes on");
    shadow_pairer_until(&pairer, 7.0);
    shadow_pairer_ended(&pairer, SHADOW_A);
    shadow_pairer_ended(&pairer, SHADOW_B);
    next_is("whole", "whole");
    assert_false(shadow_pairer_next(&pairer, &pair));
    shadow_pairer_free(&pairer);
}

static void as_many_wait_as_there_is_room_for(void **state) {
    (void)state;
    shadow_final f = {.text = "x"};
    shadow_pairer_init(&pairer, a_and_b, 0);
    for (int i = 0; i < SHADOW_PENDING; i++) {
        f.start_s = i, f.end_s = i + 0.5;
        assert_true(shadow_pairer_final(&pairer, SHADOW_A, &f));
    }
    assert_false(shadow_pairer_final(&pairer, SHADOW_A, &f));
    shadow_pairer_free(&pairer);
}

/* Any two cuts of the same words into utterances give the same words in pairs, in order, with nothing left over. */
static void random_cuts_lose_nothing(void **state) {
    (void)state;
    srand(7);
    for (int round = 0; round < 500; round++) {
        char whole[2][SHADOW_TEXT_BYTES * 4] = {"", ""};
        shadow_pairer_init(&pairer, a_and_b, 0);
        for (int side = 0; side < 2; side++) {
            for (int w = 0; w < 40;) {
                char text[256] = "";
                int n = 1 + rand() % 6, from = w;
                for (; w < 40 && n--; w++) {
                    size_t len = strlen(text);
                    snprintf(text + len, sizeof text - len, "%sw%d", text[0] ? " " : "", w);
                }
                said((shadow_side)side, from, w - 0.01, text);
            }
            shadow_pairer_ended(&pairer, (shadow_side)side);
        }
        while (shadow_pairer_next(&pairer, &pair)) {
            for (int side = 0; side < 2; side++) {
                size_t len = strlen(whole[side]);
                snprintf(whole[side] + len, sizeof whole[side] - len, "%s ", pair.side[side].text);
            }
            assert_string_equal(pair.side[0].text, pair.side[1].text);
        }
        assert_string_equal(whole[0], whole[1]);
        assert_non_null(strstr(whole[0], "w39"));
        shadow_pairer_free(&pairer);
    }
}

/* ---- differences ---------------------------------------------------------------------------------------------------- */

static void differences_have_a_kind(void **state) {
    (void)state;
    shadow_difference d;
    assert_int_equal(shadow_compare("He walked 15 miles, surely.", "he walks 50 miles to town surely", &d), STENO_OK);
    assert_true(d.words == 5 && d.other_words == 7);
    assert_true(d.edits == 4 && d.substitutions == 2 && d.insertions == 2 && d.deletions == 0);
    assert_true(d.kind[SHADOW_FORM] == 1 && d.kind[SHADOW_NUMBER] == 1 && d.kind[SHADOW_WORD] == 0);
    assert_int_equal(shadow_compare("我们今天去北京", "我们明天去北京", &d), STENO_OK);
    assert_true(d.words == 7 && d.edits == 1);
    assert_int_equal(shadow_compare("", "", &d), STENO_OK);
    assert_true(d.words == 0 && d.edits == 0);
}

/* ---- counts --------------------------------------------------------------------------------------------------------- */

static void put_text(shadow_pair *p, shadow_side side, const char *text, double confidence) {
    shadow_text *t = &p->side[side];
    *t = (shadow_text){.heard = true, .speech_s = 4, .confidence = confidence, .n = strlen(text)};
    memcpy(t->text, text, t->n + 1);
}

static void faults_are_counted_for_the_side_that_made_them(void **state) {
    (void)state;
    shadow_counts c = {0};
    shadow_unit u = {0};
    shadow_difference d;
    memset(&pair, 0, sizeof pair);
    put_text(&pair, SHADOW_A, "", 0);
    put_text(&pair, SHADOW_B, "there was a lot to say", 0.9);
    assert_true(shadow_count(&c, &u, &pair, meter, &d));
    put_text(&pair, SHADOW_A, "a plain sentence of some length here", 0.9);
    put_text(&pair, SHADOW_B, "and then and then and then and then and then and then", 0.9);
    pair.side[SHADOW_B].looped = true;
    assert_true(shadow_count(&c, &u, &pair, meter, &d));
    assert_true(c.fault[SHADOW_A][SHADOW_EMPTY] == 1 && c.fault[SHADOW_B][SHADOW_EMPTY] == 0);
    assert_true(c.fault[SHADOW_B][SHADOW_LOOPED] == 1 && c.fault[SHADOW_B][SHADOW_REPEATED] == 1);
    assert_true(u.for_b[SHADOW_BY_FAULTS] == 1 && u.for_a[SHADOW_BY_FAULTS] == 1);
    assert_true(c.with[SHADOW_B].pairs == 2 && c.with[SHADOW_AGAIN].pairs == 0);
    shadow_count_stream(&c, &u);
    assert_true(c.with[SHADOW_B].streams == 1 && c.by[SHADOW_BY_FAULTS].n == 1);
    assert_true(fabs(c.by[SHADOW_BY_FAULTS].for_b - 0.5) < 1e-12);
}

static void one_that_is_unsure_makes_nobody_faulty(void **state) {
    (void)state;
    shadow_counts c = {0};
    shadow_unit u = {0};
    shadow_difference d;
    memset(&pair, 0, sizeof pair);
    put_text(&pair, SHADOW_A, "", 0);
    put_text(&pair, SHADOW_B, "thank you for watching", 0.4); /* of noise, perhaps */
    assert_true(shadow_count(&c, &u, &pair, meter, &d));
    assert_true(c.fault[SHADOW_A][SHADOW_EMPTY] == 0);
}

static void the_referee_says_who_is_nearer(void **state) {
    (void)state;
    shadow_counts c = {0};
    shadow_unit u = {0};
    shadow_difference d;
    memset(&pair, 0, sizeof pair);
    put_text(&pair, SHADOW_A, "the cat sat on a mat", 0.9);
    put_text(&pair, SHADOW_B, "the cat sat on the mat", 0.9);
    put_text(&pair, SHADOW_REFEREE, "the cat sat on the mat", 0.9);
    assert_true(shadow_count(&c, &u, &pair, meter, &d));
    assert_true(u.for_b[SHADOW_BY_REFEREE] == 1 && u.for_a[SHADOW_BY_REFEREE] == 0);
}

/* ---- evidence, simulated ---------------------------------------------------------------------------------------------- */

static uint64_t seed;

static double uniform(void) { /* splitmix64 */
    uint64_t x = seed += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (double)((x ^ (x >> 31)) >> 11) / 9007199254740992.0;
}

/* A stream of `pairs` utterances. Every stream has its own difficulty, which both share, and luck of its own for each side: utterances of a
 * stream are anything but independent. `a`, `b`: mean shares of utterances with faults. */
static void simulate_stream(shadow_unit *u, double a, double b, int pairs) {
    double hard = uniform() < 0.2 ? 4 : 0.25, luck_a = 2 * uniform(), luck_b = 2 * uniform();
    for (int i = 0; i < pairs; i++) {
        bool of_a = uniform() < a * hard * luck_a, of_b = uniform() < b * hard * luck_b;
        u->pairs++;
        u->for_b[SHADOW_BY_FAULTS] += of_a;
        u->for_a[SHADOW_BY_FAULTS] += of_b;
    }
}

static const bool faults_alone[SHADOW_MEASURES] = {[SHADOW_BY_FAULTS] = true};
static const bool all_measures[SHADOW_MEASURES] = {true, true, true};

/* Utterances until there is a verdict, which is *is; at most `streams` streams of 1 to 20 utterances. A look after every utterance finds what
 * one after every stream does: an open stream is no evidence yet. */
static int run_until_verdict(double a, double b, int streams, const bool *used, shadow_verdict_is *is) {
    shadow_counts c = {0};
    int utterances = 0;
    *is = SHADOW_UNKNOWN;
    for (int i = 0; i < streams && *is == SHADOW_UNKNOWN; i++) {
        shadow_unit u = {0};
        shadow_verdict v;
        int pairs = 1 + (int)(20 * uniform());
        simulate_stream(&u, a, b, pairs);
        if (used == all_measures) { /* two more questions of the same kind */
            double draw = uniform(), other = uniform();
            u.for_b[SHADOW_BY_REFEREE] = draw, u.for_a[SHADOW_BY_REFEREE] = 1 - draw;
            u.for_b[SHADOW_BY_CONFIDENCE] = other, u.for_a[SHADOW_BY_CONFIDENCE] = 1 - other;
        }
        utterances += pairs;
        shadow_count_stream(&c, &u);
        shadow_judge(&c, used, &v);
        *is = v.is;
    }
    return utterances;
}

static int false_verdicts(const bool *used, int runs) {
    int n = 0;
    for (int k = 0; k < runs; k++) {
        shadow_verdict_is is;
        run_until_verdict(0.03, 0.03, 1000, used, &is);
        n += is != SHADOW_UNKNOWN;
    }
    return n;
}

static void equals_are_hardly_ever_told_apart(void **state) {
    (void)state;
    seed = 20261126;
    int runs = 400, by_faults = false_verdicts(faults_alone, runs), by_all = false_verdicts(all_measures, runs);
    printf("seed 20261126: of %d runs of 1000 streams of equals, judged after every one: %d false verdicts by faults, "
           "%d by all "
           "three\n",
           runs, by_faults, by_all);
    assert_true(by_faults < runs * SHADOW_ALPHA);
    assert_true(by_all < runs * SHADOW_ALPHA);
}

static int by_number(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static void a_worse_one_is_found(void **state) {
    (void)state;
    static const double times[] = {2, 3, 5, 10};
    seed = 4711;
    for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
        int needed[60], wrong = 0, unknown = 0, n = 60;
        for (int i = 0; i < n; i++) {
            shadow_verdict_is is;
            needed[i] = run_until_verdict(0.01, 0.01 * times[k], 5000, faults_alone, &is);
            wrong += is == SHADOW_BETTER;
            unknown += is == SHADOW_UNKNOWN;
        }
        qsort(needed, (size_t)n, sizeof needed[0], by_number);
        printf("seed 4711: faults in 1 %% of utterances against %g %%: worse after %d utterances (median), %d (nine of "
               "ten); %d of %d unknown, %d wrong\n",
               times[k], needed[n / 2], needed[n * 9 / 10], unknown, n, wrong);
        assert_int_equal(wrong, 0);
        assert_int_equal(unknown, 0);
    }
}

/* Bounds hold for all looks together: edits by stream, from one distribution, in streams of all lengths. */
static void bounds_hold_at_every_look(void **state) {
    (void)state;
    int runs = 300, missed = 0;
    seed = 99;
    for (int k = 0; k < runs; k++) {
        shadow_counts c = {0};
        bool miss = false;
        for (int i = 0; i < 500; i++) {
            shadow_unit u = {0};
            shadow_verdict v;
            int words = 20 + (int)(400 * uniform());
            double rate = 0.2 * uniform(); /* of this stream; 0.1 on average */
            for (int w = 0; w < words; w++) u.edits[SHADOW_B] += uniform() < rate;
            u.words[SHADOW_B] = words;
            c.with[SHADOW_B].all.words += words;
            c.with[SHADOW_B].all.edits += u.edits[SHADOW_B];
            shadow_count_stream(&c, &u);
            shadow_judge(&c, faults_alone, &v);
            if (v.difference.low >= 0) miss |= v.difference.low > 0.1 || v.difference.high < 0.1;
        }
        missed += miss;
    }
    printf("seed 99: of %d runs of 500 streams, %d had bounds that missed the true rate at any look\n", runs, missed);
    assert_true(missed < runs * SHADOW_ALPHA);
}

static void once_sure_stays_sure(void **state) {
    (void)state;
    shadow_counts c = {0};
    shadow_verdict v;
    shadow_unit for_b = {.pairs = 1, .for_b[SHADOW_BY_FAULTS] = 1}, for_a = {.pairs = 1, .for_a[SHADOW_BY_FAULTS] = 1};
    for (int i = 0; i < 10; i++) shadow_count_stream(&c, &for_b);
    shadow_judge(&c, faults_alone, &v);
    assert_int_equal(v.is, SHADOW_BETTER);
    for (int i = 0; i < 10; i++) shadow_count_stream(&c, &for_a);
    shadow_judge(&c, faults_alone, &v);
    assert_int_equal(v.is, SHADOW_BETTER);
    assert_true(v.log_better < v.log_needed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(however_it_is_cut_pairs_are_the_same),
        cmocka_unit_test(one_that_hears_nothing_is_paired_with_nothing),
        cmocka_unit_test(what_not_all_have_heard_is_left_out),
        cmocka_unit_test(as_many_wait_as_there_is_room_for),
        cmocka_unit_test(random_cuts_lose_nothing),
        cmocka_unit_test(differences_have_a_kind),
        cmocka_unit_test(faults_are_counted_for_the_side_that_made_them),
        cmocka_unit_test(one_that_is_unsure_makes_nobody_faulty),
        cmocka_unit_test(the_referee_says_who_is_nearer),
        cmocka_unit_test(equals_are_hardly_ever_told_apart),
        cmocka_unit_test(a_worse_one_is_found),
        cmocka_unit_test(bounds_hold_at_every_look),
        cmocka_unit_test(once_sure_stays_sure),
    };
    return cmocka_run_group_tests(tests, open_meter, close_meter);
}
