/* wire.c: a foreign live protocol's connection: its life and what it says. See wire.h; its voices are in wire_voice.c. */
#include "api/auth.h"
#include "api/wire_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_FLUSH_S 5  /* for last words, once a wire is to end because the server does */
#define WIRE_CLOSE_S 15 /* a peer that has not read them by then is hung up on */

/* ---- life ------------------------------------------------------------------------------------------------------- */

static void link_wire(service *v, wire *w) {
    w->next = v->wires;
    if (w->next) w->next->prev = w;
    v->wires = w;
    v->connected++;
}

static void unlink_wire(wire *w) {
    service *v = w->service;
    if (w->prev)
        w->prev->next = w->next;
    else
        v->wires = w->next;
    if (w->next) w->next->prev = w->prev;
    v->connected--;
}

static wire *make_wire(service *v, const dialect *d, const char *id, const trace *of, const auth_pass *pass) {
    wire *w = mem_alloc(1, sizeof *w + d->state_bytes);
    if (!w) return NULL;
    *w = (wire){.service = v, .kind = d, .heard_ms = net_now_ms(), .trace = *of};
    memset(w->state, 0, d->state_bytes);
    snprintf(w->id, sizeof w->id, "%s", id);
    snprintf(w->model, sizeof w->model, "%s", steno_model_name(v->slots->model));
    snprintf(w->language, sizeof w->language, "%s", steno_model_language(v->slots->model));
    redaction_rule(v, pass, &w->rule);
    redaction_settle(&w->rule, NULL, &w->policy);
    link_wire(v, w);
    return w;
}

static void log_end(const wire *w) {
    char hex[TRACE_HEX_BYTES];
    log_event(LOG_LEVEL_INFO, "stream ended", LOG_STR("request", w->id), LOG_STR("trace", trace_id(&w->trace, hex)),
              LOG_STR("key", w->pass ? auth_owner(w->pass) : ""), LOG_STR("dialect", w->kind->name),
              LOG_INT("code", w->closing ? w->close_code : 0),
              LOG_STR("reason", w->close_reason ? w->close_reason : "the client left"));
}

static void free_wire(wire *w) {
    if (w->kind->end) w->kind->end(w, w->state);
    wire_give_up_voices(w);
    unlink_wire(w);
    w->service->coalesced += w->out.coalesced;
    outbox_free(&w->out);
    auth_leave(w->pass);
    mem_free(w->text);
    mem_free(w);
}

static void opened(void *user, net_conn *conn) {
    wire *w = user;
    w->conn = conn;
    w->heard_ms = net_now_ms();
    if (w->kind->opened) w->kind->opened(w, w->state);
    if (w->out.unsent || w->closing) net_want_write(conn);
}

/* By the code of the close: what this server could not do is its failure. */
static void end_trace(wire *w) {
    bool failed = w->closing && w->close_code == 1011;
    trace_attribute more[] = {TRACE_INT("steno.close_code", w->closing ? w->close_code : 0), {0}};
    trace_request_over(w->service->tracer, &w->trace,
                       &(trace_outcome){.dialect = w->kind->name,
                                        .outcome = failed       ? "failed"
                                                   : w->closing ? "closed"
                                                                : "left",
                                        .status = w->trace.route ? 101 : 0,
                                        .error = failed ? "recognition" : NULL,
                                        .more = more});
}

static void closed(void *user, int code) {
    wire *w = user;
    service *v = w->service;
    (void)code;
    w->conn = NULL;
    log_end(w);
    end_trace(w);
    free_wire(w);
    service_check_drained(v);
}

/* ---- what comes in ---------------------------------------------------------------------------------------------- */

static void collect_text(wire *w, const net_data *d) {
    if (d->first) w->text_n = 0;
    if (!w->text && !(w->text = mem_alloc(1, WIRE_TEXT_BYTES_MAX + 1))) {
        wire_close(w, 1011, "out of memory");
        return;
    }
    if (w->text_n + d->n > WIRE_TEXT_BYTES_MAX) {
        wire_close(w, 1009, "text message too long");
        return;
    }
    memcpy(w->text + w->text_n, d->bytes, d->n);
    w->text_n += d->n;
    if (!d->last) return;
    w->text[w->text_n] = 0;
    char *whole = w->text; /* the dialect may answer, and close: nothing of this message is needed any more */
    w->text = NULL;
    w->kind->text(w, w->state, whole, w->text_n);
    mem_free(whole);
}

static void data(void *user, const net_data *d) {
    wire *w = user;
    if (w->closing) return;
    w->heard_ms = net_now_ms();
    if (!d->text)
        w->kind->binary(w, w->state, d->bytes, d->n, d->first, d->last);
    else if (w->kind->text_piece)
        w->kind->text_piece(w, w->state, (const char *)d->bytes, d->n, d->first, d->last);
    else
        collect_text(w, d);
    wire_work_voices(w, w->heard_ms);
}

/* ---- what goes out ---------------------------------------------------------------------------------------------- */

