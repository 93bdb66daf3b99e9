/* log.h: one line a happening, to standard error: for people, or a JSON object for machines.
 *
 * Owner: any thread; a line is written by one write(2), so lines never mix. What people said is never logged, keys and
 * tokens only by LOG_SECRET(). Whatever stands in a text, a line stays one line: control characters come out escaped.
 */
#ifndef STENO_BASE_LOG_H
#define STENO_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_BYTES_MAX 2048 /* a longer message is cut, and fields that do not fit are left out */
#define LOG_ID_BYTES       40   /* of a request's id, with its end */

typedef enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } log_level;

/* What is below is dropped; LOG_LEVEL_INFO until then. */
void log_set_level(log_level lowest);
void log_set_json(bool json);

/* "2026-01-31T12:00:00.123Z info  the line", or {"time":…,"level":"info","message":"the line"}. */
void log_line(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- with fields ------------------------------------------------------------------------------------------------ */

typedef enum log_kind { LOG_KIND_END, LOG_KIND_TEXT, LOG_KIND_SECRET, LOG_KIND_WHOLE, LOG_KIND_REAL } log_kind;

typedef struct log_field {
    const char *name; /* of letters and '_' */
    log_kind kind;
    const char *text; /* NULL or "": the field is left out */
    int64_t whole;
    double real;
} log_field;

#define LOG_STR(name, text) ((log_field){(name), LOG_KIND_TEXT, (text), 0, 0})
#define LOG_SECRET(name, text)                                                                                         \
    ((log_field){(name), LOG_KIND_SECRET, (text), 0, 0}) /* its first 4 characters, if it is long */
#define LOG_INT(name, whole) ((log_field){(name), LOG_KIND_WHOLE, NULL, (int64_t)(whole), 0})
#define LOG_REAL(name, real) ((log_field){(name), LOG_KIND_REAL, NULL, 0, (real)})

/* log_event(LOG_LEVEL_INFO, "stream closed", LOG_STR("request", id), LOG_INT("code", 1000)): one field at least.
 * `message` is the same every time, so that it can be searched for; what changes is a field. */
#define log_event(level, message, ...) log_fields(level, message, (const log_field[]){__VA_ARGS__, {0}})
void log_fields(log_level level, const char *message, const log_field *fields);

/* ---- requests --------------------------------------------------------------------------------------------------- */

/* The id of a request: what its X-Request-Id said, if that is 1 to LOG_ID_BYTES - 1 of A-Z a-z 0-9 . _ : -, else a
 * random UUID. */
void log_request_id(const char *given, char out[LOG_ID_BYTES]);

/* A request that was answered. Paths are without query: those may hold keys and words. */
typedef struct log_access {
    const char *id, *peer, *method, *path;
    const char *trace; /* the trace it belongs to; NULL or "": none */
    const char *key;   /* the id (not the secret) of the key that was used; NULL: none */
    int status;
    int64_t ms;                          /* from its head to the end of its answer */
    uint64_t received_bytes, sent_bytes; /* of the bodies */
    bool quiet;                          /* health, pages: only at debug, unless it failed */
} log_access;

/* At info; at warn when the status is 500 or more (503 is not: it is said on purpose, and often). */
void log_access_line(const log_access *a);

#endif
