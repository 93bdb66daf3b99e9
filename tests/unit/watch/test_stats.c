/* test_stats.c: tests for one look against known values; evidence that may be looked at always against what it promises. */
#include "watch/stats.h"

#include "../../random.h"

#include <math.h>

#define near(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static double uniform(void) {
    return ((double)(random_bits() >> 11) + .5) / 9007199254740992.0;
}

static double normal(void) {
    return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform());
}

/* ---- one look ----------------------------------------------------------------------------------------------------- */

static void distributions_have_known_values(void **state) {
    (void)state;
    near(stats_normal_tail(1.959964), .025, 1e-7);
    near(stats_log_normal_tail(40), -804.608442, 1e-4);
    near(stats_log_normal_tail(29.999) - stats_log_normal_tail(30.001), .0600666, 1e-4); /* the two ways meet */
    near(stats_beta_below(.5, 2, 3), .6875, 1e-10);
    near(stats_beta_below(.02, 1, 50), 1 - pow(.98, 50), 1e-10);
    near(stats_student_tail(2, 10), .03669402, 1e-7);
    near(stats_student_tail(-2, 10), 1 - .03669402, 1e-7);
}

static void shares_are_fishers_exact_test(void **state) {
    (void)state;
    near(stats_shares_p(3, 4, 1, 4), 17.0 / 70, 1e-12); /* the lady tasting tea */
    near(stats_shares_p(0, 10, 5, 10), 1, 1e-9);
    near(stats_shares_p(4, 0, 1, 4), 1, 1e-12);
    assert_true(stats_shares_p(100, 1000, 20, 1000) < 1e-12);
    assert_true(stats_shares_p(24, 1000, 2000, 100000) > .1); /* 20 % more, of a thousand: chance */
}

static void means_are_welchs_test(void **state) {
    (void)state;
    /* {1 … 5} against {0, 0, 1, 1}: t = 2.5/sqrt(.5 + 1/12) = 3.273268, df = 5.272 */
    stats_moments a = {5, 15, 55}, b = {4, 2, 2};
    double df = pow(.5 + 1.0 / 12, 2) / (.25 / 4 + 1.0 / 144 / 3);
    near(stats_means_p(&a, &b), stats_student_tail(2.5 / sqrt(.5 + 1.0 / 12), df), 1e-12);
    assert_true(stats_means_p(&a, &b) > .009 && stats_means_p(&a, &b) < .011);
    near(stats_means_p(&a, &b) + stats_means_p(&b, &a), 1, 1e-9);
    stats_moments one = {1, 5, 25};
    near(stats_means_p(&a, &one), 1, 0);
}

static void bernstein_covers(void **state) {
    (void)state;
    int outside = 0;
    for (int run = 0; run < 400; run++) {
        double sum = 0, squares = 0, n = 200;
        for (int i = 0; i < 200; i++) {
            double x = uniform() < .05;
            sum += x, squares += x * x;
        }
        double mean = sum / n, variance = (squares - sum * mean) / (n - 1);
        outside += mean - stats_bernstein_radius(variance, n, 1, .05) > .05;
    }
    assert_in_range(outside, 0, 20);
    assert_true(stats_bernstein_radius(.0475, 200, 1, .05) < .12); /* and says something */
}

static void trends_are_mann_kendall(void **state) {
    (void)state;
    double up[8] = {1, 2, 3, 4, 5, 6, 7, 8}, flat[8] = {2, 2, 2, 2, 2, 2, 2, 2}, ties[6] = {1, 1, 2, 2, 3, 3};
    near(stats_trend_p(up, 8), stats_normal_tail(27 / sqrt(65.333333)), 1e-9);
    near(stats_trend_p(flat, 8), 1, 0);
    /* S = 12, variance (6*5*17 - 3*2*1*9) / 18 = 25.333 */
    near(stats_trend_p(ties, 6), stats_normal_tail(11 / sqrt(25.3333333)), 1e-7);
    near(stats_trend_p(up, 3), 1, 0);
}

/* ---- many looks --------------------------------------------------------------------------------------------------- */

/* By the trapezium rule, what stats_log_e_share has in closed form. */
static double mixture(double y, double n, double p0) {
    double sum = 0, prior = 0;
    for (int i = 0; i < 200000; i++) {
        double p = p0 + (1 - p0) * (i + .5) / 200000;
        sum += exp(y * log(p / p0) + (n - y) * log((1 - p) / (1 - p0)));
        prior++;
    }
    return log(sum / prior);
}

static void shares_mix_as_integrals_do(void **state) {
    (void)state;
    near(stats_log_e_share(0, 0, .02, 1, 1), 0, 1e-9);
    near(stats_log_e_share(9, 100, .02, 1, 1), mixture(9, 100, .02), 1e-4);
    near(stats_log_e_share(1, 100, .02, 1, 1), mixture(1, 100, .02), 1e-4);
    assert_true(stats_log_e_share(2000, 20000, .02, 1, 1) > 1000);
    assert_true(isfinite(stats_log_e_share(0, 1e6, .02, 1, 1)));
}

