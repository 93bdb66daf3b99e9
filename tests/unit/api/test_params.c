/* test_params.c: queries and controls: what is taken, what is refused, and why. */
#include "api/params.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static stream_params defaults(void) {
    steno_live_options live;
    stream_params p;
    steno_live_options_init(&live);
    params_init(&p, &live);
    return p;
}

static void a_whole_query(void **state) {
    static const char *const args[] = {"encoding=mulaw",  "sample_rate=8000",    "channels=2",
                                       "endpoint_ms=250", "unfinished_ms=0",     "partial_ms=0",
                                       "words=false",     "max_utterance_s=2.5", "language=en",
                                       "stats_ms=0",      "last_seq=12",         "resume=abcdefghijklmnopqrst-_"};
    stream_params p = defaults();
    (void)state;
    assert_int_equal(params_from_query(&p, args, 12, "en"), STENO_OK);
    assert_int_equal(p.audio.encoding, PCM_MULAW);
    assert_int_equal(p.audio.rate_hz, 8000);
    assert_int_equal(p.audio.channels, 2);
    assert_int_equal(p.live.endpoint_ms, 250);
    assert_int_equal(p.live.unfinished_ms, 0);
    assert_int_equal(p.live.partial_ms, 0);
    assert_true(p.live.max_utterance_s == 2.5f);
    assert_false(p.words);
    assert_int_equal(p.stats_ms, 0);
    assert_int_equal(p.last_seq, 12);
    assert_string_equal(p.resume, "abcdefghijklmnopqrst-_");
}

static void refused_queries(void **state) {
    static const char *const wrong[] = {
        "sample_rate=7999",
        "sample_rate=48001",
        "sample_rate=",
        "sample_rate=1e4",
        "sample_rate=0x4000",
        "sample_rate= 16000",
        "sample_rate=nan",
        "channels=0",
        "channels=3",
        "channels=1.5",
        "encoding=",
        "encoding=PCM_S16LE",
        "endpoint_ms=99",
        "endpoint_ms=5001",
        "partial_ms=99",
        "stats_ms=499",
        "stats_ms=60001",
        "max_utterance_s=1",
        "words=1",
        "words",
        "language=de",
        "resume=",
        "resume=abc",
        "resume=abcdefghijklmnopqrst/+",
        "last_seq=1",
        "colour=1",
        "=1",
        "",
        "SAMPLE_RATE=16000",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=1"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        stream_params p = defaults();
        if (params_from_query(&p, &wrong[i], 1, "en") == STENO_OK) fail_msg("'%s' was taken", wrong[i]);
    }
    static const char *const twice[] = {"channels=1", "words=true", "channels=1"};
    stream_params p = defaults();
    assert_int_equal(params_from_query(&p, twice, 3, "en"), STENO_E_INVALID);
    assert_string_equal(steno_error_detail(), "channels: given twice");
}

static steno_err parse(const char *text, control *c) {
    stream_params now = defaults();
    return control_parse(text, strlen(text), &now, "en", c);
}

static void controls(void **state) {
    control c;
    (void)state;
    assert_int_equal(parse("{\"type\":\"finalize\"}", &c), STENO_OK);
    assert_int_equal(c.kind, CONTROL_FINALIZE);
    assert_int_equal(parse(" {\"type\":\"close\",\"more\":1} ", &c), STENO_OK);
    assert_int_equal(c.kind, CONTROL_CLOSE);
    assert_int_equal(parse("{\"type\":\"keepalive\"}", &c), STENO_OK);
    assert_false(c.acknowledges);
    assert_int_equal(parse("{\"type\":\"keepalive\",\"last_seq\":7}", &c), STENO_OK);
    assert_true(c.acknowledges && c.last_seq == 7);
    assert_int_equal(parse("{\"type\":\"configure\",\"endpoint_ms\":800,\"words\":false,\"language\":\"en\"}", &c),
                     STENO_OK);
    assert_int_equal(c.live.endpoint_ms, 800);
    assert_int_equal(c.live.partial_ms, defaults().live.partial_ms);
    assert_true(!c.words && !c.hotwords);
    assert_int_equal(parse("{\"type\":\"configure\",\"hotwords\":[\"x\"],\"max_utterance_s\":2.5}", &c), STENO_OK);
    assert_true(c.hotwords && c.live.max_utterance_s == 2.5f);
}

static void refused_controls(void **state) {
    static const char *const wrong[] = {"",
                                        "null",
                                        "[1]",
                                        "\"close\"",
                                        "{}",
                                        "{\"type\":3}",
                                        "{\"type\":\"Close\"}",
                                        "{\"type\":\"close\"",
                                        "{\"type\":\"close\"}{",
                                        "{\"type\":\"close\",\"type\":\"close\"}",
                                        "{\"type\":\"configure\",\"endpoint_ms\":\"800\"}",
                                        "{\"type\":\"configure\",\"endpoint_ms\":99.5}",
                                        "{\"type\":\"configure\",\"partial_ms\":1e400}",
                                        "{\"type\":\"configure\",\"sample_rate\":8000}",
                                        "{\"type\":\"configure\",\"words\":1}",
                                        "{\"type\":\"configure\",\"language\":\"de\"}",
                                        "{\"type\":\"configure\",\"language\":1}",
                                        "{\"type\":\"keepalive\",\"last_seq\":-1}",
                                        "{\"type\":\"keepalive\",\"last_seq\":1.5}"};
    control c;
    char deep[4096];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (parse(wrong[i], &c) == STENO_OK) fail_msg("'%s' was taken", wrong[i]);
    }
    memset(deep, '[', sizeof deep);
    deep[sizeof deep - 1] = 0;
    assert_int_equal(parse(deep, &c), STENO_E_FORMAT);
}

