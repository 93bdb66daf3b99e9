/* test_voices.c: voice prints at rest: round trips, keys that are wrong, missing, open to others or replaced, changed bytes, and
 * that what was deleted is in no file any more. */
#include "store/voices.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "store_place.h"

#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST           5
#define CONSENT        "signed on paper, file 17"
#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")
#define assert_said(part)                                                                                              \
    if (!strstr(steno_error_detail(), part)) fail_msg("'%s' is not in '%s'", part, steno_error_detail())

static const char *key_of(const place *p) {
    static char path[160];
    snprintf(path, sizeof path, "%s/" VOICE_KEY_FILE, p->dir);
    return path;
}

static void make_print(int seed, float out[STENO_VOICE_FLOATS]) {
    for (int i = 0; i < STENO_VOICE_FLOATS; i++) out[i] = (float)seed + (float)i / 7.0f;
}

static steno_err try_add(const place *p, const char *owner, const char *name, int seed, voices_record *r) {
    float print[STENO_VOICE_FLOATS];
    *r = (voices_record){
        .model = "made-up", .speech_s = 7.5, .snr_db = 31, .unity = 0.75, .consent_s = 10, .created_s = 20};
    snprintf(r->owner, sizeof r->owner, "%s", owner);
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->consent, sizeof r->consent, "%s", CONSENT);
    snprintf(r->consent_by, sizeof r->consent_by, "the clerk");
    make_print(seed, print);
    return voices_add(p->d, key_of(p), MOST, r, print);
}

static voices_record add(const place *p, const char *owner, const char *name, int seed) {
    voices_record r;
    assert_ok(try_add(p, owner, name, seed, &r));
    return r;
}

static voices_table *load(const place *p) {
    voices_table *t;
    assert_ok(voices_load(p->d, key_of(p), &t));
    return t;
}

static steno_err load_error(const place *p) {
    voices_table *t;
    steno_err e = voices_load(p->d, key_of(p), &t);
    assert_null(t);
    return e;
}

/* Whether the bytes are in any file of the folder. */
static bool on_disk(const place *p, const void *bytes, size_t n) {
    static const char *const names[] = {"steno.db", "steno.db-wal", "steno.db-shm"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", p->dir, names[k]);
        FILE *in = fopen(path, "rb");
        if (!in) continue;
        fseek(in, 0, SEEK_END);
        size_t size = (size_t)ftell(in);
        char *all = malloc(size + 1);
        assert_non_null(all);
        rewind(in);
        assert_int_equal(fread(all, 1, size, in), size);
        fclose(in);
        bool found = memmem(all, size, bytes, n) != NULL;
        free(all);
        if (found) return true;
    }
    return false;
}

/* The sealed bytes of a voice as they are in its row. */
static size_t sealed_of(const place *p, const char *id, unsigned char out[1024]) {
    db_stmt *s;
    bool row;
    size_t n;
    assert_ok(db_prepare(p->d, "SELECT print FROM voices WHERE id = ?1", &s));
    db_bind_text(s, 1, id);
    assert_ok(db_step(s, &row));
    assert_true(row);
    const void *bytes = db_blob(s, 0, &n);
    assert_in_range(n, 1, 1024);
    memcpy(out, bytes, n);
    db_reset(s);
    return n;
}

/* ---- rows --------------------------------------------------------------------------------------------------------- */

static void a_round_trip(void **state) {
    place *p = *state;
    float print[STENO_VOICE_FLOATS];
    voices_record made = add(p, "", "Judge Ito", 1);
    add(p, "abcdefgh", "Judge Ito", 2); /* another owner's */
    assert_true(ident_is(VOICES_ID_PREFIX, made.id));
    voices_table *t = load(p);
    assert_int_equal(t->n, 2);
    assert_int_equal(t->change, 2);
    const voices_record *r = voices_find_record(t, "", "Judge Ito");
    assert_non_null(r);
    assert_ptr_equal(r, voices_find_record(t, "", made.id));
    assert_null(voices_find_record(t, "abcdefgh", made.id));
    assert_null(voices_find_record(t, "", "judge ito"));
    assert_memory_equal(r->id, made.id, sizeof r->id);
    assert_string_equal(r->consent, CONSENT);
    assert_string_equal(r->consent_by, "the clerk");
    assert_string_equal(r->model, "made-up");
    assert_int_equal(r->consent_s, 10);
    assert_int_equal(r->created_s, 20);
    assert_false(r->damaged);
    make_print(1, print);
    const steno_voice *v = &t->voices[r - t->records];
    assert_memory_equal(v->print, print, sizeof print);
    assert_string_equal(v->name, "Judge Ito");
    assert_true(v->speech_s == 7.5f);
    voices_table_free(t);
    assert_ok(voices_list(p->d, &t));
    assert_int_equal(t->n, 2);
    assert_null(t->voices);
    voices_table_free(t);
    assert_false(on_disk(p, print, 64)); /* sealed, it is */
}

