/* test_auth.c: who is let in, with a clock that the test turns and a store on a real thread. */
#include "api/auth.h"
#include "api/auth_limits.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOON  (1800014400 - 1800014400 % KEYS_DAY_S + KEYS_DAY_S / 2)
#define TODAY (NOON / KEYS_DAY_S)

typedef struct place {
    char dir[64];
    db *other; /* as `steno key` has it: another connection */
    worker *store;
    auth *a;
    int64_t now_ms, wall_s;
    auth_config config;
    char key[KEYS_TEXT_CHARS + 1], id[KEYS_ID_CHARS + 1]; /* of the last one made */
    char bearer[KEYS_TEXT_CHARS + 16];
} place;

static int64_t read_ms(void *ctx) {
    return ((place *)ctx)->now_ms;
}

static int64_t read_wall(void *ctx) {
    return ((place *)ctx)->wall_s;
}

static void open_auth(place *p) {
    auth_clock clock = {read_ms, read_wall, p};
    keys_table *table;
    db *d;
    assert_int_equal(db_open(p->dir, &d), STENO_OK);
    assert_int_equal(keys_load(d, keys_day_of(p->wall_s), &table), STENO_OK);
    assert_int_equal(worker_open(d, &p->store), STENO_OK);
    assert_int_equal(auth_open(&p->config, p->store, table, &clock, &p->a), STENO_OK);
}

static void close_auth(place *p) {
    auth_close(p->a);
    worker_close(p->store);
    p->a = NULL;
    p->store = NULL;
}

static int make_place(void **state) {
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    log_set_level(LOG_LEVEL_ERROR);
    snprintf(p->dir, sizeof p->dir, "/tmp/steno-test-auth-XXXXXX");
    if (!mkdtemp(p->dir) || db_open(p->dir, &p->other) != STENO_OK) return -1;
    p->now_ms = 5000;
    p->wall_s = NOON;
    p->config = (auth_config){.allowed_origins = "", .loopback = true};
    *state = p;
    return 0;
}

static int drop_place(void **state) {
    place *p = *state;
    char line[120];
    if (p->a) close_auth(p);
    db_close(p->other);
    snprintf(line, sizeof line, "rm -rf %s", p->dir);
    int code = system(line);
    free(p);
    return code;
}

static void make_key(place *p, keys_record r) {
    keys_text made;
    assert_int_equal(keys_make(p->key, &made), STENO_OK);
    memcpy(r.id, made.id, sizeof r.id);
    memcpy(r.hash, made.hash, sizeof r.hash);
    r.created_s = p->wall_s;
    memcpy(p->id, made.id, sizeof p->id);
    snprintf(p->bearer, sizeof p->bearer, "Bearer %s", p->key);
    assert_int_equal(keys_create(p->other, &r), STENO_OK);
}

/* What auth_tick() asked for has been answered. */
static void settle(place *p) {
    auth_tick(p->a);
    struct pollfd fd = {.fd = worker_fd(p->store), .events = POLLIN};
    assert_int_equal(poll(&fd, 1, 20000), 1);
    worker_deliver(p->store);
}

static net_request request(const place *p) {
    return (net_request){.method = "GET",
                         .path = "/v1/stream",
                         .if_none_match = "",
                         .host = "127.0.0.1:8080",
                         .origin = "",
                         .authorization = p->bearer,
                         .content_type = "",
                         .protocols = "",
                         .request_id = "",
                         .peer = "192.0.2.1"};
}

static auth_refusal refusal; /* of the last one */

/* The reason, AUTH_OK: let in, and left at once. */
static auth_why ask(place *p, const net_request *r, auth_use use) {
    auth_pass *pass;
    bool ok = auth_admit(p->a, r, use, &pass, &refusal);
    assert_true(ok == (pass != NULL));
    assert_true(ok == (refusal.why == AUTH_OK));
    auth_leave(pass);
    return refusal.why;
}

static auth_why ask_plain(place *p) {
    net_request r = request(p);
    return ask(p, &r, AUTH_REQUEST);
}

static auth_pass *enter(place *p, auth_use use) {
    net_request r = request(p);
    auth_pass *pass;
    assert_true(auth_admit(p->a, &r, use, &pass, &refusal));
    return pass;
}

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static void a_key_is_needed_once_there_is_one(void **state) {
    place *p = *state;
    open_auth(p);
    assert_int_equal(ask_plain(p), AUTH_OK);
    make_key(p, (keys_record){0});
    settle(p);
    assert_int_equal(ask_plain(p), AUTH_OK);
    p->bearer[0] = 0;
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
    assert_int_equal(refusal.status, 401);
    assert_string_equal(refusal.code, "missing_key");
    assert_string_equal(refusal.headers, "www-authenticate: Bearer realm=\"steno\"\r\n");
}

