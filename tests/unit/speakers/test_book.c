/* test_book.c: timelines, turns, and the book: what labels may do under each contract, on random sessions.
 *
 * Settings  STENO_BOOK_SEED.
 */
#include "base/mem.h"
#include "speakers/book.h"
#include "speakers/turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE SPEAKERS_SILENCE
#define UNKNOWN SPEAKERS_UNKNOWN

static uint64_t seed;

static uint64_t next_random(uint64_t *x) {
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return *x >> 33;
}

static int below(uint64_t *x, int n) {
    return (int)(next_random(x) % (uint64_t)n);
}

/* ---- timeline ----------------------------------------------------------------------------------------------------- */

static timeline line_of(const char *blocks) {
    timeline t;
    assert_int_equal(timeline_init(&t), STENO_OK);
    for (int64_t i = 0; blocks[i]; i++) {
        timeline_append(&t, i, blocks[i] == '.' ? 0.0f : 1.0f);
        if (blocks[i] >= '0' && blocks[i] <= '9') timeline_set(&t, i, blocks[i] - '0', 0.8f);
    }
    return t;
}

static void a_timeline_says_who(void **state) {
    float margin;
    (void)state;
    timeline t = line_of("..00?1111.");
    assert_int_equal(t.end, 10);
    assert_int_equal(timeline_at(&t, 0).speaker, SILENCE);
    assert_int_equal(timeline_at(&t, 4).speaker, UNKNOWN);
    assert_int_equal(timeline_at(&t, 10).speaker, SILENCE);
    assert_int_equal(timeline_at(&t, -1).speaker, SILENCE);
    assert_int_equal(timeline_who(&t, 0.5, 1.0, &margin), 0);
    assert_true(margin > 0.79f && margin < 0.81f);
    assert_int_equal(timeline_who(&t, 0.0, 0.5, &margin), UNKNOWN);
    assert_true(margin == 0.0f);
    assert_int_equal(timeline_who(&t, 1.0, 1.25, NULL), UNKNOWN);
    assert_int_equal(timeline_who(&t, 0.9, 1.5, NULL), UNKNOWN); /* most of it is not known */
    assert_int_equal(timeline_who(&t, 1.1, 1.6, NULL), 1);
    assert_int_equal(timeline_who(&t, 2.2, 99.0, NULL), 1);
    assert_int_equal(timeline_who(&t, 99.0, 100.0, NULL), UNKNOWN);
    timeline_set(&t, 2, SPEAKERS_OTHER, 1.0f);
    assert_int_equal(timeline_who(&t, 0.5, 0.75, NULL), SPEAKERS_OTHER);
    timeline_free(&t);
}

static void a_timeline_knows_what_changed(void **state) {
    (void)state;
    timeline t = line_of("0000????");
    timeline_unchanged(&t);
    timeline_set(&t, 1, 0, 0.8f); /* as it was */
    assert_int_equal(t.changed_first, t.changed_end);
    timeline_set(&t, 1, 0, 0.2f); /* less sure: nobody waits for that */
    assert_int_equal(t.changed_first, t.changed_end);
    timeline_set(&t, 6, 1, 0.2f);
    timeline_set(&t, 3, 2, 0.2f);
    assert_int_equal(t.changed_first, 3);
    assert_int_equal(t.changed_end, 7);
    timeline_unchanged(&t);
    timeline_rename(&t, 2, 0);
    assert_int_equal(t.changed_first, 3);
    assert_int_equal(t.changed_end, 4);
    assert_int_equal(timeline_at(&t, 3).speaker, 0);
    timeline_set(&t, 8, 0, 1.0f); /* not there */
    assert_int_equal(timeline_at(&t, 8).speaker, SILENCE);
    timeline_free(&t);
}

