/* test_openai_realtime.c: Realtime sessions on a wire that only writes down what is said: what a real engine says too
 * seldom, in an order of our own.
 */
#include "api/wire.h"

/* The files under test are part of this program, with a wire of ours below them. */
#define wire_audio     fake_audio
#define wire_audio_s   fake_audio_s
#define wire_close     fake_close
#define wire_configure fake_configure
#define wire_defaults  fake_defaults
#define wire_finalize  fake_finalize
#define wire_id        fake_id
#define wire_language  fake_language
#define wire_model     fake_model
#define wire_open      fake_open
#define wire_policy    fake_policy
#define wire_redact    fake_redact
#define wire_say       fake_say
#define wire_upgrade   fake_upgrade

void wire_say(wire *w, outbox_kind kind, uint32_t message, json_t *object);
void wire_close(wire *w, int code, const char *reason);
void wire_finalize(wire *w);
void wire_configure(wire *w, const steno_live_options *live);
steno_err wire_open(wire *w, int n, const pcm_format *audio, const steno_live_options *live);
void wire_redact(wire *w, const redact_wish *wish);
const gate_policy *wire_policy(const wire *w);
steno_err wire_audio(wire *w, int channel, const unsigned char *bytes, size_t n);
double wire_audio_s(const wire *w, int channel);
const steno_live_options *wire_defaults(const wire *w);
const char *wire_id(const wire *w);
const char *wire_model(const wire *w);
const char *wire_language(const wire *w);
const net_conn_handler *wire_upgrade(call *c, const dialect *d, void **user);

#include "../../../src/api/openai_turns.c"
#include "../../../src/api/openai_realtime.c"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

/* ---- the wire --------------------------------------------------------------------------------------------------- */

static char said[16384]; /* one line an event */
static size_t said_n;
static size_t bytes_heard;
static int finalizes, opens, closed_code;
static steno_live_options defaults, configured;
static steno_err audio_error, open_error;

/* "type item text": ids without their session, and what matters of each event. */
static void write_down(const json_t *o) {
    const char *type = json_string_value(json_object_get(o, "type"));
    const char *item = json_string_value(json_object_get(o, "item_id"));
    const json_t *inner = json_object_get(o, "item"), *error = json_object_get(o, "error");
    const char *text = json_string_value(json_object_get(o, "delta"));
    if (inner) item = json_string_value(json_object_get(inner, "id"));
    if (!text) text = json_string_value(json_object_get(o, "transcript"));
    if (error) text = json_string_value(json_object_get(error, "code"));
    const char *dot = strrchr(type, '.');
    int n = snprintf(said + said_n, sizeof said - said_n, "%s%s%s", dot ? dot + 1 : type, item ? " " : "",
                     item ? item + strlen(item) - 1 : "");
    said_n += (size_t)n;
    if (text) said_n += (size_t)snprintf(said + said_n, sizeof said - said_n, " [%.60s]", text);
    said_n += (size_t)snprintf(said + said_n, sizeof said - said_n, "\n");
    assert_true(said_n < sizeof said);
}

void wire_say(wire *w, outbox_kind kind, uint32_t message, json_t *object) {
    (void)w;
    assert_int_equal(kind, OUTBOX_KEEP);
    assert_int_equal(message, 0);
    assert_non_null(object);
    assert_non_null(json_object_get(object, "event_id"));
    write_down(object);
    json_decref(object);
}

void wire_close(wire *w, int code, const char *reason) {
    (void)w, (void)reason;
    closed_code = code;
}

void wire_finalize(wire *w) {
    (void)w;
    finalizes++;
}

void wire_configure(wire *w, const steno_live_options *live) {
    (void)w;
    configured = *live;
}

steno_err wire_open(wire *w, int n, const pcm_format *audio, const steno_live_options *live) {
    (void)w, (void)audio;
    assert_int_equal(n, 1);
    configured = *live;
    opens++;
    return open_error;
}

steno_err wire_audio(wire *w, int channel, const unsigned char *bytes, size_t n) {
    (void)w, (void)channel, (void)bytes;
    if (audio_error == STENO_OK) bytes_heard += n;
    return audio_error;
}

double wire_audio_s(const wire *w, int channel) {
    (void)w, (void)channel;
    return (double)bytes_heard / 48000;
}

const steno_live_options *wire_defaults(const wire *w) {
    (void)w;
    return &defaults;
}

static gate_policy policy;

void wire_redact(wire *w, const redact_wish *wish) {
    (void)w;
    policy_init(&policy);
    if (wish->has_mode) policy.mode = wish->mode;
}

const gate_policy *wire_policy(const wire *w) {
    (void)w;
    return &policy;
}

const char *wire_id(const wire *w) {
    (void)w;
    return "01234567-89ab-cdef-0123-456789abcdef";
}

