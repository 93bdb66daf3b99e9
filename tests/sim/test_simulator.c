/* test_simulator.c: a day at the server in a few seconds: shards in one thread, under a clock of their own.
 *
 * Purpose   thousands of live streams join, talk, stall, send too fast, finalize, configure and leave, recordings beside
 *           them; the reader of events sleeps now and then; for a while the machine is far too slow. Every event is checked
 *           as it comes (live_test.h), and in the end everything is back where it was.
 * Speakers  some tell them apart, under every contract; the network of voices hears new people all the time, and each label is
 *           held against what was promised (label_watch.h).
 * Clock     a tick takes a seeded time and so much for each row it computed, from the shards' own counters, times how slow
 *           the machine is just then; within a tick each look at the clock moves it a little, so that slices end. Nothing else
 *           is random but what follows from the seed: the same seed gives the same events.
 * Settings  STENO_SIM_SEED, STENO_SIM_SECONDS (of virtual time).
 */
#include "../unit/engine/live_test.h"

#define CALLERS   48
#define RECORDERS 3
#define SPEAKERS  12 /* streams that tell them apart at once */
#define SHARDS    2
#define STEP_S    0.004
#define TALKS     6
#define LATE_S    0.5
#define TALK_S    90

static rig normal;
static float *talk[TALKS];

/* ---- the machine -------------------------------------------------------------------------------------------------- */

typedef struct costs {
    double tick_s, vad_s, encode_s, decode_s, voice_s; /* a tick, a frame, a row, a row, a look */
} costs;

/* Two cores at about half load with CALLERS talking. */
static const costs machine = {
    .tick_s = 20e-6, .vad_s = 60e-6, .encode_s = 60e-6, .decode_s = 120e-6, .voice_s = 600e-6};

typedef struct caller {
    listener l;
    bool open;
    double next_s, idle_until_s; /* when it acts next; when it joins again */
    double started_s, stalled_s; /* the first sample's time; how long it has not sent in all */
    bool hasty;                  /* sends as fast as it may */
    size_t leave_at;             /* samples */
    double partial_at_s, gap_s;  /* when the last partial came; the widest gap between two, lately */
} caller;

typedef struct sim {
    steno_engine *e;
    uint64_t random, digest;
    double now_s, slow; /* slow: how many times slower than usual the machine is */
    double free_at_s[SHARDS], look_s;
    uint64_t frames[SHARDS], rows[SHARDS], steps[SHARDS], looks[SHARDS];
    int wait_ms[SHARDS];
    caller caller[CALLERS];
    track recorder[RECORDERS];
    bool recording[RECORDERS];
    watch *recorded[RECORDERS]; /* labels, or NULL */
    double reader_s;            /* when the reader of events looks again */
    bool leaving;               /* nobody joins any more */
    /* what happened */
    uint64_t joins, refused, finals, partials, overloads, relieved, asked, pushed_less, recordings;
    uint64_t labelled, revisions, turns, merges; /* streams with labels … */
    uint64_t late;                               /* finals, by more than LATE_S */
    double worst_stretch, slowest_final_s;
} sim;

static double clock_of(void *ctx) {
    sim *s = ctx;
    s->look_s += 0.5e-6 * s->slow; /* time goes on inside a tick */
    return s->now_s + s->look_s;
}

static bool chance(sim *s, double p) {
    return (double)(fake_next(&s->random) >> 11) / 9007199254740992.0 < p;
}

static double between(sim *s, double low, double high) {
    return low + (high - low) * (double)(fake_next(&s->random) >> 11) / 9007199254740992.0;
}

/* FNV-1a over what an event says. */
static void digest(sim *s, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) s->digest = (s->digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3u;
}

/* When a shard ticks next; INFINITY: not before a message comes. */
static double next_tick_s(const sim *s, int i) {
    if (s->e->shards[i]->inbox.count) return s->free_at_s[i];
    return s->wait_ms[i] < 0 ? INFINITY : s->free_at_s[i] + s->wait_ms[i] / 1000.0;
}

