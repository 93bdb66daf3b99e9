/* fuzz_wyoming.c: any bytes on Wyoming's port are events within the limits, or refused with a reason; where they are cut changes
 * nothing. The first byte says how they are cut. Events whose data are formats or requests are read as such.
 */
#include "api/wyoming_event.h"
#include "api/wyoming_frame.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define STEP_MAX 64

typedef struct heard {
    steno_err error;
    size_t events, payload_bytes, payloads;
    uint64_t sum; /* of types, data and payloads, in their order */
} heard;

static void add(heard *h, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) h->sum = h->sum * 1099511628211u + ((const unsigned char *)bytes)[i] + 1;
}

static void check_event(heard *h, const wyoming_item *item) {
    char warning[WYOMING_WARNING_BYTES_MAX];
    pcm_format f;
    char *text = json_dumps(item->data, JSON_COMPACT | JSON_SORT_KEYS);
    CHECK(json_is_object(item->data) && text);
    CHECK(strlen(item->type) > 0 && strlen(item->type) <= WYOMING_TYPE_BYTES_MAX);
    CHECK(item->payload_bytes <= WYOMING_PAYLOAD_BYTES_MAX);
    if (wyoming_format(item->data, &f) == STENO_OK)
        CHECK(f.rate_hz >= PCM_MIN_HZ && f.rate_hz <= PCM_MAX_HZ && f.channels >= 1 && f.channels <= PCM_MAX_CHANNELS);
    if (wyoming_transcribe(item->data, "tiny", "en", warning) == STENO_OK) CHECK(memchr(warning, 0, sizeof warning));
    json_t *pong = wyoming_pong(item->data);
    CHECK(json_object_get(pong, "text"));
    json_decref(pong);
    h->events++;
    add(h, item->type, strlen(item->type));
    add(h, text, strlen(text));
    free(text);
}

/* Of a piece that is read, in memory of its exact size, so that reading past it is seen. */
static steno_err hear_piece(wyoming_reader *r, const uint8_t *data, size_t size, heard *h) {
    unsigned char *copy = malloc(size ? size : 1);
    const unsigned char *at = copy;
    wyoming_item item;
    steno_err e;
    CHECK(copy);
    memcpy(copy, data, size);
    while ((e = wyoming_read(r, &at, &size, 1, &item)) == STENO_OK && item.kind != WYOMING_NOTHING) {
        if (item.kind == WYOMING_EVENT) {
            check_event(h, &item);
            continue;
        }
        CHECK(item.n > 0);
        h->payload_bytes += item.n;
        h->payloads += item.last;
        add(h, item.bytes, item.n);
    }
    CHECK(r->room <= 2 * WYOMING_DATA_BYTES_MAX);
    CHECK(e != STENO_OK || size == 0);
    free(copy);
    return e;
}

static heard hear(const uint8_t *data, size_t size, size_t step) {
    heard h = {0};
    wyoming_reader r = {0};
    for (size_t at = 0; at < size && h.error == STENO_OK; at += step)
        h.error = hear_piece(&r, data + at, size - at < step ? size - at : step, &h);
    if (h.error != STENO_OK) {
        CHECK(h.error == STENO_E_FORMAT || h.error == STENO_E_LIMIT);
        CHECK(steno_error_detail()[0] != 0);
    }
    wyoming_reader_free(&r);
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    heard whole = hear(data + 1, size - 1, size), cut = hear(data + 1, size - 1, 1 + data[0] % STEP_MAX);
    CHECK(whole.error == cut.error && whole.events == cut.events && whole.payload_bytes == cut.payload_bytes);
    CHECK(whole.payloads == cut.payloads && whole.sum == cut.sum);
    return 0;
}