const char *wire_model(const wire *w) {
    (void)w;
    return "tiny";
}

const char *wire_language(const wire *w) {
    (void)w;
    return "en";
}

const net_conn_handler *wire_upgrade(call *c, const dialect *d, void **user) {
    (void)c, (void)d, (void)user;
    return NULL;
}

/* ---- a session -------------------------------------------------------------------------------------------------- */

static openai_live live;

static int fresh(void **state) {
    openai_host host = openai_host_of(NULL);
    (void)state;
    said_n = bytes_heard = 0;
    said[0] = 0;
    finalizes = opens = closed_code = 0;
    audio_error = open_error = STENO_OK;
    steno_live_options_init(&defaults);
    live = (openai_live){0};
    openai_session_init(&live.session, &host, false);
    make_tag(&live, NULL);
    return 0;
}

static int gone(void **state) {
    (void)state;
    end(NULL, &live);
    return 0;
}

static void client(const char *json) {
    text_piece(NULL, &live, json, strlen(json), true, true);
}

static void hear_ms(int ms) {
    bytes_heard += (size_t)ms * 48;
}

static void engine(steno_event_kind kind, uint32_t id, double start_s, const char *text, uint32_t stable) {
    released_event e = {.kind = kind,
                        .heard_s = start_s + 1,
                        .segment = {.id = id,
                                    .start_s = start_s,
                                    .end_s = start_s + 0.5,
                                    .text = text,
                                    .stable_bytes = stable,
                                    .confidence = 0.5f}};
    event(NULL, &live, 0, &e);
}

static void speech(uint32_t id, double at_s) {
    engine(STENO_EVENT_SPEECH, id, at_s, NULL, 0);
}

static void partial(uint32_t id, double at_s, const char *text, uint32_t stable) {
    engine(STENO_EVENT_PARTIAL, id, at_s, text, stable);
}

static void final(uint32_t id, double at_s, const char *text) {
    engine(STENO_EVENT_SEGMENT, id, at_s, text, (uint32_t)strlen(text));
}

static void finalized(void) {
    engine(STENO_EVENT_FINALIZED, 0, 0, NULL, 0);
}

/* What was said since the last time. */
static void expect(const char *want) {
    assert_string_equal(said, want);
    said_n = 0;
    said[0] = 0;
}

static void without_turns(void) {
    client("{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"turn_detection\":null}}}}");
    expect("updated\n");
}

#define COMMIT "{\"type\":\"input_audio_buffer.commit\"}"
#define CLEAR  "{\"type\":\"input_audio_buffer.clear\"}"

/* ---- with turn detection ---------------------------------------------------------------------------------------- */

static void a_turn(void **state) {
    (void)state;
    hear_ms(1000);
    speech(7, 0.5);
    partial(7, 0.5, "Hello big", 5);
    partial(7, 0.5, "Hello big", 5);
    partial(7, 0.5, "Hello big world", 9);
    final(7, 0.5, "Hello big world.");
    expect("speech_started 1\ndelta 1 [Hello]\ndelta 1 [ big]\nspeech_stopped 1\ncommitted 1\nadded 1\ndone 1\n"
           "delta 1 [ world.]\ncompleted 1 [Hello big world.]\n");
}

/* Deltas are never taken back: where the final says something else, only the completed event has it. */
static void a_final_that_differs(void **state) {
    (void)state;
    partial(7, 0.5, "Hell of", 4);
    final(7, 0.5, "Hello.");
    partial(8, 1.5, "A cat", 5);
    final(8, 1.5, "The cat.");
    expect(
        "speech_started 1\ndelta 1 [Hell]\nspeech_stopped 1\ncommitted 1\nadded 1\ndone 1\ndelta 1 [o.]\n"
        "completed 1 [Hello.]\n"
        "speech_started 2\ndelta 2 [A cat]\nspeech_stopped 2\ncommitted 2\nadded 2\ndone 2\ncompleted 2 [The cat.]\n");
}

static void noise(void **state) {
    (void)state;
    speech(7, 0.5);
    final(7, 0.5, "");
    expect("speech_started 1\nspeech_stopped 1\ncommitted 1\nadded 1\ndone 1\ncompleted 1 []\n");
}

static void whole_deltas_of_whisper(void **state) {
    (void)state;
    client("{\"type\":\"transcription_session.update\",\"session\":{\"input_audio_transcription\":{\"model\":\"whisper-"
           "1\"}}}");
    partial(7, 0.5, "Hello big", 5);
    final(7, 0.5, "Hello big.");
    expect("updated\nspeech_started 1\nspeech_stopped 1\ncommitted 1\ncreated 1\ndelta 1 [Hello big.]\ncompleted 1 "
           "[Hello big.]\n");
}

