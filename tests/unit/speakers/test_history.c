/* test_history.c: looks remembered in constant memory: how they thin, that they stay in order, what one is worth after it. */
#include "speakers/history.h"

#include "made_looks.h"

#define SEED 20261127u

/* With a guard behind, because a full history is where it would write too far. */
static struct {
    history h;
    uint8_t guard[64];
} kept;

static void setup_history(void) {
    memset(&kept, 0xa5, sizeof kept);
    history_reset(&kept.h);
}

static speakers_look plain(int64_t end) {
    speakers_look l = {.first = end - 6, .end = end, .speech_s = 1.5f};
    return l;
}

static void assert_in_order(int64_t newest) {
    const history *h = &kept.h;
    assert_in_range(h->n, 1, HISTORY_LOOKS);
    assert_true((h->stride & (h->stride - 1)) == 0);
    for (int i = 1; i < h->n; i++) assert_true(h->look[i].end - h->look[i - 1].end >= h->stride);
    assert_true(h->look[h->n - 1].end <= newest && h->look[h->n - 1].end > newest - 2 * (int64_t)h->stride);
    for (size_t i = 0; i < sizeof kept.guard; i++) assert_int_equal(kept.guard[i], 0xa5);
}

/* Four hours of one who never pauses, then a week. */
static void it_covers_all_of_a_long_session(void **state) {
    (void)state;
    setup_history();
    int64_t end = 6;
    for (; end < 6 + 4 * 3600 * 4; end++) {
        speakers_look l = plain(end);
        history_add(&kept.h, &l, 0);
        if (end % 997 == 0) assert_in_order(end);
    }
    assert_int_equal(kept.h.look[0].end, 6); /* the beginning is not forgotten */
    assert_true(kept.h.n > HISTORY_LOOKS / 2 - 1);
    assert_int_equal(kept.h.stride, 16);
    for (; end < 7 * 24 * 3600 * 4; end++) {
        speakers_look l = plain(end);
        history_add(&kept.h, &l, 0);
    }
    assert_in_order(end - 1);
    assert_true(kept.h.n > HISTORY_LOOKS / 2 - 1);
}

/* Looks that lie far apart, so that thinning once drops none of them. */
static void sparse_looks_thin_too(void **state) {
    (void)state;
    made m;
    for (int apart = 2; apart <= 512; apart *= 2) {
        made_people(&m, SEED + (unsigned)apart, 1);
        setup_history();
        int64_t end = 6;
        for (int i = 0; i < 3 * HISTORY_LOOKS; i++, end += apart + made_below(&m, 3)) {
            speakers_look l = plain(end);
            int at = history_add(&kept.h, &l, 0);
            assert_true(at < HISTORY_LOOKS && at == (at < 0 ? -1 : kept.h.n - 1));
            if (i % 512 == 0 || i > 3 * HISTORY_LOOKS - 3) assert_in_order(end);
        }
        assert_true(kept.h.n > HISTORY_LOOKS / 4);
    }
}

static void a_look_comes_back(void **state) {
    (void)state;
    made m;
    float z[SPEAKERS_DIM];
    made_people(&m, SEED, 1);
    setup_history();
    for (int i = 0; i < 100; i++) {
        speakers_look l = made_look(&m, 0, 10 + i);
        l.speech_s = 0.5f + 0.01f * (float)i;
        if (i == 7) l.e[3] = 40.0f, l.e[4] = -40.0f; /* more than 16 bits hold */
        assert_int_equal(history_add(&kept.h, &l, i % 16), i);
        const history_look *got = &kept.h.look[i];
        history_get(got, z);
        assert_true(got->first == l.first && got->end == l.end && got->speaker == i % 16);
        for (int d = 0; d < SPEAKERS_DIM; d++) {
            float want = l.e[d] > 16.0f ? 16.0f : l.e[d] < -16.0f ? -16.0f : l.e[d];
            assert_true(fabsf(z[d] - want) < 0.51f / HISTORY_SCALE + 0.001f * (float)(i == 7));
        }
    }
    speakers_look again = made_look(&m, 0, 109), longer = made_look(&m, 0, 110);
    assert_int_equal(history_add(&kept.h, &again, 0), -1); /* the same block as the last one's */
    int at = history_add(&kept.h, &longer, SPEAKERS_UNKNOWN);
    assert_true(kept.h.look[at].speaker == SPEAKERS_UNKNOWN);
}

static void names_change_together(void **state) {
    (void)state;
    setup_history();
    for (int i = 0; i < 60; i++) {
        speakers_look l = plain(6 + i);
        history_add(&kept.h, &l, i % 3 - 1);
    }
    history_rename(&kept.h, 1, 0);
    history_rename(&kept.h, 5, 1); /* nobody */
    for (int i = 0; i < 60; i++) assert_int_equal(kept.h.look[i].speaker, i % 3 == 0 ? SPEAKERS_UNKNOWN : 0);
    /* Nobody else, with a higher number or a lower one. */
    for (int i = 0; i < 60; i++) kept.h.look[i].speaker = (int8_t)(i % 16);
    history_rename(&kept.h, 7, 2);
    for (int i = 0; i < 60; i++) assert_int_equal(kept.h.look[i].speaker, i % 16 == 7 ? 2 : i % 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_covers_all_of_a_long_session),
        cmocka_unit_test(sparse_looks_thin_too),
        cmocka_unit_test(a_look_comes_back),
        cmocka_unit_test(names_change_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
