/* test_input.c: what the sound of a stream is said to be like: made-up sounds of which that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../random.h"
#include "watch/input.h"

#include <math.h>
#include <string.h>

#define RATE 16000
#define N    (4 * RATE)

static input in;
static float x[N];

static double noise(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += ((double)(random_bits() >> 11) / 9007199254740992.0);
    return sum - 6;
}

/* Bursts of a tone of 500 Hz with 0.25 s between, as speech has pauses, over noise. */
static void make(double tone_db, double noise_db) {
    double a = pow(10, tone_db / 20) * M_SQRT2, b = pow(10, noise_db / 20);
    for (int i = 0; i < N; i++) {
        double on = i % (RATE / 2) < RATE / 4;
        x[i] = (float)(on * a * sin(2 * M_PI * 500.0 * i / RATE) + b * noise());
    }
}

static input_quality heard(size_t piece) {
    input_quality q;
    memset(&in, 0, sizeof in);
    for (size_t at = 0; at < N; at += piece) input_add(&in, x + at, N - at < piece ? N - at : piece);
    assert_true(input_look(&in, 1.0, 4.0, &q));
    return q;
}

static void test_level_and_noise(void **state) {
    (void)state;
    make(-20, -60);
    input_quality q = heard(333);
    assert_true(fabs(q.level_db - -23) < 0.7); /* half of it is pauses */
    assert_true(fabs(q.snr_db - 37) < 2);
    assert_false(q.is_quiet || q.is_noisy || q.is_clipped || q.is_narrow);
    make(-60, -100);
    assert_true(heard(512).is_quiet);
    make(-20, -20);
    q = heard(512);
    assert_true(q.is_noisy);
    assert_true(q.snr_db < INPUT_NOISY_DB);
}

/* However it is cut, it is the same. */
static void test_pieces(void **state) {
    (void)state;
    make(-20, -40);
    input_quality a = heard(1), b = heard(N), c = heard(777);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_equal(&a, &c, sizeof a);
}

static void test_clipping(void **state) {
    (void)state;
    make(-20, -60);
    for (int i = 0; i < N; i++) x[i] = fmaxf(-1, fminf(1, 20 * x[i]));
    input_quality q = heard(512);
    assert_true(q.is_clipped);
    assert_true(q.clipped > 0.2 && q.clipped < 0.5);
    make(-6, -60); /* loud, and whole */
    assert_false(heard(512).is_clipped);
}

static void test_bandwidth(void **state) {
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)(0.1 * M_SQRT2 * sin(2 * M_PI * 500.0 * i / RATE)); /* without bursts: their edges are wide */
    assert_true(heard(512).is_narrow);
    for (int i = 0; i < N; i++) x[i] += (float)(1e-3 * sin(2 * M_PI * 6000.0 * i / RATE)); /* -63 dBFS at 6 kHz */
    input_quality q = heard(512);
    assert_false(q.is_narrow);
    assert_true(fabs(q.high_db - -43) < 1.5);
}

static void test_offset(void **state) {
    (void)state;
    make(-20, -60);
    for (int i = 0; i < N; i++) x[i] += 0.3f;
    input_quality q = heard(512);
    assert_true(fabs(q.offset - 0.3) < 0.02);
    assert_true(fabs(q.level_db - -23) < 0.7); /* an offset is no sound */
}

/* Only what is kept can be looked at; silence and an empty span are no error. */
static double loud_s(void) {
    memset(&in, 0, sizeof in);
    input_add(&in, x, N);
    double s = input_take_loud_s(&in);
    assert_true(input_take_loud_s(&in) == 0); /* taken once */
    return s;
}

/* Half of it is a tone, whatever noise is below; noise without an end is no sound, and neither is what no microphone meant. */
static void test_loud(void **state) {
    (void)state;
    make(-20, -60);
    assert_true(fabs(loud_s() - 2) < 0.3);
    make(-40, -60);
    assert_true(fabs(loud_s() - 2) < 0.3);
    make(-20, -21);
    assert_true(loud_s() < 0.2);
    make(-100, -20);
    assert_true(loud_s() == 0);
    make(-70, -100);
    assert_true(loud_s() == 0);
}

static void test_spans(void **state) {
    (void)state;
    input_quality q;
    memset(&in, 0, sizeof in);
    assert_false(input_look(&in, 0, 1, &q));
    memset(x, 0, sizeof x);
    for (int i = 0; i < 20; i++) input_add(&in, x, N); /* 80 s */
    assert_false(input_look(&in, 1, 2, &q));
    assert_true(input_look(&in, 70, 71, &q));
    assert_true(q.is_quiet && !q.is_clipped);
    assert_true(isfinite(q.snr_db) && isfinite(q.high_db) && isfinite(q.level_db));
    assert_false(input_look(&in, 71, 70, &q));
    assert_false(input_look(&in, 90, 95, &q));
    assert_false(input_look(&in, NAN, NAN, &q));
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level_and_noise),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_offset),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_loud),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
