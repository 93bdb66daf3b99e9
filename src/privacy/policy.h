/* policy.h: what is to be done with personal data in one stream, recording or text.
 *
 * Owner: anybody; plain data. Three say something: the server's configuration, the key, the request. A request may ask for
 * more than the server's default, and for less only where nothing is forced; see policy_join().
 */
#ifndef STENO_PRIVACY_POLICY_H
#define STENO_PRIVACY_POLICY_H

#include "privacy/entity.h"

typedef enum redact_mode {
    REDACT_OFF,
    REDACT_TAG,    /* the text stays; entities say what is where */
    REDACT_PARTLY, /* "redact": 138****5678 */
    REDACT_MASK    /* "mask": [PHONE] */
} redact_mode;

#define POLICY_HOLD_DEFAULT_MS 2000
#define POLICY_HOLD_MAX_MS     10000

typedef struct gate_policy {
    redact_mode mode;
    entity_set types;
    bool forced; /* at least this, whatever a request says */
    bool itn;    /* spoken numbers, dates and amounts are written in digits */
    bool count;  /* masks are numbered in a stream, the same text the same number: [PHONE_1] */
    int hold_ms; /* a final that ends in what the next utterance may go on with waits so long for it; and an entity may be split
                    by a pause of so long at most */
    float min_confidence; /* 0..1: less sure findings are left alone; default 0.5 */
} gate_policy;

/* Off, default set. */
void policy_init(gate_policy *p);
/* "off", "mask", "redact", "tag"; also "true" (mask) and "false" (off). STENO_E_INVALID names what it may be. */
STENO_CHECK steno_err policy_parse_mode(const char *text, size_t n, redact_mode *out);
const char *policy_mode_name(redact_mode mode);
bool policy_same(const gate_policy *a, const gate_policy *b);
/* What is done when `request` meets `floor` (the key's, or the server's): with a forced floor the mode is the stricter one and
 * the set is the union; else the request's. */
void policy_join(gate_policy *request, const gate_policy *floor);

#endif
