/* listen.c: the part of a tick that hears: frames -> speech probabilities -> segments, and segments back into order.
 *
 * Runs on a stream's home shard. A closed span takes a segment from the pool, references the frames it covers, and goes
 * to the least-loaded shard; when it comes back it is handed out in the order of time.
 */
#include "engine/shard_int.h"

#include <assert.h>
#include <string.h>

static stream *stream_of(shard *s, int slot) {
    return &s->engine->streams[slot];
}

static int window_index(int64_t frame_number) {
    return (int)(frame_number % STREAM_WINDOW_FRAMES);
}

/* ---- messages
 * -------------------------------------------------------------------------------------------------------- */

void listen_open(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    t->vad = m->u.vad;
    silero_reset(&t->vad_state);
    steno_err err = segmenter_init(&t->seg, &t->vad);
    assert(err == STENO_OK); /* steno_stream_open() tried the same options */
    (void)err;
    t->window_first = t->arrived = t->listened = 0;
    t->ending = t->flushed = false;
    t->stalled_count = 0;
    t->error = STENO_OK;
    t->next_order = t->emit_order = t->emit_id = 0;
    t->cut_samples = 0;
    memset(&t->stats, 0, sizeof t->stats);
    s->open_streams[s->open_count++] = m->stream;
}

void listen_frame(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    assert(t->arrived - t->window_first < STREAM_WINDOW_FRAMES); /* held_limit sees to it */
    t->window[window_index(t->arrived++)] = m->u.frame;
    s->unheard++;
}

void listen_finish(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    t->ending = true;
    t->total_samples = m->u.total_samples;
    s->unheard++; /* the end itself is something to hear: it flushes the segmenter */
}

/* ---- windows
 * --------------------------------------------------------------------------------------------------------- */

/* Lets go of frames before `sample`, and of all when the stream is flushed. */
static void trim_window(shard *s, stream *t, int64_t sample) {
    int64_t keep = sample / FRAME_SAMPLES;
    if (keep > t->listened) keep = t->listened;
    int freed = 0;
    for (; t->window_first < keep; t->window_first++, freed++)
        frame_release(&s->engine->frames, t->window[window_index(t->window_first)]);
    if (!freed) return;
    atomic_fetch_sub(&t->held, freed);
    if (atomic_exchange(&t->starved, false)) engine_signal(s->engine);
}

/* ---- segments
 * --------------------------------------------------------------------------------------------------------- */

static shard *choose_shard(shard *home) {
    shard *best = home;
    steno_engine *e = home->engine;
    for (int i = 0; i < e->shard_count; i++) {
        shard *other = shard_at(e, i);
        if (shard_load(other) < shard_load(best)) best = other;
    }
    return best;
}

static void reference_frames(stream *t, segment *g) {
    g->first_frame = g->span.start_sample / FRAME_SAMPLES;
    int64_t last = (g->span.end_sample + FRAME_SAMPLES - 1) / FRAME_SAMPLES;
    if (last > t->listened) last = t->listened;
    g->frames_n = 0;
    for (int64_t f = g->first_frame; f < last && g->frames_n < SEGMENT_MAX_FRAMES; f++) {
        frame *fr = t->window[window_index(f)];
        frame_retain(fr);
        g->frames[g->frames_n++] = fr;
    }
}

/* Sends one span on its way; false when it must wait for a free segment. */
static bool cut_segment(shard *s, int slot, const segmenter_span *span) {
    stream *t = stream_of(s, slot);
    if (t->next_order - t->emit_order >= STREAM_PENDING) return false;
    segment *g = segment_pool_take(&s->engine->segments);
    if (!g) return false;
    g->home = s->index;
    g->stream = slot;
    g->generation = atomic_load(&t->generation);
    g->order = t->next_order++;
    g->span = *span;
    g->done = false;
    g->error = STENO_OK;
    g->encode_cpu_s = g->decode_cpu_s = 0.0;
    g->tokens = 0;
    reference_frames(t, g);
    t->pending[g->order % STREAM_PENDING] = g;
    t->cut_samples += span->speech_end_sample - span->speech_start_sample;
    shard *to = choose_shard(s);
    atomic_fetch_add(&to->load, segment_samples(g));
    if (to == s) {
        recognise_enqueue(s, g);
    } else {
        message m = {.kind = MSG_SEGMENT, .stream = slot, .generation = g->generation, .u.segment = g};
        shard_post(to, &m, 1);
    }
    return true;
}

