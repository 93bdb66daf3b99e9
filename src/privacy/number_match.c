/* number_match.c: see number_match.h.
 *
 * Owner: any thread; pure.
 */
#include "privacy/number_match.h"

#include "privacy/check.h"
#include "privacy/phone.h"

#include <string.h>

#define PAIRS_MAX  6     /* ambiguous pairs of a number that are tried */
#define ID15_ALONE 0.45f /* 15 figures without a check digit need a word for them */

/* ---- one stretch -------------------------------------------------------------------------------------------------- */

static float limit(float sure) {
    return sure > 0.95f ? 0.95f : sure < 0 ? 0 : sure;
}

/* An order, a tracking number … */
static bool speaks_of_other(const number_context *c, uint64_t key) {
    return (c->nearest & SENSE_KEY_OTHER) || ((c->near & SENSE_KEY_OTHER) && !(c->near & key));
}

static float with_words(float sure, const number_context *c, uint64_t key, float by_near) {
    if (c->near & key)
        sure += by_near;
    else if (c->around & key)
        sure += by_near / 2;
    if (speaks_of_other(c, key)) sure -= 0.35f;
    return limit(sure);
}

static void better(number_match *best, entity_type type, float sure) {
    if (sure > best->sure) *best = (number_match){type, sure};
}

static float id_match(const char *s, uint32_t n, const number_context *c) {
    bool called = c->around & SENSE_KEY_ID;
    if (n == 18 && check_china_id18(s, n)) return called ? 0.85f : 0.75f;
    if (n == 15 && check_china_id15(s, n)) return called ? 0.75f : ID15_ALONE;
    return 0;
}

static bool is_by_fours(const figures *f) {
    return f->n_groups == 4 && f->groups[0] == 4 && f->groups[1] == 4 && f->groups[2] == 4 && f->groups[3] == 4;
}

static float card_match(const figures *f, const number_context *c) {
    if (f->n < 12 || f->n > 19 || !check_card_issuer(f->s, f->n) || !check_luhn(f->s, f->n)) return 0;
    float sure = f->n == 12 ? 0.6f : 0.8f; /* 12 figures are many other things */
    if (is_by_fours(f) && speaks_of_other(c, SENSE_KEY_CARD)) sure += 0.15f;
    if (c->nearest & SENSE_KEY_IBAN) sure -= 0.3f;
    if ((c->nearest & SENSE_KEY_ACCOUNT) && !(c->around & SENSE_KEY_CARD)) sure -= 0.2f;
    return with_words(sure, c, SENSE_KEY_CARD, 0.1f);
}

static bool groups_are(const figures *f, uint8_t a, uint8_t b, uint8_t d) {
    return f->n_groups == 3 && f->groups[0] == a && f->groups[1] == b && f->groups[2] == d;
}

static float ssn_match(const figures *f, const number_context *c) {
    if (f->n != 9 || !check_ssn(f->s, f->n)) return 0;
    float sure = groups_are(f, 3, 2, 4) ? 0.6f : (c->near & SENSE_KEY_SSN) ? 0.5f : 0.3f;
    return with_words(sure, c, SENSE_KEY_SSN, 0.3f);
}

static float account_match(const figures *f, const number_context *c) {
    const uint64_t kin = SENSE_KEY_ACCOUNT | SENSE_KEY_ID | SENSE_KEY_CARD; /* "member ID", 会员卡号 */
    if (f->n < 6 || f->n > 24 || !(c->near & SENSE_KEY_ACCOUNT) || !(c->nearest & kin) || figures_are_date(f)) return 0;
    return 0.65f;
}

