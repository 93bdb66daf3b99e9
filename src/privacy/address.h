/* address.h: the two halves of rule_address: as English and as Mandarin write and say where somebody lives.
 *
 * Owner: any thread; pure, see rule.h. Inside src/privacy only.
 */
#ifndef STENO_PRIVACY_ADDRESS_H
#define STENO_PRIVACY_ADDRESS_H

#include "privacy/rule.h"

/* An address that begins at token i: fills *f. False: none. *skip as in rule.h. */
bool address_en(reader *r, uint32_t i, rule_found *f, uint32_t *skip);
bool address_zh(reader *r, uint32_t i, rule_found *f);

/* The end of what stands behind a street: flat, town, state, code. */
uint32_t address_en_tail(reader *r, uint32_t i);

#endif
