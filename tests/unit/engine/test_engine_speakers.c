/* test_engine_speakers.c: who is speaking, with the real networks and the voices of real people.
 *
 * Needs  STENO_MODELS with the network of voices and Debian's asterisk-prompt packages; skipped without.
 */
#include "speakers_test.h"

static steno_model *model;

#define CHUNK 1600

static steno_speakers_options options_of(steno_speakers_contract contract) {
    steno_speakers_options o;
    steno_speakers_options_init(&o);
    o.contract = contract;
    o.turns = true;
    return o;
}

static steno_engine_config speaker_config(int shards, int streams) {
    steno_engine_config c = config_of(shards, 8, streams);
    c.max_speaker_streams = streams;
    return c;
}

/* ---- live --------------------------------------------------------------------------------------------------------- */

typedef struct player {
    watch *w;
    const conversation *c;
    size_t at;
} player;

static void push_all(steno_engine *e, player *p, size_t chunk) {
    size_t n = p->c->n - p->at, taken;
    if (n > chunk) n = chunk;
    assert_ok(steno_stream_push(e, p->w->id, p->c->pcm + p->at, n, &taken));
    p->at += taken;
}

static watch *play_live(const conversation *c, const steno_speakers_options *o, size_t chunk, int partial_ms) {
    steno_engine_config config = speaker_config(1, 2);
    steno_engine *e = by_hand_at_rest(model, &config);
    steno_live_options live = live_defaults();
    live.partial_ms = partial_ms;
    player p = {.w = watch_new(o, true), .c = c};
    assert_ok(steno_live_open(e, &live, p.w, &p.w->id));
    assert_ok(steno_stream_speakers(e, p.w->id, o));
    while (p.at < c->n) {
        push_all(e, &p, chunk);
        tick_all(e);
        watch_all(e);
    }
    assert_ok(steno_stream_finish(e, p.w->id));
    tick_all(e);
    watch_all(e);
    assert_true(p.w->done);
    close_live_at_rest(e);
    return p.w;
}

static void a_conversation_is_labelled(void **state) {
    conversation c;
    (void)state;
    if (!conversation_of(&c, 8, 0.6)) skip();
    steno_speakers_options o = options_of(STENO_SPEAKERS_REVISE);
    watch *w = play_live(&c, &o, CHUNK, 500);
    char *log = watch_log(w);
    if (getenv("STENO_TEST_TALKS")) printf("%s", log);
    print_message("%u finals, %u revisions, %u turns, right %.3f, first label after %.2f s heard, %.3f s of CPU\n", log,
                  w->finals, w->revisions, w->turns_n, right_words(w, &c), w->first_label_s, w->stats.speakers_cpu_s);
    free(log);
    free(w);
    free(c.pcm);
}

static int setup(void **state) {
    (void)state;
    steno_model_options options = {.dir = getenv("STENO_MODELS")};
    assert_ok(steno_model_open(&options, &model));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    steno_model_close(model);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_is_labelled),
    };
    alarm(WATCHDOG_S);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    if (!getenv("STENO_MODELS")) return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
