/* itn.c: the walk over the text; see itn.h.
 *
 * Owner      any thread; a call keeps a window of tokens on its stack.
 * Invariants see itn_int.h. A token is asked at once, and from a window that holds ITN_AHEAD_MAX tokens behind it or all there are.
 */
#include "privacy/itn_int.h"

#include "privacy/lexicon.h"

#include <stdio.h>
#include <string.h>

#define WINDOW_MAX 512
#define READ_MAX   16 /* tokens read at once; each is LEXICON_HAN_MAX characters at most */

typedef struct walk {
    reader r;
    size_t read_at, n; /* bytes tokenised, and in all */
    size_t open_at;    /* where the tokens begin that may still be others */
    bool whole;
    token window[WINDOW_MAX];
} walk;

/* ---- writing ----------------------------------------------------------------------------------------------------- */

void itn_put(itn_answer *a, const char *text, size_t n) {
    if (a->n + n >= sizeof a->written) {
        a->full = true;
        return;
    }
    memcpy(a->written + a->n, text, n);
    a->n += (uint32_t)n;
    a->written[a->n] = 0;
}

void itn_put_text(itn_answer *a, const char *text) {
    itn_put(a, text, strlen(text));
}

void itn_put_int(itn_answer *a, int64_t value) {
    char s[24];
    int n = snprintf(s, sizeof s, "%lld", (long long)value);
    itn_put(a, s, (size_t)n);
}

/* ---- the window -------------------------------------------------------------------------------------------------- */

static int32_t han_code(const char *text, size_t *bytes) {
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] >= 0xf0) {
        *bytes = 4;
        return (s[0] & 7) << 18 | (s[1] & 63) << 12 | (s[2] & 63) << 6 | (s[3] & 63);
    }
    *bytes = 3;
    return (s[0] & 15) << 12 | (s[1] & 63) << 6 | (s[2] & 63);
}

/* A word of Han characters as its characters. */
static void push(walk *w, const token *t) {
    uint32_t at = w->r.n_tokens;
    if (t->kind != TOKEN_HAN) {
        w->window[at] = *t;
        w->r.n_tokens++;
        return;
    }
    for (size_t i = 0, bytes; i < t->n; i += bytes) {
        token *to = &w->window[w->r.n_tokens++];
        *to = (token){.kind = TOKEN_HAN, .at = t->at + (uint32_t)i, .spaced = t->spaced && i == 0};
        to->value = han_code(w->r.text + to->at, &bytes);
        to->n = (uint32_t)bytes;
    }
}

static bool joined(const token *a, const token *b) {
    return a->at + a->n == b->at;
}

static bool may_grow(const token *t) {
    return t->kind == TOKEN_WORD || t->kind == TOKEN_DIGITS;
}

/* Tokens of the window that stay as they are whatever follows: the last word may grow, "don'" become "don't", "3r" "3rd". Characters
 * stay. */
static uint32_t count_closed(const walk *w) {
    uint32_t n = w->r.n_tokens;
    const token *t = w->window;
    if (n == 0 || t[n - 1].at + (size_t)t[n - 1].n < w->n) return n;
    bool apostrophe = t[n - 1].kind == TOKEN_SIGN && (t[n - 1].value == '\'' || t[n - 1].value == 0x2019);
    if (!may_grow(&t[n - 1]) && !(apostrophe && n > 1 && t[n - 2].kind == TOKEN_WORD && joined(&t[n - 2], &t[n - 1])))
        return n;
    n -= apostrophe ? 2 : 1;
    while (n > 0 && may_grow(&t[n - 1]) && t[n].kind == TOKEN_WORD && joined(&t[n - 1], &t[n])) n--;
    return n;
}

static void fill(walk *w) {
    token read[READ_MAX];
    while (w->read_at < w->n && w->r.n_tokens + READ_MAX * LEXICON_HAN_MAX <= WINDOW_MAX) {
        uint32_t n = token_read(w->r.text, w->n, &w->read_at, read, READ_MAX);
        for (uint32_t i = 0; i < n; i++) push(w, &read[i]);
    }
    if (w->read_at < w->n) return;
    uint32_t closed = w->whole ? w->r.n_tokens : count_closed(w);
    w->open_at = closed < w->r.n_tokens ? w->window[closed].at : w->n;
    w->r.n_tokens = closed;
    w->r.whole = w->whole;
}

/* Keeps ITN_BACK tokens before *i, and sees to it that enough stand behind it. */
static void slide(walk *w, uint32_t *i) {
    if (w->read_at >= w->n || w->r.n_tokens > *i + ITN_AHEAD_MAX) return;
    uint32_t drop = *i > ITN_BACK ? *i - ITN_BACK : 0;
    memmove(w->window, w->window + drop, (w->r.n_tokens - drop) * sizeof *w->window);
    w->r.n_tokens -= drop;
    *i -= drop;
    fill(w);
}

/* ---- a call ------------------------------------------------------------------------------------------------------ */

static void ask(reader *r, uint32_t i, itn_answer *a) {
    a->first = a->end = i;
    a->next = i + 1;
    a->n = 0;
    a->full = false;
    r->touched = false;
    if (r->tokens[i].kind == TOKEN_WORD) itn_en(r, i, a);
    if (r->tokens[i].kind == TOKEN_HAN) itn_zh(r, i, a);
}

static void edit_set(text_edit *e, const reader *r, const itn_answer *a) {
    const token *last = &r->tokens[a->end - 1];
    e->at = r->tokens[a->first].at;
    e->n = last->at + last->n - e->at;
    e->written_bytes = a->n;
    memcpy(e->written, a->written, a->n + 1);
}

uint32_t itn_find(const char *text, size_t n, bool whole, text_edit *out, uint32_t room, size_t *settled) {
    walk w = {.r.text = text, .n = whole ? n : token_whole_characters(text, n), .whole = whole};
    w.r.n = w.n;
    w.r.tokens = w.window;
    itn_answer a = {0};
    uint32_t count = 0, i = 0;
    fill(&w);
    for (;; i = a.next) {
        slide(&w, &i);
        if (i >= w.r.n_tokens) break;
        ask(&w.r, i, &a);
        if (w.r.touched) break;
        if (a.end == a.first || a.full) continue;
        if (count == room) break;
        edit_set(&out[count++], &w.r, &a);
    }
    if (settled) *settled = i < w.r.n_tokens ? w.r.tokens[i].at : w.open_at;
    return count;
}
