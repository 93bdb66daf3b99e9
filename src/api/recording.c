/* recording.c: see recording.h.
 *
 * A recording sleeps until its child has samples (a watched descriptor), the engine has room (the engine's descriptor, and
 * a timer), or its turn has come. It is freed when the engine has said its last word about every stream of it.
 */
#include "api/recording.h"

#include "api/service_int.h"
#include "api/shadow_tap.h"
#include "api/watch_tap.h"
#include "base/mem.h"
#include "privacy/gate.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_FRAMES   4096 /* 256 ms */
#define CHUNKS_A_VISIT 8    /* then the others have their turn */
#define CHANNELS_MAX   8
#define RETRY_MS       10
#define YIELD_MS       100 /* a job looks this often whether live streams leave it room */
#define PROGRESS_MS    250
#define FULL_SHARE     0.99 /* progress is not over before the last word is */

typedef struct lane {   /* one channel: one stream */
    stream_owner owner; /* first */
    recording *recording;
    gate *gate;
    watch_tap *tap;     /* NULL: it is not watched */
    shadow_tap *shadow; /* NULL: it is not copied */
    steno_stream_id stream;
    int channel;
    bool finished, done; /* finish() was accepted; the engine's last event came */
    size_t pushed;       /* frames of the chunk that the stream has taken */
} lane;

struct recording {
    recording *prev, *next; /* of all, in order of arrival */
    service *service;
    const recording_handler *handler; /* NULL: cancelled */
    void *user;
    recording_options options;
    char path[256], name[256], owner[64];
    engine_slot *slot; /* while streams live */
    media *media;
    net_watch *watch;
    net_timer *timer;
    trace_track *track; /* NULL: no spans are wanted */
    float *chunk;       /* [channels, CHUNK_FRAMES] */
    size_t have;        /* frames in the chunk */
    int64_t frames, opened_ms, progress_ms;
    double hint_s;
    bool started, ended, counted; /* ended: nothing more is to be read; counted: of those that run */
    recording_result result;
    steno_voice *voices; /* owned: those of options.speakers */
    lane lanes[CHANNELS_MAX];
};

static void step(recording *r);
static void start_waiting(service *v);

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* The first failure is the one that explains the others. A path nobody chose is called by its name. */
static void fail(recording *r, steno_err error, const char *detail) {
    size_t n = strlen(r->path);
    if (r->result.error != STENO_OK) return;
    r->result.error = error;
    if (strncmp(detail, r->path, n) == 0)
        snprintf(r->result.detail, sizeof r->result.detail, "%.100s%s", r->name, detail + n);
    else
        snprintf(r->result.detail, sizeof r->result.detail, "%s", detail);
}

static void unlink_recording(recording *r) {
    service *v = r->service;
    if (r->prev)
        r->prev->next = r->next;
    else
        v->recordings = r->next;
    if (r->next)
        r->next->prev = r->prev;
    else
        v->recordings_last = r->prev;
    v->n_recordings--;
    v->recordings_owed -= r->options.owed;
}

static void close_media(recording *r) {
    if (r->watch) net_watch_close(r->watch);
    r->watch = NULL;
    if (!r->media) return;
    r->result.media_cpu_s = media_cpu_s(r->media);
    trace_track_read(r->track, r->result.media_cpu_s);
    media_close(r->media);
    r->media = NULL;
    mem_free(r->chunk);
    r->chunk = NULL;
}

/* What a decoder held is free for the next one in line. */
static void uncount(recording *r) {
    if (!r->counted) return;
    r->counted = false;
    r->service->recordings_running[r->options.rank]--;
    start_waiting(r->service);
}

static void free_recording(recording *r) {
    close_media(r);
    unlink_recording(r);
    uncount(r);
    net_timer_close(r->timer);
    for (int c = 0; c < CHANNELS_MAX; c++) {
        metrics_gate_closed(&r->service->metrics, r->lanes[c].gate);
        gate_free(r->lanes[c].gate);
        watch_tap_close(r->lanes[c].tap);
        shadow_tap_close(r->lanes[c].shadow);
    }
    diarize_wipe(r->voices, r->options.speakers.n_voices);
    mem_free(r->voices);
    trace_track_close(r->track);
    service_check_drained(r->service);
    mem_free(r);
}

static bool lanes_done(const recording *r) {
    for (int c = 0; c < r->result.channels; c++) {
        if (!r->lanes[c].done) return false;
    }
    return true;
}

