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

/* Exactly as much scratch as asked for, so that the address sanitizer sees a byte too many. */
static void align(float *weight, int tokens, int frames, int ld, int *start) {
    size_t bytes = align_scratch_bytes(tokens, frames);
    void *scratch = malloc(bytes + 1);
    assert_non_null(scratch);
    memset(scratch, 0xA5, bytes);
    align_tokens(weight, tokens, frames, ld, scratch, start);
    free(scratch);
    assert_true(start[0] >= 0);
    for (int i = 0; i < tokens; i++) assert_true(start[i + 1] >= start[i] + (frames >= tokens));
    assert_true(start[tokens] <= (frames > 0 ? frames : 0));
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

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* What is left in the matrix are the scores. With two tokens they are each row's values, moved, stretched and filtered:
 * the median of seven, mirrored at the ends, commutes with moving and stretching. */
static void scores_are_filtered_by_a_median(void **state) {
    (void)state;
    enum { FRAMES = 50 };
    float w[2 * FRAMES], want[FRAMES];
    int start[3];
    for (int i = 0; i < 2 * FRAMES; i++) w[i] = uniform();
    for (int j = 0; j < FRAMES; j++) {
        float window[7];
        for (int k = -3; k <= 3; k++) {
            int at = abs(j + k);
            window[k + 3] = w[at < FRAMES ? at : 2 * FRAMES - 2 - at];
        }
        qsort(window, 7, sizeof *window, compare_floats);
        want[j] = window[3];
    }
    align(w, 2, FRAMES, FRAMES, start);
    int low = 0, high = 0;
    for (int j = 0; j < FRAMES; j++) {
        if (want[j] < want[low]) low = j;
        if (want[j] > want[high]) high = j;
    }
    float stretch = (w[high] - w[low]) / (want[high] - want[low]);
    for (int j = 0; j < FRAMES; j++) assert_true(fabsf(w[low] + (want[j] - want[low]) * stretch - w[j]) < 1e-4f);
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

/* The path is the best one: compared with trying all of them on small cases where the filter does nothing.
 * A frame outside is worth EDGE_GAIN. */
#define EDGE_GAIN 0.2f

static float best_by_trying(const float *x, int frames, int tokens, int token, int at) {
    if (token == tokens) return EDGE_GAIN * (float)(frames - at);
    float best = -1e9f;
    for (int from = at; from < frames; from++) {
        if (token > 0 && from > at) break; /* only the first token may start late */
        float sum = EDGE_GAIN * (float)(from - at);
        for (int to = from; to < frames; to++) {
            sum += x[token * frames + to];
            float rest = best_by_trying(x, frames, tokens, token + 1, to + 1);
            if (sum + rest > best) best = sum + rest;
        }
    }
    return best;
}

static void the_path_is_the_best_one(void **state) {
    (void)state;
    enum { FRAMES = 6 };
    rng = 0x853c49e6748fea9bu;
    for (int round = 0; round < 500; round++) {
        int tokens = 1 + (int)(uniform() * 5.0f), start[7];
        float w[FRAMES * FRAMES];
        for (int i = 0; i < tokens * FRAMES; i++) w[i] = uniform();
        align(w, tokens, FRAMES, FRAMES, start); /* leaves the normalised scores in w */
        float sum = EDGE_GAIN * (float)(start[0] + FRAMES - start[tokens]);
        for (int i = 0; i < tokens; i++)
            for (int j = start[i]; j < start[i + 1]; j++) sum += w[i * FRAMES + j];
        assert_true(fabsf(sum - best_by_trying(w, FRAMES, tokens, 0, 0)) < 1e-4f);
    }
}

int main(void) {
    rng = 88172645463325252u;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found),
        cmocka_unit_test(a_spike_of_one_frame_does_not_mislead),
        cmocka_unit_test(scores_are_filtered_by_a_median),
        cmocka_unit_test(one_and_two_tokens),
        cmocka_unit_test(nothing_and_too_little),
        cmocka_unit_test(any_attention_gives_a_path),
        cmocka_unit_test(the_path_is_the_best_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
