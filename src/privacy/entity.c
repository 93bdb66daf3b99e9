/* entity.c: see entity.h. */
#include "privacy/entity.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct entity_kind {
    const char *name, *mask;
} entity_kind;

static const entity_kind kinds[ENTITY_TYPES] = {
    [ENTITY_ID] = {"id", "[ID]"},
    [ENTITY_PHONE] = {"phone", "[PHONE]"},
    [ENTITY_CARD] = {"card", "[CARD]"},
    [ENTITY_IBAN] = {"iban", "[IBAN]"},
    [ENTITY_SSN] = {"ssn", "[SSN]"},
    [ENTITY_EMAIL] = {"email", "[EMAIL]"},
    [ENTITY_PASSPORT] = {"passport", "[PASSPORT]"},
    [ENTITY_PLATE] = {"plate", "[PLATE]"},
    [ENTITY_IP] = {"ip", "[IP]"},
    [ENTITY_BIRTH_DATE] = {"birth_date", "[BIRTH_DATE]"},
    [ENTITY_ACCOUNT] = {"account", "[ACCOUNT]"},
    [ENTITY_ADDRESS] = {"address", "[ADDRESS]"},
    [ENTITY_URL] = {"url", "[URL]"},
    [ENTITY_PERSON] = {"person", "[PERSON]"},
    [ENTITY_PLACE] = {"place", "[PLACE]"},
    [ENTITY_ORGANISATION] = {"organisation", "[ORGANISATION]"},
    [ENTITY_AMOUNT] = {"amount", "[AMOUNT]"},
    [ENTITY_DATE] = {"date", "[DATE]"},
    [ENTITY_NUMBER] = {"number", "[NUMBER]"},
    [ENTITY_CUSTOM] = {"custom", "[CUSTOM]"},
};

#define PII                                                                                                            \
    (ENTITY_BIT(ENTITY_ID) | ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD) | ENTITY_BIT(ENTITY_IBAN) |            \
     ENTITY_BIT(ENTITY_SSN) | ENTITY_BIT(ENTITY_EMAIL) | ENTITY_BIT(ENTITY_PASSPORT) | ENTITY_BIT(ENTITY_PLATE) |      \
     ENTITY_BIT(ENTITY_IP) | ENTITY_BIT(ENTITY_BIRTH_DATE) | ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_ADDRESS) | \
     ENTITY_BIT(ENTITY_URL) | ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_CUSTOM))
#define ALL (ENTITY_BIT(ENTITY_TYPES) - 1)

const entity_set entity_default_set = PII;
const entity_set entity_all_set = ALL;

static const struct entity_group {
    const char *name;
    entity_set set;
} groups[] = {
    {"default", PII},
    {"pii", PII},
    {"all", ALL},
    {"pci", ENTITY_BIT(ENTITY_CARD)},
    {"names", ENTITY_BIT(ENTITY_PERSON) | ENTITY_BIT(ENTITY_PLACE) | ENTITY_BIT(ENTITY_ORGANISATION)},
    {"numbers", ENTITY_BIT(ENTITY_ID) | ENTITY_BIT(ENTITY_PHONE) | ENTITY_BIT(ENTITY_CARD) | ENTITY_BIT(ENTITY_IBAN) |
                    ENTITY_BIT(ENTITY_SSN) | ENTITY_BIT(ENTITY_PASSPORT) | ENTITY_BIT(ENTITY_PLATE) |
                    ENTITY_BIT(ENTITY_IP) | ENTITY_BIT(ENTITY_ACCOUNT) | ENTITY_BIT(ENTITY_NUMBER)},
};

const char *entity_name(entity_type type) {
    return kinds[type].name;
}

const char *entity_mask(entity_type type) {
    return kinds[type].mask;
}

static bool is(const char *word, size_t n, const char *name) {
    return strlen(name) == n && strncasecmp(word, name, n) == 0;
}

/* 0: none is called so. */
static entity_set set_of(const char *word, size_t n) {
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (is(word, n, groups[i].name)) return groups[i].set;
    for (int i = 0; i < ENTITY_TYPES; i++)
        if (is(word, n, kinds[i].name)) return ENTITY_BIT(i);
    return 0;
}

steno_err entity_parse_set(const char *text, size_t n, entity_set *out) {
    const char *blanks = ", \t";
    entity_set all = 0;
    for (size_t i = 0; i < n;) {
        if (strchr(blanks, text[i])) {
            i++;
            continue;
        }
        size_t first = i;
        while (i < n && !strchr(blanks, text[i])) i++;
        entity_set set = set_of(text + first, i - first);
        if (!set)
            return err_fail(STENO_E_INVALID,
                            "\"%.*s\" is no kind of personal data (phone, card, person …, default, all)",
                            (int)(i - first), text + first);
        all |= set;
    }
    if (!all) return err_fail(STENO_E_INVALID, "no kind of personal data is named");
    *out = all;
    return STENO_OK;
}

size_t entity_print_set(entity_set set, char *room, size_t n) {
    size_t used = 0;
    if (n) room[0] = '\0';
    for (int i = 0; i < ENTITY_TYPES; i++) {
        if (!(set & ENTITY_BIT(i))) continue;
        int more =
            snprintf(used < n ? room + used : NULL, used < n ? n - used : 0, "%s%s", used ? ", " : "", kinds[i].name);
        used += (size_t)more;
    }
    return used;
}
