/* test_openai_body.c: transcripts as OpenAI's bodies and events; failing memory. */
#include "api/openai_known.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static const steno_word first_words[] = {{0.1, 0.5, 1.0f, 0, 7, 1}, {0.5, 0.9004, 0.5f, 8, 3, 2}};
static const steno_word second_words[] = {{2.0, 2.5, 0.0f, 0, 5, 0}};

static document make(void) {
    document d = {0};
    released_segment a = {.start_s = 0.1,
                          .end_s = 0.9004,
                          .confidence = 0.75f,
                          .text = "H\xc3\xa9llo, you",
                          .words = first_words,
                          .n_words = 2};
    released_segment b = {.start_s = 2,
                          .end_s = 2.5,
                          .confidence = 0.5f,
                          .looped = true,
                          .text = "\"Bye\"",
                          .words = second_words,
                          .n_words = 1};
    assert_int_equal(document_add(&d, 0, &a), STENO_OK);
    assert_int_equal(document_add(&d, 0, &b), STENO_OK);
    return d;
}

static const openai_usage usage = {3.5, 1.2, 9};

static void expect(const openai_options *o, const char *type, const char *want) {
    size_t n;
    const char *got_type;
    document d = make();
    char *body = openai_body(&d, o, &usage, "en", &n, &got_type);
    assert_non_null(body);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(body, want, n);
    assert_string_equal(got_type, type);
    mem_free(body);
    document_free(&d);
}

static void bodies(void **state) {
    (void)state;
    expect(&(openai_options){.model = OPENAI_MODEL_WHISPER}, "application/json",
           "{\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\",\"usage\":{\"type\":\"duration\",\"seconds\":3.5}}");
    expect(&(openai_options){.model = OPENAI_MODEL_GPT}, "application/json",
           "{\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":50,"
           "\"input_token_details\":{\"audio_tokens\":50,\"text_tokens\":0},\"output_tokens\":9,\"total_tokens\":59}}");
    expect(&(openai_options){.format = OPENAI_FORMAT_TEXT}, "text/plain; charset=utf-8", "H\xc3\xa9llo, you \"Bye\"\n");
    expect(&(openai_options){.format = OPENAI_FORMAT_SRT}, "text/plain; charset=utf-8",
           "1\n00:00:00,100 --> 00:00:00,900\nH\xc3\xa9llo, you\n\n2\n00:00:02,000 --> 00:00:02,500\n\"Bye\"\n\n");
    expect(&(openai_options){.format = OPENAI_FORMAT_VTT}, "text/vtt; charset=utf-8",
           "WEBVTT\n\n00:00:00.100 --> 00:00:00.900\nH\xc3\xa9llo, you\n\n00:00:02.000 --> 00:00:02.500\n\"Bye\"\n\n");
    expect(
        &(openai_options){.format = OPENAI_FORMAT_VERBOSE_JSON, .segments = true}, "application/json",
        "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":3.5,\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\","
        "\"segments\":[{\"id\":0,\"seek\":10,\"start\":0.1,\"end\":0.9,\"text\":\"H\xc3\xa9llo, you\",\"tokens\":[],"
        "\"temperature\":0.0,\"avg_logprob\":-0.2877,\"compression_ratio\":1.0,\"no_speech_prob\":0.0},"
        "{\"id\":1,\"seek\":200,\"start\":2.0,\"end\":2.5,\"text\":\"\\\"Bye\\\"\",\"tokens\":[],\"temperature\":0.0,"
        "\"avg_logprob\":-0.6931,\"compression_ratio\":2.5,\"no_speech_prob\":0.0}],"
        "\"usage\":{\"type\":\"duration\",\"seconds\":3.5}}");
    expect(
        &(openai_options){.format = OPENAI_FORMAT_VERBOSE_JSON, .words = true}, "application/json",
        "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":3.5,\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\","
        "\"words\":[{\"word\":\"H\xc3\xa9llo,\",\"start\":0.1,\"end\":0.5},{\"word\":\"you\",\"start\":0.5,\"end\":0.9}"
        ","
        "{\"word\":\"\\\"Bye\\\"\",\"start\":2.0,\"end\":2.5}],\"usage\":{\"type\":\"duration\",\"seconds\":3.5}}");
}

