/* live_source.h: where a live stream's audio comes from: a recording, decoded in the confined child, or raw samples (or a
 * WAV file) on a pipe, as microphone programs write them. What comes out is 16 kHz, one channel.
 *
 * Owner: the main thread. Reading never blocks: wait for live_source_fd() first.
 */
#ifndef STENO_CMD_LIVE_SOURCE_H
#define STENO_CMD_LIVE_SOURCE_H

#include "audio/media.h"
#include "audio/pcm.h"
#include "base/err.h"

#define LIVE_SOURCE_HEADER_BYTES PCM_PIECE_BYTES_MAX /* a WAV header on a pipe is no longer */

typedef struct live_source {
    media *media; /* or a pipe: */
    int fd;
    pcm pcm;
    bool sniffed, ended, flushed;             /* what stands at the front is known; no more bytes; no more samples */
    unsigned char bytes[PCM_PIECE_BYTES_MAX]; /* read and not yet decoded */
    size_t n_bytes;
    float samples[PCM_OUT_MAX]; /* decoded and not yet handed out: [at, have) */
    size_t at, have;
} live_source;

/* "s16le", "f32le", "mulaw" or "alaw", with or without "pcm_". */
bool live_encoding_find(const char *name, pcm_encoding *out);

STENO_CHECK steno_err live_source_open_media(live_source *s, media_host *host, const char *path);
/* `format` is what the samples are if the pipe does not begin with a WAV header. */
void live_source_open_pipe(live_source *s, int fd, const pcm_format *format);
void live_source_close(live_source *s);

int live_source_fd(const live_source *s);

/* Up to `cap` samples. *got = 0: STENO_E_AGAIN nothing now, STENO_OK the end. An error comes after the samples before it. */
STENO_CHECK steno_err live_source_read(live_source *s, float *out, size_t cap, size_t *got);

/* A WAV header at the front of n bytes. Returns its length and fills in `format`; 0: not a WAV header; -1: more bytes are
 * needed; -2: a WAV header of something that cannot be streamed. */
int live_wav_header(const unsigned char *bytes, size_t n, pcm_format *format);

#endif
