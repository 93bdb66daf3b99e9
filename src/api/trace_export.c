/* trace_export.c: spans on their way to a collector: batches, when they are sent, what is tried again. See trace_int.h.
 *
 * One batch is under way at a time. While the collector does not take it, spans fill the batches behind it, and what does not fit there
 * is dropped; the specification of OTLP says which answers are worth another attempt (429, 502, 503, 504, and none at all).
 */
#include "api/trace_int.h"

#include "api/service_int.h"
#include "api/webhook.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

#define ROOM (TRACE_BATCH_BYTES - TRACE_JSON_BYTES_MAX) /* a batch that is fuller takes no more */

/* ---- batches -------------------------------------------------------------------------------------------------------- */

static void free_batch(trace_batch *b) {
    if (b) mem_free(b->text);
    mem_free(b);
}

static trace_batch *make_batch(const tracer *t) {
    trace_batch *b = mem_alloc(1, sizeof *b);
    if (!b) return NULL;
    *b = (trace_batch){.text = mem_alloc(TRACE_BATCH_BYTES + sizeof TRACE_BATCH_TAIL, 1), .begun_ms = net_now_ms()};
    trace_resource of = {.version = STENO_VERSION, .instance = t->instance, .host = t->host};
    if (b->text) b->n = trace_batch_head(&of, b->text, TRACE_BATCH_BYTES);
    if (b->n) return b;
    free_batch(b);
    return NULL;
}

static void queue_open(tracer *t) {
    trace_batch *b = t->open;
    t->open = NULL;
    if (t->last)
        t->last->next = b;
    else
        t->first = b;
    t->last = b;
    t->n_batches++;
}

static void drop_first(tracer *t, uint64_t *count) {
    trace_batch *b = t->first;
    *count += b->spans;
    t->waiting -= b->spans;
    t->first = b->next;
    if (!t->first) t->last = NULL;
    t->n_batches--;
    free_batch(b);
}

static void drop_all(tracer *t) {
    if (t->open) queue_open(t);
    while (t->first) drop_first(t, &t->lost);
}

/* ---- sending -------------------------------------------------------------------------------------------------------- */

static void pause_sending(tracer *t, int64_t wait_ms) {
    t->pausing = true;
    net_timer_set(t->timer, (int)wait_ms);
}

/* It keeps the batch until it is taken: the sender gets a copy. */
static bool send_first(tracer *t) {
    trace_batch *b = t->first;
    size_t tail = sizeof TRACE_BATCH_TAIL - 1;
    delivery v = {.kind = DELIVERY_PLAIN_POST, .content_type = "application/json", .attempts = b->attempts};
    v.body = mem_alloc(b->n + tail, 1);
    if (!v.body) return false;
    memcpy(v.body, b->text, b->n);
    memcpy(v.body + b->n, TRACE_BATCH_TAIL, tail);
    v.n = b->n + tail;
    memcpy(v.url, t->url, sizeof t->url);
    t->sending = sender_put(t->sender, &v);
    mem_free(v.body);
    return t->sending;
}

/* What is due goes out, if nothing is under way. */
static void pump(tracer *t) {
    if (t->sending || t->pausing || t->stopped) return;
    int64_t left_ms = t->open ? t->open->begun_ms + TRACE_BATCH_MS - net_now_ms() : 0;
    if (!t->first && t->open && (t->flushing || left_ms <= 0)) queue_open(t);
    if (!t->first) {
        if (t->open) net_timer_set(t->timer, (int)left_ms);
    } else if (!send_first(t)) {
        if (t->flushing)
            drop_all(t);
        else
            pause_sending(t, TRACE_RETRY_MS);
    }
}

static void on_timer(void *ctx) {
    tracer *t = ctx;
    t->pausing = false;
    pump(t);
}

static bool is_worth_another(const send_answer *a) {
    return a->status == 0 || a->status == 429 || a->status == 502 || a->status == 503 || a->status == 504;
}

/* Said when it begins and when it is over, not for each batch. */
static void tell_failing(tracer *t, const send_answer *a) {
    bool failed = a->status < 200 || a->status > 299;
    if (failed && !t->failing) log_line(LOG_LEVEL_WARN, "traces: the collector does not take spans: %s", a->error);
    if (!failed && t->failing) log_line(LOG_LEVEL_INFO, "traces: the collector takes spans again");
    t->failing = failed;
}

static void took(tracer *t, const send_answer *a) {
    char why[TRACE_WHY_BYTES];
    int64_t rejected = trace_answer_read(a->body, a->n, why);
    uint32_t spans = t->first->spans;
    if (rejected > spans) rejected = spans;
    t->first->spans -= (uint32_t)rejected;
    t->waiting -= (uint64_t)rejected;
    t->rejected += (uint64_t)rejected;
    if (rejected || why[0])
        log_event(LOG_LEVEL_WARN, "traces: the collector has something to say", LOG_INT("rejected", rejected),
                  LOG_STR("reason", why));
    drop_first(t, &t->exported);
}

