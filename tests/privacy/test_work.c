/* test_work.c: what somebody may say or send to make the finder work: twice as much text is twice as much work, and what is held back of
 * a text that goes on stays short.
 *
 * Work is counted, not timed: src/privacy is compiled for this program with a call in front of every basic block, which counts.
 */
#include "privacy/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SMALL_BYTES 4096 /* many times what a rule looks ahead */
#define GROWTH_MAX  2.3  /* of work when the text is doubled; 4 is quadratic */
/* On the worst text; prose takes about a four-hundredth of it. Sanitizers and other compilers cut functions into more blocks. */
#if defined(__clang__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BLOCKS_PER_BYTE 96000
#else
#define BLOCKS_PER_BYTE 24000
#endif
#define HELD_TOKENS_MAX (9 * RULE_AHEAD_MAX) /* two clusters at their limit, and what is read ahead behind them */
#define CONFIDENCE      0.5F

#ifdef __clang__
#define NOT_COUNTED __attribute__((no_sanitize("coverage")))
#else
#define NOT_COUNTED __attribute__((no_sanitize_coverage))
#endif

void __sanitizer_cov_trace_pc(void);

static uint64_t blocks;
static double worst_per_byte;

NOT_COUNTED void __sanitizer_cov_trace_pc(void) {
    blocks++;
}

static const char *const patterns[] = {
    "1 ",
    "1",
    "12 ",
    "123 456 ",
    "one ",
    "double ",
    "double five ",
    "one hundred and ",
    "no sorry ",
    "one no sorry ",
    "uh ",
    "one uh ",
    "oh ",
    "twenty ",
    "nineteen twenty ",
    "at ",
    "dot ",
    "at at dot dot ",
    "a at b dot ",
    "a dot ",
    "a@",
    "a.",
    "a.b@c.",
    "a@b ",
    "@",
    "@ ",
    "www.",
    "http://",
    "http://a:b",
    "://",
    ":",
    ": ",
    "/",
    "//",
    "?token=",
    "a_b-c+",
    "1.",
    "1.2.",
    "1.2.3.4.",
    "255.255.255.",
    "one dot ",
    "2001:",
    "::",
    "f:",
    "-",
    "- ",
    "1-",
    "(",
    "(1",
    "+",
    "+1 ",
    "+1 (",
    "1 (2) ",
    "123-45-",
    "4111 1111 1111 1111 ",
    "de89 3704 ",
    "a1",
    "a 1 ",
    "x ",
    "ab",
    "a",
    "\xff",
    "\xc3",
    "\xe4\xb8",
    "\xf0\x9f\x98\x80",
    "\xc3\xa9",
    "\x1e",
    "1\x1e",
    "one\x1e",
    "\x1e ",
    " ",
    "\t",
    "\n",
    "'",
    "a'",
    ",",
    "1,",
    "one, ",
    ".",
    "one. ",
    "my number is ",
    "my card number is 1 ",
    "account number account number ",
    "order ",
    "order 1 ",
    "ssn ",
    "passport a ",
    "plate ",
    "born on ",
    "march ",
    "march fifth ",
    "march 5th nineteen ",
    "12/",
    "1/2/",
    "1987-",
    "12 oak ",
    "12 oak street ",
    "street ",
    "street apartment ",
    "one oak lane suite ",
    "north ",
    "mr smith ",
    "John ",
    "John Smith ",
    "\xe4\xb8\x80",
    "\xe5\xb9\xba",
    "\xe7\x82\xb9",
    "\xe8\x89\xbe\xe7\x89\xb9",
    "a\xe8\x89\xbe\xe7\x89\xb9"
    "b\xe7\x82\xb9",
    "\xe5\x8f\xb7",
    "\xe8\xb7\xaf",
    "\xe5\xbb\xba\xe5\x9b\xbd\xe8\xb7\xaf",
    "\xe5\xb8\x82",
    "\xe5\x8c\x97\xe4\xba\xac\xe5\xb8\x82",
    "\xe4\xba\xac",
    "\xe4\xba\xac"
    "a",
    "\xe5\xb9\xb4",
    "\xe4\xb8\x80\xe5\xb9\xb4",
    "\xe4\xb8\x80\xe7\x99\xbe",
    "\xe5\x91\x83",
    "\xe4\xb8\x8d\xe5\xaf\xb9",
    "\xe4\xb8\x80\xe4\xb8\x8d\xe5\xaf\xb9",
    "\xe4\xb8\xa4\xe4\xb8\xaa",
    "\xe6\x88\x91\xe7\x9a\x84\xe6\x89\x8b\xe6\x9c\xba",
    "\xe7\x8e\x8b",
    "\xe7\x8e\x8b\xe5\x85\x88\xe7\x94\x9f",
    "$1 ",
    "five dollars ",
    "1 million ",
    "\xef\xbc\x91",
    "\xef\xbc\x91 ",
};
#define PATTERNS (sizeof patterns / sizeof *patterns)

