/* metrics_process.c: what the process takes of its machine, under the names that every Prometheus client uses. See metrics.h.
 *
 * Owner: the network thread. Files of /proc are no disk: reading them does not wait.
 */
#include "api/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double seconds(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static void put_cpu(expo *e) {
    struct rusage own;
    if (getrusage(RUSAGE_SELF, &own) != 0) return;
    expo_one(e, "process_cpu_seconds_total", EXPO_COUNTER, "User and system time of all threads.",
             seconds(own.ru_utime) + seconds(own.ru_stime));
}

static void put_memory(expo *e) {
    unsigned long long whole = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    int n = f ? fscanf(f, "%llu %llu", &whole, &resident) : 0;
    double page = (double)sysconf(_SC_PAGESIZE);
    if (f) fclose(f);
    if (n != 2) return;
    expo_one(e, "process_virtual_memory_bytes", EXPO_GAUGE, "Address space.", (double)whole * page);
    expo_one(e, "process_resident_memory_bytes", EXPO_GAUGE, "Memory in use, with weights that are mapped.",
             (double)resident * page);
}

static void put_descriptors(expo *e) {
    struct rlimit most;
    DIR *dir = opendir("/proc/self/fd");
    int open = -3; /* ".", ".." and that of the folder itself */
    if (dir) {
        while (readdir(dir)) open++;
        closedir(dir);
        expo_one(e, "process_open_fds", EXPO_GAUGE, "Descriptors in use.", open);
    }
    if (getrlimit(RLIMIT_NOFILE, &most) == 0)
        expo_one(e, "process_max_fds", EXPO_GAUGE, "Descriptors that may be in use.", (double)most.rlim_cur);
}

void metrics_put_process(expo *e) {
    put_cpu(e);
    put_memory(e);
    put_descriptors(e);
}
