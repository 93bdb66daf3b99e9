/* notify.c: see notify.h. */
#include "cmd/notify.h"

#include "cmd/cli.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool notify_systemd(const char *lines) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = path ? strlen(path) : 0;
    if (n < 2 || n >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@')) return false;
    memcpy(address.sun_path, path, n);
    if (path[0] == '@') address.sun_path[0] = 0; /* a name that is no file */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return false;
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    bool sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (struct sockaddr *)&address, bytes) >= 0;
    close(fd);
    return sent;
}

int notify_watchdog_ms(void) {
    const char *usec = getenv("WATCHDOG_USEC"), *of = getenv("WATCHDOG_PID");
    int pid;
    if (!usec || !getenv("NOTIFY_SOCKET")) return -1;
    if (of && (!cli_int(of, 1, INT32_MAX, &pid) || pid != (int)getpid())) return -1;
    char *end;
    unsigned long long limit = strtoull(usec, &end, 10);
    if (end == usec || *end || limit < 2000) return -1;
    return limit / 2000 > 60000 ? 60000 : (int)(limit / 2000);
}
