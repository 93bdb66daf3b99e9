/* rttm.c: see rttm.h. Lines become rows of offsets; names are interned by sorting, so that hostile names cost no more than
 * others.
 */
#include "speakers/rttm.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_READ_BYTES 65536
#define FIRST_ROWS       256
#define FIELDS_MAX       10
#define NUMBER_BYTES     64

/* ---- lines to rows ---------------------------------------------------------------------------------------------- */

typedef struct text {
    const char *at;
    size_t n;
} text;

typedef struct row {
    text file, channel, speaker;
    double start_s, end_s;
} row;

typedef struct reader {
    const char *source;
    bool uem;
    size_t line; /* from 1 */
    row *rows;   /* owned [cap] */
    size_t n, cap;
} reader;

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Cuts a line at blanks; returns how many fields there are, at most FIELDS_MAX. */
static int cut(const char *at, const char *end, text fields[FIELDS_MAX]) {
    int n = 0;
    while (n < FIELDS_MAX) {
        while (at < end && blank(*at)) at++;
        if (at == end) break;
        fields[n].at = at;
        while (at < end && !blank(*at)) at++;
        fields[n].n = (size_t)(at - fields[n].at);
        n++;
    }
    return n;
}

static bool is(text t, const char *word) {
    return t.n == strlen(word) && memcmp(t.at, word, t.n) == 0;
}

static steno_err wrong(const reader *r, const char *what, text t) {
    return err_fail(STENO_E_FORMAT, "%s: line %zu: %s '%.*s'", r->source, r->line, what, (int)(t.n < 80 ? t.n : 80),
                    t.at);
}

static steno_err seconds(const reader *r, const char *what, text t, double *out) {
    char digits[NUMBER_BYTES], *end;
    if (t.n >= sizeof digits || memchr(t.at, 0, t.n)) return wrong(r, what, t);
    memcpy(digits, t.at, t.n);
    digits[t.n] = 0;
    *out = strtod(digits, &end);
    if (*end || strpbrk(digits, "xXpP") || !isfinite(*out)) return wrong(r, what, t);
    if (*out < 0 || *out > RTTM_TIME_MAX_S) return wrong(r, what, t);
    return STENO_OK;
}

static steno_err check_name(const reader *r, const char *what, text t) {
    if (t.n > RTTM_NAME_BYTES_MAX) return wrong(r, what, t);
    if (memchr(t.at, 0, t.n)) return wrong(r, what, t);
    return STENO_OK;
}

static steno_err add(reader *r, const row *next) {
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : FIRST_ROWS;
        row *grown = mem_resize(r->rows, r->cap * sizeof *grown, cap * sizeof *grown);
        if (!grown) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu turns", r->source, cap);
        r->rows = grown;
        r->cap = cap;
    }
    r->rows[r->n++] = *next;
    return STENO_OK;
}

static bool other_type(text t) {
    static const char *const types[] = {"SEGMENT", "NOSCORE",    "NO_RT_METADATA", "LEXEME", "NON-LEX", "FILLER",
                                        "EDIT",    "NON-SPEECH", "SPKR-INFO",      "SU",     "IP",      "CB",
                                        "A/P"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (is(t, types[i])) return true;
    }
    return false;
}

static steno_err take_rttm(reader *r, const text *f, int n) {
    row next = {.start_s = 0};
    double duration_s = 0;
    if (other_type(f[0])) return STENO_OK;
    if (!is(f[0], "SPEAKER")) return wrong(r, "not a type of RTTM:", f[0]);
    if (n < 8) return err_fail(STENO_E_FORMAT, "%s: line %zu: %d fields of the 8 of a SPEAKER", r->source, r->line, n);
    ERR_TRY(check_name(r, "not the name of a recording:", next.file = f[1]));
    ERR_TRY(check_name(r, "not a channel:", next.channel = f[2]));
    ERR_TRY(seconds(r, "not a start in seconds:", f[3], &next.start_s));
    ERR_TRY(seconds(r, "not a duration in seconds:", f[4], &duration_s));
    ERR_TRY(check_name(r, "not the name of a speaker:", next.speaker = f[7]));
    next.end_s = next.start_s + duration_s;
    return next.end_s > next.start_s ? add(r, &next) : STENO_OK;
}

