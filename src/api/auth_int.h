/* auth_int.h: what the files of auth share. See auth.h. Owner: the network thread. */
#ifndef STENO_API_AUTH_INT_H
#define STENO_API_AUTH_INT_H

#include "api/auth.h"
#include "api/auth_limits.h"
#include "api/auth_origin.h"

/* What was used on one day, as far as this process knows: it starts from the database and is ahead of it. */
typedef struct auth_day {
    int64_t day, audio_ms;
    int64_t unsaved_ms, unsaved_requests, used_s;
} auth_day;

/* What a key does now. Outlives tables. */
typedef struct auth_key {
    char id[KEYS_ID_CHARS + 1];
    const keys_record *record; /* in the table; NULL: it is there no more, and only passes hold this */
    int passes, streams;
    auth_bucket requests;
    auth_day days[KEYS_DAYS];
    struct auth_key *next_dirty;
    bool dirty; /* in the list of those that have something unsaved */
} auth_key;

typedef struct auth_sync auth_sync;

struct auth {
    char *allowed_origins; /* owned */
    bool allow_anonymous, loopback;
    bool keyed; /* there were keys; never false again, so that a lost table opens no door */
    worker *store;
    auth_clock clock;
    keys_table *table;
    auth_key **keys; /* [table->n], by id */
    auth_key *dirty;
    auth_sync *sync; /* under way; NULL: none */
    bool failing;    /* the last one failed, and the log says so */
    auth_fails fails;
    uint64_t admitted, anonymous, refused[AUTH_WHYS];
};

struct auth_pass {
    auth *owner;
    auth_key *key; /* NULL: anonymous */
    auth_use use;
    double rest_ms; /* of audio, less than one */
    char headers[AUTH_HEADERS_BYTES];
};

/* ---- auth_request.c: what of a request concerns us ----------------------------------------------------------------- */

/* A key as the client gave it; text NULL: none. */
typedef struct auth_given {
    const char *text;
    size_t n;
} auth_given;

auth_given auth_given_key(const net_request *r);

/* "": no page; "null": one that cannot be named. Else an origin as auth_origin_read() has it. */
void auth_page_of(const net_request *r, char out[AUTH_ORIGIN_BYTES]);
/* Whether a browser says that another site's page makes this request, although it names no origin. */
bool auth_crosses_sites(const net_request *r);

/* Appends, or leaves out what does not fit. */
void auth_add_header(char headers[AUTH_HEADERS_BYTES], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* CORS, so that a page may read the answer. */
void auth_add_cors(char headers[AUTH_HEADERS_BYTES], const char *origin);
/* And so that it may ask: what it wants to send is allowed. */
void auth_add_preflight(char headers[AUTH_HEADERS_BYTES], const net_request *r, const char *origin);

/* ---- auth_keys.c: keys in memory and in the store ------------------------------------------------------------------- */

/* Puts a table in the place of the old one; what keys do stays. On failure all is as before and the table freed. */
STENO_CHECK steno_err auth_adopt(auth *a, keys_table *table);
/* NULL: there is none. */
auth_key *auth_find_key(const auth *a, const char *id);
/* What it used on a day. */
auth_day *auth_day_of(auth_key *k, int64_t day);
void auth_mark_dirty(auth *a, auth_key *k);
void auth_release_key(auth *a, auth_key *k);
void auth_free_keys(auth *a);
/* Everything unsaved to the store, whose answer nobody waits for. */
void auth_save_last(auth *a);

#endif
