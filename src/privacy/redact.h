/* redact.h: a text without a stream: for `steno redact`, POST /v1/redact, and whatever else holds text to be shown.
 *
 * Owner      one thread at a time. Growing text comes in pieces of any size; what is settled goes out.
 * Invariants what goes out does not depend on the pieces. Memory is bounded; a text may be of any length. TOKEN_BREAK_CHAR in a text
 *            ends an utterance of one speaker: an entity that goes over it is masked on both sides, and it stays.
 */
#ifndef STENO_PRIVACY_REDACT_H
#define STENO_PRIVACY_REDACT_H

#include "privacy/find.h"
#include "privacy/policy.h"

typedef struct redact_entity {
    entity_type type;
    const char *name;
    size_t at, n;         /* bytes of the text that came in, counted from redact_begin() */
    size_t out_at, out_n; /* of the text that went out */
    float confidence;
} redact_entity;

/* Text that goes out, and then the entities that end in it. An error ends the text: later calls say it again. */
typedef steno_err redact_sink(void *user, const char *text, size_t n, const redact_entity *entities,
                              uint32_t n_entities);

typedef struct redactor redactor;

/* `p` is shared; NULL is allowed where the mode is off. Of a policy mode, types, itn, count and min_confidence matter; numbers of masks go on
 * until redact_free(). STENO_E_NOMEM. */
STENO_CHECK steno_err redact_open(privacy *p, const gate_policy *policy, redactor **out);
void redact_free(redactor *r); /* NULL is allowed */
/* A new text. */
void redact_begin(redactor *r, redact_sink *sink, void *user);
STENO_CHECK steno_err redact_push(redactor *r, const char *text, size_t n);
/* Nothing follows: the rest goes out. */
STENO_CHECK steno_err redact_end(redactor *r);

/* What went out of a text, gathered. Zeroed is empty. */
typedef struct redact_text {
    char *text; /* owned [n], zero-terminated; NULL while n is 0 */
    size_t n, room;
    redact_entity *entities; /* owned [n_entities], in order */
    size_t n_entities, entities_room;
} redact_text;

/* A sink whose user is a redact_text: adds to it. STENO_E_NOMEM. */
redact_sink redact_gather;
void redact_text_free(redact_text *t); /* leaves it empty */
/* One text at once; `out` is empty before, and freed by the caller whatever comes back. */
STENO_CHECK steno_err redact_whole(redactor *r, const char *text, size_t n, redact_text *out);
/* Characters in text [n]: bytes that begin one. */
size_t redact_count_chars(const char *text, size_t n);

/* How a finding is written under a mode, into room[n] (zero-terminated): "[PHONE]", "138****5678". `number` 0: not numbered. Of an entity
 * split over several texts, of `digits_before` digits already written. */
size_t redact_write(const privacy *p, const finding *f, redact_mode mode, unsigned number, char *room, size_t n);

#endif
