/* test_align.c: token times from made-up attention whose right answer is known, and the properties of any answer. */
#include "base/mem.h"
#include "listen/align.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TOKENS 256
#define MAX_FRAMES 1300

static uint64_t rng;

static float uniform(void) {
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (float)(rng >> 40) / 16777216.0f;
}

/* Whatever the job: tokens in order, without overlap, inside the frames, spoken ones with at least a frame each. */
static void check_order(const align_job *job, const int *start, const int *end) {
    int at = 0, spoken = 0, frames = job->frames > 0 ? job->frames : 0;
    for (int i = 0; i < job->tokens; i++) spoken += !job->kind || job->kind[i] != ALIGN_SILENT;
    for (int i = 0; i < job->tokens; i++) {
        bool silent = job->kind && job->kind[i] == ALIGN_SILENT;
        assert_true(start[i] >= at && end[i] >= start[i] + (!silent && frames >= spoken));
        if (silent) assert_int_equal(start[i], end[i]);
        if (job->kind && job->kind[i] == ALIGN_JOINED && i && job->kind[i - 1] != ALIGN_SILENT)
            assert_int_equal(start[i], at);
        at = end[i];
    }
    assert_true(at <= frames);
}

/* Exactly as much scratch as asked for, so that the address sanitizer sees a byte too many. */
static void align_with(const align_job *job, int *start, int *end) {
    size_t bytes = align_scratch_bytes(job->tokens, job->frames);
    void *scratch = malloc(bytes + 1);
    assert_non_null(scratch);
    memset(scratch, 0xA5, bytes);
    align_tokens(job, scratch, start, end);
    free(scratch);
    check_order(job, start, end);
}

/* Without pauses: token i covers start[i] .. start[i + 1]. */
static void align(float *weight, int tokens, int frames, int ld, int *start) {
    int end[MAX_TOKENS + 1];
    align_job job = {.weight = weight, .tokens = tokens, .frames = frames, .ld = ld};
    align_with(&job, start, end);
    start[tokens] = tokens ? end[tokens - 1] : 0;
    for (int i = 0; i + 1 < tokens; i++) assert_int_equal(end[i], start[i + 1]);
}

/* A softmax-like row: a bump over [from, to) on a noisy floor. */
static void bump(float *row, int frames, int from, int to, float noise) {
    for (int j = 0; j < frames; j++)
        row[j] = (j >= from && j < to ? 1.0f / (float)(to - from) : 0.0f) + noise * uniform() / (float)frames;
}

static void blocks_are_found(void **state) {
    (void)state;
    enum { TOKENS = 5, FRAMES = 120, LD = 128 };
    static const int edge[TOKENS + 1] = {12, 30, 41, 66, 80, 104}; /* lead and tail belong to nobody */
    float w[TOKENS * LD];
    int start[TOKENS + 1];
    for (int i = 0; i < TOKENS; i++) bump(w + i * LD, FRAMES, edge[i], edge[i + 1], 0.05f);
    align(w, TOKENS, FRAMES, LD, start);
    for (int i = 0; i <= TOKENS; i++) assert_true(abs(start[i] - edge[i]) <= 3);
    for (int i = 1; i < TOKENS; i++) assert_true(abs(start[i] - edge[i]) <= 1);
}

static void a_spike_of_one_frame_does_not_mislead(void **state) {
    (void)state;
    enum { TOKENS = 4, FRAMES = 80 };
    float w[TOKENS * FRAMES];
    int start[TOKENS + 1];
    for (int i = 0; i < TOKENS; i++) bump(w + i * FRAMES, FRAMES, 20 * i, 20 * i + 20, 0.05f);
    w[0 * FRAMES + 70] = 5.0f;
    w[3 * FRAMES + 3] = 5.0f;
    align(w, TOKENS, FRAMES, FRAMES, start);
    for (int i = 1; i < TOKENS; i++) assert_true(abs(start[i] - 20 * i) <= 2);
}

/* What is left in the matrix are the scores. With two tokens each has mean 0 and deviation 1 over the frames; with more,
 * a frame has mean 0 over the tokens, and the same order. */
