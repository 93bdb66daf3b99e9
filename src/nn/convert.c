/* convert.c: finds the role of each anonymous ONNX initializer by the node that uses it. See convert.h.
 *
 * The published graphs keep PyTorch's module path in the names of intermediate results ("/layers.0/self_attn/q_proj/
 * MatMul_output_0"), while their weights are called onnx::MatMul_1493. So every weight is reached from the result it
 * contributes to. Shapes are then checked against the widths read from the first ones.
 */
#include "nn/convert.h"

#include "base/mem.h"
#include "nn/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_TENSORS  2048
#define NAME_BYTES   64
#define LOOKUP_BYTES 256
#define MAX_META     24
#define META_BYTES   96

typedef struct builder {
    weights_tensor *tensors; /* [MAX_TENSORS] */
    char (*names)[NAME_BYTES];
    size_t n;
    weights_meta_pair meta[MAX_META];
    char meta_text[MAX_META][META_BYTES];
    size_t n_meta;
} builder;

static void builder_free(builder *b) {
    if (!b) return;
    mem_free(b->tensors);
    mem_free(b->names);
    mem_free(b);
}

static steno_err builder_new(const char *path, builder **out) {
    builder *b = mem_alloc(1, sizeof *b);
    if (b) {
        b->tensors = mem_alloc(MAX_TENSORS, sizeof *b->tensors);
        b->names = mem_alloc(MAX_TENSORS, sizeof *b->names);
    }
    if (!b || !b->tensors || !b->names) {
        builder_free(b);
        return err_fail(STENO_E_NOMEM, "%s: no memory to convert it", path);
    }
    *out = b;
    return STENO_OK;
}

static steno_err missing(const onnx *m, const char *what) {
    return err_fail(STENO_E_FORMAT, "%s: not the expected network: no usable %s", onnx_name(m), what);
}

/* ---- taking tensors --------------------------------------------------------------------------------------------- */

static bool dtype_of(int32_t type, weights_dtype *out) {
    switch (type) {
    case ONNX_FLOAT:
        *out = WEIGHTS_F32;
        return true;
    case ONNX_UINT8:
        *out = WEIGHTS_U8;
        return true;
    case ONNX_INT8:
        *out = WEIGHTS_I8;
        return true;
    default:
        return false;
    }
}

/* Shapes are equal when they are without their ones: [288, 1] is [288], and [] is [1]. -1 in `want` takes any size. */
static bool shape_fits(const onnx_tensor *t, int dims, const int64_t *want) {
    int i = 0, k = 0;
    for (;;) {
        while (i < t->dims && t->shape[i] == 1) i++;
        while (k < dims && want[k] == 1) k++;
        if (i == t->dims || k == dims) return i == t->dims && k == dims;
        if (want[k] != -1 && want[k] != t->shape[i]) return false;
        i++;
        k++;
    }
}

typedef struct shape {
    int dims;
    int64_t at[3];
} shape;

/* Appends one tensor under the name `prefix`.`leaf`, as `s` says it must look. */
static steno_err take(builder *b, const onnx *m, const onnx_tensor *t, weights_dtype dtype, shape s, const char *prefix,
                      const char *leaf) {
    char name[LOOKUP_BYTES];
    weights_dtype have;
    int n = snprintf(name, sizeof name, "%s.%s", prefix, leaf);
    if (n < 0 || n >= NAME_BYTES) return err_fail(STENO_E_INTERNAL, "the name %s is too long", name);
    const unsigned char *data = t ? onnx_tensor_data(t) : NULL;
    if (!data || !dtype_of(t->type, &have) || have != dtype || !shape_fits(t, s.dims, s.at)) return missing(m, name);
    if (b->n == MAX_TENSORS) return err_fail(STENO_E_LIMIT, "%s: more than %d weights", onnx_name(m), MAX_TENSORS);
    weights_tensor *to = &b->tensors[b->n];
    memcpy(b->names[b->n], name, (size_t)n + 1);
    to->name = b->names[b->n++];
    to->dtype = dtype;
    to->dims = s.dims;
    for (int i = 0; i < s.dims; i++) to->shape[i] = s.at[i];
    to->data = data;
    to->bytes = t->bytes;
    return STENO_OK;
}

static const shape scalar = {1, {1}};

static shape vec(int64_t n) {
    return (shape){1, {n}};
}

static shape mat(int64_t k, int64_t n) {
    return (shape){2, {k, n}};
}

/* ---- finding nodes ---------------------------------------------------------------------------------------------- */

