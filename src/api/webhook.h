/* webhook.h: what a message to a receiver looks like: its signature, its secret, its address, when it is tried again.
 *
 * Owner: none; pure functions. The convention is Standard Webhooks: headers webhook-id, webhook-timestamp and
 * webhook-signature "v1,BASE64", an HMAC-SHA256 of "ID.TIMESTAMP.BODY". docs/jobs.md says how to verify one.
 */
#ifndef STENO_API_WEBHOOK_H
#define STENO_API_WEBHOOK_H

#include "base/err.h"
#include "store/delivery_store.h"

#define WEBHOOK_SECRET_PREFIX   "whsec_"
#define WEBHOOK_KEY_BYTES_MIN   16 /* of a client's own secret, decoded */
#define WEBHOOK_KEY_BYTES_MAX   64
#define WEBHOOK_SIGNATURE_BYTES 48 /* "v1,", 44 characters and the end */
#define WEBHOOK_BACKOFF_MAX_MS  (INT64_C(6) * 3600 * 1000)
#define WEBHOOK_RETRY_AFTER_S   3600 /* a receiver may ask for so much patience, no more */

/* A secret as clients get it: "whsec_" and base64 of 32 random bytes. */
STENO_CHECK steno_err webhook_secret_make(char out[DELIVERY_SECRET_BYTES]);
/* A client's own: base64 behind the prefix, or else the text itself is the key. STENO_E_INVALID says what is wrong. */
STENO_CHECK steno_err webhook_secret_check(const char *secret);

STENO_CHECK steno_err webhook_sign(const char *secret, const char *id, int64_t timestamp_s, const void *body, size_t n,
                                   char out[WEBHOOK_SIGNATURE_BYTES]);

/* http or https with a host, and nothing that cannot be in a URL. */
STENO_CHECK steno_err webhook_url_check(const char *url);

/* How long to wait after the attempt-th failure (from 1): `base_ms`, four times as long each time, up to
 * WEBHOOK_BACKOFF_MAX_MS, between 80 and 120 % of it as `random` says, so that many do not come back at once. -1: that was the
 * last of `attempts_max`. */
int64_t webhook_backoff_ms(int attempt, int attempts_max, int64_t base_ms, uint32_t random);

#endif
