/* auth.h: who may do what, and how much of it: keys, limits, origins. The same for every dialect.
 *
 * Purpose    a dialect asks auth_admit() before it does anything for a request, and says a refusal in its own words.
 * Owner      the network thread. Keys are held in memory; the store thread reads and writes them.
 * Invariants nothing blocks; no text here ever holds a key, or part of one; a key that is revoked, or has expired, is so for
 *            running streams too. docs/security.md says what is defended, and what is not.
 */
#ifndef STENO_API_AUTH_H
#define STENO_API_AUTH_H

#include "net/net.h"
#include "store/keys.h"
#include "store/worker.h"

#define AUTH_TICK_MS       1000 /* how late a key that was revoked may be noticed */
#define AUTH_HEADERS_BYTES 1024
#define AUTH_MESSAGE_BYTES 320
#define AUTH_NONE_ID       ""

typedef struct auth auth;
typedef struct auth_pass auth_pass; /* who asked; lives as long as the request or the stream */

typedef enum auth_use {
    AUTH_REQUEST,     /* no audio: lists, results, status; a session that is resumed */
    AUTH_RECORDING,   /* a recording to be recognised */
    AUTH_LIVE_STREAM, /* one of the key's streams until auth_leave() */
    AUTH_ASK_STREAM   /* whether there would be a stream; takes none */
} auth_use;

typedef enum auth_why {
    AUTH_OK,
    AUTH_NO_KEY,           /* 401 */
    AUTH_WRONG_KEY,        /* 401: not one of ours */
    AUTH_MISTYPED_KEY,     /* 401: one of ours, but for a slip */
    AUTH_REVOKED,          /* 401 */
    AUTH_EXPIRED,          /* 401 */
    AUTH_WRONG_ORIGIN,     /* 403: a page that may not */
    AUTH_WRONG_HOST,       /* 403: called by a name that may be a stranger's */
    AUTH_TOO_MANY_WRONG,   /* 429: wrong keys from this address */
    AUTH_TOO_OFTEN,        /* 429: requests a minute */
    AUTH_TOO_MUCH_AUDIO,   /* 429: audio minutes a day */
    AUTH_TOO_MANY_STREAMS, /* 429: streams at once */
    AUTH_NO_MEMORY,        /* 503 */
    AUTH_WHYS
} auth_why;

/* What a refusal says. A dialect writes status, code and message in the shape of its errors, and hands `headers` and
 * retry_after_s to its reply, for WebSockets that are refused, too. */
typedef struct auth_refusal {
    auth_why why;
    int status;
    const char *code; /* static: "missing_key", … */
    char message[AUTH_MESSAGE_BYTES];
    int retry_after_s;                /* 0: no such header */
    char headers[AUTH_HEADERS_BYTES]; /* for auth_put_headers(); "" for none */
} auth_refusal;

/* For tests; NULL: net_now_ms() and the system's time. */
typedef struct auth_clock {
    int64_t (*now_ms)(void *ctx); /* never goes back */
    int64_t (*wall_s)(void *ctx); /* may jump */
    void *ctx;
} auth_clock;

typedef struct auth_config {
    const char *allowed_origins; /* a list: pages that may call without a key, or with one that names none. Copied */
    bool allow_anonymous;        /* no key is needed, although there are some */
    bool loopback;               /* only this machine reaches the server: auth_binding.loopback */
} auth_config;

/* `table`: what keys_load() said at start, taken over, also on failure; NULL: there is no store. `store` then NULL, too:
 * no keys, ever. */
STENO_CHECK steno_err auth_open(const auth_config *config, worker *store, keys_table *table, const auth_clock *clock,
                                auth **out);
/* What was used and not yet written is handed to the store, so before worker_close(), and after the last auth_leave(). */
void auth_close(auth *a);
/* After SIGHUP. On failure the old one stays. */
STENO_CHECK steno_err auth_configure(auth *a, const auth_config *config);
/* Once a second: what was used goes to the store, keys that changed come from it. */
void auth_tick(auth *a);

/* Lets in, with a pass that ends with auth_leave(); or not, with the reason. Without keys: if host and origin are no
 * stranger's. Call it once a request, before anything is done for it, and for what needs no key (/, its files, /healthz,
 * /readyz) not at all. */
bool auth_admit(auth *a, const net_request *r, auth_use use, auth_pass **pass, auth_refusal *why);
/* So much audio was heard; as it comes, so that a limit ends a long stream. */
void auth_charge(auth_pass *p, double audio_s);
/* False: revoked, expired, out of minutes, or anonymous where keys are needed meanwhile. Cheap: ask once a second, and
 * before each recording. `why` may be NULL. */
bool auth_may_go_on(const auth_pass *p, auth_refusal *why);
void auth_leave(auth_pass *p); /* NULL is allowed */
/* For work that goes on without its request, as a job does: whose minutes it uses. No limit of requests or streams is asked;
 * what was accepted is heard, though the key was revoked meanwhile. `owner`: auth_owner() of who asked; of one that there is
 * no more, or "": an anonymous pass. NULL: no memory. */
auth_pass *auth_pass_for(auth *a, const char *owner);

/* The key's id: who owns what this request makes; "" without a key. For logs, too: an id is no secret. */
const char *auth_owner(const auth_pass *p);
/* What of personal data this key's requests may never show: a mode and kinds, as policy.h and entity.h call them ("": the usual
 * ones), until the pass leaves. False: nothing is said of it. */
bool auth_redaction(const auth_pass *p, const char **mode, const char **types);
/* CORS and rate headers for what is answered; until the pass leaves. */
const char *auth_headers(const auth_pass *p);
/* The sub-protocol of the client's list that a 101 has to name, so that browsers go on: "realtime", "token", "bearer";
 * NULL: none. Static. */
const char *auth_protocol(const net_request *r);

/* Adds header lines to a reply; of its owned_headers. When there is no memory they are left out. */
void auth_put_headers(net_reply *reply, const char *headers);
/* An OPTIONS request: whether a page may ask what it wants to. Needs no key: browsers send none with it. */
void auth_preflight(auth *a, const net_request *r, net_reply *reply);
/* Takes the key out of a copy of a request, so that nobody further on can log it, or wonder about ?access_token=. */
void auth_hide_key(net_request *copy);

typedef struct auth_counts {
    int keys, usable;
    uint64_t admitted, anonymous;
    uint64_t refused[AUTH_WHYS];
} auth_counts;
void auth_get_counts(const auth *a, auth_counts *out);
/* "missing_key", …: the code of a refusal. */
const char *auth_code(auth_why why);

/* ---- where to listen: pure --------------------------------------------------------------------------------------- */

typedef struct auth_binding {
    const char *bind;  /* `wish`, or this machine alone */
    bool loopback;     /* what `bind` is */
    char warning[512]; /* for the log; "": nothing to say */
} auth_binding;

/* Only this machine is served until there is a key. `keys`: how many the database holds, -1: there is no database. */
auth_binding auth_bind(const char *wish, int keys, bool allow_anonymous);

#endif
