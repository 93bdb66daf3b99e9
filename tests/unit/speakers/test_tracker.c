/* test_tracker.c: the online tracker on made-up looks: numbers, merges, limits, voices, and what a long session costs. */
#include "speakers/tracker.h"

#include "base/mem.h"
#include "made_looks.h"

#define SEED       20261203u
#define BLOCKS_MAX (5 * 3600 * 4)
#define NOBODY     (-100)

static vb w;
static history past;
static timeline line;
static tracker *track;
static made people;
static int8_t truth[BLOCKS_MAX]; /* who speaks in a block, or NOBODY */
static int fits;                 /* looks fitted so far */
static int merges;
static tracker_merge merged; /* the newest */

static steno_speakers_options revise(int most) {
    return (steno_speakers_options){.contract = STENO_SPEAKERS_REVISE, .max_speakers = most};
}

static void begin(const steno_speakers_options *o, uint64_t seed, int n) {
    made_people(&people, seed, n);
    timeline_reset(&line);
    history_reset(&past);
    tracker_reset(track, o);
    fits = merges = 0;
}

static void pause_for(int blocks) {
    for (; blocks > 0; blocks--) {
        truth[line.end] = NOBODY;
        timeline_append(&line, line.end, 0.0f);
    }
}

static void step(const speakers_look *l) {
    w.n = 0;
    tracker_step(track, &w, &past, l, &line, &merged);
    assert_in_range(w.n, 0, TRACKER_FIT);
    fits += w.n;
    merges += merged.from >= 0;
}

/* Somebody speaks for so many blocks, with a look after each from the second on, and then pauses for `rest`. */
static void speak(int who, int blocks, int rest) {
    for (int b = 1; b <= blocks; b++) {
        truth[line.end] = (int8_t)who;
        timeline_append(&line, line.end, 1.0f);
        if (b < 2) continue;
        speakers_look l = made_short_look(&people, who, line.end, b < MADE_BLOCKS ? b : MADE_BLOCKS);
        step(&l);
    }
    pause_for(rest);
}

static int at(int64_t block) {
    return timeline_at(&line, block).speaker;
}

/* Blocks of `who` from block `from` on that are called `label`, as a share of his. */
static double share(int who, int label, int64_t from) {
    int n = 0, right = 0;
    for (int64_t b = from; b < line.end; b++) {
        if (truth[b] != who) continue;
        n++;
        right += at(b) == label;
    }
    return n ? (double)right / n : 0.0;
}

/* What most of his blocks from `from` to `to` are called: numbers may be left out, because people are born who are none. */
static int called(int who, int64_t from, int64_t to) {
    int n[STENO_SPEAKERS_MAX] = {0}, best = 0;
    for (int64_t b = from; b < to; b++) {
        if (truth[b] == who && at(b) >= 0) n[at(b)]++;
    }
    for (int k = 1; k < STENO_SPEAKERS_MAX; k++) best = n[k] > n[best] ? k : best;
    return n[best] ? best : SPEAKERS_UNKNOWN;
}

/* People [first, first + n) have numbers of their own, and at least `least` of what each says from `from` on has it. */
static void assert_apart(int first, int n, int64_t from, double least) {
    unsigned used = 0;
    for (int k = first; k < first + n; k++) {
        int number = called(k, from, line.end);
        if (number < 0 || used >> number & 1) fail_msg("person %d has no number of his own", k);
        used |= 1u << number;
        if (share(k, number, from) < least) fail_msg("only %.3f of person %d is %d", share(k, number, from), k, number);
    }
}

static int labels(void) {
    return made_labels(&line);
}

