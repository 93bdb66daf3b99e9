/* test_rttm.c: RTTM and UEM files, good ones, strange ones and wrong ones; what the format writes is read back. */
#include "speakers/rttm.h"

#include "base/mem.h"
#include "output/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rttm parsed(const char *text) {
    rttm r;
    assert_int_equal(rttm_parse("test", text, strlen(text), &r), STENO_OK);
    return r;
}

static void turn_is(const rttm *r, const rttm_recording *of, size_t i, double start_s, double end_s, const char *who) {
    const rttm_turn *t = &r->turn[of->first + i];
    assert_true(i < of->n);
    assert_float_equal(t->start_s, start_s, 1e-9);
    assert_float_equal(t->end_s, end_s, 1e-9);
    assert_string_equal(of->speaker[t->speaker], who);
}

static void turns_are_sorted_and_named(void **state) {
    (void)state;
    rttm r = parsed("\xEF\xBB\xBF;; a comment\r\n"
                    "SPKR-INFO b 1 <NA> <NA> <NA> adult_male zoe <NA>\n"
                    "SPEAKER b 1 5.5 1e0 <NA> <NA> zoe <NA> <NA>\r\n"
                    "\n"
                    "SPEAKER\tb\t1\t1\t2\t<NA>\t<NA>\tamy\n"
                    "SPEAKER a 2 0 .5 <NA> <NA> amy <NA>\n"
                    "SPEAKER a 1 0 0 <NA> <NA> nothing <NA>\n"
                    "SPEAKER b 1 3.000 1 <NA> <NA> zoe <NA> <NA>");
    assert_int_equal(r.n_recordings, 2);
    assert_int_equal(r.n, 4);
    assert_null(rttm_find(&r, "a", "1"));
    const rttm_recording *a = rttm_find(&r, "a", "2"), *b = rttm_find(&r, "b", "1");
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(b->n_speakers, 2);
    turn_is(&r, a, 0, 0, 0.5, "amy");
    turn_is(&r, b, 0, 1, 3, "amy");
    turn_is(&r, b, 1, 3, 4, "zoe");
    turn_is(&r, b, 2, 5.5, 6.5, "zoe");
    rttm_free(&r);
}

static void turns_of_one_speaker_never_overlap(void **state) {
    (void)state;
    rttm r = parsed("SPEAKER a 1 1 2 <NA> <NA> x\nSPEAKER a 1 2 3 <NA> <NA> x\nSPEAKER a 1 1.5 0.1 <NA> <NA> x\n"
                    "SPEAKER a 1 5 1 <NA> <NA> x\nSPEAKER a 1 2 1 <NA> <NA> y\n");
    const rttm_recording *a = rttm_find(&r, "a", "1");
    assert_int_equal(a->n, 3);
    turn_is(&r, a, 0, 1, 5, "x");
    turn_is(&r, a, 1, 2, 3, "y");
    turn_is(&r, a, 2, 5, 6, "x"); /* only touches */
    rttm_free(&r);
}

static void uem_is_read(void **state) {
    (void)state;
    rttm r;
    const char *text = ";; file channel start end\nb 1 10 20\na 1 0.00 5\na 1 4 8\na 1 9 9\n";
    assert_int_equal(rttm_parse_uem("uem", text, strlen(text), &r), STENO_OK);
    assert_int_equal(r.n, 2);
    assert_float_equal(r.turn[rttm_find(&r, "a", "1")->first].end_s, 8, 1e-9);
    rttm_free(&r);
}

static void refuse(bool uem, const char *text, size_t n, const char *why) {
    rttm r;
    steno_err err = uem ? rttm_parse_uem("x", text, n, &r) : rttm_parse("x", text, n, &r);
    assert_int_equal(err, STENO_E_FORMAT);
    if (!strstr(steno_error_detail(), why)) print_message("not '%s': %s\n", why, steno_error_detail());
    assert_non_null(strstr(steno_error_detail(), why));
    assert_null(r.turn);
    rttm_free(&r);
}

