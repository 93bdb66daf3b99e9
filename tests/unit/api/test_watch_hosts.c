/* test_watch_hosts.c: which words are hosts, what they are called, and where they are asked. */
#include "api/watch_hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after those */
#include <cmocka.h>

static watch_names names;

static void parse(const char *list) {
    if (watch_names_parse(&names, list) != STENO_OK) fail_msg("%s: %s", list, steno_error_detail());
}

static void words_are_hosts(void **state) {
    (void)state;
    static const struct {
        const char *word, *name, *url;
        bool dns;
    } good[] = {
        {"10.0.0.2:8080", "10.0.0.2:8080", "http://10.0.0.2:8080/metrics", false},
        {"b.example", "b.example:80", "http://b.example:80/metrics", false},
        {"localhost:1", "localhost:1", "http://localhost:1/metrics", false},
        {"https://b.example", "b.example:443", "https://b.example:443/metrics", false},
        {"http://b.example:8/", "b.example:8", "http://b.example:8/metrics", false},
        {"http://b.example:8/two/metrics", "b.example:8/two/metrics", "http://b.example:8/two/metrics", false},
        {"[fd00::1]:8080", "[fd00::1]:8080", "http://[fd00::1]:8080/metrics", false},
        {"dns:steno.example:8080", "steno.example:8080", "http://steno.example:8080/metrics", true},
        {"dns:https://steno.example:8443", "steno.example:8443", "https://steno.example:8443/metrics", true},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        parse(good[i].word);
        assert_int_equal(names.n, 1);
        assert_string_equal(names.name[0].host.name, good[i].name);
        assert_string_equal(names.name[0].host.url, good[i].url);
        assert_string_equal(names.name[0].host.connect, "");
        assert_int_equal(names.name[0].dns, good[i].dns);
    }
    parse(" a:1 , b:2,dns:c:3,");
    assert_int_equal(names.n, 3);
    assert_string_equal(names.name[2].node, "c");
    assert_string_equal(names.name[2].port, "3");
    parse("");
    assert_int_equal(names.n, 0);
}

static void other_words_are_not(void **state) {
    (void)state;
    static const char *const bad[] = {
        "ftp://b.example/",
        "file:///etc/passwd",
        "http://b.example/?key=1",
        "http://b.example/#x",
        "b.example:99999",
        "http://",
        "dns:",
        "dns:dns:b.example:80",
        "b.example:80/..\n:x",
        "a..\x01:80",
        "a-name-so-long-that-no-cell-has-room-for-it-and-it-would-be-cut-and-be-anothers.example:8080",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (watch_names_parse(&names, bad[i]) != STENO_E_INVALID) fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(steno_error_detail(), "is no host"));
    }
    assert_int_equal(watch_names_parse(&names, "a:80, http://user:hush@b.example/"), STENO_E_INVALID);
    assert_non_null(strstr(steno_error_detail(), "host 2 of the list"));
    assert_null(strstr(steno_error_detail(), "hush"));
    char list[WATCH_HOSTS_MAX * 8 + 16], *at = list;
    for (int i = 0; i <= WATCH_HOSTS_MAX; i++) at += sprintf(at, "h%d,", i);
    assert_int_equal(watch_names_parse(&names, list), STENO_E_INVALID);
    list[strlen(list) - 4] = 0;
    parse(list);
    assert_int_equal(names.n, WATCH_HOSTS_MAX);
}

/* Called by their addresses, asked by their name: certificates are made out to that. */
static void addresses_of_a_name(void **state) {
    (void)state;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    watch_host host;
    parse("dns:https://steno.example:8443");
    assert_int_equal(inet_pton(AF_INET, "10.0.0.7", &four.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "fd00::7", &six.sin6_addr), 1);
    struct addrinfo at = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&four, .ai_addrlen = sizeof four};
    assert_true(watch_host_at(&names.name[0], &at, &host));
    assert_string_equal(host.name, "10.0.0.7:8443");
    assert_string_equal(host.url, "https://steno.example:8443/metrics");
    assert_string_equal(host.connect, "steno.example:8443:10.0.0.7:8443");
    at = (struct addrinfo){.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&six, .ai_addrlen = sizeof six};
    assert_true(watch_host_at(&names.name[0], &at, &host));
    assert_string_equal(host.name, "[fd00::7]:8443");
    assert_string_equal(host.connect, "steno.example:8443:[fd00::7]:8443");
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static watch_keys keys;

static steno_err read_keys(const char *text) {
    char path[] = "/tmp/steno-keys-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    steno_err e = watch_keys_read(path, &keys);
    unlink(path);
    return e;
}

static const char *key_of(const char *list) {
    parse(list);
    return watch_key_of(&keys, &names.name[0].host);
}

static void every_host_has_its_key(void **state) {
    (void)state;
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct addrinfo at = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&four, .ai_addrlen = sizeof four};
    watch_host host;
    assert_int_equal(read_keys("# the fleet\n\nsk-all\r\n b:80\tsk-b \nsteno.example:8080 sk-name\n0.0.0.0:1 sk-zero"),
                     STENO_OK);
    assert_string_equal(key_of("a:80"), "sk-all");
    assert_string_equal(key_of("http://b"), "sk-b");
    parse("dns:steno.example:8080, dns:other.example:1");
    assert_true(watch_host_at(&names.name[0], &at, &host));
    assert_string_equal(watch_key_of(&keys, &host), "sk-name");
    assert_true(watch_host_at(&names.name[1], &at, &host));
    assert_string_equal(watch_key_of(&keys, &host), "sk-zero");
    assert_int_equal(read_keys("b:80 sk-b\n"), STENO_OK);
    assert_string_equal(key_of("a:80"), ""); /* nobody else's is shown to it */
    assert_int_equal(watch_keys_read("", &keys), STENO_OK);
    assert_string_equal(key_of("b:80"), "");
}

static void lines_that_are_no_keys(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "# none\n",
        "a:80 two words\n",
        "sk-\x01\n",
        "sk-\xc3\xa9\n",
        "a-host-whose-name-is-longer-than-any-that-a-list-may-have-in-it.example:80 sk\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_keys(bad[i]), STENO_E_INVALID);
        assert_null(strstr(steno_error_detail(), "sk")); /* what is in it is not told */
    }
    char lines[70 * 16], *at = lines;
    for (int i = 0; i < 66; i++) at += sprintf(at, "h%d:80 sk\n", i);
    assert_int_equal(read_keys(lines), STENO_E_INVALID);
    assert_int_equal(watch_keys_read("/nowhere/key", &keys), STENO_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_hosts), cmocka_unit_test(other_words_are_not),
                                       cmocka_unit_test(addresses_of_a_name), cmocka_unit_test(every_host_has_its_key),
                                       cmocka_unit_test(lines_that_are_no_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
