/* weights.c: reads and writes safetensors files. See weights.h.
 *
 * Invariants: after opening, the tensors are sorted by name; every one lies inside the mapping, is aligned to its
 * element size, and together they cover the data part once, without holes or overlaps, as the format demands.
 */
#include "nn/weights.h"

#include "base/mem.h"
#include "nn/mapfile.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WEIGHTS_MAX_FILE_BYTES   ((size_t)16 << 30)
#define WEIGHTS_MAX_HEADER_BYTES ((size_t)16 << 20)
#define WEIGHTS_MAX_TENSORS      65536
#define WEIGHTS_ALIGN            64

struct weights {
    mapfile file;
    json_t *header;          /* owns every name and metadata string */
    weights_tensor *tensors; /* [n], sorted by name */
    size_t n;
    const unsigned char *data;
    size_t data_bytes;
};

/* ---- types ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [WEIGHTS_F32] = {"F32", 4}, [WEIGHTS_F16] = {"F16", 2}, [WEIGHTS_U8] = {"U8", 1},
    [WEIGHTS_I8] = {"I8", 1},   [WEIGHTS_I32] = {"I32", 4}, [WEIGHTS_I64] = {"I64", 8},
};
#define N_DTYPES (sizeof dtypes / sizeof dtypes[0])

static bool dtype_named(const char *name, weights_dtype *out) {
    for (size_t i = 0; i < N_DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) == 0) {
            *out = (weights_dtype)i;
            return true;
        }
    }
    return false;
}

/* The bytes that dtype and shape call for; false when that overflows or a size is negative. */
static bool tensor_bytes(const weights_tensor *t, size_t *out) {
    size_t bytes = dtypes[t->dtype].bytes;
    for (int i = 0; i < t->dims; i++) {
        if (t->shape[i] < 0 || __builtin_mul_overflow(bytes, (size_t)t->shape[i], &bytes)) return false;
    }
    *out = bytes;
    return true;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static steno_err bad_tensor(const weights *w, const char *name, const char *reason) {
    return err_fail(STENO_E_FORMAT, "%s: tensor %.100s: %s", w->file.name, name, reason);
}

static steno_err read_shape(const weights *w, const json_t *shape, weights_tensor *t) {
    if (!json_is_array(shape)) return bad_tensor(w, t->name, "no shape");
    if (json_array_size(shape) > WEIGHTS_MAX_DIMS) return bad_tensor(w, t->name, "more than 4 dimensions");
    t->dims = (int)json_array_size(shape);
    for (int i = 0; i < t->dims; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        if (!json_is_integer(size) || json_integer_value(size) < 0) return bad_tensor(w, t->name, "a bad shape");
        t->shape[i] = json_integer_value(size);
    }
    return STENO_OK;
}

static steno_err read_place(const weights *w, const json_t *offsets, weights_tensor *t) {
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last)) {
        return bad_tensor(w, t->name, "no data_offsets");
    }
    json_int_t begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin || (uint64_t)end > w->data_bytes) {
        return bad_tensor(w, t->name, "its data_offsets lie outside the file");
    }
    size_t wanted;
    if (!tensor_bytes(t, &wanted) || wanted != (size_t)(end - begin)) {
        return bad_tensor(w, t->name, "its size does not follow from its shape");
    }
    t->data = w->data + begin;
    t->bytes = wanted;
    if ((uintptr_t)t->data % dtypes[t->dtype].bytes != 0) return bad_tensor(w, t->name, "its data is not aligned");
    return STENO_OK;
}

static steno_err read_entry(const weights *w, const char *name, const json_t *entry, weights_tensor *t) {
    memset(t, 0, sizeof *t);
    t->name = name;
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!json_is_object(entry) || json_object_size(entry) != 3 || !dtype) {
        return bad_tensor(w, name, "not an object of dtype, shape and data_offsets");
    }
    if (!dtype_named(dtype, &t->dtype)) return bad_tensor(w, name, "a dtype that is not F32, F16, U8, I8, I32 or I64");
    ERR_TRY(read_shape(w, json_object_get(entry, "shape"), t));
    return read_place(w, json_object_get(entry, "data_offsets"), t);
}

