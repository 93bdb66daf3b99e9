/* shard.c: a compute thread: its inbox and its tick. */
#include "engine/shard_int.h"

#include "base/mem.h"
#include "speakers/tracker.h"

#include <assert.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NICE_IDLE  19      /* others of this core go first whenever they want to, not only mostly … */
#define GIVE_WAY_S 0.05    /* … and others on other cores, too: so long, for every piece of work */
#define LOOK_NS    500000L /* between looks whether they are through */

/* Shards of all engines of the process that are in a tick, but those that give way. Cores that look independent may share their
 * arithmetic and always share memory: who only gives up his core still slows the others. */
static _Atomic int at_work;

double thread_cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

shard *shard_at(steno_engine *e, int index) {
    return e->shards[index];
}

int64_t shard_load(const shard *s) {
    return atomic_load_explicit(&s->load, memory_order_relaxed);
}

int shard_live(const shard *s) {
    return atomic_load_explicit(&s->live_count, memory_order_relaxed);
}

void shard_live_add(shard *s, int n) {
    atomic_fetch_add(&s->live_count, n);
}

void shard_post(shard *s, const message *m, size_t n) {
    bool fits = ring_push(&s->inbox, m, n);
    assert(fits); /* invariant 1 of engine_int.h */
    (void)fits;
}

void shard_wake(shard *s) {
    message m = {.kind = MSG_WAKE};
    if (!atomic_exchange(&s->woken, true)) shard_post(s, &m, 1);
}

/* ---- opening ------------------------------------------------------------------------------------------------------ */

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static steno_err slots_init(slot_queue *q, int cap) {
    q->cap = cap;
    q->slots = mem_alloc((size_t)cap, sizeof *q->slots);
    return q->slots ? STENO_OK : err_fail(STENO_E_NOMEM, "cannot reserve a shard's streams");
}

static steno_err reserve(shard *s) {
    const steno_engine_config *c = &s->engine->config;
    /* Every frame, every segment there and back, every stream's beginning, end, FINALIZE and some CONFIGUREs, what is said
     * of its speakers, one WAKE and one STOP. */
    size_t messages = (size_t)(s->engine->frames.count + 2 * s->engine->segments.count + 4 * c->max_streams + 4);
    messages += (size_t)c->max_speaker_streams * (2 + 2 * MERGES_MAX);
    size_t vad = silero_arena_bytes(LISTEN_ROWS) + LISTEN_ROWS * (FRAME_SAMPLES * 4 + 64 + sizeof(silero_job)) + 4096;
    ERR_TRY(ring_init(&s->inbox, messages, sizeof(message)));
    size_t labels = c->max_speaker_streams ? voices_scratch_bytes() : 0;
    ERR_TRY(arena_init(&s->scratch, max_size(max_size(vad, labels), recognise_scratch_bytes(s->engine))));
    slot_queue *const queues[] = {&s->hear_live,   &s->hear_recordings, &s->voices_live,
                                  &s->voices_bulk, &s->voices_whole,    &s->voices_say};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) ERR_TRY(slots_init(queues[i], c->max_streams));
    if (c->max_speaker_streams) ERR_TRY(vb_open(&s->fit, TRACKER_FIT));
    if (c->max_speaker_streams) ERR_TRY(vb_open(&s->whole_fit, HISTORY_LOOKS));
    s->open_streams = mem_alloc((size_t)c->max_streams, sizeof(int));
    if (!s->open_streams) return err_fail(STENO_E_NOMEM, "cannot reserve a shard's streams");
    ERR_TRY(encode_open(s));
    ERR_TRY(grow_open(s));
    return recognise_open(s);
}

steno_err shard_open(steno_engine *e, int index, shard **out) {
    *out = NULL;
    shard *s = mem_alloc(1, sizeof *s);
    if (!s) return err_fail(STENO_E_NOMEM, "no memory for a shard");
    s->engine = e;
    s->index = index;
    s->whole_slot = -1;
    load_init(s, engine_now_s(e));
    steno_err err = reserve(s);
    if (err != STENO_OK) {
        shard_free(s);
        return err;
    }
    *out = s;
    return STENO_OK;
}

void shard_free(shard *s) {
    if (!s) return;
    recognise_close(s);
    encode_close(s);
    grow_close(s);
    mem_free(s->open_streams);
    mem_free(s->hear_live.slots);
    mem_free(s->hear_recordings.slots);
    mem_free(s->voices_live.slots);
    mem_free(s->voices_bulk.slots);
    mem_free(s->voices_whole.slots);
    mem_free(s->voices_say.slots);
    vb_free(&s->fit);
    vb_free(&s->whole_fit);
    arena_free(&s->scratch);
    ring_free(&s->inbox);
    mem_free(s);
}

/* ---- the tick ----------------------------------------------------------------------------------------------------- */

static void handle(shard *s, const message *m) {
    switch (m->kind) {
    case MSG_OPEN:
    case MSG_OPEN_LIVE:
        listen_open(s, m);
        break;
    case MSG_CONFIGURE:
        live_configure(s, m);
        break;
    case MSG_SPEAKERS:
        voices_begin(s, m);
        break;
    case MSG_MERGE:
        voices_merge(s, m);
        break;
    case MSG_FRAME:
        listen_frame(s, m);
        break;
    case MSG_FINALIZE:
        live_finalize(s, m);
        break;
    case MSG_FINISH:
        listen_finish(s, m);
        break;
    case MSG_SEGMENT:
        recognise_enqueue(s, m->u.segment);
        break;
    case MSG_RESULT:
        listen_result(s, m->u.segment);
        break;
    case MSG_WAKE:
        atomic_store(&s->woken, false); /* the tick that follows tries again */
        break;
    case MSG_STOP:
        s->stopping = true;
        break;
    }
}

