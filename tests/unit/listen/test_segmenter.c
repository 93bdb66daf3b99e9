/* test_segmenter.c: spans from probabilities: by hand-made sequences, and as properties over random ones. */
#include "listen/segmenter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FRAME     SEGMENTER_FRAME_SAMPLES
#define MAX_SPANS 4096
#define PAD       4800 /* 300 ms */

static const steno_vad_options defaults = {.enabled = true,
                                           .threshold = 0.5f,
                                           .neg_threshold = 0.35f,
                                           .min_speech_ms = 96,
                                           .min_silence_ms = 400,
                                           .pad_ms = 300,
                                           .max_segment_s = 15.0f};

typedef struct run_result {
    segmenter_span span[MAX_SPANS];
    int n;
} run_result;

static run_result got;

/* Feeds everything, checks what must hold at every moment, and ends at `total` samples. */
static void run(segmenter *s, const float *prob, int frames, int64_t total) {
    int64_t keep = 0;
    got.n = 0;
    for (int i = 0; i < frames; i++) {
        segmenter_span span;
        int64_t before = segmenter_keep_from(s);
        assert_true(before >= keep);
        keep = before;
        if (segmenter_step(s, prob[i], &span)) {
            assert_true(got.n < MAX_SPANS);
            assert_true(span.start_sample >= before); /* its audio was still kept */
            assert_true(span.end_sample <= (int64_t)(i + 1) * FRAME);
            got.span[got.n++] = span;
        }
    }
    segmenter_span span;
    while (segmenter_end(s, total, &span)) {
        assert_true(got.n < MAX_SPANS);
        assert_true(span.start_sample >= keep);
        got.span[got.n++] = span;
    }
    assert_true(segmenter_keep_from(s) >= keep);
}

static void run_defaults(const float *prob, int frames) {
    segmenter s;
    assert_int_equal(segmenter_init(&s, &defaults), STENO_OK);
    run(&s, prob, frames, (int64_t)frames * FRAME);
}

/* "0.9 x 30, 0.1 x 20 …" as a sequence; returns the number of frames. */
static int fill(float *prob, int at, float p, int n) {
    for (int i = 0; i < n; i++) prob[at + i] = p;
    return at + n;
}

static void silence_gives_nothing(void **state) {
    (void)state;
    float p[100] = {0};
    run_defaults(p, 100);
    assert_int_equal(got.n, 0);
    run_defaults(p, 0);
    assert_int_equal(got.n, 0);
}

static void one_burst_with_lead_and_tail(void **state) {
    (void)state;
    float p[200];
    int n = fill(p, 0, 0.01f, 50);
    n = fill(p, n, 0.9f, 30);
    n = fill(p, n, 0.01f, 60);
    run_defaults(p, n);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.span[0].speech_start_sample, 50 * FRAME);
    assert_int_equal(got.span[0].speech_end_sample, 80 * FRAME);
    assert_int_equal(got.span[0].start_sample, 50 * FRAME - PAD);
    assert_int_equal(got.span[0].end_sample, 80 * FRAME + PAD);
    assert_false(got.span[0].forced);
}

static void quiet_onset_belongs_to_the_word(void **state) {
    (void)state;
    float p[200];
    int n = fill(p, 0, 0.01f, 50);
    n = fill(p, n, 0.4f, 6); /* above neg_threshold, below threshold */
    n = fill(p, n, 0.9f, 2); /* alone it would be a burst */
    n = fill(p, n, 0.01f, 60);
    run_defaults(p, n);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.span[0].speech_start_sample, 50 * FRAME);
    assert_int_equal(got.span[0].start_sample, 50 * FRAME - PAD);
}

static void bursts_are_dropped_even_in_pairs(void **state) {
    (void)state;
    float p[200];
    int n = fill(p, 0, 0.01f, 40);
    n = fill(p, n, 0.9f, 1);
    n = fill(p, n, 0.01f, 5);
    n = fill(p, n, 0.9f, 1);
    n = fill(p, n, 0.01f, 60);
    run_defaults(p, n);
    assert_int_equal(got.n, 0);
}

