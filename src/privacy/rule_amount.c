/* rule_amount.c: amounts of money, on request: $1,250.50, "three hundred dollars and five cents", 三百五十块, USD 20.
 *
 * Owner: any thread; pure.
 */
#include "privacy/said.h"

#include <string.h>

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is_scale(const reader *r, const token *t) {
    static const char *const words[] = {"billion", "bn", "grand", "hundred", "k", "m", "million", "thousand"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]) || (t->kind == TOKEN_HAN && has(t, SENSE_SCALE));
}

/* "1,250.50", "twenty five", "two million three hundred thousand", "five point five"; false: no number begins at i. */
static bool number(reader *r, uint32_t i, uint32_t *end) {
    said s;
    if (!said_number(r, i, &s)) return false;
    *end = s.end;
    while (*end - i < RULE_AHEAD_MAX) {
        const token *t = reader_at(r, *end);
        bool sign = t->kind == TOKEN_SIGN && (t->value == ',' || t->value == '.') && !t->spaced;
        bool point = t->kind != TOKEN_SIGN && has(t, SENSE_DOT);
        if (is_scale(r, t)) {
            ++*end;
            continue;
        }
        uint32_t next = sign || point || has(t, SENSE_AND) ? *end + 1 : *end;
        if ((sign && reader_at(r, next)->spaced) || !said_number(r, next, &s)) break;
        *end = s.end;
    }
    return true;
}

/* One amount and its smaller coin: "dollars and five cents", 三块五. */
static uint32_t with_coins(reader *r, uint32_t end) {
    uint32_t at = has(reader_at(r, end), SENSE_AND) ? end + 1 : end, after;
    if (!said_begins(reader_at(r, at)) || !number(r, at, &after)) return end;
    const token *t = reader_at(r, after);
    return has(t, SENSE_CURRENCY) && t->kind != TOKEN_SIGN ? after + 1 : end;
}

void rule_amount(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                 uint32_t *skip) {
    const token *t = reader_at(r, i);
    uint32_t end;
    (void)types;
    *n = 0;
    *skip = 1;
    bool front = has(t, SENSE_CURRENCY);
    if (!front && (!said_begins(t) || (i > 0 && said_begins(&r->tokens[i - 1])))) return;
    if (!number(r, front ? i + 1 : i, &end)) return;
    const token *unit = reader_at(r, end);
    bool behind = has(unit, SENSE_CURRENCY) && (unit->kind != TOKEN_SIGN || !unit->spaced);
    if (!front && !behind) return;
    if (behind) end = with_coins(r, end + 1);
    found[0] = (rule_found){.type = ENTITY_AMOUNT, .first = i, .end = end, .confidence = 0.9f};
    *n = 1;
}
