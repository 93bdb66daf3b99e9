/* test_kaldi.c: Kaldi files made here byte by byte, whole and damaged; the published network, and what its conversion says when a
 * part of it is not what it should be. tests/golden compares the result of the conversion with onnxruntime. */
#include "nn_test.h"

#include "nn/catalogue.h"
#include "nn/convert.h"
#include "nn/kaldi.h"
#include "nn/manifest.h"
#include "nn/weights.h"

#include <math.h>

#define MAX_BYTES 65536

/* ---- a writer ----------------------------------------------------------------------------------------------------- */

typedef struct file {
    unsigned char bytes[MAX_BYTES];
    size_t n;
} file;

static void put(file *f, const void *bytes, size_t n) {
    assert_true(f->n + n <= MAX_BYTES);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static void put_text(file *f, const char *text) {
    put(f, text, strlen(text));
}

static void put_int(file *f, int32_t value) {
    put(f, "\4", 1);
    put(f, &value, sizeof value);
}

static void put_floats(file *f, int rows, int cols) {
    put_text(f, rows == 1 ? "FV " : "FM ");
    if (rows != 1) put_int(f, rows);
    put_int(f, cols);
    for (int i = 0; i < rows * cols; i++) {
        float value = (float)i * 0.5f - 1.0f;
        put(f, &value, sizeof value);
    }
}

static void put_head(file *f, int components) {
    f->n = 0;
    put(f, "\0B", 2);
    put_text(f, "<Nnet3> \ninput-node name=input dim=3\noutput-node name=output input=last\n\n<NumComponents> ");
    put_int(f, components);
}

static void put_small_network(file *f) {
    double count = 3.0;
    put_head(f, 2);
    put_text(f, "<ComponentName> one <AffineComponent> <LinearParams> ");
    put_floats(f, 2, 3);
    put_text(f, "<BiasParams> ");
    put_floats(f, 1, 2);
    put_text(f, "</AffineComponent> <ComponentName> two <OtherComponent> <Flag> T<Count> \10");
    put(f, &count, sizeof count);
    put_text(f, "<Dim> ");
    put_int(f, 7);
    put_text(f, "</OtherComponent> </Nnet3> ");
}

/* ---- the reader --------------------------------------------------------------------------------------------------- */

static file made;

static void a_network_is_read(void **unused) {
    (void)unused;
    kaldi *k = NULL;
    put_small_network(&made);
    if (kaldi_open_memory("small", made.bytes, made.n, &k) != STENO_OK) fail_msg("%s", steno_error_detail());
    assert_int_equal(kaldi_components(k), 2);
    assert_true(kaldi_wired(k, "input-node name=input dim=3"));
    assert_true(kaldi_wired(k, "output-node name=output input=last"));
    assert_false(kaldi_wired(k, "input-node name=input"));
    const kaldi_component *one = kaldi_component_named(k, "one", "AffineComponent");
    assert_ptr_equal(one, kaldi_component_at(k, 0));
    assert_null(kaldi_component_at(k, 2));
    assert_null(kaldi_component_named(k, "one", "OtherComponent"));
    const kaldi_field *w = kaldi_field_named(one, "LinearParams", KALDI_MATRIX);
    assert_true(w && w->rows == 2 && w->cols == 3 && kaldi_value(w, 5) == 1.5f);
    assert_null(kaldi_field_named(one, "LinearParams", KALDI_VECTOR));
    const kaldi_component *two = kaldi_component_named(k, "two", "OtherComponent");
    assert_int_equal(kaldi_integer(kaldi_field_named(two, "Dim", KALDI_WORD32)), 7);
    assert_int_equal(kaldi_field_named(two, "Flag", KALDI_BOOL)->at[0], 'T');
    assert_non_null(kaldi_field_named(two, "Count", KALDI_DOUBLE));
    kaldi_close(k);
}

static void refused(const file *f, size_t n, steno_err code) {
    kaldi *k = NULL;
    unsigned char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a byte too far */
    assert_non_null(exact);
    memcpy(exact, f->bytes, n);
    assert_int_equal(kaldi_open_memory("broken.raw", exact, n, &k), code);
    assert_null(k);
    assert_non_null(strstr(steno_error_detail(), "broken.raw"));
    free(exact);
}

static void a_file_that_ends_early_is_refused(void **unused) {
    (void)unused;
    put_small_network(&made);
    for (size_t n = 0; n < made.n; n++) refused(&made, n, STENO_E_FORMAT);
}

/* Any one byte may be wrong: an answer or a refusal, never a read outside. */
static void any_byte_may_be_wrong(void **unused) {
    (void)unused;
    static file damaged;
    put_small_network(&made);
    for (size_t i = 0; i < made.n; i++) {
        static const unsigned char values[] = {0, 1, ' ', '<', 0x7f, 0x80, 0xff};
        for (size_t v = 0; v < sizeof values; v++) {
            kaldi *k = NULL;
            damaged = made;
            damaged.bytes[i] = values[v];
            steno_err err = kaldi_open_memory("broken.raw", damaged.bytes, damaged.n, &k);
            assert_true(err == STENO_OK || err == STENO_E_FORMAT || err == STENO_E_LIMIT);
            kaldi_close(k);
        }
    }
}

static void limits_are_errors(void **unused) {
    (void)unused;
    put_head(&made, KALDI_MAX_COMPONENTS + 1);
    refused(&made, made.n, STENO_E_LIMIT);
    put_head(&made, -1);
    refused(&made, made.n, STENO_E_FORMAT);
    put_head(&made, 1);
    put_text(&made, "<ComponentName> many <Type> ");
    for (int i = 0; i <= KALDI_MAX_FIELDS; i++) put_text(&made, "<Flag> F");
    put_text(&made, "</Type> </Nnet3> ");
    refused(&made, made.n, STENO_E_LIMIT);
    put_head(&made, 1);
    put_text(&made, "<ComponentName> huge <Type> <M> FM ");
    put_int(&made, INT32_MAX);
    put_int(&made, INT32_MAX);
    put_text(&made, "</Type> </Nnet3> ");
    refused(&made, made.n, STENO_E_FORMAT);
}

/* ---- vectors and matrices ----------------------------------------------------------------------------------------- */

static steno_err load(const char *bytes, size_t n, int rows, int cols, float *out) {
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    steno_err err = kaldi_load_memory("some.vec", exact, n, rows, cols, out);
    if (err != STENO_OK) assert_non_null(strstr(steno_error_detail(), "some.vec"));
    free(exact);
    return err;
}

static void files_of_numbers_are_read(void **unused) {
    (void)unused;
    static const char *const good[] = {" [ 1 -2.5 3e2 4 ]\n", "[\n1 -2.5\n3e2 4 ]", "[ 1 -2.5 3e2 4 ] "};
    static const char *const bad[] = {"",
                                      " ",
                                      "[",
                                      "1 -2.5 3e2 4",
                                      "[ 1 2 3 ]",
                                      "[ 1 2 3 4 5 ]",
                                      "[ 1 2 3 4",
                                      "[ 1 2 x 4]",
                                      "[ 1 2 nan 4 ]",
                                      "[ 1 2 inf 4 ]",
                                      "[ 1 2 1e99 4 ]",
                                      "[ 1 2 3 4444444444444444444444444444444444444444444444444444444444444444444 ]"};
    static const float want[] = {1.0f, -2.5f, 300.0f, 4.0f};
    float out[4];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(load(good[i], strlen(good[i]), 2, 2, out), STENO_OK);
        assert_memory_equal(out, want, sizeof want);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(load(bad[i], strlen(bad[i]), 1, 4, out), STENO_E_FORMAT);
}

static void binary_files_of_numbers_are_read(void **unused) {
    (void)unused;
    float out[6];
    for (int rows = 1; rows <= 2; rows++) {
        made.n = 0;
        put(&made, "\0B", 2);
        put_floats(&made, rows, 3);
        assert_int_equal(load((char *)made.bytes, made.n, rows, 3, out), STENO_OK);
        assert_true(out[rows * 3 - 1] == (float)(rows * 3 - 1) * 0.5f - 1.0f);
        for (size_t n = 0; n < made.n; n++) assert_int_equal(load((char *)made.bytes, n, rows, 3, out), STENO_E_FORMAT);
        assert_int_equal(load((char *)made.bytes, made.n, rows, 2, out), STENO_E_FORMAT);
        assert_int_equal(load((char *)made.bytes, made.n, 3 - rows, 3, out), STENO_E_FORMAT);
        put(&made, "x", 1);
        assert_int_equal(load((char *)made.bytes, made.n, rows, 3, out), STENO_E_FORMAT);
    }
    assert_int_equal(kaldi_load("/no/such/mean.vec", 1, 3, out), STENO_E_NOT_FOUND);
}

/* ---- the published network ---------------------------------------------------------------------------------------- */

static const convert_source source = {"xvector-callhome", "any", "test@0", "none", {"0", "0", "0"}};
static float mean[CONVERT_XVECTOR_DIM], transform[CONVERT_XVECTOR_DIM * CONVERT_XVECTOR_DIM];
static unsigned char *published; /* NULL: not fetched */
static size_t published_bytes;

static void open_published(void) {
    char path[TEST_PATH_BYTES];
    const char *from = test_node_modules();
    const catalogue_entry *e = catalogue_find("xvector");
    if (!from) return;
    snprintf(path, sizeof path, "%s/%s", from, e->sources[0].path);
    if (access(path, R_OK) != 0) return;
    published = test_read(path, &published_bytes);
}

/* The published bytes with one word in the place of another as long. */
static void refused_with(const char *word, const char *other, int nth, const char *part) {
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    kaldi *k = NULL;
    unsigned char *bytes = malloc(published_bytes), *at = bytes;
    assert_non_null(bytes);
    assert_int_equal(strlen(word), strlen(other));
    memcpy(bytes, published, published_bytes);
    for (int i = 0; i <= nth; i++) {
        if (i > 0) at++;
        at = memmem(at, (size_t)(bytes + published_bytes - at), word, strlen(word));
        assert_non_null(at);
    }
    memcpy(at, other, strlen(other));
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    assert_int_equal(kaldi_open_memory("changed.raw", bytes, published_bytes, &k), STENO_OK);
    assert_int_equal(convert_xvector(k, mean, transform, &source, path), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "changed.raw"));
    if (!strstr(steno_error_detail(), part)) fail_msg("%s: does not name %s", steno_error_detail(), part);
    assert_int_equal(test_folder_files(dir), 0);
    kaldi_close(k);
    free(bytes);
    test_folder_remove(dir);
}

