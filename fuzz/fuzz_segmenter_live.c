/* fuzz_segmenter_live.c: any probabilities, options that change and finalizes at any moment: the invariants of segmenter.h.
 *
 * The first bytes choose options; then each byte is a frame's probability or, from 0xf0 on, something that happens.
 */
#include "listen/segmenter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define FRAME        SEGMENTER_FRAME_SAMPLES
#define OPTION_BYTES 7
#define MAX_FRAMES   20000

static segmenter s;
static int64_t keep, last_end;
static bool unfinished;

static steno_live_options options_of(const uint8_t *b) {
    float high = (float)(1 + b[0]) / 256.0f;
    return (steno_live_options){.threshold = high,
                                .neg_threshold = high * (float)(1 + b[1]) / 256.0f,
                                .min_speech_ms = b[2] * 4,
                                .lead_ms = b[3] * 4,
                                .endpoint_ms = 100 + b[4] * 19,
                                .unfinished_ms = b[5] * 19,
                                .max_utterance_s = 2.0f + (float)b[6] / 9.2f,
                                .partial_ms = 500};
}

static void check_shape(const segmenter_span *span) {
    CHECK(span->start_sample >= last_end && span->start_sample >= keep); /* its audio was still kept */
    CHECK(span->start_sample <= span->speech_start_sample && span->speech_start_sample < span->speech_end_sample);
    CHECK(span->speech_end_sample <= span->end_sample && span->end_sample <= s.frames * FRAME);
    CHECK(span->end_sample - span->start_sample <= (int64_t)(SEGMENTER_MAX_SPAN_S * 16000.0f));
}

static void take(const segmenter_span *span) {
    check_shape(span);
    last_end = span->end_sample;
}

static void check_keep(void) {
    int64_t now = segmenter_keep_from(&s);
    CHECK(now >= keep && now <= s.frames * FRAME);
    CHECK(s.frames * FRAME - now <= (int64_t)SEGMENTER_MAX_FRAMES * FRAME); /* a stream's window holds it */
    keep = now;
}

static bool same(const segmenter_span *a, const segmenter_span *b) {
    return a->start_sample == b->start_sample && a->end_sample == b->end_sample && a->forced == b->forced &&
           a->speech_start_sample == b->speech_start_sample && a->speech_end_sample == b->speech_end_sample;
}

/* One frame, as live.c steps it. */
static void step(float prob) {
    segmenter_span span, seen = {0}, plan = {0};
    bool spoke = segmenter_speaks(&s), ripe = spoke && segmenter_pause(&s) >= segmenter_tail_frames(&s);
    bool planned = segmenter_plan_cut(&s, &plan);
    if (planned) check_shape(&plan);
    if (spoke) segmenter_peek(&s, &seen);
    if (spoke) check_shape(&seen);
    if (segmenter_decides(&s, prob)) segmenter_decide(&s, unfinished);
    bool closed = segmenter_step(&s, prob, &span);
    if (closed) {
        take(&span);
        CHECK(span.forced || spoke);
        if (!span.forced && ripe) CHECK(same(&span, &seen));
        if (span.forced && planned) CHECK(same(&span, &plan));
    }
    CHECK(closed || !spoke || segmenter_speaks(&s)); /* what was an utterance gets its end */
    check_keep();
}

static void finalize(void) {
    segmenter_span span;
    bool spoke = segmenter_speaks(&s), given = segmenter_finalize(&s, &span);
    CHECK(given == spoke);
    if (given) take(&span);
    CHECK(!segmenter_speaks(&s) && segmenter_pause(&s) == -1);
    check_keep();
}

static void configure(const uint8_t *bytes) {
    steno_live_options o = options_of(bytes);
    segmenter before = s;
    bool spoke = segmenter_speaks(&s);
    if (segmenter_configure_live(&s, &o) != STENO_OK) CHECK(memcmp(&before, &s, sizeof s) == 0);
    CHECK(!spoke || segmenter_speaks(&s)); /* it has been announced: it gets its final */
    check_keep();
}

static float prob_of(uint8_t byte) {
    return (float)byte / 239.0f;
}

/* What byte i says; returns how many bytes it took. */
static size_t play(const uint8_t *data, size_t n, int *frames) {
    if (data[0] < 0xf0) {
        step(prob_of(data[0]));
        ++*frames;
        return 1;
    }
    switch (data[0]) {
    case 0xf0:
        finalize();
        return 1;
    case 0xf1:
        unfinished = !unfinished;
        return 1;
    case 0xf2:
        if (n > OPTION_BYTES) configure(data + 1);
        return n > OPTION_BYTES ? 1 + OPTION_BYTES : n;
    case 0xf3:
        step(NAN);
        ++*frames;
        return 1;
    default: /* a stretch */
        for (int i = 0; n > 1 && i < (data[0] - 0xf3) * 24 && *frames < MAX_FRAMES; i++, ++*frames)
            step(data[1] < 0xf0 ? prob_of(data[1]) : (float)(i * 37 % 16) / 15.0f);
        return n > 1 ? 2 : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    segmenter_span span;
    if (size < OPTION_BYTES) return 0;
    steno_live_options o = options_of(data);
    memset(&s, 0, sizeof s);
    keep = last_end = 0;
    unfinished = false;
    if (segmenter_init_live(&s, &o) != STENO_OK) {
        CHECK(steno_error_detail()[0]);
        return 0;
    }
    int frames = 0;
    for (size_t i = OPTION_BYTES; i < size && frames < MAX_FRAMES;) i += play(data + i, size - i, &frames);
    for (int i = 0; segmenter_end(&s, s.frames * FRAME, &span); i++) {
        CHECK(i < 2);
        take(&span);
    }
    return 0;
}
