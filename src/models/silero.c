/* silero.c: Silero VAD v6 at 16 kHz on the fp32 kernels.
 *
 * Purpose     576 samples -> reflect 64 on the right -> 4 spectra of 129 bins -> 4 convolutions -> LSTM -> probability.
 * Owner       `silero` is immutable after open; scratch lives in the caller's arena and is given back before returning.
 * Invariants  every frame is computed by the same operations in the same order whatever its neighbours are, so a job's
 *             result does not depend on the batch (the kernels promise the same for their rows).
 *
 * Frames are ordered by time, then by job, and cut into blocks of SILERO_BLOCK_FRAMES so that scratch stays in the
 * second cache. Everything up to the input half of the LSTM gates runs on a whole block; the recurrent half then steps
 * through time with the jobs of each instant side by side.
 */
#include "models/silero.h"

#include "base/mem.h"
#include "kern/kern.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SILERO_BLOCK_FRAMES 32 /* also the most jobs that step side by side */

#define WINDOW      256                                             /* samples of one spectrum */
#define HOP         128                                             /* samples between spectra */
#define SPECTRA     4                                               /* of one frame */
#define BINS        129                                             /* of one spectrum */
#define HALF_WINDOW (WINDOW / 2)                                    /* a folded spectrum's input */
#define HEARD       (SILERO_CONTEXT_SAMPLES + SILERO_FRAME_SAMPLES) /* samples the network is given */
#define PADDED      (HEARD + SILERO_CONTEXT_SAMPLES)                /* with the reflected tail */
#define C0          128                                             /* channels after each convolution */
#define C1          64
#define C2          64
#define C3          128
#define GATES       (4 * SILERO_HIDDEN)
#define TAPS        3
#define BASIS_SLACK 1e-6f /* how far from symmetric the published basis may be */

struct silero {
    kern_f32 re, im; /* folded basis: [HALF_WINDOW] -> [BINS], [HALF_WINDOW - 1] -> bins 1.. */
    kern_f32 conv0, conv1, conv2, conv3;
    kern_f32 input, recurrent; /* LSTM gates, both biases in `input` */
    kern_f32 out;
};

/* ---- weights ---------------------------------------------------------------------------------------------------- */

static steno_err find_f32(const weights *w, const char *name, int dims, const int64_t *shape, const float **out) {
    weights_tensor t;
    ERR_TRY(weights_expect(w, name, WEIGHTS_F32, dims, shape, &t));
    *out = t.data;
    return STENO_OK;
}

static steno_err find_vector(const weights *w, const char *name, int n, const float **out) {
    return find_f32(w, name, 1, (const int64_t[]){n}, out);
}

/* The window is even about its middle, so each cosine row is even and each sine row odd there, and sample 0 counts for
 * nothing: the sums and differences of mirrored samples give the same spectrum with half the products. */
static bool basis_folds(const float *basis) {
    for (int row = 0; row < 2 * BINS; row++) {
        const float *b = basis + (size_t)row * WINDOW;
        float sign = row < BINS ? 1.0f : -1.0f;
        for (int n = 1; n < HALF_WINDOW; n++) {
            if (!(fabsf(b[n] - sign * b[WINDOW - n]) <= BASIS_SLACK)) return false;
        }
        if (!(fabsf(b[0]) <= BASIS_SLACK)) return false;
        if (row >= BINS && !(fabsf(b[HALF_WINDOW]) <= BASIS_SLACK)) return false;
        if (row == BINS && !(fabsf(b[1]) <= BASIS_SLACK)) return false; /* bin 0 has no sine */
    }
    return true;
}

/* Sample n + 1 of the basis becomes input n; the cosine rows keep the middle sample as their last input. */
static steno_err pack_basis(silero *m, const float *basis) {
    float *rows = mem_alloc((size_t)BINS * HALF_WINDOW, sizeof *rows);
    if (!rows) return err_fail(STENO_E_NOMEM, "no memory to pack stft.basis");
    for (int b = 0; b < BINS; b++)
        memcpy(rows + (size_t)b * HALF_WINDOW, basis + (size_t)b * WINDOW + 1, HALF_WINDOW * sizeof *rows);
    steno_err err = kern_f32_pack(&m->re, rows, NULL, BINS, HALF_WINDOW);
    const int sines = HALF_WINDOW - 1;
    for (int b = 1; b < BINS; b++)
        memcpy(rows + (size_t)(b - 1) * (size_t)sines, basis + (size_t)(BINS + b) * WINDOW + 1,
               (size_t)sines * sizeof *rows);
    if (err == STENO_OK) err = kern_f32_pack(&m->im, rows, NULL, BINS - 1, sines);
    mem_free(rows);
    return err;
}