static void speech_at_both_ends_is_kept(void **state) {
    (void)state;
    float p[100];
    int n = fill(p, 0, 0.9f, 100);
    segmenter s;
    assert_int_equal(segmenter_init(&s, &defaults), STENO_OK);
    run(&s, p, n, 99 * FRAME + 17); /* the last frame was filled up */
    assert_int_equal(got.n, 1);
    assert_int_equal(got.span[0].start_sample, 0);
    assert_int_equal(got.span[0].end_sample, 99 * FRAME + 17);
    assert_int_equal(got.span[0].speech_end_sample, 99 * FRAME + 17);
    segmenter_reset(&s);
    run(&s, p, n, 100 * FRAME + 400); /* or the rest was not stepped: the tail takes it */
    assert_int_equal(got.span[0].end_sample, 100 * FRAME + 400);
}

static void a_short_gap_is_shared(void **state) {
    (void)state;
    float p[200];
    int n = fill(p, 0, 0.9f, 30);
    n = fill(p, n, 0.01f, 15); /* 480 ms: a pause, but shorter than two pads */
    n = fill(p, n, 0.9f, 30);
    n = fill(p, n, 0.01f, 60);
    run_defaults(p, n);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.span[0].end_sample, 30 * FRAME + 15 * FRAME / 2);
    assert_int_equal(got.span[1].start_sample, got.span[0].end_sample);
}

static void a_short_pause_does_not_split(void **state) {
    (void)state;
    float p[200];
    int n = fill(p, 0, 0.9f, 30);
    n = fill(p, n, 0.01f, 12);
    n = fill(p, n, 0.9f, 30);
    n = fill(p, n, 0.01f, 60);
    run_defaults(p, n);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.span[0].speech_end_sample, 72 * FRAME);
}

static void long_speech_is_cut_at_its_longest_pause(void **state) {
    (void)state;
    static float p[700];
    fill(p, 0, 0.9f, 600);
    fill(p, 300, 0.1f, 3); /* shorter, deeper */
    fill(p, 350, 0.2f, 8); /* the longest */
    fill(p, 400, 0.1f, 4);
    fill(p, 100, 0.1f, 11); /* longer, but in the first half */
    fill(p, 600, 0.01f, 60);
    run_defaults(p, 660);
    assert_int_equal(got.n, 2);
    assert_true(got.span[0].forced);
    assert_int_equal(got.span[0].end_sample, 354 * FRAME);
    assert_int_equal(got.span[0].speech_end_sample, 350 * FRAME);
    assert_int_equal(got.span[1].start_sample, 354 * FRAME);
    assert_int_equal(got.span[1].speech_start_sample, 358 * FRAME);
    assert_int_equal(got.span[1].end_sample, 600 * FRAME + PAD);
    assert_false(got.span[1].forced);
}

static void of_equal_pauses_the_deepest_wins(void **state) {
    (void)state;
    static float p[700];
    fill(p, 0, 0.9f, 600);
    fill(p, 300, 0.3f, 4);
    fill(p, 340, 0.05f, 4);
    fill(p, 400, 0.2f, 4);
    run_defaults(p, 600);
    assert_int_equal(got.span[0].end_sample, 342 * FRAME);
}

static void without_a_pause_the_lowest_probability_is_cut(void **state) {
    (void)state;
    static float p[700];
    fill(p, 0, 0.9f, 600);
    p[200] = 0.36f; /* not in the last 40 % */
    p[390] = 0.6f;
    p[420] = 0.7f;
    run_defaults(p, 600);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.span[0].end_sample, 390 * FRAME);
    assert_int_equal(got.span[1].start_sample, 390 * FRAME);
}

/* The rest of a cut is one frame of speech: too short for a span of its own, but a last word all the same. */
static void the_rest_of_a_cut_is_never_dropped(void **state) {
    (void)state;
    static float p[700];
    fill(p, 0, 0.9f, 460);
    fill(p, 460, 0.1f, 8);
    fill(p, 468, 0.9f, 1);
    fill(p, 469, 0.01f, 60);
    run_defaults(p, 529);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.span[0].end_sample, 464 * FRAME);
    assert_int_equal(got.span[1].start_sample, 464 * FRAME);
    assert_int_equal(got.span[1].speech_start_sample, 468 * FRAME);
    assert_int_equal(got.span[1].speech_end_sample, 469 * FRAME);
}

