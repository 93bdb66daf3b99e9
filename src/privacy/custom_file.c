/* custom_file.c: reads a file of rules and allow-lists, and tries each rule once before it is believed: see custom.h.
 *
 * inih reads the lines. It takes " ;" for the beginning of a comment and stops at 199 bytes: both would cut a regular expression
 * short without a word, so both are refused here. `pattern` may be given several times: the pieces are joined.
 */
#include "privacy/custom_int.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define LINE_BYTES 200 /* what inih takes */
#define TEXT_MAX   256 /* of an error */

/* A rule as it is written, until its section ends. */
typedef struct draft {
    custom_rule rule;
    char pattern[CUSTOM_PATTERN_BYTES], words[CUSTOM_WORDS_BYTES];
    int line; /* where its section begins */
    bool open, has_mask, has_confidence, has_with_words, has_check, has_whole_word;
} draft;

typedef struct loading {
    custom *c;
    const char *path;
    FILE *in;
    int line, rules_room, allowed_room;
    size_t bytes;
    char section[LINE_BYTES];
    entity_set allow; /* of an [allow] section; 0: in a rule */
    draft d;
    steno_err err; /* the first; its sentence is kept in `reason` */
    char reason[ERR_DETAIL_BYTES];
} loading;

static void fail_at(loading *l, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void fail_at(loading *l, int line, const char *fmt, ...) {
    char text[TEXT_MAX];
    va_list ap;
    if (l->err) return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->err = STENO_E_FORMAT;
    snprintf(l->reason, sizeof l->reason, "%.200s:%d: %s", l->path, line, text);
}

static void fail_memory(loading *l) {
    if (l->err) return;
    l->err = STENO_E_NOMEM;
    snprintf(l->reason, sizeof l->reason, "%.200s: no memory for its rules", l->path);
}

/* ---- one rule --------------------------------------------------------------------------------------------------- */

static bool is_name(const char *s) {
    size_t n = strlen(s);
    return n > 0 && n < CUSTOM_NAME_BYTES && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* Pieces of words between commas become one alternation; a letter of an alphabet at an end wants the word to end there. */
static bool words_pattern(const char *words, char *out, size_t room) {
    size_t n = 0;
    for (const char *p = words; *p;) {
        p += strspn(p, ", \t");
        size_t len = strcspn(p, ",");
        while (len && (p[len - 1] == ' ' || p[len - 1] == '\t')) len--;
        if (!len) break;
        const char *front = (unsigned char)p[0] < 0x80 ? "\\b" : "";
        const char *back = (unsigned char)p[len - 1] < 0x80 ? "\\b" : "";
        int took = snprintf(out + n, room - n, "%s%s\\Q%.*s\\E%s", n ? "|" : "", front, (int)len, p, back);
        if (took < 0 || (size_t)took >= room - n) return false;
        n += (size_t)took;
        p += strcspn(p, ",");
    }
    return n > 0;
}

static pcre2_code *compile(const custom *c, const char *pattern, uint32_t more, int *error, size_t *at) {
    pcre2_compile_context *limits = pcre2_compile_context_create(c->memory);
    if (!limits) return NULL;
    pcre2_set_max_pattern_length(limits, 4 * CUSTOM_PATTERN_BYTES);
    pcre2_set_parens_nest_limit(limits, 32);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | more,
                                     error, at, limits);
    pcre2_compile_context_free(limits);
    /* Where the system forbids memory that is both written and run there is no JIT: then it is interpreted. */
    if (code) (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);
    return code;
}

/* Which bytes a match may begin with: PCRE2 works that out for expressions that are not anchored. */
static bool find_starts(const custom *c, const char *pattern, uint8_t starts[32]) {
    int error;
    size_t at;
    uint32_t type = 0, unit = 0;
    const uint8_t *bitmap = NULL;
    pcre2_code *code = compile(c, pattern, 0, &error, &at);
    if (!code) return false;
    pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type);
    pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
    pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &bitmap);
    if (type == 1) {
        uint32_t other = unit < 0x80 && (unit | 0x20) >= 'a' && (unit | 0x20) <= 'z' ? unit ^ 0x20 : unit;
        starts[unit >> 3 & 31] |= (uint8_t)(1u << (unit & 7));
        starts[other >> 3 & 31] |= (uint8_t)(1u << (other & 7));
    } else if (bitmap)
        memcpy(starts, bitmap, 32);
    else
        memset(starts, 0xFF, 32);
    pcre2_code_free(code);
    return true;
}

