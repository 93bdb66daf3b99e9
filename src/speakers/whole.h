/* whole.h: speakers of a whole recording, or of all of a live session: the count estimated, every block looked at again.
 *
 * Purpose    a clustering (cluster.h), then blocks; in steps, so that a shard can do it between others' work. Where the history
 *            has a look now and then only, labels that the line has already tell what is between them.
 * Owner      the stream's home shard. The workspace is the shard's: one stream at a time, from whole_begin() to the end.
 */
#ifndef STENO_SPEAKERS_WHOLE_H
#define STENO_SPEAKERS_WHOLE_H

#include "speakers/cluster.h"
#include "speakers/timeline.h"

/* One pass; plain memory. */
typedef struct whole {
    cluster c;
    int voices;
    bool renumber, clustered, over;
    int at;
    int64_t block;
    int name[VB_SPEAKERS];                        /* of each speaker found */
    float meant[STENO_SPEAKERS_MAX][VB_SPEAKERS]; /* whom a label of the line means: root of the probability */
} whole;

/* `renumber`: no label was told yet, people are numbered in the order in which they are heard. Otherwise they keep the numbers
 * that the history has for them. Enrolled voices keep theirs always. */
void whole_begin(whole *p, vb *w, const history *h, const steno_speakers_options *o, bool renumber);
/* A few ms of work, whatever the session's length; true when it is over and `line` has been written. */
STENO_CHECK bool whole_step(whole *p, timeline *line);

#endif
