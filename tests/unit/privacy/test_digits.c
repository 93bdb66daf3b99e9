/* test_digits.c: runs of figures: what they are, what they are not, and that both are the same for every cut. */
#include "find_test.h"

static const struct {
    const char *text;
    entity_type type;
    const char *canonical;
} found[] = {
    /* China: mobile, land line, 400 */
    {"这是手机一八五四四一三九一二一", ENTITY_PHONE, "18544139121"},
    {"打我电话幺三八，嗯，一二三四，五六七八", ENTITY_PHONE, "13812345678"},
    {"我的手机是138 1234 5678谢谢", ENTITY_PHONE, "13812345678"},
    {"+86 138-1234-5678", ENTITY_PHONE, "+8613812345678"},
    {"手机号幺两个五六三两个二两个八九五", ENTITY_PHONE, "15563228895"},
    {"座机是零一零八八八八六六六六", ENTITY_PHONE, "01088886666"},
    {"拨打400-820-8820", ENTITY_PHONE, "4008208820"},
    {"(0532)83736340", ENTITY_PHONE, "053283736340"},
    /* North America and others */
    {"call me at (212)555-0198x1234 please", ENTITY_PHONE, "2125550198X1234"},
    {"001-212-555-0198", ENTITY_PHONE, "0012125550198"},
    {"it's 212.555.0198", ENTITY_PHONE, "2125550198"},
    {"my number is two one two five five five oh one nine eight", ENTITY_PHONE, "2125550198"},
    {"eight hundred five five five twelve thirty four is our phone", ENTITY_PHONE, "8005551234"},
    {"ring +44 (0)20 7946 0958", ENTITY_PHONE, "+4402079460958"},
    {"+33 6 12 34 56 78", ENTITY_PHONE, "+33612345678"},
    {"call 555-0198", ENTITY_PHONE, "5550198"},
    /* split over utterances, corrected */
    {"my phone is two one two five\x1e"
     "five five oh one nine eight",
     ENTITY_PHONE, "2125550198"},
    {"手机号是一三八一二三四\x1e五六七八", ENTITY_PHONE, "13812345678"},
    {"my phone is two one two five five six no sorry five oh one nine eight", ENTITY_PHONE, "2125550198"},
    {"电话一三八一二三四五六七九不对八", ENTITY_PHONE, "13812345678"},
    /* identity numbers: the precedence over cards */
    {"110101199003072316", ENTITY_ID, "110101199003072316"},
    {"身份证号是11010519491231002X", ENTITY_ID, "11010519491231002X"},
    {"身份证一一零一零五一九四九一二三一零零二叉", ENTITY_ID, "11010519491231002X"},
    {"身份证号110105491231002", ENTITY_ID, "110105491231002"},
    /* cards */
    {"4111 1111 1111 1111", ENTITY_CARD, "4111111111111111"},
    {"my card is four one one one, one one one one, one one one one, one one one one", ENTITY_CARD, "4111111111111111"},
    {"378282246310005", ENTITY_CARD, "378282246310005"},
    /* social security */
    {"my social is 123-45-6789", ENTITY_SSN, "123456789"},
    {"social security number one two three four five six seven eight nine", ENTITY_SSN, "123456789"},
    /* accounts */
    {"my account number is 00123456", ENTITY_ACCOUNT, "00123456"},
    {"会员号是一二三四五六七", ENTITY_ACCOUNT, "1234567"},
};

static void numbers_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        check_found(found[i].text, found[i].type, found[i].canonical);
}

static const char *const near_misses[] = {
    "20240131123456",
    "2024-01-31 12:34:56",
    "1706659200",
    "at 12:34:56 on 01/02/2024",
    "order number 4111111111111111",
    "110101199003072317",
    "11010519491231002",
    "4111 1111 1111 1112",
    "one two three four five six seven eight nine ten",
    "it costs $2125550198",
    "3.14159265358979",
    "1,234,567,890 people",
    "version 10.0.19045.3803",
    "tracking 123456789012",
    "the year nineteen eighty four",
    "一二三四五六七八九十",
    "一共三万五千块",
    "订单号13812345678",
    "二零二四年三月五号",
    "三三两两一五一十",
    "in 2019 2020 and 2021",
    "the score was 21 19 21 17",
    "isbn 978-3-16-148410-0",
    "invoice 2065-8786",
    "000-12-3456",
    "the 192.168.1.101 host",
    "chapter one two and three",
    "12345678901234567890123456789012345678901234567890",
};

static void near_misses_are_not(void **state) {
    (void)state;
    test_types = entity_all_set & ~(ENTITY_BIT(ENTITY_NUMBER) | ENTITY_BIT(ENTITY_DATE) | ENTITY_BIT(ENTITY_AMOUNT) |
                                    ENTITY_BIT(ENTITY_IP) | ENTITY_BIT(ENTITY_ADDRESS));
    for (size_t i = 0; i < sizeof near_misses / sizeof *near_misses; i++) check_nothing(near_misses[i]);
    test_types = entity_all_set;
}

static void two_in_a_row_are_two(void **state) {
    (void)state;
    assert_string_equal(found_in("13812345678 13987654321"),
                        "phone:13812345678=13812345678; phone:13987654321=13987654321");
    assert_string_equal(found_in("电话一三八一二三四五六七八一三九八七六五四三二一"),
                        "phone:一三八一二三四五六七八=13812345678; phone:一三九八七六五四三二一=13987654321");
}

static void numbers_on_request(void **state) {
    (void)state;
    test_types = entity_default_set;
    assert_string_equal(found_in("room 4711"), "");
    test_types = entity_default_set | ENTITY_BIT(ENTITY_NUMBER);
    assert_string_equal(found_in("room 4711 and 12"), "number:4711=4711");
    test_types = entity_all_set;
}

static void nothing_depends_on_the_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) check_cuts(found[i].text, strlen(found[i].text));
    for (size_t i = 0; i < sizeof near_misses / sizeof *near_misses; i++)
        check_cuts(near_misses[i], strlen(near_misses[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found),          cmocka_unit_test(near_misses_are_not),
        cmocka_unit_test(two_in_a_row_are_two),       cmocka_unit_test(numbers_on_request),
        cmocka_unit_test(nothing_depends_on_the_cut),
    };
    return cmocka_run_group_tests(tests, find_begin, find_end);
}
