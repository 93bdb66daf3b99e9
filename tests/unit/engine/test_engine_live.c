/* test_engine_live.c: live streams in a real engine on made-up networks: what they say, and in which order.
 *
 * Finals are compared with an ordinary recognition of the same samples; partials and their order are checked event by event
 * (live_test.h). Most engines here are ticked by hand, so that a test sees the same interleaving every time; the rest run
 * their threads, for the thread sanitizer. Controls, ends and what runs out are in test_engine_live_control.c.
 */
#include "live_model.h"

#include "listen/stable.h"

#include <sched.h>

/* ---- the same words as in a recording ----------------------------------------------------------------------------- */

/* What an ordinary stream without VAD hears in these samples alone; "" when it is nothing. */
static char *recognise_alone(steno_engine *e, const float *pcm, int64_t n, transcript *text) {
    steno_vad_options vad = vad_of(false, 30.0f);
    steno_stream_id id;
    size_t taken;
    char *said = NULL;
    text->text_bytes = 0;
    vad.pad_ms = 0;
    assert_true(n < 30 * STENO_SAMPLE_RATE_HZ);
    assert_ok(steno_stream_open(e, &vad, NULL, &id));
    assert_ok(steno_stream_push(e, id, pcm, (size_t)n, &taken));
    assert_int_equal(taken, n);
    assert_ok(steno_stream_finish(e, id));
    for (bool done = false; !done;) {
        steno_event ev;
        tick_all(e);
        assert_ok(steno_engine_poll(e, 0, &ev));
        done = ev.kind == STENO_EVENT_DONE;
        if (ev.kind == STENO_EVENT_SEGMENT) {
            assert_null(said);
            said = say(&ev.segment);
            text->text_bytes = (uint32_t)strlen(ev.segment.text);
            memcpy(text->text, ev.segment.text, text->text_bytes + 1);
        }
        steno_event_release(&ev);
    }
    return said;
}

typedef struct plain_live {
    steno_engine *e;
    const float *pcm;
    size_t n;
    int spans, unfinished;
    char *log;
    size_t bytes;
} plain_live;

static void plain_note(plain_live *p, const segmenter_span *span) {
    static transcript text;
    int64_t end = span->end_sample < (int64_t)p->n ? span->end_sample : (int64_t)p->n;
    char *said = recognise_alone(p->e, p->pcm + span->start_sample, end - span->start_sample, &text), line[32];
    if (!said) {
        steno_segment nothing = {.text = ""};
        said = say(&nothing);
    }
    int n = snprintf(line, sizeof line, "%d ", p->spans++);
    size_t more = strlen(said);
    p->log = realloc(p->log, p->bytes + (size_t)n + more + 2);
    assert_non_null(p->log);
    memcpy(p->log + p->bytes, line, (size_t)n);
    memcpy(p->log + p->bytes + n, said, more);
    p->bytes += (size_t)n + more;
    p->log[p->bytes++] = '\n';
    p->log[p->bytes] = '\0';
    free(said);
}

/* The spans a live stream should have, one frame at a time as if there were no engine, and what each says alone. */
static plain_live plain_play_live(const float *pcm, size_t n, const steno_live_options *o) {
    steno_engine_config c = config_of(1, 8, 2);
    plain_live p = {.e = by_hand(normal.model, &c), .pcm = pcm, .n = n};
    segmenter *seg = calloc(1, sizeof *seg);
    static transcript text;
    silero_state state;
    segmenter_span span;
    arena a;
    assert_ok(arena_init(&a, silero_arena_bytes(1)));
    silero_reset(&state);
    assert_ok(segmenter_init_live(seg, o));
    for (size_t at = 0; at < n; at += FRAME_SAMPLES) {
        float frame_pcm[FRAME_SAMPLES] = {0}, prob = 0.0f;
        size_t some = n - at < FRAME_SAMPLES ? n - at : FRAME_SAMPLES;
        memcpy(frame_pcm, pcm + at, some * sizeof *frame_pcm);
        silero_job job = {.state = &state, .pcm = frame_pcm, .frames = 1, .prob = &prob};
        assert_ok(silero_step(normal.model->vad, &a, &job, 1));
        if (segmenter_decides(seg, prob)) {
            segmenter_peek(seg, &span);
            free(recognise_alone(p.e, pcm + span.start_sample, span.end_sample - span.start_sample, &text));
            bool goes_on = stable_looks_unfinished(&text);
            p.unfinished += goes_on;
            segmenter_decide(seg, goes_on);
        }
        if (segmenter_step(seg, prob, &span)) plain_note(&p, &span);
        if (segmenter_pause(seg) < segmenter_tail_frames(seg)) (void)segmenter_plan_cut(seg, &span);
    }
    if (segmenter_finalize(seg, &span)) plain_note(&p, &span);
    arena_free(&a);
    free(seg);
    close_live_at_rest(p.e);
    return p;
}

