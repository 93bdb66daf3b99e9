/* tracker.h: speakers told apart online: looks in, labels of blocks out.
 *
 * Purpose    who is speaking now, with the past in view and a bounded work a look: labels of the newest TRACKER_RECENT_S may
 *            change again, older ones only when two speakers turn out to be one.
 * Owner      the stream's home shard; fixed-size memory; pure: no clock, no log, no allocation after tracker_open().
 * Invariants work a look is bounded by STENO_SPEAKERS_MAX and TRACKER_RECENT_S, not by the length of the session.
 */
#ifndef STENO_SPEAKERS_TRACKER_H
#define STENO_SPEAKERS_TRACKER_H

#include "speakers/timeline.h"

#define TRACKER_RECENT_S 30

typedef struct tracker tracker;

typedef struct tracker_merge {
    int from, into; /* from == -1: none */
} tracker_merge;

/* `voices` of the options are copied. */
STENO_CHECK steno_err tracker_open(tracker **out);
void tracker_reset(tracker *t, const steno_speakers_options *o);
void tracker_free(tracker *t);
/* A new look, in the order of time; labels of blocks are written to `line`, which has all blocks of the look. *merge says
 * whether two speakers became one (already renamed in `line`). */
void tracker_step(tracker *t, const speakers_look *look, timeline *line, tracker_merge *merge);
/* Somebody says that two speakers are one. */
void tracker_merge_speakers(tracker *t, int from, int into, timeline *line);
int tracker_speakers(const tracker *t); /* so far */

#endif
