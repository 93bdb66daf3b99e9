/* trace_webhook.c: messages to receivers in the trace of what they tell of. See trace.h. Owner: the network thread.
 *
 * Of the address no more than scheme and host is told: paths and queries of webhooks are secrets often enough.
 */
#include "api/trace_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(DELIVERY_TRACE_BYTES >= TRACE_TEXT_BYTES, "a row holds what trace_text.h writes");

void trace_attempt(const tracer *t, delivery *message) {
    trace_link at;
    char state[TRACE_STATE_BYTES];
    bool recorded = t && t->on && trace_text_read(message->trace, &at, state) && at.flags & TRACE_FLAG_SAMPLED;
    if (!recorded || !trace_random(message->span, sizeof message->span)) memset(message->span, 0, sizeof message->span);
}

/* The name and the port of "https://host:8443". */
static int64_t split_origin(const char *origin, char host[SEND_ORIGIN_BYTES]) {
    const char *at = strstr(origin, "://");
    host[0] = 0;
    if (!at) return 0;
    snprintf(host, SEND_ORIGIN_BYTES, "%s", at + 3);
    char *colon = strrchr(host, ':');
    if (colon && strchr(colon, ']')) colon = NULL; /* of an IPv6 address */
    int64_t port = colon ? strtol(colon + 1, NULL, 10) : strncmp(origin, "https", 5) == 0 ? 443 : 80;
    if (colon) *colon = 0;
    return port;
}

void trace_attempted(tracer *t, const send_answer *a) {
    static const unsigned char none[TRACE_SPAN_BYTES];
    char state[TRACE_STATE_BYTES], host[SEND_ORIGIN_BYTES], url[SEND_ORIGIN_BYTES + 16], status[16];
    trace_link at;
    if (memcmp(a->span, none, sizeof none) == 0 || !trace_text_read(a->trace, &at, state)) return;
    unsigned char parent[TRACE_SPAN_BYTES];
    memcpy(parent, at.span, sizeof parent);
    memcpy(at.span, a->span, sizeof at.span);
    at.recorded = true;
    bool failed = a->status < 200 || a->status > 299;
    int64_t port = split_origin(a->origin, host);
    snprintf(url, sizeof url, "%s/REDACTED", a->origin);
    snprintf(status, sizeof status, "%d", a->status);
    trace_attribute all[10] = {
        TRACE_STR("http.request.method", a->put ? "PUT" : "POST"),
        TRACE_STR("server.address", host),
        TRACE_INT("server.port", port),
        TRACE_STR("url.full", url),
        TRACE_STR("steno.message", "webhook"),
    };
    int n = 5;
    if (a->attempts > 1) all[n++] = TRACE_INT("http.request.resend_count", a->attempts - 1);
    if (a->status) all[n++] = TRACE_INT("http.response.status_code", a->status);
    if (failed) all[n++] = TRACE_STR("error.type", a->status ? status : "connection");
    trace_put(t, &(trace_span){.at = at,
                               .parent = parent,
                               .state = state,
                               .name = a->put ? "PUT" : "POST",
                               .name_more = "webhook",
                               .kind = TRACE_CLIENT,
                               .begin_ns = a->begun_ns,
                               .end_ns = a->ended_ns,
                               .attributes = all,
                               .failed = failed});
}
