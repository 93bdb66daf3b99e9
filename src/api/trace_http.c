/* trace_http.c: the span of a request, by OpenTelemetry's conventions for HTTP servers. See trace.h. Owner: the network thread.
 *
 * `url.path` is the route and not the path: paths hold ids, names of voices, and whatever somebody types.
 */
#include "api/trace.h"

#include <stdio.h>

/* No path of ours: pages, and what there is not. */
static const char *path_of(const trace *of) {
    return of->route ? of->route : "/*";
}

void trace_request_over(tracer *t, trace *of, const trace_outcome *how) {
    enum { FIXED = 8, MORE = 8 };
    trace_attribute all[FIXED + MORE + 1] = {
        TRACE_STR("http.request.method", of->method ? of->method : "_OTHER"),
        TRACE_STR("url.scheme", of->tls ? "https" : "http"),
        TRACE_STR("url.path", path_of(of)),
        TRACE_STR("http.route", of->route),
        TRACE_STR("steno.dialect", how->dialect),
        TRACE_STR("steno.outcome", how->outcome),
    };
    char status[16];
    int n = 6;
    if (!of->at.recorded) return;
    if (how->status) all[n++] = TRACE_INT("http.response.status_code", how->status);
    snprintf(status, sizeof status, "%d", how->status);
    bool failed = how->error || how->status >= 500;
    if (failed || how->status == 0)
        all[n++] = TRACE_STR("error.type", how->error ? how->error : how->status ? status : "cancelled");
    for (int i = 0; how->more && how->more[i].kind != TRACE_VALUE_END && i < MORE; i++) all[n++] = how->more[i];
    trace_put(t, &(trace_span){.at = of->at,
                               .parent = of->has_parent ? of->parent : NULL,
                               .parent_remote = of->has_parent,
                               .state = of->state,
                               .name = of->method ? of->method : "HTTP",
                               .name_more = of->route,
                               .kind = TRACE_SERVER,
                               .begin_ns = of->begun_ns,
                               .end_ns = trace_now_ns(),
                               .attributes = all,
                               .failed = failed});
    of->at.recorded = false; /* once */
}