static void the_key_is_one_of_its_owner_alone(void **state) {
    place *p = *state;
    struct stat st;
    add(p, "", "a", 1);
    assert_int_equal(stat(key_of(p), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, VOICE_KEY_BYTES);
    assert_int_equal(chmod(key_of(p), 0640), 0);
    assert_int_equal(load_error(p), STENO_E_IO);
    assert_said("others may read");
    voices_record r;
    assert_int_equal(try_add(p, "", "b", 2, &r), STENO_E_IO);
    assert_int_equal(chmod(key_of(p), 0600), 0);
    voices_table *t = load(p);
    assert_int_equal(t->n, 1);
    voices_table_free(t);
}

static void two_rows_are_sealed_apart(void **state) {
    place *p = *state;
    unsigned char a[1024], b[1024];
    voices_record one = add(p, "", "a", 1), two = add(p, "", "b", 1); /* the same print */
    size_t n = sealed_of(p, one.id, a);
    assert_int_equal(sealed_of(p, two.id, b), n);
    assert_int_equal(n, STENO_VOICE_FLOATS * 4 + VOICE_SEAL_BYTES);
    assert_memory_not_equal(a, b, VOICE_NONCE_BYTES);
    assert_memory_not_equal(a + VOICE_NONCE_BYTES, b + VOICE_NONCE_BYTES, 64);
}

static void names_and_rooms(void **state) {
    place *p = *state;
    voices_record r;
    for (int i = 0; i < MOST; i++) {
        char name[16];
        snprintf(name, sizeof name, "voice %d", i);
        add(p, "", name, i);
        if (i > 0) continue;
        assert_int_equal(try_add(p, "", name, i, &r), STENO_E_INVALID);
        assert_said("already");
    }
    assert_int_equal(try_add(p, "", "one too many", 9, &r), STENO_E_LIMIT);
    assert_said("voices_max");
    r.consent[0] = 0;
    float print[STENO_VOICE_FLOATS] = {0};
    assert_int_equal(voices_add(p->d, key_of(p), 100, &r, print), STENO_E_INVALID);
    assert_said("consent");
    assert_int_equal(db_exec(p->d, "UPDATE voices SET consent = ''"), STENO_E_INVALID); /* not by any way */
}

/* ---- wrong keys --------------------------------------------------------------------------------------------------- */

static void a_wrong_key_loses_nothing(void **state) {
    place *p = *state;
    char away[170];
    voices_record r;
    add(p, "", "a", 1);
    snprintf(away, sizeof away, "%s.away", key_of(p));
    assert_int_equal(rename(key_of(p), away), 0);
    assert_int_equal(load_error(p), STENO_E_NOT_FOUND);
    assert_said("missing");
    assert_int_equal(try_add(p, "", "b", 2, &r), STENO_E_NOT_FOUND);
    assert_int_not_equal(access(key_of(p), F_OK), 0); /* and makes no other one */
    voice_key other;
    assert_ok(voice_key_make(key_of(p), &other));
    assert_int_equal(load_error(p), STENO_E_CHECKSUM);
    assert_said("not the key");
    assert_int_equal(try_add(p, "", "b", 2, &r), STENO_E_CHECKSUM);
    int n;
    bool erased;
    assert_int_equal(voices_rotate(p->d, key_of(p), &n, &erased), STENO_E_CHECKSUM);
    voices_table *t;
    assert_ok(voices_list(p->d, &t)); /* who is there may be known without a key */
    assert_int_equal(t->n, 1);
    voices_table_free(t);
    assert_int_equal(rename(away, key_of(p)), 0);
    t = load(p);
    assert_false(t->records[0].damaged);
    voices_table_free(t);
}

static void what_is_no_key(void **state) {
    place *p = *state;
    voice_key k;
    assert_int_equal(voice_key_read(key_of(p), &k), STENO_E_NOT_FOUND);
    int fd = open(key_of(p), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "too short", 9), 9);
    assert_int_equal(voice_key_read(key_of(p), &k), STENO_E_FORMAT);
    voices_record r;
    assert_int_equal(try_add(p, "", "a", 1, &r), STENO_E_FORMAT); /* it is somebody's file: not written to */
    close(fd);
    assert_int_equal(unlink(key_of(p)), 0);
    assert_int_equal(symlink("/dev/zero", key_of(p)), 0);
    assert_int_equal(voice_key_read(key_of(p), &k), STENO_E_IO);
    assert_int_equal(unlink(key_of(p)), 0);
    assert_int_equal(mkfifo(key_of(p), 0600), 0);
    assert_int_equal(voice_key_read(key_of(p), &k), STENO_E_IO);
}

