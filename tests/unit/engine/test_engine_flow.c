/* test_engine_flow.c: the engine always moves on, whatever is full, idle, late or closed.
 *
 * Nothing here measures time. A test that could only fail by hanging is ended by the watchdog of main().
 */
#include "engine_test.h"

#include "base/mem.h"

#include <sched.h>

#define SEED 20260119u

static rig normal;

/* ---- audio pool -------------------------------------------------------------------------------------------------- */

static float *steady_tone(size_t n, uint64_t seed) {
    float *pcm = malloc(n * sizeof *pcm);
    assert_non_null(pcm);
    fake_tone(pcm, n, &seed);
    return pcm;
}

/* Every second stream says half a sentence and then nothing; the first, and oldest, never says anything. */
static void idle_streams_hold_nobody_up(void **state) {
    (void)state;
    enum { N = SLOW_BUILD ? 12 : 64 };
    const int talkers = SLOW_BUILD ? 3 : 16;
    static track t[N];
    size_t n = SECONDS(25), half = SECONDS(12);
    float *pcm = steady_tone(n, SEED);
    steno_engine *e = engine_of(normal.model, 2, 24, N, 0);
    for (int i = 0; i < N; i++) {
        t[i] = track_of(pcm, n, vad_of(true, 20.0f));
        t[i].idle = i % (N / talkers) != 1;
        track_open(e, &t[i]);
    }
    for (int i = 2; i < N; i++) { /* all start to talk, most stop half-way */
        size_t taken;
        if (!t[i].idle) continue;
        for (t[i].at = 0; t[i].at < half; t[i].at += taken)
            assert_ok(steno_stream_push(e, t[i].id, pcm + t[i].at, half - t[i].at, &taken));
    }
    play_opened(e, t, N);
    for (int i = 0; i < N; i++) assert_int_equal(t[i].done, !t[i].idle);
    for (int i = 0; i < N; i++) t[i].idle = false;
    play_opened(e, t, N);
    for (int i = 1; i < N; i++) {
        assert_string_equal(t[i].log, t[0].log);
        track_free(&t[i]);
    }
    assert_true(t[0].segments > 0);
    track_free(&t[0]);
    close_at_rest(e);
    free(pcm);
}

/* Channels of one recording arrive side by side: none gets audio while another one waits for room. The pool is just
 * large enough for the promises. */
static void channels_in_lockstep(void **state) {
    (void)state;
    enum { N = 8 };
    static track t[N];
    size_t n = SECONDS(SLOW_BUILD ? 25 : 45), step = 4096;
    float *pcm = steady_tone(n, SEED + 1);
    steno_engine *e = engine_of(normal.model, 1, 24, N, N * 23);
    for (int i = 0; i < N; i++) {
        t[i] = track_of(pcm, n, vad_of(i % 2 == 0, 20.0f));
        track_open(e, &t[i]);
    }
    for (size_t at = 0; at < n; at += step) {
        size_t end = at + step < n ? at + step : n;
        for (bool all = false; !all;) {
            bool moved = take_events(e) > 0;
            all = true;
            for (int i = 0; i < N; i++) {
                size_t taken = 0;
                if (t[i].at < end) assert_ok(steno_stream_push(e, t[i].id, pcm + t[i].at, end - t[i].at, &taken));
                t[i].at += taken;
                moved = moved || taken;
                all = all && t[i].at == end;
            }
            if (!moved && !all) wait_engine(e);
        }
    }
    play_opened(e, t, N);
    for (int i = 0; i < N; i++) {
        assert_true(t[i].segments > 0);
        assert_string_equal(t[i].log, t[i % 2].log);
    }
    for (int i = 0; i < N; i++) track_free(&t[i]);
    close_at_rest(e);
    free(pcm);
}

