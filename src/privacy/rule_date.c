/* rule_date.c: dates of birth, and on request any date.
 *
 * Purpose    "May 1st, 1990", "the first of may nineteen ninety", 1/5/1990, 1990-05-01, 1990年5月1号, 一九九零年五月一号; only behind words of
 *            birth also figures alone ("oh five oh one nineteen ninety"), a month with a year, a day without one.
 * Owner      any thread; pure. A date of birth is a date with such words at most BIRTH_TOKENS before, and no others between
 *            that say what else is on that day; or right behind (出生, "is my birthday").
 */
#include "privacy/said.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIRTH_TOKENS 12
#define BIRTH_NEAR   6
#define BIRTH_LAST   2025 /* the year after which nobody who speaks was born: dates behind it are appointments */

typedef struct date {
    int year, month, day; /* 0: not said */
    uint32_t end;
    bool figures; /* nothing but figures in a row: no date without a word of birth */
} date;

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is_sign(const token *t, int64_t code) {
    return t->kind == TOKEN_SIGN && t->value == code;
}

static bool is_han(const reader *r, const token *t, const char *text) {
    return t->kind == TOKEN_HAN && t->n == strlen(text) && memcmp(r->text + t->at, text, t->n) == 0;
}

static bool is_day(int year, int month, int day) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1]) return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day < 29 || month != 2 || year == 0 || leap;
}

/* ---- with the month's name ------------------------------------------------------------------------------------- */

static uint32_t skip_comma(reader *r, uint32_t i) {
    return is_sign(reader_at(r, i), ',') ? i + 1 : i;
}

/* "first", "1st", "twenty first", "1", "twenty one"; 0: none. */
static int day_of_month(reader *r, uint32_t i, uint32_t *end) {
    const token *t = reader_at(r, i);
    if (has(t, SENSE_ORDINAL) && t->kind == TOKEN_WORD) {
        *end = i + 1;
        return t->value <= 31 ? (int)t->value : 0;
    }
    if (has(t, SENSE_TENS) && t->kind == TOKEN_WORD) {
        uint32_t at = i + 1;
        const token *unit = reader_at(r, at);
        if (has(unit, SENSE_DASH) && unit->kind == TOKEN_SIGN && !unit->spaced) unit = reader_at(r, ++at);
        if (has(unit, SENSE_ORDINAL) && unit->value < 10) {
            *end = at + 1;
            return t->value + unit->value <= 31 ? (int)(t->value + unit->value) : 0;
        }
    }
    int day = said_small(r, i, end);
    return day >= 1 && day <= 31 ? day : 0;
}

/* The year behind a day and a month, with a comma or "of" or "in the year" before it. */
static void add_year(reader *r, bool born, date *d) {
    uint32_t at = said_skip_fillers(r, skip_comma(r, d->end)), end;
    if (token_is(r->text, reader_at(r, at), "of") || token_is(r->text, reader_at(r, at), "in")) at++;
    int year = said_begins(reader_at(r, at)) ? said_year(r, at, &end) : -1;
    if (year < 0 && born && has(reader_at(r, at), SENSE_TENS)) { /* "may five eighty eight" */
        int two = said_small(r, at, &end);
        year = two < 0 ? two : 1900 + two;
    }
    if (year < 0 || is_han(r, reader_at(r, end), "年")) return;
    d->year = year;
    d->end = end;
}

/* "may [the] first [nineteen ninety]", "may nineteen ninety". */
static bool month_first(reader *r, uint32_t i, bool born, date *d) {
    uint32_t at = i + 1, end;
    *d = (date){.month = (int)reader_at(r, i)->value};
    if (is_sign(reader_at(r, at), '.') && !reader_at(r, at)->spaced) at++;
    at = said_skip_fillers(r, at);
    const token *t = reader_at(r, at);
    if (token_is(r->text, t, "the") || token_is(r->text, t, "of")) at++;
    d->day = day_of_month(r, at, &d->end);
    bool day = d->day && is_day(0, d->month, d->day);
    if (day) add_year(r, born, d);
    if (d->year) return true;
    int year = said_year(r, at, &end);
    if (year < 0) return day;
    *d = (date){.year = year, .month = d->month, .end = end};
    return true;
}

