/* voices.c: see voices.h. */
#include "store/voices.h"

#include "base/mem.h"

#include <openssl/crypto.h>

#include <stdio.h>
#include <string.h>

#define PRINT_BYTES  (STENO_VOICE_FLOATS * sizeof(float))
#define SEALED_BYTES (PRINT_BYTES + VOICE_SEAL_BYTES)
#define ABOUT_BYTES  256
#define ABOUT_LABEL  "steno voice 1"

_Static_assert(sizeof(float) == 4 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "prints are kept as little-endian floats");

/* ---- small statements --------------------------------------------------------------------------------------------- */

static const char sql_change[] = "SELECT n FROM voice_change";
static const char sql_note_change[] = "UPDATE voice_change SET n = n + 1";
static const char sql_count[] = "SELECT count(*) FROM voices";
static const char sql_key_id[] = "SELECT key_id FROM voices LIMIT 1";
static const char sql_checkpoint[] = "PRAGMA wal_checkpoint(TRUNCATE)";

steno_err voices_change(db *d, int64_t *out) {
    return db_read_int(d, sql_change, out);
}

/* ---- the key ------------------------------------------------------------------------------------------------------ */

/* Which key the rows want; *any false: there are none. */
static steno_err wanted_key(db *d, unsigned char id[VOICE_KEY_ID_BYTES], bool *any) {
    db_stmt *s;
    size_t n;
    ERR_TRY(db_prepare(d, sql_key_id, &s));
    ERR_TRY(db_step(s, any));
    if (!*any) return STENO_OK;
    const void *bytes = db_blob(s, 0, &n);
    memset(id, 0, VOICE_KEY_ID_BYTES);
    memcpy(id, bytes, n < VOICE_KEY_ID_BYTES ? n : VOICE_KEY_ID_BYTES);
    db_reset(s);
    return STENO_OK;
}

static bool is_key(const voice_key *k, const unsigned char id[VOICE_KEY_ID_BYTES]) {
    return memcmp(k->id, id, VOICE_KEY_ID_BYTES) == 0;
}

/* A change of keys was interrupted between the database and the file, or is under way. */
static bool take_next(const char *key_file, const unsigned char id[VOICE_KEY_ID_BYTES], voice_key *out) {
    if (voice_key_read_next(key_file, out) != STENO_OK) return false;
    if (is_key(out, id) && voice_key_promote(key_file) == STENO_OK) return true;
    bool promoted = is_key(out, id) && voice_key_read(key_file, out) == STENO_OK && is_key(out, id); /* by another */
    if (!promoted) voice_key_wipe(out);
    return promoted;
}

/* The key that opens what there is; `make`: a first one where there is nothing. The caller wipes it. */
static steno_err find_key(db *d, const char *key_file, bool make, voice_key *out) {
    unsigned char id[VOICE_KEY_ID_BYTES];
    bool any;
    *out = (voice_key){0};
    ERR_TRY(wanted_key(d, id, &any));
    steno_err e = voice_key_read(key_file, out);
    if (!any) return e == STENO_E_NOT_FOUND && make ? voice_key_make(key_file, out) : e;
    if (e == STENO_OK && is_key(out, id)) return STENO_OK;
    if (e != STENO_OK && e != STENO_E_NOT_FOUND) return e;
    voice_key_wipe(out);
    if (take_next(key_file, id, out)) return STENO_OK;
    if (e == STENO_E_NOT_FOUND)
        return err_fail(e, "%s: the key of voices is missing: without it they cannot be used; put it back", key_file);
    return err_fail(STENO_E_CHECKSUM, "%s: not the key that the voices in %s were encrypted with; nothing was changed",
                    key_file, db_dir(d));
}

/* What a print belongs to: moved to another row, or a row given to somebody else, it does not open. */
static size_t write_about(const voices_record *r, char out[ABOUT_BYTES]) {
    const char *const parts[] = {ABOUT_LABEL, r->id, r->owner, r->name, r->model};
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]) + 1;
        memcpy(out + at, parts[i], n);
        at += n;
    }
    return at;
}

_Static_assert(sizeof ABOUT_LABEL + IDENT_BYTES + VOICES_OWNER_BYTES + STENO_VOICE_NAME_BYTES + VOICES_MODEL_BYTES <=
                   ABOUT_BYTES,
               "what a print belongs to fits");

