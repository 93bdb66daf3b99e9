/* rule_digits.c: personal numbers among figures: identity numbers, telephones, cards, social security numbers, accounts, or just numbers.
 *
 * Purpose    reads a run (number_run.h), looks what the words around it say, cuts it (number_cut.h), and reports what is asked for.
 * Owner      any thread; pure.
 */
#include "privacy/number_cut.h"

#include <string.h>

#define NUMBER_MIN   3 /* figures of ENTITY_NUMBER */
#define OTHER_TOKENS 5 /* a word that says that a number is something else stands nearer than NUMBER_NEAR_TOKENS */

static bool is_possessive(const reader *r, const token *t) {
    static const char *const words[] = {"my", "your", "his",  "her",  "our",  "their",
                                        "me", "我",   "我的", "你的", "他的", "她的"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (token_is(r->text, t, words[i])) return true;
    return false;
}

/* "My number", 我的号码: what people who speak call their telephone's; "calling from". */
static bool is_my_number(const reader *r, uint32_t k) {
    const token *t = &r->tokens[k];
    if (token_is(r->text, t, "from")) return k > 0 && token_is(r->text, &r->tokens[k - 1], "calling");
    if (!token_is(r->text, t, "number") && !token_is(r->text, t, "号码")) return false;
    uint32_t before = k > 0 && token_is(r->text, &r->tokens[k - 1], "的") ? k - 1 : k;
    return before > 0 && is_possessive(r, &r->tokens[before - 1]);
}

static void keys_near(const reader *r, uint32_t i, number_context *c) {
    for (uint32_t k = i; k > 0 && i - k < NUMBER_NEAR_TOKENS; k--) {
        const token *t = &r->tokens[k - 1];
        if (t->kind == TOKEN_DIGITS) break;
        uint64_t keys = t->sense & SENSE_KEYS;
        if (!keys && is_my_number(r, k - 1)) keys = SENSE_KEY_PHONE;
        if (i - k >= OTHER_TOKENS) keys &= ~SENSE_KEY_OTHER;
        if (!c->nearest && keys) c->nearest = keys, c->nearest_tokens = i - k;
        c->near |= keys;
    }
}

/* An @ at token i, or "at" before what looks like a host. */
static bool is_mailed(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (token_is(r->text, t, "圈")) return true; /* figures do not end in it unless "a" follows */
    if (!(t->sense & SENSE_AT)) return false;
    if (t->kind != TOKEN_WORD) return true;
    return reader_at(r, i + 1)->kind == TOKEN_WORD && (reader_at(r, i + 2)->sense & SENSE_DOT);
}

static void look_around(reader *r, const number_run *run, entity_set types, number_context *c) {
    *c = (number_context){.around = rule_keys_before(r, run->first), .types = types};
    keys_near(r, run->first, c);
    const token *before = run->first > 0 ? &r->tokens[run->first - 1] : NULL;
    if (before && before->kind == TOKEN_SIGN) c->priced = (before->sense & SENSE_CURRENCY) || before->value == '#';
    if (reader_at(r, run->end)->sense & SENSE_CURRENCY) c->priced = true;
    c->mailed = is_mailed(r, run->end);
}

/* The bracket before belongs to the number if it is closed within. */
static uint32_t first_token(const reader *r, const number_run *run, const number_stretch *s) {
    if (s->a > 0) return run->parts[s->a].first;
    int depth = 0;
    for (uint32_t i = run->first; i < run->parts[s->b - 1].first; i++) {
        const token *t = &r->tokens[i];
        if (t->kind != TOKEN_SIGN) continue;
        if (t->sense & SENSE_OPEN) depth++;
        if ((t->value == ')' || t->value == 0xff09) && --depth == 0) return run->first;
        if (depth == 0) break;
    }
    return run->parts[0].first;
}

static void report(const reader *r, const number_run *run, const number_stretch *s, const number_context *c,
                   rule_found *found, uint32_t *n) {
    if (!(ENTITY_BIT(s->is.type) & c->types) || *n == RULE_FOUND_MAX) return;
    float doubt = (c->priced ? 0.4f : 0) + (c->mailed && s->b == run->n_parts ? 0.5f : 0);
    rule_found *to = &found[(*n)++];
    *to = (rule_found){.type = s->is.type, .confidence = s->is.sure > doubt ? s->is.sure - doubt : 0};
    to->first = first_token(r, run, s);
    to->end = run->parts[s->b - 1].end;
    memcpy(to->canonical, s->text, s->n_text);
}

/* What is left over, between pauses: numbers, if they are asked for. */
static void report_rest(const number_run *run, uint32_t from, uint32_t to, const number_context *c, rule_found *found,
                        uint32_t *n) {
    if (!(ENTITY_BIT(ENTITY_NUMBER) & c->types)) return;
    while (from < to && *n < RULE_FOUND_MAX) {
        uint32_t end = from + 1;
        while (end < to && run->parts[end].border < BORDER_PAUSE) end++;
        const run_part *first = &run->parts[from], *last = &run->parts[end - 1];
        uint32_t length = (uint32_t)(last->at + last->n - first->at);
        if (length >= NUMBER_MIN) {
            rule_found *f = &found[(*n)++];
            *f = (rule_found){.type = ENTITY_NUMBER, .first = first->first, .end = last->end, .confidence = 0.6f};
            memcpy(f->canonical, run->text + first->at, length < RULE_CANONICAL_MAX ? length : RULE_CANONICAL_MAX - 1);
        }
        from = end;
    }
}

void rule_digits(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                 uint32_t *skip) {
    number_run run;
    number_context c;
    number_stretch best[RUN_PARTS_MAX];
    *n = 0, *skip = 1;
    if (!run_read(r, i, &run) || r->touched) return;
    *skip = run.end - i;
    if (run.n_text < NUMBER_MIN) return;
    look_around(r, &run, types, &c);
    uint32_t n_best = number_misheard(&run, &c, best, number_cut(&run, &c, best)), rest = 0;
    for (uint32_t k = 0; k < n_best; k++) {
        report_rest(&run, rest, best[k].a, &c, found, n);
        report(r, &run, &best[k], &c, found, n);
        rest = best[k].b;
    }
    report_rest(&run, rest, run.n_parts, &c, found, n);
    if (*n == RULE_FOUND_MAX)
        *skip = found[*n - 1].end - i;
    else if (run.cut)
        *skip = rest > 0 ? run.parts[rest - 1].end - i : run.parts[run.n_parts / 2].first - i;
}
