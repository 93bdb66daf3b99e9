/* test_score_wer.c: counts of the cheapest alignment, against trying every alignment. */
#include "base/mem.h"
#include "score/score_wer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static score_counts align(const char *ref, const char *hyp) {
    score_tokens r, h;
    score_counts c;
    assert_int_equal(score_tokens_make(ref, strlen(ref), SCORE_BASIC, SCORE_AUTO, &r), STENO_OK);
    assert_int_equal(score_tokens_make(hyp, strlen(hyp), SCORE_BASIC, SCORE_AUTO, &h), STENO_OK);
    assert_int_equal(score_align(&r, &h, &c), STENO_OK);
    assert_int_equal(c.units, r.n);
    assert_int_equal(c.correct + c.substitutions + c.deletions, r.n);
    assert_int_equal(c.correct + c.substitutions + c.insertions, h.n);
    score_tokens_free(&r);
    score_tokens_free(&h);
    return c;
}

static void counts(const char *ref, const char *hyp, int s, int d, int i) {
    score_counts c = align(ref, hyp);
    assert_int_equal(c.substitutions, s);
    assert_int_equal(c.deletions, d);
    assert_int_equal(c.insertions, i);
}

static void known_pairs(void **state) {
    (void)state;
    counts("", "", 0, 0, 0);
    counts("a b c", "a b c", 0, 0, 0);
    counts("a b c", "", 0, 3, 0);
    counts("", "a b", 0, 0, 2);
    counts("a b c", "a x c", 1, 0, 0);
    counts("a b c d", "a c d", 0, 1, 0);
    counts("a b c", "a b x y c", 0, 0, 2);
    counts("he was not ill disposed", "he was not ill sposed", 1, 0, 0);
    counts("enabled", "in a boat", 1, 0, 2);
    counts("a b", "b c", 0, 1, 1); /* as cheap as two substitutions, with a word correct */
}

static void rates(void **state) {
    (void)state;
    score_counts total = {0}, c = align("a b c d", "a x c");
    score_add(&total, &c);
    c = align("e f", "e f g");
    score_add(&total, &c);
    assert_int_equal(total.units, 6);
    assert_int_equal(score_errors(&total), 3);
    assert_true(score_percent(&total) == 50.0);
    assert_true(isnan(score_percent(&(score_counts){.insertions = 3})));
}

/* Every alignment: the fewest errors, then the fewest substitutions. */
static unsigned by_trying(const char *r, const char *h) {
    if (!*r) return (unsigned)(strlen(h) / 2) * 1000;
    if (!*h) return (unsigned)(strlen(r) / 2) * 1000;
    unsigned both = by_trying(r + 2, h + 2) + (*r == *h ? 0 : 1001);
    unsigned del = by_trying(r + 2, h) + 1000, ins = by_trying(r, h + 2) + 1000;
    unsigned gap = del < ins ? del : ins;
    return both < gap ? both : gap;
}

static void the_cheapest_alignment_counts(void **state) {
    (void)state;
    uint64_t rng = 0x9e3779b97f4a7c15u;
    print_message("seed %llu\n", (unsigned long long)rng);
    for (int round = 0; round < 3000; round++) {
        char text[2][32];
        for (int k = 0; k < 2; k++) {
            int n = 0;
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            for (int words = (int)(rng >> 60) % 8; words > 0; words--) {
                rng = rng * 6364136223846793005u + 1442695040888963407u;
                text[k][n++] = (char)('a' + (rng >> 40) % 3);
                text[k][n++] = ' ';
            }
            text[k][n] = '\0';
        }
        score_counts c = align(text[0], text[1]);
        assert_int_equal(score_errors(&c) * 1000 + c.substitutions, by_trying(text[0], text[1]));
    }
}

static void endless_texts_are_refused(void **state) {
    (void)state;
    size_t n = 140000;
    char *r = malloc(2 * n), *h = malloc(2 * n);
    assert_true(r && h);
    for (size_t i = 0; i < n; i++) memcpy(r + 2 * i, "a ", 2), memcpy(h + 2 * i, "b ", 2);
    score_tokens a, b;
    score_counts c;
    assert_int_equal(score_tokens_make(r, 2 * n, SCORE_BASIC, SCORE_AUTO, &a), STENO_OK);
    assert_int_equal(score_tokens_make(h, 2 * n, SCORE_BASIC, SCORE_AUTO, &b), STENO_OK);
    assert_int_equal(score_align(&a, &b, &c), STENO_E_LIMIT);
    assert_int_equal(score_align(&a, &a, &c), STENO_OK); /* what is equal costs nothing */
    assert_int_equal(c.correct, n);
    mem_fault_arm(1);
    assert_int_equal(score_align(&a, &a, &c), STENO_E_NOMEM);
    mem_fault_arm(0);
    score_tokens_free(&a);
    score_tokens_free(&b);
    free(r);
    free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_pairs),
        cmocka_unit_test(rates),
        cmocka_unit_test(the_cheapest_alignment_counts),
        cmocka_unit_test(endless_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
