/* test_engine_api.c: what the public API promises about arguments, ids, limits and ends. */
#include "engine_test.h"

#include "base/mem.h"

#define SEED 20260120u

static rig normal;

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void assert_engine_refused(int *field, steno_engine_config *c, int value, const char *word) {
    int before = *field;
    steno_engine *e = (steno_engine *)(void *)c;
    *field = value;
    assert_int_equal(steno_engine_open(normal.model, c, &e), STENO_E_INVALID);
    assert_null(e);
    assert_non_null(strstr(steno_error_detail(), word));
    *field = before;
}

static void wrong_configurations(void **state) {
    (void)state;
    steno_engine_config c;
    steno_engine_config_init(&c);
    c.shards = 1;
    assert_engine_refused(&c.shards, &c, -1, "-1 compute threads");
    assert_engine_refused(&c.shards, &c, 257, "257 compute threads");
    assert_engine_refused(&c.max_batch, &c, 0, "max_batch 0");
    assert_engine_refused(&c.max_batch, &c, MOONSHINE_MAX_BATCH + 1, "max_batch");
    assert_engine_refused(&c.max_streams, &c, 0, "max_streams 0");
    assert_engine_refused(&c.max_streams, &c, (1 << 16) + 1, "max_streams");
    assert_engine_refused(&c.audio_pool_s, &c, 39, "audio_pool_s 39");
    assert_engine_refused(&c.audio_pool_s, &c, -1, "audio_pool_s -1");
    assert_engine_refused(&c.audio_pool_s, &c, (1 << 17) + 1, "audio_pool_s");
    assert_engine_refused(&c.kv_pool_mb, &c, 7, "kv_pool_mb 7");
    assert_engine_refused(&c.kv_pool_mb, &c, (1 << 16) + 1, "kv_pool_mb");
}

static void default_configuration(void **state) {
    (void)state;
    steno_engine *e;
    assert_ok(steno_engine_open(normal.model, NULL, &e));
    assert_true(e->shard_count >= 1);
    assert_true(e->frames.count >= e->config.max_streams * STREAM_WINDOW_FRAMES);
    steno_engine_close(e);
}

/* Pages that cannot hold what a segment needs. */
static void network_with_small_pages(void **state) {
    (void)state;
    fake_shape small = fake_tiny;
    rig r;
    small.decoder_layers = 1;
    rig_open(&r, &small, SEED);
    steno_engine *e;
    assert_int_equal(steno_engine_open(r.model, NULL, &e), STENO_E_UNSUPPORTED);
    assert_null(e);
    assert_non_null(strstr(steno_error_detail(), "'tiny'"));
    rig_close(&r);
}

static void assert_model_refused(const steno_model_options *o, steno_err want, const char *word) {
    steno_model *m = (steno_model *)(uintptr_t)o;
    assert_int_equal(steno_model_open(o, &m), want);
    assert_null(m);
    if (!strstr(steno_error_detail(), word)) fail_msg("no '%s' in: %s", word, steno_error_detail());
}

static void wrong_models(void **state) {
    (void)state;
    assert_model_refused(&(steno_model_options){.dir = normal.dir.path, .name = "huge"}, STENO_E_INVALID, "'huge'");
    assert_model_refused(&(steno_model_options){.dir = normal.dir.path, .precision = "int4"}, STENO_E_INVALID,
                         "'int4'");
    assert_model_refused(&(steno_model_options){.dir = normal.dir.path, .name = "base"}, STENO_E_NOT_FOUND,
                         normal.dir.path);
    assert_model_refused(&(steno_model_options){.dir = "/nowhere/at/all"}, STENO_E_NOT_FOUND, "/nowhere/at/all");
    steno_model_close(NULL);
}

static void model_properties(void **state) {
    (void)state;
    steno_model *m;
    assert_ok(steno_model_open(&(steno_model_options){.dir = normal.dir.path, .precision = "fp32"}, &m));
    assert_string_equal(steno_model_name(m), "tiny");
    assert_string_equal(steno_model_language(m), "en");
    assert_true(moonshine_describe(m->asr)->fp32);
    steno_model_close(m);
    assert_false(moonshine_describe(normal.model->asr)->fp32);
}

