/* config.c: see config.h. */
#include "cmd/config.h"

#include "cmd/cli.h"
#include "store/voice_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_text(char to[CONFIG_TEXT_BYTES], const char *from) {
    snprintf(to, CONFIG_TEXT_BYTES, "%s", from);
}

void config_init(config *c) {
    steno_engine_config engine;
    steno_engine_config_init(&engine);
    *c = (config){.port = 8080,
                  .max_connections = 1024,
                  .idle_timeout_s = 60,
                  .resume_window_s = 30,
                  .max_ahead_ms = 2000,
                  .ping_s = 20,
                  .drain_s = 30,
                  .body_max_mb = 512,
                  .body_idle_s = 30,
                  .wyoming_port = -1,
                  .threads = engine.shards,
                  .max_batch = engine.max_batch,
                  .max_streams = 128,
                  .speaker_streams_max = -1,
                  .max_wait_ms = engine.max_wait_ms,
                  .audio_pool_s = engine.audio_pool_s,
                  .kv_pool_mb = engine.kv_pool_mb,
                  .at_once = 2,
                  .max_queued = 10000,
                  .spool_max_mb = 10240,
                  .retention_h = 168,
                  .webhook_timeout_s = 10,
                  .webhook_attempts = 8,
                  .webhook_retry_ms = 5000,
                  .decoders = 4,
                  .max_audio_h = 12,
                  .voices_max = 1000,
                  .redact_names = true,
                  .redact_hold_ms = POLICY_HOLD_DEFAULT_MS,
                  .watch = true,
                  .worst_texts = true,
                  .series_max = 32,
                  .retain_days = 30,
                  .shadow_percent = 10,
                  .shadow_floor_percent = 20,
                  .shadow_streams = 8,
                  .shadow_threads = 1,
                  .shadow_buffer_s = 120,
                  .shadow_retain_days = 30,
                  .shadow_seed = 1,
                  .shadow_texts = true};
    put_text(c->bind, "127.0.0.1");
    put_text(c->wyoming_bind, "127.0.0.1");
    put_text(c->log_level, "info");
    put_text(c->log_format, "text");
    put_text(c->model, "tiny");
    put_text(c->precision, "int8");
    put_text(c->redact, "off");
    put_text(c->redact_types, "default");
    put_text(c->shadow_model, "off");
    put_text(c->shadow_precision, "int8");
    put_text(c->shadow_referee, "off");
    steno_live_options_init(&c->live);
}

static bool one_of(const char *value, const char *words) {
    size_t n = strlen(value);
    for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|') {
        if (n == strcspn(at, "|") && strncmp(at, value, n) == 0) return true;
    }
    return false;
}

/* "a|b" as "a, b". */
static void spaced_words(const char *words, char out[64]) {
    size_t n = 0;
    out[0] = 0;
    for (const char *w = words; *w && n < 60; w++) n += (size_t)snprintf(out + n, 64 - n, *w == '|' ? ", " : "%c", *w);
}

static steno_err set_text(char *to, const config_key *key, const char *value) {
    bool may_be_empty = key->kind == CONFIG_PATH || key->kind == CONFIG_LIST;
    if (key->words && !one_of(value, key->words)) {
        char words[64];
        spaced_words(key->words, words);
        return err_fail(STENO_E_INVALID, "%s cannot be '%.60s': want one of %s", key->name, value, words);
    }
    if ((value[0] == 0 && !may_be_empty) || strlen(value) >= CONFIG_TEXT_BYTES)
        return err_fail(STENO_E_INVALID, "%s: want %d to %d bytes of text", key->name, !may_be_empty,
                        CONFIG_TEXT_BYTES - 1);
    put_text(to, value);
    return STENO_OK;
}

static steno_err set_bool(bool *to, const config_key *key, const char *value) {
    *to = one_of(value, "yes|true|on|1");
    if (*to || one_of(value, "no|false|off|0")) return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s cannot be '%.60s': want yes or no", key->name, value);
}

static steno_err set_number(char *at, const config_key *key, const char *value) {
    bool real = key->kind == CONFIG_REAL;
    int whole;
    float number;
    if (real ? !cli_float(value, key->lowest, key->highest, &number)
             : !cli_int(value, (int)key->lowest, (int)key->highest, &whole))
        return err_fail(STENO_E_INVALID, "%s cannot be '%.60s': want a%s number from %.10g to %.10g", key->name, value,
                        real ? "" : " whole", key->lowest, key->highest);
    if (real)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &whole, sizeof whole);
    return STENO_OK;
}

steno_err config_set(config *c, const config_key *key, const char *value) {
    char *at = (char *)c + key->offset;
    bool yes = false;
    switch (key->kind) {
    case CONFIG_INT:
    case CONFIG_REAL:
        return set_number(at, key, value);
    case CONFIG_BOOL:
        ERR_TRY(set_bool(&yes, key, value));
        memcpy(at, &yes, sizeof yes);
        return STENO_OK;
    default:
        return set_text(at, key, value);
    }
}