static int by_place(const void *a, const void *b) {
    const weights_tensor *x = a, *y = b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const weights_tensor *)a)->name, ((const weights_tensor *)b)->name);
}

/* The data part belongs to the tensors exactly once: what follows the last one, or hides between two, is refused. */
static steno_err check_cover(weights *w) {
    const unsigned char *end = w->data;
    qsort(w->tensors, w->n, sizeof *w->tensors, by_place);
    for (size_t i = 0; i < w->n; i++) {
        const unsigned char *at = w->tensors[i].data;
        if (at < end) return bad_tensor(w, w->tensors[i].name, "it overlaps another tensor");
        if (at > end) return bad_tensor(w, w->tensors[i].name, "unused bytes before it");
        end = at + w->tensors[i].bytes;
    }
    if (end != w->data + w->data_bytes) return err_fail(STENO_E_FORMAT, "%s: unused bytes at its end", w->file.name);
    qsort(w->tensors, w->n, sizeof *w->tensors, by_name);
    return STENO_OK;
}

static steno_err check_metadata(const weights *w, const json_t *meta) {
    const char *key;
    json_t *value;
    if (!meta) return STENO_OK;
    if (!json_is_object(meta)) return err_fail(STENO_E_FORMAT, "%s: its __metadata__ is not an object", w->file.name);
    json_object_foreach((json_t *)(uintptr_t)meta, key, value) {
        if (!json_is_string(value)) {
            return err_fail(STENO_E_FORMAT, "%s: metadata %.100s is not a string", w->file.name, key);
        }
    }
    return STENO_OK;
}

static steno_err read_header(weights *w) {
    uint64_t header_bytes = 0;
    const char *file = w->file.name;
    if (w->file.n < 8) return err_fail(STENO_E_FORMAT, "%s: too short for a safetensors file", file);
    for (int i = 7; i >= 0; i--) header_bytes = header_bytes << 8 | w->file.bytes[i];
    if (header_bytes > WEIGHTS_MAX_HEADER_BYTES || header_bytes > w->file.n - 8) {
        return err_fail(STENO_E_FORMAT, "%s: not a safetensors file: a header of %llu bytes in a file of %zu", file,
                        (unsigned long long)header_bytes, w->file.n);
    }
    json_error_t why;
    const char *text = (const char *)w->file.bytes + 8;
    w->header = json_loadb(text, (size_t)header_bytes, JSON_REJECT_DUPLICATES, &why);
    if (!w->header || !json_is_object(w->header)) {
        return err_fail(STENO_E_FORMAT, "%s: its header is not a JSON object%s%.200s", file, w->header ? "" : ": ",
                        w->header ? "" : why.text);
    }
    w->data = w->file.bytes + 8 + header_bytes;
    w->data_bytes = w->file.n - 8 - (size_t)header_bytes;
    return STENO_OK;
}

static steno_err read_tensors(weights *w) {
    const json_t *meta = json_object_get(w->header, "__metadata__");
    ERR_TRY(check_metadata(w, meta));
    size_t n = json_object_size(w->header) - (meta ? 1 : 0);
    if (n > WEIGHTS_MAX_TENSORS) return err_fail(STENO_E_LIMIT, "%s: %zu tensors are too many", w->file.name, n);
    w->tensors = mem_alloc(n, sizeof *w->tensors);
    if (!w->tensors) return err_fail(STENO_E_NOMEM, "%s: no memory for its %zu tensors", w->file.name, n);
    const char *name;
    json_t *entry;
    json_object_foreach(w->header, name, entry) {
        if (entry == meta) continue;
        ERR_TRY(read_entry(w, name, entry, &w->tensors[w->n]));
        w->n++;
    }
    return check_cover(w);
}

