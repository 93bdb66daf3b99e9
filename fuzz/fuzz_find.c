/* fuzz_find.c: any bytes are looked through without harm, and wherever the text is cut, what is settled is what the whole says. */
#include "find_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static privacy *rules;
static finder *of_whole, *of_part;

static void open_once(void) {
    if (rules) return;
    CHECK(privacy_open(NULL, &rules) == STENO_OK);
    CHECK(finder_open(rules, &of_whole) == STENO_OK && finder_open(rules, &of_part) == STENO_OK);
}

/* The first byte chooses types, the second where the cuts are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size - 2 > FIND_TEXT_MAX) return 0;
    open_once();
    check_text(of_whole, of_part, data[0] & 1 ? entity_all_set : entity_default_set, (const char *)data + 2, size - 2,
               data[1] % 16);
    return 0;
}
