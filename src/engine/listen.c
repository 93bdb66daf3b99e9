/* listen.c: the part of a tick that hears: frames -> speech probabilities -> segments, and segments back into order.
 *
 * Runs on a stream's home shard. A closed span takes a segment from the pool, references the frames it covers, and goes
 * to the least-loaded shard; when it comes back it is handed out in the order of time. What a live stream does besides is
 * in live.c. A tick costs nothing for streams that have nothing to hear.
 */
#include "engine/shard_int.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define SILENT_POWER 1e-10f /* mean squares of a frame */
#define QUIET_POWER  1e-4f  /* -40 dBFS */
#define LOUD_POWER   0.05f  /* -13 dBFS */
#define MAX_GAIN     1000.0f

#define LIVE_RECORDING_ROWS 64 /* of recordings in one VAD batch while live streams are open: 0.6 ms */
#define AHEAD_SAMPLES       ((int64_t)90 * STENO_SAMPLE_RATE_HZ) /* of audio waiting or in work on every shard */

static stream *stream_of(shard *s, int slot) {
    return &s->engine->streams[slot];
}

static int window_index(int64_t frame_number) {
    return (int)(frame_number % STREAM_WINDOW_FRAMES);
}

/* ---- streams with something to hear ------------------------------------------------------------------------------- */

void slot_queue_push(slot_queue *q, int slot) {
    assert(q->count < q->cap);
    q->slots[(q->head + q->count++) % q->cap] = slot;
}

int slot_queue_pop(slot_queue *q) {
    int slot = q->slots[q->head];
    q->head = (q->head + 1) % q->cap;
    q->count--;
    return slot;
}

int slot_queue_first(const slot_queue *q) {
    return q->slots[q->head];
}

void slot_queue_remove(slot_queue *q, int slot) {
    int n = q->count;
    for (int i = 0; i < n; i++) {
        int other = slot_queue_pop(q);
        if (other != slot) slot_queue_push(q, other);
    }
}

/* Queued at most once, however much there is to hear. Nothing is heard while a span waits for a segment. */
void listen_something_to_hear(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    if (t->hearing || t->stalled_count) return;
    t->hearing = true;
    slot_queue_push(t->is_live ? &s->hear_live : &s->hear_recordings, slot);
}

