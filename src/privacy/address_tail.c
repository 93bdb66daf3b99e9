/* address_tail.c: what stands behind a street in English: a flat, a direction, a town with its state, a postal code.
 *
 * Owner: any thread; pure. A town is known by the state or code behind it, or by its comma and capital letter.
 */
#include "privacy/address.h"

#include <string.h>

#include "privacy/said.h"

#define TOWN_WORDS_MAX 3

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is_sign(const token *t, int64_t code) {
    return t->kind == TOKEN_SIGN && t->value == code;
}

static bool is_upper(const reader *r, const token *t) {
    return t->kind == TOKEN_WORD && r->text[t->at] >= 'A' && r->text[t->at] <= 'Z';
}

/* ---- flat, floor, direction ------------------------------------------------------------------------------------- */

static bool is_unit(const reader *r, const token *t) {
    static const char *const words[] = {"apartment", "apt",       "bldg", "building", "flat", "floor", "lot",
                                        "no",        "penthouse", "rm",   "room",     "ste",  "suite", "unit"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]) || is_sign(t, '#');
}

/* "3", "three b", "C", "28C": moves *i behind it. */
static bool unit_value(reader *r, uint32_t *i) {
    said s;
    const token *t = reader_at(r, *i);
    if (is_sign(t, '#')) t = reader_at(r, ++*i);
    bool any = said_begins(t) && said_number(r, *i, &s) && s.n <= 6;
    if (any) t = reader_at(r, *i = s.end);
    bool letter = t->kind == TOKEN_WORD && has(t, SENSE_LETTER) && (!t->spaced || !has(t, SENSE_COMMON));
    if (letter) ++*i;
    return any || letter;
}

static uint32_t skip_unit(reader *r, uint32_t i) {
    uint32_t at = is_sign(reader_at(r, i), ',') ? i + 1 : i;
    const token *t = reader_at(r, at);
    if (has(t, SENSE_ORDINAL) && token_is(r->text, reader_at(r, at + 1), "floor")) return at + 2;
    if (!is_unit(r, t)) return i;
    at++;
    if (is_sign(reader_at(r, at), '.') && !reader_at(r, at)->spaced) at++;
    if (token_is(r->text, reader_at(r, at), "number")) at++;
    return unit_value(r, &at) ? at : i;
}

static uint32_t skip_direction(reader *r, uint32_t i) {
    static const char *const words[] = {"east", "ne", "north", "nw", "se", "south", "sw", "west"};
    const token *t = reader_at(r, i);
    return t->spaced && said_in(r->text, t, words, sizeof words / sizeof words[0]) ? i + 1 : i;
}

/* ---- state and code --------------------------------------------------------------------------------------------- */

static bool is_state_name(const reader *r, const token *t) {
    static const char *const words[] = {
        "alabama",   "alaska",    "arizona",  "arkansas", "california",    "colorado",   "connecticut", "delaware",
        "florida",   "georgia",   "hawaii",   "idaho",    "illinois",      "indiana",    "iowa",        "kansas",
        "kentucky",  "louisiana", "maine",    "maryland", "massachusetts", "michigan",   "minnesota",   "mississippi",
        "missouri",  "montana",   "nebraska", "nevada",   "ohio",          "oklahoma",   "oregon",      "pennsylvania",
        "tennessee", "texas",     "utah",     "vermont",  "virginia",      "washington", "wisconsin",   "wyoming"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]);
}

static bool is_second_name(const reader *r, const token *a, const token *b) {
    static const char *const new_[] = {"hampshire", "jersey", "mexico", "york"}, *const north[] = {"carolina",
                                                                                                   "dakota"};
    if (token_is(r->text, a, "new")) return said_in(r->text, b, new_, 4);
    if (token_is(r->text, a, "north") || token_is(r->text, a, "south")) return said_in(r->text, b, north, 2);
    if (token_is(r->text, a, "west")) return token_is(r->text, b, "virginia");
    return token_is(r->text, a, "rhode") && token_is(r->text, b, "island");
}

static bool is_state_code(const reader *r, const token *t) {
    static const char *const codes[] = {"ak", "al", "ar", "az", "ca", "co", "ct", "dc", "de", "fl", "ga", "hi", "ia",
                                        "id", "il", "in", "ks", "ky", "la", "ma", "md", "me", "mi", "mn", "mo", "ms",
                                        "mt", "nc", "nd", "ne", "nh", "nj", "nm", "nv", "ny", "oh", "ok", "or", "pa",
                                        "ri", "sc", "sd", "tn", "tx", "ut", "va", "vt", "wa", "wi", "wv", "wy"};
    return t->n == 2 && said_in(r->text, t, codes, sizeof codes / sizeof codes[0]);
}

