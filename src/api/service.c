/* service.c: the service: engines, who is let in, draining. See service.h. */
#include "api/openai_known.h"
#include "api/wire_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "privacy/find.h"

#include <string.h>

#define EVENTS_A_TURN 512 /* of an engine, before connections get their turn */
#define SWEEP_MS      1000

/* ---- voices that are not read from ------------------------------------------------------------------------------ */

/* The timer goes off for the first of them; one that needs no more finds nothing to do. */
static void arm_retry(service *v, int wait_ms) {
    int64_t at_ms = net_now_ms() + (wait_ms < 1 ? 1 : wait_ms);
    if (v->retry_at_ms && v->retry_at_ms <= at_ms) return;
    v->retry_at_ms = at_ms;
    net_timer_set(v->retry, wait_ms < 1 ? 1 : wait_ms);
}

void service_stall(voice *w) {
    service *v = w->service;
    if (!w->stalled) {
        w->stalled = true;
        w->stalled_prev = NULL;
        w->stalled_next = v->stalled;
        if (v->stalled) v->stalled->stalled_prev = w;
        v->stalled = w;
    }
    arm_retry(v, voice_wait_ms(w, net_now_ms()));
}

void service_unstall(voice *w) {
    service *v = w->service;
    if (!w->stalled) return;
    w->stalled = false;
    if (w->stalled_prev)
        w->stalled_prev->stalled_next = w->stalled_next;
    else
        v->stalled = w->stalled_next;
    if (w->stalled_next) w->stalled_next->stalled_prev = w->stalled_prev;
}

/* Those that still have to wait set the timer again. */
static void retry_stalled(service *v) {
    int64_t now_ms = net_now_ms();
    for (voice *w = v->stalled, *next; w; w = next) {
        next = w->stalled_next;
        voice_work(w, now_ms);
    }
}

static void retry(void *ctx) {
    service *v = ctx;
    v->retry_at_ms = 0;
    retry_stalled(v);
}

/* ---- engines ---------------------------------------------------------------------------------------------------- */

static void engine_ready(void *ctx) {
    engine_slot *slot = ctx;
    steno_event e;
    for (int i = 0; i < EVENTS_A_TURN && steno_engine_poll(slot->engine, 0, &e) == STENO_OK; i++) {
        stream_owner *o = e.user;
        o->event(o, &e);
        steno_event_release(&e);
    }
    if (slot->owner->stalled) retry_stalled(slot->owner); /* perhaps there is room now */
    recordings_room(slot->owner);
    service_check_drained(slot->owner);
}

static steno_err add_engine(service *v, steno_model *model, steno_engine *engine) {
    engine_slot *slot = mem_alloc(1, sizeof *slot);
    if (!slot) return err_fail(STENO_E_NOMEM, "no memory for an engine");
    *slot = (engine_slot){.next = v->slots, .owner = v, .model = model, .engine = engine};
    slot->watch = net_watch_open(v->net, steno_engine_fd(engine), engine_ready, slot);
    if (!slot->watch) {
        mem_free(slot);
        return err_fail(STENO_E_NOMEM, "the engine's descriptor cannot be watched");
    }
    v->slots = slot;
    return STENO_OK;
}

static void close_engine(engine_slot *slot) {
    metrics_engine_closed(&slot->owner->metrics, slot->engine);
    net_watch_close(slot->watch);
    steno_engine_close(slot->engine);
    steno_model_close(slot->model);
    mem_free(slot);
}

/* Engines that were replaced go when their last stream has. */
static void reap_engines(service *v) {
    for (engine_slot **at = &v->slots->next; *at;) { /* the first is never replaced but by another */
        engine_slot *slot = *at;
        if (slot->streams > 0 || slot->held > 0) {
            at = &slot->next;
            continue;
        }
        *at = slot->next;
        close_engine(slot);
        log_line(LOG_LEVEL_INFO, "a replaced model was closed: its last stream has ended");
    }
}

