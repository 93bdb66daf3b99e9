/* trace_text.c: see trace_text.h. */
#include "watch/trace_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SCOPE_NAME      "steno"
#define FLAG_REMOTE     0x200u /* of OTLP's span flags: the parent is another process's … */
#define FLAG_REMOTE_Y   0x100u /* … and the bit above says so */
#define KEY_BYTES_MAX   256    /* of a member of tracestate */
#define VALUE_BYTES_MAX 256

/* ---- traceparent ---------------------------------------------------------------------------------------------------- */

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* capitals are not allowed */
}

/* n bytes of hexadecimal and whatever ends them. False: they are none. */
static bool read_hex(const char *text, unsigned char *out, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int high = digit_of(text[2 * i]), low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
        if (low < 0) return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const unsigned char *id, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (id[i]) return false;
    }
    return true;
}

bool trace_parent_read(const char *header, trace_link *out) {
    unsigned char version;
    trace_link at = {.known = true};
    size_t n = strlen(header);
    *out = (trace_link){0};
    if (n < TRACE_PARENT_BYTES - 1 || header[2] != '-' || header[35] != '-' || header[52] != '-') return false;
    if (!read_hex(header, &version, 1) || version == 0xff) return false;
    if (n > TRACE_PARENT_BYTES - 1 && (version == 0 || header[TRACE_PARENT_BYTES - 1] != '-')) return false;
    if (!read_hex(header + 3, at.trace, sizeof at.trace) || !read_hex(header + 36, at.span, sizeof at.span) ||
        !read_hex(header + 53, &at.flags, 1))
        return false;
    if (is_zero(at.trace, sizeof at.trace) || is_zero(at.span, sizeof at.span)) return false;
    at.flags &= TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM;
    *out = at;
    return true;
}

void trace_hex(const unsigned char *id, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[id[i] >> 4];
        out[2 * i + 1] = digits[id[i] & 15];
    }
    out[2 * n] = 0;
}

void trace_parent_write(const trace_link *at, char out[TRACE_PARENT_BYTES]) {
    char trace[TRACE_HEX_BYTES], span[TRACE_HEX_BYTES];
    trace_hex(at->trace, sizeof at->trace, trace);
    trace_hex(at->span, sizeof at->span, span);
    snprintf(out, TRACE_PARENT_BYTES, "00-%.32s-%.16s-%02x", trace, span, at->flags);
}

/* ---- tracestate ----------------------------------------------------------------------------------------------------- */

static bool is_key(const char *at, size_t n) {
    if (n == 0 || n > KEY_BYTES_MAX || strchr("_-*/@", at[0])) return false;
    for (size_t i = 0; i < n; i++) {
        if (!((at[i] >= 'a' && at[i] <= 'z') || (at[i] >= '0' && at[i] <= '9') || strchr("_-*/@", at[i]))) return false;
    }
    return true;
}

