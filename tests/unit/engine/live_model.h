/* live_model.h: the made-up model that tests of live streams recognise with, and streams played into it by hand.
 *
 * Purpose   `normal` is open while a group of tests runs (setup() and teardown()); its texts have commas and full stops, so
 *           that they may look unfinished. Owner: the test's thread.
 */
#ifndef STENO_TESTS_LIVE_MODEL_H
#define STENO_TESTS_LIVE_MODEL_H

#include "live_test.h"

#define SEED 20260211u

static rig normal;

/* Commas and full stops among the words, so that texts may look unfinished. */
static inline void write_tokens(const char *path, int vocab) {
    fake_tokens_write(path, vocab);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    static char text[1 << 16], line[64];
    size_t at = 0;
    for (int id = 0; fgets(line, sizeof line, in); id++) {
        if (id >= 4 && id % 7 == 3) snprintf(line, sizeof line, "LA== %d\n", id);
        if (id >= 4 && id % 7 == 5) snprintf(line, sizeof line, "Lg== %d\n", id);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", line);
    }
    fclose(in);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, at, out), at);
    assert_int_equal(fclose(out), 0);
}

static inline void open_model(rig *r) {
    char path[FAKE_PATH_BYTES];
    fake_dir_fill(&r->dir, &fake_tiny, SEED);
    fake_join(path, &r->dir, "tokens.txt");
    write_tokens(path, fake_tiny.vocab);
    steno_model_options options = {.dir = r->dir.path};
    if (steno_model_open(&options, &r->model) != STENO_OK) fail_msg("%s", steno_error_detail());
}

/* ---- talk --------------------------------------------------------------------------------------------------------- */

/* What a stream says, pushed bit by bit into an engine that is ticked by hand. */
static inline void play_by_hand(steno_engine *e, listener *l, size_t chunk) {
    listener_open(e, l);
    while (l->at < l->n) {
        listener_push(e, l, chunk);
        tick_all(e);
        hear_events(e);
    }
    listener_finish(e, l);
    tick_all(e);
    hear_events(e);
    assert_true(l->done);
}

static inline char *finals_of(const float *pcm, size_t n, steno_live_options o, size_t chunk,
                              const steno_engine_config *c) {
    steno_engine *e = by_hand(normal.model, c);
    listener l = listener_of(pcm, n, o);
    play_by_hand(e, &l, chunk);
    close_live_at_rest(e);
    return l.log;
}

static inline void assert_same(const char *got, const char *want) {
    if (!got || !want) assert_true(!got && !want);
    if (got && strcmp(got, want) != 0) {
        while (*got && *got == *want) got++, want++;
        fail_msg("differs from here on:\n  %.300s\n  %.300s", got, want);
    }
}

static inline int setup(void **state) {
    (void)state;
    open_model(&normal);
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    rig_close(&normal);
    return 0;
}

#endif
