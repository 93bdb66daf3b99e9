/* jobs_json.c: jobs as JSON, and what clients may ask of one. Pure. See jobs_int.h. */
#include "api/events.h"
#include "api/jobs_int.h"
#include "api/webhook.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- out ---------------------------------------------------------------------------------------------------------- */

static json_t *text(const char *t) {
    return events_string(t, strlen(t));
}

/* "2026-01-31T12:00:00.123Z"; null when it has not happened. */
static json_t *moment(int64_t ms) {
    char out[40];
    struct tm utc;
    time_t s = (time_t)(ms / 1000);
    if (ms == 0 || !gmtime_r(&s, &utc)) return json_null();
    size_t n = strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, sizeof out - n, ".%03dZ", (int)(ms % 1000 + 1000) % 1000);
    return json_string(out);
}

static void put_progress(json_t *o, const job *j, const running *r) {
    double done = j->state == JOB_DONE ? 1 : r ? r->fraction : 0;
    json_object_set_new(o, "progress", json_real(done > 1 ? 1 : done));
    json_object_set_new(o, "audio_s", json_real(r ? r->audio_s : j->audio_s));
    json_object_set_new(o, "wall_s", json_real(j->wall_s));
    json_object_set_new(o, "attempts", json_integer(j->attempts));
}

static void put_webhook(json_t *o, const job *j, const delivery_view *v) {
    static const char *const states[] = {"pending", "sending", "delivered", "given_up"};
    if (!j->webhook_url[0]) return;
    json_t *w = json_object();
    json_object_set_new(w, "url", text(j->webhook_url));
    if (v) {
        json_object_set_new(w, "id", text(v->id));
        json_object_set_new(w, "state", json_string(states[v->state & 3]));
        json_object_set_new(w, "attempts", json_integer(v->attempts));
        if (v->status) json_object_set_new(w, "status", json_integer(v->status));
        if (v->error[0]) json_object_set_new(w, "error", text(v->error));
    }
    json_object_set_new(o, "webhook", w);
}

json_t *jobs_json(const job *j, const delivery_view *view, const running *r) {
    json_t *o = json_object();
    if (!o) return NULL;
    json_object_set_new(o, "id", text(j->id));
    json_object_set_new(o, "state", json_string(job_state_name(j->state)));
    json_object_set_new(o, "file_name", text(j->file_name));
    json_object_set_new(o, "bytes", json_integer(j->bytes));
    json_object_set_new(o, "language", text(j->language));
    json_object_set_new(o, "words", json_boolean(j->words));
    json_object_set_new(o, "channels", json_string(j->split ? "split" : "mix"));
    json_object_set_new(o, "diarize", json_boolean(j->diarize));
    if (j->min_speakers) json_object_set_new(o, "min_speakers", json_integer(j->min_speakers));
    if (j->max_speakers) json_object_set_new(o, "max_speakers", json_integer(j->max_speakers));
    if (j->voices[0]) json_object_set_new(o, "voices", text(j->voices));
    gate_policy policy;
    jobs_policy(j, &policy);
    redaction_put(o, &policy);
    json_object_set_new(o, "created", moment(j->created_ms));
    json_object_set_new(o, "started", moment(j->started_ms));
    json_object_set_new(o, "ended", moment(j->ended_ms));
    put_progress(o, j, r);
    if (j->error_code[0])
        json_object_set_new(o, "error",
                            json_pack("{s:o, s:o}", "code", text(j->error_code), "message", text(j->error_text)));
    if (j->metadata[0]) json_object_set_new(o, "metadata", json_loads(j->metadata, JSON_DECODE_ANY, NULL));
    put_webhook(o, j, view);
    return o;
}

/* The body as it is signed and sent, the same in every attempt. */
static steno_err notice_body(const job *j, delivery *out) {
    char type[24];
    snprintf(type, sizeof type, "job.%s", job_state_name(j->state));
    json_t *o =
        json_pack("{s:s, s:o, s:o}", "type", type, "timestamp", moment(j->ended_ms), "data", jobs_json(j, NULL, NULL));
    char *made = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(o);
    out->body = made ? mem_strdup(made) : NULL;
    out->n = made ? strlen(made) : 0;
    free(made);
    return out->body ? STENO_OK : err_fail(STENO_E_NOMEM, "no memory for a webhook's body");
}

steno_err jobs_notice(const job *j, delivery *out, bool *wanted) {
    *out = (delivery){.kind = DELIVERY_SIGNED};
    *wanted = j->webhook_url[0] != 0;
    if (!*wanted) return STENO_OK;
    ERR_TRY(ident_make(DELIVERY_ID_PREFIX, out->id));
    snprintf(out->job, sizeof out->job, "%s", j->id);
    snprintf(out->owner, sizeof out->owner, "%s", j->owner);
    snprintf(out->trace, sizeof out->trace, "%s", j->trace);
    snprintf(out->url, sizeof out->url, "%s", j->webhook_url);
    snprintf(out->secret, sizeof out->secret, "%s", j->webhook_secret);
    snprintf(out->content_type, sizeof out->content_type, "application/json");
    return notice_body(j, out);
}

/* ---- in ----------------------------------------------------------------------------------------------------------- */

#define PUT(to, value) snprintf(to, sizeof(to), "%s", value)

static steno_err set_language(job *j, const char *value, const char *spoken) {
    if (strcmp(value, spoken) != 0)
        return err_fail(STENO_E_UNSUPPORTED, "language: the model speaks '%s' and not '%.20s'", spoken, value);
    PUT(j->language, value);
    return STENO_OK;
}

