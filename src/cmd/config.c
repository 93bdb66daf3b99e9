/* config.c: see config.h. */
#include "cmd/config.h"

#include "cmd/cli.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define WHOLE(section, name, lowest, highest, help)                                                                    \
    { section, #name, CONFIG_INT, lowest, highest, NULL, offsetof(config, name), help }
#define WORDS(section, name, words, help)                                                                              \
    { section, #name, CONFIG_TEXT, 0, 0, words, offsetof(config, name), help }
#define LIVE_INT(name, field, lowest, highest, help)                                                                   \
    { "live", name, CONFIG_INT, lowest, highest, NULL, offsetof(config, live.field), help }
#define LIVE_REAL(name, field, lowest, highest, help)                                                                  \
    { "live", name, CONFIG_REAL, lowest, highest, NULL, offsetof(config, live.field), help }

const config_key config_keys[] = {
    WORDS("server", bind, NULL, "address to listen on"),
    WHOLE("server", port, 0, 65535, "port; 0: any that is free"),
    WHOLE("server", max_connections, 1, 60000, "connections open at once; more are turned away"),
    WHOLE("server", idle_timeout_s, 1, 86400, "a stream nothing comes from is closed"),
    WHOLE("server", resume_window_s, 0, 3600, "a session waits this long for a connection that broke"),
    WHOLE("server", max_ahead_ms, 100, 60000, "audio may come this far ahead of time"),
    WHOLE("server", ping_s, 1, 3600, "a silent client is pinged, and dropped when it does not answer for as long"),
    WHOLE("server", drain_s, 0, 86400, "after SIGTERM streams may go on this long"),
    WORDS("server", log_level, "error|warn|info|debug", "what is logged"),
    WORDS("engine", model, "tiny|base", "the model"),
    WORDS("engine", precision, "int8|fp32", "its arithmetic"),
    WORDS("engine", models_dir, NULL, "where the converted models are"),
    WHOLE("engine", threads, 0, 256, "compute threads; 0: one a core"),
    WHOLE("engine", max_batch, 1, 64, "utterances decoded together on a thread"),
    WHOLE("engine", max_streams, 1, 20000, "streams open at once; more are refused"),
    WHOLE("engine", max_wait_ms, 0, 1000, "a partial may wait this long for others"),
    WHOLE("engine", audio_pool_s, 0, 1000000, "seconds of audio held in all; 0: what max_streams may need"),
    WHOLE("engine", kv_pool_mb, 0, 4096, "key/value memory of a thread"),
    LIVE_INT("endpoint_ms", endpoint_ms, 100, 5000, "a pause this long ends an utterance"),
    LIVE_INT("unfinished_ms", unfinished_ms, 0, 5000, "more of it when the text looks unfinished"),
    LIVE_REAL("max_utterance_s", max_utterance_s, 2, 30, "longer utterances are cut at their best pause"),
    LIVE_INT("partial_ms", partial_ms, 0, 5000, "time between partials; 0: none"),
    LIVE_INT("lead_ms", lead_ms, 0, 1000, "sound kept before speech"),
    LIVE_REAL("vad_threshold", threshold, 0, 1, "speech starts at this probability"),
    LIVE_REAL("vad_neg_threshold", neg_threshold, 0, 1, "and goes on down to this one"),
    LIVE_INT("min_speech_ms", min_speech_ms, 0, 1000, "shorter bursts are dropped"),
    {0},
};

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
                  .threads = engine.shards,
                  .max_batch = engine.max_batch,
                  .max_streams = 128,
                  .max_wait_ms = engine.max_wait_ms,
                  .audio_pool_s = engine.audio_pool_s,
                  .kv_pool_mb = engine.kv_pool_mb};
    put_text(c->bind, "127.0.0.1");
    put_text(c->log_level, "info");
    put_text(c->model, "tiny");
    put_text(c->precision, "int8");
    steno_live_options_init(&c->live);
}

static bool one_of(const char *value, const char *words) {
    size_t n = strlen(value);
    for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|') {
        if (n == strcspn(at, "|") && strncmp(at, value, n) == 0) return true;
    }
    return false;
}

