/* test_linear.c: linear layers against plain sums in double precision, in int8 and fp32, single and fused, for every
 * kernel body; their scratch; and files that do not fit. */
#include "nn_test.h"

#include "kern/kern.h"
#include "nn/linear.h"

#include <math.h>

#define SEED  20260122u
#define K     72
#define PARTS 3
#define N     20
#define ROWS  9

static uint64_t random_state = SEED;

static float noise(void) {
    return (float)((double)(test_random(&random_state) >> 40) / 8388608.0 - 1.0);
}

/* ---- a file with three layers ------------------------------------------------------------------------------------ */

static const char *const names[PARTS] = {"a", "b", "c"};

typedef struct file {
    uint8_t w[PARTS][K * N], zero_point[PARTS];
    float scale[PARTS], bias[PARTS][N];
    char name[PARTS * 4][32];
    weights_tensor tensor[PARTS * 4];
} file;

static void file_fill(file *f) {
    static const char *const fields[] = {"weight", "scale", "zero_point", "bias"};
    static const weights_dtype types[] = {WEIGHTS_U8, WEIGHTS_F32, WEIGHTS_U8, WEIGHTS_F32};
    for (int p = 0; p < PARTS; p++) {
        for (int i = 0; i < K * N; i++) f->w[p][i] = (uint8_t)test_random(&random_state);
        for (int i = 0; i < N; i++) f->bias[p][i] = noise();
        f->scale[p] = 0.01f * (float)(p + 1);
        f->zero_point[p] = (uint8_t)(100 + 50 * p);
        const void *data[] = {f->w[p], &f->scale[p], &f->zero_point[p], f->bias[p]};
        size_t bytes[] = {sizeof f->w[p], 4, 1, sizeof f->bias[p]};
        for (int k = 0; k < 4; k++) {
            weights_tensor *t = &f->tensor[p * 4 + k];
            snprintf(f->name[p * 4 + k], 32, "%s.%s", names[p], fields[k]);
            *t = (weights_tensor){.name = f->name[p * 4 + k], .dtype = types[k], .dims = 1, .data = data[k]};
            t->bytes = bytes[k];
            t->shape[0] = k == 0 ? K : k == 3 ? N : 1;
            if (k == 0) t->shape[t->dims++] = N;
        }
    }
}

static weights *file_open(const file *f) {
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    weights *w = NULL;
    test_folder(dir);
    test_path(path, dir, "layers.safetensors");
    assert_int_equal(weights_write(path, f->tensor, PARTS * 4, NULL, 0), STENO_OK);
    assert_int_equal(weights_open(path, &w), STENO_OK);
    test_folder_remove(dir);
    return w;
}

/* x [K] times column j of the fused layers, plus bias. */
static double plain(const file *f, const float *x, int j, bool bias) {
    int p = j / N, column = j % N;
    double sum = 0.0;
    for (int k = 0; k < K; k++)
        sum += (double)x[k] * (double)f->scale[p] * ((double)f->w[p][k * N + column] - (double)f->zero_point[p]);
    return sum + (bias ? (double)f->bias[p][column] : 0.0);
}

/* What int8 rows may be off by: half a step of the row for each input, times the column. */
static double slack(const file *f, const float *x, int j) {
    float lo = 0.0f, hi = 0.0f;
    double column = 0.0;
    int p = j / N;
    for (int k = 0; k < K; k++) {
        lo = fminf(lo, x[k]);
        hi = fmaxf(hi, x[k]);
        column += fabs((double)f->scale[p] * ((double)f->w[p][k * N + j % N] - (double)f->zero_point[p]));
    }
    return (double)(hi - lo) / 255.0 * 0.51 * column + 1e-4;
}

