/* fuzz_live_event.c: anything a server may send a client is an event with all its texts, or is refused with a reason. */
#include "cmd/live_event.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static bool within_character(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static void check_event(const live_event *e) {
    CHECK(e->kind <= LIVE_CLOSED && e->json);
    CHECK(e->text && e->code && e->what);
    CHECK(e->kind == LIVE_PARTIAL || e->kind == LIVE_FINAL || e->text[0] == 0);
    CHECK(e->stable_bytes <= strlen(e->text) && !within_character(e->text[e->stable_bytes]));
    CHECK(e->reason <= STENO_END_STREAM);
    CHECK(isfinite(e->start_s) && isfinite(e->end_s) && isfinite(e->audio_end_s) && isfinite(e->first_word_end_s));
}

/* Counting characters of any bytes at all. */
static void check_prefix(const char *text) {
    size_t n = strlen(text), before = 0;
    for (uint64_t k = 0; k <= 8; k++) {
        size_t bytes = live_prefix_bytes(text, k);
        CHECK(bytes >= before && bytes <= n && (bytes == n || !within_character(text[bytes])));
        before = bytes;
    }
    CHECK(live_prefix_bytes(text, UINT64_MAX) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    live_event e;
    char *text = malloc(size + 1);
    CHECK(text);
    memcpy(text, data, size);
    text[size] = 0;
    check_prefix(text);
    char *exact = malloc(size ? size : 1);
    CHECK(exact);
    memcpy(exact, data, size);
    if (live_event_parse(exact, size, &e) == STENO_OK)
        check_event(&e);
    else
        CHECK(steno_error_detail()[0] && !e.json);
    live_event_free(&e);
    free(exact);
    free(text);
    return 0;
}
