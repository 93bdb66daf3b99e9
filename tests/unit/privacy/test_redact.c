/* test_redact.c: a text in pieces is redacted as the whole is, at any length. STENO_REDACT_SEED repeats a run. */
#include "base/err.h"
#include "base/mem.h"
#include "privacy/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static privacy *rules;
static uint64_t dice;

static size_t roll(size_t below) {
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return below ? (size_t)((dice * UINT64_C(2685821657736338717)) >> 33) % below : 0;
}

static gate_policy policy_of(redact_mode mode) {
    gate_policy p;
    policy_init(&p);
    p.mode = mode;
    return p;
}

static redactor *open_redactor(const gate_policy *p) {
    redactor *r;
    assert_int_equal(redact_open(rules, p, &r), STENO_OK);
    return r;
}

static const char *redacted(const gate_policy *p, const char *text) {
    static char out[1024];
    redact_text got = {0};
    redactor *r = open_redactor(p);
    assert_int_equal(redact_whole(r, text, strlen(text), &got), STENO_OK);
    snprintf(out, sizeof out, "%s", got.n ? got.text : "");
    redact_text_free(&got);
    redact_free(r);
    return out;
}

static void a_text(void **state) {
    (void)state;
    gate_policy mask = policy_of(REDACT_MASK), partly = policy_of(REDACT_PARTLY), tag = policy_of(REDACT_TAG),
                off = policy_of(REDACT_OFF);
    const char *text = "my phone number is 13812345678, mail john@example.com\n";
    assert_string_equal(redacted(&mask, text), "my phone number is [PHONE], mail [EMAIL]\n");
    assert_string_equal(redacted(&partly, text), "my phone number is 138****5678, mail j***@example.com\n");
    assert_string_equal(redacted(&tag, text), text);
    assert_string_equal(redacted(&off, text), text);
    mask.types = ENTITY_BIT(ENTITY_EMAIL);
    assert_string_equal(redacted(&mask, text), "my phone number is 13812345678, mail [EMAIL]\n");
    assert_string_equal(redacted(&mask, ""), "");
}

static void positions(void **state) {
    (void)state;
    gate_policy mask = policy_of(REDACT_MASK);
    const char *text = "打电话 13812345678 or mail john@example.com";
    redactor *r = open_redactor(&mask);
    redact_text got = {0};
    assert_int_equal(redact_whole(r, text, strlen(text), &got), STENO_OK);
    assert_int_equal(got.n_entities, 2);
    const redact_entity *e = got.entities;
    assert_memory_equal(text + e[0].at, "13812345678", e[0].n);
    assert_memory_equal(got.text + e[0].out_at, "[PHONE]", e[0].out_n);
    assert_int_equal(e[0].out_n, 7);
    assert_memory_equal(text + e[1].at, "john@example.com", e[1].n);
    assert_memory_equal(got.text + e[1].out_at, "[EMAIL]", e[1].out_n);
    assert_string_equal(e[1].name, "email");
    assert_int_equal(redact_count_chars(got.text, e[0].out_at), 4);
    redact_text_free(&got);
    redact_free(r);
}

static void numbers_of_masks(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    p.count = true;
    assert_string_equal(redacted(&p, "a@example.com, b@example.com, a@example.com"), "[EMAIL_1], [EMAIL_2], [EMAIL_1]");
}

static void numbers_in_figures(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK), off = policy_of(REDACT_OFF);
    p.itn = off.itn = true;
    const char *text =
        "twenty three dollars, my phone number is one three eight one two three four five six seven eight";
    assert_string_equal(redacted(&p, text), "$23, my phone number is [PHONE]");
    assert_string_equal(redacted(&off, "twenty three dollars for me"), "$23 for me");
}