static steno_err open_file(mapfile *file, weights **out) {
    weights *w = mem_alloc(1, sizeof *w);
    if (!w) {
        steno_err err = err_fail(STENO_E_NOMEM, "%s: no memory to open it", file->name);
        mapfile_close(file);
        return err;
    }
    w->file = *file;
    steno_err err = read_header(w);
    if (err == STENO_OK) err = read_tensors(w);
    if (err != STENO_OK) {
        weights_close(w);
        return err;
    }
    *out = w;
    return STENO_OK;
}

steno_err weights_open(const char *path, weights **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_open(path, WEIGHTS_MAX_FILE_BYTES, &file));
    return open_file(&file, out);
}

steno_err weights_open_memory(const char *name, const void *bytes, size_t n, weights **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_borrow(name, bytes, n, &file));
    return open_file(&file, out);
}

void weights_close(weights *w) {
    if (!w) return;
    mem_free(w->tensors);
    json_decref(w->header);
    mapfile_close(&w->file);
    mem_free(w);
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

steno_err weights_get(const weights *w, const char *name, weights_tensor *out) {
    weights_tensor key = {.name = name};
    const weights_tensor *t = w->n ? bsearch(&key, w->tensors, w->n, sizeof key, by_name) : NULL;
    if (!t) return err_fail(STENO_E_NOT_FOUND, "%s: has no tensor %s", w->file.name, name);
    *out = *t;
    return STENO_OK;
}

static void print_shape(const int64_t *shape, int dims, char *out, size_t cap) {
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < dims && at < cap; i++) {
        const char *comma = i ? ", " : "";
        int n = shape[i] < 0 ? snprintf(out + at, cap - at, "%s?", comma)
                             : snprintf(out + at, cap - at, "%s%lld", comma, (long long)shape[i]);
        at += (size_t)n;
    }
}

steno_err weights_expect(const weights *w, const char *name, weights_dtype dtype, int dims, const int64_t *shape,
                         weights_tensor *out) {
    weights_tensor t;
    ERR_TRY(weights_get(w, name, &t));
    bool same = t.dtype == dtype && t.dims == dims;
    for (int i = 0; same && i < dims; i++) same = shape[i] == -1 || shape[i] == t.shape[i];
    if (!same) {
        char have[96], want[96];
        print_shape(t.shape, t.dims, have, sizeof have);
        print_shape(shape, dims, want, sizeof want);
        return err_fail(STENO_E_FORMAT, "%s: tensor %s is %s [%s], and %s [%s] is needed", w->file.name, name,
                        dtypes[t.dtype].name, have, dtypes[dtype].name, want);
    }
    *out = t;
    return STENO_OK;
}

const char *weights_meta(const weights *w, const char *key) {
    return json_string_value(json_object_get(json_object_get(w->header, "__metadata__"), key));
}

size_t weights_count(const weights *w) {
    return w->n;
}

void weights_at(const weights *w, size_t i, weights_tensor *out) {
    *out = w->tensors[i];
}

const char *weights_dtype_name(weights_dtype dtype) {
    return (size_t)dtype < N_DTYPES ? dtypes[dtype].name : "?";
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* Whole cache lines first, in the order given; then by falling element size. So nothing needs padding (the format
 * forbids holes), every tensor that is a multiple of 64 bytes starts at one, and the rest keep their natural alignment. */
static int write_rank(const weights_tensor *t) {
    return t->bytes % WEIGHTS_ALIGN == 0 ? 0 : 9 - (int)dtypes[t->dtype].bytes;
}

static steno_err check_written(const char *path, const weights_tensor *tensors, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const weights_tensor *t = &tensors[i];
        size_t bytes;
        bool known = (size_t)t->dtype < N_DTYPES && t->dims >= 0 && t->dims <= WEIGHTS_MAX_DIMS;
        if (!known || !tensor_bytes(t, &bytes) || bytes != t->bytes || (bytes > 0 && !t->data)) {
            return err_fail(STENO_E_INVALID, "%s: tensor %s cannot be written: its size does not follow from its shape",
                            path, t->name);
        }
    }
    return STENO_OK;
}