/* The network of voices is read where its file is and it is not declined. */
static void model_without_voices(void **state) {
    (void)state;
    steno_engine_config config;
    steno_engine *e;
    steno_model *m;
    fake_dir dir;
    fake_dir_fill(&dir, &fake_tiny, SEED);
    fake_dir_add_voices(&dir, SEED);
    for (int declined = 0; declined <= 1; declined++) {
        assert_ok(steno_model_open(&(steno_model_options){.dir = dir.path, .no_voices = declined}, &m));
        assert_int_equal(m->voices == NULL, declined);
        steno_engine_config_init(&config);
        config.shards = config.max_streams = config.max_speaker_streams = 1;
        assert_int_equal(steno_engine_open(m, &config, &e), declined ? STENO_E_NOT_FOUND : STENO_OK);
        if (!declined) steno_engine_close(e);
        steno_model_close(m);
    }
    fake_dir_remove(&dir);
}

/* More pieces than the network has tokens: somebody else's vocabulary. */
static void foreign_vocabulary(void **state) {
    (void)state;
    rig r;
    fake_dir_fill(&r.dir, &fake_tiny, SEED);
    char path[FAKE_PATH_BYTES];
    fake_join(path, &r.dir, "tokens.txt");
    fake_tokens_write(path, fake_tiny.vocab + 1);
    assert_model_refused(&(steno_model_options){.dir = r.dir.path}, STENO_E_FORMAT, "tokens.txt");
    fake_dir_remove(&r.dir);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static void wrong_vad_options(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 1, 0);
    steno_vad_options vad = vad_of(true, 31.0f);
    steno_stream_id id;
    assert_int_equal(steno_stream_open(e, &vad, NULL, &id), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "max_segment_s"));
    assert_int_equal(e->claimed, 0);
    assert_ok(steno_stream_open(e, NULL, NULL, &id)); /* the refused one took no place */
    steno_engine_close(e);
}

static steno_event_kind end_of(steno_engine *e, steno_stream_id id) {
    for (;;) {
        steno_event ev;
        if (steno_engine_poll(e, -1, &ev) != STENO_OK) continue;
        steno_event_release(&ev);
        assert_true(ev.stream == id);
        if (ev.kind != STENO_EVENT_SEGMENT) return ev.kind;
    }
}

static void stream_limit(void **state) {
    (void)state;
    enum { N = 5 };
    steno_engine *e = engine_of(normal.model, 2, 4, N, 0);
    steno_stream_id id[N], more = 7;
    for (int i = 0; i < N; i++) assert_ok(steno_stream_open(e, NULL, NULL, &id[i]));
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) assert_true(id[i] != id[j]);
    }
    assert_int_equal(steno_stream_open(e, NULL, NULL, &more), STENO_E_LIMIT);
    assert_non_null(strstr(steno_error_detail(), "all 5 streams"));
    assert_ok(steno_stream_finish(e, id[2]));
    assert_int_equal(end_of(e, id[2]), STENO_EVENT_DONE);
    assert_ok(steno_stream_open(e, NULL, NULL, &more));
    assert_true(more != id[2]);
    steno_engine_close(e);
}

static void assert_dead(steno_engine *e, steno_stream_id id) {
    float pcm[4] = {0};
    size_t taken = 9;
    assert_int_equal(steno_stream_push(e, id, pcm, 4, &taken), STENO_E_NOT_FOUND);
    assert_int_equal(taken, 0);
    assert_true(steno_error_detail()[0] != 0);
    assert_int_equal(steno_stream_finish(e, id), STENO_E_NOT_FOUND);
}

static void stale_and_made_up_ids(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 3, 0);
    steno_stream_id a, b;
    assert_dead(e, 0);
    assert_dead(e, 1u << 17); /* the first id before it is given out */
    assert_ok(steno_stream_open(e, NULL, NULL, &a));
    assert_ok(steno_stream_finish(e, a));
    assert_int_equal(end_of(e, a), STENO_EVENT_DONE);
    assert_dead(e, a);
    assert_ok(steno_stream_open(e, NULL, NULL, &b));
    assert_true(a != b);
    assert_dead(e, a); /* the slot is somebody else's now */
    assert_dead(e, b ^ 1);
    assert_dead(e, b + 2);
    assert_dead(e, UINT64_MAX);
    for (int bit = 0; bit < 64; bit++) assert_dead(e, b ^ (steno_stream_id)1 << bit);
    assert_ok(steno_stream_finish(e, b));
    assert_int_equal(end_of(e, b), STENO_EVENT_DONE);
    close_at_rest(e);
}

