#include "privacy/rule.h"
void rule_codes(reader *r, uint32_t i, entity_set types, rule_found found[RULE_FOUND_MAX], uint32_t *n, uint32_t *skip){
    (void)types,(void)found; (void)r,(void)i; *n=0; *skip=1;
}
