/* delivery_store.c: see delivery_store.h. */
#include "store/delivery_store.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void copy(char *out, size_t bytes, const char *text) {
    snprintf(out, bytes, "%s", text);
}

steno_err delivery_store_add(db *d, const delivery *v, int64_t now_ms) {
    db_stmt *s;
    ERR_TRY(
        db_prepare(d,
                   "INSERT INTO deliveries (id, owner, job, url, secret, kind, content_type, body, state, created_ms,"
                   " next_ms, trace) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?9, ?10)",
                   &s));
    db_bind_text(s, 1, v->id);
    db_bind_text(s, 2, v->owner);
    db_bind_text(s, 3, v->job[0] ? v->job : NULL);
    db_bind_text(s, 4, v->url);
    db_bind_text(s, 5, v->secret[0] ? v->secret : NULL);
    db_bind_int(s, 6, v->kind);
    db_bind_text(s, 7, v->content_type);
    db_bind_blob(s, 8, v->body, v->n);
    db_bind_int(s, 9, now_ms);
    db_bind_text(s, 10, v->trace);
    return db_run(s);
}

static steno_err read_delivery(db_stmt *s, delivery *out) {
    size_t n;
    const void *body = db_blob(s, 7, &n);
    copy(out->id, sizeof out->id, db_text(s, 0));
    copy(out->owner, sizeof out->owner, db_text(s, 1));
    copy(out->job, sizeof out->job, db_text(s, 2));
    copy(out->url, sizeof out->url, db_text(s, 3));
    copy(out->secret, sizeof out->secret, db_text(s, 4));
    out->kind = (delivery_kind)db_int(s, 5);
    copy(out->content_type, sizeof out->content_type, db_text(s, 6));
    out->attempts = (int)db_int(s, 8);
    copy(out->trace, sizeof out->trace, db_text(s, 9));
    out->body = mem_alloc(n + 1, 1);
    if (!out->body) return err_fail(STENO_E_NOMEM, "no memory for a delivery of %zu bytes", n);
    memcpy(out->body, body, n);
    out->n = n;
    return STENO_OK;
}

#define BUSY_URLS "(SELECT url FROM deliveries WHERE state = 1 GROUP BY url HAVING count(*) >= ?1)"

static steno_err find_due(db *d, int64_t now_ms, int64_t backoff_max_ms, int per_url, delivery *out, bool *any) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "SELECT id, owner, job, url, secret, kind, content_type, body, attempts, trace FROM deliveries"
                       " WHERE state = 0 AND (next_ms <= ?2 OR next_ms > ?3) AND url NOT IN " BUSY_URLS
                       " ORDER BY next_ms LIMIT 1",
                       &s));
    db_bind_int(s, 1, per_url);
    db_bind_int(s, 2, now_ms);
    db_bind_int(s, 3, now_ms + backoff_max_ms);
    ERR_TRY(db_step(s, any));
    steno_err e = *any ? read_delivery(s, out) : STENO_OK;
    db_reset(s);
    return e;
}

static steno_err find_wait(db *d, int64_t now_ms, int per_url, int64_t *wait_ms) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d, "SELECT min(next_ms) FROM deliveries WHERE state = 0 AND url NOT IN " BUSY_URLS, &s));
    db_bind_int(s, 1, per_url);
    ERR_TRY(db_step(s, &row));
    *wait_ms = row && !db_is_null(s, 0) ? db_int(s, 0) - now_ms : -1;
    if (row && !db_is_null(s, 0) && *wait_ms < 0) *wait_ms = 0;
    db_reset(s);
    return STENO_OK;
}

static steno_err mark_sending(db *d, const char *id) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "UPDATE deliveries SET state = 1, attempts = attempts + 1 WHERE id = ?1", &s));
    db_bind_text(s, 1, id);
    return db_run(s);
}

steno_err delivery_store_claim(db *d, int64_t now_ms, int64_t backoff_max_ms, int per_url, delivery *out, bool *any,
                               int64_t *wait_ms) {
    *out = (delivery){0};
    *any = false;
    *wait_ms = -1;
    ERR_TRY(db_begin(d));
    steno_err e = find_due(d, now_ms, backoff_max_ms, per_url, out, any);
    if (e == STENO_OK) e = *any ? mark_sending(d, out->id) : find_wait(d, now_ms, per_url, wait_ms);
    if (e == STENO_OK && (e = db_commit(d)) == STENO_OK) return STENO_OK;
    db_rollback(d);
    mem_free(out->body);
    *out = (delivery){0};
    *any = false;
    return e;
}

steno_err delivery_store_settle(db *d, const char *id, const delivery_outcome *o, int64_t now_ms) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "UPDATE deliveries SET state = ?2, status = ?3, error_text = ?4, next_ms = ?5, ended_ms = ?6,"
                       " body = CASE WHEN ?2 = 0 THEN body ELSE x'' END, secret = CASE WHEN ?2 = 0 THEN secret END"
                       " WHERE id = ?1",
                       &s));
    db_bind_text(s, 1, id);
    db_bind_int(s, 2, o->state);
    db_bind_int(s, 3, o->status);
    db_bind_text(s, 4, o->error && o->error[0] ? o->error : NULL);
    db_bind_int(s, 5, o->next_ms);
    if (o->state != DELIVERY_PENDING) db_bind_int(s, 6, now_ms);
    return db_run(s);
}

steno_err delivery_store_recover(db *d) {
    return db_exec(d, "UPDATE deliveries SET state = 0, next_ms = 0 WHERE state = 1");
}

steno_err delivery_store_expire(db *d, int64_t ended_before_ms) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "DELETE FROM deliveries WHERE state > 1 AND ended_ms < ?1", &s));
    db_bind_int(s, 1, ended_before_ms);
    return db_run(s);
}

steno_err delivery_store_view(db *d, const char *job, delivery_view *out, bool *any) {
    db_stmt *s;
    *out = (delivery_view){0};
    ERR_TRY(db_prepare(d,
                       "SELECT id, state, attempts, status, error_text FROM deliveries WHERE job = ?1"
                       " ORDER BY created_ms DESC LIMIT 1",
                       &s));
    db_bind_text(s, 1, job);
    ERR_TRY(db_step(s, any));
    if (!*any) return STENO_OK;
    copy(out->id, sizeof out->id, db_text(s, 0));
    out->state = (delivery_state)db_int(s, 1);
    out->attempts = (int)db_int(s, 2);
    out->status = (int)db_int(s, 3);
    copy(out->error, sizeof out->error, db_text(s, 4));
    db_reset(s);
    return STENO_OK;
}