static void after_finish(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 2, 0);
    float pcm[1000] = {0};
    size_t taken;
    steno_stream_id id;
    assert_ok(steno_stream_open(e, NULL, NULL, &id));
    assert_ok(steno_stream_push(e, id, pcm, 1000, &taken));
    assert_int_equal(taken, 1000);
    assert_ok(steno_stream_finish(e, id));
    assert_int_equal(steno_stream_push(e, id, pcm, 1000, &taken), STENO_E_INVALID);
    assert_int_equal(taken, 0);
    assert_non_null(strstr(steno_error_detail(), "finished"));
    assert_ok(steno_stream_finish(e, id)); /* saying it twice changes nothing: there is one end */
    assert_int_equal(end_of(e, id), STENO_EVENT_DONE);
    steno_event ev;
    assert_int_equal(steno_engine_poll(e, 0, &ev), STENO_E_AGAIN);
    assert_dead(e, id);
    close_at_rest(e);
}

static void nothing_to_poll(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 2, 0);
    steno_event ev;
    assert_int_equal(steno_engine_poll(e, 0, &ev), STENO_E_AGAIN);
    assert_int_equal(steno_engine_poll(e, 1, &ev), STENO_E_AGAIN);
    struct pollfd p = {.fd = steno_engine_fd(e), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0);
    close_at_rest(e);
}

/* Every event has its stream's pointer, and the descriptor is readable as long as there are more. */
static void events_by_descriptor(void **state) {
    (void)state;
    enum { N = 4 };
    steno_engine *e = engine_of(normal.model, 1, 4, N, 0);
    steno_stream_id id[N];
    int mark[N], ended = 0;
    for (int i = 0; i < N; i++) {
        assert_ok(steno_stream_open(e, NULL, &mark[i], &id[i]));
        assert_ok(steno_stream_finish(e, id[i]));
    }
    for (steno_event ev; ended < N; ended++) {
        wait_engine(e);
        while (steno_engine_poll(e, 0, &ev) != STENO_OK) wait_engine(e);
        assert_int_equal(ev.kind, STENO_EVENT_DONE);
        int who = (int)((int *)ev.user - mark);
        assert_in_range(who, 0, N - 1);
        assert_true(ev.stream == id[who]);
        id[who] = 0;
    }
    close_at_rest(e);
}

/* ---- audio ------------------------------------------------------------------------------------------------------- */

static void short_streams(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 100, 511, 512, 513, 1599, 1600, 1601, 4097};
    steno_engine *e = engine_of(normal.model, 1, 4, 4, 0);
    float pcm[4097];
    uint64_t random = SEED;
    fake_tone(pcm, 4097, &random);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int enabled = 0; enabled < 2; enabled++) {
            track t = track_of(pcm, lengths[i], vad_of(enabled, 20.0f));
            t.vad.min_speech_ms = 0;
            play(e, &t, 1);
            assert_int_equal(t.end, STENO_EVENT_DONE);
            assert_float_equal(t.stats.audio_s, (double)lengths[i] / STENO_SAMPLE_RATE_HZ, 1e-12);
            if (lengths[i] == 0) assert_int_equal(t.stats.tokens, 0);
            if (lengths[i] > 0 && !enabled)
                assert_float_equal(t.stats.speech_s, (double)lengths[i] / STENO_SAMPLE_RATE_HZ, 1e-12);
            track_free(&t);
        }
    }
    close_at_rest(e);
}

/* Not even where somebody spoke before: the end of the last frame is not what that memory held. */
static void silence_says_nothing(void **state) {
    (void)state;
    steno_engine *e = engine_of(normal.model, 1, 4, 1, 0);
    float *pcm = calloc(SECONDS(30), sizeof *pcm);
    uint64_t random = SEED;
    for (int i = 0; i < e->frames.count; i++) fake_tone(e->frames.memory[i].pcm, FRAME_SAMPLES, &random);
    const size_t lengths[] = {3 * FRAME_SAMPLES + 9, SECONDS(30)};
    for (int i = 0; i < 2; i++) {
        track t = track_of(pcm, lengths[i], vad_of(true, 20.0f));
        t.vad.min_speech_ms = 0;
        play(e, &t, 1);
        assert_non_null(strstr(t.log, ", speech 0 s, 0 segments, 0 tokens\n"));
        track_free(&t);
    }
    close_at_rest(e);
    free(pcm);
}