static void another_network_is_refused_by_the_name_of_its_part(void **unused) {
    (void)unused;
    if (!published) skip();
    refused_with("<ComponentName> tdnn3.affine", "<ComponentName> tdnnX.affine", 0, "tdnn3.affine");
    refused_with("Offset(tdnn1.batchnorm, 2)", "Offset(tdnn1.batchnorm, 3)", 0, "tdnn2.affine");
    refused_with("input=tdnn4.relu", "input=tdnn3.relu", 0, "tdnn4.batchnorm");
    refused_with("<OutputStddevs> T", "<OutputStddevs> F", 0, "pooling");
    refused_with("<TargetRms> \4", "<TargetRmz> \4", 4, "tdnn5.batchnorm");
    refused_with("tdnn6.affine input=Round", "tdnn6.affine input=Found", 0, "tdnn6.affine");
}

static steno_err convert_once(void *path) {
    kaldi *k = NULL;
    steno_err err = kaldi_open_memory("published.raw", published, published_bytes, &k);
    if (err == STENO_OK) err = convert_xvector(k, mean, transform, &source, path);
    kaldi_close(k);
    return err;
}

static void conversion_repeats_and_survives_want_of_memory(void **unused) {
    (void)unused;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES], first[SHA256_HEX_BYTES], second[SHA256_HEX_BYTES];
    uint64_t bytes = 0;
    if (!published) skip();
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    assert_int_equal(convert_once(path), STENO_OK);
    assert_int_equal(file_sha256(path, first, &bytes), STENO_OK);
    test_sweep(convert_once, path);
    assert_int_equal(file_sha256(path, second, &bytes), STENO_OK);
    assert_string_equal(first, second);
    test_folder_remove(dir);
}

