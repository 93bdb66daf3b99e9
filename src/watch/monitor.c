/* monitor.c: see monitor.h.
 *
 * A series keeps its last hour by minutes and its last day by hours, each place of a ring by the time it is of; so a window is a sum of
 * at most MONITOR_MINUTES cells, and time that passes without anything costs nothing.
 */
#include "watch/monitor.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define HOUR_S 3600
#define DAY_S  (24 * HOUR_S)

typedef struct series {
    monitor_cell now, total;
    bool counted;                         /* anything in `now` */
    monitor_cell minute[MONITOR_MINUTES]; /* by number of the minute */
    monitor_cell hour[MONITOR_HOURS];     /* by number of the hour */
} series;

struct monitor {
    int64_t minute_s; /* the one that runs */
    size_t n, max;
    series *series[]; /* [max]; the last may be of all others */
};

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static int64_t minute_of(int64_t s) {
    return s - s % CELL_S;
}

steno_err monitor_open(size_t series_max, int64_t now_s, monitor **out) {
    *out = NULL;
    if (series_max < 2 || series_max > MONITOR_SERIES_MAX)
        return err_fail(STENO_E_INVALID, "monitors: %zu series: want 2 to %d", series_max, MONITOR_SERIES_MAX);
    monitor *m = mem_alloc(1, sizeof *m + series_max * sizeof(series *));
    if (!m) return err_fail(STENO_E_NOMEM, "no memory for monitors");
    m->max = series_max;
    m->minute_s = minute_of(now_s);
    cell_at host = {0};
    if (monitor_series(m, &host) != 0 || m->n != 1) { /* where nothing else fits, this must */
        monitor_close(m);
        return err_fail(STENO_E_NOMEM, "no memory for monitors");
    }
    *out = m;
    return STENO_OK;
}

void monitor_close(monitor *m) {
    if (!m) return;
    for (size_t i = 0; i < m->n; i++) mem_free(m->series[i]);
    mem_free(m);
}

/* ---- series --------------------------------------------------------------------------------------------------------- */

static bool find(const monitor *m, const cell_at *at, size_t *out) {
    for (size_t i = 0; i < m->n; i++) {
        *out = i;
        if (cell_same_series(&m->series[i]->now.at, at)) return true;
    }
    return false;
}

static bool add(monitor *m, const cell_at *at, size_t *out) {
    series *s = mem_alloc(1, sizeof *s);
    if (!s) return false;
    s->now.at = s->total.at = *at;
    s->now.start_s = m->minute_s;
    *out = m->n;
    m->series[m->n++] = s;
    return true;
}

/* The host's own series is the first, and where there is no memory for another one it takes what would be lost. */
static size_t other(monitor *m) {
    cell_at at = {.model = MONITOR_OTHER};
    size_t i;
    if (find(m, &at, &i) || (m->n < m->max && add(m, &at, &i))) return i;
    return 0;
}

size_t monitor_series(monitor *m, const cell_at *at) {
    size_t i;
    if (find(m, at, &i)) return i;
    if (m->n + 1 >= m->max || !add(m, at, &i)) return other(m); /* the last place is that of the others */
    return i;
}

size_t monitor_count(const monitor *m) {
    return m->n;
}

const cell_at *monitor_at(const monitor *m, size_t at) {
    return &m->series[at]->now.at;
}

const monitor_cell *monitor_total(const monitor *m, size_t at) {
    return &m->series[at]->total;
}

/* ---- counting ------------------------------------------------------------------------------------------------------- */

/* Into the minute that runs, and into what was counted since the start. */
static void count(monitor *m, size_t at, const monitor_cell *more) {
    series *s = m->series[at];
    cell_add(&s->now, more);
    cell_add(&s->total, more);
    s->counted = true;
}

static void count_text(monitor_cell *c, const quality_sample *q) {
    double confidence = q->confidence > 0 ? (q->confidence < 1 ? q->confidence : 1) : 0;
    int bin = (int)(confidence * CELL_CONFIDENCE_BINS);
    c->texts = 1;
    c->characters = q->text.characters;
    c->words = q->text.words;
    c->tokens = q->text.words;
    c->tokens_repeated = q->text.repeated;
    c->looped = q->looped;
    c->language_switches = q->language_switch;
    c->confidence_sum = confidence;
    c->confidence_squares = confidence * confidence;
    c->confidence_bin[bin < CELL_CONFIDENCE_BINS ? bin : CELL_CONFIDENCE_BINS - 1] = 1;
    c->compression_sum = q->text.compression;
    c->compression_squares = q->text.compression * q->text.compression;
}

