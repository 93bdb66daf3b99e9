/* voices_int.h: what a stream has that tells speakers apart, inside src/engine only.
 *
 * The way of the data: a frame that has been heard -> MFCC rows, mean-normalised, in a ring -> a block of rows at a time
 * through the frame-level layers, speech and its context only -> sums a block -> a look over the newest blocks of speech ->
 * tracker -> timeline -> book -> events. All but the last follows from the audio alone.
 *
 * Files      speakers_api.c: options, the pool, what other threads call. voices.c: from frames to the timeline.
 *            voices_say.c: from the timeline to events, and a stream's end.
 * Owner      the pool under table_lock; what is taken out of it: the home shard of its stream, from MSG_SPEAKERS to the
 *            stream's last event.
 * Invariants 1. Looks, and a recording's labels, do not depend on chunks, threads or load.
 *            2. Words never wait for labels: a final goes out with what is known.
 *            3. Nothing is lost when there is no segment for an event: it is said when there is one.
 */
#ifndef STENO_ENGINE_VOICES_INT_H
#define STENO_ENGINE_VOICES_INT_H

#include "engine/shard_int.h"
#include "engine/voice_rows.h"
#include "speakers/book.h"
#include "speakers/history.h"
#include "speakers/tracker.h"
#include "speakers/whole.h"

#define VOICE_RING        512 /* rows that wait for the network: 5 s */
#define VOICE_FRAMES      128 /* speech probabilities kept, a frame each: those of rows that wait for their mean, and more */
#define LOOK_ROWS         100 /* of speech in one look, at most … */
#define LOOK_MIN_ROWS     50  /* … and at least, */
#define LOOK_BLOCK_ROWS   8   /* so many of them in its newest block, */
#define LOOK_PAUSE_BLOCKS 2   /* with no longer pause within, */
#define LOOK_BLOCKS       6   /* from so many blocks */
#define VOICE_SPARE       8   /* segments that labels leave to words */

typedef enum voice_phase {
    VOICE_HEARING, /* audio still comes, or finals do */
    VOICE_REST,    /* no more: the rows that are left */
    VOICE_WHOLE,   /* the pass over all of it */
    VOICE_TELLING, /* what has changed, and turns */
    VOICE_OVER
} voice_phase;

struct voices {
    int slot;
    steno_speakers_options opt; /* .voices: known */
    steno_voice known[STENO_SPEAKERS_MAX];
    voice_phase phase;
    bool is_live, heard_all; /* heard_all: no more rows will come */
    bool queued, telling;    /* in the shard's queues */
    /* rows */
    mfcc_state mfcc;
    mfcc_mean mean;
    int64_t frames, rows; /* heard, normalised so far */
    float frame_speech[VOICE_FRAMES];
    float row[VOICE_RING][MFCC_CEPS];
    uint8_t row_speech[VOICE_RING]; /* 0 or 1 */
    /* blocks */
    int64_t blocks;   /* done; next is the block of rows from blocks * BLOCK_ROWS on */
    int64_t next_out; /* the row that the network's state says next; -1: it has to begin anew */
    xvector_state state;
    xvector_sums sums[LOOK_BLOCKS]; /* by block modulo */
    int16_t block_rows[LOOK_BLOCKS];
    /* labels */
    timeline line;
    tracker *track;
    history *past;
    book *said;
    book_shown shown; /* of the open utterance */
    bool merged;      /* a number has gone out of use */
    int64_t told;     /* blocks whose turns are out */
};

/* speakers_api.c */
STENO_CHECK steno_err voices_open_pool(steno_engine *e);
void voices_close_pool(steno_engine *e);

/* voices.c */
/* No more frames: all blocks may be made, and then comes the next phase. */
void voices_end_rows(shard *s, voices *v);
stream *voices_stream(const shard *s, const voices *v);

/* voices_say.c */
/* The timeline has grown, or there is something else to say. */
void voices_tell(shard *s, voices *v);
/* On with a stream whose phase has come to its end. */
void voices_next_phase(shard *s, voices *v);
/* Says what there is to say of streams that have; true when anything moved. */
bool voices_say_step(shard *s);

#endif
