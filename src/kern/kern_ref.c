/* kern_ref.c: the plain C reference. What every op means; all other bodies are checked against this one.
 *
 * Sources: DynamicQuantizeLinear and MatMulInteger as in the ONNX operator specification; GELU with erf (Hendrycks &
 * Gimpel 2016); rotary embedding (Su et al. 2021), interleaved pairs; LSTM (Hochreiter & Schmidhuber 1997).
 */
#include "kern/kern_int.h"

#include <math.h>
#include <string.h>

/* ---- IEEE half -------------------------------------------------------------------------------------------------- */

static uint16_t half_of(float f) {
    uint32_t x;
    memcpy(&x, &f, sizeof x);
    uint32_t sign = (x >> 16) & 0x8000u, mag = x & 0x7fffffffu;
    if (mag >= 0x47800000u) return (uint16_t)(sign | (mag > 0x7f800000u ? 0x7e00u : 0x7c00u)); /* too large, inf, NaN */
    if (mag < 0x38800000u) { /* subnormal half: adding 0.5 aligns the bits and rounds to nearest even */
        float magnitude;
        memcpy(&magnitude, &mag, sizeof magnitude);
        magnitude += 0.5f;
        uint32_t bits;
        memcpy(&bits, &magnitude, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    uint32_t odd = (mag >> 13) & 1u;
    return (uint16_t)(sign | ((mag - 0x38000000u + 0xfffu + odd) >> 13));
}

static float float_of_half(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = (h >> 10) & 31u, mantissa = h & 1023u;
    if (exponent == 0) {
        float f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    uint32_t bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112u) << 23) | (mantissa << 13);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void quantize_row(const float *x, int k, const kern_qrows *out, int row) {
    float lo = 0.0f, hi = 0.0f; /* the range always holds zero */
    for (int i = 0; i < k; i++) {
        lo = fminf(lo, x[i]);
        hi = fmaxf(hi, x[i]);
    }
    float scale = (hi - lo) / 255.0f;
    float inverse = scale > 0.0f ? 1.0f / scale : 0.0f;
    int zp = (int)lrintf(-lo * inverse); /* -lo / scale is within 0..255 by construction */
    if (zp > 255) zp = 255;
    uint8_t *q = out->q + (size_t)row * (size_t)out->stride;
    int32_t sum = 0;
    for (int i = 0; i < k; i++) {
        int v = (int)lrintf(x[i] * inverse) + zp;
        v = v < 0 ? 0 : v > 255 ? 255 : v;
        q[i] = (uint8_t)v;
        sum += v;
    }
    for (int i = k; i < out->stride; i++) q[i] = 0;
    out->scale[row] = scale;
    out->zp[row] = zp;
    out->sum[row] = sum;
}

static void quantize_rows(const float *x, int ldx, int m, int k, const kern_qrows *out) {
    for (int r = 0; r < m; r++) quantize_row(x + (size_t)r * (size_t)ldx, k, out, r);
}

static void layernorm_row(const float *x, int k, const float *gamma, float *y) {
    float mean = 0.0f, var = 0.0f;
    for (int i = 0; i < k; i++) mean += x[i];
    mean /= (float)k;
    for (int i = 0; i < k; i++) var += (x[i] - mean) * (x[i] - mean);
    float rstd = 1.0f / sqrtf(var / (float)k + KERN_NORM_EPS);
    for (int i = 0; i < k; i++) y[i] = (x[i] - mean) * rstd * gamma[i];
}

static void layernorm_rows(const float *x, int ldx, int m, int k, const float *gamma, float *y, int ldy) {
    for (int r = 0; r < m; r++) layernorm_row(x + (size_t)r * (size_t)ldx, k, gamma, y + (size_t)r * (size_t)ldy);
}

static void layernorm_quantize_rows(const float *x, int ldx, int m, int k, const float *gamma, float *tmp,
                                    const kern_qrows *out) {
    for (int r = 0; r < m; r++) {
        layernorm_row(x + (size_t)r * (size_t)ldx, k, gamma, tmp);
        quantize_row(tmp, k, out, r);
    }
}

static void swiglu_row(const float *x, int h, float *y) {
    for (int i = 0; i < h; i++) {
        float gate = x[h + i];
        y[i] = x[i] * (gate / (1.0f + expf(-gate)));
    }
}

static void swiglu_rows(const float *x, int ldx, int m, int h, float *y, int ldy) {
    for (int r = 0; r < m; r++) swiglu_row(x + (size_t)r * (size_t)ldx, h, y + (size_t)r * (size_t)ldy);
}

static void swiglu_quantize_rows(const float *x, int ldx, int m, int h, float *tmp, const kern_qrows *out) {
    for (int r = 0; r < m; r++) {
        swiglu_row(x + (size_t)r * (size_t)ldx, h, tmp);
        quantize_row(tmp, h, out, r);
    }
}

/* ---- products --------------------------------------------------------------------------------------------------- */

static void finish(kern_epilogue epi, float v, float *out) {
    switch (epi) {
    case KERN_STORE:
        *out = v;
        break;
    case KERN_ADD:
        *out += v;
        break;
    case KERN_GELU:
        *out = v * 0.5f * (1.0f + erff(v * 0.70710678f));
        break;
    case KERN_RELU:
        *out = fmaxf(v, 0.0f);
        break;
    case KERN_TANH:
        *out = tanhf(v);
        break;
    }
}

static int32_t dot_q8(const uint8_t *a, const kern_q8 *w, int column) {
    int panel = column / KERN_PANEL;
    size_t width = (size_t)kern_panel_width(w->n_pad, panel);
    const int8_t *p = w->w8 + (size_t)panel * KERN_PANEL * (size_t)w->k_pad + (size_t)(column % KERN_PANEL) * 4;
    int32_t acc = 0;
    for (int k = 0; k < w->k; k++) acc += (int32_t)a[k] * p[(size_t)(k / 4) * width * 4 + (size_t)(k % 4)];
    return acc;
}

static void gemm_q8(const kern_qrows *a, int m, const kern_q8 *w, kern_epilogue epi, float *out, int ldo) {
    for (int r = 0; r < m; r++) {
        const uint8_t *row = a->q + (size_t)r * (size_t)a->stride;
        for (int j = 0; j < w->n; j++) {
            int32_t acc = dot_q8(row, w, j) - a->sum[r] * w->zp[j] - a->zp[r] * w->col_corr[j];
            finish(epi, fmaf((float)acc, a->scale[r] * w->scale[j], w->bias[j]),
                   &out[(size_t)r * (size_t)ldo + (size_t)j]);
        }
    }
}

static void gemm_f32(const float *a, int lda, int m, const kern_f32 *w, kern_epilogue epi, float *out, int ldo) {
    for (int r = 0; r < m; r++) {
        const float *row = a + (size_t)r * (size_t)lda;
        for (int j = 0; j < w->n; j++) {
            int panel = j / KERN_PANEL;
            size_t width = (size_t)kern_panel_width(w->n_pad, panel);
            const float *p = w->w + (size_t)panel * KERN_PANEL * (size_t)w->k + (size_t)(j % KERN_PANEL);
            float acc = 0.0f;
            for (int k = 0; k < w->k; k++) acc = fmaf(row[k], p[(size_t)k * width], acc);
            finish(epi, acc + w->bias[j], &out[(size_t)r * (size_t)ldo + (size_t)j]);
        }
    }
}

static void to_bf16(const float *x, int n, uint16_t *y) {
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        y[i] = (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
    }
}

/* ---- attention -------------------------------------------------------------------------------------------------- */

static void softmax(float *s, int n) {
    float top = s[0], sum = 0.0f;
    for (int i = 1; i < n; i++) top = fmaxf(top, s[i]);
    for (int i = 0; i < n; i++) {
        s[i] = expf(s[i] - top);
        sum += s[i];
    }
    for (int i = 0; i < n; i++) s[i] /= sum;
}

static void attention_row(const float *q, const float *k, const float *v, int ld, int t, int head_dim, float scale,
                          float *scores, float *out) {
    for (int j = 0; j < t; j++) {
        float dot = 0.0f;
        for (int d = 0; d < head_dim; d++) dot = fmaf(q[d], k[(size_t)j * (size_t)ld + (size_t)d], dot);
        scores[j] = dot * scale;
    }
    softmax(scores, t);
    for (int d = 0; d < head_dim; d++) out[d] = 0.0f;
    for (int j = 0; j < t; j++) {
        for (int d = 0; d < head_dim; d++) out[d] = fmaf(scores[j], v[(size_t)j * (size_t)ld + (size_t)d], out[d]);
    }
}

static void attention(const float *q, int ldq, int tq, const float *k, const float *v, int ld, int t, int heads,
                      int head_dim, float scale, void *scratch, float *out, int ldo) {
    for (int h = 0; h < heads; h++) {
        for (int i = 0; i < tq; i++) {
            size_t at = (size_t)h * (size_t)head_dim;
            attention_row(q + (size_t)i * (size_t)ldq + at, k + at, v + at, ld, t, head_dim, scale, scratch,
                          out + (size_t)i * (size_t)ldo + at);
        }
    }
}

static void attention_paged(const float *q, const uint16_t *const *pages, int positions, int heads, int head_dim,
                            float scale, float *probs, const float *head_weight, float *align, float *out) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        const float *qh = q + (size_t)h * (size_t)head_dim;
        for (int j = 0; j < positions; j++) {
            const uint16_t *keys =
                pages[j / KERN_PAGE_POSITIONS] + (size_t)h * head_halfs + (size_t)(j % KERN_PAGE_POSITIONS);
            float dot = 0.0f;
            for (int d = 0; d < head_dim; d++)
                dot = fmaf(qh[d], float_of_half(keys[(size_t)d * KERN_PAGE_POSITIONS]), dot);
            probs[j] = dot * scale;
        }
        softmax(probs, positions);
        float *oh = out + (size_t)h * (size_t)head_dim;
        for (int d = 0; d < head_dim; d++) oh[d] = 0.0f;
        for (int j = 0; j < positions; j++) {
            const uint16_t *values = pages[j / KERN_PAGE_POSITIONS] + (size_t)(heads + h) * head_halfs +
                                     (size_t)(j % KERN_PAGE_POSITIONS) * (size_t)head_dim;
            for (int d = 0; d < head_dim; d++) oh[d] = fmaf(probs[j], float_of_half(values[d]), oh[d]);
        }
        if (head_weight && head_weight[h] != 0.0f) {
            for (int j = 0; j < positions; j++) align[j] += head_weight[h] * probs[j];
        }
    }
}

