/* test_segmenter_live.c: where live utterances begin and end: by hand-made probabilities, and as properties over random
 * ones with options that change, finalizes at any moment and either answer about unfinished texts.
 */
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
#define LEAD      4800 /* 300 ms */

static const steno_live_options defaults = {.threshold = 0.5f,
                                            .neg_threshold = 0.35f,
                                            .min_speech_ms = 96,
                                            .lead_ms = 300,
                                            .endpoint_ms = 500,
                                            .unfinished_ms = 500,
                                            .max_utterance_s = 15.0f,
                                            .partial_ms = 500};

/* A segmenter and what its stream has seen of it. */
typedef struct session {
    segmenter s;
    steno_live_options opt;
    bool unfinished; /* what segmenter_decide() is told */
    int decisions;
    int64_t keep;
    bool spoke; /* an utterance is open and would have been announced */
    segmenter_span span[MAX_SPANS];
    int64_t closed_at[MAX_SPANS]; /* frames stepped when it was handed out */
    int n;
} session;

static session x;

static void begin(steno_live_options opt) {
    memset(&x, 0, sizeof x);
    x.opt = opt;
    assert_int_equal(segmenter_init_live(&x.s, &opt), STENO_OK);
}

/* What must hold of every span that is handed out; `before`: what was kept. */
static void take(const segmenter_span *span, int64_t before) {
    assert_true(x.n < MAX_SPANS);
    assert_true(span->start_sample >= before); /* its audio was still kept */
    assert_true(span->start_sample >= (x.n ? x.span[x.n - 1].end_sample : 0));
    assert_true(span->start_sample <= span->speech_start_sample);
    assert_true(span->speech_start_sample < span->speech_end_sample);
    assert_true(span->speech_end_sample <= span->end_sample);
    assert_true(span->end_sample <= x.s.frames * FRAME);
    assert_true(span->end_sample - span->start_sample <= (int64_t)(SEGMENTER_MAX_SPAN_S * 16000.0f));
    x.closed_at[x.n] = x.s.frames;
    x.span[x.n++] = *span;
}

static void check_keep(void) {
    int64_t keep = segmenter_keep_from(&x.s);
    assert_true(keep >= x.keep); /* what was let go is gone */
    x.keep = keep;
}

/* One frame, as live.c steps it. */
static void step(float prob) {
    segmenter_span span, seen = {0};
    bool spoke = segmenter_speaks(&x.s), ripe = spoke && segmenter_pause(&x.s) >= segmenter_tail_frames(&x.s);
    if (ripe) segmenter_peek(&x.s, &seen);
    if (segmenter_decides(&x.s, prob)) {
        segmenter_decide(&x.s, x.unfinished);
        x.decisions++;
    }
    bool closed = segmenter_step(&x.s, prob, &span);
    if (closed) {
        take(&span, x.keep);
        if (!span.forced) assert_true(spoke); /* what was no utterance does not become one by ending */
        if (!span.forced && ripe) assert_memory_equal(&span, &seen, sizeof span);
    }
    if (spoke && !closed) assert_true(segmenter_speaks(&x.s)); /* and what was one gets its end */
    check_keep();
}

static void feed(float prob, int n) {
    for (int i = 0; i < n; i++) step(prob);
}

static bool finalize(void) {
    segmenter_span span;
    bool spoke = segmenter_speaks(&x.s), given = segmenter_finalize(&x.s, &span);
    assert_int_equal(given, spoke);
    if (given) take(&span, x.keep);
    assert_false(segmenter_speaks(&x.s));
    assert_int_equal(segmenter_pause(&x.s), -1);
    check_keep();
    return given;
}

static void configure(steno_live_options opt) {
    bool spoke = segmenter_speaks(&x.s);
    assert_int_equal(segmenter_configure_live(&x.s, &opt), STENO_OK);
    x.opt = opt;
    if (spoke) assert_true(segmenter_speaks(&x.s)); /* it has been announced: it gets its final */
    check_keep();
}

