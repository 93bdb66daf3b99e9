/* upload.c: see upload.h. */
#include "api/upload.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one part becomes. Texts stand in `text`, one after the other, found again by their offsets: it may move. */
typedef struct spooled {
    size_t name, filename, type;
    int fd;
    uint64_t bytes;
} spooled;

struct upload {
    upload_config config;
    multipart form;
    bool raw, kept, in_file;
    uint64_t bytes;
    upload_file files[UPLOAD_FILES_MAX];
    spooled spools[UPLOAD_FILES_MAX];
    int n_files, file_names; /* file_names: made so far, for `keep` */
    upload_field fields[UPLOAD_FIELDS_MAX];
    size_t field_name[UPLOAD_FIELDS_MAX], field_value[UPLOAD_FIELDS_MAX];
    int n_fields;
    char *text;
    size_t text_bytes, text_cap;
    upload_refusal *why; /* where the failure under way is told */
    const upload_handler *handler;
    void *user;
    bool settled; /* whole() or refused() was called */
};

static steno_err refuse(upload *u, upload_reason reason, steno_err e) {
    static const int status[] = {415, 400, 413, 400, 507, 500};
    u->why->reason = reason;
    u->why->status = status[reason];
    snprintf(u->why->message, sizeof u->why->message, "%s", steno_error_detail());
    return e;
}

/* The system's reason is for us, not for the client. */
static steno_err disk(upload *u, const char *what) {
    bool full = errno == ENOSPC || errno == EDQUOT;
    steno_err e =
        err_fail(STENO_E_IO, full ? "no room on disk to keep the upload" : "the upload could not be kept: %s", what);
    return refuse(u, full ? UPLOAD_DISK_FULL : UPLOAD_FAILED, e);
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static steno_err append(upload *u, const void *bytes, size_t n) {
    if (n > UPLOAD_FIELDS_BYTES_MAX - u->text_bytes)
        return refuse(u, UPLOAD_TOO_LARGE,
                      err_fail(STENO_E_LIMIT, "the fields of the form are longer than %d bytes together",
                               UPLOAD_FIELDS_BYTES_MAX));
    size_t need = u->text_bytes + n;
    if (need > u->text_cap) {
        size_t cap = need < 512 ? 512 : 2 * need;
        char *grown = mem_resize(u->text, u->text_cap, cap);
        if (!grown) return refuse(u, UPLOAD_FAILED, err_fail(STENO_E_NOMEM, "no memory for the fields of the form"));
        u->text = grown;
        u->text_cap = cap;
    }
    memcpy(u->text + u->text_bytes, bytes, n);
    u->text_bytes += n;
    return STENO_OK;
}

static steno_err append_text(upload *u, const char *text, size_t *at) {
    *at = u->text_bytes;
    return append(u, text, strlen(text) + 1);
}

/* Texts no longer move. */
static void settle_texts(upload *u) {
    for (int i = 0; i < u->n_files; i++) {
        const spooled *s = &u->spools[i];
        u->files[i] = (upload_file){u->text + s->name, u->text + s->filename, u->text + s->type, s->fd, s->bytes};
    }
    for (int i = 0; i < u->n_fields; i++) {
        u->fields[i].name = u->text + u->field_name[i];
        u->fields[i].value = u->text + u->field_value[i];
    }
}

/* ---- spool files ------------------------------------------------------------------------------------------------ */

static const char *directory_of(const upload *u) {
    const char *named = u->config.directory ? u->config.directory : getenv("TMPDIR");
    return named && named[0] ? named : "/var/tmp";
}

static int open_named(upload *u) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%d", directory_of(u), u->file_names);
    if (n < 0 || (size_t)n >= sizeof path) return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) u->file_names++;
    return fd;
}

