/* test_outbox.c: coalescing, acknowledging, resuming: no final lost or doubled, numbers without gaps. */
#include "api/outbox.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static steno_err put(outbox *o, outbox_kind kind, uint32_t message, const char *body) {
    return outbox_put(o, kind, message, body, strlen(body));
}

/* Sends everything; returns it as "seq:body seq:body …". */
static const char *drain(outbox *o) {
    static char out[4096];
    size_t n = 0;
    out[0] = 0;
    for (const outbox_event *e; (e = outbox_next(o)); outbox_sent(o))
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%d:%.*s", n ? " " : "", (int)e->seq, (int)e->n, e->body);
    return out;
}

static void only_the_newest_partial(void **state) {
    outbox o = {0};
    (void)state;
    assert_int_equal(put(&o, OUTBOX_SPEECH, 0, "s0"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 0, "p1"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 1, "other"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 0, "p2"), STENO_OK);
    assert_int_equal(o.coalesced, 1);
    assert_string_equal(drain(&o), "1:s0 2:other 3:p2");
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 0, "p3"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_FINAL, 0, "f"), STENO_OK);
    assert_int_equal(o.coalesced, 2);
    assert_string_equal(drain(&o), "4:f");
    assert_int_equal(o.n, 2); /* the final, and the other message's partial */
    outbox_free(&o);
}

static void finals_are_never_overtaken(void **state) {
    outbox o = {0};
    (void)state;
    assert_int_equal(put(&o, OUTBOX_FINAL, 0, "f0"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_FINAL, 1, "f1"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 1, "late"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_KEEP, 0, "answer"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_KEEP, 0, "answer"), STENO_OK);
    assert_string_equal(drain(&o), "1:f0 2:f1 3:late 4:answer 5:answer");
    outbox_free(&o);
}

static void state_is_told_once(void **state) {
    outbox o = {0};
    (void)state;
    assert_int_equal(put(&o, OUTBOX_STATS, 0, "a"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_LOAD, 0, "x"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_STATS, 0, "b"), STENO_OK);
    assert_string_equal(drain(&o), "1:x 2:b");
    assert_int_equal(outbox_resume(&o, 0), STENO_OK);
    assert_string_equal(drain(&o), "1:x"); /* stats come again by themselves */
    outbox_free(&o);
}

static void what_was_lost_comes_again(void **state) {
    outbox o = {0};
    (void)state;
    assert_int_equal(outbox_number(&o), 1); /* ready */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(&o, OUTBOX_SPEECH, (uint32_t)i, "s"), STENO_OK);
        assert_int_equal(put(&o, OUTBOX_PARTIAL, (uint32_t)i, "p"), STENO_OK);
        assert_string_equal(drain(&o), i == 0 ? "2:s 3:p" : i == 1 ? "5:s 6:p" : "8:s 9:p");
        if (i < 2) {
            assert_int_equal(put(&o, OUTBOX_FINAL, (uint32_t)i, i ? "f1" : "f0"), STENO_OK);
            drain(&o);
        }
    }
    /* The client has 1..4: the first final, and nothing of the rest. */
    assert_int_equal(outbox_resume(&o, 4), STENO_OK);
    assert_int_equal(outbox_number(&o), 5); /* ready */
    assert_int_equal(put(&o, OUTBOX_PARTIAL, 2, "newer"), STENO_OK);
    assert_string_equal(drain(&o), "6:f1 7:s 8:newer");
    /* And loses the connection before it got any of that. */
    assert_int_equal(outbox_resume(&o, 4), STENO_OK);
    assert_int_equal(outbox_number(&o), 5);
    assert_string_equal(drain(&o), "6:f1 7:s 8:newer");
    assert_int_equal(outbox_resume(&o, 9), STENO_E_INVALID);
    outbox_free(&o);
}

static void acknowledged_events_go(void **state) {
    outbox o = {0};
    (void)state;
    for (int i = 0; i < 4; i++) assert_int_equal(put(&o, OUTBOX_KEEP, 0, "k"), STENO_OK);
    outbox_next(&o);
    outbox_sent(&o);
    outbox_next(&o);
    outbox_sent(&o);
    outbox_acknowledge(&o, 1);
    assert_int_equal(o.n, 3);
    outbox_acknowledge(&o, 100); /* what was not sent cannot be there yet */
    assert_int_equal(o.n, 2);
    assert_string_equal(drain(&o), "3:k 4:k");
    outbox_free(&o);
}

static void a_reader_that_lags_is_told_of(void **state) {
    outbox o = {0};
    int unsent = 0;
    (void)state;
    while (put(&o, OUTBOX_KEEP, 0, "k") == STENO_OK) unsent++;
    assert_int_equal(unsent, OUTBOX_UNSENT_MAX);
    int more = 0;
    steno_err e;
    while ((e = put(&o, OUTBOX_KEEP, 0, "k")) == STENO_E_LIMIT) more++;
    assert_int_equal(e, STENO_E_NOMEM); /* nothing is dropped instead */
    assert_int_equal(o.n, unsent + 1 + more);
    assert_int_equal(o.n, OUTBOX_KEPT_MAX);
    outbox_free(&o);
}

static void by_bytes_too(void **state) {
    outbox o = {0};
    static char big[OUTBOX_UNSENT_BYTES_MAX];
    (void)state;
    assert_int_equal(outbox_put(&o, OUTBOX_KEEP, 0, big, sizeof big), STENO_OK);
    assert_int_equal(outbox_put(&o, OUTBOX_KEEP, 0, big, 1), STENO_E_LIMIT);
    assert_int_equal(outbox_put(&o, OUTBOX_KEEP, 0, big, sizeof big), STENO_E_NOMEM);
    outbox_free(&o);
}