static onnx_text text_of(char *buffer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Formats into `buffer` [LOOKUP_BYTES]. */
static onnx_text text_of(char *buffer, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buffer, LOOKUP_BYTES, fmt, ap);
    va_end(ap);
    return (onnx_text){buffer, n > 0 && n < LOOKUP_BYTES ? (size_t)n : 0};
}

/* The one input of `node` that is a stored tensor; NULL when there are none or several. */
static const onnx_tensor *stored_input(const onnx *m, const onnx_node *node) {
    const onnx_tensor *found = NULL;
    for (uint32_t i = 0; node && i < node->n_inputs; i++) {
        const onnx_tensor *t = onnx_tensor_named(m, onnx_input(m, node, i));
        if (t && found) return NULL;
        if (t) found = t;
    }
    return found;
}

static const onnx_node *producer_of(const onnx *m, onnx_text output, const char *op) {
    const onnx_node *node = onnx_producer(m, output, 0);
    return node && onnx_text_is(node->op, op) ? node : NULL;
}

/* The stored input of the node `op` that makes PREFIX/LEAF. */
static const onnx_tensor *input_of(const onnx *m, const char *prefix, const char *leaf, const char *op) {
    char name[LOOKUP_BYTES];
    return stored_input(m, producer_of(m, text_of(name, "%s/%s", prefix, leaf), op));
}

/* ---- the parts of a transformer --------------------------------------------------------------------------------- */

/* Both branches of the decoder compute the same projection; they must do it with the same weights. */
static bool branches_agree(const onnx *m, onnx_text output, const onnx_node *first) {
    size_t i = (size_t)(first - onnx_node_at(m, 0)) + 1;
    const onnx_node *other;
    while ((other = onnx_producer(m, output, i)) != NULL) {
        if (!onnx_text_same(other->op, first->op)) return false;
        for (uint32_t k = 1; k < 4; k += 2) {
            if (!onnx_text_same(onnx_input(m, other, k), onnx_input(m, first, k))) return false;
        }
        i = (size_t)(other - onnx_node_at(m, 0)) + 1;
    }
    return true;
}

/* A dynamically quantised product: result = (x_u8 - x_zero) @ (weight - zero_point) * (x_scale * scale). */
static steno_err take_linear(builder *b, const onnx *m, const char *path, const char *prefix, shape kn) {
    char name[LOOKUP_BYTES], scales[LOOKUP_BYTES];
    onnx_text output = text_of(name, "%s/MatMul_output_0_output_quantized", path);
    const onnx_node *node = producer_of(m, output, "MatMulInteger");
    if (!node || !branches_agree(m, output, node)) return missing(m, prefix);
    const onnx_node *mul = producer_of(m, text_of(scales, "%s/MatMul_quant_scales_mul:0", path), "Mul");
    const onnx_tensor *weight = onnx_tensor_named(m, onnx_input(m, node, 1));
    const onnx_tensor *zero = onnx_tensor_named(m, onnx_input(m, node, 3));
    ERR_TRY(take(b, m, weight, WEIGHTS_U8, kn, prefix, "weight"));
    ERR_TRY(take(b, m, stored_input(m, mul), WEIGHTS_F32, scalar, prefix, "scale"));
    return take(b, m, zero, WEIGHTS_U8, scalar, prefix, "zero_point");
}

static steno_err take_linear_bias(builder *b, const onnx *m, const char *path, const char *prefix, shape kn) {
    ERR_TRY(take_linear(b, m, path, prefix, kn));
    return take(b, m, input_of(m, path, "Add_output_0", "Add"), WEIGHTS_F32, vec(kn.at[1]), prefix, "bias");
}

/* LayerNorm without bias: the Mul that reads PATH/Div_output_0. */
static steno_err take_norm(builder *b, const onnx *m, const char *path, const char *prefix, int64_t width) {
    char name[LOOKUP_BYTES];
    const onnx_node *mul = onnx_consumer(m, text_of(name, "%s/Div_output_0", path), "Mul");
    return take(b, m, stored_input(m, mul), WEIGHTS_F32, vec(width), prefix, "weight");
}

