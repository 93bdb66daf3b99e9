/* test_custom.c: the operator's rules and allow-lists: what a file may say, what is refused and where, and that no rule hangs or
 * changes its mind when the text goes on. */
#include "privacy/custom.h"

#include "rule_test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

static char path[] = "/tmp/test_custom_XXXXXX";

static void write_rules(const char *text, size_t n) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite(text, 1, n, out), n);
    fclose(out);
}

static int make_file(void **state) {
    int fd = mkstemp(path);
    (void)state;
    if (fd >= 0) close(fd);
    return fd < 0;
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

/* Sentences under these rules, of these types. */
static void begin(const char *rules, entity_set types) {
    write_rules(rules, strlen(rules));
    rule_test_open(path, types);
}

static void rules_find(void **state) {
    (void)state;
    begin("# ours\n[rule employee]\nmask = [STAFF]\npattern = E-\\d{6}\n\n[rule crypto]\npattern = "
          "(?i)bc1[a-z0-9]{10,40}\n"
          "[rule badge]\npattern = 工号\n pattern = [A-Z]?\\d+\nwhole_word = no\n",
          ENTITY_BIT(ENTITY_CUSTOM));
    expect("ask {E-123456}, not E-1234567 nor XE-123456 or E-12345", "E-123456");
    expect("to {BC1qar0srrr7xf} and {bc1qar0srrr7xf}", NULL);
    expect("我的{工号A123}在这里，工号没有", NULL);
    assert_string_equal(privacy_custom_name(rule_test_privacy, 0), "employee");
    assert_string_equal(privacy_custom_mask(rule_test_privacy, 0), "[STAFF]");
    assert_string_equal(privacy_custom_mask(rule_test_privacy, 1), "[CRYPTO]");
    rule_test_types = ENTITY_BIT(ENTITY_PHONE);
    expect("ask E-123456", NULL); /* not asked for */
    rule_test_close();
}

static void repeats_wait_for_their_end(void **state) {
    (void)state;
    begin("[rule run]\npattern = x+y*z?\n[rule ahead]\npattern = stop(?= here)\n[rule edge]\npattern = \\bab\\b\n",
          ENTITY_BIT(ENTITY_CUSTOM));
    expect("a {xxxxyyz} b {xx} c", NULL);
    expect("{stop} here, stop there", NULL);
    expect("{ab} abc {ab}", NULL);
    expect("{x}\x1e{xy}", NULL); /* nothing goes on over a break */
    rule_test_close();
}

static void a_match_is_bounded(void **state) {
    char text[RULE_TEST_BYTES] = "{b";
    (void)state;
    begin("[rule long]\npattern = b[a ]+\n", ENTITY_BIT(ENTITY_CUSTOM));
    for (int i = 0; i < CUSTOM_MATCH_MAX_BYTES - 1; i++) strcat(text, i % 8 ? "a" : " ");
    strcat(text, "}"); /* the window ends with a word: one more character of the same word would be covered with it */
    strcat(text, " aaa aaa");
    expect(text, NULL);
    rule_test_close();
}

static void checks_and_words(void **state) {
    find_result r;
    (void)state;
    begin("[rule member]\npattern = \\d{8}\ncheck = luhn\nconfidence = 0.4\nconfidence_with_words = 0.9\nwords = "
          "member, club "
          "card, 会员\n[rule ref]\npattern = RF\\d{2}[ \\d]{3,20}\\d\ncheck = mod97\n",
          ENTITY_BIT(ENTITY_CUSTOM));
    expect("member number {12345674}, member number 12345675", NULL);
    expect("the number 12345674 alone", NULL);
    expect("my Club Card is {12345674}, 会员号{12345674}", NULL);
    expect("remember 12345674", NULL);
    const char *text = "member 12345674";
    find_text t = {.text = text, .n = strlen(text), .stable = strlen(text), .whole = true};
    assert_int_equal(find_run(rule_test_finder, &t, rule_test_types, 0.5f, &r), STENO_OK);
    assert_float_equal(r.findings[0].confidence, 0.9f, 1e-6f);
    rule_test_close();
}

static void allowed_texts_are_left(void **state) {
    (void)state;
    begin("[allow]\ntext = Support@Example.com\n[allow ip, email]\ntext = 127.0.0.1\n[allow phone]\ntext = "
          "other@example.com\n"
          "[rule e]\npattern = E\\d+\n[allow custom]\ntext = e1\n",
          ENTITY_BIT(ENTITY_EMAIL) | ENTITY_BIT(ENTITY_IP) | ENTITY_BIT(ENTITY_CUSTOM));
    expect("support@example.com, {sales@example.com}", NULL);
    expect("support at example dot com, {sales at example dot com}", NULL);
    expect("127.0.0.1 and {127.0.0.2}", NULL);
    expect("{other@example.com}", NULL); /* allowed as a telephone number, which it is not */
    expect("E1 {E2}", NULL);
    rule_test_close();
}

/* ---- what is refused -------------------------------------------------------------------------------------------- */

static void refused(const char *rules, const char *line_and_reason) {
    custom *c;
    write_rules(rules, strlen(rules));
    assert_int_equal(custom_open(path, &c), STENO_E_FORMAT);
    assert_null(c);
    if (!strstr(steno_error_detail(), line_and_reason) || strncmp(steno_error_detail(), path, strlen(path)) != 0)
        fail_msg("'%s' does not say '%s'", steno_error_detail(), line_and_reason);
}

static void mistakes_name_their_line(void **state) {
    (void)state;
    refused("[rule a]\npattern = (\n", ":1: rule 'a': pattern: missing closing parenthesis");
    refused("\n[rule a]\nmask = [A]\n", ":2: rule 'a': it has no pattern");
    refused("[rule a]\npattern = a*\n", "it matches the empty text");
    refused("[rule a]\npattern = a\\Kb\n", "\\K is not allowed");
    refused("[rule a]\npattern = (?<=.{40})b\n", "looks back further");
    refused("[rule a]\npattern = \\Cb\n", "pattern:");
    refused("[rule A]\npattern = a\n", ":1: [rule A]: a name is");
    refused("[rule phone]\npattern = a\n", ":1: [rule phone]: that is the name of a built-in type");
    refused("[rule a]\npattern = a\n[rule a]\npattern = b\n", ":3: [rule a]: there is one already");
    refused("[rule a]\npattern = a\ncheck = crc\n", ":3: check: 'crc'");
    refused("[rule a]\npattern = a\nconfidence = 2\n", ":3: confidence: want a number from 0 to 1");
    refused("[rule a]\npattern = a\nmask = x\nmask = y\n", ":4: mask is given twice");
    refused("[rule a]\npattern = a\nspeed = 3\n", ":3: 'speed' is no key of a rule");
    refused("[rule a]\npattern = a ;b\n", ":2: a ';' behind a blank");
    refused("[rule a]\npattern\n", ":2: not 'key = value'");
    refused("[rule a]\npattern = a\nwords = ,,\n", "words: want words between commas");
    refused("[ruler]\n", ":1: [ruler]: want");
    refused("[allow telephone]\ntext = a\n", ":1: [allow telephone]:");
    refused("[allow]\npattern = a\n", ":2: 'pattern' is no key of an allow-list");
    refused("[allow]\ntext =\n", ":2: text: want 1 to");
    refused("text = a\n", ":1: 'text' before any section");
}

static void repeats_in_repeats_are_refused(void **state) {
    (void)state;
    refused("[rule a]\npattern = (?:a+)+!!\n", "takes more than");
    refused("[rule a]\npattern = (?:\\d+\\s?)+x\n", "takes more than");
}

static void files_are_bounded(void **state) {
    char line[300];
    custom *c;
    (void)state;
    memset(line, 'a', sizeof line);
    memcpy(line, "[allow]\ntext = ", 15);
    line[sizeof line - 1] = 0;
    refused(line, ":2: a line is longer than");
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (int i = 0; i <= CUSTOM_RULES_MAX; i++) fprintf(out, "[rule r%d]\npattern = r%d\n", i, i);
    fclose(out);
    assert_int_equal(custom_open(path, &c), STENO_E_FORMAT);
    assert_non_null(strstr(steno_error_detail(), "more than 64 rules"));
    write_rules("[allow]\ntext = a\0b\n", 19);
    assert_int_equal(custom_open(path, &c), STENO_E_FORMAT);
    assert_int_equal(custom_open("/nowhere/rules.ini", &c), STENO_E_NOT_FOUND);
}

/* Every allocation fails once, in turn: nothing leaks, and it is said. */
static void no_memory_is_an_error(void **state) {
    const char *rules = "[rule a]\npattern = a+b\nwords = x, y\n[allow]\ntext = q\n";
    (void)state;
    write_rules(rules, strlen(rules));
    for (uint64_t nth = 1;; nth++) {
        custom *c;
        custom_scratch *s = NULL;
        mem_fault_arm(nth);
        steno_err err = custom_open(path, &c);
        if (!err) {
            err = custom_scratch_open(c, &s);
            custom_scratch_free(s);
            custom_free(c);
        }
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        if (!hit) break;
        assert_true(err == STENO_E_NOMEM || err == STENO_E_FORMAT || err == STENO_OK); /* without JIT it goes on */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_find),
        cmocka_unit_test(repeats_wait_for_their_end),
        cmocka_unit_test(a_match_is_bounded),
        cmocka_unit_test(checks_and_words),
        cmocka_unit_test(allowed_texts_are_left),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(repeats_in_repeats_are_refused),
        cmocka_unit_test(files_are_bounded),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
