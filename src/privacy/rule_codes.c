/* rule_codes.c: codes of letters and figures: IBAN, passports, plates of vehicles.
 *
 * Purpose    an IBAN proves itself (country, length, mod 97), a Chinese plate by its province; passports and other plates need a word
 *            for them right before.
 * Owner      any thread; pure.
 * Source     ISO 13616; GA 36 (plates of China: province, authority, five characters, six of new-energy vehicles); ICAO 9303.
 */
#include "privacy/check.h"
#include "privacy/code_run.h"

#include <string.h>

#define NEAR_TOKENS 8 /* a word so near before a code speaks of it */
#define PAIRS_MAX   6 /* "fifty one" as 50 and 1: so many are tried */
#define IBAN_MAX    34

static void report(const code_run *run, uint32_t a, uint32_t b, entity_type type, float sure, const char *text,
                   uint32_t n_text, rule_found *found, uint32_t *n) {
    rule_found *to = &found[(*n)++];
    *to = (rule_found){.type = type, .first = run->parts[a].first, .end = run->parts[b - 1].end, .confidence = sure};
    memcpy(to->canonical, text, n_text < RULE_CANONICAL_MAX ? n_text : RULE_CANONICAL_MAX - 1);
}

static uint64_t nearest_key(const reader *r, uint32_t i) {
    const uint64_t mine = SENSE_KEY_PASSPORT | SENSE_KEY_PLATE | SENSE_KEY_ACCOUNT | SENSE_KEY_OTHER;
    if ((r->absent & mine) == mine) return 0;
    for (uint32_t k = i; k > 0 && i - k < NEAR_TOKENS; k--)
        if (r->tokens[k - 1].sense & SENSE_KEYS) return r->tokens[k - 1].sense & SENSE_KEYS;
    return 0;
}

static bool is_letter(char c) {
    return c >= 'A' && c <= 'Z';
}
static bool is_figure(char c) {
    return c >= '0' && c <= '9';
}

/* Characters of parts [0, b). */
static uint32_t text_end(const code_run *run, uint32_t b) {
    return b ? run->parts[b - 1].at + (uint32_t)run->parts[b - 1].n : 0;
}

/* The first part that corrects what was said; n_parts: nobody did. */
static uint32_t corrected_at(const code_run *run) {
    uint32_t i = 0;
    while (i < run->n_parts && run->parts[i].border != BORDER_CORRECTION) i++;
    return i;
}

/* Parts [0, b) as `want` characters, the last ones before part `again` taken back; false: it cannot be. */
static bool text_without(const code_run *run, uint32_t again, uint32_t b, uint32_t want, char *out) {
    uint32_t before = text_end(run, again), behind = text_end(run, b) - before;
    if (again >= b || behind > want || want - behind > before || want > IBAN_MAX) return false;
    memcpy(out, run->text, want - behind);
    memcpy(out + (want - behind), run->text + before, behind);
    return true;
}

/* ---- IBAN -------------------------------------------------------------------------------------------------------- */

/* Parts [0, b) with those pairs apart that `apart` has a bit for; how many characters, 0: too many. */
static uint32_t text_apart(const code_run *run, uint32_t b, uint32_t apart, char *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < b; i++) {
        const code_part *p = &run->parts[i];
        bool split = p->apart && (apart & 1);
        if (p->apart) apart >>= 1;
        if (n + p->n + split > IBAN_MAX) return 0;
        out[n++] = run->text[p->at];
        if (split) out[n++] = '0';
        for (uint32_t k = 1; k < p->n; k++) out[n++] = run->text[p->at + k];
    }
    return n;
}

static bool iban_apart(const code_run *run, uint32_t b, uint32_t length, char *out) {
    uint32_t pairs = 0;
    for (uint32_t i = 0; i < b; i++) pairs += run->parts[i].apart;
    uint32_t n = text_end(run, b);
    if (n >= length || n + pairs < length) return false;
    for (uint32_t apart = 1; apart < 1u << (pairs < PAIRS_MAX ? pairs : PAIRS_MAX); apart++)
        if (text_apart(run, b, apart, out) == length && check_iban(out, length)) return true;
    return false;
}

