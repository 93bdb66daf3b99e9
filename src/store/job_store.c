/* job_store.c: see job_store.h. */
#include "store/job_store.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                                        \
    "seq, id, owner, state, attempts, created_ms, started_ms, ended_ms, spool, bytes, file_name, content_type,"        \
    " language, words, split, metadata, webhook_url, webhook_secret, idempotency, fingerprint, part, audio_s, wall_s," \
    " error_code, error_text, diarize, min_speakers, max_speakers, voices, redact,"                                    \
    " redact_types, redact_hold_ms, itn, trace"

const char *job_state_name(job_state s) {
    static const char *const names[JOB_STATES] = {"queued", "running", "done", "failed", "cancelled"};
    return s < JOB_STATES ? names[s] : "unknown";
}

#define COPY(to, s, column) snprintf(to, sizeof(to), "%s", db_text(s, column))

static void read_job(db_stmt *s, job *j) {
    *j = (job){.seq = db_int(s, 0),
               .state = (job_state)db_int(s, 3),
               .attempts = (int)db_int(s, 4),
               .created_ms = db_int(s, 5),
               .started_ms = db_int(s, 6),
               .ended_ms = db_int(s, 7),
               .has_audio = !db_is_null(s, 8),
               .bytes = db_int(s, 9),
               .words = db_int(s, 13) != 0,
               .split = db_int(s, 14) != 0,
               .diarize = db_int(s, 25) != 0,
               .min_speakers = (int)db_int(s, 26),
               .max_speakers = (int)db_int(s, 27),
               .redact_hold_ms = (int)db_int(s, 31),
               .itn = db_int(s, 32) != 0,
               .part = (int)db_int(s, 20),
               .audio_s = db_real(s, 21),
               .wall_s = db_real(s, 22)};
    COPY(j->id, s, 1);
    COPY(j->owner, s, 2);
    COPY(j->file_name, s, 10);
    COPY(j->content_type, s, 11);
    COPY(j->language, s, 12);
    COPY(j->metadata, s, 15);
    COPY(j->webhook_url, s, 16);
    COPY(j->webhook_secret, s, 17);
    COPY(j->idempotency, s, 18);
    COPY(j->fingerprint, s, 19);
    COPY(j->error_code, s, 23);
    COPY(j->error_text, s, 24);
    COPY(j->voices, s, 28);
    COPY(j->redact, s, 29);
    COPY(j->redact_types, s, 30);
    COPY(j->trace, s, 33);
}

/* The one row a bound statement has. */
static steno_err read_one(db_stmt *s, job *out, bool *any) {
    ERR_TRY(db_step(s, any));
    if (*any) read_job(s, out);
    db_reset(s);
    return STENO_OK;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

static const char *or_null(const char *text) {
    return text[0] ? text : NULL;
}

static steno_err insert(db *d, job *j, int64_t now_ms) {
    db_stmt *s;
    ERR_TRY(
        db_prepare(d,
                   "INSERT INTO jobs (id, owner, state, created_ms, spool, bytes, file_name, content_type, language,"
                   " words, split, metadata, webhook_url, webhook_secret, idempotency, fingerprint, part,"
                   " diarize, min_speakers, max_speakers, voices, redact, redact_types, redact_hold_ms, itn, trace)"
                   " VALUES (?1, ?2, 0, ?3, ?1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
                   " ?19, ?20, ?21, ?22, ?23, ?24)",
                   &s));
    db_bind_text(s, 1, j->id);
    db_bind_text(s, 2, j->owner);
    db_bind_int(s, 3, now_ms);
    db_bind_int(s, 4, j->bytes);
    db_bind_text(s, 5, j->file_name);
    db_bind_text(s, 6, j->content_type);
    db_bind_text(s, 7, j->language);
    db_bind_int(s, 8, j->words);
    db_bind_int(s, 9, j->split);
    db_bind_text(s, 10, or_null(j->metadata));
    db_bind_text(s, 11, or_null(j->webhook_url));
    db_bind_text(s, 12, or_null(j->webhook_secret));
    db_bind_text(s, 13, or_null(j->idempotency));
    db_bind_text(s, 14, or_null(j->fingerprint));
    db_bind_int(s, 15, j->part);
    db_bind_int(s, 16, j->diarize);
    db_bind_int(s, 17, j->min_speakers);
    db_bind_int(s, 18, j->max_speakers);
    db_bind_text(s, 19, or_null(j->voices));
    db_bind_text(s, 20, j->redact);
    db_bind_text(s, 21, j->redact_types);
    db_bind_int(s, 22, j->redact_hold_ms);
    db_bind_int(s, 23, j->itn);
    db_bind_text(s, 24, j->trace);
    ERR_TRY(db_run(s));
    j->seq = db_last_id(d);
    j->state = JOB_QUEUED;
    j->created_ms = now_ms;
    j->has_audio = true;
    return STENO_OK;
}

static steno_err find_by_key(db *d, const char *owner, const char *key, int part, job *out, bool *any) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "SELECT " COLUMNS " FROM jobs WHERE owner = ?1 AND idempotency = ?2 AND part >= ?3"
                       " ORDER BY part LIMIT 1",
                       &s));
    db_bind_text(s, 1, owner);
    db_bind_text(s, 2, key);
    db_bind_int(s, 3, part);
    return read_one(s, out, any);
}

