/* encode.c: which waiting segments are encoded when: three lanes, each with a batch of its own, worked on in slices.
 *
 * The quick lane takes short segments and runs to the end of its batch in every tick; so do the batches of partials that
 * grow (grow.c), which have a queue of their own. The long lane takes long live ones and the bulk lane long recordings; after
 * quicker work in the same tick they get a share of the time it took, as credit, and otherwise BUDGET_S. A segment starts
 * only when everything it may need is there (a sequence slot, KV pages), so a sequence in flight never waits for memory.
 * Partials start when they are ripe (live.c) and no final presses: one that somebody waits for, or a closing pass that has
 * waited for CLOSING_SLACK_S. Owner: the shard.
 */
#include "engine/shard_int.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

#define MAX_SAMPLES        (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)
#define SAMPLES_PER_ROW    384
#define BUDGET_S           0.008  /* of a lane's slices in one tick, */
#define LIVE_BUDGET_S      0.0015 /* and of recordings' while live streams are open: what people say waits for it */
#define LONG_SHARE         1.0    /* credit for a second of quicker work: half of the time */
#define BULK_SHARE         0.2    /* the same for recordings: a sixth */
#define GROW_BATCHES       3      /* of partials in one tick */
#define CLOSING_SLACK_S    0.1    /* a closing pass that has waited so long goes before partials */
#define FINAL_PATIENCE_S   0.3    /* finals should not wait for as long as this, */
#define CLOSING_PATIENCE_S 0.6    /* and passes that may become one, for which nobody waits yet, as this */
#define LONG_LIVE_ROWS     512    /* in one batch of long live segments: their latency counts */

/* ---- memory ------------------------------------------------------------------------------------------------------- */

static size_t encode_scratch_bytes(const steno_engine *e) {
    int batch = ENCODE_ROWS * SAMPLES_PER_ROW;
    size_t gathered = (size_t)MAX_SAMPLES * sizeof(float) + ENCODE_UTTERANCES * 64;
    return moonshine_encode_bytes(e->model->asr, MAX_SAMPLES > batch ? MAX_SAMPLES : batch, MAX_SAMPLES) + gathered;
}

static steno_err open_queue(const shard *s, wait_queue *q) {
    q->cap = s->engine->segments.count;
    q->items = mem_alloc((size_t)q->cap, sizeof(segment *));
    return q->items ? STENO_OK : err_fail(STENO_E_NOMEM, "cannot reserve a shard's queues");
}

steno_err encode_open(shard *s) {
    size_t bytes = encode_scratch_bytes(s->engine);
    for (int i = 0; i < LANES; i++) ERR_TRY(arena_init(&s->lane[i].scratch, bytes));
    for (int u = 0; u < URGENCIES; u++) {
        for (int l = 0; l < 2; l++) ERR_TRY(open_queue(s, &s->waiting[u][l]));
    }
    return open_queue(s, &s->waiting_grow);
}

void encode_close(shard *s) {
    for (int i = 0; i < LANES; i++) arena_free(&s->lane[i].scratch);
    for (int u = 0; u < URGENCIES; u++) {
        for (int l = 0; l < 2; l++) mem_free(s->waiting[u][l].items);
    }
    mem_free(s->waiting_grow.items);
}

/* ---- waiting ------------------------------------------------------------------------------------------------------ */

static urgency urgency_of(const segment *g) {
    return g->pass == PASS_RECORDING ? RECORDING : g->pass == PASS_PARTIAL ? URGENT_PARTIAL : URGENT_FINAL;
}

wait_queue *encode_queue_of(shard *s, const segment *g) {
    if (g->grow) return &s->waiting_grow;
    bool is_long = moonshine_frames(segment_samples(g)) > SHORT_ROWS;
    return &s->waiting[urgency_of(g)][is_long];
}

void recognise_enqueue(shard *s, segment *g) {
    wait_queue *q = encode_queue_of(s, g);
    assert(q->count < q->cap);
    q->items[(q->head + q->count++) % q->cap] = g;
    s->waiting_count++;
    s->finals_waiting += g->pass == PASS_FINAL;
}

static segment *first_waiting(const wait_queue *q) {
    return q->count ? q->items[q->head] : NULL;
}

static void drop_first(shard *s, wait_queue *q) {
    s->finals_waiting -= q->items[q->head]->pass == PASS_FINAL;
    q->head = (q->head + 1) % q->cap;
    q->count--;
    s->waiting_count--;
}

bool recognise_withdraw(shard *s, segment *g) {
    wait_queue *q = encode_queue_of(s, g);
    int i = 0;
    while (i < q->count && q->items[(q->head + i) % q->cap] != g) i++;
    if (i == q->count) return false;
    for (; i + 1 < q->count; i++) q->items[(q->head + i) % q->cap] = q->items[(q->head + i + 1) % q->cap];
    q->count--;
    s->waiting_count--;
    for (int f = 0; f < g->frames_n; f++) frame_release(&s->engine->frames, g->frames[f]);
    g->frames_n = 0;
    if (g->grow) grow_done(s, g->grow);
    atomic_fetch_sub(&s->load, segment_samples(g));
    return true;
}

