/* test_amount.c: amounts of money, on request; each sentence also cut at every byte. */
#include "rule_test.h"

static int open_amount(void **state) {
    (void)state;
    rule_test_open(NULL, ENTITY_BIT(ENTITY_AMOUNT));
    return 0;
}

static int close_amount(void **state) {
    (void)state;
    rule_test_close();
    return 0;
}

static void written(void **state) {
    (void)state;
    expect("it is {$1,250.50} or {£20}, {€5 million} and {USD 300}.", NULL);
    expect("保额{¥23,753}，保费{794.20元}", NULL);
    expect("{20 dollars}, 20 people, $ and $x", NULL);
}

static void said(void **state) {
    (void)state;
    expect("that is {three hundred and twenty dollars and five cents} please", NULL);
    expect("{two million three hundred thousand euros} or {five point five million pounds}", NULL);
    expect("{twenty bucks} for twenty books", NULL);
    expect("金额{七十五块八毛}，还剩{三百五十元}，有{八十三万块}", NULL);
    expect("there were two hundred people", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written),
        cmocka_unit_test(said),
    };
    return cmocka_run_group_tests(tests, open_amount, close_amount);
}
