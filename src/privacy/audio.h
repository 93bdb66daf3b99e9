/* audio.h: what was said of personal data is taken out of the sound as well: spans of time, and samples without what stands in them.
 *
 * Purpose    whoever keeps, sends or exports a recording covers it by this and by nothing else: released segments say where entities
 *            were said; the same samples come out with a tone or silence there.
 * Owner      anybody; plain memory. A `covered_times` is made of one stream; an audio_cover is one channel on its way.
 * Invariants inside a span nothing of the sound is left; outside nothing is changed. What could not be looked at (`withheld`) is
 *            covered from its beginning to its end. Where samples are cut into pieces changes nothing. At COVERED_TIMES_MAX spans the
 *            last one goes on to the end: too much is covered rather than too little.
 */
#ifndef STENO_PRIVACY_AUDIO_H
#define STENO_PRIVACY_AUDIO_H

#include "privacy/released.h"

#define COVERED_TIMES_MAX   65536 /* of one stream */
#define COVER_MARGIN_MS     100   /* the usual one; words' times are known to some tens of ms */
#define COVER_MARGIN_MAX_MS 2000
#define COVER_TONE_HZ       1000
#define COVER_FADE_MS       5

typedef enum cover_kind { COVER_BEEP, COVER_SILENCE } cover_kind;

/* "beep", "silence". STENO_E_INVALID. */
STENO_CHECK steno_err cover_parse(const char *text, cover_kind *out);

typedef struct covered_span {
    int64_t first, end; /* samples [first, end) at STENO_SAMPLE_RATE_HZ */
} covered_span;

/* Zeroed is empty. */
typedef struct covered_times {
    covered_span *spans; /* owned [n of room]; in any order until an audio_cover begins */
    uint32_t n, room;
} covered_times;

/* The entities of a final, `margin_ms` longer at both ends. STENO_E_NOMEM: then nothing of the recording may be shown. */
STENO_CHECK steno_err covered_add(covered_times *c, const released_segment *s, int margin_ms);
void covered_free(covered_times *c); /* leaves it empty */

typedef struct audio_cover {
    const covered_span *spans;
    uint32_t n, next;
    int64_t at; /* samples so far */
    cover_kind kind;
} audio_cover;

/* Sorts and joins the spans, which stay the caller's until the last sample; nothing is added meanwhile. */
void audio_cover_begin(audio_cover *a, covered_times *times, cover_kind kind);
/* The next n samples of the channel: pcm[0], pcm[stride] … at STENO_SAMPLE_RATE_HZ. */
void audio_cover_samples(audio_cover *a, float *pcm, size_t n, size_t stride);

#endif
