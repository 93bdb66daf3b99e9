/* test_recording.c: recordings wait, run, are cancelled and fail; whatever happens, they end once and leave nothing. */
#include "service_fixture.h"

#define RECORDINGS_MAX 12
#define TALK_S         6
#define FAULTS_MAX     400

static char two_channels[64], one_channel[64];

/* ---- recordings ------------------------------------------------------------------------------------------------- */

static void put(FILE *out, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) fputc((int)(value >> 8 * i & 255), out);
}

/* Talk of the made-up kind, each channel its own. */
static void write_wav(char path[64], int channels, double seconds, uint64_t seed) {
    size_t n = (size_t)(seconds * STENO_SAMPLE_RATE_HZ);
    float *talk[2] = {fake_talk(n, 1.5, seed), fake_talk(n, 1.5, seed + 1)};
    uint32_t bytes = (uint32_t)(n * 2 * (size_t)channels);
    snprintf(path, 64, "/tmp/steno-test-wav-XXXXXX");
    int fd = mkstemp(path);
    FILE *out = fdopen(fd, "wb");
    assert_non_null(out);
    fputs("RIFF", out), put(out, 36 + bytes, 4), fputs("WAVEfmt ", out), put(out, 16, 4), put(out, 1, 2);
    put(out, (uint32_t)channels, 2), put(out, STENO_SAMPLE_RATE_HZ, 4);
    put(out, STENO_SAMPLE_RATE_HZ * 2 * (uint32_t)channels, 4), put(out, 2 * (uint32_t)channels, 2), put(out, 16, 2);
    fputs("data", out), put(out, bytes, 4);
    for (size_t i = 0; i < n; i++) {
        for (int c = 0; c < channels; c++) put(out, (uint32_t)(int32_t)(talk[c][i] * 32000) & 0xffff, 2);
    }
    assert_int_equal(fclose(out), 0);
    free(talk[0]);
    free(talk[1]);
}

/* One recording and what it was told. */
typedef struct caller {
    service *v;
    recording *r;
    int segments, channels_heard, done, begun; /* begun: which of all began, from 1 */
    double last_s[2];
    recording_result result;
    enum { NEVER, AT_PROGRESS, AT_SEGMENT } cancel;
    bool cancelled;
} caller;

static int begun;

static void cancel(caller *c) {
    recording_cancel(c->r);
    c->cancelled = true;
}

static void on_segment(void *user, int channel, const released_segment *s) {
    caller *c = user;
    assert_false(c->cancelled || c->done);
    assert_in_range(channel, 0, 1);
    assert_true(s->start_s >= c->last_s[channel]);
    c->last_s[channel] = s->start_s;
    c->channels_heard |= 1 << channel;
    c->segments++;
    if (c->cancel == AT_SEGMENT) cancel(c);
}

static void on_progress(void *user, double audio_s, double fraction) {
    caller *c = user;
    assert_false(c->cancelled || c->done);
    assert_true(audio_s >= 0 && fraction >= 0 && fraction < 1);
    if (!c->begun) c->begun = ++begun;
    if (c->cancel == AT_PROGRESS) cancel(c);
}

static void on_done(void *user, const recording_result *r) {
    caller *c = user;
    assert_false(c->cancelled || c->done);
    c->done++;
    c->result = *r;
}

static const recording_handler calls = {.segment = on_segment, .progress = on_progress, .done = on_done};

static steno_err try_with(service *v, caller *c, const char *path, recording_options o) {
    o.path = path;
    o.name = "a recording";
    *c = (caller){.v = v, .cancel = c->cancel};
    return recording_open(v, &o, &calls, c, &c->r);
}

static void hand_in(service *v, caller *c, const char *path, media_channels channels) {
    assert_ok(try_with(v, c, path, (recording_options){.channels = channels}));
}

