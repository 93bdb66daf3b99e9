/* itn_zh_number.c: Mandarin number characters: rows of figures and cardinals.
 *
 * Owner      any thread; pure.
 * Invariants as in itn_number.c: a pattern takes all of a run or none of it.
 */
#include "privacy/itn_zh_int.h"

#include <string.h>

#define RADIO_MIN 5 /* figures of a row in which 拐 is a seven: 七拐八拐 is none */

/* ---- characters -------------------------------------------------------------------------------------------------- */

/* The character at token k, if it is Han and stands right behind the one before; else 0. */
int64_t zh_code_at(reader *r, uint32_t k) {
    const token *t = reader_at(r, k);
    return t->kind == TOKEN_HAN && !t->spaced ? t->value : 0;
}

int64_t zh_code_before(const reader *r, uint32_t i, uint32_t back) {
    if (i < back || r->tokens[i - back].kind != TOKEN_HAN) return 0;
    return r->tokens[i - back].value;
}

/* 0..9, or -1. */
int zh_digit_of(int64_t c) {
    switch (c) {
    case 0x96f6: /* 零 */
    case 0x3007: /* 〇 */
        return 0;
    case 0x5e7a: /* 幺 */
    case 0x4e00: /* 一 */
        return 1;
    case 0x4e24: /* 两 */
    case 0x5169: /* 兩 */
    case 0x4e8c: /* 二 */
        return 2;
    case 0x4e09: /* 三 */
        return 3;
    case 0x56db: /* 四 */
        return 4;
    case 0x4e94: /* 五 */
        return 5;
    case 0x516d: /* 六 */
        return 6;
    case 0x4e03: /* 七 */
        return 7;
    case 0x516b: /* 八 */
        return 8;
    case 0x4e5d: /* 九 */
        return 9;
    default:
        return -1;
    }
}

int64_t zh_scale_of(int64_t c) {
    switch (c) {
    case 0x5341: /* 十 */
        return 10;
    case 0x767e: /* 百 */
        return 100;
    case 0x5343: /* 千 */
        return 1000;
    case 0x4e07: /* 万 */
    case 0x842c: /* 萬 */
        return ZH_WAN;
    case 0x4ebf: /* 亿 */
    case 0x5104: /* 億 */
        return ZH_YI;
    default:
        return 0;
    }
}

/* What figures are called on the radio: only among others. */
static int radio_digit(int64_t c) {
    return c == 0x6d1e /* 洞 */ ? 0 : c == 0x62d0 /* 拐 */ ? 7 : c == 0x52fe /* 勾 */ ? 9 : -1;
}

bool zh_is_liang(int64_t c) {
    return c == 0x4e24 || c == 0x5169;
}

bool zh_is_number_char(int64_t c) {
    return zh_digit_of(c) >= 0 || zh_scale_of(c);
}

static bool is_text(const reader *r, const token *t, const char *text) {
    return t->kind == TOKEN_HAN && strncmp(r->text + t->at, text, t->n) == 0;
}

/* Whether `text`, all of it Han, stands at token k, where a blank may be before it. Reads no further than it differs. */
bool zh_stands(reader *r, uint32_t k, const char *text) {
    for (uint32_t i = k; *text; i++) {
        const token *t = reader_at(r, i);
        if (!is_text(r, t, text) || (t->spaced && i > k)) return false;
        text += t->n;
    }
    return true;
}

bool zh_says(reader *r, uint32_t k, const char *text) {
    return !reader_at(r, k)->spaced && zh_stands(r, k, text);
}

bool zh_says_one(reader *r, uint32_t k, const char *const *words) {
    for (; *words; words++)
        if (zh_says(r, k, *words)) return true;
    return false;
}

static bool is_among(const reader *r, const token *t, const char *chars) {
    if (t->kind != TOKEN_HAN) return false;
    for (; *chars; chars += strlen("\u4e00"))
        if (is_text(r, t, chars)) return true;
    return false;
}

/* Whether the character at k is one of `chars`. */
bool zh_is_one(reader *r, uint32_t k, const char *chars) {
    const token *t = reader_at(r, k);
    return !t->spaced && is_among(r, t, chars);
}

/* Whether the character before i is. */
bool zh_was_one(const reader *r, uint32_t i, const char *chars) {
    return i > 0 && !r->tokens[i].spaced && is_among(r, &r->tokens[i - 1], chars);
}