static void old_events_are_not_kept_for_ever(void **state) {
    outbox o = {0};
    (void)state;
    for (int i = 0; i < OUTBOX_KEPT_MAX + 10; i++) {
        assert_int_equal(put(&o, OUTBOX_KEEP, 0, "k"), STENO_OK);
        outbox_next(&o);
        outbox_sent(&o);
    }
    assert_int_equal(o.n, OUTBOX_KEPT_MAX);
    assert_int_equal(o.lost_seq, 10);
    assert_int_equal(outbox_check_resume(&o, 9), STENO_E_NOT_FOUND);
    assert_int_equal(outbox_resume(&o, 9), STENO_E_NOT_FOUND);
    assert_int_equal(outbox_resume(&o, 10), STENO_OK);
    assert_int_equal(o.n_unsent, OUTBOX_KEPT_MAX);
    outbox_free(&o);
}

/* A client that loses its connection at random and believes only what it received. */
static void nothing_lost_nothing_doubled(void **state) {
    unsigned seed = 7;
    (void)state;
    printf("seed %u\n", seed);
    for (int round = 0; round < 200; round++) {
        outbox o = {0};
        uint64_t has = 0;
        int next_final = 0, got_final = 0;
        for (int step = 0; step < 400; step++) {
            char body[16];
            switch (rand_r(&seed) % 5) {
            case 0:
            case 1:
                snprintf(body, sizeof body, "p%d", next_final);
                assert_int_equal(put(&o, OUTBOX_PARTIAL, (uint32_t)next_final, body), STENO_OK);
                break;
            case 2:
                snprintf(body, sizeof body, "f%d", next_final);
                assert_int_equal(put(&o, OUTBOX_FINAL, (uint32_t)next_final++, body), STENO_OK);
                break;
            case 3: { /* some events go out, of which the client gets the first few */
                int lost_from = rand_r(&seed) % 6;
                bool broken = false;
                for (int i = 0; i < 6; i++) {
                    const outbox_event *e = outbox_next(&o);
                    if (!e) break;
                    broken = broken || i >= lost_from;
                    if (!broken) {
                        assert_int_equal(e->seq, has + 1);
                        has = e->seq;
                        if (e->kind == OUTBOX_FINAL) assert_int_equal(atoi(e->body + 1), got_final++);
                    }
                    outbox_sent(&o);
                }
                if (broken) assert_int_equal(outbox_resume(&o, has), STENO_OK);
                break;
            }
            default:
                outbox_acknowledge(&o, has);
            }
        }
        for (const outbox_event *e; (e = outbox_next(&o)); outbox_sent(&o)) {
            if (e->kind == OUTBOX_FINAL) assert_int_equal(atoi(e->body + 1), got_final++);
        }
        assert_int_equal(got_final, next_final);
        outbox_free(&o);
        assert_int_equal(o.n, 0);
        assert_int_equal(o.bytes, 0);
    }
}

static void only_the_newest_revision_is_kept(void **state) {
    outbox o = {0};
    const outbox_event *e;
    (void)state;
    assert_int_equal(put(&o, OUTBOX_FINAL, 1, "one"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_REVISION, 1, "A"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_REVISION, 2, "of two"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_REVISION, 1, "B"), STENO_OK);
    while ((e = outbox_next(&o))) outbox_sent(&o);
    assert_int_equal(o.sent_seq, 3);
    assert_int_equal(put(&o, OUTBOX_REVISION, 1, "C"), STENO_OK); /* instead of one that was sent */
    assert_int_equal(outbox_resume(&o, 0), STENO_OK);
    static const char *const want[] = {"one", "of two", "C"};
    for (int i = 0; i < 3; i++) {
        e = outbox_next(&o);
        assert_non_null(e);
        assert_memory_equal(e->body, want[i], strlen(want[i]));
    }
    assert_null(outbox_next(&o));
    assert_int_equal(put(&o, OUTBOX_FINAL, 2, "two"), STENO_OK); /* says itself who speaks */
    assert_int_equal(o.n_revisions, 1);
    outbox_free(&o);
    assert_int_equal(o.n_revisions + o.revision_bytes + o.n + o.bytes, 0);
}

/* All messages of a long session revised at once do not end it, and no more than that is kept. */
static void revisions_have_room_of_their_own(void **state) {
    outbox o = {0};
    (void)state;
    for (uint32_t i = 0; i < OUTBOX_REVISIONS_MAX; i++) assert_int_equal(put(&o, OUTBOX_REVISION, i, "x"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_FINAL, OUTBOX_REVISIONS_MAX, "last"), STENO_OK);
    assert_int_equal(put(&o, OUTBOX_REVISION, OUTBOX_REVISIONS_MAX + 1, "x"), STENO_E_NOMEM);
    while (outbox_next(&o)) outbox_sent(&o);
    assert_int_equal(put(&o, OUTBOX_REVISION, OUTBOX_REVISIONS_MAX + 1, "x"), STENO_OK);
    assert_int_equal(o.n_revisions, OUTBOX_REVISIONS_MAX);
    assert_int_equal(o.lost_seq, 1);
    outbox_free(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_the_newest_partial),
                                       cmocka_unit_test(finals_are_never_overtaken),
                                       cmocka_unit_test(state_is_told_once),
                                       cmocka_unit_test(what_was_lost_comes_again),
                                       cmocka_unit_test(acknowledged_events_go),
                                       cmocka_unit_test(a_reader_that_lags_is_told_of),
                                       cmocka_unit_test(by_bytes_too),
                                       cmocka_unit_test(old_events_are_not_kept_for_ever),
                                       cmocka_unit_test(nothing_lost_nothing_doubled),
                                       cmocka_unit_test(only_the_newest_revision_is_kept),
                                       cmocka_unit_test(revisions_have_room_of_their_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
