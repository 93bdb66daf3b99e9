/* shadow_carrier.c: see shadow_carrier.h.
 *
 * A lane goes FREE (network) -> WANTED (carrier) -> ENDED (network) -> FREE: whoever it is with writes its fields. `finish` and `drop` are
 * said by the network thread meanwhile. Chunks go out through the lane's queue and come back through one for all.
 */
#include "api/shadow_carrier.h"

#include "base/mem.h"
#include "base/spsc.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS      20   /* an engine that has no room is asked again after */
#define LOOK_MS       1000 /* between looks at the engines */
#define EVENTS_A_TURN 64

typedef enum lane_state { LANE_FREE, LANE_WANTED, LANE_ENDED } lane_state;

typedef struct chunk {
    uint32_t n;
    float samples[CARRIER_CHUNK_SAMPLES];
} chunk;

typedef struct lane {
    _Atomic int state;
    _Atomic bool finish, drop;
    shadow_side side;
    carrier_stream how;
    spsc audio; /* indices of chunks */
    /* network */
    bool busy;   /* until its DONE was taken */
    int filling; /* chunk, or -1 */
    /* carrier */
    bool opened, finished;
    steno_stream_id stream;
    int feeding; /* chunk, or -1 */
    uint32_t fed;
    double unheard_s;
} lane;

struct carrier {
    carrier_engines engines;
    int n_lanes, n_chunks, lane_chunks;
    lane *lanes;   /* [n_lanes] */
    chunk *chunks; /* [n_chunks]; never touched before it is used */
    spsc back;     /* chunks that are free again */
    int *free;     /* the network thread's; the newest is used first, so that little memory is ever touched */
    int n_free;
    spsc results;
    int wake_fd, result_fd;
    _Atomic bool stopping, asleep;
    pthread_t thread;
    bool started;
    pthread_mutex_t stats_lock; /* the network thread only ever tries it */
    carrier_stats stats;
    bool has_stats;
    double looked_s;
};

static void signal_fd(int fd) {
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one); /* full means readable */
    (void)written;
}

