/* watch_fleet.h: the other hosts: what they count teaches the alarms of this one what is usual, and how they are is shown.
 *
 * Purpose    joins the asking thread (watch_ask.h) with the watch. No host is in the middle: each asks all, judges itself alone, and
 *            names itself in what it raises.
 * Owner      the network thread.
 */
#ifndef STENO_API_WATCH_FLEET_H
#define STENO_API_WATCH_FLEET_H

#include "api/watch.h"
#include "watch/expo.h"

#include <jansson.h>

#define WATCH_PEERS 2048 /* series of other hosts that are compared with */

typedef struct watch_fleet watch_fleet;

/* Asks the hosts of the configuration from now on, and all of them at once. On failure (an address that is none, a key that cannot be
 * read) everything is as before. Not before w->service->net. */
STENO_CHECK steno_err watch_fleet_configure(watch *w, const watch_config *config);
void watch_fleet_stop(watch *w);

/* Hosts with their states, for /v1/watch; and for /metrics, with the id by which this host knows itself. */
json_t *watch_fleet_json(const watch *w);
void watch_fleet_write(expo *e, const watch *w);

#endif
