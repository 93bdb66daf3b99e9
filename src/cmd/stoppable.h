/* stoppable.h: how a program learns that somebody wants it to stop, and a stream onto a descriptor whose reader may stall:
 * waiting for it ends then.
 *
 * Owner: one thread. A descriptor that another process made non-blocking works like any other.
 */
#ifndef STENO_CMD_STOPPABLE_H
#define STENO_CMD_STOPPABLE_H

#include <signal.h>
#include <stdio.h>

/* A descriptor that is readable once SIGINT, SIGTERM or SIGHUP has come, for struct signalfd_siginfo; -1: cannot be had.
 * Called before any thread starts, because a thread that does not block a signal would die of it. `old`, if not NULL, gets
 * the signals blocked before. */
int stoppable_signals(sigset_t *old);

typedef struct stoppable {
    int fd, stop_fd; /* both the caller's */
    int error;       /* the first one; nothing is written after it */
} stoppable;

/* A stream that writes to `fd` until `stop_fd` (-1: none) is readable; from then on writing fails with ECANCELED. `s`
 * lives as long as the stream. NULL: no memory. */
FILE *stoppable_open(stoppable *s, int fd, int stop_fd);

#endif
