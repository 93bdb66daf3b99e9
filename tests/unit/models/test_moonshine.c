/* test_moonshine.c: the recogniser's promises on small made-up networks: batched = alone, drafted = token by token,
 * stale memory does not matter, arenas are as large as promised, and damaged files are refused by name.
 *
 * Compared to the last bit, for every kernel body the processor has, in int8 and fp32. tests/golden compares the
 * published weights with onnxruntime; the last test here compares kernel bodies on them.
 */
#include "../engine/fake_models.h"

#include "base/mem.h"
#include "kern/kern.h"
#include "models/moonshine.h"
#include "nn/manifest.h"

#define SEED           20260121u
#define SEQUENCES      7
#define STEPS          24
#define MAX_SAMPLES    (MOONSHINE_MAX_SECONDS * STENO_SAMPLE_RATE_HZ)
#define SELF_PAGES     (MOONSHINE_MAX_TOKENS / 16)
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

static const fake_shape plain_shape = {.heads = 4,
                                       .head_dim = 24,
                                       .rotary = 16,
                                       .encoder_layers = 2,
                                       .decoder_layers = 2,
                                       .encoder_hidden = 96,
                                       .decoder_hidden = 64,
                                       .vocab = 1100}; /* more than one chunk of logits */

/* Nothing is a multiple of a vector. */
static const fake_shape odd_shape = {.heads = 3,
                                     .head_dim = 20,
                                     .rotary = 10,
                                     .encoder_layers = 1,
                                     .decoder_layers = 3,
                                     .encoder_hidden = 53,
                                     .decoder_hidden = 37,
                                     .vocab = 131};

static fake_dir dir;

/* ---- networks ---------------------------------------------------------------------------------------------------- */

typedef struct net {
    moonshine *m;
    const moonshine_info *info;
    arena a;
    kv_pool pool;
} net;

static steno_err open_file(const char *path, bool fp32, moonshine **out) {
    weights *w = NULL;
    ERR_TRY(weights_open(path, &w));
    steno_err err = moonshine_open(w, fp32, out);
    weights_close(w); /* the network must not need the file any more */
    return err;
}

static void net_take(net *n, const char *path, bool fp32, size_t arena_samples, int pages, int fill) {
    memset(n, 0, sizeof *n);
    assert_ok(open_file(path, fp32, &n->m));
    n->info = moonshine_describe(n->m);
    size_t encode = moonshine_encode_bytes(n->m, (int)arena_samples, (int)arena_samples);
    size_t decode = moonshine_decode_bytes(n->m, MOONSHINE_MAX_BATCH);
    assert_ok(arena_init(&n->a, encode > decode ? encode : decode));
    memset(n->a.base, fill, n->a.cap_bytes);
    assert_ok(kv_pool_init(&n->pool, moonshine_page_halfs(n->m), pages));
    memset(n->pool.memory, fill, (size_t)pages * n->pool.page_halfs * sizeof(uint16_t));
}

/* Memory starts as NaN in every format. */
static void net_open(net *n, const fake_shape *shape, bool fp32) {
    char path[FAKE_PATH_BYTES];
    fake_join(path, &dir, "one.safetensors");
    fake_moonshine_write(path, shape, SEED);
    net_take(n, path, fp32, 200000, 400, 0xff);
}

static void net_close(net *n) {
    moonshine_free(n->m);
    arena_free(&n->a);
    kv_pool_free(&n->pool);
}

/* ---- utterances -------------------------------------------------------------------------------------------------- */

static float *sound[SEQUENCES];
static const int sound_samples[SEQUENCES] = {1600, 1601, 5000, 16000, 9999, 61234, 2047}; /* in all 250 rows */

/* What one utterance gives by itself. */
typedef struct alone {
    float *states; /* [frames, width] */
    moonshine_sequence seq;
    int32_t token[STEPS + 1]; /* token[i] is fed at step i */
    float logprob[STEPS];
    float *logits; /* [STEPS, vocab] */
    float *align;  /* [STEPS, frames] */
} alone;

static void take_pages(net *n, moonshine_sequence *s, int frames) {
    memset(s, 0, sizeof *s);
    s->frames = frames;
    assert_true(kv_pool_take(&n->pool, moonshine_pages(frames), s->cross));
    assert_true(kv_pool_take(&n->pool, SELF_PAGES, s->self));
}

static void give_pages(net *n, const moonshine_sequence *s) {
    kv_pool_give(&n->pool, moonshine_pages(s->frames), s->cross);
    kv_pool_give(&n->pool, SELF_PAGES, s->self);
}

static void encode_all(net *n, moonshine_encoding *e, moonshine_utterance *u, int count) {
    bool done = false;
    assert_ok(moonshine_encode_begin(e, n->m, &n->a, u, count));
    while (!done) assert_ok(moonshine_encode_step(e, &done));
}

