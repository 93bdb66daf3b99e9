/* auth_origin.c: see auth_origin.h. */
#include "api/auth_origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SEPARATORS ", \t"

static const struct default_port { const char *scheme, *port; } default_ports[] = {{"http", "80"}, {"https", "443"}};

static bool digits(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i])) return false;
    }
    return n > 0 && n <= 5;
}

/* host[:port] or [v6][:port]: how long the host is; 0: it is none. */
static size_t host_length(const char *text, size_t n) {
    size_t host = 0;
    if (n > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', n);
        if (!end) return 0;
        host = (size_t)(end - text) + 1;
        for (size_t i = 1; i + 1 < host; i++) {
            if (!isxdigit((unsigned char)text[i]) && text[i] != ':' && text[i] != '.') return 0;
        }
    } else {
        while (host < n && (isalnum((unsigned char)text[host]) || memchr("-._", text[host], 3))) host++;
    }
    if (host == n) return host;
    return text[host] == ':' && digits(text + host + 1, n - host - 1) ? host : 0;
}

static bool scheme_ok(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!isalnum((unsigned char)text[i]) && !memchr("+-.", text[i], 3)) return false;
    }
    return n > 0 && isalpha((unsigned char)text[0]);
}

static bool is_default(const char *scheme, size_t n, const char *port, size_t port_n) {
    for (size_t i = 0; i < sizeof default_ports / sizeof default_ports[0]; i++) {
        const struct default_port *d = &default_ports[i];
        if (strlen(d->scheme) == n && strncasecmp(d->scheme, scheme, n) == 0 && strlen(d->port) == port_n &&
            memcmp(d->port, port, port_n) == 0)
            return true;
    }
    return false;
}

bool auth_origin_read(const char *text, size_t n, char out[AUTH_ORIGIN_BYTES]) {
    const char *mark = n >= AUTH_ORIGIN_BYTES ? NULL : memmem(text, n, "://", 3);
    if (!mark || !scheme_ok(text, (size_t)(mark - text))) return false;
    const char *authority = mark + 3;
    size_t scheme = (size_t)(mark - text), rest = n - scheme - 3;
    if (rest > 0 && authority[rest - 1] == '/') rest--;
    size_t host = host_length(authority, rest);
    if (host == 0) return false;
    if (host < rest && is_default(text, scheme, authority + host + 1, rest - host - 1)) rest = host;
    n = scheme + 3 + rest;
    for (size_t i = 0; i < n; i++) out[i] = (char)tolower((unsigned char)text[i]);
    out[n] = 0;
    return true;
}

static bool own_by(const char *scheme, const char *origin, const char *host) {
    char whole[AUTH_ORIGIN_BYTES + 16], read[AUTH_ORIGIN_BYTES];
    int n = snprintf(whole, sizeof whole, "%s://%s", scheme, host);
    return n > 0 && n < (int)sizeof whole && auth_origin_read(whole, (size_t)n, read) && strcmp(read, origin) == 0;
}

bool auth_origin_own(const char *origin, const char *host, bool tls) {
    return own_by("https", origin, host) || (!tls && own_by("http", origin, host));
}

/* The next item, and where the one after it is looked for; NULL at the end. */
static const char *next_item(const char **at, size_t *n) {
    const char *item = *at + strspn(*at, SEPARATORS);
    *n = strcspn(item, SEPARATORS);
    *at = item + *n;
    return *n ? item : NULL;
}

bool auth_origin_listed(const char *origin, const char *list) {
    char read[AUTH_ORIGIN_BYTES];
    size_t n;
    for (const char *item; (item = next_item(&list, &n));) {
        if (n == 1 && item[0] == '*') return true;
        if (auth_origin_read(item, n, read) && strcmp(read, origin) == 0) return true;
    }
    return false;
}

/* ---- hosts ------------------------------------------------------------------------------------------------------ */

static bool is_address(const char *host, size_t n) {
    char text[INET6_ADDRSTRLEN + 1];
    struct in6_addr six;
    struct in_addr four;
    bool bracketed = n > 2 && host[0] == '[';
    if (bracketed) host++, n -= 2;
    if (n >= sizeof text) return false;
    memcpy(text, host, n);
    text[n] = 0;
    return bracketed ? inet_pton(AF_INET6, text, &six) == 1 : inet_pton(AF_INET, text, &four) == 1;
}

static bool is_localhost(const char *host, size_t n) {
    static const char name[] = "localhost";
    size_t own = sizeof name - 1;
    if (n < own || strncasecmp(host + n - own, name, own) != 0) return false;
    return n == own || host[n - own - 1] == '.';
}

static bool is_allowed(const char *host, size_t n, const char *allowed) {
    char read[AUTH_ORIGIN_BYTES];
    size_t bytes;
    for (const char *item; (item = next_item(&allowed, &bytes));) {
        if (bytes == 1 && item[0] == '*') return true;
        if (!auth_origin_read(item, bytes, read)) continue;
        const char *name = strstr(read, "://") + 3;
        if (host_length(name, strlen(name)) == n && strncasecmp(name, host, n) == 0) return true;
    }
    return false;
}

bool auth_host_safe(const char *host, bool loopback, const char *allowed) {
    size_t n = host_length(host, strlen(host));
    if (n == 0) return false;
    if (is_address(host, n) || is_localhost(host, n) || is_allowed(host, n, allowed)) return true;
    return !loopback && !memchr(host, '.', n) && host[0] != '[';
}
