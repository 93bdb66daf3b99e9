/* test_codes.c: IBANs, passports, plates, written and spelled, and what looks like them. */
#include "find_test.h"

static const struct {
    const char *text;
    entity_type type;
    const char *canonical;
} found[] = {
    {"IBAN DE89 3704 0044 0532 0130 00", ENTITY_IBAN, "DE89370400440532013000"},
    {"wire it to GB82WEST12345698765432 today", ENTITY_IBAN, "GB82WEST12345698765432"},
    {"gb82 west 1234 5698 7654 32", ENTITY_IBAN, "GB82WEST12345698765432"},
    {"d e eight nine three seven oh four double oh four four oh five three two oh one three triple oh", ENTITY_IBAN,
     "DE89370400440532013000"},
    {"FR14 2004 1010 0505 0001 3M02 606", ENTITY_IBAN, "FR1420041010050500013M02606"},
    {"IBAN是DE八九三七零四零零四四零五三二零一三零零零", ENTITY_IBAN, "DE89370400440532013000"},
    {"iban d e eight nine three seven oh four, uh, double oh four\x1e"
     "four oh five three two oh one three triple oh",
     ENTITY_IBAN, "DE89370400440532013000"},
    {"iban d e eight nine three seven oh four double oh four four oh five three one no sorry two oh one three triple "
     "oh",
     ENTITY_IBAN, "DE89370400440532013000"},
    {"my passport number is E12345678", ENTITY_PASSPORT, "E12345678"},
    {"passport number five three four eight nine one two two zero", ENTITY_PASSPORT, "534891220"},
    {"护照号码E一二三四五六七八", ENTITY_PASSPORT, "E12345678"},
    {"passport e one two three four five six seven eight please", ENTITY_PASSPORT, "E12345678"},
    {"her passport is g one two three four five no wait four four five six seven eight", ENTITY_PASSPORT, NULL},
    {"京A·12345", ENTITY_PLATE, "京A12345"},
    {"车牌号是粤B D12345吧", ENTITY_PLATE, "粤BD12345"},
    {"车牌沪a幺二三四五", ENTITY_PLATE, "沪A12345"},
    {"my license plate is 8LGA009", ENTITY_PLATE, "8LGA009"},
    {"the plate is b t four four four seven a blue van", ENTITY_PLATE, "BT4447"},
    {"number plate SM80 YML got it", ENTITY_PLATE, "SM80YML"},
};

static void codes_are_found(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++)
        check_found(found[i].text, found[i].type, found[i].canonical);
}

static const char *const near_misses[] = {
    "reference es4286788166231563465690 was rejected",
    "DE88 3704 0044 0532 0130 00",
    "model UT-3304",
    "it is 12 no 13",
    "京沪高速94公里",
    "新A股一二三",
    "my passport expires in twenty twenty four",
    "registration closes on 5 May",
    "flight CA1501",
    "a1 steak sauce",
    "order E12345678",
    "room B12",
    "the R2D2 and C3PO",
    "粤港澳大湾区",
};

static void near_misses_are_not(void **state) {
    (void)state;
    test_types = ENTITY_BIT(ENTITY_IBAN) | ENTITY_BIT(ENTITY_PASSPORT) | ENTITY_BIT(ENTITY_PLATE) |
                 ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD);
    for (size_t i = 0; i < sizeof near_misses / sizeof *near_misses; i++) check_nothing(near_misses[i]);
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
        cmocka_unit_test(codes_are_found),
        cmocka_unit_test(near_misses_are_not),
        cmocka_unit_test(nothing_depends_on_the_cut),
    };
    return cmocka_run_group_tests(tests, find_begin, find_end);
}
