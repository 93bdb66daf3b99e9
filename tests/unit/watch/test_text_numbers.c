/* test_text_numbers.c: texts in numbers: counts, repetition, compression, and what a partial took back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../random.h"
#include "watch/text_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static text_meter *meter;

static text_numbers measured(const char *text) {
    text_numbers n;
    text_measure(meter, text, strlen(text), &n);
    return n;
}

static void test_counts(void **state) {
    (void)state;
    text_numbers n = measured("Please enter your password, followed by the pound key.");
    assert_int_equal(n.words, 9);
    assert_int_equal(n.characters, 46);
    assert_int_equal(n.repeated, 0);
    assert_true(n.compression > 0.8 && n.compression < 1.2);
    n = measured("今天 3 点开会。");
    assert_int_equal(n.words, 6); /* characters are words, and so is the figure */
    assert_int_equal(n.characters, 7);
    n = measured("");
    assert_int_equal(n.words + n.characters + n.repeated, 0);
    assert_true(n.compression == 1);
    assert_int_equal(measured(" ... - !").words, 0);
}

static void test_repetition(void **state) {
    (void)state;
    assert_int_equal(measured("no no no no").repeated, 3);
    assert_int_equal(measured("No, no. NO no!").repeated, 3); /* case and punctuation say nothing */
    assert_int_equal(measured("thank you very much thank you very much thank you").repeated, 6);
    assert_int_equal(measured("thank you very much and thank you very well").repeated, 0); /* not one after the other */
    assert_int_equal(measured("五五五五").repeated, 3);
}

static void test_compression(void **state) {
    (void)state;
    char loop[1024] = "";
    for (int i = 0; i < 30; i++) strcat(loop, "and that was it, ");
    assert_true(measured(loop).compression > 10);
    assert_true(measured("short").compression == 1);
    assert_true(measured(loop).compression == measured(loop).compression); /* nothing of the last text stays */
}

static bool took_back(text_trace *t, const char *text) {
    return text_took_back(t, text, strlen(text));
}

static void test_took_back(void **state) {
    (void)state;
    text_trace t = {0};
    assert_false(took_back(&t, "please"));
    assert_false(took_back(&t, "please enter"));
    assert_false(took_back(&t, "Please, enter your"));
    assert_true(took_back(&t, "please enter our password"));
    assert_false(took_back(&t, "please enter our password now"));
    assert_true(took_back(&t, "please enter"));
    assert_false(took_back(&t, "please enter"));
    assert_true(took_back(&t, ""));
    assert_false(took_back(&t, "something else"));
}

/* Bytes of any kind, of any length; a text that is cut has at most the words of the whole. */
static void test_any_bytes(void **state) {
    (void)state;
    static char text[TEXT_NUMBERS_MAX + 4096];
    for (int turn = 0; turn < 300; turn++) {
        size_t n = random_bits() % sizeof text;
        for (size_t i = 0; i < n; i++) text[i] = turn % 2 ? (char)random_bits() : " ab\xe4\xbd\xa0"[random_bits() % 6];
        text_numbers out;
        text_trace t = {0};
        text_measure(meter, text, n, &out);
        assert_true(out.words <= TEXT_WORDS_MAX && out.repeated <= out.words && out.characters <= n);
        assert_true(isfinite(out.compression) && out.compression > 0.5);
        (void)text_took_back(&t, text, n);
        assert_false(text_took_back(&t, text, n));
    }
}

static int setup(void **state) {
    (void)state;
    return text_meter_open(&meter) == STENO_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    text_meter_close(meter);
    return 0;
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_repetition),
                                       cmocka_unit_test(test_compression), cmocka_unit_test(test_took_back),
                                       cmocka_unit_test(test_any_bytes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