static steno_err load_basis(silero *m, const weights *w) {
    const float *basis;
    ERR_TRY(find_f32(w, "stft.basis", 2, (const int64_t[]){2 * BINS, WINDOW}, &basis));
    if (!basis_folds(basis))
        return err_fail(STENO_E_FORMAT, "stft.basis is not a symmetric window times cosines and sines");
    return pack_basis(m, basis);
}

/* w [out, in, TAPS] -> columns over (tap, in), of the taps that ever meet something other than padding. */
static steno_err pack_conv(kern_f32 *to, const float *w, const float *bias, int out, int in, int first_tap, int taps) {
    float *rows = mem_alloc((size_t)out * (size_t)in * (size_t)taps, sizeof *rows);
    if (!rows) return err_fail(STENO_E_NOMEM, "no memory to pack a %d x %d convolution", out, in);
    float *at = rows;
    for (int o = 0; o < out; o++) {
        for (int t = 0; t < taps; t++) {
            for (int i = 0; i < in; i++)
                *at++ = w[((size_t)o * (size_t)in + (size_t)i) * TAPS + (size_t)(first_tap + t)];
        }
    }
    steno_err err = kern_f32_pack(to, rows, bias, out, in * taps);
    mem_free(rows);
    return err;
}

static steno_err load_conv(kern_f32 *to, const weights *w, const char *weight, const char *bias, int out, int in,
                           int first_tap, int taps) {
    const float *values, *offsets;
    ERR_TRY(find_f32(w, weight, 3, (const int64_t[]){out, in, TAPS}, &values));
    ERR_TRY(find_vector(w, bias, out, &offsets));
    return pack_conv(to, values, offsets, out, in, first_tap, taps);
}

static steno_err load_lstm(silero *m, const weights *w) {
    const float *ih, *hh, *bias_ih, *bias_hh;
    const int64_t shape[] = {GATES, SILERO_HIDDEN};
    ERR_TRY(find_f32(w, "lstm.weight_ih", 2, shape, &ih));
    ERR_TRY(find_f32(w, "lstm.weight_hh", 2, shape, &hh));
    ERR_TRY(find_vector(w, "lstm.bias_ih", GATES, &bias_ih));
    ERR_TRY(find_vector(w, "lstm.bias_hh", GATES, &bias_hh));
    float bias[GATES];
    for (int i = 0; i < GATES; i++) bias[i] = bias_ih[i] + bias_hh[i];
    ERR_TRY(kern_f32_pack(&m->input, ih, bias, GATES, SILERO_HIDDEN));
    return kern_f32_pack(&m->recurrent, hh, NULL, GATES, SILERO_HIDDEN);
}

static steno_err load_all(silero *m, const weights *w) {
    const float *weight, *bias;
    ERR_TRY(load_basis(m, w));
    ERR_TRY(load_conv(&m->conv0, w, "encoder.0.weight", "encoder.0.bias", C0, BINS, 0, 3));
    ERR_TRY(load_conv(&m->conv1, w, "encoder.1.weight", "encoder.1.bias", C1, C0, 0, 3));
    /* Two frames in, stride 2, one out: the first tap only ever meets padding. Then one in, one out: only the middle.
     */
    ERR_TRY(load_conv(&m->conv2, w, "encoder.2.weight", "encoder.2.bias", C2, C1, 1, 2));
    ERR_TRY(load_conv(&m->conv3, w, "encoder.3.weight", "encoder.3.bias", C3, C2, 1, 1));
    ERR_TRY(load_lstm(m, w));
    ERR_TRY(find_vector(w, "out.weight", SILERO_HIDDEN, &weight));
    ERR_TRY(find_vector(w, "out.bias", 1, &bias));
    return kern_f32_pack(&m->out, weight, bias, 1, SILERO_HIDDEN);
}

steno_err silero_open(const weights *w, silero **out) {
    *out = NULL;
    silero *m = mem_alloc(1, sizeof *m);
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for the voice detector");
    steno_err err = load_all(m, w);
    if (err != STENO_OK) {
        silero_free(m);
        return err;
    }
    *out = m;
    return STENO_OK;
}

