/* openai.h: OpenAI's HTTP API for speech to text, and its Realtime transcription sessions. See docs/dialects/openai.md.
 *
 * Owner: the network thread. What src/api/routes.c has a line for.
 */
#ifndef STENO_API_OPENAI_H
#define STENO_API_OPENAI_H

#include "api/routes.h"

void openai_answer_transcription(call *c); /* POST /v1/audio/transcriptions */
void openai_answer_models(call *c);        /* GET /v1/models */
void openai_answer_model(call *c);         /* GET /v1/models/{id} */
/* What there is not here: translations, speech, secrets for browsers. */
void openai_answer_unsupported(call *c);
/* /v1/realtime */
const net_conn_handler *openai_upgrade(call *c, void **user);

/* {"error": {"message", "type", "param", "code"}} */
call_refuse openai_refuse;

#endif