/* ---- by hand ------------------------------------------------------------------------------------------------------ */

static void a_pause_of_endpoint_frames_closes(void **state) {
    (void)state;
    begin(defaults);
    feed(0.01f, 50);
    feed(0.9f, 30);
    feed(0.01f, 15);
    assert_int_equal(x.n, 0); /* 480 ms */
    feed(0.01f, 1);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.decisions, 1);
    assert_int_equal(x.span[0].start_sample, 50 * FRAME - LEAD);
    assert_int_equal(x.span[0].speech_start_sample, 50 * FRAME);
    assert_int_equal(x.span[0].speech_end_sample, 80 * FRAME);
    assert_int_equal(x.span[0].end_sample, 88 * FRAME); /* half of the pause */
    assert_false(x.span[0].forced);
}

static void an_unfinished_text_gets_more_time(void **state) {
    (void)state;
    begin(defaults);
    x.unfinished = true;
    feed(0.9f, 30);
    feed(0.01f, 31);
    assert_int_equal(x.n, 0);
    assert_int_equal(x.decisions, 1);
    feed(0.01f, 1);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.span[0].end_sample, 38 * FRAME); /* the same tail */
    /* Speech again: the next pause is judged anew. */
    feed(0.9f, 30);
    feed(0.01f, 20);
    feed(0.9f, 5);
    x.unfinished = false;
    feed(0.01f, 15);
    assert_int_equal(x.n, 1);
    feed(0.01f, 1);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.decisions, 3);
    assert_int_equal(x.span[1].speech_end_sample - x.span[1].speech_start_sample, 55 * FRAME);
}

static void nothing_is_asked_without_unfinished_ms(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.unfinished_ms = 0;
    begin(o);
    x.unfinished = true;
    feed(0.9f, 30);
    feed(0.01f, 16);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.decisions, 0);
}

static void tails_by_endpoint(void **state) {
    (void)state;
    /* Short pauses nearly all, long ones half, and never more than the lead. */
    static const int want[][3] = {{100, 300, 3}, {128, 300, 3},   {192, 300, 4}, {320, 300, 5},
                                  {500, 300, 8}, {5000, 300, 10}, {5000, 0, 4},  {5000, 1000, 32}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        steno_live_options o = defaults;
        o.endpoint_ms = want[i][0];
        o.lead_ms = want[i][1];
        o.unfinished_ms = 0;
        begin(o);
        int frames = (o.endpoint_ms * 16 + FRAME - 1) / FRAME;
        assert_int_equal(segmenter_tail_frames(&x.s), want[i][2]);
        feed(0.01f, 40);
        feed(0.9f, 10);
        feed(0.01f, frames - 1);
        assert_int_equal(x.n, 0);
        feed(0.01f, 1);
        assert_int_equal(x.n, 1);
        assert_int_equal(x.span[0].end_sample, (50 + want[i][2]) * FRAME);
        assert_int_equal(x.span[0].start_sample, 40 * FRAME - o.lead_ms * 16);
    }
}

static void the_lead_never_reaches_into_the_last_utterance(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.endpoint_ms = 100;
    o.unfinished_ms = 0;
    begin(o);
    feed(0.9f, 30);
    feed(0.01f, 4);
    feed(0.9f, 30);
    feed(0.01f, 4);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.span[0].end_sample, 33 * FRAME);
    assert_int_equal(x.span[1].start_sample, 33 * FRAME);
}

static void bursts_say_nothing(void **state) {
    (void)state;
    begin(defaults);
    for (int i = 0; i < 20; i++) {
        feed(0.9f, 2);
        assert_false(segmenter_speaks(&x.s));
        feed(0.01f, 16);
    }
    assert_int_equal(x.n, 0);
    assert_false(finalize());
    feed(0.9f, 2);
    assert_false(finalize());
    assert_int_equal(x.decisions, 0);
}

