/* live.c: a live stream's utterances: when to listen again for a partial, what to show, when it is over.
 *
 * Runs on a stream's home shard. The segmenter steps over heard frames; after each one this file looks whether a pass over
 * the open utterance is due:
 *   - a partial, every partial_ms of audio (more often until the first words are out, less often on an overloaded shard),
 *   - a closing pass, once a pause has reached the tail. It hears exactly what the final would; when the pause goes on it
 *     becomes the final, which so costs no time, and when speech goes on it was one more partial.
 * At most one pass of each kind is on its way. A final is decoded as if nothing had been heard before: drafts only save
 * steps, so a live text equals the text of the same span in a recording.
 *
 * Invariants
 *  1. Where an utterance ends follows from the audio and the options alone, never from timing: when the rule for
 *     unfinished texts needs a text, the segmenter waits for it.
 *  2. `live.last.forced` tokens have settled: every later partial of the utterance begins with them.
 *  3. Every utterance that was announced gets exactly one final, maybe empty, before the next one's first partial.
 */
#include "engine/shard_int.h"

#include "listen/stable.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FRAME_MS     32
#define EARLY_MS     192 /* between partials until the first words are out */
#define SPARE        8   /* segments that partials leave to finals */
#define GATHER_BUSY  0.4 /* from here on partials start together */
#define HELD_WORDS   2   /* at the end of what two texts agree on: they still change now and then */
#define QUIET_FRAMES 4   /* a pause this long, and no new speech: nothing new to show */

static stream *stream_of(shard *s, int slot) {
    return &s->engine->streams[slot];
}

static double seconds(int64_t samples) {
    return (double)samples / STENO_SAMPLE_RATE_HZ;
}

static double heard_s(const stream *t) {
    return seconds(t->stepped * FRAME_SAMPLES);
}

/* ---- small events ------------------------------------------------------------------------------------------------- */

/* Events without a segment are bounded a stream: what a slow reader has not taken yet makes the next one superfluous. */
static bool emit_note(shard *s, stream *t, event_message *m) {
    if (atomic_load(&t->notes) >= STREAM_NOTES) return false;
    atomic_fetch_add(&t->notes, 1);
    m->stream = (int)(t - s->engine->streams);
    m->generation = atomic_load(&t->generation);
    engine_emit(s->engine, m);
    return true;
}

/* Partials in force: as often as asked for, or as often as the shard can. */
static int partial_ms(const shard *s, const live_state *l) {
    double ms = l->opt.partial_ms * shard_stretch(s);
    return shard_stretch(s) > 1.0 ? (int)(ms / 100.0 + 0.5) * 100 : l->opt.partial_ms;
}

static void tell_overload(shard *s, stream *t) {
    live_state *l = &t->live;
    bool overloaded = shard_stretch(s) > 1.0;
    int ms = overloaded ? partial_ms(s, l) : l->opt.partial_ms;
    if (ms == l->told_partial_ms) return;
    event_message m = {.kind = STENO_EVENT_OVERLOAD, .partial_ms = ms, .overloaded = overloaded};
    if (emit_note(s, t, &m)) l->told_partial_ms = ms;
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

void live_open(shard *s, int slot, const steno_live_options *o) {
    stream *t = stream_of(s, slot);
    memset(&t->live, 0, sizeof t->live);
    t->live.opt = *o;
    t->live.told_partial_ms = o->partial_ms;
    steno_err err = segmenter_init_live(&t->seg, o);
    assert(err == STENO_OK); /* steno_live_open() tried the same options */
    (void)err;
}

void live_configure(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    pthread_mutex_lock(&s->engine->table_lock);
    t->live.wanted = t->wanted;
    pthread_mutex_unlock(&s->engine->table_lock);
    t->live.configure_frame = t->arrived;
    t->live.configuring = true;
    live_advance(s, m->stream);
}

void live_finalize(shard *s, const message *m) {
    stream *t = stream_of(s, m->stream);
    t->live.finalizing = true;
    t->live.finalize_done = false;
    t->live.finalize_frame = t->arrived;
    live_advance(s, m->stream);
}

/* ---- passes ------------------------------------------------------------------------------------------------------- */

/* A segment over a span of the open utterance, with the newest text as its draft; NULL: no segment to spare. */
static segment *take_pass(shard *s, int slot, const segmenter_span *span, pass_kind pass, int keep) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    segment *g = listen_take_segment(s, slot, span, pass, keep);
    if (!g) return NULL;
    g->text_ids = l->last;
    if (pass == PASS_CLOSING) g->text_ids.forced = 0;
    g->id = l->id;
    g->early = !l->shown;
    g->heard_s = heard_s(t);
    g->due_s = s->now_s;
    return g;
}

