/* test_vosk.c: how vosk spells, what its clients may ask for, and one reply to each message whatever the engine says when. */
#include "api/vosk_json.h"
#include "api/vosk_plain.h"
#include "api/vosk_replies.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- spelling ------------------------------------------------------------------------------------------------------ */

static void spelling(void **state) {
    static const char *const pairs[][2] = {
        {"Hello, World.", "hello world"},
        {"It\xe2\x80\x99s five o'clock!", "it's five o'clock"},
        {"'Tis the dogs' bone", "tis the dogs bone"},
        {"3.14, 1,000 and 10:30.", "3.14 1,000 and 10:30"},
        {".5 or -5", ".5 or -5"},
        {"$5, 20% & more", "$5 20% & more"},
        {"5 \xe2\x82\xac", "5 \xe2\x82\xac"},
        {"yes\xe2\x80\x94no", "yes-no"},
        {"well-known -- and so", "well-known and so"},
        {"wait...what?", "wait what"},
        {"one,two", "one two"},
        {"Call [PHONE_1], [EMAIL].", "call [PHONE_1] [EMAIL]"},
        {"[aside] [A", "aside a"},
        {"www.example.com.", "www.example.com"},
        {"\xc3\x89T\xc3\x89 \xc3\x9c"
         "ber",
         "\xc3\xa9t\xc3\xa9 \xc3\xbc"
         "ber"},
        {"\xc8\xba\xc8\xba", "\xe2\xb1\xa5\xe2\xb1\xa5"}, /* grows */
        {"a\xff\xfe"
         "b",
         "a b"},
        {"...", ""},
        {"  two   blanks ", "two blanks"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t n = strlen(pairs[i][0]);
        char *out = malloc(VOSK_PLAIN_ROOM(n)); /* of the exact size, so that writing past it is seen */
        assert_int_equal(vosk_plain(pairs[i][0], n, out), strlen(pairs[i][1]));
        assert_string_equal(out, pairs[i][1]);
        free(out);
    }
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static vosk_kind read_text(vosk_replies *r, const char *text, bool started) {
    vosk_kind kind;
    assert_int_equal(vosk_read(r, text, strlen(text), "tiny", started, &kind), STENO_OK);
    return kind;
}

static void messages(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    assert_int_equal(read_text(&r, "{\"eof\" : 1}", false), VOSK_EOF);
    assert_int_equal(read_text(&r, "{\"eof\":true}", false), VOSK_EOF);
    assert_int_equal(read_text(&r, "{\"reset\" : 1}", false), VOSK_RESET);
    assert_int_equal(read_text(&r, "{\"hello\" : 1}", false), VOSK_UNKNOWN);
    assert_int_equal(read_text(&r, "[]", false), VOSK_UNKNOWN);
    assert_int_equal(r.options.rate_hz, 8000);
    assert_true(r.options.words);
    assert_int_equal(read_text(&r, "{ \"config\" : { \"sample_rate\" : 16000.0, \"words\" : 0 } }", false),
                     VOSK_CONFIG);
    assert_int_equal(r.options.rate_hz, 16000);
    assert_true(r.options.rate_given);
    assert_false(r.options.words);
    assert_string_equal(r.warning, "");
    read_text(&r, "{\"config\":{\"sample_rate\":\"48000\",\"words\":true,\"max_alternatives\":1,\"model\":\"tiny\"}}",
              false);
    assert_int_equal(r.options.rate_hz, 48000);
    assert_true(r.options.words);
    assert_int_equal(r.options.alternatives, 1);
    assert_string_equal(r.warning, "");
    vosk_replies_free(&r);
}

static void what_is_not_done_is_said(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    read_text(&r,
              "{\"config\":{\"phrase_list\":[\"yes\"],\"model\":\"/models/de\",\"max_alternatives\":20,\"colour\":1}}",
              false);
    assert_string_equal(r.warning,
                        "phrase_list: not used, every word may be recognised; model: it cannot be chosen here, "
                        "'tiny' is used; max_alternatives: there is never more than one; colour: there is no "
                        "such option");
    for (int i = 0; i < 20; i++) read_text(&r, "{\"config\":{\"sample_rate\":16000}}", true); /* cut, not overrun */
    assert_int_equal(strlen(r.warning), VOSK_WARNING_BYTES_MAX - 1);
    assert_int_equal(r.options.rate_hz, VOSK_DEFAULT_HZ);
    vosk_replies_free(&r);
}

static void what_makes_no_sense_changes_nothing(void **state) {
    static const char *const wrong[] = {"{\"config\":{\"words\":false,\"sample_rate\":4000}}",
                                        "{\"config\":{\"words\":false,\"sample_rate\":\"fast\"}}",
                                        "{\"config\":{\"words\":false,\"sample_rate\":16000.5}}",
                                        "{\"config\":{\"words\":false,\"sample_rate\":\"\"}}",
                                        "{\"config\":{\"words\":false,\"max_alternatives\":-1}}",
                                        "{\"config\":{\"words\":[]}}",
                                        "{\"config\":{\"words\":false,\"max_alternatives\":null}}",
                                        "{\"config\":7}",
                                        "{\"config\":",
                                        "eof",
                                        ""};
    vosk_replies r;
    vosk_kind kind;
    (void)state;
    vosk_replies_init(&r);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_not_equal(vosk_read(&r, wrong[i], strlen(wrong[i]), "tiny", false, &kind), STENO_OK);
        assert_true(r.options.words);
        assert_int_equal(r.options.rate_hz, VOSK_DEFAULT_HZ);
        assert_string_equal(r.warning, "");
    }
    vosk_replies_free(&r);
}

/* ---- replies ------------------------------------------------------------------------------------------------------- */

static void expect(vosk_replies *r, const char *json) {
    json_t *o = vosk_reply(r);
    if (!json) {
        assert_null(o);
        return;
    }
    assert_non_null(o);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10));
    assert_string_equal(text, json);
    free(text);
    json_decref(o);
}