static void changed_bytes_are_noticed(void **state) {
    place *p = *state;
    voices_record a = add(p, "", "a", 1), b = add(p, "", "b", 2);
    const char *const harm[] = {
        "UPDATE voices SET print = (SELECT print FROM voices WHERE name = 'b') WHERE name = 'a'", /* another's print */
        "UPDATE voices SET print = zeroblob(540) WHERE name = 'a'",
        "UPDATE voices SET print = x'00' WHERE name = 'a'",
        "UPDATE voices SET owner = 'thief123' WHERE name = 'a'",
    };
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        assert_ok(db_exec(p->d, "SAVEPOINT whole"));
        assert_ok(db_exec(p->d, harm[i]));
        assert_int_equal(db_changes(p->d), 1);
        voices_table *t;
        assert_ok(db_exec(p->d, "RELEASE whole"));
        t = load(p);
        for (size_t k = 0; k < t->n; k++) {
            static const float nothing[STENO_VOICE_FLOATS];
            bool hurt = strcmp(t->records[k].id, a.id) == 0;
            assert_int_equal(t->records[k].damaged, hurt);
            if (hurt) assert_memory_equal(t->voices[k].print, nothing, sizeof nothing);
        }
        voices_table_free(t);
        voices_record was;
        bool erased;
        assert_ok(voices_delete(p->d, NULL, a.id, &was, &erased)); /* and put right for the next one */
        a = add(p, "", "a", 1);
    }
    (void)b;
}

