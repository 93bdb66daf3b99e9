/* alarm.c: cells in, alarms out: series found by name, evidence stepped, alarms raised and lowered. See alarm.h.
 *
 * Owner: the set's thread. What is normal is alarm_norm.c's affair, hosts as a whole are alarm_host.c's.
 */
#include "watch/alarm_int.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define WEEK_STEPS (7 * 24 * 3600 / CELL_S)

/* ---- the set ------------------------------------------------------------------------------------------------------ */

steno_err alarm_open(size_t max_series, alarm_set **out) {
    *out = NULL;
    if (max_series < 1 || max_series > ALARM_SERIES_MAX)
        return err_fail(STENO_E_INVALID, "alarms: %zu series: want 1 to %d", max_series, ALARM_SERIES_MAX);
    alarm_set *set = mem_alloc(1, sizeof *set);
    if (!set) return err_fail(STENO_E_NOMEM, "alarms: no memory");
    set->n_rules = alarm_rules(&set->rule);
    set->max = max_series;
    set->n_slots = 2;
    while (set->n_slots < 2 * max_series) set->n_slots *= 2;
    set->series = mem_alloc(max_series, sizeof *set->series);
    set->slot = mem_alloc(set->n_slots, sizeof *set->slot);
    if (!set->series || !set->slot) {
        alarm_close(set);
        return err_fail(STENO_E_NOMEM, "alarms: no memory for %zu series", max_series);
    }
    *out = set;
    return STENO_OK;
}

void alarm_close(alarm_set *set) {
    if (!set) return;
    mem_free(set->series);
    mem_free(set->slot);
    mem_free(set->peers);
    mem_free(set);
}

/* FNV-1a. Names come from this host and from those it was told to read: nobody gains by collisions. */
static uint64_t hash_text(uint64_t hash, const char *text) {
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ 0xff) * 0x100000001b3u;
}

static uint32_t *slot_of(const alarm_set *set, const cell_at *at) {
    uint64_t hash = 0xcbf29ce484222325u;
    hash = hash_text(hash_text(hash, at->host), at->model);
    hash = hash_text(hash_text(hash, at->language), at->key);
    size_t i = (size_t)(hash ^ hash >> 32) & (set->n_slots - 1);
    while (set->slot[i] && !cell_same_series(&set->series[set->slot[i] - 1].at, at)) i = (i + 1) & (set->n_slots - 1);
    return &set->slot[i];
}

/* NULL: there is no room. */
static alarm_series *series_for(alarm_set *set, const monitor_cell *cell) {
    uint32_t *slot = slot_of(set, &cell->at);
    if (*slot) return &set->series[*slot - 1];
    if (set->n == set->max) return NULL;
    alarm_series *s = &set->series[set->n++];
    *slot = (uint32_t)set->n;
    s->at = s->peer.at = cell->at;
    s->now_s = cell->start_s;
    s->hour = cell->start_s / HOUR_S;
    s->latency_over = CELL_LATENCY_BINS;
    return s;
}

/* ---- raising and lowering ----------------------------------------------------------------------------------------- */

void alarm_raise(alarm_set *set, alarm_series *s, size_t rule, double value, double samples) {
    rule_state *st = &s->state[rule];
    bool weighed = set->rule[rule].against != ALARM_LIMIT && set->rule[rule].kind != ALARM_TREND;
    st->raised = true;
    st->well = 0;
    st->stretch = (alarm_sample){0};
    st->stretch_s = s->now_s;
    st->event = (alarm_event){.change = ALARM_RAISED,
                              .rule = &set->rule[rule],
                              .at = s->at,
                              .at_s = s->now_s,
                              .since_s = st->watch.since_s,
                              .value = value,
                              .norm = st->norm,
                              .tolerated = weighed || st->bound > 0 ? st->bound : set->rule[rule].limit,
                              .samples = samples,
                              .log_evidence = weighed ? st->log_m : 0,
                              .log_needed = weighed ? set->counts.log_needed : 0};
    set->counts.raised++;
    set->counts.raised_ever++;
    if (set->sink) set->sink(set->context, &st->event);
}

void alarm_lower(alarm_set *set, alarm_series *s, size_t rule, alarm_change change, double value) {
    rule_state *st = &s->state[rule];
    alarm_event event = st->event;
    event.change = change;
    event.at_s = s->now_s;
    event.value = value;
    st->raised = false;
    st->log_m = 0;
    st->watch = (stats_watch){0};
    if (change == ALARM_ACCEPTED) *st = (rule_state){0};
    set->counts.raised--;
    if (set->sink) set->sink(set->context, &event);
}

static bool beyond(const alarm_rule *rule, const rule_state *st, double value) {
    return rule->direction > 0 ? value > st->bound : value < st->bound;
}

/* So much that a stretch tells the norm from the bound. */
static double stretch_weight(const rule_state *st) {
    double between = fabs(st->bound - st->norm), enough = 2.25 * st->variance / (between * between + 1e-12);
    return enough > st->enough ? enough : st->enough;
}

static void watch_raised(alarm_set *set, alarm_series *s, size_t rule, alarm_sample sample) {
    rule_state *st = &s->state[rule];
    st->stretch.y += sample.y;
    st->stretch.w += sample.w;
    int64_t lasted_s = s->now_s - st->stretch_s;
    if (s->now_s - st->event.at_s >= ALARM_ACCEPT_S) {
        alarm_lower(set, s, rule, ALARM_ACCEPTED, st->stretch.y / st->stretch.w);
        return;
    }
    if (lasted_s < CLEAR_S || (st->stretch.w < stretch_weight(st) && lasted_s < CLEAR_MAX_S)) return;
    double value = st->stretch.y / st->stretch.w;
    st->well = beyond(&set->rule[rule], st, value) ? 0 : st->well + 1;
    st->stretch = (alarm_sample){0};
    st->stretch_s = s->now_s;
    if (st->well >= CLEAR_STRETCHES) alarm_lower(set, s, rule, ALARM_RESOLVED, value);
}