static void count_latency(monitor_cell *c, double ms) {
    int bin = 0;
    if (!(ms >= 0)) return;
    while (bin < CELL_LATENCY_BINS - 1 && ms > cell_latency_bound_ms[bin]) bin++;
    c->latency_bin[bin] = 1;
}

void monitor_utterance(monitor *m, size_t at, const quality_sample *q) {
    monitor_cell c = {.utterances = 1,
                      .empty = q->empty,
                      .streams = q->first,
                      .speech_s = q->speech_s > 0 ? q->speech_s : 0,
                      .partials = q->partials,
                      .partial_revisions = q->partial_revisions};
    if (!q->empty) count_text(&c, q);
    count_latency(&c, q->latency_ms);
    if (q->has_input) {
        c.input_clipped = q->input.is_clipped;
        c.input_quiet = q->input.is_quiet;
        c.input_noisy = q->input.is_noisy;
        c.input_narrow = q->input.is_narrow && !q->narrow_expected;
    }
    count(m, at, &c);
}

void monitor_vote(input_votes *v, const quality_sample *q) {
    if (!q->has_input) return;
    v->n++;
    v->clipped += q->input.is_clipped;
    v->quiet += q->input.is_quiet;
    v->noisy += q->input.is_noisy;
    v->narrow += q->input.is_narrow && !q->narrow_expected;
}

void monitor_stream(monitor *m, size_t at, const input_votes *v) {
    monitor_cell c = {.streams_judged = 1,
                      .streams_clipped = 2 * v->clipped > v->n,
                      .streams_quiet = 2 * v->quiet > v->n,
                      .streams_noisy = 2 * v->noisy > v->n,
                      .streams_narrow = 2 * v->narrow > v->n};
    if (v->n) count(m, at, &c);
}

void monitor_empty(monitor *m, size_t at, uint64_t n, double speech_s) {
    monitor_cell c = {.utterances = n, .empty = n, .speech_s = speech_s > 0 ? speech_s : 0};
    if (n) count(m, at, &c);
}

void monitor_audio(monitor *m, size_t at, double audio_s, double loud_s) {
    monitor_cell c = {.audio_s = audio_s, .loud_s = loud_s > 0 ? loud_s : 0};
    if (audio_s > 0) count(m, at, &c);
}

void monitor_speakers(monitor *m, size_t at, uint32_t labels, uint32_t revisions) {
    monitor_cell c = {.speaker_labels = labels, .speaker_revisions = revisions};
    if (labels || revisions) count(m, at, &c);
}

