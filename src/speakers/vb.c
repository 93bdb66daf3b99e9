/* vb.c: see vb.h. The equations' names are the paper's: rho, alpha (mean here), L^-1 (spread), gamma, pi (share). */
#include "speakers/vb.h"

#include "base/mem.h"
#include "speakers/backend.h"

#include <math.h>
#include <string.h>

#define NOTHING 1e-30f /* a sum of probabilities; below it floats say nothing any more */

steno_err vb_open(vb *w, int looks) {
    memset(w, 0, sizeof *w);
    w->rho = mem_alloc((size_t)looks, sizeof *w->rho);
    w->gamma = mem_alloc((size_t)looks, sizeof *w->gamma);
    w->score = mem_alloc((size_t)looks, sizeof *w->score);
    w->ahead = mem_alloc((size_t)looks, sizeof *w->ahead);
    w->scale = mem_alloc((size_t)looks, sizeof *w->scale);
    if (w->rho && w->gamma && w->score && w->ahead && w->scale) return STENO_OK;
    vb_free(w);
    return err_fail(STENO_E_NOMEM, "no memory for telling speakers apart");
}

void vb_free(vb *w) {
    mem_free(w->rho);
    mem_free(w->gamma);
    mem_free(w->score);
    mem_free(w->ahead);
    mem_free(w->scale);
    memset(w, 0, sizeof *w);
}

void vb_begin(vb *w, int n, const vb_options *o) {
    w->n = n;
    w->opt = *o;
    for (int d = 0; d < VB_DIM; d++) w->between[d] = backend_between[d];
}

void vb_centre(vb *w, const float *centre) {
    float root[VB_DIM];
    for (int d = 0; d < VB_DIM; d++) root[d] = sqrtf(w->between[d]);
    for (int i = 0; i < w->n; i++) {
        for (int d = 0; d < VB_DIM; d++) w->rho[i][d] = (w->rho[i][d] - centre[d]) * root[d];
    }
}

/* Where the speakers are, given who speaks. */
static void fit_speakers(vb *w) {
    float per = w->opt.fa / w->opt.fb;
    memset(w->mean, 0, sizeof w->mean);
    memset(w->weight, 0, sizeof w->weight);
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < w->speakers; k++) {
            float g = w->gamma[i][k];
            if (g < 1e-6f) continue;
            w->weight[k] += g;
            for (int d = 0; d < VB_DIM; d++) w->mean[k][d] += g * w->rho[i][d];
        }
    }
    for (int k = 0; k < w->speakers; k++) {
        for (int d = 0; d < VB_DIM; d++) {
            w->spread[k][d] = 1.0f / (1.0f + per * w->weight[k] * w->between[d]);
            w->mean[k][d] *= per * w->spread[k][d];
        }
    }
}

/* How well each speaker explains each look (up to what is the same for all), as likelihoods with the best at 1. */
static void score_looks(vb *w) {
    float base[VB_SPEAKERS];
    for (int k = 0; k < w->speakers; k++) {
        base[k] = 0.0f;
        for (int d = 0; d < VB_DIM; d++) base[k] += (w->spread[k][d] + w->mean[k][d] * w->mean[k][d]) * w->between[d];
    }
    for (int i = 0; i < w->n; i++) {
        float best = -1e30f;
        for (int k = 0; k < w->speakers; k++) {
            float dot = 0.0f;
            for (int d = 0; d < VB_DIM; d++) dot += w->rho[i][d] * w->mean[k][d];
            w->score[i][k] = w->opt.fa * (dot - 0.5f * base[k]);
            if (w->score[i][k] > best) best = w->score[i][k];
        }
        for (int k = 0; k < w->speakers; k++) w->score[i][k] = expf(w->score[i][k] - best);
    }
}