static void scores_are_normalised(void **state) {
    (void)state;
    enum { TOKENS = 5, FRAMES = 50 };
    float w[TOKENS * FRAMES], was[TOKENS * FRAMES];
    int start[TOKENS + 1];
    for (int i = 0; i < TOKENS * FRAMES; i++) w[i] = was[i] = uniform();
    align(w, 2, FRAMES, FRAMES, start);
    for (int i = 0; i < 2; i++) {
        float sum = 0.0f, square = 0.0f;
        for (int j = 0; j < FRAMES; j++) sum += w[i * FRAMES + j];
        for (int j = 0; j < FRAMES; j++) square += w[i * FRAMES + j] * w[i * FRAMES + j];
        assert_true(fabsf(sum) < 1e-3f && fabsf(square / FRAMES - 1.0f) < 1e-3f);
    }
    memcpy(w, was, sizeof w);
    align(w, TOKENS, FRAMES, FRAMES, start);
    for (int j = 0; j < FRAMES; j++) {
        float sum = 0.0f, square = 0.0f;
        for (int i = 0; i < TOKENS; i++) {
            sum += w[i * FRAMES + j];
            square += w[i * FRAMES + j] * w[i * FRAMES + j];
            if (i) assert_true((w[i * FRAMES + j] < w[j]) == (was[i * FRAMES + j] < was[j]));
        }
        assert_true(fabsf(sum) < 1e-4f && square / TOKENS < 1.0f && square / TOKENS > 0.1f);
    }
}

static void one_and_two_tokens(void **state) {
    (void)state;
    enum { FRAMES = 60 };
    float w[2 * FRAMES];
    int start[3];
    bump(w, FRAMES, 20, 35, 0.1f);
    align(w, 1, FRAMES, FRAMES, start);
    assert_true(abs(start[0] - 20) <= 1 && abs(start[1] - 35) <= 1);
    bump(w, FRAMES, 10, 20, 0.1f);
    bump(w + FRAMES, FRAMES, 30, 50, 0.1f);
    align(w, 2, FRAMES, FRAMES, start);
    assert_true(abs(start[0] - 10) <= 1 && start[1] >= 19 && start[1] <= 30 && abs(start[2] - 50) <= 1);
}

static void nothing_and_too_little(void **state) {
    (void)state;
    float w[8] = {0};
    int start[9];
    align(w, 0, 0, 0, start);
    assert_int_equal(start[0], 0);
    align(w, 0, 8, 8, start);
    assert_int_equal(start[0], 0);
    align(w, 4, 0, 0, start);
    assert_int_equal(start[4], 0);
    align(w, 4, 2, 2, start);
    assert_int_equal(start[2], 1);
    assert_int_equal(start[4], 2);
    align(w, 1, 1, 1, start);
    assert_int_equal(start[0], 0);
    assert_int_equal(start[1], 1);
    align(w, 8, 1, 1, start);
    align(w, 2, 4, 4, start); /* shorter than the filter */
    assert_int_equal(align_scratch_bytes(-1, 5), 0);
    assert_int_equal(align_scratch_bytes(5, 0), 0);
}

static void any_attention_gives_a_path(void **state) {
    (void)state;
    rng = 0x2545f4914f6cdd1du;
    print_message("seed %llu\n", (unsigned long long)rng);
    float *w = malloc(sizeof(float) * MAX_TOKENS * MAX_FRAMES);
    assert_non_null(w);
    static int start[MAX_TOKENS + 1];
    for (int round = 0; round < 300; round++) {
        int tokens = 1 + (int)(uniform() * (round % 10 ? 30.0f : (float)(MAX_TOKENS - 1)));
        int frames = 1 + (int)(uniform() * (round % 10 ? 150.0f : (float)(MAX_FRAMES - 1)));
        float kind = uniform();
        for (int i = 0; i < tokens * frames; i++) {
            float x = uniform();
            w[i] = kind < 0.2f ? 0.0f : kind < 0.4f ? (x < 0.1f ? NAN : x < 0.2f ? INFINITY : x) : x * x * x;
        }
        align(w, tokens, frames, frames, start);
    }
    int tokens = MAX_TOKENS;
    for (int i = 0; i < MAX_TOKENS * MAX_FRAMES; i++) w[i] = uniform();
    align(w, tokens, MAX_FRAMES, MAX_FRAMES, start);
    for (int i = 0; i < MAX_TOKENS * MAX_FRAMES; i++) w[i] = i % 3 ? 3e38f : -3e38f; /* sums overflow */
    align(w, tokens, MAX_FRAMES, MAX_FRAMES, start);
    align(w, tokens, tokens, MAX_FRAMES, start); /* one frame each */
    for (int i = 0; i <= tokens; i++) assert_int_equal(start[i], i);
    free(w);
}

/* ---- pauses ----------------------------------------------------------------------------------------------------- */

