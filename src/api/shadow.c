/* shadow.c: engines in the shadow, and when they are left alone: see shadow.h.
 *
 * Engines that are replaced are closed by a thread of their own: their threads end when they have run, and they run only where nobody else
 * wants to. The slot whose model one of them uses is held until then.
 */
#include "api/shadow_int.h"

#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOAD_BUSY    0.50 /* of the users' engine, where somebody speaks live: copies end */
#define LOAD_CALM    0.35 /* and begin again when it has been below this … */
#define CALM_S       5    /* … for so long */
#define STRETCH_CALM 1.0

struct shadow_setup {
    shadow_engines *engines; /* owned */
    carrier *carrier;
    net_watch *watch;
    engine_slot *slot;  /* held */
    shadow_setup *next; /* of those that are being closed */
    pthread_t closer;
    bool closing; /* the thread runs */
    _Atomic bool closed;
};

static shadow_setup *closing; /* the network thread's; of all shadows there ever were */

int64_t shadow_now_s(void) {
    return (int64_t)time(NULL);
}

const char *shadow_reason_name(shadow_reason r) {
    static const char *const names[SHADOW_REASONS] = {"load", "queue", "behind", "room", "reload", "engine"};
    return names[r];
}

carrier *shadow_carrier(const shadow *s) {
    return s->setup ? s->setup->carrier : NULL;
}

/* ---- engines --------------------------------------------------------------------------------------------------------- */

void shadow_engines_close(shadow_engines *e) {
    if (!e) return;
    for (int k = 0; k < SHADOW_SIDES; k++) steno_engine_close(e->engine[k]);
    for (int k = 0; k < SHADOW_SIDES; k++) steno_model_close(e->model[k]);
    mem_free(e);
}

static void *close_setup(void *arg) {
    shadow_setup *u = arg;
    carrier_close(u->carrier);
    shadow_engines_close(u->engines);
    atomic_store(&u->closed, true);
    return NULL;
}

/* Those that are through are forgotten; `all`: waits for the others. */
static void reap(bool all) {
    for (shadow_setup **at = &closing; *at;) {
        shadow_setup *u = *at;
        if (!all && !atomic_load(&u->closed)) {
            at = &u->next;
            continue;
        }
        *at = u->next;
        if (u->closing) pthread_join(u->closer, NULL);
        if (u->slot) u->slot->held--;
        mem_free(u);
    }
}

static void drop_setup(shadow *s, shadow_reason why) {
    shadow_setup *u = s->setup;
    if (!u) return;
    shadow_forget_lanes(s, why);
    s->setup = NULL;
    if (u->watch) net_watch_close(u->watch);
    u->next = closing;
    closing = u;
    u->closing = pthread_create(&u->closer, NULL, close_setup, u) == 0;
    if (!u->closing) close_setup(u); /* better late than never */
}

static void on_results(void *ctx) {
    shadow *s = ctx;
    carrier_result r;
    while (s->setup && carrier_next(s->setup->carrier, &r)) shadow_result(s, &r);
}

static steno_err open_setup(shadow *s, shadow_engines *e) {
    shadow_setup *u = mem_alloc(1, sizeof *u);
    carrier_open_options o = {.lanes = s->config.streams, .buffer_s = s->config.buffer_s};
    carrier_engines hear;
    memcpy(hear.engine, e->engine, sizeof hear.engine);
    if (!u) {
        shadow_engines_close(e);
        return err_fail(STENO_E_NOMEM, "no memory for the shadow");
    }
    u->engines = e;
    s->setup = u;
    if (e->engine[SHADOW_AGAIN]) u->slot = s->service->slots;
    if (u->slot) u->slot->held++;
    ERR_TRY(carrier_open(&o, &hear, &u->carrier));
    u->watch = net_watch_open(s->service->net, carrier_fd(u->carrier), on_results, s);
    return u->watch ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for the shadow");
}

/* ---- which two are compared ------------------------------------------------------------------------------------------ */

static void name_run(const shadow_engines *e, char run[SHADOW_RUN_BYTES]) {
    int n = snprintf(run, SHADOW_RUN_BYTES, "%s %s | %s %s", e->name[SHADOW_A], e->precision[SHADOW_A],
                     e->name[SHADOW_B], e->precision[SHADOW_B]);
    if (e->name[SHADOW_REFEREE][0] && n > 0 && n < SHADOW_RUN_BYTES)
        snprintf(run + n, SHADOW_RUN_BYTES - (size_t)n, " | %s %s", e->name[SHADOW_REFEREE],
                 e->precision[SHADOW_REFEREE]);
}

