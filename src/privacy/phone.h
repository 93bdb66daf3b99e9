/* phone.h: whether figures are a telephone number, by the plans of the countries and by how they are grouped.
 *
 * Owner: any thread; pure.
 */
#ifndef STENO_PRIVACY_PHONE_H
#define STENO_PRIVACY_PHONE_H

#include "steno.h"

#define FIGURE_GROUPS_MAX 10

/* Figures, and how they were grouped when they were written; spoken figures have no groups. */
typedef struct figures {
    const char *s; /* [n] 0..9 */
    uint32_t n;
    uint8_t groups[FIGURE_GROUPS_MAX]; /* [n_groups] sizes; their sum is n */
    uint32_t n_groups;                 /* 0: spoken, or too many groups */
    bool plus;                         /* a + before */
    bool extension;                    /* an extension behind */
    bool dashed;                       /* groups between - or () */
    bool called;                       /* the words before speak of a telephone */
    bool later;                        /* not the first number behind those words */
} figures;

/* How sure, 0..1, without what `called` adds to it; 0: none at all. */
float phone_match(const figures *f);
/* Groups look like a day: 2024-01-31, 31.01.2024. */
bool figures_are_date(const figures *f);

#endif
