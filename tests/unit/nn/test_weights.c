/* test_weights.c: the safetensors reader and writer: what is written comes back, what is wrong is refused by name. */
#include "nn_test.h"

#include "nn/weights.h"

#include <math.h>

/* A file in memory: header text, padded like the writer does, and zeroed data. */
typedef struct image {
    unsigned char bytes[4096] __attribute__((aligned(64)));
    size_t n;
} image;

static void image_make(image *f, const char *header, size_t data_bytes) {
    size_t n = strlen(header);
    memset(f, 0, sizeof *f);
    memcpy(f->bytes + 8, header, n);
    while ((8 + n) % 64) f->bytes[8 + n++] = ' ';
    for (int i = 0; i < 8; i++) f->bytes[i] = (unsigned char)((uint64_t)n >> (8 * i));
    f->n = 8 + n + data_bytes;
    assert_true(f->n <= sizeof f->bytes);
}

static void image_refused(const char *header, size_t data_bytes, const char *reason) {
    image f;
    weights *w = (weights *)&f;
    image_make(&f, header, data_bytes);
    steno_err err = weights_open_memory("bad.safetensors", f.bytes, f.n, &w);
    if (err != STENO_E_FORMAT) fail_msg("%s: %s", steno_err_name(err), header);
    assert_null(w);
    assert_non_null(strstr(steno_error_detail(), "bad.safetensors"));
    if (!strstr(steno_error_detail(), reason)) fail_msg("'%s' does not say '%s'", steno_error_detail(), reason);
}

#define U8(shape, from, to) "{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void good_file_opens(void **state) {
    (void)state;
    image f;
    weights *w;
    weights_tensor t;
    image_make(
        &f,
        "{\"__metadata__\":{\"format\":\"steno\"},\"b\":" U8(
            "[3]", 24, 27) ",\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                           "\"data_offsets\":[0,24]},\"empty\":" U8("[0,5]", 27, 27) ",\"s\":" U8("[]", 27, 28) "}",
        28);
    assert_int_equal(weights_open_memory("good", f.bytes, f.n, &w), STENO_OK);
    assert_int_equal(weights_count(w), 4);
    assert_string_equal(weights_meta(w, "format"), "steno");
    assert_null(weights_meta(w, "width"));
    assert_int_equal(weights_get(w, "a", &t), STENO_OK);
    assert_int_equal(t.dtype, WEIGHTS_F32);
    assert_int_equal(t.dims, 2);
    assert_int_equal(t.shape[0] * 10 + t.shape[1], 23);
    assert_int_equal(t.bytes, 24);
    assert_ptr_equal(t.data, f.bytes + f.n - 28);
    assert_int_equal(weights_get(w, "s", &t), STENO_OK);
    assert_int_equal(t.dims, 0);
    assert_int_equal(t.bytes, 1);
    assert_int_equal(weights_get(w, "c", &t), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "good"));
    weights_close(w);
}

static void expectations_are_checked(void **state) {
    (void)state;
    image f;
    weights *w;
    weights_tensor t;
    image_make(&f, "{\"a\":" U8("[2,3]", 0, 6) "}", 6);
    assert_int_equal(weights_open_memory("good", f.bytes, f.n, &w), STENO_OK);
    assert_int_equal(weights_expect(w, "a", WEIGHTS_U8, 2, (int64_t[]){2, 3}, &t), STENO_OK);
    assert_int_equal(weights_expect(w, "a", WEIGHTS_U8, 2, (int64_t[]){-1, 3}, &t), STENO_OK);
    assert_int_equal(weights_expect(w, "a", WEIGHTS_U8, 2, (int64_t[]){3, 2}, &t), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "[2, 3]"));
    assert_non_null(strstr(steno_error_detail(), "[3, 2]"));
    assert_int_equal(weights_expect(w, "a", WEIGHTS_I8, 2, (int64_t[]){2, 3}, &t), STENO_E_FORMAT);
    assert_int_equal(weights_expect(w, "a", WEIGHTS_U8, 1, (int64_t[]){6}, &t), STENO_E_FORMAT);
    assert_int_equal(weights_expect(w, "z", WEIGHTS_U8, 1, (int64_t[]){6}, &t), STENO_E_NOT_FOUND);
    weights_close(w);
}

