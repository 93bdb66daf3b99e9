/* mask.h: the parts of an entity's mask, where it is split over several messages. See redact.h for redact_write().
 *
 * Owner: any thread; pure.
 */
#ifndef STENO_PRIVACY_MASK_H
#define STENO_PRIVACY_MASK_H

#include "privacy/redact.h"

#define MASK_WRITTEN_MAX (4 * RULE_CANONICAL_MAX)

/* Figures said or written in a text: 3 in "one double five", 4 in "1 380". */
uint32_t mask_digits(const char *text, size_t n);
/* redact_write()'s figures [before, before + here) into room [n]; to the end with here = UINT32_MAX. What is not made of figures, and modes
 * that write no figures, are masked in every part. Returns the bytes written. */
size_t mask_write_part(const privacy *p, const finding *f, redact_mode mode, unsigned number, uint32_t before,
                       uint32_t here, char *room, size_t n);

#endif
