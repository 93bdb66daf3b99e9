/* media_input.c: a path -> a seekable descriptor for the child, with a sentence for everything that is wrong at once.
 *
 * Owner: the calling thread. What cannot be seeked is copied into a file without a name first, up to a named limit, a
 * piece at a time as it comes: nothing here waits for a writer.
 */
#include "audio/media_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SPOOL_CHUNK_BYTES   (64 * 1024)
#define SPOOL_CHUNKS_A_STEP 16
#define NAME_SHOWN_BYTES    200 /* of a long path: its end, which says more than its head */

void media_display_name(const char *path, char out[MEDIA_NAME_BYTES]) {
    if (strcmp(path, "-") == 0) path = "standard input";
    size_t n = strlen(path);
    if (n <= NAME_SHOWN_BYTES) {
        media_clean_text(path, n, out, MEDIA_NAME_BYTES);
        return;
    }
    const char *tail = path + n - NAME_SHOWN_BYTES;
    while (*tail && ((unsigned char)*tail & 0xc0) == 0x80) tail++; /* not in the middle of a character */
    memcpy(out, "...", 3);
    media_clean_text(tail, strlen(tail), out + 3, MEDIA_NAME_BYTES - 3);
}

static steno_err open_failed(const char *name, int error) {
    if (error == ENOENT || error == ENOTDIR) return err_fail(STENO_E_NOT_FOUND, "%s: no such file", name);
    if (error == EACCES || error == EPERM) return err_fail(STENO_E_IO, "%s: no permission to read it", name);
    return err_fail(media_os_error(error), "%s: cannot be opened: %s", name, strerror(error));
}

steno_err media_os_error(int error) {
    return error == EMFILE || error == ENFILE ? STENO_E_AGAIN : STENO_E_IO;
}

/* ---- spooling --------------------------------------------------------------------------------------------------- */

/* A file without a name: gone with its last descriptor, whatever happens to this process. */
static int unnamed_file(void) {
    const char *dir = getenv("TMPDIR");
    if (!dir || !*dir) dir = "/tmp";
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
    char path[512];
    int n = snprintf(path, sizeof path, "%s/steno-XXXXXX", dir);
    if (n > 0 && (size_t)n < sizeof path) fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd >= 0 ? fd : memfd_create("steno-spool", MFD_CLOEXEC);
}

static int write_all(int fd, const char *buf, size_t n) {
    while (n > 0) {
        ssize_t put = write(fd, buf, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        buf += put;
        n -= (size_t)put;
    }
    return 0;
}

/* One piece of what is there now. Polled first, because standard input is shared with others and so cannot be made
 * non-blocking, and because a named pipe without a writer would look like its end. */
static steno_err copy_some(media_input *in, const char *name, uint64_t max_bytes, bool *end) {
    char buf[SPOOL_CHUNK_BYTES];
    struct pollfd ready = {.fd = in->fd, .events = POLLIN};
    if (poll(&ready, 1, 0) <= 0) return STENO_E_AGAIN;
    ssize_t n = read(in->fd, buf, sizeof buf);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return STENO_E_AGAIN;
    if (n < 0) return err_fail(STENO_E_IO, "%s: cannot be read: %s", name, strerror(errno));
    *end = n == 0;
    if ((uint64_t)in->bytes + (uint64_t)n > max_bytes)
        return err_fail(STENO_E_LIMIT, "%s: more than the limit of %" PRIu64 " bytes that are spooled", name,
                        max_bytes);
    int error = write_all(in->spool, buf, (size_t)n);
    if (error) return err_fail(STENO_E_IO, "%s: cannot be spooled: %s", name, strerror(error));
    in->bytes += n;
    return STENO_OK;
}

steno_err media_input_step(media_input *in, const char *name, uint64_t max_spool_bytes) {
    bool end = in->spool == -1;
    for (int i = 0; !end; i++) {
        if (i == SPOOL_CHUNKS_A_STEP) return STENO_E_AGAIN;
        ERR_TRY(copy_some(in, name, max_spool_bytes, &end));
    }
    if (in->bytes == 0) return err_fail(STENO_E_FORMAT, "%s: is empty", name);
    if (in->spool == -1) return STENO_OK;
    close(in->fd);
    in->fd = in->spool;
    in->spool = -1;
    return STENO_OK;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static steno_err look_at(media_input *in, const char *name) {
    struct stat st;
    if (fstat(in->fd, &st) != 0) return open_failed(name, errno);
    if (S_ISDIR(st.st_mode)) return err_fail(STENO_E_INVALID, "%s: is a directory", name);
    if (S_ISREG(st.st_mode) && lseek(in->fd, 0, SEEK_CUR) == 0) {
        in->bytes = st.st_size;
        return STENO_OK;
    }
    if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(in->fd)) {
        in->spool = unnamed_file();
        if (in->spool >= 0) return STENO_OK;
        return err_fail(media_os_error(errno), "%s: no temporary file to spool it into: %s", name, strerror(errno));
    }
    if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) return STENO_OK; /* /dev/null: nothing */
    return err_fail(STENO_E_INVALID, "%s: is a device, not a file", name);
}

void media_input_close(media_input *in) {
    if (in->fd >= 0) close(in->fd);
    if (in->spool >= 0) close(in->spool);
    *in = (media_input){.fd = -1, .spool = -1};
}

steno_err media_input_open(const char *path, const char *name, media_input *in) {
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    *in = (media_input){.fd = -1, .spool = -1};
    /* Looked at before it is opened, because opening some devices does things. */
    if (!standard && stat(path, &st) != 0) return open_failed(name, errno);
    if (!standard && (S_ISBLK(st.st_mode) || S_ISSOCK(st.st_mode)))
        return err_fail(STENO_E_INVALID, "%s: is a device or socket, not a file", name);
    /* O_NONBLOCK: a named pipe opens without waiting for its writer. It means nothing to a regular file. */
    in->fd =
        standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (in->fd < 0) return open_failed(name, errno);
    steno_err e = look_at(in, name);
    if (e == STENO_OK && in->spool == -1) e = media_input_step(in, name, 0);
    if (e != STENO_OK) media_input_close(in);
    return e;
}
