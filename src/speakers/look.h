/* look.h: what the stages of src/speakers hand each other.
 *
 * Purpose  time is cut into blocks; a look is one embedding of a few blocks of speech.
 * Units    blocks of SPEAKERS_BLOCK_MS since the stream began.
 */
#ifndef STENO_SPEAKERS_LOOK_H
#define STENO_SPEAKERS_LOOK_H

#include "base/err.h"

#define SPEAKERS_BLOCK_MS    250
#define SPEAKERS_DIM         STENO_VOICE_FLOATS
#define SPEAKERS_UNKNOWN     STENO_SPEAKER_UNKNOWN
#define SPEAKERS_OTHER       STENO_SPEAKER_OTHER
#define SPEAKERS_SPEECH_PROB 0.5f /* what the VAD calls so likely is heard: by streams and enrolments alike */
#define SPEAKERS_SILENCE     (-3) /* of a block: nobody speaks */

typedef struct speakers_look {
    int64_t first, end;    /* blocks [first, end) it was pooled from */
    float speech_s;        /* of speech in them */
    float e[SPEAKERS_DIM]; /* xvector_embed() through backend_project() */
} speakers_look;

#endif
