/* test_notify.c: what systemd hears: datagrams to $NOTIFY_SOCKET, a file's or an abstract one, and its watchdog. */
#include "cmd/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void a_datagram_comes(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char got[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = 0;
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, bytes) == 0);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_true(notify_systemd("READY=1\n"));
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_int_equal(n, 8);
    assert_memory_equal(got, "READY=1\n", 8);
    close(fd);
    assert_false(notify_systemd("READY=1\n")); /* nobody is there any more, and nothing happens */
}

static void both_kinds_of_socket(void **state) {
    char dir[] = "/tmp/steno-test-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/notify", dir);
    a_datagram_comes(path);
    unlink(path);
    rmdir(dir);
    snprintf(path, sizeof path, "@steno-test-%d", (int)getpid());
    a_datagram_comes(path);
}

static void nobody_listens(void **state) {
    static char long_path[256];
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_systemd("READY=1\n"));
    memset(long_path, '/', sizeof long_path - 1);
    const char *const wrong[] = {"", "/", "relative", long_path};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        assert_false(notify_systemd("READY=1\n"));
    }
}

static void the_watchdog_is_half_of_its_limit(void **state) {
    char pid[16];
    (void)state;
    setenv("NOTIFY_SOCKET", "/x", 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    assert_int_equal(notify_watchdog_ms(), -1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1); /* of another process */
    assert_int_equal(notify_watchdog_ms(), -1);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_USEC", "3000000x", 1);
    assert_int_equal(notify_watchdog_ms(), -1);
    setenv("WATCHDOG_USEC", "30000000000000", 1);
    assert_int_equal(notify_watchdog_ms(), 60000);
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_watchdog_ms(), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_socket),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(the_watchdog_is_half_of_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
