/* rule_email.c: e-mail addresses, written and said.
 *
 * Purpose    a local part, "@" or "at", a domain that ends in a known end. Parts are joined by signs or words for signs ("dot",
 *            "underscore", 点), spelled letter by letter, or run on in figures ("nine nine"); words that merely follow one another
 *            join only behind "my email is". Fillers and, where a sign has been said already, corrections may stand between.
 * Owner      any thread; pure.
 * Invariants what is written without blanks needs no known end of a domain; what is said does. Reads at most EMAIL_TOKENS_MAX tokens.
 */
#include "privacy/said.h"

#include <string.h>

#define EMAIL_TOKENS_MAX RULE_AHEAD_MAX
#define LOCAL_WORDS_MAX  4 /* that follow one another without a sign, behind "my email is" */
#define HOST_WORDS_MAX   3
#define KEY_TOKENS       6 /* between "email" and the address */
#define JOINED_MAX       RULE_CANONICAL_MAX

typedef struct scan {
    reader *r;
    uint32_t first, at, local_end; /* tokens */
    char local[JOINED_MAX], domain[JOINED_MAX];
    uint32_t n_local, n_domain;
    uint32_t explained; /* the token behind "as in boy" */
    uint32_t words;     /* in a row, with no sign between */
    bool key;           /* "email" stands before */
    bool loose;         /* words follow one another there without a sign */
    bool led;           /* a word of grammar does: "to john smith at …" */
    bool sign;          /* a sign was written or said in the local part */
    bool figures;       /* the local part has figures or letters that were spelled */
    bool at_sign;       /* "@": the name of its host is one word */
    bool at_said;       /* "at", or a sign with blanks around it */
    bool spoken;        /* something was said rather than written */
    bool known;         /* the domain ends in a known end */
    bool trouble;       /* "slash" behind: it is the address of a page */
} scan;

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

/* ---- pieces ----------------------------------------------------------------------------------------------------- */

static void append(char *out, uint32_t *n, const char *text, size_t bytes) {
    if (*n + bytes >= JOINED_MAX) {
        *n = JOINED_MAX; /* too long to be written down */
        return;
    }
    memcpy(out + *n, text, bytes);
    *n += (uint32_t)bytes;
    out[*n] = 0;
}

static void append_token(const scan *s, char *out, uint32_t *n, const token *t) {
    char digit = (char)('0' + t->value);
    if (t->kind == TOKEN_HAN || (t->kind == TOKEN_WORD && has(t, SENSE_DIGIT)))
        append(out, n, &digit, 1);
    else
        append(out, n, s->r->text + t->at, t->n);
}

/* What joins parts: the character it stands for; 0: nothing. */
static char joiner(const token *t) {
    if (t->kind == TOKEN_END || t->kind == TOKEN_BREAK) return 0;
    if (has(t, SENSE_DOT)) return '.';
    if (has(t, SENSE_DASH)) return '-';
    if (has(t, SENSE_UNDERSCORE)) return '_';
    if (has(t, SENSE_PLUS)) return '+';
    if (t->kind == TOKEN_SIGN && t->value < 0x80 && strchr("%#&*=!", (int)t->value)) return (char)t->value;
    return 0;
}

static bool is_written_sign(const token *t) {
    return t->kind == TOKEN_SIGN;
}

/* A sign that is written joins only what it touches. */
static bool sign_joins(scan *s, uint32_t i) {
    const token *t = reader_at(s->r, i);
    if (!is_written_sign(t)) return true;
    return !t->spaced && !reader_at(s->r, i + 1)->spaced;
}

static bool is_piece(const token *t) {
    if (t->kind == TOKEN_WORD || t->kind == TOKEN_DIGITS) return true;
    return t->kind == TOKEN_HAN && has(t, SENSE_DIGIT);
}

static bool plain_letter(const token *t) {
    return t->kind == TOKEN_WORD && has(t, SENSE_LETTER) && !has(t, SENSE_COMMON);
}

/* Letters spelled, figures: they follow one another without a sign. "a" and "i" are letters beside letters only. */
static bool runs_on(scan *s, uint32_t i) {
    const token *t = reader_at(s->r, i);
    if (t->kind == TOKEN_DIGITS || has(t, SAID_SENSES) || plain_letter(t)) return true;
    if (t->kind != TOKEN_WORD || !has(t, SENSE_LETTER)) return false;
    for (uint32_t k = i; k-- > s->first && has(&s->r->tokens[k], SENSE_LETTER);)
        if (plain_letter(&s->r->tokens[k])) return true;
    return plain_letter(reader_at(s->r, i + 1));
}

