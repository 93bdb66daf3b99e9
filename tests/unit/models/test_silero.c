/* test_silero.c: the voice detector on made-up weights against a plain double-precision network written here, and the
 * promises of silero.h: batched = alone, chunked = whole, states are plain memory, failures are reported and leak
 * nothing. tests/golden compares the published weights with onnxruntime. */
#include "base/mem.h"
#include "kern/kern.h"
#include "models/silero.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SEED        20260117u
#define MAX_FRAMES  80
#define N_TENSORS   15
#define BINS        129
#define WINDOW      256
#define TOLERANCE   1e-5 /* fp32 sums of up to 387 terms against double */
#define SWEEP_LIMIT 200

static uint64_t random_state;

/* Uniform in -1..1 (splitmix64). */
static float noise(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (float)((double)((z ^ (z >> 31)) >> 40) / 8388608.0 - 1.0);
}

/* ---- made-up weights --------------------------------------------------------------------------------------------- */

typedef struct fake {
    weights_tensor tensor[N_TENSORS];
    float *basis, *conv[4], *bias[4], *ih, *hh, *bih, *bhh, *out, *out_bias;
    int n;
} fake;

static float *add(fake *f, const char *name, int d0, int d1, int d2, float size) {
    size_t count = (size_t)d0 * (size_t)(d1 ? d1 : 1) * (size_t)(d2 ? d2 : 1);
    float *data = malloc(count * sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++) data[i] = size * noise();
    weights_tensor *t = &f->tensor[f->n++];
    *t = (weights_tensor){.name = name, .dtype = WEIGHTS_F32, .dims = 1 + (d1 > 0) + (d2 > 0), .data = data};
    t->shape[0] = d0, t->shape[1] = d1, t->shape[2] = d2;
    t->bytes = count * sizeof *data;
    return data;
}

/* A Hann window times cosines and sines, exactly symmetric as the published one is. */
static void fill_basis(float *b) {
    const double turn = 2.0 * acos(-1.0) / WINDOW;
    for (int bin = 0; bin < BINS; bin++) {
        for (int n = 0; n <= WINDOW / 2; n++) {
            double window = 0.5 - 0.5 * cos(turn * n);
            float re = (float)(window * cos(turn * ((bin * n) % WINDOW)));
            float im =
                n == 0 || n == WINDOW / 2 || bin == 0 ? 0.0f : (float)(-window * sin(turn * ((bin * n) % WINDOW)));
            b[bin * WINDOW + n] = re;
            b[(BINS + bin) * WINDOW + n] = im;
            if (n == 0) continue;
            b[bin * WINDOW + WINDOW - n] = re;
            b[(BINS + bin) * WINDOW + WINDOW - n] = -im;
        }
    }
}

static void fake_init(fake *f) {
    static const char *const names[] = {"encoder.0.weight", "encoder.1.weight", "encoder.2.weight", "encoder.3.weight"};
    static const char *const biases[] = {"encoder.0.bias", "encoder.1.bias", "encoder.2.bias", "encoder.3.bias"};
    static const int sizes[5] = {BINS, 128, 64, 64, 128};
    memset(f, 0, sizeof *f);
    random_state = SEED;
    f->basis = add(f, "stft.basis", 2 * BINS, WINDOW, 0, 0.0f);
    fill_basis(f->basis);
    for (int i = 0; i < 4; i++) {
        f->conv[i] = add(f, names[i], sizes[i + 1], sizes[i], 3, 0.1f);
        f->bias[i] = add(f, biases[i], sizes[i + 1], 0, 0, 0.1f);
    }
    f->ih = add(f, "lstm.weight_ih", 512, 128, 0, 0.1f);
    f->hh = add(f, "lstm.weight_hh", 512, 128, 0, 0.1f);
    f->bih = add(f, "lstm.bias_ih", 512, 0, 0, 0.1f);
    f->bhh = add(f, "lstm.bias_hh", 512, 0, 0, 0.1f);
    f->out = add(f, "out.weight", 128, 0, 0, 0.3f);
    f->out_bias = add(f, "out.bias", 1, 0, 0, 0.1f);
}

static void fake_free(fake *f) {
    for (int i = 0; i < f->n; i++) free((void *)(uintptr_t)f->tensor[i].data);
}

/* Through a file, as the engine does. */
static weights *fake_weights(const fake *f) {
    const char *dir = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%s/steno-test-XXXXXX", dir ? dir : "/tmp");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    weights *w = NULL;
    if (weights_write(path, f->tensor, (size_t)f->n, NULL, 0) != STENO_OK) fail_msg("%s", steno_error_detail());
    if (weights_open(path, &w) != STENO_OK) fail_msg("%s", steno_error_detail());
    unlink(path);
    return w;
}