static void a_timeline_forgets_what_is_old(void **state) {
    (void)state;
    timeline t = line_of("0");
    timeline_append(&t, TIMELINE_BLOCKS + 5, 1.0f);
    assert_int_equal(t.end, TIMELINE_BLOCKS + 6);
    assert_int_equal(timeline_at(&t, 0).speaker, UNKNOWN);
    timeline_set(&t, 0, 1, 1.0f);
    assert_int_equal(timeline_at(&t, 0).speaker, UNKNOWN);
    assert_int_equal(timeline_at(&t, 6).speaker, SILENCE);
    timeline_set(&t, TIMELINE_BLOCKS + 5, 3, 1.0f);
    assert_int_equal(timeline_at(&t, TIMELINE_BLOCKS + 5).speaker, 3);
    timeline_append(&t, (int64_t)9 * TIMELINE_BLOCKS, 1.0f); /* at once, however long the silence was */
    assert_int_equal(timeline_at(&t, TIMELINE_BLOCKS + 5).speaker, UNKNOWN);
    timeline_free(&t);
}

/* ---- turns -------------------------------------------------------------------------------------------------------- */

static void turns_are_stretches(void **state) {
    steno_turn turn[40];
    int64_t from = 0;
    (void)state;
    timeline t = line_of("..0011.?0.");
    assert_int_equal(turns_of(&t, &from, t.end, turn, 40), 4);
    assert_int_equal(from, 10);
    const steno_turn want[] = {{0.5, 1.0, 0}, {1.0, 1.5, 1}, {1.75, 2.0, UNKNOWN}, {2.0, 2.25, 0}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(turn[i].speaker, want[i].speaker);
        assert_true(turn[i].start_s == want[i].start_s && turn[i].end_s == want[i].end_s);
    }
    from = 0;
    assert_int_equal(turns_of(&t, &from, t.end, turn, 3), 2); /* no room for more: the rest comes in another call */
    assert_true(from > 2 && from < 10);
    timeline_free(&t);
}

static void turns_begin_where_speech_does(void **state) {
    steno_turn turn[4];
    int64_t from = 0;
    timeline t;
    (void)state;
    assert_int_equal(timeline_init(&t), STENO_OK);
    timeline_append(&t, 1, 0.4f);
    timeline_append(&t, 2, 1.0f);
    timeline_append(&t, 3, 0.2f);
    timeline_append(&t, 4, 0.0f);
    for (int64_t i = 1; i < 4; i++) timeline_set(&t, i, 0, 1.0f);
    assert_int_equal(turns_of(&t, &from, t.end, turn, 4), 1);
    assert_true(turn[0].start_s > 0.39 && turn[0].start_s < 0.41); /* 60 % of the block is silent */
    assert_true(turn[0].end_s > 0.79 && turn[0].end_s < 0.81);
    timeline_free(&t);
}

/* ---- the book ----------------------------------------------------------------------------------------------------- */

static book *book_with(steno_speakers_contract contract, int hold_ms, bool at_end) {
    book *b;
    assert_int_equal(book_open(&b), STENO_OK);
    book_reset(b, (book_contract){contract, hold_ms, at_end});
    return b;
}

/* n words of `word_s` from start_s on, touching each other. */
static void some_words(steno_word *words, uint32_t n, double start_s, double word_s) {
    for (uint32_t i = 0; i < n; i++)
        words[i] = (steno_word){.start_s = start_s + i * word_s, .end_s = start_s + (i + 1) * word_s};
}

static void assert_labels(const steno_word *words, const char *want) {
    char got[BOOK_MESSAGE_WORDS + 1] = {0};
    for (size_t i = 0; want[i]; i++)
        got[i] = words[i].speaker == UNKNOWN          ? '?'
                 : words[i].speaker == SPEAKERS_OTHER ? 'x'
                                                      : (char)('0' + words[i].speaker);
    assert_string_equal(got, want);
}

