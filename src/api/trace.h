/* trace.h: which trace a request, a stream, a job belongs to, and the spans of it that go to a collector.
 *
 * Purpose    W3C Trace Context in and out, OpenTelemetry's spans out (OTLP over HTTP, JSON) where [watch] otlp_url says whither;
 *            docs/traces.md is what users read.
 * Owner      the network thread; libcurl runs on a thread of its own (webhook_send.h).
 * Use        whoever answers a request or looks after a stream holds a `trace` (a value); what it gives work to gets the `trace_link`
 *            of it. A span is written when it ends, at once, into the batch that goes out next: nothing is kept of it.
 * Invariants where no collector is named nothing is recorded: what is left is one header looked for in each request. What cannot be
 *            kept is counted and dropped, and nobody waits for it. No word, no name, no address, no key is in a span.
 */
#ifndef STENO_API_TRACE_H
#define STENO_API_TRACE_H

#include "net/net.h"
#include "store/delivery_store.h"
#include "watch/expo.h"
#include "watch/trace_text.h"

#define TRACE_QUEUE_SPANS   8192   /* that wait for the collector; more are dropped */
#define TRACE_BATCH_SPANS   512    /* of one request to it */
#define TRACE_BATCH_BYTES   393216 /* likewise */
#define TRACE_BATCH_MS      1000   /* after its first span a batch is sent, full or not */
#define TRACE_QUEUE_BATCHES 24     /* however full they are */
#define TRACE_TIMEOUT_MS    10000  /* of a request to the collector */
#define TRACE_ATTEMPTS_MAX  6      /* of a batch: about six minutes */
#define TRACE_RETRY_MS      1000   /* after the first failure, then four times as long each time */
#define TRACE_URL_BYTES     2048
#define TRACE_FINALS_MAX    32 /* finals of a stream that become events of its span; all are counted */

typedef struct service service;
typedef struct tracer tracer;
typedef struct released_event released_event;

typedef struct trace_config {
    const char
        *url; /* of a collector; "" or NULL: nothing is exported. "/v1/traces" is added unless it is there. Copied */
    const char *headers_file; /* "Name: value" lines, sent with every request; "" or NULL: none */
    const char *ca_file;      /* as of webhooks */
    float percent;            /* of requests that bring no traceparent, that a trace begins with */
} trace_config;

/* Always there, also when nothing is exported. STENO_E_INVALID and STENO_E_IO: the address, or the file of headers. */
STENO_CHECK steno_err tracer_open(const trace_config *config, service *v, tracer **out);
/* From now on; what waits for the old collector goes to the new one. On failure nothing changes. */
STENO_CHECK steno_err tracer_configure(tracer *t, const trace_config *config);
/* Nothing more is sent, and what waits is lost: before net_close(), when everybody has said its last span. NULL is allowed. */
void tracer_stop(tracer *t);
void tracer_close(tracer *t);
/* The server is about to end: what waits is sent at once, and not tried again. True: nothing is on its way. When that changes,
 * service_check_drained() is called. */
bool tracer_flushed(tracer *t);

int64_t trace_now_ns(void);           /* a clock that never goes back; what all functions here take */
int64_t trace_at_ns(int64_t wall_ms); /* a time of the wall clock on it */
void tracer_metrics(expo *e, const tracer *t);

/* ---- who is in which trace ------------------------------------------------------------------------------------------- */

/* Zeroed: in none. */
typedef struct trace {
    trace_link at;                          /* its span, where it is recorded; else the caller's */
    unsigned char parent[TRACE_SPAN_BYTES]; /* where it is recorded */
    bool has_parent;
    bool tls;
    const char *method, *route; /* static */
    int64_t begun_ns;
    char state[TRACE_STATE_BYTES];
} trace;

/* What a request brings, or a trace of its own by `percent`, if it is worth one. NULL request: a connection without HTTP. */
void trace_begin(tracer *t, const net_request *r, bool worth, trace *out);
/* What a row remembers: a span below the one that is written there. */
void trace_resume(tracer *t, const char *text, trace *out);
/* `traceresponse`, if it is in a trace. */
void trace_answer(const trace *of, net_reply *reply);
/* Its id for the log; "": none. */
const char *trace_id(const trace *of, char out[TRACE_HEX_BYTES]);
/* For a row: what comes of it later hangs below this span. */
void trace_remember(const trace *of, char out[TRACE_TEXT_BYTES]);

/* ---- spans ------------------------------------------------------------------------------------------------------------ */

/* One that is over. Times are trace_now_ns()'s; `s->at` is where it hangs if it has a parent of its own there already (span, parent), and
 * recorded. */
void trace_put(tracer *t, const trace_span *s);
/* A span of its own below `parent`, from begin to end. Nothing where that is not recorded. */
void trace_child(tracer *t, const trace_link *parent, const char *name, int64_t begin_ns, int64_t end_ns,
                 const trace_attribute *attributes);

/* trace_http.c: a request, or the connection of a stream, is over. */
typedef struct trace_outcome {
    const char *dialect, *outcome; /* static words */
    int status;                    /* of HTTP; 0: the client left before */
    const char *error;             /* what kind of failure, beside a status of 5xx; NULL: none */
    const trace_attribute *more;   /* NULL: nothing */
} trace_outcome;
void trace_request_over(tracer *t, trace *of, const trace_outcome *how);

/* ---- trace_track.c: what happens to one stream or recording ----------------------------------------------------------- */

typedef struct trace_track trace_track;
/* NULL: not recorded (or no memory); all functions take that. */
trace_track *trace_track_open(tracer *t, const trace_link *parent);
/* It is over, or given up. */
void trace_track_close(trace_track *k);
void trace_track_turn(trace_track *k);                     /* a recording's turn has come: the queue is behind it */
void trace_track_read(trace_track *k, double media_cpu_s); /* its file has been decoded */
void trace_track_hears(trace_track *k);                    /* its stream on an engine begins */
void trace_track_words(trace_track *k, bool final);        /* a partial or a final with words is handed on */
void trace_track_holds(trace_track *k, bool holds);        /* the gate does now, or does no more */
typedef struct trace_heard {
    const char *model, *language; /* NULL: not known */
    double audio_s, speech_s;
    int channels;
    steno_err error;
    bool cancelled;
} trace_heard;
void trace_track_heard(trace_track *k, const trace_heard *h); /* its stream has ended */
/* An event of a live stream is handed on. */
void trace_track_event(trace_track *k, const released_event *e);

/* ---- trace_webhook.c: messages to receivers --------------------------------------------------------------------------- */

typedef struct send_answer send_answer;
/* Before an attempt: its span, if the trace is recorded. */
void trace_attempt(const tracer *t, delivery *message);
/* After it. */
void trace_attempted(tracer *t, const send_answer *a);

#endif
