/* mapfile.h: a whole file as read-only bytes, mapped or kept by somebody else; and its replacement in one step.
 *
 * Owner: the reader that opened it (weights.c, onnx.c); immutable. A mapped file must be replaced by rename, never
 * truncated in place, while it is open: every writer in src/nn does so.
 */
#ifndef STENO_NN_MAPFILE_H
#define STENO_NN_MAPFILE_H

#include "base/err.h"

typedef struct mapfile {
    char *name; /* owned: the path, for errors */
    const unsigned char *bytes;
    size_t n;
    bool mapped;
} mapfile;

STENO_CHECK steno_err mapfile_open(const char *path, size_t limit_bytes, mapfile *out);
STENO_CHECK steno_err mapfile_borrow(const char *name, const void *bytes, size_t n, mapfile *out);
void mapfile_close(mapfile *f);

/* Writes a file that is either there whole or not at all: to a temporary name beside it, synced, then renamed. */
typedef struct mapfile_writer {
    char *path, *temporary; /* owned */
    int fd;                 /* write here */
} mapfile_writer;

STENO_CHECK steno_err mapfile_create(const char *path, mapfile_writer *out);
STENO_CHECK steno_err mapfile_commit(mapfile_writer *w); /* ends the writer, also when it fails */
void mapfile_abandon(mapfile_writer *w);

#endif