/* Whether this request was here before; jobs[] then becomes what came of it. */
static steno_err replay(db *d, job *jobs, int *n, job_add_answer *answer) {
    job old;
    bool any;
    *answer = JOB_ADDED;
    if (!jobs[0].idempotency[0]) return STENO_OK;
    ERR_TRY(find_by_key(d, jobs[0].owner, jobs[0].idempotency, 0, &old, &any));
    if (!any) return STENO_OK;
    if (strcmp(old.fingerprint, jobs[0].fingerprint) != 0) {
        *answer = JOB_KEY_REUSED;
        return STENO_OK;
    }
    *answer = JOB_REPLAYED;
    int found = 0;
    while (any && found < *n) {
        jobs[found++] = old;
        ERR_TRY(find_by_key(d, old.owner, old.idempotency, old.part + 1, &old, &any));
    }
    *n = found;
    return STENO_OK;
}

steno_err job_store_add(db *d, job *jobs, int *n, int64_t now_ms, job_add_answer *answer) {
    ERR_TRY(db_begin(d));
    steno_err e = replay(d, jobs, n, answer);
    for (int i = 0; e == STENO_OK && *answer == JOB_ADDED && i < *n; i++) e = insert(d, &jobs[i], now_ms);
    return db_end(d, e);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static steno_err not_found(const char *id) {
    return err_fail(STENO_E_NOT_FOUND, "there is no job %.40s", id);
}

steno_err job_store_get(db *d, const char *owner, const char *id, job *out) {
    db_stmt *s;
    bool any;
    ERR_TRY(db_prepare(d, "SELECT " COLUMNS " FROM jobs WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)", &s));
    db_bind_text(s, 1, id);
    db_bind_text(s, 2, owner);
    ERR_TRY(read_one(s, out, &any));
    return any ? STENO_OK : not_found(id);
}

steno_err job_store_list(db *d, const char *owner, int state, int64_t before_seq, int most, job *out, int *n) {
    db_stmt *s;
    bool row;
    *n = 0;
    ERR_TRY(db_prepare(d,
                       "SELECT " COLUMNS " FROM jobs WHERE owner = ?1 AND (?2 < 0 OR state = ?2) AND seq < ?3"
                       " ORDER BY seq DESC LIMIT ?4",
                       &s));
    db_bind_text(s, 1, owner);
    db_bind_int(s, 2, state);
    db_bind_int(s, 3, before_seq > 0 ? before_seq : INT64_MAX);
    db_bind_int(s, 4, most);
    for (;;) {
        ERR_TRY(db_step(s, &row));
        if (!row) return STENO_OK;
        read_job(s, &out[(*n)++]);
    }
}

steno_err job_store_next(db *d, job_state state, int64_t after_seq, job *out, bool *any) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "SELECT " COLUMNS " FROM jobs WHERE state = ?1 AND seq > ?2 ORDER BY seq LIMIT 1", &s));
    db_bind_int(s, 1, state);
    db_bind_int(s, 2, after_seq);
    return read_one(s, out, any);
}

