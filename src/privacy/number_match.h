/* number_match.h: what a stretch of a run of figures is, by pattern, check digit and the words before it.
 *
 * Owner      any thread; pure.
 * Source     confidence by pattern, check and words nearby follows Microsoft Purview's definition of China's resident identity number:
 *            .85 with a keyword within 300 characters, .75 without.
 */
#ifndef STENO_PRIVACY_NUMBER_MATCH_H
#define STENO_PRIVACY_NUMBER_MATCH_H

#include "privacy/number_run.h"

#define NUMBER_TEXT_MAX    28 /* +, 18 figures, an extension */
#define NUMBER_NEAR_TOKENS 8  /* a word so near before a number speaks of it */

/* What the words around say, for all of a run. */
typedef struct number_context {
    uint64_t nearest;        /* SENSE_KEY_* of the last word before that has some, within NUMBER_NEAR_TOKENS */
    uint32_t nearest_tokens; /* how many tokens lie between */
    uint64_t near;           /* of all words there */
    uint64_t around;         /* of all within RULE_CONTEXT_BYTES */
    bool priced;             /* an amount of money, or numbered by # */
    bool mailed;             /* an @ follows: its end is the name of somebody's mail */
    entity_set types;
} number_context;

typedef struct number_match {
    entity_type type; /* ENTITY_TYPES: none */
    float sure;
} number_match;

/* What parts [a, b) of the run are. */
number_match number_match_parts(const number_run *run, uint32_t a, uint32_t b, const number_context *c);
/* The same where some "fifty one" is 50 and 1: only numbers with a check digit, which says which way was meant. The figures to
 * out[NUMBER_TEXT_MAX]. */
number_match number_match_apart(const number_run *run, uint32_t a, uint32_t b, const number_context *c, char *out,
                                uint32_t *out_n);
/* The same where from part `again` on something is said once more: what was said before it was partly taken back. */
number_match number_match_corrected(const number_run *run, uint32_t a, uint32_t again, uint32_t b,
                                    const number_context *c, char *out, uint32_t *out_n);
/* Written as one group of so many figures. */
bool number_is_written(const run_part *p, uint32_t least, uint32_t most);

#endif
