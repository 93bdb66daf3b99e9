/* proc_usage.c: see proc_usage.h. proc(5) numbers the fields of stat; the second is a name in brackets that may hold
 * anything, so counting begins behind the last bracket. */
#include "cmd/proc_usage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FIELD 3 /* behind the bracket */
#define UTIME       14
#define STIME       15
#define THREADS     20
#define RSS         24

steno_err proc_usage_parse(const char *stat, long ticks_per_s, long page_bytes, proc_usage *out) {
    const char *at = strrchr(stat, ')');
    long long field[RSS + 1] = {0};
    int n = FIRST_FIELD;
    *out = (proc_usage){0};
    if (at) at += 2; /* ") " and the state's letter */
    for (; at && n <= RSS; n++) {
        if (n > FIRST_FIELD && sscanf(at, "%lld", &field[n]) != 1) break;
        at = strchr(at, ' ');
        if (at) at++;
    }
    if (n <= RSS) return err_fail(STENO_E_FORMAT, "/proc: a stat line is cut off behind field %d", n - 1);
    out->cpu_s = (double)(field[UTIME] + field[STIME]) / (double)ticks_per_s;
    out->rss_bytes = (uint64_t)field[RSS] * (uint64_t)page_bytes;
    out->threads = (int)field[THREADS];
    return STENO_OK;
}

steno_err proc_usage_read(int pid, proc_usage *out) {
    char name[64], text[1024];
    *out = (proc_usage){0};
    snprintf(name, sizeof name, "/proc/%d/stat", pid);
    FILE *in = fopen(name, "re");
    if (!in) return err_fail(STENO_E_NOT_FOUND, "process %d: %s", pid, strerror(errno));
    size_t n = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    text[n] = 0;
    return proc_usage_parse(text, sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE), out);
}
