/* find_checks.h: what holds for every text that is looked through, whatever the rules (find.h): for fuzz_find.c and fuzz_custom.c. */
#ifndef FUZZ_FIND_CHECKS_H
#define FUZZ_FIND_CHECKS_H

#include "privacy/find.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

#define CONFIDENCE 0.5F
#define CUTS       12

/* Findings stand in order, within what is settled. */
static inline void check_result(const find_text *text, const find_result *r) {
    size_t at = text->context;
    CHECK(r->settled <= text->n && r->settled >= text->context && (!text->whole || r->settled == text->n));
    for (uint32_t i = 0; i < r->n; i++) {
        const finding *f = &r->findings[i];
        CHECK(f->n > 0 && f->at >= at && f->at + f->n <= r->settled && f->type < ENTITY_TYPES);
        CHECK(f->confidence >= CONFIDENCE && f->confidence <= 1 && memchr(f->canonical, 0, sizeof f->canonical));
        at = f->at + f->n;
    }
}

static inline bool check_has(const find_result *r, const finding *f) {
    for (uint32_t i = 0; i < r->n; i++)
        if (r->findings[i].at == f->at && r->findings[i].n == f->n && r->findings[i].type == f->type) return true;
    return false;
}

/* From byte `from` to what is settled, a part says what the whole says. */
static inline void check_agrees(const find_result *whole, const find_result *part, size_t from) {
    for (uint32_t i = 0; i < part->n; i++) CHECK(check_has(whole, &part->findings[i]));
    for (uint32_t i = 0; i < whole->n; i++) {
        const finding *f = &whole->findings[i];
        if (f->at < part->settled && f->at + f->n > from) CHECK(check_has(part, f));
    }
}

/* The whole, and fronts of it: each alone, and with what is out already as its context. Two finders of the same rules. */
static inline void check_text(finder *of_whole, finder *of_part, entity_set types, const char *text, size_t n,
                              size_t extra) {
    const find_text all = {.text = text, .n = n, .stable = n, .whole = true};
    find_result whole, part;
    CHECK(find_run(of_whole, &all, types, CONFIDENCE, &whole) == STENO_OK);
    check_result(&all, &whole);
    size_t step = n / CUTS + 1 + extra, out = 0;
    for (size_t cut = step; cut < n; cut += step) {
        find_text front = {.text = text, .n = cut, .stable = cut};
        CHECK(find_run(of_part, &front, types, CONFIDENCE, &part) == STENO_OK);
        check_result(&front, &part);
        check_agrees(&whole, &part, 0);
        front.context = out;
        CHECK(find_run(of_part, &front, types, CONFIDENCE, &part) == STENO_OK);
        check_result(&front, &part);
        check_agrees(&whole, &part, out);
        out = part.settled;
    }
}

#endif
