/* test_token.c: text into tokens, and which of them stay whatever follows. */
#include "privacy/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <stdlib.h>
#include <cmocka.h>

#define ROOM 256

static token tokens[ROOM];

static uint32_t read_all(const char *text, size_t n) {
    size_t at = 0;
    uint32_t count = token_read(text, n, &at, tokens, ROOM);
    assert_int_equal(at, n);
    return count;
}

/* "hello|13|." as it was cut. */
static void check_cuts(const char *text, const char *expected) {
    char got[512] = "";
    uint32_t n = read_all(text, strlen(text));
    for (uint32_t i = 0; i < n; i++) {
        if (i) strcat(got, "|");
        strncat(got, text + tokens[i].at, tokens[i].n);
    }
    assert_string_equal(got, expected);
}

static void words_figures_and_signs(void **state) {
    (void)state;
    check_cuts("Hello, it's 138-1234", "Hello|,|it's|138|-|1234");
    check_cuts("john.smith@example.com", "john|.|smith|@|example|.|com");
    check_cuts("the 'dogs' café", "the|'|dogs|'|café");
    check_cuts("a1b2", "a|1|b|2");
    check_cuts("3rd 21st 13x", "3rd|21st|13|x");
    check_cuts("一\x1e二", "一|\x1e|二");
    check_cuts("１３８　０", "１３８|０");
    check_cuts("138\xe2\x80\x8b"
               "1234",
               "138|1234"); /* an invisible blank */
    check_cuts("\xff\xfe x", "\xff|\xfe|x");
}

static void han_words_are_the_longest(void **state) {
    (void)state;
    check_cuts("我的身份证号是一二三", "我|的|身份证号|是|一|二|三");
    check_cuts("身份证明", "身份证|明");
    check_cuts("一起去", "一起|去");
    check_cuts("一三五一起", "一|三|五|一|起"); /* a figure after figures is a figure */
    check_cuts("艾特example点com", "艾特|example|点|com");
}

static void senses_and_values(void **state) {
    (void)state;
    read_all("Nineteen DOUBLE five 两 百 0138 x @ 1234567890123456789", 57);
    assert_int_equal(tokens[0].sense & SENSE_TEEN, SENSE_TEEN);
    assert_int_equal(tokens[0].value, 19);
    assert_int_equal(tokens[1].value, 2);
    assert_int_equal(tokens[2].value, 5);
    assert_true(tokens[3].sense & SENSE_DIGIT && tokens[3].value == 2);
    assert_true(tokens[4].sense & SENSE_SCALE && tokens[4].value == 100);
    assert_int_equal(tokens[5].value, 138);
    assert_true(tokens[6].sense & SENSE_LETTER && tokens[6].value == 'x');
    assert_true(tokens[7].sense & SENSE_AT);
    assert_int_equal(tokens[8].value, -1);
    char figures[32];
    assert_int_equal(token_figures("０１3", &(token){.n = 7}, figures, sizeof figures), 3);
    assert_memory_equal(figures, "013", 3);
    assert_true(token_is("DoT", &(token){.n = 3}, "dot"));
    assert_false(token_is("DoT", &(token){.n = 2}, "dot"));
}

static void reading_in_pieces_is_reading_at_once(void **state) {
    (void)state;
    const char *text = "it's 13 一起 一一起 x";
    token piece[2];
    size_t at = 0;
    uint32_t n = read_all(text, strlen(text)), i = 0;
    for (uint32_t got; (got = token_read(text, strlen(text), &at, piece, 2)) > 0;)
        for (uint32_t k = 0; k < got; k++, i++) assert_memory_equal(&piece[k], &tokens[i], offsetof(token, kind));
    assert_int_equal(i, n);
}

/* Whatever byte a text is cut at: what is closed of the front is in the whole. */
static void closed_tokens_stay(void **state) {
    (void)state;
    static const char *texts[] = {
        "don't say 3rd or 3x or 13th, it's 138-1234 5678",
        "我说错了身份证号码是一三五一起等一下",
        "caf\xc3\xa9s \xe2\x80\x99tis \xf0\x9f\x98\x80 o\xe2\x80\x99hara \xff\xc3 1\xef\xbc\x92",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmn 12345678901234567890123456789 a'b'c'",
    };
    static token whole[ROOM];
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        size_t n = strlen(texts[k]);
        uint32_t all = read_all(texts[k], n);
        memcpy(whole, tokens, sizeof whole);
        for (size_t cut = 0; cut <= n; cut++) {
            char *front = malloc(cut + 1); /* exact, so that a sanitizer sees what reads on */
            memcpy(front, texts[k], cut);
            size_t m = token_whole_characters(front, cut);
            uint32_t some = read_all(front, m), closed = token_closed(front, m, tokens, some);
            assert_true(closed <= all && closed <= some);
            for (uint32_t i = 0; i < closed; i++) {
                assert_int_equal(tokens[i].at, whole[i].at);
                assert_int_equal(tokens[i].n, whole[i].n);
                assert_true(tokens[i].sense == whole[i].sense && tokens[i].kind == whole[i].kind);
            }
            free(front);
        }
    }
}

static void a_blank_or_a_sign_closes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t closed;
    } cases[] = {{"say nine", 1}, {"say nine ", 2}, {"say nine,", 3}, {"don'", 0},   {"don' ", 2},    {"3", 0},
                 {"3r", 0},       {"3r ", 2},       {"的身份", 1},    {"身份的", 2}, {"一二三一", 4}, {"我一", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);
        uint32_t count = read_all(cases[i].text, n);
        if (token_closed(cases[i].text, n, tokens, count) != cases[i].closed)
            fail_msg("closed of \"%s\"", cases[i].text);
    }
}

static int begin(void **state) {
    (void)state;
    return token_lexicon();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_figures_and_signs), cmocka_unit_test(han_words_are_the_longest),
        cmocka_unit_test(senses_and_values),       cmocka_unit_test(reading_in_pieces_is_reading_at_once),
        cmocka_unit_test(closed_tokens_stay),      cmocka_unit_test(a_blank_or_a_sign_closes),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
