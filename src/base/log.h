/* log.h: one readable line a happening, to standard error.
 *
 * Owner: any thread; a line is written by one write(2), so lines never mix. What people said is never logged.
 */
#ifndef STENO_BASE_LOG_H
#define STENO_BASE_LOG_H

#define LOG_LINE_BYTES_MAX 1024 /* longer lines are cut */

typedef enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } log_level;

/* What is below is dropped. Set once, before threads start; LOG_LEVEL_INFO until then. */
void log_set_level(log_level lowest);

/* "2026-01-31T12:00:00.123Z info  the line". Control characters of the arguments come out as '?'. */
void log_line(log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
