/* test_pace.c: how far audio may run ahead of time; time is passed in. */
#include "api/pace.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define AHEAD  2000
#define BEHIND 30000

static void ahead_of_time(void **state) {
    pace p;
    (void)state;
    pace_init(&p, AHEAD, BEHIND);
    assert_int_equal(pace_wait_ms(&p, 5), 0);
    pace_take(&p, 2000, 1000);
    assert_int_equal(pace_wait_ms(&p, 1000), 0);
    pace_take(&p, 128, 1000);
    assert_int_equal(pace_wait_ms(&p, 1000), 128);
    assert_int_equal(pace_wait_ms(&p, 1100), 28);
    assert_int_equal(pace_wait_ms(&p, 1128), 0);
}

/* A flood is taken at the pace of time, whatever its pieces. */
static void a_flood(void **state) {
    pace p;
    double taken = 0;
    (void)state;
    pace_init(&p, AHEAD, BEHIND);
    for (int64_t now = 0; now <= 60000; now++) {
        while (pace_wait_ms(&p, now) == 0) {
            pace_take(&p, 40, now);
            taken += 40;
        }
        assert_true(taken <= (double)now + AHEAD + 40);
    }
    assert_true(taken >= 60000 + AHEAD);
}

/* Who fell behind may catch up at once, but silence of long ago earns nothing. */
static void catching_up(void **state) {
    pace p;
    double taken = 0;
    (void)state;
    pace_init(&p, AHEAD, BEHIND);
    pace_take(&p, 1000, 0);
    for (int i = 0; i < 1000 && pace_wait_ms(&p, 11000) == 0; i++, taken += 100) pace_take(&p, 100, 11000);
    assert_in_range((int)taken, 12000, 12100);
    pace_init(&p, AHEAD, BEHIND);
    pace_take(&p, 1000, 0);
    taken = 0;
    for (int i = 0; i < 10000 && pace_wait_ms(&p, 3600000) == 0; i++, taken += 100) pace_take(&p, 100, 3600000);
    assert_in_range((int)taken, BEHIND + AHEAD, BEHIND + AHEAD + 100);
}

static void a_client_in_time_never_waits(void **state) {
    pace p;
    (void)state;
    pace_init(&p, AHEAD, BEHIND);
    for (int64_t now = 0; now < 3600000; now += 20) {
        pace_take(&p, 20, now + now % 7);
        assert_int_equal(pace_wait_ms(&p, now + now % 7), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ahead_of_time),
        cmocka_unit_test(a_flood),
        cmocka_unit_test(catching_up),
        cmocka_unit_test(a_client_in_time_never_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
