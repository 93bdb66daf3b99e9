/* config.h: the configuration of steno: one table of keys for file, environment, options and every manual.
 *
 * Owner: whoever reads it; a value type. Order of strength: option, environment, file, built-in default. The table in
 * config_keys.c is the only place where a key is described; `steno config reference` makes the manuals of it.
 */
#ifndef STENO_CMD_CONFIG_H
#define STENO_CMD_CONFIG_H

#include "base/err.h"
#include "privacy/policy.h"

#define CONFIG_TEXT_BYTES     1024 /* of a value that is text */
#define CONFIG_KEY_FILE_BYTES (CONFIG_TEXT_BYTES + 32)
#define CONFIG_MAX_KEYS       96
#define CONFIG_NAME_BYTES     64 /* of an option's or a variable's name */
#define CONFIG_MISTAKE_BYTES  (ERR_DETAIL_BYTES + CONFIG_TEXT_BYTES)

typedef struct config {
    /* [server] */
    char bind[CONFIG_TEXT_BYTES], tls_certificate[CONFIG_TEXT_BYTES], tls_key[CONFIG_TEXT_BYTES];
    char data_dir[CONFIG_TEXT_BYTES], allowed_origins[CONFIG_TEXT_BYTES], wyoming_bind[CONFIG_TEXT_BYTES];
    char log_level[CONFIG_TEXT_BYTES], log_format[CONFIG_TEXT_BYTES];
    int port, max_connections, idle_timeout_s, resume_window_s, max_ahead_ms, ping_s, drain_s;
    int body_max_mb, body_idle_s, wyoming_port;
    bool allow_anonymous;
    /* [engine] */
    char model[CONFIG_TEXT_BYTES], precision[CONFIG_TEXT_BYTES], models_dir[CONFIG_TEXT_BYTES];
    int threads, max_batch, max_streams, speaker_streams_max, max_wait_ms, audio_pool_s, kv_pool_mb;
    /* [live] */
    steno_live_options live;
    /* [jobs] */
    int at_once, max_queued, spool_max_mb, retention_h, webhook_timeout_s, webhook_attempts, webhook_retry_ms;
    bool keep_audio;
    char webhook_networks[CONFIG_TEXT_BYTES], webhook_ca_file[CONFIG_TEXT_BYTES];
    /* [media] */
    int decoders, max_audio_h;
    /* [speakers] */
    char voice_key_file[CONFIG_TEXT_BYTES];
    int voices_max;
    /* [privacy] */
    char redact[CONFIG_TEXT_BYTES], redact_types[CONFIG_TEXT_BYTES], redact_rules[CONFIG_TEXT_BYTES];
    bool redact_force, redact_names, itn;
    int redact_hold_ms;
    /* [watch] */
    bool metrics_public;
    bool watch, key_labels, worst_texts;
    int series_max, retain_days;
    char webhook_url[CONFIG_TEXT_BYTES], webhook_secret_file[CONFIG_TEXT_BYTES];
    char fleet[CONFIG_TEXT_BYTES], fleet_name[CONFIG_TEXT_BYTES];
    char fleet_key_file[CONFIG_TEXT_BYTES], fleet_ca_file[CONFIG_TEXT_BYTES];
    char otlp_url[CONFIG_TEXT_BYTES], otlp_headers_file[CONFIG_TEXT_BYTES];
    float trace_percent;
    /* [shadow] */
    char shadow_model[CONFIG_TEXT_BYTES], shadow_precision[CONFIG_TEXT_BYTES], shadow_referee[CONFIG_TEXT_BYTES];
    int shadow_percent, shadow_floor_percent, shadow_streams, shadow_threads, shadow_buffer_s, shadow_retain_days;
    int shadow_seed;
    bool shadow_texts;
} config;

/* PATH and LIST may be empty; items of a list stand between commas. A field of kind BOOL is a bool, of INT an int, of
 * REAL a float, of the others text. */
typedef enum config_kind { CONFIG_INT, CONFIG_REAL, CONFIG_BOOL, CONFIG_TEXT, CONFIG_PATH, CONFIG_LIST } config_kind;

typedef struct config_key {
    const char *section, *name;
    config_kind kind;
    bool fixed; /* a change waits for a restart */
    double lowest, highest;
    const char *words;  /* of a text: what it may be, "a|b"; NULL: anything */
    const char *values; /* what the manuals say it may be; NULL: made of the above */
    size_t offset;
    const char *help; /* a line */
    const char *more; /* sentences that only the manuals have; NULL: none */
} config_key;

/* The table; ends with a NULL name. Names of options are unique: keys of [shadow], which have names of other sections' keys, have the
 * section in front of them there. */
extern const config_key config_keys[];

/* A section's title in the manuals. */
const char *config_section_title(const char *section);

void config_init(config *c);

/* STENO_E_INVALID: "NAME cannot be …: want …"; the caller says where. */
STENO_CHECK steno_err config_set(config *c, const config_key *key, const char *value);
void config_get(const config *c, const config_key *key, char out[CONFIG_TEXT_BYTES]);
const config_key *config_find(const char *section, const char *name);

/* "max-ahead-ms" and "STENO_SERVER_MAX_AHEAD_MS". */
void config_option_name(const config_key *key, char out[CONFIG_NAME_BYTES]);
void config_variable_name(const config_key *key, char out[CONFIG_NAME_BYTES]);

/* ---- from everywhere: config_load.c -------------------------------------------------------------------------------- */

typedef enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION } config_source;

typedef struct config_inputs {
    const char *file;                    /* NULL: none */
    const char *option[CONFIG_MAX_KEYS]; /* by the index of their key; NULL: not given */
    const char *const *environment;      /* "NAME=value" …, NULL; itself NULL: not looked at */
} config_inputs;

typedef struct config_origin {
    config_source source;
    int line; /* of a file */
} config_origin;

/* Who hears of mistakes and warnings, in the order of their places: "FILE:3: port cannot be …". */
typedef struct config_report {
    void (*say)(void *ctx, bool warning, const char *text);
    void *ctx;
    int mistakes, warnings;
} config_report;

/* Defaults, file, environment, options, then what only shows once all is read. Every mistake is told; STENO_E_INVALID when
 * there was any, STENO_E_NOT_FOUND or STENO_E_IO when the file cannot be read, with the first as detail. `origin`
 * [CONFIG_MAX_KEYS] and `report` may be NULL. */
STENO_CHECK steno_err config_load(const config_inputs *in, config *c, config_origin *origin, config_report *report);

/* The first fixed key in which the two differ, from `after` on (NULL: from the beginning); NULL: no more. */
const config_key *config_fixed_change(const config *old, const config *now, const config_key *after);

/* [privacy] as a policy. STENO_E_INVALID names the key. */
STENO_CHECK steno_err config_policy(const config *c, gate_policy *out);

/* Where keys and jobs are kept: data_dir, else $STATE_DIRECTORY (systemd), else $XDG_DATA_HOME/steno, else
 * ~/.local/share/steno. STENO_E_NOT_FOUND when none of them is known. Creates nothing. */
STENO_CHECK steno_err config_data_dir(const config *c, char out[CONFIG_TEXT_BYTES]);

/* The key of voices: voice_key_file, else the file of that purpose in the data folder `dir`. */
void config_voice_key_file(const config *c, const char *dir, char out[CONFIG_KEY_FILE_BYTES]);

/* The next item of a list, without spaces around it, into out; false at the end. Begins with *at == list. */
bool config_list_next(const char **at, char out[CONFIG_TEXT_BYTES]);

#endif