/* ---- adding ------------------------------------------------------------------------------------------------------- */

static const char sql_taken[] = "SELECT 1 FROM voices WHERE owner = ?1 AND name = ?2";
static const char sql_insert[] =
    "INSERT INTO voices (id, owner, name, print, key_id, model, speech_s, snr_db, clipped, "
    "unity, consent, consent_by, consent_s, created_s) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

static steno_err check_room(db *d, int most, const voices_record *r) {
    int64_t n;
    db_stmt *s;
    bool row;
    ERR_TRY(db_read_int(d, sql_count, &n));
    if (n >= most) return err_fail(STENO_E_LIMIT, "there are %lld voices already (voices_max)", (long long)n);
    ERR_TRY(db_prepare(d, sql_taken, &s));
    db_bind_text(s, 1, r->owner);
    db_bind_text(s, 2, r->name);
    ERR_TRY(db_step(s, &row));
    db_reset(s);
    return row ? err_fail(STENO_E_INVALID, "there is a voice '%s' already: delete it first, or take another name",
                          r->name)
               : STENO_OK;
}

static steno_err insert(db *d, const voice_key *key, const voices_record *r, const float *print) {
    unsigned char sealed[SEALED_BYTES];
    char about[ABOUT_BYTES];
    db_stmt *s;
    ERR_TRY(voice_seal(key, about, write_about(r, about), print, PRINT_BYTES, sealed));
    ERR_TRY(db_prepare(d, sql_insert, &s));
    db_bind_text(s, 1, r->id);
    db_bind_text(s, 2, r->owner);
    db_bind_text(s, 3, r->name);
    db_bind_blob(s, 4, sealed, sizeof sealed);
    db_bind_blob(s, 5, key->id, sizeof key->id);
    db_bind_text(s, 6, r->model);
    db_bind_real(s, 7, r->speech_s);
    db_bind_real(s, 8, r->snr_db);
    db_bind_real(s, 9, r->clipped);
    db_bind_real(s, 10, r->unity);
    db_bind_text(s, 11, r->consent);
    db_bind_text(s, 12, r->consent_by);
    db_bind_int(s, 13, r->consent_s);
    db_bind_int(s, 14, r->created_s);
    ERR_TRY(db_run(s));
    return db_run_text(d, sql_note_change);
}

static steno_err add(db *d, const char *key_file, int most, const voices_record *r, const float *print) {
    voice_key key;
    ERR_TRY(check_room(d, most, r));
    steno_err e = find_key(d, key_file, true, &key);
    if (e == STENO_OK) e = insert(d, &key, r, print);
    voice_key_wipe(&key);
    return e;
}

steno_err voices_add(db *d, const char *key_file, int most, voices_record *record,
                     const float print[STENO_VOICE_FLOATS]) {
    ERR_TRY(voices_consent_check(record->consent));
    ERR_TRY(ident_make(VOICES_ID_PREFIX, record->id));
    ERR_TRY(db_begin(d));
    return db_end(d, add(d, key_file, most, record, print));
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

static const char sql_all[] = "SELECT id, owner, name, model, speech_s, snr_db, clipped, unity, consent, consent_by, "
                              "consent_s, created_s, print FROM voices ORDER BY owner, name LIMIT ?1";

static void read_record(db_stmt *s, voices_record *r) {
    *r = (voices_record){.speech_s = db_real(s, 4),
                         .snr_db = db_real(s, 5),
                         .clipped = db_real(s, 6),
                         .unity = db_real(s, 7),
                         .consent_s = db_int(s, 10),
                         .created_s = db_int(s, 11)};
    snprintf(r->id, sizeof r->id, "%s", db_text(s, 0));
    snprintf(r->owner, sizeof r->owner, "%s", db_text(s, 1));
    snprintf(r->name, sizeof r->name, "%s", db_text(s, 2));
    snprintf(r->model, sizeof r->model, "%s", db_text(s, 3));
    snprintf(r->consent, sizeof r->consent, "%s", db_text(s, 8));
    snprintf(r->consent_by, sizeof r->consent_by, "%s", db_text(s, 9));
}

/* One that cannot be opened harms no other. */
static void read_print(db_stmt *s, const voice_key *key, voices_record *r, steno_voice *out) {
    char about[ABOUT_BYTES];
    size_t n;
    const unsigned char *sealed = db_blob(s, 12, &n);
    memcpy(out->name, r->name, sizeof out->name);
    out->speech_s = (float)r->speech_s;
    r->damaged = n != SEALED_BYTES ||
                 voice_unseal(key, about, write_about(r, about), sealed, PRINT_BYTES, out->print) != STENO_OK;
}

static steno_err read_rows(db *d, const voice_key *key, size_t room, voices_table *t) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d, sql_all, &s));
    db_bind_int(s, 1, (int64_t)room);
    for (;;) {
        ERR_TRY(db_step(s, &row));
        if (!row) return STENO_OK;
        read_record(s, &t->records[t->n]);
        if (key) read_print(s, key, &t->records[t->n], &t->voices[t->n]);
        t->n++;
    }
}

