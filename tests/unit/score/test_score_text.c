/* test_score_text.c: what the normaliser keeps and where units end, as docs/scoring.md says. */
#include "base/mem.h"
#include "score/score_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <utf8proc.h>

/* The tokens joined by '|'. Bytes that are no UTF-8 are written as '\'. */
static const char *joined(const char *text, size_t n, score_normaliser normaliser, score_unit unit) {
    static char out[4096];
    size_t at = 0;
    score_tokens t;
    assert_int_equal(score_tokens_make(text, n, normaliser, unit, &t), STENO_OK);
    for (size_t i = 0; i < t.n; i++) {
        if (i) out[at++] = '|';
        for (uint32_t k = 0; k < t.token[i].length; k++) {
            int32_t c = t.characters[t.token[i].first + k];
            if (c >= SCORE_RAW_BYTE)
                out[at++] = '\\';
            else
                at += (size_t)utf8proc_encode_char(c, (utf8proc_uint8_t *)out + at);
        }
    }
    out[at] = '\0';
    score_tokens_free(&t);
    return out;
}

#define BASIC(text, want)      assert_string_equal(joined(text, strlen(text), SCORE_BASIC, SCORE_AUTO), want)
#define NONE(text, want)       assert_string_equal(joined(text, strlen(text), SCORE_NONE, SCORE_AUTO), want)
#define UNIT(unit, text, want) assert_string_equal(joined(text, strlen(text), SCORE_BASIC, unit), want)

static void basic_drops_case_and_punctuation(void **state) {
    (void)state;
    BASIC("", "");
    BASIC(" \t ... ", "");
    BASIC("Hello, World!", "hello|world");
    BASIC("De-activated... re\xE2\x80\x94record", "de|activated|re|record");
    BASIC("H.323 www.asterisk.org", "h|323|www|asterisk|org");
    BASIC("50% of $3 & more", "50|of|3|more");
    BASIC("ÄÖÜ É", "äöü|é");
}

static void apostrophes_inside_words_stay(void **state) {
    (void)state;
    BASIC("don't party's", "don't|party's");
    BASIC("don\xE2\x80\x99t don\xCA\xBCt", "don't|don't");
    BASIC("'quoted' parties' 'tis", "quoted|parties|tis");
    BASIC("rock 'n' roll", "rock|n|roll");
    BASIC("a''b '", "a|b");
    BASIC("90's", "90's");
}

static void compatibility_forms_fold(void **state) {
    (void)state;
    BASIC("ＡＢＣ１２３", "abc123");
    BASIC("ﬁne", "fine");
    BASIC("e\xCC\x81t\xC3\xA9", "été"); /* composed and decomposed é are the same */
    BASIC("q\xCC\xA3\xCC\x87 q\xCC\x87\xCC\xA3", "q\xCC\xA3\xCC\x87|q\xCC\xA3\xCC\x87"); /* marks in one order */
    BASIC("don\xC2\xB4t", "don|t"); /* a spacing accent is no apostrophe */
    BASIC("so\xC2\xAD"
          "ft ze\xE2\x80\x8Bro",
          "soft|zero");
    BASIC("…", "");
}

static void chinese_counts_by_character(void **state) {
    (void)state;
    BASIC("昨天是 MONDAY TODAY", "昨|天|是|monday|today");
    BASIC("我，你。A我b", "我|你|a|我|b");
    UNIT(SCORE_WORD, "昨天是 MONDAY", "昨天是|monday");
    UNIT(SCORE_CHAR, "是 Mon q\xCC\xA3x", "是|m|o|n|q\xCC\xA3|x");
    assert_true(score_has_cjk("abc 是", 7));
    assert_false(score_has_cjk("abc é", 6));
    assert_false(score_has_cjk("", 0));
}

static void none_keeps_everything(void **state) {
    (void)state;
    NONE("Hello,  World!\t'x'", "Hello,|World!|'x'");
    NONE("\xC2\xA0 a\xE3\x80\x80"
         "b ",
         "a|b"); /* other spaces are spaces */
    NONE("a\xFF\xFE b\x80", "a\\\\|b\\");
}

static void broken_bytes_are_spaces(void **state) {
    (void)state;
    BASIC("ab\xFF"
          "cd \xE2\x80",
          "ab|cd");
    assert_string_equal(joined("a\0b", 3, SCORE_BASIC, SCORE_AUTO), "a|b");
}

static void raw_bytes_differ_from_each_other(void **state) {
    (void)state;
    score_tokens t;
    assert_int_equal(score_tokens_make("\xFF \xFE \xFF", 5, SCORE_NONE, SCORE_AUTO, &t), STENO_OK);
    assert_int_equal(t.n, 3);
    assert_false(score_token_same(&t, &t.token[0], &t, &t.token[1]));
    assert_true(score_token_same(&t, &t.token[0], &t, &t.token[2]));
    score_tokens_free(&t);
}

static void too_long_a_line_is_refused(void **state) {
    (void)state;
    score_tokens t;
    assert_int_equal(score_tokens_make("", SCORE_MAX_LINE_BYTES + 1, SCORE_BASIC, SCORE_AUTO, &t), STENO_E_LIMIT);
    score_tokens_free(&t);
}

static void every_failed_allocation_is_reported(void **state) {
    (void)state;
    score_tokens t;
    steno_err err = STENO_E_NOMEM;
    uint64_t nth = 1;
    for (; err != STENO_OK; nth++) {
        mem_fault_arm(nth);
        err = score_tokens_make("ab\xFF"
                                "cd 是",
                                9, SCORE_BASIC, SCORE_AUTO, &t);
        assert_true(err == (mem_fault_hit() ? STENO_E_NOMEM : STENO_OK));
        score_tokens_free(&t);
    }
    mem_fault_arm(0);
    assert_true(nth > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_drops_case_and_punctuation),
        cmocka_unit_test(apostrophes_inside_words_stay),
        cmocka_unit_test(compatibility_forms_fold),
        cmocka_unit_test(chinese_counts_by_character),
        cmocka_unit_test(none_keeps_everything),
        cmocka_unit_test(broken_bytes_are_spaces),
        cmocka_unit_test(raw_bytes_differ_from_each_other),
        cmocka_unit_test(too_long_a_line_is_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
