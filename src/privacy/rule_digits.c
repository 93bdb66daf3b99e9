/* rule_digits.c: what a run of figures is: identity number, telephone, card, social security number, account, or just a number.
 *
 * Purpose    every stretch of parts of the run (number_run.h) is held against the patterns; of all ways to cut the run into
 *            findings and rest the one that explains most figures most surely is taken, so two telephone numbers said
 *            in a row are two, and the middle of a longer number is none. Where somebody corrects himself the figures before
 *            are tried without their last ones, and all he said is one finding.
 * Owner      any thread; pure.
 * Source     confidence by pattern, check and words nearby follows Microsoft Purview's definition of China's resident identity number:
 *            .85 with a keyword within 300 characters, .75 without.
 */
#include "privacy/check.h"
#include "privacy/number_run.h"
#include "privacy/phone.h"

#include <string.h>

#define WINDOW_TEXT_MAX 28 /* +, 18 figures, an extension */
#define WINDOW_MIN      3
#define NEAR_TOKENS     8 /* a word so near before a number speaks of it */
#define RESTARTS_MAX    3 /* corrections of a run that are looked at */
#define SURE_MIN        0.3f
#define ID15_ALONE      0.45f /* 15 figures without a check digit need a word for them */

/* What the words before say, for all of a run. */
typedef struct context {
    uint64_t near, around; /* SENSE_KEY_*: in the last NEAR_TOKENS, in RULE_CONTEXT_BYTES */
    bool priced;           /* an amount of money, or numbered by # */
    entity_set types;
} context;

typedef struct match {
    entity_type type;
    float sure;
} match;

/* ---- one stretch ------------------------------------------------------------------------------------------------- */

static float limit(float sure) {
    return sure > 0.95f ? 0.95f : sure < 0 ? 0 : sure;
}

static float with_words(float sure, const context *c, uint64_t key, float by_near) {
    if (c->near & key)
        sure += by_near;
    else if (c->around & key)
        sure += by_near / 2;
    if ((c->near & SENSE_KEY_OTHER) && !(c->near & key)) sure -= 0.35f;
    return limit(sure);
}

static void better(match *best, entity_type type, float sure) {
    if (sure > best->sure) *best = (match){type, sure};
}

static float id_match(const char *s, uint32_t n, const context *c) {
    bool called = c->around & SENSE_KEY_ID;
    if (n == 18 && check_china_id18(s, n)) return called ? 0.85f : 0.75f;
    if (n == 15 && check_china_id15(s, n)) return called ? 0.75f : ID15_ALONE;
    return 0;
}

static float card_match(const figures *f, const context *c) {
    if (f->n < 12 || f->n > 19 || !check_card_issuer(f->s, f->n) || !check_luhn(f->s, f->n)) return 0;
    if (f->n == 12 && !((c->around & SENSE_KEY_CARD) || f->n_groups != 1))
        return with_words(0.6f, c, SENSE_KEY_CARD, 0.1f);
    return with_words(0.8f, c, SENSE_KEY_CARD, 0.1f);
}

static bool groups_are(const figures *f, uint8_t a, uint8_t b, uint8_t d) {
    return f->n_groups == 3 && f->groups[0] == a && f->groups[1] == b && f->groups[2] == d;
}

static float ssn_match(const figures *f, const context *c) {
    if (f->n != 9 || !check_ssn(f->s, f->n)) return 0;
    float sure = groups_are(f, 3, 2, 4) ? 0.6f : (c->near & SENSE_KEY_SSN) ? 0.5f : 0.3f;
    return with_words(sure, c, SENSE_KEY_SSN, 0.3f);
}

static float account_match(const figures *f, const context *c) {
    if (f->n < 6 || f->n > 24 || !(c->near & SENSE_KEY_ACCOUNT) || figures_are_date(f)) return 0;
    return (c->near & SENSE_KEY_OTHER) ? 0.35f : 0.65f;
}

static float phone_sure(const figures *f, const context *c) {
    float sure = phone_match(f);
    if (sure <= 0) return 0;
    sure = with_words(sure, c, SENSE_KEY_PHONE, 0.2f);
    const uint64_t others = SENSE_KEY_CARD | SENSE_KEY_ACCOUNT | SENSE_KEY_SSN | SENSE_KEY_PASSPORT | SENSE_KEY_IP;
    if ((c->near & others) && !(c->near & SENSE_KEY_PHONE)) sure -= 0.2f;
    return limit(sure);
}