static void bad_headers_are_refused(void **state) {
    (void)state;
    image_refused("[]", 0, "not a JSON object");
    image_refused("{", 0, "not a JSON object");
    image_refused("{\"a\":1}", 0, "tensor a");
    image_refused("{\"a\":" U8("[2]", 0, 2) ",\"a\":" U8("[2]", 2, 4) "}", 4, "duplicate");
    image_refused("{\"a\":{\"dtype\":\"F8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "dtype");
    image_refused("{\"a\":{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "tensor a");
    image_refused("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "tensor a");
    image_refused("{\"a\":" U8("[1,1,1,1,1]", 0, 1) "}", 1, "dimensions");
    image_refused("{\"a\":" U8("[-1]", 0, 1) "}", 1, "shape");
    image_refused("{\"a\":" U8("[1.0]", 0, 1) "}", 1, "shape");
    image_refused("{\"a\":" U8("7", 0, 1) "}", 1, "shape");
    image_refused("{\"__metadata__\":{\"n\":1}}", 0, "metadata n");
    image_refused("{\"__metadata__\":[]}", 0, "__metadata__");
}

static void bad_places_are_refused(void **state) {
    (void)state;
    image_refused("{\"a\":" U8("[2]", 0, 3) "}", 3, "shape");
    image_refused("{\"a\":" U8("[2]", 0, 2) "}", 1, "outside");
    image_refused("{\"a\":" U8("[2]", 2, 0) "}", 2, "outside");
    image_refused("{\"a\":" U8("[2]", -2, 0) "}", 2, "outside");
    image_refused("{\"a\":" U8("[2]", 9223372036854775806, 9223372036854775807) "}", 2, "outside");
    image_refused("{\"a\":" U8("[4294967296,4294967296]", 0, 0) "}", 0, "shape");
    image_refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "data_offsets");
    image_refused("{\"a\":" U8("[4]", 0, 4) ",\"b\":" U8("[4]", 2, 6) "}", 6, "overlaps");
    image_refused("{\"a\":" U8("[4]", 0, 4) ",\"b\":" U8("[4]", 0, 4) "}", 4, "overlaps");
    image_refused("{\"a\":" U8("[2]", 0, 2) ",\"b\":" U8("[2]", 3, 5) "}", 5, "unused");
    image_refused("{\"a\":" U8("[2]", 0, 2) "}", 3, "unused");
    image_refused("{\"a\":" U8("[1]", 0, 1) ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5,
                  "aligned");
}

static void absurd_lengths_are_refused(void **state) {
    (void)state;
    image f;
    weights *w;
    image_make(&f, "{}", 0);
    for (size_t n = 0; n < f.n; n++) assert_int_equal(weights_open_memory("cut", f.bytes, n, &w), STENO_E_FORMAT);
    memset(f.bytes, 0xFF, 8);
    assert_int_equal(weights_open_memory("long", f.bytes, f.n, &w), STENO_E_FORMAT);
    assert_int_equal(weights_open("no/such/file.safetensors", &w), STENO_E_NOT_FOUND);
    assert_int_equal(weights_open(".", &w), STENO_E_INVALID);
}

/* Shapes whose sizes are and are not multiples of 64 bytes, in an order that is not the written one. */
static const float ramp[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const int64_t wide[3] = {-1, 0, INT64_MAX};
static const uint8_t odd[7] = {1, 2, 3, 4, 5, 6, 7};
static const weights_tensor samples[] = {
    {"odd", WEIGHTS_U8, 2, {7, 1}, odd, sizeof odd},
    {"one", WEIGHTS_F32, 1, {1}, &ramp[3], sizeof ramp[0]},
    {"ramp", WEIGHTS_F32, 2, {4, 4}, ramp, sizeof ramp},
    {"wide", WEIGHTS_I64, 1, {3}, wide, sizeof wide},
    {"none", WEIGHTS_U8, 1, {0}, NULL, 0},
};
#define N_SAMPLES (sizeof samples / sizeof samples[0])

static void written_files_come_back(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    const weights_meta_pair meta[] = {{"format", "steno"}, {"note", "\"quoted\" caf\xC3\xA9"}};
    weights *w;
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    test_write(path, "old", 3);
    assert_int_equal(weights_write(path, samples, N_SAMPLES, meta, 2), STENO_OK);
    assert_int_equal(test_folder_files(dir), 1);
    assert_int_equal(weights_open(path, &w), STENO_OK);
    assert_int_equal(weights_count(w), N_SAMPLES);
    assert_string_equal(weights_meta(w, "note"), meta[1].value);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        const weights_tensor *s = &samples[i];
        weights_tensor t;
        assert_int_equal(weights_expect(w, s->name, s->dtype, s->dims, s->shape, &t), STENO_OK);
        assert_int_equal(t.bytes, s->bytes);
        if (s->bytes) assert_memory_equal(t.data, s->data, s->bytes);
        if (s->bytes % 64 == 0) assert_int_equal((uintptr_t)t.data % 64, 0);
    }
    weights_close(w);
    test_folder_remove(dir);
}

static void unwritable_things_are_refused(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    weights_tensor twice[2] = {samples[0], samples[0]}, wrong = samples[2];
    const weights_meta_pair not_utf8 = {"note", "\xFF"};
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    assert_int_equal(weights_write(path, twice, 2, NULL, 0), STENO_E_INVALID);
    wrong.bytes--;
    assert_int_equal(weights_write(path, &wrong, 1, NULL, 0), STENO_E_INVALID);
    assert_int_equal(weights_write(path, samples, 1, &not_utf8, 1), STENO_E_INVALID);
    assert_int_equal(test_folder_files(dir), 0);
    test_path(path, dir, "no/such/folder.safetensors");
    assert_int_equal(weights_write(path, samples, 1, NULL, 0), STENO_E_IO);
    assert_non_null(strstr(steno_error_detail(), "folder.safetensors"));
    test_folder_remove(dir);
}

static steno_err write_and_open(void *user) {
    weights *w;
    ERR_TRY(weights_write(user, samples, N_SAMPLES, NULL, 0));
    ERR_TRY(weights_open(user, &w));
    weights_close(w);
    return STENO_OK;
}

static void failed_allocations_are_reported(void **state) {
    (void)state;
    char dir[TEST_PATH_BYTES], path[TEST_PATH_BYTES];
    test_folder(dir);
    test_path(path, dir, "x.safetensors");
    assert_true(test_sweep(write_and_open, path) > 4);
    assert_int_equal(test_folder_files(dir), 1);
    test_folder_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file_opens),
        cmocka_unit_test(expectations_are_checked),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(bad_places_are_refused),
        cmocka_unit_test(absurd_lengths_are_refused),
        cmocka_unit_test(written_files_come_back),
        cmocka_unit_test(unwritable_things_are_refused),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
