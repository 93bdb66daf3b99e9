/* engine_int.h: what the files of src/engine share: messages, pools, streams, shards.
 *
 * Ownership. A stream's mutable state belongs to its home shard from OPEN to DONE; the part named `api` belongs to the
 * thread that pushes. A segment belongs to exactly one holder at a time: its home shard while it is cut, the shard that
 * recognises it, the home shard again for ordering, then the event that carries it out. Frames of audio are reference
 * counted, because neighbouring segments may share one. Across threads go messages by value in bounded rings.
 *
 * Invariants
 *  1. Every ring can hold all messages that can exist at once (they are bounded by the pools), so no push ever fails.
 *  2. The pool holds what open streams may hold together, and a shard's KV pool holds the longest segment, so work
 *     always moves on.
 *  3. After engine_open nothing on a shard allocates.
 */
#ifndef STENO_ENGINE_INT_H
#define STENO_ENGINE_INT_H

#include "base/arena.h"
#include "base/ring.h"
#include "engine/model.h"
#include "listen/segmenter.h"
#include "listen/transcript.h"

#include <stdatomic.h>

#define FRAME_SAMPLES        SILERO_FRAME_SAMPLES
#define STREAM_WINDOW_FRAMES 1024 /* 32.8 s: the longest span and what waits behind it */
#define SEGMENT_MAX_FRAMES   (SEGMENTER_MAX_FRAMES)
#define SEGMENT_IDS          TRANSCRIPT_MAX_TOKENS

typedef struct shard shard;

/* ---- audio frames ----------------------------------------------------------------------------------------------- */

typedef struct frame {
    _Atomic int refs;
    float
        speech; /* probability that somebody speaks, set when heard, before any segment refers to it; -1: VAD is off */
    float pcm[FRAME_SAMPLES];
} frame;

/* A fixed stack of frames. Any thread. */
typedef struct frame_pool {
    pthread_mutex_t lock;
    frame *memory;
    frame **free;
    int count, free_count;
    bool wanted; /* somebody was refused since: the next give signals `fd` */
    int fd;      /* the engine's event descriptor */
} frame_pool;

STENO_CHECK steno_err frame_pool_init(frame_pool *p, int count, int fd);
void frame_pool_free(frame_pool *p);
/* A frame with one reference, or NULL when there is none. */
frame *frame_pool_take(frame_pool *p);
void frame_retain(frame *f);
void frame_release(frame_pool *p, frame *f);

/* ---- segments --------------------------------------------------------------------------------------------------- */

typedef struct segment_pool segment_pool;

typedef struct segment {
    segment_pool *pool; /* where it goes back to */
    int home;           /* shard index */
    int stream;         /* slot */
    uint32_t generation;
    uint32_t order; /* 0, 1, 2 … within the stream */
    segmenter_span span;
    int64_t first_frame; /* the stream's frame number of frames[0] */
    int frames_n;
    frame *frames[SEGMENT_MAX_FRAMES];
    bool done;
    steno_err error;
    double encode_cpu_s, decode_cpu_s;
    int tokens;
    transcript text;
} segment;

/* A fixed stack of segments. Any thread. */
struct segment_pool {
    pthread_mutex_t lock;
    segment *memory;
    segment **free;
    int count, free_count;
    bool wanted; /* a shard was refused since: the next give has to wake it */
    steno_engine *engine;
};

STENO_CHECK steno_err segment_pool_init(segment_pool *p, int count);
void segment_pool_free(segment_pool *p);
segment *segment_pool_take(segment_pool *p); /* NULL when exhausted */
/* True when a shard waits for a segment: see engine_give_segment(). */
STENO_CHECK bool segment_pool_give(segment_pool *p, segment *s);

/* Samples a segment asks the recogniser to hear (at least what the network needs). */
int segment_samples(const segment *s);
/* Copies them out of the frames, zero padded; out [segment_samples]. */
void segment_gather(const segment *s, float *out);

