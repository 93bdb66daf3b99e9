/* metrics.h: what GET /metrics says: requests, streams, latencies, the engines, what is refused and what waits.
 *
 * Owner      the network thread counts and writes; engines keep their own counts (steno_engine_get_stats()).
 * Purpose    one place for the names: they are API (docs/metrics.md). All are `steno_…` in base units, but for those of the process,
 *            which every Prometheus client calls `process_…`.
 * Invariants labels are words of this program, or names of models: nothing a client sent is one, so their number is bounded; counters
 *            never go back, also when a model is replaced; nothing here is what somebody said.
 */
#ifndef STENO_API_METRICS_H
#define STENO_API_METRICS_H

#include "api/routes.h"
#include "privacy/released.h"
#include "watch/expo.h"

typedef struct voice voice;
typedef struct gate gate; /* privacy/gate.h */

/* Whose protocol it is. */
typedef enum metrics_dialect {
    METRICS_NATIVE,
    METRICS_OPENAI,
    METRICS_DEEPGRAM,
    METRICS_VOSK,
    METRICS_FUNASR,
    METRICS_WYOMING,
    METRICS_STATE, /* health, status, metrics */
    METRICS_PAGE,
    METRICS_DIALECTS
} metrics_dialect;

typedef enum metrics_outcome {
    METRICS_OK,
    METRICS_REFUSED, /* 4xx: it was wrong */
    METRICS_BUSY,    /* 429, 503: not now */
    METRICS_FAILED,  /* other 5xx */
    METRICS_GONE,    /* the client left before it had its answer */
    METRICS_OUTCOMES
} metrics_outcome;

typedef enum metrics_end { METRICS_END_DONE, METRICS_END_FAILED, METRICS_END_CANCELLED, METRICS_ENDS } metrics_end;

extern const char *const metrics_outcome_names[METRICS_OUTCOMES];

/* As gate_counts. */
typedef struct metrics_gates {
    uint64_t segments, entities[ENTITY_TYPES], held, held_ms, forced_out;
} metrics_gates;

typedef struct metrics {
    uint64_t requests[METRICS_DIALECTS][METRICS_OUTCOMES];
    histogram request_s[METRICS_DIALECTS]; /* head to the end of the answer; not of WebSockets */
    uint64_t streams_opened[METRICS_DIALECTS], streams_ended[METRICS_DIALECTS][METRICS_ENDS];
    histogram first_text_s, partial_lag_s, final_s, final_after_speech_s;
    uint64_t recordings[2][METRICS_ENDS]; /* by rank */
    double recording_audio_s[2];
    histogram recording_rtf[2];
    metrics_gates gates;       /* of gates that are closed */
    steno_engine_stats closed; /* counters of engines that are */
    double scrape_s;           /* the last one took */
} metrics;

void metrics_init(metrics *m);

/* ---- counting --------------------------------------------------------------------------------------------------- */

metrics_dialect metrics_dialect_of_path(const char *path, bool upgrade);
metrics_dialect metrics_dialect_by_name(const char *name);   /* of a wire; METRICS_NATIVE when it is no other */
const char *metrics_dialect_name(metrics_dialect d);         /* "openai": as in labels. Static. */
const char *metrics_outcome_name(int status, bool complete); /* "ok": likewise */
/* A request was answered, or its client has left (status 0). */
void metrics_answered(metrics *m, metrics_dialect d, int status, bool complete, double seconds);
/* A WebSocket was opened or refused. */
void metrics_upgraded(metrics *m, metrics_dialect d, int status);

/* An event of a live stream has passed its gate and is about to be handed on. */
void metrics_voice_event(voice *w, const released_event *e, int64_t now_ms);
/* Its stream on an engine begins; ends without an event. */
void metrics_voice_opened(const voice *w);
void metrics_voice_cancelled(const voice *w);

/* A recording is over. wall_s: from its first step on. */
void metrics_recorded(metrics *m, int rank, metrics_end end, double audio_s, double wall_s);

void metrics_gate_closed(metrics *m, const gate *g);
/* What a gate has done so far, added to `sum`. */
void metrics_gate_add(metrics_gates *sum, const gate *g);
/* An engine is about to be closed. */
void metrics_engine_closed(metrics *m, steno_engine *engine);
/* Counters and gauges of `s` added to `sum`; `load` and the like: the higher one. */
void metrics_engine_add(steno_engine_stats *sum, const steno_engine_stats *s);

/* ---- saying ----------------------------------------------------------------------------------------------------- */

/* Whether this caller is told without a key: [watch] metrics_public, or a Prometheus on this machine that came straight here. */
bool metrics_open_to(const service *v, const net_request *r);
void metrics_answer(call *c);

/* metrics_engine.c, metrics_process.c: parts of the answer. */
void metrics_put_engine(expo *e, const steno_engine_stats *s);
void metrics_put_process(expo *e);

#endif
