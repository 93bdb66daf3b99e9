/* moonshine.c: opening a Moonshine network: weights, tables and sizes. */
#include "models/moonshine_int.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cross-attention heads whose weights follow the audio, chosen by bench/times on recordings with known word times (see
 * docs/word-times.md). The last entry has weight 0. */
typedef struct align_head {
    int layer, head;
    float weight;
} align_head;

#define ALIGN_HEADS 8

static const struct align_choice {
    int width, layers, heads, delay_frames;
    align_head use[ALIGN_HEADS];
} align_choices[] = {
    {288, 6, 8, 0, {{5, 4, 1.0f}, {4, 3, 1.0f}, {5, 0, 0.5f}, {3, 6, 0.5f}}},               /* tiny */
    {416, 8, 8, 1, {{6, 4, 1.0f}, {6, 1, 0.5f}, {7, 5, 0.5f}, {5, 5, 0.5f}, {6, 6, 0.5f}}}, /* base */
};

static const moonshine_info *info_of(const moonshine *m) {
    return &m->info;
}

const moonshine_info *moonshine_describe(const moonshine *m) {
    return info_of(m);
}

int moonshine_frames(int samples) {
    if (samples < STEM_CONV1_TAPS) return 0;
    int t1 = (samples - STEM_CONV1_TAPS) / STEM_CONV1_STRIDE + 1;
    if (t1 < STEM_CONV2_TAPS) return 0;
    int t2 = (t1 - STEM_CONV2_TAPS) / STEM_CONV2_STRIDE + 1;
    if (t2 < STEM_CONV3_TAPS) return 0;
    return (t2 - STEM_CONV3_TAPS) / STEM_CONV3_STRIDE + 1;
}

int moonshine_token_limit(int samples) {
    int limit = (int)ceil((double)samples / STENO_SAMPLE_RATE_HZ * 6.5);
    if (limit < 4) limit = 4;
    return limit < MOONSHINE_MAX_TOKENS ? limit : MOONSHINE_MAX_TOKENS;
}

size_t moonshine_layer_offset(const moonshine *m, int layer) {
    return (size_t)kern_page_halfs(m->pages, m->info.heads, m->info.head_dim) * (size_t)layer;
}

size_t moonshine_page_halfs(const moonshine *m) {
    return moonshine_layer_offset(m, m->info.decoder_layers);
}

void moonshine_store_page(const moonshine *m, uint16_t *page, int slot, const float *k, const float *v) {
    const moonshine_info *i = &m->info;
    if (m->pages == KERN_PAGE_Q8)
        kern()->page_store_q8(page, slot, i->heads, i->head_dim, k, v);
    else
        kern()->page_store(page, slot, i->heads, i->head_dim, k, v);
}

void moonshine_rope(const moonshine *m, float *x, int position) {
    size_t at = (size_t)position * (size_t)m->info.rotary_pairs;
    kern()->rope_row(x, m->info.heads, m->info.head_dim, m->info.rotary_pairs, m->cos_t + at, m->sin_t + at);
}

/* ---- loading ---------------------------------------------------------------------------------------------------- */

static steno_err meta_int(const weights *w, const char *key, int lo, int hi, int *out) {
    const char *text = weights_meta(w, key);
    char *end = NULL;
    long v = text ? strtol(text, &end, 10) : 0;
    if (!text || end == text || *end || v < lo || v > hi)
        return err_fail(STENO_E_FORMAT, "weights: metadata %s is '%s', want %d..%d", key, text ? text : "absent", lo,
                        hi);
    *out = (int)v;
    return STENO_OK;
}

