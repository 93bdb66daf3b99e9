/* test_rules_junk.c: words of addresses, dates and e-mail in no order at all: wherever such a text is cut, what is settled is what the
 * whole says, with rules of the operator's own among the others. STENO_JUNK_SEED and STENO_JUNK_TEXTS repeat or lengthen a run.
 */
#include "rule_test.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define TEXTS     200
#define WORDS_MAX 24

static const char *const vocabulary[] = {
    "at",   "dot",    "com",  "john",   "smith",  "um",    "no",     "gmail",   "@",      ".",   "x",
    "b",    "as",     "in",   "one",    "twenty", "five",  "double", "hundred", "and",    "192", "10",
    "1990", "5",      ":",    "::",     "fe80",   "/",     "-",      "may",     "first",  "the", "of",
    "born", "is",     "my",   "street", "baker",  "fifth", "way",    "suite",   "austin", "tx",  ",",
    "#",    "london", "sw1a", "2aa",    "北京",   "市",    "朝阳",   "区",      "路",     "八",  "十",
    "号",   "单元",   "年",   "月",     "日",     "出生",  "艾特",   "点",      "圈",     "a",   "小",
    "在",   "https",  "://",  "token",  "=",      "?",     "email",  "dollars", "$",      "块",  "\x1e",
    "x1",   "E-12",   "E-",   "123456", "under",  "score", "p.o.",   "box",     "的",     "我",  "\xe4\xb8",
    "\xff", "d.o.b.", "里",
};

static uint64_t dice;

static uint32_t roll(uint32_t below) {
    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(dice >> 33) % below;
}

static void make(char *text) {
    uint32_t words = 2 + roll(WORDS_MAX);
    text[0] = 0;
    for (uint32_t k = 0; k < words; k++) {
        strcat(text, vocabulary[roll(sizeof vocabulary / sizeof vocabulary[0])]);
        if (roll(4)) strcat(text, " ");
    }
}

static void junk_is_the_same_wherever_it_is_cut(void **state) {
    const char *seed = getenv("STENO_JUNK_SEED"), *texts = getenv("STENO_JUNK_TEXTS");
    long n = texts ? atol(texts) : TEXTS;
    (void)state;
    dice = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("STENO_JUNK_SEED=%llu\n", (unsigned long long)dice);
    for (long k = 0; k < n; k++) {
        char text[RULE_TEST_BYTES];
        finding whole[FIND_RESULTS_MAX > 256 ? 256 : FIND_RESULTS_MAX];
        find_result r;
        make(text);
        size_t bytes = strlen(text);
        find_text t = {.text = text, .n = bytes, .stable = bytes, .whole = true};
        assert_int_equal(find_run(rule_test_finder, &t, rule_test_types, 0.5f, &r), STENO_OK);
        assert_true(r.n <= 256);
        memcpy(whole, r.findings, r.n * sizeof *whole);
        uint32_t found = r.n;
        for (size_t cut = 0; cut <= bytes; cut++) rule_test_cut(text, cut, whole, found);
    }
}

static char path[] = "/tmp/test_junk_XXXXXX";

static int open_all(void **state) {
    const char *rules = "[rule staff]\npattern = E-\\d{2,6}\n[rule loose]\npattern = x\\d*( one)?\nwhole_word = no\n"
                        "[rule born]\npattern = 出生.{0,6}日\n[allow]\ntext = john@gmail.com\n";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0 && write(fd, rules, strlen(rules)) == (ssize_t)strlen(rules));
    close(fd);
    rule_test_open(path, ENTITY_BIT(ENTITY_EMAIL) | ENTITY_BIT(ENTITY_URL) | ENTITY_BIT(ENTITY_IP) |
                             ENTITY_BIT(ENTITY_BIRTH_DATE) | ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_ADDRESS) |
                             ENTITY_BIT(ENTITY_AMOUNT) | ENTITY_BIT(ENTITY_CUSTOM));
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rule_test_close();
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(junk_is_the_same_wherever_it_is_cut),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