/* The sign, the figures and the extension of text s [n]; false: letters stand where none may. */
static bool figures_of(const char *s, uint32_t n, figures *f) {
    f->plus = n > 0 && s[0] == '+';
    f->s = s + f->plus;
    f->n = 0;
    while (f->s + f->n < s + n && f->s[f->n] >= '0' && f->s[f->n] <= '9') f->n++;
    const char *rest = f->s + f->n, *end = s + n;
    f->extension = rest < end;
    if (!f->extension) return f->n > 0;
    while (rest < end && (*rest == 'X' || *rest == 'E')) rest++;
    if (end - rest < 1 || end - rest > 6) return false;
    for (; rest < end; rest++)
        if (*rest < '0' || *rest > '9') return false;
    return f->n > 0;
}

/* What the text s [n] of a stretch is; `f` has its groups already. */
static match match_text(const char *s, uint32_t n, figures *f, const context *c) {
    match best = {ENTITY_TYPES, 0};
    better(&best, ENTITY_ID, id_match(s, n, c));
    if (best.sure > ID15_ALONE || !figures_of(s, n, f)) return best;
    f->called = c->near & SENSE_KEY_PHONE;
    better(&best, ENTITY_PHONE, phone_sure(f, c));
    if (f->extension || f->plus) return best;
    better(&best, ENTITY_CARD, card_match(f, c));
    better(&best, ENTITY_SSN, ssn_match(f, c));
    better(&best, ENTITY_ACCOUNT, account_match(f, c));
    return best;
}

/* Groups of parts [a, b) of the run as they are written; none where figures are spoken, or written one by one. */
static void groups_of(const number_run *run, uint32_t a, uint32_t b, figures *f) {
    uint32_t single = 0;
    f->n_groups = 0;
    for (uint32_t i = a; i < b; i++) {
        const run_part *p = &run->parts[i];
        char c = run->text[p->at];
        if (c == '+') continue;
        if (c == 'X' || c == 'E') return;
        single += p->n == 1;
        if (p->spoken || single > 3 || f->n_groups == FIGURE_GROUPS_MAX) {
            f->n_groups = 0;
            return;
        }
        f->groups[f->n_groups++] = (uint8_t)p->n;
    }
}

static match match_parts(const number_run *run, uint32_t a, uint32_t b, const context *c) {
    figures f = {.s = NULL};
    const run_part *first = &run->parts[a], *last = &run->parts[b - 1];
    groups_of(run, a, b, &f);
    return match_text(run->text + first->at, (uint32_t)(last->at + last->n - first->at), &f, c);
}

/* ---- corrections ------------------------------------------------------------------------------------------------- */

/* Parts [a, b) with the k last figures before part `again` taken back. Writes the text to out; returns its length, 0: too long. */
static uint32_t text_without(const number_run *run, uint32_t a, uint32_t again, uint32_t b, uint32_t k, char *out) {
    uint32_t from = run->parts[a].at, to = run->parts[again].at - k;
    uint32_t end = run->parts[b - 1].at + (uint32_t)run->parts[b - 1].n, n = to - from + end - run->parts[again].at;
    if (n > WINDOW_TEXT_MAX) return 0;
    memcpy(out, run->text + from, to - from);
    memcpy(out + (to - from), run->text + run->parts[again].at, end - run->parts[again].at);
    return n;
}

/* The best reading of parts [a, b) in which what was said before `again` was partly taken back; its text to out. */
static match match_corrected(const number_run *run, uint32_t a, uint32_t again, uint32_t b, const context *c, char *out,
                             uint32_t *out_n) {
    match best = {ENTITY_TYPES, 0};
    char text[WINDOW_TEXT_MAX];
    for (uint32_t k = 1; k <= (uint32_t)(run->parts[again].at - run->parts[a].at); k++) {
        figures f = {.n_groups = 0};
        uint32_t n = text_without(run, a, again, b, k, text);
        if (n < 6) continue;
        match m = match_text(text, n, &f, c);
        if (m.sure <= best.sure) continue;
        best = m;
        memcpy(out, text, n);
        *out_n = n;
    }
    return best;
}

/* ---- the best way to cut a run ----------------------------------------------------------------------------------- */

typedef struct stretch {
    uint32_t a, b; /* parts */
    match is;
    uint32_t n_text;
    char text[WINDOW_TEXT_MAX];
} stretch;

