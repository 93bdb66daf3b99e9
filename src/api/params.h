/* params.h: what a client may ask of a live stream, in a query or in `configure`: names, ranges, refusals.
 *
 * Owner: the network thread. Pure: text in, numbers or a reason out. docs/protocol.md lists the names.
 */
#ifndef STENO_API_PARAMS_H
#define STENO_API_PARAMS_H

#include "api/redaction.h"
#include "audio/pcm.h"

#include "output/speakers.h"

#include <jansson.h>

#define PARAMS_TOKEN_BYTES   22 /* of a session, in base64url */
#define PARAMS_MAX_STATS_MS  60000
#define PARAMS_CONTROL_BYTES 16384 /* the longest control message */
#define PARAMS_HOLD_MAX_MS   10000
#define PARAMS_VOICES_BYTES  ((size_t)STENO_SPEAKERS_MAX * STENO_VOICE_NAME_BYTES)

typedef struct stream_params {
    pcm_format audio;
    steno_live_options live;
    bool words;
    int stats_ms;
    redact_wish redact;
    gate_policy policy;                  /* what became of it: for whoever knows key and server to fill in */
    steno_speakers_options speakers;     /* its voices are for others to find, by their names: */
    char voices[PARAMS_VOICES_BYTES];    /* with commas between them, or "*"; "": none */
    char resume[PARAMS_TOKEN_BYTES + 1]; /* "": a new session */
    uint64_t last_seq;
} stream_params;

/* The defaults, with the server's own for live streams. */
void params_init(stream_params *p, const steno_live_options *live);

/* Takes "name=value" strings. STENO_E_INVALID names the parameter and what it may be; STENO_E_UNSUPPORTED: a language
 * the model does not speak. */
STENO_CHECK steno_err params_from_query(stream_params *p, const char *const *args, int n_args, const char *language);

typedef enum control_kind {
    CONTROL_CONFIGURE,
    CONTROL_FINALIZE,
    CONTROL_KEEPALIVE,
    CONTROL_CLOSE,
    CONTROL_MERGE_SPEAKERS,
    CONTROL_NAME_SPEAKER
} control_kind;

typedef struct control {
    control_kind kind;
    steno_live_options live; /* configure */
    bool words;              /* configure */
    redact_wish redact;      /* configure */
    bool hotwords;           /* configure: they were given, and are not used yet */
    bool acknowledges;       /* keepalive: has last_seq */
    uint64_t last_seq;
    char speaker[SPEAKER_LABEL_BYTES]; /* merge_speakers: from; name_speaker: who */
    char into[SPEAKER_LABEL_BYTES];    /* merge_speakers */
    char name[STENO_VOICE_NAME_BYTES]; /* name_speaker; "": none any more */
} control;

/* Reads a control message; `now` has the parameters in force. On failure nothing is to be changed. */
STENO_CHECK steno_err control_parse(const char *text, size_t n, const stream_params *now, const char *language,
                                    control *out);

/* "off", "revise" … as the query says it; false: none is called so. */
bool params_contract(const char *name, steno_speakers_contract *out);
const char *params_contract_name(steno_speakers_contract contract);

/* All parameters in force, for `ready`. */
json_t *params_json(const stream_params *p, const char *language);

#endif
