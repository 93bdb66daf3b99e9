/* watch_hosts.c: see watch_hosts.h. */
#include "api/watch_hosts.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES   300
#define DNS          "dns:"
#define METRICS_PATH "/metrics"

/* A part of the URL into out; false: it has none, or a longer one. */
static bool part(CURLU *u, CURLUPart what, char *out, size_t bytes) {
    char *text = NULL;
    if (curl_url_get(u, what, &text, what == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) != CURLUE_OK) return false;
    bool fits = (size_t)snprintf(out, bytes, "%s", text) < bytes;
    curl_free(text);
    return fits && out[0];
}

static bool has(CURLU *u, CURLUPart what) {
    char *text = NULL;
    bool is = curl_url_get(u, what, &text, 0) == CURLUE_OK && text && *text;
    curl_free(text);
    return is;
}

/* scheme://node:port/path. Nothing that is secret belongs into an address: it would be shown. */
static bool take_url(CURLU *u, const char *text, watch_name *out) {
    char scheme[8], path[128], whole[CELL_HOST_BYTES + 8], url[WATCH_HOST_URL_BYTES];
    const CURLUPart never[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT};
    if (curl_url_set(u, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME) != CURLUE_OK) return false;
    if (!strstr(text, "://") && curl_url_set(u, CURLUPART_SCHEME, "http", 0) != CURLUE_OK) return false;
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        if (has(u, never[i])) return false;
    if (!part(u, CURLUPART_SCHEME, scheme, sizeof scheme) || !part(u, CURLUPART_HOST, out->node, sizeof out->node) ||
        !part(u, CURLUPART_PORT, out->port, sizeof out->port) || !part(u, CURLUPART_PATH, path, sizeof path))
        return false;
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) return false;
    if (strcmp(path, "/") == 0) snprintf(path, sizeof path, METRICS_PATH);
    const char *more = strcmp(path, METRICS_PATH) == 0 ? "" : path;
    int n = snprintf(whole, sizeof whole, "%s:%s%s", out->node, out->port, more);
    if (n <= 0 || n >= (int)sizeof out->host.name) return false;
    memcpy(out->host.name, whole, (size_t)n + 1);
    memcpy(out->host.listed, whole, (size_t)n + 1);
    n = snprintf(url, sizeof url, "%s://%s:%s%s", scheme, out->node, out->port, path);
    if (n <= 0 || n >= (int)sizeof url) return false;
    memcpy(out->host.url, url, (size_t)n + 1);
    return true;
}

static bool take_word(const char *word, watch_name *out) {
    *out = (watch_name){.dns = strncmp(word, DNS, sizeof DNS - 1) == 0};
    CURLU *u = curl_url();
    bool ok = u && take_url(u, word + (out->dns ? sizeof DNS - 1 : 0), out);
    curl_url_cleanup(u);
    return ok;
}

steno_err watch_names_parse(watch_names *names, const char *list) {
    names->n = 0;
    for (const char *at = list + strspn(list, ", "); *at; at += strspn(at, ", ")) {
        char word[WORD_BYTES];
        size_t n = strcspn(at, ", ");
        if (names->n == WATCH_HOSTS_MAX) return err_fail(STENO_E_INVALID, "more than %d other hosts", WATCH_HOSTS_MAX);
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), at);
        if (strchr(word, '@')) /* it is not said again: a log is no place for a password */
            return err_fail(STENO_E_INVALID,
                            "host %zu of the list has a user or a password: keys go into fleet_key_file", names->n + 1);
        if (n >= sizeof word || !take_word(word, &names->name[names->n]))
            return err_fail(STENO_E_INVALID, "'%.80s' is no host: want HOST:PORT, a URL, or dns: and one of them",
                            word);
        names->n++;
        at += n;
    }
    return STENO_OK;
}

bool watch_host_at(const watch_name *of, const struct addrinfo *address, watch_host *out) {
    char number[NI_MAXHOST];
    if (getnameinfo(address->ai_addr, address->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST) != 0)
        return false;
    bool v6 = address->ai_family == AF_INET6;
    *out = of->host; /* the same URL, so that certificates are those of the name */
    int n = snprintf(out->name, sizeof out->name, v6 ? "[%s]:%s" : "%s:%s", number, of->port);
    int m = snprintf(out->connect, sizeof out->connect, v6 ? "%s:%s:[%s]:%s" : "%s:%s:%s:%s", of->node, of->port,
                     number, of->port);
    return n > 0 && n < (int)sizeof out->name && m > 0 && m < (int)sizeof out->connect;
}

/* ---- keys --------------------------------------------------------------------------------------------------------- */

/* A word of printable letters, for it goes into a header; the rest of the line at *rest. False: a longer or another one. */
static bool take_key_word(const char *at, char *out, size_t bytes, const char **rest) {
    size_t n = strcspn(at, " \t\r\n");
    if (n == 0 || n >= bytes) return false;
    for (size_t i = 0; i < n; i++)
        if (at[i] < '!' || at[i] > '~') return false;
    memcpy(out, at, n);
    out[n] = 0;
    *rest = at + n + strspn(at + n, " \t\r\n");
    return true;
}

static bool take_key(const char *line, watch_keys *keys) {
    char first[WATCH_KEY_BYTES], *key;
    const char *rest;
    if (keys->n == sizeof keys->of / sizeof keys->of[0]) return false;
    if (!take_key_word(line, first, sizeof first, &rest)) return false;
    key = keys->of[keys->n].key;
    if (*rest == 0) {
        *keys->of[keys->n].host = 0;
        memcpy(key, first, strlen(first) + 1);
    } else {
        if (strlen(first) >= sizeof keys->of[0].host || !take_key_word(rest, key, WATCH_KEY_BYTES, &rest) || *rest)
            return false;
        memcpy(keys->of[keys->n].host, first, strlen(first) + 1);
    }
    keys->n++;
    return true;
}

steno_err watch_keys_read(const char *path, watch_keys *keys) {
    char line[WATCH_KEY_BYTES + CELL_HOST_BYTES + 8];
    keys->n = 0;
    if (!path || !path[0]) return STENO_OK;
    FILE *in = fopen(path, "re");
    if (!in) return err_fail(STENO_E_IO, "%s: %s", path, strerror(errno));
    int bad = 0;
    for (int number = 1; !bad && fgets(line, sizeof line, in); number++) {
        const char *at = line + strspn(line, " \t\r\n");
        if (*at && *at != '#' && !take_key(at, keys)) bad = number;
    }
    fclose(in);
    memset(line, 0, sizeof line);
    if (bad) return err_fail(STENO_E_INVALID, "%s: line %d is neither KEY nor HOST:PORT KEY", path, bad);
    return keys->n ? STENO_OK : err_fail(STENO_E_INVALID, "%s: there is no key in it", path);
}

const char *watch_key_of(const watch_keys *keys, const watch_host *host) {
    const char *all = "";
    for (size_t i = 0; i < keys->n; i++) {
        if (strcmp(keys->of[i].host, host->name) == 0 || strcmp(keys->of[i].host, host->listed) == 0)
            return keys->of[i].key;
        if (!keys->of[i].host[0]) all = keys->of[i].key;
    }
    return all;
}
