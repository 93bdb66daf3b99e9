/* test_voice_book.c: which voices a stream may name, and that the book follows the database. */
#include "api/voice_book.h"

#include "speakers/enrol.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "../store/store_place.h"

#include "base/log.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#define assert_ok(err) assert_string_equal((err) == STENO_OK ? "ok" : steno_error_detail(), "ok")

typedef struct shelf {
    place *p;
    char key[160];
    worker *store;
    voice_book *book;
} shelf;

static void add(shelf *s, const char *owner, const char *name, const char *model, float first) {
    voices_record r = {.speech_s = 9, .consent = "yes", .consent_by = "me"};
    float print[STENO_VOICE_FLOATS] = {first, 1};
    snprintf(r.owner, sizeof r.owner, "%s", owner);
    snprintf(r.name, sizeof r.name, "%s", name);
    snprintf(r.model, sizeof r.model, "%s", model);
    assert_ok(voices_add(s->p->d, s->key, 100, &r, print));
}

static void fill(shelf *s) {
    char name[16];
    add(s, "", "judge", ENROL_MODEL, 1);
    add(s, "", "M\xc3\xbcller", ENROL_MODEL, 2);
    add(s, "", "old", "another/1", 3);
    add(s, "abcdefgh", "judge", ENROL_MODEL, 4);
    for (int i = 0; i < STENO_SPEAKERS_MAX + 1; i++) {
        snprintf(name, sizeof name, "n%02d", i);
        add(s, "manymany", name, ENROL_MODEL, 5);
    }
}

/* The worker has a connection of its own, as a server has; the test's is that of another process. */
static int open_shelf(void **state) {
    shelf *s = calloc(1, sizeof *s);
    db *d;
    voices_table *t;
    void *made = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    if (!s || make_place_with_db(&made) != 0) return -1;
    s->p = made;
    snprintf(s->key, sizeof s->key, "%s/" VOICE_KEY_FILE, s->p->dir);
    fill(s);
    assert_ok(voices_load(s->p->d, s->key, &t));
    assert_ok(db_open(s->p->dir, &d));
    assert_ok(worker_open(d, &s->store));
    assert_ok(voice_book_open(s->store, s->key, t, &s->book));
    *state = s;
    return 0;
}

static int close_shelf(void **state) {
    shelf *s = *state;
    void *made = s->p;
    worker_close(s->store);
    voice_book_close(s->book);
    free(s);
    return drop_place(&made);
}

static steno_err find(const shelf *s, const char *owner, const char *names, steno_voice *out, int *n) {
    return voice_book_find(s->book, owner, names, out, STENO_SPEAKERS_MAX, n);
}

static void naming(void **state) {
    const shelf *s = *state;
    steno_voice v[STENO_SPEAKERS_MAX] = {0};
    int n;
    assert_ok(find(s, "", "judge", v, &n));
    assert_int_equal(n, 1);
    assert_true(v[0].print[0] == 1 && v[0].speech_s == 9);
    assert_ok(find(s, "", " Mu\xcc\x88ller , judge", v, &n)); /* the order of the list; written another way */
    assert_int_equal(n, 2);
    assert_string_equal(v[0].name, "M\xc3\xbcller");
    assert_true(v[0].print[0] == 2 && v[1].print[0] == 1);
    assert_ok(find(s, "abcdefgh", "judge", v, &n));
    assert_true(v[0].print[0] == 4);
    assert_ok(find(s, "abcdefgh", "*", v, &n));
    assert_int_equal(n, 1);
    const voices_record *r = voices_find_record(voice_book_table(s->book), "", "judge");
    assert_ok(find(s, "", r->id, v, &n));
    assert_true(v[0].print[0] == 1);
    assert_int_equal(find(s, "abcdefgh", r->id, v, &n), STENO_E_NOT_FOUND);
}

static void what_cannot_be_named(void **state) {
    const shelf *s = *state;
    static const struct {
        const char *owner, *names, *said;
        steno_err error;
    } cases[] = {
        {"", "judge,clerk", "'clerk'", STENO_E_NOT_FOUND},
        {"nobody00", "judge", "'judge'", STENO_E_NOT_FOUND},
        {"nobody00", "*", "nobody is enrolled", STENO_E_NOT_FOUND},
        {"", "", "name: want one", STENO_E_INVALID},
        {"", "judge,", "name: want one", STENO_E_INVALID},
        {"", "judge,judge", "twice", STENO_E_INVALID},
        {"", "old", "another model", STENO_E_UNSUPPORTED},
        {"", "*", "'old' was enrolled with another model", STENO_E_UNSUPPORTED},
        {"manymany", "*", "more than 16", STENO_E_LIMIT},
        {"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "at most 63", STENO_E_INVALID},
    };
    static const steno_voice nothing;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        steno_voice v[STENO_SPEAKERS_MAX] = {0};
        int n = 7;
        assert_int_equal(find(s, cases[i].owner, cases[i].names, v, &n), cases[i].error);
        if (!strstr(steno_error_detail(), cases[i].said)) fail_msg("%s: %s", cases[i].names, steno_error_detail());
        assert_int_equal(n, 0);
        assert_memory_equal(v[0].print, nothing.print, sizeof nothing.print); /* wiped again */
    }
    steno_voice one;
    int n;
    assert_int_equal(voice_book_find(s->book, "", "judge,M\xc3\xbcller", &one, 1, &n), STENO_E_LIMIT);
    assert_int_equal(voice_book_find(NULL, "", "judge", &one, 1, &n), STENO_E_UNSUPPORTED);
}