/* 圈a, "a in a ring", is how many say "@": the word behind the ring begins with the letter, and may hold the domain as well. */
static bool is_ring(scan *s, uint32_t i) {
    const token *t = reader_at(s->r, i), *a;
    if (t->kind != TOKEN_HAN || t->n != 3 || memcmp(s->r->text + t->at, "圈", 3) != 0) return false;
    a = reader_at(s->r, i + 1);
    return a->kind == TOKEN_WORD && (s->r->text[a->at] | 0x20) == 'a';
}

/* ---- the local part --------------------------------------------------------------------------------------------- */

static bool may_begin(const token *t) {
    if (!is_piece(t) || has(t, SENSE_AT | SENSE_DASH | SENSE_UNDERSCORE | SENSE_FILLER)) return false;
    return t->kind != TOKEN_WORD || !has(t, SENSE_CORRECTION | SENSE_DOT);
}

/* No address that is said begins with "is" or "me"; one that is written may, and one that is spelled may begin with "a". */
static bool begins_common(scan *s) {
    const token *t = reader_at(s->r, s->first);
    if (!has(t, SENSE_COMMON) || runs_on(s, s->first)) return false;
    const token *next = reader_at(s->r, s->first + 1);
    return next->spaced || next->kind != TOKEN_SIGN;
}

/* "under score" is two words. */
static bool two_words(scan *s, uint32_t i, const char *a, const char *b) {
    return token_is(s->r->text, &s->r->tokens[i], a) && token_is(s->r->text, reader_at(s->r, i + 1), b);
}

/* A number that is said: "eighty seven". True where one was taken. */
static bool take_number(scan *s, char *out, uint32_t *n) {
    said number;
    const token *t = reader_at(s->r, s->at);
    if (t->kind != TOKEN_WORD || !has(t, SAID_SENSES)) return false;
    if (!said_piece(s->r, s->at, &number)) return false;
    append(out, n, number.figures, number.n);
    s->at = number.end;
    return true;
}

static void take_piece(scan *s, char *out, uint32_t *n) {
    if (take_number(s, out, n)) return;
    append_token(s, out, n, reader_at(s->r, s->at));
    s->at++;
}

/* Whether token i, a piece, belongs to the piece before it though no sign stands between. */
static bool joins_before(scan *s, uint32_t i) {
    const token *t = &s->r->tokens[i], *before = &s->r->tokens[i - 1];
    if (!t->spaced && before->kind != TOKEN_SIGN) return true;
    bool spelled = has(t, SENSE_LETTER), spelled_before = runs_on(s, i - 1);
    if (runs_on(s, i)) return !spelled || spelled_before || s->sign || s->key; /* "cc j o h n" begins at "j" */
    if (has(t, SENSE_COMMON)) return false;
    if (spelled_before) return s->figures && (s->sign || s->key || has(before, SENSE_LETTER));
    s->loose = true;
    return ++s->words < (s->key ? LOCAL_WORDS_MAX : s->led ? 2 : 0);
}

/* Whether what stands behind a comma can only be more of an address. */
static bool goes_on_behind(scan *s, uint32_t i) {
    const token *t = reader_at(s->r, i);
    if (!t->spaced && t->kind != TOKEN_HAN) return false;
    return has(t, SENSE_AT | SENSE_FILLER) || joiner(t) || runs_on(s, i);
}

/* Skips what is said without meaning: fillers, and corrections once it is clear that an address is meant. */
static bool skip_idle(scan *s) {
    const token *t = reader_at(s->r, s->at);
    bool comma = t->kind == TOKEN_SIGN && (t->value == ',' || t->value == 0xff0c) && !t->spaced;
    bool correction = has(t, SENSE_CORRECTION) && (s->sign || s->key);
    if (t->kind == TOKEN_END || has(t, SENSE_AT) || (!has(t, SENSE_FILLER) && !comma && !correction)) return false;
    if (s->at == s->first) return false;
    if (comma && !goes_on_behind(s, s->at + 1)) return false;
    if (correction) s->n_local = 0;
    s->at++;
    s->spoken = true;
    return true;
}

/* "b as in boy": the words behind the letter say it once more. */
static bool skip_explained(scan *s) {
    const token *t = reader_at(s->r, s->at);
    if (s->at == s->first || !has(&s->r->tokens[s->at - 1], SENSE_LETTER)) return false;
    if (!token_is(s->r->text, t, "as") || !token_is(s->r->text, reader_at(s->r, s->at + 1), "in")) return false;
    if (reader_at(s->r, s->at + 2)->kind != TOKEN_WORD) return false;
    s->at += 3;
    s->explained = s->at;
    return true;
}