/* Read within one transaction, so that number and rows belong together. */
static steno_err read_table(db *d, const char *key_file, voices_table *t) {
    int64_t n;
    voice_key key = {0};
    ERR_TRY(voices_change(d, &t->change));
    ERR_TRY(db_read_int(d, sql_count, &n));
    n = n < 0 ? 0 : n > VOICES_MAX ? VOICES_MAX : n;
    t->records = mem_alloc((size_t)n + 1, sizeof *t->records);
    if (key_file) t->voices = mem_alloc((size_t)n + 1, sizeof *t->voices);
    if (!t->records || (key_file && !t->voices))
        return err_fail(STENO_E_NOMEM, "no memory for %lld voices", (long long)n);
    if (n == 0) return STENO_OK;
    if (key_file) ERR_TRY(find_key(d, key_file, false, &key));
    steno_err e = read_rows(d, key_file ? &key : NULL, (size_t)n, t);
    voice_key_wipe(&key);
    return e;
}

static steno_err make_table(db *d, const char *key_file, voices_table **out) {
    voices_table *t = mem_alloc(1, sizeof *t);
    *out = NULL;
    if (!t) return err_fail(STENO_E_NOMEM, "no memory for voices");
    steno_err e = db_exec(d, "BEGIN");
    if (e == STENO_OK) e = db_end(d, read_table(d, key_file, t));
    if (e != STENO_OK) {
        voices_table_free(t);
        return e;
    }
    *out = t;
    return STENO_OK;
}

steno_err voices_load(db *d, const char *key_file, voices_table **out) {
    return make_table(d, key_file, out);
}

steno_err voices_list(db *d, voices_table **out) {
    return make_table(d, NULL, out);
}

void voices_table_free(voices_table *t) {
    if (!t) return;
    if (t->voices) OPENSSL_cleanse(t->voices, t->n * sizeof *t->voices);
    mem_free(t->voices);
    mem_free(t->records);
    mem_free(t);
}

const voices_record *voices_find_record(const voices_table *t, const char *owner, const char *name) {
    bool by_id = ident_is(VOICES_ID_PREFIX, name);
    for (size_t i = 0; i < t->n; i++) {
        const voices_record *r = &t->records[i];
        if (strcmp(r->owner, owner) == 0 && strcmp(by_id ? r->id : r->name, name) == 0) return r;
    }
    return NULL;
}

/* ---- deleting ----------------------------------------------------------------------------------------------------- */

static const char sql_find[] =
    "SELECT id, owner, name, model, speech_s, snr_db, clipped, unity, consent, consent_by, "
    "consent_s, created_s FROM voices WHERE (id = ?1 OR name = ?1) AND (?2 IS NULL OR owner = ?2) "
    "ORDER BY id <> ?1 LIMIT 2";
static const char sql_delete[] = "DELETE FROM voices WHERE id = ?1";
static const char sql_delete_owner[] = "DELETE FROM voices WHERE owner = ?1";

static steno_err find_one(db *d, const char *owner, const char *name, voices_record *out) {
    db_stmt *s;
    bool row;
    ERR_TRY(db_prepare(d, sql_find, &s));
    db_bind_text(s, 1, name);
    db_bind_text(s, 2, owner);
    ERR_TRY(db_step(s, &row));
    if (!row) return err_fail(STENO_E_NOT_FOUND, "there is no voice '%.80s'", name);
    read_record(s, out);
    if (strcmp(out->id, name) == 0) {
        db_reset(s);
        return STENO_OK;
    }
    ERR_TRY(db_step(s, &row));
    db_reset(s);
    return row ? err_fail(STENO_E_INVALID, "several keys have a voice '%.80s': say its id", name) : STENO_OK;
}

