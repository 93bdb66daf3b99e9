/* segmenter.h: speech probabilities -> spans worth recognising.
 *
 * A stage: init / step / reset; no allocation, no clock, no I/O. Positions are samples from the start of the stream.
 * Rules (constants in steno_vad_options): hysteresis between threshold and neg_threshold; bursts under min_speech_ms are
 * dropped; a pause of min_silence_ms closes a span; pad_ms of lead and tail are kept but two spans never overlap (the
 * gap is shared); speech longer than max_segment_s is cut at the best pause (the longest, then deepest, dip of the
 * probability in the second half of the span), or at the lowest probability where there is none.
 */
#ifndef STENO_LISTEN_SEGMENTER_H
#define STENO_LISTEN_SEGMENTER_H

#include "steno.h"

#define SEGMENTER_FRAME_SAMPLES 512
#define SEGMENTER_MAX_FRAMES 1024 /* of probability history: 32.8 s, so max_segment_s <= 30 */

typedef struct segmenter_span {
    int64_t start_sample, end_sample;               /* with lead and tail */
    int64_t speech_start_sample, speech_end_sample; /* without */
    bool forced; /* cut inside speech because of max_segment_s */
} segmenter_span;

typedef struct segmenter {
    steno_vad_options opt;
    int64_t frames;         /* frames seen */
    int64_t open_frame;     /* first speech frame of the open span, -1 when none */
    int64_t last_speech;    /* last frame at or above neg_threshold while open */
    int64_t floor_sample;   /* nothing before this may be claimed again: end of the last span */
    float history[SEGMENTER_MAX_FRAMES]; /* ring of probabilities, by frame number */
    int64_t speech_frames;  /* total frames inside spans, for statistics */
    bool ended;
    /* further private state may follow */
    int64_t priv[8];
} segmenter;

/* STENO_E_INVALID names the option that is out of range. */
STENO_CHECK steno_err segmenter_init(segmenter *s, const steno_vad_options *opt);

/* One frame's probability. Returns true when `span` was filled with a span that is now closed. At most one a frame. */
bool segmenter_step(segmenter *s, float prob, segmenter_span *span);

/* The end of the stream at `total_samples`. Call until it returns false. */
bool segmenter_end(segmenter *s, int64_t total_samples, segmenter_span *span);

/* The earliest sample that a later span may still need: audio before it can be let go. */
int64_t segmenter_keep_from(const segmenter *s);

#endif
