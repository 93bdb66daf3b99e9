/* test_live.c: events from the wire and to it, what the screen shows of them, and sound from a pipe. */
#include "api/events.h"
#include "cmd/live_event.h"
#include "cmd/live_screen.h"
#include "cmd/live_source.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- events ----------------------------------------------------------------------------------------------------- */

static live_event parsed(const char *text) {
    live_event e;
    assert_int_equal(live_event_parse(text, strlen(text), &e), STENO_OK);
    return e;
}

static void test_events_from_the_wire(void **state) {
    (void)state;
    live_event e =
        parsed("{\"type\":\"partial\",\"message_id\":7,\"rev\":3,\"start\":1,\"end\":2.5,\"audio_end\":2.7,"
               "\"text\":\"na\\u00efve so\",\"stable_chars\":5,\"words\":[{\"word\":\"x\",\"end\":1.5}],\"new\":1}");
    assert_int_equal(e.kind, LIVE_PARTIAL);
    assert_int_equal(e.message, 7);
    assert_int_equal(e.stable_bytes, 6); /* five characters */
    assert_true(fabs(e.audio_end_s - 2.7) < 1e-9 && fabs(e.first_word_end_s - 1.5) < 1e-9);
    live_event_free(&e);
    e = parsed("{\"type\":\"final\",\"message_id\":\"m-1\",\"text\":\"\",\"reason\":\"max_utterance\",\"words\":[]}");
    assert_int_equal(e.kind, LIVE_FINAL);
    assert_int_equal(e.reason, STENO_END_MAX);
    assert_true(e.audio_end_s < 0 && e.first_word_end_s < 0);
    uint64_t one = e.message;
    live_event_free(&e);
    e = parsed("{\"type\":\"final\",\"message_id\":\"m-2\"}");
    assert_true(e.message != one);
    assert_string_equal(e.text, "");
    live_event_free(&e);
    e = parsed("{\"type\":\"error\",\"fatal\":true}");
    assert_true(e.fatal && e.code[0] == 0 && e.what[0] == 0);
    live_event_free(&e);
    e = parsed("{\"type\":\"of a later version\"}");
    assert_int_equal(e.kind, LIVE_OTHER);
    live_event_free(&e);
}

static void test_what_is_no_event(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "{", "[]", "3", "{\"type\":3}", "{\"text\":\"x\"}", "{\"type\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        live_event e;
        assert_int_equal(live_event_parse(wrong[i], strlen(wrong[i]), &e), STENO_E_FORMAT);
    }
    /* Members of the wrong kind are as good as none. */
    live_event e =
        parsed("{\"type\":\"final\",\"text\":5,\"start\":\"x\",\"words\":{},\"message_id\":[],\"stable_chars\":-1}");
    assert_string_equal(e.text, "");
    assert_int_equal(e.stable_bytes, 0);
    live_event_free(&e);
}

/* What a server would send, without its number. */
static char *written(const released_event *event) {
    event_text text = events_words(event, &(event_members){.words = true});
    char *whole = NULL;
    assert_non_null(text.json);
    assert_true(asprintf(&whole, "{%.*s", (int)text.n, text.body) > 0);
    events_free(&text);
    return whole;
}

/* What an engine says comes back the same after a way over the wire. */
static void test_events_to_the_wire(void **state) {
    (void)state;
    const steno_word words[] = {{1.25, 1.5, 0.5f, 0, 6, STENO_SPEAKER_UNKNOWN},
                                {1.5, 2, 0.75f, 7, 4, STENO_SPEAKER_UNKNOWN}};
    released_event event = {.kind = STENO_EVENT_PARTIAL,
                            .heard_s = 2.25,
                            .segment = {.id = 4,
                                        .rev = 2,
                                        .stable_bytes = 6,
                                        .start_s = 1.25,
                                        .end_s = 2,
                                        .confidence = 0.5f,
                                        .text = "na\xc3\xafve \"so\"",
                                        .words = words,
                                        .n_words = 2}};
    char *text = written(&event);
    live_event e = parsed(text), direct;
    live_event_from_engine(&event, NULL, &direct);
    assert_int_equal(e.kind, LIVE_PARTIAL);
    assert_string_equal(e.text, direct.text);
    assert_int_equal(e.message, direct.message);
    assert_int_equal(e.stable_bytes, direct.stable_bytes);
    assert_true(fabs(e.audio_end_s - 2.25) < 1e-9 && fabs(e.first_word_end_s - 1.5) < 1e-9);
    assert_null(json_object_get(e.json, "reason"));
    assert_int_equal(json_array_size(json_object_get(e.json, "words")), 2);
    live_event_free(&e);
    free(text);
    event.kind = STENO_EVENT_SEGMENT;
    event.segment.end = STENO_END_FINALIZED;
    text = written(&event);
    e = parsed(text);
    assert_int_equal(e.kind, LIVE_FINAL);
    assert_int_equal(e.reason, STENO_END_FINALIZED);
    assert_int_equal(e.stable_bytes, strlen(e.text));
    live_event_free(&e);
    free(text);
}

