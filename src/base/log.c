/* log.c: see log.h. */
#include "base/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#define END_BYTES 4 /* kept free for what ends a line: "}\n" */

/* Set at the start, and again by SIGHUP while other threads may log. */
static _Atomic int lowest_level = LOG_LEVEL_INFO;
static _Atomic bool as_json = false;

void log_set_level(log_level lowest) {
    atomic_store_explicit(&lowest_level, (int)lowest, memory_order_relaxed);
}

void log_set_json(bool json) {
    atomic_store_explicit(&as_json, json, memory_order_relaxed);
}

/* ---- a line ----------------------------------------------------------------------------------------------------- */

typedef struct line {
    char bytes[LOG_LINE_BYTES_MAX];
    size_t n;
    bool json, full; /* full: something did not fit */
} line;

static void put(line *l, const char *bytes, size_t n) {
    if (l->full || l->n + n > sizeof l->bytes - END_BYTES) {
        l->full = true;
        return;
    }
    memcpy(l->bytes + l->n, bytes, n);
    l->n += n;
}

static void put_string(line *l, const char *text) {
    put(l, text, strlen(text));
}

/* One character of `text`, valid UTF-8 or one byte that is not. Returns its bytes. */
static size_t put_character(line *l, const char *text) {
    utf8proc_int32_t c;
    char escape[16];
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);
    if (n <= 0) {
        put_string(l, l->json ? "\\ufffd" : "\xef\xbf\xbd");
        return 1;
    }
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029;
    if (control)
        snprintf(escape, sizeof escape, l->json || c > 0xff ? "\\u%04x" : "\\x%02x", (unsigned)c);
    else if (l->json && (c == '"' || c == '\\'))
        snprintf(escape, sizeof escape, "\\%c", (char)c);
    else
        snprintf(escape, sizeof escape, "%.*s", (int)n, text);
    put_string(l, escape);
    return (size_t)n;
}

/* At most n bytes of it. */
static void put_text(line *l, const char *text, size_t n) {
    for (size_t at = 0; at < n && text[at] && !l->full;) at += put_character(l, text + at);
}

/* A value of the readable form: in quotes when it could be taken for something else. */
static void put_value(line *l, const char *text, size_t n) {
    bool quoted = l->json || n == 0 || strcspn(text, " \"=\\") < n;
    if (quoted) put(l, "\"", 1);
    for (size_t at = 0; at < n && text[at] && !l->full;) {
        if (!l->json && (text[at] == '"' || text[at] == '\\')) put(l, "\\", 1);
        at += put_character(l, text + at);
    }
    if (quoted) put(l, "\"", 1);
}

static void begin(line *l, log_level level) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    struct tm utc;
    char time[32], head[96];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
    l->n = 0;
    l->full = false;
    l->json = atomic_load_explicit(&as_json, memory_order_relaxed);
    snprintf(head, sizeof head, l->json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":" : "%s.%03ldZ %-5s ",
             time, now.tv_nsec / 1000000, names[level]);
    put_string(l, head);
}

static void put_message(line *l, const char *message) {
    if (l->json) put(l, "\"", 1);
    put_text(l, message, strlen(message));
    l->full = false; /* a message that is cut still has its end, for which END_BYTES are kept */
    if (l->json && l->n <= sizeof l->bytes - END_BYTES) l->bytes[l->n++] = '"';
}

static void finish(line *l) {
    if (l->json) l->bytes[l->n++] = '}';
    l->bytes[l->n++] = '\n';
    if (write(STDERR_FILENO, l->bytes, l->n) < 0) return; /* nobody listens: nothing to be done */
}

static bool dropped(log_level level) {
    return (int)level > atomic_load_explicit(&lowest_level, memory_order_relaxed);
}

void log_line(log_level level, const char *fmt, ...) {
    char message[LOG_LINE_BYTES_MAX];
    line l;
    if (dropped(level)) return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    begin(&l, level);
    put_message(&l, message);
    finish(&l);
}

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static void put_field(line *l, const log_field *f) {
    char number[40];
    size_t before = l->n, n = f->text ? strlen(f->text) : 0;
    bool is_text = f->kind == LOG_KIND_TEXT || f->kind == LOG_KIND_SECRET;
    if (is_text && n == 0) return;
    put_string(l, l->json ? ",\"" : " ");
    put_string(l, f->name);
    put_string(l, l->json ? "\":" : "=");
    if (f->kind == LOG_KIND_TEXT) {
        put_value(l, f->text, n);
    } else if (f->kind == LOG_KIND_SECRET) {
        char masked[16];
        snprintf(masked, sizeof masked, "%.*s…", n >= 16 ? 4 : 0, f->text);
        put_value(l, masked, strlen(masked));
    } else if (f->kind == LOG_KIND_WHOLE) {
        snprintf(number, sizeof number, "%lld", (long long)f->whole);
        put_string(l, number);
    } else {
        snprintf(number, sizeof number, "%.3f", isfinite(f->real) ? f->real : 0.0);
        put_string(l, number);
    }
    if (l->full) l->n = before;
    l->full = false;
}

void log_fields(log_level level, const char *message, const log_field *fields) {
    line l;
    if (dropped(level)) return;
    begin(&l, level);
    put_message(&l, message);
    for (; fields->kind != LOG_KIND_END; fields++) put_field(&l, fields);
    finish(&l);
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

void log_request_id(const char *given, char out[LOG_ID_BYTES]) {
    static const char sane[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
    unsigned char r[16] = {0};
    size_t n = given ? strlen(given) : 0;
    if (n > 0 && n < LOG_ID_BYTES && strspn(given, sane) == n) {
        memcpy(out, given, n + 1);
        return;
    }
    if (getrandom(r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r) { /* before the kernel is ready; unique will do */
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        memcpy(r, &now, sizeof now < sizeof r ? sizeof now : sizeof r);
    }
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(out, LOG_ID_BYTES, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

void log_access_line(const log_access *a) {
    log_level level = a->status >= 500 && a->status != 503 ? LOG_LEVEL_WARN
                      : a->quiet && a->status < 400        ? LOG_LEVEL_DEBUG
                                                           : LOG_LEVEL_INFO;
    log_event(level, "request", LOG_STR("request", a->id), LOG_STR("peer", a->peer), LOG_STR("method", a->method),
              LOG_STR("path", a->path), LOG_INT("status", a->status), LOG_INT("ms", a->ms),
              LOG_INT("received_bytes", a->received_bytes), LOG_INT("sent_bytes", a->sent_bytes),
              LOG_STR("key", a->key), LOG_STR("trace", a->trace));
}