/* Streams that go on have been witnesses of the two that were compared until now, and are none of the next two. */
static void end_run(shadow *s) {
    shadow_end_units(s);
    s->changed |= s->run[0] != 0;
    shadow_keep(s, true);
}

/* An empty one: what another model said is nothing of this one's. Without memory the old one stays. */
static steno_err open_monitor(shadow *s) {
    monitor *empty;
    ERR_TRY(monitor_open(SHADOW_SIDES + 1, shadow_now_s(), &empty));
    monitor_close(s->monitor);
    s->monitor = empty;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        cell_at at = {0};
        snprintf(at.model, sizeof at.model, "shadow:%s", shadow_side_name((shadow_side)k));
        s->series[k] = monitor_series(s->monitor, &at);
    }
    return STENO_OK;
}

static void begin_run(shadow *s) {
    if (open_monitor(s) != STENO_OK) log_line(LOG_LEVEL_WARN, "shadow: %s", steno_error_detail());
    memset(&s->counts, 0, sizeof s->counts);
    memset(s->use, 0, sizeof s->use);
    memset(s->sample, 0, sizeof s->sample);
    memset(s->dropped_s, 0, sizeof s->dropped_s);
    memset(s->dropped_streams, 0, sizeof s->dropped_streams);
    s->copied_s = s->copied_streams = s->pairs_lost = 0;
    s->n_minutes = 0;
    s->since_s = shadow_now_s();
    s->used[SHADOW_BY_FAULTS] = true;
    s->used[SHADOW_BY_REFEREE] = s->about.name[SHADOW_REFEREE][0] != 0;
    s->used[SHADOW_BY_CONFIDENCE] = strcmp(s->about.name[SHADOW_A], s->about.name[SHADOW_B]) == 0;
}

static void tell(const shadow *s) {
    if (s->why[0]) {
        log_line(LOG_LEVEL_ERROR, "shadow: off: %s", s->why);
        return;
    }
    const shadow_engines *e = &s->about;
    log_line(LOG_LEVEL_INFO, "shadow: %d %% of streams are also heard by %s (%s), %d %% of them by %s (%s) again%s%s",
             s->config.percent, e->name[SHADOW_B], e->precision[SHADOW_B], s->config.floor_percent, e->name[SHADOW_A],
             e->precision[SHADOW_A], e->name[SHADOW_REFEREE][0] ? "; referee: " : "", e->name[SHADOW_REFEREE]);
}

static void fail(shadow *s) {
    snprintf(s->why, sizeof s->why, "%s", steno_error_detail());
    drop_setup(s, SHADOW_FOR_ENGINE);
}

/* Takes the engines over. */
static void use(shadow *s, shadow_engines *e) {
    char run[SHADOW_RUN_BYTES];
    name_run(e, run);
    bool other = strcmp(run, s->run) != 0;
    if (other) end_run(s);
    s->about = *e;
    memset(s->about.model, 0, sizeof s->about.model);
    memset(s->about.engine, 0, sizeof s->about.engine);
    memcpy(s->why, e->why, sizeof s->why);
    s->has_stats = false;
    if (other) {
        memcpy(s->run, run, sizeof s->run);
        begin_run(s);
        shadow_keep_start(s); /* what was found of these two before goes on */
    }
    if (s->why[0])
        shadow_engines_close(e);
    else if (open_setup(s, e) != STENO_OK)
        fail(s);
    tell(s);
}

/* ---- minutes --------------------------------------------------------------------------------------------------------- */

shadow_minute *shadow_minute_now(shadow *s) {
    int64_t start_s = shadow_now_s() / CELL_S * CELL_S;
    shadow_minute *m = s->n_minutes ? &s->minute[(s->n_minutes - 1) % SHADOW_MINUTES] : NULL;
    if (m && m->start_s >= start_s) return m;
    m = &s->minute[s->n_minutes++ % SHADOW_MINUTES];
    *m = (shadow_minute){.start_s = start_s};
    return m;
}

void shadow_look(shadow *s, shadow_verdict *out) {
    shadow_judge(&s->counts, s->used, out);
}

static void update_minute(shadow *s) {
    shadow_minute *m = shadow_minute_now(s);
    shadow_verdict v;
    monitor_cell c;
    shadow_look(s, &v);
    m->difference = v.difference;
    m->floor = v.floor;
    m->log_better = v.log_better;
    m->log_worse = v.log_worse;
    m->streams = s->counts.with[SHADOW_B].streams;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        monitor_sum(s->monitor, s->series[k], MONITOR_5_MIN, shadow_now_s(), &c);
        m->latency_p50_ms[k] = monitor_latency_ms(&c, 0.50);
        m->latency_p99_ms[k] = monitor_latency_ms(&c, 0.99);
    }
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