/* Leaves out of the log what plain_note() does not know: why a final came and when its words were said. */
static char *without_times(const char *log) {
    char *out = malloc(strlen(log) + 1), *to = out;
    assert_non_null(out);
    while (*log) {
        while (*log != ' ') *to++ = *log++;
        log += 1 + strcspn(log + 1, " ");
        log += 1 + strcspn(log + 1, " ");
        while ((*to++ = *log++) != '\n') {
        }
    }
    *to = '\0';
    return out;
}

static void finals_are_what_a_recording_says(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 25 : 90) + 77;
    int unfinished = 0, spans = 0;
    for (int kind = 0; kind < 5; kind++) {
        float *pcm = fake_talk(n, kind == 1 ? 25.0 : 5.0, SEED + (unsigned)kind);
        steno_live_options o = live_defaults();
        if (kind == 1) o.max_utterance_s = 28.0f;
        if (kind == 2) o.unfinished_ms = 0;
        if (kind == 3) o.endpoint_ms = 100, o.partial_ms = 100, o.lead_ms = 0;
        if (kind == 4) o.max_utterance_s = 2.0f, o.unfinished_ms = 2500, o.partial_ms = 150;
        plain_live want = plain_play_live(pcm, n, &o);
        steno_engine_config c = config_of(1, 24, 4);
        char *log = finals_of(pcm, n, o, 1600, &c), *got = without_times(log);
        assert_same(got, want.log);
        unfinished += want.unfinished;
        spans += want.spans;
        free(got);
        free(log);
        free(want.log);
        free(pcm);
    }
    print_message("%d spans, %d of them looked unfinished\n", spans, unfinished);
    assert_true(spans > (SLOW_BUILD ? 15 : 60) && unfinished > 1);
}

/* ---- finals do not depend on anything beside ----------------------------------------------------------------------- */

/* Alone on one shard, a frame at a time, without partials. */
static void finals_depend_on_audio_and_options(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 15 : 40) + 5;
    float *pcm = fake_talk(n, 6.0, SEED + 20);
    static const struct {
        int partial_ms, shards, max_batch;
        size_t chunk;
    } ways[] = {{500, 1, 24, 512}, {100, 1, 24, 160},   {500, 2, 24, 16000}, {0, 2, 1, 4096},
                {100, 1, 1, 3333}, {500, 1, 2, 200000}, {130, 3, 5, 7777}};
    steno_live_options o = live_defaults();
    steno_engine_config c = config_of(1, 24, 4);
    o.partial_ms = 0;
    char *want = finals_of(pcm, n, o, 512, &c);
    assert_non_null(want);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        c = config_of(ways[i].shards, ways[i].max_batch, 4);
        o.partial_ms = ways[i].partial_ms;
        c.no_slices = i % 2;
        c.max_wait_ms = i == 3 ? 5 : 0;
        c.kv_pool_mb = i == 4 ? 8 : 20;
        char *got = finals_of(pcm, n, o, ways[i].chunk, &c);
        assert_same(got, want);
        free(got);
    }
    free(want);
    free(pcm);
}