void silero_free(silero *m) {
    if (!m) return;
    kern_f32 *all[] = {&m->re, &m->im, &m->conv0, &m->conv1, &m->conv2, &m->conv3, &m->input, &m->recurrent, &m->out};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) kern_f32_free(all[i]);
    mem_free(m);
}

void silero_reset(silero_state *state) {
    memset(state, 0, sizeof *state);
}

/* ---- scratch ---------------------------------------------------------------------------------------------------- */

/* Tensors of a block of F frames and of a group of J jobs. */
typedef struct scratch {
    float *even, *odd;  /* [F * SPECTRA, HALF_WINDOW] sums and differences of mirrored samples */
    float *re, *im;     /* [F * SPECTRA, BINS], [F * SPECTRA, BINS - 1] */
    float *in0, *out0;  /* [F * SPECTRA, TAPS * BINS], [F * SPECTRA, C0] */
    float *in1, *out1;  /* [F * 2, TAPS * C0], [F * 2, C1] */
    float *out2, *out3; /* [F, C2], [F, C3] */
    float *gates;       /* [F, GATES] */
    float *heard;       /* [F, HIDDEN] relu(h), what the last layer reads */
    float *logit;       /* [F] */
    float *h, *c;       /* [J, HIDDEN] */
} scratch;

