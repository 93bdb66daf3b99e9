/* vosk_plain.c: see vosk_plain.h. */
#include "api/vosk_plain.h"

#include "privacy/released.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

typedef struct reading {
    const utf8proc_uint8_t *at, *end;
} reading;

/* The next character; 0 at the end, -1: not UTF-8, one byte is skipped. */
static utf8proc_int32_t next(reading *r) {
    utf8proc_int32_t c;
    if (r->at >= r->end) return 0;
    utf8proc_ssize_t n = utf8proc_iterate(r->at, r->end - r->at, &c);
    r->at += n > 0 ? n : 1;
    return n > 0 ? c : -1;
}

static bool is_digit(utf8proc_int32_t c) {
    return c > 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_ND;
}

/* Letters, the marks on them, numbers. */
static bool is_word(utf8proc_int32_t c) {
    return c > 0 && utf8proc_category(c) >= UTF8PROC_CATEGORY_LU && utf8proc_category(c) <= UTF8PROC_CATEGORY_NO;
}

/* Signs that stand for something said. */
static bool is_said(utf8proc_int32_t c) {
    if (c <= 0) return false;
    if (c < 0x80) return c && strchr("$%&#@+=", (char)c);
    utf8proc_category_t kind = utf8proc_category(c);
    return kind == UTF8PROC_CATEGORY_SC || kind == UTF8PROC_CATEGORY_SM || kind == UTF8PROC_CATEGORY_SO;
}

/* What c becomes between two characters; 0: it parts them. */
static utf8proc_int32_t joiner(utf8proc_int32_t before, utf8proc_int32_t c, utf8proc_int32_t after) {
    bool inside = is_word(before) && is_word(after);
    if (c == '.' || c == '-') {
        if (inside || (is_digit(after) && !is_word(before))) return c;
        return 0;
    }
    if (!inside) return 0;
    if (c == '\'' || c == 0x2019 || c == 0x02bc) return '\'';
    if (c == ',' || c == ':') return is_digit(before) && is_digit(after) ? c : 0;
    if (c == '/' || c == '_') return c;
    return c > 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_PD ? '-' : 0;
}

size_t vosk_plain(const char *text, size_t n, char *out) {
    reading r = {(const utf8proc_uint8_t *)text, (const utf8proc_uint8_t *)text + n};
    size_t length = 0;
    bool apart = false;
    const utf8proc_uint8_t *here = r.at; /* where c stands */
    utf8proc_int32_t before = 0, c = next(&r);
    while (c) {
        size_t mask = released_mask_bytes((const char *)here, (size_t)(r.end - here));
        if (mask) {
            if (apart && length) out[length++] = ' ';
            memcpy(out + length, here, mask);
            length += mask;
            here = r.at = here + mask;
            apart = false;
            before = 0;
            c = next(&r);
            continue;
        }
        here = r.at;
        utf8proc_int32_t after = next(&r);
        utf8proc_int32_t kept = is_word(c) ? utf8proc_tolower(c) : is_said(c) ? c : joiner(before, c, after);
        if (kept) {
            if (apart && length) out[length++] = ' ';
            length += (size_t)utf8proc_encode_char(kept, (utf8proc_uint8_t *)out + length);
        }
        apart = !kept;
        before = c;
        c = after;
    }
    out[length] = 0;
    return length;
}
