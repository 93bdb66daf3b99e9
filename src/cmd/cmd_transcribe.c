/* cmd_transcribe.c: `steno transcribe`: recordings in, transcripts out.
 *
 * Owner: the main thread. To standard output transcripts come in the order of the command line, segment by segment as
 * soon as it is a file's turn; with --output-dir each goes to its own file as it comes, under a temporary name until it
 * is whole. A file that fails costs one line and the exit status; what was recognised of it is still written.
 */
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "output/format.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "cmd/stoppable.h"
#include "cmd/voice_names.h"
#include "cmd/cmd_options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum option_code {
    OPT_FORMAT = SESSION_OPTION_LAST,
    OPT_OUTPUT_DIR,
    OPT_FILES_FROM,
    OPT_NO_WORDS,
    OPT_DIARIZE,
    OPT_SPEAKERS,
    OPT_MIN_SPEAKERS,
    OPT_MAX_SPEAKERS,
    OPT_VOICE,
};

/* A transcript being written. */
typedef struct document {
    output out;
    FILE *file;   /* standard output, or a file of its own */
    bool spoiled; /* writing failed: said so, and nothing more is written */
} document;

typedef struct transcribe {
    session_options session;
    const output_format *format;
    const char *output_dir; /* NULL: standard output */
    bool quiet, words, zero;
    cli_paths paths;
    char **names; /* results, with output_dir; else NULL */
    const char **clash;
    document **documents; /* [paths.n]; NULL while nothing is written */
    size_t n_open;        /* of them, with a file of their own */
    const steno_model *model;
    stoppable standard;
    FILE *standard_output; /* through it */
    progress bar;
    bool any_written, failed, reader_gone;
    bool diarize, counts_given; /* --diarize; how many speakers, or who */
    steno_voice voices[STENO_SPEAKERS_MAX];
    speaker_names speakers; /* how they are called */
} transcribe;

