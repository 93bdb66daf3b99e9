/* cmd_redact.c: `steno redact`: text or JSON lines in, the same without personal data out.
 *
 * Owner      the main thread.
 * Invariants what came in and cannot change any more goes out before more is waited for. Nothing goes out that was not looked
 *            through: a line that cannot be is left out, said with its number, and costs the exit status. Memory is bounded: of a text
 *            by the redactor's window, of a record by RECORD_BYTES_MAX.
 */
#include "base/mem.h"
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "cmd/redact_records.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES       65536
#define RECORD_BYTES_MAX ((size_t)16 << 20) /* of one JSON line */
#define NAMES_MAX        128                /* kinds of entities, the operator's included */

enum option_code {
    OPT_TYPES = 256,
    OPT_ITN,
    OPT_RULES,
    OPT_MIN_CONFIDENCE,
    OPT_NUMBERED,
    OPT_JOIN,
    OPT_JSON,
    OPT_FIELDS,
    OPT_OFFSETS,
    OPT_SUMMARY
};

typedef struct tally {
    const char *name; /* static */
    uint64_t n;
} tally;

typedef struct redact_job {
    gate_policy policy;
    const char *rules;
    bool join, json, bytes, summary, json_only; /* json_only: an option was given that --json alone has */
    record_fields fields;
    privacy *privacy;
    redactor *redactor;
    cli_paths paths;
    /* of the run */
    uint64_t lines, texts, records; /* records: lines with JSON in them */
    tally found[NAMES_MAX];
    size_t n_found;
    const char *name; /* of the input */
    uint64_t line;    /* of it, from 1 */
    bool failed;
    int output_error; /* errno; EPIPE: whoever reads has left, and knows it */
    char *record;     /* of --json: a line that has not ended */
    size_t n_record, record_room;
    bool record_too_long;
} redact_job;

static void help(void) {
    printf(
        "Usage: steno redact [options] [FILE|-…]\n\n"
        "Writes text to standard output without the telephone numbers, cards, addresses … in it; of files or, without\n"
        "any, of standard input. Each line is a text of its own.\n\n"
        "What becomes of them:\n"
        "  -m, --mode NAME        mask (default): [PHONE]; redact: 138****5678; tag: they stay, and --json says\n"
        "                         where they are; off\n"
        "      --types LIST       which, between commas: phone, id, card … or default, all, pci, pii, numbers, names\n"
        "      --rules FILE       own rules and allow-lists\n"
        "      --min-confidence N what is less sure stays (0 to 1, default 0.5)\n"
        "      --numbered         [PHONE_1], [PHONE_2]: the same has the same number\n"
        "      --itn              write spoken numbers, dates and amounts in digits\n\n");
    printf(
        "Input and output:\n"
        "      --join             the lines of a file are what one person says, one after the other: a number may go\n"
        "                         on in the next line\n"
        "      --json             lines are JSON; members called as --fields says are texts, and what was found in\n"
        "                         them is said in \"entities\" beside them\n"
        "      --fields LIST      names of members, between commas (default text)\n"
        "      --offsets UNIT     positions in characters (default) or bytes\n"
        "      --summary          count lines and what was found, to standard error\n"
        "  -h, --help             this text\n\n"
        "Exit status: 0 all done, 1 something failed, 2 wrong usage.\n");
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

const struct option cmd_redact_options[] = {{"mode", required_argument, NULL, 'm'},
                                            {"types", required_argument, NULL, OPT_TYPES},
                                            {"rules", required_argument, NULL, OPT_RULES},
                                            {"min-confidence", required_argument, NULL, OPT_MIN_CONFIDENCE},
                                            {"numbered", no_argument, NULL, OPT_NUMBERED},
                                            {"itn", no_argument, NULL, OPT_ITN},
                                            {"join", no_argument, NULL, OPT_JOIN},
                                            {"json", no_argument, NULL, OPT_JSON},
                                            {"fields", required_argument, NULL, OPT_FIELDS},
                                            {"offsets", required_argument, NULL, OPT_OFFSETS},
                                            {"summary", no_argument, NULL, OPT_SUMMARY},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};

static int take_mode(redact_job *j, const char *value) {
    if (policy_parse_mode(value, strlen(value), &j->policy.mode) == STENO_OK) return 0;
    return cli_usage("redact", "--mode cannot be '%s': want mask, redact, tag or off", value);
}

static int take_offsets(redact_job *j, const char *value) {
    j->json_only = true;
    j->bytes = strcmp(value, "bytes") == 0;
    if (j->bytes || strcmp(value, "characters") == 0) return 0;
    return cli_usage("redact", "--offsets cannot be '%s': want characters or bytes", value);
}

/* An option whose value is judged elsewhere. */
static int said(const char *option, steno_err e) {
    return e == STENO_OK ? 0 : cli_usage("redact", "--%s: %s", option, steno_error_detail());
}

static int take_option(redact_job *j, int code, const char *value) {
    switch (code) {
    case 'm':
        return take_mode(j, value);
    case OPT_TYPES:
        return said("types", entity_parse_set(value, strlen(value), &j->policy.types));
    case OPT_RULES:
        j->rules = value;
        return 0;
    case OPT_MIN_CONFIDENCE:
        if (cli_float(value, 0, 1, &j->policy.min_confidence)) return 0;
        return cli_usage("redact", "--min-confidence cannot be '%s': want a number from 0 to 1", value);
    case OPT_NUMBERED:
        j->policy.count = true;
        return 0;
    case OPT_ITN:
        j->policy.itn = true;
        return 0;
    case OPT_JOIN:
        j->join = true;
        return 0;
    case OPT_JSON:
        j->json = true;
        return 0;
    case OPT_FIELDS:
        j->json_only = true;
        return said("fields", record_fields_parse(value, &j->fields));
    case OPT_OFFSETS:
        return take_offsets(j, value);
    default:
        j->summary = true;
        return 0;
    }
}

static int check(const redact_job *j) {
    if (j->json && j->join) return cli_usage("redact", "--join is for lines of text: --json has records");
    if (j->json_only && !j->json) return cli_usage("redact", "--fields and --offsets want --json");
    if (j->policy.mode == REDACT_TAG && !j->json && !j->summary)
        return cli_usage("redact", "--mode tag changes no text: it wants --json or --summary");
    return -1;
}

/* Returns -1 to go on, or the exit status. */
static int read_options(redact_job *j, int argc, char **argv) {
    int code;
    while ((code = getopt_long(argc, argv, ":m:h", cmd_redact_options, NULL)) != -1) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("redact", code, argv);
        if (take_option(j, code, optarg) != 0) return 2;
    }
    steno_err e = optind == argc ? cli_paths_add(&j->paths, "-") : STENO_OK;
    for (int i = optind; e == STENO_OK && i < argc; i++) e = cli_paths_add(&j->paths, argv[i]);
    if (e == STENO_OK) return check(j);
    fprintf(stderr, "steno: %s\n", steno_error_detail());
    return 1;
}

