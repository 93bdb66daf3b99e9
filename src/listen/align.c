/* align.c: see align.h.
 *
 * Scratch: four rows of floats, then one byte a cell that says how the path came there. Loops over frames are plain, so
 * compilers vectorise all but the path itself.
 */
#include "listen/align.h"

#include <math.h>
#include <string.h>

/* What may be tuned on real attention. */
#define MEDIAN_FRAMES   7    /* width of the filter over time; the network below is written for 7 */
#define FEW_TOKENS      3    /* below, a frame's mean over tokens says little: normalise a token over time instead */
#define DEVIATION_FLOOR 0.3f /* of the mean deviation: frames that nothing attends to are not blown up to noise */
#define EDGE_GAIN       0.2f /* what a frame before the first or after the last token is worth on the path */
#define TINY            1e-12f

#define HALF        (MEDIAN_FRAMES / 2)
#define UNREACHABLE (-1e30f)

typedef struct scratch_rows {
    float *mean, *scale, *gain; /* [frames] */
    float *padded;              /* [frames + MEDIAN_FRAMES - 1] */
    uint8_t *entered;           /* [tokens, frames]: 1 where the best path enters the token at this frame */
} scratch_rows;

static size_t padded_frames(int frames) {
    return (size_t)frames + MEDIAN_FRAMES;
}

size_t align_scratch_bytes(int tokens, int frames) {
    if (tokens <= 0 || frames <= 0) return 0;
    return 4 * padded_frames(frames) * sizeof(float) + (size_t)tokens * (size_t)frames;
}

static scratch_rows lay_out(void *scratch, int frames) {
    size_t row = padded_frames(frames);
    float *at = scratch;
    return (scratch_rows){at, at + row, at + 2 * row, at + 3 * row, (uint8_t *)(at + 4 * row)};
}

/* ---- normalisation ---------------------------------------------------------------------------------------------- */

static void drop_non_finite(float *row, int frames) {
    for (int j = 0; j < frames; j++)
        if (!isfinite(row[j])) row[j] = 0.0f;
}

/* Each frame: mean 0 and deviation 1 over the tokens. */
static void normalise_frames(float *weight, int tokens, int frames, int ld, float *mean, float *scale) {
    memset(mean, 0, (size_t)frames * sizeof *mean);
    memset(scale, 0, (size_t)frames * sizeof *scale);
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < frames; j++) mean[j] += weight[(size_t)i * (size_t)ld + (size_t)j];
    for (int j = 0; j < frames; j++) mean[j] /= (float)tokens;
    for (int i = 0; i < tokens; i++) {
        float *row = weight + (size_t)i * (size_t)ld;
        for (int j = 0; j < frames; j++) {
            row[j] -= mean[j];
            scale[j] += row[j] * row[j];
        }
    }
    float floor_sum = TINY;
    for (int j = 0; j < frames; j++) {
        scale[j] = sqrtf(scale[j] / (float)tokens);
        floor_sum += scale[j];
    }
    float lowest = floor_sum * DEVIATION_FLOOR / (float)frames;
    for (int j = 0; j < frames; j++) scale[j] = 1.0f / (scale[j] + lowest);
    for (int i = 0; i < tokens; i++) {
        float *row = weight + (size_t)i * (size_t)ld;
        for (int j = 0; j < frames; j++) row[j] *= scale[j];
    }
}

/* A token: mean 0 and deviation 1 over the frames. */
static void normalise_token(float *row, int frames) {
    float mean = 0.0f, square = 0.0f;
    for (int j = 0; j < frames; j++) mean += row[j];
    mean /= (float)frames;
    for (int j = 0; j < frames; j++) square += (row[j] - mean) * (row[j] - mean);
    float scale = 1.0f / (sqrtf(square / (float)frames) + TINY);
    for (int j = 0; j < frames; j++) row[j] = (row[j] - mean) * scale;
}

/* ---- median over time ------------------------------------------------------------------------------------------- */

