/* whole.c: see whole.h. */
#include "speakers/whole.h"

#include <math.h>
#include <string.h>

#define STEP_BLOCKS 4000 /* written in one step, each asking up to 24 looks: 1 to 3 ms */
#define NEAR_BLOCKS 12   /* of a look, to be labelled by it */
#define LOOK_MIDDLE 2.5f /* blocks before its end */
#define LOOK_BLOCK  2    /* before its end: the block that it labels, as the tracker has it */
#define DOUBT       0.1f /* of what looks say, when there are labels to ask too */
#define MEANT_PRIOR 1.0f /* looks */

void whole_begin(whole *p, vb *w, const history *h, const steno_speakers_options *o, bool renumber) {
    memset(p, 0, sizeof *p);
    p->voices = o->n_voices;
    p->renumber = renumber;
    cluster_limits limits = {.looks = HISTORY_LOOKS, .least = o->min_speakers, .most = o->max_speakers};
    cluster_begin(&p->c, w, h, &limits);
}

/* The lowest number that is not taken, but for voices'; UNKNOWN when there is none. */
static int free_number(const whole *p, const bool *taken) {
    int number = p->voices;
    while (number < STENO_SPEAKERS_MAX && taken[number]) number++;
    return number < STENO_SPEAKERS_MAX ? number : SPEAKERS_UNKNOWN;
}

/* Who was heard first of those without a name; -1: all have one. */
static int next_nameless(const whole *p, const bool *named) {
    int next = -1, first = 0;
    for (int k = 0; k < p->c.w->speakers; k++) {
        int heard = named[k] ? 0 : cluster_first_heard(&p->c, k);
        if (named[k] || (next >= 0 && heard >= first)) continue;
        next = k;
        first = heard;
    }
    return next;
}

/* People whom nobody told apart before get free numbers, in the order in which they are heard; so does everybody whose number
 * was not told yet. Numbers of the history that nobody has any more are the last to be given again. */
static void name_people(whole *p) {
    bool had[STENO_SPEAKERS_MAX] = {false}, has[STENO_SPEAKERS_MAX] = {false}, named[VB_SPEAKERS] = {false};
    cluster_name(&p->c, p->name);
    for (int k = 0; k < p->c.w->speakers; k++) {
        named[k] = p->name[k] >= 0 && !(p->renumber && p->name[k] >= p->voices);
        if (named[k]) had[p->name[k]] = has[p->name[k]] = true;
    }
    for (int i = 0; i < p->c.h->n && !p->renumber; i++) {
        if (p->c.h->look[i].speaker >= 0) had[p->c.h->look[i].speaker] = true;
    }
    for (int k = next_nameless(p, named); k >= 0; k = next_nameless(p, named)) {
        int number = free_number(p, had);
        if (number < 0) number = free_number(p, has);
        p->name[k] = number;
        named[k] = true;
        if (number >= 0) had[number] = has[number] = true;
    }
}

/* Live labels have a block's precision, and are whose they are about as often as the looks under them say. */
static void learn_labels(whole *p, const timeline *line) {
    const cluster *c = &p->c;
    for (int i = 0; i < c->w->n; i++) {
        int label = timeline_at(line, c->h->look[cluster_look(c, i)].end - LOOK_BLOCK).speaker;
        for (int k = 0; k < c->w->speakers && label >= 0; k++) p->meant[label][k] += c->w->gamma[i][k];
    }
    for (int l = 0; l < STENO_SPEAKERS_MAX; l++) {
        float sum = MEANT_PRIOR, each = MEANT_PRIOR / (float)c->w->speakers;
        for (int k = 0; k < c->w->speakers; k++) sum += p->meant[l][k];
        for (int k = 0; k < c->w->speakers; k++) p->meant[l][k] = sqrtf((p->meant[l][k] + each) / sum);
    }
}

/* The looks about a block, nearer ones more. Votes add up to 1; false: there is none. */
static bool ask_looks(whole *p, int64_t block, float *votes) {
    const history *h = p->c.h;
    float total = 0.0f;
    while (p->at < h->n && h->look[p->at].end + NEAR_BLOCKS < block) p->at++;
    for (int i = p->at; i < h->n && h->look[i].first <= block + NEAR_BLOCKS; i++) {
        float off = (float)block - ((float)h->look[i].end - LOOK_MIDDLE);
        float near = expf(-off * off / (1.44f * (float)(h->stride * h->stride))) + 1e-9f / (1.0f + off * off);
        for (int k = 0; k < p->c.w->speakers; k++) votes[k] += near * p->c.w->gamma[i][k];
        total += near;
    }
    for (int k = 0; k < p->c.w->speakers && total > 0.0f; k++) votes[k] /= total;
    return total > 0.0f;
}

static void ask_label(const whole *p, int label, float *votes) {
    float total = 0.0f;
    for (int k = 0; k < p->c.w->speakers; k++) total += votes[k] = (votes[k] + DOUBT) * p->meant[label][k];
    for (int k = 0; k < p->c.w->speakers; k++) votes[k] /= total;
}

/* The look whose middle is nearest to the block decides, those about it have a say; where looks lie further apart than blocks,
 * so has the block's label, and where there is none it decides. */
static void label_block(whole *p, timeline *line, int64_t block) {
    float votes[VB_SPEAKERS] = {0}, second = 0.0f;
    int label = timeline_at(line, block).speaker, best = 0;
    bool is_near = ask_looks(p, block, votes);
    if (!is_near && label < 0) return;
    if (label >= 0 && (!is_near || p->c.h->stride > 1)) ask_label(p, label, votes);
    for (int k = 1; k < p->c.w->speakers; k++) {
        if (votes[k] > votes[best]) best = k;
    }
    for (int k = 0; k < p->c.w->speakers; k++) {
        if (k != best && votes[k] > second) second = votes[k];
    }
    timeline_set(line, block, p->name[best], votes[best] - second);
}

static void write_blocks(whole *p, timeline *line) {
    for (int64_t end = p->block + STEP_BLOCKS; p->block < line->end && p->block < end; p->block++) {
        if (timeline_at(line, p->block).speaker != SPEAKERS_SILENCE) label_block(p, line, p->block);
    }
    if (p->block >= line->end) p->over = true;
}

bool whole_step(whole *p, timeline *line) {
    if (!p->clustered) {
        if (!cluster_step(&p->c)) return false;
        p->clustered = true;
        p->over = p->c.w->speakers == 0;
        name_people(p);
        if (!p->over) learn_labels(p, line);
    } else if (!p->over) {
        write_blocks(p, line);
    }
    return p->over;
}
