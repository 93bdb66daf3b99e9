/* engine.c: the public API: opens shards and pools, places streams, carries audio in and events out.
 *
 * Threads: open and close from one thread; push and finish of one stream from one thread at a time; one thread polls.
 */
#include "engine/engine_int.h"

#include "base/mem.h"
#include "kern/kern.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_SHARDS 256
#define LIMIT_SLACK_FRAMES                                                                                             \
    64 /* 2 s of audio beyond the longest span, so that the VAD has work while a segment waits  \
                               */

/* ---- configuration ---------------------------------------------------------------------------------------------- */

void steno_engine_config_init(steno_engine_config *config) {
    *config =
        (steno_engine_config){.shards = 0, .max_batch = 24, .max_streams = 64, .audio_pool_s = 0, .kv_pool_mb = 14};
}

void steno_vad_options_init(steno_vad_options *vad) {
    *vad = (steno_vad_options){.enabled = true,
                               .threshold = 0.5f,
                               .neg_threshold = 0.35f,
                               .min_speech_ms = 96,
                               .min_silence_ms = 400,
                               .join_ms = 2000,
                               .pad_ms = 300,
                               .max_segment_s = 20.0f};
}

/* What so many streams with the longest segments may hold at once, within what the configuration may say. Memory for
 * audio that never comes is never touched. */
static int enough_audio_s(int max_streams) {
    int64_t s = ((int64_t)max_streams * STREAM_WINDOW_FRAMES * FRAME_SAMPLES) / STENO_SAMPLE_RATE_HZ + 1;
    return s < 40 ? 40 : s > 1 << 17 ? 1 << 17 : (int)s;
}

static steno_err check_config(steno_engine_config *c) {
    if (c->shards == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        c->shards = cores > 0 ? (int)cores : 1;
    }
    if (c->shards < 1 || c->shards > MAX_SHARDS)
        return err_fail(STENO_E_INVALID, "%d compute threads: want 1 to %d", c->shards, MAX_SHARDS);
    if (c->max_batch < 1 || c->max_batch > MOONSHINE_MAX_BATCH)
        return err_fail(STENO_E_INVALID, "max_batch %d: want 1 to %d", c->max_batch, MOONSHINE_MAX_BATCH);
    if (c->max_streams < 1 || c->max_streams > 1 << 16)
        return err_fail(STENO_E_INVALID, "max_streams %d: want 1 to %d", c->max_streams, 1 << 16);
    if (c->audio_pool_s == 0) c->audio_pool_s = enough_audio_s(c->max_streams);
    if (c->audio_pool_s < 40 || c->audio_pool_s > 1 << 17)
        return err_fail(STENO_E_INVALID, "audio_pool_s %d: want 40 to %d", c->audio_pool_s, 1 << 17);
    if (c->kv_pool_mb < 8 || c->kv_pool_mb > 1 << 16)
        return err_fail(STENO_E_INVALID, "kv_pool_mb %d: want 8 to %d", c->kv_pool_mb, 1 << 16);
    return STENO_OK;
}

/* ---- opening and closing
 * ---------------------------------------------------------------------------------------------- */

static steno_err open_parts(steno_engine *e) {
    steno_engine_config *c = &e->config;
    ERR_TRY(check_config(c));
    e->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (e->event_fd < 0) return err_fail(STENO_E_IO, "cannot make an event descriptor: %s", strerror(errno));
    int frames = (int)((int64_t)c->audio_pool_s * STENO_SAMPLE_RATE_HZ / FRAME_SAMPLES);
    int segments = 3 * c->max_batch * c->shards + 8;
    ERR_TRY(frame_pool_init(&e->frames, frames, e->event_fd));
    ERR_TRY(segment_pool_init(&e->segments, segments));
    e->segments.engine = e;
    ERR_TRY(ring_init(&e->events, (size_t)(segments + 2 * c->max_streams), sizeof(event_message)));
    e->streams = mem_alloc((size_t)c->max_streams, sizeof *e->streams);
    e->shards = mem_alloc((size_t)c->shards, sizeof(shard *));
    if (!e->streams || !e->shards) return err_fail(STENO_E_NOMEM, "cannot reserve %d streams", c->max_streams);
    for (int i = 0; i < c->shards; i++) {
        ERR_TRY(shard_open(e, i, &e->shards[i]));
        e->shard_count++;
    }
    for (int i = 0; i < e->shard_count; i++) ERR_TRY(shard_start(e->shards[i]));
    return STENO_OK;
}

