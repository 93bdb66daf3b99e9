/* serve_parts.c: see serve_parts.h. */
#include "cmd/serve_parts.h"

#include "base/log.h"
#include "privacy/find.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define COMPUTE_NICE       5 /* the network thread gets a core when it wants one: pings are answered and audio is taken */
#define RECORDING_CHANNELS 8  /* of a recording */
#define RECORDINGS_MAX     64 /* of requests and jobs, running or waiting */

/* ---- engines ---------------------------------------------------------------------------------------------------- */

/* Where the number was left to us, a model of voices that is not installed means none. */
static steno_err open_with_speakers(const config *c, steno_engine_config *e, steno_model *model, steno_engine **out) {
    bool chosen = c->speaker_streams_max >= 0;
    e->max_speaker_streams = chosen ? c->speaker_streams_max : c->max_streams;
    steno_err rc = steno_engine_open(model, e, out);
    if (chosen || rc != STENO_E_NOT_FOUND) return rc;
    log_line(LOG_LEVEL_WARN, "%s", steno_error_detail());
    e->max_speaker_streams = 0;
    return steno_engine_open(model, e, out);
}

double serve_resident_bytes(void) {
    long pages = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in) return 0;
    if (fscanf(in, "%ld %ld", &pages, &resident) != 2)
        resident = 0; /* NOLINT(cert-err34-c): two numbers of the kernel's */
    fclose(in);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

