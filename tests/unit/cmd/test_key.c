/* test_key.c: `steno key`: what it makes, what it says, and that a key's text is nowhere but on standard output. */
#include "cmd/cmd.h"
#include "store/keys.h"

#include <jansson.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "capture.h"

#include <stdlib.h>
#include <time.h>

typedef struct place {
    char root[64], dir[80];
} place;

static int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    unsetenv("STENO_CONFIG");
    unsetenv("STENO_SERVER_DATA_DIR");
    snprintf(p->root, sizeof p->root, "/tmp/steno-test-key-XXXXXX");
    if (!mkdtemp(p->root)) return -1;
    snprintf(p->dir, sizeof p->dir, "%s/data", p->root);
    *state = p;
    return 0;
}

static int drop_place(void **state) {
    place *p = *state;
    char line[120];
    snprintf(line, sizeof line, "rm -rf %s", p->root);
    int code = system(line);
    free(p);
    return code;
}

__attribute__((format(printf, 2, 3))) static int run(const place *p, const char *fmt, ...) {
    char line[900];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    snprintf(line + n, sizeof line - (size_t)n, " --data-dir %s", p->dir);
    return capture(cmd_key, line);
}

/* Made by `steno key create OPTIONS`, and read back. */
static keys_record created(const place *p, const char *options, char origins[KEYS_ORIGINS_BYTES]) {
    keys_text text;
    keys_table *t;
    db *d;
    assert_int_equal(run(p, "key create %s", options), 0);
    assert_int_equal(strlen(captured_out), KEYS_TEXT_CHARS + 1);
    assert_int_equal(keys_read(captured_out, KEYS_TEXT_CHARS, &text), KEYS_FORM_GOOD);
    assert_null(strstr(captured_err, captured_out));
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(keys_load(d, 0, &t), STENO_OK);
    const keys_record *found = keys_find(t, text.id);
    assert_non_null(found);
    assert_true(keys_same(found->hash, text.hash));
    keys_record r = *found;
    snprintf(origins, KEYS_ORIGINS_BYTES, "%s", r.origins);
    keys_table_free(t);
    db_close(d);
    return r;
}

static void creating(void **state) {
    place *p = *state;
    char origins[KEYS_ORIGINS_BYTES];
    keys_record r = created(p, "", origins);
    assert_string_equal(r.name, "");
    assert_string_equal(origins, "");
    assert_int_equal(r.streams + r.requests_per_minute + r.audio_minutes_per_day + r.expires_s + r.revoked_s, 0);
    assert_true(r.created_s > 1700000000);
    r = created(p,
                "--name court-3 --streams 4 --requests-per-minute 60 --audio-minutes-per-day 600 "
                "--origin HTTPS://App.example:443/ --origin http://127.0.0.1:3000 --expires 2099-12-31T23:59:58Z",
                origins);
    assert_string_equal(r.name, "court-3");
    assert_int_equal(r.streams, 4);
    assert_int_equal(r.requests_per_minute, 60);
    assert_int_equal(r.audio_minutes_per_day, 600);
    assert_string_equal(origins, "https://app.example http://127.0.0.1:3000");
    assert_int_equal(r.expires_s, 4102444798);
    r = created(p, "--origin * --expires never", origins);
    assert_string_equal(origins, "*");
}

static void expiry(void **state) {
    place *p = *state;
    char origins[KEYS_ORIGINS_BYTES];
    assert_int_equal(created(p, "--expires 2099-12-31", origins).expires_s, 4102358400);
    keys_record r = created(p, "--expires 30d", origins);
    assert_in_range(r.expires_s - r.created_s, 30 * KEYS_DAY_S, 30 * KEYS_DAY_S);
    r = created(p, "--expires 12h", origins);
    assert_in_range(r.expires_s - r.created_s, 12 * 3600, 12 * 3600);
    static const char *const wrong[] = {"2001-01-01",
                                        "0d",
                                        "-1d",
                                        "30",
                                        "30x",
                                        "30dd",
                                        "1e3d",
                                        "99999999d",
                                        "tomorrow",
                                        "2099-13-01",
                                        "2099-12-31T",
                                        "2099-12-31x",
                                        "2099-12-31T25:00:00Z"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(run(p, "key create --expires %s", wrong[i]), 2);
        assert_string_equal(captured_out, "");
        assert_int_equal(capture_complaints(), 1);
    }
}

static void wrong_usage(void **state) {
    static const char *const wrong[] = {
        "key",
        "key make",
        "key create extra",
        "key list extra",
        "key revoke",
        "key list --streams 3",
        "key revoke abcdefgh --name x",
        "key create --streams -1",
        "key create --streams 1000001",
        "key create --requests-per-minute x",
        "key create --audio-minutes-per-day 1.5",
        "key create --origin example.org",
        "key create --origin https://example.org/page",
        "key create --origin null",
        "key create --origin * --origin https://example.org",
        "key create --origin https://example.org --origin *",
        "key create --name 0123456789012345678901234567890123456789012345678901234567890123",
        "key create --name a\tb",
        "key create --no-such-option",
    };
    place *p = *state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(run(p, "%s", wrong[i]), 2);
        assert_string_equal(captured_out, "");
        assert_int_equal(capture_complaints(), 1);
    }
    assert_int_not_equal(access(p->dir, F_OK), 0); /* nothing was made */
}

