/* deepgram_turn.h: one channel of a live stream: engine events as Deepgram's Results, UtteranceEnd and SpeechStarted.
 *
 * Owner      the network thread. Pure: events and times in, JSON out; NULL: no memory.
 * Invariants what is final covers the time of a channel once, without gaps: each span begins where the last final one ended.
 *            The texts of results that are final, up to one that says speech_final, are an utterance.
 */
#ifndef STENO_API_DEEPGRAM_TURN_H
#define STENO_API_DEEPGRAM_TURN_H

#include "api/deepgram_about.h"
#include "privacy/released.h"

#define DEEPGRAM_HEARING_MS 300 /* how long the engine may take to tell that somebody speaks */

/* Zeroed is ready. */
typedef struct deepgram_turn {
    double covered_s;   /* final up to here */
    double word_end_s;  /* of the last word */
    bool speaking;      /* an utterance is open */
    bool end_due;       /* words came, and no UtteranceEnd yet */
    bool unended;       /* words are final that no speech_final has followed */
    bool finalize_said; /* by a final, so that FINALIZED need not */
} deepgram_turn;

/* PARTIAL or SEGMENT. */
json_t *deepgram_turn_words(deepgram_turn *t, const deepgram_about *a, int channel, const released_event *e);
/* SPEECH; said only if asked for. */
json_t *deepgram_turn_speech(deepgram_turn *t, const deepgram_about *a, int channel, const released_event *e);

/* FINALIZED: a last word is due unless a final has said it; `audio_s`: what has come in. */
bool deepgram_turn_finalized(deepgram_turn *t);
json_t *deepgram_turn_finalize(deepgram_turn *t, const deepgram_about *a, int channel, double audio_s);

/* The stream is over: whether its last words still wait for their speech_final, and that. */
bool deepgram_turn_open_ended(const deepgram_turn *t, const deepgram_about *a);
json_t *deepgram_turn_close(deepgram_turn *t, const deepgram_about *a, int channel, double audio_s);

/* Whether nobody has spoken for utterance_end_ms, after `audio_s` have come in. */
bool deepgram_turn_ended(const deepgram_turn *t, const deepgram_about *a, double audio_s);
json_t *deepgram_turn_end(deepgram_turn *t, const deepgram_about *a, int channel);

#endif