/* Two words of two tokens with a comma between them: the pause is in neither, nor is the comma. */
static void a_pause_belongs_to_no_word(void **state) {
    (void)state;
    enum { TOKENS = 6, FRAMES = 100 };
    static const uint8_t kind[TOKENS] = {ALIGN_WORD, ALIGN_JOINED, ALIGN_SILENT,
                                         ALIGN_WORD, ALIGN_JOINED, ALIGN_SILENT};
    float w[TOKENS * FRAMES], outside[FRAMES];
    int start[TOKENS], end[TOKENS];
    bump(w, FRAMES, 10, 20, 0.05f);
    bump(w + FRAMES, FRAMES, 20, 30, 0.05f);
    bump(w + 2 * FRAMES, FRAMES, 30, 55, 0.05f); /* the comma looks at the pause */
    bump(w + 3 * FRAMES, FRAMES, 40, 70, 0.05f); /* and the next word begins to look too early */
    bump(w + 4 * FRAMES, FRAMES, 70, 80, 0.05f);
    bump(w + 5 * FRAMES, FRAMES, 80, 100, 0.05f);
    for (int j = 0; j < FRAMES; j++) outside[j] = j < 10 || (j >= 30 && j < 60) || j >= 80 ? 4.0f : -4.0f;
    align_job job = {w, TOKENS, FRAMES, FRAMES, kind, outside};
    align_with(&job, start, end);
    static const int want_start[TOKENS] = {10, 20, 30, 60, 70, 80}, want_end[TOKENS] = {30, 30, 30, 70, 80, 80};
    for (int i = 0; i < TOKENS; i++) {
        assert_true(abs(start[i] - want_start[i]) <= 1);
        if (i != 0) assert_true(abs(end[i] - want_end[i]) <= 1);
    }
}

/* No pause is made inside a word, however quiet it is there. */
static void a_word_is_not_torn(void **state) {
    (void)state;
    enum { FRAMES = 60 };
    static const uint8_t kind[3] = {ALIGN_WORD, ALIGN_JOINED, ALIGN_WORD};
    float w[3 * FRAMES], outside[FRAMES];
    int start[3], end[3];
    for (int i = 0; i < 3; i++) bump(w + i * FRAMES, FRAMES, 20 * i, 20 * i + 20, 0.05f);
    for (int j = 0; j < FRAMES; j++) outside[j] = (j >= 15 && j < 25) || (j >= 38 && j < 45) ? 5.0f : -5.0f;
    align_job job = {w, 3, FRAMES, FRAMES, kind, outside};
    align_with(&job, start, end);
    assert_int_equal(end[0], start[1]);
    assert_true(abs(end[1] - 38) <= 1 && abs(start[2] - 45) <= 1);
}

static void punctuation_alone_gets_nothing(void **state) {
    (void)state;
    static const uint8_t kind[2] = {ALIGN_SILENT, ALIGN_SILENT};
    float w[2 * 10] = {0};
    int start[2], end[2];
    align_job job = {w, 2, 10, 10, kind, NULL};
    align_with(&job, start, end);
    assert_int_equal(end[1], 0);
}

/* ---- the path is the best one: compared with trying all of them on small cases ----- */

#define SMALL 6

static float best_by_trying(const align_job *job, int token, int at) {
    while (token < job->tokens && job->kind[token] == ALIGN_SILENT) token++;
    if (token == job->tokens) {
        float rest = 0.0f;
        for (int j = at; j < job->frames; j++) rest += job->outside[j];
        return rest;
    }
    int first = 0;
    while (job->kind[first] == ALIGN_SILENT) first++;
    bool may_wait = token == first || job->kind[token] == ALIGN_WORD;
    float best = -1e9f, waited = 0.0f;
    for (int from = at; from < job->frames && (from == at || may_wait); from++) {
        float sum = waited;
        for (int to = from; to < job->frames; to++) {
            sum += job->weight[token * job->ld + to];
            float rest = best_by_trying(job, token + 1, to + 1);
            if (sum + rest > best) best = sum + rest;
        }
        waited += job->outside[from];
    }
    return best;
}

static float worth(const align_job *job, const int *start, const int *end) {
    float sum = 0.0f;
    for (int j = 0; j < job->frames; j++) sum += job->outside[j];
    for (int i = 0; i < job->tokens; i++)
        for (int j = start[i]; j < end[i]; j++) sum += job->weight[i * job->ld + j] - job->outside[j];
    return sum;
}

