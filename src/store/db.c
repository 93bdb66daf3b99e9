/* db.c: see db.h. */
#include "store/db.h"

#include "base/mem.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x5354454e /* "STEN": says whose file this is */

struct db_stmt {
    db *owner;
    const char *sql;
    sqlite3_stmt *handle;
    int wrong; /* the first mistake while binding */
};

struct db {
    sqlite3 *handle;
    char dir[DB_PATH_BYTES_MAX], path[DB_PATH_BYTES_MAX];
    db_stmt statements[DB_STATEMENTS_MAX];
    int n_statements;
};

/* ---- failures --------------------------------------------------------------------------------------------------- */

static steno_err fail_io(const db *d, int code) {
    int os = d->handle ? sqlite3_system_errno(d->handle) : 0;
    if (os == ENOSPC || os == EDQUOT) return err_fail(STENO_E_LIMIT, "%s: the disk is full", d->path);
    if (os == EROFS || os == EACCES || os == EPERM)
        return err_fail(STENO_E_IO, "%s: not allowed: %s", d->path, strerror(os));
    return err_fail(STENO_E_IO, "%s: %s%s%s", d->path, sqlite3_errstr(code), os ? ": " : "", os ? strerror(os) : "");
}

/* Never the SQL itself: it may hold what people sent. */
static steno_err fail(const db *d, int code) {
    const char *why = d->handle ? sqlite3_errmsg(d->handle) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_fail(STENO_E_LIMIT, "%s: the disk is full", d->path);
    case SQLITE_READONLY:
        return err_fail(STENO_E_IO, "%s: the database is read-only", d->path);
    case SQLITE_CORRUPT:
        return err_fail(STENO_E_FORMAT, "%s: the database is damaged (%s)", d->path, why);
    case SQLITE_NOTADB:
        return err_fail(STENO_E_FORMAT, "%s: not a database", d->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_fail(STENO_E_AGAIN, "%s: another process holds the database", d->path);
    case SQLITE_NOMEM:
        return err_fail(STENO_E_NOMEM, "%s: no memory", d->path);
    case SQLITE_CONSTRAINT:
        return err_fail(STENO_E_INVALID, "%s: %s", d->path, why);
    case SQLITE_TOOBIG:
        return err_fail(STENO_E_LIMIT, "%s: a value is too big", d->path);
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return fail_io(d, code);
    default:
        return err_fail(STENO_E_INTERNAL, "%s: %s", d->path, why);
    }
}

/* ---- statements ------------------------------------------------------------------------------------------------- */

