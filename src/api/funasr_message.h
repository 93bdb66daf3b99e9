/* funasr_message.h: what FunASR's clients ask for, and its results.
 *
 * Owner: the network thread. Pure: JSON and engine events in, JSON out.
 */
#ifndef STENO_API_FUNASR_MESSAGE_H
#define STENO_API_FUNASR_MESSAGE_H

#include "api/redaction.h"
#include "base/err.h"
#include "privacy/released.h"

#include <jansson.h>

#define FUNASR_DEFAULT_HZ        16000
#define FUNASR_NAME_BYTES_MAX    256 /* of wav_name, with its end; longer names are cut */
#define FUNASR_WARNING_BYTES_MAX 512

typedef enum funasr_mode {
    FUNASR_2PASS,  /* what has settled while people speak, then each utterance anew */
    FUNASR_ONLINE, /* only the first */
    FUNASR_OFFLINE /* only the second */
} funasr_mode;

typedef struct funasr_options {
    funasr_mode mode;
    int rate_hz;
    redact_wish redact; /* itn */
    char wav_name[FUNASR_NAME_BYTES_MAX];
    char warning[FUNASR_WARNING_BYTES_MAX]; /* for the next result; "" */
    bool ends;                              /* this message said is_speaking: false */
    bool is_end;                            /* … and is_end: true, which wants to be given back */
} funasr_options;

void funasr_init(funasr_options *o);
/* A message: any of the members, at any time. `started`: audio has come, the rate stays. STENO_E_FORMAT, STENO_E_INVALID name
 * what is wrong; nothing is changed then. */
STENO_CHECK steno_err funasr_read(funasr_options *o, const char *text, size_t n, bool started);

/* ---- results: NULL without memory ---------------------------------------------------------------------------------- */

/* What of an utterance was shown already: results of the first pass are added to what a client shows. Zeroed is nothing. */
typedef struct funasr_shown {
    uint32_t id;
    size_t bytes;
} funasr_shown;

/* The part of n bytes of this utterance's text that was not shown yet; it is from now on. */
const char *funasr_new(funasr_shown *s, uint32_t id, const char *text, size_t n, size_t *more);
/* `apart`: an utterance went before, so that a blank is wanted. */
json_t *funasr_online(funasr_options *o, const char *text, size_t n, bool apart, bool last);
/* The second pass, with word times since base_s. NULL segment: nothing was said. */
json_t *funasr_offline(funasr_options *o, const released_segment *s, double base_s, bool last);

#endif