/* "[the] first [day] [of] may [nineteen ninety]", "1-May-1990". */
static bool day_first(reader *r, uint32_t i, bool born, date *d) {
    uint32_t at = has(reader_at(r, i), SENSE_ARTICLE) ? i + 1 : i, end;
    *d = (date){.day = day_of_month(r, at, &end)};
    if (!d->day) return false;
    at = said_skip_fillers(r, end);
    if (token_is(r->text, reader_at(r, at), "of")) at++;
    bool dash = has(reader_at(r, at), SENSE_DASH | SENSE_SLASH) && reader_at(r, at)->kind == TOKEN_SIGN;
    if (dash) at++;
    const token *month = reader_at(r, at);
    if (!has(month, SENSE_MONTH) || month->kind != TOKEN_WORD) return false;
    d->month = (int)month->value;
    d->end = at + 1;
    if (!is_day(0, d->month, d->day)) return false;
    if (is_sign(reader_at(r, d->end), '.') && !reader_at(r, d->end)->spaced && said_begins(reader_at(r, d->end + 1)))
        d->end++;
    if (dash && reader_at(r, d->end)->kind == TOKEN_SIGN && has(reader_at(r, d->end), SENSE_DASH | SENSE_SLASH)) {
        int year = said_year(r, d->end + 1, &end);
        if (year < 0) return false;
        d->year = year;
        d->end = end;
        return true;
    }
    add_year(r, born, d);
    return true;
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

/* Day and month in either order; the month first where both fit. */
static bool order_days(date *d, int a, int b) {
    if (is_day(d->year, a, b)) {
        d->month = a;
        d->day = b;
        return true;
    }
    d->month = b;
    d->day = a;
    return is_day(d->year, b, a);
}

/* The same sign or word twice: what stands between the parts of 1/5/1990. */
static uint64_t separator(const token *t) {
    return t->sense & (SENSE_SLASH | SENSE_DASH | SENSE_DOT);
}

/* A day or a month before the sign, also in two figures that are said: "one four slash". */
static int figures_before_sign(reader *r, uint32_t i, uint32_t *end) {
    uint32_t after;
    int v = said_small(r, i, end), unit;
    if (v < 1 || v > 3 || *end != i + 1 || !has(reader_at(r, *end), SENSE_DIGIT)) return v;
    unit = said_small(r, *end, &after);
    if (unit < 0 || unit > 9 || !separator(reader_at(r, after))) return v;
    *end = after;
    return v * 10 + unit;
}

static int century(int year) {
    return year > BIRTH_LAST % 100 ? 1900 + year : 2000 + year;
}

/* 1990-05-01, 1/5/90, "five slash one slash nineteen ninety"; 1-5-90 and 1.5.90 behind words of birth only. */
static bool separated(reader *r, uint32_t i, bool born, date *d) {
    uint32_t end, last;
    *d = (date){0};
    int first = said_year(r, i, &end);
    bool year_first = first > 0;
    if (!year_first) first = figures_before_sign(r, i, &end);
    if (first < 0) return false;
    const token *sign = reader_at(r, end);
    uint64_t sense = separator(sign);
    if (!sense || (sign->kind == TOKEN_SIGN && sign->spaced)) return false;
    int second = figures_before_sign(r, end + 1, &end);
    if (second < 0 || !(separator(reader_at(r, end)) & sense)) return false;
    uint32_t at = end + 1;
    if (year_first) {
        int third = said_small(r, at, &last);
        if (third < 0) return false;
        *d = (date){first, second, third, last, false};
    } else {
        d->year = said_year(r, at, &last);
        if (d->year < 0) {
            int two = said_small(r, at, &last);
            if (two < 0 || (sense != SENSE_SLASH && !born)) return false;
            d->year = century(two);
        }
        d->end = last;
        if (!order_days(d, first, second)) return false;
    }
    const token *next = reader_at(r, d->end);
    if (!next->spaced && (separator(next) & sense) && said_begins(reader_at(r, d->end + 1))) return false;
    return is_day(d->year, d->month, d->day);
}

static int part(const char *figures, uint32_t at, uint32_t n) {
    int v = 0;
    for (uint32_t k = 0; k < n; k++) v = v * 10 + figures[at + k] - '0';
    return v;
}

static bool is_year(int year) {
    return year >= 1900 && year <= BIRTH_LAST;
}

/* Figures in a row, eight or those that leave leading zeros out: "05 01 1990", "five one nineteen ninety", 19900501. Not the end
 * of a longer row. */
static bool row_of_figures(reader *r, uint32_t i, date *d) {
    said s;
    *d = (date){.figures = true};
    if (i > 0 && said_begins(&r->tokens[i - 1])) return false;
    if (!said_number(r, i, &s) || s.n < 6 || s.n > 8) return false;
    d->end = s.end;
    d->year = part(s.figures, 0, 4);
    if (s.n == 8 && is_year(d->year)) {
        d->month = part(s.figures, 4, 2);
        d->day = part(s.figures, 6, 2);
        if (is_day(d->year, d->month, d->day)) return true;
    }
    d->year = part(s.figures, s.n - 4, 4);
    if (is_year(d->year)) {
        if (s.n == 8) return order_days(d, part(s.figures, 0, 2), part(s.figures, 2, 2));
        if (s.n == 6) return order_days(d, part(s.figures, 0, 1), part(s.figures, 1, 1));
        return order_days(d, part(s.figures, 0, 1), part(s.figures, 1, 2)) ||
               order_days(d, part(s.figures, 0, 2), part(s.figures, 2, 1));
    }
    if (s.n != 6) return false;
    d->year = century(part(s.figures, 4, 2));
    return order_days(d, part(s.figures, 0, 2), part(s.figures, 2, 2));
}

/* ---- Mandarin --------------------------------------------------------------------------------------------------- */

/* 1990年5月1日, 九零年五月一号, 五月一号. */
static bool han_date(reader *r, uint32_t i, date *d) {
    said s;
    uint32_t at = i, end;
    *d = (date){0};
    if (!said_piece(r, at, &s)) return false;
    if (is_han(r, reader_at(r, s.end), "年")) {
        int year = atoi(s.figures);
        if (s.n != 2 && s.n != 4) return false;
        d->year = s.n == 2 ? century(year) : year;
        if (d->year < 1900 || d->year > 2099) return false;
        at = said_skip_fillers(r, s.end + 1);
        if (is_han(r, reader_at(r, at), "的")) at++;
    }
    int month = said_small(r, at, &end);
    if (month < 1 || month > 12 || !is_han(r, reader_at(r, end), "月")) return false;
    d->month = month;
    d->end = end + 1;
    at = said_skip_fillers(r, d->end);
    int day = said_small(r, at, &end);
    if (day < 1) return d->year > 0;
    const token *unit = reader_at(r, end);
    bool named = is_han(r, unit, "日") || is_han(r, unit, "号") || is_han(r, unit, "號");
    d->day = day;
    d->end = named ? end + 1 : end;
    return is_day(d->year, month, day) && (named || d->year > 0);
}

/* ---- born ------------------------------------------------------------------------------------------------------- */

/* Words that say that the day is of something else, between a word of birth and the date. */
static bool says_other(const char *text, size_t n) {
    static const char *const others[] = {
        "party",    "cake",    "present", "gift",   "dinner", "celebrat", "married", "wedding", "since", "expir",
        "appoint",  "meeting", "start",   "issued", "hired",  "joined",   "moved",   "died",    "death", "until",
        "contract", "policy",  "today",   "聚会",   "派对",   "蛋糕",     "礼物",    "结婚",    "预约",  "到期",
        "会议",     "今天",    "有效",    "去世",   "入职",   "毕业",     "搬"};
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++)
        if (memmem(text, n, others[k], strlen(others[k]))) return true;
    return false;
}

