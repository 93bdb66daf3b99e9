/* deepgram_query.h: what a Deepgram client may ask for in a query: values, refusals, warnings.
 *
 * Owner      the network thread. Pure: text in, a struct or a reason out. docs/dialects/deepgram.md has the table.
 * Invariants nothing is ignored in silence: a parameter is taken, or refused, or named in `warnings`.
 */
#ifndef STENO_API_DEEPGRAM_QUERY_H
#define STENO_API_DEEPGRAM_QUERY_H

#include "api/redaction.h"
#include "audio/pcm.h"

#include <jansson.h>

#define DEEPGRAM_CHANNELS_MAX                                                                                          \
    8 /* of a live stream, each with a voice of its own; without multichannel: PCM_MAX_CHANNELS */
#define DEEPGRAM_URL_BYTES            256 /* of a callback */
#define DEEPGRAM_WARNING_BYTES        640 /* of the header that says the warnings */
#define DEEPGRAM_UTTERANCE_END_MIN_MS 100
#define DEEPGRAM_UTTERANCE_END_MAX_MS 60000
#define DEEPGRAM_UTT_SPLIT_S          0.8 /* Deepgram's own default */
#define DEEPGRAM_UTT_SPLIT_MAX_S      60
#define DEEPGRAM_ENDPOINT_MIN_MS      100 /* what the engine can do */
#define DEEPGRAM_ENDPOINT_MAX_MS      5000

typedef enum deepgram_kind { DEEPGRAM_LIVE = 1, DEEPGRAM_FILE = 2 } deepgram_kind;

typedef struct deepgram_query {
    bool raw;         /* an encoding was given: samples without a container, as `audio` says */
    pcm_format audio; /* channels: 0 when not given */
    bool multichannel, interim_results, vad_events;
    bool punctuate, utterances, paragraphs;
    bool diarize;
    bool endpointing;     /* speech_final is said */
    int endpoint_ms;      /* 0: as the server is configured */
    int utterance_end_ms; /* 0: not asked for */
    double utt_split_s;
    redact_wish redact;
    char callback[DEEPGRAM_URL_BYTES]; /* "": none */
    bool callback_put;
    json_t *warnings; /* [{parameter, type, message}] */
    json_t *tags;     /* [text] */
    json_t *extra;    /* {name: value} */
} deepgram_query;

/* Takes "name=value" strings. `model`: the name of the one that serves; `language`: what it speaks. STENO_E_INVALID and
 * STENO_E_UNSUPPORTED name the parameter and the reason. `out` is to be freed in either case. */
STENO_CHECK steno_err deepgram_query_parse(const char *const *args, int n_args, deepgram_kind kind, const char *model,
                                           const char *language, deepgram_query *out);
void deepgram_query_free(deepgram_query *q);

/* Speakers are not told apart after all: a warning. */
STENO_CHECK steno_err deepgram_query_no_speakers(deepgram_query *q);

/* How a live stream is heard; `server` has the server's own defaults. */
void deepgram_query_live(const deepgram_query *q, const steno_live_options *server, steno_live_options *out);

/* All warnings in one line of plain ASCII, cut where it is full; false: there are none. */
bool deepgram_query_warning(const deepgram_query *q, char out[DEEPGRAM_WARNING_BYTES]);

#endif
