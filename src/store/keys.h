/* keys.h: API keys: what their text looks like, what is kept of them, and what they have used.
 *
 * Purpose    the text of a key exists at its maker and at its user only; the database has a hash. See docs/security.md.
 * Owner      texts: any thread. Functions with a `db`: the thread that owns it.
 * Invariants a key's row is never changed but to revoke it; every change of rows moves keys_change(); use only grows.
 */
#ifndef STENO_STORE_KEYS_H
#define STENO_STORE_KEYS_H

#include "base/err.h"
#include "store/db.h"

/* steno_ID_SECRETCHECK, letters and digits: it is one word to a double click, and a token of HTTP. ID names the key in
 * lists and logs and is no secret; CHECK is the CRC-32 of what stands before it, so that a slip of the pen is told from
 * a wrong key, and a scanner of sources finds few things that are none. */
#define KEYS_PREFIX       "steno_"
#define KEYS_ID_CHARS     8  /* of 36: lower case */
#define KEYS_SECRET_CHARS 43 /* of 62: 256.03 bits */
#define KEYS_CHECK_CHARS  6
#define KEYS_TEXT_CHARS   64
#define KEYS_HASH_BYTES   32
#define KEYS_NAME_BYTES   64

#define KEYS_MAX           10000 /* in a database, revoked ones included */
#define KEYS_ORIGINS_BYTES 2048  /* of one key, all together */
#define KEYS_LIMIT_MAX     1000000
#define KEYS_MODE_BYTES    16
#define KEYS_TYPES_BYTES   320
#define KEYS_RETAIN_DAYS   400 /* use, and revoked keys, are forgotten after so long */
#define KEYS_DAYS          4   /* days of use a table has: the day before yesterday to tomorrow */
#define KEYS_DAY_S         86400

/* What is known of a text that claims to be a key. */
typedef struct keys_text {
    char id[KEYS_ID_CHARS + 1];
    unsigned char hash[KEYS_HASH_BYTES];
} keys_text;

typedef enum keys_form {
    KEYS_FORM_GOOD,   /* it may be one of ours: *out is filled */
    KEYS_FORM_TYPO,   /* it was one of ours, but for a slip */
    KEYS_FORM_FOREIGN /* it never was */
} keys_form;

keys_form keys_read(const char *text, size_t n, keys_text *out);
/* A new key. STENO_E_IO: the system has no random numbers. The caller wipes the text. */
STENO_CHECK steno_err keys_make(char text[KEYS_TEXT_CHARS + 1], keys_text *out);
/* Takes as long whatever the two contain. */
bool keys_same(const unsigned char a[KEYS_HASH_BYTES], const unsigned char b[KEYS_HASH_BYTES]);

/* Times are seconds of the wall clock; 0: never, of limits: none. */
typedef struct keys_record {
    char id[KEYS_ID_CHARS + 1];
    unsigned char hash[KEYS_HASH_BYTES];
    char name[KEYS_NAME_BYTES];
    int streams, requests_per_minute, audio_minutes_per_day;
    char redact
        [KEYS_MODE_BYTES]; /* what its requests never show less masked than, as src/privacy/policy.h calls it; "": nothing … */
    char redact_types[KEYS_TYPES_BYTES]; /* … and which kinds; "": the usual ones */
    char *origins; /* blanks between them; "*": every one; "": none but the server's own. Owned by its table */
    int64_t created_s, expires_s, revoked_s;
} keys_record;

/* What a key used on a UTC day (days since 1970); also what is to be added to that. */
typedef struct keys_day {
    char id[KEYS_ID_CHARS + 1];
    int64_t day, audio_ms, requests, used_s;
} keys_day;

typedef struct keys_origin {
    const char *text; /* in a record */
    size_t n;
} keys_origin;

/* All keys as they were at one moment. */
typedef struct keys_table {
    int64_t change; /* keys_change() then */
    size_t n, n_days;
    keys_record *records; /* by id */
    keys_day *days;       /* by id and day: KEYS_DAYS of each at most */
    keys_origin *origins; /* [n_origins], sorted: of all keys that were not revoked */
    size_t n_origins;
    bool any_origin; /* one of them is "*" */
} keys_table;

/* STENO_E_LIMIT: KEYS_MAX. STENO_E_INVALID: that id is there already. */
STENO_CHECK steno_err keys_create(db *d, const keys_record *record);
/* STENO_E_NOT_FOUND. *changed: it was not revoked before. */
STENO_CHECK steno_err keys_revoke(db *d, const char *id, int64_t now_s, bool *changed);
/* A number that is another one after every change of keys. */
STENO_CHECK steno_err keys_change(db *d, int64_t *out);
STENO_CHECK steno_err keys_load(db *d, int64_t today, keys_table **out);
void keys_table_free(keys_table *t); /* NULL is allowed */
/* NULL: not there. */
const keys_record *keys_find(const keys_table *t, const char *id);
/* Whether any key that was not revoked is for pages of this origin. */
bool keys_know_origin(const keys_table *t, const char *origin);
/* Adds to what is there, all or nothing. */
STENO_CHECK steno_err keys_add_use(db *d, const keys_day *days, size_t n);
/* All of a key's use in one: audio_ms is of `today` alone, requests of all days, used_s the last time. */
STENO_CHECK steno_err keys_sum_use(db *d, const char *id, int64_t today, keys_day *out);

/* The UTC day of a moment, also before 1970. */
int64_t keys_day_of(int64_t wall_s);

#endif