static void wrong_keys(void **state) {
    place *p = *state;
    char stranger[KEYS_TEXT_CHARS + 1];
    keys_text made;
    make_key(p, (keys_record){0});
    open_auth(p);
    assert_int_equal(keys_make(stranger, &made), STENO_OK);
    snprintf(p->bearer, sizeof p->bearer, "Bearer %s", stranger);
    assert_int_equal(ask_plain(p), AUTH_WRONG_KEY);
    assert_int_equal(refusal.status, 401);
    assert_non_null(strstr(refusal.headers, "error=\"invalid_token\""));
    assert_null(strstr(refusal.headers, made.id));
    assert_null(strstr(refusal.message, made.id));
    p->key[20] = p->key[20] == 'x' ? 'y' : 'x';
    snprintf(p->bearer, sizeof p->bearer, "Bearer %s", p->key);
    assert_int_equal(ask_plain(p), AUTH_MISTYPED_KEY);
    snprintf(p->bearer, sizeof p->bearer, "Bearer sk-somebody-elses");
    assert_int_equal(ask_plain(p), AUTH_WRONG_KEY);
    snprintf(p->bearer, sizeof p->bearer, "Basic dXNlcjpwYXNz");
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
    snprintf(p->bearer, sizeof p->bearer, "Bearer ");
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
}

/* A right id and a secret of the right form that is another's. */
static void a_wrong_secret(void **state) {
    place *p = *state;
    keys_text made;
    keys_record r = {.created_s = 1};
    char text[KEYS_TEXT_CHARS + 1];
    assert_int_equal(keys_make(text, &made), STENO_OK);
    memcpy(r.id, made.id, sizeof r.id);
    memset(r.hash, 7, sizeof r.hash);
    assert_int_equal(keys_create(p->other, &r), STENO_OK);
    snprintf(p->bearer, sizeof p->bearer, "Bearer %s", text);
    open_auth(p);
    assert_int_equal(ask_plain(p), AUTH_WRONG_KEY);
}

static void wherever_a_key_may_stand(void **state) {
    place *p = *state;
    char text[200];
    make_key(p, (keys_record){0});
    open_auth(p);
    static const char *const headers[] = {"Bearer %s", "bearer %s", "Token %s", "token   %s  ", " Bearer\t%s"};
    for (size_t i = 0; i < 5; i++) {
        net_request r = request(p);
        snprintf(text, sizeof text, headers[i], p->key); /* NOLINT */
        r.authorization = text;
        assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_OK);
    }
    static const char *const protocols[] = {"token, %s", "bearer,%s", "realtime, openai-insecure-api-key.%s",
                                            "realtime,openai-insecure-api-key.%s , openai-beta.realtime-v1"};
    static const char *const spoken[] = {"token", "bearer", "realtime", "realtime"};
    for (size_t i = 0; i < 4; i++) {
        net_request r = request(p);
        snprintf(text, sizeof text, protocols[i], p->key); /* NOLINT */
        r.authorization = "Basic x";
        r.protocols = text;
        assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_OK);
        assert_string_equal(auth_protocol(&r), spoken[i]);
    }
    net_request r = request(p);
    r.authorization = "";
    snprintf(text, sizeof text, "access_token=%s", p->key);
    r.args[0] = "language=en";
    r.args[1] = text;
    r.args[2] = "words=true";
    r.n_args = 3;
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_OK);
    r.protocols = "bearer, nonsense";
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_WRONG_KEY);
    r.protocols = "bearer";
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_OK);
    r.protocols = "soap, mqtt";
    assert_null(auth_protocol(&r));
}

static void hidden_from_those_behind(void **state) {
    place *p = *state;
    char protocols[200], arg[200];
    make_key(p, (keys_record){0});
    net_request r = request(p);
    snprintf(protocols, sizeof protocols, "realtime, openai-insecure-api-key.%s", p->key);
    snprintf(arg, sizeof arg, "access_token=%s", p->key);
    r.protocols = protocols;
    r.args[0] = arg;
    r.args[1] = "language=en";
    r.args[2] = arg;
    r.n_args = 3;
    auth_hide_key(&r);
    assert_string_equal(r.authorization, "");
    assert_string_equal(r.protocols, "realtime");
    assert_int_equal(r.n_args, 1);
    assert_string_equal(r.args[0], "language=en");
}

