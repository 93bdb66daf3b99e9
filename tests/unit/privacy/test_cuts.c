/* test_cuts.c: chunk invariance of the finder (find.h): wherever a text is cut, what is settled is what the whole says.
 *
 * For each sentence of the sets of tests/privacy/generate.mjs (folder STENO_PRIVACY; without them some sentences that stand here): cuts at
 * random bytes, and at every byte of every EVERY_CUT-th sentence; a stream of growing pieces whose context is what is out already;
 * words that are stable followed by something that will be taken back. STENO_CUTS_SEED repeats a run. A failure is cut down to the fewest words and bytes
 * that still fail.
 */
#include "privacy/find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../privacy/set_lines.h"

#define CUTS       6
#define EVERY_CUT  20
#define JOINED     12 /* sentences of a long text */
#define TEXT_MAX   8192
#define FOUND_MAX  512
#define CONFIDENCE 0.5F

static privacy *rules;
static finder *scratch;
static uint64_t dice;

/* xorshift64* */
static size_t roll(size_t below) {
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return below ? (size_t)((dice * UINT64_C(2685821657736338717)) >> 33) % below : 0;
}

typedef struct found {
    finding of[FOUND_MAX];
    uint32_t n;
    size_t settled;
} found;

static bool run(const find_text *text, entity_set types, found *out) {
    find_result r;
    if (find_run(scratch, text, types, CONFIDENCE, &r) != STENO_OK || r.n > FOUND_MAX || r.settled > text->n)
        return false;
    memcpy(out->of, r.findings, r.n * sizeof *out->of);
    out->n = r.n;
    out->settled = r.settled;
    return true;
}

static bool same(const finding *a, const finding *b) {
    return a->type == b->type && a->at == b->at && a->n == b->n && strcmp(a->canonical, b->canonical) == 0;
}

static bool has(const found *in, const finding *f) {
    for (uint32_t i = 0; i < in->n; i++)
        if (same(&in->of[i], f)) return true;
    return false;
}

/* What `part` says of bytes [from, to) is what `whole` says. */
static bool agree(const found *whole, const found *part, size_t from, size_t to) {
    for (uint32_t i = 0; i < part->n; i++) {
        if (part->of[i].at >= to) continue;
        if (part->of[i].at < from || part->of[i].at + part->of[i].n > part->settled || !has(whole, &part->of[i]))
            return false;
    }
    for (uint32_t i = 0; i < whole->n; i++) {
        const finding *w = &whole->of[i];
        if (w->at < to && w->at + w->n > from && !has(part, w)) return false;
    }
    return true;
}

/* ---- the three properties --------------------------------------------------------------------------------------------- */

static found part; /* what the last part that was looked at said */

typedef bool property(const char *text, size_t n, entity_set types, const found *whole, size_t cut);

static bool cut_agrees(const char *text, size_t n, entity_set types, const found *whole, size_t cut) {
    (void)n;
    const find_text front = {.text = text, .n = cut, .stable = cut};
    return run(&front, types, &part) && agree(whole, &part, 0, part.settled);
}

/* Whether what is said may be called stable up to here: recognisers settle whole words, and Han characters one by one. */
static bool word_ends(const char *text, size_t n, size_t cut) {
    if (cut == 0 || cut == n) return true;
    unsigned char before = (unsigned char)text[cut - 1], behind = (unsigned char)text[cut];
    if ((behind & 0xc0) == 0x80) return false;
    return strchr(" ,;?!", behind) || behind == TOKEN_BREAK_CHAR || (before >= 0x80 && behind >= 0x80);
}

/* Behind the cut stands what will be taken back; it may not change what is settled before. */
static bool tail_does_not_matter(const char *text, size_t n, entity_set types, const found *whole, size_t cut) {
    static const char *const tails[] = {" five five", " 1",        " s", " at example dot com",
                                        "号",         " no sorry", ".",  " and then",
                                        "个五",       "对",        "-",  " dot"};
    char with_tail[TEXT_MAX + 32];
    if (n > TEXT_MAX || !word_ends(text, n, cut)) return true;
    memcpy(with_tail, text, cut);
    const char *tail = tails[cut % (sizeof tails / sizeof *tails)];
    strcpy(with_tail + cut, tail);
    const find_text front = {.text = with_tail, .n = cut + strlen(tail), .stable = cut};
    if (!run(&front, types, &part)) return false;
    return agree(whole, &part, 0, part.settled < cut ? part.settled : cut);
}

/* Pieces of which the first ends at `cut`, each with what is out as its context, say in all what the whole says. */
static bool stream_agrees(const char *text, size_t n, entity_set types, const found *whole, size_t cut) {
    size_t out = 0, at = cut, step = 1 + cut % 7;
    for (;;) {
        const find_text piece = {.text = text, .n = at, .context = out, .stable = at, .whole = at == n};
        if (!run(&piece, types, &part) || part.settled < out || !agree(whole, &part, out, part.settled)) return false;
        if (at == n) return part.settled == n;
        out = part.settled;
        at = at + step < n ? at + step : n;
    }
}

static property *const properties[] = {cut_agrees, tail_does_not_matter, stream_agrees};
static const char *const names[] = {"a cut", "a tail that is taken back", "a stream"};
#define PROPERTIES (sizeof properties / sizeof *properties)

/* ---- a failure, as small as it gets ------------------------------------------------------------------------------------- */