/* \K would make a match begin elsewhere than where it was asked. */
static bool moves_start(const char *pattern) {
    for (const char *p = pattern; *p; p++) {
        if (*p != '\\') continue;
        if (p[1] == 'K') return true;
        if (p[1]) p++;
    }
    return false;
}

/* Whether the rule gives up on one of a few texts made to wear it out. The character that a match must hold is not looked for
 * first: in other texts it is there. */
static bool wears_out(const custom *c, const char *pattern, bool *no_memory) {
    static const char *const repeated[] = {"a", "1", "a1", "1 ", "a ", "1-", "A", " ", "\xe4\xb8\x80", "a.", "a@"};
    int error;
    size_t at;
    pcre2_code *code = compile(c, pattern, PCRE2_ANCHORED | PCRE2_NO_START_OPTIMIZE, &error, &at);
    pcre2_match_data *match = pcre2_match_data_create(1, c->memory);
    pcre2_match_context *limits = custom_match_context(c);
    bool worn = false;
    *no_memory = !code || !match || !limits;
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0] && !*no_memory && !worn; i++) {
        char text[CUSTOM_MATCH_MAX_BYTES];
        size_t unit = strlen(repeated[i]), n = sizeof text / unit * unit;
        for (size_t k = 0; k < n; k++) text[k] = repeated[i][k % unit];
        text[n - 1] = unit < 3 ? '!' : text[n - 1];
        int rc = pcre2_match(code, (PCRE2_SPTR)text, n, 0, PCRE2_NOTBOL, match, limits);
        worn = rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT ||
               rc == PCRE2_ERROR_JIT_STACKLIMIT;
    }
    pcre2_code_free(code);
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
    return worn;
}

/* False where the expression itself says why it is refused. */
static bool compile_rule(loading *l) {
    draft *d = &l->d;
    int error = 0;
    size_t at = 0;
    uint32_t back = 0, empty = 0;
    bool no_memory = false;
    d->rule.code = compile(l->c, d->pattern, PCRE2_ANCHORED, &error, &at);
    if (!d->rule.code) {
        PCRE2_UCHAR why[120] = "no memory";
        if (error) pcre2_get_error_message(error, why, sizeof why);
        fail_at(l, d->line, "rule '%s': pattern: %s (at byte %zu)", d->rule.name, (const char *)why, at);
        return false;
    }
    pcre2_pattern_info(d->rule.code, PCRE2_INFO_MATCHEMPTY, &empty);
    pcre2_pattern_info(d->rule.code, PCRE2_INFO_MAXLOOKBEHIND, &back);
    if (moves_start(d->pattern))
        fail_at(l, d->line, "rule '%s': pattern: \\K is not allowed", d->rule.name);
    else if (empty)
        fail_at(l, d->line, "rule '%s': pattern: it matches the empty text", d->rule.name);
    else if (back > CUSTOM_BACK_MAX)
        fail_at(l, d->line, "rule '%s': pattern: it looks back further than %d characters", d->rule.name,
                CUSTOM_BACK_MAX);
    else if (wears_out(l->c, d->pattern, &no_memory))
        fail_at(l, d->line,
                "rule '%s': pattern: it takes more than %d steps on plain repetitions: avoid repeats in repeats",
                d->rule.name, CUSTOM_STEPS_MAX);
    if (no_memory || !find_starts(l->c, d->pattern, d->rule.starts)) fail_memory(l);
    return !l->err;
}

static bool compile_words(loading *l) {
    char pattern[4 * CUSTOM_WORDS_BYTES];
    int error = 0;
    size_t at = 0;
    if (!l->d.words[0]) return true;
    if (strstr(l->d.words, "\\E") || !words_pattern(l->d.words, pattern, sizeof pattern)) {
        fail_at(l, l->d.line, "rule '%s': words: want words between commas", l->d.rule.name);
        return false;
    }
    l->d.rule.nearby = compile(l->c, pattern, PCRE2_CASELESS, &error, &at);
    if (!l->d.rule.nearby) fail_at(l, l->d.line, "rule '%s': words: these cannot be looked for", l->d.rule.name);
    return l->d.rule.nearby != NULL;
}

