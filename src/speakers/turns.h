/* turns.h: a timeline's blocks as turns: stretches of one person. Pure. */
#ifndef STENO_SPEAKERS_TURNS_H
#define STENO_SPEAKERS_TURNS_H

#include "speakers/timeline.h"

/* Turns of blocks [*from, end), in the order of their beginnings, as many as fit into out [cap], cap >= 2; *from
 * moves on to where they end. A turn that goes on beyond is cut there, and goes on in the next call's. A turn begins and
 * ends within a block where the block before it, or behind it, is silent. Speech of nobody known is a turn of UNKNOWN. */
int turns_of(const timeline *t, int64_t *from, int64_t end, steno_turn *out, int cap);

#endif