/* One step of the local part. 1: go on, 0: "at" was reached, -1: it is none. */
static int local_step(scan *s) {
    const token *t = reader_at(s->r, s->at);
    if (s->at - s->first >= EMAIL_TOKENS_MAX || t->kind == TOKEN_END || t->kind == TOKEN_BREAK) return -1;
    if (has(t, SENSE_AT) || is_ring(s, s->at)) return s->at > s->first ? 0 : -1;
    bool begins = s->at == s->first;
    if (!begins && (skip_idle(s) || skip_explained(s))) return 1;
    char sign = joiner(t);
    if (!sign && !begins && t->kind == TOKEN_WORD && two_words(s, s->at, "under", "score")) {
        sign = '_';
        s->at++;
    }
    if (sign) {
        if (begins || !sign_joins(s, s->at)) return -1;
        s->sign = true;
        s->spoken |= !is_written_sign(t);
        s->words = 0;
        append(s->local, &s->n_local, &sign, 1);
        s->at++;
        return 1;
    }
    if (!is_piece(t)) return -1;
    const token *before = s->at ? &s->r->tokens[s->at - 1] : NULL;
    bool after_sign =
        !begins && (s->explained == s->at || joiner(before) || has(before, SENSE_FILLER | SENSE_CORRECTION) ||
                    before->kind == TOKEN_SIGN || token_is(s->r->text, before, "score"));
    if (!begins && !after_sign && !joins_before(s, s->at)) return -1;
    s->figures |= runs_on(s, s->at);
    s->spoken |= has(t, SENSE_DIGIT) || (t->spaced && !begins);
    take_piece(s, s->local, &s->n_local);
    return 1;
}

/* ---- the domain ------------------------------------------------------------------------------------------------- */

/* "c o m", "c n": an end that is spelled. */
static bool spelled_end(scan *s, uint32_t i, uint32_t *end) {
    static const char *const ends[] = {"com", "org", "net", "edu", "cn", "co", "uk", "io", "de", "fr", "hk"};
    char word[4];
    uint32_t n = 0;
    while (n < 3 && has(reader_at(s->r, i + n), SENSE_LETTER) && reader_at(s->r, i + n)->kind == TOKEN_WORD) {
        word[n] = (char)s->r->tokens[i + n].value;
        n++;
    }
    for (; n >= 2; n--) {
        word[n] = 0;
        for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++) {
            if (strcmp(ends[k], word) != 0) continue;
            append(s->domain, &s->n_domain, word, n);
            *end = i + n;
            return true;
        }
    }
    return false;
}

/* Who gives mail to everybody: recognised without its dot. */
static bool is_provider(const scan *s) {
    static const char *const names[] = {"aol", "gmail", "hotmail", "icloud", "outlook", "qq", "yahoo"};
    const token *t = &s->r->tokens[s->at - 1];
    return t->n == s->n_domain && said_in(s->r->text, t, names, sizeof names / sizeof names[0]);
}

/* A part of the domain up to a dot: words, figures, dashes. True: there is one. */
static bool label(scan *s) {
    uint32_t from = s->at, words = 0;
    for (;;) {
        const token *t = reader_at(s->r, s->at);
        bool first = s->at == from;
        if (s->at - s->first >= EMAIL_TOKENS_MAX || t->kind == TOKEN_END || t->kind == TOKEN_BREAK) break;
        if (!first && has(t, SENSE_FILLER)) {
            s->at++;
            continue;
        }
        if (!first && has(t, SENSE_DASH) && sign_joins(s, s->at)) {
            append(s->domain, &s->n_domain, "-", 1);
            s->at++;
            words = 0;
            continue;
        }
        if (!is_piece(t) || has(t, SENSE_DOT | SENSE_AT)) break;
        if (!first && has(t, SENSE_DOMAIN) && is_provider(s)) break;
        bool joined = first || !t->spaced || runs_on(s, s->at) || joiner(&s->r->tokens[s->at - 1]);
        if (!joined &&
            (has(t, SENSE_COMMON) || s->at_sign || ++words >= HOST_WORDS_MAX || s->r->text[t->at - 1] == '\n'))
            break;
        take_piece(s, s->domain, &s->n_domain);
    }
    return s->at > from;
}

