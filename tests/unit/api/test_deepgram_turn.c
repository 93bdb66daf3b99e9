/* test_deepgram_turn.c: engine events as Deepgram's live messages: spans without gaps, flags, plain and punctuated words. */
#include "api/deepgram_text.h"
#include "api/deepgram_turn.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void plain_is(const char *text, const char *want) {
    json_t *o = deepgram_plain(text, strlen(text));
    assert_string_equal(json_string_value(o), want);
    json_decref(o);
}

static void plain_texts(void **state) {
    (void)state;
    plain_is("Hello, World.", "hello world");
    plain_is("Don't -- \"stop\" (now)!", "don't stop now");
    plain_is("It's $5.50, or 5%, at 10:30.", "it's $5.50 or 5% at 10:30");
    plain_is("Twenty-one AT&T", "twenty-one at&t");
    plain_is("\xc3\x89t\xc3\xa9\xe2\x80\xa6 \xe2\x80\x9cNa\xc3\xafve\xe2\x80\x9d", "\xc3\xa9t\xc3\xa9 na\xc3\xafve");
    plain_is("  a\n\tb  ", "a b");
    plain_is("", "");
    plain_is("...", "");
    plain_is("Call [PHONE_1], \"[EMAIL]\".", "call [PHONE_1] [EMAIL]");
    plain_is("[Aside] [A", "aside a");
    plain_is("a\xff\xfe", "a"); /* what is no text is punctuation */
}

static void words_with_and_without_punctuation(void **state) {
    (void)state;
    json_t *w = deepgram_word("Gate,", 5, 0.12345, 0.5, 0.98765, true);
    char *text = json_dumps(w, JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(
        text, "{\"word\":\"gate\",\"start\":0.123,\"end\":0.5,\"confidence\":0.988,\"punctuated_word\":\"Gate,\"}");
    free(text);
    json_decref(w);
    w = deepgram_word("Gate,", 5, 0, 0.5, 1, false);
    assert_null(json_object_get(w, "punctuated_word"));
    json_decref(w);
    w = deepgram_word("--", 2, 0, 0.5, 1, true);
    assert_true(json_is_null(w));
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static deepgram_query query;
static const deepgram_about about = {.request_id = "id-1", .model = "tiny", .query = &query, .channels = 2};

static int setup(void **state) {
    static const char *const none[1];
    (void)state;
    return deepgram_query_parse(none, 0, DEEPGRAM_LIVE, "tiny", "en", &query) != STENO_OK;
}

static int teardown(void **state) {
    (void)state;
    deepgram_query_free(&query);
    return 0;
}

static const steno_word words[] = {{1.0, 1.5, 0.9f, 0, 6, 3}, {1.5, 2.0, 0.7f, 7, 6, STENO_SPEAKER_UNKNOWN}};

static released_event event(steno_event_kind kind, steno_end_reason end, double heard_s) {
    return (released_event){.kind = kind,
                            .heard_s = heard_s,
                            .segment = {.end = end,
                                        .start_s = 1.0,
                                        .end_s = 2.0,
                                        .confidence = 0.8f,
                                        .text = "Hello, there.",
                                        .words = words,
                                        .n_words = 2}};
}

/* Checks a Results message and frees it. */
static void results(json_t *o, const char *text, double start, double duration, bool is_final, bool speech_final,
                    bool from_finalize) {
    json_t *first = json_array_get(json_object_get(json_object_get(o, "channel"), "alternatives"), 0);
    assert_string_equal(json_string_value(json_object_get(o, "type")), "Results");
    assert_string_equal(json_string_value(json_object_get(first, "transcript")), text);
    assert_true(json_real_value(json_object_get(o, "start")) == start);
    assert_true(json_real_value(json_object_get(o, "duration")) == duration);
    assert_int_equal(json_is_true(json_object_get(o, "is_final")), is_final);
    assert_int_equal(json_is_true(json_object_get(o, "speech_final")), speech_final);
    assert_int_equal(json_is_true(json_object_get(o, "from_finalize")), from_finalize);
    json_decref(o);
}

static void a_message_in_full(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_ENDPOINT, 2.5);
    char uuid[DEEPGRAM_UUID_BYTES], want[1024];
    (void)state;
    deepgram_model_uuid("tiny", uuid);
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '8');
    query.punctuate = true;
    json_t *o = deepgram_turn_words(&t, &about, 1, &e);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    snprintf(
        want, sizeof want,
        "{\"type\":\"Results\",\"channel_index\":[1,2],\"duration\":2.5,\"start\":0.0,\"is_final\":true,"
        "\"speech_final\":true,\"channel\":{\"alternatives\":[{\"transcript\":\"Hello, there.\",\"confidence\":0.8,"
        "\"words\":[{\"word\":\"hello\",\"start\":1.0,\"end\":1.5,\"confidence\":0.9,\"punctuated_word\":\"Hello,\"},"
        "{\"word\":\"there\",\"start\":1.5,\"end\":2.0,\"confidence\":0.7,\"punctuated_word\":\"there.\"}]}]},"
        "\"metadata\":{\"request_id\":\"id-1\",\"model_uuid\":\"%s\",\"model_info\":{\"name\":\"tiny\","
        "\"version\":\"" STENO_VERSION "\",\"arch\":\"steno\"}},\"from_finalize\":false}",
        uuid);
    assert_string_equal(text, want);
    free(text);
    json_decref(o);
    query.punctuate = false;
    o = deepgram_turn_words(&(deepgram_turn){0}, &about, 1, &e);
    results(o, "hello there", 0, 2.5, true, true, false);
}

