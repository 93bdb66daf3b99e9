/* test_pcm.c: every encoding, every cut: chunked equals whole, times stay, nothing is lost at the end. */
#include "audio/pcm.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS 2
#define OUT_CAP (SECONDS * STENO_SAMPLE_RATE_HZ + PCM_OUT_MAX)

static uint32_t seed = 1;

static uint32_t below(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

/* A push of `n` bytes at most PCM_PIECE_BYTES_MAX; returns the samples. */
static size_t push(pcm *p, const unsigned char *bytes, size_t n, float *out, size_t *frames) {
    size_t got, f;
    assert_int_equal(pcm_push(p, bytes, n, out, &got, &f), STENO_OK);
    assert_true(got <= PCM_OUT_MAX);
    *frames += f;
    return got;
}

/* The whole of `bytes` in pieces of at most `most`, cut at random where `random`. */
static size_t run(pcm_format f, const unsigned char *bytes, size_t n, uint32_t most, bool random, float *out) {
    pcm p = {.format = f};
    size_t got, total = 0, frames = 0;
    for (size_t at = 0, piece; at < n; at += piece) {
        piece = random ? below(most + 1) : most;
        if (piece > n - at) piece = n - at;
        total += push(&p, bytes + at, piece, out + total, &frames);
    }
    assert_int_equal(frames, n / pcm_frame_bytes(&f));
    assert_int_equal(pcm_flush(&p, out + total, &got), STENO_OK);
    pcm_free(&p);
    return total + got;
}

static void put_sample(unsigned char *to, pcm_encoding e, float v) {
    int16_t s = (int16_t)lrintf(v * 30000);
    if (e == PCM_F32LE) memcpy(to, &v, 4);
    if (e == PCM_S16LE) memcpy(to, &s, 2);
    if (e == PCM_MULAW || e == PCM_ALAW) *to = (unsigned char)below(256);
}

/* A tone of 440 Hz. */
static unsigned char *tone(pcm_format f, size_t *n) {
    size_t frames = (size_t)f.rate_hz * SECONDS, width = pcm_frame_bytes(&f) / (unsigned)f.channels;
    *n = frames * pcm_frame_bytes(&f);
    unsigned char *bytes = calloc(*n, 1);
    for (size_t i = 0; i < frames * (size_t)f.channels; i++) {
        double t = (double)(i / (size_t)f.channels) / f.rate_hz;
        put_sample(bytes + i * width, f.encoding, (float)(0.5 * sin(2 * M_PI * 440 * t)));
    }
    return bytes;
}

static void chunked_equals_whole(void **state) {
    static const int rates[] = {8000, 11025, 16000, 22050, 44100, 47999, 48000};
    float *whole = calloc(OUT_CAP, sizeof(float)), *cut = calloc(OUT_CAP, sizeof(float));
    (void)state;
    printf("seed %u\n", seed);
    for (int e = PCM_S16LE; e <= PCM_ALAW; e++) {
        for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
            pcm_format f = {.encoding = (pcm_encoding)e, .rate_hz = rates[r], .channels = 1 + (int)(r % 2)};
            size_t n, a, b;
            unsigned char *bytes = tone(f, &n);
            a = run(f, bytes, n, PCM_PIECE_BYTES_MAX, false, whole);
            b = run(f, bytes, n, r % 3 == 0 ? 7 : 3000, true, cut);
            assert_int_equal(a, b);
            assert_memory_equal(whole, cut, a * sizeof(float));
            assert_true(labs((long)a - SECONDS * STENO_SAMPLE_RATE_HZ) <= 1);
            free(bytes);
        }
    }
    free(whole);
    free(cut);
}

/* The resampled tone stands where the tone does. */
static void times_do_not_shift(void **state) {
    static const int rates[] = {8000, 22050, 44100, 48000};
    float *out = calloc(OUT_CAP, sizeof(float));
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        pcm_format f = {.encoding = PCM_F32LE, .rate_hz = rates[r], .channels = 1};
        size_t n;
        unsigned char *bytes = tone(f, &n);
        size_t got = run(f, bytes, n, 640, false, out);
        for (size_t i = 1000; i < got - 1000; i++) {
            double want = 0.5 * sin(2 * M_PI * 440 * (double)i / STENO_SAMPLE_RATE_HZ);
            assert_true(fabs((double)out[i] - want) < 2e-3);
        }
        free(bytes);
    }
    free(out);
}

