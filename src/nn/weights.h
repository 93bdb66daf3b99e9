/* weights.h: a safetensors file, mapped read-only and looked up by name.
 *
 * Owner: whoever opened it; immutable, so any thread may read. Source: the safetensors format (8-byte little-endian
 * header length, JSON header, raw little-endian tensors). Every offset, shape and dtype is checked on open; a bad file
 * is refused with a sentence that names it.
 */
#ifndef STENO_NN_WEIGHTS_H
#define STENO_NN_WEIGHTS_H

#include "base/err.h"

typedef enum weights_dtype { WEIGHTS_F32, WEIGHTS_F16, WEIGHTS_U8, WEIGHTS_I8, WEIGHTS_I32, WEIGHTS_I64 } weights_dtype;

#define WEIGHTS_MAX_DIMS 4

typedef struct weights_tensor {
    const char *name; /* owned by the file */
    weights_dtype dtype;
    int dims;
    int64_t shape[WEIGHTS_MAX_DIMS];
    const void *data; /* aligned to its element size; owned by the file */
    size_t bytes;
} weights_tensor;

typedef struct weights weights;

STENO_CHECK steno_err weights_open(const char *path, weights **out);
/* The same from memory the caller keeps alive (tests, fuzzing). `name` appears in errors. */
STENO_CHECK steno_err weights_open_memory(const char *name, const void *bytes, size_t n, weights **out);
void weights_close(weights *w);

/* Looks a tensor up. STENO_E_NOT_FOUND names file and tensor. */
STENO_CHECK steno_err weights_get(const weights *w, const char *name, weights_tensor *out);

/* Looks up and requires dtype and shape; -1 in `shape` accepts any size there. */
STENO_CHECK steno_err weights_expect(const weights *w, const char *name, weights_dtype dtype, int dims,
                                     const int64_t *shape, weights_tensor *out);

/* The string metadata of the header ("__metadata__"), or NULL. */
const char *weights_meta(const weights *w, const char *key);

size_t weights_count(const weights *w);
void weights_at(const weights *w, size_t i, weights_tensor *out);

/* "F32", "U8" …, as the format spells it. */
const char *weights_dtype_name(weights_dtype dtype);

/* Writing, in one step (temporary name, sync, rename). The format forbids holes, so tensors whose size is a multiple of
 * 64 bytes come first, in the order given, and start at multiples of 64; the others follow, aligned to their elements. */
typedef struct weights_meta_pair {
    const char *key, *value;
} weights_meta_pair;
STENO_CHECK steno_err weights_write(const char *path, const weights_tensor *tensors, size_t n,
                                    const weights_meta_pair *meta, size_t n_meta);

#endif
