/* test_enrol.c: what makes recordings good or bad for a voice print, on made-up looks and sounds. */
#include "speakers/enrol.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 512

static uint64_t seed = 20260801;

/* -1..1, about normal when four are added. */
static float draw(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(seed >> 32) / 2147483648.0f;
}

static void fill(float *out, float scale) {
    for (int i = 0; i < SPEAKERS_DIM; i++) out[i] = scale * (draw() + draw() + draw() + draw());
}

/* A person's look: what is always so, and half of its power again that is not. */
static speakers_look look_of(const float *person) {
    speakers_look l = {.speech_s = 1.2f};
    fill(l.e, 0.7f);
    for (int i = 0; i < SPEAKERS_DIM; i++) l.e[i] += person[i];
    return l;
}

/* Speech at `loud` and pauses at `quiet`, both noise in dBFS. */
static enrol_sound sound_of(double loud, double quiet) {
    enrol_sound s;
    float pcm[FRAME];
    enrol_sound_reset(&s);
    for (int f = 0; f < 300; f++) {
        bool speech = f % 3 != 0;
        float scale = (float)(pow(10, (speech ? loud : quiet) / 20) * 1.732);
        for (int i = 0; i < FRAME; i++) pcm[i] = scale * draw();
        enrol_sound_step(&s, pcm, FRAME, speech ? 0.9f : 0.01f);
    }
    return s;
}

static steno_enrolment measure(const speakers_look *looks, int n, double speech_s) {
    steno_enrolment e;
    enrol_sound s = sound_of(-25, -60);
    s.speech[20] = 30; /* dips */
    s.speech_frames += 30;
    enrol_measure(looks, n, speech_s, &s, &e);
    return e;
}

static void one_person(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        float person[SPEAKERS_DIM];
        speakers_look looks[7];
        fill(person, 1);
        for (int i = 0; i < 7; i++) looks[i] = look_of(person);
        steno_enrolment e = measure(looks, 7, 6);
        if (enrol_judge(&e) != ENROL_GOOD) fail_msg("round %d: unity %.2f", round, e.unity);
        assert_int_equal(enrol_check(&e), STENO_OK);
        assert_true(enrol_likeness(e.voice.print, person) > 0.85f);
        assert_true(e.voice.speech_s == 6.0f);
    }
}

static void two_people(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        float one[SPEAKERS_DIM], two[SPEAKERS_DIM];
        speakers_look looks[12];
        fill(one, 1);
        fill(two, 1);
        int first = 2 + round % 9; /* looks of the first */
        for (int i = 0; i < 12; i++) looks[i] = look_of(i < first ? one : two);
        steno_enrolment e = measure(looks, 12, 10);
        if (enrol_judge(&e) != ENROL_TWO_VOICES) fail_msg("round %d: unity %.2f", round, e.unity);
        assert_int_equal(enrol_check(&e), STENO_E_INVALID);
        assert_non_null(strstr(steno_error_detail(), "two voices"));
    }
}

static void a_cough_is_no_voice(void **state) {
    float one[SPEAKERS_DIM], cough[SPEAKERS_DIM];
    speakers_look looks[20];
    (void)state;
    fill(one, 1);
    fill(cough, 2);
    for (int i = 0; i < 20; i++) looks[i] = look_of(i == 9 ? cough : one);
    looks[9].speech_s = 0.6f;
    steno_enrolment e = measure(looks, 20, 20);
    assert_int_equal(enrol_judge(&e), ENROL_GOOD);
}

/* Longer looks count for more. */
static void the_print_is_weighted(void **state) {
    speakers_look looks[2] = {{.speech_s = 1}, {.speech_s = 3}};
    (void)state;
    looks[0].e[0] = 4;
    looks[1].e[1] = 4;
    steno_enrolment e = measure(looks, 2, 4);
    assert_true(e.voice.print[0] == 1 && e.voice.print[1] == 3 && e.voice.print[2] == 0);
    assert_true(e.unity == 0);
    e = measure(looks, 0, 4);
    assert_true(e.voice.print[0] == 0);
    assert_int_equal(enrol_judge(&e), ENROL_TOO_SHORT);
}

static void too_short(void **state) {
    steno_enrolment e = {.speech_s = STENO_ENROL_MIN_SPEECH_S, .snr_db = 30, .unity = 1};
    (void)state;
    assert_int_equal(enrol_judge(&e), ENROL_GOOD);
    e.speech_s -= 0.01;
    assert_int_equal(enrol_judge(&e), ENROL_TOO_SHORT);
    assert_int_equal(enrol_check(&e), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "too short: 5.0 s of speech were heard, at least 5 s"));
    assert_string_equal(enrol_verdict_name(ENROL_TOO_SHORT), "too_short");
}

static double snr(const enrol_sound *s) {
    steno_enrolment e;
    enrol_measure(NULL, 0, 0, s, &e);
    return e.snr_db;
}

/* Speech is what is left of the sound when the noise is taken away. */
static void noise_in_pauses(void **state) {
    (void)state;
    enrol_sound s = sound_of(-20, -30);
    s.speech[5] += 100; /* dips far below */
    assert_true(fabs(snr(&s) - 9.5) < 1.5);
    s = sound_of(-20, -20);
    assert_true(snr(&s) < 0);
    s = (enrol_sound){0};
    assert_true(snr(&s) < 0);
}

/* Pauses that are digital silence say nothing about the noise under the speech. */
static void a_gate_hides_no_noise(void **state) {
    (void)state;
    enrol_sound s = sound_of(-20, -130);
    assert_int_equal(s.pause_frames, 0);
    for (int i = 0; i < 30; i++) s.speech[74]++; /* its quietest frames: -26 dBFS */
    s.speech_frames += 30;
    s.speech_power += 30 * pow(10, -2.55);
    assert_true(snr(&s) < ENROL_MIN_SNR_DB);
}

static void clipping(void **state) {
    enrol_sound s;
    steno_enrolment e;
    float pcm[FRAME];
    (void)state;
    for (int harm = 0; harm < 3; harm++) {
        enrol_sound_reset(&s);
        for (int i = 0; i < FRAME; i++) {
            float wave = 0.7f * sinf((float)i / 5) * (harm == 2 ? 3.0f : harm == 1 ? 1.4286f : 1.0f);
            pcm[i] = wave > 1 ? 1 : wave < -1 ? -1 : wave;
        }
        enrol_sound_step(&s, pcm, FRAME, 0.9f);
        enrol_measure(NULL, 0, 6, &s, &e);
        e.snr_db = 30;
        e.unity = 1;
        assert_int_equal(enrol_judge(&e), harm == 2 ? ENROL_CLIPPED : ENROL_GOOD); /* that it just touches is no harm */
        enrol_sound_step(&s, pcm, FRAME, 0.3f);                                    /* no speech: does not count */
        assert_int_equal(s.speech_samples, FRAME);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_person),
        cmocka_unit_test(two_people),
        cmocka_unit_test(a_cough_is_no_voice),
        cmocka_unit_test(the_print_is_weighted),
        cmocka_unit_test(too_short),
        cmocka_unit_test(noise_in_pauses),
        cmocka_unit_test(a_gate_hides_no_noise),
        cmocka_unit_test(clipping),
    };
    printf("seed %llu\n", (unsigned long long)seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