/* How many of `runs` ever reach 1/alpha, looking after every value. */
static int ever_reached(int runs, int steps, double p, double p0, double log_needed) {
    int reached = 0;
    for (int run = 0; run < runs; run++) {
        double y = 0;
        for (int n = 1; n <= steps; n++) {
            y += uniform() < p;
            if (n % 5 || stats_log_e_share(y, n, p0, 1, 1) < log_needed) continue;
            reached++;
            break;
        }
    }
    return reached;
}

static void looking_always_is_allowed(void **state) {
    (void)state;
    int null = ever_reached(300, 1000, .05, .05, log(20)), real = ever_reached(100, 1000, .10, .05, log(20));
    print_message("false %d of 300, true %d of 100\n", null, real);
    assert_in_range(null, 0, 27); /* 15 expected at most; 27 is three deviations more */
    assert_in_range(real, 85, 100);
}

static void means_look_always(void **state) {
    (void)state;
    int null = 0, real = 0;
    for (int run = 0; run < 400; run++) {
        double s0 = 0, s1 = 0;
        bool hit0 = false, hit1 = false;
        for (int n = 1; n <= 1000; n++) {
            double x = normal();
            s0 += x, s1 += x + .3;
            hit0 = hit0 || stats_log_e_mean(s0, n, 0, 1, .3) > log(20);
            hit1 = hit1 || stats_log_e_mean(s1, n, 0, 1, .3) > log(20);
        }
        null += hit0, real += hit1;
    }
    print_message("false %d, true %d of 400\n", null, real);
    assert_in_range(null, 0, 33);
    assert_int_equal(real, 400);
}

/* ---- for ever ----------------------------------------------------------------------------------------------------- */

static int64_t first_alarm(double p, double p0, double log_needed, stats_watch *w) {
    stats_bet bet;
    double to[STATS_BETS] = {.05, .08, .15, .3};
    stats_bet_share(&bet, p0, to, 1);
    *w = (stats_watch){0};
    for (int64_t t = 1; t < 200000; t++) {
        double y = 0;
        for (int i = 0; i < 5; i++) y += uniform() < p;
        if (stats_watch_step(w, &bet, y, 5, t) > log_needed) return t;
    }
    return 200000;
}

static void false_alarms_are_as_rare_as_promised(void **state) {
    (void)state;
    double sum = 0;
    stats_watch w;
    for (int run = 0; run < 60; run++) sum += (double)first_alarm(.03, .03, log(1000), &w);
    print_message("a false alarm each %.0f steps, promised 1000\n", sum / 60);
    assert_true(sum / 60 > 800); /* the mean of 60 exponential times is within an eighth of their mean mostly */
    int64_t found = first_alarm(.12, .03, log(1000), &w);
    print_message("a change found after %lld steps, since %lld, at %.3f\n", (long long)found, (long long)w.since_s,
                  w.y / w.w);
    assert_true(found < 100 && w.y / w.w > .05);
}

static void bets_follow_their_dispersion(void **state) {
    (void)state;
    stats_bet one, four, mean;
    double to[STATS_BETS] = {.05, .08, .15, .3};
    stats_bet_share(&one, .03, to, 1);
    stats_bet_share(&four, .03, to, 4);
    near(one.up[2] + one.each[2], log(.15 / .03), 1e-12);
    near(four.up[2], one.up[2] / 4, 1e-12);
    stats_bet_mean(&mean, .03, to, .1);
    near(mean.up[0] * .05 + mean.each[0], .5 * .02 * .02 / .1, 1e-12); /* as expected there */
}

/* ---- many tests --------------------------------------------------------------------------------------------------- */

static void many_tests_are_corrected(void **state) {
    (void)state;
    double p[5] = {.04, .001, .045, .5, .012}, e[4] = {log(200), log(20), 0, log(41)};
    bool reject[5];
    assert_int_equal(stats_bh(p, 5, .05, reject), 2); /* .001 <= .01, .012 <= .02; .04 > .03, .045 > .04 */
    assert_true(reject[1] && reject[4] && !reject[0]);
    assert_int_equal(stats_ebh(e, 4, .05, reject), 2); /* 200 >= 80, 41 >= 40; 20 < 26.7 */
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributions_have_known_values),
        cmocka_unit_test(shares_are_fishers_exact_test),
        cmocka_unit_test(means_are_welchs_test),
        cmocka_unit_test(bernstein_covers),
        cmocka_unit_test(trends_are_mann_kendall),
        cmocka_unit_test(shares_mix_as_integrals_do),
        cmocka_unit_test(looking_always_is_allowed),
        cmocka_unit_test(means_look_always),
        cmocka_unit_test(false_alarms_are_as_rare_as_promised),
        cmocka_unit_test(bets_follow_their_dispersion),
        cmocka_unit_test(many_tests_are_corrected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
