/* shadow_json.c: GET /v1/shadow, and what the store keeps: see shadow.h and docs/openapi.yaml, where each member is described. Owner: the
 * network thread.
 */
#include "api/events.h"
#include "api/service_int.h"
#include "api/shadow_int.h"

#include <string.h>

/* null where nothing is known. */
static json_t *known(double x) {
    return x >= 0 ? json_real(x) : json_null();
}

static json_t *ratio(double y, double w) {
    return w > 0 ? json_real(y / w) : json_null();
}

static json_t *whole(double n) {
    return json_integer((json_int_t)n);
}

static void put(json_t *o, const char *name, json_t *value) {
    json_object_set_new(o, name, value);
}

/* ---- who listens ------------------------------------------------------------------------------------------------------ */

static json_t *quality_json(shadow *s, shadow_side side) {
    monitor_cell c;
    json_t *o = json_object();
    monitor_sum(s->monitor, s->series[side], MONITOR_DAY, shadow_now_s(), &c);
    put(o, "utterances", json_integer((json_int_t)c.utterances));
    put(o, "empty_rate", ratio((double)c.empty, (double)c.utterances));
    put(o, "looped_rate", ratio((double)c.looped, (double)c.utterances));
    put(o, "repeated_rate", ratio(c.tokens_repeated, c.tokens));
    put(o, "compression", ratio(c.compression_sum, (double)c.texts));
    put(o, "confidence", ratio(c.confidence_sum, (double)c.texts));
    put(o, "characters_per_s", ratio(c.characters, c.speech_s));
    put(o, "words_per_s", ratio(c.words, c.speech_s));
    put(o, "latency_p50_ms", known(monitor_latency_ms(&c, 0.50)));
    put(o, "latency_p99_ms", known(monitor_latency_ms(&c, 0.99)));
    return o;
}

static void get_stats(shadow *s, shadow_side side, steno_engine_stats *out, bool *known_stats) {
    *known_stats = side == SHADOW_A || s->has_stats;
    if (side == SHADOW_A)
        steno_engine_get_stats(s->service->slots->engine, out);
    else if (s->has_stats)
        *out = s->stats.of[side];
}

/* Time computing by time heard: the users' engine's, of all it hears; the others', of their copies. */
static json_t *cost_json(const shadow *s, shadow_side side, const steno_engine_stats *e) {
    double busy_s = 0; /* by stage: the whole is told by the second, and not at all while nobody speaks */
    for (int i = 0; i < STENO_STAGES; i++) busy_s += e->stage_s[i];
    return side == SHADOW_A ? ratio(busy_s, e->audio_s) : ratio(s->use[side].cpu_s, s->use[side].heard_s);
}

static json_t *side_json(shadow *s, shadow_side side) {
    steno_engine_stats e = {0};
    bool has;
    if (!s->about.name[side][0]) return json_null();
    get_stats(s, side, &e, &has);
    json_t *o = json_pack("{s:s, s:s}", "model", s->about.name[side], "precision", s->about.precision[side]);
    json_t *faults = json_object();
    for (int k = 0; k < SHADOW_FAULTS; k++)
        put(faults, shadow_fault_name((shadow_fault)k), whole(s->counts.fault[side][k]));
    double weights = s->about.weights_bytes[side];
    put(o, "weights_bytes", weights > 0 ? json_real(weights) : json_null());
    put(o, "arena_bytes", has ? json_real((double)e.arena_bytes) : json_null());
    put(o, "arena_peak_bytes", has ? json_real((double)e.arena_peak_bytes) : json_null());
    put(o, "heard_s", side == SHADOW_A ? json_real(e.audio_s) : json_real(s->use[side].heard_s));
    put(o, "cpu_per_audio_s", cost_json(s, side, &e));
    put(o, "faults", faults);
    put(o, "quality", quality_json(s, side));
    return o;
}

/* ---- what was counted -------------------------------------------------------------------------------------------------- */

