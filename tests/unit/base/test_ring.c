/* test_ring.c: the queue between threads: order, limits, all or nothing, waiting, many producers. */
#include "base/mem.h"
#include "base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct item {
    int from, number;
    char text[20];
} item;

static item make(int from, int number) {
    item i = {.from = from, .number = number};
    memset(i.text, 'a' + number % 26, sizeof i.text);
    return i;
}

static void assert_item(const item *i, int from, int number) {
    assert_int_equal(i->from, from);
    assert_int_equal(i->number, number);
    for (size_t k = 0; k < sizeof i->text; k++) assert_int_equal(i->text[k], 'a' + number % 26);
}

static void first_in_first_out(void **state) {
    (void)state;
    ring r;
    int in = 0, out = 0;
    assert_int_equal(ring_init(&r, 7, sizeof(item)), STENO_OK);
    for (int round = 0; round < 500; round++) { /* every head position, every number of items */
        item batch[7];
        int n = round % 8;
        for (int i = 0; i < n; i++) batch[i] = make(1, in + i);
        if (ring_push(&r, batch, (size_t)n)) in += n;
        size_t got = ring_pop(&r, batch, (size_t)(round % 5), 0);
        assert_true(got <= (size_t)(round % 5));
        for (size_t i = 0; i < got; i++) assert_item(&batch[i], 1, out++);
        assert_int_equal(r.count, in - out);
    }
    assert_true(out > 300);
    ring_free(&r);
    ring_free(&r); /* again is harmless */
}

static void all_or_none(void **state) {
    (void)state;
    ring r;
    item batch[5] = {make(0, 0), make(0, 1), make(0, 2), make(0, 3), make(0, 4)}, got[5];
    assert_int_equal(ring_init(&r, 4, sizeof(item)), STENO_OK);
    assert_false(ring_push(&r, batch, 5));
    assert_int_equal(ring_pop(&r, got, 5, 0), 0);
    assert_true(ring_push(&r, batch, 3));
    assert_false(ring_push(&r, batch, 2));
    assert_true(ring_push(&r, batch + 3, 1));
    assert_false(ring_push(&r, batch, 1));
    assert_true(ring_push(&r, batch, 0));
    assert_int_equal(ring_pop(&r, got, 5, 0), 4);
    for (int i = 0; i < 4; i++) assert_item(&got[i], 0, i);
    ring_free(&r);
}

static void nothing_comes(void **state) {
    (void)state;
    ring r;
    item got;
    assert_int_equal(ring_init(&r, 4, sizeof(item)), STENO_OK);
    assert_int_equal(ring_pop(&r, &got, 1, 0), 0);
    assert_int_equal(ring_pop(&r, &got, 1, 1), 0);
    ring_free(&r);
}

static void failed_allocation(void **state) {
    (void)state;
    ring r;
    mem_fault_arm(1);
    assert_int_equal(ring_init(&r, 77, sizeof(item)), STENO_E_NOMEM);
    mem_fault_arm(0);
    assert_non_null(strstr(steno_error_detail(), "77 messages"));
    ring_free(&r);
}

#define PRODUCERS 4
#define EACH      20000

static ring shared;

static void *produce(void *arg) {
    int from = *(const int *)arg;
    for (int i = 0; i < EACH;) {
        item batch[3];
        int n = 1 + i % 3;
        if (n > EACH - i) n = EACH - i;
        for (int k = 0; k < n; k++) batch[k] = make(from, i + k);
        if (ring_push(&shared, batch, (size_t)n))
            i += n;
        else
            sched_yield();
    }
    return NULL;
}

/* Nothing is lost, doubled or torn, and each producer's items keep their order; the consumer sleeps in between. */
static void many_producers(void **state) {
    (void)state;
    pthread_t thread[PRODUCERS];
    int from[PRODUCERS], next[PRODUCERS] = {0};
    assert_int_equal(ring_init(&shared, 16, sizeof(item)), STENO_OK);
    for (int i = 0; i < PRODUCERS; i++) {
        from[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, produce, &from[i]), 0);
    }
    for (int left = PRODUCERS * EACH; left > 0;) {
        item batch[5];
        size_t n = ring_pop(&shared, batch, 5, left % 2 ? -1 : 1000);
        for (size_t i = 0; i < n; i++) {
            assert_in_range(batch[i].from, 0, PRODUCERS - 1);
            assert_item(&batch[i], batch[i].from, next[batch[i].from]++);
        }
        left -= (int)n;
    }
    for (int i = 0; i < PRODUCERS; i++) pthread_join(thread[i], NULL);
    assert_int_equal(shared.count, 0);
    ring_free(&shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out), cmocka_unit_test(all_or_none),    cmocka_unit_test(nothing_comes),
        cmocka_unit_test(failed_allocation),  cmocka_unit_test(many_producers),
    };
    alarm(240); /* a lost wake-up would hang */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
