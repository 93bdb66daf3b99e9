/* test_live.c: live streams in a real engine on made-up networks: what they say, in which order, whatever happens beside.
 *
 * Finals are compared with an ordinary recognition of the same samples; partials, order and ends are checked event by event
 * (live_test.h). Most engines here are ticked by hand, so that a test sees the same interleaving every time; the rest run
 * their threads, for the thread sanitizer.
 */
#include "live_test.h"

#include "base/mem.h"
#include "listen/stable.h"

#include <sched.h>

#define SEED 20260211u

static rig normal;

/* Commas and full stops among the words, so that texts may look unfinished. */
static void write_tokens(const char *path, int vocab) {
    fake_tokens_write(path, vocab);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    static char text[1 << 16], line[64];
    size_t at = 0;
    for (int id = 0; fgets(line, sizeof line, in); id++) {
        if (id >= 4 && id % 7 == 3) snprintf(line, sizeof line, "LA== %d\n", id);
        if (id >= 4 && id % 7 == 5) snprintf(line, sizeof line, "Lg== %d\n", id);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", line);
    }
    fclose(in);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, at, out), at);
    assert_int_equal(fclose(out), 0);
}

static void open_model(rig *r) {
    char path[FAKE_PATH_BYTES];
    fake_dir_fill(&r->dir, &fake_tiny, SEED);
    fake_join(path, &r->dir, "tokens.txt");
    write_tokens(path, fake_tiny.vocab);
    steno_model_options options = {.dir = r->dir.path};
    if (steno_model_open(&options, &r->model) != STENO_OK) fail_msg("%s", steno_error_detail());
}

/* ---- talk --------------------------------------------------------------------------------------------------------- */

/* What a stream says, pushed bit by bit into an engine that is ticked by hand. */
static void play_by_hand(steno_engine *e, listener *l, size_t chunk) {
    listener_open(e, l);
    while (l->at < l->n) {
        listener_push(e, l, chunk);
        tick_all(e);
        hear_events(e);
    }
    listener_finish(e, l);
    tick_all(e);
    hear_events(e);
    assert_true(l->done);
}

static char *finals_of(const float *pcm, size_t n, steno_live_options o, size_t chunk, const steno_engine_config *c) {
    steno_engine *e = by_hand(normal.model, c);
    listener l = listener_of(pcm, n, o);
    play_by_hand(e, &l, chunk);
    close_live_at_rest(e);
    return l.log;
}

static void assert_same(const char *got, const char *want) {
    if (!got || !want) assert_true(!got && !want);
    if (got && strcmp(got, want) != 0) {
        while (*got && *got == *want) got++, want++;
        fail_msg("differs from here on:\n  %.300s\n  %.300s", got, want);
    }
}

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
        steno_engine *e = by_hand(normal.model, &c);
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
    steno_engine *e = by_hand(few.model, &c);
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
        steno_engine *e = by_hand(normal.model, &c);
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
        atomic_store(&e->shards[0]->meter.busy, 1.0); /* on a busy shard partials wait for company */
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
                assert_ok(steno_live_configure(e, l[i].id, &o));
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

static int setup(void **state) {
    (void)state;
    open_model(&normal);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_close(&normal);
    return 0;
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
        cmocka_unit_test(finalize_is_answered_after_the_final),
        cmocka_unit_test(finalize_waits_for_a_span_that_waits),
        cmocka_unit_test(finalize_with_nobody_listening),
        cmocka_unit_test(other_options_count_from_the_audio_pushed_next),
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