/* The first speaker is known; a segment of two people is two. */
static void speakers(void **state) {
    (void)state;
    expect(&(openai_options){.format = OPENAI_FORMAT_DIARIZED_JSON, .n_known = 1, .known = {"agent"}},
           "application/json",
           "{\"task\":\"transcribe\",\"duration\":3.5,\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\",\"segments\":["
           "{\"type\":\"transcript.text.segment\",\"id\":\"seg_0\",\"start\":0.1,\"end\":0.5,\"speaker\":\"A\","
           "\"text\":\"H\xc3\xa9llo,\"},"
           "{\"type\":\"transcript.text.segment\",\"id\":\"seg_1\",\"start\":0.5,\"end\":0.9,\"speaker\":\"B\","
           "\"text\":\"you\"},"
           "{\"type\":\"transcript.text.segment\",\"id\":\"seg_2\",\"start\":2.0,\"end\":2.5,\"speaker\":\"agent\","
           "\"text\":\"\\\"Bye\\\"\"}],\"usage\":{\"type\":\"duration\",\"seconds\":3.5}}");
}

static void data_urls(void **state) {
    static const struct {
        const char *url, *bytes;
    } cases[] = {{"data:audio/wav;base64,UklGRg==", "RIFF"},
                 {"DATA:audio/mpeg;codecs=x;BASE64,SUQz\r\n", "ID3"},
                 {"data:;base64,YQ==", "a"},
                 {"data:audio/wav,RIFF", NULL},
                 {"data:audio/wav;base64,", NULL},
                 {"data:audio/wav;base64,UklGR", NULL},
                 {"data:audio/wav;base64,Ukl GRg=", NULL},
                 {"data:audio/wav;base64,====", NULL},
                 {"http://127.0.0.1/a;base64,UklGRg==", NULL},
                 {"", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128], *bytes = NULL;
        size_t n = strlen(cases[i].url), made;
        memcpy(text, cases[i].url, n);
        made = openai_data_url(text, n, &bytes);
        assert_int_equal(made, cases[i].bytes ? strlen(cases[i].bytes) : 0);
        if (made) assert_memory_equal(bytes, cases[i].bytes, made);
    }
}

static void log_probabilities(void **state) {
    (void)state;
    expect(
        &(openai_options){.model = OPENAI_MODEL_WHISPER, .logprobs = true}, "application/json",
        "{\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\",\"usage\":{\"type\":\"duration\",\"seconds\":3.5},\"logprobs\":["
        "{\"token\":\"H\xc3\xa9llo,\",\"logprob\":0.0,\"bytes\":[72,195,169,108,108,111,44]},"
        "{\"token\":\" you\",\"logprob\":-0.6931,\"bytes\":[32,121,111,117]},"
        "{\"token\":\" \\\"Bye\\\"\",\"logprob\":-11.5129,\"bytes\":[32,34,66,121,101,34]}]}");
}

static void expect_event(json_t *event, const char *want) {
    size_t n = 0;
    char *text = openai_sse(event, &n);
    assert_non_null(text);
    assert_int_equal(n, strlen(want));
    assert_memory_equal(text, want, n);
    mem_free(text);
}

static void events(void **state) {
    openai_options o = {.model = OPENAI_MODEL_GPT};
    document d = make();
    (void)state;
    expect_event(openai_delta_event(&d.segments[0].segment, true, false),
                 "data: {\"type\":\"transcript.text.delta\",\"delta\":\"H\xc3\xa9llo, you\"}\n\n");
    expect_event(openai_delta_event(&d.segments[1].segment, false, true),
                 "data: {\"type\":\"transcript.text.delta\",\"delta\":\" \\\"Bye\\\"\",\"logprobs\":[{\"token\":\" "
                 "\\\"Bye\\\"\","
                 "\"logprob\":-11.5129,\"bytes\":[32,34,66,121,101,34]}]}\n\n");
    expect_event(
        openai_done_event(&d, &o, &usage),
        "data: {\"type\":\"transcript.text.done\",\"text\":\"H\xc3\xa9llo, you \\\"Bye\\\"\",\"usage\":{\"type\":"
        "\"tokens\",\"input_tokens\":50,\"input_token_details\":{\"audio_tokens\":50,\"text_tokens\":0},"
        "\"output_tokens\":9,\"total_tokens\":59}}\n\n");
    document_free(&d);
}

