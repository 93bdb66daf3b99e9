/* stoppable.h: a stream onto a descriptor whose reader may stall: waiting for it ends when somebody wants us to stop.
 *
 * Owner: one thread. A descriptor that another process made non-blocking works like any other.
 */
#ifndef STENO_CMD_STOPPABLE_H
#define STENO_CMD_STOPPABLE_H

#include <stdio.h>

typedef struct stoppable {
    int fd, stop_fd; /* both the caller's */
    int error;       /* the first one; nothing is written after it */
} stoppable;

/* A stream that writes to `fd` until `stop_fd` (-1: none) is readable; from then on writing fails with ECANCELED. `s`
 * lives as long as the stream. NULL: no memory. */
FILE *stoppable_open(stoppable *s, int fd, int stop_fd);

#endif
