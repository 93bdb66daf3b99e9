/* golden.h: reads the vectors that generate.mjs makes with onnxruntime. Header only, for tests.
 *
 * Purpose   golden_open() finds the folder (environment STENO_GOLDEN, else build/golden below the working directory)
 * and reads index.json; golden_load() reads one vector by name, for example "austen-0880/tiny/encoder". Owner     the
 * caller frees vectors with golden_free() and the folder with golden_close(). Missing   golden_open() returns false
 * when there is no folder: the test then prints golden_hint and exits with 77.
 */
#ifndef STENO_TESTS_GOLDEN_H
#define STENO_TESTS_GOLDEN_H

#include <jansson.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_MAX_DIMS  4
#define GOLDEN_MAX_BYTES (64u << 20)

static const char golden_hint[] =
    "no golden vectors: run `npm ci --ignore-scripts && node generate.mjs` in tests/golden (see its first lines)";

typedef struct golden {
    char dir[1024];
    json_t *index;
} golden;

/* One vector: exactly one of f32 and i32 is set. */
typedef struct golden_vec {
    float *f32;
    int32_t *i32;
    int dims;
    int shape[GOLDEN_MAX_DIMS];
    int count; /* the product of the shape */
} golden_vec;

static inline bool golden_open(golden *g) {
    const char *dir = getenv("STENO_GOLDEN");
    memset(g, 0, sizeof *g);
    snprintf(g->dir, sizeof g->dir, "%s", dir && *dir ? dir : "build/golden");
    char path[1100];
    snprintf(path, sizeof path, "%s/index.json", g->dir);
    g->index = json_load_file(path, 0, NULL);
    return g->index != NULL;
}

static inline void golden_close(golden *g) {
    json_decref(g->index);
    g->index = NULL;
}

static inline void golden_free(golden_vec *v) {
    free(v->f32);
    free(v->i32);
    memset(v, 0, sizeof *v);
}

static inline const json_t *golden_find(const json_t *list, const char *name) {
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(list, i, item) {
        const char *found = json_string_value(json_object_get(item, "name"));
        if (found && strcmp(found, name) == 0) return item;
    }
    return NULL;
}

/* The text onnxruntime's greedy decoding gave, or NULL. Valid until golden_close(). */
static inline const char *golden_text(const golden *g, const char *utterance, const char *model) {
    const json_t *u = golden_find(json_object_get(g->index, "utterances"), utterance);
    return json_string_value(json_object_get(json_object_get(u, "texts"), model));
}

/* The node_modules folder whose ONNX files made these vectors. Valid until golden_close(). */
static inline const char *golden_models(const golden *g) {
    const char *dir = json_string_value(json_object_get(g->index, "models"));
    return dir ? dir : "";
}

static inline bool golden_read_file(const golden *g, const char *file, void *data, size_t bytes) {
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", g->dir, file);
    FILE *in = fopen(path, "rb");
    if (!in) return false;
    bool whole = fread(data, 1, bytes, in) == bytes && fgetc(in) == EOF;
    fclose(in);
    return whole;
}

static inline bool golden_shape(const json_t *entry, golden_vec *out) {
    const json_t *shape = json_object_get(entry, "shape");
    out->dims = (int)json_array_size(shape);
    if (out->dims < 1 || out->dims > GOLDEN_MAX_DIMS) return false;
    long long count = 1;
    for (int d = 0; d < out->dims; d++) {
        long long size = json_integer_value(json_array_get(shape, (size_t)d));
        if (size < 0 || size > GOLDEN_MAX_BYTES) return false;
        count *= size;
        if (count > GOLDEN_MAX_BYTES / 4) return false;
        out->shape[d] = (int)size;
    }
    out->count = (int)count;
    return true;
}

/* False, with a line on stderr, when the vector is missing or its file is not as long as its shape says. */
static inline bool golden_load(const golden *g, const char *name, golden_vec *out) {
    memset(out, 0, sizeof *out);
    const json_t *entry = golden_find(json_object_get(g->index, "vectors"), name);
    const char *file = json_string_value(json_object_get(entry, "file"));
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!file || !dtype || !golden_shape(entry, out)) {
        fprintf(stderr, "golden vector %s: not in the index\n", name);
        return false;
    }
    void *data = malloc((size_t)out->count * 4 + 1);
    if (!data || !golden_read_file(g, file, data, (size_t)out->count * 4)) {
        fprintf(stderr, "golden vector %s: %s/%s cannot be read or has the wrong size\n", name, g->dir, file);
        free(data);
        return false;
    }
    if (strcmp(dtype, "i32") == 0)
        out->i32 = data;
    else
        out->f32 = data;
    return true;
}

#endif