static bool holds(property *p, const char *text, size_t n, entity_set types, size_t cut) {
    static found whole;
    const find_text all = {.text = text, .n = n, .stable = n, .whole = true};
    return run(&all, types, &whole) && p(text, n, types, &whole, cut);
}

static size_t shortest_cut(property *p, const char *text, size_t n, entity_set types) {
    for (size_t cut = 0; cut <= n; cut++)
        if (!holds(p, text, n, types, cut)) return cut;
    return n + 1;
}

/* Words go, from the front and from the back, as long as some cut still fails. */
static void shrink(property *p, const char **text, size_t *n, entity_set types) {
    for (bool smaller = true; smaller;) {
        smaller = false;
        const char *blank = memchr(*text, ' ', *n);
        size_t front = blank ? (size_t)(blank - *text) + 1 : 0, back = *n;
        while (back > 0 && (*text)[back - 1] != ' ') back--;
        if (front && shortest_cut(p, *text + front, *n - front, types) <= *n - front) {
            *text += front;
            *n -= front;
            smaller = true;
        } else if (back && shortest_cut(p, *text, back - 1, types) <= back - 1) {
            *n = back - 1;
            smaller = true;
        }
    }
}

static void print_found(const char *what, const char *text, const found *f) {
    print_message("  %s settled to byte %zu:", what, f->settled);
    for (uint32_t i = 0; i < f->n; i++)
        print_message(" %s[%u,%u) '%.*s'", entity_name(f->of[i].type), f->of[i].at, f->of[i].at + f->of[i].n,
                      (int)f->of[i].n, text + f->of[i].at);
    print_message("\n");
}

/* The sentence is made up, so it may be shown; the same one once. */
static void show(size_t k, const char *text, size_t n, entity_set types) {
    static found whole;
    static char last[TEXT_MAX];
    shrink(properties[k], &text, &n, types);
    if (n < sizeof last && strlen(last) == n && memcmp(last, text, n) == 0) return;
    snprintf(last, sizeof last, "%.*s", (int)n, text);
    size_t cut = shortest_cut(properties[k], text, n, types);
    print_message("%s of '%.*s' at byte %zu, types %x:\n", names[k], (int)n, text, cut, types);
    const find_text all = {.text = text, .n = n, .stable = n, .whole = true};
    if (run(&all, types, &whole)) print_found("whole", text, &whole);
    (void)properties[k](text, n, types, &whole, cut);
    print_found("part", text, &part);
}

/* ---- over sets ------------------------------------------------------------------------------------------------------------ */

#define SHOWN_MAX 5
static uint64_t failures, checks;

static void check(const char *text, size_t n, entity_set types, const found *whole, size_t cut) {
    for (size_t k = 0; k < PROPERTIES; k++) {
        checks++;
        if (properties[k](text, n, types, whole, cut)) continue;
        if (failures++ < SHOWN_MAX) show(k, text, n, types);
    }
}

static void check_text(const char *text, size_t n, bool every_cut) {
    static found whole;
    const entity_set types = roll(2) ? entity_default_set : entity_all_set;
    const find_text all = {.text = text, .n = n, .stable = n, .whole = true};
    assert_true(run(&all, types, &whole));
    assert_int_equal(whole.settled, n);
    if (every_cut)
        for (size_t cut = 0; cut <= n; cut++) check(text, n, types, &whole, cut);
    else
        for (int i = 0; i < CUTS; i++) check(text, n, types, &whole, roll(n + 1));
}

static void finish(void) {
    print_message("%llu checks, %llu failures\n", (unsigned long long)checks, (unsigned long long)failures);
    assert_int_equal(failures, 0);
}

/* Sentences one by one, and a dozen of them as one long text, with blanks and breaks between. */
static bool check_set(const char *name) {
    char joined[TEXT_MAX];
    size_t n_joined = 0, n;
    FILE *f = set_open(name);
    if (!f) return false;
    failures = checks = 0;
    json_t *line;
    for (uint64_t i = 0; (line = set_next(f)); json_decref(line), i++) {
        const char *text = set_text(line, &n);
        check_text(text, n, i % EVERY_CUT == 0);
        if (n_joined + n + 1 > sizeof joined || i % JOINED == JOINED - 1) {
            check_text(joined, n_joined, false);
            n_joined = 0;
        }
        memcpy(joined + n_joined, text, n);
        n_joined += n;
        joined[n_joined++] = roll(3) ? ' ' : TOKEN_BREAK_CHAR;
    }
    fclose(f);
    finish();
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
        "my number is four one five, five five five, oh one two three and my email is jane dot doe at example dot com",
        "call 415-555-0123 or +44 20 7946 0958 ext. 12, card 4111 1111 1111 1111, iban DE89 3704 0044 0532 0130 00",
        "ssn 123-45-6789\x1e"
        "dob march fifth nineteen eighty seven\x1e"
        "221 baker street apartment 4b",
        "四零一幺三八\x1e"
        "一二三四，呃，五六七八，不对，五六七九，邮箱 zhang 艾特 example 点 com",
        "我的身份证号是110101199003072316，车牌京A12345，住在北京市朝阳区建国路88号3号楼502室",
        "ip 192.168.1.20, 2001:db8::1, https://user:pw@example.com/x, order number 1234567890, version 2.0.1",
        "bytes \xff\xfe\xc3 between 4 1 5 \xe4\xb8 5 5 5 0 1 2 3 \xf0\x9f\x98\x80 and \x1e\x1e 9 9",
    };
    failures = checks = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int k = 0; k < 4; k++) check_text(texts[i], strlen(texts[i]), true);
    finish();
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