/* ---- counts ----------------------------------------------------------------------------------------------------- */

static void count(redact_job *j, const redact_entity *e) {
    size_t i = 0;
    while (i < j->n_found && strcmp(j->found[i].name, e->name) != 0) i++;
    if (i == NAMES_MAX) return; /* more than there are kinds: never */
    if (i == j->n_found) j->found[j->n_found++] = (tally){.name = e->name};
    j->found[i].n++;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tally *)a)->name, ((const tally *)b)->name);
}

static void put_summary(redact_job *j) {
    qsort(j->found, j->n_found, sizeof *j->found, by_name);
    fprintf(stderr, "%-14s %" PRIu64 "\n", "lines", j->lines);
    for (size_t i = 0; i < j->n_found; i++) fprintf(stderr, "%-14s %" PRIu64 "\n", j->found[i].name, j->found[i].n);
}

/* ---- output ----------------------------------------------------------------------------------------------------- */

static steno_err put(redact_job *j, const char *text, size_t n) {
    if (fwrite(text, 1, n, stdout) == n) return STENO_OK;
    j->output_error = errno;
    return err_fail(STENO_E_IO, "standard output: %s", strerror(j->output_error));
}

static steno_err put_out(redact_job *j) {
    if (fflush(stdout) == 0) return STENO_OK;
    j->output_error = errno;
    return err_fail(STENO_E_IO, "standard output: %s", strerror(j->output_error));
}

static void complain(redact_job *j, const char *reason) {
    char text[ERR_DETAIL_BYTES + 32];
    snprintf(text, sizeof text, "line %" PRIu64 ": %s", j->line, reason);
    cli_complain(j->name, text);
    j->failed = true;
}

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* With --join lines are utterances: their ends are breaks within one text. */
static steno_err on_text(void *user, const char *text, size_t n, const redact_entity *entities, uint32_t n_entities) {
    redact_job *j = user;
    for (uint32_t i = 0; i < n_entities; i++) count(j, &entities[i]);
    if (!j->join) return put(j, text, n);
    for (size_t at = 0, now; at < n; at += now) {
        const char *end = memchr(text + at, TOKEN_BREAK_CHAR, n - at);
        now = end ? (size_t)(end - text) - at : n - at;
        ERR_TRY(put(j, text + at, now));
        if (!end) continue;
        ERR_TRY(put(j, "\n", 1));
        now++;
    }
    return STENO_OK;
}

static steno_err take_lines(redact_job *j, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t to = end ? (size_t)(end - text) : n;
        if (to > at) ERR_TRY(redact_push(j->redactor, text + at, to - at));
        at = to + (end != NULL);
        if (!end) break;
        ERR_TRY(redact_end(j->redactor));
        redact_begin(j->redactor, on_text, j);
        ERR_TRY(put(j, "\n", 1));
    }
    return STENO_OK;
}

static steno_err take_text(redact_job *j, char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\n') continue;
        j->lines++;
        if (j->join) text[i] = TOKEN_BREAK_CHAR;
    }
    return j->join ? redact_push(j->redactor, text, n) : take_lines(j, text, n);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void on_field(void *user, const redact_text *t) {
    redact_job *j = user;
    for (size_t i = 0; i < t->n_entities; i++) count(j, &t->entities[i]);
}