static steno_err load_info(moonshine_info *i, const weights *w) {
    const char *arch = weights_meta(w, "arch");
    if (!arch || strcmp(arch, "moonshine") != 0)
        return err_fail(STENO_E_FORMAT, "weights: architecture is '%s', want 'moonshine'", arch ? arch : "absent");
    int rotary;
    ERR_TRY(meta_int(w, "width", 16, 4096, &i->width));
    ERR_TRY(meta_int(w, "heads", 1, MOONSHINE_MAX_HEADS, &i->heads));
    ERR_TRY(meta_int(w, "head_dim", 4, KERN_MAX_HEAD_DIM, &i->head_dim));
    ERR_TRY(meta_int(w, "rotary_dim", 2, i->head_dim, &rotary));
    ERR_TRY(meta_int(w, "encoder_layers", 1, MOONSHINE_MAX_LAYERS, &i->encoder_layers));
    ERR_TRY(meta_int(w, "decoder_layers", 1, MOONSHINE_MAX_LAYERS, &i->decoder_layers));
    ERR_TRY(meta_int(w, "encoder_hidden", 16, 16384, &i->encoder_hidden));
    ERR_TRY(meta_int(w, "decoder_hidden", 16, 16384, &i->decoder_hidden));
    ERR_TRY(meta_int(w, "vocab", 4, 1 << 20, &i->vocab));
    ERR_TRY(meta_int(w, "start_token", 0, i->vocab - 1, &i->start_token));
    ERR_TRY(meta_int(w, "end_token", 0, i->vocab - 1, &i->end_token));
    i->rotary_pairs = rotary / 2;
    if (i->heads * i->head_dim != i->width)
        return err_fail(STENO_E_FORMAT, "weights: %d heads of %d do not make a width of %d", i->heads, i->head_dim,
                        i->width);
    return STENO_OK;
}

/* A [n] fp32 tensor copied into the model, so that the weight file can be unmapped. */
static steno_err load_vector(moonshine *m, const weights *w, const char *name, int n, const float **out) {
    weights_tensor t;
    ERR_TRY(weights_expect(w, name, WEIGHTS_F32, 1, (const int64_t[]){n}, &t));
    if (m->floats_used + (size_t)n > m->floats_cap)
        return err_fail(STENO_E_INTERNAL, "%s: no room for small tensors", name);
    float *copy = m->floats + m->floats_used;
    memcpy(copy, t.data, (size_t)n * sizeof *copy);
    m->floats_used += (size_t)n;
    *out = copy;
    return STENO_OK;
}

static steno_err scalar(const weights *w, const char *prefix, const char *field, float *out) {
    char key[128];
    weights_tensor t;
    snprintf(key, sizeof key, "%s.%s", prefix, field);
    ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 1, (const int64_t[]){1}, &t));
    *out = *(const float *)t.data;
    return STENO_OK;
}

/* Published convolution weights are [out, in, taps]; rows of channels-last frames want [out, taps, in], with k padded
 * to an even number by zero weights. An fp32 copy also has the affine scale applied. */
static steno_err conv_load(conv *c, const weights *w, const char *name, int out, int in, int taps, bool has_bias,
                           bool use_bf16) {
    char key[128];
    weights_tensor t, b = {0};
    float scale, offset;
    snprintf(key, sizeof key, "%s.weight", name);
    ERR_TRY(weights_expect(w, key, WEIGHTS_I8, 3, (const int64_t[]){out, in, taps}, &t));
    ERR_TRY(scalar(w, name, "scale", &scale));
    ERR_TRY(scalar(w, name, "offset", &offset));
    snprintf(key, sizeof key, "%s.bias", name);
    if (has_bias) ERR_TRY(weights_expect(w, key, WEIGHTS_F32, 1, (const int64_t[]){out}, &b));
    int k = taps * in, k_even = (k + 1) / 2 * 2;
    size_t n = (size_t)out * (size_t)k_even;
    int8_t *q = mem_alloc(n, 1);
    float *f = use_bf16 ? NULL : mem_alloc(n, sizeof *f);
    steno_err err = STENO_OK;
    if (!q || (!use_bf16 && !f)) err = err_fail(STENO_E_NOMEM, "no memory for %s", name);
    for (int o = 0; err == STENO_OK && o < out; o++) {
        for (int i = 0; i < in; i++) {
            for (int j = 0; j < taps; j++) {
                int8_t v = ((const int8_t *)t.data)[((size_t)o * (size_t)in + (size_t)i) * (size_t)taps + (size_t)j];
                size_t at = (size_t)o * (size_t)k_even + (size_t)j * (size_t)in + (size_t)i;
                q[at] = v;
                if (f) f[at] = (float)v * scale + offset;
            }
        }
    }
    c->use_bf16 = use_bf16;
    if (err == STENO_OK && use_bf16) err = kern_bf16_pack(&c->b16, q, scale, offset, b.data, out, k_even);
    if (err == STENO_OK && !use_bf16) err = kern_f32_pack(&c->f32, f, b.data, out, k_even);
    mem_free(q);
    mem_free(f);
    return err;
}

