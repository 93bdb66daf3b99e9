/* service.c: the service: engines, who is let in, draining. See service.h. */
#include "api/service_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define EVENTS_A_TURN 512 /* of an engine, before connections get their turn */
#define SWEEP_MS      1000
#define RETRY_AFTER_S 2 /* said to those who are refused for load */
#define DRAIN_RETRY_S 5

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
    net_watch_close(slot->watch);
    steno_engine_close(slot->engine);
    steno_model_close(slot->model);
    mem_free(slot);
}

/* Engines that were replaced go when their last stream has. */
static void reap_engines(service *v) {
    for (engine_slot **at = &v->slots->next; *at;) { /* the first is never replaced but by another */
        engine_slot *slot = *at;
        if (slot->streams > 0) {
            at = &slot->next;
            continue;
        }
        *at = slot->next;
        close_engine(slot);
        log_line(LOG_LEVEL_INFO, "a replaced model was closed: its last stream has ended");
    }
}

steno_err service_replace(service *v, const service_config *config, steno_model *model, steno_engine *engine) {
    ERR_TRY(add_engine(v, model, engine));
    net_config same = v->config.net; /* sockets stay as they are */
    v->config = *config;
    v->config.net = same;
    v->reloads++;
    return STENO_OK;
}

/* ---- who is let in ---------------------------------------------------------------------------------------------- */

/* Somebody who wants a stream, or only to hear whether there would be one. */
typedef struct visitor {
    service *owner;
    const net_request *request;
    net_reply *reply;   /* says why not */
    session_link *link; /* NULL: only asks, by plain HTTP; nothing is opened or counted */
} visitor;

/* Always false. */
static bool refuse(const visitor *w, refusal why, int status, const char *code, const char *text) {
    if (w->link) w->owner->refused[why]++;
    status_error(w->reply, status, code, text);
    if (status == 503) w->reply->retry_after_s = why == REFUSED_DRAINING ? DRAIN_RETRY_S : RETRY_AFTER_S;
    return false;
}

static bool refuse_engine(const visitor *w, steno_err e) {
    const char *text = steno_error_detail();
    if (e == STENO_E_LIMIT) return refuse(w, REFUSED_STREAMS, 503, "full", text);
    if (e == STENO_E_AGAIN) return refuse(w, REFUSED_OVERLOAD, 503, "overloaded", text);
    if (e == STENO_E_INVALID) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", text);
    return refuse(w, REFUSED_MEMORY, 503, steno_err_name(e), text);
}

static bool admit_resumed(const visitor *w, const stream_params *p) {
    session *s = live_session_find(w->owner, p->resume);
    if (!s) return refuse(w, REFUSED_UNKNOWN_SESSION, 404, "unknown_session", "resume: no such session, or too late");
    steno_err e = outbox_check_resume(&s->out, p->last_seq);
    if (e == STENO_E_INVALID) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", steno_error_detail());
    if (e != STENO_OK) return refuse(w, REFUSED_EVENTS_GONE, 410, "events_gone", steno_error_detail());
    if (!w->link) return true;
    w->link->resumes = true;
    w->link->last_seq = p->last_seq;
    memcpy(w->link->token, p->resume, sizeof w->link->token);
    return true;
}

static bool admit(const visitor *w) {
    service *v = w->owner;
    const net_request *r = w->request;
    stream_params p;
    params_init(&p, &v->config.live);
    steno_err e = r->too_many_args ? err_fail(STENO_E_INVALID, "too many parameters, or one that is too long")
                                   : params_from_query(&p, r->args, r->n_args, steno_model_language(v->slots->model));
    if (e != STENO_OK) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", steno_error_detail());
    if (p.resume[0]) return admit_resumed(w, &p);
    if (v->draining) return refuse(w, REFUSED_DRAINING, 503, "draining", "this server takes no new streams");
    e = w->link ? live_session_open(v, &p, &w->link->session) : voice_admits(v);
    return e == STENO_OK || refuse_engine(w, e);
}

bool service_admits(service *v, const net_request *r, net_reply *reply) {
    return admit(&(visitor){.owner = v, .request = r, .reply = reply});
}

