/* moonshine_decoder.c: one greedy step for all sequences in flight.
 *
 * Rows are independent but for a sequence's own earlier rows, which it reads through its KV pages. The published
 * decoder multiplies the last hidden state in fp32 with 32,768 columns; here int8 screens all columns and those that
 * could still win are computed again exactly, so the token is the one fp32 would choose.
 */
#include "models/moonshine_int.h"

#include <math.h>
#include <string.h>

#define LOGIT_CHUNK    (KERN_PANEL * 20) /* columns at a time: [128 rows, 960] floats stay in the second cache */
#define MAX_CANDIDATES 64                /* columns of one row that screening may leave in doubt */

typedef struct decode_scratch {
    int n;
    int position[MOONSHINE_MAX_ROWS];
    float *x;       /* [n, width] */
    float *qkv;     /* [n, 3 width] */
    float *context; /* [n, width] */
    float *up;      /* [n, 2 decoder_hidden] */
    float *probs;   /* of paged attention */
    float *chunk;   /* [n, LOGIT_CHUNK] */
    nn_rows rows, hidden_rows;
} decode_scratch;

size_t moonshine_decode_bytes(const moonshine *m, int rows) {
    size_t n = (size_t)rows, d = (size_t)m->info.width, h = (size_t)m->info.decoder_hidden;
    return n * (d * 5 + h * 2 + LOGIT_CHUNK) * 4 + kern_paged_scratch(MOONSHINE_MAX_FRAMES, m->info.heads) * 4 +
           nn_rows_bytes(rows, (int)d) + nn_rows_bytes(rows, (int)h) + d * 4 + 32 * 64;
}

static steno_err take_scratch(decode_scratch *s, const moonshine *m, arena *a, int n) {
    size_t rows = (size_t)n, d = (size_t)m->info.width, h = (size_t)m->info.decoder_hidden;
    s->n = n;
    s->x = arena_take(a, rows * d, 4);
    s->qkv = arena_take(a, rows * d * 3, 4);
    s->context = arena_take(a, rows * d, 4);
    s->up = arena_take(a, rows * h * 2, 4);
    s->probs = arena_take(a, kern_paged_scratch(MOONSHINE_MAX_FRAMES, m->info.heads), 4);
    s->chunk = arena_take(a, rows * LOGIT_CHUNK, 4);
    if (!s->x || !s->qkv || !s->context || !s->up || !s->probs || !s->chunk)
        return err_fail(STENO_E_NOMEM, "the batch arena cannot hold %d decoder rows", n);
    ERR_TRY(nn_rows_take(&s->rows, a, n, m->info.width, m->info.fp32));
    return nn_rows_take(&s->hidden_rows, a, n, m->info.decoder_hidden, m->info.fp32);
}

static steno_err place_rows(decode_scratch *s, const moonshine *m, const moonshine_row *rows) {
    for (int r = 0; r < s->n; r++) {
        int before = 0;
        while (before < r && rows[r - before - 1].seq == rows[r].seq) before++;
        s->position[r] = rows[r].seq->position + before;
        if (s->position[r] >= MOONSHINE_MAX_TOKENS || rows[r].token < 0 || rows[r].token >= m->info.vocab)
            return err_fail(STENO_E_INVALID, "decoder row %d: token %d at position %d is out of range", r,
                            rows[r].token, s->position[r]);
        kern_q8_column(&m->embed, rows[r].token, s->x + (size_t)r * (size_t)m->info.width);
    }
    return STENO_OK;
}

/* ---- one layer -------------------------------------------------------------------------------------------------- */

/* Page pointers of one layer, from pages that hold all layers. */
static void layer_pages(const moonshine *m, int layer, uint16_t *const *pages, int n, const uint16_t **out) {
    size_t offset = moonshine_layer_offset(m, layer);
    for (int i = 0; i < n; i++) out[i] = pages[i] + offset;
}

typedef void (*paged)(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim, float scale,
                      float *probs, const float *head_weight, float *align, float *out);

static void attend_pages(const moonshine *m, const float *q, const uint16_t *const *pages, int positions, float *probs,
                         const float *head_weight, float *align, float *out) {
    paged attention = m->pages == KERN_PAGE_Q8 ? kern()->attention_paged_q8 : kern()->attention_paged;
    float scale = 1.0f / sqrtf((float)m->info.head_dim);
    attention(q, pages, positions, m->info.heads, m->info.head_dim, scale, probs, head_weight, align, out);
}

