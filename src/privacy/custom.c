/* custom.c: the operator's rules asked at a token, and texts that are allowed: see custom.h. */
#include "privacy/custom_int.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "base/err.h"
#include "base/mem.h"

struct custom_scratch {
    const custom *c;
    pcre2_match_data *match;
    pcre2_match_context *limits;
};

uint32_t custom_rules(const custom *c) {
    return c ? c->n_rules : 0;
}

const char *custom_name(const custom *c, uint32_t rule) {
    return rule < custom_rules(c) ? c->rules[rule].name : entity_name(ENTITY_CUSTOM);
}

const char *custom_mask(const custom *c, uint32_t rule) {
    return rule < custom_rules(c) ? c->rules[rule].mask : entity_mask(ENTITY_CUSTOM);
}

/* ---- one thread's ----------------------------------------------------------------------------------------------- */

pcre2_match_context *custom_match_context(const custom *c) {
    pcre2_match_context *limits = pcre2_match_context_create(c->memory);
    if (!limits) return NULL;
    pcre2_set_match_limit(limits, CUSTOM_STEPS_MAX);
    pcre2_set_depth_limit(limits, CUSTOM_DEPTH_MAX);
    pcre2_set_heap_limit(limits, CUSTOM_HEAP_MAX_KIB);
    return limits;
}

steno_err custom_scratch_open(const custom *c, custom_scratch **out) {
    custom_scratch *s = mem_alloc(1, sizeof *s);
    *out = NULL;
    if (!s) return err_fail(STENO_E_NOMEM, "no memory to look for the operator's own rules");
    s->c = c;
    s->match = pcre2_match_data_create(1, c->memory);
    s->limits = custom_match_context(c);
    if (!s->match || !s->limits) {
        custom_scratch_free(s);
        return err_fail(STENO_E_NOMEM, "no memory to look for the operator's own rules");
    }
    *out = s;
    return STENO_OK;
}

void custom_scratch_free(custom_scratch *s) {
    if (!s) return;
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->limits);
    mem_free(s);
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

static bool luhn(const char *text, size_t n) {
    int sum = 0, count = 0;
    for (size_t i = n; i-- > 0;) {
        if (text[i] < '0' || text[i] > '9') continue;
        int d = (text[i] - '0') << (count++ & 1);
        sum += d > 9 ? d - 9 : d;
    }
    return count > 1 && sum % 10 == 0;
}

/* ISO 7064 MOD 97-10 of all letters and digits, in the order they stand. */
static bool mod97(const char *text, size_t n) {
    int rest = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        int lower = c | 0x20;
        if (c >= '0' && c <= '9')
            rest = (rest * 10 + c - '0') % 97;
        else if (lower >= 'a' && lower <= 'z')
            rest = (rest * 100 + lower - 'a' + 10) % 97;
        else
            continue;
        count++;
    }
    return count > 2 && rest == 1;
}

static bool passes(custom_check check, const char *text, size_t n) {
    return check == CHECK_LUHN ? luhn(text, n) : check == CHECK_MOD97 ? mod97(text, n) : true;
}

/* ---- a match ---------------------------------------------------------------------------------------------------- */

static bool continues(const char *text, size_t at) {
    return ((unsigned char)text[at] & 0xC0) == 0x80;
}

/* The bytes that a match from `at` on may look at: [from, to), whole characters; of a text that goes on the reader's tokens only. */
typedef struct view {
    size_t from, to;
    bool open; /* the text goes on behind `to`, nobody knows how */
} view;

static view view_at(const reader *r, size_t at) {
    view v = {at > (size_t)CUSTOM_BACK_MAX * 4 ? at - (size_t)CUSTOM_BACK_MAX * 4 : 0, r->n, !r->whole};
    if (!r->whole) v.to = r->tokens[r->n_tokens - 1].at + r->tokens[r->n_tokens - 1].n;
    while (v.from < at && continues(r->text, v.from)) v.from++;
    const char *end = memchr(r->text + at, TOKEN_BREAK_CHAR, v.to - at);
    if (end) {
        v.to = (size_t)(end - r->text);
        v.open = false;
    }
    if (v.to - at >= CUSTOM_MATCH_MAX_BYTES) {
        v.to = at + CUSTOM_MATCH_MAX_BYTES;
        v.open = false;
        while (v.to > at && continues(r->text, v.to)) v.to--;
    }
    return v;
}

/* Bytes of the match of a rule at `at`; 0: none. Touches the reader where more text could change that. */
static size_t match_at(custom_scratch *s, const custom_rule *rule, reader *r, size_t at) {
    view v = view_at(r, at);
    uint32_t how = PCRE2_NOTBOL | PCRE2_NOTEMPTY | (v.open ? PCRE2_PARTIAL_HARD : 0);
    int rc =
        pcre2_match(rule->code, (PCRE2_SPTR)r->text + v.from, v.to - v.from, at - v.from, how, s->match, s->limits);
    if (rc == PCRE2_ERROR_PARTIAL) (void)reader_at(r, r->n_tokens);
    if (rc < 0) return 0;
    size_t *span = pcre2_get_ovector_pointer(s->match);
    return span[1] > at - v.from ? span[1] - (at - v.from) : 0;
}

