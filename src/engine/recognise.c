/* recognise.c: the part of a tick that understands: encoded segments -> decoder -> words.
 *
 * All sequences in flight take a step together. One with a draft feeds it in one go: each row of it says what comes next, and
 * as long as that is what the draft says too, the step of every row counts; the first that differs replaces the rest. The
 * text is therefore the one that decoding token by token gives, in fewer steps (speculative decoding, Leviathan et al.
 * 2023, with the last text as the draft). Owner: the shard.
 */
#include "engine/shard_int.h"

#include "base/mem.h"
#include "listen/times.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define MAX_SAMPLES     (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)
#define EDGE_SAMPLES    (STENO_SAMPLE_RATE_HZ / 10) /* words may lie this far outside of what the VAD calls speech */
#define LIVE_RECORDINGS 4                           /* of them in one step while live streams are open */
#define FINAL_STEPS     2 /* decoder steps a tick while there are finals among the sequences */
#define FINAL_SLOTS     4 /* sequence slots that less urgent work leaves to live finals */
/* To speech that lasts a second in all the network sometimes says that nothing is there: to figures above all, at .2 to .9. It is then
 * asked for words, and they count if it is as sure of them as of words it gives by itself: all but the first at INSIST_SURE on average. Of
 * speech played backwards and of many voices at once it is never that sure (docs/transcribe.md, speech without words). */
#define SURE_SPEECH        0.5f /* of a VAD frame */
#define SURE_SPEECH_FRAMES (STENO_SAMPLE_RATE_HZ / FRAME_SAMPLES)
#define EMPTY_LEAST        0.99f /* so sure that nothing is there: it is believed */
#define INSIST_SURE        0.9f
#define INSIST_TOKENS      3 /* fewer say too little to tell */

/* ---- memory ------------------------------------------------------------------------------------------------------- */

