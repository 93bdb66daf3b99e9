/* voices_text.c: what names and consents may be. See voices.h. Pure. */
#include "store/ident.h"
#include "store/voices.h"

#include <utf8proc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Valid UTF-8 without control characters; `lines`: but new lines and tabs. *n: characters that are no blanks. */
static bool is_text(const char *text, bool lines, size_t *n) {
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(text), step;
    utf8proc_int32_t c;
    *n = 0;
    for (; left > 0; at += step, left -= step) {
        step = utf8proc_iterate(at, left, &c);
        if (step <= 0) return false;
        utf8proc_category_t kind = utf8proc_category(c);
        bool blank = kind == UTF8PROC_CATEGORY_ZS || (lines && (c == '\n' || c == '\t' || c == '\r'));
        if (kind == UTF8PROC_CATEGORY_CC && !(lines && blank)) return false;
        if (kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP) return false;
        *n += !blank;
    }
    return true;
}

/* "S1", "S2" …: whoever is none of the enrolled voices (output/speakers.h). */
static bool is_label(const char *name) {
    return (name[0] == 'S' || name[0] == 's') && name[1] && name[1 + strspn(name + 1, "0123456789")] == 0;
}

static bool is_reserved(const char *name) {
    return strcmp(name, "*") == 0 || strcasecmp(name, "other") == 0 || strcasecmp(name, "unknown") == 0 ||
           strncmp(name, VOICES_ID_PREFIX, sizeof VOICES_ID_PREFIX - 1) == 0 || is_label(name);
}

static steno_err check_name(const char *name) {
    size_t n;
    size_t bytes = strlen(name);
    if (bytes >= STENO_VOICE_NAME_BYTES)
        return err_fail(STENO_E_INVALID, "name: want at most %d bytes", STENO_VOICE_NAME_BYTES - 1);
    if (!is_text(name, false, &n)) return err_fail(STENO_E_INVALID, "name: want UTF-8 text on one line");
    if (n == 0) return err_fail(STENO_E_INVALID, "name: want one");
    if (name[0] == ' ' || name[bytes - 1] == ' ') return err_fail(STENO_E_INVALID, "name: want no blanks at its ends");
    if (strchr(name, ',')) return err_fail(STENO_E_INVALID, "name: want no comma in it: lists of voices have commas");
    if (is_reserved(name)) return err_fail(STENO_E_INVALID, "name: '%s' means something else: want another one", name);
    return STENO_OK;
}

steno_err voices_name_read(const char *text, char out[STENO_VOICE_NAME_BYTES]) {
    ERR_TRY(check_name(text));
    utf8proc_uint8_t *composed = utf8proc_NFC((const utf8proc_uint8_t *)text);
    if (!composed) return err_fail(STENO_E_NOMEM, "no memory for a name");
    int n = snprintf(out, STENO_VOICE_NAME_BYTES, "%s", (const char *)composed);
    free(composed);
    if (n >= STENO_VOICE_NAME_BYTES) /* a few characters get longer */
        return err_fail(STENO_E_INVALID, "name: want at most %d bytes", STENO_VOICE_NAME_BYTES - 1);
    return STENO_OK;
}

steno_err voices_consent_check(const char *text) {
    size_t n;
    if (strlen(text) >= VOICES_CONSENT_BYTES)
        return err_fail(STENO_E_INVALID, "consent: want at most %d bytes", VOICES_CONSENT_BYTES - 1);
    if (!is_text(text, true, &n)) return err_fail(STENO_E_INVALID, "consent: want UTF-8 text");
    if (n == 0)
        return err_fail(STENO_E_INVALID, "consent: want a text that says how this person agreed to be recognised");
    return STENO_OK;
}