/* Nothing follows that could belong to it: a sign, an end, a word of letters. */
bool zh_ends(reader *r, uint32_t k) {
    const token *t = reader_at(r, k);
    return t->kind != TOKEN_HAN || t->spaced;
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static bool run_takes(reader *r, uint32_t k, const zh_run *run) {
    int64_t c = zh_code_at(r, k);
    if (run->n == 0) c = reader_at(r, k)->value;
    if (zh_is_liang(c) && run->n > 0) return zh_scale_of(zh_code_at(r, k + 1)) >= 100; /* else a weight: 五十两 */
    if (zh_is_number_char(c)) return true;
    return run->n > 0 && radio_digit(c) >= 0 && zh_digit_of(run->codes[run->n - 1]) >= 0 &&
           zh_digit_of(zh_code_at(r, k + 1)) >= 0;
}

void zh_run_read(reader *r, uint32_t i, zh_run *run) {
    *run = (zh_run){.first = i};
    uint32_t k = i;
    for (; run->n < ZH_RUN_MAX && run_takes(r, k, run); k++) {
        int64_t c = reader_at(r, k)->value;
        run->liang |= zh_is_liang(c);
        run->radio |= radio_digit(c) >= 0;
        run->codes[run->n++] = c;
    }
    run->end = k;
}

/* Figures one after the other. */
bool zh_run_row(const zh_run *run, char out[ZH_RUN_MAX + 1]) {
    if (run->liang || (run->radio && run->n < RADIO_MIN)) return false;
    for (uint32_t i = 0; i < run->n; i++) {
        int d = zh_digit_of(run->codes[i]);
        if (d < 0) d = radio_digit(run->codes[i]);
        if (d < 0) return false;
        out[i] = (char)('0' + d);
    }
    out[run->n] = 0;
    return true;
}

/* ---- cardinals --------------------------------------------------------------------------------------------------- */

int64_t zh_value_of(const zh_value *v) {
    return (v->yi > 0 ? v->yi * ZH_YI : 0) + (v->wan > 0 ? v->wan * ZH_WAN : 0) + (v->rest > 0 ? v->rest : 0);
}

/* Below 10000, from codes[*k] on. `before`: the scale of the part before, so that 三万五 is 35000; 0 where there is none. */
static bool section(const int64_t *c, uint32_t n, uint32_t *k, int64_t before, int64_t *out) {
    int64_t v = 0, last = before, limit = ZH_WAN;
    bool zero = false, any = false;
    while (*k < n) {
        int d = zh_digit_of(c[*k]);
        int64_t s = *k + 1 < n ? zh_scale_of(c[*k + 1]) : 0;
        if (d == 0) {
            if (zero || *k + 1 >= n || (!any && !before)) return false;
            zero = true;
            ++*k;
        } else if (d < 0) {
            if (any || zh_scale_of(c[*k]) != 10 || before) break;
            v = last = limit = 10;
            any = true;
            ++*k;
        } else if (s > 0 && s < ZH_WAN) {
            if (s >= limit) return false;
            v += d * s;
            last = limit = s;
            zero = false;
            any = true;
            *k += 2;
        } else {
            bool shortened = !zero && last >= 100 && *k + 1 == n;
            v += shortened ? d * last / 10 : d;
            any = true;
            zero = false;
            ++*k;
            break;
        }
    }
    *out = v;
    return any && !zero;
}

/* 三千五百万: up to 万, or without one. */
static bool below_yi(const int64_t *c, uint32_t n, uint32_t *k, int64_t before, zh_value *out) {
    int64_t v;
    if (!section(c, n, k, before, &v)) return false;
    if (*k >= n || zh_scale_of(c[*k]) != ZH_WAN) {
        out->rest = v;
        return true;
    }
    out->wan = v;
    if (++*k >= n || zh_scale_of(c[*k]) == ZH_YI) return true;
    return section(c, n, k, ZH_WAN, &out->rest);
}

bool zh_cardinal(const int64_t *c, uint32_t n, zh_value *out) {
    *out = (zh_value){-1, -1, -1};
    uint32_t k = 0;
    if (n == 1 && zh_digit_of(c[0]) == 0) {
        out->rest = 0;
        return true;
    }
    if (!below_yi(c, n, &k, 0, out)) return false;
    if (k < n && zh_scale_of(c[k]) == ZH_YI) {
        *out = (zh_value){zh_value_of(out), -1, -1};
        if (++k < n && !below_yi(c, n, &k, ZH_YI, out)) return false;
    }
    return k == n;
}

bool zh_is_yao(const zh_run *run) {
    for (uint32_t i = 0; i < run->n; i++)
        if (run->codes[i] == 0x5e7a || radio_digit(run->codes[i]) >= 0) return true;
    return false;
}

bool zh_run_cardinal(const zh_run *run, zh_value *v) {
    return !zh_is_yao(run) && zh_cardinal(run->codes, run->n, v);
}

/* 300万, 12亿3000万, but 35000. */
void zh_put_value(itn_answer *a, const zh_value *v) {
    if (v->rest >= 0) {
        itn_put_int(a, zh_value_of(v));
        return;
    }
    if (v->yi >= 0) {
        bool wan = v->yi >= ZH_WAN && v->yi % ZH_WAN == 0;
        itn_put_int(a, wan ? v->yi / ZH_WAN : v->yi);
        itn_put_text(a, wan ? "万亿" : "亿");
    }
    if (v->wan < 0) return;
    itn_put_int(a, v->wan);
    itn_put_text(a, "万");
}
