/* level.h: what the voice detector is given to hear: the first stage of its cascade.
 *
 * A stage: init / step / reset; no allocation, no clock, no I/O; one call a frame, so chunks cannot matter. Two things:
 *   - Gain. The detector misses words of quiet speakers (docs/vad.md). A stream whose loudest sound is quiet is made
 *     louder for the detector, and for it only: the recogniser's audio is not touched. Sound at a normal level gets a
 *     gain of exactly 1, bit for bit, and so does noise that is no louder than it was before.
 *   - Gate. Digital silence, or what is far below anything audible, need not be heard at all once it has lasted: the
 *     detector then stands still. The first louder frame is heard, that very frame.
 * A gated frame is as if it had been cut out of the stream: the detector's state stays as it is and the probability of
 * speech is LEVEL_GATED_PROB.
 * Owner: one stream. Plain memory, copyable.
 */
#ifndef STENO_LISTEN_LEVEL_H
#define STENO_LISTEN_LEVEL_H

#include "steno.h"

#define LEVEL_FRAME_SAMPLES 512
#define LEVEL_GATED_PROB    0.0f

/* Levels are the RMS of a frame without its mean. Below, "dBFS" of a sine at full scale is -3. */
#define LEVEL_GATE_DBFS    (-86.0f) /* quieter frames are silent … */
#define LEVEL_GATE_FRAMES  32       /* … and after so many in a row the detector stands still: 1 s */
#define LEVEL_NORMAL_DBFS  (-33.0f) /* a stream whose loudest frames are at least this loud is left alone, */
#define LEVEL_TARGET_DBFS  (-13.0f) /* a quieter one is brought here, */
#define LEVEL_MAX_GAIN_DB  50.0f    /* as far as this goes */
#define LEVEL_ABOVE_DB     10.0f    /* a frame this much louder than the room is a sound */
#define LEVEL_SOUND_FRAMES 4        /* so many sounds are listened to before the gain changes: 128 ms */
#define LEVEL_FALL_DB_S    4.0f     /* the loudest sound is forgotten this fast, counted in sounds and not in silence */
#define LEVEL_ROOM_FRAMES  48       /* the room is the quietest frame of the last one or two times this: 1.5 s to 3 s */

typedef struct level {
    float gain;               /* applied to the frame before, at its end */
    float loudest;            /* power of the loudest sound that is remembered */
    float heard;              /* power of the loudest of the first sounds … */
    float room, room_before;  /* quietest power in this span of LEVEL_ROOM_FRAMES and in the one before */
    int32_t sounds;           /* … how many there were, up to LEVEL_SOUND_FRAMES */
    int32_t room_frames;      /* in this span */
    int32_t silent_frames;    /* in a row, up to LEVEL_GATE_FRAMES */
} level;

void level_init(level *s);

/* Back to the start of a stream. */
void level_reset(level *s);

/* One frame of LEVEL_FRAME_SAMPLES, finite, scaled in place by the gain. False: it is gated and need not be heard (and
 * is not scaled). */
bool level_step(level *s, float *pcm);

#endif