static steno_err set_text(char *to, const config_key *key, const char *value) {
    if (key->words && !one_of(value, key->words)) {
        char spaced[64];
        size_t n = 0;
        for (const char *w = key->words; *w && n < sizeof spaced - 5; w++)
            n += (size_t)snprintf(spaced + n, sizeof spaced - n, *w == '|' ? ", " : "%c", *w);
        return err_fail(STENO_E_INVALID, "%s cannot be '%.60s': want one of %s", key->name, value, spaced);
    }
    if (value[0] == 0 || strlen(value) >= CONFIG_TEXT_BYTES)
        return err_fail(STENO_E_INVALID, "%s: want 1 to %d bytes of text", key->name, CONFIG_TEXT_BYTES - 1);
    put_text(to, value);
    return STENO_OK;
}

steno_err config_set(config *c, const config_key *key, const char *value) {
    char *at = (char *)c + key->offset;
    bool real = key->kind == CONFIG_REAL;
    int whole;
    float number;
    if (key->kind == CONFIG_TEXT) return set_text(at, key, value);
    if (real ? !cli_float(value, key->lowest, key->highest, &number)
             : !cli_int(value, (int)key->lowest, (int)key->highest, &whole))
        return err_fail(STENO_E_INVALID, "%s cannot be '%.60s': want a%s number from %g to %g", key->name, value,
                        real ? "" : " whole", key->lowest, key->highest);
    if (real)
        memcpy(at, &number, sizeof number);
    else
        memcpy(at, &whole, sizeof whole);
    return STENO_OK;
}

void config_get(const config *c, const config_key *key, char out[CONFIG_TEXT_BYTES]) {
    const char *at = (const char *)c + key->offset;
    if (key->kind == CONFIG_TEXT) {
        put_text(out, at);
        return;
    }
    int whole;
    float number;
    memcpy(&whole, at, sizeof whole);
    memcpy(&number, at, sizeof number);
    if (key->kind == CONFIG_REAL)
        snprintf(out, CONFIG_TEXT_BYTES, "%g", (double)number);
    else
        snprintf(out, CONFIG_TEXT_BYTES, "%d", whole);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

typedef struct reading {
    config *c;
    FILE *in;
    int line, wrong_line; /* wrong_line: of `why` */
    bool given[CONFIG_MAX_KEYS];
    char why[ERR_DETAIL_BYTES]; /* of the first mistake; "" so far */
} reading;

static const config_key *find_key(const char *section, const char *name) {
    for (const config_key *key = config_keys; key->name; key++) {
        if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) return key;
    }
    return NULL;
}

/* One line of the file; inih wants 0 for a mistake and remembers the line of the first. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
    reading *r = user;
    const config_key *key = find_key(section, name);
    if (r->why[0]) return 0;
    r->wrong_line = r->line;
    if (!key) {
        snprintf(r->why, sizeof r->why,
                 section[0] ? "no key '%.60s' in section [%.60s]" : "key '%.60s' before any section", name, section);
        return 0;
    }
    if (r->given[key - config_keys]) {
        snprintf(r->why, sizeof r->why, "%s is given twice", name);
        return 0;
    }
    r->given[key - config_keys] = true;
    if (config_set(r->c, key, value) == STENO_OK) return 1;
    snprintf(r->why, sizeof r->why, "%s", steno_error_detail());
    return 0;
}

/* fgets() that counts, because inih tells nobody where it is. */
static char *next_line(char *out, int bytes, void *user) {
    reading *r = user;
    r->line++;
    return fgets(out, bytes, r->in);
}

steno_err config_read(config *c, const char *file) {
    reading r = {.c = c, .in = fopen(file, "re")};
    if (!r.in) return err_fail(STENO_E_NOT_FOUND, "%s: %s", file, strerror(errno));
    int line = ini_parse_stream(next_line, &r, on_value, &r);
    bool broken = ferror(r.in) != 0;
    fclose(r.in);
    if (broken) return err_fail(STENO_E_IO, "%s: cannot be read", file);
    if (line < 0) return err_fail(STENO_E_NOMEM, "%s: no memory to read it", file);
    if (line == 0) return STENO_OK;
    return err_fail(STENO_E_INVALID, "%s:%d: %s", file, line,
                    r.why[0] && r.wrong_line == line ? r.why : "not 'key = value'");
}

steno_err config_check(const config *c) {
    return steno_live_options_check(&c->live);
}
