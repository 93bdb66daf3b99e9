/* voice.c: see voice.h.
 *
 * The order of what a client sends is kept: while samples are held, or a control waits for the engine, or the client is
 * too far ahead of time, it is not read from (the voice is stalled).
 */
#include "api/service_int.h"
#include "api/shadow_tap.h"
#include "api/watch_tap.h"

#include "base/mem.h"
#include "privacy/gate.h"

#include <assert.h>
#include <string.h>

/* ---- the engine's stream ---------------------------------------------------------------------------------------- */

static bool tells_speakers(const voice *w) {
    return w->speakers.contract != STENO_SPEAKERS_OFF;
}

static void drop_promise(voice *w) {
    if (w->promised) w->service->promised--;
    if (w->promised && tells_speakers(w)) w->service->promised_speakers--;
    w->promised = false;
}

static void drop_voices(voice *w) {
    diarize_wipe(w->speaker_voices, w->speakers.n_voices);
    mem_free(w->speaker_voices);
    w->speaker_voices = NULL;
}

static void forget_due(voice *w) {
    drop_promise(w);
    w->held_n = w->held_at = 0;
    w->configure_due = w->finalize_due = w->finish_due = false;
    if (w->gate_timer) net_timer_close(w->gate_timer);
    w->gate_timer = NULL;
    mem_free(w->held);
    w->held = NULL;
    drop_voices(w);
    pcm_free(&w->audio);
    service_unstall(w);
}

static void end(voice *w) {
    w->over = true;
    w->stream = 0;
    if (w->slot) w->slot->streams--;
    w->slot = NULL;
    forget_due(w);
}

static void trace_end_of(const voice *w, const released_event *e) {
    trace_heard h = {.channels = 1, .audio_s = (double)w->frames / w->audio.format.rate_hz, .cancelled = !e};
    if (w->slot) h.model = steno_model_name(w->slot->model);
    if (w->slot) h.language = steno_model_language(w->slot->model);
    if (e && e->kind == STENO_EVENT_DONE) h.speech_s = e->stats.speech_s;
    if (e && e->kind == STENO_EVENT_ERROR) h.error = e->error == STENO_OK ? STENO_E_INTERNAL : e->error;
    trace_track_heard(w->track, &h);
}

static void trace_event_of(const voice *w, const released_event *e) {
    trace_track_event(w->track, e);
    if (e->kind == STENO_EVENT_DONE || e->kind == STENO_EVENT_ERROR) trace_end_of(w, e);
}

/* What the gate lets pass; of what it held, the last leaves before DONE. */
static void on_released(void *user, const released_event *e) {
    voice *w = user;
    metrics_voice_event(w, e, net_now_ms());
    if (w->track) trace_event_of(w, e);
    if (e->kind == STENO_EVENT_DONE || e->kind == STENO_EVENT_ERROR) end(w);
    if (e->kind == STENO_EVENT_FINALIZED) w->finalizing = false;
    w->handler->event(w->user, w, e);
}

static void on_gate_timer(void *ctx);

/* Without memory for a timer the sweep sees to it. */
static void set_gate_timer(voice *w, int64_t now_ms) {
    int wait_ms = w->over ? -1 : gate_wait_ms(w->gate, now_ms);
    if (wait_ms >= 0 && !w->gate_timer) w->gate_timer = net_timer_open(w->service->net, on_gate_timer, w);
    if (w->gate_timer) net_timer_set(w->gate_timer, wait_ms);
    if (!w->over) trace_track_holds(w->track, wait_ms >= 0);
}

static void let_go_held(voice *w, int64_t now_ms) {
    gate_tick(w->gate, now_ms);
    set_gate_timer(w, now_ms);
}

static void on_gate_timer(void *ctx) {
    let_go_held(ctx, net_now_ms());
}

static void on_event(stream_owner *o, const steno_event *e) {
    voice *w = (voice *)o;
    int64_t now_ms = net_now_ms();
    watch_tap_event(w->tap, e);
    shadow_tap_event(w->shadow, e);
    gate_event(w->gate, e, now_ms);
    set_gate_timer(w, now_ms);
}

/* What an engine would say of a stream that never heard anything. */
static void say(voice *w, steno_event_kind kind) {
    steno_event e = {.kind = kind, .user = w};
    on_event(&w->owner, &e);
}

steno_err voice_init(voice *w, service *v, const pcm_format *audio, const steno_live_options *live,
                     const gate_policy *policy, int ahead_ms, const voice_handler *handler, void *user) {
    *w = (voice){
        .owner.event = on_event, .service = v, .handler = handler, .user = user, .live = *live, .audio.format = *audio};
    ERR_TRY(gate_open(v->config.privacy, policy, on_released, w, &w->gate));
    w->promised = true;
    w->promised_ms = net_now_ms();
    v->promised++;
    pace_init(&w->pace, ahead_ms ? ahead_ms : v->config.max_ahead_ms, v->config.resume_window_s * 1000);
    return STENO_OK;
}