/* One step for one row; the logits are kept. */
static void step_alone(net *n, alone *a, int step) {
    size_t vocab = (size_t)n->info->vocab;
    moonshine_row row = {.seq = &a->seq,
                         .token = a->token[step],
                         .align = a->align + (size_t)step * (size_t)a->seq.frames,
                         .next = -1,
                         .logprob = 1.0f};
    assert_ok(moonshine_decode_step(n->m, &n->a, &row, 1, a->logits + (size_t)step * vocab));
    assert_in_range(row.next, 0, n->info->vocab - 1);
    assert_true(row.logprob <= 0.0f);
    a->token[step + 1] = row.next;
    a->logprob[step] = row.logprob;
}

static void run_alone(net *n, int which, alone *a) {
    int frames = moonshine_frames(sound_samples[which]);
    size_t state_floats = (size_t)frames * (size_t)n->info->width;
    memset(a, 0, sizeof *a);
    take_pages(n, &a->seq, frames);
    moonshine_utterance u = {.pcm = sound[which], .samples = sound_samples[which], .pages = a->seq.cross};
    moonshine_encoding e;
    encode_all(n, &e, &u, 1);
    assert_int_equal(u.frames, frames);
    assert_int_equal(e.rows, frames);
    a->states = malloc(state_floats * sizeof(float));
    memcpy(a->states, e.states, state_floats * sizeof(float));
    for (size_t i = 0; i < state_floats; i++) assert_true(isfinite(a->states[i]));
    arena_release(&n->a, 0);
    a->logits = malloc(STEPS * (size_t)n->info->vocab * sizeof(float));
    a->align = calloc(STEPS * (size_t)frames, sizeof(float));
    a->token[0] = n->info->start_token;
    for (int i = 0; i < STEPS; i++) step_alone(n, a, i);
    assert_int_equal(n->a.used_bytes, 0);
}

static void free_alone(net *n, alone *a) {
    give_pages(n, &a->seq);
    free(a->states);
    free(a->logits);
    free(a->align);
}

static void run_all_alone(net *n, alone *a) {
    bool varied = false;
    for (int i = 0; i < SEQUENCES; i++) run_alone(n, i, &a[i]);
    for (int i = 2; i < STEPS; i++) varied = varied || a[3].token[i] != a[3].token[i - 1];
    assert_true(varied); /* else these comparisons would say little */
}

static void assert_same_floats(const float *a, const float *b, size_t n) {
    assert_memory_equal(a, b, n * sizeof *a);
}

static void assert_same_pages(const net *n, uint16_t *const *a, uint16_t *const *b, int pages) {
    for (int i = 0; i < pages; i++) assert_memory_equal(a[i], b[i], n->pool.page_halfs * sizeof(uint16_t));
}

/* ---- the tests, for one network ---------------------------------------------------------------------------------- */

/* All utterances in one batch, in two orders, with and without pages. */
static void check_encoder(net *n, const alone *a) {
    for (int round = 0; round < 3; round++) {
        moonshine_utterance u[SEQUENCES];
        moonshine_sequence s[SEQUENCES];
        moonshine_encoding e;
        for (int i = 0; i < SEQUENCES; i++) {
            int who = round == 1 ? SEQUENCES - 1 - i : i;
            memset(&u[i], 0, sizeof u[i]);
            take_pages(n, &s[i], moonshine_frames(sound_samples[who]));
            for (int p = 0; p < moonshine_pages(s[i].frames); p++)
                memset(s[i].cross[p], 0xff, n->pool.page_halfs * sizeof(uint16_t));
            u[i].pcm = sound[who];
            u[i].samples = sound_samples[who];
            u[i].pages = round == 2 && i % 2 ? NULL : s[i].cross;
        }
        encode_all(n, &e, u, SEQUENCES);
        for (int i = 0; i < SEQUENCES; i++) {
            int who = round == 1 ? SEQUENCES - 1 - i : i;
            size_t width = (size_t)n->info->width;
            assert_int_equal(u[i].frames, a[who].seq.frames);
            assert_same_floats(e.states + (size_t)u[i].first_row * width, a[who].states, (size_t)u[i].frames * width);
            if (u[i].pages) assert_same_pages(n, s[i].cross, a[who].seq.cross, moonshine_pages(u[i].frames));
            give_pages(n, &s[i]);
        }
        arena_release(&n->a, 0);
    }
}

typedef struct rider {
    moonshine_sequence seq;
    int step, start, who;
} rider;

