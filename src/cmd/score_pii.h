/* score_pii.h: `steno score pii`: personal data that was found, compared with what is there.
 *
 * Owner: the main thread. What is counted: docs/scoring.md. Both files are JSON lines, the n-th with the n-th:
 * {"text": …, "entities": [{"type": …, "start": …, "end": …}]}, positions in bytes of UTF-8; other members are not looked at.
 */
#ifndef STENO_CMD_SCORE_PII_H
#define STENO_CMD_SCORE_PII_H

#include "cmd/score_corpus.h"

#define SCORE_PII_TYPES_MAX      64
#define SCORE_PII_TYPE_BYTES_MAX 63
#define SCORE_PII_ENTITIES_MAX   4096 /* of a line */

typedef struct score_pii_counts {
    char type[SCORE_PII_TYPE_BYTES_MAX + 1];
    uint64_t reference, hypothesis; /* entities */
    uint64_t overlap,
        exact; /* pairs of one type, each entity in one pair at most: with a byte in common; the same bytes */
    uint64_t bytes, uncovered; /* of the reference; those that no entity of the hypothesis covers, of whatever type */
} score_pii_counts;

typedef struct score_pii_tally {
    score_pii_counts of[SCORE_PII_TYPES_MAX]; /* [n] in the order in which they were met */
    size_t n;
    uint64_t lines;
} score_pii_tally;

/* Two lines more. Their names are for reasons. STENO_E_FORMAT for what is not as above, or texts that differ, STENO_E_LIMIT. */
STENO_CHECK steno_err score_pii_add(score_pii_tally *tally, const char *ref_name, const score_line *ref,
                                    const char *hyp_name, const score_line *hyp);
/* Of all types together; `type` is "all". */
void score_pii_sum(const score_pii_tally *tally, score_pii_counts *out);

/* Prints and returns the exit status: 1 when a file could not be used. */
int score_pii(const char *ref_path, const char *hyp_path, bool json);

#endif
