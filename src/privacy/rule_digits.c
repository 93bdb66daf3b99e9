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
#define PAIRS_MAX       6 /* ambiguous pairs of a number that are tried */
#define NEAR_TOKENS     8 /* a word so near before a number speaks of it */
#define RESTARTS_MAX    3 /* corrections of a run that are looked at */
#define SURE_ENOUGH     0.5f
#define SURE_MIN        0.3f
#define ID15_ALONE      0.45f /* 15 figures without a check digit need a word for them */

/* What the words before say, for all of a run. */
typedef struct context {
    uint64_t nearest, near,
        around;  /* SENSE_KEY_*: of the last word that has some, in the last NEAR_TOKENS, in RULE_CONTEXT_BYTES */
    bool priced; /* an amount of money, or numbered by # */
    bool mailed; /* an @ follows: its end is the name of somebody's mail */
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
    if ((c->nearest & SENSE_KEY_OTHER) || ((c->near & SENSE_KEY_OTHER) && !(c->near & key))) sure -= 0.35f;
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
    const uint64_t kin = SENSE_KEY_ACCOUNT | SENSE_KEY_ID | SENSE_KEY_CARD; /* "member ID", 会员卡号 */
    if (f->n < 6 || f->n > 24 || !(c->near & SENSE_KEY_ACCOUNT) || !(c->nearest & kin) || figures_are_date(f)) return 0;
    return 0.65f;
}

static float phone_sure(const figures *f, const context *c) {
    float sure = phone_match(f);
    if (sure <= 0) return 0;
    sure = with_words(sure, c, SENSE_KEY_PHONE, 0.2f);
    const uint64_t others = SENSE_KEY_CARD | SENSE_KEY_IBAN | SENSE_KEY_PLATE | SENSE_KEY_ACCOUNT | SENSE_KEY_SSN |
                            SENSE_KEY_PASSPORT | SENSE_KEY_IP;
    if (!f->later && (c->nearest & others)) sure -= 0.2f;
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
        f->dashed |= p->border == BORDER_SIGN && (p->sign == '-' || p->sign == '(');
        if (p->spoken || single > 3 || f->n_groups == FIGURE_GROUPS_MAX) {
            f->n_groups = 0;
            return;
        }
        f->groups[f->n_groups++] = (uint8_t)p->n;
    }
}

/* Four groups between dots: an address of the internet, or a version. */
static bool is_dotted(const number_run *run, uint32_t a, uint32_t b) {
    uint32_t dots = 0;
    for (uint32_t i = a + 1; i < b; i++) dots += run->parts[i].border == BORDER_SIGN && run->parts[i].sign == '.';
    return dots == 3;
}

static bool is_written(const run_part *p, uint32_t least, uint32_t most) {
    return !p->spoken && p->n >= least && p->n <= most;
}

/* 2024-03-22 stands in it, or 22.03.2024. */
static bool is_dated(const number_run *run, uint32_t a, uint32_t b) {
    for (uint32_t i = a; i + 2 < b; i++) {
        const run_part *p = &run->parts[i];
        if (p[1].border != BORDER_SIGN || p[2].border != BORDER_SIGN || p[1].sign != p[2].sign || p[1].sign == '(')
            continue;
        if (!is_written(&p[1], 1, 2)) continue;
        if (is_written(&p[0], 4, 4) && is_written(&p[2], 1, 2))
            return run->text[p->at] == '1' || run->text[p->at] == '2';
        if (is_written(&p[0], 1, 2) && is_written(&p[2], 4, 4) && b - a == 3) return true;
    }
    return false;
}

/* Mostly "thirty two twenty three": also how lists of small numbers sound. */
static bool is_paired(const number_run *run, uint32_t a, uint32_t b) {
    uint32_t pairs = 0;
    for (uint32_t i = a; i < b; i++) pairs += run->parts[i].spoken && run->parts[i].n == 2;
    return 2 * pairs > b - a;
}

/* One, two, three … ten: somebody counts. */
static bool is_counting(const number_run *run, uint32_t a, uint32_t b) {
    uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
    return n >= 10 && n <= 14 && memcmp(run->text + run->parts[a].at, "1234567891011", n < 13 ? n : 13) == 0 &&
           b - a >= 9;
}

static match match_parts(const number_run *run, uint32_t a, uint32_t b, const context *c) {
    const run_part *first = &run->parts[a], *last = &run->parts[b - 1];
    figures f = {.s = NULL};
    if (is_counting(run, a, b) || is_dated(run, a, b)) return (match){ENTITY_TYPES, 0};
    groups_of(run, a, b, &f);
    f.later = a > 0 && first->border >= BORDER_PAUSE;
    match m = match_text(run->text + first->at, (uint32_t)(last->at + last->n - first->at), &f, c);
    if (m.type == ENTITY_PHONE && is_dotted(run, a, b)) m.sure = 0;
    if (m.type == ENTITY_CARD && !c->near && is_paired(run, a, b)) m.sure -= 0.1f;
    for (uint32_t i = a + 1; i < b; i++)
        if (run->parts[i].border == BORDER_CORRECTION) return (match){m.type, m.sure - 0.15f};
    return m;
}