static void revoked_while_it_runs(void **state) {
    place *p = *state;
    bool changed;
    make_key(p, (keys_record){.streams = 1});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    assert_string_equal(auth_owner(pass), p->id);
    assert_true(auth_may_go_on(pass, NULL));
    assert_int_equal(keys_revoke(p->other, p->id, p->wall_s, &changed), STENO_OK);
    settle(p);
    assert_false(auth_may_go_on(pass, &refusal));
    assert_int_equal(refusal.why, AUTH_REVOKED);
    assert_int_equal(refusal.status, 401);
    assert_int_equal(ask_plain(p), AUTH_REVOKED);
    auth_leave(pass);
}

/* The last key that goes opens no door. */
static void never_open_again(void **state) {
    place *p = *state;
    bool changed;
    make_key(p, (keys_record){0});
    open_auth(p);
    assert_int_equal(keys_revoke(p->other, p->id, p->wall_s, &changed), STENO_OK);
    settle(p);
    p->bearer[0] = 0;
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
    assert_int_equal(db_exec(p->other, "DELETE FROM api_keys; UPDATE api_key_change SET n = n + 1"), STENO_OK);
    settle(p);
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
}

static void a_row_that_vanishes_under_a_stream(void **state) {
    place *p = *state;
    make_key(p, (keys_record){0});
    open_auth(p);
    auth_pass *one = enter(p, AUTH_LIVE_STREAM), *two = enter(p, AUTH_LIVE_STREAM);
    auth_charge(one, 1);
    assert_int_equal(db_exec(p->other, "DELETE FROM api_keys; UPDATE api_key_change SET n = n + 1"), STENO_OK);
    settle(p);
    auth_charge(one, 1);
    assert_false(auth_may_go_on(one, NULL));
    assert_string_equal(auth_owner(one), p->id);
    auth_leave(one);
    settle(p);
    auth_leave(two);
}

static void expiry(void **state) {
    place *p = *state;
    make_key(p, (keys_record){.expires_s = NOON + 60});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    p->wall_s = NOON + 59;
    assert_true(auth_may_go_on(pass, NULL));
    p->wall_s = NOON + 60;
    assert_false(auth_may_go_on(pass, &refusal));
    assert_int_equal(refusal.why, AUTH_EXPIRED);
    assert_int_equal(ask_plain(p), AUTH_EXPIRED);
    auth_leave(pass);
}

static void anonymous_streams_end_when_keys_come(void **state) {
    place *p = *state;
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    assert_string_equal(auth_owner(pass), "");
    auth_charge(pass, 100);
    assert_true(auth_may_go_on(pass, NULL));
    make_key(p, (keys_record){0});
    settle(p);
    assert_false(auth_may_go_on(pass, &refusal));
    assert_int_equal(refusal.status, 401);
    auth_leave(pass);
}

static void other_vendors_keys_where_none_is_needed(void **state) {
    place *p = *state;
    open_auth(p);
    snprintf(p->bearer, sizeof p->bearer, "Bearer sk-dummy");
    assert_int_equal(ask_plain(p), AUTH_OK);
    snprintf(p->bearer, sizeof p->bearer, "Bearer steno_nothing");
    assert_int_equal(ask_plain(p), AUTH_OK);
}

static void anonymous_although_there_are_keys(void **state) {
    place *p = *state;
    bool changed;
    p->config = (auth_config){.allowed_origins = "", .allow_anonymous = true};
    make_key(p, (keys_record){0});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_REQUEST);
    assert_string_equal(auth_owner(pass), p->id);
    auth_leave(pass);
    assert_int_equal(keys_revoke(p->other, p->id, p->wall_s, &changed), STENO_OK);
    settle(p);
    assert_int_equal(ask_plain(p), AUTH_REVOKED); /* who shows a key means it */
    snprintf(p->bearer, sizeof p->bearer, "Bearer sk-dummy");
    assert_int_equal(ask_plain(p), AUTH_OK);
    p->bearer[0] = 0;
    assert_int_equal(ask_plain(p), AUTH_OK);
    p->config.allow_anonymous = false;
    assert_int_equal(auth_configure(p->a, &p->config), STENO_OK);
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
}

/* A wide door without keys and without permission: only a mistake in wiring leads here. */
static void wide_and_keyless_is_shut(void **state) {
    place *p = *state;
    p->config.loopback = false;
    open_auth(p);
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
}

/* ---- guessing --------------------------------------------------------------------------------------------------- */

