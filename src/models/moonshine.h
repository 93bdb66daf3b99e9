/* moonshine.h: the Moonshine speech recogniser (Jeffries et al. 2024), tiny and base. Tensors in, tokens out, no
 * policy.
 *
 * Audio [samples] at 16 kHz -> encoder states [frames, width] at 41.7 frames a second -> cross-attention keys and
 * values in KV pages -> greedy decoding, one token a sequence a step. Everything runs on packed ragged batches: rows of
 * all utterances stand one behind the other, and a row's result never depends on its neighbours. Owner: a `moonshine`
 * is immutable after open and shared; sequences, arenas and pools belong to one shard.
 */
#ifndef STENO_MODELS_MOONSHINE_H
#define STENO_MODELS_MOONSHINE_H

#include "base/arena.h"
#include "nn/kv.h"
#include "nn/weights.h"

typedef struct moonshine moonshine;

typedef struct moonshine_info {
    int width, heads, head_dim, rotary_pairs;
    int encoder_layers, decoder_layers, encoder_hidden, decoder_hidden;
    int vocab, start_token, end_token;
    int align_delay_frames; /* how late the heads summed into moonshine_row.align look at what is said */
    bool fp32;
} moonshine_info;

#define MOONSHINE_MAX_LAYERS  16
#define MOONSHINE_MAX_HEADS   16
#define MOONSHINE_MAX_SECONDS 31
#define MOONSHINE_MAX_FRAMES  1296 /* 31 s, whole pages */
#define MOONSHINE_MAX_TOKENS  208  /* 6.5 a second, whole pages */
#define MOONSHINE_MIN_SAMPLES                                                                                          \
    1600                        /* less audio than this has no encoder frame worth decoding; callers pad with zeros */
#define MOONSHINE_MAX_BATCH 64  /* sequences in flight worth having */
#define MOONSHINE_MAX_ROWS  128 /* of one decoder step: a draft being verified takes several */

STENO_CHECK steno_err moonshine_open(const weights *w, bool fp32, moonshine **out);
void moonshine_free(moonshine *m);
const moonshine_info *moonshine_describe(const moonshine *m);

/* Encoder frames of so many samples; 0 when too short. */
int moonshine_frames(int samples);
/* Encoder frame i stands for MOONSHINE_FRAME_SAMPLES samples (64 * 3 * 2) from MOONSHINE_FRAME_FIRST on: the middle of
 * its receptive field is 447 samples behind i hops, and attention comes 6 ms before it (docs/word-times.md). */
#define MOONSHINE_FRAME_SAMPLES 384
#define MOONSHINE_FRAME_FIRST   160
#define MOONSHINE_FRAME_S       (MOONSHINE_FRAME_SAMPLES / 16000.0)
/* The most tokens worth decoding for so many samples: about 6.5 a second (models cannot speak faster than people). */
int moonshine_token_limit(int samples);
/* Halfs in a KV page, and pages for so many positions. */
size_t moonshine_page_halfs(const moonshine *m);
static inline int moonshine_pages(int positions) {
    return (positions + 15) / 16;
}

/* ---- encoding --------------------------------------------------------------------------------------------------- */

/* One utterance to encode. `pages` receives cross-attention keys and values: moonshine_pages(frames) of them, the
 * caller's, already taken from a pool. With pages NULL only the states are wanted. */
typedef struct moonshine_utterance {
    const float *pcm; /* [samples], MOONSHINE_MIN_SAMPLES .. MOONSHINE_MAX_SECONDS */
    int samples;
    uint16_t *const *pages;
    int frames;      /* out */
    int first_row;   /* out: its first row in moonshine_encoding.states */
    int first_frame; /* out: the frame that row is; 0 but for the window of a chunk (moonshine_chunk.h) */
} moonshine_utterance;

/* Frames after each convolution of the stem. */
typedef struct stem_sizes {
    int t1, t2, t3; /* frames after each convolution */
} stem_sizes;

/* Frames as bf16 with the sum of each: what an affine convolution reads. */
typedef struct bf16_frames {
    uint16_t *x; /* [frames, channels] */
    float *sum;  /* [frames] */
    int channels;
} bf16_frames;

/* A stem under way; the model's own. */
typedef struct moonshine_stem {
    const moonshine *m;
    arena *mem;
    stem_sizes size;
    float *pcm, *first, *out; /* [samples + 64], [t1, width], [t3, width] */
    bf16_frames a, b;         /* where the CPU multiplies bf16: first and middle frames … */
    float *window, *block;    /* … sums of windows, a block of middle frames */
    float *second;            /* elsewhere: [t2, 2 width] */
    int stage, at;            /* of the other two convolutions; the next row */
} moonshine_stem;

typedef struct moonshine_encoding {
    const moonshine *m;
    arena *a;
    moonshine_utterance *utt;
    int n, rows;
    int step, part, row; /* what moonshine_encode_step() does next: stem or layer, part of it, row of that */
    size_t stem_mark;
    moonshine_stem stem;
    float *states;        /* [rows, width]: encoder states; final after the last step */
    float *qkv, *context; /* scratch [rows, 3 width], [rows, width] */
} moonshine_encoding;

/* Arena bytes for utterances of so many samples in all, the longest having `longest` samples. */
size_t moonshine_encode_bytes(const moonshine *m, int total_samples, int longest);

/* Starts a batch. The arena is used until the batch is done and given back by the caller. */
STENO_CHECK steno_err moonshine_encode_begin(moonshine_encoding *e, const moonshine *m, arena *a,
                                             moonshine_utterance *utt, int n);
/* One slice of work, 1 to 3 ms; true when all is done. Slices let a shard do other work in between. */
STENO_CHECK steno_err moonshine_encode_step(moonshine_encoding *e, bool *done);

/* ---- decoding --------------------------------------------------------------------------------------------------- */

/* One sequence's mutable state: plain memory, page pointers from one shard's pool. */
typedef struct moonshine_sequence {
    int frames; /* cross positions */
    uint16_t *cross[MOONSHINE_MAX_FRAMES / 16];
    uint16_t *self[MOONSHINE_MAX_TOKENS / 16];
    int position; /* self positions already in pages */
} moonshine_sequence;

/* A row of a decoder step: feed `token` at sequence->position. Rows of one sequence in one step must be consecutive
 * tokens in order (a draft being verified). */
typedef struct moonshine_row {
    moonshine_sequence *seq;
    int32_t token;
    float *align; /* [seq->frames] or NULL: += how the aligned heads attend, for word times */
    float
        end_least; /* less probable than this, the end token loses to the best of the others; 0: it is a token like any other */
    int32_t next;  /* out: the most probable next token */
    float logprob; /* out: its natural log probability */
    bool end_lost; /* out: the end token was the most probable, and lost for end_least */
} moonshine_row;

size_t moonshine_decode_bytes(const moonshine *m, int rows);

/* One parallel step over all rows; self pages must already cover the new positions. Advances each position. With
 * `logits` not NULL, the fp32-exact logits of all rows [n, vocab] are stored too (tests). */
STENO_CHECK steno_err moonshine_decode_step(const moonshine *m, arena *a, moonshine_row *rows, int n, float *logits);

#endif
