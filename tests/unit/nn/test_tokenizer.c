/* test_tokenizer.c: the vocabulary file and the text made from ids, in particular characters split over byte pieces. */
#include "nn_test.h"

#include "nn/tokenizer.h"

/* 0 "", 1 " the", 2 "cat", 3 " ", 4 E2, 5 96, 6 81, 7 FF, 8 NUL, 9 "é", 10 F0 9F, 11 98 80, 12 ED, 13 ".", 14 A0 */
static const char vocabulary[] = " 0\nIHRoZQ== 1\nY2F0 2\nIA== 3\n4g== 4\nlg== 5\ngQ== 6\n/w== 7\nAA== 8\nw6k= 9\n"
                                 "8J8= 10\nmIA= 11\n7Q== 12\nLg== 13\noA== 14\n";

static tokenizer *open_vocabulary(void) {
    tokenizer *t;
    assert_int_equal(tokenizer_open_memory("tokens", vocabulary, sizeof vocabulary - 1, &t), STENO_OK);
    return t;
}

static void pieces_are_found(void **state) {
    (void)state;
    tokenizer *t = open_vocabulary();
    const char *bytes;
    assert_int_equal(tokenizer_size(t), 15);
    assert_int_equal(tokenizer_piece(t, 1, &bytes), 4);
    assert_memory_equal(bytes, " the", 4);
    assert_int_equal(tokenizer_piece(t, 0, &bytes), 0);
    assert_int_equal(tokenizer_piece(t, -1, &bytes), 0);
    assert_int_equal(tokenizer_piece(t, 15, &bytes), 0);
    assert_int_equal(tokenizer_piece(t, INT32_MAX, &bytes), 0);
    assert_true(tokenizer_starts_word(t, 1));
    assert_true(tokenizer_starts_word(t, 3));
    assert_false(tokenizer_starts_word(t, 2));
    assert_false(tokenizer_starts_word(t, 0));
    assert_false(tokenizer_starts_word(t, -5));
    tokenizer_close(t);
}

#define REPLACED "\xEF\xBF\xBD"

static const struct {
    int32_t ids[8];
    size_t n;
    const char *text;
} texts[] = {
    {{0}, 0, ""},
    {{1, 3, 2, 13}, 4, "the cat."},
    {{3, 1}, 2, " the"}, /* one leading space goes, not two */
    {{2, 1}, 2, "cat the"},
    {{0, 3, 0, 2}, 4, "cat"},
    {{4, 5, 6}, 3, "\xE2\x96\x81"}, /* one character from three tokens */
    {{10, 11, 9}, 3, "\xF0\x9F\x98\x80\xC3\xA9"},
    {{4, 5}, 2, REPLACED},          /* unfinished at the end */
    {{4, 5, 2}, 3, REPLACED "cat"}, /* cut short by another character */
    {{5, 2}, 2, REPLACED "cat"},    /* a continuation on its own */
    {{7, 2, 7}, 3, REPLACED "cat" REPLACED},
    {{8, 2}, 2, REPLACED "cat"},                           /* NUL would end the text */
    {{12, 14, 6, 2}, 4, REPLACED REPLACED REPLACED "cat"}, /* ED A0 81 would be a surrogate */
    {{2, -1, 99, 2}, 4, "catcat"},
};

static void texts_are_assembled(void **state) {
    (void)state;
    tokenizer *t = open_vocabulary();
    char out[64];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t n = tokenizer_decode(t, texts[i].ids, texts[i].n, out, sizeof out);
        assert_string_equal(out, texts[i].text);
        assert_int_equal(n, strlen(out));
    }
    tokenizer_close(t);
}

static void small_buffers_never_cut_a_character(void **state) {
    (void)state;
    tokenizer *t = open_vocabulary();
    const int32_t ids[] = {2, 9, 10, 11, 13}; /* c a t, 2 bytes, 4 bytes, "." */
    static const size_t fits[] = {0, 0, 1, 2, 3, 3, 5, 5, 5, 5, 9, 10};
    char out[16];
    for (size_t cap = 0; cap < sizeof fits / sizeof fits[0]; cap++) {
        memset(out, 'x', sizeof out);
        assert_int_equal(tokenizer_decode(t, ids, 5, out, cap), fits[cap]);
        if (cap > 0) assert_int_equal(strlen(out), fits[cap]);
        assert_int_equal(out[cap], 'x');
    }
    tokenizer_close(t);
}

static void refused(const char *text, const char *reason) {
    tokenizer *t = (tokenizer *)(uintptr_t)text;
    assert_int_equal(tokenizer_open_memory("bad.txt", text, strlen(text), &t), STENO_E_FORMAT);
    assert_null(t);
    assert_non_null(strstr(steno_error_detail(), "bad.txt"));
    if (!strstr(steno_error_detail(), reason)) fail_msg("'%s' does not say '%s'", steno_error_detail(), reason);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    tokenizer *t;
    refused("", "no tokens");
    refused("\n", "line 1");
    refused("Y2F0\n", "line 1");
    refused("Y2F0 \n", "no usable id");
    refused("Y2F0 x\n", "no usable id");
    refused("Y2F0 00000000000\n", "no usable id");
    refused("Y2F0 1\n", "out of order");
    refused("Y2F0 0\nY2F0 0\n", "line 2");
    refused("Y2F 0\n", "not base64");
    refused("Y2=0 0\n", "not base64");
    refused("=2F0 0\n", "not base64");
    refused("Y-F0 0\n", "not base64");
    refused("YW== 0\n", "not base64"); /* bits after the end */
    refused("Y2F0 0\r\n", "no usable id");
    assert_int_equal(tokenizer_open("no/such/tokens.txt", &t), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "tokens.txt"));
}

static void last_line_needs_no_feed(void **state) {
    (void)state;
    tokenizer *t;
    assert_int_equal(tokenizer_open_memory("tokens", "YQ== 0\nYg== 1", 13, &t), STENO_OK);
    assert_int_equal(tokenizer_size(t), 2);
    tokenizer_close(t);
}

static steno_err open_once(void *user) {
    tokenizer *t;
    (void)user;
    ERR_TRY(tokenizer_open_memory("tokens", vocabulary, sizeof vocabulary - 1, &t));
    tokenizer_close(t);
    return STENO_OK;
}

static void failed_allocations_are_reported(void **state) {
    (void)state;
    assert_int_equal(test_sweep(open_once, NULL), 4);
}

/* The real vocabulary, when it has been made: ids known from the published tokenizer. */
static void real_vocabulary_reads(void **state) {
    (void)state;
    tokenizer *t;
    char out[64];
    if (access("build/models/tokens.txt", R_OK) != 0) {
        print_message("build/models/tokens.txt is not there: 'make models' makes it\n");
        skip();
    }
    assert_int_equal(tokenizer_open("build/models/tokens.txt", &t), STENO_OK);
    assert_int_equal(tokenizer_size(t), 32768);
    const int32_t ids[] = {1, 15043, 2787, 29991, 243, 162, 155, 132, 2, 32700};
    tokenizer_decode(t, ids, 10, out, sizeof out);
    assert_string_equal(out, "Hello World!\xF0\x9F\x98\x81");
    tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_found),
        cmocka_unit_test(texts_are_assembled),
        cmocka_unit_test(small_buffers_never_cut_a_character),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(last_line_needs_no_feed),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(real_vocabulary_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