size_t recognise_scratch_bytes(const steno_engine *e) {
    const moonshine *m = e->model->asr;
    size_t decode = moonshine_decode_bytes(m, MOONSHINE_MAX_ROWS);
    size_t align = times_scratch_bytes(MOONSHINE_MAX_TOKENS, MOONSHINE_MAX_FRAMES) +
                   (size_t)(MOONSHINE_MAX_TOKENS + 2) * MOONSHINE_MAX_FRAMES * sizeof(float) +
                   (size_t)MAX_SAMPLES * sizeof(float) + 4096;
    return decode > align ? decode : align;
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

static void publish(shard *s) {
    atomic_store_explicit(&s->count.waiting, s->waiting_count, memory_order_relaxed);
    atomic_store_explicit(&s->count.active, s->active, memory_order_relaxed);
    atomic_store_explicit(&s->count.pages_free, s->pages.free_count, memory_order_relaxed);
    atomic_store_explicit(&s->count.pages_low, s->pages.low_water, memory_order_relaxed);
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
    s->sequences = mem_alloc((size_t)e->config.max_batch, sizeof *s->sequences);
    if (!s->sequences) return err_fail(STENO_E_NOMEM, "cannot reserve a shard's sequences");
    publish(s); /* a shard without work does not tick */
    return STENO_OK;
}

void recognise_close(shard *s) {
    kv_pool_free(&s->pages);
    mem_free(s->sequences);
}

/* ---- sequences ---------------------------------------------------------------------------------------------------- */

/* A free slot for work of this urgency, or NULL. */
sequence *recognise_free_sequence(shard *s, urgency u) {
    int most = s->engine->config.max_batch;
    if (u != URGENT_FINAL && shard_live(s) && most > 2 * FINAL_SLOTS) most -= FINAL_SLOTS;
    for (int i = 0; i < most; i++) {
        if (!s->sequences[i].seg) return &s->sequences[i];
    }
    return NULL;
}

/* Pages for `samples` of audio into q: cross-attention, self-attention and alignment rows. `leave` stay free. */
bool recognise_take_pages(shard *s, sequence *q, int samples, int leave) {
    page_plan p = plan_pages(s->pages.page_halfs, samples);
    int total = p.cross + p.self + p.align;
    assert(total <= SEQUENCE_PAGES); /* recognise_open() tried the longest */
    if (s->pages.free_count - total < leave) return false;
    if (!kv_pool_take(&s->pages, total, q->pages)) return false;
    q->page_count = total;
    memcpy(q->own.cross, q->pages, (size_t)p.cross * sizeof q->pages[0]);
    memcpy(q->own.self, q->pages + p.cross, (size_t)p.self * sizeof q->pages[0]);
    q->align_pages = q->pages + p.cross + p.self;
    q->align_rows = p.align_rows;
    q->own.frames = moonshine_frames(samples);
    q->own.position = 0;
    q->kv = &q->own;
    q->first = 0;
    q->limit = moonshine_token_limit(samples);
    return true;
}

static float *align_row(const sequence *q, int i) {
    uint16_t *page = q->align_pages[(i - q->first) / q->align_rows];
    return (float *)(void *)page + (size_t)((i - q->first) % q->align_rows) * (size_t)q->kv->frames;
}

void recognise_start_sequence(shard *s, sequence *q, segment *seg) {
    const hypothesis *draft = &seg->text_ids;
    q->seg = seg;
    q->n = q->steps = q->first;
    q->encoded = q->looped = q->ended = q->insisted = false;
    q->known = draft->n < q->limit ? draft->n : q->limit;
    q->forced = draft->forced < q->known ? draft->forced : q->known;
    memcpy(q->ids, draft->ids, (size_t)q->known * sizeof q->ids[0]);
    s->active++;
}

/* The segment goes home: a message to another shard, or straight in. */
void recognise_send_home(shard *s, segment *seg) {
    for (int i = 0; i < seg->frames_n; i++) frame_release(&s->engine->frames, seg->frames[i]);
    seg->frames_n = 0;
    if (seg->grow) grow_done(s, seg->grow);
    atomic_fetch_sub(&s->load, segment_samples(seg));
    if (seg->home == s->index) {
        listen_result(s, seg);
        return;
    }
    message m = {.kind = MSG_RESULT, .stream = seg->stream, .generation = seg->generation, .u.segment = seg};
    shard_post(shard_at(s->engine, seg->home), &m, 1);
}

void recognise_end_sequence(shard *s, sequence *q) {
    segment *seg = q->seg;
    kv_pool_give(&s->pages, q->page_count, q->pages);
    q->seg = NULL;
    s->active--;
    seg->done_s = engine_now_s(s->engine);
    recognise_send_home(s, seg);
}

/* ---- words -------------------------------------------------------------------------------------------------------- */

/* How likely each encoder frame from `from` on is speech, from the VAD frame in which its middle lies; negative where nobody
 * knows. */
static void gather_speech(const segment *seg, int from, int frames, float *speech) {
    int64_t middle = seg->span.start_sample - seg->first_frame * FRAME_SAMPLES + MOONSHINE_FRAME_FIRST +
                     MOONSHINE_FRAME_SAMPLES / 2 + (int64_t)from * MOONSHINE_FRAME_SAMPLES;
    for (int i = 0; i < frames; i++, middle += MOONSHINE_FRAME_SAMPLES) {
        int64_t at = middle / FRAME_SAMPLES;
        speech[i] = at < seg->frames_n ? seg->frames[at]->speech : -1.0f;
    }
}

/* The encoder frame from which on the tokens from q->first on are looked for: where those before them end. */
static int align_from(const sequence *q) {
    const growing *g = q->seg->grow;
    if (q->first == 0 || !g) return 0;
    double origin_s = (double)q->seg->span.start_sample / STENO_SAMPLE_RATE_HZ;
    int from = (int)((g->end_s[q->first - 1] - origin_s) / MOONSHINE_FRAME_S) - 1;
    if (from > q->kv->frames - 4) from = q->kv->frames - 4;
    return from > 0 ? from : 0;
}

/* Word times from where the tokens looked and from what was heard. A text that ended at its limit has no end token:
 * its row was never written. tokens [q->n]; those before q->first are not touched. */
static void align_sequence(shard *s, const sequence *q, transcript_token *tokens) {
    int n = q->n - q->first, rows = q->steps - q->first < n + 1 ? n : n + 1;
    int from = align_from(q), frames = q->kv->frames - from, skip = from * MOONSHINE_FRAME_SAMPLES;
    int samples = segment_samples(q->seg) - skip;
    float *weight = arena_take(&s->scratch, (size_t)rows * (size_t)frames, sizeof *weight);
    float *speech = arena_take(&s->scratch, (size_t)frames, sizeof *speech);
    float *pcm = arena_take(&s->scratch, (size_t)samples, sizeof *pcm);
    void *scratch = arena_take(&s->scratch, times_scratch_bytes(n, frames), 1);
    assert(weight && speech && pcm && scratch); /* recognise_scratch_bytes() */
    for (int i = 0; i < rows; i++)
        memcpy(weight + (size_t)i * (size_t)frames, align_row(q, q->first + i) + from, (size_t)frames * sizeof *weight);
    gather_speech(q->seg, from, frames, speech);
    segment_gather(q->seg, skip, samples, pcm);
    times_job job = {.tokenizer = s->engine->model->tokens,
                     .ids = q->ids + q->first,
                     .logprob = q->logprob + q->first,
                     .n = n,
                     .weight = weight,
                     .rows = rows,
                     .sound = {.pcm = pcm,
                               .samples = samples,
                               .hop_samples = MOONSHINE_FRAME_SAMPLES,
                               .first_sample = MOONSHINE_FRAME_FIRST,
                               .speech = speech},
                     .frames = frames,
                     .delay_frames = moonshine_describe(s->engine->model->asr)->align_delay_frames,
                     .origin_s = (double)(q->seg->span.start_sample + skip) / STENO_SAMPLE_RATE_HZ};
    times_of_tokens(&job, scratch, tokens + q->first);
}

/* The tokens that were kept from the last partial, as they were then. */
static void kept_tokens(const sequence *q, transcript_token *tokens) {
    const growing *g = q->seg->grow;
    for (int i = 0; i < q->first; i++)
        tokens[i] = (transcript_token){
            .id = q->ids[i], .logprob = g->logprob[i], .start_s = g->start_s[i], .end_s = g->end_s[i]};
}

/* Where words may lie: in the speech, and a little outside of it, because it begins softly and so late for the VAD. */
static void speech_bounds(const segmenter_span *span, double *start_s, double *end_s) {
    int64_t start = span->speech_start_sample - EDGE_SAMPLES, end = span->speech_end_sample + EDGE_SAMPLES;
    if (start < span->start_sample) start = span->start_sample;
    if (end > span->end_sample) end = span->end_sample;
    *start_s = (double)start / STENO_SAMPLE_RATE_HZ;
    *end_s = (double)end / STENO_SAMPLE_RATE_HZ;
}

/* Words that were insisted on and that the network does not stand by. */
static bool far_fetched(const sequence *q) {
    float sum = 0.0f;
    if (!q->insisted) return false;
    for (int i = 1; i < q->n; i++) sum += expf(q->logprob[i]);
    return q->looped || q->n < INSIST_TOKENS || sum < INSIST_SURE * (float)(q->n - 1);
}

static void finish_sequence(shard *s, sequence *q) {
    segment *seg = q->seg;
    transcript_token tokens[SEGMENT_IDS];
    size_t mark = arena_mark(&s->scratch);
    if (far_fetched(q)) q->n = q->looped = 0;
    if (q->first > q->n) q->first = q->n; /* a loop that began in what was kept was cut off there */
    kept_tokens(q, tokens);
    align_sequence(s, q, tokens);
    arena_release(&s->scratch, mark);
    if (seg->grow) grow_keep(s, q, tokens);
    double start_s, end_s;
    speech_bounds(&seg->span, &start_s, &end_s);
    transcript_build(s->engine->model->tokens, tokens, q->n, start_s, end_s, &seg->text);
    seg->text.looped = q->looped;
    seg->tokens = q->n;
    seg->text_ids.n = q->n;
    memcpy(seg->text_ids.ids, q->ids, (size_t)q->n * sizeof q->ids[0]);
    recognise_end_sequence(s, q);
}

/* ---- decoding ----------------------------------------------------------------------------------------------------- */

/* The rows of one step. */
typedef struct decode_batch {
    moonshine_row rows[MOONSHINE_MAX_ROWS];
    int n;
    sequence *seqs[MOONSHINE_MAX_BATCH]; /* each with rows [first[i], first[i + 1]) */
    int first[MOONSHINE_MAX_BATCH + 1];
    int seqs_n;
} decode_batch;

/* Row at position p is fed token p - 1 and says token p. */
static int32_t token_before(const moonshine_info *info, const sequence *q, int position) {
    return position ? q->ids[position - 1] : info->start_token;
}

/* Whether so much of the segment is speech that "nothing was said" is a doubtful answer to it. Not known without VAD. */
static bool surely_speech(const segment *seg) {
    int frames = 0;
    for (int i = 0; i < seg->frames_n; i++) frames += seg->frames[i]->speech >= SURE_SPEECH;
    return frames >= SURE_SPEECH_FRAMES;
}

/* The next row of q and, as far as there is room, those of its draft. */
static void add_rows(decode_batch *b, const moonshine_info *info, sequence *q) {
    int position = q->kv->position, last = q->known > q->n ? q->known : q->n;
    if (last >= q->limit) last = q->limit - 1;
    if (b->seqs_n == MOONSHINE_MAX_BATCH || b->n == MOONSHINE_MAX_ROWS) return;
    b->seqs[b->seqs_n] = q;
    b->first[b->seqs_n++] = b->n;
    for (; position <= last && b->n < MOONSHINE_MAX_ROWS; position++) {
        float *align = align_row(q, position);
        memset(align, 0, (size_t)q->kv->frames * sizeof *align);
        b->rows[b->n++] = (moonshine_row){.seq = q->kv,
                                          .token = token_before(info, q, position),
                                          .align = align,
                                          .end_least = position == 0 && surely_speech(q->seg) ? EMPTY_LEAST : 0.0f};
    }
    b->first[b->seqs_n] = b->n;
}

static bool is_bulk(const sequence *q) {
    return q->seg->pass == PASS_RECORDING;
}

/* Recordings in flight, taking turns: all of them, or a few while live streams are open, because a step is the longer the
 * more rows it has. */
static void collect_recordings(shard *s, decode_batch *b) {
    const moonshine_info *info = moonshine_describe(s->engine->model->asr);
    int slots = s->engine->config.max_batch,
        most = shard_live(s) && !s->engine->config.no_slices ? LIVE_RECORDINGS : slots;
    int first = s->decode_from;
    for (int k = 0; k < slots && most > 0; k++) {
        int i = (first + k) % slots;
        if (!s->sequences[i].seg || !s->sequences[i].encoded || !is_bulk(&s->sequences[i])) continue;
        add_rows(b, info, &s->sequences[i]);
        s->decode_from = i + 1;
        most--;
    }
}

/* All live sequences, finals first. */
static void collect_live(shard *s, decode_batch *b) {
    const moonshine_info *info = moonshine_describe(s->engine->model->asr);
    b->n = b->seqs_n = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < s->engine->config.max_batch; i++) {
            sequence *q = &s->sequences[i];
            if (!q->seg || !q->encoded || is_bulk(q)) continue;
            if ((q->seg->pass == PASS_PARTIAL) == (turn == 1)) add_rows(b, info, q);
        }
    }
}