static void a_quiet_onset_belongs_to_the_word(void **state) {
    (void)state;
    begin(defaults);
    feed(0.01f, 50);
    feed(0.4f, 6);
    feed(0.9f, 2);
    feed(0.01f, 16);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.span[0].speech_start_sample, 50 * FRAME);
    assert_int_equal(x.span[0].start_sample, 50 * FRAME - LEAD);
}

static void long_speech_is_cut_and_the_pieces_touch(void **state) {
    (void)state;
    begin(defaults);
    feed(0.9f, 350);
    feed(0.01f, 4); /* too short to end it even now */
    feed(0.9f, 1000);
    feed(0.01f, 16);
    assert_int_equal(x.n, 4);
    assert_int_equal(x.span[0].end_sample, 352 * FRAME);
    for (int i = 0; i < 3; i++) {
        assert_true(x.span[i].forced);
        assert_int_equal(x.span[i + 1].start_sample, x.span[i].end_sample);
    }
    assert_false(x.span[3].forced);
}

/* A pause may be longer than an utterance: 5 s and more beside 2 s. */
static void pauses_longer_than_an_utterance(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.max_utterance_s = 2.0f;
    o.endpoint_ms = 5000;
    begin(o);
    feed(0.9f, 10);
    feed(0.01f, 150);
    feed(0.9f, 80); /* all of it is one utterance by its pause, and too long */
    feed(0.01f, 157);
    assert_true(x.n >= 2);
    int64_t speech = 0;
    for (int i = 0; i < x.n; i++) speech += x.span[i].speech_end_sample - x.span[i].speech_start_sample;
    assert_int_equal(speech, 90 * FRAME);
}

/* The audio before a finalize is spoken for. */
/* A rest begins with up to lead_ms of silence: a cut planned there would hand out nothing but that. */
static void no_cut_falls_into_the_lead(void **state) {
    (void)state;
    segmenter_span plan;
    steno_live_options o = defaults;
    o.lead_ms = 1000;
    o.max_utterance_s = 2.0f;
    o.endpoint_ms = 5000;
    o.min_speech_ms = 480;
    begin(o);
    feed(0.9f, 1);
    feed(0.01f, 72);
    for (int i = 0; i < 200; i++) {
        if (segmenter_plan_cut(&x.s, &plan)) assert_true(plan.speech_start_sample < plan.speech_end_sample);
        step(0.9f);
    }
    assert_true(x.n >= 3);
}

static void after_a_finalize_speech_begins_anew(void **state) {
    (void)state;
    begin(defaults);
    feed(0.01f, 20);
    feed(0.9f, 40);
    assert_true(finalize());
    assert_int_equal(x.span[0].end_sample, 60 * FRAME);
    assert_int_equal(x.span[0].speech_end_sample, 60 * FRAME);
    assert_false(finalize());
    feed(0.9f, 2);
    assert_false(segmenter_speaks(&x.s)); /* two frames are a burst, whatever came before */
    feed(0.9f, 20);
    feed(0.01f, 16);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.span[1].start_sample, 60 * FRAME);
    assert_int_equal(x.span[1].speech_start_sample, 60 * FRAME);
}

static void a_finalize_in_a_pause_keeps_the_tail(void **state) {
    (void)state;
    begin(defaults);
    feed(0.9f, 40);
    feed(0.01f, 3);
    assert_true(finalize());
    assert_int_equal(x.span[0].end_sample, 43 * FRAME);
    feed(0.9f, 40);
    feed(0.01f, 12);
    assert_true(finalize());
    assert_int_equal(x.span[1].end_sample, (43 + 40 + 8) * FRAME);
}

/* ---- options in mid-stream ---------------------------------------------------------------------------------------- */