static void guessing(void **state) {
    place *p = *state;
    char good[sizeof p->bearer], wrong[KEYS_TEXT_CHARS + 1], text[sizeof p->bearer];
    keys_text made;
    make_key(p, (keys_record){0});
    memcpy(good, p->bearer, sizeof good);
    open_auth(p);
    assert_int_equal(keys_make(wrong, &made), STENO_OK);
    snprintf(text, sizeof text, "Bearer %s", wrong);
    net_request r = request(p);
    r.authorization = text;
    for (int i = 0; i < AUTH_FAILS_BURST; i++) assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_WRONG_KEY);
    assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_TOO_MANY_WRONG);
    assert_int_equal(refusal.status, 429);
    assert_int_equal(refusal.retry_after_s, 6);
    assert_int_equal(ask_plain(p), AUTH_OK); /* a good key of the same address is not shut out */
    r.peer = "192.0.2.2";
    assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_WRONG_KEY);
    r.peer = "192.0.2.1";
    p->now_ms += 6000;
    assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_WRONG_KEY);
}

/* For a key that exists even the right secret has to wait: an answer would be worth a guess. */
static void guessing_at_one_key(void **state) {
    place *p = *state;
    keys_text made;
    keys_record r = {.created_s = 1};
    char text[KEYS_TEXT_CHARS + 1], mine[sizeof p->bearer];
    make_key(p, (keys_record){0});
    memcpy(mine, p->bearer, sizeof mine);
    assert_int_equal(keys_make(text, &made), STENO_OK);
    memcpy(r.id, made.id, sizeof r.id);
    assert_int_equal(keys_create(p->other, &r), STENO_OK); /* with a hash of zeros */
    open_auth(p);
    snprintf(p->bearer, sizeof p->bearer, "Bearer %s", text);
    for (int i = 0; i < AUTH_FAILS_BURST; i++) assert_int_equal(ask_plain(p), AUTH_WRONG_KEY);
    assert_int_equal(ask_plain(p), AUTH_TOO_MANY_WRONG);
    assert_int_equal(db_exec(p->other, "UPDATE api_key_change SET n = n + 1"), STENO_OK);
    db_stmt *s;
    assert_int_equal(db_prepare(p->other, "UPDATE api_keys SET hash = ?1 WHERE id = ?2", &s), STENO_OK);
    db_bind_blob(s, 1, made.hash, sizeof made.hash);
    db_bind_text(s, 2, made.id);
    assert_int_equal(db_run(s), STENO_OK);
    settle(p);
    assert_int_equal(ask_plain(p), AUTH_TOO_MANY_WRONG);
    net_request elsewhere = request(p);
    elsewhere.peer = "192.0.2.9";
    assert_int_equal(ask(p, &elsewhere, AUTH_REQUEST), AUTH_OK);
    memcpy(p->bearer, mine, sizeof mine);
    assert_int_equal(ask_plain(p), AUTH_OK);
}

/* ---- limits ----------------------------------------------------------------------------------------------------- */

static void requests_a_minute(void **state) {
    place *p = *state;
    make_key(p, (keys_record){.requests_per_minute = 3});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_REQUEST);
    assert_string_equal(auth_headers(pass), "ratelimit-policy: \"requests\";q=3;w=60\r\n"
                                            "ratelimit: \"requests\";r=2;t=20\r\n");
    auth_leave(pass);
    assert_int_equal(ask_plain(p), AUTH_OK);
    assert_int_equal(ask_plain(p), AUTH_OK);
    assert_int_equal(ask_plain(p), AUTH_TOO_OFTEN);
    assert_int_equal(refusal.status, 429);
    assert_int_equal(refusal.retry_after_s, 20);
    assert_non_null(strstr(refusal.headers, "ratelimit: \"requests\";r=0;t=60"));
    p->wall_s += 7200; /* a clock that jumps has no say in this */
    assert_int_equal(ask_plain(p), AUTH_TOO_OFTEN);
    p->now_ms += 19999;
    assert_int_equal(ask_plain(p), AUTH_TOO_OFTEN);
    p->now_ms += 1;
    assert_int_equal(ask_plain(p), AUTH_OK);
    assert_int_equal(ask_plain(p), AUTH_TOO_OFTEN);
}

/* Another key's change, and so another table, does not refill anything. */
static void limits_outlive_a_new_table(void **state) {
    place *p = *state;
    char first[sizeof p->bearer];
    make_key(p, (keys_record){.requests_per_minute = 2, .streams = 1});
    memcpy(first, p->bearer, sizeof first);
    open_auth(p);
    auth_pass *stream = enter(p, AUTH_LIVE_STREAM);
    make_key(p, (keys_record){0});
    settle(p);
    memcpy(p->bearer, first, sizeof first);
    net_request r = request(p);
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_TOO_MANY_STREAMS);
    assert_int_equal(ask_plain(p), AUTH_TOO_OFTEN);
    auth_leave(stream);
}

