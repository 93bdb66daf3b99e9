/* moonshine_stem.c: audio -> frames: three strided convolutions with a group normalisation behind the first, in slices.
 *
 * An utterance at a time, because the normalisation spans the whole utterance and its frames are large; products run on
 * blocks of rows that stay in the second cache. Rows do not depend on each other, so slices change nothing.
 */
#include "models/moonshine_int.h"

#include <string.h>

#define CONV1_ROWS 1024 /* rows of a slice: about 1 ms each */
#define CONV2_ROWS (2 * MOONSHINE_ROW_BLOCK)
#define CONV3_ROWS (4 * MOONSHINE_ROW_BLOCK)

stem_sizes moonshine_stem_sizes(int samples) {
    stem_sizes s;
    s.t1 = (samples - STEM_CONV1_TAPS) / STEM_CONV1_STRIDE + 1;
    s.t2 = (s.t1 - STEM_CONV2_TAPS) / STEM_CONV2_STRIDE + 1;
    s.t3 = (s.t2 - STEM_CONV3_TAPS) / STEM_CONV3_STRIDE + 1;
    return s;
}

/* What one utterance's stem takes from the arena and gives back. */
size_t moonshine_stem_bytes(const moonshine *m, int samples) {
    stem_sizes s = moonshine_stem_sizes(samples);
    size_t d = (size_t)m->info.width, t1 = (size_t)s.t1, t2 = (size_t)s.t2;
    size_t both = moonshine_pad64(((size_t)samples + 64) * 4) + moonshine_pad64(t1 * d * 4) + 8 * 64;
    if (!m->conv2.use_bf16) return both + moonshine_pad64(t2 * 2 * d * 4);
    return both + moonshine_pad64(t2 * 2 * d * 2) + moonshine_pad64(MOONSHINE_ROW_BLOCK * 2 * d * 4) +
           moonshine_pad64(t1 * 4) + 3 * moonshine_pad64(t2 * 4);
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

/* Rounds n frames of x into rows from `at` on. x may be the very memory of to->x when at is 0: a row is read before it
 * is overwritten, since bf16 rows are half as long. */
static void round_frames(const float *x, int n, bf16_frames *to, int at) {
    for (int i = 0; i < n; i++) {
        uint16_t *row = to->x + (size_t)(at + i) * (size_t)to->channels;
        kern()->to_bf16(x + (size_t)i * (size_t)to->channels, to->channels, row);
        to->sum[at + i] = bf16_row_sum(row, to->channels);
    }
}

/* ---- slices ------------------------------------------------------------------------------------------------------- */

steno_err moonshine_stem_begin(moonshine_stem *st, const moonshine *m, arena *a, const float *pcm, int samples,
                               float *out) {
    memset(st, 0, sizeof *st);
    st->m = m;
    st->mem = a;
    st->size = moonshine_stem_sizes(samples);
    st->out = out;
    st->pcm = arena_take(a, (size_t)samples + 64, sizeof *st->pcm);
    st->first = arena_take(a, (size_t)st->size.t1 * (size_t)m->info.width, sizeof *st->first);
    if (!st->pcm || !st->first) return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
    memcpy(st->pcm, pcm, (size_t)samples * sizeof *st->pcm);
    memset(st->pcm + samples, 0, 64 * sizeof *st->pcm); /* the even-length window reads one sample past the end */
    return STENO_OK;
}

/* How many of `rows` the next slice takes; st->at moves on. */
static int next_rows(moonshine_stem *st, int rows, int most) {
    int n = rows - st->at < most ? rows - st->at : most;
    st->at += n;
    return n;
}

bool moonshine_stem_first(moonshine_stem *st) {
    const moonshine *m = st->m;
    int from = st->at, n = next_rows(st, st->size.t1, CONV1_ROWS), d = m->info.width;
    kern()->gemm_f32(st->pcm + (size_t)from * STEM_CONV1_STRIDE, STEM_CONV1_STRIDE, n, &m->conv1.f32, KERN_TANH,
                     st->first + (size_t)from * (size_t)d, d);
    if (st->at < st->size.t1) return false;
    st->at = 0;
    return true;
}

/* Memory of the second and third convolution, and bf16 frames in the place of the floats. The middle frames exist as floats
 * only a block at a time. */
static steno_err begin_rest_bf16(moonshine_stem *st) {
    const stem_sizes *s = &st->size;
    size_t d = (size_t)st->m->info.width;
    st->a = (bf16_frames){(uint16_t *)(void *)st->first, arena_take(st->mem, (size_t)s->t1, 4), (int)d};
    st->b =
        (bf16_frames){arena_take(st->mem, (size_t)s->t2 * 2 * d, 2), arena_take(st->mem, (size_t)s->t2, 4), 2 * (int)d};
    st->window = arena_take(st->mem, (size_t)s->t2, sizeof *st->window);
    st->block = arena_take(st->mem, MOONSHINE_ROW_BLOCK * 2 * d, sizeof *st->block);
    if (!st->a.sum || !st->b.x || !st->b.sum || !st->window || !st->block)
        return err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
    round_frames(st->first, s->t1, &st->a, 0);
    window_sums(st->a.sum, STEM_CONV2_TAPS, STEM_CONV2_STRIDE, s->t2, st->window);
    return STENO_OK;
}

steno_err moonshine_stem_begin_rest(moonshine_stem *st) {
    st->at = st->stage = 0;
    if (st->m->conv2.use_bf16) return begin_rest_bf16(st);
    st->second = arena_take(st->mem, (size_t)st->size.t2 * 2 * (size_t)st->m->info.width, sizeof *st->second);
    return st->second ? STENO_OK : err_fail(STENO_E_NOMEM, "the batch arena cannot hold a stem");
}

static void second_bf16(moonshine_stem *st, int from, int n) {
    const moonshine *m = st->m;
    int d = m->info.width, end = from + n;
    for (int r = from; r < end; r += MOONSHINE_ROW_BLOCK) {
        int rows = end - r < MOONSHINE_ROW_BLOCK ? end - r : MOONSHINE_ROW_BLOCK;
        const uint16_t *x = st->a.x + (size_t)r * STEM_CONV2_STRIDE * (size_t)d;
        kern()->gemm_bf16(x, STEM_CONV2_STRIDE * d, st->window + r, rows, &m->conv2.b16, KERN_GELU, st->block, 2 * d);
        round_frames(st->block, rows, &st->b, r);
    }
    if (end == st->size.t2) window_sums(st->b.sum, STEM_CONV3_TAPS, STEM_CONV3_STRIDE, st->size.t3, st->window);
}

static void second_f32(moonshine_stem *st, int from, int n) {
    size_t d = (size_t)st->m->info.width;
    kern()->gemm_f32(st->first + (size_t)from * STEM_CONV2_STRIDE * d, STEM_CONV2_STRIDE * (int)d, n, &st->m->conv2.f32,
                     KERN_GELU, st->second + (size_t)from * 2 * d, 2 * (int)d);
}

static void third(moonshine_stem *st, int from, int n) {
    const moonshine *m = st->m;
    int d = m->info.width, lda = STEM_CONV3_STRIDE * 2 * d;
    float *out = st->out + (size_t)from * (size_t)d;
    if (m->conv2.use_bf16)
        kern()->gemm_bf16(st->b.x + (size_t)from * (size_t)lda, lda, st->window + from, n, &m->conv3.b16, KERN_GELU,
                          out, d);
    else
        kern()->gemm_f32(st->second + (size_t)from * (size_t)lda, lda, n, &m->conv3.f32, KERN_GELU, out, d);
}

bool moonshine_stem_rest(moonshine_stem *st) {
    int from = st->at;
    if (st->stage == 0) {
        int n = next_rows(st, st->size.t2, CONV2_ROWS);
        if (st->m->conv2.use_bf16)
            second_bf16(st, from, n);
        else
            second_f32(st, from, n);
        if (st->at < st->size.t2) return false;
        st->stage = 1;
        st->at = 0;
        return false;
    }
    third(st, from, next_rows(st, st->size.t3, CONV3_ROWS));
    return st->at >= st->size.t3;
}
