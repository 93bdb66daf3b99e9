/* itn_number.c: English number words: cardinals, decimals, rows of figures, years, hours and minutes.
 *
 * Owner      any thread; pure.
 * Invariants words are gathered first, as many as follow one another, and then fitted: a pattern takes all of them or none, so
 *            half a number is never written.
 */
#include "privacy/itn_int.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_SENSES (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_SCALE | SENSE_REPEAT)
#define GROUP_SENSES  (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS)
#define TRILLION      INT64_C(1000000000000)
#define MILLION       1000000

/* ---- words ------------------------------------------------------------------------------------------------------- */

bool itn_one_of(const reader *r, const token *t, const char *const *words) {
    if (t->kind != TOKEN_WORD) return false;
    for (; *words; words++)
        if (token_is(r->text, t, *words)) return true;
    return false;
}

const token *itn_before(const reader *r, uint32_t i) {
    if (i == 0 || r->tokens[i - 1].kind != TOKEN_WORD) return NULL;
    return &r->tokens[i - 1];
}

static bool is_trillion(const reader *r, const token *t) {
    return t->kind == TOKEN_WORD && t->n == 8 && token_is(r->text, t, "trillion");
}

bool itn_is_number(const reader *r, const token *t) {
    return t->kind == TOKEN_WORD && ((t->sense & NUMBER_SENSES) || is_trillion(r, t));
}

static bool is_group(const token *t) {
    return t->kind == TOKEN_WORD && (t->sense & GROUP_SENSES);
}

static bool is_oh(const reader *r, const token *t) {
    if (t->kind != TOKEN_WORD || t->n > 2) return false;
    return token_is(r->text, t, "oh") || token_is(r->text, t, "o");
}

/* "one oh one", "nine two one oh", but not "one two oh no". */
static bool oh_counts(reader *r, uint32_t k, const itn_run *run) {
    static const char *const said[] = {"no",  "my",  "yes", "yeah", "well", "god",  "okay",   "i",    "boy",
                                       "wow", "and", "so",  "but",  "that", "dear", "that's", "it's", NULL};
    const token *next = reader_at(r, k + 1);
    if (is_group(next) || (next->sense & SENSE_REPEAT)) return true;
    if (run->n == 0) return false;
    if (is_oh(r, next) || run->words[run->n - 1].kind == ITN_POINT) return true;
    return run->n >= 2 && run->words[run->n - 1].kind == ITN_DIGIT && !itn_one_of(r, next, said);
}

static bool word_push(itn_run *run, itn_kind kind, int64_t value) {
    run->words[run->n++] = (itn_word){.kind = (uint8_t)kind, .value = value};
    return true;
}

static bool push_number(reader *r, uint32_t k, itn_run *run) {
    const token *t = reader_at(r, k);
    if (is_oh(r, t)) {
        if (!oh_counts(r, k, run)) return false;
        word_push(run, ITN_DIGIT, 0);
        return run->words[run->n - 1].oh = true;
    }
    if (is_trillion(r, t)) return word_push(run, ITN_SCALE, TRILLION);
    if (!itn_is_number(r, t)) return false;
    if (t->sense & SENSE_DIGIT) return word_push(run, ITN_DIGIT, t->value);
    if (t->sense & SENSE_TEEN) return word_push(run, ITN_TEEN, t->value);
    if (t->sense & SENSE_TENS) return word_push(run, ITN_TENS, t->value);
    if (t->sense & SENSE_SCALE) return word_push(run, ITN_SCALE, t->value);
    return (reader_at(r, k + 1)->sense & SENSE_DIGIT) && word_push(run, ITN_REPEAT, t->value);
}

static bool has_point(const itn_run *run) {
    for (uint32_t i = 0; i < run->n; i++)
        if (run->words[i].kind == ITN_POINT) return true;
    return false;
}

/* What stands between number words: returns how many tokens, 0 where the number ends. */
static uint32_t push_joint(reader *r, uint32_t k, itn_run *run) {
    const token *t = reader_at(r, k);
    itn_kind last = (itn_kind)run->words[run->n - 1].kind;
    if ((t->sense & SENSE_AND) && last == ITN_SCALE && is_group(reader_at(r, k + 1))) return word_push(run, ITN_AND, 0);
    if (t->kind == TOKEN_WORD && (t->sense & SENSE_DOT) && token_is(r->text, t, "point") && last <= ITN_SCALE &&
        !has_point(run)) {
        const token *next = reader_at(r, k + 1);
        return (is_group(next) || is_oh(r, next)) && word_push(run, ITN_POINT, 0);
    }
    if (t->kind != TOKEN_SIGN || !(t->sense & SENSE_DASH) || t->spaced) return 0;
    const token *next = reader_at(r, k + 1);
    if (next->spaced || !itn_is_number(r, next)) return 0;
    if (last == ITN_TENS && (next->sense & SENSE_DIGIT) && next->value) return 1;
    return word_push(run, ITN_HYPHEN, 0);
}

