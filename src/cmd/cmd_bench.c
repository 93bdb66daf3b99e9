/* cmd_bench.c: `steno bench`: what recognition costs on this machine.
 *
 * Owner: the main thread. `offline` counts everything between opening a recording and its last word: reading, decoding
 * and resampling in the media children, and all CPU time of this process. Loading the model is reported apart.
 */
#include "base/mem.h"
#include "cmd/bench_kernels.h"
#include "cmd/bench_live.h"
#include "cmd/bench_speakers.h"
#include "cmd/bench_voices.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "output/format.h"
#include "cmd/session.h"
#include "cmd/cmd_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_REPEATS 1000

enum option_code { OPT_LIST = SESSION_OPTION_LAST, OPT_REPEAT, OPT_ALONE, OPT_JSON, OPT_TEXTS };

/* One pass over all recordings. */
typedef struct pass {
    double audio_s, speech_s, wall_s, self_cpu_s;
    double media_s, vad_s, encode_s, decode_s, stream_other_s; /* CPU by stage */
    uint64_t segments, tokens;
} pass;

typedef struct bench {
    session_options session;
    cli_paths paths;
    int repeats;
    bool alone, json, zero;
    const char *texts_path;
    FILE *texts; /* id TAB text of every recording, of the first pass; or NULL */
    bool id_written, failed;
    pass *passes;      /* [repeats] */
    pass *now;         /* the one that runs */
    double *latency_s; /* [repeats * paths.n], with alone */
    size_t n_latencies;
    size_t index_base;                        /* with alone, files go through the feeder one by one */
    double load_wall_s, load_cpu_s, helper_s; /* helper: CPU of the media zygote itself, a pass */
    long peak_kib, child_peak_kib;
} bench;

