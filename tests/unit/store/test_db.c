/* test_db.c: the database and the store thread: opening, schema, what failures say, order of answers. */
#include "base/mem.h"
#include "store/db.h"
#include "store/schema.h"
#include "store/worker.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_place.h"

static int64_t count(db *d) {
    db_stmt *s;
    bool row;
    assert_int_equal(db_prepare(d, "SELECT count(*) FROM t", &s), STENO_OK);
    assert_int_equal(db_step(s, &row), STENO_OK);
    int64_t n = row ? db_int(s, 0) : -1;
    db_reset(s);
    return n;
}

static void put(db *d, int64_t a, const char *b) {
    db_stmt *s;
    assert_int_equal(db_prepare(d, "INSERT INTO t VALUES (?1, ?2)", &s), STENO_OK);
    db_bind_int(s, 1, a);
    db_bind_text(s, 2, b);
    assert_int_equal(db_run(s), STENO_OK);
}

static void keeps_what_was_committed(void **state) {
    place *p = *state;
    db *d;
    struct stat st;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(stat(p->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(p->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(db_exec(d, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"), STENO_OK);
    assert_int_equal(db_begin(d), STENO_OK);
    put(d, 1, "one");
    assert_int_equal(db_commit(d), STENO_OK);
    assert_int_equal(db_begin(d), STENO_OK);
    put(d, 2, "two");
    db_rollback(d);
    db_close(d);
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(count(d), 1);
    db_stmt *s;
    assert_int_equal(db_prepare(d, "INSERT INTO t VALUES (?1, ?2)", &s), STENO_OK);
    db_bind_int(s, 1, 1);
    assert_int_equal(db_run(s), STENO_E_INVALID); /* it is there already */
    db_close(d);
}

static int64_t pragma(db *d, const char *sql) {
    db_stmt *s;
    bool row;
    assert_int_equal(db_prepare(d, sql, &s), STENO_OK);
    assert_int_equal(db_step(s, &row), STENO_OK);
    int64_t n = db_int(s, 0);
    db_reset(s);
    return n;
}

static void schema_is_numbered(void **state) {
    place *p = *state;
    db *d;
    int steps = 0;
    while (schema_steps[steps]) steps++;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(pragma(d, "PRAGMA user_version"), steps);
    assert_int_equal(pragma(d, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(d, "PRAGMA foreign_keys"), 1);
    assert_int_equal(db_exec(d, "PRAGMA user_version = 9999"), STENO_OK);
    db_close(d);
    assert_int_equal(db_open(p->dir, &d), STENO_E_UNSUPPORTED);
    assert_non_null(strstr(steno_error_detail(), p->file));
    assert_non_null(strstr(steno_error_detail(), "newer steno"));
}

static void overwrite(const char *file, long at, const char *with, size_t n) {
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, with, n, at), n);
    close(fd);
}

static void damage_is_named(void **state) {
    place *p = *state;
    db *d;
    char junk[4096];
    memset(junk, 0x5a, sizeof junk);
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(db_exec(d, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"), STENO_OK);
    for (int i = 0; i < 200; i++) put(d, i, "some text that fills pages, some text that fills pages");
    db_close(d);
    struct stat st;
    assert_int_equal(stat(p->file, &st), 0);
    assert_true(st.st_size > 2 * (long)sizeof junk);
    overwrite(p->file, st.st_size - (long)sizeof junk, junk, sizeof junk);
    assert_int_equal(db_open(p->dir, &d), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "damaged"));
    overwrite(p->file, 0, junk, 100);
    assert_int_equal(db_open(p->dir, &d), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), p->file));
    assert_non_null(strstr(steno_error_detail(), "not a database"));
}

static void folders_that_cannot_be(void **state) {
    place *p = *state;
    db *d;
    char dir[120];
    snprintf(dir, sizeof dir, "%s/no/such", p->root);
    assert_int_equal(db_open(dir, &d), STENO_E_IO);
    assert_non_null(strstr(steno_error_detail(), dir));
    assert_int_equal(db_open("/proc/steno-cannot-be-here", &d), STENO_E_IO);
    assert_null(d);
}

/* Another program's file is left alone. */
static void not_ours(void **state) {
    place *p = *state;
    db *d;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(db_exec(d, "PRAGMA application_id = 7"), STENO_OK);
    db_close(d);
    assert_int_equal(db_open(p->dir, &d), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "not one of steno's"));
}

/* ---- the store thread ------------------------------------------------------------------------------------------- */

#define ITEMS 500

typedef struct item {
    work head;
    int64_t n;
    int *next;
} item;

static steno_err run_item(work *w, db *d) {
    item *it = (item *)w;
    if (it->n % 7 == 3) return err_fail(STENO_E_LIMIT, "item %lld", (long long)it->n);
    put(d, it->n, "x");
    return STENO_OK;
}

static void item_done(work *w) {
    item *it = (item *)w;
    char why[32];
    snprintf(why, sizeof why, "item %lld", (long long)it->n);
    assert_int_equal(it->n, (*it->next)++); /* in order */
    assert_int_equal(w->error, it->n % 7 == 3 ? STENO_E_LIMIT : STENO_OK);
    assert_string_equal(w->why, it->n % 7 == 3 ? why : "");
    mem_free(it);
}

static void put_items(worker *w, int from, int to, int *next) {
    for (int i = from; i < to; i++) {
        item *it = mem_alloc(1, sizeof *it);
        *it = (item){.head = {.run = run_item, .done = item_done}, .n = i, .next = next};
        assert_true(worker_put(w, &it->head));
    }
}

static void answers_come_in_order(void **state) {
    place *p = *state;
    db *d;
    worker *w;
    int next = 0;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(db_exec(d, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"), STENO_OK);
    assert_int_equal(worker_open(d, &w), STENO_OK);
    put_items(w, 0, ITEMS, &next);
    while (next < ITEMS) {
        struct pollfd at = {.fd = worker_fd(w), .events = POLLIN};
        assert_int_equal(poll(&at, 1, 60000), 1);
        worker_deliver(w);
    }
    put_items(w, ITEMS, 2 * ITEMS, &next);
    worker_close(w); /* what was put is done all the same */
    assert_int_equal(next, 2 * ITEMS);
}

static steno_err run_block(work *w, db *d) {
    int *fd = (int *)(w + 1);
    char byte;
    (void)d;
    return read(*fd, &byte, 1) == 1 ? STENO_OK : STENO_E_IO;
}

static void done_free(work *w) {
    mem_free(w);
}

/* A full queue is an answer. */
static void the_queue_is_bounded(void **state) {
    worker *w;
    int pipes[2], put_n = 0;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(worker_open(NULL, &w), STENO_OK);
    for (;;) {
        work *it = mem_alloc(1, sizeof *it + sizeof(int));
        *it = (work){.run = run_block, .done = done_free};
        memcpy(it + 1, &pipes[0], sizeof(int));
        if (!worker_put(w, it)) {
            mem_free(it);
            break;
        }
        put_n++;
    }
    assert_int_equal(put_n, WORKER_QUEUE_MAX);
    char bytes[WORKER_QUEUE_MAX] = {0};
    assert_int_equal(write(pipes[1], bytes, sizeof bytes), sizeof bytes);
    worker_close(w);
    close(pipes[0]);
    close(pipes[1]);
}

static void one_number_of_one_row(void **state) {
    const place *p = *state;
    int64_t n = 7;
    db *d;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(db_run_text(d, "CREATE TABLE t (a INTEGER) STRICT"), STENO_OK);
    assert_int_equal(db_read_int(d, "SELECT a FROM t", &n), STENO_E_FORMAT);
    assert_int_equal(n, 0);
    assert_int_equal(db_run_text(d, "INSERT INTO t VALUES (41), (42)"), STENO_OK);
    assert_int_equal(db_read_int(d, "SELECT a FROM t ORDER BY a", &n), STENO_OK);
    assert_int_equal(n, 41);
    assert_int_equal(db_run_text(d, "DROP TABLE t"), STENO_OK); /* no reader was left behind */
    assert_int_not_equal(db_run_text(d, "nonsense"), STENO_OK);
    db_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_was_committed, make_place, drop_place),
        cmocka_unit_test_setup_teardown(schema_is_numbered, make_place, drop_place),
        cmocka_unit_test_setup_teardown(damage_is_named, make_place, drop_place),
        cmocka_unit_test_setup_teardown(folders_that_cannot_be, make_place, drop_place),
        cmocka_unit_test_setup_teardown(not_ours, make_place, drop_place),
        cmocka_unit_test_setup_teardown(one_number_of_one_row, make_place, drop_place),
        cmocka_unit_test_setup_teardown(answers_come_in_order, make_place, drop_place),
        cmocka_unit_test(the_queue_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
