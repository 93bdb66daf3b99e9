/* bench_meter.c: see bench_meter.h. */
#include "cmd/bench_meter.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RATE ((double)STENO_SAMPLE_RATE_HZ)

static bool counted(const bench_totals *t, double now_s) {
    return now_s >= t->from_s && now_s < t->to_s;
}

static int quarter(const bench_totals *t, double now_s) {
    int q = (int)((now_s - t->from_s) / (t->to_s - t->from_s) * BENCH_QUARTERS);
    return q < 0 ? 0 : q >= BENCH_QUARTERS ? BENCH_QUARTERS - 1 : q;
}

void bench_totals_free(bench_totals *t) {
    bench_samples *const all[] = {&t->first_text, &t->partial_lag, &t->final_latency, &t->interval, &t->slip, &t->lag};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) bench_samples_free(all[i]);
    for (int q = 0; q < BENCH_QUARTERS; q++) {
        bench_samples_free(&t->lag_quarter[q]);
        bench_samples_free(&t->partial_lag_quarter[q]);
    }
}

static double growth(bench_samples quarters[BENCH_QUARTERS]) {
    bench_samples *first = &quarters[0], *last = &quarters[BENCH_QUARTERS - 1];
    if (first->n == 0 || last->n == 0) return 0;
    return bench_samples_percentile(last, 0.5) - bench_samples_percentile(first, 0.5);
}

double bench_lag_growth_s(bench_totals *t) {
    return fmax(growth(t->lag_quarter), growth(t->partial_lag_quarter));
}

/* ---- one stream ------------------------------------------------------------------------------------------------- */

void bench_meter_init(bench_meter *m, bench_totals *totals, double began_s, int packet_samples) {
    *m = (bench_meter){.totals = totals, .began_s = began_s, .packet_samples = packet_samples};
}

double bench_meter_due_s(const bench_meter *m, double audio_s) {
    double packets = ceil(audio_s * RATE / m->packet_samples - 1e-6);
    return m->began_s + packets * m->packet_samples / RATE;
}

uint64_t bench_meter_due_samples(const bench_meter *m, double now_s) {
    double packets = floor((now_s - m->began_s) * RATE / m->packet_samples + 1e-6);
    return packets > 0 ? (uint64_t)packets * (uint64_t)m->packet_samples : 0;
}

/* The open utterance of this name, made if there is none. */
static bench_open *open_message(bench_meter *m, uint64_t message, double now_s, bool *made) {
    bench_open *oldest = &m->open[0];
    *made = false;
    for (int i = 0; i < BENCH_OPEN_MAX; i++) {
        bench_open *o = &m->open[i];
        if (o->used && o->message == message) return o;
        if (oldest->used && (!o->used || o->order < oldest->order)) oldest = o;
    }
    *made = true;
    *oldest = (bench_open){.used = true,
                           .message = message,
                           .order = ++m->opened,
                           .last_event_s = now_s,
                           .silent_samples = m->silent_samples,
                           .continues = m->next_continues};
    m->next_continues = false;
    return oldest;
}

/* An utterance was cut: the one behind it goes on in the middle of speech, whether it has shown itself or not. */
static void mark_next(bench_meter *m, const bench_open *cut) {
    for (int i = 0; i < BENCH_OPEN_MAX; i++) {
        if (!m->open[i].used || m->open[i].order <= cut->order) continue;
        m->open[i].continues = true;
        return;
    }
    m->next_continues = true;
}

/* Time between two events of an utterance. One in which nobody said anything for a while counts without that while, and
 * only when it is too long to be overlooked. */
static void add_interval(bench_meter *m, const bench_open *o, double now_s) {
    double interval_s = now_s - o->last_event_s, silent_s = (double)(m->silent_samples - o->silent_samples) / RATE;
    if (silent_s > 0.1) interval_s -= silent_s;
    if (silent_s <= 0.1 || interval_s > BENCH_INTERVAL_LONG_S) bench_samples_add(&m->totals->interval, interval_s);
}

static void on_partial(bench_meter *m, const live_event *e, double now_s) {
    bench_totals *t = m->totals;
    bool made; /* nothing had said that speech began */
    bench_open *o = open_message(m, e->message, now_s, &made);
    if (o->first_text_s == 0 && e->text[0]) o->first_text_s = now_s;
    if (counted(t, now_s)) {
        t->partials++;
        if (!made) add_interval(m, o, now_s);
        if (e->audio_end_s >= 0) {
            double lag_s = now_s - bench_meter_due_s(m, e->audio_end_s);
            bench_samples_add(&t->partial_lag, lag_s);
            bench_samples_add(&t->partial_lag_quarter[quarter(t, now_s)], lag_s);
        }
    }
    o->last_event_s = now_s;
    o->silent_samples = m->silent_samples;
}

/* What a final with words says. The last interval lasts while somebody speaks, to the end of the last word; it counts only
 * when it is too long to be overlooked, because it is shorter than the others by chance. */