/* Any one bit. */
static void sealing(void **state) {
    voice_key k = {.bytes = {1, 2, 3}}, other = {.bytes = {1, 2, 4}};
    unsigned char plain[40] = "forty bytes of somebody's voice, or so", sealed[40 + VOICE_SEAL_BYTES], back[40];
    (void)state;
    assert_ok(voice_seal(&k, "about", 5, plain, sizeof plain, sealed));
    assert_ok(voice_unseal(&k, "about", 5, sealed, sizeof back, back));
    assert_memory_equal(plain, back, sizeof back);
    assert_null(memmem(sealed, sizeof sealed, "somebody", 8));
    for (size_t bit = 0; bit < sizeof sealed * 8; bit++) {
        sealed[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_equal(voice_unseal(&k, "about", 5, sealed, sizeof back, back), STENO_E_CHECKSUM);
        sealed[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(voice_unseal(&k, "About", 5, sealed, sizeof back, back), STENO_E_CHECKSUM);
    assert_int_equal(voice_unseal(&other, "about", 5, sealed, sizeof back, back), STENO_E_CHECKSUM);
    static const unsigned char nothing[40];
    assert_memory_equal(back, nothing, sizeof back);
}

/* ---- gone --------------------------------------------------------------------------------------------------------- */

static void deleted_is_gone(void **state) {
    place *p = *state;
    unsigned char gone[1024], stays[1024], tail[1024];
    voices_record was;
    bool erased;
    voices_record other = add(p, "", "who stays", 1), r = add(p, "", "Ebenezer Scrooge", 2),
                  last = add(p, "", "last", 3);
    size_t n = sealed_of(p, r.id, gone);
    sealed_of(p, other.id, stays);
    sealed_of(p, last.id, tail);
    assert_true(on_disk(p, gone + 20, 64)); /* so that what follows can fail */
    assert_true(on_disk(p, "Ebenezer Scrooge", 16));
    assert_int_equal(voices_delete(p->d, "somebody", "Ebenezer Scrooge", &was, &erased), STENO_E_NOT_FOUND);
    assert_ok(voices_delete(p->d, "", "Ebenezer Scrooge", &was, &erased));
    assert_true(erased);
    assert_string_equal(was.id, r.id);
    for (size_t at = 0; at + 16 <= n; at += 16) assert_false(on_disk(p, gone + at, 16));
    assert_false(on_disk(p, "Ebenezer Scrooge", 16));
    assert_false(on_disk(p, r.id, strlen(r.id)));
    assert_true(on_disk(p, stays + 20, 64));
    assert_int_equal(voices_delete(p->d, "", "Ebenezer Scrooge", &was, &erased), STENO_E_NOT_FOUND);
    int64_t change;
    assert_ok(voices_change(p->d, &change));
    assert_int_equal(change, 4);
    int many;
    assert_ok(voices_delete_owner(p->d, "", &many, &erased));
    assert_int_equal(many, 2);
    assert_true(erased);
    assert_false(on_disk(p, stays + 20, 16));
    assert_false(on_disk(p, tail + 20, 16));
    assert_false(on_disk(p, CONSENT, strlen(CONSENT)));
}

/* Somebody who reads meanwhile keeps the log from being emptied: it is said, and can be done later. */
static void a_reader_delays_the_erasing(void **state) {
    place *p = *state;
    db *reader;
    db_stmt *s;
    bool row, erased;
    voices_record was;
    add(p, "", "a", 1);
    add(p, "", "b", 1);
    assert_ok(db_open(p->dir, &reader));
    assert_ok(db_prepare(reader, "SELECT id FROM voices", &s));
    assert_ok(db_step(s, &row));
    assert_true(row);
    assert_ok(voices_delete(p->d, "", "a", &was, &erased));
    assert_false(erased);
    db_reset(s);
    assert_ok(voices_erase(p->d, &erased));
    assert_true(erased);
    assert_false(on_disk(p, was.id, strlen(was.id)));
    db_close(reader);
}

static void by_id_or_name(void **state) {
    place *p = *state;
    bool erased;
    voices_record a = add(p, "", "same", 1), was;
    add(p, "abcdefgh", "same", 2);
    assert_int_equal(voices_delete(p->d, NULL, "same", &was, &erased), STENO_E_INVALID);
    assert_said("its id");
    assert_ok(voices_delete(p->d, NULL, a.id, &was, &erased));
    assert_ok(voices_delete(p->d, NULL, "same", &was, &erased));
    assert_string_equal(was.owner, "abcdefgh");
}

/* ---- another key -------------------------------------------------------------------------------------------------- */

static void assert_prints_open(const place *p, int n) {
    float print[STENO_VOICE_FLOATS];
    voices_table *t = load(p);
    assert_int_equal(t->n, n);
    for (int i = 0; i < n; i++) {
        make_print(i, print);
        assert_false(t->records[i].damaged);
        assert_memory_equal(t->voices[i].print, print, sizeof print);
    }
    voices_table_free(t);
}

static void keys_change(void **state) {
    place *p = *state;
    voice_key before, after;
    unsigned char sealed[1024];
    int n;
    bool erased;
    char next[170];
    snprintf(next, sizeof next, "%s" VOICE_KEY_NEXT, key_of(p));
    voices_record a = add(p, "", "0", 0);
    add(p, "", "1", 1);
    sealed_of(p, a.id, sealed);
    assert_ok(voice_key_read(key_of(p), &before));
    assert_ok(voices_rotate(p->d, key_of(p), &n, &erased));
    assert_int_equal(n, 2);
    assert_true(erased);
    assert_ok(voice_key_read(key_of(p), &after));
    assert_memory_not_equal(before.bytes, after.bytes, VOICE_KEY_BYTES);
    assert_int_not_equal(access(next, F_OK), 0);
    assert_false(on_disk(p, sealed + 20, 16)); /* what the old key opens is nowhere */
    assert_prints_open(p, 2);
}

/* The power goes between the database's commit and the new file's taking its place, or before the commit. */
static void keys_change_by_halves(void **state) {
    place *p = *state;
    voice_key old, new;
    int n;
    bool erased;
    char away[170], next[170];
    snprintf(away, sizeof away, "%s.away", key_of(p));
    snprintf(next, sizeof next, "%s" VOICE_KEY_NEXT, key_of(p));
    add(p, "", "0", 0);
    assert_int_equal(link(key_of(p), away), 0);
    assert_ok(voices_rotate(p->d, key_of(p), &n, &erased));
    assert_int_equal(rename(key_of(p), next), 0);
    assert_int_equal(rename(away, key_of(p)), 0);
    assert_prints_open(p, 1);
    assert_int_not_equal(access(next, F_OK), 0);
    assert_ok(voice_key_make_next(key_of(p), &new)); /* and one that nothing was encrypted with yet */
    assert_prints_open(p, 1);
    assert_ok(voice_key_read(key_of(p), &old));
    assert_ok(voices_rotate(p->d, key_of(p), &n, &erased));
    assert_prints_open(p, 1);
    assert_ok(voice_key_read(key_of(p), &new));
    assert_memory_not_equal(old.bytes, new.bytes, VOICE_KEY_BYTES);
}

/* ---- texts -------------------------------------------------------------------------------------------------------- */

static void names(void **state) {
    static const char *const good[] = {"Judge", "M\xc3\xbcller, nee no", "a"};
    static const char *const bad[] = {"",        " ",       " a",   "a ",   "a,b",   "*",  "other",
                                      "Unknown", "voice_x", "a\nb", "\xff", "a\x7f", "S1", "s12"};
    static const char *const near[] = {"S", "S1a", "Sam 2", "1", "others"};
    char out[STENO_VOICE_NAME_BYTES], text[80];
    (void)state;
    assert_ok(voices_name_read(good[0], out));
    assert_string_equal(out, "Judge");
    assert_int_equal(voices_name_read(good[1], out), STENO_E_INVALID); /* a comma */
    assert_ok(voices_name_read("Mu\xcc\x88ller", out));                /* u and two dots become one letter */
    assert_string_equal(out, "M\xc3\xbcller");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(voices_name_read(bad[i], out), STENO_E_INVALID);
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) assert_ok(voices_name_read(near[i], out));
    memset(text, 'x', sizeof text);
    text[STENO_VOICE_NAME_BYTES - 1] = 0;
    assert_ok(voices_name_read(text, out));
    text[STENO_VOICE_NAME_BYTES - 1] = 'x';
    text[STENO_VOICE_NAME_BYTES] = 0;
    assert_int_equal(voices_name_read(text, out), STENO_E_INVALID);
    assert_ok(voices_consent_check("I agree.\nSigned: X"));
    assert_int_equal(voices_consent_check(" \n"), STENO_E_INVALID);
    assert_int_equal(voices_consent_check("\x01"), STENO_E_INVALID);
}

/* Each allocation fails in turn: an error, no row, no leak. */
static void memory_fails(void **state) {
    place *p = *state;
    add(p, "", "a", 1);
    for (uint64_t nth = 1;; nth++) {
        voices_table *t;
        mem_fault_arm(nth);
        steno_err e = voices_load(p->d, key_of(p), &t);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) {
            assert_ok(e);
            voices_table_free(t);
            return;
        }
        assert_int_equal(e, STENO_E_NOMEM);
        assert_null(t);
    }
}

#define WITH_DB(f) cmocka_unit_test_setup_teardown(f, make_place_with_db, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_DB(a_round_trip),
        WITH_DB(the_key_is_one_of_its_owner_alone),
        WITH_DB(two_rows_are_sealed_apart),
        WITH_DB(names_and_rooms),
        WITH_DB(a_wrong_key_loses_nothing),
        WITH_DB(what_is_no_key),
        WITH_DB(changed_bytes_are_noticed),
        cmocka_unit_test(sealing),
        WITH_DB(deleted_is_gone),
        WITH_DB(a_reader_delays_the_erasing),
        WITH_DB(by_id_or_name),
        WITH_DB(keys_change),
        WITH_DB(keys_change_by_halves),
        cmocka_unit_test(names),
        WITH_DB(memory_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
