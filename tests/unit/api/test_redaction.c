/* test_redaction.c: what a request gets of what it asks for, its key wants and the server is configured to. */
#include "api/redaction.h"
#include "api/auth_int.h"
#include "api/service_int.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define PHONE ENTITY_BIT(ENTITY_PHONE)
#define CARD  ENTITY_BIT(ENTITY_CARD)

typedef struct trial {
    redact_mode server;
    bool server_forces;
    const char *key, *key_types;
    bool asks;
    redact_mode wish;
    entity_set wish_types; /* 0: not said */
    redact_mode want;
    entity_set has; /* at least */
} trial;

static void three_wishes(void **state) {
    static const trial trials[] = {
        {.want = REDACT_OFF},
        {.server = REDACT_MASK, .want = REDACT_MASK, .has = PHONE | CARD},
        {.server = REDACT_MASK, .asks = true, .wish = REDACT_OFF, .want = REDACT_OFF},
        {.server = REDACT_MASK,
         .server_forces = true,
         .asks = true,
         .wish = REDACT_OFF,
         .want = REDACT_MASK,
         .has = PHONE | CARD},
        {.server = REDACT_PARTLY,
         .server_forces = true,
         .asks = true,
         .wish = REDACT_MASK,
         .wish_types = CARD,
         .want = REDACT_MASK,
         .has = PHONE | CARD},
        {.key = "mask", .key_types = "phone", .want = REDACT_MASK, .has = PHONE},
        {.key = "mask", .key_types = "phone", .asks = true, .wish = REDACT_OFF, .want = REDACT_MASK, .has = PHONE},
        {.key = "mask",
         .key_types = "phone",
         .asks = true,
         .wish = REDACT_TAG,
         .wish_types = CARD,
         .want = REDACT_MASK,
         .has = PHONE | CARD},
        {.key = "redact",
         .key_types = "",
         .asks = true,
         .wish = REDACT_TAG,
         .want = REDACT_PARTLY,
         .has = PHONE | CARD},
        {.server = REDACT_MASK, .key = "tag", .key_types = "card", .want = REDACT_MASK, .has = PHONE | CARD},
        {.server = REDACT_MASK,
         .server_forces = true,
         .key = "tag",
         .key_types = "card",
         .asks = true,
         .wish = REDACT_TAG,
         .wish_types = CARD,
         .want = REDACT_MASK,
         .has = PHONE | CARD},
        {.key = "shred",
         .key_types = "souls",
         .asks = true,
         .wish = REDACT_OFF,
         .want = REDACT_MASK,
         .has = PHONE | CARD | ENTITY_BIT(ENTITY_AMOUNT)},
    };
    (void)state;
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        const trial *t = &trials[i];
        static service v;
        gate_policy got;
        redact_wish wish = {
            .has_mode = t->asks, .mode = t->wish, .has_types = t->wish_types != 0, .types = t->wish_types};
        policy_init(&v.config.policy);
        v.config.policy.mode = t->server;
        v.config.policy.forced = t->server_forces;
        keys_record record = {0};
        auth_key key = {.record = &record};
        auth_pass pass = {.key = &key};
        snprintf(record.redact, sizeof record.redact, "%s", t->key ? t->key : "");
        snprintf(record.redact_types, sizeof record.redact_types, "%s", t->key ? t->key_types : "");
        redaction_policy(&v, &pass, &wish, &got);
        if (got.mode != t->want || (got.types & t->has) != t->has)
            fail_msg("trial %zu: %s", i, policy_mode_name(got.mode));
        if (t->key && strcmp(t->key, "mask") == 0 && !t->wish_types) assert_int_equal(got.types, PHONE);
    }
}

/* Nobody knows any more what a key that is gone was forced to. */
static void a_lost_key_masks_all(void **state) {
    static service v;
    auth_key key = {0};
    auth_pass pass = {.key = &key}, nobody = {0};
    redact_wish wish = {.has_mode = true, .mode = REDACT_OFF};
    gate_policy got;
    (void)state;
    policy_init(&v.config.policy);
    redaction_policy(&v, &pass, &wish, &got);
    assert_int_equal(got.mode, REDACT_MASK);
    assert_int_equal(got.types, entity_all_set);
    redaction_policy(&v, &nobody, &wish, &got);
    assert_int_equal(got.mode, REDACT_OFF);
    redaction_policy(&v, NULL, NULL, &got);
    assert_int_equal(got.mode, REDACT_OFF);
}

static void later_words_count(void **state) {
    redact_wish w = {.has_mode = true, .mode = REDACT_MASK, .has_hold = true, .hold_ms = 5};
    redact_wish later = {.has_itn = true, .itn = true, .has_hold = true, .hold_ms = 7};
    (void)state;
    redaction_add(&w, &later);
    assert_true(w.has_mode && w.mode == REDACT_MASK && w.has_itn && w.itn && w.hold_ms == 7 && !w.has_types);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_wishes), cmocka_unit_test(a_lost_key_masks_all),
                                       cmocka_unit_test(later_words_count)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
