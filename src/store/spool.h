/* spool.h: audio of jobs on the disk, DIR/spool/ID.
 *
 * Owner      whoever calls; every function may wait for the disk, so in the server these run on a worker's thread.
 * Invariants a file is complete and on the disk when spool_adopt() returned STENO_OK; whatever is there without a row is
 *            of a request that was never answered, and is removed at the next start.
 */
#ifndef STENO_STORE_SPOOL_H
#define STENO_STORE_SPOOL_H

#include "base/err.h"
#include "store/db.h"
#include "store/ident.h"

#define SPOOL_FOLDER "spool"

/* Makes the folder. */
STENO_CHECK steno_err spool_prepare(const char *dir);

/* Gives the file behind a descriptor, one without a name or a copy of it, its name, and waits until both are on the disk.
 * The descriptor stays the caller's. STENO_E_LIMIT: the disk is full. */
STENO_CHECK steno_err spool_adopt(const char *dir, const char *id, int fd);
void spool_remove(const char *dir, const char *id); /* one that is not there is no mistake */
bool spool_has(const char *dir, const char *id);
void spool_path(const char *dir, const char *id, char out[DB_PATH_BYTES_MAX]);

/* Removes every file that keep() does not want. Returns how many went. */
STENO_CHECK steno_err spool_clean(const char *dir, steno_err (*keep)(void *ctx, const char *id, bool *keeps), void *ctx,
                                  int *removed);

/* Only one server may work on a data directory: the lock is held while the descriptor is open. STENO_E_AGAIN: another one
 * has it. */
STENO_CHECK steno_err spool_lock(const char *dir, int *fd);

#endif
