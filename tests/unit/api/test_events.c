/* test_events.c: the JSON of events: members, rounding, characters, texts that are not UTF-8. */
#include "api/events.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void expect(event_text t, const char *json) {
    assert_non_null(t.json);
    assert_string_equal(t.json, json);
    assert_ptr_equal(t.body, t.json + 1);
    assert_int_equal(t.n, strlen(json) - 1);
    events_free(&t);
    assert_null(t.json);
}

static const steno_word words[] = {{0.1234, 0.5, 0.987654f, 0, 5, 0}, {0.5, 0.75, 0.25f, 6, 3, 0}};

static released_event segment(steno_event_kind kind, const char *text, uint32_t n_words) {
    return (released_event){.kind = kind,
                            .heard_s = 1.0000001,
                            .segment = {.id = 3,
                                        .rev = 2,
                                        .stable_bytes = 5,
                                        .end = STENO_END_MAX,
                                        .start_s = 0.1,
                                        .end_s = 0.75,
                                        .confidence = 0.5f,
                                        .text = text,
                                        .words = words,
                                        .n_words = n_words}};
}

static void partials_and_finals(void **state) {
    released_event e = segment(STENO_EVENT_PARTIAL, "h\xc3\xa9l\xc3\xa9 you", 0);
    (void)state;
    expect(events_words(&e, &(event_members){0}),
           "{\"type\":\"partial\",\"message_id\":3,\"rev\":2,\"start\":0.1,\"end\":0.75,"
           "\"audio_end\":1.0,\"text\":\"h\xc3\xa9l\xc3\xa9 you\",\"stable_chars\":4,"
           "\"confidence\":0.5}");
    e = segment(STENO_EVENT_SEGMENT, "Hello you", 2);
    expect(events_words(&e, &(event_members){.words = true}),
           "{\"type\":\"final\",\"message_id\":3,\"rev\":2,\"start\":0.1,\"end\":0.75,\"audio_end\":1.0,"
           "\"text\":\"Hello you\",\"stable_chars\":9,\"confidence\":0.5,\"reason\":\"max_utterance\",\"words\":["
           "{\"word\":\"Hello\",\"start\":0.123,\"end\":0.5,\"confidence\":0.988},"
           "{\"word\":\"you\",\"start\":0.5,\"end\":0.75,\"confidence\":0.25}]}");
    e = segment(STENO_EVENT_SEGMENT, "", 0);
    e.segment.end = STENO_END_STREAM;
    e.segment.stable_bytes = 0;
    expect(events_words(&e, &(event_members){.words = true}),
           "{\"type\":\"final\",\"message_id\":3,\"rev\":2,\"start\":0.1,\"end\":0.75,\"audio_end\":1.0,\"text\":\"\","
           "\"stable_chars\":0,\"confidence\":0.5,\"reason\":\"close\",\"words\":[]}");
}

static void the_others(void **state) {
    session_totals t = {
        .audio_samples = 12000, .audio_s = 0.75, .partials = 2, .finals = 1, .words = 7, .partial_ms = 500};
    released_event e = {
        .kind = STENO_EVENT_OVERLOAD, .overloaded = true, .partial_ms = 1000, .segment = {.id = 1, .start_s = 0.5}};
    (void)state;
    expect(events_speech(&e), "{\"type\":\"speech_started\",\"message_id\":1,\"start\":0.5}");
    expect(events_overload(&e), "{\"type\":\"overload\",\"overloaded\":true,\"partial_ms\":1000}");
    expect(events_stats(&t, "finalized"),
           "{\"type\":\"stats\",\"audio_samples\":12000,\"audio_s\":0.75,\"speech_s\":0.0,"
           "\"partials\":2,\"finals\":1,\"partial_ms\":500,\"finalized\":true}");
    expect(events_closed(&t, "close"),
           "{\"type\":\"closed\",\"reason\":\"close\",\"audio_samples\":12000,\"audio_s\":0.75,"
           "\"speech_s\":0.0,\"partials\":2,\"finals\":1,\"words\":7}");
    expect(events_error("bad", "a \"quote\"", true),
           "{\"type\":\"error\",\"code\":\"bad\",\"message\":\"a \\\"quote\\\"\",\"fatal\":true}");
}