/* "comIP": an end with the next word, which a recogniser wrote in one with it; all of it is taken. */
static bool glued_end(scan *s, const token *t) {
    static const char *const ends[] = {"com", "net", "org", "cn"};
    for (size_t k = 0; k < sizeof ends / sizeof ends[0] && t->kind == TOKEN_WORD; k++) {
        size_t n = strlen(ends[k]);
        char next = t->n > n ? s->r->text[t->at + n] : 0;
        if (strncmp(s->r->text + t->at, ends[k], n) != 0 || next < 'A' || next > 'Z') continue;
        append(s->domain, &s->n_domain, ends[k], n);
        s->at++;
        return s->known = true;
    }
    return false;
}

/* Behind a dot: the end of a domain, or one more part of it. 1: more may follow, 0: it ended before this, -1: it is none. */
static int domain_step(scan *s) {
    const token *dot = reader_at(s->r, s->at);
    uint32_t end;
    if (is_provider(s) && has(dot, SENSE_DOMAIN) && dot->spaced) { /* "gmail com" */
        append(s->domain, &s->n_domain, ".", 1);
        append_token(s, s->domain, &s->n_domain, dot);
        s->at++;
        return s->known = true;
    }
    bool apart = s->at_said && dot->spaced && reader_at(s->r, s->at + 1)->spaced; /* "gmail . com" */
    if (!has(dot, SENSE_DOT) || (!apart && !sign_joins(s, s->at))) return 0;
    if (!s->key && token_is(s->r->text, dot, "point")) return 0; /* "DVD at some point in the future" */
    uint32_t keep_at = s->at, keep_n = s->n_domain;
    append(s->domain, &s->n_domain, ".", 1);
    s->at = said_skip_fillers(s->r, s->at + 1);
    const token *t = reader_at(s->r, s->at);
    bool written = is_written_sign(dot) && !t->spaced;
    if (spelled_end(s, s->at, &end)) {
        s->at = end;
        s->known = true;
        return 1;
    }
    if (has(t, SENSE_DOMAIN) || (written && !s->at_said && t->kind == TOKEN_WORD && t->n >= 2)) {
        const token *next = reader_at(s->r, s->at + 1);
        bool goes_on = !next->spaced && (next->kind == TOKEN_WORD || next->kind == TOKEN_DIGITS ||
                                         (next->kind == TOKEN_SIGN && has(next, SENSE_DASH)));
        if (!goes_on) {
            if (t->kind == TOKEN_HAN)
                append(s->domain, &s->n_domain, "com", 3);
            else
                append_token(s, s->domain, &s->n_domain, t);
            s->at++;
            s->known = true;
            return 1;
        }
    }
    if (glued_end(s, t)) return 1;
    if (label(s) && has(reader_at(s->r, s->at), SENSE_DOT)) return 1;
    s->at = keep_at;
    s->n_domain = keep_n;
    s->domain[keep_n < JOINED_MAX ? keep_n : JOINED_MAX - 1] = 0;
    return 0;
}

/* Behind "at"; the letter of a ring is part of it. */
static bool first_label(scan *s) {
    if (!is_ring(s, s->at)) {
        s->at = said_skip_fillers(s->r, s->at + 1);
        return label(s);
    }
    const token *a = reader_at(s->r, ++s->at);
    append(s->domain, &s->n_domain, s->r->text + a->at + 1, a->n - 1);
    s->at++;
    return label(s) || a->n > 1;
}

static bool domain(scan *s) {
    if (!first_label(s)) return false;
    uint32_t good = 0;
    while (domain_step(s) == 1)
        if (s->known) good = s->at;
    if (!s->known || !good) return false;
    s->at = good;
    const token *next = reader_at(s->r, s->at);
    s->trouble = has(next, SENSE_SLASH);
    return !(is_written_sign(next) && has(next, SENSE_AT)); /* "mail at john.doe@example.com" */
}

/* ---- how sure --------------------------------------------------------------------------------------------------- */

/* Words with which people send others to a page: "look at example dot com". */
static bool is_site_word(const scan *s, const token *t) {
    static const char *const words[] = {
        "available", "back", "book", "buy",    "check",   "click", "details", "download", "find",  "found", "hosted",
        "join",      "log",  "look", "looked", "looking", "more",  "online",  "order",    "page",  "read",  "register",
        "see",       "shop", "sign", "site",   "start",   "store", "stream",  "up",       "visit", "watch", "website"};
    return said_in(s->r->text, t, words, sizeof words / sizeof words[0]);
}

static bool key_before(const reader *r, uint32_t i) {
    if (r->absent & SENSE_MAIL) return false;
    for (uint32_t k = 1; k <= KEY_TOKENS && k <= i; k++) {
        const token *t = &r->tokens[i - k];
        if (has(t, SENSE_MAIL)) return true;
        if (t->kind == TOKEN_SIGN && (t->value == '.' || t->value == '?') && k > 1) return false;
    }
    return false;
}

