/* mfcc.h: mel-frequency cepstra as Kaldi computes them for the x-vector network, from 16 kHz audio, a stream at a time.
 *
 * Source     Kaldi's compute-mfcc-feats with --sample-frequency=8000 --low-freq=20 --high-freq=3700 --num-ceps=23 and its
 *            defaults, without dither; 16 kHz audio is brought to 8 kHz first. Samples count as 16-bit integers do.
 * Owner      a state belongs to one stream and is plain memory (copyable). Pure; any thread.
 * Invariants chunked equals whole, bit for bit. Row i covers 25 ms from i * 10 ms on (+- the resampler's delay, which is
 *            taken out).
 */
#ifndef STENO_AUDIO_MFCC_H
#define STENO_AUDIO_MFCC_H

#include "base/err.h"

#define MFCC_CEPS   23
#define MFCC_HOP_MS 10

#define MFCC_HALF_TAPS     12  /* the resampler looks so far to either side, in samples of 16 kHz */
#define MFCC_FRAME_SAMPLES 200 /* of a row, 8 kHz */

typedef struct mfcc_state {
    int64_t samples_in, samples_out; /* 16 kHz taken, 8 kHz made */
    float past[2 * MFCC_HALF_TAPS];  /* the newest samples taken; zeros stand before the first */
    float frame[MFCC_FRAME_SAMPLES]; /* samples made of the row that comes next, from its first one on */
    int filled;                      /* of frame */
} mfcc_state;

void mfcc_reset(mfcc_state *s);
/* Takes n samples of 16 kHz audio in -1..1; returns how many rows came out; rows [at most n / 160 + 2, MFCC_CEPS]. */
int mfcc_step(mfcc_state *s, const float *pcm, int n, float *rows);

/* Sliding mean normalisation: from each row the mean of the MFCC_MEAN_PAST rows before it, itself and `ahead` rows after it is
 * taken. Rows come out `ahead` rows late; at the beginning the mean is of what there is (Kaldi's sliding CMN at its edges). */
#define MFCC_MEAN_PAST      150
#define MFCC_MEAN_AHEAD_MAX 150
#define MFCC_MEAN_ROWS      (MFCC_MEAN_PAST + 1 + MFCC_MEAN_AHEAD_MAX)

typedef struct mfcc_mean {
    int ahead;
    int64_t rows_in, rows_out;
    double sum[MFCC_CEPS];                 /* of rows rows_out - MFCC_MEAN_PAST .. rows_in - 1 */
    float rows[MFCC_MEAN_ROWS][MFCC_CEPS]; /* by row number modulo */
} mfcc_mean;

void mfcc_mean_reset(mfcc_mean *m, int ahead);
/* Returns how many rows came out, at most n. */
int mfcc_mean_step(mfcc_mean *m, const float *rows, int n, float *out);
/* The rows still held back, at the end of a recording; at most `ahead`. */
int mfcc_mean_flush(mfcc_mean *m, float *out);

#endif