/* Turns of one of [first, first + n), never twice the same. */
static void talk(int first, int n, int turns) {
    int who = -1;
    for (int i = 0; i < turns; i++) {
        int next = first + made_below(&people, n);
        if (next == who && n > 1) next = first + (next - first + 1) % n;
        who = next;
        speak(who, 6 + made_below(&people, 14), made_below(&people, 5));
    }
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static void the_first_label_comes_at_once(void **state) {
    (void)state;
    steno_speakers_options o = revise(8);
    begin(&o, SEED, 1);
    speak(0, 2, 0);
    assert_int_equal(at(0), SPEAKERS_UNKNOWN); /* half a second is too little */
    begin(&o, SEED, 1);
    speak(0, 3, 0);
    for (int b = 0; b < 3; b++) assert_int_equal(at(b), 0);
    pause_for(4);
    speak(0, 2, 0);
    assert_int_equal(at(8), 0); /* once he is known, that is enough */
    assert_int_equal(at(4), SPEAKERS_SILENCE);
}

static void people_get_numbers_of_their_own(void **state) {
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int n = 2; n <= 6; n++) {
            steno_speakers_options o = revise(8);
            begin(&o, SEED + (unsigned)(10 * round + n), n);
            people.scatter = round == 2 ? 1.0f : 0.65f;
            for (int k = 0; k < n; k++) {
                int64_t from = line.end;
                speak(k, 16, 2);
                assert_true(at(from + 10) >=
                            0); /* known within two and a half seconds, and what was before is mended */
                if (n < 5) assert_int_equal(at(from + 2), at(from + 10));
            }
            int64_t from = line.end;
            talk(0, n, 100);
            assert_apart(0, n, from, n < 5 && round < 2 ? 0.7 : 0.5);
            assert_in_range(labels(), n, n + 2);
        }
    }
}

static void who_returns_keeps_his_number(void **state) {
    (void)state;
    int64_t ten_minutes = 10 * 60 * 4;
    for (unsigned round = 0; round < 4; round++) {
        steno_speakers_options o = revise(8);
        begin(&o, SEED + 40 + round, 5);
        talk(0, 2, 12);
        int64_t from = line.end;
        while (line.end < from + ten_minutes) talk(1, 4, 5);
        int64_t back = line.end;
        speak(0, 6, 0);
        assert_int_equal(at(back + 5), called(0, 0, from));
        pause_for((int)ten_minutes);
        back = line.end;
        speak(0, 6, 0);
        assert_int_equal(at(back + 5), called(0, 0, from));
        assert_apart(0, 5, 0, 0.7);
    }
}

/* ---- merges ------------------------------------------------------------------------------------------------------- */

static void what_was_never_there_goes_everywhere(void **state) {
    (void)state;
    int all = 0;
    for (unsigned round = 0; round < 12; round++) {
        steno_speakers_options o = revise(8);
        begin(&o, SEED + 20 + round, 3);
        people.scatter = 1.3f; /* hard to tell apart: people are born who are none */
        for (int i = 0; i < 150; i++) {
            int before = merges;
            talk(0, 3, 1);
            if (merges == before) continue;
            if (merged.from < 0) continue; /* looks after it were heard */
            for (int64_t b = 0; b < line.end; b++) assert_int_not_equal(at(b), merged.from);
            for (int k = 0; k < past.n; k++) assert_int_not_equal(past.look[k].speaker, merged.from);
        }
        all += merges;
        assert_true(labels() <= 8);
    }
    assert_true(all > 0);
}

