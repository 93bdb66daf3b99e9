/* moonshine_encoder.c: audio -> encoder states -> cross-attention keys and values, in slices.
 *
 * The stem (three strided convolutions) runs an utterance at a time, because its group normalisation spans the whole
 * utterance and its frames are large; the layers run on all rows of the batch, in blocks that stay in the second cache.
 */
#include "models/moonshine_int.h"

#include <math.h>
#include <string.h>

#define ROW_BLOCK 128 /* rows whose activations (hidden 1152 floats) fit the second cache beside a layer's weights */

stem_sizes moonshine_stem_sizes(int samples) {
    stem_sizes s;
    s.t1 = (samples - STEM_CONV1_TAPS) / STEM_CONV1_STRIDE + 1;
    s.t2 = (s.t1 - STEM_CONV2_TAPS) / STEM_CONV2_STRIDE + 1;
    s.t3 = (s.t2 - STEM_CONV3_TAPS) / STEM_CONV3_STRIDE + 1;
    return s;
}

static size_t pad64(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* What one utterance's stem takes from the arena and gives back. */
size_t moonshine_stem_bytes(const moonshine *m, int samples) {
    stem_sizes s = moonshine_stem_sizes(samples);
    size_t d = (size_t)m->info.width, t1 = (size_t)s.t1, t2 = (size_t)s.t2;
    size_t both = pad64(((size_t)samples + 64) * 4) + pad64(t1 * d * 4) + 8 * 64;
    if (!m->conv2.use_bf16) return both + pad64(t2 * 2 * d * 4);
    return both + pad64(t2 * 2 * d * 2) + pad64(ROW_BLOCK * 2 * d * 4) + pad64(t1 * 4) + 3 * pad64(t2 * 4);
}

size_t moonshine_encode_bytes(const moonshine *m, int total_samples, int longest) {
    size_t rows = (size_t)(total_samples / (STEM_CONV1_STRIDE * STEM_CONV2_STRIDE * STEM_CONV3_STRIDE) + 1);
    size_t d = (size_t)m->info.width, wide = (size_t)m->info.encoder_hidden;
    size_t qkv_rows = rows > ROW_BLOCK ? rows : ROW_BLOCK;
    size_t block = pad64(ROW_BLOCK * wide * 4) + nn_rows_bytes(ROW_BLOCK, (int)wide) + nn_rows_bytes(ROW_BLOCK, (int)d);
    size_t attention = kern_attention_scratch(MOONSHINE_MAX_FRAMES, m->info.head_dim);
    size_t layers = pad64(qkv_rows * 3 * d * 4) + pad64(rows * d * 4) + block + attention;
    size_t stem = moonshine_stem_bytes(m, longest);
    return pad64(rows * d * 4) + (layers > stem ? layers : stem) + 64 * 64;
}

/* ---- stem ------------------------------------------------------------------------------------------------------- */

/* Sums of each overlapping window of `taps` frames, from the sums of single frames. */
static void window_sums(const float *frame_sum, int taps, int stride, int windows, float *out) {
    for (int i = 0; i < windows; i++) {
        float s = 0.0f;
        for (int j = 0; j < taps; j++) s += frame_sum[i * stride + j];
        out[i] = s;
    }
}

static float bf16_row_sum(const uint16_t *x, int n) {
    float s[8] = {0};
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        for (int j = 0; j < 8; j++) {
            uint32_t bits = (uint32_t)x[i + j] << 16;
            float f;
            memcpy(&f, &bits, sizeof f);
            s[j] += f;
        }
    }
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* Frames as bf16 with the sum of each: what an affine convolution reads. */
typedef struct bf16_frames {
    uint16_t *x; /* [frames, channels] */
    float *sum;  /* [frames] */
    int channels;
} bf16_frames;

/* Rounds n frames of x into rows from `at` on. x may be the very memory of to->x when at is 0: a row is read before it
 * is overwritten, since bf16 rows are half as long. */
static void round_frames(const float *x, int n, bf16_frames *to, int at) {
    for (int i = 0; i < n; i++) {
        uint16_t *row = to->x + (size_t)(at + i) * (size_t)to->channels;
        kern()->to_bf16(x + (size_t)i * (size_t)to->channels, to->channels, row);
        to->sum[at + i] = bf16_row_sum(row, to->channels);
    }
}

/* The second and third convolutions in bf16. first [t1, width] is overwritten; the middle frames exist as floats only a
 * block at a time. */
static steno_err finish_stem_bf16(const moonshine *m, arena *mem, const stem_sizes *s, float *first, float *out) {
    int d = m->info.width;
    bf16_frames a = {(uint16_t *)(void *)first, arena_take(mem, (size_t)s->t1, 4), d};
    bf16_frames b = {arena_take(mem, (size_t)s->t2 * 2 * (size_t)d, 2), arena_take(mem, (size_t)s->t2, 4), 2 * d};
    float *window = arena_take(mem, (size_t)s->t2, sizeof *window);
    float *block = arena_take(mem, ROW_BLOCK * 2 * (size_t)d, sizeof *block);
    if (!a.sum || !b.x || !b.sum || !window || !block)
        return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
    round_frames(first, s->t1, &a, 0);
    window_sums(a.sum, STEM_CONV2_TAPS, STEM_CONV2_STRIDE, s->t2, window);
    for (int r = 0; r < s->t2; r += ROW_BLOCK) {
        int n = s->t2 - r < ROW_BLOCK ? s->t2 - r : ROW_BLOCK;
        const uint16_t *x = a.x + (size_t)r * STEM_CONV2_STRIDE * (size_t)d;
        kern()->gemm_bf16(x, STEM_CONV2_STRIDE * d, window + r, n, &m->conv2.b16, KERN_GELU, block, 2 * d);
        round_frames(block, n, &b, r);
    }
    window_sums(b.sum, STEM_CONV3_TAPS, STEM_CONV3_STRIDE, s->t3, window);
    kern()->gemm_bf16(b.x, STEM_CONV3_STRIDE * 2 * d, window, s->t3, &m->conv3.b16, KERN_GELU, out, d);
    return STENO_OK;
}

static steno_err finish_stem_f32(const moonshine *m, arena *mem, const stem_sizes *s, const float *first, float *out) {
    int d = m->info.width;
    float *second = arena_take(mem, (size_t)s->t2 * 2 * (size_t)d, sizeof *second);
    if (!second) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
    kern()->gemm_f32(first, STEM_CONV2_STRIDE * d, s->t2, &m->conv2.f32, KERN_GELU, second, 2 * d);
    kern()->gemm_f32(second, STEM_CONV3_STRIDE * 2 * d, s->t3, &m->conv3.f32, KERN_GELU, out, d);
    return STENO_OK;
}

steno_err moonshine_stem_first(const moonshine *m, arena *a, const float *pcm, int samples, float **first) {
    stem_sizes s = moonshine_stem_sizes(samples);
    int d = m->info.width;
    float *x = arena_take(a, (size_t)samples + 64, sizeof *x);
    *first = arena_take(a, (size_t)s.t1 * (size_t)d, sizeof **first);
    if (!x || !*first) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
    memcpy(x, pcm, (size_t)samples * sizeof *x);
    memset(x + samples, 0, 64 * sizeof *x); /* the even-length window reads one sample past the end */
    kern()->gemm_f32(x, STEM_CONV1_STRIDE, s.t1, &m->conv1.f32, KERN_TANH, *first, d);
    return STENO_OK;
}

steno_err moonshine_stem_rest(const moonshine *m, arena *a, const stem_sizes *s, float *first, float *out) {
    return m->conv2.use_bf16 ? finish_stem_bf16(m, a, s, first, out) : finish_stem_f32(m, a, s, first, out);
}

static steno_err run_stem(moonshine_encoding *e, moonshine_utterance *u) {
    const moonshine *m = e->m;
    stem_sizes s = moonshine_stem_sizes(u->samples);
    size_t mark = arena_mark(e->a);
    float *first, *out = e->states + (size_t)u->first_row * (size_t)m->info.width;
    ERR_TRY(moonshine_stem_first(m, e->a, u->pcm, u->samples, &first));
    kern()->groupnorm(first, s.t1, m->info.width, m->gn_gamma, m->gn_beta, first);
    ERR_TRY(moonshine_stem_rest(m, e->a, &s, first, out));
    arena_release(e->a, mark);
    return STENO_OK;
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static int block_rows(const moonshine_encoding *e, int from) {
    return e->rows - from < ROW_BLOCK ? e->rows - from : ROW_BLOCK;
}

steno_err moonshine_encode_qkv(moonshine_encoding *e, const encoder_layer *l) {
    const moonshine *m = e->m;
    int d = m->info.width;
    nn_rows rows;
    ERR_TRY(nn_rows_take(&rows, e->a, ROW_BLOCK, d, m->info.fp32));
    for (int r = 0; r < e->rows; r += ROW_BLOCK) {
        int n = block_rows(e, r);
        nn_rows_layernorm(&rows, e->states + (size_t)r * (size_t)d, d, n, l->attn_norm);
        linear_apply(&l->qkv, &rows, n, KERN_STORE, e->qkv + (size_t)r * 3 * (size_t)d, 3 * d);
    }
    return STENO_OK;
}

moonshine_attention moonshine_attention_of(const moonshine *m) {
    return m->info.fp32 || !kern()->attention_bf16 ? kern()->attention : kern()->attention_bf16;
}

static steno_err attend(moonshine_encoding *e) {
    const moonshine_info *i = &e->m->info;
    int d = i->width;
    void *scratch = arena_take(e->a, kern_attention_scratch(MOONSHINE_MAX_FRAMES, i->head_dim), 1);
    if (!scratch) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold attention scratch");
    float scale = 1.0f / sqrtf((float)i->head_dim);
    moonshine_attention attention = moonshine_attention_of(e->m);
    for (int u = 0; u < e->n; u++) {
        float *qkv = e->qkv + (size_t)e->utt[u].first_row * 3 * (size_t)d;
        for (int t = 0; t < e->utt[u].frames; t++) {
            moonshine_rope(e->m, qkv + (size_t)t * 3 * (size_t)d, t);
            moonshine_rope(e->m, qkv + (size_t)t * 3 * (size_t)d + d, t);
        }
        attention(qkv, 3 * d, e->utt[u].frames, qkv + d, qkv + 2 * d, 3 * d, e->utt[u].frames, i->heads, i->head_dim,
                  scale, scratch, e->context + (size_t)e->utt[u].first_row * (size_t)d, d);
    }
    return STENO_OK;
}

steno_err moonshine_encode_mlp(moonshine_encoding *e, const encoder_layer *l) {
    const moonshine *m = e->m;
    int d = m->info.width, wide = m->info.encoder_hidden;
    nn_rows rows, hidden_rows;
    ERR_TRY(nn_rows_take(&rows, e->a, ROW_BLOCK, d, m->info.fp32));
    ERR_TRY(nn_rows_take(&hidden_rows, e->a, ROW_BLOCK, wide, m->info.fp32));
    float *hidden = arena_take(e->a, (size_t)ROW_BLOCK * (size_t)wide, sizeof *hidden);
    if (!hidden) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a hidden block");
    for (int r = 0; r < e->rows; r += ROW_BLOCK) {
        int n = block_rows(e, r);
        float *x = e->states + (size_t)r * (size_t)d;
        nn_rows_from(&rows, e->context + (size_t)r * (size_t)d, d, n);
        linear_apply(&l->o, &rows, n, KERN_ADD, x, d);
        nn_rows_layernorm(&rows, x, d, n, l->mlp_norm);
        linear_apply(&l->fc1, &rows, n, KERN_GELU, hidden, wide);
        nn_rows_from(&hidden_rows, hidden, wide, n);
        linear_apply(&l->fc2, &hidden_rows, n, KERN_ADD, x, d);
    }
    return STENO_OK;
}

static steno_err run_layer(moonshine_encoding *e, const encoder_layer *l) {
    size_t mark = arena_mark(e->a);
    ERR_TRY(moonshine_encode_qkv(e, l));
    arena_release(e->a, mark);
    ERR_TRY(attend(e));
    arena_release(e->a, mark);
    ERR_TRY(moonshine_encode_mlp(e, l));
    arena_release(e->a, mark);
    return STENO_OK;
}

/* Keys and values of one decoder layer for rows [from, from + n), [n, 2 width] -> the utterances' pages. */
static void store_cross(moonshine_encoding *e, int layer, const float *kv, int from, int n) {
    const moonshine_info *i = &e->m->info;
    size_t offset = moonshine_layer_offset(e->m, layer);
    for (int u = 0; u < e->n; u++) {
        const moonshine_utterance *ut = &e->utt[u];
        if (!ut->pages) continue;
        int lo = from > ut->first_row ? from : ut->first_row;
        int hi = from + n < ut->first_row + ut->frames ? from + n : ut->first_row + ut->frames;
        for (int r = lo; r < hi; r++) {
            int t = r - ut->first_row + ut->first_frame;
            const float *row = kv + (size_t)(r - from) * 2 * (size_t)i->width;
            moonshine_store_page(e->m, ut->pages[t / 16] + offset, t % 16, row, row + i->width);
        }
    }
}

steno_err moonshine_encode_cross(moonshine_encoding *e, int layer) {
    const moonshine *m = e->m;
    int d = m->info.width;
    size_t mark = arena_mark(e->a);
    nn_rows rows;
    ERR_TRY(nn_rows_take(&rows, e->a, ROW_BLOCK, d, m->info.fp32));
    for (int r = 0; r < e->rows; r += ROW_BLOCK) {
        int n = block_rows(e, r);
        nn_rows_from(&rows, e->states + (size_t)r * (size_t)d, d, n);
        linear_apply(&m->dec[layer].cross_kv, &rows, n, KERN_STORE, e->qkv, 2 * d);
        store_cross(e, layer, e->qkv, r, n);
    }
    arena_release(e->a, mark);
    return STENO_OK;
}

/* ---- the batch -------------------------------------------------------------------------------------------------- */

steno_err moonshine_encode_begin(moonshine_encoding *e, const moonshine *m, arena *a, moonshine_utterance *utt, int n) {
    memset(e, 0, sizeof *e);
    e->m = m;
    e->a = a;
    e->utt = utt;
    e->n = n;
    for (int i = 0; i < n; i++) {
        if (utt[i].samples < MOONSHINE_MIN_SAMPLES || utt[i].samples > MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)
            return err_fail(STENO_E_INVALID, "an utterance of %d samples cannot be encoded (%d to %d)", utt[i].samples,
                            MOONSHINE_MIN_SAMPLES, MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ);
        utt[i].frames = moonshine_frames(utt[i].samples);
        utt[i].first_row = e->rows;
        utt[i].first_frame = 0;
        e->rows += utt[i].frames;
    }
    size_t d = (size_t)m->info.width, rows = (size_t)e->rows;
    e->states = arena_take(a, rows * d, sizeof(float));
    return e->states ? STENO_OK : err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d encoder rows", e->rows);
}

steno_err moonshine_encode_begin_layers(moonshine_encoding *e) {
    size_t d = (size_t)e->m->info.width, rows = (size_t)e->rows;
    e->qkv = arena_take(e->a, (rows > ROW_BLOCK ? rows : ROW_BLOCK) * 3 * d, sizeof(float));
    e->context = arena_take(e->a, rows * d, sizeof(float));
    if (e->qkv && e->context) return STENO_OK;
    return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d encoder rows", e->rows);
}

steno_err moonshine_encode_step(moonshine_encoding *e, bool *done) {
    const moonshine_info *i = &e->m->info;
    int layer = e->step - e->n, cross = layer - i->encoder_layers - 1;
    *done = false;
    if (e->step < e->n) {
        ERR_TRY(run_stem(e, &e->utt[e->step]));
        if (e->step == e->n - 1) ERR_TRY(moonshine_encode_begin_layers(e));
    } else if (layer < i->encoder_layers) {
        ERR_TRY(run_layer(e, &e->m->enc[layer]));
    } else if (layer == i->encoder_layers) {
        kern()->layernorm_rows(e->states, i->width, e->rows, i->width, e->m->enc_norm, e->states, i->width);
    } else {
        ERR_TRY(moonshine_encode_cross(e, cross));
    }
    e->step++;
    *done = e->step == e->n + i->encoder_layers + 1 + i->decoder_layers;
    return STENO_OK;
}
