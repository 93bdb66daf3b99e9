/* redacted_wav.h: a recording once more, without the sound of what was redacted in its text.
 *
 * Purpose    the second pass over a recording that has been recognised: decoded by a confined child (media.h), covered
 *            (privacy/audio.h), written as WAV: 16 kHz, 16 bit, the channels there are.
 * Owner      the calling thread, which waits for the child; not for the network thread.
 * Invariants memory does not depend on the recording. What is written is what was recognised: a recording that has become longer,
 *            shorter or another file since costs an error, and what was written by then is the caller's to throw away.
 */
#ifndef STENO_API_REDACTED_WAV_H
#define STENO_API_REDACTED_WAV_H

#include "audio/media.h"
#include "privacy/audio.h"

#define REDACTED_WAV_CHANNELS_MAX 8

typedef struct redacted_wav {
    media_host *host;
    const char *path;
    const media_limits *limits;
    covered_times *times; /* [channels]: a channel's each, if they were recognised apart; else one for all */
    int channels;         /* as recognised: 1 if they were mixed */
    bool split;           /* they were recognised apart */
    int64_t frames;       /* as recognised */
    cover_kind kind;
    int stop_fd; /* readable: STENO_E_CANCELLED; -1: nothing stops it */
} redacted_wav;

/* Into `fd`, from where it stands. STENO_E_LIMIT: more than a WAV file holds (4 GiB); STENO_E_IO; STENO_E_FORMAT: it is not what was
 * recognised; and as media_read(). */
STENO_CHECK steno_err redacted_wav_write(const redacted_wav *w, int fd);

#endif
