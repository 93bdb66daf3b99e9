/* said.c: see said.h. */
#include "privacy/said.h"

#include <stdlib.h>
#include <string.h>

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

bool said_adjacent(const token *t) {
    return !t->spaced;
}

bool said_begins(const token *t) {
    return t->kind == TOKEN_DIGITS || (has(t, SAID_SENSES) && t->kind != TOKEN_SIGN);
}

uint32_t said_skip_fillers(reader *r, uint32_t i) {
    for (uint32_t k = 0; k < SAID_FILLERS_MAX; k++) {
        const token *t = reader_at(r, i + k);
        if (!has(t, SENSE_FILLER)) return i + k;
    }
    return i;
}

static void put(said *s, const char *figures) {
    size_t n = strlen(figures);
    if (s->n + n > SAID_FIGURES_MAX) n = SAID_FIGURES_MAX - s->n;
    memcpy(s->figures + s->n, figures, n);
    s->n += (uint32_t)n;
    s->figures[s->n] = 0;
}

static void put_value(said *s, int64_t value) {
    char text[24];
    size_t at = sizeof text;
    text[--at] = 0;
    do text[--at] = (char)('0' + value % 10);
    while ((value /= 10) && at);
    put(s, text + at);
}

/* ---- English ---------------------------------------------------------------------------------------------------- */

/* Below 100, said as one number; -1. */
static int64_t below_hundred(reader *r, uint32_t i, uint32_t *end) {
    const token *t = reader_at(r, i);
    *end = i + 1;
    if (t->kind != TOKEN_WORD) return -1;
    if (has(t, SENSE_DIGIT | SENSE_TEEN)) return t->value;
    if (!has(t, SENSE_TENS)) return -1;
    uint32_t next = i + 1;
    const token *unit = reader_at(r, next);
    if (unit->kind == TOKEN_SIGN && has(unit, SENSE_DASH) && !unit->spaced) unit = reader_at(r, ++next);
    if (unit->kind != TOKEN_WORD || !has(unit, SENSE_DIGIT) || unit->value == 0) return t->value;
    *end = next + 1;
    return t->value + unit->value;
}

static bool is_scale(const token *t, int64_t value) {
    return t->kind == TOKEN_WORD && has(t, SENSE_SCALE) && t->value == value;
}

/* What is added to hundreds or thousands: "and five", "twenty one". */
static int64_t rest_below_hundred(reader *r, uint32_t *i) {
    uint32_t at = has(reader_at(r, *i), SENSE_AND) ? *i + 1 : *i, end;
    int64_t v = below_hundred(r, at, &end);
    if (v < 1) return 0;
    *i = end;
    return v;
}

/* Below 1000 from its first part on; i moves. */
static int64_t with_hundreds(reader *r, int64_t v, uint32_t *i) {
    if (!is_scale(reader_at(r, *i), 100)) return v;
    ++*i;
    v *= 100;
    return v + rest_below_hundred(r, i);
}

static bool english(reader *r, uint32_t i, said *out) {
    uint32_t end;
    int64_t v = below_hundred(r, i, &end);
    if (v < 0 && is_scale(reader_at(r, i), 100)) return false;
    if (v < 0) return false;
    bool zero = v == 0;
    if (!zero) v = with_hundreds(r, v, &end);
    if (!zero && is_scale(reader_at(r, end), 1000)) {
        v *= 1000;
        end++;
        uint32_t at = has(reader_at(r, end), SENSE_AND) ? end + 1 : end, after;
        int64_t part = below_hundred(r, at, &after);
        if (part > 0) {
            v += with_hundreds(r, part, &after);
            end = after;
        }
    }
    out->value = v;
    put_value(out, v);
    out->end = end;
    return true;
}

/* "double five". */
static bool repeated(reader *r, uint32_t i, said *out) {
    const token *t = reader_at(r, i);
    if (!has(t, SENSE_REPEAT) || t->kind == TOKEN_SIGN) return false;
    const token *digit = reader_at(r, i + 1);
    bool written = digit->kind == TOKEN_DIGITS && digit->n == 1;
    if (!written && !has(digit, SENSE_DIGIT)) return false;
    for (int64_t k = 0; k < t->value; k++) put_value(out, digit->value);
    out->value = -1;
    out->end = i + 2;
    return true;
}

/* ---- Mandarin --------------------------------------------------------------------------------------------------- */

static bool is_han_figure(const token *t) {
    return t->kind == TOKEN_HAN && has(t, SENSE_DIGIT | SENSE_SCALE | SENSE_TENS);
}