static void what_is_said_to_be_one_stays_one(void **state) {
    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        steno_speakers_options o = revise(8);
        begin(&o, SEED + 60 + round, 4);
        for (int k = 0; k < 3; k++) speak(k, 20, 2);
        talk(0, 3, 40);
        assert_apart(0, 3, 0, 0.7);
        int a = called(0, 0, line.end), b = called(1, 0, line.end), c = called(2, 0, line.end), shown = labels();
        double before = share(0, a, 0);
        tracker_merge_speakers(track, b, a, &line); /* at once, of all that was said */
        assert_true(share(1, b, 0) == 0.0 && share(1, a, 0) > 0.7 && share(0, a, 0) >= before && share(2, c, 0) > 0.7);
        assert_int_equal(labels(), shown - 1);
        for (int i = 0; i < 60; i++) {
            talk(0, 3, 10);
            assert_true(share(0, b, 0) + share(1, b, 0) + share(2, b, 0) == 0.0);
        }
        assert_true(share(0, a, 0) > 0.9 && share(1, a, 0) > 0.9 && share(2, c, 0) > 0.9);
        assert_int_equal(labels(), 2);
        assert_true(tracker_shown(track, b) == a && tracker_shown(track, c) == c);
        /* By an old number of somebody, and of nobody. */
        tracker_merge_speakers(track, c, b, &line);
        assert_int_equal(labels(), 1);
        tracker_merge_speakers(track, -1, a, &line);
        tracker_merge_speakers(track, a, STENO_SPEAKERS_MAX, &line);
        tracker_merge_speakers(track, a, 15, &line);
        tracker_merge_speakers(track, 15, a, &line);
        tracker_merge_speakers(track, a, a, &line);
        int64_t from = line.end;
        speak(3, 40, 2); /* somebody new */
        talk(0, 4, 60);
        for (int k = 0; k < 3; k++) assert_true(share(k, a, from) > 0.8);
        assert_true(share(3, a, from) < 0.3);
    }
}

/* Three people who sound alike, so that a fit of little takes some for one: who is told apart meanwhile does not pull the others to
 * himself. Seeds where that is seen. */