bool encode_is_pressing(const shard *s, const segment *g) {
    return g->pass == PASS_FINAL || (g->pass == PASS_CLOSING && s->now_s - g->due_s > CLOSING_SLACK_S);
}

/* True when a final is late or about to be, waiting, being encoded or being decoded. */
static bool finals_press(const shard *s) {
    if (s->finals_waiting || s->lane[LANE_LONG].finals) return true;
    for (int i = 0; s->active && i < s->engine->config.max_batch; i++) {
        if (s->sequences[i].seg && encode_is_pressing(s, s->sequences[i].seg)) return true;
    }
    const segment *a = first_waiting(&s->waiting[URGENT_FINAL][0]), *b = first_waiting(&s->waiting[URGENT_FINAL][1]);
    return (a && encode_is_pressing(s, a)) || (b && encode_is_pressing(s, b));
}

void encode_note_start(shard *s, const segment *g) {
    double cadence_s = FINAL_PATIENCE_S;
    observe_wait(s, g);
    if (g->pass == PASS_RECORDING || g->early) return;
    if (g->pass == PASS_CLOSING) cadence_s = CLOSING_PATIENCE_S;
    if (g->pass == PASS_PARTIAL) cadence_s = s->engine->streams[g->stream].live.opt.partial_ms / 1000.0;
    load_began(s, s->now_s - g->due_s, cadence_s);
}

/* ---- filling a lane ----------------------------------------------------------------------------------------------- */

/* KV pages that less urgent work leaves to live finals. */
static int pages_to_leave(const shard *s, urgency u) {
    return u == URGENT_FINAL || s->active == 0 || shard_live(s) == 0 ? 0 : SEQUENCE_PAGES;
}

/* Moves segments from one queue into the lane's batch while slots, pages and rows last. */
static void fill_from(shard *s, encode_lane *l, urgency u, bool is_long, int max_rows) {
    wait_queue *q = &s->waiting[u][is_long];
    segment *g;
    while (l->n < ENCODE_UTTERANCES && (g = first_waiting(q)) != NULL) {
        if (atomic_load_explicit(&g->dropped, memory_order_relaxed)) {
            drop_first(s, q);
            recognise_send_home(s, g);
            continue;
        }
        int samples = segment_samples(g), rows = moonshine_frames(samples);
        if (l->n && l->rows + rows > max_rows) return;
        sequence *x = recognise_free_sequence(s, u);
        if (!x) return;
        while (!recognise_take_pages(s, x, samples, pages_to_leave(s, u))) {
            if (u != URGENT_FINAL && s->active) return; /* what is in flight gives pages back */
            if (!grow_reclaim(s)) return;
        }
        drop_first(s, q);
        encode_note_start(s, g);
        recognise_start_sequence(s, x, g);
        l->utt[l->n] = (moonshine_utterance){.samples = samples, .pages = x->own.cross};
        l->seq[l->n++] = x;
        l->rows += rows;
        if (encode_is_pressing(s, g)) l->finals = true;
    }
}

bool encode_is_ripe(const shard *s, const segment *g) {
    return s->now_s >= g->ripe_s;
}

/* When the first of the waiting partials may start; far away when none waits. */
static double ripe_at_s(const shard *s) {
    const wait_queue *const queues[] = {&s->waiting_grow, &s->waiting[URGENT_PARTIAL][0],
                                        &s->waiting[URGENT_PARTIAL][1]};
    double at_s = INFINITY;
    for (int k = 0; k < 3; k++) {
        const wait_queue *q = queues[k];
        for (int i = 0; i < q->count; i++) at_s = fmin(at_s, q->items[(q->head + i) % q->cap]->ripe_s);
    }
    return at_s;
}

bool encode_partials_may_start(const shard *s) {
    return s->now_s >= ripe_at_s(s) && !finals_press(s);
}

static void fill_lane(shard *s, lane_kind kind) {
    encode_lane *l = &s->lane[kind];
    l->n = l->rows = 0;
    l->finals = false;
    l->cpu_s = 0.0;
    bool live = shard_live(s) > 0;
    switch (kind) {
    case LANE_QUICK:
        fill_from(s, l, URGENT_FINAL, false, QUICK_ROWS);
        if (encode_partials_may_start(s)) fill_from(s, l, URGENT_PARTIAL, false, QUICK_ROWS);
        fill_from(s, l, RECORDING, false, live ? QUICK_ROWS : ENCODE_ROWS);
        break;
    case LANE_LONG:
        fill_from(s, l, URGENT_FINAL, true, LONG_LIVE_ROWS);
        if (encode_partials_may_start(s)) fill_from(s, l, URGENT_PARTIAL, true, LONG_LIVE_ROWS);
        break;
    default:
        fill_from(s, l, RECORDING, true, ENCODE_ROWS);
    }
}

/* ---- running it --------------------------------------------------------------------------------------------------- */

