/* watch_keep.c: cells to the store and back: see watch_int.h.
 *
 * A minute's cells are one item of the store thread and one transaction. At start rows come back LOAD_ROWS at a time, parsed over there,
 * so that this thread learns from them in pieces of a few ms; minutes that end meanwhile wait.
 */
#include "api/watch_int.h"

#include "api/service_int.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define LOAD_ROWS 256
#define DAY_S     (24 * 3600)
#define EXPIRE_S  3600 /* between looks for what is too old */

struct watch_rows {
    work head;
    watch *owner;            /* NULL: it has closed */
    int64_t expire_before_s; /* 0: not now */
    size_t n, room;
    monitor_cell *cells; /* [n] of room */
};

typedef struct watch_load {
    work head;
    watch *owner;
    watch_place at;
    int n;
    size_t n_cells;
    monitor_cell cells[LOAD_ROWS];
} watch_load;

/* ---- to the store --------------------------------------------------------------------------------------------------- */

static void free_rows(watch_rows *r) {
    if (r) mem_free(r->cells);
    mem_free(r);
}

void watch_keep_cell(watch *w, const monitor_cell *cell) {
    if (!w->service->store || w->retain_days <= 0) return;
    if (!w->rows) w->rows = mem_alloc(1, sizeof *w->rows);
    watch_rows *r = w->rows;
    if (r && r->n == r->room) {
        size_t room = r->room ? 2 * r->room : 8;
        monitor_cell *more = mem_resize(r->cells, r->n * sizeof *more, room * sizeof *more);
        if (more) r->cells = more, r->room = room;
    }
    if (!r || r->n == r->room) {
        w->unwritten++;
        return;
    }
    r->cells[r->n++] = *cell;
}

static steno_err put_cell(db *d, const monitor_cell *cell) {
    char line[CELL_LINE_BYTES_MAX], series[WATCH_SERIES_BYTES];
    snprintf(series, sizeof series, "%s|%s|%s|%s", cell->at.host, cell->at.model, cell->at.language, cell->at.key);
    return cell_print(line, cell) ? watch_store_put(d, cell->start_s, series, line) : STENO_OK;
}

static steno_err run_rows(work *item, db *d) {
    watch_rows *r = (watch_rows *)item;
    steno_err e = STENO_OK;
    if (!d) return STENO_OK;
    ERR_TRY(db_begin(d));
    for (size_t i = 0; i < r->n && e == STENO_OK; i++) e = put_cell(d, &r->cells[i]);
    if (e == STENO_OK && r->expire_before_s) e = watch_store_expire(d, r->expire_before_s);
    return db_end(d, e);
}

static void rows_written(work *item) {
    watch_rows *r = (watch_rows *)item;
    if (item->error != STENO_OK) {
        log_line(LOG_LEVEL_WARN, "monitors: a minute was not stored: %s", item->why);
        if (!r->owner->stopped) r->owner->unwritten++;
    }
    free_rows(r);
}

void watch_keep_minute(watch *w) {
    watch_rows *r = w->rows;
    int64_t now_s = watch_now_s();
    w->rows = NULL;
    if (!r && w->retain_days <= 0 && w->service->store && now_s - w->expired_s >= EXPIRE_S)
        r = mem_alloc(1, sizeof *r); /* nothing is kept, and what was goes */
    if (!r) return;
    r->head = (work){.run = run_rows, .done = rows_written};
    r->owner = w;
    if (now_s - w->expired_s >= EXPIRE_S) {
        r->expire_before_s = now_s - (int64_t)w->retain_days * DAY_S;
        w->expired_s = now_s;
    }
    if (worker_put(w->service->store, &r->head)) return;
    free_rows(r);
    w->unwritten++;
}

/* ---- from the store ------------------------------------------------------------------------------------------------- */

/* A line that cannot be read, of another version perhaps, is left out. */
static void take_row(void *ctx, int64_t start_s, const char *line) {
    watch_load *l = ctx;
    monitor_cell *c = &l->cells[l->n_cells];
    if (cell_read(line, strlen(line), c) == STENO_OK && c->start_s == start_s) l->n_cells++;
}

static steno_err run_load(work *item, db *d) {
    watch_load *l = (watch_load *)item;
    l->n = 0;
    l->n_cells = 0;
    return d ? watch_store_read(d, &l->at, LOAD_ROWS, take_row, l, &l->n) : STENO_OK;
}

/* Alarms of then were told then. */
static void not_again(void *ctx, const alarm_event *e) {
    (void)ctx;
    (void)e;
}

static void end_load(watch *w) {
    mem_free(w->load);
    w->load = NULL;
    w->restored = true;
}

static void loaded(work *item) {
    watch_load *l = (watch_load *)item;
    watch *w = l->owner;
    if (w->stopped) {
        end_load(w);
        return;
    }
    if (item->error != STENO_OK) log_line(LOG_LEVEL_WARN, "monitors: nothing is learnt from before: %s", item->why);
    for (size_t i = 0; i < l->n_cells && item->error == STENO_OK; i++) {
        if (l->cells[i].start_s > w->started_s) continue; /* a clock that was set back */
        monitor_restore(w->monitor, &l->cells[i], w->started_s);
        if (l->cells[i].start_s == w->started_s) continue; /* a part of the minute that runs: alarms get it whole */
        alarm_feed(w->alarms, &l->cells[i], not_again, w);
    }
    if (item->error != STENO_OK || l->n < LOAD_ROWS || !worker_put(w->service->store, &l->head)) end_load(w);
}

void watch_keep_start(watch *w) {
    int64_t days = w->retain_days < WATCH_RELOAD_DAYS ? w->retain_days : WATCH_RELOAD_DAYS;
    w->load = w->service->store && days > 0 ? mem_alloc(1, sizeof *w->load) : NULL;
    if (!w->load) {
        w->restored = true;
        return;
    }
    *w->load = (watch_load){
        .head = {.run = run_load, .done = loaded}, .owner = w, .at = {.start_s = w->started_s - days * DAY_S}};
    if (!worker_put(w->service->store, &w->load->head)) end_load(w);
}

void watch_keep_stop(watch *w) {
    free_rows(w->rows);
    w->rows = NULL;
}