static steno_err delete_one(db *d, const char *owner, const char *name, voices_record *was) {
    db_stmt *s;
    ERR_TRY(find_one(d, owner, name, was));
    ERR_TRY(db_prepare(d, sql_delete, &s));
    db_bind_text(s, 1, was->id);
    ERR_TRY(db_run(s));
    return db_run_text(d, sql_note_change);
}

static steno_err delete_owner(db *d, const char *owner, int *n) {
    db_stmt *s;
    ERR_TRY(db_prepare(d, sql_delete_owner, &s));
    db_bind_text(s, 1, owner);
    ERR_TRY(db_run(s));
    *n = (int)db_changes(d);
    return *n ? db_run_text(d, sql_note_change) : STENO_OK;
}

/* FAST, as the database is opened with, leaves what was deleted on pages that nobody uses any more. */
static steno_err begin_erasing(db *d) {
    ERR_TRY(db_exec(d, "PRAGMA secure_delete = ON"));
    return db_begin(d);
}

/* The database's log still has the pages as they were. What was done stays done, whatever becomes of that. */
static steno_err end_erasing(db *d, steno_err e, bool *erased) {
    *erased = false;
    ERR_TRY(db_end(d, e));
    steno_err fast = db_exec(d, "PRAGMA secure_delete = FAST");
    if (voices_erase(d, erased) != STENO_OK || fast != STENO_OK) *erased = false;
    return STENO_OK;
}

steno_err voices_erase(db *d, bool *erased) {
    int64_t busy;
    *erased = false;
    ERR_TRY(db_read_int(d, sql_checkpoint, &busy));
    *erased = busy == 0;
    return STENO_OK;
}

steno_err voices_delete(db *d, const char *owner, const char *name, voices_record *was, bool *erased) {
    ERR_TRY(begin_erasing(d));
    return end_erasing(d, delete_one(d, owner, name, was), erased);
}

steno_err voices_delete_owner(db *d, const char *owner, int *n, bool *erased) {
    *n = 0;
    ERR_TRY(begin_erasing(d));
    return end_erasing(d, delete_owner(d, owner, n), erased);
}

/* ---- another key -------------------------------------------------------------------------------------------------- */

static const char sql_update[] = "UPDATE voices SET print = ?2, key_id = ?3 WHERE id = ?1";

static steno_err seal_again(db *d, const voice_key *key, const voices_record *r, const steno_voice *v) {
    unsigned char sealed[SEALED_BYTES];
    char about[ABOUT_BYTES];
    db_stmt *s;
    if (r->damaged)
        return err_fail(STENO_E_CHECKSUM, "the voice '%s' (%s) is damaged: delete it first", r->name, r->id);
    ERR_TRY(voice_seal(key, about, write_about(r, about), v->print, PRINT_BYTES, sealed));
    ERR_TRY(db_prepare(d, sql_update, &s));
    db_bind_text(s, 1, r->id);
    db_bind_blob(s, 2, sealed, sizeof sealed);
    db_bind_blob(s, 3, key->id, sizeof key->id);
    return db_run(s);
}

static steno_err seal_all_again(db *d, const char *key_file, int *n) {
    voices_table t = {0};
    voice_key key = {0};
    steno_err e = read_table(d, key_file, &t);
    if (e == STENO_OK) e = voice_key_make_next(key_file, &key);
    for (size_t i = 0; i < t.n && e == STENO_OK; i++) e = seal_again(d, &key, &t.records[i], &t.voices[i]);
    if (e == STENO_OK) e = db_run_text(d, sql_note_change);
    *n = (int)t.n;
    voice_key_wipe(&key);
    if (t.voices) OPENSSL_cleanse(t.voices, t.n * sizeof *t.voices);
    mem_free(t.voices);
    mem_free(t.records);
    return e;
}

/* The new key is on the disk before a row needs it, and takes its place once all rows do: see take_next(). */
steno_err voices_rotate(db *d, const char *key_file, int *n, bool *erased) {
    voice_key key;
    *n = 0;
    ERR_TRY(begin_erasing(d));
    ERR_TRY(end_erasing(d, seal_all_again(d, key_file, n), erased));
    if (*n == 0) return voice_key_promote(key_file);
    steno_err e = find_key(d, key_file, false, &key);
    voice_key_wipe(&key);
    return e;
}
