/* test_moonshine_chunk.c: the chunk-wise encoder's promises on small made-up networks: all at once it is the whole
 * encoder, batched = alone to the last bit, how a warm-up is cut into updates does not matter, the cache holds the
 * frames it should, and arenas and histories are as large as promised. */
#include "../engine/fake_models.h"

#include "base/mem.h"
#include "kern/kern.h"
#include "models/moonshine_chunk.h"
#include "nn/manifest.h"

#define SEED           20261203u
#define STREAMS        6
#define UPDATES        9
#define SAMPLES        40000
#define FRAMES         ((SAMPLES - 895) / 384 + 1)
#define BODIES         3
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

static const fake_shape net_shape = {.heads = 3,
                                     .head_dim = 20,
                                     .rotary = 10,
                                     .encoder_layers = 2,
                                     .decoder_layers = 2,
                                     .encoder_hidden = 53,
                                     .decoder_hidden = 37,
                                     .vocab = 131};
static const moonshine_chunk_shape shape = {
    .recompute_frames = 7, .cache_frames = 20, .sink_frames = 3, .warm_frames = 11};
static const moonshine_chunk_shape everything = {
    .recompute_frames = 0, .cache_frames = 1, .warm_frames = MOONSHINE_MAX_FRAMES};
static const char *const bodies[BODIES] = {"c", "avx2", "avx512"};

static fake_dir dir;
static float *sound[STREAMS];
static moonshine *net;
static const moonshine_info *info;
static arena scratch;
static kv_pool pool;

static void net_open(bool fp32) {
    char path[FAKE_PATH_BYTES];
    weights *w;
    fake_join(path, &dir, "one.safetensors");
    fake_moonshine_write(path, &net_shape, SEED);
    assert_ok(weights_open(path, &w));
    assert_ok(moonshine_open(w, fp32, &net));
    weights_close(w);
    info = moonshine_describe(net);
    assert_ok(arena_init(&scratch, moonshine_chunk_bytes(net, &shape, STREAMS * SAMPLES, SAMPLES)));
    memset(scratch.base, 0xff, scratch.cap_bytes); /* NaN: nothing may depend on what was there */
    assert_ok(kv_pool_init(&pool, moonshine_page_halfs(net), 2 * STREAMS * moonshine_pages(FRAMES)));
}

static void net_close(void) {
    assert_int_equal(pool.free_count, pool.count);
    moonshine_free(net);
    arena_free(&scratch);
    kv_pool_free(&pool);
}

/* A stream with pages and a state of its own, and what its last update gave. */
typedef struct stream {
    moonshine_chunk_state state;
    void *memory;
    const float *pcm;
    uint16_t *pages[MOONSHINE_MAX_FRAMES / 16];
    float *states; /* [FRAMES, width]: every frame as it was computed last */
    int first_frame, frames;
} stream;

static void stream_open(stream *s, const moonshine_chunk_shape *of, const float *pcm) {
    size_t bytes = moonshine_chunk_state_bytes(net, of);
    memset(s, 0, sizeof *s);
    s->memory = malloc(bytes);
    memset(s->memory, 0xff, bytes);
    s->pcm = pcm;
    s->states = calloc((size_t)FRAMES * (size_t)info->width, sizeof *s->states);
    assert_ok(moonshine_chunk_init(&s->state, net, of, s->memory));
    assert_true(kv_pool_take(&pool, moonshine_pages(FRAMES), s->pages));
    for (int p = 0; p < moonshine_pages(FRAMES); p++) memset(s->pages[p], 0xff, pool.page_halfs * 2);
}

static void stream_close(stream *s) {
    kv_pool_give(&pool, moonshine_pages(FRAMES), s->pages);
    free(s->memory);
    free(s->states);
}

