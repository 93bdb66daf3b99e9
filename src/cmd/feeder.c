/* feeder.c: see feeder.h. The loop, in order: open files, take the engine's events, move audio, hand out results,
 * sleep.
 *
 * A file's life: WAITING (item NULL) -> READING (a media child runs) -> DRAINING (all audio is in the engine) ->
 * COMPLETE (every stream is done) -> handed out and freed (index < head, or the done flag when not in order).
 */
#include "cmd/feeder.h"

#include "base/mem.h"
#include "privacy/gate.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_FRAMES   4096 /* 256 ms */
#define CHUNKS_A_VISIT 8    /* then the next file has its turn */
#define TICK_MS        200  /* progress, and a safety net should a wake-up be lost */
#define MAX_DECODERS   32

/* A copied segment waiting for its turn. */
typedef struct parked {
    struct parked *next;
    size_t bytes;
    released_segment segment;
} parked;

/* Turns waiting for the end of their file. */
typedef struct parked_turns {
    struct parked_turns *next;
    size_t bytes;
    uint32_t n;
    steno_turn turns[];
} parked_turns;

typedef struct feeder feeder;

typedef struct lane { /* one channel of one file: one stream */
    steno_stream_id stream;
    gate *gate;
    feeder *feeder;
    struct item *item;
    bool finished, done; /* finish() was accepted; the engine's last event came */
    size_t pushed;       /* frames of the chunk that the stream has taken */
    parked *first, *last;
    parked *labelled; /* got the last label: the next one is behind it */
    parked_turns *turns, **turns_end;
} lane;

typedef struct item {
    size_t index;
    struct item *next_live;
    media *media;     /* NULL once decoding is over */
    float *chunk;     /* [channels, CHUNK_FRAMES] */
    size_t have;      /* frames in the chunk */
    int64_t frames;   /* read so far */
    bool wants_data;  /* sleeping until media_fd() is readable */
    bool wants_space; /* sleeping until the engine has room */
    bool opened;      /* lanes have streams */
    bool ended;       /* media_read() has said so */
    double opened_s, hint_s;
    size_t held_bytes; /* of text and turns that wait */
    feeder_result result;
    lane lanes[FEEDER_MAX_CHANNELS];
} item;

struct feeder {
    const feeder_config *config;
    const feeder_handler *handler;
    item **items;      /* [n_paths]; NULL before and after its life */
    item *live;        /* the others, in their order, so that nothing has to look for them */
    item **live_end;   /* where the next one is linked */
    size_t head, next; /* first not handed out; first not opened */
    size_t completed;  /* for progress */
    bool short_of_fds; /* no descriptor was free: nothing is opened until a recording, or its result, is closed */
    item *reading[MAX_DECODERS];
    int n_reading, reserved_streams;
    size_t pending_bytes;
    double audio_s, last_progress_s;
    float *scratch;  /* [CHUNK_FRAMES, FEEDER_MAX_CHANNELS] */
    steno_err error; /* of what a gate let pass: the run ends */
};

double feeder_clock_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static bool complete(const item *it) {
    if (it->media) return false;
    for (int c = 0; c < it->result.channels && it->opened; c++) {
        if (!it->lanes[c].done) return false;
    }
    return true;
}

/* The first failure is the one that explains the others. */
static void fail(item *it, steno_err error, const char *detail) {
    if (it->result.error != STENO_OK) return;
    it->result.error = error;
    snprintf(it->result.detail, sizeof it->result.detail, "%s", detail);
}

/* ---- parked segments -------------------------------------------------------------------------------------------- */

static void hold(feeder *f, item *it, size_t bytes) {
    f->pending_bytes += bytes;
    it->held_bytes += bytes;
}

static void release(feeder *f, item *it, size_t bytes) {
    f->pending_bytes -= bytes;
    it->held_bytes -= bytes;
}

static steno_err park(feeder *f, item *it, lane *l, const released_segment *s) {
    parked *p = mem_alloc(1, sizeof *p);
    if (!p) return err_fail(STENO_E_NOMEM, "no memory for a segment");
    steno_err e = released_copy(&p->segment, s, &p->bytes);
    if (e != STENO_OK) {
        mem_free(p);
        return e;
    }
    p->next = NULL;
    p->bytes += sizeof *p;
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    hold(f, it, p->bytes);
    return STENO_OK;
}

static void unpark(feeder *f, item *it, lane *l) {
    parked *p = l->first;
    l->first = p->next;
    if (!l->first) l->last = NULL;
    if (l->labelled == p) l->labelled = NULL;
    release(f, it, p->bytes);
    released_free(&p->segment);
    mem_free(p);
}

