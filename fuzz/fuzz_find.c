/* fuzz_find.c: any bytes are looked through without harm; what is found stands in the text, in order; and wherever the text is cut, what
 * is settled is what the whole says (find.h). */
#include "privacy/find.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define CONFIDENCE 0.5F

static privacy *rules;
static finder *of_whole, *of_part;

static void open_once(void) {
    if (rules) return;
    CHECK(privacy_open(NULL, &rules) == STENO_OK);
    CHECK(finder_open(rules, &of_whole) == STENO_OK && finder_open(rules, &of_part) == STENO_OK);
}

static void check_result(const find_text *text, const find_result *r) {
    size_t at = text->context;
    CHECK(r->settled <= text->n && r->settled >= (text->context < text->n ? text->context : text->n));
    CHECK(!text->whole || r->settled == text->n);
    for (uint32_t i = 0; i < r->n; i++) {
        const finding *f = &r->findings[i];
        CHECK(f->n > 0 && f->at >= at && f->at + f->n <= r->settled && f->type < ENTITY_TYPES);
        CHECK(f->confidence >= CONFIDENCE && f->confidence <= 1 && memchr(f->canonical, 0, sizeof f->canonical));
        at = f->at + f->n;
    }
}

static bool has(const find_result *r, const finding *f) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->findings[i].at == f->at && r->findings[i].n == f->n && r->findings[i].type == f->type) return true;
    return false;
}

static void check_agrees(const find_result *whole, const find_result *part, size_t from) {
    for (uint32_t i = 0; i < part->n; i++) CHECK(has(whole, &part->findings[i]));
    for (uint32_t i = 0; i < whole->n; i++) {
        const finding *f = &whole->findings[i];
        if (f->at < part->settled && f->at + f->n > from) CHECK(has(part, f));
    }
}

/* The first byte chooses types; the second a step: the text in pieces, what is out as context. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size - 2 > FIND_TEXT_MAX) return 0;
    open_once();
    const entity_set types = data[0] & 1 ? entity_all_set : entity_default_set;
    const find_text all = {.text = (const char *)data + 2, .n = size - 2, .stable = size - 2, .whole = true};
    find_result whole, part;
    CHECK(find_run(of_whole, &all, types, CONFIDENCE, &whole) == STENO_OK);
    check_result(&all, &whole);
    size_t step = all.n / 12 + 1 + data[1] % 16, out = 0;
    for (size_t cut = step; cut < all.n; cut += step) {
        find_text front = {.text = all.text, .n = cut, .stable = cut};
        CHECK(find_run(of_part, &front, types, CONFIDENCE, &part) == STENO_OK);
        check_result(&front, &part);
        check_agrees(&whole, &part, 0);
        front.context = out;
        CHECK(find_run(of_part, &front, types, CONFIDENCE, &part) == STENO_OK);
        check_result(&front, &part);
        check_agrees(&whole, &part, out);
        out = part.settled;
    }
    return 0;
}
