/* test_date.c: dates of birth, and any date on request, written and said; each sentence also cut at every byte. */
#include "rule_test.h"

static int open_date(void **state) {
    (void)state;
    rule_test_open(NULL, ENTITY_BIT(ENTITY_BIRTH_DATE));
    return 0;
}

static int close_date(void **state) {
    (void)state;
    rule_test_close();
    return 0;
}

static void born_written(void **state) {
    (void)state;
    expect("She was born {July 9th 1984}, got it?", "1984-07-09");
    expect("DOB {14 March 1993}.", "1993-03-14");
    expect("date of birth: {Dec. 1, 1978}", "1978-12-01");
    expect("born on {25/05/1969}; born {05/25/1969}; born {1969-05-25}", "1969-05-25");
    expect("date of birth {2/25/48}.", "1948-02-25");
    expect("born {26.04.1983}, born {1-May-1990}, dob {19900501}, dob {1.5.90}", "1983-04-26");
    expect("birthday is {May 1st}, mine", "0000-05-01");
    expect("{May 1st, 1990} is my birthday", "1990-05-01");
    expect("{1 May 1990} is her date of birth", "1990-05-01");
    expect("what's your date of birth. {May 1st, 1990}. born {April 16 , 1819}", "1990-05-01");
    expect("born in {May 1990}", "1990-05-00");
}

static void born_said(void **state) {
    (void)state;
    expect("i was born on {may first nineteen ninety} okay", "1990-05-01");
    expect("born {the twenty fifth of february nineteen eighty} and", "1980-02-25");
    expect("born {second october two thousand and two} please", "2002-10-02");
    expect("dob {april the sixteenth nineteen oh five} yes", "1905-04-16");
    expect("dob {june twenty one um nineteen fifty}", "1950-06-21");
    expect("date of birth {oh five oh one nineteen ninety}", "1990-05-01");
    expect("born {june nineteen nineteen fifty}, born {june twenty twenty ten}", "1950-06-19");
    expect("dob {may eighteen nineteen forty four} got it, born in {may nineteen ninety}", "1944-05-18");
    expect("date of birth {five one nineteen ninety} thanks", "1990-05-01");
    expect("date of birth {one nine nine zero oh five oh one}", "1990-05-01");
    expect("date of birth is {oh seven slash one four slash eighty two}", "1982-07-14");
    expect("D.O.B. {03/04/1985}, my d o b is {may five eighty eight}", "1985-03-04");
    expect("birth date\x1e{may first nineteen ninety}", "1990-05-01");
}

static void born_in_mandarin(void **state) {
    (void)state;
    expect("我是{1978年8月5号}出生的", "1978-08-05");
    expect("出生日期{一九七四年四月二十四日}，可以吗", "1974-04-24");
    expect("生于{1966年11月28号}", "1966-11-28");
    expect("她{五零年一月四号}生的", "1950-01-04");
    expect("我的生日是{五月一号}，谢谢", "0000-05-01");
    expect("孩子{1954.03.03}出生", "1954-03-03");
    expect("出生年月日是{二零零一年十二月三十一日}", "2001-12-31");
}

static void other_days(void **state) {
    (void)state;
    expect("the birthday party is on April twenty eighth at seven fifteen", NULL);
    expect("her birthday cake had forty six candles", NULL);
    expect("he was born in a town of 9,240 people", NULL);
    expect("the meeting is on 2021-01-20 at 12:30", NULL);
    expect("born in 1990, married on May 3, 2015", NULL);
    expect("date of birth 31/02/1990, 13/13/1990", NULL);
    expect("生日聚会在1月14号十点半，合同从2026年2月24日开始", NULL);
    expect("i may go first", NULL);
    expect("he was born here. the album came out on November 5, 2001", NULL);
    expect("我是五月生的。有事打零五三二三零三零", NULL);
}

static void any_date_on_request(void **state) {
    (void)state;
    rule_test_types = ENTITY_BIT(ENTITY_DATE);
    expect("from {September 26th, 2021} to {3/21/2022}, on {may twelfth}", "2021-09-26");
    expect("{the first of may}, {2024年3月5日} and {三月五号}", "0000-05-01");
    expect("version 1.2.3, 1/2 of it, 10-20-30, score 6-4, 1.2.2024.5", NULL);
    rule_test_types = ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_BIRTH_DATE);
    expect("born on {May 3, 1990} and hired on {May 3, 2015}", NULL);
    rule_test_types = ENTITY_BIT(ENTITY_BIRTH_DATE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(born_written), cmocka_unit_test(born_said),           cmocka_unit_test(born_in_mandarin),
        cmocka_unit_test(other_days),   cmocka_unit_test(any_date_on_request),
    };
    return cmocka_run_group_tests(tests, open_date, close_date);
}
