/* rule_ip.c: addresses of machines, version 4 written and said, version 6 written.
 *
 * Owner: any thread; pure. Four numbers between dots behind "version" are none, nor are five.
 */
#include "privacy/said.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V6_TOKENS_MAX   64 /* 32 figures and letters in turn, and their colons */
#define VERSION_TOKENS  4  /* between "version" and its number */
#define SURE_WRITTEN    0.8f
#define SURE_SPOKEN     0.85f
#define SURE_WITH_WORDS 0.95f

static bool has(const token *t, uint64_t sense) {
    return (t->sense & sense) != 0;
}

static bool is_colon(const token *t) {
    return t->kind == TOKEN_SIGN && t->value == ':';
}

/* "version 1.2.3.4", "v1.2.3.4", "Chrome 100.0.0.1". */
static bool names_version(const reader *r, uint32_t i) {
    static const char *const words[] = {"build",   "chrome",   "driver",  "edge", "firefox", "firmware", "kernel",
                                        "release", "revision", "section", "v",    "ver",     "version",  "versions"};
    for (uint32_t k = 1; k <= VERSION_TOKENS && k <= i; k++) {
        const token *t = &r->tokens[i - k];
        if (said_in(r->text, t, words, sizeof words / sizeof words[0])) return true;
        if (t->kind == TOKEN_HAN && t->n == 6 && memcmp(r->text + t->at, "版本", 6) == 0) return true;
        if (t->kind == TOKEN_BREAK) break;
    }
    return false;
}

/* ---- version 4 -------------------------------------------------------------------------------------------------- */

typedef struct octet {
    int value;
    uint32_t end;
    bool written;
} octet;

/* 0 to 255, as one written number or all that is said up to the next dot. */
static bool read_octet(reader *r, uint32_t i, octet *out) {
    said s;
    bool got = reader_at(r, i)->kind == TOKEN_DIGITS ? said_piece(r, i, &s) : said_number(r, i, &s);
    if (!got || s.n > 3 || s.n == 0) return false;
    *out = (octet){atoi(s.figures), s.end, s.written};
    return out->value <= 255;
}

/* A dot between two numbers: a sign without blanks around it, or a word. */
static bool is_dot(reader *r, uint32_t i) {
    const token *t = reader_at(r, i);
    if (!has(t, SENSE_DOT)) return false;
    return t->kind != TOKEN_SIGN || (!t->spaced && !reader_at(r, i + 1)->spaced);
}

static bool touches_before(const reader *r, uint32_t i) {
    const token *t = &r->tokens[i];
    if (i == 0 || t->spaced) return false;
    const token *before = &r->tokens[i - 1];
    if (before->kind == TOKEN_WORD) return !has(before, SENSE_KEY_IP); /* IP10.0.0.1 */
    return before->kind == TOKEN_DIGITS || has(before, SENSE_DOT | SENSE_DASH);
}

static bool dotted_before(const reader *r, uint32_t i) {
    return i > 1 && has(&r->tokens[i - 1], SENSE_DOT) && said_begins(&r->tokens[i - 2]);
}

static bool version4(reader *r, uint32_t i, rule_found *f) {
    octet o[4];
    uint32_t at = i;
    bool written = true;
    if (touches_before(r, i) || dotted_before(r, i)) return false;
    for (int k = 0; k < 4; k++) {
        if (k && !is_dot(r, at)) return false;
        if (k) at = said_skip_fillers(r, at + 1);
        if (!read_octet(r, at, &o[k])) return false;
        written &= o[k].written;
        at = o[k].end;
    }
    if (is_dot(r, at) && said_begins(reader_at(r, at + 1))) return false;
    const token *next = reader_at(r, at);
    if (written && !next->spaced && next->kind == TOKEN_WORD) return false;
    if (names_version(r, i)) return false;
    *f = (rule_found){.type = ENTITY_IP, .first = i, .end = at};
    f->confidence = written ? SURE_WRITTEN : SURE_SPOKEN;
    snprintf(f->canonical, sizeof f->canonical, "%d.%d.%d.%d", o[0].value, o[1].value, o[2].value, o[3].value);
    return true;
}

/* ---- version 6 -------------------------------------------------------------------------------------------------- */

static bool is_hex(const char *text, const token *t) {
    if (t->n > 4 || (t->kind != TOKEN_WORD && t->kind != TOKEN_DIGITS)) return false;
    for (uint32_t k = 0; k < t->n; k++) {
        char c = text[t->at + k];
        if (!(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'f')) return false;
    }
    return true;
}

static bool version6(reader *r, uint32_t i, rule_found *f) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    uint32_t end = i, colons = 0;
    if (touches_before(r, i) || (i > 0 && !r->tokens[i].spaced && is_colon(&r->tokens[i - 1]))) return false;
    for (; end - i < V6_TOKENS_MAX; end++) {
        const token *t = reader_at(r, end);
        if ((end > i && t->spaced) ||
            (!is_hex(r->text, t) && !is_colon(t) && !(t->kind == TOKEN_SIGN && t->value == '.')))
            break;
        colons += is_colon(t);
        if (!colons && end - i > 4) return false; /* a group is four figures and letters at most */
    }
    const token *next = reader_at(r, end);
    while (end > i + 1 && r->tokens[end - 1].kind == TOKEN_SIGN && !(end > i + 2 && is_colon(&r->tokens[end - 2])))
        end--;
    if (colons < 2 || end <= i + 1) return false;
    if (next->kind == TOKEN_WORD && !next->spaced && next->at == r->tokens[end - 1].at + r->tokens[end - 1].n)
        return false;
    size_t from = r->tokens[i].at, n = r->tokens[end - 1].at + r->tokens[end - 1].n - from;
    if (n >= sizeof text) return false;
    memcpy(text, r->text + from, n);
    text[n] = 0;
    if (inet_pton(AF_INET6, text, &address) != 1) return false;
    *f = (rule_found){.type = ENTITY_IP, .first = i, .end = end, .confidence = 0.9f};
    inet_ntop(AF_INET6, &address, f->canonical, sizeof f->canonical);
    return true;
}

void rule_ip(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip) {
    const token *t = reader_at(r, i);
    (void)types;
    *n = 0;
    *skip = 1;
    bool four = said_begins(t) && version4(r, i, &found[0]);
    bool six = !four && is_hex(r->text, t) && !reader_at(r, i + 1)->spaced && version6(r, i, &found[0]);
    if (!four && !six) return;
    if (rule_keys_before(r, i) & SENSE_KEY_IP) found[0].confidence = SURE_WITH_WORDS;
    *n = 1;
}
