/* test_base.c: the arena, the heap's door and error sentences. */
#include "base/arena.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- arena ------------------------------------------------------------------------------------------------------- */

static void arena_hands_out_front_to_back(void **state) {
    (void)state;
    arena a;
    assert_int_equal(arena_init(&a, 1024), STENO_OK);
    unsigned char *x = arena_take(&a, 3, 7), *y = arena_take(&a, 1, 64), *z = arena_take(&a, 65, 1);
    assert_true(x && y && z);
    assert_ptr_equal(x + 64, y);
    assert_ptr_equal(y + 64, z);
    assert_int_equal((uintptr_t)x % MEM_ALIGN, 0);
    assert_int_equal(a.used_bytes, 256);
    size_t mark = arena_mark(&a);
    assert_non_null(arena_take(&a, 768, 1)); /* to the last byte */
    assert_null(arena_take(&a, 1, 1));
    arena_release(&a, mark);
    assert_ptr_equal(arena_take(&a, 1, 1), z + 128);
    arena_release(&a, 0);
    assert_ptr_equal(arena_take(&a, 1, 1), x);
    assert_int_equal(a.peak_bytes, 1024);
    arena_free(&a);
    assert_null(a.base);
    assert_null(arena_take(&a, 1, 1));
}

static void arena_refuses_what_does_not_fit(void **state) {
    (void)state;
    arena a;
    assert_int_equal(arena_init(&a, 1000), STENO_OK);
    assert_null(arena_take(&a, 1001, 1));
    assert_null(arena_take(&a, SIZE_MAX, 2));
    assert_null(arena_take(&a, SIZE_MAX / 2 + 1, 2)); /* the product wraps round to 0 */
    assert_null(arena_take(&a, SIZE_MAX, 1));         /* rounding up would wrap round */
    assert_null(arena_take(&a, SIZE_MAX - 63, 1));
    assert_int_equal(a.used_bytes, 0);
    assert_non_null(arena_take(&a, 936, 1));
    assert_null(arena_take(&a, 1, 1)); /* 40 bytes are left, less than the alignment */
    arena_free(&a);
    mem_fault_arm(1);
    assert_int_equal(arena_init(&a, 5000), STENO_E_NOMEM);
    mem_fault_arm(0);
    assert_non_null(strstr(steno_error_detail(), "5000 bytes"));
    arena_free(&a);
}

/* ---- heap -------------------------------------------------------------------------------------------------------- */

static void blocks_are_aligned_and_zero(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 1000, 100000, 3000000};
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            unsigned char *block = mem_alloc(sizes[i], 1);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % MEM_ALIGN, 0);
            for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(block[k], 0);
            memset(block, 0xa5, sizes[i]); /* the next round's zeros are not luck */
            mem_free(block);
        }
    }
    mem_free(NULL);
}

static void sizes_do_not_wrap(void **state) {
    (void)state;
    assert_null(mem_alloc(SIZE_MAX, 2));
    assert_null(mem_alloc(SIZE_MAX / 2 + 1, 2));
    assert_null(mem_alloc(SIZE_MAX, 1));
    assert_null(mem_alloc(SIZE_MAX - 100, 1));
}

static void resizing_keeps_what_fits(void **state) {
    (void)state;
    unsigned char *block = mem_resize(NULL, 0, 10);
    assert_non_null(block);
    memset(block, 7, 10);
    block = mem_resize(block, 10, 1000);
    assert_non_null(block);
    for (int i = 0; i < 1000; i++) assert_int_equal(block[i], i < 10 ? 7 : 0);
    memset(block, 9, 1000);
    block = mem_resize(block, 1000, 5);
    assert_non_null(block);
    for (int i = 0; i < 5; i++) assert_int_equal(block[i], 9);
    mem_fault_arm(1);
    assert_null(mem_resize(block, 5, 500));
    mem_fault_arm(0);
    assert_int_equal(block[4], 9); /* still the caller's */
    mem_free(block);
    char *copy = mem_strdup("word");
    assert_string_equal(copy, "word");
    mem_free(copy);
    mem_fault_arm(1);
    assert_null(mem_strdup("word"));
    mem_fault_arm(0);
}

/* Exactly the nth fails, once. */
static void faults_hit_once(void **state) {
    (void)state;
    uint64_t before = mem_alloc_count();
    mem_fault_arm(3);
    assert_false(mem_fault_hit());
    for (int i = 1; i <= 5; i++) {
        void *block = mem_alloc(1, 8);
        assert_true((block == NULL) == (i == 3));
        assert_true(mem_fault_hit() == (i >= 3));
        mem_free(block);
    }
    assert_int_equal(mem_alloc_count() - before, 5);
    mem_fault_arm(1);
    mem_fault_arm(0);
    void *block = mem_alloc(1, 8);
    assert_non_null(block);
    assert_false(mem_fault_hit());
    mem_free(block);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void sentences_are_kept(void **state) {
    (void)state;
    char longer[2 * ERR_DETAIL_BYTES];
    assert_int_equal(err_fail(STENO_E_IO, "%s: %d", "file", 7), STENO_E_IO);
    assert_string_equal(steno_error_detail(), "file: 7");
    assert_int_equal(err_fail(STENO_E_FORMAT, "in %s", steno_error_detail()), STENO_E_FORMAT); /* of itself */
    assert_string_equal(steno_error_detail(), "in file: 7");
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    assert_int_equal(err_fail(STENO_E_LIMIT, "%s", longer), STENO_E_LIMIT);
    assert_int_equal(strlen(steno_error_detail()), ERR_DETAIL_BYTES - 1);
}

static void *fail_elsewhere(void *arg) {
    (void)arg;
    assert_string_equal(steno_error_detail(), "");
    (void)!err_fail(STENO_E_IO, "elsewhere");
    return NULL;
}

static void sentences_belong_to_a_thread(void **state) {
    (void)state;
    pthread_t t;
    assert_int_equal(err_fail(STENO_E_IO, "here"), STENO_E_IO);
    assert_int_equal(pthread_create(&t, NULL, fail_elsewhere, NULL), 0);
    pthread_join(t, NULL);
    assert_string_equal(steno_error_detail(), "here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_front_to_back),
        cmocka_unit_test(arena_refuses_what_does_not_fit),
        cmocka_unit_test(blocks_are_aligned_and_zero),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(resizing_keeps_what_fits),
        cmocka_unit_test(faults_hit_once),
        cmocka_unit_test(sentences_are_kept),
        cmocka_unit_test(sentences_belong_to_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
