/* test_engine_speakers.c: who is speaking, with the real networks and the voices of real people.
 *
 * Needs  STENO_MODELS with the network of voices and Debian's asterisk-core-sounds-en-wav, -it-wav and -fr-wav; skipped without.
 */
#define WATCHDOG_S 600 /* real networks, a minute of talk, sanitizers */
#include "speakers_test.h"

#include "base/mem.h"
#include "engine/voices_int.h"

static steno_model *model;

#define CHUNK 1600
#define RIGHT 0.92 /* of words, at least: two people unlike each other, in quiet; 0.97 and more are right */

static steno_speakers_options options_of(steno_speakers_contract contract) {
    steno_speakers_options o;
    steno_speakers_options_init(&o);
    o.contract = contract;
    o.turns = true;
    return o;
}

static steno_engine_config speaker_config(int shards, int streams) {
    steno_engine_config c = config_of(shards, 8, streams);
    c.max_speaker_streams = streams;
    return c;
}

/* ---- live --------------------------------------------------------------------------------------------------------- */

typedef struct player {
    watch *w;
    const conversation *c;
    size_t at;
} player;

static void push_all(steno_engine *e, player *p, size_t chunk) {
    size_t n = p->c->n - p->at, taken;
    if (n > chunk) n = chunk;
    assert_ok(steno_stream_push(e, p->w->id, p->c->pcm + p->at, n, &taken));
    p->at += taken;
}

static watch *play_live(const conversation *c, const steno_speakers_options *o, size_t chunk, int partial_ms) {
    steno_engine_config config = speaker_config(1, 2);
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_live_options live = live_defaults();
    live.partial_ms = partial_ms;
    player p = {.w = watch_new(o, true), .c = c};
    assert_ok(steno_live_open(e, &live, p.w, &p.w->id));
    assert_ok(steno_stream_speakers(e, p.w->id, o));
    while (p.at < c->n) {
        push_all(e, &p, chunk);
        tick_all(e);
        watch_all(e);
    }
    assert_ok(steno_stream_finish(e, p.w->id));
    tick_all(e);
    watch_all(e);
    assert_true(p.w->done);
    close_live_at_rest(e);
    return p.w;
}

static conversation people, few; /* the first turns of it */

#define NEEDS_PEOPLE                                                                                                   \
    (void)state;                                                                                                       \
    if (people.turns == 0) skip()

static void tell(const watch *w) {
    char *log = watch_log(w);
    if (getenv("STENO_TEST_TALKS")) printf("%s", log);
    print_message("%u finals, %u revisions, %u turns; %.3f of words right; first label when %.2f s were heard; "
                  "%.3f s of CPU beside %.3f s for words, %.1f s\n",
                  w->finals, w->revisions, w->turns_n, right_words(w, &people), w->first_label_s,
                  w->stats.speakers_cpu_s, w->stats.vad_cpu_s + w->stats.encode_cpu_s + w->stats.decode_cpu_s,
                  w->stats.audio_s);
    free(log);
}

static void labels_mend_themselves(void **state) {
    NEEDS_PEOPLE;
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    watch *w = play_live(&people, &o, CHUNK, 500);
    tell(w);
    assert_true(right_words(w, &people) >= RIGHT);
    assert_true(w->finals >= 6 && w->turns_n > 8);
    assert_true(w->turns_s[0] > 5.0 && w->turns_s[1] > 5.0);
    assert_true(w->stats.speakers_cpu_s > 0.0);
    free(w);
}

/* watch_event() holds every event against the promise. */
static void labels_that_were_promised_never_change(void **state) {
    NEEDS_PEOPLE;
    const int holds[] = {2500, 600, 0};
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED);
    for (int i = 0; i < 3; i++) {
        o.hold_ms = holds[i];
        watch *w = play_live(&people, &o, CHUNK, i == 1 ? 200 : 500);
        tell(w);
        if (holds[i] == 0) assert_int_equal(w->revisions, 0);
        assert_true(right_words(w, &people) >= RIGHT);
        free(w);
    }
}

