/* test_convert.c: conversion of the real published files, where they are installed: same bytes as expected, right
 * shapes, nothing written for a wrong or damaged graph. Set STENO_NODE_MODULES or run 'npm ci' in models/. */
#include "nn_test.h"

#include "nn/convert.h"
#include "nn/manifest.h"
#include "nn/weights.h"

#include <math.h>

static const char *modules;
static const convert_source source = {"x", "any", "x@0", "none", {"0", "0"}};

static void published(char path[TEST_PATH_BYTES], const char *model, int i) {
    test_path(path, modules, catalogue_find(model)->sources[i].path);
}

static void all_models_convert(void **state) {
    (void)state;
    static const char *const names[] = {"tiny", "base", "silero"};
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    bool changed;
    test_folder(dir);
    for (int i = 0; i < 3; i++) {
        const catalogue_entry *e = catalogue_find(names[i]);
        steno_err err = models_convert(e, modules, dir, &changed);
        if (err != STENO_OK) fail_msg("%s", steno_error_detail());
        assert_true(changed);
        assert_int_equal(models_convert(e, modules, dir, &changed), STENO_OK);
        assert_false(changed);
    }
    assert_int_equal(test_folder_files(dir), 3);
    assert_int_equal(manifest_write(dir, &changed), STENO_OK);
    assert_true(changed);
    assert_int_equal(manifest_write(dir, &changed), STENO_OK);
    assert_false(changed);
    assert_int_equal(manifest_verify(dir, NULL, NULL), STENO_OK);
    /* A damaged result is made anew. */
    test_path(path, dir, "silero-vad-v6.safetensors");
    test_write(path, "abc", 3);
    assert_int_equal(manifest_verify(dir, NULL, NULL), STENO_E_CHECKSUM);
    assert_int_equal(models_convert(catalogue_find("silero"), modules, dir, &changed), STENO_OK);
    assert_true(changed);
    assert_int_equal(manifest_verify(dir, NULL, NULL), STENO_OK);
    test_folder_remove(dir);
}

static void has(const weights *w, const char *name, weights_dtype dtype, int dims, const int64_t *shape) {
    weights_tensor t;
    if (weights_expect(w, name, dtype, dims, shape, &t) != STENO_OK) fail_msg("%s", steno_error_detail());
}

static void has_linear(const weights *w, const char *name, int64_t k, int64_t n, bool bias) {
    char part[128];
    snprintf(part, sizeof part, "%s.weight", name);
    has(w, part, WEIGHTS_U8, 2, (int64_t[]){k, n});
    snprintf(part, sizeof part, "%s.scale", name);
    has(w, part, WEIGHTS_F32, 1, (int64_t[]){1});
    snprintf(part, sizeof part, "%s.zero_point", name);
    has(w, part, WEIGHTS_U8, 1, (int64_t[]){1});
    snprintf(part, sizeof part, "%s.bias", name);
    if (bias) has(w, part, WEIGHTS_F32, 1, (int64_t[]){n});
}

static int64_t number(const weights *w, const char *key) {
    const char *text = weights_meta(w, key);
    if (!text) fail_msg("no metadata %s", key);
    return strtoll(text, NULL, 10);
}

static void check_encoder_layer(const weights *w, int i, int64_t d, int64_t h) {
    char name[96];
    for (int k = 0; k < 4; k++) {
        snprintf(name, sizeof name, "encoder.layers.%d.attn.%c", i, "qkvo"[k]);
        has_linear(w, name, d, d, false);
    }
    snprintf(name, sizeof name, "encoder.layers.%d.mlp.fc1", i);
    has_linear(w, name, d, h, true);
    snprintf(name, sizeof name, "encoder.layers.%d.mlp.fc2", i);
    has_linear(w, name, h, d, true);
    snprintf(name, sizeof name, "encoder.layers.%d.attn_norm.weight", i);
    has(w, name, WEIGHTS_F32, 1, (int64_t[]){d});
    snprintf(name, sizeof name, "encoder.layers.%d.mlp_norm.weight", i);
    has(w, name, WEIGHTS_F32, 1, (int64_t[]){d});
}

