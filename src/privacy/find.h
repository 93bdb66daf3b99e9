/* find.h: personal data in a text that is whole, or still grows.
 *
 * Purpose    rules (rule.h) and the tagger of names (ner.h), asked token by token; precedence where two fit; allow-lists.
 * Owner      `privacy` is immutable once open and shared by threads; a `finder` is one thread's scratch: nothing is allocated while it
 *            works.
 * Invariants chunk invariance: for any text, and any byte at which it is cut, find_run() on the front with whole = false says
 *            `settled` and findings that find_run() on the whole text says as well; no finding of the whole text has a byte before
 *            `settled` that was not found then. tests/unit/privacy checks it for every cut.
 *            Where two findings overlap amounts, dates and bare numbers give way; then the surer wins, then the one higher up in
 *            entity_type, then the longer.
 */
#ifndef STENO_PRIVACY_FIND_H
#define STENO_PRIVACY_FIND_H

#include "privacy/rule.h"

#define FIND_TEXT_MAX    65536               /* bytes looked at in one call */
#define FIND_RESULTS_MAX (FIND_TEXT_MAX / 4) /* then the last one grows over what follows */

typedef struct privacy privacy;
typedef struct finder finder;

typedef struct privacy_options {
    const char *rules_path; /* the operator's rules and allow-lists (custom.h); NULL: none */
    bool no_names;          /* the tagger of names is left out: persons, places, organisations are not found */
} privacy_options;

/* STENO_E_FORMAT names the file, the line and the reason. */
STENO_CHECK steno_err privacy_open(const privacy_options *options, privacy **out);
privacy *privacy_share(privacy *p); /* one more owner */
void privacy_close(privacy *p);     /* one owner less; NULL is allowed */

STENO_CHECK steno_err finder_open(const privacy *p, finder **out);
void finder_free(finder *f); /* NULL is allowed */

typedef struct find_text {
    const char *text; /* [n] UTF-8, or nearly */
    size_t n;
    size_t
        context; /* bytes at the front that are out already: looked at for what they say of what follows, nothing is found there */
    size_t
        stable; /* bytes at the front that will not be taken back; behind them the text may yet be different, so what could
                       belong to personal data is not settled there. n where there is no doubt */
    bool whole; /* nothing follows */
} find_text;

typedef struct finding {
    entity_type type;
    uint32_t at, n; /* bytes of the text; whole characters, blanks and punctuation at the ends left out */
    float confidence;
    uint32_t custom;
    char canonical[RULE_CANONICAL_MAX];
} finding;

typedef struct find_result {
    const finding
        *findings; /* [n] in order, not overlapping, all before `settled`; the finder's, until its next call */
    uint32_t n;
    size_t
        settled; /* bytes at the front about which no continuation can change anything; whole characters; text.n if whole */
    bool digits_open; /* what is not settled is a number, an address …: worth waiting for the next utterance */
} find_result;

/* Only `types` are looked for. STENO_E_LIMIT: text.n is over FIND_TEXT_MAX. */
STENO_CHECK steno_err find_run(finder *f, const find_text *text, entity_set types, float min_confidence,
                               find_result *out);

/* ENTITY_CUSTOM's name and mask. */
const char *privacy_custom_name(const privacy *p, uint32_t custom);
const char *privacy_custom_mask(const privacy *p, uint32_t custom);

#endif
