/* fuzz_score.c: any two texts, normalised, cut and compared, give counts that add up. */
#include "score/score_wer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void check_tokens(const score_tokens *t) {
    size_t at = 0;
    for (size_t i = 0; i < t->n; i++) {
        CHECK(t->token[i].length > 0 && t->token[i].first >= at);
        at = t->token[i].first + t->token[i].length;
        CHECK(at <= t->n_characters);
        CHECK(score_token_same(t, &t->token[i], t, &t->token[i]));
    }
}

static void check_counts(const score_tokens *r, const score_tokens *h) {
    score_counts forth, back;
    CHECK(score_align(r, h, &forth) == STENO_OK && score_align(h, r, &back) == STENO_OK);
    CHECK(forth.correct + forth.substitutions + forth.deletions == r->n);
    CHECK(forth.correct + forth.substitutions + forth.insertions == h->n);
    CHECK(forth.substitutions == back.substitutions && forth.deletions == back.insertions);
    CHECK(score_errors(&forth) <= (r->n > h->n ? r->n : h->n));
}

/* The first byte chooses normaliser and unit, the second where the reference ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    score_normaliser normaliser = data[0] & 1 ? SCORE_NONE : SCORE_BASIC;
    score_unit unit = (score_unit)(data[0] / 2 % 3);
    const char *text = (const char *)data + 2;
    size_t n = size - 2, cut_at = n * data[1] / 255;
    score_tokens r, h;
    CHECK(score_tokens_make(text, cut_at, normaliser, unit, &r) == STENO_OK);
    CHECK(score_tokens_make(text + cut_at, n - cut_at, normaliser, unit, &h) == STENO_OK);
    check_tokens(&r);
    check_tokens(&h);
    check_counts(&r, &h);
    score_has_cjk(text, n);
    score_tokens_free(&r);
    score_tokens_free(&h);
    return 0;
}