/* ---- "fifty one", meant as 50 and 1 ------------------------------------------------------------------------------ */

/* The text of parts [a, b), those of the ambiguous ones taken apart that `apart` has a bit for. */
static uint32_t text_apart(const number_run *run, uint32_t a, uint32_t b, uint32_t apart, char *out) {
    uint32_t n = 0;
    for (uint32_t i = a; i < b; i++) {
        const run_part *p = &run->parts[i];
        const char *s = run->text + p->at;
        bool split = p->apart && (apart & 1);
        if (p->apart) apart >>= 1;
        if (n + p->n + split > WINDOW_TEXT_MAX) return 0;
        out[n++] = s[0];
        if (split) out[n++] = '0';
        for (uint32_t k = 1; k < p->n; k++) out[n++] = s[k];
    }
    return n;
}

/* Only numbers with a check digit: it says which way was meant. */
static match match_apart(const number_run *run, uint32_t a, uint32_t b, const context *c, char *out, uint32_t *out_n) {
    uint32_t pairs = 0;
    match best = {ENTITY_TYPES, 0};
    for (uint32_t i = a; i < b; i++) pairs += run->parts[i].apart;
    uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
    uint32_t least = (c->nearest & SENSE_KEY_SSN) ? 9 : 13;
    if (!pairs || n > 18 || n + pairs < least) return best;
    for (uint32_t apart = 1; apart < 1u << (pairs < PAIRS_MAX ? pairs : PAIRS_MAX); apart++) {
        char text[WINDOW_TEXT_MAX];
        figures f = {.n_groups = 0};
        uint32_t m = text_apart(run, a, b, apart, text);
        if (m < least) continue;
        float before = best.sure;
        better(&best, ENTITY_ID, m == 18 ? id_match(text, m, c) : 0);
        if (figures_of(text, m, &f) && !f.plus && !f.extension) {
            float doubt = (c->around & SENSE_KEY_CARD) ? 0.1f : (c->nearest & SENSE_KEY_PHONE) ? 0.5f : 0.2f;
            better(&best, ENTITY_CARD, card_match(&f, c) - doubt);
            if (least == 9) better(&best, ENTITY_SSN, ssn_match(&f, c) - 0.1f);
        }
        if (best.sure == before) continue;
        memcpy(out, text, m);
        *out_n = m;
    }
    return best;
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
    return border == BORDER_JOINED || border == BORDER_SIGN ? 0.3f : border == BORDER_BLANK ? 0.2f : 0;
}

/* What comes before a finding: rest, or another finding. Two telephone numbers in a row are believed more readily than two accounts. */
static float neighbour_cost(const number_run *run, const stretch *s, const way *found) {
    float cost = border_cost(run->parts[s->a].border);
    if (s->a == 0 || !found) return s->a == 0 ? 0 : cost;
    if (s->is.type == ENTITY_ACCOUNT || found->last.is.type == ENTITY_ACCOUNT) return cost;
    return cost / 2;
}

static void take(cutting *cut, const stretch *s) {
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[s->a][rest];
        if (!from->reached) continue;
        stretch as = *s;
        as.is.sure -= neighbour_cost(cut->run, s, rest ? NULL : from);
        float score = from->score + as.is.sure * (float)s->n_text;
        way *to = &cut->ways[s->b][0];
        if (as.is.sure < SURE_MIN || (to->reached && to->score >= score)) continue;
        *to = (way){.score = score, .from = (uint16_t)s->a, .rest_before = rest, .reached = true, .last = as};
    }
}

/* What is said behind a correction belongs to what was said before. */
static float leaving_cost(uint8_t border) {
    return border == BORDER_CORRECTION ? 0.1f : border_cost(border);
}

