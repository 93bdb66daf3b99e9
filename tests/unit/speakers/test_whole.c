/* test_whole.c: the pass over everything: whose number is whose, limits, blocks, and how long a step is. */
#include "speakers/whole.h"

#include "base/mem.h"
#include "made_looks.h"

#define SEED   20261204u
#define NOBODY (-100)

static vb w;
static history past;
static timeline line;
static made people;
static int8_t truth[TIMELINE_BLOCKS];

static void begin(uint64_t seed, int n) {
    made_people(&people, seed, n);
    timeline_reset(&line);
    history_reset(&past);
}

/* Somebody speaks for so many blocks, a look after each from the sixth on; the history calls him `name`. */
static void speak(int who, int blocks, int name) {
    for (int b = 1; b <= blocks; b++) {
        truth[line.end] = (int8_t)who;
        timeline_append(&line, line.end, 1.0f);
        if (b < MADE_BLOCKS) continue;
        speakers_look l = made_look(&people, who, line.end);
        (void)history_add(&past, &l, name);
    }
    for (int b = 0; b < 4; b++) {
        truth[line.end] = NOBODY;
        timeline_append(&line, line.end, 0.0f);
    }
}

/* Everybody in turn; name[who] is what the history calls him. */
static void talk(int turns, const int *name) {
    for (int i = 0; i < turns; i++) speak(i % people.people, 16, name ? name[i % people.people] : SPEAKERS_UNKNOWN);
}

static steno_speakers_options options(int least, int most, int voices) {
    return (steno_speakers_options){
        .contract = STENO_SPEAKERS_REVISE, .min_speakers = least, .max_speakers = most, .n_voices = voices};
}

static int run(const steno_speakers_options *o, bool renumber) {
    whole p;
    int steps = 1;
    whole_begin(&p, &w, &past, o, renumber);
    for (; !whole_step(&p, &line); steps++) assert_true(steps < 2000);
    assert_true(whole_step(&p, &line)); /* it stays over */
    return steps;
}

static int at(int64_t block) {
    return timeline_at(&line, block).speaker;
}

/* What most of somebody's blocks are called. */
static int called(int who) {
    int n[STENO_SPEAKERS_MAX + 1] = {0}, best = 0;
    for (int64_t b = 0; b < line.end; b++) {
        if (truth[b] == who && at(b) >= SPEAKERS_UNKNOWN) n[at(b) + 1]++;
    }
    for (int k = 0; k <= STENO_SPEAKERS_MAX; k++) best = n[k] > n[best] ? k : best;
    return best - 1;
}

static double share(int who) {
    int n = 0, right = 0, number = called(who);
    for (int64_t b = 0; b < line.end; b++) {
        n += truth[b] == who;
        right += truth[b] == who && at(b) == number;
    }
    return n ? (double)right / n : 0.0;
}

static int labels(void) {
    return made_labels(&line);
}

