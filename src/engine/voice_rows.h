/* voice_rows.h: how audio becomes rows and blocks for the speaker network, of streams and of enrolments alike.
 *
 * Purpose    voice prints and looks compare only if both are made the same way: so these numbers stand in one place.
 */
#ifndef STENO_ENGINE_VOICE_ROWS_H
#define STENO_ENGINE_VOICE_ROWS_H

#include "audio/mfcc.h"
#include "speakers/look.h"

#define VOICE_MEAN_AHEAD 10 /* rows that the mean looks ahead: part of how late a label is */
#define BLOCK_ROWS       (SPEAKERS_BLOCK_MS / MFCC_HOP_MS)

#endif