static void check_decoder_layer(const weights *w, int i, int64_t d, int64_t h) {
    static const char *const norms[] = {"self_norm", "cross_norm", "mlp_norm"};
    char name[96];
    for (int k = 0; k < 8; k++) {
        snprintf(name, sizeof name, "decoder.layers.%d.%s.%c", i, k < 4 ? "self" : "cross", "qkvo"[k % 4]);
        has_linear(w, name, d, d, false);
    }
    snprintf(name, sizeof name, "decoder.layers.%d.mlp.up", i);
    has_linear(w, name, d, 2 * h, true);
    snprintf(name, sizeof name, "decoder.layers.%d.mlp.down", i);
    has_linear(w, name, h, d, true);
    for (int k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "decoder.layers.%d.%s.weight", i, norms[k]);
        has(w, name, WEIGHTS_F32, 1, (int64_t[]){d});
    }
}

static void check_moonshine(const weights *w, int64_t d, int64_t layers, int64_t head_dim) {
    assert_int_equal(number(w, "width"), d);
    assert_int_equal(number(w, "heads"), 8);
    assert_int_equal(number(w, "head_dim"), head_dim);
    assert_int_equal(number(w, "rotary_dim"), 32);
    assert_int_equal(number(w, "encoder_layers"), layers);
    assert_int_equal(number(w, "decoder_layers"), layers);
    assert_int_equal(number(w, "vocab"), 32768);
    assert_int_equal(number(w, "start_token"), 1);
    assert_int_equal(number(w, "end_token"), 2);
    for (int i = 0; i < layers; i++) {
        check_encoder_layer(w, i, d, number(w, "encoder_hidden"));
        check_decoder_layer(w, i, d, number(w, "decoder_hidden"));
    }
    has(w, "encoder.conv1.weight", WEIGHTS_I8, 3, (int64_t[]){d, 1, 127});
    has(w, "encoder.conv2.weight", WEIGHTS_I8, 3, (int64_t[]){2 * d, d, 7});
    has(w, "encoder.conv3.weight", WEIGHTS_I8, 3, (int64_t[]){d, 2 * d, 3});
    has(w, "encoder.conv3.bias", WEIGHTS_F32, 1, (int64_t[]){d});
    has(w, "encoder.groupnorm.weight", WEIGHTS_F32, 1, (int64_t[]){d});
    has(w, "encoder.groupnorm.bias", WEIGHTS_F32, 1, (int64_t[]){d});
    has(w, "encoder.norm.weight", WEIGHTS_F32, 1, (int64_t[]){d});
    has(w, "decoder.norm.weight", WEIGHTS_F32, 1, (int64_t[]){d});
    has_linear(w, "decoder.embed", 32768, d, false);
    /* 15 for the stem and norms, 3 + 2 for embedding and the decoder's ends; every tensor of the file is one of these. */
    assert_int_equal(weights_count(w), 15 + 5 + layers * (22 + 35));
}

static float first_float(const weights *w, const char *name) {
    weights_tensor t;
    float value;
    assert_int_equal(weights_get(w, name, &t), STENO_OK);
    memcpy(&value, t.data, sizeof value);
    return value;
}

/* Facts about the published graphs that do not come from this reader. */
static void check_tiny_values(const weights *w) {
    assert_true(fabsf(first_float(w, "encoder.conv1.scale") - 0.0133475037f) < 1e-9f);
    assert_true(fabsf(first_float(w, "encoder.conv1.offset") - 0.0266950075f) < 1e-9f);
    assert_true(fabsf(first_float(w, "encoder.conv3.offset") + 1.2986619472f) < 1e-7f);
    assert_true(first_float(w, "encoder.rotary.inv_freq") == 1.0f);
}

static void moonshine_has_its_tensors(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t width, layers, head_dim;
    } models[] = {{"tiny", 288, 6, 36}, {"base", 416, 8, 52}};
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    bool changed;
    test_folder(dir);
    for (int i = 0; i < 2; i++) {
        const catalogue_entry *e = catalogue_find(models[i].name);
        weights *w;
        assert_int_equal(models_convert(e, modules, dir, &changed), STENO_OK);
        test_path(path, dir, e->file);
        assert_int_equal(weights_open(path, &w), STENO_OK);
        assert_string_equal(weights_meta(w, "name"), e->name);
        assert_string_equal(weights_meta(w, "source_decoder_sha256"), e->sources[1].sha256);
        check_moonshine(w, models[i].width, models[i].layers, models[i].head_dim);
        if (i == 0) check_tiny_values(w);
        weights_close(w);
    }
    test_folder_remove(dir);
}