steno_err steno_engine_open(const steno_model *model, const steno_engine_config *config, steno_engine **out) {
    *out = NULL;
    steno_engine *e = mem_alloc(1, sizeof *e);
    if (!e) return err_fail(STENO_E_NOMEM, "no memory for an engine");
    e->model = model;
    e->event_fd = -1;
    pthread_mutex_init(&e->table_lock, NULL);
    if (config)
        e->config = *config;
    else
        steno_engine_config_init(&e->config);
    kern(); /* the kernel body is chosen before any thread needs it */
    steno_err err = open_parts(e);
    if (err != STENO_OK) {
        char detail[ERR_DETAIL_BYTES]; /* closing must not lose the sentence */
        snprintf(detail, sizeof detail, "%s", steno_error_detail());
        steno_engine_close(e);
        return err_fail(err, "%s", detail);
    }
    *out = e;
    return STENO_OK;
}

void steno_engine_close(steno_engine *e) {
    if (!e) return;
    for (int i = 0; i < e->shard_count; i++) shard_stop(e->shards[i]);
    for (int i = 0; i < e->shard_count; i++) shard_free(e->shards[i]);
    mem_free(e->shards);
    mem_free(e->streams);
    ring_free(&e->events);
    segment_pool_free(&e->segments);
    frame_pool_free(&e->frames);
    pthread_mutex_destroy(&e->table_lock);
    if (e->event_fd >= 0) close(e->event_fd);
    mem_free(e);
}

/* ---- streams ---------------------------------------------------------------------------------------------------- */

#define SLOT_BITS 17 /* max_streams fits */

static steno_stream_id make_id(int slot, uint32_t generation) {
    return (steno_stream_id)generation << SLOT_BITS | (steno_stream_id)slot;
}

static steno_err find_stream(steno_engine *e, steno_stream_id id, stream **out) {
    uint64_t slot = id & ((1u << SLOT_BITS) - 1);
    if (slot >= (uint64_t)e->config.max_streams || atomic_load(&e->streams[slot].generation) != id >> SLOT_BITS ||
        (id >> SLOT_BITS & 1) == 0)
        return err_fail(STENO_E_NOT_FOUND, "stream %llu is not open", (unsigned long long)id);
    *out = &e->streams[slot];
    return STENO_OK;
}

static int least_loaded(const steno_engine *e) {
    int best = 0;
    for (int i = 1; i < e->shard_count; i++) {
        if (shard_load(e->shards[i]) < shard_load(e->shards[best])) best = i;
    }
    return best;
}

/* Frames a stream may hold: its longest span and what comes in while that waits. Within them its segmenter always gets
 * to the end of a span, so a stream at its limit needs no more audio to move on. */
static int held_limit(const steno_vad_options *vad) {
    double longest_s = (double)vad->max_segment_s + 2.0 * vad->pad_ms / 1000.0;
    int frames = (int)(longest_s * STENO_SAMPLE_RATE_HZ / FRAME_SAMPLES) + LIMIT_SLACK_FRAMES;
    return frames < STREAM_WINDOW_FRAMES ? frames : STREAM_WINDOW_FRAMES;
}

/* A free slot, and `claim` frames of the pool promised to it: every open stream can fill its window whatever the others
 * do, so streams that wait for audio of each other (channels of one recording) or for nobody cannot lock up. */