static privacy *rules;
static finder *scratch;
static char text[FIND_TEXT_MAX];

/* A prefix that makes the pattern fail late, then the pattern over and over. */
static void fill(const char *front, const char *pattern, size_t n) {
    size_t at = strlen(front), step = strlen(pattern);
    memcpy(text, front, at);
    for (; at < n; at++) text[at] = pattern[(at - strlen(front)) % step];
}

static uint64_t work(size_t n, bool whole, entity_set types, find_result *out) {
    const find_text t = {.text = text, .n = n, .stable = n, .whole = whole};
    blocks = 0;
    assert_int_equal(find_run(scratch, &t, types, CONFIDENCE, out), STENO_OK);
    return blocks;
}

static const char *printable(const char *pattern, char room[64]) {
    size_t n = 0;
    for (; *pattern && n < 56; pattern++)
        n += (size_t)snprintf(room + n, 64 - n, *pattern >= ' ' ? "%c" : "\\x%02x", (unsigned char)*pattern);
    room[n] = '\0';
    return room;
}

static void grows(const char *front, const char *pattern, entity_set types) {
    find_result r;
    uint64_t at[3];
    char room[64];
    for (int i = 0; i < 3; i++) {
        fill(front, pattern, (size_t)SMALL_BYTES << i);
        at[i] = work((size_t)SMALL_BYTES << i, true, types, &r);
    }
    double growth = (double)at[2] / (double)at[1], per_byte = (double)at[2] / FIND_TEXT_MAX;
    if (per_byte > worst_per_byte) {
        worst_per_byte = per_byte;
        print_message("up to %.0f blocks a byte: '%s%s'\n", per_byte, front, printable(pattern, room));
    }
    if (growth <= GROWTH_MAX && per_byte <= BLOCKS_PER_BYTE) return;
    fail_msg("'%s%s': %.0f blocks a byte, twice the text is %.2f times the work", front, printable(pattern, room),
             per_byte, growth);
}

static void work_is_linear(void **state) {
    (void)state;
    for (size_t i = 0; i < PATTERNS; i++) {
        grows("", patterns[i], entity_all_set);
        grows("my phone number is ", patterns[i], entity_default_set);
    }
}

static void two_patterns_are_no_worse(void **state) {
    (void)state;
    const char *seed = getenv("STENO_WORK_SEED");
    unsigned dice = seed ? (unsigned)strtoul(seed, NULL, 10) : 1;
    print_message("STENO_WORK_SEED=%u\n", dice);
    for (int i = 0; i < 200; i++) {
        char both[128];
        const char *a = patterns[(dice = dice * 1103515245 + 12345) / 65536 % PATTERNS];
        const char *b = patterns[(dice = dice * 1103515245 + 12345) / 65536 % PATTERNS];
        snprintf(both, sizeof both, "%s%s", a, b);
        grows("", both, entity_all_set);
    }
}

static size_t tokens_from(size_t at, size_t n) {
    static token of[FIND_TEXT_MAX];
    return token_read(text, n, &at, of, FIND_TEXT_MAX);
}

/* However a text is meant, only its end is held back. */
static void little_is_held_back(void **state) {
    (void)state;
    find_result r;
    char room[64];
    for (size_t i = 0; i < PATTERNS; i++) {
        fill("my number is ", patterns[i], SMALL_BYTES);
        work(SMALL_BYTES, false, entity_all_set, &r);
        size_t held = tokens_from(r.settled, SMALL_BYTES);
        if (held > HELD_TOKENS_MAX) fail_msg("'%s': %zu tokens are held back", printable(patterns[i], room), held);
    }
}

/* Blocks a byte on sentences people say, for the record. */
static void prose_is_cheap(void **state) {
    (void)state;
    static const char prose[] =
        "so the next item is the budget and I think we should look at what the other teams have done before we decide, "
        "because last "
        "year we waited too long and then the whole thing had to be done in a week, which nobody wants to see again. ";
    find_result r;
    fill("", prose, FIND_TEXT_MAX);
    double per_byte = (double)work(FIND_TEXT_MAX, true, entity_default_set, &r) / FIND_TEXT_MAX;
    print_message("prose: %.1f blocks a byte\n", per_byte);
    assert_true(per_byte < BLOCKS_PER_BYTE / 100.0);
}

static int open_rules(void **state) {
    (void)state;
    return privacy_open(NULL, &rules) == STENO_OK && finder_open(rules, &scratch) == STENO_OK ? 0 : -1;
}

static int close_rules(void **state) {
    (void)state;
    finder_free(scratch);
    privacy_close(rules);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prose_is_cheap),
        cmocka_unit_test(work_is_linear),
        cmocka_unit_test(two_patterns_are_no_worse),
        cmocka_unit_test(little_is_held_back),
    };
    return cmocka_run_group_tests(tests, open_rules, close_rules);
}
