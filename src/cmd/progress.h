/* progress.h: one line on the terminal about long work: share done, speed, time left.
 *
 * Shown only when standard error is a terminal, and only once the work has lasted PROGRESS_AFTER_S. Main thread.
 */
#ifndef STENO_CMD_PROGRESS_H
#define STENO_CMD_PROGRESS_H

#include "cmd/feeder.h"

#include <stdio.h>

#define PROGRESS_AFTER_S 2.0
#define PROGRESS_COLUMNS 79 /* the line never wraps on a terminal of 80 */

typedef struct progress {
    FILE *out; /* NULL: never shown */
    double started_s;
    bool shown;
} progress;

void progress_init(progress *p, bool quiet);
/* Draws the line anew, or not yet. */
void progress_draw(progress *p, const feeder_progress *at);
/* Wipes the line: call before anything else is printed. */
void progress_clear(progress *p);

/* The line itself, zero-terminated; returns its length. */
size_t progress_line(const feeder_progress *at, double elapsed_s, char line[PROGRESS_COLUMNS + 1]);

#endif
