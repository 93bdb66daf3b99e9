/* trace.c: who is in which trace, and the spans they end. See trace.h. */
#include "api/trace_int.h"

#include "api/service_int.h"
#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define PATH        "/v1/traces"
#define NS_A_SECOND INT64_C(1000000000)

/* ---- clocks and chance ---------------------------------------------------------------------------------------------- */

static int64_t read_clock(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * NS_A_SECOND + t.tv_nsec;
}

int64_t trace_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t trace_at_ns(int64_t wall_ms) {
    return wall_ms * 1000000 - read_clock(CLOCK_REALTIME) + read_clock(CLOCK_MONOTONIC);
}

bool trace_random(void *out, size_t n) {
    unsigned char *bytes = out;
    if (getrandom(out, n, GRND_NONBLOCK) != (ssize_t)n) return false;
    bytes[n - 1] |= (unsigned char)!bytes[n - 1]; /* zeros are no id */
    return true;
}

/* ---- configuration -------------------------------------------------------------------------------------------------- */

/* "Name: value", and a name that is not one of ours. */
static bool is_header(const char *line, size_t n) {
    static const char *const ours[] = {"content-", "host:", "expect:", "transfer-encoding:", "connection:"};
    size_t name = strcspn(line, ":");
    if (name == 0 || name >= n) return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (i < name ? !isalnum(c) && !strchr("!#$%&'*+-.^_`|~", c) : c != '\t' && (c < 0x20 || c > 0x7e)) return false;
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strncasecmp(line, ours[i], strlen(ours[i])) == 0) return false;
    }
    return n < SEND_HEAD_BYTES;
}

/* Lines that begin with '#' are remarks. What stands there is not repeated in errors: it is a secret. */
static steno_err add_line(const char *path, const char *line, size_t n, char out[SEND_HEADERS_BYTES]) {
    size_t used = strlen(out);
    if (n == 0 || line[0] == '#') return STENO_OK;
    if (!is_header(line, n)) return err_fail(STENO_E_INVALID, "%s: a line is not \"Name: value\"", path);
    if (used + n + 2 > SEND_HEADERS_BYTES)
        return err_fail(STENO_E_INVALID, "%s: longer than %d bytes", path, SEND_HEADERS_BYTES - 1);
    snprintf(out + used, SEND_HEADERS_BYTES - used, "%.*s\n", (int)n, line);
    return STENO_OK;
}

static steno_err read_headers(const char *path, char out[SEND_HEADERS_BYTES]) {
    char line[SEND_HEADERS_BYTES];
    steno_err e = STENO_OK;
    out[0] = 0;
    if (!path || !path[0]) return STENO_OK;
    FILE *in = fopen(path, "re");
    if (!in) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    while (e == STENO_OK && fgets(line, sizeof line, in)) e = add_line(path, line, strcspn(line, "\r\n"), out);
    if (e == STENO_OK && ferror(in)) e = err_fail(STENO_E_IO, "%s cannot be read", path);
    fclose(in);
    return e;
}

static steno_err read_url(const char *from, char out[TRACE_URL_BYTES]) {
    size_t n = strlen(from), path = sizeof PATH - 1;
    ERR_TRY(webhook_url_check(from));
    bool whole = n > path && strcmp(from + n - path, PATH) == 0;
    if (!whole && n && from[n - 1] == '/') n--;
    if (n + path >= TRACE_URL_BYTES) return err_fail(STENO_E_INVALID, "the address of the collector is too long");
    snprintf(out, TRACE_URL_BYTES, "%.*s%s", (int)n, from, whole ? "" : PATH);
    return STENO_OK;
}

steno_err tracer_configure(tracer *t, const trace_config *config) {
    char url[TRACE_URL_BYTES] = "", headers[SEND_HEADERS_BYTES];
    bool on = config->url && config->url[0];
    if (on) {
        ERR_TRY(read_url(config->url, url));
        ERR_TRY(read_headers(config->headers_file, headers));
        ERR_TRY(trace_export_open(t, config, headers));
        memcpy(t->url, url, sizeof url);
    }
    t->on = on;
    t->share = (double)config->percent / 100.0;
    return STENO_OK;
}

/* Which process it was, for the collector: another one after each start. */
static void name_process(tracer *t) {
    unsigned char id[TRACE_ID_BYTES] = {0};
    if (!trace_random(id, sizeof id)) snprintf((char *)id, sizeof id, "%ld", (long)getpid());
    trace_hex(id, sizeof id, t->instance);
    if (gethostname(t->host, sizeof t->host) != 0) t->host[0] = 0;
    t->host[sizeof t->host - 1] = 0;
}

