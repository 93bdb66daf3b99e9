/* deepgram.h: Deepgram's protocol: live and recorded speech at /v1/listen. docs/dialects/deepgram.md is the contract.
 *
 * Owner: the network thread. For the tables of routes.c.
 */
#ifndef STENO_API_DEEPGRAM_H
#define STENO_API_DEEPGRAM_H

#include "api/routes.h"

#define DEEPGRAM_SILENCE_MS     10000 /* a live client that sends nothing for so long is closed */
#define DEEPGRAM_URL_BODY_BYTES 16384 /* of a body that names an address */

/* An upgrade_route's upgrade(). */
const net_conn_handler *deepgram_upgrade(call *c, void **user);
/* Its protocol of turns (Flux, /v2/listen) is not spoken here: says so. */
const net_conn_handler *deepgram_upgrade_v2(call *c, void **user);
/* The answer to POST. */
void deepgram_answer(call *c);
/* {"err_code", "err_msg", "request_id"}, and headers that say the same where nobody reads bodies. */
call_refuse deepgram_refuse;

#endif