/* Makes a row add up to 1; one of nothing (all has underflowed, or its speaker has gone) says that anybody may be it. */
static void normalise(float *row, int n, float *sum) {
    float s = 0.0f;
    for (int k = 0; k < n; k++) s += row[k];
    *sum = s > NOTHING ? s : NOTHING;
    for (int k = 0; k < n; k++) row[k] = s > NOTHING ? row[k] / s : 1.0f / (float)n;
}

/* ahead[i][k]: the probability of k at i given the looks up to i. */
static void forward(vb *w) {
    float loop = w->opt.loop;
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < w->speakers; k++) {
            float prior = i == 0 ? w->share[k] : loop * w->ahead[i - 1][k] + (1.0f - loop) * w->share[k];
            w->ahead[i][k] = prior * w->score[i][k];
        }
        normalise(w->ahead[i], w->speakers, &w->scale[i]);
    }
}

/* Who speaks given all looks, and how likely a change leads to whom. Returns the largest change. */
static float backward(vb *w) {
    float loop = w->opt.loop, back[VB_SPEAKERS], next[VB_SPEAKERS], share[VB_SPEAKERS] = {0}, change = 0.0f, sum;
    for (int k = 0; k < w->speakers; k++) back[k] = 1.0f;
    for (int i = w->n - 1; i >= 0; i--) {
        float g[VB_SPEAKERS];
        if (i < w->n - 1) {
            float mix = 0.0f;
            for (int k = 0; k < w->speakers; k++) {
                next[k] = w->score[i + 1][k] * back[k] / w->scale[i + 1];
                mix += w->share[k] * next[k];
                share[k] += (1.0f - loop) * w->share[k] * next[k];
            }
            for (int k = 0; k < w->speakers; k++) back[k] = loop * next[k] + (1.0f - loop) * mix;
        }
        for (int k = 0; k < w->speakers; k++) g[k] = w->ahead[i][k] * back[k];
        normalise(g, w->speakers, &sum);
        for (int k = 0; k < w->speakers; k++) {
            float by = fabsf(g[k] - w->gamma[i][k]);
            if (by > change) change = by;
            w->gamma[i][k] = g[k];
        }
    }
    for (int k = 0; k < w->speakers; k++) share[k] += w->n ? w->gamma[0][k] : 1.0f;
    normalise(share, w->speakers, &sum);
    memcpy(w->share, share, sizeof share);
    return change;
}

float vb_round(vb *w) {
    fit_speakers(w);
    score_looks(w);
    forward(w);
    return backward(w);
}

static void count_looks(vb *w) {
    memset(w->weight, 0, sizeof w->weight);
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < w->speakers; k++) w->weight[k] += w->gamma[i][k];
    }
}

/* Those who stay move together; gamma and share add up to 1 again. */
static void keep(vb *w, const bool *stays) {
    int kept = 0;
    float sum;
    for (int k = 0; k < w->speakers; k++) {
        if (!stays[k]) continue;
        for (int i = 0; i < w->n && kept != k; i++) w->gamma[i][kept] = w->gamma[i][k];
        w->share[kept] = w->share[k];
        w->weight[kept++] = w->weight[k];
    }
    if (kept == w->speakers) return;
    w->speakers = kept;
    for (int i = 0; i < w->n; i++) normalise(w->gamma[i], kept, &sum);
    normalise(w->share, kept, &sum);
}

void vb_prune(vb *w, float least) {
    bool stays[VB_SPEAKERS];
    int most = 0;
    count_looks(w);
    for (int k = 0; k < w->speakers; k++) {
        stays[k] = w->weight[k] >= least;
        if (w->weight[k] > w->weight[most]) most = k;
    }
    stays[most] = true;
    keep(w, stays);
}

void vb_drop_least(vb *w) {
    bool stays[VB_SPEAKERS];
    int least = 0;
    count_looks(w);
    for (int k = 0; k < w->speakers; k++) {
        stays[k] = true;
        if (w->weight[k] < w->weight[least]) least = k;
    }
    stays[least] = false;
    keep(w, stays);
}