/* The same cross pages as alone, self pages of its own. */
static void mount(net *n, rider *r, const alone *a, int who, int start) {
    memset(r, 0, sizeof *r);
    r->seq = a[who].seq;
    r->seq.position = 0;
    assert_true(kv_pool_take(&n->pool, SELF_PAGES, r->seq.self));
    for (int p = 0; p < SELF_PAGES; p++) memset(r->seq.self[p], 0xff, n->pool.page_halfs * sizeof(uint16_t));
    r->who = who;
    r->start = start;
}

static void dismount(net *n, rider *r, const alone *a) {
    assert_int_equal(r->seq.position, STEPS);
    assert_same_pages(n, r->seq.self, a[r->who].seq.self, (STEPS + 15) / 16);
    kv_pool_give(&n->pool, SELF_PAGES, r->seq.self);
}

static void assert_row(const net *n, const alone *a, int step, const moonshine_row *row, const float *logits) {
    size_t vocab = (size_t)n->info->vocab;
    assert_int_equal(row->next, a->token[step + 1]);
    assert_memory_equal(&row->logprob, &a->logprob[step], sizeof row->logprob);
    if (logits) assert_same_floats(logits, a->logits + (size_t)step * vocab, vocab);
    if (row->align)
        assert_same_floats(row->align, a->align + (size_t)step * (size_t)a->seq.frames, (size_t)a->seq.frames);
}

/* Sequences join and leave between steps, in a random order, up to `draft` rows of each in a step. */
static void check_decoder(net *n, const alone *a, int riders_n, int draft, uint64_t seed) {
    rider riders[MOONSHINE_MAX_BATCH];
    size_t vocab = (size_t)n->info->vocab;
    float *logits = malloc(MOONSHINE_MAX_BATCH * vocab * sizeof *logits);
    float *align = malloc(MOONSHINE_MAX_BATCH * MOONSHINE_MAX_FRAMES * sizeof *align);
    uint64_t random = seed;
    for (int i = 0; i < riders_n; i++) mount(n, &riders[i], a, i % SEQUENCES, fake_below(&random, 20));
    int left = riders_n;
    for (int tick = 0; left; tick++) {
        moonshine_row rows[MOONSHINE_MAX_BATCH];
        const rider *owner[MOONSHINE_MAX_BATCH];
        int of_step[MOONSHINE_MAX_BATCH], count = 0, first = fake_below(&random, riders_n);
        for (int i = 0; i < riders_n; i++) {
            rider *r = &riders[(first + i) % riders_n];
            int most = 1 + fake_below(&random, draft);
            if (tick < r->start || r->step >= STEPS || fake_below(&random, 4) == 0) continue;
            for (int d = 0; d < most && r->step < STEPS && count < MOONSHINE_MAX_BATCH; d++, count++) {
                float *to = fake_below(&random, 2) ? align + (size_t)count * MOONSHINE_MAX_FRAMES : NULL;
                if (to) memset(to, 0, MOONSHINE_MAX_FRAMES * sizeof *to);
                owner[count] = r;
                of_step[count] = r->step;
                rows[count] = (moonshine_row){.seq = &r->seq, .token = a[r->who].token[r->step++], .align = to};
            }
            if (r->step == STEPS) left--;
        }
        if (count == 0) continue;
        bool keep = fake_below(&random, 2);
        assert_ok(moonshine_decode_step(n->m, &n->a, rows, count, keep ? logits : NULL));
        assert_int_equal(n->a.used_bytes, 0);
        for (int i = 0; i < count; i++)
            assert_row(n, &a[owner[i]->who], of_step[i], &rows[i], keep ? logits + (size_t)i * vocab : NULL);
    }
    for (int i = 0; i < riders_n; i++) dismount(n, &riders[i], a);
    free(logits);
    free(align);
}

/* A draft that is wrong half-way: positions are taken back and its pages written over. */
static void check_wrong_draft(net *n, const alone *a) {
    rider r;
    moonshine_row rows[6];
    mount(n, &r, a, 3, 0);
    for (int step = 0; step < STEPS; step += 3) {
        for (int i = 0; i < 6; i++) {
            int at = step + i;
            int32_t token = at < STEPS ? a[3].token[at] : 3;
            rows[i] = (moonshine_row){.seq = &r.seq, .token = i < 3 ? token : (token + 1) % n->info->vocab};
        }
        assert_ok(moonshine_decode_step(n->m, &n->a, rows, 6, NULL));
        for (int i = 0; i < 3; i++) assert_row(n, &a[3], step + i, &rows[i], NULL);
        assert_int_equal(r.seq.position, step + 6);
        r.seq.position = step + 3;
    }
    kv_pool_give(&n->pool, SELF_PAGES, r.seq.self);
}

