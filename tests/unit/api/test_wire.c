/* test_wire.c: foreign live protocols on a made-up dialect: voices that are opened, given up and opened again inside events,
 * clients that vanish, servers that drain and close, promised places, failing memory. The clients are threads.
 *
 * The dialect, on a raw connection: a byte is a command. 'o' opens a voice, '2' two; 'a' audio with speech in it (0.4 s, made here);
 * 's' silence; 'f' finalizes, 'e' finishes, 'c' configures, 'q' closes; 'R' and 'Q': with the next DONE or FINALIZED, reopens
 * or closes. Answers: 'o' or 'x' for an opening, then a letter an event: S, P, W (words), F, D, E, L.
 */
#include "service_fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define AUDIO_BYTES 12800 /* of an 'a' */
#define FAULTS_MAX  400
#define CLIENTS     24
#define TIMEOUT_S   60

static const pcm_format format = {.encoding = PCM_S16LE, .rate_hz = 16000, .channels = 1};
static unsigned char tone[AUDIO_BYTES], silence[AUDIO_BYTES];
static int live_states; /* of the dialect: begun and not ended */

/* ---- the dialect ------------------------------------------------------------------------------------------------ */

typedef struct state {
    char then; /* 'R' or 'Q': in the next answer to a control */
    bool closed;
} state;

static void say(wire *w, char letter) {
    wire_say_bytes(w, OUTBOX_KEEP, 0, &letter, 1);
}

static bool d_begin(wire *w, void *s, call *c) {
    (void)w;
    (void)c;
    live_states++;
    *(state *)s = (state){0};
    return true;
}

static void close_it(wire *w, state *s) {
    s->closed = true;
    wire_close(w, 1000, "bye");
}

static void open_voices(wire *w, state *s, int n) {
    bool ok = wire_open(w, n, &format, NULL) == STENO_OK;
    say(w, ok ? 'o' : 'x');
    if (!ok) close_it(w, s);
    for (int i = 0; i < wire_channels(w); i++)
        w->voices[i]->voice.promised_ms += 3600000; /* however slow the machine is */
}

static void take_audio(wire *w, state *s, const unsigned char *bytes) {
    for (int c = 0; c < wire_channels(w); c++) {
        if (wire_audio(w, c, bytes, AUDIO_BYTES) == STENO_OK) continue;
        say(w, 'x');
        close_it(w, s);
        return;
    }
}

static void command(wire *w, state *s, char what) {
    steno_live_options live = *wire_defaults(w);
    switch (what) {
    case 'o':
    case '2':
        open_voices(w, s, what == '2' ? 2 : 1);
        break;
    case 'a':
        take_audio(w, s, tone);
        break;
    case 's':
        take_audio(w, s, silence);
        break;
    case 'f':
        wire_finalize(w);
        break;
    case 'e':
        wire_finish(w);
        break;
    case 'c':
        live.endpoint_ms = 300;
        wire_configure(w, &live);
        break;
    case 'q':
        close_it(w, s);
        break;
    default:
        s->then = what;
    }
}

/* Commands work through one at a time, as messages do. */
static void d_binary(wire *w, void *ctx, const unsigned char *bytes, size_t n, bool first, bool last) {
    state *s = ctx;
    (void)first;
    (void)last;
    for (size_t i = 0; i < n && !s->closed; i++) {
        command(w, s, (char)bytes[i]);
        wire_work_voices(w, net_now_ms());
    }
}

static void d_event(wire *w, void *ctx, int channel, const released_event *e) {
    state *s = ctx;
    static const char letters[] = {
        [STENO_EVENT_SEGMENT] = 'W', [STENO_EVENT_DONE] = 'D',    [STENO_EVENT_ERROR] = 'E',
        [STENO_EVENT_SPEECH] = 'S',  [STENO_EVENT_PARTIAL] = 'P', [STENO_EVENT_FINALIZED] = 'F',
        [STENO_EVENT_OVERLOAD] = 'L'};
    assert_in_range(channel, 0, wire_channels(w) - 1);
    say(w, letters[e->kind]);
    if (e->kind != STENO_EVENT_DONE && e->kind != STENO_EVENT_FINALIZED) return;
    char then = s->then;
    s->then = 0;
    if (then == 'R') open_voices(w, s, 2);
    if (then == 'Q') close_it(w, s);
}

static void d_end(wire *w, void *s) {
    (void)w;
    (void)s;
    live_states--;
}

static const dialect made_up = {.name = "made-up",
                                .state_bytes = sizeof(state),
                                .begin = d_begin,
                                .binary = d_binary,
                                .event = d_event,
                                .end = d_end};

static const net_conn_handler *on_accept(void *ctx, const char *peer, void **user) {
    return wire_accept(ctx, &made_up, peer, user);
}

static int port_of(service *v) {
    char address[80];
    net_raw_config c = {.bind = "127.0.0.1", .port = 0, .ctx = v, .accept = on_accept};
    assert_ok(net_listen_raw(v->net, &c, address));
    return (int)strtol(strrchr(address, ':') + 1, NULL, 10);
}

