/* bench_speakers_tally.h: what a live stream said about who speaks, and when it said so, against the truth.
 *
 * Purpose    figures of `steno bench speakers`. Time is that of the audio: something counts as known as soon as so much audio
 *            had gone in when it came out. A label at latency L is the last one that came at most L after the end of its block
 *            (speakers/look.h). The pass over everything at the end is no part of that, whatever the latency.
 * Owner      the main thread; owned arrays. Pure but for memory.
 */
#ifndef STENO_CMD_BENCH_SPEAKERS_TALLY_H
#define STENO_CMD_BENCH_SPEAKERS_TALLY_H

#include "cmd/bench_samples.h"
#include "privacy/released.h"
#include "speakers/rttm.h"

#define TALLY_CELL_MS       10
#define TALLY_LATENCIES_MAX 4
#define TALLY_END_S         1.0
#define TALLY_EDGE_S        0.5 /* of a message, beyond its first and last word */
#define TALLY_TURN_MIN_S    1.0 /* shorter turns of the truth need no label of their own */
#define TALLY_NEAR_S        0.3 /* a word may begin so long before its speaker does */
#define TALLY_IDENTIFY_S    2.0 /* of speech; what comes later in a turn should be known */
#define TALLY_MESSAGES_MAX  65536

/* Figures that add up over recordings. */
typedef struct tally_figures {
    bench_samples first_label; /* seconds from the start of a turn to the first label of a message of it */
    bench_samples first_turn;  /* the same of STENO_EVENT_TURNS */
    uint64_t turns,
        unlabelled; /* turns of the truth of TALLY_TURN_MIN_S or longer; of them, without any label in time */
    uint64_t messages, revisions; /* finals with words; STENO_EVENT_SPEAKERS */
    uint64_t words, relabelled;   /* of finals; changes from one label to another */
    uint64_t broken;              /* changes of what was said to be fixed, or of any label where none may change */
    double identified_s, mistaken_s,
        unnamed_s; /* ENROLLED: after TALLY_IDENTIFY_S of a turn in which nobody else speaks */
} tally_figures;

typedef struct tally_message {
    uint32_t n_words;
    bool fixed;
    int8_t *speaker; /* owned [n_words] */
} tally_message;

typedef struct tally {
    const rttm *ref; /* or NULL: there is no truth */
    const rttm_recording *of;
    bool never_changes; /* the contract's promise */
    int n_voices;
    const steno_voice *voices;
    double latency_s[TALLY_LATENCIES_MAX];
    int n_latencies;
    bool
        ended; /* by the caller: all audio is in, and what comes now is said of all of it: that counts for the last second */
    uint32_t *cells[TALLY_LATENCIES_MAX]; /* owned [n_cells]: a bit a speaker, from STENO_SPEAKER_OTHER on */
    size_t n_cells;
    bool *labelled, *told;  /* owned [of->n]: turns of the truth that have a label */
    tally_message *message; /* owned [n_messages], by id */
    size_t n_messages;
    tally_figures *figures;
} tally;

/* STENO_E_NOMEM; the pointers of *t's options are filled in by the caller before. */
STENO_CHECK steno_err tally_open(tally *t, double length_s);
void tally_close(tally *t);
/* STENO_EVENT_TURNS: replaces what was said of the time from its first start to its last end. */
void tally_turns(tally *t, double heard_s, const steno_turn *turns, uint32_t n);
/* PARTIAL, SEGMENT or SPEAKERS; the last two also change whose the turns under their words are. */
STENO_CHECK steno_err tally_segment(tally *t, double heard_s, steno_event_kind kind, const released_segment *segment);
/* At the end: what is only known then. */
void tally_finish(tally *t);

/* Where a walk over the timeline goes on; zeroed: at its beginning. */
typedef struct tally_walk {
    int speaker;
    size_t cell;
} tally_walk;
/* The timeline at a latency as turns, speaker after speaker. False: no more. */
bool tally_next_turn(const tally *t, int latency, tally_walk *at, steno_turn *out);

void tally_figures_free(tally_figures *f);

#endif