static void silero_has_its_tensors(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    bool changed;
    weights *w;
    test_folder(dir);
    assert_int_equal(models_convert(catalogue_find("silero"), modules, dir, &changed), STENO_OK);
    test_path(path, dir, "silero-vad-v6.safetensors");
    assert_int_equal(weights_open(path, &w), STENO_OK);
    assert_int_equal(weights_count(w), 15);
    has(w, "stft.basis", WEIGHTS_F32, 2, (int64_t[]){258, 256});
    has(w, "encoder.0.weight", WEIGHTS_F32, 3, (int64_t[]){128, 129, 3});
    has(w, "lstm.weight_hh", WEIGHTS_F32, 2, (int64_t[]){512, 128});
    has(w, "out.weight", WEIGHTS_F32, 1, (int64_t[]){128});
    assert_true(fabsf(first_float(w, "out.bias") + 0.6245977283f) < 1e-7f);
    weights_close(w);
    test_folder_remove(dir);
}

static void wrong_networks_are_refused(void **state) {
    (void)state;
    static const char *const paths[] = {"tiny", "base", "silero"};
    char dir[TEST_PATH_BYTES], out[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    onnx *encoder[3] = {0}, *decoder[2];
    test_folder(dir);
    test_path(out, dir, "out.safetensors");
    for (int i = 0; i < 3; i++) {
        published(path, paths[i], 0);
        assert_int_equal(onnx_open(path, &encoder[i]), STENO_OK);
        if (i == 2) continue;
        published(path, paths[i], 1);
        assert_int_equal(onnx_open(path, &decoder[i]), STENO_OK);
    }
    assert_int_equal(convert_moonshine(decoder[0], encoder[0], &source, out), STENO_E_FORMAT);
    assert_int_equal(convert_moonshine(encoder[0], decoder[1], &source, out), STENO_E_FORMAT); /* tiny with base */
    assert_int_equal(convert_moonshine(encoder[2], decoder[0], &source, out), STENO_E_FORMAT);
    assert_int_equal(convert_silero(encoder[0], &source, out), STENO_E_FORMAT);
    assert_int_equal(convert_silero(decoder[0], &source, out), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "decoder_model_merged.onnx"));
    assert_int_equal(test_folder_files(dir), 0);
    for (int i = 0; i < 3; i++) onnx_close(encoder[i]);
    for (int i = 0; i < 2; i++) onnx_close(decoder[i]);
    test_folder_remove(dir);
}

/* Cut and bent copies of the real file either do not open or do not convert, or differ only in weights. */
static void damaged_networks_are_survived(void **state) {
    (void)state;
    uint64_t seed = 77;
    char path[TEST_PATH_BYTES];
    size_t n;
    onnx *m;
    published(path, "silero", 0);
    unsigned char *bytes = test_read(path, &n);
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 200; round++) {
        size_t cut = (size_t)(test_random(&seed) % n), at = (size_t)(test_random(&seed) % n);
        unsigned char kept = bytes[at];
        assert_int_not_equal(onnx_open_memory("cut", bytes, cut, &m), STENO_OK);
        bytes[at] ^= (unsigned char)(1 + test_random(&seed) % 255);
        if (onnx_open_memory("bent", bytes, n, &m) == STENO_OK) {
            assert_int_not_equal(convert_silero(m, &source, "no/such/folder/out"), STENO_OK);
            onnx_close(m);
        }
        bytes[at] = kept;
    }
    free(bytes);
}

typedef struct sweep {
    onnx *m;
    char out[TEST_PATH_BYTES];
} sweep;

static steno_err convert_once(void *user) {
    const sweep *s = user;
    return convert_silero(s->m, &source, s->out);
}

static void failed_allocations_are_reported(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    sweep s;
    test_folder(dir);
    test_path(s.out, dir, "out.safetensors");
    published(path, "silero", 0);
    assert_int_equal(onnx_open(path, &s.m), STENO_OK);
    assert_true(test_sweep(convert_once, &s) >= 5);
    assert_int_equal(test_folder_files(dir), 1);
    onnx_close(s.m);
    test_folder_remove(dir);
}

int main(void) {
    modules = test_node_modules();
    if (!modules) {
        printf("skipped: the published packages are not there; run 'npm ci --ignore-scripts' in models/\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_models_convert),
        cmocka_unit_test(moonshine_has_its_tensors),
        cmocka_unit_test(silero_has_its_tensors),
        cmocka_unit_test(wrong_networks_are_refused),
        cmocka_unit_test(damaged_networks_are_survived),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