static const stage small = {.max_streams = 12, .max_live = 4, .decoders = 1, .recordings_max = 4};

/* ---- clients ---------------------------------------------------------------------------------------------------- */

/* Sends all commands, then reads until the server hangs up, or until it has heard `until`; or leaves at once. */
typedef struct client {
    pthread_t thread;
    int port;
    const char *commands;
    char until;  /* 0: the end */
    bool vanish; /* by a reset, without reading */
    char heard[512];
    _Atomic bool over;
} client;

static int connect_to(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = TIMEOUT_S};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0) return fd;
    close(fd);
    return -1;
}

static void listen_on(client *c, int fd) {
    size_t n = 0;
    while (n + 1 < sizeof c->heard) {
        ssize_t got = recv(fd, c->heard + n, 1, 0);
        if (got <= 0) return;
        if (c->heard[n++] == c->until && c->until) return;
    }
}

static void *client_main(void *arg) {
    client *c = arg;
    int fd = connect_to(c->port);
    struct linger reset = {.l_onoff = 1};
    if (fd >= 0) {
        (void)!send(fd, c->commands, strlen(c->commands), MSG_NOSIGNAL);
        if (c->vanish)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        else
            listen_on(c, fd);
        close(fd);
    }
    c->over = true;
    return NULL;
}

static void begin(client *c, int port, const char *commands) {
    c->port = port;
    c->commands = commands;
    assert_int_equal(pthread_create(&c->thread, NULL, client_main, c), 0);
}

static bool is_over(void *ctx) {
    return ((client *)ctx)->over;
}

static void visit(service *v, client *c, int port, const char *commands) {
    begin(c, port, commands);
    run_until(v, is_over, c);
    pthread_join(c->thread, NULL);
}

static void close_server(service *v) {
    close_at_rest(v);
    assert_int_equal(live_states, 0);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void a_whole_talk(void **unused) {
    service *v = open_service(&small);
    client c = {0};
    (void)unused;
    visit(v, &c, port_of(v), "ocaaasssfaaQe");
    assert_int_equal(c.heard[0], 'o');
    assert_non_null(strchr(c.heard, 'W'));
    assert_non_null(strchr(c.heard, 'F'));
    assert_int_equal(v->finals > 0, 1);
    close_server(v);
}

/* Voices that never hear anything answer all the same, and cost no stream. */
static void voices_without_audio(void **unused) {
    service *v = open_service(&small);
    client c = {0};
    steno_engine_stats s;
    (void)unused;
    visit(v, &c, port_of(v), "2cfeq");
    assert_string_equal(c.heard, "oFFDD");
    steno_engine_get_stats(v->slots->engine, &s);
    assert_int_equal(s.opened, 0);
    close_server(v);
}

/* In the very event that ends or answers one voice, others take their place, or the connection ends. */
static void opened_and_closed_in_events(void **unused) {
    static const char *const talks[] = {"2Qe",       "2Qf",     "2ReQe",      "2RfQf",     "oaReaQe", "2aaRfaaQe",
                                        "2aQesss",   "2aQfsss", "oRfRfRfReq", "2aRe2eq",   "ooooq",   "2a2a2aq",
                                        "2aefaeQRe", "q2a",     "aefcq",      "2acfcfRfq", "2aRRaefq"};
    service *v = open_service(&small);
    int port = port_of(v);
    (void)unused;
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        client c = {0};
        visit(v, &c, port, talks[i]);
        assert_true(c.over);
        run_until(v, is_at_rest, v); /* the next one finds all places free */
    }
    close_server(v);
}

/* Whoever is let in has a place, until it speaks or goes. */
static void promised_places(void **unused) {
    service *v = open_service(&small); /* four live */
    int port = port_of(v);
    client c = {0};
    (void)unused;
    visit(v, &c, port, "22222222q"); /* each opening gives those before up, with their places */
    assert_string_equal(c.heard, "oooooooo");
    assert_int_equal(v->promised, 0); /* at once, not when the dead are freed */
    for (int i = 0; i < 8; i++) {
        client one = {.until = 'o'};
        visit(v, &one, port, "2");
        assert_string_equal(one.heard, "o");
        while (v->wires) run_until(v, is_over, &one);
    }
    assert_int_equal(v->promised, 0);
    close_server(v);
}

typedef struct wanted {
    const service *v;
    int streams, promised;
} wanted;

static bool has_these(void *ctx) {
    const wanted *w = ctx;
    return streams_of(w->v) == w->streams && w->v->promised == w->promised;
}

