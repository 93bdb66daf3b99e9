/* db.h: one SQLite database in a data directory: opening, schema, statements, errors that say what is wrong.
 *
 * Purpose    features keep their tables here; nobody else includes sqlite3.h.
 * Owner      one thread at a time; in the server the store thread (worker.h), in a subcommand the main thread. Several
 *            processes may have the same database open.
 * Invariants what db_commit() returned STENO_OK for is on the disk (WAL, synchronous=FULL). Every failure names the file:
 *            STENO_E_LIMIT the disk is full, STENO_E_IO read-only or unreadable, STENO_E_FORMAT damaged or no database,
 *            STENO_E_UNSUPPORTED made by a newer steno, STENO_E_AGAIN another process holds it for longer than
 *            DB_BUSY_MS, STENO_E_INVALID a constraint (a key that is there already), STENO_E_NOMEM.
 */
#ifndef STENO_STORE_DB_H
#define STENO_STORE_DB_H

#include "base/err.h"

#define DB_FILE            "steno.db"           /* in the data directory */
#define DB_BUSY_MS         5000                 /* how long another process is waited for */
#define DB_STATEMENTS_MAX  96                   /* kept prepared, each SQL text once */
#define DB_CHECK_BYTES_MAX ((int64_t)256 << 20) /* a larger file is not read through when it is opened */
#define DB_PATH_BYTES_MAX  512

typedef struct db db;
typedef struct db_stmt db_stmt; /* the database's own; valid until db_close() */

/* Opens DIR/steno.db, making folder (0700) and file (0600) when they are missing, and brings its tables up to date with
 * schema.h. */
STENO_CHECK steno_err db_open(const char *dir, db **out);
/* The folders above DIR, for a place that the program chose itself. */
STENO_CHECK steno_err db_make_parents(const char *dir);
void db_close(db *d); /* NULL is allowed */
const char *db_dir(const db *d);

/* A transaction. It takes the write lock at once, so that nothing in it fails for another process later. A failed
 * commit has rolled back. */
STENO_CHECK steno_err db_begin(db *d);
STENO_CHECK steno_err db_commit(db *d);
void db_rollback(db *d);
/* Ends it by what became of it: commits after STENO_OK, else rolls back and hands the failure on. */
STENO_CHECK steno_err db_end(db *d, steno_err e);

/* Statements without parameters and rows. */
STENO_CHECK steno_err db_exec(db *d, const char *sql);

/* The statement of this text (static: it is found again by its address), reset, without bound values. One use at a time.
 * Mistakes while binding are kept and come out of db_step(). Parameters count from 1, columns from 0. */
STENO_CHECK steno_err db_prepare(db *d, const char *sql, db_stmt **out);
void db_bind_int(db_stmt *s, int at, int64_t value);
void db_bind_real(db_stmt *s, int at, double value);
void db_bind_text(db_stmt *s, int at, const char *text);            /* copied; NULL: SQL's NULL */
void db_bind_blob(db_stmt *s, int at, const void *bytes, size_t n); /* copied */

/* *row: a row is there. After the last one, and after a failure, the statement is reset. */
STENO_CHECK steno_err db_step(db_stmt *s, bool *row);
/* For statements whose rows nobody wants. */
STENO_CHECK steno_err db_run(db_stmt *s);
/* The same of a text without parameters (static, as above). */
STENO_CHECK steno_err db_run_text(db *d, const char *sql);
/* The first column of the one row of such a text. STENO_E_FORMAT: there is none. */
STENO_CHECK steno_err db_read_int(db *d, const char *sql, int64_t *out);
/* Ends a statement some of whose rows are not wanted: no lock stays behind. */
void db_reset(db_stmt *s);

bool db_is_null(db_stmt *s, int column);
int64_t db_int(db_stmt *s, int column);
double db_real(db_stmt *s, int column);
const char *db_text(db_stmt *s, int column); /* never NULL; until the next step */
const void *db_blob(db_stmt *s, int column, size_t *n);

int64_t db_changes(const db *d); /* rows the last statement changed */
int64_t db_last_id(const db *d); /* of the last row inserted */

#endif
