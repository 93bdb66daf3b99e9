/* engine.c: the public API: opens shards and pools, places streams, carries audio in and events out.
 *
 * Threads: open and close from one thread; push and finish of one stream from one thread at a time; one thread polls.
 */
#include "engine/engine_int.h"
#include "engine/voices_int.h"

#include "base/mem.h"
#include "kern/kern.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_SHARDS    256
#define KV_BATCH_MB   14   /* pages of a shard's batches … */
#define KV_LIVE_KB    3072 /* … and of each live stream's open utterance: 15 s; memory never used is never touched */
#define ADMIT_BUSY    0.95 /* new live streams are refused from here on … */
#define ADMIT_STRETCH 1.5  /* … when partials already come this much less often */
#define LIMIT_SLACK_FRAMES                                                                                             \
    64 /* 2 s of audio beyond the longest span, so that the VAD has work while a segment waits  \
                               */

/* ---- configuration ---------------------------------------------------------------------------------------------- */

void steno_engine_config_init(steno_engine_config *config) {
    *config =
        (steno_engine_config){.shards = 0, .max_batch = 24, .max_streams = 64, .max_live = -1, .max_wait_ms = 100};
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

void steno_live_options_init(steno_live_options *live) {
    *live = (steno_live_options){.threshold = 0.5f,
                                 .neg_threshold = 0.35f,
                                 .min_speech_ms = 96,
                                 .lead_ms = 300,
                                 .endpoint_ms = 500,
                                 .unfinished_ms = 500,
                                 .max_utterance_s = 15.0f,
                                 .partial_ms = 500};
}

steno_err steno_live_options_check(const steno_live_options *live) {
    segmenter trial;
    if (live->partial_ms != 0 && (live->partial_ms < 100 || live->partial_ms > 5000))
        return err_fail(STENO_E_INVALID, "partial_ms %d is not 0 or in 100..5000", live->partial_ms);
    return segmenter_init_live(&trial, live);
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
    if (c->max_live < 0) c->max_live = c->max_streams;
    if (c->max_live > c->max_streams)
        return err_fail(STENO_E_INVALID, "max_live %d is more than max_streams %d", c->max_live, c->max_streams);
    if (c->max_wait_ms < 0 || c->max_wait_ms > 1000)
        return err_fail(STENO_E_INVALID, "max_wait_ms %d: want 0 to 1000", c->max_wait_ms);
    if (c->audio_pool_s == 0) c->audio_pool_s = enough_audio_s(c->max_streams);
    if (c->audio_pool_s < 40 || c->audio_pool_s > 1 << 17)
        return err_fail(STENO_E_INVALID, "audio_pool_s %d: want 40 to %d", c->audio_pool_s, 1 << 17);
    if (c->kv_pool_mb == 0) c->kv_pool_mb = KV_BATCH_MB + (c->max_live + c->shards - 1) / c->shards * KV_LIVE_KB / 1024;
    if (c->nice < 0 || c->nice > 19) return err_fail(STENO_E_INVALID, "nice %d: want 0 to 19", c->nice);
    if (c->max_speaker_streams < 0 || c->max_speaker_streams > c->max_streams)
        return err_fail(STENO_E_INVALID, "max_speaker_streams %d: want 0 to max_streams (%d)", c->max_speaker_streams,
                        c->max_streams);
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
    int segments = 3 * c->max_batch * c->shards + 3 * c->max_live + c->max_speaker_streams + 16;
    ERR_TRY(frame_pool_init(&e->frames, frames, e->event_fd));
    ERR_TRY(segment_pool_init(&e->segments, segments));
    e->segments.engine = e;
    ERR_TRY(ring_init(&e->events, (size_t)(segments + (STREAM_NOTES + 2) * c->max_streams), sizeof(event_message)));
    e->streams = mem_alloc((size_t)c->max_streams, sizeof *e->streams);
    e->shards = mem_alloc((size_t)c->shards, sizeof(shard *));
    if (!e->streams || !e->shards) return err_fail(STENO_E_NOMEM, "cannot reserve %d streams", c->max_streams);
    ERR_TRY(voices_open_pool(e));
    for (int i = 0; i < c->shards; i++) {
        ERR_TRY(shard_open(e, i, &e->shards[i]));
        e->shard_count++;
    }
    return STENO_OK;
}

static double real_clock(void *ctx) {
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double engine_now_s(const steno_engine *e) {
    return e->clock(e->clock_ctx);
}

/* Closing must not lose the sentence. */
static steno_err close_failed(steno_engine *e, steno_err err) {
    char detail[ERR_DETAIL_BYTES];
    snprintf(detail, sizeof detail, "%s", steno_error_detail());
    steno_engine_close(e);
    return err_fail(err, "%s", detail);
}

steno_err engine_open_unstarted(const steno_model *model, const steno_engine_config *config, double (*clock)(void *ctx),
                                void *clock_ctx, steno_engine **out) {
    *out = NULL;
    steno_engine *e = mem_alloc(1, sizeof *e);
    if (!e) return err_fail(STENO_E_NOMEM, "no memory for an engine");
    e->model = model;
    e->event_fd = -1;
    e->clock = clock ? clock : real_clock;
    e->clock_ctx = clock_ctx;
    pthread_mutex_init(&e->table_lock, NULL);
    if (config)
        e->config = *config;
    else
        steno_engine_config_init(&e->config);
    kern(); /* the kernel body is chosen before any thread needs it */
    steno_err err = open_parts(e);
    if (err != STENO_OK) return close_failed(e, err);
    *out = e;
    return STENO_OK;
}

steno_err steno_engine_open(const steno_model *model, const steno_engine_config *config, steno_engine **out) {
    steno_engine *e;
    *out = NULL;
    ERR_TRY(engine_open_unstarted(model, config, NULL, NULL, &e));
    for (int i = 0; i < e->shard_count; i++) {
        steno_err err = shard_start(e->shards[i]);
        if (err != STENO_OK) return close_failed(e, err);
    }
    *out = e;
    return STENO_OK;
}

void steno_engine_close(steno_engine *e) {
    if (!e) return;
    for (int i = 0; i < e->shard_count; i++) shard_stop(e->shards[i]);
    for (int i = 0; i < e->shard_count; i++) shard_free(e->shards[i]);
    voices_close_pool(e);
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

steno_err engine_find_stream(steno_engine *e, steno_stream_id id, stream **out) {
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

/* Live streams stay where they are opened: what counts is who is there, and how busy they keep the shard. */
static double live_score(const shard *s) {
    return shard_live(s) * (1.0 + shard_busy(s)) + shard_busy(s);
}

static int least_live(const steno_engine *e) {
    int best = 0;
    for (int i = 1; i < e->shard_count; i++) {
        if (live_score(e->shards[i]) < live_score(e->shards[best])) best = i;
    }
    return best;
}

/* Frames a stream may hold: its longest span and what comes in while that waits. Within them its segmenter always gets
 * to the end of a span, so a stream at its limit needs no more audio to move on. Live streams, whose options may change,
 * may fill their window. */
static int held_limit(const steno_vad_options *vad) {
    double longest_s = (double)vad->max_segment_s + 2.0 * vad->pad_ms / 1000.0;
    int frames = (int)(longest_s * STENO_SAMPLE_RATE_HZ / FRAME_SAMPLES) + LIMIT_SLACK_FRAMES;
    return frames < STREAM_WINDOW_FRAMES ? frames : STREAM_WINDOW_FRAMES;
}

static steno_err refuse(const steno_engine *e, int claim) {
    if (claim > e->frames.count - e->claimed)
        return err_fail(STENO_E_LIMIT, "all %d s of the audio pool are promised to open streams",
                        e->config.audio_pool_s);
    return err_fail(STENO_E_LIMIT, "all %d streams are in use", e->config.max_streams);
}

static int free_slot(const steno_engine *e) {
    for (int i = 0; i < e->config.max_streams; i++) {
        if ((atomic_load(&e->streams[i].generation) & 1) == 0) return i;
    }
    return -1;
}

static void reset_slot(stream *s, void *user, int claim, bool live) {
    s->held_limit = claim;
    s->user = user;
    s->finished = false;
    s->filling = NULL;
    s->filled = 0;
    s->total_samples = 0;
    s->configuring = false;
    s->is_live = live;
    atomic_store(&s->held, 0);
    atomic_store(&s->starved, false);
    atomic_store(&s->finalizing, false);
    atomic_store(&s->notes, 0);
    atomic_store(&s->merges, 0);
    atomic_fetch_add(&s->generation, 1);
}

/* Where a stream that claims so many frames may go if `promised` more like it were open; under table_lock. */
static steno_err find_slot(const steno_engine *e, int claim, bool live, int promised, int *out) {
    *out = claim > e->frames.count - e->claimed - promised * claim ? -1 : free_slot(e);
    if (live && e->live_count + promised >= e->config.max_live)
        return err_fail(STENO_E_LIMIT, "all %d live streams are in use", e->config.max_live);
    return *out < 0 ? refuse(e, claim + promised * claim) : STENO_OK;
}

/* A free slot, and `claim` frames of the pool promised to it: every open stream can fill its window whatever the others
 * do, so streams that wait for audio of each other (channels of one recording) or for nobody cannot lock up. */
static steno_err take_slot(steno_engine *e, void *user, int claim, bool live, int *out) {
    pthread_mutex_lock(&e->table_lock);
    int slot;
    steno_err err = find_slot(e, claim, live, 0, &slot);
    if (err == STENO_OK) {
        reset_slot(&e->streams[slot], user, claim, live);
        e->claimed += claim;
        e->open_count++;
        e->live_count += live;
        e->opened++;
    } else {
        e->refused++;
    }
    pthread_mutex_unlock(&e->table_lock);
    *out = slot;
    return err;
}

/* Sends the slot's stream to its home. */
static steno_stream_id open_at(steno_engine *e, int slot, int home, message *m) {
    stream *s = &e->streams[slot];
    s->home = home;
    m->stream = slot;
    m->generation = atomic_load(&s->generation);
    shard_post(e->shards[home], m, 1);
    return make_id(slot, m->generation);
}

steno_err steno_stream_open(steno_engine *e, const steno_vad_options *vad, void *user, steno_stream_id *out) {
    message m = {.kind = MSG_OPEN};
    segmenter trial;
    int slot;
    if (vad)
        m.u.vad = *vad;
    else
        steno_vad_options_init(&m.u.vad);
    ERR_TRY(segmenter_init(&trial, &m.u.vad));
    ERR_TRY(take_slot(e, user, held_limit(&m.u.vad), false, &slot));
    *out = open_at(e, slot, least_loaded(e), &m);
    return STENO_OK;
}

steno_err steno_stream_admits(steno_engine *e, const steno_vad_options *vad, int n) {
    int claim = held_limit(vad), kept = e->config.max_streams - e->config.max_live;
    pthread_mutex_lock(&e->table_lock);
    int others = e->open_count - e->live_count;
    int room = kept > 0 ? kept - others : e->config.max_streams - e->open_count;
    bool fits = n <= room && n <= e->config.max_streams - e->open_count && n * claim <= e->frames.count - e->claimed;
    pthread_mutex_unlock(&e->table_lock);
    return fits ? STENO_OK : err_fail(STENO_E_LIMIT, "there is no room for %d more streams", n);
}

/* True when a shard does all it can and partials already come late: one more would make it worse for everybody. */
static bool is_overloaded(const shard *s) {
    return shard_busy(s) > ADMIT_BUSY && shard_stretch(s) > ADMIT_STRETCH;
}

static steno_err refuse_overloaded(void) {
    return err_fail(STENO_E_AGAIN, "overloaded: every compute thread is busy and partials come late");
}

steno_err steno_live_admits(steno_engine *e, int promised) {
    int slot;
    if (is_overloaded(e->shards[least_live(e)])) return refuse_overloaded();
    pthread_mutex_lock(&e->table_lock);
    steno_err err = find_slot(e, STREAM_WINDOW_FRAMES, true, promised, &slot);
    pthread_mutex_unlock(&e->table_lock);
    return err;
}

steno_err steno_live_open(steno_engine *e, const steno_live_options *options, void *user, steno_stream_id *out) {
    message m = {.kind = MSG_OPEN_LIVE};
    int slot, home = least_live(e);
    if (options)
        m.u.live = *options;
    else
        steno_live_options_init(&m.u.live);
    ERR_TRY(steno_live_options_check(&m.u.live));
    if (is_overloaded(e->shards[home])) {
        pthread_mutex_lock(&e->table_lock);
        e->refused++;
        pthread_mutex_unlock(&e->table_lock);
        return refuse_overloaded();
    }
    ERR_TRY(take_slot(e, user, STREAM_WINDOW_FRAMES, true, &slot));
    shard_live_add(e->shards[home], 1);
    *out = open_at(e, slot, home, &m);
    return STENO_OK;
}

static steno_err find_live(steno_engine *e, steno_stream_id id, stream **out) {
    ERR_TRY(engine_find_stream(e, id, out));
    if (!(*out)->is_live || (*out)->finished)
        return err_fail(STENO_E_INVALID, "stream %llu is not live%s", (unsigned long long)id,
                        (*out)->finished ? " any more" : "");
    return STENO_OK;
}

static void post_plain(steno_engine *e, stream *s, message_kind kind) {
    message m = {.kind = kind, .stream = (int)(s - e->streams), .generation = atomic_load(&s->generation)};
    shard_post(e->shards[s->home], &m, 1);
}

steno_err steno_live_configure(steno_engine *e, steno_stream_id id, const steno_live_options *options) {
    stream *s;
    ERR_TRY(find_live(e, id, &s));
    ERR_TRY(steno_live_options_check(options));
    pthread_mutex_lock(&e->table_lock);
    bool on_its_way = s->configuring;
    if (!on_its_way) s->wanted = *options;
    s->configuring = true;
    pthread_mutex_unlock(&e->table_lock);
    if (on_its_way) return err_fail(STENO_E_AGAIN, "the stream is being configured");
    post_plain(e, s, MSG_CONFIGURE);
    return STENO_OK;
}

steno_err steno_live_finalize(steno_engine *e, steno_stream_id id) {
    stream *s;
    ERR_TRY(find_live(e, id, &s));
    if (atomic_exchange(&s->finalizing, true)) return err_fail(STENO_E_AGAIN, "the stream is being finalized");
    post_plain(e, s, MSG_FINALIZE);
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
    ERR_TRY(engine_find_stream(e, id, &s));
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
    ERR_TRY(engine_find_stream(e, id, &s));
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
    e->open_count--;
    e->live_count -= e->streams[slot].is_live;
    if (e->streams[slot].with_voices) e->voices_free[e->voices_free_count++] = e->streams[slot].with_voices;
    e->streams[slot].with_voices = NULL;
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
    event->partial_ms = m->partial_ms;
    event->overloaded = m->overloaded;
    event->heard_s = m->heard_s;
    if (m->kind == STENO_EVENT_SPEECH)
        event->segment =
            (steno_segment){.id = m->id, .start_s = m->start_s, .text = "", .speaker = STENO_SPEAKER_UNKNOWN};
    event->owned = m->segment;
    if (m->kind == STENO_EVENT_TURNS) {
        event->turns = m->segment->turns;
        event->n_turns = m->segment->n_turns;
    } else if (m->segment) {
        event->segment = transcript_view(&m->segment->text, m->id);
        event->segment.rev = m->segment->rev;
        event->segment.stable_bytes = m->segment->stable_bytes;
        event->segment.end = m->segment->end;
        event->segment.speaker = m->segment->speaker;
        event->segment.speaker_margin = m->segment->speaker_margin;
        event->segment.speaker_fixed = m->segment->speaker_fixed;
        event->heard_s = m->segment->heard_s;
        event->due_s = m->segment->due_s;
        event->done_s = m->segment->done_s;
    }
    if (m->kind == STENO_EVENT_SEGMENT) {
        const segmenter_span *span = &m->segment->span;
        event->speech_start_s = (double)span->speech_start_sample / STENO_SAMPLE_RATE_HZ;
        event->speech_end_s = (double)span->speech_end_sample / STENO_SAMPLE_RATE_HZ;
    }
    if (m->kind == STENO_EVENT_ERROR)
        snprintf(event->detail, sizeof event->detail, "recognition failed (%s)", steno_err_name(m->error));
}

static bool is_note(steno_event_kind kind) {
    return kind == STENO_EVENT_SPEECH || kind == STENO_EVENT_OVERLOAD;
}

static bool is_end(steno_event_kind kind) {
    return kind == STENO_EVENT_DONE || kind == STENO_EVENT_ERROR;
}

steno_err steno_engine_poll(steno_engine *e, int timeout_ms, steno_event *event) {
    event_message m;
    uint64_t count;
    ssize_t got = read(e->event_fd, &count, sizeof count); /* cleared before looking, so nothing is missed */
    (void)got;
    if (ring_pop(&e->events, &m, 1, timeout_ms) == 0) return STENO_E_AGAIN;
    engine_signal(e); /* there may be more; a caller that waits on the descriptor looks again */
    fill_event(e, &m, event);
    if (m.kind == STENO_EVENT_FINALIZED) atomic_store(&e->streams[m.stream].finalizing, false);
    if (is_note(m.kind)) atomic_fetch_sub(&e->streams[m.stream].notes, 1);
    if (is_end(m.kind)) engine_close_slot(e, m.stream);
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

void steno_engine_get_stats(steno_engine *e, steno_engine_stats *out) {
    memset(out, 0, sizeof *out);
    out->shards = e->shard_count;
    out->stretch = 1.0;
    for (int i = 0; i < e->shard_count; i++) shard_add_stats(e->shards[i], out);
    out->overloaded = is_overloaded(e->shards[least_live(e)]);
    out->audio_s = (double)out->vad_frames * FRAME_SAMPLES / STENO_SAMPLE_RATE_HZ;
    pthread_mutex_lock(&e->table_lock);
    out->streams = e->open_count;
    out->live = e->live_count;
    out->speaker_streams = e->config.max_speaker_streams - e->voices_free_count;
    out->opened = e->opened;
    out->refused = e->refused;
    pthread_mutex_unlock(&e->table_lock);
    pthread_mutex_lock(&e->frames.lock);
    out->audio_frames = e->frames.count;
    out->audio_frames_free = e->frames.free_count;
    pthread_mutex_unlock(&e->frames.lock);
    pthread_mutex_lock(&e->segments.lock);
    out->segments = e->segments.count;
    out->segments_free = e->segments.free_count;
    pthread_mutex_unlock(&e->segments.lock);
}