steno_err job_store_result(db *d, int64_t seq, char **document, size_t *n) {
    db_stmt *s;
    bool any;
    *document = NULL;
    ERR_TRY(db_prepare(d, "SELECT document FROM results WHERE seq = ?1", &s));
    db_bind_int(s, 1, seq);
    ERR_TRY(db_step(s, &any));
    if (!any) return err_fail(STENO_E_NOT_FOUND, "the job has no result");
    const void *bytes = db_blob(s, 0, n);
    *document = mem_alloc(*n + 1, 1);
    if (*document) memcpy(*document, bytes, *n);
    db_reset(s);
    return *document ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a result of %zu bytes", *n);
}

steno_err job_store_totals(db *d, job_totals *out) {
    db_stmt *s;
    bool row;
    ERR_TRY(
        db_prepare(d,
                   "SELECT (SELECT count(*) FROM jobs WHERE state = 0), (SELECT count(*) FROM jobs WHERE state = 1),"
                   " (SELECT coalesce(sum(bytes), 0) FROM jobs WHERE spool IS NOT NULL)",
                   &s));
    ERR_TRY(db_step(s, &row));
    *out = (job_totals){.queued = db_int(s, 0), .running = db_int(s, 1), .spool_bytes = db_int(s, 2)};
    db_reset(s);
    return STENO_OK;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

/* Whoever was served longest ago; an owner with ten thousand jobs does not keep the others waiting. */
static steno_err find_turn(db *d, job *out, bool *any) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "SELECT " COLUMNS " FROM jobs WHERE seq = (SELECT min(j.seq) FROM jobs j"
                       " LEFT JOIN job_turns t ON t.owner = j.owner WHERE j.state = 0 GROUP BY j.owner"
                       " ORDER BY coalesce(t.turn, 0), min(j.seq) LIMIT 1)",
                       &s));
    return read_one(s, out, any);
}

static steno_err start(db *d, job *j, int64_t now_ms) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "UPDATE jobs SET state = 1, attempts = attempts + 1, started_ms = ?2 WHERE seq = ?1", &s));
    db_bind_int(s, 1, j->seq);
    db_bind_int(s, 2, now_ms);
    ERR_TRY(db_run(s));
    j->state = JOB_RUNNING;
    j->attempts++;
    j->started_ms = now_ms;
    ERR_TRY(db_prepare(d,
                       "INSERT INTO job_turns VALUES (?1, (SELECT coalesce(max(turn), 0) + 1 FROM job_turns))"
                       " ON CONFLICT (owner) DO UPDATE SET turn = excluded.turn",
                       &s));
    db_bind_text(s, 1, j->owner);
    return db_run(s);
}

steno_err job_store_claim(db *d, int64_t now_ms, job *out, bool *any) {
    *any = false;
    ERR_TRY(db_begin(d));
    steno_err e = find_turn(d, out, any);
    if (e == STENO_OK && *any) e = start(d, out, now_ms);
    e = db_end(d, e);
    if (e != STENO_OK) *any = false;
    return e;
}

