/* live_test.h: what tests of live streams share: a reader that checks every event, and engines that are ticked by hand.
 *
 * Purpose   listener_event() looks at each event of a live stream as it comes and fails at the first that breaks the contract
 *           of steno.h. by_hand() opens an engine without threads, tick_all() runs its shards until they have nothing to
 *           do, so that what happens follows from the pushes alone.
 */
#ifndef STENO_TESTS_LIVE_TEST_H
#define STENO_TESTS_LIVE_TEST_H

#include "engine_test.h"
#include "label_watch.h"

#include <inttypes.h>

/* A live stream, what was asked of it and what it has said. */
typedef struct listener {
    const float *pcm;
    size_t n;
    steno_live_options opt;
    watch *labels; /* NULL: nobody asked who is speaking */
    steno_stream_id id;
    size_t at, chunk;
    uint64_t chunk_seed;
    bool finished, done, quiet; /* quiet: no log */
    steno_event_kind end;
    steno_stats stats;
    /* what came */
    int64_t spoken, announced; /* the newest utterance of a SPEECH, of words; -1 */
    uint32_t finals, rev;
    uint64_t partials, words_out;
    int overloads, asked, answered; /* finalizes */
    double heard_s, final_end_s;
    bool overloaded, last_was_partial;
    uint32_t stable_bytes;
    char stable[TRANSCRIPT_TEXT_BYTES];
    steno_end_reason why; /* of the newest final */
    double slowest_final_s;
    char *log; /* owned: finals; listener_free() */
    size_t log_bytes;
} listener;

static inline listener listener_of(const float *pcm, size_t n, steno_live_options opt) {
    return (listener){.pcm = pcm, .n = n, .opt = opt, .announced = -1, .spoken = -1};
}

static inline void listener_free(listener *l) {
    free(l->log);
    l->log = NULL;
}

static inline steno_live_options live_defaults(void) {
    steno_live_options o;
    steno_live_options_init(&o);
    return o;
}

/* Text, confidence and the words': all that does not depend on where in its stream a span lies. */
static inline char *say(const steno_segment *s) {
    size_t cap = strlen(s->text) + 64 + (size_t)s->n_words * 64, at;
    char *out = malloc(cap);
    assert_non_null(out);
    at = (size_t)snprintf(out, cap, "%a %d %s", (double)s->confidence, s->looped, s->text);
    for (uint32_t i = 0; i < s->n_words; i++)
        at += (size_t)snprintf(out + at, cap - at, " [%u+%u %a]", s->words[i].text_offset, s->words[i].text_bytes,
                               (double)s->words[i].confidence);
    return out;
}

static inline void log_final(listener *l, const steno_segment *s) {
    char *said = say(s), head[96];
    int n = snprintf(head, sizeof head, "%u %d %.9g..%.9g ", s->id, (int)s->end, s->start_s, s->end_s);
    size_t more = strlen(said);
    l->log = realloc(l->log, l->log_bytes + (size_t)n + more + 2);
    assert_non_null(l->log);
    memcpy(l->log + l->log_bytes, head, (size_t)n);
    memcpy(l->log + l->log_bytes + n, said, more);
    l->log_bytes += (size_t)n + more;
    l->log[l->log_bytes++] = '\n';
    l->log[l->log_bytes] = '\0';
    free(said);
}

/* ---- the contract ------------------------------------------------------------------------------------------------- */

static inline void check_words(const steno_segment *s) {
    double at = s->start_s;
    size_t bytes = strlen(s->text), offset = 0;
    for (uint32_t i = 0; i < s->n_words; i++) {
        const steno_word *w = &s->words[i];
        assert_true(w->text_offset >= offset && w->text_bytes > 0);
        offset = w->text_offset + w->text_bytes;
        assert_true(offset <= bytes);
        assert_true(w->start_s >= at && w->end_s >= w->start_s);
        assert_true(w->confidence >= 0.0f && w->confidence <= 1.0f);
        at = w->end_s;
    }
    if (s->n_words) assert_true(at <= s->end_s + 1e-9);
    if (s->n_words == 0) assert_int_equal(bytes, 0);
}

