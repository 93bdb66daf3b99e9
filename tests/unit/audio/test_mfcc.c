/* test_mfcc.c: the promises of mfcc.h: chunked = whole bit for bit, how many rows come and when, that a delay is taken out,
 * sliding means against plain sums. tests/golden compares the values with an implementation of their own. */
#include "audio/mfcc.h"

#include "../../random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLES     50000
#define MAX_ROWS    (SAMPLES / 160 + 2)
#define MANY_ROWS   2000
#define MEAN_SLACK  1e-4
#define LOW_ENERGY  0.0
#define FULL_ENERGY 15.0 /* log of 200 samples of a tenth of full scale: far above */

static float pcm[SAMPLES];

static void fill_pcm(void) {
    for (int i = 0; i < SAMPLES; i++)
        pcm[i] = 0.3f * random_unit() + 0.5f * sinf((float)i * 0.05f) * (float)(i / 4000 % 2);
}

/* All of it in steps of at most `most` samples; returns the rows. */
static int step_all(const float *x, int n, int most, float *rows) {
    static mfcc_state s;
    int out = 0;
    mfcc_reset(&s);
    for (int at = 0; at < n;) {
        int some = most > 0 ? random_below(most) + 1 : n;
        if (some > n - at) some = n - at;
        int made = mfcc_step(&s, x + at, some, rows + out * MFCC_CEPS);
        assert_true(made >= 0 && made <= some / 160 + 2);
        out += made;
        at += some;
    }
    return out;
}

static void chunked_equals_whole(void **unused) {
    (void)unused;
    static float whole[MAX_ROWS * MFCC_CEPS], chunked[MAX_ROWS * MFCC_CEPS];
    static const int most[] = {1, 7, 160, 512, 1000, 20000};
    fill_pcm();
    int n = step_all(pcm, SAMPLES, 0, whole);
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        memset(chunked, 0, sizeof chunked);
        assert_int_equal(step_all(pcm, SAMPLES, most[i], chunked), n);
        assert_memory_equal(chunked, whole, (size_t)n * MFCC_CEPS * sizeof *whole);
    }
}

/* Row i is there once the resampler, which looks 12 samples ahead, has seen the end of it: 25 + 10 i ms. */
static void rows_come_as_soon_as_they_can(void **unused) {
    (void)unused;
    static float rows[MAX_ROWS * MFCC_CEPS];
    fill_pcm();
    for (int i = 0; i < 5; i++) {
        int enough = 2 * (80 * i + 199) + 12 + 1;
        assert_int_equal(step_all(pcm, enough - 1, 0, rows), i);
        assert_int_equal(step_all(pcm, enough, 0, rows), i + 1);
    }
    assert_int_equal(step_all(pcm, 0, 0, rows), 0);
}

/* A click at 16 kHz sample 2 * 1000 is heard by exactly the rows whose 200 samples of 8 kHz hold sample 1000 (or its
 * neighbours, where the filter rings). */
static void a_row_covers_its_own_time(void **unused) {
    (void)unused;
    static float x[SAMPLES], rows[MAX_ROWS * MFCC_CEPS];
    memset(x, 0, sizeof x);
    x[2000] = 0.5f;
    int n = step_all(x, SAMPLES, 0, rows);
    for (int i = 0; i < n; i++) {
        double energy = (double)rows[i * MFCC_CEPS];
        bool inside = i * 80 + 6 <= 1000 && 1000 < i * 80 + 200 - 6,
             outside = 1000 + 6 < i * 80 || 1000 - 6 >= i * 80 + 200;
        if (inside) assert_true(energy > FULL_ENERGY);
        if (outside) assert_true(energy < LOW_ENERGY);
    }
}

static void silence_and_extremes_stay_finite(void **unused) {
    (void)unused;
    static float x[SAMPLES], rows[MAX_ROWS * MFCC_CEPS];
    for (int i = 0; i < SAMPLES; i++)
        x[i] = i < SAMPLES / 3 ? 0.0f : i < SAMPLES / 2 ? 1.0f : i / 40 % 2 ? 1.0f : -1.0f;
    int n = step_all(x, SAMPLES, 0, rows);
    for (int i = 0; i < n * MFCC_CEPS; i++) assert_true(isfinite(rows[i]));
}

static void a_state_is_plain_memory(void **unused) {
    (void)unused;
    static float a[MAX_ROWS * MFCC_CEPS], b[MAX_ROWS * MFCC_CEPS];
    static mfcc_state s, copy;
    fill_pcm();
    mfcc_reset(&s);
    mfcc_step(&s, pcm, 12345, a);
    memcpy(&copy, &s, sizeof s);
    int n = mfcc_step(&s, pcm + 12345, 20000, a);
    assert_int_equal(mfcc_step(&copy, pcm + 12345, 20000, b), n);
    assert_memory_equal(a, b, (size_t)n * MFCC_CEPS * sizeof *a);
}

/* ---- sliding means ---------------------------------------------------------------------------------------------- */

static float many[MANY_ROWS * MFCC_CEPS], centred[MANY_ROWS * MFCC_CEPS], again[MANY_ROWS * MFCC_CEPS];

static void plain_mean(int rows, int ahead) {
    for (int r = 0; r < rows; r++) {
        int from = r > MFCC_MEAN_PAST ? r - MFCC_MEAN_PAST : 0, end = r + ahead < rows ? r + ahead + 1 : rows;
        for (int k = 0; k < MFCC_CEPS; k++) {
            double sum = 0.0;
            for (int i = from; i < end; i++) sum += (double)many[i * MFCC_CEPS + k];
            double want = (double)many[r * MFCC_CEPS + k] - sum / (end - from);
            assert_true(fabs((double)centred[r * MFCC_CEPS + k] - want) <= MEAN_SLACK);
        }
    }
}

static int mean_all(int rows, int ahead, int most, float *out) {
    static mfcc_mean m;
    int made = 0;
    mfcc_mean_reset(&m, ahead);
    for (int at = 0; at < rows;) {
        int some = random_below(most) + 1;
        if (some > rows - at) some = rows - at;
        int now = mfcc_mean_step(&m, many + at * MFCC_CEPS, some, out + made * MFCC_CEPS);
        at += some;
        made += now;
        assert_true(now <= some);
        assert_int_equal(made, at > ahead ? at - ahead : 0);
    }
    int rest = mfcc_mean_flush(&m, out + made * MFCC_CEPS);
    assert_true(rest <= ahead);
    return made + rest;
}

static void means_are_those_of_plain_sums(void **unused) {
    (void)unused;
    static const int ahead[] = {0, 1, 30, MFCC_MEAN_AHEAD_MAX}, rows[] = {1, 20, 149, 151, 302, MANY_ROWS};
    for (int i = 0; i < MANY_ROWS * MFCC_CEPS; i++) many[i] = 40.0f * random_unit() + 20.0f;
    for (size_t a = 0; a < sizeof ahead / sizeof ahead[0]; a++) {
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            assert_int_equal(mean_all(rows[r], ahead[a], 7, centred), rows[r]);
            plain_mean(rows[r], ahead[a]);
            assert_int_equal(mean_all(rows[r], ahead[a], 500, again), rows[r]);
            assert_memory_equal(centred, again, (size_t)rows[r] * MFCC_CEPS * sizeof *again);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_equals_whole),      cmocka_unit_test(rows_come_as_soon_as_they_can),
        cmocka_unit_test(a_row_covers_its_own_time), cmocka_unit_test(silence_and_extremes_stay_finite),
        cmocka_unit_test(a_state_is_plain_memory),   cmocka_unit_test(means_are_those_of_plain_sums),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