/* One place says what is needed: with an arena it takes, without one it counts. */
static size_t take(arena *a, size_t rows, size_t width, float **to) {
    if (a) *to = arena_take(a, rows * width, sizeof(float));
    return (rows * width * sizeof(float) + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN;
}

static size_t scratch_take(arena *a, size_t frames, scratch *s) {
    size_t spectra = frames * SPECTRA, bytes = 0;
    bytes += take(a, spectra, HALF_WINDOW, &s->even);
    bytes += take(a, spectra, HALF_WINDOW, &s->odd);
    bytes += take(a, spectra, BINS, &s->re);
    bytes += take(a, spectra, BINS - 1, &s->im);
    bytes += take(a, spectra, TAPS * BINS, &s->in0);
    bytes += take(a, spectra, C0, &s->out0);
    bytes += take(a, frames * 2, TAPS * C0, &s->in1);
    bytes += take(a, frames * 2, C1, &s->out1);
    bytes += take(a, frames, C2, &s->out2);
    bytes += take(a, frames, C3, &s->out3);
    bytes += take(a, frames, GATES, &s->gates);
    bytes += take(a, frames, SILERO_HIDDEN, &s->heard);
    bytes += take(a, frames, 1, &s->logit);
    bytes += take(a, frames, SILERO_HIDDEN, &s->h);
    bytes += take(a, frames, SILERO_HIDDEN, &s->c);
    return bytes;
}

static size_t block_frames(size_t rows) {
    return rows < SILERO_BLOCK_FRAMES ? rows : SILERO_BLOCK_FRAMES;
}

size_t silero_arena_bytes(int rows) {
    scratch unused;
    memset(&unused, 0, sizeof unused);
    return rows <= 0 ? 0 : scratch_take(NULL, block_frames((size_t)rows), &unused);
}

/* ---- from samples to gates -------------------------------------------------------------------------------------- */

/* x [PADDED]: the samples before, the frame, and its tail mirrored about the last sample. */
static void gather_frame(const silero_job *job, int frame, float *x) {
    const float *pcm = job->pcm + (size_t)frame * SILERO_FRAME_SAMPLES;
    const float *before = frame == 0 ? job->state->context : pcm - SILERO_CONTEXT_SAMPLES;
    memcpy(x, before, SILERO_CONTEXT_SAMPLES * sizeof *x);
    memcpy(x + SILERO_CONTEXT_SAMPLES, pcm, SILERO_FRAME_SAMPLES * sizeof *x);
    for (int i = 0; i < PADDED - HEARD; i++) x[HEARD + i] = x[HEARD - 2 - i];
}

/* even, odd: [SPECTRA, HALF_WINDOW]. */
static void fold_frame(const float *restrict x, float *restrict even, float *restrict odd) {
    for (int s = 0; s < SPECTRA; s++, even += HALF_WINDOW, odd += HALF_WINDOW) {
        const float *left = x + s * HOP + 1, *right = x + s * HOP + WINDOW - 1;
        for (int n = 0; n < HALF_WINDOW - 1; n++) {
            even[n] = left[n] + right[-n];
            odd[n] = left[n] - right[-n];
        }
        even[HALF_WINDOW - 1] = left[HALF_WINDOW - 1];
        odd[HALF_WINDOW - 1] = 0.0f; /* never read: keeps the block defined */
    }
}

static void magnitudes(const float *restrict re, const float *restrict im, float *restrict out) {
    out[0] = fabsf(re[0]);
    for (int b = 0; b < BINS - 1; b++) out[1 + b] = sqrtf(re[1 + b] * re[1 + b] + im[b] * im[b]);
}

/* What the taps of a convolution see, laid out as rows: in [steps, width] -> rows [steps / stride, TAPS * width] with a
 * step of zeros before and after. */
static void unfold(const float *in, int steps, int stride, int width, float *rows) {
    size_t step_bytes = (size_t)width * sizeof *rows;
    for (int to = 0; to < steps; to += stride) {
        for (int at = to - 1; at <= to + 1; at++, rows += width) {
            if (at < 0 || at >= steps)
                memset(rows, 0, step_bytes);
            else
                memcpy(rows, in + (size_t)at * (size_t)width, step_bytes);
        }
    }
}

static void spectra(const silero *m, const scratch *s, int frames) {
    const kern_ops *ops = kern();
    ops->gemm_f32(s->even, HALF_WINDOW, frames * SPECTRA, &m->re, KERN_STORE, s->re, BINS);
    ops->gemm_f32(s->odd, HALF_WINDOW, frames * SPECTRA, &m->im, KERN_STORE, s->im, BINS - 1);
    for (int f = 0; f < frames; f++) {
        float mag[SPECTRA * BINS];
        for (int i = 0; i < SPECTRA; i++) {
            size_t row = (size_t)f * SPECTRA + (size_t)i;
            magnitudes(s->re + row * BINS, s->im + row * (BINS - 1), mag + i * BINS);
        }
        unfold(mag, SPECTRA, 1, BINS, s->in0 + (size_t)f * SPECTRA * TAPS * BINS);
    }
}

static void convolutions(const silero *m, const scratch *s, int frames) {
    const kern_ops *ops = kern();
    ops->gemm_f32(s->in0, TAPS * BINS, frames * SPECTRA, &m->conv0, KERN_RELU, s->out0, C0);
    for (int f = 0; f < frames; f++)
        unfold(s->out0 + (size_t)f * SPECTRA * C0, SPECTRA, 2, C0, s->in1 + (size_t)f * 2 * TAPS * C0);
    ops->gemm_f32(s->in1, TAPS * C0, frames * 2, &m->conv1, KERN_RELU, s->out1, C1);
    ops->gemm_f32(s->out1, 2 * C1, frames, &m->conv2, KERN_RELU, s->out2, C2);
    ops->gemm_f32(s->out2, C2, frames, &m->conv3, KERN_RELU, s->out3, C3);
    ops->gemm_f32(s->out3, C3, frames, &m->input, KERN_STORE, s->gates, GATES);
}

/* ---- through time ----------------------------------------------------------------------------------------------- */

/* Up to SILERO_BLOCK_FRAMES jobs with the longest first, so that the jobs alive at any instant are the first ones. */
typedef struct group {
    silero_job *job[SILERO_BLOCK_FRAMES];
    int n;
} group;

/* A place in the group's frames, ordered by time and then by job. */
typedef struct cursor {
    int frame, job;
} cursor;

static bool cursor_ends(const group *g, const cursor *at) {
    return g->n == 0 || at->frame >= g->job[0]->frames;
}

static void cursor_next(const group *g, cursor *at) {
    at->job++;
    if (at->job < g->n && g->job[at->job]->frames > at->frame) return;
    at->job = 0;
    at->frame++;
}

static void relu(const float *restrict x, float *restrict y) {
    for (int i = 0; i < SILERO_HIDDEN; i++) y[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

/* The jobs first.job .. first.job + n - 1 at one instant; row is the first of theirs in the block. */
static void lstm_instant(const silero *m, const scratch *s, int first_job, int n, int row) {
    float *h = s->h + (size_t)first_job * SILERO_HIDDEN, *c = s->c + (size_t)first_job * SILERO_HIDDEN;
    float *gates = s->gates + (size_t)row * GATES;
    kern()->gemm_f32(h, SILERO_HIDDEN, n, &m->recurrent, KERN_ADD, gates, GATES);
    kern()->lstm_cell(gates, n, SILERO_HIDDEN, c, h);
    for (int i = 0; i < n; i++) relu(h + (size_t)i * SILERO_HIDDEN, s->heard + (size_t)(row + i) * SILERO_HIDDEN);
}

static void recurrence(const silero *m, const scratch *s, const group *g, cursor at, int frames) {
    for (int row = 0; row < frames;) {
        cursor first = at;
        int n = 0;
        for (; row + n < frames && at.frame == first.frame; n++) cursor_next(g, &at);
        lstm_instant(m, s, first.job, n, row);
        row += n;
    }
}

static void probabilities(const silero *m, const scratch *s, const group *g, cursor at, int frames) {
    kern()->gemm_f32(s->heard, SILERO_HIDDEN, frames, &m->out, KERN_STORE, s->logit, 1);
    for (int row = 0; row < frames; row++, cursor_next(g, &at))
        g->job[at.job]->prob[at.frame] = 1.0f / (1.0f + expf(-s->logit[row]));
}

/* One block from `at`; returns where the next one starts. */
static cursor run_block(const silero *m, const scratch *s, const group *g, cursor at, size_t cap_frames) {
    cursor next = at;
    int frames = 0;
    for (; (size_t)frames < cap_frames && !cursor_ends(g, &next); frames++, cursor_next(g, &next)) {
        float x[PADDED];
        gather_frame(g->job[next.job], next.frame, x);
        size_t to = (size_t)frames * SPECTRA * HALF_WINDOW;
        fold_frame(x, s->even + to, s->odd + to);
    }
    spectra(m, s, frames);
    convolutions(m, s, frames);
    recurrence(m, s, g, at, frames);
    probabilities(m, s, g, at, frames);
    return next;
}

static void run_group(const silero *m, const scratch *s, const group *g, size_t cap_frames) {
    const size_t bytes = SILERO_HIDDEN * sizeof(float);
    for (int j = 0; j < g->n; j++) {
        memcpy(s->h + (size_t)j * SILERO_HIDDEN, g->job[j]->state->h, bytes);
        memcpy(s->c + (size_t)j * SILERO_HIDDEN, g->job[j]->state->c, bytes);
    }
    cursor at = {0, 0};
    while (!cursor_ends(g, &at)) at = run_block(m, s, g, at, cap_frames);
    for (int j = 0; j < g->n; j++) {
        silero_state *state = g->job[j]->state;
        const float *end = g->job[j]->pcm + (size_t)g->job[j]->frames * SILERO_FRAME_SAMPLES;
        memcpy(state->h, s->h + (size_t)j * SILERO_HIDDEN, bytes);
        memcpy(state->c, s->c + (size_t)j * SILERO_HIDDEN, bytes);
        memcpy(state->context, end - SILERO_CONTEXT_SAMPLES, sizeof state->context);
    }
}

/* Adds a job behind all that are at least as long. */
static void group_add(group *g, silero_job *job) {
    int at = g->n++;
    for (; at > 0 && g->job[at - 1]->frames < job->frames; at--) g->job[at] = g->job[at - 1];
    g->job[at] = job;
}

steno_err silero_step(const silero *m, arena *a, silero_job *jobs, int n) {
    size_t rows = 0;
    for (int i = 0; i < n; i++) rows += jobs[i].frames > 0 ? (size_t)jobs[i].frames : 0;
    if (rows == 0) return STENO_OK;
    size_t mark = arena_mark(a), cap_frames = block_frames(rows);
    scratch s;
    memset(&s, 0, sizeof s);
    if (scratch_take(NULL, cap_frames, &s) > a->cap_bytes - mark)
        return err_fail(STENO_E_NOMEM, "the arena of %zu bytes is too small for %zu voice detector frames",
                        a->cap_bytes, rows);
    scratch_take(a, cap_frames, &s);
    assert(s.c);
    for (int i = 0; i < n;) {
        group g = {.n = 0};
        for (; i < n && (size_t)g.n < cap_frames; i++) {
            if (jobs[i].frames > 0) group_add(&g, &jobs[i]);
        }
        run_group(m, &s, &g, cap_frames);
    }
    arena_release(a, mark);
    return STENO_OK;
}