typedef struct way {
    float score;
    uint16_t from; /* parts of the run before the last step */
    bool rest_before;
    bool reached;
    stretch last; /* if the last step was a finding */
} way;

/* Ways to cut the first j parts, ending in a finding [0] or in rest [1]. */
typedef struct cutting {
    const number_run *run;
    const context *c;
    way ways[RUN_PARTS_MAX + 1][2];
} cutting;

/* What it costs to begin or end a finding in the middle of figures. */
static float border_cost(uint8_t border) {
    return border == BORDER_JOINED || border == BORDER_SIGN ? 0.3f : border == BORDER_BLANK ? 0.1f : 0;
}

static void take(cutting *cut, const stretch *s) {
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[s->a][rest];
        if (!from->reached) continue;
        stretch as = *s;
        if (rest) as.is.sure -= border_cost(cut->run->parts[s->a].border);
        float score = from->score + as.is.sure * (float)s->n_text;
        way *to = &cut->ways[s->b][0];
        if (as.is.sure < SURE_MIN || (to->reached && to->score >= score)) continue;
        *to = (way){.score = score, .from = (uint16_t)s->a, .rest_before = rest, .reached = true, .last = as};
    }
}

static void leave(cutting *cut, uint32_t j) {
    way *to = &cut->ways[j + 1][1];
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[j][rest];
        if (!from->reached) continue;
        float score = from->score;
        if (!rest && j > 0) score -= border_cost(cut->run->parts[j].border) * (float)from->last.n_text;
        if (to->reached && to->score >= score) continue;
        *to = (way){.score = score, .from = (uint16_t)j, .rest_before = rest, .reached = true};
    }
}

static void take_plain(cutting *cut, uint32_t a) {
    const number_run *run = cut->run;
    for (uint32_t b = a + 1; b <= run->n_parts; b++) {
        uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
        if (n > WINDOW_TEXT_MAX) return;
        if (n < 6) continue;
        stretch s = {.a = a, .b = b, .n_text = n};
        s.is = match_parts(run, a, b, cut->c);
        if (s.is.sure < SURE_MIN) continue;
        memcpy(s.text, run->text + run->parts[a].at, n);
        take(cut, &s);
    }
}

static void take_corrected(cutting *cut, uint32_t a, uint32_t again) {
    const number_run *run = cut->run;
    uint32_t before = run->parts[again].at - (uint32_t)run->parts[a].at;
    if (before > WINDOW_TEXT_MAX) return;
    for (uint32_t b = again + 1; b <= run->n_parts; b++) {
        if (run->parts[b - 1].at + run->parts[b - 1].n - run->parts[again].at > WINDOW_TEXT_MAX) return;
        stretch s = {.a = a, .b = b};
        s.is = match_corrected(run, a, again, b, cut->c, s.text, &s.n_text);
        s.is.sure -= 0.02f; /* said once is surer than said twice */
        if (s.is.sure >= SURE_MIN) take(cut, &s);
    }
}

/* A number that is corrected begins at the run's beginning or behind a pause. */
static void take_all_corrected(cutting *cut, uint32_t a) {
    const number_run *run = cut->run;
    if (a > 0 && run->parts[a].border < BORDER_PAUSE && !cut->ways[a][0].reached) return;
    uint32_t restarts = 0;
    for (uint32_t i = a + 1; i < run->n_parts && restarts < 1; i++) {
        if (run->parts[i].border != BORDER_CORRECTION) continue;
        take_corrected(cut, a, i);
        restarts++;
    }
}

static void cut_run(cutting *cut, const number_run *run, const context *c) {
    uint32_t corrected = 0;
    cut->run = run, cut->c = c;
    for (uint32_t j = 0; j <= run->n_parts; j++) cut->ways[j][0].reached = cut->ways[j][1].reached = false;
    cut->ways[0][0] = (way){.reached = true};
    for (uint32_t j = 0; j < run->n_parts; j++) {
        bool starts = j == 0 || run->parts[j].border >= BORDER_PAUSE;
        take_plain(cut, j);
        if (starts && corrected++ < RESTARTS_MAX) take_all_corrected(cut, j);
        leave(cut, j);
    }
}

