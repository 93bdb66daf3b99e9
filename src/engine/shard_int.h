/* shard_int.h: one compute thread and what it owns outright. Inside src/engine only.
 *
 * A tick, in order: drain the inbox -> listen (VAD for every stream with whole frames, as one batch) -> advance segments
 * and live utterances -> encode what is due -> one decoder step for the sequences in flight -> align and hand over what
 * is finished.
 *
 * Who waits for whom. Work is urgent (live finals, then live partials, then short recordings) or bulk (long recordings),
 * and an encode is short (the quick lane) or long. Each lane encodes a batch of its own in slices of a few ms; in a tick the
 * quick lane and the partials that grow (grow.c) run to their end, then the long lane and the bulk lane get a share of the
 * time that took. So a command of half a second waits for a slice of a long neighbour and never for all of it. Partials wait
 * for each other on a busy shard, and for every final that presses; recordings are decoded with what credit the bulk lane
 * has, or when nothing urgent is there.
 */
#ifndef STENO_ENGINE_SHARD_INT_H
#define STENO_ENGINE_SHARD_INT_H

#include "engine/engine_int.h"
#include "models/moonshine_chunk.h"
#include "speakers/whole.h"

#define LISTEN_ROWS       256 /* VAD frames in one batch */
#define ENCODE_ROWS       768 /* encoder frames in one batch, 18 s; one longer segment goes alone */
#define QUICK_ROWS        168 /* … in one batch of short segments while live streams are open */
#define SHORT_ROWS        168 /* a short segment: 4 s */
#define ENCODE_UTTERANCES 24
#define SEQUENCE_PAGES    128 /* KV pages of one sequence: cross, self and alignment rows */
#define INBOX_BATCH       64

/* A segment being decoded. Token i of ids is known by the row at position i; rows before kv->position have been fed. */
typedef struct sequence {
    segment *seg; /* NULL: the slot is free */
    bool encoded;
    moonshine_sequence *kv; /* `own`, or that of seg->grow */
    moonshine_sequence own;
    uint16_t *pages[SEQUENCE_PAGES];
    int page_count;
    uint16_t *const *align_pages; /* alignment rows live in whole pages, align_rows to a page */
    int align_rows;
    int first;    /* tokens before this one were kept from the last partial: they have no row */
    int n, limit; /* tokens so far, at most */
    int steps;    /* rows fed that counted: alignment rows that were written */
    int known;    /* ids[n .. known) is what is left of the draft */
    int forced;   /* ids[0 .. forced) stand whatever the network thinks */
    int32_t ids[SEGMENT_IDS];
    float logprob[SEGMENT_IDS];
    bool looped, ended; /* ended: by the end token, a loop or the limit */
    bool insisted;      /* the network's first choice was the end, and it was asked for words all the same */
} sequence;

/* What is kept between the partials of one open utterance: encoder states of its past (approximately those of a whole
 * pass), its KV pages, its tokens and their times. */
struct growing {
    bool busy;     /* a partial that uses it is on its way */
    bool detached; /* its utterance is over: free it when the pass on its way comes back */
    moonshine_chunk_state chunk;
    moonshine_sequence kv;
    int cross_pages, self_pages;
    int n;
    int32_t ids[SEGMENT_IDS];
    float logprob[SEGMENT_IDS];
    double start_s[SEGMENT_IDS], end_s[SEGMENT_IDS];
};

/* Segments waiting for the encoder, first in first out; bounded by the segment pool. */
typedef struct wait_queue {
    segment **items; /* owned [cap] */
    int cap, head, count;
} wait_queue;

/* Queues by urgency; each has one for short and one for long segments. */
typedef enum urgency { URGENT_FINAL, URGENT_PARTIAL, RECORDING, URGENCIES } urgency;

/* Which batch a segment is encoded in. */
typedef enum lane_kind { LANE_QUICK, LANE_LONG, LANE_BULK, LANES } lane_kind;

typedef struct encode_lane {
    arena scratch; /* a batch's tensors; empty between batches */
    bool busy;
    moonshine_encoding encoding;
    moonshine_utterance utt[ENCODE_UTTERANCES];
    sequence *seq[ENCODE_UTTERANCES];
    int n, rows;
    bool finals; /* holds a live final */
    double cpu_s;
    double credit_s; /* time this lane may take while more urgent work is there */
} encode_lane;

/* Slots of streams, first in first out. */
typedef struct slot_queue {
    int *slots; /* owned [cap] */
    int cap, head, count;
} slot_queue;

/* What a shard knows of its own load; see load.c. */
typedef struct shard_meter {
    double busy_since_s, window_start_s, window_busy_s, window_bulk_s;
    double wait_share; /* how long partials wait, in parts of their cadence, averaged */
    double changed_s;  /* when the stretch changed last */
    double slept_s;    /* when the last tick ended */
    _Atomic double busy, live_busy, stretch;
} shard_meter;

