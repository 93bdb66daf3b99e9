/* config_load.c: values from the file, the environment and the options: see config.h. */
#include "cmd/config.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct loading {
    config *c;
    config_origin *origin; /* [CONFIG_MAX_KEYS] */
    config_report *report;
    const char *file;
    FILE *in;
    int line;
    bool wants_value, had_value;  /* of this line: it must be "key = value", and inih took it for one */
    char first[ERR_DETAIL_BYTES]; /* of the mistakes */
} loading;

static void say(loading *l, bool warning, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void say(loading *l, bool warning, const char *fmt, ...) {
    char text[CONFIG_MISTAKE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!warning && !l->first[0]) snprintf(l->first, sizeof l->first, "%.*s", ERR_DETAIL_BYTES - 1, text);
    if (!l->report) return;
    if (warning)
        l->report->warnings++;
    else
        l->report->mistakes++;
    l->report->say(l->report->ctx, warning, text);
}

static void set(loading *l, const config_key *key, const char *value, config_source source, const char *place) {
    l->origin[key - config_keys] = (config_origin){source, source == CONFIG_FILE ? l->line : 0};
    if (config_set(l->c, key, value) != STENO_OK) say(l, false, "%s: %s", place, steno_error_detail());
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* One value of the file. inih is always told that it is right: it would remember only the first mistake. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
    loading *l = user;
    const config_key *key = config_find(section, name);
    char place[CONFIG_TEXT_BYTES];
    l->had_value = true;
    snprintf(place, sizeof place, "%s:%d", l->file, l->line);
    if (!section[0])
        say(l, false, "%s: key '%.60s' before any section", place, name);
    else if (!key)
        say(l, false, "%s: no key '%.60s' in section [%.60s]", place, name, section);
    else if (l->origin[key - config_keys].source == CONFIG_FILE)
        say(l, false, "%s: %s is given twice, first in line %d", place, name, l->origin[key - config_keys].line);
    else
        set(l, key, value, CONFIG_FILE, place);
    return 1;
}

static void end_line(loading *l) {
    if (l->wants_value && !l->had_value) say(l, false, "%s:%d: not 'key = value'", l->file, l->line);
    l->wants_value = l->had_value = false;
}

/* A line without its end, so much of it as fits; false at the end of the file. `n` counts all of it. */
static bool get_line(FILE *in, char *out, int bytes, int *n, bool *zero) {
    int c;
    *n = 0;
    *zero = false;
    while ((c = getc(in)) != EOF && c != '\n') {
        if (*n < bytes - 1) out[*n] = (char)c;
        if (*n < bytes) ++*n;
        *zero |= c == 0;
    }
    out[*n < bytes - 1 ? *n : bytes - 1] = 0;
    return c != EOF || *n > 0;
}

/* fgets() for inih, which tells nobody where it is. A line that continues the one before would be another value of that
 * one: spaces in front are taken away, so that it is not. */
static char *next_line(char *out, int bytes, void *user) {
    loading *l = user;
    bool zero;
    int n;
    end_line(l);
    if (!get_line(l->in, out, bytes, &n, &zero)) return NULL;
    l->line++;
    if (zero || n > bytes - 1) {
        if (zero)
            say(l, false, "%s:%d: a zero byte in a line of text", l->file, l->line);
        else
            say(l, false, "%s:%d: a line is longer than %d bytes", l->file, l->line, bytes - 1);
        out[0] = 0;
    }
    char *text = out;
    if (l->line == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
    text += strspn(text, " \t\r");
    memmove(out, text, strlen(text) + 1);
    l->wants_value = out[0] && !strchr(";#", out[0]) && !(out[0] == '[' && strchr(out, ']'));
    return out;
}

static steno_err read_file(loading *l) {
    l->in = fopen(l->file, "re");
    if (!l->in) return err_fail(STENO_E_NOT_FOUND, "%s: %s", l->file, strerror(errno));
    int rc = ini_parse_stream(next_line, l, on_value, l);
    end_line(l);
    bool broken = ferror(l->in) != 0;
    fclose(l->in);
    if (broken) return err_fail(STENO_E_IO, "%s: cannot be read", l->file);
    if (rc < 0) return err_fail(STENO_E_NOMEM, "%s: no memory to read it", l->file);
    return STENO_OK;
}

/* ---- the environment -------------------------------------------------------------------------------------------- */

static const char *value_of(const char *const *environment, const char *name) {
    size_t n = strlen(name);
    for (; *environment; environment++) {
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=') return *environment + n + 1;
    }
    return NULL;
}

/* STENO_PORT, STENO_SERVER_PROT: what somebody wrote for a key. Others (STENO_MODELS) are not ours to judge. */
static void warn_of_variable(loading *l, const char *variable) {
    char name[CONFIG_NAME_BYTES];
    size_t n = strcspn(variable, "=");
    bool of_section = false;
    if (strncmp(variable, "STENO_", 6) != 0 || n >= sizeof name) return;
    for (const config_key *key = config_keys; key->name; key++) {
        config_variable_name(key, name);
        if (strlen(name) == n && strncmp(name, variable, n) == 0) return;
        size_t head = 6 + strlen(key->section) + 1;
        of_section |= n > head && strncmp(name, variable, head) == 0;
        if (n - 6 == strlen(key->name) && strncmp(name + head, variable + 6, n - 6) == 0) {
            say(l, true, "%.*s is not looked at; did you mean %s?", (int)n, variable, name);
            return;
        }
    }
    if (of_section) say(l, true, "%.*s is no key's variable", (int)n, variable);
}

static void read_environment(loading *l, const char *const *environment) {
    for (const config_key *key = config_keys; key->name; key++) {
        char name[CONFIG_NAME_BYTES];
        config_variable_name(key, name);
        const char *value = value_of(environment, name);
        if (value) set(l, key, value, CONFIG_ENVIRONMENT, name);
    }
    for (; *environment; environment++) warn_of_variable(l, *environment);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void read_options(loading *l, const char *const option[CONFIG_MAX_KEYS]) {
    for (const config_key *key = config_keys; key->name; key++) {
        char name[CONFIG_NAME_BYTES], place[CONFIG_NAME_BYTES + 2];
        const char *value = option[key - config_keys];
        if (!value) continue;
        config_option_name(key, name);
        snprintf(place, sizeof place, "--%s", name);
        set(l, key, value, CONFIG_OPTION, place);
    }
}

/* What only shows once all is read. */
static void check(loading *l) {
    if (!l->c->tls_certificate[0] != !l->c->tls_key[0])
        say(l, false, "%s is set and %s is not: TLS needs both", l->c->tls_key[0] ? "tls_key" : "tls_certificate",
            l->c->tls_key[0] ? "tls_certificate" : "tls_key");
    if (steno_live_options_check(&l->c->live) != STENO_OK) say(l, false, "[live]: %s", steno_error_detail());
    gate_policy policy;
    if (config_policy(l->c, &policy) != STENO_OK) say(l, false, "[privacy]: %s", steno_error_detail());
}

steno_err config_load(const config_inputs *in, config *c, config_origin *origin, config_report *report) {
    config_origin own[CONFIG_MAX_KEYS];
    loading l = {.c = c, .origin = origin ? origin : own, .report = report, .file = in->file};
    memset(l.origin, 0, CONFIG_MAX_KEYS * sizeof *l.origin);
    config_init(c);
    if (in->file) {
        steno_err e = read_file(&l);
        if (e != STENO_OK) {
            say(&l, false, "%s", steno_error_detail());
            return e;
        }
    }
    if (in->environment) read_environment(&l, in->environment);
    read_options(&l, in->option);
    if (!l.first[0]) check(&l);
    return l.first[0] ? err_fail(STENO_E_INVALID, "%s", l.first) : STENO_OK;
}