static void try_again(tracer *t, const send_answer *a) {
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, GRND_NONBLOCK) < 0) chance = 200; /* no jitter */
    int64_t wait_ms = webhook_backoff_ms(a->attempts, TRACE_ATTEMPTS_MAX, TRACE_RETRY_MS, chance);
    t->first->attempts = a->attempts;
    if (wait_ms < 0) {
        drop_first(t, &t->lost);
        wait_ms = TRACE_RETRY_MS;
    }
    if (wait_ms < (int64_t)a->retry_after_s * 1000) wait_ms = (int64_t)a->retry_after_s * 1000;
    pause_sending(t, wait_ms);
}

static void answered(tracer *t, const send_answer *a) {
    t->sending = false;
    tell_failing(t, a);
    if (a->status >= 200 && a->status <= 299)
        took(t, a);
    else if (!is_worth_another(a) || a->hopeless)
        drop_first(t, &t->rejected);
    else if (!t->flushing)
        try_again(t, a);
    else
        drop_all(t);
    pump(t);
    if (t->flushing) service_check_drained(t->service);
}

static void on_answers(void *ctx) {
    tracer *t = ctx;
    send_answer a;
    while (sender_take(t->sender, &a)) {
        answered(t, &a);
        mem_free(a.body);
    }
}

bool tracer_flushed(tracer *t) {
    if (!t || t->stopped || (!t->open && !t->first)) return true;
    t->flushing = true;
    t->pausing = false;
    pump(t);
    return !t->open && !t->first;
}

/* ---- spans ---------------------------------------------------------------------------------------------------------- */

/* One with room for a span, or NULL: there is none. */
static trace_batch *batch_with_room(tracer *t) {
    if (t->waiting >= TRACE_QUEUE_SPANS) return NULL;
    if (t->open && (t->open->n > ROOM || t->open->spans >= TRACE_BATCH_SPANS)) queue_open(t);
    if (!t->open && t->n_batches < TRACE_QUEUE_BATCHES) t->open = make_batch(t);
    return t->open;
}

void trace_export(tracer *t, const trace_span *s) {
    trace_batch *b = batch_with_room(t);
    bool first = b && b->spans == 0;
    size_t n = b ? trace_span_write(s, b->text + b->n + !first, TRACE_JSON_BYTES_MAX - 1) : 0;
    if (n) {
        if (!first) b->text[b->n++] = ',';
        b->n += n;
        b->spans++;
        t->waiting++;
    } else {
        t->full++;
    }
    if (first || t->first) pump(t);
}

/* ---- life ----------------------------------------------------------------------------------------------------------- */

steno_err trace_export_open(tracer *t, const trace_config *config, const char *headers) {
    send_config c = {.timeout_ms = TRACE_TIMEOUT_MS,
                     .ca_file = config->ca_file && config->ca_file[0] ? config->ca_file : NULL,
                     .trusted = true,
                     .keep_answers = true,
                     .headers = headers};
    if (t->sender) {
        sender_configure(t->sender, &c);
        return STENO_OK;
    }
    ERR_TRY(sender_open(&c, &t->sender));
    t->watch = net_watch_open(t->service->net, sender_fd(t->sender), on_answers, t);
    t->timer = net_timer_open(t->service->net, on_timer, t);
    if (t->watch && t->timer) return STENO_OK;
    trace_export_stop(t);
    return err_fail(STENO_E_NOMEM, "no memory for traces");
}

void trace_export_stop(tracer *t) {
    if (t->watch) net_watch_close(t->watch);
    if (t->timer) net_timer_close(t->timer);
    sender_close(t->sender);
    t->watch = NULL;
    t->timer = NULL;
    t->sender = NULL;
    drop_all(t);
}

void tracer_metrics(expo *e, const tracer *t) {
    expo_family(e, "steno_spans_total", EXPO_COUNTER, "Spans of traces, by what became of them.");
    expo_sample(e, EXPO_LABELS({"outcome", "exported"}), (double)t->exported);
    expo_sample(e, EXPO_LABELS({"outcome", "rejected"}), (double)t->rejected);
    expo_sample(e, EXPO_LABELS({"outcome", "dropped"}), (double)t->full);
    expo_sample(e, EXPO_LABELS({"outcome", "lost"}), (double)t->lost);
    expo_one(e, "steno_spans_waiting", EXPO_GAUGE, "Spans that wait for the collector.", (double)t->waiting);
}