/* How likely a token is that stands whatever the network prefers: at most what is left beside its favourite. */
static float other_logprob(float favourite) {
    float rest = 1.0f - expf(favourite);
    return logf(rest > 1e-6f ? rest : 1e-6f);
}

/* Takes in what the row at q->n says. False when the rows behind it do not count. */
static bool accept_row(const moonshine_info *info, sequence *q, const moonshine_row *row) {
    int32_t id = row->next, drafted = q->n < q->known ? q->ids[q->n] : -1;
    float logprob = row->logprob;
    if (q->n < q->forced && id != drafted) {
        id = drafted;
        logprob = other_logprob(logprob);
    }
    if (q->n == 0) q->insisted = row->end_lost;
    q->steps++;
    if (drafted >= 0 && q->n >= q->forced) {
        q->seg->draft_tokens++;
        if (id == drafted) q->seg->draft_kept++;
    }
    if (id != drafted) q->known = 0;
    if (id == info->end_token) {
        q->ended = true;
        return false;
    }
    q->ids[q->n] = id;
    q->logprob[q->n++] = logprob;
    int keep = transcript_loop(q->ids, q->n);
    if (keep < q->n) {
        q->n = keep;
        q->looped = q->ended = true;
    }
    if (q->n >= q->limit) q->ended = true;
    return !q->ended && id == drafted;
}

