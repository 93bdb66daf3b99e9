/* test_wyoming.c: Wyoming's framing, wherever bytes are cut, its limits, and what its events ask for and say. */
#include "api/wyoming_event.h"
#include "api/wyoming_frame.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- framing: in --------------------------------------------------------------------------------------------------- */

/* All that a reader says of the bytes, cut every `step`, as text: "type data(payload bytes)" and the payloads' bytes. */
static steno_err read_all(const char *bytes, size_t n, size_t step, char *said, size_t room) {
    wyoming_reader r = {0};
    size_t length = 0;
    steno_err e = STENO_OK;
    said[0] = 0;
    for (size_t from = 0; from < n && e == STENO_OK; from += step) {
        size_t left = n - from < step ? n - from : step;
        unsigned char *copy = malloc(left); /* of the exact size, so that reading past it is seen */
        const unsigned char *at = memcpy(copy, bytes + from, left);
        wyoming_item item;
        while ((e = wyoming_read(&r, &at, &left, 1000, &item)) == STENO_OK && item.kind != WYOMING_NOTHING) {
            char *data = item.kind == WYOMING_EVENT ? json_dumps(item.data, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
            length +=
                (size_t)(item.kind == WYOMING_EVENT
                             ? snprintf(said + length, room - length, "%s%s(%zu)", item.type, data, item.payload_bytes)
                             : snprintf(said + length, room - length, "%.*s%s", (int)item.n, (const char *)item.bytes,
                                        item.last ? "." : ""));
            free(data);
            assert_true(length < room);
        }
        assert_true(e != STENO_OK || left == 0);
        free(copy);
    }
    if (e == STENO_OK) assert_false(wyoming_late(&r, INT64_MAX)); /* nothing is left over */
    wyoming_reader_free(&r);
    return e;
}

static void expect_read(const char *bytes, const char *said) {
    char out[2048];
    size_t n = strlen(bytes);
    for (size_t step = 1; step <= n; step++) {
        assert_int_equal(read_all(bytes, n, step, out, sizeof out), STENO_OK);
        assert_string_equal(out, said);
    }
}

static void events_however_they_are_cut(void **state) {
    (void)state;
    expect_read("{\"type\":\"describe\"}\n", "describe{}(0)");
    expect_read("{\"type\": \"ping\", \"data\": {\"text\": \"a\"}}\r\n", "ping{\"text\":\"a\"}(0)");
    expect_read("{\"type\":\"x\",\"data\":{\"a\":1,\"b\":2},\"data_length\":15}\n{\"b\":3,\"c\":[4]}",
                "x{\"a\":1,\"b\":3,\"c\":[4]}(0)");
    expect_read("{\"type\":\"x\",\"data\":null,\"data_length\":null,\"payload_length\":0}\n", "x{}(0)");
    expect_read("{\"type\":\"x\",\"version\":\"1.7.2\",\"data_length\":2}\n{}{\"type\":\"y\"}\n", "x{}(0)y{}(0)");
}

/* Payloads come in pieces as they are cut; a line end or a brace in them is just a byte. */
static void payloads(void **state) {
    (void)state;
    static const char bytes[] =
        "{\"type\":\"a\",\"data_length\":7,\"payload_length\":5}\n{\"r\":1}{\n}\"x{\"type\":\"b\"}\n";
    char out[256];
    for (size_t step = 1; step < sizeof bytes; step++) {
        assert_int_equal(read_all(bytes, sizeof bytes - 1, step, out, sizeof out), STENO_OK);
        assert_string_equal(out, "a{\"r\":1}(5){\n}\"x.b{}(0)");
    }
}

static void expect_refused(const char *bytes, steno_err why) {
    char out[512];
    assert_int_equal(read_all(bytes, strlen(bytes), strlen(bytes), out, sizeof out), why);
    assert_int_equal(read_all(bytes, strlen(bytes), 1, out, sizeof out), why);
}

static void what_is_no_wyoming(void **state) {
    (void)state;
    expect_refused("GET / HTTP/1.1\r\n", STENO_E_FORMAT);
    expect_refused("\n", STENO_E_FORMAT);
    expect_refused("42\n", STENO_E_FORMAT);
    expect_refused("[]\n", STENO_E_FORMAT);
    expect_refused("{}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"\"}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":7}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"data\":[]}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"data_length\":-1}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"payload_length\":1.5}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"payload_length\":\"9\"}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"data_length\":5}\nnope!", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"data_length\":2}\n[]", STENO_E_FORMAT);
    expect_refused("{\"type\":\"x\",\"data_length\":65537}\n", STENO_E_LIMIT);
    expect_refused("{\"type\":\"x\",\"payload_length\":1048577}\n", STENO_E_LIMIT);
    expect_refused("{\"type\":\"x\",\"payload_length\":99999999999999999999}\n", STENO_E_FORMAT);
    expect_refused("{\"type\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}\n", STENO_E_LIMIT);
}

