/* test_der.c: diarization error rate on cases whose answer is known, switch rate on others, the assignment against all
 * permutations, and NIST's own scorer on ../shared/data where it is there.
 */
#include "speakers/assign.h"
#include "speakers/der.h"
#include "speakers/switch_rate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CASES "../shared/data/diarization/scorer-cases"

/* "A 0 10, B 5 12": turns by start and end. */
static rttm turns(const char *text) {
    char lines[4096] = "", who[32];
    double start_s, end_s;
    rttm r;
    for (const char *at = text; at && sscanf(at, " %31s %lf %lf", who, &start_s, &end_s) == 3;) {
        size_t n = strlen(lines);
        snprintf(lines + n, sizeof lines - n, "SPEAKER f 1 %.3f %.3f <NA> <NA> %s\n", start_s, end_s - start_s, who);
        at = strchr(at, ',');
        if (at) at++;
    }
    assert_int_equal(rttm_parse("test", lines, strlen(lines), &r), STENO_OK);
    return r;
}

static der_counts score(const char *ref_text, const char *hyp_text, der_options o, const char *uem_text) {
    rttm ref = turns(ref_text), hyp = turns(hyp_text), uem = {0};
    der_counts c;
    if (uem_text) {
        assert_int_equal(rttm_parse_uem("uem", uem_text, strlen(uem_text), &uem), STENO_OK);
        o.uem = &uem;
    }
    assert_int_equal(der_score(&ref, rttm_find(&ref, "f", "1"), &hyp, rttm_find(&hyp, "f", "1"), &o, &c, NULL),
                     STENO_OK);
    rttm_free(&ref);
    rttm_free(&hyp);
    rttm_free(&uem);
    return c;
}

static void is(der_counts c, double reference_s, double missed_s, double false_alarm_s, double confusion_s) {
    assert_float_equal(c.reference_s, reference_s, 1e-9);
    assert_float_equal(c.missed_s, missed_s, 1e-9);
    assert_float_equal(c.false_alarm_s, false_alarm_s, 1e-9);
    assert_float_equal(c.confusion_s, confusion_s, 1e-9);
}

static void known_answers(void **state) {
    (void)state;
    const der_options all = {0};
    is(score("A 0 10, B 10 20", "x 0 10, y 10 20", all, NULL), 20, 0, 0, 0);
    is(score("A 0 10, B 10 20", "x 0 20", all, NULL), 20, 0, 0, 10);         /* one label for two */
    is(score("A 0 10, B 10 20", "x 0 12, y 12 18", all, NULL), 20, 2, 0, 2); /* a late change, an early end */
    is(score("A 2 10", "x 0 12", all, NULL), 8, 0, 0, 0);                    /* outside nothing is scored … */
    is(score("A 2 10", "x 0 12", all, "f 1 0 20\n"), 8, 0, 4, 0);            /* … but where a UEM says so */
    is(score("A 0 10, B 4 6", "x 0 10", all, NULL), 12, 2, 0, 0);            /* the second of two is missed */
    is(score("A 0 10, B 4 6", "x 0 10, y 4 6", all, NULL), 12, 0, 0, 0);
    is(score("A 0 4, A 6 10", "x 0 10", all, NULL), 8, 0, 2, 0);                  /* a pause that was not heard */
    is(score("A 0 5, A 5 10, B 4 12", "x 0 10, y 4 12", all, NULL), 18, 0, 0, 0); /* turns that touch */
    is(score("A 0 10", "", all, NULL), 10, 10, 0, 0);
    is(score("A 0 10", "x 0 10, y 0 10, z 3 4", all, NULL), 10, 0, 11, 0);
    assert_float_equal(der_percent(&(der_counts){.reference_s = 20, .missed_s = 1, .confusion_s = 2}), 15, 1e-9);
    assert_float_equal(der_percent(&(der_counts){.false_alarm_s = 2}), 0, 1e-9);
}

static void collars_and_overlap(void **state) {
    (void)state;
    const der_options collar = {.collar_s = 0.25}, alone = {.no_overlap = true};
    is(score("A 0 10, B 10 20", "x 0 10.25, y 10.25 20", collar, NULL), 19, 0, 0, 0);
    is(score("A 0 10, B 10 20", "x 0 10.5, y 10.5 20", collar, NULL), 19, 0, 0, 0.25);
    is(score("A 0 10, B 4 6", "x 0 10", collar, NULL), 8.5 + 1.5, 1.5, 0, 0);
    is(score("A 0 10, B 4 6", "x 0 10", alone, NULL), 8, 0, 0, 0);
    is(score("A 0 10, B 4 6", "x 0 5, y 5 10", alone, NULL), 8, 0, 0, 4);
}

/* Speakers are matched by all of a recording, not one after the other. */
static void matching_is_the_best_of_all(void **state) {
    (void)state;
    /* x is with A for 6 and with B for 5; y with A for 5 only: the greedy match loses 10, the best 6. */
    is(score("A 0 11, B 11 16", "x 0 6, y 6 11, x 11 16", (der_options){0}, NULL), 16, 0, 0, 6);
}

