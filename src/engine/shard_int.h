/* shard_int.h: one compute thread and what it owns outright. Inside src/engine only.
 *
 * A tick, in order: drain the inbox -> listen (VAD and segmenter for every stream with whole frames, as one batch) ->
 * encode what is due -> one decoder step for every sequence in flight -> align and hand over what is finished.
 */
#ifndef STENO_ENGINE_SHARD_INT_H
#define STENO_ENGINE_SHARD_INT_H

#include "engine/engine_int.h"

#define LISTEN_ROWS       256 /* VAD frames in one batch */
#define ENCODE_ROWS       768 /* encoder frames in one batch, 18 s; one longer segment goes alone */
#define ENCODE_UTTERANCES 24
#define SEQUENCE_PAGES    128 /* KV pages of one sequence: cross, self and alignment rows */
#define INBOX_BATCH       64

/* A segment being decoded. */
typedef struct sequence {
    segment *seg; /* NULL: the slot is free */
    moonshine_sequence kv;
    uint16_t *pages[SEQUENCE_PAGES];
    int page_count;
    uint16_t *const *align_pages; /* alignment rows live in whole pages, align_rows to a page */
    int align_rows;
    int n, limit; /* tokens so far, at most */
    int steps;    /* decoder steps so far: alignment rows that were written */
    int32_t ids[SEGMENT_IDS];
    float logprob[SEGMENT_IDS];
    bool looped, ended; /* ended: by the end token, a loop or the limit */
} sequence;

/* Segments waiting for the encoder, first in first out; bounded by the segment pool. */
typedef struct wait_queue {
    segment **items; /* owned [cap] */
    int cap, head, count;
} wait_queue;

struct shard {
    steno_engine *engine;
    int index;
    pthread_t thread;
    bool started, stopping;
    ring inbox;
    _Atomic int64_t load; /* samples waiting or in work */
    arena scratch;        /* emptied every stage */
    kv_pool pages;
    wait_queue waiting;
    sequence *sequences; /* [max_batch] */
    int active;
    int *open_streams; /* slots at home here, dense [open_count] */
    int open_count;
    int64_t unheard;    /* frames that have arrived but not been through the VAD */
    int stalled;        /* streams with a span that waits for a free segment */
    int listen_from;    /* the open stream whose turn it is first in the next VAD batch */
    _Atomic bool woken; /* a WAKE is in the inbox */
};

/* listen.c */
void listen_open(shard *s, const message *m);
void listen_frame(shard *s, const message *m);
void listen_finish(shard *s, const message *m);
void listen_result(shard *s, segment *seg);
/* One batch of VAD, and the spans that waited for a free segment; true when anything moved. */
bool listen_step(shard *s);
void listen_release_all(shard *s); /* at the end of the engine */

/* recognise.c */
size_t recognise_scratch_bytes(const steno_engine *e);
STENO_CHECK steno_err recognise_open(shard *s);
void recognise_close(shard *s);
void recognise_enqueue(shard *s, segment *seg);
/* Encodes the next batch of waiting segments, if any can start; true when it did. */
bool recognise_encode(shard *s);
/* One token for every sequence in flight. */
void recognise_decode(shard *s);

/* shard.c */
double thread_cpu_s(void);
shard *shard_at(steno_engine *e, int index);

#endif