static steno_err hear(vosk_replies *r, steno_event_kind kind, uint32_t id, const char *text, uint32_t n_words,
                      const steno_word *words) {
    released_event e = {.kind = kind, .segment = {.id = id, .text = text, .words = words, .n_words = n_words}};
    return vosk_hear(r, &e);
}

static void partial(vosk_replies *r, uint32_t id, const char *text) {
    assert_int_equal(hear(r, STENO_EVENT_PARTIAL, id, text, 0, NULL), STENO_OK);
}

/* "Hello, you." or, later, "And - me." */
static void final(vosk_replies *r, uint32_t id) {
    static const steno_word hello[] = {{0.1204, 0.5, 0.98765f, 0, 6, STENO_SPEAKER_UNKNOWN},
                                       {0.5, 0.75, 0.25f, 7, 4, STENO_SPEAKER_UNKNOWN}};
    static const steno_word and[] = {{2, 2.25, 1, 0, 3, STENO_SPEAKER_UNKNOWN},
                                     {2.25, 2.3, 1, 4, 1, STENO_SPEAKER_UNKNOWN},
                                     {2.5, 3, 1, 6, 3, STENO_SPEAKER_UNKNOWN}};
    assert_int_equal(id == 0 ? hear(r, STENO_EVENT_SEGMENT, 0, "Hello, you.", 2, hello)
                             : hear(r, STENO_EVENT_SEGMENT, id, "And - me.", 3, and),
                     STENO_OK);
}

static void owe(vosk_replies *r, vosk_kind kind) {
    assert_int_equal(vosk_owe(r, kind), STENO_OK);
}

#define HELLO                                                                                                          \
    "{\"conf\":0.988,\"end\":0.5,\"start\":0.12,\"word\":\"hello\"},"                                                  \
    "{\"conf\":0.25,\"end\":0.75,\"start\":0.5,\"word\":\"you\"}"
#define AND_ME                                                                                                         \
    "{\"conf\":1.0,\"end\":2.25,\"start\":2.0,\"word\":\"and\"},{\"conf\":1.0,\"end\":3.0,\"start\":2.5,\"word\":"     \
    "\"me\"}"

static void one_reply_to_each_message(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    expect(&r, NULL);
    partial(&r, 0, "Hello,");
    final(&r, 0);
    expect(&r, NULL); /* nothing was asked */
    owe(&r, VOSK_AUDIO);
    assert_true(vosk_awaited(&r));
    expect(&r, "{\"text\":\"hello you\",\"result\":[" HELLO "]}");
    expect(&r, NULL);
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_AUDIO);
    assert_false(vosk_awaited(&r));
    assert_int_equal(vosk_owed(&r), 2);
    partial(&r, 1, "And - M");
    expect(&r, "{\"partial\":\"and m\"}");
    final(&r, 1);
    expect(&r, "{\"text\":\"and me\",\"result\":[" AND_ME "]}");
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"partial\":\"\"}");
    vosk_replies_free(&r);
}