static bool begins(reader *r, uint32_t i, itn_run *run) {
    const token *t = reader_at(r, i);
    if (t->sense & SENSE_LETTER && t->value == 'a') {
        const token *next = reader_at(r, i + 1);
        if (!(next->sense & SENSE_SCALE) && !is_trillion(r, next)) return false;
        return run->article = word_push(run, ITN_DIGIT, 1);
    }
    if (t->sense & SENSE_SCALE) return false;
    return token_is(r->text, t, "o") ? false : push_number(r, i, run);
}

bool itn_run_read(reader *r, uint32_t i, itn_run *run) {
    *run = (itn_run){.first = i};
    if (!begins(r, i, run)) return false;
    uint32_t k = i + 1;
    while (run->n + 1 < ITN_RUN_MAX && k < i + ITN_RUN_MAX) {
        if (push_number(r, k, run)) {
            k++;
            continue;
        }
        uint32_t joint = push_joint(r, k, run);
        if (!joint) break;
        k += joint;
    }
    run->end = k;
    return true;
}

/* ---- cardinals --------------------------------------------------------------------------------------------------- */

bool itn_below_100(const itn_word *w, uint32_t n, uint32_t *k, int64_t *value) {
    if (*k >= n || (w[*k].kind == ITN_DIGIT && w[*k].value == 0) || w[*k].kind > ITN_TENS) return false;
    *value = w[*k].value;
    bool tens = w[(*k)++].kind == ITN_TENS;
    if (tens && *k < n && w[*k].kind == ITN_DIGIT && w[*k].value) *value += w[(*k)++].value;
    return true;
}

static bool is_scale(const itn_word *w, uint32_t n, uint32_t k, bool hundred) {
    return k < n && w[k].kind == ITN_SCALE && (w[k].value == 100) == hundred;
}

/* "two hundred and five"; "nineteen hundred" where it is all there is. */
static bool below_1000(const itn_word *w, uint32_t n, uint32_t *k, int64_t *value) {
    if (!itn_below_100(w, n, k, value)) return false;
    if (!is_scale(w, n, *k, true)) return true;
    bool year = *value > 10 && *value % 10;
    if (*value > 9 && !year) return false;
    *value *= 100;
    ++*k;
    uint32_t at = *k + (*k < n && w[*k].kind == ITN_AND);
    int64_t rest = 0;
    if (itn_below_100(w, n, &at, &rest)) *k = at;
    *value += rest;
    return !(year && is_scale(w, n, *k, false));
}

static bool whole_part(const itn_word *w, uint32_t n, uint32_t *k, itn_value *out) {
    int64_t limit = INT64_MAX, group;
    uint32_t groups = 0;
    while (*k < n && w[*k].kind != ITN_POINT) {
        if (groups && w[*k].kind == ITN_AND) ++*k;
        if (!below_1000(w, n, k, &group)) return false;
        if (groups && group >= 1000) return false;
        if (!is_scale(w, n, *k, false)) {
            out->whole += group;
            break;
        }
        int64_t scale = w[(*k)++].value;
        if (scale >= limit) return false;
        limit = scale;
        out->whole += group * scale;
        if (++groups == 1 && *k == n && scale >= MILLION) out->whole = group, out->scale = scale;
    }
    return true;
}

/* "point one four", "point fifteen", and a million behind it. */
static bool fraction_part(const itn_word *w, uint32_t n, uint32_t *k, itn_value *out) {
    size_t count = 0;
    int64_t value;
    if (*k < n && w[*k].kind != ITN_DIGIT) {
        if (!itn_below_100(w, n, k, &value)) return false;
        out->fraction[count++] = (char)('0' + value / 10);
        out->fraction[count++] = (char)('0' + value % 10);
    }
    while (!count && *k < n && w[*k].kind == ITN_DIGIT) {
        for (; *k < n && w[*k].kind == ITN_DIGIT; ++*k) {
            if (count == 16) return false;
            out->fraction[count++] = (char)('0' + w[*k].value);
        }
    }
    if (is_scale(w, n, *k, false) && out->whole < 1000) out->scale = w[(*k)++].value;
    return count > 0;
}

bool itn_cardinal(const itn_word *w, uint32_t n, itn_value *out) {
    *out = (itn_value){.scale = 1};
    uint32_t k = 0;
    if (n && w[0].kind == ITN_DIGIT && w[0].value == 0)
        k = 1;
    else if (!whole_part(w, n, &k, out))
        return false;
    if (k < n && w[k].kind == ITN_POINT && out->scale == 1) {
        k++;
        if (!fraction_part(w, n, &k, out)) return false;
    }
    return k == n;
}

