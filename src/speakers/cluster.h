/* cluster.h: who is who among the looks of a history, with nothing known before: people are counted too.
 *
 * Purpose    seeds where looks lie densest, then variational Bayes (vb.h); in steps, so that a shard can do it between others'
 *            work.
 * Owner      plain memory. The workspace is the shard's: for one clustering at a time, from cluster_begin() to the last use of
 *            its result, which lies in w->gamma.
 */
#ifndef STENO_SPEAKERS_CLUSTER_H
#define STENO_SPEAKERS_CLUSTER_H

#include "speakers/history.h"
#include "speakers/vb.h"

typedef enum cluster_phase { CLUSTER_COUNT, CLUSTER_SEED, CLUSTER_FIT, CLUSTER_DONE } cluster_phase;

typedef struct cluster_limits {
    int looks;       /* at most about so many of the history's are used: every second one, every third one … */
    int least, most; /* people */
} cluster_limits;

typedef struct cluster {
    vb *w;
    const history *h;
    cluster_limits limits;
    int step; /* every step-th look of the history is used, the newest one in any case */
    cluster_phase phase;
    int at, rounds, seeds;
    bool cheaper;                    /* a speaker costs less than at first, because too few were found */
    float seed[VB_SPEAKERS][VB_DIM]; /* length 1 */
    float root[VB_DIM], centre[VB_DIM];
} cluster;

void cluster_begin(cluster *p, vb *w, const history *h, const cluster_limits *limits);
/* At most 65,536 pairs of looks compared (3 million products), or one round of vb.h: of 4,096 looks and VB_SPEAKERS, at first, 10
 * million; 1 to 5 ms. True when it is over. */
STENO_CHECK bool cluster_step(cluster *p);
/* The place in the history of look i of w->n. */
int cluster_look(const cluster *p, int i);
/* Who speaks in it most likely. */
int cluster_who(const cluster *p, int i);
/* name[VB_SPEAKERS]: of w->speakers people, the number that the history has for most of their looks; -1: none is left. */
void cluster_name(const cluster *p, int *name);
/* The first look of k; w->n: none. */
int cluster_first_heard(const cluster *p, int k);

#endif