static void count_end(const recording *r, const recording_result *result) {
    metrics_end end = result->error == STENO_OK ? METRICS_END_DONE : METRICS_END_FAILED;
    if (!r->handler) end = METRICS_END_CANCELLED;
    metrics_recorded(&r->service->metrics, (int)r->options.rank, end, result->audio_s, result->wall_s);
}

static void trace_end(const recording *r) {
    trace_heard h = {.audio_s = r->result.audio_s,
                     .speech_s = r->result.stats.speech_s,
                     .channels = r->result.channels,
                     .error = r->result.error,
                     .cancelled = !r->handler};
    if (r->slot) h.model = steno_model_name(r->slot->model);
    if (r->slot) h.language = steno_model_language(r->slot->model);
    trace_track_heard(r->track, &h);
}

static void end_if_done(recording *r) {
    if (!r->ended || r->media || !lanes_done(r)) return;
    const recording_handler *h = r->handler;
    void *user = r->user;
    recording_result result = r->result;
    result.wall_s = (double)(net_now_ms() - r->opened_ms) / 1000;
    count_end(r, &result);
    if (r->track) trace_end(r);
    free_recording(r); /* first: whoever is told may open the next one */
    if (h) h->done(user, &result);
}

/* ---- what the engine says --------------------------------------------------------------------------------------- */

static void add_stats(steno_stats *sum, const steno_stats *s) {
    sum->audio_s += s->audio_s;
    sum->speech_s += s->speech_s;
    sum->vad_cpu_s += s->vad_cpu_s;
    sum->encode_cpu_s += s->encode_cpu_s;
    sum->decode_cpu_s += s->decode_cpu_s;
    sum->speakers_cpu_s += s->speakers_cpu_s;
    sum->other_cpu_s += s->other_cpu_s;
    sum->segments += s->segments;
    sum->tokens += s->tokens;
    sum->empty += s->empty;
    sum->empty_s += s->empty_s;
}

/* What the gate lets pass; of what it held, the last leaves before DONE. */
static void on_released(void *user, const released_event *e) {
    lane *l = user;
    recording *r = l->recording;
    if (e->kind == STENO_EVENT_SEGMENT) {
        trace_track_event(r->track, e);
        if (r->handler) r->handler->segment(r->user, l->channel, &e->segment);
        return;
    }
    if (e->kind == STENO_EVENT_SPEAKERS && r->handler && r->handler->labels)
        r->handler->labels(r->user, l->channel, &e->segment);
    if (e->kind == STENO_EVENT_TURNS && r->handler && r->handler->turns)
        r->handler->turns(r->user, l->channel, e->turns, e->n_turns);
    if (e->kind == STENO_EVENT_ERROR) fail(r, e->error, e->detail);
    if (e->kind == STENO_EVENT_DONE) add_stats(&r->result.stats, &e->stats);
    if (e->kind != STENO_EVENT_DONE && e->kind != STENO_EVENT_ERROR) return;
    l->done = true;
    r->slot->streams--;
    if (!r->ended) net_timer_set(r->timer, 1);
}

