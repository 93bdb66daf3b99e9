/* bench_speakers.c: `steno bench speakers`: recordings told to an engine as live streams, one after the other, as if time passed
 * only while it has nothing to do: a step of audio goes in when everything before it has been worked on. So the figures are those
 * of a machine that is fast enough, the same on every machine, and come quickly.
 *
 * The truth of FILE.wav is FILE.rttm, its enrolled voices are FILE.enrol-NAME.wav; what is not there is not measured.
 * Owner: the main thread.
 */
#include "cmd/bench_speakers.h"

#include "api/params.h"
#include "audio/media_whole.h"
#include "base/mem.h"
#include "cmd/bench_speakers_tally.h"
#include "cmd/cli.h"
#include "cmd/cmd_options.h"
#include "cmd/proc_usage.h"
#include "cmd/session.h"
#include "output/format.h"
#include "privacy/gate.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_SAMPLES  1536 /* three frames: 96 ms */
#define FRAME_SAMPLES 512
#define QUIET_POLL_MS 1
#define QUIET_POLLS   2000 /* an engine that never comes to rest: go on all the same */
#define AUDIO_MAX_S   7200.0
#define LATENCY_MAX_S 36000.0 /* longer than any recording: whatever was said before its end */
#define REPEAT_MAX    100
#define ENROL_MAX_S   60.0

enum option_code {
    OPT_CONTRACT = SESSION_OPTION_LAST,
    OPT_HOLD,
    OPT_MAX_SPEAKERS,
    OPT_LATENCY,
    OPT_OUT,
    OPT_REPEAT,
    OPT_METER,
    OPT_JSON
};

typedef struct bench {
    session_options session;
    steno_speakers_options speakers;
    cli_paths paths;
    double latency_s[TALLY_LATENCIES_MAX];
    int n_latencies;
    const char *out_dir;
    int repeat, meter_min;
    bool json, failed;
    FILE *rttm[TALLY_LATENCIES_MAX]; /* owned; in out_dir */
    session run;
    media_limits limits;
    tally_figures figures;
    double audio_s, cpu_s, speakers_cpu_s;
    size_t recordings, scored;
} bench;

/* A recording under way. */
typedef struct talk {
    bench *b;
    const char *path;
    media_audio audio;      /* owned */
    size_t pushed;          /* of `length` samples */
    size_t length;          /* of all repetitions */
    uint64_t frames_before; /* heard by the engine before this recording */
    rttm ref;               /* owned */
    steno_voice voices[STENO_SPEAKERS_MAX];
    speaker_names names;
    tally t;
    steno_stream_id id;
    gate *gate;      /* owned; lets everything pass */
    steno_err error; /* of what came through it */
    bool done;
} talk;

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void help(void) {
    printf(
        "Usage: steno bench speakers [options] FILE…\n\n"
        "Plays recordings to live streams that tell speakers apart, one after the other, as fast as the engine "
        "follows,\n"
        "and reports when labels come, how often they change and, in the contract 'enrolled', whether they are right.\n"
        "The truth of X.wav is X.rttm beside it, its enrolled voices are X.enrol-NAME.wav.\n\n"
        "Measurement:\n"
        "      --contract NAME    revise (default), delayed or enrolled\n"
        "      --hold-ms N        delayed: a label comes so long after its words at the latest (default 2500)\n"
        "      --max-speakers N   at most so many (default 8, 16 at most)\n"
        "      --latency S        what had been said so long after its time counts; again for up to 4 (default 1)\n"
        "      --out DIR          write who spoke at each latency to DIR/live-Ss.rttm (for steno score der)\n"
        "      --repeat N         play each recording so often, one after the other, to one stream (default 1)\n"
        "      --meter N          tell memory and CPU time of this process after every N minutes of audio, on stderr\n"
        "      --json             print JSON instead of a table\n\n");
    session_help();
    printf("\nOther:\n"
           "  -h, --help             this text\n");
}

