/* cmd_alarm.c: `steno alarm`: the rules of the alarms, and what they would have said of a recorded series of minutes.
 *
 * Owner: the main thread. See docs/man/steno-alarm.1 and docs/watching.md. Minutes are JSON lines as watch/cell.h has them.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/cmd_options.h"
#include "watch/alarm.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_JSON = 256, OPT_SERIES };

const struct option cmd_alarm_options[] = {{"help", no_argument, NULL, 'h'},
                                           {"json", no_argument, NULL, OPT_JSON},
                                           {"max-series", required_argument, NULL, OPT_SERIES},
                                           {NULL, 0, NULL, 0}};

typedef struct alarm_job {
    bool json;
    int max_series;
    uint64_t raised, resolved;
} alarm_job;

static void help(void) {
    printf("Usage: steno alarm list [--json]\n"
           "       steno alarm test [--json] [--max-series N] FILE\n\n"
           "  list   the rules: from where on something is an alarm, and what to do then\n"
           "  test   replays minutes, JSON lines in the order of time, and prints what would have been raised and\n"
           "         resolved. '-' is standard input\n\n"
           "Options:\n"
           "      --json           JSON lines\n"
           "      --max-series N   test: so many series (host, model, language, key) are watched, 1 to %d; more are\n"
           "                       counted and left out (default %d)\n"
           "  -h, --help           this text\n\n"
           "Exit status: 0 done, 1 the file could not be used, 2 wrong usage.\n",
           ALARM_SERIES_MAX, ALARM_SERIES_DEFAULT);
}

/* ---- list --------------------------------------------------------------------------------------------------------- */

static void put_tolerance(char *out, size_t n, const alarm_rule *rule) {
    const char *sign = rule->direction > 0 ? "+" : "-";
    if (rule->kind == ALARM_LEVEL) {
        snprintf(out, n, "%g", rule->limit);
        return;
    }
    int at = snprintf(out, n, "%s%g %%", sign, 100 * rule->margin_ratio);
    if (rule->margin_add > 0) at += snprintf(out + at, n - (size_t)at, " and %g points", 100 * rule->margin_add);
    if (rule->limit > 0)
        snprintf(out + at, n - (size_t)at, ", %g%s%s", rule->limit, rule->limit_language ? " for " : "",
                 rule->limit_language ? rule->limit_language : "");
}

static const char *against_name(const alarm_rule *rule) {
    return rule->against == ALARM_FLEET ? "the other hosts" : rule->against == ALARM_LIMIT ? "a limit" : "its norm";
}

static int list(const alarm_job *job) {
    const alarm_rule *rule;
    size_t n = alarm_rules(&rule);
    for (size_t i = 0; i < n; i++, rule++) {
        char tolerance[80];
        put_tolerance(tolerance, sizeof tolerance, rule);
        if (job->json)
            printf("{\"rule\":\"%s\",\"severity\":\"%s\",\"what\":\"%s\",\"direction\":\"%s\",\"against\":\"%s\","
                   "\"margin_ratio\":%g,\"margin\":%g,\"limit\":%g,\"runbook\":\"%s\"}\n",
                   rule->name, alarm_severity_name(rule->severity), rule->what, rule->direction > 0 ? "high" : "low",
                   against_name(rule), rule->margin_ratio, rule->margin_add, rule->limit, rule->runbook);
        else
            printf("%-18s %-8s %s, too %s: beyond %s by %s\n%28s%s\n", rule->name, alarm_severity_name(rule->severity),
                   rule->what, rule->direction > 0 ? "high" : "low", against_name(rule), tolerance, "", rule->runbook);
    }
    return 0;
}

/* ---- test --------------------------------------------------------------------------------------------------------- */

static void take_event(void *context, const alarm_event *event) {
    alarm_job *job = context;
    char text[ALARM_JSON_BYTES];
    if (event->change == ALARM_RAISED)
        job->raised++;
    else
        job->resolved++;
    if (job->json)
        alarm_print_json(text, event);
    else
        alarm_print(text, event);
    puts(text);
}