/* "D.O.B.", "d o b", whose last letter is token i. */
static bool spells_birth(const reader *r, uint32_t i) {
    static const char letters[] = {'b', 'o', 'd'};
    uint32_t k = 0;
    for (uint32_t at = i + 1; at-- > 0 && k < sizeof letters;) {
        const token *t = &r->tokens[at];
        if (t->kind == TOKEN_SIGN && t->value == '.') continue;
        if (!has(t, SENSE_LETTER) || t->value != letters[k++]) return false;
    }
    return k == sizeof letters;
}

static bool ends_sentence(const token *t) {
    return is_sign(t, '.') || is_sign(t, 0x3002) || is_sign(t, '!') || is_sign(t, 0xff01);
}

/* A word of birth before token i, in the same sentence or as its last word ("your date of birth. May first …"). *near: so near that
 * figures alone are a date. */
static bool born_before(const reader *r, uint32_t i, bool *near) {
    bool ended = false;
    for (uint32_t k = 1; k <= BIRTH_TOKENS && k <= i; k++) {
        const token *t = &r->tokens[i - k];
        if (has(t, SENSE_KEY_BIRTH) || (has(t, SENSE_LETTER) && spells_birth(r, i - k))) {
            size_t from = t->at + t->n;
            *near = k <= BIRTH_NEAR && (!ended || k <= 2);
            if (ended && !ends_sentence(t + 1)) return false;
            return !says_other(r->text + from, r->tokens[i].at - from);
        }
        ended |= ends_sentence(t);
        if (has(t, SENSE_MONTH) && t->value != 5 && t->value != 3) return false;
        if (has(t, SENSE_KEYS) && !has(t, SENSE_KEY_ADDRESS)) return false;
    }
    return false;
}

