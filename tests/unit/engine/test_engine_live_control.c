/* test_engine_live_control.c: live streams in a real engine on made-up networks: finalize, configure, the end, and whatever
 * runs out or goes on beside.
 *
 * What they say is in test_engine_live.c. Most engines here are ticked by hand; the rest run their threads, for the thread
 * sanitizer.
 */
#include "live_model.h"

#include "base/mem.h"

#include <sched.h>

/* ---- finalize ------------------------------------------------------------------------------------------------------ */

/* Empties the pool of segments but for `leave`; gives them back with an empty list. */
static int hold_segments(steno_engine *e, segment **held, int leave) {
    int n = 0;
    while (e->segments.free_count > leave) held[n++] = segment_pool_take(&e->segments, leave);
    return n;
}

static void give_segments(steno_engine *e, segment **held, int n) {
    for (int i = 0; i < n; i++) engine_give_segment(e, held[i]);
}

static void finalize_is_answered_after_the_final(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 20 : 60);
    float *pcm = fake_talk(n, 3.0, SEED + 80);
    for (int shards = 1; shards <= 2; shards++) {
        steno_engine_config c = config_of(shards, 24, 4);
        steno_engine *e = by_hand(normal.model, &c);
        listener l = listener_of(pcm, n, live_defaults());
        uint64_t random = SEED + 81;
        listener_open(e, &l);
        int with_final = 0, without = 0;
        while (l.at < n) {
            listener_push(e, &l, (size_t)fake_below(&random, 20000));
            uint32_t finals = l.finals;
            listener_finalize(e, &l);
            for (int i = fake_below(&random, 5); i > 0; i--) shard_tick(e->shards[fake_below(&random, shards)], 0);
            if (l.asked > l.answered) assert_int_equal(steno_live_finalize(e, l.id), STENO_E_AGAIN);
            tick_all(e);
            hear_events(e);
            assert_int_equal(l.answered, l.asked);
            assert_false(segmenter_speaks(&e->streams[0].seg)); /* nothing is open after it */
            if (l.finals > finals && l.why == STENO_END_FINALIZED)
                with_final++;
            else
                without++;
        }
        assert_true(with_final > 5 && without > 5);
        listener_finalize(e, &l); /* and the end right behind it */
        listener_finish(e, &l);
        assert_int_equal(steno_live_finalize(e, l.id), STENO_E_INVALID);
        tick_all(e);
        hear_events(e);
        assert_true(l.done);
        listener_free(&l);
        close_live_at_rest(e);
    }
    free(pcm);
}

/* Its final waits for a free segment while an earlier one is at work. */
static void finalize_waits_for_a_span_that_waits(void **state) {
    (void)state;
    uint64_t random = SEED + 90;
    size_t n = SECONDS(12);
    float *pcm = calloc(n, sizeof *pcm);
    fake_tone(pcm, SECONDS(2), &random);
    fake_tone(pcm + SECONDS(5), SECONDS(2), &random);
    steno_engine_config c = config_of(2, 1, 2);
    steno_engine *e = by_hand(normal.model, &c);
    steno_live_options o = live_defaults();
    o.partial_ms = 0;
    o.unfinished_ms = 0;
    listener l = listener_of(pcm, n, o);
    listener_open(e, &l);
    shard *home = e->shards[e->streams[0].home];
    atomic_fetch_add(&home->load, SECONDS(100)); /* finals go to the other shard, which gets no time */
    while (l.at < SECONDS(4)) {
        listener_push(e, &l, 512);
        shard_tick(home, 0);
        hear_events(e);
    }
    assert_int_equal(e->streams[0].next_order, 1); /* one final is at work */
    segment **held = calloc((size_t)e->segments.count, sizeof *held);
    int held_n = hold_segments(e, held, 0);
    listener_push(e, &l, SECONDS(2));
    for (int i = 0; i < 4; i++) shard_tick(home, 0);
    listener_finalize(e, &l);
    for (int i = 0; i < 4; i++) shard_tick(home, 0);
    assert_int_equal(e->streams[0].stalled_count, 1);
    give_segments(e, held, held_n);
    for (int i = 0; i < 4; i++) shard_tick(home, 0);
    assert_int_equal(e->streams[0].next_order, 2);
    assert_int_equal(l.answered, 0);
    shard *other = e->shards[1 - e->streams[0].home];
    for (int i = 0; i < 1000; i++) { /* the first comes back, the second does not yet */
        shard_tick(other, 0);
        shard_tick(home, 0);
        hear_events(e);
        if (l.answered) assert_int_equal(l.finals, 2);
    }
    assert_int_equal(l.answered, 1);
    atomic_fetch_sub(&home->load, SECONDS(100));
    listener_finish(e, &l);
    tick_all(e);
    hear_events(e);
    assert_true(l.done);
    listener_free(&l);
    close_live_at_rest(e);
    free(held);
    free(pcm);
}