/* Findings of the best way, in order; returns how many. */
static uint32_t best_way(const cutting *cut, stretch *out, uint32_t room) {
    uint32_t j = cut->run->n_parts, n = 0;
    bool rest = !cut->ways[j][0].reached || (cut->ways[j][1].reached && cut->ways[j][1].score > cut->ways[j][0].score);
    bool rest_behind = false;
    while (j > 0) {
        const way *w = &cut->ways[j][rest];
        if (!rest && n < room) {
            out[n] = w->last;
            if (rest_behind) out[n].is.sure -= border_cost(cut->run->parts[j].border);
            n++;
        }
        rest_behind = rest;
        rest = w->rest_before;
        j = w->from;
    }
    for (uint32_t i = 0; i < n / 2; i++) {
        stretch swap = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = swap;
    }
    return n;
}

/* ---- the rule ---------------------------------------------------------------------------------------------------- */

static uint64_t keys_near(const reader *r, uint32_t i) {
    uint64_t keys = 0;
    for (uint32_t k = i; k > 0 && i - k < NEAR_TOKENS; k--) {
        const token *t = &r->tokens[k - 1];
        if (t->kind == TOKEN_DIGITS) break;
        keys |= t->sense;
    }
    return keys & SENSE_KEYS;
}

static void look_around(reader *r, const number_run *run, entity_set types, context *c) {
    *c = (context){.near = keys_near(r, run->first), .around = rule_keys_before(r, run->first), .types = types};
    const token *before = run->first > 0 ? &r->tokens[run->first - 1] : NULL;
    if (before && before->kind == TOKEN_SIGN) c->priced = (before->sense & SENSE_CURRENCY) || before->value == '#';
    if (reader_at(r, run->end)->sense & SENSE_CURRENCY) c->priced = true;
}

/* Where somebody corrects himself, all that he said is personal: over the rest before and behind. */
static void widen_over_corrections(const number_run *run, stretch *found, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = i > 0 ? found[i - 1].b : 0, to = i + 1 < n ? found[i + 1].a : run->n_parts;
        for (uint32_t k = from + 1; k <= found[i].a && found[i].a > from; k++)
            if (run->parts[k].border == BORDER_CORRECTION) found[i].a = from;
        for (uint32_t k = found[i].b; k < to; k++)
            if (run->parts[k].border == BORDER_CORRECTION) {
                found[i].b = to;
                break;
            }
    }
}

static void report(const number_run *run, const stretch *s, const context *c, rule_found *found, uint32_t *n) {
    if (!(ENTITY_BIT(s->is.type) & c->types) || *n == RULE_FOUND_MAX) return;
    rule_found *to = &found[(*n)++];
    *to = (rule_found){.type = s->is.type, .confidence = limit(s->is.sure - (c->priced ? 0.4f : 0))};
    to->first = s->a == 0 ? run->first : run->parts[s->a].first;
    to->end = run->parts[s->b - 1].end;
    memcpy(to->canonical, s->text, s->n_text);
}

/* What is left over, between pauses: numbers, if they are asked for. */
static void report_rest(const number_run *run, uint32_t from, uint32_t to, const context *c, rule_found *found,
                        uint32_t *n) {
    if (!(ENTITY_BIT(ENTITY_NUMBER) & c->types)) return;
    while (from < to && *n < RULE_FOUND_MAX) {
        uint32_t end = from + 1;
        while (end < to && run->parts[end].border < BORDER_PAUSE) end++;
        const run_part *first = &run->parts[from], *last = &run->parts[end - 1];
        uint32_t length = (uint32_t)(last->at + last->n - first->at);
        if (length >= WINDOW_MIN) {
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
    cutting cut;
    context c;
    stretch best[RULE_FOUND_MAX];
    *n = 0, *skip = 1;
    if (!run_read(r, i, &run) || r->touched) return;
    *skip = run.end - i;
    if (run.n_text < WINDOW_MIN) return;
    look_around(r, &run, types, &c);
    cut_run(&cut, &run, &c);
    uint32_t n_best = best_way(&cut, best, RULE_FOUND_MAX), rest = 0;
    widen_over_corrections(&run, best, n_best);
    for (uint32_t k = 0; k < n_best; k++) {
        report_rest(&run, rest, best[k].a, &c, found, n);
        report(&run, &best[k], &c, found, n);
        rest = best[k].b;
    }
    report_rest(&run, rest, run.n_parts, &c, found, n);
    if (run.cut) *skip = rest > 0 ? run.parts[rest - 1].end - i : run.parts[run.n_parts / 2].first - i;
}
