/* auth_keys.c: keys in memory, and how they are kept equal to the store. See auth_int.h.
 *
 * Once a second one item goes to the store thread: it adds what was used, looks at one number to see whether keys have
 * changed, and reads all of them if so. Memory is ahead of the database in what was used, and behind it in what is allowed.
 */
#include "api/auth_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct auth_sync {
    work head;
    auth *owner; /* NULL: it has closed. The network thread's alone */
    bool last;   /* nobody wants to hear of keys */
    int64_t change, today;
    keys_table *table; /* new; NULL: as before */
    bool saved;
    size_t n;
    keys_day days[]; /* what was used */
};

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static int by_id(const void *id, const void *key) {
    return strcmp(id, (*(auth_key *const *)key)->id);
}

auth_key *auth_find_key(const auth *a, const char *id) {
    if (!a->table || !a->table->n) return NULL;
    auth_key **at = bsearch(id, a->keys, a->table->n, sizeof(auth_key *), by_id);
    return at ? *at : NULL;
}

/* Days are sorted by id: those of one key stand together. */
static void recall_days(const keys_table *t, auth_key *k) {
    size_t low = 0, high = t->n_days;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(t->days[middle].id, k->id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (int i = 0; i < KEYS_DAYS && low < t->n_days && strcmp(t->days[low].id, k->id) == 0; i++, low++)
        k->days[i] = (auth_day){.day = t->days[low].day, .audio_ms = t->days[low].audio_ms};
}

static auth_key *new_key(const keys_table *t, const keys_record *record) {
    auth_key *k = mem_alloc(1, sizeof *k);
    if (!k) return NULL;
    memcpy(k->id, record->id, sizeof k->id);
    for (int i = 0; i < KEYS_DAYS; i++) k->days[i].day = INT64_MIN;
    recall_days(t, k);
    return k;
}

/* Only a key that nobody uses and that has nothing to be saved. */
static void free_if_unused(auth_key *k) {
    if (!k->record && k->passes == 0 && !k->dirty) mem_free(k);
}

/* Keys that are new to this process were made here: they go again when one of them cannot be. */
static steno_err match_keys(const auth *a, const keys_table *table, auth_key **keys) {
    for (size_t i = 0; i < table->n; i++) {
        keys[i] = auth_find_key(a, table->records[i].id);
        if (!keys[i] && !(keys[i] = new_key(table, &table->records[i]))) {
            while (i-- > 0) {
                if (!keys[i]->record) mem_free(keys[i]);
            }
            return err_fail(STENO_E_NOMEM, "no memory for %zu keys", table->n);
        }
    }
    return STENO_OK;
}

static void forget_table(auth *a) {
    size_t n = a->table ? a->table->n : 0;
    for (size_t i = 0; i < n; i++) free_if_unused(a->keys[i]);
    mem_free(a->keys);
    keys_table_free(a->table);
    a->keys = NULL;
    a->table = NULL;
}

steno_err auth_adopt(auth *a, keys_table *table) {
    auth_key **keys = mem_alloc(table->n + 1, sizeof(auth_key *));
    steno_err e = keys ? match_keys(a, table, keys) : err_fail(STENO_E_NOMEM, "no memory for keys");
    if (e != STENO_OK) {
        mem_free(keys);
        keys_table_free(table);
        return e;
    }
    for (size_t i = 0; a->table && i < a->table->n; i++) a->keys[i]->record = NULL;
    for (size_t i = 0; i < table->n; i++) keys[i]->record = &table->records[i];
    forget_table(a);
    a->table = table;
    a->keys = keys;
    a->keyed = a->keyed || table->n > 0;
    return STENO_OK;
}

void auth_release_key(auth *a, auth_key *k) {
    (void)a;
    k->passes--;
    free_if_unused(k);
}

void auth_free_keys(auth *a) {
    for (auth_key *k = a->dirty, *next; k; k = next) {
        next = k->next_dirty;
        k->dirty = false;
        free_if_unused(k);
    }
    a->dirty = NULL;
    for (size_t i = 0; a->table && i < a->table->n; i++) a->keys[i]->record = NULL;
    forget_table(a);
}

/* ---- use -------------------------------------------------------------------------------------------------------- */

/* A clock that jumps finds each of the last days as it was. Only when all four wait for a broken database, the oldest
 * loses what was not saved. */
auth_day *auth_day_of(auth_key *k, int64_t day) {
    auth_day *oldest = NULL;
    for (int i = 0; i < KEYS_DAYS; i++) {
        auth_day *d = &k->days[i];
        if (d->day == day) return d;
        bool unsaved = d->unsaved_ms || d->unsaved_requests,
             oldest_unsaved = oldest && (oldest->unsaved_ms || oldest->unsaved_requests);
        if (!oldest || unsaved < oldest_unsaved || (unsaved == oldest_unsaved && d->day < oldest->day)) oldest = d;
    }
    *oldest = (auth_day){.day = day};
    return oldest;
}

void auth_mark_dirty(auth *a, auth_key *k) {
    if (k->dirty) return;
    k->dirty = true;
    k->next_dirty = a->dirty;
    a->dirty = k;
}

static bool unsaved(const auth_day *d) {
    return d->unsaved_ms || d->unsaved_requests;
}

static size_t count_unsaved(const auth *a) {
    size_t n = 0;
    for (const auth_key *k = a->dirty; k; k = k->next_dirty) {
        for (int i = 0; i < KEYS_DAYS; i++) n += unsaved(&k->days[i]);
    }
    return n;
}

static void take_days(auth_sync *s, auth_key *k) {
    for (int i = 0; i < KEYS_DAYS; i++) {
        auth_day *d = &k->days[i];
        if (!unsaved(d)) continue;
        keys_day *out = &s->days[s->n++];
        *out =
            (keys_day){.day = d->day, .audio_ms = d->unsaved_ms, .requests = d->unsaved_requests, .used_s = d->used_s};
        memcpy(out->id, k->id, sizeof out->id);
        d->unsaved_ms = d->unsaved_requests = 0;
    }
}

/* Everything unsaved moves into the item. */
static void take_unsaved(auth *a, auth_sync *s) {
    for (auth_key *k = a->dirty, *next; k; k = next) {
        next = k->next_dirty;
        take_days(s, k);
        k->dirty = false;
        free_if_unused(k);
    }
    a->dirty = NULL;
}

/* And back, for the next time. */
static void give_back(auth *a, const auth_sync *s) {
    for (size_t i = 0; i < s->n; i++) {
        auth_key *k = auth_find_key(a, s->days[i].id);
        if (!k) continue;
        auth_day *d = auth_day_of(k, s->days[i].day);
        d->unsaved_ms += s->days[i].audio_ms;
        d->unsaved_requests += s->days[i].requests;
        d->used_s = s->days[i].used_s > d->used_s ? s->days[i].used_s : d->used_s;
        auth_mark_dirty(a, k);
    }
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static steno_err look(auth_sync *s, db *d) {
    int64_t change;
    ERR_TRY(keys_change(d, &change));
    return change == s->change ? STENO_OK : keys_load(d, s->today, &s->table);
}

/* On the store thread. A disk that takes no more does not keep a revoked key alive. */
static steno_err run(work *w, db *d) {
    auth_sync *s = (auth_sync *)w;
    if (!d) return err_fail(STENO_E_INTERNAL, "keys without a database");
    steno_err saved = keys_add_use(d, s->days, s->n);
    s->saved = saved == STENO_OK;
    if (s->last) return saved;
    steno_err looked = look(s, d);
    return looked != STENO_OK ? looked : saved;
}

static void tell(auth *a, steno_err e, const char *why) {
    if (e != STENO_OK && !a->failing)
        log_line(LOG_LEVEL_ERROR, "keys: they stay as they are, and what is used is kept in memory: %s", why);
    if (e == STENO_OK && a->failing) log_line(LOG_LEVEL_INFO, "keys: the database works again");
    a->failing = e != STENO_OK;
}

static void done(work *w) {
    auth_sync *s = (auth_sync *)w;
    auth *a = s->owner;
    if (a) {
        a->sync = NULL;
        if (s->table && auth_adopt(a, s->table) == STENO_OK)
            log_line(LOG_LEVEL_INFO, "keys: there are %zu now", a->table->n);
        s->table = NULL;
        if (!s->saved) give_back(a, s);
        tell(a, w->error, w->why);
    }
    keys_table_free(s->table);
    mem_free(s);
}

static auth_sync *new_sync(auth *a) {
    size_t n = count_unsaved(a);
    auth_sync *s = mem_alloc(1, sizeof *s + n * sizeof(keys_day));
    if (!s) return NULL;
    s->head.run = run;
    s->head.done = done;
    s->change = a->table->change;
    s->today = keys_day_of(a->clock.wall_s(a->clock.ctx));
    take_unsaved(a, s);
    return s;
}

void auth_tick(auth *a) {
    if (!a->store || !a->table || a->sync) return;
    auth_sync *s = new_sync(a);
    if (!s) return;
    s->owner = a;
    if (worker_put(a->store, &s->head)) {
        a->sync = s;
    } else {
        give_back(a, s);
        mem_free(s);
    }
}

void auth_save_last(auth *a) {
    if (a->sync) a->sync->owner = NULL;
    if (!a->store || !a->table || !a->dirty) return;
    auth_sync *s = new_sync(a);
    if (s) s->last = true;
    if (s && worker_put(a->store, &s->head)) return;
    log_line(LOG_LEVEL_WARN, "keys: what was used last is not written");
    mem_free(s);
}
