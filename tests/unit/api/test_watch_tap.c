/* test_watch_tap.c: what a tap counts of drafts that pass it, and what becomes of the words of the worst. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../engine/fake_models.h"
#include "api/service_int.h"
#include "api/watch_int.h"
#include "api/watch_tap.h"
#include "privacy/find.h"

#include <string.h>

#define SEED 20260411u

static fake_dir model_dir;

typedef struct bench {
    service service;
    engine_slot slot;
    watch *watch;
    watch_tap *tap;
    monitor_cell sum;
} bench;

static bench b;

static int open_model(void **state) {
    (void)state;
    fake_dir_fill(&model_dir, &fake_tiny, SEED);
    return 0;
}

static int drop_model(void **state) {
    (void)state;
    fake_dir_remove(&model_dir);
    return 0;
}

static watch_config config = {.on = true, .texts = true};

static int open_tap(void **state) {
    (void)state;
    steno_model_options options = {.dir = model_dir.path};
    watch_stream of = {.owner = "ann", .live = true, .rate_hz = 16000};
    memset(&b, 0, sizeof b);
    policy_init(&of.policy); /* it lets everything pass */
    assert_int_equal(steno_model_open(&options, &b.slot.model), STENO_OK);
    assert_int_equal(privacy_open(NULL, &b.service.config.privacy), STENO_OK);
    assert_int_equal(watch_open(&config, &b.service, &b.watch), STENO_OK);
    b.tap = watch_tap_open(b.watch, &b.slot, &of);
    return b.tap ? 0 : -1;
}

static int close_tap(void **state) {
    (void)state;
    watch_tap_close(b.tap);
    watch_close(b.watch);
    privacy_close(b.service.config.privacy);
    steno_model_close(b.slot.model);
    return 0;
}

static void final(uint32_t id, const char *text) {
    steno_event e = {.kind = STENO_EVENT_SEGMENT,
                     .segment = {.id = id,
                                 .rev = 1,
                                 .text = text,
                                 .stable_bytes = (uint32_t)strlen(text),
                                 .start_s = 3.0 * id,
                                 .end_s = 3.0 * id + 2,
                                 .confidence = 0.5f,
                                 .speaker = STENO_SPEAKER_UNKNOWN},
                     .speech_start_s = 3.0 * id,
                     .speech_end_s = 3.0 * id + 2,
                     .heard_s = 3.0 * id + 2.5};
    watch_tap_event(b.tap, &e);
}

static void done(void) {
    steno_event e = {.kind = STENO_EVENT_DONE};
    watch_tap_event(b.tap, &e);
}

/* Of the utterance with this number; NULL: it is not among the worst. */
static const watch_worst *worst_of(uint32_t id) {
    for (int i = 0; i < WATCH_WORST; i++)
        if (b.watch->worst[i].score > 0 && b.watch->worst[i].segment == id) return &b.watch->worst[i];
    return NULL;
}

/* A text comes when it is known what goes on behind it, and then both halves are masked. */
static void two_halves(void **state) {
    (void)state;
    final(0, "My telephone number is two one two.");
    assert_string_equal(worst_of(0)->text, "");
    final(1, "Seven five three zero one four seven.");
    final(2, "Good bye.");
    final(3, "That is all for today.");
    assert_string_equal(worst_of(0)->text, "My telephone number is [PHONE].");
    assert_string_equal(worst_of(1)->text, "[PHONE].");
    assert_string_equal(worst_of(0)->owner, "ann");
    done();
    assert_string_equal(worst_of(3)->text, "That is all for today.");
}

static void the_end_lets_go(void **state) {
    (void)state;
    final(0, "My telephone number is two one two.");
    done();
    assert_string_not_equal(worst_of(0)->text, "");
    final(7, "Late."); /* cannot be, and harms nothing */
}

static void words_may_be_unwanted(void **state) {
    (void)state;
    watch_config off = config;
    final(0, "Good morning.");
    final(1, "Good bye.");
    assert_string_equal(worst_of(0)->text, "Good morning.");
    off.texts = false;
    assert_int_equal(watch_configure(b.watch, &off), STENO_OK);
    final(2, "Good night.");
    done();
    for (uint32_t id = 0; id < 3; id++) assert_string_equal(worst_of(id)->text, "");
}

/* A policy that came later may name more. */
static void policy_may_change(void **state) {
    (void)state;
    gate_policy policy;
    policy_init(&policy);
    assert_int_equal(entity_parse_set("amount", 6, &policy.types), STENO_OK);
    watch_tap_set_policy(b.tap, &policy);
    final(0, "It costs fifty dollars.");
    done();
    assert_string_equal(worst_of(0)->text, "It costs [AMOUNT].");
    watch_tap_set_policy(NULL, &policy);
}

/* It stands in JSON: half a letter would take /v1/watch and every alarm's webhook with it. */
static void a_name_is_text(void **state) {
    (void)state;
    watch_config named = config;
    named.name = "\xe4\xb8\x8a\xe6\xb5\xb7";
    assert_int_equal(watch_configure(b.watch, &named), STENO_OK);
    named.name = "caf\xe9";
    assert_int_equal(watch_configure(b.watch, &named), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "fleet_name"));
    named.name = "a-host-whose-name-is-so-long-that-it-would-be-cut-at-its-64th-byte";
    assert_int_equal(watch_configure(b.watch, &named), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "fleet_name"));
    assert_string_equal(b.watch->name, "\xe4\xb8\x8a\xe6\xb5\xb7");
}

static void counts(void **state) {
    (void)state;
    static float silence[STENO_SAMPLE_RATE_HZ];
    for (int i = 0; i < 7; i++) watch_tap_audio(b.tap, silence, STENO_SAMPLE_RATE_HZ);
    final(0, "Good morning.");
    final(1, "");
    done(); /* the tap may stay, and what is left is counted now */
    const monitor_cell *c = monitor_total(b.watch->monitor, 1);
    assert_int_equal(c->utterances, 2);
    assert_int_equal(c->empty, 1);
    assert_int_equal(c->streams, 1);
    assert_int_equal(c->streams_judged, 1);
    assert_int_equal(c->streams_quiet, 1);
    assert_true(c->audio_s == 7 && c->loud_s == 0 && c->speech_s == 4 && c->characters == 12);
    watch_tap_close(b.tap);
    b.tap = NULL;
    assert_int_equal(c->streams_judged, 1);
    assert_true(c->audio_s == 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_halves, open_tap, close_tap),
        cmocka_unit_test_setup_teardown(the_end_lets_go, open_tap, close_tap),
        cmocka_unit_test_setup_teardown(words_may_be_unwanted, open_tap, close_tap),
        cmocka_unit_test_setup_teardown(policy_may_change, open_tap, close_tap),
        cmocka_unit_test_setup_teardown(a_name_is_text, open_tap, close_tap),
        cmocka_unit_test_setup_teardown(counts, open_tap, close_tap),
    };
    return cmocka_run_group_tests(tests, open_model, drop_model);
}
