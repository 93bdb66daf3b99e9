/* auth.c: who is let in. See auth.h. The order of questions is that of what they give away: is there a key, is it right,
 * may this page use it, and only then how much is left. */
#include "api/auth_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define STREAM_RETRY_S 5 /* nobody knows when a stream will end */
#define MINUTE_MS      60000
#define SHOWN_CHARS    "100" /* of what a client sent and a message repeats */

/* One request that is being looked at. */
typedef struct asking {
    auth *a;
    const net_request *r;
    auth_use use;
    auth_refusal *why;
    int64_t now_ms, wall_s;
    char page[AUTH_ORIGIN_BYTES]; /* auth_page_of() */
    auth_key *key;                /* NULL: anonymous */
} asking;

/* ---- refusals --------------------------------------------------------------------------------------------------- */

static const struct refusal_kind {
    const char *code;
    int status;
} kinds[AUTH_WHYS] = {
    [AUTH_OK] = {"ok", 200},
    [AUTH_NO_KEY] = {"missing_key", 401},
    [AUTH_WRONG_KEY] = {"invalid_key", 401},
    [AUTH_MISTYPED_KEY] = {"mistyped_key", 401},
    [AUTH_REVOKED] = {"revoked_key", 401},
    [AUTH_EXPIRED] = {"expired_key", 401},
    [AUTH_WRONG_ORIGIN] = {"forbidden_origin", 403},
    [AUTH_WRONG_HOST] = {"forbidden_host", 403},
    [AUTH_TOO_MANY_WRONG] = {"too_many_failures", 429},
    [AUTH_TOO_OFTEN] = {"rate_limited", 429},
    [AUTH_TOO_MUCH_AUDIO] = {"audio_limit", 429},
    [AUTH_TOO_MANY_STREAMS] = {"stream_limit", 429},
    [AUTH_NO_MEMORY] = {"nomem", 503},
};

const char *auth_code(auth_why why) {
    return kinds[why].code;
}

/* Always false. Messages hold what a client may know, and never a key. */
__attribute__((format(printf, 3, 4))) static bool refuse(auth_refusal *out, auth_why why, const char *fmt, ...) {
    va_list args;
    if (!out) return false;
    out->why = why;
    out->status = kinds[why].status;
    out->code = kinds[why].code;
    va_start(args, fmt);
    vsnprintf(out->message, sizeof out->message, fmt, args);
    va_end(args);
    if (out->status != 401) return false;
    if (why == AUTH_NO_KEY)
        auth_add_header(out->headers, "www-authenticate: Bearer realm=\"steno\"");
    else
        auth_add_header(out->headers,
                        "www-authenticate: Bearer realm=\"steno\", error=\"invalid_token\", error_description=\"%s\"",
                        out->code);
    return false;
}

static int seconds_up(int64_t ms) {
    return (int)((ms + 999) / 1000);
}

/* ---- use of a key ------------------------------------------------------------------------------------------------- */

static int64_t wall_s(const auth *a) {
    return a->clock.wall_s(a->clock.ctx);
}

static auth_day *today_of(const auth *a, auth_key *k) {
    return auth_day_of(k, keys_day_of(wall_s(a)));
}

static int64_t day_ends_in_s(int64_t now_s) {
    return (keys_day_of(now_s) + 1) * KEYS_DAY_S - now_s;
}

static int64_t audio_left_ms(const auth *a, auth_key *k) {
    int64_t most_ms = (int64_t)k->record->audio_minutes_per_day * MINUTE_MS;
    if (most_ms == 0) return INT64_MAX;
    int64_t used_ms = today_of(a, k)->audio_ms;
    return used_ms < most_ms ? most_ms - used_ms : 0;
}

