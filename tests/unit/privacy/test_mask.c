/* test_mask.c: what stands in the place of personal data, whole and in parts. */
#include "privacy/mask.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static finding found(entity_type type, const char *canonical) {
    finding f = {.type = type};
    snprintf(f.canonical, sizeof f.canonical, "%s", canonical);
    return f;
}

static const char *written(entity_type type, const char *canonical, redact_mode mode, unsigned number) {
    static char room[MASK_WRITTEN_MAX];
    finding f = found(type, canonical);
    size_t n = redact_write(NULL, &f, mode, number, room, sizeof room);
    assert_int_equal(n, strlen(room));
    return room;
}

static void masks_say_what_was_there(void **state) {
    (void)state;
    assert_string_equal(written(ENTITY_PHONE, "13812345678", REDACT_MASK, 0), "[PHONE]");
    assert_string_equal(written(ENTITY_PHONE, "13812345678", REDACT_MASK, 12), "[PHONE_12]");
    assert_string_equal(written(ENTITY_PLACE, "", REDACT_PARTLY, 2), "[PLACE_2]");
}

static void some_of_it_stays_readable(void **state) {
    (void)state;
    static const struct {
        entity_type type;
        const char *canonical, *want;
    } all[] = {
        {ENTITY_PHONE, "13812345678", "138****5678"},
        {ENTITY_PHONE, "+8613812345678", "+86138****5678"},
        {ENTITY_PHONE, "+14155550123", "+*******0123"},
        {ENTITY_PHONE, "4155550123", "******0123"},
        {ENTITY_PHONE, "5550123", "*****23"},
        {ENTITY_PHONE, "110", "[PHONE]"},
        {ENTITY_ID, "110101199003072316", "1****************6"},
        {ENTITY_ID, "11010119900307231X", "1****************X"},
        {ENTITY_CARD, "4111111111111111", "************1111"},
        {ENTITY_SSN, "123-45-6789", "***-**-6789"},
        {ENTITY_ACCOUNT, "12345678", "****5678"},
        {ENTITY_ACCOUNT, "1234567", "[ACCOUNT]"},
        {ENTITY_ACCOUNT, "AB12345678", "******5678"},
        {ENTITY_IBAN, "DE89370400440532013000", "DE****************3000"},
        {ENTITY_EMAIL, "john@example.com", "j***@example.com"},
        {ENTITY_EMAIL, "@example.com", "[EMAIL]"},
        {ENTITY_EMAIL, "nothing", "[EMAIL]"},
        {ENTITY_PERSON, "John Smith", "J***"},
        {ENTITY_PERSON, "张三丰", "张**"},
        {ENTITY_PERSON, "张", "张*"},
        {ENTITY_PERSON, "", "[PERSON]"},
        {ENTITY_ADDRESS, "12 Main Street", "[ADDRESS]"},
        {ENTITY_PASSPORT, "E12345678", "[PASSPORT]"},
        {ENTITY_NUMBER, "123456789", "[NUMBER]"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_string_equal(written(all[i].type, all[i].canonical, REDACT_PARTLY, 0), all[i].want);
}

static void a_small_room_is_not_overrun(void **state) {
    (void)state;
    char room[16];
    finding f = found(ENTITY_EMAIL, "john@example.com");
    for (size_t n = 1; n < sizeof room; n++) {
        memset(room, '#', sizeof room);
        size_t got = redact_write(NULL, &f, REDACT_PARTLY, 7, room, n);
        assert_true(got < n);
        assert_int_equal(room[got], '\0');
        assert_int_equal(room[n], '#');
    }
    assert_int_equal(redact_write(NULL, &f, REDACT_MASK, 0, room, 0), 0);
}

static const char *part(entity_type type, const char *canonical, redact_mode mode, uint32_t before, uint32_t here) {
    static char room[MASK_WRITTEN_MAX];
    finding f = found(type, canonical);
    size_t n = mask_write_part(NULL, &f, mode, 0, before, here, room, sizeof room);
    assert_int_equal(n, strlen(room));
    return room;
}

static void parts_have_their_own_figures(void **state) {
    (void)state;
    assert_string_equal(part(ENTITY_PHONE, "13812345678", REDACT_PARTLY, 0, 7), "138****");
    assert_string_equal(part(ENTITY_PHONE, "13812345678", REDACT_PARTLY, 7, UINT32_MAX), "5678");
    assert_string_equal(part(ENTITY_PHONE, "13812345678", REDACT_PARTLY, 2, 3), "8**");
    assert_string_equal(part(ENTITY_PHONE, "+8613812345678", REDACT_PARTLY, 0, 4), "+8613");
    assert_string_equal(part(ENTITY_PHONE, "13812345678", REDACT_PARTLY, 11, 5), "***"); /* said twice, corrected … */
    assert_string_equal(part(ENTITY_PHONE, "13812345678", REDACT_MASK, 7, 4), "[PHONE]");
    assert_string_equal(part(ENTITY_EMAIL, "john@example.com", REDACT_PARTLY, 0, 4), "[EMAIL]");
    assert_string_equal(part(ENTITY_PERSON, "John", REDACT_PARTLY, 0, UINT32_MAX), "[PERSON]");
    assert_string_equal(part(ENTITY_SSN, "123-45-6789", REDACT_PARTLY, 5, UINT32_MAX), "-6789");
}

static void figures_are_counted_as_they_are_said(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t want;
    } all[] = {{"138 1234", 7},        {"one three double eight", 4},
               {"triple oh seven", 4}, {"nineteen ninety", 4},
               {"twenty one five", 3}, {"幺三八", 3},
               {"１３８", 3},          {"my number is", 0},
               {"um one, er, two", 2}, {"", 0}};
    assert_int_equal(token_lexicon(), STENO_OK);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint32_t got = mask_digits(all[i].text, strlen(all[i].text));
        if (got != all[i].want) print_error("\"%s\"\n", all[i].text);
        assert_int_equal(got, all[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_say_what_was_there),
        cmocka_unit_test(some_of_it_stays_readable),
        cmocka_unit_test(a_small_room_is_not_overrun),
        cmocka_unit_test(parts_have_their_own_figures),
        cmocka_unit_test(figures_are_counted_as_they_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