static steno_err load_stem(moonshine *m, const weights *w) {
    int d = m->info.width;
    bool bf16 = !m->info.fp32 && kern()->gemm_bf16 != NULL;
    /* The first convolution reads raw samples, whose small values matter: it stays fp32 (7 % of the stem's work). */
    ERR_TRY(conv_load(&m->conv1, w, "encoder.conv1", d, 1, STEM_CONV1_TAPS, false, false));
    ERR_TRY(conv_load(&m->conv2, w, "encoder.conv2", 2 * d, d, STEM_CONV2_TAPS, true, bf16));
    ERR_TRY(conv_load(&m->conv3, w, "encoder.conv3", d, 2 * d, STEM_CONV3_TAPS, true, bf16));
    ERR_TRY(load_vector(m, w, "encoder.groupnorm.weight", d, &m->gn_gamma));
    return load_vector(m, w, "encoder.groupnorm.bias", d, &m->gn_beta);
}

#define NAME_BYTES 96

/* Loads `<prefix>.<field>` [k, n], or several fields side by side: fields is a |-separated list such as "q|k|v". */
static steno_err load_linear(moonshine *m, const weights *w, const char *prefix, const char *fields, int k, int n,
                             bool bias, linear *l) {
    char names[4][NAME_BYTES];
    const char *list[4];
    int parts = 0;
    for (const char *p = fields; *p && parts < 4;) {
        size_t length = strcspn(p, "|");
        snprintf(names[parts], NAME_BYTES, "%s.%.*s", prefix, (int)length, p);
        list[parts] = names[parts];
        parts++;
        p += length + (p[length] == '|');
    }
    return linear_load(l, w, list, parts, k, n, bias, m->info.fp32);
}

static steno_err load_norm(moonshine *m, const weights *w, const char *prefix, const char *field, const float **out) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%s.%s.weight", prefix, field);
    return load_vector(m, w, name, m->info.width, out);
}

static steno_err load_encoder_layer(moonshine *m, const weights *w, int i) {
    char layer[48], attn[64], mlp[64];
    snprintf(layer, sizeof layer, "encoder.layers.%d", i);
    snprintf(attn, sizeof attn, "%s.attn", layer);
    snprintf(mlp, sizeof mlp, "%s.mlp", layer);
    encoder_layer *l = &m->enc[i];
    int d = m->info.width, hidden = m->info.encoder_hidden;
    ERR_TRY(load_norm(m, w, layer, "attn_norm", &l->attn_norm));
    ERR_TRY(load_norm(m, w, layer, "mlp_norm", &l->mlp_norm));
    ERR_TRY(load_linear(m, w, attn, "q|k|v", d, d, false, &l->qkv));
    ERR_TRY(load_linear(m, w, attn, "o", d, d, false, &l->o));
    ERR_TRY(load_linear(m, w, mlp, "fc1", d, hidden, true, &l->fc1));
    return load_linear(m, w, mlp, "fc2", hidden, d, true, &l->fc2);
}

