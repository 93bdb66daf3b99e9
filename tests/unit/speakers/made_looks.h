/* made_looks.h: looks of people who were never there: what tests of clustering and tracking are fed with.
 *
 * Purpose   a person is a point drawn with the variance that people of one conversation have (MADE_BETWEEN in each direction, as
 *           measured; backend_between is that of people of whom less is known), a look scatters about it. As with real ones what a
 *           look is wrong by comes from its blocks of 250 ms, and looks that share blocks are wrong alike. Normal, seeded.
 */
#ifndef STENO_TESTS_MADE_LOOKS_H
#define STENO_TESTS_MADE_LOOKS_H

#include "speakers/backend.h"
#include "speakers/look.h"
#include "speakers/timeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_ok(call) assert_int_equal((call), STENO_OK)

#define MADE_PEOPLE  64
#define MADE_LOOK_S  1.5f
#define MADE_BETWEEN 0.5f
#define MADE_BLOCKS  6 /* of a look */

typedef struct made {
    uint64_t state;
    int people;
    float point[MADE_PEOPLE][SPEAKERS_DIM];
    float scatter;                          /* variance of looks */
    int64_t block;                          /* the newest that was drawn */
    float wrong[MADE_BLOCKS][SPEAKERS_DIM]; /* by block modulo */
} made;

/* Uniform in 0..1, not 0. */
static inline double made_uniform(made *m) {
    m->state = m->state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(m->state >> 40) + 0.5) / 16777216.0;
}

static inline int made_below(made *m, int n) {
    return (int)(made_uniform(m) * n);
}

static inline float made_normal(made *m, float variance) {
    double r = sqrt(-2.0 * log(made_uniform(m)));
    return (float)(r * cos(6.283185307179586 * made_uniform(m))) * sqrtf(variance);
}

static inline void made_people(made *m, uint64_t seed, int people) {
    memset(m, 0, sizeof *m);
    m->state = seed;
    m->people = people;
    m->scatter = 0.65f;
    print_message("seed %llu: %d people\n", (unsigned long long)seed, people);
    for (int i = 0; i < 16; i++) (void)made_uniform(m);
    for (int p = 0; p < people; p++) {
        for (int d = 0; d < SPEAKERS_DIM; d++) m->point[p][d] = made_normal(m, fmaxf(backend_between[d], MADE_BETWEEN));
    }
}

/* A look of somebody over the newest `blocks` up to `end`, at most MADE_BLOCKS; ends go up. */
static inline speakers_look made_short_look(made *m, int who, int64_t end, int blocks) {
    speakers_look l = {.first = end - blocks, .end = end, .speech_s = MADE_LOOK_S * (float)blocks / MADE_BLOCKS};
    if (m->block < end - MADE_BLOCKS) m->block = end - MADE_BLOCKS;
    for (; m->block < end; m->block++) {
        for (int d = 0; d < SPEAKERS_DIM; d++)
            m->wrong[m->block % MADE_BLOCKS][d] = made_normal(m, m->scatter * MADE_BLOCKS);
    }
    for (int d = 0; d < SPEAKERS_DIM; d++) {
        float wrong = 0.0f;
        for (int64_t b = end - blocks; b < end; b++) wrong += m->wrong[b % MADE_BLOCKS][d];
        l.e[d] = m->point[who][d] + wrong / (float)blocks;
    }
    return l;
}

static inline speakers_look made_look(made *m, int who, int64_t end) {
    return made_short_look(m, who, end, MADE_BLOCKS);
}

/* How many people a timeline names. */
static inline int made_labels(const timeline *t) {
    unsigned seen = 0;
    for (int64_t b = 0; b < t->end; b++) {
        int who = timeline_at(t, b).speaker;
        if (who >= 0) seen |= 1u << who;
    }
    return __builtin_popcount(seen);
}

#endif