bool listen_has_recordings(const shard *s) {
    return s->hear_recordings.count > 0;
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

void listen_open(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    silero_reset(&t->vad_state);
    level_reset(&t->level);
    t->window_first = t->arrived = t->listened = t->stepped = 0;
    t->hearing = t->ending = t->flushed = false;
    t->stalled_count = 0;
    t->error = STENO_OK;
    t->next_order = t->emit_order = t->emit_id = 0;
    t->cut_samples = 0;
    t->voices = NULL;
    memset(&t->stats, 0, sizeof t->stats);
    if (t->is_live) {
        live_open(s, m->stream, &m->u.live);
    } else {
        t->vad = m->u.vad;
        steno_err err = segmenter_init(&t->seg, &t->vad);
        assert(err == STENO_OK); /* steno_stream_open() tried the same options */
        (void)err;
    }
    t->open_index = s->open_count;
    s->open_streams[s->open_count++] = m->stream;
}

void listen_frame(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    assert(t->arrived - t->window_first < STREAM_WINDOW_FRAMES); /* held_limit sees to it */
    t->window[window_index(t->arrived++)] = m->u.frame;
    listen_something_to_hear(s, m->stream);
}

void listen_finish(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    t->ending = true;
    t->total_samples = m->u.total_samples;
    listen_something_to_hear(s, m->stream); /* the end itself: it flushes the segmenter */
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

/* Lets go of frames before `sample`. */
static void trim_window(shard *s, stream *t, int64_t sample) {
    int64_t keep = sample / FRAME_SAMPLES;
    if (keep > t->stepped) keep = t->stepped;
    int freed = 0;
    for (; t->window_first < keep; t->window_first++, freed++)
        frame_release(&s->engine->frames, t->window[window_index(t->window_first)]);
    if (!freed) return;
    atomic_fetch_sub(&t->held, freed);
    if (atomic_exchange(&t->starved, false)) engine_signal(s->engine);
}

void listen_trim(shard *s, stream *t) {
    if (t->stalled_count) return;
    trim_window(s, t, t->flushed ? t->stepped * FRAME_SAMPLES : segmenter_keep_from(&t->seg));
}

/* ---- segments ----------------------------------------------------------------------------------------------------- */

shard *listen_choose_shard(shard *home) {
    shard *best = home;
    steno_engine *e = home->engine;
    for (int i = 0; i < e->shard_count; i++) {
        shard *other = shard_at(e, i);
        if (shard_load(other) < shard_load(best)) best = other;
    }
    return best;
}

/* Moonshine understands less and less below about -57 dBFS (docs/vad.md). A segment whose loudest frame is quieter than
 * QUIET_POWER is brought to LOUD_POWER; louder ones, and silence, are left alone. */
static float quiet_gain(float loudest) {
    if (!(loudest > SILENT_POWER && loudest < QUIET_POWER)) return 1.0f;
    return fminf(MAX_GAIN, sqrtf(LOUD_POWER / loudest));
}

static void reference_frames(stream *t, segment *g) {
    float loudest = 0.0f;
    g->first_frame = g->span.start_sample / FRAME_SAMPLES;
    int64_t last = (g->span.end_sample + FRAME_SAMPLES - 1) / FRAME_SAMPLES;
    if (last > t->listened) last = t->listened;
    g->frames_n = 0;
    for (int64_t f = g->first_frame; f < last && g->frames_n < SEGMENT_MAX_FRAMES; f++) {
        frame *fr = t->window[window_index(f)];
        frame_retain(fr);
        loudest = fmaxf(loudest, fr->power);
        g->frames[g->frames_n++] = fr;
    }
    g->gain = quiet_gain(loudest);
}

segment *listen_take_segment(shard *s, int slot, const segmenter_span *span, pass_kind pass, int keep) {
    stream *t = stream_of(s, slot);
    segment *g = segment_pool_take(&s->engine->segments, keep);
    if (!g) return NULL;
    g->home = s->index;
    g->stream = slot;
    g->generation = atomic_load(&t->generation);
    g->pass = pass;
    g->span = *span;
    g->done = g->in_line = false;
    atomic_store_explicit(&g->dropped, false, memory_order_relaxed);
    g->error = STENO_OK;
    g->encode_cpu_s = g->decode_cpu_s = 0.0;
    g->tokens = g->draft_tokens = g->draft_kept = 0;
    g->text_ids.n = g->text_ids.forced = 0;
    g->grow = NULL;
    segment_unlabelled(g);
    g->id = g->rev = g->stable_bytes = 0;
    g->end = STENO_END_NONE;
    g->heard_s = g->done_s = g->ripe_s = 0.0;
    g->due_s = 0.0;
    reference_frames(t, g);
    return g;
}

bool listen_line_up(stream *t, segment *g) {
    if (t->next_order - t->emit_order >= STREAM_PENDING) return false;
    g->order = t->next_order++;
    g->in_line = true;
    t->pending[g->order % STREAM_PENDING] = g;
    t->cut_samples += g->span.speech_end_sample - g->span.speech_start_sample;
    return true;
}

void listen_send(shard *s, segment *g, shard *to) {
    atomic_fetch_add(&to->load, segment_samples(g));
    if (to == s) {
        recognise_enqueue(s, g);
        return;
    }
    message m = {.kind = MSG_SEGMENT, .stream = g->stream, .generation = g->generation, .u.segment = g};
    shard_post(to, &m, 1);
}

/* Sends one span on its way; false when it must wait for a free segment. */
static bool cut_segment(shard *s, int slot, const due_span *due) {
    stream *t = stream_of(s, slot);
    if (t->next_order - t->emit_order >= STREAM_PENDING) return false;
    segment *g = listen_take_segment(s, slot, &due->span, t->is_live ? PASS_FINAL : PASS_RECORDING, 0);
    if (!g) return false;
    g->id = due->id;
    g->rev = due->rev;
    g->end = due->end;
    g->heard_s = due->heard_s;
    g->due_s = t->is_live ? due->due_s : s->now_s; /* nobody waits for a recording's: for what is observed */
    if (t->is_live && due->id == t->live.id) {
        g->text_ids = t->live.last;
        g->text_ids.forced = 0; /* a final is as if nothing had been heard before */
    }
    bool lined_up = listen_line_up(t, g);
    assert(lined_up);
    (void)lined_up;
    listen_send(s, g, listen_choose_shard(s));
    return true;
}

/* Spans keep their order. */
void listen_offer(shard *s, int slot, const due_span *due) {
    stream *t = stream_of(s, slot);
    if (t->stalled_count == 0 && cut_segment(s, slot, due)) return;
    assert(t->stalled_count < STREAM_STALLED); /* nothing is heard while a span waits */
    if (t->stalled_count == 0) s->stalled++;
    t->stalled[t->stalled_count++] = *due;
}

/* Tries again to cut the spans that wait for a free segment; returns how many went. */
static int retry_stalled(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    int sent = 0;
    if (t->stalled_count == 0) return t->is_live && live_retry(s, slot);
    while (sent < t->stalled_count && cut_segment(s, slot, &t->stalled[sent])) sent++;
    t->stalled_count -= sent;
    memmove(t->stalled, t->stalled + sent, (size_t)t->stalled_count * sizeof t->stalled[0]);
    if (t->stalled_count) return sent;
    s->stalled--;
    listen_trim(s, t); /* or a stream at its limit would never be fed again */
    listen_something_to_hear(s, slot);
    return sent;
}

static int retry_all_stalled(shard *s) {
    int sent = 0;
    for (int i = 0; i < s->open_count && s->stalled; i++) sent += retry_stalled(s, s->open_streams[i]);
    return sent;
}

/* ---- handing out -------------------------------------------------------------------------------------------------- */

static void forget_stream(shard *s, int slot) {
    int i = stream_of(s, slot)->open_index, last = s->open_streams[--s->open_count];
    s->open_streams[i] = last;
    stream_of(s, last)->open_index = i;
}

static void emit_end(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    t->stats.audio_s = (double)t->total_samples / STENO_SAMPLE_RATE_HZ;
    t->stats.speech_s = (double)t->cut_samples / STENO_SAMPLE_RATE_HZ;
    event_message m = {.kind = t->error == STENO_OK ? STENO_EVENT_DONE : STENO_EVENT_ERROR,
                       .stream = slot,
                       .generation = atomic_load(&t->generation),
                       .stats = t->stats,
                       .error = t->error};
    forget_stream(s, slot);
    if (t->voices) voices_leave(s, t);
    if (t->is_live) shard_live_add(s, -1);
    engine_emit(s->engine, &m);
}

void listen_add_costs(stream *t, const segment *g) {
    t->stats.encode_cpu_s += g->encode_cpu_s;
    t->stats.decode_cpu_s += g->decode_cpu_s;
    t->stats.draft_tokens += (uint64_t)g->draft_tokens;
    t->stats.draft_kept += (uint64_t)g->draft_kept;
}

static void emit_segment(shard *s, stream *t, segment *g) {
    listen_add_costs(t, g);
    t->stats.tokens += (uint64_t)g->tokens;
    if (t->error == STENO_OK) t->error = g->error;
    bool empty = g->error != STENO_OK || g->text.text_bytes == 0; /* nothing was said, or nothing understood */
    if (empty) g->text.text[0] = '\0', g->text.text_bytes = g->text.n_words = 0; /* not what somebody else said */
    if (empty && g->error == STENO_OK) {
        t->stats.empty++;
        t->stats.empty_s += (double)(g->span.speech_end_sample - g->span.speech_start_sample) / STENO_SAMPLE_RATE_HZ;
    }
    if (empty && !t->is_live) {
        engine_give_segment(s->engine, g);
        return;
    }
    if (!empty) t->stats.segments++;
    if (!t->is_live) g->id = t->emit_id++;
    if (t->voices) voices_label_final(s, t, g);
    event_message m = {.kind = STENO_EVENT_SEGMENT, .stream = g->stream, .generation = g->generation, .id = g->id};
    m.segment = g;
    if (t->is_live) counter_add(&s->count.finals, 1);
    engine_emit(s->engine, &m);
}

void listen_hand_out(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    while (t->emit_order < t->next_order && t->pending[t->emit_order % STREAM_PENDING]->done)
        emit_segment(s, t, t->pending[t->emit_order++ % STREAM_PENDING]);
    if (t->is_live) live_handed_out(s, slot);
    if (!t->flushed || t->emit_order < t->next_order) return;
    if (t->voices && t->error == STENO_OK && !voices_are_over(s, t)) return;
    emit_end(s, slot);
}

void listen_result(shard *s, segment *g) {
    if (!g->in_line) { /* a partial, or a closing pass whose pause still lasts */
        live_result(s, g);
        return;
    }
    g->done = true;
    listen_hand_out(s, g->stream);
}

/* ---- hearing ------------------------------------------------------------------------------------------------------ */

/* One stream's part of a batch. */
typedef struct listen_job {
    int slot, frames;
    uint64_t gated;    /* bit f: frame f is so surely silent that the network need not hear it */
    const float *prob; /* [frames that are not gated] */
} listen_job;

typedef struct listen_batch {
    silero_job vad[LISTEN_ROWS];
    listen_job jobs[LISTEN_ROWS];
    int vad_n, n, rows;
} listen_batch;

static bool has_vad(const stream *t) {
    return t->is_live || t->vad.enabled;
}

/* The frames that the network has to hear, at the level it should hear them, side by side; returns how many. */
static int gather_frames(stream *t, int n, float *pcm, uint64_t *gated) {
    int heard = 0;
    *gated = 0;
    for (int f = 0; f < n; f++) {
        float *to = pcm + (size_t)heard * FRAME_SAMPLES;
        memcpy(to, t->window[window_index(t->listened + f)]->pcm, FRAME_SAMPLES * sizeof *to);
        if (level_step(&t->level, to))
            heard++;
        else
            *gated |= (uint64_t)1 << f;
    }
    return heard;
}

static steno_err add_job(shard *s, listen_batch *b, int slot, int n) {
    stream *t = stream_of(s, slot);
    listen_job *j = &b->jobs[b->n++];
    *j = (listen_job){.slot = slot, .frames = n};
    b->rows += n;
    if (n == 0 || !has_vad(t)) return STENO_OK;
    float *pcm = arena_take(&s->scratch, (size_t)n * FRAME_SAMPLES, sizeof *pcm);
    float *prob = arena_take(&s->scratch, (size_t)n, sizeof *prob);
    if (!pcm || !prob) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a VAD batch");
    int heard = gather_frames(t, n, pcm, &j->gated);
    j->prob = prob;
    if (heard) b->vad[b->vad_n++] = (silero_job){.state = &t->vad_state, .pcm = pcm, .frames = heard, .prob = prob};
    return STENO_OK;
}

/* Streams take turns, so that a few with much audio do not keep the others waiting. One whose frames have all been heard
 * comes in for its end. */
static steno_err collect(shard *s, listen_batch *b, slot_queue *q, int most_rows) {
    for (int turns = q->count; turns > 0 && b->n < LISTEN_ROWS && b->rows < most_rows; turns--) {
        int slot = slot_queue_pop(q), room = most_rows - b->rows;
        stream *t = stream_of(s, slot);
        t->hearing = false;
        if (t->stalled_count) continue;                  /* retry_stalled() queues it again */
        if (t->voices && !voices_have_room(t)) continue; /* and voices_step() does */
        int64_t n = t->arrived - t->listened;
        if (n > STREAM_ROWS) n = STREAM_ROWS;
        if (n > room) n = room;
        ERR_TRY(add_job(s, b, slot, (int)n));
    }
    return STENO_OK;
}

static float mean_square(const float *pcm) {
    float sum[8] = {0};
    for (int i = 0; i < FRAME_SAMPLES; i += 8) {
        for (int j = 0; j < 8; j++) sum[j] += pcm[i + j] * pcm[i + j];
    }
    return (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))) / FRAME_SAMPLES;
}

