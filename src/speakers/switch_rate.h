/* switch_rate.h: how often a person's label changes from one of their turns to the next.
 *
 * Purpose    what a reader of live text suffers most from, and DER hardly shows. Of each speaker of the reference, the stretches
 *            in which they alone speak for SWITCH_STRETCH_S or longer are taken in the order of time; the label of a stretch is
 *            the one heard longest in it. A switch is a label other than that of the speaker's stretch before. Stretches in which
 *            nobody was heard have no label and are left out. Rate = switches / stretches that have one before them.
 * Owner      pure; any thread.
 */
#ifndef STENO_SPEAKERS_SWITCH_RATE_H
#define STENO_SPEAKERS_SWITCH_RATE_H

#include "speakers/rttm.h"

#define SWITCH_STRETCH_S 1.0

typedef struct switch_counts {
    uint64_t stretches; /* of SWITCH_STRETCH_S or longer */
    uint64_t unheard;   /* of them, without a label */
    uint64_t pairs;     /* labelled stretches with one of the same speaker before them */
    uint64_t switches;
} switch_counts;

/* Of one recording; hyp_recording is NULL when nothing was heard. STENO_E_NOMEM. */
STENO_CHECK steno_err switch_rate(const rttm *ref, const rttm_recording *ref_recording, const rttm *hyp,
                                  const rttm_recording *hyp_recording, switch_counts *out);
void switch_add(switch_counts *total, const switch_counts *c);
double switch_percent(const switch_counts *c); /* 0 without pairs */

#endif