static bool word_nearby(custom_scratch *s, const custom_rule *rule, const reader *r, size_t at) {
    if (!rule->nearby) return false;
    size_t from = at > RULE_CONTEXT_BYTES ? at - RULE_CONTEXT_BYTES : 0;
    while (from < at && continues(r->text, from)) from++;
    return pcre2_match(rule->nearby, (PCRE2_SPTR)r->text + from, at - from, 0, 0, s->match, s->limits) >= 0;
}

static bool is_part(const token *t) {
    return t->kind == TOKEN_WORD || t->kind == TOKEN_DIGITS;
}

/* The tokens that bytes [at, at + n) lie in, from token i on; false where whole words are asked for and these are not. */
static bool cover(reader *r, const custom_rule *rule, uint32_t i, size_t at, size_t n, uint32_t *end) {
    uint32_t j = i;
    const token *t = reader_at(r, j);
    while (t->kind != TOKEN_END && t->at + t->n < at + n) t = reader_at(r, ++j);
    if (t->kind != TOKEN_END && t->at < at + n) j++;
    *end = j;
    if (!rule->whole_word) return true;
    const token *last = reader_at(r, j - 1), *next = reader_at(r, j);
    bool first_whole = at == r->tokens[i].at || !is_part(&r->tokens[i]);
    bool before = i > 0 && !r->tokens[i].spaced && is_part(&r->tokens[i]) && is_part(&r->tokens[i - 1]);
    bool behind = next->kind != TOKEN_END && !next->spaced && is_part(last) && is_part(next);
    return first_whole && !before && !behind && (last->at + last->n == at + n || !is_part(last));
}

static bool starts_with(const uint8_t starts[32], char c) {
    unsigned char byte = (unsigned char)c;
    return starts[byte >> 3] >> (byte & 7) & 1;
}

bool custom_may_begin(const custom *c, const reader *r, uint32_t i) {
    const token *t = &r->tokens[i];
    for (uint32_t k = 0; k < t->n; k++)
        if (starts_with(c->starts, r->text[t->at + k])) return true;
    return false;
}

static void keep_better(rule_found *best, uint32_t *n, const rule_found *f) {
    if (*n && (best->confidence > f->confidence || (best->confidence == f->confidence && best->end >= f->end))) return;
    *best = *f;
    *n = 1;
}

/* What a rule says of a match that begins with byte `at`, within token i. */
static void ask_at(custom_scratch *s, uint32_t rule_no, reader *r, uint32_t i, size_t at, rule_found *best,
                   uint32_t *n) {
    const custom_rule *rule = &s->c->rules[rule_no];
    rule_found f = {.type = ENTITY_CUSTOM, .first = i, .custom = rule_no};
    if (!starts_with(rule->starts, r->text[at])) return;
    size_t length = match_at(s, rule, r, at);
    if (!length || !passes(rule->check, r->text + at, length) || !cover(r, rule, i, at, length, &f.end)) return;
    f.confidence = word_nearby(s, rule, r, at) ? rule->confidence_with_words : rule->confidence;
    if (length < sizeof f.canonical) memcpy(f.canonical, r->text + at, length);
    keep_better(best, n, &f);
}

void custom_ask(custom_scratch *s, reader *r, uint32_t i, rule_found found[RULE_FOUND_MAX], uint32_t *n) {
    *n = 0;
    if (reader_at(r, i)->kind == TOKEN_END || !custom_may_begin(s->c, r, i)) return;
    const token *t = &r->tokens[i];
    for (uint32_t rule = 0; rule < s->c->n_rules; rule++) {
        for (uint32_t k = 0; k < t->n; k++) {
            if (k && (continues(r->text, t->at + k) || (is_part(t) && s->c->rules[rule].whole_word))) continue;
            ask_at(s, rule, r, i, t->at + k, found, n);
        }
    }
}

/* ---- texts that are allowed ------------------------------------------------------------------------------------- */

static bool is_blank(utf8proc_int32_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0x3000 || c == TOKEN_BREAK_CHAR;
}

bool custom_fold(const char *text, size_t n, char *room) {
    size_t out = 0;
    bool blank = false;
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &c);
        if (step <= 0) return false;
        at += (size_t)step;
        if (is_blank(c)) {
            blank = out > 0;
            continue;
        }
        if (out + (size_t)blank + 4 > CUSTOM_ALLOWED_MAX_BYTES) return false;
        if (blank) room[out++] = ' ';
        blank = false;
        out += (size_t)utf8proc_encode_char(utf8proc_tolower(c), (utf8proc_uint8_t *)room + out);
    }
    room[out] = 0;
    return true;
}

static int by_text(const void *key, const void *item) {
    return strcmp(key, ((const custom_allowed *)item)->text);
}

static bool allows(const custom *c, entity_type type, const char *text, size_t n) {
    char folded[CUSTOM_ALLOWED_MAX_BYTES + 1];
    if (!custom_fold(text, n, folded)) return false;
    const custom_allowed *a = bsearch(folded, c->allowed, c->n_allowed, sizeof *a, by_text);
    return a && (a->types & ENTITY_BIT(type));
}

bool custom_allows(const custom *c, entity_type type, const char *text, size_t n, const char *canonical) {
    if (!c || !c->n_allowed) return false;
    return allows(c, type, text, n) || (canonical[0] && allows(c, type, canonical, strlen(canonical)));
}