static steno_err load_decoder_layer(moonshine *m, const weights *w, int i) {
    char layer[48], self[64], cross[64], mlp[64];
    snprintf(layer, sizeof layer, "decoder.layers.%d", i);
    snprintf(self, sizeof self, "%s.self", layer);
    snprintf(cross, sizeof cross, "%s.cross", layer);
    snprintf(mlp, sizeof mlp, "%s.mlp", layer);
    decoder_layer *l = &m->dec[i];
    int d = m->info.width, hidden = m->info.decoder_hidden;
    ERR_TRY(load_norm(m, w, layer, "self_norm", &l->self_norm));
    ERR_TRY(load_norm(m, w, layer, "cross_norm", &l->cross_norm));
    ERR_TRY(load_norm(m, w, layer, "mlp_norm", &l->mlp_norm));
    ERR_TRY(load_linear(m, w, self, "q|k|v", d, d, false, &l->self_qkv));
    ERR_TRY(load_linear(m, w, self, "o", d, d, false, &l->self_o));
    ERR_TRY(load_linear(m, w, cross, "q", d, d, false, &l->cross_q));
    ERR_TRY(load_linear(m, w, cross, "k|v", d, d, false, &l->cross_kv));
    ERR_TRY(load_linear(m, w, cross, "o", d, d, false, &l->cross_o));
    ERR_TRY(load_linear(m, w, mlp, "up", d, 2 * hidden, true, &l->up));
    return load_linear(m, w, mlp, "down", hidden, d, true, &l->down);
}

/* Quantising a row moves each value by at most half a step, so a logit moves by at most scale / 2 * sum |W column|.
 * Errors are independent and of both signs: six standard deviations, scale / sqrt 12 * |W column|, is where screening
 * stops. */
static float screening_margin(const moonshine *m, float *column) {
    double worst = 0.0;
    for (int j = 0; j < m->info.vocab; j++) {
        kern_q8_column(&m->embed, j, column);
        double squares = 0.0;
        for (int i = 0; i < m->info.width; i++) squares += (double)column[i] * (double)column[i];
        worst = fmax(worst, squares);
    }
    return (float)(6.0 * sqrt(worst / 12.0));
}

static steno_err load_embedding(moonshine *m, const weights *w) {
    weights_tensor t, zp;
    kern_q8_part part = {.transposed = 1, .n = m->info.vocab};
    ERR_TRY(
        weights_expect(w, "decoder.embed.weight", WEIGHTS_U8, 2, (const int64_t[]){m->info.vocab, m->info.width}, &t));
    ERR_TRY(weights_expect(w, "decoder.embed.zero_point", WEIGHTS_U8, 1, (const int64_t[]){1}, &zp));
    ERR_TRY(scalar(w, "decoder.embed", "scale", &part.scale));
    part.w = t.data;
    part.zero_point = *(const uint8_t *)zp.data;
    ERR_TRY(kern_q8_pack(&m->embed, &part, 1, m->info.width));
    if (m->info.fp32) ERR_TRY(kern_q8_to_f32(&m->embed, &m->embed_f32));
    float *column = mem_alloc((size_t)m->info.width, sizeof *column);
    if (!column) return err_fail(STENO_E_NOMEM, "no memory to open the embedding");
    m->logit_margin = screening_margin(m, column);
    mem_free(column);
    return STENO_OK;
}

static steno_err load_rotary(moonshine *m, const weights *w) {
    weights_tensor t;
    int pairs = m->info.rotary_pairs;
    ERR_TRY(weights_expect(w, "encoder.rotary.inv_freq", WEIGHTS_F32, 1, (const int64_t[]){pairs}, &t));
    size_t n = (size_t)MOONSHINE_MAX_FRAMES * (size_t)pairs;
    m->cos_t = mem_alloc(n, sizeof *m->cos_t);
    m->sin_t = mem_alloc(n, sizeof *m->sin_t);
    if (!m->cos_t || !m->sin_t) return err_fail(STENO_E_NOMEM, "no memory for the rotary tables");
    for (int p = 0; p < MOONSHINE_MAX_FRAMES; p++) {
        for (int i = 0; i < pairs; i++) {
            float angle = (float)p * ((const float *)t.data)[i];
            m->cos_t[p * pairs + i] = cosf(angle);
            m->sin_t[p * pairs + i] = sinf(angle);
        }
    }
    return STENO_OK;
}

