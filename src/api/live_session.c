/* live_session.c: the life of a live session: opened, connected, lost, resumed, over. See service_int.h. */
#include "api/auth.h"
#include "api/service_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SEQ_HEAD_BYTES 40

/* 128 random bits in base64url. */
static steno_err make_token(char out[PARAMS_TOKEN_BYTES + 1]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bits[SESSION_TOKEN_BYTES + 2] = {0}; /* padded to whole groups of three bytes */
    if (getrandom(bits, SESSION_TOKEN_BYTES, 0) != SESSION_TOKEN_BYTES)
        return err_fail(STENO_E_IO, "no random bytes: %s", strerror(errno));
    for (int i = 0; i < PARAMS_TOKEN_BYTES; i++) {
        const unsigned char *group = bits + i / 4 * 3;
        unsigned all = (unsigned)group[0] << 16 | (unsigned)group[1] << 8 | group[2];
        out[i] = letters[all >> (18 - i % 4 * 6) & 63];
    }
    out[PARAMS_TOKEN_BYTES] = 0;
    return STENO_OK;
}

static const voice_handler voice_calls = {
    .event = live_session_event, .reading = live_session_reading, .controlled = live_session_controlled};

/* Who is called what, and that the engine is to tell them apart. */
static steno_err tell_speakers(session *s) {
    steno_speakers_options *o = &s->params.speakers;
    if (o->contract == STENO_SPEAKERS_OFF) return STENO_OK;
    s->speakers = mem_alloc(1, sizeof *s->speakers);
    if (!s->speakers) return err_fail(STENO_E_NOMEM, "no memory for names of speakers");
    speaker_names_init(&s->speakers->names, o->voices, o->n_voices);
    steno_err e = voice_tell_speakers(&s->voice, o);
    o->voices = NULL; /* the caller's */
    return e;
}

steno_err live_session_open(service *v, const stream_params *params, session **out) {
    ERR_TRY(voice_admits(v));
    if (params->speakers.contract != STENO_SPEAKERS_OFF) ERR_TRY(diarize_admit(v, 1));
    ERR_TRY(steno_live_options_check(&params->live));
    session *s = mem_alloc(1, sizeof *s);
    if (!s) return err_fail(STENO_E_NOMEM, "no memory for a session");
    *s = (session){.owner = v, .params = *params};
    s->totals.partial_ms = params->live.partial_ms;
    snprintf(s->model, sizeof s->model, "%s", steno_model_name(v->slots->model));
    snprintf(s->language, sizeof s->language, "%s", steno_model_language(v->slots->model));
    steno_err e = voice_init(&s->voice, v, &params->audio, &params->live, &params->policy, 0, &voice_calls, s);
    if (e != STENO_OK) {
        mem_free(s);
        return e;
    }
    e = tell_speakers(s);
    if (e == STENO_OK) e = make_token(s->token);
    if (e != STENO_OK) {
        voice_free(&s->voice);
        mem_free(s->speakers);
        mem_free(s);
        return e;
    }
    s->heard_ms = net_now_ms();
    s->next = v->first;
    if (s->next) s->next->prev = s;
    v->first = s;
    v->sessions++;
    v->opened++;
    *out = s;
    return STENO_OK;
}

session *live_session_find(service *v, const char *token) {
    for (session *s = v->first; s; s = s->next) {
        if (!s->abandoned && strcmp(s->token, token) == 0) return s;
    }
    return NULL;
}

void live_session_traced(session *s, const char *outcome, const char *error) {
    trace_request_over(s->owner->tracer, &s->trace,
                       &(trace_outcome){.dialect = "native", .outcome = outcome, .status = 101, .error = error});
}

void live_session_free(session *s) {
    service *v = s->owner;
    if (s->prev)
        s->prev->next = s->next;
    else
        v->first = s->next;
    if (s->next) s->next->prev = s->prev;
    v->sessions--;
    live_session_traced(s, "cancelled", NULL);
    if (s->voice.over) v->ended--;
    v->coalesced += s->out.coalesced;
    outbox_free(&s->out);
    voice_free(&s->voice);
    auth_leave(s->pass);
    mem_free(s->control);
    mem_free(s->speakers);
    mem_free(s);
}

/* ---- connections ------------------------------------------------------------------------------------------------ */

