/* alarm_norm.c: what is normal for a series, learnt by the hour, and from where on it would be tolerated no more. See alarm.h.
 *
 * Owner: the set's thread. Utterances of one stream are alike, so that hours differ by more than the number of utterances would have it: how
 * much more is learnt from the hours, beginning with what the table of rules says. A fault must not become the norm while it is being
 * found: hours wait before they are learnt from, and are thrown away when there is suspicion.
 */
#include "watch/alarm_int.h"

#include <math.h>
#include <string.h>

#define SHARE_MIN      1e-4
#define SHARE_MAX      .95
#define EVENTS_AN_HOUR 4.0 /* below so many, an hour says less of how events bunch */

static const double share_steps[STATS_BETS] = {1, 2.5, 6, 15}; /* alternatives, in margins beyond the bound */
static const double mean_steps[STATS_BETS] = {.5, 1, 2, 4};

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double smaller(double a, double b) {
    return a < b ? a : b;
}

static bool is_share(const alarm_rule *rule) {
    return rule->kind == ALARM_SHARE || rule->kind == ALARM_LATENCY;
}

/* ---- learning ----------------------------------------------------------------------------------------------------- */

static double mean_of(const alarm_rule *rule, const rule_state *st) {
    if (is_share(rule)) return (st->y + .5) / (st->w + 1);
    return st->w > 0 ? st->y / st->w : 0;
}

static void decay(rule_state *st) {
    const double keep = exp(-1.0 / MEMORY_HOURS);
    st->y *= keep;
    st->w *= keep;
    st->off *= keep;
    st->off_w *= keep;
    st->hours *= keep;
}

static void learn(const alarm_rule *rule, rule_state *st, alarm_sample hour) {
    if (st->hours > 2) {
        double off = hour.y - mean_of(rule, st) * hour.w;
        st->off += off * off + off * st->last_off; /* of which neighbouring hours share some: Newey-West with one lag */
        st->last_off = off;
        st->off_w += hour.w;
    }
    decay(st);
    st->y += hour.y;
    st->w += hour.w;
    st->hours += 1;
}

/* Where the slowest hundredth begins: the bin, and how many were slower. */
static void learn_latency(alarm_series *s, rule_state *st, const double hour[CELL_LATENCY_BINS]) {
    double all = 0, slower = 0;
    for (int i = 0; i < CELL_LATENCY_BINS; i++) {
        s->latency[i] = s->latency[i] * exp(-1.0 / MEMORY_HOURS) + hour[i];
        all += s->latency[i];
    }
    int bin;
    for (bin = CELL_LATENCY_BINS; bin > 1 && slower + s->latency[bin - 1] <= .01 * all; bin--)
        slower += s->latency[bin - 1];
    s->latency_over = bin;
    st->y = slower;
}

static void forget_pending(rule_state *st) {
    st->n_pending = st->oldest = 0;
}

/* The hour joins those that wait, and the oldest of them, or while all is new itself, is learnt from. */
static void end_hour(alarm_series *s, const alarm_rule *rule, rule_state *st) {
    alarm_sample hour = st->now;
    st->now = (alarm_sample){0};
    if (hour.w <= 0) return;
    if (st->raised || st->log_m > SUSPECT) return;
    bool latency = rule->kind == ALARM_LATENCY;
    double bins[CELL_LATENCY_BINS];
    if (latency) memcpy(bins, s->latency_now, sizeof bins);
    if (st->learnt) {
        int at = (st->oldest + st->n_pending) % PENDING_HOURS;
        alarm_sample newest = hour;
        bool full = st->n_pending == PENDING_HOURS;
        hour = st->pending[at];
        if (latency) memcpy(bins, s->latency_pending[at], sizeof bins);
        st->pending[at] = newest;
        if (latency) memcpy(s->latency_pending[at], s->latency_now, sizeof bins);
        if (full)
            st->oldest = (st->oldest + 1) % PENDING_HOURS;
        else
            st->n_pending++;
        if (!full) return;
    }
    learn(rule, st, hour);
    if (latency) learn_latency(s, st, bins);
}

/* ---- spread ------------------------------------------------------------------------------------------------------- */

static double utterances_a_stream(const alarm_series *s) {
    return s->streams >= 1 ? s->utterances / s->streams : STREAM_DEFAULT;
}

static double weight_of_utterance(const alarm_series *s, const rule_state *st) {
    return s->utterances > 0 && st->w > 0 ? st->w / s->utterances : 1;
}

