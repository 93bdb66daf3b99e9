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

#define LOOK_S            1.0f  /* of speech in a full look */
#define WITHIN            0.65f /* variance of such a look about its speaker's mean */
#define DRIFT             0.15f /* and of the speaker's mean over a session */
#define LOOK_WEIGHT       0.25f /* looks come every 250 ms: that much of one is new */
#define WEIGHT_LEAST      0.01f /* of anybody: no division by nothing */
#define WEIGHT_CAP        8.0f  /* looks; nobody is known better than after so many */
#define CENTRE_PRIOR      4.0f  /* people that the mean of all sessions counts for */
#define CENTRE_KNOWN      2.0f  /* looks of somebody: then he counts for half of one */
#define NEVER             (-1e30f)
#define STRANGER          0.0f  /* a speaker must fit better than nobody by so much (nats) … */
#define STRANGER_VOICE    2.0f  /* … by more where labels may not change and only voices have names … */
#define WELL_KNOWN        4.0f  /* looks */
#define SURE              4.0f  /* … and than the next one by so much, to learn from the look */
#define COHERENT          5.0f  /* two looks that are one new speaker fit each other so well */
#define BIRTH_BLOCKS      4     /* and share no speech */
#define BIRTH_MEMORY      16    /* blocks */
#define FIRST_S           0.75f /* of speech that the first speaker begins with */
#define EVIDENCE          0.25f /* looks overlap: what one counts in Viterbi's sums */
#define CHANGE_COST       0.7f
#define CHANGE_COST_VOICE 8.0f  /* more where a label is for good: a turn is heard as a whole */
#define MERGE             15.0f /* two means fit each other so well: they are one */
#define MERGE_LOOKS       8     /* how often that is asked */
#define MIDDLE_BLOCKS     1     /* a look tells who speaks so many blocks before its end */
#define MARGIN_NATS       20.0f /* a margin of 1 */
#define E_MOST            1e4f  /* looks lie within 10 of 0 */

#define FIT_EVERY 4  /* looks from one fit to the next … */
#define FIT_PART  6  /* … and a 6th of the history */
#define FIT_FROM  20 /* looks in the history */

typedef struct recent_look {
    int64_t first, end;
    float speech_s, z[SPEAKERS_DIM];
    bool stranger; /* fits nobody, and is in no speaker yet */
} recent_look;

struct tracker {
    steno_speakers_options opt;
    int n; /* numbers given; voices first */
    bool alive[STENO_SPEAKERS_MAX];
    int8_t shown[STENO_SPEAKERS_MAX]; /* the number in labels: his own, or that of whom somebody has said him to be */
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
    for (int k = 0; k < STENO_SPEAKERS_MAX; k++) t->shown[k] = (int8_t)k;
    for (int k = 0; k < o->n_voices; k++, t->n++) {
        t->alive[k] = true;
        t->weight[k] = WEIGHT_CAP;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[k][d] = o->voices[k].print[d] * WEIGHT_CAP;
    }
}

int tracker_shown(const tracker *t, int speaker) {
    return t->shown[speaker];
}

/* ---- likelihoods -------------------------------------------------------------------------------------------------- */

static float look_variance(float speech_s) {
    return WITHIN * LOOK_S / (speech_s > 0.5f ? speech_s : 0.5f);
}

/* Where a speaker is, as far as `n` looks of his tell: normal in each direction, seen from the centre. */
typedef struct whereabouts {
    float mean[SPEAKERS_DIM], variance[SPEAKERS_DIM];
} whereabouts;

/* Of him whose mean over `n` looks is m / scale. */
static void locate(const tracker *t, const float *m, float scale, float n, whereabouts *out) {
    if (n > WEIGHT_CAP) n = WEIGHT_CAP;
    for (int d = 0; d < SPEAKERS_DIM; d++) {
        float b = backend_between[d], per = 1.0f / (b * n + WITHIN);
        out->mean[d] = b * n * per * (m[d] / scale - t->centre[d]);
        out->variance[d] = b * WITHIN * per;
    }
}

static void locate_speaker(const tracker *t, int k, whereabouts *out) {
    locate(t, t->sum[k], t->weight[k], t->weight[k], out);
}

/* How much likelier x [DIM] (variance `v`) is of that speaker than of a stranger; nats. The variances' ratios are at least 1, and
 * their product is below e^29 whatever the look (WEIGHT_CAP bounds it): so one logarithm of a float does for all of them. */
