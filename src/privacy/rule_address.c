/* rule_address.c: street addresses in English: "221B Baker Street", "four fifty two fifth avenue apartment three, austin texas".
 *
 * Purpose    a house's number, one to four words of a name, a word for a street; behind it what address_en_tail() takes. Words of measure
 *            between ("a five minute drive") and words of grammar make it none.
 * Owner      any thread; pure.
 */
#include "privacy/address.h"

#include <string.h>

#include "privacy/said.h"

#define HOUSE_FIGURES_MAX 6
#define NAME_WORDS_MAX    4

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is_sign(const token *t, int64_t code) {
    return t->kind == TOKEN_SIGN && t->value == code;
}

/* What is counted or measured: no street is called so where a number stands before it. */
static bool is_measure(const reader *r, const token *t) {
    static const char *const words[] = {
        "am",         "bed",       "bedroom", "block",    "blocks", "car",   "cars",      "day",        "days",
        "degrees",    "different", "door",    "dozen",    "feet",   "foot",  "g",         "hour",       "hours",
        "house",      "houses",    "hundred", "inch",     "inches", "kilo",  "kilometer", "kilometers", "kilometre",
        "kilometres", "km",        "lane",    "lanes",    "m",      "men",   "meter",     "meters",     "metre",
        "metres",     "mile",      "miles",   "million",  "min",    "mins",  "minute",    "minutes",    "moment",
        "moments",    "month",     "months",  "of",       "on",     "out",   "pair",      "people",     "percent",
        "person",     "persons",   "pm",      "point",    "seater", "star",  "step",      "steps",      "storey",
        "story",      "thing",     "things",  "thousand", "time",   "times", "way",       "week",       "weeks",
        "wheel",      "wheels",    "women",   "year",     "years"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]) || has(t, SENSE_CURRENCY);
}

/* Words for streets beside those of the lexicon, which are names as often: they count where the name is there. */
static bool is_street(const reader *r, const token *t) {
    static const char *const words[] = {
        "alley",    "ally",   "aly",        "bend",      "bridge",   "bypass", "causeway", "center",    "centre",
        "cir",      "circle", "common",     "commons",   "corner",   "course", "cove",     "creek",     "cres",
        "crossing", "dale",   "expressway", "extension", "falls",    "forge",  "fort",     "freeway",   "garden",
        "gardens",  "glen",   "green",      "grove",     "harbor",   "haven",  "heights",  "hill",      "hills",
        "hollow",   "island", "islands",    "junction",  "knoll",    "lakes",  "landing",  "lodge",     "loop",
        "mall",     "manor",  "meadow",     "meadows",   "mews",     "mill",   "mills",    "motorway",  "mount",
        "mountain", "oval",   "park",       "pass",      "passage",  "path",   "pike",     "pine",      "pines",
        "pkwy",     "pl",     "plain",      "plains",    "plaza",    "port",   "prairie",  "promenade", "ranch",
        "ridge",    "rise",   "river",      "route",     "row",      "rte",    "rue",      "run",       "shore",
        "shores",   "skyway", "spring",     "springs",   "spur",     "sq",     "station",  "stream",    "ter",
        "trace",    "track",  "trail",      "trl",       "turnpike", "union",  "vale",     "valley",    "via",
        "viaduct",  "view",   "views",      "village",   "ville",    "vista",  "walk",     "walks",     "wall",
        "way",      "well",   "wells",      "wharf",     "yard"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]);
}

/* Of these, those that are hardly anything else behind a number and a name with capital letters. */
static bool is_plain_street(const reader *r, const token *t) {
    static const char *const words[] = {"alley", "aly",  "cir",  "circle", "cres",  "crossing", "grove", "loop",
                                        "mews",  "pike", "pkwy", "pl",     "plaza", "ridge",    "rise",  "row",
                                        "run",   "sq",   "ter",  "trail",  "trl",   "turnpike", "walk",  "way"};
    return said_in(r->text, t, words, sizeof words / sizeof words[0]);
}

static bool is_upper(const reader *r, const token *t) {
    return r->text[t->at] >= 'A' && r->text[t->at] <= 'Z';
}

/* The number of a house with its letter: 221B, "two twenty one b", 12-14. */
static bool house(reader *r, uint32_t i, uint32_t *end) {
    said s;
    if (!said_number(r, i, &s)) return false;
    *end = s.end;
    if (s.n > HOUSE_FIGURES_MAX || s.figures[0] == '0') return false;
    const token *t = reader_at(r, s.end);
    if (has(t, SENSE_DASH) && t->kind == TOKEN_SIGN && !t->spaced && reader_at(r, s.end + 1)->kind == TOKEN_DIGITS)
        t = reader_at(r, *end += 2);
    bool letter = has(t, SENSE_LETTER) && t->kind == TOKEN_WORD;
    if (letter && (!t->spaced || !has(t, SENSE_COMMON)) && reader_at(r, *end + 1)->spaced) {
        bool direction = t->spaced && memchr("nsewNSEW", r->text[t->at], 8);
        if (!direction) ++*end;
    }
    return true;
}

typedef struct street {
    uint32_t end;
    bool strong; /* the word means a street and little else */
    bool upper;  /* every word begins with a capital letter, and the last is hardly anything but a street */
} street;