static void nothing_said(void **state) {
    document d = {0};
    size_t n;
    const char *type;
    (void)state;
    char *body = openai_body(&d, &(openai_options){.format = OPENAI_FORMAT_TEXT}, &usage, "en", &n, &type);
    assert_int_equal(n, 1);
    mem_free(body);
    body = openai_body(&d, &(openai_options){.format = OPENAI_FORMAT_VERBOSE_JSON, .segments = true}, &usage, "en", &n,
                       &type);
    assert_non_null(strstr(body, "\"text\":\"\",\"segments\":[]"));
    mem_free(body);
}

/* Every failing allocation gives no body, or a whole one. */
static void memory_fails(void **state) {
    document d = make();
    (void)state;
    for (int format = OPENAI_FORMAT_JSON; format <= OPENAI_FORMAT_VTT; format++) {
        openai_options o = {.format = (openai_format)format, .words = true, .segments = true, .logprobs = true};
        for (uint64_t nth = 1;; nth++) {
            size_t n;
            const char *type;
            mem_fault_arm(nth);
            char *body = openai_body(&d, &o, &usage, "en", &n, &type);
            bool hit = mem_fault_hit();
            mem_fault_arm(0);
            assert_true(body || hit);
            assert_true(!body || n > 10);
            mem_free(body);
            if (!hit) break;
        }
    }
    document_free(&d);
}

static void errors(void **state) {
    static const struct {
        steno_err e;
        int status;
        const char *type;
    } want[] = {{STENO_E_FORMAT, 400, "invalid_request_error"}, {STENO_E_UNSUPPORTED, 400, "invalid_request_error"},
                {STENO_E_LIMIT, 413, "invalid_request_error"},  {STENO_E_AGAIN, 503, "server_error"},
                {STENO_E_NOMEM, 503, "server_error"},           {STENO_E_IO, 500, "server_error"},
                {STENO_E_INTERNAL, 500, "server_error"}};
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        openai_failure f;
        openai_failure_of(&f, want[i].e, "/var/secret: no");
        assert_int_equal(f.status, want[i].status);
        assert_string_equal(f.type, want[i].type);
        if (f.status >= 500) assert_null(strstr(f.message, "secret"));
    }
}

static void refusals(void **state) {
    net_reply reply = {0};
    call c = {0};
    (void)state;
    openai_refuse(&reply, &c, &(call_refusal){.status = 401, .code = "unauthorized", .message = "no such key"});
    assert_int_equal(reply.status, 401);
    assert_string_equal(reply.body,
                        "{\"error\":{\"message\":\"no such key\",\"type\":\"invalid_request_error\",\"param\":null,"
                        "\"code\":\"invalid_api_key\"}}");
    mem_free(reply.owned);
    openai_refuse(&reply, &c,
                  &(call_refusal){.status = 429, .code = "rate", .message = "slow down", .retry_after_s = 7});
    assert_int_equal(reply.retry_after_s, 7);
    assert_string_equal(reply.body, "{\"error\":{\"message\":\"slow down\",\"type\":\"requests\",\"param\":null,"
                                    "\"code\":\"rate_limit_exceeded\"}}");
    mem_free(reply.owned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),       cmocka_unit_test(speakers),
        cmocka_unit_test(data_urls),    cmocka_unit_test(log_probabilities),
        cmocka_unit_test(events),       cmocka_unit_test(nothing_said),
        cmocka_unit_test(memory_fails), cmocka_unit_test(errors),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