static void streams_at_once(void **state) {
    place *p = *state;
    make_key(p, (keys_record){.streams = 2});
    open_auth(p);
    net_request r = request(p);
    auth_pass *one = enter(p, AUTH_LIVE_STREAM), *two = enter(p, AUTH_LIVE_STREAM);
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_TOO_MANY_STREAMS);
    assert_int_equal(refusal.status, 429);
    assert_true(refusal.retry_after_s > 0);
    assert_int_equal(ask(p, &r, AUTH_ASK_STREAM), AUTH_TOO_MANY_STREAMS);
    assert_int_equal(ask(p, &r, AUTH_RECORDING), AUTH_OK);
    auth_leave(one);
    assert_int_equal(ask(p, &r, AUTH_ASK_STREAM), AUTH_OK);
    one = enter(p, AUTH_LIVE_STREAM);
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_TOO_MANY_STREAMS);
    auth_leave(one);
    auth_leave(two);
}

static void audio_minutes_a_day(void **state) {
    place *p = *state;
    make_key(p, (keys_record){.audio_minutes_per_day = 2});
    open_auth(p);
    net_request r = request(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    for (int i = 0; i < 119 * 50; i++) auth_charge(pass, 0.02);
    assert_true(auth_may_go_on(pass, NULL));
    for (int i = 0; i < 30; i++) auth_charge(pass, 1 / 30.0);
    auth_charge(pass, 0.001);
    assert_false(auth_may_go_on(pass, &refusal));
    assert_int_equal(refusal.why, AUTH_TOO_MUCH_AUDIO);
    assert_int_equal(refusal.retry_after_s, KEYS_DAY_S / 2);
    assert_int_equal(ask(p, &r, AUTH_RECORDING), AUTH_TOO_MUCH_AUDIO);
    assert_int_equal(refusal.status, 429);
    assert_non_null(strstr(refusal.headers, "ratelimit: \"audio-minutes\";r=0;t=43200"));
    assert_int_equal(ask(p, &r, AUTH_LIVE_STREAM), AUTH_TOO_MUCH_AUDIO);
    assert_int_equal(ask(p, &r, AUTH_REQUEST), AUTH_OK); /* results may still be fetched */
    p->wall_s = NOON + KEYS_DAY_S / 2 - 1;
    assert_false(auth_may_go_on(pass, NULL));
    p->wall_s++;
    assert_true(auth_may_go_on(pass, NULL));
    auth_charge(pass, -1);
    auth_charge(pass, 0.0 / 0.0);
    auth_leave(pass);
}

/* A job that is heard when its request is long over, and its key perhaps gone. */
static void work_without_a_request(void **state) {
    place *p = *state;
    bool changed;
    make_key(p, (keys_record){.audio_minutes_per_day = 1, .requests_per_minute = 1, .streams = 1});
    open_auth(p);
    net_request r = request(p);
    assert_int_equal(ask(p, &r, AUTH_RECORDING), AUTH_OK);
    auth_pass *job = auth_pass_for(p->a, p->id), *nobodys = auth_pass_for(p->a, ""),
              *gone = auth_pass_for(p->a, "zzzzzzzz");
    assert_string_equal(auth_owner(job), p->id);
    assert_string_equal(auth_owner(nobodys), "");
    assert_string_equal(auth_owner(gone), "");
    auth_charge(job, 61);
    auth_charge(nobodys, 61);
    auth_charge(gone, 61);
    assert_int_equal(keys_revoke(p->other, p->id, p->wall_s, &changed), STENO_OK);
    settle(p);
    auth_charge(job, 1);
    auth_leave(job);
    auth_leave(nobodys);
    auth_leave(gone);
    settle(p);
    keys_day sum;
    assert_int_equal(keys_sum_use(p->other, p->id, TODAY, &sum), STENO_OK);
    assert_int_equal(sum.audio_ms, 62000);
    assert_int_equal(sum.requests, 1);
}

static void a_restart_does_not_forget(void **state) {
    place *p = *state;
    make_key(p, (keys_record){.audio_minutes_per_day = 1});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_RECORDING);
    auth_charge(pass, 30);
    settle(p); /* written on the way */
    auth_charge(pass, 31);
    auth_leave(pass);
    close_auth(p); /* and at the end */
    keys_day sum;
    assert_int_equal(keys_sum_use(p->other, p->id, TODAY, &sum), STENO_OK);
    assert_int_equal(sum.audio_ms, 61000);
    assert_int_equal(sum.requests, 1);
    assert_int_equal(sum.used_s, NOON);
    open_auth(p);
    net_request r = request(p);
    assert_int_equal(ask(p, &r, AUTH_RECORDING), AUTH_TOO_MUCH_AUDIO);
}

