/* watch_json.c: GET /v1/watch: series with their windows, minutes and bands, alarms, the worst utterances. See watch.h and
 * docs/openapi.yaml, where each member is described. Owner: the network thread.
 */
#include "api/events.h"
#include "api/service_int.h"
#include "api/watch_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A share or mean; null where there is nothing to divide by. */
static json_t *ratio(double y, double w) {
    return w > 0 ? json_real(y / w) : json_null();
}

static json_t *whole(uint64_t n) {
    return json_integer((json_int_t)n);
}

/* ---- the monitors, one line each ------------------------------------------------------------------------------------ */

typedef struct figure {
    const char *name;
    json_t *(*of)(const monitor_cell *c);
} figure;

#define FIGURE(name, value)                                                                                            \
    static json_t *name(const monitor_cell *c) {                                                                       \
        return value;                                                                                                  \
    }

static double deviation(double sum, double squares, uint64_t n) {
    double mean = n ? sum / (double)n : 0, variance = n ? squares / (double)n - mean * mean : 0;
    return variance > 0 ? sqrt(variance) : 0;
}

static json_t *latency(const monitor_cell *c, double p) {
    double ms = monitor_latency_ms(c, p);
    return ms < 0 ? json_null() : json_real(ms);
}

FIGURE(utterances, whole(c->utterances))
FIGURE(streams, whole(c->streams))
FIGURE(audio_s, json_real(c->audio_s))
FIGURE(speech_s, json_real(c->speech_s))
FIGURE(speech_share, ratio(c->speech_s, c->audio_s))
FIGURE(loud_s, json_real(c->loud_s))
FIGURE(speech_of_loud, ratio(c->speech_s, c->loud_s))
FIGURE(empty_rate, ratio((double)c->empty, (double)c->utterances))
FIGURE(characters_per_s, ratio(c->characters, c->speech_s))
FIGURE(words_per_s, ratio(c->words, c->speech_s))
FIGURE(repeated_rate, ratio(c->tokens_repeated, c->tokens))
FIGURE(looped_rate, ratio((double)c->looped, (double)c->utterances))
FIGURE(compression, ratio(c->compression_sum, (double)c->texts))
FIGURE(confidence, ratio(c->confidence_sum, (double)c->texts))
FIGURE(confidence_deviation, json_real(deviation(c->confidence_sum, c->confidence_squares, c->texts)))
FIGURE(partial_revision_rate, ratio((double)c->partial_revisions, (double)c->partials))
FIGURE(speaker_revision_rate, ratio((double)c->speaker_revisions, (double)c->speaker_labels))
FIGURE(language_switch_rate, ratio((double)c->language_switches, (double)c->utterances))
FIGURE(input_clipped_rate, ratio((double)c->input_clipped, (double)c->utterances))
FIGURE(input_quiet_rate, ratio((double)c->input_quiet, (double)c->utterances))
FIGURE(input_noisy_rate, ratio((double)c->input_noisy, (double)c->utterances))
FIGURE(input_narrow_rate, ratio((double)c->input_narrow, (double)c->utterances))
FIGURE(latency_p50_ms, latency(c, 0.50))
FIGURE(latency_p95_ms, latency(c, 0.95))
FIGURE(latency_p99_ms, latency(c, 0.99))
FIGURE(streams_judged, whole(c->streams_judged))
FIGURE(streams_clipped_rate, ratio((double)c->streams_clipped, (double)c->streams_judged))
FIGURE(streams_quiet_rate, ratio((double)c->streams_quiet, (double)c->streams_judged))
FIGURE(streams_noisy_rate, ratio((double)c->streams_noisy, (double)c->streams_judged))
FIGURE(streams_narrow_rate, ratio((double)c->streams_narrow, (double)c->streams_judged))

static const figure of_speech[] = {{"utterances", utterances},
                                   {"streams", streams},
                                   {"audio_s", audio_s},
                                   {"speech_s", speech_s},
                                   {"speech_share", speech_share},
                                   {"loud_s", loud_s},
                                   {"speech_of_loud", speech_of_loud},
                                   {"empty_rate", empty_rate},
                                   {"characters_per_s", characters_per_s},
                                   {"words_per_s", words_per_s},
                                   {"repeated_rate", repeated_rate},
                                   {"looped_rate", looped_rate},
                                   {"compression", compression},
                                   {"confidence", confidence},
                                   {"confidence_deviation", confidence_deviation},
                                   {"partial_revision_rate", partial_revision_rate},
                                   {"speaker_revision_rate", speaker_revision_rate},
                                   {"language_switch_rate", language_switch_rate},
                                   {"input_clipped_rate", input_clipped_rate},
                                   {"input_quiet_rate", input_quiet_rate},
                                   {"input_noisy_rate", input_noisy_rate},
                                   {"input_narrow_rate", input_narrow_rate},
                                   {"latency_p50_ms", latency_p50_ms},
                                   {"latency_p95_ms", latency_p95_ms},
                                   {"latency_p99_ms", latency_p99_ms},
                                   {"streams_judged", streams_judged},
                                   {"streams_clipped_rate", streams_clipped_rate},
                                   {"streams_quiet_rate", streams_quiet_rate},
                                   {"streams_noisy_rate", streams_noisy_rate},
                                   {"streams_narrow_rate", streams_narrow_rate},
                                   {0}};

