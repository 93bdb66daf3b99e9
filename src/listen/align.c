/* align.c: see align.h.
 *
 * Scratch: rows of floats, then one byte a cell that says how the path came there. Normalising is done in blocks of
 * frames, all tokens of a block while it is in the first cache; the path is one addition and two comparisons a cell.
 */
#include "listen/align.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What was tuned on recordings with known word times, see docs/word-times.md. */
#define FEW_TOKENS      3    /* below, a frame's mean over tokens says little: normalise a token over time instead */
#define DEVIATION_FLOOR 0.3f /* of the mean deviation: frames that nothing attends to are not blown up to noise */

#define LEVEL_GAIN   8.0f  /* the most that loudness counts for or against a pause */
#define LEVEL_MIDDLE 0.4f  /* of the way from the quietest to the loudest, in dB: neither for nor against */
#define LEVEL_WIDTH  0.5f  /* of the way, from there to the most */
#define LEVEL_FULL   40.0f /* dB from quiet to loud at which loudness counts fully: in noise it says less */
#define LEVEL_SPAN   50.0f /* dB below the loudest beyond which quiet is just quiet */
#define SPEECH_GAIN  4.0f  /* the most that voice activity counts */
#define SPEECH_EVEN  0.3f  /* probability of speech that is neither for nor against */

#define TINY        1e-12f
#define UNREACHABLE (-1e30f)

/* How the best path came to a cell (token, frame). */
#define FROM_BEFORE 1 /* the token begins here */
#define FROM_PAUSE  2 /* if it begins here, a pause is before it and not the token before */
#define PAUSE_BEGAN 4 /* if a pause before the token holds this frame, it began here */

/* Frames at a time: loops of a known length are what compilers vectorise without being asked twice. */
#define BLOCK 16

typedef struct scratch_rows {
    float *mean, *scale, *gain; /* [frames, rounded up to whole blocks] */
    uint8_t *came;              /* [tokens, frames] */
} scratch_rows;

static size_t padded_frames(int frames) {
    return ((size_t)frames + BLOCK - 1) / BLOCK * BLOCK;
}

size_t align_scratch_bytes(int tokens, int frames) {
    if (tokens <= 0 || frames <= 0) return 0;
    return 3 * padded_frames(frames) * sizeof(float) + (size_t)tokens * (size_t)frames;
}

static scratch_rows lay_out(void *scratch, int frames) {
    size_t row = padded_frames(frames);
    float *at = scratch;
    return (scratch_rows){at, at + row, at + 2 * row, (uint8_t *)(at + 3 * row)};
}

/* ---- normalisation ---------------------------------------------------------------------------------------------- */

/* A token's frames [at, at + BLOCK), zeros where there are none or where the values are not finite. */
static void load_block(const align_job *job, int token, int at, float *x) {
    int n = job->frames - at;
    const float *from = job->weight + (size_t)token * (size_t)job->ld + (size_t)at;
    if (n >= BLOCK) {
        memcpy(x, from, BLOCK * sizeof *x);
    } else {
        memset(x, 0, BLOCK * sizeof *x);
        memcpy(x, from, (size_t)n * sizeof *x);
    }
    for (int k = 0; k < BLOCK; k++) x[k] = fabsf(x[k]) <= FLT_MAX ? x[k] : 0.0f;
}

/* Mean and deviation over the tokens, of BLOCK frames. */
static void block_moments(const align_job *job, int at, float *mean, float *deviation) {
    float x[BLOCK], sum[BLOCK] = {0}, squares[BLOCK] = {0}, n = (float)job->tokens;
    for (int i = 0; i < job->tokens; i++) {
        load_block(job, i, at, x);
        for (int k = 0; k < BLOCK; k++) sum[k] += x[k];
    }
    for (int k = 0; k < BLOCK; k++) sum[k] /= n;
    for (int i = 0; i < job->tokens; i++) {
        load_block(job, i, at, x);
        for (int k = 0; k < BLOCK; k++) squares[k] += (x[k] - sum[k]) * (x[k] - sum[k]);
    }
    for (int k = 0; k < BLOCK; k++) deviation[k] = sqrtf(squares[k] / n);
    memcpy(mean, sum, sizeof sum);
}

/* Each frame: mean 0 and about deviation 1 over the tokens. */
static void frame_scales(const align_job *job, float *mean, float *scale) {
    float sum = TINY;
    for (int j = 0; j < job->frames; j += BLOCK) block_moments(job, j, mean + j, scale + j);
    for (int j = 0; j < job->frames; j++) sum += scale[j];
    float lowest = sum * DEVIATION_FLOOR / (float)job->frames;
    for (int j = 0; j < job->frames; j++) scale[j] = 1.0f / (scale[j] + lowest);
}

