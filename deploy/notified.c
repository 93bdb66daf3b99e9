/* notified.c: stands in for systemd, for deploy/test-unit.sh: notified SOCKET COMMAND ARGUMENT… runs a command that may
 * notify SOCKET and is watched (WATCHDOG_USEC), and prints each notification as a line, until the command ends; its status
 * is the command's. SIGTERM and SIGHUP are passed on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;

static void pass_on(int signal) {
    kill(child, signal);
}

static void run(char **argv) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

int main(int argc, char **argv) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval often = {.tv_usec = 50000};
    char text[512];
    int status;
    if (argc < 3 || strlen(argv[1]) >= sizeof address.sun_path) return 2;
    strcpy(address.sun_path, argv[1]);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return 2;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &often, sizeof often);
    setenv("NOTIFY_SOCKET", argv[1], 1);
    child = fork();
    if (child == 0) run(argv + 2);
    signal(SIGTERM, pass_on);
    signal(SIGHUP, pass_on);
    for (;;) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        for (ssize_t i = 0; i < n; i++) putchar(text[i] == '\n' ? ' ' : text[i]);
        if (n > 0) putchar('\n');
        fflush(stdout);
        if (n <= 0 && waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    }
}
