/* speakers.h: what the people of a stream are called in transcripts, and where one stops and the next begins.
 *
 * Owner: anybody; values, no memory. A label is "S1", "S2" … in the order in which people were told apart, the name of an
 * enrolled voice, "other" (somebody who is none of the enrolled voices), or nothing while nobody can tell.
 */
#ifndef STENO_OUTPUT_SPEAKERS_H
#define STENO_OUTPUT_SPEAKERS_H

#include "privacy/released.h"

#define SPEAKER_LABEL_BYTES STENO_VOICE_NAME_BYTES
#define SPEAKER_LABEL_OTHER "other"

/* Of a stream: its first n_voices speakers are the enrolled voices that it was opened with. Zeroed: none are enrolled. */
typedef struct speaker_names {
    int n_voices;
    char voices[STENO_SPEAKERS_MAX][STENO_VOICE_NAME_BYTES];
} speaker_names;

/* Keeps the names of these voices, of STENO_SPEAKERS_MAX at most. */
void speaker_names_init(speaker_names *names, const steno_voice *voices, int n_voices);

/* The label of a speaker, perhaps in `room`; NULL while nobody can tell. */
const char *speaker_label(const speaker_names *names, int speaker, char room[SPEAKER_LABEL_BYTES]);
/* The name of an enrolled voice; NULL for anybody else. */
const char *speaker_voice(const speaker_names *names, int speaker);
/* Whose label it is, or STENO_SPEAKER_UNKNOWN. */
int speaker_of_label(const speaker_names *names, const char *label);

/* A stretch of a segment that one person speaks. A word whose speaker is not known belongs to the stretch before it, the
 * first ones to the stretch behind them: a text is not cut for what nobody can tell. */
typedef struct speaker_run {
    uint32_t first, behind; /* words [first, behind) */
    int speaker;
    size_t offset, bytes; /* of the text, without blanks at its ends */
    double start_s, end_s;
} speaker_run;

/* The next run; a zeroed one stands before the first. A segment without words is one run. */
bool speaker_run_next(const released_segment *s, speaker_run *run);

#endif