static bool name_word(const reader *r, const token *t) {
    if (t->kind != TOKEN_WORD || !t->spaced || is_measure(r, t)) return false;
    return !has(t, SENSE_COMMON | SENSE_FILLER) || has(t, SENSE_LETTER);
}

static bool ends_name(const reader *r, const token *t) {
    return has(t, SENSE_STREET) || is_street(r, t);
}

/* A name and a word for a street. */
static bool street_at(reader *r, uint32_t i, street *out) {
    *out = (street){.upper = true};
    uint32_t names = 0;
    for (uint32_t at = i; names <= NAME_WORDS_MAX; at++) {
        const token *t = reader_at(r, at);
        if (is_sign(t, '.') && !t->spaced && names && reader_at(r, at + 1)->spaced && r->tokens[at - 1].n <= 2)
            continue;
        if (names && t->kind == TOKEN_WORD && t->spaced && ends_name(r, t)) {
            const token *next = reader_at(r, at + 1);
            bool goes_on = next->kind == TOKEN_WORD && next->spaced && t->n > 2 && ends_name(r, next);
            out->strong = has(t, SENSE_STREET);
            out->end = at + 1 + goes_on;
            if (goes_on) out->strong |= has(next, SENSE_STREET) || token_is(r->text, next, "way");
            if (out->strong) return true;
            /* "Cedar Hill Drive": the name holds such a word. */
            const token *after = reader_at(r, at + 2);
            if (next->kind == TOKEN_WORD && name_word(r, next) && has(after, SENSE_STREET) && names < NAME_WORDS_MAX)
                continue;
            out->upper = (out->upper && is_upper(r, t) && is_plain_street(r, t)) || token_is(r->text, t, "way");
            return true;
        }
        if (!name_word(r, t)) return false;
        names++;
        out->upper &= is_upper(r, t) || has(t, SENSE_ORDINAL);
    }
    return false;
}

/* "Highway 61", "county road 12". */
static bool numbered_road(reader *r, uint32_t i, uint32_t *end) {
    static const char *const words[] = {"highway", "hwy", "road", "route", "rte"};
    said s;
    uint32_t at = i;
    const token *t = reader_at(r, at);
    if (token_is(r->text, t, "county") || token_is(r->text, t, "state")) t = reader_at(r, ++at);
    if (!said_in(r->text, t, words, sizeof words / sizeof words[0])) return false;
    if (!said_number(r, at + 1, &s) || s.n > 4) return false;
    *end = s.end;
    return true;
}

/* "P.O. Box 12", "po box twelve". */
static bool post_box(reader *r, uint32_t i, uint32_t *end) {
    const token *t = reader_at(r, i);
    said s;
    uint32_t at = i + 1;
    if (has(t, SENSE_LETTER) && (t->value == 'p' || t->value == 'P')) {
        if (is_sign(reader_at(r, at), '.')) at++;
        if (!token_is(r->text, reader_at(r, at), "o")) return false;
        if (is_sign(reader_at(r, ++at), '.')) at++;
    } else if (!token_is(r->text, t, "po"))
        return false;
    if (!token_is(r->text, reader_at(r, at), "box") || !said_number(r, at + 1, &s) || s.n > HOUSE_FIGURES_MAX)
        return false;
    *end = s.end;
    return true;
}

static bool key_before(const reader *r, uint32_t i) {
    for (uint32_t k = 1; k <= 8 && k <= i; k++)
        if (has(&r->tokens[i - k], SENSE_KEY_ADDRESS)) return true;
    return false;
}

bool address_en(reader *r, uint32_t i, rule_found *f, uint32_t *skip) {
    uint32_t end;
    street s;
    if (post_box(r, i, &end)) {
        *f = (rule_found){.type = ENTITY_ADDRESS, .first = i, .end = address_en_tail(r, end), .confidence = 0.85f};
        return true;
    }
    const token *t = reader_at(r, i);
    if (!said_begins(t) ||
        (i && !t->spaced && r->tokens[i - 1].kind != TOKEN_BREAK && !is_sign(&r->tokens[i - 1], '(')))
        return false;
    if (!house(r, i, &end)) {
        said run;
        if (said_number(r, i, &run) && run.end > i + 1) *skip = run.end - i;
        return false;
    }
    *skip = end - i;
    f->confidence = 0.85f;
    if (street_at(r, end, &s)) {
        end = s.end;
        if (!s.strong) f->confidence = s.upper ? 0.75f : 0.4f;
    } else if (!numbered_road(r, end, &end))
        return false;
    *f = (rule_found){.type = ENTITY_ADDRESS, .first = i, .end = end, .confidence = f->confidence};
    uint32_t tail = address_en_tail(r, end);
    if (tail > end || key_before(r, i)) f->confidence = 0.92f;
    f->end = tail;
    return true;
}

void rule_address(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                  uint32_t *skip) {
    (void)types;
    *skip = 1;
    *n =
        (reader_at(r, i)->kind == TOKEN_HAN ? false : address_en(r, i, &found[0], skip)) || address_zh(r, i, &found[0]);
    if (*n && *skip < found[0].end - i) *skip = found[0].end - i;
}