const struct option bench_speakers_options[] = {SESSION_LONG_OPTIONS,
                                                {"contract", required_argument, NULL, OPT_CONTRACT},
                                                {"hold-ms", required_argument, NULL, OPT_HOLD},
                                                {"max-speakers", required_argument, NULL, OPT_MAX_SPEAKERS},
                                                {"latency", required_argument, NULL, OPT_LATENCY},
                                                {"out", required_argument, NULL, OPT_OUT},
                                                {"repeat", required_argument, NULL, OPT_REPEAT},
                                                {"meter", required_argument, NULL, OPT_METER},
                                                {"json", no_argument, NULL, OPT_JSON},
                                                {"help", no_argument, NULL, 'h'},
                                                {0}};

static int take_contract(bench *b, const char *value) {
    if (params_contract(value, &b->speakers.contract) && b->speakers.contract != STENO_SPEAKERS_OFF) return 0;
    return cli_usage("bench speakers", "--contract cannot be '%s': want revise, delayed or enrolled", value);
}

static int take_latency(bench *b, const char *value) {
    float latency_s;
    if (b->n_latencies == TALLY_LATENCIES_MAX)
        return cli_usage("bench speakers", "--latency: at most %d of them", TALLY_LATENCIES_MAX);
    if (!cli_float(value, 0, LATENCY_MAX_S, &latency_s))
        return cli_usage("bench speakers", "--latency cannot be '%s': want 0 to %g seconds", value, LATENCY_MAX_S);
    b->latency_s[b->n_latencies++] = strtod(value, NULL);
    return 0;
}

static int take_option(bench *b, int code, const char *value) {
    switch (code) {
    case OPT_CONTRACT:
        return take_contract(b, value);
    case OPT_HOLD:
        if (cli_int(value, 0, 60000, &b->speakers.hold_ms)) return 0;
        return cli_usage("bench speakers", "--hold-ms cannot be '%s': want 0 to 60000", value);
    case OPT_MAX_SPEAKERS:
        if (cli_int(value, 1, STENO_SPEAKERS_MAX, &b->speakers.max_speakers)) return 0;
        return cli_usage("bench speakers", "--max-speakers cannot be '%s': want 1 to %d", value, STENO_SPEAKERS_MAX);
    case OPT_LATENCY:
        return take_latency(b, value);
    case OPT_OUT:
        b->out_dir = value;
        return 0;
    case OPT_REPEAT:
        if (cli_int(value, 1, REPEAT_MAX, &b->repeat)) return 0;
        return cli_usage("bench speakers", "--repeat cannot be '%s': want 1 to %d", value, REPEAT_MAX);
    case OPT_METER:
        if (cli_int(value, 1, 600, &b->meter_min)) return 0;
        return cli_usage("bench speakers", "--meter cannot be '%s': want 1 to 600", value);
    case OPT_JSON:
        b->json = true;
        return 0;
    default:
        return session_option(&b->session, "bench speakers", code, value);
    }
}

/* Returns -1 to go on, or the exit status. */
static int read_options(bench *b, int argc, char **argv) {
    int code;
    optind = 0;
    while ((code = getopt_long(argc, argv, ":h", bench_speakers_options, NULL)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("bench speakers", code, argv);
        if (take_option(b, code, optarg) != 0) return 2;
    }
    for (int i = optind; i < argc; i++) {
        if (cli_paths_add(&b->paths, argv[i]) == STENO_OK) continue;
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        return 1;
    }
    if (b->paths.n == 0) return cli_usage("bench speakers", "no recording given");
    if (b->n_latencies == 0) b->latency_s[b->n_latencies++] = 1.0;
    int status = session_options_check(&b->session, "bench speakers");
    return status ? status : -1;
}

/* ---- what lies beside a recording ------------------------------------------------------------------------------- */

/* PATH without its extension, then `suffix`; false: longer than a path may be. */
static bool beside(const char *path, const char *suffix, char out[CLI_PATH_BYTES_MAX]) {
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int n = (int)(dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path));
    return snprintf(out, CLI_PATH_BYTES_MAX, "%.*s%s", n, path, suffix) < CLI_PATH_BYTES_MAX;
}

