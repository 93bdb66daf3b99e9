/* auth_origin.h: where a browser's page is from, and by which name the server was called. Pure functions.
 *
 * Owner: any thread. Origins are compared in one spelling: scheme and host in lower case, no default port.
 */
#ifndef STENO_API_AUTH_ORIGIN_H
#define STENO_API_AUTH_ORIGIN_H

#include "base/err.h"

#define AUTH_ORIGIN_BYTES 192

/* "https://Example.org:443/" → "https://example.org". False: "null", a path, a blank, too long … */
bool auth_origin_read(const char *text, size_t n, char out[AUTH_ORIGIN_BYTES]);

/* Whether the page is the server's own: `origin` as read, `host` the Host header. Without TLS either scheme is taken: it
 * may have ended in a proxy. */
bool auth_origin_own(const char *origin, const char *host, bool tls);

/* Whether `origin` stands in a list with commas or blanks between its items; "*" is every one. */
bool auth_origin_listed(const char *origin, const char *list);

/* Whether a page that calls the server by this name cannot be a stranger's: anybody can let a name of theirs lead to
 * 127.0.0.1 (DNS rebinding), and then their page is the server's own to the browser. Safe are addresses, localhost, the
 * hosts of `allowed` origins, and, where the server is not on this machine only, names without a dot. */
bool auth_host_safe(const char *host, bool loopback, const char *allowed);

#endif
