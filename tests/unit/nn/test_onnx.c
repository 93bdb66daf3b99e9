/* test_onnx.c: the ONNX reader on a graph built here byte by byte, and on every way of damaging it. */
#include "nn_test.h"

#include "nn/convert.h"
#include "nn/onnx.h"

/* ---- a small protobuf writer ------------------------------------------------------------------------------------ */

typedef struct blob {
    unsigned char at[8192];
    size_t n;
} blob;

static void put(blob *b, const void *bytes, size_t n) {
    assert_true(n <= sizeof b->at - b->n);
    if (n) memcpy(b->at + b->n, bytes, n);
    b->n += n;
}

static void put_varint(blob *b, uint64_t v) {
    do {
        unsigned char byte = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        put(b, &byte, 1);
        v >>= 7;
    } while (v);
}

static void put_int(blob *b, unsigned field, uint64_t v) {
    put_varint(b, field << 3);
    put_varint(b, v);
}

static void put_bytes(blob *b, unsigned field, const void *bytes, size_t n) {
    put_varint(b, field << 3 | 2);
    put_varint(b, n);
    put(b, bytes, n);
}

static void put_text(blob *b, unsigned field, const char *text) {
    put_bytes(b, field, text, strlen(text));
}

static void put_blob(blob *b, unsigned field, const blob *inner) {
    put_bytes(b, field, inner->at, inner->n);
}

static void put_float(blob *b, unsigned field, float f) {
    put_varint(b, field << 3 | 5);
    put(b, &f, 4);
}

static blob tensor(const char *name, onnx_type type, int dims, const int64_t *shape) {
    blob t = {.n = 0};
    for (int i = 0; i < dims; i++) put_int(&t, 1, (uint64_t)shape[i]);
    put_int(&t, 2, (uint64_t)type);
    put_text(&t, 8, name);
    return t;
}

static blob node(const char *op, const char *in0, const char *in1, const char *out) {
    blob n = {.n = 0};
    if (in0) put_text(&n, 1, in0);
    if (in1) put_text(&n, 1, in1);
    put_text(&n, 2, out);
    put_text(&n, 4, op);
    return n;
}

static blob model_of(const blob *graph) {
    blob m = {.n = 0};
    put_int(&m, 1, 10);
    put_text(&m, 2, "test");
    put_blob(&m, 7, graph);
    return m;
}

/* ---- the sample: tensors in every storage form, a Constant inside the branch of an If ---------------------------- */

static void put_tensors(blob *g) {
    blob t = tensor("raw", ONNX_UINT8, 2, (int64_t[]){2, 3});
    put_bytes(&t, 9, "\1\2\3\4\5\6", 6);
    put_blob(g, 5, &t);
    t = tensor("single", ONNX_FLOAT, 0, NULL);
    put_float(&t, 4, 0.5f);
    put_blob(g, 5, &t);
    t = tensor("zero", ONNX_UINT8, 0, NULL);
    put_bytes(&t, 5, "\xC8\x01", 2); /* packed varint 200 */
    put_blob(g, 5, &t);
    t = tensor("negative", ONNX_INT64, 1, (int64_t[]){1});
    put_int(&t, 7, (uint64_t)-3);
    put_blob(g, 5, &t);
    t = tensor("packed", ONNX_FLOAT, 1, (int64_t[]){2});
    put_bytes(&t, 4, (float[]){1.5f, -2.0f}, 8);
    put_blob(g, 5, &t);
    t = tensor("unread", ONNX_INT64, 1, (int64_t[]){2});
    put_bytes(&t, 7, "\1\2", 2);
    put_blob(g, 5, &t);
    t = tensor("external", ONNX_UINT8, 1, (int64_t[]){4});
    put_int(&t, 14, 1);
    put_blob(g, 5, &t);
}

static blob sample(void) {
    blob g = {.n = 0}, inner = {.n = 0}, value = tensor("inside", ONNX_INT8, 1, (int64_t[]){2}), a = {.n = 0};
    put_bytes(&value, 9, "\xFF\1", 2);
    put_text(&a, 1, "value");
    put_blob(&a, 5, &value);
    blob constant = node("Constant", NULL, NULL, "made");
    put_blob(&constant, 5, &a);
    put_blob(&inner, 1, &constant);
    blob choice = node("If", "cond", NULL, "y"), branch = {.n = 0}, axis = {.n = 0};
    put_text(&branch, 1, "then_branch");
    put_blob(&branch, 6, &inner);
    put_text(&axis, 1, "axis");
    put_int(&axis, 3, (uint64_t)-1);
    put_blob(&choice, 5, &branch);
    put_blob(&choice, 5, &axis);
    blob mul = node("Mul", "raw", "single", "product");
    put_blob(&g, 1, &mul);
    put_blob(&g, 1, &choice);
    put_tensors(&g);
    return model_of(&g);
}

