/* custom.h: what the operator adds to what is looked for, and what is never found: rules and allow-lists of a file.
 *
 * Purpose    [rule NAME] sections hold regular expressions (PCRE2) with a mask; [allow] and [allow TYPE] sections hold texts that are
 *            left alone. docs/privacy.md, "Own rules and allow-lists", is the format.
 * Owner      `custom` is immutable once open and shared by threads; a `custom_scratch` is one thread's; nothing is allocated while it
 *            works.
 * Invariants none can hang: a match is tried in a window of CUSTOM_MATCH_MAX_BYTES from where it begins, and gives up after
 *            CUSTOM_STEPS_MAX steps (PCRE2's match limit); so the work is linear in the text.
 *            Chunk invariance: while the window is not full and the text goes on, PCRE2's hard partial matching tells that
 *            the answer may change, and the reader is touched. A rule looks back CUSTOM_BACK_MAX characters at most.
 */
#ifndef STENO_PRIVACY_CUSTOM_H
#define STENO_PRIVACY_CUSTOM_H

#include "privacy/rule.h"

#define CUSTOM_FILE_MAX_BYTES    (1 << 20)
#define CUSTOM_RULES_MAX         64
#define CUSTOM_ALLOWED_MAX       4096
#define CUSTOM_ALLOWED_MAX_BYTES 160  /* of one text */
#define CUSTOM_NAME_BYTES        32   /* with the zero */
#define CUSTOM_MASK_BYTES        48   /* with the zero */
#define CUSTOM_PATTERN_BYTES     1024 /* with the zero */
#define CUSTOM_WORDS_BYTES       512  /* of one rule, with the zero */
#define CUSTOM_MATCH_MAX_BYTES   256
#define CUSTOM_STEPS_MAX         4000
#define CUSTOM_DEPTH_MAX         1000
#define CUSTOM_HEAP_MAX_KIB      256
#define CUSTOM_BACK_MAX          32 /* characters */

typedef struct custom custom;
typedef struct custom_scratch custom_scratch;

/* STENO_E_FORMAT names the file, the line and the reason; STENO_E_NOT_FOUND, STENO_E_IO, STENO_E_NOMEM. */
STENO_CHECK steno_err custom_open(const char *path, custom **out);
void custom_free(custom *c); /* NULL is allowed */

uint32_t custom_rules(const custom *c); /* how many; 0 for NULL */
const char *custom_name(const custom *c, uint32_t rule);
const char *custom_mask(const custom *c, uint32_t rule);

/* For one thread; `c` outlives it. */
STENO_CHECK steno_err custom_scratch_open(const custom *c, custom_scratch **out);
void custom_scratch_free(custom_scratch *s); /* NULL is allowed */

/* As rule_ask (rule.h): the best match of any rule that begins in token i: the surest, then the longest, then the first of the file. It
 * covers whole tokens: a match that ends within a number takes all of it. *skip is 1 always. */
void custom_ask(custom_scratch *s, reader *r, uint32_t i, rule_found found[RULE_FOUND_MAX], uint32_t *n);
/* Whether some rule could begin in this token: cheap, so that prose costs next to nothing. */
bool custom_may_begin(const custom *c, const reader *r, uint32_t i);

/* Whether a finding of this type is one of the operator's allowed texts: text [n] as it stands, or as `canonical` has it; case and
 * the number of blanks do not matter. False for NULL. */
bool custom_allows(const custom *c, entity_type type, const char *text, size_t n, const char *canonical);

#endif