static bool no_recordings(void *ctx) {
    return ((const service *)ctx)->recordings == NULL;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void channels_are_heard_apart(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 2, .recordings_max = 8});
    caller split = {0}, mixed = {0};
    (void)state;
    hand_in(v, &split, two_channels, MEDIA_SPLIT);
    hand_in(v, &mixed, two_channels, MEDIA_MIX);
    assert_int_equal(split.done + mixed.done, 0); /* nothing is called from within */
    run_until(v, no_recordings, v);
    assert_ok(split.result.error);
    assert_ok(mixed.result.error);
    assert_int_equal(split.result.channels, 2);
    assert_int_equal(split.channels_heard, 3);
    assert_int_equal(mixed.result.channels, 1);
    assert_true(fabs(split.result.audio_s - TALK_S) < 0.01);
    assert_int_equal(split.result.stats.segments, (uint64_t)split.segments);
    close_at_rest(v);
}

static void who_waits_longest_begins_next(void **state) {
    service *v =
        open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 1, .recordings_max = RECORDINGS_MAX});
    caller c[RECORDINGS_MAX] = {0}, late = {0};
    (void)state;
    begun = 0;
    for (int i = 0; i < RECORDINGS_MAX; i++) hand_in(v, &c[i], one_channel, MEDIA_MIX);
    assert_int_equal(try_with(v, &late, one_channel, (recording_options){0}), STENO_E_LIMIT);
    cancel(&c[3]); /* of those that wait */
    cancel(&c[RECORDINGS_MAX - 1]);
    run_until(v, no_recordings, v);
    int last = 0;
    for (int i = 0; i < RECORDINGS_MAX; i++) {
        assert_int_equal(c[i].done, !c[i].cancelled);
        assert_int_equal(c[i].begun > 0, !c[i].cancelled);
        if (c[i].cancelled) continue;
        assert_int_equal(c[i].begun, last + 1);
        last = c[i].begun;
    }
    close_at_rest(v);
}

static void jobs_have_places_of_their_own(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 1, .recordings_max = 8});
    caller c[6] = {0};
    (void)state;
    for (int i = 0; i < 6; i++)
        assert_ok(try_with(v, &c[i], one_channel,
                           (recording_options){.rank = i % 2 ? RECORDING_JOB : RECORDING_REQUEST, .owed = i == 5}));
    assert_int_equal(v->recordings_owed, 1);
    cancel(&c[1]);
    run_until(v, no_recordings, v);
    for (int i = 0; i < 6; i++) assert_int_equal(c[i].done, i != 1);
    close_at_rest(v);
}

/* Places for two streams and recordings that want two each: nobody fails, nobody waits with one for ever. */
static void streams_are_waited_for(void **state) {
    service *v = open_service(&(stage){.max_streams = 3, .max_live = 1, .decoders = 4, .recordings_max = 8});
    caller c[4] = {0};
    (void)state;
    for (int i = 0; i < 4; i++) hand_in(v, &c[i], i == 2 ? one_channel : two_channels, MEDIA_SPLIT);
    run_until(v, no_recordings, v);
    for (int i = 0; i < 4; i++) {
        assert_ok(c[i].result.error);
        assert_int_equal(c[i].result.channels, i == 2 ? 1 : 2);
    }
    close_at_rest(v);
}

static void what_never_fits_is_said(void **state) {
    service *v = open_service(&(stage){.max_streams = 2, .max_live = 1, .decoders = 1, .recordings_max = 8});
    caller c = {0}, fits = {0};
    (void)state;
    hand_in(v, &c, two_channels, MEDIA_SPLIT);
    hand_in(v, &fits, one_channel, MEDIA_SPLIT);
    run_until(v, no_recordings, v);
    assert_int_equal(c.result.error, STENO_E_LIMIT);
    assert_int_equal(c.segments, 0);
    assert_ok(fits.result.error);
    close_at_rest(v);
}

static void cancelled_at_any_time(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 2, .recordings_max = 8});
    caller c[6] = {0};
    (void)state;
    for (int i = 0; i < 6; i++) {
        c[i].cancel = i % 3 == 0 ? AT_PROGRESS : i % 3 == 1 ? AT_SEGMENT : NEVER;
        hand_in(v, &c[i], two_channels, MEDIA_SPLIT);
    }
    run_until(v, no_recordings, v);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(c[i].done, !c[i].cancelled);
        assert_int_equal(c[i].cancelled, i % 3 != 2);
    }
    close_at_rest(v);
}

static bool is_heard(void *ctx) {
    return ((const caller *)ctx)->segments > 0;
}