static void note_heard(shard *s, const listen_job *j, double cpu_share_s) {
    stream *t = stream_of(s, j->slot);
    const float *next = j->prob;
    t->stats.vad_cpu_s += cpu_share_s;
    for (int f = 0; f < j->frames; f++) {
        float speech = !has_vad(t) ? -1.0f : j->gated >> f & 1 ? LEVEL_GATED_PROB : *next++;
        frame *fr = t->window[window_index(t->listened++)];
        fr->speech = speech;
        fr->power = mean_square(fr->pcm);
        if (t->voices) voices_hear(s, t, fr);
    }
    counter_add(&s->count.vad_frames, (uint64_t)j->frames);
    counter_add(&s->count.gated_frames, (uint64_t)__builtin_popcountll(j->gated));
}

/* Recordings are stepped over all that was heard: the segmenter never waits for anything. */
static void advance_recording(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    for (; t->stepped < t->listened; t->stepped++) {
        due_span due = {0};
        float speech = t->window[window_index(t->stepped)]->speech;
        if (segmenter_step(&t->seg, speech < 0.0f ? 1.0f : speech, &due.span)) listen_offer(s, slot, &due);
    }
    listen_trim(s, t);
}

/* The end of a recording whose frames have all been heard. */
static void flush_recording(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    if (!t->ending || t->flushed || t->listened < t->arrived || t->stalled_count) return;
    due_span due = {0};
    while (t->stalled_count == 0 && segmenter_end(&t->seg, t->total_samples, &due.span)) listen_offer(s, slot, &due);
    if (t->stalled_count) return;
    t->flushed = true;
    listen_trim(s, t);
    listen_hand_out(s, slot);
}