/* When the next partial is due: a cadence after this one was, or after now when it is late. */
static void next_due(shard *s, stream *t) {
    live_state *l = &t->live;
    int64_t now_ms = t->stepped * FRAME_MS;
    int every_ms = partial_ms(s, l);
    if (!l->shown && every_ms > EARLY_MS) every_ms = EARLY_MS;
    if (l->due_ms < now_ms - FRAME_MS || l->due_ms > now_ms) l->due_ms = now_ms; /* late, or a pause came first */
    l->due_ms += every_ms;
}

/* A pass over the whole utterance as it stands. */
static segment *take_present(shard *s, int slot, pass_kind pass, int keep) {
    stream *t = stream_of(s, slot);
    segmenter_span span;
    segmenter_peek(&t->seg, &span);
    segment *g = take_pass(s, slot, &span, pass, keep);
    if (!g) return NULL;
    next_due(s, t);
    t->live.covered_sample = span.speech_end_sample;
    return g;
}

/* On a busy shard partials start at the strokes of a clock, max_wait_ms apart, so that they share products and decoder steps.
 * A stream keeps its beat: a cadence after the last one, if it can, so that its partials come evenly. The first words of an
 * utterance wait for nobody. */
static double ripe_at_s(const shard *s, live_state *l) {
    double every_s = s->engine->config.max_wait_ms / 1000.0, now_s = s->now_s;
    if (!l->shown || every_s <= 0.0 || load_live(s) < GATHER_BUSY) return now_s;
    double at_s = l->ripe_s + partial_ms(s, l) / 1000.0;
    if (at_s < now_s - 0.5 * every_s || at_s > now_s + 1.5 * every_s)
        at_s = ceil((now_s + 0.001 * FRAME_MS) / every_s) * every_s;
    l->ripe_s = at_s;
    return at_s;
}

static void ask_partial(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    if (!l->grow) l->grow = grow_take(s);
    if (l->grow && l->grow->busy) return; /* one that was dropped is still at work on it */
    segment *g = take_present(s, slot, PASS_PARTIAL, SPARE);
    if (!g) return;
    g->grow = l->grow;
    g->ripe_s = ripe_at_s(s, l);
    if (l->grow) l->grow->busy = true;
    l->partial = g;
    listen_send(s, g, s);
}

/* The partial on its way is not wanted any more. */
static void drop_partial(shard *s, live_state *l) {
    segment *g = l->partial;
    if (!g) return;
    l->partial = NULL;
    atomic_store_explicit(&g->dropped, true, memory_order_relaxed);
    counter_add(&s->count.partials_skipped, 1);
    if (recognise_withdraw(s, g)) engine_give_segment(s->engine, g);
}

/* The audio that the new options count from has been reached. */
static void carry_out_configure(shard *s, stream *t) {
    live_state *l = &t->live;
    steno_err err = segmenter_configure_live(&t->seg, &l->wanted);
    assert(err == STENO_OK); /* steno_live_configure() tried the same options */
    (void)err;
    if (l->told_partial_ms == l->opt.partial_ms) l->told_partial_ms = l->wanted.partial_ms;
    l->opt = l->wanted;
    l->configuring = false;
    pthread_mutex_lock(&s->engine->table_lock);
    t->configuring = false; /* the next ones may come */
    pthread_mutex_unlock(&s->engine->table_lock);
    if (l->opt.partial_ms == 0) drop_partial(s, l);
}

