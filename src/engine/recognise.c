/* recognise.c: the part of a tick that understands: segments -> encoder -> decoder -> words.
 *
 * A segment starts only when everything it may need is there (a sequence slot, KV pages for its audio, its longest
 * possible text and its alignment rows), so a sequence in flight never waits for memory.
 */
#include "engine/shard_int.h"

#include "base/mem.h"
#include "listen/times.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define MAX_SAMPLES     (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)
#define SAMPLES_PER_ROW 384
#define EDGE_SAMPLES    (STENO_SAMPLE_RATE_HZ / 10) /* words may lie this far outside of what the VAD calls speech */

/* ---- memory
 * ---------------------------------------------------------------------------------------------------------- */

size_t recognise_scratch_bytes(const steno_engine *e) {
    const moonshine *m = e->model->asr;
    int batch = ENCODE_ROWS * SAMPLES_PER_ROW;
    size_t gathered = (size_t)MAX_SAMPLES * sizeof(float) + ENCODE_UTTERANCES * 64;
    size_t encode = moonshine_encode_bytes(m, MAX_SAMPLES > batch ? MAX_SAMPLES : batch, MAX_SAMPLES) + gathered;
    size_t decode = moonshine_decode_bytes(m, e->config.max_batch);
    size_t align = times_scratch_bytes(MOONSHINE_MAX_TOKENS, MOONSHINE_MAX_FRAMES) +
                   (size_t)(MOONSHINE_MAX_TOKENS + 2) * MOONSHINE_MAX_FRAMES * sizeof(float) +
                   (size_t)MAX_SAMPLES * sizeof(float) + 4096;
    size_t most = encode > decode ? encode : decode;
    return most > align ? most : align;
}

/* How many pages a sequence needs, by what they are for. */
typedef struct page_plan {
    int cross, self, align;
    int align_rows; /* alignment rows to a page */
} page_plan;

static page_plan plan_pages(size_t page_halfs, int samples) {
    int frames = moonshine_frames(samples), limit = moonshine_token_limit(samples);
    page_plan p = {.cross = moonshine_pages(frames), .self = moonshine_pages(limit + 1)};
    if (p.self > MOONSHINE_MAX_TOKENS / 16) p.self = MOONSHINE_MAX_TOKENS / 16;
    p.align_rows = (int)(page_halfs * sizeof(uint16_t) / ((size_t)frames * sizeof(float)));
    p.align = p.align_rows ? (limit + p.align_rows) / p.align_rows : SEQUENCE_PAGES;
    return p;
}

steno_err recognise_open(shard *s) {
    const steno_engine *e = s->engine;
    size_t halfs = moonshine_page_halfs(e->model->asr);
    page_plan longest = plan_pages(halfs, MAX_SAMPLES);
    if (longest.cross + longest.self + longest.align > SEQUENCE_PAGES)
        return err_fail(STENO_E_UNSUPPORTED, "model '%s': pages of %zu bytes are too small for %d s of speech",
                        e->model->name, halfs * sizeof(uint16_t), MOONSHINE_MAX_SECONDS);
    size_t pages = (size_t)e->config.kv_pool_mb * 1024 * 1024 / (halfs * 2);
    if (pages < SEQUENCE_PAGES) pages = SEQUENCE_PAGES; /* invariant 2: the longest segment always fits */
    ERR_TRY(kv_pool_init(&s->pages, halfs, (int)pages));
    s->waiting.cap = e->segments.count;
    s->waiting.items = mem_alloc((size_t)s->waiting.cap, sizeof(segment *));
    s->sequences = mem_alloc((size_t)e->config.max_batch, sizeof *s->sequences);
    if (!s->waiting.items || !s->sequences) return err_fail(STENO_E_NOMEM, "cannot reserve a shard's sequences");
    return STENO_OK;
}

void recognise_close(shard *s) {
    kv_pool_free(&s->pages);
    mem_free(s->waiting.items);
    mem_free(s->sequences);
}

/* ---- waiting
 * --------------------------------------------------------------------------------------------------------- */

void recognise_enqueue(shard *s, segment *seg) {
    wait_queue *q = &s->waiting;
    assert(q->count < q->cap);
    q->items[(q->head + q->count++) % q->cap] = seg;
}

static segment *first_waiting(const shard *s) {
    return s->waiting.count ? s->waiting.items[s->waiting.head] : NULL;
}

static void drop_first(shard *s) {
    s->waiting.head = (s->waiting.head + 1) % s->waiting.cap;
    s->waiting.count--;
}

/* ---- sequences
 * -------------------------------------------------------------------------------------------------------- */

static sequence *free_sequence(shard *s) {
    for (int i = 0; i < s->engine->config.max_batch; i++) {
        if (!s->sequences[i].seg) return &s->sequences[i];
    }
    return NULL;
}