void config_get(const config *c, const config_key *key, char out[CONFIG_TEXT_BYTES]) {
    const char *at = (const char *)c + key->offset;
    int whole;
    float number;
    bool yes;
    switch (key->kind) {
    case CONFIG_INT:
        memcpy(&whole, at, sizeof whole);
        snprintf(out, CONFIG_TEXT_BYTES, "%d", whole);
        break;
    case CONFIG_REAL:
        memcpy(&number, at, sizeof number);
        snprintf(out, CONFIG_TEXT_BYTES, "%g", (double)number);
        break;
    case CONFIG_BOOL:
        memcpy(&yes, at, sizeof yes);
        put_text(out, yes ? "yes" : "no");
        break;
    default:
        put_text(out, at);
    }
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

const config_key *config_find(const char *section, const char *name) {
    for (const config_key *key = config_keys; key->name; key++) {
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) return key;
    }
    return NULL;
}

void config_option_name(const config_key *key, char out[CONFIG_NAME_BYTES]) {
    bool again = strcmp(key->section, "shadow") == 0;
    snprintf(out, CONFIG_NAME_BYTES, "%s%s", again ? "shadow-" : "", key->name);
    for (char *c = out; *c; c++) {
        if (*c == '_') *c = '-';
    }
}

void config_variable_name(const config_key *key, char out[CONFIG_NAME_BYTES]) {
    snprintf(out, CONFIG_NAME_BYTES, "STENO_%s_%s", key->section, key->name);
    for (char *c = out; *c; c++) {
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    }
}

/* ---- what is made of values ------------------------------------------------------------------------------------- */

const config_key *config_fixed_change(const config *old, const config *now, const config_key *after) {
    for (const config_key *key = after ? after + 1 : config_keys; key->name; key++) {
        char before[CONFIG_TEXT_BYTES], then[CONFIG_TEXT_BYTES];
        if (!key->fixed) continue;
        config_get(old, key, before);
        config_get(now, key, then);
        if (strcmp(before, then) != 0) return key;
    }
    return NULL;
}

steno_err config_data_dir(const config *c, char out[CONFIG_TEXT_BYTES]) {
    const char *state = getenv("STATE_DIRECTORY"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n;
    if (c->data_dir[0])
        n = snprintf(out, CONFIG_TEXT_BYTES, "%s", c->data_dir);
    else if (state && state[0] == '/')
        n = snprintf(out, CONFIG_TEXT_BYTES, "%.*s", (int)strcspn(state, ":"), state);
    else if (data && data[0] == '/')
        n = snprintf(out, CONFIG_TEXT_BYTES, "%s/steno", data);
    else if (home && home[0] == '/')
        n = snprintf(out, CONFIG_TEXT_BYTES, "%s/.local/share/steno", home);
    else
        return err_fail(STENO_E_NOT_FOUND, "data_dir is not set, and there is no home directory");
    if (n < CONFIG_TEXT_BYTES) return STENO_OK;
    return err_fail(STENO_E_LIMIT, "data_dir: the folder's name is longer than %d bytes", CONFIG_TEXT_BYTES - 1);
}

void config_voice_key_file(const config *c, const char *dir, char out[CONFIG_KEY_FILE_BYTES]) {
    if (c->voice_key_file[0])
        snprintf(out, CONFIG_KEY_FILE_BYTES, "%s", c->voice_key_file);
    else
        snprintf(out, CONFIG_KEY_FILE_BYTES, "%s/" VOICE_KEY_FILE, dir);
}

steno_err config_policy(const config *c, gate_policy *out) {
    policy_init(out);
    ERR_TRY(policy_parse_mode(c->redact, strlen(c->redact), &out->mode));
    out->forced = c->redact_force;
    out->itn = c->itn;
    out->hold_ms = c->redact_hold_ms;
    if (entity_parse_set(c->redact_types, strlen(c->redact_types), &out->types) == STENO_OK) return STENO_OK;
    char why[ERR_DETAIL_BYTES];
    snprintf(why, sizeof why, "%s", steno_error_detail());
    return err_fail(STENO_E_INVALID, "redact_types: %s", why);
}

bool config_list_next(const char **at, char out[CONFIG_TEXT_BYTES]) {
    *at += strspn(*at, ", \t");
    size_t n = strcspn(*at, ",");
    if (n == 0) return false;
    const char *item = *at;
    *at += n;
    while (n > 0 && (item[n - 1] == ' ' || item[n - 1] == '\t')) n--;
    snprintf(out, CONFIG_TEXT_BYTES, "%.*s", (int)n, item);
    return true;
}
