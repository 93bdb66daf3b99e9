/* confine.c: see confine.h. The list of system calls below is the whole list. */
#include "audio/confine.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls that are harmless with any argument: the process's own memory, waiting, clocks, the end. */
static const int plain_calls[] = {
    SCMP_SYS(munmap),         SCMP_SYS(mremap),          SCMP_SYS(brk),
    SCMP_SYS(madvise),        SCMP_SYS(futex),           SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),   SCMP_SYS(getrandom),       SCMP_SYS(sched_yield),
    SCMP_SYS(exit),           SCMP_SYS(exit_group),
};

/* Refused with EACCES instead of death, because honest files lead there: an MPEG-TS names its programmes in a character
 * set, for which the C library looks for a converter, and does without when there is none. Nothing
 * is opened either way. */
static const int refused_calls[] = {SCMP_SYS(open), SCMP_SYS(openat)};

static int add_rules(scmp_filter_ctx ctx) {
    int rc = 0;
    for (size_t i = 0; i < sizeof refused_calls / sizeof refused_calls[0]; i++)
        rc |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), refused_calls[i], 0);
    for (size_t i = 0; i < sizeof plain_calls / sizeof plain_calls[0]; i++)
        rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, plain_calls[i], 0);
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(pread64), 1, SCMP_A0(SCMP_CMP_EQ, CONFINE_IN_FD, 0));
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, CONFINE_OUT_FD, 0));
    /* Memory, yes; code, no. And no file can be mapped, so what is read goes through pread() alone. */
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                           SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    return rc;
}

/* libseccomp 2.5 hands the compiled program out through a descriptor only. */
static steno_err export_program(scmp_filter_ctx ctx, confine_filter *out) {
    steno_err e = STENO_OK;
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0) return err_fail(STENO_E_IO, "no memory file for the seccomp filter: %s", strerror(errno));
    ssize_t n = -1;
    if (seccomp_export_bpf(ctx, fd) == 0) n = pread(fd, out->code, sizeof out->code, 0);
    if (n <= 0 || (size_t)n >= sizeof out->code || (size_t)n % sizeof out->code[0] != 0)
        e = err_fail(STENO_E_INTERNAL, "the seccomp filter could not be compiled");
    else
        out->n = (unsigned short)((size_t)n / sizeof out->code[0]);
    close(fd);
    return e;
}

steno_err confine_filter_build(confine_filter *out) {
    memset(out, 0, sizeof *out);
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!ctx) return err_fail(STENO_E_NOMEM, "no memory for the seccomp filter");
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    rc |= add_rules(ctx);
    steno_err e = rc ? err_fail(STENO_E_INTERNAL, "the seccomp filter could not be built") : export_program(ctx, out);
    seccomp_release(ctx);
    return e;
}

/* A limit that the user set lower stays: only the privileged could raise it. */
static int limit(int resource, rlim_t soft, rlim_t hard) {
    struct rlimit r;
    if (getrlimit((__rlimit_resource_t)resource, &r) != 0) return -1;
    if (hard < r.rlim_max) r.rlim_max = hard; /* RLIM_INFINITY is the largest of all */
    r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &r);
}

static steno_err set_limits(const confine_limits *l) {
    int rc = limit(RLIMIT_CPU, l->cpu_s, (rlim_t)l->cpu_s + 1); /* SIGXCPU, and a second later SIGKILL */
    rc |= limit(RLIMIT_FSIZE, 0, 0);
    rc |= limit(RLIMIT_CORE, 0, 0);
    rc |= limit(RLIMIT_NPROC, 0, 0);
    if (CONFINE_STRICT) {
        rc |= limit(RLIMIT_NOFILE, 0, 0);
        rc |= limit(RLIMIT_AS, l->address_space_bytes, l->address_space_bytes);
    }
    if (rc) return err_fail(STENO_E_IO, "a resource limit could not be set: %s", strerror(errno));
    return STENO_OK;
}

steno_err confine_enter(const confine_filter *filter, const confine_limits *limits) {
    unsigned first_closed = CONFINE_STRICT ? CONFINE_OUT_FD + 1 : 3; /* a sanitizer reports on 2 */
    if (syscall(SYS_close_range, first_closed, ~0u, 0) != 0)
        return err_fail(STENO_E_IO, "descriptors could not be closed: %s", strerror(errno));
    ERR_TRY(set_limits(limits));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_fail(STENO_E_IO, "privileges could not be given up: %s", strerror(errno));
    if (!CONFINE_STRICT) return STENO_OK;
    struct sock_fprog program = {.len = filter->n, .filter = (struct sock_filter *)(uintptr_t)filter->code};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        return err_fail(STENO_E_UNSUPPORTED, "seccomp refused the filter: %s", strerror(errno));
    return STENO_OK;
}
