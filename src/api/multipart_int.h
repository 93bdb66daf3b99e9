/* multipart_int.h: what multipart.c and multipart_head.c share. */
#ifndef STENO_API_MULTIPART_INT_H
#define STENO_API_MULTIPART_INT_H

#include "api/multipart.h"

typedef struct multipart_head {
    char name[MULTIPART_NAME_BYTES_MAX + 1];
    char filename[MULTIPART_FILENAME_BYTES_MAX + 1];
    char type[MULTIPART_TYPE_BYTES_MAX + 1];
    bool is_file;
} multipart_head;

/* A parameter of a header's value, "…; name=value": STENO_E_FORMAT, STENO_E_LIMIT; found says whether it is there. Sets
 * no sentence. */
steno_err multipart_param(const char *text, const char *name, char *out, size_t bytes, bool *found);

/* All header lines of a part, which are changed; head[n] is zero. */
STENO_CHECK steno_err multipart_read_head(char *head, size_t n, multipart_head *out);

#endif
