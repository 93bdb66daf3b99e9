/* engine_test.h: what the engine's tests share: engines on made-up networks, and a loop that feeds streams.
 *
 * Purpose   rig_open() makes a model; play() pushes recordings into an engine the way a server's event loop does (one
 *           thread, steno_engine_fd() and poll) until every stream has ended, and writes down what came out.
 * Watchdog  play() never waits for a time: a lost wake-up hangs it, and alarm() in main() ends the program.
 */
#ifndef STENO_TESTS_ENGINE_TEST_H
#define STENO_TESTS_ENGINE_TEST_H

#include "fake_models.h"

#include "engine/shard_int.h"

#include <poll.h>

#define PLAY_MAX 64
#ifndef WATCHDOG_S
#define WATCHDOG_S 240 /* the whole program; sanitizers are slow */
#endif
#define SECONDS(s)     ((size_t)((s) * (double)STENO_SAMPLE_RATE_HZ))
#define FRAME_OF(s)    ((s) / SEGMENTER_FRAME_SAMPLES)
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW_BUILD 1
#else
#define SLOW_BUILD 0
#endif

/* ---- models ----------------------------------------------------------------------------------------------------- */

typedef struct rig {
    fake_dir dir;
    steno_model *model;
} rig;

static inline void rig_open_model(rig *r) {
    steno_model_options options = {.dir = r->dir.path};
    if (steno_model_open(&options, &r->model) != STENO_OK) fail_msg("%s", steno_error_detail());
}

static inline void rig_open(rig *r, const fake_shape *shape, uint64_t seed) {
    fake_dir_fill(&r->dir, shape, seed);
    rig_open_model(r);
}

static inline void rig_open_with_voices(rig *r, const fake_shape *shape, uint64_t seed) {
    fake_dir_fill(&r->dir, shape, seed);
    fake_dir_add_voices(&r->dir, seed);
    rig_open_model(r);
}

static inline void rig_close(rig *r) {
    steno_model_close(r->model);
    fake_dir_remove(&r->dir);
}

static inline steno_engine *engine_of(const steno_model *model, int shards, int max_batch, int max_streams,
                                      int audio_pool_s) {
    steno_engine_config c;
    steno_engine *e;
    steno_engine_config_init(&c);
    c.shards = shards;
    c.max_batch = max_batch;
    c.max_streams = max_streams;
    c.audio_pool_s = audio_pool_s;
    c.kv_pool_mb = 20;
    if (steno_engine_open(model, &c, &e) != STENO_OK) fail_msg("%s", steno_error_detail());
    return e;
}

static inline steno_vad_options vad_of(bool enabled, float max_segment_s) {
    steno_vad_options v;
    steno_vad_options_init(&v);
    v.enabled = enabled;
    v.max_segment_s = max_segment_s;
    return v;
}

/* ---- playing recordings ----------------------------------------------------------------------------------------- */

typedef struct track {
    const float *pcm;
    size_t n;
    steno_vad_options vad;
    uint64_t chunk_seed; /* 0: as much as it takes; else random chunks of 1 sample to 10 s */
    bool idle;           /* opened, and left alone until all others have ended */
    /* what play() does with it */
    steno_stream_id id;
    size_t at, chunk;
    bool finished, done;
    /* what came out */
    steno_event_kind end;
    uint32_t segments;
    double last_s;
    steno_stats stats;
    char *log; /* owned; track_free() */
    size_t log_bytes;
} track;

static inline track track_of(const float *pcm, size_t n, steno_vad_options vad) {
    return (track){.pcm = pcm, .n = n, .vad = vad};
}

static inline void track_free(track *t) {
    free(t->log);
    t->log = NULL;
}

static inline void __attribute__((format(printf, 2, 3))) note(track *t, const char *fmt, ...) {
    char line[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof line);
    t->log = realloc(t->log, t->log_bytes + (size_t)n + 1);
    assert_non_null(t->log);
    memcpy(t->log + t->log_bytes, line, (size_t)n + 1);
    t->log_bytes += (size_t)n;
}

static inline void note_segment(track *t, const steno_segment *s) {
    assert_int_equal(s->id, t->segments++);
    assert_true(s->text[0] != 0);
    assert_true(s->start_s >= t->last_s && s->end_s >= s->start_s);
    assert_true(s->end_s <= (double)t->n / STENO_SAMPLE_RATE_HZ + 1e-9);
    t->last_s = s->start_s;
    note(t, "%u %.9g..%.9g %a %d %s", s->id, s->start_s, s->end_s, (double)s->confidence, s->looped, s->text);
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        assert_true(w->start_s >= t->last_s && w->end_s >= w->start_s);
        t->last_s = w->start_s;
        note(t, " [%u+%u %.9g..%.9g %a]", w->text_offset, w->text_bytes, w->start_s, w->end_s, (double)w->confidence);
    }
    t->last_s = s->end_s;
    note(t, "\n");
}

