/* config_options.c: see config_options.h. */
#include "cmd/config_options.h"

#include "cmd/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTION_CONFIG 256
#define OPTION_KEYS   257 /* and on: one a key */

static const char *kind_word(const config_key *key) {
    switch (key->kind) {
    case CONFIG_BOOL:
        return "yes|no";
    case CONFIG_PATH:
        return "PATH";
    case CONFIG_LIST:
        return "LIST";
    case CONFIG_TEXT:
        return key->words ? "WORD" : "TEXT";
    default:
        return "N";
    }
}

void config_options_help(void) {
    config defaults;
    config_init(&defaults);
    for (const config_key *key = config_keys; key->name; key++) {
        char name[CONFIG_NAME_BYTES], value[CONFIG_TEXT_BYTES], left[2 * CONFIG_NAME_BYTES];
        config_option_name(key, name);
        config_get(&defaults, key, value);
        snprintf(left, sizeof left, "--%s %s", name, kind_word(key));
        printf("  %-24s %s%s%s", left, key->help, key->words ? ": " : "", key->words ? key->words : "");
        if (value[0]) printf(" (default %s)", value);
        putchar('\n');
    }
}

int config_options_read(const char *command, int argc, char **argv, void (*help)(void), config_inputs *in) {
    struct option options[CONFIG_MAX_KEYS + 3] = {{"config", required_argument, NULL, OPTION_CONFIG},
                                                  {"help", no_argument, NULL, 'h'}};
    char names[CONFIG_MAX_KEYS][CONFIG_NAME_BYTES];
    for (int i = 0; config_keys[i].name; i++) {
        config_option_name(&config_keys[i], names[i]);
        options[2 + i] = (struct option){names[i], required_argument, NULL, OPTION_KEYS + i};
    }
    *in = (config_inputs){.file = getenv("STENO_CONFIG"), .environment = (const char *const *)environ};
    if (in->file && !in->file[0]) in->file = NULL;
    optind = 1;
    for (int code; (code = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (code == 'h') {
            help();
            return 0;
        }
        if (code == OPTION_CONFIG)
            in->file = optarg;
        else if (code >= OPTION_KEYS)
            in->option[code - OPTION_KEYS] = optarg;
        else
            return cli_wrong_option(command, code, argv);
    }
    if (optind < argc) return cli_usage(command, "'%s' is one argument too many", argv[optind]);
    return -1;
}

void config_complain(void *ctx, bool warning, const char *text) {
    char place[CONFIG_TEXT_BYTES];
    const char *colon = strstr(text, ": ");
    (void)ctx;
    if (warning || !colon) {
        cli_complain(warning ? "warning" : "configuration", text);
        return;
    }
    snprintf(place, sizeof place, "%.*s", (int)(colon - text), text);
    cli_complain(place, colon + 2);
}
