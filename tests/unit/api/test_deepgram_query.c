/* test_deepgram_query.c: every documented parameter is taken, refused or warned of; none is ignored in silence. */
#include "api/deepgram_query.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define PARSE(kind, q, ...)                                                                                            \
    parse(kind, q, (const char *const[]){__VA_ARGS__},                                                                 \
          (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)))

static steno_err parse(deepgram_kind kind, deepgram_query *q, const char *const *args, int n) {
    return deepgram_query_parse(args, n, kind, "tiny", "en", q);
}

/* The warning of `parameter`: its message, or NULL. */
static const char *warning(const deepgram_query *q, const char *parameter) {
    size_t i;
    json_t *w;
    json_array_foreach(q->warnings, i, w) {
        if (strcmp(json_string_value(json_object_get(w, "parameter")), parameter) == 0)
            return json_string_value(json_object_get(w, "message"));
    }
    return NULL;
}

static void refused(deepgram_kind kind, const char *arg, steno_err want, const char *reason) {
    deepgram_query q;
    assert_int_equal(parse(kind, &q, &arg, 1), want);
    if (!strstr(steno_error_detail(), reason)) fail_msg("%s: '%s' has no '%s'", arg, steno_error_detail(), reason);
    deepgram_query_free(&q);
}

static void warned(deepgram_kind kind, const char *arg, const char *reason) {
    deepgram_query q;
    char name[64] = "";
    memcpy(name, arg, strcspn(arg, "="));
    assert_int_equal(parse(kind, &q, &arg, 1), STENO_OK);
    const char *said = warning(&q, name);
    if (!said || !strstr(said, reason)) fail_msg("%s: '%s' has no '%s'", arg, said ? said : "(nothing)", reason);
    assert_int_equal(json_array_size(q.warnings), 1);
    deepgram_query_free(&q);
}

static void quiet(deepgram_kind kind, const char *arg) {
    deepgram_query q;
    assert_int_equal(parse(kind, &q, &arg, 1), STENO_OK);
    if (json_array_size(q.warnings)) fail_msg("%s is warned of", arg);
    deepgram_query_free(&q);
}

static void redaction_is_mapped(void **state) {
    static const struct {
        const char *args[2];
        int n;
        entity_set has, lacks;
    } asked[] = {
        {{"redact=pci"}, 1, ENTITY_BIT(ENTITY_CARD), ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PHONE)},
        {{"redact=pii"}, 1, ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_SSN), 0},
        {{"redact=true"}, 1, ENTITY_BIT(ENTITY_NUMBER) | ENTITY_BIT(ENTITY_DATE), ENTITY_BIT(ENTITY_PERSON)},
        {{"redact=numbers"}, 1, ENTITY_BIT(ENTITY_NUMBER) | ENTITY_BIT(ENTITY_PHONE), ENTITY_BIT(ENTITY_EMAIL)},
        {{"redact=ssn", "redact=phone_number"},
         2,
         ENTITY_BIT(ENTITY_SSN) | ENTITY_BIT(ENTITY_PHONE),
         ENTITY_BIT(ENTITY_CARD)},
        {{"redact=name,Email_Address"},
         1,
         ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_EMAIL),
         ENTITY_BIT(ENTITY_SSN)},
        {{"redact=plate"}, 1, ENTITY_BIT(ENTITY_PLATE), ENTITY_BIT(ENTITY_SSN)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        deepgram_query q;
        assert_int_equal(parse(DEEPGRAM_LIVE, &q, asked[i].args, asked[i].n), STENO_OK);
        assert_true(q.redact.has_mode && q.redact.mode == REDACT_MASK && q.redact.count && q.redact.has_types);
        assert_int_equal(q.redact.types & asked[i].has, asked[i].has);
        assert_int_equal(q.redact.types & asked[i].lacks, 0);
        assert_int_equal(json_array_size(q.warnings), 0);
        deepgram_query_free(&q);
    }
    deepgram_query q;
    const char *numbers[] = {"smart_format=true", "redact=false"};
    assert_int_equal(parse(DEEPGRAM_FILE, &q, numbers, 2), STENO_OK);
    assert_true(q.redact.has_itn && q.redact.itn && !q.redact.has_mode);
    deepgram_query_free(&q);
}

static void defaults(void **state) {
    deepgram_query q;
    char header[DEEPGRAM_WARNING_BYTES];
    (void)state;
    assert_int_equal(deepgram_query_parse(NULL, 0, DEEPGRAM_LIVE, "tiny", "en", &q), STENO_OK);
    assert_false(q.raw || q.multichannel || q.interim_results || q.vad_events || q.punctuate || q.utterances ||
                 q.paragraphs || q.callback[0]);
    assert_true(q.endpointing);
    assert_int_equal(q.endpoint_ms, 0);
    assert_false(deepgram_query_warning(&q, header));
    assert_string_equal(header, "");
    deepgram_query_free(&q);
}

