/* test_job_store.c: jobs and deliveries as rows: every way through the states, owners, keys, turns, clocks that jump. */
#include "base/mem.h"
#include "store/job_store.h"
#include "store/spool.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_place.h"

#define NOW INT64_C(1764000000000)

static job make(const char *owner) {
    job j = {.bytes = 100};
    assert_int_equal(ident_make(JOB_ID_PREFIX, j.id), STENO_OK);
    snprintf(j.owner, sizeof j.owner, "%s", owner);
    snprintf(j.language, sizeof j.language, "en");
    return j;
}

static job add(db *d, const char *owner) {
    job j = make(owner);
    job_add_answer answer;
    int n = 1;
    assert_int_equal(job_store_add(d, &j, &n, NOW, &answer), STENO_OK);
    assert_int_equal(answer, JOB_ADDED);
    return j;
}

static job_state state_of(db *d, const char *id) {
    job j;
    assert_int_equal(job_store_get(d, NULL, id, &j), STENO_OK);
    return j.state;
}

static void expect_claim(db *d, const char *id) {
    job j;
    bool any;
    assert_int_equal(job_store_claim(d, NOW, &j, &any), STENO_OK);
    assert_int_equal(any, id != NULL);
    if (id) assert_string_equal(j.id, id);
}

static bool finish(db *d, const char *id, job_state state, const delivery *notice) {
    bool took;
    job_outcome o = {.state = state, .document = "text", .document_bytes = 4, .notice = notice};
    assert_int_equal(job_store_finish(d, id, &o, NOW + 5, &took), STENO_OK);
    return took;
}

static delivery message(const char *of, const char *url) {
    delivery v = {.kind = DELIVERY_SIGNED};
    assert_int_equal(ident_make(DELIVERY_ID_PREFIX, v.id), STENO_OK);
    snprintf(v.job, sizeof v.job, "%s", of);
    snprintf(v.url, sizeof v.url, "%s", url);
    snprintf(v.content_type, sizeof v.content_type, "application/json");
    v.body = "{}";
    v.n = 2;
    return v;
}

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

