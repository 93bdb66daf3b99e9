/* watch_tap.h: drafts past the tap of a stream, on their way to its gate: for the doors alone (tools/gate.sh). Owner: the network
 * thread. */
#ifndef STENO_API_WATCH_TAP_H
#define STENO_API_WATCH_TAP_H

#include "api/watch.h"
#include "steno.h"

/* Counts it; keeps nothing of it. NULL is allowed. */
void watch_tap_event(watch_tap *t, const steno_event *e);

#endif
