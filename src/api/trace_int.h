/* trace_int.h: what the files of tracing share. See trace.h. Owner: the network thread. */
#ifndef STENO_API_TRACE_INT_H
#define STENO_API_TRACE_INT_H

#include "api/trace.h"
#include "api/webhook_send.h"

#define TRACE_INSTANCE_BYTES 40
#define TRACE_HOST_BYTES     256

/* One request to the collector, but for its tail. */
typedef struct trace_batch {
    struct trace_batch *next;
    char *text; /* [TRACE_BATCH_BYTES + the tail] */
    size_t n;
    uint32_t spans;
    int attempts;
    int64_t begun_ms;
} trace_batch;

struct tracer {
    service *service;
    bool on;       /* somebody is to be told */
    bool flushing; /* the end is near: nothing is tried again */
    bool stopped;
    char url[TRACE_URL_BYTES];
    double share; /* of requests without a trace that one begins with, 0 to 1 */
    char instance[TRACE_INSTANCE_BYTES], host[TRACE_HOST_BYTES];
    trace_batch *open;         /* spans are written into it; NULL: none is there */
    trace_batch *first, *last; /* full, in order; the first may be under way */
    int n_batches;             /* of those */
    uint64_t waiting;          /* spans in all of them */
    bool sending, pausing;     /* the first is under way; or waits to be tried again */
    bool failing;              /* the last attempt did */
    sender *sender;            /* NULL: it was never on */
    net_watch *watch;
    net_timer *timer;
    uint64_t exported, rejected, full, lost; /* spans, by what became of them */
};

/* ---- trace_export.c ----------------------------------------------------------------------------------------------- */

STENO_CHECK steno_err trace_export_open(tracer *t, const trace_config *config, const char *headers);
/* A span's JSON is behind what the open batch has, or it is counted among the lost. */
void trace_export(tracer *t, const trace_span *s);
void trace_export_stop(tracer *t);

/* Random ids. False: the kernel gives none. */
bool trace_random(void *out, size_t n);

#endif