steno_err job_store_requeue(db *d, const char *id, bool fault) {
    db_stmt *s;
    ERR_TRY(db_prepare(
        d, "UPDATE jobs SET state = 0, started_ms = NULL, attempts = attempts - ?2 WHERE id = ?1 AND state = 1", &s));
    db_bind_text(s, 1, id);
    db_bind_int(s, 2, !fault);
    return db_run(s);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

static steno_err set_outcome(db *d, const char *id, const job_outcome *o, int64_t now_ms, bool *took) {
    db_stmt *s;
    ERR_TRY(db_prepare(d,
                       "UPDATE jobs SET state = ?2, ended_ms = ?3, error_code = ?4, error_text = ?5, audio_s = ?6,"
                       " wall_s = ?7, spool = CASE WHEN ?8 THEN spool END WHERE id = ?1 AND state <= 1",
                       &s));
    db_bind_text(s, 1, id);
    db_bind_int(s, 2, o->state);
    db_bind_int(s, 3, now_ms);
    db_bind_text(s, 4, o->error_code);
    db_bind_text(s, 5, o->error_text);
    db_bind_real(s, 6, o->audio_s);
    db_bind_real(s, 7, o->wall_s);
    db_bind_int(s, 8, o->keep_audio);
    ERR_TRY(db_run(s));
    *took = db_changes(d) == 1;
    return STENO_OK;
}

static steno_err put_result(db *d, const char *id, const job_outcome *o) {
    db_stmt *s;
    if (!o->document) return STENO_OK;
    if (o->document_bytes > JOB_RESULT_MAX)
        return err_fail(STENO_E_LIMIT, "%s: the result is larger than %zu bytes", id, JOB_RESULT_MAX);
    ERR_TRY(db_prepare(d, "INSERT INTO results VALUES ((SELECT seq FROM jobs WHERE id = ?1), ?2)", &s));
    db_bind_text(s, 1, id);
    db_bind_blob(s, 2, o->document, o->document_bytes);
    return db_run(s);
}

steno_err job_store_finish(db *d, const char *id, const job_outcome *o, int64_t now_ms, bool *took) {
    *took = false;
    ERR_TRY(db_begin(d));
    steno_err e = set_outcome(d, id, o, now_ms, took);
    if (e == STENO_OK && *took) e = put_result(d, id, o);
    if (e == STENO_OK && *took && o->notice) e = delivery_store_add(d, o->notice, now_ms);
    e = db_end(d, e);
    if (e != STENO_OK) *took = false;
    return e;
}

steno_err job_store_cancel(db *d, const char *owner, const char *id, int64_t now_ms, job_state *was) {
    job j;
    bool took;
    ERR_TRY(job_store_get(d, owner, id, &j));
    *was = j.state;
    if (j.state > JOB_RUNNING) return STENO_OK;
    job_outcome o = {.state = JOB_CANCELLED};
    return set_outcome(d, id, &o, now_ms, &took);
}

static steno_err run_with_id(db *d, const char *sql, const char *id) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql, &s));
    db_bind_text(s, 1, id);
    return db_run(s);
}

/* Results go with their job. */
static steno_err forget(db *d, const char *id) {
    ERR_TRY(run_with_id(d, "DELETE FROM deliveries WHERE job = ?1", id));
    return run_with_id(d, "DELETE FROM jobs WHERE id = ?1", id);
}

steno_err job_store_delete(db *d, const char *owner, const char *id) {
    job j;
    ERR_TRY(db_begin(d));
    steno_err e = job_store_get(d, owner, id, &j);
    if (e == STENO_OK && j.state <= JOB_RUNNING) e = err_fail(STENO_E_AGAIN, "%s: not over yet", id);
    if (e == STENO_OK) e = forget(d, id);
    return db_end(d, e);
}

/* A job whose message is still on its way is kept until that is settled. */
static steno_err find_expired(db *d, int64_t before_ms, char (*ids)[IDENT_BYTES], int most, int *n) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d,
                       "SELECT id FROM jobs WHERE ended_ms < ?1 AND NOT EXISTS"
                       " (SELECT 1 FROM deliveries v WHERE v.job = jobs.id AND v.state < 2) LIMIT ?2",
                       &s));
    db_bind_int(s, 1, before_ms);
    db_bind_int(s, 2, most);
    for (;;) {
        ERR_TRY(db_step(s, &row));
        if (!row) return STENO_OK;
        snprintf(ids[(*n)++], IDENT_BYTES, "%s", db_text(s, 0));
    }
}

steno_err job_store_expire(db *d, int64_t ended_before_ms, char (*ids)[IDENT_BYTES], int most, int *n) {
    *n = 0;
    ERR_TRY(db_begin(d));
    steno_err e = find_expired(d, ended_before_ms, ids, most, n);
    for (int i = 0; e == STENO_OK && i < *n; i++) e = forget(d, ids[i]);
    e = db_end(d, e);
    if (e != STENO_OK) *n = 0;
    return e;
}
