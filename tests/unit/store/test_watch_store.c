/* test_watch_store.c: minutes of the monitors in the database, also in one of before there were any. */
#include "store/schema.h"
#include "store/watch_store.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include "store_place.h"

#define OLD_STEPS      5          /* of the schema, before there were monitors */
#define APPLICATION_ID 0x5354454e /* as all its files have had */
#define MINUTE         60

typedef struct rows {
    int n;
    int64_t start_s[16];
    char cell[16][32];
} rows;

static void take(void *ctx, int64_t start_s, const char *cell) {
    rows *r = ctx;
    assert_in_range(r->n, 0, 15);
    r->start_s[r->n] = start_s;
    snprintf(r->cell[r->n++], sizeof r->cell[0], "%s", cell);
}

/* `most` rows at a time, until there are no more. */
static rows read_all(db *d, watch_place at, int most) {
    rows r = {0};
    int n;
    do {
        assert_int_equal(watch_store_read(d, &at, most, take, &r, &n), STENO_OK);
        assert_true(n <= most);
    } while (n == most);
    return r;
}

static void comes_back_in_order(void **state) {
    place *p = *state;
    assert_int_equal(watch_store_put(p->d, 2 * MINUTE, "|tiny|en|", "c"), STENO_OK);
    assert_int_equal(watch_store_put(p->d, MINUTE, "|tiny|en|", "b"), STENO_OK);
    assert_int_equal(watch_store_put(p->d, MINUTE, "|||", "a"), STENO_OK);
    assert_int_equal(watch_store_put(p->d, 2 * MINUTE, "|tiny|en|", "d"), STENO_OK); /* in its place */
    for (int most = 1; most <= 4; most++) {
        rows r = read_all(p->d, (watch_place){0}, most);
        assert_int_equal(r.n, 3);
        assert_string_equal(r.cell[0], "b"); /* by name within the minute */
        assert_string_equal(r.cell[1], "a");
        assert_string_equal(r.cell[2], "d");
        assert_int_equal(r.start_s[2], 2 * MINUTE);
    }
    assert_int_equal(read_all(p->d, (watch_place){.start_s = 2 * MINUTE}, 8).n, 1);
}

static void expires(void **state) {
    place *p = *state;
    for (int i = 0; i < 6; i++) assert_int_equal(watch_store_put(p->d, i * MINUTE, "|||", "x"), STENO_OK);
    assert_int_equal(watch_store_expire(p->d, 4 * MINUTE), STENO_OK);
    rows r = read_all(p->d, (watch_place){0}, 16);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.start_s[0], 4 * MINUTE);
}

static void run(sqlite3 *old, const char *sql) {
    assert_int_equal(sqlite3_exec(old, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A database as a server without monitors left it, with a key in it, gets the table and loses nothing. */
static void old_files_migrate(void **state) {
    place *p = *state;
    sqlite3 *old;
    char version[80];
    assert_int_equal(mkdir(p->dir, 0700), 0);
    assert_int_equal(sqlite3_open(p->file, &old), SQLITE_OK);
    for (int i = 0; i < OLD_STEPS; i++) run(old, schema_steps[i]);
    snprintf(version, sizeof version, "PRAGMA user_version = %d; PRAGMA application_id = %d", OLD_STEPS,
             APPLICATION_ID);
    run(old, version);
    run(old, "CREATE TABLE witness (a INTEGER)");
    run(old, "INSERT INTO witness VALUES (7)");
    assert_int_equal(sqlite3_close(old), SQLITE_OK);
    assert_int_equal(db_open(p->dir, &p->d), STENO_OK);
    assert_int_equal(watch_store_put(p->d, MINUTE, "|||", "x"), STENO_OK);
    assert_int_equal(read_all(p->d, (watch_place){0}, 4).n, 1);
    db_stmt *s;
    bool any;
    assert_int_equal(db_prepare(p->d, "SELECT a FROM witness", &s), STENO_OK);
    assert_int_equal(db_step(s, &any), STENO_OK);
    assert_true(any && db_int(s, 0) == 7);
    db_reset(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_in_order, make_place_with_db, drop_place),
        cmocka_unit_test_setup_teardown(expires, make_place_with_db, drop_place),
        cmocka_unit_test_setup_teardown(old_files_migrate, make_place, drop_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