static void wrong_lines_are_named(void **state) {
    (void)state;
    const struct {
        const char *text, *why;
    } cases[] = {
        {"SPEAKER a 1 0 1 <NA> <NA> x\nSPEAKER a 1 0\n", "x: line 2: 4 fields of the 8"},
        {"hello\n", "line 1: not a type of RTTM: 'hello'"},
        {"\n\nSPEAKER a 1 zero 1 <NA> <NA> x", "line 3: not a start in seconds: 'zero'"},
        {"SPEAKER a 1 -1 1 <NA> <NA> x", "not a start in seconds: '-1'"},
        {"SPEAKER a 1 0 -1 <NA> <NA> x", "not a duration in seconds: '-1'"},
        {"SPEAKER a 1 nan 1 <NA> <NA> x", "not a start in seconds: 'nan'"},
        {"SPEAKER a 1 0 inf <NA> <NA> x", "not a duration in seconds: 'inf'"},
        {"SPEAKER a 1 0x1 1 <NA> <NA> x", "not a start in seconds: '0x1'"},
        {"SPEAKER a 1 0 1e300 <NA> <NA> x", "not a duration in seconds: '1e300'"},
        {"SPEAKER a 1 1,5 1 <NA> <NA> x", "not a start in seconds: '1,5'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse(false, cases[i].text, strlen(cases[i].text), cases[i].why);
    refuse(true, "a 1 5 4\n", 8, "line 1: an end before its start: '4'");
    refuse(true, "a 1 5\n", 6, "3 fields of the 4");
    refuse(false, "SPEAKER a\0b 1 0 1 <NA> <NA> x", 30, "not the name of a recording");
    char name[400] = "SPEAKER a 1 0 1 <NA> <NA> ";
    memset(name + strlen(name), 'n', RTTM_NAME_BYTES_MAX + 1);
    refuse(false, name, strlen(name), "not the name of a speaker");
}

static void an_empty_file_has_no_recordings(void **state) {
    (void)state;
    rttm r = parsed("");
    assert_int_equal(r.n_recordings, 0);
    assert_null(rttm_find(&r, "a", "1"));
    rttm_free(&r);
    assert_int_equal(rttm_read("/nowhere/x.rttm", &r), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "/nowhere/x.rttm"));
}

static void memory_that_fails_leaves_nothing(void **state) {
    (void)state;
    const char *text = "SPEAKER a 1 0 1 <NA> <NA> x\nSPEAKER b 1 0 1 <NA> <NA> y\n";
    uint64_t n = 1;
    for (;; n++) {
        rttm r;
        mem_fault_arm(n);
        steno_err err = rttm_parse("x", text, strlen(text), &r);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        rttm_free(&r);
        if (!hit) break;
        assert_int_equal(err, STENO_E_NOMEM);
    }
    assert_true(n > 4);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    speaker_names names = {.n_voices = 1, .voices = {"Ann Lee"}};
    const steno_turn turns[] = {{0.5, 1.75, 0}, {1.5, 2.5, 1}, {3, 3, 1}, {4, 4.5, STENO_SPEAKER_OTHER}};
    output o;
    assert_int_equal(
        output_begin(&o, &output_rttm, out, &(output_head){.file = "dir/a b.wav", .speakers = &names, .turns = true}),
        STENO_OK);
    assert_int_equal(output_segment(&o, 1, &(released_segment){.text = "no", .end_s = 9}), STENO_OK);
    assert_int_equal(output_turns(&o, 1, turns, 4), STENO_OK);
    assert_int_equal(output_end(&o, &(output_tail){0}), STENO_OK);
    fclose(out);
    rttm r = parsed(text);
    const rttm_recording *a = rttm_find(&r, "a_b", "1");
    assert_non_null(a);
    assert_int_equal(a->n, 3);
    turn_is(&r, a, 0, 0.5, 1.75, "Ann_Lee");
    turn_is(&r, a, 1, 1.5, 2.5, "S1");
    turn_is(&r, a, 2, 4, 4.5, "other");
    rttm_free(&r);
    free(text);
}

static void words_make_turns_where_none_come(void **state) {
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    speaker_names names = {0};
    const steno_word words[] = {{.start_s = 1, .end_s = 1.2, .speaker = 0},
                                {.start_s = 1.3, .end_s = 1.5, .speaker = 0},
                                {.start_s = 1.5, .end_s = 1.8, .speaker = 1},
                                {.start_s = 2.5, .end_s = 3, .speaker = 1}};
    output o;
    output_head head = {.file = "x.wav", .speakers = &names, .split = true};
    assert_int_equal(output_begin(&o, &output_rttm, out, &head), STENO_OK);
    assert_int_equal(output_segment(&o, 2, &(released_segment){.text = "a b c d", .words = words, .n_words = 4}),
                     STENO_OK);
    assert_int_equal(output_end(&o, &(output_tail){0}), STENO_OK);
    fclose(out);
    assert_string_equal(text, "SPEAKER x 2 1.000 0.500 <NA> <NA> S1 <NA> <NA>\n"
                              "SPEAKER x 2 1.500 0.300 <NA> <NA> S2 <NA> <NA>\n"
                              "SPEAKER x 2 2.500 0.500 <NA> <NA> S2 <NA> <NA>\n");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_are_sorted_and_named),
        cmocka_unit_test(turns_of_one_speaker_never_overlap),
        cmocka_unit_test(uem_is_read),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(an_empty_file_has_no_recordings),
        cmocka_unit_test(memory_that_fails_leaves_nothing),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(words_make_turns_where_none_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
