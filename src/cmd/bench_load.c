/* bench_load.c: see bench_load.h. The loop: open the streams whose time has come, ask a turn for those with a packet due,
 * serve sockets until the next tick. */
#include "cmd/bench_load.h"

#include "base/mem.h"
#include "cmd/feeder.h"
#include "net/ws_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define TICK_US       4000 /* packets that fall due within one go together */
#define TICKS_A_VISIT 50   /* between calls of `tick` */
#define GOODBYE_S     10   /* streams that have not answered `close` by then have failed */
#define STATS_MS      1000
#define STATUS_BUSY   503
#define PACKET_MAX    (STENO_SAMPLE_RATE_HZ * BENCH_PACKET_MS_MAX / 1000)

typedef enum stream_state { NEW, OPENING, TALKING, CLOSING, OVER } stream_state;

typedef struct load load;

typedef struct stream {
    load *load;
    stream_state state;
    ws_conn *conn;
    bench_talk talk;
    bench_meter meter;
    uint64_t packets;
    bool close_sent, closed, fatal;
} stream;

struct load {
    const bench_load_config *config;
    bench_load_result *result;
    ws_client *client;
    stream *streams; /* owned [config->streams] */
    char url[WS_CLIENT_URL_BYTES_MAX];
    int packet_samples, started, over;
    bool closing, measuring, measured;
    double began_s, marked_s, cpu_s;
    uint64_t gone_sent, gone_received; /* of connections that have ended */
    int16_t packet[PACKET_MAX];
};