static void spans_have_no_gaps(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_PARTIAL, STENO_END_NONE, 2.1);
    (void)state;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 0, 2.1, false, false, false);
    e = event(STENO_EVENT_SEGMENT, STENO_END_MAX, 3.0);
    /* More was heard than this covers: the next utterance's words begin in it. */
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 0, 2.0, true, false, false);
    e = event(STENO_EVENT_PARTIAL, STENO_END_NONE, 3.0);
    e.segment.start_s = 2.0;
    e.segment.end_s = 2.9;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 2, 1, false, false, false);
    e = event(STENO_EVENT_SEGMENT, STENO_END_ENDPOINT, 4.0);
    e.segment.start_s = 2.5;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 2, 2, true, true, false);
}

static void without_endpointing_nothing_ends_an_utterance(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_ENDPOINT, 2.5);
    (void)state;
    query.endpointing = false;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 0, 2.5, true, false, false);
    assert_false(deepgram_turn_open_ended(&t, &about));
    query.endpointing = true;
}

static void finalize_is_answered_once(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_FINALIZED, 2.2);
    (void)state;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 0, 2.2, true, true, true);
    assert_false(deepgram_turn_finalized(&t)); /* it has been said */
    assert_true(deepgram_turn_finalized(&t));  /* nobody was speaking */
    results(deepgram_turn_finalize(&t, &about, 0, 3.0), "", 2.2, 0.8, true, true, true);
    results(deepgram_turn_finalize(&t, &about, 0, 3.0), "", 3.0, 0, true, true, true);
}

static void last_words_are_ended(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_MAX, 3.0);
    (void)state;
    json_decref(deepgram_turn_words(&t, &about, 0, &e));
    assert_true(deepgram_turn_open_ended(&t, &about));
    results(deepgram_turn_close(&t, &about, 0, 3.5), "", 2.0, 1.5, true, true, false);
    assert_false(deepgram_turn_open_ended(&t, &about));
    e.segment.end = STENO_END_STREAM;
    e.heard_s = 4.0;
    results(deepgram_turn_words(&t, &about, 0, &e), "hello there", 1.0, 3.0, true, true, false);
    assert_false(deepgram_turn_open_ended(&t, &about));
}

static void utterances_end_after_a_gap(void **state) {
    deepgram_turn t = {0};
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_ENDPOINT, 2.5), speech = {.kind = STENO_EVENT_SPEECH};
    (void)state;
    assert_false(deepgram_turn_ended(&t, &about, 100)); /* nobody asked */
    query.utterance_end_ms = 1000;
    assert_false(deepgram_turn_ended(&t, &about, 100)); /* nobody spoke */
    json_decref(deepgram_turn_words(&t, &about, 0, &e));
    assert_false(deepgram_turn_ended(&t, &about, 3.2));
    assert_true(deepgram_turn_ended(&t, &about, 3.3));
    speech.segment.start_s = 2.75;
    json_t *o = deepgram_turn_speech(&t, &about, 1, &speech);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(text, "{\"type\":\"SpeechStarted\",\"channel\":[1,2],\"timestamp\":2.75}");
    free(text);
    json_decref(o);
    assert_false(deepgram_turn_ended(&t, &about, 9)); /* somebody speaks */
    e.segment.text = "";
    e.segment.n_words = 0;
    json_decref(deepgram_turn_words(&t, &about, 0, &e)); /* or coughed */
    assert_true(deepgram_turn_ended(&t, &about, 9));
    o = deepgram_turn_end(&t, &about, 0);
    text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(text, "{\"type\":\"UtteranceEnd\",\"channel\":[0,2],\"last_word_end\":2.0}");
    free(text);
    json_decref(o);
    assert_false(deepgram_turn_ended(&t, &about, 100)); /* it is said once */
    query.utterance_end_ms = 0;
}