void voice_trace(voice *w, const trace_link *at) {
    if (!w->track) w->track = trace_track_open(w->service->tracer, at);
}

void voice_set_policy(voice *w, const gate_policy *policy) {
    gate_set_policy(w->gate, policy);
    watch_tap_set_policy(w->tap, policy);
}

steno_err voice_tell_speakers(voice *w, const steno_speakers_options *who) {
    ERR_TRY(steno_speakers_options_check(who));
    if (who->n_voices) {
        size_t n = (size_t)who->n_voices;
        w->speaker_voices = mem_alloc(n, sizeof *w->speaker_voices);
        if (!w->speaker_voices) return err_fail(STENO_E_NOMEM, "no memory for %zu voices", n);
        memcpy(w->speaker_voices, who->voices, n * sizeof *w->speaker_voices);
    }
    w->speakers = *who;
    w->speakers.voices = w->speaker_voices;
    if (w->promised && tells_speakers(w)) w->service->promised_speakers++;
    return STENO_OK;
}

steno_err voice_merge_speakers(voice *w, int from, int into) {
    return w->stream ? steno_stream_merge_speakers(w->slot->engine, w->stream, from, into) : STENO_OK;
}

void voice_free(voice *w) {
    assert(!w->stream); /* its events would have nobody to go to */
    forget_due(w);
    metrics_gate_closed(&w->service->metrics, w->gate);
    gate_free(w->gate);
    watch_tap_close(w->tap);
    trace_track_close(w->track);
    shadow_tap_close(w->shadow);
}

void voice_forget_engine(voice *w, const engine_slot *slot) {
    if (w->slot != slot) return;
    metrics_voice_cancelled(w);
    if (w->track) trace_end_of(w, NULL);
    end(w);
}

steno_err voice_admits(service *v) {
    return steno_live_admits(v->slots->engine, v->promised);
}

void voice_sweep(voice *w, int64_t now_ms) {
    if (w->promised && now_ms - w->promised_ms >= VOICE_PROMISE_MS) drop_promise(w);
    if (!w->over && gate_wait_ms(w->gate, now_ms) == 0) let_go_held(w, now_ms);
}

/* On failure the stream ends as any other does: whoever gave the audio is told, and finishes it. */
static steno_err tell_speakers(voice *w) {
    if (!tells_speakers(w)) return STENO_OK;
    steno_err e = steno_stream_speakers(w->slot->engine, w->stream, &w->speakers);
    drop_voices(w);
    w->speakers.voices = NULL;
    return e;
}