/* A line that never ends is refused as soon as it is too long, and no more than that is kept. */
static void endless_header(void **state) {
    wyoming_reader r = {0};
    wyoming_item item;
    unsigned char bytes[1024];
    steno_err e = STENO_OK;
    size_t sent = 0;
    (void)state;
    memset(bytes, 'a', sizeof bytes);
    while (e == STENO_OK) {
        const unsigned char *at = bytes;
        size_t n = sizeof bytes;
        e = wyoming_read(&r, &at, &n, 1000, &item);
        sent += sizeof bytes;
        assert_true(r.room <= 2 * WYOMING_HEADER_BYTES_MAX);
    }
    assert_int_equal(e, STENO_E_LIMIT);
    assert_int_equal(sent, WYOMING_HEADER_BYTES_MAX + sizeof bytes);
    wyoming_reader_free(&r);
}

/* Whoever sends a byte now and then keeps an event open no longer than that; whole events have no age. */
static void late_events(void **state) {
    static const char bytes[] = "{\"type\":\"a\",\"data_length\":2,\"payload_length\":2}\n{}x#{\"type\":\"b\"}\n";
    wyoming_reader r = {0};
    int64_t now_ms = 5000, began_ms = 0;
    (void)state;
    assert_false(wyoming_late(&r, now_ms));
    for (size_t i = 0; i < sizeof bytes - 1; i++, now_ms += 10) {
        const unsigned char *at = (const unsigned char *)bytes + i;
        size_t n = 1;
        wyoming_item item;
        do {
            assert_int_equal(wyoming_read(&r, &at, &n, now_ms, &item), STENO_OK);
        } while (item.kind != WYOMING_NOTHING);
        if (!began_ms) began_ms = now_ms;
        bool whole = bytes[i] == '#' || i == sizeof bytes - 2;
        assert_false(wyoming_late(&r, began_ms + WYOMING_EVENT_MS - 1));
        assert_int_equal(wyoming_late(&r, began_ms + WYOMING_EVENT_MS), !whole);
        if (whole) began_ms = 0;
    }
    wyoming_reader_free(&r);
}

/* ---- framing: out -------------------------------------------------------------------------------------------------- */

static void expect_written(const char *type, json_t *data, const char *bytes) {
    size_t n;
    char *out = wyoming_write(type, data, &n);
    assert_non_null(out);
    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(out, bytes, n);
    mem_free(out);
}

static void written(void **state) {
    (void)state;
    expect_written("transcript-stop", NULL, "{\"type\":\"transcript-stop\",\"version\":\"1.7.2\"}\n");
    expect_written(
        "transcript-chunk", json_pack("{s:s}", "text", "h\xc3\xa9"), /* bytes, not characters */
        "{\"type\":\"transcript-chunk\",\"version\":\"1.7.2\",\"data_length\":14}\n{\"text\":\"h\xc3\xa9\"}");
}

/* ---- asked for ----------------------------------------------------------------------------------------------------- */

static void formats(void **state) {
    static const char *const wrong[][2] = {
        {"{\"rate\":7999,\"width\":2,\"channels\":1}", "rate: want 8000 to 48000"},
        {"{\"rate\":\"16000\",\"width\":2,\"channels\":1}", "rate: want 8000 to 48000"},
        {"{\"rate\":16000,\"width\":4,\"channels\":1}", "width: want 2"},
        {"{\"rate\":16000,\"width\":2,\"channels\":3}", "channels: want 1 to 2"},
        {"{\"rate\":16000,\"width\":2}", "channels: want 1 to 2"},
        {"{}", "rate: want 8000 to 48000"},
    };
    pcm_format f;
    json_t *o = json_loads("{\"rate\":22050,\"width\":2,\"channels\":2,\"timestamp\":null}", 0, NULL);
    (void)state;
    assert_int_equal(wyoming_format(o, &f), STENO_OK);
    assert_true(f.encoding == PCM_S16LE && f.rate_hz == 22050 && f.channels == 2);
    json_decref(o);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o = json_loads(wrong[i][0], 0, NULL);
        assert_int_equal(wyoming_format(o, &f), STENO_E_INVALID);
        assert_string_equal(steno_error_detail(), wrong[i][1]);
        json_decref(o);
    }
}

static void transcribe(const char *json, steno_err e, const char *says) {
    char warning[WYOMING_WARNING_BYTES_MAX];
    json_t *o = json_loads(json, 0, NULL);
    assert_int_equal(wyoming_transcribe(o, "tiny", "en", warning), e);
    assert_string_equal(e == STENO_OK ? warning : steno_error_detail(), says);
    json_decref(o);
}

static void asked_for(void **state) {
    (void)state;
    transcribe("{}", STENO_OK, "");
    transcribe("{\"language\":\"en-US\",\"name\":\"tiny\",\"context\":null}", STENO_OK, "");
    transcribe("{\"language\":\"EN\"}", STENO_OK, "");
    transcribe("{\"language\":\"de\"}", STENO_E_UNSUPPORTED, "language: this server understands 'en' only");
    transcribe("{\"language\":\"eng\"}", STENO_E_UNSUPPORTED, "language: this server understands 'en' only");
    transcribe("{\"language\":7}", STENO_E_UNSUPPORTED, "language: this server understands 'en' only");
    transcribe("{\"name\":\"large\",\"context\":{}}", STENO_OK,
               "name: there is no such model, 'tiny' was used; context: not used");
}