/* Labels come in the order of segments, so that the one they are for is rarely far. */
static void label(lane *l, const released_segment *labels) {
    parked *p = l->labelled ? l->labelled : l->first;
    if (p && p->segment.id > labels->id) p = l->first;
    while (p && p->segment.id != labels->id) p = p->next;
    if (!p) return;
    released_label(&p->segment, labels);
    l->labelled = p;
}

static steno_err park_turns(feeder *f, item *it, lane *l, const steno_turn *turns, uint32_t n) {
    size_t bytes = sizeof(parked_turns) + n * sizeof *turns;
    parked_turns *p = mem_alloc(1, bytes);
    if (!p) return err_fail(STENO_E_NOMEM, "no memory for %u turns", n);
    p->bytes = bytes;
    p->n = n;
    if (n) memcpy(p->turns, turns, n * sizeof *turns);
    if (!l->turns) l->turns_end = &l->turns;
    *l->turns_end = p;
    l->turns_end = &p->next;
    hold(f, it, bytes);
    return STENO_OK;
}

static void unpark_turns(feeder *f, item *it, lane *l) {
    parked_turns *p = l->turns;
    l->turns = p->next;
    release(f, it, p->bytes);
    mem_free(p);
}

/* The channel with the earliest segment, once every other channel has shown that it has nothing earlier; or -1. */
static int earliest_lane(const item *it) {
    int best = -1;
    for (int c = 0; c < it->result.channels; c++) {
        const lane *l = &it->lanes[c];
        if (!l->first && !l->done) return -1;
        if (!l->first) continue;
        if (best == -1 || l->first->segment.start_s < it->lanes[best].first->segment.start_s) best = c;
    }
    return best;
}

static bool tells_speakers(const feeder *f) {
    return f->config->speakers.contract != STENO_SPEAKERS_OFF;
}

static bool crowded(const feeder *f) {
    return f->pending_bytes > FEEDER_PENDING_BYTES_MAX;
}

/* Streams set aside for a file whose channels are not known yet. */
static int lanes_reserved(const feeder *f) {
    return f->config->channels == MEDIA_SPLIT ? FEEDER_MAX_CHANNELS : 1;
}

/* ---- opening and closing ---------------------------------------------------------------------------------------- */

static void item_add(feeder *f, item *it) {
    f->items[f->next++] = it;
    *f->live_end = it;
    f->live_end = &it->next_live;
    f->pending_bytes += sizeof *it;
}

static steno_err item_new(feeder *f) {
    item *it = mem_alloc(1, sizeof *it);
    if (!it) return err_fail(STENO_E_NOMEM, "no memory to open another file");
    it->index = f->next;
    it->opened_s = feeder_clock_s();
    steno_err e =
        media_open(f->config->host, f->config->paths[it->index], f->config->channels, &f->config->limits, &it->media);
    if (e == STENO_E_AGAIN && f->live) {
        f->short_of_fds = true;
        mem_free(it);
        return STENO_OK;
    }
    item_add(f, it);
    if (e != STENO_OK) {
        it->media = NULL;
        fail(it, e == STENO_E_AGAIN ? STENO_E_IO : e, steno_error_detail());
        f->completed++;
        return STENO_OK;
    }
    f->reading[f->n_reading++] = it;
    f->reserved_streams += lanes_reserved(f);
    return STENO_OK;
}

/* New files join while there are decoders and streams for them; the first in line always gets its own. */
static bool may_open(const feeder *f) {
    const feeder_config *c = f->config;
    int decoders = c->max_decoders < MAX_DECODERS ? c->max_decoders : MAX_DECODERS;
    if (f->next == c->n_paths || f->n_reading >= decoders || f->short_of_fds) return false;
    if (f->next == f->head) return true;
    return f->reserved_streams + lanes_reserved(f) <= c->max_streams && !crowded(f);
}

static void on_released(void *user, const released_event *ev);

