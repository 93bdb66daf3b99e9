/* cmd_live.c: `steno live`: one recording or microphone at the pace of time, words as they are spoken.
 *
 * Owner: the main thread. The first request to stop (Ctrl-C) ends the stream as its natural end would: what is open is
 * recognised and shown; the second stops at once. Standard output is written so that a reader that stalls cannot keep us
 * from either.
 */
#include "api/params.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/live_int.h"
#include "cmd/stoppable.h"
#include "cmd/voice_names.h"
#include "cmd/cmd_options.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum option_code {
    OPT_URL = SESSION_OPTION_LAST,
    OPT_ENDPOINT_MS,
    OPT_UNFINISHED_MS,
    OPT_MAX_UTTERANCE_S,
    OPT_PARTIAL_MS,
    OPT_SPEED,
    OPT_ENCODING,
    OPT_RATE,
    OPT_CHANNELS,
    OPT_SPEAKERS,
    OPT_MAX_SPEAKERS,
    OPT_HOLD_MS,
    OPT_VOICE,
    OPT_PARTIALS,
    OPT_NO_PARTIALS
};

typedef struct choice {
    bool partials_given, no_partials;
} choice;

static void help(void) {
    printf("Usage: steno live [options] FILE|-\n\n"
           "Streams a recording, or raw samples from a pipe ('-'), at the pace of time and shows what is said as it is "
           "said:\n"
           "arecord -q -t raw -f S16_LE -r 16000 | steno live -\n"
           "Ctrl-C ends the stream and shows its last words; a second one stops at once.\n\n"
           "Output:\n"
           "  -f, --format NAME      text (default) or json: one event a line, as a server sends them\n"
           "      --partials         show words before they are final where standard output is no terminal too\n"
           "      --no-partials      finals only\n"
           "\nInput:\n"
           "      --speed X          so many times the pace of time (default 1; a pipe has its own pace)\n"
           "      --encoding NAME    of a pipe: s16le (default), f32le, mulaw or alaw; a WAV header is understood too\n"
           "      --rate HZ          of a pipe (default 16000)\n"
           "      --channels N       of a pipe: 1 (default) or 2, which are mixed\n"
           "\nUtterances:\n"
           "      --endpoint-ms N    a pause this long ends an utterance (default 500)\n"
           "      --unfinished-ms N  more silence asked for when the text looks unfinished (default 500; 0: none)\n"
           "      --max-utterance-s S  longer ones are cut at their best pause (default 15)\n"
           "      --partial-ms N     time between partials (default 500)\n"
           "\nSpeakers:\n"
           "      --speakers HOW     say who speaks: revise (labels come soon and may change), delayed (a label never\n"
           "                         changes) or enrolled (names of --voice, or other; never change)\n"
           "      --max-speakers N   at most so many people (default 8, 16 at most)\n"
           "      --hold-ms N        delayed: a label comes so long after its words at the latest (default 2500)\n"
           "      --voice NAME       an enrolled voice that may be one of them; again for each (steno speaker list)\n"
           "\nRecognition:\n"
           "      --url URL          let a server do it: ws://host:port/v1/stream (default: in this program);\n"
           "                         its API key, if it wants one, is read from STENO_KEY\n"
           "      --model NAME       tiny (default) or base\n"
           "      --precision KIND   int8 (default) or fp32\n"
           "      --models-dir DIR   where the converted models are (default: as 'steno transcribe' finds them)\n\n");
    session_privacy_help();
    printf("\nOther:\n"
           "  -h, --help             this text\n\n"
           "Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 stopped at once.\n");
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static int whole(const char *name, const char *value, int lowest, int highest, int *out) {
    if (cli_int(value, lowest, highest, out)) return 0;
    return cli_usage("live", "--%s cannot be '%s': want a whole number from %d to %d", name, value, lowest, highest);
}

static int real(const char *name, const char *value, double lowest, double highest, float *out) {
    if (cli_float(value, lowest, highest, out)) return 0;
    return cli_usage("live", "--%s cannot be '%s': want a number from %g to %g", name, value, lowest, highest);
}

/* What only shows once all options are read; 0: good. */
static int check_speakers(const live *l) {
    const steno_speakers_options *o = &l->speakers;
    if (o->contract == STENO_SPEAKERS_OFF && o->n_voices) return cli_usage("live", "--voice wants --speakers");
    if (o->contract == STENO_SPEAKERS_ENROLLED && !o->n_voices)
        return cli_usage("live", "--speakers enrolled wants --voice");
    return 0;
}

static int take_option(live *l, choice *c, int code, const char *value) {
    switch (code) {
    case 'f':
        l->json = strcmp(value, "json") == 0;
        if (l->json || strcmp(value, "text") == 0) return 0;
        return cli_usage("live", "--format cannot be '%s': want text or json", value);
    case OPT_URL:
        l->url = value;
        return 0;
    case OPT_ENDPOINT_MS:
        return whole("endpoint-ms", value, 100, 5000, &l->options.endpoint_ms);
    case OPT_UNFINISHED_MS:
        return whole("unfinished-ms", value, 0, 5000, &l->options.unfinished_ms);
    case OPT_MAX_UTTERANCE_S:
        return real("max-utterance-s", value, 2, 30, &l->options.max_utterance_s);
    case OPT_PARTIAL_MS:
        return whole("partial-ms", value, 100, 5000, &l->options.partial_ms);
    case OPT_SPEED:
        return real("speed", value, 0.1, LIVE_SPEED_MAX, &l->speed);
    case OPT_ENCODING:
        if (live_encoding_find(value, &l->pipe.encoding)) return 0;
        return cli_usage("live", "--encoding cannot be '%s': want s16le, f32le, mulaw or alaw", value);
    case OPT_RATE:
        return whole("rate", value, PCM_MIN_HZ, PCM_MAX_HZ, &l->pipe.rate_hz);
    case OPT_CHANNELS:
        return whole("channels", value, 1, PCM_MAX_CHANNELS, &l->pipe.channels);
    case OPT_SPEAKERS:
        if (params_contract(value, &l->speakers.contract)) return 0;
        return cli_usage("live", "--speakers cannot be '%s': want off, revise, delayed or enrolled", value);
    case OPT_MAX_SPEAKERS:
        return whole("max-speakers", value, 1, STENO_SPEAKERS_MAX, &l->speakers.max_speakers);
    case OPT_HOLD_MS:
        return whole("hold-ms", value, 0, PARAMS_HOLD_MAX_MS, &l->speakers.hold_ms);
    case OPT_VOICE:
        return voice_names_take("live", value, l->voices, &l->speakers.n_voices);
    case OPT_PARTIALS:
        c->partials_given = true;
        return 0;
    case OPT_NO_PARTIALS:
        c->no_partials = true;
        return 0;
    default:
        return session_option(&l->session, "live", code, value);
    }
}

/* What the options mean together. Returns -1 to go on. */
static int settle(live *l, const choice *c, int n_paths) {
    bool terminal = isatty(STDOUT_FILENO) == 1;
    if (n_paths == 0) return cli_usage("live", "no recording given ('-' is a pipe)");
    if (n_paths > 1) return cli_usage("live", "one recording at a time");
    if (c->partials_given && c->no_partials)
        return cli_usage("live", "--partials and --no-partials exclude each other");
    if (check_speakers(l) != 0) return 2;
    l->from_pipe = strcmp(l->path, "-") == 0;
    if (l->speed == 0 && !l->from_pipe) l->speed = 1;
    bool partials = !c->no_partials && (terminal || l->json || c->partials_given);
    if (!partials) l->options.partial_ms = 0;
    l->screen = (live_screen){.rewrite = terminal && !l->json, .partials = partials, .columns = LIVE_SCREEN_COLUMNS};
    return -1;
}

const struct option cmd_live_options[] = {{"format", required_argument, NULL, 'f'},
                                          {"url", required_argument, NULL, OPT_URL},
                                          {"endpoint-ms", required_argument, NULL, OPT_ENDPOINT_MS},
                                          {"unfinished-ms", required_argument, NULL, OPT_UNFINISHED_MS},
                                          {"max-utterance-s", required_argument, NULL, OPT_MAX_UTTERANCE_S},
                                          {"partial-ms", required_argument, NULL, OPT_PARTIAL_MS},
                                          {"speed", required_argument, NULL, OPT_SPEED},
                                          {"encoding", required_argument, NULL, OPT_ENCODING},
                                          {"rate", required_argument, NULL, OPT_RATE},
                                          {"channels", required_argument, NULL, OPT_CHANNELS},
                                          {"speakers", required_argument, NULL, OPT_SPEAKERS},
                                          {"max-speakers", required_argument, NULL, OPT_MAX_SPEAKERS},
                                          {"hold-ms", required_argument, NULL, OPT_HOLD_MS},
                                          {"voice", required_argument, NULL, OPT_VOICE},
                                          {"partials", no_argument, NULL, OPT_PARTIALS},
                                          {"no-partials", no_argument, NULL, OPT_NO_PARTIALS},
                                          {"model", required_argument, NULL, SESSION_MODEL},
                                          {"precision", required_argument, NULL, SESSION_PRECISION},
                                          {"models-dir", required_argument, NULL, SESSION_MODELS_DIR},
                                          SESSION_PRIVACY_OPTIONS,
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};

/* Returns -1 to go on, or the exit status. */
static int read_options(live *l, int argc, char **argv) {
    choice c = {0};
    int code;
    while ((code = getopt_long(argc, argv, ":f:h", cmd_live_options, NULL)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("live", code, argv);
        if (take_option(l, &c, code, optarg) != 0) return 2;
    }
    l->path = argv[optind];
    return settle(l, &c, argc - optind);
}

/* ---- stopping --------------------------------------------------------------------------------------------------- */

bool live_stopped(live *l) {
    struct signalfd_siginfo info;
    while (l->signal_fd != -1 && read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) l->stops++;
    return l->stops > 1;
}

/* ---- output ----------------------------------------------------------------------------------------------------- */

/* Waits until some bytes fit, or until we are to stop at once. Returns 0 or the reason why not. */
static int wait_for_room(live *l) {
    for (;;) {
        struct pollfd fds[] = {{.fd = STDOUT_FILENO, .events = POLLOUT}, {.fd = l->signal_fd, .events = POLLIN}};
        if (poll(fds, 2, -1) == -1 && errno != EINTR) return errno;
        if (fds[0].revents) return 0;
        if (fds[1].revents && live_stopped(l)) return ECANCELED;
    }
}

static ssize_t put(void *ctx, const char *bytes, size_t n) {
    live *l = ctx;
    size_t done = 0;
    while (!l->out_error && done < n) {
        l->out_error = wait_for_room(l);
        if (l->out_error) break;
        ssize_t written = write(STDOUT_FILENO, bytes + done, n - done < PIPE_BUF ? n - done : PIPE_BUF);
        if (written > 0) done += (size_t)written;
        if (written < 0 && errno != EINTR && errno != EAGAIN) l->out_error = errno;
    }
    if (l->out_error) errno = l->out_error;
    return (ssize_t)done;
}

steno_err live_show(live *l, const live_event *e) {
    struct winsize size;
    if (l->screen.rewrite && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        l->screen.columns = size.ws_col;
    return live_screen_show(&l->screen, e);
}

/* ---- audio ------------------------------------------------------------------------------------------------------ */

steno_err live_open_source(live *l) {
    if (l->from_pipe) {
        live_source_open_pipe(&l->source, STDIN_FILENO, &l->pipe);
        return STENO_OK;
    }
    ERR_TRY(media_host_start(NULL, &l->host));
    return live_source_open_media(&l->source, l->host, l->path);
}

void live_close_source(live *l) {
    live_source_close(&l->source);
    if (l->host) media_host_stop(l->host);
    l->host = NULL;
}

steno_err live_fill(live *l) {
    if (l->ended || l->at < l->have) return STENO_OK;
    size_t got = 0;
    l->at = l->have = 0;
    steno_err e = live_source_read(&l->source, l->chunk, LIVE_CHUNK_SAMPLES, &got);
    if (e != STENO_OK) return e;
    l->have = got;
    l->ended = got == 0;
    return STENO_OK;
}

size_t live_due(live *l, double now_s, int *wait_ms) {
    size_t left = l->have - l->at;
    if (l->speed <= 0 || left == 0) return left;
    if (l->started_s == 0) l->started_s = now_s;
    double rate = (double)l->speed * STENO_SAMPLE_RATE_HZ;
    double due_s = l->started_s + (double)(l->sent + left) / rate; /* a chunk exists when its last sample does */
    if (due_s <= now_s) return left;
    *wait_ms = (int)((due_s - now_s) * 1000) + 1;
    return 0;
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

static int status_of(live *l, steno_err e) {
    if (l->stops > 1 || l->out_error == ECANCELED) return 130;
    if (e == STENO_OK) return 0;
    if (l->out_error == EPIPE) return 1; /* a reader that left asked for no complaint */
    if (l->out_error)
        cli_complain("standard output", strerror(l->out_error));
    else
        cli_complain(l->url ? l->url : l->path, steno_error_detail());
    return 1;
}

static int run(live *l) {
    sigset_t old;
    l->signal_fd = stoppable_signals(&old);
    l->out = fopencookie(l, "w", (cookie_io_functions_t){.write = put});
    l->screen.out = l->out;
    steno_err e = l->out ? live_open_source(l) : err_fail(STENO_E_NOMEM, "no memory for the output");
    if (e == STENO_OK) e = l->url ? live_run_remote(l) : live_run_local(l);
    if (l->out) live_screen_clear(&l->screen);
    int status = status_of(l, e);
    sigprocmask(SIG_SETMASK, &old, NULL);
    live_close_source(l);
    if (l->out) fclose(l->out);
    if (l->signal_fd != -1) close(l->signal_fd);
    return status;
}

int cmd_live(int argc, char **argv) {
    live l = {.pipe = {PCM_S16LE, STENO_SAMPLE_RATE_HZ, 1}, .signal_fd = -1, .source = {.fd = -1}};
    session_options_init(&l.session);
    steno_live_options_init(&l.options);
    steno_speakers_options_init(&l.speakers);
    l.speakers.voices = l.voices;
    int status = read_options(&l, argc, argv);
    if (status == -1) status = run(&l);
    voice_names_wipe(l.voices, l.speakers.n_voices);
    return status;
}