/* The first anybody hears of utterance `id`, or more of it. */
static inline void check_utterance(listener *l, uint32_t id) {
    if ((int64_t)id == l->announced) return;
    assert_int_equal(id, l->announced + 1); /* in order, none left out */
    l->announced = id;
    l->rev = l->stable_bytes = 0;
}

static inline void check_segment(listener *l, const steno_event *ev) {
    const steno_segment *s = &ev->segment;
    if (s->id != l->finals) fail_msg("utterance %u before the final of %u", s->id, l->finals);
    check_utterance(l, s->id);
    if (s->rev <= l->rev) fail_msg("utterance %u: rev %u after %u", s->id, s->rev, l->rev);
    l->rev = s->rev;
    check_words(s);
    assert_true(s->start_s >= 0.0 && s->end_s >= s->start_s);
    assert_true(ev->heard_s >= l->heard_s);
    assert_true(ev->done_s >= 0.0 && ev->due_s > 0.0);
    l->heard_s = ev->heard_s;
}

static inline void check_partial(listener *l, const steno_event *ev) {
    const steno_segment *s = &ev->segment;
    size_t bytes = strlen(s->text);
    assert_true(l->opt.partial_ms > 0);
    check_segment(l, ev);
    assert_int_equal(s->end, STENO_END_NONE);
    assert_true(bytes > 0);
    if (bytes < l->stable_bytes || memcmp(s->text, l->stable, l->stable_bytes) != 0)
        fail_msg("'%.*s' is taken back: '%s'", (int)l->stable_bytes, l->stable, s->text);
    assert_true(s->stable_bytes <= bytes);
    assert_true(((unsigned char)s->text[s->stable_bytes] & 0xC0) != 0x80); /* a whole character */
    l->stable_bytes = s->stable_bytes;
    memcpy(l->stable, s->text, s->stable_bytes);
    l->partials++;
}

static inline void check_final(listener *l, const steno_event *ev) {
    const steno_segment *s = &ev->segment;
    check_segment(l, ev);
    assert_true(s->end != STENO_END_NONE);
    if (s->end == STENO_END_FINALIZED) assert_true(l->asked > l->answered);
    assert_true(s->start_s >= l->final_end_s - 1e-9); /* utterances do not overlap */
    if (s->n_words) l->final_end_s = s->end_s;
    l->why = s->end;
    l->words_out += s->n_words;
    if (ev->done_s - ev->due_s > l->slowest_final_s) l->slowest_final_s = ev->done_s - ev->due_s;
    l->finals++;
    if (!l->quiet) log_final(l, s);
}

static inline void check_end(listener *l, const steno_event *ev) {
    l->done = true;
    l->end = ev->kind;
    l->stats = ev->stats;
    assert_true(l->finished);
    assert_int_equal(ev->kind, STENO_EVENT_DONE);
    assert_int_equal(l->announced + 1, l->finals); /* whatever was announced has ended */
    assert_true(l->spoken < (int64_t)l->finals);
    assert_int_equal(l->asked, l->answered);
    assert_int_equal(ev->stats.partials, l->partials);
    assert_true(fabs(ev->stats.audio_s - (double)l->at / STENO_SAMPLE_RATE_HZ) < 1e-9); /* all of it was heard */
    assert_true(ev->stats.speech_s >= 0.0 && ev->stats.speech_s <= ev->stats.audio_s + 1e-9);
    assert_true(ev->stats.draft_kept <= ev->stats.draft_tokens);
}

static inline void listener_event(listener *l, const steno_event *ev) {
    assert_false(l->done);
    assert_true(ev->stream == l->id);
    if (l->labels) watch_event(l->labels, ev);
    switch (ev->kind) {
    case STENO_EVENT_SPEAKERS:
    case STENO_EVENT_TURNS:
        assert_non_null(l->labels);
        break;
    case STENO_EVENT_SPEECH:
        assert_true((int64_t)ev->segment.id > l->spoken && (int64_t)ev->segment.id > l->announced);
        assert_true(ev->segment.start_s >= 0.0 && ev->segment.start_s < ev->heard_s);
        l->spoken = ev->segment.id;
        break;
    case STENO_EVENT_PARTIAL:
        check_partial(l, ev);
        break;
    case STENO_EVENT_SEGMENT:
        check_final(l, ev);
        break;
    case STENO_EVENT_FINALIZED:
        assert_true(++l->answered <= l->asked);
        break;
    case STENO_EVENT_OVERLOAD:
        l->overloads++;
        l->overloaded = ev->overloaded;
        assert_true(ev->partial_ms > 0);
        break;
    default:
        check_end(l, ev);
    }
}

