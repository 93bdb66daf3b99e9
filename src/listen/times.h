/* times.h: when each token of a segment was said: attention, loudness and voice activity -> token times.
 *
 * Pure functions; scratch is the caller's. The network's geometry comes with the job, so nothing here knows a model.
 */
#ifndef STENO_LISTEN_TIMES_H
#define STENO_LISTEN_TIMES_H

#include "listen/align.h"
#include "listen/transcript.h"

typedef struct times_job {
    const tokenizer *tokenizer;
    const int32_t *ids;   /* [n] tokens */
    const float *logprob; /* [n] */
    int n;                /* at most TRANSCRIPT_MAX_TOKENS */
    float *weight;        /* [rows, sound frames]: attention while token i was chosen; overwritten */
    int rows;             /* n, or n + 1 with what the end token looked at */
    align_sound sound;    /* of the segment */
    int frames;
    int delay_frames; /* attention comes this much later than what it is for, 0 or more */
    double origin_s;  /* when the segment's first sample was heard */
} times_job;

/* Bytes of scratch for so many tokens and frames; aligned for floats. */
size_t times_scratch_bytes(int tokens, int frames);

/* out [n]: the tokens with their times in the recording. */
void times_of_tokens(const times_job *job, void *scratch, transcript_token *out);

/* kind [n] of align_kind: what can be heard of each token, and where pauses may stand. */
void times_kinds(const tokenizer *t, const int32_t *ids, int n, uint8_t *kind);

#endif
