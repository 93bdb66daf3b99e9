/* level.h: what the voice detector is given to hear: the first stage of its cascade.
 *
 * A stage: init / step / reset; no allocation, no clock, no I/O; one call a frame, so chunks cannot matter. Two things:
 *   - Gain. The detector misses words of quiet speakers (docs/vad.md). A stream whose loudest sound is quiet is made
 *     louder for the detector, and for it only: the recogniser's audio is not touched. Sound at a normal level gets a
 *     gain of exactly 1, bit for bit, and so does even noise, however quiet.
 *   - Gate. Digital silence, or what is far below anything audible, need not be heard at all once it has lasted: the
 *     detector then stands still. The first louder frame is heard, that very frame.
 * A gated frame is as if it had been cut out of the stream: the detector's state stays as it is, and the probability of
 * speech is LEVEL_GATED_PROB.
 * Owner: one stream. Plain memory, copyable.
 */
#ifndef STENO_LISTEN_LEVEL_H
#define STENO_LISTEN_LEVEL_H

#include "steno.h"

#define LEVEL_FRAME_SAMPLES 512
#define LEVEL_GATED_PROB    0.0f

/* A level is the RMS of a frame without its mean; a sine at full scale has -3 dBFS. A sound is a frame that stands out
 * from the room and is loud enough to be of use. */
#define LEVEL_GATE_DBFS   (-86.0f) /* quieter frames are silent, */
#define LEVEL_GATE_FRAMES 32       /* and after so many in a row the detector stands still: 1 s */
#define LEVEL_SOUND_DBFS  (-80.0f) /* a sound is at least this loud, */
#define LEVEL_SOUND_DB    10.0f    /* and this much louder than the room */
#define LEVEL_ROOM_FRAMES 48       /* the room is the quietest frame of the last one or two times this: 1.5 s to 3 s */
#define LEVEL_NORMAL_DBFS (-33.0f) /* a stream whose loudest sound is at least this loud is left alone; */
#define LEVEL_TARGET_DBFS (-13.0f) /* a quieter one is brought here, */
#define LEVEL_MAX_GAIN_DB 50.0f    /* as far as this goes */
#define LEVEL_SURE_FRAMES 4        /* so many low sounds are listened to before the gain first rises: 128 ms */
#define LEVEL_FALL_DB_S   4.0f     /* the loudest sound is forgotten this fast, in seconds of sound, not of silence */

typedef struct level {
    float gain;              /* at the end of the frame before */
    float loudest;           /* power of the loudest sound, as far as it is remembered */
    float room, room_before; /* quietest power in this span of LEVEL_ROOM_FRAMES, and in the one before */
    int32_t room_frames;     /* in this span */
    int32_t sure_frames;     /* low sounds so far, up to LEVEL_SURE_FRAMES */
    int32_t silent_frames;   /* in a row, up to LEVEL_GATE_FRAMES */
} level;

/* The start of a stream. */
void level_reset(level *s);

/* Hears one frame of LEVEL_FRAME_SAMPLES, finite, and multiplies it by the gain in place. False: the frame is gated, and
 * left as it is. */
bool level_step(level *s, float *pcm);

#endif
