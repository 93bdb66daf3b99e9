/* load.c: what a shard knows of its own load: how busy it is, and by how much partials are stretched.
 *
 * Partials are elastic. When they have to wait for a large part of their cadence before they begin, or finals for a large
 * part of FINAL_PATIENCE_S (encode.c), the cadence is stretched, at most STRETCH_MAX times, until they do not; when they
 * hardly wait any more it shrinks again. Owner: the shard; `busy` and `stretch` are read by other threads. Time is passed in.
 */
#include "engine/shard_int.h"

#include <math.h>

#define WINDOW_S        0.5 /* busy is measured over this long … */
#define SMOOTH          0.4 /* … and the newest window counts this much */
#define STRETCH_MAX     6.0
#define STRETCH_STEP    1.25
#define STRETCH_EVERY_S 0.4
#define WAIT_SMOOTH     0.1
#define WAIT_HIGH       0.35 /* of the cadence */
#define WAIT_LOW        0.12
#define IDLE_MS         250 /* how often an idle shard looks whether it may stretch less */
#define IDLE_KEEP       0.5

static void set(_Atomic double *to, double v) {
    atomic_store_explicit(to, v, memory_order_relaxed);
}

static double get(const _Atomic double *from) {
    return atomic_load_explicit(from, memory_order_relaxed);
}

void load_init(shard *s, double now_s) {
    shard_meter *m = &s->meter;
    m->busy_since_s = m->window_start_s = m->changed_s = m->slept_s = now_s;
    m->window_busy_s = m->wait_share = 0.0;
    set(&m->busy, 0.0);
    set(&m->live_busy, 0.0);
    set(&m->stretch, 1.0);
}

static void close_window(shard *s, double now_s) {
    shard_meter *m = &s->meter;
    double length_s = now_s - m->window_start_s;
    if (length_s < WINDOW_S) return;
    double share = m->window_busy_s / length_s, keep = length_s > 4 * WINDOW_S ? 0.0 : 1.0 - SMOOTH;
    if (share > 1.0) share = 1.0;
    set(&m->busy, keep * get(&m->busy) + (1.0 - keep) * share);
    set(&m->live_busy, keep * get(&m->live_busy) + (1.0 - keep) * fmax(share - m->window_bulk_s / length_s, 0.0));
    set(&s->count.busy_s, get(&s->count.busy_s) + m->window_busy_s);
    m->window_start_s = now_s;
    m->window_busy_s = m->window_bulk_s = 0.0;
}

/* Nobody has waited for a while: partials may be asked for as often as they should be. */
static void relax(shard *s, double now_s) {
    shard_meter *m = &s->meter;
    double stretch = get(&m->stretch);
    if (stretch <= 1.0 || now_s - m->changed_s < STRETCH_EVERY_S || m->wait_share > WAIT_LOW) return;
    stretch /= STRETCH_STEP;
    set(&m->stretch, stretch < 1.05 ? 1.0 : stretch);
    m->changed_s = now_s;
}

void load_wake(shard *s, double now_s) {
    close_window(s, now_s);
    s->meter.busy_since_s = now_s;
}

void load_sleep(shard *s, double now_s) {
    s->meter.window_busy_s += now_s - s->meter.busy_since_s;
    bool idle = s->waiting_count + s->active == 0 && now_s - s->meter.slept_s > IDLE_MS / 2000.0;
    if (idle) s->meter.wait_share *= IDLE_KEEP;
    s->meter.slept_s = now_s;
    relax(s, now_s);
}

int load_patience_ms(const shard *s) {
    return shard_stretch(s) > 1.0 ? IDLE_MS : -1;
}

void load_began(shard *s, double waited_s, double cadence_s) {
    shard_meter *m = &s->meter;
    if (cadence_s <= 0.0) return; /* none are wanted any more */
    m->wait_share += WAIT_SMOOTH * (waited_s / cadence_s - m->wait_share);
    if (m->wait_share < WAIT_HIGH || s->now_s - m->changed_s < STRETCH_EVERY_S) return;
    double stretch = get(&m->stretch) * STRETCH_STEP;
    set(&m->stretch, stretch > STRETCH_MAX ? STRETCH_MAX : stretch);
    m->changed_s = s->now_s;
}

double shard_busy(const shard *s) {
    return get(&s->meter.busy);
}

double load_live(const shard *s) {
    return get(&s->meter.live_busy);
}

void load_bulk(shard *s, double spent_s) {
    s->meter.window_bulk_s += spent_s;
}

double shard_stretch(const shard *s) {
    return get(&s->meter.stretch);
}
