/* code_run.c: see code_run.h.
 *
 * Owner: any thread; pure.
 */
#include "privacy/code_run.h"

#include <string.h>

#define LOOSE_LETTERS_MAX 4
#define GAP_MAX           4 /* tokens between two parts */

static bool is_figures(const token *t) {
    return t->kind == TOKEN_DIGITS || (t->sense & (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_REPEAT));
}

static bool is_capitals(const char *text, const token *t) {
    for (uint32_t i = 0; i < t->n; i++)
        if (text[t->at + i] < 'A' || text[t->at + i] > 'Z') return false;
    return true;
}

static bool is_letters(const char *text, const token *t) {
    for (uint32_t i = 0; i < t->n; i++)
        if ((text[t->at + i] | 32) < 'a' || (text[t->at + i] | 32) > 'z') return false;
    return true;
}

static bool has_vowel(const char *text, const token *t) {
    for (uint32_t i = 0; i < t->n; i++)
        if (strchr("aeiouy", text[t->at + i] | 32)) return true;
    return false;
}

/* "a" and "i" before a word are words, unless letters are spelled. */
static bool is_article(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (t->value != 'a' && t->value != 'i') return false;
    if (i > 0 && (r->tokens[i - 1].sense & SENSE_LETTER) && r->tokens[i - 1].kind == TOKEN_WORD) return false;
    const token *next = reader_at(r, i + 1);
    return next->kind == TOKEN_WORD && next->spaced && !(next->sense & SENSE_LETTER) && !is_figures(next);
}

/* Figures stand directly before or behind, or with nothing but a dash between. */
static bool is_glued(reader *r, uint32_t i) {
    const token *t = reader_at(r, i), *next = reader_at(r, i + 1);
    if (next->kind == TOKEN_SIGN && (next->sense & SENSE_DASH) && !next->spaced) next = reader_at(r, i + 2);
    if (!next->spaced && is_figures(next)) return true;
    return !t->spaced && i > 0 && is_figures(&r->tokens[i - 1]);
}

/* A short word between written figures, or before any: "327 ewf". */
static bool is_by_figures(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (t->n <= 2) return is_figures(reader_at(r, i + 1)) || (i > 0 && is_figures(&r->tokens[i - 1]));
    const token *before = i > 0 ? &r->tokens[i - 1] : NULL;
    return t->n == 3 && t->sense == 0 && before && before->kind == TOKEN_DIGITS && before->n > 1;
}

/* Letters of a code: said one by one, capitals, or joined to figures. */
static bool is_code_word(reader *r, uint32_t i, bool loose) {
    const token *t = reader_at(r, i);
    if (t->sense & SENSE_LETTER) return !is_article(r, i);
    if (t->kind != TOKEN_WORD || is_figures(t) || !is_letters(r->text, t)) return false;
    bool spelled = i > 0 && (r->tokens[i - 1].sense & SENSE_LETTER) && is_capitals(r->text, t); /* "B ID 2832" */
    if ((t->sense & SENSE_KEYS) && !spelled) return false;
    if (t->n > LOOSE_LETTERS_MAX) return t->n <= RUN_FIGURES_MAX && loose && is_capitals(r->text, t) && is_glued(r, i);
    if (is_capitals(r->text, t) || is_glued(r, i)) return true;
    bool among_han = reader_at(r, i + 1)->kind == TOKEN_HAN; /* nobody says "eh" there */
    if (!among_han && (t->sense & (SENSE_FILLER | SENSE_CORRECTION | SENSE_JOIN))) return false;
    if (loose || is_by_figures(r, i)) return !(t->sense & SENSE_COMMON) || (loose && t->n == 2);
    return t->n <= 3 && t->sense == 0 && !has_vowel(r->text, t);
}

static uint32_t letters_of(const char *text, const token *t, char *out) {
    if (t->kind == TOKEN_HAN) {
        out[0] = (char)(t->value & ~32);
        return 1;
    }
    for (uint32_t i = 0; i < t->n; i++) out[i] = (char)(text[t->at + i] & ~32);
    return t->n;
}

/* One part at token i; returns the token behind it, 0: none. */
static uint32_t read_part(reader *r, uint32_t i, bool loose, run_saying *s) {
    run_say_in_code(r, i, s);
    if (s->end) return s->end;
    if (!is_code_word(r, i, loose)) return 0;
    s->n = letters_of(r->text, reader_at(r, i), s->text);
    s->apart = false;
    return s->end = i + 1;
}

static bool read_gap(reader *r, uint32_t i, run_border *border) {
    const token *t = reader_at(r, i);
    run_border is = BORDER_PAUSE;
    if (t->kind == TOKEN_SIGN) {
        bool sign =
            (t->sense & (SENSE_DASH | SENSE_DOT)) || t->value == 0xb7 || t->value == 0x2022 || t->value == 0x30fb;
        if (!sign && t->value != ',' && t->value != 0xff0c && t->value != 0x3001) return false;
        if (sign && !reader_at(r, i + 1)->spaced) is = BORDER_SIGN;
    } else if (t->sense & SENSE_CORRECTION) {
        is = BORDER_CORRECTION;
    } else if (t->kind != TOKEN_BREAK && !(t->sense & SENSE_FILLER)) {
        bool sign = t->kind != TOKEN_END && (t->sense & SENSE_DASH);
        if (!sign && (!(t->sense & SENSE_JOIN) || (t->sense & SENSE_COMMON))) return false;
        if (sign) is = BORDER_SIGN;
    }
    if (is > *border) *border = is;
    return true;
}

static bool next_part(reader *r, uint32_t i, bool loose, run_saying *s, run_border *border, uint32_t *at) {
    *border = BORDER_JOINED;
    for (uint32_t k = 0; k <= GAP_MAX; k++) {
        *at = i + k;
        if (read_part(r, i + k, loose, s)) {
            if (*border == BORDER_JOINED && reader_at(r, i + k)->spaced) *border = BORDER_BLANK;
            return true;
        }
        if (!read_gap(r, i + k, border)) return false;
    }
    return false;
}

void code_read(reader *r, uint32_t i, bool loose, code_run *run) {
    run_saying s;
    run_border border;
    uint32_t at = i, end = i;
    run->n_parts = run->n_text = 0;
    while (run->n_parts < CODE_PARTS_MAX && end - i < CODE_TOKENS_MAX && next_part(r, end, loose, &s, &border, &at)) {
        if (run->n_text + s.n > CODE_TEXT_MAX || (run->n_parts == 0 && at != i)) return;
        code_part *p = &run->parts[run->n_parts++];
        *p = (code_part){
            .first = at, .end = s.end, .at = (uint16_t)run->n_text, .n = (uint16_t)s.n, .border = (uint8_t)border};
        p->apart = s.apart;
        memcpy(run->text + run->n_text, s.text, s.n);
        run->n_text += s.n;
        end = s.end;
    }
}

bool code_goes_on(const reader *r, uint32_t i) {
    if (i == 0) return false;
    const token *before = &r->tokens[i - 1], *t = &r->tokens[i];
    if (is_figures(before)) return true;
    if (before->kind != TOKEN_WORD) return false;
    if (!t->spaced) return !(before->sense & SENSE_KEYS);
    return (before->sense & SENSE_LETTER) && before->value != 'a' && before->value != 'i';
}