static float likeness(const tracker *t, const float *x, float v, const whereabouts *of) {
    float sum = 0.0f, ratio = 1.0f;
    for (int d = 0; d < SPEAKERS_DIM; d++) {
        float own = 1.0f / (of->variance[d] + v + DRIFT), other = backend_between[d] + v + DRIFT;
        float xc = x[d] - t->centre[d], off = xc - of->mean[d];
        ratio *= other * own;
        sum += xc * xc / other - off * off * own;
    }
    return 0.5f * (logf(ratio) + sum);
}

/* The same of a speaker's mean. */
static float speaker_likeness(const tracker *t, int k, float v, int other) {
    float m[SPEAKERS_DIM];
    whereabouts of;
    for (int d = 0; d < SPEAKERS_DIM; d++) m[d] = t->sum[k][d] / t->weight[k];
    locate_speaker(t, other, &of);
    return likeness(t, m, v, &of);
}

static float fits(const tracker *t, const recent_look *l, const whereabouts *of) {
    return likeness(t, l->z, look_variance(l->speech_s), of);
}

static recent_look *recent(tracker *t, int64_t look) {
    return &t->recent[look % TRACKER_RECENT];
}

/* What is no number, or so large that its square is none, says nothing of a voice. */
static bool is_sound(const speakers_look *look) {
    bool sound = look->speech_s >= 0.0f && look->first >= 0 && look->first < look->end;
    for (int d = 0; d < SPEAKERS_DIM; d++) sound = sound && fabsf(look->e[d]) <= E_MOST;
    return sound;
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

/* As labels count them: whom somebody has said to be one are one. */
static int people(const tracker *t) {
    unsigned shown = 0;
    int n = 0;
    for (int k = 0; k < t->n; k++) shown |= t->alive[k] ? 1u << t->shown[k] : 0;
    for (; shown; shown &= shown - 1) n++;
    return n;
}

static bool only_voices(const tracker *t) {
    return t->opt.contract == STENO_SPEAKERS_ENROLLED;
}

/* Where only voices have names, strangers are told apart all the same, behind OTHER: what is like a stranger who was heard
 * before is less likely to be a voice. */
static bool has_room(const tracker *t) {
    return people(t) < (only_voices(t) ? STENO_SPEAKERS_MAX : t->opt.max_speakers);
}

/* What the speaker must reach to be likelier than nobody. */
static float bar(const tracker *t, int k) {
    return only_voices(t) && k < t->opt.n_voices ? STRANGER_VOICE : STRANGER;
}

/* True when labels say this number of somebody else. */
static bool is_lent(const tracker *t, int number) {
    for (int k = 0; k < t->n; k++) {
        if (k != number && t->alive[k] && t->shown[k] == number) return true;
    }
    return false;
}

/* A number that nobody has, for somebody of whom nothing is known yet; where all have been given, one whose speaker turned out
 * to be another's; -1: there is none. */
static int new_number(tracker *t) {
    int k = t->opt.n_voices;
    if (t->n < STENO_SPEAKERS_MAX)
        k = t->n++;
    else
        while (k < t->n && (t->alive[k] || is_lent(t, k))) k++;
    if (k == STENO_SPEAKERS_MAX) return -1;
    t->alive[k] = true;
    t->shown[k] = (int8_t)k;
    t->weight[k] = WEIGHT_LEAST;
    memset(t->sum[k], 0, sizeof t->sum[k]);
    return k;
}

/* A new speaker of the strangers among looks [from, to]. */
static int bear(tracker *t, int64_t from, int64_t to) {
    int k = new_number(t);
    if (k < 0) return -1;
    t->weight[k] = 0.0f;
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
    whereabouts of;
    if (!has_room(t)) return -1;
    if (people(t) == 0) return l->speech_s >= FIRST_S ? bear(t, now, now) : -1;
    for (int64_t i = now - 1; i >= 0 && now - i < TRACKER_RECENT; i--) {
        recent_look *o = recent(t, i);
        if (l->end - o->end > BIRTH_MEMORY) break;
        if (!o->stranger || l->end - o->end < BIRTH_BLOCKS) continue;
        locate(t, o->z, 1.0f, o->speech_s / LOOK_S, &of);
        if (fits(t, l, &of) < COHERENT) continue;
        return bear(t, i, now);
    }
    return -1;
}

/* Who the newest look is of, or -1; speakers learn from it. */
static int take(tracker *t) {
    recent_look *l = recent(t, t->looks - 1);
    float score[STENO_SPEAKERS_MAX], second = STRANGER;
    whereabouts of;
    int who = -1;
    for (int k = 0; k < t->n; k++) {
        score[k] = NEVER;
        if (!t->alive[k]) continue;
        locate_speaker(t, k, &of);
        score[k] = fits(t, l, &of);
        if (score[k] > (who < 0 ? bar(t, k) : score[who])) who = k;
    }
    if (who < 0) {
        l->stranger = true;
        return look_for_birth(t);
    }
    for (int k = 0; k < t->n; k++) {
        if (t->shown[k] != t->shown[who] && score[k] > second) second = score[k];
    }
    if (score[who] - second > SURE && who >= t->opt.n_voices) learn(t, who, l);
    return who;
}

/* ---- labels ------------------------------------------------------------------------------------------------------- */

/* The most likely row of speakers over the newest looks. States: t->n speakers and, last, nobody known. */
typedef struct path {
    int64_t first; /* look */
    int n;
    int8_t who[TRACKER_RECENT]; /* in labels */
    float margin[TRACKER_RECENT];
} path;

enum { NOBODY = STENO_SPEAKERS_MAX, STATES };

static int label_of(const tracker *t, int state) {
    if (only_voices(t)) return state < t->opt.n_voices ? state : SPEAKERS_OTHER;
    return state < NOBODY ? t->shown[state] : SPEAKERS_UNKNOWN;
}

/* score [STATES] of a look, of speakers at of [t->n]; returns by how much the best one is ahead of the next person. */
static float score_look(tracker *t, const recent_look *l, const whereabouts *of, float *score) {
    int top = NOBODY;
    float second = NEVER;
    for (int k = 0; k < NOBODY; k++) score[k] = k < t->n && t->alive[k] ? fits(t, l, &of[k]) : NEVER;
    score[NOBODY] = bar(t, 0);
    for (int k = 0; k < NOBODY; k++) {
        if (score[k] > score[top]) top = k;
    }
    for (int k = 0; k <= NOBODY; k++) {
        if (label_of(t, k) != label_of(t, top) && score[k] > second) second = score[k];
    }
    return score[top] - second;
}

static int best_of(const float *total) {
    int best = NOBODY;
    for (int k = 0; k < NOBODY; k++) {
        if (total[k] > total[best]) best = k;
    }
    return best;
}

static void find_path(tracker *t, path *p) {
    float total[STATES] = {0}, score[STATES];
    int8_t came[TRACKER_RECENT][STATES];
    whereabouts of[STENO_SPEAKERS_MAX];
    for (int k = 0; k < t->n; k++) {
        if (t->alive[k]) locate_speaker(t, k, &of[k]);
    }
    p->first = t->looks > TRACKER_RECENT ? t->looks - TRACKER_RECENT : 0;
    p->n = (int)(t->looks - p->first);
    for (int i = 0; i < p->n; i++) {
        const recent_look *l = recent(t, p->first + i);
        p->margin[i] = score_look(t, l, of, score) / MARGIN_NATS;
        int best = best_of(total);
        float gap = i ? (float)(l->end - recent(t, p->first + i - 1)->end) : 1.0f;
        float least = total[best] - (only_voices(t) ? CHANGE_COST_VOICE : CHANGE_COST) / (gap > 1.0f ? gap : 1.0f);
        for (int k = 0; k < STATES; k++) {
            came[i][k] = (int8_t)(total[k] >= least ? k : best);
            total[k] = (total[k] >= least ? total[k] : least) + EVIDENCE * score[k];
        }
    }
    int at = best_of(total);
    for (int i = p->n - 1; i >= 0; i--) {
        p->who[i] = (int8_t)label_of(t, at);
        at = came[i][at];
    }
}

static void label(timeline *line, int64_t block, int who, float margin) {
    if (timeline_at(line, block).speaker == SPEAKERS_SILENCE) return;
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
        for (; next <= last; next++) label(line, next, p->who[i], p->margin[i]);
    }
}

