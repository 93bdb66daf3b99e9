/* test_score_turns.c: `steno score der` and `steno score switch` on small files. */
#include "cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>

#include "capture.h"

static char folder[] = "/tmp/steno-turns-XXXXXX";
static char ref[64], hyp[64], uem[64];

#define TURN(file, start, duration, who) "SPEAKER " file " 1 " start " " duration " <NA> <NA> " who " <NA> <NA>\n"

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(ref, sizeof ref, "%s/ref", folder);
    snprintf(hyp, sizeof hyp, "%s/hyp", folder);
    snprintf(uem, sizeof uem, "%s/uem", folder);
    return 0;
}

static int drop_folder(void **state) {
    (void)state;
    unlink(ref);
    unlink(hyp);
    unlink(uem);
    return rmdir(folder);
}

static int score(const char *what, const char *ref_text, const char *hyp_text) {
    char line[512];
    capture_put(ref, ref_text);
    capture_put(hyp, hyp_text);
    snprintf(line, sizeof line, "score %s %s %s", what, ref, hyp);
    return capture(cmd_score, line);
}

static double number(const json_t *in, const char *key) {
    return json_number_value(json_object_get(in, key));
}

static const char *const two = TURN("f", "0", "10", "A") TURN("f", "10", "10", "B") TURN("g", "0", "20", "A");

static void several_recordings_and_all(void **state) {
    (void)state;
    assert_int_equal(score("der --json", two, TURN("f", "0", "20", "x") TURN("g", "0", "15", "A")), 0);
    json_t *j = json_loads(captured_out, 0, NULL);
    assert_non_null(j);
    assert_float_equal(number(j, "der_percent"), 37.5, 1e-9);
    assert_float_equal(number(j, "missed_s"), 5, 1e-9);
    assert_float_equal(number(j, "confusion_s"), 10, 1e-9);
    assert_true(json_is_true(json_object_get(j, "overlap")));
    json_t *f = json_array_get(json_object_get(j, "recordings"), 0);
    assert_string_equal(json_string_value(json_object_get(f, "recording")), "f");
    assert_float_equal(number(f, "der_percent"), 50, 1e-9);
    assert_int_equal(number(f, "ref_speakers"), 2);
    json_t *mapping = json_object_get(f, "mapping");
    assert_int_equal(json_object_size(mapping), 2);
    assert_true(json_is_null(json_object_get(mapping, "A")) != json_is_null(json_object_get(mapping, "B")));
    json_decref(j);
    assert_int_equal(score("der", two, TURN("f", "0", "20", "x") TURN("g", "0", "15", "A")), 0);
    assert_non_null(strstr(captured_out, "  37.50    12.50         0.00      25.00     40.000    3/2    (all)\n"));
    assert_non_null(strstr(captured_out, "collar 0 s, overlapped speech scored\n"));
}

static void options_count(void **state) {
    (void)state;
    char line[300];
    assert_int_equal(score("der --json --collar 0.25", two, two), 0);
    assert_non_null(strstr(captured_out, "\"reference_s\":38.5"));
    assert_non_null(strstr(captured_out, "\"collar_s\":0.25"));
    capture_put(uem, "f 1 0 5\ng 1 0 5\n");
    snprintf(line, sizeof line, "der --no-overlap --uem %s --json", uem);
    assert_int_equal(score(line, two, two), 0);
    assert_non_null(strstr(captured_out, "\"reference_s\":10,"));
}

static void what_one_side_lacks_is_said(void **state) {
    (void)state;
    assert_int_equal(score("der", two, TURN("f", "0", "20", "x") TURN("h", "0", "9", "x")), 0);
    assert_int_equal(capture_complaints(), 2);
    assert_non_null(strstr(captured_err, "'g' is not there: its speech counts as missed"));
    assert_non_null(strstr(captured_err, "'h' is not in the reference: not counted"));
    assert_non_null(strstr(captured_out, "  75.00    50.00         0.00      25.00"));
}

static void switches(void **state) {
    (void)state;
    const char *once = TURN("f", "0", "5", "A") TURN("f", "6", "5", "A");
    assert_int_equal(score("switch --json", once, TURN("f", "0", "5", "x") TURN("f", "6", "5", "y")), 0);
    assert_non_null(strstr(captured_out, "],\"switch_percent\":100,\"switches\":1,\"pairs\":1,\"stretches\":2,"));
    assert_int_equal(score("switch", once, once), 0);
    assert_non_null(strstr(captured_out, "    0.00         0         1          2        0  (all)\n"));
}

static void wrong_usage_and_wrong_files(void **state) {
    (void)state;
    assert_int_equal(score("der --ids", two, two), 2);
    assert_non_null(strstr(captured_err, "--ids is for 'score wer' only"));
    assert_int_equal(score("switch --collar 0.25", two, two), 2);
    assert_int_equal(score("wer --collar 0.25", two, two), 2);
    assert_int_equal(score("der --collar -1", two, two), 2);
    assert_int_equal(score("der --collar x", two, two), 2);
    assert_int_equal(score("dre", two, two), 2);
    assert_int_equal(score("der", "", two), 1);
    assert_non_null(strstr(captured_err, "no turns in the reference"));
    assert_int_equal(score("der", two, "SPEAKER f 1 x 1 <NA> <NA> A\n"), 1);
    assert_non_null(strstr(captured_err, "line 1: not a start in seconds: 'x'"));
    assert_int_equal(capture_complaints(), 1);
    assert_int_equal(score("der --collar 10", two, two), 1);
    assert_non_null(strstr(captured_err, "no speech is left to score"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_recordings_and_all),  cmocka_unit_test(options_count),
        cmocka_unit_test(what_one_side_lacks_is_said), cmocka_unit_test(switches),
        cmocka_unit_test(wrong_usage_and_wrong_files),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
