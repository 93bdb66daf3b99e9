/* score_wer.c: see score_wer.h.
 *
 * A cell holds errors << 32 | substitutions, so comparing cells compares errors first. Deletions and insertions follow
 * from those two and the lengths: no way back through the table is needed, and one row of it is enough.
 */
#include "score/score_wer.h"

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

/* ---- the way ------------------------------------------------------------------------------------------------------ */

typedef struct table {
    const score_tokens *ref, *hyp;
    uint64_t *cell; /* [ref->n + 1, hyp->n + 1]: the cheapest way to the ends of both from here */
} table;

static uint64_t *cell_at(const table *t, size_t i, size_t j) {
    return &t->cell[i * (t->hyp->n + 1) + j];
}

static bool same_at(const table *t, size_t i, size_t j) {
    return score_token_same(t->ref, &t->ref->token[i], t->hyp, &t->hyp->token[j]);
}

static uint64_t cheapest(const table *t, size_t i, size_t j) {
    bool left = i < t->ref->n, right = j < t->hyp->n;
    uint64_t best = left || right ? UINT64_MAX : 0;
    if (left && right) best = *cell_at(t, i + 1, j + 1) + (same_at(t, i, j) ? 0 : ONE_SUBSTITUTION);
    if (left && *cell_at(t, i + 1, j) + ONE_ERROR < best) best = *cell_at(t, i + 1, j) + ONE_ERROR;
    if (right && *cell_at(t, i, j + 1) + ONE_ERROR < best) best = *cell_at(t, i, j + 1) + ONE_ERROR;
    return best;
}

static score_step step_from(const table *t, size_t i, size_t j) {
    score_step s = {SCORE_INSERTED, (uint32_t)i, (uint32_t)j};
    uint64_t here = *cell_at(t, i, j);
    bool left = i < t->ref->n, right = j < t->hyp->n;
    if (left && right && same_at(t, i, j) && *cell_at(t, i + 1, j + 1) == here)
        s.change = SCORE_SAME;
    else if (left && right && *cell_at(t, i + 1, j + 1) + ONE_SUBSTITUTION == here)
        s.change = SCORE_SUBSTITUTED;
    else if (left && *cell_at(t, i + 1, j) + ONE_ERROR == here)
        s.change = SCORE_DELETED;
    return s;
}

steno_err score_trace(const score_tokens *ref, const score_tokens *hyp, score_step *steps, size_t *n) {
    table t = {ref, hyp, NULL};
    *n = 0;
    if (ref->n >= SCORE_TRACE_CELLS || (ref->n + 1) * (hyp->n + 1) > SCORE_TRACE_CELLS)
        return err_fail(STENO_E_LIMIT, "texts of %zu and %zu units are too long to lay side by side", ref->n, hyp->n);
    t.cell = mem_alloc((ref->n + 1) * (hyp->n + 1), sizeof *t.cell);
    if (!t.cell) return err_fail(STENO_E_NOMEM, "no memory to compare texts of %zu and %zu units", ref->n, hyp->n);
    for (size_t i = ref->n + 1; i-- > 0;) {
        for (size_t j = hyp->n + 1; j-- > 0;) *cell_at(&t, i, j) = cheapest(&t, i, j);
    }
    for (size_t i = 0, j = 0; i < ref->n || j < hyp->n;) {
        score_step s = step_from(&t, i, j);
        i += s.change != SCORE_INSERTED;
        j += s.change != SCORE_DELETED;
        steps[(*n)++] = s;
    }
    mem_free(t.cell);
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