/* A partial of the utterance behind stays; one that was taken back goes, and the client is told. */
static void partials_of_others(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    partial(&r, 1, "Next");
    final(&r, 0);
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"text\":\"hello you\",\"result\":[" HELLO "]}");
    expect(&r, "{\"partial\":\"next\"}");
    assert_int_equal(hear(&r, STENO_EVENT_SEGMENT, 1, "", 0, NULL), STENO_OK);
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"text\":\"\"}");
    expect(&r, "{\"partial\":\"\"}");
    vosk_replies_free(&r);
}

static void finals_nobody_asked_for_come_joined(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    final(&r, 0);
    final(&r, 1);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"text\":\"hello you and me\",\"result\":[" HELLO "," AND_ME "]}");
    vosk_replies_free(&r);
}

/* What comes behind a reset waits with it, so that order is kept. */
static void reset_and_eof_wait(void **state) {
    vosk_replies r;
    released_event finalized = {.kind = STENO_EVENT_FINALIZED}, done = {.kind = STENO_EVENT_DONE};
    (void)state;
    vosk_replies_init(&r);
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_RESET);
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_EOF);
    expect(&r, "{\"partial\":\"\"}");
    expect(&r, NULL);
    final(&r, 0);
    expect(&r, NULL);
    assert_int_equal(vosk_hear(&r, &finalized), STENO_OK);
    expect(&r, "{\"text\":\"hello you\",\"result\":[" HELLO "]}");
    expect(&r, "{\"partial\":\"\"}");
    expect(&r, NULL);
    final(&r, 1);
    assert_int_equal(vosk_hear(&r, &done), STENO_OK);
    assert_false(r.over);
    expect(&r, "{\"text\":\"and me\",\"result\":[" AND_ME "]}");
    assert_true(r.over);
    vosk_replies_free(&r);
}

static void nothing_said(void **state) {
    vosk_replies r;
    released_event done = {.kind = STENO_EVENT_DONE};
    (void)state;
    vosk_replies_init(&r);
    owe(&r, VOSK_EOF);
    assert_int_equal(vosk_hear(&r, &done), STENO_OK);
    expect(&r, "{\"text\":\"\"}");
    vosk_replies_free(&r);
}

static void shapes(void **state) {
    vosk_replies r;
    (void)state;
    vosk_replies_init(&r);
    r.options.words = false;
    final(&r, 0);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"text\":\"hello you\"}");
    r.options.alternatives = 1;
    final(&r, 0);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"alternatives\":[{\"text\":\"hello you\",\"confidence\":0.619}]}");
    r.options.words = true;
    final(&r, 1);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"alternatives\":[{\"text\":\"and me\",\"result\":[{\"end\":2.25,\"start\":2.0,\"word\":\"and\"},"
               "{\"end\":3.0,\"start\":2.5,\"word\":\"me\"}],\"confidence\":1.0}]}");
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"partial\":\"\"}");
    assert_int_equal(hear(&r, STENO_EVENT_SEGMENT, 2, "", 0, NULL), STENO_OK);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"alternatives\":[{\"text\":\"\",\"confidence\":1.0}]}");
    owe(&r, VOSK_UNKNOWN);
    expect(&r, "{\"error\":\"want a config, eof or reset\"}");
    vosk_warn(&r, "phrase_list: not used");
    owe(&r, VOSK_AUDIO);
    owe(&r, VOSK_AUDIO);
    expect(&r, "{\"partial\":\"\",\"warning\":\"phrase_list: not used\"}");
    expect(&r, "{\"partial\":\"\"}"); /* said once */
    vosk_replies_free(&r);
}

/* ---- layout ---------------------------------------------------------------------------------------------------------- */

