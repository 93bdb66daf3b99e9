/* nn_test.h: what the tests of weight files share: a folder of their own, file helpers, and the allocation sweep. */
#ifndef TESTS_UNIT_NN_TEST_H
#define TESTS_UNIT_NN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST_PATH_BYTES 4096

/* Makes an empty folder; test_folder_remove() deletes it with the files in it. */
static inline void test_folder(char dir[TEST_PATH_BYTES]) {
    const char *base = getenv("TMPDIR");
    snprintf(dir, TEST_PATH_BYTES, "%s/steno-test-XXXXXX", base && base[0] ? base : P_tmpdir);
    assert_non_null(mkdtemp(dir));
}

static inline void test_path(char path[TEST_PATH_BYTES], const char *dir, const char *file) {
    assert_true(snprintf(path, TEST_PATH_BYTES, "%s/%s", dir, file) < TEST_PATH_BYTES);
}

static inline size_t test_folder_files(const char *dir) {
    DIR *d = opendir(dir);
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static inline void test_folder_remove(const char *dir) {
    char path[TEST_PATH_BYTES];
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        test_path(path, dir, e->d_name);
        assert_int_equal(unlink(path), 0);
    }
    closedir(d);
    assert_int_equal(rmdir(dir), 0);
}

static inline void test_write(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* The whole file; free() it. */
static inline unsigned char *test_read(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

/* Fails each allocation of `once` in turn until a run needs no more; every failed run must report STENO_E_NOMEM. Leaks
 * are the sanitizer's to find. Returns how many allocations there were. */
static inline unsigned test_sweep(steno_err (*once)(void *user), void *user) {
    for (unsigned nth = 1; nth < 10000; nth++) {
        mem_fault_arm(nth);
        steno_err err = once(user);
        int hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) {
            assert_int_equal(err, STENO_OK);
            return nth - 1;
        }
        assert_int_equal(err, STENO_E_NOMEM);
    }
    fail_msg("the sweep does not end");
    return 0;
}

/* A small reproducible generator (splitmix64): the seed is printed by whoever uses it. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* The node_modules folder with the real packages, or NULL. */
static inline const char *test_node_modules(void) {
    const char *dir = getenv("STENO_NODE_MODULES");
    if (dir && dir[0]) return dir;
    return access("models/node_modules/@ricky0123/vad-web", R_OK) == 0 ? "models/node_modules" : NULL;
}

#endif
