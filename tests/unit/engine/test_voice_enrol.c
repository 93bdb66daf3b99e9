/* test_voice_enrol.c: steno_voice_enrol() with the published networks: real speech, what is no audio, failing memory. Without
 * converted models or the recordings of pocketsphinx it is skipped. */
#include "engine/model.h"

#include "speakers/enrol.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READER         "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-"
#define RATE           STENO_SAMPLE_RATE_HZ
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

static steno_model *model;
static float *speech; /* [speech_n] three sentences of a reader */
static size_t speech_n;

/* A plain 16 kHz mono WAV behind what there is. */
static bool add_file(const char *id) {
    char path[160];
    static int16_t pcm[RATE * 30];
    snprintf(path, sizeof path, READER "%s.wav", id);
    FILE *in = fopen(path, "rb");
    if (!in) return false;
    fseek(in, 44, SEEK_SET);
    size_t n = fread(pcm, sizeof *pcm, RATE * 30, in);
    fclose(in);
    speech = realloc(speech, (speech_n + n) * sizeof *speech);
    if (!speech) return false;
    for (size_t i = 0; i < n; i++) speech[speech_n++] = (float)pcm[i] / 32768;
    return true;
}

static void real_speech(void **state) {
    steno_enrolment e, again;
    (void)state;
    assert_ok(steno_voice_enrol(model, speech, speech_n, &e));
    assert_ok(steno_voice_enrol(model, speech, speech_n, &again));
    assert_memory_equal(&e, &again, sizeof e);
    assert_true(e.speech_s > STENO_ENROL_MIN_SPEECH_S && e.speech_s < (double)speech_n / RATE);
    assert_true(e.snr_db > ENROL_MIN_SNR_DB && e.clipped == 0);
    assert_string_equal(e.voice.name, "");
    assert_true((double)e.voice.speech_s == (double)(float)e.speech_s);
    size_t half = speech_n / 2;
    steno_enrolment one, two; /* too short, perhaps: filled all the same */
    bool fine = steno_voice_enrol(model, speech, half, &one) == STENO_OK;
    fine = steno_voice_enrol(model, speech + half, speech_n - half, &two) == STENO_OK && fine;
    (void)fine;
    assert_true(enrol_likeness(one.voice.print, two.voice.print) > ENROL_SAME_LIKENESS);
    assert_true(enrol_likeness(one.voice.print, e.voice.print) > 0.8f);
}

/* Silence and pauses around speech change what is heard, not who it is. */
static void pauses_do_not_count(void **state) {
    steno_enrolment bare, padded;
    size_t pad = 4 * RATE;
    float *pcm = calloc(speech_n + 2 * pad, sizeof *pcm);
    (void)state;
    assert_non_null(pcm);
    memcpy(pcm + pad, speech, speech_n * sizeof *pcm);
    assert_ok(steno_voice_enrol(model, speech, speech_n, &bare));
    assert_ok(steno_voice_enrol(model, pcm, speech_n + 2 * pad, &padded));
    assert_true(fabs(bare.speech_s - padded.speech_s) < 0.3);
    assert_true(enrol_likeness(bare.voice.print, padded.voice.print) > 0.95f);
    free(pcm);
}

static void what_is_too_little(void **state) {
    steno_enrolment e;
    float few[100] = {0};
    (void)state;
    const size_t lengths[] = {0, 1, 100};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(steno_voice_enrol(model, few, lengths[i], &e), STENO_E_INVALID);
        assert_true(e.speech_s == 0);
    }
    assert_int_equal(steno_voice_enrol(model, speech, 3 * RATE, &e), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "too short"));
    assert_true(e.speech_s > 1);
    few[50] = NAN;
    assert_int_equal(steno_voice_enrol(model, few, 100, &e), STENO_E_FORMAT);
}

static void without_the_network(void **state) {
    steno_model deaf = *model;
    steno_enrolment e;
    (void)state;
    deaf.voices = NULL;
    assert_int_equal(steno_voice_enrol(&deaf, speech, speech_n, &e), STENO_E_NOT_FOUND);
}

static void memory_fails(void **state) {
    steno_enrolment e;
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        mem_fault_arm(nth);
        steno_err err = steno_voice_enrol(model, speech, 2 * RATE, &e);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) return;
        assert_int_equal(err, STENO_E_NOMEM);
    }
}

static int set_up(void **state) {
    (void)state;
    return add_file("0870") && add_file("0880") && add_file("0890") ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    free(speech);
    steno_model_close(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_speech),        cmocka_unit_test(pauses_do_not_count),
        cmocka_unit_test(what_is_too_little), cmocka_unit_test(without_the_network),
        cmocka_unit_test(memory_fails),
    };
    FILE *there = fopen(READER "0870.wav", "rb");
    if (there) fclose(there);
    if (steno_model_open(NULL, &model) != STENO_OK || !model->voices || !there) {
        printf("skipped: %s\n", !there ? "pocketsphinx-testdata is not installed" : "the models are not converted");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
