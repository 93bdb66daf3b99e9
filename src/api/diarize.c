/* diarize.c: see diarize.h. */
#include "api/diarize.h"

#include "api/service_int.h"
#include "api/voice_book.h"

#include <openssl/crypto.h>

bool diarize_served(const service *v) {
    return v->config.speaker_streams > 0;
}

steno_err diarize_admit(service *v, int n) {
    if (!diarize_served(v)) return err_fail(STENO_E_UNSUPPORTED, "this server does not tell speakers apart");
    return steno_speakers_admits(v->slots->engine, v->promised_speakers + n);
}

steno_err diarize_find_voices(service *v, const auth_pass *pass, const char *list, steno_voice out[STENO_SPEAKERS_MAX],
                              int *n) {
    *n = 0;
    if (!list[0]) return STENO_OK;
    return voice_book_find(speakers_book(v->speakers), pass ? auth_owner(pass) : AUTH_NONE_ID, list, out,
                           STENO_SPEAKERS_MAX, n);
}

void diarize_wipe(steno_voice *voices, int n) {
    if (voices && n > 0) OPENSSL_cleanse(voices, (size_t)n * sizeof *voices);
}
