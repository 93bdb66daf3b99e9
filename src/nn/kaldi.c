/* kaldi.c: a bounded walk over Kaldi's object format. See kaldi.h.
 *
 * Invariants: every slice lies inside the file; the tables never hold more than their limits.
 */
#include "nn/kaldi.h"

#include "base/mem.h"
#include "nn/mapfile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct kaldi {
    mapfile file;
    kaldi_text config;           /* the wiring, lines */
    kaldi_component *components; /* owned [KALDI_MAX_COMPONENTS] */
    kaldi_field *fields;         /* owned [KALDI_MAX_COMPONENTS * KALDI_MAX_FIELDS] */
    size_t n;
};

/* ---- tokens and values ------------------------------------------------------------------------------------------ */

typedef struct cursor {
    const char *name; /* of the file */
    const unsigned char *begin, *at, *end;
} cursor;

static steno_err damaged(const cursor *c, const char *what) {
    return err_fail(STENO_E_FORMAT, "%s: not a Kaldi file, or damaged: %s at byte %zu", c->name, what,
                    (size_t)(c->at - c->begin));
}

static size_t left(const cursor *c) {
    return (size_t)(c->end - c->at);
}

static bool starts(const cursor *c, const char *word) {
    size_t n = strlen(word);
    return left(c) >= n && memcmp(c->at, word, n) == 0;
}

/* A word that ends with a space. */
static steno_err read_word(cursor *c, kaldi_text *out) {
    size_t most = left(c) < KALDI_MAX_NAME_BYTES + 1 ? left(c) : KALDI_MAX_NAME_BYTES + 1;
    const unsigned char *space = most ? memchr(c->at, ' ', most) : NULL;
    if (!space || space == c->at) return damaged(c, "no name");
    *out = (kaldi_text){(const char *)c->at, (size_t)(space - c->at)};
    c->at = space + 1;
    return STENO_OK;
}

/* "<Name> " -> Name; with a slash when it closes something. */
static steno_err read_token(cursor *c, kaldi_text *out) {
    kaldi_text word = {0};
    cursor before = *c;
    ERR_TRY(read_word(c, &word));
    if (word.n < 3 || word.at[0] != '<' || word.at[word.n - 1] != '>') return damaged(&before, "no token");
    *out = (kaldi_text){word.at + 1, word.n - 2};
    return STENO_OK;
}

static bool text_is(kaldi_text t, const char *word) {
    return strlen(word) == t.n && memcmp(t.at, word, t.n) == 0;
}