/* `path` is the attention's module, `prefix` its canonical name; q, k, v and o are [D, D]. */
static steno_err take_attention(builder *b, const onnx *m, const char *path, const char *prefix, int64_t width) {
    static const char *const from[] = {"q_proj", "k_proj", "v_proj", "dense"};
    static const char *const to[] = {"q", "k", "v", "o"};
    for (int i = 0; i < 4; i++) {
        char p[LOOKUP_BYTES], t[LOOKUP_BYTES];
        text_of(p, "%s/%s", path, from[i]);
        text_of(t, "%s.%s", prefix, to[i]);
        ERR_TRY(take_linear(b, m, p, t, mat(width, width)));
    }
    return STENO_OK;
}

static steno_err take_rotary(builder *b, const onnx *m, const char *path, const char *prefix, int64_t *rotary) {
    const onnx_tensor *freq = input_of(m, path, "rotary_emb/MatMul_output_0", "MatMul");
    if (!freq || freq->count < 1 || freq->count > 256) return missing(m, "rotary_emb inv_freq");
    *rotary = 2 * (int64_t)freq->count;
    return take(b, m, freq, WEIGHTS_F32, vec((int64_t)freq->count), prefix, "inv_freq");
}

/* ---- Moonshine -------------------------------------------------------------------------------------------------- */

typedef struct moonshine {
    int64_t width, heads, head_dim, rotary, encoder_hidden, decoder_hidden, vocab;
    int encoder_layers, decoder_layers;
} moonshine;

/* A convolution's weight is Add(Mul(Cast(i8), scale), offset): the "zero point" of this export is a float offset. */
static const onnx_node *conv_step(const onnx *m, const onnx_node *above, uint32_t input, const char *op) {
    return above ? producer_of(m, onnx_input(m, above, input), op) : NULL;
}

static steno_err take_conv(builder *b, const onnx *m, int i, shape out_in_kernel, bool bias) {
    char name[LOOKUP_BYTES], prefix[LOOKUP_BYTES];
    text_of(prefix, "encoder.conv%d", i);
    const onnx_node *conv = producer_of(m, text_of(name, "/conv%d/Conv_output_0", i), "Conv");
    const onnx_node *add = conv_step(m, conv, 1, "Add");
    const onnx_node *mul = conv_step(m, add, 0, "Mul");
    const onnx_node *cast = conv_step(m, mul, 0, "Cast");
    if (!cast) return missing(m, prefix);
    const onnx_tensor *weight = onnx_tensor_named(m, onnx_input(m, cast, 0));
    ERR_TRY(take(b, m, weight, WEIGHTS_I8, out_in_kernel, prefix, "weight"));
    ERR_TRY(take(b, m, stored_input(m, mul), WEIGHTS_F32, scalar, prefix, "scale"));
    ERR_TRY(take(b, m, stored_input(m, add), WEIGHTS_F32, scalar, prefix, "offset"));
    if (!bias) return conv->n_inputs == 2 ? STENO_OK : missing(m, "convolution without a bias");
    return take(b, m, onnx_tensor_named(m, onnx_input(m, conv, 2)), WEIGHTS_F32, vec(out_in_kernel.at[0]), prefix,
                "bias");
}

/* Convolution stem, norms and rotary frequencies. */
static steno_err take_stem(builder *b, const onnx *m, moonshine *s) {
    int64_t d = s->width;
    ERR_TRY(take_conv(b, m, 1, (shape){3, {d, 1, 127}}, false));
    ERR_TRY(take_conv(b, m, 2, (shape){3, {2 * d, d, 7}}, true));
    ERR_TRY(take_conv(b, m, 3, (shape){3, {d, 2 * d, 3}}, true));
    const onnx_tensor *gain = input_of(m, "/groupnorm", "Mul_output_0", "Mul");
    const onnx_tensor *shift = input_of(m, "/groupnorm", "Add_output_0", "Add");
    ERR_TRY(take(b, m, gain, WEIGHTS_F32, vec(d), "encoder.groupnorm", "weight"));
    ERR_TRY(take(b, m, shift, WEIGHTS_F32, vec(d), "encoder.groupnorm", "bias"));
    ERR_TRY(take_norm(b, m, "/layer_norm", "encoder.norm", d));
    return take_rotary(b, m, "", "encoder.rotary", &s->rotary);
}

