/* kern.c: chooses a kernel body once, and packs published weights for all of them. */
#include "kern/kern_int.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- dispatch --------------------------------------------------------------------------------------------------- */

static const kern_ops *chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

const kern_ops *kern_body(const char *name) {
    if (strcmp(name, "c") == 0) return kern_ref_ops();
    if (strcmp(name, "avx2") == 0) return kern_avx2_ops();
    if (strcmp(name, "avx512") == 0) return kern_avx512_ops();
    if (strcmp(name, "avx512-vnni") == 0) return kern_avx512_vnni_ops();
    if (strcmp(name, "auto") != 0) return NULL;
    if (kern_avx512_ops()) return kern_avx512_ops();
    if (kern_avx512_vnni_ops()) return kern_avx512_vnni_ops();
    if (kern_avx2_ops()) return kern_avx2_ops();
    return kern_ref_ops();
}

static void choose_default(void) {
    if (chosen) return;
    const char *wish = getenv("STENO_KERN");
    chosen = kern_body(wish ? wish : "auto");
    if (!chosen) chosen = kern_body("auto"); /* an override the CPU lacks falls back; kern_select() reports it */
}

const kern_ops *kern(void) {
    pthread_once(&chosen_once, choose_default);
    return chosen;
}

steno_err kern_select(const char *name) {
    const kern_ops *body = kern_body(name);
    if (!body) return err_fail(STENO_E_UNSUPPORTED, "kernel body '%s' is unknown or this processor lacks it", name);
    chosen = body;
    return STENO_OK;
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

/* Where (k, column) lives in a packed matrix whose k is handled `step` at a time; k_pad is a multiple of step. */
static size_t packed_index(int n_pad, int k_pad, int step, int k, int column) {
    int panel = column / KERN_PANEL, inside = column % KERN_PANEL;
    size_t width = (size_t)kern_panel_width(n_pad, panel);
    size_t base = (size_t)panel * KERN_PANEL * (size_t)k_pad;
    return base + ((size_t)(k / step) * width + (size_t)inside) * (size_t)step + (size_t)(k % step);
}

static steno_err q8_reserve(kern_q8 *m, int n, int k) {
    memset(m, 0, sizeof *m);
    m->n = n;
    m->k = k;
    m->n_pad = kern_round_up(n, KERN_LANES);
    m->k_pad = kern_round_up(k, 4);
    m->w8 = mem_alloc((size_t)m->n_pad, (size_t)m->k_pad);
    m->scale = mem_alloc((size_t)m->n_pad, sizeof *m->scale);
    m->zp = mem_alloc((size_t)m->n_pad, sizeof *m->zp);
    m->col_corr = mem_alloc((size_t)m->n_pad, sizeof *m->col_corr);
    m->bias = mem_alloc((size_t)m->n_pad, sizeof *m->bias);
    if (m->w8 && m->scale && m->zp && m->col_corr && m->bias) return STENO_OK;
    kern_q8_free(m);
    return err_fail(STENO_E_NOMEM, "no memory for a %d x %d int8 matrix", k, n);
}

/* Column `column` of the packed matrix from column j of the part. */
static void q8_describe_column(kern_q8 *m, const kern_q8_part *part, int j, int column) {
    m->zp[column] = (int32_t)part->zero_point - 128;
    m->scale[column] = part->scales ? part->scales[j] : part->scale;
    m->bias[column] = part->bias ? part->bias[j] : 0.0f;
    m->col_corr[column] -= m->k * m->zp[column]; /* on top of the sum that packing left there */
}

/* Packs one part at columns from `first` on; col_corr collects the columns' sums. Loops follow the source, which is read
 * once from front to back. */
static void q8_pack_part(kern_q8 *m, const kern_q8_part *part, int first) {
    int rows = part->transposed ? part->n : m->k, across = part->transposed ? m->k : part->n;
    const uint8_t *w = part->w;
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < across; c++) {
            int k = part->transposed ? c : r, column = first + (part->transposed ? r : c);
            int panel = column / KERN_PANEL, inside = column - panel * KERN_PANEL;
            int width = kern_panel_width(m->n_pad, panel), value = (int)*w++ - 128;
            m->w8[(size_t)panel * KERN_PANEL * (size_t)m->k_pad + (size_t)((k >> 2) * width + inside) * 4 +
                  (size_t)(k & 3)] = (int8_t)value;
            m->col_corr[column] += value;
        }
    }
    for (int j = 0; j < part->n; j++) q8_describe_column(m, part, j, first + j);
}

steno_err kern_q8_pack(kern_q8 *m, const kern_q8_part *parts, int n_parts, int k) {
    int n = 0;
    for (int p = 0; p < n_parts; p++) n += parts[p].n;
    ERR_TRY(q8_reserve(m, n, k));
    int column = 0;
    for (int p = 0; p < n_parts; p++) {
        q8_pack_part(m, &parts[p], column);
        column += parts[p].n;
    }
    return STENO_OK;
}