static void accept_rows(shard *s, const decode_batch *b, int i) {
    const moonshine_info *info = moonshine_describe(s->engine->model->asr);
    sequence *q = b->seqs[i];
    int r = b->first[i], kept = q->seg->draft_kept, drafted = q->seg->draft_tokens;
    while (r < b->first[i + 1] && accept_row(info, q, &b->rows[r])) r++;
    q->kv->position = q->n; /* rows behind the last that counted will be fed again */
    counter_add(&s->count.draft_kept, (uint64_t)(q->seg->draft_kept - kept));
    counter_add(&s->count.draft_tokens, (uint64_t)(q->seg->draft_tokens - drafted));
}

/* Sequences that nobody waits for any more. */
static void end_dropped(shard *s) {
    for (int i = 0; i < s->engine->config.max_batch; i++) {
        sequence *q = &s->sequences[i];
        if (!q->seg || !q->encoded || !atomic_load_explicit(&q->seg->dropped, memory_order_relaxed)) continue;
        q->seg->text.text_bytes = 0;
        if (q->seg->grow) grow_keep(s, q, NULL);
        recognise_end_sequence(s, q);
    }
}

static void settle_batch(shard *s, const decode_batch *b, steno_err err) {
    for (int i = 0; i < b->seqs_n; i++) {
        sequence *q = b->seqs[i];
        q->seg->error = err;
        if (err != STENO_OK) {
            q->seg->text.text_bytes = 0;
            recognise_end_sequence(s, q);
            continue;
        }
        accept_rows(s, b, i);
        if (q->ended) finish_sequence(s, q);
    }
}