/* The truth; none is no error, a wrong one is. */
static steno_err read_truth(talk *k) {
    char path[CLI_PATH_BYTES_MAX], name[RTTM_NAME_BYTES_MAX + 1];
    const char *base;
    if (!beside(k->path, ".rttm", path)) return STENO_OK;
    steno_err e = rttm_read(path, &k->ref);
    if (e == STENO_E_NOT_FOUND) return STENO_OK;
    if (e != STENO_OK) return e;
    size_t n = output_base_name(k->path, true, &base);
    snprintf(name, sizeof name, "%.*s", (int)n, base);
    k->t.of = rttm_find(&k->ref, name, "1");
    if (!k->t.of && k->ref.n_recordings == 1) k->t.of = &k->ref.recording[0]; /* of another name */
    k->t.ref = &k->ref;
    return STENO_OK;
}

static steno_err enrol(talk *k, const char *path, const char *name) {
    bench *b = k->b;
    steno_enrolment found;
    media_audio audio = {0};
    if (k->t.n_voices == STENO_SPEAKERS_MAX || strlen(name) >= STENO_VOICE_NAME_BYTES) return STENO_OK;
    steno_err e = media_append(b->run.host, path, &b->limits, ENROL_MAX_S, NULL, &audio);
    if (e == STENO_OK) e = steno_voice_enrol(b->run.model, audio.pcm, audio.n, &found);
    media_audio_free(&audio);
    if (e == STENO_E_INVALID) { /* no good: this one is a stranger then */
        cli_complain(path, steno_error_detail());
        return STENO_OK;
    }
    if (e != STENO_OK) return e;
    steno_voice *v = &k->voices[k->t.n_voices++];
    *v = found.voice;
    snprintf(v->name, sizeof v->name, "%s", name);
    return STENO_OK;
}

static steno_err enrol_all(talk *k) {
    char pattern[CLI_PATH_BYTES_MAX], name[STENO_VOICE_NAME_BYTES + 1];
    glob_t found;
    steno_err e = STENO_OK;
    if (!beside(k->path, ".enrol-*.wav", pattern)) return STENO_OK;
    if (glob(pattern, 0, NULL, &found) != 0) return STENO_OK;
    size_t front = strlen(pattern) - strlen("*.wav");
    for (size_t i = 0; e == STENO_OK && i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        size_t n = strlen(path) - front - strlen(".wav");
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), path + front);
        e = enrol(k, path, name);
    }
    globfree(&found);
    return e;
}

/* ---- a recording ------------------------------------------------------------------------------------------------ */

static double heard_s(const talk *k) {
    return (double)k->pushed / STENO_SAMPLE_RATE_HZ;
}

static steno_err take(talk *k, const released_event *ev) {
    switch (ev->kind) {
    case STENO_EVENT_TURNS:
        tally_turns(&k->t, heard_s(k), ev->turns, ev->n_turns);
        return STENO_OK;
    case STENO_EVENT_PARTIAL:
    case STENO_EVENT_SEGMENT:
    case STENO_EVENT_SPEAKERS:
        return tally_segment(&k->t, heard_s(k), ev->kind, &ev->segment);
    case STENO_EVENT_DONE:
        k->done = true;
        k->b->speakers_cpu_s += ev->stats.speakers_cpu_s;
        k->b->cpu_s += ev->stats.vad_cpu_s + ev->stats.encode_cpu_s + ev->stats.decode_cpu_s +
                       ev->stats.speakers_cpu_s + ev->stats.other_cpu_s;
        return STENO_OK;
    case STENO_EVENT_ERROR:
        k->done = true;
        return err_fail(ev->error, "%s: %s", k->path, ev->detail);
    default:
        return STENO_OK;
    }
}

static void on_released(void *user, const released_event *ev) {
    talk *k = user;
    if (k->error == STENO_OK) k->error = take(k, ev);
}

