/* voice_names.h: enrolled voices by their names, for subcommands that recognise without a server.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_VOICE_NAMES_H
#define STENO_CMD_VOICE_NAMES_H

#include "base/err.h"

/* A value of --voice of `command`: the next of voices, of which *n are there. 0, or the exit status of wrong usage, which was
 * told. */
int voice_names_take(const char *command, const char *name, steno_voice voices[STENO_SPEAKERS_MAX], int *n);
/* Fills in the prints of voices [n], which have names, from the data folder that `steno speaker` enrolls into by default: those
 * that belong to no key. STENO_E_NOT_FOUND names the one that is not enrolled. Whoever holds them wipes them. */
STENO_CHECK steno_err voice_names_find(steno_voice *voices, int n);
void voice_names_wipe(steno_voice *voices, int n);

#endif
