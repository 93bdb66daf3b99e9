/* shard.c: a compute thread: its inbox and its tick. */
#include "engine/shard_int.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define AHEAD_SAMPLES ((int64_t)90 * STENO_SAMPLE_RATE_HZ) /* of audio waiting or in work on every shard */

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

void shard_post(shard *s, const message *m, size_t n) {
    bool fits = ring_push(&s->inbox, m, n);
    assert(fits); /* invariant 1 of engine_int.h */
    (void)fits;
}

void shard_wake(shard *s) {
    message m = {.kind = MSG_WAKE};
    if (!atomic_exchange(&s->woken, true)) shard_post(s, &m, 1);
}

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static steno_err reserve(shard *s) {
    const steno_engine_config *c = &s->engine->config;
    /* Every frame, every segment there and back, every stream's beginning and end, one WAKE and one STOP. */
    size_t messages = (size_t)(s->engine->frames.count + 2 * s->engine->segments.count + 2 * c->max_streams + 4);
    size_t vad = silero_arena_bytes(LISTEN_ROWS) + LISTEN_ROWS * (FRAME_SAMPLES * 4 + 64 + sizeof(silero_job)) + 4096;
    ERR_TRY(ring_init(&s->inbox, messages, sizeof(message)));
    ERR_TRY(arena_init(&s->scratch, max_size(vad, recognise_scratch_bytes(s->engine))));
    s->open_streams = mem_alloc((size_t)c->max_streams, sizeof(int));
    if (!s->open_streams) return err_fail(STENO_E_NOMEM, "cannot reserve a shard's streams");
    return recognise_open(s);
}

steno_err shard_open(steno_engine *e, int index, shard **out) {
    *out = NULL;
    shard *s = mem_alloc(1, sizeof *s);
    if (!s) return err_fail(STENO_E_NOMEM, "no memory for a shard");
    s->engine = e;
    s->index = index;
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
    mem_free(s->open_streams);
    arena_free(&s->scratch);
    ring_free(&s->inbox);
    mem_free(s);
}

/* ---- the tick
 * -------------------------------------------------------------------------------------------------------- */

static void handle(shard *s, const message *m) {
    switch (m->kind) {
    case MSG_OPEN:
        listen_open(s, m);
        break;
    case MSG_FRAME:
        listen_frame(s, m);
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

/* All messages that are there; waits for the first when there is nothing else to do. */
static void drain(shard *s, bool idle) {
    message batch[INBOX_BATCH];
    size_t n = ring_pop(&s->inbox, batch, INBOX_BATCH, idle ? -1 : 0);
    while (n) {
        for (size_t i = 0; i < n; i++) handle(s, &batch[i]);
        n = ring_pop(&s->inbox, batch, INBOX_BATCH, 0);
    }
}

/* True when listening on would fill the encoder's next batch better than decoding now would help anyone: recorded audio
 * is waiting to be heard and too few segments have been cut yet. */
static bool listen_first(const shard *s) {
    int wanted = s->engine->config.max_batch;
    return s->unheard > 0 && s->waiting.count + s->active < wanted;
}

/* True when even the least-loaded shard has enough audio before it: hearing more would only hold more memory. Recordings
 * come as fast as they are read, so this is what keeps the voice activity of a long one from running far ahead. */
static bool far_ahead(const shard *s) {
    if (s->waiting.count + s->active == 0) return false; /* then nothing here would bring the next tick */
    for (int i = 0; i < s->engine->shard_count; i++) {
        if (shard_load(s->engine->shards[i]) < AHEAD_SAMPLES) return false;
    }
    return true;
}

/* True when the next tick has work without a message: what cannot move now is moved by one (a RESULT, a WAKE). */
static bool tick(shard *s) {
    bool heard = !far_ahead(s) && listen_step(s);
    if (heard && listen_first(s)) return true;
    bool decoded = false;
    while (recognise_encode(s)) {
    }
    if (s->active) {
        recognise_decode(s);
        decoded = true;
    }
    return heard || decoded || s->waiting.count > 0;
}

static void *run(void *arg) {
    shard *s = arg;
    bool busy = false;
    while (!s->stopping) {
        drain(s, !busy);
        if (!s->stopping) busy = tick(s);
    }
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
