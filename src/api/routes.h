/* routes.h: who answers which path: one table of requests and one of WebSockets; a dialect is one file and a line in each.
 *
 * Owner: the network thread. A call is one request (or upgrade) on its way to an answer; it lives on the stack of
 * routes.c, so whoever answers later copies what it needs.
 */
#ifndef STENO_API_ROUTES_H
#define STENO_API_ROUTES_H

#include "api/auth.h"
#include "api/trace.h"
#include "base/log.h"

#include <jansson.h>

typedef struct service service;

typedef struct call {
    service *service;
    net_exchange *exchange; /* NULL: an upgrade */
    const net_request *request;
    net_reply *reply;
    auth_pass *pass; /* who asks, NULL: nobody has to say. Whoever goes on after the call has returned takes it over by
                        setting this to NULL, and leaves it by auth_leave() at the end. */
    char id[LOG_ID_BYTES]; /* X-Request-Id: the client's if it is sane, else made here */
    trace trace; /* whoever looks after an upgraded connection keeps a copy, and ends it: trace_request_over() */
} call;

/* Why somebody gets no answer: each dialect has its own shape for it. */
typedef struct call_refusal {
    int status;          /* HTTP */
    const char *code;    /* "unauthorized", "not_found", "full" … : a word for programs */
    const char *message; /* a sentence for people; names the input and the reason */
    int retry_after_s;   /* 0: no such header */
} call_refusal;
typedef void call_refuse(net_reply *reply, const call *c, const call_refusal *why);

typedef enum route_use {
    ROUTE_OPEN,      /* no key is asked for */
    ROUTE_METRICS,   /* as metrics_open_to() says */
    ROUTE_REQUEST,   /* a key, but no audio */
    ROUTE_RECORDING, /* a recording to be recognised */
    ROUTE_ASK_STREAM /* whether there would be a live stream */
} route_use;

typedef struct route {
    const char *method; /* "GET" stands for HEAD too */
    const char *path;   /* a segment "*" is any one segment */
    route_use use;
    void (*answer)(call *c);
    call_refuse *refuse;
} route;

typedef struct upgrade_route {
    const char *path;
    /* Who looks after the connection, or NULL and a reply that refuses. */
    const net_conn_handler *(*upgrade)(call *c, void **user);
    call_refuse *refuse;
} upgrade_route;

/* net.h's request() and upgrade(); the context is the service. */
/* and answered(): the line of the log; and answering(): what every answer says of its trace */
void routes_answered(void *ctx, void *note, const net_answered *a);
void routes_answering(void *ctx, void *note, net_reply *reply);
void routes_request(void *ctx, net_exchange *x, const net_request *r, net_reply *reply);
const net_conn_handler *routes_upgrade(void *ctx, const net_request *r, net_reply *reply, void **user);

/* The value of a query parameter, or NULL. The first of several. */
const char *call_arg(const call *c, const char *name);
/* The path's segment where the route's k-th "*" stands (k from 0), into out. False: there is none, or it is too long. */
bool call_segment(const call *c, int k, char *out, size_t bytes);

/* ---- replies ---------------------------------------------------------------------------------------------------- */

/* Compact JSON that is not to be cached. Steals the object; without memory the reply is a 500. */
void reply_json(net_reply *reply, int status, json_t *object);
/* What every answer has: X-Request-Id, and what the key's limits and the page's origin ask for. routes.c does it for what
 * is answered at once; whoever took the exchange does it before net_answer() or net_stream_begin(). */
void reply_call_headers(net_reply *reply, const char *id, const auth_pass *pass);
/* Adds a header line; the value's control characters come out as blanks. */
void reply_header(net_reply *reply, const char *name, const char *value);
/* The shape of the native protocol: {"code": …, "message": …}. */
call_refuse native_refuse;

#endif
