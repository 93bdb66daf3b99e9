/* alarm_text.c: an alarm as a sentence. See alarm.h.
 *
 * Owner: whoever calls.
 */
#include "watch/alarm.h"

#include <jansson.h>

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
    const char *usual = e->rule->against == ALARM_FLEET ? "the other hosts " : "usual ",
               *to = e->rule->direction > 0 ? "up" : "down";
    bool limit = e->rule->against == ALARM_LIMIT;
    int n = snprintf(out, ALARM_TEXT_BYTES, "%s %s %s %s: %s: %s, %s%s%stolerated %s to %s", at, change_name(e->change),
                     e->rule->name, series, e->rule->what, value, limit ? "" : usual, limit ? "" : norm,
                     limit ? "" : ", ", to, tolerated);
    if (e->change == ALARM_RAISED && n > 0 && n < ALARM_TEXT_BYTES)
        n += snprintf(out + n, ALARM_TEXT_BYTES - (size_t)n, "; since %s, of %.0f", since, e->samples);
    return n < ALARM_TEXT_BYTES ? (size_t)n : ALARM_TEXT_BYTES - 1;
}

static json_t *time_of(int64_t at_s) {
    char text[24];
    put_time(text, at_s);
    return json_string(text);
}

size_t alarm_print_json(char out[ALARM_JSON_BYTES], const alarm_event *e) {
    json_t *o = json_object();
    json_object_set_new(o, "change", json_string(change_name(e->change)));
    json_object_set_new(o, "rule", json_string(e->rule->name));
    json_object_set_new(o, "severity", json_string(alarm_severity_name(e->rule->severity)));
    json_object_set_new(o, "host", json_string(e->at.host));
    json_object_set_new(o, "model", json_string(e->at.model));
    json_object_set_new(o, "language", json_string(e->at.language));
    if (e->at.key[0]) json_object_set_new(o, "key", json_string(e->at.key));
    json_object_set_new(o, "at", time_of(e->at_s));
    json_object_set_new(o, "since", time_of(e->since_s));
    json_object_set_new(o, "what", json_string(e->rule->what));
    json_object_set_new(o, "value", json_real(e->value));
    json_object_set_new(o, "norm", json_real(e->norm));
    json_object_set_new(o, "tolerated", json_real(e->tolerated));
    json_object_set_new(o, "samples", json_real(e->samples));
    if (e->log_needed > 0) {
        json_object_set_new(o, "log_evidence", json_real(e->log_evidence));
        json_object_set_new(o, "log_needed", json_real(e->log_needed));
    }
    json_object_set_new(o, "runbook", json_string(e->rule->runbook));
    size_t n = json_dumpb(o, out, ALARM_JSON_BYTES - 1, JSON_COMPACT | JSON_REAL_PRECISION(5));
    json_decref(o);
    if (n >= ALARM_JSON_BYTES) n = 0; /* cannot be: the longest names and runbook fit */
    out[n] = '\0';
    return n;
}
