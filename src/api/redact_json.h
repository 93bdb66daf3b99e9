/* redact_json.h: what was found in a text, as JSON: for POST /v1/redact and `steno redact --json`.
 *
 * Owner: any thread; pure.
 */
#ifndef STENO_API_REDACT_JSON_H
#define STENO_API_REDACT_JSON_H

#include "privacy/redact.h"

#include <jansson.h>

/* [{"type", "start", "end", "confidence"}], of the text that went out: in characters, or in bytes. NULL: no memory. */
json_t *redact_json_entities(const redact_text *t, bool bytes);

#endif
