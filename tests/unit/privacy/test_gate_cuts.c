/* test_gate_cuts.c: sentences with personal data, said in pieces through a gate with the real finder: whatever was ever shown is a
 * beginning of what is shown in the end, and that holds nothing of what the whole masks.
 *
 * Sentences are those of tests/privacy/generate.mjs (folder STENO_PRIVACY). Each utterance comes as partials that end at random words, the
 * front of which is stable, then as a final. Masks, blanks and punctuation are left out of the comparison: it says which letters and
 * figures were shown. STENO_CUTS_SEED repeats a run.
 */
#include "privacy/gate.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../privacy/set_lines.h"

#define TEXT_MAX   4096
#define WORDS_MAX  1024
#define LIVES      3 /* times that a sentence is said */
#define GAP_MS     600
#define UTTERANCES 8
#define SHOWN_MAX  5
#define CONFIDENCE 0.5F

static privacy *rules;
static finder *scratch;
static uint64_t dice, lives, failures;

static size_t roll(size_t below) {
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return below ? (size_t)((dice * UINT64_C(2685821657736338717)) >> 33) % below : 0;
}

/* ---- what may be shown --------------------------------------------------------------------------------------------- */

/* Bytes of a blank, a break or a punctuation mark at the front, which say nothing of anybody; 0: a letter or a figure. */
static size_t mark(const char *text, size_t n) {
    static const char *const marks[] = {"，", "。", "、", "？", "！"};
    if ((unsigned char)*text < 0x80) return !isalnum((unsigned char)*text);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n >= strlen(marks[i]) && memcmp(text, marks[i], strlen(marks[i])) == 0) return strlen(marks[i]);
    return 0;
}

/* Letters and figures only. */
static size_t squeeze(const char *text, size_t n, char *out) {
    size_t k = 0;
    for (size_t i = 0; i < n;) {
        size_t skip = mark(text + i, n - i);
        if (!skip) out[k++] = text[i];
        i += skip ? skip : 1;
    }
    out[k] = '\0';
    return k;
}

/* The letters of text [n] that are not personal data. */
static bool allowed_of(const char *text, size_t n, entity_set types, char *out) {
    const find_text all = {.text = text, .n = n, .stable = n, .whole = true};
    find_result r;
    size_t at = 0, k = 0;
    if (find_run(scratch, &all, types, CONFIDENCE, &r) != STENO_OK) return false;
    for (uint32_t i = 0; i < r.n; i++) {
        k += squeeze(text + at, r.findings[i].at - at, out + k);
        at = r.findings[i].at + r.findings[i].n;
    }
    squeeze(text + at, n - at, out + k);
    return true;
}

/* Masks are "[" capitals and "_" "]"; no sentence has these. */
static void drop_masks(const char *text, char *out) {
    char rest[TEXT_MAX];
    size_t k = 0;
    for (; *text && k < sizeof rest; text++) {
        const char *end = *text == '[' ? strchr(text, ']') : NULL;
        if (end)
            text = end;
        else
            rest[k++] = *text;
    }
    squeeze(rest, k, out);
}

/* ---- what is shown --------------------------------------------------------------------------------------------------- */

typedef struct screen {
    char finals[TEXT_MAX]; /* without masks and blanks */
    const char *allowed;
    bool leaked;
    uint32_t n_finals;
    char shown[TEXT_MAX]; /* what leaked */
} screen;

static void on_event(void *user, const released_event *e) {
    screen *s = user;
    char now[TEXT_MAX], all[2 * TEXT_MAX];
    if (e->kind != STENO_EVENT_PARTIAL && e->kind != STENO_EVENT_SEGMENT) return;
    drop_masks(e->segment.text, now);
    size_t n = (size_t)snprintf(all, sizeof all, "%s%s", s->finals, now);
    if (strncmp(all, s->allowed, n) != 0 && !s->leaked) {
        s->leaked = true;
        snprintf(s->shown, sizeof s->shown, "%s", e->segment.text);
    }
    if (e->kind == STENO_EVENT_PARTIAL) return;
    snprintf(s->finals, sizeof s->finals, "%.*s", TEXT_MAX - 1, all);
    s->n_finals++;
}

typedef struct speech {
    gate *g;
    screen screen;
    steno_word words[WORDS_MAX];
    char text[TEXT_MAX];
    int64_t now_ms;
    uint32_t rev;
} speech;

/* Where a word ends: behind a letter or figure before a blank or the end, and behind any Han character. */
static bool ends_word(const char *text, size_t n, size_t at) {
    if (at == 0 || at == n) return at == n;
    unsigned char before = (unsigned char)text[at - 1], behind = (unsigned char)text[at];
    if ((behind & 0xc0) == 0x80) return false;
    return behind == ' ' || (before >= 0x80 && behind >= 0x80);
}

static uint32_t words_of(speech *s, size_t n, double start_s, double end_s) {
    uint32_t k = 0;
    for (size_t from = 0, at = 1; at <= n && k < WORDS_MAX; at++) {
        if (from < n && s->text[from] == ' ') {
            from++;
            continue;
        }
        if (at <= from || !ends_word(s->text, n, at)) continue;
        s->words[k++] = (steno_word){.text_offset = (uint32_t)from,
                                     .text_bytes = (uint32_t)(at - from),
                                     .confidence = 0.9F,
                                     .start_s = start_s,
                                     .end_s = end_s,
                                     .speaker = STENO_SPEAKER_UNKNOWN};
        from = at;
    }
    return k;
}

