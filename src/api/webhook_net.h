/* webhook_net.h: which addresses a webhook may be sent to.
 *
 * Owner: none; pure. Clients choose the URLs, so without this they could make the server talk to what only the server can
 * reach. It is asked about the very address a connection is made to, after the name was resolved: a name that resolves to
 * something else the second time gains nothing.
 */
#ifndef STENO_API_WEBHOOK_NET_H
#define STENO_API_WEBHOOK_NET_H

#include "base/err.h"

#include <sys/socket.h>

#define WEBHOOK_NETWORKS_MAX 32

typedef struct webhook_network {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    int bits;
} webhook_network;

/* Zeroed: everything but the addresses of webhook_net.c's list, which are never allowed unless they are named. */
typedef struct webhook_networks {
    webhook_network allowed[WEBHOOK_NETWORKS_MAX]; /* if any: these only */
    int n;
} webhook_networks;

/* "10.0.0.0/8, 192.168.1.7, fd00::/8"; "": the default. STENO_E_INVALID names the word that is no network. */
STENO_CHECK steno_err webhook_networks_parse(webhook_networks *w, const char *text);

bool webhook_networks_allow(const webhook_networks *w, const struct sockaddr *address);

#endif
