/* test_alloc_sweep.c: each allocation in turn fails: from opening a model to the end of a stream there is no crash, no
 * leak (the sanitizer's to find), always STENO_E_NOMEM with a sentence, and afterwards everything works again.
 */
#include "../unit/engine/engine_test.h"

#include "base/mem.h"

#define SEED      20260123u
#define SWEEP_MAX 20000

static fake_dir dir;
static float *pcm;
static char *expected;

#define PCM_SAMPLES SECONDS(6)

/* ---- a whole life ------------------------------------------------------------------------------------------------ */

typedef enum stage { STAGE_MODEL, STAGE_ENGINE, STAGE_STREAM, STAGE_END } stage;

/* From nothing to the end of a stream; `reached` says where it stopped. Its events are compared when it gets there. */
static steno_err live_once(bool fp32, stage *reached) {
    steno_model *model = NULL;
    steno_engine *engine = NULL;
    steno_model_options options = {.dir = dir.path, .precision = fp32 ? "fp32" : "int8"};
    *reached = STAGE_MODEL;
    steno_err err = steno_model_open(&options, &model);
    if (err != STENO_OK) assert_null(model);
    if (err == STENO_OK) {
        steno_engine_config c;
        *reached = STAGE_ENGINE;
        steno_engine_config_init(&c);
        c.shards = 2;
        c.max_batch = 2;
        c.max_streams = 2;
        c.max_speaker_streams = 1;
        err = steno_engine_open(model, &c, &engine);
        if (err != STENO_OK) assert_null(engine);
    }
    if (err == STENO_OK) {
        *reached = STAGE_STREAM;
        steno_speakers_options speakers;
        steno_speakers_options_init(&speakers);
        speakers.contract = STENO_SPEAKERS_REVISE;
        speakers.turns = true;
        uint64_t before = mem_alloc_count();
        track t = track_of(pcm, PCM_SAMPLES, vad_of(true, 20.0f));
        track_open(engine, &t);
        assert_ok(steno_stream_speakers(engine, t.id, &speakers));
        play_opened(engine, &t, 1);
        assert_int_equal(mem_alloc_count(), before);  /* so streams need no sweep of their own */
        assert_non_null(strstr(t.log, " is 0's: 0")); /* labels, too */
        if (!fp32 && !expected) expected = strdup(t.log);
        if (!fp32) assert_string_equal(t.log, expected);
        track_free(&t);
        *reached = STAGE_END;
    }
    steno_engine_close(engine);
    steno_model_close(model);
    return err;
}

static void sweep(bool fp32) {
    unsigned failed[STAGE_END + 1] = {0};
    stage reached;
    assert_ok(live_once(fp32, &reached));
    for (uint64_t n = 1; n < SWEEP_MAX; n++) {
        (void)!err_fail(STENO_E_INTERNAL, "%s", ""); /* an old sentence must not pass for a new one */
        mem_fault_arm(n);
        steno_err err = live_once(fp32, &reached);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) {
            assert_ok(err);
            assert_int_equal(reached, STAGE_END);
            break;
        }
        if (err != STENO_E_NOMEM) fail_msg("allocation %d: %s, %s", (int)n, steno_err_name(err), steno_error_detail());
        assert_true(steno_error_detail()[0] != 0);
        failed[reached]++;
    }
    print_message("%s: %u failures while opening the model, %u while opening the engine\n", fp32 ? "fp32" : "int8",
                  failed[STAGE_MODEL], failed[STAGE_ENGINE]);
    assert_true(failed[STAGE_MODEL] > 30 && failed[STAGE_ENGINE] > 15);
    assert_int_equal(failed[STAGE_STREAM] + failed[STAGE_END], 0);
    assert_ok(live_once(fp32, &reached));
}

static void int8_life(void **state) {
    (void)state;
    sweep(false);
}

static void fp32_life(void **state) {
    (void)state;
    sweep(true);
}

static int setup(void **state) {
    (void)state;
    fake_dir_fill(&dir, &fake_tiny, SEED);
    fake_dir_add_voices(&dir, SEED);
    pcm = fake_talk(PCM_SAMPLES, 3.0, SEED);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    fake_dir_remove(&dir);
    free(pcm);
    free(expected);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(int8_life), cmocka_unit_test(fp32_life)};
    print_message("seed %u\n", SEED);
    alarm(WATCHDOG_S);
    return cmocka_run_group_tests(tests, setup, teardown);
}
