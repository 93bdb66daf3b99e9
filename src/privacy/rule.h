/* rule.h: how a rule looks at a text, so that it may be asked while the text still grows.
 *
 * Purpose    a rule is asked at a token: does something of yours begin here? It reads tokens from there on through
 *            reader_at(), one after the other and no further than it must. If it read past the end of a text that goes on, its answer
 *            is not taken: the text from there on is held back, and it is asked again when there is more. If it did not, its
 *            answer is the same for every continuation. That is all there is to never showing a part of what the whole would mask.
 * Owner      any thread, a reader each. Rules are pure: they see tokens and text, before `i` as well (context: what is before has
 *            been decided, and never changes).
 * Invariants a rule looks at no more than RULE_AHEAD_MAX tokens ahead (addresses of pages: 512; rules of the operator: a number of
 *            bytes, custom.h): the tail that is held back is bounded.
 * To add one a file rule_NAME.c, a declaration below, a line in find.c's table; an entity type in entity.c if it is new.
 */
#ifndef STENO_PRIVACY_RULE_H
#define STENO_PRIVACY_RULE_H

#include "privacy/entity.h"
#include "privacy/token.h"

#define RULE_AHEAD_MAX 96 /* tokens: a card number said with a filler and a correction between all its digits */
#define RULE_CONTEXT_BYTES                                                                                             \
    300 /* in which a word before a number says what it is (Purview's window for its identity number) */
#define RULE_CANONICAL_MAX 80 /* bytes */
#define RULE_FOUND_MAX     8  /* of one run of digits: two telephone numbers said without a pause are two */

typedef struct reader {
    const char *text; /* [n] UTF-8; context first */
    size_t n;
    const token *tokens; /* [n_tokens] those that stay as they are whatever follows */
    uint32_t n_tokens;
    bool whole;          /* nothing follows */
    uint64_t absent;     /* SENSE_* that no token of the text has: what need not be looked for; 0 is always right */
    struct names *names; /* what rule_name() remembers of this text (ner.h); NULL: no names */
    bool touched;        /* somebody read past the end of a text that goes on */
} reader;

extern const token reader_end; /* TOKEN_END */
/* Token i; behind the last one TOKEN_END, and `touched` if the text may go on. A last token that may itself be longer tomorrow ("nine"
 * "nineteen", "13" "138") is not among the reader's yet. */
static inline const token *reader_at(reader *r, uint32_t i) {
    if (i < r->n_tokens) return &r->tokens[i];
    r->touched |= !r->whole;
    return &reader_end;
}

typedef struct rule_found {
    entity_type type;
    uint32_t first, end; /* tokens [first, end) */
    float confidence;    /* 0..1: pattern + check + words nearby */
    char
        canonical[RULE_CANONICAL_MAX]; /* as it is written: "13812345678", "name@example.com"; "" where there is none */
    uint32_t custom;                   /* ENTITY_CUSTOM: which rule */
} rule_found;

/* Asked at token i, where nothing found earlier by this rule reaches; what other rules find there may overlap. Fills found[] in order, all within the tokens it read; *n may be 0.
 * *skip (at least 1 when it returns): tokens from i on of which this rule wants no more (a run of digits is looked at once, whole). */
typedef void rule_ask(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                      uint32_t *skip);

/* Runs of digits, spoken or written, with what stands between them: phone, ID, card, SSN, account, number … */
rule_ask rule_digits;
/* Letters and digits mixed: IBAN, passport, plate. */
rule_ask rule_codes;
rule_ask rule_email; /* also spoken */
rule_ask rule_url;   /* those that carry credentials */
rule_ask rule_ip;
rule_ask rule_date;    /* BIRTH_DATE with the words for it nearby, DATE on request */
rule_ask rule_address; /* street addresses */
rule_ask rule_amount;

/* Which SENSE_KEY_* bits stand in the RULE_CONTEXT_BYTES before token i; nearer ones first is not needed. */
uint64_t rule_keys_before(const reader *r, uint32_t i);
/* The SENSE_KEY_* bits of the word nearest before token i that has some, within RULE_CONTEXT_BYTES; *tokens_away (may be NULL): how
 * many tokens lie between. 0: none. */
uint64_t rule_key_nearest(const reader *r, uint32_t i, uint32_t *tokens_away);

#endif