static void the_path_is_the_best_one(void **state) {
    (void)state;
    rng = 0x853c49e6748fea9bu;
    for (int round = 0; round < 2000; round++) {
        int start[SMALL], end[SMALL], spoken = 0;
        float w[SMALL * SMALL], outside[SMALL];
        uint8_t kind[SMALL];
        align_job job = {w, 1 + (int)(uniform() * 5.0f), SMALL, SMALL, kind, outside};
        for (int i = 0; i < job.tokens; i++) {
            kind[i] = (uint8_t)(uniform() * 3.0f);
            spoken += kind[i] != ALIGN_SILENT;
        }
        for (int i = 0; i < job.tokens * SMALL; i++) w[i] = uniform();
        for (int j = 0; j < SMALL; j++) outside[j] = 4.0f * (uniform() - 0.5f);
        align_with(&job, start, end); /* leaves the scores in w */
        if (spoken) assert_true(fabsf(worth(&job, start, end) - best_by_trying(&job, 0, 0)) < 1e-4f);
    }
}

/* ---- what a frame outside is worth ------------------------------------------------------------------------------ */

#define HOP 64

/* Sound of the level `loud` in frames 20..39 of 60, `quiet` elsewhere. */
static void sound_of(float *pcm, float quiet, float loud) {
    for (int i = 0; i < 60 * HOP; i++) pcm[i] = (i % 2 ? 1.0f : -1.0f) * (i / HOP >= 20 && i / HOP < 40 ? loud : quiet);
}

static void quiet_is_outside_and_loud_is_inside(void **state) {
    (void)state;
    static const float levels[][2] = {{0.0f, 0.5f}, {1e-4f, 0.01f}, {0.01f, 0.3f}, {0.05f, 0.4f}};
    float pcm[60 * HOP], outside[60], before = 1e9f;
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++) {
        sound_of(pcm, levels[k][0], levels[k][1]);
        align_sound sound = {pcm, 60 * HOP, HOP, 0, NULL};
        align_outside(&sound, 60, outside);
        for (int j = 0; j < 60; j++) assert_true(j >= 20 && j < 40 ? outside[j] < -1.0f : outside[j] > 1.0f);
        assert_true(outside[0] <= before); /* the less difference, the less it says */
        before = outside[0];
    }
}

static void steady_sound_says_little_and_the_detector_more(void **state) {
    (void)state;
    float pcm[60 * HOP], outside[60], speech[60];
    sound_of(pcm, 0.1f, 0.1f);
    for (int j = 0; j < 60; j++) speech[j] = j < 20 ? 0.0f : j < 40 ? 1.0f : -1.0f;
    align_sound sound = {pcm, 60 * HOP, HOP, 0, speech};
    align_outside(&sound, 60, outside);
    assert_true(outside[0] > outside[59] + 2.0f && outside[30] < outside[59] - 2.0f);
    assert_true(fabsf(outside[59]) < 2.0f);
}

/* Frames before the first sample and behind the last are silence; no value makes the result not finite. */
static void any_sound_gives_finite_worth(void **state) {
    (void)state;
    float pcm[8] = {NAN, INFINITY, 3e38f, -3e38f, 0.0f, 1.0f, -1.0f, NAN}, outside[40], speech[40];
    for (int j = 0; j < 40; j++) speech[j] = j % 4 ? NAN : INFINITY;
    for (int samples = 0; samples <= 8; samples++) {
        align_sound sound = {pcm, samples, 1, -4, speech};
        align_outside(&sound, 40, outside);
        for (int j = 0; j < 40; j++) assert_true(isfinite(outside[j]));
    }
}

int main(void) {
    rng = 88172645463325252u;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found),
        cmocka_unit_test(a_spike_of_one_frame_does_not_mislead),
        cmocka_unit_test(scores_are_normalised),
        cmocka_unit_test(one_and_two_tokens),
        cmocka_unit_test(nothing_and_too_little),
        cmocka_unit_test(any_attention_gives_a_path),
        cmocka_unit_test(a_pause_belongs_to_no_word),
        cmocka_unit_test(a_word_is_not_torn),
        cmocka_unit_test(punctuation_alone_gets_nothing),
        cmocka_unit_test(the_path_is_the_best_one),
        cmocka_unit_test(quiet_is_outside_and_loud_is_inside),
        cmocka_unit_test(steady_sound_says_little_and_the_detector_more),
        cmocka_unit_test(any_sound_gives_finite_worth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
