/* tracker.c: see tracker.h.
 *
 * A look is compared with each speaker's mean by the logarithm of how much likelier it is theirs than a stranger's (two
 * normal distributions, as in probabilistic linear discriminant analysis: Ioffe, ECCV 2006), centred on what this session
 * sounds like: so there is no fixed threshold on a cosine. Looks that fit nobody, but each other, are a new speaker. The newest
 * looks are decided together by the Viterbi algorithm, because a look that straddles a change of speakers fits neither.
 * Now and then variational Bayes (vb.h) fits all speakers again to looks from the whole session, and says who are one.
 */
#include "speakers/tracker.h"

#include "base/mem.h"
#include "speakers/backend.h"
#include "speakers/cluster.h"

#include <math.h>
#include <string.h>

#define LOOK_S        1.0f  /* of speech in a full look */
#define WITHIN        0.65f /* variance of such a look about its speaker's mean */
#define DRIFT         0.15f /* and of the speaker's mean over a session */
#define LOOK_WEIGHT   0.25f /* looks come every 250 ms: that much of one is new */
#define WEIGHT_LEAST  0.01f /* of anybody: no division by nothing */
#define WEIGHT_CAP    8.0f  /* looks; nobody is known better than after so many */
#define CENTRE_PRIOR  4.0f  /* people that the mean of all sessions counts for */
#define CENTRE_KNOWN  2.0f  /* looks of somebody: then he counts for half of one */
#define STRANGER      0.0f  /* a speaker must fit better than nobody by so much (nats) … */
#define SURE          4.0f  /* … and than the next one by so much, to learn from the look */
#define COHERENT      5.0f  /* two looks that are one new speaker fit each other so well */
#define BIRTH_BLOCKS  4     /* and share no speech */
#define BIRTH_MEMORY  16    /* blocks */
#define FIRST_S       0.75f /* of speech that the first speaker begins with */
#define EVIDENCE      0.25f /* looks overlap: what one counts in Viterbi's sums */
#define CHANGE_COST   0.7f
#define MERGE         15.0f /* two means fit each other so well: they are one */
#define MERGE_LOOKS   8     /* how often that is asked */
#define MIDDLE_BLOCKS 1     /* a look tells who speaks so many blocks before its end */
#define MARGIN_NATS   20.0f /* a margin of 1 */

#define FIT_EVERY 4  /* looks */
#define FIT_PART  6  /* and a 6th of the history */
#define FIT_FROM  20 /* looks in the history */
typedef struct recent_look {
    int64_t first, end;
    float speech_s, z[SPEAKERS_DIM];
    bool stranger; /* fits nobody, and is in no speaker yet */
} recent_look;

struct tracker {
    steno_speakers_options opt;
    int n; /* numbers given; voices first */
    bool alive[STENO_SPEAKERS_MAX], merged_by_hand[STENO_SPEAKERS_MAX];
    float sum[STENO_SPEAKERS_MAX][SPEAKERS_DIM], weight[STENO_SPEAKERS_MAX]; /* in looks */
    float centre[SPEAKERS_DIM];
    recent_look recent[TRACKER_RECENT]; /* by look number modulo */
    int64_t looks, fit_at;
};

steno_err tracker_open(tracker **out) {
    *out = mem_alloc(1, sizeof **out);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for telling speakers apart");
}

void tracker_free(tracker *t) {
    mem_free(t);
}

void tracker_reset(tracker *t, const steno_speakers_options *o) {
    memset(t, 0, sizeof *t);
    t->opt = *o;
    t->opt.voices = NULL;
    for (int k = 0; k < o->n_voices; k++, t->n++) {
        t->alive[k] = true;
        t->weight[k] = WEIGHT_CAP;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[k][d] = o->voices[k].print[d] * WEIGHT_CAP;
    }
}

int tracker_speakers(const tracker *t) {
    return t->n;
}

/* ---- likelihoods -------------------------------------------------------------------------------------------------- */

static float look_variance(float speech_s) {
    return WITHIN * LOOK_S / (speech_s > 0.5f ? speech_s : 0.5f);
}

/* How much likelier x [DIM] (variance `v`) is of the speaker whose mean over `n` looks is m, than of a stranger; nats. */
static float likeness(const tracker *t, const float *x, float v, const float *m, float n) {
    float sum = 0.0f;
    if (n > WEIGHT_CAP) n = WEIGHT_CAP;
    for (int d = 0; d < SPEAKERS_DIM; d++) {
        float b = backend_between[d], p = b * n / (b * n + WITHIN) * (m[d] - t->centre[d]);
        float own = b * WITHIN / (b * n + WITHIN) + v + DRIFT, other = b + v + DRIFT, xc = x[d] - t->centre[d];
        sum += logf(other / own) + xc * xc / other - (xc - p) * (xc - p) / own;
    }
    return 0.5f * sum;
}