/* Updates streams to `end` samples each, in one batch; each gets just the history that it is promised to need. */
static void update(stream *const *s, const int *end, int n) {
    moonshine_chunk_job jobs[STREAMS];
    moonshine_chunking c;
    float *pcm[STREAMS];
    bool done = false;
    for (int i = 0; i < n; i++) {
        int first = moonshine_chunk_first_sample(&s[i]->state);
        pcm[i] = malloc((size_t)(end[i] - first) * sizeof(float)); /* sanitizers see what lies beyond */
        memcpy(pcm[i], s[i]->pcm + first, (size_t)(end[i] - first) * sizeof(float));
        jobs[i] = (moonshine_chunk_job){&s[i]->state, pcm[i], first, end[i] - first, s[i]->pages, false, -1, -1};
    }
    assert_ok(moonshine_chunk_begin(&c, net, &scratch, jobs, n));
    while (!done) assert_ok(moonshine_chunk_step(&c, &done));
    for (int i = 0; i < n; i++) {
        size_t width = (size_t)info->width, rows = (size_t)c.e.utt[i].frames;
        s[i]->first_frame = jobs[i].first_frame;
        s[i]->frames = jobs[i].frames;
        assert_int_equal(jobs[i].frames, moonshine_frames(end[i]));
        assert_int_equal(rows, jobs[i].frames - jobs[i].first_frame);
        memcpy(s[i]->states + (size_t)jobs[i].first_frame * width, c.e.states + (size_t)c.e.utt[i].first_row * width,
               rows * width * sizeof(float));
        free(pcm[i]);
    }
    arena_release(&scratch, 0);
}

static void update_one(stream *s, int end) {
    update(&s, &end, 1);
}

static void assert_same_streams(const stream *a, const stream *b) {
    assert_int_equal(a->frames, b->frames);
    assert_int_equal(a->first_frame, b->first_frame);
    assert_memory_equal(a->states, b->states, (size_t)a->frames * (size_t)info->width * sizeof(float));
    for (int p = 0; p < a->frames / 16; p++) assert_memory_equal(a->pages[p], b->pages[p], pool.page_halfs * 2);
}

/* Runs `test` in every body, in int8 and fp32. */
static void everywhere(void (*test)(bool fp32)) {
    for (int b = 0; b < BODIES; b++) {
        for (int fp32 = 0; fp32 < 2; fp32++) {
            if (kern_select(bodies[b]) != STENO_OK) continue;
            net_open(fp32);
            test(fp32);
            net_close();
        }
    }
    assert_ok(kern_select("auto"));
}

/* ---- against the whole encoder ----------------------------------------------------------------------------------- */

static double difference(const float *a, const float *b, size_t n) {
    double error = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += pow((double)a[i] - (double)b[i], 2.0);
        size += pow((double)b[i], 2.0);
    }
    return sqrt(error / size);
}

/* Only the sums of the normalisation are rounded differently; int8 turns that into whole steps here and there, and a
 * made-up network makes much of them. */
#define WHOLE_SLACK(fp32) ((fp32) ? 1e-4 : 0.1)

static void check_whole(bool fp32) {
    stream s;
    moonshine_utterance u = {.pcm = sound[0], .samples = SAMPLES};
    moonshine_encoding e;
    bool done = false;
    stream_open(&s, &shape, sound[0]);
    update_one(&s, SAMPLES);
    assert_int_equal(s.first_frame, 0);
    assert_int_equal(s.frames, FRAMES);
    assert_ok(moonshine_encode_begin(&e, net, &scratch, &u, 1));
    while (!done) assert_ok(moonshine_encode_step(&e, &done));
    double d = difference(s.states, e.states, (size_t)FRAMES * (size_t)info->width);
    if (!(d <= WHOLE_SLACK(fp32))) fail_msg("%s: states differ by %.6f", kern()->name, d);
    arena_release(&scratch, 0);
    stream_close(&s);
}

static void one_update_is_the_whole_encoder(void **state) {
    (void)state;
    everywhere(check_whole);
}

/* While all is computed again, how it was cut does not matter: the sums of the normalisation go on row by row. */
static void check_cuts(bool fp32) {
    static const int ends[] = {1600, 1610, 5000, 5001, 12345, 12700, 30000, SAMPLES};
    stream cut, once;
    (void)fp32;
    stream_open(&cut, &everything, sound[1]);
    stream_open(&once, &everything, sound[1]);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) update_one(&cut, ends[i]);
    update_one(&once, SAMPLES);
    assert_same_streams(&cut, &once);
    stream_close(&cut);
    stream_close(&once);
}