/* ---- a minute ----------------------------------------------------------------------------------------------------- */

static alarm_sample sample_of(const alarm_rule *rule, const alarm_series *s, const monitor_cell *cell) {
    alarm_sample sample = {0};
    if (rule->kind != ALARM_LATENCY) {
        rule->take(cell, &sample);
        if (rule->kind == ALARM_SHARE && sample.y > sample.w)
            sample.y = sample.w; /* of another host: its counters may be read unequally */
        return sample;
    }
    for (int i = 0; i < CELL_LATENCY_BINS; i++) {
        sample.w += (double)cell->latency_bin[i];
        if (i >= s->latency_over) sample.y += (double)cell->latency_bin[i];
    }
    return sample;
}

static void rule_step(alarm_set *set, alarm_series *s, size_t rule, const monitor_cell *cell) {
    rule_state *st = &s->state[rule];
    alarm_sample sample = sample_of(&set->rule[rule], s, cell);
    if (!(sample.w > 0)) return;
    st->now.y += sample.y;
    st->now.w += sample.w;
    if (st->raised) {
        watch_raised(set, s, rule, sample);
        return;
    }
    if (!st->ready) return;
    st->log_m = stats_watch_step(&st->watch, &st->bet, sample.y, sample.w, cell->start_s);
    if (st->log_m < set->counts.log_needed || st->watch.w < st->enough) return;
    double value = st->watch.y / st->watch.w;
    if (beyond(&set->rule[rule], st, value)) alarm_raise(set, s, rule, value, st->watch.w);
}

/* Evidence needed so that all pairs together raise a false alarm ALARM_FALSE_PER_WEEK times a week at most: M of each reaches c
 * on average not before c minutes. Hosts that judge themselves have as many pairs each. */
static void count_learnt(alarm_set *set, int64_t now_s) {
    size_t pairs = 0;
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->n_rules; k++) pairs += set->series[i].state[k].ready;
    set->counts.learnt = pairs;
    double everywhere = (double)(pairs ? pairs : 1) * (1 + (double)alarm_peer_hosts(set, now_s));
    set->counts.log_needed = log(everywhere * WEEK_STEPS / ALARM_FALSE_PER_WEEK);
}

static void next_hour(alarm_set *set, alarm_series *s, int64_t hour) {
    if (s->at.model[0])
        alarm_norm_hour(set, s);
    else
        alarm_host_hour(set, s);
    s->hour = hour;
    if (hour == set->hour) return;
    set->hour = hour;
    count_learnt(set, s->now_s);
}

/* Takes the cell's confidence, and looks at the other hosts when it is time. */
static void compare(alarm_set *set, alarm_series *s, const monitor_cell *cell) {
    alarm_fleet_step(&s->peer, cell);
    if (cell->start_s < s->fleet_s + FLEET_REFRESH_S) return;
    s->fleet_s = cell->start_s;
    for (size_t i = 0; i < set->n_rules; i++)
        if (set->rule[i].against == ALARM_FLEET) alarm_norm_make(set, s, i);
}

void alarm_feed(alarm_set *set, const monitor_cell *cell, alarm_sink *sink, void *context) {
    set->counts.cells++;
    if (!alarm_judges(set, &cell->at)) {
        alarm_peer_feed(set, cell);
        return;
    }
    alarm_series *s = series_for(set, cell);
    if (!s) {
        set->counts.refused++;
        return;
    }
    set->sink = sink;
    set->context = context;
    int64_t hour = cell->start_s / HOUR_S;
    if (hour > s->hour) next_hour(set, s, hour);
    if (s->at.model[0]) compare(set, s, cell);
    if (cell->start_s > s->now_s) s->now_s = cell->start_s;
    if (!s->at.model[0]) {
        alarm_host_step(set, s, cell);
        return;
    }
    for (size_t i = 0; i < set->n_rules; i++)
        if (set->rule[i].kind != ALARM_LEVEL && set->rule[i].kind != ALARM_TREND) rule_step(set, s, i, cell);
    for (int i = 0; i < CELL_LATENCY_BINS; i++) s->latency_now[i] += (double)cell->latency_bin[i];
    s->now_utterances += (double)cell->utterances;
    s->now_streams += (double)cell->streams;
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

void alarm_each(const alarm_set *set, alarm_sink *sink, void *context) {
    for (size_t i = 0; i < set->n; i++) {
        for (size_t k = 0; k < set->n_rules; k++) {
            const rule_state *st = &set->series[i].state[k];
            if (st->raised) sink(context, &st->event);
        }
    }
}

bool alarm_band(const alarm_set *set, const cell_at *at, const char *rule, double *norm, double *tolerated) {
    uint32_t slot = *slot_of(set, at);
    for (size_t i = 0; slot && i < set->n_rules; i++) {
        const rule_state *st = &set->series[slot - 1].state[i];
        if (strcmp(set->rule[i].name, rule) != 0) continue;
        *norm = st->norm;
        *tolerated = st->bound;
        return st->ready;
    }
    return false;
}

void alarm_count(const alarm_set *set, alarm_counts *out) {
    *out = set->counts;
    out->series = set->n;
    out->peers = set->n_peers;
}