/* ---- the screen ------------------------------------------------------------------------------------------------- */

static void test_columns(void **state) {
    (void)state;
    assert_int_equal(live_text_columns("abc", 3), 3);
    assert_int_equal(live_text_columns("日本", 6), 4);
    assert_int_equal(live_text_columns("e\xcc\x81x", 4), 2); /* a combining accent */
    assert_int_equal(live_text_columns("\xff\xfe", 2), 2);
    assert_int_equal(live_tail("abcdef", 10), 0);
    assert_int_equal(live_tail("abcdef", 2), 4);
    assert_int_equal(live_tail("abcdef", 0), 6);
    assert_int_equal(live_tail("日本語", 5), 3);      /* half a character does not fit */
    assert_int_equal(live_tail("ae\xcc\x81x", 1), 4); /* the accent goes with its letter */
}

static char *shown(live_screen s, const live_event *events, size_t n) {
    char *text = NULL;
    size_t bytes;
    s.out = open_memstream(&text, &bytes);
    for (size_t i = 0; i < n; i++) assert_int_equal(live_screen_show(&s, &events[i]), STENO_OK);
    live_screen_clear(&s);
    fclose(s.out);
    return text;
}

static void test_rewriting(void **state) {
    (void)state;
    const live_event events[] = {
        {.kind = LIVE_SPEECH, .text = ""},
        {.kind = LIVE_PARTIAL, .start_s = 63.26, .text = "so what", .stable_bytes = 2},
        {.kind = LIVE_FINAL, .start_s = 63.26, .text = "So what?"},
        {.kind = LIVE_PARTIAL, .start_s = 70, .text = "hm"},
        {.kind = LIVE_FINAL, .start_s = 70, .text = ""},
        {.kind = LIVE_PARTIAL, .start_s = 71, .text = "\x1b[2Jx"},
    };
    char *text = shown((live_screen){.rewrite = true, .partials = true, .columns = 80}, events, 6);
    assert_string_equal(text, "\r\x1b[K1:03.3  so\x1b[2m what\x1b[0m" /* the stable part, the rest dim */
                              "\r\x1b[K1:03.3  So what?\n"
                              "\r\x1b[K1:10.0  \x1b[2mhm\x1b[0m"
                              "\r\x1b[K" /* taken back */
                              "\r\x1b[K1:11.0  \x1b[2m [2Jx\x1b[0m\r\x1b[K");
    free(text);
}

static void test_long_lines_show_their_tail(void **state) {
    (void)state;
    const live_event e = {.kind = LIVE_PARTIAL, .text = "one two three four", .stable_bytes = 14};
    char *text = shown((live_screen){.rewrite = true, .partials = true, .columns = 20}, &e, 1);
    assert_string_equal(text,
                        "\r\x1b[K0:00.0  …three \x1b[2mfour\x1b[0m\r\x1b[K"); /* 8 of time, 11 of text, one to spare */
    free(text);
    const live_event narrow = {.kind = LIVE_PARTIAL, .text = "one"};
    text = shown((live_screen){.rewrite = true, .partials = true, .columns = 5}, &narrow, 1);
    free(text);
}

static void test_lines(void **state) {
    (void)state;
    const live_event events[] = {{.kind = LIVE_PARTIAL, .text = "so"}, {.kind = LIVE_FINAL, .text = "So."}};
    char *text = shown((live_screen){.columns = 80}, events, 2);
    assert_string_equal(text, "0:00.0  So.\n");
    free(text);
    text = shown((live_screen){.partials = true, .columns = 80}, events, 2);
    assert_string_equal(text, "~ 0:00.0  so\n0:00.0  So.\n");
    free(text);
}

/* ---- a pipe ----------------------------------------------------------------------------------------------------- */

/* A WAV header of 44 bytes, or with a chunk more in front of the samples. */
static size_t make_header(unsigned char *h, int tag, int channels, int rate, int bits, bool more) {
    size_t n = 12;
    memset(h, 0, 80);
    memcpy(h, "RIFF\xff\xff\xff\xffWAVEfmt \x10", 17);
    h[20] = (unsigned char)tag;
    h[22] = (unsigned char)channels;
    for (int i = 0; i < 4; i++) h[24 + i] = (unsigned char)(rate >> (8 * i));
    h[34] = (unsigned char)bits;
    n = 36;
    if (more) {
        memcpy(h + n, "LIST\x03\0\0\0abc\0", 12); /* odd: padded */
        n += 12;
    }
    memcpy(h + n, "data\xff\xff\xff\xff", 8);
    return n + 8;
}

