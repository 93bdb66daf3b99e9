/* voices.c: the part of a tick that hears who speaks: frames -> MFCC -> blocks through the network -> looks -> timeline.
 *
 * Rows are made as soon as a frame is heard, while the stream still holds it. The network hears a block of 250 ms at a time,
 * when all of it and what stands behind it is known: one job a stream, many streams a batch, live ones first. Rows far from
 * speech are left out; where the gap is long the network begins anew with the context that the next row of speech needs, which
 * gives the same numbers as if it had heard all. Owner: the stream's home shard.
 */
#include "engine/voices_int.h"
#include "speakers/backend.h"

#include <assert.h>
#include <string.h>

#define VOICE_JOBS      16                          /* blocks in one batch */
#define VOICE_FEW_JOBS  3                           /* in one tick while live streams are open: labels do not press */
#define VOICE_FULL_ROWS 250                         /* a stream that has so many rows waiting is not given more */
#define GAP_ROWS        (2 * XVECTOR_AHEAD)         /* more of them cost more than to begin anew */
#define JOB_ROWS        (BLOCK_ROWS + GAP_ROWS + 1) /* of one block, at most */
#define ROW_SAMPLES     (MFCC_HOP_MS * STENO_SAMPLE_RATE_HZ / 1000)
#define ROW_MIDDLE      (25 * STENO_SAMPLE_RATE_HZ / 1000 / 2) /* samples from a row's beginning */
#define FRAME_ROWS      (FRAME_SAMPLES / ROW_SAMPLES + 2)      /* of one frame, at most */

_Static_assert(XVECTOR_CEPS == MFCC_CEPS, "the network hears what mfcc.h makes");
_Static_assert(BACKEND_POST == XVECTOR_DIM, "looks are made of what the network says");
_Static_assert(VOICE_FULL_ROWS + (STREAM_ROWS + 1) * FRAME_SAMPLES / ROW_SAMPLES + VOICE_MEAN_AHEAD + XVECTOR_AHEAD +
                       FRAME_ROWS <
                   VOICE_RING,
               "a stream with room can take a whole VAD batch");

stream *voices_stream(const shard *s, const voices *v) {
    return &s->engine->streams[v->slot];
}

/* ---- beginning ---------------------------------------------------------------------------------------------------- */