static void assert_pauses(void) {
    for (int64_t b = 0; b < line.end; b++) assert_true((at(b) == SPEAKERS_SILENCE) == (truth[b] == NOBODY));
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static void people_are_numbered_as_they_are_heard(void **state) {
    (void)state;
    static const int odd[8] = {7, 3, 5, 0, 1, 2, 6, 4};
    for (int n = 1; n <= 8; n++) {
        steno_speakers_options o = options(0, 8, 0);
        for (int known = 0; known < 2; known++) {
            begin(SEED + (unsigned)n, n);
            talk(20 * n, known ? odd : NULL);
            (void)run(&o, true);
            for (int k = 0; k < n; k++) {
                assert_int_equal(called(k), k);
                assert_true(share(k) > 0.9);
            }
            assert_int_equal(labels(), n);
            assert_pauses();
        }
    }
}

static void people_keep_the_numbers_that_were_told(void **state) {
    (void)state;
    static const int name[5] = {9, 0, SPEAKERS_UNKNOWN, 2, SPEAKERS_UNKNOWN}, one[2] = {4, 4};
    steno_speakers_options o = options(0, 8, 0);
    begin(SEED + 20, 5);
    talk(100, name);
    (void)run(&o, false);
    assert_true(called(0) == 9 && called(1) == 0 && called(3) == 2);
    assert_true(called(2) == 1 && called(4) == 3); /* the lowest that are free, in the order in which they are heard */
    /* What the history calls by one number that is two people: one of them keeps it. */
    begin(SEED + 21, 2);
    talk(40, one);
    (void)run(&o, false);
    assert_true((called(0) == 4 && called(1) == 0) || (called(0) == 0 && called(1) == 4));
}

static void voices_keep_their_numbers(void **state) {
    (void)state;
    static const int name[4] = {5, 1, 6, SPEAKERS_UNKNOWN};
    steno_speakers_options o = options(0, 8, 3);
    for (int renumber = 0; renumber < 2; renumber++) {
        begin(SEED + 30, 4);
        talk(80, name);
        (void)run(&o, renumber);
        assert_int_equal(called(1), 1);
        assert_int_equal(called(0), renumber ? 3 : 5);
        assert_int_equal(called(2), renumber ? 4 : 6);
        assert_int_equal(called(3), renumber ? 5 : 3);
    }
}

/* All numbers are somebody's in the history, or nearly all are voices': nobody gets a number that another one has. */
static void numbers_are_never_given_twice(void **state) {
    (void)state;
    steno_speakers_options o = options(0, 16, 0);
    begin(SEED + 40, 4);
    talk(80, NULL);
    for (int i = 0; i < past.n; i++) past.look[i].speaker = (int8_t)(i % 16);
    (void)run(&o, false);
    assert_int_equal(labels(), 4);
    for (int k = 0; k < 4; k++) assert_true(called(k) >= 0 && share(k) > 0.9);
    /* The history names one of them, and gives all other numbers to looks of his. */
    begin(SEED + 40, 4);
    talk(80, NULL);
    for (int i = 0, n = 0; i < past.n; i++) past.look[i].speaker = (int8_t)(n++ < 16 ? n - 1 : 15);
    (void)run(&o, false);
    assert_int_equal(labels(), 4);
    o = options(0, 16, 14);
    begin(SEED + 41, 5);
    talk(100, NULL);
    (void)run(&o, true);
    assert_true(called(0) == 14 && called(1) == 15);
    for (int k = 2; k < 5; k++) assert_int_equal(called(k), SPEAKERS_UNKNOWN);
    o = options(0, 16, 16);
    begin(SEED + 42, 2);
    talk(40, NULL);
    (void)run(&o, true);
    assert_true(called(0) == SPEAKERS_UNKNOWN && called(1) == SPEAKERS_UNKNOWN);
}

/* Of a long session the history has a look a second or fewer; turns are shorter than that. */
static void live_labels_tell_what_is_between_looks(void **state) {
    (void)state;
    static const int name[3] = {6, 2, 9};
    double without = 0.0, with;
    steno_speakers_options o = options(0, 8, 0);
    for (int known = 0; known < 2; known++) {
        begin(SEED + 45, 3);
        while (past.stride < 4 || past.n < HISTORY_LOOKS / 2) {
            int who = made_below(&people, 3);
            speak(who, 2 + made_below(&people, 10), name[who]);
        }
        for (int64_t b = 0; b < line.end; b++) {
            if (truth[b] != NOBODY && known) timeline_set(&line, b, name[truth[b]], 0.5f);
        }
        (void)run(&o, true);
        assert_int_equal(labels(), 3);
        assert_pauses();
        with = (share(0) + share(1) + share(2)) / 3.0;
        if (!known) without = with;
    }
    assert_true(with > 0.99 && without < 0.97);
    /* Labels that are nobody's in particular, and one that only voices would have, say nothing. */
    for (int64_t b = 0; b < line.end; b++) {
        if (truth[b] != NOBODY) timeline_set(&line, b, b % 3 ? 5 : SPEAKERS_OTHER, 0.5f);
    }
    (void)run(&o, true);
    assert_true(share(0) + share(1) + share(2) >= 3.0 * without - 0.03);
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

static void limits_are_kept(void **state) {
    (void)state;
    for (int most = 1; most <= 6; most++) {
        steno_speakers_options o = options(0, most, 0);
        begin(SEED + 50, 6);
        talk(180, NULL);
        (void)run(&o, true);
        assert_int_equal(labels(), most);
        assert_pauses();
    }
    /* Two who are nearly one: told so, they are two. */
    for (int least = 0; least <= 2; least += 2) {
        steno_speakers_options o = options(least, 8, 0);
        begin(SEED + 51, 2);
        for (int d = 0; d < SPEAKERS_DIM; d++)
            people.point[1][d] = people.point[0][d] + 0.3f * (people.point[1][d] - people.point[0][d]);
        talk(40, NULL);
        (void)run(&o, true);
        assert_true(least ? labels() >= 2 : labels() == 1);
    }
}

static void little_or_nothing(void **state) {
    (void)state;
    steno_speakers_options o = options(0, 8, 0);
    begin(SEED + 60, 1);
    assert_int_equal(run(&o, true), 1);
    for (int b = 0; b < 10; b++) {
        truth[line.end] = 0;
        timeline_append(&line, line.end, 1.0f);
    }
    assert_int_equal(run(&o, true), 1); /* speech, but no look */
    for (int b = 0; b < 10; b++) assert_int_equal(at(b), SPEAKERS_UNKNOWN);
    begin(SEED + 60, 1);
    speak(0, 6, SPEAKERS_UNKNOWN);
    assert_int_equal(past.n, 1);
    (void)run(&o, true);
    for (int b = 0; b < 6; b++) assert_int_equal(at(b), 0);
    assert_pauses();
    o.min_speakers = 8; /* of one look */
    (void)run(&o, true);
    for (int b = 0; b < 6; b++) assert_int_equal(at(b), 0);
}

/* A block that no look is near keeps what it has: nothing, or the person whom its label means. */
static void what_no_look_is_near_stays(void **state) {
    (void)state;
    steno_speakers_options o = options(0, 8, 0);
    begin(SEED + 70, 2);
    talk(40, NULL);
    int64_t from = line.end;
    for (int b = 0; b < 100; b++) {
        truth[line.end] = NOBODY;
        timeline_append(&line, line.end, b % 50 == 25 ? 1.0f : 0.0f);
    }
    for (int64_t b = 0; b < from; b++) {
        if (truth[b] != NOBODY) timeline_set(&line, b, truth[b] ? 6 : 9, 0.5f);
    }
    timeline_set(&line, from + 75, 6, 0.5f);
    (void)run(&o, true);
    assert_int_equal(at(from + 25), SPEAKERS_UNKNOWN);
    assert_int_equal(at(from + 75), 1);
    assert_int_equal(labels(), 2);
    assert_true(share(0) > 0.9 && share(1) > 0.9);
}

/* ---- what it costs ------------------------------------------------------------------------------------------------ */

static void a_full_history_in_short_steps(void **state) {
    (void)state;
    steno_speakers_options o = options(0, 8, 0);
    begin(SEED + 80, 6);
    while (line.end < 4 * 3600 * 4) talk(6, NULL); /* four hours */
    uint64_t before = mem_alloc_count();
    int steps = run(&o, true);
    assert_int_equal(mem_alloc_count(), before);
    /* Many and short, not few and long: pairs of looks, and blocks. */
    assert_in_range(steps, past.n * past.n / 65536 + (int)(line.end / 4000), 1000);
    assert_int_equal(labels(), 6);
    for (int k = 0; k < 6; k++) assert_true(share(k) > 0.8);
    assert_pauses();
}

/* Streams share a workspace: one that goes in the middle of its pass leaves nothing behind. */
static void who_leaves_in_the_middle_leaves_nothing(void **state) {
    (void)state;
    static timeline_block alone[4000];
    static history others;
    steno_speakers_options o = options(0, 8, 0);
    begin(SEED + 91, 7);
    talk(100, NULL);
    others = past;
    begin(SEED + 90, 3);
    talk(60, NULL);
    assert_true(line.end < 4000);
    for (int stop = 0; stop < 60; stop += 7) {
        whole p;
        for (int64_t b = 0; b < line.end; b++) {
            if (truth[b] != NOBODY) timeline_set(&line, b, SPEAKERS_UNKNOWN, 0.0f);
        }
        whole_begin(&p, &w, &others, &o, true);
        for (int i = 0; i < stop; i++) {
            if (p.clustered || whole_step(&p, &line)) break;
        }
        (void)run(&o, true);
        for (int64_t b = 0; b < line.end; b++) {
            timeline_block now = timeline_at(&line, b);
            if (stop == 0) alone[b] = now;
            assert_memory_equal(&alone[b], &now, sizeof now);
        }
    }
}

static int setup(void **state) {
    (void)state;
    return vb_open(&w, HISTORY_LOOKS) == STENO_OK && timeline_init(&line) == STENO_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    timeline_free(&line);
    vb_free(&w);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_are_numbered_as_they_are_heard),
        cmocka_unit_test(people_keep_the_numbers_that_were_told),
        cmocka_unit_test(voices_keep_their_numbers),
        cmocka_unit_test(numbers_are_never_given_twice),
        cmocka_unit_test(live_labels_tell_what_is_between_looks),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(little_or_nothing),
        cmocka_unit_test(what_no_look_is_near_stays),
        cmocka_unit_test(a_full_history_in_short_steps),
        cmocka_unit_test(who_leaves_in_the_middle_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