/* The channel count is known: the reservation shrinks to it and the streams are made. */
static steno_err open_streams(feeder *f, item *it) {
    int n = media_channel_count(it->media);
    if (n < 1 || n > FEEDER_MAX_CHANNELS)
        return err_fail(STENO_E_LIMIT, "%d channels; at most %d", n, FEEDER_MAX_CHANNELS);
    it->chunk = mem_alloc((size_t)n * CHUNK_FRAMES, sizeof *it->chunk);
    if (!it->chunk) return err_fail(STENO_E_NOMEM, "no memory for %d channels", n);
    it->hint_s = media_duration_hint_s(it->media);
    it->result.channels = n;
    it->opened = true;
    f->reserved_streams -= lanes_reserved(f) - n;
    steno_err e = STENO_OK;
    for (int c = 0; c < n; c++) { /* after a failure the rest is done before it began */
        void *user = (void *)(uintptr_t)it->index;
        lane *l = &it->lanes[c];
        l->feeder = f;
        l->item = it;
        if (e == STENO_OK) e = gate_open(f->config->privacy, &f->config->policy, on_released, l, &l->gate);
        if (e == STENO_OK) e = steno_stream_open(f->config->engine, &f->config->vad, user, &l->stream);
        l->done = e != STENO_OK;
        if (e == STENO_OK && tells_speakers(f))
            e = steno_stream_speakers(f->config->engine, l->stream, &f->config->speakers);
    }
    return e;
}

static void count_if_complete(feeder *f, item *it) {
    if (!complete(it)) return;
    f->completed++;
    it->result.wall_s = feeder_clock_s() - it->opened_s;
    f->reserved_streams -= it->opened ? it->result.channels : lanes_reserved(f);
}

static void finish_lanes(feeder *f, item *it) {
    for (int c = 0; c < it->result.channels; c++) {
        lane *l = &it->lanes[c];
        if (l->finished || l->done) continue;
        steno_err e = steno_stream_finish(f->config->engine, l->stream);
        if (e == STENO_E_AGAIN) continue;
        l->finished = true;
        if (e == STENO_OK) continue;
        fail(it, e, steno_error_detail());
        l->done = true;
    }
}

static bool lanes_finished(const item *it) {
    for (int c = 0; c < it->result.channels; c++) {
        if (!it->lanes[c].finished && !it->lanes[c].done) return false;
    }
    return true;
}