/* What is there now, waiting a little for more; STENO_E_AGAIN: nothing was. */
static steno_err take_events(talk *k, int wait_ms) {
    steno_event ev;
    bool any = false;
    for (;; wait_ms = 0, any = true) {
        steno_err e = steno_engine_poll(k->b->run.engine, wait_ms, &ev);
        if (e == STENO_E_AGAIN) return any ? STENO_OK : e;
        ERR_TRY(e);
        gate_event(k->gate, &ev, 0);
        steno_event_release(&ev);
        ERR_TRY(k->error);
    }
}

/* Until all that was pushed has been worked on: every frame heard, no pass waiting, and two looks at an engine that did not move
 * and had nothing to say. */
static steno_err come_to_rest(talk *k) {
    uint64_t ticks = UINT64_MAX, wanted = k->frames_before + k->pushed / FRAME_SAMPLES;
    for (int i = 0; i < QUIET_POLLS; i++) {
        steno_engine_stats s;
        steno_err e = take_events(k, QUIET_POLL_MS);
        if (e != STENO_OK && e != STENO_E_AGAIN) return e;
        steno_engine_get_stats(k->b->run.engine, &s);
        bool idle = s.vad_frames >= wanted && s.waiting == 0 && s.active == 0 && e == STENO_E_AGAIN;
        if (idle && s.ticks == ticks) return STENO_OK;
        ticks = idle ? s.ticks : UINT64_MAX;
    }
    return STENO_OK;
}

static steno_err push(talk *k) {
    size_t end = k->pushed + STEP_SAMPLES < k->length ? k->pushed + STEP_SAMPLES : k->length;
    while (k->pushed < end) {
        size_t taken, at = k->pushed % k->audio.n, n = end - k->pushed;
        if (n > k->audio.n - at) n = k->audio.n - at;
        ERR_TRY(steno_stream_push(k->b->run.engine, k->id, k->audio.pcm + at, n, &taken));
        k->pushed += taken;
        if (taken) continue;
        steno_err e = take_events(k, QUIET_POLL_MS);
        if (e != STENO_OK && e != STENO_E_AGAIN) return e;
    }
    return STENO_OK;
}

/* What this process has used so far, when another --meter minutes are over. */
static void meter(const talk *k, size_t before) {
    size_t every = (size_t)k->b->meter_min * 60 * STENO_SAMPLE_RATE_HZ;
    proc_usage used;
    if (every == 0 || (before / every == k->pushed / every && k->pushed < k->length)) return;
    if (proc_usage_read(getpid(), &used) != STENO_OK) return;
    fprintf(stderr, "%7.1f min of audio: %8.2f s of CPU, %7.2f MiB\n", heard_s(k) / 60, used.cpu_s,
            (double)used.rss_bytes / (1 << 20));
}

static steno_err play(talk *k) {
    steno_engine_stats s;
    steno_speakers_options o = k->b->speakers;
    o.turns = true;
    if (o.contract == STENO_SPEAKERS_ENROLLED) {
        o.voices = k->voices;
        o.n_voices = k->t.n_voices;
    }
    gate_policy everything;
    policy_init(&everything);
    ERR_TRY(gate_open(NULL, &everything, on_released, k, &k->gate));
    steno_engine_get_stats(k->b->run.engine, &s);
    k->frames_before = s.vad_frames;
    ERR_TRY(steno_live_open(k->b->run.engine, NULL, NULL, &k->id));
    ERR_TRY(steno_stream_speakers(k->b->run.engine, k->id, &o));
    while (k->pushed < k->length) {
        size_t before = k->pushed;
        ERR_TRY(push(k));
        ERR_TRY(come_to_rest(k));
        meter(k, before);
    }
    k->t.ended = true;
    ERR_TRY(steno_stream_finish(k->b->run.engine, k->id));
    while (!k->done) {
        steno_err e = take_events(k, -1);
        if (e != STENO_OK && e != STENO_E_AGAIN) return e;
    }
    meter(k, k->pushed);
    return STENO_OK;
}

