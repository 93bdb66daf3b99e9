/* test_config.c: the configuration of `steno serve`: defaults, files, mistakes with their place, the manual. */
#include "cmd/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/steno-test-XXXXXX";

static steno_err read_text(const char *text, config *c) {
    strcpy(path + sizeof path - 7, "XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    config_inputs in = {.file = path};
    steno_err e = config_load(&in, c, NULL, NULL);
    unlink(path);
    return e;
}

static void defaults_are_right(void **state) {
    config c;
    (void)state;
    memset(&c, 0, sizeof c); /* what is between its members, too */
    config_init(&c);
    assert_string_equal(c.bind, "127.0.0.1");
    assert_int_equal(c.port, 8080);
    for (const config_key *key = config_keys; key->name; key++) {
        char value[CONFIG_TEXT_BYTES];
        config copy = c;
        config_get(&c, key, value);
        assert_int_equal(config_set(&copy, key, value), STENO_OK);
        assert_memory_equal(&copy, &c, sizeof c);
    }
}

static void a_whole_file(void **state) {
    config c;
    (void)state;
    assert_int_equal(read_text("; comment\n[server]\nport = 9000\nbind=::1\n\n[engine]\nmodel = base ; inline\n"
                               "threads=3\n[live]\nvad_threshold = 0.25\nvad_neg_threshold = 0.125\nendpoint_ms=100\n",
                               &c),
                     STENO_OK);
    assert_int_equal(c.port, 9000);
    assert_string_equal(c.bind, "::1");
    assert_string_equal(c.model, "base");
    assert_int_equal(c.threads, 3);
    assert_true(c.live.threshold == 0.25f);
    assert_int_equal(c.live.endpoint_ms, 100);
}

static void mistakes_have_a_place(void **state) {
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"[server]\nport = 1\ncolour = blue\n", ":3: no key 'colour' in section [server]"},
        {"[sever]\nport = 1\n", ":2: no key 'port' in section [sever]"},
        {"port = 1\n", ":1: key 'port' before any section"},
        {"[server]\nport = 1\nport = 2\n", ":3: port is given twice, first in line 2"},
        {"[server]\n\nport = many\n", ":3: port cannot be 'many': want a whole number from 0 to 65535"},
        {"[server]\nport\n", ":2: not 'key = value'"},
        {"[server\nport=1\n", ":1: not 'key = value'"},
        {"[engine]\nmodel = huge\n", ":2: model cannot be 'huge': want one of tiny, base"},
        {"[engine]\nmodel =\n", ":2: model cannot be ''"},
        {"[server]\nbind =\n", ":2: bind: want 1 to 1023 bytes of text"},
        {"[server]\n  port = x\n", ":2: port cannot be 'x'"},
        {"[jobs]\nkeep_audio = maybe\n", ":2: keep_audio cannot be 'maybe': want yes or no"},
        {"[live]\nvad_threshold = 1.5\n", ":2: vad_threshold cannot be '1.5': want a number from 0 to 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        config c;
        assert_int_equal(read_text(wrong[i].text, &c), STENO_E_INVALID);
        const char *place = strstr(steno_error_detail(), path);
        if (!place || !strstr(place + strlen(path), wrong[i].says))
            fail_msg("'%s' does not say '%s'", steno_error_detail(), wrong[i].says);
    }
    config c;
    config_inputs in = {.file = "/nowhere/steno.ini"};
    assert_int_equal(config_load(&in, &c, NULL, NULL), STENO_E_NOT_FOUND);
}

/* docs/configuration.md and the manual page name every key. */
static void the_manual_is_complete(void **state) {
    static const char *const pages[] = {"docs/configuration.md", "docs/man/steno.conf.5"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        static char text[65536];
        FILE *in = fopen(pages[i], "r");
        assert_non_null(in);
        text[fread(text, 1, sizeof text - 1, in)] = 0;
        fclose(in);
        for (const config_key *key = config_keys; key->name; key++) {
            char want[80];
            snprintf(want, sizeof want, i == 0 ? "`%s`" : "\\fB%s\\fR", key->name);
            if (!strstr(text, want)) fail_msg("%s says nothing of %s", pages[i], want);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_right),
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(the_manual_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
