/* cmd_key.c: `steno key`: API keys made, listed, revoked. A running server notices within a second or two.
 *
 * Owner: the main thread. See docs/man/steno-key.1 and docs/security.md. A key's text goes to standard output once and
 * nowhere else.
 */
#include "api/auth_origin.h"
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "cmd/data_place.h"
#include "privacy/policy.h"
#include "store/keys.h"

#include <jansson.h>
#include <openssl/crypto.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CREATE_TRIES    5 /* ids are drawn: one may be there already */
#define EXPIRY_DAYS_MAX 36500
#define TIME_BYTES      24

typedef struct key_options {
    const char *config, *data_dir, *expires, *name, *redact, *redact_types; /* redact NULL: not said */
    int streams, requests_per_minute, audio_minutes_per_day;
    char origins[KEYS_ORIGINS_BYTES]; /* blanks between them */
    bool json;
    bool limits; /* something that only create has */
} key_options;

static void help(void) {
    printf(
        "Usage: steno key create [--name TEXT] [--streams N] [--requests-per-minute N]\n"
        "                        [--audio-minutes-per-day N] [--origin ORIGIN]… [--expires WHEN]\n"
        "                        [--redact HOW [--redact-types LIST]] [options]\n"
        "       steno key list   [--json] [options]\n"
        "       steno key revoke ID … [options]\n\n"
        "  create    print a new key, once: only a hash of it is kept. From then on the server wants a key\n"
        "  list      keys with their limits and what they used\n"
        "  revoke    end keys; a running server ends their streams within a second or two\n\n"
        "Limits of a key (0: none):\n"
        "  --name TEXT                  what the key is for: for people\n"
        "  --streams N                  live streams at once (default 0)\n"
        "  --requests-per-minute N      requests, streams included (default 0)\n"
        "  --audio-minutes-per-day N    minutes of audio on a day of UTC (default 0)\n"
        "  --origin ORIGIN              the key is for pages of https://example.org, or '*' for all, and for nothing\n"
        "                               else; may be given more than once\n"
        "  --expires WHEN               30d, 12h, 2027-12-31, 2027-12-31T12:00:00Z or never (default never)\n"
        "  --redact HOW                 its requests never get less than this: mask, redact or tag personal data\n"
        "  --redact-types LIST          of these kinds (default: the usual ones): phone, card, person …\n\n"
        "Options:\n"
        "  --data-dir DIR     the server's data_dir (default: as the configuration says)\n"
        "  --config FILE      the server's configuration; otherwise the one STENO_CONFIG names, or none\n"
        "  --json             create, list: JSON\n"
        "  -h, --help         this text\n");
}

static int fail(const char *name) {
    cli_complain(name, steno_error_detail());
    return 1;
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

/* STENO_E_INVALID: "want …". 0 for never. */
static steno_err read_expiry(const char *text, int64_t now_s, int64_t *out) {
    struct tm day = {0};
    char unit, rest;
    int n;
    *out = 0;
    if (!text || strcmp(text, "never") == 0) return STENO_OK;
    if (sscanf(text, "%6d%c%c", &n, &unit, &rest) == 2 && (unit == 'd' || unit == 'h') && n > 0 &&
        n <= EXPIRY_DAYS_MAX) {
        *out = now_s + (int64_t)n * (unit == 'd' ? KEYS_DAY_S : 3600);
        return STENO_OK;
    }
    const char *end = strptime(text, "%Y-%m-%d", &day);
    if (end && *end == 'T') end = strptime(end, "T%H:%M:%SZ", &day);
    if (!end || *end) return err_fail(STENO_E_INVALID, "want 30d, 12h, 2027-12-31, 2027-12-31T12:00:00Z or never");
    *out = timegm(&day);
    return *out > now_s ? STENO_OK : err_fail(STENO_E_INVALID, "want a time that is still to come");
}

static int add_origin(key_options *o, const char *text) {
    char origin[AUTH_ORIGIN_BYTES] = "*";
    size_t had = strlen(o->origins);
    bool every = strcmp(text, "*") == 0;
    if (!every && !auth_origin_read(text, strlen(text), origin))
        return cli_usage("key", "--origin cannot be '%.60s': want one as browsers say it, https://example.org", text);
    if (had && (every || strcmp(o->origins, "*") == 0)) return cli_usage("key", "--origin '*' stands alone");
    if (snprintf(o->origins + had, sizeof o->origins - had, "%s%s", had ? " " : "", origin) >=
        (int)(sizeof o->origins - had))
        return cli_usage("key", "too many origins: want less than %d bytes of them", KEYS_ORIGINS_BYTES);
    return -1;
}

static int read_limit(const char *option, const char *text, int *out) {
    if (cli_int(text, 0, KEYS_LIMIT_MAX, out)) return -1;
    return cli_usage("key", "--%s cannot be '%.60s': want a whole number from 0 to %d", option, text, KEYS_LIMIT_MAX);
}

static int read_name(key_options *o, const char *text) {
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) return cli_usage("key", "--name: want text on one line");
    }
    if (strlen(text) >= KEYS_NAME_BYTES) return cli_usage("key", "--name: want at most %d bytes", KEYS_NAME_BYTES - 1);
    o->name = text;
    return -1;
}