static steno_err write_turns(talk *k) {
    char room[SPEAKER_LABEL_BYTES];
    const char *base;
    size_t n = output_base_name(k->path, true, &base);
    for (int i = 0; k->b->out_dir && i < k->b->n_latencies; i++) {
        steno_turn turn;
        for (tally_walk at = {0}; tally_next_turn(&k->t, i, &at, &turn);) {
            const char *label = speaker_label(&k->names, turn.speaker, room);
            output_put_rttm(k->b->rttm[i], base, n, 1, turn.start_s, turn.end_s, label ? label : "unknown");
        }
        if (ferror(k->b->rttm[i])) return err_fail(STENO_E_IO, "%s: %s", k->b->out_dir, strerror(errno));
    }
    return STENO_OK;
}

static steno_err measure(talk *k) {
    bench *b = k->b;
    bool enrolled = b->speakers.contract == STENO_SPEAKERS_ENROLLED;
    k->t = (tally){.figures = &b->figures,
                   .never_changes = b->speakers.contract != STENO_SPEAKERS_REVISE,
                   .voices = k->voices,
                   .n_latencies = b->n_latencies};
    memcpy(k->t.latency_s, b->latency_s, sizeof k->t.latency_s);
    ERR_TRY(read_truth(k));
    if (enrolled) ERR_TRY(enrol_all(k));
    if (enrolled && k->t.n_voices == 0) return err_fail(STENO_E_NOT_FOUND, "%s: no enrolled voices beside it", k->path);
    speaker_names_init(&k->names, k->voices, k->t.n_voices);
    ERR_TRY(media_append(b->run.host, k->path, &b->limits, AUDIO_MAX_S, NULL, &k->audio));
    k->length = k->audio.n * (size_t)b->repeat;
    double length_s = (double)k->length / STENO_SAMPLE_RATE_HZ;
    ERR_TRY(tally_open(&k->t, length_s));
    ERR_TRY(play(k));
    tally_finish(&k->t);
    b->audio_s += length_s;
    b->recordings++;
    b->scored += k->t.of != NULL;
    return write_turns(k);
}

/* ---- the report ------------------------------------------------------------------------------------------------- */

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

static void put_json(bench *b) {
    tally_figures *f = &b->figures;
    printf("{\"recordings\":%zu,\"with_truth\":%zu,\"audio_s\":%.3f,\"cpu_s\":%.3f,\"speakers_cpu_s\":%.3f",
           b->recordings, b->scored, b->audio_s, b->cpu_s, b->speakers_cpu_s);
    printf(",\"first_label_p50_s\":%.3f,\"first_label_p95_s\":%.3f", bench_samples_percentile(&f->first_label, 0.5),
           bench_samples_percentile(&f->first_label, 0.95));
    printf(",\"first_turn_p50_s\":%.3f,\"first_turn_p95_s\":%.3f", bench_samples_percentile(&f->first_turn, 0.5),
           bench_samples_percentile(&f->first_turn, 0.95));
    printf(",\"turns\":%" PRIu64 ",\"unlabelled\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"revisions\":%" PRIu64
           ",\"words\":%" PRIu64 ",\"relabelled\":%" PRIu64 ",\"broken\":%" PRIu64,
           f->turns, f->unlabelled, f->messages, f->revisions, f->words, f->relabelled, f->broken);
    printf(",\"identified_s\":%.3f,\"mistaken_s\":%.3f,\"unnamed_s\":%.3f}\n", f->identified_s, f->mistaken_s,
           f->unnamed_s);
}

