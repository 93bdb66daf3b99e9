/* random.h: the same numbers every time, for tests: splitmix64 from a seed that is printed. Header only.
 */
#ifndef STENO_TESTS_RANDOM_H
#define STENO_TESTS_RANDOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t random_state;

/* Starts the sequence from STENO_TEST_SEED, or a constant, and says so. */
static inline void random_start(void) {
    const char *wish = getenv("STENO_TEST_SEED");
    random_state = wish ? strtoull(wish, NULL, 0) : 0x5e7e0u;
    print_message("seed %llu (STENO_TEST_SEED)\n", (unsigned long long)random_state);
}

/* splitmix64 */
static inline uint64_t random_bits(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 .. n - 1 */
static inline int random_below(int n) {
    return (int)(random_bits() % (uint64_t)n);
}

/* -1 .. 1 */
static inline float random_unit(void) {
    return (float)((double)(random_bits() >> 40) / 8388608.0 - 1.0);
}

#endif