static void check_layer(const file *f, const weights *w, int parts, bool bias, bool fp32) {
    linear l;
    arena a;
    nn_rows rows;
    float x[ROWS][K + 5], out[ROWS][PARTS * N + 3], added[ROWS][PARTS * N + 3];
    assert_int_equal(linear_load(&l, w, names, parts, K, N, bias, fp32), STENO_OK);
    assert_int_equal(l.n, parts * N);
    assert_int_equal(l.k, K);
    assert_int_equal(arena_init(&a, nn_rows_bytes(ROWS, K)), STENO_OK);
    assert_int_equal(nn_rows_take(&rows, &a, ROWS, K, fp32), STENO_OK);
    for (int r = 0; r < ROWS; r++) {
        for (int k = 0; k < K + 5; k++) x[r][k] = r == 3 ? 0.0f : noise() * (float)(r + 1);
        for (int j = 0; j < PARTS * N + 3; j++) added[r][j] = out[r][j] = (float)j;
    }
    nn_rows_from(&rows, x[0], K + 5, ROWS);
    linear_apply(&l, &rows, ROWS, KERN_STORE, out[0], PARTS * N + 3);
    linear_apply(&l, &rows, ROWS, KERN_ADD, added[0], PARTS * N + 3);
    for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < PARTS * N + 3; j++) {
            if (j >= l.n) { /* beside the layer nothing is written */
                assert_true(out[r][j] == (float)j && added[r][j] == (float)j);
                continue;
            }
            double want = plain(f, x[r], j, bias), most = fp32 ? 1e-3 : slack(f, x[r], j);
            if (fabs((double)out[r][j] - want) > most)
                fail_msg("%s %d row %d column %d: %f, want %f within %f", kern()->name, fp32, r, j, (double)out[r][j],
                         want, most);
            assert_float_equal(added[r][j], out[r][j] + (float)j, 1e-3);
        }
    }
    arena_free(&a);
    linear_free(&l);
    linear_free(&l); /* again is harmless */
}

static const char *const bodies[] = {"c", "avx2", "avx512"};