/* Not even where the whole span has less speech than a span of its own would need. */
static void the_rest_of_a_sparse_cut_is_not_a_burst(void **state) {
    (void)state;
    static float p[300];
    steno_vad_options opt = defaults;
    opt.min_speech_ms = 1000;
    opt.max_segment_s = 5.0f; /* 156 frames */
    fill(p, 0, 0.01f, 300);
    for (int i = 0; i <= 156; i += 12) p[i] = 0.9f;
    segmenter s;
    assert_int_equal(segmenter_init(&s, &opt), STENO_OK);
    run(&s, p, 300, 300 * FRAME);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.span[1].start_sample, got.span[0].end_sample);
    assert_int_equal(got.span[1].speech_end_sample, 157 * FRAME);
}

static void without_vad_pieces_are_contiguous(void **state) {
    (void)state;
    static float p[2000]; /* silence: it does not matter */
    steno_vad_options opt = defaults;
    opt.enabled = false;
    segmenter s;
    assert_int_equal(segmenter_init(&s, &opt), STENO_OK);
    run(&s, p, 2000, 2000 * FRAME + 100);
    assert_int_equal(got.n, 5); /* 468 frames each, and the rest */
    int64_t at = 0;
    for (int i = 0; i < got.n; i++) {
        assert_int_equal(got.span[i].start_sample, at);
        at = got.span[i].end_sample;
        if (i + 1 < got.n) assert_int_equal(at, (i + 1) * 468 * FRAME);
    }
    assert_int_equal(at, 2000 * FRAME + 100);

    segmenter_reset(&s);
    run(&s, p, 0, 200); /* shorter than a frame */
    assert_int_equal(got.n, 1);
    assert_int_equal(got.span[0].end_sample, 200);
    segmenter_reset(&s);
    run(&s, p, 0, 0);
    assert_int_equal(got.n, 0);
}

static void nan_is_silence(void **state) {
    (void)state;
    float p[100];
    fill(p, 0, NAN, 100);
    run_defaults(p, 100);
    assert_int_equal(got.n, 0);
    fill(p, 0, INFINITY, 100);
    run_defaults(p, 100);
    assert_int_equal(got.n, 1);
}

static void refused(steno_vad_options opt, const char *name) {
    segmenter s;
    assert_int_equal(segmenter_init(&s, &opt), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), name));
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
#define REFUSED(field, value)                                                                                          \
    do {                                                                                                               \
        steno_vad_options o = defaults;                                                                                \
        o.field = (value);                                                                                             \
        refused(o, #field);                                                                                            \
    } while (0)
    REFUSED(threshold, 0.0f);
    REFUSED(threshold, 1.1f);
    REFUSED(threshold, NAN);
    REFUSED(neg_threshold, 0.0f);
    REFUSED(neg_threshold, 0.6f);
    REFUSED(neg_threshold, NAN);
    REFUSED(min_speech_ms, -1);
    REFUSED(min_speech_ms, 1001);
    REFUSED(min_silence_ms, 0);
    REFUSED(min_silence_ms, 2001);
    REFUSED(pad_ms, -1);
    REFUSED(pad_ms, 5001);
    REFUSED(max_segment_s, 0.5f);
    REFUSED(max_segment_s, 30.5f);
    REFUSED(max_segment_s, INFINITY);
    REFUSED(max_segment_s, NAN);
#undef REFUSED
    steno_vad_options o = defaults;
    o.max_segment_s = 1.0f;
    o.min_silence_ms = 501;
    refused(o, "min_silence_ms");
    o = defaults;
    o.max_segment_s = 30.0f;
    o.pad_ms = 501;
    refused(o, "pads");
}

/* ---- properties ------------------------------------------------------------------------------------------------- */

static uint64_t rng;

static uint32_t random_below(uint32_t n) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 33) % n;
}

/* Runs of speech, near-speech and silence with noise on them. */
static int random_probs(float *p, int cap) {
    int n = 0, frames = 1 + (int)random_below((uint32_t)cap);
    uint32_t longest = 1 + random_below(random_below(4) ? 40 : 900);
    while (n < frames) {
        float level = (float)random_below(1001) / 1000.0f;
        float noise = (float)random_below(300) / 1000.0f;
        int run_frames = 1 + (int)random_below(longest);
        for (int i = 0; i < run_frames && n < frames; i++)
            p[n++] = level + noise * ((float)random_below(2001) / 1000.0f - 1.0f);
    }
    return n;
}