static json_t *rate_json(const shadow_rate *r, const shadow_sum *s) {
    json_t *kinds = json_object(), *o = json_object();
    for (int k = 0; k < SHADOW_KINDS; k++) put(kinds, shadow_kind_name((shadow_kind)k), whole(s->all.kind[k]));
    put(o, "rate", known(r->rate));
    put(o, "low", known(r->low));
    put(o, "high", known(r->high));
    put(o, "streams", whole(s->streams));
    put(o, "pairs", whole(s->pairs));
    put(o, "pairs_different", whole(s->different));
    put(o, "words", whole(s->all.words));
    put(o, "edits", whole(s->all.edits));
    put(o, "substitutions", whole(s->all.substitutions));
    put(o, "deletions", whole(s->all.deletions));
    put(o, "insertions", whole(s->all.insertions));
    put(o, "kinds", kinds);
    return o;
}

static json_t *verdict_json(const shadow *s, const shadow_verdict *v) {
    json_t *list = json_array();
    for (int k = 0; k < SHADOW_MEASURES; k++) {
        const shadow_evidence *e = &s->counts.by[k];
        json_array_append_new(list, json_pack("{s:s, s:b, s:i, s:f, s:f, s:f}", "name",
                                              shadow_measure_name((shadow_measure)k), "used", v->used[k], "streams",
                                              (int)e->n, "for_b", e->for_b, "log_better", v->log_by[k][0], "log_worse",
                                              v->log_by[k][1]));
    }
    return json_pack("{s:s, s:b, s:f, s:f, s:f, s:o}", "is", shadow_verdict_name(v->is), "differs", v->differs,
                     "log_better", v->log_better, "log_worse", v->log_worse, "log_needed", v->log_needed, "measures",
                     list);
}

static json_t *dropped_json(const shadow *s) {
    json_t *o = json_object();
    for (int k = 0; k < SHADOW_REASONS; k++)
        put(o, shadow_reason_name((shadow_reason)k),
            json_pack("{s:i, s:f}", "streams", (int)s->dropped_streams[k], "audio_s", s->dropped_s[k]));
    return o;
}

static const char *state_of(const shadow *s) {
    if (s->why[0]) return "failed";
    if (!s->setup) return "off";
    return s->loaded ? "yielding" : "listening";
}

json_t *shadow_summary(shadow *s) {
    shadow_verdict v;
    json_t *o = json_object();
    shadow_look(s, &v);
    put(o, "state", json_string(state_of(s)));
    put(o, "why", s->why[0] ? events_string(s->why, strlen(s->why)) : json_null());
    put(o, "run", json_string(s->run));
    put(o, "since_s", json_integer((json_int_t)s->since_s));
    put(o, "now_s", json_integer((json_int_t)shadow_now_s()));
    put(o, "percent", json_integer(s->config.percent));
    put(o, "floor_percent", json_integer(s->config.floor_percent));
    for (int k = 0; k < SHADOW_SIDES; k++) put(o, shadow_side_name((shadow_side)k), side_json(s, (shadow_side)k));
    put(o, "verdict", verdict_json(s, &v));
    put(o, "difference", rate_json(&v.difference, &s->counts.with[SHADOW_B]));
    put(o, "floor", rate_json(&v.floor, &s->counts.with[SHADOW_AGAIN]));
    put(o, "copied", json_pack("{s:i, s:f}", "streams", (int)s->copied_streams, "audio_s", s->copied_s));
    put(o, "dropped", dropped_json(s));
    put(o, "pairs_lost", whole(s->pairs_lost));
    return o;
}

/* ---- minutes and samples ----------------------------------------------------------------------------------------------- */

static json_t *by_side(const double of[SHADOW_SIDES]) {
    json_t *o = json_object();
    for (int k = 0; k < SHADOW_SIDES; k++) put(o, shadow_side_name((shadow_side)k), known(of[k]));
    return o;
}

