/* number_cut.h: the best way to cut a run of figures into findings and rest.
 *
 * Purpose    of all ways the one that explains most figures most surely is taken, so two telephone numbers said in a row are two, and
 *            the middle of a longer number is none. Where somebody corrects himself the figures before are tried without their last
 *            ones, and all he said is one finding.
 * Owner      any thread; pure.
 * Invariants bounded: parts times NUMBER_TEXT_MAX stretches are tried, and those of RESTARTS_MAX corrections.
 */
#ifndef STENO_PRIVACY_NUMBER_CUT_H
#define STENO_PRIVACY_NUMBER_CUT_H

#include "privacy/number_match.h"

typedef struct number_stretch {
    uint32_t a, b; /* parts */
    number_match is;
    uint32_t n_text;
    char text[NUMBER_TEXT_MAX]; /* [n_text] its figures */
} number_stretch;

/* In order; returns how many. */
uint32_t number_cut(const number_run *run, const number_context *c, number_stretch out[RUN_PARTS_MAX]);
/* What the words right before call a card or an identity number, and is none by its check digit: into found [n], of which the weak findings
 * within give way. Returns how many there are now, RUN_PARTS_MAX at most. */
uint32_t number_misheard(const number_run *run, const number_context *c, number_stretch *found, uint32_t n);

#endif