/* Many of them and recordings, with threads, chunks of any size and every cadence. */
static void neighbours_change_nothing(void **state) {
    (void)state;
    enum { KINDS = 4, N = SLOW_BUILD ? 8 : 24, RECORDINGS = 3 };
    static const int cadence[] = {0, 100, 500, 700};
    size_t n = SECONDS(SLOW_BUILD ? 10 : 30);
    float *pcm[KINDS];
    char *want[KINDS];
    static listener l[N];
    static track recording[RECORDINGS];
    steno_live_options o = live_defaults();
    steno_engine_config c = config_of(1, 24, 4);
    for (int k = 0; k < KINDS; k++) {
        pcm[k] = fake_talk(n, 4.0, SEED + 30 + (unsigned)k);
        want[k] = finals_of(pcm[k], n, o, 4096, &c);
    }
    for (int round = 0; round < 3; round++) {
        uint64_t random = SEED + 40 + (unsigned)round;
        c = config_of(1 + round % 2, round == 2 ? 4 : 24, N + RECORDINGS);
        c.max_live = N;
        steno_engine *e;
        assert_ok(steno_engine_open(normal.model, &c, &e));
        for (int i = 0; i < N; i++) {
            o.partial_ms = cadence[(i / KINDS) % 4];
            l[i] = listener_of(pcm[i % KINDS], n, o);
            listener_open(e, &l[i]);
        }
        for (int i = 0; i < RECORDINGS; i++) {
            recording[i] = track_of(pcm[i], n, vad_of(true, 20.0f));
            steno_vad_options vad = recording[i].vad;
            assert_ok(steno_stream_open(e, &vad, NULL, &recording[i].id));
        }
        for (int left = N + RECORDINGS; left > 0;) {
            bool moved = false;
            for (int i = 0; i < N; i++) {
                if (l[i].finished || fake_below(&random, 3) == 0) continue;
                moved = listener_push(e, &l[i], 1 + (size_t)fake_below(&random, 6000)) > 0 || moved;
                if (l[i].at == n) listener_finish(e, &l[i]), moved = true;
            }
            for (int i = 0; i < RECORDINGS; i++) moved = push_some(e, &recording[i]) || moved;
            steno_event ev;
            while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
                if (ev.user) listener_event(ev.user, &ev);
                left -= ev.kind == STENO_EVENT_DONE;
                steno_event_release(&ev);
                moved = true;
            }
            if (!moved) sched_yield();
        }
        for (int i = 0; i < N; i++) {
            assert_same(l[i].log, want[i % KINDS]);
            listener_free(&l[i]);
        }
        close_live_at_rest(e);
    }
    for (int k = 0; k < KINDS; k++) {
        free(pcm[k]);
        free(want[k]);
    }
}

/* ---- partials ------------------------------------------------------------------------------------------------------ */

static void partials_grow_and_what_is_stable_stays(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 20 : 60);
    for (int cadence = 100; cadence <= 500; cadence += 200) {
        float *pcm = fake_talk(n, 12.0, SEED + 50 + (unsigned)cadence);
        steno_engine_config c = config_of(1, 24, 4);
        steno_engine *e = by_hand_at_rest(normal.model, &c);
        steno_live_options o = live_defaults();
        o.partial_ms = cadence;
        listener l = listener_of(pcm, n, o);
        play_by_hand(e, &l, 512);
        assert_true(l.partials > n / SECONDS(1)); /* half of it is silence */
        assert_true(l.stats.draft_tokens > 0);
        listener_free(&l);
        close_live_at_rest(e);
        free(pcm);
    }
}

/* A loop that becomes one with the first new token began in what was kept from the last partial. What is kept is made to be
 * one token over and over, until the network says it once more. */
static void a_loop_may_begin_in_what_is_kept(void **state) {
    (void)state;
    fake_shape shape = fake_tiny;
    shape.vocab = 8;
    shape.endless = true;
    rig few;
    rig_open(&few, &shape, SEED);
    uint64_t random = SEED + 190;
    size_t n = SECONDS(28);
    float *pcm = malloc(n * sizeof *pcm);
    fake_tone(pcm, n, &random);
    steno_engine_config c = config_of(1, 24, 4);
    steno_engine *e = by_hand_at_rest(few.model, &c);
    int cut = 0;
    for (int32_t x = 4; x < 8; x++) {
        listener l = listener_of(pcm, n, live_defaults());
        l.opt.partial_ms = 100;
        l.opt.max_utterance_s = 29.0f;
        listener_open(e, &l);
        for (bool done = false; !done;) {
            live_state *live = &e->streams[0].live;
            growing *g = live->grow;
            int kept = 0;
            if (g && !g->busy && g->n >= 5) {
                kept = live->last.n = live->last.forced = g->n;
                for (int i = 0; i < kept; i++) g->ids[i] = live->last.ids[i] = x;
            }
            if (l.at < n)
                listener_push(e, &l, 512);
            else if (!l.finished)
                listener_finish(e, &l);
            tick_all(e);
            cut += kept && g->n < kept;
            steno_event ev;
            while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
                done = done || ev.kind == STENO_EVENT_DONE;
                steno_event_release(&ev);
            }
        }
    }
    assert_true(cut > 0);
    close_live_at_rest(e);
    free(pcm);
    rig_close(&few);
}

static void no_partials_when_none_are_wanted(void **state) {
    (void)state;
    size_t n = SECONDS(SLOW_BUILD ? 15 : 40);
    float *pcm = fake_talk(n, 3.0, SEED + 60);
    for (int shards = 1; shards <= 2; shards++) {
        steno_engine_config c = config_of(shards, 2, 4);
        steno_engine *e = by_hand_at_rest(normal.model, &c);
        steno_live_options o = live_defaults();
        o.partial_ms = 0;
        listener l = listener_of(pcm, n, o);
        listener_open(e, &l);
        for (uint64_t random = SEED; l.at < n;) { /* closing passes are on their way when speech goes on */
            listener_push(e, &l, 512);
            int s = fake_below(&random, shards);
            shard_tick(e->shards[s], 0);
            hear_events(e); /* check_partial() refuses any */
        }
        listener_finish(e, &l);
        tick_all(e);
        hear_events(e);
        assert_true(l.done && l.finals > 1);
        listener_free(&l);
        close_live_at_rest(e);
    }
    free(pcm);
}