/* The fields of draft-ietf-httpapi-ratelimit-headers: what is allowed, and what is left of it. */
static void add_rates(const auth *a, auth_key *k, int64_t now_ms, char headers[AUTH_HEADERS_BYTES]) {
    char policy[200] = "", state[200] = "";
    int rate = k->record->requests_per_minute, minutes = k->record->audio_minutes_per_day;
    if (rate) {
        snprintf(policy, sizeof policy, "\"requests\";q=%d;w=60", rate);
        snprintf(state, sizeof state, "\"requests\";r=%d;t=%d", auth_bucket_left(&k->requests, rate, now_ms),
                 seconds_up(auth_bucket_full_ms(&k->requests, rate, now_ms)));
    }
    if (minutes) {
        size_t p = strlen(policy), s = strlen(state);
        snprintf(policy + p, sizeof policy - p, "%s\"audio-minutes\";q=%d;w=%d", p ? ", " : "", minutes, KEYS_DAY_S);
        snprintf(state + s, sizeof state - s, "%s\"audio-minutes\";r=%lld;t=%lld", s ? ", " : "",
                 (long long)(audio_left_ms(a, k) / MINUTE_MS), (long long)day_ends_in_s(wall_s(a)));
    }
    if (!policy[0]) return;
    auth_add_header(headers, "ratelimit-policy: %s", policy);
    auth_add_header(headers, "ratelimit: %s", state);
}

/* ---- the key ---------------------------------------------------------------------------------------------------- */

static bool anonymous_may(const auth *a) {
    return a->allow_anonymous || (!a->keyed && a->loopback);
}

/* A revoked or expired key has no business left, whoever holds it. */
static bool in_force(const auth *a, const auth_key *k, auth_refusal *why) {
    const keys_record *r = k->record;
    if (!r || r->revoked_s) return refuse(why, AUTH_REVOKED, "this key was revoked");
    if (r->expires_s && wall_s(a) >= r->expires_s) return refuse(why, AUTH_EXPIRED, "this key has expired");
    return true;
}

/* Whoever sent too many wrong ones waits, whatever is sent now: the answer would be worth a guess. */
static bool identify(asking *q, const keys_text *text) {
    auth *a = q->a;
    auth_key *k = auth_find_key(a, text->id);
    static const unsigned char nothing[KEYS_HASH_BYTES];
    uint64_t who = auth_fails_who(&a->fails, q->r->peer, k ? k->id : AUTH_NONE_ID);
    int64_t wait_ms = auth_fails_wait_ms(&a->fails, who, q->now_ms);
    if (wait_ms > 0) {
        q->why->retry_after_s = seconds_up(wait_ms);
        return refuse(q->why, AUTH_TOO_MANY_WRONG, "too many wrong keys came from this address");
    }
    if (!keys_same(text->hash, k ? k->record->hash : nothing) || !k) {
        auth_fails_add(&a->fails, who, q->now_ms);
        return refuse(q->why, AUTH_WRONG_KEY, "this is no key of this server's");
    }
    q->key = k;
    return in_force(a, k, q->why);
}

/* What cannot be a key takes part in the counting, so that a client that goes round in circles is told to wait. */
static bool refuse_no_key(asking *q, auth_why why, const char *text) {
    auth *a = q->a;
    uint64_t who = auth_fails_who(&a->fails, q->r->peer, AUTH_NONE_ID);
    int64_t wait_ms = auth_fails_wait_ms(&a->fails, who, q->now_ms);
    if (wait_ms > 0) {
        q->why->retry_after_s = seconds_up(wait_ms);
        return refuse(q->why, AUTH_TOO_MANY_WRONG, "too many wrong keys came from this address");
    }
    auth_fails_add(&a->fails, who, q->now_ms);
    return refuse(q->why, why, "%s", text);
}