static steno_voice enrolled(const char *who, const char *const *prompts) {
    conversation c = {0};
    steno_enrolment got;
    char path[256];
    for (; *prompts; prompts++) {
        snprintf(path, sizeof path, SOUNDS "/%s/%s.wav", who, *prompts);
        assert_true(add_prompt(&c, path, 0));
    }
    assert_ok(steno_voice_enrol(model, c.pcm, c.n, &got));
    free(c.pcm);
    snprintf(got.voice.name, sizeof got.voice.name, "%s", who);
    return got.voice;
}

/* Carlo is enrolled, and so is June, who never speaks; Allison is not. */
static void enrolled_voices_are_named(void **state) {
    NEEDS_PEOPLE;
    if (access(SOUNDS "/fr_CA_f_June", R_OK) != 0) {
        print_message("skipped: asterisk-core-sounds-fr-wav is not installed\n");
        skip();
    }
    static const char *const prompts[] = {"vm-options", "conf-adminmenu-18", NULL};
    const steno_voice known[] = {enrolled("fr_CA_f_June", prompts), enrolled("it_IT_m_Carlo", prompts)};
    steno_speakers_options o = options_of(STENO_SPEAKERS_ENROLLED);
    o.voices = known;
    o.n_voices = 2;
    watch *w = play_live(&people, &o, CHUNK, 500);
    int right = 0, words = 0;
    for (int i = 0; i < WATCH_MESSAGES; i++) {
        const watched *m = &w->message[i];
        for (uint32_t k = 0; m->seen && k < m->n; k++) {
            int who = who_spoke(&people, 0.5 * (m->start_s[k] + m->end_s[k]));
            if (who < 0) continue;
            words++;
            right += m->label[k] == (who == 1 ? 1 : STENO_SPEAKER_OTHER);
        }
    }
    print_message("%d of %d words right\n", right, words);
    assert_true(words > 50 && right >= RIGHT * words);
    free(w);
}

/* ---- what somebody says of them ----------------------------------------------------------------------------------- */

static void two_are_said_to_be_one(void **state) {
    NEEDS_PEOPLE;
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    steno_engine_config config = speaker_config(1, 2);
    steno_engine *e = by_hand_at_rest(model, &config);
    player p = {.w = watch_new(&o, true), .c = &people};
    assert_ok(steno_live_open(e, NULL, p.w, &p.w->id));
    assert_ok(steno_stream_speakers(e, p.w->id, &o));
    bool merged = false;
    while (p.at < people.n) {
        push_all(e, &p, CHUNK);
        tick_all(e);
        watch_all(e);
        if (!merged && p.at > people.n * 2 / 3) {
            char *log = watch_log(p.w);
            assert_non_null(strstr(log, ":1"));
            free(log);
            assert_ok(steno_stream_merge_speakers(e, p.w->id, 1, 0));
            merged = true;
            uint32_t before = p.w->revisions;
            tick_all(e);
            watch_all(e);
            assert_true(p.w->revisions > before); /* at once */
        }
        for (int i = 0; merged && i < WATCH_MESSAGES; i++)
            for (uint32_t k = 0; p.w->message[i].seen && k < p.w->message[i].n; k++)
                assert_int_not_equal(p.w->message[i].label[k], 1);
    }
    assert_int_equal(steno_stream_merge_speakers(e, p.w->id, 16, 0), STENO_E_INVALID);
    assert_int_equal(steno_stream_merge_speakers(e, p.w->id, 0, -1), STENO_E_INVALID);
    assert_ok(steno_stream_merge_speakers(e, p.w->id, 3, 3));
    for (int i = 0; i < MERGES_MAX; i++) assert_ok(steno_stream_merge_speakers(e, p.w->id, 9 + i % 2, 0));
    assert_int_equal(steno_stream_merge_speakers(e, p.w->id, 9, 0), STENO_E_AGAIN);
    assert_ok(steno_stream_finish(e, p.w->id));
    tick_all(e);
    watch_all(e);
    assert_true(p.w->done);
    for (int i = 0; i < WATCH_MESSAGES; i++)
        for (uint32_t k = 0; p.w->message[i].seen && k < p.w->message[i].n; k++)
            assert_int_not_equal(p.w->message[i].label[k], 1);
    close_live_at_rest(e);
    free(p.w);
}

