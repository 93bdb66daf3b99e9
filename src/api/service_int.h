/* service_int.h: what the files of the live service share. See service.h. Owner: the network thread. */
#ifndef STENO_API_SERVICE_INT_H
#define STENO_API_SERVICE_INT_H

#include "api/events.h"
#include "api/metrics.h"
#include "api/outbox.h"
#include "api/params.h"
#include "api/routes.h"
#include "api/service.h"
#include "api/diarize.h"
#include "api/voice.h"

#define SESSION_TOKEN_BYTES 16

/* An engine, its model, and the streams on it. */
struct engine_slot {
    engine_slot *next;
    service *owner;
    steno_model *model;
    steno_engine *engine;
    net_watch *watch;
    int streams;
    double watched_busy_s; /* as the watch saw it last */
    int held;              /* engines in the shadow that are on its model */
};

typedef struct session session;

/* One connection's hold on a session; the user pointer of src/net. */
typedef struct session_link {
    service *owner;
    auth_pass *pass;  /* on its way to the session */
    trace trace;      /* of a connection that resumes a session */
    session *session; /* NULL: taken by another connection, or not yet found */
    net_conn *conn;   /* NULL: not open yet */
    bool resumes;
    bool dismissed;                     /* nothing came for too long: it was told to go */
    char token[PARAMS_TOKEN_BYTES + 1]; /* with resumes */
    uint64_t last_seq;
} session_link;

struct session {
    session *prev, *next; /* of all */
    service *owner;
    voice voice;
    auth_pass *pass;    /* who opened it */
    session_link *link; /* NULL: nobody is connected */
    char token[PARAMS_TOKEN_BYTES + 1];
    char id[LOG_ID_BYTES];        /* of the request that opened it */
    trace trace;                  /* likewise: its span is over when the stream is */
    char model[32], language[16]; /* copies: the engine may be gone before the session is */
    stream_params params, wanted; /* wanted: of a configure that is due */
    char *control;                /* a control message that is not whole yet */
    uint32_t control_n;
    bool ready_due, resumed;
    bool abandoned; /* nobody can come back: events are dropped */
    const char *end_reason, *end_text;
    int end_code;
    outbox out;
    session_totals totals;
    event_speakers *speakers; /* owned; NULL: they are not told apart */
    uint64_t stats_at_samples;
    int64_t heard_ms; /* when something last came in */
    int64_t lost_ms;  /* when the connection was lost */
};

/* Why streams were refused, for /v1/status. */
typedef enum refusal {
    REFUSED_PARAMETERS,
    REFUSED_DRAINING,
    REFUSED_STREAMS,
    REFUSED_OVERLOAD,
    REFUSED_SPEAKERS,
    REFUSED_UNKNOWN_SESSION,
    REFUSED_EVENTS_GONE,
    REFUSED_MEMORY,
    REFUSED_KINDS
} refusal;

struct wire;
struct wire_voice;

struct service {
    service_config config;
    net *net;
    auth *auth;
    engine_slot *slots; /* the first serves new streams */
    session *first;
    struct wire *wires;
    struct wire_voice *dead_voices; /* freed by the next sweep */
    struct recording *recordings, *recordings_last;
    int n_recordings;
    int recordings_owed;       /* of them, those whose outcome was promised and is known nowhere else */
    int recordings_running[2]; /* by rank: those that have a child */
    float *scratch;            /* [4096, channels]: what a recording reads, at once handed on */
    voice *stalled;
    int promised;          /* voices let in whose streams are not open yet … */
    int promised_speakers; /* … and of them, those that tell speakers apart */
    worker *store;         /* NULL: no database */
    net_watch *store_watch;
    jobs *jobs;         /* NULL: none are taken */
    speakers *speakers; /* NULL: no voices are kept */
    watch *watch;       /* NULL: it is off */
    tracer *tracer;
    shadow *shadow; /* NULL: there never was one */
    int64_t shadow_tidied_s;
    worker *known; /* listens to known speakers of OpenAI's requests; NULL: none came yet */
    net_watch *known_watch;
    int known_waiting;
    int redactions; /* texts of POST /v1/redact that are worked on */
    net_timer *sweep, *retry;
    int64_t started_ms;
    bool draining, ending;
    int64_t drain_until_ms;
    int64_t retry_at_ms; /* when the timer of stalled sessions goes off; 0: it is not set */
    int sessions, connected, ended;
    uint64_t opened, resumed, expired, slow_readers, idle_closed, bad_messages, reloads;
    uint64_t partials, finals, events, coalesced;
    uint64_t refused[REFUSED_KINDS];
    metrics metrics;
};

/* ---- live_session.c: life and death ---------------------------------------------------------------------------------- */

/* A session for the current engine. STENO_E_LIMIT and STENO_E_AGAIN: it takes no new stream. */
STENO_CHECK steno_err live_session_open(service *v, const stream_params *params, session **out);
session *live_session_find(service *v, const char *token);
void live_session_attach(session *s, session_link *link);
void live_session_detach(session *s, int64_t now_ms, bool for_good);
/* The engine is to say what is left and end the stream; `code` then closes the connection. Texts are static. */
void live_session_finish(session *s, const char *reason, int code, const char *text);
/* Once a second. May free the session. */
void live_session_sweep(session *s, int64_t now_ms);
void live_session_free(session *s);
/* Its span ends, once; `error` NULL: well. */
void live_session_traced(session *s, const char *outcome, const char *error);
/* Events that wait go out; the user of net's writable(). */
void live_session_send(session *s);

/* ---- live_input.c: audio and controls in --------------------------------------------------------------------- */

void live_session_data(session *s, const net_data *d);
/* The voice's reading() and controlled(). */
void live_session_reading(void *user, voice *w, bool on);
void live_session_controlled(void *user, voice *w, bool configure, steno_err e);

/* ---- live_events.c: events out ------------------------------------------------------------------------------- */

void live_session_event(void *user, voice *w, const released_event *e);                 /* the voice's event() */
void live_session_put(session *s, outbox_kind kind, uint32_t message, event_text text); /* frees the text */
void live_session_put_stats(session *s, const char *answer);
void live_session_put_error(session *s, const char *code, const char *message);

/* ---- recording.c ------------------------------------------------------------------------------------------------ */

#define RECORDING_SCRATCH_FLOATS ((size_t)4096 * MEDIA_MAX_CHANNELS)
void recordings_room(service *v); /* the engine may have room again */
void recordings_forget_engine(service *v, const engine_slot *slot);
void recordings_close(service *v);
/* Adds what their gates have done. */
void recordings_add_gates(const service *v, metrics_gates *sum);

/* ---- service.c -------------------------------------------------------------------------------------------------- */

/* A voice that is not read from is tried again by a timer. */
void service_stall(voice *w);
void service_unstall(voice *w);
/* A session or a connection has ended: perhaps the last one. */
void service_check_drained(service *v);

/* ---- live_link.c: the native protocol's door ------------------------------------------------------------------------- */

const net_conn_handler *live_upgrade(call *c, void **user);
/* Browsers hide why an upgrade was refused: whoever asks plainly is told. */
void live_answer(call *c);

/* ---- status.c --------------------------------------------------------------------------------------------------- */

void status_answer_health(call *c);
void status_answer_ready(call *c);
void status_answer(call *c);
const char *status_refusal_name(refusal r); /* "streams": as in its answer. Static. */
/* The page's files; what there is not is a 404. */
void status_answer_asset(call *c);

#endif