/* A pool that cannot promise a window to every stream refuses the stream, not the audio. */
static void promises_are_limited(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 8, 40); /* 1250 frames */
    steno_vad_options vad = vad_of(true, 20.0f), smaller = vad_of(true, 10.0f);
    float *pcm = steady_tone(SECONDS(30), SEED + 2);
    track a = track_of(pcm, SECONDS(30), vad), b = track_of(pcm, SECONDS(30), smaller);
    steno_stream_id id = 1;
    track_open(e, &a);
    assert_int_equal(steno_stream_open(e, &vad, NULL, &id), STENO_E_LIMIT);
    assert_non_null(strstr(steno_error_detail(), "40 s of the audio pool"));
    track_open(e, &b); /* a shorter one fits */
    assert_int_equal(steno_stream_open(e, &smaller, NULL, &id), STENO_E_LIMIT);
    play_opened(e, &a, 1);
    play_opened(e, &b, 1);
    assert_true(a.segments > 0 && b.segments > 0);
    assert_int_equal(e->claimed, 0);
    for (int i = 0; i < 3; i++) { /* what is given back is promised again */
        track again = track_of(pcm, SECONDS(2), vad);
        play(e, &again, 1);
        track_free(&again);
    }
    track_free(&a);
    track_free(&b);
    close_at_rest(e);
    free(pcm);
}

/* ---- results that nobody takes ----------------------------------------------------------------------------------- */

static bool segments_exhausted(steno_engine *e) {
    pthread_mutex_lock(&e->segments.lock);
    bool none = e->segments.free_count == 0 && e->segments.wanted;
    pthread_mutex_unlock(&e->segments.lock);
    return none;
}

/* Pushes to the limit without looking at events until every segment is taken and one more is wanted. */
static void fill_up(steno_engine *e, track *t) {
    while (!segments_exhausted(e)) {
        size_t taken, want = t->n - t->at;
        assert_ok(steno_stream_push(e, t->id, t->pcm + t->at, want, &taken));
        t->at += taken;
        if (taken == 0) sched_yield();
    }
}

/* Speech in every third frame: a span each, as many as there can be. */
static float *flicker(size_t n, uint64_t seed) {
    float *pcm = steady_tone(n, seed);
    for (size_t i = 0; i < n; i++) {
        if (FRAME_OF(i) % 3) pcm[i] = 0.0f;
    }
    return pcm;
}

/* The last kind has more spans at once than one stream may have on their way. */
static void results_may_wait(void **state) {
    (void)state;
    size_t n = SECONDS(60); /* more spans than there are segments */
    for (int kind = 0; kind < 4; kind++) {
        float *pcm = kind < 2 ? fake_talk(n, 6.0, SEED + 3) : flicker(n, SEED + 3);
        steno_vad_options vad = vad_of(kind != 1, 1.0f);
        vad.join_ms = 0;
        vad.min_silence_ms = 32;
        vad.min_speech_ms = 0;
        vad.pad_ms = 0;
        track late = track_of(pcm, n, vad), prompt = late;
        steno_engine *e = engine_of(normal.model, 1, kind < 3 ? 1 : 64, 4, 0);
        play(e, &prompt, 1);
        if (kind >= 2) assert_true(prompt.stats.tokens > n / SECONDS(1) * 10);
        track_open(e, &late);
        if (kind < 3) fill_up(e, &late);
        play_opened(e, &late, 1);
        assert_string_equal(late.log, prompt.log);
        track_free(&late);
        track_free(&prompt);
        close_at_rest(e);
        free(pcm);
    }
}

/* A span that had to wait for a free segment comes when one is released, without any more audio. */
static void released_segments_wake(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 1, 4, 0);
    int segments = e->segments.count;
    /* Cuts fall behind frames 31, 62 … of a second each; the frame after the last cut makes it known. */
    size_t n = (size_t)(segments + 1) * 31 * SEGMENTER_FRAME_SAMPLES + SEGMENTER_FRAME_SAMPLES;
    float *pcm = steady_tone(n, SEED + 4);
    track t = track_of(pcm, n, vad_of(false, 1.0f));
    track_open(e, &t);
    while (t.at < n) {
        size_t taken;
        assert_ok(steno_stream_push(e, t.id, pcm + t.at, n - t.at, &taken));
        t.at += taken;
        if (!taken) sched_yield();
    }
    while (!segments_exhausted(e)) sched_yield();
    while (t.segments <= (uint32_t)segments) {
        if (take_events(e) == 0) wait_engine(e);
    }
    play_opened(e, &t, 1);
    track_free(&t);
    close_at_rest(e);
    free(pcm);
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