static void a_new_endpoint_counts_at_once(void **state) {
    (void)state;
    steno_live_options o = defaults;
    begin(defaults);
    feed(0.9f, 30);
    feed(0.01f, 10);
    o.endpoint_ms = 200;
    configure(o);
    feed(0.01f, 1);
    assert_int_equal(x.n, 1);
    o.endpoint_ms = 2000;
    configure(o);
    feed(0.9f, 30);
    feed(0.01f, 62);
    assert_int_equal(x.n, 1);
    feed(0.01f, 1);
    assert_int_equal(x.n, 2);
}

/* Frames before the old lead have been let go. */
static void a_longer_lead_does_not_reach_for_what_is_gone(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.lead_ms = 0;
    begin(o);
    feed(0.01f, 100);
    o.lead_ms = 1000;
    configure(o);
    feed(0.01f, 5);
    feed(0.9f, 30);
    feed(0.01f, 16);
    assert_int_equal(x.n, 1);
    assert_int_equal(x.span[0].start_sample, 100 * FRAME);
    feed(0.01f, 50);
    feed(0.9f, 30);
    feed(0.01f, 16);
    assert_int_equal(x.span[1].start_sample, x.span[1].speech_start_sample - 16000);
}

static void what_was_announced_is_no_burst_later(void **state) {
    (void)state;
    steno_live_options o = defaults;
    begin(o);
    feed(0.9f, 4);
    assert_true(segmenter_speaks(&x.s));
    o.min_speech_ms = 1000;
    configure(o);
    feed(0.01f, 16);
    assert_int_equal(x.n, 1);
    feed(0.9f, 4); /* the next one is */
    feed(0.01f, 16);
    assert_int_equal(x.n, 1);
}

static void a_shorter_maximum_cuts_what_is_too_long(void **state) {
    (void)state;
    steno_live_options o = defaults;
    begin(o);
    feed(0.9f, 400);
    o.max_utterance_s = 2.0f;
    configure(o);
    feed(0.9f, 100);
    feed(0.01f, 16);
    assert_true(x.n > 5);
    assert_int_equal(x.span[0].start_sample, 0);
    for (int i = 1; i < x.n; i++) assert_int_equal(x.span[i].start_sample, x.span[i - 1].end_sample);
}

/* An old lead and a new maximum may be more together than the recogniser hears at once. */
static void an_old_lead_beside_a_new_maximum(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.lead_ms = 1000;
    o.max_utterance_s = 29.0f;
    begin(o);
    feed(0.01f, 40);
    feed(0.9f, 10);
    o.lead_ms = 0;
    o.max_utterance_s = 30.0f;
    o.endpoint_ms = 900;
    o.unfinished_ms = 100;
    configure(o);
    feed(0.9f, 926);
    feed(0.01f, 60);
    assert_int_equal(x.n, 1);
}

/* A recording's rule of two pads is not for live streams: their spans have one, and at most half a pause. */
static void a_long_lead_beside_a_long_maximum(void **state) {
    (void)state;
    steno_live_options o = defaults;
    o.lead_ms = 1000;
    o.endpoint_ms = 100;
    o.unfinished_ms = 0;
    o.max_utterance_s = 29.5f;
    begin(o);
    feed(0.01f, 40);
    feed(0.9f, 2000); /* take() looks at how long they are */
    feed(0.01f, 60);
    assert_int_equal(x.n, 3);
    begin(defaults);
    configure(o);
}

