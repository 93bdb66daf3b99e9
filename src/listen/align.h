/* align.h: cross-attention -> token times, by dynamic time warping.
 *
 * Source: Sakoe & Chiba 1978 (DTW); the use of cross-attention for word times follows OpenAI Whisper's timing scheme:
 * weights normalised per frame over tokens, then the cheapest monotonic path. Unlike there nothing is filtered over time
 * (measured: it changes nothing), and pauses are states of their own: before the first token, after the last and wherever a word begins, the
 * path may leave the tokens, and what a frame outside is worth comes from how quiet it is. So a pause belongs to no
 * word. docs/word-times.md has the measurements. Pure functions; scratch is the caller's; about tokens * frames steps.
 */
#ifndef STENO_LISTEN_ALIGN_H
#define STENO_LISTEN_ALIGN_H

#include "steno.h"

/* What is known about a token before its time is. */
typedef enum align_kind {
    ALIGN_JOINED, /* spoken, goes on with the token before it without a pause */
    ALIGN_WORD,   /* spoken, a pause may stand before it */
    ALIGN_SILENT  /* not spoken (punctuation, the end): takes part in the normalisation and gets no frames */
} align_kind;

/* What a frame in no token is worth where nothing is known about the sound. Spoken frames are worth about -1..2. */
#define ALIGN_OUTSIDE 0.2f

typedef struct align_job {
    float *weight;          /* [tokens, frames], row stride ld: attention, larger = more; overwritten with the scores */
    int tokens, frames, ld; /* values that are not finite count as no attention */
    const uint8_t *kind;    /* [tokens] of align_kind; NULL: a word and what is joined to it */
    const float *outside;   /* [frames] worth of a frame in no token, finite; NULL: ALIGN_OUTSIDE each */
} align_job;

/* Bytes of scratch for align_tokens(), which wants it aligned for floats. */
size_t align_scratch_bytes(int tokens, int frames);

/* Token i is spoken in frames start[i] .. end[i]: at least one frame each for spoken tokens, in order, without overlap,
 * within 0 .. frames. A silent one has start = end = the end of the spoken token before it (of the beginning: 0). With
 * fewer frames than spoken tokens these share the frames evenly. */
void align_tokens(const align_job *job, void *scratch, int *start, int *end);

/* What the microphone heard, for align_outside(). */
typedef struct align_sound {
    const float *pcm; /* [samples] */
    int samples;
    int hop_samples, first_sample; /* frame i stands for hop_samples from first_sample + i * hop_samples on */
    const float *speech; /* [frames] probability that frame i is speech, negative: unknown; NULL: all unknown */
} align_sound;

/* What each frame is worth outside the tokens, outside [frames]: positive where it is quiet for this recording and the
 * voice activity detector heard nobody, negative where somebody speaks. */
void align_outside(const align_sound *sound, int frames, float *outside);

#endif
