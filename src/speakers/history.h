/* history.h: the looks of a stream, remembered in constant memory.
 *
 * Purpose    what clustering looks back on. At first every look is kept; whenever the history is full, those that end less
 *            than twice as many blocks after the one before go, and from then on looks are taken only so far apart: so it
 *            covers a session of any length, ever more coarsely.
 * Owner      the stream's home shard; plain memory, no pointers.
 * Invariants in the order of time, their ends at least `stride` blocks apart; never more than HISTORY_LOOKS.
 */
#ifndef STENO_SPEAKERS_HISTORY_H
#define STENO_SPEAKERS_HISTORY_H

#include "speakers/look.h"

#define HISTORY_LOOKS 4096 /* 17 minutes of speech with a look every 250 ms; 4.5 hours with one every 4 s */

typedef struct history_look {
    int32_t first, end;      /* blocks */
    int16_t z[SPEAKERS_DIM]; /* in 1 / HISTORY_SCALE */
    int8_t speaker;          /* who the tracker thinks it is, or UNKNOWN */
} history_look;

#define HISTORY_SCALE 2048.0f

typedef struct history {
    int n, stride; /* blocks from the end of one to that of the next, at least; a power of two */
    history_look look[HISTORY_LOOKS];
} history;

void history_reset(history *h);
/* In the order of time; finite. Returns its place, or -1: it was not kept. */
int history_add(history *h, const speakers_look *look, int speaker);
/* Everybody called `from` is called `into`. */
void history_rename(history *h, int from, int into);
/* z [SPEAKERS_DIM] of one. */
void history_get(const history_look *l, float *z);

#endif