static onnx_text text(const char *word) {
    return (onnx_text){word, strlen(word)};
}

static const unsigned char *values(const onnx *m, const char *name, size_t bytes) {
    const onnx_tensor *t = onnx_tensor_named(m, text(name));
    assert_non_null(t);
    assert_int_equal(t->bytes, bytes);
    return onnx_tensor_data(t);
}

static void tensors_are_read(void **state) {
    (void)state;
    blob b = sample();
    onnx *m;
    float f;
    int64_t i;
    assert_int_equal(onnx_open_memory("sample", b.at, b.n, &m), STENO_OK);
    assert_int_equal(onnx_tensors(m), 8);
    assert_memory_equal(values(m, "raw", 6), "\1\2\3\4\5\6", 6);
    memcpy(&f, values(m, "single", 4), 4);
    assert_true(f == 0.5f);
    assert_int_equal(*values(m, "zero", 1), 200);
    memcpy(&i, values(m, "negative", 8), 8);
    assert_int_equal(i, -3);
    memcpy(&f, values(m, "packed", 8) + 4, 4);
    assert_true(f == -2.0f);
    assert_null(values(m, "unread", 0));
    assert_null(values(m, "external", 0));
    assert_memory_equal(values(m, "made", 2), "\xFF\1", 2); /* the Constant by its output's name */
    assert_null(onnx_tensor_named(m, text("product")));
    assert_null(onnx_tensor_named(m, text("")));
    onnx_close(m);
}

static void nodes_are_read(void **state) {
    (void)state;
    blob b = sample();
    onnx *m;
    assert_int_equal(onnx_open_memory("sample", b.at, b.n, &m), STENO_OK);
    assert_int_equal(onnx_nodes(m), 3);
    assert_int_equal(onnx_graphs(m), 2);
    const onnx_node *mul = onnx_producer(m, text("product"), 0);
    assert_non_null(mul);
    assert_true(onnx_text_is(mul->op, "Mul"));
    assert_true(onnx_text_is(onnx_input(m, mul, 1), "single"));
    assert_int_equal(onnx_input(m, mul, 2).n, 0);
    assert_ptr_equal(onnx_consumer(m, text("raw"), "Mul"), mul);
    assert_null(onnx_consumer(m, text("raw"), "Add"));
    const onnx_node *choice = onnx_producer(m, text("y"), 0);
    const onnx_attribute *then = onnx_attribute_named(m, choice, "then_branch");
    assert_int_equal(then->kind, ONNX_ATTR_GRAPH);
    assert_int_equal(onnx_attribute_named(m, choice, "axis")->i, -1);
    assert_null(onnx_attribute_named(m, choice, "else_branch"));
    assert_int_equal(onnx_producer(m, text("made"), 0)->graph, then->index);
    assert_int_equal(choice->graph, 0);
    onnx_close(m);
}

static void expect(const blob *b, steno_err wanted, const char *reason) {
    onnx *m;
    steno_err err = onnx_open_memory("bad.onnx", b->at, b->n, &m);
    assert_null(m);
    assert_int_equal(err, wanted);
    assert_non_null(strstr(steno_error_detail(), "bad.onnx"));
    if (!strstr(steno_error_detail(), reason)) fail_msg("'%s' does not say '%s'", steno_error_detail(), reason);
}

static void expect_tensor(const blob *t, steno_err wanted, const char *reason) {
    blob g = {.n = 0};
    put_blob(&g, 5, t);
    blob m = model_of(&g);
    expect(&m, wanted, reason);
}

static void bad_tensors_are_refused(void **state) {
    (void)state;
    blob t = tensor("t", ONNX_FLOAT, 1, (int64_t[]){3});
    put_bytes(&t, 9, "12345678", 8);
    expect_tensor(&t, STENO_E_FORMAT, "size is not its shape's");
    t = tensor("t", ONNX_UINT8, 3, (int64_t[]){1 << 30, 1 << 30, 1 << 30});
    expect_tensor(&t, STENO_E_FORMAT, "absurd shape");
    t = tensor("t", ONNX_UINT8, 1, (int64_t[]){-1});
    expect_tensor(&t, STENO_E_FORMAT, "negative");
    t = tensor("t", ONNX_UINT8, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1});
    expect_tensor(&t, STENO_E_LIMIT, "dimensions");
    t = tensor("t", ONNX_UINT8, 1, (int64_t[]){1});
    put_bytes(&t, 9, "a", 1);
    put_bytes(&t, 9, "b", 1);
    expect_tensor(&t, STENO_E_FORMAT, "twice");
    t = tensor("t", ONNX_UINT8, 0, NULL);
    put_varint(&t, 3 << 3 | 3); /* a group */
    expect_tensor(&t, STENO_E_FORMAT, "cut tensor");
    char name[ONNX_MAX_NAME_BYTES + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    t = tensor(name, ONNX_UINT8, 0, NULL);
    expect_tensor(&t, STENO_E_LIMIT, "name");
}

