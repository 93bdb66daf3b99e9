/* kaldi.h: reads the parts of a binary Kaldi nnet3 file that weight conversion needs, and Kaldi's vector and matrix files.
 *
 * Owner: whoever opened it; immutable once open, so any thread may read. Nothing is copied: names and values are slices of
 * the mapped file and live as long as the `kaldi`. The bytes are untrusted: counts, names and sizes have the limits below
 * and every length is checked.
 * Source: Kaldi's text-and-binary object format: "\0B", tokens like "<Dim> ", numbers after a byte that is their size,
 * vectors after "FV ", matrices after "FM ". A component is "<ComponentName> NAME <Type> <Field> VALUE … </Type> "; any
 * field is read whose value is one of kaldi_kind, so the reader needs no list of components.
 */
#ifndef STENO_NN_KALDI_H
#define STENO_NN_KALDI_H

#include "base/err.h"

#define KALDI_MAX_FILE_BYTES   ((size_t)256 << 20)
#define KALDI_MAX_CONFIG_BYTES 65536
#define KALDI_MAX_COMPONENTS   256
#define KALDI_MAX_FIELDS       64 /* of a component */
#define KALDI_MAX_NAME_BYTES   128

typedef enum kaldi_kind {
    KALDI_BOOL,
    KALDI_WORD32, /* an int32 or a float: the file does not say which */
    KALDI_DOUBLE,
    KALDI_VECTOR,
    KALDI_MATRIX
} kaldi_kind;

/* Bytes in the mapped file, not zero-terminated. */
typedef struct kaldi_text {
    const char *at;
    size_t n;
} kaldi_text;

typedef struct kaldi_field {
    kaldi_text name; /* "Dim" */
    kaldi_kind kind;
    int64_t rows, cols;      /* a vector has one row */
    const unsigned char *at; /* little-endian values, unaligned: floats of vectors and matrices (row-major) */
} kaldi_field;

typedef struct kaldi_component {
    kaldi_text name, type; /* "tdnn1.affine", "NaturalGradientAffineComponent" */
    uint32_t n_fields;
    const kaldi_field *fields; /* owned by the kaldi */
} kaldi_component;

typedef struct kaldi kaldi;

STENO_CHECK steno_err kaldi_open(const char *path, kaldi **out);
/* The same from memory the caller keeps alive. `name` appears in errors. */
STENO_CHECK steno_err kaldi_open_memory(const char *name, const void *bytes, size_t n, kaldi **out);
void kaldi_close(kaldi *k);

const char *kaldi_name(const kaldi *k); /* the file, for errors */
size_t kaldi_components(const kaldi *k);
const kaldi_component *kaldi_component_at(const kaldi *k, size_t i);

/* Whether this is a line of the wiring in front of the components ("component-node name=… input=…"). */
bool kaldi_wired(const kaldi *k, const char *line);

/* NULL when there is no component of this name and type. */
const kaldi_component *kaldi_component_named(const kaldi *k, const char *name, const char *type);
/* NULL when there is no such field, or one of another kind. */
const kaldi_field *kaldi_field_named(const kaldi_component *c, const char *name, kaldi_kind kind);

float kaldi_float(const kaldi_field *f);     /* a WORD32 as a float */
int32_t kaldi_integer(const kaldi_field *f); /* … as an integer */
/* Value i of a vector or matrix. */
float kaldi_value(const kaldi_field *f, int64_t i);

/* Reads a file that holds one vector (rows == 1) or matrix of floats, text or binary, of exactly this shape. Values that
 * are not finite are refused. out: [rows, cols]. */
STENO_CHECK steno_err kaldi_load(const char *path, int64_t rows, int64_t cols, float *out);
STENO_CHECK steno_err kaldi_load_memory(const char *name, const void *bytes, size_t n, int64_t rows, int64_t cols,
                                        float *out);

#endif