static steno_err take_uem(reader *r, const text *f, int n) {
    row next = {.speaker = {"", 0}};
    if (n < 4) return err_fail(STENO_E_FORMAT, "%s: line %zu: %d fields of the 4 of a UEM", r->source, r->line, n);
    ERR_TRY(check_name(r, "not the name of a recording:", next.file = f[0]));
    ERR_TRY(check_name(r, "not a channel:", next.channel = f[1]));
    ERR_TRY(seconds(r, "not a start in seconds:", f[2], &next.start_s));
    ERR_TRY(seconds(r, "not an end in seconds:", f[3], &next.end_s));
    if (next.end_s < next.start_s) return wrong(r, "an end before its start:", f[3]);
    return next.end_s > next.start_s ? add(r, &next) : STENO_OK;
}

static steno_err take_lines(reader *r, const char *bytes, size_t n) {
    const char *at = bytes, *end = bytes + n;
    if (n >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) at += 3;
    for (r->line = 1; at < end; r->line++) {
        text fields[FIELDS_MAX];
        const char *feed = memchr(at, '\n', (size_t)(end - at)), *stop = feed ? feed : end;
        int found = cut(at, stop, fields);
        at = feed ? feed + 1 : end;
        if (found == 0 || (fields[0].n >= 2 && memcmp(fields[0].at, ";;", 2) == 0)) continue;
        ERR_TRY(r->uem ? take_uem(r, fields, found) : take_rttm(r, fields, found));
    }
    return STENO_OK;
}

/* ---- rows to turns ---------------------------------------------------------------------------------------------- */

