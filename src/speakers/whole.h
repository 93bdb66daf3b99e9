/* whole.h: speakers of a whole recording, or of all of a live session: the count estimated, every block looked at again.
 *
 * Purpose    agglomerative clustering with bounded work, then resegmentation; in steps, so that a shard can do it between
 *            others' work.
 * Owner      the stream's home shard; fixed memory: a full history joins neighbours, so that it covers a session of any
 *            length ever more coarsely.
 */
#ifndef STENO_SPEAKERS_WHOLE_H
#define STENO_SPEAKERS_WHOLE_H

#include "speakers/timeline.h"

#define WHOLE_LOOKS 4096

typedef struct whole whole;

STENO_CHECK steno_err whole_open(whole **out);
void whole_reset(whole *w, const steno_speakers_options *o);
void whole_free(whole *w);
/* Remembers a look; `speaker` is who the tracker thinks it is (neighbours with the same are joined first). */
void whole_add(whole *w, const speakers_look *look, int speaker);
/* A few ms of work; true when it is over and `line` has been written. Numbers are those of `line` where people are the same,
 * else by who is heard first. */
bool whole_step(whole *w, timeline *line);

#endif