static void page_store(uint16_t *page, int slot, int heads, int head_dim, const float *k, const float *v) {
    size_t head_halfs = (size_t)head_dim * KERN_PAGE_POSITIONS;
    for (int h = 0; h < heads; h++) {
        uint16_t *keys = page + (size_t)h * head_halfs + (size_t)slot;
        uint16_t *values = page + (size_t)(heads + h) * head_halfs + (size_t)slot * (size_t)head_dim;
        for (int d = 0; d < head_dim; d++) {
            keys[(size_t)d * KERN_PAGE_POSITIONS] = half_of(k[h * head_dim + d]);
            values[d] = half_of(v[h * head_dim + d]);
        }
    }
}

static void rope_row(float *x, int heads, int head_dim, int pairs, const float *cos_t, const float *sin_t) {
    for (int h = 0; h < heads; h++) {
        float *xh = x + (size_t)h * (size_t)head_dim;
        for (int i = 0; i < pairs; i++) {
            float even = xh[2 * i], odd = xh[2 * i + 1];
            xh[2 * i] = even * cos_t[i] - odd * sin_t[i];
            xh[2 * i + 1] = odd * cos_t[i] + even * sin_t[i];
        }
    }
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static void groupnorm(const float *x, int m, int c, const float *gamma, const float *beta, float *y) {
    size_t n = (size_t)m * (size_t)c;
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    float rstd = 1.0f / sqrtf((float)(squares / (double)n) + KERN_NORM_EPS);
    for (int r = 0; r < m; r++) {
        for (int i = 0; i < c; i++) {
            size_t at = (size_t)r * (size_t)c + (size_t)i;
            y[at] = (x[at] - (float)mean) * rstd * gamma[i] + beta[i];
        }
    }
}

static float sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

static void lstm_cell(const float *gates, int b, int h, float *c, float *hid) {
    for (int r = 0; r < b; r++) {
        const float *g = gates + (size_t)r * 4 * (size_t)h;
        for (int i = 0; i < h; i++) {
            size_t at = (size_t)r * (size_t)h + (size_t)i;
            c[at] = sigmoid(g[h + i]) * c[at] + sigmoid(g[i]) * tanhf(g[2 * h + i]);
            hid[at] = sigmoid(g[3 * h + i]) * tanhf(c[at]);
        }
    }
}

static int argmax_logsumexp(const float *x, int n, float *lse) {
    int best = 0;
    for (int i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += (double)expf(x[i] - x[best]);
    *lse = x[best] + (float)log(sum);
    return best;
}

const kern_ops *kern_ref_ops(void) {
    static const kern_ops ops = {
        .name = "c",
        .quantize_rows = quantize_rows,
        .layernorm_quantize_rows = layernorm_quantize_rows,
        .layernorm_rows = layernorm_rows,
        .swiglu_quantize_rows = swiglu_quantize_rows,
        .swiglu_rows = swiglu_rows,
        .gemm_q8 = gemm_q8,
        .gemm_f32 = gemm_f32,
        .gemm_bf16 = NULL,
        .to_bf16 = to_bf16,
        .attention = attention,
        .attention_paged = attention_paged,
        .page_store = page_store,
        .rope_row = rope_row,
        .groupnorm = groupnorm,
        .lstm_cell = lstm_cell,
        .argmax_logsumexp = argmax_logsumexp,
    };
    return &ops;
}