/* A clock that goes to a wrong day and comes back finds the day as it left it; a wrong day locks nobody out. */
static void a_clock_that_jumps(void **state) {
    static const int64_t places[] = {KEYS_DAY_S, -KEYS_DAY_S, 400 * (int64_t)KEYS_DAY_S, -NOON - 5};
    place *p = *state;
    make_key(p, (keys_record){.audio_minutes_per_day = 1});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    auth_charge(pass, 61);
    assert_false(auth_may_go_on(pass, NULL));
    for (size_t i = 0; i < 4; i++) {
        p->wall_s = NOON + places[i];
        assert_true(auth_may_go_on(pass, NULL));
        auth_charge(pass, 1);
        settle(p);
        p->wall_s = NOON;
        assert_false(auth_may_go_on(pass, NULL));
    }
    auth_leave(pass);
    close_auth(p);
    p->wall_s = NOON + KEYS_DAY_S; /* started with a clock that is a day wrong, and put right */
    open_auth(p);
    pass = enter(p, AUTH_LIVE_STREAM);
    p->wall_s = NOON;
    assert_false(auth_may_go_on(pass, NULL));
    auth_leave(pass);
}

/* A database that takes nothing: limits hold, and what was used is written when it works again. */
static void a_full_disk(void **state) {
    place *p = *state;
    keys_day sum;
    make_key(p, (keys_record){.audio_minutes_per_day = 1});
    open_auth(p);
    auth_pass *pass = enter(p, AUTH_LIVE_STREAM);
    auth_charge(pass, 40);
    assert_int_equal(db_exec(p->other, "CREATE TRIGGER full BEFORE INSERT ON api_key_use BEGIN "
                                       "SELECT raise(ABORT, 'the disk is full'); END"),
                     STENO_OK);
    settle(p); /* says so on standard error, once */
    settle(p);
    auth_charge(pass, 21);
    assert_false(auth_may_go_on(pass, NULL));
    assert_int_equal(db_exec(p->other, "DROP TRIGGER full"), STENO_OK);
    settle(p);
    assert_int_equal(keys_sum_use(p->other, p->id, TODAY, &sum), STENO_OK);
    assert_int_equal(sum.audio_ms, 61000);
    assert_int_equal(sum.requests, 1);
    auth_leave(pass);
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static auth_why ask_page(place *p, const char *host, const char *origin) {
    net_request r = request(p);
    r.host = host;
    r.origin = origin;
    return ask(p, &r, AUTH_LIVE_STREAM);
}

/* What a page of a stranger tries with a server on one's own machine. */
static void strangers_pages(void **state) {
    place *p = *state;
    open_auth(p);
    p->bearer[0] = 0;
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "http://127.0.0.1:8080"), AUTH_OK);
    assert_int_equal(ask_page(p, "localhost:8080", "http://localhost:8080"), AUTH_OK);
    assert_int_equal(ask_page(p, "[::1]:8080", "http://[::1]:8080"), AUTH_OK);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", ""), AUTH_OK); /* no browser */
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "https://evil.example"), AUTH_WRONG_ORIGIN);
    assert_int_equal(refusal.status, 403);
    assert_null(strstr(refusal.headers, "access-control"));
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "http://127.0.0.1:3000"), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "null"), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "file://"), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "evil.example:8080", "http://evil.example:8080"), AUTH_WRONG_HOST); /* rebound */
    assert_int_equal(refusal.status, 403);
    assert_int_equal(ask_page(p, "evil.example:8080", ""), AUTH_WRONG_HOST); /* a GET of such a page has no Origin */
    assert_int_equal(ask_page(p, "", ""), AUTH_WRONG_HOST);
}

static void pages_that_are_allowed(void **state) {
    place *p = *state;
    p->config.allowed_origins = "https://app.example, https://speech.example";
    open_auth(p);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "https://app.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "https://speech.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "http://app.example"), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "127.0.0.1:8080", "https://app.example.evil.example"), AUTH_WRONG_ORIGIN);
    net_request r = request(p);
    auth_pass *pass;
    r.origin = "https://app.example";
    assert_true(auth_admit(p->a, &r, AUTH_REQUEST, &pass, &refusal));
    assert_non_null(strstr(auth_headers(pass), "access-control-allow-origin: https://app.example\r\n"));
    assert_non_null(strstr(auth_headers(pass), "vary: Origin\r\n"));
    assert_null(strstr(auth_headers(pass), "credentials"));
    auth_leave(pass);
}