static void say(speech *s, uint32_t id, const char *text, size_t n, size_t stable, bool final, double start_s) {
    memcpy(s->text, text, n);
    s->text[n] = '\0';
    double end_s = (double)s->now_ms / 1000;
    steno_event e = {.kind = final ? STENO_EVENT_SEGMENT : STENO_EVENT_PARTIAL, .heard_s = end_s};
    e.segment = (steno_segment){.id = id,
                                .rev = ++s->rev,
                                .text = s->text,
                                .stable_bytes = (uint32_t)stable,
                                .end = final ? STENO_END_ENDPOINT : STENO_END_NONE,
                                .start_s = start_s,
                                .end_s = end_s,
                                .confidence = 0.9F,
                                .words = s->words,
                                .speaker = STENO_SPEAKER_UNKNOWN};
    e.segment.n_words = words_of(s, n, start_s, end_s);
    gate_event(s->g, &e, s->now_ms);
}

/* Partials that grow by words; their front is stable to some word, and stays so. */
static void utter(speech *s, uint32_t id, const char *text, size_t n) {
    size_t stable = 0;
    double start_s = (double)s->now_ms / 1000;
    s->rev = 0;
    for (size_t at = 1 + roll(12); at < n; at += 1 + roll(16)) {
        while (at < n && !ends_word(text, n, at)) at++;
        if (at >= n) break;
        for (size_t more = stable; more < at; more++)
            if (ends_word(text, n, more) && roll(3) == 0) stable = more;
        s->now_ms += 100;
        say(s, id, text, at, stable, false, start_s);
    }
    s->now_ms += 100;
    say(s, id, text, n, n, true, start_s);
}

static bool live(const char *text, size_t n, screen *out) {
    static speech s;
    char allowed[TEXT_MAX];
    gate_policy policy;
    policy_init(&policy);
    policy.mode = REDACT_MASK;
    memset(&s, 0, sizeof s);
    s.screen.allowed = allowed;
    if (!allowed_of(text, n, policy.types, allowed)) return false;
    assert_int_equal(gate_open(rules, &policy, on_event, &s.screen, &s.g), STENO_OK);
    uint32_t id = 0;
    for (size_t at = 0; at <= n;) {
        const char *end = memchr(text + at, TOKEN_BREAK_CHAR, n - at);
        size_t stop = end ? (size_t)(end - text) : n;
        if (stop > at) utter(&s, id++, text + at, stop - at);
        s.now_ms += GAP_MS;
        at = stop + 1;
    }
    const steno_event done = {.kind = STENO_EVENT_DONE, .heard_s = (double)s.now_ms / 1000};
    gate_event(s.g, &done, s.now_ms);
    gate_free(s.g);
    *out = s.screen;
    out->allowed = NULL;
    return !s.screen.leaked && s.screen.n_finals == id && strcmp(s.screen.finals, allowed) == 0;
}

/* ---- over sets --------------------------------------------------------------------------------------------------------- */

static void check_text(const char *text, size_t n) {
    screen shown;
    for (int i = 0; i < LIVES; i++) {
        uint64_t seed = dice;
        lives++;
        if (live(text, n, &shown)) continue;
        if (failures++ >= SHOWN_MAX) continue;
        print_message("'%.*s' (dice %llu): %s '%s'; in the end '%s'\n", (int)n, text, (unsigned long long)seed,
                      shown.leaked ? "showed" : "ended otherwise", shown.shown, shown.finals);
    }
}

static bool check_set(const char *name) {
    FILE *f = set_open(name);
    if (!f) return false;
    lives = failures = 0;
    json_t *line;
    for (; (line = set_next(f)); json_decref(line)) {
        size_t n;
        const char *text = set_text(line, &n);
        if (n < TEXT_MAX / 2 && !strchr(text, '[') && !memchr(text, '\n', n)) check_text(text, n);
    }
    fclose(f);
    print_message("%llu lives, %llu failures\n", (unsigned long long)lives, (unsigned long long)failures);
    assert_int_equal(failures, 0);
    return true;
}

static void sentences_in_english(void **state) {
    (void)state;
    if (!check_set("en")) skip();
}

static void sentences_in_mandarin(void **state) {
    (void)state;
    if (!check_set("zh")) skip();
}

static void sentences_of_presidios_kind(void **state) {
    (void)state;
    if (!check_set("presidio")) skip();
}

static void numbers_misheard(void **state) {
    (void)state;
    if (!check_set("misheard")) skip();
}

static void sentences_from_here(void **state) {
    (void)state;
    static const char *const texts[] = {
        "My number is four one five, five five five, oh one two three and my email is jane dot doe at example dot com.",
        "my card is four one one one one one one one\x1e"
        "one one one one one one one one thanks",
        "call 415-555-0123 or +44 20 7946 0958, okay? We meet at ten.",
        "我的手机号是一三八一二三四\x1e"
        "五六七八，谢谢你",
        "我的身份证号是110101199003072316，车牌京A12345",
    };
    lives = failures = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int k = 0; k < 20; k++) check_text(texts[i], strlen(texts[i]));
    print_message("%llu lives, %llu failures\n", (unsigned long long)lives, (unsigned long long)failures);
    assert_int_equal(failures, 0);
}

static int open_rules(void **state) {
    (void)state;
    const char *seed = getenv("STENO_CUTS_SEED");
    dice = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("STENO_CUTS_SEED=%llu\n", (unsigned long long)dice);
    dice = dice * 2 + 1;
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
        cmocka_unit_test(sentences_from_here),   cmocka_unit_test(sentences_in_english),
        cmocka_unit_test(sentences_in_mandarin), cmocka_unit_test(sentences_of_presidios_kind),
        cmocka_unit_test(numbers_misheard),
    };
    return cmocka_run_group_tests(tests, open_rules, close_rules);
}