static json_t *bounds(const shadow_rate *r) {
    json_t *o = json_object();
    put(o, "rate", known(r->rate));
    put(o, "low", known(r->low));
    put(o, "high", known(r->high));
    return o;
}

json_t *shadow_minute_json(const shadow_minute *m) {
    json_t *o = json_object();
    put(o, "start_s", json_integer((json_int_t)m->start_s));
    put(o, "words", by_side(m->words));
    put(o, "edits", by_side(m->edits));
    put(o, "latency_p50_ms", by_side(m->latency_p50_ms));
    put(o, "latency_p99_ms", by_side(m->latency_p99_ms));
    put(o, "difference", bounds(&m->difference));
    put(o, "floor", bounds(&m->floor));
    put(o, "log_better", json_real(m->log_better));
    put(o, "log_worse", json_real(m->log_worse));
    put(o, "streams", whole(m->streams));
    put(o, "copied_s", json_real(m->copied_s));
    put(o, "dropped_s", json_real(m->dropped_s));
    return o;
}

static json_t *text_json(const char *text, bool shown) {
    return shown ? events_string(text, strlen(text)) : json_null();
}

/* Its words are for the key that they were said to. */
json_t *shadow_sample_json(const shadow_sample *m, const char *owner) {
    bool shown = (!owner || strcmp(m->owner, owner) == 0) && (m->a[0] || m->b[0]);
    json_t *o = json_object();
    put(o, "at_s", json_integer((json_int_t)m->at_s));
    put(o, "live", json_boolean(m->live));
    put(o, "score", json_real(m->score));
    put(o, "duration_s", json_real(m->duration_s));
    put(o, "words", whole(m->words));
    put(o, "edits", whole(m->edits));
    put(o, "confidence_a", json_real(m->confidence_a));
    put(o, "confidence_b", json_real(m->confidence_b));
    put(o, "a", text_json(m->a, shown));
    put(o, "b", text_json(m->b, shown));
    if (!owner) put(o, "owner", json_string(m->owner));
    return o;
}

static json_t *minutes_list(const shadow *s) {
    json_t *list = json_array();
    size_t first = s->n_minutes > SHADOW_MINUTES ? s->n_minutes - SHADOW_MINUTES : 0;
    for (size_t i = first; i < s->n_minutes; i++)
        json_array_append_new(list, shadow_minute_json(&s->minute[i % SHADOW_MINUTES]));
    return list;
}

static json_t *samples_list(const shadow *s, const char *owner) {
    const shadow_sample *sorted[SHADOW_SAMPLES];
    json_t *list = json_array();
    int64_t oldest_s = shadow_now_s() - (int64_t)s->config.retain_days * 86400;
    int n = 0;
    for (int i = 0; i < SHADOW_SAMPLES; i++) {
        const shadow_sample *m = &s->sample[i];
        if (m->score <= 0 || m->at_s < oldest_s) continue;
        int at = n++;
        for (; at > 0 && sorted[at - 1]->score < m->score; at--) sorted[at] = sorted[at - 1];
        sorted[at] = m;
    }
    for (int i = 0; i < n; i++) json_array_append_new(list, shadow_sample_json(sorted[i], owner));
    return list;
}

/* ---- the answer ------------------------------------------------------------------------------------------------------- */

void shadow_answer(call *c) {
    shadow *s = c->service->shadow;
    const char *owner = c->pass ? auth_owner(c->pass) : AUTH_NONE_ID;
    if (!s) {
        native_refuse(c->reply, c,
                      &(call_refusal){.status = 404, .code = "not_found", .message = "no model listens in the shadow"});
        return;
    }
    json_t *o = shadow_summary(s);
    put(o, "minutes", minutes_list(s));
    put(o, "samples", samples_list(s, owner));
    reply_json(c->reply, 200, o);
}

/* ---- /metrics --------------------------------------------------------------------------------------------------------- */

