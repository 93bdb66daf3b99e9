/* config_options.h: the options of subcommands that read a configuration: --config FILE and one for each key.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_CONFIG_OPTIONS_H
#define STENO_CMD_CONFIG_OPTIONS_H

#include "cmd/config.h"

/* Reads argv from argv[1] on. -1: go on, and *in has what was given, the environment too; else the exit status, after
 * `help` or a complaint was printed. `command` is as people type it: "serve". What is in *in lives as long as argv. */
int config_options_read(const char *command, int argc, char **argv, void (*help)(void), config_inputs *in);

/* A line a key, for --help. */
void config_options_help(void);

/* For config_report.say: "steno: …" on standard error. */
void config_complain(void *ctx, bool warning, const char *text);

#endif