static void committed_within_speech(void **state) {
    (void)state;
    hear_ms(2000);
    speech(7, 0.5);
    client(COMMIT);
    assert_int_equal(finalizes, 1);
    expect("speech_started 1\ncommitted 1\nadded 1\ndone 1\n");
    final(7, 0.5, "Hello.");
    expect("delta 1 [Hello.]\ncompleted 1 [Hello.]\n");
    finalized();
    expect("");
    client(COMMIT); /* nothing has come since */
    expect("error [input_audio_buffer_commit_empty]\n");
}

/* The speaker paused just before the commit came to its place; and somebody had begun to speak again. */
static void committed_after_the_turn(void **state) {
    (void)state;
    hear_ms(4000);
    speech(7, 0.5);
    client(COMMIT);
    final(7, 0.5, "Hello.");
    speech(8, 2.5);
    final(8, 2.5, "And more.");
    finalized();
    expect("speech_started 1\ncommitted 1\nadded 1\ndone 1\ndelta 1 [Hello.]\ncompleted 1 [Hello.]\n"
           "speech_started 2\nspeech_stopped 2\ncommitted 2\nadded 2\ndone 2\ndelta 2 [And more.]\ncompleted 2 [And "
           "more.]\n");
}

static void committed_silence(void **state) {
    (void)state;
    hear_ms(1000);
    client(COMMIT);
    finalized();
    expect("committed 1\nadded 1\ndone 1\ncompleted 1 []\n");
}

static void cleared_within_speech(void **state) {
    (void)state;
    hear_ms(2000);
    speech(7, 0.5);
    client(CLEAR);
    hear_ms(2000);
    partial(7, 0.5, "Hello big", 9);
    final(7, 0.5, "Hello big.");
    finalized();
    speech(8, 3);
    final(8, 3, "World.");
    expect("speech_started 1\ncleared\nspeech_started 2\nspeech_stopped 2\ncommitted 2\nadded 2\ndone 2\ndelta 2 "
           "[World.]\n"
           "completed 2 [World.]\n");
}

/* ---- without ---------------------------------------------------------------------------------------------------- */

static void one_item_between_commits(void **state) {
    (void)state;
    without_turns();
    hear_ms(3000);
    speech(0, 0.1);
    partial(0, 0.1, "One two", 3);
    final(0, 0.1, "One, two.");
    partial(1, 1.5, "Three four", 5);
    expect("delta 1 [One]\ndelta 1 [, two.]\ndelta 1 [ Three]\n");
    client(COMMIT);
    hear_ms(3000);
    client(COMMIT);
    final(1, 1.5, "Three.");
    finalized();
    final(2, 4, "Five.");
    finalized();
    expect("committed 1\nadded 1\ndone 1\ncommitted 2\nadded 2\ndone 2\ndelta 1 [.]\ncompleted 1 [One, two. Three.]\n"
           "delta 2 [Five.]\ncompleted 2 [Five.]\n");
}

static void an_utterance_that_differs_in_an_item(void **state) {
    (void)state;
    without_turns();
    hear_ms(3000);
    partial(0, 0.1, "A cat", 5);
    final(0, 0.1, "The cat.");
    partial(1, 1.5, "Sat down", 3);
    client(COMMIT);
    final(1, 1.5, "Sat.");
    finalized();
    expect("delta 1 [A cat]\ndelta 1 [ Sat]\ncommitted 1\nadded 1\ndone 1\ndelta 1 [.]\ncompleted 1 [The cat. Sat.]\n");
}

static void cleared_item(void **state) {
    (void)state;
    without_turns();
    hear_ms(2000);
    final(0, 0.1, "One.");
    client(CLEAR);
    final(1, 1.5, "Two.");
    finalized();
    hear_ms(2000);
    final(2, 3, "Three.");
    client(COMMIT);
    finalized();
    expect("delta 1 [One.]\ncleared\ndelta 2 [Three.]\ncommitted 2\nadded 2\ndone 2\ncompleted 2 [Three.]\n");
    client(CLEAR);
    expect("cleared\n");
    assert_int_equal(finalizes, 2); /* there was nothing to clear */
}

static void turn_detection_switched_on(void **state) {
    (void)state;
    without_turns();
    hear_ms(2000);
    final(0, 0.1, "One.");
    client(
        "{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"turn_detection\":{\"type\":\"semantic_vad\","
        "\"eagerness\":\"high\"}}}}}");
    assert_int_equal(configured.endpoint_ms, 300);
    expect("delta 1 [One.]\ncommitted 1\nadded 1\ndone 1\ncompleted 1 [One.]\nupdated\n");
}