static bool iban_ends(const code_run *run, uint32_t b, uint32_t length, bool called, char *out) {
    if (text_end(run, b) == length) {
        memcpy(out, run->text, length);
        return check_iban(out, length);
    }
    if (text_without(run, corrected_at(run), b, length, out) && check_iban(out, length)) return true;
    return called && iban_apart(run, b, length, out); /* so many tries prove little */
}

/* Two letters of a country, together or one by one, then a figure: cheap to refuse, for it is asked at many a word. */
static bool may_be_iban(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    char country[2];
    uint32_t at = i + 1;
    if (t->kind != TOKEN_WORD || t->n > 2) return false;
    country[0] = (char)(r->text[t->at] & ~32);
    if (t->n == 1) {
        const token *next = reader_at(r, at++);
        if (!(next->sense & SENSE_LETTER) || next->kind != TOKEN_WORD) return false;
        country[1] = (char)(r->text[next->at] & ~32);
    } else {
        country[1] = (char)(r->text[t->at + 1] & ~32);
    }
    if (!check_iban_length(country)) return false;
    const token *figure = reader_at(r, at);
    return figure->kind == TOKEN_DIGITS ||
           (figure->sense & (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_REPEAT | SENSE_CORRECTION | SENSE_FILLER)) ||
           figure->kind == TOKEN_BREAK || figure->kind == TOKEN_SIGN;
}

/* "is", "be", "no": two small letters, not joined to figures. */
static bool is_plain_word(const reader *r, uint32_t i) {
    const token *t = &r->tokens[i];
    if (t->n != 2 || r->text[t->at] < 'a') return false;
    return i + 1 >= r->n_tokens || r->tokens[i + 1].spaced || r->tokens[i + 1].kind != TOKEN_DIGITS;
}

/* Called an IBAN right before, with about as many characters as its country's have: a recogniser erred in one. */
static void find_iban_misheard(const reader *r, uint32_t i, const code_run *run, uint32_t length, rule_found *found,
                               uint32_t *n) {
    uint32_t tokens_away = 0, best = 0;
    if (!(rule_key_nearest(r, i, &tokens_away) & SENSE_KEY_IBAN) || tokens_away > NEAR_TOKENS) return;
    for (uint32_t b = 1; b <= run->n_parts; b++) {
        uint32_t here = text_end(run, b);
        if (here > length + 2) break;
        if (here + 2 >= length && is_figure(run->text[here - 1]) && (best == 0 || here <= length)) best = b;
    }
    if (best) report(run, 0, best, ENTITY_IBAN, 0.6f, run->text, text_end(run, best), found, n);
}

static void find_iban(reader *r, uint32_t i, code_run *run, rule_found *found, uint32_t *n) {
    char text[IBAN_MAX];
    if (!may_be_iban(r, i)) return;
    code_read(r, i, true, run);
    if (run->n_text < 15 || !is_letter(run->text[1]) || !is_figure(run->text[2])) return;
    bool called = rule_keys_before(r, i) & SENSE_KEY_IBAN;
    if (!called && is_plain_word(r, i)) return;
    uint32_t length = check_iban_length(run->text);
    for (uint32_t b = 1; b <= run->n_parts; b++) {
        if (!iban_ends(run, b, length, called, text)) continue;
        report(run, 0, b, ENTITY_IBAN, 0.97f, text, length, found, n);
        return;
    }
    if (called) find_iban_misheard(r, i, run, length, found, n);
}

/* ---- passports --------------------------------------------------------------------------------------------------- */