static bool say_next(book *b, timeline *t, book_label *out, steno_word *words) {
    int work = 1 << 20;
    book_touch(b, t->changed_first, t->changed_end);
    timeline_unchanged(t);
    book_found found = book_find(b, t, &work);
    assert_int_not_equal(found, BOOK_TIRED);
    if (found == BOOK_NOTHING) return false;
    book_say(b, out, words);
    return true;
}

static void labels_follow_the_timeline(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("????????????");
    book *b = book_with(STENO_SPEAKERS_REVISE, 0, false);
    some_words(words, 6, 0.0, 0.5);
    book_add(b, &t, NULL, 7, 3, words, 6, &l);
    assert_labels(words, "??????");
    assert_int_equal(l.speaker, UNKNOWN);
    assert_false(say_next(b, &t, &l, words));
    for (int64_t i = 0; i < 8; i++) timeline_set(&t, i, 0, 0.5f);
    assert_true(say_next(b, &t, &l, words));
    assert_labels(words, "0000??");
    assert_int_equal(l.id, 7);
    assert_int_equal(l.rev, 4);
    assert_int_equal(l.speaker, 0);
    assert_false(l.fixed);
    for (int64_t i = 8; i < 12; i++) timeline_set(&t, i, 1, 0.5f);
    assert_true(say_next(b, &t, &l, words));
    assert_int_equal(l.rev, 5);
    assert_labels(words, "000011");
    assert_false(say_next(b, &t, &l, words));
    timeline_rename(&t, 1, 0);
    assert_true(say_next(b, &t, &l, words));
    assert_labels(words, "000000");
    book_finish(b);
    assert_false(say_next(b, &t, &l, words)); /* nothing has changed */
    timeline_free(&t);
    book_free(b);
}

/* A word at the edge of a speaker's stretch that a block moves is no reason to say anything. */
static void small_flickers_are_not_said(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("00000011111111111111");
    book *b = book_with(STENO_SPEAKERS_REVISE, 0, false);
    some_words(words, 25, 0.0, 0.2);
    book_add(b, &t, NULL, 0, 1, words, 25, &l);
    assert_labels(words, "0000000111111111111111111");
    timeline_set(&t, 6, 0, 0.9f);
    assert_false(say_next(b, &t, &l, words)); /* a word has moved */
    timeline_set(&t, 7, 0, 0.9f);
    assert_true(say_next(b, &t, &l, words)); /* now there are more */
    assert_labels(words, "0000000000111111111111111");
    timeline_set(&t, 3, 1, 0.9f);
    assert_false(say_next(b, &t, &l, words)); /* one block within another's is nobody */
    timeline_set(&t, 8, 0, 0.9f);
    assert_false(say_next(b, &t, &l, words));
    book_finish(b);
    assert_true(say_next(b, &t, &l, words)); /* in the end it is said as it is */
    assert_false(say_next(b, &t, &l, words));
    timeline_free(&t);
    book_free(b);
}

static void delayed_labels_wait_until_they_are_sure(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("????");
    book *b = book_with(STENO_SPEAKERS_DELAYED, 1000, false);
    some_words(words, 2, 0.0, 0.5);
    book_add(b, &t, NULL, 0, 1, words, 2, &l);
    timeline_set(&t, 0, 0, 0.3f);
    timeline_set(&t, 1, 0, 0.3f);
    assert_false(say_next(b, &t, &l, words)); /* not sure */
    timeline_set(&t, 0, 0, 0.9f);
    timeline_set(&t, 1, 0, 0.9f);
    assert_true(say_next(b, &t, &l, words));
    assert_labels(words, "0?");
    assert_false(l.fixed);
    assert_int_equal(l.speaker, UNKNOWN);
    for (int64_t i = 0; i < 4; i++) timeline_set(&t, i, 1, 0.4f);
    for (int64_t i = 4; i < 7; i++) timeline_append(&t, i, 1.0f);
    assert_false(say_next(b, &t, &l, words)); /* "0" stays, "1" is not sure */
    timeline_append(&t, 7, 1.0f);             /* a second since */
    assert_true(say_next(b, &t, &l, words));
    assert_labels(words, "01");
    assert_true(l.fixed);
    timeline_rename(&t, 1, 0);
    assert_false(say_next(b, &t, &l, words));
    timeline_free(&t);
    book_free(b);
}