static void keys_and_pages(void **state) {
    place *p = *state;
    char origins[] = "https://app.example https://b.example";
    char plain[sizeof p->bearer], bound[sizeof p->bearer];
    make_key(p, (keys_record){0});
    memcpy(plain, p->bearer, sizeof plain);
    make_key(p, (keys_record){.origins = origins});
    memcpy(bound, p->bearer, sizeof bound);
    p->config.loopback = false;
    open_auth(p);
    memcpy(p->bearer, plain, sizeof plain); /* programs, and the own page, by whatever name */
    assert_int_equal(ask_page(p, "speech.example", ""), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "https://speech.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "https://app.example"), AUTH_WRONG_ORIGIN);
    memcpy(p->bearer, bound, sizeof bound);
    assert_int_equal(ask_page(p, "speech.example", "https://app.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "https://b.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "https://speech.example"), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "speech.example", ""), AUTH_WRONG_ORIGIN);
    assert_int_equal(ask_page(p, "speech.example", "null"), AUTH_WRONG_ORIGIN);
    p->bearer[0] = 0; /* a page that any key could let in is told what is wrong */
    assert_int_equal(ask_page(p, "speech.example", "https://b.example"), AUTH_NO_KEY);
    assert_non_null(strstr(refusal.headers, "access-control-allow-origin: https://b.example\r\n"));
    assert_int_equal(ask_page(p, "speech.example", "https://evil.example"), AUTH_NO_KEY);
    assert_null(strstr(refusal.headers, "access-control"));
}

static void a_key_for_every_page(void **state) {
    place *p = *state;
    char origins[] = "*";
    make_key(p, (keys_record){.origins = origins});
    open_auth(p);
    assert_int_equal(ask_page(p, "speech.example", "https://who.example"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", "null"), AUTH_OK);
    assert_int_equal(ask_page(p, "speech.example", ""), AUTH_OK);
}

static void preflights(void **state) {
    place *p = *state;
    char origins[] = "https://app.example";
    net_reply reply = {0};
    make_key(p, (keys_record){.origins = origins});
    open_auth(p);
    net_request r = request(p);
    r.method = "OPTIONS";
    r.authorization = "";
    r.origin = "https://app.example";
    auth_preflight(p->a, &r, &reply);
    assert_int_equal(reply.status, 204);
    assert_non_null(strstr(reply.owned_headers, "access-control-allow-origin: https://app.example\r\n"));
    assert_non_null(strstr(reply.owned_headers, "access-control-allow-headers: authorization, content-type\r\n"));
    assert_non_null(strstr(reply.owned_headers, "access-control-allow-methods: GET, HEAD, POST"));
    mem_free(reply.owned_headers);
    r.origin = "https://evil.example";
    auth_preflight(p->a, &r, &reply);
    assert_int_equal(reply.status, 403);
    assert_null(reply.owned_headers);
    r.origin = "";
    auth_preflight(p->a, &r, &reply);
    assert_int_equal(reply.status, 204);
    assert_null(reply.owned_headers);
}

static void headers_are_joined(void **state) {
    (void)state;
    net_reply reply = {0};
    auth_put_headers(&reply, "");
    assert_null(reply.owned_headers);
    auth_put_headers(&reply, "a: 1\r\n");
    auth_put_headers(&reply, "b: 2\r\n");
    assert_string_equal(reply.owned_headers, "a: 1\r\nb: 2\r\n");
    mem_free(reply.owned_headers);
}

/* ---- where to listen -------------------------------------------------------------------------------------------- */

static void where_to_listen(void **state) {
    static const char *const alone[] = {"127.0.0.1", "127.8.8.8", "localhost", "LocalHost", "::1", "::ffff:127.0.0.1"};
    static const char *const wide[] = {"0.0.0.0",        "::", "192.168.1.5", "speech.example", "", "127.0.0.1.example",
                                       "::ffff:10.0.0.1"};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        auth_binding b = auth_bind(alone[i], -1, i % 2);
        assert_string_equal(b.bind, alone[i]);
        assert_true(b.loopback);
        assert_string_equal(b.warning, "");
    }
    for (size_t i = 0; i < 7; i++) {
        auth_binding b = auth_bind(wide[i], 0, false);
        assert_string_equal(b.bind, "127.0.0.1");
        assert_true(b.loopback);
        assert_non_null(strstr(b.warning, "there is no API key yet"));
        assert_non_null(strstr(b.warning, "steno key create"));
        b = auth_bind(wide[i], -1, false);
        assert_true(b.loopback);
        assert_non_null(strstr(b.warning, "no data_dir"));
        b = auth_bind(wide[i], 1, false);
        assert_string_equal(b.bind, wide[i]);
        assert_false(b.loopback);
        assert_string_equal(b.warning, "");
        b = auth_bind(wide[i], i % 2 ? 0 : -1, true);
        assert_string_equal(b.bind, wide[i]);
        assert_false(b.loopback);
        assert_non_null(strstr(b.warning, "allow_anonymous"));
    }
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static void counts(void **state) {
    place *p = *state;
    auth_counts c;
    make_key(p, (keys_record){.expires_s = NOON - 1});
    make_key(p, (keys_record){0});
    open_auth(p);
    assert_int_equal(ask_plain(p), AUTH_OK);
    p->bearer[0] = 0;
    assert_int_equal(ask_plain(p), AUTH_NO_KEY);
    auth_get_counts(p->a, &c);
    assert_int_equal(c.keys, 2);
    assert_int_equal(c.usable, 1);
    assert_int_equal(c.admitted, 1);
    assert_int_equal(c.anonymous, 0);
    assert_int_equal(c.refused[AUTH_NO_KEY], 1);
    for (int i = 0; i < AUTH_WHYS; i++) assert_non_null(auth_code((auth_why)i));
}

static steno_err no_work(work *w, db *d) {
    (void)w, (void)d;
    return STENO_OK;
}

static bool store_was_here;

static void note(work *w) {
    (void)w;
    store_was_here = true;
}

/* All that was put before has been answered, if there was anything. */
static void wait_for_store(place *p) {
    work barrier = {.run = no_work, .done = note};
    store_was_here = false;
    assert_true(worker_put(p->store, &barrier));
    while (!store_was_here) {
        struct pollfd fd = {.fd = worker_fd(p->store), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 20000), 1);
        worker_deliver(p->store);
    }
}

/* Each allocation fails in turn: a request is refused or let in, keys stay as they were, nothing leaks. */
static void without_memory(void **state) {
    place *p = *state;
    char first[sizeof p->bearer];
    make_key(p, (keys_record){0});
    memcpy(first, p->bearer, sizeof first);
    open_auth(p);
    for (uint64_t nth = 1; nth <= 12; nth++) {
        make_key(p, (keys_record){0});
        memcpy(p->bearer, first, sizeof first);
        net_request r = request(p);
        auth_pass *pass;
        mem_fault_arm(nth);
        bool ok = auth_admit(p->a, &r, AUTH_REQUEST, &pass, &refusal);
        if (!ok) assert_int_equal(refusal.why, AUTH_NO_MEMORY);
        auth_tick(p->a);
        wait_for_store(p);
        mem_fault_arm(0);
        auth_leave(pass);
    }
    settle(p);
    assert_int_equal(ask_plain(p), AUTH_OK);
    auth_counts c;
    auth_get_counts(p->a, &c);
    assert_int_equal(c.keys, 13);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_key_is_needed_once_there_is_one),
        IN_PLACE(wrong_keys),
        IN_PLACE(a_wrong_secret),
        IN_PLACE(wherever_a_key_may_stand),
        IN_PLACE(hidden_from_those_behind),
        IN_PLACE(revoked_while_it_runs),
        IN_PLACE(never_open_again),
        IN_PLACE(a_row_that_vanishes_under_a_stream),
        IN_PLACE(expiry),
        IN_PLACE(anonymous_streams_end_when_keys_come),
        IN_PLACE(other_vendors_keys_where_none_is_needed),
        IN_PLACE(anonymous_although_there_are_keys),
        IN_PLACE(wide_and_keyless_is_shut),
        IN_PLACE(guessing),
        IN_PLACE(guessing_at_one_key),
        IN_PLACE(requests_a_minute),
        IN_PLACE(limits_outlive_a_new_table),
        IN_PLACE(streams_at_once),
        IN_PLACE(audio_minutes_a_day),
        IN_PLACE(work_without_a_request),
        IN_PLACE(a_restart_does_not_forget),
        IN_PLACE(a_clock_that_jumps),
        IN_PLACE(a_full_disk),
        IN_PLACE(strangers_pages),
        IN_PLACE(pages_that_are_allowed),
        IN_PLACE(keys_and_pages),
        IN_PLACE(a_key_for_every_page),
        IN_PLACE(preflights),
        cmocka_unit_test(headers_are_joined),
        cmocka_unit_test(where_to_listen),
        IN_PLACE(counts),
        IN_PLACE(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