static steno_stream_id open_live(steno_engine *e, void *user) {
    steno_stream_id id;
    assert_ok(steno_live_open(e, NULL, user, &id));
    return id;
}

static void places_are_limited(void **state) {
    (void)state;
    steno_engine_config config = speaker_config(2, 4);
    config.max_speaker_streams = 2;
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED), off = options_of(STENO_SPEAKERS_OFF);
    watch *w[3];
    float pcm[600] = {0};
    size_t taken;
    for (int i = 0; i < 3; i++) {
        w[i] = watch_new(&o, true);
        w[i]->id = open_live(e, w[i]);
    }
    assert_ok(steno_speakers_admits(e, 2));
    assert_int_equal(steno_speakers_admits(e, 3), STENO_E_LIMIT);
    assert_ok(steno_stream_speakers(e, w[0]->id, &off)); /* takes no place */
    assert_ok(steno_stream_speakers(e, w[0]->id, &o));
    assert_int_equal(steno_stream_speakers(e, w[0]->id, &o), STENO_E_INVALID); /* twice */
    assert_ok(steno_stream_push(e, w[1]->id, pcm, 600, &taken));
    assert_int_equal(steno_stream_speakers(e, w[1]->id, &o), STENO_E_INVALID); /* too late */
    assert_ok(steno_stream_speakers(e, w[2]->id, &o));
    steno_engine_stats st;
    steno_engine_get_stats(e, &st);
    assert_int_equal(st.speaker_streams, 2);
    steno_stream_id more = open_live(e, w[1]);
    assert_int_equal(steno_stream_speakers(e, more, &o), STENO_E_LIMIT);
    assert_int_equal(steno_speakers_admits(e, 1), STENO_E_LIMIT);
    assert_int_equal(steno_stream_merge_speakers(e, w[0]->id, 1, 0), STENO_E_UNSUPPORTED);
    assert_int_equal(steno_stream_merge_speakers(e, w[1]->id, 1, 0), STENO_E_UNSUPPORTED);
    assert_int_equal(steno_stream_speakers(e, more + 1, &o), STENO_E_NOT_FOUND);
    assert_ok(steno_stream_finish(e, w[0]->id));
    tick_all(e);
    watch_all(e);
    assert_true(w[0]->done);
    assert_ok(steno_speakers_admits(e, 1)); /* its place is free again */
    assert_ok(steno_stream_speakers(e, more, &o));
    assert_ok(steno_stream_finish(e, w[2]->id));
    assert_ok(steno_stream_finish(e, w[1]->id));
    tick_all(e);
    watch_all(e);
    w[1]->done = false; /* `more` speaks to it, too */
    assert_ok(steno_stream_finish(e, more));
    tick_all(e);
    watch_all(e);
    close_live_at_rest(e);
    for (int i = 0; i < 3; i++) free(w[i]);
}

static void options_are_checked(void **state) {
    (void)state;
    static const steno_voice known[2];
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE), bad;
    assert_ok(steno_speakers_options_check(&o));
    const int max[] = {0, 17, -1}, hold[] = {-1, 10001}, least[] = {-1, 9};
    for (int i = 0; i < 3; i++)
        bad = o, bad.max_speakers = max[i], assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID);
    for (int i = 0; i < 2; i++)
        bad = o, bad.hold_ms = hold[i], assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID);
    for (int i = 0; i < 2; i++)
        bad = o, bad.min_speakers = least[i], assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID);
    bad = options_of(STENO_SPEAKERS_ENROLLED);
    assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID); /* nobody is enrolled */
    bad.n_voices = 2;
    assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID); /* nor given */
    bad.voices = known;
    assert_ok(steno_speakers_options_check(&bad));
    bad.contract = STENO_SPEAKERS_REVISE;
    bad.max_speakers = 1;
    assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID);
    bad.contract = (steno_speakers_contract)17;
    assert_int_equal(steno_speakers_options_check(&bad), STENO_E_INVALID);
}