static void tick(sim *s, int i) {
    shard *sh = s->e->shards[i];
    s->look_s = 0.0;
    s->wait_ms[i] = shard_tick(sh, 0);
    /* Else nothing would ever wake it for what it has. */
    assert_false(s->wait_ms[i] < 0 && sh->inbox.count == 0 && listen_has_recordings(sh));
    assert_false(s->wait_ms[i] < 0 && sh->inbox.count == 0 &&
                 sh->voices_live.count + sh->voices_bulk.count + sh->voices_whole.count > 0);
    uint64_t frames = sh->count.vad_frames, rows = sh->count.encode_rows, steps = sh->count.decode_rows;
    uint64_t looks = sh->count.looks;
    double cost_s = machine.tick_s * between(s, 0.5, 1.5) + machine.vad_s * (double)(frames - s->frames[i]) +
                    machine.encode_s * (double)(rows - s->rows[i]) + machine.decode_s * (double)(steps - s->steps[i]) +
                    machine.voice_s * (double)(looks - s->looks[i]);
    s->frames[i] = frames;
    s->rows[i] = rows;
    s->steps[i] = steps;
    s->looks[i] = looks;
    s->free_at_s[i] = s->now_s + s->look_s + cost_s * s->slow;
    s->look_s = 0.0;
    /* The shard learns what its tick took as it would from a real clock; load_sleep() has seen only the looks. */
    sh->meter.window_busy_s += cost_s * s->slow;
    sh->meter.slept_s = s->free_at_s[i];
}

/* Shards run side by side up to `end_s`, the one that is behind first. */
static void run_shards(sim *s, double end_s) {
    double begin_s = s->now_s;
    int first = fake_below(&s->random, SHARDS);
    for (;;) {
        int best = -1;
        double best_s = end_s;
        for (int k = 0; k < SHARDS; k++) {
            int i = (first + k) % SHARDS;
            double at_s = next_tick_s(s, i);
            if (at_s < begin_s) at_s = begin_s;
            if (at_s < best_s) best = i, best_s = at_s;
        }
        if (best < 0) break;
        s->now_s = best_s;
        tick(s, best);
    }
    for (int i = 0; i < SHARDS; i++) {
        double stretch = shard_stretch(s->e->shards[i]);
        if (stretch > s->worst_stretch) s->worst_stretch = stretch;
    }
    s->now_s = end_s;
}

/* ---- callers ------------------------------------------------------------------------------------------------------ */

static steno_live_options options_of(sim *s) {
    static const int cadence[] = {500, 500, 200, 100, 0, 1000};
    steno_live_options o = live_defaults();
    o.partial_ms = cadence[fake_below(&s->random, 6)];
    o.endpoint_ms = fake_below(&s->random, 3) ? 500 : 100 + fake_below(&s->random, 900);
    o.unfinished_ms = fake_below(&s->random, 2) ? 500 : fake_below(&s->random, 1000);
    o.lead_ms = fake_below(&s->random, 3) ? 300 : fake_below(&s->random, 1001);
    o.min_speech_ms = fake_below(&s->random, 3) ? 96 : fake_below(&s->random, 500);
    o.max_utterance_s = fake_below(&s->random, 3) ? 15.0f : 2.0f + (float)fake_below(&s->random, 24);
    return o;
}

/* Somebody of whom nobody is told but his number. */
static void make_voices(sim *s, steno_voice *known, int n) {
    for (int i = 0; i < n; i++) {
        memset(&known[i], 0, sizeof known[i]);
        for (int k = 0; k < STENO_VOICE_FLOATS; k++) known[i].print[k] = (float)between(s, -1.0, 1.0);
    }
}

/* Asks a stream who speaks, now and then; what will be said is held against the promise. */
static watch *ask_speakers(sim *s, steno_stream_id id, bool live) {
    static const int holds[] = {2500, 1000, 300, 0};
    steno_voice known[3];
    steno_speakers_options o;
    if (!chance(s, 0.3)) return NULL;
    steno_speakers_options_init(&o);
    o.contract = (steno_speakers_contract)(1 + fake_below(&s->random, 3));
    o.max_speakers = 3 + fake_below(&s->random, 14);
    o.hold_ms = holds[fake_below(&s->random, 4)];
    o.turns = chance(s, 0.5);
    o.n_voices = o.contract == STENO_SPEAKERS_ENROLLED ? 3 : 0;
    o.voices = known;
    make_voices(s, known, o.n_voices);
    steno_err err = steno_stream_speakers(s->e, id, &o);
    if (err == STENO_E_LIMIT) return NULL;
    assert_ok(err);
    s->labelled++;
    watch *w = watch_new(&o, live);
    w->opt.voices = NULL;
    return w;
}