void monitor_host(monitor *m, double busy_s, double capacity_s, double memory_bytes) {
    monitor_cell c = {.busy_s = busy_s > 0 ? busy_s : 0, .capacity_s = capacity_s > 0 ? capacity_s : 0};
    count(m, 0, &c);
    m->series[0]->now.memory_bytes = m->series[0]->total.memory_bytes = memory_bytes > 0 ? memory_bytes : 0;
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

static void keep(monitor_cell *place, const monitor_cell *cell, int64_t start_s) {
    if (place->start_s != start_s || !cell_same_series(&place->at, &cell->at)) {
        *place = (monitor_cell){.at = cell->at, .start_s = start_s};
    }
    cell_add(place, cell);
    place->memory_bytes = cell->memory_bytes; /* a sum of it says nothing: the newest */
}

static void file_minute(series *s, const monitor_cell *cell) {
    int64_t hour_s = cell->start_s - cell->start_s % HOUR_S;
    keep(&s->minute[cell->start_s / CELL_S % MONITOR_MINUTES], cell, cell->start_s);
    keep(&s->hour[hour_s / HOUR_S % MONITOR_HOURS], cell, hour_s);
}

void monitor_tick(monitor *m, int64_t now_s, monitor_sink *sink, void *context) {
    int64_t minute_s = minute_of(now_s);
    if (minute_s <= m->minute_s) return;
    m->minute_s = minute_s;
    for (size_t i = 0; i < m->n; i++) {
        series *s = m->series[i];
        monitor_cell done = s->now;
        s->now = (monitor_cell){.at = done.at, .start_s = minute_s};
        if (!s->counted) continue;
        s->counted = false;
        file_minute(s, &done);
        sink(context, &done);
    }
}

void monitor_restore(monitor *m, const monitor_cell *cell, int64_t now_s) {
    if (cell->start_s > m->minute_s || cell->start_s <= now_s - DAY_S) return;
    series *s = m->series[monitor_series(m, &cell->at)];
    if (cell->start_s == m->minute_s) {
        cell_add(&s->now, cell);
        s->counted = true;
        return;
    }
    monitor_cell renamed = *cell;
    renamed.at = s->now.at;
    int64_t hour_s = cell->start_s - cell->start_s % HOUR_S;
    if (cell->start_s > now_s - (int64_t)MONITOR_MINUTES * CELL_S)
        keep(&s->minute[cell->start_s / CELL_S % MONITOR_MINUTES], &renamed, cell->start_s);
    keep(&s->hour[hour_s / HOUR_S % MONITOR_HOURS], &renamed, hour_s);
}

/* ---- looking -------------------------------------------------------------------------------------------------------- */

const char *monitor_window_name(monitor_window w) {
    static const char *const names[MONITOR_WINDOWS] = {"5m", "1h", "1d"};
    return names[w];
}

static void sum_since(const monitor_cell *cells, size_t n, int64_t after_s, int64_t now_s, monitor_cell *sum) {
    for (size_t i = 0; i < n; i++) {
        if (cells[i].start_s > after_s && cells[i].start_s <= now_s) cell_add(sum, &cells[i]);
    }
}

void monitor_sum(const monitor *m, size_t at, monitor_window w, int64_t now_s, monitor_cell *out) {
    const series *s = m->series[at];
    int64_t minute_s = minute_of(now_s), length_s = w == MONITOR_5_MIN ? 5 * CELL_S : HOUR_S;
    *out = (monitor_cell){.at = s->now.at, .start_s = minute_s};
    if (w == MONITOR_DAY)
        sum_since(s->hour, MONITOR_HOURS, now_s - DAY_S, now_s, out);
    else
        sum_since(s->minute, MONITOR_MINUTES, minute_s - length_s, now_s, out);
    cell_add(out, &s->now);
    out->memory_bytes = s->total.memory_bytes; /* a sum of it says nothing */
}

const monitor_cell *monitor_minute(const monitor *m, size_t at, size_t k, int64_t now_s) {
    const series *s = m->series[at];
    int64_t start_s = minute_of(now_s) - (int64_t)k * CELL_S;
    if (start_s == s->now.start_s) return s->counted ? &s->now : NULL;
    if (start_s < 0 || k >= MONITOR_MINUTES) return NULL;
    const monitor_cell *c = &s->minute[start_s / CELL_S % MONITOR_MINUTES];
    return c->start_s == start_s ? c : NULL;
}

const monitor_cell *monitor_hour(const monitor *m, size_t at, size_t k, int64_t now_s) {
    int64_t hour_s = now_s - now_s % HOUR_S - (int64_t)k * HOUR_S;
    if (hour_s < 0 || k >= MONITOR_HOURS) return NULL;
    const monitor_cell *c = &m->series[at]->hour[hour_s / HOUR_S % MONITOR_HOURS];
    return c->start_s == hour_s ? c : NULL;
}

double monitor_latency_ms(const monitor_cell *cell, double p) {
    double all = 0, below = 0;
    for (int i = 0; i < CELL_LATENCY_BINS; i++) all += (double)cell->latency_bin[i];
    if (all <= 0) return -1;
    for (int i = 0; i < CELL_LATENCY_BINS; i++) {
        double n = (double)cell->latency_bin[i], low = i ? cell_latency_bound_ms[i - 1] : 0;
        if (below + n < p * all || n <= 0) {
            below += n;
            continue;
        }
        if (i == CELL_LATENCY_BINS - 1) return low;
        return low + (cell_latency_bound_ms[i] - low) * (p * all - below) / n;
    }
    return cell_latency_bound_ms[CELL_LATENCY_BINS - 2];
}
