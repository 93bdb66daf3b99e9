/* live_local.c: `steno live` with the engine in this process: one shard, one stream, no server.
 *
 * The loop, in order: take the engine's events, move audio that is due, sleep.
 */
#include "api/events.h"
#include "cmd/live_int.h"
#include "cmd/voice_names.h"
#include "privacy/gate.h"

#include <inttypes.h>
#include <poll.h>

#define TICK_MS 200 /* a safety net should a wake-up be lost */

typedef struct local {
    live *l;
    steno_model *model;
    steno_engine *engine;
    steno_stream_id stream;
    privacy *privacy;
    gate *gate;
    steno_err error; /* of what the gate let pass */
    uint64_t seq;
    session_totals totals;          /* for JSON */
    event_speakers room, *speakers; /* NULL: they are not told apart */
    bool finished, done;
    bool wants_data, wants_space;
    int wait_ms;
} local;

static void on_released(void *user, const released_event *event);

static int64_t now_ms(void) {
    return (int64_t)(feeder_clock_s() * 1000);
}

static steno_err local_open(local *o) {
    live *l = o->l;
    steno_engine_config config = l->session.engine;
    config.shards = 1;
    config.max_streams = 1;
    steno_model_options model = l->session.model;
    model.no_voices = l->speakers.contract == STENO_SPEAKERS_OFF;
    if (!model.no_voices) config.max_speaker_streams = 1;
    ERR_TRY(steno_live_options_check(&l->options));
    ERR_TRY(voice_names_find(l->voices, l->speakers.n_voices));
    ERR_TRY(session_open_privacy(&l->session, &o->privacy));
    ERR_TRY(gate_open(o->privacy, &l->session.policy, on_released, o, &o->gate));
    ERR_TRY(steno_model_open(&model, &o->model));
    ERR_TRY(steno_engine_open(o->model, &config, &o->engine));
    ERR_TRY(steno_live_open(o->engine, &l->options, NULL, &o->stream));
    if (l->speakers.contract == STENO_SPEAKERS_OFF) return STENO_OK;
    speaker_names_init(&o->room.names, l->voices, l->speakers.n_voices);
    o->speakers = &o->room;
    return steno_stream_speakers(o->engine, o->stream, &l->speakers);
}

static void local_close(local *o) {
    if (o->engine) steno_engine_close(o->engine);
    if (o->model) steno_model_close(o->model);
    gate_free(o->gate);
    privacy_close(o->privacy);
}

/* The body of an event as a server would send it; `json` NULL: the wire has no word for it. */
static event_text event_json(local *o, const released_event *event) {
    session_totals *t = &o->totals;
    event_members with = {.words = true, .entities = o->l->session.policy.mode != REDACT_OFF, .speakers = o->speakers};
    switch (event->kind) {
    case STENO_EVENT_SPEECH:
        return events_speech(event);
    case STENO_EVENT_SEGMENT:
        t->finals++;
        t->words += event->segment.n_words;
        return events_words(event, &with);
    case STENO_EVENT_PARTIAL:
        t->partials++;
        return events_words(event, &with);
    case STENO_EVENT_SPEAKERS:
        return events_revision(event, &o->room);
    case STENO_EVENT_OVERLOAD:
        return events_overload(event);
    case STENO_EVENT_ERROR:
        return events_error("recognition", event->detail, true);
    case STENO_EVENT_DONE:
        t->audio_samples = o->l->sent;
        t->audio_s = (double)o->l->sent / STENO_SAMPLE_RATE_HZ;
        t->speech_s = event->stats.speech_s;
        return events_closed(t, "close");
    default:
        return (event_text){0};
    }
}

static steno_err put_json(local *o, const released_event *event) {
    FILE *out = o->l->out;
    event_text text = event_json(o, event);
    if (!text.json) return err_fail(STENO_E_NOMEM, "no memory for an event");
    fprintf(out, "{\"seq\":%" PRIu64 ",%.*s\n", ++o->seq, (int)text.n, text.body);
    events_free(&text);
    return fflush(out) == 0 && !ferror(out) ? STENO_OK : err_fail(STENO_E_IO, "standard output is gone");
}

static steno_err take_event(local *o, const released_event *event) {
    live_event e;
    live_event_from_engine(event, o->speakers ? &o->speakers->names : NULL, &e);
    if (e.kind == LIVE_CLOSED) o->done = true;
    if (o->l->json && e.kind != LIVE_OTHER) ERR_TRY(put_json(o, event));
    if (e.kind == LIVE_ERROR) return err_fail(event->error, "%s", event->detail);
    return o->l->json ? STENO_OK : live_show(o->l, &e);
}

static void on_released(void *user, const released_event *event) {
    local *o = user;
    if (o->error == STENO_OK) o->error = take_event(o, event);
}

static steno_err take_events(local *o) {
    steno_event event;
    while (o->error == STENO_OK && !o->done && steno_engine_poll(o->engine, 0, &event) == STENO_OK) {
        gate_event(o->gate, &event, now_ms());
        steno_event_release(&event);
    }
    if (o->error == STENO_OK && !o->done) gate_tick(o->gate, now_ms());
    return o->error;
}

/* The source is at its end, or somebody wants it to be. */
static steno_err finish(local *o) {
    if (o->finished) return STENO_OK;
    steno_err e = steno_stream_finish(o->engine, o->stream);
    o->wants_space = e == STENO_E_AGAIN;
    if (o->wants_space) return STENO_OK;
    o->finished = true;
    return e;
}

/* Moves what is due. Says in wants_* and wait_ms what to wait for. */
static steno_err move_audio(local *o) {
    live *l = o->l;
    o->wants_data = o->wants_space = false;
    o->wait_ms = TICK_MS;
    if (l->stops > 0 || o->finished) return finish(o);
    for (;;) {
        steno_err e = live_fill(l);
        o->wants_data = e == STENO_E_AGAIN;
        if (o->wants_data) return STENO_OK;
        ERR_TRY(e);
        if (l->ended) return finish(o);
        size_t n = live_due(l, feeder_clock_s(), &o->wait_ms), taken = 0;
        if (n == 0) return STENO_OK;
        e = steno_stream_push(o->engine, o->stream, l->chunk + l->at, n, &taken);
        if (e != STENO_OK && e != STENO_E_AGAIN) return e;
        l->at += taken;
        l->sent += taken;
        o->wants_space = taken < n;
        if (o->wants_space) return STENO_OK;
    }
}

static void sleep_until(const local *o) {
    const live *l = o->l;
    struct pollfd fds[] = {{.fd = steno_engine_fd(o->engine), .events = POLLIN},
                           {.fd = l->signal_fd, .events = POLLIN},
                           {.fd = o->wants_data ? live_source_fd(&l->source) : -1, .events = POLLIN}};
    int wait_ms = o->wait_ms < TICK_MS ? o->wait_ms : TICK_MS, gate_ms = gate_wait_ms(o->gate, now_ms());
    (void)poll(fds, 3, gate_ms >= 0 && gate_ms < wait_ms ? gate_ms : wait_ms);
}

steno_err live_run_local(live *l) {
    local o = {.l = l};
    steno_err e = local_open(&o);
    while (e == STENO_OK) {
        e = take_events(&o);
        if (e != STENO_OK || o.done) break;
        e = move_audio(&o);
        if (e == STENO_OK) sleep_until(&o);
        if (live_stopped(l)) e = err_fail(STENO_E_CANCELLED, "interrupted");
    }
    local_close(&o);
    return e;
}
