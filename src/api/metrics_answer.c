/* metrics_answer.c: GET /metrics: who may ask, and the service's part of the answer. See metrics.h. Owner: the network thread. */
#include "api/jobs_int.h"
#include "api/metrics.h"
#include "api/watch.h"
#include "api/wire_int.h"
#include "api/watch_fleet.h"
#include "watch/quality_text.h"

#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- who may ask ------------------------------------------------------------------------------------------------ */

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::ffff:127.", 11) == 0;
}

/* A name of this machine that no page elsewhere can be called by. */
static bool is_own_name(const char *host) {
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return (n == 9 && strncasecmp(host, "localhost", n) == 0) || strncmp(host, "127.", 4) == 0 ||
           (n == 5 && strncmp(host, "[::1]", n) == 0);
}

/* What a proxy adds: whoever is behind it is not this machine. Browsers say where they come from. */
static bool came_by_others(const net_request *r) {
    static const char *const names[] = {"x-forwarded-for", "forwarded", "x-real-ip", "via", "sec-fetch-site"};
    char value[8];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (net_header(r, names[i], value, sizeof value)) return true;
    }
    return r->origin[0] != 0;
}

bool metrics_open_to(const service *v, const net_request *r) {
    if (v->config.watch.metrics_public) return true;
    return is_loopback(r->peer) && is_own_name(r->host) && !came_by_others(r);
}

/* ---- tables of counters ----------------------------------------------------------------------------------------- */

static const char *const dialects[METRICS_DIALECTS] = {"native", "openai",  "deepgram", "vosk",
                                                       "funasr", "wyoming", "state",    "page"};
static const char *const ends[METRICS_ENDS] = {"done", "failed", "cancelled"};
static const char *const ranks[2] = {"request", "job"};

const char *metrics_dialect_name(metrics_dialect d) {
    return dialects[d];
}

/* "wyoming" has no requests, "page" no streams. */
static bool has_streams(int d) {
    return d < METRICS_STATE;
}

static void put_requests(expo *e, const metrics *m) {
    expo_family(e, "steno_requests_total", EXPO_COUNTER,
                "HTTP requests answered and WebSockets asked for, by protocol and outcome.");
    for (int d = 0; d < METRICS_DIALECTS; d++) {
        for (int o = 0; o < METRICS_OUTCOMES && d != METRICS_WYOMING; o++)
            expo_sample(e, EXPO_LABELS({"dialect", dialects[d]}, {"outcome", metrics_outcome_names[o]}),
                        (double)m->requests[d][o]);
    }
    expo_family(e, "steno_request_seconds", EXPO_HISTOGRAM,
                "From the head of an HTTP request to the end of its answer.");
    for (int d = 0; d < METRICS_DIALECTS; d++) {
        if (histogram_count(&m->request_s[d]))
            expo_histogram(e, EXPO_LABELS({"dialect", dialects[d]}), &m->request_s[d]);
    }
}

static void put_streams(expo *e, const service *v) {
    const metrics *m = &v->metrics;
    uint64_t open[METRICS_DIALECTS] = {0};
    for (const session *s = v->first; s; s = s->next) open[METRICS_NATIVE] += !s->voice.over;
    for (const wire *w = v->wires; w; w = w->next)
        open[metrics_dialect_by_name(w->kind->name)] += (uint64_t)w->n_voices;
    expo_family(e, "steno_streams", EXPO_GAUGE, "Live streams, also those that have not sent audio yet.");
    for (int d = 0; has_streams(d); d++) expo_sample(e, EXPO_LABELS({"dialect", dialects[d]}), (double)open[d]);
    expo_family(e, "steno_streams_started_total", EXPO_COUNTER, "Live streams that sent audio.");
    for (int d = 0; has_streams(d); d++)
        expo_sample(e, EXPO_LABELS({"dialect", dialects[d]}), (double)m->streams_opened[d]);
    expo_family(e, "steno_streams_total", EXPO_COUNTER,
                "Live streams that sent audio and are over, by how they ended.");
    for (int d = 0; has_streams(d); d++) {
        for (int o = 0; o < METRICS_ENDS; o++)
            expo_sample(e, EXPO_LABELS({"dialect", dialects[d]}, {"outcome", ends[o]}), (double)m->streams_ended[d][o]);
    }
}