static void join(sim *s, caller *c) {
    steno_live_options o = options_of(s);
    size_t from = (size_t)fake_below(&s->random, (int)SECONDS(TALK_S / 2));
    c->l = listener_of(talk[fake_below(&s->random, TALKS)] + from, SECONDS(TALK_S) - from, o);
    c->l.quiet = true;
    c->hasty = chance(s, 0.05);
    c->leave_at = (size_t)(SECONDS(1) * between(s, 0.01, c->hasty || chance(s, 0.1) ? 40.0 : 5.0));
    c->started_s = s->now_s;
    c->stalled_s = c->gap_s = 0.0;
    c->partial_at_s = s->now_s;
    steno_err err = steno_live_open(s->e, &o, c, &c->l.id);
    c->open = err == STENO_OK;
    if (c->open) {
        s->joins++;
        c->l.labels = ask_speakers(s, c->l.id, true);
        return;
    }
    assert_true(err == STENO_E_AGAIN || err == STENO_E_LIMIT);
    s->refused++;
    c->idle_until_s = s->now_s + between(s, 0.2, 2.0);
}

static void leave(sim *s, caller *c) {
    (void)s;
    listener_finish(s->e, &c->l);
}

/* As much as time allows, or as the engine takes. */
static void send(sim *s, caller *c) {
    double spoken_s = s->now_s - c->started_s - c->stalled_s;
    size_t due = c->hasty ? c->l.at + SECONDS(5) : SECONDS(spoken_s);
    if (due > c->leave_at) due = c->leave_at;
    while (c->l.at < due && c->l.at < c->l.n) {
        size_t want = due - c->l.at, some = 1 + (size_t)fake_below(&s->random, 8000);
        if (listener_push(s->e, &c->l, some < want ? some : want) == 0) {
            s->pushed_less++;
            if (!c->hasty) c->stalled_s += STEP_S; /* it is slowed */
            break;
        }
    }
}

static void meddle(sim *s, caller *c) {
    if (chance(s, 0.01)) {
        steno_err err = steno_live_finalize(s->e, c->l.id);
        if (err == STENO_OK) c->l.asked++, s->asked++;
        if (err != STENO_OK) assert_true(err == STENO_E_AGAIN && c->l.asked > c->l.answered);
    }
    if (chance(s, 0.005)) {
        steno_live_options o = options_of(s);
        /* With partials off, one that was on its way may still come. */
        if (o.partial_ms == 0) o.partial_ms = 300;
        if (steno_live_configure(s->e, c->l.id, &o) == STENO_OK && c->l.opt.partial_ms == 0) c->l.opt.partial_ms = 300;
    }
    if (c->l.labels && c->l.labels->opt.contract == STENO_SPEAKERS_REVISE && chance(s, 0.01)) {
        int from = fake_below(&s->random, 6), into = fake_below(&s->random, 6);
        steno_err err = steno_stream_merge_speakers(s->e, c->l.id, from, into);
        assert_true(err == STENO_OK || err == STENO_E_AGAIN);
        s->merges++;
    }
    if (chance(s, 0.004)) { /* the connection hangs */
        double hang_s = between(s, 0.1, chance(s, 0.1) ? 20.0 : 2.0);
        c->next_s += hang_s;
        c->stalled_s += hang_s;
    }
}

static void act(sim *s, caller *c) {
    if (!c->open) {
        if (!s->leaving && s->now_s >= c->idle_until_s) join(s, c);
        return;
    }
    if (c->l.finished || s->now_s < c->next_s) return;
    c->next_s = s->now_s + between(s, 0.01, 0.12);
    send(s, c);
    if (c->l.at >= c->leave_at || c->l.at == c->l.n || s->leaving || chance(s, 0.0005))
        leave(s, c);
    else
        meddle(s, c);
}

