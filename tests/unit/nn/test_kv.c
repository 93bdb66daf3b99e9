/* test_kv.c: the pool of KV pages: all or nothing, every page once, limits and failures. */
#include "nn_test.h"

#include "nn/kv.h"

#define PAGES 13
#define HALFS 96

static void every_page_once(void **state) {
    (void)state;
    kv_pool p;
    uint16_t *page[PAGES + 1];
    assert_int_equal(kv_pool_init(&p, HALFS, PAGES), STENO_OK);
    assert_int_equal(p.free_count, PAGES);
    assert_true(kv_pool_take(&p, 5, page));
    assert_true(kv_pool_take(&p, PAGES - 5, page + 5));
    for (int i = 0; i < PAGES; i++) {
        for (int k = 0; k < HALFS; k++) page[i][k] = (uint16_t)(i * 1000 + k); /* pages do not overlap */
    }
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(page[i][0], i * 1000);
        assert_int_equal(page[i][HALFS - 1], i * 1000 + HALFS - 1);
    }
    kv_pool_give(&p, PAGES, page);
    assert_int_equal(p.free_count, PAGES);
    kv_pool_free(&p);
}

static void all_or_nothing(void **state) {
    (void)state;
    kv_pool p;
    uint16_t *page[PAGES + 1] = {NULL};
    assert_int_equal(kv_pool_init(&p, HALFS, PAGES), STENO_OK);
    assert_false(kv_pool_take(&p, PAGES + 1, page));
    assert_null(page[0]);
    assert_int_equal(p.free_count, PAGES);
    assert_int_equal(p.low_water, PAGES);
    assert_true(kv_pool_take(&p, 0, page));
    assert_true(kv_pool_take(&p, PAGES, page));
    assert_false(kv_pool_take(&p, 1, page + PAGES));
    assert_null(page[PAGES]);
    assert_true(kv_pool_take(&p, 0, page + PAGES));
    kv_pool_give(&p, 3, page);
    assert_false(kv_pool_take(&p, 4, page));
    assert_true(kv_pool_take(&p, 3, page));
    kv_pool_give(&p, PAGES, page);
    assert_int_equal(p.low_water, 0);
    kv_pool_free(&p);
}

/* Random sizes; a page is never in two hands. */
static void random_hands(void **state) {
    (void)state;
    kv_pool p;
    uint64_t random = 7;
    uint16_t *hand[4][PAGES];
    int held[4] = {0}, low = PAGES;
    assert_int_equal(kv_pool_init(&p, HALFS, PAGES), STENO_OK);
    for (int round = 0; round < 5000; round++) {
        int h = (int)(test_random(&random) % 4), n = (int)(test_random(&random) % 7);
        if (held[h]) {
            for (int i = 0; i < held[h]; i++) assert_int_equal(hand[h][i][5], h);
            kv_pool_give(&p, held[h], hand[h]);
            held[h] = 0;
        } else if (kv_pool_take(&p, n, hand[h])) {
            held[h] = n;
            for (int i = 0; i < n; i++) hand[h][i][5] = (uint16_t)h;
        } else {
            assert_true(n > p.free_count);
        }
        assert_int_equal(p.free_count, PAGES - held[0] - held[1] - held[2] - held[3]);
        if (p.free_count < low) low = p.free_count;
        assert_int_equal(p.low_water, low);
    }
    kv_pool_free(&p);
}

static steno_err open_once(void *user) {
    (void)user;
    kv_pool p;
    steno_err err = kv_pool_init(&p, HALFS, PAGES);
    if (err != STENO_OK) {
        assert_true(strstr(steno_error_detail(), "13 KV pages") != NULL);
        assert_null(p.memory); /* nothing is left to free */
    }
    kv_pool_free(&p);
    return err;
}

static void failed_allocations(void **state) {
    (void)state;
    assert_int_equal(test_sweep(open_once, NULL), 2);
    kv_pool p;
    assert_int_equal(kv_pool_init(&p, SIZE_MAX / 4 + 1, 4), STENO_E_NOMEM);
    kv_pool_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_once),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(random_hands),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
