/* still_clock.c: time(2) as a test says: preloaded into a server (test_watch.mjs), so that minutes and days end when they should.
 *
 * STILL_CLOCK names a file of eight bytes, seconds since 1970 in this machine's order: what time() returns until they are written
 * again. Clocks that latencies are measured with go on by themselves. Without the variable nothing changes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *now_s;

__attribute__((constructor)) static void open_clock(void) {
    const char *path = getenv("STILL_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof *now_s, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) now_s = at;
}

time_t time(time_t *out) {
    struct timespec real;
    clock_gettime(CLOCK_REALTIME, &real);
    time_t now = now_s ? (time_t)*now_s : real.tv_sec;
    if (out) *out = now;
    return now;
}
