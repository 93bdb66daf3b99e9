/* notify.h: tells systemd how the service is (sd_notify(3)'s protocol: a datagram to the socket in $NOTIFY_SOCKET).
 *
 * Owner: the main thread. Without the variable nothing is sent, and nothing here can fail in a way that matters.
 */
#ifndef STENO_CMD_NOTIFY_H
#define STENO_CMD_NOTIFY_H

#include <stdbool.h>

/* Lines of "NAME=value". False: nobody listens. */
bool notify_systemd(const char *lines);

/* How often "WATCHDOG=1" is wanted: half of $WATCHDOG_USEC when that is meant for this process; -1: never. */
int notify_watchdog_ms(void);

#endif