static void drop_closing(shard *s, live_state *l) {
    segment *g = l->closing;
    if (!g) return;
    l->closing = NULL;
    if (l->closing_done)
        engine_give_segment(s->engine, g);
    else
        atomic_store_explicit(&g->dropped, true, memory_order_relaxed);
    l->closing_done = false;
}

static void ask_closing(shard *s, int slot, int keep) {
    stream *t = stream_of(s, slot);
    drop_closing(s, &t->live);
    drop_partial(s, &t->live);
    segment *g = take_present(s, slot, PASS_CLOSING, keep);
    if (!g) return;
    t->live.closing = g;
    t->live.closing_done = t->live.closing_cut = false;
    listen_send(s, g, listen_choose_shard(s));
}

/* Speech goes on and the utterance will soon have to be cut: its front is recognised before it is. */
static void ask_cut(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    segmenter_span span;
    if (l->closing || !segmenter_plan_cut(&t->seg, &span)) return;
    l->closing = take_pass(s, slot, &span, PASS_CLOSING, SPARE);
    l->closing_done = false;
    l->closing_cut = true;
    if (l->closing) listen_send(s, l->closing, listen_choose_shard(s));
}

/* Speech goes on after a pause: what was to be the final may still come back as a partial. */
static void closing_to_partial(shard *s, live_state *l) {
    if (!l->closing || l->closing_cut) return;
    if (l->closing_done || l->partial || l->opt.partial_ms == 0) {
        drop_closing(s, l);
        return;
    }
    l->partial = l->closing;
    l->closing = NULL;
}

/* ---- what is shown ------------------------------------------------------------------------------------------------ */

/* Takes in a newer text of the open utterance. */
static void settle(const steno_engine *e, live_state *l, const hypothesis *now) {
    int settled = l->last.forced;
    if (l->last.n) {
        int agreed = stable_tokens(e->model->tokens, l->last.ids, l->last.n, now->ids, now->n);
        agreed = stable_hold_back(e->model->tokens, now->ids, agreed, HELD_WORDS);
        if (agreed > settled) settled = agreed;
    }
    if (settled > now->n) settled = now->n;
    l->last = *now;
    l->last.forced = settled;
}

/* True when the text begins with what has settled; a closing pass is free to say something else. */
static bool keeps_settled(const live_state *l, const hypothesis *now) {
    return now->n >= l->last.forced && memcmp(now->ids, l->last.ids, (size_t)l->last.forced * sizeof now->ids[0]) == 0;
}

/* Hands the segment out as a partial; it belongs to the event then. */
static void emit_partial(shard *s, stream *t, segment *g) {
    live_state *l = &t->live;
    g->rev = ++l->rev;
    g->end = STENO_END_NONE;
    g->stable_bytes = stable_bytes(s->engine->model->tokens, l->last.ids, l->last.forced, &g->text);
    l->shown = true;
    if (t->voices) voices_label_partial(t, g);
    t->stats.partials++;
    counter_add(&s->count.partials, 1);
    event_message m = {.kind = STENO_EVENT_PARTIAL, .stream = g->stream, .generation = g->generation, .id = g->id};
    m.segment = g;
    engine_emit(s->engine, &m);
}

/* True when no earlier utterance's final is on its way. */
static bool finals_are_out(const stream *t) {
    return t->emit_order == t->next_order && t->stalled_count == 0;
}

/* A newer text of utterance l->id has come in; shows it, if it can be shown, and lets go of the segment. */
static void show(shard *s, stream *t, segment *g) {
    live_state *l = &t->live;
    bool current = l->open && g->id == l->id && g->error == STENO_OK && keeps_settled(l, &g->text_ids);
    if (current) {
        settle(s->engine, l, &g->text_ids);
        stable_trim_end(&g->text);
    }
    if (!current || !finals_are_out(t) || g->text.text_bytes == 0) {
        engine_give_segment(s->engine, g);
        return;
    }
    tell_overload(s, t);
    emit_partial(s, t, g);
}