static void put_table(bench *b) {
    tally_figures *f = &b->figures;
    double messages = (double)f->messages;
    printf("%-44s %zu (%zu with truth), %.1f s\n", "recordings", b->recordings, b->scored, b->audio_s);
    printf("%-44s %.2f s p50, %.2f s p95\n", "first label of a message, after a start",
           bench_samples_percentile(&f->first_label, 0.5), bench_samples_percentile(&f->first_label, 0.95));
    printf("%-44s %.2f s p50, %.2f s p95\n", "first turn, after a start", bench_samples_percentile(&f->first_turn, 0.5),
           bench_samples_percentile(&f->first_turn, 0.95));
    printf("%-44s %" PRIu64 " of %" PRIu64 "\n", "turns of 1 s or more without a label", f->unlabelled, f->turns);
    printf("%-44s %.2f (%" PRIu64 " messages)\n", "revisions a message", ratio((double)f->revisions, messages),
           f->messages);
    printf("%-44s %.1f %% of %" PRIu64 "\n", "words whose label changed",
           100 * ratio((double)f->relabelled, (double)f->words), f->words);
    printf("%-44s %" PRIu64 "\n", "broken promises", f->broken);
    if (b->speakers.contract == STENO_SPEAKERS_ENROLLED)
        printf("%-44s %.2f %% wrong, %.2f %% unnamed of %.1f s\n", "identification after 2 s of a turn",
               100 * ratio(f->mistaken_s, f->identified_s), 100 * ratio(f->unnamed_s, f->identified_s),
               f->identified_s);
    printf("%-44s %.1f %%\n", "speakers' share of the CPU time", 100 * ratio(b->speakers_cpu_s, b->cpu_s));
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static steno_err open_results(bench *b) {
    char path[CLI_PATH_BYTES_MAX];
    if (!b->out_dir) return STENO_OK;
    if (mkdir(b->out_dir, 0777) != 0 && errno != EEXIST)
        return err_fail(STENO_E_IO, "%s: %s", b->out_dir, strerror(errno));
    for (int i = 0; i < b->n_latencies; i++) {
        snprintf(path, sizeof path, "%s/live-%gs.rttm", b->out_dir, b->latency_s[i]);
        b->rttm[i] = fopen(path, "we");
        if (!b->rttm[i]) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    }
    return STENO_OK;
}

static void close_results(bench *b) {
    for (int i = 0; i < b->n_latencies; i++) {
        if (!b->rttm[i] || fclose(b->rttm[i]) == 0) continue;
        cli_complain(b->out_dir, strerror(errno));
        b->failed = true;
    }
}

static steno_err run_all(bench *b) {
    ERR_TRY(open_results(b));
    ERR_TRY(session_open(&b->run, &b->session));
    for (size_t i = 0; i < b->paths.n; i++) {
        talk *k = mem_alloc(1, sizeof *k);
        if (!k) return err_fail(STENO_E_NOMEM, "no memory for a recording");
        k->b = b;
        k->path = b->paths.path[i];
        steno_err e = measure(k);
        bool open = k->id != 0 && !k->done;
        gate_free(k->gate);
        tally_close(&k->t);
        rttm_free(&k->ref);
        media_audio_free(&k->audio);
        mem_free(k);
        if (e == STENO_OK) continue;
        cli_complain(b->paths.path[i], steno_error_detail());
        b->failed = true;
        if (open) return STENO_OK; /* its stream is in the way of the next one */
    }
    return STENO_OK;
}

int bench_speakers(int argc, char **argv) {
    bench b = {0};
    session_options_init(&b.session);
    steno_speakers_options_init(&b.speakers);
    media_limits_init(&b.limits);
    b.speakers.contract = STENO_SPEAKERS_REVISE;
    b.repeat = 1;
    int status = read_options(&b, argc, argv);
    if (status == -1) {
        b.session.speakers = b.speakers;  /* room for them in the engine */
        b.session.engine.max_wait_ms = 0; /* there is nobody to wait for */
        steno_err e = run_all(&b);
        if (e != STENO_OK) fprintf(stderr, "steno: %s\n", steno_error_detail());
        session_close(&b.run);
        close_results(&b);
        if (e == STENO_OK && b.recordings > 0) b.json ? put_json(&b) : put_table(&b);
        status = e != STENO_OK || b.failed;
    }
    tally_figures_free(&b.figures);
    cli_paths_free(&b.paths);
    return status;
}