static void writable(void *user) {
    wire *w = user;
    bool more = true;
    while (more && w->out.unsent) {
        const outbox_event *e = outbox_next(&w->out);
        w->service->events++;
        more = net_send(w->conn, e->body, e->n, "", 0);
        outbox_sent(&w->out);
        outbox_acknowledge(&w->out, w->out.sent_seq); /* nobody comes back for it */
    }
    if (w->out.unsent)
        net_want_write(w->conn);
    else if (w->closing)
        net_end(w->conn, w->close_code, w->close_reason);
}

static void cut(wire *w) {
    if (w->cut) return;
    w->service->slow_readers++;
    w->cut = true;
    if (w->conn) net_cut(w->conn);
}

void wire_say_bytes(wire *w, outbox_kind kind, uint32_t message, const void *bytes, size_t n) {
    if (w->closing || w->cut) return;
    steno_err e = outbox_put(&w->out, kind, message, bytes, n);
    if (e == STENO_OK) {
        if (w->conn) net_want_write(w->conn);
        return;
    }
    log_line(LOG_LEVEL_INFO, "%s %s: hung up on: %s", w->kind->name, w->id, steno_error_detail());
    cut(w);
}

void wire_say(wire *w, outbox_kind kind, uint32_t message, json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(object);
    if (text)
        wire_say_bytes(w, kind, message, text, strlen(text));
    else
        wire_close(w, 1011, "out of memory");
    free(text);
}

void wire_close(wire *w, int code, const char *reason) {
    if (w->closing) return;
    w->closing = true;
    w->close_code = code;
    w->close_reason = reason;
    w->close_by_ms = net_now_ms() + WIRE_CLOSE_S * 1000;
    wire_give_up_voices(w);
    if (w->conn) net_want_write(w->conn);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

static const net_conn_handler calls = {.opened = opened, .data = data, .writable = writable, .closed = closed};

static const net_conn_handler *refuse(call *c, const char *code, const char *message) {
    native_refuse(c->reply, c, &(call_refusal){.status = 503, .code = code, .message = message, .retry_after_s = 2});
    return NULL;
}

const net_conn_handler *wire_upgrade(call *c, const dialect *d, void **user) {
    wire *w = make_wire(c->service, d, c->id, &c->trace, c->pass);
    if (!w) return refuse(c, "nomem", "no memory for a connection");
    if (!d->begin(w, w->state, c)) {
        free_wire(w);
        return NULL;
    }
    w->pass = c->pass;
    c->pass = NULL;
    for (int i = 0; i < w->n_voices; i++) w->voices[i]->voice.pass = w->pass;
    w->service->opened++;
    *user = w;
    return &calls;
}

const net_conn_handler *wire_accept(service *v, const dialect *d, const char *peer, void **user) {
    trace of;
    trace_begin(v->tracer, NULL, true, &of);
    wire *w = v->draining ? NULL : make_wire(v, d, peer, &of, NULL);
    if (!w) return NULL;
    if (!d->begin(w, w->state, NULL)) {
        free_wire(w);
        return NULL;
    }
    v->opened++;
    *user = w;
    return &calls;
}

/* ---- once a second ---------------------------------------------------------------------------------------------- */

/* Whoever holds a key down to talk says nothing for minutes; its peer is pinged meanwhile. */
static int64_t idle_ms(const wire *w) {
    int idle_s = w->service->config.idle_timeout_s;
    return (int64_t)(w->kind->idle_s > idle_s ? w->kind->idle_s : idle_s) * 1000;
}

void wire_sweep(wire *w, int64_t now_ms) {
    wire_sweep_voices(w, now_ms);
    if (w->conn && w->closing && w->out.unsent && now_ms >= w->close_by_ms) cut(w);
    if (!w->conn || w->closing) return;
    if (w->pass && !auth_may_go_on(w->pass, NULL)) {
        wire_close(w, 1008, "the key is no longer allowed to");
        return;
    }
    if (w->paused || wire_awaits_engine(w)) w->heard_ms = now_ms; /* it is we who do not listen, or have to answer */
    if (w->kind->tick) w->kind->tick(w, w->state, now_ms);
    if (w->closing) return;
    if (w->drain_until_ms && (now_ms >= w->drain_until_ms || wire_done(w)))
        wire_close(w, 1001, "the server is going away");
    else if (wire_done(w) && w->n_voices)
        return; /* the dialect closes when it has said all */
    else if (now_ms - w->heard_ms >= idle_ms(w)) {
        w->service->idle_closed++;
        wire_close(w, 1008, "nothing received for too long");
    }
}

void wire_drain(wire *w, int64_t now_ms) {
    if (w->drain_until_ms) return;
    w->drain_until_ms = now_ms + WIRE_FLUSH_S * 1000;
    wire_finish(w);
    wire_work_voices(w, now_ms);
}

/* ---- about it --------------------------------------------------------------------------------------------------- */

void *wire_state(wire *w) {
    return w->state;
}

service *wire_service(const wire *w) {
    return w->service;
}

const char *wire_id(const wire *w) {
    return w->id;
}

int64_t wire_heard_ms(const wire *w) {
    return w->heard_ms;
}

const char *wire_model(const wire *w) {
    return w->model;
}

const char *wire_language(const wire *w) {
    return w->language;
}
