/* fuzz_transcript.c: any token sequence over a vocabulary of whole and broken characters gives a well-formed segment.
 *
 * The input's first bytes choose pieces; the rest are token ids with odd times and probabilities.
 */
#include "listen/transcript.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define PIECES 64

/* Pieces of up to 6 bytes cut from the input, as a vocabulary file. */
static size_t make_vocabulary(const uint8_t *data, size_t size, char *out, size_t *used) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t at = 0, o = 0;
    for (int id = 0; id < PIECES; id++) {
        size_t groups = at < size ? data[at++] % 3 : 0;
        for (size_t g = 0; g < groups && at + 3 <= size; g++, at += 3) {
            uint32_t v = (uint32_t)data[at] << 16 | (uint32_t)data[at + 1] << 8 | data[at + 2];
            for (int k = 0; k < 4; k++) out[o++] = digits[v >> (18 - 6 * k) & 63];
        }
        out[o++] = ' ';
        if (id >= 10) out[o++] = (char)('0' + id / 10);
        out[o++] = (char)('0' + id % 10);
        out[o++] = '\n';
    }
    *used = at;
    return o;
}

static void check_text(const transcript *t) {
    utf8proc_int32_t c;
    CHECK(t->text_bytes < TRANSCRIPT_TEXT_BYTES && t->text[t->text_bytes] == '\0');
    CHECK(t->text_bytes == 0 || (t->text[0] != ' ' && t->text[t->text_bytes - 1] != ' '));
    CHECK(strlen(t->text) == t->text_bytes && !strstr(t->text, "  "));
    for (uint32_t i = 0; i < t->text_bytes;) {
        utf8proc_ssize_t len =
            utf8proc_iterate((const utf8proc_uint8_t *)t->text + i, (utf8proc_ssize_t)(t->text_bytes - i), &c);
        CHECK(len > 0);
        i += (uint32_t)len;
    }
}

static void check_words(const transcript *t, double start_s, double end_s) {
    uint32_t byte = 0;
    double at = start_s;
    CHECK(t->n_words <= TRANSCRIPT_MAX_TOKENS && (t->n_words > 0) == (t->text_bytes > 0));
    for (uint32_t i = 0; i < t->n_words; i++) {
        const steno_word *w = &t->words[i];
        CHECK(w->text_bytes > 0 && w->text_offset >= byte);
        byte = w->text_offset + w->text_bytes;
        CHECK(byte <= t->text_bytes);
        CHECK(!memchr(t->text + w->text_offset, ' ', w->text_bytes));
        CHECK(w->start_s >= at && w->end_s >= w->start_s && w->end_s <= end_s);
        CHECK(w->confidence >= 0.0f && w->confidence <= 1.0f);
        at = w->end_s;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char file[PIECES * 16];
    static transcript out;
    transcript_token tokens[TRANSCRIPT_MAX_TOKENS + 8];
    int32_t ids[TRANSCRIPT_MAX_TOKENS + 8];
    size_t used;
    int n = 0;
    tokenizer *t;
    size_t file_bytes = make_vocabulary(data, size, file, &used);
    if (tokenizer_open_memory("fuzz", file, file_bytes, &t) != STENO_OK) return 0;
    for (; used < size && n < TRANSCRIPT_MAX_TOKENS + 8; used++, n++) {
        double x = data[used] == 255 ? NAN : (double)(data[used] % 19) - 3.0;
        ids[n] = (int32_t)data[used] % (PIECES + 2) - 1;
        tokens[n] = (transcript_token){ids[n], (float)-x, x, x + 1.0};
    }
    transcript_build(t, tokens, n, 1.0, 12.0, &out);
    check_text(&out);
    check_words(&out, 1.0, 12.0);
    int keep = transcript_loop(ids, n);
    CHECK(keep <= n && (keep > 0 || n == 0));
    CHECK(transcript_loop(ids, keep) <= keep);
    tokenizer_close(t);
    return 0;
}
