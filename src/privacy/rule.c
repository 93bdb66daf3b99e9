/* rule.c: what rules share: reading forward, and looking back for words that say what a number is.
 *
 * Owner: any thread; a reader each.
 */
#include "privacy/rule.h"

const token reader_end = {.kind = TOKEN_END};

/* The first token that ends within RULE_CONTEXT_BYTES before token i. */
static uint32_t context_first(const reader *r, uint32_t i) {
    uint32_t at = i < r->n_tokens ? r->tokens[i].at : (uint32_t)r->n;
    uint32_t first = i;
    while (first > 0 && r->tokens[first - 1].at + RULE_CONTEXT_BYTES >= at) first--;
    return first;
}

uint64_t rule_keys_before(const reader *r, uint32_t i) {
    uint64_t keys = 0;
    for (uint32_t k = context_first(r, i); k < i; k++) keys |= r->tokens[k].sense;
    return keys & SENSE_KEYS;
}

uint64_t rule_key_nearest(const reader *r, uint32_t i, uint32_t *tokens_away) {
    uint32_t first = context_first(r, i);
    for (uint32_t k = i; k-- > first;) {
        uint64_t keys = r->tokens[k].sense & SENSE_KEYS;
        if (!keys) continue;
        if (tokens_away) *tokens_away = i - 1 - k;
        return keys;
    }
    return 0;
}
