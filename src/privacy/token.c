/* token.c: text into tokens, and the table of words that mean something.
 *
 * Owner      any thread; the table is made once, under pthread_once, and read only afterwards.
 * Invariants a token depends on the bytes from the character before it up to its own end and at most LEXICON_HAN_MAX characters
 *            on: token_closed() says from where on more text could make a difference.
 */
#include "privacy/token.h"

#include "base/err.h"
#include "privacy/lexicon.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <utf8proc.h>

#define TABLE_SLOTS 8192 /* a power of two, at most half full */

typedef struct slot {
    const char *key; /* NULL: empty */
    uint32_t n;
    bool word, prefix; /* it is one; a longer Han word begins so */
    uint64_t sense;
    int64_t value;
} slot;

static slot table[TABLE_SLOTS];
static uint32_t table_used;
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

#define SENSES_NUMBER (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_SCALE)

/* ---- the table --------------------------------------------------------------------------------------------------- */

static uint32_t hash_step(uint32_t h, unsigned char c) {
    return (h ^ c) * 16777619u;
}

static uint32_t hash_bytes(const char *key, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = hash_step(h, (unsigned char)key[i]);
    return h;
}

static slot *table_place(const char *key, size_t n, uint32_t h) {
    uint32_t at = (h ^ h >> 15) & (TABLE_SLOTS - 1);
    while (table[at].key && (table[at].n != n || memcmp(table[at].key, key, n) != 0)) at = (at + 1) & (TABLE_SLOTS - 1);
    return &table[at];
}

static const slot *table_find(const char *key, size_t n) {
    const slot *s = table_place(key, n, hash_bytes(key, n));
    return s->key ? s : NULL;
}

static slot *table_add(const char *key, size_t n) {
    slot *s = table_place(key, n, hash_bytes(key, n));
    if (!s->key) {
        assert(table_used < TABLE_SLOTS / 2);
        table_used++;
        s->key = key, s->n = (uint32_t)n;
    }
    return s;
}

static void table_word(const lexicon_word *w, bool han) {
    size_t n = strlen(w->text);
    slot *s = table_add(w->text, n);
    s->word = true;
    s->sense |= w->sense;
    if (w->value) s->value = w->value;
    if (!han) return;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)w->text[i] & 0xc0) != 0x80) table_add(w->text, i)->prefix = true;
}

static void table_make(void) {
    for (size_t i = 0; i < lexicon_en_n; i++) table_word(&lexicon_en[i], false);
    for (size_t i = 0; i < lexicon_zh_n; i++) table_word(&lexicon_zh[i], true);
}

steno_err token_lexicon(void) {
    if (pthread_once(&table_once, table_make) != 0) return err_fail(STENO_E_NOMEM, "lexicon: pthread_once failed");
    return STENO_OK;
}

/* ---- characters -------------------------------------------------------------------------------------------------- */

typedef enum class {
    CLASS_BLANK,
    CLASS_LETTER,
    CLASS_FIGURE,
    CLASS_HAN,
    CLASS_SIGN,
    CLASS_BREAK,
    CLASS_APOSTROPHE
} class;

typedef struct character {
    int32_t code; /* a byte that is no UTF-8: that byte */
    uint32_t n;
    class is;
} character;

static class class_ascii(unsigned char c) {
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return CLASS_LETTER;
    if (c >= '0' && c <= '9') return CLASS_FIGURE;
    if (c == (unsigned char)TOKEN_BREAK_CHAR) return CLASS_BREAK;
    if (c <= ' ' || c == 127) return CLASS_BLANK;
    return c == '\'' ? CLASS_APOSTROPHE : CLASS_SIGN;
}

static bool code_is_han(int32_t c) {
    return (c >= 0x4e00 && c <= 0x9fff) || c == 0x3007 || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

static class class_code(int32_t c) {
    if (code_is_han(c)) return CLASS_HAN;
    if (c >= 0xff10 && c <= 0xff19) return CLASS_FIGURE;
    if (c == 0x2019) return CLASS_APOSTROPHE;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
        return CLASS_LETTER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF: /* a digit is a digit, whatever invisible stands behind it */
        return CLASS_BLANK;
    default:
        return CLASS_SIGN;
    }
}

static inline character character_at(const char *text, size_t n, size_t at) {
    unsigned char c = (unsigned char)text[at];
    if (c < 0x80) return (character){c, 1, class_ascii(c)};
    utf8proc_int32_t code;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &code);
    if (used <= 0) return (character){c, 1, CLASS_SIGN};
    return (character){code, (uint32_t)used, class_code(code)};
}