static void layers_multiply(void **state) {
    (void)state;
    static file f;
    file_fill(&f);
    weights *w = file_open(&f);
    for (int b = 0; b < 3; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        for (int kind = 0; kind < 4; kind++) {
            check_layer(&f, w, 1, kind & 1, kind & 2);
            check_layer(&f, w, PARTS, kind & 1, kind & 2);
        }
    }
    assert_int_equal(kern_select("auto"), STENO_OK);
    weights_close(w);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static void plain_norm(const float *x, const float *gamma, double *y) {
    double mean = 0.0, var = 0.0;
    for (int i = 0; i < K; i++) mean += (double)x[i] / K;
    for (int i = 0; i < K; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean) / K;
    for (int i = 0; i < K; i++) y[i] = ((double)x[i] - mean) / sqrt(var + 1e-5) * (double)gamma[i];
}

/* The value of row r, column i as a layer reads it. */
static double row_value(const nn_rows *rows, int r, int i) {
    if (rows->fp32) return (double)rows->f[r * K + i];
    int q = rows->q.q[r * rows->q.stride + i];
    return (double)rows->q.scale[r] * (q - rows->q.zp[r]);
}

static double step_of(const nn_rows *rows, int r) {
    return rows->fp32 ? 1e-4 : 0.51 * (double)rows->q.scale[r] + 1e-4;
}

static void rows_normalise_and_gate(void **state) {
    (void)state;
    for (int b = 0; b < 3; b++) {
        if (kern_select(bodies[b]) != STENO_OK) continue;
        for (int fp32 = 0; fp32 < 2; fp32++) {
            arena a;
            nn_rows rows;
            float x[ROWS][2 * K + 1], gamma[K];
            double want[K];
            assert_int_equal(arena_init(&a, nn_rows_bytes(ROWS, K)), STENO_OK);
            assert_int_equal(nn_rows_take(&rows, &a, ROWS, K, fp32), STENO_OK);
            for (int r = 0; r < ROWS; r++)
                for (int i = 0; i < 2 * K + 1; i++) x[r][i] = 3.0f * noise() + 1.0f;
            for (int i = 0; i < K; i++) gamma[i] = 1.0f + noise();
            nn_rows_layernorm(&rows, x[0], 2 * K + 1, ROWS, gamma);
            for (int r = 0; r < ROWS; r++) {
                plain_norm(x[r], gamma, want);
                for (int i = 0; i < K; i++) assert_true(fabs(row_value(&rows, r, i) - want[i]) <= step_of(&rows, r));
            }
            nn_rows_swiglu(&rows, x[0], 2 * K + 1, ROWS);
            for (int r = 0; r < ROWS; r++) {
                for (int i = 0; i < K; i++) {
                    double gate = (double)x[r][K + i], silu = gate / (1.0 + exp(-gate));
                    assert_true(fabs(row_value(&rows, r, i) - silu * (double)x[r][i]) <= step_of(&rows, r));
                }
            }
            arena_free(&a);
        }
    }
    assert_int_equal(kern_select("auto"), STENO_OK);
}

/* As many bytes as promised are enough, for any size; fewer give an error. */
static void rows_take_what_they_say(void **state) {
    (void)state;
    for (int m = 1; m < 40; m += 1 + m / 4) {
        for (int k = 1; k < 700; k += 1 + k / 3) {
            for (int fp32 = 0; fp32 < 2; fp32++) {
                arena a;
                nn_rows rows;
                assert_int_equal(arena_init(&a, nn_rows_bytes(m, k)), STENO_OK);
                assert_int_equal(nn_rows_take(&rows, &a, m, k, fp32), STENO_OK);
                arena_release(&a, 0);
                a.cap_bytes = (size_t)m * (size_t)k / 2;
                assert_int_equal(nn_rows_take(&rows, &a, m, k, fp32), STENO_E_NOMEM);
                assert_non_null(strstr(steno_error_detail(), "arena"));
                arena_free(&a);
            }
        }
    }
}

/* ---- files that do not fit --------------------------------------------------------------------------------------- */

static void assert_refused(const file *f, int parts, int k, int n, steno_err want, const char *word) {
    weights *w = file_open(f);
    linear l;
    memset(&l, 0xff, sizeof l);
    assert_int_equal(linear_load(&l, w, names, parts, k, n, true, false), want);
    if (!strstr(steno_error_detail(), word)) fail_msg("no '%s' in: %s", word, steno_error_detail());
    linear_free(&l); /* as its owner does, who does not know how far it came */
    weights_close(w);
}

static void wrong_files(void **state) {
    (void)state;
    static file f;
    file_fill(&f);
    assert_refused(&f, PARTS, K + 1, N, STENO_E_FORMAT, "a.weight");
    assert_refused(&f, PARTS, K, N + 1, STENO_E_FORMAT, "a.weight");
    assert_refused(&f, PARTS, K, N - 1, STENO_E_FORMAT, "a.weight");
    assert_refused(&f, 5, K, N, STENO_E_INVALID, "a");
    f.tensor[4].shape[1]--; /* one part of three is narrower: the sum must not hide it */
    f.tensor[4].bytes -= K;
    assert_refused(&f, PARTS, K, N, STENO_E_FORMAT, "b.weight");
    f.tensor[4].shape[1]++;
    f.tensor[4].bytes += K;
    for (int i = 0; i < PARTS * 4; i++) {
        const char *right = f.tensor[i].name;
        f.tensor[i].name = "else";
        assert_refused(&f, PARTS, K, N, STENO_E_NOT_FOUND, right);
        f.tensor[i].name = right;
    }
}

static steno_err load_once(void *user) {
    linear l;
    steno_err err = linear_load(&l, user, names, PARTS, K, N, true, true);
    linear_free(&l);
    return err;
}

static void failed_allocations(void **state) {
    (void)state;
    static file f;
    file_fill(&f);
    weights *w = file_open(&f);
    assert_true(test_sweep(load_once, w) >= 5);
    weights_close(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_multiply),         cmocka_unit_test(rows_normalise_and_gate),
        cmocka_unit_test(rows_take_what_they_say), cmocka_unit_test(wrong_files),
        cmocka_unit_test(failed_allocations),
    };
    print_message("seed %u\n", SEED);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