static void put_latencies(expo *e, const metrics *m) {
    expo_family(e, "steno_first_text_seconds", EXPO_HISTOGRAM,
                "From the beginning of speech to the first words of it, handed on.");
    expo_histogram(e, NULL, &m->first_text_s);
    expo_family(e, "steno_partial_lag_seconds", EXPO_HISTOGRAM,
                "From when a partial's audio had come in to when it was handed on.");
    expo_histogram(e, NULL, &m->partial_lag_s);
    expo_family(e, "steno_final_seconds", EXPO_HISTOGRAM,
                "From when an utterance was known to be over to when its final was handed on.");
    expo_histogram(e, NULL, &m->final_s);
    expo_family(e, "steno_final_after_speech_seconds", EXPO_HISTOGRAM,
                "From the end of speech, the pause included, to when the final was handed on.");
    expo_histogram(e, NULL, &m->final_after_speech_s);
}

/* Why something was not taken. */
static void put_refusals(expo *e, const service *v) {
    net_counts n;
    auth_counts a;
    net_get_counts(v->net, &n);
    auth_get_counts(v->auth, &a);
    expo_family(e, "steno_refusals_total", EXPO_COUNTER, "What was not taken, by who refused it and why.");
    for (int i = 0; i < REFUSED_KINDS; i++)
        expo_sample(e, EXPO_LABELS({"by", "streams"}, {"reason", status_refusal_name((refusal)i)}),
                    (double)v->refused[i]);
    for (int i = AUTH_OK + 1; i < AUTH_WHYS; i++)
        expo_sample(e, EXPO_LABELS({"by", "keys"}, {"reason", auth_code((auth_why)i)}), (double)a.refused[i]);
    expo_sample(e, EXPO_LABELS({"by", "network"}, {"reason", "connections"}), (double)n.refused);
    if (v->jobs) expo_sample(e, EXPO_LABELS({"by", "jobs"}, {"reason", "full"}), (double)v->jobs->refused);
}

static void put_sessions(expo *e, const service *v) {
    uint64_t coalesced = v->coalesced, unsent = 0, stalled = 0;
    for (const session *s = v->first; s; s = s->next) {
        coalesced += s->out.coalesced;
        unsent += s->out.n_unsent;
        stalled += s->voice.stalled;
    }
    expo_family(e, "steno_sessions_total", EXPO_COUNTER, "Native sessions, by what happened to them.");
    expo_sample(e, EXPO_LABELS({"event", "opened"}), (double)v->opened);
    expo_sample(e, EXPO_LABELS({"event", "resumed"}), (double)v->resumed);
    expo_sample(e, EXPO_LABELS({"event", "expired"}), (double)v->expired);
    expo_sample(e, EXPO_LABELS({"event", "slow_reader"}), (double)v->slow_readers);
    expo_sample(e, EXPO_LABELS({"event", "idle"}), (double)v->idle_closed);
    expo_one(e, "steno_bad_messages_total", EXPO_COUNTER, "Messages of live clients that made no sense.",
             (double)v->bad_messages);
    expo_one(e, "steno_partials_coalesced_total", EXPO_COUNTER, "Partials overtaken before a slow client read them.",
             (double)coalesced);
    expo_one(e, "steno_streams_stalled", EXPO_GAUGE,
             "Native streams not read from: the engine is full, or they run ahead.", (double)stalled);
    expo_one(e, "steno_events_unsent", EXPO_GAUGE, "Events that wait for native clients to read them.", (double)unsent);
}

static void put_network(expo *e, const service *v) {
    net_counts n;
    net_get_counts(v->net, &n);
    expo_one(e, "steno_connections", EXPO_GAUGE, "Connections, of any kind.", n.connections);
    expo_one(e, "steno_websockets", EXPO_GAUGE, "Of them, WebSockets.", n.websockets);
    expo_one(e, "steno_connections_total", EXPO_COUNTER, "Connections accepted.", (double)n.accepted);
    expo_family(e, "steno_network_bytes_total", EXPO_COUNTER, "Bytes of bodies and messages.");
    expo_sample(e, EXPO_LABELS({"direction", "received"}), (double)n.received_bytes);
    expo_sample(e, EXPO_LABELS({"direction", "sent"}), (double)n.sent_bytes);
    expo_one(e, "steno_pings_missed_total", EXPO_COUNTER, "WebSockets dropped because they did not answer.",
             (double)n.pings_missed);
}

