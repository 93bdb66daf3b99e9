/* manifest.h: the folder of converted weights: finding it, filling it, and proving that its files are intact.
 *
 * manifest.json in the folder names every file with role, licence, origin, size, SHA-256 and tensors. Files are only
 * ever replaced whole, so readers see an old or a new one. Any thread; no state.
 */
#ifndef STENO_NN_MANIFEST_H
#define STENO_NN_MANIFEST_H

#include "base/err.h"
#include "nn/catalogue.h"

#define MANIFEST_NAME       "manifest.json"
#define MANIFEST_PATH_BYTES 4096
#define SHA256_HEX_BYTES    65

/* The path of a model's file. `name` is a model ("moonshine-tiny"), its alias ("tiny") or a file name
 * ("tokens.txt"). Looked for in explicit_dir when given, else in $STENO_MODELS when set, else in build/models,
 * <folder of the executable>/models and /usr/share/steno/models, in this order. STENO_E_NOT_FOUND says where it looked
 * and what to run. */
STENO_CHECK steno_err models_find(const char *name, const char *explicit_dir, char *path, size_t cap);

/* The folder models_find() would use: the first of them that holds a manifest. */
STENO_CHECK steno_err models_dir(const char *explicit_dir, char *dir, size_t cap);

/* SHA-256 of a file in lower-case hexadecimal, and its size. */
STENO_CHECK steno_err file_sha256(const char *path, char hex[SHA256_HEX_BYTES], uint64_t *bytes);

/* Makes DIR/entry->file from the published files below `from`. Each source is checked against the catalogue first: a
 * wrong one is refused by name (STENO_E_CHECKSUM). *changed is false when the file was already there and right. */
STENO_CHECK steno_err models_convert(const catalogue_entry *entry, const char *from, const char *dir, bool *changed);

/* Describes the catalogue's files that are in `dir`; the manifest is replaced only when its text changes. */
STENO_CHECK steno_err manifest_write(const char *dir, bool *changed);

/* Called once a file of the manifest; err is STENO_OK or why the file is not what it was (`detail` in words). */
typedef void (*manifest_report)(void *user, const char *file, steno_err err, const char *detail);

/* Checks every file of DIR's manifest. Returns the first failure, after all files have been reported. */
STENO_CHECK steno_err manifest_verify(const char *dir, manifest_report report, void *user);
/* The same for a manifest that is already in memory. */
STENO_CHECK steno_err manifest_verify_text(const char *dir, const void *bytes, size_t n, manifest_report report,
                                           void *user);

/* Checks one file against the manifest of its folder: STENO_E_CHECKSUM names a file that is damaged or not listed. A
 * folder without a manifest (somebody's own models) has nothing to compare with and passes. */
STENO_CHECK steno_err manifest_check_file(const char *path);

#endif