/* ---- the step ----------------------------------------------------------------------------------------------------- */

/* True when somebody has said that this one and another are one person. */
static bool is_joined(const tracker *t, int k) {
    return t->shown[k] != k || is_lent(t, k);
}

/* Whoever is called `from` in labels is called `into` from now on. */
static void show_as(int from, int into, timeline *line, tracker_merge *merge) {
    if (from == into) return;
    *merge = (tracker_merge){from, into};
    timeline_rename(line, from, into);
}

/* `from` was never there: all that was his is of `into`. */
static void become_one(tracker *t, int from, int into, history *h, timeline *line, tracker_merge *merge) {
    int before = t->shown[from];
    t->alive[from] = false;
    history_rename(h, from, into);
    if (!only_voices(t)) show_as(before, t->shown[into], line, merge);
}

/* Both stay known, as two voices of one person: so he is told from others by either, and no fit makes him two again. */
void tracker_merge_speakers(tracker *t, int from, int into, timeline *line) {
    tracker_merge merge;
    bool known = false;
    if (from < 0 || into < 0 || from >= t->n || into >= t->n) return;
    from = t->shown[from];
    into = t->shown[into];
    for (int k = 0; k < t->n; k++) known = known || (t->alive[k] && t->shown[k] == into);
    if (!known) return;
    for (int k = 0; k < t->n; k++) {
        if (t->alive[k] && t->shown[k] == from) t->shown[k] = (int8_t)into;
    }
    show_as(from, into, line, &merge);
}

