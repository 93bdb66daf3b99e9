/* mfcc.c: see mfcc.h.
 *
 * Owner      any thread; the tables are made once and immutable then.
 * Invariants a row is computed by the same operations in the same order whatever comes with it: rows are handled in fours,
 *            one to a lane, and lanes never meet. Plain vector types, no intrinsics, so all processors give the same bits
 *            but for the C library's logarithm.
 *
 * Resampling is Kaldi's LinearResample: a sinc cut off at 0.99 of the Nyquist frequency under a Hann window of 6 zero
 * crossings, here 25 taps. The spectrum of 256 real samples is a transform of 128 complex ones, put together again.
 */
#include "audio/mfcc.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

#define LANES       4
#define TAPS        (2 * MFCC_HALF_TAPS + 1)
#define HALF        MFCC_HALF_TAPS
#define RATE_HZ     8000.0
#define RATE_IN_HZ  16000.0
#define FRAME       MFCC_FRAME_SAMPLES
#define HOP         80  /* samples between rows */
#define FFT         256 /* samples, zeros behind the frame */
#define POINTS      (FFT / 2)
#define BINS        (FFT / 2) /* Kaldi leaves the last one out */
#define MELS        23
#define PREEMPHASIS 0.97f
#define LIFTER      22.0
#define LOW_HZ      20.0
#define HIGH_HZ     3700.0
#define CHUNK       640 /* samples of 16 kHz handled at once */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static struct {
    float taps[HALF + 1]; /* from the middle outwards */
    float window[FRAME];
    float cosine[POINTS], sine[POINTS]; /* of 2 pi k / FFT */
    unsigned char order[POINTS];        /* bits reversed */
    int first[MELS], n[MELS], at[MELS]; /* bins of each filter, and where their weights begin */
    float weights[2 * BINS];
    float cepstra[MFCC_CEPS][MELS]; /* cosine transform and lifter */
} tables;

static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static void make_taps(void) {
    const double cutoff = 0.99 * 0.5 * RATE_HZ, zeros = 6.0;
    for (int i = 0; i <= HALF; i++) {
        double t = i / RATE_IN_HZ, window = 0.5 * (1.0 + cos(2.0 * M_PI * cutoff / zeros * t));
        double filter = i == 0 ? 2.0 * cutoff : sin(2.0 * M_PI * cutoff * t) / (M_PI * t);
        tables.taps[i] = (float)(filter * window / RATE_IN_HZ);
    }
}

static void make_transform(void) {
    for (int k = 0; k < POINTS; k++) {
        unsigned reversed = 0;
        for (unsigned bit = 1, k_bits = (unsigned)k; bit < POINTS; bit <<= 1, k_bits >>= 1)
            reversed = reversed << 1 | (k_bits & 1u);
        tables.order[k] = (unsigned char)reversed;
        tables.cosine[k] = (float)cos(2.0 * M_PI * k / FFT);
        tables.sine[k] = (float)sin(2.0 * M_PI * k / FFT);
    }
    for (int i = 0; i < FRAME; i++) tables.window[i] = (float)pow(0.5 - 0.5 * cos(2.0 * M_PI * i / (FRAME - 1)), 0.85);
}

static double mel(double hz) {
    return 1127.0 * log(1.0 + hz / 700.0);
}

/* Triangles that overlap by half, evenly spaced on the mel scale. */
static void make_filters(void) {
    const double low = mel(LOW_HZ), step = (mel(HIGH_HZ) - low) / (MELS + 1);
    int used = 0;
    for (int m = 0; m < MELS; m++) {
        double left = low + m * step, centre = left + step, right = centre + step;
        tables.at[m] = used;
        for (int b = 0; b < BINS; b++) {
            double at = mel(b * RATE_HZ / FFT);
            if (at <= left || at >= right) continue;
            if (tables.n[m]++ == 0) tables.first[m] = b;
            tables.weights[used++] = (float)(at <= centre ? (at - left) / step : (right - at) / step);
        }
    }
}

static void make_cepstra(void) {
    for (int k = 0; k < MFCC_CEPS; k++) {
        double lift = 1.0 + 0.5 * LIFTER * sin(M_PI * k / LIFTER), norm = sqrt((k == 0 ? 1.0 : 2.0) / MELS);
        for (int m = 0; m < MELS; m++) tables.cepstra[k][m] = (float)(lift * norm * cos(M_PI / MELS * (m + 0.5) * k));
    }
}

static void make_tables(void) {
    make_taps();
    make_transform();
    make_filters();
    make_cepstra();
}

/* ---- four frames at once ---------------------------------------------------------------------------------------- */