/* The closing pass stays where it is, a copy is shown. */
static void show_copy(shard *s, stream *t, const segment *g) {
    segment *copy = segment_pool_take(&s->engine->segments, SPARE);
    if (!copy) return;
    copy->stream = g->stream;
    copy->generation = g->generation;
    copy->error = STENO_OK;
    copy->id = g->id;
    copy->heard_s = g->heard_s;
    copy->due_s = g->due_s;
    copy->done_s = g->done_s;
    copy->text = g->text;
    copy->text_ids = g->text_ids;
    copy->frames_n = 0;
    segment_unlabelled(copy);
    show(s, t, copy);
}

static void closing_came(shard *s, int slot, segment *g) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    l->closing_done = true;
    if (g->error == STENO_OK && g->text.text_bytes && l->opt.partial_ms && !l->closing_cut) show_copy(s, t, g);
    live_advance(s, slot);
}

void live_result(shard *s, segment *g) {
    stream *t = stream_of(s, g->stream);
    live_state *l = &t->live;
    if (g->generation != atomic_load(&t->generation)) { /* the stream has ended since */
        engine_give_segment(s->engine, g);
        return;
    }
    if (l->partial == g) {
        l->partial = NULL;
        listen_add_costs(t, g);
        show(s, t, g);
    } else if (l->closing == g) {
        closing_came(s, g->stream, g);
    } else {
        engine_give_segment(s->engine, g);
    }
}

/* ---- utterances --------------------------------------------------------------------------------------------------- */

static void announce(shard *s, stream *t) {
    live_state *l = &t->live;
    segmenter_span span;
    segmenter_peek(&t->seg, &span);
    l->open = true;
    l->id = l->next_id++;
    l->rev = 0;
    l->shown = false;
    l->last.n = l->last.forced = 0;
    l->due_ms = span.speech_start_sample / (STENO_SAMPLE_RATE_HZ / 1000) + EARLY_MS;
    event_message m = {
        .kind = STENO_EVENT_SPEECH, .id = l->id, .start_s = seconds(span.speech_start_sample), .heard_s = heard_s(t)};
    emit_note(s, t, &m);
}

/* The closing pass heard just this span: it is the final, now or as soon as it is there. */
static bool promote_closing(shard *s, int slot, const due_span *due) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    segment *g = l->closing;
    if (!g || g->span.start_sample != due->span.start_sample || g->span.end_sample != due->span.end_sample)
        return false;
    if (!listen_line_up(t, g)) return false;
    g->rev = due->rev;
    g->end = due->end;
    g->heard_s = due->heard_s;
    g->due_s = due->due_s;
    g->done = l->closing_done;
    if (l->closing_done) counter_add(&s->count.finals_early, 1);
    l->closing = NULL;
    l->closing_done = false;
    return true;
}

static void let_go_of_growth(shard *s, live_state *l) {
    if (l->grow && l->grow->busy)
        l->grow->detached = true;
    else if (l->grow)
        grow_give(s, l->grow);
    l->grow = NULL;
}

/* The utterance is over. */
static void close_utterance(shard *s, int slot, const segmenter_span *span, steno_end_reason end) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    if (!l->open) announce(s, t);
    due_span due = {.span = *span, .id = l->id, .rev = ++l->rev, .end = end, .heard_s = heard_s(t), .due_s = s->now_s};
    drop_partial(s, l);
    let_go_of_growth(s, l);
    l->open = false;
    counter_add(&s->count.speech_frames,
                (uint64_t)((span->speech_end_sample - span->speech_start_sample) / FRAME_SAMPLES));
    if (promote_closing(s, slot, &due)) {
        listen_hand_out(s, slot);
        return;
    }
    drop_closing(s, l);
    listen_offer(s, slot, &due);
}

static void carry_out_finalize(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    segmenter_span span;
    if (segmenter_finalize(&t->seg, &span)) close_utterance(s, slot, &span, STENO_END_FINALIZED);
    l->finalize_done = true;
    l->finalize_order = t->next_order + (uint32_t)t->stalled_count; /* spans that wait get their places later */
    live_handed_out(s, slot);
}

void live_handed_out(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    if (!l->finalizing || !l->finalize_done || t->stalled_count || t->emit_order < l->finalize_order) return;
    l->finalizing = l->finalize_done = false;
    event_message m = {.kind = STENO_EVENT_FINALIZED, .stream = slot, .generation = atomic_load(&t->generation)};
    engine_emit(s->engine, &m);
}