static void record(sim *s, int i) {
    track *t = &s->recorder[i];
    if (!s->recording[i] && !s->leaving && chance(s, 0.001)) {
        size_t n = (size_t)(SECONDS(1) * between(s, 0.1, 60.0));
        *t = track_of(talk[fake_below(&s->random, TALKS)], n, vad_of(fake_below(&s->random, 4) != 0, 20.0f));
        if (steno_stream_open(s->e, &t->vad, NULL, &t->id) != STENO_OK) return;
        s->recording[i] = true;
        s->recorded[i] = ask_speakers(s, t->id, false);
        s->recordings++;
    }
    if (s->recording[i]) push_some(s->e, t);
}

/* ---- the reader of events ----------------------------------------------------------------------------------------- */

static void hear_recording(sim *s, const steno_event *ev) {
    for (int i = 0; i < RECORDERS; i++) {
        if (!s->recording[i] || s->recorder[i].id != ev->stream) continue;
        if (s->recorded[i]) watch_event(s->recorded[i], ev);
        if (ev->kind != STENO_EVENT_DONE) continue;
        free(s->recorded[i]);
        s->recorded[i] = NULL;
        s->recording[i] = false;
    }
}

static void hear(sim *s, const steno_event *ev) {
    digest(s, &ev->kind, sizeof ev->kind);
    digest(s, &ev->stream, sizeof ev->stream);
    digest(s, &ev->segment.id, sizeof ev->segment.id);
    digest(s, &ev->segment.rev, sizeof ev->segment.rev);
    digest(s, &ev->segment.stable_bytes, sizeof ev->segment.stable_bytes);
    digest(s, &ev->heard_s, sizeof ev->heard_s);
    digest(s, &ev->due_s, sizeof ev->due_s);
    digest(s, &ev->done_s, sizeof ev->done_s);
    if (ev->segment.text) digest(s, ev->segment.text, strlen(ev->segment.text));
    for (uint32_t i = 0; i < ev->segment.n_words; i++) digest(s, &ev->segment.words[i].speaker, sizeof(int));
    s->revisions += ev->kind == STENO_EVENT_SPEAKERS;
    s->turns += ev->n_turns;
    caller *c = ev->user;
    if (!c) {
        hear_recording(s, ev);
        return;
    }
    listener_event(&c->l, ev);
    if (ev->kind == STENO_EVENT_PARTIAL) s->partials++;
    if (ev->kind == STENO_EVENT_OVERLOAD && ev->overloaded) s->overloads++;
    if (ev->kind == STENO_EVENT_OVERLOAD && !ev->overloaded) s->relieved++;
    if (ev->kind == STENO_EVENT_SEGMENT) {
        s->finals++;
        s->late += ev->done_s - ev->due_s > LATE_S;
        if (ev->done_s - ev->due_s > s->slowest_final_s) s->slowest_final_s = ev->done_s - ev->due_s;
    }
    if (ev->kind == STENO_EVENT_DONE) {
        free(c->l.labels);
        c->l.labels = NULL;
        c->open = false;
        c->idle_until_s = s->now_s + between(s, 0.0, 1.0);
    }
}

static void read_events(sim *s) {
    steno_event ev;
    if (s->now_s < s->reader_s) return;
    int most = chance(s, 0.02) ? fake_below(&s->random, 20) : 1 << 20;
    for (int n = 0; n < most && steno_engine_poll(s->e, 0, &ev) == STENO_OK; n++) {
        hear(s, &ev);
        steno_event_release(&ev);
    }
    if (chance(s, 0.0008))
        s->reader_s = s->now_s + between(s, 0.1, chance(s, 0.1) ? 8.0 : 1.0); /* it is busy elsewhere */
}

/* ---- runs --------------------------------------------------------------------------------------------------------- */

static void step(sim *s, int callers) {
    for (int i = 0; i < callers; i++) act(s, &s->caller[i]);
    for (int i = 0; i < RECORDERS; i++) record(s, i);
    run_shards(s, s->now_s + STEP_S);
    read_events(s);
}

