/* test_score.c: the `score` subcommand on small files, and on the Debian reference texts where they are installed. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/score_corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>

#include "capture.h"

static char folder[] = "/tmp/steno-score-XXXXXX";
static char ref[64], hyp[64];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(ref, sizeof ref, "%s/ref", folder);
    snprintf(hyp, sizeof hyp, "%s/hyp", folder);
    return 0;
}

static int drop_folder(void **state) {
    (void)state;
    unlink(ref);
    unlink(hyp);
    return rmdir(folder);
}

/* Runs "score wer OPTIONS ref hyp" on the two texts. */
static int score(const char *options, const char *ref_text, const char *hyp_text) {
    char line[256];
    capture_put(ref, ref_text);
    capture_put(hyp, hyp_text);
    snprintf(line, sizeof line, "score wer %s %s %s", options, ref, hyp);
    return capture(cmd_score, line);
}

static void says(const char *text) {
    if (!strstr(captured_out, text)) print_message("no '%s' in:\n%s%s", text, captured_out, captured_err);
    assert_non_null(strstr(captured_out, text));
}

static void lines_are_compared_in_order(void **state) {
    (void)state;
    assert_int_equal(score("", "The cat sat.\r\n\non the mat\n", "the cat sad\n\non a the mat"), 0);
    says("utterances     3\n");
    says("words          6\n");
    says("substitutions  1\n");
    says("deletions      0\n");
    says("insertions     1\n");
    says("WER 33.33 %");
    assert_null(strstr(captured_out, "CER"));
    assert_int_equal(score("--cer", "abc de\n", "abd de\n"), 0);
    says("CER 20.00 %  (1 errors in 5 characters");
    assert_string_equal(captured_err, "");
}

static void other_line_breaks_need_whole(void **state) {
    (void)state;
    assert_int_equal(score("", "a b\nc d\n", "a b c d\n"), 1);
    assert_non_null(strstr(captured_err, "--whole"));
    assert_int_equal(score("--whole", "a b\nc d\n", "a b c\nd"), 0);
    says("WER 0.00 %");
    assert_int_equal(score("", "a b\nc d\n", ""), 0); /* nothing was heard at all */
    says("WER 100.00 %");
    assert_int_equal(capture_complaints(), 1);
}

static void ids_match_in_any_order(void **state) {
    (void)state;
    assert_int_equal(score("--ids", "u1\ta b\nu2 c d\n\nu3\te\n", "u3 e\nu1  a b\nu2\tc x\n"), 0);
    says("utterances     3\n");
    says("WER 20.00 %");
    assert_string_equal(captured_err, "");
    assert_int_equal(score("--ids", "u1\ta\r\n", "u1\r\n"), 0); /* an id and nothing else */
    says("deletions      1\n");
    assert_string_equal(captured_err, "");
}

static void missing_ids_are_deletions_and_extra_ones_do_not_count(void **state) {
    (void)state;
    assert_int_equal(score("--ids", "u1\ta b\nu2\tc d\n", "u1\ta b\nu9\tx y z\n"), 0);
    says("WER 50.00 %");
    says("deletions      2\n");
    says("insertions     0\n");
    says("missing        1");
    says("extra          1");
    assert_int_equal(capture_complaints(), 2);
    assert_non_null(strstr(captured_err, "'u2'"));
    assert_non_null(strstr(captured_err, "'u9'"));
}

static void an_id_twice_is_refused(void **state) {
    (void)state;
    assert_int_equal(score("--ids", "u1\ta\nu2\tb\nu1\tc\n", "u1\ta\n"), 1);
    assert_non_null(strstr(captured_err, "line 3: id 'u1' is already on line 1"));
    assert_int_equal(capture_complaints(), 1);
}

static void chinese_shows_both_rates(void **state) {
    (void)state;
    assert_int_equal(score("", "昨天是 MONDAY TODAY\n", "昨天四 monday\n"), 0);
    says("WER 40.00 %  (2 errors in 5 words");
    says("CER 42.86 %  (6 errors in 14 characters");
    assert_int_equal(score("--unit word", "昨天是 MONDAY TODAY\n", "昨天四 monday\n"), 0);
    says("WER 66.67 %");
    assert_int_equal(score("--unit char", "昨天\n", "昨\n"), 0);
    says("WER 50.00 %");
}

static void none_compares_the_text_as_it_is(void **state) {
    (void)state;
    assert_int_equal(score("--normalise none", "The cat.\n", "the cat\n"), 0);
    says("WER 100.00 %");
    assert_int_equal(score("--normalize none", "The cat.\n", "The cat.\n"), 0);
    says("WER 0.00 %");
}

static void per_line_is_a_table(void **state) {
    (void)state;
    assert_int_equal(score("--ids --per-line", "u1\ta b\nu2\tc\nu3\t...\n", "u1\ta\tx\nu3\n"), 0);
    says("id\twords\tsubstitutions\tdeletions\tinsertions\twer\tref\thyp\n");
    says("u1\t2\t1\t0\t0\t50.00\ta b\ta x\n"); /* a tab in the text does not make a column */
    says("u2\t1\t0\t1\t0\t100.00\tc\t\n");
    says("u3\t0\t0\t0\t0\t-\t...\t\n");
    assert_int_equal(score("--per-line", "a\n", "a\n"), 0);
    says("line\twords");
    says("1\t1\t0\t0\t0\t0.00\ta\ta\n");
}