/* An utterance break stays, and what goes over it is masked on both sides. */
static void over_a_break(void **state) {
    (void)state;
    gate_policy mask = policy_of(REDACT_MASK), partly = policy_of(REDACT_PARTLY);
    const char *text = "my phone number is one three eight one two,\x1e three four five six seven eight. Thanks";
    assert_string_equal(redacted(&mask, text), "my phone number is [PHONE],\x1e [PHONE]. Thanks");
    assert_string_equal(redacted(&partly, text), "my phone number is 138**,\x1e **5678. Thanks");
}

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static const char *const sentences[] = {
    "my phone number is 138 1234 5678. ",
    "write to john dot smith at example dot com please, ",
    "我的手机号是一三八一二三四五六七八。",
    "身份证110101199003072316。",
    "it costs twenty three dollars and five cents ",
    "the quick brown fox jumps over the lazy dog and nobody minds at all ",
    "call me on one three eight\x1e double one two three\x1e four five six seven ",
    "card 4111 1111 1111 1111\n",
    "https://user:password@example.com/a/very/long/path?with=things ",
    "He was born on May 1st, 1990 in a town nobody knows. ",
    "今天天气很好我们去公园散步吧大家都觉得不错。",
    "12 of 345 ",
};
#define SENTENCES (sizeof sentences / sizeof *sentences)

/* What went out, and whether positions fit. */
static redact_text run(redactor *r, const char *text, size_t n, size_t most) {
    redact_text got = {0};
    redact_begin(r, redact_gather, &got);
    for (size_t at = 0, now; at < n; at += now) {
        now = most ? 1 + roll(most) : n;
        if (now > n - at) now = n - at;
        char *piece = malloc(now); /* of its own, so that a sanitizer sees what reads on */
        memcpy(piece, text + at, now);
        assert_int_equal(redact_push(r, piece, now), STENO_OK);
        free(piece);
    }
    assert_int_equal(redact_end(r), STENO_OK);
    return got;
}

static void check_same(const redact_text *a, const redact_text *b) {
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->text, b->text, a->n);
    assert_int_equal(a->n_entities, b->n_entities);
    for (size_t i = 0; i < a->n_entities; i++) {
        assert_int_equal(a->entities[i].at, b->entities[i].at);
        assert_int_equal(a->entities[i].out_at, b->entities[i].out_at);
        assert_int_equal(a->entities[i].out_n, b->entities[i].out_n);
        assert_int_equal(a->entities[i].type, b->entities[i].type);
    }
}

/* About *n bytes of whole sentences. */
static char *long_text(size_t *n) {
    char *text = malloc(*n + 256);
    size_t at = 0;
    while (at < *n) {
        const char *s = sentences[roll(SENTENCES)];
        memcpy(text + at, s, strlen(s));
        at += strlen(s);
    }
    *n = at;
    return text;
}

/* Nothing that is masked is left, however long the text. */
static void check_clean(const redact_text *got) {
    static const char *const secrets[] = {"138 1234 5678", "john dot smith", "一三八一二三",
                                          "110101199003",  "4111 1111",      "user:password"};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (memmem(got->text, got->n, secrets[i], strlen(secrets[i]))) fail_msg("\"%s\" is still there", secrets[i]);
}

static void check_pieces(bool itn, size_t bytes, size_t most) {
    gate_policy p = policy_of(REDACT_MASK);
    p.itn = itn;
    redactor *r = open_redactor(&p);
    char *text = long_text(&bytes);
    redact_text whole = run(r, text, bytes, 0), pieces = run(r, text, bytes, most);
    check_same(&whole, &pieces);
    check_clean(&whole);
    redact_text_free(&whole);
    redact_text_free(&pieces);
    free(text);
    redact_free(r);
}

static void pieces_equal_whole(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        check_pieces(i % 2, 30000, 40);
        check_pieces(i % 2, 60000, 3000);
    }
    check_pieces(true, 300000, 50000);
    check_pieces(false, 3000, 1);
}