static void put_reasons(expo *e, const char *name, const char *help, const double of[SHADOW_REASONS]) {
    expo_family(e, name, EXPO_COUNTER, help);
    for (int k = 0; k < SHADOW_REASONS; k++)
        expo_sample(e, EXPO_LABELS({"reason", shadow_reason_name((shadow_reason)k)}), of[k] > 0 ? of[k] : 0);
}

static void put_against(expo *e, const shadow *s, const char *name, const char *help, size_t offset) {
    expo_family(e, name, EXPO_COUNTER, help);
    for (int k = SHADOW_B; k < SHADOW_SIDES; k++) {
        double value;
        memcpy(&value, (const char *)&s->counts.with[k] + offset, sizeof value);
        expo_sample(e, EXPO_LABELS({"against", shadow_side_name((shadow_side)k)}), value);
    }
}

static void put_sides(expo *e, const shadow *s, bool cpu, const char *name, const char *help) {
    expo_family(e, name, EXPO_COUNTER, help);
    for (int k = SHADOW_B; k < SHADOW_SIDES; k++)
        expo_sample(e, EXPO_LABELS({"side", shadow_side_name((shadow_side)k)}),
                    cpu ? s->use[k].cpu_s : s->use[k].heard_s);
}

static void put_faults(expo *e, const shadow *s) {
    expo_family(e, "steno_shadow_faults_total", EXPO_COUNTER, "Pairs in which a side did what is hardly ever right.");
    for (int k = 0; k < SHADOW_SIDES; k++) {
        for (int f = 0; f < SHADOW_FAULTS; f++)
            expo_sample(
                e,
                EXPO_LABELS({"side", shadow_side_name((shadow_side)k)}, {"fault", shadow_fault_name((shadow_fault)f)}),
                s->counts.fault[k][f]);
    }
}

static void put_verdict(expo *e, shadow *s) {
    shadow_verdict v;
    shadow_look(s, &v);
    expo_family(e, "steno_shadow_log_evidence", EXPO_GAUGE,
                "Log e-value that the model in the shadow is better, worse.");
    expo_sample(e, EXPO_LABELS({"for", "better"}), v.log_better);
    expo_sample(e, EXPO_LABELS({"for", "worse"}), v.log_worse);
    expo_one(e, "steno_shadow_verdict", EXPO_GAUGE, "1: better, -1: worse, 0: not yet known.",
             v.is == SHADOW_BETTER  ? 1
             : v.is == SHADOW_WORSE ? -1
                                    : 0);
}

void shadow_write(expo *e, shadow *s) {
    if (!s) return;
    expo_one(e, "steno_shadow_listening", EXPO_GAUGE, "1: copies are made, unless the users' engine is busy.",
             s->setup != NULL);
    expo_one(e, "steno_shadow_yielding", EXPO_GAUGE, "1: the users' engine is busy, nothing is copied.", s->loaded);
    expo_one(e, "steno_shadow_streams_total", EXPO_COUNTER, "Streams that were copied.", s->copied_streams);
    expo_one(e, "steno_shadow_copied_seconds_total", EXPO_COUNTER, "Audio of them that was copied.",
             s->copied_s > 0 ? s->copied_s : 0);
    put_reasons(e, "steno_shadow_dropped_seconds_total", "Audio of chosen streams that was not heard.", s->dropped_s);
    put_reasons(e, "steno_shadow_dropped_streams_total", "How often a copy ended early, or did not begin.",
                s->dropped_streams);
    put_against(e, s, "steno_shadow_pairs_total", "Stretches of speech that were compared with the users'.",
                offsetof(shadow_sum, pairs));
    put_against(e, s, "steno_shadow_words_total", "The users' words in them.", offsetof(shadow_sum, all.words));
    put_against(e, s, "steno_shadow_edits_total", "Words that differ.", offsetof(shadow_sum, all.edits));
    put_sides(e, s, false, "steno_shadow_heard_seconds_total", "Audio heard in the shadow, of copies that have ended.");
    put_sides(e, s, true, "steno_shadow_cpu_seconds_total", "Time computing for it.");
    put_faults(e, s);
    put_verdict(e, s);
}
