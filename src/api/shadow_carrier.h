/* shadow_carrier.h: carries copies of streams to engines in the shadow, and what they say back: without anything that the network
 * thread could ever wait for.
 *
 * Purpose    the engines in the shadow run only where nobody else wants to. Whoever shared a lock with one of their threads would wait
 *            for a thread that is not run. So a thread of its own, as patient as they are, feeds and hears them; between it and the
 *            network thread there are queues without locks (base/spsc.h).
 * Owner      the network thread calls; the carrier's thread owns what stands behind "carrier" below.
 * Invariants at most CARRIER_LANES copies; their audio that waits lies in a pool made at the start: full is an answer. Nothing
 *            is allocated after carrier_open().
 */
#ifndef STENO_API_SHADOW_CARRIER_H
#define STENO_API_SHADOW_CARRIER_H

#include "base/err.h"
#include "watch/shadow.h"

#define CARRIER_LANES         64
#define CARRIER_CHUNK_SAMPLES 1024 /* 64 ms: what is carried at once */
#define CARRIER_TEXT_BYTES    1024 /* of a final; a longer one is cut, and said to be */
#define CARRIER_RESULTS       128

typedef struct carrier carrier;

/* What listens on a side; NULL: nobody. The engines stay the caller's, and are polled by nobody else. */
typedef struct carrier_engines {
    steno_engine *engine[SHADOW_SIDES];
} carrier_engines;

typedef struct carrier_open_options {
    int lanes;    /* 1 to CARRIER_LANES */
    int buffer_s; /* audio that waits, of all lanes together */
} carrier_open_options;

/* STENO_E_NOMEM, STENO_E_IO. */
STENO_CHECK steno_err carrier_open(const carrier_open_options *o, const carrier_engines *engines, carrier **out);
/* Waits for what the engines do at this moment: not on the network thread while others need it. NULL is allowed. */
void carrier_close(carrier *c);

/* ---- a copy --------------------------------------------------------------------------------------------------------- */

/* How the copy is heard: as the stream is. */
typedef struct carrier_stream {
    bool live;
    steno_live_options live_options;
    steno_vad_options vad;
} carrier_stream;

/* A lane, 0 and up; -1: all are in use. */
int carrier_lane(carrier *c, shadow_side side, const carrier_stream *how);
/* All or nothing: false: the lane's share of the pool is full. */
bool carrier_audio(carrier *c, int lane, const float *samples, size_t n);
/* The copy ends here; what it heard is recognised to its end. */
void carrier_finish(carrier *c, int lane);
/* The same, and what waits is thrown away. */
void carrier_drop(carrier *c, int lane);

/* ---- what comes back ------------------------------------------------------------------------------------------------ */

typedef enum carrier_said {
    CARRIER_FINAL,
    CARRIER_DONE,  /* the lane is free again */
    CARRIER_FAILED /* the lane is free again; the engine would not, or could not */
} carrier_said;

typedef struct carrier_result {
    carrier_said said;
    int lane;
    shadow_side side;
    /* FINAL; times in the copy. The text is a draft: it passes a gate before anybody sees it. */
    double start_s, end_s, speech_s, confidence, latency_ms; /* latency: live; negative: not known */
    bool looped, cut;
    char text[CARRIER_TEXT_BYTES];
    /* DONE, FAILED */
    double cpu_s, heard_s, unheard_s; /* unheard: thrown away */
    steno_err error;
} carrier_result;

/* Readable while results wait. */
int carrier_fd(const carrier *c);
bool carrier_next(carrier *c, carrier_result *out);

/* What the engines said of themselves a moment ago; false: nothing yet. */
typedef struct carrier_stats {
    steno_engine_stats of[SHADOW_SIDES];
} carrier_stats;
bool carrier_get_stats(carrier *c, carrier_stats *out);
/* Audio that waits, in seconds, of all lanes. */
double carrier_waiting_s(const carrier *c);

#endif
