/* test_score_pii.c: `steno score pii` on small files. */
#include "cmd/cmd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <jansson.h>

#include "capture.h"

static char folder[] = "/tmp/steno-pii-XXXXXX";
static char ref[64], hyp[64];

#define LINE(entities)     "{\"text\":\"0123456789\",\"entities\":[" entities "]}\n"
#define ENTITY(type, s, e) "{\"type\":\"" type "\",\"start\":" #s ",\"end\":" #e "}"

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(ref, sizeof ref, "%s/ref", folder);
    snprintf(hyp, sizeof hyp, "%s/hyp", folder);
    return 0;
}

static int drop_folder(void **state) {
    (void)state;
    unlink(ref);
    unlink(hyp);
    return rmdir(folder);
}

static int score(const char *ref_text, const char *hyp_text) {
    char line[256];
    capture_put(ref, ref_text);
    capture_put(hyp, hyp_text);
    snprintf(line, sizeof line, "score pii --json %s %s", ref, hyp);
    return capture(cmd_score, line);
}

/* Counts of a type, or of all. Owned by *all. */
static const json_t *counts(json_t **all, const char *type) {
    size_t i;
    json_t *of;
    *all = json_loads(captured_out, 0, NULL);
    assert_non_null(*all);
    json_array_foreach(json_object_get(*all, "types"), i, of) {
        if (strcmp(json_string_value(json_object_get(of, "type")), type) == 0) return of;
    }
    return json_object_get(*all, "all");
}

static void expect(const char *type, const char *key, double value) {
    json_t *all;
    assert_float_equal(json_number_value(json_object_get(counts(&all, type), key)), value, 1e-9);
    json_decref(all);
}

static void pairs_by_overlap_and_exactly(void **state) {
    (void)state;
    assert_int_equal(score(LINE(ENTITY("phone", 0, 4) "," ENTITY("card", 5, 9)) LINE(""),
                           LINE(ENTITY("phone", 3, 6) "," ENTITY("card", 5, 9)) LINE(ENTITY("card", 0, 2))),
                     0);
    expect("phone", "overlap", 1);
    expect("phone", "exact", 0);
    expect("phone", "precision", 1);
    expect("phone", "uncovered_bytes", 3);
    expect("card", "exact", 1);
    expect("card", "precision", 0.5);
    expect("card", "recall", 1);
    expect("(all)", "reference", 2);
    expect("(all)", "hypothesis", 3);
    expect("(all)", "overlap", 2);
    expect("(all)", "f1", 0.8);
    expect("(all)", "bytes", 8);
}

static void a_pair_each_at_most(void **state) {
    (void)state;
    /* Two halves of one; two of which one is found; the second of two halves is the exact one. */
    assert_int_equal(score(LINE(ENTITY("a", 0, 8)) LINE(ENTITY("b", 0, 3) "," ENTITY("b", 4, 8)),
                           LINE(ENTITY("a", 4, 8) "," ENTITY("a", 0, 3)) LINE(ENTITY("b", 2, 6))),
                     0);
    expect("a", "overlap", 1);
    expect("a", "hypothesis", 2);
    expect("a", "uncovered_bytes", 1);
    expect("b", "overlap", 1);
    expect("b", "recall", 0.5);
    expect("b", "uncovered_bytes", 4);
}

static void another_type_covers_but_is_no_pair(void **state) {
    (void)state;
    assert_int_equal(score(LINE(ENTITY("phone", 0, 4)), "{\"entities\":[" ENTITY("card", 0, 9) "]}\n"), 0);
    expect("phone", "overlap", 0);
    expect("phone", "uncovered_bytes", 0);
    json_t *all;
    assert_true(json_is_null(json_object_get(counts(&all, "phone"), "precision")));
    json_decref(all);
}

static void refuses(const char *ref_text, const char *hyp_text, const char *reason) {
    assert_int_equal(score(ref_text, hyp_text), 1);
    assert_non_null(strstr(captured_err, reason));
}

static void what_is_not_as_it_should_be_is_refused(void **state) {
    (void)state;
    refuses(LINE("") LINE(""), LINE(""), "hyp: 1 lines");
    refuses(LINE("") "{\n", LINE("") LINE(""), "line 2");
    refuses("[]\n", LINE(""), "no JSON object");
    refuses("{\"entities\":[]}\n", LINE(""), "no text");
    refuses("{\"text\":\"x\"}\n", LINE(""), "no list of entities");
    refuses(LINE("{\"type\":\"x\",\"start\":1}"), LINE(""), "lacks a type, a start or an end");
    refuses(LINE(ENTITY("x", 4, 4)), LINE(""), "no bytes of the text");
    refuses(LINE(ENTITY("x", -1, 4)), LINE(""), "no bytes of the text");
    refuses(LINE(ENTITY("x", 4, 11)), LINE(""), "no bytes of the text");
    refuses(LINE(""), "{\"text\":\"0123456788\",\"entities\":[]}\n", "not that of the reference");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_by_overlap_and_exactly),           cmocka_unit_test(a_pair_each_at_most),
        cmocka_unit_test(another_type_covers_but_is_no_pair),     cmocka_unit_test(another_type_covers_but_is_no_pair),
        cmocka_unit_test(what_is_not_as_it_should_be_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
