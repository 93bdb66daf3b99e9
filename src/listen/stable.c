/* stable.c: see stable.h. */
#include "listen/stable.h"

#include "listen/align.h"
#include "listen/times.h"

#include <ctype.h>
#include <string.h>

#include <utf8proc.h>

/* True when nothing before token k goes on in it or behind punctuation ("John's", "3.5"): a word begins, or nothing comes. */
static bool ends_word(const uint8_t *kind, int n, int k) {
    while (k < n && kind[k] == ALIGN_SILENT) k++;
    return k >= n || kind[k] != ALIGN_JOINED;
}

int stable_tokens(const tokenizer *t, const int32_t *before, int n_before, const int32_t *now, int n_now) {
    uint8_t kind_before[TRANSCRIPT_MAX_TOKENS], kind_now[TRANSCRIPT_MAX_TOKENS];
    if (n_before > TRANSCRIPT_MAX_TOKENS) n_before = TRANSCRIPT_MAX_TOKENS;
    if (n_now > TRANSCRIPT_MAX_TOKENS) n_now = TRANSCRIPT_MAX_TOKENS;
    int k = 0, shorter = n_before < n_now ? n_before : n_now;
    while (k < shorter && before[k] == now[k]) k++;
    times_kinds(t, before, n_before, kind_before);
    times_kinds(t, now, n_now, kind_now);
    while (k > 0 && !(ends_word(kind_before, n_before, k) && ends_word(kind_now, n_now, k))) k--;
    while (k > 0 && kind_now[k - 1] == ALIGN_SILENT) k--;
    return k;
}

int stable_hold_back(const tokenizer *t, const int32_t *ids, int n, int words) {
    uint8_t kind[TRANSCRIPT_MAX_TOKENS];
    if (n > TRANSCRIPT_MAX_TOKENS) n = TRANSCRIPT_MAX_TOKENS;
    times_kinds(t, ids, n, kind);
    while (n > 0 && words > 0) {
        if (kind[--n] == ALIGN_WORD) words--;
    }
    while (n > 0 && kind[n - 1] == ALIGN_SILENT) n--;
    return n;
}

uint32_t stable_bytes(const tokenizer *t, const int32_t *ids, int n, const transcript *text) {
    char front[TRANSCRIPT_TEXT_BYTES];
    size_t bytes = tokenizer_decode(t, ids, (size_t)n, front, sizeof front), same = 0;
    if (bytes > text->text_bytes) bytes = text->text_bytes;
    while (same < bytes && front[same] == text->text[same]) same++;
    while (same > 0 && same < text->text_bytes && ((unsigned char)text->text[same] & 0xC0) == 0x80) same--;
    while (same > 0 && text->text[same - 1] == ' ') same--;
    return (uint32_t)same;
}

/* ---- ends of texts ------------------------------------------------------------------------------------------------ */

/* The last character of text[0..n), and where it begins. */
static int32_t last_character(const char *text, size_t n, size_t *at) {
    utf8proc_int32_t c = 0;
    *at = n;
    if (n == 0) return 0;
    do {
        (*at)--;
    } while (*at > 0 && ((unsigned char)text[*at] & 0xC0) == 0x80);
    if (utf8proc_iterate((const utf8proc_uint8_t *)text + *at, (utf8proc_ssize_t)(n - *at), &c) < 0) return 0;
    return c;
}

void stable_trim_end(transcript *text) {
    size_t at, n = text->text_bytes;
    while (n > 0) {
        int32_t c = last_character(text->text, n, &at);
        if (c != ' ' && transcript_is_spoken(c)) break;
        n = at;
    }
    text->text_bytes = (uint32_t)n;
    text->text[n] = '\0';
    while (text->n_words && text->words[text->n_words - 1].text_offset >= n) text->n_words--;
    if (text->n_words == 0) return;
    steno_word *w = &text->words[text->n_words - 1];
    if (w->text_offset + w->text_bytes > n) w->text_bytes = (uint32_t)n - w->text_offset;
}

/* The last word in small letters, without what stands behind it; "" when it is too long to be in the list. */
static void last_word(const transcript *text, size_t end, char *word, size_t cap) {
    size_t from = end, n = 0;
    while (from > 0 && text->text[from - 1] != ' ') from--;
    word[0] = '\0';
    if (end - from >= cap) return;
    for (size_t i = from; i < end; i++) word[n++] = (char)tolower((unsigned char)text->text[i]);
    word[n] = '\0';
}

bool stable_looks_unfinished(const transcript *text) {
    /* Words that hardly ever end a sentence. "to", "in", "that" and the like often do. */
    static const char *const leading[] = {"a",  "an",   "and",  "because",  "but",    "er",  "for",   "from",
                                          "if", "my",   "of",   "or",       "our",    "the", "their", "uh",
                                          "um", "with", "your", "although", "unless", "than"};
    size_t at, n = text->text_bytes;
    bool stopped = false;
    while (n > 0) {
        int32_t c = last_character(text->text, n, &at);
        if (c == '?' || c == '!' || c == 0xFF1F || c == 0xFF01 || c == 0x3002) return false;
        if (c == ',' || c == ';' || c == ':' || c == '-' || c == 0x2026 || c == 0xFF0C || c == 0x3001) return true;
        if (c == '.' && stopped) return true; /* an ellipsis */
        if (c != ' ' && transcript_is_spoken(c)) break;
        stopped = c == '.';
        n = at;
    }
    char word[16];
    last_word(text, n, word, sizeof word);
    for (size_t i = 0; i < sizeof leading / sizeof *leading; i++) {
        if (strcmp(word, leading[i]) == 0) return true;
    }
    return false;
}