/* One step; true when there was one. */
static bool decode_step(shard *s) {
    decode_batch b;
    encode_lane *bulk = &s->lane[LANE_BULK];
    end_dropped(s);
    collect_live(s, &b);
    int urgent_rows = b.n;
    if (urgent_rows == 0 || bulk->credit_s > 0.0 || s->engine->config.no_slices) collect_recordings(s, &b);
    if (b.n == 0) return false;
    double start_s = thread_cpu_s(), from_s = engine_now_s(s->engine);
    size_t mark = arena_mark(&s->scratch);
    steno_err err = moonshine_decode_step(s->engine->model->asr, &s->scratch, b.rows, b.n, NULL);
    arena_release(&s->scratch, mark);
    double row_s = (thread_cpu_s() - start_s) / b.n;
    for (int i = 0; i < b.seqs_n; i++) b.seqs[i]->seg->decode_cpu_s += row_s * (b.first[i + 1] - b.first[i]);
    settle_batch(s, &b, err);
    double spent_s = engine_now_s(s->engine) - from_s, urgent_share = (double)urgent_rows / b.n;
    s->urgent_s = spent_s * urgent_share;
    load_bulk(s, spent_s - s->urgent_s);
    if (urgent_rows) bulk->credit_s -= spent_s * (1.0 - urgent_share);
    observe_decoded(s, b.n, spent_s);
    return true;
}

/* True when a live final is being decoded. */
static bool decodes_finals(const shard *s) {
    for (int i = 0; s->active && i < s->engine->config.max_batch; i++) {
        const sequence *q = &s->sequences[i];
        if (q->seg && q->encoded && q->seg->pass <= PASS_CLOSING) return true;
    }
    return false;
}

bool recognise_step(shard *s) {
    bool moved = encode_step(s, s->urgent_s);
    double urgent_s = 0.0;
    /* Finals take several steps a tick: one that its draft does not help has a step for every token. */
    for (int i = 0; s->active && i < (decodes_finals(s) ? FINAL_STEPS : 1); i++) {
        s->urgent_s = 0.0;
        shard_give_way(s);
        if (!decode_step(s)) break;
        urgent_s += s->urgent_s;
        moved = true;
    }
    s->urgent_s = urgent_s;
    publish(s);
    return moved;
}