static void what_live_streams_say(void **state) {
    deepgram_query q;
    (void)state;
    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "encoding=mulaw", "sample_rate=8000", "channels=2", "multichannel=true",
                           "interim_results=TRUE", "endpointing=300", "utterance_end_ms=1000", "vad_events=true",
                           "punctuate=true", "language=en-US", "tag=a", "tag=b", "extra=who:me:too", "version=latest",
                           "model=tiny", "mip_opt_out=true", "no_delay=true"),
                     STENO_OK);
    assert_true(q.raw && q.multichannel && q.interim_results && q.vad_events && q.punctuate && q.endpointing);
    assert_int_equal(q.audio.encoding, PCM_MULAW);
    assert_int_equal(q.audio.rate_hz, 8000);
    assert_int_equal(q.audio.channels, 2);
    assert_int_equal(q.endpoint_ms, 300);
    assert_int_equal(q.utterance_end_ms, 1000);
    assert_int_equal(json_array_size(q.tags), 2);
    assert_string_equal(json_string_value(json_object_get(q.extra, "who")), "me:too");
    assert_int_equal(json_array_size(q.warnings), 0);
    deepgram_query_free(&q);
}

static void encodings(void **state) {
    static const char *const codecs[] = {"encoding=flac",     "encoding=amr-nb", "encoding=amr-wb", "encoding=opus",
                                         "encoding=ogg-opus", "encoding=speex",  "encoding=g729"};
    deepgram_query q;
    (void)state;
    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "encoding=linear32", "sample_rate=48000"), STENO_OK);
    assert_int_equal(q.audio.encoding, PCM_F32LE);
    assert_int_equal(q.audio.channels, 1);
    deepgram_query_free(&q);
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        refused(DEEPGRAM_LIVE, codecs[i], STENO_E_UNSUPPORTED, "is not decoded live");
        quiet(DEEPGRAM_FILE, codecs[i]);
    }
    refused(DEEPGRAM_LIVE, "encoding=mp5", STENO_E_INVALID, "want linear16");
    refused(DEEPGRAM_LIVE, "encoding=linear16", STENO_E_INVALID, "sample_rate: wanted");
    refused(DEEPGRAM_FILE, "encoding=alaw", STENO_E_INVALID, "sample_rate: wanted");
    refused(DEEPGRAM_LIVE, "sample_rate=7999", STENO_E_INVALID, "8000 to 48000");
    refused(DEEPGRAM_LIVE, "sample_rate=16000.5", STENO_E_INVALID, "whole number");
    refused(DEEPGRAM_LIVE, "channels=0", STENO_E_INVALID, "1 to 8");
    refused(DEEPGRAM_LIVE, "channels=3", STENO_E_UNSUPPORTED, "multichannel");
    warned(DEEPGRAM_LIVE, "sample_rate=16000", "with an encoding only");
    warned(DEEPGRAM_LIVE, "channels=2", "with an encoding only");
}

static void switches_are_true_or_false(void **state) {
    (void)state;
    refused(DEEPGRAM_LIVE, "punctuate=yes", STENO_E_INVALID, "punctuate: want true or false");
    refused(DEEPGRAM_LIVE, "interim_results=undefined", STENO_E_INVALID, "want true or false");
    refused(DEEPGRAM_LIVE, "multichannel", STENO_E_INVALID, "want true or false");
    refused(DEEPGRAM_FILE, "utterances=1", STENO_E_INVALID, "want true or false");
    refused(DEEPGRAM_FILE, "smart_format=", STENO_E_INVALID, "want true or false");
}

static void pauses(void **state) {
    steno_live_options server, live;
    deepgram_query q;
    (void)state;
    steno_live_options_init(&server);
    warned(DEEPGRAM_LIVE, "endpointing=10", "100 ms is taken");
    warned(DEEPGRAM_LIVE, "endpointing=9000", "5000 ms is taken");
    refused(DEEPGRAM_LIVE, "endpointing=soon", STENO_E_INVALID, "endpointing: want");
    refused(DEEPGRAM_LIVE, "utterance_end_ms=99", STENO_E_INVALID, "100 to 60000");

    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "endpointing=false", "interim_results=true"), STENO_OK);
    assert_false(q.endpointing);
    deepgram_query_live(&q, &server, &live);
    assert_memory_equal(&live, &server, sizeof live);
    deepgram_query_free(&q);

    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "endpointing=true"), STENO_OK);
    assert_true(q.endpointing);
    deepgram_query_live(&q, &server, &live);
    assert_int_equal(live.endpoint_ms, server.endpoint_ms);
    assert_int_equal(live.unfinished_ms, server.unfinished_ms);
    assert_int_equal(live.partial_ms, 0); /* nobody asked for them */
    deepgram_query_free(&q);

    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "endpointing=300"), STENO_OK);
    deepgram_query_live(&q, &server, &live);
    assert_int_equal(live.endpoint_ms, 300);
    assert_int_equal(live.unfinished_ms, 0);
    deepgram_query_free(&q);

    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "endpointing=3000", "utterance_end_ms=1000"), STENO_OK);
    assert_int_equal(q.endpoint_ms, 1000);
    assert_non_null(warning(&q, "endpointing"));
    deepgram_query_free(&q);

    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "utterance_end_ms=200"), STENO_OK);
    deepgram_query_live(&q, &server, &live);
    assert_int_equal(live.endpoint_ms, 200);
    deepgram_query_free(&q);
}