steno_err service_replace(service *v, const service_config *config, steno_model *model, steno_engine *engine) {
    ERR_TRY(auth_configure(v->auth, &config->auth));
    if (v->jobs) ERR_TRY(jobs_configure(v->jobs, &config->jobs));
    if (v->speakers) speakers_configure(v->speakers, &config->speakers);
    if (v->watch) ERR_TRY(watch_configure(v->watch, &config->watch));
    ERR_TRY(tracer_configure(v->tracer, &config->trace));
    ERR_TRY(add_engine(v, model, engine)); /* last: what fails has taken nothing over */
    service_config same = v->config;       /* sockets and the store stay as they are */
    privacy_close(same.privacy);           /* streams that are open have their share of it */
    v->config = *config;
    v->config.net = same.net;
    v->config.store = NULL; /* its own are in v; those of the new configuration are nobody's to take over */
    v->config.keys = NULL;
    v->config.voices = NULL;
    shadow_engines *in_shadow = v->config.shadow_engines;
    v->config.shadow_engines = NULL;
    shadow_replace(&v->shadow, &config->shadow, in_shadow, v);
    v->shadow_tidied_s = 0;
    v->reloads++;
    return STENO_OK;
}

/* ---- draining --------------------------------------------------------------------------------------------------- */

/* Sessions that wait for their connection to come back count: their words are not lost before their time is over. So do
 * requests whose body still comes, or whose answer still goes out. */
void service_check_drained(service *v) {
    net_counts n;
    if (!v->draining) return;
    net_get_counts(v->net, &n);
    if (v->connected > 0 || v->sessions > v->ended || v->recordings_owed > 0 || n.exchanges > 0) return;
    if (!tracer_flushed(v->tracer)) return; /* it calls again */
    net_stop(v->net);
}

void service_drain(service *v) {
    if (v->draining) return;
    v->draining = true;
    v->drain_until_ms = net_now_ms() + (int64_t)v->config.drain_s * 1000;
    if (v->jobs) jobs_drain(v->jobs);
    log_line(LOG_LEVEL_INFO, "draining: no new streams; %d connected ones may finish within %d s", v->connected,
             v->config.drain_s);
    service_check_drained(v);
}

static void sweep_drain(service *v, int64_t now_ms) {
    if (!v->draining || now_ms < v->drain_until_ms) return;
    if (now_ms >= v->drain_until_ms + SERVICE_DRAIN_FLUSH_S * 1000) {
        net_stop(v->net);
        return;
    }
    if (v->ending) return;
    v->ending = true;
    log_line(LOG_LEVEL_INFO, "draining: the limit has passed, %d streams are ended", v->connected);
    for (session *s = v->first, *next; s; s = next) {
        next = s->next;
        live_session_finish(s, "draining", 1001, "the server is going away");
        voice_work(&s->voice, now_ms);
    }
    for (wire *w = v->wires; w; w = w->next) wire_drain(w, now_ms);
}

