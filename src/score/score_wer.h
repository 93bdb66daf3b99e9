/* score_wer.h: the cheapest alignment of two token sequences, counted.
 *
 * Substitution, deletion and insertion cost 1 each (Levenshtein 1966). Of equally cheap alignments the one with the
 * fewest substitutions counts, which is the one with the most correct words, so the counts do not depend on the order
 * of work. Memory: one row of the shorter side; time is bounded by SCORE_MAX_CELLS.
 */
#ifndef STENO_SCORE_WER_H
#define STENO_SCORE_WER_H

#include "score/score_text.h"

#define SCORE_MAX_CELLS ((uint64_t)1 << 34) /* two texts of 130,000 words: about a minute */

typedef struct score_counts {
    uint64_t units; /* in the reference */
    uint64_t correct, substitutions, deletions, insertions;
} score_counts;

STENO_CHECK steno_err score_align(const score_tokens *ref, const score_tokens *hyp, score_counts *out);

/* What becomes of a unit on the way from ref to hyp. */
typedef enum score_change { SCORE_SAME, SCORE_SUBSTITUTED, SCORE_DELETED, SCORE_INSERTED } score_change;

typedef struct score_step {
    score_change change;
    uint32_t ref, hyp; /* which units; of a deletion ref alone counts, of an insertion hyp alone */
} score_step;

#define SCORE_TRACE_CELLS ((size_t)1 << 20) /* two texts of a thousand words */

/* The alignment that score_align() counts, step by step, into steps [ref->n + hyp->n]; *n: how many. STENO_E_LIMIT: more than
 * SCORE_TRACE_CELLS. */
STENO_CHECK steno_err score_trace(const score_tokens *ref, const score_tokens *hyp, score_step *steps, size_t *n);

void score_add(score_counts *total, const score_counts *more);
uint64_t score_errors(const score_counts *c);

/* 100 * errors / units; NaN when there are no units. */
double score_percent(const score_counts *c);

#endif
