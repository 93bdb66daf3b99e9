/* live_events.c: what the engine says, on its way to the client. See service_int.h. */
#include "api/service_int.h"

#include "base/log.h"

/* The session cannot keep its promise: it ends, and says so to whoever comes back. */
static void give_up(session *s) {
    log_line(LOG_LEVEL_WARN, "a session ends: %s", steno_error_detail());
    s->abandoned = true;
    if (s->link) net_cut(s->link->conn);
    live_session_finish(s, "error", 1011, "events could not be kept");
}

/* The connection goes, the session stays. Not at once: what is on its way may still arrive, and the reason with it. */
static void let_go(session *s) {
    session_link *link = s->link;
    s->owner->slow_readers++;
    link->session = NULL;
    live_session_detach(s, net_now_ms(), false);
    net_end(link->conn, 1013, "events are not read; resume");
}

void live_session_put(session *s, outbox_kind kind, uint32_t message, event_text text) {
    steno_err e = text.json ? outbox_put(&s->out, kind, message, text.body, text.n)
                            : err_fail(STENO_E_NOMEM, "no memory for an event");
    events_free(&text);
    if (e == STENO_E_NOMEM) {
        give_up(s);
        return;
    }
    if (!s->link) return;
    if (e == STENO_E_LIMIT)
        let_go(s);
    else
        net_want_write(s->link->conn);
}

void live_session_put_stats(session *s, const char *answer) {
    live_session_put(s, answer ? OUTBOX_KEEP : OUTBOX_STATS, 0, events_stats(&s->totals, answer));
}

void live_session_put_error(session *s, const char *code, const char *message) {
    live_session_put(s, OUTBOX_KEEP, 0, events_error(code, message, false));
}

static event_text words_of(const session *s, const released_event *e) {
    event_members with = {
        .words = s->params.words, .entities = s->params.policy.mode != REDACT_OFF, .speakers = s->speakers};
    return events_words(e, &with);
}

static void on_final(session *s, const released_event *e) {
    s->totals.finals++;
    s->totals.words += e->segment.n_words;
    s->totals.speech_s += e->segment.end_s - e->segment.start_s;
    s->owner->finals++;
    live_session_put(s, OUTBOX_FINAL, e->segment.id, words_of(s, e));
}

static void on_partial(session *s, const released_event *e) {
    s->totals.partials++;
    s->owner->partials++;
    live_session_put(s, OUTBOX_PARTIAL, e->segment.id, words_of(s, e));
}

static void on_speakers(session *s, const released_event *e) {
    if (s->speakers) live_session_put(s, OUTBOX_REVISION, e->segment.id, events_revision(e, s->speakers));
}

/* The stream is dead: what follows is for the connection only. */
static void on_end(session *s, const char *error) {
    char hex[TRACE_HEX_BYTES];
    const char *reason = error ? "error" : s->end_reason ? s->end_reason : "close";
    log_event(LOG_LEVEL_INFO, "stream ended", LOG_STR("request", s->id), LOG_STR("trace", trace_id(&s->trace, hex)),
              LOG_STR("key", s->pass ? auth_owner(s->pass) : ""),
              LOG_STR("reason", s->end_reason ? s->end_reason : "error"), LOG_REAL("audio_s", s->totals.audio_s),
              LOG_INT("finals", s->totals.finals));
    live_session_traced(s, reason, error);
    s->owner->ended++;
    s->heard_ms = net_now_ms();
    if (!s->link) return;
    if (s->link->conn) net_pause(s->link->conn, false);
    if (s->link->conn) net_want_write(s->link->conn);
}

static void on_done(session *s, const released_event *e) {
    s->totals.speech_s = e->stats.speech_s;
    if (!s->abandoned)
        live_session_put(s, OUTBOX_KEEP, 0, events_closed(&s->totals, s->end_reason ? s->end_reason : "close"));
    on_end(s, NULL);
}

static void on_error(session *s, const released_event *e) {
    log_line(LOG_LEVEL_ERROR, "a stream failed: %s: %s", steno_err_name(e->error), e->detail);
    s->end_code = 1011;
    s->end_text = "recognition failed";
    if (!s->abandoned) live_session_put(s, OUTBOX_KEEP, 0, events_error("recognition", e->detail, true));
    on_end(s, "recognition");
}

void live_session_event(void *user, voice *w, const released_event *e) {
    session *s = user;
    (void)w;
    switch (e->kind) {
    case STENO_EVENT_DONE:
        on_done(s, e);
        return;
    case STENO_EVENT_ERROR:
        on_error(s, e);
        return;
    default:
        break;
    }
    if (s->abandoned) return;
    switch (e->kind) {
    case STENO_EVENT_SPEECH:
        live_session_put(s, OUTBOX_SPEECH, e->segment.id, events_speech(e));
        return;
    case STENO_EVENT_PARTIAL:
        on_partial(s, e);
        return;
    case STENO_EVENT_SEGMENT:
        on_final(s, e);
        return;
    case STENO_EVENT_SPEAKERS:
        on_speakers(s, e);
        return;
    case STENO_EVENT_FINALIZED:
        live_session_put_stats(s, "finalized");
        return;
    case STENO_EVENT_OVERLOAD:
        s->totals.partial_ms = e->partial_ms;
        live_session_put(s, OUTBOX_LOAD, 0, events_overload(e));
        return;
    default:
        return;
    }
}
