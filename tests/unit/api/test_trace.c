/* test_trace.c: which requests are in a trace, what a collector's configuration may be, what becomes of spans that nobody takes, memory
 * that runs out; and, printed, what a span costs. The clocks and the network are real; nothing waits for them. */
#include "api/trace_int.h"

#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net_head.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after those */
#include <cmocka.h>

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
#define NOBODY "http://127.0.0.1:9" /* discard: nothing listens */

static service owner;

static int setup(void **state) {
    (void)state;
    net_config config = {.bind = "127.0.0.1", .max_connections = 4, .ping_s = 60};
    net_handler handler = {0};
    log_set_level(LOG_LEVEL_ERROR);
    return net_open(&config, &handler, &owner.net) == STENO_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    net_close(owner.net);
    return 0;
}

static tracer *open_tracer(const char *url, float percent) {
    tracer *t;
    trace_config config = {.url = url, .percent = percent};
    assert_int_equal(tracer_open(&config, &owner, &t), STENO_OK);
    return t;
}

static void close_tracer(tracer *t) {
    tracer_stop(t);
    tracer_close(t);
}

static const net_request *request(const char *headers) {
    static net_head head;
    static char bytes[4096];
    snprintf(bytes, sizeof bytes, "GET / HTTP/1.1\r\nhost: a\r\n%s\r\n", headers);
    net_head_parse(&head, bytes, strlen(bytes));
    assert_int_equal(head.status, 0);
    return &head.r;
}

/* ---- who is in which trace --------------------------------------------------------------------------------------- */

static void test_off(void **state) {
    tracer *t = open_tracer("", 100);
    trace of, later;
    char text[TRACE_TEXT_BYTES], id[TRACE_HEX_BYTES];
    (void)state;
    trace_begin(t, request("traceparent: " PARENT "01\r\ntracestate: a=1\r\nTraceState: b=2\r\n"), true, &of);
    assert_true(of.at.known && !of.at.recorded);
    trace_remember(&of, text);
    assert_string_equal(text, PARENT "01 a=1, b=2"); /* as it came */
    assert_string_equal(trace_id(&of, id), "4bf92f3577b34da6a3ce929d0e0e4736");
    trace_resume(t, text, &later);
    assert_true(later.at.known && !later.at.recorded);
    trace_begin(t, request(""), true, &of);
    assert_false(of.at.known);
    assert_string_equal(trace_id(&of, id), "");
    trace_begin(t, NULL, true, &of);
    assert_false(of.at.known);
    assert_null(trace_track_open(t, &of.at));
    assert_int_equal(t->waiting, 0);
    close_tracer(t);
}

static void test_on(void **state) {
    tracer *t = open_tracer(NOBODY, 0);
    trace of, later;
    char text[TRACE_TEXT_BYTES];
    (void)state;
    trace_begin(t, request("traceparent: " PARENT "01\r\n"), false, &of);
    assert_true(of.at.recorded && of.has_parent);
    assert_memory_not_equal(of.parent, of.at.span, sizeof of.parent);
    trace_remember(&of, text);
    trace_resume(t, text, &later);
    assert_true(later.at.recorded);
    assert_memory_equal(later.parent, of.at.span, sizeof of.at.span);
    assert_memory_equal(later.at.trace, of.at.trace, sizeof of.at.trace);
    trace_begin(t, request("traceparent: " PARENT "00\r\n"), true, &of); /* the caller did not sample it */
    assert_true(of.at.known && !of.at.recorded);
    trace_begin(t, request("traceparent: " PARENT "01\r\ntraceparent: " PARENT "01\r\n"), true,
                &of); /* which of them? */
    assert_false(of.at.known);
    trace_begin(t, request(""), true, &of);
    assert_false(of.at.known);
    close_tracer(t);
}

/* 30 % of 20,000, give or take ten standard deviations. */
static void test_share(void **state) {
    tracer *t = open_tracer(NOBODY, 30);
    int begun = 0;
    trace of;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        trace_begin(t, request(""), true, &of);
        assert_int_equal(of.at.known, of.at.recorded);
        begun += of.at.recorded;
        trace_begin(t, request(""), false, &of); /* not worth one */
        assert_false(of.at.known);
    }
    assert_in_range(begun, 6000 - 650, 6000 + 650);
    close_tracer(t);
}

/* ---- configuration ------------------------------------------------------------------------------------------------ */

static void test_urls(void **state) {
    static const char *const good[][2] = {
        {"http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"},
        {"http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"},
        {"https://example.org/otlp/", "https://example.org/otlp/v1/traces"},
        {"https://example.org/otlp/v1/traces", "https://example.org/otlp/v1/traces"},
    };
    tracer *t = open_tracer("", 0);
    char lengthy[TRACE_URL_BYTES] = "http://a/";
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tracer_configure(t, &(trace_config){.url = good[i][0]}), STENO_OK);
        assert_string_equal(t->url, good[i][1]);
    }
    memset(lengthy + 9, 'x', sizeof lengthy - 18);
    assert_int_not_equal(tracer_configure(t, &(trace_config){.url = "ftp://example.org"}), STENO_OK);
    assert_int_equal(tracer_configure(t, &(trace_config){.url = lengthy}), STENO_E_INVALID);
    assert_string_equal(t->url, good[3][1]); /* the old one stays */
    close_tracer(t);
}