/* A push with one bad sample is refused whole, and the stream goes on as if it had not been. */
static void samples_that_are_no_numbers(void **state) {
    (void)state;
    static const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    steno_engine *e = engine_of(normal.model, 1, 4, 4, 0);
    size_t n = SECONDS(8), taken;
    float *pcm = fake_talk(n, 3.0, SEED + 1), *spoilt = malloc(n * sizeof *spoilt);
    track clean = track_of(pcm, n, vad_of(true, 20.0f)), t = clean;
    play(e, &clean, 1);
    track_open(e, &t);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        memcpy(spoilt, pcm, n * sizeof *spoilt);
        size_t at = i == 0 ? 0 : i == 1 ? n - 1 : n / (i + 1);
        spoilt[at] = bad[i];
        taken = 9;
        assert_int_equal(steno_stream_push(e, t.id, spoilt, n, &taken), STENO_E_FORMAT);
        assert_int_equal(taken, 0);
        assert_non_null(strstr(steno_error_detail(), "not numbers"));
        assert_ok(steno_stream_push(e, t.id, pcm + t.at, 700, &taken));
        t.at += taken;
    }
    play_opened(e, &t, 1);
    assert_string_equal(t.log, clean.log);
    track_free(&t);
    track_free(&clean);
    close_at_rest(e);
    free(pcm);
    free(spoilt);
}

/* Numbers that no microphone gives: the engine survives, and what it says is well formed (track checks). */
static void samples_out_of_range(void **state) {
    (void)state;
    static const float sizes[] = {2.0f, 1e6f, 1e20f, 3e38f, 1e-30f, 1e-45f};
    steno_engine *e = engine_of(normal.model, 1, 4, 8, 0);
    size_t n = SECONDS(4);
    float *pcm = malloc(n * sizeof *pcm);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int enabled = 0; enabled < 2; enabled++) {
            uint64_t random = SEED + i;
            fake_tone(pcm, n, &random);
            for (size_t k = 0; k < n; k++) pcm[k] *= sizes[i];
            track t = track_of(pcm, n, vad_of(enabled, 20.0f));
            play(e, &t, 1);
            assert_int_equal(t.end, STENO_EVENT_DONE);
            track_free(&t);
        }
    }
    close_at_rest(e);
    free(pcm);
}

/* Any options that are accepted leave a stream able to move on within its promise of frames. */
static void any_options_move_on(void **state) {
    (void)state;
    uint64_t random = SEED + 2;
    steno_engine *e = engine_of(normal.model, 1, 2, 1, 0);
    size_t n = SECONDS(SLOW_BUILD ? 40 : 70);
    float *pcm = fake_talk(n, 33.0, SEED + 3);
    int played = 0;
    for (int i = 0; i < (SLOW_BUILD ? 8 : 60); i++) {
        steno_vad_options vad = {.enabled = fake_below(&random, 4) != 0,
                                 .threshold = 0.5f,
                                 .neg_threshold = 0.2f,
                                 .min_speech_ms = fake_below(&random, 3) ? fake_below(&random, 1001) : 0,
                                 .min_silence_ms = 1 + fake_below(&random, fake_below(&random, 2) ? 2000 : 40),
                                 .join_ms = fake_below(&random, 2) ? fake_below(&random, 5001) : 0,
                                 .pad_ms = fake_below(&random, fake_below(&random, 3) ? 600 : 5001),
                                 .max_segment_s = 1.0f + (float)fake_below(&random, 30)};
        track t = track_of(pcm, n, vad);
        if (steno_stream_open(e, &vad, &t, &t.id) != STENO_OK) continue;
        play_opened(e, &t, 1);
        assert_int_equal(t.end, STENO_EVENT_DONE);
        track_free(&t);
        played++;
    }
    assert_true(played > (SLOW_BUILD ? 2 : 30));
    close_at_rest(e);
    free(pcm);
}

static void error_names(void **state) {
    (void)state;
    for (int i = 0; i <= STENO_E_INTERNAL; i++) assert_string_not_equal(steno_err_name((steno_err)i), "unknown");
    assert_string_equal(steno_err_name((steno_err)(STENO_E_INTERNAL + 1)), "unknown");
    assert_string_equal(steno_err_name((steno_err)-1), "unknown");
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_configurations),
        cmocka_unit_test(default_configuration),
        cmocka_unit_test(network_with_small_pages),
        cmocka_unit_test(wrong_models),
        cmocka_unit_test(model_properties),
        cmocka_unit_test(model_without_voices),
        cmocka_unit_test(foreign_vocabulary),
        cmocka_unit_test(wrong_vad_options),
        cmocka_unit_test(stream_limit),
        cmocka_unit_test(stale_and_made_up_ids),
        cmocka_unit_test(after_finish),
        cmocka_unit_test(nothing_to_poll),
        cmocka_unit_test(events_by_descriptor),
        cmocka_unit_test(short_streams),
        cmocka_unit_test(silence_says_nothing),
        cmocka_unit_test(samples_that_are_no_numbers),
        cmocka_unit_test(samples_out_of_range),
        cmocka_unit_test(any_options_move_on),
        cmocka_unit_test(error_names),
    };
    print_message("seed %u\n", SEED);
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, setup, teardown);
}
