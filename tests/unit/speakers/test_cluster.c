/* test_cluster.c: people counted among planted ones, limits, bounded steps, and what may not matter. */
#include "speakers/cluster.h"

#include "base/mem.h"
#include "made_looks.h"

#define SEED      20261201u
#define ELSEWHERE 0.2f /* variance of a person between parts of a session */

static vb w;
static history past;
static int8_t truth[HISTORY_LOOKS];

/* Turns of `turn` looks, a look a block, `pause` blocks between. History's speakers are `known` or UNKNOWN. */
static void talk(made *m, int looks, int turn, bool known) {
    int64_t end = 6;
    int who = 0;
    history_reset(&past);
    for (int i = 0; i < looks; i++, end++) {
        if (i % turn == 0) {
            who = i < turn * m->people ? i / turn : made_below(m, m->people);
            end += 4;
        }
        speakers_look l = made_look(m, who, end);
        int at = history_add(&past, &l, known ? who : SPEAKERS_UNKNOWN);
        assert_true(at >= 0);
        truth[at] = (int8_t)who;
    }
}

/* Steps until it is over; fails when they do not end. */
static int run(cluster *c, const cluster_limits *limits) {
    int steps = 1;
    cluster_begin(c, &w, &past, limits);
    for (; !cluster_step(c); steps++) assert_true(steps < 1000);
    assert_true(cluster_step(c)); /* it stays over */
    return steps;
}

/* Looks whose cluster is the one that most of their person's are in. */
static double right(const cluster *c, const made *m) {
    int count[MADE_PEOPLE][VB_SPEAKERS] = {{0}}, good = 0;
    for (int i = 0; i < w.n; i++) count[truth[cluster_look(c, i)]][cluster_who(c, i)]++;
    for (int p = 0; p < m->people; p++) {
        int most = 0;
        for (int k = 0; k < VB_SPEAKERS; k++) most = count[p][k] > most ? count[p][k] : most;
        good += most;
    }
    return (double)good / w.n;
}

static void people_are_counted(void **state) {
    (void)state;
    const cluster_limits limits = {.looks = HISTORY_LOOKS, .most = 16};
    made m;
    cluster c;
    for (int round = 0; round < 3; round++) {
        for (int people = 1; people <= 8; people++) {
            made_people(&m, SEED + (unsigned)(100 * round + people), people);
            m.scatter = round == 2 ? 1.0f : 0.65f;
            talk(&m, 300 * people, 10, false);
            (void)run(&c, &limits);
            assert_int_equal(w.speakers, people);
            assert_true(right(&c, &m) > 0.97);
        }
    }
}

/* People who sound a little different in each part of a long session, as with another noise behind them. */
static void people_stay_one_wherever_they_sit(void **state) {
    (void)state;
    const cluster_limits limits = {.looks = HISTORY_LOOKS, .most = 16};
    made m;
    cluster c;
    for (int round = 0; round < 3; round++) {
        int64_t end = 6;
        made_people(&m, SEED + 50 + (unsigned)round, 4);
        made at_home = m;
        history_reset(&past);
        for (int part = 0; part < 6; part++) {
            for (int p = 0; p < m.people; p++) {
                for (int d = 0; d < SPEAKERS_DIM; d++) m.point[p][d] = at_home.point[p][d] + made_normal(&m, ELSEWHERE);
            }
            for (int i = 0; i < HISTORY_LOOKS / 6; i++, end += i % 10 ? 1 : 5) {
                int who = i / 10 % m.people;
                speakers_look l = made_look(&m, who, end);
                int at = history_add(&past, &l, SPEAKERS_UNKNOWN);
                assert_true(at >= 0);
                truth[at] = (int8_t)who;
            }
        }
        (void)run(&c, &limits);
        assert_int_equal(w.speakers, 4);
        assert_true(right(&c, &m) > 0.97);
    }
}

static void limits_are_kept(void **state) {
    (void)state;
    made m;
    cluster c;
    made_people(&m, SEED, 6);
    talk(&m, 1800, 10, false);
    for (int most = 1; most <= 8; most++) {
        (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = most});
        assert_int_equal(w.speakers, most < 6 ? most : 6);
        for (int i = 0; i < w.n; i++) assert_in_range(cluster_who(&c, i), 0, most - 1);
    }
    /* Two people who are nearly one, and somebody who knows that they are two. */
    made_people(&m, SEED + 1, 2);
    for (int d = 0; d < SPEAKERS_DIM; d++) m.point[1][d] = m.point[0][d] + 0.2f * m.point[1][d];
    talk(&m, 300, 10, false);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = 8});
    assert_int_equal(w.speakers, 1);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .least = 2, .most = 8});
    assert_int_equal(w.speakers, 2);
    assert_true(right(&c, &m) > 0.9);
    for (int least = 3; least <= 8; least++) {
        (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .least = least, .most = 8});
        assert_in_range(w.speakers, 1, least);
    }
    /* A guess that is too low does not take anybody away. */
    made_people(&m, SEED + 2, 5);
    talk(&m, 1500, 10, false);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .least = 3, .most = 8});
    assert_int_equal(w.speakers, 5);
    /* Fewer looks than people there must be. */
    talk(&m, 3, 1, false);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .least = 8, .most = 8});
    assert_in_range(w.speakers, 1, 8);
}

