/* test_stable.c: what of a live text has settled, what is taken off its end, and when a speaker has probably not finished. */
#include "listen/stable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The vocabulary: a piece an id. The last two are the halves of "é". */
static const char *const pieces[] = {"",
                                     " John",
                                     "son",
                                     " said",
                                     ".",
                                     ",",
                                     " and",
                                     " the",
                                     "the",
                                     "?",
                                     " ",
                                     "\xe6\x97\xa5",
                                     "\xe6\x9c\xac",
                                     "\xe3\x80\x82",
                                     " -",
                                     " caf",
                                     " n",
                                     "o",
                                     "..",
                                     "'s",
                                     "\xef\xbc\x9f",
                                     "\xef\xbc\x8c",
                                     "!",
                                     ";",
                                     "\xc3",
                                     "\xa9"};
enum {
    NONE,
    JOHN,
    SON,
    SAID,
    STOP,
    COMMA,
    AND,
    THE,
    THE_JOINED,
    ASKS,
    SPACE,
    NICHI,
    HON,
    MARU,
    DASH,
    CAF,
    N,
    O,
    DOTS,
    S,
    CJK_ASKS,
    CJK_COMMA,
    CALLS,
    SEMICOLON,
    E_1,
    E_2,
    PIECES
};

static tokenizer *vocabulary;

static size_t base64(const char *bytes, char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(bytes), at = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) bits = bits << 8 | (i + k < n ? (uint8_t)bytes[i + k] : 0);
        for (size_t k = 0; k < 4; k++) out[at++] = i + k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
    }
    return at;
}

static int setup(void **state) {
    (void)state;
    char text[1024];
    size_t at = 0;
    for (int id = 0; id < PIECES; id++) {
        at += base64(pieces[id], text + at);
        at += (size_t)snprintf(text + at, sizeof text - at, " %d\n", id);
    }
    return tokenizer_open_memory("test", text, at, &vocabulary) != STENO_OK || tokenizer_size(vocabulary) != PIECES;
}

static int teardown(void **state) {
    (void)state;
    tokenizer_close(vocabulary);
    return 0;
}

#define MAX_IDS 12
typedef struct text_ids {
    int32_t id[MAX_IDS];
    int n;
} text_ids;

#define IDS(...) ((text_ids){{__VA_ARGS__}, (int)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))})

static void build(const text_ids *t, transcript *out) {
    transcript_token tokens[MAX_IDS];
    for (int i = 0; i < t->n; i++) tokens[i] = (transcript_token){t->id[i], -0.1f, 0.1 * i, 0.1 * i + 0.1};
    transcript_build(vocabulary, tokens, t->n, 0.0, 10.0, out);
}

static transcript shown;

/* What is stable when `before` was followed by `now`. */
static const char *stable_of(text_ids before, text_ids now) {
    static char text[TRANSCRIPT_TEXT_BYTES];
    int n = stable_tokens(vocabulary, before.id, before.n, now.id, now.n);
    assert_in_range(n, 0, now.n);
    build(&now, &shown);
    stable_trim_end(&shown);
    uint32_t bytes = stable_bytes(vocabulary, now.id, n, &shown);
    assert_true(bytes <= shown.text_bytes);
    snprintf(text, sizeof text, "%.*s", (int)bytes, shown.text);
    return text;
}

/* ---- what has settled --------------------------------------------------------------------------------------------- */

static void an_end_of_a_word_is_needed_in_both(void **state) {
    (void)state;
    assert_string_equal(stable_of(IDS(SAID, JOHN), IDS(SAID, JOHN, SON)), "said");
    assert_string_equal(stable_of(IDS(SAID, JOHN, SON), IDS(SAID, JOHN)), "said");
    assert_string_equal(stable_of(IDS(SAID, JOHN, SON), IDS(SAID, JOHN, AND)), "said");
    assert_string_equal(stable_of(IDS(SAID, JOHN), IDS(SAID, JOHN, AND)), "said John");
    assert_string_equal(stable_of(IDS(SAID, JOHN, SON), IDS(SAID, JOHN, SON, AND)), "said Johnson");
    assert_string_equal(stable_of(IDS(SAID, JOHN, S), IDS(SAID, JOHN, AND)), "said");
    assert_string_equal(stable_of(IDS(SAID, JOHN, STOP), IDS(SAID, JOHN, STOP, SON, AND)), "said"); /* "John.son" */
    assert_string_equal(stable_of(IDS(JOHN), IDS(SAID)), "");
    assert_string_equal(stable_of(IDS(JOHN), IDS(JOHN)), "John");
    assert_int_equal(stable_tokens(vocabulary, NULL, 0, IDS(JOHN).id, 1), 0);
    assert_int_equal(stable_tokens(vocabulary, IDS(JOHN).id, 1, NULL, 0), 0);
}