/* Answers that nobody takes do not pile up: the queue of events has room for one a stream. */
static void finalize_with_nobody_listening(void **state) {
    (void)state;
    enum { N = 3 };
    static listener l[N];
    float *pcm = fake_talk(SECONDS(10), 3.0, SEED + 95);
    steno_engine_config c = config_of(1, 1, N);
    steno_engine *e = by_hand(normal.model, &c);
    for (int i = 0; i < N; i++) {
        l[i] = listener_of(pcm, SECONDS(10), live_defaults());
        listener_open(e, &l[i]);
    }
    for (int i = 0; i < 400; i++) {
        listener *one = &l[i % N];
        listener_push(e, one, 2000);
        if (steno_live_finalize(e, one->id) == STENO_OK) one->asked++;
        for (int k = 0; k < 20; k++) shard_tick(e->shards[0], 0);
        assert_true(e->events.count < e->events.cap); /* full: the next event would be lost */
    }
    for (int i = 0; i < N; i++) listener_finish(e, &l[i]);
    for (int i = 0; i < 10; i++) {
        hear_events(e);
        tick_all(e);
    }
    hear_events(e);
    for (int i = 0; i < N; i++) {
        assert_true(l[i].done);
        listener_free(&l[i]);
    }
    close_live_at_rest(e);
    free(pcm);
}

/* ---- configure ----------------------------------------------------------------------------------------------------- */

/* From the audio pushed next on, however much of what came before has been heard. */
static void other_options_count_from_the_audio_pushed_next(void **state) {
    (void)state;
    size_t n = SECONDS(30), at = SECONDS(14);
    float *pcm = fake_talk(n, 3.0, SEED + 100);
    char *want = NULL;
    for (int way = 0; way < 4; way++) {
        steno_engine_config c = config_of(way == 3 ? 2 : 1, 24, 4);
        steno_engine *e = by_hand(normal.model, &c);
        steno_live_options o = live_defaults();
        o.unfinished_ms = 0;
        o.endpoint_ms = 1500;
        listener l = listener_of(pcm, n, o);
        listener_open(e, &l);
        while (l.at < at) {
            listener_push(e, &l, way == 1 ? at - l.at : at - l.at < 512 ? at - l.at : 512);
            if (way != 1) tick_all(e);
            if (way != 1) hear_events(e);
        }
        o.endpoint_ms = 200;
        o.partial_ms = 200;
        o.lead_ms = 500;
        assert_ok(steno_live_configure(e, l.id, &o));
        l.opt = o;
        if (way == 2) tick_all(e);
        while (l.at < n) {
            listener_push(e, &l, way == 1 ? n - l.at : 512);
            tick_all(e);
            hear_events(e);
        }
        listener_finish(e, &l);
        tick_all(e);
        hear_events(e);
        assert_true(l.done && l.finals > 2);
        if (!want) want = l.log;
        assert_same(l.log, want);
        if (l.log != want) listener_free(&l);
        close_live_at_rest(e);
    }
    free(want);
    free(pcm);
}

/* A client configures twice with audio between while its shard gets no time: the second does not count from where the
 * first does. */
