/* test_document.c: transcripts kept in memory: copies, order, limits. */
#include "api/recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static released_segment segment(uint32_t id, double start_s, const char *text, const steno_word *words, uint32_t n) {
    return (released_segment){
        .id = id, .start_s = start_s, .end_s = start_s + 1, .text = text, .words = words, .n_words = n};
}

static void copies_outlive_their_originals(void **state) {
    (void)state;
    document d = {0};
    char text[] = "hello there";
    steno_word words[] = {{.start_s = 0.5, .text_bytes = 5}, {.start_s = 1, .text_offset = 6, .text_bytes = 5}};
    released_segment s = segment(0, 0.5, text, words, 2);
    assert_int_equal(document_add(&d, 1, &s), STENO_OK);
    memset(text, 'x', sizeof text - 1);
    memset(words, 0, sizeof words);
    assert_int_equal(d.n, 1);
    assert_int_equal(d.segments[0].channel, 1);
    assert_string_equal(d.segments[0].segment.text, "hello there");
    assert_true(d.segments[0].segment.words[0].start_s == 0.5);
    assert_int_equal(d.segments[0].segment.words[1].text_offset, 6);
    document_free(&d);
    assert_int_equal(d.n, 0);
}

/* Channels come as their streams are recognised; readers want one conversation. */
static void sorts_by_time_then_channel(void **state) {
    (void)state;
    static const struct {
        int channel;
        uint32_t id;
        double start_s;
    } came[] = {{1, 0, 2}, {0, 0, 0}, {1, 1, 4}, {0, 1, 2}, {0, 2, 2}};
    static const char *const want[] = {"0.0", "0.1", "0.2", "1.0", "1.1"};
    document d = {0};
    for (size_t i = 0; i < 5; i++) {
        released_segment s = segment(came[i].id, came[i].start_s, "", NULL, 0);
        assert_int_equal(document_add(&d, came[i].channel, &s), STENO_OK);
    }
    document_sort(&d);
    for (size_t i = 0; i < 5; i++) {
        char got[4] = {(char)('0' + d.segments[i].channel), '.', (char)('0' + d.segments[i].segment.id), 0};
        assert_string_equal(got, want[i]);
    }
    document_free(&d);
}

static void grows_and_stops_at_its_limit(void **state) {
    (void)state;
    document d = {0};
    size_t n = DOCUMENT_BYTES_MAX / 16;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n - 1);
    text[n - 1] = 0;
    released_segment s = segment(0, 0, text, NULL, 0);
    for (int i = 0; i < 16; i++) assert_int_equal(document_add(&d, 0, &s), STENO_OK);
    assert_int_equal(document_add(&d, 0, &s), STENO_E_LIMIT);
    s.text = "";
    for (uint32_t i = 0; i < 100; i++) {
        s.id = i;
        steno_err e = document_add(&d, 0, &s);
        assert_int_equal(e, STENO_E_LIMIT); /* full is full: even one byte more */
    }
    assert_int_equal(d.n, 16);
    document_free(&d);
    free(text);
}

/* Labels find their segment by channel and id, in whatever order they come. */
static void labels_find_their_segments(void **state) {
    (void)state;
    document d = {0};
    const steno_word two[] = {{.text_bytes = 1, .speaker = -1}, {.text_offset = 2, .text_bytes = 1, .speaker = -1}};
    for (uint32_t i = 0; i < 20; i++) {
        released_segment s = segment(i / 2, i, "a b", two, 2);
        s.speaker = STENO_SPEAKER_UNKNOWN;
        assert_int_equal(document_add(&d, (int)(i % 2), &s), STENO_OK);
    }
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t id = (i * 7) % 10;
        int channel = (int)((i / 10) % 2);
        const steno_word who[] = {{.speaker = (int)id}, {.speaker = channel}};
        released_segment labels = segment(id, 0, "", who, 2);
        labels.speaker = (int)id;
        labels.speaker_margin = 0.5f;
        document_label(&d, channel, &labels);
    }
    released_segment nobody = segment(99, 0, "", NULL, 0);
    document_label(&d, 0, &nobody);
    for (size_t i = 0; i < d.n; i++) {
        const released_segment *s = &d.segments[i].segment;
        assert_int_equal(s->speaker, s->id);
        assert_true(s->speaker_margin == 0.5f);
        assert_int_equal(s->words[0].speaker, s->id);
        assert_int_equal(s->words[1].speaker, d.segments[i].channel);
    }
    document_free(&d);
}

static void turns_are_kept(void **state) {
    (void)state;
    document d = {0};
    for (int i = 0; i < 100; i++) {
        const steno_turn some[] = {{i, i + 0.5, 0}, {i + 0.5, i + 1, 1}};
        assert_int_equal(document_add_turns(&d, i % 2, some, 2), STENO_OK);
    }
    assert_int_equal(document_add_turns(&d, 0, NULL, 0), STENO_OK);
    assert_int_equal(d.n_turns, 200);
    assert_true(d.turns[199].turn.start_s == 99.5 && d.turns[199].turn.speaker == 1 && d.turns[199].channel == 1);
    document_free(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies_outlive_their_originals),
                                       cmocka_unit_test(sorts_by_time_then_channel),
                                       cmocka_unit_test(grows_and_stops_at_its_limit),
                                       cmocka_unit_test(labels_find_their_segments), cmocka_unit_test(turns_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