static float fits(const tracker *t, const recent_look *l, int k) {
    float m[SPEAKERS_DIM];
    for (int d = 0; d < SPEAKERS_DIM; d++) m[d] = t->sum[k][d] / t->weight[k];
    return likeness(t, l->z, look_variance(l->speech_s), m, t->weight[k]);
}

static recent_look *recent(tracker *t, int64_t look) {
    return &t->recent[look % TRACKER_RECENT];
}

static void hear(tracker *t, const speakers_look *look) {
    recent_look *l = recent(t, t->looks++);
    *l = (recent_look){.first = look->first, .end = look->end, .speech_s = look->speech_s};
    memcpy(l->z, look->e, sizeof l->z);
}

/* What this session sounds like: the mean of its people, each as far as he is known; with few of them, nearer to the mean of
 * all sessions. Who speaks most does not pull it to himself. */
static void find_centre(tracker *t) {
    float total = CENTRE_PRIOR;
    memset(t->centre, 0, sizeof t->centre);
    for (int k = 0; k < t->n; k++) {
        if (!t->alive[k] || t->weight[k] <= 0.0f) continue;
        float known = t->weight[k] / (t->weight[k] + CENTRE_KNOWN);
        total += known;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->centre[d] += known * t->sum[k][d] / t->weight[k];
    }
    for (int d = 0; d < SPEAKERS_DIM; d++) t->centre[d] /= total;
}

/* ---- speakers ----------------------------------------------------------------------------------------------------- */

static void learn(tracker *t, int k, const recent_look *l) {
    t->weight[k] += LOOK_WEIGHT;
    for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[k][d] += l->z[d] * LOOK_WEIGHT;
}

static int people(const tracker *t) {
    int n = 0;
    for (int k = 0; k < t->n; k++) n += t->alive[k];
    return n;
}

static bool has_room(const tracker *t) {
    return t->opt.contract != STENO_SPEAKERS_ENROLLED && people(t) < t->opt.max_speakers;
}

/* A number that nobody has; where all have been given, one whose speaker turned out to be another's; -1: there is none. */
static int new_number(tracker *t) {
    if (t->n < STENO_SPEAKERS_MAX) return t->n++;
    for (int k = t->opt.n_voices; k < t->n; k++) {
        if (!t->alive[k] && !t->merged_by_hand[k]) {
            t->weight[k] = 0.0f;
            memset(t->sum[k], 0, sizeof t->sum[k]);
            return k;
        }
    }
    return -1;
}

/* A new speaker of the strangers among looks [from, to]. */
static int bear(tracker *t, int64_t from, int64_t to) {
    int k = new_number(t);
    if (k < 0) return -1;
    t->alive[k] = true;
    for (int64_t i = from; i <= to; i++) {
        recent_look *l = recent(t, i);
        if (!l->stranger) continue;
        learn(t, k, l);
        l->stranger = false;
    }
    return k;
}

/* The newest look fits nobody: is there one before it that shares no speech with it, fits nobody either, and is of the same
 * voice? Then they are a new speaker. */
static int look_for_birth(tracker *t) {
    int64_t now = t->looks - 1;
    const recent_look *l = recent(t, now);
    if (!has_room(t)) return -1;
    if (people(t) == 0) return l->speech_s >= FIRST_S ? bear(t, now, now) : -1;
    for (int64_t i = now - 1; i >= 0 && now - i < TRACKER_RECENT; i--) {
        recent_look *o = recent(t, i);
        if (l->end - o->end > BIRTH_MEMORY) break;
        if (!o->stranger || l->end - o->end < BIRTH_BLOCKS) continue;
        if (likeness(t, l->z, look_variance(l->speech_s), o->z, o->speech_s / LOOK_S) < COHERENT) continue;
        return bear(t, i, now);
    }
    return -1;
}

/* Who the newest look is of, or -1; speakers learn from it. */
static int take(tracker *t) {
    recent_look *l = recent(t, t->looks - 1);
    float best = STRANGER, second = STRANGER;
    int who = -1;
    for (int k = 0; k < t->n; k++) {
        if (!t->alive[k]) continue;
        float f = fits(t, l, k);
        if (f > best) {
            second = best;
            best = f;
            who = k;
        } else if (f > second) {
            second = f;
        }
    }
    if (who < 0) {
        l->stranger = true;
        return look_for_birth(t);
    }
    if (best - second > SURE && who >= t->opt.n_voices) learn(t, who, l);
    return who;
}