/* Where the end is not what a row would say, end_least changes no bit. (Where it is: test_engine.mjs, figures joined from prompts.) */
static void check_end_is_least(net *n, const alone *a) {
    for (int who = 1; who < SEQUENCES; who++) {
        rider r;
        mount(n, &r, a, who, 0);
        moonshine_row row = {.seq = &r.seq, .token = a[who].token[0], .end_least = 0.99f};
        assert_ok(moonshine_decode_step(n->m, &n->a, &row, 1, NULL));
        assert_row(n, &a[who], 0, &row, NULL);
        assert_false(row.end_lost);
        kv_pool_give(&n->pool, SELF_PAGES, r.seq.self);
    }
}

/* Another network of the same weights whose memory starts as zeros instead of NaN. */
static void check_fresh_memory(const net *n, const alone *a, bool fp32) {
    net clean;
    char path[FAKE_PATH_BYTES];
    alone again;
    fake_join(path, &dir, "one.safetensors");
    net_take(&clean, path, fp32, 200000, 200, 0);
    run_alone(&clean, 4, &again);
    assert_memory_equal(again.token, a[4].token, sizeof again.token);
    assert_same_floats(again.states, a[4].states, (size_t)again.seq.frames * (size_t)n->info->width);
    assert_same_floats(again.logits, a[4].logits, STEPS * (size_t)n->info->vocab);
    assert_same_floats(again.align, a[4].align, STEPS * (size_t)again.seq.frames);
    free_alone(&clean, &again);
    net_close(&clean);
}

static void check_network(const fake_shape *shape, bool fp32) {
    net n;
    alone a[SEQUENCES];
    net_open(&n, shape, fp32);
    run_all_alone(&n, a);
    check_encoder(&n, a);
    check_decoder(&n, a, SEQUENCES, 1, SEED + 1);
    check_decoder(&n, a, 20, 3, SEED + 2);
    check_decoder(&n, a, 9, 24, SEED + 3);
    check_wrong_draft(&n, a);
    check_end_is_least(&n, a);
    check_fresh_memory(&n, a, fp32);
    for (int i = 0; i < SEQUENCES; i++) free_alone(&n, &a[i]);
    assert_int_equal(n.pool.free_count, n.pool.count);
    net_close(&n);
}

static const char *const bodies[] = {"c", "avx2", "avx512"};
#define BODIES 3

static void batched_equals_alone(void **state) {
    (void)state;
    for (int b = 0; b < BODIES; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        check_network(&odd_shape, false);
        check_network(&odd_shape, true);
        if (b == 0) continue; /* the reference is slow */
        check_network(&plain_shape, false);
        check_network(&plain_shape, true);
    }
    assert_ok(kern_select("auto"));
}