static void self_attention(const moonshine *m, int layer, decode_scratch *s, const moonshine_row *rows) {
    const decoder_layer *l = &m->dec[layer];
    int d = m->info.width;
    nn_rows_layernorm(&s->rows, s->x, d, s->n, l->self_norm);
    linear_apply(&l->self_qkv, &s->rows, s->n, KERN_STORE, s->qkv, 3 * d);
    size_t offset = moonshine_layer_offset(m, layer);
    for (int r = 0; r < s->n; r++) {
        const uint16_t *pages[MOONSHINE_MAX_TOKENS / 16];
        float *q = s->qkv + (size_t)r * 3 * (size_t)d, *k = q + d, *v = k + d;
        int p = s->position[r];
        moonshine_rope(m, q, p);
        moonshine_rope(m, k, p);
        moonshine_store_page(m, rows[r].seq->self[p / 16] + offset, p % 16, k, v);
        layer_pages(m, layer, rows[r].seq->self, p / 16 + 1, pages);
        attend_pages(m, q, pages, p + 1, s->probs, NULL, NULL, s->context + (size_t)r * (size_t)d);
    }
    nn_rows_from(&s->rows, s->context, d, s->n);
    linear_apply(&l->self_o, &s->rows, s->n, KERN_ADD, s->x, d);
}

static void cross_attention(const moonshine *m, int layer, decode_scratch *s, const moonshine_row *rows) {
    const decoder_layer *l = &m->dec[layer];
    int d = m->info.width;
    nn_rows_layernorm(&s->rows, s->x, d, s->n, l->cross_norm);
    linear_apply(&l->cross_q, &s->rows, s->n, KERN_STORE, s->qkv, d);
    for (int r = 0; r < s->n; r++) {
        const uint16_t *pages[MOONSHINE_MAX_FRAMES / 16];
        const moonshine_sequence *q = rows[r].seq;
        layer_pages(m, layer, q->cross, moonshine_pages(q->frames), pages);
        attend_pages(m, s->qkv + (size_t)r * (size_t)d, pages, q->frames, s->probs,
                     rows[r].align ? m->align_weight[layer] : NULL, rows[r].align, s->context + (size_t)r * (size_t)d);
    }
    nn_rows_from(&s->rows, s->context, d, s->n);
    linear_apply(&l->cross_o, &s->rows, s->n, KERN_ADD, s->x, d);
}

static void feed_forward(const moonshine *m, int layer, decode_scratch *s) {
    const decoder_layer *l = &m->dec[layer];
    int d = m->info.width, h = m->info.decoder_hidden;
    nn_rows_layernorm(&s->rows, s->x, d, s->n, l->mlp_norm);
    linear_apply(&l->up, &s->rows, s->n, KERN_STORE, s->up, 2 * h);
    nn_rows_swiglu(&s->hidden_rows, s->up, 2 * h, s->n);
    linear_apply(&l->down, &s->hidden_rows, s->n, KERN_ADD, s->x, d);
}

/* ---- choosing the token ----------------------------------------------------------------------------------------- */

typedef struct choice {
    float best; /* the largest screened logit so far */
    double sum; /* sum of exp(logit - best) */
    int n;      /* candidates within the margin of the best */
    int32_t column[MAX_CANDIDATES];
    float screened[MAX_CANDIDATES];
} choice;

static void drop_losers(choice *c, float margin) {
    int kept = 0;
    for (int i = 0; i < c->n; i++) {
        if (c->screened[i] < c->best - margin) continue;
        c->column[kept] = c->column[i];
        c->screened[kept++] = c->screened[i];
    }
    c->n = kept;
}

/* Takes in logits x [n] of columns from `first` on. When more columns than MAX_CANDIDATES are in doubt the first ones
 * stay: by then the distribution is so flat that any is as good. */
static void choice_add(choice *c, const float *x, int n, int first, float margin) {
    float lse;
    int top = kern()->argmax_logsumexp(x, n, &lse);
    if (x[top] > c->best) {
        c->sum *= exp((double)c->best - (double)x[top]);
        c->best = x[top];
        drop_losers(c, margin);
    }
    c->sum += exp((double)lse - (double)c->best);
    if (x[top] < c->best - margin) return;
    for (int j = 0; j < n && c->n < MAX_CANDIDATES; j++) {
        if (x[j] < c->best - margin) continue;
        c->column[c->n] = first + j;
        c->screened[c->n++] = x[j];
    }
}

/* The matrix of columns [first, first + n) of the embedding; first is a multiple of KERN_PANEL. */
static kern_q8 embed_columns(const moonshine *m, int first, int n) {
    kern_q8 part = m->embed;
    part.n = n;
    part.n_pad = (n + KERN_LANES - 1) / KERN_LANES * KERN_LANES;
    part.w8 += (size_t)first * (size_t)part.k_pad;
    part.scale += first;
    part.zp += first;
    part.col_corr += first;
    part.bias += first;
    return part;
}

static kern_f32 embed_columns_f32(const moonshine *m, int first, int n) {
    kern_f32 part = m->embed_f32;
    part.n = n;
    part.n_pad = (n + KERN_LANES - 1) / KERN_LANES * KERN_LANES;
    part.w += (size_t)first * (size_t)part.k;
    part.bias += first;
    return part;
}