static inline void order(float *a, float *b) {
    float low = *a < *b ? *a : *b, high = *a < *b ? *b : *a;
    *a = low;
    *b = high;
}

/* The middle of seven by a network of comparisons (Devillard 1998's optimal one). */
static inline float median7(const float *x) {
    float p[7] = {x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
    order(&p[0], &p[5]);
    order(&p[0], &p[3]);
    order(&p[1], &p[6]);
    order(&p[2], &p[4]);
    order(&p[0], &p[1]);
    order(&p[3], &p[5]);
    order(&p[2], &p[6]);
    order(&p[2], &p[3]);
    order(&p[3], &p[6]);
    order(&p[4], &p[5]);
    order(&p[1], &p[4]);
    order(&p[1], &p[3]);
    order(&p[3], &p[4]);
    return p[3];
}

/* The row is mirrored at its ends; a row shorter than the filter stays as it is. */
static void filter_row(float *row, int frames, float *padded) {
    if (frames < MEDIAN_FRAMES) return;
    memcpy(padded + HALF, row, (size_t)frames * sizeof *row);
    for (int k = 1; k <= HALF; k++) {
        padded[HALF - k] = row[k];
        padded[HALF + frames - 1 + k] = row[frames - 1 - k];
    }
    for (int j = 0; j < frames; j++) row[j] = median7(padded + j);
}

/* ---- the path
 * -------------------------------------------------------------------------------------------------------- */

/* gain[j] becomes the worth of the best path that is in this token at frame j; before, that of the token before. */
static void advance_token(const float *row, int frames, bool first, float *gain, uint8_t *entered) {
    float before = first ? EDGE_GAIN : UNREACHABLE; /* the token before, one frame earlier */
    float stay = UNREACHABLE;
    for (int j = 0; j < frames; j++) {
        float above = gain[j];
        entered[j] = before > stay;
        stay = row[j] + (before > stay ? before : stay);
        if (stay < UNREACHABLE) stay = UNREACHABLE;
        before = first ? EDGE_GAIN * (float)(j + 2) : above;
        gain[j] = stay;
    }
}

static int best_end(const float *gain, int tokens, int frames) {
    int best = frames - 1;
    float best_gain = UNREACHABLE;
    for (int j = tokens - 1; j < frames; j++) {
        float total = gain[j] + EDGE_GAIN * (float)(frames - 1 - j);
        if (total > best_gain) {
            best_gain = total;
            best = j;
        }
    }
    return best;
}

static void share_evenly(int tokens, int frames, int *start) {
    for (int i = 0; i <= tokens; i++) start[i] = tokens ? (int)((int64_t)i * frames / tokens) : 0;
}

void align_tokens(float *weight, int tokens, int frames, int ld, void *scratch, int *start) {
    if (tokens <= 0 || frames < tokens) {
        share_evenly(tokens > 0 ? tokens : 0, frames > 0 ? frames : 0, start);
        return;
    }
    scratch_rows s = lay_out(scratch, frames);
    for (int i = 0; i < tokens; i++) drop_non_finite(weight + (size_t)i * (size_t)ld, frames);
    if (tokens >= FEW_TOKENS) normalise_frames(weight, tokens, frames, ld, s.mean, s.scale);
    for (int i = 0; i < tokens; i++) {
        float *row = weight + (size_t)i * (size_t)ld;
        if (tokens < FEW_TOKENS) normalise_token(row, frames);
        filter_row(row, frames, s.padded);
        advance_token(row, frames, i == 0, s.gain, s.entered + (size_t)i * (size_t)frames);
    }
    int at = best_end(s.gain, tokens, frames);
    start[tokens] = at + 1;
    for (int i = tokens - 1; i >= 0; i--, at--) {
        const uint8_t *entered = s.entered + (size_t)i * (size_t)frames;
        while (at > i && !entered[at]) at--; /* the i tokens before need a frame each */
        start[i] = at;
    }
}