static void refused(steno_live_options opt, const char *name) {
    segmenter s;
    assert_int_equal(segmenter_init_live(&s, &opt), STENO_E_INVALID);
    if (!strstr(steno_error_detail(), name)) fail_msg("'%s' in: %s", name, steno_error_detail());
    assert_int_equal(segmenter_init_live(&s, &defaults), STENO_OK);
    segmenter before = s;
    assert_int_equal(segmenter_configure_live(&s, &opt), STENO_E_INVALID);
    assert_memory_equal(&s, &before, sizeof s);
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
#define REFUSED(field, value)                                                                                          \
    do {                                                                                                               \
        steno_live_options o = defaults;                                                                               \
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
    REFUSED(lead_ms, -1);
    REFUSED(lead_ms, 1001);
    REFUSED(endpoint_ms, 99);
    REFUSED(endpoint_ms, 5001);
    REFUSED(unfinished_ms, -1);
    REFUSED(unfinished_ms, 5001);
    REFUSED(max_utterance_s, 1.9f);
    REFUSED(max_utterance_s, 30.1f);
    REFUSED(max_utterance_s, NAN);
#undef REFUSED
    steno_live_options o = defaults;
    o.max_utterance_s = 30.0f;
    o.endpoint_ms = 900;
    refused(o, "max_utterance_s");
}

/* ---- properties --------------------------------------------------------------------------------------------------- */

static uint64_t rng;

static uint32_t below(uint32_t n) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 33) % n;
}

static steno_live_options random_options(void) {
    steno_live_options o = defaults;
    o.threshold = 0.2f + (float)below(700) / 1000.0f;
    o.neg_threshold = o.threshold * (0.4f + (float)below(600) / 1000.0f);
    o.min_speech_ms = (int)below(below(5) ? 300 : 1001);
    o.lead_ms = (int)below(1001);
    o.endpoint_ms = 100 + (int)below(below(4) ? 600 : 4901);
    o.unfinished_ms = below(3) ? (int)below(below(4) ? 600 : 5001) : 0;
    int pauses_ms = o.endpoint_ms + o.unfinished_ms;
    float most =
        SEGMENTER_MAX_SPAN_S - 0.001f * (float)(o.lead_ms + (pauses_ms > o.lead_ms ? pauses_ms : o.lead_ms)) - 0.01f;
    if (most > 30.0f) most = 30.0f;
    o.max_utterance_s = 2.0f + (float)below(1001) / 1000.0f * (most - 2.0f) * (below(3) ? 0.2f : 1.0f);
    return o;
}

/* The newest frame of speech, and how long the pause after it had to be: endpoint_ms, or less when the span had used more
 * than 30 % of its time. */
static void check_endpoint(int64_t last_speech, int before) {
    int64_t full = (x.opt.endpoint_ms * 16 + FRAME - 1) / FRAME, least = full < 5 ? full : 5;
    int64_t longer = x.unfinished ? (x.opt.unfinished_ms * 16 + FRAME - 1) / FRAME : 0;
    float most = x.opt.max_utterance_s * (float)STENO_SAMPLE_RATE_HZ;
    for (int i = before; i < x.n; i++) {
        const segmenter_span *made = &x.span[i];
        if (made->forced) continue;
        bool cut_before = i > 0 && x.span[i - 1].forced;
        int64_t pause = x.closed_at[i] - 1 - last_speech, tail = (made->end_sample - made->speech_end_sample) / FRAME;
        float used = (float)(made->speech_end_sample - made->speech_start_sample) / most;
        assert_int_equal(made->speech_end_sample, (last_speech + 1) * FRAME);
        assert_true(pause >= least && pause <= full + longer);
        assert_true(tail >= 1 && tail < full && (tail <= pause));
        if (!cut_before && used < 0.29f) {
            assert_int_equal(pause, full + longer);
            assert_int_equal(tail, segmenter_tail_frames(&x.s));
        } else if (!cut_before && used > 0.5f && full > 8) {
            assert_true(pause < full);
        }
    }
}

/* Every run of frames at or above the threshold that is long enough lies in spans, each frame in exactly one. */
static void check_coverage(const float *p, int n, int need) {
    for (int i = 0, k = 0; i < n;) {
        int end = i;
        while (end < n && p[end] >= x.opt.threshold) end++;
        for (int f = i; f < end && end - i >= need; f++) {
            while (k < x.n && x.span[k].end_sample < (int64_t)(f + 1) * FRAME) k++;
            assert_true(k < x.n && x.span[k].start_sample <= (int64_t)f * FRAME);
        }
        i = end > i ? end : i + 1;
    }
}

