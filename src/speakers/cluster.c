/* cluster.c: see cluster.h.
 *
 * Seeds: a look has neighbours, those it is like enough to; the one with most of them and the mean of these is a seed, its
 * neighbours are taken out, and so on. Many more seeds than people do no harm: variational Bayes lets those go that explain
 * nothing of their own.
 */
#include "speakers/cluster.h"

#include <math.h>
#include <string.h>

#define STEP_PAIRS  65536 /* of looks compared in one step, VB_DIM products each */
#define LIKE        0.4f  /* cosine of neighbours, centred and weighted */
#define SHARPNESS   7.0f  /* how much a look belongs to the seeds it is like, at first */
#define ROUNDS      30
#define STILL       0.002f /* no gamma changes by more: it is over */
#define FADED       0.5f   /* looks that a speaker explains: less, and it goes */
#define LEAST_LOOKS 6.0f   /* of somebody, in the end, with a look every 250 ms: 1.5 s; one is left in any case */
#define APART_MOST  4.0f   /* places of looks: further apart none counts more */
#define COST_LEAST  0.2f   /* of a speaker (vb_options.fb), when there must be more of them … */
#define CHEAPER     0.7f   /* … and how it is lowered until there are */
#define SMALL       40.0f  /* looks: with fewer a speaker costs less */
/* Looks, times what they count; with more of them a speaker costs more. What people sound like changes in an hour: they sit
 * elsewhere, another noise begins. Of enough looks the model would sooner explain that by another person, whatever a person
 * costs, unless the cost grows with what there is to explain. (Looks that count less instead tell no turns apart.) */
#define EVIDENCE_MOST 350.0f

static const vb_options options = {.fa = 0.3f, .fb = 5.6f, .loop = 0.9f};

int cluster_look(const cluster *p, int i) {
    return p->h->n - 1 - p->step * (p->w->n - 1 - i);
}

/* Every step-th look, centred on their mean. */
static void load(cluster *p, int step) {
    float z[SPEAKERS_DIM];
    vb_options o = options;
    p->step = step;
    int n = (p->h->n + step - 1) / step;
    float apart =
        (float)(step * p->h->stride); /* in places of looks: those further apart share less speech and count more */
    o.fa *= apart < APART_MOST ? apart : APART_MOST;
    float evidence = o.fa * (float)n;
    if (evidence > EVIDENCE_MOST) o.fb *= evidence / EVIDENCE_MOST;
    if ((float)n * apart < SMALL) o.fb *= (float)n * apart / SMALL;
    vb_begin(p->w, n, &o);
    for (int i = 0; i < n; i++) {
        history_get(&p->h->look[cluster_look(p, i)], z);
        memcpy(p->w->rho[i], z, sizeof p->w->rho[i]);
        for (int d = 0; d < VB_DIM; d++) p->centre[d] += z[d] / (float)n;
    }
    vb_centre(p->w, p->centre);
}

void cluster_begin(cluster *p, vb *w, const history *h, const cluster_limits *limits) {
    memset(p, 0, sizeof *p);
    p->limits = *limits;
    p->w = w;
    p->h = h;
    w->n = w->speakers = 0;
    if (h->n == 0) {
        p->phase = CLUSTER_DONE;
        return;
    }
    load(p, (h->n + limits->looks - 1) / limits->looks);
    /* Likeness weighs dimensions as the between-speaker variance asks: root(b / (1 + b)); rho has root(b) already. */
    for (int d = 0; d < VB_DIM; d++) p->root[d] = 1.0f / sqrtf(1.0f + w->between[d]);
}

static float length(const cluster *p, int i) {
    float s = 1e-12f;
    for (int d = 0; d < VB_DIM; d++) {
        float v = p->w->rho[i][d] * p->root[d];
        s += v * v;
    }
    return sqrtf(s);
}

static float dot(const cluster *p, int i, const float *unit) {
    float s = 0.0f;
    for (int d = 0; d < VB_DIM; d++) s += p->w->rho[i][d] * p->root[d] * unit[d];
    return s;
}

/* ahead[i][0]: 1 / length; score[i][0]: neighbours that are left; scale[i]: 0 when taken out. */
static void unit_of(const cluster *p, int i, float *unit) {
    for (int d = 0; d < VB_DIM; d++) unit[d] = p->w->rho[i][d] * p->root[d] * p->w->ahead[i][0];
}

static void count_neighbours(cluster *p) {
    vb *w = p->w;
    float unit[VB_DIM];
    if (p->at == 0) {
        for (int i = 0; i < w->n; i++) {
            w->ahead[i][0] = 1.0f / length(p, i);
            w->score[i][0] = 0.0f;
            w->scale[i] = 1.0f;
        }
    }
    for (int end = p->at + STEP_PAIRS / w->n + 1; p->at < w->n && p->at < end; p->at++) {
        unit_of(p, p->at, unit);
        float n = 0.0f;
        for (int j = 0; j < w->n; j++) n += dot(p, j, unit) * w->ahead[j][0] > LIKE ? 1.0f : 0.0f;
        w->score[p->at][0] = n;
    }
    if (p->at >= w->n) p->phase = CLUSTER_SEED;
}