/* The shard's thread is stopped and its listening done by hand. */
static void streams_take_turns_at_the_vad(void **state) {
    (void)state;
    enum { N = 12 };
    steno_engine *e = engine_of(normal.model, 1, 4, N, 0);
    shard *s = e->shards[0];
    shard_stop(s);
    float *pcm = steady_tone(SECONDS(8), SEED + 20);
    for (int i = 0; i < N; i++) {
        steno_stream_id id;
        size_t taken;
        assert_ok(steno_stream_open(e, NULL, NULL, &id));
        assert_ok(steno_stream_push(e, id, pcm, SECONDS(8), &taken));
        assert_int_equal(taken, SECONDS(8));
    }
    for (message m; ring_pop(&s->inbox, &m, 1, 0);) {
        if (m.kind == MSG_OPEN) listen_open(s, &m);
        if (m.kind == MSG_FRAME) listen_frame(s, &m);
    }
    for (int step = 1; step <= 3 * N * STREAM_ROWS / LISTEN_ROWS; step++) {
        assert_true(listen_step(s));
        for (int i = 0; i < N; i++) { /* nobody is more than a turn ahead */
            int64_t turns = e->streams[i].listened / STREAM_ROWS, fair = step * LISTEN_ROWS / STREAM_ROWS / N;
            assert_in_range(turns, fair, fair + 1);
        }
    }
    steno_engine_close(e);
    free(pcm);
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

/* At any moment; what is lost is the sanitizer's to find. */
static void closing_with_work_in_flight(void **state) {
    (void)state;
    enum { N = 6 };
    size_t n = SECONDS(30);
    float *pcm = fake_talk(n, 5.0, SEED + 5);
    uint64_t random = SEED + 6;
    for (int round = 0; round < (SLOW_BUILD ? 6 : 40); round++) {
        static track t[N];
        steno_engine *e = engine_of(normal.model, 1 + round % 3, 1 + round % 5, N, 0);
        for (int i = 0; i < N; i++) {
            t[i] = track_of(pcm, n, vad_of(i % 2, 2.0f));
            t[i].chunk_seed = 1 + fake_next(&random) % 1000;
            track_open(e, &t[i]);
        }
        for (int turn = fake_below(&random, 60); turn > 0; turn--) {
            for (int i = 0; i < N; i++) push_some(e, &t[i]);
            if (turn % 4 == 0) take_events(e);
        }
        steno_engine_close(e);
        for (int i = 0; i < N; i++) track_free(&t[i]);
    }
    free(pcm);
}

static void closing_without_work(void **state) {
    (void)state;
    steno_engine_close(NULL);
    steno_engine *e = engine_of(normal.model, 3, 1, 1, 0);
    steno_engine_close(e);
    e = engine_of(normal.model, 1, 1, 2, 0);
    steno_stream_id id;
    assert_ok(steno_stream_open(e, NULL, NULL, &id));
    steno_engine_close(e);
}

/* ---- long runs --------------------------------------------------------------------------------------------------- */

/* Half an hour, and nothing is allocated after the engine is open. */
static void half_an_hour_in_constant_memory(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 60 : 1800);
    float *pcm = fake_talk(n, 30.0, SEED + 7);
    steno_engine *e = engine_of(normal.model, 1, 24, 2, 0);
    uint64_t before = mem_alloc_count();
    track t = track_of(pcm, n, vad_of(true, 20.0f));
    play(e, &t, 1);
    assert_int_equal(mem_alloc_count(), before);
    assert_true(t.segments > (SLOW_BUILD ? 2 : 80));
    assert_float_equal(t.stats.audio_s, (double)n / STENO_SAMPLE_RATE_HZ, 1e-9);
    track_free(&t);
    close_at_rest(e);
    free(pcm);
}