static bool is_value(const char *at, size_t n) {
    if (n == 0 || n > VALUE_BYTES_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        if (at[i] < 0x20 || at[i] > 0x7e || at[i] == '=') return false;
    }
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* An empty one is allowed, and counts as nothing. */
static bool is_member(const char *at, size_t n, int *members) {
    while (n && is_blank(at[0])) at++, n--;
    while (n && is_blank(at[n - 1])) n--;
    if (n == 0) return true;
    const char *equals = memchr(at, '=', n);
    if (!equals || ++*members > TRACE_STATE_MEMBERS_MAX) return false;
    size_t key = (size_t)(equals - at);
    return is_key(at, key) && is_value(equals + 1, n - key - 1);
}

bool trace_state_keep(const char *header, char out[TRACE_STATE_BYTES]) {
    size_t fits = 0;
    int members = 0;
    out[0] = 0;
    for (const char *at = header;;) {
        size_t n = strcspn(at, ",");
        if (!is_member(at, n, &members)) return false;
        size_t end = (size_t)(at - header) + n;
        if (end < TRACE_STATE_BYTES) fits = end;
        if (!at[n]) break;
        at += n + 1;
    }
    for (size_t i = 0; i < fits; i++) out[i] = header[i] == '\t' ? ' ' : header[i];
    out[fits] = 0;
    return true;
}

/* ---- as one text ---------------------------------------------------------------------------------------------------- */

void trace_text_write(const trace_link *at, const char *state, char out[TRACE_TEXT_BYTES]) {
    char parent[TRACE_PARENT_BYTES];
    out[0] = 0;
    if (!at->known) return;
    trace_parent_write(at, parent);
    snprintf(out, TRACE_TEXT_BYTES, "%s%s%s", parent, state[0] ? " " : "", state);
}

bool trace_text_read(const char *text, trace_link *out, char state[TRACE_STATE_BYTES]) {
    char parent[TRACE_PARENT_BYTES];
    size_t n = strcspn(text, " ");
    state[0] = 0;
    *out = (trace_link){0};
    if (n != sizeof parent - 1) return false;
    memcpy(parent, text, n);
    parent[n] = 0;
    if (!trace_parent_read(parent, out)) return false;
    if (text[n]) (void)!trace_state_keep(text + n + 1, state);
    return true;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------ */

typedef struct writer {
    char *at, *end;
    bool full;
} writer;

static void put(writer *w, const char *bytes, size_t n) {
    if ((size_t)(w->end - w->at) < n) w->full = true;
    if (w->full) return;
    memcpy(w->at, bytes, n);
    w->at += n;
}

static void put_text(writer *w, const char *text) {
    put(w, text, strlen(text));
}

/* Ours are of ASCII, and what is not becomes '?': an invalid byte would make the whole batch worthless. */
static void put_string(writer *w, const char *text) {
    char out[8];
    put(w, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            out[0] = '\\';
            out[1] = (char)c;
            put(w, out, 2);
        } else if (c < 0x20) {
            put(w, out, (size_t)snprintf(out, sizeof out, "\\u%04x", c));
        } else {
            out[0] = c < 0x7f ? (char)c : '?';
            put(w, out, 1);
        }
    }
    put(w, "\"", 1);
}

static void put_whole(writer *w, int64_t number) {
    char digits[24];
    put(w, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, number));
}

/* 64 bits: as a string. */
static void put_int64(writer *w, const char *member, int64_t number) {
    put_text(w, member);
    put(w, "\"", 1);
    put_whole(w, number);
    put(w, "\"", 1);
}

static void put_hex(writer *w, const char *member, const unsigned char *id, size_t n) {
    char text[TRACE_HEX_BYTES];
    put_text(w, member);
    trace_hex(id, n, text);
    put_string(w, text);
}

static void put_value(writer *w, const trace_attribute *a) {
    char digits[32];
    switch (a->kind) {
    case TRACE_VALUE_WHOLE:
        put_int64(w, "{\"intValue\":", a->whole);
        break;
    case TRACE_VALUE_REAL:
        put_text(w, "{\"doubleValue\":");
        put(w, digits, (size_t)snprintf(digits, sizeof digits, "%.9g", isfinite(a->real) ? a->real : 0.0));
        break;
    default:
        put_text(w, "{\"stringValue\":");
        put_string(w, a->text);
    }
    put(w, "}", 1);
}

static bool is_left_out(const trace_attribute *a) {
    return a->kind == TRACE_VALUE_TEXT && (!a->text || !a->text[0]);
}

static void put_attributes(writer *w, const trace_attribute *a) {
    bool any = false;
    put_text(w, "\"attributes\":[");
    for (; a && a->kind != TRACE_VALUE_END; a++) {
        if (is_left_out(a)) continue;
        put_text(w, any ? ",{\"key\":" : "{\"key\":");
        put_string(w, a->name);
        put_text(w, ",\"value\":");
        put_value(w, a);
        put(w, "}", 1);
        any = true;
    }
    put(w, "]", 1);
}

