/* test_webhook.c: what receivers can rely on: signatures, secrets, addresses, when a message comes again; and the clock. */
#include "api/jobs_clock.h"
#include "api/webhook.h"
#include "api/webhook_net.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The convention's own example; `openssl dgst -sha256 -mac HMAC` says the same. */
static void signatures(void **state) {
    const char *secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", *body = "{\"test\": 2432232314}";
    char out[WEBHOOK_SIGNATURE_BYTES];
    (void)state;
    assert_int_equal(webhook_sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, strlen(body), out),
                     STENO_OK);
    assert_string_equal(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(webhook_sign("whsec_!!!!", "msg_1", 1, "", 0, out), STENO_E_INVALID);
}

static void secrets(void **state) {
    char made[DELIVERY_SECRET_BYTES], other[DELIVERY_SECRET_BYTES], longest[DELIVERY_SECRET_BYTES + 8];
    (void)state;
    assert_int_equal(webhook_secret_make(made), STENO_OK);
    assert_int_equal(webhook_secret_make(other), STENO_OK);
    assert_int_equal(webhook_secret_check(made), STENO_OK);
    assert_string_not_equal(made, other);
    assert_int_equal(strlen(made), strlen(WEBHOOK_SECRET_PREFIX) + 44);
    assert_int_equal(webhook_secret_check("sixteen bytes...?"), STENO_E_INVALID); /* a blank */
    assert_int_equal(webhook_secret_check("sixteen-bytes..!"), STENO_OK);
    assert_int_equal(webhook_secret_check("fifteen-bytes.."), STENO_E_INVALID);
    assert_int_equal(webhook_secret_check("whsec_c2hvcnQ="), STENO_E_INVALID);
    assert_int_equal(webhook_secret_check("whsec_c2hvcnQtYnV0LW5vdC10b28tc2hvcnQ"), STENO_E_INVALID); /* no padding */
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(webhook_secret_check(longest), STENO_E_INVALID);
}

static void urls(void **state) {
    (void)state;
    assert_int_equal(webhook_url_check("http://127.0.0.1:8080/x?y=1"), STENO_OK);
    assert_int_equal(webhook_url_check("https://example.org"), STENO_OK);
    const char *wrong[] = {"",
                           "example.org",
                           "ftp://example.org/",
                           "file:///etc/passwd",
                           "http://",
                           "gopher://127.0.0.1:25/",
                           "http://a b/",
                           "http://\n",
                           "javascript:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(webhook_url_check(wrong[i]), STENO_E_INVALID);
}

static void patience(void **state) {
    (void)state;
    assert_int_equal(webhook_backoff_ms(1, 8, 5000, 200), 5000);
    assert_int_equal(webhook_backoff_ms(2, 8, 5000, 200), 20000);
    assert_int_equal(webhook_backoff_ms(4, 8, 5000, 200), 320000);
    assert_int_equal(webhook_backoff_ms(1, 8, 5000, 0), 4000);
    assert_int_equal(webhook_backoff_ms(1, 8, 5000, 400), 6000);
    assert_int_equal(webhook_backoff_ms(90, 100, 5000, 200), WEBHOOK_BACKOFF_MAX_MS);
    assert_int_equal(webhook_backoff_ms(8, 8, 5000, 200), -1);
    for (uint32_t r = 0; r < 5000; r++) {
        int64_t ms = webhook_backoff_ms(3, 8, 1000, r);
        assert_true(ms >= 12800 && ms <= 19200);
    }
}

static bool allows(const webhook_networks *w, const char *address) {
    struct sockaddr_storage at = {0};
    struct sockaddr_in *v4 = (void *)&at;
    struct sockaddr_in6 *v6 = (void *)&at;
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
        at.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
        at.ss_family = AF_INET6;
    else
        fail_msg("%s is no address", address);
    return webhook_networks_allow(w, (struct sockaddr *)&at);
}

static void addresses(void **state) {
    const char *fine[] = {"127.0.0.1", "10.1.2.3", "192.168.1.1",  "93.184.216.34",
                          "::1",       "fd12::1",  "2606:2800::1", "169.253.255.255"};
    const char *never[] = {"169.254.169.254",    "169.254.0.1",       "0.0.0.0",      "224.0.0.1", "255.255.255.255",
                           "100.100.100.200",    "fe80::1",           "ff02::1",      "::",        "::ffff:169.254.1.1",
                           "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254"};
    webhook_networks w = {0};
    (void)state;
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) assert_true(allows(&w, fine[i]));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) assert_false(allows(&w, never[i]));
    assert_int_equal(webhook_networks_parse(&w, " 10.0.0.0/8, fd00::/8,192.168.1.7"), STENO_OK);
    assert_true(allows(&w, "10.255.0.1"));
    assert_true(allows(&w, "::ffff:10.0.0.1"));
    assert_true(allows(&w, "fdff::1"));
    assert_true(allows(&w, "192.168.1.7"));
    assert_false(allows(&w, "192.168.1.6"));
    assert_false(allows(&w, "11.0.0.1"));
    assert_false(allows(&w, "127.0.0.1"));
    assert_int_equal(webhook_networks_parse(&w, "169.254.0.0/16"), STENO_OK);
    assert_true(allows(&w, "169.254.169.254")); /* whoever names it has it */
    assert_int_equal(webhook_networks_parse(&w, "10.0.0.0/12, 172.16.0.0/12"), STENO_OK);
    assert_true(allows(&w, "172.31.0.1"));
    assert_false(allows(&w, "172.32.0.1"));
    const char *wrong[] = {"10.0.0.0/33", "10.0.0/8", "example.org", "10.0.0.0/", "10.0.0.0/x", "fe80::/129", "/8"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(webhook_networks_parse(&w, wrong[i]), STENO_E_INVALID);
}

#define MINUTE INT64_C(60000)

static void a_steady_clock(void **state) {
    jobs_clock c = {0};
    (void)state;
    for (int64_t t = 0; t < 1000; t++)
        assert_true(jobs_clock_trusts(&c, 1764000000000 + t * MINUTE + t * 20, t * MINUTE));
}

static void a_clock_that_jumps(void **state) {
    const int64_t jumps[] = {INT64_C(315360000000), -INT64_C(315360000000), INT64_C(3600000)};
    (void)state;
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        jobs_clock c = {0};
        int64_t wall = 1764000000000;
        assert_true(jobs_clock_trusts(&c, wall, 0));
        assert_true(jobs_clock_trusts(&c, wall + MINUTE, MINUTE));
        for (int64_t t = 2; t < 62; t++) assert_false(jobs_clock_trusts(&c, wall + jumps[i] + t * MINUTE, t * MINUTE));
        assert_true(jobs_clock_trusts(&c, wall + jumps[i] + 62 * MINUTE, 62 * MINUTE));
        assert_false(jobs_clock_trusts(&c, wall + 63 * MINUTE, 63 * MINUTE)); /* and back */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures),         cmocka_unit_test(secrets),   cmocka_unit_test(urls),
        cmocka_unit_test(patience),           cmocka_unit_test(addresses), cmocka_unit_test(a_steady_clock),
        cmocka_unit_test(a_clock_that_jumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