/* Bits are reversed already. Stages of one multiplication each; twiddles are the same for all lanes. */
static void transform(lanes *restrict re, lanes *restrict im) {
    for (int i = 0; i < POINTS; i += 2) {
        lanes r = re[i + 1], j = im[i + 1];
        re[i + 1] = re[i] - r, im[i + 1] = im[i] - j;
        re[i] += r, im[i] += j;
    }
    for (int half = 2; half < POINTS; half *= 2) {
        for (int k = 0; k < half; k++) {
            float c = tables.cosine[k * (POINTS / half)], s = tables.sine[k * (POINTS / half)];
            for (int a = k; a < POINTS; a += 2 * half) {
                int b = a + half;
                lanes r = re[b] * c + im[b] * s, j = im[b] * c - re[b] * s;
                re[b] = re[a] - r, im[b] = im[a] - j;
                re[a] += r, im[a] += j;
            }
        }
    }
}

/* x [FFT] real -> power [BINS]. */
static void power_spectrum(const lanes *restrict x, lanes *restrict power) {
    lanes re[POINTS], im[POINTS];
    for (int i = 0; i < POINTS; i++) {
        re[tables.order[i]] = x[2 * i];
        im[tables.order[i]] = x[2 * i + 1];
    }
    transform(re, im);
    power[0] = (re[0] + im[0]) * (re[0] + im[0]);
    for (int k = 1; k < BINS; k++) {
        lanes er = 0.5f * (re[k] + re[POINTS - k]), ei = 0.5f * (im[k] - im[POINTS - k]);
        lanes or = 0.5f * (im[k] + im[POINTS - k]), oi = 0.5f * (re[POINTS - k] - re[k]);
        lanes r = er + or *tables.cosine[k] + oi * tables.sine[k], i = ei + oi * tables.cosine[k] - or *tables.sine[k];
        power[k] = r * r + i * i;
    }
}

static lanes log_lanes(lanes x) {
    for (int l = 0; l < LANES; l++) x[l] = logf(x[l] > FLT_EPSILON ? x[l] : FLT_EPSILON);
    return x;
}

/* Takes the mean out of x [FRAME]; returns the logarithm of what is left. */
static lanes centre(lanes *restrict x) {
    lanes sum = {0}, energy = {0};
    for (int i = 0; i < FRAME; i++) sum += x[i];
    sum *= 1.0f / FRAME;
    for (int i = 0; i < FRAME; i++) {
        x[i] -= sum;
        energy += x[i] * x[i];
    }
    return log_lanes(energy);
}

/* x [FFT] holds frames of 16-bit samples, zeros behind them; changed. */
static void cepstra_of(lanes *restrict x, lanes *restrict out) {
    lanes power[BINS], mels[MELS];
    lanes energy = centre(x);
    for (int i = FRAME - 1; i > 0; i--) x[i] = (x[i] - PREEMPHASIS * x[i - 1]) * tables.window[i];
    x[0] = (x[0] - PREEMPHASIS * x[0]) * tables.window[0];
    power_spectrum(x, power);
    for (int m = 0; m < MELS; m++) {
        const lanes *p = power + tables.first[m];
        const float *w = tables.weights + tables.at[m];
        lanes sum = {0};
        for (int i = 0; i < tables.n[m]; i++) sum += p[i] * w[i];
        mels[m] = log_lanes(sum);
    }
    out[0] = energy;
    for (int k = 1; k < MFCC_CEPS; k++) {
        lanes sum = {0};
        for (int m = 0; m < MELS; m++) sum += mels[m] * tables.cepstra[k][m];
        out[k] = sum;
    }
}

/* Up to LANES rows from samples that begin HOP apart. */
static void make_rows(const float *samples, int n, float *rows) {
    lanes x[FFT], out[MFCC_CEPS];
    memset(x, 0, sizeof x);
    for (int l = 0; l < n; l++) {
        for (int i = 0; i < FRAME; i++) x[i][l] = samples[l * HOP + i];
    }
    cepstra_of(x, out);
    for (int l = 0; l < n; l++) {
        for (int k = 0; k < MFCC_CEPS; k++) rows[l * MFCC_CEPS + k] = out[k][l];
    }
}

/* ---- the stream ------------------------------------------------------------------------------------------------- */

/* Every second sample of x filtered, as 16-bit integers count; x[HALF] is under the middle tap of the first. */
static void halve_rate(const float *restrict x, int n, float *restrict y) {
    float even[TAPS / 2 + CHUNK / 2 + 2] = {0}, odd[TAPS / 2 + CHUNK / 2 + 2] = {0};
    for (int i = 0; i < n + HALF; i++) {
        even[i] = x[2 * i];
        odd[i] = x[2 * i + 1];
    }
    for (int i = 0; i < n; i++) y[i] = even[i + HALF / 2] * tables.taps[0];
    for (int t = 1; t <= HALF; t++) {
        /* Tap t is t samples off the middle, which is even: HALF / 2 pairs into x. */
        const float *of = t % 2 ? odd : even;
        int before = HALF / 2 - (t + 1) / 2, after = HALF / 2 + t / 2;
        float w = tables.taps[t];
        for (int i = 0; i < n; i++) y[i] += (of[i + before] + of[i + after]) * w;
    }
    for (int i = 0; i < n; i++) y[i] *= 32768.0f;
}

