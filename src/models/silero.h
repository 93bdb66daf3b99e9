/* silero.h: Silero VAD v6 at 16 kHz, batched over streams. Tensors in, probabilities out, no policy.
 *
 * One frame is 512 new samples (32 ms); the network sees them behind the 64 samples before (576 in all).
 * Owner: `silero` is immutable after open; a state belongs to one stream and is plain memory (copyable).
 */
#ifndef STENO_MODELS_SILERO_H
#define STENO_MODELS_SILERO_H

#include "base/arena.h"
#include "nn/weights.h"

#define SILERO_FRAME_SAMPLES   512
#define SILERO_CONTEXT_SAMPLES 64
#define SILERO_HIDDEN          128

typedef struct silero silero;

typedef struct silero_state {
    float context[SILERO_CONTEXT_SAMPLES]; /* the last samples of the frame before; zeros at first */
    float h[SILERO_HIDDEN], c[SILERO_HIDDEN];
} silero_state;

STENO_CHECK steno_err silero_open(const weights *w, silero **out);
void silero_free(silero *m);
void silero_reset(silero_state *state);

/* Bytes of arena that silero_step() needs for `rows` frames in all. */
size_t silero_arena_bytes(int rows);

/* One job is consecutive frames of one stream: the convolutions of all frames of all jobs run as one batch, the LSTM
 * steps through time with all jobs side by side. */
typedef struct silero_job {
    silero_state *state; /* updated */
    const float *pcm;    /* [frames * 512] */
    int frames;
    float *prob; /* out [frames] */
} silero_job;

/* STENO_E_NOMEM when the arena is too small. The result of a job does not depend on its neighbours or on how frames are
 * divided over calls, bit for bit. */
STENO_CHECK steno_err silero_step(const silero *m, arena *scratch, silero_job *jobs, int n);

#endif
