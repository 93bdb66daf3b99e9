/* keys.c: keys and their use in the database. See keys.h. */
#include "store/keys.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- changes ---------------------------------------------------------------------------------------------------- */

static const char sql_note_change[] = "UPDATE api_key_change SET n = n + 1";
static const char sql_change[] = "SELECT n FROM api_key_change";
static const char sql_forget_keys[] = "DELETE FROM api_keys WHERE revoked_s > 0 AND revoked_s < ?1";
static const char sql_forget_use[] = "DELETE FROM api_key_use WHERE day < ?1";
static const char sql_count[] = "SELECT count(*) FROM api_keys";
static const char sql_insert[] = "INSERT INTO api_keys (id, hash, name, streams, requests_per_minute, "
                                 "audio_minutes_per_day, origins, created_s, expires_s, revoked_s, redact, "
                                 "redact_types) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10, ?11)";
static const char sql_revoked[] = "SELECT revoked_s FROM api_keys WHERE id = ?1";
static const char sql_revoke[] = "UPDATE api_keys SET revoked_s = ?2 WHERE id = ?1";

static steno_err run_with(db *d, const char *sql, int64_t value) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql, &s));
    db_bind_int(s, 1, value);
    return db_run(s);
}

static steno_err forget_old(db *d, int64_t now_s) {
    ERR_TRY(run_with(d, sql_forget_keys, now_s - (int64_t)KEYS_RETAIN_DAYS * KEYS_DAY_S));
    return run_with(d, sql_forget_use, keys_day_of(now_s) - KEYS_RETAIN_DAYS);
}

static steno_err insert(db *d, const keys_record *r) {
    db_stmt *s;
    int64_t n;
    ERR_TRY(forget_old(d, r->created_s));
    ERR_TRY(db_read_int(d, sql_count, &n));
    if (n >= KEYS_MAX) return err_fail(STENO_E_LIMIT, "%s: there are %d keys already", db_dir(d), KEYS_MAX);
    ERR_TRY(db_prepare(d, sql_insert, &s));
    db_bind_text(s, 1, r->id);
    db_bind_blob(s, 2, r->hash, sizeof r->hash);
    db_bind_text(s, 3, r->name);
    db_bind_int(s, 4, r->streams);
    db_bind_int(s, 5, r->requests_per_minute);
    db_bind_int(s, 6, r->audio_minutes_per_day);
    db_bind_text(s, 7, r->origins ? r->origins : "");
    db_bind_int(s, 8, r->created_s);
    db_bind_int(s, 9, r->expires_s);
    db_bind_text(s, 10, r->redact);
    db_bind_text(s, 11, r->redact_types);
    ERR_TRY(db_run(s));
    return db_run_text(d, sql_note_change);
}

steno_err keys_create(db *d, const keys_record *record) {
    if (record->origins && strlen(record->origins) >= KEYS_ORIGINS_BYTES)
        return err_fail(STENO_E_LIMIT, "origins: want less than %d bytes of them", KEYS_ORIGINS_BYTES);
    ERR_TRY(db_begin(d));
    return db_end(d, insert(d, record));
}

static steno_err revoke(db *d, const char *id, int64_t now_s, bool *changed) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d, sql_revoked, &s));
    db_bind_text(s, 1, id);
    ERR_TRY(db_step(s, &row));
    if (!row) return err_fail(STENO_E_NOT_FOUND, "no key has the id '%.20s'", id);
    *changed = db_int(s, 0) == 0;
    db_reset(s);
    if (!*changed) return STENO_OK;
    ERR_TRY(db_prepare(d, sql_revoke, &s));
    db_bind_text(s, 1, id);
    db_bind_int(s, 2, now_s > 0 ? now_s : 1); /* 0 would mean never */
    ERR_TRY(db_run(s));
    return db_run_text(d, sql_note_change);
}

steno_err keys_revoke(db *d, const char *id, int64_t now_s, bool *changed) {
    *changed = false;
    ERR_TRY(db_begin(d));
    return db_end(d, revoke(d, id, now_s, changed));
}