static void clear_fd(int fd) {
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the carrier's thread: audio -------------------------------------------------------------------------------------- */

static steno_engine *engine_of(const carrier *c, const lane *l) {
    return c->engines.engine[l->side];
}

static void give_back(carrier *c, int index) {
    bool fits = spsc_push(&c->back, &index);
    (void)fits; /* it holds all there are */
}

static void put_result(carrier *c, const carrier_result *r) {
    while (!spsc_push(&c->results, r)) { /* the network thread is busy: this one has time */
        if (atomic_load(&c->stopping)) return;
        signal_fd(c->result_fd);
        poll(NULL, 0, RETRY_MS);
    }
    signal_fd(c->result_fd);
}

static double throw_away(carrier *c, lane *l) {
    int index;
    double samples = l->feeding >= 0 ? c->chunks[l->feeding].n - l->fed : 0;
    if (l->feeding >= 0) give_back(c, l->feeding);
    l->feeding = -1;
    while (spsc_pop(&l->audio, &index)) {
        samples += c->chunks[index].n;
        give_back(c, index);
    }
    return samples / STENO_SAMPLE_RATE_HZ;
}

static void end_lane(carrier *c, lane *l, carrier_result *r) {
    r->lane = (int)(l - c->lanes);
    r->side = l->side;
    r->unheard_s = l->unheard_s + throw_away(c, l);
    atomic_store_explicit(&l->state, LANE_ENDED,
                          memory_order_release); /* what still comes the network thread throws away */
    put_result(c, r);
}

static bool open_lane(carrier *c, lane *l) {
    steno_engine *e = engine_of(c, l);
    carrier_result failed = {.said = CARRIER_FAILED};
    failed.error = l->how.live ? steno_live_open(e, &l->how.live_options, l, &l->stream)
                               : steno_stream_open(e, &l->how.vad, l, &l->stream);
    l->opened = true;
    if (failed.error == STENO_OK) return true;
    end_lane(c, l, &failed);
    return false;
}

/* The next piece of a lane's audio, as far as the engine takes it. True: it moved. */
static bool feed(carrier *c, lane *l) {
    size_t taken = 0;
    int index;
    if (l->feeding < 0) {
        if (!spsc_pop(&l->audio, &index)) return false;
        l->feeding = index;
        l->fed = 0;
    }
    const chunk *k = &c->chunks[l->feeding];
    steno_err e = steno_stream_push(engine_of(c, l), l->stream, k->samples + l->fed, k->n - l->fed, &taken);
    if (e != STENO_OK && e != STENO_E_AGAIN) taken = k->n - l->fed; /* it is dead: its own event says so */
    l->fed += (uint32_t)taken;
    if (l->fed < k->n) return taken > 0;
    give_back(c, l->feeding);
    l->feeding = -1;
    return true;
}

static bool work_lane(carrier *c, lane *l) {
    if (atomic_load_explicit(&l->state, memory_order_acquire) != LANE_WANTED) return false;
    if (!l->opened && !open_lane(c, l)) return true;
    bool finish = atomic_load_explicit(&l->finish, memory_order_acquire); /* before the queue is looked at */
    if (atomic_load(&l->drop)) l->unheard_s += throw_away(c, l);
    bool moved = feed(c, l);
    if (!finish || l->finished || moved || l->feeding >= 0 || spsc_count(&l->audio)) return moved;
    l->finished = steno_stream_finish(engine_of(c, l), l->stream) != STENO_E_AGAIN;
    return l->finished;
}

/* ---- the carrier's thread: what is said ------------------------------------------------------------------------------ */

static void take_final(carrier *c, lane *l, const steno_event *e) {
    const steno_segment *s = &e->segment;
    carrier_result r = {.said = CARRIER_FINAL,
                        .lane = (int)(l - c->lanes),
                        .side = l->side,
                        .start_s = e->speech_start_s < s->start_s ? e->speech_start_s : s->start_s,
                        .end_s = e->speech_end_s > s->end_s ? e->speech_end_s : s->end_s,
                        .speech_s = e->speech_end_s - e->speech_start_s,
                        .confidence = (double)s->confidence,
                        .latency_ms = l->how.live ? (now_s() - e->due_s) * 1000 : -1,
                        .looped = s->looped,
                        .cut = strlen(s->text) >= CARRIER_TEXT_BYTES};
    snprintf(r.text, sizeof r.text, "%s", s->text);
    put_result(c, &r);
}

static void take_event(carrier *c, const steno_event *e) {
    lane *l = e->user;
    const steno_stats *s = &e->stats;
    carrier_result end = {.said = e->kind == STENO_EVENT_ERROR ? CARRIER_FAILED : CARRIER_DONE,
                          .error = e->error,
                          .heard_s = s->audio_s,
                          .cpu_s = s->vad_cpu_s + s->encode_cpu_s + s->decode_cpu_s + s->other_cpu_s};
    if (e->kind == STENO_EVENT_SEGMENT) take_final(c, l, e);
    if (e->kind == STENO_EVENT_DONE || e->kind == STENO_EVENT_ERROR) end_lane(c, l, &end);
}

static bool hear(carrier *c, steno_engine *engine) {
    steno_event e;
    bool any = false;
    for (int i = 0; i < EVENTS_A_TURN && steno_engine_poll(engine, 0, &e) == STENO_OK; i++) {
        take_event(c, &e);
        steno_event_release(&e);
        any = true;
    }
    return any;
}

/* ---- the carrier's thread ----------------------------------------------------------------------------------------------- */

static void look(carrier *c) {
    double t = now_s();
    if (t - c->looked_s < LOOK_MS / 1000.0 && c->looked_s > 0) return;
    c->looked_s = t;
    pthread_mutex_lock(&c->stats_lock);
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (c->engines.engine[k]) steno_engine_get_stats(c->engines.engine[k], &c->stats.of[k]);
    }
    c->has_stats = true;
    pthread_mutex_unlock(&c->stats_lock);
}

static bool lanes_wait(const carrier *c) {
    for (int i = 0; i < c->n_lanes; i++) {
        const lane *l = &c->lanes[i];
        if (atomic_load(&l->state) == LANE_WANTED && l->feeding >= 0) return true;
    }
    return false;
}

