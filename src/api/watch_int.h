/* watch_int.h: what the files of the watching share. See watch.h. Owner: the network thread. */
#ifndef STENO_API_WATCH_INT_H
#define STENO_API_WATCH_INT_H

#include "api/watch.h"
#include "api/watch_fleet.h"
#include "store/ident.h"
#include "store/watch_store.h"
#include "store/worker.h"

/* One of the worst utterances. */
typedef struct watch_worst {
    double score; /* the higher the worse; 0: the place is free */
    int64_t at_s;
    uint64_t stream; /* which tap's, and which of its finals: its text comes when the gate lets it go */
    uint32_t segment;
    char owner[64], model[CELL_MODEL_BYTES], language[CELL_LANGUAGE_BYTES];
    bool empty, looped, live;
    double speech_s, confidence, compression, repeated, characters_per_s;
    bool has_input;
    input_quality input;
    char text[WATCH_TEXT_BYTES]; /* gated */
} watch_worst;

typedef struct watch_event {
    alarm_event event;
    bool set;
} watch_event;

/* Rows on their way to the store. */
typedef struct watch_rows watch_rows;

struct watch {
    service *service;
    bool key_labels, texts;
    int retain_days;
    char url[WATCH_URL_BYTES], secret[WATCH_SECRET_BYTES];
    char name[CELL_HOST_BYTES], id[IDENT_BYTES]; /* of this host; of this process, random */
    watch_fleet *fleet;                          /* NULL: there is none */
    monitor *monitor;
    alarm_set *alarms;
    text_meter *meter;
    watch_worst worst[WATCH_WORST];
    watch_event event[WATCH_EVENTS];
    size_t n_events; /* ever */
    uint64_t n_taps; /* ever */
    int64_t started_s, minute_s, sampled_ms, expired_s;
    /* watch_keep.c */
    watch_rows *rows; /* of the minute that just ended */
    bool restored, stopped;
    struct watch_load *load;
    uint64_t unwritten; /* minutes the store had no room for, or could not write */
    double minute_ms;   /* what the last minute's end took on this thread */
};

/* watch.c */
int64_t watch_now_s(void);

/* watch_keep.c: cells to the store and back */
void watch_keep_start(watch *w); /* what is stored comes back, piece by piece; then w->restored */
void watch_keep_cell(watch *w, const monitor_cell *cell);
void watch_keep_minute(watch *w); /* hands over what watch_keep_cell() gathered */
void watch_keep_stop(watch *w);   /* nobody wants to hear of it any more */

/* watch_alarm.c: alarms to log, webhook and list */
alarm_sink watch_alarm; /* the context is the watch */
json_t *watch_alarm_json(const watch *w, const alarm_event *e);

/* watch_worst.c */
/* Whether an utterance is among the worst; then *place is where it belongs. */
double watch_score(const quality_sample *q);
watch_worst *watch_worst_place(watch *w, double score, int64_t now_s);

#endif