/* ---- recordings --------------------------------------------------------------------------------------------------- */

typedef struct recorded {
    watch *w;
    const conversation *c;
    size_t at;
    bool finished;
    uint64_t chunk_seed;
} recorded;

static bool feed(steno_engine *e, recorded *r) {
    if (r->finished) return false;
    size_t taken, want = r->c->n - r->at;
    size_t most = r->chunk_seed ? 1 + (size_t)fake_below(&r->chunk_seed, 40000) : SECONDS(1);
    if (want > most) want = most;
    assert_ok(steno_stream_push(e, r->w->id, r->c->pcm + r->at, want, &taken));
    r->at += taken;
    if (r->at < r->c->n) return taken > 0;
    assert_ok(steno_stream_finish(e, r->w->id));
    r->finished = true;
    return true;
}

/* Plays n recordings side by side; their labels, one text for each. */
static void record(int shards, recorded *r, int n, const steno_speakers_options *o) {
    steno_engine_config config = speaker_config(shards, n);
    steno_engine *e;
    assert_ok(steno_engine_open(model, &config, &e));
    for (int i = 0; i < n; i++) {
        r[i].w = watch_new(o, false);
        assert_ok(steno_stream_open(e, NULL, r[i].w, &r[i].w->id));
        assert_ok(steno_stream_speakers(e, r[i].w->id, o));
    }
    for (int busy = 1; busy;) {
        bool moved = watch_all(e) > 0;
        busy = 0;
        for (int i = 0; i < n; i++) {
            moved = feed(e, &r[i]) || moved;
            busy += !r[i].w->done;
        }
        if (busy && !moved) wait_engine(e);
    }
    close_at_rest(e);
}

static void a_recording_is_labelled_at_its_end(void **state) {
    NEEDS_PEOPLE;
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    recorded alone = {.c = &people};
    record(1, &alone, 1, &o);
    tell(alone.w);
    assert_true(right_words(alone.w, &people) >= RIGHT);
    assert_int_equal(alone.w->revisions, alone.w->finals);
    free(alone.w);
    alone = (recorded){.c = &few};
    record(1, &alone, 1, &o);
    char *want = watch_log(alone.w);
    for (int shards = 1; shards <= 2; shards++) {
        recorded four[4] = {
            {.c = &few, .chunk_seed = 1}, {.c = &few}, {.c = &few, .chunk_seed = 7}, {.c = &few, .chunk_seed = 99}};
        record(shards, four, 4, &o);
        for (int i = 0; i < 4; i++) {
            char *got = watch_log(four[i].w);
            assert_string_equal(got, want);
            assert_true(four[i].w->turns_s[0] == alone.w->turns_s[0] && four[i].w->turns_s[1] == alone.w->turns_s[1]);
            free(got);
            free(four[i].w);
        }
    }
    free(want);
    free(alone.w);
}

/* Of contracts that fix labels too: they come once, at the end. */
static void a_recordings_labels_come_once(void **state) {
    NEEDS_PEOPLE;
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED);
    recorded r = {.c = &people};
    record(2, &r, 1, &o);
    tell(r.w);
    assert_int_equal(r.w->revisions, r.w->finals);
    assert_true(right_words(r.w, &people) >= RIGHT);
    free(r.w);
}

/* ---- what must not matter ----------------------------------------------------------------------------------------- */

/* Blocks as a live stream's timeline has them at the end: its memory is still there. */
static uint64_t digest_of_line(const timeline *t) {
    uint64_t d = (uint64_t)t->end;
    for (int64_t i = 0; i < t->end; i++) {
        timeline_block b = timeline_at(t, i);
        d = (d ^ (uint64_t)(uint8_t)b.speaker ^ (uint64_t)b.margin << 8 ^ (uint64_t)b.speech << 16) * 1099511628211u;
    }
    return d;
}