/* SIGHUP in the middle: who has begun goes on where it is, who waits goes to the new one. */
static void engines_are_replaced(void **state) {
    stage of = {.max_streams = 8, .max_live = 2, .decoders = 1, .recordings_max = 8};
    service *v = open_service(&of);
    caller c[3] = {0};
    steno_model *model;
    steno_engine *engine;
    (void)state;
    for (int i = 0; i < 3; i++) hand_in(v, &c[i], two_channels, MEDIA_SPLIT);
    run_until(v, is_heard, &c[0]);
    service_config config = config_of(&of);
    open_engine(&of, &model, &engine);
    assert_ok(service_replace(v, &config, model, engine));
    run_until(v, no_recordings, v);
    for (int i = 0; i < 3; i++) assert_ok(c[i].result.error);
    for (int i = 1; i < 3; i++) assert_int_equal(c[i].segments, c[0].segments);
    assert_int_equal(streams_of(v), 0);
    close_at_rest(v);
}

/* Whoever waits or runs is told, once; who was cancelled is not. */
static void the_end_of_the_server(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 2, .recordings_max = 8});
    caller c[6] = {0};
    (void)state;
    for (int i = 0; i < 6; i++) hand_in(v, &c[i], two_channels, MEDIA_SPLIT);
    run_until(v, is_heard, &c[0]);
    if (!c[1].done) cancel(&c[1]);
    if (!c[4].done) cancel(&c[4]);
    service_close(v);
    for (int i = 0; i < 6; i++) assert_int_equal(c[i].done, !c[i].cancelled);
    assert_int_equal(c[5].result.error, STENO_E_CANCELLED);
}

static void files_that_are_none(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 1, .recordings_max = 8});
    caller c = {0}, good = {0};
    char long_path[400];
    (void)state;
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(try_with(v, &good, long_path, (recording_options){0}), STENO_E_INVALID);
    hand_in(v, &c, "/nowhere/at/all", MEDIA_MIX);
    hand_in(v, &good, one_channel, MEDIA_MIX);
    run_until(v, no_recordings, v);
    assert_int_equal(c.done, 1);
    assert_int_not_equal(c.result.error, STENO_OK);
    assert_non_null(strstr(c.result.detail, "a recording"));
    assert_null(strstr(c.result.detail, "/nowhere"));
    assert_ok(good.result.error);
    close_at_rest(v);
}

/* Each allocation fails once: that recording is refused or fails, the next one is heard. */
static void memory_fails(void **state) {
    service *v = open_service(&(stage){.max_streams = 8, .max_live = 2, .decoders = 1, .recordings_max = 8});
    uint64_t nth = 1;
    (void)state;
    for (;; nth++) {
        caller c = {0};
        look l = {.v = v, .holds = no_recordings, .ctx = v, .timer = net_timer_open(v->net, look_again, &l)};
        v->net->stopping = false;
        net_timer_set(l.timer, 0);
        mem_fault_arm(nth);
        steno_err e = try_with(v, &c, one_channel, (recording_options){0});
        if (e == STENO_OK) net_run(v->net);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        net_timer_close(l.timer);
        assert_int_equal(c.done, e == STENO_OK);
        if (!hit) {
            assert_ok(c.result.error);
            break;
        }
        assert_true(nth < FAULTS_MAX);
    }
    assert_true(nth > 5);
    close_at_rest(v);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_heard_apart),      cmocka_unit_test(who_waits_longest_begins_next),
        cmocka_unit_test(jobs_have_places_of_their_own), cmocka_unit_test(streams_are_waited_for),
        cmocka_unit_test(what_never_fits_is_said),       cmocka_unit_test(cancelled_at_any_time),
        cmocka_unit_test(engines_are_replaced),          cmocka_unit_test(the_end_of_the_server),
        cmocka_unit_test(files_that_are_none),           cmocka_unit_test(memory_fails),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    alarm(WATCHDOG_S);
    write_wav(one_channel, 1, TALK_S, SEED);
    write_wav(two_channels, 2, TALK_S, SEED + 1);
    int failed = cmocka_run_group_tests(tests, service_setup, service_teardown);
    unlink(one_channel);
    unlink(two_channels);
    return failed;
}