/* Bytes of any kind: whatever it is, it is the same in pieces. */
static void junk(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    p.itn = true;
    p.types = entity_all_set;
    redactor *r = open_redactor(&p);
    for (int round = 0; round < 6; round++) {
        size_t n = 20000;
        unsigned char *bytes = malloc(n);
        static const char few[] = "0123456789 @.-一二\xe4\xff\x1e\n,()ab";
        for (size_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)(round % 2 ? (size_t)few[roll(sizeof few - 1)] : roll(256));
        redact_text whole = run(r, (char *)bytes, n, 0), pieces = run(r, (char *)bytes, n, 200);
        check_same(&whole, &pieces);
        redact_text_free(&whole);
        redact_text_free(&pieces);
        free(bytes);
    }
    redact_free(r);
}

/* A word longer than a window cannot be looked at. */
static void endless_word(void **state) {
    (void)state;
    size_t n = 3 * FIND_TEXT_MAX;
    char *text = malloc(n);
    memset(text, 'a', n);
    memcpy(text, "my mail is a@example.com and that is all of it ", 47);
    gate_policy mask = policy_of(REDACT_MASK), tag = policy_of(REDACT_TAG);
    redactor *r = open_redactor(&mask);
    redact_text whole = run(r, text, n, 0), pieces = run(r, text, n, 5000);
    check_same(&whole, &pieces);
    assert_true(strncmp(whole.text, "my mail is [EMAIL] and ", 23) == 0);
    assert_non_null(strstr(whole.text, "[REDACTED][REDACTED]"));
    assert_null(strstr(whole.text, "aaaa"));
    redact_text_free(&whole);
    redact_text_free(&pieces);
    redact_free(r);
    r = open_redactor(&tag);
    whole = run(r, text, n, 0);
    assert_int_equal(whole.n, n);
    assert_memory_equal(whole.text, text, n);
    redact_text_free(&whole);
    redact_free(r);
    free(text);
}

/* ---- failures ----------------------------------------------------------------------------------------------------- */

static steno_err full(void *user, const char *text, size_t n, const redact_entity *entities, uint32_t n_entities) {
    (void)text, (void)n, (void)entities, (void)n_entities;
    ++*(int *)user;
    return err_fail(STENO_E_IO, "full");
}

static void a_sink_that_fails(void **state) {
    (void)state;
    gate_policy mask = policy_of(REDACT_MASK);
    int calls = 0;
    redactor *r = open_redactor(&mask);
    redact_begin(r, full, &calls);
    assert_int_equal(redact_push(r, "one thing and another", 21), STENO_E_IO);
    assert_int_equal(redact_push(r, "more", 4), STENO_E_IO);
    assert_int_equal(redact_end(r), STENO_E_IO);
    assert_int_equal(calls, 1);
    redact_free(r);
}

static void no_memory(void **state) {
    (void)state;
    gate_policy p = policy_of(REDACT_MASK);
    p.itn = true;
    for (uint64_t nth = 1;; nth++) {
        redactor *r = NULL;
        redact_text got = {0};
        mem_fault_arm(nth);
        steno_err e = redact_open(rules, &p, &r);
        if (e == STENO_OK) e = redact_whole(r, "mail a@example.com", 18, &got);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        assert_int_equal(e, hit ? STENO_E_NOMEM : STENO_OK);
        redact_text_free(&got);
        redact_free(r);
        if (!hit) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text),
        cmocka_unit_test(positions),
        cmocka_unit_test(numbers_of_masks),
        cmocka_unit_test(numbers_in_figures),
        cmocka_unit_test(over_a_break),
        cmocka_unit_test(pieces_equal_whole),
        cmocka_unit_test(junk),
        cmocka_unit_test(endless_word),
        cmocka_unit_test(a_sink_that_fails),
        cmocka_unit_test(no_memory),
    };
    const char *seed = getenv("STENO_REDACT_SEED");
    dice = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("STENO_REDACT_SEED=%llu\n", (unsigned long long)dice);
    dice = dice * UINT64_C(0x9E3779B97F4A7C15) | 1;
    if (privacy_open(NULL, &rules) != STENO_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    privacy_close(rules);
    return failed;
}