steno_err db_exec(db *d, const char *sql) {
    int code = sqlite3_exec(d->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STENO_OK : fail(d, code);
}

steno_err db_begin(db *d) {
    return db_exec(d, "BEGIN IMMEDIATE");
}

steno_err db_commit(db *d) {
    int code = sqlite3_exec(d->handle, "COMMIT", NULL, NULL, NULL);
    if (code == SQLITE_OK) return STENO_OK;
    steno_err e = fail(d, code);
    db_rollback(d);
    return e;
}

void db_rollback(db *d) {
    if (!sqlite3_get_autocommit(d->handle)) (void)sqlite3_exec(d->handle, "ROLLBACK", NULL, NULL, NULL);
}

steno_err db_end(db *d, steno_err e) {
    if (e == STENO_OK) return db_commit(d);
    db_rollback(d);
    return e;
}

void db_reset(db_stmt *s) {
    (void)sqlite3_reset(s->handle); /* says again what db_step() said */
}

static db_stmt *find_statement(db *d, const char *sql) {
    for (int i = 0; i < d->n_statements; i++) {
        if (d->statements[i].sql == sql) return &d->statements[i];
    }
    return NULL;
}

steno_err db_prepare(db *d, const char *sql, db_stmt **out) {
    db_stmt *s = find_statement(d, sql);
    *out = NULL;
    if (s) {
        db_reset(s);
        (void)sqlite3_clear_bindings(s->handle);
        s->wrong = SQLITE_OK;
        *out = s;
        return STENO_OK;
    }
    if (d->n_statements == DB_STATEMENTS_MAX)
        return err_fail(STENO_E_INTERNAL, "%s: more than %d statements", d->path, DB_STATEMENTS_MAX);
    s = &d->statements[d->n_statements];
    *s = (db_stmt){.owner = d, .sql = sql};
    int code = sqlite3_prepare_v3(d->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->handle, NULL);
    if (code == SQLITE_OK) {
        d->n_statements++;
        *out = s;
        return STENO_OK;
    }
    steno_err e = fail(d, code);
    return e == STENO_OK ? STENO_E_INTERNAL : e; /* the analyser does not see that it never is */
}

static void bound(db_stmt *s, int code) {
    if (s->wrong == SQLITE_OK) s->wrong = code;
}

void db_bind_int(db_stmt *s, int at, int64_t value) {
    bound(s, sqlite3_bind_int64(s->handle, at, value));
}

void db_bind_real(db_stmt *s, int at, double value) {
    bound(s, sqlite3_bind_double(s->handle, at, value));
}

void db_bind_text(db_stmt *s, int at, const char *text) {
    bound(s, sqlite3_bind_text(s->handle, at, text, -1, SQLITE_TRANSIENT));
}

void db_bind_blob(db_stmt *s, int at, const void *bytes, size_t n) {
    bound(s, sqlite3_bind_blob64(s->handle, at, bytes ? bytes : "", n, SQLITE_TRANSIENT));
}

steno_err db_step(db_stmt *s, bool *row) {
    *row = false;
    int code = s->wrong != SQLITE_OK ? s->wrong : sqlite3_step(s->handle);
    if (code == SQLITE_ROW) {
        *row = true;
        return STENO_OK;
    }
    steno_err e = code == SQLITE_DONE ? STENO_OK : fail(s->owner, code);
    db_reset(s);
    return e;
}

steno_err db_run(db_stmt *s) {
    bool row;
    do ERR_TRY(db_step(s, &row));
    while (row);
    return STENO_OK;
}

steno_err db_run_text(db *d, const char *sql) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql, &s));
    return db_run(s);
}

steno_err db_read_int(db *d, const char *sql, int64_t *out) {
    db_stmt *s;
    bool row;
    *out = 0;
    ERR_TRY(db_prepare(d, sql, &s));
    ERR_TRY(db_step(s, &row));
    if (!row) return err_fail(STENO_E_FORMAT, "%s: the database is damaged: no row for '%s'", d->dir, sql);
    *out = db_int(s, 0);
    db_reset(s);
    return STENO_OK;
}

bool db_is_null(db_stmt *s, int column) {
    return sqlite3_column_type(s->handle, column) == SQLITE_NULL;
}

int64_t db_int(db_stmt *s, int column) {
    return sqlite3_column_int64(s->handle, column);
}

double db_real(db_stmt *s, int column) {
    return sqlite3_column_double(s->handle, column);
}

const char *db_text(db_stmt *s, int column) {
    const char *text = (const char *)sqlite3_column_text(s->handle, column);
    return text ? text : "";
}

const void *db_blob(db_stmt *s, int column, size_t *n) {
    const void *bytes = sqlite3_column_blob(s->handle, column);
    *n = (size_t)sqlite3_column_bytes(s->handle, column);
    return bytes ? bytes : "";
}

int64_t db_changes(const db *d) {
    return sqlite3_changes64(d->handle);
}

int64_t db_last_id(const db *d) {
    return sqlite3_last_insert_rowid(d->handle);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static steno_err read_pragma(db *d, const char *sql, int64_t *out) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d, sql, &s));
    ERR_TRY(db_step(s, &row));
    *out = row ? db_int(s, 0) : 0;
    db_reset(s);
    return STENO_OK;
}

/* One step and its number, together or not at all; another process may have done it meanwhile. */
static steno_err take_step(db *d, int step) {
    int64_t done;
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", step + 1);
    ERR_TRY(db_begin(d));
    steno_err e = read_pragma(d, "PRAGMA user_version", &done);
    if (e == STENO_OK && done <= step) e = db_exec(d, schema_steps[step]);
    if (e == STENO_OK && done <= step) e = db_exec(d, sql);
    if (e == STENO_OK) return db_commit(d);
    db_rollback(d);
    return e;
}