/* ---- the network, written plainly -------------------------------------------------------------------------------- */

/* x [in, steps] -> y [out, outputs]: kernel 3, one step of padding each side, ReLU. */
static int plain_conv(const float *w, const float *bias, int out, int in, int stride, const double *x, int steps,
                      double *y) {
    int outputs = (steps - 1) / stride + 1;
    for (int o = 0; o < out; o++) {
        for (int p = 0; p < outputs; p++) {
            double sum = (double)bias[o];
            for (int i = 0; i < in; i++) {
                for (int t = 0; t < 3; t++) {
                    int at = p * stride + t - 1;
                    if (at >= 0 && at < steps) sum += (double)w[(o * in + i) * 3 + t] * x[i * steps + at];
                }
            }
            y[o * outputs + p] = sum > 0.0 ? sum : 0.0;
        }
    }
    return outputs;
}

static void plain_encoder(const fake *f, const double *x, double *to) {
    double a[BINS * 4], b[128 * 4];
    for (int s = 0; s < 4; s++) {
        for (int bin = 0; bin < BINS; bin++) {
            double re = 0.0, im = 0.0;
            for (int n = 0; n < WINDOW; n++) {
                re += (double)f->basis[bin * WINDOW + n] * x[s * 128 + n];
                im += (double)f->basis[(BINS + bin) * WINDOW + n] * x[s * 128 + n];
            }
            a[bin * 4 + s] = sqrt(re * re + im * im);
        }
    }
    int steps = plain_conv(f->conv[0], f->bias[0], 128, BINS, 1, a, 4, b);
    steps = plain_conv(f->conv[1], f->bias[1], 64, 128, 2, b, steps, a);
    steps = plain_conv(f->conv[2], f->bias[2], 64, 64, 2, a, steps, b);
    steps = plain_conv(f->conv[3], f->bias[3], 128, 64, 1, b, steps, to);
    assert_int_equal(steps, 1);
}

static double plain_sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

static double plain_gate(const fake *f, int row, const double *x, const double *h) {
    double sum = (double)f->bih[row] + (double)f->bhh[row];
    for (int i = 0; i < 128; i++) sum += (double)f->ih[row * 128 + i] * x[i] + (double)f->hh[row * 128 + i] * h[i];
    return sum;
}

static double plain_frame(const fake *f, const double *x, double *h, double *c) {
    double features[128], next[128], logit = (double)f->out_bias[0];
    plain_encoder(f, x, features);
    for (int i = 0; i < 128; i++) {
        double in = plain_sigmoid(plain_gate(f, i, features, h)),
               forget = plain_sigmoid(plain_gate(f, 128 + i, features, h));
        double cell = tanh(plain_gate(f, 256 + i, features, h)),
               out = plain_sigmoid(plain_gate(f, 384 + i, features, h));
        c[i] = forget * c[i] + in * cell;
        next[i] = out * tanh(c[i]);
    }
    for (int i = 0; i < 128; i++) {
        h[i] = next[i];
        if (h[i] > 0.0) logit += (double)f->out[i] * h[i];
    }
    return plain_sigmoid(logit);
}