static void help(void) {
    printf(
        "Usage: steno transcribe [options] FILE|-…\n\n"
        "Writes what is said in recordings (or videos; anything FFmpeg reads). '-' is standard input.\n\n"
        "Output:\n"
        "  -f, --format NAME      text (default), json, srt, vtt, ctm, tsv or rttm\n"
        "  -o, --output-dir DIR   a file for each recording in DIR, made if it is missing (default: standard output)\n"
        "      --no-words         leave the words out of json\n"
        "  -q, --quiet            no progress line\n"
        "\nInput:\n"
        "      --files-from LIST  take the names of recordings from a file, one a line ('-': standard input)\n"
        "  -0, --null             names in LIST end in a zero byte instead\n\n");
    printf("Speakers:\n"
           "      --diarize          say who speaks: S1, S2 … in the order in which they are heard; a transcript then "
           "comes\n"
           "                         at the end of its recording\n"
           "      --speakers N       so many people speak (default: counted)\n"
           "      --min-speakers N   at least so many\n"
           "      --max-speakers N   at most so many (default 8, 16 at most)\n"
           "      --voice NAME       this enrolled voice may be one of them; again for each (steno speaker list)\n\n");
    session_help();
    putchar('\n');
    session_privacy_help();
    printf("\nOther:\n"
           "  -h, --help             this text\n\n"
           "Exit status: 0 all done, 1 something failed, 2 wrong usage.\n");
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static int take_count(const char *name, const char *value, int *out) {
    if (cli_int(value, 1, STENO_SPEAKERS_MAX, out)) return 0;
    return cli_usage("transcribe", "--%s cannot be '%s': want a whole number from 1 to %d", name, value,
                     STENO_SPEAKERS_MAX);
}

/* Options about speakers. */
static int take_speakers(transcribe *t, int code, const char *value) {
    steno_speakers_options *o = &t->session.speakers;
    t->counts_given |= code != OPT_DIARIZE;
    switch (code) {
    case OPT_DIARIZE:
        t->diarize = true;
        o->contract = STENO_SPEAKERS_REVISE;
        return 0;
    case OPT_SPEAKERS:
        if (take_count("speakers", value, &o->max_speakers) != 0) return 2;
        o->min_speakers = o->max_speakers;
        return 0;
    case OPT_MIN_SPEAKERS:
        return take_count("min-speakers", value, &o->min_speakers);
    case OPT_MAX_SPEAKERS:
        return take_count("max-speakers", value, &o->max_speakers);
    default:
        return voice_names_take("transcribe", value, t->voices, &o->n_voices);
    }
}

static int check_speakers(const transcribe *t) {
    if (t->counts_given && !t->diarize)
        return cli_usage("transcribe", "--speakers, --min-speakers, --max-speakers and --voice want --diarize");
    if (t->format == &output_rttm && !t->diarize) return cli_usage("transcribe", "--format rttm wants --diarize");
    if (t->diarize && steno_speakers_options_check(&t->session.speakers) != STENO_OK)
        return cli_usage("transcribe", "%s", steno_error_detail());
    return 0;
}

static int take_option(transcribe *t, int code, const char *value) {
    switch (code) {
    case 'f':
    case OPT_FORMAT:
        t->format = output_format_find(value);
        if (t->format) return 0;
        return cli_usage("transcribe", "--format cannot be '%s': want text, json, srt, vtt, ctm, tsv or rttm", value);
    case 'o':
    case OPT_OUTPUT_DIR:
        t->output_dir = value;
        return 0;
    case 'q':
        t->quiet = true;
        return 0;
    case OPT_NO_WORDS:
        t->words = false;
        return 0;
    case '0':
        t->zero = true;
        return 0;
    case OPT_DIARIZE:
    case OPT_SPEAKERS:
    case OPT_MIN_SPEAKERS:
    case OPT_MAX_SPEAKERS:
    case OPT_VOICE:
        return take_speakers(t, code, value);
    default:
        return session_option(&t->session, "transcribe", code, value);
    }
}

static int too_many_inputs(const transcribe *t) {
    size_t from_stdin = 0;
    for (size_t i = 0; i < t->paths.n; i++) from_stdin += strcmp(t->paths.path[i], "-") == 0;
    if (from_stdin > 1) return cli_usage("transcribe", "'-' can stand only once");
    if (t->paths.n > 1 && t->format->one_document && !t->output_dir)
        return cli_usage("transcribe", "--format %s of several recordings needs --output-dir", t->format->name);
    return 0;
}

const struct option cmd_transcribe_options[] = {SESSION_LONG_OPTIONS,
                                                SESSION_PRIVACY_OPTIONS,
                                                {"format", required_argument, NULL, 'f'},
                                                {"output-dir", required_argument, NULL, 'o'},
                                                {"files-from", required_argument, NULL, OPT_FILES_FROM},
                                                {"null", no_argument, NULL, '0'},
                                                {"no-words", no_argument, NULL, OPT_NO_WORDS},
                                                {"diarize", no_argument, NULL, OPT_DIARIZE},
                                                {"speakers", required_argument, NULL, OPT_SPEAKERS},
                                                {"min-speakers", required_argument, NULL, OPT_MIN_SPEAKERS},
                                                {"max-speakers", required_argument, NULL, OPT_MAX_SPEAKERS},
                                                {"voice", required_argument, NULL, OPT_VOICE},
                                                {"quiet", no_argument, NULL, 'q'},
                                                {"help", no_argument, NULL, 'h'},
                                                {0}};

/* Reads the command line. Returns -1 to go on, or the exit status. */
static int read_options(transcribe *t, int argc, char **argv) {
    const char *list = NULL;
    int code;
    while ((code = getopt_long(argc, argv, ":f:o:q0h", cmd_transcribe_options, NULL)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("transcribe", code, argv);
        if (code == OPT_FILES_FROM)
            list = optarg;
        else if (take_option(t, code, optarg) != 0)
            return 2;
    }
    steno_err e = STENO_OK;
    for (int i = optind; e == STENO_OK && i < argc; i++) e = cli_paths_add(&t->paths, argv[i]);
    if (e == STENO_OK && list) e = cli_paths_read(&t->paths, list, t->zero);
    if (e != STENO_OK) {
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        return 1;
    }
    if (t->paths.n == 0 && list) return cli_usage("transcribe", "%s names no recordings", list);
    if (t->paths.n == 0) return cli_usage("transcribe", "no recording given");
    int status = too_many_inputs(t);
    if (status == 0) status = check_speakers(t);
    t->session.speakers.turns = t->format->turns != NULL && t->diarize;
    if (status == 0) status = session_options_check(&t->session, "transcribe");
    return status ? status : -1;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void complain(transcribe *t, const char *name, const char *reason) {
    progress_clear(&t->bar);
    cli_complain(name, reason);
    t->failed = true;
}

/* The name under which a result grows until it is whole. */
static void part_name(const char *name, char part[CLI_PATH_BYTES_MAX + 8]) {
    snprintf(part, CLI_PATH_BYTES_MAX + 8, "%s.part", name);
}

/* Bytes were refused. Of one file: the others go on. Of standard output: everything ends, silently if the reader left.
 */
static steno_err write_failed(transcribe *t, document *d, size_t index, int error) {
    d->spoiled = true;
    if (t->names) {
        complain(t, t->names[index], strerror(error));
        return STENO_OK;
    }
    if (t->standard.error) error = t->standard.error; /* stdio may have lost it */
    if (error == ECANCELED) return err_fail(STENO_E_CANCELLED, "interrupted");
    t->reader_gone = error == EPIPE;
    if (!t->reader_gone) complain(t, "standard output", strerror(error));
    return err_fail(STENO_E_IO, "standard output is gone");
}

static FILE *open_result(const char *name) {
    char part[CLI_PATH_BYTES_MAX + 8];
    part_name(name, part);
    return strlen(name) >= CLI_PATH_BYTES_MAX ? (errno = ENAMETOOLONG, NULL) : fopen(part, "we");
}

/* The document of a file, begun at its first segment or at its end. NULL with STENO_OK: this file cannot be written.
 * STENO_E_AGAIN: not before another result is closed. */
static steno_err document_of(transcribe *t, size_t index, document **out) {
    document *d = t->documents[index];
    *out = d && !d->spoiled ? d : NULL;
    if (d) return STENO_OK;
    FILE *file = t->names ? open_result(t->names[index]) : t->standard_output;
    int error = errno;
    if (!file && (error == EMFILE || error == ENFILE) && t->n_open > 0) return STENO_E_AGAIN;
    d = t->documents[index] = mem_alloc(1, sizeof *d);
    if (!d) {
        if (file && t->names) fclose(file);
        return err_fail(STENO_E_NOMEM, "no memory for a transcript");
    }
    d->file = file;
    if (!file) return write_failed(t, d, index, error);
    t->n_open += t->names != NULL;
    output_head head = {.file = t->paths.path[index],
                        .model = steno_model_name(t->model),
                        .language = steno_model_language(t->model),
                        .split = t->session.channels == MEDIA_SPLIT,
                        .words = t->words,
                        .entities = t->session.policy.mode != REDACT_OFF,
                        .speakers = t->diarize ? &t->speakers : NULL,
                        .turns = t->session.speakers.turns,
                        .many = !t->names && t->paths.n > 1,
                        .first = t->names || !t->any_written};
    t->any_written = true;
    *out = d;
    progress_clear(&t->bar);
    if (output_begin(&d->out, t->format, d->file, &head) == STENO_OK) return STENO_OK;
    *out = NULL;
    return write_failed(t, d, index, d->out.error);
}

static steno_err on_segment(void *ctx, size_t index, int channel, const released_segment *segment) {
    transcribe *t = ctx;
    document *d = NULL;
    ERR_TRY(document_of(t, index, &d));
    if (!d) return STENO_OK;
    progress_clear(&t->bar);
    if (output_segment(&d->out, channel, segment) == STENO_OK) return STENO_OK;
    return write_failed(t, d, index, d->out.error);
}

static steno_err on_turns(void *ctx, size_t index, int channel, const steno_turn *turns, uint32_t n) {
    transcribe *t = ctx;
    document *d = NULL;
    ERR_TRY(document_of(t, index, &d));
    if (!d || output_turns(&d->out, channel, turns, n) == STENO_OK) return STENO_OK;
    return write_failed(t, d, index, d->out.error);
}

/* Closes a result of its own and gives it its name, or removes it. */
static void close_result(transcribe *t, document *d, size_t index, bool keep) {
    char part[CLI_PATH_BYTES_MAX + 8];
    if (!t->names || !d->file) return;
    part_name(t->names[index], part);
    t->n_open--;
    if (fclose(d->file) != 0 && keep && !d->spoiled) {
        complain(t, t->names[index], strerror(errno));
        d->spoiled = true;
    }
    d->file = NULL;
    if (!keep || d->spoiled)
        unlink(part);
    else if (rename(part, t->names[index]) != 0)
        complain(t, t->names[index], strerror(errno));
}

static steno_err end_document(transcribe *t, size_t index, const feeder_result *r, const char *error) {
    document *d = NULL;
    ERR_TRY(document_of(t, index, &d));
    if (!d) return STENO_OK;
    output_tail tail = {.duration_s = r->audio_s, .media_cpu_s = r->media_cpu_s, .stats = &r->stats, .error = error};
    progress_clear(&t->bar);
    if (output_end(&d->out, &tail) != STENO_OK) return write_failed(t, d, index, d->out.error);
    return STENO_OK;
}

static steno_err on_done(void *ctx, size_t index, const feeder_result *r) {
    transcribe *t = ctx;
    const char *path = t->paths.path[index];
    const char *error = r->error != STENO_OK ? cli_reason(path, r->detail)
                        : r->channels == 0   ? "there is no sound in it"
                                             : NULL;
    bool begun = t->documents[index] != NULL;
    steno_err e = STENO_OK;
    if (begun || !error) e = end_document(t, index, r, error);
    if (e == STENO_E_AGAIN) return e;
    if (error) complain(t, path, error);
    document *d = t->documents[index];
    if (d) close_result(t, d, index, true);
    mem_free(d);
    t->documents[index] = NULL;
    if (e == STENO_OK && t->names && t->clash[index] && !t->quiet && d) {
        progress_clear(&t->bar);
        fprintf(stderr, "steno: %s: written to %s, because %s has the same base name\n", path, t->names[index],
                t->clash[index]);
    }
    return e;
}

static void on_progress(void *ctx, const feeder_progress *at) {
    transcribe *t = ctx;
    progress_draw(&t->bar, at);
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

/* Somebody who stops us expects to see the signal as the cause of our end. */
static int status_of_stop(int stop_fd) {
    struct signalfd_siginfo info;
    if (stop_fd == -1 || read(stop_fd, &info, sizeof info) != (ssize_t)sizeof info) return 1;
    return 128 + (int)info.ssi_signo;
}

static steno_err prepare_results(transcribe *t, int stop_fd) {
    t->documents = mem_alloc(t->paths.n, sizeof(document *));
    t->standard_output = stoppable_open(&t->standard, STDOUT_FILENO, stop_fd);
    if (!t->documents || !t->standard_output) return err_fail(STENO_E_NOMEM, "no memory for %zu files", t->paths.n);
    if (!t->output_dir) return STENO_OK;
    struct stat st;
    if (mkdir(t->output_dir, 0777) != 0 && errno != EEXIST)
        return err_fail(STENO_E_IO, "%s: %s", t->output_dir, strerror(errno));
    if (stat(t->output_dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_fail(STENO_E_IO, "%s: not a directory", t->output_dir);
    return cli_result_names(&t->paths, t->output_dir, t->format->extension, &t->names, &t->clash);
}

static int run(transcribe *t) {
    session s;
    sigset_t old;
    int stop_fd = stoppable_signals(&old);
    if (prepare_results(t, stop_fd) != STENO_OK ||
        voice_names_find(t->voices, t->session.speakers.n_voices) != STENO_OK ||
        session_open(&s, &t->session) != STENO_OK) {
        fprintf(stderr, "steno: %s\n", steno_error_detail());
        if (stop_fd != -1) close(stop_fd);
        return 1;
    }
    t->model = s.model;
    speaker_names_init(&t->speakers, t->voices, t->session.speakers.n_voices);
    progress_init(&t->bar, t->quiet);
    s.feed.paths = (const char *const *)t->paths.path;
    s.feed.n_paths = t->paths.n;
    s.feed.in_order = !t->output_dir;
    s.feed.stop_fd = stop_fd;
    feeder_handler handler = {
        .ctx = t, .segment = on_segment, .done = on_done, .progress = on_progress, .turns = on_turns};
    steno_err e = feeder_run(&s.feed, &handler);
    progress_clear(&t->bar);
    int status = t->failed ? 1 : 0;
    if (e == STENO_E_CANCELLED) status = status_of_stop(stop_fd);
    if (e != STENO_OK && e != STENO_E_CANCELLED) {
        if (!t->failed && !t->reader_gone) fprintf(stderr, "steno: %s\n", steno_error_detail());
        status = 1;
    }
    sigprocmask(SIG_SETMASK, &old, NULL); /* from here a second signal ends us at once */
    for (size_t i = 0; i < t->paths.n; i++) {
        if (t->documents[i]) close_result(t, t->documents[i], i, false);
        mem_free(t->documents[i]);
    }
    session_close(&s);
    if (stop_fd != -1) close(stop_fd);
    return status;
}

int cmd_transcribe(int argc, char **argv) {
    transcribe t = {.format = &output_text, .words = true};
    session_options_init(&t.session);
    t.session.speakers.voices = t.voices;
    int status = read_options(&t, argc, argv);
    if (status == -1) status = run(&t);
    if (t.standard_output) fclose(t.standard_output); /* every segment was flushed: this writes nothing */
    voice_names_wipe(t.voices, t.session.speakers.n_voices);
    cli_names_free(t.names, t.clash, t.paths.n);
    mem_free(t.documents);
    cli_paths_free(&t.paths);
    return status;
}