/* "to john smith at …", "cc john smith at …": not "to visit us at …". */
static bool is_led(const scan *s) {
    const token *t = &s->r->tokens[s->first];
    if (s->first == 0 || has(t, SENSE_KEYS | SENSE_MAIL) || is_site_word(s, t)) return false;
    const token *before = t - 1;
    return has(before, SENSE_COMMON) || token_is(s->r->text, before, "cc");
}

static float sure(const scan *s) {
    if (!s->spoken) return 0.99f;
    if (s->key) return 0.98f;
    if (s->trouble) return 0.3f;
    if (s->sign || s->figures) return 0.97f;
    const token *t = &s->r->tokens[s->first];
    if (has(t, SENSE_COMMON | SENSE_MAIL) || is_site_word(s, t)) return 0.3f;
    return 0.7f;
}

static void write_down(const scan *s, rule_found *f) {
    size_t n = (size_t)s->n_local + 1 + s->n_domain;
    if (s->n_local >= JOINED_MAX || s->n_domain >= JOINED_MAX || n >= sizeof f->canonical) return;
    memcpy(f->canonical, s->local, s->n_local);
    f->canonical[s->n_local] = '@';
    memcpy(f->canonical + s->n_local + 1, s->domain, (size_t)s->n_domain + 1);
    for (size_t i = 0; i < n; i++)
        if (f->canonical[i] >= 'A' && f->canonical[i] <= 'Z') f->canonical[i] |= 32;
}

/* Most words of prose begin nothing: a word follows that cannot belong to an address. True: none begins here. */
static bool begins_nothing(reader *r, uint32_t i) {
    const uint64_t joins = SENSE_AT | SENSE_DOT | SENSE_DASH | SENSE_UNDERSCORE | SENSE_PLUS | SENSE_LETTER |
                           SENSE_FILLER | SENSE_CORRECTION | SAID_SENSES;
    const token *next = reader_at(r, i + 1);
    if (next->kind == TOKEN_END || next->kind == TOKEN_BREAK) return true;
    if (next->kind == TOKEN_HAN) return !has(next, joins);
    if (next->kind == TOKEN_SIGN && has(next, SENSE_DOT) && reader_at(r, i + 2)->spaced) return true;
    if (next->kind == TOKEN_SIGN && next->value == ',') {
        const token *behind = reader_at(r, i + 2);
        return behind->kind == TOKEN_WORD && !has(behind, joins);
    }
    bool article = has(next, SENSE_LETTER) && has(next, SENSE_COMMON); /* "have a …" */
    if (next->kind == TOKEN_WORD && article && next->spaced) {
        const token *behind = reader_at(r, i + 2);
        return behind->kind == TOKEN_WORD && !has(behind, joins);
    }
    if (next->kind != TOKEN_WORD || !next->spaced || has(next, joins)) return false;
    if (next->n == 5 && token_is(r->text, next, "under")) return !token_is(r->text, reader_at(r, i + 2), "score");
    if (token_is(r->text, next, "as")) return !has(&r->tokens[i], SENSE_LETTER);
    if (has(next, SENSE_COMMON)) return true;
    if (key_before(r, i)) return false;
    if (i == 0 || !(has(&r->tokens[i - 1], SENSE_COMMON) || token_is(r->text, &r->tokens[i - 1], "cc"))) return true;
    const token *third = reader_at(r, i + 2);
    return third->kind == TOKEN_WORD && !has(third, joins) && !token_is(r->text, third, "under");
}

void rule_email(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n,
                uint32_t *skip) {
    int step;
    (void)types;
    *n = 0;
    *skip = 1;
    if (!may_begin(reader_at(r, i)) || begins_nothing(r, i)) return;
    scan s = {.r = r, .first = i, .at = i};
    if (begins_common(&s)) return;
    s.key = key_before(r, i);
    s.led = is_led(&s);
    while ((step = local_step(&s)) == 1) {
    }
    if (step < 0) return;
    const token *at = reader_at(r, s.at);
    s.at_sign = is_written_sign(at);
    s.at_said = !is_written_sign(at) || at->spaced || reader_at(r, s.at + 1)->spaced;
    if (s.loose && !s.at_said) return; /* "use john@example.com" begins at "john" */
    s.spoken |= s.at_said;
    if (!domain(&s)) return;
    found[0] = (rule_found){.type = ENTITY_EMAIL, .first = i, .end = s.at, .confidence = sure(&s)};
    write_down(&s, &found[0]);
    *n = 1;
}
