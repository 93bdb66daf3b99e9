/* input.h: how good the sound is that a stream brings: level, noise, clipping, bandwidth, offset.
 *
 * Purpose    microphones turned down, gateways turned up, telephone sound sent as wideband: what makes words wrong without any error.
 *            Samples go in as they come; a look says how the sound of a span was, while its frames are still kept.
 * Owner      whoever owns the stream; a plain struct without pointers, zeroed is new.
 * Invariants some three multiplications a sample; the last INPUT_FRAMES frames are kept, in three bytes each; no sample is.
 */
#ifndef STENO_WATCH_INPUT_H
#define STENO_WATCH_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_FRAME_SAMPLES 512  /* 32 ms */
#define INPUT_FRAMES        2048 /* kept: 65 s; a recording is read that far ahead of its words */
#define INPUT_TAPS          47   /* of the filter that lets pass what is above 4 kHz */

#define INPUT_QUIET_DB (-45.0) /* of full scale: quieter speech is misheard */
#define INPUT_NOISY_DB 5.0     /* SNR below it */
#define INPUT_CLIPPED  0.01    /* share of samples at the limits, above it */
#define INPUT_NARROW_DB                                                                                                \
    (-58.0) /* above 4 kHz, against all: below it there is nothing; rooms have noise there, resamplers do not */
#define INPUT_FULL    0.98f   /* a sample this large is at the limit */
#define INPUT_LOUD_DB 12.0    /* a frame so much above the stream's noise is a sound */
#define INPUT_HUSH_DB (-65.0) /* of full scale: what is below it is silence, and no noise is taken to be less */

typedef struct input {
    uint64_t frames;                                 /* whole ones heard */
    uint32_t filled;                                 /* samples of the next one */
    float pcm[INPUT_TAPS - 1 + INPUT_FRAME_SAMPLES]; /* the end of the frame before, then the one being filled */
    float offset;                                    /* mean of the samples, over the last seconds */
    float floor;                                     /* its noise, in steps of `level`: falls at once, rises slowly */
    uint32_t loud;                                   /* frames with a sound in them, until they are taken */
    uint8_t level[INPUT_FRAMES], high[INPUT_FRAMES], clipped[INPUT_FRAMES]; /* by frame number modulo their size */
} input;

/* n samples of 16 kHz mono audio, -1 to 1. */
void input_add(input *in, const float *pcm, size_t n);

/* How long there was a sound since the last call: by energy alone, so that voice activity can be judged by it. */
double input_take_loud_s(input *in);

typedef struct input_quality {
    double level_db; /* of full scale, mean power of the span */
    double snr_db;   /* its mean power against its quietest frames and those of the second before: at most 100 */
    double clipped;  /* share of samples; of a frame 255 of 512 are counted at most */
    double high_db;  /* power above 4 kHz against all of it */
    double offset;   /* mean of the samples, -1 to 1 */
    bool is_quiet, is_noisy, is_clipped, is_narrow;
} input_quality;

/* The sound from start_s to end_s of the stream, as far as it is kept. False: nothing of it is, and *out is zeroed. */
bool input_look(const input *in, double start_s, double end_s, input_quality *out);

#endif