static void advance(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    if (t->listened < t->arrived) listen_something_to_hear(s, slot);
    if (t->is_live) {
        live_advance(s, slot);
    } else {
        advance_recording(s, slot);
        flush_recording(s, slot);
    }
}

/* True when even the least-loaded shard has enough audio before it: hearing more would only hold more memory. Recordings
 * come as fast as they are read, so this is what keeps the voice activity of a long one from running far ahead. Live audio
 * comes at the pace of time and is always heard. */
static bool far_ahead(const shard *s) {
    if (s->waiting_count + s->active == 0) return false; /* then nothing here would bring the next tick */
    for (int i = 0; i < s->engine->shard_count; i++) {
        if (shard_load(s->engine->shards[i]) < AHEAD_SAMPLES) return false;
    }
    return true;
}

/* While something live is being recognised recordings are heard on credit, as they are encoded and decoded. */
bool listen_may_hear_recordings(const shard *s) {
    if (s->hear_recordings.count == 0 || far_ahead(s)) return false;
    return s->urgent_s <= 0.0 || s->lane[LANE_BULK].credit_s > 0.0 || s->engine->config.no_slices;
}

bool listen_step(shard *s) {
    int sent = retry_all_stalled(s);
    bool recordings = listen_may_hear_recordings(s);
    if (s->hear_live.count == 0 && !recordings) return sent > 0;
    listen_batch b;
    b.n = b.vad_n = b.rows = 0;
    size_t mark = arena_mark(&s->scratch);
    double start_s = thread_cpu_s(), from_s = engine_now_s(s->engine);
    steno_err err = collect(s, &b, &s->hear_live, LISTEN_ROWS);
    int live_rows = b.rows, most = shard_live(s) ? live_rows + LIVE_RECORDING_ROWS : LISTEN_ROWS;
    if (most > LISTEN_ROWS) most = LISTEN_ROWS;
    if (err == STENO_OK && recordings) err = collect(s, &b, &s->hear_recordings, most);
    if (err == STENO_OK && b.vad_n) err = silero_step(s->engine->model->vad, &s->scratch, b.vad, b.vad_n);
    assert(err == STENO_OK); /* the arena is sized for LISTEN_ROWS */
    (void)err;
    double share_s = b.rows ? (thread_cpu_s() - start_s) / b.rows : 0.0;
    double bulk_s = b.rows ? (engine_now_s(s->engine) - from_s) * (b.rows - live_rows) / b.rows : 0.0;
    if (s->urgent_s > 0.0) s->lane[LANE_BULK].credit_s -= bulk_s;
    load_bulk(s, bulk_s);
    for (int i = 0; i < b.n; i++) note_heard(s, &b.jobs[i], share_s * b.jobs[i].frames);
    arena_release(&s->scratch, mark);
    for (int i = 0; i < b.n; i++) advance(s, b.jobs[i].slot);
    return true;
}

void listen_release_all(shard *s) {
    for (int i = 0; i < s->open_count; i++) {
        stream *t = stream_of(s, s->open_streams[i]);
        trim_window(s, t, t->stepped * FRAME_SAMPLES);
    }
    s->open_count = 0;
}
