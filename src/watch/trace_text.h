/* trace_text.h: W3C Trace Context as text, and spans as OTLP's JSON.
 *
 * Owner      whoever calls; pure: no clock, no memory of its own, nothing blocks.
 * Formats    https://www.w3.org/TR/trace-context-2/ and opentelemetry.io/docs/specs/otlp/ (JSON: ids in hexadecimal, 64-bit numbers
 *            as strings, enums as numbers). docs/traces.md says what is exported.
 * Invariants what is written is whole JSON or nothing; texts come out as UTF-8 whatever came in; a tracestate that was kept has no
 *            control characters: it may be sent on as a header.
 */
#ifndef STENO_WATCH_TRACE_TEXT_H
#define STENO_WATCH_TRACE_TEXT_H

#include "base/err.h"

#define TRACE_ID_BYTES          16
#define TRACE_SPAN_BYTES        8
#define TRACE_PARENT_BYTES      56  /* "00-TRACE-SPAN-01" and its end */
#define TRACE_HEX_BYTES         33  /* an id and its end */
#define TRACE_STATE_BYTES       513 /* of a tracestate, with its end: members beyond are dropped */
#define TRACE_STATE_MEMBERS_MAX 32
#define TRACE_TEXT_BYTES        (TRACE_PARENT_BYTES + TRACE_STATE_BYTES)
#define TRACE_JSON_BYTES_MAX    16384 /* of one span; a longer one is not written */
#define TRACE_FLAG_SAMPLED      1u
#define TRACE_FLAG_RANDOM       2u

/* Where a span hangs. Zeroed: in no trace. A value: copied freely. */
typedef struct trace_link {
    unsigned char trace[TRACE_ID_BYTES], span[TRACE_SPAN_BYTES];
    unsigned char flags;
    bool known;    /* there is a trace */
    bool recorded; /* and its spans are exported from here */
} trace_link;

/* A `traceparent`. False: it is none, and counts as if it were not there. Versions above 00 are read as 00's fields. `recorded` is
 * left false. */
bool trace_parent_read(const char *header, trace_link *out);
void trace_parent_write(const trace_link *at, char out[TRACE_PARENT_BYTES]);
/* A `tracestate` (several headers joined by commas): as it came, less the members that do not fit. False: one of its members makes no
 * sense, or there are too many: none of it is kept, and out is "". */
bool trace_state_keep(const char *header, char out[TRACE_STATE_BYTES]);
void trace_hex(const unsigned char *id, size_t n, char *out); /* 2 n digits and the end */

/* Parent and state as one text, for a database: "PARENT STATE", "" for no trace. */
void trace_text_write(const trace_link *at, const char *state, char out[TRACE_TEXT_BYTES]);
bool trace_text_read(const char *text, trace_link *out, char state[TRACE_STATE_BYTES]);

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

typedef enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3, TRACE_CONSUMER = 5 } trace_kind;

typedef enum trace_value { TRACE_VALUE_END, TRACE_VALUE_TEXT, TRACE_VALUE_WHOLE, TRACE_VALUE_REAL } trace_value;
typedef struct trace_attribute {
    const char *name;
    trace_value kind;
    const char *text; /* NULL or "": the attribute is left out */
    int64_t whole;
    double real;
} trace_attribute;
#define TRACE_STR(name, text)  ((trace_attribute){(name), TRACE_VALUE_TEXT, (text), 0, 0})
#define TRACE_INT(name, whole) ((trace_attribute){(name), TRACE_VALUE_WHOLE, NULL, (int64_t)(whole), 0})
#define TRACE_REAL(name, real) ((trace_attribute){(name), TRACE_VALUE_REAL, NULL, 0, (real)})
#define TRACE_ATTRIBUTES(...)  ((const trace_attribute[]){__VA_ARGS__, {0}})

typedef struct trace_event {
    const char *name, *count_name; /* static; count_name NULL: no attribute */
    int64_t at_ns, count;
} trace_event;

typedef struct trace_span {
    trace_link at;               /* the span's own id */
    const unsigned char *parent; /* [TRACE_SPAN_BYTES]; NULL: it is a root */
    bool parent_remote;
    const char *state;            /* a tracestate; NULL or "": none */
    const char *name, *name_more; /* "GET", "/v1/jobs": joined by a blank; name_more may be NULL */
    trace_kind kind;
    int64_t begin_ns, end_ns;          /* since 1970 */
    const trace_attribute *attributes; /* up to the zeroed one; NULL: none */
    const trace_event *events;         /* [n_events] */
    uint32_t n_events, dropped_events;
    bool failed;
} trace_span;

/* Bytes written, without an end; 0: there is no room for it. */
size_t trace_span_write(const trace_span *s, char *out, size_t room);

/* What all spans of a process have. */
typedef struct trace_resource {
    const char *version, *instance, *host;
} trace_resource;

/* A request is this head, spans with commas between them, and TRACE_BATCH_TAIL. 0: no room. */
size_t trace_batch_head(const trace_resource *r, char *out, size_t room);
#define TRACE_BATCH_TAIL "]}]}]}"

/* What a collector answered with status 200: how many spans it did not take, and why ("": it does not say). Answers that make no sense
 * say 0. */
#define TRACE_WHY_BYTES 200
int64_t trace_answer_read(const char *json, size_t n, char why[TRACE_WHY_BYTES]);

#endif