static steno_err begin(shard *s, encode_lane *l) {
    for (int i = 0; i < l->n; i++) {
        float *pcm = arena_take(&l->scratch, (size_t)l->utt[i].samples, sizeof *pcm);
        if (!pcm) return err_fail(STENO_E_NOMEM, "the shard's arena cannot hold a batch of audio");
        segment_gather(l->seq[i]->seg, 0, l->utt[i].samples, pcm);
        l->utt[i].pcm = pcm;
    }
    return moonshine_encode_begin(&l->encoding, s->engine->model->asr, &l->scratch, l->utt, l->n);
}

/* Rows that fit into a batch. */
static int rows_max(const shard *s, lane_kind kind) {
    if (kind == LANE_LONG) return LONG_LIVE_ROWS;
    return kind == LANE_QUICK && shard_live(s) > 0 ? QUICK_ROWS : ENCODE_ROWS;
}

_Static_assert((int)STENO_LANE_QUICK == LANE_QUICK && (int)STENO_LANE_LONG == LANE_LONG &&
                   (int)STENO_LANE_BULK == LANE_BULK,
               "lanes are called alike");

/* The batch is encoded, or could not be. */
static void end_batch(shard *s, encode_lane *l, steno_err err) {
    arena_release(&l->scratch, 0);
    l->busy = l->finals = false;
    for (int i = 0; i < l->n; i++) {
        segment *g = l->seq[i]->seg;
        g->encode_cpu_s += l->cpu_s * moonshine_frames(l->utt[i].samples) / l->rows;
        g->error = err;
        l->seq[i]->encoded = true;
        if (err == STENO_OK) continue;
        g->text.text_bytes = 0;
        recognise_end_sequence(s, l->seq[i]);
    }
    lane_kind kind = (lane_kind)(l - s->lane);
    observe_encoded(s, (steno_lane)kind, l->n, l->rows, rows_max(s, kind));
}

/* Fills an idle lane; true when it has something to do. */
static bool start_lane(shard *s, lane_kind kind) {
    encode_lane *l = &s->lane[kind];
    if (l->busy) return true;
    fill_lane(s, kind);
    if (l->n == 0) return false;
    l->busy = true;
    double start_s = thread_cpu_s();
    steno_err err = begin(s, l);
    l->cpu_s += thread_cpu_s() - start_s;
    if (err != STENO_OK) end_batch(s, l, err);
    return true;
}

/* Slices until the batch is done or budget_s is spent, at least one; returns the time it took. */
static double run_lane(shard *s, lane_kind kind, double budget_s) {
    encode_lane *l = &s->lane[kind];
    double begin_s = engine_now_s(s->engine), spent_s = 0.0;
    bool unsliced = s->engine->config.no_slices;
    while (l->busy) {
        bool done = false;
        shard_give_way(s);
        double start_s = thread_cpu_s();
        steno_err err = moonshine_encode_step(&l->encoding, &done);
        l->cpu_s += thread_cpu_s() - start_s;
        spent_s = engine_now_s(s->engine) - begin_s;
        if (done || err != STENO_OK) end_batch(s, l, err);
        if (spent_s >= budget_s && !unsliced) break;
    }
    return spent_s;
}

/* A slower lane's part of a tick in which quicker work took `busy_s`. */
static double run_share(shard *s, lane_kind kind, double busy_s, double share) {
    encode_lane *l = &s->lane[kind];
    l->credit_s += busy_s * share; /* decoding of recordings draws on it too */
    if (l->credit_s > BUDGET_S) l->credit_s = BUDGET_S;
    if (!start_lane(s, kind)) return 0.0;
    double budget_s = kind == LANE_BULK && shard_live(s) ? LIVE_BUDGET_S : BUDGET_S;
    if (busy_s <= 0.0 || s->engine->config.no_slices) return run_lane(s, kind, budget_s);
    if (l->credit_s <= 0.0) return 0.0;
    double spent_s = run_lane(s, kind, l->credit_s);
    l->credit_s -= spent_s;
    return spent_s;
}

bool encode_step(shard *s, double urgent_s) {
    double begin_s = engine_now_s(s->engine) - urgent_s;
    bool moved = start_lane(s, LANE_QUICK);
    if (moved) urgent_s += run_lane(s, LANE_QUICK, 1e9);
    for (int i = 0; i < GROW_BATCHES && grow_step(s); i++) { /* all that start together are decoded together */
        moved = true;
        urgent_s = engine_now_s(s->engine) - begin_s;
    }
    double long_s = run_share(s, LANE_LONG, urgent_s, LONG_SHARE);
    moved = moved || long_s > 0.0 || s->lane[LANE_LONG].busy;
    double bulk_s = run_share(s, LANE_BULK, urgent_s + long_s, BULK_SHARE);
    load_bulk(s, bulk_s);
    return moved || bulk_s > 0.0 || s->lane[LANE_BULK].busy;
}

int recognise_patience_ms(const shard *s) {
    double wait_ms = (ripe_at_s(s) - s->now_s) * 1000.0;
    if (wait_ms > 1000.0) return load_patience_ms(s);
    return wait_ms > 1.0 ? (int)wait_ms : 1;
}