void kern_q8_free(kern_q8 *m) {
    mem_free(m->w8);
    mem_free(m->scale);
    mem_free(m->zp);
    mem_free(m->col_corr);
    mem_free(m->bias);
    memset(m, 0, sizeof *m);
}

void kern_q8_column(const kern_q8 *m, int j, float *out) {
    assert(j >= 0 && j < m->n);
    int panel = j / KERN_PANEL;
    size_t width = (size_t)kern_panel_width(m->n_pad, panel);
    const int8_t *w = m->w8 + (size_t)panel * KERN_PANEL * (size_t)m->k_pad + (size_t)(j % KERN_PANEL) * 4;
    for (int k = 0; k < m->k; k++) {
        int value = w[(size_t)(k / 4) * width * 4 + (size_t)(k % 4)];
        out[k] = (float)(value - m->zp[j]) * m->scale[j];
    }
}

static steno_err f32_reserve(kern_f32 *m, int n, int k) {
    memset(m, 0, sizeof *m);
    m->n = n;
    m->k = k;
    m->n_pad = kern_round_up(n, KERN_LANES);
    m->w = mem_alloc((size_t)m->n_pad * (size_t)k, sizeof *m->w);
    m->bias = mem_alloc((size_t)m->n_pad, sizeof *m->bias);
    if (m->w && m->bias) return STENO_OK;
    kern_f32_free(m);
    return err_fail(STENO_E_NOMEM, "no memory for a %d x %d fp32 matrix", k, n);
}

steno_err kern_f32_pack(kern_f32 *m, const float *w, const float *bias, int n, int k) {
    ERR_TRY(f32_reserve(m, n, k));
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < k; i++) m->w[packed_index(m->n_pad, k, 1, i, j)] = w[(size_t)j * (size_t)k + (size_t)i];
        if (bias) m->bias[j] = bias[j];
    }
    return STENO_OK;
}

steno_err kern_q8_to_f32(const kern_q8 *m, kern_f32 *out) {
    ERR_TRY(f32_reserve(out, m->n, m->k));
    for (int j = 0; j < m->n; j++) {
        for (int i = 0; i < m->k; i++) {
            int value = m->w8[packed_index(m->n_pad, m->k_pad, 4, i, j)];
            out->w[packed_index(m->n_pad, m->k, 1, i, j)] = (float)(value - m->zp[j]) * m->scale[j];
        }
        out->bias[j] = m->bias[j];
    }
    return STENO_OK;
}

void kern_f32_free(kern_f32 *m) {
    mem_free(m->w);
    mem_free(m->bias);
    memset(m, 0, sizeof *m);
}

/* Integers -128..127 have at most 8 significant bits, so bf16 holds them exactly and truncation rounds nothing. */
static uint16_t bf16_of_small_int(int value) {
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16);
}

steno_err kern_bf16_pack(kern_bf16 *m, const int8_t *w, float scale, float offset, const float *bias, int n, int k) {
    assert(k % 2 == 0);
    memset(m, 0, sizeof *m);
    m->n = n;
    m->k = k;
    m->n_pad = kern_round_up(n, KERN_LANES);
    m->scale = scale;
    m->offset = offset;
    m->w = mem_alloc((size_t)m->n_pad * (size_t)k, sizeof *m->w);
    m->bias = mem_alloc((size_t)m->n_pad, sizeof *m->bias);
    if (!m->w || !m->bias) {
        kern_bf16_free(m);
        return err_fail(STENO_E_NOMEM, "no memory for a %d x %d bf16 matrix", k, n);
    }
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < k; i++)
            m->w[packed_index(m->n_pad, k, 2, i, j)] = bf16_of_small_int(w[(size_t)j * (size_t)k + (size_t)i]);
        if (bias) m->bias[j] = bias[j];
    }
    return STENO_OK;
}

void kern_bf16_free(kern_bf16 *m) {
    mem_free(m->w);
    mem_free(m->bias);
    memset(m, 0, sizeof *m);
}

size_t kern_attention_scratch(int t, int head_dim) {
    /* Keys and values of one head as floats, padded to whole panels both ways, and a block of query and score rows; the
     * bf16 body needs less. */
    size_t t_pad = (size_t)kern_round_up(t, KERN_PANEL), d_pad = (size_t)kern_round_up(head_dim, KERN_LANES);
    size_t floats = t_pad * d_pad * 2 + (t_pad * 2 + d_pad) * KERN_ATTENTION_QUERY_BLOCK;
    return floats * sizeof(float) + 4 * MEM_ALIGN;
}
