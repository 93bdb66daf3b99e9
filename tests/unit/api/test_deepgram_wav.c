/* test_deepgram_wav.c: WAV files as live streams: whole and by bytes, one after the other, and what is none. */
#include "api/deepgram_wav.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

typedef struct bytes {
    unsigned char at[512];
    size_t n;
} bytes;

static void put(bytes *b, const void *data, size_t n) {
    assert_true(b->n + n <= sizeof b->at);
    memcpy(b->at + b->n, data, n);
    b->n += n;
}

static void put_le(bytes *b, uint32_t value, int n) {
    for (int i = 0; i < n; i++) put(b, &(unsigned char){(unsigned char)(value >> 8 * i)}, 1);
}

static void put_file(bytes *b) {
    put(b, "RIFF", 4);
    put_le(b, 0, 4);
    put(b, "WAVE", 4);
}

static void put_format(bytes *b, unsigned tag, unsigned channels, unsigned rate_hz, unsigned bits) {
    put(b, "fmt ", 4);
    put_le(b, 16, 4);
    put_le(b, tag, 2);
    put_le(b, channels, 2);
    put_le(b, rate_hz, 4);
    put_le(b, rate_hz * channels * bits / 8, 4);
    put_le(b, channels * bits / 8, 2);
    put_le(b, bits, 2);
}

static void put_data(bytes *b, uint32_t claim, const char *samples) {
    put(b, "data", 4);
    put_le(b, claim, 4);
    put(b, samples, strlen(samples));
}

/* Feeds all in pieces of `step`; what came out is in `out`. */
static steno_err feed(deepgram_wav *w, const bytes *in, size_t step, bytes *out) {
    out->n = 0;
    for (size_t at = 0; at < in->n;) {
        size_t n = in->n - at < step ? in->n - at : step, used, n_audio;
        const unsigned char *audio;
        ERR_TRY(deepgram_wav_push(w, in->at + at, n, &used, &audio, &n_audio));
        assert_true(used > 0 && used <= n);
        if (n_audio) put(out, audio, n_audio);
        at += used;
    }
    return STENO_OK;
}

static void whole_and_by_bytes(void **state) {
    (void)state;
    for (size_t step = 1; step < 120; step++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        put_file(&in);
        put(&in, "LIST", 4);
        put_le(&in, 5, 4);
        put(&in, "abcde\0", 6); /* padded */
        put_format(&in, 1, 2, 44100, 16);
        put(&in, "fact", 4);
        put_le(&in, 0, 4);
        put_data(&in, 12, "abcdefghijkl");
        put(&in, "LIST", 4);
        put_le(&in, 4, 4);
        put(&in, "xxxx", 4); /* is no sound */
        assert_int_equal(feed(&w, &in, step, &out), STENO_OK);
        assert_int_equal(out.n, 12);
        assert_memory_equal(out.at, "abcdefghijkl", 12);
        assert_true(w.known && w.format.encoding == PCM_S16LE && w.format.channels == 2 && w.format.rate_hz == 44100);
    }
}

static void files_follow_each_other(void **state) {
    (void)state;
    for (size_t step = 1; step < 100; step++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        for (int i = 0; i < 3; i++) {
            put_file(&in);
            put_format(&in, 7, 1, 8000, 8);
            put_data(&in, 3, i == 0 ? "abc" : i == 1 ? "def" : "ghi");
            put(&in, "", 1); /* the pad byte */
        }
        assert_int_equal(feed(&w, &in, step, &out), STENO_OK);
        assert_int_equal(out.n, 9);
        assert_memory_equal(out.at, "abcdefghi", 9);
    }
}

static void a_change_of_format_is_refused(void **state) {
    bytes in = {0}, out;
    deepgram_wav w = {0};
    (void)state;
    put_file(&in);
    put_format(&in, 1, 1, 8000, 16);
    put_data(&in, 2, "ab");
    put_file(&in);
    put_format(&in, 1, 1, 16000, 16);
    put_data(&in, 2, "ab");
    assert_int_equal(feed(&w, &in, 512, &out), STENO_E_UNSUPPORTED);
    assert_non_null(strstr(steno_error_detail(), "changes"));
}

