/* test_confine.c: what a confined process can still do, and that everything else kills it or fails. Each case runs in a
 * fork of its own and ends by _exit(0) when the call came back. */
#include "audio/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_BYTES ((size_t)256 << 20)

static confine_filter filter;

static int setup(void **state) {
    (void)state;
    return confine_filter_build(&filter) == STENO_OK ? 0 : -1;
}

/* Runs `act` confined; returns the wait status. The child's CONFINE_OUT_FD is a pipe whose other end is *out. */
static int run(void (*act)(void), unsigned cpu_s, int *out) {
    int data[2], status = 0;
    assert_int_equal(pipe2(data, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        confine_limits limits = {.address_space_bytes = LIMIT_BYTES, .cpu_s = cpu_s};
        if (dup2(in, CONFINE_IN_FD) < 0 || dup2(data[1], CONFINE_OUT_FD) < 0) _exit(100);
        if (confine_enter(&filter, &limits) != STENO_OK) _exit(101);
        act();
        _exit(0);
    }
    close(data[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (out)
        *out = data[0];
    else
        close(data[0]); /* not before: the child would die of SIGPIPE */
    return status;
}

static void check_allowed(const char *what, void (*act)(void)) {
    int status = run(act, 10, NULL);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s: status 0x%x", what, status);
}

static void check_killed(const char *what, void (*act)(void)) {
    int status = run(act, 10, NULL);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
        fail_msg("%s: status 0x%x, not killed by SIGSYS", what, status);
}

/* Sanitizers need what the filter forbids (see confine.h). */
static void need_strict(void) {
    if (CONFINE_STRICT) return;
    print_message("not tested: a build with sanitizers has no filter\n");
    skip();
}

/* ---- allowed ------------------------------------------------------------------------------------------------------ */

static void act_read(void) {
    char b[4];
    if (pread(CONFINE_IN_FD, b, 4, 0) != 4 || memcmp(b, "\177ELF", 4) != 0) _exit(1);
}

static void act_write(void) {
    if (write(CONFINE_OUT_FD, "word", 4) != 4) _exit(1);
}

static void act_memory(void) {
    char *small = malloc(1000), *big = malloc(10 << 20);
    if (!small || !big) _exit(1);
    memset(big, 1, 10 << 20);
    big = realloc(big, 20 << 20);
    if (!big) _exit(2);
    free(big);
    free(small);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) _exit(3);
}

static void act_too_much_memory(void) {
    if (mmap(NULL, LIMIT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) _exit(1);
}

static void act_open(void) {
    if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES) _exit(1);
    if (open("/tmp/steno-confine-test", O_RDWR | O_CREAT, 0600) != -1 || errno != EACCES) _exit(2);
}

static void allowed(void **state) {
    (void)state;
    need_strict();
    check_allowed("pread of the input", act_read);
    check_allowed("write to the output", act_write);
    check_allowed("memory", act_memory);
    check_allowed("memory beyond the limit fails", act_too_much_memory);
    check_allowed("open fails", act_open);
}

/* ---- deadly ------------------------------------------------------------------------------------------------------- */

static void act_socket(void) {
    (void)socket(AF_INET, SOCK_STREAM, 0);
}
static void act_socketpair(void) {
    (void)syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, NULL);
}
static void act_fork(void) {
    (void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
}
static void act_clone3(void) {
    (void)syscall(SYS_clone3, NULL, 0);
}
static void act_exec(void) {
    (void)execl("/bin/true", "true", (char *)NULL);
}
static void act_kill(void) {
    (void)kill(getppid(), 0);
}
static void act_signal_parent(void) {
    (void)syscall(SYS_kill, 1, 0);
}
static void act_ptrace(void) {
    (void)syscall(SYS_ptrace, 0, 0, 0, 0);
}
static void act_process_vm(void) {
    (void)syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
}
static void act_prctl(void) {
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
static void act_prlimit(void) {
    (void)syscall(SYS_prlimit64, 0, RLIMIT_CPU, NULL, NULL);
}
static void act_openat2(void) {
    (void)syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0);
}
static void act_unlink(void) {
    (void)syscall(SYS_unlinkat, AT_FDCWD, "/tmp/steno-confine-test", 0);
}
static void act_read_plain(void) {
    (void)syscall(SYS_read, CONFINE_IN_FD, NULL, 0);
}
static void act_pread_other(void) {
    (void)pread(5, NULL, 0, 0);
}
static void act_write_stderr(void) {
    (void)!write(2, "x", 1);
}
static void act_write_input(void) {
    (void)!write(CONFINE_IN_FD, "x", 1);
}
static void act_dup(void) {
    (void)dup(CONFINE_IN_FD);
}
static void act_ioctl(void) {
    (void)syscall(SYS_ioctl, CONFINE_OUT_FD, 0, NULL);
}
static void act_io_uring(void) {
    (void)syscall(SYS_io_uring_setup, 1, NULL);
}
static void act_bpf(void) {
    (void)syscall(SYS_bpf, 0, NULL, 0);
}
static void act_mprotect(void) {
    (void)syscall(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC);
}

static void act_code_memory(void) {
    (void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void act_map_file(void) {
    (void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, CONFINE_IN_FD, 0);
}

#define CASE(name)                                                                                                     \
    { #name, act_##name }

static void deadly(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*act)(void);
    } cases[] = {
        CASE(socket),     CASE(socketpair),  CASE(fork),         CASE(clone3),      CASE(exec),     CASE(kill),
        CASE(ptrace),     CASE(process_vm),  CASE(prctl),        CASE(prlimit),     CASE(openat2),  CASE(unlink),
        CASE(read_plain), CASE(pread_other), CASE(write_stderr), CASE(write_input), CASE(dup),      CASE(ioctl),
        CASE(io_uring),   CASE(bpf),         CASE(mprotect),     CASE(code_memory), CASE(map_file), CASE(signal_parent),
    };
    need_strict();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_killed(cases[i].name, cases[i].act);
}

/* ---- limits and descriptors ------------------------------------------------------------------------------------ */

static void act_spin(void) {
    for (;;) {
    }
}

static void processor_time_ends(void **state) {
    (void)state;
    int status = run(act_spin, 1, NULL);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGXCPU);
}

static void output_arrives(void **state) {
    (void)state;
    int out;
    char b[8];
    assert_int_equal(run(act_write, 10, &out), 0);
    assert_int_equal(read(out, b, sizeof b), 4);
    assert_memory_equal(b, "word", 4);
    close(out);
}

/* The write end of a pipe that the child inherits is closed by confining, while the child lives on. */
static void other_descriptors_are_closed(void **state) {
    (void)state;
    int inherited[2];
    assert_int_equal(pipe(inherited), 0);
    int high = fcntl(inherited[1], F_DUPFD, 200);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static int never;
        confine_limits limits = {.address_space_bytes = LIMIT_BYTES, .cpu_s = 10};
        if (confine_enter(&filter, &limits) != STENO_OK) _exit(101);
        for (;;) syscall(SYS_futex, &never, FUTEX_WAIT, 0, NULL, NULL, 0);
    }
    close(inherited[1]);
    close(high);
    char b;
    struct pollfd p = {.fd = inherited[0], .events = POLLIN};
    assert_int_equal(poll(&p, 1, 60000), 1);
    assert_int_equal(read(inherited[0], &b, 1), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(inherited[0]);
}

/* A user who may not raise limits, and who has lower ones already: they stay, and are no reason to refuse. */
static void lower_limits_stay(void **state) {
    (void)state;
    need_strict();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct rlimit memory = {LIMIT_BYTES, LIMIT_BYTES}, cpu = {5, 5};
        confine_limits limits = {.address_space_bytes = 4 * LIMIT_BYTES, .cpu_s = 10};
        if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_CPU, &cpu) != 0) _exit(100);
        if (geteuid() == 0 && setuid(65534) != 0) _exit(77);
        if (confine_enter(&filter, &limits) != STENO_OK) _exit(101);
        act_memory();
        act_too_much_memory();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) skip();
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("status 0x%x", status);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed),           cmocka_unit_test(deadly),
        cmocka_unit_test(output_arrives),    cmocka_unit_test(other_descriptors_are_closed),
        cmocka_unit_test(lower_limits_stay), cmocka_unit_test(processor_time_ends),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