static steno_err take_slot(steno_engine *e, void *user, int claim, int *out) {
    int slot = -1;
    pthread_mutex_lock(&e->table_lock);
    bool promised = claim > e->frames.count - e->claimed;
    for (int i = 0; i < e->config.max_streams && slot < 0 && !promised; i++) {
        if ((atomic_load(&e->streams[i].generation) & 1) == 0) slot = i;
    }
    if (slot >= 0) {
        stream *s = &e->streams[slot];
        s->held_limit = claim;
        e->claimed += claim;
        s->user = user;
        s->finished = false;
        s->filling = NULL;
        s->filled = 0;
        s->total_samples = 0;
        atomic_store(&s->held, 0);
        atomic_store(&s->starved, false);
        atomic_fetch_add(&s->generation, 1);
    }
    pthread_mutex_unlock(&e->table_lock);
    *out = slot;
    if (slot >= 0) return STENO_OK;
    if (promised)
        return err_fail(STENO_E_LIMIT, "all %d s of the audio pool are promised to open streams",
                        e->config.audio_pool_s);
    return err_fail(STENO_E_LIMIT, "all %d streams are in use", e->config.max_streams);
}

steno_err steno_stream_open(steno_engine *e, const steno_vad_options *vad, void *user, steno_stream_id *out) {
    steno_vad_options options;
    segmenter trial;
    if (vad)
        options = *vad;
    else
        steno_vad_options_init(&options);
    ERR_TRY(segmenter_init(&trial, &options));
    int slot;
    ERR_TRY(take_slot(e, user, held_limit(&options), &slot));
    stream *s = &e->streams[slot];
    s->home = least_loaded(e);
    message m = {.kind = MSG_OPEN, .stream = slot, .generation = atomic_load(&s->generation), .u.vad = options};
    shard_post(e->shards[s->home], &m, 1);
    *out = make_id(slot, m.generation);
    return STENO_OK;
}

/* ---- audio in --------------------------------------------------------------------------------------------------- */

#define POST_BATCH 64

static bool has_room(steno_engine *e, stream *s) {
    if (s->filling) return true;
    if (atomic_load(&s->held) >= s->held_limit) {
        atomic_store(&s->starved, true);
        if (atomic_load(&s->held) >= s->held_limit) return false; /* looked again: no wake-up is lost */
    }
    s->filling = frame_pool_take(&e->frames);
    if (!s->filling) return false; /* the rest is in segments at work, which give it back by themselves */
    atomic_fetch_add(&s->held, 1);
    s->filled = 0;
    return true;
}

static void post_frames(steno_engine *e, stream *s, const message *batch, size_t n) {
    if (n) shard_post(e->shards[s->home], batch, n);
}

static message frame_message(const steno_engine *e, stream *s) {
    message m = {.kind = MSG_FRAME,
                 .stream = (int)(s - e->streams),
                 .generation = atomic_load(&s->generation),
                 .u.frame = s->filling};
    s->filling = NULL;
    return m;
}

/* True when every sample is a number. */
static bool all_finite(const float *pcm, size_t n) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) sum += pcm[i] * 0.0f; /* NaN and infinities poison the sum */
    return sum == 0.0f;
}

steno_err steno_stream_push(steno_engine *e, steno_stream_id id, const float *pcm, size_t n, size_t *taken) {
    stream *s;
    *taken = 0;
    ERR_TRY(find_stream(e, id, &s));
    if (s->finished) return err_fail(STENO_E_INVALID, "stream %llu is finished", (unsigned long long)id);
    if (!all_finite(pcm, n)) return err_fail(STENO_E_FORMAT, "the audio contains samples that are not numbers");
    message batch[POST_BATCH];
    size_t waiting = 0;
    while (*taken < n && has_room(e, s)) {
        size_t want = n - *taken, room = (size_t)(FRAME_SAMPLES - s->filled);
        if (want > room) want = room;
        memcpy(s->filling->pcm + s->filled, pcm + *taken, want * sizeof *pcm);
        s->filled += (int)want;
        *taken += want;
        s->total_samples += (int64_t)want;
        if (s->filled < FRAME_SAMPLES) continue;
        batch[waiting++] = frame_message(e, s);
        if (waiting < POST_BATCH) continue;
        post_frames(e, s, batch, waiting);
        waiting = 0;
    }
    post_frames(e, s, batch, waiting);
    return STENO_OK;
}

