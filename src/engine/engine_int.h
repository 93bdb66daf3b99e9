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
#include "listen/level.h"
#include "listen/segmenter.h"
#include "listen/transcript.h"

#include <stdatomic.h>

#define FRAME_SAMPLES        SILERO_FRAME_SAMPLES
#define STREAM_WINDOW_FRAMES 1024 /* 32.8 s: the longest span and what waits behind it */
#define SEGMENT_MAX_FRAMES   (SEGMENTER_MAX_FRAMES)
#define SEGMENT_IDS          TRANSCRIPT_MAX_TOKENS
#define SEGMENT_TURNS        256 /* in one TURNS event */

typedef struct shard shard;
typedef struct growing growing;
typedef struct voices voices; /* voices_int.h */

/* ---- audio frames ----------------------------------------------------------------------------------------------- */

typedef struct frame {
    _Atomic int refs;
    float power; /* mean square, set when heard */
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

/* What a segment is recognised for. The order is that of urgency. */
typedef enum pass_kind {
    PASS_FINAL,    /* a live utterance that has ended */
    PASS_CLOSING,  /* one that pauses: its final, if the pause goes on, and else a partial */
    PASS_PARTIAL,  /* one that goes on */
    PASS_RECORDING /* a span of a recording */
} pass_kind;

/* Tokens. Going in, a draft: what is expected, verified in one parallel pass, the first `forced` of them taken as they
 * are. Coming out, what was recognised. */
typedef struct hypothesis {
    int n, forced;
    int32_t ids[SEGMENT_IDS];
} hypothesis;

typedef struct segment {
    segment_pool *pool; /* where it goes back to */
    int home;           /* shard index */
    int stream;         /* slot */
    uint32_t generation;
    uint32_t order; /* 0, 1, 2 … within the stream; not of partials */
    pass_kind pass;
    segmenter_span span;
    float gain;          /* of its audio: very quiet speech is made louder for the recogniser */
    int64_t first_frame; /* the stream's frame number of frames[0] */
    int frames_n;
    frame *frames[SEGMENT_MAX_FRAMES];
    _Atomic bool dropped; /* by its home: nobody waits for it any more */
    bool in_line;         /* its home's: it has a place in the stream's order */
    bool done;
    steno_err error;
    double encode_cpu_s, decode_cpu_s;
    int tokens, draft_tokens, draft_kept;
    hypothesis text_ids;
    union {
        transcript text; /* of SPEAKERS: words without a text */
        struct {         /* of TURNS */
            uint32_t n_turns;
            steno_turn turns[SEGMENT_TURNS];
        };
    };
    int speaker; /* as in steno_segment */
    float speaker_margin;
    bool speaker_fixed;
    growing *grow; /* what is kept between partials of one utterance, see grow.c; NULL: everything is heard again */
    /* live */
    uint32_t id, rev, stable_bytes;
    steno_end_reason end;
    bool early; /* a partial before any words are out */
    double heard_s, done_s;
    _Atomic double due_s; /* set again when a closing pass becomes the final, while another shard looks at it */
    double ripe_s;        /* a partial waits for others until then */
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
/* NULL when no more than `keep` are left. */
segment *segment_pool_take(segment_pool *p, int keep);
/* True when a shard waits for a segment: see engine_give_segment(). */
STENO_CHECK bool segment_pool_give(segment_pool *p, segment *s);
/* The next one that is given back wakes the shards. */
void segment_pool_want(segment_pool *p);

/* Nobody knows who speaks in it. */
void segment_unlabelled(segment *s);

/* Samples a segment asks the recogniser to hear (at least what the network needs). */
int segment_samples(const segment *s);
/* Copies n of them from sample `from` on out of the frames, zeros behind the end; out [n]. */
void segment_gather(const segment *s, int from, int n, float *out);

/* ---- streams ---------------------------------------------------------------------------------------------------- */

#define STREAM_ROWS    64          /* frames of one stream in one VAD batch: 2 s */
#define STREAM_STALLED STREAM_ROWS /* a frame closes at most one span */
#define STREAM_PENDING 64          /* segments of one stream on their way at once */
#define MERGES_MAX     8           /* steno_stream_merge_speakers() of one stream on their way */
#define STREAM_NOTES   4           /* SPEECH and OVERLOAD events of one stream that wait for the reader */

/* A closed span on its way to become a segment. */
typedef struct due_span {
    segmenter_span span;
    uint32_t id, rev;
    steno_end_reason end;
    double heard_s, due_s;
} due_span;

/* What a live stream has besides; see live.c. The home shard's. */
typedef struct live_state {
    steno_live_options opt;
    bool open;                      /* an utterance is under way and announced */
    uint32_t next_id, id, rev;      /* of utterances; rev of the newest event of this one */
    bool shown;                     /* words of it are out */
    double ripe_s;                  /* when the last partial could start */
    int64_t due_ms;                 /* when the next partial is, in audio stepped */
    int64_t covered_sample;         /* the end of the speech that pass hears */
    growing *grow;                  /* of this utterance, or NULL */
    segment *partial;               /* on its way, or NULL */
    segment *closing;               /* the text of the utterance as it stands in this pause, or NULL */
    bool closing_done;              /* and it is there */
    bool closing_cut;               /* it is of the front that max_utterance_s will cut off */
    hypothesis last;                /* the newest text; `forced`: tokens that have settled */
    bool finalizing, finalize_done; /* FINALIZE arrived at frame finalize_frame; and was carried out … */
    int64_t finalize_frame;
    bool configuring; /* to `wanted`, from frame configure_frame on */
    int64_t configure_frame;
    steno_live_options wanted;
    bool starved;            /* a closing pass that decides waits for a free segment */
    uint32_t finalize_order; /* … and is answered when all segments before this one are out */
    int told_partial_ms;     /* of the last OVERLOAD event, or as asked for */
} live_state;

typedef struct stream {
    /* api: the pushing thread's */
    _Atomic uint32_t generation; /* odd: open */
    int home;
    bool is_live;
    bool finished;
    void *user;
    frame *filling; /* a frame not yet full */
    int filled;
    _Atomic int held;          /* frames on their way to, or in, the window */
    int held_limit;            /* the most of them, promised by the pool */
    _Atomic bool starved;      /* a push was refused for the limit: tell when it has room */
    _Atomic bool finalizing;   /* until FINALIZED is taken, so that there is never more than one */
    bool configuring;          /* from CONFIGURE until its place in the audio is reached; table_lock */
    steno_live_options wanted; /* by the newest steno_live_configure(); table_lock */
    _Atomic int notes;         /* SPEECH and OVERLOAD events that nobody has taken yet */
    voices *with_voices;       /* of the pool, or NULL; table_lock */
    _Atomic int merges;        /* steno_stream_merge_speakers() on their way */
    /* shard: the home shard's */
    bool hearing; /* in the shard's queue of streams with something to hear */
    int open_index;
    steno_vad_options vad;
    level level; /* of what the VAD hears */
    silero_state vad_state;
    segmenter seg;
    frame *window[STREAM_WINDOW_FRAMES]; /* by frame number modulo its size */
    int64_t window_first, arrived;       /* frame numbers: oldest kept, next to arrive, … */
    int64_t listened, stepped;           /* … next for the VAD, next for the segmenter */
    int64_t total_samples;
    bool ending;                      /* FINISH has arrived */
    bool flushed;                     /* the segmenter has no more spans */
    due_span stalled[STREAM_STALLED]; /* closed spans that wait for a free segment */
    int stalled_count;
    steno_err error;     /* the first failure of a segment */
    uint32_t next_order; /* of the next segment cut */
    uint32_t emit_order; /* of the next segment to hand out */
    uint32_t emit_id;
    segment *pending[STREAM_PENDING]; /* done or not, by order modulo its size */
    int64_t cut_samples;
    steno_stats stats;
    voices *voices; /* NULL: nobody asked who is speaking */
    live_state live;
} stream;

/* ---- messages --------------------------------------------------------------------------------------------------- */

/* WAKE: a segment was given back while spans waited for one. */
typedef enum message_kind {
    MSG_OPEN,
    MSG_OPEN_LIVE,
    MSG_CONFIGURE,
    MSG_SPEAKERS,
    MSG_MERGE,
    MSG_FRAME,
    MSG_FINALIZE,
    MSG_FINISH,
    MSG_SEGMENT,
    MSG_RESULT,
    MSG_WAKE,
    MSG_STOP
} message_kind;

typedef struct message {
    message_kind kind;
    int stream;
    uint32_t generation;
    union {
        steno_vad_options vad;   /* OPEN */
        steno_live_options live; /* OPEN_LIVE */
        voices *voices;          /* SPEAKERS */
        struct {
            int from, into;
        } merge;               /* MERGE */
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
    double start_s, heard_s; /* SPEECH */
    int partial_ms;          /* OVERLOAD */
    bool overloaded;
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
    int open_count, live_count; /* table_lock */
    uint64_t opened, refused;   /* table_lock */
    voices *voices;             /* [config.max_speaker_streams] */
    voices **voices_free;       /* stack; table_lock */
    int voices_free_count;
    int shard_count;
    shard **shards;
    double (*clock)(void *ctx); /* seconds; CLOCK_MONOTONIC, or a simulator's */
    void *clock_ctx;
};

/* Everything but the threads: a simulator calls shard_tick() itself, with a clock of its own. NULL clock: the real one. */
STENO_CHECK steno_err engine_open_unstarted(const steno_model *model, const steno_engine_config *config,
                                            double (*clock)(void *ctx), void *clock_ctx, steno_engine **out);
double engine_now_s(const steno_engine *e);

STENO_CHECK steno_err engine_find_stream(steno_engine *e, steno_stream_id id, stream **out);

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
/* Takes what is in the inbox, waiting for it up to wait_ms (-1: for ever), and does one tick. Returns how long the next one
 * may wait: 0 when there is work, -1 when only a message brings any. The thread's own loop, or a simulator's. */
int shard_tick(shard *s, int wait_ms);
/* Of an engine that gives way to all others: waits while any of them computes, for a while. Before every piece of work. */
void shard_give_way(const shard *s);
/* Samples of audio waiting or in work here: the measure of a shard's queue. Any thread. */
int64_t shard_load(const shard *s);
/* How busy it is, 0..1, and how far partials are stretched, 1 and more. Any thread. */
double shard_busy(const shard *s);
double shard_stretch(const shard *s);
/* Live streams at home here. Any thread. */
int shard_live(const shard *s);
void shard_live_add(shard *s, int n);
/* Adds this shard's counters and gauges. Any thread; gauges of other threads' work may be a tick old. */
void shard_add_stats(const shard *s, steno_engine_stats *out);

#endif
