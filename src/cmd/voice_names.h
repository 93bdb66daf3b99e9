/* voice_names.h: enrolled voices by their names, for subcommands that recognise without a server.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_VOICE_NAMES_H
#define STENO_CMD_VOICE_NAMES_H

#include "base/err.h"

/* Fills in the prints of voices [n], which have names, from the data folder that `steno speaker` enrolls into by default: those
 * that belong to no key. STENO_E_NOT_FOUND names the one that is not enrolled. Whoever holds them wipes them. */
STENO_CHECK steno_err voice_names_find(steno_voice *voices, int n);
void voice_names_wipe(steno_voice *voices, int n);

#endif