static void sleep_until_needed(carrier *c) {
    struct pollfd fds[1 + SHADOW_SIDES] = {{.fd = c->wake_fd, .events = POLLIN}};
    nfds_t n = 1;
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (c->engines.engine[k])
            fds[n++] = (struct pollfd){.fd = steno_engine_fd(c->engines.engine[k]), .events = POLLIN};
    }
    poll(fds, n, lanes_wait(c) ? RETRY_MS : LOOK_MS);
    if (fds[0].revents) clear_fd(c->wake_fd);
}

static bool turn(carrier *c) {
    bool moved = false;
    for (int i = 0; i < c->n_lanes; i++) moved |= work_lane(c, &c->lanes[i]);
    for (int k = 0; k < SHADOW_SIDES; k++) {
        if (c->engines.engine[k]) moved |= hear(c, c->engines.engine[k]);
    }
    return moved;
}

/* Asleep is said before the last look, so that whoever brings something after it wakes us. */
static void *run(void *arg) {
    carrier *c = arg;
    const struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    while (!atomic_load(&c->stopping)) {
        look(c);
        if (turn(c)) continue;
        atomic_store(&c->asleep, true);
        if (!turn(c) && !atomic_load(&c->stopping)) sleep_until_needed(c);
        atomic_store(&c->asleep, false);
    }
    return NULL;
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

static steno_err open_queues(carrier *c) {
    ERR_TRY(spsc_init(&c->back, (size_t)c->n_chunks, sizeof(int)));
    ERR_TRY(spsc_init(&c->results, CARRIER_RESULTS, sizeof(carrier_result)));
    for (int i = 0; i < c->n_lanes; i++) {
        c->lanes[i].filling = c->lanes[i].feeding = -1;
        ERR_TRY(spsc_init(&c->lanes[i].audio, (size_t)c->lane_chunks, sizeof(int)));
    }
    for (int i = 0; i < c->n_chunks; i++) c->free[c->n_free++] = c->n_chunks - 1 - i;
    return STENO_OK;
}

static steno_err start(carrier *c) {
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake_fd < 0 || c->result_fd < 0)
        return err_fail(STENO_E_IO, "no descriptor for the shadow: %s", strerror(errno));
    if (pthread_create(&c->thread, NULL, run, c) != 0) return err_fail(STENO_E_IO, "no thread for the shadow");
    c->started = true;
    return STENO_OK;
}

steno_err carrier_open(const carrier_open_options *o, const carrier_engines *engines, carrier **out) {
    *out = NULL;
    carrier *c = mem_alloc(1, sizeof *c);
    if (!c) return err_fail(STENO_E_NOMEM, "no memory for the shadow");
    *c = (carrier){.engines = *engines, .n_lanes = o->lanes, .wake_fd = -1, .result_fd = -1};
    c->n_chunks = o->buffer_s * STENO_SAMPLE_RATE_HZ / CARRIER_CHUNK_SAMPLES + o->lanes;
    c->lane_chunks = o->lanes > 1 ? c->n_chunks / 2 : c->n_chunks; /* one long recording leaves room for others */
    pthread_mutex_init(&c->stats_lock, NULL);
    c->lanes = mem_alloc((size_t)c->n_lanes, sizeof *c->lanes);
    c->chunks = mem_alloc((size_t)c->n_chunks, sizeof *c->chunks);
    c->free = mem_alloc((size_t)c->n_chunks, sizeof *c->free);
    steno_err e = c->lanes && c->chunks && c->free ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for the shadow");
    if (e == STENO_OK) e = open_queues(c);
    if (e == STENO_OK) e = start(c);
    if (e != STENO_OK) {
        carrier_close(c);
        return e;
    }
    *out = c;
    return STENO_OK;
}

void carrier_close(carrier *c) {
    if (!c) return;
    atomic_store(&c->stopping, true);
    if (c->started) {
        signal_fd(c->wake_fd);
        pthread_join(c->thread, NULL);
    }
    for (int i = 0; c->lanes && i < c->n_lanes; i++) spsc_free(&c->lanes[i].audio);
    spsc_free(&c->back);
    spsc_free(&c->results);
    if (c->wake_fd >= 0) close(c->wake_fd);
    if (c->result_fd >= 0) close(c->result_fd);
    pthread_mutex_destroy(&c->stats_lock);
    mem_free(c->lanes);
    mem_free(c->chunks);
    mem_free(c->free);
    mem_free(c);
}

/* ---- the network thread --------------------------------------------------------------------------------------------- */