static int32_t int32_at(const unsigned char *at) {
    uint32_t u = (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    return (int32_t)u;
}

static float float_at(const unsigned char *at) {
    float f;
    int32_t i = int32_at(at);
    memcpy(&f, &i, sizeof f);
    return f;
}

/* A size: the byte 4 and an int32 that is not negative. */
static steno_err read_size(cursor *c, int64_t *out) {
    if (left(c) < 5 || c->at[0] != 4) return damaged(c, "no size");
    *out = int32_at(c->at + 1);
    if (*out < 0) return damaged(c, "a negative size");
    c->at += 5;
    return STENO_OK;
}

/* What follows "FV " or "FM ". */
static steno_err read_floats(cursor *c, bool matrix, kaldi_field *f) {
    f->kind = matrix ? KALDI_MATRIX : KALDI_VECTOR;
    f->rows = 1;
    c->at += 3;
    if (matrix) ERR_TRY(read_size(c, &f->rows));
    ERR_TRY(read_size(c, &f->cols));
    uint64_t bytes = (uint64_t)f->rows * (uint64_t)f->cols; /* each below 2^31 */
    if (bytes > left(c) / sizeof(float)) return damaged(c, "more values than bytes");
    f->at = c->at;
    c->at += bytes * sizeof(float);
    return STENO_OK;
}

static steno_err read_value(cursor *c, kaldi_field *f) {
    f->rows = f->cols = 1;
    if (starts(c, "FV ") || starts(c, "FM ")) return read_floats(c, c->at[1] == 'M', f);
    size_t n = left(c);
    f->at = c->at + 1;
    if (n >= 1 && (c->at[0] == 'T' || c->at[0] == 'F')) {
        f->kind = KALDI_BOOL;
        f->at = c->at;
        c->at += 1;
    } else if (n >= 5 && c->at[0] == 4) {
        f->kind = KALDI_WORD32;
        c->at += 5;
    } else if (n >= 9 && c->at[0] == 8) {
        f->kind = KALDI_DOUBLE;
        c->at += 9;
    } else {
        return damaged(c, "a value of a kind that is not read");
    }
    return STENO_OK;
}

/* ---- a network -------------------------------------------------------------------------------------------------- */

static bool closes(kaldi_text token, kaldi_text type) {
    return token.n == type.n + 1 && token.at[0] == '/' && memcmp(token.at + 1, type.at, type.n) == 0;
}

static steno_err read_component(kaldi *k, cursor *c) {
    kaldi_text token = {0};
    kaldi_component *to = &k->components[k->n];
    kaldi_field *fields = k->fields + k->n * KALDI_MAX_FIELDS;
    ERR_TRY(read_token(c, &token));
    if (!text_is(token, "ComponentName")) return damaged(c, "no component");
    ERR_TRY(read_word(c, &to->name));
    ERR_TRY(read_token(c, &to->type));
    to->fields = fields;
    for (;;) {
        ERR_TRY(read_token(c, &token));
        if (closes(token, to->type)) break;
        if (to->n_fields == KALDI_MAX_FIELDS)
            return err_fail(STENO_E_LIMIT, "%s: a component has more than %d fields", c->name, KALDI_MAX_FIELDS);
        kaldi_field *f = &fields[to->n_fields++];
        f->name = token;
        ERR_TRY(read_value(c, f));
    }
    k->n++;
    return STENO_OK;
}

/* "\0B<Nnet3> \nLINES\n\n<NumComponents> N". */
static steno_err read_head(kaldi *k, cursor *c, int64_t *components) {
    if (left(c) < 2 || memcmp(c->at, "\0B", 2) != 0) return damaged(c, "no binary header");
    c->at += 2;
    kaldi_text token = {0};
    ERR_TRY(read_token(c, &token));
    if (!text_is(token, "Nnet3")) return damaged(c, "no <Nnet3>");
    size_t most = left(c) < KALDI_MAX_CONFIG_BYTES ? left(c) : KALDI_MAX_CONFIG_BYTES;
    const unsigned char *end = most ? memmem(c->at, most, "\n\n", 2) : NULL;
    if (!end) return damaged(c, "no end of the wiring");
    k->config = (kaldi_text){(const char *)c->at, (size_t)(end - c->at) + 1};
    c->at = end + 2;
    ERR_TRY(read_token(c, &token));
    if (!text_is(token, "NumComponents")) return damaged(c, "no <NumComponents>");
    ERR_TRY(read_size(c, components));
    if (*components <= KALDI_MAX_COMPONENTS) return STENO_OK;
    return err_fail(STENO_E_LIMIT, "%s: more than %d components", c->name, KALDI_MAX_COMPONENTS);
}

static steno_err read_all(kaldi *k) {
    cursor c = {k->file.name, k->file.bytes, k->file.bytes, k->file.bytes + k->file.n};
    kaldi_text token = {0};
    int64_t components = 0;
    ERR_TRY(read_head(k, &c, &components));
    k->components = mem_alloc(KALDI_MAX_COMPONENTS, sizeof *k->components);
    k->fields = mem_alloc((size_t)KALDI_MAX_COMPONENTS * KALDI_MAX_FIELDS, sizeof *k->fields);
    if (!k->components || !k->fields) return err_fail(STENO_E_NOMEM, "%s: no memory to read it", c.name);
    for (int64_t i = 0; i < components; i++) ERR_TRY(read_component(k, &c));
    ERR_TRY(read_token(&c, &token));
    return text_is(token, "/Nnet3") ? STENO_OK : damaged(&c, "no </Nnet3>");
}

static steno_err open_file(mapfile file, kaldi **out) {
    *out = NULL;
    kaldi *k = mem_alloc(1, sizeof *k);
    if (!k) {
        steno_err err = err_fail(STENO_E_NOMEM, "%s: no memory to read it", file.name);
        mapfile_close(&file);
        return err;
    }
    k->file = file;
    steno_err err = read_all(k);
    if (err == STENO_OK)
        *out = k;
    else
        kaldi_close(k);
    return err;
}

steno_err kaldi_open(const char *path, kaldi **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_open(path, KALDI_MAX_FILE_BYTES, &file));
    return open_file(file, out);
}

steno_err kaldi_open_memory(const char *name, const void *bytes, size_t n, kaldi **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_borrow(name, bytes, n, &file));
    return open_file(file, out);
}

void kaldi_close(kaldi *k) {
    if (!k) return;
    mapfile_close(&k->file);
    mem_free(k->components);
    mem_free(k->fields);
    mem_free(k);
}