typedef struct shard_counters {
    _Atomic uint64_t ticks, vad_frames, gated_frames, speech_frames, encode_batches, encode_utterances, encode_rows;
    _Atomic uint64_t decode_steps, decode_rows, partials, partials_skipped, finals, finals_early;
    _Atomic uint64_t draft_tokens, draft_kept, looks, revisions;
    _Atomic double busy_s;
    _Atomic int waiting, active, pages_free, pages_low;
} shard_counters;

/* What is counted for those who watch; see observe.c. */
typedef struct shard_histogram {
    _Atomic uint64_t count[STENO_HISTOGRAM_BUCKETS + 1];
    _Atomic double sum;
} shard_histogram;

typedef struct shard_observed {
    shard_histogram tick_s, wait_s[STENO_PASSES], encode_fill[STENO_LANES], encode_batch[STENO_LANES], decode_batch;
    _Atomic double stage_s[STENO_STAGES];
    _Atomic int waiting_by[URGENCIES];
    _Atomic uint64_t arena_peak_bytes;
    double decoded_s; /* of this tick */
} shard_observed;

struct shard {
    steno_engine *engine;
    int index;
    pthread_t thread;
    bool started, stopping;
    ring inbox;
    double now_s;         /* of this tick */
    _Atomic int64_t load; /* samples waiting or in work */
    _Atomic int live_count;
    arena scratch; /* of listening, decoding and aligning; emptied every stage */
    kv_pool pages;
    wait_queue waiting[URGENCIES][2]; /* [urgency][long] */
    wait_queue waiting_grow;          /* partials that only add to what is kept */
    int waiting_count, finals_waiting;
    growing *grow;       /* [grow_count] */
    growing **grow_free; /* stack */
    int grow_count, grow_free_count;
    void *grow_memory; /* [grow_count, bytes of a state] */
    arena grow_scratch;
    encode_lane lane[LANES];
    sequence *sequences; /* [max_batch] */
    int active;          /* slots taken */
    int decode_from;     /* the recording's slot whose turn it is */
    double urgent_s;     /* what urgent sequences took in the last decoder step */
    int *open_streams;   /* slots at home here, dense [open_count] */
    int open_count;
    slot_queue hear_live, hear_recordings; /* streams with something to hear */
    slot_queue voices_live, voices_bulk;   /* streams whose rows the network of voices has to hear */
    slot_queue voices_whole;               /* streams in the pass over all of them */
    slot_queue voices_say;                 /* streams with labels to look at */
    vb fit, whole_fit;                     /* workspaces: of trackers; of the one pass that is under way … */
    whole whole;
    int whole_slot;     /* … over this stream; -1: none */
    int stalled;        /* streams with a span that waits for a free segment */
    _Atomic bool woken; /* a WAKE is in the inbox */
    shard_meter meter;
    shard_counters count;
    shard_observed observed;
};

static inline void counter_add(_Atomic uint64_t *c, uint64_t n) {
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed); /* one writer */
}

/* listen.c */
void listen_open(shard *s, const message *m);
void listen_frame(shard *s, const message *m);
void listen_finish(shard *s, const message *m);
void listen_result(shard *s, segment *seg);
/* One batch of VAD, and the spans that waited for a free segment; true when anything moved. Recordings are left alone
 * while enough of their audio is on its way. */
bool listen_step(shard *s);
/* True when recorded audio waits to be heard. */
bool listen_has_recordings(const shard *s);
/* And they need not wait for what is live, or for those before them. */
bool listen_may_hear_recordings(const shard *s);
void listen_release_all(shard *s); /* at the end of the engine */
/* A closed span of `slot` goes on its way, or is remembered until it can. */
void listen_offer(shard *s, int slot, const due_span *due);
/* A segment of `slot` covering the span, or NULL when no more than `keep` are free. Not counted anywhere yet. */
segment *listen_take_segment(shard *s, int slot, const segmenter_span *span, pass_kind pass, int keep);
/* Gives the segment the next place in the stream's order; false when too many are on their way. */
bool listen_line_up(stream *t, segment *g);
/* To a shard that recognises it. */
void listen_send(shard *s, segment *g, shard *to);
shard *listen_choose_shard(shard *home);
/* Lets go of the frames that no later span needs; all of a flushed stream's. */
void listen_trim(shard *s, stream *t);
void listen_add_costs(stream *t, const segment *g);
/* Everything at the head of the line that is done; and the end, when nothing is left. */
void listen_hand_out(shard *s, int slot);

void listen_something_to_hear(shard *s, int slot);
void slot_queue_push(slot_queue *q, int slot);
int slot_queue_pop(slot_queue *q);
int slot_queue_first(const slot_queue *q);       /* stays */
void slot_queue_remove(slot_queue *q, int slot); /* wherever it stands, if it does */

/* voices.c, voices_say.c: who is speaking; see voices_int.h */
void voices_begin(shard *s, const message *m);
void voices_merge(shard *s, const message *m);
size_t voices_scratch_bytes(void);
/* True when so much audio may be heard: the network has kept up. */
bool voices_have_room(const stream *t);
/* A frame that has just been heard. */
void voices_hear(shard *s, stream *t, const frame *f);
/* Rows through the network, looks, labels, events; true when anything moved. */
bool voices_step(shard *s);
/* True when recordings' work is waiting and need not wait for what is live. */
bool voices_may_work(const shard *s);
/* Labels of what is handed out now. */
void voices_label_partial(stream *t, segment *g);
void voices_label_final(shard *s, stream *t, segment *g);
/* All audio is heard and all finals are out: true when all labels are out, too. Else listen_hand_out() is called once they
 * are. */
