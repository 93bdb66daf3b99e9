/* routes.c: see routes.h. */
#include "api/routes.h"

#include "api/deepgram.h"
#include "api/events.h"
#include "api/funasr.h"
#include "api/jobs.h"
#include "api/openai.h"
#include "api/redact_http.h"
#include "api/service_int.h"
#include "api/shadow.h"
#include "api/speakers.h"
#include "api/vosk.h"
#include "api/watch.h"
#include "api/wire.h"
#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the tables ------------------------------------------------------------------------------------------------- */

static const route routes[] = {
    {"GET", "/healthz", ROUTE_OPEN, status_answer_health, native_refuse},
    {"GET", "/readyz", ROUTE_OPEN, status_answer_ready, native_refuse},
    {"GET", "/metrics", ROUTE_METRICS, metrics_answer, native_refuse},
    {"GET", "/v1/status", ROUTE_REQUEST, status_answer, native_refuse},
    {"GET", "/v1/watch", ROUTE_REQUEST, watch_answer, native_refuse},
    {"GET", "/v1/shadow", ROUTE_REQUEST, shadow_answer, native_refuse},
    {"GET", "/v1/stream", ROUTE_ASK_STREAM, live_answer, native_refuse},
    {"POST", "/v1/jobs", ROUTE_RECORDING, jobs_answer_post, native_refuse},
    {"GET", "/v1/jobs", ROUTE_REQUEST, jobs_answer_list, native_refuse},
    {"GET", "/v1/jobs/*", ROUTE_REQUEST, jobs_answer_get, native_refuse},
    {"DELETE", "/v1/jobs/*", ROUTE_REQUEST, jobs_answer_delete, native_refuse},
    {"GET", "/v1/jobs/*/result", ROUTE_REQUEST, jobs_answer_result, native_refuse},
    {"POST", "/v1/speakers", ROUTE_RECORDING, speakers_answer_post, native_refuse},
    {"GET", "/v1/speakers", ROUTE_REQUEST, speakers_answer_list, native_refuse},
    {"DELETE", "/v1/speakers/*", ROUTE_REQUEST, speakers_answer_delete, native_refuse},
    {"POST", "/v1/redact", ROUTE_REQUEST, redact_answer, native_refuse},
    {"POST", "/v1/audio/transcriptions", ROUTE_RECORDING, openai_answer_transcription, openai_refuse},
    {"POST", "/v1/audio/translations", ROUTE_REQUEST, openai_answer_unsupported, openai_refuse},
    {"POST", "/v1/audio/speech", ROUTE_REQUEST, openai_answer_unsupported, openai_refuse},
    {"POST", "/v1/realtime/client_secrets", ROUTE_REQUEST, openai_answer_unsupported, openai_refuse},
    {"POST", "/v1/realtime/sessions", ROUTE_REQUEST, openai_answer_unsupported, openai_refuse},
    {"POST", "/v1/realtime/transcription_sessions", ROUTE_REQUEST, openai_answer_unsupported, openai_refuse},
    {"GET", "/v1/models", ROUTE_REQUEST, openai_answer_models, openai_refuse},
    {"GET", "/v1/models/*", ROUTE_REQUEST, openai_answer_model, openai_refuse},
    {"POST", "/v1/listen", ROUTE_RECORDING, deepgram_answer, deepgram_refuse},
    {0},
};