/* Cuts, or remembers the span until it can be cut. Spans keep their order. */
static void offer_span(shard *s, int slot, const segmenter_span *span) {
    stream *t = stream_of(s, slot);
    if (t->stalled_count == 0 && cut_segment(s, slot, span)) return;
    assert(t->stalled_count < STREAM_STALLED); /* nothing is heard while a span waits */
    if (t->stalled_count == 0) s->stalled++;
    t->stalled[t->stalled_count++] = *span;
}

/* Tries again to cut the spans that wait for a free segment; returns how many went. */
static int retry_stalled(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    int sent = 0;
    if (t->stalled_count == 0) return 0;
    while (sent < t->stalled_count && cut_segment(s, slot, &t->stalled[sent])) sent++;
    t->stalled_count -= sent;
    memmove(t->stalled, t->stalled + sent, (size_t)t->stalled_count * sizeof t->stalled[0]);
    if (t->stalled_count) return sent;
    s->stalled--;
    trim_window(s, t, segmenter_keep_from(&t->seg)); /* or a stream at its limit would never be fed again */
    return sent;
}

static int retry_all_stalled(shard *s) {
    int sent = 0;
    for (int i = 0; i < s->open_count && s->stalled; i++) sent += retry_stalled(s, s->open_streams[i]);
    return sent;
}

/* ---- handing out
 * ------------------------------------------------------------------------------------------------------ */

static void forget_stream(shard *s, int slot) {
    for (int i = 0; i < s->open_count; i++) {
        if (s->open_streams[i] != slot) continue;
        s->open_streams[i] = s->open_streams[--s->open_count];
        return;
    }
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
    engine_emit(s->engine, &m);
}

static void emit_segment(shard *s, stream *t, segment *g) {
    t->stats.encode_cpu_s += g->encode_cpu_s;
    t->stats.decode_cpu_s += g->decode_cpu_s;
    t->stats.tokens += (uint64_t)g->tokens;
    if (t->error == STENO_OK) t->error = g->error;
    if (g->error != STENO_OK || g->text.text_bytes == 0) { /* nothing was said, or nothing understood */
        engine_give_segment(s->engine, g);
        return;
    }
    t->stats.segments++;
    event_message m = {.kind = STENO_EVENT_SEGMENT,
                       .stream = g->stream,
                       .generation = g->generation,
                       .id = t->emit_id++,
                       .segment = g};
    engine_emit(s->engine, &m);
}

/* Everything at the head of the line that is done; and the end, when nothing is left. */
static void hand_out(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    while (t->emit_order < t->next_order && t->pending[t->emit_order % STREAM_PENDING]->done)
        emit_segment(s, t, t->pending[t->emit_order++ % STREAM_PENDING]);
    if (!t->flushed || t->emit_order < t->next_order) return;
    emit_end(s, slot);
}

void listen_result(shard *s, segment *g) {
    g->done = true;
    hand_out(s, g->stream);
}

/* ---- hearing
 * ---------------------------------------------------------------------------------------------------------- */

typedef struct listen_batch {
    silero_job jobs[LISTEN_ROWS];
    int slots[LISTEN_ROWS];
    int n, rows;
} listen_batch;

/* Frames of one stream that go into this batch: none while a span of it waits for a free segment. */
static int frames_due(const stream *t, int room) {
    if (t->stalled_count) return 0;
    int64_t n = t->arrived - t->listened;
    if (n > STREAM_ROWS) n = STREAM_ROWS;
    return n < room ? (int)n : room;
}