static void wake(carrier *c) {
    if (atomic_load(&c->asleep)) signal_fd(c->wake_fd);
}

int carrier_lane(carrier *c, shadow_side side, const carrier_stream *how) {
    if (!c->engines.engine[side]) return -1;
    for (int i = 0; i < c->n_lanes; i++) {
        lane *l = &c->lanes[i];
        if (l->busy) continue;
        l->busy = true;
        l->side = side;
        l->how = *how;
        l->filling = l->feeding = -1;
        l->opened = l->finished = false;
        l->unheard_s = 0;
        atomic_store(&l->finish, false);
        atomic_store(&l->drop, false);
        atomic_store_explicit(&l->state, LANE_WANTED, memory_order_release);
        wake(c);
        return i;
    }
    return -1;
}

static int take_chunk(carrier *c) {
    int index;
    while (spsc_pop(&c->back, &index)) c->free[c->n_free++] = index;
    if (!c->n_free) return -1;
    index = c->free[--c->n_free];
    c->chunks[index].n = 0;
    return index;
}

static void send_chunk(carrier *c, lane *l) {
    bool fits = l->filling < 0 || spsc_push(&l->audio, &l->filling);
    (void)fits; /* carrier_audio() has looked */
    l->filling = -1;
    wake(c);
}

/* There is room for n more samples, in the lane's queue and in the pool. */
static bool has_room(carrier *c, const lane *l, size_t n) {
    int index;
    while (spsc_pop(&c->back, &index)) c->free[c->n_free++] = index;
    size_t chunks = n / CARRIER_CHUNK_SAMPLES + 2;
    return chunks <= (size_t)c->n_free && spsc_count(&l->audio) + chunks <= (size_t)c->lane_chunks;
}

bool carrier_audio(carrier *c, int at, const float *samples, size_t n) {
    lane *l = &c->lanes[at];
    if (!has_room(c, l, n)) return false;
    while (n) {
        if (l->filling < 0) l->filling = take_chunk(c);
        chunk *k = &c->chunks[l->filling];
        size_t some = CARRIER_CHUNK_SAMPLES - k->n < n ? CARRIER_CHUNK_SAMPLES - k->n : n;
        memcpy(k->samples + k->n, samples, some * sizeof *samples);
        k->n += (uint32_t)some;
        samples += some;
        n -= some;
        if (k->n == CARRIER_CHUNK_SAMPLES) send_chunk(c, l);
    }
    return true;
}

void carrier_finish(carrier *c, int at) {
    lane *l = &c->lanes[at];
    if (l->filling >= 0 && spsc_count(&l->audio) < (size_t)c->lane_chunks) send_chunk(c, l);
    atomic_store_explicit(&l->finish, true, memory_order_release);
    wake(c);
}

void carrier_drop(carrier *c, int at) {
    atomic_store(&c->lanes[at].drop, true);
    carrier_finish(c, at);
}

int carrier_fd(const carrier *c) {
    return c->result_fd;
}

/* A lane that has ended takes what is left of its audio with it: nobody else looks at it any more. */
static void free_lane(carrier *c, lane *l) {
    int index;
    atomic_store(&l->state, LANE_FREE);
    while (spsc_pop(&l->audio, &index)) c->free[c->n_free++] = index;
    if (l->filling >= 0) c->free[c->n_free++] = l->filling;
    l->filling = -1;
    l->busy = false;
}

bool carrier_next(carrier *c, carrier_result *out) {
    if (!spsc_pop(&c->results, out)) {
        clear_fd(c->result_fd);
        if (!spsc_pop(&c->results, out)) return false; /* looked again: nothing is missed */
    }
    if (out->said != CARRIER_FINAL) free_lane(c, &c->lanes[out->lane]);
    return true;
}

bool carrier_get_stats(carrier *c, carrier_stats *out) {
    if (pthread_mutex_trylock(&c->stats_lock) != 0) return false;
    bool has = c->has_stats;
    *out = c->stats;
    pthread_mutex_unlock(&c->stats_lock);
    return has;
}

double carrier_waiting_s(const carrier *c) {
    return (double)(c->n_chunks - c->n_free) * CARRIER_CHUNK_SAMPLES / STENO_SAMPLE_RATE_HZ;
}