static void small_histories(void **state) {
    (void)state;
    const cluster_limits limits = {.looks = HISTORY_LOOKS, .most = 8};
    made m;
    cluster c;
    int name[VB_SPEAKERS];
    history_reset(&past);
    assert_int_equal(run(&c, &limits), 1);
    assert_true(w.speakers == 0 && w.n == 0);
    cluster_name(&c, name);
    for (int k = 0; k < VB_SPEAKERS; k++) assert_int_equal(name[k], -1);
    made_people(&m, SEED, 1);
    for (int looks = 1; looks <= 8; looks++) {
        talk(&m, looks, 10, true);
        (void)run(&c, &limits);
        assert_int_equal(w.speakers, 1);
        assert_int_equal(cluster_first_heard(&c, 0), 0);
        cluster_name(&c, name);
        assert_true(name[0] == 0 && name[1] == -1);
    }
    /* The same look again and again: nothing to tell apart, and no variance. */
    history_reset(&past);
    speakers_look l = made_look(&m, 0, 6);
    for (int i = 0; i < 40; i++, l.end++) history_add(&past, &l, SPEAKERS_UNKNOWN);
    (void)run(&c, &limits);
    assert_int_equal(w.speakers, 1);
}

/* Of a full history, all of it and a part: the newest look is in it, and no more than asked for. */
static void a_part_of_a_full_history(void **state) {
    (void)state;
    made m;
    cluster c;
    made_people(&m, SEED + 2, 5);
    talk(&m, HISTORY_LOOKS, 12, false);
    const int looks[] = {HISTORY_LOOKS, HISTORY_LOOKS - 1, 1000, 384, 100};
    for (int i = 0; i < 5; i++) {
        (void)run(&c, &(cluster_limits){.looks = looks[i], .most = 8});
        assert_true(w.n <= looks[i] && w.n > looks[i] / 2 - 1);
        assert_true(cluster_look(&c, 0) >= 0 && cluster_look(&c, 0) < c.step);
        assert_int_equal(cluster_look(&c, w.n - 1), HISTORY_LOOKS - 1);
        assert_true(looks[i] < 384 || w.speakers == 5);
        assert_true(looks[i] < 384 || right(&c, &m) > 0.97);
    }
}

/* Whom the history knows keeps his number, whatever the order in which clusters come. */
static void numbers_are_those_of_the_history(void **state) {
    (void)state;
    made m;
    cluster c;
    int name[VB_SPEAKERS];
    made_people(&m, SEED + 3, 5);
    talk(&m, 1500, 10, true);
    history_rename(&past, 3, 11);
    history_rename(&past, 4, SPEAKERS_UNKNOWN);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = 8});
    assert_int_equal(w.speakers, 5);
    cluster_name(&c, name);
    for (int i = 0; i < w.n; i++) {
        int who = truth[cluster_look(&c, i)], want = who == 3 ? 11 : who == 4 ? -1 : who;
        if (w.gamma[i][cluster_who(&c, i)] > 0.9f && i % 10 == 5) assert_int_equal(name[cluster_who(&c, i)], want);
    }
    for (int k = 0; k < 5; k++) {
        int first = cluster_first_heard(&c, k);
        for (int i = 0; i < w.n; i++) assert_true(cluster_who(&c, i) != k || i >= first);
        assert_int_equal(cluster_who(&c, first), k);
    }
    /* Two clusters that the history calls one: one of them keeps the number. */
    history_rename(&past, 1, 0);
    (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = 8});
    cluster_name(&c, name);
    int zeros = 0;
    for (int k = 0; k < w.speakers; k++) zeros += name[k] == 0;
    assert_int_equal(zeros, 1);
}

/* What was in the workspace before says nothing, and nothing is allocated. */
static void the_same_again(void **state) {
    (void)state;
    static float first[1000][VB_SPEAKERS];
    made m;
    cluster c;
    for (int round = 0; round < 3; round++) {
        made_people(&m, SEED + 4, 4);
        talk(&m, 1000, 10, false);
        uint64_t before = mem_alloc_count();
        (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = 8});
        assert_int_equal(mem_alloc_count(), before);
        assert_int_equal(w.speakers, 4);
        for (int i = 0; i < w.n; i++) {
            if (round == 0) memcpy(first[i], w.gamma[i], sizeof first[i]);
            assert_memory_equal(first[i], w.gamma[i], 4 * sizeof(float));
        }
        made_people(&m, SEED + 5, 7); /* others in between */
        talk(&m, 2000, 10, false);
        (void)run(&c, &(cluster_limits){.looks = HISTORY_LOOKS, .most = 8});
        memset(w.gamma[0], 0xff, 1000 * sizeof w.gamma[0]); /* NaN */
        memset(w.score[0], 0xff, 1000 * sizeof w.score[0]);
        memset(w.ahead[0], 0xff, 1000 * sizeof w.ahead[0]);
    }
}

static int setup(void **state) {
    (void)state;
    return vb_open(&w, HISTORY_LOOKS) == STENO_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    vb_free(&w);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_counted),       cmocka_unit_test(people_stay_one_wherever_they_sit),
        cmocka_unit_test(limits_are_kept),          cmocka_unit_test(small_histories),
        cmocka_unit_test(a_part_of_a_full_history), cmocka_unit_test(numbers_are_those_of_the_history),
        cmocka_unit_test(the_same_again),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
