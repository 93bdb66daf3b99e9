/* made_fleet.h: hosts that were never there: the minutes that monitors would have counted of them, healthy or with a fault.
 *
 * Purpose   what the alarms are tried on: load with a rhythm of days and weeks, a slow drift of who speaks, hosts that differ a little,
 *           and streams whose utterances are alike (a stream has its own chance of an empty result, its own confidence, rate of
 *           speech, microphone). Streams come and go as a Poisson process, so that a minute's counts can be drawn from sums over the
 *           streams that are open: cells are drawn, not utterances, and a month of 50 hosts takes seconds. Seeded.
 */
#ifndef STENO_TESTS_MADE_FLEET_H
#define STENO_TESTS_MADE_FLEET_H

#include "watch/cell.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FLEET_HOSTS_MAX  50
#define FLEET_STREAMS    1024 /* open at a time on a host */
#define FLEET_STREAM_MIN 10.0 /* mean length of one, in minutes, exponential */
#define FLEET_EACH_MIN   10.0 /* utterances of one a minute, 5 to 15 */
#define FLEET_SPEECH_S   3.5  /* mean length of an utterance */
#define FLEET_DAY_MIN    1440
#define FLEET_START_S    1767571200 /* Monday, 2026-01-05 00:00 UTC */

typedef enum made_fault {
    FAULT_NONE,
    FAULT_EMPTY,      /* 2 % -> 10 % */
    FAULT_CONFIDENCE, /* -20 % */
    FAULT_RATE,       /* characters a second halved */
    FAULT_LOOPS,      /* 0.5 % -> 5 % */
    FAULT_NARROW,     /* 0 -> 30 % of streams */
    FAULT_LATENCY,    /* doubled, all of it */
    FAULT_MEMORY,     /* +1 % an hour */
    FAULT_BUSY,       /* computes 1.8 times as long */
    FAULT_QUIET,      /* 0.5 % -> 30 % of streams */
    FAULT_CLIPPED,
    FAULT_NOISY,
    FAULT_VAD, /* a third of the speech is heard */
    N_FAULTS
} made_fault;

static const struct made_fault_kind {
    const char *name, *rule, *also; /* which rule should say so; another that is as right */
} made_faults[N_FAULTS] = {
    {"healthy", "", ""},
    {"empty 2 % -> 10 %", "empty", ""},
    {"confidence -20 %", "confidence_fleet", "confidence"},
    {"speech rate halved", "speech_rate_low", ""},
    {"loops 0.5 % -> 5 %", "looped", ""},
    {"narrow 0 -> 30 %", "input_narrow", ""},
    {"latency doubled", "latency", ""},
    {"memory +1 % an hour", "memory", ""},
    {"starved: busy x 1.8", "rtf", ""},
    {"quiet 0.5 % -> 30 %", "input_quiet", ""},
    {"clipped 0.5 % -> 30 %", "input_clipped", ""},
    {"noisy 2 % -> 30 %", "input_noisy", ""},
    {"VAD hears a third", "speech_unheard", "speech_share_low"},
};

/* What one stream adds to its host's sums while it is open: its rate, and rate times each of its own numbers. */
enum {
    S_RATE,
    S_EMPTY,
    S_LOOP,
    S_CONFIDENCE,
    S_CHARS,
    S_NARROW,
    S_QUIET,
    S_CLIPPED,
    S_NOISY,
    S_REPEAT,
    S_COMPRESS,
    S_REVISE,
    S_SWITCH,
    S_LOUD, /* seconds that stand out of the noise a second of speech: other sounds too */
    S_N
};

typedef struct made_stream {
    double part[S_N];
    double left_min, age_min;
    bool narrow, quiet, clipped, noisy;
} made_stream;

typedef struct made_host {
    char name[16];
    made_fault fault;
    int64_t fault_min, fault_end_min;                              /* from, to before */
    double offset_empty, offset_confidence, offset_latency, phase; /* how it differs; where its drift stands */
    double jitter;                                                 /* of latency: log, wandering */
    double memory_noise;
    made_stream stream[FLEET_STREAMS];
    int n;
    double sum[S_N];
} made_host;

typedef struct made_fleet {
    uint64_t state, loud_state;
    int n;
    double an_hour; /* utterances a host */
    bool rough;     /* callers differ by the hour of the day, and some streams last for hours */
    int64_t minute;
    made_host host[FLEET_HOSTS_MAX];
} made_fleet;

