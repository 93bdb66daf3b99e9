/* test_times.c: which tokens are heard, and how attention, sound and geometry become seconds. */
#include "base/mem.h"
#include "listen/times.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Pieces: special, " hello", ",", " wor", "ld", "'", "s", " ", "日", byte E6, " -", " %", "". */
static const char vocabulary_text[] = "PHM+ 0\nIGhlbGxv 1\nLA== 2\nIHdvcg== 3\nbGQ= 4\nJw== 5\ncw== 6\nIA== 7\n"
                                      "5pel 8\n5g== 9\nIC0= 10\nICU= 11\n4oCm 12\n";
enum { HELLO = 1, COMMA, WOR, LD, QUOTE, S, SPACE, NICHI, BYTE_E6, DASH, PERCENT, ELLIPSIS };

static tokenizer *vocabulary;

static int open_vocabulary(void **state) {
    (void)state;
    return tokenizer_open_memory("test", vocabulary_text, sizeof vocabulary_text - 1, &vocabulary) != STENO_OK;
}

static int close_vocabulary(void **state) {
    (void)state;
    tokenizer_close(vocabulary);
    return 0;
}

typedef struct kind_case {
    int32_t ids[6];
    int n;
    uint8_t want[6];
} kind_case;

static void kinds_follow_the_pieces(void **state) {
    (void)state;
    enum { J = ALIGN_JOINED, W = ALIGN_WORD, Q = ALIGN_SILENT };
    static const kind_case cases[] = {
        {{HELLO, COMMA, WOR, LD, ELLIPSIS}, 5, {W, Q, W, J, Q}},
        {{LD, LD}, 2, {W, J}},                  /* the first is a word without a space too */
        {{WOR, LD, QUOTE, S}, 4, {W, J, Q, J}}, /* an apostrophe does not part a word */
        {{HELLO, SPACE, LD}, 3, {W, Q, W}},     /* a space by itself does */
        {{HELLO, DASH, LD, COMMA, S}, 5, {W, Q, W, Q, J}},
        {{NICHI, NICHI, LD}, 3, {W, W, J}},               /* characters that are words */
        {{HELLO, BYTE_E6, PERCENT, 99}, 4, {W, J, W, Q}}, /* a part of a character; a sign that is said; no piece */
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        uint8_t kind[6];
        times_kinds(vocabulary, cases[c].ids, cases[c].n, kind);
        for (int i = 0; i < cases[c].n; i++)
            if (kind[i] != cases[c].want[i]) fail_msg("case %zu, token %d: kind %d", c, i, kind[i]);
    }
}

/* " hello", a pause with a comma, " wor" "ld": 50 frames of 100 samples from sample 40 on. */
static void attention_and_sound_become_seconds(void **state) {
    (void)state;
    enum { N = 4, FRAMES = 50, HOP = 100, FIRST = 40, LATE = 2, SAMPLES = FRAMES * HOP + FIRST };
    static const int32_t ids[N] = {HELLO, COMMA, WOR, LD};
    static const float logprob[N] = {-0.1f, -0.2f, -0.3f, -0.4f};
    static const int look[N + 1][2] = {{5, 20}, {15, 30}, {25, 35}, {35, 45}, {45, 50}};
    float weight[(N + 1) * FRAMES] = {0}, *pcm = calloc(SAMPLES, sizeof *pcm);
    for (int i = 0; i <= N; i++)
        for (int j = look[i][0]; j < look[i][1]; j++) weight[i * FRAMES + j + (j + LATE < FRAMES ? LATE : 0)] = 0.1f;
    for (int i = 0; i < SAMPLES; i++) {
        int frame = (i - FIRST) / HOP;
        bool loud = (frame >= 5 && frame < 15) || (frame >= 28 && frame < 45);
        pcm[i] = (i % 2 ? 1.0f : -1.0f) * (loud ? 0.2f : 0.0005f);
    }
    times_job job = {.tokenizer = vocabulary,
                     .ids = ids,
                     .logprob = logprob,
                     .n = N,
                     .weight = weight,
                     .rows = N + 1,
                     .sound = {pcm, SAMPLES, HOP, FIRST, NULL},
                     .frames = FRAMES,
                     .delay_frames = LATE,
                     .origin_s = 7.0};
    transcript_token out[N];
    void *scratch = malloc(times_scratch_bytes(N, FRAMES));
    assert_non_null(scratch);
    times_of_tokens(&job, scratch, out);
    free(scratch);
    free(pcm);
    static const int want[N][2] = {{5, 15}, {15, 15}, {28, 35}, {35, 45}};
    for (int i = 0; i < N; i++) {
        assert_int_equal(out[i].id, ids[i]);
        assert_true(out[i].logprob == logprob[i]);
        double start_s = 7.0 + (FIRST + HOP * want[i][0]) / 16000.0, end_s = 7.0 + (FIRST + HOP * want[i][1]) / 16000.0;
        assert_true(fabs(out[i].start_s - start_s) < 1.1 * HOP / 16000.0);
        assert_true(fabs(out[i].end_s - end_s) < 1.1 * HOP / 16000.0);
    }
    assert_true(fabs(out[0].start_s - (7.0 + (FIRST + HOP * 5) / 16000.0)) < 1e-9);
}

/* No tokens, only punctuation, no row for the end. */
static void nothing_said(void **state) {
    (void)state;
    float weight[3 * 8] = {0}, pcm[8 * 10] = {0};
    static const int32_t ids[2] = {COMMA, COMMA};
    static const float logprob[2];
    void *scratch = malloc(times_scratch_bytes(2, 8));
    assert_non_null(scratch);
    for (int n = 0; n <= 2; n++) {
        for (int rows = n; rows <= n + 1; rows++) {
            transcript_token out[2];
            times_job job = {vocabulary, ids, logprob, n, weight, rows, {pcm, 80, 10, 0, NULL}, 8, 9, 0.0};
            times_of_tokens(&job, scratch, out);
            for (int i = 0; i < n; i++) assert_true(out[i].start_s == 0.0 && out[i].end_s == 0.0);
        }
    }
    free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_follow_the_pieces),
        cmocka_unit_test(attention_and_sound_become_seconds),
        cmocka_unit_test(nothing_said),
    };
    return cmocka_run_group_tests(tests, open_vocabulary, close_vocabulary);
}