/* Bodies may round differently, but not much: on a network this wild only the states can be compared. */
static void bodies_agree(void **state) {
    (void)state;
    static const fake_shape *const shapes[] = {&plain_shape, &odd_shape};
    for (int s = 0; s < 2; s++) {
        for (int fp32 = 0; fp32 < 2; fp32++) {
            float *want = NULL;
            for (int b = 0; b < BODIES; b++) {
                net n;
                alone a;
                if (kern_select(bodies[b]) != STENO_OK) continue;
                net_open(&n, shapes[s], fp32);
                run_alone(&n, 3, &a);
                size_t floats = (size_t)a.seq.frames * (size_t)n.info->width;
                double error = 0.0, size = 0.0;
                for (size_t i = 0; want && i < floats; i++) {
                    error += pow((double)a.states[i] - (double)want[i], 2.0);
                    size += pow((double)want[i], 2.0);
                }
                if (want && error > pow(fp32 ? 1e-3 : 0.1, 2.0) * size)
                    fail_msg("%s, shape %d, %s: states differ by %.4f", bodies[b], s, fp32 ? "fp32" : "int8",
                             sqrt(error / size));
                if (!want) {
                    want = malloc(floats * sizeof *want);
                    memcpy(want, a.states, floats * sizeof *want);
                }
                free_alone(&n, &a);
                net_close(&n);
            }
            free(want);
        }
    }
    assert_ok(kern_select("auto"));
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

/* How often a window of `taps` fits, by trying. */
static int windows(int length, int taps, int stride) {
    int n = 0;
    for (int at = 0; at + taps <= length; at += stride) n++;
    return n;
}

static void frames_and_limits(void **state) {
    (void)state;
    int last = 0;
    for (int samples = 0; samples <= 30000; samples += samples < 3000 ? 1 : 97) {
        int want = windows(windows(windows(samples, 127, 64), 7, 3), 3, 2);
        assert_int_equal(moonshine_frames(samples), want);
        assert_true(want >= last);
        last = want;
    }
    assert_int_equal(moonshine_frames(MAX_SAMPLES), windows(windows(windows(MAX_SAMPLES, 127, 64), 7, 3), 3, 2));
    assert_true(moonshine_frames(MAX_SAMPLES) <= MOONSHINE_MAX_FRAMES);
    assert_true(moonshine_frames(MOONSHINE_MIN_SAMPLES) >= 1);
    assert_int_equal(moonshine_frames(-5), 0);
    assert_int_equal(moonshine_pages(0), 0);
    assert_int_equal(moonshine_pages(1), 1);
    assert_int_equal(moonshine_pages(16), 1);
    assert_int_equal(moonshine_pages(17), 2);
    assert_int_equal(moonshine_token_limit(1600), 4);
    assert_int_equal(moonshine_token_limit(16000), 7);
    assert_int_equal(moonshine_token_limit(160000), 65);
    assert_in_range(moonshine_token_limit(MAX_SAMPLES), 195, MOONSHINE_MAX_TOKENS);
    assert_int_equal(moonshine_token_limit(MAX_SAMPLES * 2), MOONSHINE_MAX_TOKENS);
}

/* An arena of exactly the promised size holds any batch within what was asked for. */
static void encode_bytes_suffice(void **state) {
    (void)state;
    static const int lengths[] = {1600, 1601, 2000, 3333, 5000, 8000, 16000, 48000, 49152, 50000, 123457, MAX_SAMPLES};
    float *pcm = calloc(MAX_SAMPLES, sizeof *pcm);
    for (int b = 0; b < BODIES; b++) {
        for (int fp32 = 0; fp32 < 2; fp32++) {
            net n;
            if (kern_select(bodies[b]) != STENO_OK) continue;
            net_open(&n, b ? &odd_shape : &plain_shape, fp32);
            for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                for (int many = 1; many <= 24; many += many == 1 ? 6 : 17) {
                    if (b == 0 && lengths[i] * many > 20000) continue; /* the reference is slow */
                    if (lengths[i] * many > MAX_SAMPLES) continue;
                    moonshine_utterance u[24];
                    moonshine_encoding e;
                    arena exact;
                    for (int k = 0; k < many; k++) {
                        int shorter = k && lengths[i] - 64 * k >= 1600 ? lengths[i] - 64 * k : lengths[i];
                        u[k] = (moonshine_utterance){.pcm = pcm, .samples = shorter};
                    }
                    int total = 0;
                    for (int k = 0; k < many; k++) total += u[k].samples;
                    assert_ok(arena_init(&exact, moonshine_encode_bytes(n.m, total, lengths[i])));
                    bool done = false;
                    assert_ok(moonshine_encode_begin(&e, n.m, &exact, u, many));
                    while (!done) assert_ok(moonshine_encode_step(&e, &done));
                    arena_free(&exact);
                }
            }
            net_close(&n);
        }
    }
    assert_ok(kern_select("auto"));
    free(pcm);
}