/* What the resampler holds back is short: live text waits for it. */
static void little_is_held_back(void **state) {
    static const int rates[] = {8000, 11025, 22050, 44100, 48000};
    float *out = calloc(OUT_CAP, sizeof(float));
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        pcm p = {.format = {.encoding = PCM_S16LE, .rate_hz = rates[r], .channels = 1}};
        size_t n, total = 0, frames = 0;
        unsigned char *bytes = tone(p.format, &n);
        for (size_t at = 0; at + 320 <= n; at += 320) total += push(&p, bytes + at, 320, out, &frames);
        double held_s = (double)frames / rates[r] - (double)total / STENO_SAMPLE_RATE_HZ;
        assert_true(held_s < 0.004);
        pcm_free(&p);
        free(bytes);
    }
    free(out);
}

/* Values of ITU-T G.711's tables. */
static void g711(void **state) {
    static const struct {
        pcm_encoding e;
        unsigned char byte;
        int linear;
    } table[] = {{PCM_MULAW, 0xff, 0},    {PCM_MULAW, 0x7f, 0},     {PCM_MULAW, 0x80, 32124}, {PCM_MULAW, 0x00, -32124},
                 {PCM_MULAW, 0xfe, 8},    {PCM_MULAW, 0x8f, 16764}, {PCM_ALAW, 0xd5, 8},      {PCM_ALAW, 0x55, -8},
                 {PCM_ALAW, 0xaa, 32256}, {PCM_ALAW, 0x2a, -32256}, {PCM_ALAW, 0xd4, 24},     {PCM_ALAW, 0x80, 5504}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        pcm p = {.format = {.encoding = table[i].e, .rate_hz = 16000, .channels = 1}};
        float out[PCM_OUT_MAX];
        size_t frames = 0;
        assert_int_equal(push(&p, &table[i].byte, 1, out, &frames), 1);
        assert_int_equal((int)lrintf(out[0] * 32768), table[i].linear);
    }
}

static void two_channels_are_mixed(void **state) {
    pcm p = {.format = {.encoding = PCM_S16LE, .rate_hz = 16000, .channels = 2}};
    const unsigned char bytes[] = {0x00, 0x40, 0x00, 0x00, 0x00, 0x80, 0x00, 0x80};
    float out[PCM_OUT_MAX];
    size_t frames = 0;
    (void)state;
    assert_int_equal(push(&p, bytes, 8, out, &frames), 2);
    assert_true(out[0] == 0.25f && out[1] == -1.0f);
}

static void floats_that_are_no_numbers(void **state) {
    pcm p = {.format = {.encoding = PCM_F32LE, .rate_hz = 16000, .channels = 1}};
    const float in[] = {3, -7, NAN, INFINITY};
    float out[PCM_OUT_MAX];
    size_t got, frames = 0;
    (void)state;
    assert_int_equal(push(&p, (const unsigned char *)in, 8, out, &frames), 2);
    assert_true(out[0] == 1 && out[1] == -1);
    assert_int_equal(pcm_push(&p, (const unsigned char *)in, 12, out, &got, &frames), STENO_E_FORMAT);
    assert_int_equal(pcm_push(&p, (const unsigned char *)(in + 3), 4, out, &got, &frames), STENO_E_FORMAT);
}

static void half_a_sample_can_be_forgotten(void **state) {
    pcm p = {.format = {.encoding = PCM_S16LE, .rate_hz = 16000, .channels = 1}};
    const unsigned char bytes[] = {0x77, 0x00, 0x40};
    float out[PCM_OUT_MAX];
    size_t frames = 0;
    (void)state;
    assert_int_equal(push(&p, bytes, 1, out, &frames), 0);
    pcm_drop_carry(&p);
    assert_int_equal(push(&p, bytes + 1, 2, out, &frames), 1);
    assert_true(out[0] == 0.5f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_equals_whole),
        cmocka_unit_test(times_do_not_shift),
        cmocka_unit_test(little_is_held_back),
        cmocka_unit_test(g711),
        cmocka_unit_test(two_channels_are_mixed),
        cmocka_unit_test(floats_that_are_no_numbers),
        cmocka_unit_test(half_a_sample_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
