/* test_log.c: lines of the log: what stands in them, in both forms, and that nothing makes two of one. */
#include "base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int kept_stderr, sink;
static char text[8 * LOG_LINE_BYTES_MAX];

static void begin(void) {
    fflush(stderr);
    kept_stderr = dup(STDERR_FILENO);
    sink = memfd_create("log", MFD_CLOEXEC);
    assert_true(sink >= 0 && dup2(sink, STDERR_FILENO) >= 0);
}

/* What was logged since begin(). */
static const char *end(void) {
    dup2(kept_stderr, STDERR_FILENO);
    close(kept_stderr);
    ssize_t n = pread(sink, text, sizeof text - 1, 0);
    close(sink);
    assert_true(n >= 0);
    text[n] = 0;
    return text;
}

static json_t *parse(const char *line) {
    json_error_t error;
    size_t n = strlen(line);
    assert_true(n > 1 && line[n - 1] == '\n' && strchr(line, '\n') == line + n - 1);
    json_t *o = json_loadb(line, n - 1, JSON_REJECT_DUPLICATES, &error);
    if (!o) fail_msg("%s: %s", error.text, line);
    return o;
}

static const char *member(const json_t *o, const char *name) {
    const char *value = json_string_value(json_object_get(o, name));
    assert_non_null(value);
    return value;
}

static void a_readable_line(void **state) {
    (void)state;
    begin();
    log_event(LOG_LEVEL_INFO, "stream closed", LOG_STR("request", "r-1"), LOG_INT("code", 1000),
              LOG_REAL("audio_s", 1.5), LOG_STR("nobody", NULL), LOG_STR("says", "a \"b\" = c"),
              LOG_SECRET("key", "sk-0123456789abcdef"), LOG_SECRET("short", "secret"));
    const char *line = end();
    assert_string_equal(
        line + strlen("2026-01-31T12:00:00.123Z "),
        "info  stream closed request=r-1 code=1000 audio_s=1.500 says=\"a \\\"b\\\" = c\" key=sk-0… short=…\n");
}

static void a_line_for_machines(void **state) {
    (void)state;
    log_set_json(true);
    begin();
    log_event(LOG_LEVEL_WARN, "so \"it\" is\n", LOG_STR("peer", "::1"), LOG_INT("status", 200), LOG_REAL("load", 0.25),
              LOG_STR("path", "/ä\\\x1b[2J\xff\xc2\x9b"));
    json_t *o = parse(end());
    log_set_json(false);
    assert_string_equal(member(o, "level"), "warn");
    assert_string_equal(member(o, "message"), "so \"it\" is\n");
    assert_string_equal(member(o, "path"), "/ä\\\x1b[2J\xef\xbf\xbd\xc2\x9b");
    assert_null(strchr(text, 0x1b));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_int_equal(json_integer_value(json_object_get(o, "status")), 200);
    assert_int_equal(strlen(member(o, "time")), 24);
    json_decref(o);
}

static void control_characters_make_no_second_line(void **state) {
    (void)state;
    begin();
    log_line(LOG_LEVEL_ERROR, "a%sb", "\r\n2026-01-31T12:00:00.123Z info  forged\x1b[31m\x7f");
    log_event(LOG_LEVEL_ERROR, "c", LOG_STR("d", "e\nf"));
    const char *line = end();
    assert_non_null(strstr(line, "error a\\x0d\\x0a2026"));
    assert_non_null(strstr(line, "forged\\x1b[31m\\x7fb\n"));
    assert_non_null(strstr(line, "c d=e\\x0af\n"));
}

/* Whatever is too long, a line ends, and an object is one. */
static void long_lines_are_cut(void **state) {
    static char lots[2 * LOG_LINE_BYTES_MAX];
    (void)state;
    for (int json = 0; json < 2; json++) {
        log_set_json(json);
        for (size_t n = LOG_LINE_BYTES_MAX - 300; n < LOG_LINE_BYTES_MAX + 20; n++) {
            memset(lots, '"', n);
            lots[n] = 0;
            begin();
            log_event(LOG_LEVEL_ERROR, n % 2 ? lots : "short", LOG_STR("field", n % 2 ? "x" : lots),
                      LOG_INT("last", n));
            const char *line = end();
            assert_true(strlen(line) <= LOG_LINE_BYTES_MAX && strlen(line) > 40);
            if (json) json_decref(parse(line));
            if (n % 2 == 0) assert_non_null(strstr(line, "last"));
        }
    }
    log_set_json(false);
}

static void levels_drop_what_is_below(void **state) {
    static const struct {
        log_access access;
        log_level level;
    } cases[] = {
        {{.id = "i", .path = "/v1/jobs", .status = 200}, LOG_LEVEL_INFO},
        {{.id = "i", .path = "/healthz", .status = 200, .quiet = true}, LOG_LEVEL_DEBUG},
        {{.id = "i", .path = "/nothing", .status = 404, .quiet = true}, LOG_LEVEL_INFO},
        {{.id = "i", .path = "/v1/jobs", .status = 503}, LOG_LEVEL_INFO},
        {{.id = "i", .path = "/v1/jobs", .status = 500}, LOG_LEVEL_WARN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
            log_set_level((log_level)level);
            begin();
            log_access_line(&cases[i].access);
            assert_int_equal(end()[0] != 0, level >= (int)cases[i].level);
        }
    }
    log_set_level(LOG_LEVEL_INFO);
}

static void ids_are_sane(void **state) {
    static const char *const wrong[] = {"", "a b", "a\n", "ä", "\"", "0123456789012345678901234567890123456789"};
    char id[LOG_ID_BYTES], other[LOG_ID_BYTES];
    (void)state;
    log_request_id("Root=1", id);
    assert_string_not_equal(id, "Root=1");
    log_request_id("4bf92f35-77b3:x_Y.9", id);
    assert_string_equal(id, "4bf92f35-77b3:x_Y.9");
    log_request_id(NULL, other);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        log_request_id(wrong[i], id);
        assert_int_equal(strlen(id), 36);
        assert_true(id[14] == '4' && id[8] == '-' && strchr("89ab", id[19]));
        assert_string_not_equal(id, other);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_readable_line),
        cmocka_unit_test(a_line_for_machines),
        cmocka_unit_test(control_characters_make_no_second_line),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(levels_drop_what_is_below),
        cmocka_unit_test(ids_are_sane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
