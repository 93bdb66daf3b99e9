/* media_lean.c: drops the shared libraries that decoding audio does not need from the zygote.
 *
 * Why: Debian's libavcodec and libavformat pull in more than a hundred libraries (video encoders, TLS, X11 …). Mapped,
 * they make every fork copy 700 memory areas, which costs more than decoding a short prompt, and they are code that a
 * hijacked child could jump to. Only libavcodec's and libavformat's own code runs (media_decode.c refuses wrappers and
 * formats that need others), so the rest is unmapped; a call into it would be a crash of that child and nothing worse.
 * Owner: the zygote, once, with one thread. Needs all symbols bound (LD_BIND_NOW), see media.c.
 */
#include "audio/media_int.h"
#include "base/mem.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_RANGES 2048

/* Prefixes of file names. What these need is in the list too. */
static const char *const needed[] = {
    "libavformat.so",
    "libavcodec.so",
    "libavutil.so",
    "libswresample.so",
    "libseccomp.so",
    "libc.so",
    "libm.so",
    "libpthread.so",
    "ld-linux",
    "ld-musl",
    "linux-vdso",
    "libz.so",
    "libbz2.so",
    "liblzma.so",
    "libsoxr.so",
    "libgomp.so",
    "libgcc_s.so",
    /* Their probe functions are asked by libavformat itself when a container does not say what codec is inside. */
    "libgme.so",
    "libopenmpt.so",
    "libmpg123.so",
    "libvorbisfile.so",
    "libvorbis.so",
    "libogg.so",
    "libstdc++.so",
};

typedef struct range {
    uintptr_t start;
    size_t bytes;
} range;

typedef struct plan {
    range *ranges;
    int n, libraries;
    uintptr_t page;
} plan;

static bool is_needed(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (*name == '\0') return true; /* the program itself */
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (strncmp(name, needed[i], strlen(needed[i])) == 0) return true;
    }
    return false;
}

/* Only notes what to drop: the tables being walked lie in the libraries themselves. */
static int note_library(struct dl_phdr_info *info, size_t size, void *ctx) {
    (void)size;
    plan *p = ctx;
    if (is_needed(info->dlpi_name)) return 0;
    p->libraries++;
    for (int i = 0; i < info->dlpi_phnum && p->n < MAX_RANGES; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD) continue;
        uintptr_t start = (info->dlpi_addr + h->p_vaddr) & ~(p->page - 1);
        uintptr_t end = (info->dlpi_addr + h->p_vaddr + h->p_memsz + p->page - 1) & ~(p->page - 1);
        p->ranges[p->n++] = (range){start, end - start};
    }
    return 0;
}

int media_lean(void) {
    plan p = {.page = (uintptr_t)sysconf(_SC_PAGESIZE)};
    const char *bound = getenv("LD_BIND_NOW");
    if (!bound || !*bound) return 0;
    p.ranges = mem_alloc(MAX_RANGES, sizeof *p.ranges);
    if (!p.ranges) return 0;
    dl_iterate_phdr(note_library, &p);
    for (int i = 0; i < p.n; i++) munmap((void *)p.ranges[i].start, p.ranges[i].bytes);
    mem_free(p.ranges);
    return p.libraries;
}
