/* rule_url.c: addresses of pages and servers that carry credentials: user:password@host, ?token=…, &api_key=….
 *
 * Owner: any thread; pure. An address ends at a blank, or at a sign that closes a sentence with a blank behind it.
 */
#include "privacy/said.h"

#include <string.h>

#define URL_TOKENS_MAX                                                                                                 \
    512 /* a signed token is a few hundred letters and figures in turn; what is longer is cut there */

static bool is_sign(const token *t, int64_t code) {
    return t->kind == TOKEN_SIGN && t->value == code && !t->spaced;
}

/* Closing signs at the end belong to the sentence. */
static bool closes(const token *t) {
    return t->kind == TOKEN_SIGN && (t->value >= 0x80 || strchr(".,;:!?)]}>\"'", (int)t->value));
}

/* The token behind an address that goes on from token i without a blank. */
static uint32_t url_end(reader *r, uint32_t i) {
    uint32_t end = i;
    for (; end - i < URL_TOKENS_MAX; end++) {
        const token *t = reader_at(r, end);
        if (t->kind == TOKEN_END || t->kind == TOKEN_BREAK || t->kind == TOKEN_HAN || t->spaced) break;
        if (t->kind == TOKEN_SIGN && (t->value >= 0x80 || strchr("<>\"", (int)t->value))) break;
    }
    while (end > i && closes(&r->tokens[end - 1])) end--;
    return end;
}

/* user:password@ before the host ends. */
static bool has_user(const reader *r, uint32_t i, uint32_t end) {
    bool colon = false;
    for (; i < end; i++) {
        const token *t = &r->tokens[i];
        if (is_sign(t, '/') || is_sign(t, '?') || is_sign(t, '#')) return false;
        if (is_sign(t, '@')) return colon;
        colon |= is_sign(t, ':');
    }
    return false;
}

static bool names_secret(const char *text, size_t n) {
    static const char *const names[] = {"token",   "key",       "secret", "password",   "passwd",  "pwd", "pass",
                                        "auth",    "signature", "sig",    "credential", "code",    "jwt", "apikey",
                                        "session", "sid",       "otp",    "sessionid",  "passcode"};
    size_t from = n;
    while (from > 0 && text[from - 1] != '_' && text[from - 1] != '-') from--;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        if (strlen(names[k]) == n - from && strncasecmp(names[k], text + from, n - from) == 0) return true;
    return false;
}

/* name=value with something in it, behind ? & # or ;. */
static bool has_secret(const reader *r, uint32_t i, uint32_t end) {
    size_t name = 0;
    for (; i < end; i++) {
        const token *t = &r->tokens[i];
        if (t->kind != TOKEN_SIGN) continue;
        if (t->value == '?' || t->value == '&' || t->value == '#' || t->value == ';') name = t->at + t->n;
        if (t->value != '=' || !name || i + 1 >= end) continue;
        if (names_secret(r->text + name, t->at - name)) return true;
        name = 0;
    }
    return false;
}

void rule_url(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip) {
    (void)types;
    *n = 0;
    *skip = 1;
    if (reader_at(r, i)->kind != TOKEN_WORD || !is_sign(reader_at(r, i + 1), ':')) return;
    if (!is_sign(reader_at(r, i + 2), '/') || !is_sign(reader_at(r, i + 3), '/')) return;
    uint32_t end = url_end(r, i + 4);
    if (r->touched || (!has_user(r, i + 4, end) && !has_secret(r, i + 4, end))) return;
    found[0] = (rule_found){.type = ENTITY_URL, .first = i, .end = end, .confidence = 0.995f};
    *n = 1;
}