/* Streams take turns at being first, so that a few with much audio do not keep the others waiting. */
static steno_err collect(shard *s, listen_batch *b) {
    int first = s->listen_from;
    for (int i = 0; i < s->open_count && b->rows < LISTEN_ROWS; i++) {
        int at = (first + i) % s->open_count, slot = s->open_streams[at];
        stream *t = stream_of(s, slot);
        int n = frames_due(t, LISTEN_ROWS - b->rows);
        s->listen_from = at + 1;
        if (n == 0) continue;
        float *pcm = arena_take(&s->scratch, (size_t)n * FRAME_SAMPLES, sizeof *pcm);
        float *prob = arena_take(&s->scratch, (size_t)n, sizeof *prob);
        if (!pcm || !prob) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a VAD batch");
        for (int f = 0; f < n; f++) {
            const frame *fr = t->window[window_index(t->listened + f)];
            memcpy(pcm + (size_t)f * FRAME_SAMPLES, fr->pcm, sizeof fr->pcm);
            prob[f] = 1.0f;
        }
        b->jobs[b->n] = (silero_job){.state = &t->vad_state, .pcm = pcm, .frames = n, .prob = prob};
        b->slots[b->n++] = slot;
        b->rows += n;
    }
    return STENO_OK;
}

/* Runs the network for the streams that want it: jobs with VAD off keep their probability of one. */
static steno_err run_vad(shard *s, const listen_batch *b) {
    silero_job jobs[LISTEN_ROWS];
    int n = 0;
    for (int i = 0; i < b->n; i++) {
        if (stream_of(s, b->slots[i])->vad.enabled) jobs[n++] = b->jobs[i];
    }
    return n ? silero_step(s->engine->model->vad, &s->scratch, jobs, n) : STENO_OK;
}

static void advance(shard *s, int slot, const silero_job *job, double cpu_share_s) {
    stream *t = stream_of(s, slot);
    t->stats.vad_cpu_s += cpu_share_s;
    for (int f = 0; f < job->frames; f++) {
        segmenter_span span;
        t->window[window_index(t->listened)]->speech = t->vad.enabled ? job->prob[f] : -1.0f;
        t->listened++;
        s->unheard--;
        if (segmenter_step(&t->seg, job->prob[f], &span)) offer_span(s, slot, &span);
    }
    if (t->stalled_count == 0) trim_window(s, t, segmenter_keep_from(&t->seg));
}

/* The end of a stream whose frames have all been heard. */
static void flush_stream(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    if (!t->ending || t->flushed || t->listened < t->arrived || t->stalled_count) return;
    segmenter_span span;
    while (t->stalled_count == 0 && segmenter_end(&t->seg, t->total_samples, &span)) offer_span(s, slot, &span);
    if (t->stalled_count) return;
    t->flushed = true;
    s->unheard--;
    trim_window(s, t, t->listened * FRAME_SAMPLES);
    hand_out(s, slot);
}

static void flush_ended(shard *s) {
    for (int i = s->open_count - 1; i >= 0; i--) flush_stream(s, s->open_streams[i]);
}

bool listen_step(shard *s) {
    int sent = retry_all_stalled(s);
    if (s->unheard == 0) return sent > 0;
    listen_batch b;
    b.n = b.rows = 0;
    size_t mark = arena_mark(&s->scratch);
    double start_s = thread_cpu_s();
    steno_err err = collect(s, &b);
    if (err == STENO_OK) err = run_vad(s, &b);
    assert(err == STENO_OK); /* the arena is sized for LISTEN_ROWS */
    double share_s = b.rows ? (thread_cpu_s() - start_s) / b.rows : 0.0;
    for (int i = 0; i < b.n; i++) advance(s, b.slots[i], &b.jobs[i], share_s * b.jobs[i].frames);
    arena_release(&s->scratch, mark);
    flush_ended(s);
    return sent > 0 || b.rows > 0;
}

void listen_release_all(shard *s) {
    for (int i = 0; i < s->open_count; i++) {
        stream *t = stream_of(s, s->open_streams[i]);
        trim_window(s, t, t->listened * FRAME_SAMPLES);
    }
    s->open_count = 0;
}