/* Up to two letters and seven to nine figures, eight or nine characters in all. */
static bool is_passport(const char *s, uint32_t n) {
    uint32_t letters = 0;
    if (n < 8 || n > 9) return false;
    while (letters < n && is_letter(s[letters])) letters++;
    for (uint32_t i = letters; i < n; i++)
        if (!is_figure(s[i])) return false;
    return letters <= 2 && (letters > 0 || n == 9);
}

/* China's own: E, G, D, S, P, H and eight figures, written as one: also without a word for it. */
static bool is_china_passport(const code_run *run, uint32_t n) {
    return n == 9 && strchr("EGDSPH", run->text[0]) && run->n_parts == 2 && run->parts[1].border == BORDER_JOINED &&
           run->parts[1].n == 8;
}

/* A code may end before a part that is not joined to it. */
static bool may_end(const code_run *run, uint32_t b) {
    return b == run->n_parts || run->parts[b].border >= BORDER_PAUSE ||
           (run->parts[b].border == BORDER_BLANK && run->parts[b].n > 1);
}

static void find_passport(reader *r, uint32_t i, const code_run *run, uint64_t key, rule_found *found, uint32_t *n) {
    bool called = key & SENSE_KEY_PASSPORT;
    bool around = called || (rule_keys_before(r, i) & SENSE_KEY_PASSPORT);
    uint32_t again = corrected_at(run);
    for (uint32_t b = run->n_parts; b > 0; b--) {
        uint32_t length = text_end(run, b);
        float sure = called ? 0.85f : around ? 0.6f : 0.5f;
        char text[IBAN_MAX];
        if (!may_end(run, b)) continue;
        for (uint32_t want = 9; called && want >= 8 && again < b; want--) {
            if (!text_without(run, again, b, want, text) || !is_passport(text, want)) continue;
            report(run, 0, b, ENTITY_PASSPORT, sure - 0.05f, text, want, found, n);
            return;
        }
        if (again < b || !is_passport(run->text, length)) continue;
        if (!called && !(is_china_passport(run, length) && !(key & SENSE_KEY_OTHER))) continue;
        report(run, 0, b, ENTITY_PASSPORT, sure, run->text, length, found, n);
        return;
    }
}

/* ---- plates ------------------------------------------------------------------------------------------------------ */

static uint32_t count_figures(const char *s, uint32_t n) {
    uint32_t figures = 0;
    for (uint32_t i = 0; i < n; i++) figures += is_figure(s[i]);
    return figures;
}

/* Behind the province: the authority's letter, then five characters, or six of which the first or last is a letter. */
static bool is_china_plate(const char *s, uint32_t n) {
    if (n < 6 || n > 7 || !is_letter(s[0]) || s[0] == 'I') return false;
    if (count_figures(s, n) < 2) return false;
    return n == 6 || is_letter(s[1]) || is_letter(s[6]);
}

static void find_china_plate(reader *r, uint32_t i, code_run *run, rule_found *found, uint32_t *n) {
    const token *letter = reader_at(r, i + 1);
    if (letter->kind != TOKEN_WORD || letter->n > 4) return;
    code_read(r, i + 1, true, run);
    if (run->n_parts == 0) return;
    float sure = (rule_keys_before(r, i) & SENSE_KEY_PLATE) ? 0.9f : 0.85f;
    for (uint32_t b = run->n_parts; b > 0; b--) {
        uint32_t length = text_end(run, b);
        if (!may_end(run, b) || !is_china_plate(run->text, length)) continue;
        char text[12];
        uint32_t province = r->tokens[i].n;
        memcpy(text, r->text + r->tokens[i].at, province);
        memcpy(text + province, run->text, length);
        report(run, 0, b, ENTITY_PLATE, sure, text, province + length, found, n);
        found[*n - 1].first = i;
        return;
    }
}

/* Five to eight characters, letters and figures, behind a word for it. */
static bool is_plate(const char *s, uint32_t n) {
    uint32_t figures = count_figures(s, n);
    return n >= 5 && n <= 8 && figures >= 1 && figures < n;
}

