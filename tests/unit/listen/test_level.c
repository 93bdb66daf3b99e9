/* test_level.c: the gain and the gate before the voice detector. Signals are made by hand or from a printed seed. */
#include "listen/level.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME LEVEL_FRAME_SAMPLES
#define SEED  20240229u

static uint32_t seed = SEED;

static float noise(void) { /* -1..1, RMS 0.577 */
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}

static float amplitude(float dbfs) { /* of a sine with this RMS */
    return sqrtf(2.0f) * powf(10.0f, dbfs / 20.0f);
}

/* A tone whose RMS is `dbfs`: whole periods in a frame. 250 Hz is low, 3 kHz is not. */
static void tone(float *pcm, float hz, float dbfs) {
    for (int i = 0; i < FRAME; i++)
        pcm[i] = amplitude(dbfs) * sinf(6.2831853f * hz * (float)i / (float)STENO_SAMPLE_RATE_HZ);
}

static void hiss(float *pcm, float dbfs) {
    for (int i = 0; i < FRAME; i++) pcm[i] = noise() * powf(10.0f, dbfs / 20.0f) / 0.57735f;
}

static float rms_dbfs(const float *pcm) {
    double sum = 0;
    for (int i = 0; i < FRAME; i++) sum += (double)pcm[i] * (double)pcm[i];
    return (float)(10.0 * log10(sum / FRAME + 1e-30));
}

/* Steps a copy; true when it was heard with a gain of exactly 1. */
static bool untouched(level *s, const float *pcm) {
    float copy[FRAME];
    memcpy(copy, pcm, sizeof copy);
    return level_step(s, copy) && memcmp(copy, pcm, sizeof copy) == 0;
}

/* ---- gain ------------------------------------------------------------------------------------------------------- */

static void normal_speech_is_untouched(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    for (int i = 0; i < 20; i++) {
        hiss(pcm, -60.0f);
        assert_true(untouched(&s, pcm));
    }
    for (int word = 0; word < 40; word++) {
        for (int i = 0; i < 6; i++) { /* a quiet "s" begins each word */
            hiss(pcm, -45.0f);
            assert_true(untouched(&s, pcm));
        }
        for (int i = 0; i < 10; i++) {
            tone(pcm, 250.0f, i < 3 ? -40.0f : -20.0f);
            assert_true(untouched(&s, pcm));
        }
        for (int i = 0; i < 200; i++) { /* 6 s: silence does not make the loud words forgotten */
            hiss(pcm, -60.0f);
            assert_true(untouched(&s, pcm));
        }
    }
}

static void even_noise_is_untouched_at_any_level(void **state) {
    (void)state;
    float pcm[FRAME];
    for (float dbfs = -5.0f; dbfs >= -85.0f; dbfs -= 5.0f) {
        level s;
        level_reset(&s);
        for (int i = 0; i < 2000; i++) {
            hiss(pcm, dbfs);
            assert_true(untouched(&s, pcm));
        }
    }
}

static void quiet_words_are_brought_to_the_target(void **state) {
    (void)state;
    for (float dbfs = -35.0f; dbfs >= -60.0f; dbfs -= 5.0f) {
        level s;
        float pcm[FRAME];
        level_reset(&s);
        for (int i = 0; i < 30; i++) {
            hiss(pcm, dbfs - 30.0f);
            (void)level_step(&s, pcm);
        }
        for (int i = 0; i < LEVEL_SURE_FRAMES + 1; i++) {
            tone(pcm, 250.0f, dbfs);
            assert_true(level_step(&s, pcm));
            if (i < LEVEL_SURE_FRAMES - 1) assert_float_equal(rms_dbfs(pcm), dbfs, 0.1f);
        }
        assert_float_equal(rms_dbfs(pcm), LEVEL_TARGET_DBFS, 0.6f);
    }
}

static void gain_has_a_limit(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    memset(pcm, 0, sizeof pcm);
    assert_true(level_step(&s, pcm));
    for (int i = 0; i < 20; i++) {
        tone(pcm, 250.0f, -78.0f);
        assert_true(level_step(&s, pcm));
    }
    assert_float_equal(rms_dbfs(pcm), -78.0f + LEVEL_MAX_GAIN_DB, 0.2f);
}

/* A hiss alone does not raise the gain of a new stream: it may be the start of a normal word. */
static void hisses_are_no_reason(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    for (int i = 0; i < 100; i++) {
        hiss(pcm, i % 20 < 10 ? -90.0f : -50.0f);
        assert_true(untouched(&s, pcm));
    }
}

static void loud_after_quiet_is_untouched_at_once(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    hiss(pcm, -80.0f);
    (void)level_step(&s, pcm);
    for (int i = 0; i < 50; i++) {
        tone(pcm, 250.0f, -55.0f);
        (void)level_step(&s, pcm);
    }
    assert_true(s.gain > 100.0f);
    tone(pcm, 250.0f, -15.0f);
    assert_true(untouched(&s, pcm));
}

