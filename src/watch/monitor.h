/* monitor.h: what utterances are like, without anybody saying what was right: counted by series and minute, looked at over sliding windows.
 *
 * Purpose    samples in, one an utterance; out come cells (cell.h), one a minute and series, for alarms and store, sums over five
 *            minutes, an hour and a day for the dashboard, and totals since the start for /metrics.
 * Owner      one thread. Time is passed in; nothing blocks; no text, no clock.
 * Invariants at most `series_max` series, the last of them for all that there is no room for: its names are MONITOR_OTHER. A series takes
 *            about 60 KB. The host itself is a series without a model.
 */
#ifndef STENO_WATCH_MONITOR_H
#define STENO_WATCH_MONITOR_H

#include "watch/cell.h"
#include "watch/input.h"
#include "watch/text_numbers.h"

#define MONITOR_SERIES_DEFAULT 32
#define MONITOR_SERIES_MAX     1024
#define MONITOR_OTHER          "other"
#define MONITOR_MINUTES        60 /* kept one by one */
#define MONITOR_HOURS          24

/* One utterance: a span in which voice activity heard speech, and what came of it. */
typedef struct quality_sample {
    double speech_s; /* of the span */
    bool empty;      /* no text came of it; what follows is zero then, but the input */
    text_numbers text;
    double confidence;    /* mean, 0 to 1 */
    bool looped;          /* a loop was cut */
    bool language_switch; /* another language than the stream's last utterance */
    bool first;           /* of its stream */
    uint32_t partials, partial_revisions;
    double latency_ms; /* from the sound that ended it to its final text; negative: nobody waited */
    bool has_input;    /* what follows is known */
    input_quality input;
    bool narrow_expected; /* it was said to be telephone sound: that there is nothing above 4 kHz is no fault */
} quality_sample;

/* Utterances of one stream whose input is known, and of them those with each fault. Zeroed: none. */
typedef struct input_votes {
    uint32_t n, clipped, quiet, noisy, narrow;
} input_votes;

typedef struct monitor monitor;

/* series_max of 2 to MONITOR_SERIES_MAX; now_s: Unix time. STENO_E_INVALID, STENO_E_NOMEM. monitor_close() takes NULL. */
STENO_CHECK steno_err monitor_open(size_t series_max, int64_t now_s, monitor **out);
void monitor_close(monitor *m);

/* The series of this name, made if there is room; else the one of all others. Stays the same while the monitor lives. */
size_t monitor_series(monitor *m, const cell_at *at);

/* ---- what is counted, in the minute that runs ------------------------------------------------------------------------ */

void monitor_utterance(monitor *m, size_t series, const quality_sample *sample);
/* One more vote. */
void monitor_vote(input_votes *v, const quality_sample *sample);
/* A stream is judged by the majority of its votes: see cell.h, streams_judged. Without votes nothing is counted. */
void monitor_stream(monitor *m, size_t series, const input_votes *votes);
/* Spans without text of which nothing else is known, `speech_s` in all. */
void monitor_empty(monitor *m, size_t series, uint64_t n, double speech_s);
void monitor_audio(monitor *m, size_t series, double audio_s, double loud_s);
void monitor_speakers(monitor *m, size_t series, uint32_t labels, uint32_t revisions);
/* Since the last call; memory as it is now. */
void monitor_host(monitor *m, double busy_s, double capacity_s, double memory_bytes);

/* ---- time ------------------------------------------------------------------------------------------------------------ */

typedef void monitor_sink(void *context, const monitor_cell *cell);

/* Once a second. When a minute is over `sink` gets the cell of each series in which anything was counted. A clock that goes back
 * ends no minute; one that jumps ahead ends this one. */
void monitor_tick(monitor *m, int64_t now_s, monitor_sink *sink, void *context);
/* A minute of before the start, as it was stored: for the windows alone. One that still runs goes on. */
void monitor_restore(monitor *m, const monitor_cell *cell, int64_t now_s);

/* ---- looking ---------------------------------------------------------------------------------------------------------- */

typedef enum monitor_window { MONITOR_5_MIN, MONITOR_HOUR, MONITOR_DAY, MONITOR_WINDOWS } monitor_window;
const char *monitor_window_name(monitor_window w); /* "5m", "1h", "1d" */

size_t monitor_count(const monitor *m); /* series, numbered from 0 */
const cell_at *monitor_at(const monitor *m, size_t series);
/* The sum over the window that ends at now_s, the minute that runs included; of the day the first hour may be cut off. */
void monitor_sum(const monitor *m, size_t series, monitor_window w, int64_t now_s, monitor_cell *out);
/* The k-th of the last MONITOR_MINUTES minutes, 0 the one that runs; NULL: nothing was counted in it. */
const monitor_cell *monitor_minute(const monitor *m, size_t series, size_t k, int64_t now_s);
/* The same of the last MONITOR_HOURS hours of the clock; what the minute that runs has counted is not in it yet. */
const monitor_cell *monitor_hour(const monitor *m, size_t series, size_t k, int64_t now_s);
/* Since the start, never smaller: for counters. memory_bytes is the newest. */
const monitor_cell *monitor_total(const monitor *m, size_t series);

/* Where a share p of the counted latencies lies, in ms, within its bin; negative: there are none. */
double monitor_latency_ms(const monitor_cell *cell, double p);

#endif
