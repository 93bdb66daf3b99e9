/* score_text.c: see score_text.h. Text becomes an array of code points, is rewritten in place, then cut into tokens. */
#include "score/score_text.h"

#include "base/mem.h"
#include "listen/transcript.h"

#include <string.h>

#include <utf8proc.h>

/* ---- code points ------------------------------------------------------------------------------------------------ */

typedef struct codes {
    int32_t *at; /* owned */
    size_t n, cap;
} codes;

static steno_err reserve(codes *c, size_t more) {
    if (c->cap - c->n >= more) return STENO_OK;
    size_t cap = c->cap * 2 + more;
    int32_t *grown = mem_resize(c->at, c->n * sizeof *grown, cap * sizeof *grown);
    if (!grown) return err_fail(STENO_E_NOMEM, "no memory for a line of %zu characters", c->n + more);
    c->at = grown;
    c->cap = cap;
    return STENO_OK;
}

/* The character at the start of text [n > 0], or SCORE_RAW_BYTE + byte; its length in bytes. */
static size_t first_character(const char *text, size_t n, int32_t *character) {
    utf8proc_int32_t code;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)n, &code);
    if (len > 0) {
        *character = code;
        return (size_t)len;
    }
    *character = SCORE_RAW_BYTE + (unsigned char)*text;
    return 1;
}

/* Appends text that is UTF-8 throughout, as it is or in normal form NFKC. */
static steno_err append_text(codes *c, const char *text, size_t n, bool normalise) {
    int options = normalise ? UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_STABLE : 0;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t made = utf8proc_decompose(bytes, (utf8proc_ssize_t)n, NULL, 0, (utf8proc_option_t)options);
    if (made < 0) return err_fail(STENO_E_FORMAT, "text has no normal form: %s", utf8proc_errmsg(made));
    ERR_TRY(reserve(c, (size_t)made + 1));
    utf8proc_decompose(bytes, (utf8proc_ssize_t)n, c->at + c->n, made, (utf8proc_option_t)options);
    if (normalise) made = utf8proc_normalize_utf32(c->at + c->n, made, (utf8proc_option_t)options);
    if (made < 0) return err_fail(STENO_E_FORMAT, "text has no normal form: %s", utf8proc_errmsg(made));
    c->n += (size_t)made;
    return STENO_OK;
}

static steno_err decode(const char *text, size_t n, bool normalise, codes *out) {
    for (size_t i = 0; i < n;) {
        size_t end = i, len = 0;
        int32_t c = 0;
        for (; end < n; end += len) {
            len = first_character(text + end, n - end, &c);
            if (c >= SCORE_RAW_BYTE) break;
        }
        if (end > i) ERR_TRY(append_text(out, text + i, end - i, normalise));
        i = end;
        if (i == n) break;
        ERR_TRY(reserve(out, 1));
        out->at[out->n++] = c;
        i += len;
    }
    return STENO_OK;
}

static utf8proc_category_t category(int32_t c) {
    return c < SCORE_RAW_BYTE ? utf8proc_category(c) : UTF8PROC_CATEGORY_CN;
}

