/* fuzz_tokenizer.c: any bytes as a vocabulary; the text of all its tokens must be valid UTF-8 within its bounds. */
#include "nn/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(const tokenizer *t, const int32_t *ids, size_t n, size_t cap) {
    char *out = malloc(cap);
    if (!out) return;
    size_t length = tokenizer_decode(t, ids, n, out, cap);
    if (length >= cap || out[length] != '\0' || strlen(out) != length) abort();
    for (size_t at = 0; at < length;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)out + at, (utf8proc_ssize_t)(length - at), &point);
        if (used <= 0) abort();
        at += (size_t)used;
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    tokenizer *t;
    int32_t ids[256];
    if (tokenizer_open_memory("fuzz", (const char *)bytes, n, &t) != STENO_OK) return 0;
    size_t count = tokenizer_size(t) < 250 ? tokenizer_size(t) : 250;
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)i;
    ids[count] = -1;
    ids[count + 1] = INT32_MAX;
    check(t, ids, count + 2, 4096);
    check(t, ids, count + 2, 7);
    check(t, ids, count + 2, 1);
    for (size_t i = 0; i < count; i++) {
        const char *piece;
        if (tokenizer_starts_word(t, (int32_t)i) && tokenizer_piece(t, (int32_t)i, &piece) == 0) abort();
    }
    tokenizer_close(t);
    return 0;
}
