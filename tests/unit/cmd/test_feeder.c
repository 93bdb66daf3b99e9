/* test_feeder.c: the loop that moves many recordings through one engine, on a fake engine with a random pace. */
#include "fake_engine.h"

#include "base/mem.h"
#include "cmd/feeder.h"

#define SEED      20261u
#define MAX_FILES 64

/* What a test saw. */
typedef struct seen {
    size_t order[MAX_FILES], n_done; /* indexes as they were done */
    steno_err error[MAX_FILES];
    char detail[MAX_FILES][64];
    double audio_s[MAX_FILES];
    uint32_t segments[MAX_FILES];
    double last_start_s[MAX_FILES];
    size_t last_index;
    bool mixed_up; /* in order: a file's segment came before its turn */
    bool wrong_text, backwards;
    int stop_after; /* segments; 0: never */
    bool moody;     /* every other call is answered "not now" */
    int moods;
    double last_fraction;
    bool in_order;
    size_t handed_out, most_waiting; /* segments made and not handed out */
    bool diarize, wrong_label;
    uint32_t turns[MAX_FILES];
} seen;

static steno_err on_segment(void *ctx, size_t index, int channel, const released_segment *s) {
    seen *w = ctx;
    if (w->moody && w->moods++ % 2) return STENO_E_AGAIN;
    int number = -1, lane = -1;
    size_t at = 0;
    sscanf(s->text, "%d/%d %zu", &number, &lane, &at);
    if ((size_t)number != index || lane != channel - 1) w->wrong_text = true;
    if ((double)at / STENO_SAMPLE_RATE_HZ != s->start_s) w->wrong_text = true;
    if (s->start_s < w->last_start_s[index]) w->backwards = true;
    if (w->in_order && index != w->n_done) w->mixed_up = true;
    if (w->diarize && (s->speaker != (int)(s->id % 3) || w->turns[index])) w->wrong_label = true;
    w->last_start_s[index] = s->start_s;
    w->segments[index]++;
    if (fake.segments_made - w->handed_out > w->most_waiting) w->most_waiting = fake.segments_made - w->handed_out;
    w->handed_out++;
    if (w->stop_after && --w->stop_after == 0) return err_fail(STENO_E_IO, "enough");
    return STENO_OK;
}

static steno_err on_done(void *ctx, size_t index, const feeder_result *r) {
    seen *w = ctx;
    if (w->moody && w->moods++ % 2) return STENO_E_AGAIN;
    w->order[w->n_done++] = index;
    w->error[index] = r->error;
    w->audio_s[index] = r->audio_s;
    snprintf(w->detail[index], sizeof w->detail[index], "%.60s", r->detail);
    return STENO_OK;
}

static steno_err on_turns(void *ctx, size_t index, int channel, const steno_turn *turns, uint32_t n) {
    seen *w = ctx;
    (void)channel;
    if (w->moody && w->moods++ % 2) return STENO_E_AGAIN;
    for (uint32_t i = 0; i < n; i++) w->wrong_label |= turns[i].end_s <= turns[i].start_s;
    w->turns[index] += n;
    return STENO_OK;
}

static void on_progress(void *ctx, const feeder_progress *p) {
    seen *w = ctx;
    w->last_fraction = p->fraction;
}

static steno_err feed(const char *const *paths, size_t n, bool in_order, media_channels channels, seen *w) {
    feeder_config config = {.channels = channels,
                            .paths = paths,
                            .n_paths = n,
                            .in_order = in_order,
                            .max_decoders = 4,
                            .max_streams = 24,
                            .stop_fd = -1};
    if (w->diarize) config.speakers.contract = STENO_SPEAKERS_REVISE;
    feeder_handler handler = {
        .ctx = w, .segment = on_segment, .done = on_done, .progress = on_progress, .turns = on_turns};
    w->in_order = in_order;
    return feeder_run(&config, &handler);
}

static uint32_t segments_in(size_t frames, int channel) {
    size_t each = fake_segment_samples(channel);
    return (uint32_t)((frames + each - 1) / each);
}

static uint32_t segments_of(size_t frames) {
    return segments_in(frames, 0);
}

static uint32_t segments_of_two(size_t frames) {
    return segments_in(frames, 0) + segments_in(frames, 1);
}

