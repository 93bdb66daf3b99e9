/* onnx.h: reads the parts of an ONNX file that weight conversion needs: nodes, names, attributes and tensors.
 *
 * Owner: whoever opened it; immutable once open, so any thread may read. Nothing is copied: names and tensor values are
 * slices of the mapped file and live as long as the `onnx`. Graphs inside If/Loop attributes are flattened into the
 * same tables; each node and tensor says which graph it belongs to (0 is the outermost).
 * The bytes are untrusted: depth, counts and sizes have the limits below and every length is checked.
 */
#ifndef STENO_NN_ONNX_H
#define STENO_NN_ONNX_H

#include "base/err.h"

#define ONNX_MAX_FILE_BYTES   ((size_t)2 << 30)
#define ONNX_MAX_DEPTH        8 /* graphs inside graphs */
#define ONNX_MAX_GRAPHS       4096
#define ONNX_MAX_NODES        65536
#define ONNX_MAX_TENSORS      65536
#define ONNX_MAX_ATTRIBUTES   262144
#define ONNX_MAX_NAMES        524288 /* node inputs and outputs together */
#define ONNX_MAX_NAME_BYTES   1024
#define ONNX_MAX_DIMS         8
#define ONNX_MAX_INLINE_BYTES 8 /* one element that the file does not hold as little-endian bytes */

/* Element types by their number in the format. */
typedef enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11
} onnx_type;

/* Bytes in the mapped file, not zero-terminated. */
typedef struct onnx_text {
    const char *at;
    size_t n;
} onnx_text;

typedef struct onnx_tensor {
    onnx_text name;
    uint32_t graph;
    int32_t type; /* onnx_type, or a number this reader has no values for */
    int dims;
    int64_t shape[ONNX_MAX_DIMS];
    size_t count;                /* elements: the product of the shape, 1 for a scalar */
    size_t bytes;                /* of the values; 0 when they are absent or stored in a way that is not read */
    const unsigned char *stored; /* NULL: in `inlined` */
    unsigned char inlined[ONNX_MAX_INLINE_BYTES];
} onnx_tensor;

typedef enum onnx_attribute_kind {
    ONNX_ATTR_OTHER,
    ONNX_ATTR_FLOAT,
    ONNX_ATTR_INT,
    ONNX_ATTR_TEXT,
    ONNX_ATTR_TENSOR,
    ONNX_ATTR_GRAPH
} onnx_attribute_kind;

typedef struct onnx_attribute {
    onnx_text name;
    onnx_attribute_kind kind;
    float f;
    int64_t i;
    onnx_text text;
    uint32_t index; /* of the tensor or graph */
} onnx_attribute;

typedef struct onnx_node {
    onnx_text op, name;
    uint32_t graph;
    uint32_t first_input, n_inputs;   /* in the table of names: see onnx_input() */
    uint32_t first_output, n_outputs; /* see onnx_output() */
    uint32_t first_attribute, n_attributes;
} onnx_node;

typedef struct onnx onnx;

STENO_CHECK steno_err onnx_open(const char *path, onnx **out);
/* The same from memory the caller keeps alive. `name` appears in errors. */
STENO_CHECK steno_err onnx_open_memory(const char *name, const void *bytes, size_t n, onnx **out);
void onnx_close(onnx *m);

const char *onnx_name(const onnx *m); /* the file, for errors */
size_t onnx_graphs(const onnx *m);
size_t onnx_nodes(const onnx *m);
size_t onnx_tensors(const onnx *m);
const onnx_node *onnx_node_at(const onnx *m, size_t i);
const onnx_tensor *onnx_tensor_at(const onnx *m, size_t i);

/* The i-th input or output name; empty where there is none. */
onnx_text onnx_input(const onnx *m, const onnx_node *node, uint32_t i);
onnx_text onnx_output(const onnx *m, const onnx_node *node, uint32_t i);

/* NULL when the node has no such attribute. */
const onnx_attribute *onnx_attribute_named(const onnx *m, const onnx_node *node, const char *name);

bool onnx_text_is(onnx_text text, const char *word);
bool onnx_text_same(onnx_text a, onnx_text b);

/* The first node from index `from` on that makes `output` (NULL: none). */
const onnx_node *onnx_producer(const onnx *m, onnx_text output, size_t from);
/* The first node with this operator that reads `input`. */
const onnx_node *onnx_consumer(const onnx *m, onnx_text input, const char *op);

/* The tensor with this name: an initializer, or the value of a Constant node. NULL when there is none, or when two
 * initializers of one graph bear the name. */
const onnx_tensor *onnx_tensor_named(const onnx *m, onnx_text name);

/* Little-endian values, tensor->bytes long; NULL when the tensor has none this reader understands. Alignment is that of
 * the file: copy before use as anything but bytes. */
const unsigned char *onnx_tensor_data(const onnx_tensor *tensor);

/* Bytes of one element, 0 for types without values here. */
size_t onnx_type_bytes(int32_t type);

#endif