static uint64_t sign_sense(int32_t c) {
    switch (c) {
    case '@':
    case 0xff20:
        return SENSE_AT;
    case '.':
    case 0xff0e:
        return SENSE_DOT;
    case '-':
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2212:
    case 0xff0d:
        return SENSE_DASH;
    case '_':
    case 0xff3f:
        return SENSE_UNDERSCORE;
    case '+':
    case 0xff0b:
        return SENSE_PLUS;
    case '/':
    case 0xff0f:
        return SENSE_SLASH;
    case '$':
    case 0xa3:
    case 0xa5:
    case 0x20ac:
    case 0xffe5:
    case 0x20b9:
        return SENSE_CURRENCY;
    case '(':
    case 0xff08:
        return SENSE_OPEN;
    default:
        return 0;
    }
}

/* ---- tokens ------------------------------------------------------------------------------------------------------ */

/* Letters, and apostrophes between letters. */
static size_t word_end(const char *text, size_t n, size_t at) {
    for (;;) {
        while (at < n && (unsigned char)((text[at] | 32) - 'a') < 26) at++;
        if (at >= n) break;
        character c = character_at(text, n, at);
        if (c.is == CLASS_APOSTROPHE) {
            if (at + c.n >= n || character_at(text, n, at + c.n).is != CLASS_LETTER) break;
        } else if (c.is != CLASS_LETTER) {
            break;
        }
        at += c.n;
    }
    return at;
}

/* Lower case, ASCII; 0 bytes: longer, or with other letters. */
static uint32_t word_fold(const char *text, size_t from, size_t end, char *out) {
    uint32_t n = 0;
    for (size_t i = from; i < end; i++) {
        unsigned char c = (unsigned char)text[i];
        if (n == LEXICON_WORD_MAX) return 0;
        if (c == 0xe2 && end - i >= 3 && memcmp(text + i, "\u2019", 3) == 0) {
            out[n++] = '\'';
            i += 2;
        } else if (c < 0x80) {
            out[n++] = c == '\'' ? '\'' : (char)(c | 32);
        } else {
            return 0;
        }
    }
    return n;
}

static size_t read_word(const char *text, size_t n, size_t at, token *out) {
    size_t end = word_end(text, n, at);
    char folded[LEXICON_WORD_MAX];
    uint32_t length = word_fold(text, at, end, folded);
    out->kind = TOKEN_WORD;
    if (!length) return end;
    const slot *s = table_find(folded, length);
    if (s && s->word) out->sense = s->sense, out->value = s->value;
    if (!s && length > 3 && memcmp(folded + length - 2, "'s", 2) == 0) { /* "my phone's" */
        s = table_find(folded, length - 2);
        if (s && s->word) out->sense = s->sense & SENSE_KEYS;
    }
    if (length == 1) out->sense |= SENSE_LETTER, out->value = folded[0];
    return end;
}

static bool is_ordinal_end(const char *text, size_t at, size_t end) {
    char s[LEXICON_WORD_MAX];
    if (word_fold(text, at, end, s) != 2) return false;
    return !memcmp(s, "st", 2) || !memcmp(s, "nd", 2) || !memcmp(s, "rd", 2) || !memcmp(s, "th", 2);
}

static size_t read_figures(const char *text, size_t n, size_t at, token *out) {
    uint32_t count = 0;
    out->kind = TOKEN_DIGITS;
    while (at < n) {
        character c = character_at(text, n, at);
        if (c.is != CLASS_FIGURE) break;
        int figure = c.code >= 0xff10 ? (int)(c.code - 0xff10) : (int)(c.code - '0');
        out->value = ++count <= 18 ? out->value * 10 + figure : -1;
        at += c.n;
    }
    if (at >= n || count > 4 || character_at(text, n, at).is != CLASS_LETTER) return at;
    size_t end = word_end(text, n, at);
    if (!is_ordinal_end(text, at, end)) return at;
    out->kind = TOKEN_WORD;
    out->sense = SENSE_ORDINAL;
    return end;
}

/* Whether the character that ends at byte `at` says a number. */
static bool number_before(const char *text, size_t at) {
    if (at < 3) return false;
    const slot *s = table_find(text + at - 3, 3);
    return s && s->word && (s->sense & SENSES_NUMBER);
}

/* The longest word of the table. *open (may be NULL): the text ends where a longer one might go on. */
static size_t han_longest(const char *text, size_t n, size_t at, const slot **word, bool *open) {
    size_t end = at + character_at(text, n, at).n, longest = end;
    const slot *s = table_find(text + at, end - at);
    *word = s && s->word ? s : NULL;
    if (s && (s->sense & SENSES_NUMBER) && number_before(text, at)) return end;
    while (s && s->prefix && end < n) {
        character c = character_at(text, n, end);
        if (c.is != CLASS_HAN) return longest;
        end += c.n;
        s = table_find(text + at, end - at);
        if (s && s->word) *word = s, longest = end;
    }
    if (open) *open = s && s->prefix;
    return longest;
}

