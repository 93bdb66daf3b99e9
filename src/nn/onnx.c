/* onnx.c: a bounded walk over the protobuf wire format of an ONNX model. See onnx.h.
 *
 * Invariants: every slice lies inside [base, base + n); the tables never hold more than their limits; the recursion
 * over graphs is at most ONNX_MAX_DEPTH deep.
 */
#include "nn/onnx.h"

#include "base/mem.h"
#include "nn/mapfile.h"

#include <string.h>

/* ---- tables that grow ------------------------------------------------------------------------------------------- */

typedef struct table {
    unsigned char *items;
    size_t n, cap, item_bytes, limit;
    const char *what;
} table;

typedef struct onnx_graph {
    uint32_t parent;
} onnx_graph;

struct onnx {
    mapfile file;
    table graphs, nodes, tensors, attributes, names;
};

static steno_err table_add(const onnx *m, table *t, const void *item) {
    if (t->n >= t->limit) return err_fail(STENO_E_LIMIT, "%s: more than %zu %s", m->file.name, t->limit, t->what);
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        if (cap > t->limit) cap = t->limit;
        unsigned char *grown = mem_resize(t->items, t->n * t->item_bytes, cap * t->item_bytes);
        if (!grown) return err_fail(STENO_E_NOMEM, "%s: no memory for its %s", m->file.name, t->what);
        t->items = grown;
        t->cap = cap;
    }
    memcpy(t->items + t->n * t->item_bytes, item, t->item_bytes);
    t->n++;
    return STENO_OK;
}

/* ---- the wire format -------------------------------------------------------------------------------------------- */

typedef struct wire {
    const unsigned char *at, *end;
} wire;

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

typedef struct field {
    uint32_t number;
    unsigned type;
    uint64_t value; /* WIRE_VARINT */
    wire bytes;     /* everything else */
} field;

static bool wire_varint(wire *w, uint64_t *value) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (w->at == w->end) return false;
        unsigned char byte = *w->at++;
        if (shift == 63 && byte > 1) return false;
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *value = v;
            return true;
        }
    }
    return false;
}

static bool wire_take(wire *w, uint64_t n, wire *bytes) {
    if (n > (uint64_t)(w->end - w->at)) return false;
    bytes->at = w->at;
    bytes->end = w->at + n;
    w->at += n;
    return true;
}

/* 1: a field was read; 0: the end; -1: damaged. */
static int wire_next(wire *w, field *f) {
    if (w->at == w->end) return 0;
    uint64_t key, n;
    if (!wire_varint(w, &key) || key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) return -1;
    f->number = (uint32_t)(key >> 3);
    f->type = (unsigned)(key & 7);
    f->value = 0;
    f->bytes.at = f->bytes.end = w->at;
    switch (f->type) {
    case WIRE_VARINT:
        return wire_varint(w, &f->value) ? 1 : -1;
    case WIRE_64:
        return wire_take(w, 8, &f->bytes) ? 1 : -1;
    case WIRE_32:
        return wire_take(w, 4, &f->bytes) ? 1 : -1;
    case WIRE_BYTES:
        return wire_varint(w, &n) && wire_take(w, n, &f->bytes) ? 1 : -1;
    default:
        return -1; /* groups are obsolete and never in an ONNX file */
    }
}

static steno_err damaged(const onnx *m, const wire *w, const char *what) {
    size_t offset = (size_t)(w->at - m->file.bytes);
    return err_fail(STENO_E_FORMAT, "%s: not a valid ONNX file: %s near byte %zu", m->file.name, what, offset);
}

static steno_err field_text(const onnx *m, const field *f, onnx_text *out) {
    size_t n = (size_t)(f->bytes.end - f->bytes.at);
    if (f->type != WIRE_BYTES) return damaged(m, &f->bytes, "a name that is not text");
    if (n > ONNX_MAX_NAME_BYTES) {
        return err_fail(STENO_E_LIMIT, "%s: a name of %zu bytes (at most %d)", m->file.name, n, ONNX_MAX_NAME_BYTES);
    }
    out->at = (const char *)f->bytes.at;
    out->n = n;
    return STENO_OK;
}

/* ---- tensors ---------------------------------------------------------------------------------------------------- */