/* Decoding is over, well or badly: the child goes, and what the engine holds is recognised to its end. */
static void stop_reading(feeder *f, item *it) {
    finish_lanes(f, it);
    it->wants_space = !lanes_finished(it);
    it->wants_data = false;
    if (it->wants_space) return; /* the engine was busy: comes by again */
    it->result.media_cpu_s = media_cpu_s(it->media);
    media_close(it->media);
    f->short_of_fds = false;
    it->media = NULL;
    mem_free(it->chunk);
    it->chunk = NULL;
    for (int i = 0; i < f->n_reading; i++) {
        if (f->reading[i] == it) f->reading[i] = f->reading[--f->n_reading];
    }
    count_if_complete(f, it);
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

/* Offers each channel the rest of the chunk; true when all of it is taken. */
static bool push_chunk(feeder *f, item *it) {
    bool all = true;
    for (int c = 0; c < it->result.channels; c++) {
        lane *l = &it->lanes[c];
        size_t taken = 0;
        if (l->done || l->pushed == it->have) continue;
        steno_err e = steno_stream_push(f->config->engine, l->stream, it->chunk + (size_t)c * CHUNK_FRAMES + l->pushed,
                                        it->have - l->pushed, &taken);
        if (e != STENO_OK && e != STENO_E_AGAIN) {
            fail(it, e, steno_error_detail());
            return true;
        }
        l->pushed += taken;
        all = all && l->pushed == it->have;
    }
    return all;
}

/* Interleaved frames into one row a channel. */
static void deal_out(feeder *f, item *it, size_t frames) {
    int n = it->result.channels;
    for (int c = 0; c < n; c++) {
        float *row = it->chunk + (size_t)c * CHUNK_FRAMES;
        for (size_t i = 0; i < frames; i++) row[i] = f->scratch[i * (size_t)n + (size_t)c];
        it->lanes[c].pushed = 0;
    }
    it->have = frames;
    it->frames += (int64_t)frames; /* counted whole: a sum of fractions would depend on how the pipe was cut */
    it->result.audio_s = (double)it->frames / STENO_SAMPLE_RATE_HZ;
    f->audio_s += (double)frames / STENO_SAMPLE_RATE_HZ;
}

/* The next chunk from the child. False when there is none now, or no more. */
static bool read_chunk(feeder *f, item *it) {
    size_t got = 0;
    steno_err e = media_read(it->media, f->scratch, CHUNK_FRAMES, &got);
    if (e == STENO_E_AGAIN) {
        it->wants_data = true;
        return false;
    }
    if (e == STENO_OK && got > 0 && !it->opened) e = open_streams(f, it);
    if (e != STENO_OK) fail(it, e, steno_error_detail());
    if (e != STENO_OK || got == 0) {
        it->ended = true;
        stop_reading(f, it);
        return false;
    }
    deal_out(f, it, got);
    return true;
}

/* Moves audio for one file until it has to wait for its child or for the engine, or has had its turn. */
static void pump(feeder *f, item *it) {
    it->wants_data = it->wants_space = false;
    for (int i = 0; i < CHUNKS_A_VISIT; i++) {
        if (it->opened && !push_chunk(f, it)) {
            it->wants_space = true;
            return;
        }
        if (it->ended || it->result.error != STENO_OK) {
            stop_reading(f, it);
            return;
        }
        if (!read_chunk(f, it)) return;
    }
}

/* Too much text waits for its turn: only the file that holds the others up may add to it. */
static bool must_wait(const feeder *f, const item *it) {
    return crowded(f) && f->config->in_order && it->index != f->head;
}

static void pump_all(feeder *f) {
    for (int i = f->n_reading - 1; i >= 0; i--) { /* backwards: a file that ends is replaced by the last one */
        if (!must_wait(f, f->reading[i])) pump(f, f->reading[i]);
    }
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

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
}

static steno_err on_segment(feeder *f, item *it, lane *l, const released_segment *s) {
    if (tells_speakers(f) && it->held_bytes > FEEDER_PENDING_BYTES_MAX)
        fail(it, STENO_E_LIMIT, "too much is said in it for speakers to be told apart");
    return park(f, it, l, s);
}

static steno_err on_event(feeder *f, item *it, lane *l, const released_event *ev) {
    if (ev->kind == STENO_EVENT_SEGMENT) return on_segment(f, it, l, &ev->segment);
    if (ev->kind == STENO_EVENT_SPEAKERS) label(l, &ev->segment);
    if (ev->kind == STENO_EVENT_TURNS) return park_turns(f, it, l, ev->turns, ev->n_turns);
    if (ev->kind != STENO_EVENT_ERROR && ev->kind != STENO_EVENT_DONE) return STENO_OK;
    if (ev->kind == STENO_EVENT_ERROR) fail(it, ev->error, ev->detail);
    if (ev->kind == STENO_EVENT_DONE) add_stats(&it->result.stats, &ev->stats);
    l->done = true;
    count_if_complete(f, it);
    return STENO_OK;
}

/* What a gate lets pass; of what it held, the last leaves before DONE. */
static void on_released(void *user, const released_event *ev) {
    lane *l = user;
    feeder *f = l->feeder;
    if (f->error == STENO_OK) f->error = on_event(f, l->item, l, ev);
}

/* An event may outlive its file (a stream that failed twice), and even the run, so it carries the file's number and not
 * a pointer; a stream's id is never used again. */
static lane *find_lane(const feeder *f, const steno_event *ev) {
    size_t index = (size_t)(uintptr_t)ev->user;
    item *it = index < f->config->n_paths ? f->items[index] : NULL;
    for (int c = 0; it && c < it->result.channels; c++) {
        if (it->lanes[c].stream == ev->stream) return &it->lanes[c];
    }
    return NULL;
}

/* The gate is told of no time: what it holds waits for what is said next, which comes as fast as the machine can. */
static steno_err take_events(feeder *f) {
    steno_event ev;
    steno_err e;
    while ((e = steno_engine_poll(f->config->engine, 0, &ev)) == STENO_OK) {
        lane *l = find_lane(f, &ev);
        if (l && !l->done) gate_event(l->gate, &ev, 0);
        steno_event_release(&ev);
        ERR_TRY(f->error);
    }
    return e == STENO_E_AGAIN ? STENO_OK : e;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

static void item_free(feeder *f, item *it) {
    for (int c = 0; c < FEEDER_MAX_CHANNELS; c++) {
        while (it->lanes[c].first) unpark(f, it, &it->lanes[c]);
        while (it->lanes[c].turns) unpark_turns(f, it, &it->lanes[c]);
        gate_free(it->lanes[c].gate);
    }
    if (it->media) media_close(it->media);
    f->pending_bytes -= sizeof *it;
    mem_free(it->chunk);
    mem_free(it);
}

static steno_err hand_out_turns(feeder *f, item *it) {
    for (int c = 0; c < it->result.channels; c++) {
        lane *l = &it->lanes[c];
        while (l->turns) {
            steno_err e = STENO_OK;
            if (f->handler->turns)
                e = f->handler->turns(f->handler->ctx, it->index, c + 1, l->turns->turns, l->turns->n);
            if (e == STENO_E_AGAIN) return e;
            unpark_turns(f, it, l);
            ERR_TRY(e);
        }
    }
    return STENO_OK;
}

/* Hands out what one file has ready; with speakers all at its end, when it has its labels. */
static steno_err hand_out(feeder *f, item *it) {
    int c;
    if (tells_speakers(f) && !complete(it)) return STENO_OK;
    while (it->opened && (c = earliest_lane(it)) != -1) {
        lane *l = &it->lanes[c];
        steno_err e = f->handler->segment(f->handler->ctx, it->index, c + 1, &l->first->segment);
        if (e == STENO_E_AGAIN) return STENO_OK;
        unpark(f, it, l);
        ERR_TRY(e);
    }
    if (!complete(it)) return STENO_OK;
    steno_err e = hand_out_turns(f, it);
    if (e == STENO_E_AGAIN) return STENO_OK;
    ERR_TRY(e);
    e = f->handler->done(f->handler->ctx, it->index, &it->result);
    if (e == STENO_E_AGAIN) return STENO_OK;
    f->short_of_fds = false;
    f->items[it->index] = NULL;
    item_free(f, it);
    return e;
}

static steno_err hand_out_all(feeder *f) {
    item **link = &f->live;
    while (*link) {
        item *it = *link, *next = it->next_live;
        size_t index = it->index;
        ERR_TRY(hand_out(f, it));
        if (!f->items[index]) { /* it is gone */
            *link = next;
            if (!next) f->live_end = link;
        } else if (f->config->in_order) {
            break; /* the one whose turn it is has more to come */
        } else {
            link = &it->next_live;
        }
    }
    while (f->head < f->next && !f->items[f->head]) f->head++;
    return STENO_OK;
}

static void report_progress(feeder *f) {
    double now = feeder_clock_s();
    if (!f->handler->progress || now - f->last_progress_s < TICK_MS * 0.001) return;
    f->last_progress_s = now;
    double parts = (double)f->completed;
    for (int i = 0; i < f->n_reading; i++) {
        const item *it = f->reading[i];
        if (it->hint_s > 0) parts += it->result.audio_s < it->hint_s ? it->result.audio_s / it->hint_s : 1;
    }
    feeder_progress p = {.files = f->config->n_paths, .files_done = f->completed, .audio_s = f->audio_s};
    p.fraction = parts / (double)p.files;
    f->handler->progress(f->handler->ctx, &p);
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* Sleeps until a child has audio, the engine has an event or space, or it is time for progress. Reports a stop. */
static steno_err sleep_until_something(feeder *f) {
    struct pollfd fds[MAX_DECODERS + 2];
    nfds_t n = 0;
    int timeout_ms = TICK_MS;
    if (f->config->stop_fd != -1) fds[n++] = (struct pollfd){.fd = f->config->stop_fd, .events = POLLIN};
    fds[n++] = (struct pollfd){.fd = steno_engine_fd(f->config->engine), .events = POLLIN};
    for (int i = 0; i < f->n_reading; i++) {
        item *it = f->reading[i];
        if (must_wait(f, it)) continue;
        if (it->wants_data) fds[n++] = (struct pollfd){.fd = media_fd(it->media), .events = POLLIN};
        if (!it->wants_data && !it->wants_space) timeout_ms = 0; /* it only gave way to the others */
    }
    if (may_open(f)) timeout_ms = 0;
    if (poll(fds, n, timeout_ms) == -1 && errno != EINTR)
        return err_fail(STENO_E_IO, "waiting for audio: %s", strerror(errno));
    if (f->config->stop_fd != -1 && (fds[0].revents & POLLIN)) return err_fail(STENO_E_CANCELLED, "interrupted");
    return STENO_OK;
}

static steno_err run(feeder *f) {
    for (;;) {
        while (may_open(f)) ERR_TRY(item_new(f));
        ERR_TRY(take_events(f));
        pump_all(f);
        ERR_TRY(hand_out_all(f));
        report_progress(f);
        if (f->head == f->config->n_paths) return STENO_OK;
        ERR_TRY(sleep_until_something(f));
    }
}

steno_err feeder_run(const feeder_config *config, const feeder_handler *handler) {
    feeder f = {.config = config, .handler = handler, .last_progress_s = feeder_clock_s()};
    f.live_end = &f.live;
    f.items = mem_alloc(config->n_paths, sizeof *f.items);
    f.scratch = mem_alloc((size_t)CHUNK_FRAMES * FEEDER_MAX_CHANNELS, sizeof *f.scratch);
    steno_err e = f.items && f.scratch ? run(&f) : err_fail(STENO_E_NOMEM, "no memory for %zu files", config->n_paths);
    for (size_t i = f.head; f.items && i < f.next; i++) {
        if (f.items[i]) item_free(&f, f.items[i]);
    }
    mem_free(f.items);
    mem_free(f.scratch);
    return e;
}
