/* bench_live.c: see bench_live.h: options, the server that is measured, one run or a search for the largest.
 *
 * Owner: the main thread. The corpus is decoded, and the helper that does it has gone, before anything is measured. Every run
 * of a search has a server of its own, so that none inherits another's memory; with --url they share the one that runs.
 */
#include "cmd/bench_live.h"
#include "cmd/stoppable.h"

#include "base/mem.h"
#include "cmd/bench_server.h"
#include "cmd/cmd_options.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STEPS_MAX         48
#define FIRST_TRY         8
#define TEXT_BYTES        32
#define PRECISION_PERCENT 5 /* a search ends when the two bounds are so close */

enum option_code {
    OPT_STREAMS = SESSION_OPTION_LAST,
    OPT_CORPUS,
    OPT_URL,
    OPT_PID,
    OPT_DURATION,
    OPT_RAMP,
    OPT_WARM_UP,
    OPT_FIND,
    OPT_MOST,
    OPT_GAP,
    OPT_TALK_SHARE,
    OPT_TRIM,
    OPT_PACKET,
    OPT_SEED,
    OPT_ENDPOINT_MS,
    OPT_UNFINISHED_MS,
    OPT_MAX_UTTERANCE_S,
    OPT_PARTIAL_MS,
    OPT_SPEAKERS,
    OPT_FINAL,
    OPT_FIRST,
    OPT_INTERVAL,
    OPT_INTERVAL_SHARE,
    OPT_STRETCH,
    OPT_GROWTH,
    OPT_STRAGGLER,
    OPT_RECORDINGS,
    OPT_JSON
};

typedef struct bench {
    session_options session;
    bench_load_config load;
    bench_objective objective;
    bench_corpus corpus;
    const char *corpus_path, *url;
    int pid, streams, most, seed, recordings;
    float duration_s, ramp_s, warm_up_s, talk_share, final_ms, first_ms, interval_ms, interval_share, stretch,
        growth_ms;
    bool find, json, trim, straggler;
    const char *server_args[BENCH_SERVER_ARGS_MAX + 1]; /* ends with NULL */
    int n_server_args;
    bench_server server;
    bench_step steps[STEPS_MAX], *now;
    size_t n_steps;
} bench;

