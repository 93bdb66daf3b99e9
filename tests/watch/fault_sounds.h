/* fault_sounds.h: recorded prompts, and what microphones, lines and gateways do to them; for test_faults.c. Seeded by `dice`. */
#ifndef STENO_TESTS_FAULT_SOUNDS_H
#define STENO_TESTS_FAULT_SOUNDS_H

#include "audio/pcm.h"
#include "base/mem.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROMPT_MIN_BYTES 24000 /* 1.5 s: shorter ones are no sentences */
#define PROMPTS_MAX      64

/* ---- dice ----------------------------------------------------------------------------------------------------------- */

static uint64_t dice;

static uint64_t next_random(void) {
    uint64_t z = (dice += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static double uniform(void) {
    return (double)(next_random() >> 11) / 9007199254740992.0;
}

static double normal(void) {
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

static int poisson(double mean) {
    double left = exp(-mean);
    int n = 0;
    for (double p = uniform(); p > left; p *= uniform()) n++;
    return n;
}

/* ---- sound ---------------------------------------------------------------------------------------------------------- */

typedef struct sound {
    float *pcm; /* 16 kHz */
    size_t n;
} sound;

static sound prompt[PROMPTS_MAX], wide[PROMPTS_MAX];
static int n_prompts, n_wide;

/* A plain 16-bit mono WAV file of 8 or 16 kHz, as the service would take it. */
static bool read_sound(const char *path, int rate_hz, sound *out) {
    static unsigned char bytes[1 << 20];
    FILE *in = fopen(path, "rb");
    size_t n = in ? fread(bytes, 1, sizeof bytes, in) : 0;
    if (in) fclose(in);
    if (n < PROMPT_MIN_BYTES || n == sizeof bytes) return false;
    pcm p = {.format = {.encoding = PCM_S16LE, .rate_hz = rate_hz, .channels = 1}};
    out->pcm = mem_alloc(2 * n + PCM_OUT_MAX, sizeof(float));
    for (size_t at = 44; at < n; at += PCM_PIECE_BYTES_MAX) {
        size_t got, frames, piece = n - at < PCM_PIECE_BYTES_MAX ? n - at : PCM_PIECE_BYTES_MAX;
        assert_int_equal(pcm_push(&p, bytes + at, piece, out->pcm + out->n, &got, &frames), STENO_OK);
        out->n += got;
    }
    pcm_free(&p);
    return true;
}

static int read_sounds(const char *pattern, int rate_hz, sound *out) {
    glob_t found;
    int n = 0;
    if (glob(pattern, 0, NULL, &found) != 0) return 0;
    size_t step = found.gl_pathc > 3 * PROMPTS_MAX ? found.gl_pathc / (2 * PROMPTS_MAX) : 1;
    for (size_t i = 0; i < found.gl_pathc && n < PROMPTS_MAX; i += step)
        n += read_sound(found.gl_pathv[i], rate_hz, &out[n]);
    globfree(&found);
    return n;
}

/* ---- faults of sound ------------------------------------------------------------------------------------------------ */

typedef void bend(float *x, size_t n);

static void bend_none(float *x, size_t n) {
    (void)x;
    (void)n;
}

static void bend_quiet(float *x, size_t n) { /* -40 dB */
    for (size_t i = 0; i < n; i++) x[i] *= 0.01f;
}

static void bend_clipped(float *x, size_t n) { /* +26 dB into the limits */
    for (size_t i = 0; i < n; i++) {
        x[i] *= 20.0f;
        x[i] = x[i] > 1.0f ? 1.0f : x[i] < -1.0f ? -1.0f : x[i];
    }
}

static void bend_noise(float *x, size_t n) { /* as loud as the speech, pauses included */
    double power = 0;
    for (size_t i = 0; i < n; i++) power += (double)x[i] * (double)x[i];
    double level = sqrt(power / (double)n);
    for (size_t i = 0; i < n; i++) x[i] += (float)(level * normal());
}

/* What a resampler from 8 kHz leaves: nothing above 3.8 kHz. */
static void bend_narrow(float *x, size_t n) {
    enum { HALF = 40 };
    float *from = mem_alloc(n + 2 * HALF, sizeof *from), tap[2 * HALF + 1];
    for (int k = -HALF; k <= HALF; k++) {
        double sinc = k ? sin(2 * M_PI * 3600.0 / 16000 * k) / (M_PI * k) : 2 * 3600.0 / 16000;
        tap[k + HALF] = (float)(sinc * (0.42 + 0.5 * cos(M_PI * k / HALF) + 0.08 * cos(2 * M_PI * k / HALF)));
    }
    memcpy(from + HALF, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        float y = 0;
        for (int k = 0; k <= 2 * HALF; k++) y += tap[k] * from[i + (size_t)k];
        x[i] = y;
    }
    mem_free(from);
}

#endif