/* ---- labels ------------------------------------------------------------------------------------------------------- */

/* The most likely row of speakers over the newest looks. States: t->n speakers and, last, nobody known. */
typedef struct path {
    int64_t first; /* look */
    int n;
    int8_t who[TRACKER_RECENT]; /* or -1 */
    float margin[TRACKER_RECENT];
} path;

static void find_path(tracker *t, path *p) {
    enum { NOBODY = STENO_SPEAKERS_MAX };
    float total[STENO_SPEAKERS_MAX + 1] = {0};
    int8_t came[TRACKER_RECENT][STENO_SPEAKERS_MAX + 1];
    p->first = t->looks > TRACKER_RECENT ? t->looks - TRACKER_RECENT : 0;
    p->n = (int)(t->looks - p->first);
    for (int i = 0; i < p->n; i++) {
        const recent_look *l = recent(t, p->first + i);
        int best = NOBODY;
        float score[STENO_SPEAKERS_MAX + 1], top = STRANGER, second = -1e30f;
        for (int k = 0; k < t->n; k++) score[k] = t->alive[k] ? fits(t, l, k) : -1e30f;
        score[NOBODY] = STRANGER;
        for (int k = 0; k < t->n; k++) {
            if (score[k] > top)
                second = top, top = score[k];
            else if (score[k] > second)
                second = score[k];
        }
        p->margin[i] = (top - second) / MARGIN_NATS;
        for (int k = 0; k <= NOBODY; k++) {
            if ((k < t->n || k == NOBODY) && total[k] > total[best]) best = k;
        }
        float gap = i ? (float)(l->end - recent(t, p->first + i - 1)->end) : 1.0f;
        float least = total[best] - CHANGE_COST / (gap > 1.0f ? gap : 1.0f);
        for (int k = 0; k <= NOBODY; k++) {
            if (k >= t->n && k != NOBODY) continue;
            came[i][k] = (int8_t)(total[k] >= least ? k : best);
            total[k] = (total[k] >= least ? total[k] : least) + EVIDENCE * score[k];
        }
    }
    int at = NOBODY;
    for (int k = 0; k < t->n; k++) {
        if (total[k] > total[at]) at = k;
    }
    for (int i = p->n - 1; i >= 0; i--) {
        p->who[i] = (int8_t)(at == NOBODY ? -1 : at);
        at = came[i][at];
    }
}

static void label(const tracker *t, timeline *line, int64_t block, int who, float margin) {
    if (timeline_at(line, block).speaker == SPEAKERS_SILENCE) return;
    if (who < 0) who = t->opt.contract == STENO_SPEAKERS_ENROLLED ? SPEAKERS_OTHER : SPEAKERS_UNKNOWN;
    timeline_set(line, block, who, margin > 1.0f ? 1.0f : margin < 0.0f ? 0.0f : margin);
}

/* Each look labels the block in its middle and those that no other look does; the newest one all up to its end. */
static void write_labels(tracker *t, const path *p, timeline *line) {
    int64_t next = recent(t, p->first)->first;
    for (int i = 0; i < p->n; i++) {
        const recent_look *l = recent(t, p->first + i);
        int64_t last = i == p->n - 1 ? l->end - 1 : l->end - 1 - MIDDLE_BLOCKS;
        if (i + 1 < p->n && recent(t, p->first + i + 1)->first >= l->end) last = l->end - 1; /* a pause follows */
        if (next < l->first) next = l->first;
        if (p->first > 0 && i == 0) next = last;
        for (; next <= last; next++) label(t, line, next, p->who[i], p->margin[i]);
    }
}

/* ---- the step ----------------------------------------------------------------------------------------------------- */

static void become_one(tracker *t, int from, int into, history *h, timeline *line) {
    t->weight[into] += t->weight[from];
    for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[into][d] += t->sum[from][d];
    t->alive[from] = false;
    history_rename(h, from, into);
    timeline_rename(line, from, into);
}

void tracker_merge_speakers(tracker *t, int from, int into, history *h, timeline *line) {
    if (from == into || from < 0 || into < 0 || from >= t->n || into >= t->n || !t->alive[from] || !t->alive[into])
        return;
    t->merged_by_hand[from] = true;
    become_one(t, from, into, h, line);
}

static bool may_merge(const tracker *t, int a, int b) {
    return t->alive[a] && t->alive[b] && (a >= t->opt.n_voices || b >= t->opt.n_voices);
}