/* The gate is told of no time: what it holds waits for what is said next, which comes as fast as the machine can. */
static void on_event(stream_owner *o, const steno_event *e) {
    lane *l = (lane *)o;
    watch_tap_event(l->tap, e);
    shadow_tap_event(l->shadow, e);
    gate_event(l->gate, e, 0);
    if (l->done) end_if_done(l->recording); /* frees it, and its gates */
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

static bool tells_speakers(const recording *r) {
    return r->options.speakers.contract != STENO_SPEAKERS_OFF;
}

static steno_err open_lanes(recording *r) {
    int n = media_channel_count(r->media);
    steno_vad_options vad;
    if (n < 1 || n > CHANNELS_MAX)
        return err_fail(STENO_E_UNSUPPORTED, "%s: %d channels; at most %d", r->name, n, CHANNELS_MAX);
    steno_vad_options_init(&vad);
    if (r->options.vad_given) vad = r->options.vad;
    /* All or none: one that waited with half of its streams open could wait for another that does the same. */
    ERR_TRY(steno_stream_admits(r->service->slots->engine, &vad, n));
    if (tells_speakers(r)) ERR_TRY(diarize_admit(r->service, n));
    if (!r->chunk) r->chunk = mem_alloc((size_t)n * CHUNK_FRAMES, sizeof *r->chunk);
    if (!r->chunk) return err_fail(STENO_E_NOMEM, "no memory for %d channels", n);
    r->slot = r->service->slots;
    r->hint_s = media_duration_hint_s(r->media);
    watch_stream of = {.owner = r->options.pass ? auth_owner(r->options.pass) : r->owner, .policy = r->options.policy};
    for (int c = 0; c < n; c++) {
        lane *l = &r->lanes[c];
        gate_free(l->gate); /* of an attempt that found no room */
        watch_tap_close(l->tap);
        shadow_tap_close(l->shadow);
        *l = (lane){.owner.event = on_event, .recording = r, .channel = c};
        ERR_TRY(gate_open(r->service->config.privacy, &r->options.policy, on_released, l, &l->gate));
        ERR_TRY(steno_stream_open(r->slot->engine, &vad, &l->owner, &l->stream));
        r->slot->streams++;
        trace_track_hears(r->track);
        l->tap = watch_tap_open(r->service->watch, r->slot, &of);
        l->shadow = shadow_tap_open(r->service->shadow, r->slot, &(shadow_stream){.owner = of.owner, .vad = &vad});
        r->result.channels = c + 1;
        if (tells_speakers(r)) ERR_TRY(steno_stream_speakers(r->slot->engine, l->stream, &r->options.speakers));
    }
    return STENO_OK;
}

static bool finish_lanes(recording *r) {
    bool all = true;
    for (int c = 0; c < r->result.channels; c++) {
        lane *l = &r->lanes[c];
        if (l->finished || l->done) continue;
        l->finished = steno_stream_finish(r->slot->engine, l->stream) != STENO_E_AGAIN;
        all = all && l->finished;
    }
    return all;
}

/* Offers each channel the rest of the chunk; true when all of it is taken. */
static bool push_chunk(recording *r) {
    bool all = true;
    for (int c = 0; c < r->result.channels; c++) {
        lane *l = &r->lanes[c];
        size_t taken = 0;
        if (l->done || l->pushed == r->have) continue;
        steno_err e = steno_stream_push(r->slot->engine, l->stream, r->chunk + (size_t)c * CHUNK_FRAMES + l->pushed,
                                        r->have - l->pushed, &taken);
        if (e != STENO_OK && e != STENO_E_AGAIN) {
            fail(r, e, steno_error_detail());
            return true;
        }
        l->pushed += taken;
        all = all && l->pushed == r->have;
    }
    return all;
}

/* Interleaved frames into one row a channel. */
static void deal_out(recording *r, const float *frames, size_t got) {
    size_t n = (size_t)r->result.channels;
    for (size_t c = 0; c < n; c++) {
        float *row = r->chunk + c * CHUNK_FRAMES;
        for (size_t i = 0; i < got; i++) row[i] = frames[i * n + c];
        watch_tap_audio(r->lanes[c].tap, row, got);
        shadow_tap_audio(r->lanes[c].shadow, row, got);
        r->lanes[c].pushed = 0;
    }
    r->have = got;
    r->frames += (int64_t)got;
    r->result.audio_s = (double)r->frames / STENO_SAMPLE_RATE_HZ;
    if (r->options.pass) auth_charge(r->options.pass, (double)(got * n) / STENO_SAMPLE_RATE_HZ);
}

static void tell_progress(recording *r) {
    int64_t now_ms = net_now_ms();
    if (!r->handler || !r->handler->progress || now_ms - r->progress_ms < PROGRESS_MS) return;
    r->progress_ms = now_ms;
    double share = r->hint_s > 0 ? r->result.audio_s / r->hint_s : 0;
    r->handler->progress(r->user, r->result.audio_s, share < FULL_SHARE ? share : FULL_SHARE);
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static void on_samples(void *ctx) {
    step(ctx);
}

/* The child's descriptor wakes us only while we want samples. */
static void want_samples(recording *r) {
    if (!r->watch) r->watch = net_watch_open(r->service->net, media_fd(r->media), on_samples, r);
    if (!r->watch) net_timer_set(r->timer, RETRY_MS);
}

static void want_later(recording *r, int delay_ms) {
    if (r->watch) net_watch_close(r->watch);
    r->watch = NULL;
    net_timer_set(r->timer, delay_ms);
}

/* Reading is over, well or badly: the child goes, and what the engine holds is recognised to its end. */
static void stop_reading(recording *r) {
    r->ended = true;
    if (!finish_lanes(r)) {
        want_later(r, RETRY_MS);
        return;
    }
    close_media(r);
    uncount(r);
    end_if_done(r);
}

/* The first samples open the streams. False: not now, all streams are in use. */
static bool ready_lanes(recording *r) {
    if (r->result.channels) return true;
    steno_err e = open_lanes(r);
    if (e == STENO_OK) return true;
    bool others = r->service->slots->streams > 0; /* whose end makes room */
    if (e == STENO_E_LIMIT && r->result.channels == 0 && others) return false;
    fail(r, e, steno_error_detail());
    return true;
}

typedef enum outcome { GO_ON, WAIT_SAMPLES, WAIT_ROOM, STOP } outcome;

static outcome read_chunk(recording *r) {
    float *scratch = r->service->scratch;
    size_t got = 0, cap = CHUNK_FRAMES;
    if (!r->result.channels) cap = 0; /* only whether there are samples: streams first */
    steno_err e = media_read(r->media, scratch, cap, &got);
    if (e == STENO_E_AGAIN) return WAIT_SAMPLES;
    if (e == STENO_OK && cap == 0) {
        if (!ready_lanes(r)) return WAIT_ROOM;
        return r->result.error == STENO_OK ? GO_ON : STOP;
    }
    if (e != STENO_OK) fail(r, e, steno_error_detail());
    if (e != STENO_OK || got == 0) return STOP;
    deal_out(r, scratch, got);
    return GO_ON;
}

/* Live streams first: a job is not fed while they come late, or while the engine turns new ones away; and while there are
 * any, only when nothing waits: then what they say next finds at most a segment of each job before it. */
static bool must_yield(const recording *r) {
    steno_engine_stats s;
    if (r->options.rank != RECORDING_JOB) return false;
    steno_engine_get_stats(r->service->slots->engine, &s);
    return s.overloaded || s.stretch > 1.0 || (s.live > 0 && s.waiting + s.active > 0);
}

static outcome pump(recording *r) {
    for (int i = 0; i < CHUNKS_A_VISIT; i++) {
        if (r->result.channels && !push_chunk(r)) return WAIT_ROOM;
        if (r->result.error != STENO_OK) return STOP;
        outcome next = read_chunk(r);
        if (next != GO_ON) return next;
    }
    return GO_ON;
}

static void step(recording *r) {
    if (!r->started) return;
    if (r->ended || !r->handler) {
        stop_reading(r);
        return;
    }
    if (must_yield(r)) {
        want_later(r, YIELD_MS);
        return;
    }
    switch (pump(r)) {
    case GO_ON:
        want_later(r, 0);
        break;
    case WAIT_SAMPLES:
        want_samples(r);
        break;
    case WAIT_ROOM:
        want_later(r, RETRY_MS);
        break;
    case STOP:
        stop_reading(r);
        return;
    }
    tell_progress(r);
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static bool waits(const recording *r) {
    return !r->started && r->handler;
}

/* Jobs from the store are never more than that at once; others of their rank wait beside them. */
static int at_once(const service *v, recording_rank rank) {
    int most = rank == RECORDING_REQUEST ? v->config.decoders : v->config.jobs.at_once;
    return most > 0 ? most : 1;
}

/* There is room, and nobody of its rank waits for longer. */
static bool may_start(const recording *r) {
    const service *v = r->service;
    recording_rank rank = r->options.rank;
    if (v->recordings_running[rank] >= at_once(v, rank)) return false;
    for (const recording *o = r->prev; o; o = o->prev) {
        if (o->options.rank == rank && waits(o)) return false;
    }
    return true;
}

static void start(recording *r) {
    media_limits limits = r->service->config.media_limits;
    steno_err e = media_open(r->service->config.media, r->path, r->options.channels, &limits, &r->media);
    if (e == STENO_E_AGAIN) { /* no descriptor is free: the timer tries again */
        net_timer_set(r->timer, YIELD_MS);
        return;
    }
    r->started = r->counted = true;
    trace_track_turn(r->track);
    r->service->recordings_running[r->options.rank]++;
    start_waiting(r->service); /* the next one may have been woken before this one */
    if (e == STENO_OK) {
        step(r);
        return;
    }
    fail(r, e, steno_error_detail());
    stop_reading(r);
}

/* Whoever stood behind it may be the next. */
static void drop_waiting(recording *r) {
    service *v = r->service;
    free_recording(r);
    start_waiting(v);
}

static void on_timer(void *ctx) {
    recording *r = ctx;
    if (r->started)
        step(r);
    else if (!r->handler)
        drop_waiting(r);
    else if (may_start(r))
        start(r);
}

static void start_waiting(service *v) {
    bool seen[2] = {false, false}; /* of each rank: who waits for longest */
    for (recording *r = v->recordings; r && !(seen[0] && seen[1]); r = r->next) {
        if (!waits(r) || seen[r->options.rank]) continue;
        seen[r->options.rank] = true;
        if (may_start(r)) net_timer_set(r->timer, 0); /* not from here: somebody else is being ended */
    }
}

/* Voices outlive whoever named them. */
static bool keep_voices(recording *r) {
    size_t n = (size_t)r->options.speakers.n_voices;
    if (n == 0) return true;
    r->voices = mem_alloc(n, sizeof *r->voices);
    if (r->voices) memcpy(r->voices, r->options.speakers.voices, n * sizeof *r->voices);
    r->options.speakers.voices = r->voices;
    return r->voices != NULL;
}

static recording *make_recording(service *v, const recording_options *o) {
    recording *r = mem_alloc(1, sizeof *r);
    if (!r) return NULL;
    *r = (recording){
        .service = v, .options = *o, .opened_ms = net_now_ms(), .timer = net_timer_open(v->net, on_timer, r)};
    if (!r->timer || !keep_voices(r)) {
        if (r->timer) net_timer_close(r->timer);
        mem_free(r);
        return NULL;
    }
    snprintf(r->path, sizeof r->path, "%s", o->path);
    snprintf(r->name, sizeof r->name, "%s", o->name ? o->name : o->path);
    snprintf(r->owner, sizeof r->owner, "%s", o->owner ? o->owner : AUTH_NONE_ID);
    r->options.owner = r->owner;
    r->options.path = r->path;
    r->options.name = r->name;
    r->track = trace_track_open(v->tracer, &o->trace);
    return r;
}

steno_err recording_open(service *v, const recording_options *o, const recording_handler *handler, void *user,
                         recording **out) {
    if (v->n_recordings >= v->config.recordings_max)
        return err_fail(STENO_E_LIMIT, "%d recordings wait already", v->n_recordings);
    if (strlen(o->path) >= sizeof(((recording *)0)->path))
        return err_fail(STENO_E_INVALID, "%s: too long a path", o->path);
    if (o->speakers.contract != STENO_SPEAKERS_OFF) {
        ERR_TRY(steno_speakers_options_check(&o->speakers));
        if (!diarize_served(v)) return err_fail(STENO_E_UNSUPPORTED, "this server does not tell speakers apart");
    }
    recording *r = make_recording(v, o);
    if (!r) return err_fail(STENO_E_NOMEM, "no memory for a recording");
    r->handler = handler;
    r->user = user;
    r->prev = v->recordings_last;
    if (r->prev)
        r->prev->next = r;
    else
        v->recordings = r;
    v->recordings_last = r;
    v->n_recordings++;
    v->recordings_owed += r->options.owed;
    net_timer_set(r->timer, 0); /* nothing is called before this has returned */
    *out = r;
    return STENO_OK;
}

void recording_cancel(recording *r) {
    r->handler = NULL;
    r->options.pass = NULL;
    net_timer_set(r->timer, 0);
}

/* ---- the service's own ------------------------------------------------------------------------------------------ */

void recordings_room(service *v) {
    for (recording *r = v->recordings, *next; r; r = next) {
        next = r->next;
        if (r->started && !r->watch && !r->ended) net_timer_set(r->timer, 0);
    }
}

void recordings_forget_engine(service *v, const engine_slot *slot) {
    for (recording *r = v->recordings; r; r = r->next) {
        if (r->slot != slot) continue;
        for (int c = 0; c < r->result.channels; c++) r->lanes[c].done = true;
        r->slot = NULL;
    }
}

void recordings_add_gates(const service *v, metrics_gates *sum) {
    for (const recording *r = v->recordings; r; r = r->next) {
        for (int c = 0; c < r->result.channels; c++) metrics_gate_add(sum, r->lanes[c].gate);
    }
}

void recordings_close(service *v) {
    while (v->recordings) {
        recording *r = v->recordings;
        const recording_handler *h = r->handler;
        void *user = r->user;
        fail(r, STENO_E_CANCELLED, "the server is going away");
        recording_result result = r->result;
        r->handler = NULL;
        free_recording(r);
        if (h) h->done(user, &result);
    }
}
