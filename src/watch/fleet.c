/* fleet.c: what was counted between two looks at a host: see fleet.h. Owner: whoever calls. */
#include "watch/fleet.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define START_OFF_S                                                                                                    \
    5.0 /* a start that is said to be so much later or earlier is another one: clocks are set, and rounded */

struct fleet_host {
    char name[CELL_HOST_BYTES];
    bool looked;
    int64_t at_s;
    fleet_text last;
};

steno_err fleet_host_open(const char *name, fleet_host **out) {
    fleet_host *h = *out = mem_alloc(1, sizeof *h);
    if (!h) return err_fail(STENO_E_NOMEM, "no memory for another host");
    snprintf(h->name, sizeof h->name, "%s", name);
    return STENO_OK;
}

void fleet_host_close(fleet_host *h) {
    if (h) fleet_text_free(&h->last);
    mem_free(h);
}

void fleet_host_forget(fleet_host *h) {
    h->looked = false;
}

/* ---- the same process, a little later ----------------------------------------------------------------------------- */

/* Whether both were said by one process, as far as one can tell. */
static bool is_same_process(const fleet_text *a, const fleet_text *b) {
    if (a->id[0] || b->id[0]) return strcmp(a->id, b->id) == 0;
    return fabs(a->start_s - b->start_s) <= START_OFF_S;
}

/* Whether a series that is new began after the look before: it would have been there. */
static bool is_known_process(const fleet_text *t) {
    return t->id[0] || t->start_s > 0;
}

static const fleet_series *find(const fleet_text *t, const cell_at *at) {
    for (size_t i = 0; i < t->n; i++)
        if (cell_same_series(&t->series[i].total.at, at)) return &t->series[i];
    return NULL;
}

/* ---- differences -------------------------------------------------------------------------------------------------- */

/* Fields that a program with this text's families could have counted in that time. */
static bool is_possible(const monitor_cell *c, double took_s) {
    double n = (double)c->utterances, texts = (double)c->texts, bins = 0, waits = 0;
    for (int i = 0; i < CELL_CONFIDENCE_BINS; i++) bins += (double)c->confidence_bin[i];
    for (int i = 0; i < CELL_LATENCY_BINS; i++) waits += (double)c->latency_bin[i];
    double slack = 1e-6 * texts + 1e-6; /* sums of many are rounded */
    return n <= FLEET_RATE_MAX * took_s && texts <= n && (double)c->empty <= n && (double)c->looped <= n && bins <= n &&
           waits <= n && c->confidence_sum <= texts + slack && c->confidence_squares <= c->confidence_sum + slack &&
           (double)c->streams_judged <= FLEET_RATE_MAX * took_s;
}

/* Utterances, speech or audio. */
static bool is_anything(const monitor_cell *c) {
    return c->utterances || c->streams_judged || c->speaker_labels || c->audio_s > 0;
}

typedef struct looking {
    const fleet_host *host;
    const fleet_text *now;
    int64_t start_s;
    double took_s;
    monitor_sink *sink;
    void *context;
    fleet_look *out;
} looking;

static void give(const looking *l, monitor_cell *cell) {
    memcpy(cell->at.host, l->host->name, sizeof cell->at.host);
    cell->start_s = l->start_s;
    cell_add(&l->out->sum, cell);
    l->out->cells++;
    if (l->sink) l->sink(l->context, cell);
}

static void count_series(const looking *l, const fleet_series *now, const fleet_series *before) {
    monitor_cell cell = now->total;
    if (before && (before->seen != now->seen || !cell_subtract(&cell, &before->total))) return; /* begins anew */
    if (!is_anything(&cell)) return;
    if (is_possible(&cell, l->took_s))
        give(l, &cell);
    else
        l->out->strange++;
}

static void count_host(const looking *l) {
    double busy_s = l->now->busy_s - l->host->last.busy_s, capacity_s = l->now->shards * l->took_s;
    monitor_cell cell = {.memory_bytes = l->now->memory_bytes};
    if (busy_s >= 0 && busy_s <= capacity_s * 2 && capacity_s <= FLEET_RATE_MAX * l->took_s)
        cell.busy_s = busy_s, cell.capacity_s = capacity_s; /* twice: a shard counts when its work is done */
    give(l, &cell);
}

static int64_t minute_before(int64_t s) {
    return s - s % CELL_S - CELL_S;
}

void fleet_host_look(fleet_host *h, fleet_text *t, int64_t now_s, monitor_sink *sink, void *context, fleet_look *out) {
    *out = (fleet_look){.sum = {.memory_bytes = t->memory_bytes}};
    bool same = h->looked && is_same_process(&h->last, t);
    if (same && now_s == h->at_s) return; /* no time went by: the next one counts from where this one would have */
    looking l = {.host = h,
                 .now = t,
                 .start_s = minute_before(now_s),
                 .took_s = (double)(now_s - h->at_s),
                 .sink = sink,
                 .context = context,
                 .out = out};
    out->counted = same && now_s > h->at_s && now_s - h->at_s <= FLEET_GAP_S;
    for (size_t i = 0; i < t->n && out->counted; i++) {
        const fleet_series *before = find(&h->last, &t->series[i].total.at);
        if (before || is_known_process(t)) count_series(&l, &t->series[i], before);
    }
    if (out->counted) count_host(&l);
    out->sum.memory_bytes = t->memory_bytes; /* not the sum of it */
    fleet_text_free(&h->last);
    h->last = *t;
    h->at_s = now_s;
    h->looked = true;
    *t = (fleet_text){0};
}
