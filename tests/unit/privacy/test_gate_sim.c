/* test_gate_sim.c: thousands of conversations through a gate over a finder that knows telephone numbers and Bob. See gate_sim.h;
 * STENO_SIM_SEED repeats one. */
#include "gate_sim.h"
#include "fake_find.h"

#define CONVERSATIONS 20000

static const char *const words[] = {"hello", "so", "the", "umbrella", "Bob",  "张三吗", "和",   "at",
                                    "7",     "42", "B",   "us",       "it's", "a",      "okays"};
static const char *const numbers[] = {
    "138 1234 5678", "1 3 8 1 2 um 3 4 5 6 7 8", "13812345678",    "139-1234 5678", "138 1234 567", "555 1234",
    "1 2 3",         "138 1234 5678 9",          "138 um 12345678"};
static const sim_language language = {words, sizeof words / sizeof *words, numbers, sizeof numbers / sizeof *numbers};

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
    policy.types = entity_all_set;
    assert_int_equal(privacy_open(NULL, &p), STENO_OK);
    assert_int_equal(finder_open(p, &f), STENO_OK);
    uint64_t finals = 0, partials = 0, masked = 0, forced = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        bool good = sim_run(&s, p, f, &policy, &language, seed);
        if (!good) print_error("STENO_SIM_SEED=%llu\n", (unsigned long long)seed);
        assert_true(good);
        finals += (uint64_t)s.finals;
        partials += (uint64_t)s.partials;
        masked += (uint64_t)s.masked;
        forced += s.forced;
    }
    print_message("seeds %llu and %llu more: %llu finals, %llu partials, %llu masked, %llu not judged\n",
                  (unsigned long long)first, (unsigned long long)n - 1, (unsigned long long)finals,
                  (unsigned long long)partials, (unsigned long long)masked, (unsigned long long)forced);
    assert_true(forced * 30 <= n);
    finder_free(f);
    privacy_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_leaks_however_it_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