/* Two have spoken, two only have a place; the next one is told that all are in use. Draining then ends them all. */
static void full_and_drained(void **unused) {
    service *v = open_service(&small);
    int port = port_of(v);
    client c[2] = {0}, late = {.until = 'x'};
    (void)unused;
    begin(&c[0], port, "2aa");
    run_until(v, has_these, &(wanted){v, 2, 0});
    begin(&c[1], port, "2");
    run_until(v, has_these, &(wanted){v, 2, 2});
    visit(v, &late, port, "o");
    assert_string_equal(late.heard, "x");
    assert_int_equal(v->promised, 2);
    v->config.drain_s = 0;
    service_drain(v);
    v->net->stopping = false;
    net_run(v->net); /* ends by itself: everybody is told to go, and goes */
    for (int i = 0; i < 2; i++) {
        run_until(v, is_over, &c[i]);
        pthread_join(c[i].thread, NULL);
        assert_non_null(strchr(c[i].heard, 'D'));
    }
    v->draining = false;
    close_server(v);
}

/* By resets, in the middle of whatever they do, more of them than there are places for. */
static void many_vanish(void **unused) {
    static const char *const talks[] = {"2aaaaf", "oaRfaa", "2", "oaaaaaaaaaaaaaaae", "2aQf", "oaR2a", "aoae", "oae"};
    service *v = open_service(&small);
    int port = port_of(v);
    client c[CLIENTS] = {0};
    (void)unused;
    for (int i = 0; i < CLIENTS; i++) {
        c[i].vanish = i % 4 != 3;
        c[i].until = 'o';
        begin(&c[i], port, talks[i % 8]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        run_until(v, is_over, &c[i]);
        pthread_join(c[i].thread, NULL);
    }
    run_until(v, is_at_rest, v);
    client last = {0};
    visit(v, &last, port, "oaaaQe");
    assert_non_null(strchr(last.heard, 'D'));
    close_server(v);
}

/* The server ends while people are in the middle of it: the engine goes first, then the connections. */
static void closed_in_the_middle(void **unused) {
    service *v = open_service(&small);
    int port = port_of(v);
    client c[3] = {0};
    (void)unused;
    begin(&c[0], port, "2aaaa");
    run_until(v, has_these, &(wanted){v, 2, 0});
    begin(&c[1], port, "oaaaafRe");
    begin(&c[2], port, "o");
    run_until(v, has_these, &(wanted){v, 3, 1});
    service_close(v);
    for (int i = 0; i < 3; i++) pthread_join(c[i].thread, NULL);
    assert_int_equal(live_states, 0);
}

/* The new engine is for new voices; those that talk stay where they are until they have ended. */
static void engines_are_replaced(void **unused) {
    service *v = open_service(&small);
    int port = port_of(v);
    client c = {0}, fresh = {0};
    steno_model *model;
    steno_engine *engine;
    (void)unused;
    begin(&c, port, "2aaaa");
    run_until(v, has_these, &(wanted){v, 2, 0});
    engine_slot *old = v->slots;
    service_config config = config_of(&small);
    open_engine(&small, &model, &engine);
    assert_ok(service_replace(v, &config, model, engine));
    visit(v, &fresh, port, "oaaQe");
    assert_non_null(strchr(fresh.heard, 'D'));
    assert_int_equal(old->streams, 2);
    v->config.drain_s = 0;
    service_drain(v);
    v->net->stopping = false;
    net_run(v->net);
    run_until(v, is_over, &c);
    pthread_join(c.thread, NULL);
    assert_non_null(strchr(c.heard, 'D'));
    v->draining = false;
    close_server(v);
}

/* Each allocation fails once: that client is hung up on, or told, and nothing of it stays. */
static void memory_fails(void **unused) {
    service *v = open_service(&small);
    int port = port_of(v);
    (void)unused;
    for (uint64_t nth = 1;; nth++) {
        client c = {0};
        look l = {.v = v, .holds = is_over, .ctx = &c, .timer = net_timer_open(v->net, look_again, &l)};
        v->net->stopping = false;
        net_timer_set(l.timer, 0);
        mem_fault_arm(nth);
        begin(&c, port, "2caafRfaaQe");
        net_run(v->net);
        bool hit = mem_fault_hit();
        mem_fault_arm(0);
        net_timer_close(l.timer);
        pthread_join(c.thread, NULL);
        run_until(v, is_at_rest, v);
        assert_int_equal(live_states, 0);
        if (!hit) break;
        assert_true(nth < FAULTS_MAX);
    }
    close_server(v);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_talk),
        cmocka_unit_test(voices_without_audio),
        cmocka_unit_test(opened_and_closed_in_events),
        cmocka_unit_test(promised_places),
        cmocka_unit_test(full_and_drained),
        cmocka_unit_test(many_vanish),
        cmocka_unit_test(closed_in_the_middle),
        cmocka_unit_test(engines_are_replaced),
        cmocka_unit_test(memory_fails),
    };
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    alarm(WATCHDOG_S);
    float talk[AUDIO_BYTES / 2];
    uint64_t random = SEED;
    fake_tone(talk, AUDIO_BYTES / 2, &random);
    for (size_t i = 0; i < AUDIO_BYTES / 2; i++) {
        int sample = (int)(talk[i] * 32000);
        tone[2 * i] = (unsigned char)(sample & 255);
        tone[2 * i + 1] = (unsigned char)(sample >> 8 & 255);
    }
    return cmocka_run_group_tests(tests, service_setup, service_teardown);
}