static steno_err take_encoder_layer(builder *b, const onnx *m, const moonshine *s, int i) {
    char path[LOOKUP_BYTES], name[LOOKUP_BYTES];
    int64_t d = s->width, h = s->encoder_hidden;
    text_of(path, "/layers.%d/input_layernorm", i);
    text_of(name, "encoder.layers.%d.attn_norm", i);
    ERR_TRY(take_norm(b, m, path, name, d));
    text_of(path, "/layers.%d/self_attn", i);
    text_of(name, "encoder.layers.%d.attn", i);
    ERR_TRY(take_attention(b, m, path, name, d));
    text_of(path, "/layers.%d/post_attention_layernorm", i);
    text_of(name, "encoder.layers.%d.mlp_norm", i);
    ERR_TRY(take_norm(b, m, path, name, d));
    text_of(path, "/layers.%d/mlp/fc1", i);
    text_of(name, "encoder.layers.%d.mlp.fc1", i);
    ERR_TRY(take_linear_bias(b, m, path, name, mat(d, h)));
    text_of(path, "/layers.%d/mlp/fc2", i);
    text_of(name, "encoder.layers.%d.mlp.fc2", i);
    return take_linear_bias(b, m, path, name, mat(h, d));
}

static steno_err take_decoder_layer(builder *b, const onnx *m, const moonshine *s, int i) {
    static const struct {
        const char *from, *to;
    } norms[] = {
        {"input_layernorm", "self_norm"}, {"post_attention_layernorm", "cross_norm"}, {"final_layernorm", "mlp_norm"}};
    char path[LOOKUP_BYTES], name[LOOKUP_BYTES];
    int64_t d = s->width, h = s->decoder_hidden;
    for (int k = 0; k < 3; k++) {
        text_of(path, "/model/decoder/layers.%d/%s", i, norms[k].from);
        text_of(name, "decoder.layers.%d.%s", i, norms[k].to);
        ERR_TRY(take_norm(b, m, path, name, d));
    }
    text_of(path, "/model/decoder/layers.%d/self_attn", i);
    text_of(name, "decoder.layers.%d.self", i);
    ERR_TRY(take_attention(b, m, path, name, d));
    text_of(path, "/model/decoder/layers.%d/encoder_attn", i);
    text_of(name, "decoder.layers.%d.cross", i);
    ERR_TRY(take_attention(b, m, path, name, d));
    text_of(path, "/model/decoder/layers.%d/mlp/up_proj", i);
    text_of(name, "decoder.layers.%d.mlp.up", i);
    ERR_TRY(take_linear_bias(b, m, path, name, mat(d, 2 * h)));
    text_of(path, "/model/decoder/layers.%d/mlp/down_proj", i);
    text_of(name, "decoder.layers.%d.mlp.down", i);
    return take_linear_bias(b, m, path, name, mat(h, d));
}

#define EMBED "/model/decoder/embed_tokens/Gather_output_0"

static const onnx_tensor *embedding(const onnx *m) {
    const onnx_node *gather = producer_of(m, (onnx_text){EMBED "_quantized", strlen(EMBED "_quantized")}, "Gather");
    return gather ? onnx_tensor_named(m, onnx_input(m, gather, 0)) : NULL;
}

static steno_err take_embedding(builder *b, const onnx *m, const moonshine *s) {
    const onnx_node *deq = producer_of(m, (onnx_text){EMBED, strlen(EMBED)}, "DequantizeLinear");
    if (!deq) return missing(m, "decoder.embed");
    const onnx_tensor *scale = onnx_tensor_named(m, onnx_input(m, deq, 1));
    const onnx_tensor *zero = onnx_tensor_named(m, onnx_input(m, deq, 2));
    ERR_TRY(take(b, m, embedding(m), WEIGHTS_U8, mat(s->vocab, s->width), "decoder.embed", "weight"));
    ERR_TRY(take(b, m, scale, WEIGHTS_F32, scalar, "decoder.embed", "scale"));
    return take(b, m, zero, WEIGHTS_U8, scalar, "decoder.embed", "zero_point");
}

static int count_layers(const onnx *m, const char *base) {
    char name[LOOKUP_BYTES];
    int n = 0;
    while (
        n <= CONVERT_MAX_LAYERS &&
        onnx_producer(m, text_of(name, "%slayers.%d/self_attn/q_proj/MatMul_output_0_output_quantized", base, n), 0)) {
        n++;
    }
    return n;
}

/* The k of the weight [k, n] behind PATH's product, or 0. */
static int64_t input_width(const onnx *m, const char *path) {
    char name[LOOKUP_BYTES];
    const onnx_node *node = producer_of(m, text_of(name, "%s/MatMul_output_0_output_quantized", path), "MatMulInteger");
    const onnx_tensor *t = node ? onnx_tensor_named(m, onnx_input(m, node, 1)) : NULL;
    return t && t->dims == 2 ? t->shape[0] : 0;
}

