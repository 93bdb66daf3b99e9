/* test_silero_golden.c: voice probabilities against onnxruntime on real recordings and on signals no recording has. The
 * published ONNX file goes through our own converter first, so the whole way from package to probability is covered. */
#include "golden.h"

#include "base/mem.h"
#include "kern/kern.h"
#include "models/silero.h"
#include "nn/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define PROB_TOLERANCE 1e-4
#define STATE_TOLERANCE                                                                                                \
    1e-3 /* of h and c after the whole recording: hundreds of recurrent steps, values up to about 10 */

static golden vectors;

static const char *const utterances[] = {"austen-0870", "austen-0880", "goodbye", "login", "monkeys", "synthetic"};

static weights *open_weights(void) {
    char from[1200], to[1100];
    snprintf(from, sizeof from, "%s/@ricky0123/vad-web/dist/silero_vad_v6.onnx", golden_models(&vectors));
    snprintf(to, sizeof to, "%s/silero-%ld.safetensors", vectors.dir, (long)getpid());
    const convert_source source = {
        .name = "silero-vad-v6", .language = "any", .package = "@ricky0123/vad-web", .licence = "MIT", .sha256 = {"0"}};
    onnx *published = NULL;
    weights *w = NULL;
    if (onnx_open(from, &published) != STENO_OK) fail_msg("%s", steno_error_detail());
    if (convert_silero(published, &source, to) != STENO_OK) fail_msg("%s", steno_error_detail());
    onnx_close(published);
    if (weights_open(to, &w) != STENO_OK) fail_msg("%s", steno_error_detail());
    unlink(to);
    return w;
}

static double worst(const float *a, const float *b, int n) {
    double most = 0.0;
    for (int i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= most)) most = d; /* NaN sticks */
    }
    return most;
}

static void check_utterance(const silero *m, const char *name) {
    char key[64];
    golden_vec pcm, prob, state;
    snprintf(key, sizeof key, "%s/pcm", name);
    assert_true(golden_load(&vectors, key, &pcm));
    snprintf(key, sizeof key, "%s/vad", name);
    assert_true(golden_load(&vectors, key, &prob));
    snprintf(key, sizeof key, "%s/vad_state", name);
    assert_true(golden_load(&vectors, key, &state));
    silero_state ours;
    silero_reset(&ours);
    float *got = mem_alloc((size_t)prob.count, sizeof *got);
    arena scratch;
    assert_non_null(got);
    assert_int_equal(arena_init(&scratch, silero_arena_bytes(prob.count)), STENO_OK);
    silero_job job = {&ours, pcm.f32, prob.count, got};
    assert_int_equal(silero_step(m, &scratch, &job, 1), STENO_OK);
    double off = worst(got, prob.f32, prob.count);
    double h = worst(ours.h, state.f32, SILERO_HIDDEN), c = worst(ours.c, state.f32 + SILERO_HIDDEN, SILERO_HIDDEN);
    print_message("%-12s %4d frames: probability %.2e, h %.2e, c %.2e\n", name, prob.count, off, h, c);
    assert_true(off <= PROB_TOLERANCE);
    assert_true(h <= STATE_TOLERANCE && c <= STATE_TOLERANCE);
    arena_free(&scratch);
    mem_free(got);
    golden_free(&pcm);
    golden_free(&prob);
    golden_free(&state);
}

static void probabilities_match_onnxruntime(void **unused) {
    (void)unused;
    static const char *const bodies[] = {"c", "avx2", "avx512"};
    weights *w = open_weights();
    silero *m = NULL;
    if (silero_open(w, &m) != STENO_OK) fail_msg("%s", steno_error_detail());
    for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        print_message("body %s\n", bodies[b]);
        for (size_t u = 0; u < sizeof utterances / sizeof utterances[0]; u++) check_utterance(m, utterances[u]);
    }
    silero_free(m);
    weights_close(w);
}

int main(void) {
    if (!golden_open(&vectors)) {
        printf("skipped: %s\n", golden_hint);
        return 77;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(probabilities_match_onnxruntime)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_close(&vectors);
    return failed;
}