/* Pages for `samples` of audio into q: cross-attention, self-attention and alignment rows. */
static bool take_pages(shard *s, sequence *q, int samples) {
    page_plan p = plan_pages(s->pages.page_halfs, samples);
    int total = p.cross + p.self + p.align;
    assert(total <= SEQUENCE_PAGES); /* recognise_open() tried the longest */
    if (!kv_pool_take(&s->pages, total, q->pages)) return false;
    q->page_count = total;
    memcpy(q->kv.cross, q->pages, (size_t)p.cross * sizeof q->pages[0]);
    memcpy(q->kv.self, q->pages + p.cross, (size_t)p.self * sizeof q->pages[0]);
    q->align_pages = q->pages + p.cross + p.self;
    q->align_rows = p.align_rows;
    q->kv.frames = moonshine_frames(samples);
    q->kv.position = 0;
    q->limit = moonshine_token_limit(samples);
    return true;
}

static float *align_row(const sequence *q, int i) {
    uint16_t *page = q->align_pages[i / q->align_rows];
    return (float *)(void *)page + (size_t)(i % q->align_rows) * (size_t)q->kv.frames;
}

static void start_sequence(shard *s, sequence *q, segment *seg) {
    q->seg = seg;
    q->n = q->steps = 0;
    q->looped = q->ended = false;
    s->active++;
}

/* The segment goes home: a message to another shard, or straight in. */
static void send_home(shard *s, segment *seg) {
    for (int i = 0; i < seg->frames_n; i++) frame_release(&s->engine->frames, seg->frames[i]);
    seg->frames_n = 0;
    atomic_fetch_sub(&s->load, segment_samples(seg));
    if (seg->home == s->index) {
        listen_result(s, seg);
        return;
    }
    message m = {.kind = MSG_RESULT, .stream = seg->stream, .generation = seg->generation, .u.segment = seg};
    shard_post(shard_at(s->engine, seg->home), &m, 1);
}

static void end_sequence(shard *s, sequence *q) {
    segment *seg = q->seg;
    kv_pool_give(&s->pages, q->page_count, q->pages);
    q->seg = NULL;
    s->active--;
    send_home(s, seg);
}

/* ---- encoding
 * --------------------------------------------------------------------------------------------------------- */

typedef struct encode_batch {
    moonshine_utterance utt[ENCODE_UTTERANCES];
    sequence *seq[ENCODE_UTTERANCES];
    int n, rows;
} encode_batch;

/* Moves waiting segments into the batch while slots, pages and rows last. */
static void fill_batch(shard *s, encode_batch *b) {
    segment *seg;
    b->n = b->rows = 0;
    while (b->n < ENCODE_UTTERANCES && (seg = first_waiting(s)) != NULL) {
        int samples = segment_samples(seg), rows = moonshine_frames(samples);
        if (b->n && b->rows + rows > ENCODE_ROWS) return;
        sequence *q = free_sequence(s);
        if (!q || !take_pages(s, q, samples)) return;
        drop_first(s);
        start_sequence(s, q, seg);
        b->utt[b->n] = (moonshine_utterance){.samples = samples, .pages = q->kv.cross};
        b->seq[b->n++] = q;
        b->rows += rows;
    }
}

static steno_err encode(shard *s, encode_batch *b) {
    for (int i = 0; i < b->n; i++) {
        float *pcm = arena_take(&s->scratch, (size_t)b->utt[i].samples, sizeof *pcm);
        if (!pcm) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a batch of audio");
        segment_gather(b->seq[i]->seg, pcm);
        b->utt[i].pcm = pcm;
    }
    moonshine_encoding e;
    bool done = false;
    ERR_TRY(moonshine_encode_begin(&e, s->engine->model->asr, &s->scratch, b->utt, b->n));
    while (!done) ERR_TRY(moonshine_encode_step(&e, &done));
    return STENO_OK;
}

bool recognise_encode(shard *s) {
    encode_batch b;
    fill_batch(s, &b);
    if (b.n == 0) return false;
    size_t mark = arena_mark(&s->scratch);
    double start_s = thread_cpu_s();
    steno_err err = encode(s, &b);
    arena_release(&s->scratch, mark);
    double spent_s = thread_cpu_s() - start_s;
    for (int i = 0; i < b.n; i++) {
        segment *seg = b.seq[i]->seg;
        seg->encode_cpu_s += spent_s * moonshine_frames(b.utt[i].samples) / b.rows;
        seg->error = err;
        if (err == STENO_OK) continue;
        seg->text.text_bytes = 0;
        end_sequence(s, b.seq[i]);
    }
    return true;
}

/* ---- decoding
 * --------------------------------------------------------------------------------------------------------- */

/* How likely each encoder frame is speech, from the VAD frame in which its middle lies; negative where nobody knows. */
static void gather_speech(const segment *seg, int frames, float *speech) {
    int64_t middle =
        seg->span.start_sample - seg->first_frame * FRAME_SAMPLES + MOONSHINE_FRAME_FIRST + MOONSHINE_FRAME_SAMPLES / 2;
    for (int i = 0; i < frames; i++, middle += MOONSHINE_FRAME_SAMPLES) {
        int64_t at = middle / FRAME_SAMPLES;
        speech[i] = at < seg->frames_n ? seg->frames[at]->speech : -1.0f;
    }
}

