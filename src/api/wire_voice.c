/* wire_voice.c: the voices of a wire. See wire.h. */
#include "api/wire_int.h"

#include "base/log.h"
#include "base/mem.h"

/* ---- what a voice says ------------------------------------------------------------------------------------------ */

/* Nobody listens to it any more. It is freed by a later sweep: the engine may have more to say, and whoever called may
 * still be at work with it. */
static void bury(wire_voice *s) {
    service *v = s->voice.service;
    s->wire = NULL;
    s->next_dead = v->dead_voices;
    v->dead_voices = s;
}

void wire_free_dead(service *v) {
    for (wire_voice **at = &v->dead_voices; *at;) {
        wire_voice *s = *at;
        if (s->voice.stream) {
            at = &s->next_dead;
            continue;
        }
        *at = s->next_dead;
        voice_free(&s->voice);
        mem_free(s);
    }
}

void wire_forget_engine(service *v, const engine_slot *slot) {
    for (wire_voice *s = v->dead_voices; s; s = s->next_dead) voice_forget_engine(&s->voice, slot);
    for (const wire *w = v->wires; w; w = w->next) {
        for (int i = 0; i < w->n_voices; i++) voice_forget_engine(&w->voices[i]->voice, slot);
    }
}

static void on_event(void *user, voice *v, const released_event *e) {
    wire_voice *s = user;
    service *owner = v->service;
    if (e->kind == STENO_EVENT_SEGMENT) owner->finals++;
    if (e->kind == STENO_EVENT_PARTIAL) owner->partials++;
    if (e->kind == STENO_EVENT_ERROR)
        log_line(LOG_LEVEL_ERROR, "a stream failed: %s: %s", steno_err_name(e->error), e->detail);
    if (s->wire) s->wire->kind->event(s->wire, s->wire->state, s->channel, e);
}

/* The connection is read from when every voice can take more. */
static void on_reading(void *user, voice *v, bool on) {
    wire_voice *s = user;
    wire *w = s->wire;
    (void)v;
    s->blocked = !on;
    if (!w || !w->conn) return;
    bool any = false;
    for (int i = 0; i < w->n_voices; i++) any |= w->voices[i]->blocked;
    w->paused = any;
    net_pause(w->conn, any);
}

static void on_controlled(void *user, voice *v, bool configure, steno_err e) {
    const wire_voice *s = user;
    (void)v;
    if (e != STENO_OK && s->wire)
        log_line(LOG_LEVEL_WARN, "%s %s: %s: %s", s->wire->kind->name, s->wire->id,
                 configure ? "configure" : "finalize", steno_error_detail());
}

static const voice_handler calls = {.event = on_event, .reading = on_reading, .controlled = on_controlled};

/* ---- opened, given up ------------------------------------------------------------------------------------------- */

static void give_up(wire_voice *s) {
    bury(s);
    s->voice.paced = false;
    s->voice.pass = NULL; /* it may leave before the voice is over */
    voice_finish(&s->voice);
    if (s->voice.stream) voice_work(&s->voice, net_now_ms());
}

void wire_give_up_voices(wire *w) {
    for (int i = 0; i < w->n_voices; i++) give_up(w->voices[i]);
    w->n_voices = 0;
    if (w->paused && w->conn) net_pause(w->conn, false);
    w->paused = false;
}

steno_err wire_open(wire *w, int n, const pcm_format *audio, const steno_live_options *live) {
    return wire_open_speakers(w, n, audio, live, NULL);
}