static void look_for_merge(tracker *t, history *h, timeline *line, tracker_merge *merge) {
    for (int b = 1; b < t->n; b++) {
        for (int a = 0; a < b; a++) {
            if (!may_merge(t, a, b)) continue;
            float ma[SPEAKERS_DIM], mb[SPEAKERS_DIM], n = t->weight[a] < WEIGHT_CAP ? t->weight[a] : WEIGHT_CAP;
            for (int d = 0; d < SPEAKERS_DIM; d++) {
                ma[d] = t->sum[a][d] / t->weight[a];
                mb[d] = t->sum[b][d] / t->weight[b];
            }
            if (likeness(t, ma, WITHIN / n, mb, t->weight[b]) < MERGE) continue;
            become_one(t, b, a, h, line);
            *merge = (tracker_merge){b, a};
            return;
        }
    }
}

/* ---- all of the session ------------------------------------------------------------------------------------------- */

/* What is known of people is taken from all of the session; enrolled voices stay as they were enrolled. */
static void take_fit(tracker *t, const cluster *c, const int *name) {
    float z[SPEAKERS_DIM], per = LOOK_WEIGHT * (float)(c->step * c->h->stride);
    for (int k = 0; k < c->w->speakers; k++) {
        int who = name[k];
        if (who < t->opt.n_voices) continue;
        t->alive[who] = true;
        t->weight[who] = WEIGHT_LEAST;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[who][d] = 0.0f;
    }
    for (int i = 0; i < c->w->n; i++) {
        int k = cluster_who(c, i), who = name[k];
        float g = c->w->gamma[i][k];
        if (g < 0.5f || who < t->opt.n_voices) continue;
        history_get(&c->h->look[cluster_look(c, i)], z);
        t->weight[who] += g * per;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[who][d] += g * per * z[d];
    }
}

/* Who has most of the looks now that the history gave to `who`; -1: nobody, or somebody has that number still. */
static int heir_of(const cluster *c, const int *name, int who) {
    int taken[STENO_SPEAKERS_MAX] = {0}, best = -1;
    for (int k = 0; k < c->w->speakers; k++) {
        if (name[k] == who) return -1;
    }
    for (int i = 0; i < c->w->n; i++) {
        if (c->h->look[cluster_look(c, i)].speaker == who) taken[name[cluster_who(c, i)]]++;
    }
    for (int k = 0; k < STENO_SPEAKERS_MAX; k++) {
        if (taken[k] > 0 && (best < 0 || taken[k] > taken[best])) best = k;
    }
    return best;
}

/* Those whose looks are all others' by now were never there: the one with the highest number is told as a merge, the others'
 * turn comes with the next fits. */
static void bury(tracker *t, const cluster *c, const int *name, tracker_merge *merge) {
    for (int k = t->n - 1; k >= t->opt.n_voices && merge->from < 0; k--) {
        int heir = t->alive[k] ? heir_of(c, name, k) : -1;
        if (heir >= 0) *merge = (tracker_merge){k, heir};
    }
}

static void fit_again(tracker *t, vb *w, history *h, timeline *line, tracker_merge *merge) {
    cluster c;
    int name[VB_SPEAKERS];
    cluster_limits limits = {.looks = TRACKER_FIT, .most = t->opt.max_speakers};
    cluster_begin(&c, w, h, &limits);
    while (!cluster_step(&c)) {
    }
    if (w->speakers == 0) return;
    cluster_name(&c, name);
    for (int k = 0; k < w->speakers; k++) {
        if (name[k] < 0 && (name[k] = new_number(t)) < 0) return; /* no number left: all stays as it is */
    }
    bury(t, &c, name, merge);
    take_fit(t, &c, name);
    for (int i = 0; i < w->n; i++) h->look[cluster_look(&c, i)].speaker = (int8_t)name[cluster_who(&c, i)];
    if (merge->from < 0) return;
    t->alive[merge->from] = false;
    history_rename(h, merge->from, merge->into);
    timeline_rename(line, merge->from, merge->into);
}

void tracker_step(tracker *t, vb *w, history *h, const speakers_look *look, timeline *line, tracker_merge *merge) {
    path p;
    *merge = (tracker_merge){-1, -1};
    hear(t, look);
    find_centre(t);
    int who = take(t);
    find_path(t, &p);
    write_labels(t, &p, line);
    history_add(h, look, who);
    if (t->opt.contract == STENO_SPEAKERS_REVISE && t->looks % MERGE_LOOKS == 0) look_for_merge(t, h, line, merge);
    if (t->opt.contract != STENO_SPEAKERS_ENROLLED && h->n >= FIT_FROM && t->looks >= t->fit_at) {
        fit_again(t, w, h, line, merge);
        t->fit_at = t->looks + FIT_EVERY + h->n / FIT_PART;
    }
}
