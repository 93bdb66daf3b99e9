/* test_funasr.c: what FunASR's clients may ask for, what of a text is new to them, and the shape of results. */
#include "api/funasr_message.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static steno_err read_text(funasr_options *o, const char *text, bool started) {
    return funasr_read(o, text, strlen(text), started);
}

static void asked_for(void **state) {
    funasr_options o;
    (void)state;
    funasr_init(&o);
    assert_true(o.mode == FUNASR_2PASS && o.rate_hz == 16000);
    assert_int_equal(
        read_text(&o,
                  "{\"mode\":\"online\",\"wav_name\":\"a\",\"wav_format\":\"pcm\",\"audio_fs\":8000,\"itn\":true,"
                  "\"hotwords\":\"\",\"is_speaking\":true}",
                  false),
        STENO_OK);
    assert_true(o.mode == FUNASR_ONLINE && o.rate_hz == 8000 && !o.ends);
    assert_string_equal(o.wav_name, "a");
    assert_string_equal(o.warning, "");
    assert_int_equal(read_text(&o, "{\"is_speaking\":false,\"is_end\":true}", true), STENO_OK);
    assert_true(o.ends && o.is_end && o.mode == FUNASR_ONLINE);
    assert_int_equal(read_text(&o, "{}", true), STENO_OK); /* each message says it anew */
    assert_false(o.ends || o.is_end);
}

static void what_is_not_done_is_said(void **state) {
    funasr_options o;
    (void)state;
    funasr_init(&o);
    assert_int_equal(
        read_text(&o, "{\"chunk_size\":[5,10,5],\"hotwords\":\"{}\",\"itn\":false,\"colour\":1,\"audio_fs\":8000}",
                  true),
        STENO_OK);
    assert_string_equal(o.warning,
                        "chunk_size: not used; hotwords: not used; itn: numbers are always as the model writes "
                        "them; colour: there is no such option; audio_fs: audio has begun, it stays 16000");
    for (int i = 0; i < 30; i++) assert_int_equal(read_text(&o, "{\"chunk_interval\":10}", true), STENO_OK);
    assert_int_equal(strlen(o.warning), FUNASR_WARNING_BYTES_MAX - 1);
    assert_int_equal(o.rate_hz, 16000);
}

static void what_makes_no_sense_changes_nothing(void **state) {
    static const char *const wrong[] = {"{\"wav_name\":\"b\",\"mode\":\"3pass\"}",
                                        "{\"wav_name\":\"b\",\"mode\":2}",
                                        "{\"wav_name\":\"b\",\"audio_fs\":400}",
                                        "{\"wav_name\":\"b\",\"audio_fs\":\"16000\"}",
                                        "{\"wav_name\":\"b\",\"wav_format\":\"mp3\"}",
                                        "{\"wav_name\":\"b\",\"is_speaking\":0}",
                                        "[]",
                                        "{",
                                        ""};
    funasr_options o;
    (void)state;
    funasr_init(&o);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(read_text(&o, wrong[i], false), STENO_OK);
        assert_string_equal(o.wav_name, "demo");
    }
}

static void expect_new(funasr_shown *s, uint32_t id, const char *text, size_t n, const char *more) {
    size_t bytes;
    const char *at = funasr_new(s, id, text, n, &bytes);
    assert_int_equal(bytes, strlen(more));
    assert_memory_equal(at, more, bytes);
}

/* Nothing is shown twice, and no character is cut, although a final may differ from what had settled. */
static void what_is_new(void **state) {
    funasr_shown s = {0};
    (void)state;
    expect_new(&s, 0, "Hello there", 0, "");
    expect_new(&s, 0, "Hello there", 5, "Hello");
    expect_new(&s, 0, "Hello there", 5, "");
    expect_new(&s, 0, "Hello there", 11, " there");
    expect_new(&s, 0, "Hello", 5, "");
    expect_new(&s, 1, "You", 3, "You");
    expect_new(&s, 2, "abc", 2, "ab");
    expect_new(&s, 2, "a\xc3\xa9x", 4, "x");
}

static void expect(json_t *o, const char *json) {
    char *text = json_dumps(o, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, json);
    free(text);
    json_decref(o);
}

static void results(void **state) {
    static const steno_word words[] = {{1.1204, 1.5, 1, 0, 6, STENO_SPEAKER_UNKNOWN},
                                       {1.5, 1.75, 1, 7, 4, STENO_SPEAKER_UNKNOWN}};
    const released_segment s = {.text = "Hello, you.", .start_s = 1.12, .end_s = 1.75, .words = words, .n_words = 2};
    const released_segment none = {.text = "", .start_s = 1, .end_s = 2};
    funasr_options o;
    (void)state;
    funasr_init(&o);
    expect(funasr_online(&o, "Hello", 5, false, false),
           "{\"mode\":\"2pass-online\",\"wav_name\":\"demo\",\"text\":\"Hello\",\"is_final\":false}");
    expect(funasr_offline(&o, &s, 1, false),
           "{\"mode\":\"2pass-offline\",\"wav_name\":\"demo\",\"text\":\"Hello, you.\",\"is_final\":false,"
           "\"timestamp\":\"[[120,500],[500,750]]\",\"stamp_sents\":[{\"text_seg\":\"Hello, "
           "you\",\"punc\":\".\",\"start\":120,"
           "\"end\":750,\"ts_list\":[[120,500],[500,750]]}]}");
    expect(funasr_offline(&o, &none, 0, false),
           "{\"mode\":\"2pass-offline\",\"wav_name\":\"demo\",\"text\":\"\",\"is_final\":false}");
    assert_int_equal(read_text(&o, "{\"mode\":\"offline\",\"is_end\":true,\"hotword\":\"x\"}", true), STENO_OK);
    expect(funasr_offline(&o, NULL, 0, true),
           "{\"mode\":\"offline\",\"wav_name\":\"demo\",\"text\":\"\",\"is_final\":true,"
           "\"is_end\":true,\"warning\":\"hotword: not used\"}");
    o.mode = FUNASR_ONLINE;
    expect(
        funasr_online(&o, "and", 3, true, false),
        "{\"mode\":\"online\",\"wav_name\":\"demo\",\"text\":\" and\",\"is_final\":false}"); /* the warning was said */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asked_for),   cmocka_unit_test(what_is_not_done_is_said),
        cmocka_unit_test(what_is_new), cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