static void delayed_by_nothing_is_fixed_at_once(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("??00??");
    book *b = book_with(STENO_SPEAKERS_DELAYED, 0, false);
    some_words(words, 6, 0.0, 0.35);
    book_add(b, &t, NULL, 0, 1, words, 6, &l);
    assert_labels(words, "000000"); /* the best guess */
    assert_true(l.fixed);
    timeline_free(&t);
    book_free(b);
}

static void enrolled_labels_are_fixed_at_first_sight(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("00????");
    book *b = book_with(STENO_SPEAKERS_ENROLLED, 0, false);
    some_words(words, 3, 0.0, 0.5);
    book_add(b, &t, NULL, 0, 1, words, 3, &l);
    assert_labels(words, "0??");
    assert_int_equal(l.speaker, UNKNOWN);
    timeline_set(&t, 0, 1, 1.0f);
    timeline_set(&t, 1, 1, 1.0f);
    timeline_set(&t, 2, SPEAKERS_OTHER, 0.0f);
    timeline_set(&t, 3, SPEAKERS_OTHER, 0.0f);
    assert_true(say_next(b, &t, &l, words));
    assert_labels(words, "0x?");
    for (int64_t i = 6; i < 6 + BOOK_GIVE_UP_MS / SPEAKERS_BLOCK_MS; i++) timeline_append(&t, i, 0.0f);
    assert_true(say_next(b, &t, &l, words)); /* nobody will know any more */
    assert_labels(words, "0x?");
    assert_true(l.fixed);
    timeline_set(&t, 4, 1, 1.0f);
    timeline_set(&t, 5, 1, 1.0f);
    assert_false(say_next(b, &t, &l, words));
    timeline_free(&t);
    book_free(b);
}

static void a_recordings_labels_come_at_its_end(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    timeline t = line_of("00001111");
    book *b = book_with(STENO_SPEAKERS_REVISE, 0, true);
    for (uint32_t i = 0; i < 2; i++) {
        some_words(words, 2, i, 0.5);
        book_add(b, &t, NULL, i, 0, words, 2, &l);
        assert_labels(words, "??");
        assert_false(l.fixed);
    }
    assert_false(say_next(b, &t, &l, words));
    book_finish(b);
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(say_next(b, &t, &l, words));
        assert_int_equal(l.id, i);
        assert_int_equal(l.rev, 1);
        assert_int_equal(l.speaker, i);
        assert_true(l.fixed);
    }
    assert_false(say_next(b, &t, &l, words));
    timeline_free(&t);
    book_free(b);
}

static void partials_are_not_entered(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_shown shown = {0};
    book_label l;
    (void)state;
    timeline t = line_of("00001111");
    book *b = book_with(STENO_SPEAKERS_REVISE, 0, false);
    some_words(words, 4, 0.0, 0.5);
    book_partial(b, &t, &shown, 0, words, 4, 0, &l);
    assert_labels(words, "0011");
    book_finish(b);
    assert_false(say_next(b, &t, &l, words));
    timeline_free(&t);
    book_free(b);
}