/* A partial waits in its queue while the cadence becomes 0: nothing divides by it. */
static void switching_partials_off_and_on(void **state) {
    (void)state;
    uint64_t random = SEED;
    float *pcm = malloc(SECONDS(30) * sizeof *pcm);
    fake_tone(pcm, SECONDS(30), &random);
    steno_engine_config c = config_of(1, 2, 4);
    c.max_wait_ms = 1000;
    steno_engine *e = by_hand(normal.model, &c);
    listener l = listener_of(pcm, SECONDS(30), live_defaults());
    listener_open(e, &l);
    while (e->shards[0]->waiting_count == 0) {
        listener_push(e, &l, 512);
        atomic_store(&e->shards[0]->meter.live_busy, 1.0); /* on a busy shard partials wait for company */
        shard_tick(e->shards[0], 0);
        hear_events(e);
    }
    steno_live_options off = l.opt;
    off.partial_ms = 0;
    assert_ok(steno_live_configure(e, l.id, &off));
    l.opt = off;
    for (int i = 0; i < 100; i++) shard_tick(e->shards[0], 0);
    e->config.max_wait_ms = 0; /* what waits starts */
    listener_push(e, &l, SECONDS(10));
    tick_all(e);
    hear_events(e);
    assert_true(e->shards[0]->meter.wait_share < 1e6 && e->shards[0]->meter.wait_share >= 0.0);
    assert_true(shard_stretch(e->shards[0]) < 1.01);
    listener_finish(e, &l);
    tick_all(e);
    hear_events(e);
    assert_true(l.done);
    listener_free(&l);
    close_live_at_rest(e);
    free(pcm);
}

/* ---- order --------------------------------------------------------------------------------------------------------- */

/* The long final of one utterance is at work on a shard that gets no time, the next one goes fast on the other. */
static void a_slow_final_keeps_the_next_partials_waiting(void **state) {
    (void)state;
    uint64_t random = SEED + 70;
    size_t n = SECONDS(20);
    float *pcm = calloc(n, sizeof *pcm);
    fake_tone(pcm, SECONDS(8), &random);
    fake_tone(pcm + SECONDS(10), SECONDS(2), &random);
    fake_tone(pcm + SECONDS(13), SECONDS(2), &random);
    for (int slow = 0; slow < 2; slow++) {
        steno_engine_config c = config_of(2, 24, 4);
        steno_engine *e = by_hand(normal.model, &c);
        steno_live_options o = live_defaults();
        o.unfinished_ms = 0; /* or the first would be waited for */
        listener l = listener_of(pcm, n, o);
        listener_open(e, &l);
        shard *home = e->shards[e->streams[0].home], *other = e->shards[1 - e->streams[0].home];
        atomic_fetch_add(slow ? &home->load : &other->load, slow ? SECONDS(100) : 0);
        while (l.at < SECONDS(9)) { /* up to the end of the first utterance, which the other shard is given */
            listener_push(e, &l, 512);
            shard_tick(home, 0);
            hear_events(e);
        }
        atomic_fetch_sub(&home->load, slow ? SECONDS(100) : 0);
        atomic_fetch_add(&other->load, SECONDS(100)); /* and the next ones stay at home */
        while (l.at < n) {
            listener_push(e, &l, 512);
            for (int i = 0; i < 200; i++) shard_tick(home, 0);
            hear_events(e); /* check_segment() sees to the order */
        }
        atomic_fetch_sub(&other->load, SECONDS(100));
        listener_finish(e, &l);
        tick_all(e);
        hear_events(e);
        assert_true(l.done && l.finals == 3);
        listener_free(&l);
        close_live_at_rest(e);
    }
    free(pcm);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finals_are_what_a_recording_says),
        cmocka_unit_test(finals_depend_on_audio_and_options),
        cmocka_unit_test(neighbours_change_nothing),
        cmocka_unit_test(partials_grow_and_what_is_stable_stays),
        cmocka_unit_test(a_loop_may_begin_in_what_is_kept),
        cmocka_unit_test(no_partials_when_none_are_wanted),
        cmocka_unit_test(switching_partials_off_and_on),
        cmocka_unit_test(a_slow_final_keeps_the_next_partials_waiting),
    };
    print_message("seed %u\n", SEED);
    alarm(3 * WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