steno_err keys_change(db *d, int64_t *out) {
    return db_read_int(d, sql_change, out);
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static const char sql_keys[] =
    "SELECT id, hash, name, streams, requests_per_minute, audio_minutes_per_day, origins, "
    "created_s, expires_s, revoked_s, redact, redact_types FROM api_keys ORDER BY id LIMIT ?1";
static const char sql_days[] = "SELECT id, day, audio_ms, requests, used_s FROM api_key_use "
                               "WHERE day >= ?1 AND day < ?1 + ?2 ORDER BY id, day LIMIT ?3";
static const char sql_count_days[] = "SELECT count(*) FROM api_key_use";

/* A number that somebody wrote into the database by hand does no harm. */
static int limit_of(db_stmt *s, int column) {
    int64_t value = db_int(s, column);
    return value < 0 ? 0 : value > KEYS_LIMIT_MAX ? KEYS_LIMIT_MAX : (int)value;
}

static steno_err read_record(db_stmt *s, keys_record *r) {
    size_t n;
    const void *hash = db_blob(s, 1, &n);
    const char *id = db_text(s, 0);
    if (n != KEYS_HASH_BYTES || strlen(id) != KEYS_ID_CHARS)
        return err_fail(STENO_E_FORMAT, "key '%.20s' is damaged in the database", id);
    memcpy(r->hash, hash, KEYS_HASH_BYTES);
    memcpy(r->id, id, KEYS_ID_CHARS + 1);
    snprintf(r->name, sizeof r->name, "%s", db_text(s, 2));
    r->streams = limit_of(s, 3);
    r->requests_per_minute = limit_of(s, 4);
    r->audio_minutes_per_day = limit_of(s, 5);
    r->created_s = db_int(s, 7);
    r->expires_s = db_int(s, 8);
    r->revoked_s = db_int(s, 9);
    snprintf(r->redact, sizeof r->redact, "%s", db_text(s, 10));
    snprintf(r->redact_types, sizeof r->redact_types, "%s", db_text(s, 11));
    r->origins = mem_strdup(db_text(s, 6));
    return r->origins ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for keys");
}

static steno_err load_records(db *d, keys_table *t) {
    int64_t n;
    db_stmt *s;
    bool row;
    ERR_TRY(db_read_int(d, sql_count, &n));
    n = n < 0 ? 0 : n > KEYS_MAX ? KEYS_MAX : n;
    t->records = mem_alloc((size_t)n + 1, sizeof *t->records);
    if (!t->records) return err_fail(STENO_E_NOMEM, "no memory for %lld keys", (long long)n);
    ERR_TRY(db_prepare(d, sql_keys, &s));
    db_bind_int(s, 1, n);
    for (;;) {
        ERR_TRY(db_step(s, &row));
        if (!row) return STENO_OK;
        steno_err e = read_record(s, &t->records[t->n]);
        if (e != STENO_OK) {
            db_reset(s);
            return e;
        }
        t->n++;
    }
}

static steno_err load_days(db *d, int64_t today, keys_table *t) {
    int64_t most = (int64_t)t->n * KEYS_DAYS, stored;
    db_stmt *s;
    bool row;
    ERR_TRY(db_read_int(d, sql_count_days, &stored));
    if (stored < most) most = stored;
    t->days = mem_alloc((size_t)most + 1, sizeof *t->days);
    if (!t->days) return err_fail(STENO_E_NOMEM, "no memory for what keys have used");
    ERR_TRY(db_prepare(d, sql_days, &s));
    db_bind_int(s, 1, today - 2);
    db_bind_int(s, 2, KEYS_DAYS);
    db_bind_int(s, 3, most);
    for (;;) {
        ERR_TRY(db_step(s, &row));
        if (!row) return STENO_OK;
        keys_day *day = &t->days[t->n_days++];
        snprintf(day->id, sizeof day->id, "%s", db_text(s, 0));
        day->day = db_int(s, 1);
        day->audio_ms = db_int(s, 2);
        day->requests = db_int(s, 3);
        day->used_s = db_int(s, 4);
    }
}

/* ---- origins ---------------------------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    const keys_origin *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Into `out`, unless it is NULL; returns how many there are. */
static size_t split_origins(const keys_record *r, keys_origin *out) {
    size_t count = 0;
    if (r->revoked_s) return 0;
    for (const char *at = r->origins; *at;) {
        size_t n = strcspn(at, " ");
        if (n > 0 && out) out[count] = (keys_origin){at, n};
        count += n > 0;
        at += n + (at[n] == ' ');
    }
    return count;
}

/* So that a page nobody knows costs the network thread next to nothing. */
static steno_err index_origins(keys_table *t) {
    for (size_t i = 0; i < t->n; i++) t->n_origins += split_origins(&t->records[i], NULL);
    t->origins = mem_alloc(t->n_origins + 1, sizeof *t->origins);
    if (!t->origins) return err_fail(STENO_E_NOMEM, "no memory for keys' origins");
    for (size_t i = 0, at = 0; i < t->n; i++) at += split_origins(&t->records[i], t->origins + at);
    qsort(t->origins, t->n_origins, sizeof *t->origins, by_text);
    t->any_origin = keys_know_origin(t, "*");
    return STENO_OK;
}

bool keys_know_origin(const keys_table *t, const char *origin) {
    const keys_origin wanted = {origin, strlen(origin)};
    if (t->any_origin) return true;
    return t->n_origins && bsearch(&wanted, t->origins, t->n_origins, sizeof *t->origins, by_text);
}

/* Read within one transaction, so that number and rows belong together. */
static steno_err load(db *d, int64_t today, keys_table *t) {
    ERR_TRY(keys_change(d, &t->change));
    ERR_TRY(load_records(d, t));
    ERR_TRY(index_origins(t));
    return load_days(d, today, t);
}

steno_err keys_load(db *d, int64_t today, keys_table **out) {
    keys_table *t = mem_alloc(1, sizeof *t);
    *out = NULL;
    if (!t) return err_fail(STENO_E_NOMEM, "no memory for keys");
    steno_err e = db_exec(d, "BEGIN");
    if (e == STENO_OK) e = db_end(d, load(d, today, t));
    if (e != STENO_OK) {
        keys_table_free(t);
        return e;
    }
    *out = t;
    return STENO_OK;
}

void keys_table_free(keys_table *t) {
    if (!t) return;
    for (size_t i = 0; i < t->n; i++) mem_free(t->records[i].origins);
    mem_free(t->records);
    mem_free(t->days);
    mem_free(t->origins);
    mem_free(t);
}

static int by_id(const void *id, const void *record) {
    return strcmp(id, ((const keys_record *)record)->id);
}

const keys_record *keys_find(const keys_table *t, const char *id) {
    return t->n ? bsearch(id, t->records, t->n, sizeof *t->records, by_id) : NULL;
}

/* ---- use -------------------------------------------------------------------------------------------------------- */

static const char sql_add[] = "INSERT INTO api_key_use (id, day, audio_ms, requests, used_s) "
                              "VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id, day) DO UPDATE SET "
                              "audio_ms = audio_ms + excluded.audio_ms, requests = requests + excluded.requests, "
                              "used_s = max(used_s, excluded.used_s)";
static const char sql_sum[] = "SELECT total(CASE day WHEN ?2 THEN audio_ms ELSE 0 END), total(requests), max(used_s) "
                              "FROM api_key_use WHERE id = ?1";

static steno_err add_day(db *d, const keys_day *day) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql_add, &s));
    db_bind_text(s, 1, day->id);
    db_bind_int(s, 2, day->day);
    db_bind_int(s, 3, day->audio_ms);
    db_bind_int(s, 4, day->requests);
    db_bind_int(s, 5, day->used_s);
    return db_run(s);
}

steno_err keys_add_use(db *d, const keys_day *days, size_t n) {
    steno_err e = STENO_OK;
    if (n == 0) return STENO_OK;
    ERR_TRY(db_begin(d));
    for (size_t i = 0; i < n && e == STENO_OK; i++) e = add_day(d, &days[i]);
    return db_end(d, e);
}

steno_err keys_sum_use(db *d, const char *id, int64_t today, keys_day *out) {
    db_stmt *s;
    bool row;
    *out = (keys_day){.day = today};
    snprintf(out->id, sizeof out->id, "%s", id);
    ERR_TRY(db_prepare(d, sql_sum, &s));
    db_bind_text(s, 1, id);
    db_bind_int(s, 2, today);
    ERR_TRY(db_step(s, &row));
    if (!row) return STENO_OK;
    out->audio_ms = db_int(s, 0);
    out->requests = db_int(s, 1);
    out->used_s = db_int(s, 2);
    db_reset(s);
    return STENO_OK;
}