/* With the rules of the configuration that holds now. Without one nothing is gated, and no text is kept. */
static steno_err open_redactor(shadow *s) {
    gate_policy policy;
    policy_init(&policy);
    policy.mode = REDACT_MASK;
    policy.types = entity_all_set;
    policy.min_confidence = 0; /* as careful as any stream may ask for */
    policy.forced = true;
    redact_free(s->redactor);
    s->redactor = NULL;
    return s->service->config.privacy ? redact_open(s->service->config.privacy, &policy, &s->redactor) : STENO_OK;
}

static steno_err open_parts(shadow *s) {
    ERR_TRY(text_meter_open(&s->meter));
    ERR_TRY(open_monitor(s));
    return open_redactor(s);
}

steno_err shadow_open(const shadow_config *config, shadow_engines *engines, service *v, shadow **out) {
    *out = NULL;
    if (!engines) return STENO_OK;
    shadow *s = mem_alloc(1, sizeof *s);
    if (s) *s = (shadow){.service = v, .config = *config};
    steno_err e = s ? open_parts(s) : err_fail(STENO_E_NOMEM, "no memory for the shadow");
    if (e != STENO_OK) {
        shadow_engines_close(engines);
        shadow_close(s);
        return e;
    }
    use(s, engines);
    *out = s;
    return STENO_OK;
}

void shadow_replace(shadow **at, const shadow_config *config, shadow_engines *engines, service *v) {
    shadow *s = *at;
    if (!s && shadow_open(config, engines, v, at) != STENO_OK)
        log_line(LOG_LEVEL_ERROR, "shadow: off: %s", steno_error_detail());
    if (!s) return;
    drop_setup(s, SHADOW_FOR_RELOAD);
    s->config = *config;
    if (open_redactor(s) != STENO_OK) log_line(LOG_LEVEL_ERROR, "shadow: no texts: %s", steno_error_detail());
    if (!config->texts) shadow_forget_texts(s);
    shadow_keep(s, true);
    if (engines) {
        use(s, engines);
        return;
    }
    s->why[0] = 0;
    log_line(LOG_LEVEL_INFO, "shadow: off"); /* it stays, as taps may: with nobody to listen */
}

void shadow_stop(shadow *s) {
    if (!s || s->stopped) return;
    drop_setup(s, SHADOW_FOR_RELOAD);
    shadow_end_units(s);
    if (s->changed) update_minute(s);
    shadow_keep(s, true);
    s->stopped = true;
}

void shadow_close(shadow *s) {
    if (!s) return;
    shadow_keep_stop(s);
    monitor_close(s->monitor);
    text_meter_close(s->meter);
    redact_free(s->redactor);
    mem_free(s);
}

void shadow_reap(void) {
    reap(true);
}

/* ---- once a second --------------------------------------------------------------------------------------------------- */

/* With only recordings a busy engine is no sign of want: the shadow's threads wait of themselves. */
static bool is_busy(const steno_engine_stats *a) {
    return a->overloaded || a->stretch > STRETCH_CALM || (a->live > 0 && a->load > LOAD_BUSY);
}

static bool is_calm(const steno_engine_stats *a) {
    return !a->overloaded && a->stretch <= STRETCH_CALM && (a->live == 0 || a->load < LOAD_CALM);
}

static void look_at_users(shadow *s) {
    steno_engine_stats a;
    steno_engine_get_stats(s->service->slots->engine, &a);
    if (is_busy(&a)) {
        s->calm_s = 0;
        if (!s->loaded) shadow_drop_all(s, SHADOW_FOR_LOAD);
        s->loaded = true;
        return;
    }
    s->calm_s = is_calm(&a) ? s->calm_s + 1 : 0;
    if (s->calm_s >= CALM_S) s->loaded = false;
}

static void no_cell(void *context, const monitor_cell *cell) {
    (void)context;
    (void)cell;
}

void shadow_sweep(shadow *s) {
    if (closing) reap(false);
    if (!s || s->stopped) return;
    monitor_tick(s->monitor, shadow_now_s(), no_cell, NULL);
    if (s->setup) {
        look_at_users(s);
        s->has_stats |= carrier_get_stats(s->setup->carrier, &s->stats);
    }
    if (!s->changed) return;
    update_minute(s);
    shadow_keep(s, false);
}