static void two_configures_have_two_places(void **state) {
    (void)state;
    size_t n = SECONDS(30), at[3] = {SECONDS(8), SECONDS(16), n};
    float *pcm = fake_talk(n, 3.0, SEED + 105);
    char *want = NULL;
    for (int late = 0; late < 2; late++) {
        steno_engine_config c = config_of(1, 24, 4);
        steno_engine *e = by_hand(normal.model, &c);
        steno_live_options o = live_defaults();
        o.unfinished_ms = 0;
        o.endpoint_ms = 1500;
        listener l = listener_of(pcm, n, o);
        listener_open(e, &l);
        for (int part = 0; part < 3; part++) {
            while (l.at < at[part]) {
                listener_push(e, &l, at[part] - l.at < 512 ? at[part] - l.at : 512);
                if (!late) tick_all(e);
                if (!late) hear_events(e);
            }
            if (part == 2) break;
            o.endpoint_ms = part ? 1500 : 100;
            l.opt = o;
            while (steno_live_configure(e, l.id, &o) == STENO_E_AGAIN) {
                tick_all(e);
                hear_events(e);
            }
        }
        listener_finish(e, &l);
        tick_all(e);
        hear_events(e);
        assert_true(l.done && l.finals > 2);
        if (!want) want = l.log;
        assert_same(l.log, want);
        if (l.log != want) listener_free(&l);
        close_live_at_rest(e);
    }
    free(want);
    free(pcm);
}

static void options_that_are_refused(void **state) {
    (void)state;
    steno_engine_config c = config_of(1, 4, 4);
    steno_engine *e = by_hand(normal.model, &c);
    static float silence[512];
    listener l = listener_of(silence, 512, live_defaults());
    l.opt.max_utterance_s = 5.0f;
    listener_open(e, &l);
    steno_live_options o = l.opt;
    o.partial_ms = 99;
    assert_int_equal(steno_live_configure(e, l.id, &o), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "partial_ms"));
    o = l.opt;
    o.max_utterance_s = 31.0f;
    assert_int_equal(steno_live_configure(e, l.id, &o), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "max_utterance_s"));
    o.max_utterance_s = 25.0f; /* more than it was opened with */
    assert_ok(steno_live_configure(e, l.id, &o));
    o.max_utterance_s = 2.0f;
    assert_int_equal(steno_live_configure(e, l.id, &o),
                     STENO_E_AGAIN); /* or it would count from where the first does */
    tick_all(e);
    assert_ok(steno_live_configure(e, l.id, &o));
    steno_stream_id plain;
    assert_ok(steno_stream_open(e, NULL, NULL, &plain));
    assert_int_equal(steno_live_configure(e, plain, &o), STENO_E_INVALID);
    assert_int_equal(steno_live_finalize(e, plain), STENO_E_INVALID);
    assert_int_equal(steno_live_configure(e, plain + 1000, &o), STENO_E_NOT_FOUND);
    assert_ok(steno_stream_finish(e, plain));
    steno_event ev;
    tick_all(e);
    assert_ok(steno_engine_poll(e, 0, &ev));
    assert_int_equal(ev.kind, STENO_EVENT_DONE);
    listener_finish(e, &l);
    assert_int_equal(steno_live_configure(e, l.id, &o), STENO_E_INVALID);
    tick_all(e);
    hear_events(e);
    assert_true(l.done);
    close_live_at_rest(e);
}