static void cuts_do_not_matter_in_the_warm_up(void **state) {
    (void)state;
    everywhere(check_cuts);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static int end_of(int which, int at) {
    return at == UPDATES - 1 ? SAMPLES - 1000 * which : 1600 + 311 * which + at * (3500 + 97 * which);
}

/* Streams of different lengths that join and miss updates, alone and in batches in turning order. */
static void check_batches(bool fp32) {
    stream alone[STREAMS], batched[STREAMS];
    (void)fp32;
    for (int i = 0; i < STREAMS; i++) {
        stream_open(&alone[i], &shape, sound[i]);
        stream_open(&batched[i], &shape, sound[i]);
    }
    for (int at = 0; at < UPDATES; at++) {
        stream *s[STREAMS];
        int end[STREAMS], n = 0;
        for (int k = 0; k < STREAMS; k++) {
            int i = (k + at) % STREAMS;
            if (at < UPDATES - 1 && (i + at) % 4 == 3) continue;
            s[n] = &batched[i];
            end[n++] = end_of(i, at);
            update_one(&alone[i], end_of(i, at));
        }
        update(s, end, n);
        for (int i = 0; i < STREAMS; i++) assert_same_streams(&alone[i], &batched[i]);
    }
    for (int i = 0; i < STREAMS; i++) {
        for (int f = 0; f < alone[i].frames * info->width; f++) assert_true(isfinite(alone[i].states[f]));
        assert_true(alone[i].first_frame > shape.cache_frames + shape.sink_frames); /* the ring went round */
        stream_close(&alone[i]);
        stream_close(&batched[i]);
    }
}

static void batched_equals_alone(void **state) {
    (void)state;
    everywhere(check_batches);
}

/* A state that is used again is like a new one. */
static void check_reset(bool fp32) {
    stream used, fresh;
    (void)fp32;
    stream_open(&used, &shape, sound[2]);
    stream_open(&fresh, &shape, sound[3]);
    for (int at = 0; at < UPDATES; at++) update_one(&used, end_of(0, at));
    moonshine_chunk_reset(&used.state);
    used.pcm = sound[3];
    for (int at = 0; at < UPDATES; at++) {
        update_one(&used, end_of(0, at));
        update_one(&fresh, end_of(0, at));
    }
    assert_same_streams(&used, &fresh);
    stream_close(&used);
    stream_close(&fresh);
}

static void reset_is_a_new_state(void **state) {
    (void)state;
    everywhere(check_reset);
}

/* ---- the cache --------------------------------------------------------------------------------------------------- */

/* Keys and values of the first layer do not depend on what a window looks at, so a ring must hold the same ones as a
 * cache of everything: frame by frame, and so long as it holds all, the states are the same too. */
static void check_ring(bool fp32) {
    moonshine_chunk_shape all = shape;
    stream ring, whole;
    bool differed = false;
    (void)fp32;
    all.cache_frames = FRAMES;
    stream_open(&ring, &shape, sound[4]);
    stream_open(&whole, &all, sound[4]);
    for (int end = 1600; end <= SAMPLES; end += 2000) {
        int settled = ring.state.settled;
        update_one(&ring, end);
        update_one(&whole, end);
        size_t of_frame = 2 * (size_t)info->width;
        for (int f = 0; f < ring.state.settled; f++) {
            if (f >= shape.sink_frames && f < ring.state.settled - shape.cache_frames) continue;
            int slot = f < shape.sink_frames ? f : shape.sink_frames + (f - shape.sink_frames) % shape.cache_frames;
            assert_memory_equal(ring.state.kv + (size_t)slot * of_frame, whole.state.kv + (size_t)f * of_frame,
                                of_frame);
        }
        if (settled <= shape.cache_frames + shape.sink_frames)
            assert_same_streams(&ring, &whole);
        else
            differed = differed || memcmp(ring.states, whole.states, (size_t)ring.frames * of_frame * 2) != 0;
    }
    assert_true(differed); /* it does forget */
    stream_close(&ring);
    stream_close(&whole);
}

static void the_ring_holds_the_last_frames(void **state) {
    (void)state;
    everywhere(check_ring);
}

/* ---- sizes and refusals ------------------------------------------------------------------------------------------ */

static void check_sizes(bool fp32) {
    arena exact;
    moonshine_chunk_shape plain = shape;
    (void)fp32;
    for (plain.recompute_frames = 0; plain.recompute_frames < 30; plain.recompute_frames += 9) {
        stream s;
        stream_open(&s, &plain, sound[5]);
        for (int end = 1600, at = 0; end <= SAMPLES; end += 1 + 977 * at++) {
            int before = s.state.frames ? end - (1 + 977 * (at - 1)) : end;
            int first = moonshine_chunk_first_sample(&s.state);
            assert_true(before - first <= moonshine_chunk_history_samples(&plain) || s.state.frames == 0);
            moonshine_chunk_job job = {&s.state, s.pcm + first, first, end - first, s.pages, false, 0, 0};
            moonshine_chunking c;
            bool done = false;
            assert_ok(arena_init(&exact, moonshine_chunk_bytes(net, &plain, end - first, end - first)));
            assert_ok(moonshine_chunk_begin(&c, net, &exact, &job, 1));
            while (!done) assert_ok(moonshine_chunk_step(&c, &done));
            arena_free(&exact);
        }
        stream_close(&s);
    }
}

static void arenas_and_histories_suffice(void **state) {
    (void)state;
    everywhere(check_sizes);
}

static void chunks_that_are_refused(void **state) {
    (void)state;
    stream s;
    moonshine_chunking c;
    net_open(false);
    stream_open(&s, &shape, sound[0]);
    update_one(&s, 20000);
    int first = moonshine_chunk_first_sample(&s.state);
    assert_true(first > 0);
    const struct {
        int first, samples;
    } wrong[] = {{first + 1, 10000}, {-1, 30000}, {first, INT32_MAX}, {first, -1}, {0, 19000}, {0, 500000}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        moonshine_chunk_job job = {&s.state, s.pcm, wrong[i].first, wrong[i].samples, s.pages, false, 0, 0};
        assert_int_equal(moonshine_chunk_begin(&c, net, &scratch, &job, 1), STENO_E_INVALID);
        arena_release(&scratch, 0);
    }
    assert_int_equal(moonshine_chunk_begin(&c, net, &scratch, NULL, 0), STENO_E_INVALID);
    static const moonshine_chunk_shape odd[] = {
        {.recompute_frames = -1, .cache_frames = 1}, {.cache_frames = 0},    {.cache_frames = 1, .sink_frames = -1},
        {.cache_frames = 1, .warm_frames = -1},      {.cache_frames = 2000}, {.cache_frames = 1, .stem_frames = -1},
        {.cache_frames = 1, .anew_percent = -1}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        moonshine_chunk_state refused;
        assert_int_equal(moonshine_chunk_init(&refused, net, &odd[i], s.memory), STENO_E_INVALID);
    }
    stream_close(&s);
    net_close();
}

static int setup(void **state) {
    (void)state;
    uint64_t random = SEED;
    fake_dir_make(&dir);
    for (int i = 0; i < STREAMS; i++) {
        sound[i] = malloc(SAMPLES * sizeof(float));
        for (int k = 0; k < SAMPLES; k++)
            sound[i][k] = 0.3f * fake_noise(&random) * sinf((float)k * 0.0005f * (float)(i + 1));
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < STREAMS; i++) free(sound[i]);
    fake_dir_remove(&dir);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_update_is_the_whole_encoder),
        cmocka_unit_test(cuts_do_not_matter_in_the_warm_up),
        cmocka_unit_test(batched_equals_alone),
        cmocka_unit_test(reset_is_a_new_state),
        cmocka_unit_test(the_ring_holds_the_last_frames),
        cmocka_unit_test(arenas_and_histories_suffice),
        cmocka_unit_test(chunks_that_are_refused),
    };
    print_message("seed %u\n", SEED);
    return cmocka_run_group_tests(tests, setup, teardown);
}