steno_err serve_open_engine(const config *c, steno_model **model, steno_engine **engine, int *speaker_streams,
                            double *weights_bytes) {
    steno_model_options m = {
        .name = c->model, .precision = c->precision, .dir = c->models_dir[0] ? c->models_dir : NULL};
    steno_engine_config e;
    steno_engine_config_init(&e);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    e.shards = c->threads ? c->threads : cores < 1 ? 1 : (int)cores;
    e.max_batch = c->max_batch;
    e.max_streams = c->max_streams + (c->decoders + c->at_once) * RECORDING_CHANNELS;
    e.max_live = c->max_streams;
    e.max_wait_ms = c->max_wait_ms;
    e.audio_pool_s = c->audio_pool_s;
    e.kv_pool_mb = c->kv_pool_mb;
    e.nice = COMPUTE_NICE;
    *engine = NULL;
    double before = serve_resident_bytes();
    ERR_TRY(steno_model_open(&m, model));
    *weights_bytes = serve_resident_bytes() - before;
    steno_err rc = open_with_speakers(c, &e, *model, engine);
    *speaker_streams = e.max_speaker_streams;
    if (rc != STENO_OK) {
        steno_model_close(*model);
        *model = NULL;
    }
    if (rc == STENO_OK && e.max_speaker_streams)
        log_line(LOG_LEVEL_INFO, "speakers are told apart in up to %d streams", e.max_speaker_streams);
    return rc;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static int usable_keys(const keys_table *t, int64_t now_s) {
    int n = 0;
    for (size_t i = 0; t && i < t->n; i++) {
        const keys_record *k = &t->records[i];
        n += !k->revoked_s && (!k->expires_s || k->expires_s > now_s);
    }
    return n;
}

static void choose_bind(const config *c, serve_parts *parts) {
    auth_binding b = auth_bind(c->bind, parts->n_keys, c->allow_anonymous);
    snprintf(parts->bind, sizeof parts->bind, "%s", b.bind);
    parts->loopback = b.loopback;
    if (b.warning[0]) log_line(LOG_LEVEL_WARN, "%s", b.warning);
}

static bool has_database(const char *dir) {
    char path[CONFIG_TEXT_BYTES + 16];
    snprintf(path, sizeof path, "%s/" DB_FILE, dir);
    return access(path, F_OK) == 0;
}

/* *out NULL: there is none, and there need not be. */
static steno_err open_database(const config *c, char dir[CONFIG_TEXT_BYTES], db **out) {
    bool named = c->data_dir[0] != 0;
    dir[0] = 0;
    steno_err e = config_data_dir(c, dir);
    if (e == STENO_OK && !named) e = db_make_parents(dir);
    if (e == STENO_OK) e = db_open(dir, out);
    if (e == STENO_OK) {
        log_line(LOG_LEVEL_INFO, "keys and jobs are in %s", dir);
        return STENO_OK;
    }
    *out = NULL;
    if (named || has_database(dir)) return e;
    log_line(LOG_LEVEL_WARN, "no jobs and no keys: %s", steno_error_detail());
    return STENO_OK;
}

static steno_err load_keys(db *d, serve_parts *parts) {
    int64_t now_s = (int64_t)time(NULL);
    ERR_TRY(keys_load(d, keys_day_of(now_s), &parts->keys));
    parts->n_keys = usable_keys(parts->keys, now_s);
    return STENO_OK;
}

/* Voices that cannot be read harm nobody who names none: the service tries again once a second. */
static void load_voices(db *d, const config *c, serve_parts *parts) {
    config_voice_key_file(c, parts->dir, parts->voice_key_file);
    if (voices_load(d, parts->voice_key_file, &parts->voices) == STENO_OK) return;
    log_line(LOG_LEVEL_ERROR, "voices: nobody can be recognised by name: %s", steno_error_detail());
}

steno_err serve_open_store(const config *c, serve_parts *parts) {
    db *d;
    parts->n_keys = -1;
    ERR_TRY(open_database(c, parts->dir, &d));
    if (d) {
        steno_err e = load_keys(d, parts);
        if (e != STENO_OK) {
            db_close(d);
            return e;
        }
        load_voices(d, c, parts);
        ERR_TRY(worker_open(d, &parts->store));
    }
    choose_bind(c, parts);
    return STENO_OK;
}

steno_err serve_open_privacy(const config *c, privacy **out) {
    privacy_options o = {.rules_path = c->redact_rules[0] ? c->redact_rules : NULL, .no_names = !c->redact_names};
    return privacy_open(&o, out);
}

void serve_give_store(serve_parts *parts) {
    parts->privacy = NULL;
    parts->store = NULL;
    parts->keys = NULL;
    parts->voices = NULL;
}

void serve_close_parts(serve_parts *parts) {
    keys_table_free(parts->keys);
    voices_table_free(parts->voices);
    worker_close(parts->store);
    privacy_close(parts->privacy);
    if (parts->media) media_host_stop(parts->media);
    *parts = (serve_parts){0};
}

/* ---- the service ------------------------------------------------------------------------------------------------ */

static net_config net_config_of(const config *c, const serve_parts *parts) {
    return (net_config){.bind = parts->bind,
                        .port = c->port,
                        .max_connections = c->max_connections,
                        .ping_s = c->ping_s,
                        .body_bytes_max = (uint64_t)c->body_max_mb << 20,
                        .body_idle_s = c->body_idle_s,
                        .tls_certificate = c->tls_certificate[0] ? c->tls_certificate : NULL,
                        .tls_key = c->tls_key[0] ? c->tls_key : NULL};
}

service_config serve_service_config(const config *c, const serve_parts *parts) {
    media_limits limits;
    media_limits_init(&limits);
    limits.max_channels = RECORDING_CHANNELS;
    limits.max_audio_s = c->max_audio_h * 3600.0;
    gate_policy policy;
    if (config_policy(c, &policy) != STENO_OK) policy.mode = REDACT_MASK; /* config_load() has checked it */
    return (service_config){.net = net_config_of(c, parts),
                            .idle_timeout_s = c->idle_timeout_s,
                            .resume_window_s = c->resume_window_s,
                            .drain_s = c->drain_s,
                            .max_ahead_ms = c->max_ahead_ms,
                            .live = c->live,
                            .media = parts->media,
                            .media_limits = limits,
                            .decoders = c->decoders,
                            .recordings_max = RECORDINGS_MAX,
                            .store = parts->store,
                            .data_dir = parts->dir,
                            .jobs = {.optional = !c->data_dir[0],
                                     .keep_audio = c->keep_audio,
                                     .at_once = c->at_once,
                                     .retention_h = c->retention_h,
                                     .max_queued = c->max_queued,
                                     .spool_max_mb = c->spool_max_mb,
                                     .body_bytes_max = (uint64_t)c->body_max_mb << 20,
                                     .webhook_timeout_s = c->webhook_timeout_s,
                                     .webhook_attempts = c->webhook_attempts,
                                     .webhook_retry_ms = c->webhook_retry_ms,
                                     .webhook_networks = c->webhook_networks,
                                     .webhook_ca_file = c->webhook_ca_file},
                            .keys = parts->keys,
                            .voices = parts->voices,
                            .privacy = parts->privacy,
                            .policy = policy,
                            .speakers = {.key_file = parts->voice_key_file, .voices_max = c->voices_max},
                            .watch = {.on = c->watch,
                                      .metrics_public = c->metrics_public,
                                      .key_labels = c->key_labels,
                                      .texts = c->worst_texts,
                                      .series_max = c->series_max,
                                      .retain_days = c->retain_days,
                                      .webhook_url = c->webhook_url,
                                      .secret_file = c->webhook_secret_file,
                                      .name = c->fleet_name,
                                      .fleet = c->fleet,
                                      .fleet_key_file = c->fleet_key_file,
                                      .fleet_ca_file = c->fleet_ca_file},
                            .trace = {.url = c->otlp_url,
                                      .headers_file = c->otlp_headers_file,
                                      .ca_file = c->webhook_ca_file,
                                      .percent = c->trace_percent},
                            .shadow = {.percent = c->shadow_percent,
                                       .floor_percent = c->shadow_floor_percent,
                                       .streams = c->shadow_streams,
                                       .buffer_s = c->shadow_buffer_s,
                                       .retain_days = c->shadow_retain_days,
                                       .texts = c->shadow_texts,
                                       .seed = c->shadow_seed},
                            .auth = {.allowed_origins = c->allowed_origins,
                                     .allow_anonymous = c->allow_anonymous,
                                     .loopback = parts->loopback}};
}