static void bytes_that_are_no_text(void **state) {
    (void)state;
    expect(events_error("bad", "cut \xc3", false),
           "{\"type\":\"error\",\"code\":\"bad\",\"message\":\"cut ?\",\"fatal\":false}");
    assert_int_equal(events_count_chars("a\xe2\x82\xac", 4), 2);
    assert_int_equal(events_count_chars("", 0), 0);
}

/* The second word is another's; the first two people are enrolled. */
static void speakers(void **state) {
    static const steno_word spoken[] = {
        {0.1, 0.5, 0.5f, 0, 5, 1}, {0.5, 0.7, 0.5f, 6, 3, 2}, {0.7, 0.75, 0.5f, 10, 1, -1}};
    event_speakers who = {.names = {.n_voices = 2, .voices = {"judge", "clerk"}}};
    released_event e = segment(STENO_EVENT_PARTIAL, "Hello you a", 3);
    (void)state;
    e.segment.words = spoken;
    e.segment.speaker = 1;
    e.segment.speaker_margin = 0.25f;
    expect(events_words(&e, &(event_members){.words = true, .speakers = &who}),
           "{\"type\":\"partial\",\"message_id\":3,\"rev\":2,\"start\":0.1,\"end\":0.75,\"audio_end\":1.0,"
           "\"text\":\"Hello you a\",\"stable_chars\":5,\"confidence\":0.5,\"words\":["
           "{\"word\":\"Hello\",\"start\":0.1,\"end\":0.5,\"confidence\":0.5,\"speaker\":\"clerk\"},"
           "{\"word\":\"you\",\"start\":0.5,\"end\":0.7,\"confidence\":0.5,\"speaker\":\"S1\"},"
           "{\"word\":\"a\",\"start\":0.7,\"end\":0.75,\"confidence\":0.5,\"speaker\":null}],"
           "\"speaker\":\"clerk\",\"speaker_name\":\"clerk\",\"speaker_margin\":0.25,\"speaker_fixed\":false}");
    assert_true(events_name_speaker(&who, "S1", "Ann"));
    assert_true(events_name_speaker(&who, "clerk", "Mr Clerk"));
    assert_false(events_name_speaker(&who, "S15", "nobody"));
    assert_false(events_name_speaker(&who, "s1", "nobody"));
    e.segment.speaker_fixed = true;
    e.segment.text = "";
    expect(events_revision(&e, &who),
           "{\"type\":\"revision\",\"message_id\":3,\"rev\":2,\"spans\":["
           "{\"first_word\":0,\"words\":1,\"speaker\":\"clerk\",\"speaker_name\":\"Mr Clerk\"},"
           "{\"first_word\":1,\"words\":1,\"speaker\":\"S1\",\"speaker_name\":\"Ann\"},"
           "{\"first_word\":2,\"words\":1,\"speaker\":null,\"speaker_name\":null}],"
           "\"speaker\":\"clerk\",\"speaker_name\":\"Mr Clerk\",\"speaker_margin\":0.25,\"speaker_fixed\":true}");
    assert_true(events_name_speaker(&who, "S1", ""));
    e.segment.words = NULL;
    e.segment.n_words = 0;
    e.segment.speaker = STENO_SPEAKER_OTHER;
    expect(events_revision(&e, &who), "{\"type\":\"revision\",\"message_id\":3,\"rev\":2,\"spans\":[],"
                                      "\"speaker\":\"other\",\"speaker_name\":null,\"speaker_margin\":0.25,"
                                      "\"speaker_fixed\":true}");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(partials_and_finals), cmocka_unit_test(the_others),
                                       cmocka_unit_test(bytes_that_are_no_text), cmocka_unit_test(speakers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
