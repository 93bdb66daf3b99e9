/* live_link.c: the native protocol's door: who is let in, and the connection's hold on its session. See service_int.h. */
#include "api/auth.h"
#include "api/service_int.h"

#include "base/mem.h"

#include <string.h>

#define RETRY_AFTER_S 2 /* said to those who are refused for load */
#define DRAIN_RETRY_S 5

/* ---- who is let in ---------------------------------------------------------------------------------------------- */

/* Somebody who wants a stream, or only to hear whether there would be one. */
typedef struct visitor {
    service *owner;
    const call *call;
    session_link *link; /* NULL: only asks, by plain HTTP; nothing is opened or counted */
} visitor;

/* Always false. */
static bool refuse(const visitor *w, refusal why, int status, const char *code, const char *text) {
    int after_s = status != 503 ? 0 : why == REFUSED_DRAINING ? DRAIN_RETRY_S : RETRY_AFTER_S;
    if (w->link) w->owner->refused[why]++;
    native_refuse(w->call->reply, w->call, &(call_refusal){status, code, text, after_s});
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
    bool foreign = s && s->pass && w->call->pass && strcmp(auth_owner(s->pass), auth_owner(w->call->pass)) != 0;
    if (!s || foreign)
        return refuse(w, REFUSED_UNKNOWN_SESSION, 404, "unknown_session", "resume: no such session, or too late");
    steno_err e = outbox_check_resume(&s->out, p->last_seq);
    if (e == STENO_E_INVALID) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", steno_error_detail());
    if (e != STENO_OK) return refuse(w, REFUSED_EVENTS_GONE, 410, "events_gone", steno_error_detail());
    if (!w->link) return true;
    w->link->resumes = true;
    w->link->last_seq = p->last_seq;
    memcpy(w->link->token, p->resume, sizeof w->link->token);
    return true;
}

/* Finds the voices and the room for speakers that are to be told apart. */
static bool admit_speakers(const visitor *w, stream_params *p, steno_voice voices[STENO_SPEAKERS_MAX]) {
    if (p->speakers.contract == STENO_SPEAKERS_OFF) return true;
    p->speakers.voices = voices;
    steno_err e = diarize_find_voices(w->owner, w->call->pass, p->voices, voices, &p->speakers.n_voices);
    if (e == STENO_OK) e = steno_speakers_options_check(&p->speakers);
    if (e != STENO_OK) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", steno_error_detail());
    e = diarize_admit(w->owner, 1);
    if (e == STENO_E_UNSUPPORTED) return refuse(w, REFUSED_PARAMETERS, 400, "not_supported", steno_error_detail());
    return e == STENO_OK || refuse(w, REFUSED_SPEAKERS, 503, "speakers_full", steno_error_detail());
}

static bool admit_with(const visitor *w, steno_voice voices[STENO_SPEAKERS_MAX]) {
    service *v = w->owner;
    const net_request *r = w->call->request;
    stream_params p;
    params_init(&p, &v->config.live);
    steno_err e = r->too_many_args ? err_fail(STENO_E_INVALID, "too many parameters, or one that is too long")
                                   : params_from_query(&p, r->args, r->n_args, steno_model_language(v->slots->model));
    if (e != STENO_OK) return refuse(w, REFUSED_PARAMETERS, 400, "bad_parameter", steno_error_detail());
    if (p.resume[0]) return admit_resumed(w, &p);
    if (v->draining) return refuse(w, REFUSED_DRAINING, 503, "draining", "this server takes no new streams");
    if (!admit_speakers(w, &p, voices)) return false;
    redaction_policy(v, w->call->pass, &p.redact, &p.policy);
    e = w->link ? live_session_open(v, &p, &w->link->session) : voice_admits(v);
    return e == STENO_OK || refuse_engine(w, e);
}

static bool admit(const visitor *w) {
    steno_voice voices[STENO_SPEAKERS_MAX]; /* the session's stream has its own copy */
    bool admitted = admit_with(w, voices);
    diarize_wipe(voices, STENO_SPEAKERS_MAX);
    return admitted;
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

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
    auth_leave(link->pass);
    trace_request_over(v->tracer, &link->trace,
                       &(trace_outcome){.dialect = "native", .outcome = "resumed", .status = 101});
    mem_free(link);
    service_check_drained(v);
}

static const net_conn_handler link_calls = {
    .opened = on_opened, .data = on_data, .writable = on_writable, .closed = on_closed};

const net_conn_handler *live_upgrade(call *c, void **user) {
    visitor w = {.owner = c->service, .call = c, .link = mem_alloc(1, sizeof *w.link)};
    if (!w.link) {
        refuse(&w, REFUSED_MEMORY, 503, "nomem", "no memory for a connection");
        return NULL;
    }
    *w.link = (session_link){.owner = c->service};
    if (!admit(&w)) {
        mem_free(w.link);
        return NULL;
    }
    if (w.link->session) { /* a new one: it holds the key's stream, however often its connection breaks */
        w.link->session->pass = w.link->session->voice.pass = c->pass;
        memcpy(w.link->session->id, c->id, sizeof w.link->session->id);
        w.link->session->trace = c->trace;
        voice_trace(&w.link->session->voice, &c->trace.at);
    } else {
        w.link->pass = c->pass;
        w.link->trace = c->trace;
    }
    c->pass = NULL;
    *user = w.link;
    return &link_calls;
}

void live_answer(call *c) {
    if (!admit(&(visitor){.owner = c->service, .call = c})) return;
    native_refuse(c->reply, c,
                  &(call_refusal){.status = 426,
                                  .code = "upgrade_required",
                                  .message = "this is a WebSocket: see docs/protocol.md"});
}
