/* bench_live_report.c: what `steno bench live` prints: a table, or JSON. */
#include "cmd/bench_live.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define MISSES_BYTES 160
#define FIGURES_MAX  48
#define MS           1000.0

/* A figure that is one number. */
typedef struct figure {
    const char *key, *label, *unit;
    double value;
} figure;

static double per(double a, double b) {
    return b > 0 ? a / b : 0;
}

static double mib(double bytes) {
    return bytes / (1 << 20);
}

/* ---- figures ---------------------------------------------------------------------------------------------------- */

static size_t load_figures(bench_step *s, figure *out) {
    bench_load_result *r = &s->result;
    bench_totals *t = &r->totals;
    double stream_s = (t->to_s - t->from_s) * s->streams;
    const figure all[] = {
        {"partials_per_speech_s", "partials a second of speech", "", per((double)t->partials, t->speech_s)},
        {"long_intervals", "intervals over 550 ms, share", "", bench_samples_share_above(&t->interval, 0.55)},
        {"lag_growth_ms", "lag growth, last quarter - first", "ms", bench_lag_growth_s(t) * MS},
        {"stretched", "time with a stretched cadence, share", "", per(t->stretched_s, stream_s)},
        {"overloads", "overload events", "", (double)t->overloads},
        {"finals", "finals", "", (double)t->finals},
        {"finals_endpoint", "  of them at a pause", "", (double)t->ended[STENO_END_ENDPOINT]},
        {"finals_max_utterance", "  at the longest utterance", "", (double)t->ended[STENO_END_MAX]},
        {"finals_empty", "  taken back", "", (double)t->finals_empty},
        {"partials", "partials", "", (double)t->partials},
        {"talk_share", "speech a second of stream", "", per(t->speech_s, stream_s)},
        {"opened", "streams opened", "", r->opened},
        {"refused", "streams refused", "", r->refused},
        {"dropped", "streams dropped", "", r->dropped},
        {"failed", "streams failed", "", r->failed},
        {"errors", "error events", "", (double)t->errors},
    };
    size_t n = sizeof all / sizeof all[0];
    for (size_t i = 0; i < n; i++) out[i] = all[i];
    return n;
}

static size_t cost_figures(const bench_step *s, figure *out) {
    const bench_load_result *r = &s->result;
    double grown = (double)s->end.rss_bytes - (double)s->idle.rss_bytes;
    const figure all[] = {
        {"client_cores", "CPU of this client", "cores", per(r->client_cpu_s, r->wall_s)},
        {"bytes_sent_per_s", "payload sent", "MB/s", per((double)r->bytes_sent, r->wall_s) / 1e6},
        {"bytes_received_per_s", "payload received", "MB/s", per((double)r->bytes_received, r->wall_s) / 1e6},
        {"server_cores", "CPU of the server", "cores", per(s->end.cpu_s - s->begin.cpu_s, r->wall_s)},
        {"server_rss_idle_mib", "memory of the server, idle", "MiB", mib((double)s->idle.rss_bytes)},
        {"server_rss_mib", "memory of the server, end", "MiB", mib((double)s->end.rss_bytes)},
        {"stream_mib", "memory a stream", "MiB", mib(per(grown, s->streams))},
        {"server_rss_growth_mib", "memory grown while measured", "MiB",
         mib((double)s->end.rss_bytes - (double)s->begin.rss_bytes)},
        {"server_threads", "threads of the server", "", s->end.threads},
    };
    size_t n = s->server_known ? sizeof all / sizeof all[0] : 3;
    for (size_t i = 0; i < n; i++) out[i] = all[i];
    return n;
}

/* A figure that is a distribution. */
typedef struct spread {
    const char *key, *label;
    bench_samples *samples;
} spread;

#define SPREADS 6

static void spreads(bench_totals *t, spread out[SPREADS]) {
    out[0] = (spread){"first_text_ms", "first text", &t->first_text};
    out[1] = (spread){"partial_lag_ms", "partial lag", &t->partial_lag};
    out[2] = (spread){"final_latency_ms", "final latency", &t->final_latency};
    out[3] = (spread){"interval_ms", "interval of partials", &t->interval};
    out[4] = (spread){"lag_ms", "real-time lag", &t->lag};
    out[5] = (spread){"slip_ms", "slip of this client", &t->slip};
}

/* ---- a table ---------------------------------------------------------------------------------------------------- */