static int read_redact(key_options *o, const char *text) {
    redact_mode mode;
    steno_err e = policy_parse_mode(text, strlen(text), &mode);
    if (e != STENO_OK || mode == REDACT_OFF)
        return cli_usage("key", "--redact cannot be '%.20s': want mask, redact or tag", text);
    o->redact = policy_mode_name(mode);
    return -1;
}

static int read_types(key_options *o, const char *text) {
    entity_set set;
    o->redact_types = text;
    if (entity_parse_set(text, strlen(text), &set) != STENO_OK || strlen(text) >= KEYS_TYPES_BYTES)
        return cli_usage("key", "--redact-types: %s", steno_error_detail());
    return -1;
}

/* -1: go on; else the exit status. */
static int take_option(key_options *o, int code, char *value) {
    o->limits = o->limits || (code != 'c' && code != 'd' && code != 'j');
    switch (code) {
    case 'c':
        o->config = value;
        return -1;
    case 'd':
        o->data_dir = value;
        return -1;
    case 'j':
        o->json = true;
        return -1;
    case 'n':
        return read_name(o, value);
    case 's':
        return read_limit("streams", value, &o->streams);
    case 'r':
        return read_limit("requests-per-minute", value, &o->requests_per_minute);
    case 'a':
        return read_limit("audio-minutes-per-day", value, &o->audio_minutes_per_day);
    case 'o':
        return add_origin(o, value);
    case 'x':
        return read_redact(o, value);
    case 't':
        return read_types(o, value);
    default:
        o->expires = value;
        return -1;
    }
}

const struct option cmd_key_options[] = {{"help", no_argument, NULL, 'h'},
                                         {"config", required_argument, NULL, 'c'},
                                         {"data-dir", required_argument, NULL, 'd'},
                                         {"json", no_argument, NULL, 'j'},
                                         {"name", required_argument, NULL, 'n'},
                                         {"streams", required_argument, NULL, 's'},
                                         {"requests-per-minute", required_argument, NULL, 'r'},
                                         {"audio-minutes-per-day", required_argument, NULL, 'a'},
                                         {"origin", required_argument, NULL, 'o'},
                                         {"expires", required_argument, NULL, 'e'},
                                         {"redact", required_argument, NULL, 'x'},
                                         {"redact-types", required_argument, NULL, 't'},
                                         {NULL, 0, NULL, 0}};

static int read_options(key_options *o, int argc, char **argv) {
    *o = (key_options){.config = data_place_config(), .name = ""};
    optind = 0; /* the tests call this more than once */
    for (int code; (code = getopt_long(argc, argv, ":h", cmd_key_options, NULL)) != -1;) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("key", code, argv);
        int status = take_option(o, code, optarg);
        if (status >= 0) return status;
    }
    return -1;
}

/* ---- the database ----------------------------------------------------------------------------------------------- */

/* `make`: a database that is not there is made. */
static steno_err open_database(const key_options *o, bool make, db **out) {
    char dir[CONFIG_TEXT_BYTES];
    *out = NULL;
    ERR_TRY(data_place_find(o->config, o->data_dir, NULL, dir));
    return data_place_open(dir, make, "key", out);
}

/* ---- create ----------------------------------------------------------------------------------------------------- */