static const upgrade_route upgrades[] = {
    {"/v1/stream", live_upgrade, native_refuse},
    {"/v1/realtime", openai_upgrade, openai_refuse},
    {"/v1/listen", deepgram_upgrade, deepgram_refuse},
    {"/v2/listen", deepgram_upgrade_v2, deepgram_refuse},
    {"/", vosk_upgrade, native_refuse},
    {"/vosk", vosk_upgrade, native_refuse},
    {"/funasr", funasr_upgrade, native_refuse},
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

void reply_call_headers(net_reply *reply, const char *id, const auth_pass *pass) {
    reply_header(reply, "x-request-id", id);
    if (pass) auth_put_headers(reply, auth_headers(pass));
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

/* ---- who asks --------------------------------------------------------------------------------------------------- */

static auth_use use_of(route_use u) {
    switch (u) {
    case ROUTE_RECORDING:
        return AUTH_RECORDING;
    case ROUTE_ASK_STREAM:
        return AUTH_ASK_STREAM;
    default:
        return AUTH_REQUEST;
    }
}

/* Whoever resumes a stream has it already: it is not counted again, nor refused for being one too many. */
static bool resumes(const call *c) {
    const char *token = call_arg(c, "resume");
    return token && token[0] && strcmp(c->request->path, "/v1/stream") == 0;
}

/* False: refused, in the words of whose path it is. */
static bool admit(call *c, const net_request *with_key, auth_use use, call_refuse *refuse) {
    auth_refusal why;
    if (auth_admit(c->service->auth, with_key, use, &c->pass, &why)) return true;
    refuse(c->reply, c, &(call_refusal){why.status, why.code, why.message, why.retry_after_s});
    auth_put_headers(c->reply, why.headers);
    return false;
}

/* What the log is to say when the answer is over. */
typedef struct note {
    char id[LOG_ID_BYTES], key[KEYS_ID_CHARS + 1], method[8], peer[64], path[NET_PATH_BYTES_MAX];
    int64_t begun_ms;
    bool quiet, at_once; /* at_once: the answer did not have to wait */
    metrics_dialect dialect;
    trace trace;
    int64_t answer_ns; /* its head went out; 0: not yet */
} note;

static note note_of(const call *c, bool quiet) {
    note n = {
        .begun_ms = net_now_ms(), .quiet = quiet, .dialect = metrics_dialect_of_path(c->request->path, !c->exchange)};
    snprintf(n.id, sizeof n.id, "%s", c->id);
    snprintf(n.method, sizeof n.method, "%s", c->request->method);
    snprintf(n.peer, sizeof n.peer, "%s", c->request->peer);
    snprintf(n.path, sizeof n.path, "%s", c->request->path);
    n.trace = c->trace;
    return n;
}

static void log_answer(const note *n, const net_answered *a) {
    char hex[TRACE_HEX_BYTES];
    log_access_line(&(log_access){.id = n->id,
                                  .trace = trace_id(&n->trace, hex),
                                  .peer = n->peer,
                                  .method = n->method,
                                  .path = n->path,
                                  .key = n->key[0] ? n->key : NULL,
                                  .status = a->status,
                                  .ms = net_now_ms() - n->begun_ms,
                                  .received_bytes = a->received_bytes,
                                  .sent_bytes = a->sent_bytes,
                                  .quiet = n->quiet});
}

void routes_answering(void *ctx, void *user, net_reply *reply) {
    note *n = user;
    (void)ctx;
    if (n->trace.at.recorded) n->answer_ns = trace_now_ns();
    trace_answer(&n->trace, reply);
}

static void end_trace(service *v, note *n, int status, bool complete) {
    if (n->answer_ns && !n->at_once) trace_child(v->tracer, &n->trace.at, "answer", n->answer_ns, trace_now_ns(), NULL);
    trace_request_over(v->tracer, &n->trace,
                       &(trace_outcome){.dialect = metrics_dialect_name(n->dialect),
                                        .outcome = metrics_outcome_name(status, complete),
                                        .status = status});
}

void routes_answered(void *ctx, void *user, const net_answered *a) {
    note *n = user;
    log_answer(n, a);
    end_trace(ctx, n, a->status, a->complete);
    metrics_answered(&((service *)ctx)->metrics, n->dialect, a->status, a->complete,
                     (double)(net_now_ms() - n->begun_ms) / 1000);
    mem_free(n);
    service_check_drained(ctx);
}

/* Before the pass is taken over by whoever answers later. */
static void note_key(note *n, const call *c) {
    if (n && c->pass) snprintf(n->key, sizeof n->key, "%s", auth_owner(c->pass));
}

/* Without memory an answer goes unlogged: NULL. */
static note *take_note(net_exchange *x, const call *c, bool quiet) {
    note *n = mem_alloc(1, sizeof *n);
    if (!n) return NULL;
    *n = note_of(c, quiet);
    net_note(x, n);
    return n;
}

/* Methods as they are told to a collector; NULL: none that is known. */
static const char *known_method(const char *method) {
    static const char *const known[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0) return known[i];
    }
    return NULL;
}

/* `hidden` is a copy of the request without its key: what anybody further on sees. `path`: the route's; NULL: none. `worth`: of a trace that
 * begins here. */
static void begin(call *c, const net_request *r, net_request *hidden, const char *path, bool worth) {
    c->request = hidden;
    *hidden = *r;
    auth_hide_key(hidden);
    log_request_id(r->request_id, c->id);
    trace_begin(c->service->tracer, r, worth, &c->trace);
    c->trace.method = known_method(r->method);
    c->trace.route = path;
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

/* Bodies that will not be read. Those whose length is not said beforehand are cut off by the network, in its own words. */
static bool refuse_body(call *c, const route *to) {
    char packed[32], text[96];
    uint64_t most = c->service->config.net.body_bytes_max;
    if (c->request->content_length > 0 && (uint64_t)c->request->content_length > most) {
        snprintf(text, sizeof text, "the body has %" PRId64 " bytes; at most %" PRIu64 " are taken (body_max_mb)",
                 c->request->content_length, most);
        to->refuse(c->reply, c, &(call_refusal){.status = 413, .code = "too_large", .message = text});
        return true;
    }
    if (!net_header(c->request, "content-encoding", packed, sizeof packed) || strcasecmp(packed, "identity") == 0)
        return false;
    /* Nothing is unpacked here: a small body that becomes a large one is nobody's friend. */
    to->refuse(c->reply, c,
               &(call_refusal){.status = 415,
                               .code = "content_encoding",
                               .message = "Content-Encoding: bodies are taken as they are, not compressed"});
    return true;
}

static bool is_open(const call *c, const route *to) {
    return to->use == ROUTE_OPEN || (to->use == ROUTE_METRICS && metrics_open_to(c->service, c->request));
}

static void answer(call *c, const net_request *with_key, const route *to, note *n) {
    if (!to)
        answer_page(c);
    else if (strcmp(c->request->method, "OPTIONS") == 0)
        auth_preflight(c->service->auth, with_key, c->reply);
    else if (!same_method(c->request->method, to->method))
        refuse_method(c, to);
    else if (refuse_body(c, to))
        return;
    else if (is_open(c, to) || admit(c, with_key, resumes(c) ? AUTH_REQUEST : use_of(to->use), to->refuse)) {
        note_key(n, c);
        to->answer(c);
    }
}

void routes_request(void *ctx, net_exchange *x, const net_request *r, net_reply *reply) {
    net_request hidden;
    call c = {.service = ctx, .exchange = x, .reply = reply};
    const route *to = find_route(r);
    bool quiet = !to || to->use <= ROUTE_METRICS;
    begin(&c, r, &hidden, to ? to->path : NULL, !quiet);
    note *n = take_note(x, &c, quiet);
    answer(&c, r, to, n);
    if (n) n->at_once = reply->status != 0;
    if (reply->status) reply_call_headers(reply, c.id, c.pass); /* else the exchange was taken: its answer says it */
    auth_leave(c.pass);
}

const net_conn_handler *routes_upgrade(void *ctx, const net_request *r, net_reply *reply, void **user) {
    net_request hidden;
    call c = {.service = ctx, .reply = reply};
    const net_conn_handler *handler = NULL;
    const upgrade_route *to = upgrades;
    while (to->path && !matches(r->path, to->path)) to++;
    begin(&c, r, &hidden, to->path, to->path != NULL);
    note n = note_of(&c, false);
    if (!to->path)
        native_refuse(
            reply, &c,
            &(call_refusal){.status = 404, .code = "not_found", .message = "no WebSocket here: see /v1/stream"});
    else if (admit(&c, r, resumes(&c) ? AUTH_REQUEST : AUTH_LIVE_STREAM, to->refuse)) {
        note_key(&n, &c);
        handler = to->upgrade(&c, user);
    }
    if (handler && !reply->protocol) reply->protocol = auth_protocol(r);
    reply_call_headers(reply, c.id, c.pass);
    trace_answer(&c.trace, reply);
    if (!handler) end_trace(c.service, &n, reply->status, true);
    metrics_upgraded(&c.service->metrics, n.dialect, handler ? 101 : reply->status);
    log_answer(&n, &(net_answered){.status = handler ? 101 : reply->status, .sent_bytes = handler ? 0 : reply->bytes});
    auth_leave(c.pass);
    return handler;
}
