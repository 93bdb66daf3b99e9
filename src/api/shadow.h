/* shadow.h: a second model hears a copy of what users say: never seen by them, never in their way; what comes of it is compared.
 *
 * Purpose    copies of streams, live ones and recordings, go to engines that run only where nobody else wants to (shadow_carrier.h); their
 *            finals are paired with those of the users' engine, counted and judged (watch/shadow.h), kept in the store, and shown at
 *            /v1/shadow, on /metrics and by `steno shadow report`.
 * Owner      the network thread. Nothing blocks, nothing waits for the shadow.
 * Invariants users get exactly what they get without it. What finds no room, no time or no rest on the machine is not heard, and is counted
 *            by reason. Texts are held until their pair is whole; those of the SHADOW_SAMPLES largest differences are kept, through a gate that
 *            masks whatever the stream's own policy lets pass, and shown to whoever's key it was.
 */
#ifndef STENO_API_SHADOW_H
#define STENO_API_SHADOW_H

#include "api/routes.h"
#include "base/err.h"
#include "watch/expo.h"
#include "watch/shadow.h"

#define SHADOW_NAME_BYTES   16
#define SHADOW_SAMPLES      50
#define SHADOW_MINUTES      240 /* that /v1/shadow tells of; the store has more */
#define SHADOW_STREAMS_MAX  64
#define SHADOW_BUFFER_MAX_S 3600

typedef struct service service;
typedef struct engine_slot engine_slot;
typedef struct shadow shadow;
typedef struct shadow_tap shadow_tap;

typedef struct shadow_config {
    int percent;       /* of streams are copied; 0: none */
    int floor_percent; /* of the copied ones go to A's own model again */
    int streams;       /* copies at once */
    int buffer_s;      /* audio that waits */
    int retain_days;   /* of minutes and samples in the store */
    bool texts;        /* of the largest differences */
    int seed;          /* which streams are chosen */
} shadow_config;

/* What listens, opened by whoever has the time. [SHADOW_A]: the users' model: its name only. */
typedef struct shadow_engines {
    char name[SHADOW_SIDES][SHADOW_NAME_BYTES], precision[SHADOW_SIDES][SHADOW_NAME_BYTES]; /* "": there is none */
    double weights_bytes[SHADOW_SIDES]; /* resident when the model was opened; 0: not known */
    steno_model *model[SHADOW_SIDES];   /* owned; [SHADOW_AGAIN] NULL: its engine is on the users' model */
    steno_engine *engine[SHADOW_SIDES]; /* owned; NULL: nobody listens */
    char why[ERR_DETAIL_BYTES];         /* they could not be opened; "": they could */
} shadow_engines;
void shadow_engines_close(shadow_engines *e); /* frees it, too; NULL is allowed */

/* Takes the engines over, also on failure; NULL: there is no shadow, and *out is NULL. */
STENO_CHECK steno_err shadow_open(const shadow_config *config, shadow_engines *engines, service *v, shadow **out);
/* Other engines, on the model of the service's first slot; copies that go on end. Takes them over; NULL: nobody listens any more. *s
 * may be NULL before. */
void shadow_replace(shadow **s, const shadow_config *config, shadow_engines *engines, service *v);
/* Ends the copies and closes the engines, while those of the users are still there. What was counted goes to the store. */
void shadow_stop(shadow *s);
/* Waits for engines that are being closed. */
void shadow_reap(void);
void shadow_close(shadow *s); /* NULL is allowed, here and above */
void shadow_sweep(shadow *s); /* once a second */
/* Once a second, too, also where there is no shadow: what the store has of former ones goes in its time, and words that are not wanted any more. */
void shadow_tidy(service *v);

/* GET /v1/shadow */
void shadow_answer(call *c);
void shadow_write(expo *e, shadow *s);

/* ---- taps ------------------------------------------------------------------------------------------------------------ */

typedef struct shadow_stream {
    const char *owner;              /* auth_owner(): copied */
    const steno_live_options *live; /* NULL: a recording … */
    const steno_vad_options *vad;   /* … heard like that */
} shadow_stream;

/* NULL: it is not copied; every function takes that. */
shadow_tap *shadow_tap_open(shadow *s, const engine_slot *slot, const shadow_stream *of);
/* What the users' engine is given, in order. */
void shadow_tap_audio(shadow_tap *t, const float *samples, size_t n);
/* The users' stream is over. */
void shadow_tap_close(shadow_tap *t);

#endif
