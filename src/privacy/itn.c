/* itn.c: see itn.h. */
#include "privacy/itn.h"

uint32_t itn_find(const char *text, size_t n, bool whole, text_edit *out, uint32_t room, size_t *settled) {
    (void)text;
    (void)whole;
    (void)out;
    (void)room;
    if (settled) *settled = n;
    return 0;
}
