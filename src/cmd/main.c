/* main.c: the door of the program: picks a subcommand from a table and makes sure that what it printed arrived.
 *
 * Owner: the main thread. The private zygote argument is looked at before anything else, so that the helper which
 * decodes media starts as a bare process. Exit status: 0 all done, 1 something failed, 2 wrong usage.
 */
#include "audio/media.h"
#include "cmd/cmd.h"
#include "kern/kern.h"
#include "steno.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"transcribe", cmd_transcribe, "recordings in, words out: text, JSON, subtitles, CTM, TSV, RTTM"},
    {"serve", cmd_serve, "live speech over WebSockets, and a page that shows it"},
    {"config", cmd_config, "check, show and explain the configuration of serve"},
    {"key", cmd_key, "API keys: made, listed, revoked"},
    {"speaker", cmd_speaker, "voices: enrolled with consent, listed, checked, deleted"},
    {"live", cmd_live, "words while people speak: a recording or a microphone, at the pace of time"},
    {"redact", cmd_redact, "text or JSON lines without the personal data in them"},
    {"bench", cmd_bench, "measure speed, CPU time by stage and memory on recordings"},
    {"plan", cmd_plan, "capacity arithmetic: real-time factors and key/value memory"},
    {"model", cmd_model, "list, inspect, verify and convert models"},
    {"score", cmd_score, "error rates of transcripts, and of who is said to speak"},
    {"alarm", cmd_alarm, "what the server raises alarms about, and a recorded series tried on it"},
    {"shadow", cmd_shadow, "what came of a second model that hears a copy of what users say"},
    {"completion", cmd_completion, "what makes bash, zsh or fish complete all this"},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void help(void) {
    printf("steno: a speech server in C; live and recorded speech in, words out\n\n"
           "Usage: steno COMMAND [options] …\n\nCommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++) printf("  %-12s %s\n", commands[i].name, commands[i].what);
    printf("\nOptions:\n"
           "  -h, --help   this text; 'steno COMMAND --help' explains a command\n"
           "  --version    the version\n");
}

/* A recording where a command should stand is the likeliest slip. */
static int unknown(const char *name) {
    if (name[0] != '-' && access(name, F_OK) == 0)
        fprintf(stderr, "steno: unknown command '%s'; to transcribe that file: steno transcribe '%s'\n", name, name);
    else
        fprintf(stderr, "steno: unknown %s '%s'; see 'steno --help'\n", name[0] == '-' ? "option" : "command", name);
    return 2;
}

/* Files opened later must never land on the numbers of standard streams that the caller closed. Open for reading only,
 * so that a transcript written to a closed standard output is an error and not lost. */
static void fill_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDONLY) == -1) return;
    }
}

/* The kernels fall back to what the processor has; a name that was asked for and cannot be had is an error instead. */
static int choose_kernels(void) {
    const char *wish = getenv("STENO_KERN");
    if (!wish || !*wish || kern_select(wish) == STENO_OK) return 0;
    fprintf(stderr, "steno: STENO_KERN: %s; want auto, c, avx2, avx512-vnni or avx512\n", steno_error_detail());
    return 2;
}

/* A full disk shows up only when buffers are emptied. A reader that went away asked for no complaint. */
static int finish(int status) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (errno != EPIPE && errno != 0) fprintf(stderr, "steno: standard output: %s\n", strerror(errno));
    return status ? status : 1;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], MEDIA_ZYGOTE_ARG) == 0) return media_zygote_main(argc, argv);
    fill_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of write(), reported like any other */
    if (choose_kernels() != 0) return 2;
    if (argc < 2) {
        fprintf(stderr, "steno: no command; see 'steno --help'\n");
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help();
        return finish(0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("steno %s\n", STENO_VERSION);
        return finish(0);
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return finish(commands[i].run(argc - 1, argv + 1));
    }
    return unknown(argv[1]);
}