/* 出生, "is my birthday" right behind a date. */
static bool born_behind(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (t->kind == TOKEN_HAN) {
        if (is_han(r, t, "的") || is_han(r, t, "是")) t = reader_at(r, ++i);
        if (is_han(r, t, "我") || is_han(r, t, "他") || is_han(r, t, "她")) t = reader_at(r, ++i);
        if (is_han(r, t, "的")) t = reader_at(r, ++i);
        return has(t, SENSE_KEY_BIRTH) || is_han(r, t, "生");
    }
    if (!token_is(r->text, t, "is") && !token_is(r->text, t, "was")) return false;
    t = reader_at(r, i + 1);
    if (!has(t, SENSE_COMMON)) return false;
    t = reader_at(r, i + 2);
    if (has(t, SENSE_KEY_BIRTH)) return !token_is(r->text, reader_at(r, i + 3), "party");
    return token_is(r->text, t, "date") && token_is(r->text, reader_at(r, i + 3), "of") &&
           has(reader_at(r, i + 4), SENSE_KEY_BIRTH);
}

/* ---- the rule --------------------------------------------------------------------------------------------------- */

static bool read_date(reader *r, uint32_t i, bool born, bool near, date *d) {
    const token *t = reader_at(r, i);
    if (has(t, SENSE_MONTH)) return month_first(r, i, born, d);
    if (t->kind == TOKEN_HAN) return said_begins(t) && (han_date(r, i, d) || (near && row_of_figures(r, i, d)));
    if (day_first(r, i, born, d)) return true;
    if (!said_begins(t)) return false;
    return separated(r, i, born, d) || han_date(r, i, d) || (near && row_of_figures(r, i, d));
}

/* Whether a figure or a sign of a number touches the first token: then this is the middle of something. */
static bool is_middle(const reader *r, uint32_t i) {
    if (i == 0 || r->tokens[i].spaced) return false;
    const token *before = &r->tokens[i - 1];
    return before->kind == TOKEN_DIGITS || before->kind == TOKEN_WORD ||
           has(before, SENSE_DASH | SENSE_SLASH | SENSE_DOT);
}

static void judge(reader *r, uint32_t i, const date *d, bool born, entity_set types, rule_found *f) {
    bool full = d->day && d->year;
    *f = (rule_found){.type = ENTITY_DATE, .first = i, .end = d->end, .confidence = full ? 0.9f : 0.6f};
    if (types & ENTITY_BIT(ENTITY_BIRTH_DATE)) {
        if (!born && full) born = born_behind(r, d->end);
        if (born && d->year <= BIRTH_LAST) {
            f->type = ENTITY_BIRTH_DATE;
            f->confidence = full && !d->figures ? 0.95f : 0.8f;
        }
    }
    snprintf(f->canonical, sizeof f->canonical, "%04d-%02d-%02d", d->year, d->month, d->day);
}

void rule_date(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip) {
    date d;
    *n = 0;
    *skip = 1;
    if (is_middle(r, i)) return;
    bool near = false, born = (types & ENTITY_BIT(ENTITY_BIRTH_DATE)) && born_before(r, i, &near);
    if (!read_date(r, i, born, near && born, &d)) return;
    judge(r, i, &d, born, types, &found[0]);
    if (d.figures && found[0].type != ENTITY_BIRTH_DATE) return;
    *n = (types & ENTITY_BIT(found[0].type)) != 0;
}