/* What the table says. Lengths of streams vary as if exponential: the mean of their squares is twice the square of their mean. */
static double spread_told(const alarm_series *s, const alarm_rule *rule, const rule_state *st, double norm) {
    double weight = weight_of_utterance(s, st);
    double alike = utterances_a_stream(s) * (is_share(rule) ? weight : 1);
    double design = 1 + 2 * larger(0, alike - 1) * rule->likeness;
    if (is_share(rule)) return norm * (1 - norm) * design;
    return rule->spread * norm * rule->spread * norm * weight * design;
}

static double spread_of(const alarm_series *s, const alarm_rule *rule, const rule_state *st, double norm) {
    double told = spread_told(s, rule, st, norm), hours = st->hours;
    if (st->off_w <= 0) return told;
    if (is_share(rule)) hours *= smaller(1, st->y / (st->hours * EVENTS_AN_HOUR));
    double learnt = larger(0, st->off) / st->off_w, floor = is_share(rule) ? norm * (1 - norm) : 0;
    return larger(floor, (PRIOR_HOURS * told + hours * learnt) / (PRIOR_HOURS + hours));
}

/* ---- bounds ------------------------------------------------------------------------------------------------------- */

/* 0: none for this series. */
static double limit_of(const alarm_series *s, const alarm_rule *rule) {
    bool meant = !rule->limit_language || strcmp(rule->limit_language, s->at.language) == 0;
    return meant ? rule->limit : 0;
}

static double bound_of(const alarm_series *s, const alarm_rule *rule, const rule_state *st) {
    int up = rule->direction;
    double limit = limit_of(s, rule);
    if (!st->learnt) return limit;
    double wrong_by = EDGE * sqrt(st->variance / larger(1, st->w));
    double bound = (st->norm + up * wrong_by) * (1 + up * rule->margin_ratio) + up * rule->margin_add;
    bool tighter = limit > 0 && (up > 0 ? limit < bound && limit > st->norm : limit > bound && limit < st->norm);
    return tighter ? limit : bound;
}

static void make_bets(const alarm_rule *rule, rule_state *st) {
    double margin = larger(fabs(st->bound - st->norm), .1 * st->bound), to[STATS_BETS];
    if (is_share(rule)) {
        st->bound = larger(SHARE_MIN, st->bound);
        for (int k = 0; k < STATS_BETS; k++) to[k] = smaller(st->bound + share_steps[k] * margin, .5 * (1 + st->bound));
        stats_bet_share(&st->bet, st->bound, to, st->variance / (st->norm * (1 - st->norm)));
        return;
    }
    for (int k = 0; k < STATS_BETS; k++)
        to[k] = larger(st->bound + rule->direction * mean_steps[k] * margin, .02 * st->bound);
    stats_bet_mean(&st->bet, st->bound, to, st->variance);
}

void alarm_norm_make(const alarm_set *set, alarm_series *s, size_t rule_at) {
    const alarm_rule *rule = &set->rule[rule_at];
    rule_state *st = &s->state[rule_at];
    bool fleet = rule->against == ALARM_FLEET;
    st->learnt = st->hours >= (fleet ? FLEET_WARM_HOURS : WARM_HOURS) - .5 && st->w >= 4 * rule->least;
    st->norm = st->learnt ? mean_of(rule, st) : limit_of(s, rule);
    if (fleet && st->learnt) st->learnt = alarm_fleet_norm(set, s, &st->norm);
    st->ready = st->norm > 0 && (st->learnt || limit_of(s, rule) > 0);
    if (!st->ready) return;
    st->enough = larger(rule->least, STREAMS_MIN * utterances_a_stream(s) * weight_of_utterance(s, st));
    st->variance = larger(1e-12, spread_of(s, rule, st, st->norm));
    st->bound = bound_of(s, rule, st);
    if (is_share(rule) && st->bound > SHARE_MAX) st->ready = false; /* nearly all are so always: it cannot get worse */
    if (!st->ready) return;
    make_bets(rule, st);
}

/* ---- by the hour -------------------------------------------------------------------------------------------------- */

void alarm_norm_hour(alarm_set *set, alarm_series *s) {
    const double keep = exp(-1.0 / MEMORY_HOURS);
    s->utterances = s->utterances * keep + s->now_utterances;
    s->streams = s->streams * keep + s->now_streams;
    s->now_utterances = s->now_streams = 0;
    for (size_t i = 0; i < set->n_rules; i++) {
        const alarm_rule *rule = &set->rule[i];
        if (rule->kind == ALARM_LEVEL || rule->kind == ALARM_TREND) continue;
        rule_state *st = &s->state[i];
        if (st->raised) forget_pending(st); /* some of them are the fault's */
        end_hour(s, rule, st);
        alarm_norm_make(set, s, i);
    }
    memset(s->latency_now, 0, sizeof s->latency_now);
}