void voices_begin(shard *s, const message *m) {
    voices *v = m->u.voices;
    stream *t = &s->engine->streams[m->stream];
    v->slot = m->stream;
    v->phase = VOICE_HEARING;
    v->is_live = t->is_live;
    v->heard_all = v->queued = v->telling = v->merged = false;
    mfcc_reset(&v->mfcc);
    mfcc_mean_reset(&v->mean, VOICE_MEAN_AHEAD);
    v->frames = v->rows = v->blocks = v->told = 0;
    v->next_out = -1;
    v->shown.n = v->shown.id = 0;
    memset(v->block_rows, 0, sizeof v->block_rows);
    timeline_reset(&v->line);
    tracker_reset(v->track, &v->opt);
    history_reset(v->past);
    book_reset(v->said, (book_contract){v->opt.contract, v->opt.hold_ms, !t->is_live});
    t->voices = v;
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

/* True when somebody speaks in the middle of the row. */
static bool row_is_speech(const voices *v, int64_t row) {
    int64_t f = (row * ROW_SAMPLES + ROW_MIDDLE) / FRAME_SAMPLES;
    if (f >= v->frames) f = v->frames - 1;
    assert(f >= v->frames - VOICE_FRAMES);
    float p = v->frame_speech[f % VOICE_FRAMES];
    return p < 0.0f || p >= SPEAKERS_SPEECH_PROB; /* without VAD all is speech */
}

static void keep_rows(voices *v, const float *rows, int n) {
    for (int i = 0; i < n; i++, v->rows++) {
        assert(v->rows - v->blocks * BLOCK_ROWS < VOICE_RING - GAP_ROWS);
        memcpy(v->row[v->rows % VOICE_RING], rows + (size_t)i * MFCC_CEPS, sizeof v->row[0]);
        v->row_speech[v->rows % VOICE_RING] = row_is_speech(v, v->rows);
    }
}

/* True when the next block and what the network has to hear behind it are there. */
static bool block_is_ready(const voices *v) {
    int64_t begin = v->blocks * BLOCK_ROWS;
    return v->rows >= begin + BLOCK_ROWS + XVECTOR_AHEAD || (v->heard_all && v->rows > begin);
}

static void queue(shard *s, voices *v) {
    if (v->queued) return;
    v->queued = true;
    slot_queue_push(v->is_live ? &s->voices_live : &s->voices_bulk, v->slot);
}

void voices_hear(shard *s, stream *t, const frame *f) {
    voices *v = t->voices;
    float ceps[FRAME_ROWS * MFCC_CEPS], rows[FRAME_ROWS * MFCC_CEPS];
    double start_s = thread_cpu_s();
    v->frame_speech[v->frames++ % VOICE_FRAMES] = f->speech;
    int n = mfcc_step(&v->mfcc, f->pcm, FRAME_SAMPLES, ceps);
    assert(n <= FRAME_ROWS);
    keep_rows(v, rows, mfcc_mean_step(&v->mean, ceps, n, rows));
    t->stats.speakers_cpu_s += thread_cpu_s() - start_s;
    if (block_is_ready(v)) queue(s, v);
}

bool voices_have_room(const stream *t) {
    return t->voices->rows - t->voices->blocks * BLOCK_ROWS <= VOICE_FULL_ROWS;
}

static bool is_done(const voices *v) {
    return v->heard_all && v->rows <= v->blocks * BLOCK_ROWS;
}

void voices_end_rows(shard *s, voices *v) {
    float rows[MFCC_MEAN_AHEAD_MAX * MFCC_CEPS];
    if (v->frames) keep_rows(v, rows, mfcc_mean_flush(&v->mean, rows));
    v->heard_all = true;
    if (is_done(v))
        voices_next_phase(s, v);
    else
        queue(s, v);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

/* The next block of a stream on its way through the network. */
typedef struct block_job {
    voices *v;
    int64_t in, out, end; /* rows in from `in` to `end`; the first row out is `out` */
    int speech_rows;
} block_job;

typedef struct block_batch {
    block_job block[VOICE_JOBS];
    xvector_job job[VOICE_JOBS];
    int n, rows;
} block_batch;

size_t voices_scratch_bytes(void) {
    size_t rows = (size_t)VOICE_JOBS * JOB_ROWS;
    size_t step = xvector_arena_bytes((int)rows) + rows * (MFCC_CEPS + 1) * sizeof(float) + VOICE_JOBS * 2 * 64;
    size_t embed =
        xvector_embed_bytes(VOICE_JOBS) + VOICE_JOBS * (sizeof(xvector_sums) + XVECTOR_DIM * sizeof(float) + 2 * 64);
    return (step > embed ? step : embed) + 4096;
}

static bool is_speech(const voices *v, int64_t row) {
    return v->row_speech[row % VOICE_RING];
}

/* The rows that the network has to hear for this block; false when nobody speaks in it. */
static bool plan_block(voices *v, block_job *b) {
    int64_t begin = v->blocks * BLOCK_ROWS, end = begin + BLOCK_ROWS, first = -1, last = -1;
    if (end > v->rows) end = v->rows;
    *b = (block_job){.v = v};
    for (int64_t r = begin; r < end; r++) {
        if (!is_speech(v, r)) continue;
        if (first < 0) first = r;
        last = r;
        b->speech_rows++;
    }
    if (first < 0) return false;
    if (v->next_out < 0 || first - v->next_out > GAP_ROWS) {
        xvector_reset(&v->state);
        b->in = first > XVECTOR_AHEAD ? first - XVECTOR_AHEAD : 0;
        b->out = b->in - XVECTOR_AHEAD;
    } else {
        b->in = v->next_out + XVECTOR_AHEAD;
        b->out = v->next_out;
    }
    b->end = last + 1 + XVECTOR_AHEAD;
    v->next_out = last + 1;
    return true;
}

/* Copies the block's rows side by side; behind the end of a stream its last row stands for what would follow. */
static steno_err add_block(shard *s, block_batch *batch, const block_job *b) {
    voices *v = b->v;
    int rows = (int)(b->end - b->in);
    int64_t begin = v->blocks * BLOCK_ROWS;
    assert(rows <= JOB_ROWS);
    float *ceps = arena_take(&s->scratch, (size_t)rows * MFCC_CEPS, sizeof *ceps);
    float *weight = arena_take(&s->scratch, (size_t)rows, sizeof *weight);
    if (!ceps || !weight) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a batch of voices");
    for (int i = 0; i < rows; i++) {
        int64_t in = b->in + i, out = b->out + i;
        if (in >= v->rows) in = v->rows - 1;
        memcpy(ceps + (size_t)i * MFCC_CEPS, v->row[in % VOICE_RING], sizeof v->row[0]);
        weight[i] = out >= begin && is_speech(v, out) ? 1.0f : 0.0f;
    }
    xvector_sums *sums = &v->sums[v->blocks % LOOK_BLOCKS];
    memset(sums, 0, sizeof *sums);
    batch->block[batch->n] = *b;
    batch->job[batch->n++] =
        (xvector_job){.state = &v->state, .ceps = ceps, .weight = weight, .rows = rows, .sums = sums};
    batch->rows += rows;
    return STENO_OK;
}

static void end_block(voices *v, int speech_rows) {
    v->block_rows[v->blocks % LOOK_BLOCKS] = (int16_t)speech_rows;
    timeline_append(&v->line, v->blocks++, (float)speech_rows / BLOCK_ROWS);
}

/* After a stream's blocks: is there another, may it hear more, has it come to its end? */
static void go_on(shard *s, voices *v) {
    stream *t = voices_stream(s, v);
    bool more = t->listened < t->arrived || (t->ending && !t->flushed);
    if (block_is_ready(v)) queue(s, v);
    if (more && voices_have_room(t)) listen_something_to_hear(s, v->slot);
    voices_tell(s, v);
    if (is_done(v) && v->phase == VOICE_REST) voices_next_phase(s, v);
}

/* Up to `most` streams' next blocks; silent ones are passed over. */
static steno_err collect(shard *s, slot_queue *q, int most, block_batch *batch) {
    batch->n = batch->rows = 0;
    for (int turns = q->count; turns > 0 && batch->n < most; turns--) {
        voices *v = s->engine->streams[slot_queue_pop(q)].voices;
        block_job b;
        bool speaks = false;
        v->queued = false;
        while (block_is_ready(v) && !(speaks = plan_block(v, &b))) end_block(v, 0);
        if (speaks)
            ERR_TRY(add_block(s, batch, &b));
        else
            go_on(s, v);
    }
    return STENO_OK;
}

/* ---- looks -------------------------------------------------------------------------------------------------------- */

/* The blocks that a look which ends with this one is made of: bit k is block - k. 0: there is too little speech. */
static unsigned look_blocks(const voices *v, int64_t block, speakers_look *look) {
    int rows = 0, pause = 0;
    unsigned bits = 0;
    if (v->block_rows[block % LOOK_BLOCKS] < LOOK_BLOCK_ROWS) return 0;
    for (int k = 0; k < LOOK_BLOCKS && k <= block && pause <= LOOK_PAUSE_BLOCKS; k++) {
        int more = v->block_rows[(block - k) % LOOK_BLOCKS];
        if (rows + more > LOOK_ROWS) break;
        pause = more ? 0 : pause + 1;
        if (!more) continue;
        rows += more;
        bits |= 1u << k;
        look->first = block - k;
    }
    look->end = block + 1;
    look->speech_s = (float)rows * MFCC_HOP_MS / 1000.0f;
    return rows < LOOK_MIN_ROWS ? 0 : bits;
}

static xvector_sums *pool_look(shard *s, const voices *v, int64_t block, unsigned bits) {
    xvector_sums *sums = arena_take(&s->scratch, 1, sizeof *sums);
    assert(sums); /* voices_scratch_bytes() */
    memset(sums, 0, sizeof *sums);
    for (int k = LOOK_BLOCKS - 1; k >= 0; k--) {
        if (bits >> k & 1) xvector_add_sums(sums, &v->sums[(block - k) % LOOK_BLOCKS]);
    }
    return sums;
}

static void take_look(shard *s, voices *v, const speakers_look *look) {
    tracker_merge merge;
    tracker_step(v->track, &s->fit, v->past, look, &v->line, &merge);
    if (merge.from >= 0) v->merged = true;
    counter_add(&s->count.looks, 1);
}

/* The blocks are heard: their looks as one batch, then what follows from them. */
static steno_err look(shard *s, const block_batch *batch) {
    const xvector_sums *sums[VOICE_JOBS];
    speakers_look looks[VOICE_JOBS];
    voices *of[VOICE_JOBS];
    int n = 0;
    for (int i = 0; i < batch->n; i++) {
        voices *v = batch->block[i].v;
        int64_t block = v->blocks;
        end_block(v, batch->block[i].speech_rows);
        unsigned bits = look_blocks(v, block, &looks[n]);
        if (!bits) continue;
        sums[n] = pool_look(s, v, block, bits);
        of[n++] = v;
    }
    if (n == 0) return STENO_OK;
    float *post = arena_take(&s->scratch, (size_t)n * XVECTOR_DIM, sizeof *post);
    if (!post) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a batch of looks");
    ERR_TRY(xvector_embed(s->engine->model->voices, &s->scratch, sums, n, post));
    for (int i = 0; i < n; i++) {
        backend_project(post + (size_t)i * XVECTOR_DIM, looks[i].e);
        take_look(s, of[i], &looks[i]);
    }
    return STENO_OK;
}

/* ---- the tick's step ---------------------------------------------------------------------------------------------- */

static void settle(shard *s, const block_batch *batch, double spent_s) {
    for (int i = 0; i < batch->n; i++) {
        voices *v = batch->block[i].v;
        voices_stream(s, v)->stats.speakers_cpu_s += spent_s * batch->job[i].rows / batch->rows;
        go_on(s, v);
    }
}

/* One batch; true when there was one. */
static bool run_batch(shard *s, slot_queue *q, int most) {
    block_batch batch;
    if (q->count == 0) return false;
    double start_s = thread_cpu_s();
    size_t mark = arena_mark(&s->scratch);
    steno_err err = collect(s, q, most, &batch);
    if (err == STENO_OK && batch.n) err = xvector_step(s->engine->model->voices, &s->scratch, batch.job, batch.n);
    arena_release(&s->scratch, mark);
    if (err == STENO_OK && batch.n) err = look(s, &batch);
    arena_release(&s->scratch, mark);
    assert(err == STENO_OK); /* the arena is sized for VOICE_JOBS */
    (void)err;
    if (batch.n) settle(s, &batch, thread_cpu_s() - start_s);
    return true;
}

/* True when a live stream could not be given a whole VAD batch any more: then its words would wait for labels. */
static bool some_are_full(const shard *s) {
    const slot_queue *q = &s->voices_live;
    for (int i = 0; i < q->count; i++) {
        if (!voices_have_room(&s->engine->streams[q->slots[(q->head + i) % q->cap]])) return true;
    }
    return false;
}

bool voices_may_work(const shard *s) {
    if (s->voices_bulk.count + s->voices_whole.count == 0) return false;
    return s->urgent_s <= 0.0 || s->lane[LANE_BULK].credit_s > 0.0 || s->engine->config.no_slices;
}

/* A few ms of a stream's pass over everything; one stream after the other, because they share the shard's workspace. */
static bool whole_pass(shard *s) {
    if (s->voices_whole.count == 0) return false;
    int slot = slot_queue_first(&s->voices_whole);
    voices *v = s->engine->streams[slot].voices;
    double start_s = thread_cpu_s();
    if (s->whole_slot != slot) whole_begin(&s->whole, &s->whole_fit, v->past, &v->opt, !v->is_live);
    s->whole_slot = slot;
    bool over = whole_step(&s->whole, &v->line);
    voices_stream(s, v)->stats.speakers_cpu_s += thread_cpu_s() - start_s;
    if (!over) return true;
    s->whole_slot = -1;
    slot_queue_remove(&s->voices_whole, slot);
    voices_next_phase(s, v);
    return true;
}

static bool bulk_step(shard *s) {
    double from_s = engine_now_s(s->engine);
    bool moved = whole_pass(s);
    moved = run_batch(s, &s->voices_bulk, shard_live(s) ? VOICE_FEW_JOBS : VOICE_JOBS) || moved;
    double spent_s = engine_now_s(s->engine) - from_s;
    if (s->urgent_s > 0.0) s->lane[LANE_BULK].credit_s -= spent_s;
    load_bulk(s, spent_s);
    return moved;
}

bool voices_step(shard *s) {
    if (s->engine->config.max_speaker_streams == 0) return false;
    bool moved = run_batch(s, &s->voices_live, VOICE_FEW_JOBS);
    while (some_are_full(s)) run_batch(s, &s->voices_live, VOICE_JOBS);
    if (voices_may_work(s)) moved = bulk_step(s) || moved;
    return voices_say_step(s) || moved;
}
