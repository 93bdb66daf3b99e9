/* redacted_wav.c: see redacted_wav.h. */
#include "api/redacted_wav.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PIECE_FRAMES 4096
#define HEAD_BYTES   44
#define SAMPLE_BYTES 2
#define WAIT_MS      1000 /* should a wake-up be lost */

typedef struct writer {
    const redacted_wav *of;
    media *media;
    int fd, channels; /* 0 channels: not known yet */
    int64_t frames;   /* so far */
    audio_cover covers[REDACTED_WAV_CHANNELS_MAX];
    float *pcm;           /* [PIECE_FRAMES, max_channels] */
    unsigned char *bytes; /* of as many samples */
} writer;

/* ---- bytes -------------------------------------------------------------------------------------------------------- */

static void put_le(unsigned char *to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> (8 * i));
}

static steno_err write_all(const writer *w, const unsigned char *bytes, size_t n) {
    while (n > 0) {
        ssize_t put = write(w->fd, bytes, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return err_fail(STENO_E_IO, "%s", strerror(errno));
        bytes += put;
        n -= (size_t)put;
    }
    return STENO_OK;
}

/* How long it will be is known: as long as what was recognised. */
static steno_err write_head(const writer *w) {
    unsigned char h[HEAD_BYTES];
    unsigned frame_bytes = (unsigned)w->channels * SAMPLE_BYTES;
    uint64_t data = (uint64_t)w->of->frames * frame_bytes;
    if (data > UINT32_MAX - HEAD_BYTES)
        return err_fail(STENO_E_LIMIT, "%s: redacted audio would be longer than a WAV file may be", w->of->path);
    memcpy(h, "RIFF....WAVEfmt ", 16);
    put_le(h + 4, data + HEAD_BYTES - 8, 4);
    put_le(h + 16, 16, 4);
    put_le(h + 20, 1, 2); /* PCM */
    put_le(h + 22, (uint64_t)w->channels, 2);
    put_le(h + 24, STENO_SAMPLE_RATE_HZ, 4);
    put_le(h + 28, (uint64_t)STENO_SAMPLE_RATE_HZ * frame_bytes, 4);
    put_le(h + 32, frame_bytes, 2);
    put_le(h + 34, 8 * SAMPLE_BYTES, 2);
    memcpy(h + 36, "data", 4);
    put_le(h + 40, data, 4);
    return write_all(w, h, sizeof h);
}

/* What was 16 bits comes out as it was. */
static int16_t sample_of(float x) {
    long v = lrintf(x * 32768.0f);
    return (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
}

/* ---- the pass ----------------------------------------------------------------------------------------------------- */

static steno_err is_another(const redacted_wav *w) {
    return err_fail(STENO_E_FORMAT, "%s: it changed while it was read", w->path);
}

/* Mixed channels are covered alike. */
static steno_err begin(writer *w) {
    const redacted_wav *of = w->of;
    w->channels = media_channel_count(w->media);
    if (w->channels < 1 || w->channels > REDACTED_WAV_CHANNELS_MAX)
        return err_fail(STENO_E_LIMIT, "%s: %d channels; at most %d", of->path, w->channels, REDACTED_WAV_CHANNELS_MAX);
    if (of->split && w->channels != of->channels) return is_another(of);
    for (int c = 0; c < w->channels; c++) audio_cover_begin(&w->covers[c], &of->times[of->split ? c : 0], of->kind);
    return write_head(w);
}

static steno_err take(writer *w, size_t frames) {
    size_t n = frames * (size_t)w->channels;
    w->frames += (int64_t)frames;
    if (w->frames > w->of->frames) return is_another(w->of);
    for (int c = 0; c < w->channels; c++) audio_cover_samples(&w->covers[c], w->pcm + c, frames, (size_t)w->channels);
    for (size_t i = 0; i < n; i++) put_le(w->bytes + SAMPLE_BYTES * i, (uint16_t)sample_of(w->pcm[i]), SAMPLE_BYTES);
    return write_all(w, w->bytes, SAMPLE_BYTES * n);
}

static steno_err wait_for_more(const writer *w) {
    struct pollfd fds[2] = {{.fd = media_fd(w->media), .events = POLLIN}, {.fd = w->of->stop_fd, .events = POLLIN}};
    (void)poll(fds, 2, WAIT_MS);
    return fds[1].revents ? err_fail(STENO_E_CANCELLED, "interrupted") : STENO_OK;
}

static steno_err copy(writer *w) {
    for (;;) {
        size_t got = 0;
        steno_err e = media_read(w->media, w->pcm, PIECE_FRAMES, &got);
        if (e == STENO_E_AGAIN) {
            ERR_TRY(wait_for_more(w));
            continue;
        }
        if (e != STENO_OK) return e;
        if (got == 0) return w->frames == w->of->frames ? STENO_OK : is_another(w->of);
        if (w->channels == 0) ERR_TRY(begin(w));
        ERR_TRY(take(w, got));
    }
}

steno_err redacted_wav_write(const redacted_wav *of, int fd) {
    writer w = {.of = of, .fd = fd};
    size_t samples = PIECE_FRAMES * (size_t)of->limits->max_channels;
    w.pcm = mem_alloc(samples, sizeof *w.pcm);
    w.bytes = mem_alloc(samples, SAMPLE_BYTES);
    steno_err e = w.pcm && w.bytes ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for redacted audio");
    if (e == STENO_OK) e = media_open(of->host, of->path, MEDIA_SPLIT, of->limits, &w.media);
    if (e == STENO_OK) e = copy(&w);
    media_close(w.media);
    mem_free(w.pcm);
    mem_free(w.bytes);
    return e;
}
