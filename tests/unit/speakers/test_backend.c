/* test_backend.c: the projection against plain sums in double precision over the same table, and what the table promises. That
 * voices are told apart there is measured by bench/speakers/embedding.mjs. */
#include "speakers/backend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEED      20261126u
#define TOLERANCE 1e-5 /* of the sum of all terms' sizes: floats against double */

/* The same table again, under other names. */
#define backend_between table_between
#include "speakers/backend_table.inc"
#undef backend_between

static uint64_t random_state = SEED;

/* Uniform in -1..1. */
static float noise(void) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(random_state >> 40) / 8388608.0 - 1.0);
}

static void plain_sums_agree(void **state) {
    (void)state;
    print_message("seed %u\n", SEED);
    for (int round = 0; round < 100; round++) {
        float post[BACKEND_POST], z[SPEAKERS_DIM];
        for (int i = 0; i < BACKEND_POST; i++) post[i] = 3.0f * noise();
        backend_project(post, z);
        for (int d = 0; d < SPEAKERS_DIM; d++) {
            double want = (double)offset[d], size = fabs(want);
            for (int i = 0; i < BACKEND_POST; i++) {
                want += (double)post[i] * (double)matrix[i][d];
                size += fabs((double)post[i] * (double)matrix[i][d]);
            }
            if (!(fabs((double)z[d] - want) <= TOLERANCE * size)) fail_msg("round %d, dimension %d", round, d);
        }
    }
}

static void between_descends(void **state) {
    (void)state;
    assert_memory_equal(backend_between, table_between, sizeof table_between);
    for (int d = 0; d < SPEAKERS_DIM; d++) {
        assert_true(backend_between[d] > 0.0f && backend_between[d] < 100.0f);
        assert_true(d == 0 || backend_between[d] <= backend_between[d - 1]);
    }
}

/* No dimension is a copy of another, and none is empty. */
static void dimensions_differ(void **state) {
    (void)state;
    for (int a = 0; a < SPEAKERS_DIM; a++) {
        for (int b = 0; b <= a; b++) {
            double ab = 0.0, aa = 0.0, bb = 0.0;
            for (int i = 0; i < BACKEND_POST; i++) {
                ab += (double)matrix[i][a] * (double)matrix[i][b];
                aa += (double)matrix[i][a] * (double)matrix[i][a];
                bb += (double)matrix[i][b] * (double)matrix[i][b];
            }
            assert_true(aa > 0.0 && bb > 0.0);
            if (a != b) assert_true(fabs(ab) < 0.95 * sqrt(aa * bb));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_sums_agree),
        cmocka_unit_test(between_descends),
        cmocka_unit_test(dimensions_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