/* After a bump quiet speech is heard again, after as many seconds of sound as the constant says. */
static void a_bump_is_forgotten(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    hiss(pcm, -80.0f);
    (void)level_step(&s, pcm);
    tone(pcm, 250.0f, -13.0f);
    (void)level_step(&s, pcm);
    int frames = 0;
    while (s.gain == 1.0f && frames < 10000) {
        if (frames % 40 == 39)
            hiss(pcm, -80.0f); /* pauses between words, so that speech does not become the room */
        else
            tone(pcm, 250.0f, -50.0f);
        (void)level_step(&s, pcm);
        frames++;
    }
    float expected_s = (-13.0f - LEVEL_NORMAL_DBFS) / LEVEL_FALL_DB_S;
    assert_float_equal((float)frames * 0.032f, expected_s, 0.4f);
}

static void gain_rises_without_a_step(void **state) {
    (void)state;
    level s;
    float pcm[FRAME], last = 0.0f, most = 0.0f;
    level_reset(&s);
    hiss(pcm, -85.0f);
    (void)level_step(&s, pcm);
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < FRAME; k++) /* a cosine: frames begin at its peak, where a step would be largest */
            pcm[k] = amplitude(-50.0f) * cosf(6.2831853f * 250.0f * (float)k / (float)STENO_SAMPLE_RATE_HZ);
        (void)level_step(&s, pcm);
        for (int k = 0; k < FRAME; k++) {
            most = fmaxf(most, fabsf(pcm[k] - last));
            last = pcm[k];
        }
    }
    assert_true(s.gain > 50.0f);
    assert_true(most < 0.12f * amplitude(LEVEL_TARGET_DBFS)); /* the steepest slope of the tone itself is 0.098 */
}

/* ---- gate ------------------------------------------------------------------------------------------------------- */

static void silence_is_gated_and_ends_in_the_same_frame(void **state) {
    (void)state;
    float silent[FRAME], pcm[FRAME];
    for (int kind = 0; kind < 3; kind++) {
        level s;
        level_reset(&s);
        for (int i = 0; i < 300; i++) {
            hiss(silent, LEVEL_GATE_DBFS - 2.0f);
            if (kind == 0) memset(silent, 0, sizeof silent);
            if (kind == 2)
                for (int k = 0; k < FRAME; k++) silent[k] = 0.01f; /* an offset is no sound */
            float before[FRAME];
            memcpy(before, silent, sizeof before);
            assert_int_equal(level_step(&s, silent), i < LEVEL_GATE_FRAMES);
            assert_memory_equal(before, silent, sizeof silent);
        }
        hiss(pcm, LEVEL_GATE_DBFS + 2.0f);
        assert_true(level_step(&s, pcm));
        memset(silent, 0, sizeof silent);
        for (int i = 0; i < LEVEL_GATE_FRAMES; i++) assert_true(level_step(&s, silent));
        assert_false(level_step(&s, silent));
    }
}

static void one_audible_click_is_heard(void **state) {
    (void)state;
    level s;
    float pcm[FRAME];
    level_reset(&s);
    memset(pcm, 0, sizeof pcm);
    for (int i = 0; i < 100; i++) (void)level_step(&s, pcm);
    pcm[FRAME - 1] = 0.01f;
    assert_true(level_step(&s, pcm));
}

/* ---- as a stage ------------------------------------------------------------------------------------------------- */

static void reset_is_a_new_stream_and_a_copy_goes_on_alike(void **state) {
    (void)state;
    level s, fresh, copy;
    float a[FRAME], b[FRAME];
    print_message("seed %u\n", SEED);
    level_reset(&s);
    for (int i = 0; i < 500; i++) {
        hiss(a, -90.0f + 70.0f * fabsf(noise()));
        (void)level_step(&s, a);
    }
    level_reset(&s);
    level_reset(&fresh);
    assert_memory_equal(&s, &fresh, sizeof s);
    for (int i = 0; i < 500; i++) {
        if (noise() > 0.0f)
            hiss(a, -95.0f + 80.0f * fabsf(noise()));
        else
            tone(a, 250.0f, -95.0f + 80.0f * fabsf(noise()));
        memcpy(b, a, sizeof a);
        copy = fresh;
        bool heard = level_step(&s, a);
        assert_int_equal(level_step(&copy, b), heard);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_equal(&s, &copy, sizeof s);
        assert_true(s.gain >= 1.0f && s.gain <= powf(10.0f, LEVEL_MAX_GAIN_DB / 20.0f) * 1.001f);
        for (int k = 0; k < FRAME; k++) assert_true(isfinite(a[k]));
        fresh = copy;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_speech_is_untouched),
        cmocka_unit_test(even_noise_is_untouched_at_any_level),
        cmocka_unit_test(quiet_words_are_brought_to_the_target),
        cmocka_unit_test(gain_has_a_limit),
        cmocka_unit_test(hisses_are_no_reason),
        cmocka_unit_test(loud_after_quiet_is_untouched_at_once),
        cmocka_unit_test(a_bump_is_forgotten),
        cmocka_unit_test(gain_rises_without_a_step),
        cmocka_unit_test(silence_is_gated_and_ends_in_the_same_frame),
        cmocka_unit_test(one_audible_click_is_heard),
        cmocka_unit_test(reset_is_a_new_stream_and_a_copy_goes_on_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
