/* entity.h: the kinds of personal data that are looked for, what they are called, and sets of them.
 *
 * Owner: anybody; plain data. A kind is one line in entity.c; its rule is a file of its own (rule.h).
 */
#ifndef STENO_PRIVACY_ENTITY_H
#define STENO_PRIVACY_ENTITY_H

#include "steno.h"

typedef enum entity_type {
    ENTITY_ID, /* China's resident identity number, 18 or 15 characters */
    ENTITY_PHONE,
    ENTITY_CARD,
    ENTITY_IBAN,
    ENTITY_SSN, /* of the United States */
    ENTITY_EMAIL,
    ENTITY_PASSPORT,
    ENTITY_PLATE, /* of a vehicle */
    ENTITY_IP,
    ENTITY_BIRTH_DATE,
    ENTITY_ACCOUNT, /* a number that the words before it call an account, a policy, a member … */
    ENTITY_ADDRESS,
    ENTITY_URL, /* one that carries credentials */
    ENTITY_PERSON,
    ENTITY_PLACE,
    ENTITY_ORGANISATION,
    ENTITY_AMOUNT, /* of money */
    ENTITY_DATE,
    ENTITY_NUMBER, /* three digits or more that are nothing else */
    ENTITY_CUSTOM, /* of the operator's own rules */
    ENTITY_TYPES
} entity_type;

/* Bit `1 << type`. */
typedef uint32_t entity_set;
#define ENTITY_BIT(type) ((entity_set)1 << (type))
/* What is looked for unless somebody says otherwise: all that names or reaches one person. */
extern const entity_set entity_default_set;
extern const entity_set entity_all_set;

/* "phone", "birth_date": as in lists and JSON. Static. */
const char *entity_name(entity_type type);
/* "[PHONE]": what stands in its place. Static. */
const char *entity_mask(entity_type type);
/* "phone, card": names between commas or blanks, also the groups "default", "all", "pci" (card), "numbers" (everything made of digits),
 * "pii" (default), "names" (person, place, organisation). STENO_E_INVALID names the word that is none. */
STENO_CHECK steno_err entity_parse_set(const char *text, size_t n, entity_set *out);
/* The names in a set, ", " between them, into room[n]; returns what it would take. */
size_t entity_print_set(entity_set set, char *room, size_t n);

#endif
