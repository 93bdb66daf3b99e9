/* backend.h: from what the network's classifier of speakers was given to the space in which voices are compared.
 *
 * Purpose    post [BACKEND_POST] (xvector_embed()) -> z [SPEAKERS_DIM]. There the variance of one person's looks of 1.5 s is at
 *            most about 1 in every direction, and that between people is `backend_between`, from large to small.
 * Source     probabilistic linear discriminant analysis (Ioffe, "Probabilistic Linear Discriminant Analysis", ECCV 2006) with
 *            the spread between people taken from the 5164 rows of the classifier's weights, which are S^-1 times a speaker's
 *            mean, and the spread S within them from the voices that bench/speakers/train.mjs hears; it writes
 *            backend_table.inc and says how.
 * Owner      pure; any thread.
 * Invariants the same input gives the same bits on every machine.
 */
#ifndef STENO_SPEAKERS_BACKEND_H
#define STENO_SPEAKERS_BACKEND_H

#include "speakers/look.h"

#define BACKEND_POST 128 /* as XVECTOR_DIM */

/* Variance of people's means about 0, by dimension; descending, positive. */
extern const float backend_between[SPEAKERS_DIM];

/* post [BACKEND_POST] -> z [SPEAKERS_DIM]; they may not overlap. 0 is the mean of the voices that the table was made of. */
void backend_project(const float *restrict post, float *restrict z);

#endif