/* Networks that were not measured use all heads of the upper half: most of these follow the audio. */
static void choose_align_heads(moonshine *m) {
    int layers = m->info.decoder_layers, heads = m->info.heads;
    for (size_t i = 0; i < sizeof align_choices / sizeof align_choices[0]; i++) {
        const struct align_choice *c = &align_choices[i];
        if (c->width != m->info.width || c->layers != layers || c->heads != heads) continue;
        for (int k = 0; k < ALIGN_HEADS && c->use[k].weight > 0.0f; k++)
            m->align_weight[c->use[k].layer][c->use[k].head] = c->use[k].weight;
        m->info.align_delay_frames = c->delay_frames;
        return;
    }
    for (int l = layers / 2; l < layers; l++) {
        for (int h = 0; h < heads; h++) m->align_weight[l][h] = 1.0f / (float)(heads * (layers - layers / 2));
    }
}

static steno_err load_all(moonshine *m, const weights *w, bool fp32) {
    ERR_TRY(load_info(&m->info, w));
    m->info.fp32 = fp32;
    bool q8 = !fp32 && kern()->attention_paged_q8 && m->info.head_dim % 4 == 0;
    m->pages = q8 ? KERN_PAGE_Q8 : KERN_PAGE_F16;
    m->floats_cap = (size_t)m->info.width * (4 + 2 * MOONSHINE_MAX_LAYERS + 3 * MOONSHINE_MAX_LAYERS);
    m->floats = mem_alloc(m->floats_cap, sizeof *m->floats);
    if (!m->floats) return err_fail(STENO_E_NOMEM, "no memory for small tensors");
    ERR_TRY(load_stem(m, w));
    for (int i = 0; i < m->info.encoder_layers; i++) ERR_TRY(load_encoder_layer(m, w, i));
    ERR_TRY(load_vector(m, w, "encoder.norm.weight", m->info.width, &m->enc_norm));
    for (int i = 0; i < m->info.decoder_layers; i++) ERR_TRY(load_decoder_layer(m, w, i));
    ERR_TRY(load_vector(m, w, "decoder.norm.weight", m->info.width, &m->dec_norm));
    ERR_TRY(load_embedding(m, w));
    choose_align_heads(m);
    return load_rotary(m, w);
}

steno_err moonshine_open(const weights *w, bool fp32, moonshine **out) {
    *out = NULL;
    moonshine *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for a model");
    steno_err err = load_all(m, w, fp32);
    if (err != STENO_OK) {
        moonshine_free(m);
        return err;
    }
    *out = m;
    return STENO_OK;
}

static void conv_free(conv *c) {
    kern_bf16_free(&c->b16);
    kern_f32_free(&c->f32);
}

void moonshine_free(moonshine *m) {
    if (!m) return;
    conv_free(&m->conv1);
    conv_free(&m->conv2);
    conv_free(&m->conv3);
    for (int i = 0; i < MOONSHINE_MAX_LAYERS; i++) {
        encoder_layer *e = &m->enc[i];
        decoder_layer *d = &m->dec[i];
        linear *all[] = {&e->qkv,     &e->o,        &e->fc1,     &e->fc2, &d->self_qkv, &d->self_o,
                         &d->cross_q, &d->cross_kv, &d->cross_o, &d->up,  &d->down};
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++) linear_free(all[j]);
    }
    kern_q8_free(&m->embed);
    kern_f32_free(&m->embed_f32);
    mem_free(m->cos_t);
    mem_free(m->sin_t);
    mem_free(m->floats);
    mem_free(m);
}