/* Streams come and go at random beside each other; each says what it says alone. */
static void coming_and_going(void **state) {
    (void)state;
    enum { N = 10, KINDS = 5 };
    static track t[N], alone[KINDS];
    size_t n = SECONDS(40);
    float *pcm = fake_talk(n, 8.0, SEED + 8);
    uint64_t random = SEED + 9;
    steno_engine *e = engine_of(normal.model, 2, 3, N, 0);
    for (int k = 0; k < KINDS; k++) {
        alone[k] = track_of(pcm + SECONDS(k), SECONDS(3 + 5 * k), vad_of(k != 2, 4.0f));
        play(e, &alone[k], 1);
    }
    int kind[N] = {0};
    for (int i = 0; i < N; i++) t[i].done = true;
    for (int ended = 0; ended < (SLOW_BUILD ? 12 : 300);) {
        bool moved = take_events(e) > 0;
        for (int i = 0; i < N; i++) {
            if (t[i].done && t[i].log) {
                assert_string_equal(t[i].log, alone[kind[i]].log);
                track_free(&t[i]);
                ended++;
            }
            if (t[i].done) {
                kind[i] = fake_below(&random, KINDS);
                t[i] = track_of(alone[kind[i]].pcm, alone[kind[i]].n, alone[kind[i]].vad);
                t[i].chunk_seed = 1 + fake_next(&random) % 100000;
                track_open(e, &t[i]);
                moved = true;
            }
            if (fake_below(&random, 3))
                moved = push_some(e, &t[i]) || moved;
            else
                moved = true; /* not now */
        }
        if (!moved) wait_engine(e);
    }
    play_opened(e, t, N);
    for (int i = 0; i < N; i++) track_free(&t[i]);
    for (int k = 0; k < KINDS; k++) track_free(&alone[k]);
    close_at_rest(e);
    free(pcm);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

typedef struct pusher {
    steno_engine *e;
    track *t;
    int n;
    _Atomic int *failed;
} pusher;

static void *push_all(void *arg) {
    const pusher *p = arg;
    for (int i = 0; i < p->n; i++) {
        track *t = &p->t[i];
        while (t->at < t->n) {
            size_t taken;
            if (steno_stream_push(p->e, t->id, t->pcm + t->at, t->n - t->at, &taken) != STENO_OK) *p->failed = 1;
            t->at += taken;
            if (!taken) sched_yield();
        }
        if (steno_stream_finish(p->e, t->id) != STENO_OK) *p->failed = 1;
    }
    return NULL;
}

/* One thread a group of streams pushes while this one polls. */
static void pushing_from_threads(void **state) {
    (void)state;
    enum { THREADS = 4, EACH = 3, N = THREADS * EACH };
    static track t[N];
    size_t n = SECONDS(SLOW_BUILD ? 12 : 40);
    float *pcm = fake_talk(n, 6.0, SEED + 10);
    _Atomic int failed = 0;
    pthread_t thread[THREADS];
    pusher p[THREADS];
    steno_engine *e = engine_of(normal.model, 2, 4, N, 0);
    for (int i = 0; i < N; i++) {
        t[i] = track_of(pcm, n, vad_of(true, 6.0f));
        track_open(e, &t[i]);
        t[i].n = n;
    }
    for (int i = 0; i < THREADS; i++) {
        p[i] = (pusher){e, &t[i * EACH], EACH, &failed};
        assert_int_equal(pthread_create(&thread[i], NULL, push_all, &p[i]), 0);
    }
    for (int left = N; left > 0;) {
        steno_event ev;
        if (steno_engine_poll(e, -1, &ev) != STENO_OK) continue;
        left -= ev.kind != STENO_EVENT_SEGMENT;
        note_event(ev.user, &ev);
        steno_event_release(&ev);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    assert_int_equal(failed, 0);
    for (int i = 0; i < N; i++) {
        assert_string_equal(t[i].log, t[0].log);
        if (i) track_free(&t[i]);
    }
    track_free(&t[0]);
    close_at_rest(e);
    free(pcm);
}

static int setup(void **state) {
    (void)state;
    rig_open(&normal, &fake_tiny, SEED);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_close(&normal);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_streams_hold_nobody_up),
        cmocka_unit_test(channels_in_lockstep),
        cmocka_unit_test(promises_are_limited),
        cmocka_unit_test(results_may_wait),
        cmocka_unit_test(released_segments_wake),
        cmocka_unit_test(streams_take_turns_at_the_vad),
        cmocka_unit_test(closing_with_work_in_flight),
        cmocka_unit_test(closing_without_work),
        cmocka_unit_test(half_an_hour_in_constant_memory),
        cmocka_unit_test(coming_and_going),
        cmocka_unit_test(pushing_from_threads),
    };
    print_message("seed %u\n", SEED);
    alarm(WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
