/* service.h: the live service: sessions on engines behind a network.
 *
 * Purpose    `steno serve` without its configuration and its signals.
 * Owner      one thread; service_run() is its life. Opening models is for others: it takes too long for this thread.
 * Invariants nothing blocks; a session's memory is bounded by the limits of outbox.h, pcm.h and service_int.h; an engine is
 *            closed when the last of its streams has ended.
 */
#ifndef STENO_API_SERVICE_H
#define STENO_API_SERVICE_H

#include "api/auth.h"
#include "audio/media.h"
#include "api/jobs.h"
#include "api/shadow.h"
#include "api/speakers.h"
#include "api/trace.h"
#include "api/watch.h"
#include "net/net.h"
#include "privacy/policy.h"
#include "steno.h"

#define SERVICE_MESSAGE_BYTES_MAX 1048576 /* of one message from a client */
#define SERVICE_DRAIN_FLUSH_S     5       /* for last words, once the drain limit has passed */
#define SERVICE_ENDED_MAX         1024    /* sessions that are over, kept for clients that lost their last events */

typedef struct service service;
typedef struct privacy privacy; /* privacy/find.h */

typedef struct service_config {
    net_config net;
    int idle_timeout_s, resume_window_s, drain_s, max_ahead_ms;
    steno_live_options live; /* the defaults of streams */
    media_host *media;       /* decodes recordings; NULL: none are taken. Outlives the service. */
    media_limits media_limits;
    int speaker_streams;  /* that may tell speakers apart at once, as the engine has them; 0: none */
    int decoders;         /* recordings of requests that are fed at once */
    int recordings_max;   /* recordings that run or wait; more are refused */
    worker *store;        /* keys and jobs; NULL: neither. Taken over by service_open(), also on failure */
    keys_table *keys;     /* what keys_load() said; taken over as the store is */
    voices_table *voices; /* what voices_load() said, taken over likewise; NULL: they could not be read */
    const char *data_dir; /* of the store */
    privacy *privacy; /* shared by the gates of all streams; NULL: no policy but OFF. Taken over as the store is, and by
                             service_replace(), but there not on failure */
    gate_policy policy; /* the server's default, or with `forced` what every stream gets at least */
    auth_config auth;
    jobs_config jobs;
    speakers_config speakers;
    watch_config watch;
    trace_config trace;
    shadow_config shadow;
    shadow_engines *
        shadow_engines; /* what listens in the shadow; NULL: nobody. Taken over as the store is, and by service_replace(),
                                       but there not on failure */
} service_config;

/* Listens, and takes over model and engine (on failure they stay the caller's). */
STENO_CHECK steno_err service_open(const service_config *config, steno_model *model, steno_engine *engine,
                                   service **out);
/* Until it has drained or service_stop() was called. */
void service_run(service *s);
/* Ends every connection and closes the engines. */
void service_close(service *s);

net *service_net(service *s);

/* No new streams; running ones may finish within drain_s. */
void service_drain(service *s);
void service_stop(service *s);

/* Another engine, and other defaults, for new streams. Takes both over; on failure they stay the caller's. */
STENO_CHECK steno_err service_replace(service *s, const service_config *config, steno_model *model,
                                      steno_engine *engine);

#endif
