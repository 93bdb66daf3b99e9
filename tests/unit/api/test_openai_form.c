/* test_openai_form.c: forms of transcriptions: options, warnings, refusals; names of models and languages. */
#include "api/openai_int.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define FIELDS_MAX 8

/* "name=value" strings, NULL-terminated. */
static bool read_form(const char *const *pairs, openai_options *out, openai_failure *why) {
    upload_field fields[FIELDS_MAX];
    static char names[FIELDS_MAX][64];
    int n = 0;
    for (; pairs[n]; n++) {
        size_t at = strcspn(pairs[n], "=");
        memcpy(names[n], pairs[n], at);
        names[n][at] = 0;
        const char *value = pairs[n] + at + 1;
        fields[n] = (upload_field){names[n], value, strlen(value)};
    }
    return openai_form_read(fields, n, "tiny", "en", out, why);
}

#define PAIRS(...) ((const char *const[]){"model=whisper-1", __VA_ARGS__, NULL})

static openai_options take(const char *const *pairs) {
    openai_options o;
    openai_failure why;
    if (!read_form(pairs, &o, &why)) fail_msg("refused: %s", why.message);
    return o;
}

static void refuse(const char *const *pairs, int status, const char *code, const char *param) {
    openai_options o;
    openai_failure why;
    assert_false(read_form(pairs, &o, &why));
    assert_int_equal(why.status, status);
    assert_string_equal(why.code, code);
    assert_string_equal(why.param ? why.param : "", param);
    assert_string_equal(why.type, "invalid_request_error");
    assert_true(why.message[0] != 0);
}

static void defaults(void **state) {
    (void)state;
    openai_options o = take(PAIRS("language="));
    assert_int_equal(o.format, OPENAI_FORMAT_JSON);
    assert_int_equal(o.model, OPENAI_MODEL_WHISPER);
    assert_false(o.stream || o.words || o.logprobs || o.vad_given);
    assert_true(o.segments);
    assert_int_equal(o.notes.count, 0);
}

static void formats_and_lists(void **state) {
    (void)state;
    assert_int_equal(take(PAIRS("response_format=srt")).format, OPENAI_FORMAT_SRT);
    assert_int_equal(take(PAIRS("response_format=vtt")).format, OPENAI_FORMAT_VTT);
    assert_int_equal(take(PAIRS("response_format=text")).format, OPENAI_FORMAT_TEXT);
    openai_options o = take(PAIRS("response_format=verbose_json", "timestamp_granularities[]=word"));
    assert_true(o.words && !o.segments);
    o = take(
        PAIRS("timestamp_granularities[1]=segment", "timestamp_granularities[0]=word", "response_format=verbose_json"));
    assert_true(o.words && o.segments);
    o = take(PAIRS("response_format=verbose_json", "timestamp_granularities=segment"));
    assert_true(!o.words && o.segments);
    refuse(PAIRS("timestamp_granularities[]=word"), 400, "invalid_value", "timestamp_granularities");
    assert_int_equal(take(PAIRS("response_format=diarized_json")).format, OPENAI_FORMAT_DIARIZED_JSON);
    assert_string_equal(take(PAIRS("timestamp_granularities[x]=word")).notes.text,
                        "'timestamp_granularities[x]' is not known");
    assert_string_equal(take(PAIRS("model[]=a")).notes.text, "'model[]' is not known");
}

static void streams(void **state) {
    (void)state;
    assert_true(take(PAIRS("stream=true")).stream);
    assert_false(take(PAIRS("stream=false")).stream);
    assert_true(take(PAIRS("stream=True", "response_format=text")).stream);
    openai_options o = take(PAIRS("stream=true", "response_format=verbose_json"));
    assert_false(o.stream);
    assert_non_null(strstr(o.notes.text, "stream is ignored"));
    refuse(PAIRS("stream=yes"), 400, "invalid_value", "stream");
}

static void languages(void **state) {
    (void)state;
    take(PAIRS("language=EN"));
    take(PAIRS("language=en-US"));
    take(PAIRS("language=english"));
    refuse(PAIRS("language=enm"), 400, "unsupported_language", "language");
    refuse(PAIRS("languages[]=de"), 400, "unsupported_language", "languages");
    assert_int_equal(take(PAIRS("languages[]=en")).notes.count, 0);
    assert_int_equal(take(PAIRS("languages[]=de", "languages[]=en")).notes.count, 1);
}

static void models(void **state) {
    (void)state;
    assert_int_equal(openai_model_of("gpt-4o-transcribe", "tiny", false), OPENAI_MODEL_GPT);
    assert_int_equal(openai_model_of("gpt-realtime-whisper", "tiny", false), OPENAI_MODEL_UNKNOWN);
    assert_int_equal(openai_model_of("gpt-realtime-whisper", "tiny", true), OPENAI_MODEL_GPT);
    assert_int_equal(openai_model_of("tiny", "tiny", false), OPENAI_MODEL_OWN);
    assert_int_equal(openai_model_of("moonshine-tiny", "tiny", false), OPENAI_MODEL_OWN);
    assert_int_equal(openai_model_of("moonshine-base", "tiny", false), OPENAI_MODEL_UNKNOWN);
    refuse((const char *const[]){"model=gpt-5", NULL}, 404, "model_not_found", "model");
    refuse((const char *const[]){"language=en", NULL}, 400, "missing_required_parameter", "model");
}

