/* score_wer.h: the cheapest alignment of two token sequences, counted.
 *
 * Substitution, deletion and insertion cost 1 each (Levenshtein 1966). Of equally cheap alignments the one with the
 * fewest substitutions counts, which is the one with the most correct words, so the counts do not depend on the order
 * of work. Memory: one row of the shorter side; time is bounded by SCORE_MAX_CELLS.
 */
#ifndef STENO_CMD_SCORE_WER_H
#define STENO_CMD_SCORE_WER_H

#include "cmd/score_text.h"

#define SCORE_MAX_CELLS ((uint64_t)1 << 34) /* two texts of 130,000 words: about a minute */

typedef struct score_counts {
    uint64_t units; /* in the reference */
    uint64_t correct, substitutions, deletions, insertions;
} score_counts;

STENO_CHECK steno_err score_align(const score_tokens *ref, const score_tokens *hyp, score_counts *out);

void score_add(score_counts *total, const score_counts *more);
uint64_t score_errors(const score_counts *c);

/* 100 * errors / units; NaN when there are no units. */
double score_percent(const score_counts *c);

#endif