static steno_err open_stream(voice *w) {
    engine_slot *slot = w->service->slots;
    drop_promise(w);
    if (tells_speakers(w)) ERR_TRY(diarize_admit(w->service, 1)); /* before there is a stream */
    ERR_TRY(steno_live_open(slot->engine, &w->live, &w->owner, &w->stream));
    w->slot = slot;
    slot->streams++;
    metrics_voice_opened(w);
    trace_track_hears(w->track);
    watch_stream of = {.owner = w->pass ? auth_owner(w->pass) : AUTH_NONE_ID,
                       .live = true,
                       .rate_hz = w->audio.format.rate_hz,
                       .policy = *gate_get_policy(w->gate)};
    w->tap = watch_tap_open(w->service->watch, slot, &of);
    w->shadow = shadow_tap_open(w->service->shadow, slot, &(shadow_stream){.owner = of.owner, .live = &w->live});
    return tell_speakers(w);
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

static steno_err make_held(voice *w) {
    if (!w->held) w->held = mem_alloc(VOICE_HELD_MAX, sizeof *w->held);
    return w->held ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for audio");
}

/* Behind what is held already. */
static steno_err hold(voice *w, const float *samples, size_t n) {
    ERR_TRY(make_held(w));
    memmove(w->held, w->held + w->held_at, (w->held_n - w->held_at) * sizeof *w->held);
    w->held_n -= w->held_at;
    w->held_at = 0;
    if (n > VOICE_HELD_MAX - w->held_n) return err_fail(STENO_E_NOMEM, "more audio came than can be held");
    memcpy(w->held + w->held_n, samples, n * sizeof *samples);
    w->held_n += (uint32_t)n;
    return STENO_OK;
}

static steno_err push(voice *w, const float *samples, size_t n) {
    size_t taken = 0;
    watch_tap_audio(w->tap, samples, n);
    shadow_tap_audio(w->shadow, samples, n);
    if (w->held_at < w->held_n) return hold(w, samples, n);
    steno_err e = steno_stream_push(w->slot->engine, w->stream, samples, n, &taken);
    /* Any other failure is the end of the stream, which its own event tells. */
    if ((e != STENO_OK && e != STENO_E_AGAIN) || taken == n) return STENO_OK;
    return hold(w, samples + taken, n - taken);
}

steno_err voice_take(voice *w, const unsigned char *bytes, size_t n) {
    float samples[PCM_OUT_MAX];
    size_t got, frames;
    if (w->over || w->finish_due || w->finishing) return STENO_OK;
    if (!w->stream) ERR_TRY(open_stream(w));
    ERR_TRY(pcm_push(&w->audio, bytes, n, samples, &got, &frames));
    w->frames += frames;
    double taken_s = (double)frames / w->audio.format.rate_hz;
    pace_take(&w->pace, taken_s * 1000, net_now_ms());
    if (w->pass) auth_charge(w->pass, taken_s);
    return got ? push(w, samples, got) : STENO_OK;
}

static bool push_held(voice *w) {
    size_t taken = 0;
    if (w->held_at == w->held_n) return true;
    steno_err e = steno_stream_push(w->slot->engine, w->stream, w->held + w->held_at, w->held_n - w->held_at, &taken);
    if (e != STENO_OK && e != STENO_E_AGAIN) taken = w->held_n - w->held_at; /* the stream is dead */
    w->held_at += (uint32_t)taken;
    if (w->held_at < w->held_n) return false;
    mem_free(w->held);
    w->held = NULL;
    w->held_at = w->held_n = 0;
    return true;
}

/* ---- controls --------------------------------------------------------------------------------------------------- */

void voice_configure(voice *w, const steno_live_options *live) {
    if (w->over) return;
    w->wanted = *live;
    w->configure_due = true;
}

void voice_finalize(voice *w) {
    if (!w->over) w->finalize_due = true;
}

/* What the resampler holds is a few ms of sound: without memory for it they are lost, and nothing else. */
static void hold_tail(voice *w) {
    float tail[PCM_OUT_MAX];
    size_t got = 0;
    if (w->stream && pcm_flush(&w->audio, tail, &got) == STENO_OK && got) (void)!hold(w, tail, got);
}

void voice_finish(voice *w) {
    if (w->over || w->finish_due || w->finishing) return;
    w->finish_due = true;
    if (!w->stream) drop_promise(w); /* no stream is opened any more */
    hold_tail(w);
}

static bool configure(voice *w) {
    if (!w->configure_due) return true;
    steno_err e =
        w->stream ? steno_live_configure(w->slot->engine, w->stream, &w->wanted) : steno_live_options_check(&w->wanted);
    if (e == STENO_E_AGAIN) return false;
    w->configure_due = false;
    if (e == STENO_OK) w->live = w->wanted;
    w->handler->controlled(w->user, w, true, e);
    return true;
}

static bool finalize(voice *w) {
    if (!w->finalize_due) return true;
    steno_err e = w->stream ? steno_live_finalize(w->slot->engine, w->stream) : STENO_OK;
    if (e == STENO_E_AGAIN) return false;
    w->finalize_due = false;
    w->finalizing = e == STENO_OK;
    if (e != STENO_OK)
        w->handler->controlled(w->user, w, false, e);
    else if (!w->stream)
        say(w, STENO_EVENT_FINALIZED);
    return true;
}

static bool finish(voice *w) {
    if (!w->finish_due) return true;
    steno_err e = w->stream ? steno_stream_finish(w->slot->engine, w->stream) : STENO_OK;
    if (e == STENO_E_AGAIN) return false;
    w->finish_due = false;
    w->finishing = true;
    if (!w->stream) say(w, STENO_EVENT_DONE);
    return true;
}

/* ---- what had to wait ------------------------------------------------------------------------------------------- */

void voice_work(voice *w, int64_t now_ms) {
    bool done = w->over || (push_held(w) && configure(w) && finalize(w) && finish(w));
    bool ahead = !w->over && w->paced && !w->finishing && pace_wait_ms(&w->pace, now_ms) > 0;
    if (done && !ahead)
        service_unstall(w);
    else
        service_stall(w);
    w->handler->reading(w->user, w, done && !ahead);
}

int voice_wait_ms(const voice *w, int64_t now_ms) {
    if (w->held_n || w->configure_due || w->finalize_due || w->finish_due) return VOICE_RETRY_MS;
    return pace_wait_ms(&w->pace, now_ms);
}