static float phone_sure(const figures *f, const number_context *c) {
    float sure = phone_match(f);
    if (sure <= 0) return 0;
    sure = with_words(sure, c, SENSE_KEY_PHONE, 0.2f);
    const uint64_t others = SENSE_KEY_CARD | SENSE_KEY_ID | SENSE_KEY_IBAN | SENSE_KEY_PLATE | SENSE_KEY_ACCOUNT |
                            SENSE_KEY_SSN | SENSE_KEY_PASSPORT | SENSE_KEY_IP;
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

/* What the text s [n] of a number_stretch is; `f` has its groups already. */
static number_match match_text(const char *s, uint32_t n, figures *f, const number_context *c) {
    number_match best = {ENTITY_TYPES, 0};
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

bool number_is_written(const run_part *p, uint32_t least, uint32_t most) {
    return !p->spoken && p->n >= least && p->n <= most;
}

/* 2024-03-22 stands in it, or 22.03.2024. */
static bool is_dated(const number_run *run, uint32_t a, uint32_t b) {
    for (uint32_t i = a; i + 2 < b; i++) {
        const run_part *p = &run->parts[i];
        if (p[1].border != BORDER_SIGN || p[2].border != BORDER_SIGN || p[1].sign != p[2].sign || p[1].sign == '(')
            continue;
        if (!number_is_written(&p[1], 1, 2)) continue;
        if (number_is_written(&p[0], 4, 4) && number_is_written(&p[2], 1, 2))
            return run->text[p->at] == '1' || run->text[p->at] == '2';
        if (number_is_written(&p[0], 1, 2) && number_is_written(&p[2], 4, 4) && b - a == 3) return true;
    }
    return false;
}

/* Mostly "thirty two twenty three": also how lists of small numbers sound. */
static bool is_paired(const number_run *run, uint32_t a, uint32_t b) {
    uint32_t pairs = 0;
    for (uint32_t i = a; i < b; i++) pairs += run->parts[i].spoken && run->parts[i].n == 2;
    return 2 * pairs > b - a;
}

/* "1234567890 by 5": an account's number that is written whole does not go on behind a pause. */
static bool is_whole_before_pause(const number_run *run, uint32_t a, uint32_t b) {
    for (uint32_t i = a + 1; i < b; i++)
        if (run->parts[i].border == BORDER_PAUSE && run->parts[i].sign != '|' &&
            number_is_written(&run->parts[i - 1], 6, RUN_FIGURES_MAX))
            return true;
    return false;
}

/* One, two, three … ten: somebody counts. */
static bool is_counting(const number_run *run, uint32_t a, uint32_t b) {
    uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
    return n >= 10 && n <= 14 && memcmp(run->text + run->parts[a].at, "1234567891011", n < 13 ? n : 13) == 0 &&
           b - a >= 9;
}

number_match number_match_parts(const number_run *run, uint32_t a, uint32_t b, const number_context *c) {
    const run_part *first = &run->parts[a], *last = &run->parts[b - 1];
    figures f = {.s = NULL};
    if (is_counting(run, a, b) || is_dated(run, a, b)) return (number_match){ENTITY_TYPES, 0};
    groups_of(run, a, b, &f);
    f.later = a > 0 && first->border >= BORDER_PAUSE && first->at - run->parts[0].at >= 6;
    number_match m = match_text(run->text + first->at, (uint32_t)(last->at + last->n - first->at), &f, c);
    if (m.type == ENTITY_ACCOUNT && is_whole_before_pause(run, a, b)) m.sure -= 0.2f;
    if (m.type == ENTITY_PHONE && is_dotted(run, a, b)) m.sure = 0;
    if (m.type == ENTITY_CARD && !c->near && is_paired(run, a, b)) m.sure -= 0.1f;
    for (uint32_t i = a + 1; i < b; i++)
        if (run->parts[i].border == BORDER_CORRECTION) return (number_match){m.type, m.sure - 0.15f};
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
        if (n + p->n + split > NUMBER_TEXT_MAX) return 0;
        out[n++] = s[0];
        if (split) out[n++] = '0';
        for (uint32_t k = 1; k < p->n; k++) out[n++] = s[k];
    }
    return n;
}

/* Only numbers with a check digit: it says which way was meant. */
number_match number_match_apart(const number_run *run, uint32_t a, uint32_t b, const number_context *c, char *out,
                                uint32_t *out_n) {
    uint32_t pairs = 0;
    number_match best = {ENTITY_TYPES, 0};
    for (uint32_t i = a; i < b; i++) pairs += run->parts[i].apart;
    uint32_t n = (uint32_t)(run->parts[b - 1].at + run->parts[b - 1].n - run->parts[a].at);
    uint32_t least = (c->nearest & SENSE_KEY_SSN) ? 9 : 13;
    if (!pairs || n > 18 || n + pairs < least) return best;
    for (uint32_t apart = 1; apart < 1u << (pairs < PAIRS_MAX ? pairs : PAIRS_MAX); apart++) {
        char text[NUMBER_TEXT_MAX];
        figures f = {.n_groups = 0};
        uint32_t m = text_apart(run, a, b, apart, text);
        if (m < least) continue;
        float before = best.sure;
        better(&best, ENTITY_ID, m == 18 ? id_match(text, m, c) : 0);
        if (figures_of(text, m, &f) && !f.plus && !f.extension) {
            float doubt = (c->around & SENSE_KEY_CARD)     ? 0.1f
                          : (c->nearest & SENSE_KEY_PHONE) ? 0.5f
                          : c->nearest                     ? 0.3f
                                                           : 0.2f;
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
    if (n > NUMBER_TEXT_MAX) return 0;
    memcpy(out, run->text + from, to - from);
    memcpy(out + (to - from), run->text + run->parts[again].at, end - run->parts[again].at);
    return n;
}

/* The best reading of parts [a, b) in which what was said before `again` was partly taken back; its text to out. */
number_match number_match_corrected(const number_run *run, uint32_t a, uint32_t again, uint32_t b,
                                    const number_context *c, char *out, uint32_t *out_n) {
    number_match best = {ENTITY_TYPES, 0};
    char text[NUMBER_TEXT_MAX];
    for (uint32_t k = 1; k <= (uint32_t)(run->parts[again].at - run->parts[a].at); k++) {
        figures f = {.n_groups = 0};
        uint32_t n = text_without(run, a, again, b, k, text);
        if (n < 6) continue;
        number_match m = match_text(text, n, &f, c);
        if (m.type == ENTITY_CARD) m.sure -= 0.15f;               /* of so many tries some pass Luhn's check … */
        bool proven = m.type == ENTITY_ID && m.sure > ID15_ALONE; /* … but hardly one a date and a check digit */
        if (best.type == ENTITY_ID || (m.sure <= best.sure && !proven)) continue;
        best = m;
        memcpy(out, text, n);
        *out_n = n;
    }
    return best;
}