size_t onnx_type_bytes(int32_t type) {
    switch (type) {
    case ONNX_UINT8:
    case ONNX_INT8:
    case ONNX_BOOL:
        return 1;
    case ONNX_FLOAT16:
        return 2;
    case ONNX_FLOAT:
    case ONNX_INT32:
        return 4;
    case ONNX_INT64:
    case ONNX_DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static steno_err tensor_dim(const onnx *m, onnx_tensor *t, const wire *at, uint64_t size) {
    if (t->dims == ONNX_MAX_DIMS) {
        return err_fail(STENO_E_LIMIT, "%s: a tensor with more than %d dimensions", m->file.name, ONNX_MAX_DIMS);
    }
    if (size > INT64_MAX) return damaged(m, at, "a negative dimension");
    t->shape[t->dims++] = (int64_t)size;
    return STENO_OK;
}

static steno_err tensor_dims(const onnx *m, onnx_tensor *t, const field *f) {
    if (f->type == WIRE_VARINT) return tensor_dim(m, t, &f->bytes, f->value);
    if (f->type != WIRE_BYTES) return damaged(m, &f->bytes, "a dimension of the wrong kind");
    wire packed = f->bytes;
    while (packed.at != packed.end) {
        uint64_t size;
        if (!wire_varint(&packed, &size)) return damaged(m, &packed, "a cut dimension");
        ERR_TRY(tensor_dim(m, t, &packed, size));
    }
    return STENO_OK;
}

/* What the file says about a tensor's values before its type and shape are known. */
typedef struct tensor_values {
    wire raw;    /* raw_data, or packed float_data / double_data: little-endian bytes */
    wire packed; /* packed int32_data / int64_data: varints */
    size_t singles;
    bool has_raw, has_packed, single_is_int, external;
    unsigned char single[8]; /* the last unpacked value */
} tensor_values;

static void values_single_int(tensor_values *v, uint64_t value) {
    v->singles++;
    v->single_is_int = true;
    memcpy(v->single, &value, 8);
}

static steno_err values_field(const onnx *m, tensor_values *v, const field *f) {
    bool is_bytes = f->type == WIRE_BYTES;
    size_t n = (size_t)(f->bytes.end - f->bytes.at);
    switch (f->number) {
    case 9: /* raw_data */
        if (!is_bytes || v->has_raw) return damaged(m, &f->bytes, "raw data of the wrong kind or given twice");
        v->raw = f->bytes;
        v->has_raw = true;
        return STENO_OK;
    case 4:  /* float_data */
    case 10: /* double_data */
        if (f->type == WIRE_VARINT) return damaged(m, &f->bytes, "float data of the wrong kind");
        if (is_bytes) {
            if (v->has_raw) return damaged(m, &f->bytes, "values given twice");
            v->raw = f->bytes;
            v->has_raw = true;
            return STENO_OK;
        }
        v->singles++;
        v->single_is_int = false;
        memcpy(v->single, f->bytes.at, n);
        return STENO_OK;
    case 5: /* int32_data */
    case 7: /* int64_data */
        if (f->type == WIRE_VARINT) {
            values_single_int(v, f->value);
            return STENO_OK;
        }
        if (!is_bytes || v->has_packed) return damaged(m, &f->bytes, "integer data of the wrong kind or given twice");
        v->packed = f->bytes;
        v->has_packed = true;
        return STENO_OK;
    case 14: /* data_location */
        v->external = f->value != 0;
        return STENO_OK;
    default:
        return STENO_OK;
    }
}

/* One integer, stored as a varint, in the bytes of its type. All supported hosts are little-endian. */
static bool inline_int(onnx_tensor *t, uint64_t value) {
    if (t->type == ONNX_FLOAT || t->type == ONNX_DOUBLE) return false;
    memcpy(t->inlined, &value, ONNX_MAX_INLINE_BYTES);
    return true;
}

/* Points the tensor at its values, once type and shape are known. Values in an unread form leave bytes = 0. */
static steno_err tensor_settle(const onnx *m, onnx_tensor *t, const tensor_values *v, const wire *at) {
    t->count = 1;
    for (int i = 0; i < t->dims; i++) {
        if (__builtin_mul_overflow(t->count, (size_t)t->shape[i], &t->count)) return damaged(m, at, "an absurd shape");
    }
    size_t element = onnx_type_bytes(t->type), bytes;
    if (element == 0 || v->external) return STENO_OK;
    if (__builtin_mul_overflow(t->count, element, &bytes)) return damaged(m, at, "an absurd shape");
    if (v->has_raw) {
        if ((size_t)(v->raw.end - v->raw.at) != bytes) return damaged(m, at, "a tensor whose size is not its shape's");
        t->stored = v->raw.at;
        t->bytes = bytes;
        return STENO_OK;
    }
    if (t->count != 1) return STENO_OK;
    wire packed = v->packed;
    uint64_t value;
    bool have = false;
    if (v->has_packed) {
        have = wire_varint(&packed, &value) && packed.at == packed.end && inline_int(t, value);
    } else if (v->singles == 1 && v->single_is_int) {
        memcpy(&value, v->single, 8);
        have = inline_int(t, value);
    } else if (v->singles == 1 && (t->type == ONNX_FLOAT || t->type == ONNX_DOUBLE)) {
        memcpy(t->inlined, v->single, ONNX_MAX_INLINE_BYTES);
        have = true;
    }
    if (have) t->bytes = bytes;
    return STENO_OK;
}

static steno_err read_tensor(onnx *m, wire w, uint32_t graph, uint32_t *index) {
    onnx_tensor t = {.graph = graph};
    tensor_values v = {0};
    wire start = w;
    field f;
    int more;
    while ((more = wire_next(&w, &f)) > 0) {
        switch (f.number) {
        case 1:
            ERR_TRY(tensor_dims(m, &t, &f));
            break;
        case 2:
            if (f.type != WIRE_VARINT || f.value > INT32_MAX) return damaged(m, &w, "a bad element type");
            t.type = (int32_t)f.value;
            break;
        case 8:
            ERR_TRY(field_text(m, &f, &t.name));
            break;
        default:
            ERR_TRY(values_field(m, &v, &f));
        }
    }
    if (more < 0) return damaged(m, &w, "a cut tensor");
    ERR_TRY(tensor_settle(m, &t, &v, &start));
    if (index) *index = (uint32_t)m->tensors.n;
    return table_add(m, &m->tensors, &t);
}

/* ---- nodes and graphs ------------------------------------------------------------------------------------------- */

static steno_err read_graph(onnx *m, wire w, uint32_t parent, int depth, uint32_t *index);

static steno_err read_attribute(onnx *m, wire w, uint32_t graph, int depth, onnx_attribute *a) {
    field f;
    int more;
    while ((more = wire_next(&w, &f)) > 0) {
        bool is_bytes = f.type == WIRE_BYTES;
        if (f.number == 1) {
            ERR_TRY(field_text(m, &f, &a->name));
        } else if (f.number == 2 && f.type == WIRE_32) {
            memcpy(&a->f, f.bytes.at, sizeof a->f);
            a->kind = ONNX_ATTR_FLOAT;
        } else if (f.number == 3 && f.type == WIRE_VARINT) {
            a->i = (int64_t)f.value;
            a->kind = ONNX_ATTR_INT;
        } else if (f.number == 4 && is_bytes) {
            a->text = (onnx_text){(const char *)f.bytes.at, (size_t)(f.bytes.end - f.bytes.at)};
            a->kind = ONNX_ATTR_TEXT;
        } else if (f.number == 5 && is_bytes) {
            ERR_TRY(read_tensor(m, f.bytes, graph, &a->index));
            a->kind = ONNX_ATTR_TENSOR;
        } else if (f.number == 6 && is_bytes) {
            ERR_TRY(read_graph(m, f.bytes, graph, depth + 1, &a->index));
            a->kind = ONNX_ATTR_GRAPH;
        }
    }
    return more < 0 ? damaged(m, &w, "a cut attribute") : STENO_OK;
}

/* Names of one kind (field 1 inputs, field 2 outputs) are adjacent in the table. */
static steno_err read_names(onnx *m, wire w, uint32_t number, uint32_t *first, uint32_t *n) {
    field f;
    *first = (uint32_t)m->names.n;
    while (wire_next(&w, &f) > 0) {
        onnx_text name;
        if (f.number != number) continue;
        ERR_TRY(field_text(m, &f, &name));
        ERR_TRY(table_add(m, &m->names, &name));
    }
    *n = (uint32_t)m->names.n - *first;
    return STENO_OK;
}

/* Subgraphs add attributes of their own nodes while this node's are read, so these are gathered first. */
#define NODE_MAX_ATTRIBUTES 32

static steno_err read_node(onnx *m, wire w, uint32_t graph, int depth) {
    onnx_node node = {.graph = graph};
    onnx_attribute attributes[NODE_MAX_ATTRIBUTES];
    wire whole = w;
    field f;
    int more;
    memset(attributes, 0, sizeof attributes);
    while ((more = wire_next(&w, &f)) > 0) {
        if (f.number == 3) ERR_TRY(field_text(m, &f, &node.name));
        if (f.number == 4) ERR_TRY(field_text(m, &f, &node.op));
        if (f.number != 5) continue;
        if (f.type != WIRE_BYTES) return damaged(m, &w, "an attribute of the wrong kind");
        if (node.n_attributes == NODE_MAX_ATTRIBUTES) {
            return err_fail(STENO_E_LIMIT, "%s: a node with more than %d attributes", m->file.name,
                            NODE_MAX_ATTRIBUTES);
        }
        ERR_TRY(read_attribute(m, f.bytes, graph, depth, &attributes[node.n_attributes++]));
    }
    if (more < 0) return damaged(m, &w, "a cut node");
    ERR_TRY(read_names(m, whole, 1, &node.first_input, &node.n_inputs));
    ERR_TRY(read_names(m, whole, 2, &node.first_output, &node.n_outputs));
    node.first_attribute = (uint32_t)m->attributes.n;
    for (uint32_t i = 0; i < node.n_attributes; i++) ERR_TRY(table_add(m, &m->attributes, &attributes[i]));
    return table_add(m, &m->nodes, &node);
}

static steno_err read_graph(onnx *m, wire w, uint32_t parent, int depth, uint32_t *index) {
    if (depth > ONNX_MAX_DEPTH) {
        return err_fail(STENO_E_LIMIT, "%s: graphs nested deeper than %d", m->file.name, ONNX_MAX_DEPTH);
    }
    onnx_graph g = {.parent = parent};
    uint32_t self = (uint32_t)m->graphs.n;
    if (index) *index = self;
    ERR_TRY(table_add(m, &m->graphs, &g));
    field f;
    int more;
    while ((more = wire_next(&w, &f)) > 0) {
        if (f.number != 1 && f.number != 5) continue;
        if (f.type != WIRE_BYTES) return damaged(m, &w, "a node or tensor of the wrong kind");
        if (f.number == 1) ERR_TRY(read_node(m, f.bytes, self, depth));
        if (f.number == 5) ERR_TRY(read_tensor(m, f.bytes, self, NULL));
    }
    return more < 0 ? damaged(m, &w, "a cut graph") : STENO_OK;
}

static steno_err read_model(onnx *m) {
    wire w = {m->file.bytes, m->file.bytes + m->file.n};
    field f;
    int more;
    bool seen = false;
    while ((more = wire_next(&w, &f)) > 0) {
        if (f.number != 7) continue;
        if (f.type != WIRE_BYTES || seen) return damaged(m, &w, "more than one graph");
        seen = true;
        ERR_TRY(read_graph(m, f.bytes, 0, 0, NULL));
    }
    if (more < 0) return damaged(m, &w, "a cut or foreign record");
    if (!seen) return damaged(m, &w, "no graph");
    return STENO_OK;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static steno_err open_mapped(mapfile *file, onnx **out) {
    onnx *m = mem_alloc(1, sizeof *m);
    if (!m) {
        steno_err err = err_fail(STENO_E_NOMEM, "%s: no memory to read it", file->name);
        mapfile_close(file);
        return err;
    }
    m->file = *file;
    m->graphs = (table){.item_bytes = sizeof(onnx_graph), .limit = ONNX_MAX_GRAPHS, .what = "graphs"};
    m->nodes = (table){.item_bytes = sizeof(onnx_node), .limit = ONNX_MAX_NODES, .what = "nodes"};
    m->tensors = (table){.item_bytes = sizeof(onnx_tensor), .limit = ONNX_MAX_TENSORS, .what = "tensors"};
    m->attributes = (table){.item_bytes = sizeof(onnx_attribute), .limit = ONNX_MAX_ATTRIBUTES, .what = "attributes"};
    m->names = (table){.item_bytes = sizeof(onnx_text), .limit = ONNX_MAX_NAMES, .what = "names"};
    steno_err err = read_model(m);
    if (err != STENO_OK) {
        onnx_close(m);
        return err;
    }
    *out = m;
    return STENO_OK;
}

steno_err onnx_open(const char *path, onnx **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_open(path, ONNX_MAX_FILE_BYTES, &file));
    return open_mapped(&file, out);
}

steno_err onnx_open_memory(const char *name, const void *bytes, size_t n, onnx **out) {
    mapfile file;
    *out = NULL;
    ERR_TRY(mapfile_borrow(name, bytes, n, &file));
    return open_mapped(&file, out);
}

void onnx_close(onnx *m) {
    if (!m) return;
    mem_free(m->graphs.items);
    mem_free(m->nodes.items);
    mem_free(m->tensors.items);
    mem_free(m->attributes.items);
    mem_free(m->names.items);
    mapfile_close(&m->file);
    mem_free(m);
}

/* ---- looking things up ------------------------------------------------------------------------------------------ */

const char *onnx_name(const onnx *m) {
    return m->file.name;
}

size_t onnx_graphs(const onnx *m) {
    return m->graphs.n;
}

size_t onnx_nodes(const onnx *m) {
    return m->nodes.n;
}

size_t onnx_tensors(const onnx *m) {
    return m->tensors.n;
}

const onnx_node *onnx_node_at(const onnx *m, size_t i) {
    return i < m->nodes.n ? (const onnx_node *)(const void *)m->nodes.items + i : NULL;
}

const onnx_tensor *onnx_tensor_at(const onnx *m, size_t i) {
    return i < m->tensors.n ? (const onnx_tensor *)(const void *)m->tensors.items + i : NULL;
}

static onnx_text name_at(const onnx *m, uint32_t i) {
    return ((const onnx_text *)(const void *)m->names.items)[i];
}

onnx_text onnx_input(const onnx *m, const onnx_node *node, uint32_t i) {
    return i < node->n_inputs ? name_at(m, node->first_input + i) : (onnx_text){"", 0};
}

onnx_text onnx_output(const onnx *m, const onnx_node *node, uint32_t i) {
    return i < node->n_outputs ? name_at(m, node->first_output + i) : (onnx_text){"", 0};
}

const onnx_attribute *onnx_attribute_named(const onnx *m, const onnx_node *node, const char *name) {
    const onnx_attribute *all = (const onnx_attribute *)(const void *)m->attributes.items;
    for (uint32_t i = 0; i < node->n_attributes; i++) {
        if (onnx_text_is(all[node->first_attribute + i].name, name)) return &all[node->first_attribute + i];
    }
    return NULL;
}

bool onnx_text_is(onnx_text text, const char *word) {
    return text.n == strlen(word) && memcmp(text.at, word, text.n) == 0;
}

bool onnx_text_same(onnx_text a, onnx_text b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

const onnx_node *onnx_producer(const onnx *m, onnx_text output, size_t from) {
    if (output.n == 0) return NULL;
    for (size_t i = from; i < m->nodes.n; i++) {
        const onnx_node *node = onnx_node_at(m, i);
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (onnx_text_same(onnx_output(m, node, k), output)) return node;
        }
    }
    return NULL;
}

const onnx_node *onnx_consumer(const onnx *m, onnx_text input, const char *op) {
    if (input.n == 0) return NULL;
    for (size_t i = 0; i < m->nodes.n; i++) {
        const onnx_node *node = onnx_node_at(m, i);
        if (!onnx_text_is(node->op, op)) continue;
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (onnx_text_same(onnx_input(m, node, k), input)) return node;
        }
    }
    return NULL;
}

static const onnx_tensor *constant_named(const onnx *m, onnx_text name) {
    const onnx_node *node = onnx_producer(m, name, 0);
    if (!node || !onnx_text_is(node->op, "Constant")) return NULL;
    const onnx_attribute *value = onnx_attribute_named(m, node, "value");
    return value && value->kind == ONNX_ATTR_TENSOR ? onnx_tensor_at(m, value->index) : NULL;
}

const onnx_tensor *onnx_tensor_named(const onnx *m, onnx_text name) {
    const onnx_tensor *found = NULL;
    if (name.n == 0) return NULL;
    for (size_t i = 0; i < m->tensors.n; i++) {
        const onnx_tensor *t = onnx_tensor_at(m, i);
        if (!onnx_text_same(t->name, name)) continue;
        if (found && found->graph == t->graph) return NULL;
        if (!found) found = t;
    }
    return found ? found : constant_named(m, name);
}

const unsigned char *onnx_tensor_data(const onnx_tensor *tensor) {
    if (tensor->bytes == 0) return NULL;
    return tensor->stored ? tensor->stored : tensor->inlined;
}