static void test_wav_headers(void **state) {
    (void)state;
    unsigned char h[80];
    pcm_format f;
    for (int more = 0; more < 2; more++) {
        size_t n = make_header(h, 1, 2, 44100, 16, more);
        for (size_t part = 1; part < n; part++) assert_int_equal(live_wav_header(h, part, &f), -1);
        assert_int_equal(live_wav_header(h, n, &f), n);
        assert_int_equal(f.rate_hz, 44100);
        assert_int_equal(f.channels, 2);
        assert_int_equal(f.encoding, PCM_S16LE);
    }
    size_t n = make_header(h, 7, 1, 8000, 8, false);
    assert_int_equal(live_wav_header(h, n, &f), n);
    assert_int_equal(f.encoding, PCM_MULAW);
    static const int wrong[][4] = {
        {1, 1, 16000, 24}, {2, 1, 16000, 16}, {1, 3, 16000, 16}, {1, 1, 96000, 16}, {1, 1, 4000, 16}};
    for (int i = 0; i < 5; i++) {
        n = make_header(h, wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], false);
        assert_int_equal(live_wav_header(h, n, &f), -2);
    }
    assert_int_equal(live_wav_header((const unsigned char *)"RIFFxxxxAVI ", 12, &f), 0);
    assert_int_equal(live_wav_header((const unsigned char *)"\1\2\3", 3, &f), 0);
}

/* Writes `bytes` into a pipe `step` at a time and reads all samples. */
static size_t through_pipe(const unsigned char *bytes, size_t n, size_t step, pcm_format format, float *out) {
    live_source s;
    int fds[2];
    size_t at = 0, got, total = 0;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    live_source_open_pipe(&s, fds[0], &format);
    for (;;) {
        steno_err e = live_source_read(&s, out + total, 7, &got);
        total += got;
        if (e == STENO_E_AGAIN) { /* only when there is nothing more to be had */
            size_t m = n - at < step ? n - at : step;
            if (m > 0) assert_int_equal(write(fds[1], bytes + at, m), m);
            at += m;
            if (at == n && fds[1] != -1) {
                close(fds[1]);
                fds[1] = -1;
            }
            continue;
        }
        assert_int_equal(e, STENO_OK);
        if (got == 0) break;
    }
    live_source_close(&s);
    close(fds[0]);
    return total;
}

static void test_pipes_cut_anyhow(void **state) {
    (void)state;
    unsigned char bytes[44 + 400];
    float whole[300], parts[300];
    pcm_format format = {PCM_S16LE, 16000, 1};
    size_t h = make_header(bytes, 1, 2, 16000, 16, false);
    for (size_t i = 0; i < 400; i++) bytes[h + i] = (unsigned char)(i * 37);
    assert_int_equal(through_pipe(bytes, h + 400, h + 400, format, whole), 100); /* two channels, mixed */
    float first = ((float)(int16_t)(0 | 37 << 8) + (float)(int16_t)(74 | 111 << 8)) / 65536.0f;
    assert_true(fabsf(whole[0] - first) < 1e-6f);
    for (size_t step = 1; step < 50; step += 3) {
        assert_int_equal(through_pipe(bytes, h + 400, step, format, parts), 100);
        assert_memory_equal(whole, parts, 100 * sizeof(float));
    }
    assert_int_equal(through_pipe(bytes + h, 400, 9, format, parts), 200); /* no header */
    assert_int_equal(through_pipe(bytes, 0, 1, format, parts), 0);
    assert_int_equal(through_pipe(bytes + h, 397, 9, format, parts), 198);                 /* half a sample is left */
    assert_int_equal(through_pipe((const unsigned char *)"RIFF", 4, 2, format, parts), 2); /* too short for a header */
}

static void test_encodings(void **state) {
    (void)state;
    pcm_encoding e;
    assert_true(live_encoding_find("pcm_f32le", &e) && e == PCM_F32LE);
    assert_false(live_encoding_find("opus", &e));
    /* 8 kHz and mu-law come out as 16 kHz: the same time. */
    unsigned char mulaw[1600];
    static float out[4000];
    memset(mulaw, 0x80, sizeof mulaw); /* the loudest */
    size_t n = through_pipe(mulaw, sizeof mulaw, 100, (pcm_format){PCM_MULAW, 8000, 1}, out);
    assert_in_range(n, 3200 - 64, 3200 + 64);
    assert_true(fabsf(out[1600] - 32124 / 32768.0f) < 0.01f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_from_the_wire),
        cmocka_unit_test(test_what_is_no_event),
        cmocka_unit_test(test_events_to_the_wire),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_rewriting),
        cmocka_unit_test(test_long_lines_show_their_tail),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_wav_headers),
        cmocka_unit_test(test_pipes_cut_anyhow),
        cmocka_unit_test(test_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