FIGURE(rtf, ratio(c->busy_s, c->capacity_s))
FIGURE(memory_bytes, json_real(c->memory_bytes))

static const figure of_host[] = {{"rtf", rtf}, {"memory_bytes", memory_bytes}, {0}};

/* ---- series --------------------------------------------------------------------------------------------------------- */

static const figure *figures_of(const cell_at *at) {
    return at->model[0] ? of_speech : of_host;
}

static json_t *counts_json(const uint64_t *count, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, whole(count[i]));
    return list;
}

static json_t *window_json(const watch *w, size_t at, monitor_window of, int64_t now_s) {
    monitor_cell c;
    monitor_sum(w->monitor, at, of, now_s, &c);
    json_t *o = json_object();
    for (const figure *f = figures_of(&c.at); f->name; f++) json_object_set_new(o, f->name, f->of(&c));
    if (!c.at.model[0]) return o;
    json_object_set_new(o, "confidence_bins", counts_json(c.confidence_bin, CELL_CONFIDENCE_BINS));
    json_object_set_new(o, "latency_bins", counts_json(c.latency_bin, CELL_LATENCY_BINS));
    return o;
}

/* Cells of the same length that end now. */
typedef struct span {
    const monitor_cell *(*cell)(const monitor *m, size_t at, size_t k, int64_t now_s);
    int n;
    int64_t length_s;
} span;

static const span minutes_span = {monitor_minute, MONITOR_MINUTES, CELL_S};
static const span hours_span = {monitor_hour, MONITOR_HOURS, 3600};

/* A column a figure, oldest cell first; null where nothing was counted. */
static json_t *columns_json(const watch *w, size_t at, int64_t now_s, const span *s) {
    const figure *figures = figures_of(monitor_at(w->monitor, at));
    json_t *o = json_object(), *start = json_array();
    for (int k = s->n - 1; k >= 0; k--)
        json_array_append_new(start, json_integer((json_int_t)((now_s / s->length_s - k) * s->length_s)));
    json_object_set_new(o, "start_s", start);
    for (const figure *f = figures; f->name; f++) {
        json_t *column = json_array();
        for (int k = s->n - 1; k >= 0; k--) {
            const monitor_cell *c = s->cell(w->monitor, at, (size_t)k, now_s);
            json_array_append_new(column, c ? f->of(c) : json_null());
        }
        json_object_set_new(o, f->name, column);
    }
    return o;
}

/* By rule: what is normal, and from where on it is not tolerated. Rules that have not learnt yet have none. */
static json_t *bands_json(const watch *w, const cell_at *at) {
    const alarm_rule *rules;
    size_t n = alarm_rules(&rules);
    json_t *o = json_object();
    for (size_t i = 0; i < n; i++) {
        double norm, tolerated;
        if (!alarm_band(w->alarms, at, rules[i].name, &norm, &tolerated)) continue;
        json_object_set_new(
            o, rules[i].name,
            json_pack("{s:f, s:f, s:i}", "norm", norm, "tolerated", tolerated, "direction", rules[i].direction));
    }
    return o;
}

static json_t *series_json(const watch *w, size_t at, int64_t now_s, bool minutes) {
    const cell_at *name = monitor_at(w->monitor, at);
    json_t *windows = json_object();
    for (int k = 0; k < MONITOR_WINDOWS; k++)
        json_object_set_new(windows, monitor_window_name((monitor_window)k),
                            window_json(w, at, (monitor_window)k, now_s));
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o}", "model", name->model, "language", name->language, "key",
                          name->key, "windows", windows, "bands", bands_json(w, name));
    if (!o || !minutes) return o;
    json_object_set_new(o, "minutes", columns_json(w, at, now_s, &minutes_span));
    json_object_set_new(o, "hours", columns_json(w, at, now_s, &hours_span));
    return o;
}

/* ---- the worst ------------------------------------------------------------------------------------------------------ */

static json_t *input_json(const watch_worst *u) {
    const input_quality *q = &u->input;
    if (!u->has_input) return json_null();
    return json_pack("{s:f, s:f, s:f, s:f}", "level_db", q->level_db, "snr_db", q->snr_db, "clipped", q->clipped,
                     "high_db", q->high_db);
}

