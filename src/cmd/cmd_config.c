/* cmd_config.c: `steno config`: the configuration checked, shown, explained. See docs/man/steno-config.1.
 *
 * Owner: the main thread.
 */
#include "cmd/cli.h"
#include "cmd/cmd.h"
#include "cmd/config_options.h"
#include "cmd/config_print.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void help(void) {
    printf("Usage: steno config check|show [--config FILE] [options of 'steno serve']\n"
           "       steno config default\n"
           "       steno config reference [--format markdown|man]\n\n"
           "The configuration of 'steno serve': steno.conf(5) and docs/configuration.md explain its keys.\n\n"
           "  check        names every mistake with its place; status 1 when there is any\n"
           "  show         the values in force, and where each comes from: file, environment, option or default\n"
           "  default      a file with every key explained, commented out at its default\n"
           "  reference    the keys as tables in Markdown, or as a manual page\n\n"
           "Options:\n"
           "  --config FILE    read this file; otherwise the one STENO_CONFIG names, or none\n"
           "  --format WORD    of reference: markdown (default) or man\n"
           "  -h, --help       this text\n");
}

/* What is no mistake of the file, but of the machine it is read on. */
static int warn_of_files(const config *c) {
    const char *const named[][2] = {
        {"tls_certificate", c->tls_certificate}, {"tls_key", c->tls_key}, {"models_dir", c->models_dir}};
    int warnings = 0;
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if (!named[i][1][0] || access(named[i][1], R_OK) == 0) continue;
        char text[CONFIG_MISTAKE_BYTES];
        snprintf(text, sizeof text, "%s: %s: %s", named[i][0], named[i][1], strerror(errno));
        config_complain(NULL, true, text);
        warnings++;
    }
    return warnings;
}

static int check(const config_inputs *in) {
    config c;
    config_report report = {.say = config_complain};
    const char *what = in->file ? in->file : "no file";
    if (config_load(in, &c, NULL, &report) != STENO_OK) return 1;
    report.warnings += warn_of_files(&c);
    printf("%s: no mistakes", what);
    if (report.warnings) printf(", %d warning%s", report.warnings, report.warnings == 1 ? "" : "s");
    putchar('\n');
    return 0;
}

static int show(const config_inputs *in) {
    config c;
    config_origin origin[CONFIG_MAX_KEYS];
    config_report report = {.say = config_complain};
    if (config_load(in, &c, origin, &report) != STENO_OK) return 1;
    config_print_values(stdout, &c, origin, in->file);
    return 0;
}

static int reference(int argc, char **argv) {
    const char *format = "markdown";
    if (argc == 3 && strcmp(argv[1], "--format") == 0)
        format = argv[2];
    else if (argc == 2 && strncmp(argv[1], "--format=", 9) == 0)
        format = argv[1] + 9;
    else if (argc > 1)
        return cli_usage("config", "reference takes --format markdown or man and nothing else");
    if (strcmp(format, "markdown") == 0)
        config_print_markdown(stdout);
    else if (strcmp(format, "man") == 0)
        config_print_man(stdout);
    else
        return cli_usage("config", "--format cannot be '%.60s': want markdown or man", format);
    return 0;
}

int cmd_config(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    config_inputs in;
    if (strcmp(what, "--help") == 0 || strcmp(what, "-h") == 0) {
        help();
        return 0;
    }
    if (strcmp(what, "reference") == 0) return reference(argc - 1, argv + 1);
    if (strcmp(what, "default") == 0) {
        if (argc > 2) return cli_usage("config", "default takes no options");
        config_print_default(stdout);
        return 0;
    }
    if (strcmp(what, "check") != 0 && strcmp(what, "show") != 0)
        return cli_usage("config", what[0] ? "'%.60s' is not check, show, default or reference" : "what to do?%s",
                         what);
    int status = config_options_read("config", argc - 1, argv + 1, help, &in);
    if (status >= 0) return status;
    return strcmp(what, "check") == 0 ? check(&in) : show(&in);
}
