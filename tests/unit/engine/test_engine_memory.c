/* test_engine_memory.c: what an engine holds after many short utterances is what it held after the first thousand.
 *
 * Streams come and go and talk in bursts of a quarter of a second on made-up networks, ticked by hand under a clock that
 * follows their audio. STENO_UTTERANCES says how many; the default takes seconds, a million some minutes.
 */
#include "live_test.h"

#include "base/mem.h"

#define SEED       20260301u
#define STREAMS    4    /* few, so that the first thousand go once round every queue */
#define CHUNK      3200 /* 200 ms a turn */
#define FIRST      1000 /* utterances until everything has been touched once */
#define RSS_SLACK  0.02
#define TALK_S     40
#define UTTERANCES (SLOW_BUILD ? 2000 : 10000)

static rig normal;

typedef struct crowd {
    steno_engine *e;
    double now_s;
    float *talk; /* owned; what everybody says, each from a place of its own */
    listener l[STREAMS];
    uint64_t random, ended; /* ended: utterances of streams that are over */
    uint64_t opened;
} crowd;

static double clock_of(void *ctx) {
    return ((const crowd *)ctx)->now_s;
}

static uint64_t utterances_wanted(void) {
    const char *text = getenv("STENO_UTTERANCES");
    uint64_t n = text ? strtoull(text, NULL, 10) : UTTERANCES;
    assert_true(n >= 2 * FIRST);
    return n;
}

/* Bursts of 0.15 to 0.35 s with pauses that end an utterance. */
static float *short_talk(size_t n, uint64_t *random) {
    float *pcm = calloc(n, sizeof *pcm);
    assert_non_null(pcm);
    for (size_t at = 0; at < n;) {
        size_t speech = 2400 + (size_t)fake_below(random, 3200), pause = 3200 + (size_t)fake_below(random, 1600);
        if (speech > n - at) speech = n - at;
        fake_tone(pcm + at, speech, random);
        at += speech + pause;
    }
    return pcm;
}

static void come(crowd *c, listener *l) {
    steno_live_options o = live_defaults();
    o.endpoint_ms = 130;
    o.unfinished_ms = 0;
    size_t from = (size_t)fake_below(&c->random, (int)SECONDS(TALK_S / 2));
    *l = listener_of(c->talk + from, SECONDS(TALK_S) - from, o);
    l->quiet = true;
    listener_open(c->e, l);
    c->opened++;
}

/* Everybody says a little more; who has said all goes, and somebody else comes. */
static void turn(crowd *c) {
    for (int i = 0; i < STREAMS; i++) {
        listener *l = &c->l[i];
        if (l->done) {
            c->ended += l->finals;
            come(c, l);
        }
        if (l->at < l->n) listener_push(c->e, l, CHUNK);
        if (l->at == l->n && !l->finished) listener_finish(c->e, l);
    }
    c->now_s += (double)CHUNK / STENO_SAMPLE_RATE_HZ;
    tick_all(c->e);
    hear_events(c->e);
}

static uint64_t utterances_of(const crowd *c) {
    uint64_t n = c->ended;
    for (int i = 0; i < STREAMS; i++) n += c->l[i].finals;
    return n;
}

static void talk_until(crowd *c, uint64_t utterances) {
    while (utterances_of(c) < utterances) turn(c);
}

static void everybody_goes(crowd *c) {
    for (int i = 0; i < STREAMS; i++) {
        if (!c->l[i].finished) listener_finish(c->e, &c->l[i]);
    }
    for (bool all = false; !all; c->now_s += 0.1) {
        all = true;
        tick_all(c->e);
        hear_events(c->e);
        for (int i = 0; i < STREAMS; i++) all = all && c->l[i].done;
    }
}

static size_t resident_bytes(void) {
    unsigned long size = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%lu %lu", &size, &resident), 2);
    fclose(in);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void crowd_open(crowd *c) {
    steno_engine_config config = config_of(2, 24, STREAMS);
    *c = (crowd){.random = SEED};
    c->talk = short_talk(SECONDS(TALK_S), &c->random);
    if (engine_open_unstarted(normal.model, &config, clock_of, c, &c->e) != STENO_OK)
        fail_msg("%s", steno_error_detail());
    for (int i = 0; i < STREAMS; i++) come(c, &c->l[i]);
}

static void memory_does_not_grow(void **state) {
    (void)state;
    static crowd c;
    uint64_t wanted = utterances_wanted();
    crowd_open(&c);
    uint64_t allocations = mem_alloc_count();
    talk_until(&c, FIRST);
    size_t first = resident_bytes(), now = first;
    print_message("resident %zu KiB after %d utterances\n", first / 1024, FIRST);
    for (uint64_t tenth = 1; tenth <= 10; tenth++) {
        talk_until(&c, FIRST + (wanted - FIRST) * tenth / 10);
        now = resident_bytes();
        print_message("%zu KiB after %" PRIu64 " of %" PRIu64 " streams\n", now / 1024, utterances_of(&c), c.opened);
        assert_int_equal(mem_alloc_count(), allocations);
        assert_true((double)now <= (double)first * (1.0 + RSS_SLACK));
    }
    everybody_goes(&c);
    close_live_at_rest(c.e);
    free(c.talk);
}

static int setup(void **state) {
    (void)state;
    rig_open(&normal, &fake_tiny, SEED);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rig_close(&normal);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_does_not_grow)};
    print_message("seed %u\n", SEED);
    if (!getenv("STENO_UTTERANCES")) alarm(3 * WATCHDOG_S);
    return cmocka_run_group_tests(tests, setup, teardown);
}
