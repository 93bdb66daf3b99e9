/* timeline.h: who speaks in each block of a stream, as it is known now.
 *
 * Purpose    trackers write it; words, turns and revisions are read from it.
 * Owner      the stream's home shard; plain memory with an owned array of fixed size.
 * Invariants constant memory: the newest TIMELINE_BLOCKS blocks are kept, older ones are UNKNOWN and cannot be set.
 */
#ifndef STENO_SPEAKERS_TIMELINE_H
#define STENO_SPEAKERS_TIMELINE_H

#include "speakers/look.h"

#define TIMELINE_BLOCKS 131072 /* 9.1 hours */

typedef struct timeline_block {
    int8_t speaker; /* 0 .. STENO_SPEAKERS_MAX - 1, UNKNOWN, OTHER or SILENCE */
    uint8_t margin; /* 0..255: how much better the speaker fits than the next one */
    uint8_t speech; /* 0..255: share of the block that is speech */
} timeline_block;

typedef struct timeline {
    timeline_block *blocks; /* owned [TIMELINE_BLOCKS], by block number modulo */
    int64_t end;            /* blocks there are */
    int64_t changed_first,
        changed_end; /* blocks set to another label since timeline_unchanged(); empty: first == end */
} timeline;

STENO_CHECK steno_err timeline_init(timeline *t);
void timeline_reset(timeline *t);
void timeline_free(timeline *t);
/* Appends blocks up to `end`, as SILENCE or, from `speech` > 0 on, UNKNOWN. */
void timeline_append(timeline *t, int64_t block, float speech);
void timeline_set(timeline *t, int64_t block, int speaker, float margin);
/* Everybody called `from` is called `into`. */
void timeline_rename(timeline *t, int from, int into);
timeline_block timeline_at(const timeline *t, int64_t block); /* SILENCE outside */
void timeline_unchanged(timeline *t);
/* Who speaks most of [start_s, end_s), by speech; *margin (may be NULL) is the mean of those blocks' margins. */
int timeline_who(const timeline *t, double start_s, double end_s, float *margin);

#endif
