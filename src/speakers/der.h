/* der.h: diarization error rate of what was heard against what was said.
 *
 * Purpose    DER = (missed + false alarm + confusion) / speech of the reference, in time of speakers: where two speak, two count.
 *            Speakers are matched one to one so that they agree as long as possible (assign.h), a recording at a time.
 * Source     NIST's Rich Transcription evaluations (md-eval-22), which it agrees with: docs/scoring.md.
 * Owner      pure; any thread.
 */
#ifndef STENO_SPEAKERS_DER_H
#define STENO_SPEAKERS_DER_H

#include "speakers/rttm.h"

#define DER_SPEAKERS_MAX 1000 /* of a recording, on either side */

typedef struct der_options {
    double collar_s; /* nothing is scored so close to a start or an end of the reference's turns */
    bool no_overlap; /* nothing is scored where the reference has more than one speaker */
    const rttm *uem; /* or NULL: from the first start to the last end of the reference's turns */
} der_options;

typedef struct der_counts {
    double reference_s; /* speech, by speaker */
    double missed_s, false_alarm_s, confusion_s;
    double scored_s; /* of the recording, whoever speaks */
    int ref_speakers, hyp_speakers;
} der_counts;

/* Scores one recording; hyp is NULL when nothing was heard. map[i] [ref->n_speakers], may be NULL: the hypothesis' speaker of
 * each of the reference, or -1. STENO_E_LIMIT, STENO_E_NOMEM. */
STENO_CHECK steno_err der_score(const rttm *ref, const rttm_recording *ref_recording, const rttm *hyp,
                                const rttm_recording *hyp_recording, const der_options *o, der_counts *out, int *map);
void der_add(der_counts *total, const der_counts *c);
/* In percent; 0 without speech in the reference. */
double der_percent(const der_counts *c);

#endif