static void a_full_stop_at_the_end_does_not_count(void **state) {
    (void)state;
    assert_string_equal(stable_of(IDS(SAID, JOHN, STOP), IDS(SAID, JOHN, STOP)), "said John");
    assert_string_equal(stable_of(IDS(SAID, JOHN, STOP), IDS(SAID, JOHN, AND, THE, STOP)), "said John");
    assert_string_equal(stable_of(IDS(SAID, JOHN, STOP), IDS(SAID, JOHN, COMMA, AND)), "said John");
    assert_string_equal(stable_of(IDS(SAID, JOHN, COMMA, AND), IDS(SAID, JOHN, COMMA, AND, THE)), "said John, and");
    assert_string_equal(stable_of(IDS(SAID, JOHN, SON, STOP), IDS(SAID, JOHN, STOP)), "said");
    assert_string_equal(stable_of(IDS(STOP), IDS(STOP)), "");
}

static void characters_that_are_words(void **state) {
    (void)state;
    assert_string_equal(stable_of(IDS(NICHI), IDS(NICHI, HON)), pieces[NICHI]);
    assert_string_equal(stable_of(IDS(NICHI, HON, MARU), IDS(NICHI, HON, MARU)), "\xe6\x97\xa5\xe6\x9c\xac");
    assert_string_equal(stable_of(IDS(NICHI, MARU), IDS(NICHI, HON, MARU)), pieces[NICHI]);
}

static void half_a_character_is_not_shown_as_stable(void **state) {
    (void)state;
    assert_string_equal(stable_of(IDS(SAID, CAF, E_1), IDS(SAID, CAF, E_1, E_2)), "said");
    assert_string_equal(stable_of(IDS(SAID, CAF, E_1, E_2), IDS(SAID, CAF, E_1, E_2, AND)), "said caf\xc3\xa9");
    /* Even when the tokens are said to be. */
    text_ids now = IDS(CAF, E_1, E_2);
    build(&now, &shown);
    assert_int_equal(stable_bytes(vocabulary, now.id, 2, &shown), 3);
}

static void no_space_at_the_end(void **state) {
    (void)state;
    text_ids now = IDS(JOHN, SPACE, SAID);
    build(&now, &shown);
    assert_int_equal(stable_bytes(vocabulary, now.id, 2, &shown), 4);
    assert_int_equal(stable_bytes(vocabulary, now.id, 3, &shown),
                     4); /* two spaces became one: rather less than wrong */
    assert_int_equal(stable_bytes(vocabulary, now.id, 0, &shown), 0);
}

/* A word without the punctuation behind it, which may be cut off there. */
static uint32_t spoken_bytes(const char *word, uint32_t n) {
    for (bool more = true; more && n;) {
        more = strchr(".,?!;-'", word[n - 1]) != NULL;
        n -= more;
        static const int wide[] = {MARU, CJK_ASKS, CJK_COMMA};
        for (int i = 0; i < 3 && n >= 3 && !more; i++) {
            more = memcmp(word + n - 3, pieces[wide[i]], 3) == 0;
            n -= more ? 3 : 0;
        }
    }
    return n;
}

/* Halves of a character stand together, or the first of them at the end, where the rest may follow. */
static void whole_characters(text_ids *t) {
    for (int i = 0; i < t->n; i++) {
        if (t->id[i] == E_1 && i + 1 < t->n) t->id[i + 1] = E_2;
        if (t->id[i] == E_2 && (i == 0 || t->id[i - 1] != E_1)) t->id[i] = N;
    }
}

/* Random texts that grow, change and shrink: the prefix is never taken back while its tokens stand, and never ends inside a
 * character or a word. */