void live_session_attach(session *s, session_link *link) {
    if (s->link) {
        s->link->session = NULL;
        net_end(s->link->conn, 1012, "resumed by another connection");
    } else {
        s->owner->connected++;
    }
    s->link = link;
    link->session = s;
    s->voice.paced = true;
    pcm_drop_carry(&s->voice.audio); /* the other half of that sample comes whole */
    s->control_n = 0;
    s->ready_due = true;
    s->heard_ms = net_now_ms();
    net_want_write(link->conn);
    voice_work(&s->voice, s->heard_ms);
}

void live_session_detach(session *s, int64_t now_ms, bool for_good) {
    s->link = NULL;
    s->voice.paced = false;
    s->owner->connected--;
    s->lost_ms = now_ms;
    if (for_good && !s->voice.over) {
        s->abandoned = true;
        live_session_finish(s, "close", 1000, "");
    }
    if (!s->voice.over) voice_work(&s->voice, now_ms);
}

void live_session_finish(session *s, const char *reason, int code, const char *text) {
    if (s->voice.finish_due || s->voice.finishing || s->voice.over) return;
    s->end_reason = reason;
    s->end_code = code;
    s->end_text = text;
    voice_finish(&s->voice);
}

/* ---- what goes out ---------------------------------------------------------------------------------------------- */

static bool send_body(session *s, uint64_t seq, const char *body, size_t n) {
    char head[SEQ_HEAD_BYTES];
    int head_bytes = snprintf(head, sizeof head, "{\"seq\":%" PRIu64 ",", seq);
    s->owner->events++;
    return net_send(s->link->conn, head, (size_t)head_bytes, body, n);
}

static bool send_ready(session *s) {
    ready_members m = {.session = s->token,
                       .model = s->model,
                       .language = s->language,
                       .params = &s->params,
                       .resumed = s->resumed,
                       .audio_samples = s->totals.audio_samples,
                       .resume_window_ms = s->owner->config.resume_window_s * 1000};
    event_text t = events_ready(&m);
    s->ready_due = false;
    bool more = t.json && send_body(s, outbox_number(&s->out), t.body, t.n);
    if (!t.json) net_end(s->link->conn, 1011, "out of memory");
    events_free(&t);
    return more;
}

void live_session_send(session *s) {
    bool more = !s->ready_due || send_ready(s);
    while (more && s->out.unsent) {
        const outbox_event *e = outbox_next(&s->out);
        more = send_body(s, e->seq, e->body, e->n);
        outbox_sent(&s->out);
    }
    if (s->out.unsent)
        net_want_write(s->link->conn);
    else if (s->voice.over)
        net_end(s->link->conn, s->end_code, s->end_text);
}

/* ---- once a second ---------------------------------------------------------------------------------------------- */

static void sweep_connected(session *s, int64_t now_ms) {
    if (s->voice.stalled || (!s->voice.over && s->voice.finishing))
        s->heard_ms = now_ms; /* it is we who do not listen */
    /* Of a stream that is over nothing counts as heard: who does not read its last events does not stay for ever. */
    if (s->link->dismissed || now_ms - s->heard_ms < (int64_t)s->owner->config.idle_timeout_s * 1000) return;
    s->link->dismissed = true;
    s->owner->idle_closed++;
    net_end(s->link->conn, 1008, "nothing received for too long");
}

static void sweep_lost(session *s, int64_t now_ms) {
    bool late = now_ms - s->lost_ms >= (int64_t)s->owner->config.resume_window_s * 1000;
    if (s->voice.over) {
        if (late || s->abandoned || s->owner->ended > SERVICE_ENDED_MAX) live_session_free(s);
        return;
    }
    if (!late && !s->abandoned) return;
    if (!s->abandoned) s->owner->expired++;
    s->abandoned = true;
    live_session_finish(s, "close", 1000, ""); /* once; what it could not do yet is tried again */
    voice_work(&s->voice, now_ms);
}

/* A key that was revoked, or whose minutes are used up, ends what it began; what was said is still recognised. */
static void check_key(session *s, int64_t now_ms) {
    auth_refusal why;
    if (!s->pass || s->voice.over || s->voice.finishing || s->voice.finish_due || auth_may_go_on(s->pass, &why)) return;
    live_session_put(s, OUTBOX_KEEP, 0, events_error(why.code, why.message, true));
    live_session_finish(s, "error", 1008, why.code);
    voice_work(&s->voice, now_ms);
}

void live_session_sweep(session *s, int64_t now_ms) {
    voice_sweep(&s->voice, now_ms);
    check_key(s, now_ms);
    if (s->link)
        sweep_connected(s, now_ms);
    else
        sweep_lost(s, now_ms);
}