static void *on_upgrade(void *ctx, const net_request *r, net_reply *reply) {
    visitor w = {.owner = ctx, .request = r, .reply = reply};
    if (strcmp(r->path, "/v1/stream") != 0) {
        status_error(reply, 404, "not_found", "no WebSocket here: see /v1/stream");
        return NULL;
    }
    w.link = mem_alloc(1, sizeof *w.link);
    if (!w.link) {
        refuse(&w, REFUSED_MEMORY, 503, "nomem", "no memory for a connection");
        return NULL;
    }
    w.link->owner = ctx;
    if (admit(&w)) return w.link;
    mem_free(w.link);
    return NULL;
}

static void on_opened(void *user, net_conn *conn) {
    session_link *link = user;
    session *s = link->session;
    link->conn = conn;
    if (link->resumes) {
        s = live_session_find(link->owner, link->token);
        if (!s || outbox_resume(&s->out, link->last_seq) != STENO_OK) {
            net_end(conn, 1011, "the session ended meanwhile");
            return;
        }
        s->resumed = true;
        link->owner->resumed++;
    }
    live_session_attach(s, link);
}

static void on_data(void *user, const net_data *d) {
    session_link *link = user;
    if (link->session) live_session_data(link->session, d);
}

static void on_writable(void *user) {
    session_link *link = user;
    if (link->session) live_session_send(link->session);
}

static void on_closed(void *user, int code) {
    session_link *link = user;
    session *s = link->session;
    service *v = link->owner;
    if (s && !link->conn) { /* it never opened: nobody knows its token */
        s->abandoned = true;
        live_session_finish(s, "close", 1000, "");
        voice_work(&s->voice, net_now_ms());
    } else if (s) {
        live_session_detach(s, net_now_ms(), code == 1000);
    }
    mem_free(link);
    service_check_drained(v);
}

static void on_request(void *ctx, const net_request *r, net_reply *reply) {
    status_request(ctx, r, reply);
}

/* ---- draining --------------------------------------------------------------------------------------------------- */

void service_check_drained(service *v) {
    if (v->draining && v->connected == 0) net_stop(v->net);
}

void service_drain(service *v) {
    if (v->draining) return;
    v->draining = true;
    v->drain_until_ms = net_now_ms() + (int64_t)v->config.drain_s * 1000;
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
}

static void sweep(void *ctx) {
    service *v = ctx;
    int64_t now_ms = net_now_ms();
    for (session *s = v->first, *next; s; s = next) {
        next = s->next;
        live_session_sweep(s, now_ms);
    }
    reap_engines(v);
    sweep_drain(v, now_ms);
    net_timer_set(v->sweep, SWEEP_MS);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static steno_err start(service *v, steno_model *model, steno_engine *engine) {
    net_handler handler = {.ctx = v,
                           .request = on_request,
                           .upgrade = on_upgrade,
                           .opened = on_opened,
                           .data = on_data,
                           .writable = on_writable,
                           .closed = on_closed};
    ERR_TRY(net_open(&v->config.net, &handler, &v->net));
    v->sweep = net_timer_open(v->net, sweep, v);
    v->retry = net_timer_open(v->net, retry, v);
    if (!v->sweep || !v->retry) return err_fail(STENO_E_NOMEM, "no memory for timers");
    net_timer_set(v->sweep, SWEEP_MS);
    return add_engine(v, model, engine);
}

steno_err service_open(const service_config *config, steno_model *model, steno_engine *engine, service **out) {
    service *v = mem_alloc(1, sizeof *v);
    *out = NULL;
    if (!v) return err_fail(STENO_E_NOMEM, "no memory for the service");
    *v = (service){.config = *config, .started_ms = net_now_ms()};
    v->config.net.message_bytes_max = SERVICE_MESSAGE_BYTES_MAX;
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
    while (v->slots) {
        engine_slot *slot = v->slots;
        v->slots = slot->next;
        for (session *s = v->first; s; s = s->next) {
            if (s->voice.slot == slot) s->voice.stream = 0; /* it ends without an event */
        }
        close_engine(slot);
    }
    net_timer_close(v->sweep);
    net_timer_close(v->retry);
    v->draining = false; /* nothing is left to stop */
    net_close(v->net);   /* detaches every session */
    while (v->first) live_session_free(v->first);
    mem_free(v);
}
