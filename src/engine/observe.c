/* observe.c: what a shard counts of its own work for those who watch it.
 *
 * Owner      the shard adds; any thread reads, so the numbers are atomics, stored relaxed: one writer, no lock, no allocation, no
 *            read-modify-write. A reader may see a tick half counted.
 */
#include "engine/shard_int.h"

#include "watch/histogram.h"

static const double tick_bounds_s[] = {0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015,
                                       0.02,   0.03,   0.05,  0.075, 0.1,   0.2,   0.5,    1.0};
static const double fill_bounds[] = {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
static const double utterance_bounds[] = {1, 2, 3, 4, 6, 8, 12, 16, 24};
static const double row_bounds[] = {1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512};

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))
_Static_assert(COUNT(tick_bounds_s) <= STENO_HISTOGRAM_BUCKETS && HISTOGRAM_WAIT_BOUNDS <= STENO_HISTOGRAM_BUCKETS,
               "bounds fit");

/* ---- adding ------------------------------------------------------------------------------------------------------- */

static void sum_add(_Atomic double *sum, double value) {
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + value, memory_order_relaxed);
}

static void add(shard_histogram *h, const double *bounds, int n, double value) {
    counter_add(&h->count[histogram_bucket(bounds, n, value)], 1);
    sum_add(&h->sum, value);
}

static steno_pass pass_of(const segment *g) {
    if (g->pass == PASS_RECORDING) return STENO_PASS_RECORDING;
    return g->pass == PASS_PARTIAL ? STENO_PASS_PARTIAL : STENO_PASS_FINAL;
}

void observe_wait(shard *s, const segment *g) {
    double waited_s = s->now_s - g->due_s;
    add(&s->observed.wait_s[pass_of(g)], histogram_wait_s, HISTOGRAM_WAIT_BOUNDS, waited_s > 0.0 ? waited_s : 0.0);
}

void observe_encoded(shard *s, steno_lane lane, int utterances, int rows, int rows_max) {
    add(&s->observed.encode_fill[lane], fill_bounds, COUNT(fill_bounds), (double)rows / rows_max);
    add(&s->observed.encode_batch[lane], utterance_bounds, COUNT(utterance_bounds), utterances);
    counter_add(&s->count.encode_batches, 1);
    counter_add(&s->count.encode_utterances, (uint64_t)utterances);
    counter_add(&s->count.encode_rows, (uint64_t)rows);
}

void observe_decoded(shard *s, int rows, double spent_s) {
    add(&s->observed.decode_batch, row_bounds, COUNT(row_bounds), rows);
    s->observed.decoded_s += spent_s;
    counter_add(&s->count.decode_steps, 1);
    counter_add(&s->count.decode_rows, (uint64_t)rows);
}

static void publish(shard *s) {
    shard_observed *o = &s->observed;
    int grow = s->waiting_grow.count;
    for (int u = 0; u < URGENCIES; u++) {
        int n = s->waiting[u][0].count + s->waiting[u][1].count + (u == URGENT_PARTIAL ? grow : 0);
        atomic_store_explicit(&o->waiting_by[u], n, memory_order_relaxed);
    }
    size_t peak = s->scratch.peak_bytes + s->grow_scratch.peak_bytes;
    for (int i = 0; i < LANES; i++) peak += s->lane[i].scratch.peak_bytes;
    atomic_store_explicit(&o->arena_peak_bytes, peak, memory_order_relaxed);
}

_Static_assert((int)STENO_PASS_FINAL == URGENT_FINAL && (int)STENO_PASS_PARTIAL == URGENT_PARTIAL &&
                   (int)STENO_PASS_RECORDING == RECORDING,
               "queues by urgency are passes");

void observe_tick(shard *s, double heard_s, double spoke_s, double slept_s) {
    shard_observed *o = &s->observed;
    add(&o->tick_s, tick_bounds_s, COUNT(tick_bounds_s), slept_s - s->now_s);
    sum_add(&o->stage_s[STENO_STAGE_LISTEN], heard_s - s->now_s);
    sum_add(&o->stage_s[STENO_STAGE_SPEAKERS], spoke_s - heard_s);
    sum_add(&o->stage_s[STENO_STAGE_ENCODE], slept_s - spoke_s - o->decoded_s);
    sum_add(&o->stage_s[STENO_STAGE_DECODE], o->decoded_s);
    o->decoded_s = 0.0;
    publish(s);
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void collect(const shard_histogram *h, const double *bounds, int n, histogram *out) {
    if (!out->bounds) histogram_init(out, bounds, n);
    for (int i = 0; i <= n; i++) out->count[i] += atomic_load_explicit(&h->count[i], memory_order_relaxed);
    out->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
}

void observe_add(const shard *s, steno_engine_stats *out) {
    const shard_observed *o = &s->observed;
    collect(&o->tick_s, tick_bounds_s, COUNT(tick_bounds_s), &out->tick_s);
    collect(&o->decode_batch, row_bounds, COUNT(row_bounds), &out->decode_batch);
    for (int i = 0; i < STENO_PASSES; i++) {
        collect(&o->wait_s[i], histogram_wait_s, HISTOGRAM_WAIT_BOUNDS, &out->wait_s[i]);
        out->waiting_by[i] += atomic_load_explicit(&o->waiting_by[i], memory_order_relaxed);
    }
    for (int i = 0; i < STENO_LANES; i++) {
        collect(&o->encode_fill[i], fill_bounds, COUNT(fill_bounds), &out->encode_fill[i]);
        collect(&o->encode_batch[i], utterance_bounds, COUNT(utterance_bounds), &out->encode_batch[i]);
    }
    for (int i = 0; i < STENO_STAGES; i++)
        out->stage_s[i] += atomic_load_explicit(&o->stage_s[i], memory_order_relaxed);
    out->arena_bytes += s->scratch.cap_bytes + s->grow_scratch.cap_bytes;
    for (int i = 0; i < LANES; i++) out->arena_bytes += s->lane[i].scratch.cap_bytes;
    out->arena_peak_bytes += atomic_load_explicit(&o->arena_peak_bytes, memory_order_relaxed);
}
