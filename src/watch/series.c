/* series.c: see series.h. Pure functions.
 */
#include "watch/series.h"

#include "watch/stats.h"

#include <math.h>
#include <string.h>

#define DAY_S       86400
#define TAU_LEVEL   300.0 /* values: how fast it gets used to a new level */
#define TAU_SPREAD  600.0
#define TAU_PAST    4000.0 /* and to new surprises */
#define TAU_RUN     6.0
#define TAU_DRIFT   60.0
#define TAU_NOISE   20.0
#define PART_RATE   .25 /* of what a day adds to the picture of days */
#define PART_VALUES 6   /* values a part of a day needs before it is used */
#define RHYTHM      .6  /* a rhythm is one when it leaves less than this share of the squares */
#define CLIP        5.0 /* what is further out moves spread no further */
#define ALONG_MAX   .95
#define BIN_LOW     (-4.0) /* log of the smallest feature that is told apart */
#define BIN_EACH    8.0    /* bins a unit of log */
#define TAIL        3.0    /* beyond everything seen, chances fall with this power */

static double toward(double from, double to, double tau) {
    return from + (to - from) / tau;
}

/* ---- the past of a feature ---------------------------------------------------------------------------------------- */

static int bin_of(double x) {
    double at = (log(x + 1e-9) - BIN_LOW) * BIN_EACH;
    return at < 0 ? 0 : at >= SERIES_BINS ? SERIES_BINS - 1 : (int)at;
}

/* -log of the chance of a value at least so large. */
static double surprise_of(const series_past *p, double x) {
    double more = 0;
    for (int i = bin_of(x) + 1; i < SERIES_BINS; i++) more += p->count[i];
    double chance = (more + .5 * p->count[bin_of(x)] + .5) / (p->all + 1),
           beyond = x > p->most && p->most > 0 ? log(x / p->most) : 0;
    return -log(chance) + TAIL * beyond;
}

static void past_add(series_past *p, double x) {
    const double keep = 1 - 1 / TAU_PAST;
    for (int i = 0; i < SERIES_BINS; i++) p->count[i] *= keep;
    p->all = p->all * keep + 1;
    p->count[bin_of(x)] += 1;
    p->most = x > p->most ? x : p->most * (1 - .5 / TAU_PAST);
}

/* ---- rhythm and level --------------------------------------------------------------------------------------------- */

static int part_of(int64_t at_s) {
    return (int)((at_s % DAY_S + DAY_S) % DAY_S * SERIES_PARTS / DAY_S);
}

/* What the time of day adds to the level; 0 where days have no rhythm. */
static double rhythm_of(const series_watch *s, int64_t at_s) {
    int part = part_of(at_s);
    return s->part_n[part] >= PART_VALUES && s->told < RHYTHM * s->untold ? s->part[part] : 0;
}

static void learn_rhythm(series_watch *s, double off, int64_t at_s) {
    int part = part_of(at_s);
    double limit = CLIP * sqrt(s->untold + 1e-12), clipped = fmax(-limit, fmin(limit, off));
    if (s->part_n[part] >= PART_VALUES) {
        double left = clipped - s->part[part];
        s->told = toward(s->told, left * left, TAU_SPREAD);
    } else {
        s->told = s->untold;
    }
    s->untold = toward(s->untold, clipped * clipped, TAU_SPREAD);
    s->part_n[part] += 1;
    double rate = fmax(1 / s->part_n[part], PART_RATE * SERIES_PARTS / 288);
    s->part[part] += rate * (clipped - s->part[part]);
}

/* ---- a value ------------------------------------------------------------------------------------------------------ */

static void learn(series_watch *s, double value, double off, double z, int64_t at_s) {
    double tau = fmin((double)s->n + 1, TAU_LEVEL), tau_spread = fmin((double)s->n + 1, TAU_SPREAD);
    if (s->n < 30) s->untold = toward(s->untold, off * off, tau_spread);
    learn_rhythm(s, value - s->level, at_s);
    double limit = CLIP * s->spread, clipped = s->n < 30 ? off : fmax(-limit, fmin(limit, off));
    s->level = toward(s->level, s->level + clipped, tau);
    s->spread = sqrt(toward(s->spread * s->spread, clipped * clipped, tau_spread) + 1e-18);
    double a = fmax(-CLIP, fmin(CLIP, z)), b = fmax(-CLIP, fmin(CLIP, s->last_z));
    s->along = toward(s->along, a * b, tau_spread);
    s->along_n = toward(s->along_n, a * a, tau_spread);
    double step = value - s->last;
    s->change = toward(s->change, fmin(step * step, 25 * s->change + (s->n < 30 ? step * step : 0)), tau_spread);
}

static void features(series_watch *s, double value, double z, double out[SERIES_FEATURES]) {
    double along = s->along_n > 0 ? fmax(0, fmin(ALONG_MAX, s->along / s->along_n)) : 0;
    double fresh = (z - along * s->last_z) / sqrt(1 - along * along), clipped = fmax(-CLIP, fmin(CLIP, fresh));
    double step = (value - s->last) * (value - s->last) / (s->change + 1e-18);
    s->run = toward(s->run, clipped, TAU_RUN);
    s->drift = toward(s->drift, fmax(-CLIP, fmin(CLIP, z)), TAU_DRIFT);
    s->noise = toward(s->noise, clipped * clipped, TAU_NOISE);
    s->still = toward(s->still, fmin(step, 4), TAU_NOISE);
    out[0] = fabs(fresh);
    out[1] = fabs(s->run);
    out[2] = fabs(s->drift);
    out[3] = s->noise;
    out[4] = 1 / (s->still + .01);
}

/* Said once: 0 where something as surprising was said lately. */
static double say(series_watch *s, double surprise) {
    double most = 0;
    for (int i = 0; i < SERIES_QUIET; i++) most = fmax(most, s->said[i]);
    s->said[s->n % SERIES_QUIET] = surprise;
    return surprise > most ? surprise : 0;
}

double series_step(series_watch *s, double value, int64_t at_s) {
    if (s->n == 0) s->level = s->last = value, s->spread = fabs(value) * 1e-3 + 1e-9;
    double off = value - s->level - rhythm_of(s, at_s), z = off / s->spread, f[SERIES_FEATURES], surprise = 0;
    features(s, value, z, f);
    for (int i = 0; i < SERIES_FEATURES; i++) {
        if (s->n >= SERIES_WARM) surprise = fmax(surprise, surprise_of(&s->past[i], f[i]));
        if (s->n >= SERIES_WARM / 2) past_add(&s->past[i], f[i]);
    }
    learn(s, value, off, z, at_s);
    s->last = value;
    s->last_z = z;
    double said = say(s, surprise);
    s->n++;
    return said;
}

double series_gaussian(double value, double n, double sum, double squares) {
    double mean = sum / n, variance = squares / n - mean * mean;
    double deviation = variance > 1e-12 ? sqrt(variance) : 1e-6;
    return -stats_log_normal_tail(fabs(value - mean) / deviation);
}