/* The writing order as indices, [n]. */
static size_t *write_order(const weights_tensor *tensors, size_t n) {
    size_t *order = mem_alloc(n, sizeof *order), at = 0;
    if (!order) return NULL;
    for (int rank = 0; rank <= 9; rank++) {
        for (size_t i = 0; i < n; i++) {
            if (write_rank(&tensors[i]) == rank) order[at++] = i;
        }
    }
    return order;
}

static json_t *entry_json(const weights_tensor *t, size_t begin) {
    json_t *shape = json_array();
    for (int i = 0; i < t->dims; i++) {
        if (json_array_append_new(shape, json_integer(t->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[t->dtype].name, "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)(begin + t->bytes));
}

static json_t *header_json(const weights_tensor *tensors, const size_t *order, size_t n, const weights_meta_pair *meta,
                           size_t n_meta) {
    json_t *root = json_object(), *pairs = json_object();
    bool ok = root && pairs;
    for (size_t i = 0; ok && i < n_meta; i++) ok = !json_object_set_new(pairs, meta[i].key, json_string(meta[i].value));
    if (ok && n_meta > 0) ok = json_object_set(root, "__metadata__", pairs) == 0;
    json_decref(pairs);
    size_t begin = 0;
    for (size_t i = 0; ok && i < n; i++) {
        const weights_tensor *t = &tensors[order[i]];
        ok = !json_object_get(root, t->name) && json_object_set_new(root, t->name, entry_json(t, begin)) == 0;
        begin += t->bytes;
    }
    if (ok) return root;
    json_decref(root);
    return NULL;
}

static bool write_all(int fd, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t wrote = write(fd, at, n < ((size_t)1 << 30) ? n : (size_t)1 << 30);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        at += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

/* Header length, header padded with spaces so that the data starts at a multiple of 64, then the tensors. */
static bool write_parts(int fd, const char *header, const weights_tensor *tensors, const size_t *order, size_t n) {
    static const char spaces[WEIGHTS_ALIGN + 1] = "                                                                ";
    size_t text_bytes = strlen(header), pad = (WEIGHTS_ALIGN - (8 + text_bytes) % WEIGHTS_ALIGN) % WEIGHTS_ALIGN;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)(text_bytes + pad) >> (8 * i));
    bool ok = write_all(fd, length, 8) && write_all(fd, header, text_bytes) && write_all(fd, spaces, pad);
    for (size_t i = 0; ok && i < n; i++) ok = write_all(fd, tensors[order[i]].data, tensors[order[i]].bytes);
    return ok;
}

static steno_err write_file(const char *path, const char *header, const weights_tensor *tensors, const size_t *order,
                            size_t n) {
    mapfile_writer to;
    ERR_TRY(mapfile_create(path, &to));
    if (!write_parts(to.fd, header, tensors, order, n)) {
        steno_err err = err_fail(STENO_E_IO, "%s: cannot write it: %s", path, strerror(errno));
        mapfile_abandon(&to);
        return err;
    }
    return mapfile_commit(&to);
}

steno_err weights_write(const char *path, const weights_tensor *tensors, size_t n, const weights_meta_pair *meta,
                        size_t n_meta) {
    ERR_TRY(check_written(path, tensors, n));
    size_t *order = write_order(tensors, n);
    if (!order) return err_fail(STENO_E_NOMEM, "%s: no memory to write it", path);
    json_t *root = header_json(tensors, order, n, meta, n_meta);
    char *header = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    steno_err err = header ? write_file(path, header, tensors, order, n)
                           : err_fail(STENO_E_INVALID,
                                      "%s: its header cannot be written: a name or value is given twice "
                                      "or is not UTF-8",
                                      path);
    free(header);
    mem_free(order);
    return err;
}