/* 一百九十二: 1*100 + 9*10 + 2; 万 and 亿 multiply all before them. */
static int64_t han_value(const reader *r, uint32_t from, uint32_t end) {
    int64_t total = 0, section = 0, digit = -1;
    for (uint32_t k = from; k < end; k++) {
        const token *t = &r->tokens[k];
        if (has(t, SENSE_DIGIT))
            digit = t->value;
        else if (has(t, SENSE_TENS))
            section += t->value;
        else if (t->value < 10000) {
            section += (digit < 0 ? 1 : digit) * t->value;
            digit = -1;
        } else {
            total = (total + section + (digit < 0 ? 0 : digit)) * t->value;
            section = 0;
            digit = -1;
        }
        if (total > INT64_C(1000000000000)) return -1;
    }
    return total + section + (digit < 0 ? 0 : digit);
}

static bool han(reader *r, uint32_t i, said *out) {
    uint32_t end = i;
    bool scaled = false;
    for (const token *t = reader_at(r, end); is_han_figure(t) && end - i < SAID_FIGURES_MAX; t = reader_at(r, ++end)) {
        if (end > i && t->spaced) break;
        scaled |= !has(t, SENSE_DIGIT);
    }
    if (end == i) return false;
    out->end = end;
    out->value = scaled ? han_value(r, i, end) : -1;
    if (scaled && out->value < 0) return false;
    if (scaled)
        put_value(out, out->value);
    else
        for (uint32_t k = i; k < end; k++) put_value(out, r->tokens[k].value);
    if (end == i + 1 && !scaled) out->value = r->tokens[i].value;
    return true;
}

/* ---- either ----------------------------------------------------------------------------------------------------- */

static bool written(reader *r, uint32_t i, said *out) {
    const token *t = reader_at(r, i);
    char figures[SAID_FIGURES_MAX + 1];
    if (t->kind != TOKEN_DIGITS) return false;
    uint32_t n = token_figures(r->text, t, figures, SAID_FIGURES_MAX);
    figures[n] = 0;
    put(out, figures);
    out->value = t->value;
    out->end = i + 1;
    out->written = true;
    return true;
}

static bool add_piece(reader *r, uint32_t i, said *s) {
    if (!written(r, i, s) && !repeated(r, i, s) && !english(r, i, s) && !han(r, i, s)) return false;
    s->pieces++;
    return true;
}

bool said_piece(reader *r, uint32_t i, said *out) {
    *out = (said){.value = -1};
    return add_piece(r, i, out);
}

bool said_number(reader *r, uint32_t i, said *out) {
    *out = (said){.value = -1};
    if (!add_piece(r, i, out)) return false;
    while (out->n < SAID_FIGURES_MAX) {
        uint32_t next = said_skip_fillers(r, out->end);
        const token *t = reader_at(r, next);
        if (!said_begins(t) || !add_piece(r, next, out)) break;
    }
    return true;
}

int said_small(reader *r, uint32_t i, uint32_t *end) {
    said s;
    if (!said_piece(r, i, &s) || s.n > 2 || s.n == 0) return -1;
    *end = s.end;
    if (s.n == 1 && s.figures[0] == '0') { /* "oh five" */
        said unit;
        const token *t = reader_at(r, s.end);
        if (!s.written && has(t, SENSE_DIGIT) && said_piece(r, s.end, &unit) && unit.n == 1) {
            *end = unit.end;
            return unit.figures[0] - '0';
        }
    }
    return atoi(s.figures);
}

int said_year(reader *r, uint32_t i, uint32_t *end) {
    char figures[SAID_FIGURES_MAX + 1] = "";
    uint32_t at = i, n = 0;
    while (n < 4) {
        said s;
        if (!said_piece(r, at, &s) || n + s.n > 4) return -1;
        memcpy(figures + n, s.figures, s.n + 1);
        n += s.n;
        at = s.end;
    }
    int year = atoi(figures);
    *end = at;
    int oldest = at == i + 1 ? 1800 : 1900; /* "eighteen nineteen" is the 18th of a month and half of a year */
    return year >= oldest && year <= 2099 ? year : -1;
}

bool said_in(const char *text, const token *t, const char *const *sorted, size_t n) {
    char word[20];
    if (t->kind != TOKEN_WORD || t->n >= sizeof word) return false;
    for (uint32_t k = 0; k < t->n; k++) {
        char c = text[t->at + k];
        word[k] = (char)(c >= 'A' && c <= 'Z' ? c | 32 : c);
    }
    word[t->n] = 0;
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = strcmp(word, sorted[mid]);
        if (order == 0) return true;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}