static json_t *listed(const place *p) {
    assert_int_equal(run(p, "key list --json"), 0);
    json_t *list = json_loads(captured_out, 0, NULL);
    assert_non_null(list);
    return list;
}

static const char *text_of(const json_t *key, const char *name) {
    return json_string_value(json_object_get(key, name));
}

static void listing(void **state) {
    place *p = *state;
    char text[KEYS_TEXT_CHARS + 1], id[KEYS_ID_CHARS + 1];
    json_t *list = listed(p); /* before there is a database */
    assert_int_equal(json_array_size(list), 0);
    assert_int_equal(capture_complaints(), 1);
    json_decref(list);
    assert_int_equal(run(p, "key create --name one --streams 2 --origin https://a.example"), 0);
    snprintf(text, sizeof text, "%.64s", captured_out);
    snprintf(id, sizeof id, "%.8s", text + 6);
    db *d;
    int64_t now_s = time(NULL);
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    keys_day use[] = {{.day = keys_day_of(now_s), .audio_ms = 90000, .requests = 3, .used_s = now_s},
                      {.day = keys_day_of(now_s) - 1, .audio_ms = 60000, .requests = 4, .used_s = now_s - KEYS_DAY_S}};
    memcpy(use[0].id, id, sizeof id);
    memcpy(use[1].id, id, sizeof id);
    assert_int_equal(keys_add_use(d, use, 2), STENO_OK);
    db_close(d);
    list = listed(p);
    const json_t *key = json_array_get(list, 0);
    assert_string_equal(text_of(key, "id"), id);
    assert_string_equal(text_of(key, "name"), "one");
    assert_string_equal(text_of(key, "state"), "good");
    assert_int_equal(json_integer_value(json_object_get(key, "streams")), 2);
    assert_int_equal(json_integer_value(json_object_get(key, "requests")), 7);
    if (keys_day_of(time(NULL)) == use[0].day) /* not across midnight */
        assert_true(json_real_value(json_object_get(key, "audio_minutes_today")) == 1.5);
    assert_true(json_is_null(json_object_get(key, "expires")));
    assert_true(json_is_string(json_object_get(key, "used")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(key, "origins"), 0)), "https://a.example");
    assert_null(strstr(captured_out, text + 15)); /* no secret */
    json_decref(list);
    assert_int_equal(run(p, "key list"), 0);
    assert_non_null(strstr(captured_out, id));
    assert_null(strstr(captured_out, text + 15));
}

static void revoking(void **state) {
    place *p = *state;
    char text[KEYS_TEXT_CHARS + 1];
    assert_int_equal(run(p, "key revoke abcdefgh"), 1); /* no database */
    assert_int_not_equal(access(p->dir, F_OK), 0);
    assert_int_equal(run(p, "key create"), 0);
    snprintf(text, sizeof text, "%.64s", captured_out);
    assert_int_equal(run(p, "key revoke nobodys1"), 1);
    assert_int_equal(capture_complaints(), 1);
    assert_int_equal(run(p, "key revoke nobodys1 %.8s", text + 6), 1); /* the other one goes all the same */
    assert_non_null(strstr(captured_out, ": revoked\n"));
    assert_int_equal(run(p, "key revoke %s", text), 0);
    assert_non_null(strstr(captured_out, "was revoked before\n"));
    assert_null(strstr(captured_out, text + 15));
    json_t *list = listed(p);
    assert_string_equal(text_of(json_array_get(list, 0), "state"), "revoked");
    json_decref(list);
}

/* As the server finds it: by the configuration. */
static void by_configuration(void **state) {
    place *p = *state;
    char file[100], line[300];
    snprintf(file, sizeof file, "%s/steno.ini", p->root);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fprintf(out, "[server]\ndata_dir = %s/data\n", p->root);
    fclose(out);
    snprintf(line, sizeof line, "key create --json --config %s", file);
    assert_int_equal(capture(cmd_key, line), 0);
    json_t *made = json_loads(captured_out, 0, NULL);
    assert_non_null(made);
    json_t *list = listed(p);
    assert_string_equal(text_of(json_array_get(list, 0), "id"), text_of(made, "id"));
    assert_string_equal(captured_err, "");
    json_decref(list);
    json_decref(made);
    out = fopen(file, "w");
    fprintf(out, "[server]\ndata_dirr = x\n");
    fclose(out);
    assert_int_equal(capture(cmd_key, line), 1);
    assert_non_null(strstr(captured_err, "data_dirr"));
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {IN_PLACE(creating), IN_PLACE(expiry),   IN_PLACE(wrong_usage),
                                       IN_PLACE(listing),  IN_PLACE(revoking), IN_PLACE(by_configuration)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
