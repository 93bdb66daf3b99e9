/* watch_hosts.h: which other hosts are asked: [watch] fleet as addresses.
 *
 * Purpose    a list names hosts one by one ("10.0.0.2:8080", "https://b.example:8443") or a name all of whose addresses are hosts
 *            ("dns:steno.example:8080", "dns:https://steno.example:8443").
 * Owner      plain structs: whoever holds them. No look-up is made here.
 */
#ifndef STENO_API_WATCH_HOSTS_H
#define STENO_API_WATCH_HOSTS_H

#include "watch/cell.h"

#include <netdb.h>

#define WATCH_HOSTS_MAX      64
#define WATCH_HOST_URL_BYTES 320

/* One address to ask. */
typedef struct watch_host {
    char name[CELL_HOST_BYTES];     /* "10.0.0.2:8080": what it is called */
    char listed[CELL_HOST_BYTES];   /* what it, or the name that leads to it, is called in the list */
    char url[WATCH_HOST_URL_BYTES]; /* of its /metrics */
    char
        connect[WATCH_HOST_URL_BYTES]; /* "HOST:PORT:ADDRESS:PORT", as CURLOPT_CONNECT_TO has it; "": as the URL says */
} watch_host;

/* One word of the list. */
typedef struct watch_name {
    watch_host host;
    bool dns; /* every address of `node` is a host */
    char node[256], port[8];
} watch_name;

typedef struct watch_names {
    watch_name name[WATCH_HOSTS_MAX];
    size_t n;
} watch_names;

/* STENO_E_INVALID names the word that is no address, or says that there are too many. */
STENO_CHECK steno_err watch_names_parse(watch_names *names, const char *list);

/* The host at one of the addresses of a `dns` name. False: it is no address that can be named. */
bool watch_host_at(const watch_name *of, const struct addrinfo *address, watch_host *out);

/* ---- keys --------------------------------------------------------------------------------------------------------- */

#define WATCH_KEY_BYTES 256

/* What they are shown: a key for all, or of a host. */
typedef struct watch_keys {
    struct {
        char host[CELL_HOST_BYTES], key[WATCH_KEY_BYTES]; /* host "": all that have no line of their own */
    } of[WATCH_HOSTS_MAX + 1];
    size_t n;
} watch_keys;

/* A file of lines "KEY" or "HOST:PORT KEY"; empty ones and those that begin with # say nothing. path NULL or "": no keys. STENO_E_IO,
 * STENO_E_INVALID, which name the file and the line but nothing of it. */
STENO_CHECK steno_err watch_keys_read(const char *path, watch_keys *out);
/* "": none. Valid while *keys is. */
const char *watch_key_of(const watch_keys *keys, const watch_host *host);

#endif
