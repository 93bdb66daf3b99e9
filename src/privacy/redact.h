/* redact.h: a text without a stream: for `steno redact`, POST /v1/redact, and whatever else holds text to be shown.
 *
 * Owner: one thread at a time. Growing text comes in pieces of any size; what is settled goes out.
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

/* Text that goes out, and then the entities in it. */
typedef steno_err redact_sink(void *user, const char *text, size_t n, const redact_entity *entities,
                              uint32_t n_entities);

typedef struct redactor redactor;

STENO_CHECK steno_err redact_open(privacy *p, const gate_policy *policy, redactor **out);
void redact_free(redactor *r); /* NULL is allowed */
/* A new text. */
void redact_begin(redactor *r, redact_sink *sink, void *user);
STENO_CHECK steno_err redact_push(redactor *r, const char *text, size_t n);
/* Nothing follows: the rest goes out. */
STENO_CHECK steno_err redact_end(redactor *r);

/* How a finding is written under a mode, into room[n] (zero-terminated): "[PHONE]", "138****5678". `number` 0: not numbered. Of an entity
 * split over several texts, of `digits_before` digits already written. */
size_t redact_write(const privacy *p, const finding *f, redact_mode mode, unsigned number, char *room, size_t n);

#endif
