/* test_find.c: what is held back and what is not, precedence, limits; and random rows of words for which every cut agrees with the whole. */
#include "find_test.h"

#include "base/mem.h"

static size_t settled_of(const char *text, size_t stable) {
    find_text t = {.text = text, .n = strlen(text), .stable = stable, .whole = false};
    find_result r;
    assert_int_equal(find_run(test_finder, &t, test_types, 0.5f, &r), STENO_OK);
    return r.settled;
}

static bool waits(const char *text) {
    find_text t = {.text = text, .n = strlen(text), .stable = strlen(text), .whole = false};
    find_result r;
    assert_int_equal(find_run(test_finder, &t, test_types, 0.5f, &r), STENO_OK);
    return r.digits_open;
}

static void only_what_may_go_on_is_held(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD);
    static const struct {
        const char *text;
        size_t settled;
    } cases[] = {
        {"good morning every", 13},      /* the last word may grow */
        {"good morning everybody ", 23}, /* and here it may not */
        {"my number is 138", 13},
        {"my number is 138 1234, uh", 13},
        {"my number is one", 13},
        {"it was 138 people ", 18},
        {"电话是一三八", 9},
        {"你好吗", 9},
        {"我说", 3}, /* 说错了 may come */
        {"call 13812345678 now ", 21},
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (settled_of(cases[i].text, strlen(cases[i].text)) != cases[i].settled)
            fail_msg("\"%s\": settled %zu", cases[i].text, settled_of(cases[i].text, strlen(cases[i].text)));
    test_types = entity_all_set;
}

static void types_not_looked_for_hold_nothing(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PLATE);
    assert_int_equal(settled_of("call 138 1234 ", 14), 14);
    test_types = 0;
    assert_int_equal(settled_of("call 138 1234 ", 14), 14);
    test_types = entity_all_set;
}

static void what_is_not_stable_is_held(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PHONE);
    assert_int_equal(settled_of("hello there my friend ", 5), 22);
    assert_int_equal(settled_of("hello 13812345678 there ", 11), 6);
    assert_int_equal(settled_of("hello 13812345678 there ", 17), 6); /* "there" may yet become a figure */
    assert_int_equal(settled_of("so call me ", 2), 3);               /* "call" says what the next is */
    test_types = entity_all_set;
}

static void numbers_wait_for_the_next_utterance(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD);
    assert_true(waits("my number is one three eight"));
    assert_true(waits("my phone number is one"));
    assert_true(waits("电话是一三八"));
    assert_false(waits("that was a good one"));
    assert_false(waits("thanks a lot"));
    test_types = entity_default_set;
    assert_true(waits("my email is john"));
    assert_true(waits("write to john dot smith"));
    assert_false(waits("she lives in St. Louis"));
    assert_false(waits("we stayed at home"));
    test_types = entity_all_set;
}

static void min_confidence_and_types_choose(void **state) {
    (void)state;
    const char *text = "110101199003072316 and 13812345678";
    find_text t = {.text = text, .n = strlen(text), .whole = true};
    find_result r;
    assert_int_equal(find_run(test_finder, &t, entity_default_set, 0.5f, &r), STENO_OK);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.findings[0].type, ENTITY_ID);
    assert_int_equal(find_run(test_finder, &t, entity_default_set, 0.96f, &r), STENO_OK);
    assert_int_equal(r.n, 0);
    assert_int_equal(find_run(test_finder, &t, ENTITY_BIT(ENTITY_PHONE), 0.5f, &r), STENO_OK);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.findings[0].at, 23);
    assert_int_equal(r.findings[0].n, 11);
}

