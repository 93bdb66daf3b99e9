/* grow.c: partials that only add to what is known: encoder states, KV pages and tokens are kept while an utterance grows.
 *
 * An update (models/moonshine_chunk.h) makes the stem for the frames that are new and computes the layers for them and for
 * those before that had too little to their right. While the shard has time (WHOLE_BUSY), and whenever the utterance has
 * grown by 75 %, all layers are computed again instead, over the stem as it was made. The decoder then goes back TAIL_TOKENS
 * tokens, but not behind what has settled, verifies the rest of the last text in one pass and goes on from there.
 * Approximate, so for partials only: docs/partials.md says how good it is. When no place is free, or there are no pages for
 * it, a partial hears everything again (encode.c).
 *
 * Owner: the shard that is the stream's home. A `growing` belongs to one utterance; while `busy` also to the one pass on its
 * way. Invariant: kv.self holds rows for the n tokens of ids, computed when they were said.
 */
#include "engine/shard_int.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define TAIL_TOKENS 16   /* of the last text that are verified again: fewer change the words (docs/partials.md) */
#define WHOLE_BUSY  0.45 /* while the shard is less busy, all layers are computed again each time */
#define GROW_JOBS   8    /* utterances in one batch */
#define GROW_ROWS   160  /* frames in one batch; one longer window goes alone */
#define MAX_SAMPLES (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)

