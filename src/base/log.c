/* log.c: see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static log_level lowest_level = LOG_LEVEL_INFO; /* set before threads start */

void log_set_level(log_level lowest) {
    lowest_level = lowest;
}

static size_t put_head(char *line, size_t cap, log_level level) {
    static const char *const names[] = {"error", "warn ", "info ", "debug"};
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, cap, "%Y-%m-%dT%H:%M:%S", &utc);
    return n + (size_t)snprintf(line + n, cap - n, ".%03ldZ %s ", now.tv_nsec / 1000000, names[level]);
}

void log_line(log_level level, const char *fmt, ...) {
    char line[LOG_LINE_BYTES_MAX];
    if (level > lowest_level) return;
    size_t head = put_head(line, sizeof line, level);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line + head, sizeof line - head - 1, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    size_t end = head + (size_t)n;
    if (end > sizeof line - 2) end = sizeof line - 2;
    for (size_t i = head; i < end; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f) line[i] = '?';
    }
    line[end++] = '\n';
    if (write(STDERR_FILENO, line, end) < 0) return; /* nobody listens: nothing to be done */
}
