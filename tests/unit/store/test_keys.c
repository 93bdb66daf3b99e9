/* test_keys.c: the text of keys, and keys and their use in a database. */
#include "store/keys.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW   1800000000
#define TODAY (NOW / KEYS_DAY_S)

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static void the_text_of_a_key(void **state) {
    char text[KEYS_TEXT_CHARS + 1];
    keys_text made, read;
    (void)state;
    assert_int_equal(keys_make(text, &made), STENO_OK);
    assert_int_equal(strlen(text), KEYS_TEXT_CHARS);
    assert_int_equal(strncmp(text, KEYS_PREFIX, 6), 0);
    assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), KEYS_TEXT_CHARS);
    assert_int_equal(keys_read(text, KEYS_TEXT_CHARS, &read), KEYS_FORM_GOOD);
    assert_memory_equal(&made, &read, sizeof made);
    assert_int_equal(strncmp(text + 6, read.id, KEYS_ID_CHARS), 0);
}

/* What a scanner of sources has to agree with. Made apart from this code: CRC-32 as gzip writes it, SHA-256 by openssl. */
static void a_known_key(void **state) {
    static const char text[] = "steno_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG3GgSt3";
    static const unsigned char hash[KEYS_HASH_BYTES] = {
        0x47, 0x71, 0x76, 0xf2, 0x18, 0x2e, 0x8f, 0xe1, 0x5c, 0xea, 0x75, 0x3f, 0xca, 0x7e, 0x00, 0xec,
        0xd7, 0x9a, 0x7f, 0x48, 0xcd, 0x78, 0xda, 0xaf, 0x9a, 0xde, 0xd1, 0xa6, 0xf1, 0x73, 0x4d, 0x6e};
    keys_text read;
    (void)state;
    assert_int_equal(keys_read(text, sizeof text - 1, &read), KEYS_FORM_GOOD);
    assert_string_equal(read.id, "abcdefgh");
    assert_memory_equal(read.hash, hash, sizeof hash);
}

static void slips_and_strangers(void **state) {
    char text[KEYS_TEXT_CHARS + 2], other[KEYS_TEXT_CHARS + 2];
    keys_text read;
    (void)state;
    assert_int_equal(keys_make(text, &read), STENO_OK);
    for (size_t i = 0; i < KEYS_TEXT_CHARS; i++) { /* any one letter */
        memcpy(other, text, sizeof other);
        other[i] = other[i] == 'x' ? 'y' : 'x';
        assert_int_equal(keys_read(other, KEYS_TEXT_CHARS, &read), i < 6 ? KEYS_FORM_FOREIGN : KEYS_FORM_TYPO);
    }
    for (size_t i = 6; i + 1 < KEYS_TEXT_CHARS; i++) { /* two that changed places */
        memcpy(other, text, sizeof other);
        other[i] = text[i + 1];
        other[i + 1] = text[i];
        assert_int_equal(keys_read(other, KEYS_TEXT_CHARS, &read),
                         text[i] == text[i + 1] ? KEYS_FORM_GOOD : KEYS_FORM_TYPO);
    }
    assert_int_equal(keys_read(text, KEYS_TEXT_CHARS - 1, &read), KEYS_FORM_TYPO);
    text[KEYS_TEXT_CHARS] = 'x';
    assert_int_equal(keys_read(text, KEYS_TEXT_CHARS + 1, &read), KEYS_FORM_TYPO);
    assert_int_equal(keys_read("sk-proj-1234567890", 18, &read), KEYS_FORM_FOREIGN);
    assert_int_equal(keys_read("", 0, &read), KEYS_FORM_FOREIGN);
    assert_int_equal(keys_read("steno_", 6, &read), KEYS_FORM_TYPO);
}

/* Every letter of the secret is drawn fairly: of 62 letters in 2000 keys each comes about 1387 times. */
static void secrets_are_random(void **state) {
    int seen[128] = {0};
    char text[KEYS_TEXT_CHARS + 1], before[KEYS_TEXT_CHARS + 1] = "";
    keys_text made;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(keys_make(text, &made), STENO_OK);
        assert_string_not_equal(text, before);
        memcpy(before, text, sizeof before);
        for (int k = 0; k < KEYS_SECRET_CHARS; k++) seen[(unsigned char)text[15 + k]]++;
    }
    int letters = 0;
    for (int i = 0; i < 128; i++) {
        if (!seen[i]) continue;
        letters++;
        assert_in_range(seen[i], 1387 - 10 * 37, 1387 + 10 * 37); /* ten times what scatters */
    }
    assert_int_equal(letters, 62);
}

static void days(void **state) {
    (void)state;
    assert_int_equal(keys_day_of(0), 0);
    assert_int_equal(keys_day_of(KEYS_DAY_S - 1), 0);
    assert_int_equal(keys_day_of(KEYS_DAY_S), 1);
    assert_int_equal(keys_day_of(-1), -1);
    assert_int_equal(keys_day_of(-KEYS_DAY_S), -1);
    assert_int_equal(keys_day_of(-KEYS_DAY_S - 1), -2);
}

