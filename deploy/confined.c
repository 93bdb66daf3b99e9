/* confined.c: runs a command under the system calls that a systemd unit would leave it, for deploy/test-unit.sh:
 * confined NAMES COMMAND ARGUMENT…; NAMES is a file of system calls, one a line. Others fail with EPERM, as with
 * SystemCallErrorNumber=EPERM, and so does memory that is writable and executable (MemoryDenyWriteExecute=yes).
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int allow_named(scmp_filter_ctx ctx, const char *file) {
    char name[128];
    int n = 0;
    FILE *in = fopen(file, "r");
    if (!in) return 0;
    while (fgets(name, sizeof name, in)) {
        name[strcspn(name, "\n")] = 0;
        int call = seccomp_syscall_resolve_name(name);
        if (call < 0 || call == SCMP_SYS(mmap) || call == SCMP_SYS(mprotect))
            continue; /* below; or of another machine */
        n += seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0) == 0;
    }
    fclose(in);
    return n;
}

static int deny_write_execute(scmp_filter_ctx ctx) {
    int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    rc |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC));
    return rc;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!ctx || allow_named(ctx, argv[1]) < 100 || deny_write_execute(ctx) != 0 || seccomp_load(ctx) != 0) {
        fprintf(stderr, "confined: no filter\n");
        return 1;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}