static void languages_and_models(void **state) {
    (void)state;
    quiet(DEEPGRAM_LIVE, "language=en");
    quiet(DEEPGRAM_LIVE, "language=en-GB");
    quiet(DEEPGRAM_FILE, "model=tiny");
    warned(DEEPGRAM_LIVE, "language=multi", "speaks 'en' only");
    refused(DEEPGRAM_FILE, "language=es", STENO_E_UNSUPPORTED, "No such model/language/tier combination found");
    refused(DEEPGRAM_FILE, "language=eng", STENO_E_UNSUPPORTED, "No such model/language/tier combination found");
    warned(DEEPGRAM_FILE, "detect_language=true", "not detected");
    quiet(DEEPGRAM_FILE, "detect_language=false");
    warned(DEEPGRAM_LIVE, "model=nova-3", "tiny serves");
    warned(DEEPGRAM_FILE, "model=nova-2-phonecall", "tiny serves");
    warned(DEEPGRAM_LIVE, "version=beta", "one version");
}

static void what_is_lacking_is_said(void **state) {
    static const char *const both[] = {
        "diarize_model=v1", "diarize_version=v1", "dictation=true",    "detect_entities=true",
        "keyterm=gate",     "keywords=gate:2",    "filler_words=true", "profanity_filter=true",
        "replace=a:b",      "search=gate",        "measurements=true", "tier=enhanced",
        "ner=true",
    };
    static const char *const file[] = {"summarize=v2",
                                       "sentiment=true",
                                       "topics=true",
                                       "custom_topic=gates",
                                       "intents=true",
                                       "custom_topic_mode=strict",
                                       "custom_intent=to leave",
                                       "custom_intent_mode=extended"};
    (void)state;
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        warned(DEEPGRAM_LIVE, both[i], "");
        warned(DEEPGRAM_FILE, both[i], "");
    }
    for (size_t i = 0; i < sizeof file / sizeof file[0]; i++) {
        warned(DEEPGRAM_FILE, file[i], "");
        warned(DEEPGRAM_LIVE, file[i], "not for live streams");
    }
    quiet(DEEPGRAM_LIVE, "diarize=false");
    quiet(DEEPGRAM_FILE, "diarize_version=latest");
    quiet(DEEPGRAM_FILE, "summarize=false");
    warned(DEEPGRAM_LIVE, "alternatives=3", "one alternative");
    quiet(DEEPGRAM_LIVE, "alternatives=1");
    warned(DEEPGRAM_LIVE, "paragraphs=true", "not for live streams");
    warned(DEEPGRAM_LIVE, "utterances=true", "not for live streams");
    warned(DEEPGRAM_LIVE, "utt_split=1", "not for live streams");
    warned(DEEPGRAM_FILE, "interim_results=true", "for live streams only");
    warned(DEEPGRAM_FILE, "endpointing=10", "for live streams only");
    warned(DEEPGRAM_FILE, "utterance_end_ms=1000", "for live streams only");
    warned(DEEPGRAM_FILE, "vad_events=true", "for live streams only");
    warned(DEEPGRAM_LIVE, "brand_new=1", "no such parameter");
}

static void what_must_not_be_ignored_is_refused(void **state) {
    static const char *const redact[] = {"redact=phi", "redact=drug", "redact=pci,age", "redact=cardinal"};
    (void)state;
    for (size_t i = 0; i < sizeof redact / sizeof redact[0]; i++) {
        refused(DEEPGRAM_LIVE, redact[i], STENO_E_UNSUPPORTED, "nothing is transcribed");
        refused(DEEPGRAM_FILE, redact[i], STENO_E_UNSUPPORTED, "nothing is transcribed");
    }
    quiet(DEEPGRAM_LIVE, "redact=false");
    refused(DEEPGRAM_LIVE, "callback=https://a.example/", STENO_E_UNSUPPORTED, "its own connection only");
}