static void from_the_queue_to_the_result(void **state) {
    db *d = ((place *)*state)->d;
    job j = add(d, "a"), got;
    char *document;
    size_t n;
    assert_int_equal(state_of(d, j.id), JOB_QUEUED);
    assert_int_equal(job_store_result(d, j.seq, &document, &n), STENO_E_NOT_FOUND);
    expect_claim(d, j.id);
    expect_claim(d, NULL);
    assert_true(finish(d, j.id, JOB_DONE, NULL));
    assert_int_equal(job_store_get(d, "a", j.id, &got), STENO_OK);
    assert_int_equal(got.state, JOB_DONE);
    assert_int_equal(got.ended_ms, NOW + 5);
    assert_int_equal(got.attempts, 1);
    assert_false(got.has_audio);
    assert_int_equal(job_store_result(d, j.seq, &document, &n), STENO_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(document, "text", 4);
    mem_free(document);
    assert_false(finish(d, j.id, JOB_FAILED, NULL)); /* once */
    assert_int_equal(state_of(d, j.id), JOB_DONE);
}

static int64_t count(db *d, const char *sql) {
    db_stmt *s;
    bool row;
    assert_int_equal(db_prepare(d, sql, &s), STENO_OK);
    assert_int_equal(db_step(s, &row), STENO_OK);
    int64_t n = db_int(s, 0);
    db_reset(s);
    return n;
}

/* State, result and message: all of them or none. */
static void one_transaction(void **state) {
    db *d = ((place *)*state)->d;
    job j = add(d, "");
    expect_claim(d, j.id);
    delivery v = message(j.id, "http://a/");
    assert_int_equal(delivery_store_add(d, &v, NOW), STENO_OK); /* the same id is there: the message cannot be added */
    bool took;
    job_outcome o = {.state = JOB_DONE, .document = "x", .document_bytes = 1, .notice = &v};
    assert_int_equal(job_store_finish(d, j.id, &o, NOW, &took), STENO_E_INVALID);
    assert_false(took);
    assert_int_equal(state_of(d, j.id), JOB_RUNNING);
    assert_int_equal(count(d, "SELECT count(*) FROM results"), 0);
    v = message(j.id, "http://a/");
    assert_true(finish(d, j.id, JOB_DONE, &v));
    v = message(j.id, "http://a/");
    assert_false(finish(d, j.id, JOB_DONE, &v)); /* heard twice: told once */
    assert_int_equal(count(d, "SELECT count(*) FROM deliveries"), 2);
    assert_int_equal(count(d, "SELECT count(*) FROM results"), 1);
}

static void cancelling(void **state) {
    db *d = ((place *)*state)->d;
    job a = add(d, "k"), b = add(d, "k");
    job_state was;
    expect_claim(d, a.id);
    assert_int_equal(job_store_delete(d, "k", a.id), STENO_E_AGAIN);
    assert_int_equal(job_store_cancel(d, "k", a.id, NOW, &was), STENO_OK);
    assert_int_equal(was, JOB_RUNNING);
    assert_false(finish(d, a.id, JOB_DONE, NULL)); /* too late */
    assert_int_equal(state_of(d, a.id), JOB_CANCELLED);
    assert_int_equal(job_store_cancel(d, "k", b.id, NOW, &was), STENO_OK);
    assert_int_equal(was, JOB_QUEUED);
    expect_claim(d, NULL);
    assert_int_equal(job_store_cancel(d, "k", b.id, NOW + 9, &was), STENO_OK);
    assert_int_equal(was, JOB_CANCELLED);
    assert_int_equal(job_store_requeue(d, b.id, true), STENO_OK); /* only what runs goes back */
    assert_int_equal(state_of(d, b.id), JOB_CANCELLED);
    assert_int_equal(job_store_delete(d, "k", b.id), STENO_OK);
    assert_int_equal(job_store_delete(d, "k", b.id), STENO_E_NOT_FOUND);
}

/* Another owner's jobs do not exist. */
static void owners(void **state) {
    db *d = ((place *)*state)->d;
    job mine = add(d, "me"), got[4];
    job_state was;
    int n;
    add(d, "");
    assert_int_equal(job_store_get(d, "other", mine.id, got), STENO_E_NOT_FOUND);
    assert_int_equal(job_store_get(d, "", mine.id, got), STENO_E_NOT_FOUND);
    assert_int_equal(job_store_cancel(d, "other", mine.id, NOW, &was), STENO_E_NOT_FOUND);
    assert_int_equal(job_store_delete(d, "other", mine.id), STENO_E_NOT_FOUND);
    assert_int_equal(job_store_list(d, "other", -1, 0, 4, got, &n), STENO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(job_store_list(d, "me", -1, 0, 4, got, &n), STENO_OK);
    assert_int_equal(n, 1);
    assert_string_equal(got[0].id, mine.id);
    assert_int_equal(state_of(d, mine.id), JOB_QUEUED);
}

static void lists(void **state) {
    db *d = ((place *)*state)->d;
    job all[5], got[5];
    int n;
    for (int i = 0; i < 5; i++) all[i] = add(d, "k");
    expect_claim(d, all[0].id);
    assert_int_equal(job_store_list(d, "k", -1, 0, 2, got, &n), STENO_OK);
    assert_int_equal(n, 2);
    assert_string_equal(got[0].id, all[4].id);
    assert_int_equal(job_store_list(d, "k", JOB_QUEUED, got[1].seq, 5, got, &n), STENO_OK);
    assert_int_equal(n, 2);
    assert_string_equal(got[1].id, all[1].id);
}

/* Whoever has many waits behind whoever has one. */
static void owners_take_turns(void **state) {
    db *d = ((place *)*state)->d;
    job many[3], one;
    for (int i = 0; i < 3; i++) many[i] = add(d, "many");
    one = add(d, "one");
    expect_claim(d, many[0].id);
    expect_claim(d, one.id);
    expect_claim(d, many[1].id);
    job again = add(d, "one");
    expect_claim(d, again.id);
    expect_claim(d, many[2].id);
}

static void keys_make_a_request_one(void **state) {
    db *d = ((place *)*state)->d;
    job pair[2] = {make("k"), make("k")}, same[2] = {make("k"), make("k")}, other[2] = {make("k"), make("k")};
    job stranger = make("s");
    job_add_answer answer;
    for (int i = 0; i < 2; i++) {
        pair[i].part = same[i].part = other[i].part = i;
        snprintf(pair[i].idempotency, sizeof pair[i].idempotency, "key");
        snprintf(same[i].idempotency, sizeof same[i].idempotency, "key");
        snprintf(other[i].idempotency, sizeof other[i].idempotency, "key");
        snprintf(pair[i].fingerprint, sizeof pair[i].fingerprint, "f1");
        snprintf(same[i].fingerprint, sizeof same[i].fingerprint, "f1");
        snprintf(other[i].fingerprint, sizeof other[i].fingerprint, "f2");
    }
    snprintf(stranger.idempotency, sizeof stranger.idempotency, "key");
    int n = 2;
    assert_int_equal(job_store_add(d, pair, &n, NOW, &answer), STENO_OK);
    assert_int_equal(answer, JOB_ADDED);
    assert_int_equal(job_store_add(d, same, &n, NOW, &answer), STENO_OK);
    assert_int_equal(answer, JOB_REPLAYED);
    assert_int_equal(n, 2);
    assert_string_equal(same[0].id, pair[0].id);
    assert_string_equal(same[1].id, pair[1].id);
    assert_int_equal(job_store_add(d, other, &n, NOW, &answer), STENO_OK);
    assert_int_equal(answer, JOB_KEY_REUSED);
    n = 1;
    assert_int_equal(job_store_add(d, &stranger, &n, NOW, &answer), STENO_OK);
    assert_int_equal(answer, JOB_ADDED); /* keys are an owner's own */
    assert_int_equal(count(d, "SELECT count(*) FROM jobs"), 3);
}

/* All of a request or nothing. */
static void no_half_requests(void **state) {
    db *d = ((place *)*state)->d;
    job pair[2] = {make("k"), make("k")};
    job_add_answer answer;
    int n = 2;
    memcpy(pair[1].id, pair[0].id, sizeof pair[1].id);
    assert_int_equal(job_store_add(d, pair, &n, NOW, &answer), STENO_E_INVALID);
    assert_int_equal(count(d, "SELECT count(*) FROM jobs"), 0);
}

static void interrupted(void **state) {
    place *p = *state;
    job j = add(p->d, "k"), got;
    expect_claim(p->d, j.id);
    db_close(p->d); /* as good as a crash: nothing else is written */
    assert_int_equal(db_open(p->dir, &p->d), STENO_OK);
    bool any;
    assert_int_equal(job_store_next(p->d, JOB_RUNNING, 0, &got, &any), STENO_OK);
    assert_true(any);
    assert_int_equal(job_store_requeue(p->d, j.id, true), STENO_OK);
    expect_claim(p->d, j.id);
    assert_int_equal(job_store_get(p->d, "k", j.id, &got), STENO_OK);
    assert_int_equal(got.attempts, 2);
    assert_int_equal(job_store_requeue(p->d, j.id, false), STENO_OK); /* an orderly end is no attempt */
    assert_int_equal(job_store_get(p->d, "k", j.id, &got), STENO_OK);
    assert_int_equal(got.attempts, 1);
    assert_int_equal(got.state, JOB_QUEUED);
}

static void forgetting(void **state) {
    db *d = ((place *)*state)->d;
    job a = add(d, "k"), b = add(d, "k"), c = add(d, "k");
    char ids[4][IDENT_BYTES];
    int n;
    delivery v = message(b.id, "http://x/");
    expect_claim(d, a.id);
    expect_claim(d, b.id);
    assert_true(finish(d, a.id, JOB_DONE, NULL));
    assert_true(finish(d, b.id, JOB_FAILED, &v));
    assert_int_equal(job_store_expire(d, NOW, ids, 4, &n), STENO_OK);
    assert_int_equal(n, 0); /* not old enough */
    assert_int_equal(job_store_expire(d, NOW + 6, ids, 4, &n), STENO_OK);
    assert_int_equal(n, 1); /* what is still to be told of is kept, and what waits is never old */
    assert_string_equal(ids[0], a.id);
    assert_int_equal(count(d, "SELECT count(*) FROM results"), 1);
    delivery_outcome o = {.state = DELIVERY_GIVEN_UP};
    assert_int_equal(delivery_store_settle(d, v.id, &o, NOW), STENO_OK);
    assert_int_equal(job_store_expire(d, NOW + 6, ids, 4, &n), STENO_OK);
    assert_int_equal(n, 1);
    assert_int_equal(count(d, "SELECT count(*) FROM deliveries"), 0);
    assert_int_equal(state_of(d, c.id), JOB_QUEUED);
}

static void totals(void **state) {
    db *d = ((place *)*state)->d;
    job a = add(d, "k");
    job_totals t;
    add(d, "l");
    expect_claim(d, a.id);
    assert_int_equal(job_store_totals(d, &t), STENO_OK);
    assert_int_equal(t.queued, 1);
    assert_int_equal(t.running, 1);
    assert_int_equal(t.spool_bytes, 200);
    assert_true(finish(d, a.id, JOB_DONE, NULL));
    assert_int_equal(job_store_totals(d, &t), STENO_OK);
    assert_int_equal(t.spool_bytes, 100);
}

/* ---- deliveries ---------------------------------------------------------------------------------------------------- */

static delivery put(db *d, const char *url, int64_t now_ms) {
    delivery v = message("", url);
    assert_int_equal(delivery_store_add(d, &v, now_ms), STENO_OK);
    return v;
}

static int64_t expect_delivery(db *d, int64_t now_ms, const char *id) {
    delivery v;
    bool any;
    int64_t wait_ms;
    assert_int_equal(delivery_store_claim(d, now_ms, 100000, 2, &v, &any, &wait_ms), STENO_OK);
    assert_int_equal(any, id != NULL);
    if (id) assert_string_equal(v.id, id);
    if (any) assert_memory_equal(v.body, "{}", 2);
    mem_free(v.body);
    return wait_ms;
}

static void settle(db *d, const char *id, delivery_state state, int64_t next_ms) {
    delivery_outcome o = {.state = state, .status = 500, .error = "HTTP 500", .next_ms = next_ms};
    assert_int_equal(delivery_store_settle(d, id, &o, NOW), STENO_OK);
}

static void deliveries_wait_and_go(void **state) {
    db *d = ((place *)*state)->d;
    assert_int_equal(expect_delivery(d, NOW, NULL), -1);
    delivery v = put(d, "http://a/", NOW);
    expect_delivery(d, NOW, v.id);
    expect_delivery(d, NOW, NULL); /* it is under way */
    settle(d, v.id, DELIVERY_PENDING, NOW + 500);
    assert_int_equal(expect_delivery(d, NOW, NULL), 500);
    expect_delivery(d, NOW + 500, v.id);
    settle(d, v.id, DELIVERY_DONE, 0);
    assert_int_equal(expect_delivery(d, NOW + 9999, NULL), -1);
    assert_int_equal(count(d, "SELECT sum(length(body)) FROM deliveries"), 0); /* nothing is kept of what was said */
}

static void deliveries_survive(void **state) {
    place *p = *state;
    delivery v = put(p->d, "http://a/", NOW);
    expect_delivery(p->d, NOW, v.id);
    db_close(p->d);
    assert_int_equal(db_open(p->dir, &p->d), STENO_OK);
    expect_delivery(p->d, NOW, NULL);
    assert_int_equal(delivery_store_recover(p->d), STENO_OK);
    expect_delivery(p->d, NOW, v.id); /* the same id: a receiver knows it */
}

/* A dead receiver takes two places, not all. */
static void deliveries_share(void **state) {
    db *d = ((place *)*state)->d;
    delivery a = put(d, "http://dead/", NOW), b = put(d, "http://dead/", NOW + 1), c = put(d, "http://dead/", NOW + 2);
    delivery other = put(d, "http://alive/", NOW + 3);
    expect_delivery(d, NOW + 9, a.id);
    expect_delivery(d, NOW + 9, b.id);
    expect_delivery(d, NOW + 9, other.id);
    assert_int_equal(expect_delivery(d, NOW + 9, NULL), -1);
    settle(d, a.id, DELIVERY_GIVEN_UP, 0);
    expect_delivery(d, NOW + 9, c.id);
}

/* A clock that is set back by years does not hold them up for years; one that is set forward sends early. */
static void deliveries_and_the_clock(void **state) {
    db *d = ((place *)*state)->d;
    delivery v = put(d, "http://a/", NOW);
    expect_delivery(d, NOW, v.id);
    settle(d, v.id, DELIVERY_PENDING, NOW + 60000);
    assert_int_equal(expect_delivery(d, NOW, NULL), 60000);
    expect_delivery(d, NOW - INT64_C(100000000000), v.id);
    settle(d, v.id, DELIVERY_PENDING, NOW + 60000);
    expect_delivery(d, NOW + INT64_C(100000000000), v.id);
}

/* ---- audio --------------------------------------------------------------------------------------------------------- */

static steno_err keep_one(void *ctx, const char *id, bool *keeps) {
    *keeps = strcmp(ctx, id) == 0;
    return STENO_OK;
}

static void spool_files(void **state) {
    place *p = *state;
    char folder[120], a[IDENT_BYTES], b[IDENT_BYTES];
    int removed, lock, other;
    assert_int_equal(ident_make(JOB_ID_PREFIX, a), STENO_OK);
    assert_int_equal(ident_make(JOB_ID_PREFIX, b), STENO_OK);
    assert_true(ident_is(JOB_ID_PREFIX, a));
    assert_false(ident_is(JOB_ID_PREFIX, "job_../../../../etc/passwd"));
    assert_false(ident_is("msg_", a));
    assert_int_equal(spool_prepare(p->dir), STENO_OK);
    snprintf(folder, sizeof folder, "%s/" SPOOL_FOLDER, p->dir);
    int fd = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd < 0) skip();
    assert_int_equal(write(fd, "sound", 5), 5);
    assert_int_equal(spool_adopt(p->dir, a, fd), STENO_OK);
    close(fd);
    char from[] = "/tmp/steno-test-spool-XXXXXX";
    int gone = mkostemp(from, O_CLOEXEC);
    unlink(from); /* a file that lost its name gets none again */
    assert_int_equal(write(gone, "sound", 5), 5);
    assert_int_equal(spool_adopt(p->dir, b, gone), STENO_OK);
    close(gone);
    char path[DB_PATH_BYTES_MAX], text[8] = {0};
    spool_path(p->dir, b, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), 5);
    assert_string_equal(text, "sound");
    close(fd);
    assert_int_equal(spool_clean(p->dir, keep_one, a, &removed), STENO_OK);
    assert_int_equal(removed, 1);
    assert_true(spool_has(p->dir, a));
    assert_false(spool_has(p->dir, b));
    assert_int_equal(spool_lock(p->dir, &lock), STENO_OK);
    assert_int_equal(spool_lock(p->dir, &other), STENO_E_AGAIN);
    close(lock);
    assert_int_equal(spool_lock(p->dir, &other), STENO_OK);
    close(other);
}

#define WITH_DB(name) cmocka_unit_test_setup_teardown(name, make_place_with_db, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DB(from_the_queue_to_the_result),
        WITH_DB(one_transaction),
        WITH_DB(cancelling),
        WITH_DB(owners),
        WITH_DB(lists),
        WITH_DB(owners_take_turns),
        WITH_DB(keys_make_a_request_one),
        WITH_DB(no_half_requests),
        WITH_DB(interrupted),
        WITH_DB(forgetting),
        WITH_DB(totals),
        WITH_DB(deliveries_wait_and_go),
        WITH_DB(deliveries_survive),
        WITH_DB(deliveries_share),
        WITH_DB(deliveries_and_the_clock),
        WITH_DB(spool_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