/* Voices are never one another, nor what somebody has said of people undone. */
static bool may_merge(const tracker *t, int from, int into) {
    if (from < t->opt.n_voices || !t->alive[from] || !t->alive[into]) return false;
    return t->shown[from] == t->shown[into] || !is_joined(t, from);
}

static void look_for_merge(tracker *t, history *h, timeline *line, tracker_merge *merge) {
    for (int b = 1; b < t->n; b++) {
        for (int a = 0; a < b; a++) {
            if (!may_merge(t, b, a)) continue;
            float n = t->weight[a] < WEIGHT_CAP ? t->weight[a] : WEIGHT_CAP;
            if (speaker_likeness(t, a, WITHIN / n, b) < MERGE) continue;
            for (int d = 0; d < SPEAKERS_DIM && a >= t->opt.n_voices; d++) t->sum[a][d] += t->sum[b][d];
            if (a >= t->opt.n_voices) t->weight[a] += t->weight[b];
            become_one(t, b, a, h, line, merge);
            return;
        }
    }
}

/* ---- all of the session ------------------------------------------------------------------------------------------- */

static bool has_looks(const cluster *c, int who) {
    for (int i = 0; i < c->w->n; i++) {
        if (c->h->look[cluster_look(c, i)].speaker == who) return true;
    }
    return false;
}

static bool is_named(const cluster *c, const int *name, int who) {
    for (int k = 0; k < c->w->speakers; k++) {
        if (name[k] == who) return true;
    }
    return false;
}

/* Who has most of the looks now that the history gave to `who`; -1: nobody, or somebody has that number still. */
static int heir_of(const cluster *c, const int *name, int who) {
    int taken[STENO_SPEAKERS_MAX] = {0}, best = -1;
    if (is_named(c, name, who)) return -1;
    for (int i = 0; i < c->w->n; i++) {
        if (c->h->look[cluster_look(c, i)].speaker == who) taken[name[cluster_who(c, i)]]++;
    }
    for (int k = 0; k < STENO_SPEAKERS_MAX; k++) {
        if (taken[k] > 0 && (best < 0 || taken[k] > taken[best])) best = k;
    }
    return best;
}

/* Numbers for those whom nobody told apart before; false, and nothing has happened, when there would be too many people or
 * too few numbers. */
static bool name_new(tracker *t, const cluster *c, int *name) {
    int fresh = 0, vanished = 0, numbers = STENO_SPEAKERS_MAX - t->n;
    for (int k = 0; k < c->w->speakers; k++) fresh += name[k] < 0;
    for (int k = t->opt.n_voices; k < t->n; k++) {
        numbers += !t->alive[k] && !is_lent(t, k);
        vanished += t->alive[k] && !is_joined(t, k) && !is_named(c, name, k) && has_looks(c, k);
    }
    if (fresh > numbers || (fresh > 0 && people(t) + fresh - vanished > t->opt.max_speakers)) return false;
    for (int k = 0; k < c->w->speakers; k++) {
        if (name[k] < 0) name[k] = new_number(t);
    }
    return true;
}