static size_t read_han(const char *text, size_t n, size_t at, token *out) {
    const slot *word;
    size_t end = han_longest(text, n, at, &word, NULL);
    out->kind = TOKEN_HAN;
    if (word) out->sense = word->sense, out->value = word->value;
    return end;
}

static size_t read_token(const char *text, size_t n, size_t at, character c, token *out) {
    switch (c.is) {
    case CLASS_LETTER:
        return read_word(text, n, at, out);
    case CLASS_FIGURE:
        return read_figures(text, n, at, out);
    case CLASS_HAN:
        return read_han(text, n, at, out);
    case CLASS_BREAK:
        out->kind = TOKEN_BREAK;
        return at + c.n;
    default:
        out->kind = TOKEN_SIGN;
        out->sense = sign_sense(c.code);
        out->value = c.code;
        return at + c.n;
    }
}

uint32_t token_read(const char *text, size_t n, size_t *at, token *out, uint32_t room) {
    uint32_t count = 0;
    size_t i = *at;
    bool spaced = i > 0 && i <= n && (unsigned char)text[i - 1] <= ' ' && text[i - 1] != TOKEN_BREAK_CHAR;
    while (i < n && count < room) {
        character c = character_at(text, n, i);
        if (c.is == CLASS_BLANK) {
            spaced = true;
            i += c.n;
            continue;
        }
        token *t = &out[count++];
        *t = (token){.at = (uint32_t)i, .spaced = spaced};
        i = read_token(text, n, i, c, t);
        t->n = (uint32_t)(i - t->at);
        spaced = false;
    }
    *at = i;
    return count;
}

/* ---- what may still grow ----------------------------------------------------------------------------------------- */

static bool token_open(const char *text, size_t n, const token *t) {
    const slot *word;
    bool open = false;
    if (t->kind == TOKEN_HAN) han_longest(text, n, t->at, &word, &open);
    if (t->kind == TOKEN_WORD || t->kind == TOKEN_DIGITS) open = t->at + t->n == n;
    return open;
}

static bool is_apostrophe(const char *text, const token *t) {
    return t->kind == TOKEN_SIGN && (t->value == '\'' || t->value == 0x2019) && text[t->at] != 0;
}

uint32_t token_closed(const char *text, size_t n, const token *tokens, uint32_t n_tokens) {
    uint32_t closed = n_tokens;
    for (uint32_t i = n_tokens; i-- > 0;) {
        if (token_open(text, n, &tokens[i])) closed = i;
        if (tokens[i].at + (size_t)(4 * LEXICON_HAN_MAX) < n) break;
    }
    /* "don'" may go on to "don't"; a character that is not all there, to letters. */
    if (closed == n_tokens && n_tokens && tokens[n_tokens - 1].at + tokens[n_tokens - 1].n == n &&
        is_apostrophe(text, &tokens[n_tokens - 1]))
        closed--;
    while (closed > 0 && closed < n_tokens) {
        const token *before = &tokens[closed - 1], *t = &tokens[closed];
        bool joined = !t->spaced && before->at + before->n == t->at;
        if (!joined || (before->kind != TOKEN_WORD && before->kind != TOKEN_DIGITS)) break;
        if (t->kind != TOKEN_WORD && !is_apostrophe(text, t)) break;
        closed--;
    }
    return closed;
}

size_t token_whole_characters(const char *text, size_t n) {
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        unsigned char c = (unsigned char)text[n - back];
        if ((c & 0xc0) == 0x80) continue;
        size_t needs = c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return needs > back ? n - back : n;
    }
    return n;
}

/* ---- small questions --------------------------------------------------------------------------------------------- */

uint32_t token_figures(const char *text, const token *t, char *out, uint32_t room) {
    uint32_t count = 0;
    for (size_t i = t->at; i < t->at + (size_t)t->n && count < room;) {
        character c = character_at(text, t->at + (size_t)t->n, i);
        if (c.is != CLASS_FIGURE) break;
        out[count++] = (char)('0' + (c.code >= 0xff10 ? c.code - 0xff10 : c.code - '0'));
        i += c.n;
    }
    return count;
}

bool token_is(const char *text, const token *t, const char *word) {
    for (uint32_t i = 0; i < t->n; i++) {
        unsigned char c = (unsigned char)text[t->at + i];
        if (c >= 'A' && c <= 'Z') c |= 32;
        if (c != (unsigned char)word[i]) return false; /* a longer token than the word differs at the word's zero */
    }
    return word[t->n] == 0;
}