/* Thousands are parted by commas from 10,000 on. */
static void put_grouped(itn_answer *a, int64_t value) {
    char s[24], *from = s;
    int n = snprintf(s, sizeof s, "%lld", (long long)value);
    if (value < 10000) {
        itn_put(a, s, (size_t)n);
        return;
    }
    for (int first = (n - 1) % 3 + 1; n > 0; n -= first, from += first, first = 3) {
        itn_put(a, from, (size_t)first);
        if (n > first) itn_put(a, ",", 1);
    }
}

void itn_put_value(itn_answer *a, const itn_value *v) {
    put_grouped(a, v->whole);
    if (v->fraction[0]) {
        itn_put(a, ".", 1);
        itn_put_text(a, v->fraction);
    }
    if (v->scale == 1000) itn_put_text(a, " thousand");
    if (v->scale == MILLION) itn_put_text(a, " million");
    if (v->scale == INT64_C(1000) * MILLION) itn_put_text(a, " billion");
    if (v->scale == TRILLION) itn_put_text(a, " trillion");
}

/* ---- rows of figures --------------------------------------------------------------------------------------------- */

typedef struct row {
    char *out; /* [ITN_ROW_MAX] */
    uint32_t n, digits;
    bool grouped, repeated; /* "twenty one" among them; "double" */
} row;

static bool row_put(row *o, int64_t value, uint32_t times) {
    for (; times > 0; times--) {
        if (o->n == ITN_ROW_MAX) return false;
        o->out[o->n++] = (char)('0' + value);
    }
    return true;
}

static bool row_group(row *o, const itn_word *w, uint32_t n, uint32_t *k) {
    int64_t value;
    o->grouped = true;
    return itn_below_100(w, n, k, &value) && row_put(o, value / 10, 1) && row_put(o, value % 10, 1);
}

static bool row_part(row *o, const itn_word *w, uint32_t n, uint32_t *k) {
    if (w[*k].kind == ITN_REPEAT && *k + 1 < n) {
        o->repeated = true;
        *k += 2;
        o->digits++;
        return row_put(o, w[*k - 1].value, (uint32_t)w[*k - 2].value);
    }
    if (w[*k].kind == ITN_TEEN || w[*k].kind == ITN_TENS) return row_group(o, w, n, k);
    if (w[*k].kind != ITN_DIGIT) return false;
    o->digits++;
    if (!row_put(o, w[(*k)++].value, 1)) return false;
    if (!is_scale(w, n, *k, true)) return true;
    o->grouped = true; /* "one eight hundred …" */
    ++*k;
    return row_put(o, 0, 2);
}

/* Three figures and more are a number; pairs may stand among them where it is as long as a telephone number. */
bool itn_row(const itn_word *w, uint32_t n, char out[ITN_ROW_MAX + 1]) {
    row o = {.out = out};
    for (uint32_t k = 0; k < n;)
        if (!row_part(&o, w, n, &k)) return false;
    out[o.n] = 0;
    if (o.grouped) return o.n >= 7 && o.digits >= 3;
    if (w[0].oh) return o.n >= 4 || o.repeated;
    return o.n >= 3 || o.repeated;
}

/* ---- years and hours --------------------------------------------------------------------------------------------- */

/* 10..99, or "oh five"; *oh says which. */
static bool two_figures(const itn_word *w, uint32_t n, uint32_t *k, int64_t *value, bool *oh) {
    *oh = *k + 1 < n && w[*k].kind == ITN_DIGIT && w[*k].value == 0 && w[*k + 1].kind == ITN_DIGIT && w[*k + 1].value;
    if (*oh) {
        *value = w[*k + 1].value;
        *k += 2;
        return true;
    }
    return itn_below_100(w, n, k, value) && *value >= 10;
}

bool itn_year(const itn_word *w, uint32_t n, int64_t *year, bool *loose) {
    uint32_t k = 1;
    int64_t b;
    bool oh;
    *loose = false;
    if (n < 2) return false;
    int64_t a = w[0].value;
    bool century = (w[0].kind == ITN_TEEN && a >= 13) || (w[0].kind == ITN_TENS && a == 20);
    if (century && two_figures(w, n, &k, &b, &oh) && k == n) {
        *year = a * 100 + b;
        *loose = !oh && (b == a + 1 || ((b == a + 5 || b == a + 10) && (b < 20 || b % 10 == 0)));
        return true;
    }
    itn_value v;
    if (!itn_cardinal(w, n, &v) || v.fraction[0] || v.scale != 1 || v.whole < 1000 || v.whole > 2199) return false;
    *year = v.whole;
    return true;
}

bool itn_clock(const itn_word *w, uint32_t n, int64_t *hour, int64_t *minute) {
    uint32_t k = 1;
    bool oh;
    *minute = -1;
    if (n == 0 || w[0].kind > ITN_TEEN || w[0].oh) return false;
    *hour = w[0].value;
    if (*hour < 1 || *hour > 12) return false;
    return n == 1 || (two_figures(w, n, &k, minute, &oh) && k == n && *minute < 60);
}
