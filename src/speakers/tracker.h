/* tracker.h: speakers told apart online: looks in, labels of blocks out.
 *
 * Purpose    who is speaking now, with the past in view and a bounded work a look: labels of the newest TRACKER_RECENT looks
 *            may change again, older ones only when two speakers turn out to be one, or are said to be.
 * Owner      the stream's home shard; fixed-size memory; pure: no clock, no log, no allocation after tracker_open(). The
 *            workspace is the shard's.
 * Invariants work a look is bounded by STENO_SPEAKERS_MAX, TRACKER_RECENT and TRACKER_FIT, not by the length of the session.
 */
#ifndef STENO_SPEAKERS_TRACKER_H
#define STENO_SPEAKERS_TRACKER_H

#include "speakers/history.h"
#include "speakers/timeline.h"
#include "speakers/vb.h"

#define TRACKER_RECENT 64  /* looks: 16 s of speech */
#define TRACKER_FIT    384 /* looks that speakers are fitted to now and then, spread over all of the session */

typedef struct tracker tracker;

typedef struct tracker_merge {
    int from, into; /* numbers in labels; from == -1: none */
} tracker_merge;

STENO_CHECK steno_err tracker_open(tracker **out);
/* `voices` of the options are copied. */
void tracker_reset(tracker *t, const steno_speakers_options *o);
void tracker_free(tracker *t);
/* A new look, in the order of time; it is remembered in `h`; labels of blocks are written to `line`, which has all blocks of
 * the look. *merge says whether two speakers became one (already renamed in `line` and `h`; where several did, the last of
 * them). A look that is not finite is passed over. */
void tracker_step(tracker *t, vb *w, history *h, const speakers_look *look, timeline *line, tracker_merge *merge);
/* Somebody says that two speakers are one, by their numbers in labels; of numbers that nobody has, nothing happens. `h` keeps
 * two voices of one person under two numbers: tracker_shown() is the one in labels. */
void tracker_merge_speakers(tracker *t, int from, int into, timeline *line);
/* The number in labels of one in the history. */
int tracker_shown(const tracker *t, int speaker);

#endif
