/* media_input.c: a path -> a seekable descriptor for the child, with a sentence for everything that is wrong at once.
 *
 * Owner: the calling thread. What cannot be seeked is copied into a file without a name first, up to a named limit.
 */
#include "audio/media_int.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SPOOL_CHUNK_BYTES (64 * 1024)
#define NAME_SHOWN_BYTES  200 /* of a long path: its end, which says more than its head */

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
    return err_fail(STENO_E_IO, "%s: cannot be opened: %s", name, strerror(error));
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

static steno_err copy_all(int from, int to, const char *name, uint64_t max_bytes, int64_t *bytes) {
    char buf[SPOOL_CHUNK_BYTES];
    uint64_t total = 0;
    for (;;) {
        ssize_t n = read(from, buf, sizeof buf);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_fail(STENO_E_IO, "%s: cannot be read: %s", name, strerror(errno));
        if (n == 0) break;
        total += (uint64_t)n;
        if (total > max_bytes)
            return err_fail(STENO_E_LIMIT, "%s: more than the limit of %" PRIu64 " bytes that are spooled", name,
                            max_bytes);
        int error = write_all(to, buf, (size_t)n);
        if (error) return err_fail(STENO_E_IO, "%s: cannot be spooled: %s", name, strerror(error));
    }
    *bytes = (int64_t)total;
    return STENO_OK;
}

/* Replaces *fd by a spooled copy of all that it still has to give. */
static steno_err spool(int *fd, const char *name, uint64_t max_bytes, int64_t *bytes) {
    int to = unnamed_file();
    if (to < 0) return err_fail(STENO_E_IO, "%s: no temporary file to spool it into: %s", name, strerror(errno));
    steno_err e = copy_all(*fd, to, name, max_bytes, bytes);
    if (e != STENO_OK) {
        close(to);
        return e;
    }
    close(*fd);
    *fd = to;
    return STENO_OK;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static steno_err check_and_spool(int *fd, const char *name, uint64_t max_spool_bytes, int64_t *bytes) {
    struct stat st;
    if (fstat(*fd, &st) != 0) return open_failed(name, errno);
    if (S_ISDIR(st.st_mode)) return err_fail(STENO_E_INVALID, "%s: is a directory", name);
    if (S_ISREG(st.st_mode) && lseek(*fd, 0, SEEK_CUR) == 0)
        *bytes = st.st_size;
    else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(*fd))
        ERR_TRY(spool(fd, name, max_spool_bytes, bytes));
    else if (S_ISCHR(st.st_mode) && st.st_rdev == 0x103)
        *bytes = 0; /* /dev/null: nothing, as in `steno … < /dev/null` */
    else
        return err_fail(STENO_E_INVALID, "%s: is a device, not a file", name);
    if (*bytes == 0) return err_fail(STENO_E_FORMAT, "%s: is empty", name);
    return STENO_OK;
}

steno_err media_input_open(const char *path, const char *name, uint64_t max_spool_bytes, int *fd, int64_t *bytes) {
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    *fd = -1;
    *bytes = 0;
    /* Looked at before it is opened, because opening some devices does things. */
    if (!standard && stat(path, &st) != 0) return open_failed(name, errno);
    if (!standard && (S_ISBLK(st.st_mode) || S_ISSOCK(st.st_mode)))
        return err_fail(STENO_E_INVALID, "%s: is a device or socket, not a file", name);
    int opened = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (opened < 0) return open_failed(name, errno);
    steno_err e = check_and_spool(&opened, name, max_spool_bytes, bytes);
    if (e != STENO_OK) {
        close(opened);
        return e;
    }
    *fd = opened;
    return STENO_OK;
}
