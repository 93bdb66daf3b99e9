/* shadow_marks.c: two texts side by side, with the words marked that differ: see shadow_report.h.
 *
 * The text is cut into pieces (between blanks; Chinese and Japanese characters one by one), each of which gives the alignment no, one or
 * more of its units, in order: so what is shown is the text as it is, and what is marked is what was counted.
 */
#include "base/mem.h"
#include "cmd/shadow_report.h"
#include "score/score_wer.h"

#include <string.h>

void shadow_put_escaped(FILE *out, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\'')
            fputs("&#39;", out);
        else
            fputc(c < 0x20 ? ' ' : c, out);
    }
}

static size_t character_bytes(const char *at) {
    size_t n = 1;
    while (((unsigned char)at[n] & 0xC0) == 0x80) n++;
    return n;
}

static size_t piece_bytes(const char *at) {
    size_t n = character_bytes(at);
    if (score_has_cjk(at, n)) return n;
    while (at[n] && at[n] != ' ') {
        size_t more = character_bytes(at + n);
        if (score_has_cjk(at + n, more)) break;
        n += more;
    }
    return n;
}

static size_t units_in(const char *text, size_t n) {
    score_tokens t;
    if (score_tokens_make(text, n, SCORE_BASIC, SCORE_AUTO, &t) != STENO_OK) return 0;
    size_t units = t.n;
    score_tokens_free(&t);
    return units;
}

/* Which units of a differ, in an array [a->n]; NULL: it cannot be said. */
static bool *find_changed(const score_tokens *a, const score_tokens *b) {
    size_t n;
    score_step *steps = mem_alloc(a->n + b->n + 1, sizeof *steps);
    bool *changed = mem_alloc(a->n + 1, sizeof *changed);
    if (!steps || !changed || score_trace(a, b, steps, &n) != STENO_OK) {
        mem_free(changed);
        changed = NULL;
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (steps[i].change == SCORE_SUBSTITUTED || steps[i].change == SCORE_DELETED) changed[steps[i].ref] = true;
    }
    mem_free(steps);
    return changed;
}

static void put_pieces(FILE *out, const char *text, const bool *changed, size_t n_units) {
    size_t unit = 0;
    for (const char *at = text; *at;) {
        if (*at == ' ') {
            fputc(*at++, out);
            continue;
        }
        size_t n = piece_bytes(at), units = units_in(at, n);
        bool mark = false;
        for (size_t i = unit; i < unit + units && i < n_units; i++) mark |= changed[i];
        if (mark) fputs("<mark>", out);
        shadow_put_escaped(out, at, n);
        if (mark) fputs("</mark>", out);
        unit += units;
        at += n;
    }
}

void shadow_put_marked(FILE *out, const char *text, const char *other) {
    score_tokens a = {0}, b = {0};
    bool *changed = NULL;
    if (score_tokens_make(text, strlen(text), SCORE_BASIC, SCORE_AUTO, &a) == STENO_OK &&
        score_tokens_make(other, strlen(other), SCORE_BASIC, SCORE_AUTO, &b) == STENO_OK)
        changed = find_changed(&a, &b);
    if (changed)
        put_pieces(out, text, changed, a.n);
    else
        shadow_put_escaped(out, text, strlen(text));
    mem_free(changed);
    score_tokens_free(&a);
    score_tokens_free(&b);
}