/* Without partials: they cost most of a test's time and are not looked at. */
static steno_live_options finals_only(void) {
    steno_live_options o = live_defaults();
    o.partial_ms = 0;
    return o;
}

static uint64_t digest_live(size_t chunk, int streams, int shards, uint64_t *looks) {
    steno_engine_config config = speaker_config(shards, streams);
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED); /* without a pass over all of it */
    player p[8];
    uint64_t digest = 0;
    steno_live_options o_live = finals_only();
    for (int i = 0; i < streams; i++) {
        p[i] = (player){.w = watch_new(&o, true), .c = &few};
        assert_ok(steno_live_open(e, &o_live, p[i].w, &p[i].w->id));
        assert_ok(steno_stream_speakers(e, p[i].w->id, &o));
    }
    for (int step = 0; p[streams - 1].at < few.n; step++) {
        for (int i = 0; i < streams; i++)
            if (step >= 3 * i && p[i].at < few.n) push_all(e, &p[i], chunk);
        tick_all(e);
        watch_all(e);
    }
    for (int i = 0; i < streams; i++) assert_ok(steno_stream_finish(e, p[i].w->id));
    tick_all(e);
    watch_all(e);
    for (int i = 0; i < streams; i++) {
        uint64_t d = digest_of_line(&e->voices[i].line);
        if (i) assert_true(d == digest);
        digest = d;
        assert_true(p[i].w->done);
        free(p[i].w);
    }
    steno_engine_stats st;
    steno_engine_get_stats(e, &st);
    *looks = st.looks / (uint64_t)streams;
    close_live_at_rest(e);
    return digest;
}

static void looks_follow_from_the_audio_alone(void **state) {
    NEEDS_PEOPLE;
    uint64_t looks, more;
    uint64_t want = digest_live(1600, 1, 1, &looks);
    assert_true(looks > 30);
    assert_true(digest_live(512, 1, 1, &more) == want && more == looks);
    assert_true(digest_live(30000, 1, 1, &more) == want && more == looks);
    assert_true(digest_live(8000, 5, 2, &more) == want && more == looks); /* batched, on two shards */
}

/* The network hears speech and what is next to it only; what it says of a block is what it says when it hears everything. */
static void what_is_left_out_changes_nothing(void **state) {
    static mfcc_state mfcc;
    static mfcc_mean mean;
    static xvector_state net;
    NEEDS_PEOPLE;
    steno_engine_config config = speaker_config(1, 1);
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED);
    int compared = 0;
    for (double cut_s = 3.0; cut_s < (double)few.n / 16000.0; cut_s += 2.3) {
        conversation part = few;
        part.n = SECONDS(cut_s) / FRAME_SAMPLES * FRAME_SAMPLES;
        steno_engine *e = by_hand_at_rest(model, &config);
        recorded r = {.c = &part, .w = watch_new(&o, false)};
        assert_ok(steno_stream_open(e, NULL, r.w, &r.w->id));
        assert_ok(steno_stream_speakers(e, r.w->id, &o));
        while (!r.w->done) {
            feed(e, &r);
            tick_all(e);
            watch_all(e);
        }
        const voices *v = &e->voices[0];
        float *all = malloc((part.n / 160 + 200) * 2 * MFCC_CEPS * sizeof(float)),
              *rows = all + (part.n / 160 + 200) * MFCC_CEPS;
        mfcc_reset(&mfcc);
        mfcc_mean_reset(&mean, VOICE_MEAN_AHEAD);
        int n = mfcc_step(&mfcc, part.pcm, (int)part.n, all);
        n = mfcc_mean_step(&mean, all, n, rows);
        n += mfcc_mean_flush(&mean, rows + (size_t)n * MFCC_CEPS);
        assert_int_equal(n, v->rows);
        for (int k = 0; k < XVECTOR_AHEAD; k++, n++) /* the last row stands for what would follow */
            memcpy(rows + (size_t)n * MFCC_CEPS, rows + (size_t)(v->rows - 1) * MFCC_CEPS, MFCC_CEPS * sizeof(float));
        arena scratch;
        assert_ok(arena_init(&scratch, xvector_arena_bytes(BLOCK_ROWS)));
        xvector_reset(&net);
        for (int64_t b = 0, in = 0; b < v->blocks; b++) {
            float weight[BLOCK_ROWS + XVECTOR_AHEAD];
            xvector_sums sums = {0};
            int64_t end = (b + 1) * BLOCK_ROWS + XVECTOR_AHEAD < n ? (b + 1) * BLOCK_ROWS + XVECTOR_AHEAD : n,
                    first = in;
            bool kept = b >= v->blocks - LOOK_BLOCKS;
            for (; in < end; in++) {
                int64_t out = in - XVECTOR_AHEAD;
                bool counts = kept && out >= b * BLOCK_ROWS && v->row_speech[out % VOICE_RING];
                weight[in - first] = counts ? 1.0f : 0.0f;
            }
            xvector_job job = {.state = &net,
                               .ceps = rows + (size_t)first * MFCC_CEPS,
                               .weight = weight,
                               .rows = (int)(end - first),
                               .sums = &sums};
            assert_ok(xvector_step(model->voices, &scratch, &job, 1));
            arena_release(&scratch, 0);
            if (!kept || v->block_rows[b % LOOK_BLOCKS] == 0) continue;
            assert_true(sums.n == (float)v->block_rows[b % LOOK_BLOCKS]);
            assert_memory_equal(&sums, &v->sums[b % LOOK_BLOCKS], sizeof sums);
            compared++;
        }
        arena_free(&scratch);
        free(all);
        close_at_rest(e);
        free(r.w);
    }
    print_message("%d blocks compared\n", compared);
    assert_true(compared > 15);
}

