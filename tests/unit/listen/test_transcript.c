/* test_transcript.c: words, times and confidence from tokens; the loop guard. */
#include "base/mem.h"
#include "listen/transcript.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <utf8proc.h>

/* ---- a small vocabulary: piece i has id i -------------------------------------------------------------------------
 */

static const char *const pieces[] = {
    "", /* 0: special */
    " Hello", " wor", "ld",  ",",    ".",    " .",   " -", " (",       "x",     ")",  " don",
    "'t",     " .5",  "  ",  "\xE4", "\xBD", "\xA0", /* 15..17: the bytes of U+4F60 */
    "\xFF",                                          /* 18: never in UTF-8 */
    "好吗",   "，",   " 是", "MON",  "DAY",  "“",    "一", " \n\tthe", " 50 %", " &", "\xE2\x80\x8B", /* 29: U+200B */
};
#define N_PIECES ((int)(sizeof pieces / sizeof pieces[0]))

enum {
    HELLO = 1,
    WOR,
    LD,
    COMMA,
    STOP,
    SPACE_STOP,
    DASH,
    PAREN,
    X,
    CLOSE,
    DON,
    T,
    POINT5,
    SPACES,
    B0,
    B1,
    B2,
    BAD,
    HAO_MA,
    CN_COMMA,
    SHI,
    MON,
    DAY,
    QUOTE,
    YI,
    THE,
    PERCENT,
    AND,
    ZWSP
};

static tokenizer *vocabulary;

static int base64(const char *in, size_t n, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    int o = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)in[i] << 16;
        if (i + 1 < n) v |= (uint32_t)(unsigned char)in[i + 1] << 8;
        if (i + 2 < n) v |= (unsigned char)in[i + 2];
        for (int k = 0; k < 4; k++) out[o++] = i + (size_t)k > n ? '=' : digits[v >> (18 - 6 * k) & 63];
    }
    out[o] = '\0';
    return o;
}

static int open_vocabulary(void **state) {
    (void)state;
    char text[4096], code[64];
    int at = 0;
    for (int i = 0; i < N_PIECES; i++) {
        base64(pieces[i], strlen(pieces[i]), code);
        at += snprintf(text + at, sizeof text - (size_t)at, "%s %d\n", code, i);
    }
    if (tokenizer_open_memory("test", text, (size_t)at, &vocabulary) == STENO_OK) return 0;
    print_message("%s\n", steno_error_detail());
    return -1;
}

static int close_vocabulary(void **state) {
    (void)state;
    tokenizer_close(vocabulary);
    return 0;
}

/* Token i lasts from i to i + 1 seconds with log-probability -0.1 * (i + 1). */
static transcript got;

static void build(const int *ids, int n) {
    transcript_token tokens[400];
    for (int i = 0; i < n; i++)
        tokens[i] = (transcript_token){ids[i], -0.1f * (float)(i + 1), (double)i, (double)(i + 1)};
    memset(&got, 0x55, sizeof got);
    transcript_build(vocabulary, tokens, n, 0.0, 1000.0, &got);
    assert_int_equal(strlen(got.text), got.text_bytes);
}

#define BUILD(...)                                                                                                     \
    do {                                                                                                               \
        const int ids_[] = {__VA_ARGS__};                                                                              \
        build(ids_, (int)(sizeof ids_ / sizeof ids_[0]));                                                              \
    } while (0)

/* What tokens first..last are worth, with a share of the one before. */
static double confidence_of(int first, int last) {
    double logprob = -0.1 * 0.3 * first;
    for (int i = first; i <= last; i++) logprob += -0.1 * (i + 1);
    return exp(0.4 * logprob);
}

/* `first` and `last`: the tokens that hold what is spoken of it. */
static void word_is(uint32_t i, const char *text, double start_s, double end_s, int first, int last) {
    assert_true(i < got.n_words);
    const steno_word *w = &got.words[i];
    assert_int_equal(w->text_bytes, strlen(text));
    assert_memory_equal(got.text + w->text_offset, text, w->text_bytes);
    assert_true(fabs(w->start_s - start_s) < 1e-9);
    assert_true(fabs(w->end_s - end_s) < 1e-9);
    assert_true(fabs((double)w->confidence - confidence_of(first, last)) < 1e-6);
}

