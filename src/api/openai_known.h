/* openai_known.h: known speakers of a request: from data URLs with a few seconds of each to voice prints.
 *
 * Owner      the network thread; a thread of its own decodes (in confined children) and listens, one request after the other.
 * Invariants prints live as long as their request and are kept nowhere; done() is called once, unless it was cancelled; at
 *            most OPENAI_KNOWN_QUEUE_MAX requests wait.
 */
#ifndef STENO_API_OPENAI_KNOWN_H
#define STENO_API_OPENAI_KNOWN_H

#include "api/openai_int.h"

#define OPENAI_REFERENCE_BYTES_MAX ((size_t)8 << 20) /* of a data URL */
#define OPENAI_REFERENCE_MIN_S     1.5               /* of speech in it */
#define OPENAI_REFERENCE_MAX_S     10.0              /* of sound */
#define OPENAI_KNOWN_QUEUE_MAX     8

typedef struct openai_known openai_known;

/* voices [n], or why there are none: STENO_E_INVALID, _FORMAT and the like name the reference. */
typedef void openai_known_done(void *user, const steno_voice *voices, int n, steno_err error, const char *why);

/* Takes over the descriptors, which hold the data URLs, also on failure. STENO_E_LIMIT: too many wait. */
STENO_CHECK steno_err openai_known_start(service *v, const openai_options *names, int fds[OPENAI_KNOWN_MAX], int n,
                                         openai_known_done *done, void *user, openai_known **out);
/* done() is not called any more. */
void openai_known_cancel(openai_known *k);
/* The service ends: what waits is answered. */
void openai_known_stop(service *v);

/* The bytes of a data URL of n characters, in place, and how many; 0: it is none. Pure. */
size_t openai_data_url(char *text, size_t n, char **bytes);

#endif