static void random_texts(void **state) {
    (void)state;
    uint64_t rng = 0x9e3779b97f4a7c15u;
    print_message("seed %llu\n", (unsigned long long)rng);
    int settled = 0;
    for (int round = 0; round < 200000; round++) {
        text_ids a = {{0}, 0}, b;
        for (int *n = &a.n; *n < MAX_IDS; ++*n) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            a.id[*n] = (int32_t)((rng >> 33) % PIECES);
            if ((rng >> 60) == 0) break;
        }
        b = a;
        rng = rng * 6364136223846793005u + 1442695040888963407u;
        int from = (int)((rng >> 33) % (uint64_t)(a.n + 1));
        b.n = from + (int)((rng >> 45) % (uint64_t)(MAX_IDS - from + 1));
        for (int i = from; i < b.n; i++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            b.id[i] = (int32_t)((rng >> 33) % PIECES);
        }
        whole_characters(&a);
        whole_characters(&b);
        int n = stable_tokens(vocabulary, a.id, a.n, b.id, b.n);
        assert_true(n <= a.n && n <= b.n && memcmp(a.id, b.id, (size_t)n * sizeof a.id[0]) == 0);
        build(&b, &shown);
        stable_trim_end(&shown);
        uint32_t bytes = stable_bytes(vocabulary, b.id, n, &shown);
        assert_true(bytes <= shown.text_bytes && shown.text[shown.text_bytes] == '\0');
        assert_true(((unsigned char)shown.text[bytes] & 0xC0) != 0x80);
        if (bytes) assert_true(shown.text[bytes - 1] != ' ');
        for (uint32_t w = 0; w < shown.n_words; w++) {
            const steno_word *word = &shown.words[w];
            assert_true(word->text_offset + word->text_bytes <= shown.text_bytes);
            uint32_t end = word->text_offset + spoken_bytes(shown.text + word->text_offset, word->text_bytes);
            if (bytes > word->text_offset && bytes < end)
                fail_msg("'%.*s' of '%s'", (int)bytes, shown.text, shown.text);
        }
        settled += bytes > 0;
    }
    assert_true(settled > 20000);
}

/* ---- ends of texts ------------------------------------------------------------------------------------------------ */

static const char *trimmed(text_ids ids) {
    build(&ids, &shown);
    stable_trim_end(&shown);
    assert_int_equal(strlen(shown.text), shown.text_bytes);
    for (uint32_t i = 0; i < shown.n_words; i++)
        assert_true(shown.words[i].text_offset + shown.words[i].text_bytes <= shown.text_bytes);
    return shown.text;
}

static void punctuation_is_taken_off_the_end(void **state) {
    (void)state;
    assert_string_equal(trimmed(IDS(SAID, JOHN, STOP)), "said John");
    assert_string_equal(trimmed(IDS(SAID, COMMA, JOHN, DOTS)), "said, John");
    assert_int_equal(shown.n_words, 2);
    assert_string_equal(trimmed(IDS(SAID, JOHN, DASH)), "said John");
    assert_string_equal(trimmed(IDS(NICHI, HON, MARU)), "\xe6\x97\xa5\xe6\x9c\xac");
    assert_string_equal(trimmed(IDS(JOHN, CJK_ASKS)), "John");
    assert_string_equal(trimmed(IDS(JOHN)), "John");
    assert_string_equal(trimmed(IDS(STOP, STOP)), "");
    assert_int_equal(shown.n_words, 0);
    assert_string_equal(trimmed(IDS(NONE)), "");
}

static bool unfinished(text_ids ids) {
    build(&ids, &shown);
    return stable_looks_unfinished(&shown);
}

static void texts_that_look_unfinished(void **state) {
    (void)state;
    assert_true(unfinished(IDS(SAID, JOHN, COMMA)));
    assert_true(unfinished(IDS(SAID, JOHN, SEMICOLON)));
    assert_true(unfinished(IDS(SAID, JOHN, DASH)));
    assert_true(unfinished(IDS(SAID, JOHN, DOTS)));
    assert_true(unfinished(IDS(SAID, JOHN, STOP, STOP)));
    assert_true(unfinished(IDS(SAID, JOHN, AND)));
    assert_true(unfinished(IDS(SAID, JOHN, AND, STOP))); /* the recogniser ends whatever it hears with a full stop */
    assert_true(unfinished(IDS(THE)));
    assert_true(unfinished(IDS(THE_JOINED, STOP)));
    assert_true(unfinished(IDS(NICHI, CJK_COMMA)));
}

static void texts_that_do_not(void **state) {
    (void)state;
    assert_false(unfinished(IDS(SAID, JOHN)));
    assert_false(unfinished(IDS(SAID, JOHN, STOP)));
    assert_false(unfinished(IDS(SAID, AND, ASKS)));
    assert_false(unfinished(IDS(SAID, AND, CALLS)));
    assert_false(unfinished(IDS(NICHI, HON, MARU)));
    assert_false(unfinished(IDS(NICHI, HON, CJK_ASKS)));
    assert_false(unfinished(IDS(N, O, STOP)));
    assert_false(unfinished(IDS(JOHN, THE_JOINED))); /* "Johnthe" is another word */
    assert_false(unfinished(IDS(NONE)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_of_a_word_is_needed_in_both),
        cmocka_unit_test(a_full_stop_at_the_end_does_not_count),
        cmocka_unit_test(characters_that_are_words),
        cmocka_unit_test(half_a_character_is_not_shown_as_stable),
        cmocka_unit_test(no_space_at_the_end),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(punctuation_is_taken_off_the_end),
        cmocka_unit_test(texts_that_look_unfinished),
        cmocka_unit_test(texts_that_do_not),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