bool voices_are_over(shard *s, stream *t);
/* The stream's last event is about to go out. */
void voices_leave(shard *s, stream *t);

/* live.c */
void live_open(shard *s, int slot, const steno_live_options *o);
void live_configure(shard *s, const message *m);
void live_finalize(shard *s, const message *m);
/* Steps the segmenter over the frames that have been heard. */
void live_advance(shard *s, int slot);
/* Once more for a stream that waits for a free segment; true when it got one. */
bool live_retry(shard *s, int slot);
/* A partial or closing pass has come back. */
void live_result(shard *s, segment *g);
/* After segments were handed out. */
void live_handed_out(shard *s, int slot);

/* load.c */
void load_init(shard *s, double now_s);
void load_wake(shard *s, double now_s);  /* a tick begins */
void load_sleep(shard *s, double now_s); /* it has ended */
/* How long a shard without work may sleep, in ms: one that thinks it has too much looks again. -1: for ever. */
int load_patience_ms(const shard *s);
/* How busy it is with what people say: recordings take what is left and leave it when asked. */
double load_live(const shard *s);
/* So much of this tick went to recordings. */
void load_bulk(shard *s, double spent_s);
/* A live pass that should not wait for as long as `cadence_s` begins after having waited. */
void load_began(shard *s, double waited_s, double cadence_s);

/* recognise.c */
size_t recognise_scratch_bytes(const steno_engine *e);
STENO_CHECK steno_err recognise_open(shard *s);
void recognise_close(shard *s);
/* A part of the encoding that is due, then one decoder step. True when anything moved. */
bool recognise_step(shard *s);
/* A free slot for work of this urgency, or NULL. */
sequence *recognise_free_sequence(shard *s, urgency u);
/* Everything a sequence over so much audio may need, if `leave` pages stay free. */
bool recognise_take_pages(shard *s, sequence *q, int samples, int leave);
void recognise_start_sequence(shard *s, sequence *q, segment *seg);
void recognise_end_sequence(shard *s, sequence *q);
/* The segment goes home, recognised or not. */
void recognise_send_home(shard *s, segment *seg);

/* encode.c */
STENO_CHECK steno_err encode_open(shard *s);
void encode_close(shard *s);
void recognise_enqueue(shard *s, segment *seg);
/* Takes a segment that has not begun out of its queue, with nothing held any more; false when it is not there. */
bool recognise_withdraw(shard *s, segment *seg);
/* Fills idle lanes and runs them for as long as this tick allows; urgent_s: what urgent decoding has just taken. True when
 * anything moved. */
bool encode_step(shard *s, double urgent_s);
/* How long nothing need be done although segments wait, in ms; -1: until a message comes. */
int recognise_patience_ms(const shard *s);

wait_queue *encode_queue_of(shard *s, const segment *g);
/* A final that somebody waits for, or a closing pass that has used up the time that its pause gave it. */
bool encode_is_pressing(const shard *s, const segment *g);
/* A segment leaves its queue to be encoded: tells the meter how long it waited. */
void encode_note_start(shard *s, const segment *g);
/* True when a partial may start now: one is ripe, and no final presses. */
bool encode_partials_may_start(const shard *s);
/* True when the time has come for a partial to start. */
bool encode_is_ripe(const shard *s, const segment *g);

/* grow.c */
STENO_CHECK steno_err grow_open(shard *s);
void grow_close(shard *s);
/* For an utterance that begins; NULL: none is free. */
growing *grow_take(shard *s);
void grow_give(shard *s, growing *g);
/* Encodes what the waiting partials of growing utterances have new; true when there was any. */
bool grow_step(shard *s);
/* The pass is over: what it knows is kept. tokens [q->n] with their times, or NULL when it was broken off. */
void grow_keep(shard *s, sequence *q, const transcript_token *tokens);
/* Takes back what is kept of one utterance that no pass is at work on, for work that cannot do without; false when there
 * is none. */
bool grow_reclaim(shard *s);
/* A partial has come to its end, one way or another. */
void grow_done(shard *s, growing *g);

/* observe.c */
/* A pass leaves its queue for the encoder. */
void observe_wait(shard *s, const segment *g);
/* A batch of utterances was encoded: so many rows of those that fit. */
void observe_encoded(shard *s, steno_lane lane, int utterances, int rows, int rows_max);
/* A decoder step. */
void observe_decoded(shard *s, int rows, double spent_s);
/* A tick that began at s->now_s: when all was heard, when speakers were looked at, when it ended. */
void observe_tick(shard *s, double heard_s, double spoke_s, double slept_s);
/* Adds all that to `out`. Any thread. */
void observe_add(const shard *s, steno_engine_stats *out);

/* shard.c */
double thread_cpu_s(void);
shard *shard_at(steno_engine *e, int index);

#endif