static void words_run_from_space_to_space(void **state) {
    (void)state;
    BUILD(HELLO, COMMA, WOR, LD, STOP);
    assert_string_equal(got.text, "Hello, world.");
    assert_int_equal(got.n_words, 2);
    word_is(0, "Hello,", 0.0, 1.0, 0, 0);
    word_is(1, "world.", 2.0, 4.0, 2, 3);
    assert_true(fabs((double)got.confidence - (confidence_of(0, 0) + confidence_of(2, 3)) / 2) < 1e-6);
    assert_true(got.start_s == 0.0 && got.end_s == 4.0);
    assert_false(got.looped);
    steno_segment view = transcript_view(&got, 7);
    assert_int_equal(view.id, 7);
    assert_ptr_equal(view.text, got.text);
    assert_int_equal(view.n_words, 2);
    assert_true(view.end_s == 4.0);
}

static void punctuation_finds_its_word(void **state) {
    (void)state;
    BUILD(HELLO, SPACE_STOP);
    assert_string_equal(got.text, "Hello.");
    assert_int_equal(got.n_words, 1);
    word_is(0, "Hello.", 0.0, 1.0, 0, 0);
    BUILD(HELLO, DASH, WOR, LD);
    assert_string_equal(got.text, "Hello - world");
    assert_int_equal(got.n_words, 2);
    word_is(0, "Hello", 0.0, 1.0, 0, 0);
    word_is(1, "world", 2.0, 4.0, 2, 3);
    BUILD(DASH, SPACE_STOP, HELLO);
    assert_string_equal(got.text, "- . Hello");
    assert_int_equal(got.n_words, 1);
    BUILD(PAREN, X, CLOSE);
    assert_string_equal(got.text, "(x)");
    word_is(0, "(x)", 1.0, 2.0, 1, 1);
    BUILD(DON, T);
    assert_string_equal(got.text, "don't");
    assert_int_equal(got.n_words, 1);
    word_is(0, "don't", 0.0, 2.0, 0, 1);
    BUILD(HELLO, POINT5);
    assert_string_equal(got.text, "Hello .5");
    word_is(1, ".5", 1.5, 2.0, 1, 1);
}

static void spoken_signs_are_words(void **state) {
    (void)state;
    BUILD(HELLO, AND, PERCENT);
    assert_string_equal(got.text, "Hello & 50 %");
    assert_int_equal(got.n_words, 4);
    word_is(1, "&", 1.0, 2.0, 1, 1);
}

static void spaces_collapse(void **state) {
    (void)state;
    BUILD(SPACES, HELLO, SPACES, THE, SPACES);
    assert_string_equal(got.text, "Hello the");
    BUILD(HELLO, ZWSP, X, ZWSP);
    assert_string_equal(got.text, "Hellox");
}

static void chinese_characters_are_words(void **state) {
    (void)state;
    BUILD(B0, B1, B2, HAO_MA, CN_COMMA, SHI, MON, DAY, YI);
    assert_string_equal(got.text, "你好吗， 是MONDAY一");
    assert_int_equal(got.n_words, 6);
    word_is(0, "你", 0.0, 3.0, 0, 2);
    word_is(1, "好", 3.0, 3.5, 3, 3);
    word_is(2, "吗，", 3.5, 4.0, 3, 3);
    word_is(3, "是", 5.0, 6.0, 5, 5);
    word_is(4, "MONDAY", 6.0, 8.0, 6, 7);
    word_is(5, "一", 8.0, 9.0, 8, 8);
    BUILD(YI, CN_COMMA, MON);
    assert_int_equal(got.n_words, 2);
    BUILD(YI, QUOTE, YI);
    assert_int_equal(got.n_words, 2);
    word_is(1, "“一", 2.0, 3.0, 2, 2);
}

static void broken_bytes_become_one_replacement(void **state) {
    (void)state;
    BUILD(HELLO, BAD, B0, BAD, X);
    assert_string_equal(got.text, "Hello\xEF\xBF\xBDx");
    assert_int_equal(got.n_words, 1);
}

static void nothing_said_is_nothing(void **state) {
    (void)state;
    build(NULL, 0);
    assert_int_equal(got.text_bytes, 0);
    assert_int_equal(got.n_words, 0);
    assert_true(got.confidence == 0.0f);
    assert_true(got.start_s == 0.0 && got.end_s == 1000.0);
    BUILD(SPACE_STOP, DASH, SPACES, BAD);
    assert_int_equal(got.text_bytes, 0);
    assert_string_equal(got.text, "");
    BUILD(0, 99, -5, 1 << 30);
    assert_int_equal(got.text_bytes, 0);
}

