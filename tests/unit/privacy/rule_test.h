/* rule_test.h: sentences with what is to be found in them between braces; each is tried whole, and cut at every byte. */
#ifndef STENO_TESTS_RULE_TEST_H
#define STENO_TESTS_RULE_TEST_H

#include "privacy/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RULE_TEST_BYTES 1024
#define RULE_TEST_FOUND 16

static privacy *rule_test_privacy;
static finder *rule_test_finder;
static entity_set rule_test_types; /* looked for */

static inline void rule_test_open(const char *rules_path, entity_set types) {
    privacy_options options = {.rules_path = rules_path, .no_names = true};
    steno_err err = privacy_open(&options, &rule_test_privacy);
    if (err) print_error("%s\n", steno_error_detail());
    assert_int_equal(err, STENO_OK);
    assert_int_equal(finder_open(rule_test_privacy, &rule_test_finder), STENO_OK);
    rule_test_types = types;
}

static inline void rule_test_close(void) {
    finder_free(rule_test_finder);
    privacy_close(rule_test_privacy);
}

/* Braces taken away; *n marks [at, end). */
static inline size_t rule_test_plain(const char *marked, char *text, size_t marks[RULE_TEST_FOUND][2], uint32_t *n) {
    size_t at = 0;
    *n = 0;
    for (; *marked; marked++) {
        if (*marked == '{')
            marks[*n][0] = at;
        else if (*marked == '}')
            marks[(*n)++][1] = at;
        else
            text[at++] = *marked;
    }
    text[at] = 0;
    assert_true(at < RULE_TEST_BYTES && *n < RULE_TEST_FOUND);
    return at;
}

static inline void rule_test_say(const char *text, const find_result *r) {
    print_error("in: %s\n", text);
    for (uint32_t i = 0; i < r->n; i++)
        print_error("  found %s %.2f: '%.*s'\n", entity_name(r->findings[i].type), (double)r->findings[i].confidence,
                    (int)r->findings[i].n, text + r->findings[i].at);
}

/* The front of the text says nothing before `settled` that the whole does not say, and leaves out nothing. A copy of exact size, so
 * that whoever reads on is caught. */
static inline void rule_test_cut(const char *text, size_t cut, const finding *whole, uint32_t n) {
    find_result r;
    char *front = malloc(cut + 1);
    assert_non_null(front);
    memcpy(front, text, cut);
    find_text t = {.text = front, .n = cut, .stable = cut};
    assert_int_equal(find_run(rule_test_finder, &t, rule_test_types, 0.5f, &r), STENO_OK);
    uint32_t k = 0;
    bool same = true;
    for (; k < n && whole[k].at < r.settled; k++)
        same = same && k < r.n && r.findings[k].at == whole[k].at && r.findings[k].n == whole[k].n &&
               r.findings[k].type == whole[k].type && strcmp(r.findings[k].canonical, whole[k].canonical) == 0;
    if (!same || k != r.n) {
        rule_test_say(front, &r);
        fail_msg("cut at %zu of '%s': settled %zu, but the whole says otherwise", cut, text, r.settled);
    }
    free(front);
}

/* `marked` with findings in braces; `canonical` of the first of them, or NULL. */
static inline void expect(const char *marked, const char *canonical) {
    char text[RULE_TEST_BYTES];
    size_t marks[RULE_TEST_FOUND][2];
    finding whole[RULE_TEST_FOUND];
    uint32_t n;
    find_result r;
    size_t bytes = rule_test_plain(marked, text, marks, &n);
    find_text t = {.text = text, .n = bytes, .stable = bytes, .whole = true};
    assert_int_equal(find_run(rule_test_finder, &t, rule_test_types, 0.5f, &r), STENO_OK);
    bool same = r.n == n;
    for (uint32_t i = 0; i < n && same; i++)
        same = r.findings[i].at == marks[i][0] && r.findings[i].at + r.findings[i].n == marks[i][1];
    if (!same) {
        rule_test_say(text, &r);
        fail_msg("expected: %s", marked);
    }
    if (canonical) assert_string_equal(r.findings[0].canonical, canonical);
    memcpy(whole, r.findings, n * sizeof *whole);
    for (size_t cut = 0; cut <= bytes; cut++) rule_test_cut(text, cut, whole, n);
}

#endif
