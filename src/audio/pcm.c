/* pcm.c: see pcm.h. */
#include "audio/pcm.h"

#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>
#include <libswresample/swresample.h>
#include <math.h>
#include <string.h>

/* libswresample's own filter and not libsoxr's, whose blocks hold back tens of milliseconds. */
#define FILTER_TAPS 32
#define MAX_FRAMES  (PCM_PIECE_BYTES_MAX + 1)

static unsigned sample_bytes(pcm_encoding e) {
    return e == PCM_S16LE ? 2 : e == PCM_F32LE ? 4 : 1;
}

unsigned pcm_frame_bytes(const pcm_format *f) {
    return sample_bytes(f->encoding) * (unsigned)f->channels;
}

/* ITU-T G.711, as linear samples of 16 bits. */
static int from_mulaw(unsigned char byte) {
    unsigned u = byte ^ 0xffu;
    int magnitude = (int)((((u & 0x0f) << 3) + 0x84) << ((u & 0x70) >> 4)) - 0x84;
    return u & 0x80 ? -magnitude : magnitude;
}

static int from_alaw(unsigned char byte) {
    unsigned a = byte ^ 0x55u, exponent = (a & 0x70) >> 4;
    int magnitude = (int)((a & 0x0f) << 4) + 8;
    if (exponent) magnitude = (magnitude + 0x100) << (exponent - 1);
    return a & 0x80 ? magnitude : -magnitude;
}

static float sample_at(pcm_encoding e, const unsigned char *b) {
    switch (e) {
    case PCM_MULAW:
        return (float)from_mulaw(*b) / 32768;
    case PCM_ALAW:
        return (float)from_alaw(*b) / 32768;
    case PCM_S16LE:
        return (float)(int16_t)(b[0] | b[1] << 8) / 32768;
    default: {
        uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        float v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    }
}

static float clamp(float v) {
    return v > 1 ? 1 : v < -1 ? -1 : v;
}

/* One frame, mixed. NaN when one of its samples is no number. */
static float frame_at(const pcm_format *f, const unsigned char *bytes) {
    float sum = 0;
    for (int c = 0; c < f->channels; c++)
        sum += sample_at(f->encoding, bytes + (unsigned)c * sample_bytes(f->encoding));
    return isfinite(sum) ? clamp(sum / (float)f->channels) : NAN;
}

static steno_err make_resampler(pcm *p) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    int rc = swr_alloc_set_opts2(&p->resampler, &mono, AV_SAMPLE_FMT_FLT, STENO_SAMPLE_RATE_HZ, &mono,
                                 AV_SAMPLE_FMT_FLT, p->format.rate_hz, 0, NULL);
    if (rc >= 0) rc = av_opt_set_int(p->resampler, "filter_size", FILTER_TAPS, 0);
    if (rc >= 0) rc = swr_init(p->resampler);
    if (rc >= 0) return STENO_OK;
    swr_free(&p->resampler);
    return err_fail(STENO_E_NOMEM, "no resampler from %d Hz", p->format.rate_hz);
}

/* n frames at the client's rate -> 16 kHz; in NULL: the end. */
static steno_err resample(pcm *p, const float *in, size_t n, float *out, size_t *got) {
    const uint8_t *source = (const uint8_t *)in;
    uint8_t *target = (uint8_t *)out;
    if (!p->resampler) {
        steno_err e = make_resampler(p);
        if (e != STENO_OK) return e;
    }
    int rc = swr_convert(p->resampler, &target, PCM_OUT_MAX, in ? &source : NULL, (int)n);
    if (rc < 0) return err_fail(STENO_E_INTERNAL, "resampling from %d Hz failed", p->format.rate_hz);
    *got = (size_t)rc;
    for (size_t i = 0; i < *got; i++) out[i] = clamp(out[i]);
    return STENO_OK;
}

steno_err pcm_push(pcm *p, const unsigned char *bytes, size_t n, float *out, size_t *got, size_t *frames) {
    float decoded[MAX_FRAMES];
    unsigned frame_bytes = pcm_frame_bytes(&p->format);
    unsigned char joint[8];
    size_t count = 0, at = 0;
    bool direct = p->format.rate_hz == STENO_SAMPLE_RATE_HZ;
    float *to = direct ? out : decoded;
    *got = *frames = 0;
    if (n > PCM_PIECE_BYTES_MAX) return err_fail(STENO_E_LIMIT, "a piece of %zu bytes", n);
    memcpy(joint, p->carry, sizeof joint);
    if (p->n_carry && p->n_carry + n >= frame_bytes) {
        at = frame_bytes - p->n_carry;
        memcpy(joint + p->n_carry, bytes, at);
        to[count++] = frame_at(&p->format, joint);
    }
    bool joined = at > 0 || p->n_carry == 0;
    for (; joined && at + frame_bytes <= n; at += frame_bytes) to[count++] = frame_at(&p->format, bytes + at);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(to[i])) return err_fail(STENO_E_FORMAT, "a sample is not a number");
    }
    if (joined) p->n_carry = 0;
    memcpy(p->carry + p->n_carry, bytes + at, n - at);
    p->n_carry += (unsigned)(n - at);
    *frames = *got = count;
    return direct || count == 0 ? STENO_OK : resample(p, decoded, count, out, got);
}

void pcm_drop_carry(pcm *p) {
    p->n_carry = 0;
}

steno_err pcm_flush(pcm *p, float *out, size_t *got) {
    *got = 0;
    return p->resampler ? resample(p, NULL, 0, out, got) : STENO_OK;
}

void pcm_free(pcm *p) {
    swr_free(&p->resampler);
}