/* Word times from where the tokens looked and from what was heard. A text that ended at its limit has no end token:
 * its row was never written. */
static void align_sequence(shard *s, const sequence *q, transcript_token *tokens) {
    int rows = q->steps < q->n + 1 ? q->n : q->n + 1, frames = q->kv.frames, samples = segment_samples(q->seg);
    float *weight = arena_take(&s->scratch, (size_t)rows * (size_t)frames, sizeof *weight);
    float *speech = arena_take(&s->scratch, (size_t)frames, sizeof *speech);
    float *pcm = arena_take(&s->scratch, (size_t)samples, sizeof *pcm);
    void *scratch = arena_take(&s->scratch, times_scratch_bytes(q->n, frames), 1);
    assert(weight && speech && pcm && scratch); /* recognise_scratch_bytes() */
    for (int i = 0; i < rows; i++)
        memcpy(weight + (size_t)i * (size_t)frames, align_row(q, i), (size_t)frames * sizeof *weight);
    gather_speech(q->seg, frames, speech);
    segment_gather(q->seg, pcm);
    times_job job = {.tokenizer = s->engine->model->tokens,
                     .ids = q->ids,
                     .logprob = q->logprob,
                     .n = q->n,
                     .weight = weight,
                     .rows = rows,
                     .sound = {.pcm = pcm,
                               .samples = samples,
                               .hop_samples = MOONSHINE_FRAME_SAMPLES,
                               .first_sample = MOONSHINE_FRAME_FIRST,
                               .speech = speech},
                     .frames = frames,
                     .delay_frames = moonshine_describe(s->engine->model->asr)->align_delay_frames,
                     .origin_s = (double)q->seg->span.start_sample / STENO_SAMPLE_RATE_HZ};
    times_of_tokens(&job, scratch, tokens);
}

/* Where words may lie: in the speech, and a little outside of it, because it begins softly and so late for the VAD. */
static void speech_bounds(const segmenter_span *span, double *start_s, double *end_s) {
    int64_t start = span->speech_start_sample - EDGE_SAMPLES, end = span->speech_end_sample + EDGE_SAMPLES;
    if (start < span->start_sample) start = span->start_sample;
    if (end > span->end_sample) end = span->end_sample;
    *start_s = (double)start / STENO_SAMPLE_RATE_HZ;
    *end_s = (double)end / STENO_SAMPLE_RATE_HZ;
}

static void finish_sequence(shard *s, sequence *q) {
    segment *seg = q->seg;
    transcript_token tokens[SEGMENT_IDS];
    size_t mark = arena_mark(&s->scratch);
    align_sequence(s, q, tokens);
    arena_release(&s->scratch, mark);
    double start_s, end_s;
    speech_bounds(&seg->span, &start_s, &end_s);
    transcript_build(s->engine->model->tokens, tokens, q->n, start_s, end_s, &seg->text);
    seg->text.looped = q->looped;
    seg->tokens = q->n;
    end_sequence(s, q);
}

/* Takes in one decoded token. */
static void accept_token(const moonshine_info *info, sequence *q, int32_t id, float logprob) {
    q->steps++;
    if (id == info->end_token) {
        q->ended = true;
        return;
    }
    q->ids[q->n] = id;
    q->logprob[q->n++] = logprob;
    int keep = transcript_loop(q->ids, q->n);
    if (keep < q->n) {
        q->n = keep;
        q->looped = q->ended = true;
    }
    if (q->n >= q->limit) q->ended = true;
}

void recognise_decode(shard *s) {
    const moonshine *m = s->engine->model->asr;
    const moonshine_info *info = moonshine_describe(m);
    moonshine_row rows[MOONSHINE_MAX_BATCH];
    sequence *seqs[MOONSHINE_MAX_BATCH];
    int n = 0;
    double start_s = thread_cpu_s();
    size_t mark = arena_mark(&s->scratch);
    for (int i = 0; i < s->engine->config.max_batch; i++) {
        sequence *q = &s->sequences[i];
        if (!q->seg) continue;
        float *align = align_row(q, q->n);
        memset(align, 0, (size_t)q->kv.frames * sizeof *align);
        rows[n] = (moonshine_row){.seq = &q->kv, .token = q->n ? q->ids[q->n - 1] : info->start_token, .align = align};
        seqs[n++] = q;
    }
    steno_err err = moonshine_decode_step(m, &s->scratch, rows, n, NULL);
    arena_release(&s->scratch, mark);
    double share_s = (thread_cpu_s() - start_s) / n;
    for (int i = 0; i < n; i++) {
        seqs[i]->seg->decode_cpu_s += share_s;
        seqs[i]->seg->error = err;
        if (err == STENO_OK)
            accept_token(info, seqs[i], rows[i].next, rows[i].logprob);
        else
            seqs[i]->seg->text.text_bytes = 0;
        if (err != STENO_OK)
            end_sequence(s, seqs[i]);
        else if (seqs[i]->ended)
            finish_sequence(s, seqs[i]);
    }
}