static inline void note_event(track *t, const steno_event *ev) {
    assert_false(t->done);
    assert_true(ev->stream == t->id);
    if (ev->kind == STENO_EVENT_SEGMENT) {
        note_segment(t, &ev->segment);
        return;
    }
    if (ev->kind == STENO_EVENT_SPEAKERS || ev->kind == STENO_EVENT_TURNS) {
        note(t, "%u is %d's:", ev->segment.id, ev->segment.speaker);
        for (uint32_t i = 0; i < ev->segment.n_words; i++) note(t, " %d", ev->segment.words[i].speaker);
        for (uint32_t i = 0; i < ev->n_turns; i++) note(t, " %g %d", ev->turns[i].start_s, ev->turns[i].speaker);
        note(t, "\n");
        return;
    }
    t->done = true;
    t->end = ev->kind;
    t->stats = ev->stats;
    if (ev->kind == STENO_EVENT_DONE)
        note(t, "done %.9g s, speech %.6g s, %llu segments, %llu tokens\n", ev->stats.audio_s, ev->stats.speech_s,
             (unsigned long long)ev->stats.segments, (unsigned long long)ev->stats.tokens);
    else
        note(t, "error %s: %s\n", steno_err_name(ev->error), ev->detail);
}

/* Takes every event that is there; how many. */
static inline int take_events(steno_engine *e) {
    steno_event ev;
    int n = 0;
    while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
        note_event(ev.user, &ev);
        steno_event_release(&ev);
        n++;
    }
    return n;
}

/* Offers the next chunk and finishes at the end; true when the engine took something. */
static inline bool push_some(steno_engine *e, track *t) {
    if (t->finished) return false;
    size_t before = t->at;
    while (t->at < t->n) {
        size_t taken, want = t->n - t->at;
        if (t->chunk_seed && t->chunk == 0) {
            uint64_t random = t->chunk_seed++;
            t->chunk = 1 + (size_t)fake_below(&random, (int)(fake_next(&random) % 5 ? 3000 : SECONDS(10)));
        }
        if (t->chunk_seed && want > t->chunk) want = t->chunk;
        if (!t->chunk_seed && want > SECONDS(1)) want = SECONDS(1);
        assert_ok(steno_stream_push(e, t->id, t->pcm + t->at, want, &taken));
        assert_true(taken <= want);
        t->at += taken;
        if (t->chunk_seed) t->chunk -= taken < t->chunk ? taken : t->chunk;
        if (taken < want || t->chunk_seed) break;
    }
    if (t->at < t->n) return t->at > before;
    assert_ok(steno_stream_finish(e, t->id));
    t->finished = true;
    return true;
}

static inline void track_open(steno_engine *e, track *t) {
    assert_ok(steno_stream_open(e, &t->vad, t, &t->id));
    assert_true(t->id != 0);
}

/* Sleeps until the engine has something to say. */
static inline void wait_engine(steno_engine *e) {
    struct pollfd p = {.fd = steno_engine_fd(e), .events = POLLIN};
    while (poll(&p, 1, -1) < 0) {
    }
}

/* Feeds opened tracks until all that are not idle have ended. Looking comes after clearing, so no wake-up is lost. */
static inline void play_opened(steno_engine *e, track *t, int n) {
    for (;;) {
        int busy = 0;
        bool moved = take_events(e) > 0;
        for (int i = 0; i < n; i++) {
            if (!t[i].idle && push_some(e, &t[i])) moved = true;
            busy += !t[i].idle && !t[i].done;
        }
        if (busy == 0) return;
        if (!moved) wait_engine(e);
    }
}

static inline void play(steno_engine *e, track *t, int n) {
    for (int i = 0; i < n; i++) track_open(e, &t[i]);
    play_opened(e, t, n);
}

/* Every frame and segment is back where it belongs: nothing leaked inside the engine. The last frames of a stream are
 * released before its last event. */
static inline void assert_pools_full(steno_engine *e) {
    pthread_mutex_lock(&e->frames.lock);
    assert_int_equal(e->frames.free_count, e->frames.count);
    pthread_mutex_unlock(&e->frames.lock);
    pthread_mutex_lock(&e->segments.lock);
    assert_int_equal(e->segments.free_count, e->segments.count);
    pthread_mutex_unlock(&e->segments.lock);
}

/* Closes an engine whose streams have all ended, and looks into its shards before: nothing is counted that is not
 * there, or they would spin or be thought busy for ever. */
static inline void close_at_rest(steno_engine *e) {
    assert_pools_full(e);
    assert_int_equal(e->claimed, 0);
    assert_int_equal(e->voices_free_count, e->config.max_speaker_streams);
    for (int i = 0; i < e->shard_count; i++) {
        const shard *s = e->shards[i];
        shard_stop(e->shards[i]);
        assert_int_equal(s->inbox.count, 0);
        assert_int_equal(s->hear_live.count + s->hear_recordings.count, 0);
        assert_int_equal(s->voices_live.count + s->voices_bulk.count + s->voices_whole.count, 0);
        assert_int_equal(s->voices_say.count, 0);
        assert_int_equal(s->stalled, 0);
        assert_int_equal(s->open_count, 0);
        assert_int_equal(s->waiting_count, 0);
        assert_int_equal(s->active, 0);
        assert_int_equal(s->pages.free_count, s->pages.count);
        assert_int_equal(s->scratch.used_bytes, 0);
        assert_int_equal(shard_load(s), 0);
    }
    steno_engine_close(e);
}

#endif
