/* test_trace_text.c: what is a traceparent and a tracestate, by the examples of the recommendation; spans to the byte; answers of
 * collectors. tests/e2e/test_traces.mjs has OpenTelemetry's own definition judge them. */
#include "watch/trace_text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after those */
#include <cmocka.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

static void test_parents(void **state) {
    static const char *const good[][2] = {
        {"00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"},
        {"00-" TRACE "-" SPAN "-00", "00-" TRACE "-" SPAN "-00"},
        {"00-" TRACE "-" SPAN "-03", "00-" TRACE "-" SPAN "-03"},
        {"00-" TRACE "-" SPAN "-ff", "00-" TRACE "-" SPAN "-03"}, /* bits that mean nothing yet are not passed on */
        {"cc-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-01"}, /* a later version, as far as it is known */
        {"cc-" TRACE "-" SPAN "-01-what", "00-" TRACE "-" SPAN "-01"},
    };
    static const char *const wrong[] = {"",
                                        "00",
                                        "00-" TRACE "-" SPAN,
                                        "00-" TRACE "-" SPAN "-1",
                                        "00-" TRACE "-" SPAN "-01-",
                                        "00-" TRACE "-" SPAN "-01-what",
                                        "00-" TRACE "-" SPAN "-01 ",
                                        "ff-" TRACE "-" SPAN "-01",
                                        "0x-" TRACE "-" SPAN "-01",
                                        "cc-" TRACE "-" SPAN "-01.what",
                                        "00_" TRACE "-" SPAN "-01",
                                        "00-" TRACE "_" SPAN "-01",
                                        "00-" TRACE "-" SPAN "_01",
                                        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
                                        "00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01",
                                        "00-00000000000000000000000000000000-" SPAN "-01",
                                        "00-" TRACE "-0000000000000000-01",
                                        "00-" TRACE "-" SPAN "-0x",
                                        "00-" TRACE "-" SPAN "-01, 00-" TRACE "-" SPAN "-01"};
    char text[TRACE_PARENT_BYTES];
    trace_link at;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(trace_parent_read(good[i][0], &at));
        assert_true(at.known && !at.recorded);
        trace_parent_write(&at, text);
        assert_string_equal(text, good[i][1]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(trace_parent_read(wrong[i], &at));
        assert_false(at.known);
    }
}

static void test_states(void **state) {
    static const char *const good[] = {"",
                                       "rojo=00f067aa0ba902b7",
                                       "congo=t61rcWkgMzE",
                                       "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
                                       "fw529a3039@dt=FfIAAAA,tenant@vendor=a b;c:d",
                                       "foo=1 , bar=2",
                                       "foo=1,,bar=2,",
                                       "0a_-*/@z=\x21\x7e"};
    static const char *const wrong[] = {"foo",
                                        "foo=",
                                        "=1",
                                        "foo=1=2",
                                        "Foo=1",
                                        "_foo=1",
                                        "foo=1;bar,b\x7f=2",
                                        "f o=1",
                                        "foo=1,bar",
                                        "foo=\r\nevil: 1",
                                        "foo=\xc3\xa9"};
    char out[TRACE_STATE_BYTES], long_one[1200], many[200] = "";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(trace_state_keep(good[i], out));
        assert_string_equal(out, good[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(trace_state_keep(wrong[i], out));
        assert_string_equal(out, "");
    }
    for (int i = 0; i < 33; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "%s%c%d=1", i ? "," : "", 'a' + i % 26, i / 26);
    assert_false(trace_state_keep(many, out)); /* 33 members */
    *strrchr(many, ',') = 0;
    assert_true(trace_state_keep(many, out));
    /* Members beyond 512 bytes go, whole. */
    memset(long_one, 'x', sizeof long_one);
    memcpy(long_one, "a=", 2);
    memcpy(long_one + 200, ",b=", 3);
    memcpy(long_one + 400, ",c=", 3);
    memcpy(long_one + 600, ",d=", 3);
    long_one[800] = 0;
    assert_true(trace_state_keep(long_one, out));
    assert_int_equal(strlen(out), 400);
    memset(long_one + 2, 'x', 300);
    assert_false(trace_state_keep(long_one, out)); /* a value of more than 256 */
}

static void test_rows(void **state) {
    trace_link at, back;
    char text[TRACE_TEXT_BYTES], kept[TRACE_STATE_BYTES];
    (void)state;
    assert_true(trace_parent_read("00-" TRACE "-" SPAN "-01", &at));
    trace_text_write(&at, "a=1,b=2 3", text);
    assert_string_equal(text, "00-" TRACE "-" SPAN "-01 a=1,b=2 3");
    assert_true(trace_text_read(text, &back, kept));
    assert_memory_equal(&at, &back, sizeof at);
    assert_string_equal(kept, "a=1,b=2 3");
    trace_text_write(&at, "", text);
    assert_true(trace_text_read(text, &back, kept));
    assert_string_equal(kept, "");
    trace_text_write(&(trace_link){0}, "a=1", text);
    assert_string_equal(text, "");
    assert_false(trace_text_read("", &back, kept));
    assert_false(trace_text_read("nonsense a=1", &back, kept));
    assert_false(back.known);
}

static trace_span example(void) {
    static const unsigned char parent[TRACE_SPAN_BYTES] = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73};
    trace_span s = {.parent = parent,
                    .parent_remote = true,
                    .state = "a=1",
                    .name = "GET",
                    .name_more = "/v1/\"x\"",
                    .kind = TRACE_SERVER,
                    .begin_ns = 1544712660000000000,
                    .end_ns = 1544712661000000000};
    (void)!trace_parent_read("00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01", &s.at);
    return s;
}

