/* vb.h: a hidden Markov model of who speaks over a row of looks, fitted by variational Bayes.
 *
 * Source     Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization", Computer Speech &
 *            Language 2022: each speaker is a point drawn from the between-speaker distribution, looks scatter about it with
 *            unit variance, speakers keep the floor with a fixed probability. Speakers that explain nothing fade away, which is
 *            how people are counted.
 * Owner      a workspace belongs to one shard and is used for one stream at a time; nothing in it outlives a fit.
 */
#ifndef STENO_SPEAKERS_VB_H
#define STENO_SPEAKERS_VB_H

#include "speakers/history.h"

#define VB_DIM      48 /* of a look, the most telling ones */
#define VB_SPEAKERS 24 /* hypotheses; more than anybody is asked to tell apart */

typedef struct vb_options {
    float fa;   /* what a look counts: neighbours share most of their speech */
    float fb;   /* what a speaker costs */
    float loop; /* probability that who speaks goes on, a look */
} vb_options;

typedef struct vb {
    int n, speakers;
    vb_options opt;
    float between[VB_DIM];       /* variance of speakers, in units of that within one */
    float (*rho)[VB_DIM];        /* owned [looks]: centred looks, times the root of `between` */
    float (*gamma)[VB_SPEAKERS]; /* owned [looks]: who speaks, adds up to 1 */
    float (*score)[VB_SPEAKERS]; /* owned [looks] */
    float (*ahead)[VB_SPEAKERS]; /* owned [looks] */
    float *scale;                /* owned [looks] */
    float mean[VB_SPEAKERS][VB_DIM], spread[VB_SPEAKERS][VB_DIM]; /* of a speaker's point */
    float share[VB_SPEAKERS];                                     /* how likely a change leads to this one */
    float weight[VB_SPEAKERS];                                    /* sum of gamma */
} vb;

/* For at most so many looks. */
STENO_CHECK steno_err vb_open(vb *w, int looks);
void vb_free(vb *w);
/* Room for n looks: their z [VB_DIM] go to w->rho[i], raw; then vb_centre() subtracts and scales. Speakers stay as they are. */
void vb_begin(vb *w, int n, const vb_options *o);
void vb_centre(vb *w, const float *centre);
/* From w->gamma (the caller's guess) one round: speakers from looks, then looks from speakers. Returns the largest change of
 * a gamma. Work: n * speakers * VB_DIM. */
float vb_round(vb *w);
/* Speakers with less than `least` looks go, but for the one with the most; those left move together. */
void vb_prune(vb *w, float least);
/* The one with the fewest looks goes; of at least two. */
void vb_drop_least(vb *w);

#endif
