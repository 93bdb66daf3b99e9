/* cli.c: see cli.h. */
#include "cmd/cli.h"

#include "base/mem.h"
#include "output/format.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- input files ------------------------------------------------------------------------------------------------ */

steno_err cli_paths_add(cli_paths *p, const char *path) {
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        char **grown = mem_resize(p->path, p->n * sizeof *grown, cap * sizeof *grown);
        if (!grown) return err_fail(STENO_E_NOMEM, "no memory for a list of %zu files", cap);
        p->path = grown;
        p->cap = cap;
    }
    char *copy = mem_strdup(path);
    if (!copy) return err_fail(STENO_E_NOMEM, "no memory for a list of %zu files", p->n + 1);
    p->path[p->n++] = copy;
    return STENO_OK;
}

/* One name, without its end mark. False at the end of the file. */
static bool read_name(FILE *in, int mark, char name[CLI_PATH_BYTES_MAX], bool *too_long) {
    size_t n = 0;
    int c;
    *too_long = false;
    while ((c = getc(in)) != EOF && c != mark) {
        if (n == CLI_PATH_BYTES_MAX - 1)
            *too_long = true;
        else
            name[n++] = (char)c;
    }
    name[n] = 0;
    return c != EOF || n > 0;
}

steno_err cli_paths_read(cli_paths *p, const char *list, bool zero) {
    bool from_stdin = strcmp(list, "-") == 0, too_long = false;
    FILE *in = from_stdin ? stdin : fopen(list, "re");
    if (!in) return err_fail(STENO_E_NOT_FOUND, "%s: %s", list, strerror(errno));
    char name[CLI_PATH_BYTES_MAX];
    steno_err e = STENO_OK;
    while (e == STENO_OK && read_name(in, zero ? 0 : '\n', name, &too_long)) {
        if (too_long) e = err_fail(STENO_E_LIMIT, "%s: a name is longer than %d bytes", list, CLI_PATH_BYTES_MAX - 1);
        if (e == STENO_OK && name[0]) e = cli_paths_add(p, name);
    }
    if (e == STENO_OK && ferror(in)) e = err_fail(STENO_E_IO, "%s: %s", list, strerror(errno));
    if (!from_stdin) fclose(in);
    return e;
}

void cli_paths_free(cli_paths *p) {
    for (size_t i = 0; i < p->n; i++) mem_free(p->path[i]);
    mem_free(p->path);
    *p = (cli_paths){0};
}

/* ---- names of results ------------------------------------------------------------------------------------------- */

/* An open-addressed set of the names given out so far, by their index. */
typedef struct name_set {
    char **names;
    size_t *slot; /* index + 1, 0 = free */
    size_t mask;
} name_set;

/* The slot where `name` is or would be. */
static size_t *find_slot(const name_set *set, const char *name) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    size_t at = (size_t)hash & set->mask;
    while (set->slot[at] && strcmp(set->names[set->slot[at] - 1], name) != 0) at = (at + 1) & set->mask;
    return &set->slot[at];
}

static steno_err name_one(name_set *set, const cli_paths *p, size_t i, const char *dir, const char *extension,
                          const char **clash) {
    const char *base;
    size_t base_bytes = output_base_name(p->path[i], true, &base);
    size_t bytes = strlen(dir) + base_bytes + strlen(extension) + 32;
    char *name = mem_alloc(1, bytes);
    if (!name) return err_fail(STENO_E_NOMEM, "no memory for the names of %zu results", p->n);
    set->names[i] = name;
    snprintf(name, bytes, "%s/%.*s.%s", dir, (int)base_bytes, base, extension);
    size_t *slot = find_slot(set, name);
    if (*slot) *clash = p->path[*slot - 1];
    for (size_t copy = 2; *slot; copy++) {
        snprintf(name, bytes, "%s/%.*s-%zu.%s", dir, (int)base_bytes, base, copy, extension);
        slot = find_slot(set, name);
    }
    *slot = i + 1;
    return STENO_OK;
}

steno_err cli_result_names(const cli_paths *p, const char *dir, const char *extension, char ***names,
                           const char ***clash) {
    name_set set = {.mask = 15};
    while (set.mask < p->n * 2) set.mask = set.mask * 2 + 1;
    set.slot = mem_alloc(set.mask + 1, sizeof *set.slot);
    set.names = mem_alloc(p->n, sizeof *set.names);
    *clash = mem_alloc(p->n, sizeof **clash);
    steno_err e = STENO_OK;
    if (!set.slot || !set.names || !*clash) e = err_fail(STENO_E_NOMEM, "no memory for the names of %zu results", p->n);
    for (size_t i = 0; e == STENO_OK && i < p->n; i++) e = name_one(&set, p, i, dir, extension, &(*clash)[i]);
    mem_free(set.slot);
    *names = set.names;
    if (e == STENO_OK) return e;
    cli_names_free(*names, *clash, p->n);
    *names = NULL;
    *clash = NULL;
    return e;
}

void cli_names_free(char **names, const char **clash, size_t n) {
    for (size_t i = 0; names && i < n; i++) mem_free(names[i]);
    mem_free(names);
    mem_free((void *)clash);
}

/* ---- complaints ------------------------------------------------------------------------------------------------- */

const char *cli_reason(const char *name, const char *reason) {
    if (strcmp(name, "-") == 0) name = "standard input";
    size_t n = strlen(name);
    return strncmp(reason, name, n) == 0 && reason[n] == ':' && reason[n + 1] == ' ' ? reason + n + 2 : reason;
}

void cli_complain(const char *name, const char *reason) {
    reason = cli_reason(name, reason);
    fputs("steno: ", stderr);
    output_put_text(stderr, name, strlen(name), output_escape_plain);
    fputs(": ", stderr);
    output_put_text(stderr, reason, strlen(reason), output_escape_plain);
    putc('\n', stderr);
}

int cli_usage(const char *command, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fputs("steno: ", stderr);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "; see 'steno %s --help'\n", command);
    va_end(ap);
    return 2;
}

int cli_wrong_option(const char *command, int code, char *const *argv) {
    const char *word = argv[optind - 1];
    if (code == ':') return cli_usage(command, "%s needs a value", word);
    if (optopt && optopt < 256 && word[0] == '-' && word[1] != '-')
        return cli_usage(command, "unknown option '-%c'", optopt);
    return cli_usage(command, "wrong option '%s'", word);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

bool cli_int(const char *text, int lowest, int highest, int *out) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < lowest || value > highest) return false;
    *out = (int)value;
    return true;
}

bool cli_float(const char *text, double lowest, double highest, float *out) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !isfinite(value) || value < lowest || value > highest) return false;
    *out = (float)value;
    return true;
}

bool cli_switch(const char *text, bool *out) {
    *out = strcmp(text, "on") == 0;
    return *out || strcmp(text, "off") == 0;
}
