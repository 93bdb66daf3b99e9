/* test_auth_origin.c: origins and host names: which are the same, which are a stranger's. */
#include "api/auth_origin.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static bool reads(const char *text, const char *want) {
    char out[AUTH_ORIGIN_BYTES];
    return auth_origin_read(text, strlen(text), out) && strcmp(out, want) == 0;
}

static void one_spelling(void **state) {
    (void)state;
    assert_true(reads("https://example.org", "https://example.org"));
    assert_true(reads("HTTPS://Example.ORG:443/", "https://example.org"));
    assert_true(reads("http://example.org:80", "http://example.org"));
    assert_true(reads("http://example.org:443", "http://example.org:443"));
    assert_true(reads("http://127.0.0.1:8080", "http://127.0.0.1:8080"));
    assert_true(reads("http://[::1]:8080", "http://[::1]:8080"));
    assert_true(reads("https://[2001:DB8::1]:443", "https://[2001:db8::1]"));
    assert_true(reads("chrome-extension://abcdef", "chrome-extension://abcdef"));
    assert_true(reads("capacitor://localhost", "capacitor://localhost"));
}

static void what_is_no_origin(void **state) {
    static const char *const wrong[] = {"",
                                        "null",
                                        "*",
                                        "example.org",
                                        "https://",
                                        "https:///",
                                        "://example.org",
                                        "https://example.org/path",
                                        "https://user@example.org",
                                        "https://user:1@example.org",
                                        "https://example.org:",
                                        "https://example.org:port",
                                        "https://example.org:123456",
                                        "https://example.org?x",
                                        "https://a b",
                                        "https://[::1",
                                        "https://[::g]",
                                        "https://[::1]x",
                                        "1http://example.org",
                                        "https://ex\r\nample.org",
                                        "https://example.org//"};
    char out[AUTH_ORIGIN_BYTES], longest[AUTH_ORIGIN_BYTES + 8];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(auth_origin_read(wrong[i], strlen(wrong[i]), out));
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://", 7);
    assert_false(auth_origin_read(longest, AUTH_ORIGIN_BYTES, out));
    assert_true(auth_origin_read(longest, AUTH_ORIGIN_BYTES - 1, out));
}

static void the_own_page(void **state) {
    (void)state;
    assert_true(auth_origin_own("http://127.0.0.1:8080", "127.0.0.1:8080", false));
    assert_true(auth_origin_own("http://example.org", "example.org", false));
    assert_true(auth_origin_own("http://example.org", "example.org:80", false));
    assert_true(auth_origin_own("https://example.org", "EXAMPLE.org", true));
    assert_true(auth_origin_own("https://example.org", "example.org:443", true));
    assert_true(auth_origin_own("https://example.org", "example.org", false)); /* TLS ended in a proxy */
    assert_false(auth_origin_own("http://example.org", "example.org", true));
    assert_false(auth_origin_own("http://example.org:8081", "example.org:8080", false));
    assert_false(auth_origin_own("http://evil.example", "example.org", false));
    assert_false(auth_origin_own("http://localhost:8080", "127.0.0.1:8080", false));
    assert_false(auth_origin_own("http://example.org.evil.example", "example.org", false));
    assert_false(auth_origin_own("http://example.org", "", false));
}

static void lists(void **state) {
    static const char list[] = "https://a.example, HTTPS://B.example:443/ http://c.example:8080,nonsense";
    (void)state;
    assert_true(auth_origin_listed("https://a.example", list));
    assert_true(auth_origin_listed("https://b.example", list));
    assert_true(auth_origin_listed("http://c.example:8080", list));
    assert_false(auth_origin_listed("http://c.example", list));
    assert_false(auth_origin_listed("http://a.example", list));
    assert_false(auth_origin_listed("https://sub.a.example", list));
    assert_false(auth_origin_listed("https://a.exampl", list));
    assert_false(auth_origin_listed("nonsense", list));
    assert_false(auth_origin_listed("https://a.example", ""));
    assert_true(auth_origin_listed("https://whoever.example", "https://a.example *"));
}

static void names_of_this_server(void **state) {
    static const char *const safe[] = {"127.0.0.1",      "127.0.0.1:8080", "[::1]:8080",  "[::1]",
                                       "192.168.1.5:80", "localhost",      "LOCALHOST:1", "app.localhost:1"};
    static const char *const not_safe[] = {"evil.example:8080",
                                           "127.0.0.1.evil.example",
                                           "",
                                           "localhost.evil.example",
                                           "notlocalhost.x",
                                           "[::1].evil.example",
                                           "evil",
                                           "mylocalhost",
                                           "[::1",
                                           "a/b",
                                           "127.0.0.1@x",
                                           "[fe80]"};
    (void)state;
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) assert_true(auth_host_safe(safe[i], true, ""));
    for (size_t i = 0; i < sizeof not_safe / sizeof not_safe[0]; i++)
        assert_false(auth_host_safe(not_safe[i], true, ""));
    assert_true(auth_host_safe("steno:8080", false, "")); /* a container's name */
    assert_false(auth_host_safe("steno.example:8080", false, ""));
    assert_false(auth_host_safe("[fe80]", false, ""));
    assert_true(auth_host_safe("Speech.example", true, "https://speech.example"));
    assert_true(auth_host_safe("speech.example:8080", true, "https://other.example https://speech.example:99"));
    assert_false(auth_host_safe("xspeech.example", true, "https://speech.example"));
    assert_true(auth_host_safe("evil.example", true, "*"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_spelling), cmocka_unit_test(what_is_no_origin),
                                       cmocka_unit_test(the_own_page), cmocka_unit_test(lists),
                                       cmocka_unit_test(names_of_this_server)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
