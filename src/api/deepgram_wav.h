/* deepgram_wav.h: a WAV file that comes in as a live stream, in pieces of any size: what it holds, and where its samples are.
 *
 * Owner      the network thread, one a stream. Reads headers only; hostile bytes are refused, never believed.
 * Invariants at most DEEPGRAM_WAV_KEPT bytes are kept. Files may follow each other, as recorders in browsers send them, if
 *            their formats are the same.
 */
#ifndef STENO_API_DEEPGRAM_WAV_H
#define STENO_API_DEEPGRAM_WAV_H

#include "audio/pcm.h"

#define DEEPGRAM_WAV_KEPT 40 /* the longest format chunk that is looked at */

/* Zeroed is ready. */
typedef struct deepgram_wav {
    enum { WAV_RIFF, WAV_CHUNK, WAV_FORMAT, WAV_SKIP, WAV_DATA } state;
    unsigned char kept[DEEPGRAM_WAV_KEPT];
    unsigned n_kept;
    uint64_t left; /* bytes of this chunk; of endless data: UINT64_MAX */
    bool pad;      /* a byte follows this chunk */
    bool known;    /* the format is */
    bool begun;    /* samples have come */
    pcm_format format;
} deepgram_wav;

/* Takes bytes up to the next stretch of samples, which is in *audio [*n_audio], and its bytes too; *used of n were taken.
 * To be called again for the rest. STENO_E_FORMAT: no WAV file, with what it seems to be; STENO_E_UNSUPPORTED: samples in a
 * format that is not for live streams. */
STENO_CHECK steno_err deepgram_wav_push(deepgram_wav *w, const unsigned char *bytes, size_t n, size_t *used,
                                        const unsigned char **audio, size_t *n_audio);

#endif