/* What was said of a word of an open text is said of that word of the message, whatever is known then. */
static void promises_of_an_open_text_are_kept(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    (void)state;
    for (int contract = STENO_SPEAKERS_DELAYED; contract <= STENO_SPEAKERS_ENROLLED; contract++) {
        timeline t = line_of("00001111");
        book *b = book_with((steno_speakers_contract)contract, 0, false);
        book_shown shown = {0};
        some_words(words, 4, 0.0, 0.5);
        book_partial(b, &t, &shown, 0, words, 4, 3, &l);
        assert_labels(words, "001?"); /* the last one may still be taken back */
        assert_int_equal(l.speaker, UNKNOWN);
        assert_false(l.fixed);
        for (int64_t i = 0; i < 8; i++) timeline_set(&t, i, 3, 1.0f);
        some_words(words, 6, 0.0, 0.3);
        book_partial(b, &t, &shown, 0, words, 6, 6, &l);
        assert_labels(words, "001333");
        some_words(words, 5, 0.0, 0.4);
        book_add(b, &t, &shown, 0, 9, words, 5, &l);
        assert_labels(words, "00133");
        some_words(words, 2, 1.0, 0.4);
        book_partial(b, &t, &shown, 1, words, 2, 2, &l); /* another message */
        assert_labels(words, "33");
        timeline_free(&t);
        book_free(b);
    }
}

static void work_is_bounded(void **state) {
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    int work = 50, found = 0, calls = 0;
    (void)state;
    timeline t = line_of("?");
    book *b = book_with(STENO_SPEAKERS_REVISE, 0, false);
    timeline_append(&t, 4000, 1.0f);
    for (uint32_t i = 0; i < 100; i++) {
        some_words(words, 10, i * 10.0, 0.5);
        book_add(b, &t, NULL, i, 1, words, 10, &l);
    }
    for (int64_t i = 0; i < 4000; i++) timeline_set(&t, i, 1, 1.0f);
    book_touch(b, t.changed_first, t.changed_end);
    for (;; work = 50, calls++) {
        book_found f = book_find(b, &t, &work);
        assert_true(work > -12);
        if (f == BOOK_NOTHING) break;
        if (f == BOOK_TIRED) continue;
        book_say(b, &l, words);
        assert_int_equal(l.id, found++);
    }
    assert_int_equal(found, 100);
    timeline_free(&t);
    book_free(b);
}

/* ---- long random sessions ----------------------------------------------------------------------------------------- */

#define MEMORY 8192 /* messages remembered by the test */

typedef struct memory {
    uint32_t rev, n;
    int8_t label[16];
    int speaker;
    bool fixed;
} memory;

static memory *said;

/* Holds what is said now against what was said before. */
static void remember(const book_label *l, const steno_word *words, bool promised) {
    memory *m = &said[l->id % MEMORY];
    bool anew = m->rev == 0;
    assert_true(l->rev > m->rev);
    for (uint32_t i = 0; i < l->n_words; i++) {
        int before = anew ? UNKNOWN : m->label[i];
        if (promised && before != UNKNOWN && before != words[i].speaker)
            fail_msg("seed %llu: message %u, word %u: %d becomes %d", (unsigned long long)seed, l->id, i, before,
                     words[i].speaker);
        if (m->fixed) assert_int_equal(before, words[i].speaker);
        m->label[i] = (int8_t)words[i].speaker;
    }
    if (promised && !anew && m->speaker != UNKNOWN) assert_int_equal(m->speaker, l->speaker);
    if (promised) assert_true(l->fixed || l->speaker == UNKNOWN);
    m->fixed = l->fixed;
    m->speaker = l->speaker;
    m->rev = l->rev;
    m->n = l->n_words;
}

/* A tracker that often changes its mind about the last 30 s, and now and then about everybody. */
static void change_minds(timeline *t, uint64_t *x) {
    int64_t reach = 1 + below(x, below(x, 10) ? 6 : 120), who = below(x, 5);
    for (int64_t i = t->end - reach; i < t->end; i++) {
        if (timeline_at(t, i).speaker == SILENCE || below(x, 4) == 0) continue;
        timeline_set(t, i, below(x, 20) ? (int)who : SPEAKERS_OTHER, (float)below(x, 100) / 100.0f);
    }
    if (below(x, 300) == 0) timeline_rename(t, below(x, 5), below(x, 5));
}

