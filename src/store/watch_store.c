/* watch_store.c: see watch_store.h. */
#include "store/watch_store.h"

#include <stdio.h>

steno_err watch_store_put(db *d, int64_t start_s, const char *series, const char *cell) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "INSERT OR REPLACE INTO watch_cells (start_s, series, cell) VALUES (?1, ?2, ?3)", &s));
    db_bind_int(s, 1, start_s);
    db_bind_text(s, 2, series);
    db_bind_text(s, 3, cell);
    return db_run(s);
}

steno_err watch_store_expire(db *d, int64_t before_s) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, "DELETE FROM watch_cells WHERE start_s < ?1", &s));
    db_bind_int(s, 1, before_s);
    return db_run(s);
}

steno_err watch_store_read(db *d, watch_place *after, int most,
                           void (*row)(void *ctx, int64_t start_s, const char *cell), void *ctx, int *n) {
    db_stmt *s;
    bool any;
    *n = 0;
    ERR_TRY(db_prepare(d,
                       "SELECT start_s, series, cell FROM watch_cells WHERE (start_s, series) > (?1, ?2)"
                       " ORDER BY start_s, series LIMIT ?3",
                       &s));
    db_bind_int(s, 1, after->start_s);
    db_bind_text(s, 2, after->series);
    db_bind_int(s, 3, most);
    for (;;) {
        ERR_TRY(db_step(s, &any));
        if (!any) return STENO_OK;
        after->start_s = db_int(s, 0);
        snprintf(after->series, sizeof after->series, "%s", db_text(s, 1));
        row(ctx, after->start_s, db_text(s, 2));
        (*n)++;
    }
}