static void help(void) {
    printf("Usage: steno bench live --corpus DIR|LIST [options] [-- SERVER OPTION…]\n\n"
           "People who talk to a server at the pace of time, over WebSocket, from recordings: how quickly they see "
           "their words,\n"
           "and what it costs. docs/PERFORMANCE.md defines the figures. Starts 'steno serve --port 0' with room\n"
           "for the streams and the options behind '--', unless --url names a server that runs.\n\n"
           "Load:\n"
           "      --corpus DIR|LIST  recordings: a folder of them, or a file with a name a line\n"
           "      --streams N        so many streams at once (default 8; with --find-capacity the first try)\n"
           "      --gap-ms N         between recordings of a stream (default 0: people who talk all the time)\n"
           "      --talk-share P     pauses so long that people talk this share of the time, instead of --gap-ms\n"
           "      --trim on|off      cut silence off both ends of recordings (default on)\n"
           "      --packet-ms N      audio a packet, 10 to 200 (default 32)\n"
           "      --seed N           decides each stream's order of recordings (default 1)\n"
           "      --duration S       measured seconds (default 20; with --straggler of each of its three parts)\n"
           "      --ramp S           streams start spread over so many seconds (default 4)\n"
           "      --warm-up S        and so many more are not measured (default 5)\n"
           "      --endpoint-ms N, --unfinished-ms N, --max-utterance-s S, --partial-ms N: as for 'steno live'\n"
           "      --speakers NAME    off (default), revise or delayed: whether speakers are told apart, and by which "
           "contract\n"
           "\nServer:\n"
           "      --url URL          a server that runs: ws://host:port/v1/stream\n"
           "      --pid N            its process, to measure what it uses\n"
           "      --threads N        and other recognition options of 'steno transcribe' go to the server that is "
           "started:\n"
           "                         --model --precision --models-dir --max-batch\n"
           "      --redact HOW, --redact-types LIST, --redact-rules FILE, --itn: it looks for personal data, as 'steno "
           "live' does\n"
           "\nCapacity:\n"
           "      --find-capacity    the largest number of streams that meets the objective: doubles, then halves the "
           "distance\n"
           "      --most N           of streams (default 1024)\n"
           "      --final-ms N       final latency, 99th percentile (default 300)\n"
           "      --first-ms N       first text, median (default 300)\n"
           "      --interval-ms N    between events of an open utterance (default 550) …\n"
           "      --interval-share P … for this share of them (default 0.9)\n"
           "      --stretch P        share of the time with a stretched cadence (default 0.01)\n"
           "      --growth-ms N      of the lag, from the first to the last quarter (default 50)\n"
           "\nStragglers:\n"
           "      --straggler        no network: commands of half a second on --streams live streams of one shard "
           "(default 31),\n"
           "                         alone, beside recordings of 15 s, and beside them without slices\n"
           "      --recordings N     so many of these at a time (default 4)\n"
           "\nOther:\n"
           "      --json             print JSON instead of a table\n"
           "  -h, --help             this text\n");
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

const struct option bench_live_options[] = {{"streams", required_argument, NULL, OPT_STREAMS},
                                            {"corpus", required_argument, NULL, OPT_CORPUS},
                                            {"url", required_argument, NULL, OPT_URL},
                                            {"pid", required_argument, NULL, OPT_PID},
                                            {"duration", required_argument, NULL, OPT_DURATION},
                                            {"ramp", required_argument, NULL, OPT_RAMP},
                                            {"warm-up", required_argument, NULL, OPT_WARM_UP},
                                            {"find-capacity", no_argument, NULL, OPT_FIND},
                                            {"most", required_argument, NULL, OPT_MOST},
                                            {"gap-ms", required_argument, NULL, OPT_GAP},
                                            {"talk-share", required_argument, NULL, OPT_TALK_SHARE},
                                            {"trim", required_argument, NULL, OPT_TRIM},
                                            {"packet-ms", required_argument, NULL, OPT_PACKET},
                                            {"seed", required_argument, NULL, OPT_SEED},
                                            {"endpoint-ms", required_argument, NULL, OPT_ENDPOINT_MS},
                                            {"unfinished-ms", required_argument, NULL, OPT_UNFINISHED_MS},
                                            {"max-utterance-s", required_argument, NULL, OPT_MAX_UTTERANCE_S},
                                            {"partial-ms", required_argument, NULL, OPT_PARTIAL_MS},
                                            {"speakers", required_argument, NULL, OPT_SPEAKERS},
                                            SESSION_PRIVACY_OPTIONS,
                                            {"final-ms", required_argument, NULL, OPT_FINAL},
                                            {"first-ms", required_argument, NULL, OPT_FIRST},
                                            {"interval-ms", required_argument, NULL, OPT_INTERVAL},
                                            {"interval-share", required_argument, NULL, OPT_INTERVAL_SHARE},
                                            {"stretch", required_argument, NULL, OPT_STRETCH},
                                            {"growth-ms", required_argument, NULL, OPT_GROWTH},
                                            {"straggler", no_argument, NULL, OPT_STRAGGLER},
                                            {"recordings", required_argument, NULL, OPT_RECORDINGS},
                                            {"json", no_argument, NULL, OPT_JSON},
                                            {"help", no_argument, NULL, 'h'},
                                            {"model", required_argument, NULL, SESSION_MODEL},
                                            {"precision", required_argument, NULL, SESSION_PRECISION},
                                            {"models-dir", required_argument, NULL, SESSION_MODELS_DIR},
                                            {"threads", required_argument, NULL, SESSION_THREADS},
                                            {"max-batch", required_argument, NULL, SESSION_MAX_BATCH},
                                            {0}};

/* Options that are a number in a range. */
typedef struct number {
    int code;
    double lowest, highest;
    int *whole; /* or: */
    float *real;
} number;

static int take_number(bench *b, int code, const char *name, const char *value) {
    const number all[] = {
        {OPT_STREAMS, 1, BENCH_STREAMS_MAX, &b->streams, NULL},
        {OPT_PID, 1, 1 << 22, &b->pid, NULL},
        {OPT_DURATION, 1, 86400, NULL, &b->duration_s},
        {OPT_RAMP, 0, 600, NULL, &b->ramp_s},
        {OPT_WARM_UP, 0, 600, NULL, &b->warm_up_s},
        {OPT_MOST, 1, BENCH_STREAMS_MAX, &b->most, NULL},
        {OPT_GAP, 0, 60000, &b->load.gaps.gap_ms, NULL},
        {OPT_TALK_SHARE, 0.01, 1, NULL, &b->talk_share},
        {OPT_PACKET, 10, BENCH_PACKET_MS_MAX, &b->load.packet_ms, NULL},
        {OPT_SEED, 0, 1 << 30, &b->seed, NULL},
        {OPT_ENDPOINT_MS, 100, 5000, &b->load.live.endpoint_ms, NULL},
        {OPT_UNFINISHED_MS, 0, 5000, &b->load.live.unfinished_ms, NULL},
        {OPT_MAX_UTTERANCE_S, 2, 30, NULL, &b->load.live.max_utterance_s},
        {OPT_PARTIAL_MS, 100, 5000, &b->load.live.partial_ms, NULL},
        {OPT_FINAL, 0, 60000, NULL, &b->final_ms},
        {OPT_FIRST, 0, 60000, NULL, &b->first_ms},
        {OPT_INTERVAL, 1, 60000, NULL, &b->interval_ms},
        {OPT_INTERVAL_SHARE, 0, 1, NULL, &b->interval_share},
        {OPT_STRETCH, 0, 1, NULL, &b->stretch},
        {OPT_GROWTH, 0, 60000, NULL, &b->growth_ms},
        {OPT_RECORDINGS, 1, 64, &b->recordings, NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const number *n = &all[i];
        if (n->code != code) continue;
        if (n->whole ? cli_int(value, (int)n->lowest, (int)n->highest, n->whole)
                     : cli_float(value, n->lowest, n->highest, n->real))
            return 0;
        return cli_usage("bench", "--%s cannot be '%s': want a%s number from %g to %g", name, value,
                         n->whole ? " whole" : "", n->lowest, n->highest);
    }
    return -1;
}

static void server_arg(bench *b, const char *text) {
    if (b->n_server_args < BENCH_SERVER_ARGS_MAX) b->server_args[b->n_server_args++] = text;
}

static int take_option(bench *b, int code, const char *name, const char *value) {
    static char spelled[SESSION_OPTION_LAST - SESSION_MODEL][TEXT_BYTES]; /* "--threads": lives as long as argv */
    switch (code) {
    case OPT_CORPUS:
        b->corpus_path = value;
        return 0;
    case OPT_URL:
        b->url = value;
        return 0;
    case OPT_FIND:
        b->find = true;
        return 0;
    case OPT_STRAGGLER:
        b->straggler = true;
        return 0;
    case OPT_JSON:
        b->json = true;
        return 0;
    case OPT_SPEAKERS:
        b->load.speakers = value;
        if (strcmp(value, "off") == 0 || strcmp(value, "revise") == 0 || strcmp(value, "delayed") == 0) return 0;
        return cli_usage("bench", "--speakers cannot be '%s': want off, revise or delayed", value);
    case OPT_TRIM:
        if (cli_switch(value, &b->trim)) return 0;
        return cli_usage("bench", "--trim cannot be '%s': want on or off", value);
    default:
        break;
    }
    int status = take_number(b, code, name, value);
    if (status != -1) return status;
    status = session_option(&b->session, "bench", code, value);
    if (status != 0) return 2;
    snprintf(spelled[code - SESSION_MODEL], TEXT_BYTES, "--%s", name);
    server_arg(b, spelled[code - SESSION_MODEL]);
    server_arg(b, value ? value : "yes"); /* --itn */
    return 0;
}

static int settle(bench *b) {
    if (!b->corpus_path) return cli_usage("bench", "no --corpus given");
    if (b->url && b->n_server_args > 0) return cli_usage("bench", "--url names a server that has its options already");
    if (b->pid && !b->url) return cli_usage("bench", "--pid goes with --url");
    if (b->streams == 0) b->streams = b->straggler ? 31 : FIRST_TRY;
    if (b->straggler && strcmp(b->load.speakers, "off") != 0)
        return cli_usage("bench", "--straggler tells no speakers apart");
    if (b->straggler && (b->url || b->find)) return cli_usage("bench", "--straggler needs no server");
    b->load.gaps.talk_share = (double)b->talk_share;
    b->load.duration_s = (double)b->duration_s;
    b->load.ramp_s = (double)b->ramp_s;
    b->load.warm_up_s = (double)b->warm_up_s;
    b->load.seed = (uint64_t)b->seed;
    b->objective = (bench_objective){(double)b->final_ms,       (double)b->first_ms, (double)b->interval_ms,
                                     (double)b->interval_share, (double)b->stretch,  (double)b->growth_ms};
    return session_options_check(&b->session, "bench");
}

/* Returns -1 to go on, or the exit status. */
static int read_options(bench *b, int argc, char **argv) {
    int code, index = 0;
    while ((code = getopt_long(argc, argv, "+:h", bench_live_options, &index)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("bench", code, argv);
        if (take_option(b, code, bench_live_options[index].name, optarg) != 0) return 2;
    }
    if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
        return cli_usage("bench", "'%s': recordings are named by --corpus", argv[optind]);
    for (int i = optind; i < argc; i++) server_arg(b, argv[i]);
    int status = settle(b);
    return status ? status : -1;
}

static void defaults(bench *b) {
    session_options_init(&b->session);
    steno_live_options_init(&b->load.live);
    bench_objective_init(&b->objective);
    const bench_objective *o = &b->objective;
    b->load.packet_ms = 32;
    b->load.speakers = "off";
    b->load.stop_fd = -1;
    b->duration_s = 20;
    b->ramp_s = 4;
    b->warm_up_s = 5;
    b->most = 1024;
    b->seed = 1;
    b->recordings = 4;
    b->trim = true;
    b->final_ms = (float)o->final_p99_ms;
    b->first_ms = (float)o->first_p50_ms;
    b->interval_ms = (float)o->interval_ms;
    b->interval_share = (float)o->interval_share;
    b->stretch = (float)o->stretch_share;
    b->growth_ms = (float)o->lag_growth_ms;
    b->server.log_fd = -1;
}

/* ---- one run ---------------------------------------------------------------------------------------------------- */

void bench_step_free(bench_step *s) {
    bench_totals_free(&s->result.totals);
    mem_free(s->status);
    *s = (bench_step){0};
}

static int server_pid(const bench *b) {
    return b->url ? b->pid : b->server.pid;
}

static void look_at_server(bench *b, proc_usage *out) {
    int pid = server_pid(b);
    b->now->server_known = pid > 0 && proc_usage_read(pid, out) == STENO_OK;
}

static void on_mark(void *ctx, bool end) {
    bench *b = ctx;
    look_at_server(b, end ? &b->now->end : &b->now->begin);
    if (!end) return;
    if (bench_status(b->url ? b->url : b->server.url, &b->now->status) != STENO_OK) b->now->status = NULL;
}

static void on_tick(void *ctx) {
    bench *b = ctx;
    bench_server_drain(&b->server);
}

/* Starts a server with room for so many streams, unless its options say how many. */
static steno_err start_server(bench *b, int streams) {
    char text[TEXT_BYTES];
    const char *args[BENCH_SERVER_ARGS_MAX + 3];
    int n = 0;
    bool given = false;
    for (; n < b->n_server_args; n++) {
        args[n] = b->server_args[n];
        given = given || strncmp(args[n], "--max-streams", 13) == 0;
    }
    snprintf(text, sizeof text, "%d", streams);
    if (!given) {
        args[n++] = "--max-streams";
        args[n++] = text;
    }
    args[n] = NULL;
    return bench_server_start(&b->server, NULL, args);
}

static steno_err run_step(bench *b, int streams) {
    bench_step *s = b->now = &b->steps[b->n_steps++];
    *s = (bench_step){.streams = streams};
    if (!b->url) ERR_TRY(start_server(b, streams));
    look_at_server(b, &s->idle);
    b->load.url = b->url ? b->url : b->server.url;
    b->load.streams = streams;
    b->load.stop_at_failure = b->find;
    steno_err e = bench_load_run(&b->load, &s->result);
    bench_server_stop(&b->server);
    if (e != STENO_OK) return e;
    const bench_load_result *r = &s->result;
    s->misses = bench_judge(&s->result.totals, &b->objective, streams);
    if (r->refused > 0) s->misses |= BENCH_MISS_REFUSED;
    if (r->dropped + r->failed > 0) s->misses |= BENCH_MISS_DROPPED;
    return STENO_OK;
}

/* ---- the search ------------------------------------------------------------------------------------------------- */

int bench_next_streams(int from, int passed, int failed, int most) {
    if (passed == 0 && failed == 0) return from < most ? from : most;
    if (failed == 0) return passed >= most ? 0 : passed * 2 < most ? passed * 2 : most;
    int close = passed * PRECISION_PERCENT / 100;
    if (failed - passed <= (close > 1 ? close : 1)) return 0;
    return passed + (failed - passed) / 2;
}

static steno_err search(bench *b, bench_step **found) {
    int passed = 0, failed = 0, streams;
    while (b->n_steps < STEPS_MAX && (streams = bench_next_streams(b->streams, passed, failed, b->most)) > 0) {
        ERR_TRY(run_step(b, streams));
        bench_live_progress(b->now);
        if (b->now->misses) {
            failed = streams;
        } else {
            passed = streams;
            *found = b->now;
        }
    }
    return STENO_OK;
}

static int measure(bench *b) {
    bench_step *found = NULL;
    b->load.corpus = &b->corpus;
    b->load.mark = on_mark;
    b->load.tick = on_tick;
    b->load.ctx = b;
    b->load.stop_fd = stoppable_signals(NULL);
    steno_err e = b->find ? search(b, &found) : run_step(b, b->streams);
    if (!b->find) found = b->now;
    bench_server_stop(&b->server);
    if (b->load.stop_fd != -1) close(b->load.stop_fd);
    const bench_live_conditions conditions = {b->corpus_path, &b->corpus, &b->load, &b->objective};
    if (e == STENO_OK && b->json && !bench_live_print_json(&conditions, b->steps, b->n_steps, found, b->find))
        e = err_fail(STENO_E_NOMEM, "no memory for the report");
    if (e == STENO_OK && !b->json) bench_live_print(&conditions, b->steps, b->n_steps, found, b->find);
    if (e == STENO_E_CANCELLED) return 130;
    if (e != STENO_OK) fprintf(stderr, "steno: %s\n", steno_error_detail());
    return e == STENO_OK ? 0 : 1;
}

int bench_live(int argc, char **argv) {
    bench *b = mem_alloc(1, sizeof *b);
    if (!b) return 1;
    defaults(b);
    int status = read_options(b, argc, argv);
    if (status == -1 && bench_corpus_read(b->corpus_path, b->trim, &b->corpus) != STENO_OK) {
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        status = 1;
    }
    if (status == -1 && b->straggler) {
        const bench_straggler_config straggler = {b->session,    &b->corpus,         b->load.live, b->streams,
                                                  b->recordings, b->load.duration_s, b->load.seed, b->json};
        status = bench_straggler(&straggler);
    }
    if (status == -1) status = measure(b);
    for (size_t i = 0; i < b->n_steps; i++) bench_step_free(&b->steps[i]);
    bench_corpus_free(&b->corpus);
    mem_free(b);
    return status;
}