/* ---- looking things up ------------------------------------------------------------------------------------------ */

const char *kaldi_name(const kaldi *k) {
    return k->file.name;
}

size_t kaldi_components(const kaldi *k) {
    return k->n;
}

const kaldi_component *kaldi_component_at(const kaldi *k, size_t i) {
    return i < k->n ? &k->components[i] : NULL;
}

bool kaldi_wired(const kaldi *k, const char *line) {
    const char *at = k->config.at, *end = at + k->config.n;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        if (text_is((kaldi_text){at, n}, line)) return true;
        at += n + 1;
    }
    return false;
}

const kaldi_component *kaldi_component_named(const kaldi *k, const char *name, const char *type) {
    for (size_t i = 0; i < k->n; i++) {
        const kaldi_component *c = &k->components[i];
        if (text_is(c->name, name) && text_is(c->type, type)) return c;
    }
    return NULL;
}

const kaldi_field *kaldi_field_named(const kaldi_component *c, const char *name, kaldi_kind kind) {
    for (uint32_t i = 0; i < c->n_fields; i++) {
        const kaldi_field *f = &c->fields[i];
        if (f->kind == kind && text_is(f->name, name)) return f;
    }
    return NULL;
}

float kaldi_float(const kaldi_field *f) {
    return float_at(f->at);
}

int32_t kaldi_integer(const kaldi_field *f) {
    return int32_at(f->at);
}

float kaldi_value(const kaldi_field *f, int64_t i) {
    return float_at(f->at + (size_t)i * sizeof(float));
}

/* ---- files of one vector or matrix ------------------------------------------------------------------------------ */

static steno_err wrong_shape(const cursor *c, int64_t rows, int64_t cols) {
    return err_fail(STENO_E_FORMAT, "%s: does not hold %lld x %lld finite numbers", c->name, (long long)rows,
                    (long long)cols);
}

static steno_err load_binary(cursor *c, int64_t rows, int64_t cols, float *out) {
    kaldi_field f = {0};
    c->at += 2;
    if (!starts(c, rows == 1 ? "FV " : "FM ")) return damaged(c, rows == 1 ? "no vector" : "no matrix");
    ERR_TRY(read_value(c, &f));
    if (f.rows != rows || f.cols != cols || left(c) != 0) return wrong_shape(c, rows, cols);
    for (int64_t i = 0; i < rows * cols; i++) {
        out[i] = kaldi_value(&f, i);
        if (!isfinite(out[i])) return wrong_shape(c, rows, cols);
    }
    return STENO_OK;
}

static bool blank(unsigned char byte) {
    return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r';
}

/* The next word between blanks, zero-terminated; false at the end of the file or when it is too long. */
static bool next_word(cursor *c, char *word, size_t cap) {
    size_t n = 0;
    while (left(c) && blank(*c->at)) c->at++;
    while (left(c) && !blank(*c->at) && n + 1 < cap) word[n++] = (char)*c->at++;
    word[n] = '\0';
    return n > 0 && (left(c) == 0 || blank(*c->at));
}

/* " [ 1 2\n 3 4 ]". Numbers in the C locale, which is the program's. */
static steno_err load_text(cursor *c, int64_t rows, int64_t cols, float *out) {
    char word[48], *end;
    if (!next_word(c, word, sizeof word) || strcmp(word, "[") != 0) return damaged(c, "no bracket");
    for (int64_t i = 0; i < rows * cols; i++) {
        if (!next_word(c, word, sizeof word)) return wrong_shape(c, rows, cols);
        out[i] = strtof(word, &end);
        if (*end != '\0' || !isfinite(out[i])) return wrong_shape(c, rows, cols);
    }
    if (!next_word(c, word, sizeof word) || strcmp(word, "]") != 0) return wrong_shape(c, rows, cols);
    return STENO_OK;
}

steno_err kaldi_load_memory(const char *name, const void *bytes, size_t n, int64_t rows, int64_t cols, float *out) {
    cursor c = {name, bytes, bytes, (const unsigned char *)bytes + n};
    if (n >= 2 && memcmp(bytes, "\0B", 2) == 0) return load_binary(&c, rows, cols, out);
    return load_text(&c, rows, cols, out);
}

steno_err kaldi_load(const char *path, int64_t rows, int64_t cols, float *out) {
    mapfile file;
    ERR_TRY(mapfile_open(path, KALDI_MAX_FILE_BYTES, &file));
    steno_err err = kaldi_load_memory(path, file.bytes, file.n, rows, cols, out);
    mapfile_close(&file);
    return err;
}