static void leave(cutting *cut, uint32_t j) {
    way *to = &cut->ways[j + 1][1];
    for (int rest = 0; rest < 2; rest++) {
        const way *from = &cut->ways[j][rest];
        if (!from->reached) continue;
        float score = from->score;
        if (!rest && j > 0) score -= leaving_cost(cut->run->parts[j].border) * (float)from->last.n_text;
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
        memcpy(s.text, run->text + run->parts[a].at, n);
        s.is = match_parts(run, a, b, cut->c);
        if (s.is.sure >= SURE_MIN) take(cut, &s);
        s.is = match_apart(run, a, b, cut->c, s.text, &s.n_text);
        if (s.is.sure >= SURE_MIN) take(cut, &s);
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
static uint32_t best_way(const cutting *cut, stretch out[RUN_PARTS_MAX]) {
    uint32_t j = cut->run->n_parts, n = 0;
    bool rest = !cut->ways[j][0].reached || (cut->ways[j][1].reached && cut->ways[j][1].score > cut->ways[j][0].score);
    bool rest_behind = false;
    while (j > 0) {
        const way *w = &cut->ways[j][rest];
        if (!rest) {
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

static bool is_possessive(const reader *r, const token *t) {
    static const char *const words[] = {"my", "your", "his",  "her",  "our",  "their",
                                        "me", "我",   "我的", "你的", "他的", "她的"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (token_is(r->text, t, words[i])) return true;
    return false;
}

/* "My number", 我的号码: what people who speak call their telephone's. */
static bool is_my_number(const reader *r, uint32_t k) {
    const token *t = &r->tokens[k];
    if (!token_is(r->text, t, "number") && !token_is(r->text, t, "号码")) return false;
    uint32_t before = k > 0 && token_is(r->text, &r->tokens[k - 1], "的") ? k - 1 : k;
    return before > 0 && is_possessive(r, &r->tokens[before - 1]);
}

static void keys_near(const reader *r, uint32_t i, context *c) {
    for (uint32_t k = i; k > 0 && i - k < NEAR_TOKENS; k--) {
        const token *t = &r->tokens[k - 1];
        if (t->kind == TOKEN_DIGITS) break;
        uint64_t keys = t->sense & SENSE_KEYS;
        if (!keys && is_my_number(r, k - 1)) keys = SENSE_KEY_PHONE;
        if (!c->nearest) c->nearest = keys;
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

static void look_around(reader *r, const number_run *run, entity_set types, context *c) {
    *c = (context){.around = rule_keys_before(r, run->first), .types = types};
    keys_near(r, run->first, c);
    const token *before = run->first > 0 ? &r->tokens[run->first - 1] : NULL;
    if (before && before->kind == TOKEN_SIGN) c->priced = (before->sense & SENSE_CURRENCY) || before->value == '#';
    if (reader_at(r, run->end)->sense & SENSE_CURRENCY) c->priced = true;
    c->mailed = is_mailed(r, run->end);
}

static bool is_corrected(const number_run *run, uint32_t from, uint32_t to) {
    for (uint32_t k = from + 1; k < to; k++)
        if (run->parts[k].border == BORDER_CORRECTION) return true;
    return false;
}

/* Where somebody corrects himself, what may be something is rather a part of what he says. */
static uint32_t drop_weak(const number_run *run, stretch *found, uint32_t n) {
    uint32_t kept = 0;
    if (!is_corrected(run, 0, run->n_parts)) return n;
    for (uint32_t i = 0; i < n; i++)
        if (found[i].is.sure >= SURE_ENOUGH) found[kept++] = found[i];
    return kept;
}

/* Two of a kind with a correction between are one, said twice. */
static uint32_t join_corrected(const number_run *run, stretch *found, uint32_t n) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        stretch *before = kept > 0 ? &found[kept - 1] : NULL;
        bool again = before && before->b == found[i].a && run->parts[found[i].a].border == BORDER_CORRECTION;
        if (!again || before->is.type != found[i].is.type) {
            found[kept++] = found[i];
            continue;
        }
        uint32_t a = before->a;
        *before = found[i];
        before->a = a;
    }
    return kept;
}

/* Where somebody corrects himself, all that he said is personal: over the rest before and behind. */
static void widen_over_corrections(const number_run *run, stretch *found, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = i > 0 ? found[i - 1].b : 0, to = i + 1 < n ? found[i + 1].a : run->n_parts;
        bool before = is_corrected(run, from, found[i].b), behind = is_corrected(run, found[i].a, to);
        if (before) found[i].a = from;
        if (behind) found[i].b = to;
    }
}

/* The bracket before belongs to the number if it is closed within. */
static uint32_t first_token(const reader *r, const number_run *run, const stretch *s) {
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

static void report(const reader *r, const number_run *run, const stretch *s, const context *c, rule_found *found,
                   uint32_t *n) {
    if (!(ENTITY_BIT(s->is.type) & c->types) || *n == RULE_FOUND_MAX) return;
    float doubt = (c->priced ? 0.4f : 0) + (c->mailed && s->b == run->n_parts ? 0.5f : 0);
    rule_found *to = &found[(*n)++];
    *to = (rule_found){.type = s->is.type, .confidence = limit(s->is.sure - doubt)};
    to->first = first_token(r, run, s);
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
    stretch best[RUN_PARTS_MAX];
    *n = 0, *skip = 1;
    if (!run_read(r, i, &run) || r->touched) return;
    *skip = run.end - i;
    if (run.n_text < WINDOW_MIN) return;
    look_around(r, &run, types, &c);
    cut_run(&cut, &run, &c);
    uint32_t n_best = best_way(&cut, best), rest = 0;
    n_best = drop_weak(&run, best, n_best);
    n_best = join_corrected(&run, best, n_best);
    widen_over_corrections(&run, best, n_best);
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