static void json_is_whole(void **state) {
    (void)state;
    assert_int_equal(score("--ids --json --per-line --cer", "u1\ta \"b\"\nu2\tc\n", "u1\ta \x01\xFF\nu9\tz\n"), 0);
    json_t *root = json_loads(captured_out, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(root, "words")), 3);
    assert_int_equal(json_integer_value(json_object_get(root, "deletions")), 2);
    assert_true(json_number_value(json_object_get(root, "wer_percent")) > 66.6);
    assert_int_equal(json_array_size(json_object_get(root, "lines")), 2);
    assert_int_equal(json_array_size(json_object_get(root, "missing")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "extra"), 0)), "u9");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "cer"), "characters")), 3);
    json_decref(root);
    assert_int_equal(score("--json", "...\n", "a\n"), 1);
    root = json_loads(captured_out, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "wer_percent")));
    json_decref(root);
}

static void nothing_to_score_is_said(void **state) {
    (void)state;
    assert_int_equal(score("", "", ""), 1);
    assert_non_null(strstr(captured_err, "no words"));
    assert_int_equal(capture_complaints(), 1);
    char line[256];
    snprintf(line, sizeof line, "score wer %s /nowhere/hyp", ref);
    assert_int_equal(capture(cmd_score, line), 1);
    assert_non_null(strstr(captured_err, "steno: /nowhere/hyp: No such file"));
    snprintf(line, sizeof line, "score wer %s %s", folder, ref);
    assert_int_equal(capture(cmd_score, line), 1);
    assert_non_null(strstr(captured_err, "directory"));
}

static void usage(const char *line, const char *text) {
    assert_int_equal(capture(cmd_score, line), 2);
    assert_non_null(strstr(captured_err, text));
    assert_string_equal(captured_out, "");
}

static void wrong_usage(void **state) {
    (void)state;
    usage("score", "missing");
    usage("score dre a b", "'dre'");
    usage("score wer a", "two files");
    usage("score wer a b c", "two files");
    usage("score wer - -", "standard input");
    usage("score wer --unit x a b", "'x'");
    usage("score wer --normalise x a b", "'x'");
    usage("score wer --ids --whole a b", "exclude");
    usage("score wer --nonsense a b", "--help");
    assert_int_equal(capture(cmd_score, "score --help"), 0);
    says("apostrophes between two letters");
}

static void byte_order_marks_are_no_words(void **state) {
    (void)state;
    assert_int_equal(score("--ids", "\xEF\xBB\xBFu1 a\n", "u1 a\n"), 0);
    says("WER 0.00 %");
}

/* Each allocation fails in turn; what fails is reported and nothing leaks (the address sanitizer looks). */
static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    int status = 1;
    uint64_t nth = 1;
    for (; status; nth++) {
        capture_put(ref, "u1 a b\nu2 是\n");
        capture_put(hyp, "u2 是\nu3 x\nu1 b\n");
        char line[256];
        snprintf(line, sizeof line, "score wer --ids %s %s", ref, hyp);
        mem_fault_arm(nth);
        status = capture(cmd_score, line);
        assert_int_equal(status, mem_fault_hit() ? 1 : 0);
        assert_true(status == 0 || strstr(captured_err, "no memory"));
        mem_fault_arm(0);
    }
    assert_true(nth > 10);
}

static void reference_set(const char *script, int utterances, int words) {
    char command[256], line[256];
    capture_put(ref, "");
    snprintf(command, sizeof command, "%s >%s 2>/dev/null", script, ref);
    if (system(command) != 0) {
        print_message("skipped: %s: the Debian package is not installed\n", script);
        skip();
    }
    snprintf(line, sizeof line, "score wer --ids --json %s %s", ref, ref);
    assert_int_equal(capture(cmd_score, line), 0);
    json_t *root = json_loads(captured_out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "utterances")), utterances);
    assert_int_equal(json_integer_value(json_object_get(root, "words")), words);
    assert_true(json_number_value(json_object_get(root, "wer_percent")) == 0.0);
    json_decref(root);
}

static void the_prompts_are_the_published_set(void **state) {
    (void)state;
    reference_set("tools/prompts.sh", 353, 2943);
}

static void the_librivox_utterances_are_five(void **state) {
    (void)state;
    reference_set("tools/librivox.sh", 5, 71);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_compared_in_order),
        cmocka_unit_test(other_line_breaks_need_whole),
        cmocka_unit_test(ids_match_in_any_order),
        cmocka_unit_test(missing_ids_are_deletions_and_extra_ones_do_not_count),
        cmocka_unit_test(an_id_twice_is_refused),
        cmocka_unit_test(chinese_shows_both_rates),
        cmocka_unit_test(none_compares_the_text_as_it_is),
        cmocka_unit_test(per_line_is_a_table),
        cmocka_unit_test(json_is_whole),
        cmocka_unit_test(nothing_to_score_is_said),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(byte_order_marks_are_no_words),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(the_prompts_are_the_published_set),
        cmocka_unit_test(the_librivox_utterances_are_five),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