static bool is_mark(int32_t c) {
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

static bool is_letter_or_number(int32_t c) {
    switch (category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return is_mark(c);
    }
}

static bool is_space(int32_t c) {
    utf8proc_category_t k = category(c);
    return k == UTF8PROC_CATEGORY_ZS || k == UTF8PROC_CATEGORY_ZL || k == UTF8PROC_CATEGORY_ZP || (c >= 9 && c <= 13) ||
           c == 0x85;
}

static bool is_apostrophe(int32_t c) {
    return c == '\'' || c == 0x2019 || c == 0x2018 || c == 0x02BC;
}

/* ---- the basic normaliser --------------------------------------------------------------------------------------- */

static void simplify(codes *c) {
    size_t out = 0;
    for (size_t i = 0; i < c->n; i++) {
        int32_t code = c->at[i];
        if (category(code) == UTF8PROC_CATEGORY_CF) continue;
        if (is_mark(code) && (out == 0 || c->at[out - 1] == ' ')) continue; /* on nothing: half of a spacing accent */
        if (is_apostrophe(code)) {
            bool inside = out > 0 && is_letter_or_number(c->at[out - 1]) && i + 1 < c->n &&
                          is_letter_or_number(c->at[i + 1]) && !is_apostrophe(c->at[i + 1]);
            code = inside ? '\'' : ' ';
        } else {
            code = is_letter_or_number(code) ? utf8proc_tolower(code) : ' ';
        }
        c->at[out++] = code;
    }
    c->n = out;
}

/* ---- tokens
 * ----------------------------------------------------------------------------------------------------------- */

/* Where the token that starts at `at` (no space) ends. */
static size_t token_end(const codes *c, size_t at, score_unit unit) {
    bool single = unit == SCORE_CHAR || (unit == SCORE_AUTO && transcript_is_cjk(c->at[at]));
    size_t end = at + 1;
    for (; end < c->n; end++) {
        if (is_space(c->at[end])) break;
        if (single && !is_mark(c->at[end])) break;
        if (unit == SCORE_AUTO && transcript_is_cjk(c->at[end])) break;
    }
    return end;
}

static uint64_t hash_of(const int32_t *at, size_t n) {
    uint64_t h = 14695981039346656037u; /* FNV-1a over code points */
    for (size_t i = 0; i < n; i++) h = (h ^ (uint32_t)at[i]) * 1099511628211u;
    return h;
}

static size_t cut(const codes *c, score_unit unit, score_token *out) {
    size_t n = 0;
    for (size_t i = 0; i < c->n;) {
        if (is_space(c->at[i])) {
            i++;
            continue;
        }
        size_t end = token_end(c, i, unit);
        if (out) out[n] = (score_token){hash_of(c->at + i, end - i), (uint32_t)i, (uint32_t)(end - i)};
        n++;
        i = end;
    }
    return n;
}

static steno_err make(const char *line, size_t n, score_normaliser normaliser, score_unit unit, codes *c,
                      score_tokens *out) {
    ERR_TRY(decode(line, n, normaliser == SCORE_BASIC, c));
    if (normaliser == SCORE_BASIC) simplify(c);
    out->n = cut(c, unit, NULL);
    out->token = mem_alloc(out->n, sizeof *out->token);
    if (!out->token) return err_fail(STENO_E_NOMEM, "no memory for %zu words", out->n);
    cut(c, unit, out->token);
    out->characters = c->at;
    out->n_characters = c->n;
    return STENO_OK;
}

steno_err score_tokens_make(const char *line, size_t n, score_normaliser normaliser, score_unit unit,
                            score_tokens *out) {
    codes c = {0};
    *out = (score_tokens){0};
    if (n > SCORE_MAX_LINE_BYTES)
        return err_fail(STENO_E_LIMIT, "an utterance of %zu bytes is longer than %zu", n, SCORE_MAX_LINE_BYTES);
    steno_err err = make(line, n, normaliser, unit, &c, out);
    if (err != STENO_OK) {
        mem_free(c.at);
        *out = (score_tokens){0};
    }
    return err;
}

void score_tokens_free(score_tokens *t) {
    mem_free(t->characters);
    mem_free(t->token);
    *t = (score_tokens){0};
}

bool score_token_same(const score_tokens *a, const score_token *x, const score_tokens *b, const score_token *y) {
    return x->hash == y->hash && x->length == y->length &&
           memcmp(a->characters + x->first, b->characters + y->first, x->length * sizeof *a->characters) == 0;
}

bool score_has_cjk(const char *text, size_t n) {
    for (size_t i = 0; i < n;) {
        int32_t c;
        i += first_character(text + i, n - i, &c);
        if (transcript_is_cjk(c)) return true;
    }
    return false;
}
