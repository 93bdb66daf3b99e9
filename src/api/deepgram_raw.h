/* deepgram_raw.h: a WAV header in front of an upload of bare samples, so that they are decoded like any other file.
 *
 * Owner: the network thread. Pure but for deepgram_raw_length(), which writes to a file.
 */
#ifndef STENO_API_DEEPGRAM_RAW_H
#define STENO_API_DEEPGRAM_RAW_H

#include "audio/pcm.h"

#define DEEPGRAM_RAW_BYTES 44

/* The header of samples without an end. */
void deepgram_raw_header(const pcm_format *f, unsigned char out[DEEPGRAM_RAW_BYTES]);
/* Once it is known how many bytes of samples came. */
STENO_CHECK steno_err deepgram_raw_length(int fd, uint64_t bytes);
/* Whether an upload that was said to be bare samples begins with a header of its own. */
bool deepgram_raw_has_header(const unsigned char *bytes, size_t n);

#endif
