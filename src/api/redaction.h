/* redaction.h: what becomes of personal data in one request: what it asks for, what its key and the server want at least.
 *
 * Purpose    the names that this server's own interfaces share (redact, redact_types, itn, redact_hold_ms), and how three wishes
 *            become one policy. A dialect that says it in other words fills a redact_wish itself.
 * Owner      the network thread; plain data.
 * Invariants a request may ask for more than is forced, and never gets less. A key whose policy cannot be read masks all there is.
 */
#ifndef STENO_API_REDACTION_H
#define STENO_API_REDACTION_H

#include "api/auth.h"
#include "privacy/policy.h"

#include <jansson.h>

typedef struct service service;

/* What a request says; what it does not say is as usual. */
typedef struct redact_wish {
    bool has_mode, has_types, has_itn, has_hold;
    redact_mode mode;
    entity_set types;
    bool itn, count; /* count: masks are numbered */
    int hold_ms;
} redact_wish;

/* What holds for whoever asks: as usual, and at least. */
typedef struct redact_rule {
    gate_policy usual, floor;
} redact_rule;

/* `pass` NULL: nobody has a key. */
void redaction_rule(const service *v, const auth_pass *pass, redact_rule *out);
/* `wish` NULL: nothing was asked for. */
void redaction_settle(const redact_rule *rule, const redact_wish *wish, gate_policy *out);
/* Both in one. */
void redaction_policy(const service *v, const auth_pass *pass, const redact_wish *wish, gate_policy *out);

/* A parameter or form field. *mine: it is one of ours. STENO_E_INVALID names it and what it may be. */
STENO_CHECK steno_err redaction_take(redact_wish *w, const char *name, const char *value, bool *mine);
/* A member of a JSON object: strings, true and false, whole numbers. */
STENO_CHECK steno_err redaction_take_json(redact_wish *w, const char *name, const json_t *value, bool *mine);
/* What is said later counts. */
void redaction_add(redact_wish *w, const redact_wish *later);

/* Adds what is in force to an object. False: no memory. */
bool redaction_put(json_t *object, const gate_policy *p);

#endif