static size_t round_up(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static size_t scratch_bytes(const moonshine *m) {
    int most = GROW_ROWS * MOONSHINE_FRAME_SAMPLES + GROW_JOBS * 1024;
    if (most < MAX_SAMPLES) most = MAX_SAMPLES;
    return moonshine_chunk_bytes(m, &moonshine_chunk_default, most, MAX_SAMPLES) + (size_t)most * sizeof(float) +
           (GROW_JOBS + 2) * 64;
}

steno_err grow_open(shard *s) {
    const steno_engine_config *c = &s->engine->config;
    const moonshine *m = s->engine->model->asr;
    size_t bytes = round_up(moonshine_chunk_state_bytes(m, &moonshine_chunk_default));
    int count = (c->max_live + c->shards - 1) / c->shards;
    if (count == 0) return STENO_OK;
    s->grow_memory = mem_alloc((size_t)count, bytes);
    s->grow = mem_alloc((size_t)count, sizeof *s->grow);
    s->grow_free = mem_alloc((size_t)count, sizeof(growing *));
    if (!s->grow_memory || !s->grow || !s->grow_free)
        return err_fail(STENO_E_NOMEM, "cannot reserve the states of %d growing utterances", count);
    for (int i = 0; i < count; i++) {
        growing *g = &s->grow[i];
        ERR_TRY(
            moonshine_chunk_init(&g->chunk, m, &moonshine_chunk_default, (char *)s->grow_memory + (size_t)i * bytes));
        s->grow_free[count - 1 - i] = g;
    }
    s->grow_count = s->grow_free_count = count;
    return arena_init(&s->grow_scratch, scratch_bytes(m));
}

void grow_close(shard *s) {
    mem_free(s->grow_memory);
    mem_free(s->grow);
    mem_free(s->grow_free);
    arena_free(&s->grow_scratch);
}

/* As of an utterance that begins. */
static void grow_empty(growing *g) {
    moonshine_chunk_reset(&g->chunk);
    g->cross_pages = g->self_pages = g->n = 0;
    g->kv.frames = g->kv.position = 0;
}

growing *grow_take(shard *s) {
    if (s->grow_free_count == 0) return NULL;
    growing *g = s->grow_free[--s->grow_free_count];
    g->busy = g->detached = false;
    grow_empty(g);
    return g;
}

void grow_give(shard *s, growing *g) {
    kv_pool_give(&s->pages, g->cross_pages, g->kv.cross);
    kv_pool_give(&s->pages, g->self_pages, g->kv.self);
    g->cross_pages = g->self_pages = 0;
    s->grow_free[s->grow_free_count++] = g;
}

static bool in_flight(const shard *s, const growing *g) {
    for (int i = 0; i < s->engine->config.max_batch; i++) {
        if (s->sequences[i].seg && s->sequences[i].seg->grow == g) return true;
    }
    return false;
}

bool grow_reclaim(shard *s) {
    growing *most = NULL;
    for (int i = 0; i < s->grow_count; i++) {
        growing *g = &s->grow[i];
        int pages = g->cross_pages + g->self_pages;
        if (pages && !in_flight(s, g) && (!most || pages > most->cross_pages + most->self_pages)) most = g;
    }
    if (!most) return false;
    kv_pool_give(&s->pages, most->cross_pages, most->kv.cross);
    kv_pool_give(&s->pages, most->self_pages, most->kv.self);
    grow_empty(most);
    return true;
}

void grow_done(shard *s, growing *g) {
    g->busy = false;
    if (g->detached) grow_give(s, g);
}

/* ---- starting a pass ---------------------------------------------------------------------------------------------- */

/* How much of the last text stands without being verified: all but its tail, as far as draft and memory agree, and all
 * that has settled. */
static int tokens_to_keep(const growing *g, const hypothesis *draft) {
    int same = 0, keep = g->chunk.settled ? g->n - TAIL_TOKENS : 0;
    while (same < g->n && same < draft->n && g->ids[same] == draft->ids[same]) same++;
    if (keep < draft->forced) keep = draft->forced;
    if (keep > same) keep = same;
    return keep > 0 ? keep : 0;
}

/* Pages for `samples` of audio in all: the utterance's own that it lacks, and alignment rows for this pass. */
static bool take_pages(shard *s, sequence *q, growing *g, int samples, int keep) {
    int frames = moonshine_frames(samples), limit = moonshine_token_limit(samples);
    int align_rows = (int)(s->pages.page_halfs * sizeof(uint16_t) / ((size_t)frames * sizeof(float)));
    int self = moonshine_pages(limit + 1), cross = moonshine_pages(frames);
    if (self > MOONSHINE_MAX_TOKENS / 16) self = MOONSHINE_MAX_TOKENS / 16;
    int new_cross = cross - g->cross_pages, new_self = self > g->self_pages ? self - g->self_pages : 0;
    if (new_cross < 0) new_cross = 0;
    int align = (limit - keep + align_rows) / align_rows;
    /* What grows keeps its pages for long: the longest segment always finds its own (invariant 2 of engine_int.h). */
    if (s->pages.free_count - new_cross - new_self - align < SEQUENCE_PAGES) return false;
    bool taken = kv_pool_take(&s->pages, new_cross, g->kv.cross + g->cross_pages) &&
                 kv_pool_take(&s->pages, new_self, g->kv.self + g->self_pages) &&
                 kv_pool_take(&s->pages, align, q->pages);
    assert(taken);
    (void)taken;
    g->cross_pages += new_cross;
    g->self_pages += new_self;
    q->page_count = align;
    q->align_pages = q->pages;
    q->align_rows = align_rows;
    q->limit = limit;
    return true;
}

static bool start(shard *s, sequence *q, segment *seg) {
    growing *g = seg->grow;
    int samples = segment_samples(seg), keep = tokens_to_keep(g, &seg->text_ids);
    if (keep >= moonshine_token_limit(samples))
        keep = moonshine_token_limit(samples) - 1; /* a row at least, to end by */
    if (!take_pages(s, q, g, samples, keep)) return false;
    g->kv.frames = moonshine_frames(samples);
    g->kv.position = keep;
    g->n = keep;
    q->kv = &g->kv;
    q->first = keep;
    memcpy(q->logprob, g->logprob, (size_t)keep * sizeof q->logprob[0]);
    recognise_start_sequence(s, q, seg);
    seg->draft_tokens += keep;
    seg->draft_kept += keep;
    counter_add(&s->count.draft_tokens, (uint64_t)keep);
    counter_add(&s->count.draft_kept, (uint64_t)keep);
    return true;
}

/* ---- a batch ------------------------------------------------------------------------------------------------------ */

typedef struct grow_batch {
    moonshine_chunk_job jobs[GROW_JOBS];
    sequence *seq[GROW_JOBS];
    int n, rows;
} grow_batch;

/* Whether all layers are computed again: the text is better for it. */
static bool anew(const shard *s) {
    return load_live(s) < WHOLE_BUSY;
}

static int new_rows(const shard *s, const segment *seg) {
    return moonshine_chunk_rows(&seg->grow->chunk, segment_samples(seg), anew(s));
}

/* The first that is ripe, out of its place in the queue; NULL when the batch has no room for it. */
static segment *pop_ripe(shard *s, const grow_batch *b) {
    wait_queue *w = &s->waiting_grow;
    int i = 0;
    while (i < w->count && !encode_is_ripe(s, w->items[(w->head + i) % w->cap])) i++;
    if (i == w->count) return NULL;
    segment *seg = w->items[(w->head + i) % w->cap];
    if (b->n && b->rows + new_rows(s, seg) > GROW_ROWS) return NULL;
    for (; i > 0; i--) w->items[(w->head + i) % w->cap] = w->items[(w->head + i - 1) % w->cap];
    w->head = (w->head + 1) % w->cap;
    w->count--;
    s->waiting_count--;
    return seg;
}

/* There are no pages to keep anything in: the partial hears the whole utterance, and gives its pages back. */
static void hear_whole(shard *s, segment *seg) {
    growing *g = seg->grow;
    seg->grow = NULL;
    grow_done(s, g);
    recognise_enqueue(s, seg);
}

static void fill(shard *s, grow_batch *b) {
    segment *seg;
    sequence *q;
    while (b->n < GROW_JOBS && (q = recognise_free_sequence(s, URGENT_PARTIAL)) && (seg = pop_ripe(s, b))) {
        int rows = new_rows(s, seg);
        if (!start(s, q, seg)) {
            hear_whole(s, seg);
            continue;
        }
        encode_note_start(s, seg);
        b->jobs[b->n] =
            (moonshine_chunk_job){.state = &seg->grow->chunk, .pages = seg->grow->kv.cross, .anew = anew(s)};
        b->seq[b->n++] = q;
        b->rows += rows;
    }
}

static steno_err encode(shard *s, grow_batch *b) {
    moonshine_chunking c;
    bool done = false;
    for (int i = 0; i < b->n; i++) {
        const segment *seg = b->seq[i]->seg;
        moonshine_chunk_job *j = &b->jobs[i];
        j->first_sample = moonshine_chunk_first_sample(j->state);
        j->samples = segment_samples(seg) - j->first_sample;
        float *pcm = arena_take(&s->grow_scratch, (size_t)j->samples, sizeof *pcm);
        if (!pcm) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a batch of audio");
        segment_gather(seg, j->first_sample, j->samples, pcm);
        j->pcm = pcm;
    }
    ERR_TRY(moonshine_chunk_begin(&c, s->engine->model->asr, &s->grow_scratch, b->jobs, b->n));
    while (!done) ERR_TRY(moonshine_chunk_step(&c, &done));
    return STENO_OK;
}

bool grow_step(shard *s) {
    if (s->waiting_grow.count == 0 || !encode_partials_may_start(s)) return false;
    grow_batch b;
    b.n = b.rows = 0;
    fill(s, &b);
    if (b.n == 0) return false;
    double start_s = thread_cpu_s();
    steno_err err = encode(s, &b);
    arena_release(&s->grow_scratch, 0);
    double row_s = (thread_cpu_s() - start_s) / b.rows;
    for (int i = 0; i < b.n; i++) {
        segment *seg = b.seq[i]->seg;
        seg->encode_cpu_s += row_s * (b.jobs[i].frames - b.jobs[i].first_frame);
        b.seq[i]->encoded = true;
        if (err == STENO_OK) continue;
        seg->error = err;
        seg->text.text_bytes = 0;
        moonshine_chunk_reset(&seg->grow->chunk);
        seg->grow->n = 0;
        recognise_end_sequence(s, b.seq[i]);
    }
    observe_encoded(s, STENO_LANE_GROW, b.n, b.rows, GROW_ROWS);
    return true;
}

/* ---- what is kept ------------------------------------------------------------------------------------------------- */

void grow_keep(shard *s, sequence *q, const transcript_token *tokens) {
    growing *g = q->seg->grow;
    (void)s;
    g->n = tokens ? q->n : q->first; /* broken off: what was known before stands */
    memcpy(g->ids, q->ids, (size_t)g->n * sizeof g->ids[0]);
    for (int i = q->first; tokens && i < q->n; i++) {
        g->logprob[i] = tokens[i].logprob;
        g->start_s[i] = tokens[i].start_s;
        g->end_s[i] = tokens[i].end_s;
    }
}
