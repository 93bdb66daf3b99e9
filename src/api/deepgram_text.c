/* deepgram_text.c: see deepgram_text.h. */
#include "api/deepgram_text.h"

#include "api/events.h"
#include "base/mem.h"
#include "privacy/released.h"

#include <math.h>
#include <string.h>

#include <utf8proc.h>

/* Punctuation, but for what is said aloud where it stands ("5%", "AT&T", "@home"). */
static bool is_punctuation(utf8proc_int32_t c) {
    if (c == '%' || c == '&' || c == '@' || c == '#') return false;
    utf8proc_category_t k = utf8proc_category(c);
    return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

/* The character at *at, which moves behind it; what is not UTF-8 is a question mark. */
static utf8proc_int32_t next(const char *text, size_t n, size_t *at) {
    utf8proc_int32_t c;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text + *at, (utf8proc_ssize_t)(n - *at), &c);
    *at += len > 0 ? (size_t)len : 1;
    return len > 0 ? c : '?';
}

/* The bytes of a word without the punctuation round it; a mask is none. */
static void trim(const char *text, size_t *start, size_t *end) {
    size_t first = *end, behind = *end;
    for (size_t at = *start; at < *end;) {
        size_t here = at, mask = released_mask_bytes(text + at, *end - at);
        at += mask;
        if (!mask && is_punctuation(next(text, *end, &at))) continue;
        if (first == *end) first = here;
        behind = at;
    }
    *start = first;
    *end = behind;
}

static size_t put_lower(char *out, const char *text, size_t start, size_t end) {
    size_t n = 0;
    while (start < end) {
        size_t mask = released_mask_bytes(text + start, end - start);
        memcpy(out + n, text + start, mask);
        n += mask;
        start += mask;
        if (!mask)
            n += (size_t)utf8proc_encode_char(utf8proc_tolower(next(text, end, &start)), (utf8proc_uint8_t *)out + n);
    }
    return n;
}

static bool is_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

json_t *deepgram_plain(const char *text, size_t n) {
    char *out = mem_alloc(4, n + 1); /* no character grows by more */
    size_t size = 0;
    if (!out) return NULL;
    for (size_t at = 0; at < n;) {
        size_t start = at;
        while (at < n && !is_space(text[at])) at++;
        size_t end = at;
        trim(text, &start, &end);
        if (start < end && size) out[size++] = ' ';
        size += put_lower(out + size, text, start, end);
        while (at < n && is_space(text[at])) at++;
    }
    json_t *plain = json_stringn(out, size);
    mem_free(out);
    return plain;
}

json_t *deepgram_string(const char *text, size_t n) {
    return events_string(text, n);
}

json_t *deepgram_seconds(double s) {
    return json_real(round(s * 1000) / 1000);
}

json_t *deepgram_word(const char *text, size_t n, double start_s, double end_s, double confidence, bool punctuated) {
    json_t *plain = deepgram_plain(text, n);
    if (plain && json_string_length(plain) == 0) {
        json_decref(plain);
        return json_null();
    }
    json_t *word = json_pack("{s:o, s:o, s:o, s:o}", "word", plain, "start", deepgram_seconds(start_s), "end",
                             deepgram_seconds(end_s), "confidence", deepgram_seconds(confidence));
    if (!word || !punctuated || json_object_set_new(word, "punctuated_word", deepgram_string(text, n)) == 0)
        return word;
    json_decref(word);
    return NULL;
}
