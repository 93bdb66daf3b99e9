/* voice_key.h: the key that voice prints are encrypted with: a file of 32 random bytes, and AES-256-GCM by it.
 *
 * Purpose    a stolen database, or a backup of it, tells nobody's voice; the key lies in a file of its own.
 * Owner      any thread; a value type. Whoever holds one wipes it: voice_key_wipe().
 * Invariants a file that others may read, that is no plain file, or that holds anything but 32 bytes is refused; a file that is
 *            there is never written to. A new key takes the old one's place by a rename, after everything was encrypted again.
 */
#ifndef STENO_STORE_VOICE_KEY_H
#define STENO_STORE_VOICE_KEY_H

#include "base/err.h"

#define VOICE_KEY_FILE       "voice.key" /* in the data directory */
#define VOICE_KEY_NEXT       ".next"     /* behind the file's name: a new key, while it takes the old one's place */
#define VOICE_KEY_BYTES      32
#define VOICE_KEY_ID_BYTES   8  /* says which key it was; tells nothing of it */
#define VOICE_NONCE_BYTES    12 /* drawn; one key seals a few thousand things at most */
#define VOICE_TAG_BYTES      16
#define VOICE_SEAL_BYTES     (VOICE_NONCE_BYTES + VOICE_TAG_BYTES) /* what sealing adds */
#define VOICE_KEY_PATH_BYTES 600

typedef struct voice_key {
    unsigned char bytes[VOICE_KEY_BYTES], id[VOICE_KEY_ID_BYTES];
} voice_key;

/* STENO_E_NOT_FOUND: there is no such file. STENO_E_IO: others may read it, or it cannot be read. STENO_E_FORMAT: not a key. */
STENO_CHECK steno_err voice_key_read(const char *path, voice_key *out);
/* A new key in a new file (0600), on the disk when this returns; one that is there already stays and is read. */
STENO_CHECK steno_err voice_key_make(const char *path, voice_key *out);
/* The file PATH.next, another key, in the place of one that was left over. */
STENO_CHECK steno_err voice_key_make_next(const char *path, voice_key *out);
STENO_CHECK steno_err voice_key_read_next(const char *path, voice_key *out);
/* PATH.next becomes PATH. */
STENO_CHECK steno_err voice_key_promote(const char *path);
void voice_key_wipe(voice_key *key);

/* AES-256-GCM: `about` [n_about] is not kept, but what was sealed opens with the same bytes only. out [n + VOICE_SEAL_BYTES]. */
STENO_CHECK steno_err voice_seal(const voice_key *key, const void *about, size_t n_about, const void *plain, size_t n,
                                 unsigned char *out);
/* sealed [n + VOICE_SEAL_BYTES] into plain [n]. STENO_E_CHECKSUM: another key, other `about`, or changed bytes; plain is wiped. */
STENO_CHECK steno_err voice_unseal(const voice_key *key, const void *about, size_t n_about, const unsigned char *sealed,
                                   size_t n, void *plain);

#endif