/* Another model's prints may have another size, so that they cannot even be opened: the model is what is said. */
static void prints_of_another_model(void **state) {
    shelf *s = *state;
    steno_voice v[STENO_SPEAKERS_MAX] = {0};
    voices_table *t;
    int n = 7;
    add(s, "", "older", "xvector-callhome/1", 7);
    assert_ok(db_exec(s->p->d, "UPDATE voices SET print = zeroblob(540) WHERE name = 'older'"));
    assert_ok(voices_load(s->p->d, s->key, &t));
    voice_book *own = s->book;
    assert_ok(voice_book_open(s->store, s->key, t, &s->book));
    assert_int_equal(find(s, "", "older", v, &n), STENO_E_UNSUPPORTED);
    if (!strstr(steno_error_detail(), "another model")) fail_msg("%s", steno_error_detail());
    assert_int_equal(n, 0);
    assert_ok(find(s, "", "judge", v, &n));
    voice_book_close(own);
}

/* As a server's loop does, until the item that was put is done. */
static void tick(shelf *s) {
    voice_book_tick(s->book);
    struct pollfd at = {.fd = worker_fd(s->store), .events = POLLIN};
    assert_int_equal(poll(&at, 1, -1), 1);
    worker_deliver(s->store);
}

static void it_follows_the_database(void **state) {
    shelf *s = *state;
    steno_voice v[STENO_SPEAKERS_MAX];
    voices_record was;
    bool erased;
    int n;
    const voices_table *before = voice_book_table(s->book);
    tick(s);
    assert_ptr_equal(voice_book_table(s->book), before); /* nothing has changed: nothing was read */
    add(s, "", "new", ENROL_MODEL, 6);
    assert_int_equal(find(s, "", "new", v, &n), STENO_E_NOT_FOUND);
    tick(s);
    assert_ok(find(s, "", "new", v, &n));
    assert_ok(voices_delete(s->p->d, "", "new", &was, &erased));
    tick(s);
    assert_int_equal(find(s, "", "new", v, &n), STENO_E_NOT_FOUND);
    assert_ok(voices_rotate(s->p->d, s->key, &n, &erased));
    tick(s);
    assert_ok(find(s, "", "judge", v, &n));
}

static void without_a_key_it_stays_as_it_was(void **state) {
    shelf *s = *state;
    steno_voice v[STENO_SPEAKERS_MAX];
    char away[170];
    int n;
    log_set_level(LOG_LEVEL_ERROR);
    snprintf(away, sizeof away, "%s.away", s->key);
    add(s, "", "new", ENROL_MODEL, 6);
    assert_int_equal(rename(s->key, away), 0);
    tick(s);
    assert_ok(find(s, "", "judge", v, &n));
    assert_int_equal(find(s, "", "new", v, &n), STENO_E_NOT_FOUND);
    assert_int_equal(rename(away, s->key), 0);
    tick(s);
    assert_ok(find(s, "", "new", v, &n));
}

static void one_that_was_never_read(void **state) {
    shelf *s = *state;
    steno_voice v;
    voice_book *own = s->book;
    int n;
    assert_ok(voice_book_open(s->store, s->key, NULL, &s->book));
    assert_int_equal(find(s, "", "judge", &v, &n), STENO_E_IO);
    assert_null(strstr(steno_error_detail(), s->key));
    tick(s);
    assert_ok(find(s, "", "judge", &v, &n));
    voices_table *old;
    assert_ok(voices_load(s->p->d, s->key, &old));
    add(s, "", "new", ENROL_MODEL, 6);
    tick(s);
    voice_book_adopt(s->book, old); /* an answer that comes late */
    assert_ok(find(s, "", "new", &v, &n));
    voice_book_close(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(naming, open_shelf, close_shelf),
        cmocka_unit_test_setup_teardown(what_cannot_be_named, open_shelf, close_shelf),
        cmocka_unit_test_setup_teardown(prints_of_another_model, open_shelf, close_shelf),
        cmocka_unit_test_setup_teardown(it_follows_the_database, open_shelf, close_shelf),
        cmocka_unit_test_setup_teardown(without_a_key_it_stays_as_it_was, open_shelf, close_shelf),
        cmocka_unit_test_setup_teardown(one_that_was_never_read, open_shelf, close_shelf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