static bool is_blank(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!strchr(" \t\r", text[i]) || !text[i]) return false;
    return true;
}

/* A line that is no record is said and left out; only memory and output end the run. */
static steno_err put_record(redact_job *j, const char *line, size_t n) {
    const record_job job = {.redactor = j->redactor,
                            .mode = j->policy.mode,
                            .fields = &j->fields,
                            .bytes = j->bytes,
                            .seen = on_field,
                            .user = j};
    char *out = NULL;
    size_t texts = 0;
    if (is_blank(line, n)) return put(j, "\n", 1);
    steno_err e = record_redact(&job, line, n, &out, &texts);
    j->texts += texts;
    j->records++;
    if (e == STENO_OK) e = put(j, out, strlen(out));
    free(out);
    if (e == STENO_OK) return put(j, "\n", 1);
    if (e != STENO_E_FORMAT) return e;
    complain(j, steno_error_detail());
    return STENO_OK;
}

static steno_err keep(redact_job *j, const char *text, size_t n) {
    if (j->n_record + n > RECORD_BYTES_MAX) {
        j->record_too_long = true;
        j->n_record = 0;
    }
    if (j->record_too_long) return STENO_OK;
    if (j->n_record + n > j->record_room) {
        size_t room = 2 * (j->n_record + n);
        char *more = mem_resize(j->record, j->record_room, room);
        if (!more) return err_fail(STENO_E_NOMEM, "no memory for a record of %zu bytes", j->n_record + n);
        j->record = more;
        j->record_room = room;
    }
    if (n) memcpy(j->record + j->n_record, text, n);
    j->n_record += n;
    return STENO_OK;
}

static steno_err end_record(redact_job *j) {
    char text[64];
    steno_err e = STENO_OK;
    j->lines++;
    if (j->record_too_long) {
        snprintf(text, sizeof text, "longer than %zu bytes", RECORD_BYTES_MAX);
        complain(j, text);
    } else {
        e = put_record(j, j->record ? j->record : "", j->n_record);
    }
    j->n_record = 0;
    j->record_too_long = false;
    j->line++;
    return e;
}

static steno_err take_records(redact_job *j, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t to = end ? (size_t)(end - text) : n;
        ERR_TRY(keep(j, text + at, to - at));
        if (end) ERR_TRY(end_record(j));
        at = to + (end != NULL);
    }
    return STENO_OK;
}

/* ---- inputs ----------------------------------------------------------------------------------------------------- */

static steno_err end_input(redact_job *j, bool ends_in_line) {
    if (!ends_in_line && j->json) ERR_TRY(end_record(j));
    if (!ends_in_line && !j->json) j->lines++;
    if (!j->json) ERR_TRY(redact_end(j->redactor));
    return put_out(j);
}

static steno_err read_input(redact_job *j, int fd) {
    static char room[READ_BYTES];
    bool ends_in_line = true;
    ssize_t n;
    j->line = 1;
    redact_begin(j->redactor, on_text, j);
    while ((n = read(fd, room, sizeof room)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0) continue;
        ends_in_line = room[n - 1] == '\n';
        ERR_TRY(j->json ? take_records(j, room, (size_t)n) : take_text(j, room, (size_t)n));
        ERR_TRY(put_out(j));
    }
    if (n == 0) return end_input(j, ends_in_line);
    cli_complain(j->name, strerror(errno));
    j->failed = true;
    return end_input(j, ends_in_line);
}

static steno_err take_input(redact_job *j, const char *path) {
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    j->name = standard ? "standard input" : path;
    if (fd == -1) {
        cli_complain(path, strerror(errno));
        j->failed = true;
        return STENO_OK;
    }
    steno_err e = read_input(j, fd);
    if (!standard) close(fd);
    return e;
}

static int run(redact_job *j) {
    const privacy_options rules = {.rules_path = j->rules};
    steno_err e = privacy_open(&rules, &j->privacy);
    if (e == STENO_OK) e = redact_open(j->privacy, &j->policy, &j->redactor);
    for (size_t i = 0; e == STENO_OK && i < j->paths.n; i++) e = take_input(j, j->paths.path[i]);
    if (e == STENO_OK && j->json && j->records && !j->texts) {
        cli_complain(j->name, "no line has a member that --fields names: nothing was looked through");
        j->failed = true;
    }
    if (j->summary) put_summary(j);
    if (e != STENO_OK && j->output_error != EPIPE) fprintf(stderr, "steno: %s\n", steno_error_detail());
    return e != STENO_OK || j->failed;
}

int cmd_redact(int argc, char **argv) {
    redact_job j = {.fields = {.name = {"text"}, .n = 1}};
    policy_init(&j.policy);
    j.policy.mode = REDACT_MASK;
    int status = read_options(&j, argc, argv);
    if (status == -1) status = run(&j);
    redact_free(j.redactor);
    privacy_close(j.privacy);
    cli_paths_free(&j.paths);
    mem_free(j.record);
    return status;
}