static void check_clean(const seen *w) {
    assert_false(fake.scrambled);
    assert_false(w->wrong_text);
    assert_false(w->backwards);
    assert_false(w->mixed_up);
    assert_int_equal(fake.media_open, 0);
}

/* Recordings of 0.02 to 20 s, the first the longest, so that the others have to wait for it. */
static void make_paths(char names[][48], const char *paths[], size_t frames[], size_t n) {
    for (size_t i = 0; i < n; i++) {
        frames[i] = i == 0 ? 320000 : 320 + fake_random(100000);
        snprintf(names[i], 48, "%zu#%zu:1", frames[i], i);
        paths[i] = names[i];
    }
}

static void keeps_the_order(void **state) {
    char names[40][48];
    const char *paths[40];
    size_t frames[40];
    seen w = {0};
    (void)state;
    fake_reset(SEED);
    make_paths(names, paths, frames, 40);
    assert_int_equal(feed(paths, 40, true, MEDIA_MIX, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.n_done, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(w.order[i], i);
        assert_int_equal(w.error[i], STENO_OK);
        assert_int_equal(w.segments[i], segments_of(frames[i]));
        assert_true(fabs(w.audio_s[i] - (double)frames[i] / STENO_SAMPLE_RATE_HZ) < 1e-6);
    }
    assert_in_range(fake.media_most, 2, 4);
    assert_in_range(fake.streams_most, 5, 24);
    assert_int_equal(fake.streams_open, 0);
}

static void hands_out_as_they_come(void **state) {
    char names[40][48];
    const char *paths[40];
    size_t frames[40];
    seen w = {0};
    (void)state;
    fake_reset(SEED + 1);
    make_paths(names, paths, frames, 40);
    assert_int_equal(feed(paths, 40, false, MEDIA_MIX, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.n_done, 40);
    assert_int_not_equal(w.order[0], 0); /* the longest does not hold the others up */
    for (size_t i = 0; i < 40; i++) assert_int_equal(w.segments[i], segments_of(frames[i]));
}

static void offers_again_what_was_put_off(void **state) {
    char names[12][48];
    const char *paths[12];
    size_t frames[12];
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        seen w = {.moody = true};
        fake_reset(SEED + 13);
        make_paths(names, paths, frames, 12);
        assert_int_equal(feed(paths, 12, in_order, MEDIA_MIX, &w), STENO_OK);
        check_clean(&w);
        assert_int_equal(w.n_done, 12);
        for (size_t i = 0; i < 12; i++) assert_int_equal(w.segments[i], segments_of(frames[i]));
    }
}

static void splits_channels(void **state) {
    const char *paths[] = {"100000#0:2", "50000#1:1", "40000#2:2", "70000#3:2"};
    seen w = {0};
    (void)state;
    fake_reset(SEED + 2);
    assert_int_equal(feed(paths, 4, true, MEDIA_SPLIT, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.segments[0], segments_of_two(100000));
    assert_int_equal(w.segments[1], segments_of(50000));
    assert_int_equal(w.segments[2], segments_of_two(40000));
    assert_true(fake.streams_most <= 24);
}

/* Eight streams are set aside for a file until its channels are known, and given back then. */
static void streams_are_not_wasted(void **state) {
    char names[16][48];
    const char *paths[16];
    seen w = {0};
    (void)state;
    fake_reset(SEED + 10);
    for (size_t i = 0; i < 16; i++) {
        snprintf(names[i], 48, "60000#%zu:1", i);
        paths[i] = names[i];
    }
    assert_int_equal(feed(paths, 16, true, MEDIA_SPLIT, &w), STENO_OK);
    check_clean(&w);
    assert_in_range(fake.streams_most, 4, 24);
}

static void reports_failures_and_goes_on(void **state) {
    const char *paths[] = {"missing-a", "40000#1:1", "90000#2:1:50000", "0#3:1",
                           "0#4:1:0",   "90000#5:1", "30000#6:1",       "missing-b"};
    seen w = {0};
    (void)state;
    fake_reset(SEED + 3);
    fake.fail_stream_of = 5;
    assert_int_equal(feed(paths, 8, true, MEDIA_MIX, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.n_done, 8);
    assert_int_equal(w.error[0], STENO_E_NOT_FOUND);
    assert_string_equal(w.detail[0], "missing-a: no such file");
    assert_int_equal(w.error[1], STENO_OK);
    assert_int_equal(w.error[2], STENO_E_FORMAT);
    assert_int_equal(w.segments[2], segments_of(50000)); /* what came before the damage is kept */
    assert_int_equal(w.error[3], STENO_OK);
    assert_int_equal(w.segments[3], 0);
    assert_int_equal(w.error[4], STENO_E_FORMAT);
    assert_int_equal(w.error[5], STENO_E_INTERNAL);
    assert_string_equal(w.detail[5], "the stream broke");
    assert_int_equal(w.error[6], STENO_OK);
    assert_int_equal(w.segments[6], segments_of(30000));
    assert_int_equal(w.error[7], STENO_E_NOT_FOUND);
}

/* Descriptors for two recordings, though four may be decoded: the others wait. Without any, each says so. */
static void waits_for_descriptors(void **state) {
    char names[20][48];
    const char *paths[20];
    size_t frames[20];
    (void)state;
    for (int in_order = 0; in_order < 2; in_order++) {
        seen w = {0};
        fake_reset(SEED + 11);
        fake.fds_for = 2;
        make_paths(names, paths, frames, 20);
        assert_int_equal(feed(paths, 20, in_order, MEDIA_MIX, &w), STENO_OK);
        check_clean(&w);
        assert_int_equal(w.n_done, 20);
        for (size_t i = 0; i < 20; i++) {
            assert_int_equal(w.error[i], STENO_OK);
            assert_int_equal(w.segments[i], segments_of(frames[i]));
        }
        assert_int_equal(fake.media_most, 2);
        assert_in_range(fake.refused, 1, 2 * 20); /* tried again only after one was closed, or handed out */
    }
    seen w = {0};
    fake_reset(SEED + 12);
    fake.fds_for = -1;
    make_paths(names, paths, frames, 20);
    assert_int_equal(feed(paths, 20, true, MEDIA_MIX, &w), STENO_OK);
    assert_int_equal(w.n_done, 20);
    for (size_t i = 0; i < 20; i++) assert_int_equal(w.error[i], STENO_E_IO); /* nobody is left to wait for */
    assert_string_equal(w.detail[19] + strlen(paths[19]), ": too many open files");
}

static void waits_for_a_busy_engine(void **state) {
    const char *paths[] = {"40000#0:2", "40000#1:2"};
    seen w = {0};
    (void)state;
    fake_reset(SEED + 4);
    fake.refuse_finish = 5;
    assert_int_equal(feed(paths, 2, true, MEDIA_SPLIT, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.segments[0] + w.segments[1], 2 * segments_of_two(40000));
}

static void stops_when_the_writer_fails(void **state) {
    const char *paths[] = {"400000#0:1", "400000#1:1", "400000#2:1"};
    seen w = {.stop_after = 3};
    (void)state;
    fake_reset(SEED + 5);
    assert_int_equal(feed(paths, 3, true, MEDIA_MIX, &w), STENO_E_IO);
    assert_int_equal(fake.media_open, 0);
    assert_int_equal(w.n_done, 0);
}

static void stops_when_told(void **state) {
    const char *paths[] = {"400000#0:1"};
    seen w = {0};
    (void)state;
    fake_reset(SEED + 6);
    int stop = eventfd(1, 0);
    feeder_config config = {
        .paths = paths, .n_paths = 1, .in_order = true, .max_decoders = 4, .max_streams = 8, .stop_fd = stop};
    feeder_handler handler = {.ctx = &w, .segment = on_segment, .done = on_done};
    assert_int_equal(feeder_run(&config, &handler), STENO_E_CANCELLED);
    assert_int_equal(fake.media_open, 0);
    close(stop);
}

/* 1 MB of text a segment: once 16 MB wait, only what is already in the (at most 24) streams may join them. */
static void bounds_what_waits(void **state) {
    char names[60][48];
    const char *paths[60];
    seen w = {0};
    (void)state;
    fake_reset(SEED + 7);
    fake.text_bytes = 1u << 20;
    for (size_t i = 0; i < 60; i++) {
        snprintf(names[i], 48, "%d#%zu:1", i == 0 ? 800000 : 1000, i);
        paths[i] = names[i];
    }
    assert_int_equal(feed(paths, 60, true, MEDIA_MIX, &w), STENO_OK);
    check_clean(&w);
    assert_int_equal(w.n_done, 60);
    assert_in_range(w.most_waiting, 16, 16 + 24 + 1);
}

/* Labels come at the end of a recording; nothing of it is handed out before. */
static void waits_for_labels(void **state) {
    char names[12][48];
    const char *paths[12];
    size_t frames[12];
    (void)state;
    for (int round = 0; round < 4; round++) {
        bool split = round & 1;
        seen w = {.diarize = true, .moody = round & 2};
        fake_reset(SEED + (uint64_t)round);
        make_paths(names, paths, frames, 12);
        for (size_t i = 0; split && i < 12; i++) snprintf(names[i], 48, "%zu#%zu:2", frames[i], i);
        assert_int_equal(feed(paths, 12, round < 2, split ? MEDIA_SPLIT : MEDIA_MIX, &w), STENO_OK);
        check_clean(&w);
        assert_false(w.wrong_label);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(w.error[i], STENO_OK);
            assert_int_equal(w.segments[i], split ? segments_of_two(frames[i]) : segments_of(frames[i]));
            assert_int_equal(w.turns[i], w.segments[i]);
        }
    }
}

/* Text that waits for labels is bounded: the recording fails there, and what came before is handed out with its labels. */
static void bounds_what_waits_for_labels(void **state) {
    const char *paths[] = {"1600000#0:1", "32000#1:1"};
    seen w = {.diarize = true};
    (void)state;
    fake_reset(SEED);
    fake.text_bytes = 1 << 20;
    assert_int_equal(feed(paths, 2, true, MEDIA_MIX, &w), STENO_OK);
    check_clean(&w);
    assert_false(w.wrong_label);
    assert_int_equal(w.error[0], STENO_E_LIMIT);
    assert_int_equal(w.error[1], STENO_OK);
    assert_in_range(w.segments[0], 16, 24);
    assert_int_equal(w.segments[1], 2);
}

static void empty_list(void **state) {
    seen w = {0};
    (void)state;
    fake_reset(SEED + 8);
    assert_int_equal(feed(NULL, 0, true, MEDIA_MIX, &w), STENO_OK);
    assert_int_equal(w.n_done, 0);
}

/* Fails every allocation in turn: an error of the run or of a file, never a crash or a leak. */
static void survives_lack_of_memory(void **state) {
    const char *paths[] = {"40000#0:2", "missing", "50000#2:2", "20000#3:2:9000"};
    (void)state;
    for (uint64_t nth = 1; nth < 1000; nth++) {
        seen w = {0};
        fake_reset(SEED + 9);
        mem_fault_arm(nth);
        steno_err e = feed(paths, 4, true, MEDIA_SPLIT, &w);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_int_equal(fake.media_open, 0);
        if (!hit) {
            assert_int_equal(e, STENO_OK);
            assert_true(nth > 10);
            return;
        }
        bool told = e == STENO_E_NOMEM;
        for (int i = 0; i < 4; i++) told = told || w.error[i] == STENO_E_NOMEM;
        assert_true(told);
    }
    fail_msg("the sweep did not end");
}

int main(void) {
    printf("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(hands_out_as_they_come),
        cmocka_unit_test(offers_again_what_was_put_off),
        cmocka_unit_test(splits_channels),
        cmocka_unit_test(streams_are_not_wasted),
        cmocka_unit_test(reports_failures_and_goes_on),
        cmocka_unit_test(waits_for_descriptors),
        cmocka_unit_test(waits_for_a_busy_engine),
        cmocka_unit_test(stops_when_the_writer_fails),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(bounds_what_waits),
        cmocka_unit_test(waits_for_labels),
        cmocka_unit_test(bounds_what_waits_for_labels),
        cmocka_unit_test(empty_list),
        cmocka_unit_test(survives_lack_of_memory),
    };
    int status = cmocka_run_group_tests(tests, NULL, NULL);
    if (fake.fd > 0) close(fake.fd);
    return status;
}