static void a_very_long_item(void **state) {
    char text[1025];
    (void)state;
    memset(text, 'x', 1024);
    text[1024] = 0;
    client("{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"turn_detection\":null,\"transcription\":{"
           "\"model\":"
           "\"whisper-1\"}}}}}");
    expect("updated\n");
    for (uint32_t i = 0; i < 31; i++) final(i, i, text);
    expect("");
    live.events = 0;
    final(31, 31, text);
    assert_int_equal(live.events, 5); /* committed, added, done, delta, completed */
    assert_int_equal(live.open[0].number, 0);
}

/* ---- ends and refusals ------------------------------------------------------------------------------------------ */

static void recognition_fails(void **state) {
    (void)state;
    speech(7, 0.5);
    engine(STENO_EVENT_ERROR, 0, 0, NULL, 0);
    expect("speech_started 1\nfailed 1 [internal_error]\nerror [internal_error]\n");
    assert_int_equal(closed_code, 1011);
}

static void the_server_ends(void **state) {
    (void)state;
    without_turns();
    final(0, 0.1, "One.");
    engine(STENO_EVENT_DONE, 0, 0, NULL, 0);
    expect("delta 1 [One.]\ncommitted 1\nadded 1\ndone 1\ncompleted 1 [One.]\n");
}

static void no_room_for_audio(void **state) {
    (void)state;
    audio_error = STENO_E_LIMIT;
    client("{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAAA\"}");
    expect("error [overloaded]\n");
    assert_int_equal(closed_code, 1013);
}

static void another_format(void **state) {
    (void)state;
    client("{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/pcmu\"}}}}}");
    assert_int_equal(opens, 1);
    assert_int_equal(live.session.audio.encoding, PCM_MULAW);
    client("{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAAA\"}");
    assert_int_equal(bytes_heard, 3);
    client("{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/pcma\"}}}}}");
    assert_int_equal(opens, 1);
    assert_int_equal(live.session.audio.encoding, PCM_MULAW); /* all or nothing */
    expect("updated\nerror [invalid_value]\n");
}

static void no_room_for_another_format(void **state) {
    (void)state;
    open_error = STENO_E_LIMIT;
    client("{\"type\":\"session.update\",\"session\":{\"input_audio_format\":\"g711_ulaw\"}}");
    expect("error [overloaded]\n");
    assert_int_equal(closed_code, 1013);
}

static void settings_become_options(void **state) {
    (void)state;
    client(
        "{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"turn_detection\":{\"type\":\"server_vad\","
        "\"threshold\":0.7,\"prefix_padding_ms\":120,\"silence_duration_ms\":900}}}}}");
    assert_float_equal(configured.threshold, 0.7, 1e-6);
    assert_float_equal(configured.neg_threshold, 0.55, 1e-6);
    assert_int_equal(configured.lead_ms, 120);
    assert_int_equal(configured.endpoint_ms, 900);
    assert_int_equal(configured.unfinished_ms, 0);
    assert_int_equal(steno_live_options_check(&configured), STENO_OK);
}

/* The extremes of all settings are options that the engine takes. */
static void extremes(void **state) {
    static const char *const turns[] = {
        "{\"type\":\"server_vad\",\"threshold\":0,\"prefix_padding_ms\":60000,\"silence_duration_ms\":60000}",
        "{\"type\":\"server_vad\",\"threshold\":1,\"prefix_padding_ms\":0,\"silence_duration_ms\":0}",
        "{\"type\":\"semantic_vad\",\"eagerness\":\"low\"}", "{\"type\":\"semantic_vad\",\"eagerness\":\"high\"}",
        "null"};
    (void)state;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"type\":\"session.update\",\"session\":{\"turn_detection\":%s}}", turns[i]);
        client(text);
        expect("updated\n");
        assert_int_equal(steno_live_options_check(&configured), STENO_OK);
    }
}

/* More turns than there is room for: the oldest is completed as it is. */
static void many_turns(void **state) {
    (void)state;
    for (uint32_t i = 0; i < OPENAI_ITEMS_MAX + 1; i++) speech(i, i);
    assert_non_null(strstr(said, "committed 1\nadded 1\ndone 1\ncompleted 1 []\nspeech_started 9\n"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, gone)
    const struct CMUnitTest tests[] = {
        TEST(a_turn),
        TEST(a_final_that_differs),
        TEST(noise),
        TEST(whole_deltas_of_whisper),
        TEST(committed_within_speech),
        TEST(committed_after_the_turn),
        TEST(committed_silence),
        TEST(cleared_within_speech),
        TEST(one_item_between_commits),
        TEST(an_utterance_that_differs_in_an_item),
        TEST(cleared_item),
        TEST(turn_detection_switched_on),
        TEST(a_very_long_item),
        TEST(recognition_fails),
        TEST(the_server_ends),
        TEST(no_room_for_audio),
        TEST(another_format),
        TEST(no_room_for_another_format),
        TEST(settings_become_options),
        TEST(extremes),
        TEST(many_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