/* ---- recordings, jobs, webhooks --------------------------------------------------------------------------------- */

static void put_recordings(expo *e, const service *v) {
    const metrics *m = &v->metrics;
    expo_one(e, "steno_recordings_open", EXPO_GAUGE, "Recordings that run or wait.", v->n_recordings);
    expo_family(e, "steno_recordings_total", EXPO_COUNTER,
                "Recordings that are over, by who asked and how they ended.");
    for (int r = 0; r < 2; r++) {
        for (int o = 0; o < METRICS_ENDS; o++)
            expo_sample(e, EXPO_LABELS({"kind", ranks[r]}, {"outcome", ends[o]}), (double)m->recordings[r][o]);
    }
    expo_family(e, "steno_recording_audio_seconds_total", EXPO_COUNTER, "Length of recordings that are over.");
    for (int r = 0; r < 2; r++) expo_sample(e, EXPO_LABELS({"kind", ranks[r]}), m->recording_audio_s[r]);
    expo_family(e, "steno_recording_rtf_ratio", EXPO_HISTOGRAM, "Time a recording took, of its length.");
    for (int r = 0; r < 2; r++) expo_histogram(e, EXPO_LABELS({"kind", ranks[r]}), &m->recording_rtf[r]);
}

static void put_webhooks(expo *e, const jobs *j) {
    webhooks_counts w;
    webhooks_get_counts(j->webhooks, &w);
    expo_one(e, "steno_webhooks_open", EXPO_GAUGE, "Webhooks under way.", w.under_way);
    expo_family(e, "steno_webhooks_total", EXPO_COUNTER, "Webhooks, by what became of an attempt or of all of them.");
    expo_sample(e, EXPO_LABELS({"outcome", "delivered"}), (double)w.delivered);
    expo_sample(e, EXPO_LABELS({"outcome", "failed_attempt"}), (double)w.failed_attempts);
    expo_sample(e, EXPO_LABELS({"outcome", "given_up"}), (double)w.given_up);
}

static void put_jobs(expo *e, const jobs *j) {
    if (!j) return;
    expo_family(e, "steno_jobs", EXPO_GAUGE, "Jobs that wait or run.");
    expo_sample(e, EXPO_LABELS({"state", "queued"}), (double)j->totals.queued);
    expo_sample(e, EXPO_LABELS({"state", "running"}), j->n_running);
    expo_family(e, "steno_jobs_total", EXPO_COUNTER, "Jobs accepted, and what became of them.");
    expo_sample(e, EXPO_LABELS({"outcome", "accepted"}), (double)j->accepted);
    expo_sample(e, EXPO_LABELS({"outcome", "done"}), (double)j->done);
    expo_sample(e, EXPO_LABELS({"outcome", "failed"}), (double)j->failed);
    expo_sample(e, EXPO_LABELS({"outcome", "cancelled"}), (double)j->cancelled);
    expo_one(e, "steno_jobs_spool_bytes", EXPO_GAUGE, "Audio of jobs on the disk.",
             (double)(j->totals.spool_bytes + j->transfer_bytes));
    put_webhooks(e, j);
}

/* ---- the gate --------------------------------------------------------------------------------------------------- */