/* ---- the database ----------------------------------------------------------------------------------------------- */

typedef struct place {
    char dir[64];
    db *d;
} place;

static int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    snprintf(p->dir, sizeof p->dir, "/tmp/steno-test-keys-XXXXXX");
    if (!mkdtemp(p->dir) || db_open(p->dir, &p->d) != STENO_OK) return -1;
    *state = p;
    return 0;
}

static int drop_place(void **state) {
    place *p = *state;
    char line[120];
    db_close(p->d);
    snprintf(line, sizeof line, "rm -rf %s", p->dir);
    int code = system(line);
    free(p);
    return code;
}

static keys_record record(const char *id) {
    keys_record r = {.streams = 2, .requests_per_minute = 60, .audio_minutes_per_day = 90, .created_s = NOW};
    snprintf(r.id, sizeof r.id, "%s", id);
    snprintf(r.name, sizeof r.name, "the key %s", id);
    memset(r.hash, id[0], sizeof r.hash);
    return r;
}

static void create(db *d, const char *id) {
    keys_record r = record(id);
    assert_int_equal(keys_create(d, &r), STENO_OK);
}

static void what_is_made_is_there(void **state) {
    place *p = *state;
    keys_table *t;
    keys_record r = record("bbbbbbbb");
    char origins[] = "https://a.example https://b.example";
    r.origins = origins;
    r.expires_s = NOW + 5;
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_int_equal(t->n, 0);
    assert_null(keys_find(t, "bbbbbbbb"));
    int64_t before = t->change;
    keys_table_free(t);
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    create(p->d, "cccccccc");
    create(p->d, "aaaaaaaa");
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_int_equal(t->n, 3);
    assert_int_not_equal(t->change, before);
    const keys_record *k = keys_find(t, "bbbbbbbb");
    assert_non_null(k);
    assert_string_equal(k->name, "the key bbbbbbbb");
    assert_string_equal(k->origins, origins);
    assert_memory_equal(k->hash, r.hash, sizeof r.hash);
    assert_int_equal(k->streams, 2);
    assert_int_equal(k->requests_per_minute, 60);
    assert_int_equal(k->audio_minutes_per_day, 90);
    assert_int_equal(k->created_s, NOW);
    assert_int_equal(k->expires_s, NOW + 5);
    assert_int_equal(k->revoked_s, 0);
    assert_string_equal(keys_find(t, "aaaaaaaa")->origins, "");
    assert_non_null(keys_find(t, "cccccccc"));
    assert_null(keys_find(t, "bbbbbbbc"));
    keys_table_free(t);
}

static void pages_that_any_key_is_for(void **state) {
    place *p = *state;
    char one[] = "https://b.example https://a.example:8443", two[] = "https://c.example", every[] = "*";
    keys_record r = record("aaaaaaaa");
    keys_table *t;
    bool changed;
    r.origins = one;
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    memcpy(r.id, "bbbbbbbb", 9);
    r.origins = two;
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_true(keys_know_origin(t, "https://a.example:8443"));
    assert_true(keys_know_origin(t, "https://b.example"));
    assert_true(keys_know_origin(t, "https://c.example"));
    assert_false(keys_know_origin(t, "https://a.example"));
    assert_false(keys_know_origin(t, "https://a.example:84430"));
    assert_false(keys_know_origin(t, "*"));
    assert_false(keys_know_origin(t, ""));
    keys_table_free(t);
    assert_int_equal(keys_revoke(p->d, "bbbbbbbb", NOW, &changed), STENO_OK);
    memcpy(r.id, "cccccccc", 9);
    r.origins = every;
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_false(keys_know_origin(t, "https://c.example"));
    keys_table_free(t);
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_true(keys_know_origin(t, "https://who.example"));
    keys_table_free(t);
}

static void an_id_is_given_once(void **state) {
    place *p = *state;
    keys_record r = record("aaaaaaaa");
    create(p->d, "aaaaaaaa");
    assert_int_equal(keys_create(p->d, &r), STENO_E_INVALID);
    create(p->d, "bbbbbbbb"); /* the failure left no transaction behind */
}

static void revoking(void **state) {
    place *p = *state;
    bool changed;
    int64_t made, gone, again;
    keys_table *t;
    create(p->d, "aaaaaaaa");
    assert_int_equal(keys_change(p->d, &made), STENO_OK);
    assert_int_equal(keys_revoke(p->d, "aaaaaaaa", NOW + 1, &changed), STENO_OK);
    assert_true(changed);
    assert_int_equal(keys_change(p->d, &gone), STENO_OK);
    assert_int_not_equal(made, gone);
    assert_int_equal(keys_revoke(p->d, "aaaaaaaa", NOW + 9, &changed), STENO_OK);
    assert_false(changed);
    assert_int_equal(keys_change(p->d, &again), STENO_OK);
    assert_int_equal(gone, again);
    assert_int_equal(keys_revoke(p->d, "bbbbbbbb", NOW, &changed), STENO_E_NOT_FOUND);
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_int_equal(t->records[0].revoked_s, NOW + 1);
    keys_table_free(t);
}