static void chunking(void **state) {
    (void)state;
    assert_false(take(PAIRS("chunking_strategy=auto")).vad_given);
    openai_options o =
        take(PAIRS("chunking_strategy[type]=server_vad", "chunking_strategy[threshold]=0.7",
                   "chunking_strategy[prefix_padding_ms]=120", "chunking_strategy[silence_duration_ms]=250"));
    assert_true(o.vad_given);
    assert_float_equal(o.vad.threshold, 0.7, 1e-6);
    assert_float_equal(o.vad.neg_threshold, 0.55, 1e-6);
    assert_int_equal(o.vad.pad_ms, 120);
    assert_int_equal(o.vad.min_silence_ms, 250);
    assert_int_equal(o.vad.join_ms, 0);
    openai_options same =
        take(PAIRS("chunking_strategy={\"type\":\"server_vad\",\"threshold\":0.7,\"prefix_padding_ms\":120,"
                   "\"silence_duration_ms\":250}"));
    assert_memory_equal(&same.vad, &o.vad, sizeof o.vad);
    o = take(PAIRS("chunking_strategy[threshold]=0"));
    assert_true(o.vad.threshold > 0 && o.vad.neg_threshold > 0 && o.notes.count == 1);
    refuse(PAIRS("chunking_strategy=[]"), 400, "invalid_value", "chunking_strategy");
    refuse(PAIRS("chunking_strategy={\"type\":\"other\"}"), 400, "invalid_value", "chunking_strategy");
    refuse(PAIRS("chunking_strategy[silence_duration_ms]=0"), 400, "invalid_value",
           "chunking_strategy[silence_duration_ms]");
    refuse(PAIRS("chunking_strategy[threshold]=nan"), 400, "invalid_value", "chunking_strategy[threshold]");
}

static void what_has_no_effect(void **state) {
    (void)state;
    openai_options o = take(PAIRS("prompt=a", "prompt=b", "temperature=0.5", "keywords[]=x", "keywords[]=y"));
    assert_string_equal(o.notes.text, "prompt is not used by this model; temperature is not used: decoding is always "
                                      "greedy, as with 0; keywords are not used by this model");
    assert_int_equal(take(PAIRS("prompt=", "temperature=0")).notes.count, 0);
    assert_int_equal(take(PAIRS("known_speaker_names[]=a")).notes.count, 1); /* without labels */
    refuse(PAIRS("temperature=1.5"), 400, "invalid_value", "temperature");
    refuse(PAIRS("temperature=warm"), 400, "invalid_value", "temperature");
    refuse(PAIRS("file=abc"), 400, "invalid_value", "file");
}

static void known_speakers(void **state) {
    (void)state;
    openai_options o = take(PAIRS("response_format=diarized_json", "stream=true", "known_speaker_names[0]=agent",
                                  "known_speaker_names[1]=customer"));
    assert_true(o.stream);
    assert_int_equal(o.notes.count, 0);
    assert_int_equal(o.n_known, 2);
    assert_string_equal(o.known[1], "customer");
    refuse(PAIRS("known_speaker_names[]="), 400, "invalid_value", "known_speaker_names");
    refuse(PAIRS("known_speaker_names[]=1", "known_speaker_names[]=2", "known_speaker_names[]=3",
                 "known_speaker_names[]=4", "known_speaker_names[]=5"),
           400, "invalid_value", "known_speaker_names");
    refuse(PAIRS("known_speaker_names[]=0123456789012345678901234567890123456789012345678901234567890123"), 400,
           "invalid_value", "known_speaker_names");
}

/* Notes go into a header: no byte of a name may end it or begin another. */
static void notes(void **state) {
    openai_notes n = {0};
    (void)state;
    assert_null(openai_notes_json(&n));
    openai_note(&n, "a %s", "x\r\ny; z\xc3\xa9");
    assert_string_equal(n.text, "a x??y? z??");
    openai_note(&n, "b");
    json_t *list = openai_notes_json(&n);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 1)), "b");
    json_decref(list);
    for (int i = 0; i < 200; i++) openai_note(&n, "more of them %d", i);
    assert_true(n.left_out > 0 && n.n < sizeof n.text && strlen(n.text) == n.n);
}

static void zero_bytes(void **state) {
    static const upload_field fields[] = {{"model", "whisper-1\0x", 11}};
    openai_options o;
    openai_failure why;
    (void)state;
    assert_false(openai_form_read(fields, 1, "tiny", "en", &o, &why));
    assert_int_equal(why.status, 400);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(formats_and_lists),
        cmocka_unit_test(streams),
        cmocka_unit_test(languages),
        cmocka_unit_test(models),
        cmocka_unit_test(chunking),
        cmocka_unit_test(known_speakers),
        cmocka_unit_test(notes),
        cmocka_unit_test(what_has_no_effect),
        cmocka_unit_test(zero_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