static int64_t constant_int(const onnx *m, const char *name) {
    const onnx_tensor *t = onnx_tensor_named(m, (onnx_text){name, strlen(name)});
    int64_t value = 0;
    if (t && t->type == ONNX_INT64 && t->bytes == sizeof value) memcpy(&value, onnx_tensor_data(t), sizeof value);
    return value;
}

static steno_err measure(const onnx *encoder, const onnx *decoder, moonshine *s) {
    const onnx_tensor *embed = embedding(decoder);
    if (!embed || embed->dims != 2) return missing(decoder, "token embedding");
    s->vocab = embed->shape[0];
    s->width = embed->shape[1];
    if (s->width < 1 || s->width > 8192 || s->vocab < 3) return missing(decoder, "token embedding of a usable size");
    s->encoder_layers = count_layers(encoder, "/");
    s->decoder_layers = count_layers(decoder, "/model/decoder/");
    bool few = s->encoder_layers > 0 && s->encoder_layers <= CONVERT_MAX_LAYERS;
    if (!few) return missing(encoder, "number of layers");
    few = s->decoder_layers > 0 && s->decoder_layers <= CONVERT_MAX_LAYERS;
    if (!few) return missing(decoder, "number of layers");
    s->encoder_hidden = input_width(encoder, "/layers.0/mlp/fc2");
    s->decoder_hidden = input_width(decoder, "/model/decoder/layers.0/mlp/down_proj");
    if (s->encoder_hidden < 1 || s->encoder_hidden > 65536) return missing(encoder, "layers.0 mlp");
    if (s->decoder_hidden < 1 || s->decoder_hidden > 65536) return missing(decoder, "layers.0 mlp");
    s->heads = constant_int(encoder, "/layers.0/self_attn/Constant_3_output_0");
    s->head_dim = constant_int(encoder, "/layers.0/self_attn/Constant_4_output_0");
    if (s->heads < 1 || s->heads > 1024 || s->head_dim != s->width / s->heads || s->heads * s->head_dim != s->width) {
        return missing(encoder, "number of attention heads");
    }
    return STENO_OK;
}

/* ---- the header's metadata -------------------------------------------------------------------------------------- */

static void meta_text(builder *b, const char *key, const char *value) {
    if (b->n_meta == MAX_META || !value) return;
    snprintf(b->meta_text[b->n_meta], META_BYTES, "%s", value);
    b->meta[b->n_meta].key = key;
    b->meta[b->n_meta].value = b->meta_text[b->n_meta];
    b->n_meta++;
}

static void meta_number(builder *b, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    meta_text(b, key, text);
}

static void meta_source(builder *b, const char *arch, const convert_source *source) {
    meta_text(b, "format", "steno");
    meta_text(b, "arch", arch);
    meta_text(b, "name", source->name);
    meta_text(b, "language", source->language);
    meta_text(b, "licence", source->licence);
    meta_text(b, "source", source->package);
}

static void meta_moonshine(builder *b, const moonshine *s, const convert_source *source) {
    meta_source(b, "moonshine", source);
    meta_text(b, "source_encoder_sha256", source->sha256[0]);
    meta_text(b, "source_decoder_sha256", source->sha256[1]);
    meta_number(b, "width", s->width);
    meta_number(b, "heads", s->heads);
    meta_number(b, "head_dim", s->head_dim);
    meta_number(b, "rotary_dim", s->rotary);
    meta_number(b, "encoder_layers", s->encoder_layers);
    meta_number(b, "decoder_layers", s->decoder_layers);
    meta_number(b, "encoder_hidden", s->encoder_hidden);
    meta_number(b, "decoder_hidden", s->decoder_hidden);
    meta_number(b, "vocab", s->vocab);
    meta_number(b, "start_token", 1);
    meta_number(b, "end_token", 2);
}

/* ---- the two conversions ---------------------------------------------------------------------------------------- */

static steno_err take_moonshine(builder *b, const onnx *encoder, const onnx *decoder, moonshine *s) {
    int64_t rotary = 0;
    ERR_TRY(measure(encoder, decoder, s));
    ERR_TRY(take_stem(b, encoder, s));
    for (int i = 0; i < s->encoder_layers; i++) ERR_TRY(take_encoder_layer(b, encoder, s, i));
    ERR_TRY(take_embedding(b, decoder, s));
    for (int i = 0; i < s->decoder_layers; i++) ERR_TRY(take_decoder_layer(b, decoder, s, i));
    ERR_TRY(take_norm(b, decoder, "/model/decoder/norm", "decoder.norm", s->width));
    ERR_TRY(take_rotary(b, decoder, "/model/decoder", "decoder.rotary", &rotary));
    if (rotary != s->rotary || rotary > s->head_dim) return missing(decoder, "rotary embedding of the encoder's size");
    return STENO_OK;
}

