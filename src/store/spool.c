/* spool.c: see spool.h. */
#include "store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE  "steno.lock"
#define COPY_BYTES 1048576

static steno_err fail(const char *what, const char *path, int os) {
    if (os == ENOSPC || os == EDQUOT) return err_fail(STENO_E_LIMIT, "%s: the disk is full", path);
    return err_fail(STENO_E_IO, "%s: %s: %s", path, what, strerror(os));
}

void spool_path(const char *dir, const char *id, char out[DB_PATH_BYTES_MAX]) {
    snprintf(out, DB_PATH_BYTES_MAX, "%s/" SPOOL_FOLDER "/%s", dir, id);
}

steno_err spool_prepare(const char *dir) {
    char path[DB_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/" SPOOL_FOLDER, dir);
    if (strlen(dir) + sizeof SPOOL_FOLDER + IDENT_BYTES + 2 > DB_PATH_BYTES_MAX)
        return err_fail(STENO_E_INVALID, "data_dir %.60s…: the path is too long", dir);
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return STENO_OK;
    return fail("cannot be made", path, errno);
}

/* The name of a new file is on the disk only when its folder is. */
static steno_err sync_folder(const char *dir) {
    char path[DB_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/" SPOOL_FOLDER, dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail("open", path, errno);
    int code = fsync(fd), os = errno;
    close(fd);
    return code == 0 ? STENO_OK : fail("fsync", path, os);
}

/* For file systems on which a file without a name cannot get one. */
static steno_err copy(const char *path, int from) {
    int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to < 0) return fail("cannot be made", path, errno);
    off_t at = 0;
    ssize_t n;
    do n = sendfile(to, from, &at, COPY_BYTES);
    while (n > 0 || (n < 0 && errno == EINTR));
    int os = n < 0 || fsync(to) != 0 ? errno : 0;
    close(to);
    if (os == 0) return STENO_OK;
    (void)unlink(path);
    return fail("write", path, os);
}

steno_err spool_adopt(const char *dir, const char *id, int fd) {
    char path[DB_PATH_BYTES_MAX], from[32];
    spool_path(dir, id, path);
    snprintf(from, sizeof from, "/proc/self/fd/%d", fd);
    if (fsync(fd) != 0) return fail("fsync", path, errno);
    if (linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) != 0) {
        if (errno != ENOENT && errno != EXDEV) return fail("cannot be made", path, errno);
        ERR_TRY(copy(path, fd));
    }
    return sync_folder(dir);
}

void spool_remove(const char *dir, const char *id) {
    char path[DB_PATH_BYTES_MAX];
    spool_path(dir, id, path);
    (void)unlink(path);
}

bool spool_has(const char *dir, const char *id) {
    char path[DB_PATH_BYTES_MAX];
    spool_path(dir, id, path);
    return access(path, R_OK) == 0;
}

steno_err spool_clean(const char *dir, steno_err (*keep)(void *ctx, const char *id, bool *keeps), void *ctx,
                      int *removed) {
    char path[DB_PATH_BYTES_MAX];
    steno_err e = STENO_OK;
    snprintf(path, sizeof path, "%s/" SPOOL_FOLDER, dir);
    *removed = 0;
    DIR *folder = opendir(path);
    if (!folder) return fail("cannot be read", path, errno);
    for (struct dirent *at; e == STENO_OK && (at = readdir(folder));) { /* NOLINT(concurrency-mt-unsafe): our own DIR */
        bool keeps = true;
        if (at->d_name[0] == '.') continue;
        e = keep(ctx, at->d_name, &keeps);
        if (e != STENO_OK || keeps) continue;
        if (unlinkat(dirfd(folder), at->d_name, 0) == 0) (*removed)++;
    }
    closedir(folder);
    return e;
}

steno_err spool_lock(const char *dir, int *fd) {
    char path[DB_PATH_BYTES_MAX];
    snprintf(path, sizeof path, "%s/" LOCK_FILE, dir);
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0) return fail("cannot be made", path, errno);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return STENO_OK;
    int os = errno;
    close(*fd);
    *fd = -1;
    if (os == EWOULDBLOCK) return err_fail(STENO_E_AGAIN, "%s: another steno works on this data_dir", dir);
    return fail("lock", path, os);
}