/* Five figures, and four more behind a dash. */
static bool zip(reader *r, uint32_t i, uint32_t *end) {
    said s;
    if (!said_begins(reader_at(r, i)) || !said_number(r, i, &s) || s.n != 5) return false;
    *end = s.end;
    const token *dash = reader_at(r, s.end);
    if (is_sign(dash, '-') && !dash->spaced && reader_at(r, s.end + 1)->kind == TOKEN_DIGITS) *end = s.end + 2;
    return true;
}

/* "NW1 6XE", "SW1A 2AA". */
static bool postcode(reader *r, uint32_t i, uint32_t *end) {
    const token *t = reader_at(r, i);
    if (t->kind != TOKEN_WORD || t->n > 2) return false;
    t = reader_at(r, ++i);
    if (t->kind != TOKEN_DIGITS || t->spaced || t->n > 2) return false;
    t = reader_at(r, ++i);
    if (t->kind == TOKEN_WORD && !t->spaced && t->n == 1) t = reader_at(r, ++i);
    if (t->kind != TOKEN_DIGITS || t->n != 1) return false;
    t = reader_at(r, ++i);
    if (t->kind != TOKEN_WORD || t->spaced || t->n != 2) return false;
    *end = i + 1;
    return true;
}

/* A state at i, its code behind it. */
static bool state(reader *r, uint32_t i, uint32_t *end) {
    const token *t = reader_at(r, i), *next;
    uint32_t at = i + 1;
    bool sure = is_state_name(r, t);
    if (!sure && is_second_name(r, t, reader_at(r, at))) {
        sure = true;
        at++;
    }
    bool code = !sure && is_state_code(r, t);
    if (!sure && !code) return false;
    sure |= code && is_upper(r, t) && r->text[t->at + 1] < 'a';
    next = reader_at(r, at);
    if (zip(r, is_sign(next, ',') ? at + 1 : at, end)) return true;
    *end = at;
    return sure || !has(t, SENSE_COMMON);
}

/* ---- town ------------------------------------------------------------------------------------------------------- */

static bool town_word(const token *t) {
    return t->kind == TOKEN_WORD && t->spaced && !has(t, SENSE_COMMON | SENSE_FILLER | SENSE_KEYS | SAID_SENSES);
}

static bool ends_clause(const token *t) {
    return t->kind == TOKEN_END || t->kind == TOKEN_BREAK || (t->kind == TOKEN_SIGN && t->value != '\'');
}

/* ", London." and ", New York,": a comma and capital letters, and then something ends. */
static uint32_t capital_town(reader *r, uint32_t i) {
    static const char *const polite[] = {"and", "got", "okay", "please", "right", "thank", "thanks"};
    uint32_t at = i + 1;
    if (!is_sign(reader_at(r, i), ',')) return i;
    while (at - i <= 2 && is_upper(r, reader_at(r, at)) && town_word(reader_at(r, at))) {
        if (said_in(r->text, reader_at(r, at), polite, sizeof polite / sizeof polite[0])) return i;
        at++;
    }
    return at > i + 1 && ends_clause(reader_at(r, at)) ? at : i;
}

/* "Washington, DC", "new york ny": the town has a state's name. */
static uint32_t state_behind(reader *r, uint32_t i) {
    uint32_t end;
    return state(r, is_sign(reader_at(r, i), ',') ? i + 1 : i, &end) ? end : i;
}

static uint32_t skip_town(reader *r, uint32_t i) {
    uint32_t at = is_sign(reader_at(r, i), ',') ? i + 1 : i, end;
    for (uint32_t words = 0; words <= TOWN_WORDS_MAX; words++) {
        const token *t = reader_at(r, at);
        uint32_t code = is_sign(t, ',') && words ? at + 1 : at;
        if (state(r, code, &end)) return state_behind(r, end);
        if (postcode(r, code, &end) || (words && zip(r, code, &end))) return end;
        if (!town_word(t)) break;
        at++;
    }
    return capital_town(r, i);
}

uint32_t address_en_tail(reader *r, uint32_t i) {
    uint32_t at = skip_direction(r, i);
    for (int k = 0; k < 2; k++) at = skip_unit(r, at);
    return skip_town(r, at);
}
