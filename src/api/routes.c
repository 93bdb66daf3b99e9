/* routes.c: see routes.h. */
#include "api/routes.h"

#include "api/auth.h"
#include "api/events.h"
#include "api/service_int.h"
#include "api/wire.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- the tables ------------------------------------------------------------------------------------------------- */

static const route routes[] = {
    {"GET", "/healthz", true, status_answer_health, native_refuse},
    {"GET", "/readyz", true, status_answer_ready, native_refuse},
    {"GET", "/v1/status", false, status_answer, native_refuse},
    {"GET", "/v1/stream", false, live_answer, native_refuse},
    {0},
};

static const upgrade_route upgrades[] = {
    {"/v1/stream", live_upgrade, native_refuse},
    {0},
};

/* ---- replies ---------------------------------------------------------------------------------------------------- */

#define JSON_HEADERS "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"

void reply_json(net_reply *reply, int status, json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(10)) : NULL;
    char *copy = text ? mem_strdup(text) : NULL; /* net frees by mem_free() */
    char *headers = reply->owned_headers;
    free(text);
    json_decref(object);
    *reply = (net_reply){.status = copy ? status : 500,
                         .type = "application/json",
                         .headers = JSON_HEADERS,
                         .owned_headers = headers,
                         .body = copy ? copy : "",
                         .bytes = copy ? strlen(copy) : 0,
                         .owned = copy};
}

void reply_header(net_reply *reply, const char *name, const char *value) {
    size_t had = reply->owned_headers ? strlen(reply->owned_headers) : 0;
    size_t room = had + strlen(name) + strlen(value) + sizeof ": \r\n";
    char *all = mem_alloc(1, room);
    if (!all) return; /* an answer without it is better than none */
    int n = snprintf(all, room, "%s%s: %s", had ? reply->owned_headers : "", name, value);
    for (char *at = all + had; *at; at++) {
        if (iscntrl((unsigned char)*at)) *at = ' ';
    }
    memcpy(all + n, "\r\n", 3);
    mem_free(reply->owned_headers);
    reply->owned_headers = all;
}

void native_refuse(net_reply *reply, const call *c, const call_refusal *why) {
    (void)c;
    reply_json(
        reply, why->status,
        json_pack("{s:s, s:o}", "code", why->code, "message", events_string(why->message, strlen(why->message))));
    reply->retry_after_s = why->retry_after_s;
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

const char *call_arg(const call *c, const char *name) {
    size_t n = strlen(name);
    for (int i = 0; i < c->request->n_args; i++) {
        const char *arg = c->request->args[i];
        if (strncmp(arg, name, n) == 0 && arg[n] == '=') return arg + n + 1;
        if (strcmp(arg, name) == 0) return "";
    }
    return NULL;
}

/* Steps over one segment of each; false: they differ. */
static bool same_segment(const char **path, const char **pattern) {
    size_t n = strcspn(*path, "/"), m = strcspn(*pattern, "/");
    bool any = m == 1 && **pattern == '*' && n > 0;
    if (!any && (n != m || memcmp(*path, *pattern, n) != 0)) return false;
    *path += n;
    *pattern += m;
    return true;
}

static bool matches(const char *path, const char *pattern) {
    for (;;) {
        if (!same_segment(&path, &pattern)) return false;
        if (!*path || !*pattern) return *path == *pattern;
        path++;
        pattern++;
    }
}

bool call_segment(const call *c, int k, char *out, size_t bytes) {
    for (const route *r = routes; r->path; r++) {
        const char *path = c->request->path, *pattern = r->path;
        if (!matches(path, pattern)) continue;
        for (; *path && *pattern; path += strcspn(path, "/"), pattern += strcspn(pattern, "/")) {
            path += *path == '/';
            pattern += *pattern == '/';
            size_t n = strcspn(path, "/");
            if (*pattern != '*' || k-- > 0) continue;
            if (n >= bytes) return false;
            memcpy(out, path, n);
            out[n] = 0;
            return true;
        }
        return false;
    }
    return false;
}

static bool sane_id(const char *id) {
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return n > 0 && n < CALL_ID_BYTES && id[n] == 0;
}

/* A random UUID (version 4), which some clients parse. */
static void make_id(char out[CALL_ID_BYTES]) {
    unsigned char b[16] = {0};
    if (getrandom(b, sizeof b, GRND_NONBLOCK) < 0) memset(b, 0, sizeof b); /* an id only, never a secret */
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(out, CALL_ID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static call begin(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    call c = {.service = ctx, .exchange = x, .request = r, .reply = reply};
    if (sane_id(r->request_id))
        snprintf(c.id, sizeof c.id, "%s", r->request_id);
    else
        make_id(c.id);
    return c;
}

/* Who was not taken over by an answer that comes later has left. */
static void finish(call *c) {
    auth_leave(c->pass);
}

static bool same_method(const char *asked, const char *method) {
    return strcmp(asked, method) == 0 || (strcmp(asked, "HEAD") == 0 && strcmp(method, "GET") == 0);
}

/* NULL: no such path; a route of another method if there is none of this one. */
static const route *find_route(const net_request *r) {
    const route *other = NULL;
    for (const route *at = routes; at->path; at++) {
        if (!matches(r->path, at->path)) continue;
        if (same_method(r->method, at->method)) return at;
        other = at;
    }
    return other;
}

static void refuse_method(call *c, const route *r) {
    char text[96];
    snprintf(text, sizeof text, "%s is not %s's method: want %s", c->request->method, r->path, r->method);
    r->refuse(c->reply, c, &(call_refusal){.status = 405, .code = "method", .message = text});
    reply_header(c->reply, "allow", r->method);
}

static void answer_page(call *c) {
    if (same_method(c->request->method, "GET"))
        status_answer_asset(c);
    else
        native_refuse(c->reply, c, &(call_refusal){.status = 405, .code = "method", .message = "only GET and HEAD"});
}

void routes_request(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    call c = begin(ctx, x, r, reply);
    const route *to = find_route(r);
    if (!to)
        answer_page(&c);
    else if (!same_method(r->method, to->method))
        refuse_method(&c, to);
    else
        to->answer(&c);
    if (reply->status) reply_header(reply, "x-request-id", c.id); /* else the exchange was taken: its answer says it */
    finish(&c);
}

const net_conn_handler *routes_upgrade(void *ctx, const net_request *r, net_reply *reply, void **user) {
    call c = begin(ctx, NULL, r, reply);
    const net_conn_handler *handler = NULL;
    const upgrade_route *to = upgrades;
    while (to->path && !matches(r->path, to->path)) to++;
    if (to->path)
        handler = to->upgrade(&c, user);
    else
        native_refuse(
            reply, &c,
            &(call_refusal){.status = 404, .code = "not_found", .message = "no WebSocket here: see /v1/stream"});
    reply_header(reply, "x-request-id", c.id);
    finish(&c);
    return handler;
}