#define IDS                                                                                                            \
    "{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\",\"traceState\":\"a=1\","        \
    "\"parentSpanId\":\"eee19b7ec3c1b173\",\"flags\":769,\"name\":\"GET /v1/\\\"x\\\"\",\"kind\":2,"                   \
    "\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":\"1544712661000000000\","

static void expect(const trace_span *s, const char *wanted) {
    char out[TRACE_JSON_BYTES_MAX];
    size_t n = trace_span_write(s, out, sizeof out);
    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(out, wanted, n);
    for (size_t room = 0; room < n; room++) assert_int_equal(trace_span_write(s, out, room), 0); /* whole or nothing */
}

static void test_spans(void **state) {
    trace_span s = example();
    (void)state;
    s.attributes =
        TRACE_ATTRIBUTES(TRACE_STR("text", "a\\b\n\x01\x7f\xff"), TRACE_STR("nothing", ""), TRACE_STR("null", NULL),
                         TRACE_INT("whole", INT64_MIN), TRACE_REAL("real", 0.5), TRACE_REAL("none", 0.0 / 0.0));
    expect(&s, IDS "\"attributes\":[{\"key\":\"text\",\"value\":{\"stringValue\":\"a\\\\b\\u000a\\u0001??\"}},"
                   "{\"key\":\"whole\",\"value\":{\"intValue\":\"-9223372036854775808\"}},"
                   "{\"key\":\"real\",\"value\":{\"doubleValue\":0.5}},{\"key\":\"none\",\"value\":{\"doubleValue\":0}}"
                   "],\"status\":{}}");
    s = example();
    trace_event events[] = {{.name = "first_text", .at_ns = 5},
                            {.name = "final", .count_name = "n", .at_ns = 6, .count = 1}};
    s.events = events;
    s.n_events = 2;
    s.dropped_events = 3;
    s.failed = true;
    expect(
        &s, IDS
        "\"attributes\":[],\"events\":[{\"timeUnixNano\":\"5\",\"name\":\"first_text\",\"attributes\":[]},"
        "{\"timeUnixNano\":\"6\",\"name\":\"final\",\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"1\"}}]}],"
        "\"droppedEventsCount\":3,\"status\":{\"code\":2}}");
}

/* A root of ours, which ends before it began because a clock was set. */
static void test_root(void **state) {
    trace_span s = example();
    char out[TRACE_JSON_BYTES_MAX];
    (void)state;
    s.parent = NULL;
    s.parent_remote = false;
    s.end_ns = s.begin_ns - 1;
    json_t *o = json_loadb(out, trace_span_write(&s, out, sizeof out), 0, NULL);
    assert_non_null(o);
    assert_null(json_object_get(o, "parentSpanId"));
    assert_int_equal(json_integer_value(json_object_get(o, "flags")), 0x101);
    assert_string_equal(json_string_value(json_object_get(o, "endTimeUnixNano")), "1544712660000000000");
    json_decref(o);
}

static void test_batch(void **state) {
    trace_span s = example();
    char out[2 * TRACE_JSON_BYTES_MAX];
    trace_resource of = {"1.2", "id", "h\"st"};
    (void)state;
    size_t head = trace_batch_head(&of, out, sizeof out), n = head;
    assert_true(head > 0);
    n += trace_span_write(&s, out + n, sizeof out - n);
    out[n++] = ',';
    n += trace_span_write(&s, out + n, sizeof out - n);
    memcpy(out + n, TRACE_BATCH_TAIL, sizeof TRACE_BATCH_TAIL);
    json_t *o = json_loads(out, 0, NULL);
    assert_non_null(o);
    const json_t *scopes = json_object_get(json_array_get(json_object_get(o, "resourceSpans"), 0), "scopeSpans");
    assert_int_equal(json_array_size(json_object_get(json_array_get(scopes, 0), "spans")), 2);
    json_decref(o);
    for (size_t room = 0; room < head; room++) assert_int_equal(trace_batch_head(&of, out, room), 0);
}

static void test_answers(void **state) {
    static const struct {
        const char *json, *why;
        int64_t rejected;
    } cases[] = {
        {"{}", "", 0},
        {"", "", 0},
        {"<html>", "", 0},
        {"[]", "", 0},
        {"{\"partialSuccess\":{}}", "", 0},
        {"{\"partialSuccess\":null}", "", 0},
        {"{\"partialSuccess\":{\"rejectedSpans\":\"7\",\"errorMessage\":\"too old\"}}", "too old", 7},
        {"{\"partialSuccess\":{\"rejectedSpans\":7}}", "", 7},
        {"{\"partialSuccess\":{\"rejectedSpans\":-7}}", "", 0},
        {"{\"partialSuccess\":{\"rejectedSpans\":\"many\"}}", "", 0},
        {"{\"partialSuccess\":{\"rejectedSpans\":[1]}}", "", 0},
        {"{\"partialSuccess\":{\"errorMessage\":\"a warning\"}}", "a warning", 0},
    };
    char why[TRACE_WHY_BYTES], lengthy[1024] = "{\"partialSuccess\":{\"errorMessage\":\"";
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(trace_answer_read(cases[i].json, strlen(cases[i].json), why), cases[i].rejected);
        assert_string_equal(why, cases[i].why);
    }
    assert_int_equal(trace_answer_read(NULL, 0, why), 0);
    memset(lengthy + strlen(lengthy), 'x', 500);
    snprintf(lengthy + strlen(lengthy), 8, "\"}}");
    assert_int_equal(trace_answer_read(lengthy, strlen(lengthy), why), 0);
    assert_int_equal(strlen(why), TRACE_WHY_BYTES - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parents), cmocka_unit_test(test_states), cmocka_unit_test(test_rows),
        cmocka_unit_test(test_spans),   cmocka_unit_test(test_root),   cmocka_unit_test(test_batch),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
