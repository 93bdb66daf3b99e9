/* fuzz_funasr.c: any message of FunASR's is refused with a reason or leaves options in their ranges; any growing text is shown once.
 *
 * The first byte chooses; of a text it says how it grows.
 */
#include "api/funasr_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static void ask(const char *text, size_t n, bool started) {
    funasr_options o;
    funasr_init(&o);
    steno_err e = funasr_read(&o, text, n, started);
    CHECK(e == STENO_OK || e == STENO_E_FORMAT || e == STENO_E_INVALID);
    CHECK(e == STENO_OK || steno_error_detail()[0] != 0);
    CHECK(o.mode <= FUNASR_OFFLINE && o.rate_hz >= 8000 && o.rate_hz <= 48000);
    CHECK(!started || o.rate_hz == FUNASR_DEFAULT_HZ);
    CHECK(memchr(o.wav_name, 0, sizeof o.wav_name) && memchr(o.warning, 0, sizeof o.warning));
    json_t *r = funasr_offline(&o, NULL, 0, true);
    char *out = json_dumps(r, JSON_COMPACT); /* names that were cut are UTF-8 still */
    CHECK(out);
    free(out);
    json_decref(r);
}

static void grow(const char *text, size_t n, size_t step) {
    funasr_shown s = {0};
    size_t shown = 0, more;
    for (size_t at = 0;; at = n - at < step ? n : at + step) {
        const char *from = funasr_new(&s, 7, text, at, &more);
        CHECK(from >= text && from + more == text + at && (size_t)(from - text) >= shown);
        CHECK(more == 0 || ((unsigned char)*from & 0xc0) != 0x80);
        shown = at;
        if (at == n) break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    char *text = malloc(size); /* of the exact size, so that reading past it is seen */
    CHECK(text);
    memcpy(text, data + 1, size - 1);
    if (data[0] % 2)
        grow(text, size - 1, 1 + data[0] / 2);
    else
        ask(text, size - 1, data[0] % 4 == 0);
    free(text);
    return 0;
}