/* A running server looks through another connection. */
static void another_process_sees_it(void **state) {
    place *p = *state;
    db *other;
    int64_t before, after;
    assert_int_equal(db_open(p->dir, &other), STENO_OK);
    assert_int_equal(keys_change(other, &before), STENO_OK);
    create(p->d, "aaaaaaaa");
    assert_int_equal(keys_change(other, &after), STENO_OK);
    assert_int_not_equal(before, after);
    db_close(other);
}

static void use_adds_up(void **state) {
    place *p = *state;
    keys_day more[] = {{"aaaaaaaa", TODAY, 1000, 1, NOW}, {"aaaaaaaa", TODAY - 1, 500, 2, NOW - KEYS_DAY_S}};
    keys_day sum;
    keys_table *t;
    create(p->d, "aaaaaaaa");
    assert_int_equal(keys_add_use(p->d, more, 2), STENO_OK);
    more[0].used_s = NOW - 100; /* a clock that was put back */
    assert_int_equal(keys_add_use(p->d, more, 1), STENO_OK);
    assert_int_equal(keys_sum_use(p->d, "aaaaaaaa", TODAY, &sum), STENO_OK);
    assert_int_equal(sum.audio_ms, 2000);
    assert_int_equal(sum.requests, 4);
    assert_int_equal(sum.used_s, NOW);
    db_close(p->d); /* it is on the disk */
    assert_int_equal(db_open(p->dir, &p->d), STENO_OK);
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_int_equal(t->n_days, 2);
    assert_int_equal(t->days[1].day, TODAY);
    assert_int_equal(t->days[1].audio_ms, 2000);
    assert_int_equal(t->days[0].audio_ms, 500);
    keys_table_free(t);
    assert_int_equal(keys_load(p->d, TODAY + 3, &t), STENO_OK);
    assert_int_equal(t->n_days, 0); /* too long ago to matter */
    keys_table_free(t);
    assert_int_equal(keys_sum_use(p->d, "bbbbbbbb", TODAY, &sum), STENO_OK);
    assert_int_equal(sum.requests, 0);
}

static void old_things_are_forgotten(void **state) {
    place *p = *state;
    keys_day day = {"aaaaaaaa", TODAY, 1000, 1, NOW};
    keys_day sum;
    keys_table *t;
    bool changed;
    create(p->d, "aaaaaaaa");
    create(p->d, "bbbbbbbb");
    assert_int_equal(keys_add_use(p->d, &day, 1), STENO_OK);
    assert_int_equal(keys_revoke(p->d, "aaaaaaaa", NOW, &changed), STENO_OK);
    keys_record r = record("cccccccc");
    r.created_s = NOW + (int64_t)(KEYS_RETAIN_DAYS + 1) * KEYS_DAY_S;
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    assert_int_equal(keys_load(p->d, TODAY, &t), STENO_OK);
    assert_int_equal(t->n, 2);
    assert_null(keys_find(t, "aaaaaaaa"));
    assert_non_null(keys_find(t, "bbbbbbbb"));
    keys_table_free(t);
    assert_int_equal(keys_sum_use(p->d, "aaaaaaaa", TODAY, &sum), STENO_OK);
    assert_int_equal(sum.requests, 0);
}

static void hashes_only(void **state) {
    place *p = *state;
    char text[KEYS_TEXT_CHARS + 1], line[200];
    keys_text made;
    keys_record r = record("aaaaaaaa");
    assert_int_equal(keys_make(text, &made), STENO_OK);
    memcpy(r.id, made.id, sizeof r.id);
    memcpy(r.hash, made.hash, sizeof r.hash);
    assert_int_equal(keys_create(p->d, &r), STENO_OK);
    snprintf(line, sizeof line, "! grep -q %.20s %s/*", text + 15, p->dir);
    assert_int_equal(system(line), 0);
    snprintf(line, sizeof line, "grep -q %s %s/*", made.id, p->dir); /* it would have been found */
    assert_int_equal(system(line), 0);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_of_a_key),
        cmocka_unit_test(a_known_key),
        cmocka_unit_test(slips_and_strangers),
        cmocka_unit_test(secrets_are_random),
        cmocka_unit_test(days),
        IN_PLACE(what_is_made_is_there),
        IN_PLACE(pages_that_any_key_is_for),
        IN_PLACE(an_id_is_given_once),
        IN_PLACE(revoking),
        IN_PLACE(another_process_sees_it),
        IN_PLACE(use_adds_up),
        IN_PLACE(old_things_are_forgotten),
        IN_PLACE(hashes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