/* ---- chance ------------------------------------------------------------------------------------------------------- */

static inline uint64_t fleet_bits(made_fleet *f) { /* splitmix64 */
    uint64_t z = (f->state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline double fleet_uniform(made_fleet *f) { /* in (0, 1) */
    return ((double)(fleet_bits(f) >> 11) + .5) / 9007199254740992.0;
}

static inline double fleet_normal(made_fleet *f) {
    return sqrt(-2 * log(fleet_uniform(f))) * cos(2 * M_PI * fleet_uniform(f));
}

static inline double fleet_exponential(made_fleet *f, double mean) {
    return -mean * log(fleet_uniform(f));
}

static inline double fleet_poisson(made_fleet *f, double mean) {
    if (mean > 60) return fmax(0, floor(mean + sqrt(mean) * fleet_normal(f) + .5));
    double left = exp(-mean), u = fleet_uniform(f), term = left;
    int k = 0;
    while (u > left && k < 400) left += (term *= mean / ++k);
    return k;
}

static inline double fleet_binomial(made_fleet *f, double n, double p) {
    if (p <= 0 || n <= 0) return 0;
    if (p >= 1) return n;
    if (p > .5) return n - fleet_binomial(f, n, 1 - p);
    if (n * p > 40) return fmin(n, fmax(0, floor(n * p + sqrt(n * p * (1 - p)) * fleet_normal(f) + .5)));
    double term = exp(n * log1p(-p)), left = term, u = fleet_uniform(f), k = 0;
    while (u > left && k < n) {
        term *= (n - k) / (k + 1) * p / (1 - p);
        left += term;
        k++;
    }
    return k;
}

/* ---- streams ------------------------------------------------------------------------------------------------------ */

static inline made_fault fleet_fault(const made_fleet *f, const made_host *h) {
    return f->minute >= h->fault_min && f->minute < h->fault_end_min ? h->fault : FAULT_NONE;
}

/* Of streams that begin now: which have such a microphone. */
static inline bool fleet_has(made_fleet *f, const made_host *h, made_fault fault, double usual) {
    return fleet_uniform(f) < (fleet_fault(f, h) == fault ? .30 : usual);
}

/* Dice of its own: the lives of before it was counted stay what they were. */
static inline double fleet_loud(made_fleet *f, double week) {
    uint64_t state = f->state;
    f->state = f->loud_state;
    double loud = .95 * exp(.08 * fleet_normal(f)) + .10 * (1 + .15 * week) * fleet_exponential(f, 1);
    f->loud_state = f->state;
    f->state = state;
    return loud;
}

static inline void fleet_open_stream(made_fleet *f, made_host *h) {
    if (h->n == FLEET_STREAMS) return;
    double week = sin(2 * M_PI * (double)f->minute / (7.0 * FLEET_DAY_MIN) + h->phase);
    if (f->rough) week += 1.5 * cos(2 * M_PI * (double)f->minute / FLEET_DAY_MIN);
    made_stream *s = &h->stream[h->n++];
    double rate = 5 + 10 * fleet_uniform(f), p[S_N];
    p[S_RATE] = 1;
    p[S_EMPTY] = .02 * (1 + h->offset_empty) * (1 + .15 * week) * fleet_exponential(f, 1);
    p[S_LOOP] = .005 * fleet_exponential(f, 1);
    p[S_CONFIDENCE] = .85 * (1 + h->offset_confidence) * (1 + .015 * week) + .05 * fleet_normal(f);
    p[S_CHARS] = 13 * (1 + .03 * week) * exp(.18 * fleet_normal(f));
    p[S_NARROW] = fleet_has(f, h, FAULT_NARROW, 0);
    p[S_QUIET] = fleet_has(f, h, FAULT_QUIET, .005);
    p[S_CLIPPED] = fleet_has(f, h, FAULT_CLIPPED, .005);
    p[S_NOISY] = fleet_has(f, h, FAULT_NOISY, .02 * (1 + .3 * week));
    p[S_REPEAT] = .01 * fleet_exponential(f, 1);
    p[S_COMPRESS] = 1.3 + .08 * fleet_normal(f);
    p[S_REVISE] = .08 * (1 + .1 * week) * (.5 + fleet_uniform(f));
    p[S_SWITCH] = .02 * fleet_exponential(f, 1);
    p[S_LOUD] = fleet_loud(f, week);
    for (int i = 0; i < S_N; i++)
        h->sum[i] += s->part[i] = rate * fmin(p[i], i == S_CHARS || i == S_COMPRESS || i == S_LOUD ? 1e9 : 1);
    s->narrow = p[S_NARROW] > 0, s->quiet = p[S_QUIET] > 0, s->clipped = p[S_CLIPPED] > 0, s->noisy = p[S_NOISY] > 0;
    s->left_min =
        f->rough ? FLEET_STREAM_MIN * exp(1.2 * fleet_normal(f) - .72) : fleet_exponential(f, FLEET_STREAM_MIN);
    s->age_min = 0;
}

static inline double fleet_load(const made_fleet *f) {
    double day = (double)(f->minute % FLEET_DAY_MIN) / FLEET_DAY_MIN;
    int weekday = (int)(f->minute / FLEET_DAY_MIN % 7);
    double load = 1 - .75 * cos(2 * M_PI * (day - .08)); /* lowest at two at night, highest at two in the afternoon */
    return load * (weekday >= 5 ? .6 : 1.16);
}

/* Judged after its first minute or at its end, and every hour. */
static inline void fleet_judge(made_stream *s, bool ends, monitor_cell *c) {
    if (fmod(s->age_min, 60) != 1 && !(ends && s->age_min < 1)) return;
    c->streams_judged++;
    c->streams_narrow += s->narrow;
    c->streams_quiet += s->quiet;
    c->streams_clipped += s->clipped;
    c->streams_noisy += s->noisy;
}

static inline double fleet_streams_step(made_fleet *f, made_host *h, monitor_cell *c) {
    for (int i = 0; i < h->n;) {
        bool ends = (h->stream[i].left_min -= 1) <= 0;
        h->stream[i].age_min += 1;
        fleet_judge(&h->stream[i], ends, c);
        if (!ends) {
            i++;
            continue;
        }
        for (int k = 0; k < S_N; k++) h->sum[k] -= h->stream[i].part[k];
        h->stream[i] = h->stream[--h->n];
    }
    if (h->n == 0) memset(h->sum, 0, sizeof h->sum); /* what rounding left */
    double came = fleet_poisson(f, fleet_load(f) * f->an_hour / 60 / (FLEET_STREAM_MIN * FLEET_EACH_MIN));
    for (int i = 0; i < (int)came; i++) fleet_open_stream(f, h);
    return came;
}

/* ---- a minute ----------------------------------------------------------------------------------------------------- */

static inline void fleet_latency(made_fleet *f, made_host *h, double n, bool doubled, monitor_cell *c) {
    double load = fleet_load(f);
    h->jitter = .9 * h->jitter + .05 * fleet_normal(f);
    double middle = log(200) + .12 * load * load / 2 + h->offset_latency + h->jitter + (doubled ? log(2) : 0),
           before = 0;
    for (int i = 0; i < CELL_LATENCY_BINS && n > 0; i++) {
        double below =
            i + 1 < CELL_LATENCY_BINS ? .5 * erfc(-(log(cell_latency_bound_ms[i]) - middle) / (.45 * M_SQRT2)) : 1;
        double k = fleet_binomial(f, n, fmin(1, (below - before) / fmax(1e-12, 1 - before)));
        c->latency_bin[i] = (uint64_t)k;
        n -= k;
        before = below;
    }
}

static inline void fleet_texts(made_fleet *f, const made_host *h, double n, made_fault fault, monitor_cell *c) {
    double texts = n - (double)c->empty, rate = h->sum[S_RATE];
    double confidence = h->sum[S_CONFIDENCE] / rate * (fault == FAULT_CONFIDENCE ? .8 : 1);
    double chars = h->sum[S_CHARS] / rate * (fault == FAULT_RATE ? .5 : 1);
    double tokens = floor(n * 12);
    c->texts = (uint64_t)texts;
    c->confidence_sum = fmax(0, texts * confidence + sqrt(texts) * .12 * fleet_normal(f));
    c->confidence_squares = texts * (confidence * confidence + .0144);
    c->compression_sum = texts * h->sum[S_COMPRESS] / rate + sqrt(texts) * .15 * fleet_normal(f);
    c->characters = fmax(0, c->speech_s * chars + sqrt(n) * .35 * FLEET_SPEECH_S * chars * fleet_normal(f));
    c->words = floor(c->characters / 5);
    c->tokens = tokens;
    c->tokens_repeated = fleet_binomial(f, tokens, h->sum[S_REPEAT] / rate);
}

static inline void fleet_minute_of(made_fleet *f, made_host *h, monitor_cell *c) {
    made_fault fault = fleet_fault(f, h);
    c->streams = (uint64_t)fleet_streams_step(f, h, c);
    double rate = h->sum[S_RATE];
    if (h->n == 0 || rate <= 0) return;
    double n = fleet_poisson(f, rate);
    c->audio_s = 60.0 * h->n;
    if (n <= 0) return;
#define DRAW(of, part, times) (uint64_t) fleet_binomial(f, of, fmin(1, (times)*h->sum[part] / rate))
    c->utterances = (uint64_t)n;
    c->empty = DRAW(n, S_EMPTY, fault == FAULT_EMPTY ? 5 : 1);
    c->looped = DRAW(n, S_LOOP, fault == FAULT_LOOPS ? 10 : 1);
    c->input_narrow = DRAW(n, S_NARROW, 1);
    c->input_quiet = DRAW(n, S_QUIET, 1);
    c->input_clipped = DRAW(n, S_CLIPPED, 1);
    c->input_noisy = DRAW(n, S_NOISY, 1);
    c->partials = (uint64_t)(n * 6);
    c->partial_revisions = DRAW(n * 6, S_REVISE, 1);
    c->speaker_labels = (uint64_t)n;
    c->speaker_revisions = DRAW(n, S_REVISE, .6);
    c->language_switches = DRAW(n, S_SWITCH, 1);
#undef DRAW
    c->speech_s = fmax(n * .5, n * FLEET_SPEECH_S + sqrt(n) * 2.2 * fleet_normal(f));
    c->loud_s = c->speech_s * h->sum[S_LOUD] / rate;
    if (fault == FAULT_VAD) c->speech_s *= .33;
    fleet_texts(f, h, n, fault, c);
    fleet_latency(f, h, n, fault == FAULT_LATENCY, c);
}

static inline void fleet_host_of(made_fleet *f, made_host *h, monitor_cell *c) {
    double busy = .08 + .22 * fleet_load(f) + .02 * fleet_normal(f);
    h->memory_noise = .99 * h->memory_noise + .0005 * fleet_normal(f);
    c->capacity_s = 120;
    c->busy_s = 120 * fmin(1, fmax(0, busy) * (fleet_fault(f, h) == FAULT_BUSY ? 1.8 : 1));
    double grown = fleet_fault(f, h) == FAULT_MEMORY ? pow(1.01, (double)(f->minute - h->fault_min) / 60) : 1;
    c->memory_bytes = 1.6e9 * grown * (1 + .02 * fleet_load(f) + h->memory_noise);
}

/* ---- the fleet ---------------------------------------------------------------------------------------------------- */

static inline void fleet_make(made_fleet *f, uint64_t seed, int hosts, double an_hour) {
    memset(f, 0, sizeof *f);
    f->state = seed;
    f->loud_state = ~seed;
    f->n = hosts;
    f->an_hour = an_hour;
    for (int i = 0; i < hosts; i++) {
        made_host *h = &f->host[i];
        snprintf(h->name, sizeof h->name, "host-%02d", i);
        h->fault_min = h->fault_end_min = INT64_MAX;
        h->offset_empty = .10 * fleet_normal(f);
        h->offset_confidence = .015 * fleet_normal(f);
        h->offset_latency = .05 * fleet_normal(f);
        h->phase = .8 * fleet_normal(f); /* mostly together: callers change for all hosts */
    }
}

/* The next minute of every host: two cells each, of the model's series and of the host's own. cell [2 * n]. */
static inline void fleet_minute(made_fleet *f, monitor_cell *cell) {
    for (int i = 0; i < f->n; i++) {
        made_host *h = &f->host[i];
        monitor_cell *c = &cell[2 * i], *own = &cell[2 * i + 1];
        memset(c, 0, 2 * sizeof *c);
        memcpy(c->at.host, h->name, sizeof h->name);
        memcpy(own->at.host, h->name, sizeof h->name);
        snprintf(c->at.model, sizeof c->at.model, "base");
        snprintf(c->at.language, sizeof c->at.language, "en");
        c->start_s = own->start_s = FLEET_START_S + f->minute * CELL_S;
        fleet_minute_of(f, h, c);
        fleet_host_of(f, h, own);
    }
    f->minute++;
}

#endif
