/* find_test.h: what tests of rules share: what is found in a text, and that it is the same whatever byte the text is cut at. */
#ifndef STENO_FIND_TEST_H
#define STENO_FIND_TEST_H

#include "privacy/find.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static privacy *test_privacy;
static finder *test_finder;
static entity_set test_types;

static inline int find_begin(void **state) {
    (void)state;
    test_types = entity_all_set;
    return privacy_open(&(privacy_options){.no_names = true}, &test_privacy) || finder_open(test_privacy, &test_finder);
}

static int find_end(void **state) {
    (void)state;
    finder_free(test_finder);
    privacy_close(test_privacy);
    return 0;
}

static find_result find_in(const char *text, size_t n, size_t context, bool whole) {
    find_text t = {.text = text, .n = n, .context = context, .stable = n, .whole = whole};
    find_result result;
    assert_int_equal(find_run(test_finder, &t, test_types, 0.5f, &result), STENO_OK);
    return result;
}

/* "phone:138 1234 5678=13812345678; id:…" of what is found in the whole text. */
static inline const char *found_in(const char *text) {
    static char said[4096];
    find_result r = find_in(text, strlen(text), 0, true);
    size_t n = 0;
    said[0] = 0;
    for (uint32_t i = 0; i < r.n; i++)
        n += (size_t)snprintf(said + n, sizeof said - n, "%s%s:%.*s=%s", i ? "; " : "", entity_name(r.findings[i].type),
                              (int)r.findings[i].n, text + r.findings[i].at, r.findings[i].canonical);
    return said;
}

/* One finding of that type, with these figures. */
static inline void check_found(const char *text, entity_type type, const char *canonical) {
    find_result r = find_in(text, strlen(text), 0, true);
    if (r.n != 1 || r.findings[0].type != type || (canonical && strcmp(r.findings[0].canonical, canonical) != 0))
        fail_msg("\"%s\": %s", text, found_in(text));
}

static inline void check_nothing(const char *text) {
    if (find_in(text, strlen(text), 0, true).n) fail_msg("\"%s\": %s", text, found_in(text));
}

static bool same_finding(const finding *a, const finding *b) {
    return a->type == b->type && a->at == b->at && a->n == b->n && a->confidence == b->confidence &&
           strcmp(a->canonical, b->canonical) == 0;
}

static inline void check_cut(const char *text, size_t n, size_t cut, const finding *whole, uint32_t n_whole) {
    char *front = malloc(cut + 1); /* of its own, so that a sanitizer sees what reads on */
    memcpy(front, text, cut);
    find_result r = find_in(front, cut, 0, false);
    size_t settled = r.settled;
    if (settled > cut) fail_msg("settled %zu of %zu", settled, cut);
    for (uint32_t i = 0; i < r.n; i++)
        if (i >= n_whole || !same_finding(&r.findings[i], &whole[i]))
            fail_msg("\"%.*s\" | \"%s\": found %s at %u differs", (int)cut, text, text + cut,
                     entity_name(r.findings[i].type), r.findings[i].at);
    if (r.n < n_whole && whole[r.n].at < settled)
        fail_msg("\"%.*s\" | \"%s\": settled %zu, but %s begins at %u", (int)cut, text, text + cut, settled,
                 entity_name(whole[r.n].type), whole[r.n].at);
    uint32_t before = r.n;
    free(front);
    r = find_in(text, n, settled, true); /* and from there on */
    if (before + r.n != n_whole) fail_msg("\"%.*s\" | \"%s\": going on finds %u", (int)cut, text, text + cut, r.n);
    for (uint32_t i = 0; i < r.n; i++)
        if (!same_finding(&r.findings[i], &whole[before + i]))
            fail_msg("\"%.*s\" | \"%s\": going on differs", (int)cut, text, text + cut);
}

/* Chunk invariance: every byte of the text. */
static inline void check_cuts(const char *text, size_t n) {
    find_result r = find_in(text, n, 0, true);
    finding *whole = malloc((r.n + 1) * sizeof *whole);
    memcpy(whole, r.findings, r.n * sizeof *whole);
    uint32_t n_whole = r.n;
    assert_int_equal(r.settled, n);
    for (size_t cut = 0; cut <= n; cut++) check_cut(text, n, cut, whole, n_whole);
    free(whole);
}

#endif
