/* upload.h: the body of a request into spool files and fields.
 *
 * Owner: the network thread. The body is either multipart/form-data (files to spool files, small fields in memory) or,
 * where that is wanted, one file whole. Writing goes to the page cache; whoever needs it to last syncs it.
 * Use: in request(), upload_take() instead of net_take(). After whole() or refused() the owner answers with net_answer()
 * or a stream; writable() and gone() come through. With upload_open(), upload_push() and upload_free() it works without a
 * network.
 * Invariants: a spool file has no name, or, with `keep`, one in a directory that is the caller's, which is removed with
 * the upload unless upload_keep() was called; no byte is read back here.
 */
#ifndef STENO_API_UPLOAD_H
#define STENO_API_UPLOAD_H

#include "api/multipart.h"
#include "net/net.h"

#define UPLOAD_FILES_MAX        64 /* the most that upload_config may allow */
#define UPLOAD_FIELDS_MAX       64
#define UPLOAD_FIELDS_BYTES_MAX 262144 /* of all names and values together */
#define UPLOAD_MESSAGE_BYTES    256

typedef struct upload_config {
    const char *directory; /* of spool files; NULL: $TMPDIR or /var/tmp */
    bool keep;             /* files have names in `directory`, "0", "1" … in the order of the form */
    bool raw;              /* what is not multipart/form-data is one file; otherwise it is refused with 415 */
    int files_max;         /* 1..UPLOAD_FILES_MAX */
    uint64_t file_bytes_max, bytes_max; /* of one file; of the body. 0: no limit of its own */
    size_t field_bytes_max;             /* 0: MULTIPART_FIELD_BYTES_MAX */
    const char *const *spooled; /* names of fields whose values go to spool files, as files; NULL or ends with NULL */
} upload_config;

/* Texts live as long as the upload. */
typedef struct upload_file {
    const char *field, *filename, *type; /* of a raw body: "", "", its Content-Type */
    int fd;                              /* at its beginning, read and write; closed with the upload */
    uint64_t bytes;
} upload_file;

typedef struct upload_field {
    const char *name, *value; /* the value ends with a zero and may have others in it */
    size_t bytes;
} upload_field;

typedef enum upload_reason {
    UPLOAD_BAD_TYPE,  /* 415: neither a form nor wanted raw */
    UPLOAD_BAD_FORM,  /* 400 */
    UPLOAD_TOO_LARGE, /* 413: body, file or field */
    UPLOAD_TOO_MANY,  /* 400: files, fields or parts */
    UPLOAD_DISK_FULL, /* 507 */
    UPLOAD_FAILED     /* 500: the spool file or memory */
} upload_reason;

typedef struct upload_refusal {
    upload_reason reason;
    int status;
    char message[UPLOAD_MESSAGE_BYTES]; /* for the client: names no path of ours */
} upload_refusal;

typedef struct upload upload;

typedef struct upload_handler {
    void (*whole)(void *user, upload *u);
    void (*refused)(void *user, upload *u, const upload_refusal *why); /* whole() will not come */
    void (*writable)(void *user);                                      /* as in net_exchange_handler; may be NULL */
    void (*gone)(void *user, bool complete);                           /* last; the upload is freed behind it */
} upload_handler;

/* Takes the exchange. On failure nothing was taken, and `why` says what to reply. */
STENO_CHECK steno_err upload_take(net_exchange *x, const net_request *r, const upload_config *config,
                                  const upload_handler *handler, void *user, upload **out, upload_refusal *why);

/* ---- the same without a network ----------------------------------------------------------------------------------- */

/* The texts of the configuration stay the caller's and must outlive the upload. */
STENO_CHECK steno_err upload_open(const upload_config *config, const char *content_type, upload **out,
                                  upload_refusal *why);
/* `last` once, perhaps with n == 0. On failure no more is to be pushed. */
STENO_CHECK steno_err upload_push(upload *u, const unsigned char *bytes, size_t n, bool last, upload_refusal *why);
void upload_free(upload *u);

/* ---- what came ---------------------------------------------------------------------------------------------------- */

int upload_files(const upload *u);
const upload_file *upload_file_at(const upload *u, int i);
int upload_fields(const upload *u);
const upload_field *upload_field_at(const upload *u, int i);
/* The value of the first field of that name; NULL: there is none. */
const char *upload_value(const upload *u, const char *name);
/* The descriptor becomes the caller's. */
int upload_release_fd(upload *u, int i);
/* Files with names stay when the upload is freed. */
void upload_keep(upload *u);

#endif
