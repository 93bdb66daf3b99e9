/* bench_meter.h: from the events of paced live streams to figures: latencies, cadence, lag. docs/PERFORMANCE.md defines them.
 *
 * Owner: one thread. Pure: times are passed in. A sample of audio counts as sent when its packet was due, so that neither a
 * server that is slow to read nor this client can hide a delay.
 */
#ifndef STENO_CMD_BENCH_METER_H
#define STENO_CMD_BENCH_METER_H

#include "cmd/bench_samples.h"
#include "cmd/live_event.h"

#define BENCH_QUARTERS        4
#define BENCH_OPEN_MAX        4    /* utterances of a stream without a final; of more, the oldest is forgotten */
#define BENCH_INTERVAL_LONG_S 0.55 /* the last interval of an utterance counts when it is longer */

/* What all streams of a run have shown between from_s and to_s. */
typedef struct bench_totals {
    double from_s, to_s; /* of the clock: what is received outside is not counted */
    bench_samples first_text, partial_lag, final_latency, interval, slip;
    bench_samples lag, lag_quarter[BENCH_QUARTERS]; /* real-time lag, from `stats` */
    bench_samples partial_lag_quarter[BENCH_QUARTERS];
    uint64_t partials, finals, finals_empty, ended[STENO_END_STREAM + 1], overloads;
    double speech_s, stretched_s;
    uint64_t errors;
} bench_totals;

void bench_totals_free(bench_totals *t);
/* Medians of the last quarter less those of the first: of the real-time lag and of the partials'; the larger. */
double bench_lag_growth_s(bench_totals *t);

/* An utterance that has no final yet. */
typedef struct bench_open {
    bool used;
    uint64_t message, order;
    double last_event_s, first_text_s; /* first_text_s 0: not yet */
    uint64_t silent_samples;           /* of the talk, at the last event */
    bool continues;                    /* the utterance before was cut at its maximum: its first word was shown there */
} bench_open;

/* One stream. */
typedef struct bench_meter {
    bench_totals *totals;
    double began_s; /* sample 0 came into being */
    int packet_samples;
    bench_open open[BENCH_OPEN_MAX]; /* the next one may begin before the final of the last has come */
    uint64_t opened;
    uint64_t silent_samples; /* of gaps in what was said so far; set by the caller */
    bool next_continues;
    double stretched_from_s; /* 0: not */
} bench_meter;

void bench_meter_init(bench_meter *m, bench_totals *totals, double began_s, int packet_samples);
/* When the packet with the last sample before `audio_s` was due. */
double bench_meter_due_s(const bench_meter *m, double audio_s);
/* How much audio was due by now, in samples. */
uint64_t bench_meter_due_samples(const bench_meter *m, double now_s);
void bench_meter_event(bench_meter *m, const live_event *e, double now_s);
void bench_meter_end(bench_meter *m, double now_s);

/* What a run has to reach. */
typedef struct bench_objective {
    double final_p99_ms, first_p50_ms;  /* at most */
    double interval_ms, interval_share; /* this share of the intervals is at most so long */
    double stretch_share;               /* of the time, at most */
    double lag_growth_ms;               /* at most */
} bench_objective;

enum bench_miss {
    BENCH_MISS_NOTHING = 1, /* no final was seen: nothing is known */
    BENCH_MISS_FINAL = 2,
    BENCH_MISS_FIRST = 4,
    BENCH_MISS_CADENCE = 8,
    BENCH_MISS_STRETCH = 16,
    BENCH_MISS_LAG = 32,
    BENCH_MISS_REFUSED = 64,
    BENCH_MISS_DROPPED = 128
};

void bench_objective_init(bench_objective *o);
/* Which of them are missed; REFUSED and DROPPED are the caller's to add. */
unsigned bench_judge(bench_totals *t, const bench_objective *o, int streams);
/* "final latency, lag growth"; "" for none. */
void bench_misses_text(unsigned misses, char *out, size_t bytes);

#endif