/* Clients of other vendors insist on sending some key: where none is needed it is let pass, unless it is one of ours. */
static bool check_key(asking *q) {
    bool free_entry = anonymous_may(q->a);
    auth_given given = auth_given_key(q->r);
    keys_text text;
    if (!given.text) {
        if (free_entry) return true;
        return refuse(q->why, AUTH_NO_KEY, "a key is needed: Authorization: Bearer KEY");
    }
    keys_form form = keys_read(given.text, given.n, &text);
    if (free_entry && (form == KEYS_FORM_FOREIGN || !q->a->keyed)) return true;
    if (form == KEYS_FORM_FOREIGN) return refuse_no_key(q, AUTH_WRONG_KEY, "this is no key of this server's");
    if (form == KEYS_FORM_TYPO)
        return refuse_no_key(q, AUTH_MISTYPED_KEY, "this key is mistyped or not whole: its checksum is wrong");
    return identify(q, &text);
}

/* ---- the page --------------------------------------------------------------------------------------------------- */

static bool refuse_page(asking *q, const char *allowed_by) {
    const char *page = q->page[0] ? q->page : "no named page";
    return refuse(q->why, AUTH_WRONG_ORIGIN, "%." SHOWN_CHARS "s may not call this server: %s", page, allowed_by);
}

/* A key for pages of certain sites is for nobody else. The server's own page sends no Origin with a GET. */
static bool page_of_key(asking *q, const char *list) {
    static const char text[] = "the key is for pages of other origins";
    if (strcmp(list, "*") == 0) return true;
    if (q->page[0]) return auth_origin_listed(q->page, list) || refuse_page(q, text);
    char site[16], own[2][AUTH_ORIGIN_BYTES + 16], read[AUTH_ORIGIN_BYTES];
    if (!q->r->head || !net_header(q->r, "sec-fetch-site", site, sizeof site) || strcmp(site, "same-origin") != 0)
        return refuse_page(q, text);
    snprintf(own[0], sizeof own[0], "https://%.190s", q->r->host);
    snprintf(own[1], sizeof own[1], "http://%.190s", q->r->host);
    for (int i = 0; i < 2; i++) {
        if (auth_origin_read(own[i], strlen(own[i]), read) && auth_origin_listed(read, list)) return true;
    }
    return refuse_page(q, text);
}

/* Own pages, and those that the configuration allows. */
static bool known_page(const auth *a, const net_request *r, const char *page) {
    return auth_origin_listed(page, a->allowed_origins) || auth_origin_own(page, r->host, r->tls);
}

static bool check_page(asking *q) {
    static const char text[] = "set allowed_origins, or --origin of a key";
    const auth *a = q->a;
    if (q->key && q->key->record->origins[0]) return page_of_key(q, q->key->record->origins);
    if (!q->key && !auth_host_safe(q->r->host, a->loopback, a->allowed_origins))
        return refuse(q->why, AUTH_WRONG_HOST,
                      "'%." SHOWN_CHARS "s' is not known as a name of this server: use its address, make a key, or add "
                      "https://NAME to allowed_origins",
                      q->r->host);
    if (q->page[0]) return known_page(a, q->r, q->page) || refuse_page(q, text);
    return q->key || !auth_crosses_sites(q->r) || refuse_page(q, text);
}

