/* openai_session.h: what a Realtime transcription session is set to: read from clients, said to them, and as options of
 * a live stream.
 *
 * Owner: the network thread. Pure. Both shapes are read in either event: the one with audio.input, and the flat one of the
 * beta.
 */
#ifndef STENO_API_OPENAI_SESSION_H
#define STENO_API_OPENAI_SESSION_H

#include "api/openai_int.h"
#include "audio/pcm.h"

#define OPENAI_MODEL_BYTES 40

typedef enum openai_turns { OPENAI_TURNS_NONE, OPENAI_TURNS_SERVER_VAD, OPENAI_TURNS_SEMANTIC_VAD } openai_turns;

typedef struct openai_session {
    bool flat; /* said in the shape of the beta */
    pcm_format audio;
    char model[OPENAI_MODEL_BYTES];
    bool has_language; /* the client named it */
    openai_turns turns;
    double threshold;
    int prefix_padding_ms, silence_duration_ms;
    const char *eagerness;       /* static */
    const char *noise_reduction; /* static; NULL: none asked for. None is done. */
    bool logprobs;
    redact_wish redact;
} openai_session;

/* What the server is: its model and language. */
typedef struct openai_host {
    const char *model, *language;
} openai_host;

void openai_session_init(openai_session *s, const openai_host *host, bool flat);
/* Changes what is given, all or nothing; what has no effect is noted. False: `why`, with the path of what is wrong. */
bool openai_session_update(openai_session *s, const json_t *given, const openai_host *host, openai_notes *notes,
                           openai_failure *why);
/* `policy`: what is in force. */
json_t *openai_session_json(const openai_session *s, const openai_host *host, const gate_policy *policy,
                            const char *id);
/* How its stream is heard; values beyond what we do are taken as the nearest that we do, with a note. */
void openai_session_live(const openai_session *s, const steno_live_options *defaults, steno_live_options *out,
                         openai_notes *notes);

#endif
