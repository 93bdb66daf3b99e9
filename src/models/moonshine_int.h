/* moonshine_int.h: the network's layers, for the files of src/models/moonshine*.c only. */
#ifndef STENO_MODELS_MOONSHINE_INT_H
#define STENO_MODELS_MOONSHINE_INT_H

#include "models/moonshine.h"
#include "nn/linear.h"

#define STEM_CONV1_TAPS   127
#define STEM_CONV1_STRIDE 64
#define STEM_CONV2_TAPS   7
#define STEM_CONV2_STRIDE 3
#define STEM_CONV3_TAPS   3
#define STEM_CONV3_STRIDE 2

/* A strided convolution over channels-last frames as a product on overlapping rows: k = taps * channels. Its published
 * weights are int8 with an affine scale; where the CPU multiplies bf16 they stay exact in bf16, otherwise fp32. */
typedef struct conv {
    bool use_bf16;
    kern_bf16 b16;
    kern_f32 f32;
} conv;

typedef struct encoder_layer {
    const float *attn_norm, *mlp_norm; /* [width], in the weight file */
    linear qkv, o, fc1, fc2;
} encoder_layer;

typedef struct decoder_layer {
    const float *self_norm, *cross_norm, *mlp_norm;
    linear self_qkv, self_o, cross_q, cross_kv, cross_o, up, down;
} decoder_layer;

struct moonshine {
    moonshine_info info;
    float *floats; /* owned copies of the small fp32 tensors the pointers below and in the layers name */
    size_t floats_used, floats_cap;
    conv conv1, conv2, conv3;
    const float *gn_gamma, *gn_beta; /* [width] */
    encoder_layer enc[MOONSHINE_MAX_LAYERS];
    decoder_layer dec[MOONSHINE_MAX_LAYERS];
    const float *enc_norm, *dec_norm; /* [width] */
    kern_q8 embed;                    /* [width -> vocab], also the embedding */
    kern_f32 embed_f32;               /* the same dequantised, fp32 path only */
    kern_page_kind pages;             /* of the KV cache: int8 where activations are and the CPU multiplies it */
    float logit_margin;               /* see moonshine_decoder.c: the screening error a unit of row scale can cause */
    float *cos_t, *sin_t;             /* [MOONSHINE_MAX_FRAMES, rotary_pairs] */
    float align_weight[MOONSHINE_MAX_LAYERS][MOONSHINE_MAX_HEADS]; /* heads that follow the audio, for word times */
};

/* ---- parts of the encoder (moonshine_encoder.c), for the chunk-wise one ------------------------------------------ */

#define MOONSHINE_ROW_BLOCK                                                                                            \
    128 /* rows whose activations (hidden 1152 floats) fit the second cache beside a layer's weights */

static inline size_t moonshine_pad64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

stem_sizes moonshine_stem_sizes(int samples);
size_t moonshine_stem_bytes(const moonshine *m, int samples);

/* One stem: audio [samples] -> out [t3, width], which the caller holds. Everything else is taken from the arena. */
STENO_CHECK steno_err moonshine_stem_begin(moonshine_stem *st, const moonshine *m, arena *a, const float *pcm,
                                           int samples, float *out);
/* A slice of the first convolution; true when st->first [t1, width] is whole: the caller normalises it. */
bool moonshine_stem_first(moonshine_stem *st);
/* Then memory for the other two, and slices of them; true when `out` is whole. st->first is overwritten. */
STENO_CHECK steno_err moonshine_stem_begin_rest(moonshine_stem *st);
bool moonshine_stem_rest(moonshine_stem *st);

/* Memory of the layers, taken where the stems' was. */
STENO_CHECK steno_err moonshine_encode_begin_layers(moonshine_encoding *e);
/* What comes before attention (states -> qkv) and after it (context -> states), for rows [from, end); and one decoder layer's
 * cross keys. */
STENO_CHECK steno_err moonshine_encode_qkv(moonshine_encoding *e, const encoder_layer *l, int from, int end);
STENO_CHECK steno_err moonshine_encode_mlp(moonshine_encoding *e, const encoder_layer *l, int from, int end);
STENO_CHECK steno_err moonshine_encode_cross(moonshine_encoding *e, int layer);

typedef void (*moonshine_attention)(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t,
                                    int heads, int head_dim, float scale, void *scratch, float *out, int ldo);
moonshine_attention moonshine_attention_of(const moonshine *m);

/* Where layer `layer` lies in a page of all layers, in halfs. */
size_t moonshine_layer_offset(const moonshine *m, int layer);

/* One position's keys and values [width] into slot 0..15 of one layer's page. */
void moonshine_store_page(const moonshine *m, uint16_t *page, int slot, const float *k, const float *v);

/* Turns heads of queries or keys x [width] by `position`. */
void moonshine_rope(const moonshine *m, float *x, int position);

#endif
