/* align.h: cross-attention -> token times, by dynamic time warping.
 *
 * Source: Sakoe & Chiba 1978 (DTW); the use of cross-attention for word times follows OpenAI Whisper's timing scheme:
 * weights normalised per frame over tokens, median-filtered over time, then the cheapest monotonic path.
 * Unlike there, every token gets at least one frame and the path may start late and end early, so that the lead and the
 * tail of a span belong to no word. Pure functions; scratch is the caller's; about tokens * frames steps.
 */
#ifndef STENO_LISTEN_ALIGN_H
#define STENO_LISTEN_ALIGN_H

#include "steno.h"

/* Bytes of scratch for align_tokens(), which wants it aligned for floats. */
size_t align_scratch_bytes(int tokens, int frames);

/* weight [tokens, frames] (row stride ld): attention of each token over encoder frames, larger = more. It is
 * overwritten. Fills start[tokens + 1]: token i covers frames start[i] .. start[i + 1]; start[0] >= 0, monotonic,
 * start[tokens] <= frames. With fewer frames than tokens the frames are shared evenly. Values that are not finite count
 * as no attention. */
void align_tokens(float *weight, int tokens, int frames, int ld, void *scratch, int *start);

#endif