/* A token: mean 0 and deviation 1 over the frames. */
static void token_scales(const align_job *job, int token, float *mean, float *scale) {
    float x[BLOCK], sum = 0.0f, square = 0.0f, n = (float)job->frames;
    for (int j = 0; j < job->frames; j += BLOCK) {
        load_block(job, token, j, x);
        for (int k = 0; k < BLOCK; k++) sum += x[k];
    }
    for (int j = 0; j < job->frames; j += BLOCK) {
        load_block(job, token, j, x);
        for (int k = 0; k < BLOCK && j + k < job->frames; k++) square += (x[k] - sum / n) * (x[k] - sum / n);
    }
    for (int j = 0; j < job->frames; j++) {
        mean[j] = sum / n;
        scale[j] = 1.0f / (sqrtf(square / n) + TINY);
    }
}

static void apply_scales(const align_job *job, int token, const float *mean, const float *scale) {
    float x[BLOCK], *row = job->weight + (size_t)token * (size_t)job->ld;
    for (int j = 0; j < job->frames; j += BLOCK) {
        int n = job->frames - j < BLOCK ? job->frames - j : BLOCK;
        load_block(job, token, j, x);
        for (int k = 0; k < BLOCK; k++) x[k] = (x[k] - mean[j + k]) * scale[j + k];
        memcpy(row + j, x, (size_t)n * sizeof *x);
    }
}

/* weight becomes the scores. */
static void score(const align_job *job, const scratch_rows *s) {
    bool few = job->tokens < FEW_TOKENS;
    if (!few) frame_scales(job, s->mean, s->scale);
    for (int i = 0; i < job->tokens; i++) {
        if (few) token_scales(job, i, s->mean, s->scale);
        apply_scales(job, i, s->mean, s->scale);
    }
}

/* ---- the path --------------------------------------------------------------------------------------------------- */

static float outside_at(const align_job *job, int frame) {
    return job->outside ? job->outside[frame] : ALIGN_OUTSIDE;
}

static align_kind kind_of(const align_job *job, int token) {
    return job->kind ? (align_kind)job->kind[token] : token ? ALIGN_JOINED : ALIGN_WORD;
}

static float at_least_unreachable(float x) {
    return x > UNREACHABLE ? x : UNREACHABLE;
}

/* The first spoken token: gain[j] becomes the worth of the best path that is in it at frame j. */
static void advance_first(const align_job *job, const float *row, float *gain, uint8_t *came) {
    float outside = 0.0f, stay = UNREACHABLE;
    for (int j = 0; j < job->frames; j++) {
        bool enters = outside > stay;
        came[j] = enters ? FROM_BEFORE : 0;
        stay = at_least_unreachable(row[j] + (enters ? outside : stay));
        gain[j] = stay;
        outside += outside_at(job, j);
    }
}

/* A later one: gain[j] is that of the spoken token before and becomes this one's. `pause` is the worth of the best path
 * that is in the pause between the two. */
static void advance_token(const align_job *job, const float *row, bool may_pause, float *gain, uint8_t *came) {
    float before = UNREACHABLE, pause = UNREACHABLE, stay = UNREACHABLE; /* all at the frame before */
    for (int j = 0; j < job->frames; j++) {
        float above = gain[j], entry = may_pause && pause > before ? pause : before;
        bool enters = entry > stay;
        came[j] = (uint8_t)((enters ? FROM_BEFORE : 0) | (entry > before ? FROM_PAUSE : 0) |
                            (before > pause ? PAUSE_BEGAN : 0));
        stay = at_least_unreachable(row[j] + (enters ? entry : stay));
        pause = at_least_unreachable(outside_at(job, j) + (before > pause ? before : pause));
        before = above;
        gain[j] = stay;
    }
}

static int best_end(const align_job *job, const float *gain, int spoken) {
    int best = job->frames - 1;
    float best_gain = UNREACHABLE, outside = 0.0f;
    for (int j = job->frames - 1; j >= spoken - 1; j--) {
        if (gain[j] + outside > best_gain) {
            best_gain = gain[j] + outside;
            best = j;
        }
        outside += outside_at(job, j);
    }
    return best;
}

/* Back along the path from frame `at`, the last of the last spoken token. `left` spoken tokens and those before need a
 * frame each, whatever the cells say. */
static void walk_back(const align_job *job, const uint8_t *cells, int left, int at, int *start, int *end) {
    for (int i = job->tokens - 1; i >= 0; i--) {
        if (kind_of(job, i) == ALIGN_SILENT) {
            start[i] = end[i] = left ? at + 1 : 0;
            continue;
        }
        const uint8_t *came = cells + (size_t)i * (size_t)job->frames;
        end[i] = at + 1;
        left--;
        while (at > left && !(came[at] & FROM_BEFORE)) at--;
        start[i] = at;
        bool paused = came[at] & FROM_PAUSE;
        at--;
        while (paused && at > left && !(came[at] & PAUSE_BEGAN)) at--;
        if (paused && at >= left) at--;
    }
}