static void what_files_say(void **state) {
    deepgram_query q;
    (void)state;
    assert_int_equal(PARSE(DEEPGRAM_FILE, &q, "callback=http://127.0.0.1:1/x?y=z", "callback_method=put",
                           "utterances=true", "utt_split=1.5", "paragraphs=true", "punctuate=false",
                           "multichannel=true"),
                     STENO_OK);
    assert_string_equal(q.callback, "http://127.0.0.1:1/x?y=z");
    assert_true(q.callback_put && q.utterances && q.paragraphs && q.multichannel);
    assert_true(q.punctuate); /* a sentence ends at its full stop */
    assert_true(q.utt_split_s == 1.5);
    deepgram_query_free(&q);
    assert_int_equal(PARSE(DEEPGRAM_FILE, &q, "smart_format=true"), STENO_OK);
    assert_true(q.punctuate && q.paragraphs);
    deepgram_query_free(&q);
    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "smart_format=true"), STENO_OK);
    assert_true(q.punctuate && !q.paragraphs);
    deepgram_query_free(&q);
    refused(DEEPGRAM_FILE, "callback=ftp://a.example/", STENO_E_INVALID, "begins with https://");
    refused(DEEPGRAM_FILE, "callback_method=get", STENO_E_INVALID, "want post or put");
    refused(DEEPGRAM_FILE, "utt_split=0", STENO_E_INVALID, "want seconds");
    refused(DEEPGRAM_FILE, "extra=nothing", STENO_E_INVALID, "want name:value");
    refused(DEEPGRAM_FILE, "tag=\xff", STENO_E_INVALID, "not UTF-8");
}

static void speakers_are_asked_for(void **state) {
    static const struct {
        const char *arg;
        bool diarize;
    } asked[] = {{"diarize=true", true},
                 {"diarize=False", false},
                 {"diarize_model=latest", true},
                 {"diarize_model=false", false},
                 {"diarize_version=latest", false}};
    deepgram_query q;
    char header[DEEPGRAM_WARNING_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, asked[i].arg), STENO_OK);
        assert_int_equal(q.diarize, asked[i].diarize);
        assert_false(deepgram_query_warning(&q, header));
        deepgram_query_free(&q);
    }
    refused(DEEPGRAM_FILE, "diarize=yes", STENO_E_INVALID, "true or false");
    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "diarize=true"), STENO_OK);
    assert_int_equal(deepgram_query_no_speakers(&q), STENO_OK);
    assert_false(q.diarize);
    assert_true(deepgram_query_warning(&q, header));
    assert_string_equal(header, "diarize: speakers are not told apart");
    deepgram_query_free(&q);
}

static void the_header_is_one_safe_line(void **state) {
    deepgram_query q;
    char header[DEEPGRAM_WARNING_BYTES];
    (void)state;
    assert_int_equal(PARSE(DEEPGRAM_LIVE, &q, "tier=a", "tier=b", "b\r\nc=1", "keyterm=x", "keyterm=y"), STENO_OK);
    assert_true(deepgram_query_warning(&q, header));
    assert_string_equal(header, "tier: there is one model; ?: no such parameter; keyterm: terms are not boosted");
    deepgram_query_free(&q);

    const char *many[] = {"p01=1", "p02=1", "p03=1", "p04=1", "p05=1", "p06=1", "p07=1", "p08=1",
                          "p09=1", "p10=1", "p11=1", "p12=1", "p13=1", "p14=1", "p15=1", "p16=1",
                          "p17=1", "p18=1", "p19=1", "p20=1", "p21=1", "p22=1", "p23=1", "p24=1",
                          "p25=1", "p26=1", "p27=1", "p28=1", "p29=1", "p30=1", "p31=1", "p32=1"};
    assert_int_equal(parse(DEEPGRAM_LIVE, &q, many, 32), STENO_OK);
    assert_int_equal(json_array_size(q.warnings), 32);
    assert_true(deepgram_query_warning(&q, header));
    assert_int_equal(strlen(header), DEEPGRAM_WARNING_BYTES - 1);
    assert_string_equal(header + DEEPGRAM_WARNING_BYTES - 4, "...");
    deepgram_query_free(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redaction_is_mapped),
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_live_streams_say),
        cmocka_unit_test(encodings),
        cmocka_unit_test(switches_are_true_or_false),
        cmocka_unit_test(pauses),
        cmocka_unit_test(languages_and_models),
        cmocka_unit_test(what_is_lacking_is_said),
        cmocka_unit_test(what_must_not_be_ignored_is_refused),
        cmocka_unit_test(what_files_say),
        cmocka_unit_test(speakers_are_asked_for),
        cmocka_unit_test(the_header_is_one_safe_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
