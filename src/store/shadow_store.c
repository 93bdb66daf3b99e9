/* shadow_store.c: see shadow_store.h. */
#include "store/shadow_store.h"

#include "base/mem.h"

steno_err shadow_store_put_run(db *d, const char *run, int64_t since_s, int64_t now_s, const char *counts,
                               const char *summary) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "INSERT OR REPLACE INTO shadow_runs (run, since_s, updated_s, counts, summary)"
                       " VALUES (?1, ?2, ?3, ?4, ?5)",
                       &s));
    db_bind_text(s, 1, run);
    db_bind_int(s, 2, since_s);
    db_bind_int(s, 3, now_s);
    db_bind_text(s, 4, counts);
    db_bind_text(s, 5, summary);
    return db_run(s);
}

steno_err shadow_store_put_minute(db *d, const char *run, int64_t start_s, const char *minute) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "INSERT OR REPLACE INTO shadow_minutes (run, start_s, minute) VALUES (?1, ?2, ?3)", &s));
    db_bind_text(s, 1, run);
    db_bind_int(s, 2, start_s);
    db_bind_text(s, 3, minute);
    return db_run(s);
}

steno_err shadow_store_put_sample(db *d, const char *run, int place, int64_t at_s, const char *sample) {
    db_stmt *s;
    ERR_TRY(
        db_prepare(d, "INSERT OR REPLACE INTO shadow_samples (run, place, at_s, sample) VALUES (?1, ?2, ?3, ?4)", &s));
    db_bind_text(s, 1, run);
    db_bind_int(s, 2, place);
    db_bind_int(s, 3, at_s);
    db_bind_text(s, 4, sample);
    return db_run(s);
}

static steno_err run_before(db *d, const char *sql, int64_t before_s) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql, &s));
    db_bind_int(s, 1, before_s);
    return db_run(s);
}

steno_err shadow_store_expire(db *d, int64_t before_s) {
    ERR_TRY(run_before(d, "DELETE FROM shadow_minutes WHERE start_s < ?1", before_s));
    return run_before(d, "DELETE FROM shadow_samples WHERE at_s < ?1", before_s);
}

steno_err shadow_store_forget_texts(db *d) {
    db_stmt *s;
    ERR_TRY(db_prepare(
        d,
        "UPDATE shadow_samples SET sample = json_set(sample, '$.a', NULL, '$.b', NULL) WHERE json_valid(sample)"
        " AND (json_extract(sample, '$.a') IS NOT NULL OR json_extract(sample, '$.b') IS NOT NULL)",
        &s));
    return db_run(s);
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static steno_err copy_run(db_stmt *s, shadow_store_run *out) {
    *out = (shadow_store_run){.run = mem_strdup(db_text(s, 0)),
                              .since_s = db_int(s, 1),
                              .updated_s = db_int(s, 2),
                              .counts = mem_strdup(db_text(s, 3)),
                              .summary = mem_strdup(db_text(s, 4))};
    db_reset(s);
    if (out->run && out->counts && out->summary) return STENO_OK;
    shadow_store_run_free(out);
    return err_fail(STENO_E_NOMEM, "no memory for what came of a model in the shadow");
}

steno_err shadow_store_get_run(db *d, const char *run, shadow_store_run *out) {
    db_stmt *s;
    bool any;
    *out = (shadow_store_run){0};
    ERR_TRY(db_prepare(d,
                       "SELECT run, since_s, updated_s, counts, summary FROM shadow_runs WHERE ?1 IS NULL OR run = ?1"
                       " ORDER BY updated_s DESC LIMIT 1",
                       &s));
    db_bind_text(s, 1, run);
    ERR_TRY(db_step(s, &any));
    return any ? copy_run(s, out) : STENO_OK;
}

void shadow_store_run_free(shadow_store_run *r) {
    mem_free(r->run);
    mem_free(r->counts);
    mem_free(r->summary);
    *r = (shadow_store_run){0};
}

static steno_err each(db_stmt *s, shadow_store_row *row, void *ctx) {
    for (bool any;;) {
        ERR_TRY(db_step(s, &any));
        if (!any) return STENO_OK;
        row(ctx, db_int(s, 0), db_text(s, 1));
    }
}

steno_err shadow_store_minutes(db *d, const char *run, int64_t from_s, shadow_store_row *row, void *ctx) {
    db_stmt *s;
    ERR_TRY(db_prepare(
        d, "SELECT start_s, minute FROM shadow_minutes WHERE run = ?1 AND start_s >= ?2 ORDER BY start_s", &s));
    db_bind_text(s, 1, run);
    db_bind_int(s, 2, from_s);
    return each(s, row, ctx);
}

steno_err shadow_store_samples(db *d, const char *run, shadow_store_row *row, void *ctx) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "SELECT at_s, sample FROM shadow_samples WHERE run = ?1 ORDER BY place", &s));
    db_bind_text(s, 1, run);
    return each(s, row, ctx);
}
