/* multipart.h: multipart/form-data (RFC 7578 on RFC 2046) from pieces of any size.
 *
 * Owner: one thread. Pure: bytes in, parts out by callbacks; nothing is allocated and no byte is kept but a part's head
 * and what may be the beginning of a boundary. Zeroed is not usable: multipart_init() first.
 * Invariants: the same body gives the same callbacks however it is cut, but for how data() is cut; after a failure every
 * push fails.
 */
#ifndef STENO_API_MULTIPART_H
#define STENO_API_MULTIPART_H

#include "base/err.h"

#define MULTIPART_BOUNDARY_BYTES_MAX 70   /* RFC 2046 */
#define MULTIPART_HEAD_BYTES_MAX     4096 /* all headers of one part */
#define MULTIPART_NAME_BYTES_MAX     128  /* of a field's name */
#define MULTIPART_FILENAME_BYTES_MAX 255
#define MULTIPART_TYPE_BYTES_MAX     127
#define MULTIPART_PARTS_MAX          256   /* the default of multipart_limits */
#define MULTIPART_FIELD_BYTES_MAX    65536 /* the default of multipart_limits */

typedef struct multipart_limits {
    int parts;          /* 0: MULTIPART_PARTS_MAX */
    size_t field_bytes; /* of a part without a file name; 0: MULTIPART_FIELD_BYTES_MAX */
} multipart_limits;

/* Valid during begin(). Texts are UTF-8 without control characters. */
typedef struct multipart_part {
    const char *name;
    const char *filename; /* NULL: a field and no file. Its last component: no '/' and no '\\' */
    const char *type;     /* Content-Type; "": none */
} multipart_part;

/* A failure that one of these returns is what multipart_push() returns. */
typedef struct multipart_handler {
    steno_err (*begin)(void *user, const multipart_part *part);
    steno_err (*data)(void *user, const unsigned char *bytes, size_t n);
    steno_err (*end)(void *user);
} multipart_handler;

typedef struct multipart {
    const multipart_handler *handler;
    void *user;
    multipart_limits limits;
    int state;
    int parts;
    bool in_field;
    size_t field_bytes;                               /* of the field that is open */
    char delimiter[MULTIPART_BOUNDARY_BYTES_MAX + 5]; /* "\r\n--boundary" */
    size_t delimiter_bytes, matched;
    size_t assumed; /* of those matched: not in the body, but as good as there */
    size_t head_bytes;
    char head[MULTIPART_HEAD_BYTES_MAX + 1];
} multipart;

/* Whether a request's Content-Type is multipart/form-data, with or without a boundary. */
bool multipart_is(const char *content_type);

/* STENO_E_FORMAT: no form-data or no usable boundary in the Content-Type. NULL limits: the defaults. */
STENO_CHECK steno_err multipart_init(multipart *m, const char *content_type, const multipart_limits *limits,
                                     const multipart_handler *handler, void *user);
/* STENO_E_FORMAT: not multipart/form-data; STENO_E_LIMIT names the limit; STENO_E_UNSUPPORTED: a transfer encoding. */
STENO_CHECK steno_err multipart_push(multipart *m, const unsigned char *bytes, size_t n);
/* The body is over. STENO_E_FORMAT: before its closing boundary. */
STENO_CHECK steno_err multipart_finish(const multipart *m);

#endif
