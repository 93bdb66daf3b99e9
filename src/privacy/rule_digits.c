#include "privacy/rule.h"
void rule_digits(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip){
    (void)types,(void)found; *n=0; while (reader_at(r,i+*skip)->kind==TOKEN_DIGITS) (*skip)++;
}
