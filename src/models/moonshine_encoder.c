/* moonshine_encoder.c: audio -> encoder states -> cross-attention keys and values, in slices of a few ms.
 *
 * Stems (moonshine_stem.c) run an utterance at a time; the layers run on all rows of the batch, in blocks that stay in the
 * second cache. A slice is some rows through one part of a layer.
 */
#include "models/moonshine_int.h"

#include <math.h>
#include <string.h>

#define SLICE_ROWS (2 * MOONSHINE_ROW_BLOCK) /* of a layer: 1 to 3 ms */

size_t moonshine_encode_bytes(const moonshine *m, int total_samples, int longest) {
    size_t rows = (size_t)(total_samples / (STEM_CONV1_STRIDE * STEM_CONV2_STRIDE * STEM_CONV3_STRIDE) + 1);
    size_t d = (size_t)m->info.width, wide = (size_t)m->info.encoder_hidden;
    size_t qkv_rows = rows > MOONSHINE_ROW_BLOCK ? rows : MOONSHINE_ROW_BLOCK;
    size_t block = moonshine_pad64(MOONSHINE_ROW_BLOCK * wide * 4) + nn_rows_bytes(MOONSHINE_ROW_BLOCK, (int)wide) +
                   nn_rows_bytes(MOONSHINE_ROW_BLOCK, (int)d);
    size_t attention = kern_attention_scratch(MOONSHINE_MAX_FRAMES, m->info.head_dim);
    size_t layers = moonshine_pad64(qkv_rows * 3 * d * 4) + moonshine_pad64(rows * d * 4) + block + attention;
    size_t stem = moonshine_stem_bytes(m, longest);
    return moonshine_pad64(rows * d * 4) + (layers > stem ? layers : stem) + 64 * 64;
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

/* Rows of a block from `from` on, at most up to `end`. */
static int block_rows(int from, int end) {
    return end - from < MOONSHINE_ROW_BLOCK ? end - from : MOONSHINE_ROW_BLOCK;
}

steno_err moonshine_encode_qkv(moonshine_encoding *e, const encoder_layer *l, int from, int end) {
    const moonshine *m = e->m;
    int d = m->info.width;
    nn_rows rows;
    ERR_TRY(nn_rows_take(&rows, e->a, MOONSHINE_ROW_BLOCK, d, m->info.fp32));
    for (int r = from; r < end; r += MOONSHINE_ROW_BLOCK) {
        int n = block_rows(r, end);
        nn_rows_layernorm(&rows, e->states + (size_t)r * (size_t)d, d, n, l->attn_norm);
        linear_apply(&l->qkv, &rows, n, KERN_STORE, e->qkv + (size_t)r * 3 * (size_t)d, 3 * d);
    }
    return STENO_OK;
}

moonshine_attention moonshine_attention_of(const moonshine *m) {
    return m->info.fp32 || !kern()->attention_bf16 ? kern()->attention : kern()->attention_bf16;
}

/* The utterance that row r belongs to. */
static const moonshine_utterance *utterance_of(const moonshine_encoding *e, int r) {
    int u = 0;
    while (r >= e->utt[u].first_row + e->utt[u].frames) u++;
    return &e->utt[u];
}

/* Turns the queries and keys of rows [from, end). */
static void turn_rows(moonshine_encoding *e, int from, int end) {
    size_t d = (size_t)e->m->info.width;
    for (int r = from; r < end; r++) {
        float *qkv = e->qkv + (size_t)r * 3 * d;
        int position = r - utterance_of(e, r)->first_row;
        moonshine_rope(e->m, qkv, position);
        moonshine_rope(e->m, qkv + d, position);
    }
}

/* Attention of rows [from, end), which may lie in several utterances. */
static steno_err attend(moonshine_encoding *e, int from, int end) {
    const moonshine_info *i = &e->m->info;
    size_t d = (size_t)i->width;
    void *scratch = arena_take(e->a, kern_attention_scratch(MOONSHINE_MAX_FRAMES, i->head_dim), 1);
    if (!scratch) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold attention scratch");
    float scale = 1.0f / sqrtf((float)i->head_dim);
    for (int r = from; r < end;) {
        const moonshine_utterance *u = utterance_of(e, r);
        int last = u->first_row + u->frames, n = (end < last ? end : last) - r;
        const float *keys = e->qkv + (size_t)u->first_row * 3 * d + d;
        moonshine_attention_of(e->m)(e->qkv + (size_t)r * 3 * d, 3 * (int)d, n, keys, keys + d, 3 * (int)d, u->frames,
                                     i->heads, i->head_dim, scale, scratch, e->context + (size_t)r * d, (int)d);
        r += n;
    }
    return STENO_OK;
}

steno_err moonshine_encode_mlp(moonshine_encoding *e, const encoder_layer *l, int from, int end) {
    const moonshine *m = e->m;
    int d = m->info.width, wide = m->info.encoder_hidden;
    nn_rows rows, hidden_rows;
    ERR_TRY(nn_rows_take(&rows, e->a, MOONSHINE_ROW_BLOCK, d, m->info.fp32));
    ERR_TRY(nn_rows_take(&hidden_rows, e->a, MOONSHINE_ROW_BLOCK, wide, m->info.fp32));
    float *hidden = arena_take(e->a, (size_t)MOONSHINE_ROW_BLOCK * (size_t)wide, sizeof *hidden);
    if (!hidden) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a hidden block");
    for (int r = from; r < end; r += MOONSHINE_ROW_BLOCK) {
        int n = block_rows(r, end);
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

/* One slice of a layer: rows through one of its parts. Attention wants the keys of all rows, so each part runs over all
 * before the next begins. */
static steno_err slice_layer(moonshine_encoding *e, const encoder_layer *l) {
    size_t mark = arena_mark(e->a);
    int from = e->row, end = e->rows - from < SLICE_ROWS ? e->rows : from + SLICE_ROWS;
    if (e->part == 0) {
        ERR_TRY(moonshine_encode_qkv(e, l, from, end));
        turn_rows(e, from, end);
    } else if (e->part == 1) {
        ERR_TRY(attend(e, from, end));
    } else {
        ERR_TRY(moonshine_encode_mlp(e, l, from, end));
    }
    arena_release(e->a, mark);
    e->row = end < e->rows ? end : 0;
    if (e->row == 0) e->part = e->part == 2 ? 0 : e->part + 1;
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
    ERR_TRY(nn_rows_take(&rows, e->a, MOONSHINE_ROW_BLOCK, d, m->info.fp32));
    for (int r = 0; r < e->rows; r += MOONSHINE_ROW_BLOCK) {
        int n = block_rows(r, e->rows);
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
    e->qkv = arena_take(e->a, (rows > MOONSHINE_ROW_BLOCK ? rows : MOONSHINE_ROW_BLOCK) * 3 * d, sizeof(float));
    e->context = arena_take(e->a, rows * d, sizeof(float));
    if (e->qkv && e->context) return STENO_OK;
    return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d encoder rows", e->rows);
}

/* One slice of an utterance's stem; the next utterance's begins where it is done. */
static steno_err slice_stem(moonshine_encoding *e) {
    const moonshine *m = e->m;
    const moonshine_utterance *u = &e->utt[e->step];
    moonshine_stem *st = &e->stem;
    if (e->part == 0) {
        e->stem_mark = arena_mark(e->a);
        ERR_TRY(moonshine_stem_begin(st, m, e->a, u->pcm, u->samples,
                                     e->states + (size_t)u->first_row * (size_t)m->info.width));
        e->part = 1;
    }
    if (e->part == 1) {
        if (!moonshine_stem_first(st)) return STENO_OK;
        kern()->groupnorm(st->first, st->size.t1, m->info.width, m->gn_gamma, m->gn_beta, st->first);
        ERR_TRY(moonshine_stem_begin_rest(st));
        e->part = 2;
        return STENO_OK;
    }
    if (!moonshine_stem_rest(st)) return STENO_OK;
    arena_release(e->a, e->stem_mark);
    e->part = 0;
    e->step++;
    return e->step == e->n ? moonshine_encode_begin_layers(e) : STENO_OK;
}

steno_err moonshine_encode_step(moonshine_encoding *e, bool *done) {
    const moonshine_info *i = &e->m->info;
    int layer = e->step - e->n, cross = layer - i->encoder_layers - 1;
    *done = false;
    if (e->step < e->n) return slice_stem(e);
    if (layer < i->encoder_layers) {
        ERR_TRY(slice_layer(e, &e->m->enc[layer]));
        if (e->row || e->part) return STENO_OK;
    } else if (layer == i->encoder_layers) {
        kern()->layernorm_rows(e->states, i->width, e->rows, i->width, e->m->enc_norm, e->states, i->width);
    } else {
        ERR_TRY(moonshine_encode_cross(e, cross));
    }
    e->step++;
    *done = e->step == e->n + i->encoder_layers + 1 + i->decoder_layers;
    return STENO_OK;
}