/* Whether any key could let this page in: what a preflight, and the answer to a wrong key, go by. */
static bool page_may_read(const auth *a, const net_request *r, const char *page) {
    if (!page[0]) return false;
    return known_page(a, r, page) || (a->table && keys_know_origin(a->table, page));
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static bool check_audio(const auth *a, auth_key *k, auth_refusal *why) {
    if (audio_left_ms(a, k) > 0) return true;
    if (why) why->retry_after_s = (int)day_ends_in_s(wall_s(a));
    return refuse(why, AUTH_TOO_MUCH_AUDIO, "this key's %d minutes of audio a day are used up; the day is UTC's",
                  k->record->audio_minutes_per_day);
}

static bool check_streams(const asking *q) {
    const keys_record *r = q->key->record;
    if (!r->streams || q->key->streams < r->streams) return true;
    q->why->retry_after_s = STREAM_RETRY_S;
    return refuse(q->why, AUTH_TOO_MANY_STREAMS, "this key has its %d live stream%s open already", r->streams,
                  r->streams == 1 ? "" : "s");
}

static bool check_rate(const asking *q) {
    int rate = q->key->record->requests_per_minute;
    int64_t wait_ms = rate ? auth_bucket_take(&q->key->requests, rate, q->now_ms) : 0;
    if (wait_ms == 0) return true;
    q->why->retry_after_s = seconds_up(wait_ms);
    return refuse(q->why, AUTH_TOO_OFTEN, "this key may make %d requests a minute", rate);
}

static bool check_limits(const asking *q) {
    if (!q->key) return true;
    if (!check_rate(q)) return false;
    if (q->use == AUTH_REQUEST) return true;
    if (!check_audio(q->a, q->key, q->why)) return false;
    return q->use == AUTH_RECORDING || check_streams(q);
}

/* ---- passes ----------------------------------------------------------------------------------------------------- */

static bool make_pass(const asking *q, auth_pass **out) {
    auth_pass *p = mem_alloc(1, sizeof *p);
    if (!p) return refuse(q->why, AUTH_NO_MEMORY, "no memory for a request");
    *p = (auth_pass){.owner = q->a, .key = q->key, .use = q->use};
    auth_add_cors(p->headers, q->page);
    if (q->key) {
        auth_day *day = auth_day_of(q->key, keys_day_of(q->wall_s));
        q->key->passes++;
        q->key->streams += q->use == AUTH_LIVE_STREAM;
        day->unsaved_requests++;
        day->used_s = q->wall_s;
        auth_mark_dirty(q->a, q->key);
        add_rates(q->a, q->key, q->now_ms, p->headers);
    }
    *out = p;
    return true;
}

/* A page is told why, if it is one that any key could let in. */
static void finish_refusal(const asking *q) {
    auth_refusal *why = q->why;
    if (why->status != 403 && page_may_read(q->a, q->r, q->page)) auth_add_cors(why->headers, q->page);
    if (why->status == 429 && q->key) add_rates(q->a, q->key, q->now_ms, why->headers);
}

bool auth_admit(auth *a, const net_request *r, auth_use use, auth_pass **pass, auth_refusal *why) {
    asking q = {.a = a, .r = r, .use = use, .why = why, .now_ms = a->clock.now_ms(a->clock.ctx), .wall_s = wall_s(a)};
    *pass = NULL;
    *why = (auth_refusal){.code = kinds[AUTH_OK].code};
    auth_page_of(r, q.page);
    if (check_key(&q) && check_page(&q) && check_limits(&q) && make_pass(&q, pass)) {
        a->admitted++;
        a->anonymous += !q.key;
        return true;
    }
    a->refused[why->why]++;
    finish_refusal(&q);
    return false;
}

auth_pass *auth_pass_for(auth *a, const char *owner) {
    auth_pass *p = mem_alloc(1, sizeof *p);
    if (!p) return NULL;
    *p = (auth_pass){.owner = a, .key = auth_find_key(a, owner), .use = AUTH_RECORDING};
    if (p->key) p->key->passes++;
    return p;
}

void auth_charge(auth_pass *p, double audio_s) {
    if (!p->key || !(audio_s > 0)) return;
    double ms = p->rest_ms + audio_s * 1000, whole = floor(ms);
    auth_day *day = today_of(p->owner, p->key);
    p->rest_ms = ms - whole;
    day->audio_ms += (int64_t)whole;
    day->unsaved_ms += (int64_t)whole;
    day->used_s = wall_s(p->owner);
    auth_mark_dirty(p->owner, p->key);
}

bool auth_may_go_on(const auth_pass *p, auth_refusal *why) {
    if (why) *why = (auth_refusal){.code = kinds[AUTH_OK].code};
    if (!p->key) return anonymous_may(p->owner) || refuse(why, AUTH_NO_KEY, "a key is needed by now");
    return in_force(p->owner, p->key, why) && check_audio(p->owner, p->key, why);
}

void auth_leave(auth_pass *p) {
    if (!p) return;
    if (p->key) {
        p->key->streams -= p->use == AUTH_LIVE_STREAM;
        auth_release_key(p->owner, p->key);
    }
    mem_free(p);
}

const char *auth_owner(const auth_pass *p) {
    return p->key ? p->key->id : AUTH_NONE_ID;
}

/* Of a key that is gone nobody knows any more what it was forced to: all of it is. */
bool auth_redaction(const auth_pass *p, const char **mode, const char **types) {
    const keys_record *r = p->key ? p->key->record : NULL;
    *mode = r ? r->redact : "mask";
    *types = r ? r->redact_types : "all";
    return p->key && (!r || r->redact[0]);
}

const char *auth_headers(const auth_pass *p) {
    return p->headers;
}

void auth_preflight(auth *a, const net_request *r, net_reply *reply) {
    char page[AUTH_ORIGIN_BYTES], headers[AUTH_HEADERS_BYTES] = "";
    auth_page_of(r, page);
    *reply = (net_reply){.status = 204};
    if (page[0] && !page_may_read(a, r, page)) {
        a->refused[AUTH_WRONG_ORIGIN]++;
        *reply = (net_reply){.status = 403};
        return;
    }
    if (page[0]) auth_add_preflight(headers, r, page);
    auth_put_headers(reply, headers);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static int64_t real_now_ms(void *ctx) {
    (void)ctx;
    return net_now_ms();
}

static int64_t real_wall_s(void *ctx) {
    (void)ctx;
    return time(NULL);
}

steno_err auth_configure(auth *a, const auth_config *config) {
    char *origins = mem_strdup(config->allowed_origins ? config->allowed_origins : "");
    if (!origins) return err_fail(STENO_E_NOMEM, "no memory for allowed_origins");
    mem_free(a->allowed_origins);
    a->allowed_origins = origins;
    a->allow_anonymous = config->allow_anonymous;
    a->loopback = config->loopback;
    return STENO_OK;
}

static steno_err start(auth *a, const auth_config *config, keys_table *table) {
    unsigned char seed[16];
    if (table) ERR_TRY(auth_adopt(a, table)); /* first: it takes the table over */
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return err_fail(STENO_E_IO, "no random numbers: %s", strerror(errno));
    auth_fails_init(&a->fails, seed);
    return auth_configure(a, config);
}

steno_err auth_open(const auth_config *config, worker *store, keys_table *table, const auth_clock *clock, auth **out) {
    auth *a = mem_alloc(1, sizeof *a);
    *out = NULL;
    if (!a) {
        keys_table_free(table);
        return err_fail(STENO_E_NOMEM, "no memory for keys");
    }
    a->store = store;
    a->clock = clock ? *clock : (auth_clock){real_now_ms, real_wall_s, NULL};
    steno_err e = start(a, config, table);
    if (e != STENO_OK) {
        auth_free_keys(a);
        mem_free(a->allowed_origins);
        mem_free(a);
        return e;
    }
    *out = a;
    return STENO_OK;
}

void auth_close(auth *a) {
    if (!a) return;
    auth_save_last(a);
    auth_free_keys(a);
    mem_free(a->allowed_origins);
    mem_free(a);
}

void auth_get_counts(const auth *a, auth_counts *out) {
    *out = (auth_counts){.admitted = a->admitted, .anonymous = a->anonymous};
    memcpy(out->refused, a->refused, sizeof out->refused);
    int64_t now_s = wall_s(a);
    for (size_t i = 0; a->table && i < a->table->n; i++) {
        const keys_record *r = &a->table->records[i];
        out->keys++;
        out->usable += !r->revoked_s && (!r->expires_s || now_s < r->expires_s);
    }
}