static int compare_text(text a, text b) {
    int c = memcmp(a.at, b.at, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int compare_recording(const row *a, const row *b) {
    int c = compare_text(a->file, b->file);
    return c ? c : compare_text(a->channel, b->channel);
}

static int by_speaker(const void *x, const void *y) {
    const row *a = x, *b = y;
    int c = compare_recording(a, b);
    if (c == 0) c = compare_text(a->speaker, b->speaker);
    return c ? c : (a->start_s > b->start_s) - (a->start_s < b->start_s);
}

static int by_start(const void *x, const void *y) {
    const rttm_turn *a = x, *b = y;
    if (a->start_s != b->start_s) return a->start_s < b->start_s ? -1 : 1;
    if (a->end_s != b->end_s) return a->end_s < b->end_s ? -1 : 1;
    return (a->speaker > b->speaker) - (a->speaker < b->speaker);
}

/* A copy that lives as long as the result, or NULL. */
static char *keep(rttm *out, text t) {
    char *copy = mem_alloc(t.n + 1, 1);
    if (!copy) return NULL;
    memcpy(copy, t.at, t.n);
    return out->name[out->n_names++] = copy;
}

static bool new_recording(rttm *out, const row *r) {
    rttm_recording *next = &out->recording[out->n_recordings++];
    *next = (rttm_recording){.first = out->n};
    return (next->file = keep(out, r->file)) && (next->channel = keep(out, r->channel));
}

/* Rows come sorted by recording, speaker and start. The speakers' names stand one after the other in name[]. */
static bool gather(rttm *out, const row *rows, size_t n, char **speakers) {
    size_t n_speakers = 0;
    for (size_t i = 0; i < n; i++) {
        bool fresh = i == 0 || compare_recording(&rows[i - 1], &rows[i]) != 0;
        if (fresh && !new_recording(out, &rows[i])) return false;
        rttm_recording *now = &out->recording[out->n_recordings - 1];
        if (fresh) now->speaker = speakers + n_speakers;
        if (fresh || compare_text(rows[i - 1].speaker, rows[i].speaker) != 0) {
            if (!(speakers[n_speakers++] = keep(out, rows[i].speaker))) return false;
            now->n_speakers++;
        } else if (out->turn[out->n - 1].end_s > rows[i].start_s) { /* overlaps the one before: one turn */
            if (rows[i].end_s > out->turn[out->n - 1].end_s) out->turn[out->n - 1].end_s = rows[i].end_s;
            continue;
        }
        out->turn[out->n++] = (rttm_turn){rows[i].start_s, rows[i].end_s, out->n_recordings - 1, now->n_speakers - 1};
        now->n++;
    }
    return true;
}

static steno_err build(reader *r, rttm *out) {
    size_t n = r->n ? r->n : 1;
    out->turn = mem_alloc(n, sizeof *out->turn);
    out->recording = mem_alloc(n, sizeof *out->recording);
    out->name = mem_alloc(n, 4 * sizeof *out->name); /* file, channel and speaker; then the speakers again */
    if (r->n) qsort(r->rows, r->n, sizeof *r->rows, by_speaker);
    if (!out->turn || !out->recording || !out->name || !gather(out, r->rows, r->n, out->name + 3 * n))
        return err_fail(STENO_E_NOMEM, "%s: no memory for %zu turns", r->source, r->n);
    for (uint32_t i = 0; i < out->n_recordings; i++)
        qsort(out->turn + out->recording[i].first, out->recording[i].n, sizeof *out->turn, by_start);
    return STENO_OK;
}

static steno_err parse(const char *source, bool uem, const char *bytes, size_t n, rttm *out) {
    reader r = {.source = source, .uem = uem};
    *out = (rttm){0};
    steno_err err = n > RTTM_MAX_BYTES ? err_fail(STENO_E_LIMIT, "%s: larger than %zu bytes", source, RTTM_MAX_BYTES)
                                       : take_lines(&r, bytes, n);
    if (err == STENO_OK) err = build(&r, out);
    mem_free(r.rows);
    if (err != STENO_OK) rttm_free(out);
    return err;
}

steno_err rttm_parse(const char *source, const char *bytes, size_t n, rttm *out) {
    return parse(source, false, bytes, n, out);
}

steno_err rttm_parse_uem(const char *source, const char *bytes, size_t n, rttm *out) {
    return parse(source, true, bytes, n, out);
}

void rttm_free(rttm *r) {
    for (size_t i = 0; i < r->n_names; i++) mem_free(r->name[i]);
    mem_free(r->name);
    mem_free(r->recording);
    mem_free(r->turn);
    *r = (rttm){0};
}

const rttm_recording *rttm_find(const rttm *r, const char *file, const char *channel) {
    size_t low = 0, high = r->n_recordings;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const rttm_recording *at = &r->recording[middle];
        int c = strcmp(at->file, file);
        if (c == 0) c = strcmp(at->channel, channel);
        if (c == 0) return at;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static steno_err slurp(const char *path, FILE *in, char **bytes, size_t *n) {
    size_t cap = 0;
    for (;;) {
        if (*n == cap) {
            size_t more = cap ? cap * 2 : FIRST_READ_BYTES;
            if (cap > RTTM_MAX_BYTES) return err_fail(STENO_E_LIMIT, "%s: larger than %zu bytes", path, RTTM_MAX_BYTES);
            char *grown = mem_resize(*bytes, cap, more);
            if (!grown) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu bytes", path, more);
            *bytes = grown;
            cap = more;
        }
        errno = 0;
        size_t got = fread(*bytes + *n, 1, cap - *n, in);
        *n += got;
        if (got == 0 && ferror(in)) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno ? errno : EIO));
        if (got == 0) return STENO_OK;
    }
}

static steno_err read_file(const char *path, bool uem, rttm *out) {
    bool standard = strcmp(path, "-") == 0;
    char *bytes = NULL;
    size_t n = 0;
    *out = (rttm){0};
    FILE *in = standard ? stdin : fopen(path, "rbe");
    if (!in) return err_fail(errno == ENOENT ? STENO_E_NOT_FOUND : STENO_E_IO, "%s: %s", path, strerror(errno));
    steno_err err = slurp(path, in, &bytes, &n);
    if (!standard) fclose(in);
    if (err == STENO_OK) err = parse(path, uem, bytes, n, out);
    mem_free(bytes);
    return err;
}

steno_err rttm_read(const char *path, rttm *out) {
    return read_file(path, false, out);
}

steno_err rttm_read_uem(const char *path, rttm *out) {
    return read_file(path, true, out);
}