static steno_err set_bool(bool *to, const char *name, const char *value) {
    *to = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (*to || strcmp(value, "false") == 0 || strcmp(value, "0") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s: want true or false, not '%.20s'", name, value);
}

static steno_err set_count(int *to, const char *name, const char *value) {
    char *end;
    long n = strtol(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end || n < 1 || n > STENO_SPEAKERS_MAX)
        return err_fail(STENO_E_INVALID, "%s: want a whole number from 1 to %d, not '%.20s'", name, STENO_SPEAKERS_MAX,
                        value);
    *to = (int)n;
    return STENO_OK;
}

static steno_err set_voices(job *j, const char *value) {
    if (strlen(value) >= sizeof j->voices)
        return err_fail(STENO_E_LIMIT, "voices: longer than %d bytes", JOB_VOICES_BYTES - 1);
    PUT(j->voices, value);
    return STENO_OK;
}

steno_err jobs_speakers(const job *j, steno_speakers_options *out) {
    steno_speakers_options_init(out);
    if (j->diarize) out->contract = STENO_SPEAKERS_REVISE;
    out->turns = j->diarize;
    out->min_speakers = j->min_speakers;
    if (j->max_speakers)
        out->max_speakers = j->max_speakers;
    else if (out->max_speakers < j->min_speakers)
        out->max_speakers = j->min_speakers;
    return steno_speakers_options_check(out);
}

steno_err jobs_options_check(const job *j) {
    steno_speakers_options o;
    if (!j->diarize && (j->min_speakers || j->max_speakers || j->voices[0]))
        return err_fail(STENO_E_INVALID, "min_speakers, max_speakers and voices mean nothing without diarize");
    return jobs_speakers(j, &o);
}

void jobs_keep_policy(job *j, const gate_policy *p) {
    PUT(j->redact, policy_mode_name(p->mode));
    entity_print_set(p->types, j->redact_types, sizeof j->redact_types);
    j->redact_hold_ms = p->hold_ms;
    j->itn = p->itn;
}

void jobs_policy(const job *j, gate_policy *out) {
    const char *mode = j->redact[0] ? j->redact : "off";
    policy_init(out);
    out->hold_ms = j->redact_hold_ms;
    out->itn = j->itn;
    if (policy_parse_mode(mode, strlen(mode), &out->mode) != STENO_OK) out->mode = REDACT_MASK;
    if (!j->redact_types[0]) return;
    if (entity_parse_set(j->redact_types, strlen(j->redact_types), &out->types) != STENO_OK)
        out->types = entity_all_set;
}

static steno_err set_channels(job *j, const char *value) {
    j->split = strcmp(value, "split") == 0;
    if (j->split || strcmp(value, "mix") == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "channels: want mix or split, not '%.20s'", value);
}

static steno_err set_metadata(job *j, const char *value) {
    if (strlen(value) >= sizeof j->metadata)
        return err_fail(STENO_E_LIMIT, "metadata: longer than %d bytes", JOB_METADATA_BYTES - 1);
    json_error_t why;
    json_t *o = json_loads(value, JSON_REJECT_DUPLICATES, &why);
    if (!json_is_object(o)) {
        json_decref(o);
        return err_fail(STENO_E_INVALID, "metadata: want a JSON object");
    }
    json_decref(o);
    PUT(j->metadata, value);
    return STENO_OK;
}

static steno_err set_file_name(job *j, const char *value) {
    if (!value[0] || strlen(value) >= sizeof j->file_name)
        return err_fail(STENO_E_INVALID, "file_name: want 1 to %zu bytes", sizeof j->file_name - 1);
    PUT(j->file_name, value);
    return STENO_OK;
}

static steno_err set_idempotency(job *j, const char *value) {
    size_t n = strlen(value);
    for (size_t i = 0; i < n; i++) {
        if (value[i] <= ' ' || value[i] > '~')
            return err_fail(STENO_E_INVALID, "idempotency_key: want visible ASCII characters");
    }
    if (n == 0 || n >= sizeof j->idempotency)
        return err_fail(STENO_E_INVALID, "idempotency_key: want 1 to %d characters", JOB_IDEMPOTENCY_BYTES - 1);
    PUT(j->idempotency, value);
    return STENO_OK;
}

steno_err jobs_option(job *j, const char *name, const char *value, const char *language) {
    if (strcmp(name, "language") == 0) return set_language(j, value, language);
    if (strcmp(name, "words") == 0) return set_bool(&j->words, name, value);
    if (strcmp(name, "diarize") == 0) return set_bool(&j->diarize, name, value);
    if (strcmp(name, "min_speakers") == 0) return set_count(&j->min_speakers, name, value);
    if (strcmp(name, "max_speakers") == 0) return set_count(&j->max_speakers, name, value);
    if (strcmp(name, "voices") == 0) return set_voices(j, value);
    if (strcmp(name, "channels") == 0) return set_channels(j, value);
    if (strcmp(name, "metadata") == 0) return set_metadata(j, value);
    if (strcmp(name, "file_name") == 0) return set_file_name(j, value);
    if (strcmp(name, "idempotency_key") == 0) return set_idempotency(j, value);
    if (strcmp(name, "webhook") == 0) {
        ERR_TRY(webhook_url_check(value));
        PUT(j->webhook_url, value);
        return STENO_OK;
    }
    if (strcmp(name, "webhook_secret") == 0) {
        ERR_TRY(webhook_secret_check(value));
        PUT(j->webhook_secret, value);
        return STENO_OK;
    }
    return err_fail(STENO_E_INVALID,
                    "no option '%.40s': want language, words, channels, diarize, min_speakers, max_speakers, voices, "
                    "redact, redact_types, redact_hold_ms, itn, webhook, webhook_secret, metadata, file_name or"
                    " idempotency_key",
                    name);
}