static double own_cpu_s(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static void note(load *l, const char *reason) {
    if (!l->result->reason[0]) snprintf(l->result->reason, sizeof l->result->reason, "%s", reason);
}

/* ---- one stream ------------------------------------------------------------------------------------------------- */

static double next_due_s(const stream *s) {
    double samples = (double)(s->packets + 1) * s->load->packet_samples;
    return s->meter.began_s + samples / STENO_SAMPLE_RATE_HZ;
}

static void on_opened(void *user) {
    (void)user;
}

static void send_packet(stream *s, double now_s) {
    load *l = s->load;
    bench_totals *t = &l->result->totals;
    double due_s = next_due_s(s);
    if (now_s < due_s) return;
    bench_talk_next(&s->talk, l->packet, (size_t)l->packet_samples);
    if (now_s >= t->from_s && now_s < t->to_s) bench_samples_add(&t->slip, now_s - due_s);
    s->packets++;
    if (ws_conn_send(s->conn, false, l->packet, (size_t)l->packet_samples * sizeof *l->packet) != STENO_OK) return;
    if (next_due_s(s) <= now_s) ws_conn_want_write(s->conn);
}

static void on_writable(void *user) {
    static const char goodbye[] = "{\"type\":\"close\"}";
    stream *s = user;
    if (s->state == TALKING) send_packet(s, feeder_clock_s());
    if (s->state != CLOSING || s->close_sent) return;
    s->close_sent = true;
    if (ws_conn_send(s->conn, true, goodbye, sizeof goodbye - 1) != STENO_OK) s->close_sent = false;
}

static void on_message(void *user, bool text, const char *bytes, size_t n) {
    stream *s = user;
    live_event e;
    double now_s = feeder_clock_s();
    if (!text) return;
    if (live_event_parse(bytes, n, &e) != STENO_OK) {
        s->load->result->totals.errors++;
        note(s->load, steno_error_detail());
        return;
    }
    if (e.kind == LIVE_READY && s->state == OPENING) {
        s->state = TALKING;
        s->load->result->opened++;
        bench_meter_init(&s->meter, &s->load->result->totals, now_s, s->load->packet_samples);
    } else if (s->state >= TALKING) {
        s->meter.silent_samples = s->talk.silent;
        bench_meter_event(&s->meter, &e, now_s);
    }
    if (e.kind == LIVE_ERROR) note(s->load, e.what);
    s->fatal = s->fatal || (e.kind == LIVE_ERROR && e.fatal);
    s->closed = s->closed || e.kind == LIVE_CLOSED;
    live_event_free(&e);
}

/* Sorts the end of a stream: well, refused, an error of the server's, or dropped. */
static void on_closed(void *user, const ws_end *end) {
    stream *s = user;
    load *l = s->load;
    bool well = s->closed || (s->state == CLOSING && end->code == 1000);
    bool busy = end->http_status == STATUS_BUSY || end->code == WS_CLIENT_CODE_MASKED /* 1013 */;
    char reason[sizeof l->result->reason];
    if (s->state >= TALKING) bench_meter_end(&s->meter, feeder_clock_s());
    if (!well) {
        snprintf(reason, sizeof reason, "status %d, code %d%s%.100s", end->http_status, end->code,
                 end->reason[0] ? ": " : "", end->reason);
        note(l, reason);
        if (busy)
            l->result->refused++;
        else if (s->fatal || !end->opened)
            l->result->failed++;
        else
            l->result->dropped++;
    }
    l->gone_sent += s->conn ? ws_conn_bytes_sent(s->conn) : 0;
    l->gone_received += s->conn ? ws_conn_bytes_received(s->conn) : 0;
    s->conn = NULL;
    s->state = OVER;
    l->over++;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static steno_err open_due(load *l, double now_s) {
    const bench_load_config *c = l->config;
    while (!l->closing && l->started < c->streams &&
           now_s >= l->began_s + c->ramp_s * l->started / (double)c->streams) {
        stream *s = &l->streams[l->started];
        bench_talk_init(&s->talk, c->corpus, &c->gaps, c->seed * 1000003u + (uint64_t)l->started);
        s->load = l;
        s->state = OPENING;
        l->started++;
        ws_conn *conn;
        ERR_TRY(ws_open(l->client, l->url, s, &conn));
        if (s->state != OVER) s->conn = conn; /* else it has failed already */
    }
    return STENO_OK;
}

static void ask_turns(load *l, double now_s) {
    for (int i = 0; i < l->started; i++) {
        stream *s = &l->streams[i];
        if (!s->conn) continue;
        if ((s->state == TALKING && now_s >= next_due_s(s)) || (s->state == CLOSING && !s->close_sent))
            ws_conn_want_write(s->conn);
    }
}

static void count_bytes(const load *l, uint64_t *sent, uint64_t *received) {
    *sent = l->gone_sent;
    *received = l->gone_received;
    for (int i = 0; i < l->started; i++) {
        if (!l->streams[i].conn) continue;
        *sent += ws_conn_bytes_sent(l->streams[i].conn);
        *received += ws_conn_bytes_received(l->streams[i].conn);
    }
}

/* The measured part begins, or ends: counters are read; at the end they are what was added. */
static void mark(load *l, double now_s, bool end) {
    bench_load_result *r = l->result;
    uint64_t sent, received;
    count_bytes(l, &sent, &received);
    r->bytes_sent = sent - (end ? r->bytes_sent : 0);
    r->bytes_received = received - (end ? r->bytes_received : 0);
    r->client_cpu_s = own_cpu_s() - (end ? r->client_cpu_s : 0);
    r->wall_s = now_s - (end ? r->wall_s : 0);
    l->measuring = !end;
    l->measured = end;
    if (l->config->mark) l->config->mark(l->config->ctx, end);
}

static void begin_closing(load *l, double now_s) {
    l->closing = true;
    l->marked_s = now_s;
    for (int i = 0; i < l->started; i++) {
        if (l->streams[i].state == TALKING) l->streams[i].state = CLOSING;
        if (l->streams[i].state == OPENING && l->streams[i].conn) ws_conn_close(l->streams[i].conn, 1000);
    }
}

/* Where the run stands. False: it is over. */
static bool go_on(load *l, double now_s) {
    bench_load_result *r = l->result;
    bool failed = r->refused + r->dropped + r->failed > 0;
    if (!l->closing && failed && l->config->stop_at_failure) {
        r->cut_short = true;
        begin_closing(l, now_s);
    }
    if (!l->closing && !l->measuring && !l->measured && now_s >= r->totals.from_s) mark(l, now_s, false);
    if (l->measuring && (now_s >= r->totals.to_s || l->closing)) mark(l, now_s, true);
    if (!l->closing && l->measured) begin_closing(l, now_s);
    if (l->closing) return l->over < l->started && now_s < l->marked_s + GOODBYE_S;
    return true;
}

static bool stop_wanted(const load *l) {
    struct pollfd fd = {.fd = l->config->stop_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static steno_err loop(load *l) {
    int64_t tick = 0;
    for (double now_s = l->began_s; go_on(l, now_s); tick++) {
        ERR_TRY(open_due(l, now_s));
        ask_turns(l, now_s);
        double until_s = now_s + TICK_US * 1e-6;
        do {
            ws_client_step(l->client, (int64_t)((until_s - now_s) * 1e6));
            now_s = feeder_clock_s();
        } while (now_s < until_s - 0.0005);
        if (tick % TICKS_A_VISIT != 0) continue;
        if (l->config->tick) l->config->tick(l->config->ctx);
        if (stop_wanted(l)) return err_fail(STENO_E_CANCELLED, "interrupted");
    }
    l->result->failed += l->started - l->over; /* did not answer `close` */
    if (l->started > l->over) note(l, "no answer to 'close'");
    return STENO_OK;
}

static steno_err prepare(load *l) {
    const bench_load_config *c = l->config;
    const steno_live_options *o = &c->live;
    int n = snprintf(
        l->url, sizeof l->url,
        "%s%cencoding=pcm_s16le&sample_rate=%d&endpoint_ms=%d&unfinished_ms=%d&max_utterance_s=%g&partial_ms=%d"
        "&stats_ms=%d&speakers=%s",
        c->url, strchr(c->url, '?') ? '&' : '?', STENO_SAMPLE_RATE_HZ, o->endpoint_ms, o->unfinished_ms,
        (double)o->max_utterance_s, o->partial_ms, STATS_MS, c->speakers);
    if (n < 0 || (size_t)n >= sizeof l->url) return err_fail(STENO_E_LIMIT, "the address is too long");
    l->streams = mem_alloc((size_t)c->streams, sizeof *l->streams);
    if (!l->streams) return err_fail(STENO_E_NOMEM, "no memory for %d streams", c->streams);
    static const ws_handler handler = {on_opened, on_writable, on_message, on_closed};
    return ws_client_open(&handler, c->streams, strncmp(c->url, "wss:", 4) == 0, &l->client);
}

steno_err bench_load_run(const bench_load_config *config, bench_load_result *out) {
    *out = (bench_load_result){0};
    load *l = mem_alloc(1, sizeof *l);
    if (!l) return err_fail(STENO_E_NOMEM, "no memory for a run");
    l->config = config;
    l->result = out;
    l->packet_samples = STENO_SAMPLE_RATE_HZ / 1000 * config->packet_ms;
    steno_err e = prepare(l);
    l->began_s = feeder_clock_s();
    out->totals.from_s = l->began_s + config->ramp_s + config->warm_up_s;
    out->totals.to_s = out->totals.from_s + config->duration_s;
    if (e == STENO_OK) e = loop(l);
    ws_client_close(l->client);
    mem_free(l->streams);
    mem_free(l);
    return e;
}
