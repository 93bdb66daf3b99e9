/* shadow_int.h: what the files of the shadow share. See shadow.h. Owner: the network thread. */
#ifndef STENO_API_SHADOW_INT_H
#define STENO_API_SHADOW_INT_H

#include "api/shadow.h"
#include "api/shadow_carrier.h"
#include "net/net.h"
#include "privacy/redact.h"
#include "watch/monitor.h"

#include <jansson.h>
#include <stdatomic.h>

#define SHADOW_SHOWN_BYTES 800 /* of a sample's side */
#define SHADOW_OWNER_BYTES 64
#define SHADOW_RUN_BYTES   96

/* Why audio was not heard in the shadow. */
typedef enum shadow_reason {
    SHADOW_FOR_LOAD,   /* the users' engine is busy */
    SHADOW_FOR_QUEUE,  /* too much waits */
    SHADOW_FOR_BEHIND, /* it came too late */
    SHADOW_FOR_ROOM,   /* as many copies as may be are made */
    SHADOW_FOR_RELOAD, /* the engines were replaced */
    SHADOW_FOR_ENGINE, /* one failed */
    SHADOW_REASONS
} shadow_reason;
const char *shadow_reason_name(shadow_reason r);

typedef struct shadow_sample {
    double score; /* 0: the place is free */
    int64_t at_s;
    char owner[SHADOW_OWNER_BYTES];
    bool live;
    double duration_s, words, edits, confidence_a, confidence_b;
    char a[SHADOW_SHOWN_BYTES], b[SHADOW_SHOWN_BYTES]; /* gated */
} shadow_sample;

/* What one minute added, and how things stood at its end. */
typedef struct shadow_minute {
    int64_t start_s; /* 0: nothing yet */
    double words[SHADOW_SIDES], edits[SHADOW_SIDES], copied_s, dropped_s;
    double latency_p50_ms[SHADOW_SIDES],
        latency_p99_ms[SHADOW_SIDES]; /* over the last five minutes; negative: not known */
    shadow_rate difference, floor;
    double log_better, log_worse, streams;
} shadow_minute;

/* Of a side, whatever it was compared with. */
typedef struct shadow_use {
    double heard_s, cpu_s;
} shadow_use;

typedef struct shadow_setup shadow_setup; /* engines and their carrier */

struct shadow {
    service *service;
    shadow_config config;
    shadow_setup *setup; /* NULL: nobody listens */
    char why[ERR_DETAIL_BYTES], run[SHADOW_RUN_BYTES];
    shadow_engines about; /* names and sizes; its pointers are NULL */
    shadow_tap *taps;
    shadow_tap *of_lane[CARRIER_LANES];
    uint64_t ordinal;
    bool loaded; /* the users' engine is: nothing is copied */
    int calm_s;
    bool stopped;
    monitor *monitor;
    size_t series[SHADOW_SIDES];
    text_meter *meter;
    redactor *redactor; /* NULL: texts cannot be gated, and are not kept */
    shadow_counts counts;
    bool used[SHADOW_MEASURES];
    shadow_use use[SHADOW_SIDES];
    carrier_stats stats;
    bool has_stats;
    double copied_streams, copied_s, dropped_s[SHADOW_REASONS], dropped_streams[SHADOW_REASONS], pairs_lost;
    shadow_sample sample[SHADOW_SAMPLES];
    shadow_minute minute[SHADOW_MINUTES]; /* a ring; n_minutes ever, the last one runs */
    size_t n_minutes;
    int64_t since_s, saved_s;
    bool changed, samples_changed;
    struct shadow_load *load;
    bool restored;
};

/* ---- shadow.c --------------------------------------------------------------------------------------------------------- */

int64_t shadow_now_s(void);
carrier *shadow_carrier(const shadow *s); /* NULL: nobody listens */
shadow_minute *shadow_minute_now(shadow *s);
void shadow_look(shadow *s, shadow_verdict *out);

/* ---- shadow_tap.c ------------------------------------------------------------------------------------------------------ */

void shadow_result(shadow *s, const carrier_result *r);
void shadow_drop_all(shadow *s, shadow_reason why);
/* Streams that go on count as they are. */
void shadow_end_units(shadow *s);
/* The carrier is gone, and with it every lane. */
void shadow_forget_lanes(shadow *s, shadow_reason why);

/* ---- shadow_review.c --------------------------------------------------------------------------------------------------- */

/* The newest pairs of a copy: a pair is looked at with its neighbours, so that a number said across pauses is seen whole. */
typedef struct shadow_review {
    shadow_pair last[3];
    shadow_difference difference;
    double score; /* of last[1]; 0: it is none of the largest */
    bool has[3];
} shadow_review;

/* A pair of A and B. */
void shadow_review_pair(shadow *s, const shadow_tap *t, shadow_review *r, const shadow_pair *p,
                        const shadow_difference *d);
/* No more come. */
void shadow_review_end(shadow *s, const shadow_tap *t, shadow_review *r);
/* No words of the differences are wanted any more: figures stay. */
void shadow_forget_texts(shadow *s);
const char *shadow_tap_owner(const shadow_tap *t);
bool shadow_tap_live(const shadow_tap *t);

/* ---- shadow_json.c ----------------------------------------------------------------------------------------------------- */

/* All but minutes and samples. */
json_t *shadow_summary(shadow *s);
json_t *shadow_minute_json(const shadow_minute *m);
/* `owner` NULL: everything is shown, and whose it is. */
json_t *shadow_sample_json(const shadow_sample *m, const char *owner);

/* ---- shadow_keep.c ----------------------------------------------------------------------------------------------------- */

void shadow_keep_start(shadow *s);
void shadow_keep(shadow *s, bool now); /* what has changed goes to the store, every few seconds */
void shadow_keep_stop(shadow *s);

#endif
