/* test_audio.c: nothing of the sound is left inside a span, nothing is changed outside, wherever samples are cut. STENO_AUDIO_SEED repeats a run. */
#include "base/mem.h"
#include "privacy/audio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define HZ      STENO_SAMPLE_RATE_HZ
#define SAMPLES (4 * HZ)

static uint64_t dice;

static uint64_t roll(uint64_t below) {
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (dice * UINT64_C(2685821657736338717) >> 33) % below;
}

static void noise(float *pcm, size_t n) {
    for (size_t i = 0; i < n; i++) pcm[i] = (float)roll(2000) / 1000.0f - 1.0f;
}

/* Entities at these seconds. */
static void add_times(covered_times *c, const double (*times)[2], uint32_t n, int margin_ms) {
    released_entity e[8] = {0};
    for (uint32_t i = 0; i < n; i++) e[i].start_s = times[i][0], e[i].end_s = times[i][1];
    released_segment s = {.start_s = 0.25, .end_s = 3.5, .entities = e, .n_entities = n};
    assert_int_equal(covered_add(c, &s, margin_ms), STENO_OK);
}

static bool is_covered(size_t i, const double (*times)[2], uint32_t n, double margin_s) {
    for (uint32_t k = 0; k < n; k++)
        if ((double)i >= (times[k][0] - margin_s) * HZ && (double)i < (times[k][1] + margin_s) * HZ) return true;
    return false;
}

static const double apart[][2] = {{2.5, 3.0}, {0.05, 0.3}, {1.0, 1.2}, {1.15, 1.5}, {3.95, 9}};

/* By pieces of at most so many samples, of two channels of which the second is left alone. */
static void cover(float *pcm, covered_times *c, cover_kind kind, size_t most) {
    audio_cover a;
    audio_cover_begin(&a, c, kind);
    for (size_t at = 0, now; at < SAMPLES; at += now) {
        now = 1 + roll(most);
        if (now > SAMPLES - at) now = SAMPLES - at;
        audio_cover_samples(&a, pcm + 2 * at, now, 2);
    }
}

static void nothing_left_nothing_changed(void **state) {
    (void)state;
    static float before[2 * SAMPLES], after[2 * SAMPLES];
    covered_times c = {0};
    noise(before, 2 * SAMPLES);
    memcpy(after, before, sizeof before);
    add_times(&c, apart, 5, 100);
    cover(after, &c, COVER_SILENCE, 5000);
    for (size_t i = 0; i < SAMPLES; i++) {
        bool in = is_covered(i, apart, 5, 0.1);
        assert_true(in ? after[2 * i] == 0.0f : after[2 * i] == before[2 * i]);
        assert_true(after[2 * i + 1] == before[2 * i + 1]);
    }
    covered_free(&c);
}

/* The tone does not depend on what it covers, nor on the pieces; it begins and ends at nothing. */
static void the_tone(void **state) {
    (void)state;
    static float one[2 * SAMPLES], other[2 * SAMPLES], before[2 * SAMPLES];
    covered_times c = {0};
    double energy = 0;
    size_t n = 0;
    noise(one, 2 * SAMPLES);
    noise(other, 2 * SAMPLES);
    memcpy(before, one, sizeof one);
    add_times(&c, apart, 5, 0);
    cover(one, &c, COVER_BEEP, 700);
    cover(other, &c, COVER_BEEP, 9000);
    for (size_t i = 0; i < SAMPLES; i++) {
        if (is_covered(i, apart, 5, 0)) {
            assert_true(one[2 * i] == other[2 * i] && one[2 * i] <= 0.2f && one[2 * i] >= -0.2f);
            energy += (double)(one[2 * i] * one[2 * i]);
            n++;
        } else {
            assert_true(one[2 * i] == before[2 * i]);
        }
    }
    assert_true(energy / (double)n > 0.015);
    assert_true(one[2 * HZ] == 0.0f && one[2 * (3 * HZ - 1)] == 0.0f); /* 1 s: a beginning; 3 s: an end */
    covered_free(&c);
}

/* Without times of its own an entity covers its segment, and so does what could not be looked at. */
static void whole_segments(void **state) {
    (void)state;
    covered_times c = {0};
    const released_entity untimed = {.type = ENTITY_PHONE};
    const released_segment a = {.start_s = 1, .end_s = 2, .entities = &untimed, .n_entities = 1},
                           b = {.start_s = 3, .end_s = 4, .withheld = true}, plain = {.start_s = 5, .end_s = 6};
    assert_int_equal(covered_add(&c, &a, 100) | covered_add(&c, &b, 0) | covered_add(&c, &plain, 0), STENO_OK);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.spans[0].first, (int64_t)(0.9 * HZ));
    assert_int_equal(c.spans[0].end, (int64_t)(2.1 * HZ));
    assert_int_equal(c.spans[1].first, 3 * HZ);
    assert_int_equal(c.spans[1].end, 4 * HZ);
    covered_free(&c);
}

static void too_many(void **state) {
    (void)state;
    covered_times c = {0};
    static float pcm[SAMPLES];
    for (uint32_t i = 0; i < COVERED_TIMES_MAX + 1; i++) {
        const double at[][2] = {{1 + i * 1e-5, 1.1 + i * 1e-5}};
        add_times(&c, at, 1, 0);
    }
    noise(pcm, SAMPLES);
    audio_cover a;
    audio_cover_begin(&a, &c, COVER_SILENCE);
    audio_cover_samples(&a, pcm, SAMPLES, 1);
    assert_int_equal(c.n, 1);
    assert_true(pcm[HZ - 1] != 0.0f || pcm[HZ - 2] != 0.0f);
    for (size_t i = HZ; i < SAMPLES; i++) assert_true(pcm[i] == 0.0f);
    covered_free(&c);
}

static void no_memory(void **state) {
    (void)state;
    covered_times c = {0};
    const released_segment s = {.end_s = 1, .withheld = true};
    mem_fault_arm(1);
    assert_int_equal(covered_add(&c, &s, 0), STENO_E_NOMEM);
    mem_fault_arm(0);
    covered_free(&c);
}

static void words(void **state) {
    (void)state;
    cover_kind kind;
    assert_true(cover_parse("beep", &kind) == STENO_OK && kind == COVER_BEEP);
    assert_true(cover_parse("silence", &kind) == STENO_OK && kind == COVER_SILENCE);
    assert_int_equal(cover_parse("loud", &kind), STENO_E_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_left_nothing_changed),
        cmocka_unit_test(the_tone),
        cmocka_unit_test(whole_segments),
        cmocka_unit_test(too_many),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(words),
    };
    const char *seed = getenv("STENO_AUDIO_SEED");
    dice = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("STENO_AUDIO_SEED=%llu\n", (unsigned long long)dice);
    dice = dice * UINT64_C(0x9E3779B97F4A7C15) | 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