/* At most CHUNK samples of 16 kHz; y [CHUNK / 2 + 1]. Returns how many of 8 kHz came out. */
static int resample(mfcc_state *s, const float *pcm, int n, float *y) {
    float x[2 * HALF + CHUNK + 2];
    memcpy(x, s->past, sizeof s->past);
    memcpy(x + 2 * HALF, pcm, (size_t)n * sizeof *x);
    x[2 * HALF + n] = x[2 * HALF + n + 1] = 0.0f; /* never counts: keeps the block defined */
    /* x[0] is sample samples_in - 2 HALF; output k is centred at sample 2k and needs those up to 2k + HALF. */
    int64_t first = s->samples_in - 2 * HALF, end = s->samples_in + n;
    int64_t ready = end > HALF ? (end - 1 - HALF) / 2 + 1 : 0;
    int made = (int)(ready - s->samples_out);
    if (made > 0) halve_rate(x + (2 * s->samples_out - HALF - first), made, y);
    memcpy(s->past, x + n, sizeof s->past);
    s->samples_in = end;
    s->samples_out = ready;
    return made;
}

void mfcc_reset(mfcc_state *s) {
    memset(s, 0, sizeof *s);
}

static int step_chunk(mfcc_state *s, const float *pcm, int n, float *rows) {
    float samples[FRAME + CHUNK / 2 + 1];
    int have = s->filled, at = 0, out = 0;
    memcpy(samples, s->frame, (size_t)have * sizeof *samples);
    have += resample(s, pcm, n, samples + have);
    int ready = have >= FRAME ? (have - FRAME) / HOP + 1 : 0;
    for (; out < ready; at = out * HOP) {
        int some = ready - out < LANES ? ready - out : LANES;
        make_rows(samples + at, some, rows + out * MFCC_CEPS);
        out += some;
    }
    s->filled = have - at;
    memcpy(s->frame, samples + at, (size_t)s->filled * sizeof *samples);
    return out;
}

int mfcc_step(mfcc_state *s, const float *pcm, int n, float *rows) {
    int out = 0;
    pthread_once(&tables_once, make_tables);
    for (int at = 0; at < n; at += CHUNK) {
        int some = n - at < CHUNK ? n - at : CHUNK;
        out += step_chunk(s, pcm + at, some, rows + out * MFCC_CEPS);
    }
    return out;
}

/* ---- mean normalisation ----------------------------------------------------------------------------------------- */

void mfcc_mean_reset(mfcc_mean *m, int ahead) {
    memset(m, 0, sizeof *m);
    m->ahead = ahead < 0 ? 0 : ahead > MFCC_MEAN_AHEAD_MAX ? MFCC_MEAN_AHEAD_MAX : ahead;
}

/* The oldest row that is not out yet, and forgets the one that its successor does not look at. */
static void mean_emit(mfcc_mean *m, float *out) {
    int64_t oldest = m->rows_out - MFCC_MEAN_PAST, from = oldest > 0 ? oldest : 0;
    double scale = 1.0 / (double)(m->rows_in - from);
    const float *row = m->rows[m->rows_out % MFCC_MEAN_ROWS];
    for (int k = 0; k < MFCC_CEPS; k++) out[k] = (float)((double)row[k] - m->sum[k] * scale);
    m->rows_out++;
    if (oldest < 0) return;
    const float *old = m->rows[oldest % MFCC_MEAN_ROWS];
    for (int k = 0; k < MFCC_CEPS; k++) m->sum[k] -= (double)old[k];
}

int mfcc_mean_step(mfcc_mean *m, const float *rows, int n, float *out) {
    int made = 0;
    for (int i = 0; i < n; i++, rows += MFCC_CEPS) {
        memcpy(m->rows[m->rows_in % MFCC_MEAN_ROWS], rows, sizeof m->rows[0]);
        for (int k = 0; k < MFCC_CEPS; k++) m->sum[k] += (double)rows[k];
        m->rows_in++;
        if (m->rows_in - m->rows_out > m->ahead) mean_emit(m, out + made++ * MFCC_CEPS);
    }
    return made;
}

int mfcc_mean_flush(mfcc_mean *m, float *out) {
    int made = 0;
    while (m->rows_out < m->rows_in) mean_emit(m, out + made++ * MFCC_CEPS);
    return made;
}