static void decode_bytes_suffice(void **state) {
    (void)state;
    for (int b = 0; b < BODIES; b++) {
        for (int fp32 = 0; fp32 < 2; fp32++) {
            net n;
            alone a;
            if (kern_select(bodies[b]) != STENO_OK) continue;
            net_open(&n, b ? &odd_shape : &plain_shape, fp32);
            run_alone(&n, 0, &a);
            for (int rows_n = 1; rows_n <= MOONSHINE_MAX_BATCH; rows_n += rows_n < 18 ? 1 : 23) {
                moonshine_row rows[MOONSHINE_MAX_BATCH];
                arena exact;
                for (int i = 0; i < rows_n; i++) rows[i] = (moonshine_row){.seq = &a.seq, .token = 5};
                a.seq.position = 0;
                assert_ok(arena_init(&exact, moonshine_decode_bytes(n.m, rows_n)));
                assert_ok(moonshine_decode_step(n.m, &exact, rows, rows_n, NULL));
                arena_free(&exact);
            }
            free_alone(&n, &a);
            net_close(&n);
        }
    }
    assert_ok(kern_select("auto"));
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

static void utterances_that_are_refused(void **state) {
    (void)state;
    net n;
    net_open(&n, &plain_shape, false);
    float *pcm = calloc(MAX_SAMPLES + 1, sizeof *pcm);
    static const int wrong[] = {0, -1, 1, MOONSHINE_MIN_SAMPLES - 1, MAX_SAMPLES + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char number[16];
        moonshine_utterance u[2] = {{.pcm = pcm, .samples = 5000}, {.pcm = pcm, .samples = wrong[i]}};
        moonshine_encoding e;
        assert_int_equal(moonshine_encode_begin(&e, n.m, &n.a, u, 2), STENO_E_INVALID);
        snprintf(number, sizeof number, " %d ", wrong[i]);
        assert_non_null(strstr(steno_error_detail(), number));
        assert_int_equal(n.a.used_bytes, 0);
    }
    free(pcm);
    net_close(&n);
}

static void assert_rows_refused(net *n, moonshine_row *rows, int count, const moonshine_sequence *seq) {
    int before = seq->position;
    assert_int_equal(moonshine_decode_step(n->m, &n->a, rows, count, NULL), STENO_E_INVALID);
    assert_true(steno_error_detail()[0] != 0);
    assert_int_equal(seq->position, before);
    arena_release(&n->a, 0);
}

static void rows_that_are_refused(void **state) {
    (void)state;
    net n;
    alone a;
    net_open(&n, &plain_shape, false);
    run_alone(&n, 2, &a);
    moonshine_row rows[MOONSHINE_MAX_ROWS + 1];
    for (int i = 0; i <= MOONSHINE_MAX_ROWS; i++) rows[i] = (moonshine_row){.seq = &a.seq, .token = 5};
    assert_rows_refused(&n, rows, 0, &a.seq);
    assert_rows_refused(&n, rows, -1, &a.seq);
    assert_rows_refused(&n, rows, MOONSHINE_MAX_ROWS + 1, &a.seq);
    static const int32_t wrong[] = {-1, 1100, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        rows[2].token = wrong[i];
        assert_rows_refused(&n, rows, 3, &a.seq);
    }
    rows[2].token = 5;
    a.seq.position = MOONSHINE_MAX_TOKENS - 2;
    assert_rows_refused(&n, rows, 3, &a.seq); /* the third does not fit */
    assert_ok(moonshine_decode_step(n.m, &n.a, rows, 2, NULL));
    assert_int_equal(a.seq.position, MOONSHINE_MAX_TOKENS);
    assert_rows_refused(&n, rows, 1, &a.seq);
    free_alone(&n, &a);
    net_close(&n);
}

/* With any smaller arena: STENO_E_NOMEM, nothing written outside of it (the sanitizer sees to that), no position
 * advanced; and afterwards the same answer as ever. */
static void arenas_that_are_too_small(void **state) {
    (void)state;
    for (int fp32 = 0; fp32 < 2; fp32++) {
        net n;
        alone a;
        int failed = 0, whole = 0;
        net_open(&n, &plain_shape, fp32);
        run_alone(&n, 2, &a);
        size_t enough = moonshine_encode_bytes(n.m, sound_samples[2], sound_samples[2]);
        for (size_t bytes = 64; bytes < enough; bytes += bytes / 7 + 64) {
            arena small;
            moonshine_encoding e;
            moonshine_utterance u = {.pcm = sound[2], .samples = sound_samples[2]};
            bool done = false;
            assert_ok(arena_init(&small, bytes));
            steno_err err = moonshine_encode_begin(&e, n.m, &small, &u, 1);
            while (err == STENO_OK && !done) err = moonshine_encode_step(&e, &done);
            if (err != STENO_OK) {
                assert_int_equal(err, STENO_E_NOMEM);
                assert_true(steno_error_detail()[0] != 0);
                failed++;
            } else {
                assert_same_floats(e.states, a.states, (size_t)a.seq.frames * (size_t)n.info->width);
                whole++;
            }
            arena_free(&small);
        }
        assert_true(failed > 10 && whole < failed);
        size_t decode = moonshine_decode_bytes(n.m, 1);
        failed = 0;
        for (size_t bytes = 64; bytes < decode; bytes += bytes / 9 + 64) {
            arena small;
            a.seq.position = 7;
            moonshine_row row = {.seq = &a.seq, .token = a.token[7]};
            assert_ok(arena_init(&small, bytes));
            steno_err err = moonshine_decode_step(n.m, &small, &row, 1, NULL);
            assert_int_equal(a.seq.position, err == STENO_OK ? 8 : 7);
            if (err == STENO_OK)
                assert_int_equal(row.next, a.token[8]);
            else
                assert_int_equal(err, STENO_E_NOMEM);
            failed += err != STENO_OK;
            arena_free(&small);
        }
        assert_true(failed > 10);
        free_alone(&n, &a);
        net_close(&n);
    }
}

/* Sound beyond all bounds may give any text, but tokens stay tokens and probabilities stay at most 1. */
static void sound_beyond_all_bounds(void **state) {
    (void)state;
    static const float sizes[] = {0.0f, 1e-45f, 1e4f, 1e19f, 3.4e38f};
    float *pcm = malloc(8000 * sizeof *pcm);
    for (int b = 0; b < BODIES; b++) {
        for (int fp32 = 0; fp32 < 2; fp32++) {
            net n;
            if (kern_select(bodies[b]) != STENO_OK) continue;
            net_open(&n, &plain_shape, fp32);
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                moonshine_sequence seq;
                moonshine_encoding e;
                for (int k = 0; k < 8000; k++) pcm[k] = k % 3 ? sizes[i] : -sizes[i];
                take_pages(&n, &seq, moonshine_frames(8000));
                moonshine_utterance u = {.pcm = pcm, .samples = 8000, .pages = seq.cross};
                encode_all(&n, &e, &u, 1);
                arena_release(&n.a, 0);
                moonshine_row row = {.seq = &seq, .token = 1};
                for (int step = 0; step < 3; step++) {
                    row.next = -1;
                    row.logprob = 9.0f;
                    assert_ok(moonshine_decode_step(n.m, &n.a, &row, 1, NULL));
                    if (row.next < 0 || row.next >= n.info->vocab || !(row.logprob <= 0.0f))
                        fail_msg("%s %d, sound of %g: token %d, log probability %g", bodies[b], fp32, (double)sizes[i],
                                 row.next, (double)row.logprob);
                    row.token = row.next;
                }
                give_pages(&n, &seq);
            }
            net_close(&n);
        }
    }
    assert_ok(kern_select("auto"));
    free(pcm);
}

