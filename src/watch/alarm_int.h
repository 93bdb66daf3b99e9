/* alarm_int.h: what an alarm_set holds; for src/watch/alarm*.c.
 *
 * Owner: the set's thread. Each pair of series and rule has a norm that is learnt by the hour, evidence that is stepped by the minute,
 * and the alarm that it raised.
 */
#ifndef STENO_WATCH_ALARM_INT_H
#define STENO_WATCH_ALARM_INT_H

#include "watch/alarm.h"
#include "watch/stats.h"

#define HOUR_S           3600
#define PENDING_HOURS    6 /* an hour is learnt from that much later, so that a fault is not while it is being found */
#define MEMORY_HOURS     104  /* e-folding time of what was learnt: it halves in three days */
#define WARM_HOURS       12   /* with data, before a norm is one */
#define FLEET_WARM_HOURS 3    /* the fleet's is there already; one's own spread is not */
#define PRIOR_HOURS      12   /* what the table says of spread counts as much as so many hours */
#define EDGE             2.0  /* standard errors that a norm may be wrong by */
#define SUSPECT          6.0  /* log evidence from which on an hour is not learnt from */
#define STREAM_DEFAULT   20.0 /* utterances a stream where streams are not counted */
#define STREAMS_MIN      6    /* as much evidence as so many streams give, at least: one odd caller is no fault */
#define CLEAR_S          900  /* an alarm is resolved when two stretches at least this long are well again */
#define CLEAR_MAX_S      (12 * HOUR_S)
#define CLEAR_STRETCHES  2
#define LEVEL_MINUTES    10
#define LEVEL_HIGH       8   /* of them above the limit */
#define LEVEL_CLEAR      .85 /* of the limit: below it, it is well again */
#define TREND_HOURS      32  /* lowest value of each hour */
#define TREND_RECENT     6   /* those that must be higher than all before */
#define TREND_OVER       8   /* those that must rise */
#define TREND_P          1e-3
#define FLEET_FAST_S     900.0
#define FLEET_SLOW_S     10800.0
#define FLEET_REFRESH_S  300
#define FLEET_STALE_S    900
#define FLEET_GONE_S     (24 * HOUR_S)
#define FLEET_ENOUGH     2000 /* weight from which on the last quarter of an hour is compared, not the last hours */
#define FLEET_LEAST      20   /* a host that heard less says nothing yet */
#define FLEET_COMPARED   256  /* hosts; more are left out */

typedef struct rule_state {
    /* learnt: sums that decay by the hour; off: squared deviations of an hour's y from norm * w */
    double y, w, off, off_w, last_off, hours;
    alarm_sample now, pending[PENDING_HOURS]; /* this hour; hours that wait, a ring */
    int n_pending, oldest;
    /* made of it */
    bool ready, learnt;
    double norm, bound, variance,
        enough; /* variance: of y - norm * w, for w = 1; enough: weight since a change began */
    stats_bet bet;
    /* evidence */
    stats_watch watch;
    double log_m;
    /* what was raised */
    bool raised;
    alarm_event event;
    alarm_sample stretch; /* since stretch_s */
    int64_t stretch_s;
    int well;
} rule_state;

typedef struct minutes { /* of a level */
    double value[LEVEL_MINUTES];
    int n, next;
} minutes;

typedef struct lows { /* of a trend: the lowest value of each hour, oldest first */
    double value[TREND_HOURS];
    int n;
    double now; /* of this hour; 0: none yet */
} lows;

/* What a series is compared with in others', and they with it. */
typedef struct alarm_peer {
    cell_at at;
    int64_t now_s;           /* the newest cell */
    alarm_sample fast, slow; /* confidence, decaying */
} alarm_peer;

typedef struct alarm_series {
    cell_at at;
    alarm_peer peer;
    int64_t hour, now_s,
        fleet_s;                /* the hour that is being counted; the newest cell; when the fleet was last looked at */
    double utterances, streams; /* learnt by the hour, as the rules' sums */
    double now_utterances, now_streams;
    double latency[CELL_LATENCY_BINS], latency_now[CELL_LATENCY_BINS],
        latency_pending[PENDING_HOURS][CELL_LATENCY_BINS];
    int latency_over; /* bins from this one on are slower than the 99th percentile */
    minutes level;
    lows trend;
    rule_state state[ALARM_RULES_MAX];
} alarm_series;

struct alarm_set {
    const alarm_rule *rule;
    size_t n_rules, n, max, n_slots;
    int64_t hour;         /* of the newest count of what is learnt */
    alarm_series *series; /* [max] */
    uint32_t *slot;       /* [n_slots], by hash: index + 1, or 0 */
    char judged[CELL_HOST_BYTES];
    alarm_peer *peers; /* [max_peers]; NULL: every host is judged */
    size_t n_peers, max_peers;
    alarm_counts counts;
    alarm_sink *sink; /* while a cell is fed */
    void *context;
};

/* alarm_norm.c */
/* Has the hour that ended learnt from, when it may be, and the bound and bets made anew. */
void alarm_norm_hour(alarm_set *set, alarm_series *s);
/* The bound and bets of one rule, of what is learnt (or the fleet). */
void alarm_norm_make(const alarm_set *set, alarm_series *s, size_t rule);

/* alarm_fleet.c */
bool alarm_judges(const alarm_set *set, const cell_at *at);
void alarm_fleet_step(alarm_peer *p, const monitor_cell *cell); /* takes a cell's confidence */
/* The others' confidence, when there are enough of them. */
bool alarm_fleet_norm(const alarm_set *set, const alarm_series *s, double *out);
void alarm_peer_feed(alarm_set *set, const monitor_cell *cell);
size_t alarm_peer_hosts(const alarm_set *set, int64_t now_s); /* heard of in the last day */

/* alarm.c */
void alarm_raise(alarm_set *set, alarm_series *s, size_t rule, double value, double samples);
void alarm_lower(alarm_set *set, alarm_series *s, size_t rule, alarm_change change, double value);

/* alarm_host.c: the rules of levels and trends. */
void alarm_host_step(alarm_set *set, alarm_series *s, const monitor_cell *cell);
void alarm_host_hour(alarm_set *set, alarm_series *s);

#endif
