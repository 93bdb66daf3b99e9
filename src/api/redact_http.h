/* redact_http.h: POST /v1/redact: texts in, the same without personal data out. docs/privacy.md, "Texts of other programs".
 *
 * Owner      the network thread. A request works on a slice of its text a turn of the loop, so that none keeps others waiting.
 * Invariants what key and server force is done whatever a request says. What came is in no log and in no refusal.
 */
#ifndef STENO_API_REDACT_HTTP_H
#define STENO_API_REDACT_HTTP_H

#include "api/routes.h"

#define REDACT_BODY_BYTES_MAX 524288 /* of a request; more: 413 */
#define REDACT_TEXTS_MAX      4096   /* of one */
#define REDACT_AT_ONCE_MAX    16     /* requests; more: 503 */

void redact_answer(call *c);

#endif