static steno_err create_in(db *d, keys_record *r, char text[KEYS_TEXT_CHARS + 1]) {
    steno_err e = STENO_E_INVALID;
    for (int i = 0; i < CREATE_TRIES && e == STENO_E_INVALID; i++) {
        keys_text made;
        ERR_TRY(keys_make(text, &made));
        memcpy(r->id, made.id, sizeof r->id);
        memcpy(r->hash, made.hash, sizeof r->hash);
        e = keys_create(d, r);
    }
    return e;
}

static void print_new(const key_options *o, const keys_record *r, const char *text) {
    if (o->json) {
        printf("{\"id\": \"%s\", \"key\": \"%s\"}\n", r->id, text);
        return;
    }
    printf("%s\n", text);
    fflush(stdout);
    fprintf(stderr,
            "steno: key %s was made; its text was printed this once and is kept nowhere\n"
            "steno: clients send it as 'Authorization: Bearer KEY'\n",
            r->id);
}

static int create(key_options *o, int n_rest) {
    char text[KEYS_TEXT_CHARS + 1];
    int64_t now_s = time(NULL);
    keys_record r = {.streams = o->streams,
                     .requests_per_minute = o->requests_per_minute,
                     .audio_minutes_per_day = o->audio_minutes_per_day,
                     .origins = o->origins,
                     .created_s = now_s};
    db *d;
    if (n_rest) return cli_usage("key", "create takes no arguments");
    if (read_expiry(o->expires, now_s, &r.expires_s) != STENO_OK)
        return cli_usage("key", "--expires cannot be '%.60s': %s", o->expires, steno_error_detail());
    if (o->redact_types && !o->redact) return cli_usage("key", "--redact-types wants --redact");
    snprintf(r.redact, sizeof r.redact, "%s", o->redact ? o->redact : "");
    snprintf(r.redact_types, sizeof r.redact_types, "%s", o->redact_types ? o->redact_types : "");
    snprintf(r.name, sizeof r.name, "%s", o->name);
    if (open_database(o, true, &d) != STENO_OK) return fail("key");
    steno_err e = create_in(d, &r, text);
    if (e == STENO_OK) print_new(o, &r, text);
    OPENSSL_cleanse(text, sizeof text);
    db_close(d);
    return e == STENO_OK ? 0 : fail("key");
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static const char *time_text(int64_t wall_s, const char *never, char out[TIME_BYTES]) {
    time_t at = wall_s;
    struct tm utc;
    if (wall_s == 0 || !gmtime_r(&at, &utc)) return never;
    strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return out;
}

static const char *state_of(const keys_record *r, int64_t now_s) {
    if (r->revoked_s) return "revoked";
    return r->expires_s && r->expires_s <= now_s ? "expired" : "good";
}

static const char *limit_text(int limit, char out[16]) {
    if (limit == 0) return "-";
    snprintf(out, 16, "%d", limit);
    return out;
}

static void print_row(const keys_record *r, const keys_day *use, int64_t now_s) {
    char streams[16], rate[16], minutes[16], used[TIME_BYTES], expires[TIME_BYTES];
    printf("%-8s  %-7s  %7s  %7s  %7s  %7.1f  %8lld  %-20s  %-20s  %-6s  %s%s%s\n", r->id, state_of(r, now_s),
           limit_text(r->streams, streams), limit_text(r->requests_per_minute, rate),
           limit_text(r->audio_minutes_per_day, minutes), (double)use->audio_ms / 60000, (long long)use->requests,
           time_text(use->used_s, "never", used), time_text(r->expires_s, "never", expires),
           r->redact[0] ? r->redact : "-", r->name, r->origins[0] ? "  for " : "", r->origins);
}

static json_t *origins_json(const char *origins) {
    json_t *list = json_array();
    for (size_t n; *origins; origins += n + (origins[n] == ' ')) {
        n = strcspn(origins, " ");
        json_array_append_new(list, json_stringn(origins, n));
    }
    return list;
}

static json_t *time_json(int64_t wall_s) {
    char text[TIME_BYTES];
    const char *said = time_text(wall_s, NULL, text);
    return said ? json_string(said) : json_null();
}

static json_t *key_json(const keys_record *r, const keys_day *use, int64_t now_s) {
    json_t *name = json_string(r->name); /* NULL: not UTF-8 */
    return json_pack("{s:s, s:o, s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:f, s:I, s:s, s:s}", "id", r->id, "name",
                     name ? name : json_string("?"), "state", state_of(r, now_s), "streams", r->streams,
                     "requests_per_minute", r->requests_per_minute, "audio_minutes_per_day", r->audio_minutes_per_day,
                     "origins", origins_json(r->origins), "created", time_json(r->created_s), "expires",
                     time_json(r->expires_s), "revoked", time_json(r->revoked_s), "used", time_json(use->used_s),
                     "audio_minutes_today", (double)use->audio_ms / 60000, "requests", (json_int_t)use->requests,
                     "redact", r->redact[0] ? r->redact : "off", "redact_types", r->redact_types);
}

static steno_err print_keys(db *d, const keys_table *t, json_t *json) {
    int64_t now_s = time(NULL);
    if (!json)
        printf("%-8s  %-7s  %7s  %7s  %7s  %7s  %8s  %-20s  %-20s  %-6s  %s\n", "ID", "STATE", "STREAMS", "REQ/MIN",
               "MIN/DAY", "TODAY", "REQUESTS", "LAST USED", "EXPIRES", "REDACT", "NAME");
    for (size_t i = 0; i < t->n; i++) {
        keys_day use;
        ERR_TRY(keys_sum_use(d, t->records[i].id, keys_day_of(now_s), &use));
        if (json)
            json_array_append_new(json, key_json(&t->records[i], &use, now_s));
        else
            print_row(&t->records[i], &use, now_s);
    }
    return STENO_OK;
}

static int list(const key_options *o, int n_rest) {
    db *d;
    keys_table *t;
    if (n_rest) return cli_usage("key", "list takes no arguments");
    steno_err e = open_database(o, false, &d);
    if (e == STENO_E_NOT_FOUND && o->json) puts("[]");
    if (e != STENO_OK) return e == STENO_E_NOT_FOUND ? (fail("key"), 0) : fail("key");
    json_t *json = o->json ? json_array() : NULL;
    e = keys_load(d, keys_day_of(time(NULL)), &t);
    if (e == STENO_OK) e = print_keys(d, t, json);
    if (e == STENO_OK && json) {
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(json);
    keys_table_free(t);
    db_close(d);
    return e == STENO_OK ? 0 : fail("key");
}

/* ---- revoke ----------------------------------------------------------------------------------------------------- */

/* Somebody who has the whole key at hand may give that. */
static const char *id_of(const char *text, keys_text *room) {
    return keys_read(text, strlen(text), room) == KEYS_FORM_GOOD ? room->id : text;
}

static int revoke_one(db *d, const char *text) {
    keys_text room;
    const char *id = id_of(text, &room);
    bool changed;
    if (keys_revoke(d, id, time(NULL), &changed) != STENO_OK) return fail("key");
    printf("%s: %s\n", id, changed ? "revoked" : "was revoked before");
    return 0;
}

static int revoke_all(const key_options *o, char **ids, int n) {
    db *d;
    int status = 0;
    if (n == 0) return cli_usage("key", "revoke wants the id of a key: see 'steno key list'");
    if (open_database(o, false, &d) != STENO_OK) return fail("key");
    for (int i = 0; i < n; i++) status |= revoke_one(d, ids[i]);
    db_close(d);
    return status;
}

/* ---- the door --------------------------------------------------------------------------------------------------- */

int cmd_key(int argc, char **argv) {
    key_options o;
    int status = read_options(&o, argc, argv);
    if (status >= 0) return status;
    if (optind == argc) return cli_usage("key", "an action is needed: create, list or revoke");
    const char *action = argv[optind];
    char **rest = argv + optind + 1;
    int n_rest = argc - optind - 1;
    if (strcmp(action, "create") == 0) return create(&o, n_rest);
    if (o.limits) return cli_usage("key", "%.20s has no limits to set: only create has", action);
    if (strcmp(action, "list") == 0) return list(&o, n_rest);
    if (strcmp(action, "revoke") == 0) return revoke_all(&o, rest, n_rest);
    return cli_usage("key", "unknown action '%.60s': want create, list or revoke", action);
}
