/* config_print.h: a configuration, and the table of its keys, as text: INI, Markdown, roff.
 *
 * Owner: whoever calls; writes to `out` and keeps nothing.
 */
#ifndef STENO_CMD_CONFIG_PRINT_H
#define STENO_CMD_CONFIG_PRINT_H

#include "cmd/config.h"

#include <stdio.h>

/* A file with every key explained and commented out at its default. */
void config_print_default(FILE *out);
/* A file with the values in force and where each comes from; `file` names the file of `origin`. */
void config_print_values(FILE *out, const config *c, const config_origin origin[CONFIG_MAX_KEYS], const char *file);
/* The tables of docs/configuration.md, and docs/man/steno.conf.5. */
void config_print_markdown(FILE *out);
void config_print_man(FILE *out);

#endif
