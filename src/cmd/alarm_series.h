/* alarm_series.h: `steno alarm series`: what surprises in any series of times and values. For cmd_alarm.c.
 *
 * Owner: the main thread.
 */
#ifndef STENO_CMD_ALARM_SERIES_H
#define STENO_CMD_ALARM_SERIES_H

#include "base/err.h"

#include <stdio.h>

#define ALARM_SERIES_LEAST 9.0 /* e^-9: one value of 8,000 */

/* Reads lines "TIME,VALUE" (Unix seconds, or YYYY-MM-DD HH:MM:SS, with T or a space; a first line that is neither is a heading), oldest first, and
 * prints those whose surprise is at least `least`: every one of a series when it is 0. STENO_E_FORMAT names the line. */
STENO_CHECK steno_err alarm_series_run(FILE *in, double least, bool json);

#endif