/* ---- damaged files ----------------------------------------------------------------------------------------------- */

static const fake_shape little = {.heads = 2,
                                  .head_dim = 8,
                                  .rotary = 8,
                                  .encoder_layers = 1,
                                  .decoder_layers = 1,
                                  .encoder_hidden = 16,
                                  .decoder_hidden = 16,
                                  .vocab = 16};

static void assert_damaged(const fake_file *f, steno_err want, const char *word) {
    char path[FAKE_PATH_BYTES];
    fake_join(path, &dir, "one.safetensors");
    fake_save(f, path);
    for (int fp32 = 0; fp32 < 2; fp32++) {
        moonshine *m = (moonshine *)(uintptr_t)f;
        steno_err err = open_file(path, fp32, &m);
        if (err == STENO_OK) moonshine_free(m);
        if (err != want || !strstr(steno_error_detail(), word))
            fail_msg("want %s naming %s, got %s: %s", steno_err_name(want), word, steno_err_name(err),
                     steno_error_detail());
        assert_null(m);
    }
}

static void every_tensor_is_needed(void **state) {
    (void)state;
    fake_file *f = fake_moonshine(&little, SEED);
    for (int i = 0; i < f->n; i++) {
        weights_tensor gone = f->tensor[i], last = f->tensor[f->n - 1];
        f->tensor[i] = last;
        f->n--;
        assert_damaged(f, STENO_E_NOT_FOUND, gone.name);
        f->tensor[f->n++] = last;
        f->tensor[i] = gone;
    }
    fake_free(f);
}

/* Every dimension of every tensor one less, and one more dimension. */
static void every_shape_is_checked(void **state) {
    (void)state;
    fake_file *f = fake_moonshine(&little, SEED);
    for (int i = 0; i < f->n; i++) {
        weights_tensor *t = &f->tensor[i], whole = *t;
        for (int d = 0; d < whole.dims; d++) {
            if (whole.shape[d] == 1) continue;
            t->shape[d]--;
            t->bytes = whole.bytes / (size_t)whole.shape[d] * (size_t)t->shape[d];
            assert_damaged(f, STENO_E_FORMAT, whole.name);
            *t = whole;
        }
        t->shape[t->dims++] = 1;
        assert_damaged(f, STENO_E_FORMAT, whole.name);
        *t = whole;
    }
    fake_free(f);
}

static void every_type_is_checked(void **state) {
    (void)state;
    fake_file *f = fake_moonshine(&little, SEED);
    for (int i = 0; i < f->n; i++) {
        weights_dtype right = f->tensor[i].dtype;
        f->tensor[i].dtype = right == WEIGHTS_F32 ? WEIGHTS_I32 : right == WEIGHTS_U8 ? WEIGHTS_I8 : WEIGHTS_U8;
        assert_damaged(f, STENO_E_FORMAT, f->tensor[i].name);
        f->tensor[i].dtype = right;
    }
    fake_free(f);
}

static void every_number_is_checked(void **state) {
    (void)state;
    fake_file *f = fake_moonshine(&little, SEED);
    static const char *const wrong[] = {"", "x", "-1", "7 ", "99999999999999999999", "1000000000"};
    for (int i = 0; i < f->n_meta; i++) {
        weights_meta_pair right = f->meta[i], last = f->meta[f->n_meta - 1];
        f->meta[i] = last;
        f->n_meta--;
        const char *word = strcmp(right.key, "arch") == 0 ? "architecture" : right.key;
        assert_damaged(f, STENO_E_FORMAT, word);
        f->meta[f->n_meta++] = last;
        for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
            f->meta[i] = (weights_meta_pair){right.key, wrong[k]};
            assert_damaged(f, STENO_E_FORMAT, word);
        }
        f->meta[i] = right;
    }
    fake_free(f);
}

