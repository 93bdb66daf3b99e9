/* voice_book.c: see voice_book.h.
 *
 * Once a second one item goes to the store thread: it looks at one number to see whether voices have changed, reads all of them
 * if so, and then empties the database's log, where what was deleted, perhaps by another process, may still stand.
 */
#include "api/voice_book.h"

#include "base/log.h"
#include "base/mem.h"
#include "speakers/enrol.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

typedef struct book_sync {
    work head;
    voice_book *owner;
    int64_t change;
    bool wanted, erase; /* wanted: whatever the number says */
    bool erased;
    voices_table *table; /* new; NULL: as before */
} book_sync;

struct voice_book {
    worker *store;
    voices_table *table; /* NULL: never read */
    char key_file[VOICE_BOOK_PATH_BYTES];
    book_sync sync;
    bool syncing, failing; /* failing: the last reading failed, and the log says so */
    bool erase;            /* the log is still to be emptied */
};

/* ---- naming ------------------------------------------------------------------------------------------------------- */

typedef struct naming {
    const voices_table *table;
    const char *owner;
    steno_voice *out;
    int cap, n;
    const voices_record *taken[STENO_SPEAKERS_MAX];
} naming;

static steno_err take(naming *t, const voices_record *r) {
    if (strcmp(r->model, ENROL_MODEL) != 0)
        return err_fail(STENO_E_UNSUPPORTED, "voices: '%s' was enrolled with another model: enroll it again", r->name);
    if (r->damaged) return err_fail(STENO_E_UNSUPPORTED, "voices: '%s' is damaged: enroll it again", r->name);
    for (int i = 0; i < t->n; i++) {
        if (t->taken[i] == r) return err_fail(STENO_E_INVALID, "voices: '%s' is named twice", r->name);
    }
    if (t->n == t->cap) return err_fail(STENO_E_LIMIT, "voices: more than %d are named", t->cap);
    t->taken[t->n] = r;
    t->out[t->n++] = t->table->voices[r - t->table->records];
    return STENO_OK;
}

static steno_err take_all(naming *t) {
    for (size_t i = 0; i < t->table->n; i++) {
        if (strcmp(t->table->records[i].owner, t->owner) == 0) ERR_TRY(take(t, &t->table->records[i]));
    }
    return t->n ? STENO_OK : err_fail(STENO_E_NOT_FOUND, "voices: nobody is enrolled");
}

static steno_err take_one(naming *t, const char *name, size_t bytes) {
    char given[STENO_VOICE_NAME_BYTES], wanted[STENO_VOICE_NAME_BYTES];
    if (bytes >= sizeof given)
        return err_fail(STENO_E_INVALID, "voices: want names of at most %zu bytes", sizeof given - 1);
    memcpy(given, name, bytes);
    given[bytes] = 0;
    bool by_id = ident_is(VOICES_ID_PREFIX, given);
    if (!by_id && voices_name_read(given, wanted) != STENO_OK) {
        char why[ERR_DETAIL_BYTES];
        snprintf(why, sizeof why, "%s", steno_error_detail());
        return err_fail(STENO_E_INVALID, "voices: %s", why);
    }
    const voices_record *r = voices_find_record(t->table, t->owner, by_id ? given : wanted);
    return r ? take(t, r) : err_fail(STENO_E_NOT_FOUND, "voices: nobody is enrolled as '%s'", given);
}

static steno_err take_listed(naming *t, const char *names) {
    for (const char *at = names;; at++) {
        at += strspn(at, " ");
        size_t whole = strcspn(at, ","), n = whole;
        while (n > 0 && at[n - 1] == ' ') n--;
        ERR_TRY(take_one(t, at, n));
        at += whole;
        if (!*at) return STENO_OK;
    }
}

steno_err voice_book_find(const voice_book *b, const char *owner, const char *names, steno_voice *out, int cap,
                          int *n) {
    *n = 0;
    if (!b) return err_fail(STENO_E_UNSUPPORTED, "voices: this server keeps none: data_dir is not set");
    if (!b->table) return err_fail(STENO_E_IO, "voices: they cannot be read now: the server's log says why");
    if (strlen(names) > VOICE_BOOK_NAMES_MAX)
        return err_fail(STENO_E_LIMIT, "voices: want a list of at most %d bytes", VOICE_BOOK_NAMES_MAX);
    naming t = {
        .table = b->table, .owner = owner, .out = out, .cap = cap < STENO_SPEAKERS_MAX ? cap : STENO_SPEAKERS_MAX};
    steno_err e = strcmp(names, "*") == 0 ? take_all(&t) : take_listed(&t, names);
    if (e == STENO_OK)
        *n = t.n;
    else
        OPENSSL_cleanse(out, (size_t)t.n * sizeof *out);
    return e;
}

/* ---- the store ---------------------------------------------------------------------------------------------------- */

static steno_err run(work *w, db *d) {
    book_sync *s = (book_sync *)w;
    int64_t change;
    if (!d) return err_fail(STENO_E_INTERNAL, "voices without a database");
    ERR_TRY(voices_change(d, &change));
    bool changed = change != s->change;
    if (changed || s->wanted) ERR_TRY(voices_load(d, voice_book_key_file(s->owner), &s->table));
    if (!changed && !s->erase) return STENO_OK;
    s->erase = true;
    return voices_erase(d, &s->erased);
}

static void tell(voice_book *b, steno_err e, const char *why) {
    if (e != STENO_OK && !b->failing) log_line(LOG_LEVEL_ERROR, "voices: they stay as they are: %s", why);
    if (e == STENO_OK && b->failing) log_line(LOG_LEVEL_INFO, "voices: they can be read again");
    b->failing = e != STENO_OK;
}

static void done(work *w) {
    book_sync *s = (book_sync *)w;
    voice_book *b = s->owner;
    b->syncing = false;
    b->erase = s->erase && !s->erased;
    tell(b, w->error, w->why);
    if (s->table) {
        log_line(LOG_LEVEL_INFO, "voices: there are %zu now", s->table->n);
        voice_book_adopt(b, s->table);
    }
}

void voice_book_tick(voice_book *b) {
    if (!b || b->syncing) return;
    b->sync = (book_sync){.head = {.run = run, .done = done},
                          .owner = b,
                          .change = b->table ? b->table->change : -1,
                          .wanted = !b->table || b->failing,
                          .erase = b->erase};
    b->syncing = worker_put(b->store, &b->sync.head);
}

void voice_book_adopt(voice_book *b, voices_table *table) {
    if (!table) return;
    voices_table *old = b->table && b->table->change > table->change ? table : b->table;
    if (old != table) b->table = table;
    voices_table_free(old);
}

const voices_table *voice_book_table(const voice_book *b) {
    return b->table;
}

const char *voice_book_key_file(const voice_book *b) {
    return b->key_file;
}

/* ---- life --------------------------------------------------------------------------------------------------------- */

steno_err voice_book_open(worker *store, const char *key_file, voices_table *table, voice_book **out) {
    voice_book *b = mem_alloc(1, sizeof *b);
    *out = NULL;
    if (!b) {
        voices_table_free(table);
        return err_fail(STENO_E_NOMEM, "no memory for voices");
    }
    *b = (voice_book){.store = store, .table = table, .failing = !table};
    snprintf(b->key_file, sizeof b->key_file, "%s", key_file);
    *out = b;
    return STENO_OK;
}

void voice_book_close(voice_book *b) {
    if (!b) return;
    voices_table_free(b->table);
    mem_free(b);
}
