/* config.h: the configuration of `steno serve`: one table of keys for the file, the options and the manual.
 *
 * Owner: whoever reads it; a value type. Order of strength: option, file, built-in default. docs/configuration.md
 * explains each key; tests/unit/cmd/test_config.c checks that it names all of them.
 */
#ifndef STENO_CMD_CONFIG_H
#define STENO_CMD_CONFIG_H

#include "base/err.h"

#define CONFIG_TEXT_BYTES 256 /* of a value that is text */
#define CONFIG_MAX_KEYS   40

typedef struct config {
    /* [server] */
    char bind[CONFIG_TEXT_BYTES];
    int port, max_connections, idle_timeout_s, resume_window_s, max_ahead_ms, ping_s, drain_s;
    char log_level[CONFIG_TEXT_BYTES];
    /* [engine] */
    char model[CONFIG_TEXT_BYTES], precision[CONFIG_TEXT_BYTES], models_dir[CONFIG_TEXT_BYTES];
    int threads, max_batch, max_streams, max_wait_ms, audio_pool_s, kv_pool_mb;
    /* [live] */
    steno_live_options live;
} config;

typedef enum config_kind { CONFIG_INT, CONFIG_REAL, CONFIG_TEXT } config_kind;

typedef struct config_key {
    const char *section, *name;
    config_kind kind;
    double lowest, highest;
    const char *words; /* of a text: what it may be, "a|b"; NULL: anything that is not empty */
    size_t offset;
    const char *help;
} config_key;

/* The table; ends with a NULL name. Names are unique across sections. */
extern const config_key config_keys[];

void config_init(config *c);

/* STENO_E_INVALID: "want …"; the caller says where. */
STENO_CHECK steno_err config_set(config *c, const config_key *key, const char *value);
void config_get(const config *c, const config_key *key, char out[CONFIG_TEXT_BYTES]);

/* Reads a file over what is there. Errors begin "FILE:LINE: ". `set` marks the keys that were given. */
STENO_CHECK steno_err config_read(config *c, const char *file);

/* What only shows once all is read. */
STENO_CHECK steno_err config_check(const config *c);

#endif