static void heads_make_the_width(void **state) {
    (void)state;
    fake_file *f = fake_moonshine(&little, SEED);
    for (int i = 0; i < f->n_meta; i++) {
        if (strcmp(f->meta[i].key, "heads") == 0) f->meta[i].value = "3";
    }
    assert_damaged(f, STENO_E_FORMAT, "3 heads of 8");
    fake_free(f);
}

/* ---- the published network --------------------------------------------------------------------------------------- */

#define RECORDING "/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav"

/* 16-bit mono at 16 kHz behind a header of 44 bytes. */
static float *read_recording(int *samples) {
    FILE *in = fopen(RECORDING, "rb");
    if (!in) return NULL;
    int16_t *s16 = malloc(MAX_SAMPLES * sizeof *s16);
    float *pcm = malloc(MAX_SAMPLES * sizeof *pcm);
    assert_int_equal(fseek(in, 44, SEEK_SET), 0);
    *samples = (int)fread(s16, sizeof *s16, MAX_SAMPLES, in);
    fclose(in);
    for (int i = 0; i < *samples; i++) pcm[i] = (float)s16[i] / 32768.0f;
    free(s16);
    return pcm;
}

static int greedy(net *n, const float *pcm, int samples, int32_t *ids) {
    moonshine_sequence seq;
    moonshine_encoding e;
    int32_t token = n->info->start_token;
    int count = 0;
    take_pages(n, &seq, moonshine_frames(samples));
    moonshine_utterance u = {.pcm = pcm, .samples = samples, .pages = seq.cross};
    encode_all(n, &e, &u, 1);
    arena_release(&n->a, 0);
    while (count < moonshine_token_limit(samples)) {
        moonshine_row row = {.seq = &seq, .token = token};
        assert_ok(moonshine_decode_step(n->m, &n->a, &row, 1, NULL));
        if (row.next == n->info->end_token) break;
        ids[count++] = token = row.next;
    }
    give_pages(n, &seq);
    return count;
}

static void published_network_in_every_body(void **state) {
    (void)state;
    char path[FAKE_PATH_BYTES];
    int samples = 0, want_n = -1;
    int32_t want[MOONSHINE_MAX_TOKENS], ids[MOONSHINE_MAX_TOKENS];
    float *pcm = read_recording(&samples);
    if (!pcm || models_find("tiny", NULL, path, sizeof path) != STENO_OK) {
        print_message("skipped: %s\n", pcm ? steno_error_detail() : "no " RECORDING);
        free(pcm);
        skip();
    }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    int first = 0;
#else
    int first = 1; /* the reference takes a minute under a sanitizer */
#endif
    for (int b = first; b < BODIES; b++) {
        net n;
        if (kern_select(bodies[b]) != STENO_OK) continue;
        net_take(&n, path, false, (size_t)samples, 60, 0xff);
        int count = greedy(&n, pcm, samples, ids);
        if (want_n < 0) {
            want_n = count;
            memcpy(want, ids, sizeof ids);
        }
        assert_int_equal(count, want_n);
        assert_memory_equal(ids, want, (size_t)count * sizeof *ids);
        net_close(&n);
    }
    assert_true(want_n > 5);
    assert_ok(kern_select("auto"));
    free(pcm);
}

static int setup(void **state) {
    (void)state;
    uint64_t random = SEED;
    fake_dir_make(&dir);
    for (int i = 0; i < SEQUENCES; i++) {
        sound[i] = malloc((size_t)sound_samples[i] * sizeof *sound[i]);
        fake_tone(sound[i], (size_t)sound_samples[i], &random);
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < SEQUENCES; i++) free(sound[i]);
    fake_dir_remove(&dir);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batched_equals_alone),
        cmocka_unit_test(bodies_agree),
        cmocka_unit_test(frames_and_limits),
        cmocka_unit_test(encode_bytes_suffice),
        cmocka_unit_test(decode_bytes_suffice),
        cmocka_unit_test(utterances_that_are_refused),
        cmocka_unit_test(rows_that_are_refused),
        cmocka_unit_test(arenas_that_are_too_small),
        cmocka_unit_test(sound_beyond_all_bounds),
        cmocka_unit_test(every_tensor_is_needed),
        cmocka_unit_test(every_shape_is_checked),
        cmocka_unit_test(every_type_is_checked),
        cmocka_unit_test(every_number_is_checked),
        cmocka_unit_test(heads_make_the_width),
        cmocka_unit_test(published_network_in_every_body),
    };
    print_message("seed %u\n", SEED);
    return cmocka_run_group_tests(tests, setup, teardown);
}
