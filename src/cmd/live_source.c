/* live_source.c: see live_source.h. */
#include "cmd/live_source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

bool live_encoding_find(const char *name, pcm_encoding *out) {
    static const char *const names[] = {"s16le", "f32le", "mulaw", "alaw"};
    if (strncmp(name, "pcm_", 4) == 0) name += 4;
    for (int i = 0; i < 4; i++) {
        *out = (pcm_encoding)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* ---- a WAV header ----------------------------------------------------------------------------------------------- */

static uint32_t u16(const unsigned char *at) {
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t u32(const unsigned char *at) {
    return u16(at) | u16(at + 2) << 16;
}

/* False: not a format that can be streamed. */
static bool take_format(const unsigned char *at, uint32_t bytes, pcm_format *format) {
    uint32_t tag = u16(at), bits = u16(at + 14);
    if (tag == 0xfffe && bytes >= 40) tag = u16(at + 24); /* WAVE_FORMAT_EXTENSIBLE */
    format->channels = (int)u16(at + 2);
    format->rate_hz = u32(at + 4) <= PCM_MAX_HZ ? (int)u32(at + 4) : 0;
    if (tag == 1 && bits == 16)
        format->encoding = PCM_S16LE;
    else if (tag == 3 && bits == 32)
        format->encoding = PCM_F32LE;
    else if (tag == 7 && bits == 8)
        format->encoding = PCM_MULAW;
    else if (tag == 6 && bits == 8)
        format->encoding = PCM_ALAW;
    else
        return false;
    return format->channels >= 1 && format->channels <= PCM_MAX_CHANNELS && format->rate_hz >= PCM_MIN_HZ;
}

int live_wav_header(const unsigned char *bytes, size_t n, pcm_format *format) {
    bool known = false;
    size_t at = 12;
    if (memcmp(bytes, "RIFF", n < 4 ? n : 4) != 0) return 0;
    if (n < 12) return -1;
    if (memcmp(bytes + 8, "WAVE", 4) != 0) return 0;
    for (;;) {
        if (at > LIVE_SOURCE_HEADER_BYTES) return -2;
        if (n < at + 8) return -1;
        uint32_t length = u32(bytes + at + 4);
        if (memcmp(bytes + at, "data", 4) == 0) return known ? (int)at + 8 : -2;
        if (length > LIVE_SOURCE_HEADER_BYTES) return -2;
        if (n < at + 8 + length) return -1;
        if (memcmp(bytes + at, "fmt ", 4) == 0) {
            if (length < 16 || !take_format(bytes + at + 8, length, format)) return -2;
            known = true;
        }
        at += 8 + length + (length & 1);
    }
}

/* ---- the pipe --------------------------------------------------------------------------------------------------- */

void live_source_open_pipe(live_source *s, int fd, const pcm_format *format) {
    *s = (live_source){.fd = fd, .pcm = {.format = *format}};
}

static steno_err fill(live_source *s) {
    struct pollfd ready = {.fd = s->fd, .events = POLLIN};
    if (s->ended || poll(&ready, 1, 0) != 1) return STENO_OK;
    ssize_t got = read(s->fd, s->bytes + s->n_bytes, sizeof s->bytes - s->n_bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return STENO_OK;
    if (got < 0) return err_fail(STENO_E_IO, "standard input: %s", strerror(errno));
    s->ended = got == 0;
    s->n_bytes += (size_t)got;
    return STENO_OK;
}

/* Looks at the front of the pipe until it is known whether a header stands there, and drops it. */
static steno_err sniff(live_source *s) {
    int header = s->n_bytes ? live_wav_header(s->bytes, s->n_bytes, &s->pcm.format) : -1;
    if (header == -1 && s->n_bytes == sizeof s->bytes) header = -2;
    if (header == -1 && !s->ended) return STENO_E_AGAIN;
    if (header == -2)
        return err_fail(
            STENO_E_UNSUPPORTED,
            "standard input: a WAV file of another kind than 16-bit, 32-bit float, mu-law or A-law of one or "
            "two channels and %d to %d Hz",
            PCM_MIN_HZ, PCM_MAX_HZ);
    s->sniffed = true;
    if (header <= 0) return STENO_OK;
    s->n_bytes -= (size_t)header;
    memmove(s->bytes, s->bytes + header, s->n_bytes);
    return STENO_OK;
}

/* Decodes what there is. With nothing decoded: STENO_E_AGAIN, or the end. */
static steno_err refill(live_source *s) {
    size_t frames;
    s->at = s->have = 0;
    ERR_TRY(fill(s));
    if (!s->sniffed) ERR_TRY(sniff(s));
    size_t n = s->n_bytes;
    s->n_bytes = 0;
    if (n > 0) return pcm_push(&s->pcm, s->bytes, n, s->samples, &s->have, &frames);
    if (!s->ended || s->flushed) return STENO_OK;
    s->flushed = true;
    return pcm_flush(&s->pcm, s->samples, &s->have);
}

static steno_err read_pipe(live_source *s, float *out, size_t cap, size_t *got) {
    if (s->at == s->have) ERR_TRY(refill(s));
    size_t n = s->have - s->at < cap ? s->have - s->at : cap;
    memcpy(out, s->samples + s->at, n * sizeof *out);
    s->at += n;
    *got = n;
    return n > 0 || s->flushed ? STENO_OK : STENO_E_AGAIN;
}

/* ---- either ----------------------------------------------------------------------------------------------------- */

steno_err live_source_open_media(live_source *s, media_host *host, const char *path) {
    media_limits limits;
    media_limits_init(&limits);
    *s = (live_source){.fd = -1};
    return media_open(host, path, MEDIA_MIX, &limits, &s->media);
}

void live_source_close(live_source *s) {
    if (s->media) media_close(s->media);
    pcm_free(&s->pcm);
    *s = (live_source){.fd = -1};
}

int live_source_fd(const live_source *s) {
    return s->media ? media_fd(s->media) : s->fd;
}

/* The channel count has to be known before samples are read into room for one channel. */
static steno_err read_media(live_source *s, float *out, size_t cap, size_t *got) {
    if (media_channel_count(s->media) == 0) ERR_TRY(media_read(s->media, out, 0, got));
    return media_read(s->media, out, cap, got);
}

steno_err live_source_read(live_source *s, float *out, size_t cap, size_t *got) {
    *got = 0;
    return s->media ? read_media(s, out, cap, got) : read_pipe(s, out, cap, got);
}