steno_err convert_moonshine(const onnx *encoder, const onnx *decoder, const convert_source *source,
                            const char *out_path) {
    builder *b;
    moonshine s = {0};
    ERR_TRY(builder_new(out_path, &b));
    steno_err err = take_moonshine(b, encoder, decoder, &s);
    if (err == STENO_OK) {
        meta_moonshine(b, &s, source);
        err = weights_write(out_path, b->tensors, b->n, b->meta, b->n_meta);
    }
    builder_free(b);
    return err;
}

/* The 16 kHz network is the then branch of the outermost If; the 8 kHz one has tensors of the same names. */
static steno_err silero_branch(const onnx *m, uint32_t *graph) {
    for (size_t i = 0; i < onnx_nodes(m); i++) {
        const onnx_node *node = onnx_node_at(m, i);
        const onnx_attribute *then = onnx_attribute_named(m, node, "then_branch");
        if (node->graph != 0 || !then || then->kind != ONNX_ATTR_GRAPH) continue;
        *graph = then->index;
        return STENO_OK;
    }
    return missing(m, "branch for 16 kHz");
}

static const onnx_tensor *branch_tensor(const onnx *m, uint32_t graph, const char *name) {
    for (size_t i = 0; i < onnx_tensors(m); i++) {
        const onnx_tensor *t = onnx_tensor_at(m, i);
        if (t->graph == graph && onnx_text_is(t->name, name)) return t;
    }
    return NULL;
}

static steno_err take_silero(builder *b, const onnx *m) {
    static const struct {
        const char *from, *prefix, *leaf;
        shape s;
    } parts[] = {
        {"stft.forward_basis_buffer", "stft", "basis", {2, {258, 256}}},
        {"encoder.0.reparam_conv.weight", "encoder.0", "weight", {3, {128, 129, 3}}},
        {"encoder.0.reparam_conv.bias", "encoder.0", "bias", {1, {128}}},
        {"encoder.1.reparam_conv.weight", "encoder.1", "weight", {3, {64, 128, 3}}},
        {"encoder.1.reparam_conv.bias", "encoder.1", "bias", {1, {64}}},
        {"encoder.2.reparam_conv.weight", "encoder.2", "weight", {3, {64, 64, 3}}},
        {"encoder.2.reparam_conv.bias", "encoder.2", "bias", {1, {64}}},
        {"encoder.3.reparam_conv.weight", "encoder.3", "weight", {3, {128, 64, 3}}},
        {"encoder.3.reparam_conv.bias", "encoder.3", "bias", {1, {128}}},
        {"decoder.rnn.weight_ih", "lstm", "weight_ih", {2, {512, 128}}},
        {"decoder.rnn.weight_hh", "lstm", "weight_hh", {2, {512, 128}}},
        {"decoder.rnn.bias_ih", "lstm", "bias_ih", {1, {512}}},
        {"decoder.rnn.bias_hh", "lstm", "bias_hh", {1, {512}}},
        {"decoder.decoder.2.weight", "out", "weight", {1, {128}}},
        {"decoder.decoder.2.bias", "out", "bias", {1, {1}}},
    };
    uint32_t graph = 0;
    ERR_TRY(silero_branch(m, &graph));
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const onnx_tensor *t = branch_tensor(m, graph, parts[i].from);
        ERR_TRY(take(b, m, t, WEIGHTS_F32, parts[i].s, parts[i].prefix, parts[i].leaf));
    }
    return STENO_OK;
}

steno_err convert_silero(const onnx *model, const convert_source *source, const char *out_path) {
    builder *b;
    ERR_TRY(builder_new(out_path, &b));
    steno_err err = take_silero(b, model);
    if (err == STENO_OK) {
        meta_source(b, "silero", source);
        meta_text(b, "source_sha256", source->sha256[0]);
        meta_number(b, "rate_hz", STENO_SAMPLE_RATE_HZ);
        meta_number(b, "window_samples", 512);
        meta_number(b, "context_samples", 64);
        err = weights_write(out_path, b->tensors, b->n, b->meta, b->n_meta);
    }
    builder_free(b);
    return err;
}
