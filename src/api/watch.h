/* watch.h: the service watches itself: what passes its voices and recordings is counted, kept, judged, and shown at /v1/watch.
 *
 * Purpose    joins the monitors, the alarms (src/watch) and the store with the service. A tap stands beside the gate of each stream:
 *            samples and drafts pass it, counts come out; no word goes further than its stack, but those of the worst utterances, and
 *            they through a gate of their own, which masks whatever the stream's own policy lets pass.
 * Owner      the network thread. Nothing blocks; rows go to the store thread once a minute, in one transaction.
 * Invariants without memory for a tap its stream is not watched, and nothing else changes; at most WATCH_WORST texts of the last hour
 *            are held, in memory alone, and shown to whoever's key it was.
 */
#ifndef STENO_API_WATCH_H
#define STENO_API_WATCH_H

#include "api/routes.h"
#include "privacy/policy.h"
#include "privacy/released.h"
#include "watch/alarm.h"
#include "watch/monitor.h"

#define WATCH_WORST        20
#define WATCH_WORST_S      3600
#define WATCH_TEXT_BYTES   600
#define WATCH_EVENTS       64 /* alarms raised and resolved, kept to be shown */
#define WATCH_RELOAD_DAYS  14 /* of what is stored is learnt from at start */
#define WATCH_URL_BYTES    2048
#define WATCH_SECRET_BYTES 128

typedef struct service service;
typedef struct engine_slot engine_slot;
typedef struct watch watch;
typedef struct watch_tap watch_tap;

typedef struct watch_config {
    bool on;
    bool metrics_public;     /* /metrics needs no key from anywhere */
    bool key_labels;         /* series by key, too */
    bool texts;              /* of the worst utterances */
    int series_max;          /* 0: MONITOR_SERIES_DEFAULT */
    int retain_days;         /* of cells in the store; 0: none are kept */
    const char *webhook_url; /* alarms go there; NULL or "": nowhere. Copied */
    const char *secret_file; /* its first line signs them; NULL or "": they are not signed */
    const char *name;  /* of this host, in its alarms; NULL or "": as the machine is called. Copied, as the rest is */
    const char *fleet; /* other hosts, as watch_hosts.h has them; NULL or "": none */
    const char *fleet_key_file, *fleet_ca_file; /* keys for them; certificates; NULL or "": none */
} watch_config;

/* *out NULL where it is off. STENO_E_INVALID: the address is none, STENO_E_IO and others: the secret cannot be read. */
STENO_CHECK steno_err watch_open(const watch_config *config, service *v, watch **out);
/* From now on; whether it is on, and how many series there are, stay. */
STENO_CHECK steno_err watch_configure(watch *w, const watch_config *config);
/* Before the worker is closed; what was counted since the last minute is put into it. NULL is allowed, here and below. */
void watch_stop(watch *w);
void watch_close(watch *w); /* and after it was */
void watch_sweep(watch *w); /* once a second */

/* What is counted, for /metrics. */
const monitor *watch_monitor(const watch *w);
const alarm_set *watch_alarms(const watch *w);
/* A minute of another host: at.host is its name. */
void watch_feed(watch *w, const monitor_cell *cell);

/* GET /v1/watch */
void watch_answer(call *c);

/* ---- taps ------------------------------------------------------------------------------------------------------------ */

typedef struct watch_stream {
    const char *owner; /* auth_owner(): copied */
    bool live;         /* somebody waits for its finals */
    int rate_hz;       /* that its sound was said to have; 0: not known */
    gate_policy policy;
} watch_stream;

/* NULL: it is not watched (off, or no memory); every function takes that. */
watch_tap *watch_tap_open(watch *w, const engine_slot *slot, const watch_stream *of);
void watch_tap_close(watch_tap *t);
/* The stream's own, from now on: the texts of the worst are masked by it, or more. */
void watch_tap_set_policy(watch_tap *t, const gate_policy *policy);
/* What the engine is given, in order. */
void watch_tap_audio(watch_tap *t, const float *samples, size_t n);

#endif