static void times_are_monotonic_and_clipped(void **state) {
    (void)state;
    const transcript_token tokens[] = {{HELLO, -0.1f, 9.0, 20.0},   {DON, -0.1f, 12.0, 11.0}, {T, 0.5f, NAN, NAN},
                                       {THE, -INFINITY, 5.0, 15.0}, {X, NAN, 100.0, 200.0},   {AND, -0.1f, 0.0, 0.0}};
    transcript_build(vocabulary, tokens, 6, 10.0, 14.0, &got);
    assert_int_equal(got.n_words, 4);
    double at = 10.0;
    for (uint32_t i = 0; i < got.n_words; i++) {
        assert_true(got.words[i].start_s >= at);
        assert_true(got.words[i].end_s >= got.words[i].start_s);
        assert_true(got.words[i].end_s <= 14.0);
        assert_true(got.words[i].confidence >= 0.0f && got.words[i].confidence <= 1.0f);
        at = got.words[i].end_s;
    }
    assert_true(got.confidence > 0.0f && got.confidence < 1.0f); /* words without a number count as wrong */
    transcript_build(vocabulary, tokens, 6, 10.0, NAN, &got);
    assert_true(got.words[3].end_s == 10.0);
}

/* Every word has its twenty milliseconds: from the time behind it, at the end from that before, or all get less. */
static void no_word_is_too_short(void **state) {
    (void)state;
    static const double cases[][2] = {{0.0, 0.0}, {5.0, 5.0}, {9.999, 9.999}, {12.0, 11.0}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        transcript_token tokens[3];
        for (int i = 0; i < 3; i++) tokens[i] = (transcript_token){THE, -0.1f, cases[c][0], cases[c][1]};
        transcript_build(vocabulary, tokens, 3, 0.0, 10.0, &got);
        double at = 0.0;
        assert_int_equal(got.n_words, 3);
        for (int i = 0; i < 3; i++) {
            assert_true(got.words[i].start_s >= at);
            assert_true(got.words[i].end_s >= got.words[i].start_s + TRANSCRIPT_MIN_WORD_S - 1e-9);
            at = got.words[i].end_s;
        }
        assert_true(at <= 10.0);
        assert_true(got.end_s == at && got.start_s == got.words[0].start_s);
        transcript_build(vocabulary, tokens, 3, 0.0, 0.03, &got);
        assert_true(fabs(got.words[2].end_s - 0.03) < 1e-9 && fabs(got.words[1].start_s - 0.01) < 1e-9);
    }
}

static void too_much_is_cut_at_a_character(void **state) {
    (void)state;
    int ids[400];
    for (int i = 0; i < 400; i++) ids[i] = HAO_MA;
    build(ids, 400);
    assert_int_equal(got.text_bytes, 256 * 6);
    assert_int_equal(got.n_words, TRANSCRIPT_MAX_TOKENS);
    const steno_word *last = &got.words[TRANSCRIPT_MAX_TOKENS - 1];
    assert_int_equal(last->text_offset + last->text_bytes, 256 * 3); /* a character each; the rest is text only */
}

/* A vocabulary of pieces so long that the text buffer is what ends first. */
static void a_full_text_buffer_is_still_text(void **state) {
    (void)state;
    char piece[200] = " ", code[400], text[1024];
    for (int i = 0; i < 40; i++) memcpy(piece + 1 + 3 * i, i % 2 ? "是" : "\xFF\xFFz", 3); /* FF grows to U+FFFD */
    base64(piece, 121, code);
    tokenizer *t;
    int n = snprintf(text, sizeof text, "%s 0\n", code);
    assert_int_equal(tokenizer_open_memory("long", text, (size_t)n, &t), STENO_OK);
    for (int k = 30; k < 60; k++) {
        transcript_token tokens[60] = {{0, 0.0f, 0.0, 0.0}};
        transcript_build(t, tokens, k, 0.0, 1.0, &got);
        assert_true(got.text_bytes < TRANSCRIPT_TEXT_BYTES && got.text_bytes > 3000);
        const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)got.text;
        utf8proc_int32_t c;
        for (uint32_t i = 0; i < got.text_bytes;) {
            utf8proc_ssize_t len = utf8proc_iterate(at + i, (utf8proc_ssize_t)(got.text_bytes - i), &c);
            assert_true(len > 0);
            i += (uint32_t)len;
        }
        for (uint32_t i = 0; i < got.n_words; i++) {
            assert_true(got.words[i].text_bytes > 0);
            assert_true(got.words[i].text_offset + got.words[i].text_bytes <= got.text_bytes);
            assert_null(memchr(got.text + got.words[i].text_offset, ' ', got.words[i].text_bytes));
        }
    }
    tokenizer_close(t);
}