/* A relu's output times its batch norm, computed both ways for one unit. */
static void the_first_layer_is_scaled_by_its_batch_norm(void **unused) {
    (void)unused;
    enum { UNIT = 17, INPUTS = 115 };
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    kaldi *k = NULL;
    weights *w = NULL;
    weights_tensor t;
    if (!published) skip();
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    assert_int_equal(convert_once(path), STENO_OK);
    assert_int_equal(weights_open(path, &w), STENO_OK);
    assert_int_equal(kaldi_open_memory("published.raw", published, published_bytes, &k), STENO_OK);
    const kaldi_component *affine = kaldi_component_named(k, "tdnn1.affine", "NaturalGradientAffineComponent");
    const kaldi_component *norm = kaldi_component_named(k, "tdnn1.batchnorm", "BatchNormComponent");
    double variance = (double)kaldi_value(kaldi_field_named(norm, "StatsVar", KALDI_VECTOR), UNIT);
    double scale = 1.0 / sqrt(variance + (double)kaldi_float(kaldi_field_named(norm, "Epsilon", KALDI_WORD32)));
    const kaldi_field *from = kaldi_field_named(affine, "LinearParams", KALDI_MATRIX);
    assert_int_equal(weights_get(w, "tdnn1.weight", &t), STENO_OK);
    assert_true(t.shape[0] == 512 && t.shape[1] == INPUTS);
    for (int i = 0; i < INPUTS; i++) {
        double want = (double)kaldi_value(from, UNIT * INPUTS + i) * scale;
        assert_true(fabs((double)((const float *)t.data)[UNIT * INPUTS + i] - want) <= 1e-6 * (1.0 + fabs(want)));
    }
    kaldi_close(k);
    weights_close(w);
    test_folder_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_is_read),
        cmocka_unit_test(a_file_that_ends_early_is_refused),
        cmocka_unit_test(any_byte_may_be_wrong),
        cmocka_unit_test(limits_are_errors),
        cmocka_unit_test(files_of_numbers_are_read),
        cmocka_unit_test(binary_files_of_numbers_are_read),
        cmocka_unit_test(another_network_is_refused_by_the_name_of_its_part),
        cmocka_unit_test(conversion_repeats_and_survives_want_of_memory),
        cmocka_unit_test(the_first_layer_is_scaled_by_its_batch_norm),
    };
    open_published();
    if (!published) print_message("the published network is not there: run `make models`\n");
    for (int i = 0; i < CONVERT_XVECTOR_DIM; i++) transform[i * CONVERT_XVECTOR_DIM + i] = 1.0f;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(published);
    return failed;
}
