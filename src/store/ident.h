/* ident.h: names that nobody can guess. Any thread. */
#ifndef STENO_STORE_IDENT_H
#define STENO_STORE_IDENT_H

#include "base/err.h"

#define IDENT_RANDOM_BYTES 16
#define IDENT_BYTES        32 /* the longest prefix, 22 characters of base64url and the end */

/* PREFIX and 22 random characters of A–Z a–z 0–9 - _. */
STENO_CHECK steno_err ident_make(const char *prefix, char out[IDENT_BYTES]);

/* Whether a client's text may be such a name; nothing else ever becomes part of a path. */
bool ident_is(const char *prefix, const char *text);

#endif