static void print_step(bench_step *s) {
    spread all[SPREADS];
    figure f[FIGURES_MAX];
    spreads(&s->result.totals, all);
    printf("%-38s %9s %9s %9s %9s %9s\n", "ms", "p50", "p90", "p99", "max", "n");
    for (int i = 0; i < SPREADS; i++) {
        bench_summary sum = bench_samples_summary(all[i].samples);
        printf("%-38s %9.1f %9.1f %9.1f %9.1f %9zu\n", all[i].label, sum.p50 * MS, sum.p90 * MS, sum.p99 * MS,
               sum.max * MS, sum.n);
    }
    size_t n = load_figures(s, f);
    n += cost_figures(s, f + n);
    for (size_t i = 0; i < n; i++) printf("%-38s %9.4g %s\n", f[i].label, f[i].value, f[i].unit);
    if (s->result.reason[0]) printf("%-38s %s\n", "first failure", s->result.reason);
}

static void print_line(FILE *out, bench_step *s) {
    char misses[MISSES_BYTES];
    bench_totals *t = &s->result.totals;
    bench_misses_text(s->misses, misses, sizeof misses);
    fprintf(out, "%5d streams: final p99 %4.0f ms, first p50 %4.0f ms, server %.2f cores: %s%s\n", s->streams,
            bench_samples_percentile(&t->final_latency, 0.99) * MS, bench_samples_percentile(&t->first_text, 0.5) * MS,
            per(s->end.cpu_s - s->begin.cpu_s, s->result.wall_s), s->misses ? "missed: " : "met", misses);
}

void bench_live_progress(bench_step *s) {
    print_line(stderr, s);
}

void bench_live_print(const bench_live_conditions *c, bench_step *steps, size_t n, bench_step *found, bool search) {
    const bench_load_config *l = c->load;
    printf("corpus %s: %zu recordings, %.0f s; gap %d ms, talk share %g, packets of %d ms, seed %" PRIu64
           ", %g s measured\n",
           c->corpus, c->read->n, c->read->audio_s, l->gaps.gap_ms, l->gaps.talk_share, l->packet_ms, l->seed,
           l->duration_s);
    if (search) {
        for (size_t i = 0; i < n; i++) print_line(stdout, &steps[i]);
        printf("capacity: %d streams\n", found ? found->streams : 0);
    }
    if (!found) return;
    print_step(found);
    char misses[MISSES_BYTES];
    bench_misses_text(found->misses, misses, sizeof misses);
    printf("objective (final p99 %g ms, first p50 %g ms, %g of intervals up to %g ms): %s%s\n",
           c->objective->final_p99_ms, c->objective->first_p50_ms, c->objective->interval_share,
           c->objective->interval_ms, found->misses ? "missed: " : "met", misses);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *step_json(bench_step *s) {
    spread all[SPREADS];
    figure f[FIGURES_MAX];
    char misses[MISSES_BYTES];
    json_t *o = json_object();
    bench_misses_text(s->misses, misses, sizeof misses);
    json_object_set_new(o, "streams", json_integer(s->streams));
    json_object_set_new(o, "met", json_boolean(s->misses == 0));
    json_object_set_new(o, "missed", json_string(misses));
    spreads(&s->result.totals, all);
    for (int i = 0; i < SPREADS; i++) {
        bench_summary sum = bench_samples_summary(all[i].samples);
        json_object_set_new(o, all[i].key,
                            json_pack("{s:f,s:f,s:f,s:f,s:I}", "p50", sum.p50 * MS, "p90", sum.p90 * MS, "p99",
                                      sum.p99 * MS, "max", sum.max * MS, "n", (json_int_t)sum.n));
    }
    size_t n = load_figures(s, f);
    n += cost_figures(s, f + n);
    for (size_t i = 0; i < n; i++) json_object_set_new(o, f[i].key, json_real(f[i].value));
    if (s->result.reason[0]) json_object_set_new(o, "first_failure", json_string(s->result.reason));
    json_t *status = s->status ? json_loads(s->status, 0, NULL) : NULL;
    if (status) json_object_set_new(o, "server_status", status);
    return o;
}

bool bench_live_print_json(const bench_live_conditions *c, bench_step *steps, size_t n, bench_step *found,
                           bool search) {
    const bench_load_config *l = c->load;
    json_t *o =
        json_pack("{s:I,s:f,s:i,s:f,s:i,s:I,s:f,s:s}", "recordings", (json_int_t)c->read->n, "corpus_s",
                  c->read->audio_s, "gap_ms", l->gaps.gap_ms, "talk_share_asked", l->gaps.talk_share, "packet_ms",
                  l->packet_ms, "seed", (json_int_t)l->seed, "duration_s", l->duration_s, "speakers", l->speakers);
    json_t *list = json_array();
    for (size_t i = 0; search && i < n; i++) json_array_append_new(list, step_json(&steps[i]));
    if (search) {
        json_object_set_new(o, "capacity", json_integer(found ? found->streams : 0));
        json_object_set(o, "steps", list);
    } else {
        json_t *one = step_json(found);
        json_object_update(o, one);
        json_decref(one);
    }
    json_decref(list);
    bool done = o && json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0;
    putchar('\n');
    json_decref(o);
    return done;
}