static void find_plate(const code_run *run, rule_found *found, uint32_t *n) {
    uint32_t again = corrected_at(run);
    for (uint32_t b = run->n_parts; b > 0; b--) {
        uint32_t length = text_end(run, b);
        if (!may_end(run, b)) continue;
        if (again < b) { /* how far he goes back is anybody's guess: all of it is masked */
            uint32_t behind = length - text_end(run, again);
            if (behind < 1 || length > 20 || !is_plate(run->text, length - behind > 8 ? 8 : length < 8 ? length : 8))
                continue;
        } else if (!is_plate(run->text, length)) {
            continue;
        }
        report(run, 0, b, ENTITY_PLATE, 0.8f, run->text, length, found, n);
        return;
    }
}

/* ---- accounts with letters ---------------------------------------------------------------------------------------- */

/* "D1234567" behind "license number", "member ID": letters in front, at least five figures. */
static void find_account(const code_run *run, rule_found *found, uint32_t *n) {
    for (uint32_t b = run->n_parts; b > 0; b--) {
        uint32_t length = text_end(run, b), figures = count_figures(run->text, length);
        if (!may_end(run, b) || corrected_at(run) < b || length > 20 || figures < 5) continue;
        if (figures == length || length - figures > 6 || !is_letter(run->text[0])) return;
        report(run, 0, b, ENTITY_ACCOUNT, 0.7f, run->text, length, found, n);
        return;
    }
}

/* The words right before speak of an account and of nothing else since. */
static bool is_account(const reader *r, uint32_t i) {
    uint64_t keys = 0, nearest = 0;
    for (uint32_t k = i; k > 0 && i - k < NEAR_TOKENS; k--) {
        uint64_t key = r->tokens[k - 1].sense & SENSE_KEYS;
        if (!nearest) nearest = key;
        keys |= key;
    }
    return (keys & SENSE_KEY_ACCOUNT) && (nearest & (SENSE_KEY_ACCOUNT | SENSE_KEY_ID | SENSE_KEY_CARD)) &&
           !(keys & SENSE_KEY_OTHER);
}

/* ---- the rule ---------------------------------------------------------------------------------------------------- */

static bool may_begin(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (t->kind == TOKEN_WORD && t->n > 2 && (t->sense & SENSE_COMMON)) return false;
    if (code_goes_on(r, i)) return false;
    if (t->kind == TOKEN_WORD && t->n > 4 && !(t->sense & (SENSE_DIGIT | SENSE_TEEN | SENSE_TENS | SENSE_REPEAT)))
        return false;
    return true;
}

void rule_codes(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                uint32_t *skip) {
    code_run run;
    *n = 0, *skip = 1;
    if ((types & ENTITY_BIT(ENTITY_PLATE)) && (r->tokens[i].sense & SENSE_PROVINCE))
        find_china_plate(r, i, &run, found, n);
    if (!may_begin(r, i) || *n) return;
    if (types & ENTITY_BIT(ENTITY_IBAN)) find_iban(r, i, &run, found, n);
    if (*n || r->tokens[i].kind == TOKEN_HAN) {
        if (*n || !(r->tokens[i].sense & SENSE_DIGIT)) return;
    }
    uint64_t key = nearest_key(r, i);
    bool shaped = r->tokens[i].kind == TOKEN_WORD && r->tokens[i].n == 1; /* E12345678 */
    bool account = (types & ENTITY_BIT(ENTITY_ACCOUNT)) && key && is_account(r, i);
    if (!shaped && !account && !(key & (SENSE_KEY_PASSPORT | SENSE_KEY_PLATE))) return;
    code_read(r, i, false, &run);
    if (run.n_text < 5) return;
    if (types & ENTITY_BIT(ENTITY_PASSPORT)) find_passport(r, i, &run, key, found, n);
    if ((types & ENTITY_BIT(ENTITY_PLATE)) && (key & SENSE_KEY_PLATE) && !*n) find_plate(&run, found, n);
    if (account && !*n) find_account(&run, found, n);
}