static steno_err with_headers(tracer *t, const char *text) {
    char path[] = "/tmp/test_trace_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    steno_err e = tracer_configure(t, &(trace_config){.url = NOBODY, .headers_file = path});
    unlink(path);
    return e;
}

static void test_headers(void **state) {
    static const char *const wrong[] = {
        "authorization Bearer hush\n", ": hush\n",     "a b: hush\n",  "a: hush\x01\n",
        "Content-Type: hush/plain\n",  "host: hush\n", "x: 1\nhush\n", "x: \xc3\xa9 hush\n",
        "Transfer-Encoding: hush\r\n"};
    tracer *t = open_tracer(NOBODY, 0);
    char *lengthy = malloc(9000);
    (void)state;
    assert_int_equal(with_headers(t, ""), STENO_OK);
    assert_int_equal(with_headers(t, "# a remark\n\nAuthorization: Bearer hush\r\nx-a: b"), STENO_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(with_headers(t, wrong[i]), STENO_E_INVALID);
        assert_null(strstr(steno_error_detail(), "hush")); /* it is a secret */
    }
    assert_non_null(lengthy);
    memset(lengthy, 'x', 8999);
    memcpy(lengthy, "a: ", 3);
    lengthy[8999] = 0;
    assert_int_equal(with_headers(t, lengthy), STENO_E_INVALID);
    free(lengthy);
    assert_int_equal(tracer_configure(t, &(trace_config){.url = NOBODY, .headers_file = "/nowhere"}), STENO_E_IO);
    close_tracer(t);
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

static void say(tracer *t, const trace *of) {
    trace ended = *of;
    ended.method = "GET";
    ended.route = "/v1/models";
    trace_request_over(t, &ended, &(trace_outcome){.dialect = "openai", .outcome = "ok", .status = 200});
    assert_false(ended.at.recorded); /* once */
}

/* Nobody takes them: so many wait, the others are dropped, and nobody waits for anything. */
static void test_bounds(void **state) {
    tracer *t = open_tracer(NOBODY, 0);
    trace of;
    (void)state;
    trace_begin(t, request("traceparent: " PARENT "01\r\n"), true, &of);
    int64_t from_ns = trace_now_ns();
    for (int i = 0; i < TRACE_QUEUE_SPANS; i++) say(t, &of);
    printf("a span of a request: %.2f us\n", (double)(trace_now_ns() - from_ns) / 1e3 / TRACE_QUEUE_SPANS);
    assert_int_equal(t->waiting, TRACE_QUEUE_SPANS);
    assert_int_equal(t->full, 0);
    for (int i = 0; i < 1000; i++) say(t, &of);
    assert_int_equal(t->waiting, TRACE_QUEUE_SPANS);
    assert_int_equal(t->full, 1000);
    assert_true(t->n_batches <= TRACE_QUEUE_BATCHES);
    tracer_stop(t);
    assert_int_equal(t->waiting, 0);
    assert_int_equal(t->lost, TRACE_QUEUE_SPANS);
    assert_true(tracer_flushed(t));
    say(t, &of); /* at the end somebody always has something to say */
    assert_int_equal(t->lost + t->full, TRACE_QUEUE_SPANS + 1000);
    tracer_close(t);
}

static void test_cost_off(void **state) {
    tracer *t = open_tracer("", 0);
    const net_request *with = request("user-agent: a\r\naccept: */*\r\nx-request-id: 1\r\n");
    enum { TIMES = 200000 };
    trace of;
    (void)state;
    int64_t from_ns = trace_now_ns();
    for (int i = 0; i < TIMES; i++) trace_begin(t, with, true, &of);
    printf("a request without a trace, off: %.3f us\n", (double)(trace_now_ns() - from_ns) / 1e3 / TIMES);
    close_tracer(t);
}

static void hear(tracer *t, const trace *of) {
    trace_track *k = trace_track_open(t, &of->at);
    trace_track_turn(k);
    trace_track_hears(k);
    for (int i = 0; i < TRACE_FINALS_MAX + 8; i++) trace_track_words(k, true);
    trace_track_holds(k, true);
    trace_track_read(k, 0.5);
    trace_track_heard(k, &(trace_heard){.model = "tiny", .error = STENO_E_FORMAT, .channels = 1});
    trace_track_close(k);
}

/* Each allocation fails in turn: spans are lost and counted, and nothing else happens. */
static void test_memory(void **state) {
    (void)state;
    for (unsigned long nth = 1;; nth++) {
        tracer *t = NULL;
        trace_config config = {.url = NOBODY};
        trace of;
        mem_fault_arm(nth);
        if (tracer_open(&config, &owner, &t) == STENO_OK) {
            trace_begin(t, request("traceparent: " PARENT "01\r\n"), true, &of);
            hear(t, &of);
            say(t, &of);
        }
        mem_fault_arm(0);
        bool hit = mem_fault_hit();
        if (t) {
            assert_true(t->waiting + t->full <= 5);
            if (!hit) assert_int_equal(t->waiting, 5); /* queue, gate hold, decode, recognition, the request */
        }
        close_tracer(t);
        if (!hit) break;
        assert_true(nth < 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off),      cmocka_unit_test(test_on),      cmocka_unit_test(test_share),
        cmocka_unit_test(test_urls),     cmocka_unit_test(test_headers), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_cost_off), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