static void live_streams_are_limited(void **state) {
    (void)state;
    static float silence[512];
    listener l[3] = {listener_of(silence, 512, live_defaults()), listener_of(silence, 512, live_defaults()),
                     listener_of(silence, 512, live_defaults())};
    steno_engine_config c = config_of(1, 4, 4);
    c.max_live = 2;
    steno_engine *e = by_hand(normal.model, &c);
    listener_open(e, &l[0]);
    listener_open(e, &l[1]);
    assert_int_equal(steno_live_open(e, NULL, NULL, &l[2].id), STENO_E_LIMIT);
    assert_non_null(strstr(steno_error_detail(), "2 live streams"));
    for (int i = 0; i < 2; i++) listener_finish(e, &l[i]);
    tick_all(e);
    hear_events(e);
    listener_open(e, &l[2]);
    listener_finish(e, &l[2]);
    tick_all(e);
    hear_events(e);
    assert_true(l[0].done && l[1].done && l[2].done);
    close_live_at_rest(e);
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

/* At every frame of speech and pause, and between frames. */
static void closing_an_open_utterance(void **state) {
    (void)state;
    uint64_t random = SEED + 110;
    size_t n = SECONDS(4);
    float *pcm = calloc(n, sizeof *pcm);
    fake_tone(pcm + SECONDS(1), SECONDS(1.5), &random);
    steno_engine_config c = config_of(2, 24, 4);
    steno_engine *e = by_hand(normal.model, &c);
    for (size_t end = SECONDS(0.5); end < n; end += SLOW_BUILD ? 4021 : 1021) {
        listener l = listener_of(pcm, end, live_defaults());
        listener_open(e, &l);
        while (l.at < end) {
            listener_push(e, &l, 4000);
            for (int i = fake_below(&random, 8); i > 0; i--) shard_tick(e->shards[fake_below(&random, 2)], 0);
            hear_events(e);
        }
        listener_finish(e, &l);
        for (int i = fake_below(&random, 8); i > 0; i--) shard_tick(e->shards[fake_below(&random, 2)], 0);
        tick_all(e);
        hear_events(e);
        assert_true(l.done);
        if (end > SECONDS(1.4) && end < SECONDS(2.9)) {
            assert_int_equal(l.finals, 1);
            assert_int_equal(l.why, STENO_END_STREAM);
        }
        listener_free(&l);
    }
    close_live_at_rest(e);
    free(pcm);
}

/* ---- what runs out ------------------------------------------------------------------------------------------------- */

/* A reader that sleeps for a long time, and a pool that is soon empty: partials stop, finals wait, nothing is lost or
 * different. */
static void a_reader_that_sleeps(void **state) {
    (void)state;
    enum { N = 3 };
    static listener l[N];
    size_t n = SECONDS(SLOW_BUILD ? 50 : 90);
    steno_engine_config c = config_of(1, 1, N);
    for (int kind = 0; kind < 2; kind++) {
        steno_engine *e = by_hand(normal.model, &c);
        float *pcm = fake_talk(n, kind ? 1.0 : 6.0, SEED + 120);
        steno_live_options o = live_defaults();
        o.partial_ms = 0;
        char *want = finals_of(pcm, n, o, 4096, &c);
        for (int i = 0; i < N; i++) {
            o.partial_ms = i == 2 ? 0 : 100 + 100 * i;
            l[i] = listener_of(pcm, n, o);
            listener_open(e, &l[i]);
        }
        for (bool moved = true; moved;) {
            moved = false;
            for (int i = 0; i < N; i++) moved = listener_push(e, &l[i], 512) > 0 || moved;
            tick_all(e);
        }
        assert_true(l[0].at < n); /* held back, not swallowed */
        assert_int_equal(e->segments.free_count, 0);
        for (bool all = false; !all;) {
            all = true;
            for (int i = 0; i < N; i++) {
                if (!l[i].finished) listener_push(e, &l[i], 512);
                if (l[i].at == n && !l[i].finished) listener_finish(e, &l[i]);
                all = all && l[i].done;
            }
            tick_all(e);
            hear_events(e);
        }
        for (int i = 0; i < N; i++) {
            assert_same(l[i].log, want);
            listener_free(&l[i]);
        }
        close_live_at_rest(e);
        free(want);
        free(pcm);
    }
}

/* One stream stops sending in mid-utterance, its pages are kept for it; the long utterances of another still get theirs. */
static void a_stalled_stream_keeps_no_pages_from_others(void **state) {
    (void)state;
    enum { N = 6 };
    static listener l[N];
    uint64_t random = SEED + 130;
    size_t n = SECONDS(31);
    float *pcm = calloc(n, sizeof *pcm);
    fake_tone(pcm, SECONDS(29), &random);
    for (int max_batch = SLOW_BUILD ? 24 : 1; max_batch <= 24; max_batch += 23) {
        steno_engine_config c = config_of(1, max_batch, N + 1);
        c.kv_pool_mb = 8;
        steno_engine *e = by_hand(normal.model, &c);
        kv_pool *pool = &e->shards[0]->pages;
        int spare = pool->count - SEQUENCE_PAGES; /* made-up pages are small: leave what the smallest pool has */
        uint16_t **taken = calloc((size_t)pool->count, sizeof *taken);
        assert_true(kv_pool_take(pool, spare, taken));
        steno_live_options o = live_defaults();
        o.max_utterance_s = 29.0f;
        for (int i = 0; i < N; i++) {
            l[i] = listener_of(pcm, n, o);
            listener_open(e, &l[i]);
        }
        for (int i = 0; i < N; i++) { /* all but the last stall */
            while (l[i].at < (i + 1 < N ? SECONDS(3 + 2 * i) : n)) {
                assert_true(listener_push(e, &l[i], SLOW_BUILD ? 8192 : 512) > 0);
                tick_all(e);
                hear_events(e);
            }
        }
        assert_true(l[N - 1].finals > 0);
        track r = track_of(pcm, SECONDS(25), vad_of(false, 25.0f)); /* a recording too */
        track_open(e, &r);
        for (size_t some; r.at < r.n; r.at += some)
            assert_ok(steno_stream_push(e, r.id, pcm + r.at, r.n - r.at, &some));
        assert_ok(steno_stream_finish(e, r.id));
        tick_all(e);
        take_events(e);
        assert_true(r.done);
        track_free(&r);
        for (int i = 0; i < N; i++) { /* they go on as if nothing had been */
            while (l[i].at < n) {
                listener_push(e, &l[i], SLOW_BUILD ? 16000 : 1600);
                tick_all(e);
                hear_events(e);
            }
            listener_finish(e, &l[i]);
        }
        tick_all(e);
        hear_events(e);
        for (int i = 0; i < N; i++) {
            assert_true(l[i].done);
            assert_same(l[i].log, l[0].log);
        }
        for (int i = 0; i < N; i++) listener_free(&l[i]);
        kv_pool_give(pool, spare, taken);
        free(taken);
        close_live_at_rest(e);
    }
    free(pcm);
}

static void nothing_is_allocated_once_it_runs(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 20 : 120);
    float *pcm = fake_talk(n, 10.0, SEED + 140);
    steno_engine_config c = config_of(2, 24, 4);
    steno_engine *e = by_hand(normal.model, &c);
    listener l = listener_of(pcm, n, live_defaults());
    uint64_t before = mem_alloc_count();
    l.quiet = true;
    play_by_hand(e, &l, 1600);
    assert_int_equal(mem_alloc_count(), before);
    assert_true(l.partials > n / SECONDS(2));
    close_live_at_rest(e);
    free(pcm);
}