/* The buffer ends at every place of a word: nothing empty is left, and no space. */
static void a_word_that_does_not_fit_is_taken_back(void **state) {
    (void)state;
    char code[400], text[2048], pad[81];
    int n = 0;
    for (int i = 0; i < 40; i++) memcpy(pad + 2 * i, " \xFF", 2); /* two bytes become four */
    for (int i = 0; i < 8; i++) {
        base64("xxxxxxxx", (size_t)i, code);
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %d\n", code, i);
    }
    base64(pad, 80, code);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s 8\n", code);
    base64(" 是", 4, code);
    n += snprintf(text + n, sizeof text - (size_t)n, "%s 9\n", code);
    tokenizer *t;
    assert_int_equal(tokenizer_open_memory("long", text, (size_t)n, &t), STENO_OK);
    for (int lead = 0; lead < 8; lead++) {
        transcript_token tokens[100] = {{lead, 0.0f, 0.0, 0.0}};
        for (int i = 1; i < 100; i++) tokens[i].id = i <= 25 ? 8 : 9;
        transcript_build(t, tokens, 100, 0.0, 1.0, &got);
        assert_true(got.text_bytes < TRANSCRIPT_TEXT_BYTES && got.text_bytes > TRANSCRIPT_TEXT_BYTES - 6);
        assert_true(got.text[got.text_bytes - 1] != ' ');
        for (uint32_t i = 0; i < got.n_words; i++) assert_true(got.words[i].text_bytes > 0);
    }
    tokenizer_close(t);
}

/* ---- loops --------------------------------------------------------------------------------------------------------
 */

static int loop_of(int lead, int period, int tokens) {
    int32_t ids[256];
    for (int i = 0; i < lead; i++) ids[i] = 1000 + i;
    for (int i = 0; i < tokens; i++) ids[lead + i] = i % period;
    return transcript_loop(ids, lead + tokens);
}

static void loops_keep_one_copy(void **state) {
    (void)state;
    assert_int_equal(loop_of(5, 1, 6), 6);
    assert_int_equal(loop_of(0, 1, 6), 1);
    assert_int_equal(loop_of(5, 1, 200), 6);
    assert_int_equal(loop_of(5, 2, 8), 7);
    assert_int_equal(loop_of(5, 3, 12), 8);
    assert_int_equal(loop_of(5, 4, 12), 9);
    assert_int_equal(loop_of(5, 4, 14), 9); /* the last copy is not whole */
    assert_int_equal(loop_of(5, 16, 48), 21);
}

static void speech_is_no_loop(void **state) {
    (void)state;
    assert_int_equal(loop_of(5, 1, 5), 10);
    assert_int_equal(loop_of(5, 2, 7), 12);
    assert_int_equal(loop_of(5, 3, 11), 16);
    assert_int_equal(loop_of(5, 4, 11), 16);
    assert_int_equal(loop_of(5, 16, 47), 52);
    assert_int_equal(loop_of(5, 17, 17 * 5), 90);
    assert_int_equal(transcript_loop(NULL, 0), 0);
    const int32_t over[] = {1, 1, 1, 1, 1, 1, 1, 2}; /* the loop is over: the model found its way */
    assert_int_equal(transcript_loop(over, 8), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_run_from_space_to_space),
        cmocka_unit_test(punctuation_finds_its_word),
        cmocka_unit_test(spoken_signs_are_words),
        cmocka_unit_test(spaces_collapse),
        cmocka_unit_test(chinese_characters_are_words),
        cmocka_unit_test(broken_bytes_become_one_replacement),
        cmocka_unit_test(nothing_said_is_nothing),
        cmocka_unit_test(times_are_monotonic_and_clipped),
        cmocka_unit_test(no_word_is_too_short),
        cmocka_unit_test(too_much_is_cut_at_a_character),
        cmocka_unit_test(a_full_text_buffer_is_still_text),
        cmocka_unit_test(a_word_that_does_not_fit_is_taken_back),
        cmocka_unit_test(loops_keep_one_copy),
        cmocka_unit_test(speech_is_no_loop),
    };
    return cmocka_run_group_tests(tests, open_vocabulary, close_vocabulary);
}