/* ---- said ---------------------------------------------------------------------------------------------------------- */

/* Every member the protocol calls required is there, for the program and its model. */
static void info(void **state) {
    json_t *o = wyoming_info("tiny", "en"), *program = json_array_get(json_object_get(o, "asr"), 0);
    const json_t *both[] = {program, json_array_get(json_object_get(program, "models"), 0)};
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *members[] = {"name", "description", "version"};
        for (int k = 0; k < 3; k++) assert_true(json_is_string(json_object_get(both[i], members[k])));
        assert_true(json_is_true(json_object_get(both[i], "installed")));
        json_t *by = json_object_get(both[i], "attribution");
        assert_true(json_is_string(json_object_get(by, "name")) && json_is_string(json_object_get(by, "url")));
    }
    assert_string_equal(json_string_value(json_object_get(both[1], "name")), "tiny");
    assert_string_equal(json_string_value(json_array_get(json_object_get(both[1], "languages"), 0)), "en");
    assert_true(json_is_true(json_object_get(program, "supports_transcript_streaming")));
    assert_true(json_is_true(json_object_get(program, "requires_external_vad")));
    assert_true(json_is_array(json_object_get(o, "tts")) && json_array_size(json_object_get(o, "tts")) == 0);
    json_decref(o);
}

static void expect_json(json_t *o, const char *json) {
    char *text = json_dumps(o, JSON_COMPACT);
    assert_string_equal(text, json);
    free(text);
    json_decref(o);
}

static void pongs_and_errors(void **state) {
    json_t *ping = json_loads("{\"text\":\"hi\"}", 0, NULL), *empty = json_object();
    (void)state;
    expect_json(wyoming_pong(ping), "{\"text\":\"hi\"}");
    expect_json(wyoming_pong(empty), "{\"text\":null}");
    expect_json(wyoming_error("limit", "too long \xff"), "{\"text\":\"too long ?\",\"code\":\"limit\"}");
    json_decref(ping);
    json_decref(empty);
}

static void transcripts(void **state) {
    wyoming_text t = {0};
    const char *chunk;
    static char page[1001];
    steno_err e = STENO_OK;
    (void)state;
    expect_json(wyoming_transcript(&t, "en", ""), "{\"text\":\"\",\"language\":\"en\"}");
    assert_int_equal(wyoming_text_add(&t, "Turn on", &chunk), STENO_OK);
    assert_string_equal(chunk, "Turn on");
    assert_int_equal(wyoming_text_add(&t, "", &chunk), STENO_OK);
    assert_string_equal(chunk, "");
    assert_int_equal(wyoming_text_add(&t, "the light.", &chunk), STENO_OK);
    assert_string_equal(chunk, " the light.");
    expect_json(wyoming_transcript(&t, "en", "context: not used"),
                "{\"text\":\"Turn on the light.\",\"language\":\"en\",\"warning\":\"context: not used\"}");
    memset(page, 'a', 1000);
    for (int i = 0; i < 100 && e == STENO_OK; i++) e = wyoming_text_add(&t, page, &chunk);
    assert_int_equal(e, STENO_E_LIMIT);
    assert_in_range(t.n, WYOMING_TEXT_BYTES_MAX - 1001, WYOMING_TEXT_BYTES_MAX);
    wyoming_text_free(&t);
}

/* ---- without memory ----------------------------------------------------------------------------------------------- */

/* Each allocation in turn fails: an error with a sentence, no crash, no leak (the sanitizer's to find). */
static void without_memory(void **state) {
    static const char bytes[] = "{\"type\":\"a\",\"data\":{\"x\":1},\"data_length\":7}\n{\"y\":2}";
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        wyoming_reader r = {0};
        wyoming_text t = {0};
        wyoming_item item = {.kind = WYOMING_NOTHING};
        const unsigned char *at = (const unsigned char *)bytes;
        size_t n = sizeof bytes - 1, written = 0;
        const char *chunk;
        mem_fault_arm(nth);
        steno_err e = wyoming_read(&r, &at, &n, 1, &item);
        if (e == STENO_OK) e = wyoming_text_add(&t, "a text", &chunk);
        char *out = e == STENO_OK ? wyoming_write("a", json_object(), &written) : NULL;
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_true(hit ? e == STENO_E_NOMEM || (e == STENO_OK && !out) : e == STENO_OK && out);
        mem_free(out);
        wyoming_text_free(&t);
        wyoming_reader_free(&r);
        if (!hit) {
            assert_in_range(nth, 4, 10);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_however_they_are_cut),
        cmocka_unit_test(payloads),
        cmocka_unit_test(what_is_no_wyoming),
        cmocka_unit_test(endless_header),
        cmocka_unit_test(late_events),
        cmocka_unit_test(written),
        cmocka_unit_test(formats),
        cmocka_unit_test(asked_for),
        cmocka_unit_test(info),
        cmocka_unit_test(pongs_and_errors),
        cmocka_unit_test(transcripts),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