/* Somebody well known who is not like his heir has only not been heard for long: few looks of him are in the sample. */
static bool is_somebody_else(const tracker *t, int k, int heir) {
    if (people(t) > t->opt.max_speakers || t->weight[k] < WELL_KNOWN || t->weight[heir] <= 0.0f) return false;
    return speaker_likeness(t, k, WITHIN / WELL_KNOWN, heir) < 0.0f;
}

/* Those whose looks are all others' by now were never there: the one with the highest number goes, the others' turn comes with
 * the next fits, or now when there are too many people. */
static void bury(tracker *t, const cluster *c, const int *name, history *h, timeline *line, tracker_merge *merge) {
    bool one = false;
    for (int k = t->n - 1; k >= t->opt.n_voices && (!one || people(t) > t->opt.max_speakers); k--) {
        int heir = t->alive[k] ? heir_of(c, name, k) : -1;
        if (heir < 0 || !may_merge(t, k, heir) || is_somebody_else(t, k, heir)) continue;
        become_one(t, k, heir, h, line, merge);
        one = true;
    }
}

/* Who is still there though the fit has nobody of that number, and is not like his heir: what he said teaches nobody else. (Who is
 * like his heir waits to be buried.) */
static unsigned away(const tracker *t, const cluster *c, const int *name) {
    unsigned numbers = 0;
    for (int k = 0; k < t->n; k++) {
        int heir = t->alive[k] ? heir_of(c, name, k) : -1;
        if (heir >= 0 && is_somebody_else(t, k, heir)) numbers |= 1u << k;
    }
    return numbers;
}

/* What is known of people is taken from all of the session; enrolled voices stay as they were enrolled. */
static void take_fit(tracker *t, const cluster *c, const int *name) {
    unsigned others = away(t, c, name);
    float z[SPEAKERS_DIM], per = LOOK_WEIGHT * (float)(c->step * c->h->stride);
    for (int k = 0; k < c->w->speakers; k++) {
        int who = name[k];
        if (who < t->opt.n_voices) continue;
        t->weight[who] = WEIGHT_LEAST;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[who][d] = 0.0f;
    }
    for (int i = 0; i < c->w->n; i++) {
        const history_look *l = &c->h->look[cluster_look(c, i)];
        int k = cluster_who(c, i), who = name[k];
        float g = c->w->gamma[i][k];
        if (g < 0.5f || who < t->opt.n_voices || (l->speaker >= 0 && others >> l->speaker & 1)) continue;
        history_get(l, z);
        t->weight[who] += g * per;
        for (int d = 0; d < SPEAKERS_DIM; d++) t->sum[who][d] += g * per * z[d];
    }
}

static void fit_again(tracker *t, vb *w, history *h, timeline *line, tracker_merge *merge) {
    cluster c;
    int name[VB_SPEAKERS], joined = -people(t);
    for (int k = 0; k < t->n; k++) joined += t->alive[k];
    cluster_limits limits = {.looks = TRACKER_FIT, .most = t->opt.max_speakers + joined};
    cluster_begin(&c, w, h, &limits);
    while (!cluster_step(&c)) {
    }
    cluster_name(&c, name);
    if (!name_new(t, &c, name)) return;
    bury(t, &c, name, h, line, merge);
    take_fit(t, &c, name);
    for (int i = 0; i < w->n; i++) {
        history_look *l = &h->look[cluster_look(&c, i)];
        bool stays = l->speaker >= 0 && t->alive[l->speaker] && !is_named(&c, name, l->speaker);
        if (!stays) l->speaker = (int8_t)name[cluster_who(&c, i)];
    }
}

void tracker_step(tracker *t, vb *w, history *h, const speakers_look *look, timeline *line, tracker_merge *merge) {
    path p;
    *merge = (tracker_merge){-1, -1};
    if (!is_sound(look)) return;
    hear(t, look);
    find_centre(t);
    int who = take(t);
    find_path(t, &p);
    write_labels(t, &p, line);
    history_add(h, look, who);
    if (t->opt.contract != STENO_SPEAKERS_DELAYED && t->looks % MERGE_LOOKS == 0) look_for_merge(t, h, line, merge);
    if (!only_voices(t) && h->n >= FIT_FROM && t->looks >= t->fit_at) {
        fit_again(t, w, h, line, merge);
        t->fit_at = t->looks + FIT_EVERY + h->n / FIT_PART;
    }
}