/* A voice, admitted and promised a place. */
static steno_err open_one(wire *w, int channel, const pcm_format *audio, const steno_live_options *options,
                          const steno_speakers_options *who) {
    service *v = w->service;
    bool tells = who && who->contract != STENO_SPEAKERS_OFF;
    ERR_TRY(voice_admits(v));
    if (tells) ERR_TRY(diarize_admit(v, 1));
    wire_voice *s = mem_alloc(1, sizeof *s);
    if (!s) return err_fail(STENO_E_NOMEM, "no memory for a stream");
    *s = (wire_voice){.wire = w, .channel = channel};
    steno_err e = voice_init(&s->voice, v, audio, options, &w->policy, w->kind->ahead_ms, &calls, s);
    if (e != STENO_OK) {
        mem_free(s);
        return e;
    }
    s->voice.paced = true;
    voice_trace(&s->voice, &w->trace.at);
    s->voice.pass = w->pass;
    s->voice.dialect = (int)metrics_dialect_by_name(w->kind->name);
    w->voices[w->n_voices++] = s;
    return tells ? voice_tell_speakers(&s->voice, who) : STENO_OK;
}

steno_err wire_open_speakers(wire *w, int n, const pcm_format *audio, const steno_live_options *live,
                             const steno_speakers_options *who) {
    service *v = w->service;
    const steno_live_options *options = live ? live : &v->config.live;
    wire_give_up_voices(w);
    if (v->draining) return err_fail(STENO_E_AGAIN, "this server takes no new streams");
    ERR_TRY(steno_live_options_check(options));
    for (int i = 0; i < n; i++) {
        steno_err e = open_one(w, i, audio, options, who);
        if (e == STENO_OK) continue;
        wire_give_up_voices(w);
        return e;
    }
    return STENO_OK;
}

void wire_redact(wire *w, const redact_wish *wish) {
    gate_policy was = w->policy;
    redaction_settle(&w->rule, wish, &w->policy);
    if (policy_same(&was, &w->policy)) return;
    for (int i = 0; i < w->n_voices; i++) voice_set_policy(&w->voices[i]->voice, &w->policy);
}

const gate_policy *wire_policy(const wire *w) {
    return &w->policy;
}

int wire_channels(const wire *w) {
    return w->n_voices;
}

const steno_live_options *wire_defaults(const wire *w) {
    return &w->service->config.live;
}

/* ---- audio and controls ----------------------------------------------------------------------------------------- */

steno_err wire_audio(wire *w, int channel, const unsigned char *bytes, size_t n) {
    if (channel >= w->n_voices) return err_fail(STENO_E_INVALID, "no channel %d is open", channel);
    voice *v = &w->voices[channel]->voice;
    while (n) {
        size_t piece = n < PCM_PIECE_BYTES_MAX ? n : PCM_PIECE_BYTES_MAX;
        ERR_TRY(voice_take(v, bytes, piece));
        bytes += piece;
        n -= piece;
    }
    return STENO_OK;
}

void wire_finalize(wire *w) {
    for (int i = 0; i < w->n_voices; i++) voice_finalize(&w->voices[i]->voice);
}

void wire_finish(wire *w) {
    for (int i = 0; i < w->n_voices; i++) voice_finish(&w->voices[i]->voice);
}

void wire_configure(wire *w, const steno_live_options *live) {
    for (int i = 0; i < w->n_voices; i++) voice_configure(&w->voices[i]->voice, live);
}

double wire_audio_s(const wire *w, int channel) {
    if (channel >= w->n_voices) return 0;
    const voice *v = &w->voices[channel]->voice;
    return (double)v->frames / v->audio.format.rate_hz;
}

bool wire_done(const wire *w) {
    for (int i = 0; i < w->n_voices; i++) {
        if (!w->voices[i]->voice.over) return false;
    }
    return true;
}

/* A dialect may open other voices, or close, in what it hears here. */
void wire_work_voices(wire *w, int64_t now_ms) {
    for (int i = 0; i < w->n_voices; i++) voice_work(&w->voices[i]->voice, now_ms);
}

bool wire_awaits_engine(const wire *w) {
    for (int i = 0; i < w->n_voices; i++) {
        const voice *v = &w->voices[i]->voice;
        if (!v->over && (v->finishing || v->finalizing)) return true;
    }
    return false;
}

void wire_sweep_voices(wire *w, int64_t now_ms) {
    for (int i = 0; i < w->n_voices; i++) voice_sweep(&w->voices[i]->voice, now_ms);
}
