/* test_xvector.c: the network of voices on made-up weights against a plain double-precision network written here, and the
 * promises of xvector.h: batched = alone, chunked = whole, bit for bit; rows that count nothing change nothing; instruction
 * sets agree; failures are reported and leak nothing. tests/golden compares the published weights with onnxruntime. */
#include "../../random.h"
#include "base/mem.h"
#include "kern/kern.h"
#include "models/xvector.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define LAYERS      8
#define MAX_ROWS    400
#define JOBS        5
#define TOLERANCE   1e-3 /* of the largest value: fp32 sums of up to 3000 terms against double */
#define INT8_COSINE 0.99
#define SWEEP_LIMIT 200

/* ---- made-up weights --------------------------------------------------------------------------------------------- */

static const struct {
    const char *weight, *bias;
    int n, k;
} shapes[LAYERS] = {
    /* k: 0 of a scale [n] */
    {"tdnn1.weight", "tdnn1.bias", XVECTOR_HIDDEN, 5 * XVECTOR_CEPS},
    {"tdnn2.weight", "tdnn2.bias", XVECTOR_HIDDEN, 3 * XVECTOR_HIDDEN},
    {"tdnn3.weight", "tdnn3.bias", XVECTOR_HIDDEN, 3 * XVECTOR_HIDDEN},
    {"tdnn4.weight", "tdnn4.bias", XVECTOR_HIDDEN, XVECTOR_HIDDEN},
    {"tdnn5.weight", "tdnn5.bias", XVECTOR_POOLED, XVECTOR_HIDDEN},
    {"segment.weight", "segment.bias", XVECTOR_DIM, 2 * XVECTOR_POOLED},
    {"segment_norm.weight", "segment_norm.bias", XVECTOR_DIM, 0},
    {"whiten.weight", "whiten.bias", XVECTOR_DIM, XVECTOR_DIM},
};

static float *layer_weight[LAYERS], *layer_bias[LAYERS];

static void fill_layers(void) {
    for (int l = 0; l < LAYERS; l++) {
        size_t n = (size_t)shapes[l].n, k = (size_t)(shapes[l].k ? shapes[l].k : 1);
        float size = 2.0f / sqrtf((float)k);
        if (!layer_weight[l]) layer_weight[l] = malloc(n * k * sizeof(float));
        if (!layer_bias[l]) layer_bias[l] = malloc(n * sizeof(float));
        assert_true(layer_weight[l] && layer_bias[l]);
        for (size_t i = 0; i < n * k; i++) layer_weight[l][i] = size * random_unit();
        for (size_t i = 0; i < n; i++) layer_bias[l][i] = 0.2f * random_unit();
    }
}