static void default_mask(custom_rule *r) {
    size_t n = strlen(r->name);
    r->mask[0] = '[';
    for (size_t i = 0; i < n; i++)
        r->mask[i + 1] = (char)(r->name[i] >= 'a' && r->name[i] <= 'z' ? r->name[i] - 0x20 : r->name[i]);
    r->mask[n + 1] = ']';
}

static void *grow(void *items, uint32_t n, int *room, size_t size) {
    if ((int)n < *room) return items;
    void *more = mem_resize(items, (size_t)*room * size, (size_t)(*room + 16) * size);
    if (more) *room += 16;
    return more;
}

static void free_rule(custom_rule *r) {
    pcre2_code_free(r->code);
    pcre2_code_free(r->nearby);
}

/* What stands in the draft becomes a rule. */
static void end_rule(loading *l) {
    draft *d = &l->d;
    if (!d->open) return;
    d->open = false;
    if (!d->pattern[0]) fail_at(l, d->line, "rule '%s': it has no pattern", d->rule.name);
    if (l->c->n_rules == CUSTOM_RULES_MAX) fail_at(l, d->line, "more than %d rules", CUSTOM_RULES_MAX);
    if (!d->has_mask) default_mask(&d->rule);
    if (!d->has_confidence) d->rule.confidence = d->words[0] ? 0.6f : 0.8f;
    if (!d->has_with_words) d->rule.confidence_with_words = 0.9f;
    if (l->err || !compile_rule(l) || !compile_words(l)) {
        free_rule(&d->rule);
        return;
    }
    custom_rule *rules = grow(l->c->rules, l->c->n_rules, &l->rules_room, sizeof *rules);
    if (!rules) {
        free_rule(&d->rule);
        fail_memory(l);
        return;
    }
    l->c->rules = rules;
    rules[l->c->n_rules++] = d->rule;
    for (int i = 0; i < 32; i++) l->c->starts[i] |= d->rule.starts[i];
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static bool once(loading *l, bool *given, const char *name) {
    if (*given) fail_at(l, l->line, "%s is given twice", name);
    *given = true;
    return !l->err;
}

static void set_confidence(loading *l, const char *name, const char *value, bool *given, float *out) {
    char *end;
    float v = strtof(value, &end);
    if (!once(l, given, name)) return;
    if (end == value || *end || !(v >= 0 && v <= 1)) fail_at(l, l->line, "%s: want a number from 0 to 1", name);
    *out = v;
}

static void set_text(loading *l, const char *name, const char *value, char *out, size_t room) {
    size_t have = strlen(out), n = strlen(value);
    if (!n) fail_at(l, l->line, "%s: it is empty", name);
    if (have + n >= room) fail_at(l, l->line, "%s: longer than %zu bytes", name, room - 1);
    if (!l->err) memcpy(out + have, value, n + 1);
}

static void set_choice(loading *l, const char *name, const char *value, const char *const *choices, bool *given,
                       int *out) {
    if (!once(l, given, name)) return;
    for (*out = 0; choices[*out]; ++*out)
        if (strcmp(choices[*out], value) == 0) return;
    fail_at(l, l->line, "%s: '%.40s' is none of its values (docs/privacy.md)", name, value);
}

static void set_rule(loading *l, const char *name, const char *value) {
    static const char *const checks[] = {"none", "luhn", "mod97", NULL}, *const yes[] = {"no", "yes", NULL};
    draft *d = &l->d;
    int choice = 0;
    if (strcmp(name, "pattern") == 0)
        set_text(l, name, value, d->pattern, sizeof d->pattern);
    else if (strcmp(name, "words") == 0) {
        size_t n = strlen(d->words);
        if (n && n + 2 < sizeof d->words) memcpy(d->words + n, ",", 2);
        set_text(l, name, value, d->words, sizeof d->words);
    } else if (strcmp(name, "mask") == 0) {
        if (once(l, &d->has_mask, name)) set_text(l, name, value, d->rule.mask, sizeof d->rule.mask);
    } else if (strcmp(name, "confidence") == 0)
        set_confidence(l, name, value, &d->has_confidence, &d->rule.confidence);
    else if (strcmp(name, "confidence_with_words") == 0)
        set_confidence(l, name, value, &d->has_with_words, &d->rule.confidence_with_words);
    else if (strcmp(name, "check") == 0) {
        set_choice(l, name, value, checks, &d->has_check, &choice);
        d->rule.check = (custom_check)choice;
    } else if (strcmp(name, "whole_word") == 0) {
        set_choice(l, name, value, yes, &d->has_whole_word, &choice);
        d->rule.whole_word = choice == 1;
    } else
        fail_at(l, l->line, "'%.60s' is no key of a rule", name);
}

static void set_allowed(loading *l, const char *name, const char *value) {
    custom *c = l->c;
    if (strcmp(name, "text") != 0) {
        fail_at(l, l->line, "'%.60s' is no key of an allow-list: want text", name);
        return;
    }
    if (c->n_allowed == CUSTOM_ALLOWED_MAX) fail_at(l, l->line, "more than %d allowed texts", CUSTOM_ALLOWED_MAX);
    if (l->err) return;
    custom_allowed *a = grow(c->allowed, c->n_allowed, &l->allowed_room, sizeof *a);
    if (!a) {
        fail_memory(l);
        return;
    }
    c->allowed = a;
    a[c->n_allowed].types = l->allow;
    if (!custom_fold(value, strlen(value), a[c->n_allowed].text) || !a[c->n_allowed].text[0])
        fail_at(l, l->line, "text: want 1 to %d bytes of UTF-8", CUSTOM_ALLOWED_MAX_BYTES - 4);
    else
        c->n_allowed++;
}

/* ---- sections --------------------------------------------------------------------------------------------------- */

static void begin_rule(loading *l, const char *name) {
    entity_set types;
    end_rule(l);
    l->allow = 0;
    l->d = (draft){.line = l->line, .open = true, .rule.whole_word = true};
    if (!is_name(name))
        fail_at(l, l->line, "[rule %.40s]: a name is 1 to %d of a-z 0-9 _ -", name, CUSTOM_NAME_BYTES - 1);
    else if (entity_parse_set(name, strlen(name), &types) == STENO_OK)
        fail_at(l, l->line, "[rule %s]: that is the name of a built-in type", name);
    for (uint32_t i = 0; i < l->c->n_rules; i++)
        if (strcmp(l->c->rules[i].name, name) == 0) fail_at(l, l->line, "[rule %.40s]: there is one already", name);
    snprintf(l->d.rule.name, sizeof l->d.rule.name, "%.*s", CUSTOM_NAME_BYTES - 1, name);
}

static void begin_section(loading *l) {
    const char *name = l->section;
    end_rule(l);
    if (strncmp(name, "rule ", 5) == 0) {
        begin_rule(l, name + 5 + strspn(name + 5, " "));
        return;
    }
    if (strcmp(name, "allow") == 0)
        l->allow = entity_all_set | ENTITY_BIT(ENTITY_CUSTOM);
    else if (strncmp(name, "allow ", 6) != 0)
        fail_at(l, l->line, "[%.40s]: want [rule NAME], [allow] or [allow TYPES]", name);
    else if (entity_parse_set(name + 6, strlen(name + 6), &l->allow) != STENO_OK)
        fail_at(l, l->line, "[%.40s]: %.120s", name, steno_error_detail());
}

/* inih hands over values only; sections are seen in next_line(). It is told that all is well: mistakes are kept here. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
    loading *l = user;
    if (l->err) return 1;
    if (!section[0])
        fail_at(l, l->line, "'%.40s' before any section", name);
    else if (l->allow)
        set_allowed(l, name, value);
    else
        set_rule(l, name, value);
    return 1;
}

/* The section that a line begins, blanks at its ends taken away. */
static bool section_of(const char *line, char *out) {
    const char *end = strchr(line, ']');
    if (line[0] != '[' || !end) return false;
    size_t n = (size_t)(end - line) - 1;
    memcpy(out, line + 1, n);
    out[n] = 0;
    return true;
}

static void check_line(loading *l, const char *line, size_t n, const char *text) {
    if (memchr(line, 0, n))
        fail_at(l, l->line, "a zero byte");
    else if (text[0] && text[0] != '[' && !strchr(";#", text[0])) {
        if (strstr(text, " ;") || strstr(text, "\t;"))
            fail_at(l, l->line, "a ';' behind a blank would begin a comment: write \\x3b in a pattern");
        else if (!strpbrk(text, "=:"))
            fail_at(l, l->line, "not 'key = value'");
    }
}

/* fgets() for inih: counts lines, begins sections, refuses what inih would cut. */
static char *next_line(char *out, int bytes, void *user) {
    loading *l = user;
    int c, n = 0;
    while ((c = getc(l->in)) != EOF && c != '\n' && n < bytes - 1) out[n++] = (char)c;
    out[n] = 0;
    if (l->err || (c == EOF && n == 0)) return NULL;
    l->line++;
    l->bytes += (size_t)n + 1;
    if (c != EOF && c != '\n')
        fail_at(l, l->line, "a line is longer than %d bytes: give pattern or words in several", bytes - 2);
    if (l->bytes > CUSTOM_FILE_MAX_BYTES)
        fail_at(l, l->line, "the file is larger than %d bytes", CUSTOM_FILE_MAX_BYTES);
    char *text = out;
    if (l->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
    text += strspn(text, " \t\r");
    check_line(l, out, (size_t)n, text);
    memmove(out, text, strlen(text) + 1);
    if (!l->err && section_of(out, l->section)) begin_section(l);
    return l->err ? NULL : out;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

static void *take(size_t n, void *user) {
    (void)user;
    return mem_alloc(1, n);
}

static void give(void *block, void *user) {
    (void)user;
    mem_free(block);
}

static int by_text(const void *a, const void *b) {
    return strcmp(((const custom_allowed *)a)->text, ((const custom_allowed *)b)->text);
}

/* Sorted, each text once, for all the types it was given for. */
static void sort_allowed(custom *c) {
    uint32_t kept = 0;
    if (c->n_allowed) qsort(c->allowed, c->n_allowed, sizeof *c->allowed, by_text);
    for (uint32_t i = 0; i < c->n_allowed; i++) {
        if (kept && strcmp(c->allowed[kept - 1].text, c->allowed[i].text) == 0)
            c->allowed[kept - 1].types |= c->allowed[i].types;
        else
            c->allowed[kept++] = c->allowed[i];
    }
    c->n_allowed = kept;
}

static void read_file(loading *l) {
    l->in = fopen(l->path, "re");
    if (!l->in) {
        l->err = errno == ENOENT ? STENO_E_NOT_FOUND : STENO_E_IO;
        snprintf(l->reason, sizeof l->reason, "%.200s: %s", l->path, strerror(errno));
        return;
    }
    int rc = ini_parse_stream(next_line, l, on_value, l);
    bool broken = ferror(l->in) != 0;
    fclose(l->in);
    end_rule(l);
    if (rc > 0) fail_at(l, rc, "not 'key = value'");
    if (rc < 0) fail_memory(l);
    if (broken && !l->err) {
        l->err = STENO_E_IO;
        snprintf(l->reason, sizeof l->reason, "%.200s: cannot be read", l->path);
    }
}

steno_err custom_open(const char *path, custom **out) {
    *out = NULL;
    loading *l = mem_alloc(1, sizeof *l);
    custom *c = mem_alloc(1, sizeof *c);
    if (c) c->memory = pcre2_general_context_create(take, give, NULL);
    if (!l || !c || !c->memory) {
        mem_free(l);
        custom_free(c);
        return err_fail(STENO_E_NOMEM, "%s: no memory for its rules", path);
    }
    l->path = path;
    l->c = c;
    read_file(l);
    steno_err err = l->err ? err_fail(l->err, "%s", l->reason) : STENO_OK;
    if (err)
        custom_free(c);
    else {
        sort_allowed(c);
        *out = c;
    }
    mem_free(l);
    return err;
}

void custom_free(custom *c) {
    if (!c) return;
    for (uint32_t i = 0; i < c->n_rules; i++) free_rule(&c->rules[i]);
    mem_free(c->rules);
    mem_free(c->allowed);
    pcre2_general_context_free(c->memory);
    mem_free(c);
}