/* Not every file system knows files without names. */
static int open_nameless(const upload *u) {
    char path[4096];
    int fd = open(directory_of(u), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    int n = snprintf(path, sizeof path, "%s/steno-upload-XXXXXX", directory_of(u));
    if (n < 0 || (size_t)n >= sizeof path) return -1;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

static steno_err open_file(upload *u, const char *name, const char *filename, const char *type) {
    if (u->n_files == u->config.files_max)
        return refuse(u, UPLOAD_TOO_MANY,
                      err_fail(STENO_E_LIMIT, "the form has more than %d file%s", u->config.files_max,
                               u->config.files_max == 1 ? "" : "s"));
    spooled *s = &u->spools[u->n_files];
    *s = (spooled){.fd = -1};
    ERR_TRY(append_text(u, name, &s->name));
    ERR_TRY(append_text(u, filename, &s->filename));
    ERR_TRY(append_text(u, type, &s->type));
    s->fd = u->config.keep ? open_named(u) : open_nameless(u);
    if (s->fd < 0) return disk(u, "its file could not be made");
    u->n_files++;
    return STENO_OK;
}

static steno_err write_file(upload *u, const unsigned char *bytes, size_t n) {
    spooled *s = &u->spools[u->n_files - 1];
    uint64_t most = u->config.file_bytes_max;
    if (most && n > most - s->bytes)
        return refuse(u, UPLOAD_TOO_LARGE,
                      err_fail(STENO_E_LIMIT, "a file is longer than %llu bytes", (unsigned long long)most));
    while (n) {
        ssize_t wrote = write(s->fd, bytes, n);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return disk(u, "its file could not be written");
        bytes += wrote;
        n -= (size_t)wrote;
        s->bytes += (uint64_t)wrote;
    }
    return STENO_OK;
}

static void remove_named(const upload *u, int i) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%d", directory_of(u), i);
    if (n > 0 && (size_t)n < sizeof path) unlink(path);
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

/* A list's name may have a number in its brackets. */
static bool is_spooled(const upload *u, const char *name) {
    size_t n = strcspn(name, "[");
    for (const char *const *p = u->config.spooled; p && *p; p++)
        if (strcmp(*p, name) == 0 || (strlen(*p) == n && strncmp(*p, name, n) == 0)) return true;
    return false;
}

static steno_err on_begin(void *user, const multipart_part *part) {
    upload *u = user;
    bool large = !part->filename && is_spooled(u, part->name);
    u->in_file = part->filename || large;
    if (u->in_file) return open_file(u, part->name, large ? "" : part->filename, part->type);
    if (u->n_fields == UPLOAD_FIELDS_MAX)
        return refuse(u, UPLOAD_TOO_MANY,
                      err_fail(STENO_E_LIMIT, "the form has more than %d fields", UPLOAD_FIELDS_MAX));
    u->fields[u->n_fields].bytes = 0;
    ERR_TRY(append_text(u, part->name, &u->field_name[u->n_fields]));
    u->field_value[u->n_fields] = u->text_bytes;
    u->n_fields++;
    return STENO_OK;
}

static steno_err on_data(void *user, const unsigned char *bytes, size_t n) {
    upload *u = user;
    if (u->in_file) return write_file(u, bytes, n);
    upload_field *f = &u->fields[u->n_fields - 1];
    size_t most = u->config.field_bytes_max;
    if (n > most - f->bytes)
        return refuse(u, UPLOAD_TOO_LARGE,
                      err_fail(STENO_E_LIMIT, "form field '%s' is longer than %zu bytes",
                               u->text + u->field_name[u->n_fields - 1], most));
    f->bytes += n;
    return append(u, bytes, n);
}

/* A form whose file input was left empty sends a part without name and content: that is no file. */
static steno_err on_end(void *user) {
    upload *u = user;
    if (!u->in_file) return append(u, "", 1);
    spooled *s = &u->spools[u->n_files - 1];
    if (s->bytes != 0 || u->text[s->filename] != 0) return STENO_OK;
    close(s->fd);
    u->n_files--;
    if (u->config.keep) remove_named(u, --u->file_names);
    return STENO_OK;
}

static const multipart_handler on_part = {on_begin, on_data, on_end};

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* A failure of the form itself; those of on_… have told theirs. */
static steno_err form_failure(upload *u, steno_err e) {
    if (u->why->status) return e;
    return refuse(u, e == STENO_E_LIMIT ? UPLOAD_TOO_MANY : UPLOAD_BAD_FORM, e);
}

static steno_err begin(upload *u, const char *content_type) {
    multipart_limits limits = {.field_bytes = SIZE_MAX}; /* fields have theirs here */
    if (!u->raw) {
        steno_err e = multipart_init(&u->form, content_type, &limits, &on_part, u);
        return e == STENO_OK ? e : form_failure(u, e);
    }
    u->in_file = true;
    return open_file(u, "", "", content_type);
}

steno_err upload_open(const upload_config *config, const char *content_type, upload **out, upload_refusal *why) {
    upload *u = mem_alloc(1, sizeof *u);
    *out = NULL;
    *why = (upload_refusal){.reason = UPLOAD_FAILED, .status = 500, .message = "no memory for an upload"};
    if (!u) return err_fail(STENO_E_NOMEM, "no memory for an upload");
    *why = (upload_refusal){0};
    u->why = why;
    u->config = *config;
    if (u->config.field_bytes_max == 0) u->config.field_bytes_max = MULTIPART_FIELD_BYTES_MAX;
    if (u->config.files_max > UPLOAD_FILES_MAX) u->config.files_max = UPLOAD_FILES_MAX;
    u->raw = config->raw && !multipart_is(content_type);
    steno_err e;
    if (!u->raw && !multipart_is(content_type))
        e = refuse(u, UPLOAD_BAD_TYPE, err_fail(STENO_E_INVALID, "the body is not multipart/form-data"));
    else
        e = begin(u, content_type);
    if (e != STENO_OK) {
        upload_free(u);
        return e;
    }
    *out = u;
    return STENO_OK;
}

static steno_err rewind_files(upload *u) {
    for (int i = 0; i < u->n_files; i++)
        if (lseek(u->spools[i].fd, 0, SEEK_SET) != 0) return disk(u, "its file could not be rewound");
    return STENO_OK;
}

steno_err upload_push(upload *u, const unsigned char *bytes, size_t n, bool last, upload_refusal *why) {
    *why = (upload_refusal){0};
    u->why = why;
    uint64_t most = u->config.bytes_max;
    if (most && n > most - u->bytes)
        return refuse(u, UPLOAD_TOO_LARGE,
                      err_fail(STENO_E_LIMIT, "the body is longer than %llu bytes", (unsigned long long)most));
    u->bytes += n;
    steno_err e = u->raw ? write_file(u, bytes, n) : multipart_push(&u->form, bytes, n);
    if (e == STENO_OK && last && !u->raw) e = multipart_finish(&u->form);
    if (e != STENO_OK) return form_failure(u, e);
    if (!last) return STENO_OK;
    ERR_TRY(rewind_files(u));
    settle_texts(u);
    return STENO_OK;
}

void upload_free(upload *u) {
    if (!u) return;
    for (int i = 0; i < u->n_files; i++)
        if (u->spools[i].fd >= 0) close(u->spools[i].fd);
    for (int i = 0; i < u->file_names && !u->kept; i++) remove_named(u, i);
    mem_free(u->text);
    mem_free(u);
}

/* ---- what came ---------------------------------------------------------------------------------------------------- */

int upload_files(const upload *u) {
    return u->n_files;
}

const upload_file *upload_file_at(const upload *u, int i) {
    return &u->files[i];
}

int upload_fields(const upload *u) {
    return u->n_fields;
}

const upload_field *upload_field_at(const upload *u, int i) {
    return &u->fields[i];
}

const char *upload_value(const upload *u, const char *name) {
    for (int i = 0; i < u->n_fields; i++)
        if (strcmp(u->fields[i].name, name) == 0) return u->fields[i].value;
    return NULL;
}

int upload_release_fd(upload *u, int i) {
    int fd = u->spools[i].fd;
    u->spools[i].fd = u->files[i].fd = -1;
    return fd;
}

void upload_keep(upload *u) {
    u->kept = true;
}

/* ---- of an exchange ----------------------------------------------------------------------------------------------- */

static void on_body(void *user, const unsigned char *bytes, size_t n, bool last) {
    upload *u = user;
    upload_refusal why;
    if (u->settled) return;
    steno_err e = upload_push(u, bytes, n, last, &why);
    if (e == STENO_OK && !last) return;
    u->settled = true;
    if (e == STENO_OK)
        u->handler->whole(u->user, u);
    else
        u->handler->refused(u->user, u, &why);
}

static void on_writable(void *user) {
    upload *u = user;
    if (u->handler->writable) u->handler->writable(u->user);
}

static void on_gone(void *user, bool complete) {
    upload *u = user;
    u->handler->gone(u->user, complete);
    upload_free(u);
}

static const net_exchange_handler on_exchange = {on_body, on_writable, on_gone};

steno_err upload_take(net_exchange *x, const net_request *r, const upload_config *config, const upload_handler *handler,
                      void *user, upload **out, upload_refusal *why) {
    uint64_t most = config->bytes_max;
    *out = NULL;
    if (most && r->content_length > 0 && (uint64_t)r->content_length > most) {
        *why = (upload_refusal){.reason = UPLOAD_TOO_LARGE, .status = 413};
        snprintf(why->message, sizeof why->message, "the body is longer than %llu bytes", (unsigned long long)most);
        return err_fail(STENO_E_LIMIT, "%s", why->message);
    }
    upload *u;
    ERR_TRY(upload_open(config, r->content_type, &u, why));
    u->handler = handler;
    u->user = user;
    *out = u;
    /* What is too long is refused by upload_push(), in the owner's shape; net's own limit lies behind it. */
    net_take(x, &on_exchange, u, most ? most + NET_READ_BYTES : 0);
    return STENO_OK;
}