static void too_long_is_an_error_and_dense_is_not(void **state) {
    (void)state;
    static char text[FIND_TEXT_MAX + 1];
    find_result r;
    memset(text, '7', sizeof text);
    find_text t = {.text = text, .n = FIND_TEXT_MAX + 1, .whole = true};
    assert_int_equal(find_run(test_finder, &t, entity_all_set, 0, &r), STENO_E_LIMIT);
    for (size_t i = 0; i + 12 <= FIND_TEXT_MAX; i += 12) memcpy(text + i, "13812345678 ", 12);
    t.n = FIND_TEXT_MAX / 12 * 12;
    uint64_t allocations = mem_alloc_count();
    assert_int_equal(find_run(test_finder, &t, ENTITY_BIT(ENTITY_PHONE), 0.5f, &r), STENO_OK);
    assert_int_equal(mem_alloc_count(), allocations);
    assert_int_equal(r.settled, t.n);
    uint32_t covered = 0;
    for (uint32_t i = 0; i < r.n; i++) covered += r.findings[i].n;
    assert_true(covered >= t.n / 12 * 10);
}

/* ---- random rows -------------------------------------------------------------------------------------------------- */

static const char *const pieces[] = {
    "one",
    "two",
    "oh",
    "o",
    "nine",
    "seven",
    "double",
    "triple",
    "twenty",
    "thirteen",
    "fifty-one",
    "hundred",
    "thousand",
    "138",
    "5678",
    "1234",
    "2125550198",
    "555-0198",
    "4111",
    "1111",
    "(212)",
    "+44",
    "+1",
    "plus",
    "dash",
    "dot",
    "no",
    "sorry",
    "um",
    "wait",
    "then",
    "and",
    "at",
    "a",
    "i",
    "x",
    "ext",
    "DE89",
    "d",
    "e",
    "E12345678",
    "GB82WEST",
    "my",
    "phone",
    "number",
    "is",
    "card",
    "account",
    "order",
    "passport",
    "plate",
    "social",
    "dollars",
    ",",
    ".",
    "-",
    "?",
    ":",
    "$",
    "%",
    "#",
    "/",
    "@",
    "\x1e",
    "一",
    "三",
    "八",
    "幺",
    "两",
    "个",
    "十",
    "百",
    "万",
    "零",
    "洞",
    "圈",
    "电话",
    "身份证",
    "号",
    "码",
    "说",
    "错",
    "了",
    "不",
    "对",
    "呃",
    "是",
    "京",
    "A",
    "B12345",
    "沪",
    "点",
    "艾",
    "特",
    "的",
    "\xef\xbc\x91",
    "\xe2\x80\x8b",
    "\xff",
    "é",
    "don't",
    "3rd",
    "护照",
    "车牌",
    "11010519491231002X",
    "13812345678",
    "78",
    "9",
    "，",
    "。",
};

static uint64_t random_state;

static uint32_t random_below(uint32_t n) {
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % n;
}

static size_t random_row(char *out, size_t room) {
    size_t n = 0;
    uint32_t words = 1 + random_below(24);
    for (uint32_t i = 0; i < words; i++) {
        const char *piece = pieces[random_below(sizeof pieces / sizeof *pieces)];
        if (n + strlen(piece) + 2 > room) break;
        memcpy(out + n, piece, strlen(piece));
        n += strlen(piece);
        if (random_below(3)) out[n++] = ' ';
    }
    out[n] = 0;
    return n;
}

static void random_rows_agree_at_every_cut(void **state) {
    (void)state;
    const char *given = getenv("STENO_FIND_SEED"), *rounds = getenv("STENO_FIND_ROUNDS");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20240607;
    uint32_t n = rounds ? (uint32_t)atoi(rounds) : 1500;
    print_message("seed %llu, %u rows\n", (unsigned long long)seed, n);
    random_state = seed;
    char row[512];
    for (uint32_t i = 0; i < n; i++) {
        size_t length = random_row(row, sizeof row);
        test_types = i % 3 ? entity_all_set : i % 2 ? entity_default_set : ENTITY_BIT(random_below(ENTITY_TYPES));
        check_cuts(row, length);
    }
    test_types = entity_all_set;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_may_go_on_is_held),     cmocka_unit_test(types_not_looked_for_hold_nothing),
        cmocka_unit_test(what_is_not_stable_is_held),      cmocka_unit_test(numbers_wait_for_the_next_utterance),
        cmocka_unit_test(min_confidence_and_types_choose), cmocka_unit_test(too_long_is_an_error_and_dense_is_not),
        cmocka_unit_test(random_rows_agree_at_every_cut),
    };
    return cmocka_run_group_tests(tests, find_begin, find_end);
}
