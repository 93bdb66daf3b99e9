/* mapfile.c: see mapfile.h. */
#include "nn/mapfile.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static steno_err map_descriptor(int fd, const char *path, size_t limit_bytes, mapfile *out) {
    struct stat st;
    if (fstat(fd, &st) != 0) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return err_fail(STENO_E_INVALID, "%s: not a regular file", path);
    if (st.st_size == 0) return err_fail(STENO_E_FORMAT, "%s: the file is empty", path);
    if ((uint64_t)st.st_size > limit_bytes) {
        return err_fail(STENO_E_LIMIT, "%s: %lld bytes, and at most %zu are read", path, (long long)st.st_size,
                        limit_bytes);
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) return err_fail(STENO_E_IO, "%s: cannot map it: %s", path, strerror(errno));
    out->bytes = at;
    out->n = (size_t)st.st_size;
    out->mapped = true;
    return STENO_OK;
}

steno_err mapfile_open(const char *path, size_t limit_bytes, mapfile *out) {
    memset(out, 0, sizeof *out);
    out->name = mem_strdup(path);
    if (!out->name) return err_fail(STENO_E_NOMEM, "%s: no memory to open it", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    steno_err err;
    if (fd < 0) {
        err = err_fail(errno == ENOENT ? STENO_E_NOT_FOUND : STENO_E_IO, "%s: %s", path, strerror(errno));
    } else {
        err = map_descriptor(fd, path, limit_bytes, out);
        close(fd);
    }
    if (err != STENO_OK) mapfile_close(out);
    return err;
}

steno_err mapfile_borrow(const char *name, const void *bytes, size_t n, mapfile *out) {
    memset(out, 0, sizeof *out);
    out->name = mem_strdup(name);
    if (!out->name) return err_fail(STENO_E_NOMEM, "%s: no memory to open it", name);
    out->bytes = bytes;
    out->n = n;
    return STENO_OK;
}

void mapfile_close(mapfile *f) {
    if (f->mapped) munmap((void *)(uintptr_t)f->bytes, f->n);
    mem_free(f->name);
    memset(f, 0, sizeof *f);
}

static void writer_end(mapfile_writer *w) {
    if (w->fd >= 0) close(w->fd);
    mem_free(w->path);
    mem_free(w->temporary);
    memset(w, 0, sizeof *w);
    w->fd = -1;
}

steno_err mapfile_create(const char *path, mapfile_writer *out) {
    size_t cap = strlen(path) + 32;
    memset(out, 0, sizeof *out);
    out->fd = -1;
    out->path = mem_strdup(path);
    out->temporary = mem_alloc(1, cap);
    if (!out->path || !out->temporary) {
        writer_end(out);
        return err_fail(STENO_E_NOMEM, "%s: no memory to write it", path);
    }
    snprintf(out->temporary, cap, "%s.%ld.part", path, (long)getpid());
    out->fd = open(out->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (out->fd >= 0) return STENO_OK;
    steno_err err = err_fail(STENO_E_IO, "%s: cannot write it: %s", out->temporary, strerror(errno));
    writer_end(out);
    return err;
}

/* A rename is lasting once the folder it happened in is. Not every file system lets a folder be synced: no error. */
static void sync_folder(const char *path) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

steno_err mapfile_commit(mapfile_writer *w) {
    bool ok = fsync(w->fd) == 0;
    ok = close(w->fd) == 0 && ok;
    w->fd = -1;
    if (!ok || rename(w->temporary, w->path) != 0) {
        steno_err err = err_fail(STENO_E_IO, "%s: cannot write it: %s", w->path, strerror(errno));
        unlink(w->temporary);
        writer_end(w);
        return err;
    }
    sync_folder(w->path);
    writer_end(w);
    return STENO_OK;
}

void mapfile_abandon(mapfile_writer *w) {
    if (w->temporary) unlink(w->temporary);
    writer_end(w);
}