/* ---- streams ---------------------------------------------------------------------------------------------------- */

#define STREAM_ROWS    64          /* frames of one stream in one VAD batch: 2 s */
#define STREAM_STALLED STREAM_ROWS /* a frame closes at most one span */
#define STREAM_PENDING 64          /* segments of one stream on their way at once */

typedef struct stream {
    /* api: the pushing thread's */
    _Atomic uint32_t generation; /* odd: open */
    int home;
    bool finished;
    void *user;
    frame *filling; /* a frame not yet full */
    int filled;
    _Atomic int held;     /* frames on their way to, or in, the window */
    int held_limit;       /* the most of them, promised by the pool */
    _Atomic bool starved; /* a push was refused for the limit: tell when it has room */
    /* shard: the home shard's */
    steno_vad_options vad;
    silero_state vad_state;
    segmenter seg;
    frame *window[STREAM_WINDOW_FRAMES];     /* by frame number modulo its size */
    int64_t window_first, arrived, listened; /* frame numbers: oldest kept, next to arrive, next for the VAD */
    int64_t total_samples;
    bool ending;                            /* FINISH has arrived */
    bool flushed;                           /* the segmenter has no more spans */
    segmenter_span stalled[STREAM_STALLED]; /* closed spans that wait for a free segment */
    int stalled_count;
    steno_err error;     /* the first failure of a segment */
    uint32_t next_order; /* of the next segment cut */
    uint32_t emit_order; /* of the next segment to hand out */
    uint32_t emit_id;
    segment *pending[STREAM_PENDING]; /* done or not, by order modulo its size */
    int64_t cut_samples;
    steno_stats stats;
} stream;

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* WAKE: a segment was given back while spans waited for one. */
typedef enum message_kind { MSG_OPEN, MSG_FRAME, MSG_FINISH, MSG_SEGMENT, MSG_RESULT, MSG_WAKE, MSG_STOP } message_kind;

typedef struct message {
    message_kind kind;
    int stream;
    uint32_t generation;
    union {
        steno_vad_options vad; /* OPEN */
        frame *frame;          /* FRAME */
        int64_t total_samples; /* FINISH */
        segment *segment;      /* SEGMENT: recognise it; RESULT: it is done */
    } u;
} message;

typedef struct event_message {
    steno_event_kind kind;
    int stream;
    uint32_t generation;
    uint32_t id;
    segment *segment;
    steno_stats stats;
    steno_err error;
} event_message;

/* ---- the engine
 * ------------------------------------------------------------------------------------------------------ */

struct steno_engine {
    const steno_model *model;
    steno_engine_config config;
    int event_fd;
    frame_pool frames;
    segment_pool segments;
    ring events;
    pthread_mutex_t table_lock; /* opening and closing of slots */
    stream *streams;            /* [config.max_streams] */
    int claimed;                /* frames promised to open streams; table_lock */
    int shard_count;
    shard **shards;
};

/* Called by a home shard when a stream's last event is out. */
void engine_close_slot(steno_engine *e, int slot);
void engine_emit(steno_engine *e, const event_message *m);
/* Back to the pool, and on with the spans that waited for it. Any thread. */
void engine_give_segment(steno_engine *e, segment *g);
/* Makes the engine's descriptor readable. Any thread. */
void engine_signal(steno_engine *e);

/* ---- shards
 * ---------------------------------------------------------------------------------------------------------- */

STENO_CHECK steno_err shard_open(steno_engine *e, int index, shard **out);
STENO_CHECK steno_err shard_start(shard *s);
void shard_stop(shard *s); /* joins */
void shard_free(shard *s);
/* Any thread. */
void shard_post(shard *s, const message *m, size_t n);
void shard_wake(shard *s);
/* Samples of audio waiting or in work here: the measure of load. Any thread. */
int64_t shard_load(const shard *s);

#endif