static json_t *spoken_words(const released_event *e) {
    deepgram_turn t = {0};
    json_t *o = deepgram_turn_words(&t, &about, 0, e);
    json_t *first = json_array_get(json_object_get(json_object_get(o, "channel"), "alternatives"), 0);
    json_t *list = json_incref(json_object_get(first, "words"));
    json_decref(o);
    return list;
}

/* A word nobody can tell of is whose the word before it is; without diarize nothing is said. */
static void words_say_who_speaks(void **state) {
    released_event e = event(STENO_EVENT_SEGMENT, STENO_END_ENDPOINT, 2.5);
    (void)state;
    json_t *list = spoken_words(&e);
    assert_null(json_object_get(json_array_get(list, 0), "speaker"));
    json_decref(list);
    query.diarize = true;
    list = spoken_words(&e);
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(json_integer_value(json_object_get(json_array_get(list, i), "speaker")), 3);
    json_decref(list);
    query.diarize = false;
}

static void the_end_says_what_was_heard(void **state) {
    static const char *const args[] = {"tag=a", "extra=k:v", "tier=x"};
    deepgram_query q;
    deepgram_about a = {.request_id = "id", .model = "tiny", .query = &q, .channels = 1};
    char uuid[DEEPGRAM_UUID_BYTES], want[1024];
    (void)state;
    assert_int_equal(deepgram_query_parse(args, 3, DEEPGRAM_LIVE, "tiny", "en", &q), STENO_OK);
    deepgram_model_uuid("tiny", uuid);
    json_t *o = deepgram_metadata(&a, "abc", 1700000000123, 2.5);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    snprintf(want, sizeof want,
             "{\"transaction_key\":\"deprecated\",\"request_id\":\"id\",\"sha256\":\"abc\","
             "\"created\":\"2023-11-14T22:13:20.123Z\",\"duration\":2.5,\"channels\":1,\"models\":[\"%s\"],"
             "\"model_info\":{\"%s\":{\"name\":\"tiny\",\"version\":\"" STENO_VERSION "\",\"arch\":\"steno\"}},"
             "\"tags\":[\"a\"],\"extra\":{\"k\":\"v\"},\"warnings\":[{\"parameter\":\"tier\","
             "\"type\":\"unsupported_parameter\",\"message\":\"there is one model\"}]}",
             uuid, uuid);
    assert_string_equal(text, want);
    free(text);
    json_decref(o);
    deepgram_query_free(&q);
}

static void errors(void **state) {
    static const struct {
        int status;
        const char *code;
    } cases[] = {{400, "Bad Request"},         {401, "INVALID_AUTH"},           {403, "INSUFFICIENT_PERMISSIONS"},
                 {404, "NOT_FOUND"},           {405, "METHOD_NOT_ALLOWED"},     {408, "REQUEST_TIMEOUT"},
                 {413, "PAYLOAD_TOO_LARGE"},   {415, "UNSUPPORTED_MEDIA_TYPE"}, {418, "Bad Request"},
                 {429, "TOO_MANY_REQUESTS"},   {500, "INTERNAL_SERVER_ERROR"},  {503, "SERVICE_UNAVAILABLE"},
                 {507, "INSUFFICIENT_STORAGE"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *o = deepgram_error(cases[i].status, "why", "id");
        assert_string_equal(json_string_value(json_object_get(o, "err_code")), cases[i].code);
        assert_string_equal(json_string_value(json_object_get(o, "err_msg")), "why");
        assert_string_equal(json_string_value(json_object_get(o, "request_id")), "id");
        json_decref(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_texts),
        cmocka_unit_test(words_with_and_without_punctuation),
        cmocka_unit_test(a_message_in_full),
        cmocka_unit_test(spans_have_no_gaps),
        cmocka_unit_test(without_endpointing_nothing_ends_an_utterance),
        cmocka_unit_test(finalize_is_answered_once),
        cmocka_unit_test(last_words_are_ended),
        cmocka_unit_test(utterances_end_after_a_gap),
        cmocka_unit_test(words_say_who_speaks),
        cmocka_unit_test(the_end_says_what_was_heard),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