static void layout(void **state) {
    static const char *const pairs[][2] = {
        {"{\"partial\":\"\"}", "{\n  \"partial\" : \"\"\n}"},
        {"{\"text\":\"a \\\"b\\\" \\u00e9\"}", "{\n  \"text\" : \"a \\\"b\\\" \xc3\xa9\"\n}"},
        {"{\"text\":\"a "
         "b\",\"result\":[{\"word\":\"a\",\"conf\":1.0,\"start\":0.5,\"end\":0.75},{\"word\":\"b\",\"conf\":0.25}]}",
         "{\n  \"result\" : [{\n      \"conf\" : 1.000000,\n      \"end\" : 0.750000,\n      \"start\" : 0.500000,\n"
         "      \"word\" : \"a\"\n    }, {\n      \"conf\" : 0.250000,\n      \"word\" : \"b\"\n    }],\n  \"text\" : "
         "\"a b\"\n}"},
        {"{\"n\":7,\"list\":[]}", "{\n  \"list\" : [],\n  \"n\" : 7\n}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t n;
        json_t *o = json_loads(pairs[i][0], 0, NULL);
        char *text = vosk_json(o, &n);
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(n, strlen(text));
        mem_free(text);
        json_decref(o);
    }
}

/* ---- limits -------------------------------------------------------------------------------------------------------- */

static void limits(void **state) {
    vosk_replies r;
    steno_err e = STENO_OK;
    char text[3 * VOSK_PARTIAL_BYTES_MAX];
    (void)state;
    vosk_replies_init(&r);
    for (int i = 0; i < VOSK_TURNS_MAX; i++) owe(&r, VOSK_RESET);
    assert_int_equal(vosk_owe(&r, VOSK_AUDIO), STENO_E_LIMIT);
    for (uint32_t i = 0; i < VOSK_WORDS_MAX && e == STENO_OK; i++) {
        static const steno_word w[] = {{0, 1, 1, 0, 1, STENO_SPEAKER_UNKNOWN}};
        e = hear(&r, STENO_EVENT_SEGMENT, i, "a", 1, w);
    }
    assert_int_equal(e, STENO_OK);
    static const steno_word more[] = {{0, 1, 1, 0, 1, STENO_SPEAKER_UNKNOWN}};
    assert_int_equal(hear(&r, STENO_EVENT_SEGMENT, 9999, "a", 1, more), STENO_E_LIMIT);
    vosk_replies_free(&r);
    vosk_replies_init(&r);
    memset(text, 'A', sizeof text);
    for (size_t i = 9; i < sizeof text; i += 10) text[i] = ' ';
    memcpy(text + sizeof text - 6, " last", 6);
    partial(&r, 0, text);
    assert_in_range(strlen(r.partial), VOSK_PARTIAL_BYTES_MAX / 2 - 20, VOSK_PARTIAL_BYTES_MAX - 1);
    assert_string_equal(r.partial + strlen(r.partial) - 5, " last");
    memset(text, 'A', sizeof text - 1);
    text[sizeof text - 1] = 0;
    partial(&r, 0, text); /* one endless word */
    assert_string_equal(r.partial, "");
    vosk_replies_free(&r);
}

/* Each allocation in turn fails: no crash, no leak, and a reply that could not be made is still owed. */
static void without_memory(void **state) {
    static const steno_word words[] = {{0, 1, 1, 0, 1, STENO_SPEAKER_UNKNOWN}};
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        vosk_replies r;
        vosk_replies_init(&r);
        mem_fault_arm(nth);
        steno_err e = hear(&r, STENO_EVENT_PARTIAL, 0, "a", 0, NULL);
        if (e == STENO_OK) e = hear(&r, STENO_EVENT_SEGMENT, 0, "a", 1, words);
        owe(&r, VOSK_AUDIO);
        json_t *o = e == STENO_OK ? vosk_reply(&r) : NULL;
        size_t n;
        char *text = o ? vosk_json(o, &n) : NULL;
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_true(hit ? e == STENO_E_NOMEM || (e == STENO_OK && !text) : e == STENO_OK && text);
        mem_free(text);
        assert_int_equal(vosk_owed(&r), o ? 0 : 1);
        json_decref(o);
        vosk_replies_free(&r);
        if (!hit) {
            assert_in_range(nth, 3, 10);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spelling),
        cmocka_unit_test(messages),
        cmocka_unit_test(what_is_not_done_is_said),
        cmocka_unit_test(what_makes_no_sense_changes_nothing),
        cmocka_unit_test(one_reply_to_each_message),
        cmocka_unit_test(partials_of_others),
        cmocka_unit_test(finals_nobody_asked_for_come_joined),
        cmocka_unit_test(reset_and_eof_wait),
        cmocka_unit_test(nothing_said),
        cmocka_unit_test(shapes),
        cmocka_unit_test(layout),
        cmocka_unit_test(limits),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
