/* data_place.h: the server's data folder and its database, for subcommands that work beside a server.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_DATA_PLACE_H
#define STENO_CMD_DATA_PLACE_H

#include "cmd/config.h"
#include "store/db.h"

/* data_dir as `dir` says (NULL: the configuration), and the configuration: `file` (NULL: none), environment, defaults. The
 * configuration is looked at only when `dir` is NULL or `c` is not. */
STENO_CHECK steno_err data_place_find(const char *file, const char *dir, config *c, char out[CONFIG_TEXT_BYTES]);

/* Opens the database there. `make`: one that is not there is made; else STENO_E_NOT_FOUND, which says that there is `nothing`
 * ("key") yet. Root becomes the folder's owner first, for good: what it made there the server could not open. */
STENO_CHECK steno_err data_place_open(const char *dir, bool make, const char *nothing, db **out);

/* What STENO_CONFIG names; NULL: nothing. */
const char *data_place_config(void);

#endif