/* After everybody has left an overloaded shard, it does not refuse for ever. */
static double test_clock(void *ctx) {
    return *(const double *)ctx;
}

static void overload_is_forgotten(void **state) {
    (void)state;
    steno_engine_config c = config_of(1, 4, 4);
    steno_engine *e;
    double now_s = 100.0;
    assert_ok(engine_open_unstarted(normal.model, &c, test_clock, &now_s, &e));
    shard *s = e->shards[0];
    float *pcm = fake_talk(SECONDS(5), 3.0, SEED + 150);
    listener l = listener_of(pcm, SECONDS(5), live_defaults());
    l.quiet = true;
    listener_open(e, &l);
    atomic_store(&s->meter.stretch, 2.5); /* as after a bad time */
    atomic_store(&s->meter.busy, 0.99);
    s->meter.wait_share = 0.9;
    s->meter.changed_s = now_s;
    listener_push(e, &l, SECONDS(5));
    listener_finish(e, &l);
    tick_all(e);
    hear_events(e);
    assert_true(l.done);
    /* A shard's thread waits for messages as long as its last tick said: nobody sends any. */
    int wait_ms = shard_tick(s, 0);
    for (int i = 0; i < 1000 && wait_ms >= 0; i++) {
        now_s += wait_ms / 1000.0 + 0.001;
        wait_ms = shard_tick(s, 0);
    }
    now_s += 60.0;
    listener again = listener_of(pcm, SECONDS(5), live_defaults());
    again.quiet = true;
    if (steno_live_open(e, &again.opt, &again, &again.id) != STENO_OK) fail_msg("%s", steno_error_detail());
    assert_true(wait_ms < 0); /* and an idle shard sleeps in the end */
    listener_finish(e, &again);
    tick_all(e);
    hear_events(e);
    close_live_at_rest(e);
    free(pcm);
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

/* Streams come and go on two shards as fast as they can, so that slots are reused while passes of those before are still
 * at work. */
static void coming_and_going(void **state) {
    (void)state;
    enum { N = 6 };
    static listener l[N];
    size_t n = SECONDS(12);
    float *pcm = fake_talk(n, 3.0, SEED + 160);
    uint64_t random = SEED + 161;
    steno_engine_config c = config_of(2, 3, N);
    steno_engine *e;
    assert_ok(steno_engine_open(normal.model, &c, &e));
    for (int i = 0; i < N; i++) l[i].done = true;
    for (int opened = 0, ended = 0, most = SLOW_BUILD ? 60 : 1500; ended < most;) {
        bool moved = hear_events(e) > 0;
        for (int i = 0; i < N; i++) {
            if (l[i].done && l[i].id) {
                ended++;
                l[i].id = 0;
            }
            if (l[i].done && opened < most) {
                size_t from = (size_t)fake_below(&random, (int)SECONDS(8));
                steno_live_options o = live_defaults();
                o.partial_ms = 100 * fake_below(&random, 4);
                o.endpoint_ms = 100 + fake_below(&random, 500);
                l[i] = listener_of(pcm + from, 1 + (size_t)fake_below(&random, (int)SECONDS(4)), o);
                l[i].quiet = true;
                listener_open(e, &l[i]);
                opened++;
                moved = true;
            }
            if (l[i].done || l[i].finished) continue;
            if (l[i].at < l[i].n) moved = listener_push(e, &l[i], 1 + (size_t)fake_below(&random, 16000)) > 0 || moved;
            if (fake_below(&random, 20) == 0 && steno_live_finalize(e, l[i].id) == STENO_OK) l[i].asked++;
            if (fake_below(&random, 20) == 0) {
                steno_live_options o = l[i].opt;
                o.endpoint_ms = 100 + fake_below(&random, o.endpoint_ms - 99);
                steno_err err = steno_live_configure(e, l[i].id, &o);
                assert_true(err == STENO_OK || err == STENO_E_AGAIN);
            }
            if (l[i].at == l[i].n || fake_below(&random, 40) == 0) {
                listener_finish(e, &l[i]);
                moved = true;
            }
        }
        if (!moved) sched_yield();
    }
    close_live_at_rest(e);
    free(pcm);
}

/* At any moment; what is lost is the sanitizer's to find. */
static void closing_the_engine_with_passes_in_flight(void **state) {
    (void)state;
    size_t n = SECONDS(8);
    float *pcm = fake_talk(n, 4.0, SEED + 170);
    uint64_t random = SEED + 171;
    for (int round = 0; round < (SLOW_BUILD ? 6 : 60); round++) {
        listener l[4];
        steno_engine_config c = config_of(1 + round % 3, 1 + round % 5, 4);
        steno_engine *e;
        assert_ok(steno_engine_open(normal.model, &c, &e));
        for (int i = 0; i < 4; i++) {
            l[i] = listener_of(pcm, n, live_defaults());
            l[i].quiet = true;
            listener_open(e, &l[i]);
        }
        for (int turn = fake_below(&random, 80); turn > 0; turn--) {
            listener_push(e, &l[fake_below(&random, 4)], 1 + (size_t)fake_below(&random, 30000));
            if (turn % 4 == 0) hear_events(e);
        }
        steno_engine_close(e);
    }
    free(pcm);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finalize_is_answered_after_the_final),
        cmocka_unit_test(finalize_waits_for_a_span_that_waits),
        cmocka_unit_test(finalize_with_nobody_listening),
        cmocka_unit_test(other_options_count_from_the_audio_pushed_next),
        cmocka_unit_test(two_configures_have_two_places),
        cmocka_unit_test(options_that_are_refused),
        cmocka_unit_test(live_streams_are_limited),
        cmocka_unit_test(closing_an_open_utterance),
        cmocka_unit_test(a_reader_that_sleeps),
        cmocka_unit_test(a_stalled_stream_keeps_no_pages_from_others),
        cmocka_unit_test(nothing_is_allocated_once_it_runs),
        cmocka_unit_test(overload_is_forgotten),
        cmocka_unit_test(coming_and_going),
        cmocka_unit_test(closing_the_engine_with_passes_in_flight),
    };
    print_message("seed %u\n", SEED);
    alarm(3 * WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