static void go_on(sim *s, double seconds, int callers) {
    for (double end_s = s->now_s + seconds; s->now_s < end_s;) step(s, callers);
}

static sim *sim_open(uint64_t seed, int max_batch, int kv_pool_mb) {
    sim *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->random = seed;
    s->digest = 0xCBF29CE484222325u;
    s->now_s = 1000.0;
    s->slow = 1.0;
    for (int i = 0; i < SHARDS; i++) s->wait_ms[i] = -1;
    steno_engine_config c = config_of(SHARDS, max_batch, CALLERS + RECORDERS);
    c.max_live = CALLERS;
    c.max_speaker_streams = SPEAKERS;
    c.kv_pool_mb = kv_pool_mb;
    c.max_wait_ms = (int)(seed % 3) * 4;
    assert_ok(engine_open_unstarted(normal.model, &c, clock_of, s, &s->e));
    return s;
}

/* Everybody leaves; all that is left comes out. */
static void sim_close(sim *s) {
    s->leaving = true;
    s->slow = 1.0;
    for (bool busy = true; busy;) {
        step(s, CALLERS);
        busy = false;
        for (int i = 0; i < CALLERS; i++) busy = busy || s->caller[i].open;
        for (int i = 0; i < RECORDERS; i++) busy = busy || s->recording[i];
    }
    assert_int_equal(s->e->events.count, 0);
    close_live_at_rest(s->e);
    free(s);
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && text[0] ? strtoull(text, NULL, 10) : otherwise;
}

static void report(const sim *s, const char *what) {
    print_message("%s: %" PRIu64 " joins, %" PRIu64 " refused, %" PRIu64 " finals, %" PRIu64 " partials, %" PRIu64
                  " finalizes, %" PRIu64 " recordings, %" PRIu64
                  " pushes not taken whole; stretch up to %.2f, final %.3f s\n",
                  what, s->joins, s->refused, s->finals, s->partials, s->asked, s->recordings, s->pushed_less,
                  s->worst_stretch, s->slowest_final_s);
    print_message("labels: %" PRIu64 " streams, %" PRIu64 " revisions, %" PRIu64 " turns, %" PRIu64 " merges\n",
                  s->labelled, s->revisions, s->turns, s->merges);
}

/* A seeded life with everything in it; returns the digest of all events. */
static uint64_t whole_life(uint64_t seed, double seconds, bool tell) {
    sim *s = sim_open(seed, seed % 4 ? 24 : 1 + (int)(seed % 5), seed % 3 ? 20 : 8);
    for (double end_s = s->now_s + seconds; s->now_s < end_s;) {
        s->slow = chance(s, 0.3) ? between(s, 3.0, 25.0) : between(s, 0.5, 1.5);
        go_on(s, between(s, 1.0, 10.0), chance(s, 0.3) ? 4 : CALLERS);
    }
    if (tell) report(s, "life");
    uint64_t log = s->digest;
    sim_close(s);
    return log;
}

static uint64_t seed_of_run;
static double seconds_of_run;

static void thousands_of_streams(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        print_message("seed %" PRIu64 "\n", seed_of_run + i);
        whole_life(seed_of_run + i, seconds_of_run / 4, true);
    }
}

static void the_same_seed_gives_the_same_events(void **state) {
    (void)state;
    double seconds = seconds_of_run / 20;
    uint64_t one = whole_life(seed_of_run, seconds, false), two = whole_life(seed_of_run, seconds, false);
    assert_true(one == two);
    assert_true(whole_life(seed_of_run + 1, seconds, false) != one);
}