/* The whole recording, each frame behind the 64 samples before it and before its own reflection. */
static void plain_run(const fake *f, const float *pcm, int frames, double *prob) {
    double h[128] = {0}, c[128] = {0};
    for (int frame = 0; frame < frames; frame++) {
        double x[640];
        for (int i = 0; i < 576; i++) {
            int at = frame * 512 - 64 + i;
            x[i] = at < 0 ? 0.0 : (double)pcm[at];
        }
        for (int i = 576; i < 640; i++) x[i] = x[2 * 575 - i];
        prob[frame] = plain_frame(f, x, h, c);
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

typedef struct fixture {
    fake f;
    weights *w;
    silero *m;
    float *pcm; /* [MAX_FRAMES * 512] */
} fixture;

static int setup(void **state) {
    fixture *x = calloc(1, sizeof *x);
    assert_non_null(x);
    fake_init(&x->f);
    x->w = fake_weights(&x->f);
    if (silero_open(x->w, &x->m) != STENO_OK) fail_msg("%s", steno_error_detail());
    x->pcm = malloc(MAX_FRAMES * 512 * sizeof *x->pcm);
    assert_non_null(x->pcm);
    for (int i = 0; i < MAX_FRAMES * 512; i++) {
        float loud = 0.5f + 0.5f * sinf((float)i * 0.0004f);
        x->pcm[i] = 0.2f * loud * noise() + 0.3f * loud * sinf((float)i * 0.05f * (1.0f + 1e-5f * (float)i));
    }
    *state = x;
    return 0;
}

static int teardown(void **state) {
    fixture *x = *state;
    silero_free(x->m);
    weights_close(x->w);
    fake_free(&x->f);
    free(x->pcm);
    free(x);
    return 0;
}

static void run(const silero *m, silero_job *jobs, int n) {
    int rows = 0;
    for (int i = 0; i < n; i++) rows += jobs[i].frames;
    arena a;
    assert_int_equal(arena_init(&a, silero_arena_bytes(rows)), STENO_OK);
    if (silero_step(m, &a, jobs, n) != STENO_OK) fail_msg("%s", steno_error_detail());
    assert_int_equal(a.used_bytes, 0);
    arena_free(&a);
}

static void matches_a_plain_network(void **state) {
    fixture *x = *state;
    enum { FRAMES = 40 };
    static const char *const bodies[] = {"c", "avx2", "avx512"};
    double want[FRAMES], low = 1.0, high = 0.0;
    plain_run(&x->f, x->pcm, FRAMES, want);
    for (int i = 0; i < FRAMES; i++) {
        low = fmin(low, want[i]);
        high = fmax(high, want[i]);
    }
    assert_true(high - low > 0.02); /* a network that says the same for everything would prove nothing */
    for (size_t b = 0; b < sizeof bodies / sizeof bodies[0]; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        float got[FRAMES];
        silero_state s;
        silero_reset(&s);
        silero_job job = {&s, x->pcm, FRAMES, got};
        run(x->m, &job, 1);
        double worst = 0.0;
        for (int i = 0; i < FRAMES; i++) worst = fmax(worst, fabs((double)got[i] - want[i]));
        print_message("%s: %.2e over a range of %.3f\n", bodies[b], worst, high - low);
        assert_true(worst <= TOLERANCE);
    }
    assert_int_equal(kern_select("auto"), STENO_OK);
}

/* Jobs of different lengths and starts, some empty, more than one group and more than one block. */
static void batched_equals_alone(void **state) {
    fixture *x = *state;
    enum { JOBS = 45 };
    static silero_state together[JOBS], alone[JOBS];
    static float got[JOBS][MAX_FRAMES], want[JOBS][MAX_FRAMES];
    silero_job jobs[JOBS];
    for (int i = 0; i < JOBS; i++) {
        int frames = (i * 7) % 11;
        if (i == 5) frames = MAX_FRAMES;
        silero_reset(&together[i]);
        silero_reset(&alone[i]);
        const float *pcm = i == 5 ? x->pcm : x->pcm + (size_t)i * 512;
        silero_job job = {&alone[i], pcm, frames, want[i]};
        if (frames) run(x->m, &job, 1);
        jobs[i] = (silero_job){&together[i], pcm, frames, got[i]};
    }
    run(x->m, jobs, JOBS);
    for (int i = 0; i < JOBS; i++) {
        assert_memory_equal(got[i], want[i], (size_t)jobs[i].frames * sizeof(float));
        assert_memory_equal(&together[i], &alone[i], sizeof together[i]);
    }
}

static void chunked_equals_whole(void **state) {
    fixture *x = *state;
    float whole[MAX_FRAMES], parts[MAX_FRAMES];
    silero_state one, many;
    silero_reset(&one);
    silero_job job = {&one, x->pcm, MAX_FRAMES, whole};
    run(x->m, &job, 1);
    for (int step = 1; step <= 37; step += 4) {
        silero_reset(&many);
        for (int at = 0; at < MAX_FRAMES; at += step) {
            int frames = at + step <= MAX_FRAMES ? step : MAX_FRAMES - at;
            job = (silero_job){&many, x->pcm + (size_t)at * 512, frames, parts + at};
            run(x->m, &job, 1);
        }
        assert_memory_equal(parts, whole, sizeof whole);
        assert_memory_equal(&many, &one, sizeof one);
    }
}

static void a_copied_state_goes_on_alike(void **state) {
    fixture *x = *state;
    float first[30], second[30];
    silero_state original, copy;
    silero_reset(&original);
    silero_job job = {&original, x->pcm, 10, first};
    run(x->m, &job, 1);
    copy = original;
    silero_job both[] = {{&original, x->pcm + 5120, 30, first}, {&copy, x->pcm + 5120, 30, second}};
    run(x->m, &both[0], 1);
    run(x->m, &both[1], 1);
    assert_memory_equal(first, second, sizeof first);
    assert_memory_equal(&original, &copy, sizeof copy);
}

static void a_small_arena_is_refused_and_nothing_changes(void **state) {
    fixture *x = *state;
    float prob[4] = {-1.0f, -1.0f, -1.0f, -1.0f};
    silero_state s, before;
    silero_reset(&s);
    before = s;
    silero_job job = {&s, x->pcm, 4, prob};
    arena a;
    assert_int_equal(arena_init(&a, silero_arena_bytes(4) - MEM_ALIGN), STENO_OK);
    assert_int_equal(silero_step(x->m, &a, &job, 1), STENO_E_NOMEM);
    assert_int_equal(a.used_bytes, 0);
    assert_memory_equal(&s, &before, sizeof s);
    assert_true(prob[0] == -1.0f);
    assert_int_equal(silero_step(x->m, &a, NULL, 0), STENO_OK);
    arena_free(&a);
    assert_int_equal(silero_arena_bytes(0), 0);
}

static void steps_allocate_nothing(void **state) {
    fixture *x = *state;
    float prob[MAX_FRAMES];
    silero_state s;
    silero_reset(&s);
    arena a;
    assert_int_equal(arena_init(&a, silero_arena_bytes(MAX_FRAMES)), STENO_OK);
    uint64_t before = mem_alloc_count();
    silero_job job = {&s, x->pcm, MAX_FRAMES, prob};
    assert_int_equal(silero_step(x->m, &a, &job, 1), STENO_OK);
    assert_true(mem_alloc_count() == before);
    arena_free(&a);
}

static void every_allocation_may_fail(void **state) {
    fixture *x = *state;
    uint64_t nth = 1;
    for (; nth < SWEEP_LIMIT; nth++) {
        silero *m = (silero *)x;
        mem_fault_arm(nth);
        steno_err err = silero_open(x->w, &m);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) {
            assert_int_equal(err, STENO_OK);
            silero_free(m);
            break;
        }
        assert_int_equal(err, STENO_E_NOMEM);
        assert_null(m);
    }
    assert_true(nth > 10 && nth < SWEEP_LIMIT);
    silero_free(NULL);
}

static steno_err open_fake(const fake *f) {
    weights *w = fake_weights(f);
    silero *m = NULL;
    steno_err err = silero_open(w, &m);
    if (err != STENO_OK) assert_null(m);
    silero_free(m);
    weights_close(w);
    return err;
}

static void wrong_weights_are_refused(void **state) {
    (void)state;
    for (int i = 0; i < N_TENSORS; i++) {
        fake f;
        fake_init(&f);
        assert_int_equal(f.n, N_TENSORS);
        weights_tensor kept = f.tensor[i];
        f.tensor[i].name = "something.else";
        assert_int_equal(open_fake(&f), STENO_E_NOT_FOUND);
        assert_non_null(strstr(steno_error_detail(), kept.name));
        f.tensor[i] = kept;
        f.tensor[i].shape[0] = 1;
        f.tensor[i].shape[1] *= kept.dims > 1 ? kept.shape[0] : 1;
        f.tensor[i].bytes = kept.dims > 1 ? kept.bytes : sizeof(float);
        if (kept.shape[0] > 1) assert_int_not_equal(open_fake(&f), STENO_OK);
        f.tensor[i] = kept;
        assert_int_equal(open_fake(&f), STENO_OK);
        fake_free(&f);
    }
}

static void a_basis_that_does_not_fold_is_refused(void **state) {
    (void)state;
    static const int places[] = {3 * WINDOW + 7, (BINS + 3) * WINDOW + 7, 5 * WINDOW, (BINS + 5) * WINDOW + 128,
                                 BINS * WINDOW + 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        fake f;
        fake_init(&f);
        f.basis[places[i]] += 0.01f;
        assert_int_equal(open_fake(&f), STENO_E_FORMAT);
        f.basis[places[i]] = NAN;
        assert_int_equal(open_fake(&f), STENO_E_FORMAT);
        fake_free(&f);
    }
}

int main(void) {
    print_message("seed %u\n", SEED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_a_plain_network),
        cmocka_unit_test(batched_equals_alone),
        cmocka_unit_test(chunked_equals_whole),
        cmocka_unit_test(a_copied_state_goes_on_alike),
        cmocka_unit_test(a_small_arena_is_refused_and_nothing_changes),
        cmocka_unit_test(steps_allocate_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(wrong_weights_are_refused),
        cmocka_unit_test(a_basis_that_does_not_fold_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
