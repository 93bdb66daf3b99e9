/* number_run.c: see number_run.h.
 *
 * Owner: any thread; pure.
 */
#include "privacy/number_run.h"

#include <string.h>

#define SPOKEN (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_SCALE | SENSE_REPEAT)

/* ---- what says figures ------------------------------------------------------------------------------------------- */

static void say(run_saying *s, int64_t value) {
    char back[20];
    uint32_t n = 0;
    do {
        back[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n) s->text[s->n++] = back[--n];
}

static bool is_word(const token *t, uint64_t sense) {
    return t->kind == TOKEN_WORD && (t->sense & sense);
}

static bool is_han(const token *t, uint64_t sense) {
    return t->kind == TOKEN_HAN && (t->sense & sense);
}

static bool is_letter(const token *t, char letter) {
    return (t->sense & SENSE_LETTER) && t->value == letter;
}

/* Letters that stand directly at the figures make them part of a code, unless they say what the number is. */
static bool glued_before(const reader *r, uint32_t i) {
    if (i == 0 || r->tokens[i].spaced) return false;
    const token *t = &r->tokens[i - 1];
    if (t->kind == TOKEN_WORD) return !(t->sense & (SENSE_KEYS | SENSE_EXTENSION | SPOKEN));
    if (t->kind != TOKEN_SIGN) return false;
    if (t->value == ':' || t->value == '.' || t->value == ',') /* the end of 12:34, 1.5 */
        return t->value == ':' && !t->spaced && i > 1 && r->tokens[i - 2].kind == TOKEN_DIGITS;
    return t->value == '_';
}

static bool glued_after(reader *r, uint32_t i) {
    const token *t = reader_at(r, i + 1);
    if (t->spaced) return false;
    if (t->kind == TOKEN_WORD) return !(t->sense & (SENSE_KEYS | SENSE_EXTENSION | SPOKEN));
    if (t->kind != TOKEN_SIGN) return false;
    if (t->value == '%' || t->value == 0xff05 || t->value == 0xb0 || t->value == '_') return true;
    if (t->value != ':' && t->value != 0xff1a) return false;
    const token *next = reader_at(r, i + 2);
    return next->kind == TOKEN_DIGITS && !next->spaced;
}

static void say_written(reader *r, uint32_t i, bool in_code, run_saying *s) {
    const token *t = reader_at(r, i);
    char figures[RUN_FIGURES_MAX + 1];
    uint32_t n = token_figures(r->text, t, figures, sizeof figures);
    if (n > RUN_FIGURES_MAX || (!in_code && (glued_before(r, i) || glued_after(r, i)))) return;
    memcpy(s->text, figures, n);
    s->n = n;
    s->end = i + 1;
}

/* One figure, said or written: what "double" and 两个 repeat. */
static int one_figure(const token *t) {
    if (t->sense & SENSE_DIGIT) return (int)t->value;
    if (is_letter(t, 'o')) return 0;
    return t->kind == TOKEN_DIGITS && t->n == 1 ? (int)t->value : -1;
}

static void say_repeated(reader *r, uint32_t at, int64_t times, run_saying *s) {
    int figure = one_figure(reader_at(r, at));
    if (figure < 0) return;
    for (int64_t i = 0; i < times; i++) s->text[s->n++] = (char)('0' + figure);
    s->end = at + 1;
}

/* "hundred", "thousand" behind a small number. A million is an amount of something, and ends a run. */
static void say_scaled(reader *r, uint32_t at, int64_t value, run_saying *s) {
    const token *t = reader_at(r, at);
    s->end = at;
    if (is_word(t, SENSE_SCALE)) {
        if (t->value > 1000) {
            s->end = 0;
            return;
        }
        value *= t->value;
        s->end = at + 1;
    }
    say(s, value);
}

static void say_tens(reader *r, uint32_t i, run_saying *s) {
    int64_t value = reader_at(r, i)->value;
    uint32_t at = i + 1;
    const token *t = reader_at(r, at);
    if (t->kind == TOKEN_SIGN && (t->sense & SENSE_DASH) && !t->spaced) t = reader_at(r, ++at);
    if (is_word(t, SENSE_DIGIT) && t->value > 0) {
        say_scaled(r, at + 1, value + t->value, s);
        s->apart = s->n == 2;
    } else {
        say_scaled(r, i + 1, value, s);
    }
}

/* 一百二十三, 十五, 三千零五: down from the largest; 万 and 亿 are amounts of something. */
static void say_han_numeral(reader *r, uint32_t i, run_saying *s) {
    int64_t value = 0, last = 10000;
    uint32_t at = i;
    for (;;) {
        const token *t = reader_at(r, at);
        if (is_han(t, SENSE_SCALE)) {
            if (at != i || t->value != 10) break;
            value = last = 10;
            at++;
            continue;
        }
        if (!is_han(t, SENSE_DIGIT)) break;
        const token *next = reader_at(r, at + 1);
        if (t->value == 0 && last < 10000 && last > 10 && is_han(next, SENSE_DIGIT)) {
            at++;
            last = is_han(reader_at(r, at + 1), SENSE_SCALE) ? last : 10;
            continue;
        }
        if (is_han(next, SENSE_SCALE) && next->value < last) {
            value += t->value * next->value;
            last = next->value;
            at += 2;
            continue;
        }
        if (last < 10000 && t->value) value += t->value * last / 10, at++;
        break;
    }
    const token *t = reader_at(r, at);
    if (at == i || (is_han(t, SENSE_SCALE) && t->value >= 10000)) return;
    say(s, value);
    s->end = at;
}

/* 两个六: twice; 个 between figures is said for nothing else. */
static bool is_ge(const reader *r, const token *t) {
    return t->kind == TOKEN_HAN && t->n == 3 && memcmp(r->text + t->at, "个", 3) == 0;
}

/* 圈a: what some say for @. */
static bool is_circled_a(const reader *r, const token *t, const token *next) {
    return token_is(r->text, t, "圈") && next->kind == TOKEN_WORD && (r->text[next->at] | 32) == 'a';
}

static void say_han(reader *r, uint32_t i, run_saying *s) {
    const token *t = reader_at(r, i);
    if (t->sense & SENSE_SCALE) {
        if (t->value == 10) say_han_numeral(r, i, s);
        return;
    }
    const token *next = reader_at(r, i + 1);
    if (is_circled_a(r, t, next)) return;
    if (is_han(next, SENSE_SCALE)) {
        say_han_numeral(r, i, s);
        return;
    }
    if (t->value >= 2 && t->value <= 4 && is_ge(r, next)) {
        say_repeated(r, i + 2, t->value, s);
        if (s->end) return;
    }
    say(s, t->value);
    s->end = i + 1;
}

static void say_word(reader *r, uint32_t i, run_saying *s) {
    const token *t = reader_at(r, i);
    if (t->sense & SENSE_REPEAT) {
        uint32_t at = i + 1;
        if (reader_at(r, at)->kind == TOKEN_SIGN && (reader_at(r, at)->sense & SENSE_DASH)) at++;
        say_repeated(r, at, t->value, s);
    } else if (t->sense & SENSE_TENS) {
        say_tens(r, i, s);
    } else if (t->sense & (SENSE_TEEN | SENSE_DIGIT)) {
        say_scaled(r, i + 1, t->value, s);
    }
}

static bool o_is_zero(reader *r, uint32_t i, bool inside) {
    return inside || (reader_at(r, i + 1)->sense & (SENSE_DIGIT | SENSE_REPEAT)) || is_letter(reader_at(r, i + 1), 'o');
}

/* `figures`: so many have been said in this run. */
static void say_part(reader *r, uint32_t i, uint32_t figures, run_saying *s) {
    const token *t = reader_at(r, i);
    s->n = 0, s->end = 0, s->apart = false;
    s->spoken = t->kind == TOKEN_WORD || t->kind == TOKEN_HAN;
    if (t->kind == TOKEN_DIGITS)
        say_written(r, i, false, s);
    else if (is_han(t, SENSE_DIGIT | SENSE_SCALE))
        say_han(r, i, s);
    else if (is_word(t, SPOKEN))
        say_word(r, i, s);
    else if (is_letter(t, 'o') && o_is_zero(r, i, figures > 0))
        s->text[0] = '0', s->n = 1, s->end = i + 1;
    else if (t->sense & SENSE_PLUS)
        s->text[0] = '+', s->n = 1, s->end = i + 1;
    else if (figures >= 7 && is_letter(t, 'x'))
        s->text[0] = 'X', s->n = 1, s->end = i + 1;
    else if (figures >= 7 && (t->sense & SENSE_EXTENSION))
        s->text[0] = 'E', s->n = 1, s->end = i + 1;
}

void run_say_in_code(reader *r, uint32_t i, run_saying *s) {
    const token *t = reader_at(r, i);
    *s = (run_saying){.spoken = t->kind != TOKEN_DIGITS};
    if (t->kind == TOKEN_DIGITS)
        say_written(r, i, true, s);
    else if (is_han(t, SENSE_DIGIT | SENSE_SCALE))
        say_han(r, i, s);
    else if (is_word(t, SPOKEN))
        say_word(r, i, s);
}

/* ---- what stands between ----------------------------------------------------------------------------------------- */

typedef struct gap {
    run_border border;
    char sign;
} gap;

static bool gap_widen(gap *g, run_border border, char sign) {
    if (border > g->border) g->border = border;
    if (sign) g->sign = sign;
    return true;
}

static bool is_pause(int64_t c) {
    switch (c) {
    case ',':
    case ';':
    case '?':
    case '!':
    case 0xff0c: /* ， */
    case 0x3001: /* 、 */
    case 0x3002: /* 。 */
    case 0xff1b:
    case 0xff1f:
    case 0xff01:
    case 0x2026: /* … */
        return true;
    default:
        return false;
    }
}

/* A thousand's comma: 1,234. */
static bool comma_of_thousands(reader *r, uint32_t i) {
    const token *t = reader_at(r, i), *next = reader_at(r, i + 1);
    if (t->value != ',' || t->spaced || next->spaced || next->kind != TOKEN_DIGITS || next->n != 3) return false;
    return i > 0 && r->tokens[i - 1].kind == TOKEN_DIGITS && r->tokens[i - 1].n <= 3;
}

static bool gap_sign(reader *r, uint32_t i, gap *g) {
    const token *t = reader_at(r, i);
    if (t->sense & SENSE_DASH) return gap_widen(g, BORDER_SIGN, '-');
    if (t->sense & SENSE_SLASH) return gap_widen(g, BORDER_SIGN, '/');
    if (t->sense & SENSE_DOT) return gap_widen(g, reader_at(r, i + 1)->spaced ? BORDER_PAUSE : BORDER_SIGN, '.');
    if ((t->sense & SENSE_OPEN) || t->value == ')' || t->value == 0xff09) return gap_widen(g, BORDER_SIGN, '(');
    if (t->value == 0xb7 || t->value == 0x2022 || t->value == 0x30fb) return gap_widen(g, BORDER_SIGN, '-');
    if (is_pause(t->value)) return !comma_of_thousands(r, i) && gap_widen(g, BORDER_PAUSE, 0);
    return false;
}

/* Token i may stand between two figures of one number. */
static bool gap_token(reader *r, uint32_t i, gap *g) {
    const token *t = reader_at(r, i);
    if (t->kind == TOKEN_BREAK) return gap_widen(g, BORDER_PAUSE, '|');
    if (t->kind == TOKEN_SIGN) return gap_sign(r, i, g);
    if (t->kind != TOKEN_WORD && t->kind != TOKEN_HAN) return false;
    if (t->sense & SENSE_CORRECTION) return gap_widen(g, BORDER_CORRECTION, 0);
    if (t->sense & (SENSE_FILLER | SENSE_JOIN)) return gap_widen(g, BORDER_PAUSE, 0);
    if (t->sense & SENSE_DASH) return gap_widen(g, BORDER_SIGN, '-');
    if (t->sense & SENSE_SLASH) return gap_widen(g, BORDER_SIGN, '/');
    return t->kind == TOKEN_WORD && token_is(r->text, t, "dot") && gap_widen(g, BORDER_SIGN, '.');
}

/* From token i over what may stand between to the next part; *at is where it begins. */
static bool next_part(reader *r, uint32_t i, uint32_t figures, run_saying *s, gap *g, uint32_t *at) {
    *g = (gap){.border = BORDER_JOINED};
    for (uint32_t k = 0; k <= RUN_GAP_MAX; k++) {
        say_part(r, i + k, figures, s);
        *at = i + k;
        if (s->end) return true;
        if (!gap_token(r, i + k, g)) return false;
    }
    return false;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void append(number_run *run, const run_saying *s, uint32_t first, gap g) {
    run_part *p = &run->parts[run->n_parts++];
    if (g.border == BORDER_JOINED && !s->spoken && run->n_parts > 1) g.border = BORDER_BLANK;
    *p = (run_part){.first = first, .end = s->end, .at = (uint16_t)run->n_text, .n = (uint16_t)s->n};
    p->border = (uint8_t)g.border, p->sign = g.sign, p->spoken = s->spoken, p->apart = s->apart;
    memcpy(run->text + run->n_text, s->text, s->n);
    run->n_text += s->n;
    run->end = s->end;
}

bool run_read(reader *r, uint32_t i, number_run *run) {
    run_saying s;
    gap g = {.border = BORDER_PAUSE};
    uint32_t at = i;
    run->n_parts = run->n_text = 0;
    run->first = run->end = i;
    run->cut = false;
    if (reader_at(r, i)->sense & SENSE_OPEN) at = i + 1;
    say_part(r, at, 0, &s);
    if (!s.end) return false;
    append(run, &s, at, g);
    while (next_part(r, run->end, run->n_text, &s, &g, &at)) {
        if (s.end - i > RUN_TOKENS_MAX || run->n_parts == RUN_PARTS_MAX) {
            run->cut = true;
            break;
        }
        append(run, &s, at, g);
    }
    return true;
}
