/* fuzz_vosk.c: any text is spelt as vosk would within its room, and the same when it is spelt again; any message is refused with
 * a reason or leaves options in their ranges. The first byte chooses.
 */
#include "api/vosk_plain.h"
#include "api/vosk_replies.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void spell(const char *text, size_t n) {
    char *once = malloc(VOSK_PLAIN_ROOM(n));
    CHECK(once);
    size_t length = vosk_plain(text, n, once);
    CHECK(length < VOSK_PLAIN_ROOM(n) && once[length] == 0);
    json_t *o = json_stringn(once, length); /* UTF-8 it is, whatever came in */
    CHECK(o);
    json_decref(o);
    CHECK(length == 0 || (once[0] != ' ' && once[length - 1] != ' ' && !strstr(once, "  ")));
    char *again = malloc(VOSK_PLAIN_ROOM(length));
    CHECK(again && vosk_plain(once, length, again) == length && memcmp(once, again, length) == 0);
    free(again);
    free(once);
}

static void ask(const char *text, size_t n, bool started) {
    vosk_replies r;
    vosk_kind kind;
    vosk_replies_init(&r);
    steno_err e = vosk_read(&r, text, n, "tiny", started, &kind);
    CHECK(e == STENO_OK || e == STENO_E_FORMAT || e == STENO_E_INVALID);
    CHECK(e == STENO_OK || steno_error_detail()[0] != 0);
    CHECK(r.options.rate_hz >= 8000 && r.options.rate_hz <= 48000 &&
          (!started || r.options.rate_hz == VOSK_DEFAULT_HZ));
    CHECK(r.options.alternatives >= 0 && r.options.alternatives <= VOSK_ALTERNATIVES_MAX);
    CHECK(memchr(r.warning, 0, sizeof r.warning));
    CHECK(vosk_owe(&r, VOSK_AUDIO) == STENO_OK);
    json_t *reply = vosk_reply(&r);
    CHECK(reply && vosk_owed(&r) == 0);
    char *out = json_dumps(reply, JSON_COMPACT);
    CHECK(out);
    free(out);
    json_decref(reply);
    vosk_replies_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    char *text = malloc(size); /* of the exact size, so that reading past it is seen */
    CHECK(text);
    memcpy(text, data + 1, size - 1);
    if (data[0] % 2)
        spell(text, size - 1);
    else
        ask(text, size - 1, data[0] % 4 == 0);
    free(text);
    return 0;
}