static void on_words(bench_meter *m, const bench_open *o, const live_event *e, double now_s) {
    bench_totals *t = m->totals;
    double spoken_s = fmin(bench_meter_due_s(m, e->end_s), now_s) - o->last_event_s;
    double first_s = o->first_text_s > 0 ? o->first_text_s : now_s;
    t->speech_s += e->end_s - e->start_s;
    if (spoken_s > BENCH_INTERVAL_LONG_S) bench_samples_add(&t->interval, spoken_s);
    if (!o->continues && e->first_word_end_s >= 0)
        bench_samples_add(&t->first_text, first_s - bench_meter_due_s(m, e->first_word_end_s));
}

static void on_final(bench_meter *m, const live_event *e, double now_s) {
    bench_totals *t = m->totals;
    bool made;
    bench_open *o = open_message(m, e->message, now_s, &made);
    if (counted(t, now_s)) {
        t->finals++;
        t->ended[e->reason]++;
        t->finals_empty += e->text[0] == 0;
        if (e->audio_end_s >= 0) bench_samples_add(&t->final_latency, now_s - bench_meter_due_s(m, e->audio_end_s));
        if (e->text[0]) on_words(m, o, e, now_s);
    }
    if (e->reason == STENO_END_MAX) mark_next(m, o);
    o->used = false;
}

static void on_stats(bench_meter *m, const live_event *e, double now_s) {
    bench_totals *t = m->totals;
    if (!counted(t, now_s)) return;
    uint64_t due = bench_meter_due_samples(m, now_s);
    double lag_s = due > e->audio_samples ? (double)(due - e->audio_samples) / RATE : 0;
    bench_samples_add(&t->lag, lag_s);
    bench_samples_add(&t->lag_quarter[quarter(t, now_s)], lag_s);
}

/* Counts the stretched time up to now, as far as it lies in the measured part. */
static void end_stretch(bench_meter *m, double now_s) {
    bench_totals *t = m->totals;
    double from_s = fmax(m->stretched_from_s, t->from_s), to_s = fmin(now_s, t->to_s);
    if (m->stretched_from_s > 0 && to_s > from_s) t->stretched_s += to_s - from_s;
    m->stretched_from_s = 0;
}

void bench_meter_event(bench_meter *m, const live_event *e, double now_s) {
    bool made;
    switch (e->kind) {
    case LIVE_SPEECH:
        (void)open_message(m, e->message, now_s, &made);
        break;
    case LIVE_PARTIAL:
        on_partial(m, e, now_s);
        break;
    case LIVE_FINAL:
        on_final(m, e, now_s);
        break;
    case LIVE_STATS:
        on_stats(m, e, now_s);
        break;
    case LIVE_OVERLOAD:
        if (e->overloaded && counted(m->totals, now_s)) m->totals->overloads++;
        if (!e->overloaded) end_stretch(m, now_s);
        if (e->overloaded && m->stretched_from_s == 0) m->stretched_from_s = now_s;
        break;
    case LIVE_ERROR:
        m->totals->errors++;
        break;
    default:
        break;
    }
}

void bench_meter_end(bench_meter *m, double now_s) {
    end_stretch(m, now_s);
}

/* ---- the objective ---------------------------------------------------------------------------------------------- */

void bench_objective_init(bench_objective *o) {
    *o = (bench_objective){.final_p99_ms = 300,
                           .first_p50_ms = 300,
                           .interval_ms = 550,
                           .interval_share = 0.9,
                           .stretch_share = 0.01,
                           .lag_growth_ms = 50};
}

unsigned bench_judge(bench_totals *t, const bench_objective *o, int streams) {
    unsigned misses = 0;
    double whole_s = (t->to_s - t->from_s) * streams;
    if (t->final_latency.n == 0) misses |= BENCH_MISS_NOTHING;
    if (bench_samples_percentile(&t->final_latency, 0.99) * 1000 > o->final_p99_ms) misses |= BENCH_MISS_FINAL;
    if (bench_samples_percentile(&t->first_text, 0.5) * 1000 > o->first_p50_ms) misses |= BENCH_MISS_FIRST;
    if (bench_samples_share_above(&t->interval, o->interval_ms / 1000) > 1 - o->interval_share + 1e-9)
        misses |= BENCH_MISS_CADENCE;
    if (t->stretched_s > o->stretch_share * whole_s) misses |= BENCH_MISS_STRETCH;
    if (bench_lag_growth_s(t) * 1000 > o->lag_growth_ms) misses |= BENCH_MISS_LAG;
    return misses;
}

void bench_misses_text(unsigned misses, char *out, size_t bytes) {
    static const char *const names[] = {"nothing measured", "final latency", "first text", "cadence",
                                        "stretched",        "lag growth",    "refused",    "dropped"};
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!(misses >> i & 1) || at >= bytes) continue;
        int n = snprintf(out + at, bytes - at, "%s%s", at ? ", " : "", names[i]);
        at += n > 0 ? (size_t)n : 0;
    }
}
