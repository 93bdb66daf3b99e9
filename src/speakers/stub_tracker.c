/* stub_tracker.c: STUB, in the place of tracker.c and whole.c until they come: the nearest centroid by cosine 0.45; drop it then. */
#include "speakers/tracker.h"
#include "speakers/whole.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

struct tracker {
    steno_speakers_options opt;
    int n;
    float centre[STENO_SPEAKERS_MAX][SPEAKERS_DIM];
};

steno_err tracker_open(tracker **out) {
    *out = mem_alloc(1, sizeof **out);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a tracker");
}

void tracker_reset(tracker *t, const steno_speakers_options *o) {
    memset(t, 0, sizeof *t);
    t->opt = *o;
    for (int i = 0; i < o->n_voices; i++) memcpy(t->centre[t->n++], o->voices[i].print, sizeof t->centre[0]);
}

void tracker_free(tracker *t) {
    mem_free(t);
}

static float cosine(const float *a, const float *b) {
    float ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < SPEAKERS_DIM; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrtf(aa * bb + 1e-12f);
}

void tracker_step(tracker *t, const speakers_look *look, timeline *line, tracker_merge *merge) {
    float best = -2, second = 0;
    int who = -1;
    merge->from = merge->into = -1;
    for (int i = 0; i < t->n; i++) {
        if (t->centre[i][0] == 0.0f) continue; /* merged away */
        float c = cosine(look->e, t->centre[i]);
        if (c > best) {
            second = best > 0 ? best : 0;
            best = c;
            who = i;
        } else if (c > second) {
            second = c;
        }
    }
    if (best < (t->opt.contract == STENO_SPEAKERS_ENROLLED ? 0.55f : 0.45f)) {
        if (t->opt.contract == STENO_SPEAKERS_ENROLLED) {
            who = SPEAKERS_OTHER;
        } else if (t->n < t->opt.max_speakers && look->speech_s >= 1.0f) {
            who = t->n++;
            memcpy(t->centre[who], look->e, sizeof look->e);
        }
    }
    if (who >= t->opt.n_voices)
        for (int i = 0; i < SPEAKERS_DIM; i++) t->centre[who][i] += look->e[i];
    if (who == -1) return;
    for (int64_t b = look->first; b < look->end; b++) {
        timeline_block at = timeline_at(line, b);
        if (at.speaker == SPEAKERS_SILENCE) continue;
        if (at.speaker == SPEAKERS_UNKNOWN || b + 3 >= look->end)
            timeline_set(line, b, who, fminf(1.0f, fmaxf(0.0f, 2 * (best - second))));
    }
}

void tracker_merge_speakers(tracker *t, int from, int into, timeline *line) {
    if (from >= t->n || into >= t->n) return;
    for (int i = 0; i < SPEAKERS_DIM; i++) t->centre[into][i] += t->centre[from][i];
    memset(t->centre[from], 0, sizeof t->centre[from]);
    timeline_rename(line, from, into);
}

int tracker_speakers(const tracker *t) {
    return t->n;
}

struct whole {
    int64_t at;
};

steno_err whole_open(whole **out) {
    *out = mem_alloc(1, sizeof **out);
    return *out ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a whole");
}

void whole_reset(whole *w, const steno_speakers_options *o) {
    (void)o;
    w->at = 0;
}

void whole_free(whole *w) {
    mem_free(w);
}

void whole_add(whole *w, const speakers_look *look, int speaker) {
    (void)w, (void)look, (void)speaker;
}

/* Single blocks between two of one person become that person's. */
bool whole_step(whole *w, timeline *line) {
    for (int i = 0; i < 100 && w->at + 1 < line->end; i++, w->at++) {
        if (w->at == 0) continue;
        timeline_block a = timeline_at(line, w->at - 1), b = timeline_at(line, w->at), c = timeline_at(line, w->at + 1);
        if (a.speaker == c.speaker && a.speaker >= 0 && b.speaker != a.speaker && b.speaker != SPEAKERS_SILENCE)
            timeline_set(line, w->at, a.speaker, 0.5f);
    }
    return w->at + 1 >= line->end;
}
