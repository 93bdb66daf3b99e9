/* media_resample.c: see media_resample.h. A thin layer over libswresample that fixes the quality, the mix and the chunks.
 */
#include "audio/media_resample.h"

#include "audio/media_int.h"

#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>

#define PIECE_MAX_FRAMES    65536
#define SOXR_PRECISION_BITS 20 /* what sox calls high quality: flat to 0.92 of the band, images below -130 dB */
#define NATIVE_FILTER_TAPS  64 /* where libswresample was built without libsoxr */

bool resampler_matches(const resampler *r, const AVFrame *frame) {
    return r->swr && r->rate_hz == frame->sample_rate && r->in_format == frame->format &&
           av_channel_layout_compare(&r->layout, &frame->ch_layout) == 0;
}

void resampler_close(resampler *r) {
    swr_free(&r->swr);
    av_channel_layout_uninit(&r->layout);
    *r = (resampler){0};
}

/* Every channel but the LFE with the same weight, so a voice on one side of a stereo call is as loud as on the other. */
static int set_average(SwrContext *swr, const AVChannelLayout *in) {
    double weight[MEDIA_MAX_CHANNELS];
    int heard = 0;
    if (in->nb_channels > MEDIA_MAX_CHANNELS) return AVERROR(EINVAL);
    for (int i = 0; i < in->nb_channels; i++) {
        enum AVChannel c = av_channel_layout_channel_from_index(in, (unsigned)i);
        bool low = in->order == AV_CHANNEL_ORDER_NATIVE && (c == AV_CHAN_LOW_FREQUENCY || c == AV_CHAN_LOW_FREQUENCY_2);
        weight[i] = low ? 0 : 1;
        heard += !low;
    }
    for (int i = 0; i < in->nb_channels; i++) weight[i] /= heard ? heard : 1;
    return swr_set_matrix(swr, weight, in->nb_channels);
}

/* libswresample mixes only between layouts it has names for; any layout with as many channels will do. */
static int set_layouts(SwrContext **swr, const AVFrame *frame, int channels) {
    AVChannelLayout in = {0}, out = {0};
    av_channel_layout_default(&out, channels);
    av_channel_layout_default(&in, frame->ch_layout.nb_channels);
    int rc = swr_alloc_set_opts2(swr, &out, AV_SAMPLE_FMT_FLT, MEDIA_RATE_HZ, &in, frame->format, frame->sample_rate, 0,
                                 NULL);
    av_channel_layout_uninit(&in);
    av_channel_layout_uninit(&out);
    return rc;
}

/* A context ready to convert, by libsoxr or by libswresample's own filter. */
static int make_context(SwrContext **swr, const AVFrame *frame, int channels, bool soxr) {
    int rc = set_layouts(swr, frame, channels);
    if (rc >= 0 && soxr) {
        rc = av_opt_set_int(*swr, "resampler", SWR_ENGINE_SOXR, 0);
        if (rc >= 0) rc = av_opt_set_double(*swr, "precision", SOXR_PRECISION_BITS, 0);
    } else if (rc >= 0) {
        rc = av_opt_set_int(*swr, "filter_size", NATIVE_FILTER_TAPS, 0);
    }
    if (rc >= 0 && channels == 1 && frame->ch_layout.nb_channels > 1) rc = set_average(*swr, &frame->ch_layout);
    if (rc >= 0) rc = swr_init(*swr);
    if (rc < 0) swr_free(swr);
    return rc;
}

int resampler_open(resampler *r, const AVFrame *frame, int channels, float *chunk, int cap, resampler_full full,
                   void *ctx) {
    resampler_close(r);
    int rc = make_context(&r->swr, frame, channels, frame->sample_rate != MEDIA_RATE_HZ);
    if (rc < 0 && rc != AVERROR(ENOMEM)) rc = make_context(&r->swr, frame, channels, false);
    if (rc >= 0) rc = av_channel_layout_copy(&r->layout, &frame->ch_layout);
    r->rate_hz = frame->sample_rate;
    r->in_format = frame->format;
    r->channels = channels;
    r->chunk = chunk;
    r->cap = cap;
    r->full = full;
    r->ctx = ctx;
    if (rc < 0) resampler_close(r);
    return rc;
}

static bool hand_out(resampler *r) {
    int frames = r->used;
    r->used = 0;
    return frames == 0 || r->full(r->ctx, frames);
}

/* Converts n frames (NULL: the end) and hands out chunks as they fill. What does not fit waits inside libswresample. */
static int convert(resampler *r, const uint8_t **in, int n) {
    if (r->used == r->cap && !hand_out(r)) return 0;
    uint8_t *out = (uint8_t *)(r->chunk + (size_t)r->used * (size_t)r->channels);
    int got = swr_convert(r->swr, &out, r->cap - r->used, in, n);
    if (got > 0) r->used += got;
    return got;
}

/* How many input frames fill about half a chunk, so that nothing piles up inside. */
static int piece_frames(const resampler *r) {
    int64_t n = (int64_t)r->cap / 2 * r->rate_hz / MEDIA_RATE_HZ;
    return n < 1 ? 1 : n > PIECE_MAX_FRAMES ? PIECE_MAX_FRAMES : (int)n;
}

int resampler_push(resampler *r, const AVFrame *frame) {
    bool planar = av_sample_fmt_is_planar(frame->format) != 0;
    int bytes = av_get_bytes_per_sample(frame->format);
    int planes = planar ? frame->ch_layout.nb_channels : 1;
    int stride = planar ? bytes : bytes * frame->ch_layout.nb_channels;
    const uint8_t *in[MEDIA_MAX_CHANNELS];
    if (planes > MEDIA_MAX_CHANNELS) return AVERROR(EINVAL);
    for (int at = 0, n; at < frame->nb_samples; at += n) {
        n = frame->nb_samples - at;
        if (n > piece_frames(r)) n = piece_frames(r);
        for (int i = 0; i < planes; i++) in[i] = frame->extended_data[i] + (ptrdiff_t)at * stride;
        if (r->used > r->cap / 2 && !hand_out(r)) return 0;
        int rc = convert(r, in, n);
        if (rc < 0) return rc;
    }
    return 0;
}

bool resampler_flush(resampler *r) {
    if (!r->swr) return true;
    while (convert(r, NULL, 0) > 0) {
        if (r->used == r->cap && !hand_out(r)) return false;
    }
    return hand_out(r);
}