/* A steady crowd; then the machine is too slow for their partials, not for their finals; then it recovers. */
static void overload(int kv_pool_mb) {
    sim *s = sim_open(seed_of_run, 24, kv_pool_mb);
    steno_live_options o = live_defaults();
    for (int i = 0; i < CALLERS; i++) {
        caller *c = &s->caller[i];
        size_t from = SECONDS(0.37) * (size_t)(i / TALKS); /* or those who say the same are cut at the same time */
        c->l = listener_of(talk[i % TALKS] + from, SECONDS(TALK_S) - from, o);
        c->l.quiet = true;
        c->leave_at = c->l.n;
        c->started_s = s->now_s;
        c->open = true;
        assert_ok(steno_live_open(s->e, &o, c, &c->l.id));
    }
    struct {
        double slow, seconds;
        uint64_t partials, finals, late;
        double stretch, final_s;
    } phase[3] = {{.slow = 0.3, .seconds = 20}, {.slow = 6.0, .seconds = 25}, {.slow = 0.3, .seconds = 25}};
    for (int i = 0; i < 3; i++) {
        uint64_t partials = s->partials, finals = s->finals, late = s->late;
        s->slow = phase[i].slow;
        s->slowest_final_s = 0.0;
        for (double end_s = s->now_s + phase[i].seconds; s->now_s < end_s;) {
            for (int k = 0; k < CALLERS; k++) {
                caller *c = &s->caller[k];
                if (!c->open || c->l.finished || s->now_s < c->next_s) continue;
                c->next_s = s->now_s + 0.02;
                send(s, c);
            }
            run_shards(s, s->now_s + STEP_S);
            steno_event ev;
            while (steno_engine_poll(s->e, 0, &ev) == STENO_OK) {
                hear(s, &ev);
                steno_event_release(&ev);
            }
        }
        steno_engine_stats st;
        steno_engine_get_stats(s->e, &st);
        phase[i].partials = s->partials - partials;
        phase[i].finals = s->finals - finals;
        phase[i].late = s->late - late;
        phase[i].stretch = st.stretch;
        phase[i].final_s = s->slowest_final_s;
        print_message("slow %.1f: %.1f partials/s, %.1f finals/s, stretch %.2f, load %.2f, %" PRIu64
                      " late finals, the slowest %.3f s\n",
                      phase[i].slow, (double)phase[i].partials / phase[i].seconds,
                      (double)phase[i].finals / phase[i].seconds, st.stretch, st.load, phase[i].late, phase[i].final_s);
    }
    assert_true(phase[0].stretch <= 1.0 && s->overloads > 0);
    assert_true(phase[1].stretch > 1.5);
    assert_true(phase[1].partials * 3 < phase[0].partials * 4); /* fewer in 25 s than the 20 s before would give */
    if (kv_pool_mb > 14) assert_true(phase[2].stretch <= 1.0);
    assert_true(s->relieved > 0);
    assert_true((double)phase[2].partials / 25 > 0.8 * (double)phase[0].partials / 20);
    /* Virtual, so the same on any machine. Long texts take a step of the decoder a tick, and ticks are long then. */
    assert_true(phase[0].final_s < 0.3 && phase[2].late <= 8);
    assert_true(phase[1].late * 4 < phase[1].finals && phase[1].final_s < 4.0);
    for (int i = 0; i < CALLERS && kv_pool_mb > 14; i++) assert_false(s->caller[i].l.overloaded);
    sim_close(s);
}

static void overload_and_recovery(void **state) {
    (void)state;
    overload(64);
}

/* With so few pages that many partials are left out: that is told, too. */
static void overload_with_few_pages(void **state) {
    (void)state;
    if (!SLOW_BUILD) overload(14);
}

static int setup(void **state) {
    (void)state;
    rig_open_with_voices(&normal, &fake_tiny, 20260212);
    for (int i = 0; i < TALKS; i++)
        talk[i] = fake_talk(SECONDS(TALK_S), i == 0 ? 28.0 : i == 1 ? 0.5 : 6.0, 20260213u + (unsigned)i);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < TALKS; i++) free(talk[i]);
    rig_close(&normal);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overload_and_recovery),
        cmocka_unit_test(overload_with_few_pages),
        cmocka_unit_test(the_same_seed_gives_the_same_events),
        cmocka_unit_test(thousands_of_streams),
    };
#if defined(__SANITIZE_THREAD__)
    print_message("skipped: there is one thread, and nothing for the thread sanitizer\n");
    return 77;
#endif
    seed_of_run = setting("STENO_SIM_SEED", 20260214);
    seconds_of_run = (double)setting("STENO_SIM_SECONDS", SLOW_BUILD ? 20 : 200);
    print_message("seed %" PRIu64 ", %.0f s\n", seed_of_run, seconds_of_run);
    alarm(3 * WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
