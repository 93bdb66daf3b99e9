/* enrol.h: whether recordings of somebody are good for a voice print, and the print.
 *
 * Purpose    what was heard of a person (looks of its speech, levels of its sound) -> a steno_enrolment and a verdict with a
 *            reason fit for people.
 * Owner      whoever enrols; pure: no clock, no log, no allocation.
 * Invariants order and number of frames a call do not matter to the sound; the same looks give the same print, bit for bit.
 */
#ifndef STENO_SPEAKERS_ENROL_H
#define STENO_SPEAKERS_ENROL_H

#include "speakers/look.h"

/* The network, what it is fed and the space of its looks: prints are compared with those of the same ones only. */
#define ENROL_MODEL "xvector-callhome/2"

/* Looks of a recording to enrol: so many blocks, a new one each so many. The same length as a live stream's. */
#define ENROL_LOOK_BLOCKS   6
#define ENROL_HOP_BLOCKS    3
#define ENROL_LOOK_SPEECH_S 0.6f /* with less speech it is no look */

/* Where the verdicts lie; docs/speakers.md says by which measurements. */
#define ENROL_PAUSE_PROB    0.2f
#define ENROL_MIN_SNR_DB    10.0
#define ENROL_MAX_CLIPPED   0.01
#define ENROL_SECOND_SHARE  0.12f /* of the looks' speech: a second voice that is heard for less is a cough */
#define ENROL_SAME_LIKENESS 0.58f /* of two prints: above it they are of one person */
/* How alike the two halves of one voice are depends on how much there is of it: at 5 s, more for each second, at most. */
#define ENROL_MIN_UNITY 0.48
#define ENROL_UNITY_A_S 0.005
#define ENROL_MAX_UNITY 0.56

#define ENROL_LEVELS 100 /* -100 .. -1 dBFS, 1 dB each */

/* Levels of frames as they come. Plain memory. */
typedef struct enrol_sound {
    uint32_t speech[ENROL_LEVELS], pause[ENROL_LEVELS]; /* frames by their level */
    double speech_power;                                /* sum over speech frames of the mean square */
    int64_t speech_frames, pause_frames;
    int64_t speech_samples, at_limit; /* of speech frames; at the limits, with their neighbours */
} enrol_sound;

void enrol_sound_reset(enrol_sound *s);
/* One frame of n samples in -1..1 and its probability of speech. */
void enrol_sound_step(enrol_sound *s, const float *pcm, int n, float prob);

typedef enum enrol_verdict {
    ENROL_GOOD,
    ENROL_TOO_SHORT,
    ENROL_CLIPPED,
    ENROL_TOO_NOISY,
    ENROL_TWO_VOICES,
    ENROL_VERDICTS
} enrol_verdict;

/* "too_short", …: for programs. */
const char *enrol_verdict_name(enrol_verdict v);

/* looks [n] in the order of time; speech_s of all recordings. *out is filled in whatever the verdict; without looks the print is
 * zeros. */
void enrol_measure(const speakers_look *looks, int n, double speech_s, const enrol_sound *sound, steno_enrolment *out);
/* The first of what is wrong. */
enrol_verdict enrol_judge(const steno_enrolment *e);
/* STENO_OK, or STENO_E_INVALID with what is wrong and what to do about it. */
STENO_CHECK steno_err enrol_check(const steno_enrolment *e);

/* -1..1: how alike two prints or looks are, by their angle. */
float enrol_likeness(const float a[SPEAKERS_DIM], const float b[SPEAKERS_DIM]);

#endif
