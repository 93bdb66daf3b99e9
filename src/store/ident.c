/* ident.c: see ident.h. */
#include "store/ident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define IDENT_CHARS 22 /* 6 bits each hold IDENT_RANDOM_BYTES */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

steno_err ident_make(const char *prefix, char out[IDENT_BYTES]) {
    unsigned char random[IDENT_RANDOM_BYTES + 1] = {0};
    char tail[IDENT_CHARS + 1] = {0};
    if (getrandom(random, IDENT_RANDOM_BYTES, 0) != IDENT_RANDOM_BYTES)
        return err_fail(STENO_E_IO, "no random bytes for a name: %s", strerror(errno));
    for (int i = 0; i < IDENT_CHARS; i++) {
        int bit = i * 6;
        int two = random[bit / 8] << 8 | random[bit / 8 + 1];
        tail[i] = alphabet[two >> (10 - bit % 8) & 63];
    }
    snprintf(out, IDENT_BYTES, "%s%s", prefix, tail);
    return STENO_OK;
}

bool ident_is(const char *prefix, const char *text) {
    size_t n = strlen(prefix);
    if (strncmp(text, prefix, n) != 0 || strlen(text) != n + IDENT_CHARS) return false;
    return strspn(text + n, alphabet) == IDENT_CHARS;
}
