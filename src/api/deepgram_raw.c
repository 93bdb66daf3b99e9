/* deepgram_raw.c: see deepgram_raw.h. */
#include "api/deepgram_raw.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define RIFF_LENGTH_AT 4
#define DATA_LENGTH_AT 40

static void put(unsigned char *at, uint32_t value, int n) {
    for (int i = 0; i < n; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static unsigned tag_of(pcm_encoding e) {
    switch (e) {
    case PCM_F32LE:
        return 3;
    case PCM_ALAW:
        return 6;
    case PCM_MULAW:
        return 7;
    default:
        return 1;
    }
}

void deepgram_raw_header(const pcm_format *f, unsigned char out[DEEPGRAM_RAW_BYTES]) {
    unsigned frame = pcm_frame_bytes(f), channels = (unsigned)f->channels, rate_hz = (unsigned)f->rate_hz;
    memcpy(out, "RIFF\xff\xff\xff\xffWAVEfmt ", 16);
    put(out + 16, 16, 4);
    put(out + 20, tag_of(f->encoding), 2);
    put(out + 22, channels, 2);
    put(out + 24, rate_hz, 4);
    put(out + 28, rate_hz * frame, 4);
    put(out + 32, frame, 2);
    put(out + 34, frame / channels * 8, 2);
    memcpy(out + 36, "data\xff\xff\xff\xff", 8);
}

static steno_err write_length(int fd, off_t at, uint64_t length) {
    unsigned char bytes[4];
    put(bytes, length > UINT32_MAX ? UINT32_MAX : (uint32_t)length, 4);
    ssize_t n = pwrite(fd, bytes, sizeof bytes, at);
    return n == sizeof bytes ? STENO_OK : err_fail(STENO_E_IO, "the upload cannot be written: %s", strerror(errno));
}

steno_err deepgram_raw_length(int fd, uint64_t bytes) {
    ERR_TRY(write_length(fd, RIFF_LENGTH_AT, bytes + DEEPGRAM_RAW_BYTES - 8));
    return write_length(fd, DATA_LENGTH_AT, bytes);
}

bool deepgram_raw_has_header(const unsigned char *bytes, size_t n) {
    return n >= 4 && (memcmp(bytes, "RIFF", 4) == 0 || memcmp(bytes, "RF64", 4) == 0);
}
