/* diarize.h: what every dialect asks before it lets a stream tell speakers apart.
 *
 * Owner: the network thread.
 */
#ifndef STENO_API_DIARIZE_H
#define STENO_API_DIARIZE_H

#include "api/auth.h"
#include "steno.h"

typedef struct service service;

/* Whether this server tells speakers apart at all (speaker_streams_max, and the model of voices). */
bool diarize_served(const service *v);
/* Whether n more streams may do so now: STENO_OK, STENO_E_LIMIT (later, perhaps) or STENO_E_UNSUPPORTED (never). */
STENO_CHECK steno_err diarize_admit(service *v, int n);

/* Voice prints are wiped before their memory goes. NULL is allowed. */
void diarize_wipe(steno_voice *voices, int n);

/* The enrolled voices that a list names ("a,b", "*": all) to whoever `pass` is; "": none. STENO_E_NOT_FOUND names the one
 * that is not enrolled, STENO_E_LIMIT: more than STENO_SPEAKERS_MAX. */
STENO_CHECK steno_err diarize_find_voices(service *v, const auth_pass *pass, const char *list,
                                          steno_voice out[STENO_SPEAKERS_MAX], int *n);

#endif