/* The logit of one column in fp32. x [width], column [width]: scratch. */
static float exact_logit(const moonshine *m, const float *x, int index, float screened, float *column) {
    if (m->info.fp32) return screened;
    kern_q8_column(&m->embed, index, column);
    float logit = 0.0f;
    for (int k = 0; k < m->info.width; k++) logit = fmaf(x[k], column[k], logit);
    return logit;
}

/* The best of the candidates and its logit. */
static int32_t best_candidate(const moonshine *m, const float *x, const choice *c, float *column, float *logit) {
    int32_t best = 0;
    *logit = -INFINITY;
    for (int i = 0; i < c->n; i++) {
        float exact = exact_logit(m, x, c->column[i], c->screened[i], column);
        if (exact > *logit) {
            *logit = exact;
            best = c->column[i];
        }
    }
    return best;
}

/* `others`: the choice without the end token, where row->end_least asks for it. */
static void settle(const moonshine *m, const float *x, const choice *c, const choice *others, float *column,
                   moonshine_row *row) {
    float logit, lse = c->best + (float)log(c->sum);
    row->next = best_candidate(m, x, c, column, &logit);
    row->end_lost = row->next == m->info.end_token && logit - lse < logf(row->end_least);
    if (row->end_lost) row->next = best_candidate(m, x, others, column, &logit);
    row->logprob = logit < lse ? logit - lse : 0.0f;
}

static void choice_clear(choice *c) {
    c->best = -INFINITY;
    c->sum = 0.0;
    c->n = 0;
}

/* The same columns without the end token. x is as it was afterwards. */
static void add_others(const moonshine *m, choice *c, float *x, int n, int first, float margin) {
    int at = m->info.end_token - first;
    bool has_end = at >= 0 && at < n;
    float end = has_end ? x[at] : 0.0f;
    if (has_end) x[at] = -INFINITY;
    choice_add(c, x, n, first, margin);
    if (has_end) x[at] = end;
}

static void choose_tokens(const moonshine *m, decode_scratch *s, float *column, moonshine_row *rows, float *logits) {
    const kern_ops *ops = kern();
    choice c[MOONSHINE_MAX_ROWS], others[MOONSHINE_MAX_ROWS];
    int d = m->info.width, rows_n = s->n;
    ops->layernorm_rows(s->x, d, s->n, d, m->dec_norm, s->x, d);
    nn_rows_from(&s->rows, s->x, d, s->n);
    for (int r = 0; r < rows_n; r++) {
        choice_clear(&c[r]);
        choice_clear(&others[r]);
    }
    for (int first = 0; first < m->info.vocab; first += LOGIT_CHUNK) {
        int n = m->info.vocab - first < LOGIT_CHUNK ? m->info.vocab - first : LOGIT_CHUNK;
        if (m->info.fp32) {
            kern_f32 part = embed_columns_f32(m, first, n);
            ops->gemm_f32(s->rows.f, d, s->n, &part, KERN_STORE, s->chunk, n);
        } else {
            kern_q8 part = embed_columns(m, first, n);
            ops->gemm_q8(&s->rows.q, s->n, &part, KERN_STORE, s->chunk, n);
        }
        for (int r = 0; r < rows_n; r++) {
            float *x = s->chunk + (size_t)r * (size_t)n;
            float margin = m->info.fp32 ? 0.0f : 2.0f * m->logit_margin * s->rows.q.scale[r];
            if (logits) memcpy(logits + (size_t)r * (size_t)m->info.vocab + first, x, (size_t)n * sizeof *x);
            choice_add(&c[r], x, n, first, margin);
            if (rows[r].end_least > 0.0f) add_others(m, &others[r], x, n, first, margin);
        }
    }
    for (int r = 0; r < rows_n; r++) settle(m, s->x + (size_t)r * (size_t)d, &c[r], &others[r], column, &rows[r]);
}

steno_err moonshine_decode_step(const moonshine *m, arena *a, moonshine_row *rows, int n, float *logits) {
    if (n < 1 || n > MOONSHINE_MAX_ROWS) return err_fail(STENO_E_INVALID, "a decoder step of %d rows", n);
    size_t mark = arena_mark(a);
    decode_scratch s;
    ERR_TRY(take_scratch(&s, m, a, n));
    float *column = arena_take(a, (size_t)m->info.width, sizeof *column);
    if (!column) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a column");
    ERR_TRY(place_rows(&s, m, rows));
    for (int layer = 0; layer < m->info.decoder_layers; layer++) {
        self_attention(m, layer, &s, rows);
        cross_attention(m, layer, &s, rows);
        feed_forward(m, layer, &s);
    }
    choose_tokens(m, &s, column, rows, logits);
    for (int r = 0; r < n; r++) rows[r].seq->position++;
    arena_release(a, mark);
    return STENO_OK;
}