/* Through a file, as the engine does. `without`: a tensor that is left out, or -1. */
static weights *fake_weights(int without) {
    weights_tensor tensors[2 * LAYERS];
    const char *dir = getenv("TMPDIR");
    char path[256];
    size_t n = 0;
    for (int i = 0; i < 2 * LAYERS; i++) {
        int l = i / 2;
        if (i == without) continue;
        weights_tensor *t = &tensors[n++];
        bool bias = i % 2, flat = bias || shapes[l].k == 0;
        *t = (weights_tensor){.name = bias ? shapes[l].bias : shapes[l].weight,
                              .dtype = WEIGHTS_F32,
                              .dims = flat ? 1 : 2,
                              .shape = {shapes[l].n, shapes[l].k},
                              .data = bias ? layer_bias[l] : layer_weight[l]};
        t->bytes = (size_t)shapes[l].n * (size_t)(flat ? 1 : shapes[l].k) * sizeof(float);
        if (flat) t->shape[1] = 0;
    }
    snprintf(path, sizeof path, "%s/steno-test-XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    weights *w = NULL;
    if (weights_write(path, tensors, n, NULL, 0) != STENO_OK) fail_msg("%s", steno_error_detail());
    if (weights_open(path, &w) != STENO_OK) fail_msg("%s", steno_error_detail());
    unlink(path);
    return w;
}

static xvector *fake_network(bool fp32) {
    weights *w = fake_weights(-1);
    xvector *m = NULL;
    if (xvector_open(w, fp32, &m) != STENO_OK) fail_msg("%s", steno_error_detail());
    weights_close(w);
    return m;
}

/* ---- the network, written plainly -------------------------------------------------------------------------------- */

/* Row `at` of the layer's input: `taps` rows of `x`, `apart` apart, round the one `at`. */
static void plain_layer(int l, const double *x, int width, int taps, int apart, int at, bool relu, double *y) {
    for (int j = 0; j < shapes[l].n; j++) {
        const float *w = layer_weight[l] + (size_t)j * (size_t)shapes[l].k;
        double sum = (double)layer_bias[l][j];
        for (int t = 0; t < taps; t++) {
            const double *row = x + (size_t)(at + (t - taps / 2) * apart) * (size_t)width;
            for (int i = 0; i < width; i++) sum += (double)w[t * width + i] * row[i];
        }
        y[j] = relu && sum < 0.0 ? 0.0 : sum;
    }
}

/* The embeddings of rows [first, end) of a stream of `rows` rows whose first one stands for those before it. */
static void plain_embedding(const float *ceps, int rows, int first, int end, double out[XVECTOR_DIM],
                            double whitened[XVECTOR_DIM]) {
    enum { AHEAD = XVECTOR_AHEAD, H = XVECTOR_HIDDEN, P = XVECTOR_POOLED };
    int all = rows + AHEAD;
    double *x = calloc((size_t)all * XVECTOR_CEPS, sizeof *x), *a = calloc((size_t)all * H, sizeof *a);
    double *b = calloc((size_t)all * H, sizeof *b), c[H], d[H], e[P], pooled[2 * P] = {0};
    assert_true(x && a && b);
    for (int r = 0; r < all; r++) {
        for (int k = 0; k < XVECTOR_CEPS; k++)
            x[r * XVECTOR_CEPS + k] = (double)ceps[(r < AHEAD ? 0 : r - AHEAD) * XVECTOR_CEPS + k];
    }
    for (int r = 2; r < all - 2; r++) plain_layer(0, x, XVECTOR_CEPS, 5, 1, r, true, a + (size_t)r * H);
    for (int r = 4; r < all - 4; r++) plain_layer(1, a, H, 3, 2, r, true, b + (size_t)r * H);
    for (int r = first; r < end; r++) {
        plain_layer(2, b, H, 3, 3, r + AHEAD, true, c);
        plain_layer(3, c, H, 1, 1, 0, true, d);
        plain_layer(4, d, H, 1, 1, 0, true, e);
        for (int i = 0; i < P; i++) pooled[i] += e[i], pooled[P + i] += e[i] * e[i];
    }
    for (int i = 0; i < P; i++) {
        double mean = pooled[i] / (end - first), variance = pooled[P + i] / (end - first) - mean * mean;
        pooled[i] = mean;
        pooled[P + i] = sqrt(fmax(variance, 1e-10));
    }
    double raw[XVECTOR_DIM];
    plain_layer(5, pooled, 2 * P, 1, 1, 0, false, raw);
    for (int i = 0; i < XVECTOR_DIM; i++)
        out[i] = fmax(raw[i], 0.0) * (double)layer_weight[6][i] + (double)layer_bias[6][i];
    plain_layer(7, raw, XVECTOR_DIM, 1, 1, 0, false, whitened);
    free(x);
    free(a);
    free(b);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

typedef struct stream {
    float ceps[MAX_ROWS * XVECTOR_CEPS], weight[MAX_ROWS];
    int rows;
    xvector_state state;
    xvector_sums sums;
} stream;

static stream streams[JOBS], alone[JOBS];

static void fill_streams(void) {
    for (int j = 0; j < JOBS; j++) {
        stream *s = &streams[j];
        memset(s, 0, sizeof *s);
        s->rows = 30 + random_below(MAX_ROWS - 30);
        for (int i = 0; i < s->rows * XVECTOR_CEPS; i++) s->ceps[i] = 10.0f * random_unit();
        for (int i = XVECTOR_AHEAD; i < s->rows; i++) s->weight[i] = random_below(4) ? 1.0f : 0.0f;
        xvector_reset(&s->state);
    }
    memcpy(alone, streams, sizeof alone);
}

static void step(const xvector *m, xvector_job *jobs, int n) {
    arena scratch;
    int rows = 0;
    for (int i = 0; i < n; i++) rows += jobs[i].rows;
    assert_int_equal(arena_init(&scratch, xvector_arena_bytes(rows)), STENO_OK);
    if (xvector_step(m, &scratch, jobs, n) != STENO_OK) fail_msg("%s", steno_error_detail());
    assert_int_equal(arena_mark(&scratch), 0);
    arena_free(&scratch);
}

static void step_whole(const xvector *m, stream *s) {
    xvector_job job = {&s->state, s->ceps, s->weight, s->rows, &s->sums};
    step(m, &job, 1);
}

static void embed(const xvector *m, const xvector_sums *sums, float out[XVECTOR_DIM]) {
    arena scratch;
    assert_int_equal(arena_init(&scratch, xvector_embed_bytes(1)), STENO_OK);
    assert_int_equal(xvector_embed(m, &scratch, &sums, 1, out), STENO_OK);
    arena_free(&scratch);
}

static void embed_whitened(const xvector *m, const xvector_sums *sums, float out[XVECTOR_DIM]) {
    arena scratch;
    assert_int_equal(arena_init(&scratch, xvector_embed_whitened_bytes(1)), STENO_OK);
    assert_int_equal(xvector_embed_whitened(m, &scratch, &sums, 1, out), STENO_OK);
    assert_int_equal(arena_mark(&scratch), 0);
    arena_free(&scratch);
}

static double cosine(const float *a, const double *b) {
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (int i = 0; i < XVECTOR_DIM; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * (double)a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

static void check(const float *got, const double *want, bool fp32) {
    double most = 0.0, off = 0.0;
    for (int i = 0; i < XVECTOR_DIM; i++) {
        most = fmax(most, fabs(want[i]));
        off = fmax(off, fabs((double)got[i] - want[i]));
    }
    if (fp32)
        assert_true(off <= TOLERANCE * most);
    else
        assert_true(cosine(got, want) >= INT8_COSINE);
}

static void the_plain_network_agrees(void **unused) {
    (void)unused;
    enum { ROWS = 24, FIRST = 0, END = ROWS - XVECTOR_AHEAD };
    stream *s = &streams[0];
    double want[XVECTOR_DIM], whitened[XVECTOR_DIM];
    float got[XVECTOR_DIM];
    fill_streams();
    plain_embedding(s->ceps, ROWS, FIRST, END, want, whitened);
    for (int precision = 0; precision < 2; precision++) {
        xvector *m = fake_network(precision == 0);
        *s = alone[0];
        s->rows = ROWS;
        for (int i = 0; i < ROWS; i++) s->weight[i] = i < FIRST + XVECTOR_AHEAD ? 0.0f : 1.0f;
        step_whole(m, s);
        assert_true(s->sums.n == (float)(END - FIRST));
        embed(m, &s->sums, got);
        check(got, want, precision == 0);
        embed_whitened(m, &s->sums, got);
        check(got, whitened, precision == 0);
        xvector_free(m);
    }
}

static void compare(const stream *a, const stream *b) {
    assert_memory_equal(&a->sums, &b->sums, sizeof a->sums);
    assert_memory_equal(&a->state, &b->state, sizeof a->state);
}

/* All streams in steps of random rows of random streams; the same bits as each alone and at once. */
static void batched_and_chunked_equals_alone_and_whole(void **unused) {
    (void)unused;
    for (int precision = 0; precision < 2; precision++) {
        xvector *m = fake_network(precision == 0);
        int at[JOBS] = {0}, left = JOBS;
        fill_streams();
        for (int j = 0; j < JOBS; j++) step_whole(m, &alone[j]);
        while (left > 0) {
            xvector_job jobs[JOBS];
            int n = 0;
            for (int j = 0; j < JOBS; j++) {
                stream *s = &streams[j];
                int rows = random_below(130);
                if (rows > s->rows - at[j]) rows = s->rows - at[j];
                if (rows == 0 && random_below(2)) continue;
                jobs[n++] = (xvector_job){&s->state, s->ceps + at[j] * XVECTOR_CEPS, s->weight + at[j], rows, &s->sums};
                at[j] += rows;
            }
            step(m, jobs, n);
            left = 0;
            for (int j = 0; j < JOBS; j++) left += at[j] < streams[j].rows;
        }
        for (int j = 0; j < JOBS; j++) compare(&streams[j], &alone[j]);
        xvector_free(m);
    }
}

/* Embeddings of several sums at once are those of each alone. */
static void embeddings_do_not_know_each_other(void **unused) {
    (void)unused;
    xvector *m = fake_network(false);
    const xvector_sums *sums[JOBS];
    float many[JOBS * XVECTOR_DIM], one[XVECTOR_DIM];
    arena scratch;
    fill_streams();
    assert_int_equal(arena_init(&scratch, xvector_embed_bytes(JOBS)), STENO_OK);
    for (int j = 0; j < JOBS; j++) {
        step_whole(m, &streams[j]);
        sums[j] = &streams[j].sums;
    }
    assert_int_equal(xvector_embed(m, &scratch, sums, JOBS, many), STENO_OK);
    for (int j = 0; j < JOBS; j++) {
        embed(m, sums[j], one);
        assert_memory_equal(one, many + j * XVECTOR_DIM, sizeof one);
    }
    arena_free(&scratch);
    xvector_free(m);
}

static void instruction_sets_agree(void **unused) {
    (void)unused;
    static const char *const bodies[] = {"c", "avx2", "avx512-vnni", "avx512"};
    const char *before = kern()->name;
    xvector *m = fake_network(false);
    float got[XVECTOR_DIM];
    double want[XVECTOR_DIM];
    const uint64_t start = random_state;
    for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        memset(&streams[0], 0, sizeof streams[0]);
        random_state = start;
        fill_streams();
        step_whole(m, &streams[0]);
        embed(m, &streams[0].sums, got);
        for (int i = 0; i < XVECTOR_DIM && b == 0; i++) want[i] = (double)got[i];
        assert_true(cosine(got, want) >= 1.0 - 1e-6);
    }
    assert_int_equal(kern_select(before), STENO_OK);
    xvector_free(m);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void a_missing_tensor_is_named(void **unused) {
    (void)unused;
    for (int i = 0; i < 2 * LAYERS; i++) {
        weights *w = fake_weights(i);
        xvector *m = NULL;
        assert_int_equal(xvector_open(w, i % 2 == 0, &m), STENO_E_NOT_FOUND);
        assert_null(m);
        assert_non_null(strstr(steno_error_detail(), i % 2 ? shapes[i / 2].bias : shapes[i / 2].weight));
        weights_close(w);
    }
}

static void a_small_arena_is_an_error(void **unused) {
    (void)unused;
    xvector *m = fake_network(false);
    arena scratch;
    float out[XVECTOR_DIM];
    fill_streams();
    stream *s = &streams[0];
    xvector_job job = {&s->state, s->ceps, s->weight, s->rows, &s->sums};
    const xvector_sums *sums = &s->sums;
    assert_int_equal(arena_init(&scratch, xvector_embed_bytes(1) - MEM_ALIGN), STENO_OK);
    assert_int_equal(xvector_step(m, &scratch, &job, 1), STENO_E_NOMEM);
    assert_true(s->state.rows_in == 0 && s->sums.n == 0.0f);
    assert_int_equal(xvector_embed(m, &scratch, &sums, 1, out), STENO_E_NOMEM);
    assert_int_equal(xvector_embed_whitened(m, &scratch, &sums, 1, out), STENO_E_NOMEM);
    assert_int_equal(arena_mark(&scratch), 0);
    arena_free(&scratch);
    xvector_free(m);
}

static void memory_failures_leak_nothing(void **unused) {
    (void)unused;
    weights *w = fake_weights(-1);
    for (uint64_t nth = 1; nth < SWEEP_LIMIT; nth++) {
        xvector *m = NULL;
        mem_fault_arm(nth);
        steno_err err = xvector_open(w, false, &m);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        xvector_free(m);
        if (!hit) {
            assert_int_equal(err, STENO_OK);
            weights_close(w);
            return;
        }
        assert_int_equal(err, STENO_E_NOMEM);
    }
    fail_msg("the sweep does not end");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_network_agrees),
        cmocka_unit_test(batched_and_chunked_equals_alone_and_whole),
        cmocka_unit_test(embeddings_do_not_know_each_other),
        cmocka_unit_test(instruction_sets_agree),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_small_arena_is_an_error),
        cmocka_unit_test(memory_failures_leak_nothing),
    };
    random_start();
    fill_layers();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int l = 0; l < LAYERS; l++) {
        free(layer_weight[l]);
        free(layer_bias[l]);
    }
    return failed;
}
