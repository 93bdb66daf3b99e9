/* pcm.h: raw samples of a live stream, in pieces of any size -> 16 kHz mono float.
 *
 * Owner: one thread a stream. Plain arithmetic on bytes and a resampler that is made with the first sample, so that a
 * stream nobody speaks into costs little. Chunked equals whole: where pieces are cut changes nothing. Times do not shift:
 * sample i of the output stands at i / 16000 s of the input; what the filter holds back (a few ms) pcm_flush() hands out,
 * but for a stream that is shorter than the filter (2 ms), which may come out shorter or empty.
 */
#ifndef STENO_AUDIO_PCM_H
#define STENO_AUDIO_PCM_H

#include "base/err.h"

#define PCM_MIN_HZ          8000
#define PCM_MAX_HZ          48000
#define PCM_MAX_CHANNELS    2
#define PCM_PIECE_BYTES_MAX 4096  /* of one pcm_push() */
#define PCM_OUT_MAX         10240 /* samples one pcm_push() or pcm_flush() hands out at most */

typedef enum pcm_encoding { PCM_S16LE, PCM_F32LE, PCM_MULAW, PCM_ALAW } pcm_encoding;

typedef struct pcm_format {
    pcm_encoding encoding;
    int rate_hz, channels; /* channels are mixed */
} pcm_format;

struct SwrContext;

/* Zeroed with a format is ready. */
typedef struct pcm {
    pcm_format format;
    struct SwrContext *resampler; /* NULL until needed */
    unsigned char carry[8];       /* the front of a sample whose rest has not come */
    unsigned n_carry;
} pcm;

/* Bytes of one sample of every channel. */
unsigned pcm_frame_bytes(const pcm_format *f);

/* Takes n <= PCM_PIECE_BYTES_MAX bytes; *frames of the client's own rate were complete, *got samples came out (of
 * PCM_OUT_MAX at most). STENO_E_FORMAT: a float that is no number; the state is as if the piece had not come. */
STENO_CHECK steno_err pcm_push(pcm *p, const unsigned char *bytes, size_t n, float *out, size_t *got, size_t *frames);

/* Forgets half a sample: the connection that sent it is gone. */
void pcm_drop_carry(pcm *p);

/* The end: what the resampler holds. pcm_free() is next. */
STENO_CHECK steno_err pcm_flush(pcm *p, float *out, size_t *got);

void pcm_free(pcm *p);

#endif
