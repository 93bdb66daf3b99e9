/* watch_alarm.c: alarms to log, webhook and the list that /v1/watch shows: see watch_int.h. Figures only, no text of people. */
#include "api/watch_int.h"

#include "api/service_int.h"
#include "api/webhook.h"
#include "api/webhook_queue.h"
#include "base/log.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *change_name(alarm_change change) {
    static const char *const names[] = {"raised", "resolved", "accepted"};
    return names[change];
}

static void put_real(json_t *o, const char *name, double x) {
    json_object_set_new(o, name, isfinite(x) ? json_real(x) : json_null());
}

/* As others are to read it: "this host" has a name. */
static alarm_event named(const watch *w, const alarm_event *e) {
    alarm_event out = *e;
    if (!out.at.host[0]) memcpy(out.at.host, w->name, sizeof out.at.host);
    return out;
}

json_t *watch_alarm_json(const watch *w, const alarm_event *event) {
    alarm_event out = named(w, event), *e = &out;
    char text[ALARM_TEXT_BYTES];
    const alarm_rule *r = e->rule;
    alarm_print(text, e);
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "change", change_name(e->change),
                          "rule", r->name, "severity", alarm_severity_name(r->severity), "host", e->at.host, "model",
                          e->at.model, "language", e->at.language, "key", e->at.key, "text", text, "runbook",
                          r->runbook, "at_s", (json_int_t)e->at_s, "since_s", (json_int_t)e->since_s);
    if (!o) return NULL;
    put_real(o, "value", e->value);
    put_real(o, "norm", e->norm);
    put_real(o, "tolerated", e->tolerated);
    put_real(o, "samples", e->samples);
    put_real(o, "log_evidence", e->log_evidence);
    put_real(o, "log_needed", e->log_needed);
    return o;
}

static void write_log(const alarm_event *e) {
    bool raised = e->change == ALARM_RAISED, critical = e->rule->severity == ALARM_CRITICAL;
    log_level level = !raised ? LOG_LEVEL_INFO : critical ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
    char message[32];
    snprintf(message, sizeof message, "alarm %s", change_name(e->change));
    log_event(level, message, LOG_STR("rule", e->rule->name),
              LOG_STR("severity", alarm_severity_name(e->rule->severity)), LOG_STR("host", e->at.host),
              LOG_STR("model", e->at.model), LOG_STR("language", e->at.language), LOG_STR("key", e->at.key),
              LOG_REAL("value", e->value), LOG_REAL("norm", e->norm), LOG_REAL("tolerated", e->tolerated),
              LOG_REAL("samples", e->samples), LOG_INT("since_s", e->since_s));
}

static void stored(void *user, steno_err e) {
    (void)user;
    if (e != STENO_OK) log_line(LOG_LEVEL_WARN, "an alarm's webhook was not stored: %s", steno_error_detail());
}

/* {"type": "alarm.raised", "timestamp": …, "data": …}, as jobs' messages are. */
static void post(const watch *w, const alarm_event *e) {
    char type[32];
    delivery d = {.kind = w->secret[0] ? DELIVERY_SIGNED : DELIVERY_PLAIN_POST};
    if (!w->url[0] || !w->service->jobs) return;
    snprintf(type, sizeof type, "alarm.%s", change_name(e->change));
    json_t *o = json_pack("{s:s, s:I, s:o}", "type", type, "timestamp", (json_int_t)watch_now_s(), "data",
                          watch_alarm_json(w, e));
    char *text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    d.body = text ? mem_strdup(text) : NULL;
    free(text);
    json_decref(o);
    if (!d.body) return;
    d.n = strlen(d.body);
    snprintf(d.url, sizeof d.url, "%s", w->url);
    snprintf(d.secret, sizeof d.secret, "%s", w->secret);
    snprintf(d.content_type, sizeof d.content_type, "application/json");
    if (webhooks_post(jobs_webhooks(w->service->jobs), &d, stored, NULL) != STENO_OK)
        log_line(LOG_LEVEL_WARN, "an alarm's webhook was not stored: %s", steno_error_detail());
}

void watch_alarm(void *context, const alarm_event *event) {
    watch *w = context;
    alarm_event out = named(w, event), *e = &out;
    w->event[w->n_events++ % WATCH_EVENTS] = (watch_event){.event = *e, .set = true};
    write_log(e);
    post(w, e);
}
