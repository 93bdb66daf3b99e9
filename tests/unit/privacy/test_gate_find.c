/* test_gate_find.c: conversations with the numbers that people say, through a gate over the rules themselves. See gate_sim.h;
 * STENO_SIM_SEED repeats one. */
#include "gate_sim.h"

#define CONVERSATIONS 3000

static const char *const words_en[] = {"so", "the",  "call",   "my number is", "account", "order", "thank you",
                                       "at", "it's", "for",    "on",           "and",     "card",  "please",
                                       "no", "um",   "double", "oh well",      "May",     "ext"};
static const char *const numbers_en[] = {"138 1234 5678",
                                         "one three eight one two three four five six seven eight",
                                         "4111 1111 1111 1111",
                                         "four one double one um one one one one one one one one one one one one",
                                         "415 555 0123",
                                         "+1 415 555 0123",
                                         "DE89 3704 0044 0532 0130 00",
                                         "110101199003072316",
                                         "twenty one",
                                         "7 8 9",
                                         "nineteen ninety",
                                         "john at example dot com",
                                         "j.smith@example.com",
                                         "12 Main Street",
                                         "192 dot 168 dot 0 dot 17"};
static const char *const words_zh[] = {"好的我", "电话", "我的手机号是", "请", "订单",   "身份证",
                                       "然后",   "不对", "呃",           "在", "三个人", "一些"};
static const char *const numbers_zh[] = {"幺三八幺二三四五六七八",
                                         "一三八 一二三四 五六七八",
                                         "13812345678",
                                         "110101199003072316",
                                         "一百二十",
                                         "6222 0212 3456 7890 128",
                                         "二零二四"};
#define COUNT(list) (int)(sizeof list / sizeof *(list))
static const sim_language languages[] = {{words_en, COUNT(words_en), numbers_en, COUNT(numbers_en)},
                                         {words_zh, COUNT(words_zh), numbers_zh, COUNT(numbers_zh)}};

static void nothing_leaks_however_it_is_cut(void **state) {
    (void)state;
    const char *given = getenv("STENO_SIM_SEED");
    uint64_t first = given ? strtoull(given, NULL, 10) : 1, n = given ? 1 : CONVERSATIONS;
    static sim s;
    gate_policy policy;
    privacy *p = NULL;
    finder *f;
    policy_init(&policy);
    policy.mode = REDACT_MASK;
    assert_int_equal(privacy_open(NULL, &p), STENO_OK);
    assert_int_equal(finder_open(p, &f), STENO_OK);
    uint64_t finals = 0, partials = 0, masked = 0, bad = 0, forced = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        bool good = sim_run(&s, p, f, &policy, &languages[seed % 2], seed);
        if (!good) print_error("STENO_SIM_SEED=%llu\n", (unsigned long long)seed);
        bad += !good;
        assert_true(bad < 5);
        finals += (uint64_t)s.finals;
        partials += (uint64_t)s.partials;
        masked += (uint64_t)s.masked;
        forced += s.forced;
    }
    print_message("seeds %llu and %llu more: %llu finals, %llu partials, %llu masked, %llu not judged\n",
                  (unsigned long long)first, (unsigned long long)n - 1, (unsigned long long)finals,
                  (unsigned long long)partials, (unsigned long long)masked, (unsigned long long)forced);
    assert_true(forced * 30 <= n);
    assert_int_equal(bad, 0);
    finder_free(f);
    privacy_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_leaks_however_it_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
