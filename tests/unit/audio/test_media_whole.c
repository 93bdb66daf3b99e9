/* test_media_whole.c: whole recordings in memory: one behind the other, limits, giving up, failures. */
#include "audio/media_whole.h"

#include "media_fixture.h"

#define RATE STENO_SAMPLE_RATE_HZ

static const double tone_hz[2] = {440, 440};

static steno_err append(const char *name, double max_s, const atomic_bool *stop, media_audio *a) {
    media_limits limits;
    media_limits_init(&limits);
    return media_append(fixture_host, fixture_path(name), &limits, max_s, stop, a);
}

static void one_behind_the_other(void **state) {
    media_audio a = {0};
    (void)state;
    fixture_tone_wav("mono.wav", RATE, 1, tone_hz, 0.5, 31); /* more than the first block */
    fixture_tone_wav("stereo.wav", RATE, 2, tone_hz, 0.25, 2);
    assert_int_equal(append("mono.wav", 60, NULL, &a), STENO_OK);
    assert_int_equal(a.n, 31 * RATE);
    heard alone = fixture_hear(fixture_path("mono.wav"), MEDIA_MIX);
    assert_memory_equal(a.pcm, alone.pcm, a.n * sizeof *a.pcm);
    assert_int_equal(media_append_silence(&a, 0.5), STENO_OK);
    assert_int_equal(append("stereo.wav", 60, NULL, &a), STENO_OK);
    assert_int_equal(a.n, 31 * RATE + RATE / 2 + 2 * RATE);
    assert_memory_equal(a.pcm, alone.pcm, alone.frames * sizeof *a.pcm); /* moved, and still the same */
    for (size_t i = 0; i < RATE / 2; i++) assert_true(a.pcm[31 * RATE + i] == 0);
    heard h = {.pcm = a.pcm + 31 * RATE + RATE / 2, .frames = 2 * RATE, .channels = 1};
    assert_true(fabs(tone_amplitude(&h, 0, 440) - 0.25) < 0.01);
    free(alone.pcm);
    media_audio_free(&a);
    assert_null(a.pcm);
}

static void limits_and_failures(void **state) {
    media_audio a = {0};
    atomic_bool stop = true;
    (void)state;
    fixture_tone_wav("long.wav", RATE, 1, tone_hz, 0.5, 10);
    assert_int_equal(append("long.wav", 10, NULL, &a), STENO_OK);
    assert_int_equal(append("long.wav", 19, NULL, &a), STENO_E_LIMIT); /* in all */
    assert_non_null(strstr(steno_error_detail(), "more than 19 s"));
    assert_int_equal(append("long.wav", 100, &stop, &a), STENO_E_CANCELLED);
    assert_int_equal(append("nowhere.wav", 100, NULL, &a), STENO_E_NOT_FOUND);
    fixture_write("words.wav", "these are words, not sound", 26);
    assert_int_not_equal(append("words.wav", 100, NULL, &a), STENO_OK);
    assert_non_null(strstr(steno_error_detail(), "words.wav"));
    media_audio_free(&a);
}

static void memory_fails(void **state) {
    (void)state;
    fixture_tone_wav("short.wav", RATE, 1, tone_hz, 0.5, 1);
    for (uint64_t nth = 1;; nth++) {
        media_audio a = {0};
        mem_fault_arm(nth);
        steno_err e = append("short.wav", 10, NULL, &a);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        media_audio_free(&a);
        if (!hit) {
            assert_int_equal(e, STENO_OK);
            return;
        }
        assert_int_equal(e, STENO_E_NOMEM);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_behind_the_other),
        cmocka_unit_test(limits_and_failures),
        cmocka_unit_test(memory_fails),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