static void sweep(void *ctx) {
    service *v = ctx;
    int64_t now_ms = net_now_ms();
    for (session *s = v->first, *next; s; s = next) {
        next = s->next;
        live_session_sweep(s, now_ms);
    }
    for (wire *w = v->wires, *next; w; w = next) {
        next = w->next;
        wire_sweep(w, now_ms);
    }
    wire_free_dead(v);
    auth_tick(v->auth);
    speakers_tick(v->speakers);
    watch_sweep(v->watch);
    shadow_sweep(v->shadow);
    shadow_tidy(v);
    reap_engines(v);
    sweep_drain(v, now_ms);
    service_check_drained(v); /* whoever ended without saying so */
    net_timer_set(v->sweep, SWEEP_MS);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void on_store(void *ctx) {
    worker_deliver(((service *)ctx)->store);
}

static steno_err open_store(service *v) {
    keys_table *keys = v->config.keys;
    v->config.keys = NULL;
    ERR_TRY(auth_open(&v->config.auth, v->store, keys, NULL, &v->auth));
    if (!v->store) return STENO_OK;
    v->store_watch = net_watch_open(v->net, worker_fd(v->store), on_store, v);
    if (!v->store_watch) return err_fail(STENO_E_NOMEM, "no memory for the store");
    voices_table *voices = v->config.voices;
    v->config.voices = NULL;
    ERR_TRY(speakers_open(v, &v->config.speakers, v->store, voices, &v->speakers));
    steno_err e = jobs_open(&v->config.jobs, v, v->config.data_dir, v->store, &v->jobs);
    if (e != STENO_E_AGAIN || !v->config.jobs.optional) return e;
    log_line(LOG_LEVEL_WARN, "no jobs here: %s", steno_error_detail());
    return STENO_OK;
}

/* Nobody needs it: without it the service is all there is to users. */
static void open_shadow(service *v) {
    shadow_engines *engines = v->config.shadow_engines;
    v->config.shadow_engines = NULL;
    if (shadow_open(&v->config.shadow, engines, v, &v->shadow) != STENO_OK)
        log_line(LOG_LEVEL_ERROR, "shadow: off: %s", steno_error_detail());
}

static steno_err start(service *v, steno_model *model, steno_engine *engine) {
    net_handler handler = {.ctx = v,
                           .request = routes_request,
                           .upgrade = routes_upgrade,
                           .answered = routes_answered,
                           .answering = routes_answering};
    ERR_TRY(net_open(&v->config.net, &handler, &v->net));
    v->scratch = mem_alloc(RECORDING_SCRATCH_FLOATS, sizeof *v->scratch);
    if (!v->scratch) return err_fail(STENO_E_NOMEM, "no memory for recordings");
    v->sweep = net_timer_open(v->net, sweep, v);
    v->retry = net_timer_open(v->net, retry, v);
    if (!v->sweep || !v->retry) return err_fail(STENO_E_NOMEM, "no memory for timers");
    net_timer_set(v->sweep, SWEEP_MS);
    ERR_TRY(tracer_open(&v->config.trace, v, &v->tracer));
    ERR_TRY(open_store(v));
    ERR_TRY(watch_open(&v->config.watch, v, &v->watch));
    ERR_TRY(add_engine(v, model, engine));
    open_shadow(v);
    return STENO_OK;
}

steno_err service_open(const service_config *config, steno_model *model, steno_engine *engine, service **out) {
    service *v = mem_alloc(1, sizeof *v);
    *out = NULL;
    if (!v) {
        keys_table_free(config->keys);
        voices_table_free(config->voices);
        worker_close(config->store);
        privacy_close(config->privacy);
        shadow_engines_close(config->shadow_engines);
        return err_fail(STENO_E_NOMEM, "no memory for the service");
    }
    *v = (service){.config = *config, .store = config->store, .started_ms = net_now_ms()};
    v->config.net.message_bytes_max = SERVICE_MESSAGE_BYTES_MAX;
    metrics_init(&v->metrics);
    steno_err e = start(v, model, engine);
    if (e != STENO_OK) {
        service_close(v);
        return e;
    }
    *out = v;
    return STENO_OK;
}

void service_run(service *v) {
    net_run(v->net);
}

void service_stop(service *v) {
    net_stop(v->net);
}

net *service_net(service *v) {
    return v->net;
}

void service_close(service *v) {
    if (!v) return;
    watch_stop(v->watch); /* first: its last words go to the store */
    shadow_stop(v->shadow);
    shadow_reap(); /* before the models that it borrows */
    jobs_stop(v->jobs);
    openai_known_stop(v);
    speakers_stop(v->speakers);
    if (v->store_watch) net_watch_close(v->store_watch);
    while (v->slots) {
        engine_slot *slot = v->slots;
        v->slots = slot->next;
        for (session *s = v->first; s; s = s->next) voice_forget_engine(&s->voice, slot);
        wire_forget_engine(v, slot);
        recordings_forget_engine(v, slot);
        close_engine(slot);
    }
    recordings_close(v);
    tracer_stop(v->tracer); /* what is said from now on nobody hears */
    net_timer_close(v->sweep);
    net_timer_close(v->retry);
    v->draining = false; /* nothing is left to stop */
    net_close(v->net);   /* detaches every session */
    while (v->first) live_session_free(v->first);
    wire_free_dead(v);
    auth_close(v->auth);
    keys_table_free(v->config.keys); /* nobody came so far as to take them */
    voices_table_free(v->config.voices);
    worker_close(v->store); /* what was put is written, though nobody waits for it any more */
    jobs_close(v->jobs);
    watch_close(v->watch);
    tracer_close(v->tracer);
    shadow_close(v->shadow);
    shadow_engines_close(v->config.shadow_engines); /* nobody came so far as to take them */
    speakers_close(v->speakers);
    privacy_close(v->config.privacy);
    mem_free(v->scratch);
    mem_free(v);
}
