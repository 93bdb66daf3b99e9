/* score_text.h: a line of text -> the units that an error rate counts.
 *
 * Owner: the caller. Pure but for memory. docs/scoring.md states the normaliser for users; the two must agree.
 *
 * SCORE_BASIC: Unicode NFKC, then lower case; an apostrophe (' U+2019 U+2018 U+02BC) between two letters or digits
 * stays as '; letters, combining marks and numbers stay; invisible formatting characters vanish; everything else
 * (punctuation, symbols, other apostrophes, control characters, bytes that are not UTF-8) becomes a space. SCORE_NONE:
 * the text as it is.
 */
#ifndef STENO_SCORE_TEXT_H
#define STENO_SCORE_TEXT_H

#include "base/err.h"

typedef enum score_normaliser { SCORE_BASIC, SCORE_NONE } score_normaliser;

typedef enum score_unit {
    SCORE_AUTO, /* words between spaces, but Chinese and Japanese characters one by one */
    SCORE_WORD, /* words between spaces */
    SCORE_CHAR  /* characters with their combining marks; spaces do not count */
} score_unit;

typedef struct score_token {
    uint64_t hash; /* of the characters, so that most comparisons end here */
    uint32_t first, length;
} score_token;

typedef struct score_tokens {
    int32_t *characters; /* owned; a byte that is not UTF-8 is SCORE_RAW_BYTE + its value */
    score_token *token;  /* owned, [n] */
    size_t n_characters, n;
} score_tokens;

#define SCORE_RAW_BYTE       0x110000
#define SCORE_MAX_LINE_BYTES ((size_t)64 << 20)

/* STENO_E_LIMIT for a line that is too long, STENO_E_NOMEM. On failure `out` is empty. */
STENO_CHECK steno_err score_tokens_make(const char *line, size_t n, score_normaliser normaliser, score_unit unit,
                                        score_tokens *out);
void score_tokens_free(score_tokens *t);

bool score_token_same(const score_tokens *a, const score_token *x, const score_tokens *b, const score_token *y);

/* Whether the text holds Chinese or Japanese characters. */
bool score_has_cjk(const char *text, size_t n);

#endif