/* Two channels are two streams; what is heard on one says nothing of the other. */
static void channels_know_nothing_of_each_other(void **state) {
    NEEDS_PEOPLE;
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    conversation channel[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        channel[i].pcm = calloc(few.n, sizeof(float));
        channel[i].n = few.n;
        for (int k = 0; k < few.turns; k++) {
            size_t from = SECONDS(few.turn[k].start_s), to = SECONDS(few.turn[k].end_s);
            if (few.turn[k].who == i) memcpy(channel[i].pcm + from, few.pcm + from, (to - from) * sizeof(float));
        }
    }
    recorded both[2] = {{.c = &channel[0]}, {.c = &channel[1]}}, alone[2] = {{.c = &channel[0]}, {.c = &channel[1]}};
    record(2, both, 2, &o);
    for (int i = 0; i < 2; i++) {
        record(1, &alone[i], 1, &o);
        char *a = watch_log(both[i].w), *b = watch_log(alone[i].w);
        assert_string_equal(a, b);
        assert_null(strstr(a, ":1")); /* one person each */
        assert_non_null(strstr(a, ":0"));
        free(a);
        free(b);
        free(alone[i].w);
        free(both[i].w);
        free(channel[i].pcm);
    }
}

/* ---- what labels cost words: nothing ------------------------------------------------------------------------------ */

typedef struct heard {
    char text[64][512];
    double heard_s[64];
    uint32_t n;
} heard;

static void keep_finals(steno_engine *e, heard *h, watch *w) {
    steno_event ev;
    while (steno_engine_poll(e, 0, &ev) == STENO_OK) {
        if (w) watch_event(w, &ev);
        if (ev.kind == STENO_EVENT_SEGMENT && h->n < 64) {
            snprintf(h->text[h->n], sizeof h->text[0], "%s", ev.segment.text);
            h->heard_s[h->n++] = ev.heard_s;
        }
        steno_event_release(&ev);
    }
}

