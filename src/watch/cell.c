/* cell.c: cells added, written and read by one table of fields. See cell.h.
 *
 * Owner: whoever calls. Numbers are written with 12 digits: sums of a minute lose nothing that matters.
 */
#include "watch/cell.h"

#include <jansson.h>

#include <math.h>
#include <string.h>

#define NUMBER_MAX 1e15 /* counts up to here are exact in a double, and sums of a billion of them stay far from 2^64 */

const double cell_latency_bound_ms[CELL_LATENCY_BINS - 1] = {50,   75,   100,  150,  200,  300,  400,   600,  800,
                                                             1000, 1500, 2000, 3000, 4000, 6000, 10000, 20000};

typedef enum field_kind { COUNT, SUM, COUNTS, TEXT } field_kind;

static const struct field {
    const char *name;
    field_kind kind;
    size_t offset, n; /* n: of an array, or bytes of a text */
} fields[] = {
#define AT(name)                                                                                                       \
    { #name, TEXT, offsetof(monitor_cell, at.name), sizeof(((monitor_cell *)0)->at.name) }
#define ONE(name)                                                                                                      \
    { #name, COUNT, offsetof(monitor_cell, name), 1 }
#define REAL(name)                                                                                                     \
    { #name, SUM, offsetof(monitor_cell, name), 1 }
#define MANY(name)                                                                                                     \
    { #name, COUNTS, offsetof(monitor_cell, name), sizeof(((monitor_cell *)0)->name) / sizeof(uint64_t) }
    AT(host),
    AT(model),
    AT(language),
    AT(key),
    ONE(utterances),
    ONE(empty),
    ONE(looped),
    ONE(language_switches),
    ONE(streams),
    REAL(speech_s),
    REAL(audio_s),
    REAL(loud_s),
    REAL(characters),
    REAL(words),
    REAL(tokens),
    REAL(tokens_repeated),
    ONE(texts),
    REAL(confidence_sum),
    REAL(confidence_squares),
    REAL(compression_sum),
    REAL(compression_squares),
    MANY(confidence_bin),
    ONE(partials),
    ONE(partial_revisions),
    ONE(speaker_labels),
    ONE(speaker_revisions),
    ONE(input_clipped),
    ONE(input_quiet),
    ONE(input_noisy),
    ONE(input_narrow),
    ONE(streams_judged),
    ONE(streams_clipped),
    ONE(streams_quiet),
    ONE(streams_noisy),
    ONE(streams_narrow),
    MANY(latency_bin),
    REAL(busy_s),
    REAL(capacity_s),
    REAL(memory_bytes),
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static void *at_field(monitor_cell *cell, const struct field *f) {
    return (char *)cell + f->offset;
}

static const void *of_field(const monitor_cell *cell, const struct field *f) {
    return (const char *)cell + f->offset;
}

/* ---- adding ------------------------------------------------------------------------------------------------------- */

void cell_add(monitor_cell *sum, const monitor_cell *add) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &fields[i];
        if (f->kind == TEXT) continue;
        if (f->kind == SUM) {
            *(double *)at_field(sum, f) += *(const double *)of_field(add, f);
            continue;
        }
        uint64_t *to = at_field(sum, f);
        const uint64_t *from = of_field(add, f);
        for (size_t k = 0; k < f->n; k++) to[k] += from[k];
    }
}

bool cell_subtract(monitor_cell *left, const monitor_cell *less) {
    for (size_t i = 0; i < N_FIELDS; i++) {
        const struct field *f = &fields[i];
        if (f->kind == TEXT) continue;
        if (f->kind == SUM) {
            double *from = at_field(left, f), by = *(const double *)of_field(less, f);
            if (*from < by) return false;
            *from -= by;
            continue;
        }
        uint64_t *from = at_field(left, f);
        const uint64_t *by = of_field(less, f);
        for (size_t k = 0; k < f->n; k++) {
            if (from[k] < by[k]) return false;
            from[k] -= by[k];
        }
    }
    return true;
}

bool cell_same_series(const cell_at *a, const cell_at *b) {
    return strcmp(a->model, b->model) == 0 && strcmp(a->language, b->language) == 0 && strcmp(a->key, b->key) == 0 &&
           strcmp(a->host, b->host) == 0;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static json_t *counts_of(const uint64_t *count, size_t n) {
    uint64_t any = 0;
    for (size_t i = 0; i < n; i++) any |= count[i];
    if (!any) return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_integer((json_int_t)count[i]));
    return list;
}

/* NULL: nothing to write. */
static json_t *value_of(const monitor_cell *cell, const struct field *f) {
    const void *at = of_field(cell, f);
    switch (f->kind) {
    case TEXT:
        return *(const char *)at ? json_string(at) : NULL;
    case COUNT:
        return *(const uint64_t *)at ? json_integer((json_int_t) * (const uint64_t *)at) : NULL;
    case SUM:
        return *(const double *)at > 0 ? json_real(*(const double *)at) : NULL;
    case COUNTS:
        return counts_of(at, f->n);
    }
    return NULL;
}

size_t cell_print(char line[CELL_LINE_BYTES_MAX], const monitor_cell *cell) {
    json_t *o = json_object();
    json_object_set_new(o, "start_s", json_integer(cell->start_s));
    for (size_t i = 0; i < N_FIELDS; i++) {
        json_t *value = value_of(cell, &fields[i]);
        if (value) json_object_set_new(o, fields[i].name, value);
    }
    size_t n = json_dumpb(o, line, CELL_LINE_BYTES_MAX - 1, JSON_COMPACT | JSON_REAL_PRECISION(12));
    json_decref(o);
    if (n >= CELL_LINE_BYTES_MAX) n = 0; /* cannot be: all fields at their longest fit; and a cut line is no line */
    line[n] = '\0';
    return n;
}

void cell_write(FILE *out, const monitor_cell *cell) {
    char line[CELL_LINE_BYTES_MAX];
    size_t n = cell_print(line, cell);
    fwrite(line, 1, n, out);
    putc('\n', out);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static steno_err wrong(const char *name, const char *want) {
    return err_fail(STENO_E_INVALID, "cell: \"%.40s\": want %s", name, want);
}

static steno_err read_number(const char *name, const json_t *value, double *out) {
    double x = json_number_value(value);
    if (!json_is_number(value) || !isfinite(x) || x < 0 || x > NUMBER_MAX)
        return wrong(name, "a number from 0 to 1e15");
    *out = x;
    return STENO_OK;
}

static steno_err read_counts(const struct field *f, const json_t *list, uint64_t *out) {
    if (!json_is_array(list) || json_array_size(list) != f->n)
        return wrong(f->name, "a list of as many counts as it has bins");
    for (size_t i = 0; i < f->n; i++) {
        double x = 0;
        ERR_TRY(read_number(f->name, json_array_get(list, i), &x));
        out[i] = (uint64_t)x;
    }
    return STENO_OK;
}

static steno_err read_text(const struct field *f, const json_t *value, char *out) {
    const char *text = json_string_value(value);
    if (!text || json_string_length(value) >= f->n || strlen(text) != json_string_length(value))
        return wrong(f->name, "a short text");
    memcpy(out, text, strlen(text) + 1);
    return STENO_OK;
}

static steno_err read_field(const struct field *f, const json_t *value, monitor_cell *out) {
    if (f->kind == TEXT) return read_text(f, value, at_field(out, f));
    if (f->kind == COUNTS) return read_counts(f, value, at_field(out, f));
    double x = 0;
    ERR_TRY(read_number(f->name, value, &x));
    if (f->kind == COUNT)
        *(uint64_t *)at_field(out, f) = (uint64_t)x;
    else
        *(double *)at_field(out, f) = x;
    return STENO_OK;
}

static steno_err read_member(const char *name, const json_t *value, monitor_cell *out) {
    double x = 0;
    if (strcmp(name, "start_s") == 0) {
        ERR_TRY(read_number(name, value, &x));
        out->start_s = (int64_t)x - (int64_t)x % CELL_S;
        return STENO_OK;
    }
    for (size_t i = 0; i < N_FIELDS; i++)
        if (strcmp(name, fields[i].name) == 0) return read_field(&fields[i], value, out);
    return wrong(name, "a name that cells have");
}

steno_err cell_read(const char *line, size_t n, monitor_cell *out) {
    *out = (monitor_cell){0};
    json_error_t at;
    json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, &at);
    if (!json_is_object(o)) {
        bool other = o != NULL;
        json_decref(o);
        return err_fail(STENO_E_INVALID, "cell: no JSON object: %.80s", other ? "something else" : at.text);
    }
    const char *name;
    json_t *value;
    steno_err e = STENO_OK;
    json_object_foreach(o, name, value) {
        if (e == STENO_OK) e = read_member(name, value, out);
    }
    json_decref(o);
    return e;
}