static uint32_t next_random(uint32_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

/* The best of all assignments of rows from `row` on. */
static double best_of(const double *gain, int rows, int columns, int row, uint32_t used) {
    if (row == rows) return 0;
    double best = best_of(gain, rows, columns, row + 1, used);
    for (int j = 0; j < columns; j++) {
        if (used >> j & 1) continue;
        double sum = gain[row * columns + j] + best_of(gain, rows, columns, row + 1, used | 1u << j);
        if (sum > best) best = sum;
    }
    return best;
}

static void assignment_equals_all_permutations(void **state) {
    (void)state;
    uint32_t seed = getenv("STENO_SEED") ? (uint32_t)strtoul(getenv("STENO_SEED"), NULL, 10) : 20251;
    print_message("STENO_SEED=%u\n", seed);
    for (int round = 0; round < 400; round++) {
        int rows = (int)(next_random(&seed) % 6), columns = (int)(next_random(&seed) % 6), column[6];
        double gain[36], sum = 0;
        uint32_t used = 0;
        for (int i = 0; i < rows * columns; i++)
            gain[i] = next_random(&seed) % 3 ? (double)(next_random(&seed) % 1000) / 8 : 0;
        assert_int_equal(assign_best(gain, rows, columns, column), STENO_OK);
        for (int i = 0; i < rows; i++) {
            if (column[i] < 0) continue;
            assert_true(column[i] < columns && !(used >> column[i] & 1) && gain[i * columns + column[i]] > 0);
            used |= 1u << column[i];
            sum += gain[i * columns + column[i]];
        }
        assert_float_equal(sum, best_of(gain, rows, columns, 0, 0), 1e-9);
    }
}

static void too_many_speakers_are_refused(void **state) {
    (void)state;
    size_t n = DER_SPEAKERS_MAX + 1, at = 0, cap = n * 64;
    char *text = malloc(cap);
    rttm r;
    der_counts c;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, cap - at, "SPEAKER f 1 %zu 1 <NA> <NA> s%zu\n", i, i);
    assert_int_equal(rttm_parse("test", text, at, &r), STENO_OK);
    assert_int_equal(der_score(&r, &r.recording[0], &r, &r.recording[0], &(der_options){0}, &c, NULL), STENO_E_LIMIT);
    rttm_free(&r);
    free(text);
}

/* ---- switches --------------------------------------------------------------------------------------------------- */

static void switches(const char *ref_text, const char *hyp_text, int stretches, int unheard, int pairs, int n) {
    rttm ref = turns(ref_text), hyp = turns(hyp_text);
    switch_counts c;
    assert_int_equal(switch_rate(&ref, rttm_find(&ref, "f", "1"), &hyp, rttm_find(&hyp, "f", "1"), &c), STENO_OK);
    assert_int_equal(c.stretches, stretches);
    assert_int_equal(c.unheard, unheard);
    assert_int_equal(c.pairs, pairs);
    assert_int_equal(c.switches, n);
    rttm_free(&ref);
    rttm_free(&hyp);
}

static void switches_are_counted(void **state) {
    (void)state;
    switches("A 0 5, B 5 10, A 10 15, B 15 20", "x 0 5, y 5 10, x 10 15, y 15 20", 4, 0, 2, 0);
    switches("A 0 5, B 5 10, A 10 15, B 15 20", "x 0 5, y 5 10, z 10 15, y 15 20", 4, 0, 2, 1);
    switches("A 0 5, A 6 10, A 11 15", "x 0 5, y 6 10, x 11 15", 3, 0, 2, 2);  /* there and back */
    switches("A 0 5, A 6 6.9, A 11 15", "x 0 5, y 6 10, x 11 15", 2, 0, 1, 0); /* too short to count */
    switches("A 0 5, A 6 10, A 11 15", "x 0 5, x 11 15", 3, 1, 1, 0); /* unheard: neither a switch nor a label */
    switches("A 0 5, A 6 10", "x 0 3, y 3 5, x 6 7.9, y 7.9 10", 2, 0, 1, 1); /* the longer label is the label */
    switches("A 0 5", "", 1, 1, 0, 0);
}

static void overlap_cuts_stretches(void **state) {
    (void)state;
    /* A alone: 0–4 and 5–9; B alone only 0.5 s. */
    switches("A 0 9, B 4 5, B 9 9.5", "x 0 4, y 5 9", 2, 0, 1, 1);
    assert_float_equal(switch_percent(&(switch_counts){.pairs = 4, .switches = 1}), 25, 1e-9);
}

/* ---- NIST's scorer ---------------------------------------------------------------------------------------------- */

static void agrees_with_md_eval(void **state) {
    (void)state;
    char name[32], path[256];
    double collar_s, expected;
    int n = 0;
    FILE *in = fopen(CASES "/expected.tsv", "r");
    if (!in) {
        print_message("skipped: no " CASES "\n");
        skip();
    }
    assert_int_equal(fscanf(in, "%*[^\n]"), 0);
    for (; fscanf(in, "%31s %lf %lf", name, &collar_s, &expected) == 3; n++) {
        rttm ref, hyp;
        der_counts c;
        snprintf(path, sizeof path, CASES "/%s.ref.rttm", name);
        assert_int_equal(rttm_read(path, &ref), STENO_OK);
        snprintf(path, sizeof path, CASES "/%s.hyp.rttm", name);
        assert_int_equal(rttm_read(path, &hyp), STENO_OK);
        const der_options o = {.collar_s = collar_s};
        assert_int_equal(der_score(&ref, &ref.recording[0], &hyp, rttm_find(&hyp, name, "1"), &o, &c, NULL), STENO_OK);
        if (fabs(der_percent(&c) - expected) > 0.01)
            print_message("%s, collar %g: %.3f, not %.2f\n", name, collar_s, der_percent(&c), expected);
        assert_float_equal(der_percent(&c), expected, 0.01);
        rttm_free(&ref);
        rttm_free(&hyp);
    }
    fclose(in);
    assert_int_equal(n, 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(collars_and_overlap),
        cmocka_unit_test(matching_is_the_best_of_all),
        cmocka_unit_test(assignment_equals_all_permutations),
        cmocka_unit_test(too_many_speakers_are_refused),
        cmocka_unit_test(switches_are_counted),
        cmocka_unit_test(overlap_cuts_stretches),
        cmocka_unit_test(agrees_with_md_eval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
