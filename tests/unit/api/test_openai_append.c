/* test_openai_append.c: client events of Realtime sessions cut anywhere; base64 as different encoders write it. */
#include "api/openai_append.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

typedef struct heard {
    unsigned char bytes[8192];
    size_t n;
    size_t most; /* the sink refuses what goes beyond */
} heard;

static steno_err hear(void *user, const unsigned char *bytes, size_t n) {
    heard *h = user;
    assert_true(n > 0 && n <= OPENAI_AUDIO_PIECE);
    if (h->n + n > h->most) return err_fail(STENO_E_AGAIN, "full");
    memcpy(h->bytes + h->n, bytes, n);
    h->n += n;
    return STENO_OK;
}

static steno_err parse(const char *text, size_t cut, heard *h, json_t **out) {
    openai_event e = {0};
    size_t n = strlen(text);
    h->n = 0;
    openai_event_begin(&e);
    char *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, text, n);
    openai_event_push(&e, copy, cut, hear, h);
    openai_event_push(&e, copy + cut, n - cut, hear, h);
    free(copy);
    steno_err error = openai_event_end(&e, out);
    openai_event_free(&e);
    return error;
}

/* However it is cut: this audio, and this rest of the object. */
static void expect(const char *text, steno_err error, const char *audio, const char *rest) {
    static heard h;
    h.most = sizeof h.bytes;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        json_t *object;
        assert_int_equal(parse(text, cut, &h, &object), error);
        assert_int_equal(h.n, strlen(audio));
        assert_memory_equal(h.bytes, audio, h.n);
        char *said = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (rest)
            assert_string_equal(said, rest);
        else
            assert_null(said);
        free(said);
        json_decref(object);
    }
}

#define REST "{\"audio\":\"\",\"type\":\"t\"}"

static void audio_anywhere(void **state) {
    (void)state;
    expect("{\"type\":\"t\",\"audio\":\"aGVsbG8=\"}", STENO_OK, "hello", REST);
    expect("{ \"audio\" : \"aGVsbG8\" , \"type\":\"t\"}", STENO_OK, "hello", REST); /* first, and without padding */
    expect("{\"type\":\"t\",\"audio\":\"\"}", STENO_OK, "", REST);
    expect("{\"type\":\"t\",\"audio\":\"aA==\"}", STENO_OK, "h", REST);
    expect("{\"type\":\"t\",\"audio\":\"Pz8+Pz8/\"}", STENO_OK, "?\?>?\?\?", REST);
    expect("{\"type\":\"t\",\"audio\":\"Pz8-Pz8_\"}", STENO_OK, "?\?>?\?\?", REST); /* base64url */
    expect("{\"type\":\"t\",\"audio\":\"Pz8\\u002bPz8\\/\"}", STENO_OK, "?\?>?\?\?", REST);
    expect("{\"type\":\"t\",\"audio\":\"Pz8\\u002BPz8\\u002f\"}", STENO_OK, "?\?>?\?\?", REST);
}

/* What is called audio elsewhere is no sound: the settings of a session. */
static void not_audio(void **state) {
    (void)state;
    expect("{\"type\":\"t\",\"session\":{\"audio\":\"aGVsbG8=\"}}", STENO_OK, "",
           "{\"session\":{\"audio\":\"aGVsbG8=\"},\"type\":\"t\"}");
    expect("{\"audio\":{\"input\":{}}}", STENO_OK, "", "{\"audio\":{\"input\":{}}}");
    expect("{\"audio\":[\"aGVsbG8=\"]}", STENO_OK, "", "{\"audio\":[\"aGVsbG8=\"]}");
    expect("{\"t\":\"audio\",\"u\":\"aGVsbG8=\"}", STENO_OK, "", "{\"t\":\"audio\",\"u\":\"aGVsbG8=\"}");
    expect("{\"audios\":\"aGVsbG8=\",\"\\\"audio\":\"x\"}", STENO_OK, "",
           "{\"\\\"audio\":\"x\",\"audios\":\"aGVsbG8=\"}");
    expect("{\"a\":\"\\\\\",\"audio\":\"aA\"}", STENO_OK, "h", "{\"a\":\"\\\\\",\"audio\":\"\"}");
}

static void broken(void **state) {
    (void)state;
    expect("", STENO_E_FORMAT, "", NULL);
    expect("[1]", STENO_E_FORMAT, "", NULL);
    expect("{\"type\":\"t\"", STENO_E_FORMAT, "", NULL);
    expect("{\"type\":\"t\"} x", STENO_E_FORMAT, "", NULL);
    expect("{\"type\":\"t\",\"audio\":\"aGVsbG8=", STENO_E_FORMAT, "hel", NULL);
    expect("{\"type\":\"t\",\"audio\":\"aGVsbG8=\",\"audio\":\"aGVsbG8=\"}", STENO_E_FORMAT, "hello", NULL);
    expect("{\"type\":\"t\",\"audio\":\"aGVs bG8=\"}", STENO_E_FORMAT, "hel", REST);
    expect("{\"type\":\"t\",\"audio\":\"aGVsb\"}", STENO_E_FORMAT, "hel", REST);
    expect("{\"type\":\"t\",\"audio\":\"aGVs=bG8\"}", STENO_E_FORMAT, "hel", REST);
    expect("{\"type\":\"t\",\"audio\":\"aGVs\\n\"}", STENO_E_FORMAT, "hel", REST);
    expect("{\"type\":\"t\",\"audio\":\"aGVs\\u0\\u0\"}", STENO_E_FORMAT, "hel", REST);
}

/* `n` times 'A' between two texts. */
static char *filled(const char *before, size_t n, const char *after) {
    char *text = malloc(strlen(before) + n + strlen(after) + 1);
    assert_non_null(text);
    char *at = stpcpy(text, before);
    memset(at, 'A', n);
    strcpy(at + n, after);
    return text;
}

static void limits(void **state) {
    static heard h = {.most = sizeof h.bytes};
    json_t *object;
    (void)state;
    char *text = filled("{\"x\":\"", OPENAI_EVENT_BYTES_MAX - 8, "\"}");
    assert_int_equal(parse(text, 5, &h, &object), STENO_OK);
    json_decref(object);
    free(text);
    text = filled("{\"x\":\"", OPENAI_EVENT_BYTES_MAX - 7, "\"}");
    assert_int_equal(parse(text, 5, &h, &object), STENO_E_LIMIT);
    assert_null(object);
    free(text);
    text = filled("{\"audio\":\"", 4 * 2730, "\"}"); /* 8190 bytes: more than one piece at a time */
    assert_int_equal(parse(text, 0, &h, &object), STENO_OK);
    assert_int_equal(h.n, 8190);
    json_decref(object);
    h.most = 5000; /* the sink is full: the event says so, and no more is handed to it */
    assert_int_equal(parse(text, 0, &h, &object), STENO_E_AGAIN);
    assert_int_equal(h.n, 3072);
    assert_non_null(object);
    json_decref(object);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_anywhere),
        cmocka_unit_test(not_audio),
        cmocka_unit_test(broken),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
