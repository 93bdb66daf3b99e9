/* shadow_compare.c: how two texts differ, word by word: see shadow.h. */
#include "watch/shadow.h"

#include "base/mem.h"
#include "score/score_wer.h"

#include <string.h>

#include <utf8proc.h>

const char *shadow_kind_name(shadow_kind kind) {
    static const char *const names[SHADOW_KINDS] = {"number", "form", "word"};
    return names[kind];
}

static bool has_digit(const score_tokens *t, const score_token *x) {
    for (uint32_t i = 0; i < x->length; i++) {
        int32_t c = t->characters[x->first + i];
        if (c < SCORE_RAW_BYTE && utf8proc_category(c) == UTF8PROC_CATEGORY_ND) return true;
    }
    return false;
}

static shadow_kind kind_of(const score_tokens *a, const score_token *x, const score_tokens *b, const score_token *y) {
    uint32_t longer = x->length > y->length ? x->length : y->length, alike = 0;
    if (has_digit(a, x) || has_digit(b, y)) return SHADOW_NUMBER;
    while (alike < x->length && alike < y->length && a->characters[x->first + alike] == b->characters[y->first + alike])
        alike++;
    return longer > 1 && 2 * alike >= longer ? SHADOW_FORM : SHADOW_WORD;
}

static void count_step(shadow_difference *out, const score_tokens *a, const score_tokens *b, const score_step *s) {
    if (s->change == SCORE_DELETED) out->deletions++;
    if (s->change == SCORE_INSERTED) out->insertions++;
    if (s->change != SCORE_SUBSTITUTED) return;
    out->substitutions++;
    out->kind[kind_of(a, &a->token[s->ref], b, &b->token[s->hyp])]++;
}

static steno_err compare(const score_tokens *a, const score_tokens *b, shadow_difference *out) {
    size_t n;
    score_step *steps = mem_alloc(a->n + b->n + 1, sizeof *steps);
    if (!steps) return err_fail(STENO_E_NOMEM, "no memory to compare texts of %zu and %zu words", a->n, b->n);
    steno_err e = score_trace(a, b, steps, &n);
    for (size_t i = 0; e == STENO_OK && i < n; i++) count_step(out, a, b, &steps[i]);
    mem_free(steps);
    out->words = (double)a->n;
    out->other_words = (double)b->n;
    out->edits = out->substitutions + out->deletions + out->insertions;
    return e;
}

steno_err shadow_compare(const char *a, const char *b, shadow_difference *out) {
    score_tokens of_a, of_b;
    *out = (shadow_difference){0};
    ERR_TRY(score_tokens_make(a, strlen(a), SCORE_BASIC, SCORE_AUTO, &of_a));
    steno_err e = score_tokens_make(b, strlen(b), SCORE_BASIC, SCORE_AUTO, &of_b);
    if (e == STENO_OK) e = compare(&of_a, &of_b, out);
    score_tokens_free(&of_a);
    score_tokens_free(&of_b); /* empty, where it could not be made */
    return e;
}
