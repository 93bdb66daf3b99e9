/* wire.h: a foreign live protocol: one connection, its voices, what it says.
 *
 * Owner      the network thread.
 * Purpose    everything a dialect (Deepgram, vosk, OpenAI Realtime, Wyoming …) shares below its messages: whole text
 *            messages, audio to voices at the pace of time, events back, a bounded queue of answers in which overtaken
 *            partials are dropped, idle connections, draining, the end. A dialect is a table of functions and a state.
 * Invariants nothing of a connection outlives it but voices that still have to end; answers leave in the order they were
 *            said; a peer that does not read is hung up on once OUTBOX_UNSENT_MAX answers wait.
 */
#ifndef STENO_API_WIRE_H
#define STENO_API_WIRE_H

#include "api/outbox.h"
#include "api/routes.h"
#include "api/redaction.h"
#include "api/voice.h"

#define WIRE_CHANNELS_MAX   8
#define WIRE_TEXT_BYTES_MAX 65536 /* of a text message that is handed over whole; longer: closed with 1009 */

typedef struct wire wire;

typedef struct dialect {
    const char *name;   /* for logs and counters: "deepgram" */
    size_t state_bytes; /* of the dialect's own state: zeroed at the start, handed to every function */
    int ahead_ms;       /* how far audio may come ahead of time; 0: as configured */
    int idle_s;         /* a connection nothing comes from may last so long, if that is longer than configured */
    /* An upgrade: reads the query. False: the call's reply says why not. NULL call: a raw connection. Voices may be opened
     * here, later, and again. */
    bool (*begin)(wire *w, void *state, call *c);
    void (*opened)(wire *w, void *state); /* may say something; NULL: nothing */
    /* A whole text message, zero-terminated (text[n] == 0). */
    void (*text)(wire *w, void *state, const char *text, size_t n);
    /* Instead of it, where messages are large: pieces as they come; NULL: whole ones by text(). */
    void (*text_piece)(wire *w, void *state, const char *bytes, size_t n, bool first, bool last);
    /* A piece of a binary message, or bytes of a raw connection; at most NET_READ_BYTES. */
    void (*binary)(wire *w, void *state, const unsigned char *bytes, size_t n, bool first, bool last);
    /* SPEECH, PARTIAL, SEGMENT, FINALIZED, DONE, ERROR, OVERLOAD of an open voice. */
    void (*event)(wire *w, void *state, int channel, const released_event *e);
    void (*tick)(wire *w, void *state, int64_t now_ms); /* once a second; NULL: nothing */
    void (*end)(wire *w, void *state); /* the connection is gone: frees what the state holds; NULL: nothing */
} dialect;

/* An upgrade_route's upgrade() for this dialect. */
const net_conn_handler *wire_upgrade(call *c, const dialect *d, void **user);
/* A raw connection (net_raw_config's accept()). */
const net_conn_handler *wire_accept(service *v, const dialect *d, const char *peer, void **user);

/* ---- voices ----------------------------------------------------------------------------------------------------- */

/* n new voices, channels 0..n-1; the ones before, if any, are given up: they end unheard. STENO_E_LIMIT, STENO_E_AGAIN: the
 * server takes no more live streams now (steno_error_detail() says why). `live` NULL: the server's defaults. */
STENO_CHECK steno_err wire_open(wire *w, int n, const pcm_format *audio, const steno_live_options *live);
/* With speakers that are told apart, of each voice its own; NULL: as wire_open(). STENO_E_UNSUPPORTED: not by this server. */
STENO_CHECK steno_err wire_open_speakers(wire *w, int n, const pcm_format *audio, const steno_live_options *live,
                                         const steno_speakers_options *who);
/* What becomes of personal data, in voices opened from now on, and in those that are open from their next utterance on. Without it:
 * what server and key say. */
void wire_redact(wire *w, const redact_wish *wish);
const gate_policy *wire_policy(const wire *w); /* in force, the wire's */
int wire_channels(const wire *w);              /* open voices; those that are over count until the next wire_open() */
const steno_live_options *wire_defaults(const wire *w);

/* Bytes of any number for one channel; what cannot be taken at once makes the connection wait. STENO_E_LIMIT and
 * STENO_E_AGAIN as in voice.h, STENO_E_FORMAT: not a number. */
STENO_CHECK steno_err wire_audio(wire *w, int channel, const unsigned char *bytes, size_t n);
/* Controls keep their place in the audio. Of all channels. */
void wire_finalize(wire *w); /* each answers FINALIZED, behind its final if there is one */
void wire_finish(wire *w);   /* each answers DONE, behind its last final */
void wire_configure(wire *w, const steno_live_options *live);
double wire_audio_s(const wire *w, int channel); /* seconds taken so far */
bool wire_done(const wire *w);                   /* every voice is over, or none is open */

/* ---- answers ---------------------------------------------------------------------------------------------------- */

/* Says a JSON object (stolen). `kind` and `message` say what it overtakes, see outbox.h; OUTBOX_KEEP overtakes nothing. */
void wire_say(wire *w, outbox_kind kind, uint32_t message, json_t *object);
void wire_say_bytes(wire *w, outbox_kind kind, uint32_t message, const void *bytes, size_t n);
/* Closes behind what was said; voices are given up. `reason`: static text of at most 120 bytes. */
void wire_close(wire *w, int code, const char *reason);

/* ---- about it --------------------------------------------------------------------------------------------------- */

void *wire_state(wire *w);
service *wire_service(const wire *w);
const char *wire_id(const wire *w);       /* the request's id */
int64_t wire_heard_ms(const wire *w);     /* when something last came in; net_now_ms() */
const char *wire_model(const wire *w);    /* "tiny" */
const char *wire_language(const wire *w); /* "en" */

#endif
