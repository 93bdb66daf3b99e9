/* fleet.h: another host's /metrics, read as minutes of its monitors.
 *
 * Purpose    counters of two looks at one host make the cells of the time between them, so that hosts compare themselves without anything
 *            in their middle. What is read is Prometheus' text 0.0.4 of any origin: of another version, cut off, or of somebody who means
 *            ill. Families, labels and types that are not known are passed over; samples that differ only in labels not known are added.
 * Owner      whoever calls; one thread at a time. Time is passed in; no clock, nothing blocks.
 * Invariants what is not certain is not counted: the first look, one after a restart, after a gap, or with other families than the one
 *            before only says where counting begins. No counter that goes back, and no number that no host could have counted, comes out.
 */
#ifndef STENO_WATCH_FLEET_H
#define STENO_WATCH_FLEET_H

#include "watch/monitor.h"

#define FLEET_TEXT_BYTES_MAX (2 << 20) /* of /metrics; this version writes half of it at most */
#define FLEET_LINE_BYTES_MAX 2048      /* a longer one is passed over */
#define FLEET_LABELS_MAX     16        /* of a sample; with more it is passed over */
#define FLEET_SERIES_MAX     64        /* of one host: model, language, key; more are passed over */
#define FLEET_ID_BYTES       48
#define FLEET_VERSION_BYTES  24
#define FLEET_GAP_S          900    /* looks further apart are not of one stretch of time */
#define FLEET_RATE_MAX       100000 /* utterances a second: more is no host */

typedef struct fleet_series {
    monitor_cell total; /* counters, since that host's start; at.host is "" */
    uint64_t seen;      /* fields that were there, by quality_field() */
} fleet_series;

/* What one answer says. Zeroed: nothing yet. */
typedef struct fleet_text {
    char id[FLEET_ID_BYTES], version[FLEET_VERSION_BYTES]; /* of the process; "": it did not say */
    double start_s, shards, busy_s, memory_bytes;          /* of the host; 0: it did not say */
    size_t n, room;
    fleet_series *series;                  /* [n], owned */
    size_t lines_passed_over, series_lost; /* that could not be read; for which there was no room */
} fleet_text;

/* Reads text [n] into *t, which keeps its memory for the next time. STENO_E_INVALID: these are no metrics of steno, or too many bytes;
 * STENO_E_NOMEM. */
STENO_CHECK steno_err fleet_text_read(fleet_text *t, const char *text, size_t n);
void fleet_text_free(fleet_text *t);

/* ---- one host after the other ------------------------------------------------------------------------------------- */

typedef struct fleet_host fleet_host;

typedef struct fleet_look {
    bool counted;     /* false: it only says where counting begins */
    size_t cells;     /* that came out */
    size_t strange;   /* that did not, because no host could have counted them */
    monitor_cell sum; /* of all that came out, its own figures with it; memory_bytes is the newest */
} fleet_look;

/* `name` becomes at.host. STENO_E_NOMEM. fleet_host_close() takes NULL. */
STENO_CHECK steno_err fleet_host_open(const char *name, fleet_host **out);
void fleet_host_close(fleet_host *h);

/* The next answer of this host, at now_s (Unix time): `sink` gets a cell of each series in which anything was counted since the one
 * before, under the minute before now_s, and one of the host itself. May take over what is in *t, which is empty then. `sink` may be NULL. */
void fleet_host_look(fleet_host *h, fleet_text *t, int64_t now_s, monitor_sink *sink, void *context, fleet_look *out);
/* What comes next is where counting begins. */
void fleet_host_forget(fleet_host *h);

#endif
