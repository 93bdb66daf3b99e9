/* alarm_text.c: an alarm as a sentence. See alarm.h.
 *
 * Owner: whoever calls.
 */
#include "watch/alarm.h"

#include <math.h>
#include <string.h>
#include <time.h>

static const char *change_name(alarm_change change) {
    return change == ALARM_RAISED ? "raised" : change == ALARM_RESOLVED ? "resolved" : "accepted";
}

static void put_time(char out[24], int64_t at_s) {
    time_t t = (time_t)at_s;
    struct tm parts;
    gmtime_r(&t, &parts);
    strftime(out, 24, "%Y-%m-%dT%H:%MZ", &parts);
}

/* Shares as per cent, memory in MiB, the rest as it is. */
static void put_value(char out[32], const alarm_rule *rule, double x) {
    if (rule->kind == ALARM_SHARE || rule->kind == ALARM_LATENCY)
        snprintf(out, 32, "%.3g %%", 100 * x);
    else if (rule->kind == ALARM_TREND)
        snprintf(out, 32, "%.0f MiB", x / 1048576);
    else
        snprintf(out, 32, "%.3g", x);
}

static void put_series(char *out, size_t n, const cell_at *at) {
    snprintf(out, n, "%s%s%s%s%s%s%s", at->host[0] ? at->host : "this host", at->model[0] ? " " : "", at->model,
             at->language[0] ? " " : "", at->language, at->key[0] ? " key " : "", at->key);
}

size_t alarm_print(char out[ALARM_TEXT_BYTES], const alarm_event *e) {
    char at[24], since[24], value[32], norm[32], tolerated[32], series[200];
    put_time(at, e->at_s);
    put_time(since, e->since_s);
    put_value(value, e->rule, e->value);
    put_value(norm, e->rule, e->norm);
    put_value(tolerated, e->rule, e->tolerated);
    put_series(series, sizeof series, &e->at);
    const char *usual = e->rule->against == ALARM_FLEET ? "the other hosts" : "usual";
    int n = snprintf(out, ALARM_TEXT_BYTES, "%s %s %s %s: %s: %s, %s %s, tolerated up to %s", at,
                     change_name(e->change), e->rule->name, series, e->rule->what, value, usual, norm, tolerated);
    if (e->change == ALARM_RAISED && n > 0 && n < ALARM_TEXT_BYTES)
        n += snprintf(out + n, ALARM_TEXT_BYTES - (size_t)n, "; since %s, of %.0f", since, e->samples);
    return n < ALARM_TEXT_BYTES ? (size_t)n : ALARM_TEXT_BYTES - 1;
}