/* ---- engines ticked by hand --------------------------------------------------------------------------------------- */

static inline steno_engine *by_hand(const steno_model *model, const steno_engine_config *c) {
    steno_engine *e;
    if (engine_open_unstarted(model, c, NULL, NULL, &e) != STENO_OK) fail_msg("%s", steno_error_detail());
    return e;
}

static inline double still_clock(void *ctx) {
    (void)ctx;
    return 1.0;
}

/* … for which no time passes: it is never busy, however busy the machine is. */
static inline steno_engine *by_hand_at_rest(const steno_model *model, const steno_engine_config *c) {
    steno_engine *e;
    if (engine_open_unstarted(model, c, still_clock, NULL, &e) != STENO_OK) fail_msg("%s", steno_error_detail());
    return e;
}

static inline steno_engine_config config_of(int shards, int max_batch, int max_streams) {
    steno_engine_config c;
    steno_engine_config_init(&c);
    c.shards = shards;
    c.max_batch = max_batch;
    c.max_streams = max_streams;
    c.kv_pool_mb = 20;
    return c;
}

/* Until nobody has anything to do. */
static inline void tick_all(steno_engine *e) {
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < e->shard_count; i++) {
            if (shard_tick(e->shards[i], 0) == 0 || e->shards[i]->inbox.count) moved = true;
        }
    }
}

static inline int hear_events(steno_engine *e) {
    steno_event ev;
    int n = 0;
    while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
        listener_event(ev.user, &ev);
        steno_event_release(&ev);
        n++;
    }
    return n;
}

static inline void listener_open(steno_engine *e, listener *l) {
    assert_ok(steno_live_open(e, &l->opt, l, &l->id));
}

static inline void listener_finish(steno_engine *e, listener *l) {
    l->finished = true;
    assert_ok(steno_stream_finish(e, l->id));
}

/* Up to n more samples, or all there are; how many were taken. */
static inline size_t listener_push(steno_engine *e, listener *l, size_t n) {
    size_t taken;
    if (n > l->n - l->at) n = l->n - l->at;
    assert_ok(steno_stream_push(e, l->id, l->pcm + l->at, n, &taken));
    assert_true(taken <= n);
    l->at += taken;
    return taken;
}

static inline void listener_finalize(steno_engine *e, listener *l) {
    assert_ok(steno_live_finalize(e, l->id));
    l->asked++;
}

/* Passes that nobody waited for come back a little after the stream's end. */
static inline void wait_rest(steno_engine *e) {
    for (bool rest = false; !rest;) {
        steno_engine_stats st;
        steno_engine_get_stats(e, &st);
        rest = st.segments_free == st.segments && st.audio_frames_free == st.audio_frames;
        for (int i = 0; i < e->shard_count; i++) {
            if (!e->shards[i]->started) rest = shard_tick(e->shards[i], 0) != 0 && rest;
        }
    }
}

/* close_at_rest(), and what live streams have besides. */
static inline void close_live_at_rest(steno_engine *e) {
    wait_rest(e);
    assert_int_equal(e->open_count, 0);
    assert_int_equal(e->live_count, 0);
    for (int i = 0; i < e->shard_count; i++) {
        const shard *s = e->shards[i];
        shard_stop(e->shards[i]);
        assert_int_equal(s->grow_free_count, s->grow_count);
        assert_int_equal(s->waiting_grow.count, 0);
        assert_int_equal(s->grow_scratch.used_bytes, 0);
        assert_int_equal(shard_live(s), 0);
        for (int k = 0; k < LANES; k++) {
            assert_false(s->lane[k].busy);
            assert_int_equal(s->lane[k].scratch.used_bytes, 0);
        }
    }
    assert_int_equal(e->events.count, 0);
    close_at_rest(e);
}

#endif
