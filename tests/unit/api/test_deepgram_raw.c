/* test_deepgram_raw.c: the header in front of bare samples is one that the reader of WAV streams takes, too. */
#include "api/deepgram_raw.h"
#include "api/deepgram_wav.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void headers_are_read_back(void **state) {
    static const pcm_encoding encodings[] = {PCM_S16LE, PCM_F32LE, PCM_MULAW, PCM_ALAW};
    (void)state;
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        for (int channels = 1; channels <= 8; channels++) {
            pcm_format f = {.encoding = encodings[i], .rate_hz = 44100, .channels = channels};
            unsigned char header[DEEPGRAM_RAW_BYTES];
            const unsigned char *audio;
            size_t used, n_audio;
            deepgram_wav w = {0};
            deepgram_raw_header(&f, header);
            assert_true(deepgram_raw_has_header(header, sizeof header));
            assert_int_equal(deepgram_wav_push(&w, header, sizeof header, &used, &audio, &n_audio), STENO_OK);
            assert_int_equal(used, sizeof header);
            assert_memory_equal(&w.format, &f, sizeof f);
            assert_int_equal(w.left, UINT64_MAX); /* without an end so far */
        }
    }
    assert_false(deepgram_raw_has_header((const unsigned char *)"RIF", 3));
    assert_false(deepgram_raw_has_header((const unsigned char *)"fLaC", 4));
}

static void lengths_are_written(void **state) {
    pcm_format f = {.encoding = PCM_S16LE, .rate_hz = 8000, .channels = 1};
    unsigned char header[DEEPGRAM_RAW_BYTES];
    int fd = memfd_create("raw", MFD_CLOEXEC);
    (void)state;
    deepgram_raw_header(&f, header);
    assert_int_equal(write(fd, header, sizeof header), sizeof header);
    assert_int_equal(deepgram_raw_length(fd, 0x01020304), STENO_OK);
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    assert_memory_equal(header + 40, "\x04\x03\x02\x01", 4);
    assert_memory_equal(header + 4, "\x28\x03\x02\x01", 4);
    assert_int_equal(deepgram_raw_length(fd, 0x100000000), STENO_OK); /* more than a header can say */
    assert_int_equal(pread(fd, header, sizeof header, 0), sizeof header);
    assert_memory_equal(header + 40, "\xff\xff\xff\xff", 4);
    close(fd);
    assert_int_equal(deepgram_raw_length(fd, 1), STENO_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(headers_are_read_back), cmocka_unit_test(lengths_are_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
