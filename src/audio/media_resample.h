/* media_resample.h: decoded frames of any rate, sample format and layout -> 16 kHz interleaved float in chunks.
 *
 * Owner: the decoder that embeds it. A zeroed resampler is closed. Results are FFmpeg's error codes (0 or negative).
 */
#ifndef STENO_AUDIO_MEDIA_RESAMPLE_H
#define STENO_AUDIO_MEDIA_RESAMPLE_H

#include <libavutil/channel_layout.h>
#include <libavutil/frame.h>
#include <libswresample/swresample.h>
#include <stdbool.h>

#define RESAMPLE_MIN_HZ 1000
#define RESAMPLE_MAX_HZ 768000

/* A full chunk is ready: `frames` of it. False stops. */
typedef bool (*resampler_full)(void *ctx, int frames);

typedef struct resampler {
    SwrContext *swr;
    int rate_hz, in_format;
    AVChannelLayout layout; /* of the input */
    int channels;           /* of the output */
    float *chunk;           /* [cap, channels], the caller's */
    int cap, used;          /* frames */
    resampler_full full;
    void *ctx;
} resampler;

/* Whether `frame` has the format this was opened for. */
bool resampler_matches(const resampler *r, const AVFrame *frame);

/* Reopens for frames like `frame`. What was held back of the old format must have been flushed. */
int resampler_open(resampler *r, const AVFrame *frame, int channels, float *chunk, int cap, resampler_full full,
                   void *ctx);

int resampler_push(resampler *r, const AVFrame *frame);

/* Hands out all that is left, the last partial chunk too. False when the receiver stopped. */
bool resampler_flush(resampler *r);

void resampler_close(resampler *r);

#endif
