/* alarm.h: which changes of the monitors are worth waking somebody, and when there is enough evidence.
 *
 * Purpose    cells in, minute by minute, of this host and of others; out come alarms raised and resolved, with the figures. A rule
 *            fires when a change is large enough to matter *and* the evidence for it is such that in a fleet where nothing is wrong all
 *            rules on all series together fire falsely ALARM_FALSE_PER_WEEK times a week at most. docs/watching.md says how.
 * Owner      one thread; an alarm_set holds all its memory from the start. Time comes with the cells; no clock, no blocking, no text of
 *            people.
 * Invariants a rule that is raised is raised once until it is resolved; a series beyond max_series is not watched and is counted.
 */
#ifndef STENO_WATCH_ALARM_H
#define STENO_WATCH_ALARM_H

#include "watch/cell.h"

#define ALARM_FALSE_PER_WEEK  0.5 /* allowed, of all hosts and rules together */
#define ALARM_RULES_MAX       24  /* of the table */
#define ALARM_SERIES_DEFAULT  512
#define ALARM_SERIES_MAX      8192
#define ALARM_TEXT_BYTES      400
#define ALARM_JSON_BYTES      1600
#define ALARM_ACCEPT_S        (7 * 24 * 3600) /* raised for so long: it is how things are now, and is learnt as the norm */
#define ALARM_FLEET_HOSTS_MIN 3               /* others, or nothing is compared with the fleet */
#define ALARM_PEERS_MAX       4096            /* series of other hosts, where those judge themselves */

/* How a rule looks at its series. */
typedef enum alarm_kind {
    ALARM_SHARE,   /* events of trials, against a norm */
    ALARM_MEAN,    /* a mean or ratio, against a norm */
    ALARM_LATENCY, /* the share slower than what was the 99th percentile */
    ALARM_LEVEL,   /* ten minutes above a limit */
    ALARM_TREND    /* hours of growth above the day before */
} alarm_kind;

typedef enum alarm_against { ALARM_OWN_NORM, ALARM_FLEET, ALARM_LIMIT } alarm_against;
typedef enum alarm_severity { ALARM_WARNING, ALARM_CRITICAL } alarm_severity;

/* What a rule counts of a cell: y events, or a sum, of w trials, or weight. */
typedef struct alarm_sample {
    double y, w;
} alarm_sample;

typedef struct alarm_rule {
    const char *name, *what, *runbook; /* what: one noun phrase */
    alarm_kind kind;
    alarm_against against;
    alarm_severity severity;
    int direction; /* 1: too high, -1: too low */
    void (*take)(const monitor_cell *cell, alarm_sample *out);
    double margin_ratio,
        margin_add;             /* least effect: norm * (1 + direction * ratio) + direction * add is still no fault */
    double limit;               /* never tolerated beyond this, learnt or not; 0: none */
    const char *limit_language; /* the limit is for this language alone; NULL: for all */
    double likeness; /* of utterances of one stream, 0 to 1 (intraclass correlation), until it has been learnt */
    double spread; /* ALARM_MEAN: deviation of one utterance's value as a share of the norm, until it has been learnt */
    double least;  /* trials or weight since the change began, at least */
} alarm_rule;

/* The table. */
size_t alarm_rules(const alarm_rule **out);
const alarm_rule *alarm_rule_by_name(const char *name); /* NULL: none */
const char *alarm_severity_name(alarm_severity severity);

typedef enum alarm_change { ALARM_RAISED, ALARM_RESOLVED, ALARM_ACCEPTED } alarm_change;

typedef struct alarm_event {
    alarm_change change;
    const alarm_rule *rule;
    cell_at at;
    int64_t at_s, since_s;           /* when it was decided; since when it has been so, as far as one can tell */
    double value, norm, tolerated;   /* since then; learnt, or the fleet's; up to where nothing would be said */
    double samples;                  /* trials or weight since then */
    double log_evidence, log_needed; /* natural logarithms; 0 where a rule needs none */
} alarm_event;

/* One sentence of figures in `out`; returns its length. */
size_t alarm_print(char out[ALARM_TEXT_BYTES], const alarm_event *event);
/* The same as one JSON object, with the runbook line: what webhooks, the log and `steno alarm test --json` say. */
size_t alarm_print_json(char out[ALARM_JSON_BYTES], const alarm_event *event);

typedef struct alarm_set alarm_set;
typedef void alarm_sink(void *context, const alarm_event *event);

/* max_series: of 1 to ALARM_SERIES_MAX; each takes about 16 KB. STENO_E_NOMEM. Freed by alarm_close(), which takes NULL. */
STENO_CHECK steno_err alarm_open(size_t max_series, alarm_set **out);
void alarm_close(alarm_set *set);

/* Before the first cell: only series of `host` ("": this one) are judged. Those of others are what it is compared with; each takes 200
 * bytes, and those not heard of for longest make room. In a fleet each host raises what is about itself and nobody else does, so that a
 * host that is sick is one alarm; ALARM_FALSE_PER_WEEK is still that of all hosts together. STENO_E_NOMEM, STENO_E_INVALID. */
STENO_CHECK steno_err alarm_judge(alarm_set *set, const char *host, size_t max_peers);

/* One cell: the next minute of its series. `sink` is called before it returns, for each alarm that changes. `sink` may be NULL: after a
 * restart the cells of the last week from the store teach what is normal again, silently, in some 6 ms a series. */
void alarm_feed(alarm_set *set, const monitor_cell *cell, alarm_sink *sink, void *context);

/* Each alarm that is raised now, as the event that raised it, with value, samples and evidence of now. */
void alarm_each(const alarm_set *set, alarm_sink *sink, void *context);

/* The band for a picture: what the series' norm is and what is tolerated. False: not learnt yet, or no such series. */
bool alarm_band(const alarm_set *set, const cell_at *at, const char *rule, double *norm, double *tolerated);

typedef struct alarm_counts {
    size_t series, learnt, raised;        /* learnt, raised: pairs of series and rule */
    size_t peers;                         /* series of hosts that are not judged */
    uint64_t cells, refused, raised_ever; /* refused: cells of series there was no room for */
    double log_needed;                    /* evidence that raises an alarm now */
} alarm_counts;
void alarm_count(const alarm_set *set, alarm_counts *out);

#endif
