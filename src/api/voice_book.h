/* voice_book.h: enrolled voices in memory, equal to the store's within a second: whom a stream may name.
 *
 * Purpose    a dialect turns the names a client gives (`voices=judge,plaintiff`) into what steno_speakers_options wants.
 * Owner      the network thread; the store thread reads rows and opens prints.
 * Invariants nobody sees another owner's voices; prints are wiped when they change and at the end, and appear in no log and no
 *            answer. Voices that cannot be read (key gone, database broken) refuse streams that name some, and nothing else.
 */
#ifndef STENO_API_VOICE_BOOK_H
#define STENO_API_VOICE_BOOK_H

#include "store/voices.h"
#include "store/worker.h"

#define VOICE_BOOK_PATH_BYTES 1100
#define VOICE_BOOK_NAMES_MAX  4096 /* bytes of a list of names */

typedef struct voice_book voice_book;

/* The voices that a stream of this owner (auth_owner(); "" without a key) names: names or ids with commas between, or "*" for all
 * of the owner's. Copied into out [cap] in the order of the list ("*": of names); whoever holds them wipes them. STENO_E_NOT_FOUND
 * names the voice that is not there; STENO_E_INVALID: an empty or repeated name; STENO_E_LIMIT: more than cap;
 * STENO_E_UNSUPPORTED: this server keeps no voices (b is NULL), or one was enrolled with another model; STENO_E_IO: they cannot
 * be read now. Sentences are for clients: they name no file of ours. */
STENO_CHECK steno_err voice_book_find(const voice_book *b, const char *owner, const char *names, steno_voice *out,
                                      int cap, int *n);

/* `table`: what voices_load() said at start, taken over, also on failure; NULL: they could not be read, and are tried again. */
STENO_CHECK steno_err voice_book_open(worker *store, const char *key_file, voices_table *table, voice_book **out);
/* Once a second: looks whether voices have changed. */
void voice_book_tick(voice_book *b);
/* A newer table, taken over; older than what is there, or NULL: nothing happens. */
void voice_book_adopt(voice_book *b, voices_table *table);
/* NULL: they cannot be read now. */
const voices_table *voice_book_table(const voice_book *b);
const char *voice_book_key_file(const voice_book *b);
/* After the store has closed. NULL is allowed. */
void voice_book_close(voice_book *b);

#endif