static void bad_files_are_refused(void **state) {
    (void)state;
    blob b = {.n = 0}, empty = {.n = 0};
    onnx *m;
    expect(&b, STENO_E_FORMAT, "no graph");
    put_blob(&b, 7, &empty);
    put_blob(&b, 7, &empty);
    expect(&b, STENO_E_FORMAT, "more than one");
    blob words = {.n = 0};
    put(&words, "this is not a model", 19);
    expect(&words, STENO_E_FORMAT, "not a valid ONNX file");
    assert_int_equal(onnx_open("no/such/model.onnx", &m), STENO_E_NOT_FOUND);
    assert_non_null(strstr(steno_error_detail(), "no/such/model.onnx"));
}

static void nesting_is_bounded(void **state) {
    (void)state;
    for (int depth = ONNX_MAX_DEPTH; depth <= ONNX_MAX_DEPTH + 1; depth++) {
        blob g = {.n = 0};
        for (int i = 0; i < depth; i++) {
            blob n = node("If", "c", NULL, "y"), a = {.n = 0}, outer = {.n = 0};
            put_text(&a, 1, "then_branch");
            put_blob(&a, 6, &g);
            put_blob(&n, 5, &a);
            put_blob(&outer, 1, &n);
            g = outer;
        }
        blob b = model_of(&g);
        if (depth > ONNX_MAX_DEPTH) {
            expect(&b, STENO_E_LIMIT, "nested");
        } else {
            onnx *m;
            assert_int_equal(onnx_open_memory("deep", b.at, b.n, &m), STENO_OK);
            assert_int_equal(onnx_graphs(m), ONNX_MAX_DEPTH + 1);
            onnx_close(m);
        }
    }
}

static void counts_are_bounded(void **state) {
    (void)state;
    blob n = node("If", "c", NULL, "y"), a = {.n = 0}, g = {.n = 0};
    put_text(&a, 1, "x");
    for (int i = 0; i < 33; i++) put_blob(&n, 5, &a);
    put_blob(&g, 1, &n);
    blob b = model_of(&g);
    expect(&b, STENO_E_LIMIT, "attributes");
}

/* An initializer given twice has no meaning that both readers of the file would share. */
static void ambiguous_names_are_not_found(void **state) {
    (void)state;
    blob g = {.n = 0};
    blob t = tensor("twice", ONNX_UINT8, 0, NULL);
    onnx *m;
    put_blob(&g, 5, &t);
    put_blob(&g, 5, &t);
    blob b = model_of(&g);
    assert_int_equal(onnx_open_memory("twice", b.at, b.n, &m), STENO_OK);
    assert_null(onnx_tensor_named(m, text("twice")));
    onnx_close(m);
}

/* Opens from a block of exactly n bytes, so that a sanitizer sees a read past the end. */
static void open_exactly(const unsigned char *bytes, size_t n) {
    static const convert_source source = {"x", "any", "x@0", "none", {"0", "0"}};
    unsigned char *copy = malloc(n ? n : 1);
    onnx *m;
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    if (onnx_open_memory("damaged", copy, n, &m) == STENO_OK) {
        assert_int_not_equal(convert_silero(m, &source, "no/such/folder/out"), STENO_OK);
        assert_int_not_equal(convert_moonshine(m, m, &source, "no/such/folder/out"), STENO_OK);
        onnx_close(m);
    } else {
        assert_non_null(strstr(steno_error_detail(), "damaged"));
    }
    free(copy);
}

static void damage_is_survived(void **state) {
    (void)state;
    uint64_t seed = 20261123;
    blob b = sample();
    print_message("seed %llu\n", (unsigned long long)seed);
    for (size_t n = 0; n < b.n; n++) open_exactly(b.at, n);
    for (size_t i = 0; i < b.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.at[i] ^= (unsigned char)(1 << bit);
            open_exactly(b.at, b.n);
            b.at[i] ^= (unsigned char)(1 << bit);
        }
    }
    for (int round = 0; round < 5000; round++) {
        blob hurt = b;
        for (int k = 0; k < 4; k++) hurt.at[test_random(&seed) % hurt.n] = (unsigned char)test_random(&seed);
        open_exactly(hurt.at, hurt.n);
    }
}

static steno_err open_once(void *user) {
    const blob *b = user;
    onnx *m;
    ERR_TRY(onnx_open_memory("sample", b->at, b->n, &m));
    onnx_close(m);
    return STENO_OK;
}

static void failed_allocations_are_reported(void **state) {
    (void)state;
    blob b = sample();
    assert_true(test_sweep(open_once, &b) >= 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_read),
        cmocka_unit_test(nodes_are_read),
        cmocka_unit_test(bad_tensors_are_refused),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(ambiguous_names_are_not_found),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(failed_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
