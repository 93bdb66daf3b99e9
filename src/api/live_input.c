/* live_input.c: audio and controls of a session, on their way to its voice. See service_int.h. */
#include "api/service_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* ---- audio ------------------------------------------------------------------------------------------------------ */

/* What is said so far is still recognised; then the connection ends for this reason. */
static void refuse_data(session *s, int code, const char *text) {
    live_session_put(s, OUTBOX_KEEP, 0, events_error("bad_audio", text, true));
    live_session_finish(s, "error", code, text);
}

static void refuse_stream(session *s, const char *code, const char *text) {
    live_session_put(s, OUTBOX_KEEP, 0, events_error(code, text, true));
    live_session_finish(s, "error", 1013, text);
}

static void take_audio(session *s, const unsigned char *bytes, size_t n) {
    int rate_hz = s->params.audio.rate_hz;
    switch (voice_take(&s->voice, bytes, n)) {
    case STENO_OK:
        break;
    case STENO_E_FORMAT:
        refuse_data(s, 1007, "a sample is not a number");
        return;
    case STENO_E_LIMIT:
        refuse_stream(s, "full", "too many people are talking");
        return;
    case STENO_E_AGAIN:
        refuse_stream(s, "overloaded", "there is too much to do for a new stream");
        return;
    default:
        log_line(LOG_LEVEL_ERROR, "a session ends: %s", steno_error_detail());
        refuse_data(s, 1011, "out of memory");
        return;
    }
    s->totals.audio_samples = s->voice.frames;
    s->totals.audio_s = (double)s->totals.audio_samples / rate_hz;
    uint64_t since = s->totals.audio_samples - s->stats_at_samples;
    if (s->params.stats_ms && since * 1000 >= (uint64_t)s->params.stats_ms * (uint64_t)rate_hz) {
        s->stats_at_samples = s->totals.audio_samples;
        live_session_put_stats(s, NULL);
    }
}

/* ---- controls --------------------------------------------------------------------------------------------------- */

static void on_configure(session *s, const control *c) {
    s->wanted = s->params;
    s->wanted.live = c->live;
    s->wanted.words = c->words;
    redaction_add(&s->wanted.redact, &c->redact);
    redaction_policy(s->owner, s->pass, &s->wanted.redact, &s->wanted.policy);
    voice_configure(&s->voice, &c->live);
    if (c->hotwords) live_session_put_error(s, "not_supported", "hotwords are not used yet");
}

static void on_merge_speakers(session *s, const control *c) {
    const speaker_names *names = s->speakers ? &s->speakers->names : NULL;
    if (!names || s->params.speakers.contract != STENO_SPEAKERS_REVISE) {
        live_session_put_error(s, "not_supported", "merge_speakers: only labels of speakers=revise ever change");
        return;
    }
    int from = speaker_of_label(names, c->speaker), into = speaker_of_label(names, c->into);
    steno_err e = from >= 0 && into >= 0 ? STENO_OK : err_fail(STENO_E_NOT_FOUND, "merge_speakers: no such speaker");
    if (e == STENO_OK && from != into) e = voice_merge_speakers(&s->voice, from, into);
    if (e != STENO_OK) live_session_put_error(s, "merge_speakers", steno_error_detail());
}

static void on_name_speaker(session *s, const control *c) {
    if (s->speakers && events_name_speaker(s->speakers, c->speaker, c->name)) return;
    live_session_put_error(s, "name_speaker", s->speakers ? "no such speaker" : "speakers are not told apart");
}

static void on_control(session *s, const char *text, size_t n) {
    control c;
    if (control_parse(text, n, &s->params, s->language, &c) != STENO_OK) {
        s->owner->bad_messages++;
        live_session_put_error(s, "bad_message", steno_error_detail());
        return;
    }
    switch (c.kind) {
    case CONTROL_CONFIGURE:
        on_configure(s, &c);
        break;
    case CONTROL_FINALIZE:
        voice_finalize(&s->voice);
        break;
    case CONTROL_KEEPALIVE:
        if (c.acknowledges && c.last_seq <= s->out.sent_seq) outbox_acknowledge(&s->out, c.last_seq);
        break;
    case CONTROL_CLOSE:
        live_session_finish(s, "close", 1000, "");
        break;
    case CONTROL_MERGE_SPEAKERS:
        on_merge_speakers(s, &c);
        break;
    case CONTROL_NAME_SPEAKER:
        on_name_speaker(s, &c);
        break;
    }
}

/* Whole messages pass through; pieces are collected. */
static void take_text(session *s, const net_data *d) {
    if (d->first) s->control_n = 0;
    if (d->first && d->last) {
        on_control(s, (const char *)d->bytes, d->n);
        return;
    }
    if (!s->control && !(s->control = mem_alloc(1, PARAMS_CONTROL_BYTES))) {
        net_end(s->link->conn, 1011, "out of memory");
        return;
    }
    if (s->control_n + d->n > PARAMS_CONTROL_BYTES) {
        net_end(s->link->conn, 1009, "control message too long");
        return;
    }
    memcpy(s->control + s->control_n, d->bytes, d->n);
    s->control_n += (uint32_t)d->n;
    if (!d->last) return;
    on_control(s, s->control, s->control_n);
    s->control_n = 0;
    mem_free(s->control);
    s->control = NULL;
}

void live_session_data(session *s, const net_data *d) {
    int64_t now_ms = net_now_ms();
    if (s->voice.over || s->voice.finish_due || s->voice.finishing) return; /* after `close` nothing counts */
    s->heard_ms = now_ms;
    if (d->text)
        take_text(s, d);
    else
        take_audio(s, d->bytes, d->n);
    voice_work(&s->voice, now_ms);
}

/* ---- what the voice answers ------------------------------------------------------------------------------------- */

void live_session_reading(void *user, voice *w, bool on) {
    session *s = user;
    (void)w;
    if (s->link && s->link->conn) net_pause(s->link->conn, !on);
}

void live_session_controlled(void *user, voice *w, bool was_configure, steno_err e) {
    session *s = user;
    (void)w;
    if (e != STENO_OK) {
        live_session_put_error(s, was_configure ? "bad_message" : "finalize", steno_error_detail());
        return;
    }
    if (!policy_same(&s->params.policy, &s->wanted.policy)) voice_set_policy(&s->voice, &s->wanted.policy);
    s->params = s->wanted;
    s->totals.partial_ms = s->params.live.partial_ms;
    live_session_put_stats(s, "configured");
}