static int count_spoken(const align_job *job) {
    int n = 0;
    for (int i = 0; i < job->tokens; i++) n += kind_of(job, i) != ALIGN_SILENT;
    return n;
}

static void share_evenly(const align_job *job, int spoken, int *start, int *end) {
    int frames = job->frames > 0 ? job->frames : 0, before = 0;
    for (int i = 0; i < job->tokens; i++) {
        start[i] = spoken ? (int)((int64_t)before * frames / spoken) : 0;
        if (kind_of(job, i) != ALIGN_SILENT) before++;
        end[i] = spoken ? (int)((int64_t)before * frames / spoken) : 0;
    }
}

void align_tokens(const align_job *job, void *scratch, int *start, int *end) {
    int spoken = count_spoken(job);
    if (spoken == 0 || job->frames < spoken) {
        share_evenly(job, spoken, start, end);
        return;
    }
    scratch_rows s = lay_out(scratch, job->frames);
    score(job, &s);
    bool first = true;
    for (int i = 0; i < job->tokens; i++) {
        const float *row = job->weight + (size_t)i * (size_t)job->ld;
        uint8_t *came = s.came + (size_t)i * (size_t)job->frames;
        align_kind kind = kind_of(job, i);
        if (kind == ALIGN_SILENT) continue;
        if (first)
            advance_first(job, row, s.gain, came);
        else
            advance_token(job, row, kind == ALIGN_WORD, s.gain, came);
        first = false;
    }
    walk_back(job, s.came, spoken, best_end(job, s.gain, spoken), start, end);
}

/* ---- silence ---------------------------------------------------------------------------------------------------- */

#define LEVEL_LOWEST  (-100.0f) /* dB */
#define LEVEL_HIGHEST 20.0f
#define LEVEL_BINS    240 /* of half a dB */

static float level_db(const align_sound *s, int frame) {
    int64_t at = (int64_t)s->first_sample + (int64_t)frame * s->hop_samples, to = at + s->hop_samples;
    float sum[BLOCK] = {0}, total = 0.0f;
    if (at < 0) at = 0;
    if (to > s->samples) to = s->samples;
    if (at >= to) return LEVEL_LOWEST;
    int n = (int)(to - at), i = 0;
    const float *x = s->pcm + at;
    for (; i + BLOCK <= n; i += BLOCK)
        for (int k = 0; k < BLOCK; k++) sum[k] += x[i + k] * x[i + k];
    for (; i < n; i++) sum[0] += x[i] * x[i];
    for (int k = 0; k < BLOCK; k++) total += sum[k];
    float db = 10.0f * log10f(total / (float)n + 1e-10f);
    if (!(db > LEVEL_LOWEST)) return LEVEL_LOWEST; /* NaN too */
    return db < LEVEL_HIGHEST ? db : LEVEL_HIGHEST;
}

static int level_bin(float db) {
    int bin = (int)((db - LEVEL_LOWEST) * 2.0f);
    return bin < 0 ? 0 : bin < LEVEL_BINS ? bin : LEVEL_BINS - 1;
}

/* The level that `share` of the frames stay below. */
static float level_quantile(const int *count, int frames, float share) {
    int below = 0, want = (int)(share * (float)frames);
    for (int b = 0; b < LEVEL_BINS; b++) {
        below += count[b];
        if (below > want) return LEVEL_LOWEST + ((float)b + 0.5f) * 0.5f;
    }
    return LEVEL_HIGHEST;
}

static float within_one(float x) {
    return x < -1.0f ? -1.0f : x < 1.0f ? x : 1.0f;
}

void align_outside(const align_sound *sound, int frames, float *outside) {
    int count[LEVEL_BINS] = {0};
    for (int j = 0; j < frames; j++) {
        outside[j] = level_db(sound, j);
        count[level_bin(outside[j])]++;
    }
    float loud = level_quantile(count, frames, 0.95f), quiet = level_quantile(count, frames, 0.05f);
    if (quiet < loud - LEVEL_SPAN) quiet = loud - LEVEL_SPAN;
    float range = loud - quiet > 6.0f ? loud - quiet : 6.0f;
    float gain = LEVEL_GAIN * (range < LEVEL_FULL ? range / LEVEL_FULL : 1.0f);
    for (int j = 0; j < frames; j++) {
        float p = sound->speech ? sound->speech[j] : -1.0f;
        outside[j] = gain * within_one((LEVEL_MIDDLE - (outside[j] - quiet) / range) / LEVEL_WIDTH);
        if (p >= 0.0f) outside[j] += SPEECH_GAIN * within_one((SPEECH_EVEN - p) / SPEECH_EVEN);
    }
}
