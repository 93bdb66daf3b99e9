/* score_corpus.c: see score_corpus.h. Ids are matched by sorting both sides. */
#include "cmd/score_corpus.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_READ_BYTES 65536

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static steno_err read_stream(FILE *in, score_file *f) {
    size_t cap = 0;
    for (;;) {
        if (f->n_bytes == cap) {
            size_t more = cap ? cap * 2 : FIRST_READ_BYTES;
            if (cap >= SCORE_MAX_FILE_BYTES)
                return err_fail(STENO_E_LIMIT, "%s: larger than %zu bytes", f->name, SCORE_MAX_FILE_BYTES);
            char *grown = mem_resize(f->bytes, cap, more);
            if (!grown) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu bytes", f->name, more);
            f->bytes = grown;
            cap = more;
        }
        errno = 0;
        size_t got = fread(f->bytes + f->n_bytes, 1, cap - f->n_bytes, in);
        f->n_bytes += got;
        if (got == 0 && ferror(in)) return err_fail(STENO_E_IO, "%s: %s", f->name, strerror(errno ? errno : EIO));
        if (got == 0) return STENO_OK;
    }
}

static steno_err read_bytes(const char *path, score_file *f) {
    if (strcmp(path, "-") == 0) return read_stream(stdin, f);
    FILE *in = fopen(path, "rb");
    if (!in) return err_fail(errno == ENOENT ? STENO_E_NOT_FOUND : STENO_E_IO, "%s: %s", path, strerror(errno));
    steno_err err = read_stream(in, f);
    fclose(in);
    return err;
}

static bool blank(char c) {
    return c == ' ' || c == '\t';
}

static void split_id(score_line *line) {
    const char *at = line->text, *end = at + line->text_bytes;
    while (at < end && blank(*at)) at++;
    line->id = at;
    while (at < end && !blank(*at)) at++;
    line->id_bytes = (size_t)(at - line->id);
    while (at < end && blank(*at)) at++;
    line->text = at;
    line->text_bytes = (size_t)(end - at);
}

/* Finds the lines; with out == NULL only counts them. */
static size_t find_lines(const score_file *f, score_pairing pairing, score_line *out) {
    const char *at = f->bytes, *end = at + f->n_bytes;
    size_t n = 0;
    if (f->n_bytes >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0) at += 3;
    for (size_t number = 1; at < end; number++) {
        const char *feed = pairing == SCORE_WHOLE ? NULL : memchr(at, '\n', (size_t)(end - at));
        score_line line = {.text = at, .text_bytes = (size_t)((feed ? feed : end) - at), .number = number};
        at = feed ? feed + 1 : end;
        if (line.text_bytes && line.text[line.text_bytes - 1] == '\r') line.text_bytes--;
        if (pairing == SCORE_BY_ID) {
            split_id(&line);
            if (line.id_bytes == 0) continue;
        }
        if (out) out[n] = line;
        n++;
    }
    return n;
}

/* ---- ids
 * --------------------------------------------------------------------------------------------------------------- */

static int compare_ids(const score_line *a, const score_line *b) {
    size_t common = a->id_bytes < b->id_bytes ? a->id_bytes : b->id_bytes;
    int order = memcmp(a->id, b->id, common);
    if (order) return order;
    return (a->id_bytes > b->id_bytes) - (a->id_bytes < b->id_bytes);
}