static void put_gate(expo *e, const service *v) {
    metrics_gates c = v->metrics.gates;
    for (const session *s = v->first; s; s = s->next) metrics_gate_add(&c, s->voice.gate);
    for (const wire *w = v->wires; w; w = w->next) {
        for (int i = 0; i < w->n_voices; i++) metrics_gate_add(&c, w->voices[i]->voice.gate);
    }
    for (const wire_voice *s = v->dead_voices; s; s = s->next_dead) metrics_gate_add(&c, s->voice.gate);
    recordings_add_gates(v, &c);
    expo_one(e, "steno_gate_segments_total", EXPO_COUNTER, "Finals that passed the privacy gate.", (double)c.segments);
    expo_family(e, "steno_gate_entities_total", EXPO_COUNTER, "Personal data found, by kind.");
    for (int i = 0; i < ENTITY_TYPES; i++)
        expo_sample(e, EXPO_LABELS({"type", entity_name((entity_type)i)}), (double)c.entities[i]);
    expo_one(e, "steno_gate_held_total", EXPO_COUNTER, "Finals that waited for the next utterance.", (double)c.held);
    expo_one(e, "steno_gate_held_seconds_total", EXPO_COUNTER, "How long, together.", (double)c.held_ms / 1000);
    expo_one(e, "steno_gate_forced_out_total", EXPO_COUNTER, "Of them, those whose time was over.",
             (double)c.forced_out);
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static void put_build(expo *e, const service *v) {
    expo_family(e, "steno_build_info", EXPO_GAUGE, "1: which program this is.");
    expo_sample(e, EXPO_LABELS({"version", STENO_VERSION}), 1);
    expo_family(e, "steno_model_info", EXPO_GAUGE, "1: the model that new streams get.");
    expo_sample(
        e,
        EXPO_LABELS({"model", steno_model_name(v->slots->model)}, {"language", steno_model_language(v->slots->model)}),
        1);
    double up_s = (double)(net_now_ms() - v->started_ms) / 1000;
    expo_one(e, "process_start_time_seconds", EXPO_GAUGE, "When the server began, since 1970.",
             (double)time(NULL) - up_s);
    expo_one(e, "steno_draining", EXPO_GAUGE, "1: no new streams are taken, the end is near.", v->draining);
    expo_one(e, "steno_reloads_total", EXPO_COUNTER, "Configurations read again.", (double)v->reloads);
}

static void put_engines(expo *e, const service *v) {
    steno_engine_stats sum = v->metrics.closed, s;
    for (const engine_slot *slot = v->slots; slot; slot = slot->next) {
        steno_engine_get_stats(slot->engine, &s);
        metrics_engine_add(&sum, &s);
    }
    metrics_put_engine(e, &sum);
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct rule_counts {
    const alarm_rule *first;
    uint32_t raised[ALARM_RULES_MAX];
} rule_counts;

static void count_alarm(void *context, const alarm_event *event) {
    rule_counts *counts = context;
    counts->raised[event->rule - counts->first]++;
}

static void put_alarms(expo *e, const alarm_set *alarms) {
    rule_counts counts = {0};
    size_t n = alarm_rules(&counts.first);
    alarm_each(alarms, count_alarm, &counts);
    expo_family(e, "steno_alarms", EXPO_GAUGE, "Series for which this built-in alarm is raised now.");
    for (size_t i = 0; i < n; i++) {
        const alarm_rule *rule = &counts.first[i];
        expo_label of[] = {{"alarm", rule->name}, {"severity", alarm_severity_name(rule->severity)}, {0}};
        expo_sample(e, of, counts.raised[i]);
    }
}

static void put_all(expo *e, service *v) {
    put_build(e, v);
    put_requests(e, &v->metrics);
    put_streams(e, v);
    put_latencies(e, &v->metrics);
    put_refusals(e, v);
    put_sessions(e, v);
    put_network(e, v);
    put_recordings(e, v);
    put_jobs(e, v->jobs);
    put_gate(e, v);
    put_engines(e, v);
    if (v->watch) {
        put_alarms(e, watch_alarms(v->watch));
        quality_write(e, watch_monitor(v->watch));
        watch_fleet_write(e, v->watch);
    }
    tracer_metrics(e, v->tracer);
    shadow_write(e, v->shadow);
    metrics_put_process(e);
    expo_one(e, "steno_scrape_seconds", EXPO_GAUGE, "How long the last answer like this one took to write.",
             v->metrics.scrape_s);
}

void metrics_answer(call *c) {
    expo e;
    size_t bytes;
    double began_s = now_s();
    expo_init(&e);
    put_all(&e, c->service);
    int lost = e.families_lost;
    char *text = expo_take(&e, &bytes);
    c->service->metrics.scrape_s = now_s() - began_s;
    if (!text || lost) log_line(LOG_LEVEL_WARN, "/metrics: %d families found no room", lost);
    *c->reply = (net_reply){.status = text ? 200 : 503,
                            .type = EXPO_TYPE,
                            .headers = "cache-control: no-store\r\nx-content-type-options: nosniff\r\n",
                            .body = text ? text : "",
                            .bytes = bytes,
                            .owned = text};
}