/* Writers that cannot go back leave 0 or the highest number. */
static void data_without_an_end(void **state) {
    static const uint32_t claims[] = {0, 0xffffffff, 0x7fffffff, 0x7fffff00};
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        put_file(&in);
        put_format(&in, 3, 1, 16000, 32);
        put_data(&in, claims[i], "abcdefghRIFF");
        assert_int_equal(feed(&w, &in, 7, &out), STENO_OK);
        assert_int_equal(out.n, 12);
        assert_int_equal(w.left, UINT64_MAX);
        assert_int_equal(w.format.encoding, PCM_F32LE);
    }
}

static void extensible(void **state) {
    bytes in = {0}, out;
    deepgram_wav w = {0};
    (void)state;
    put_file(&in);
    put_format(&in, 0xfffe, 1, 16000, 16);
    in.at[16] = 40; /* the length of the format */
    put_le(&in, 22, 2);
    put_le(&in, 16, 2);
    put_le(&in, 4, 4);
    put_le(&in, 1, 2); /* the format's real number */
    put(&in, "\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71", 14);
    put_data(&in, 4, "abcd");
    assert_int_equal(feed(&w, &in, 3, &out), STENO_OK);
    assert_int_equal(w.format.encoding, PCM_S16LE);
    assert_int_equal(out.n, 4);
}

static void formats(void **state) {
    static const struct {
        unsigned tag, bits;
        steno_err want;
        pcm_encoding encoding;
    } cases[] = {{1, 16, STENO_OK, PCM_S16LE},    {3, 32, STENO_OK, PCM_F32LE},      {6, 8, STENO_OK, PCM_ALAW},
                 {7, 8, STENO_OK, PCM_MULAW},     {1, 24, STENO_E_UNSUPPORTED, 0},   {1, 8, STENO_E_UNSUPPORTED, 0},
                 {3, 64, STENO_E_UNSUPPORTED, 0}, {0x55, 16, STENO_E_UNSUPPORTED, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        put_file(&in);
        put_format(&in, cases[i].tag, 1, 8000, cases[i].bits);
        assert_int_equal(feed(&w, &in, 512, &out), cases[i].want);
        if (cases[i].want == STENO_OK) assert_int_equal(w.format.encoding, cases[i].encoding);
    }
    static const struct {
        unsigned channels, rate_hz;
    } bad[] = {{0, 8000}, {9, 8000}, {1, 7999}, {1, 48001}, {1, 0xffffffff}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        put_file(&in);
        put_format(&in, 1, bad[i].channels, bad[i].rate_hz, 16);
        assert_int_equal(feed(&w, &in, 512, &out), STENO_E_UNSUPPORTED);
    }
}

static void what_is_no_wav_is_named(void **state) {
    static const struct {
        const char *begins, *name;
    } cases[] = {{"OggS\0\0\0\0\0\0\0\0", "Ogg"},
                 {"\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0", "WebM"},
                 {"fLaC\0\0\0\0\0\0\0\0", "FLAC"},
                 {"ID3\4\0\0\0\0\0\0\0\0", "MPEG"},
                 {"\xff\xfb\x90\0\0\0\0\0\0\0\0\0", "MPEG"},
                 {"\0\0\0\x18"
                  "ftypmp42",
                  "MP4"},
                 {"RIFF\0\0\0\0AVI ", "no WAV file"},
                 {"\0\0\1\0\2\0\1\0\0\0\0\0", "no WAV file;"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes in = {0}, out;
        deepgram_wav w = {0};
        put(&in, cases[i].begins, 12);
        assert_int_equal(feed(&w, &in, 512, &out), STENO_E_FORMAT);
        assert_non_null(strstr(steno_error_detail(), cases[i].name));
        assert_non_null(strstr(steno_error_detail(), "name encoding and sample_rate"));
    }
}

static void broken_headers(void **state) {
    (void)state;
    bytes in = {0}, out;
    deepgram_wav w = {0};
    put_file(&in);
    put_data(&in, 4, "abcd");
    assert_int_equal(feed(&w, &in, 512, &out), STENO_E_FORMAT); /* samples before their format */
    in = (bytes){0};
    w = (deepgram_wav){0};
    put_file(&in);
    put(&in, "fmt ", 4);
    put_le(&in, 15, 4);
    assert_int_equal(feed(&w, &in, 512, &out), STENO_E_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_by_bytes),
        cmocka_unit_test(files_follow_each_other),
        cmocka_unit_test(a_change_of_format_is_refused),
        cmocka_unit_test(data_without_an_end),
        cmocka_unit_test(extensible),
        cmocka_unit_test(formats),
        cmocka_unit_test(what_is_no_wav_is_named),
        cmocka_unit_test(broken_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
