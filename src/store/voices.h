/* voices.h: enrolled voices as rows: who, by whose consent, and a print that only the key of voices opens.
 *
 * Purpose    a voice print identifies a person: it is encrypted at rest, handed to nobody but the engine, and gone when it is
 *            deleted. See docs/speakers.md and docs/security.md.
 * Owner      functions with a `db`: the thread that owns it. A table is immutable once loaded.
 * Invariants there is no row without a consent; every change of rows moves voices_change(); no function says a print in text;
 *            prints in memory are wiped before they are freed. A wrong or missing key is an error and changes nothing.
 */
#ifndef STENO_STORE_VOICES_H
#define STENO_STORE_VOICES_H

#include "store/db.h"
#include "store/ident.h"
#include "store/voice_key.h"

#define VOICES_ID_PREFIX     "voice_"
#define VOICES_OWNER_BYTES   32
#define VOICES_MODEL_BYTES   48
#define VOICES_CONSENT_BYTES 1001 /* of the text; at least a word is wanted */
#define VOICES_BY_BYTES      64
#define VOICES_MAX           100000 /* the most that voices_max may be */

/* What may be told of a voice. Times are seconds of the wall clock. */
typedef struct voices_record {
    char id[IDENT_BYTES], owner[VOICES_OWNER_BYTES], name[STENO_VOICE_NAME_BYTES], model[VOICES_MODEL_BYTES];
    double speech_s, snr_db, clipped, unity; /* of steno_enrolment */
    char consent[VOICES_CONSENT_BYTES], consent_by[VOICES_BY_BYTES];
    int64_t consent_s, created_s;
    bool damaged; /* of a table: its print cannot be opened, and is all zeros */
} voices_record;

/* All voices as they were at one moment, by owner and name. */
typedef struct voices_table {
    voices_record *records; /* owned [n] */
    steno_voice *voices;    /* owned [n], wiped when freed; NULL after voices_list() */
    size_t n;
    int64_t change; /* voices_change() of then */
} voices_table;

/* A name: 1 to 63 bytes of UTF-8 without control characters, commas, or blanks at its ends; none of "*", "other", "unknown", an
 * S and digits (labels of others), or what looks like an id. `out` has it in Unicode's form NFC, so that names compare by bytes.
 * STENO_E_INVALID says what is wrong. */
STENO_CHECK steno_err voices_name_read(const char *text, char out[STENO_VOICE_NAME_BYTES]);
/* A consent: text that says something, at most VOICES_CONSENT_BYTES - 1 of UTF-8 without control characters but new lines. */
STENO_CHECK steno_err voices_consent_check(const char *text);

/* Encrypts and keeps; record->id is drawn here. The key's file is made when there is none, and no voice yet. STENO_E_LIMIT: `most`
 * voices are there; STENO_E_INVALID: the owner has a voice of that name; as voice_key.h for the key. */
STENO_CHECK steno_err voices_add(db *d, const char *key_file, int most, voices_record *record,
                                 const float print[STENO_VOICE_FLOATS]);
/* With prints. STENO_E_CHECKSUM: the key is another one; STENO_E_NOT_FOUND: there are voices and no key. */
STENO_CHECK steno_err voices_load(db *d, const char *key_file, voices_table **out);
/* Without prints and without a key. */
STENO_CHECK steno_err voices_list(db *d, voices_table **out);
void voices_table_free(voices_table *t); /* NULL is allowed */
/* Of one owner; NULL: no such. `name` as voices_name_read() made it, or an id. */
const voices_record *voices_find_record(const voices_table *t, const char *owner, const char *name);

/* By id, or by name where that is one voice's. NULL owner: anybody's. STENO_E_NOT_FOUND; STENO_E_INVALID: several have that
 * name. What there was is overwritten in the file; *erased false: the database's log could not be emptied, for another process
 * reads it: try voices_erase() again. */
STENO_CHECK steno_err voices_delete(db *d, const char *owner, const char *name, voices_record *was, bool *erased);
/* All of one owner's; *n: how many there were. */
STENO_CHECK steno_err voices_delete_owner(db *d, const char *owner, int *n, bool *erased);
STENO_CHECK steno_err voices_erase(db *d, bool *erased);

/* A number that is another one after every change of voices. */
STENO_CHECK steno_err voices_change(db *d, int64_t *out);
/* A new key; every voice is encrypted again, all or none; *n: how many. Whatever it is interrupted by, one of the key's file and
 * the one beside it (VOICE_KEY_NEXT) opens the voices, and whoever loads them next finds it. */
STENO_CHECK steno_err voices_rotate(db *d, const char *key_file, int *n, bool *erased);

#endif
