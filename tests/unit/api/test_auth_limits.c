/* test_auth_limits.c: buckets and wrong keys; time is passed in. */
#include "api/auth_limits.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

/* ---- buckets ---------------------------------------------------------------------------------------------------- */

static void a_burst_and_then_the_rate(void **state) {
    auth_bucket b = {0};
    (void)state;
    for (int i = 0; i < 6; i++) assert_int_equal(auth_bucket_take(&b, 6, 1000), 0);
    assert_int_equal(auth_bucket_take(&b, 6, 1000), 10000);
    assert_int_equal(auth_bucket_wait_ms(&b, 6, 4000), 7000);
    assert_int_equal(auth_bucket_take(&b, 6, 10999), 1);
    assert_int_equal(auth_bucket_take(&b, 6, 11000), 0);
    assert_int_equal(auth_bucket_take(&b, 6, 11000), 10000);
}

/* In any stretch of time no more than a full bucket and what ran back. */
static void never_more(void **state) {
    static const int rates[] = {1, 7, 60, 600, 100000};
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        auth_bucket b = {0};
        int64_t taken = 0;
        for (int64_t now = 0; now <= 300000; now += 37) {
            while (auth_bucket_take(&b, rates[r], now) == 0) taken++;
            assert_true(taken <= rates[r] + now * rates[r] / 60000);
        }
        assert_true(taken >= rates[r] + (int64_t)299000 * rates[r] / 60000 - 1);
    }
}

/* Who waits as long as was said is let in. */
static void what_is_said_is_kept(void **state) {
    static const int rates[] = {1, 7, 59, 61, 600, 999, 1000000};
    (void)state;
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        auth_bucket b = {0};
        int64_t now = 12345, wait;
        for (int i = 0; i < 3000; i++) {
            while ((wait = auth_bucket_take(&b, rates[r], now)) == 0) {
            }
            now += wait;
            assert_int_equal(auth_bucket_take(&b, rates[r], now), 0);
        }
    }
}

static void what_is_left(void **state) {
    auth_bucket b = {0};
    (void)state;
    assert_int_equal(auth_bucket_left(&b, 60, 0), 60);
    assert_int_equal(auth_bucket_full_ms(&b, 60, 0), 0);
    for (int i = 0; i < 10; i++) assert_int_equal(auth_bucket_take(&b, 60, 0), 0);
    assert_int_equal(auth_bucket_left(&b, 60, 0), 50);
    assert_int_equal(auth_bucket_full_ms(&b, 60, 0), 10000);
    assert_int_equal(auth_bucket_left(&b, 60, 2500), 52);
    assert_int_equal(auth_bucket_left(&b, 60, 1000000), 60);
    assert_int_equal(auth_bucket_left(&b, 60, -5), 50); /* a clock that went back gives nothing */
}

/* A key whose limit was lowered is not locked for longer than a minute. */
static void another_limit(void **state) {
    auth_bucket b = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) assert_int_equal(auth_bucket_take(&b, 1000, 0), 0);
    assert_int_equal(auth_bucket_wait_ms(&b, 6, 0), 10000);
}

/* ---- wrong keys ------------------------------------------------------------------------------------------------- */

static const unsigned char seed[16] = "any seed at all";
static auth_fails fails;

static int64_t fail_often(const char *peer, const char *id, int times, int64_t now_ms) {
    uint64_t who = auth_fails_who(&fails, peer, id);
    for (int i = 0; i < times; i++) auth_fails_add(&fails, who, now_ms);
    return auth_fails_wait_ms(&fails, who, now_ms);
}

static void guessing_is_slow(void **state) {
    (void)state;
    auth_fails_init(&fails, seed);
    assert_int_equal(fail_often("192.0.2.1", "", AUTH_FAILS_BURST - 1, 1000), 0);
    assert_int_equal(fail_often("192.0.2.1", "", 1, 1000), 60000 / AUTH_FAILS_PER_MINUTE);
    assert_int_equal(fail_often("192.0.2.1", "", 1000, 1000), 60000 / AUTH_FAILS_PER_MINUTE); /* and no longer */
    assert_int_equal(fail_often("192.0.2.1", "", 0, 7000), 0);
}

static void one_does_not_lock_out_another(void **state) {
    (void)state;
    auth_fails_init(&fails, seed);
    assert_true(fail_often("192.0.2.1", "aaaaaaaa", 100, 0) > 0);
    assert_int_equal(fail_often("192.0.2.2", "aaaaaaaa", 0, 0), 0);
    assert_int_equal(fail_often("192.0.2.1", "bbbbbbbb", 0, 0), 0); /* another one's key behind the same address */
    assert_int_equal(fail_often("192.0.2.1", "", 0, 0), 0);
    assert_int_equal(fail_often("2001:db8::1", "aaaaaaaa", 0, 0), 0);
}

static void an_address_in_other_words(void **state) {
    (void)state;
    auth_fails_init(&fails, seed);
    assert_true(fail_often("2001:db8:0:1::1", "", 100, 0) > 0);
    assert_true(fail_often("2001:db8:0:1:ffff::9", "", 0, 0) > 0); /* all of one customer's */
    assert_int_equal(fail_often("2001:db8:0:2::1", "", 0, 0), 0);
    assert_true(fail_often("::ffff:192.0.2.1", "", 100, 0) > 0);
    assert_true(fail_often("192.0.2.1", "", 0, 0) > 0);
    assert_int_equal(fail_often("", "", 0, 0), 0);
    assert_int_equal(fail_often("not an address", "", 0, 0), 0);
}

/* A flood of addresses costs no memory, and locks nobody out who has not failed. */
static void a_flood(void **state) {
    char peer[32];
    (void)state;
    auth_fails_init(&fails, seed);
    for (int i = 0; i < 100000; i++) {
        snprintf(peer, sizeof peer, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
        (void)fail_often(peer, "", 1 + i % 20, i / 100);
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(peer, sizeof peer, "192.168.%d.%d", i >> 8 & 255, i & 255);
        assert_int_equal(fail_often(peer, "", 0, 1000), 0);
    }
    /* Whoever goes on trying is not forgotten for those who tried once. */
    assert_true(fail_often("198.51.100.7", "", 20, 2000) > 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(peer, sizeof peer, "172.16.%d.%d", i >> 8 & 255, i & 255);
        (void)fail_often(peer, "", 1, 2000);
    }
    assert_true(fail_often("198.51.100.7", "", 0, 2000) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_burst_and_then_the_rate),
                                       cmocka_unit_test(never_more),
                                       cmocka_unit_test(what_is_said_is_kept),
                                       cmocka_unit_test(what_is_left),
                                       cmocka_unit_test(another_limit),
                                       cmocka_unit_test(guessing_is_slow),
                                       cmocka_unit_test(one_does_not_lock_out_another),
                                       cmocka_unit_test(an_address_in_other_words),
                                       cmocka_unit_test(a_flood)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
