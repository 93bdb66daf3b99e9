/* media_whole.h: a whole recording into memory, through the confined child of media.h.
 *
 * Purpose    for short recordings that are looked at as a whole, such as those that enrol a voice.
 * Owner      the calling thread, which waits for the child; not for the network thread.
 */
#ifndef STENO_AUDIO_MEDIA_WHOLE_H
#define STENO_AUDIO_MEDIA_WHOLE_H

#include "audio/media.h"

#include <stdatomic.h>

/* 16 kHz mono audio of one or more recordings, behind each other. Zeroed is empty. */
typedef struct media_audio {
    float *pcm; /* owned [room] */
    size_t n, room;
} media_audio;

/* Appends all channels' average of a recording. STENO_E_LIMIT: there would be more than max_s in all. STENO_E_CANCELLED: *stop
 * became true (NULL: it never does). Otherwise as media_read(): a truncated file is an error here. */
STENO_CHECK steno_err media_append(media_host *h, const char *path, const media_limits *limits, double max_s,
                                   const atomic_bool *stop, media_audio *out);
/* Silence behind what there is, so that two recordings do not run into each other. */
STENO_CHECK steno_err media_append_silence(media_audio *out, double seconds);
void media_audio_free(media_audio *a); /* wipes it */

#endif