/* Its words are for the key that they were said to. */
static json_t *worst_json(const watch_worst *u, const char *owner) {
    bool own = strcmp(u->owner, owner) == 0;
    return json_pack("{s:I, s:s, s:s, s:b, s:b, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "at_s",
                     (json_int_t)u->at_s, "model", u->model, "language", u->language, "live", u->live, "empty",
                     u->empty, "looped", u->looped, "score", u->score, "speech_s", u->speech_s, "confidence",
                     u->confidence, "compression", u->compression, "repeated_rate", u->repeated, "characters_per_s",
                     u->characters_per_s, "input", input_json(u), "text",
                     own && u->text[0] ? events_string(u->text, strlen(u->text)) : json_null());
}

static json_t *worst_list(const watch *w, const char *owner, int64_t now_s) {
    json_t *list = json_array();
    const watch_worst *sorted[WATCH_WORST];
    int n = 0;
    for (int i = 0; i < WATCH_WORST; i++) {
        const watch_worst *u = &w->worst[i];
        if (u->score <= 0 || u->at_s < now_s - WATCH_WORST_S) continue;
        int at = n++;
        for (; at > 0 && sorted[at - 1]->score < u->score; at--) sorted[at] = sorted[at - 1];
        sorted[at] = u;
    }
    for (int i = 0; i < n; i++) json_array_append_new(list, worst_json(sorted[i], owner));
    return list;
}

/* ---- alarms --------------------------------------------------------------------------------------------------------- */

typedef struct alarm_list {
    const watch *w;
    json_t *list;
} alarm_list;

static void put_alarm(void *context, const alarm_event *e) {
    const alarm_list *to = context;
    json_array_append_new(to->list, watch_alarm_json(to->w, e));
}

static json_t *alarms_json(const watch *w) {
    json_t *raised = json_array(), *recent = json_array();
    alarm_counts n;
    alarm_count(w->alarms, &n);
    alarm_each(w->alarms, put_alarm, &(alarm_list){w, raised});
    for (size_t k = 0; k < WATCH_EVENTS && k < w->n_events; k++) /* newest first */
        json_array_append_new(recent, watch_alarm_json(w, &w->event[(w->n_events - 1 - k) % WATCH_EVENTS].event));
    return json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:f}", "raised", raised, "recent", recent, "series",
                     (json_int_t)n.series, "peers", (json_int_t)n.peers, "learnt", (json_int_t)n.learnt, "refused",
                     (json_int_t)n.refused, "log_needed", n.log_needed);
}

/* ---- the answer ----------------------------------------------------------------------------------------------------- */

/* Which series come with their minutes and hours: all, none, or the host's own and one more. */
typedef struct wanted {
    bool none;
    long only; /* negative: all */
} wanted;

static bool read_wanted(call *c, wanted *out) {
    const char *minutes = call_arg(c, "minutes"), *one = call_arg(c, "series");
    char *end = NULL;
    *out = (wanted){.none = minutes && strcmp(minutes, "false") == 0, .only = one ? strtol(one, &end, 10) : -1};
    if (!one || (end != one && !*end && out->only >= 0)) return true;
    native_refuse(c->reply, c,
                  &(call_refusal){
                      .status = 400, .code = "bad_parameter", .message = "series: want the place of a series, from 0"});
    return false;
}

static bool has_minutes(const wanted *m, size_t at) {
    return !m->none && (m->only < 0 || at == 0 || at == (size_t)m->only);
}

void watch_answer(call *c) {
    const watch *w = c->service->watch;
    int64_t now_s = watch_now_s();
    wanted minutes;
    const char *owner = c->pass ? auth_owner(c->pass) : AUTH_NONE_ID;
    if (!w) {
        native_refuse(
            c->reply, c,
            &(call_refusal){.status = 404, .code = "not_found", .message = "this server does not watch itself"});
        return;
    }
    if (!read_wanted(c, &minutes)) return;
    json_t *series = json_array();
    for (size_t i = 0; i < monitor_count(w->monitor); i++)
        json_array_append_new(series, series_json(w, i, now_s, has_minutes(&minutes, i)));
    json_t *bounds = json_array();
    for (int i = 0; i < CELL_LATENCY_BINS - 1; i++) json_array_append_new(bounds, json_real(cell_latency_bound_ms[i]));
    reply_json(c->reply, 200,
               json_pack("{s:I, s:I, s:b, s:I, s:f, s:o, s:o, s:o, s:o, s:s, s:o, s:b}", "now_s", (json_int_t)now_s,
                         "since_s", (json_int_t)w->started_s, "restored", w->restored, "minutes_not_stored",
                         (json_int_t)w->unwritten, "minute_ms", w->minute_ms, "latency_bounds_ms", bounds, "series",
                         series, "alarms", alarms_json(w), "worst", worst_list(w, owner, now_s), "host", w->name,
                         "hosts", watch_fleet_json(w), "shadow", c->service->shadow != NULL));
}