static int compare_entries(const void *a, const void *b) {
    const score_line *x = *(const score_line *const *)a, *y = *(const score_line *const *)b;
    int order = compare_ids(x, y);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* The lines in the order of their ids: owned by the caller. */
static steno_err sort_ids(const score_file *f, const score_line ***out) {
    const score_line **sorted = mem_alloc(f->n, sizeof *sorted);
    if (!sorted) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu ids", f->name, f->n);
    for (size_t i = 0; i < f->n; i++) sorted[i] = &f->line[i];
    qsort(sorted, f->n, sizeof *sorted, compare_entries);
    *out = sorted;
    return STENO_OK;
}

static steno_err refuse_twins(const score_file *f) {
    const score_line **sorted;
    steno_err err = sort_ids(f, &sorted);
    if (err != STENO_OK) return err;
    for (size_t i = 1; i < f->n && err == STENO_OK; i++) {
        const score_line *line = sorted[i];
        if (compare_ids(sorted[i - 1], line) == 0)
            err = err_fail(STENO_E_FORMAT, "%s: line %zu: id '%.*s' is already on line %zu", f->name, line->number,
                           (int)(line->id_bytes < 200 ? line->id_bytes : 200), line->id, sorted[i - 1]->number);
    }
    mem_free(sorted);
    return err;
}

static steno_err read_file(const char *path, score_pairing pairing, score_file *f) {
    ERR_TRY(read_bytes(path, f));
    f->n = find_lines(f, pairing, NULL);
    f->line = mem_alloc(f->n, sizeof *f->line);
    if (!f->line) return err_fail(STENO_E_NOMEM, "%s: no memory for %zu lines", f->name, f->n);
    find_lines(f, pairing, f->line);
    return pairing == SCORE_BY_ID ? refuse_twins(f) : STENO_OK;
}

steno_err score_file_read(const char *path, score_pairing pairing, score_file *out) {
    *out = (score_file){.name = strcmp(path, "-") == 0 ? "stdin" : path};
    steno_err err = read_file(path, pairing, out);
    if (err != STENO_OK) score_file_free(out);
    return err;
}

void score_file_free(score_file *f) {
    mem_free(f->bytes);
    mem_free(f->line);
    *f = (score_file){0};
}

/* ---- pairing
 * -------------------------------------------------------------------------------------------------------------- */

static steno_err pair_lines(const score_file *ref, const score_file *hyp, score_pairs *out) {
    if (hyp->n && hyp->n != ref->n)
        return err_fail(STENO_E_INVALID,
                        "%s has %zu lines and %s has %zu: compare texts with other line breaks with --whole, "
                        "lines in another order with --ids",
                        ref->name, ref->n, hyp->name, hyp->n);
    for (size_t i = 0; i < hyp->n; i++) out->hyp[i] = &hyp->line[i];
    out->n_missing = ref->n - hyp->n;
    return STENO_OK;
}

/* Walks both sides in the order of ids. */
static void pair_sorted(const score_line **r, size_t n_ref, const score_line **h, size_t n_hyp, const score_file *ref,
                        score_pairs *out) {
    size_t i = 0, j = 0;
    while (i < n_ref || j < n_hyp) {
        int order = i == n_ref ? 1 : j == n_hyp ? -1 : compare_ids(r[i], h[j]);
        if (order == 0) out->hyp[r[i] - ref->line] = h[j];
        if (order < 0) out->n_missing++;
        if (order > 0) out->extra[out->n_extra++] = h[j];
        i += order <= 0;
        j += order >= 0;
    }
}

static steno_err pair_ids(const score_file *ref, const score_file *hyp, score_pairs *out) {
    const score_line **r = NULL, **h = NULL;
    steno_err err = sort_ids(ref, &r);
    if (err == STENO_OK) err = sort_ids(hyp, &h);
    if (err == STENO_OK) pair_sorted(r, ref->n, h, hyp->n, ref, out);
    mem_free(r);
    mem_free(h);
    return err;
}

steno_err score_pair(const score_file *ref, const score_file *hyp, score_pairing pairing, score_pairs *out) {
    *out = (score_pairs){0};
    out->hyp = mem_alloc(ref->n, sizeof *out->hyp);
    out->extra = mem_alloc(hyp->n, sizeof *out->extra);
    steno_err err = STENO_OK;
    if (!out->hyp || !out->extra) err = err_fail(STENO_E_NOMEM, "no memory to pair %zu lines", ref->n);
    if (err == STENO_OK) err = pairing == SCORE_BY_ID ? pair_ids(ref, hyp, out) : pair_lines(ref, hyp, out);
    if (err != STENO_OK) score_pairs_free(out);
    return err;
}

void score_pairs_free(score_pairs *p) {
    mem_free(p->hyp);
    mem_free(p->extra);
    *p = (score_pairs){0};
}
