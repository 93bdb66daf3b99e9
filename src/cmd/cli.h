/* cli.h: what subcommands share: lists of input files, numbers from options, complaints of one line each.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_CLI_H
#define STENO_CMD_CLI_H

#include "base/err.h"

#define CLI_PATH_BYTES_MAX 4096 /* of one line of a list */

typedef struct cli_paths {
    char **path; /* owned */
    size_t n, cap;
} cli_paths;

STENO_CHECK steno_err cli_paths_add(cli_paths *p, const char *path);
/* Adds every line of the file `list` ("-": standard input); `zero`: names end in a zero byte instead. */
STENO_CHECK steno_err cli_paths_read(cli_paths *p, const char *list, bool zero);
void cli_paths_free(cli_paths *p);

/* A name in `dir` for the result of each path: base name and extension; a name that is taken gets -2, -3 … *clash[i]
 * is the path that took it, or NULL. Both arrays are [p->n], owned by the caller: cli_names_free(). */
STENO_CHECK steno_err cli_result_names(const cli_paths *p, const char *dir, const char *extension, char ***names,
                                       const char ***clash);
void cli_names_free(char **names, const char **clash, size_t n);

/* The reason of a failure without the name of the input ("-" is also "standard input") at its front. */
const char *cli_reason(const char *name, const char *reason);

/* "steno: NAME: REASON", one line whatever the two contain. The name is not said twice. */
void cli_complain(const char *name, const char *reason);

/* Wrong usage: a line and a hint at the help of `command`; returns 2. */
int cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What getopt_long() refused: `code` is '?', or ':' for a missing value (the option string starts with a colon, so that
 * getopt says nothing itself). Returns 2. */
int cli_wrong_option(const char *command, int code, char *const *argv);

/* The whole of `text` as a number in [lowest, highest]. */
bool cli_int(const char *text, int lowest, int highest, int *out);
bool cli_float(const char *text, double lowest, double highest, float *out);
/* "on" or "off". */
bool cli_switch(const char *text, bool *out);

#endif
