/* sweep_int.h: time from left to right: the stretches in which the same people speak.
 *
 * Purpose    der.c and switch_rate.c look at a recording as a row of such stretches.
 * Owner      the caller; plain memory, owned arrays.
 */
#ifndef STENO_SPEAKERS_SWEEP_INT_H
#define STENO_SPEAKERS_SWEEP_INT_H

#include "speakers/rttm.h"

typedef enum sweep_side { SWEEP_REF, SWEEP_HYP, SWEEP_SCORED, SWEEP_CLOSED, SWEEP_SIDES } sweep_side;

typedef struct sweep_edge {
    double at_s;
    sweep_side side;
    int step; /* 1: begins, -1: ends */
    uint32_t speaker;
} sweep_edge;

/* Who is active on a side, in no order. */
typedef struct sweep_active {
    uint32_t *speaker; /* owned [n of the side] */
    uint32_t *place;   /* owned: where a speaker stands in speaker[] */
    uint32_t n;
} sweep_active;

typedef struct sweep {
    sweep_edge *edge; /* owned [cap] */
    size_t n, cap, next;
    sweep_active active[SWEEP_SIDES];
    int depth[SWEEP_SIDES]; /* of SCORED and CLOSED */
    double from_s, to_s;    /* the stretch */
} sweep;

/* Room for so many stretches and speakers. */
STENO_CHECK steno_err sweep_open(sweep *s, size_t spans, uint32_t ref_speakers, uint32_t hyp_speakers);
void sweep_close(sweep *s);
void sweep_add(sweep *s, sweep_side side, uint32_t speaker, double from_s, double to_s);
void sweep_add_turns(sweep *s, sweep_side side, const rttm *r, const rttm_recording *recording); /* NULL: none */
/* Sorts; then each sweep_next() finds the next stretch that is not empty, from the beginning. */
void sweep_rewind(sweep *s);
bool sweep_next(sweep *s);

#endif