static void finals_of_people(heard *h, bool with_speakers) {
    steno_engine_config config = speaker_config(1, 1);
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    player p = {.w = watch_new(&o, true), .c = &people};
    h->n = 0;
    p.w->id = open_live(e, NULL);
    if (with_speakers) assert_ok(steno_stream_speakers(e, p.w->id, &o));
    uint64_t before = mem_alloc_count();
    while (p.at < people.n) {
        push_all(e, &p, CHUNK);
        tick_all(e);
        keep_finals(e, h, with_speakers ? p.w : NULL);
    }
    assert_ok(steno_stream_finish(e, p.w->id));
    tick_all(e);
    keep_finals(e, h, with_speakers ? p.w : NULL);
    assert_int_equal(mem_alloc_count(), before); /* nothing is allocated while people talk */
    close_live_at_rest(e);
    free(p.w);
}

static void words_come_as_soon_as_without(void **state) {
    static heard with, without;
    NEEDS_PEOPLE;
    finals_of_people(&without, false);
    finals_of_people(&with, true);
    assert_int_equal(with.n, without.n);
    for (uint32_t i = 0; i < with.n; i++) {
        assert_string_equal(with.text[i], without.text[i]);
        assert_true(with.heard_s[i] == without.heard_s[i]);
    }
}

/* A reader that takes an event now and then: labels wait for it, and none is lost. */
static void labels_wait_for_a_slow_reader(void **state) {
    NEEDS_PEOPLE;
    steno_engine_config config = speaker_config(1, 1);
    config.max_batch = 1; /* few segments */
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_speakers_options o = options_of(STENO_SPEAKERS_DELAYED);
    player p = {.w = watch_new(&o, true), .c = &people};
    steno_event ev;
    int least = 1000;
    double turned_s = 0.0;
    p.w->id = open_live(e, p.w);
    assert_ok(steno_stream_speakers(e, p.w->id, &o));
    for (bool finished = false, woken = true; !p.w->done;) {
        if (p.at < people.n) push_all(e, &p, SECONDS(1));
        if (p.at == people.n && !finished) {
            assert_ok(steno_stream_finish(e, p.w->id));
            finished = true;
        }
        if (woken) tick_all(e);
        if (e->segments.free_count < least) least = e->segments.free_count;
        bool got = steno_engine_poll(e, 0, &ev) == STENO_OK;
        /* After the end nothing moves by itself: who waits for a segment has to be woken when there is one. */
        if (got) watch_event(p.w, &ev);
        if (got) steno_event_release(&ev);
        woken = !finished || e->shards[0]->inbox.count > 0;
        assert_true(got || woken);
    }
    for (int i = 0; i < STENO_SPEAKERS_MAX; i++) turned_s += p.w->turns_s[i];
    assert_true(least <= VOICE_SPARE); /* so they did wait */
    print_message("%.3f of words right, %.2f of the speech in turns\n", right_words(p.w, &people),
                  turned_s / speech_s(&people));
    assert_true(right_words(p.w, &people) >= RIGHT && turned_s > 0.85 * speech_s(&people));
    close_live_at_rest(e);
    free(p.w);
}

static int setup(void **state) {
    (void)state;
    steno_model_options options = {.dir = getenv("STENO_MODELS")};
    assert_ok(steno_model_open(&options, &model));
    if (!conversation_of(&people, 8, 0.6) || !conversation_of(&few, 4, 0.6))
        print_message("skipped: asterisk-core-sounds-en-wav or -it-wav is not installed\n");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    steno_model_close(model);
    free(people.pcm);
    free(few.pcm);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(places_are_limited),
        cmocka_unit_test(labels_mend_themselves),
        cmocka_unit_test(labels_that_were_promised_never_change),
        cmocka_unit_test(enrolled_voices_are_named),
        cmocka_unit_test(two_are_said_to_be_one),
        cmocka_unit_test(a_recording_is_labelled_at_its_end),
        cmocka_unit_test(a_recordings_labels_come_once),
        cmocka_unit_test(looks_follow_from_the_audio_alone),
        cmocka_unit_test(what_is_left_out_changes_nothing),
        cmocka_unit_test(channels_know_nothing_of_each_other),
        cmocka_unit_test(words_come_as_soon_as_without),
        cmocka_unit_test(labels_wait_for_a_slow_reader),
    };
    alarm(WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    if (!getenv("STENO_MODELS")) return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