static double cpu_s(int who) {
    struct rusage u;
    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* The most memory this process ever held; 0 where /proc does not say. */
static long peak_memory_kib(void) {
    char line[256];
    long kib = 0;
    FILE *in = fopen("/proc/self/status", "re");
    if (!in) return 0;
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    }
    fclose(in);
    return kib;
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void help(void) {
    printf("Usage: steno bench offline [options] FILE…\n"
           "       steno bench offline [options] --list LIST\n"
           "       steno bench live [options]; see 'steno bench live --help'\n"
           "       steno bench speakers [options] FILE…; see 'steno bench speakers --help'\n"
           "       steno bench kernels\n"
           "       steno bench voices\n\n"
           "Transcribes recordings and reports audio, CPU and wall seconds, real-time factors, CPU time by stage and\n"
           "peak memory. Loading the model is not part of the figures. 'kernels' measures the numeric kernels alone,\n"
           "'voices' the embeddings of voices.\n\n"
           "Measurement:\n"
           "      --list LIST        take the names of recordings from a file, one a line ('-': standard input)\n"
           "  -0, --null             names in LIST end in a zero byte instead\n"
           "      --repeat N         so many passes; figures are of the pass with the median CPU time (default 1)\n"
           "      --alone            one recording at a time: latency of each, as median and 95th percentile\n"
           "      --texts FILE       write 'base name TAB text' of every recording there (for steno score wer)\n"
           "      --json             print JSON instead of a table\n\n");
    session_help();
    printf("\nOther:\n"
           "  -h, --help             this text\n");
}

static int read_option(bench *b, int code, const char *value, const char **list) {
    switch (code) {
    case OPT_LIST:
        *list = value;
        return 0;
    case '0':
        b->zero = true;
        return 0;
    case OPT_REPEAT:
        if (cli_int(value, 1, MAX_REPEATS, &b->repeats)) return 0;
        return cli_usage("bench", "--repeat cannot be '%s': want 1 to %d", value, MAX_REPEATS);
    case OPT_ALONE:
        b->alone = true;
        return 0;
    case OPT_JSON:
        b->json = true;
        return 0;
    case OPT_TEXTS:
        b->texts_path = value;
        return 0;
    case '?':
        return cli_usage("bench", "wrong option");
    default:
        return session_option(&b->session, "bench", code, value);
    }
}

const struct option cmd_bench_options[] = {SESSION_LONG_OPTIONS,
                                           {"list", required_argument, NULL, OPT_LIST},
                                           {"null", no_argument, NULL, '0'},
                                           {"repeat", required_argument, NULL, OPT_REPEAT},
                                           {"alone", no_argument, NULL, OPT_ALONE},
                                           {"texts", required_argument, NULL, OPT_TEXTS},
                                           {"json", no_argument, NULL, OPT_JSON},
                                           {"help", no_argument, NULL, 'h'},
                                           {0}};

/* Returns -1 to go on, or the exit status. */
static int read_options(bench *b, int argc, char **argv) {
    const char *list = NULL;
    int code;
    while ((code = getopt_long(argc, argv, ":0h", cmd_bench_options, NULL)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("bench", code, argv);
        if (read_option(b, code, optarg, &list) != 0) return 2;
    }
    steno_err e = STENO_OK;
    for (int i = optind; e == STENO_OK && i < argc; i++) e = cli_paths_add(&b->paths, argv[i]);
    if (e == STENO_OK && list) e = cli_paths_read(&b->paths, list, b->zero);
    if (e != STENO_OK) {
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        return 1;
    }
    if (b->paths.n == 0 && list) return cli_usage("bench", "%s names no recordings", list);
    if (b->paths.n == 0) return cli_usage("bench", "no recording given");
    int status = session_options_check(&b->session, "bench");
    return status ? status : -1;
}

/* ---- passes ----------------------------------------------------------------------------------------------------- */

static void write_id(bench *b, size_t index) {
    const char *base;
    size_t n = output_base_name(b->paths.path[index], true, &base);
    output_put_text(b->texts, base, n, output_escape_plain);
    putc('\t', b->texts);
    b->id_written = true;
}

static steno_err on_segment(void *ctx, size_t index, int channel, const released_segment *segment) {
    bench *b = ctx;
    (void)channel;
    if (!b->texts || b->now != b->passes) return STENO_OK;
    if (b->id_written)
        putc(' ', b->texts);
    else
        write_id(b, b->index_base + index);
    output_put_text(b->texts, segment->text, strlen(segment->text), output_escape_plain);
    return STENO_OK;
}

static steno_err on_done(void *ctx, size_t index, const feeder_result *r) {
    bench *b = ctx;
    pass *p = b->now;
    if (b->texts && p == b->passes) {
        if (!b->id_written) write_id(b, b->index_base + index);
        putc('\n', b->texts);
        b->id_written = false;
    }
    if (r->error != STENO_OK) {
        cli_complain(b->paths.path[b->index_base + index], r->detail);
        b->failed = true;
    }
    p->audio_s += r->audio_s;
    p->speech_s += r->stats.speech_s;
    p->media_s += r->media_cpu_s;
    p->vad_s += r->stats.vad_cpu_s;
    p->encode_s += r->stats.encode_cpu_s;
    p->decode_s += r->stats.decode_cpu_s;
    p->stream_other_s += r->stats.other_cpu_s;
    p->segments += r->stats.segments;
    p->tokens += r->stats.tokens;
    if (b->alone) b->latency_s[b->n_latencies++] = r->wall_s;
    return STENO_OK;
}

static steno_err run_pass(bench *b, feeder_config *feed) {
    const feeder_handler handler = {.ctx = b, .segment = on_segment, .done = on_done};
    double wall_s = feeder_clock_s(), self_s = cpu_s(RUSAGE_SELF);
    size_t step = b->alone ? 1 : b->paths.n;
    for (size_t i = 0; i < b->paths.n; i += step) {
        b->index_base = i;
        feed->paths = (const char *const *)b->paths.path + i;
        feed->n_paths = step;
        feed->in_order = b->texts != NULL;
        ERR_TRY(feeder_run(feed, &handler));
    }
    b->now->wall_s = feeder_clock_s() - wall_s;
    b->now->self_cpu_s = cpu_s(RUSAGE_SELF) - self_s;
    return STENO_OK;
}

static steno_err run_passes(bench *b) {
    session s;
    double wall_s = feeder_clock_s(), self_s = cpu_s(RUSAGE_SELF), media_s = 0;
    ERR_TRY(session_open(&s, &b->session));
    b->load_wall_s = feeder_clock_s() - wall_s;
    b->load_cpu_s = cpu_s(RUSAGE_SELF) - self_s;
    steno_err e = STENO_OK;
    for (int i = 0; e == STENO_OK && i < b->repeats; i++) {
        b->now = &b->passes[i];
        e = run_pass(b, &s.feed);
        media_s += b->now->media_s;
    }
    b->peak_kib = peak_memory_kib();
    session_close(&s);
    struct rusage children; /* complete only now that the helper is gone */
    getrusage(RUSAGE_CHILDREN, &children);
    b->child_peak_kib = children.ru_maxrss;
    b->helper_s = (cpu_s(RUSAGE_CHILDREN) - media_s) / b->repeats;
    if (b->helper_s < 0) b->helper_s = 0;
    return e;
}

/* ---- the report ------------------------------------------------------------------------------------------------- */

static double total_cpu_s(const bench *b, const pass *p) {
    return p->self_cpu_s + p->media_s + b->helper_s;
}

static int by_self_cpu(const void *a, const void *b) {
    const pass *x = a, *y = b;
    double u = x->self_cpu_s + x->media_s, v = y->self_cpu_s + y->media_s;
    return (u > v) - (u < v);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that at least `share` of the sorted values do not exceed. */
static double percentile(const double *sorted, size_t n, double share) {
    size_t rank = (size_t)(share * (double)n + 0.999999);
    if (n == 0) return 0;
    return sorted[rank == 0 ? 0 : rank > n ? n - 1 : rank - 1];
}

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

typedef struct figure {
    const char *key, *label, *unit;
    double value;
} figure;

#define MAX_FIGURES 24

static int figures(const bench *b, const pass *p, figure out[MAX_FIGURES]) {
    double cpu = total_cpu_s(b, p);
    double other = cpu - p->media_s - b->helper_s - p->vad_s - p->encode_s - p->decode_s;
    const figure all[] = {
        {"audio_s", "audio", "s", p->audio_s},
        {"speech_s", "of it speech", "s", p->speech_s},
        {"wall_s", "wall time", "s", p->wall_s},
        {"cpu_s", "CPU time, all processes", "s", cpu},
        {"rtf_cpu", "RTF (CPU / audio)", "", ratio(cpu, p->audio_s)},
        {"rtf_wall", "RTF (wall / audio)", "", ratio(p->wall_s, p->audio_s)},
        {"audio_hours_an_hour", "audio hours an hour", "", ratio(p->audio_s, p->wall_s)},
        {"media_cpu_s", "  media decoding", "s", p->media_s},
        {"media_helper_cpu_s", "  media helper (start, forks)", "s", b->helper_s},
        {"vad_cpu_s", "  voice activity", "s", p->vad_s},
        {"encode_cpu_s", "  encoder", "s", p->encode_s},
        {"decode_cpu_s", "  decoder", "s", p->decode_s},
        {"other_cpu_s", "  everything else", "s", other > 0 ? other : 0},
        {"segments", "segments", "", (double)p->segments},
        {"tokens", "tokens", "", (double)p->tokens},
        {"peak_memory_mib", "peak memory, this process", "MiB", (double)b->peak_kib / 1024},
        {"child_peak_memory_mib", "peak memory, largest child", "MiB", (double)b->child_peak_kib / 1024},
        {"load_wall_s", "loading (wall, not counted)", "s", b->load_wall_s},
        {"load_cpu_s", "loading (CPU, not counted)", "s", b->load_cpu_s},
        {"latency_p50_s", "latency, median", "s", b->alone ? percentile(b->latency_s, b->n_latencies, 0.5) : 0},
        {"latency_p95_s", "latency, 95th percentile", "s",
         b->alone ? percentile(b->latency_s, b->n_latencies, 0.95) : 0},
    };
    int n = (int)(sizeof all / sizeof all[0]) - (b->alone ? 0 : 2);
    memcpy(out, all, (size_t)n * sizeof *out);
    return n;
}

static void print_report(const bench *b, const pass *p) {
    figure f[MAX_FIGURES];
    int n = figures(b, p, f);
    if (!b->json) {
        printf("%-32s %s %s, %d thread(s), vad %s, %zu file(s), median of %d pass(es)\n", "model",
               b->session.model.name, b->session.model.precision, b->session.engine.shards,
               b->session.vad.enabled ? "on" : "off", b->paths.n, b->repeats);
        for (int i = 0; i < n; i++) printf("%-32s %12.4f %s\n", f[i].label, f[i].value, f[i].unit);
        return;
    }
    printf("{\"model\":\"%s\",\"precision\":\"%s\",\"threads\":%d,\"vad\":%s,\"files\":%zu,\"passes\":%d,\"alone\":%s",
           b->session.model.name, b->session.model.precision, b->session.engine.shards,
           b->session.vad.enabled ? "true" : "false", b->paths.n, b->repeats, b->alone ? "true" : "false");
    for (int i = 0; i < n; i++) printf(",\"%s\":%.6g", f[i].key, f[i].value);
    fputs(",\"cpu_s_each_pass\":[", stdout);
    for (int i = 0; i < b->repeats; i++) printf("%s%.6g", i ? "," : "", total_cpu_s(b, &b->passes[i]));
    fputs("]}\n", stdout);
}

static int report(bench *b) {
    if (b->texts && fclose(b->texts) != 0) {
        cli_complain(b->texts_path, strerror(errno));
        b->failed = true;
    }
    b->texts = NULL;
    qsort(b->passes, (size_t)b->repeats, sizeof *b->passes, by_self_cpu);
    if (b->latency_s) qsort(b->latency_s, b->n_latencies, sizeof *b->latency_s, by_value);
    print_report(b, &b->passes[(b->repeats - 1) / 2]);
    return b->failed ? 1 : 0;
}

static int offline_run(bench *b) {
    b->passes = mem_alloc((size_t)b->repeats, sizeof *b->passes);
    if (b->alone) b->latency_s = mem_alloc((size_t)b->repeats * b->paths.n, sizeof *b->latency_s);
    steno_err e = STENO_OK;
    if (!b->passes || (b->alone && !b->latency_s)) e = err_fail(STENO_E_NOMEM, "no memory for the measurements");
    if (e == STENO_OK && b->texts_path) {
        b->texts = fopen(b->texts_path, "we");
        if (!b->texts) e = err_fail(STENO_E_IO, "%s: %s", b->texts_path, strerror(errno));
    }
    if (e == STENO_OK) e = run_passes(b);
    if (e == STENO_OK) return report(b);
    fprintf(stderr, "steno: %s\n", steno_error_detail());
    if (b->texts) fclose(b->texts);
    return 1;
}

static int offline(int argc, char **argv) {
    bench b = {.repeats = 1};
    session_options_init(&b.session);
    int status = read_options(&b, argc, argv);
    if (status == -1) status = offline_run(&b);
    mem_free(b.passes);
    mem_free(b.latency_s);
    cli_paths_free(&b.paths);
    return status;
}

int cmd_bench(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } benches[] = {{"offline", offline},
                   {"live", bench_live},
                   {"speakers", bench_speakers},
                   {"kernels", bench_kernels},
                   {"voices", bench_voices}};
    if (argc < 2) return cli_usage("bench", "which benchmark?");
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
        help();
        return 0;
    }
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (strcmp(argv[1], benches[i].name) == 0) return benches[i].run(argc - 1, argv + 1);
    }
    return cli_usage("bench", "no benchmark '%s'", argv[1]);
}