static steno_vad_options random_options(void) {
    steno_vad_options o = defaults;
    o.threshold = 0.2f + (float)random_below(700) / 1000.0f;
    o.neg_threshold = o.threshold * (0.4f + (float)random_below(600) / 1000.0f);
    o.min_speech_ms = (int)random_below(400);
    o.max_segment_s = 1.0f + (float)random_below(28);
    o.min_silence_ms = 1 + (int)random_below(o.max_segment_s < 4.0f ? 500 : 2000);
    o.pad_ms = (int)random_below(500);
    return o;
}

static bool inside(const segmenter_span *span, int64_t frame, int64_t total) {
    int64_t end = (frame + 1) * FRAME;
    return span->start_sample <= frame * FRAME && span->end_sample >= (end < total ? end : total);
}

static void check_spans(const steno_vad_options *opt, int64_t total) {
    int64_t longest = (int64_t)(opt->max_segment_s * 16000.0f) + 2 * opt->pad_ms * 16;
    for (int i = 0; i < got.n; i++) {
        const segmenter_span *s = &got.span[i];
        assert_true(s->start_sample >= (i ? got.span[i - 1].end_sample : 0));
        assert_true(s->start_sample <= s->speech_start_sample);
        assert_true(s->speech_start_sample < s->speech_end_sample);
        assert_true(s->speech_end_sample <= s->end_sample);
        assert_true(s->end_sample <= total);
        assert_true(s->end_sample - s->start_sample <= longest);
        if (s->forced) {
            assert_true(i + 1 < got.n);
            assert_int_equal(got.span[i + 1].start_sample, s->end_sample);
        }
    }
}

/* Every run of frames at or above the threshold that is long enough lies in spans, each frame in exactly one. */
static void check_coverage(const steno_vad_options *opt, const float *p, int n, int64_t total) {
    int need = (opt->min_speech_ms * 16 + FRAME - 1) / FRAME;
    for (int i = 0; i < n;) {
        int end = i;
        while (end < n && p[end] >= opt->threshold) end++;
        for (int f = i; f < end && end - i >= (need ? need : 1); f++) {
            if ((int64_t)f * FRAME >= total) break;
            int owners = 0;
            for (int k = 0; k < got.n; k++) owners += inside(&got.span[k], f, total);
            assert_int_equal(owners, 1);
        }
        i = end > i ? end : i + 1;
    }
}

static void random_sequences_keep_the_invariants(void **state) {
    (void)state;
    static float p[3000];
    static run_result first;
    rng = 0x9e3779b97f4a7c15u;
    print_message("seed %llu\n", (unsigned long long)rng);
    int spans = 0, forced = 0;
    for (int round = 0; round < 3000; round++) {
        steno_vad_options opt = round % 3 ? random_options() : defaults;
        int n = random_probs(p, 3000);
        int64_t total = (int64_t)n * FRAME - (int64_t)random_below(FRAME);
        segmenter s;
        assert_int_equal(segmenter_init(&s, &opt), STENO_OK);
        run(&s, p, n, total);
        check_spans(&opt, total);
        check_coverage(&opt, p, n, total);
        spans += got.n;
        for (int i = 0; i < got.n; i++) forced += got.span[i].forced;
        first = got;
        segmenter_reset(&s);
        run(&s, p, n, total);
        assert_int_equal(got.n, first.n);
        assert_memory_equal(got.span, first.span, (size_t)got.n * sizeof got.span[0]);
    }
    assert_true(spans > 10000 && forced > 1000); /* the sequences do reach what is checked */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_gives_nothing),
        cmocka_unit_test(one_burst_with_lead_and_tail),
        cmocka_unit_test(quiet_onset_belongs_to_the_word),
        cmocka_unit_test(bursts_are_dropped_even_in_pairs),
        cmocka_unit_test(speech_at_both_ends_is_kept),
        cmocka_unit_test(a_short_gap_is_shared),
        cmocka_unit_test(a_short_pause_does_not_split),
        cmocka_unit_test(long_speech_is_cut_at_its_longest_pause),
        cmocka_unit_test(of_equal_pauses_the_deepest_wins),
        cmocka_unit_test(without_a_pause_the_lowest_probability_is_cut),
        cmocka_unit_test(the_rest_of_a_cut_is_never_dropped),
        cmocka_unit_test(the_rest_of_a_sparse_cut_is_not_a_burst),
        cmocka_unit_test(without_vad_pieces_are_contiguous),
        cmocka_unit_test(nan_is_silence),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(random_sequences_keep_the_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
