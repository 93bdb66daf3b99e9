/* test_released.c: copies of what was released, and labels that come later. */
#include "privacy/released.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const steno_word two[] = {{.start_s = 1, .end_s = 2, .text_bytes = 2, .speaker = -1},
                                 {.start_s = 2, .end_s = 3, .text_offset = 3, .text_bytes = 7, .speaker = -1}};
static const released_entity one = {
    .type = ENTITY_PHONE, .name = "phone", .text_offset = 3, .text_bytes = 7, .first_word = 1, .n_words = 1};
static const released_segment said = {.id = 4,
                                      .rev = 2,
                                      .text = "at [PHONE]",
                                      .words = two,
                                      .n_words = 2,
                                      .speaker = -1,
                                      .entities = &one,
                                      .n_entities = 1};

static void a_copy_outlives_what_it_was_made_of(void **state) {
    (void)state;
    released_segment from = said, copy;
    char *text = strdup(said.text);
    size_t bytes;
    char name[] = "house";
    released_entity named = one;
    named.name = name;
    from.entities = &named;
    from.text = text;
    assert_int_equal(released_copy(&copy, &from, &bytes), STENO_OK);
    memset(name, 'x', sizeof name - 1);
    memset(text, 'x', strlen(text));
    free(text);
    assert_string_equal(copy.text, "at [PHONE]");
    assert_int_equal(copy.id, 4);
    assert_int_equal(copy.n_words, 2);
    assert_memory_equal(copy.words, two, sizeof two);
    assert_int_equal(copy.n_entities, 1);
    assert_int_equal(copy.entities[0].text_bytes, one.text_bytes);
    assert_string_equal(copy.entities[0].name, "house"); /* its rules may be gone by now */
    assert_int_equal(bytes, sizeof two + sizeof one + sizeof "at [PHONE]" + sizeof "house");
    released_free(&copy);
    assert_null(copy.text);
}

static void copies_of_less(void **state) {
    (void)state;
    released_segment from = said, copy;
    from.n_words = 0;
    assert_int_equal(released_copy(&copy, &from, NULL), STENO_OK);
    assert_int_equal(copy.entities[0].text_offset, 3);
    released_free(&copy);
    from.n_entities = 0;
    assert_int_equal(released_copy(&copy, &from, NULL), STENO_OK);
    assert_string_equal(copy.text, "at [PHONE]");
    released_free(&copy);
}

static void without_memory_there_is_no_copy(void **state) {
    (void)state;
    released_segment copy = {.id = 77};
    mem_fault_arm(1);
    assert_int_equal(released_copy(&copy, &said, NULL), STENO_E_NOMEM);
    mem_fault_arm(0);
    assert_int_equal(copy.id, 77);
}

static void labels_come_into_the_copy(void **state) {
    (void)state;
    static const steno_word labels[] = {{.speaker = 3}, {.speaker = 1}, {.speaker = 9}};
    released_segment copy,
        later = {.words = labels, .n_words = 3, .speaker = 1, .speaker_margin = .5f, .speaker_fixed = true};
    assert_int_equal(released_copy(&copy, &said, NULL), STENO_OK);
    released_label(&copy, &later); /* more labels than words: those that are there */
    assert_int_equal(copy.words[0].speaker, 3);
    assert_int_equal(copy.words[1].speaker, 1);
    assert_int_equal(copy.speaker, 1);
    assert_true(copy.speaker_fixed);
    assert_true(copy.words[1].end_s > 2.9);
    assert_string_equal(copy.text, "at [PHONE]");
    later.n_words = 1;
    later.words = labels + 2;
    released_label(&copy, &later);
    assert_int_equal(copy.words[0].speaker, 9);
    assert_int_equal(copy.words[1].speaker, 1);
    released_free(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_what_it_was_made_of),
        cmocka_unit_test(copies_of_less),
        cmocka_unit_test(without_memory_there_is_no_copy),
        cmocka_unit_test(labels_come_into_the_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
