/* custom_int.h: a rules file in memory: made by custom_file.c, asked by custom.c. */
#ifndef STENO_PRIVACY_CUSTOM_INT_H
#define STENO_PRIVACY_CUSTOM_INT_H

#include "privacy/custom.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

typedef enum custom_check { CHECK_NONE, CHECK_LUHN, CHECK_MOD97 } custom_check;

typedef struct custom_rule {
    char name[CUSTOM_NAME_BYTES], mask[CUSTOM_MASK_BYTES];
    pcre2_code *code;   /* anchored */
    pcre2_code *nearby; /* any of the words nearby; NULL: none */
    uint8_t starts[32]; /* bit b: a match may begin with byte b */
    float confidence, confidence_with_words;
    custom_check check;
    bool whole_word;
} custom_rule;

/* A text that is never found, folded (custom_fold()). */
typedef struct custom_allowed {
    entity_set types;
    char text[CUSTOM_ALLOWED_MAX_BYTES + 1];
} custom_allowed;

struct custom {
    pcre2_general_context *memory;
    custom_rule *rules; /* [n_rules] */
    uint32_t n_rules;
    custom_allowed *allowed; /* [n_allowed] sorted by text */
    uint32_t n_allowed;
    uint8_t starts[32]; /* of any rule */
};

/* Limits of one match: steps, depth, heap. Owned by the caller; NULL: no memory. */
pcre2_match_context *custom_match_context(const custom *c);
/* Case folded, blanks made one, none at the ends; zero-terminated in room[CUSTOM_ALLOWED_MAX_BYTES + 1]. False: too long, or not
 * UTF-8. */
bool custom_fold(const char *text, size_t n, char *room);

#endif
