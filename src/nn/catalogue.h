/* catalogue.h: the models steno knows: where each is published, what it must weigh, what may be done with it.
 *
 * Constant data; any thread. models/models.json says the same to people and scripts; a unit test keeps the two equal.
 */
#ifndef STENO_NN_CATALOGUE_H
#define STENO_NN_CATALOGUE_H

#include "base/err.h"

#define CATALOGUE_MAX_SOURCES 3

typedef struct catalogue_source {
    const char *path; /* below node_modules */
    const char *sha256;
    uint64_t bytes;
} catalogue_source;

typedef enum catalogue_kind {
    CATALOGUE_MOONSHINE,
    CATALOGUE_SILERO,
    CATALOGUE_XVECTOR,
    CATALOGUE_TOKENS
} catalogue_kind;

typedef struct catalogue_entry {
    const char *name;  /* "moonshine-tiny" */
    const char *alias; /* "tiny" */
    const char *file;  /* in the models folder */
    catalogue_kind kind;
    const char *role, *language, *licence, *licence_note;
    const char *package;                             /* "package@version" */
    catalogue_source sources[CATALOGUE_MAX_SOURCES]; /* in the order the conversion wants; path NULL: unused */
    const char *sha256;                              /* of `file` */
    uint64_t bytes;
} catalogue_entry;

size_t catalogue_size(void);
const catalogue_entry *catalogue_at(size_t i);

/* By name, alias or file name; NULL when unknown. */
const catalogue_entry *catalogue_find(const char *name);

#endif