static steno_err replay_line(alarm_job *job, alarm_set *set, const char *line, size_t n, uint64_t number) {
    monitor_cell cell;
    if (n > 0 && line[n - 1] == '\n') n--;
    if (n == 0) return STENO_OK;
    steno_err e = cell_read(line, n, &cell);
    if (e != STENO_OK) {
        char reason[ERR_DETAIL_BYTES];
        snprintf(reason, sizeof reason, "%.*s", (int)sizeof reason - 40, steno_error_detail());
        return err_fail(e, "line %" PRIu64 ": %s", number, reason);
    }
    alarm_feed(set, &cell, take_event, job);
    return STENO_OK;
}

static steno_err replay(alarm_job *job, alarm_set *set, FILE *in) {
    char line[CELL_LINE_BYTES_MAX];
    for (uint64_t number = 1; fgets(line, sizeof line, in); number++) {
        size_t n = strlen(line);
        if (n == sizeof line - 1 && line[n - 1] != '\n')
            return err_fail(STENO_E_LIMIT, "line %" PRIu64 " is longer than %d bytes", number, CELL_LINE_BYTES_MAX - 2);
        ERR_TRY(replay_line(job, set, line, n, number));
    }
    if (ferror(in)) return err_fail(STENO_E_IO, "%s", strerror(errno));
    return STENO_OK;
}

static void put_summary(const alarm_job *job, const alarm_set *set) {
    alarm_counts c;
    alarm_count(set, &c);
    if (job->json) return;
    printf("%" PRIu64 " minutes of %zu series, %zu norms learnt: %" PRIu64 " alarms raised, %" PRIu64 " resolved\n",
           c.cells, c.series, c.learnt, job->raised, job->resolved);
}

static int test(alarm_job *job, const char *path) {
    alarm_set *set;
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!in) {
        cli_complain(path, strerror(errno));
        return 1;
    }
    steno_err e = alarm_open((size_t)job->max_series, &set);
    if (e == STENO_OK) e = replay(job, set, in);
    if (e == STENO_OK) put_summary(job, set);
    if (e != STENO_OK) cli_complain(path, steno_error_detail());
    alarm_counts c = {0};
    if (set) alarm_count(set, &c);
    if (c.refused)
        fprintf(stderr, "steno: %s: %" PRIu64 " minutes of more than %d series were left out\n", path, c.refused,
                job->max_series);
    alarm_close(set);
    if (in != stdin) fclose(in);
    return e == STENO_OK ? 0 : 1;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static int read_options(alarm_job *job, int argc, char **argv) {
    optind = 0; /* the tests call this more than once */
    for (int code; (code = getopt_long(argc, argv, ":h", cmd_alarm_options, NULL)) != -1;) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == '?' || code == ':') return cli_wrong_option("alarm", code, argv);
        if (code == OPT_JSON) job->json = true;
        if (code == OPT_SERIES && !cli_int(optarg, 1, ALARM_SERIES_MAX, &job->max_series))
            return cli_usage("alarm", "--max-series cannot be '%.40s': want a whole number from 1 to %d", optarg,
                             ALARM_SERIES_MAX);
    }
    return -1;
}

int cmd_alarm(int argc, char **argv) {
    alarm_job job = {.max_series = ALARM_SERIES_DEFAULT};
    int status = read_options(&job, argc, argv);
    if (status >= 0) return status;
    argc -= optind;
    argv += optind;
    if (argc < 1) return cli_usage("alarm", "no action; want list or test");
    if (strcmp(argv[0], "list") == 0) return argc == 1 ? list(&job) : cli_usage("alarm", "list takes no file");
    if (strcmp(argv[0], "test") != 0) return cli_usage("alarm", "unknown action '%.40s'; want list or test", argv[0]);
    if (argc != 2) return cli_usage("alarm", "test takes one file, or - for standard input");
    return test(&job, argv[1]);
}
