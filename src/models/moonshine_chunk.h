/* moonshine_chunk.h: the encoder for an utterance that still grows: only its end is computed at each update.
 *
 * An update runs a window of frames, the new ones and the last `recompute_frames` of the update before, through stem and
 * layers. The window's queries look at itself and at a cache of earlier frames, kept as they were when they left the
 * window (int8, with a scale a frame and head). The window's cross-attention keys and values replace what is in the
 * utterance's pages. What comes out is near what moonshine_encode_*() gives for the same prefix, not the same: good for
 * partial text (docs/partials.md), while finals take the whole pass. Frames that were computed with little to their right
 * and another normalisation go stale. So with `stem_frames` what the stem made is kept, and all layers are computed again over
 * it when a caller has the time (`anew`) and whenever the utterance has grown by `anew_percent`.
 *
 * Batched like moonshine_encode_*(): a job's result never depends on its neighbours. Owner: states belong to one shard,
 * and so does the memory they are given. After a failed step the states of its jobs must be reset.
 */
#ifndef STENO_MODELS_MOONSHINE_CHUNK_H
#define STENO_MODELS_MOONSHINE_CHUNK_H

#include "models/moonshine.h"

typedef struct moonshine_chunk_shape {
    int recompute_frames; /* frames computed again at the next update, when they have more to their right */
    int cache_frames;     /* earlier frames that the window looks at */
    int sink_frames;      /* the utterance's first frames, looked at for ever; besides cache_frames */
    int warm_frames;      /* while there are not more, all are computed: normalisation needs sound to be steady */
    int stem_frames;  /* room for what the stem made of so many frames, so that it need not be made again; 0: none */
    int anew_percent; /* with that: all layers are computed again whenever the utterance has grown so much; 0: never */
} moonshine_chunk_shape;

/* What docs/partials.md found best. */
extern const moonshine_chunk_shape moonshine_chunk_default;

/* One utterance's state between updates: plain memory, the caller's. */
typedef struct moonshine_chunk_state {
    moonshine_chunk_shape shape;
    int frames;          /* computed so far, some of them to be computed again */
    int settled;         /* frames [0, settled) are final: the next window begins here */
    int stem_rows;       /* rows of the first convolution in the sums below */
    int stem_done;       /* frames [0, stem_done) are in `stem`; stays 0 without it */
    int anew_at;         /* with so many frames all is computed again */
    uint16_t *stem;      /* bf16 [stem_frames, width] */
    double sum, squares; /* of these rows: what the group normalisation over the utterance so far needs */
    float *scale;        /* [layers, slots, 2 (keys, values), heads] */
    int8_t *kv;          /* [layers, slots, 2, width] */
} moonshine_chunk_state;

size_t moonshine_chunk_state_bytes(const moonshine *m, const moonshine_chunk_shape *shape);
/* A state before its first update, in `memory` of moonshine_chunk_state_bytes(), aligned for floats. Nothing of it needs
 * to be cleared. A negative or zero size in `shape` that makes no sense is refused. */
STENO_CHECK steno_err moonshine_chunk_init(moonshine_chunk_state *s, const moonshine *m,
                                           const moonshine_chunk_shape *shape, void *memory);
/* The next utterance, or the same one anew, in the same memory: the next update begins at sample 0. */
void moonshine_chunk_reset(moonshine_chunk_state *s);

/* Encoder rows that the next update (anew or not) computes when the utterance has so many samples then. */
int moonshine_chunk_rows(const moonshine_chunk_state *s, int samples, bool anew);

/* The first sample of the utterance that the next update reads. */
int moonshine_chunk_first_sample(const moonshine_chunk_state *s);
/* The most samples before the end of the last update that the next one reads: what a caller must keep. */
int moonshine_chunk_history_samples(const moonshine_chunk_shape *shape);

/* One update. `pcm` is the utterance from sample `first_sample` on, which must not lie behind
 * moonshine_chunk_first_sample(), up to its present end, first_sample + samples; there must be MOONSHINE_MIN_SAMPLES in
 * all. `pages` as in moonshine_utterance: pages of the whole utterance so far, those of earlier updates among them. */
typedef struct moonshine_chunk_job {
    moonshine_chunk_state *state;
    const float *pcm; /* [samples], needed until the last step */
    int first_sample, samples;
    uint16_t *const *pages;
    bool anew;               /* all layers are computed again, where the stem is kept */
    int first_frame, frames; /* out: frames [first_frame, frames) were computed: the utterance has `frames` now */
} moonshine_chunk_job;

typedef struct moonshine_chunking {
    moonshine_encoding e; /* windows as utterances; e.states holds them, a row a frame */
    moonshine_chunk_job *jobs;
} moonshine_chunking;

/* Arena bytes for a batch whose windows have so many samples in all (behind moonshine_chunk_first_sample()), the longest
 * `longest`. */
size_t moonshine_chunk_bytes(const moonshine *m, const moonshine_chunk_shape *shape, int total_samples, int longest);

STENO_CHECK steno_err moonshine_chunk_begin(moonshine_chunking *c, const moonshine *m, arena *a,
                                            moonshine_chunk_job *jobs, int n);
/* One slice of work (one window's stem, one layer, one layer's cross keys); true when all is done. */
STENO_CHECK steno_err moonshine_chunk_step(moonshine_chunking *c, bool *done);

#endif