static int random_probs(float *p, int cap) {
    int n = 0, frames = 1 + (int)below((uint32_t)cap);
    uint32_t longest = 1 + below(below(4) ? 40 : 900);
    while (n < frames) {
        float level = (float)below(1001) / 1000.0f, noise = (float)below(300) / 1000.0f;
        int run = 1 + (int)below(longest);
        for (int i = 0; i < run && n < frames; i++) p[n++] = level + noise * ((float)below(2001) / 1000.0f - 1.0f);
    }
    return n;
}

static void one_random_stream(const float *p, int n, bool finalizes) {
    int64_t last_speech = -1;
    begin(below(3) ? random_options() : defaults);
    for (int i = 0; i < n; i++) {
        int before = x.n;
        if (p[i] >= x.opt.neg_threshold) {
            last_speech = i;
            x.unfinished = below(2);
        }
        step(p[i]);
        check_endpoint(last_speech, before);
        if (finalizes && below(100) == 0) finalize();
    }
    finalize();
    int need = (x.opt.min_speech_ms * 16 + FRAME - 1) / FRAME;
    if (!finalizes) check_coverage(p, n, need > 1 ? need : 1);
}

static void random_streams(void **state) {
    (void)state;
    static float p[3000];
    rng = 0x9e3779b97f4a7c15u;
    print_message("seed %llu\n", (unsigned long long)rng);
    int spans = 0, forced = 0;
    for (int round = 0; round < 3000; round++) {
        int n = random_probs(p, 3000);
        one_random_stream(p, n, round % 3 == 0);
        spans += x.n;
        for (int i = 0; i < x.n; i++) forced += x.span[i].forced;
    }
    assert_true(spans > 10000 && forced > 1000); /* the streams do reach what is checked */
}

/* Options change at any moment, which no exact rule says anything about: what holds always is checked by take(). */
static void random_streams_with_other_options(void **state) {
    (void)state;
    static float p[3000];
    rng = 0x2545f4914f6cdd1du;
    print_message("seed %llu\n", (unsigned long long)rng);
    int spans = 0;
    for (int round = 0; round < 3000; round++) {
        int n = random_probs(p, 3000);
        uint32_t often = 1 + below(300);
        begin(random_options());
        for (int i = 0; i < n; i++) {
            if (below(often) == 0) configure(random_options());
            if (below(400) == 0) finalize();
            x.unfinished = below(2);
            step(p[i]);
        }
        finalize();
        spans += x.n;
    }
    assert_true(spans > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_of_endpoint_frames_closes),
        cmocka_unit_test(an_unfinished_text_gets_more_time),
        cmocka_unit_test(nothing_is_asked_without_unfinished_ms),
        cmocka_unit_test(tails_by_endpoint),
        cmocka_unit_test(the_lead_never_reaches_into_the_last_utterance),
        cmocka_unit_test(bursts_say_nothing),
        cmocka_unit_test(a_quiet_onset_belongs_to_the_word),
        cmocka_unit_test(long_speech_is_cut_and_the_pieces_touch),
        cmocka_unit_test(pauses_longer_than_an_utterance),
        cmocka_unit_test(no_cut_falls_into_the_lead),
        cmocka_unit_test(after_a_finalize_speech_begins_anew),
        cmocka_unit_test(a_finalize_in_a_pause_keeps_the_tail),
        cmocka_unit_test(a_new_endpoint_counts_at_once),
        cmocka_unit_test(a_longer_lead_does_not_reach_for_what_is_gone),
        cmocka_unit_test(what_was_announced_is_no_burst_later),
        cmocka_unit_test(a_shorter_maximum_cuts_what_is_too_long),
        cmocka_unit_test(an_old_lead_beside_a_new_maximum),
        cmocka_unit_test(a_long_lead_beside_a_long_maximum),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(random_streams),
        cmocka_unit_test(random_streams_with_other_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