/* ---- frame by frame ----------------------------------------------------------------------------------------------- */

static bool partial_due(const stream *t) {
    const live_state *l = &t->live;
    if (l->opt.partial_ms == 0 || l->partial || !finals_are_out(t)) return false;
    if (t->stepped * FRAME_MS < l->due_ms) return false;
    int64_t speech_end = (t->seg.last_speech + 1) * FRAME_SAMPLES;
    return l->covered_sample < speech_end || segmenter_pause(&t->seg) < QUIET_FRAMES;
}

/* What the frame just stepped calls for. */
static void follow(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    if (!segmenter_speaks(&t->seg)) {
        drop_closing(s, l);
        return;
    }
    if (!l->open) announce(s, t);
    int pause = segmenter_pause(&t->seg);
    if (pause == 0) closing_to_partial(s, l);
    if (pause == segmenter_tail_frames(&t->seg)) ask_closing(s, slot, SPARE);
    if (pause >= segmenter_tail_frames(&t->seg)) return;
    ask_cut(s, slot);
    if (partial_due(t)) ask_partial(s, slot);
}

/* True when it is known whether the text of this pause looks unfinished; false: wait for it. */
static bool decide(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    if (!l->closing) ask_closing(s, slot, 0); /* there was no segment to spare */
    if (!l->closing && !l->starved) {
        l->starved = true; /* live_retry() comes when there is one */
        s->stalled++;
    }
    if (!l->closing || !l->closing_done) return false;
    segmenter_decide(&t->seg, stable_looks_unfinished(&l->closing->text));
    return true;
}

bool live_retry(shard *s, int slot) {
    live_state *l = &stream_of(s, slot)->live;
    if (!l->starved) return false;
    l->starved = false;
    s->stalled--;
    live_advance(s, slot);
    return !l->starved;
}

static void step_frame(shard *s, int slot, float prob) {
    stream *t = stream_of(s, slot);
    segmenter_span span;
    bool closed = segmenter_step(&t->seg, prob, &span);
    t->stepped++;
    if (closed) close_utterance(s, slot, &span, span.forced ? STENO_END_MAX : STENO_END_ENDPOINT);
    follow(s, slot);
}

/* The end of a stream whose frames have all been stepped over. */
static void flush(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    segmenter_span span;
    if (segmenter_finalize(&t->seg, &span)) {
        /* The last frame may be filled up with zeros behind the end of the stream. */
        if (span.end_sample > t->total_samples) span.end_sample = t->total_samples;
        if (span.speech_end_sample > t->total_samples) span.speech_end_sample = t->total_samples;
        close_utterance(s, slot, &span, STENO_END_STREAM);
        if (t->stalled_count) return; /* comes again */
    }
    drop_partial(s, &t->live);
    drop_closing(s, &t->live);
    s->stalled -= t->live.starved; /* a segment came another way before live_retry() */
    t->live.starved = false;
    t->flushed = true;
    listen_trim(s, t);
    listen_hand_out(s, slot);
}

void live_advance(shard *s, int slot) {
    stream *t = stream_of(s, slot);
    live_state *l = &t->live;
    while (t->stalled_count == 0) {
        if (l->configuring && t->stepped >= l->configure_frame) carry_out_configure(s, t);
        if (l->finalizing && !l->finalize_done && t->stepped >= l->finalize_frame) carry_out_finalize(s, slot);
        if (t->stepped >= t->listened || t->stalled_count) break;
        float prob = t->window[t->stepped % STREAM_WINDOW_FRAMES]->speech;
        if (segmenter_decides(&t->seg, prob) && !decide(s, slot)) break;
        step_frame(s, slot, prob);
    }
    listen_trim(s, t);
    /* Not while it is queued to be heard: its slot may be another stream's soon. */
    bool all_heard = t->listened == t->arrived && t->stepped == t->listened && !t->hearing;
    if (t->ending && !t->flushed && all_heard && !t->stalled_count) flush(s, slot);
}