steno_err tracer_open(const trace_config *config, service *v, tracer **out) {
    tracer *t = mem_alloc(1, sizeof *t);
    *out = NULL;
    if (!t) return err_fail(STENO_E_NOMEM, "no memory for traces");
    *t = (tracer){.service = v};
    name_process(t);
    steno_err e = tracer_configure(t, config);
    if (e != STENO_OK) {
        tracer_stop(t);
        tracer_close(t);
        return e;
    }
    *out = t;
    return STENO_OK;
}

void tracer_stop(tracer *t) {
    if (!t || t->stopped) return;
    trace_export_stop(t);
    t->on = false;
    t->stopped = true;
}

void tracer_close(tracer *t) {
    mem_free(t);
}

/* ---- contexts ------------------------------------------------------------------------------------------------------- */

/* A span of ours below the one that is there. */
static void record(trace *of, bool has_parent) {
    trace_link at = of->at;
    if (!trace_random(at.span, sizeof at.span)) return;
    memcpy(of->parent, of->at.span, sizeof of->parent);
    at.recorded = true;
    of->at = at;
    of->has_parent = has_parent;
}

static bool is_chosen(const tracer *t) {
    uint32_t chance;
    return t && t->on && t->share > 0 && getrandom(&chance, sizeof chance, GRND_NONBLOCK) == (ssize_t)sizeof chance &&
           (double)chance < t->share * 4294967296.0;
}

static void begin_new(trace *of) {
    if (!trace_random(of->at.trace, sizeof of->at.trace)) return;
    of->at.flags = TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM;
    of->at.known = true;
    record(of, false);
    if (!of->at.recorded) of->at = (trace_link){0};
}

static bool read_request(const net_request *r, trace *out) {
    char parent[3 * TRACE_PARENT_BYTES], state[4 * TRACE_STATE_BYTES];
    if (!net_header_joined(r, "traceparent", parent, sizeof parent) || !trace_parent_read(parent, &out->at))
        return false;
    if (net_header_joined(r, "tracestate", state, sizeof state)) (void)!trace_state_keep(state, out->state);
    return true;
}

void trace_begin(tracer *t, const net_request *r, bool worth, trace *out) {
    *out = (trace){.begun_ns = trace_now_ns(), .tls = r && r->tls};
    if (r && read_request(r, out)) {
        if (t && t->on && out->at.flags & TRACE_FLAG_SAMPLED) record(out, true);
    } else if (worth && is_chosen(t)) {
        begin_new(out);
    }
}

void trace_resume(tracer *t, const char *text, trace *out) {
    *out = (trace){.begun_ns = trace_now_ns()};
    if (trace_text_read(text, &out->at, out->state) && t && t->on && out->at.flags & TRACE_FLAG_SAMPLED)
        record(out, true);
}

void trace_answer(const trace *of, net_reply *reply) {
    char text[TRACE_PARENT_BYTES];
    trace_link at = of->at;
    if (!at.known) return;
    if (!at.recorded) { /* the answer is some span's, though nobody hears of it */
        at.flags &= (unsigned char)~TRACE_FLAG_SAMPLED;
        if (!trace_random(at.span, sizeof at.span)) return;
    }
    trace_parent_write(&at, text);
    reply_header(reply, "traceresponse", text);
}

const char *trace_id(const trace *of, char out[TRACE_HEX_BYTES]) {
    out[0] = 0;
    if (of->at.known) trace_hex(of->at.trace, sizeof of->at.trace, out);
    return out;
}

void trace_remember(const trace *of, char out[TRACE_TEXT_BYTES]) {
    trace_text_write(&of->at, of->state, out);
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

void trace_put(tracer *t, const trace_span *s) {
    trace_event events[TRACE_FINALS_MAX + 2];
    trace_span wall = *s;
    if (!s->at.recorded || !t->on) return;
    int64_t to_wall_ns = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
    wall.begin_ns += to_wall_ns;
    wall.end_ns += to_wall_ns;
    for (uint32_t i = 0; i < s->n_events; i++) {
        events[i] = s->events[i];
        events[i].at_ns += to_wall_ns;
    }
    wall.events = events;
    trace_export(t, &wall);
}

void trace_child(tracer *t, const trace_link *parent, const char *name, int64_t begin_ns, int64_t end_ns,
                 const trace_attribute *attributes) {
    trace_span s = {.at = *parent,
                    .parent = parent->span,
                    .name = name,
                    .kind = TRACE_INTERNAL,
                    .begin_ns = begin_ns,
                    .end_ns = end_ns,
                    .attributes = attributes};
    if (parent->recorded && trace_random(s.at.span, sizeof s.at.span)) trace_put(t, &s);
}
