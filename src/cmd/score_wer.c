/* score_wer.c: see score_wer.h.
 *
 * A cell holds errors << 32 | substitutions, so comparing cells compares errors first. Deletions and insertions follow
 * from those two and the lengths: no way back through the table is needed, and one row of it is enough.
 */
#include "cmd/score_wer.h"

#include "base/mem.h"

#include <math.h>

#define ONE_ERROR        ((uint64_t)1 << 32)
#define ONE_SUBSTITUTION (ONE_ERROR + 1)

/* What is left of two sequences without their common beginning and end, which a cheapest alignment matches. */
typedef struct middle {
    const score_tokens *t;
    const score_token *at;
    size_t n;
} middle;

static void trim(middle *a, middle *b) {
    while (a->n && b->n && score_token_same(a->t, a->at, b->t, b->at)) {
        a->at++, a->n--;
        b->at++, b->n--;
    }
    while (a->n && b->n && score_token_same(a->t, a->at + a->n - 1, b->t, b->at + b->n - 1)) a->n--, b->n--;
}

/* The cell of the whole of a and b; row has b->n + 1 cells. */
static uint64_t fill(const middle *a, const middle *b, uint64_t *row) {
    for (size_t j = 0; j <= b->n; j++) row[j] = j * ONE_ERROR;
    for (size_t i = 1; i <= a->n; i++) {
        uint64_t diagonal = row[0];
        const score_token *x = &a->at[i - 1];
        row[0] = i * ONE_ERROR;
        for (size_t j = 1; j <= b->n; j++) {
            bool same = score_token_same(a->t, x, b->t, &b->at[j - 1]);
            uint64_t best = diagonal + (same ? 0 : ONE_SUBSTITUTION);
            uint64_t gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + ONE_ERROR;
            diagonal = row[j];
            row[j] = best < gap ? best : gap;
        }
    }
    return row[b->n];
}

steno_err score_align(const score_tokens *ref, const score_tokens *hyp, score_counts *out) {
    middle a = {ref, ref->token, ref->n}, b = {hyp, hyp->token, hyp->n};
    trim(&a, &b);
    middle *longer = a.n >= b.n ? &a : &b, *shorter = a.n >= b.n ? &b : &a;
    uint64_t cells = 0;
    if (__builtin_mul_overflow((uint64_t)longer->n, (uint64_t)shorter->n, &cells) || cells > SCORE_MAX_CELLS)
        return err_fail(STENO_E_LIMIT, "texts of %zu and %zu units are too long to compare as one utterance", ref->n,
                        hyp->n);
    uint64_t *row = mem_alloc(shorter->n + 1, sizeof *row);
    if (!row) return err_fail(STENO_E_NOMEM, "no memory to compare texts of %zu and %zu units", ref->n, hyp->n);
    uint64_t cell = fill(longer, shorter, row);
    mem_free(row);
    uint64_t errors = cell >> 32, gaps = errors - (cell & 0xFFFFFFFFu);
    *out = (score_counts){.units = ref->n, .substitutions = errors - gaps};
    out->deletions = (gaps + ref->n - hyp->n) / 2; /* deletions - insertions = ref - hyp */
    out->insertions = gaps - out->deletions;
    out->correct = ref->n - out->substitutions - out->deletions;
    return STENO_OK;
}

void score_add(score_counts *total, const score_counts *more) {
    total->units += more->units;
    total->correct += more->correct;
    total->substitutions += more->substitutions;
    total->deletions += more->deletions;
    total->insertions += more->insertions;
}

uint64_t score_errors(const score_counts *c) {
    return c->substitutions + c->deletions + c->insertions;
}

double score_percent(const score_counts *c) {
    return c->units ? 100.0 * (double)score_errors(c) / (double)c->units : (double)NAN;
}