static void all_parameters_are_told(void **state) {
    stream_params p = defaults();
    json_t *o = params_json(&p, "en");
    (void)state;
    assert_non_null(o);
    assert_int_equal(json_object_size(o), 18);
    assert_string_equal(json_string_value(json_object_get(o, "redact")), "off");
    assert_int_equal(json_integer_value(json_object_get(o, "redact_hold_ms")), POLICY_HOLD_DEFAULT_MS);
    assert_int_equal(json_integer_value(json_object_get(o, "sample_rate")), 16000);
    assert_string_equal(json_string_value(json_object_get(o, "encoding")), "pcm_s16le");
    assert_string_equal(json_string_value(json_object_get(o, "speakers")), "off");
    assert_string_equal(json_string_value(json_object_get(o, "voices")), "");
    json_decref(o);
}

static void redaction_is_asked_for(void **state) {
    static const char *const good[] = {"redact=mask", "redact_types=phone,card", "itn=true", "redact_hold_ms=0"};
    static const char *const wrong[] = {
        "redact=yes", "redact=",           "redact_types=fone",    "redact_types=",
        "itn=1",      "redact_hold_ms=-1", "redact_hold_ms=10001", "redact_hold_ms=1.5"};
    stream_params p = defaults();
    control c;
    (void)state;
    assert_int_equal(params_from_query(&p, good, 4, "en"), STENO_OK);
    assert_int_equal(p.redact.mode, REDACT_MASK);
    assert_int_equal(p.redact.types, ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD));
    assert_true(p.redact.has_itn && p.redact.itn && p.redact.has_hold && p.redact.hold_ms == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        p = defaults();
        if (params_from_query(&p, &wrong[i], 1, "en") == STENO_OK) fail_msg("'%s' was taken", wrong[i]);
    }
    assert_int_equal(parse("{\"type\":\"configure\",\"redact\":\"tag\",\"itn\":false,\"redact_hold_ms\":100}", &c),
                     STENO_OK);
    assert_true(c.redact.has_mode && c.redact.mode == REDACT_TAG && c.redact.has_itn && !c.redact.itn);
    assert_int_equal(c.redact.hold_ms, 100);
    assert_int_equal(parse("{\"type\":\"configure\",\"redact\":1}", &c), STENO_E_INVALID);
    assert_int_equal(parse("{\"type\":\"configure\",\"redact_hold_ms\":\"100\"}", &c), STENO_E_INVALID);
}

static void speakers_are_asked_for(void **state) {
    static const char *const good[] = {"speakers=enrolled", "voices=judge,witness", "max_speakers=16", "hold_ms=0"};
    static const char *const wrong[][2] = {{"speakers=on"},
                                           {"speakers=revise", "max_speakers=17"},
                                           {"speakers=enrolled"},
                                           {"voices=judge"},
                                           {"hold_ms=10001"},
                                           {"speakers=delayed", "max_speakers=0"},
                                           {"speakers=revise", "voices=\xff"}};
    stream_params p = defaults();
    (void)state;
    assert_int_equal(p.speakers.contract, STENO_SPEAKERS_OFF);
    assert_int_equal(params_from_query(&p, good, 4, "en"), STENO_OK);
    assert_int_equal(p.speakers.contract, STENO_SPEAKERS_ENROLLED);
    assert_int_equal(p.speakers.max_speakers, 16);
    assert_int_equal(p.speakers.hold_ms, 0);
    assert_string_equal(p.voices, "judge,witness");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        p = defaults();
        if (params_from_query(&p, wrong[i], wrong[i][1] ? 2 : 1, "en") == STENO_OK)
            fail_msg("'%s' was taken", wrong[i][0]);
    }
}

static void speakers_are_named_and_merged(void **state) {
    static const char *const wrong[] = {"{\"type\":\"merge_speakers\",\"from\":\"S1\"}",
                                        "{\"type\":\"merge_speakers\",\"from\":1,\"into\":2}",
                                        "{\"type\":\"name_speaker\",\"speaker\":\"\",\"name\":\"x\"}",
                                        "{\"type\":\"name_speaker\",\"speaker\":\"S1\",\"name\":\"a\\nb\"}",
                                        ("{\"type\":\"name_speaker\",\"speaker\":\"S1\",\"name\":\""
                                         "0123456789012345678901234567890123456789012345678901234567890123\"}")};
    control c;
    (void)state;
    assert_int_equal(parse("{\"type\":\"merge_speakers\",\"from\":\"S2\",\"into\":\"S1\"}", &c), STENO_OK);
    assert_int_equal(c.kind, CONTROL_MERGE_SPEAKERS);
    assert_string_equal(c.speaker, "S2");
    assert_string_equal(c.into, "S1");
    assert_int_equal(parse("{\"type\":\"name_speaker\",\"speaker\":\"S1\",\"name\":\"\"}", &c), STENO_OK);
    assert_int_equal(c.kind, CONTROL_NAME_SPEAKER);
    assert_string_equal(c.name, "");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (parse(wrong[i], &c) == STENO_OK) fail_msg("'%s' was taken", wrong[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_query),
        cmocka_unit_test(refused_queries),
        cmocka_unit_test(controls),
        cmocka_unit_test(refused_controls),
        cmocka_unit_test(all_parameters_are_told),
        cmocka_unit_test(redaction_is_asked_for),
        cmocka_unit_test(speakers_are_asked_for),
        cmocka_unit_test(speakers_are_named_and_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