static void who_is_away_teaches_nobody(void **state) {
    (void)state;
    static const struct {
        unsigned seed;
        float apart;
    } cases[] = {{308, 0.6f}, {320, 0.6f}, {326, 0.6f}, {366, 0.6f}, {320, 0.8f}, {345, 0.8f}};
    double all = 0.0;
    for (int i = 0; i < 6; i++) {
        steno_speakers_options o = revise(8);
        begin(&o, SEED + cases[i].seed, 3);
        for (int k = 1; k < 3; k++) {
            for (int d = 0; d < SPEAKERS_DIM; d++)
                people.point[k][d] = people.point[0][d] + cases[i].apart * (people.point[k][d] - people.point[0][d]);
        }
        for (int turn = 0; turn < 18; turn++) speak(turn % 3, turn < 9 ? 16 : 8, 2);
        for (int k = 0; k < 3; k++) all += share(k, called(k, 0, line.end), 0);
    }
    assert_true(all / 18.0 > 0.9);
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

static void no_more_people_than_allowed(void **state) {
    (void)state;
    const int most[] = {1, 2, 3, 5, 16};
    for (int i = 0; i < 5; i++) {
        steno_speakers_options o = revise(most[i]);
        begin(&o, SEED + 50 + (unsigned)i, 20);
        for (int round = 0; round < 60; round++) {
            talk(0, 20, 4);
            assert_true(labels() <= most[i]);
        }
        assert_true(labels() >= (most[i] < 8 ? most[i] : 8));
    }
}

/* Hundreds of people who say one thing each: numbers are given again, and those who stay are still known. */
static void numbers_do_not_run_out(void **state) {
    (void)state;
    int again = 0;
    for (unsigned round = 0; round < 3; round++) {
        steno_speakers_options o = revise(round == 0 ? 16 : 8);
        begin(&o, SEED + 60 + round, MADE_PEOPLE);
        if (round == 2) people.scatter = 2.0f;
        for (int k = 0; k < 2; k++) speak(k, 40, 2);
        unsigned gone = 0;
        for (int i = 0; i < 400; i++) {
            if (merged.from >= 0) gone |= 1u << merged.from;
            for (int64_t b = line.end - 20; b < line.end; b++) {
                if (at(b) < 0 || !(gone >> at(b) & 1)) continue;
                gone &= ~(1u << at(b));
                again++;
            }
            speak(2 + i % (MADE_PEOPLE - 2), 3 + made_below(&people, 8), 1);
            if (i % 5 == 0) speak(i / 5 % 2, 12, 1);
            if (i % 40 == 0) assert_true(labels() <= o.max_speakers);
        }
        int64_t from = line.end;
        talk(0, 2, 40);
        if (round < 2) assert_apart(0, 2, from, 0.6);
    }
    assert_true(again > 0);
}

/* ---- voices ------------------------------------------------------------------------------------------------------- */

static steno_voice voice[STENO_SPEAKERS_MAX];

/* People [first, first + n) as voices 0, 1, 2 … */
static void enrol(steno_speakers_options *o, uint64_t seed, int n) {
    static made m;
    made_people(&m, seed, MADE_PEOPLE);
    for (int k = 0; k < n; k++) {
        for (int d = 0; d < SPEAKERS_DIM; d++) voice[k].print[d] = m.point[k][d] + made_normal(&m, 0.1f);
    }
    o->voices = voice;
    o->n_voices = n;
}

static void only_voices_have_names(void **state) {
    (void)state;
    for (int n = 1; n <= STENO_SPEAKERS_MAX; n += 5) {
        steno_speakers_options o = {.contract = STENO_SPEAKERS_ENROLLED, .max_speakers = n};
        enrol(&o, SEED + 70, n);
        begin(&o, SEED + 70, MADE_PEOPLE); /* the same people */
        memset(voice, 0, sizeof voice);    /* they were copied */
        talk(0, n + 3, 200);
        for (int k = 0; k < n; k++) assert_true(share(k, k, 0) > 0.85);
        for (int k = n; k < n + 3; k++)
            assert_true(share(k, SPEAKERS_OTHER, 0) > (n < STENO_SPEAKERS_MAX ? 0.75 : 0.6));
        for (int64_t b = 0; b < line.end; b++) {
            assert_true(at(b) < n && at(b) != SPEAKERS_UNKNOWN);
            assert_true((at(b) == SPEAKERS_SILENCE) == (truth[b] == NOBODY));
        }
    }
}

/* Dozens of strangers, more than there are numbers for, and then the voices again. */
static void strangers_do_not_wear_voices_out(void **state) {
    (void)state;
    steno_speakers_options o = {.contract = STENO_SPEAKERS_ENROLLED, .max_speakers = 8};
    enrol(&o, SEED + 80, 3);
    begin(&o, SEED + 80, MADE_PEOPLE);
    for (int k = 3; k < MADE_PEOPLE; k++) speak(k, 24, 2);
    int64_t from = line.end;
    talk(0, 3, 40);
    for (int k = 0; k < 3; k++) assert_true(share(k, k, from) > 0.85);
    int wrong = 0, all = 0;
    for (int64_t b = 0; b < from; b++) {
        all += truth[b] >= 3;
        wrong += truth[b] >= 3 && at(b) != SPEAKERS_OTHER;
    }
    assert_true(wrong * 20 < all);
}

static void voices_keep_their_numbers_among_others(void **state) {
    (void)state;
    steno_speakers_options o = revise(8);
    enrol(&o, SEED + 90, 3);
    begin(&o, SEED + 90, MADE_PEOPLE);
    speak(5, 20, 2);
    assert_int_equal(at(10), 3); /* behind the voices */
    speak(2, 20, 2);
    speak(4, 20, 2);
    talk(1, 5, 200);
    assert_true(share(1, 1, 0) > 0.9 && share(2, 2, 0) > 0.9);
    assert_apart(1, 5, 0, 0.8);
    for (int64_t b = 0; b < line.end; b++) assert_int_not_equal(at(b), 0); /* who says nothing */
}

/* ---- what a session costs ----------------------------------------------------------------------------------------- */

static void four_hours(void **state) {
    (void)state;
    int fitted[4];
    steno_speakers_options o = revise(8);
    begin(&o, SEED + 100, 5);
    uint64_t before = mem_alloc_count();
    for (int k = 0; k < 5; k++) speak(k, 20, 2);
    for (int hour = 0; hour < 4; hour++) {
        int from = fits;
        while (line.end < (int64_t)(hour + 1) * 3600 * 4) {
            talk(0, 5, 10);
            pause_for(80);
        }
        fitted[hour] = fits - from;
    }
    assert_int_equal(mem_alloc_count(), before);
    for (int hour = 1; hour < 4; hour++) assert_true(fitted[hour] <= fitted[0] && fitted[hour] < 12000);
    assert_apart(0, 5, line.end - 3600 * 4, 0.9);
    assert_int_equal(labels(), 5);
}

static void the_same_looks_say_the_same(void **state) {
    (void)state;
    static timeline_block first[4000];
    steno_speakers_options o = revise(8);
    for (int round = 0; round < 2; round++) {
        begin(&o, SEED + 110, 4);
        people.scatter = 1.2f;
        talk(0, 4, 150);
        assert_true(line.end < 4000);
        for (int64_t b = 0; b < line.end; b++) {
            timeline_block now = timeline_at(&line, b);
            if (round == 0) first[b] = now;
            assert_memory_equal(&first[b], &now, sizeof now);
        }
        begin(&o, SEED + 111, 9); /* somebody else on the same shard, and what he leaves */
        talk(0, 9, 100);
        memset(w.gamma[0], 0xff, TRACKER_FIT * sizeof w.gamma[0]); /* NaN */
        memset(w.score[0], 0xff, TRACKER_FIT * sizeof w.score[0]);
    }
}

static void looks_that_are_no_numbers_say_nothing(void **state) {
    (void)state;
    const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e5f};
    steno_speakers_options o = revise(8);
    begin(&o, SEED + 120, 3);
    for (int k = 0; k < 3; k++) speak(k, 20, 2);
    for (int i = 0; i < 30; i++) {
        speakers_look l = made_look(&people, i % 3, line.end + 1);
        timeline_append(&line, line.end, 1.0f);
        truth[line.end - 1] = NOBODY;
        if (i % 6 < 5)
            l.e[i % SPEAKERS_DIM] = odd[i % 6];
        else
            l.speech_s = NAN;
        int n = past.n;
        step(&l);
        assert_int_equal(past.n, n);
        assert_int_equal(at(line.end - 1), SPEAKERS_UNKNOWN);
        talk(0, 3, 2);
    }
    assert_apart(0, 3, 0, 0.8);
    /* All zeros, and silence, are numbers. */
    speakers_look zero = {.first = line.end, .end = line.end + 6};
    for (int b = 0; b < 6; b++) {
        truth[line.end] = NOBODY;
        timeline_append(&line, line.end, 1.0f);
    }
    step(&zero);
    talk(0, 3, 20);
    assert_apart(0, 3, 0, 0.8);
}

static int setup(void **state) {
    (void)state;
    return vb_open(&w, TRACKER_FIT) == STENO_OK && timeline_init(&line) == STENO_OK && tracker_open(&track) == STENO_OK
               ? 0
               : -1;
}

static int teardown(void **state) {
    (void)state;
    tracker_free(track);
    timeline_free(&line);
    vb_free(&w);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_label_comes_at_once),
        cmocka_unit_test(people_get_numbers_of_their_own),
        cmocka_unit_test(who_returns_keeps_his_number),
        cmocka_unit_test(what_was_never_there_goes_everywhere),
        cmocka_unit_test(what_is_said_to_be_one_stays_one),
        cmocka_unit_test(who_is_away_teaches_nobody),
        cmocka_unit_test(no_more_people_than_allowed),
        cmocka_unit_test(numbers_do_not_run_out),
        cmocka_unit_test(only_voices_have_names),
        cmocka_unit_test(strangers_do_not_wear_voices_out),
        cmocka_unit_test(voices_keep_their_numbers_among_others),
        cmocka_unit_test(four_hours),
        cmocka_unit_test(the_same_looks_say_the_same),
        cmocka_unit_test(looks_that_are_no_numbers_say_nothing),
    };
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, setup, teardown);
}
