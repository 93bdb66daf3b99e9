/* alarm_host.c: the rules of a host as a whole: a level that stays above a limit, a value that only grows. See alarm.h.
 *
 * Owner: the set's thread. These are gauges, read once a minute and hardly noisy: no evidence is weighed but how long it lasts.
 */
#include "watch/alarm_int.h"

#include <string.h>

/* ---- levels ------------------------------------------------------------------------------------------------------- */

static void level_step(alarm_set *set, alarm_series *s, size_t rule, double value) {
    minutes *m = &s->level;
    double limit = set->rule[rule].limit, sum = 0;
    m->value[m->next] = value;
    m->next = (m->next + 1) % LEVEL_MINUTES;
    if (m->n < LEVEL_MINUTES) m->n++;
    int high = 0, low = 0;
    for (int i = 0; i < m->n; i++) {
        sum += m->value[i];
        high += m->value[i] > limit;
        low += m->value[i] < LEVEL_CLEAR * limit;
    }
    if (m->n < LEVEL_MINUTES) return;
    if (!s->state[rule].raised && high >= LEVEL_HIGH) {
        s->state[rule].watch.since_s = s->now_s - (LEVEL_MINUTES - 1) * CELL_S;
        alarm_raise(set, s, rule, sum / LEVEL_MINUTES, LEVEL_MINUTES);
    } else if (s->state[rule].raised && low == LEVEL_MINUTES) {
        alarm_lower(set, s, rule, ALARM_RESOLVED, sum / LEVEL_MINUTES);
    }
}

/* ---- trends ------------------------------------------------------------------------------------------------------- */

static double highest(const double *x, int n) {
    double most = 0;
    for (int i = 0; i < n; i++)
        if (x[i] > most) most = x[i];
    return most;
}

/* The lowest values of the newest hours rise without a break, and the last is above everything that was before them. */
static void trend_hour(alarm_set *set, alarm_series *s, size_t rule) {
    lows *t = &s->trend;
    rule_state *st = &s->state[rule];
    if (t->now <= 0) return;
    if (t->n == TREND_HOURS) memmove(t->value, t->value + 1, sizeof t->value - sizeof t->value[0]), t->n--;
    t->value[t->n++] = t->now;
    t->now = 0;
    double newest = t->value[t->n - 1];
    if (st->raised) {
        if (newest < st->event.tolerated) alarm_lower(set, s, rule, ALARM_RESOLVED, newest);
        return;
    }
    if (t->n < TREND_OVER + TREND_RECENT) return;
    st->norm = highest(t->value, t->n - TREND_RECENT);
    st->bound = st->norm * (1 + set->rule[rule].margin_ratio);
    st->ready = st->learnt = true;
    if (newest <= st->bound || stats_trend_p(t->value + t->n - TREND_OVER, TREND_OVER) > TREND_P) return;
    st->watch.since_s = s->now_s - (int64_t)TREND_OVER * HOUR_S;
    alarm_raise(set, s, rule, newest, TREND_OVER);
}

/* A restarted process begins anew: memory fell by a third or more. */
static void trend_step(lows *t, double value) {
    if (value <= 0) return;
    if (t->n > 0 && value < .67 * t->value[t->n - 1]) t->n = 0;
    if (t->now <= 0 || value < t->now) t->now = value;
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

void alarm_host_step(alarm_set *set, alarm_series *s, const monitor_cell *cell) {
    for (size_t i = 0; i < set->n_rules; i++) {
        alarm_sample sample;
        set->rule[i].take(cell, &sample);
        if (sample.w <= 0) continue;
        if (set->rule[i].kind == ALARM_LEVEL) level_step(set, s, i, sample.y / sample.w);
        if (set->rule[i].kind == ALARM_TREND) trend_step(&s->trend, sample.y);
    }
}

void alarm_host_hour(alarm_set *set, alarm_series *s) {
    for (size_t i = 0; i < set->n_rules; i++)
        if (set->rule[i].kind == ALARM_TREND) trend_hour(set, s, i);
}
