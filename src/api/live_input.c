/* live_input.c: audio and controls of a session. See service_int.h.
 *
 * The order of what a client sends is kept: while samples are held, or a control waits for the engine, or the client is
 * too far ahead of time, its connection is not read from (the session is stalled).
 */
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

static void hold(session *s, const float *samples, size_t n) {
    if (!s->held) s->held = mem_alloc(SESSION_HELD_MAX, sizeof *s->held);
    if (!s->held) {
        log_line(LOG_LEVEL_ERROR, "no memory for audio: a session ends");
        live_session_finish(s, "error", 1011, "out of memory");
        return;
    }
    memcpy(s->held, samples, n * sizeof *samples);
    s->held_at = 0;
    s->held_n = (uint32_t)n;
}

/* Only while nothing is held. */
static void push(session *s, const float *samples, size_t n) {
    size_t taken = 0;
    steno_err e = steno_stream_push(s->slot->engine, s->stream, samples, n, &taken);
    /* Any other failure is the end of the stream, which its own event tells. */
    if ((e == STENO_OK || e == STENO_E_AGAIN) && taken < n) hold(s, samples + taken, n - taken);
}

static void take_audio(session *s, const unsigned char *bytes, size_t n, int64_t now_ms) {
    float samples[PCM_OUT_MAX];
    size_t got, frames;
    int rate_hz = s->params.audio.rate_hz;
    steno_err e = pcm_push(&s->audio, bytes, n, samples, &got, &frames);
    if (e != STENO_OK) {
        refuse_data(s, e == STENO_E_FORMAT ? 1007 : 1011,
                    e == STENO_E_FORMAT ? "a sample is not a number" : "no resampler");
        return;
    }
    s->totals.audio_samples += frames;
    s->totals.audio_s = (double)s->totals.audio_samples / rate_hz;
    pace_take(&s->pace, (double)frames * 1000 / rate_hz, now_ms);
    if (got) push(s, samples, got);
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
    s->configure_due = true;
    if (c->hotwords) live_session_put_error(s, "not_supported", "hotwords are not used yet");
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
        s->finalize_due = true;
        break;
    case CONTROL_KEEPALIVE:
        if (c.acknowledges && c.last_seq <= s->out.sent_seq) outbox_acknowledge(&s->out, c.last_seq);
        break;
    case CONTROL_CLOSE:
        live_session_finish(s, "close", 1000, "");
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
    if (!s->stream || s->finish_due || s->finishing) return; /* after `close` nothing counts */
    s->heard_ms = now_ms;
    if (d->text)
        take_text(s, d);
    else
        take_audio(s, d->bytes, d->n, now_ms);
    live_session_work(s, now_ms);
}

/* ---- what had to wait ------------------------------------------------------------------------------------------- */

static bool push_held(session *s) {
    size_t taken = 0;
    if (s->held_at == s->held_n) return true;
    steno_err e = steno_stream_push(s->slot->engine, s->stream, s->held + s->held_at, s->held_n - s->held_at, &taken);
    if (e != STENO_OK && e != STENO_E_AGAIN) taken = s->held_n - s->held_at; /* the stream is dead */
    s->held_at += (uint32_t)taken;
    if (s->held_at < s->held_n) return false;
    mem_free(s->held);
    s->held = NULL;
    s->held_at = s->held_n = 0;
    return true;
}

static bool configure(session *s) {
    if (!s->configure_due) return true;
    steno_err e = steno_live_configure(s->slot->engine, s->stream, &s->wanted.live);
    if (e == STENO_E_AGAIN) return false;
    s->configure_due = false;
    if (e != STENO_OK) {
        live_session_put_error(s, "bad_message", steno_error_detail());
        return true;
    }
    s->params = s->wanted;
    s->totals.partial_ms = s->params.live.partial_ms;
    live_session_put_stats(s, "configured");
    return true;
}

static bool finalize(session *s) {
    if (!s->finalize_due) return true;
    steno_err e = steno_live_finalize(s->slot->engine, s->stream);
    if (e == STENO_E_AGAIN) return false;
    s->finalize_due = false;
    if (e != STENO_OK) live_session_put_error(s, "finalize", steno_error_detail());
    return true;
}

static bool finish(session *s) {
    if (!s->finish_due) return true;
    steno_err e = steno_stream_finish(s->slot->engine, s->stream);
    if (e == STENO_E_AGAIN) return false;
    s->finish_due = false;
    s->finishing = true;
    return true;
}

void live_session_work(session *s, int64_t now_ms) {
    bool done = !s->stream || (push_held(s) && configure(s) && finalize(s) && finish(s));
    bool ahead = s->stream && s->link && !s->finishing && pace_wait_ms(&s->pace, now_ms) > 0;
    if (done && !ahead) {
        service_unstall(s);
        if (s->link && s->link->conn) net_pause(s->link->conn, false);
        return;
    }
    service_stall(s);
    if (s->link && s->link->conn) net_pause(s->link->conn, true);
}

int live_session_wait_ms(const session *s, int64_t now_ms) {
    if (s->held_n || s->configure_due || s->finalize_due || s->finish_due) return SESSION_RETRY_MS;
    return pace_wait_ms(&s->pace, now_ms);
}