static void put_events(writer *w, const trace_span *s) {
    if (s->n_events == 0) return;
    put_text(w, ",\"events\":[");
    for (uint32_t i = 0; i < s->n_events; i++) {
        const trace_event *e = &s->events[i];
        put_int64(w, i ? ",{\"timeUnixNano\":" : "{\"timeUnixNano\":", e->at_ns);
        put_text(w, ",\"name\":");
        put_string(w, e->name);
        put(w, ",", 1);
        trace_attribute count[2] = {TRACE_INT(e->count_name, e->count)};
        put_attributes(w, e->count_name ? count : NULL);
        put(w, "}", 1);
    }
    put(w, "]", 1);
    if (s->dropped_events == 0) return;
    put_text(w, ",\"droppedEventsCount\":");
    put_whole(w, s->dropped_events);
}

static void put_ids(writer *w, const trace_span *s) {
    put_hex(w, "{\"traceId\":", s->at.trace, sizeof s->at.trace);
    put_hex(w, ",\"spanId\":", s->at.span, sizeof s->at.span);
    if (s->state && s->state[0]) {
        put_text(w, ",\"traceState\":");
        put_string(w, s->state);
    }
    if (s->parent) put_hex(w, ",\"parentSpanId\":", s->parent, TRACE_SPAN_BYTES);
    put_text(w, ",\"flags\":");
    put_whole(w, s->at.flags | FLAG_REMOTE_Y | (s->parent_remote ? FLAG_REMOTE : 0));
}

static void put_name(writer *w, const trace_span *s) {
    char name[160];
    snprintf(name, sizeof name, "%s%s%s", s->name, s->name_more ? " " : "", s->name_more ? s->name_more : "");
    put_text(w, ",\"name\":");
    put_string(w, name);
}

size_t trace_span_write(const trace_span *s, char *out, size_t room) {
    writer w = {out, out + (room < TRACE_JSON_BYTES_MAX ? room : TRACE_JSON_BYTES_MAX), false};
    put_ids(&w, s);
    put_name(&w, s);
    put_text(&w, ",\"kind\":");
    put_whole(&w, s->kind);
    put_int64(&w, ",\"startTimeUnixNano\":", s->begin_ns);
    put_int64(&w, ",\"endTimeUnixNano\":", s->end_ns < s->begin_ns ? s->begin_ns : s->end_ns);
    put(&w, ",", 1);
    put_attributes(&w, s->attributes);
    put_events(&w, s);
    put_text(&w, s->failed ? ",\"status\":{\"code\":2}}" : ",\"status\":{}}");
    return w.full ? 0 : (size_t)(w.at - out);
}

size_t trace_batch_head(const trace_resource *r, char *out, size_t room) {
    writer w = {out, out + room, false};
    put_text(&w, "{\"resourceSpans\":[{\"resource\":{");
    put_attributes(&w,
                   TRACE_ATTRIBUTES(TRACE_STR("service.name", "steno"), TRACE_STR("service.version", r->version),
                                    TRACE_STR("service.instance.id", r->instance), TRACE_STR("host.name", r->host)));
    put_text(&w, "},\"scopeSpans\":[{\"scope\":{\"name\":\"" SCOPE_NAME "\",\"version\":");
    put_string(&w, r->version);
    put_text(&w, "},\"spans\":[");
    return w.full ? 0 : (size_t)(w.at - out);
}

/* ---- answers --------------------------------------------------------------------------------------------------------- */

/* A 64-bit number is a string in this JSON, and a number is taken, too. */
static int64_t count_of(const json_t *o) {
    int64_t n = 0;
    if (json_is_integer(o)) n = json_integer_value(o);
    if (json_is_string(o) && sscanf(json_string_value(o), "%19" SCNd64, &n) != 1)
        n = 0; /* NOLINT(cert-err34-c): bounded */
    return n < 0 ? 0 : n;
}

int64_t trace_answer_read(const char *json, size_t n, char why[TRACE_WHY_BYTES]) {
    json_t *all = json ? json_loadb(json, n, 0, NULL) : NULL;
    const json_t *partial = json_object_get(all, "partialSuccess");
    const char *said = json_string_value(json_object_get(partial, "errorMessage"));
    int64_t rejected = count_of(json_object_get(partial, "rejectedSpans"));
    snprintf(why, TRACE_WHY_BYTES, "%.*s", TRACE_WHY_BYTES - 1, said ? said : "");
    json_decref(all);
    return rejected;
}
