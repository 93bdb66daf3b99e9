/* test_series.c: surprise in series of any kind: more of what is labelled is found than by NAB's windowed Gaussian, days surprise nobody, and
 * what surprised is said once. Series are made up: tests/watch/made_series.h; `make bench-alarms` runs more of them.
 */
#include "../../random.h"
#include "../../watch/nab.h"

#define SAY 9.0 /* e^-9: one value of 8,000 */

static void more_is_found_than_by_a_windowed_gaussian(void **state) {
    (void)state;
    uint64_t seed = random_bits() % 1000000;
    nab_result gaussian, ours;
    assert_int_equal(nab_score(nab_gaussian, 60, seed, &gaussian), 0);
    assert_int_equal(nab_score(nab_ours, 60, seed, &ours), 0);
    print_message("seed %llu: windowed Gaussian %.1f, series.h %.1f, of %d windows\n", (unsigned long long)seed,
                  gaussian.score, ours.score, ours.windows);
    assert_int_equal(gaussian.windows, ours.windows);
    assert_true(ours.score > gaussian.score + 5);
}

/* What a perfect detector, a silent one and one that cries all the time get. */
static void perfect(const made_series *s, double score[SERIES_N]) {
    memset(score, 0, SERIES_N * sizeof score[0]);
    for (int i = 0; i < s->n_labels; i++) score[s->first[i]] = 1;
}

static void silent(const made_series *s, double score[SERIES_N]) {
    (void)s;
    memset(score, 0, SERIES_N * sizeof score[0]);
}

static void scores_are_what_the_rules_say(void **state) {
    (void)state;
    nab_result r;
    assert_int_equal(nab_score(perfect, 20, 1, &r), 0);
    assert_true(fabs(r.score - 100) < 1);
    assert_int_equal(r.hits, r.windows);
    assert_int_equal(r.wrong, 0);
    assert_int_equal(nab_score(silent, 20, 1, &r), 0);
    assert_true(fabs(r.score) < 1e-9);
    assert_true(fabs(nab_sigmoid(-1) - .98661) < 1e-5 && nab_sigmoid(0) == 0 && nab_sigmoid(3) == -1);
}

/* Two weeks of days with noise; then a value that no day has had at that hour. */
static void days_surprise_nobody(void **state) {
    (void)state;
    static made_series s;
    static series_watch w;
    memset(&w, 0, sizeof w);
    s.state = random_bits();
    s.base = BASE_DAILY;
    series_healthy(&s, SERIES_N, SERIES_N);
    int said = 0;
    for (int t = 0; t < SERIES_N; t++) said += series_step(&w, s.x[t], (int64_t)t * 300) > SAY;
    assert_in_range(said, 0, 4);
    double noon = series_step(
        &w, 2.5, (int64_t)SERIES_N * 300); /* where it is usually 0, though not beyond a day's range by far */
    print_message("%d of %d healthy values, then %.1f\n", said, SERIES_N, noon);
    assert_true(noon > SAY);
}

static void what_surprised_is_said_once(void **state) {
    (void)state;
    static series_watch w;
    memset(&w, 0, sizeof w);
    int said = 0;
    for (int t = 0; t < 2000; t++) {
        double x = (double)random_unit() + (t >= 1500 ? 20 : 0);
        double surprise = series_step(&w, x, (int64_t)t * 300);
        if (t < 1500) assert_true(surprise < 16);
        said += t >= 1500 && surprise > 12;
        if (t == 1500) assert_true(surprise > 12);
    }
    assert_in_range(said, 1, 6);
}

int main(void) {
    random_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_what_the_rules_say),
        cmocka_unit_test(more_is_found_than_by_a_windowed_gaussian),
        cmocka_unit_test(days_surprise_nobody),
        cmocka_unit_test(what_surprised_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