/* All messages that are there; waits for the first for up to wait_ms. */
static void drain(shard *s, int wait_ms) {
    message batch[INBOX_BATCH];
    size_t n = ring_pop(&s->inbox, batch, INBOX_BATCH, wait_ms);
    s->now_s = engine_now_s(s->engine);
    load_wake(s, s->now_s);
    while (n) {
        for (size_t i = 0; i < n; i++) handle(s, &batch[i]);
        n = ring_pop(&s->inbox, batch, INBOX_BATCH, 0);
    }
}

/* True when listening on would fill the encoder's next batch better than decoding now would help anyone: recorded audio
 * is waiting to be heard and too few segments have been cut yet. Nobody who is live waits for that. */
static bool listen_first(const shard *s) {
    int wanted = s->engine->config.max_batch;
    return shard_live(s) == 0 && listen_has_recordings(s) && s->waiting_count + s->active < wanted;
}

static bool gives_way(const shard *s) {
    return s->engine->config.nice == NICE_IDLE;
}

void shard_give_way(const shard *s) {
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    if (!gives_way(s) || atomic_load(&at_work) == 0) return;
    double until_s = engine_now_s(s->engine) + GIVE_WAY_S;
    while (atomic_load(&at_work) > 0 && engine_now_s(s->engine) < until_s) nanosleep(&pause, NULL);
}

/* After a wait for messages: one step of everything. */
static bool work(shard *s) {
    counter_add(&s->count.ticks, 1);
    shard_give_way(s);
    bool moved = listen_step(s);
    double heard_s = engine_now_s(s->engine);
    moved = voices_step(s) || moved;
    double spoke_s = engine_now_s(s->engine);
    if (!moved || !listen_first(s)) moved = recognise_step(s) || moved;
    double slept_s = engine_now_s(s->engine);
    load_sleep(s, slept_s);
    observe_tick(s, heard_s, spoke_s, slept_s);
    return moved;
}

int shard_tick(shard *s, int wait_ms) {
    drain(s, wait_ms);
    if (s->stopping) return -1;
    if (!gives_way(s)) atomic_fetch_add(&at_work, 1);
    bool moved = work(s);
    if (!gives_way(s)) atomic_fetch_sub(&at_work, 1);
    /* The last of what was live may have ended just now, in a step that had nothing else to do: then nobody would wake the
     * shard for the recordings that waited for it. */
    if (moved || listen_may_hear_recordings(s) || voices_may_work(s)) return 0;
    int wait_for_ms = recognise_patience_ms(s);
    return wait_for_ms >= 0 ? wait_for_ms : load_patience_ms(s);
}

/* The calling thread alone, on Linux. Where it is not allowed, nothing is lost but promptness. */
static void be_nice(int nice) {
    const struct sched_param none = {0};
    if (nice) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice);
    if (nice == NICE_IDLE) (void)sched_setscheduler(0, SCHED_IDLE, &none);
}

static void *run(void *arg) {
    shard *s = arg;
    int wait_ms = -1;
    be_nice(s->engine->config.nice);
    while (!s->stopping) wait_ms = shard_tick(s, wait_ms);
    listen_release_all(s);
    return NULL;
}

steno_err shard_start(shard *s) {
    if (pthread_create(&s->thread, NULL, run, s) != 0)
        return err_fail(STENO_E_IO, "cannot start compute thread %d", s->index);
    s->started = true;
    return STENO_OK;
}

void shard_stop(shard *s) {
    if (!s->started) return;
    message m = {.kind = MSG_STOP};
    shard_post(s, &m, 1);
    pthread_join(s->thread, NULL);
    s->started = false;
}

/* ---- what it does, for others ------------------------------------------------------------------------------------- */

static uint64_t count_of(const _Atomic uint64_t *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

void shard_add_stats(const shard *s, steno_engine_stats *out) {
    const shard_counters *c = &s->count;
    double busy = shard_busy(s), stretch = shard_stretch(s);
    if (busy > out->load) out->load = busy;
    if (stretch > out->stretch) out->stretch = stretch;
    out->ticks += count_of(&c->ticks);
    out->busy_s += atomic_load_explicit(&c->busy_s, memory_order_relaxed);
    out->vad_frames += count_of(&c->vad_frames);
    out->gated_frames += count_of(&c->gated_frames);
    out->speech_frames += count_of(&c->speech_frames);
    out->encode_batches += count_of(&c->encode_batches);
    out->encode_utterances += count_of(&c->encode_utterances);
    out->encode_rows += count_of(&c->encode_rows);
    out->decode_steps += count_of(&c->decode_steps);
    out->decode_rows += count_of(&c->decode_rows);
    out->partials += count_of(&c->partials);
    out->partials_skipped += count_of(&c->partials_skipped);
    out->finals += count_of(&c->finals);
    out->finals_early += count_of(&c->finals_early);
    out->draft_tokens += count_of(&c->draft_tokens);
    out->draft_kept += count_of(&c->draft_kept);
    out->looks += count_of(&c->looks);
    out->revisions += count_of(&c->revisions);
    out->kv_pages += s->pages.count;
    out->kv_pages_free += atomic_load_explicit(&c->pages_free, memory_order_relaxed);
    out->kv_pages_low += atomic_load_explicit(&c->pages_low, memory_order_relaxed);
    out->waiting += atomic_load_explicit(&c->waiting, memory_order_relaxed);
    out->active += atomic_load_explicit(&c->active, memory_order_relaxed);
    observe_add(s, out);
}