static steno_err migrate(db *d) {
    int64_t done, whose, tables;
    int steps = 0;
    while (schema_steps[steps]) steps++;
    ERR_TRY(read_pragma(d, "PRAGMA user_version", &done));
    ERR_TRY(read_pragma(d, "PRAGMA application_id", &whose));
    ERR_TRY(read_pragma(d, "SELECT count(*) FROM sqlite_schema", &tables));
    if (whose != APPLICATION_ID && (tables > 0 || done > 0))
        return err_fail(STENO_E_FORMAT, "%s: a database, but not one of steno's", d->path);
    if (done > steps)
        return err_fail(STENO_E_UNSUPPORTED, "%s: made by a newer steno (schema %lld, this one knows %d)", d->path,
                        (long long)done, steps);
    if (whose != APPLICATION_ID) {
        char sql[64];
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION_ID);
        ERR_TRY(db_exec(d, sql));
    }
    for (int i = (int)done; i < steps; i++) ERR_TRY(take_step(d, i));
    return STENO_OK;
}

/* A damaged file is found now, and not in the middle of somebody's job. */
static steno_err check(db *d) {
    struct stat st;
    db_stmt *s;
    bool row;
    if (stat(d->path, &st) == 0 && st.st_size > DB_CHECK_BYTES_MAX) return STENO_OK;
    ERR_TRY(db_prepare(d, "PRAGMA quick_check(1)", &s));
    ERR_TRY(db_step(s, &row));
    char said[120];
    snprintf(said, sizeof said, "%s", row ? db_text(s, 0) : "no answer");
    db_reset(s);
    if (strcmp(said, "ok") == 0) return STENO_OK;
    return err_fail(STENO_E_FORMAT, "%s: the database is damaged (%s)", d->path, said);
}

/* The folder and an empty file with rights of their own: SQLite gives the files beside it the same ones. */
static steno_err make_file(db *d) {
    if (mkdir(d->dir, 0700) != 0 && errno != EEXIST)
        return err_fail(STENO_E_IO, "data_dir %s: cannot be made: %s", d->dir, strerror(errno));
    int fd = open(d->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int os = errno;
        return err_fail(os == ENOSPC || os == EDQUOT ? STENO_E_LIMIT : STENO_E_IO,
                        "%s: cannot be opened for writing: %s", d->path, strerror(os));
    }
    close(fd);
    return STENO_OK;
}

steno_err db_make_parents(const char *dir) {
    char path[DB_PATH_BYTES_MAX];
    if (strlen(dir) >= sizeof path) return err_fail(STENO_E_INVALID, "%.60s…: the path is too long", dir);
    snprintf(path, sizeof path, "%s", dir);
    for (char *at = path; (at = strchr(at + 1, '/'));) {
        *at = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return err_fail(STENO_E_IO, "%s: cannot be made: %s", path, strerror(errno));
        *at = '/';
    }
    return STENO_OK;
}

static steno_err open_handle(db *d) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(d->path, &d->handle, flags, NULL);
    if (code != SQLITE_OK) return fail(d, code);
    (void)sqlite3_busy_timeout(d->handle, DB_BUSY_MS);
    (void)sqlite3_db_config(d->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(d->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    ERR_TRY(db_exec(d, "PRAGMA journal_mode = WAL"));
    ERR_TRY(db_exec(d, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST;"));
    return STENO_OK;
}

static steno_err open_all(db *d) {
    ERR_TRY(make_file(d));
    ERR_TRY(open_handle(d));
    ERR_TRY(check(d));
    return migrate(d);
}

steno_err db_open(const char *dir, db **out) {
    *out = NULL;
    if (strlen(dir) + sizeof "/" DB_FILE > DB_PATH_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "data_dir %.60s…: longer than %d bytes", dir, DB_PATH_BYTES_MAX);
    db *d = mem_alloc(1, sizeof *d);
    if (!d) return err_fail(STENO_E_NOMEM, "%s: no memory for a database", dir);
    snprintf(d->dir, sizeof d->dir, "%s", dir);
    snprintf(d->path, sizeof d->path, "%s/%s", dir, DB_FILE);
    steno_err e = open_all(d);
    if (e != STENO_OK) {
        db_close(d);
        return e;
    }
    *out = d;
    return STENO_OK;
}

void db_close(db *d) {
    if (!d) return;
    for (int i = 0; i < d->n_statements; i++) (void)sqlite3_finalize(d->statements[i].handle);
    (void)sqlite3_close(d->handle);
    mem_free(d);
}

const char *db_dir(const db *d) {
    return d->dir;
}