static void session(steno_speakers_contract contract, int hold_ms, double length_s) {
    uint64_t x = seed + (uint64_t)contract * 1000 + (uint64_t)hold_ms;
    timeline t = line_of("");
    book *b = book_with(contract, hold_ms, false);
    steno_word words[BOOK_MESSAGE_WORDS];
    book_label l;
    uint32_t id = 0, revisions = 0;
    double spoken_s = 0.0;
    bool promised = contract != STENO_SPEAKERS_REVISE;
    uint64_t before = mem_alloc_count();
    memset(said, 0, MEMORY * sizeof *said);
    for (int64_t block = 0; (double)block * 0.25 < length_s; block++) {
        timeline_append(&t, block, below(&x, 5) ? 1.0f : 0.0f);
        change_minds(&t, &x);
        if ((double)block * 0.25 > spoken_s + below(&x, 40) * 0.25) { /* a final, of what was said since the last */
            uint32_t n = 1 + (uint32_t)below(&x, 16);
            double word_s = ((double)block * 0.25 - spoken_s) / n;
            some_words(words, n, spoken_s, word_s < 0.6 ? word_s : 0.6);
            said[id % MEMORY].rev = 0;
            said[id % MEMORY].fixed = false;
            book_add(b, &t, NULL, id++, 1, words, n, &l);
            l.n_words = n;
            remember(&l, words, promised);
            spoken_s = (double)block * 0.25;
        }
        while (say_next(b, &t, &l, words)) {
            remember(&l, words, promised);
            revisions++;
        }
    }
    book_finish(b);
    while (say_next(b, &t, &l, words)) remember(&l, words, promised);
    for (uint32_t i = id > MEMORY ? id - MEMORY : 0; i < id && promised; i++) assert_true(said[i % MEMORY].fixed);
    assert_int_equal(mem_alloc_count(), before);
    print_message("contract %d, hold %d ms: %u messages, %u revisions\n", (int)contract, hold_ms, id, revisions);
    assert_true(id > 100 && (revisions > 20 || hold_ms == 0));
    book_free(b);
    timeline_free(&t);
}

static void promises_are_kept(void **state) {
    (void)state;
    session(STENO_SPEAKERS_DELAYED, 2500, 4000.0);
    session(STENO_SPEAKERS_DELAYED, 400, 4000.0);
    session(STENO_SPEAKERS_DELAYED, 0, 4000.0);
    session(STENO_SPEAKERS_ENROLLED, 2500, 4000.0);
}

static void a_day_long_session_costs_what_a_short_one_does(void **state) {
    (void)state;
    session(STENO_SPEAKERS_REVISE, 1, 4 * 3600.0);
    session(STENO_SPEAKERS_DELAYED, 2500, 24 * 3600.0); /* more than a book or a timeline holds */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeline_says_who),
        cmocka_unit_test(a_timeline_knows_what_changed),
        cmocka_unit_test(a_timeline_forgets_what_is_old),
        cmocka_unit_test(turns_are_stretches),
        cmocka_unit_test(turns_begin_where_speech_does),
        cmocka_unit_test(labels_follow_the_timeline),
        cmocka_unit_test(small_flickers_are_not_said),
        cmocka_unit_test(delayed_labels_wait_until_they_are_sure),
        cmocka_unit_test(delayed_by_nothing_is_fixed_at_once),
        cmocka_unit_test(enrolled_labels_are_fixed_at_first_sight),
        cmocka_unit_test(a_recordings_labels_come_at_its_end),
        cmocka_unit_test(partials_are_not_entered),
        cmocka_unit_test(promises_of_an_open_text_are_kept),
        cmocka_unit_test(work_is_bounded),
        cmocka_unit_test(promises_are_kept),
        cmocka_unit_test(a_day_long_session_costs_what_a_short_one_does),
    };
    const char *given = getenv("STENO_BOOK_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20261126;
    print_message("seed %llu\n", (unsigned long long)seed);
    said = calloc(MEMORY, sizeof *said);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(said);
    return failed;
}