/* One more seed; its neighbours go. */
static bool take_seed(cluster *p) {
    vb *w = p->w;
    int best = -1;
    float unit[VB_DIM], sum[VB_DIM] = {0}, norm = 1e-12f;
    for (int i = 0; i < w->n; i++) {
        if (w->scale[i] > 0.0f && (best < 0 || w->score[i][0] > w->score[best][0])) best = i;
    }
    if (best < 0) return false;
    unit_of(p, best, unit);
    for (int j = 0; j < w->n; j++) {
        if (w->scale[j] <= 0.0f || (j != best && dot(p, j, unit) * w->ahead[j][0] <= LIKE)) continue;
        float own[VB_DIM];
        unit_of(p, j, own);
        for (int d = 0; d < VB_DIM; d++) sum[d] += own[d];
        w->scale[j] = 0.0f;
    }
    for (int d = 0; d < VB_DIM; d++) norm += sum[d] * sum[d];
    for (int d = 0; d < VB_DIM; d++) p->seed[p->seeds][d] = sum[d] / sqrtf(norm);
    p->seeds++;
    return true;
}

static void begin_fit(cluster *p) {
    vb *w = p->w;
    for (int i = 0; i < w->n; i++) {
        float sum = 0.0f, len = 1.0f / length(p, i);
        for (int k = 0; k < p->seeds; k++) {
            w->gamma[i][k] = expf(SHARPNESS * dot(p, i, p->seed[k]) * len);
            sum += w->gamma[i][k];
        }
        for (int k = 0; k < p->seeds; k++) w->gamma[i][k] /= sum;
    }
    w->speakers = p->seeds;
    for (int k = 0; k < p->seeds; k++) w->share[k] = 1.0f / (float)p->seeds;
    p->phase = CLUSTER_FIT;
    p->rounds = 0;
}

static void seed(cluster *p) {
    if (p->seeds < VB_SPEAKERS && take_seed(p)) return;
    begin_fit(p);
}

/* The one who has least to say goes, until there are no more people than there may be; where the cost was lowered because there
 * must be more of them, than there must be. */
static void keep_limits(cluster *p) {
    int most = p->cheaper && p->limits.least < p->limits.most ? p->limits.least : p->limits.most;
    while (p->w->speakers > most && p->w->speakers > 1) {
        vb_drop_least(p->w);
        (void)vb_round(p->w);
    }
}

static void fit(cluster *p) {
    vb *w = p->w;
    bool over = vb_round(w) < STILL || ++p->rounds >= ROUNDS;
    vb_prune(w, over ? LEAST_LOOKS / (float)(p->h->stride * p->step) : FADED);
    if (!over) return;
    if (w->speakers < p->limits.least && p->seeds > w->speakers && w->opt.fb > COST_LEAST) {
        w->opt.fb *= CHEAPER; /* somebody knows that there are more */
        p->cheaper = true;
        begin_fit(p);
        return;
    }
    keep_limits(p);
    p->phase = CLUSTER_DONE;
}

int cluster_who(const cluster *p, int i) {
    int best = 0;
    for (int k = 1; k < p->w->speakers; k++) {
        if (p->w->gamma[i][k] > p->w->gamma[i][best]) best = k;
    }
    return best;
}

bool cluster_step(cluster *p) {
    switch (p->phase) {
    case CLUSTER_COUNT:
        count_neighbours(p);
        break;
    case CLUSTER_SEED:
        seed(p);
        break;
    case CLUSTER_FIT:
        fit(p);
        break;
    case CLUSTER_DONE:
        break;
    }
    return p->phase == CLUSTER_DONE;
}

/* Greedily, the pair that shares most looks first. */
void cluster_name(const cluster *p, int *name) {
    int shared[VB_SPEAKERS][STENO_SPEAKERS_MAX] = {{0}};
    bool used[STENO_SPEAKERS_MAX] = {false};
    for (int k = 0; k < VB_SPEAKERS; k++) name[k] = -1;
    for (int i = 0; i < p->w->n; i++) {
        int old = p->h->look[cluster_look(p, i)].speaker;
        if (old >= 0) shared[cluster_who(p, i)][old]++;
    }
    for (;;) {
        int best = -1, number = -1;
        for (int k = 0; k < p->w->speakers; k++) {
            for (int o = 0; o < STENO_SPEAKERS_MAX && name[k] < 0; o++) {
                if (!used[o] && shared[k][o] > 0 && (best < 0 || shared[k][o] > shared[best][number]))
                    best = k, number = o;
            }
        }
        if (best < 0) return;
        name[best] = number;
        used[number] = true;
    }
}

int cluster_first_heard(const cluster *p, int k) {
    for (int i = 0; i < p->w->n; i++) {
        if (cluster_who(p, i) == k) return i;
    }
    return p->w->n;
}