steno_err steno_stream_finish(steno_engine *e, steno_stream_id id) {
    stream *s;
    ERR_TRY(find_stream(e, id, &s));
    if (s->finished) return STENO_OK;
    s->finished = true;
    message m[2];
    size_t n = 0;
    if (s->filling) {
        memset(s->filling->pcm + s->filled, 0, (size_t)(FRAME_SAMPLES - s->filled) * sizeof(float));
        m[n++] = frame_message(e, s);
    }
    m[n++] = (message){.kind = MSG_FINISH,
                       .stream = (int)(s - e->streams),
                       .generation = atomic_load(&s->generation),
                       .u.total_samples = s->total_samples};
    shard_post(e->shards[s->home], m, n);
    return STENO_OK;
}

/* ---- events out
 * ------------------------------------------------------------------------------------------------------ */

void engine_signal(steno_engine *e) {
    uint64_t one = 1;
    ssize_t written = write(e->event_fd, &one, sizeof one); /* full means readable, which is all that is wanted */
    (void)written;
}

void engine_emit(steno_engine *e, const event_message *m) {
    bool fits = ring_push(&e->events, m, 1);
    assert(fits); /* invariant 1 */
    (void)fits;
    engine_signal(e);
}

void engine_give_segment(steno_engine *e, segment *g) {
    if (!segment_pool_give(&e->segments, g)) return;
    for (int i = 0; i < e->shard_count; i++) shard_wake(e->shards[i]);
}

void engine_close_slot(steno_engine *e, int slot) {
    pthread_mutex_lock(&e->table_lock);
    e->claimed -= e->streams[slot].held_limit;
    atomic_fetch_add(&e->streams[slot].generation, 1);
    pthread_mutex_unlock(&e->table_lock);
}

static void fill_event(steno_engine *e, const event_message *m, steno_event *event) {
    memset(event, 0, sizeof *event);
    event->kind = m->kind;
    event->stream = make_id(m->stream, m->generation);
    event->user = e->streams[m->stream].user;
    event->stats = m->stats;
    event->error = m->error;
    if (m->kind == STENO_EVENT_SEGMENT) {
        event->segment = transcript_view(&m->segment->text, m->id);
        event->owned = m->segment;
    }
    if (m->kind == STENO_EVENT_ERROR)
        snprintf(event->detail, sizeof event->detail, "recognition failed (%s)", steno_err_name(m->error));
}

steno_err steno_engine_poll(steno_engine *e, int timeout_ms, steno_event *event) {
    event_message m;
    uint64_t count;
    ssize_t got = read(e->event_fd, &count, sizeof count); /* cleared before looking, so nothing is missed */
    (void)got;
    if (ring_pop(&e->events, &m, 1, timeout_ms) == 0) return STENO_E_AGAIN;
    engine_signal(e); /* there may be more; a caller that waits on the descriptor looks again */
    fill_event(e, &m, event);
    if (m.kind != STENO_EVENT_SEGMENT) engine_close_slot(e, m.stream);
    return STENO_OK;
}

void steno_event_release(steno_event *event) {
    segment *s = event->owned;
    if (s) engine_give_segment(s->pool->engine, s);
    event->owned = NULL;
}

int steno_engine_fd(const steno_engine *engine) {
    return engine->event_fd;
}
