/* test_gate_itn.c: numbers in digits beside personal data, with an itn_find() that knows two phrases. */
#include "gate_test.h"
#include "fake_find.h"

#include "privacy/itn.h"

/* "twenty" is 20, "twenty two" is 22, whatever stands round them; a text that ends in either is not settled there. */
uint32_t itn_find(const char *text, size_t n, bool whole, text_edit *out, uint32_t room, size_t *settled) {
    static const struct { const char *said, *written; } all[] = {{"twenty two", "22"}, {"twenty", "20"}};
    uint32_t got = 0;
    if (settled) *settled = n;
    for (size_t i = 0; i < n;) {
        size_t k = 0, said = 0;
        for (; k < 2; k++) {
            said = strlen(all[k].said);
            if (said <= n - i && memcmp(text + i, all[k].said, said) == 0) break;
        }
        if (k == 2) {
            i++;
            continue;
        }
        if (!whole && settled && n - i <= strlen("twenty tw")) *settled = i;
        if (got < room) {
            text_edit e = {.at = (uint32_t)i, .n = (uint32_t)said, .written_bytes = 2};
            memcpy(e.written, all[k].written, 3);
            out[got++] = e;
        }
        i += said;
    }
    return got;
}

static outcome out;
static draft d;
static gate *g;

static void open_mode(redact_mode mode) {
    gate_policy policy;
    privacy *p = NULL;
    policy_init(&policy);
    policy.mode = mode;
    policy.types = entity_all_set;
    policy.itn = true;
    assert_int_equal(privacy_open(NULL, &p), STENO_OK);
    assert_int_equal(gate_open(mode == REDACT_OFF ? NULL : p, &policy, keep, &out, &g), STENO_OK);
    privacy_close(p);
}

static int close_all(void **state) {
    (void)state;
    gate_free(g);
    outcome_clear(&out);
    return 0;
}

static const released_segment *say(steno_event_kind kind, const char *text, size_t stable) {
    static uint32_t rev;
    draft_of(&d, kind, 0, ++rev, text, 0, 6);
    d.e.segment.stable_bytes = (uint32_t)stable;
    gate_event(g, &d.e, 0);
    assert_true(out.n > 0);
    return &out.events[out.n - 1].segment;
}

static void words_of_a_number_are_one(void **state) {
    (void)state;
    open_mode(REDACT_OFF);
    const released_segment *s = say(STENO_EVENT_SEGMENT, "I have twenty two, or twenty.", 29);
    assert_string_equal(s->text, "I have 22, or 20.");
    assert_int_equal(s->n_words, 5);
    assert_string_equal(word_of(s, 2), "22,");
    assert_string_equal(word_of(s, 4), "20.");
    assert_true(s->words[2].start_s > 1.9 && s->words[2].end_s < 4.1);
    assert_int_equal(s->n_entities, 0);
    assert_int_equal(s->stable_bytes, strlen(s->text));
}

static void numbers_and_personal_data_stand_side_by_side(void **state) {
    (void)state;
    open_mode(REDACT_MASK);
    const released_segment *s = say(STENO_EVENT_SEGMENT, "twenty 138 1234 5678 twenty two Bob twenty .", 44);
    assert_string_equal(s->text, "20 [PHONE] 22 [PERSON] 20 .");
    assert_int_equal(s->n_words, 6);
    assert_int_equal(s->n_entities, 2);
    assert_int_equal(s->entities[0].text_offset, 3);
    assert_int_equal(s->entities[0].first_word, 1);
    assert_int_equal(s->entities[1].text_offset, 14);
    assert_int_equal(s->entities[1].first_word, 3);
}

static void tags_stay_as_they_were_said(void **state) {
    (void)state;
    open_mode(REDACT_TAG);
    const released_segment *s = say(STENO_EVENT_SEGMENT, "twenty two or 138 1234 5678 .", 29);
    assert_string_equal(s->text, "22 or 138 1234 5678 .");
    assert_int_equal(s->entities[0].text_offset, 6);
    assert_int_equal(s->entities[0].text_bytes, 13);
    assert_int_equal(s->entities[0].first_word, 2);
    assert_int_equal(s->entities[0].n_words, 3);
}

static void a_number_that_may_go_on_is_not_stable(void **state) {
    (void)state;
    open_mode(REDACT_OFF);
    const released_segment *s = say(STENO_EVENT_PARTIAL, "I have twenty two", 13);
    assert_string_equal(s->text, "I have 22");
    assert_int_equal(s->stable_bytes, strlen("I have "));
    s = say(STENO_EVENT_PARTIAL, "I have twenty two of", 17);
    assert_string_equal(s->text, "I have 22 of");
    assert_int_equal(s->stable_bytes, strlen("I have 22"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(words_of_a_number_are_one, close_all),
        cmocka_unit_test_teardown(numbers_and_personal_data_stand_side_by_side, close_all),
        cmocka_unit_test_teardown(tags_stay_as_they_were_said, close_all),
        cmocka_unit_test_teardown(a_number_that_may_go_on_is_not_stable, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
