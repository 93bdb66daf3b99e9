/* proc_usage.h: what a process has used, as /proc tells it. Owner: any thread. */
#ifndef STENO_CMD_PROC_USAGE_H
#define STENO_CMD_PROC_USAGE_H

#include "base/err.h"

typedef struct proc_usage {
    double cpu_s; /* user and system, all threads; steps of a clock tick (10 ms) */
    uint64_t rss_bytes;
    int threads;
} proc_usage;

/* STENO_E_NOT_FOUND when there is no such process. */
STENO_CHECK steno_err proc_usage_read(int pid, proc_usage *out);

/* The same from the text of /proc/PID/stat. */
STENO_CHECK steno_err proc_usage_parse(const char *stat, long ticks_per_s, long page_bytes, proc_usage *out);

#endif
